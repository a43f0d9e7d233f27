// SPDX-License-Identifier: GPL-2.0
/*
 * Polled requests: their device tells nobody that they have ended, so somebody has to
 * look. That is for who has sent them, by io_target_poll(); and for those who wait for
 * the target, since who has sent them may be waiting himself.
 *
 * While one is outstanding it is on a shard of its target's, see deadline.c. It leaves
 * that before it is its owner's again, so that under the shard's lock it can be asked
 * where to look; the looking itself is done without the lock, and touches no request
 * but to end it.
 */
#include <linux/export.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/wait.h>

#include "internal.h"

#define NOWHERE		UINT_MAX

/* The device that @t has now, if it can be polled; it stays open until it is put. */
static struct io_target_lower *poll_lower(struct io_target *t)
{
	struct io_target_lower *lower;

	guard(rcu)();
	lower = rcu_dereference(t->lower);
	if (!lower || !lower->polls)
		return NULL;
	iot_lower_get(lower);	/* its last user waits for RCU first */
	return lower;
}

/* Where @lower has @req, which does not go before this returns. */
static unsigned int poll_where(struct io_target_request *req, struct io_target_lower *lower)
{
	if (!(req->flags & IOT_F_POLLED) || READ_ONCE(req->lower) != lower)
		return NOWHERE;
	return lower->backend->where(req);
}

/* Under shard->lock. The one that was found goes to the end, others come next time. */
static unsigned int poll_shard_where(struct iot_shard *shard, struct io_target_lower *lower,
				     bool *polled)
{
	struct io_target_request *req;
	unsigned int where;

	list_for_each_entry(req, &shard->timed, timed) {
		*polled |= req->flags & IOT_F_POLLED;
		where = poll_where(req, lower);
		if (where != NOWHERE) {
			list_move_tail(&req->timed, &shard->timed);
			return where;
		}
	}
	return NOWHERE;
}

static void poll_shard(struct iot_shard *shard, struct io_target_lower *lower, bool *polled)
{
	unsigned int where;

	scoped_guard(spinlock_irqsave, &shard->lock)
		where = poll_shard_where(shard, lower, polled);
	if (where != NOWHERE)
		lower->backend->poll(lower, where);
}

/* Looks once at what may have ended. Return: whether there were requests to look for. */
static bool poll_target(struct io_target *t)
{
	struct io_target_lower *lower = poll_lower(t);
	bool polled = false;
	unsigned int i;

	if (!lower)
		return false;
	for (i = 0; i < IOT_SHARDS; i++)
		poll_shard(&t->shards[i], lower, &polled);
	iot_lower_put(lower);
	return polled;
}

static long wait_once(struct io_target *t, const struct iot_wait *wait, long timeout)
{
	if (wait->killable)
		return wait_event_killable_timeout(t->idle_wait, wait->ended(t, wait), timeout);
	return wait_event_timeout(t->idle_wait, wait->ended(t, wait), timeout);
}

/*
 * wait_event_timeout() for an end that may have to be looked for: once in a tick, as
 * long as polled requests are outstanding. None is sent meanwhile that was not on a
 * shard before: who calls this has shut the gates.
 * Return: as that: 0 when @timeout has passed; -ERESTARTSYS when killed.
 */
long iot_wait_polling(struct io_target *t, const struct iot_wait *wait, long timeout)
{
	while (timeout && poll_target(t)) {
		long left = wait_once(t, wait, 1);

		if (left)
			return left;
		if (timeout != MAX_SCHEDULE_TIMEOUT)
			timeout--;
	}
	return wait_once(t, wait, timeout);
}

/* Return: 1: something has ended, 0: nothing, -ENXIO: there is nowhere to look. */
static int poll_request(struct io_target_request *req)
{
	struct io_target_lower *lower = poll_lower(req->target);
	int found = -ENXIO;
	unsigned int where;

	if (!lower)
		return -ENXIO;
	where = poll_where(req, lower);
	if (where != NOWHERE)
		found = lower->backend->poll(lower, where);
	iot_lower_put(lower);
	return found;
}

/**
 * io_target_poll - look for the end of a request with IO_TARGET_POLLED
 * @req: submitted; its memory must stay valid during the call
 *
 * Looks once at the hardware queue that has @req, and ends all that has ended there,
 * @req or others: their end_io is called from here. It never waits, and may be called
 * by several at once. Something else ends @req, without a poll, when it was longer than
 * the device takes at once, or sent as usual because of IO_TARGET_TRY_POLLED.
 *
 * Context: process context. Not in an end_io.
 * Return: 1: something has ended. 0: nothing has. -ENOENT: @req is not outstanding.
 */
int io_target_poll(struct io_target_request *req)
{
	if (iot_request_owned(req))
		return -ENOENT;
	return max(poll_request(req), 0);
}
EXPORT_SYMBOL_GPL(io_target_poll);

/*
 * Waits for @done of @req, which is polled for, not longer than @timeout. The CPU is
 * kept only while there is something to look at.
 * Return: false when the time has passed.
 */
bool iot_poll_wait(struct io_target_request *req, struct completion *done, long timeout)
{
	unsigned long deadline = jiffies + timeout;

	while (!try_wait_for_completion(done)) {
		if (timeout != IO_TARGET_NO_TIMEOUT && time_after_eq(jiffies, deadline))
			return false;
		if (poll_request(req) < 0 && wait_for_completion_io_timeout(done, 1))
			return true;
		cond_resched();
	}
	return true;
}
