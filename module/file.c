// SPDX-License-Identifier: GPL-2.0
/*
 * The file backend: char devices, regular files, and what else has iterator operations.
 * What they can do, how they are opened and let go of; how requests are carried out is
 * told in file_io.c.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "file.h"

/* All servers of all lanes, and who starts them */
#define FILE_WORKERS	(3 * IOT_LANE_WIDTH + 3)

static bool can_read(const struct file *file)
{
	return file->f_mode & FMODE_CAN_READ && file->f_op->read_iter;
}

static bool can_write(const struct file *file)
{
	return file->f_mode & FMODE_CAN_WRITE && file->f_op->write_iter;
}

/* Is it the driver's other entry point that there is? */
static int file_check_way(struct io_target *t, const struct file *file,
			  const struct io_target_request *req)
{
	bool read = req->op == IO_TARGET_OP_READ, user = req->flags & IO_TARGET_USER_PTR;
	const char *name = read ? "read" : "write";

	if (read ? can_read(file) : can_write(file))
		return 0;
	if (!iot_file_takes_user(file, !read))
		return iot_err(t, -EOPNOTSUPP, "%s refused: the driver has none", name);
	if (user)
		return 0;
	return iot_err(t, -EOPNOTSUPP,
		       "%s refused: the driver takes user pointers only: open it with USER_BOUNCE and use USER_PTR, or io_target_%s_user()",
		       name, name);
}

static int file_check_transfer(struct io_target *t, const struct file *file,
			       const struct io_target_request *req)
{
	int err = file_check_way(t, file, req);

	if (err)
		return err;
	if (req->flags & IO_TARGET_NOWAIT && !(file->f_mode & FMODE_NOWAIT))
		return iot_err(t, -EOPNOTSUPP, "NOWAIT refused: the driver may wait");
	if (req->flags & IO_TARGET_PREFLUSH)
		return iot_err(t, -EOPNOTSUPP, "PREFLUSH refused: send a flush before");
	if (req->flags & IO_TARGET_FUA && !file->f_op->fsync)
		return iot_err(t, -EOPNOTSUPP, "FUA refused: the driver has no fsync");
	return 0;
}

static int file_check_ioctl(struct io_target *t, const struct iot_file *f,
			    const struct io_target_request *req)
{
	if (!f->file->f_op->unlocked_ioctl)
		return iot_err(t, -EOPNOTSUPP, "ioctl refused: the driver has none");
	if ((req->ioctl.in || req->ioctl.out) && !f->mm)
		return iot_err(t, -EOPNOTSUPP,
			       "ioctl refused: the driver wants a user pointer: open it with USER_BOUNCE, or io_target_forward_ioctl()");
	return 0;
}

static int file_check(struct io_target_lower *lower, struct io_target_request *req)
{
	const struct iot_file *f = iot_lower_file(lower);
	const struct file *file = f->file;
	struct io_target *t = req->target;

	if (req->op == IO_TARGET_OP_READ || req->op == IO_TARGET_OP_WRITE)
		return file_check_transfer(t, file, req);
	if (req->op == IO_TARGET_OP_IOCTL)
		return file_check_ioctl(t, f, req);
	if (req->op == IO_TARGET_OP_FLUSH) {
		if (!file->f_op->fsync)
			return iot_err(t, -EOPNOTSUPP, "flush refused: the driver has no fsync");
		return 0;
	}
	if (!S_ISREG(file_inode(file)->i_mode) || !file->f_op->fallocate)
		return iot_err(t, -EOPNOTSUPP, "discard or zeroes refused: not a file with holes");
	if (req->op != IO_TARGET_OP_DISCARD && req->op != IO_TARGET_OP_WRITE_ZEROES)
		return iot_err(t, -EOPNOTSUPP, "prep refused: a file has no such operation");
	return 0;
}

/*
 * Not where each has to take his turn, nor where a driver may refuse to wait, for which
 * somebody has to wait in its place: O_NONBLOCK of an adopted file may come and go.
 */
static unsigned int file_direct(const struct io_target_lower *lower, struct file *file)
{
	if (lower->stream || file_can_poll(file))
		return 0;
	return (can_read(file) ? lower->flags & IO_TARGET_READ : 0) |
	       (can_write(file) ? lower->flags & IO_TARGET_WRITE : 0);
}

static enum io_target_served file_served(const struct iot_file *f, bool opened, bool write)
{
	if (!opened)
		return IO_TARGET_SERVED_NOT;
	if (!(write ? can_write(f->file) : can_read(f->file)))
		return iot_file_takes_user(f->file, write) ? IO_TARGET_SERVED_USER :
							     IO_TARGET_SERVED_NOT;
	if (f->polls && (READ_ONCE(f->file->f_flags) & O_NONBLOCK ||
			 f->file->f_mode & FMODE_NOWAIT))
		return IO_TARGET_SERVED_READY;
	return f->file->f_mode & FMODE_NOWAIT ? IO_TARGET_SERVED_TRY : IO_TARGET_SERVED_THREAD;
}

static void file_info(struct io_target_lower *lower, struct io_target_info *info)
{
	const struct iot_file *f = iot_lower_file(lower);
	const struct file *file = f->file;
	const struct inode *inode = file_inode(file);

	info->mode = inode->i_mode & S_IFMT;
	info->dev = S_ISCHR(inode->i_mode) ? inode->i_rdev : 0;
	info->size = S_ISREG(inode->i_mode) ? i_size_read(inode) : 0;
	info->logical_block_size = 1;
	info->physical_block_size = 1;
	info->nowait = file->f_mode & FMODE_NOWAIT;
	info->poll = f->polls;
	info->ioctl = file->f_op->unlocked_ioctl;
	info->read_only = !(lower->flags & IO_TARGET_WRITE);
	info->write_cache = file->f_op->fsync;
	info->stream = lower->stream;
	if (S_ISREG(inode->i_mode) && file->f_op->fallocate) {
		info->max_discard = S64_MAX;
		info->max_write_zeroes = S64_MAX;
	}
	info->read = file_served(f, lower->flags & IO_TARGET_READ, false);
	info->write = file_served(f, lower->flags & IO_TARGET_WRITE, true);
}

static struct file *file_file(struct io_target_lower *lower)
{
	return iot_lower_file(lower)->file;
}

static void file_close(struct io_target_lower *lower)
{
	struct iot_file *f = iot_lower_file(lower);

	iot_file_unwatch(f);
	iot_lane_exit(&f->read);
	iot_lane_exit(&f->write);
	iot_lane_exit(&f->any);
	destroy_workqueue(f->wq);
	__fput_sync(f->file);
	if (f->mm)
		mmdrop(f->mm);
	kfree(f);
}

/*
 * A char device has nobody to say that it is gone. Its node goes with it; where its owner
 * would rather look for it than be right, -ENODEV is enough.
 */
static bool file_dead(struct io_target_lower *lower, int err)
{
	const struct inode *inode = file_inode(iot_lower_file(lower)->file);

	if (!err || !S_ISCHR(inode->i_mode))
		return false;
	return !inode->i_nlink || (err == -ENODEV && READ_ONCE(lower->target->follows));
}

static const struct iot_backend file_backend = {
	.name		= "file",
	.submit		= iot_file_submit,
	.check		= file_check,
	.transfer	= iot_file_transfer_here,
	.info		= file_info,
	.file		= file_file,
	.leave		= iot_file_end,
	.begun		= iot_file_begun,
	.interrupt	= iot_file_interrupt,
	.close		= file_close,
	.dead		= file_dead,
	.may_be_short	= true,
};

/* Takes over the reference on @file, unless it fails. */
static struct io_target_lower *file_lower(struct io_target *t, struct file *file,
					  const struct iot_source *from)
{
	struct io_target_lower *lower;
	struct iot_file *f;
	int err = -ENOMEM;

	f = iot_inject_alloc(NULL) ? NULL : kzalloc_obj(*f, GFP_KERNEL);
	if (!f)
		return ERR_PTR(-ENOMEM);
	lower = iot_lower_alloc(t, &file_backend, from->flags, f);
	if (!lower)
		goto err_free;
	if (!iot_inject_alloc(NULL))
		f->wq = alloc_workqueue("iot_%pD", WQ_UNBOUND, FILE_WORKERS, file);
	if (!f->wq)
		goto err_lower;
	f->file = file;
	f->polls = file_can_poll(file);
	f->mm = from->mm;
	if (f->mm)
		mmgrab(f->mm);
	mutex_init(&f->lock);
	snprintf(lower->name, sizeof(lower->name), "%pD", file);
	lower->stream = file->f_mode & FMODE_STREAM || !(file->f_mode & FMODE_LSEEK);
	lower->direct = file_direct(lower, file);
	iot_lane_init(&f->read, lower, f->wq, lower->stream, &iot_file_lane_ops);
	iot_lane_init(&f->write, lower, f->wq, lower->stream, &iot_file_lane_ops);
	iot_lane_init(&f->any, lower, f->wq, false, &iot_file_lane_ops);
	return lower;

err_lower:
	iot_lower_unpin(lower);
err_free:
	kfree(f);
	return ERR_PTR(err);
}

static int open_flags(unsigned int flags)
{
	if (!(flags & IO_TARGET_WRITE))
		return O_RDONLY;
	return flags & IO_TARGET_READ ? O_RDWR : O_WRONLY;
}

/*
 * O_NONBLOCK, so that the open itself does not wait for a carrier or a peer; afterwards
 * the file is ours alone. It keeps the flag where the driver can be waited for outside
 * of it, and where that is not asked of each call; else it is to wait like any other.
 */
static struct file *file_open(const char *path, unsigned int flags)
{
	struct file *file;

	file = filp_open(path, open_flags(flags) | O_NONBLOCK | O_NOCTTY | O_LARGEFILE, 0);
	if (IS_ERR(file))
		return file;
	if (S_ISCHR(file_inode(file)->i_mode) && file_can_poll(file) &&
	    !(file->f_mode & FMODE_NOWAIT))
		return file;
	spin_lock(&file->f_lock);
	file->f_flags &= ~O_NONBLOCK;
	spin_unlock(&file->f_lock);
	return file;
}

struct io_target_lower *iot_file_lower_path(struct io_target *t,
					    const struct iot_source *from)
{
	struct file *file = file_open(from->path, from->flags);
	struct io_target_lower *lower;
	umode_t mode;

	if (IS_ERR(file))
		return ERR_CAST(file);
	/* The name may mean something else by now. */
	mode = file_inode(file)->i_mode;
	if (S_ISCHR(mode) || S_ISREG(mode))
		lower = file_lower(t, file, from);
	else
		lower = ERR_PTR(-ESTALE);
	if (IS_ERR(lower))
		fput(file);
	else
		iot_lower_file(lower)->refuses = file->f_flags & O_NONBLOCK;
	return lower;
}

struct io_target_lower *iot_file_lower_file(struct io_target *t,
					    const struct iot_source *from)
{
	struct io_target_lower *lower = file_lower(t, get_file(from->file), from);

	if (IS_ERR(lower))
		fput(from->file);
	return lower;
}
