// SPDX-License-Identifier: GPL-2.0
/*
 * The target's state: start, stop, purge, drain.
 *
 * The state changes under target->lock, and with it the gates: gated is live if and
 * only if the state is STARTED, ungated while there is a device to use. To shut a
 * gate works in any context as long as no earlier shutting is still on its way to
 * the other CPUs, which is why who opens one waits for that before.
 *
 * The mutex makes start, open, close, suspend and reopen one at a time, but for opening
 * the device again, which may take for ever. stop and purge take only the spinlock, so
 * that they work anywhere; start notices that it has been overtaken. Those who wait hold
 * nothing.
 */
#include <linux/export.h>
#include <linux/sched/mm.h>
#include <linux/wait.h>

#include "stats.h"
#include "watch.h"

/* Of no request that stop and purge wait for is the end still to come. */
bool iot_target_idle(struct io_target *t)
{
	return percpu_ref_is_zero(&t->gated) && !atomic_read(&t->resent);
}

void iot_state_init(struct io_target *t)
{
	init_waitqueue_head(&t->idle_wait);
	INIT_LIST_HEAD(&t->pended);
	t->kept = &t->pended;
	bio_list_init(&t->pended_bios);
	hash_init(t->named);
	atomic_set(&t->resent, 0);
	if (!t->config.max_pended)
		t->config.max_pended = 1024;
}

/* Under target->lock, or the answer is a snapshot. */
static bool is_open(enum io_target_state state)
{
	return state != IO_TARGET_CLOSED && state != IO_TARGET_REMOVED;
}

static void gate_set(struct percpu_ref *gate, bool open)
{
	if (open == !percpu_ref_is_dying(gate))
		return;
	if (open)
		percpu_ref_resurrect(gate);
	else
		percpu_ref_kill(gate);
}

/*
 * The one place where state and gates change. @wish is what the owner wants of the
 * target; what it is follows from that and from whether there is a device.
 */
static void state_set(struct io_target *t, enum io_target_state wish, bool available)
{
	enum io_target_state state = wish;

	lockdep_assert_held(&t->lock);
	if (!available && (wish == IO_TARGET_STARTING || wish == IO_TARGET_STARTED ||
			   wish == IO_TARGET_STOPPED))
		state = IO_TARGET_SUSPENDED;
	if (state != t->state || wish != t->wish)
		trace_state(t, t->state, state, wish);
	t->wish = wish;
	t->available = available;
	gate_set(&t->gated, state == IO_TARGET_STARTED);
	gate_set(&t->ungated, available);
	WRITE_ONCE(t->state, state);
	wake_up_all(&t->idle_wait);
}

/*
 * The caller, who holds the mutex, is about to open a gate that only he opens: this
 * waits until all CPUs know that it is shut.
 */
static void gate_settle(struct io_target *t, struct percpu_ref *gate)
{
	lockdep_assert_held(&t->mutex);
	if (percpu_ref_is_dying(gate))
		percpu_ref_switch_to_percpu(gate);
}

/* STARTING to STARTED, once the queue is empty. */
static bool state_open_gate(struct io_target *t)
{
	guard(spinlock_irqsave)(&t->lock);
	if (t->state != IO_TARGET_STARTING || !list_empty(&t->pended) ||
	    !bio_list_empty(&t->pended_bios))
		return false;
	state_set(t, IO_TARGET_STARTED, true);
	return true;
}

/* From STARTING. Return: 0, or -ECANCELED when somebody has changed the state. */
static int state_send_pended(struct io_target *t)
{
	unsigned int noio = memalloc_noio_save();
	int err = 0;

	gate_settle(t, &t->gated);
	while (!state_open_gate(t)) {
		if (!iot_pended_send(t, IO_TARGET_STARTING) &&
		    io_target_state(t) != IO_TARGET_STARTING) {
			err = -ECANCELED;
			break;
		}
	}
	memalloc_noio_restore(noio);
	return err;
}

/* What it is to be: as its owner wants it now, which may be news. */
static enum io_target_state resume_wish(struct io_target *t, bool hold)
{
	enum io_target_state wish = t->wish;

	if (t->state == IO_TARGET_CLOSED || wish == IO_TARGET_STARTED)
		wish = IO_TARGET_STARTING;
	return hold && wish == IO_TARGET_STARTING ? IO_TARGET_STOPPED : wish;
}

/* What ignores the state has pended for want of a device. */
static void state_send_ignoring(struct io_target *t, enum io_target_state state)
{
	unsigned int noio = memalloc_noio_save();

	while (iot_pended_send(t, state))
		;
	memalloc_noio_restore(noio);
}

/*
 * The target has a device again, unless it is still suspended or frozen: @lower if it
 * was just opened, else the one that it has. @hold: start it only if its owner says so
 * from now on. Under the mutex.
 * Return: 0. -ENODEV: removed again. -ECANCELED: no longer what was wished.
 */
int iot_state_resume(struct io_target *t, struct io_target_lower *lower, bool hold)
{
	struct iot_claimed claimed = { .requests = LIST_HEAD_INIT(claimed.requests) };
	enum io_target_state wish;
	bool removed;

	gate_settle(t, &t->ungated);
	scoped_guard(spinlock_irqsave, &t->lock) {
		wish = resume_wish(t, hold);
		if (lower && t->state == IO_TARGET_CLOSED)
			t->session = lower->opened;
		if (lower)
			rcu_assign_pointer(t->lower, lower);
		lower = rcu_dereference_protected(t->lower, true);
		removed = lower->gone && !iot_follow_lost(t);
		if (removed)
			iot_pended_claim_all(t, &claimed);
		if (!removed && (lower->gone || t->suspended || lower->frozen)) {
			state_set(t, wish == IO_TARGET_STARTING ? IO_TARGET_STARTED : wish, false);
			return lower->gone ? -ENODEV : 0;
		}
		state_set(t, removed ? IO_TARGET_REMOVED : wish, !removed);
	}
	if (removed) {
		iot_pended_end(t, &claimed, -ENODEV);
		return -ENODEV;
	}
	if (wish == IO_TARGET_STARTING)
		return state_send_pended(t);
	state_send_ignoring(t, wish);
	return 0;
}

/* Requests pend from now on, and none has the device when both gates are at zero. */
void iot_state_suspend(struct io_target *t)
{
	guard(spinlock_irqsave)(&t->lock);
	if (is_open(t->state))
		state_set(t, t->wish, false);
}

/*
 * For good, with all that pended, whose end comes before this returns. @only: unless
 * the target has another device by now. The caller tells a removal, and ends that.
 */
static bool state_end(struct io_target *t, enum io_target_state state, int err,
		      struct io_target_lower *only)
{
	struct iot_claimed claimed = { .requests = LIST_HEAD_INIT(claimed.requests) };

	scoped_guard(spinlock_irqsave, &t->lock) {
		if (only)
			only->gone = true;
		if (state == IO_TARGET_REMOVED && !is_open(t->state))
			return false;
		if (only && rcu_access_pointer(t->lower) != only)
			return false;
		if (state == IO_TARGET_REMOVED)
			iot_tell_begin(t);
		state_set(t, state, false);
		iot_pended_claim_all(t, &claimed);
	}
	iot_pended_end(t, &claimed, err);
	return true;
}

void iot_state_closed(struct io_target *t)
{
	state_end(t, IO_TARGET_CLOSED, -ECANCELED, NULL);
}

/*
 * In place of that for a target that follows its device: it has none for a while, and
 * keeps what pends. The worker that is kicked here tells the loss.
 * Return: false: it does not follow.
 */
static bool state_lost(struct io_target *t, struct io_target_lower *only)
{
	scoped_guard(spinlock_irqsave, &t->lock) {
		if (!t->follows || !is_open(t->state))
			return false;
		only = only ?: rcu_dereference_protected(t->lower, true);
		if (only)
			only->gone = true;
		if (t->lost || rcu_access_pointer(t->lower) != only)
			return true;
		iot_tell_begin(t);
		iot_follow_lost(t);
		state_set(t, t->wish, false);
	}
	iot_event(t, IO_TARGET_EVENT_STATE);
	iot_tell_end(t);
	return true;
}

static void state_removed(struct io_target *t, struct io_target_lower *only)
{
	if (state_lost(t, only))
		return;
	if (!state_end(t, IO_TARGET_REMOVED, -ENODEV, only))
		return;
	trace_remove(t);
	iot_err(t, -ENODEV, "the device has been removed");
	iot_event(t, IO_TARGET_EVENT_STATE);
	iot_tell_end(t);
}

/*
 * The device of @lower has gone; who calls this holds a reference on its target.
 * What was sent ends as the device says; the target still has to be closed.
 * Context: any.
 */
void iot_lower_gone(struct io_target_lower *lower)
{
	state_removed(lower->target, lower);
}

IOT_EXPORT_FOR_TESTS(iot_lower_gone);

/* The same, for tests, of whatever device @t has. */
void iot_target_removed(struct io_target *t)
{
	state_removed(t, NULL);
}

IOT_EXPORT_FOR_TESTS(iot_target_removed);

/*
 * For start. Return: 1: STARTING now, and the pended requests are to be sent; 0:
 * nothing is to be done now; -ENODEV.
 */
static int state_starting(struct io_target *t)
{
	struct io_target_lower *lower;

	guard(spinlock_irqsave)(&t->lock);
	lower = rcu_dereference_protected(t->lower, true);
	if (!is_open(t->state) || (!lower && !t->lost))
		return -ENODEV;
	if (t->wish == IO_TARGET_STARTED)
		return 0;
	if (lower)
		iot_lower_cancel_no_more(lower);
	state_set(t, t->available ? IO_TARGET_STARTING : IO_TARGET_STARTED, t->available);
	return t->available;
}

/* Under the mutex. Return: as state_starting(), and whether the state is another one. */
int iot_state_start(struct io_target *t, bool *changed)
{
	int err = state_starting(t);

	*changed = err > 0;
	return *changed ? state_send_pended(t) : err;
}

/**
 * io_target_start - send what pends, then let requests through again
 * @target: an open target; starting a started one does nothing
 *
 * Pended requests are sent in the order of their submission, and no request
 * that is submitted meanwhile overtakes them. While its device is frozen, or lost and
 * followed, the target is only told; it starts when the device is thawed, or back. The
 * size of the device is looked at first, as by io_target_rescan().
 *
 * Context: process context, sleeps. Not in the target's own end_io.
 * Return: 0. -ENODEV: the target is closed, removed, or suspended, and has no device.
 * -ECANCELED: stopped, purged or the like before all was sent. -EDEADLK: as for
 * io_target_close().
 */
int io_target_start(struct io_target *target)
{
	int err = iot_may_wait(target, "start");
	bool changed;

	if (err)
		return err;
	iot_rescan(target);
	scoped_guard(mutex, &target->mutex) {
		err = iot_state_start(target, &changed);
		iot_tell_begin(target);
	}
	if (err == -ENODEV)
		iot_err(target, err, "start refused: there is no device");
	if (!err && changed)
		iot_event(target, IO_TARGET_EVENT_STATE);
	iot_tell_end(target);
	return err;
}
EXPORT_SYMBOL_GPL(io_target_start);

/* A start that comes first ends the wait, too. */
static bool state_idle_or_changed(struct io_target *t, const struct iot_wait *wait)
{
	return iot_target_idle(t) || READ_ONCE(t->wish) != wait->wish;
}

static int state_wait_idle(struct io_target *t, enum io_target_state wish, long timeout)
{
	struct iot_wait wait = { .ended = state_idle_or_changed, .wish = wish };

	if (!iot_wait_polling(t, &wait, timeout))
		return -ETIMEDOUT;
	return iot_target_idle(t) ? 0 : -ECANCELED;
}

static void state_cancel_queued(struct io_target *t)
{
	struct io_target_lower *lower;

	scoped_guard(rcu) {
		lower = rcu_dereference(t->lower);
		if (lower)	/* its last user waits for RCU first */
			iot_lower_get(lower);
	}
	if (!lower)
		return;
	iot_lower_cancel_queued(lower);
	iot_lower_put(lower);
}

/* Return: 0; -ENODEV: there is nothing to be held back for, or soon will not be. */
static int state_halt_now(struct io_target *t, enum io_target_state wish, bool cancel)
{
	struct io_target_lower *lower;
	enum io_target_state before;
	struct iot_claimed claimed = { .requests = LIST_HEAD_INIT(claimed.requests) };
	bool changed;

	scoped_guard(spinlock_irqsave, &t->lock) {
		before = t->state;
		if (!is_open(before) || (wish == IO_TARGET_STOPPED && iot_target_leaves(t)))
			return -ENODEV;
		iot_tell_begin(t);
		state_set(t, wish, t->available);
		lower = rcu_dereference_protected(t->lower, true);
		if (cancel && lower)
			iot_lower_cancel_begin(lower, false);
		changed = t->state != before;
		if (wish == IO_TARGET_PURGED)
			iot_pended_claim_all(t, &claimed);
	}
	if (changed)
		iot_event(t, IO_TARGET_EVENT_STATE);
	iot_tell_end(t);
	iot_pended_end(t, &claimed, -ECANCELED);
	return 0;
}

static int state_check_action(struct io_target *t, const char *what,
			      enum io_target_sent_action action, long timeout)
{
	if (action > IO_TARGET_CANCEL_SENT)
		return iot_err(t, -EINVAL, "%s refused: action %d", what, action);
	if (action == IO_TARGET_LEAVE_SENT)
		return 0;
	if (timeout <= 0)
		return iot_err(t, -EINVAL, "%s refused: timeout %ld", what, timeout);
	return iot_may_wait(t, what);
}

static int state_halt(struct io_target *t, enum io_target_state wish, const char *what,
		      enum io_target_sent_action action, long timeout)
{
	int err;

	err = state_check_action(t, what, action, timeout);
	if (err)
		return err;
	err = state_halt_now(t, wish, action == IO_TARGET_CANCEL_SENT);
	if (err)
		return iot_err(t, err, "%s refused: closed, removed, or about to be", what);
	if (action == IO_TARGET_CANCEL_SENT)
		state_cancel_queued(t);
	if (action == IO_TARGET_LEAVE_SENT)
		return 0;
	return state_wait_idle(t, wish, timeout);
}

/**
 * io_target_stop - hold back requests from now on
 * @target: an open target, in any state
 * @action: what to do about requests that have been sent
 * @timeout: how long to wait for them, in jiffies, more than 0, or
 *	IO_TARGET_NO_TIMEOUT; ignored with IO_TARGET_LEAVE_SENT
 *
 * Requests that are submitted from now on pend, and so do those that pend
 * already, until io_target_start(). A submit that is on its way on another CPU
 * may still be sent; WAIT and CANCEL wait for it. Not waited for are requests
 * with IO_TARGET_IGNORE_STATE, and orphans. A suspended target stays SUSPENDED, and
 * is STOPPED rather than started when it is reopened.
 *
 * Context: any with IO_TARGET_LEAVE_SENT, the target's own end_io included;
 * otherwise process context, sleeps, and never in the target's own end_io.
 * Return: 0. -ETIMEDOUT: not all have ended, but the target is stopped.
 * -ECANCELED: started or purged while this call waited. -ENODEV: closed, removed, or about
 * to be removed. -EINVAL: bad @action or @timeout. -EDEADLK: as for io_target_close().
 */
int io_target_stop(struct io_target *target, enum io_target_sent_action action,
		   long timeout)
{
	return state_halt(target, IO_TARGET_STOPPED, "stop", action, timeout);
}
EXPORT_SYMBOL_GPL(io_target_stop);

/**
 * io_target_purge - end what pends and refuse requests from now on
 * @target: an open target, in any state
 * @action: what to do about requests that have been sent. KMDF's purge cancels
 *	them; here that takes IO_TARGET_CANCEL_SENT
 * @timeout: as for io_target_stop()
 *
 * Pended requests end with -ECANCELED and not_sent, in the order of their
 * submission, before this call returns. New ones are refused with -ESHUTDOWN
 * until io_target_start().
 *
 * Context: as for io_target_stop().
 * Return: as io_target_stop(). A device that is about to be removed is no reason to refuse it.
 */
int io_target_purge(struct io_target *target, enum io_target_sent_action action,
		    long timeout)
{
	return state_halt(target, IO_TARGET_PURGED, "purge", action, timeout);
}
EXPORT_SYMBOL_GPL(io_target_purge);

/**
 * io_target_drain - wait until all that has been sent has ended
 * @target: an open target
 * @timeout: jiffies, more than 0, or IO_TARGET_NO_TIMEOUT
 *
 * io_target_stop() and io_target_start() in one: what is submitted meanwhile
 * pends, and is sent at the end, also after a timeout.
 *
 * Context: process context, sleeps. Not in the target's own end_io.
 * Return: 0 or negative errno, as the two.
 */
int io_target_drain(struct io_target *target, long timeout)
{
	int err;

	/* Or it would be stopped, and not be started again. */
	if (!rcu_access_pointer(target->lower))
		return iot_err(target, -ENODEV, "drain refused: there is no device");
	err = io_target_stop(target, IO_TARGET_WAIT_SENT, timeout);
	if (err && err != -ETIMEDOUT)
		return err;
	return io_target_start(target) ?: err;
}
EXPORT_SYMBOL_GPL(io_target_drain);
