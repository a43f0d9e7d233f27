// SPDX-License-Identifier: GPL-2.0
/*
 * Which backend opens what: decided by the type of the inode, before anything
 * is opened that could have side effects.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/namei.h>

#include "internal.h"

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

struct io_target_lower *iot_open(struct io_target *t, const struct iot_source *from,
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
