// SPDX-License-Identifier: GPL-2.0
/*
 * Calls of providers, see provider.h.
 *
 * One that can be cancelled is on its open's list from before the provider sees it until
 * it ends. Who wants it back marks it, and a worker asks the provider; if it is ended
 * meanwhile the worker is the one who ends the request, so that what it asks about is
 * there. All of that under lower->lock.
 */
#include <linux/cred.h>

#include "provider.h"

/* Of a call that can be cancelled */
enum call_state {
	CALL_ENDED,
	CALL_OUT,
	CALL_WANTED,	/* the worker is to ask for it */
	CALL_ASKING,	/* it does */
	CALL_ASKED,
};

static struct io_target_request *call_request(struct io_target_call *call)
{
	return container_of(call, struct io_target_request, call);
}

static struct iot_open *call_open(struct io_target_call *call)
{
	return call_request(call)->lower->data;
}

static void call_fill(struct io_target_request *req, const struct iot_open *open)
{
	struct io_target_call *call = &req->call;

	call->op = req->op;
	call->flags = req->flags & (IO_TARGET_NOWAIT | IO_TARGET_FUA);
	call->context = open->context;
	if (req->op == IO_TARGET_OP_IOCTL) {
		call->cmd = req->pos;
		call->buf = req->ioctl.buf;
		call->in = req->ioctl.in;
		call->out = req->ioctl.out;
		return;
	}
	call->pos = req->pos;
	call->own_iter = req->iter;
	call->iter = &call->own_iter;
}

static void call_list(struct iot_open *open, struct io_target_call *call)
{
	guard(spinlock_irqsave)(&open->lower->lock);
	call->state = CALL_OUT;
	call->why = 0;
	call->ignores = call_request(call)->flags & IO_TARGET_IGNORE_STATE;
	list_add_tail(&call->node, &open->calls);
}

/* Return: whether the caller is to end the request. */
static bool call_unlist(struct iot_open *open, struct io_target_call *call, ssize_t result)
{
	guard(spinlock_irqsave)(&open->lower->lock);
	if (call->state == CALL_ASKING) {
		call->state = CALL_ENDED;
		call->result = result;
		return false;
	}
	call->state = CALL_ENDED;
	list_del(&call->node);
	return true;
}

/* Of a call that was wanted back, why that was. */
static ssize_t call_result(struct iot_open *open, struct io_target_call *call, ssize_t result)
{
	if (open->provider->ops.cancel && call->why &&
	    (result == -ECANCELED || iot_was_interrupted(result)))
		return call->why;
	return result;
}

/* The request holds its gate until it has ended, and @open is there until it is put. */
static void call_finish(struct iot_open *open, struct io_target_call *call, ssize_t result)
{
	iot_request_end(call_request(call), call_result(open, call, result), BLK_STS_OK);
	percpu_ref_put(&open->inside);
}

/**
 * io_target_call_end - a call that was queued has been carried out, or has failed
 * @call: its function has returned -EIOCBQUEUED, or will
 * @result: bytes, 0 or more, or negative errno; of an ioctl what it returns
 *
 * The end_io of the request may be called before this returns. @call is gone then.
 *
 * Context: any.
 */
void io_target_call_end(struct io_target_call *call, ssize_t result)
{
	struct iot_open *open = call_open(call);

	if (open->provider->ops.cancel && !call_unlist(open, call, result))
		return;
	call_finish(open, call, result);
}
EXPORT_SYMBOL_GPL(io_target_call_end);

/*
 * Twice inside: once for the call, once for its function, which may return after the call
 * has been ended.
 */
static ssize_t provider_call(struct io_target_request *req)
{
	struct iot_open *open = req->lower->data;
	bool listed = open->provider->ops.cancel;
	struct io_target_call *call = &req->call;
	ssize_t result;

	if (!percpu_ref_tryget_live(&open->inside)) {
		req->not_sent = true;
		return -ENODEV;
	}
	percpu_ref_get(&open->inside);
	call_fill(req, open);
	if (listed)
		call_list(open, call);
	result = iot_provider_function(open, req->op)(call);
	/* Also when the worker is just asking for it, and ends it afterwards. */
	if (result == -EIOCBQUEUED || (listed && !call_unlist(open, call, result))) {
		percpu_ref_put(&open->inside);
		return -EIOCBQUEUED;
	}
	result = call_result(open, call, result);
	percpu_ref_put_many(&open->inside, 2);
	return result;
}

/* By a thread, for who has opened it. */
static ssize_t provider_call_as_opener(struct io_target_request *req)
{
	const struct cred *old = override_creds(((struct iot_open *)req->lower->data)->cred);
	ssize_t result = provider_call(req);

	revert_creds(old);
	return result;
}

void iot_provider_submit(struct io_target_request *req)
{
	struct iot_open *open = req->lower->data;
	ssize_t result;

	if (open->wq && !(req->flags & IOT_F_CALLER_WAITS)) {
		iot_lane_serve(&open->lane, req);
		return;
	}
	result = provider_call(req);
	if (result != -EIOCBQUEUED)
		iot_request_end(req, result, BLK_STS_OK);
}

static struct io_target_call *next_wanted(struct iot_open *open)
{
	struct io_target_call *call;

	guard(spinlock_irqsave)(&open->lower->lock);
	list_for_each_entry(call, &open->calls, node) {
		if (call->state != CALL_WANTED)
			continue;
		call->state = CALL_ASKING;
		return call;
	}
	return NULL;
}

/* Return: it has been ended meanwhile, with call->result. */
static bool call_asked(struct iot_open *open, struct io_target_call *call)
{
	guard(spinlock_irqsave)(&open->lower->lock);
	if (call->state == CALL_ASKING) {
		call->state = CALL_ASKED;
		return false;
	}
	list_del(&call->node);
	return true;
}

/* Each run is inside. */
void iot_provider_cancel_work(struct work_struct *work)
{
	struct iot_open *open = container_of(work, struct iot_open, cancel_work);
	struct io_target_call *call;

	while ((call = next_wanted(open))) {
		open->provider->ops.cancel(call);
		if (call_asked(open, call))
			call_finish(open, call, call->result);
	}
	percpu_ref_put(&open->inside);
}

static bool call_is_meant(const struct io_target_call *call, const struct io_target_call *one,
			  const struct io_target_lower *lower)
{
	if (one)
		return call == one;
	return lower->cancel && (lower->cancel_all || !call->ignores);
}

/* Has the worker ask for @one, or with NULL for all that are to be cancelled. */
static bool calls_want(struct iot_open *open, const struct io_target_call *one, int why)
{
	struct io_target_call *call;
	bool found = false;

	guard(spinlock_irqsave)(&open->lower->lock);
	list_for_each_entry(call, &open->calls, node) {
		if (call->state != CALL_OUT || !call_is_meant(call, one, open->lower))
			continue;
		call->state = CALL_WANTED;
		call->why = why;
		found = true;
	}
	if (!found)
		return false;
	percpu_ref_get(&open->inside);	/* as those calls are */
	if (!queue_work(iot_wq, &open->cancel_work))
		percpu_ref_put(&open->inside);
	return true;
}

bool iot_provider_interrupt(struct io_target_lower *lower, const struct io_target_request *req,
			    int why)
{
	struct iot_open *open = lower->data;
	bool found = false;

	if (open->wq)
		found = iot_lane_interrupt(&open->lane, req, why);
	if (open->provider->ops.cancel)
		found |= calls_want(open, req ? &req->call : NULL, why);
	return found;
}

static ssize_t provider_begun(const struct io_target_request *req)
{
	return 0;
}

static enum iot_ready provider_ready(struct iot_lane *lane)
{
	return IOT_READY_NOW;
}

const struct iot_lane_ops iot_provider_lane_ops = {
	.call	= provider_call_as_opener,
	.begun	= provider_begun,
	.ready	= provider_ready,
};
