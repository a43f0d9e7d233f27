/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sending a plain request, inline for who sends many.
 */
#ifndef _IO_TARGET_SUBMIT_H
#define _IO_TARGET_SUBMIT_H

#include "stats.h"
#include "verify.h"

/* From here on @req is the library's. @lower is the target's, which a gate keeps. */
static __always_inline int iot_request_take(struct io_target_request *req,
					    struct io_target_lower *lower)
{
	int err = iot_prep_recheck(req, lower);

	if (unlikely(err))
		return err;
	WRITE_ONCE(req->wanted, 0);	/* from SENT on, somebody may want it */
	if (unlikely(!iot_verify_claim(req)))
		return iot_request_busy(req, "concurrent submit");
	req->lower = lower;
	req->not_sent = false;
	return 0;
}

/* Of a target whose gate is held. */
static inline struct io_target_lower *iot_target_lower(struct io_target *t)
{
	return rcu_dereference_protected(t->lower, true);
}

#endif /* _IO_TARGET_SUBMIT_H */
