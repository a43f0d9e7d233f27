/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The end of a plain request, inline for who ends many: it is what each costs.
 */
#ifndef _IO_TARGET_REQUEST_H
#define _IO_TARGET_REQUEST_H

#include "stats.h"
#include "verify.h"

/* After this @req may be gone; its gate keeps the target. */
static __always_inline void iot_request_call_end(struct io_target *t,
						 struct io_target_request *req)
{
	struct iot_verify_frame frame;

	iot_verify_ended(req);
	iot_stats_complete(req);
	WRITE_ONCE(req->state, req->ended);
	iot_verify_enter(t, &frame,
			 req->flags & IO_TARGET_TASK ? IOT_VERIFY_TASK : IOT_VERIFY_END_IO);
	if (likely(req->end_io))
		req->end_io(req);
	else
		io_target_request_free(req);
	iot_verify_leave(t, &frame);
}

/*
 * Without an error, and without anything of IOT_F_UNDO; iot_verify_end() and _intact()
 * have been asked. The gate is the caller's to give back.
 */
static __always_inline void iot_request_end_ungated(struct io_target *t,
						    struct io_target_request *req,
						    ssize_t result)
{
	req->result = result;
	req->status = BLK_STS_OK;
	iot_request_call_end(t, req);
}

static __always_inline void iot_request_end_plain(struct io_target_request *req,
						  ssize_t result)
{
	struct io_target *t;

	iot_verify_intact(req);	/* or it might be somebody else's target */
	t = req->target;
	iot_request_end_ungated(t, req, result);
	iot_gate_put(&t->gated);
}

#endif /* _IO_TARGET_REQUEST_H */
