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
	b->gates = n;
}

/* What was held for those that went by themselves, or were not sent. */
static void batch_leave(struct batch *b)
{
	if (unlikely(b->gates))
		percpu_ref_put_many(&b->target->gated, b->gates);
}

static int batch_send(struct batch *b, struct io_target_request *req)
{
	int err;

	if (unlikely(req->target != b->target))
		return iot_err(b->target, -EINVAL, "batch refused: a request of another target");
	if (unlikely(!b->gates || !iot_request_plain(req)))
		return io_target_submit(req);
	err = iot_request_take(req);
	if (unlikely(err))
		return err;
	b->gates--;
	iot_send(req);
	return 0;
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
	unsigned int i;
	int err = 0;

	if (unlikely(!n || n > INT_MAX))
		return n ? -EINVAL : 0;
	batch_enter(&b, n);
	blk_start_plug(&plug);
	for (i = 0; i < n && !err; i++)
		err = batch_send(&b, reqs[i]);
	blk_finish_plug(&plug);
	batch_leave(&b);
	i -= !!err;
	return i ?: err;
}
EXPORT_SYMBOL_GPL(io_target_submit_batch);
