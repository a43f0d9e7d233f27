// SPDX-License-Identifier: GPL-2.0
/*
 * Sending: one request, or many in one call.
 *
 * A plain request, with nothing of IOT_F_SPECIAL, crosses the gated gate and goes to
 * the backend, and that is all. The rest of this file is for the others, and for a
 * gate that is shut.
 */
#include <linux/blkdev.h>
#include <linux/export.h>
#include <linux/rcupdate.h>

#include "submit.h"

/* A submit is refused, for the reason that has been said. */
static int request_refused(struct io_target_request *req, int err)
{
	iot_stats_refused(req->target);
	iot_verify_refused(req);
	return err;
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
	if (err == -EAGAIN && req->flags & IO_TARGET_NOWAIT)
		return err;	/* no mistake: it is asked for by who tries otherwise */
	if (err == -EAGAIN)
		return iot_err(t, err, "submit refused: held back, and the queue is full");
	return iot_err(t, err, "submit refused: the target is %s",
		       err == -ESHUTDOWN ? "purged" : "closed or removed");
}

/* Return: 0: the gate is held; 1: @req pends, and may have ended by now. */
static int request_gate_enter(struct io_target_request *req)
{
	struct percpu_ref *gate = iot_request_gate(req);
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
	err = iot_request_take(req, iot_target_lower(t));
	if (unlikely(err)) {
		percpu_ref_put(gate);
		return err;
	}
	/* One with a carrier may end as soon as that is armed, at its deadline, and be gone. */
	iot_stats_submit(req);
	if (req->carrier)
		iot_carrier_arm(req);
	return 0;
}

/*
 * Return: 0: the request is the library's and holds its gate until it has ended;
 * 1: it pends; negative: it is still the caller's.
 */
static int request_accept(struct io_target_request *req)
{
	int err;

	if (unlikely(req->flags & IOT_F_LISTED) && !iot_request_list(req)) {
		iot_stats_refused(req->target);
		return iot_request_busy(req, "concurrent submit");
	}
	err = request_gate_enter(req);
	if (likely(err >= 0))
		return err;		/* perhaps @req has ended and is gone */
	if (req->flags & IOT_F_LISTED)
		iot_request_unlist(req);
	return request_refused(req, err);
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

static int refuse_submit(struct io_target_request *req)
{
	int err;

	if (!iot_request_owned(req))
		err = iot_request_busy(req, "submit");
	else if (req->state != IOT_REQ_FORMATTED)
		err = iot_err(req->target, -EINVAL,
			      "submit refused: the request is not formatted");
	else
		err = iot_err(req->target, -EINVAL,
			      "submit refused: an embedded request without end_io");
	return request_refused(req, err);
}

static __always_inline int request_check(struct io_target_request *req)
{
	int err = iot_verify_submit(req);

	if (unlikely(err))
		return err;
	if (likely(req->state == IOT_REQ_FORMATTED &&
		   (req->end_io || req->flags & IOT_F_POOL)))
		return 0;
	return refuse_submit(req);
}

/* Not plain, or its gate is shut. */
static noinline int request_submit_special(struct io_target_request *req)
{
	int err;

	if (req->carrier)
		return request_submit_carried(req);
	err = request_accept(req);
	if (!err)
		iot_send(req);
	return min(err, 0);
}

/* For a plain request, whose gate is held and is given back unless it is sent. */
static noinline int request_not_taken(struct io_target_request *req, int err)
{
	iot_gate_put(&req->target->gated);
	return request_refused(req, err);
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
 * Of io_target_prep_rw(): reopened since prep, and the device has changed; or a prepared
 * request is to go where it cannot.
 */
int io_target_submit(struct io_target_request *req)
{
	int err = iot_verify_context(req) ?: request_check(req);
	struct io_target *t = req->target;

	if (unlikely(err))
		return err;
	if (unlikely(req->flags & IOT_F_SPECIAL) || unlikely(!iot_gate_tryget(&t->gated)))
		return request_submit_special(req);
	err = iot_request_take(req, iot_target_lower(t));
	if (unlikely(err))
		return request_not_taken(req, err);
	iot_stats_submit(req);
	iot_send(req);
	return 0;
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

/* A batch that is being sent. */
struct batch {
	struct io_target	*target;
	struct io_target_lower	*lower;
	unsigned int		gates;	/* held for requests that are still to be sent */
};

/* For all, or for none: then each crosses by itself, and pends where it has to. */
static void batch_enter(struct batch *b, unsigned int n)
{
	struct io_target *t = b->target;

	if (unlikely(!iot_gate_tryget(&t->gated)))
		return;
	percpu_ref_get_many(&t->gated, n - 1);
	this_cpu_add(t->stats->submitted, n);
	b->lower = iot_target_lower(t);
	b->gates = n;
}

/* What was held for those that went by themselves, or were not sent. */
static void batch_leave(struct batch *b)
{
	if (likely(!b->gates))
		return;
	this_cpu_sub(b->target->stats->submitted, b->gates);
	percpu_ref_put_many(&b->target->gated, b->gates);
}

static noinline int batch_take_special(struct batch *b, struct io_target_request *req)
{
	int err;

	if (unlikely(req->target != b->target))
		return iot_err(b->target, -EINVAL, "batch refused: a request of another target");
	err = iot_verify_context(req) ?: request_check(req);
	if (unlikely(err))
		return err;
	err = iot_request_take(req, b->lower);
	return unlikely(err) ? request_refused(req, err) : 0;
}

/* The same, for who has nothing about him that is to be asked twice. */
static __always_inline int batch_take(struct batch *b, struct io_target_request *req)
{
	if (IS_ENABLED(CONFIG_IO_TARGET_VERIFIER) ||
	    unlikely(req->target != b->target || req->state != IOT_REQ_FORMATTED ||
		     !req->end_io || req->opened != b->lower->opened ||
		     (req->flags & IO_TARGET_PREPARED &&
		      !iot_in_place(b->lower, req->pos, req->len))))
		return batch_take_special(b, req);
	req->lower = b->lower;
	req->not_sent = false;
	req->wanted = 0;
	req->state = IOT_REQ_SENT;
	return 0;
}

/* Rules may want some of them, and writes may have to wait: each goes by itself. */
static noinline void batch_send_each(struct io_target_request **reqs, unsigned int n)
{
	while (n--)
		iot_send(*reqs++);
}

static void batch_send(struct batch *b, struct io_target_request **reqs, unsigned int n)
{
	struct io_target_lower *lower = b->lower;

	if (unlikely(!lower->backend->submit_batch || READ_ONCE(lower->orphan_writes)) ||
	    iot_inject_active())
		batch_send_each(reqs, n);
	else if (likely(n))
		lower->backend->submit_batch(reqs, n);
}

/*
 * Sends the first of @n that are plain, all in one go.
 * Return: how many; fewer than all: @err, or the next is special.
 */
static unsigned int batch_send_plain(struct batch *b, struct io_target_request **reqs,
				     unsigned int n, int *err)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (unlikely(reqs[i]->flags & IOT_F_SPECIAL))
			break;
		*err = batch_take(b, reqs[i]);
		if (unlikely(*err))
			break;
		iot_stats_submit_counted(reqs[i]);
	}
	b->gates -= i;
	batch_send(b, reqs, i);
	return i;
}

static unsigned int batch_send_special(struct batch *b, struct io_target_request *req, int *err)
{
	if (req->target != b->target)
		*err = iot_err(b->target, -EINVAL, "batch refused: a request of another target");
	else
		*err = io_target_submit(req);
	return !*err;
}

/**
 * io_target_submit_batch - send many requests without waiting for them
 * @target: that all of them were initialised for
 * @reqs: formatted, with end_io set, none of them twice
 * @n: how many
 *
 * What io_target_submit() of each would do, in this order, at less cost: the state of
 * the target is looked at once, and the block layer is given all of them before it
 * has to act. If the target is stopped meanwhile, the rest may still be sent.
 *
 * Neighbours with IO_TARGET_MERGE_OK of which each begins where the one before it ends,
 * and which do the same, go to a block device as one, which costs a fraction. If that
 * fails, and the reason may be one block, they are sent again, each by itself: so each
 * ends with its own result. Those with FUA, PREFLUSH, NOWAIT, POLLED, BOUNCE,
 * IGNORE_STATE, with a timeout or an id, and those in memory from vmalloc go alone.
 *
 * Context: as for io_target_submit().
 * Return: how many of the first were accepted, whose end_io will be called, or has
 * been; the others have not been touched. If none was, the errno of
 * io_target_submit() for the first; -EINVAL also for a request of another target.
 * 0 when @n is 0.
 */
int io_target_submit_batch(struct io_target *target, struct io_target_request **reqs,
			   unsigned int n)
{
	struct batch b = { .target = target };
	struct blk_plug plug;
	unsigned int done = 0;
	int err = 0;

	if (unlikely(!n || n > INT_MAX))
		return n ? -EINVAL : 0;
	batch_enter(&b, n);
	blk_start_plug(&plug);
	while (done < n && !err) {
		if (likely(b.gates))
			done += batch_send_plain(&b, reqs + done, n - done, &err);
		if (unlikely(done < n && !err))
			done += batch_send_special(&b, reqs[done], &err);
	}
	blk_finish_plug(&plug);
	batch_leave(&b);
	return done ?: err;
}
EXPORT_SYMBOL_GPL(io_target_submit_batch);
