// SPDX-License-Identifier: GPL-2.0
/*
 * Many requests in one go: one crossing of the gate, one plug.
 */
#include <linux/blkdev.h>
#include <linux/export.h>

#include "verify.h"

/* Requests of one call that are still to be sent, and gates held for them. */
struct batch {
	struct io_target	*target;
	unsigned int		gates;
};

/* For all, or for none: then each crosses by itself, and pends where it has to. */
static void batch_enter(struct batch *b, unsigned int n)
{
	if (unlikely(!percpu_ref_tryget_live(&b->target->gated)))
		return;
	percpu_ref_get_many(&b->target->gated, n - 1);
	this_cpu_add(b->target->stats->submitted, n);
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

/* Not what the block layer treats one by one, and not memory that is mapped twice. */
#define NEVER_MERGED	(IO_TARGET_FUA | IO_TARGET_PREFLUSH | IO_TARGET_NOWAIT | \
			 IOT_F_SPECIAL | IOT_F_VMALLOC)

/* What neighbours need not have in common */
#define MAY_DIFFER	(IOT_F_POOL | IO_TARGET_TASK | IO_TARGET_PREPARED | IOT_F_BUILT | \
			 IOT_F_PRIO)

static bool batch_merges(const struct io_target_request *req)
{
	return (req->flags & (IO_TARGET_MERGE_OK | NEVER_MERGED)) == IO_TARGET_MERGE_OK &&
	       iov_iter_count(&req->iter);
}

/* Does @next lie right behind @req, and may it go with it? */
static bool batch_continues(const struct io_target_request *req,
			    const struct io_target_request *next)
{
	return next->pos == req->pos + (s64)req->len && next->target == req->target &&
	       next->op == req->op && !((next->flags ^ req->flags) & ~MAY_DIFFER) &&
	       next->ioprio == req->ioprio && next->hint == req->hint &&
	       next->state == IOT_REQ_FORMATTED && iov_iter_count(&next->iter);
}

/* Takes those that can go together with the first, which has been taken. */
static unsigned int batch_take_run(struct io_target_request **reqs, unsigned int n)
{
	unsigned int i;

	if (!reqs[0]->lower->backend->submit_run || !batch_merges(reqs[0]))
		return 1;
	for (i = 1; i < n; i++)
		if (!batch_continues(reqs[i - 1], reqs[i]) || iot_request_take(reqs[i]))
			break;
	return i;
}

/* With rules, or writes that must wait, each is looked at, and goes by itself. */
static void batch_send_run(struct io_target_request **reqs, unsigned int n)
{
	struct io_target_lower *lower = reqs[0]->lower;
	unsigned int i, first = 0;

	if (unlikely(READ_ONCE(lower->orphan_writes))) {
		for (i = 0; i < n; i++)
			iot_send(reqs[i]);
		return;
	}
	for (i = 0; i < n; i++) {
		if (!iot_inject_take(reqs[i]))
			continue;
		if (i > first)
			lower->backend->submit_run(reqs + first, i - first);
		first = i + 1;
	}
	if (n > first)
		lower->backend->submit_run(reqs + first, n - first);
}

/* Sends the first of @n, and what can go with it. Return: how many; 0: see @err. */
static unsigned int batch_send(struct batch *b, struct io_target_request **reqs,
			       unsigned int n, int *err)
{
	struct io_target_request *req = reqs[0];
	unsigned int run;

	if (unlikely(req->target != b->target)) {
		*err = iot_err(b->target, -EINVAL, "batch refused: a request of another target");
		return 0;
	}
	if (unlikely(!b->gates || req->flags & IOT_F_SPECIAL)) {
		*err = io_target_submit(req);
		return !*err;
	}
	*err = iot_request_take(req);
	if (unlikely(*err))
		return 0;
	run = req->flags & IO_TARGET_MERGE_OK ? batch_take_run(reqs, n) : 1;
	b->gates -= run;
	if (run > 1)
		batch_send_run(reqs, run);
	else
		iot_send(req);
	return run;
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
	while (done < n && !err)
		done += batch_send(&b, reqs + done, n - done, &err);
	blk_finish_plug(&plug);
	batch_leave(&b);
	return done ?: err;
}
EXPORT_SYMBOL_GPL(io_target_submit_batch);
