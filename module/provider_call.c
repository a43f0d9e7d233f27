// SPDX-License-Identifier: GPL-2.0
/*
 * Calls of providers, see provider.h.
 *
 * One that can be cancelled is on its open's list from before the provider sees it until
 * it ends. Who wants it back marks it, and a worker asks the provider; if it is ended
 * meanwhile the worker is the one who ends the request, so that what it asks about is
 * there. All of that under lower->lock.
 *
 * A provider that is still in the call's function may not have stored it yet, and would
 * not find it: until the function has returned it is only noted that the call is wanted,
 * and one that is ended meanwhile is left to who has called the function.
 */
#include <linux/cred.h>

#include "provider.h"

/* Of a call that can be cancelled */
enum call_state {
	CALL_ENDED,
	CALL_CALLING,	/* its function has not returned */
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

/*
 * Whoever wants it back finds it from now on. Who has come before has left a mark.
 * Return: 0, or why the provider is not to have it.
 */
static int call_list(struct iot_open *open, struct io_target_call *call)
{
	struct io_target_request *req = call_request(call);
	struct io_target_lower *lower = open->lower;
	int why;

	guard(spinlock_irqsave)(&lower->lock);
	why = iot_lower_ends(lower, req);
	if (why)
		return why;
	call->ignores = req->flags & IO_TARGET_IGNORE_STATE;
	call->state = CALL_CALLING;
	call->why = 0;
	list_add_tail(&call->node, &open->calls);
	return 0;
}

/* Return: whether the caller is to end the request. */
static bool call_unlist(struct iot_open *open, struct io_target_call *call, ssize_t result)
{
	bool others;

	guard(spinlock_irqsave)(&open->lower->lock);
	others = call->state == CALL_CALLING || call->state == CALL_ASKING;
	call->state = CALL_ENDED;
	if (others)
		call->result = result;
	else
		list_del(&call->node);
	return !others;
}

/* Under lower->lock, by who is inside: the worker is to ask for calls that are WANTED. */
static void calls_ask(struct iot_open *open)
{
	lockdep_assert_held(&open->lower->lock);
	percpu_ref_get(&open->inside);	/* as those calls are */
	if (!queue_work(iot_wq, &open->cancel_work))
		percpu_ref_put(&open->inside);
}

/*
 * Its function has returned *@result.
 * Return: whether the call has ended, with *@result; else the provider has it.
 */
static bool call_returned(struct iot_open *open, struct io_target_call *call, ssize_t *result)
{
	guard(spinlock_irqsave)(&open->lower->lock);
	if (call->state == CALL_ENDED)
		*result = call->result;
	if (call->state == CALL_ENDED || *result != -EIOCBQUEUED) {
		call->state = CALL_ENDED;
		list_del(&call->node);
		return true;
	}
	call->state = call->why ? CALL_WANTED : CALL_OUT;
	if (call->why)
		calls_ask(open);
	return false;
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
 * The end_io of the request may be called before this returns. @call is gone then. Of a
 * provider with cancel it is called by the task that has called its function, when that
 * has returned, if this comes before that.
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

/* Return: as the functions. */
static ssize_t call_make(struct iot_open *open, struct io_target_call *call)
{
	struct io_target_request *req = call_request(call);
	ssize_t result;
	int why;

	if (!open->provider->ops.cancel)
		return iot_provider_function(open, req->op)(call);
	why = call_list(open, call);
	if (unlikely(why)) {
		req->not_sent = true;
		return why;
	}
	result = iot_provider_function(open, req->op)(call);
	if (!call_returned(open, call, &result))
		return -EIOCBQUEUED;
	return call_result(open, call, result);
}

/*
 * Twice inside: once for the call, once for its function, which may return after the call
 * has been ended.
 */
static ssize_t provider_call(struct io_target_request *req)
{
	struct iot_open *open = req->lower->data;
	ssize_t result;

	if (!percpu_ref_tryget_live(&open->inside)) {
		req->not_sent = true;
		return -ENODEV;
	}
	percpu_ref_get(&open->inside);
	call_fill(req, open);
	result = call_make(open, &req->call);
	percpu_ref_put_many(&open->inside, result == -EIOCBQUEUED ? 1 : 2);
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
	bool found = false, asks = false;
	struct io_target_call *call;

	guard(spinlock_irqsave)(&open->lower->lock);
	list_for_each_entry(call, &open->calls, node) {
		if (!call_is_meant(call, one, open->lower))
			continue;
		if (call->state == CALL_CALLING) {
			call->why = call->why ?: why;
			found = true;
		} else if (call->state == CALL_OUT) {
			call->state = CALL_WANTED;
			call->why = why;
			found = true;
			asks = true;
		}
	}
	if (asks)
		calls_ask(open);
	return found;
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
