// SPDX-License-Identifier: GPL-2.0
/*
 * Claiming an outstanding request: how cancel, deadlines and waiters get to end
 * it before its device does.
 *
 * Every claim is made under target->lock. It succeeds where the request is held
 * back by the library: pended, or in a queue of its lower's; a BOUNCE request can be
 * had even from the device, by whom its carrier may be orphaned. Who has claimed a
 * request is its one finisher, and ends it with the lock dropped.
 *
 * A request that is in none of these places just now, on its way from one to another or
 * with the device, is marked (iot_lower_want()), and ends when it would come to wait.
 */
#include <linux/export.h>
#include <linux/hashtable.h>
#include <linux/rcupdate.h>

#include "stats.h"

/* Its lower, if it has one still, is the target's, which RCU keeps. */
static bool claim_queued(struct io_target_request *req)
{
	struct io_target_lower *lower;

	guard(rcu)();
	lower = rcu_dereference(req->target->lower);
	if (!lower || READ_ONCE(req->lower) != lower)
		return false;
	guard(spinlock_irqsave)(&lower->lock);
	if (!iot_lower_unqueue(req))
		return false;
	WRITE_ONCE(req->state, IOT_REQ_SENT);
	return true;
}

/*
 * The device has the I/O: perhaps it lets go of it when it is asked to. Or it is on its way
 * to it, or back, and so finds the mark.
 */
static bool claim_interrupt(struct io_target_request *req, int why)
{
	struct io_target_request *io = req->carrier ? &req->carrier->io : req;
	struct io_target_lower *lower;

	guard(rcu)();
	lower = rcu_dereference(req->target->lower);
	if (!lower)
		return false;
	iot_lower_want(lower, io, why);
	if (READ_ONCE(io->lower) != lower || !lower->backend->interrupt)
		return false;
	return lower->backend->interrupt(lower, io, why);
}

/*
 * Under target->lock, which keeps a request that is outstanding from going.
 * @or_orphan: have it even if its I/O must go on alone.
 * @why: with which errno the I/O is to end that the device has, if it lets go of it.
 */
enum iot_claim iot_claim(struct io_target_request *req, bool or_orphan, int why)
{
	enum iot_claim how;
	bool pended;

	lockdep_assert_held(&req->target->lock);
	if (iot_request_owned(req))
		return IOT_CLAIM_NONE;
	pended = iot_pended_remove(req);
	if (req->carrier)
		how = iot_carrier_claim(req->carrier, or_orphan);
	else if (pended || claim_queued(req))
		how = IOT_CLAIM_UNSENT;
	else
		how = IOT_CLAIM_NONE;
	if (how != IOT_CLAIM_UNSENT && claim_interrupt(req, why) && how == IOT_CLAIM_NONE)
		return IOT_CLAIM_ASKED;
	if (how != IOT_CLAIM_NONE)
		req->not_sent = how == IOT_CLAIM_UNSENT;
	return how;
}

/*
 * By whom @req was claimed. What the device has done of it before it came to wait is its
 * result.
 * Context: any, with no lock held.
 */
void iot_claim_end(struct io_target_request *req, int err)
{
	bool orphaned = !req->not_sent;
	bool kept = req->result == IOT_KEPT;
	ssize_t begun = 0;

	if (err == -ETIMEDOUT)
		iot_stats_deadline(req, orphaned ? IOT_DEADLINE_ORPHANED : IOT_DEADLINE_UNSENT);
	if (orphaned)
		iot_event(req->target, IO_TARGET_EVENT_ORPHAN);
	else
		begun = req->carrier ? iot_carrier_begun(req) : iot_begun(req);
	if (begun || kept)
		req->not_sent = false;
	iot_request_finish(req, begun ?: err, BLK_STS_OK);
}

/**
 * io_target_cancel - end a request that its device has not been given yet
 * @req: initialised; its memory must stay valid during the call. A caller whose
 *	end_io frees it uses io_target_cancel_id()
 *
 * A request that waits for a char device to be ready has not been given to it; one of
 * which a part is done ends with what was done. A driver that a thread of the library
 * waits in is asked to let go (by a signal): if it does, and has done nothing, its
 * request ends with -ECANCELED. So does one that is on its way to such a device, if that
 * turns out not to be ready for it. Whatever else is with a device stays there.
 *
 * Nothing sticks: a request that was not outstanding is not affected later, nor is its
 * next use.
 *
 * Context: any; end_io may be called before it returns.
 * Return: 0: end_io has been called with -ECANCELED and not_sent, or with a part of
 * it done, or is called by a worker, with IO_TARGET_TASK. -EALREADY: the device has it;
 * what that makes of it is the result. -ENOENT: it is not outstanding.
 */
int io_target_cancel(struct io_target_request *req)
{
	struct io_target *t = req->target;
	enum iot_claim how;

	if (iot_request_owned(req))
		return -ENOENT;
	scoped_guard(spinlock_irqsave, &t->lock) {
		how = iot_claim(req, false, -ECANCELED);
		if (how == IOT_CLAIM_ASKED)
			return -EALREADY;
		if (how == IOT_CLAIM_NONE)
			return iot_request_owned(req) ? -ENOENT : -EALREADY;
	}
	iot_claim_end(req, -ECANCELED);
	return 0;
}
EXPORT_SYMBOL_GPL(io_target_cancel);

/**
 * io_target_request_id - a name for one use of a request
 * @req: formatted
 *
 * A number that no other use of any request has ever had or will have. It can be
 * kept when the request cannot: after the request has ended, been freed or been
 * used again, it names nothing. It lasts until the next prep or reinit.
 *
 * Context: any, between prep and submit.
 * Return: the number; 0 when @req is not formatted.
 */
u64 io_target_request_id(struct io_target_request *req)
{
	static atomic64_t ids = ATOMIC64_INIT(0);

	if (READ_ONCE(req->state) != IOT_REQ_FORMATTED)
		return 0;
	if (!(req->flags & IOT_F_NAMED)) {
		req->id = atomic64_inc_return(&ids);
		req->flags |= IOT_F_NAMED;
	}
	return req->id;
}
EXPORT_SYMBOL_GPL(io_target_request_id);

/* @req is about to be accepted. Return: false if a concurrent submit was faster. */
bool iot_named_add(struct io_target_request *req)
{
	struct io_target *t = req->target;

	guard(spinlock_irqsave)(&t->lock);
	if (!hlist_unhashed(&req->named))
		return false;
	hash_add(t->named, &req->named, req->id);
	return true;
}

/* @req has not been accepted, or is ending. */
void iot_named_del(struct io_target_request *req)
{
	guard(spinlock_irqsave)(&req->target->lock);
	hash_del(&req->named);
}

static struct io_target_request *named_find(struct io_target *t, u64 id)
{
	struct io_target_request *req;

	lockdep_assert_held(&t->lock);
	hash_for_each_possible(t->named, req, named, id)
		if (req->id == id && !iot_request_owned(req))
			return req;
	return NULL;
}

/**
 * io_target_cancel_id - io_target_cancel() for who may no longer have the request
 * @target: where it was submitted
 * @id: from io_target_request_id()
 *
 * Context: any; end_io may be called before it returns.
 * Return: as io_target_cancel(); -ENOENT also for an @id that names nothing any more.
 */
int io_target_cancel_id(struct io_target *target, u64 id)
{
	struct io_target_request *req;
	enum iot_claim how;

	scoped_guard(spinlock_irqsave, &target->lock) {
		req = named_find(target, id);
		if (!req)
			return -ENOENT;
		how = iot_claim(req, false, -ECANCELED);
		if (how == IOT_CLAIM_NONE || how == IOT_CLAIM_ASKED)
			return -EALREADY;
	}
	iot_claim_end(req, -ECANCELED);
	return 0;
}
EXPORT_SYMBOL_GPL(io_target_cancel_id);
