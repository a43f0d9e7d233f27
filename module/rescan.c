// SPDX-License-Identifier: GPL-2.0
/*
 * Looking at the size of the device again. What io_target_get_info() says of it is always
 * of now, and a request beyond the end that the library has seen last has it look
 * again; what is missing is that somebody is told, and that a device which has shrunk
 * stops taking requests for what it has lost.
 */
#include <linux/export.h>

#include "stats.h"
#include "watch.h"

/* From an error to the look at who has answered it */
#define SOON	HZ

/* Under the mutex. Return: is it other than it was? */
static bool rescan_compare(struct io_target *t, struct io_target_lower *lower)
{
	struct io_target_info info = {};
	u64 was = t->size_seen;
	bool changed;

	lower->backend->info(lower, &info);
	changed = info.size != was || info.read_only != t->read_only_seen;
	t->size_seen = info.size;
	t->read_only_seen = info.read_only;
	/* Or it would not be the same, or would not fit, when it is back. */
	t->fits.info.size = info.size;
	t->fits.info.read_only = info.read_only;
	/* Where it is 0 the backend is asked each time. */
	if (READ_ONCE(lower->size))
		WRITE_ONCE(lower->size, info.size);
	if (info.size < was)
		iot_err(t, -ENXIO, "the device has shrunk from %llu to %llu bytes", was, info.size);
	return changed;
}

/*
 * For who may wait. A device that is found to be gone is removed, as if it had been
 * told.
 */
int iot_rescan(struct io_target *t)
{
	struct io_target_lower *lower;
	bool changed, gone;

	scoped_guard(mutex, &t->mutex) {
		lower = rcu_dereference_protected(t->lower, lockdep_is_held(&t->mutex));
		if (!lower || READ_ONCE(lower->gone))
			return -ENODEV;
		gone = lower->backend->dead && lower->backend->dead(lower, 0);
		if (gone)
			iot_lower_pin(lower);
		changed = !gone && rescan_compare(t, lower);
		if (changed)
			iot_tell_begin(t);
	}
	if (gone) {
		iot_lower_gone(lower);
		iot_lower_unpin(lower);
		return -ENODEV;
	}
	if (changed) {
		iot_event(t, IO_TARGET_EVENT_SIZE);
		iot_tell_end(t);
	}
	return 0;
}

/**
 * io_target_rescan - look at the size of the device again
 * @target: an open target
 *
 * Requests may use what a device has grown by, and are refused beyond the new end of one
 * that has shrunk, which a line in the log tells. IO_TARGET_EVENT_SIZE follows when
 * the size has changed, or whether the device can be written to; io_target_get_info()
 * says what they are. A device that has died unnoticed is REMOVED, or lost.
 *
 * io_target_start() does the same, and so does the library by itself each
 * config.rescan jiffies, and a second after the device has answered an error.
 *
 * Context: process context, sleeps. Not in the target's own end_io.
 * Return: 0. -ENODEV: the target is closed, removed, or suspended, and has no device.
 * -EDEADLK: as for io_target_close().
 */
int io_target_rescan(struct io_target *target)
{
	return iot_may_wait(target, "rescan") ?: iot_rescan(target);
}
EXPORT_SYMBOL_GPL(io_target_rescan);

/* Under the mutex. */
static void rescan_later(struct io_target *t)
{
	if (t->config.rescan)
		queue_delayed_work(iot_wq, &t->rescan_work, t->config.rescan);
}

/*
 * Under the lock under which it is closed, so that close finds the work queued, or it is
 * not. Errors may be many: there is one look for those of a while.
 * Context: any.
 */
void iot_rescan_soon(struct io_target *t)
{
	guard(spinlock_irqsave)(&t->lock);
	if (t->state == IO_TARGET_CLOSED || t->rescan_soon)
		return;
	t->rescan_soon = true;
	mod_delayed_work(iot_wq, &t->rescan_work, SOON);
}

static void rescan_work(struct work_struct *work)
{
	struct io_target *t = container_of(to_delayed_work(work), struct io_target, rescan_work);

	scoped_guard(spinlock_irqsave, &t->lock)
		t->rescan_soon = false;
	iot_rescan(t);
	scoped_guard(mutex, &t->mutex) {
		if (io_target_state(t) != IO_TARGET_CLOSED)
			rescan_later(t);
	}
}

void iot_rescan_init(struct io_target *t)
{
	INIT_DELAYED_WORK(&t->rescan_work, rescan_work);
}

/*
 * @lower is about to be the target's. If it was open before, what has changed since is
 * told by the rescan that follows.
 */
void iot_rescan_opened(struct io_target *t, struct io_target_lower *lower)
{
	struct io_target_info info = {};

	lockdep_assert_held(&t->mutex);
	rescan_later(t);
	if (io_target_state(t) != IO_TARGET_CLOSED)
		return;
	lower->backend->info(lower, &info);
	t->size_seen = info.size;
	t->read_only_seen = info.read_only;
}

/* By close, under the mutex, when the target is closed. */
void iot_rescan_end(struct io_target *t)
{
	lockdep_assert_held(&t->mutex);
	cancel_delayed_work(&t->rescan_work);
	guard(spinlock_irqsave)(&t->lock);
	t->rescan_soon = false;
}

/* As iot_follow_quiesce(). */
void iot_rescan_quiesce(struct io_target *t)
{
	bool soon;

	cancel_delayed_work_sync(&t->rescan_work);
	/* It may have been opened again since. */
	guard(mutex)(&t->mutex);
	if (io_target_state(t) == IO_TARGET_CLOSED)
		return;
	scoped_guard(spinlock_irqsave, &t->lock) {
		soon = t->rescan_soon;
		t->rescan_soon = false;
	}
	if (soon)
		iot_rescan_soon(t);
	else
		rescan_later(t);
}
