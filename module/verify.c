// SPDX-License-Identifier: GPL-2.0
/*
 * The contract verifier, see verify.h.
 */
#include <linux/sched.h>

#include "verify.h"

/* Around each end_io of @t. The frame is on the list only while its stack lives. */
void iot_verify_enter(struct io_target *t, struct iot_verify_frame *frame)
{
	guard(spinlock_irqsave)(&t->lock);
	frame->task = in_task() ? current : NULL;
	list_add(&frame->node, &t->verify_frames);
}

void iot_verify_leave(struct io_target *t, struct iot_verify_frame *frame)
{
	guard(spinlock_irqsave)(&t->lock);
	list_del(&frame->node);
}

/* Does the calling task run an end_io of @t, so that waiting for @t never ends? */
bool iot_verify_in_end_io(struct io_target *t)
{
	struct iot_verify_frame *frame;

	guard(spinlock_irqsave)(&t->lock);
	list_for_each_entry(frame, &t->verify_frames, node)
		if (frame->task == current && in_task())
			return true;
	return false;
}

/*
 * The step from FORMATTED to SENT. Two submitters of one request at the same
 * time both see FORMATTED; without the verifier both would send it.
 */
bool iot_verify_claim(struct io_target_request *req)
{
	return cmpxchg(&req->state, IOT_REQ_FORMATTED, IOT_REQ_SENT) == IOT_REQ_FORMATTED;
}
