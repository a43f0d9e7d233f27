// SPDX-License-Identifier: GPL-2.0
/*
 * Opening and closing a target. Which backend opens what is decided by the type
 * of the inode, before anything is opened that could have side effects.
 */
#include <linux/export.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/namei.h>
#include <linux/rcupdate.h>
#include <linux/wait.h>

#include "internal.h"

/* How often a close that has to wait says so */
#define CLOSE_WARN_SECS		10

static int refuse_type(struct io_target *t, const char *what, umode_t mode)
{
	const char *type = "a special file";

	if (S_ISDIR(mode))
		type = "a directory";
	else if (S_ISSOCK(mode))
		type = "a socket";
	else if (S_ISFIFO(mode))
		type = "a FIFO";
	return iot_err(t, -EINVAL, "open refused: %s is %s, not a device or regular file",
			  what, type);
}

static int path_mode(const char *name, umode_t *mode)
{
	struct path path;
	int err = kern_path(name, LOOKUP_FOLLOW, &path);

	if (err)
		return err;
	*mode = d_inode(path.dentry)->i_mode;
	path_put(&path);
	return 0;
}

static struct io_target_lower *open_mode(struct io_target *t, const char *path,
					 umode_t mode, unsigned int flags)
{
	if (S_ISBLK(mode))
		return iot_bdev_lower_path(t, path, flags);
	if (!S_ISCHR(mode) && !S_ISREG(mode))
		return ERR_PTR(refuse_type(t, path, mode));
	if (flags & IO_TARGET_EXCL)
		return ERR_PTR(iot_err(t, -EINVAL, "open refused: EXCL is for block devices"));
	return iot_file_lower_path(t, path, flags);
}

static struct io_target_lower *open_path(struct io_target *t, const char *path,
					 unsigned int flags)
{
	struct fs_struct *old = iot_enter_init_fs();
	struct io_target_lower *lower;
	umode_t mode;
	int err;

	err = path_mode(path, &mode);
	lower = err ? ERR_PTR(err) : open_mode(t, path, mode, flags);
	iot_leave_init_fs(old);
	return lower;
}

/* Anything with iterator operations can be adopted, pipes and eventfds too. */
static struct io_target_lower *open_file(struct io_target *t, struct file *file,
					 unsigned int flags)
{
	umode_t mode = file_inode(file)->i_mode;

	if (S_ISDIR(mode) || S_ISSOCK(mode))
		return ERR_PTR(refuse_type(t, "the file", mode));
	if (flags & IO_TARGET_EXCL)
		return ERR_PTR(iot_err(t, -EINVAL, "open refused: an open file cannot be claimed"));
	if ((flags & IO_TARGET_READ && !(file->f_mode & FMODE_READ)) ||
	    (flags & IO_TARGET_WRITE && !(file->f_mode & FMODE_WRITE)))
		return ERR_PTR(iot_err(t, -EBADF, "open refused: the file does not allow it"));
	if (S_ISBLK(mode))
		return iot_bdev_lower_file(t, file, flags);
	return iot_file_lower_file(t, file, flags);
}

static struct io_target_lower *open_source(struct io_target *t,
					   const struct iot_source *from,
					   unsigned int flags)
{
	struct io_target_lower *lower;

	if (from->lower)
		lower = from->lower;
	else if (from->path)
		lower = open_path(t, from->path, flags);
	else if (from->file)
		lower = open_file(t, from->file, flags);
	else
		lower = iot_bdev_lower_dev(t, from->dev, flags);
	if (IS_ERR(lower) && PTR_ERR(lower) != -EINVAL && PTR_ERR(lower) != -EBADF)
		iot_err(t, PTR_ERR(lower), "open of %s failed", from->path ?: "a device");
	return lower;
}

static int target_open_locked(struct io_target *t, const struct iot_source *from,
			      unsigned int flags)
{
	struct io_target_lower *lower;

	lockdep_assert_held(&t->mutex);
	if (rcu_access_pointer(t->lower))
		return iot_err(t, -EBUSY, "open refused: it is open already");
	lower = open_source(t, from, flags);
	if (IS_ERR(lower))
		return PTR_ERR(lower);
	if (!t->config.name)
		strscpy(t->name, lower->name, sizeof(t->name));
	iot_state_opened(t, lower);
	return 0;
}

int iot_target_open(struct io_target *t, const struct iot_source *from, unsigned int flags)
{
	int err;

	might_sleep();
	if (!from->path && !from->file && !from->dev && !from->lower)
		return iot_err(t, -EINVAL, "open refused: nothing to open");
	if (!(flags & (IO_TARGET_READ | IO_TARGET_WRITE)) ||
	    flags & ~(IO_TARGET_READ | IO_TARGET_WRITE | IO_TARGET_EXCL))
		return iot_err(t, -EINVAL, "open refused: flags %#x", flags);

	scoped_guard(mutex, &t->mutex)
		err = target_open_locked(t, from, flags);
	if (!err)
		iot_event(t, IO_TARGET_EVENT_STATE);
	return err;
}

IOT_EXPORT_FOR_TESTS(iot_target_open);

/**
 * io_target_open - open a device or file by path and start the target
 * @target: a closed target
 * @path: absolute path, looked up in the caller's root, or in that of init
 *	when the caller is a kernel thread
 * @flags: IO_TARGET_READ, IO_TARGET_WRITE or both; IO_TARGET_EXCL claims a
 *	block device: its page cache is written out and dropped, and nobody else
 *	can claim or mount it. Char devices and files have no claim: -EINVAL
 *
 * Requests to a block device go past its page cache. On a shared open,
 * coherency with buffered users of the same device is the caller's concern.
 *
 * Context: process context, may sleep.
 * Return: 0. -EBUSY: the target is open, or the device is claimed by somebody
 * else. -EINVAL: bad @flags, no @path, or not a block device, char device or regular
 * file. -EACCES, -EROFS: no permission, or a write open of a read-only device.
 * -ENOENT, -ENXIO, -ENODEV, -ENOMEM and whatever the driver's open returns.
 */
int io_target_open(struct io_target *target, const char *path, unsigned int flags)
{
	return iot_target_open(target, &(struct iot_source){ .path = path }, flags);
}
EXPORT_SYMBOL_GPL(io_target_open);

/**
 * io_target_open_dev - open a block device by number and start the target
 * @target: a closed target
 * @dev: device number, for instance bdev->bd_dev of a device at hand
 * @flags: as for io_target_open()
 *
 * Context: process context, may sleep; needs no path, so any kernel thread will do.
 * Return: as io_target_open().
 */
int io_target_open_dev(struct io_target *target, dev_t dev, unsigned int flags)
{
	return iot_target_open(target, &(struct iot_source){ .dev = dev }, flags);
}
EXPORT_SYMBOL_GPL(io_target_open_dev);

/**
 * io_target_open_file - adopt an open file and start the target
 * @target: a closed target
 * @file: of a block device, char device or regular file, or any other file
 *	whose driver has iterator operations (pipe, eventfd). The target takes a
 *	reference of its own and touches neither flags nor position
 * @flags: IO_TARGET_READ, IO_TARGET_WRITE, each only if @file was opened for it
 *
 * Context: process context, may sleep.
 * Return: 0. -EBUSY: the target is open. -EBADF: @file was not opened for
 * that. -EINVAL: bad @flags (EXCL cannot be had later), or a directory or
 * socket. -ENOMEM.
 */
int io_target_open_file(struct io_target *target, struct file *file, unsigned int flags)
{
	return iot_target_open(target, &(struct iot_source){ .file = file }, flags);
}
EXPORT_SYMBOL_GPL(io_target_open_file);

/**
 * io_target_open_path - create a target and open it, in one call
 * @path: as for io_target_open()
 * @flags: as for io_target_open()
 * @config: as for io_target_create()
 *
 * Context: process context, may sleep.
 * Return: the started target, or ERR_PTR with the errno of io_target_create()
 * or io_target_open().
 */
struct io_target *io_target_open_path(const char *path, unsigned int flags,
				      const struct io_target_config *config)
{
	struct io_target *t = io_target_create(config);
	int err;

	if (IS_ERR(t))
		return t;
	err = io_target_open(t, path, flags);
	if (err) {
		io_target_put(t);
		return ERR_PTR(err);
	}
	return t;
}
EXPORT_SYMBOL_GPL(io_target_open_path);

static u64 target_in_flight(struct io_target *t)
{
	u64 n = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		struct iot_stats *s = per_cpu_ptr(t->stats, cpu);

		n += READ_ONCE(s->submitted) - READ_ONCE(s->completed);
	}
	return n;
}

/* Ends when the device has answered everything it was sent over callers' memory. */
static void target_wait_closed(struct io_target *t)
{
	while (!wait_event_timeout(t->idle_wait,
				   percpu_ref_is_zero(&t->gated) &&
				   percpu_ref_is_zero(&t->ungated), CLOSE_WARN_SECS * HZ))
		pr_warn("io_target: %s: close waits for %llu requests\n",
			io_target_name(t), target_in_flight(t));
}

/*
 * The order matters: no new request passes the refs, those that did are waited
 * for, then no submit can look at t->lower any more; prep looks at it under
 * RCU only.
 */
static bool target_close_locked(struct io_target *t)
{
	struct io_target_lower *lower;

	lower = rcu_dereference_protected(t->lower, lockdep_is_held(&t->mutex));
	if (!lower)
		return false;
	iot_state_closed(t);
	iot_pended_end(t, -ECANCELED);
	iot_lower_cancel_queued(lower);
	target_wait_closed(t);
	rcu_assign_pointer(t->lower, NULL);
	synchronize_rcu();
	iot_lower_release(lower);
	return true;
}

void iot_target_close(struct io_target *t)
{
	bool closed;

	scoped_guard(mutex, &t->mutex)
		closed = target_close_locked(t);
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
 * the target and this module alive, until the device answers.
 *
 * Requests that the device has not been given yet (a stream's, behind the one
 * in its driver) end with -ECANCELED and not_sent. The wait for those that it has,
 * over the callers' own memory, lasts as long as the device takes; one line every
 * ten seconds says how many are missing.
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
