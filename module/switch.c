// SPDX-License-Identifier: GPL-2.0
/*
 * Another device for a target in use: it is opened while the old one works, and takes
 * over between two requests. Who looks from above sees a target that was suspended for
 * a moment.
 */
#include <linux/export.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "stream.h"
#include "watch.h"

/* The old one as it is now: it may be less than it was when it was opened. */
static int switch_check(struct io_target *t, struct io_target_lower *next)
{
	struct io_target_lower *old;
	struct iot_fits now;

	old = rcu_dereference_protected(t->lower, lockdep_is_held(&t->mutex));
	iot_fits_read(old, &now);
	/* A dead disk has no size: @now is not what its successor is compared with. */
	if (READ_ONCE(old->gone) || (old->backend->dead && old->backend->dead(old, 0)))
		return iot_err(t, -ENODEV, "switch refused: the device has been removed");
	t->fits = now;
	return iot_fits_check(t, next, "switch");
}

/* Under the mutex: what had been opened to be switched to is given back. */
void iot_next_forget(struct io_target *t)
{
	if (t->next)
		iot_lower_release(t->next);
	t->next = NULL;
	iot_source_drop(&t->next_source);
}

/* Fills in how the next device is opened. Under the mutex. */
static int next_begin(struct io_target *t, const char *path, struct iot_source *from)
{
	struct iot_source as = { .path = path, .flags = t->source.flags, .mm = t->source.mm,
				 .cred = current_cred() };
	int err;

	if (io_target_state(t) == IO_TARGET_REMOVED || !rcu_access_pointer(t->lower))
		return iot_err(t, -ENODEV, "next refused: there is no device");
	err = iot_source_ask(t, &as);
	if (err)
		return err;
	if (iot_inject_alloc(t) || iot_source_copy(from, &as))
		return iot_err(t, -ENOMEM, "next refused");
	return 0;
}

/* Under the mutex. The target may have been closed since next_begin(), and opened again. */
static int next_end(struct io_target *t, struct io_target_lower *next,
		    const struct iot_source *from, u32 session)
{
	int err;

	if (t->session != session || !rcu_access_pointer(t->lower))
		return iot_err(t, -ENODEV, "next refused: there is no device");
	err = switch_check(t, next);
	if (err)
		return err;
	iot_next_forget(t);
	t->next = next;
	t->next_source = *from;
	return 0;
}

/* The device is opened without the mutex, since that may take for ever. */
static int next_set(struct io_target *t, const char *path)
{
	struct io_target_lower *next;
	struct iot_source from;
	u32 session;
	int err;

	scoped_guard(mutex, &t->mutex) {
		err = next_begin(t, path, &from);
		session = t->session;
	}
	if (err)
		return err;
	next = iot_source_open(t, &from);
	err = PTR_ERR_OR_ZERO(next);
	if (err) {
		iot_open_failed(t, &from, err);
	} else {
		scoped_guard(mutex, &t->mutex)
			err = next_end(t, next, &from, session);
		if (err)
			iot_lower_release(next);
	}
	if (err)
		iot_source_drop(&from);
	return err;
}

static int next_drop(struct io_target *t)
{
	guard(mutex)(&t->mutex);
	iot_next_forget(t);
	return 0;
}

/**
 * io_target_set_next - open the device that io_target_switch() will go to
 * @target: an open target
 * @path: as for io_target_open(); NULL: none, and what was opened before is given back
 *
 * It is opened as the device in use was, exclusively too, if that was, and it must be able
 * to do for those above what that can: of the same kind, not smaller, with blocks and
 * memory alignment not larger, gaps in memory and changing memory where that takes them,
 * the same zones and integrity, writable, with discard in units not larger, write zeroes,
 * secure erase, NOWAIT, polling and ioctls where it has them, atomic writes and appends not
 * smaller. The same is asked of a device that is found again, or opened by
 * io_target_reopen() for a suspended target.
 * Otherwise, as after any error, nothing changes. What is written to it by others until
 * the switch, the target will find there, also what they have not synced.
 *
 * Context: process context, may sleep. Not in the target's own end_io.
 * Return: 0. -ENODEV: the target has no device, or was closed meanwhile. -EINVAL: it cannot
 * take its place; a line in the log says why. -EDEADLK: as for io_target_close(). Otherwise
 * as io_target_open().
 */
int io_target_set_next(struct io_target *target, const char *path)
{
	int err = iot_may_wait(target, "next");
	unsigned int noio;

	if (err)
		return err;
	noio = memalloc_noio_save();	/* its owner may have stopped the target for this */
	err = path ? next_set(target, path) : next_drop(target);
	memalloc_noio_restore(noio);
	return err;
}
EXPORT_SYMBOL_GPL(io_target_set_next);

static int switch_possible(struct io_target *t)
{
	if (!t->next)
		return iot_err(t, -EINVAL, "switch refused: there is no next device");
	if (t->suspended || iot_target_frozen(t) || READ_ONCE(t->next->frozen))
		return iot_err(t, -EBUSY, "switch refused: suspended or frozen");
	if (io_target_state(t) == IO_TARGET_REMOVED || t->lost || !rcu_access_pointer(t->lower))
		return iot_err(t, -ENODEV, "switch refused: there is no device");
	if (t->next->gone)
		return iot_err(t, -ENODEV, "switch refused: the next device has been removed");
	/* It may have come to be above us since it was opened. */
	return iot_source_ask(t, &t->next_source);
}

/* The next device settles: waited for by another thread, since it may be for ever. */
struct settling {
	struct work_struct	work;
	struct io_target_lower	*lower;
	struct completion	done;
	int			err;
	struct kref		ref;	/* of the work, and of who waits for it */
};

static void settling_free(struct kref *ref)
{
	kfree(container_of(ref, struct settling, ref));
}

static void settle_work(struct work_struct *work)
{
	struct settling *s = container_of(work, struct settling, work);

	s->err = s->lower->backend->settle(s->lower);
	iot_lower_put(s->lower);
	complete(&s->done);
	kref_put(&s->ref, settling_free);
}

/*
 * Others may have written to the next device since it was opened. As long as that lies in
 * its page cache the target does not see it, and it comes after what the target writes.
 */
static int switch_settle(struct io_target *t, long timeout)
{
	struct settling *s;
	int err;

	if (!t->next->backend->settle)
		return 0;
	s = iot_inject_alloc(t) ? NULL : kzalloc_obj(*s, GFP_NOIO);
	if (!s)
		return -ENOMEM;
	INIT_WORK(&s->work, settle_work);
	init_completion(&s->done);
	kref_init(&s->ref);
	kref_get(&s->ref);
	s->lower = t->next;
	iot_lower_get(t->next);
	/* The one queue that is not for reclaim, which settling may wait for */
	queue_work(iot_releaser, &s->work);
	err = wait_for_completion_timeout(&s->done, timeout) ? s->err : -ETIMEDOUT;
	kref_put(&s->ref, settling_free);
	if (err)
		iot_err(t, err, "switch refused: what others have written to the next device");
	return err;
}

/* Nothing is sent any more, and nothing is with the old device but orphans. */
static int switch_quiesce(struct io_target *t, long timeout)
{
	struct iot_wait wait = { .ended = iot_target_unused };
	long left;
	int err;

	err = iot_suspend_begin(t);
	if (err)
		return iot_err(t, err, "switch refused: the device is being removed");
	left = iot_wait_polling(t, &wait, timeout);
	err = left ? switch_settle(t, left) : -ETIMEDOUT;
	/* It may have changed since it was opened. */
	return err ?: switch_check(t, t->next);
}

/*
 * The target has no device from here on, and is not told any more what becomes of the old
 * one. If one of the two has died before, nothing is changed: the death of the old one has
 * been told, and to go on as if it had not would leave a lost target with a device.
 * Return: the old device, or NULL.
 */
static struct io_target_lower *switch_detach(struct io_target *t)
{
	struct io_target_lower *old;

	guard(spinlock_irqsave)(&t->lock);
	old = rcu_dereference_protected(t->lower, true);
	if (old->gone || t->next->gone)
		return NULL;
	rcu_assign_pointer(t->lower, NULL);
	return old;
}

/*
 * The requests that pend go to the new device first of all. The old one may take its time.
 * If the new one dies from here on, the target loses it as at any other time.
 */
static void switch_over(struct io_target *t, struct io_target_lower *old)
{
	struct io_target_lower *next = t->next;

	t->next = NULL;
	iot_source_drop(&t->source);
	/* Who has told it to switch need not be allowed to open it. */
	t->source = t->next_source;
	t->next_source = (struct iot_source){};
	t->suspended = false;
	iot_target_opened(t, next, false);
	synchronize_rcu_expedited();
	iot_lower_release(old);
}

static int switch_locked(struct io_target *t, long timeout)
{
	struct io_target_lower *old = NULL;
	int err;

	err = switch_possible(t);
	if (err)
		return err;
	err = switch_quiesce(t, timeout);
	if (!err)
		old = switch_detach(t);
	if (old) {
		switch_over(t, old);
		return 0;
	}
	t->suspended = false;
	iot_state_resume(t, NULL, false);
	return err ?: iot_err(t, -ENODEV, "switch refused: a device has been removed meanwhile");
}

/**
 * io_target_switch - go on with the next device
 * @target: an open target for which io_target_set_next() has succeeded
 * @timeout: how long to wait for what has been sent to the device in use, and for what
 *	others have written to the next one, in jiffies, more than 0, or IO_TARGET_NO_TIMEOUT
 *
 * From here on requests and bios pend; when what was sent has ended, and the page cache of
 * the next device, if that is claimed, has been written back, they go to the next device,
 * in order, if the target was started, and the old one is released. Requests that
 * were prepared before are checked again. After an error the device is the old one, the
 * next one stays open, and nothing has been lost.
 *
 * Context: process context, sleeps. Not in the target's own end_io.
 * Return: 0. -ETIMEDOUT. -EIO, -ENOSPC and the like: the next device has lost what others
 * had written to it. -ENOMEM. -EINVAL: no next device, one that cannot take the place any
 * more, or bad @timeout. -ELOOP: it has come to lie above the target. -EBUSY: suspended or
 * frozen. -ENODEV: one of the two has been removed, or is about to be. -EDEADLK: as for
 * io_target_close().
 */
int io_target_switch(struct io_target *target, long timeout)
{
	unsigned int noio;
	int err;

	if (timeout <= 0)
		return iot_err(target, -EINVAL, "switch refused: timeout %ld", timeout);
	err = iot_may_wait(target, "switch");
	if (err)
		return err;
	noio = memalloc_noio_save();	/* all I/O pends meanwhile */
	scoped_guard(mutex, &target->mutex) {
		err = switch_locked(target, timeout);
		iot_tell_begin(target);
	}
	memalloc_noio_restore(noio);
	if (!err)
		iot_event(target, IO_TARGET_EVENT_STATE);
	else
		iot_streams_kick(target);	/* it was suspended, and may have refused them */
	iot_tell_end(target);
	return err;
}
EXPORT_SYMBOL_GPL(io_target_switch);
