// SPDX-License-Identifier: GPL-2.0
/*
 * Giving the device up, for good (close) or for a while (suspend).
 */
#include <linux/export.h>
#include <linux/rcupdate.h>
#include <linux/wait.h>

#include "stats.h"
#include "watch.h"

/* How often a close that has to wait says so */
#define CLOSE_WARN_SECS		10

bool iot_target_unused(struct io_target *t, const struct iot_wait *wait)
{
	return percpu_ref_is_zero(&t->gated) && percpu_ref_is_zero(&t->ungated);
}

/* Ends when the device has answered everything it was sent over callers' memory. */
static void target_wait_closed(struct io_target *t)
{
	struct iot_wait wait = { .ended = iot_target_unused };

	while (!iot_wait_polling(t, &wait, CLOSE_WARN_SECS * HZ))
		pr_warn("io_target: %s: close waits for %llu requests\n",
			io_target_name(t), iot_stats_in_flight(t));
}

/*
 * The device itself, of which no request has anything any more: then no submit can
 * look at t->lower; prep looks at it under RCU only. Expedited, since somebody waits,
 * and it is rare.
 */
static void target_release_lower(struct io_target *t)
{
	struct io_target_lower *lower;

	lower = rcu_dereference_protected(t->lower, lockdep_is_held(&t->mutex));
	if (!lower)
		return;
	rcu_assign_pointer(t->lower, NULL);
	synchronize_rcu_expedited();
	iot_lower_release(lower);
}

/* The order matters: no new request passes the gates, those that did are waited for. */
static bool target_close_locked(struct io_target *t)
{
	struct io_target_lower *lower;

	if (io_target_state(t) == IO_TARGET_CLOSED)
		return false;
	iot_state_closed(t);
	t->turns++;
	lower = rcu_dereference_protected(t->lower, lockdep_is_held(&t->mutex));
	if (lower) {
		iot_lower_cancel_begin(lower, true);
		iot_lower_cancel_queued(lower);
	}
	iot_follow_end(t);
	iot_rescan_end(t);
	iot_inject_close(t);
	target_wait_closed(t);
	iot_cache_end(t);
	iot_deadline_quiesce(t);
	target_release_lower(t);
	iot_next_forget(t);
	t->suspended = false;
	return true;
}

/*
 * The device, if nothing uses it any more within @timeout. For a target that is held
 * back already. Under the mutex.
 */
bool iot_target_give_up(struct io_target *t, long timeout)
{
	struct iot_wait wait = { .ended = iot_target_unused };

	lockdep_assert_held(&t->mutex);
	if (!iot_wait_polling(t, &wait, timeout))
		return false;
	target_release_lower(t);
	return true;
}

/*
 * A freeze is over whose end has not been told: by a thaw, or because the device has been
 * given up. By all who may have done so, without the mutex.
 */
void iot_target_thawed(struct io_target *t)
{
	bool told;

	scoped_guard(mutex, &t->mutex) {
		told = t->freeze_told && !iot_target_frozen(t);
		if (told)
			t->freeze_told = false;
	}
	if (told)
		iot_event_may_sleep(t, IO_TARGET_EVENT_THAW);
}

void iot_target_close(struct io_target *t)
{
	bool closed;

	scoped_guard(mutex, &t->mutex)
		closed = target_close_locked(t);
	/* Without the mutex, which those who tell events may take. */
	iot_tell_quiesce(t);
	iot_follow_quiesce(t);
	iot_rescan_quiesce(t);
	iot_target_thawed(t);
	if (closed)
		iot_event(t, IO_TARGET_EVENT_STATE);
}

/**
 * io_target_close - send nothing more, wait for what was sent, release the device
 * @target: the target; closing a closed one does nothing
 *
 * On return no end_io runs or will run, no caller's memory is in use, and the
 * lower device has been released, so that its driver may be unloaded. Orphans
 * (see IO_TARGET_BOUNCE) are not waited for; they keep the device open, and
 * the target and this module alive, until the device answers. So does the search for a
 * lost device, if what it has opened does not answer.
 *
 * Requests that the device has not been given yet (those of a stream that wait for it
 * to be ready, or behind others) end with -ECANCELED and not_sent. Those that it has
 * are cancelled as by io_target_cancel(); the wait for them, over the callers' own
 * memory, lasts as long as the device takes; one line every ten seconds says how many
 * are missing.
 *
 * Context: process context, sleeps. Never in the target's own end_io.
 * Return: 0. -EDEADLK, and nothing is closed, where the wait would never end:
 * irq context, inside a block driver's ->submit_bio(), in an end_io that a
 * worker of the library calls, and with the verifier in any end_io of @target.
 */
int io_target_close(struct io_target *target)
{
	int err = iot_may_wait(target, "close");

	if (!err)
		iot_target_close(target);
	return err;
}
EXPORT_SYMBOL_GPL(io_target_close);

/* Under the mutex. Return: 0; -ENODEV: the device leaves, and is written to until it has. */
int iot_suspend_begin(struct io_target *t)
{
	scoped_guard(spinlock_irqsave, &t->lock) {
		if (iot_target_leaves(t))
			return -ENODEV;
		t->suspended = true;	/* so it does not begin to leave */
	}
	iot_state_suspend(t);
	return 0;
}

static int target_suspend_locked(struct io_target *t, long timeout)
{
	enum io_target_state state = io_target_state(t);

	if (state == IO_TARGET_CLOSED || state == IO_TARGET_REMOVED)
		return -ENODEV;
	if (iot_suspend_begin(t))
		return -ENODEV;
	/* Only a lost target has a look, and that has no device. */
	if (!iot_look_wait(t, timeout) || !iot_target_give_up(t, timeout))
		return -ETIMEDOUT;
	iot_look_drop(t);
	return io_target_state(t) == IO_TARGET_REMOVED ? -ENODEV : 0;
}

/**
 * io_target_suspend - give the device up until io_target_resume()
 * @target: an open target, in any state
 * @timeout: how long to wait for what has been sent, in jiffies, more than 0, or
 *	IO_TARGET_NO_TIMEOUT
 *
 * What KMDF's close-for-query-remove is: requests pend from now on, those with
 * IO_TARGET_IGNORE_STATE too; when all that was sent has ended, the device is
 * released, as by io_target_close(). Writes that are held behind an orphan count as
 * sent. A purged target stays PURGED. The search for a lost device is waited for, too.
 *
 * Context: process context, sleeps. Never in the target's own end_io.
 * Return: 0, and the device has been released. -ETIMEDOUT: it is still open, but
 * the target is SUSPENDED; suspend it again to wait longer, or resume it. -ENODEV:
 * the target is closed, or removed, perhaps meanwhile, or its device is just leaving.
 * -EINVAL: bad @timeout. -EDEADLK: as for io_target_close().
 */
int io_target_suspend(struct io_target *target, long timeout)
{
	enum io_target_state before = io_target_state(target);
	int err;

	if (timeout <= 0)
		return iot_err(target, -EINVAL, "suspend refused: timeout %ld", timeout);
	err = iot_may_wait(target, "suspend");
	if (err)
		return err;
	scoped_guard(mutex, &target->mutex) {
		err = target_suspend_locked(target, timeout);
		iot_tell_begin(target);
	}
	iot_target_thawed(target);
	if (err == -ENODEV)
		iot_err(target, err, "suspend refused: closed, removed, or about to be");
	else if (io_target_state(target) != before)
		iot_event(target, IO_TARGET_EVENT_STATE);
	iot_tell_end(target);
	return err;
}
EXPORT_SYMBOL_GPL(io_target_suspend);

static bool target_has(struct io_target *t, struct io_target_lower *lower)
{
	return rcu_access_pointer(t->lower) == lower &&
	       io_target_state(t) != IO_TARGET_REMOVED;
}

/* The lock is that under which @lower becomes the target's, which sees the mark then. */
static bool lower_set_frozen(struct io_target *t, struct io_target_lower *lower, bool frozen)
{
	guard(spinlock_irqsave)(&t->lock);
	lower->frozen = frozen;
	return target_has(t, lower);
}

/* Return: false: @lower is not the target's, and would be a frozen one from now on. */
static bool freeze_begin(struct io_target *t, struct io_target_lower *lower)
{
	guard(spinlock_irqsave)(&t->lock);
	if (target_has(t, lower))
		return true;
	lower->frozen = true;
	return false;
}

/* Waits for a lower to become idle, or to be given up. */
struct freeze_wait {
	struct iot_wait			wait;
	struct io_target_lower		*lower;
};

static bool freeze_ended(struct io_target *t, const struct iot_wait *wait)
{
	const struct freeze_wait *w = container_of(wait, struct freeze_wait, wait);

	return iot_target_unused(t, wait) || !target_has(t, w->lower);
}

/* Under the mutex. Return: whether there is something to be waited for. */
static bool freeze_suspend(struct io_target *t, struct io_target_lower *lower)
{
	t->freeze_told = true;
	if (!lower_set_frozen(t, lower, true))
		return false;
	iot_state_suspend(t);
	return true;
}

/*
 * The wait has ended with @err; under the mutex. Orphaned writes may still reach the device:
 * the freeze fails then.
 */
static int freeze_end(struct io_target *t, struct io_target_lower *lower, int err)
{
	if (!err && target_has(t, lower) && READ_ONCE(lower->orphan_writes))
		err = iot_err(t, -EBUSY, "freeze refused: orphaned writes");
	if (err && lower_set_frozen(t, lower, false))
		iot_state_resume(t, NULL, false);
	return err;
}

/* Waits without the mutex, so that calls which control the target do not wait for the device. */
static int freeze_wait(struct io_target *t, struct io_target_lower *lower)
{
	struct freeze_wait w = {
		.wait = { .ended = freeze_ended, .killable = true },
		.lower = lower,
	};
	int err = iot_wait_polling(t, &w.wait, MAX_SCHEDULE_TIMEOUT) < 0 ? -EINTR : 0;

	guard(mutex)(&t->mutex);
	return freeze_end(t, lower, err);
}

/*
 * For the owner of the device, who wants it quiet: SUSPENDED, without its release.
 * He waits for what has been sent as long as the device takes, unless he is killed; other
 * calls go on meanwhile.
 *
 * Whoever stands above the target is frozen first, while requests still flow: what he
 * has in his caches has to go through here. That is told without the mutex, so that the
 * target may be closed meanwhile, or lose the device: then there is nothing to be
 * frozen any more, and he is told of the thaw at once.
 */
int iot_target_freeze(struct io_target *t, struct io_target_lower *lower)
{
	bool waits;
	int err;

	if (!freeze_begin(t, lower))
		return 0;
	iot_event_may_sleep(t, IO_TARGET_EVENT_FREEZE);
	err = mutex_lock_killable(&t->mutex);
	if (err) {
		iot_event_may_sleep(t, IO_TARGET_EVENT_THAW);
		return err;
	}
	waits = freeze_suspend(t, lower);
	mutex_unlock(&t->mutex);
	if (waits)
		err = freeze_wait(t, lower);
	iot_event(t, IO_TARGET_EVENT_STATE);
	iot_target_thawed(t);
	return err;
}

IOT_EXPORT_FOR_TESTS(iot_target_freeze);

/* Goes on as it was, or as it was told to be meanwhile. */
void iot_target_thaw(struct io_target *t, struct io_target_lower *lower)
{
	bool was, has;

	scoped_guard(mutex, &t->mutex) {
		was = rcu_access_pointer(t->lower) == lower && READ_ONCE(lower->frozen);
		has = lower_set_frozen(t, lower, false);
		if (was && has)
			iot_state_resume(t, NULL, false);
	}
	if (!was)
		return;
	iot_event(t, IO_TARGET_EVENT_STATE);
	iot_target_thawed(t);
}

IOT_EXPORT_FOR_TESTS(iot_target_thaw);
