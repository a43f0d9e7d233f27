// SPDX-License-Identifier: GPL-2.0
/*
 * Following a device that goes away: it is looked for where it was, until it is back.
 *
 * A lost target is one that is suspended, with t->lost: requests pend, also those that a
 * disk has failed because it has gone (iot_keep(), iot_forward_keep()), and what its owner
 * wishes meanwhile counts when the device is back. One delayed work per target does
 * the rest, and nothing else does: it tells the loss, gives the dead device up, has it looked
 * for with growing pauses, and tells that it was found.
 *
 * t->lost is set under target->lock by whoever sees the device die, in any context, and
 * together with that the work is queued. It is cleared under mutex and lock, by the work
 * or by close. The device is opened by a look, see look.c, without the mutex; the work
 * begins it, and takes what it has found. What can meet:
 *
 *   close, while the work waits for its turn or for the mutex: close, under the mutex,
 *	clears t->lost and takes the work off its timer; the work queues itself under the
 *	mutex only while t->lost, and a look only while it is the target's, so nobody queues
 *	it again. One that was running gets the mutex next and finds nothing to do. Close
 *	waits for it when it has dropped the mutex: it may be in an event callback.
 *   close, while a look opens the device: waits for it for a moment, and forgets it.
 *   the device dies again before it has become t->lower: lower->gone is set, of which
 *	iot_state_resume() takes notice under the lock under which it sets t->lower. The
 *	target is lost again, without having been told to be found.
 *   it dies again after that: the work is queued anew, and runs after it has returned;
 *	found comes before lost.
 *   suspend by the owner, while it is lost: the device is his to take back. suspend waits for
 *	the look, as long as it was told to, and closes what that has found; of a look that
 *	ends later the work does so, which sees t->suspended, under the mutex, and stops.
 *	reopen has it look at once.
 *   stop, purge, start: change the wish, under the lock alone. A purged target is
 *	followed, too, for the start that may come.
 *   put: the last one closes, or finds it closed.
 */
#include <linux/sched/mm.h>

#include "stats.h"
#include "watch.h"

#define FIRST		(HZ / 10)
#define LAST		(10 * HZ)

/* How long somebody keeps the mutex, for requests that have not come back, or a look */
#define DRAIN		(HZ / 10)

void iot_follow_queue(struct io_target *t, unsigned long delay)
{
	mod_delayed_work(iot_recovery, &t->follow_work, delay);
}

/* Under the mutex: the next look, a while from now. */
static void follow_later(struct io_target *t)
{
	const struct io_target_follow *config = &t->config.follow;
	unsigned long delay = t->follow_delay;

	t->follow_delay = min(2 * delay, max(config->last ?: LAST, config->first ?: FIRST));
	iot_follow_queue(t, delay);
}

/* Under target->lock: @t has no device. Return: whether it follows. */
bool iot_follow_lost(struct io_target *t)
{
	lockdep_assert_held(&t->lock);
	if (!t->follows)
		return false;
	if (!t->lost) {
		t->lost = true;
		iot_follow_queue(t, 0);
	}
	return true;
}

/* The first thing after a loss. Return: whether the device can be looked for. */
static bool follow_give_up(struct io_target *t)
{
	if (!rcu_access_pointer(t->lower))
		return true;
	t->follow_delay = t->config.follow.first ?: FIRST;
	if (iot_target_give_up(t, DRAIN))
		follow_later(t);
	else
		iot_follow_queue(t, t->follow_delay);
	return false;
}

/* Begins a look, which queues the work when it ends. */
static void follow_begin(struct io_target *t)
{
	if (iot_source_ask(t, &t->source) || iot_look_begin(t))
		follow_later(t);
}

/*
 * Takes the result of the look. The path may have come to lie above the target since the look
 * began. Return: the device, or ERR_PTR.
 */
static struct io_target_lower *follow_take(struct io_target *t)
{
	struct io_target_lower *lower = iot_look_take(t);
	int err;

	if (IS_ERR(lower))
		return lower;
	err = iot_source_ask(t, &t->source);
	if (!err)
		return lower;
	iot_lower_release(lower);
	return ERR_PTR(err);
}

/* Return: whether it was found; then alone @cache_lost is set. */
static bool follow_look(struct io_target *t, bool *cache_lost)
{
	struct io_target_lower *lower;

	if (t->suspended)
		iot_look_drop(t);
	if (!t->lost || t->suspended || iot_look_runs(t) || !follow_give_up(t))
		return false;
	if (!t->look) {
		follow_begin(t);
		return false;
	}
	lower = follow_take(t);
	if (IS_ERR(lower)) {
		follow_later(t);
		return false;
	}
	scoped_guard(spinlock_irqsave, &t->lock)
		t->lost = false;
	*cache_lost = iot_cache_found(t);
	return iot_target_opened(t, lower, false) != -ENODEV;
}

static void follow_tell_lost(struct io_target *t)
{
	u32 session = READ_ONCE(t->session);

	if (!READ_ONCE(t->lost) || t->lost_told == session)
		return;
	t->lost_told = session;
	iot_err(t, -ENODEV, "the device is lost, and is looked for");
	iot_event_may_sleep(t, IO_TARGET_EVENT_LOST);
}

static void follow_tell_found(struct io_target *t, bool cache_lost)
{
	t->lost_told = 0;
	pr_info("io_target: %s: the device is back%s\n", io_target_name(t), cache_lost ?
		", perhaps without what was in its cache: a flush fails" : "");
	if (cache_lost)
		iot_event_may_sleep(t, IO_TARGET_EVENT_CACHE_LOST);
	iot_rescan(t);
	iot_event(t, IO_TARGET_EVENT_STATE);
	iot_event_may_sleep(t, IO_TARGET_EVENT_FOUND);
}

static void follow_work(struct work_struct *work)
{
	struct io_target *t = container_of(to_delayed_work(work), struct io_target, follow_work);
	unsigned int noio = memalloc_noio_save();	/* all I/O may pend meanwhile */
	bool found, cache_lost;

	follow_tell_lost(t);
	scoped_guard(mutex, &t->mutex)
		found = follow_look(t, &cache_lost);
	iot_target_thawed(t);	/* what was frozen and has been given up */
	if (found)
		follow_tell_found(t, cache_lost);
	memalloc_noio_restore(noio);
}

void iot_follow_init(struct io_target *t)
{
	INIT_DELAYED_WORK(&t->follow_work, follow_work);
}

/* A device is there, and will be @t's at once. Under the mutex. */
void iot_follow_opened(struct io_target *t)
{
	const struct iot_source *from = &t->source;
	bool can = (from->path || from->dev || from->call) &&
		   (from->provider || S_ISBLK(t->fits.info.mode) || S_ISCHR(t->fits.info.mode));

	guard(spinlock_irqsave)(&t->lock);
	t->follows = t->config.follow.enable && can;
}

/*
 * reopen: look at once. A look that has just ended is taken; one that does not end is given up.
 * Under the mutex.
 */
void iot_follow_now(struct io_target *t)
{
	lockdep_assert_held(&t->mutex);
	if (!iot_look_wait(t, DRAIN))
		iot_look_forget(t, 0);
	t->follow_delay = t->config.follow.first ?: FIRST;
	iot_follow_queue(t, 0);
}

/* By close, under the mutex, when the target is closed. */
void iot_follow_end(struct io_target *t)
{
	lockdep_assert_held(&t->mutex);
	scoped_guard(spinlock_irqsave, &t->lock) {
		t->lost = false;
		t->follows = false;
	}
	iot_look_forget(t, DRAIN);
	cancel_delayed_work(&t->follow_work);
}

/*
 * After that, without the mutex. Not by flush_work(), with which lockdep would find the
 * last put, from a worker of the same queue, to be waiting for itself.
 */
void iot_follow_quiesce(struct io_target *t)
{
	cancel_delayed_work_sync(&t->follow_work);
	/* Somebody may have opened, and lost, it since. */
	scoped_guard(mutex, &t->mutex) {
		if (t->lost)
			iot_follow_queue(t, 0);
	}
}
