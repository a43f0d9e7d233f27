// SPDX-License-Identifier: GPL-2.0
/*
 * The target's state: start, stop, purge, drain.
 *
 * The state changes under target->lock, and with it the gate: it is open, that
 * is target->gated is live, if and only if the state is STARTED. To shut it works
 * in any context as long as no earlier shutting is still on its way to the
 * other CPUs, which is why start waits for that before it opens the gate again.
 *
 * The mutex makes start, open and close one at a time. stop and purge take only
 * the spinlock, so that they work anywhere; start notices that it has been
 * overtaken. Those who wait hold nothing.
 */
#include <linux/blkdev.h>
#include <linux/export.h>
#include <linux/sched/mm.h>
#include <linux/wait.h>

#include "internal.h"

/* Of no request that stop and purge wait for is the end still to come. */
bool iot_target_idle(struct io_target *t)
{
	return percpu_ref_is_zero(&t->gated) && !atomic_read(&t->resent);
}

static void state_set(struct io_target *t, enum io_target_state state)
{
	lockdep_assert_held(&t->lock);
	if (t->state == IO_TARGET_STARTED)
		percpu_ref_kill(&t->gated);
	if (state == IO_TARGET_STARTED)
		percpu_ref_resurrect(&t->gated);
	WRITE_ONCE(t->state, state);
	wake_up_all(&t->idle_wait);
}

void iot_state_init(struct io_target *t)
{
	init_waitqueue_head(&t->idle_wait);
	INIT_LIST_HEAD(&t->pended);
	atomic_set(&t->resent, 0);
	if (!t->config.max_pended)
		t->config.max_pended = 1024;
}

/* Both refs are at zero: initially, or since the last close. */
void iot_state_opened(struct io_target *t, struct io_target_lower *lower)
{
	guard(spinlock_irqsave)(&t->lock);
	rcu_assign_pointer(t->lower, lower);
	percpu_ref_resurrect(&t->ungated);
	state_set(t, IO_TARGET_STARTED);
}

void iot_state_closed(struct io_target *t)
{
	guard(spinlock_irqsave)(&t->lock);
	state_set(t, IO_TARGET_CLOSED);
	percpu_ref_kill(&t->ungated);
}

/*
 * Return: 0 and whether anything has changed, or -ENODEV. To be started goes by
 * way of STARTING, all else at once.
 */
static int state_change(struct io_target *t, enum io_target_state to, bool *changed)
{
	guard(spinlock_irqsave)(&t->lock);
	if (t->state == IO_TARGET_CLOSED)
		return -ENODEV;
	*changed = t->state != to && !(to == IO_TARGET_STARTING && t->state == IO_TARGET_STARTED);
	if (*changed)
		state_set(t, to);
	return 0;
}

/* STARTING to STARTED, once the queue is empty. */
static bool state_open_gate(struct io_target *t)
{
	guard(spinlock_irqsave)(&t->lock);
	if (t->state != IO_TARGET_STARTING || !list_empty(&t->pended))
		return false;
	state_set(t, IO_TARGET_STARTED);
	return true;
}

static int state_start(struct io_target *t, bool *changed)
{
	unsigned int noio;
	int err;

	lockdep_assert_held(&t->mutex);
	err = state_change(t, IO_TARGET_STARTING, changed);
	if (err || !*changed)
		return err;

	/* Of a ref that is dead this only waits until all CPUs know; see above. */
	percpu_ref_switch_to_percpu(&t->gated);
	noio = memalloc_noio_save();
	while (!state_open_gate(t)) {
		if (!iot_pended_send(t) && io_target_state(t) != IO_TARGET_STARTING) {
			err = -ECANCELED;
			break;
		}
	}
	memalloc_noio_restore(noio);
	return err;
}

/**
 * io_target_start - send what pends, then let requests through again
 * @target: an open target; starting a started one does nothing
 *
 * Pended requests are sent in the order of their submission, and no request
 * that is submitted meanwhile overtakes them.
 *
 * Context: process context, sleeps. Not in the target's own end_io.
 * Return: 0. -ENODEV: the target is closed. -ECANCELED: stopped or purged again
 * before all was sent. -EDEADLK: as for io_target_close().
 */
int io_target_start(struct io_target *target)
{
	int err = iot_may_wait(target, "start");
	bool changed;

	if (err)
		return err;
	scoped_guard(mutex, &target->mutex)
		err = state_start(target, &changed);
	if (!err && changed)
		iot_event(target, IO_TARGET_EVENT_STATE);
	return err;
}
EXPORT_SYMBOL_GPL(io_target_start);

/* A start that comes first ends the wait, too. */
static int state_wait_idle(struct io_target *t, enum io_target_state state, long timeout)
{
	if (!wait_event_timeout(t->idle_wait, iot_target_idle(t) || io_target_state(t) != state,
				timeout))
		return -ETIMEDOUT;
	return iot_target_idle(t) ? 0 : -ECANCELED;
}

static void state_cancel_queued(struct io_target *t)
{
	struct io_target_lower *lower;

	scoped_guard(rcu) {
		lower = rcu_dereference(t->lower);
		if (lower)
			iot_lower_pin(lower);
	}
	if (!lower)
		return;
	iot_lower_cancel_queued(lower);
	iot_lower_unpin(lower);
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

static int state_halt(struct io_target *t, enum io_target_state state, const char *what,
		      enum io_target_sent_action action, long timeout)
{
	bool changed;
	int err;

	err = state_check_action(t, what, action, timeout);
	if (err)
		return err;
	err = state_change(t, state, &changed);
	if (err)
		return iot_err(t, err, "%s refused: the target is closed", what);
	if (changed)
		iot_event(t, IO_TARGET_EVENT_STATE);
	if (state == IO_TARGET_PURGED)
		iot_pended_end(t, -ECANCELED);
	if (action == IO_TARGET_CANCEL_SENT)
		state_cancel_queued(t);
	if (action == IO_TARGET_LEAVE_SENT)
		return 0;
	return state_wait_idle(t, state, timeout);
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
 * with IO_TARGET_IGNORE_STATE, and orphans.
 *
 * Context: any with IO_TARGET_LEAVE_SENT, the target's own end_io included;
 * otherwise process context, sleeps, and never in the target's own end_io.
 * Return: 0. -ETIMEDOUT: not all have ended, but the target is stopped.
 * -ECANCELED: started or purged while this call waited. -ENODEV: the target is
 * closed. -EINVAL: bad @action or @timeout. -EDEADLK: as for io_target_close().
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
 * Return: as io_target_stop().
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
	int err = io_target_stop(target, IO_TARGET_WAIT_SENT, timeout);

	if (err && err != -ETIMEDOUT)
		return err;
	return io_target_start(target) ?: err;
}
EXPORT_SYMBOL_GPL(io_target_drain);
