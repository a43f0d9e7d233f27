// SPDX-License-Identifier: GPL-2.0
/*
 * Bios that a driver's own disk has received, and that go to a target as they are: one
 * clone each, of the target's bioset, with what is to be known of it in the front pad.
 *
 * A clone holds the gated gate from its submission to its end, or, sent by start
 * (forward_pend.c), the ungated one and a count in target->resent, as requests do.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/export.h>

#include "forward.h"
#include "submit.h"

/*
 * Holds the slab of the clones while the module is loaded: the block layer would make it
 * with the first target and destroy it, after a grace period, with the last one.
 */
static struct bio_set slab_user;

int __init iot_forward_load(void)
{
	return bioset_init(&slab_user, 1, offsetof(struct forward, clone), 0);
}

void iot_forward_unload(void)
{
	bioset_exit(&slab_user);
}

int iot_forward_init(struct io_target *t)
{
	return bioset_init(&t->forwards, max(t->config.reserve, BIO_POOL_SIZE),
			   offsetof(struct forward, clone), BIOSET_PERCPU_CACHE);
}

enum io_target_op iot_forward_op(const struct bio *bio)
{
	switch (bio_op(bio)) {
	case REQ_OP_READ:
		return IO_TARGET_OP_READ;
	case REQ_OP_DISCARD:
		return IO_TARGET_OP_DISCARD;
	case REQ_OP_WRITE_ZEROES:
		return IO_TARGET_OP_WRITE_ZEROES;
	case REQ_OP_SECURE_ERASE:
		return IO_TARGET_OP_SECURE_ERASE;
	case REQ_OP_ZONE_OPEN:
		return IO_TARGET_OP_ZONE_OPEN;
	case REQ_OP_ZONE_CLOSE:
		return IO_TARGET_OP_ZONE_CLOSE;
	case REQ_OP_ZONE_FINISH:
		return IO_TARGET_OP_ZONE_FINISH;
	case REQ_OP_ZONE_RESET:
	case REQ_OP_ZONE_RESET_ALL:
		return IO_TARGET_OP_ZONE_RESET;
	case REQ_OP_ZONE_APPEND:
		return IO_TARGET_OP_ZONE_APPEND;
	case REQ_OP_WRITE:
		return bio_sectors(bio) ? IO_TARGET_OP_WRITE : IO_TARGET_OP_FLUSH;
	default:
		return IO_TARGET_OP_NONE;
	}
}

static void forward_note_error(struct io_target *t, struct bio *bio, int err)
{
	iot_stats_transfer_error(t, iot_forward_op(bio),
				 (loff_t)bio->bi_iter.bi_sector << SECTOR_SHIFT,
				 bio->bi_iter.bi_size, err);
}

/* One that has been counted, and was never sent. */
void iot_forward_end_unsent(struct io_target *t, struct bio *bio, int err)
{
	if (err != -EAGAIN)
		forward_note_error(t, bio, err);
	if (err == -ETIMEDOUT)
		this_cpu_inc(t->stats->timed_out);
	if (bio->bi_opf & REQ_PREFLUSH)
		iot_cache_unflushed(t);
	bio->bi_status = errno_to_blk_status(err);
	iot_stats_complete_bio(t, bio, true);
	bio_endio(bio);
}

static void forward_refuse(struct io_target *t, struct bio *bio, int err)
{
	iot_stats_refused(t);
	if (err == -EAGAIN) {
		bio_wouldblock_error(bio);
		return;
	}
	bio->bi_status = errno_to_blk_status(err);
	bio_endio(bio);
}

static noinline void forward_put_resent(struct io_target *t)
{
	if (atomic_dec_and_test(&t->resent))
		wake_up_all(&t->idle_wait);
	percpu_ref_put(&t->ungated);
}

/* Gives back what forward_send() was called with, as the last thing. */
static __always_inline void forward_put(struct io_target *t, bool resent)
{
	if (likely(!resent))
		iot_gate_put(&t->gated);
	else
		forward_put_resent(t);
}

/*
 * A device that fails an operation because it has none any more: its queue has been told,
 * and so is that of the disk above, where whoever has sent the bio looks next.
 */
static void forward_withdraw(struct io_target *t, struct bio *bio)
{
	struct block_device *bdev = iot_target_lower(t)->bdev;
	enum req_op op = bio_op(bio);

	if ((op == REQ_OP_DISCARD && !bdev_max_discard_sectors(bdev)) ||
	    (op == REQ_OP_SECURE_ERASE && !bdev_max_secure_erase_sectors(bdev)) ||
	    (op == REQ_OP_WRITE_ZEROES && !bdev_write_zeroes_sectors(bdev)))
		iot_queue_disable(bdev_get_queue(bio->bi_bdev), op);
}

/* Return: false: the bio pends again. */
static noinline bool forward_failed(struct forward *f)
{
	blk_status_t status = f->clone.bi_status;
	int err = blk_status_to_errno(status);
	struct io_target *t = f->target;
	struct bio *bio = f->bio;

	if (err != -EAGAIN) {
		/* The gate is still held: it is the device that has answered. */
		if (bio->bi_opf & REQ_PREFLUSH)
			iot_cache_unflushed(t);
		iot_lower_failed(iot_target_lower(t), err);
		/* The time in the device does not count as held. */
		if (iot_forward_keep(t, bio, (u32)jiffies - (f->resent ? f->held : 0)))
			return false;
		forward_note_error(t, bio, err);
		forward_withdraw(t, bio);
	}
	if (!bio->bi_status)
		bio->bi_status = status;
	return true;
}

/* The clone first: when the gate is given back the bioset may go. */
static __always_inline void forward_end_clone(struct bio *clone)
{
	struct forward *f = container_of(clone, struct forward, clone);
	struct io_target *t = f->target;
	bool resent = f->resent;
	struct bio *bio = f->bio;

	if (t->config.account_forwarded)
		bio_end_io_acct(bio, f->started);
	if (unlikely(clone->bi_status) && !forward_failed(f)) {
		bio_put(clone);
		forward_put(t, resent);
		return;
	}
	iot_latency_bio(t, bio, clone);
	bio_put(clone);
	iot_stats_complete_bio(t, bio, false);
	bio_endio(bio);
	forward_put(t, resent);
}

/* Ends a clone whose error is believed. */
void iot_forward_end_failed(struct bio *clone)
{
	forward_end_clone(clone);
}

static void forward_end(struct bio *clone)
{
	struct forward *f = container_of(clone, struct forward, clone);

	if (likely(!clone->bi_status) || !iot_doubt_bio(iot_target_lower(f->target), clone))
		forward_end_clone(clone);
}

/* Of a zoned disk: an append says where it has gone. */
static void forward_end_zoned(struct bio *clone)
{
	struct forward *f = container_of(clone, struct forward, clone);

	if (bio_op(clone) == REQ_OP_ZONE_APPEND)
		f->bio->bi_iter.bi_sector = clone->bi_iter.bi_sector;
	forward_end(clone);
}

/* @lower is about to be the target's, and is so for the first time. */
void iot_forward_opened(struct io_target_lower *lower)
{
	if (!lower->bdev)
		return;
	lower->forwards = lower->flags & ~(lower->cached ? IO_TARGET_WRITE : 0);
	lower->end_forwarded = bdev_is_zoned(lower->bdev) ? forward_end_zoned : forward_end;
}

static noinline int forward_ask(struct io_target *t, struct io_target_lower *lower,
				struct bio *bio)
{
	if (!lower->bdev)
		return iot_err(t, -EOPNOTSUPP, "bio refused: not a block device");
	if (bio_op(bio) == REQ_OP_READ)
		return iot_err(t, -EBADF, "bio refused: opened for writing only");
	if ((lower->flags & IO_TARGET_WRITE && !bdev_read_only(lower->bdev)) ||
	    (op_is_flush(bio->bi_opf) && !bio_sectors(bio)))
		return lower->cached ? iot_cache_bio(t, bio) : 0;
	return iot_err(t, -EROFS, "bio refused: the device is read-only");
}

/* What the block layer lets pass with a warning, or does not know. */
static int forward_check(struct io_target *t, struct io_target_lower *lower, struct bio *bio)
{
	bool may;

	if (bio_op(bio) == REQ_OP_READ)
		may = lower->forwards & IO_TARGET_READ;
	else
		may = lower->forwards & IO_TARGET_WRITE && !bdev_read_only(lower->bdev);
	return likely(may) ? 0 : forward_ask(t, lower, bio);
}

/* So that bio_poll() asks the caller's disk, and that io_target_forward_poll_bio(). */
static noinline void forward_poll(struct io_target_lower *lower, struct bio *bio,
				  struct bio *clone)
{
	WRITE_ONCE(bio->bi_cookie, 0);
	if (!lower->polls)
		bio_clear_polled(clone);
}

/* Return: NULL when there is no memory, and the bio may not wait for it. */
static struct bio *forward_clone(struct io_target *t, struct io_target_lower *lower,
				 struct bio *bio, const u32 *since)
{
	bool may_wait = since || !(bio->bi_opf & REQ_NOWAIT);
	gfp_t gfp = may_wait ? GFP_NOIO : GFP_NOWAIT;
	struct bio *clone = iot_clone_cached(bio, gfp, &t->forwards);
	struct forward *f;

	if (unlikely(!clone))
		return NULL;
	/* With the device it would get the group of this task first, and then the bio's. */
	clone->bi_bdev = lower->bdev;
	bio_clone_blkg_association(clone, bio);
	if (unlikely(bio->bi_opf & REQ_POLLED))
		forward_poll(lower, bio, clone);
	clone->bi_end_io = lower->end_forwarded;
	f = container_of(clone, struct forward, clone);
	f->target = t;
	f->bio = bio;
	f->resent = since;
	if (unlikely(since)) {
		f->held = (u32)jiffies - *since;
		clone->bi_opf &= ~REQ_NOWAIT;
	}
	f->stamp = iot_latency_stamp(t, since);
	f->started = t->config.account_forwarded ? bio_start_io_acct(bio) : 0;
	return clone;
}

static __always_inline void forward_submit(struct io_target *t, struct bio *clone)
{
	if (!iot_inject_take_bio(t, clone))
		submit_bio_noacct(clone);
}

/* The gate is held, and the bio has been counted. @since: from when on it has pended, or NULL. */
void iot_forward_send(struct io_target *t, struct io_target_lower *lower, struct bio *bio,
		      const u32 *since)
{
	int err = forward_check(t, lower, bio);
	struct bio *clone;

	if (unlikely(err))
		goto err_end;
	clone = forward_clone(t, lower, bio, since);
	if (unlikely(!clone)) {
		err = bio->bi_opf & REQ_NOWAIT && !since ? -EAGAIN : -ENOMEM;
		goto err_end;
	}
	if (likely(!READ_ONCE(lower->orphan_writes)) || !iot_orphan_hold_bio(lower, clone, false))
		forward_submit(t, clone);
	return;

err_end:
	iot_forward_end_unsent(t, bio, err);
	forward_put(t, since);
}

/* From the lower's worker: a clone that was held behind an orphan. */
void iot_forward_send_held(struct io_target_lower *lower, struct bio *clone)
{
	if (!iot_orphan_hold_bio(lower, clone, true))
		forward_submit(lower->target, clone);
}

/* The same of one that is not to be sent any more: the device has not failed it. */
void iot_forward_cancel_held(struct bio *clone)
{
	struct forward *f = container_of(clone, struct forward, clone);
	unsigned long started = f->started;
	struct io_target *t = f->target;
	bool resent = f->resent;
	struct bio *bio = f->bio;

	bio_put(clone);
	if (t->config.account_forwarded)
		bio_end_io_acct(bio, started);
	iot_forward_end_unsent(t, bio, -ECANCELED);
	forward_put(t, resent);
}

/* The gate is shut, or somebody has to be asked. */
static noinline void forward_or_pend(struct io_target *t, struct bio *bio)
{
	int err = iot_forward_pend(t, bio);

	if (err == IOT_PENDED)
		return;
	if (err < 0) {
		forward_refuse(t, bio, err);
		return;
	}
	iot_stats_submit_bio(t, bio);
	iot_forward_send(t, iot_target_lower(t), bio, NULL);
}

/**
 * io_target_forward_bio - send a bio that the caller's own disk has received
 * @target: of a block device
 * @bio: from the caller's ->submit_bio(); its place is one of the target's device.
 *	The caller is done with it
 *
 * The bio goes on as a clone, with its operation, flags, priority, hints, cgroup,
 * integrity and encryption context, and ends when that has ended, with its status. What
 * does not fit the lower device in one is split below.
 *
 * While the target is stopped or suspended bios are held, as many as come, in order, also
 * with requests; config.forward_timeout bounds for how long. One with REQ_NOWAIT ends with
 * BLK_STS_AGAIN instead. A bio that is purged, or finds the target purged, ends with
 * BLK_STS_IOERR; closed or removed: BLK_STS_OFFLINE if it comes then. Writes to a device
 * that is read-only, or was not opened for writing, end with BLK_STS_IOERR before anything
 * is sent. The target must stay until all bios have ended, which io_target_close() waits
 * for. One with REQ_POLLED is to be looked for with io_target_forward_poll_bio().
 *
 * Forward one bio per call of ->submit_bio(), or hand on the rest from elsewhere: clones
 * are sent when that returns, and the target's reserve is for one of each caller.
 *
 * Context: process context, ->submit_bio() included; may wait for memory and tags, unless
 * the bio says REQ_NOWAIT; never for the target.
 */
void io_target_forward_bio(struct io_target *target, struct bio *bio)
{
	if (unlikely(!iot_gate_tryget(&target->gated))) {
		forward_or_pend(target, bio);
		return;
	}
	iot_stats_submit_bio(target, bio);
	iot_forward_send(target, iot_target_lower(target), bio, NULL);
}
EXPORT_SYMBOL_GPL(io_target_forward_bio);

/**
 * io_target_forward_poll_bio - look for the ends of polled bios that were forwarded
 * @target: that they were forwarded to
 * @flags: as ->poll_bio() got them
 *
 * What ->poll_bio() of the caller's disk calls. Looks once at all queues of the device
 * that are polled, so that it finds what others have sent, too.
 *
 * Context: that of ->poll_bio().
 * Return: 1: something may have ended; 0: nothing has.
 */
int io_target_forward_poll_bio(struct io_target *target, unsigned int flags)
{
	struct io_target_lower *lower;

	guard(rcu)();
	lower = rcu_dereference(target->lower);
	return lower && lower->polls ? lower->backend->poll_any(lower, flags) : 0;
}
EXPORT_SYMBOL_GPL(io_target_forward_poll_bio);
