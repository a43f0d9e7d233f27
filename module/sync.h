/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What blocking calls have in common: sync.c has the wait, oneline.c the one-line calls.
 */
#ifndef _IO_TARGET_SYNC_H
#define _IO_TARGET_SYNC_H

#include <linux/sched.h>

#include "internal.h"

/* oneline.c */
int iot_sync_range(struct io_target *t, enum io_target_op op, loff_t pos, u64 len,
		   long timeout);
ssize_t iot_sync_append(struct io_target *t, const void *buf, size_t len, loff_t *pos,
			long timeout);

/*
 * For a thread that is no worker there is less to ask. (That it may sleep is asked by
 * what it sleeps in.)
 */
static __always_inline int iot_sync_check(struct io_target *t, long timeout)
{
	if (unlikely(timeout <= 0))
		return iot_err(t, -EINVAL, "blocking call refused: timeout %ld", timeout);
	if (IS_ENABLED(CONFIG_IO_TARGET_VERIFIER) ||
	    unlikely(!in_task() || irqs_disabled() || current->bio_list ||
		     current->flags & PF_WQ_WORKER))
		return iot_may_wait(t, "blocking call");
	return 0;
}

#endif /* _IO_TARGET_SYNC_H */
