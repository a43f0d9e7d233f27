/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a target that follows a lost device does about it, one step at a time.
 */
#ifndef _IO_TARGET_KUNIT_LOOKS_H
#define _IO_TARGET_KUNIT_LOOKS_H

#include <linux/io_target.h>

/* Until a look that has begun after this call has ended, and the target has taken it. */
void looks_wait(struct io_target *t);

/* No look runs, nor begins, before looks_unlock(). */
void looks_lock(struct io_target *t);
void looks_unlock(struct io_target *t);

#endif /* _IO_TARGET_KUNIT_LOOKS_H */
