// SPDX-License-Identifier: GPL-2.0
/*
 * What the block layer tells who has claimed a device: it is frozen, thawed, dead.
 * Older kernels tell nobody; see compat.h.
 *
 * Each call comes with bd_holder_lock held, under which the claim, and with it the
 * lower and its target, cannot go away, and must drop it before it waits for anything.
 * Until a call has returned it may tell events, for which close waits. A look that has
 * been forgotten may still have a claim: what befalls that is told to nobody.
 * Where there are these operations the core leaves the device's page cache to them.
 */
#include <linux/blkdev.h>
#include <linux/wait.h>

#include "internal.h"

#ifdef IOT_HAS_HOLDER_OPS

/* The lower that has claimed @bdev, and its target; both referenced. */
struct claim {
	struct io_target_lower	*lower;
	struct io_target	*target;
};

/* Drops bd_holder_lock. Return: false if the target is on its way out anyway. */
static bool claim_get(struct block_device *bdev, struct claim *claim)
{
	bool found;

	claim->lower = bdev->bd_holder;
	claim->target = claim->lower->target;
	found = kref_get_unless_zero(&claim->target->ref);
	if (found) {
		iot_lower_pin(claim->lower);
		iot_tell_begin(claim->target);
	}
	mutex_unlock(&bdev->bd_holder_lock);
	return found;
}

static void claim_put(struct claim *claim)
{
	iot_tell_end(claim->target);
	iot_lower_unpin(claim->lower);
	io_target_put(claim->target);
}

/*
 * The device of @lower is going to be removed, but still works: it gets what pends.
 * Not if somebody opens, closes or starts the target just now, for whom the device may
 * have to be gone first.
 */
static void claim_send_last(struct io_target *t, struct io_target_lower *lower)
{
	bool changed;

	if (!mutex_trylock(&t->mutex))
		return;
	/* One that follows keeps it for the device that comes back. */
	if (rcu_access_pointer(t->lower) == lower && !t->follows &&
	    io_target_state(t) == IO_TARGET_STOPPED)
		iot_state_start(t, &changed);
	mutex_unlock(&t->mutex);
}

/*
 * Nobody holds back any more what goes to @lower, until it is gone.
 * Return: whether there is somebody to be told; not if the target holds it back already.
 */
static bool claim_leaves(struct io_target *t, struct io_target_lower *lower)
{
	guard(spinlock_irqsave)(&t->lock);
	if (rcu_access_pointer(t->lower) != lower || t->follows || t->suspended ||
	    (t->state != IO_TARGET_STARTED && t->state != IO_TARGET_STARTING))
		return false;
	lower->leaving = true;
	return true;
}

/*
 * An orderly removal: the device still works. It is given what pends, and what those above
 * have in their caches.
 */
static void holder_mark_dead(struct block_device *bdev, bool surprise)
{
	struct claim claim;

	if (!claim_get(bdev, &claim)) {
		if (!surprise)
			sync_blockdev(bdev);
		return;
	}
	if (!surprise) {
		claim_send_last(claim.target, claim.lower);
		if (claim_leaves(claim.target, claim.lower))
			iot_event_may_sleep(claim.target, IO_TARGET_EVENT_LEAVING);
		/*
		 * Close does not wait for the write-back. When it has closed the target meanwhile,
		 * iot_lower_gone() tells nothing.
		 */
		iot_tell_end(claim.target);
		sync_blockdev(bdev);
		iot_tell_begin(claim.target);
	}
	iot_lower_gone(claim.lower);
	claim_put(&claim);
}

static int holder_freeze(struct block_device *bdev)
{
	struct claim claim;
	int err;

	if (!claim_get(bdev, &claim))
		return sync_blockdev(bdev);
	err = iot_target_freeze(claim.target, claim.lower);
	claim_put(&claim);
	return err ?: sync_blockdev(bdev);
}

static int holder_thaw(struct block_device *bdev)
{
	struct claim claim;

	if (!claim_get(bdev, &claim))
		return 0;
	iot_target_thaw(claim.target, claim.lower);
	claim_put(&claim);
	return 0;
}

const struct blk_holder_ops iot_holder_ops = {
	.mark_dead	= holder_mark_dead,
	.freeze		= holder_freeze,
	.thaw		= holder_thaw,
};

#endif
