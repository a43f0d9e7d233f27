// SPDX-License-Identifier: GPL-2.0
/*
 * A look at what lies where a lost device was, by a thread of its own: to open a device, to
 * write back what others have in its page cache, and to read a block from it may take
 * for ever, and who controls the target meanwhile does not wait for that.
 *
 * A target has one look at a time, t->look: set under mutex and lock, by follow_work. The
 * look ends under the lock, and has the work queued there, which takes what was found. A
 * look that is not waited for any more is forgotten: it finds itself not to be the
 * target's, gives back what it has opened, and until then keeps the target's memory and
 * this module by a reference that is taken when it is forgotten. Before that it needs none,
 * since close forgets it.
 *
 * A look calls nothing of the owner, which may be gone when the look is forgotten: follow_work
 * asks config.is_above, before the look begins and after it has ended.
 */
#include <linux/cred.h>
#include <linux/export.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "watch.h"

/**
 * struct iot_look - a look
 * @work: runs on the recovery queue
 * @target: whose it is, or was
 * @from: what is opened; a copy
 * @was: what was lost; a copy
 * @lower: what was found, or ERR_PTR with the reason why it is not what was lost
 * @done: @lower is there
 */
struct iot_look {
	struct work_struct	work;
	struct io_target	*target;
	struct iot_source	from;
	struct iot_fits		was;
	struct io_target_lower	*lower;
	struct completion	done;
};

static void look_free(struct iot_look *look)
{
	iot_source_drop(&look->from);
	kfree(look);
}

/*
 * A disk can be opened some time after its death, and before it is connected to anything:
 * what pends would be sent only to fail.
 */
static int look_check(struct iot_look *look, struct io_target_lower *lower)
{
	const struct iot_backend *backend = lower->backend;
	int err;

	if (backend->dead && backend->dead(lower, 0))
		return -ENODEV;
	err = iot_fits_check_lost(look->target, &look->was, lower);
	if (err)
		return err;
	if (backend->answers && lower->flags & IO_TARGET_READ && !backend->answers(lower))
		return -EIO;
	return 0;
}

/* Return: the device, or ERR_PTR. */
static struct io_target_lower *look_open(struct iot_look *look, unsigned int flags)
{
	struct iot_source from = look->from;
	struct io_target_lower *lower;
	int err;

	from.flags = flags;
	lower = iot_source_open(look->target, &from);
	if (IS_ERR(lower))
		return lower;
	err = look_check(look, lower);
	if (!err)
		return lower;
	iot_lower_release(lower);
	return ERR_PTR(err);
}

static bool look_is_forgotten(struct iot_look *look)
{
	guard(spinlock_irqsave)(&look->target->lock);
	return look->target->look != look;
}

/*
 * A disk is opened for reading and compared first, before it is claimed, which writes its page
 * cache back: it may be somebody else's, or nobody may wait for this look any more.
 */
static struct io_target_lower *look_at(struct iot_look *look)
{
	struct io_target_lower *peek;

	if (S_ISBLK(look->was.info.mode) && look->from.flags != IO_TARGET_READ) {
		peek = look_open(look, IO_TARGET_READ);
		if (IS_ERR(peek))
			return peek;
		iot_lower_release(peek);
		if (look_is_forgotten(look))
			return ERR_PTR(-ECANCELED);
	}
	return look_open(look, look->from.flags);
}

/* Return: false: nobody waits for it any more. */
static bool look_end(struct iot_look *look)
{
	struct io_target *t = look->target;

	guard(spinlock_irqsave)(&t->lock);
	if (t->look != look)
		return false;
	complete_all(&look->done);
	iot_follow_queue(t, 0);		/* last, or the work would find the look still running */
	return true;
}

static void look_work(struct work_struct *work)
{
	struct iot_look *look = container_of(work, struct iot_look, work);
	const struct cred *old = override_creds(look->from.cred);
	unsigned int noio = memalloc_noio_save();	/* all I/O may pend meanwhile */
	struct io_target *t = look->target;

	look->lower = look_at(look);
	memalloc_noio_restore(noio);
	revert_creds(old);
	if (look_end(look))
		return;
	if (!IS_ERR(look->lower))
		iot_lower_release(look->lower);
	look_free(look);
	io_target_put(t);
}

/* Under the mutex, for a lost target that has no look. Return: 0 or -ENOMEM. */
int iot_look_begin(struct io_target *t)
{
	struct iot_look *look = iot_inject_alloc(t) ? NULL : kzalloc_obj(*look, GFP_NOIO);

	lockdep_assert_held(&t->mutex);
	if (!look)
		return -ENOMEM;
	INIT_WORK(&look->work, look_work);
	init_completion(&look->done);
	look->target = t;
	look->was = t->fits;
	if (iot_source_copy(&look->from, &t->source)) {
		kfree(look);
		return -ENOMEM;
	}
	scoped_guard(spinlock_irqsave, &t->lock)
		t->look = look;
	queue_work(iot_recovery, &look->work);
	return 0;
}

/* Under the mutex. */
bool iot_look_runs(struct io_target *t)
{
	return t->look && !completion_done(&t->look->done);
}

IOT_EXPORT_FOR_TESTS(iot_look_runs);

/* Under the mutex. Return: false: it has not ended within @timeout. */
bool iot_look_wait(struct io_target *t, long timeout)
{
	lockdep_assert_held(&t->mutex);
	return !iot_look_runs(t) || wait_for_completion_timeout(&t->look->done, timeout);
}

/* Under the mutex, when it has ended. Return: what it has found, or ERR_PTR. */
struct io_target_lower *iot_look_take(struct io_target *t)
{
	struct iot_look *look = t->look;
	struct io_target_lower *lower;

	lockdep_assert_held(&t->mutex);
	/* look_end() holds the lock until it has done with the look. */
	scoped_guard(spinlock_irqsave, &t->lock)
		t->look = NULL;
	lower = look->lower;
	look_free(look);
	return lower;
}

/* Closes what a look has found that has ended. Under the mutex. */
void iot_look_drop(struct io_target *t)
{
	struct io_target_lower *lower;

	if (!t->look || iot_look_runs(t))
		return;
	lower = iot_look_take(t);
	if (!IS_ERR(lower))
		iot_lower_release(lower);
}

/*
 * The target has no look any more; one that has not ended within @timeout is forgotten.
 * Under the mutex.
 */
void iot_look_forget(struct io_target *t, long timeout)
{
	iot_look_wait(t, timeout);
	scoped_guard(spinlock_irqsave, &t->lock) {
		if (iot_look_runs(t)) {
			t->look = NULL;
			io_target_get(t);
		}
	}
	iot_look_drop(t);
}

IOT_EXPORT_FOR_TESTS(iot_look_forget);
