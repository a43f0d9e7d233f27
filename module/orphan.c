// SPDX-License-Identifier: GPL-2.0
/*
 * Orphans: carriers whose request has ended, but not their I/O.
 *
 * A write that ends late must not land on a newer one. So while an orphaned
 * write (or discard, or write of zeroes) is alive, those that overlap it are held
 * back in a queue of the lower's, where cancel, deadline and close find them, and
 * go when it has ended. On a stream all writes overlap. An append may go anywhere in its
 * zone, and what is done to a zone is done to all of it.
 *
 * What was sent before a write became an orphan was under way together with it,
 * and had no order to begin with. What comes after those that were held goes after
 * them, by the same worker, until it has sent them all.
 */
#include "stats.h"

static bool writes(const struct io_target_request *req)
{
	return req->op != IO_TARGET_OP_READ && req->op != IO_TARGET_OP_FLUSH &&
	       req->op != IO_TARGET_OP_NONE && req->op != IO_TARGET_OP_IOCTL;
}

/* Under lower->lock and target->lock. The orphan keeps the device open and the target in memory. */
void iot_orphan_add(struct io_target_carrier *c)
{
	struct io_target_lower *lower = c->lower;

	lockdep_assert_held(&lower->lock);
	list_add_tail(&c->node, &lower->orphans);
	if (writes(&c->io))
		lower->orphan_writes++;
	if (c->io.op == IO_TARGET_OP_FLUSH || c->io.flags & IO_TARGET_PREFLUSH)
		iot_cache_unflushed(c->target);	/* nobody learns how it ends */
	iot_lower_get(lower);
	io_target_get(c->target);
	iot_stats_orphan_add(c);
}

/* Bytes of a device, from @first up to, not including, @end */
struct extent {
	u64	first;
	u64	end;
};

static struct extent zone_of(const struct io_target_lower *lower, u64 pos)
{
	u64 first = pos & ~(lower->zone_size - 1);

	return (struct extent){ first, first + lower->zone_size };
}

static struct extent reach(const struct io_target_lower *lower,
			   const struct io_target_request *req)
{
	if (req->op == IO_TARGET_OP_ZONE_APPEND)
		return zone_of(lower, req->pos);
	return (struct extent){ req->pos, req->pos + req->len };
}

static bool overlap(const struct io_target_lower *lower, const struct io_target_request *req,
		    struct extent e)
{
	struct extent own = reach(lower, req);

	return lower->stream || (own.first < e.end && e.first < own.end);
}

static bool held_by_orphan(struct io_target_lower *lower, struct io_target_request *req)
{
	struct io_target_carrier *c;

	list_for_each_entry(c, &lower->orphans, node)
		if (writes(&c->io) && overlap(lower, &c->io, reach(lower, req)))
			return true;
	return false;
}

/*
 * Under lower->lock: the queue that @req, about to be sent, has to go to, or NULL.
 * @by_worker: by the one who sends what was held.
 */
static struct iot_queue *orphan_queue(struct io_target_lower *lower,
				      struct io_target_request *req, bool by_worker)
{
	if (lower->releasing && !by_worker)
		return &lower->queue;
	return held_by_orphan(lower, req) ? &lower->held : NULL;
}

/* Is @req held back? Then it is queued, and goes later. */
bool iot_orphan_hold(struct io_target_request *req, bool by_worker)
{
	struct io_target_lower *lower = req->lower;
	struct iot_queue *queue;

	if (!writes(req))
		return false;
	guard(spinlock_irqsave)(&lower->lock);
	queue = orphan_queue(lower, req, by_worker);
	if (!queue)
		return false;
	req->flags &= ~IOT_F_CALLER_WAITS;	/* it is the worker who would */
	list_add_tail(&req->node, &queue->requests);
	if (req->flags & IOT_F_AGAIN)
		return true;
	WRITE_ONCE(req->state, IOT_REQ_QUEUED);
	iot_owner_note(req);
	iot_lower_queued(req);
	return true;
}

/* What @bio may change; nothing, if it ends where it begins. */
static struct extent bio_reach(const struct io_target_lower *lower, const struct bio *bio)
{
	u64 pos = (u64)bio->bi_iter.bi_sector << SECTOR_SHIFT;

	if (bio_op(bio) == REQ_OP_ZONE_RESET_ALL)
		return (struct extent){ 0, U64_MAX };
	if (bio_op(bio) == REQ_OP_ZONE_APPEND || op_is_zone_mgmt(bio_op(bio)))
		return zone_of(lower, pos);
	if (!op_is_write(bio_op(bio)))
		return (struct extent){};
	return (struct extent){ pos, pos + bio->bi_iter.bi_size };
}

/* Under lower->lock: the list that a clone that may change @e has to go to, or NULL. */
static struct bio_list *orphan_bios(struct io_target_lower *lower, struct extent e,
				    bool by_worker)
{
	struct io_target_carrier *c;

	if (lower->releasing && !by_worker)
		return &lower->freed_bios;
	list_for_each_entry(c, &lower->orphans, node)
		if (writes(&c->io) && overlap(lower, &c->io, e))
			return &lower->held_bios;
	return NULL;
}

/*
 * The same for a clone of a forwarded bio, which has its gate. Among themselves they
 * keep their order, and so do requests.
 */
bool iot_orphan_hold_bio(struct io_target_lower *lower, struct bio *clone, bool by_worker)
{
	struct extent e = bio_reach(lower, clone);
	struct bio_list *bios;

	if (e.first == e.end)
		return false;
	guard(spinlock_irqsave)(&lower->lock);
	bios = orphan_bios(lower, e, by_worker);
	if (!bios)
		return false;
	bio_list_add(bios, clone);
	iot_lower_queued_bio(lower);
	return true;
}

/* All that is held tries again, in order; the worker looks whether it may. */
static void orphan_remove(struct io_target_carrier *c)
{
	struct io_target_lower *lower = c->lower;

	guard(spinlock_irqsave)(&lower->lock);
	list_del_init(&c->node);
	if (!writes(&c->io))
		return;
	lower->orphan_writes--;
	if (list_empty(&lower->held.requests) && bio_list_empty(&lower->held_bios))
		return;
	list_splice_tail_init(&lower->held.requests, &lower->queue.requests);
	bio_list_merge(&lower->freed_bios, &lower->held_bios);
	bio_list_init(&lower->held_bios);
	if (!lower->releasing) {
		lower->releasing = true;
		lower->orphan_writes++;	/* so that all senders still look */
	}
	iot_lower_kick(lower);
}

/* Under lower->lock: the worker has nothing left to send. */
void iot_orphan_released(struct io_target_lower *lower)
{
	if (!lower->releasing)
		return;
	lower->releasing = false;
	lower->orphan_writes--;
}

/* The device has answered the orphan. */
void iot_orphan_end(struct io_target_carrier *c, ssize_t result)
{
	struct io_target_lower *lower = c->lower;
	struct io_target *t = c->target;

	iot_stats_orphan_end(c, result);
	orphan_remove(c);
	iot_event(t, IO_TARGET_EVENT_ORPHAN_END);
	iot_carrier_put(c);
	iot_lower_put(lower);
	io_target_put(t);
}
