// SPDX-License-Identifier: GPL-2.0
/*
 * The request: made, gated, and ended exactly once. How it is formatted is in
 * prep.c.
 *
 * A plain request has one possible finisher, the backend, so its state is
 * moved by plain stores: by its owner up to FORMATTED, by submit to SENT, by
 * the backend's one iot_request_end() to DONE. Where a second finisher exists
 * (a carrier and its waiter) carrier->lock decides, see carrier.c.
 */
#include <linux/export.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "verify.h"

/**
 * io_target_request_init - make an embedded request ready for prep
 * @req: memory of the caller's, for instance inside his own structure
 * @target: where it will be sent; the caller keeps a reference on it for as
 *	long as he uses @req
 *
 * Context: any.
 */
void io_target_request_init(struct io_target_request *req, struct io_target *target)
{
	if (!iot_verify_init(req))
		return;
	memset(req, 0, sizeof(*req));
	req->target = target;
	iot_verify_seal(req);
	INIT_LIST_HEAD(&req->node);
	INIT_LIST_HEAD(&req->timed);
	INIT_HLIST_NODE(&req->named);
}
EXPORT_SYMBOL_GPL(io_target_request_init);

/**
 * io_target_request_alloc - take a request from the target's pool
 * @target: where it will be sent
 * @gfp: with __GFP_DIRECT_RECLAIM the call waits for one of the reserved
 *	requests to come back rather than fail
 *
 * Context: as @gfp says.
 * Return: an idle request, to be given back with io_target_request_free(); NULL
 * when there is no memory and @gfp does not let it wait.
 */
struct io_target_request *io_target_request_alloc(struct io_target *target, gfp_t gfp)
{
	struct io_target_request *req;

	/* One that may wait cannot fail. */
	if (!gfpflags_allow_blocking(gfp) && iot_inject_alloc(target))
		return NULL;
	req = mempool_alloc(&target->requests, gfp);
	if (!req)
		return NULL;
	io_target_request_init(req, target);
	req->flags = IOT_F_POOL;
	iot_verify_pool_alloc(req);
	return req;
}
EXPORT_SYMBOL_GPL(io_target_request_alloc);

/* Does the request belong to its caller, rather than to the library? */
bool iot_request_owned(const struct io_target_request *req)
{
	unsigned int state = READ_ONCE(req->state);

	return state <= IOT_REQ_FORMATTED || state == IOT_REQ_DONE;
}

bool io_target_request_pending(const struct io_target_request *req)
{
	return !iot_request_owned(req);
}
EXPORT_SYMBOL_GPL(io_target_request_pending);

int iot_request_busy(struct io_target_request *req, const char *what)
{
	return iot_err(req->target, -EBUSY, "%s refused: the request is outstanding", what);
}

/* Forgets everything of the last use, so that nothing leaks into the next. */
void iot_request_reset(struct io_target_request *req)
{
	if (req->carrier) {
		iot_carrier_put(req->carrier);
		req->carrier = NULL;
	}
	req->end_io = NULL;
	req->result = 0;
	req->status = BLK_STS_OK;
	req->not_sent = false;
	req->state = IOT_REQ_IDLE;
	req->op = IO_TARGET_OP_NONE;
	req->ioprio = 0;
	req->hint = 0;
	req->flags &= IOT_F_POOL;
	req->lower = NULL;
}

/**
 * io_target_request_reinit - make a request idle again
 * @req: idle, formatted or done
 *
 * Clears results, end_io, flags and format; keeps @req->private and the
 * memory. Never needed between two preps, which do the same.
 *
 * Context: any, its own end_io included.
 * Return: 0, or -EBUSY when @req is outstanding, which is not disturbed.
 */
int io_target_request_reinit(struct io_target_request *req)
{
	int err = iot_verify_request(req, "reinit");

	if (err)
		return err;
	if (unlikely(!iot_request_owned(req)))
		return iot_request_busy(req, "reinit");
	iot_request_reset(req);
	return 0;
}
EXPORT_SYMBOL_GPL(io_target_request_reinit);

/**
 * io_target_request_free - give a request back to its pool
 * @req: from io_target_request_alloc(), or NULL. An embedded request has no
 *	pool; freeing it does what reinit does, after which its memory may go
 *
 * Context: any, its own end_io included.
 * Return: 0, or -EBUSY when @req is outstanding, which is not disturbed.
 */
int io_target_request_free(struct io_target_request *req)
{
	struct io_target *t;
	int err;

	if (!req)
		return 0;
	err = iot_verify_request(req, "free");
	if (err)
		return err;
	if (unlikely(!iot_request_owned(req)))
		return iot_request_busy(req, "free");
	iot_request_reset(req);
	if (!(req->flags & IOT_F_POOL))
		return 0;
	t = req->target;
	iot_verify_pool_free(req);
	mempool_free(req, &t->requests);
	iot_verify_pool_freed(t);
	return 0;
}
EXPORT_SYMBOL_GPL(io_target_request_free);

static struct percpu_ref *request_gate(const struct io_target_request *req)
{
	if (unlikely(req->flags & (IO_TARGET_IGNORE_STATE | IOT_F_WAS_PENDED)))
		return &req->target->ungated;
	return &req->target->gated;
}

static int refuse_unformatted(struct io_target_request *req)
{
	if (!iot_request_owned(req))
		return iot_request_busy(req, "submit");
	return iot_err(req->target, -EINVAL, "submit refused: the request is not formatted");
}

/* The gate is held, so that the target stays open. */
static int request_send_checks(struct io_target_request *req)
{
	struct io_target_lower *lower = rcu_dereference_protected(req->target->lower, true);

	int err = iot_prep_recheck(req, lower);

	if (unlikely(err))
		return err;
	if (unlikely(!iot_verify_claim(req)))
		return iot_request_busy(req, "concurrent submit");
	req->lower = lower;
	req->not_sent = false;
	if (unlikely(req->carrier))
		iot_carrier_arm(req);
	return 0;
}

/*
 * A prepared request is about to pend. That it is for a place which the device does not
 * have is better said now than when it is sent.
 */
static int request_check_place(struct io_target_request *req)
{
	struct io_target_lower *lower;

	guard(rcu)();
	lower = rcu_dereference(req->target->lower);
	return lower ? iot_prep_recheck(req, lower) : 0;
}

static int refuse_state(struct io_target_request *req, int err)
{
	struct io_target *t = req->target;

	if (err == -EBUSY)
		return iot_request_busy(req, "concurrent submit");
	if (err == -ESTALE)
		return iot_err(t, err, "submit refused: closed and opened since prep");
	if (err == -EAGAIN)
		return iot_err(t, err, "submit refused: held back, and %s",
			       req->flags & IO_TARGET_NOWAIT ? "NOWAIT" : "the queue is full");
	return iot_err(t, err, "submit refused: the target is %s",
		       err == -ESHUTDOWN ? "purged" : "closed or removed");
}

/* Return: 0: the gate is held; 1: @req pends, and may have ended by now. */
static int request_gate_enter(struct io_target_request *req)
{
	struct percpu_ref *gate = request_gate(req);
	struct io_target *t = req->target;
	int err;

	if (unlikely(!percpu_ref_tryget_live(gate))) {
		err = req->flags & IO_TARGET_PREPARED ? request_check_place(req) : 0;
		if (err)
			return err;
		err = iot_pend(req, gate);
		if (err < 0)
			return refuse_state(req, err);
		if (err == IOT_PENDED)
			return 1;
	}
	err = request_send_checks(req);
	if (unlikely(err)) {
		percpu_ref_put(gate);
		return err;
	}
	/* One with a carrier may have ended by now, at its deadline, and be gone. */
	this_cpu_inc(t->stats->submitted);
	return 0;
}

#define IOT_F_TIMED	(IOT_F_DEADLINE | IOT_F_POLLED)

/* For those who have to find it while it is outstanding. */
static bool request_list(struct io_target_request *req)
{
	if (req->flags & IOT_F_NAMED && !iot_named_add(req))
		return false;
	if (req->flags & IOT_F_TIMED && !iot_deadline_add(req)) {
		if (req->flags & IOT_F_NAMED)
			iot_named_del(req);
		return false;
	}
	return true;
}

static void request_unlist(struct io_target_request *req)
{
	if (req->flags & IOT_F_TIMED)
		iot_deadline_del(req);
	if (req->flags & IOT_F_NAMED)
		iot_named_del(req);
}

/*
 * Return: 0: the request is the library's and holds its gate until it has ended;
 * 1: it pends; negative: it is still the caller's.
 */
static int request_accept(struct io_target_request *req)
{
	int err;

	if (unlikely(req->flags & IOT_F_LISTED) && !request_list(req))
		return iot_request_busy(req, "concurrent submit");
	err = request_gate_enter(req);
	if (likely(err >= 0))
		return err;		/* perhaps @req has ended and is gone */
	if (req->flags & IOT_F_LISTED)
		request_unlist(req);
	iot_verify_refused(req);
	return err;
}

/*
 * Once accepted, a request with a carrier may be ended at any time by others, so
 * its sender goes on with a reference on the carrier.
 */
static int request_submit_carried(struct io_target_request *req)
{
	struct io_target_carrier *c = req->carrier;
	struct io_target *t = req->target;
	int err;

	refcount_inc(&c->refs);
	iot_carrier_load(req);
	guard(rcu)();
	err = request_accept(req);
	if (!err)
		iot_carrier_send(c, rcu_dereference(t->lower));
	iot_carrier_put(c);
	return min(err, 0);
}

static int request_check(struct io_target_request *req)
{
	int err = iot_verify_submit(req);

	if (err)
		return err;
	if (unlikely(req->state != IOT_REQ_FORMATTED))
		err = refuse_unformatted(req);
	else if (unlikely(!req->end_io && !(req->flags & IOT_F_POOL)))
		err = iot_err(req->target, -EINVAL,
			      "submit refused: an embedded request without end_io");
	if (unlikely(err))
		iot_verify_refused(req);
	return err;
}

/*
 * For a request with nothing of IOT_F_SPECIAL, whose gate is held: accepted, and to be
 * sent. The caller counts it.
 */
int iot_request_take(struct io_target_request *req)
{
	int err = iot_verify_context(req) ?: request_check(req);

	if (unlikely(err))
		return err;
	err = request_send_checks(req);
	if (unlikely(err))
		iot_verify_refused(req);
	return err;
}

/**
 * io_target_submit - send a request without waiting for it
 * @req: formatted, with end_io set
 *
 * On block devices the call may sleep in the block layer (for a tag, for
 * memory), as submit_bio() does; on char devices and files it never waits for
 * the driver. end_io may be called before it returns.
 *
 * Context: process context. From end_io or any atomic context use
 * io_target_submit_atomic().
 * Return: 0, and end_io will be called exactly once, or has been. Otherwise it
 * never will: -EBUSY: @req is outstanding already, which is not disturbed.
 * -EINVAL: not formatted, or embedded without end_io. -ENODEV: the target is
 * closed or removed. -ESTALE: closed and opened again since prep. -ESHUTDOWN: the
 * target is purged. -EAGAIN: requests pend, and @req has NOWAIT or the queue is full.
 * Of io_target_prep_rw(): reopened since prep, and the device has changed.
 */
int io_target_submit(struct io_target_request *req)
{
	int err = iot_verify_context(req) ?: request_check(req);

	if (unlikely(err))
		return err;
	if (unlikely(req->carrier))
		return request_submit_carried(req);
	err = request_accept(req);
	if (likely(!err))
		iot_send(req);
	return min(err, 0);
}
EXPORT_SYMBOL_GPL(io_target_submit);

/**
 * io_target_submit_atomic - send a request from any context
 * @req: formatted, with end_io set
 *
 * A worker sends it, in the order of these calls. The way to send from an
 * end_io, however that was called, without recursion.
 *
 * Context: any; process context for a BOUNCE write, whose data is copied here.
 * Return: as io_target_submit().
 */
int io_target_submit_atomic(struct io_target_request *req)
{
	int err = request_check(req);

	if (unlikely(err))
		return err;
	if (unlikely(req->carrier))
		return request_submit_carried(req);
	err = request_accept(req);
	if (likely(!err)) {
		iot_owner_note(req);
		iot_lower_queue(req);
	}
	return min(err, 0);
}
EXPORT_SYMBOL_GPL(io_target_submit_atomic);

/* After this @req may be gone; its gate keeps the target. */
static void request_call_end(struct io_target *t, struct io_target_request *req)
{
	struct iot_verify_frame frame;

	iot_verify_ended(req);
	WRITE_ONCE(req->state, req->flags & IO_TARGET_PREPARED ? IOT_REQ_FORMATTED :
								  IOT_REQ_DONE);
	this_cpu_inc(t->stats->completed);
	iot_verify_enter(t, &frame,
			 req->flags & IO_TARGET_TASK ? IOT_VERIFY_TASK : IOT_VERIFY_END_IO);
	if (likely(req->end_io))
		req->end_io(req);
	else
		io_target_request_free(req);
	iot_verify_leave(t, &frame);
}

/* The last step of every request. */
void iot_request_complete(struct io_target_request *req)
{
	struct percpu_ref *gate = request_gate(req);
	bool resent = req->flags & IOT_F_RESENT;
	struct io_target *t = req->target;

	/* Nothing of this use is there in the next. */
	req->flags &= ~IOT_F_ONE_USE;
	request_call_end(t, req);
	if (unlikely(resent) && atomic_dec_and_test(&t->resent))
		wake_up_all(&t->idle_wait);
	percpu_ref_put(gate);
}

/* What was done for it while it was outstanding. */
static void request_undo(struct io_target_request *req)
{
	if (req->flags & IOT_F_LISTED)
		request_unlist(req);
	if (req->carrier)
		iot_carrier_drop(req);
	if (req->flags & IOT_F_OWNED)
		iot_owner_forget(req);
}

/* By the one who has found that he is to end @req, in his context. */
void iot_request_finish(struct io_target_request *req, ssize_t result,
			blk_status_t status)
{
	struct io_target *t = req->target;

	iot_verify_intact(req);
	req->result = result;
	req->status = status;
	if (likely(!(req->flags & IOT_F_UNDO))) {
		request_call_end(t, req);
		percpu_ref_put(&t->gated);
		return;
	}
	request_undo(req);
	if (req->flags & IO_TARGET_TASK)
		iot_task_end(req);
	else
		iot_request_complete(req);
}

/*
 * For backends: the device has answered. @result is bytes or negative errno.
 * Context: any; not to be called with a lock held that end_io might want.
 */
void iot_request_end(struct io_target_request *req, ssize_t result, blk_status_t status)
{
	if (!iot_verify_end(req))
		return;
	if (unlikely(req->flags & IOT_F_CARRIED))
		iot_carrier_end(req, result, status);
	else
		iot_request_finish(req, result, status);
}

IOT_EXPORT_FOR_TESTS(iot_request_end);
