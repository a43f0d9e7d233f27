// SPDX-License-Identifier: GPL-2.0
/*
 * Opening and closing a target. Which backend opens what is decided by the type
 * of the inode, before anything is opened that could have side effects.
 */
#include <linux/cred.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/namei.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "stats.h"
#include "watch.h"

#define OPEN_FLAGS	(IO_TARGET_READ | IO_TARGET_WRITE | IO_TARGET_EXCL | \
			 IO_TARGET_USER_BOUNCE)

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

/* Flags that are for the other kind of device only */
static int check_kind(struct io_target *t, bool block, unsigned int flags)
{
	if (block && flags & IO_TARGET_USER_BOUNCE)
		return iot_err(t, -EINVAL, "open refused: USER_BOUNCE is for char devices");
	if (!block && flags & IO_TARGET_EXCL)
		return iot_err(t, -EINVAL, "open refused: EXCL is for block devices");
	return 0;
}

static struct io_target_lower *open_mode(struct io_target *t, umode_t mode,
					 const struct iot_source *from)
{
	int err = check_kind(t, S_ISBLK(mode), from->flags);

	if (err)
		return ERR_PTR(err);
	if (S_ISBLK(mode))
		return iot_bdev_lower_path(t, from->path, from->flags);
	if (!S_ISCHR(mode) && !S_ISREG(mode))
		return ERR_PTR(refuse_type(t, from->path, mode));
	return iot_file_lower_path(t, from);
}

/*
 * A device above the target's owner would wait for itself, or call itself without end. Asks
 * the owner, also about a device that was opened some time ago.
 */
static int loop_check(struct io_target *t, const char *path)
{
	struct fs_struct *old;
	bool above;

	if (!t->config.is_above)
		return 0;
	old = iot_enter_init_fs();
	above = t->config.is_above(t, path, t->config.private);
	iot_leave_init_fs(old);
	return above ? iot_err(t, -ELOOP, "open refused: %s lies above", path) : 0;
}

static struct io_target_lower *open_path(struct io_target *t, const struct iot_source *from)
{
	struct fs_struct *old = iot_enter_init_fs();
	struct io_target_lower *lower;
	umode_t mode;
	int err;

	err = path_mode(from->path, &mode);
	lower = err ? ERR_PTR(err) : open_mode(t, mode, from);
	iot_leave_init_fs(old);
	return lower;
}

/* Anything with iterator operations can be adopted, pipes and eventfds too. */
static struct io_target_lower *open_file(struct io_target *t, const struct iot_source *from)
{
	umode_t mode = file_inode(from->file)->i_mode;
	struct file *file = from->file;
	unsigned int flags = from->flags;
	int err;

	if (S_ISDIR(mode) || S_ISSOCK(mode))
		return ERR_PTR(refuse_type(t, "the file", mode));
	if (flags & IO_TARGET_EXCL)
		return ERR_PTR(iot_err(t, -EINVAL, "open refused: an open file cannot be claimed"));
	err = check_kind(t, S_ISBLK(mode), flags);
	if (err)
		return ERR_PTR(err);
	if ((flags & IO_TARGET_READ && !(file->f_mode & FMODE_READ)) ||
	    (flags & IO_TARGET_WRITE && !(file->f_mode & FMODE_WRITE)))
		return ERR_PTR(iot_err(t, -EBADF, "open refused: the file does not allow it"));
	if (S_ISBLK(mode))
		return iot_bdev_lower_file(t, file, flags);
	return iot_file_lower_file(t, from);
}

static struct io_target_lower *open_provider(struct io_target *t, const char *name,
					     unsigned int flags)
{
	if (flags & (IO_TARGET_EXCL | IO_TARGET_USER_BOUNCE))
		return ERR_PTR(iot_err(t, -EINVAL, "open refused: flags %#x, of a provider",
				       flags));
	return iot_provider_lower(t, name, flags);
}

/*
 * Does @from lie above @t? Asked with the credentials with which it is opened, under the
 * mutex: close waits for the answer.
 * Return: 0, or -ELOOP, which has been told.
 */
int iot_source_ask(struct io_target *t, const struct iot_source *from)
{
	const struct cred *old;
	int err;

	lockdep_assert_held(&t->mutex);
	if (!from->path || from->provider)
		return 0;
	old = override_creds(from->cred ?: current_cred());
	err = loop_check(t, from->path);
	revert_creds(old);
	return err;
}

/*
 * The caller has asked iot_source_ask() before. It does not hold the mutex, but in the first
 * open of a target: to open a device may take for ever.
 */
struct io_target_lower *iot_source_open(struct io_target *t, const struct iot_source *from)
{
	struct io_target_lower *lower;

	if (from->call)
		lower = from->call(t, from->flags, from->data);
	else if (from->provider)
		lower = open_provider(t, from->path, from->flags);
	else if (from->path)
		lower = open_path(t, from);
	else if (from->file)
		lower = open_file(t, from);
	else
		lower = iot_bdev_lower_dev(t, from->dev, from->flags);
	if (IS_ERR(lower))
		trace_open(t, "", from->flags, PTR_ERR(lower));
	return lower;
}

/* Bad arguments have been told by who has found them. */
void iot_open_failed(struct io_target *t, const struct iot_source *from, int err)
{
	if (err != -EINVAL && err != -EBADF && (err != -ELOOP || !t->config.is_above))
		iot_err(t, err, "open of %s failed", from->path ?: "a device");
}

/* A source that was remembered, or a copy of it. */
void iot_source_drop(struct iot_source *from)
{
	kfree(from->path);
	if (from->cred)
		put_cred(from->cred);
	if (from->mm)
		mmdrop(from->mm);
	*from = (struct iot_source){};
}

/* Return: 0 or -ENOMEM. Context: process context, without I/O. */
int iot_source_copy(struct iot_source *to, const struct iot_source *from)
{
	const char *path = from->path ? kstrdup(from->path, GFP_NOIO) : NULL;

	if (from->path && !path)
		return -ENOMEM;
	*to = *from;
	to->path = path;
	get_cred(to->cred);
	if (to->mm)
		mmgrab(to->mm);
	return 0;
}

/*
 * For reopen, once the open has succeeded. An adopted file is not ours to open again,
 * so all that is kept of it is that. @from's path becomes the target's.
 */
static void source_remember(struct io_target *t, const struct iot_source *from)
{
	if (from->mm)
		mmgrab(from->mm);
	iot_source_drop(&t->source);
	t->source = *from;
	t->source.cred = get_current_cred();
}

/*
 * Stopped, or started, or gone again meanwhile: it has been opened.
 * Return: as iot_state_resume().
 */
int iot_target_opened(struct io_target *t, struct io_target_lower *lower, bool hold)
{
	t->turns++;
	if (!t->config.name)
		strscpy(t->name, lower->name, sizeof(t->name));
	iot_fits_read(lower, &t->fits);
	trace_open(t, lower->name, lower->flags, 0);
	iot_forward_opened(lower);
	iot_follow_opened(t);
	iot_rescan_opened(t, lower);
	return iot_state_resume(t, lower, hold);
}

/* Opens @from, and refuses what is to be followed and could not be told from others. */
static struct io_target_lower *source_open_first(struct io_target *t,
						 const struct iot_source *from)
{
	struct io_target_lower *lower;
	int err = iot_source_ask(t, from);

	lower = err ? ERR_PTR(err) : iot_source_open(t, from);
	if (IS_ERR(lower)) {
		iot_open_failed(t, from, PTR_ERR(lower));
		return lower;
	}
	err = t->config.follow.enable && !from->file ? iot_fits_check_follow(t, lower) : 0;
	if (!err)
		return lower;
	iot_lower_release(lower);
	return ERR_PTR(err);
}

static int target_open_locked(struct io_target *t, const struct iot_source *from)
{
	struct io_target_lower *lower;
	const char *path = NULL;
	struct iot_source own;
	int err;

	lockdep_assert_held(&t->mutex);
	if (io_target_state(t) != IO_TARGET_CLOSED)
		return iot_err(t, -EBUSY, "open refused: it is open already");
	if (from->path) {
		path = iot_inject_alloc(t) ? NULL : kstrdup(from->path, GFP_KERNEL);
		if (!path)
			return iot_err(t, -ENOMEM, "open of %s failed", from->path);
	}
	own = *from;
	if (own.flags & IO_TARGET_USER_BOUNCE)
		own.mm = current->mm;
	lower = source_open_first(t, &own);
	err = PTR_ERR_OR_ZERO(lower);
	if (err) {
		kfree(path);
		return err;
	}
	own.path = path;
	source_remember(t, &own);
	iot_target_opened(t, lower, false);
	return 0;
}

int iot_target_open(struct io_target *t, const struct iot_source *from)
{
	int err = iot_may_wait(t, "open");

	if (err)
		return err;
	if (!from->path && !from->file && !from->dev && !from->call)
		return iot_err(t, -EINVAL, "open refused: nothing to open");
	if (!(from->flags & (IO_TARGET_READ | IO_TARGET_WRITE)) || from->flags & ~OPEN_FLAGS)
		return iot_err(t, -EINVAL, "open refused: flags %#x", from->flags);
	if (from->flags & IO_TARGET_USER_BOUNCE && !current->mm)
		return iot_err(t, -EINVAL, "open refused: USER_BOUNCE, by no user's task");

	scoped_guard(mutex, &t->mutex) {
		err = target_open_locked(t, from);
		iot_tell_begin(t);
	}
	if (!err)
		iot_event(t, IO_TARGET_EVENT_STATE);
	iot_tell_end(t);
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
 *	can claim or mount it. Char devices and files have no claim: -EINVAL.
 *	IO_TARGET_USER_BOUNCE, for char devices: in the calling task's memory drivers are
 *	given their user pointers, see io_target_user.h. Not from a kernel thread
 *
 * Requests to a block device go past its page cache. On a shared open,
 * coherency with buffered users of the same device is the caller's concern.
 *
 * Context: process context, may sleep.
 * Return: 0. -EBUSY: the target is open, or the device is claimed by somebody
 * else. -EINVAL: bad @flags, no @path, not a block device, char device or regular
 * file, or to be followed and like any other disk. -EACCES, -EROFS: no permission, or a
 * write open of a read-only device.
 * -ELOOP: it lies above the target, says config.is_above. -ENOENT, -ENXIO, -ENODEV, -ENOMEM
 * and whatever the driver's open returns.
 */
int io_target_open(struct io_target *target, const char *path, unsigned int flags)
{
	return iot_target_open(target, &(struct iot_source){ .path = path, .flags = flags });
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
	return iot_target_open(target, &(struct iot_source){ .dev = dev, .flags = flags });
}
EXPORT_SYMBOL_GPL(io_target_open_dev);

/**
 * io_target_open_file - adopt an open file and start the target
 * @target: a closed target
 * @file: of a block device, char device or regular file, or any other file
 *	whose driver has iterator operations (pipe, eventfd). The target takes a
 *	reference of its own and touches neither flags nor position
 * @flags: IO_TARGET_READ, IO_TARGET_WRITE, each only if @file was opened for it;
 *	IO_TARGET_USER_BOUNCE as for io_target_open()
 *
 * Context: process context, may sleep.
 * Return: 0. -EBUSY: the target is open. -EBADF: @file was not opened for
 * that. -EINVAL: bad @flags (EXCL cannot be had later), or a directory or
 * socket. -ENOMEM.
 */
int io_target_open_file(struct io_target *target, struct file *file, unsigned int flags)
{
	return iot_target_open(target, &(struct iot_source){ .file = file, .flags = flags });
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
