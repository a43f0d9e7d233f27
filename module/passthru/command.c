// SPDX-License-Identifier: GPL-2.0
/*
 * What the owner of an enabled device tells it. Nothing here takes pt->lock: a device can be
 * disabled whatever a command waits for. Its directory cannot be removed as long: configfs waits
 * for all that is written to a file of it.
 *
 * Most commands use the device, and a disable waits for them, which is not for long: a stop or
 * suspend that came after its purge would hold back what is written when a disk is deleted.
 * Those that open a device below may take for ever, and have a reference on the target alone:
 * when that has been closed meanwhile it refuses what they have opened.
 */
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "passthru.h"

/* Referenced, or NULL: it is disabled. */
static struct io_target *target_get(struct pt_device *pt)
{
	guard(spinlock)(&pt->use_lock);
	if (pt->target)
		io_target_get(pt->target);
	return pt->target;
}

static int command_start(struct pt_device *pt, struct io_target *t)
{
	return io_target_start(t);
}

static int command_stop(struct pt_device *pt, struct io_target *t)
{
	return io_target_stop(t, IO_TARGET_LEAVE_SENT, 0);
}

static int command_stop_wait(struct pt_device *pt, struct io_target *t)
{
	return io_target_stop(t, IO_TARGET_WAIT_SENT, PT_WAIT);
}

static int command_purge(struct pt_device *pt, struct io_target *t)
{
	return io_target_purge(t, IO_TARGET_CANCEL_SENT, PT_WAIT);
}

static int command_suspend(struct pt_device *pt, struct io_target *t)
{
	int err;

	pt_disk_unlink(pt->disk);
	err = io_target_suspend(t, PT_WAIT);
	if (err)
		pt_disk_link(pt->disk);
	return err;
}

/* The path that was given for the next device is that of this one now. */
static void path_is_next(struct pt_device *pt)
{
	char *old;

	scoped_guard(spinlock, &pt->use_lock) {
		old = pt->set.path;
		pt->set.path = pt->next;
		pt->next = NULL;
	}
	kfree(old);
}

static int command_switch(struct pt_device *pt, struct io_target *t)
{
	int err;

	pt_disk_unlink(pt->disk);
	err = io_target_switch(t, PT_WAIT);
	if (!err)
		path_is_next(pt);
	pt_disk_link(pt->disk);
	pt_disk_look(pt->disk);
	return err;
}

/* The device may have been disabled since, and enabled with another target. */
static void look_again(struct pt_device *pt, struct io_target *t, bool link)
{
	struct io_target *now = pt_device_use(pt);

	if (!now)
		return;
	if (now == t && link)
		pt_disk_link(pt->disk);
	if (now == t)
		pt_disk_look(pt->disk);
	pt_device_unuse(pt);
}

static int command_resume(struct pt_device *pt, struct io_target *t)
{
	int err = io_target_resume(t);

	look_again(pt, t, err >= 0);
	return min(err, 0);
}

/**
 * struct command - what can be written to the attribute "state"
 * @name: it
 * @call: does it
 * @changes: which device is below, so that it is carried out alone; the others can be given
 *	at any time: one ends the wait of another
 * @opens: a device; see above
 */
struct command {
	const char	*name;
	int		(*call)(struct pt_device *pt, struct io_target *t);
	bool		changes;
	bool		opens;
};

static const struct command commands[] = {
	{ "start", command_start },
	{ "stop", command_stop },
	{ "stop-wait", command_stop_wait },
	{ "purge", command_purge },
	{ "suspend", command_suspend, .changes = true },
	{ "resume", command_resume, .changes = true, .opens = true },
	{ "switch", command_switch, .changes = true },
};

static const struct command *command_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(name, commands[i].name))
			return &commands[i];
	return NULL;
}

static int command_call(struct pt_device *pt, const struct command *c)
{
	struct io_target *t = c->opens ? target_get(pt) : pt_device_use(pt);
	int err;

	if (!t)
		return pt_refuse(pt, -ENODEV, "state refused: it is not enabled");
	err = c->call(pt, t);
	if (c->opens)
		io_target_put(t);
	else
		pt_device_unuse(pt);
	return err;
}

static int command_run(struct pt_device *pt, const char *name)
{
	const struct command *c = command_find(name);
	int err;

	if (!c)
		return pt_refuse(pt, -EINVAL, "state refused: no such command");
	if (!c->changes)
		return command_call(pt, c);
	err = mutex_lock_interruptible(&pt->commands);
	if (err)
		return err;
	err = command_call(pt, c);
	mutex_unlock(&pt->commands);
	return err;
}

/* All I/O may pend until it has been carried out. */
int pt_command(struct pt_device *pt, const char *name)
{
	unsigned int noio = memalloc_noio_save();
	int err = command_run(pt, name);

	memalloc_noio_restore(noio);
	return err;
}

int pt_command_rescan(struct pt_device *pt)
{
	struct io_target *t = pt_device_use(pt);
	int err;

	if (!t)
		return pt_refuse(pt, -ENODEV, "rescan refused: it is not enabled");
	err = io_target_rescan(t);
	pt_device_unuse(pt);
	return err;
}

/* Takes @path over, unless @t is not the device's any more. */
static int next_is(struct pt_device *pt, const struct io_target *t, char *path)
{
	scoped_guard(spinlock, &pt->use_lock) {
		if (pt->target != t)
			return -ENODEV;
		swap(pt->next, path);
	}
	kfree(path);
	return 0;
}

static int next_locked(struct pt_device *pt, char *path)
{
	struct io_target *t = target_get(pt);
	int err;

	if (!t)
		return pt_refuse(pt, -ENODEV, "next refused: it is not enabled");
	err = io_target_set_next(t, *path ? path : NULL);
	err = err ?: next_is(pt, t, path);
	io_target_put(t);
	return err;
}

/* Takes @path over if it succeeds. */
int pt_command_next(struct pt_device *pt, char *path)
{
	int err = mutex_lock_interruptible(&pt->commands);

	if (err)
		return err;
	err = next_locked(pt, path);
	mutex_unlock(&pt->commands);
	return err;
}
