// SPDX-License-Identifier: GPL-2.0
/*
 * Opening again what was open before: by its owner, after a suspend or a close.
 */
#include <linux/cred.h>
#include <linux/export.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>

#include "watch.h"

static u64 lower_diskseq(struct io_target_lower *lower)
{
	struct io_target_info info = {};

	lower->backend->info(lower, &info);
	return info.diskseq;
}

static int reopen_check(struct io_target *t, bool closed_too)
{
	if (!closed_too && io_target_state(t) == IO_TARGET_CLOSED)
		return iot_err(t, -ENODEV, "resume refused: the target is closed");
	if (!t->source.path && !t->source.dev && !t->source.call)
		return iot_err(t, -EINVAL, "reopen refused: opened %s",
			       t->source.file ? "by adopting a file" : "never before");
	if (io_target_state(t) != IO_TARGET_CLOSED && !t->lost &&
	    (!t->suspended || io_target_state(t) == IO_TARGET_REMOVED))
		return iot_err(t, -EBUSY, "reopen refused: neither closed nor suspended");
	return 0;
}

/*
 * Under the mutex.
 * Return: 1: @from, with the credentials of who has opened it first, is to be opened;
 * 0: that was all; or negative errno.
 */
static int reopen_begin(struct io_target *t, struct iot_source *from, bool closed_too)
{
	int err = reopen_check(t, closed_too);

	if (err)
		return err;
	if (t->lost) {
		t->suspended = false;
		iot_follow_now(t);
		return 0;
	}
	/* Still open, if suspend has not waited long enough. */
	if (rcu_access_pointer(t->lower)) {
		t->suspended = false;
		return iot_state_resume(t, NULL, false) == -ENODEV ? -ENODEV : 0;
	}
	return iot_source_ask(t, &t->source) ?: iot_source_copy(from, &t->source) ?: 1;
}

/*
 * Under the mutex. Others may have closed the target, or given it a device, since
 * reopen_begin(). Return: 0, or why @lower is not to be its device.
 */
static int reopen_recheck(struct io_target *t, struct io_target_lower *lower, u32 turns)
{
	enum io_target_state state = io_target_state(t);

	if (t->turns != turns)
		return iot_err(t, state == IO_TARGET_CLOSED ? -ENODEV : -EBUSY,
			       "reopen refused: opened or closed meanwhile");
	return state == IO_TARGET_CLOSED ? 0 : iot_fits_check(t, lower, "reopen");
}

/* Under the mutex; @from becomes the target's. Return: as io_target_reopen(). */
static int reopen_end(struct io_target *t, struct io_target_lower *lower, struct iot_source *from)
{
	bool another = lower_diskseq(lower) != t->fits.info.diskseq;
	int err;

	if (another)
		iot_err(t, -ESTALE, "reopened, but not started: it is another disk");
	iot_source_drop(&t->source);
	t->source = *from;
	*from = (struct iot_source){};
	t->suspended = false;
	err = iot_target_opened(t, lower, another);
	return err == -ENODEV ? err : another;
}

static struct io_target_lower *source_reopen(struct io_target *t, const struct iot_source *from)
{
	const struct cred *old = override_creds(from->cred);
	struct io_target_lower *lower = iot_source_open(t, from);

	revert_creds(old);
	if (IS_ERR(lower))
		iot_open_failed(t, from, PTR_ERR(lower));
	return lower;
}

/*
 * The device is opened without the mutex, since that may take for ever.
 * Return: as io_target_reopen(); unless that is an error the caller tells, and ends that.
 */
static int target_reopen(struct io_target *t, bool closed_too)
{
	struct io_target_lower *lower;
	struct iot_source from;
	u32 turns;
	int err;

	scoped_guard(mutex, &t->mutex) {
		turns = t->turns;
		err = reopen_begin(t, &from, closed_too);
		if (!err)
			iot_tell_begin(t);
	}
	if (err <= 0)
		return err;
	lower = source_reopen(t, &from);
	if (IS_ERR(lower)) {
		iot_source_drop(&from);
		return PTR_ERR(lower);
	}
	scoped_guard(mutex, &t->mutex) {
		err = reopen_recheck(t, lower, turns);
		if (!err) {
			err = reopen_end(t, lower, &from);
			lower = NULL;
		}
		if (err >= 0)
			iot_tell_begin(t);
	}
	if (lower)
		iot_lower_release(lower);
	iot_source_drop(&from);
	return err;
}

static int reopen(struct io_target *t, bool closed_too)
{
	int err = iot_may_wait(t, "reopen");
	unsigned int noio;

	if (err)
		return err;
	noio = memalloc_noio_save();	/* all I/O pends meanwhile */
	err = target_reopen(t, closed_too);
	if (err >= 0) {
		iot_rescan(t);
		iot_event(t, IO_TARGET_EVENT_STATE);
		iot_tell_end(t);
	}
	memalloc_noio_restore(noio);
	return err;
}

/**
 * io_target_reopen - open again what was open before, and go on
 * @target: suspended, or closed after it was opened by path or number
 *
 * Path, device number and flags are those of the last open, and so are the
 * credentials. Pended requests are sent, in order, as by io_target_start(), unless
 * the target was stopped before it was suspended, or meanwhile. Those prepared before
 * are checked again: one that the device as it is now cannot carry out ends with the
 * errno of prep, and not_sent. Requests prepared before a close are stale.
 *
 * Another disk under the same name (another diskseq) is opened, too, but nothing is
 * sent to it: the target is STOPPED, for the owner to start or purge.
 *
 * A target that follows a lost device is told to look for it now. That has not
 * happened when this returns, and what comes back must be the same device.
 *
 * Context: process context, sleeps. Not in the target's own end_io.
 * Return: 0. 1: opened, but STOPPED, since it is another disk. -EBUSY: the target is
 * open, also by somebody else meanwhile, frozen, or removed and to be closed first.
 * -EINVAL: it was never opened, or by adopting a file, or what is there now cannot take the
 * place of what a suspended target had, see io_target_set_next(). -ENODEV: removed or
 * closed meanwhile. -EDEADLK: as for io_target_close().
 * Otherwise as io_target_open(), and the state is what it was.
 */
int io_target_reopen(struct io_target *target)
{
	return reopen(target, true);
}
EXPORT_SYMBOL_GPL(io_target_reopen);

/**
 * io_target_resume - have a device that was given up again, and go on
 * @target: suspended, or lost and followed
 *
 * As io_target_reopen(), but never of a closed target: for whoever may be overtaken by a
 * close.
 *
 * Context: process context, sleeps. Not in the target's own end_io.
 * Return: as io_target_reopen(). -ENODEV: it is closed, or was meanwhile.
 */
int io_target_resume(struct io_target *target)
{
	return reopen(target, false);
}
EXPORT_SYMBOL_GPL(io_target_resume);
