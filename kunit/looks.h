/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Steps through the search of a target that follows a lost device.
 */
#ifndef _IO_TARGET_KUNIT_LOOKS_H
#define _IO_TARGET_KUNIT_LOOKS_H

#include <linux/io_target.h>

/* Waits until the target has taken the result of a look that began after this call. */
void looks_wait(struct io_target *t);

/* No look runs, nor begins, before looks_unlock(). */
void looks_lock(struct io_target *t);
void looks_unlock(struct io_target *t);

#endif /* _IO_TARGET_KUNIT_LOOKS_H */
