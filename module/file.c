// SPDX-License-Identifier: GPL-2.0
/*
 * The file backend: char devices and regular files, through kiocbs.
 *
 * A driver may complete a kiocb at once, later, or make its caller wait. Who
 * submits an asynchronous request must not be made to wait: a driver that can
 * be asked not to (FMODE_NOWAIT) is tried by the submitter, everything else is
 * left to a lane's threads. Streams keep their order: one request per direction
 * is in the driver at a time.
 *
 * All driver calls are made with the credentials of who opened the file, but
 * for those in a waiting caller's own task, which are his.
 */
#include <linux/cred.h>
#include <linux/falloc.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/slab.h>

#include "enter.h"
#include "file.h"

static bool is_transfer(const struct io_target_request *req)
{
	return req->op == IO_TARGET_OP_READ || req->op == IO_TARGET_OP_WRITE;
}

static struct iot_lane *file_lane(struct io_target_request *req)
{
	struct iot_file *f = iot_lower_file(req->lower);

	if (!req->lower->stream || !is_transfer(req))
		return &f->any;
	return req->op == IO_TARGET_OP_WRITE ? &f->write : &f->read;
}

/* The driver has let go of @req, which no thread of a lane is looking after. */
static void file_end(struct io_target_request *req, ssize_t result)
{
	if (req->file.done && result <= 0)
		result = 0;
	if (result >= 0)
		result += req->file.done;
	iot_lane_leave(file_lane(req));
	iot_request_end(req, result, BLK_STS_OK);
}

/* A refusal to wait that the request's owner did not ask for is not a result. */
static bool file_refused_to_wait(const struct io_target_request *req, ssize_t result)
{
	return (result == -EAGAIN || result == -EOPNOTSUPP) &&
	       req->file.iocb.ki_flags & IOCB_NOWAIT && !(req->flags & IO_TARGET_NOWAIT);
}

static void file_complete(struct kiocb *iocb, long result)
{
	struct io_target_request *req;

	req = container_of(iocb, struct io_target_request, file.iocb);
	if (req->op == IO_TARGET_OP_WRITE)
		iot_kiocb_end_write(iocb);
	if (file_refused_to_wait(req, result))
		iot_lane_serve(file_lane(req), req, req->file.done);
	else
		file_end(req, result);
}

static ssize_t file_transfer(struct io_target_request *req, bool nowait)
{
	struct file *file = iot_lower_file(req->lower)->file;
	struct kiocb *iocb = &req->file.iocb;

	init_sync_kiocb(iocb, file);
	iocb->ki_pos = req->lower->stream ? 0 : req->pos + req->file.done;
	iocb->ki_complete = file_complete;
	if (req->ioprio)
		iocb->ki_ioprio = req->ioprio;
	if (nowait || req->flags & IO_TARGET_NOWAIT)
		iocb->ki_flags |= IOCB_NOWAIT;
	if (req->flags & IO_TARGET_FUA)
		iocb->ki_flags |= IOCB_DSYNC;
	req->file.iter = req->iter;
	iov_iter_advance(&req->file.iter, req->file.done);
	if (req->op == IO_TARGET_OP_READ)
		return vfs_iocb_iter_read(file, iocb, &req->file.iter);
	return vfs_iocb_iter_write(file, iocb, &req->file.iter);
}

static ssize_t file_range(struct io_target_request *req)
{
	struct file *file = iot_lower_file(req->lower)->file;

	switch (req->op) {
	case IO_TARGET_OP_FLUSH:
		return vfs_fsync(file, 0);
	case IO_TARGET_OP_DISCARD:
		return vfs_fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				     req->pos, req->len);
	default:
		return vfs_fallocate(file, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
				     req->pos, req->len);
	}
}

/*
 * A driver that refuses rather than to wait is asked again when it is ready; writes
 * until all is written, as it would have it by itself.
 */
static ssize_t file_transfer_patiently(struct io_target_request *req)
{
	struct iot_file *f = iot_lower_file(req->lower);
	bool write = req->op == IO_TARGET_OP_WRITE;
	unsigned int refused = 0;

	for (;;) {
		ssize_t result = file_transfer(req, false);

		if (!f->refuses || req->flags & IO_TARGET_NOWAIT)
			return result;
		if (write && result > 0 && result < req->len - req->file.done) {
			req->file.done += result;
			refused = 0;
		} else if (result == -EAGAIN) {
			iot_file_wait(req->target, f, write, TASK_IDLE, ++refused);
		} else {
			return result;
		}
	}
}

/* Waits for the driver. Its caller is a thread, or has asked to wait. */
static ssize_t file_call(struct io_target_request *req)
{
	ssize_t result;

	if (!is_transfer(req))
		return req->len || req->op == IO_TARGET_OP_FLUSH ? file_range(req) : 0;
	result = file_transfer_patiently(req);
	if (result == -EIOCBQUEUED || !req->file.done)
		return result;
	return req->file.done + max_t(ssize_t, result, 0);
}

static ssize_t file_call_as_opener(struct io_target_request *req)
{
	const struct cred *old;
	ssize_t result;
	bool entered;

	if (req->flags & IOT_F_PASS) {
		iot_pass_grant(req);
		return -EIOCBQUEUED;
	}
	old = override_creds(iot_lower_file(req->lower)->file->f_cred);
	entered = iot_owner_enter(req);
	result = file_call(req);

	iot_owner_leave(entered);
	revert_creds(old);
	return result;
}

static ssize_t file_try(struct io_target_request *req)
{
	struct file *file = iot_lower_file(req->lower)->file;
	const struct cred *old;
	ssize_t result;

	if (!is_transfer(req) || !(file->f_mode & FMODE_NOWAIT))
		return -EAGAIN;
	old = override_creds(file->f_cred);
	result = file_transfer(req, true);
	revert_creds(old);
	if (result != -EIOCBQUEUED && file_refused_to_wait(req, result))
		return -EAGAIN;
	/* What could be had without waiting was not all: a thread gets the rest. */
	if (result > 0 && result < req->len && !req->lower->stream &&
	    !(req->flags & IO_TARGET_NOWAIT)) {
		req->file.done = result;
		return -EAGAIN;
	}
	return result;
}

static void file_send(struct io_target_request *req)
{
	struct iot_lane *lane = file_lane(req);
	ssize_t result;

	req->file.done = 0;
	req->file.iocb.ki_flags = 0;
	if (!(req->flags & IOT_F_PASS) && (lane->ordered || !(req->flags & IOT_F_CALLER_WAITS)))
		iot_owner_note(req);
	switch (iot_lane_enter(lane, req)) {
	case IOT_LANE_ENTERED:
		break;
	case IOT_LANE_QUEUED:
		return;
	case IOT_LANE_TAKEN:
		iot_request_end(req, -EAGAIN, BLK_STS_OK);
		return;
	}
	if (req->flags & IOT_F_PASS) {
		iot_pass_grant(req);
		return;
	}
	if (req->flags & IOT_F_CALLER_WAITS)
		result = file_call(req);
	else
		result = file_try(req);
	if (result == -EIOCBQUEUED)
		return;
	if (result == -EAGAIN && !(req->flags & (IOT_F_CALLER_WAITS | IO_TARGET_NOWAIT)))
		iot_lane_serve(lane, req, req->file.done);
	else
		file_end(req, result);
}

/*
 * A request may have ended, and its target been closed, while the driver's function
 * that it was given to has still to return.
 */
static void file_submit(struct io_target_request *req)
{
	struct io_target_lower *lower = req->lower;

	iot_lower_get(lower);
	file_send(req);
	iot_lower_put(lower);
}

static bool can_read(const struct file *file)
{
	return file->f_mode & FMODE_CAN_READ && file->f_op->read_iter;
}

static bool can_write(const struct file *file)
{
	return file->f_mode & FMODE_CAN_WRITE && file->f_op->write_iter;
}

static int file_check_transfer(struct io_target *t, const struct file *file,
			       const struct io_target_request *req)
{
	bool read = req->op == IO_TARGET_OP_READ;

	if (!(read ? can_read(file) : can_write(file)))
		return iot_err(t, -EOPNOTSUPP, "%s refused: the driver takes user pointers only",
				  read ? "read" : "write");
	if (req->flags & IO_TARGET_NOWAIT && !(file->f_mode & FMODE_NOWAIT))
		return iot_err(t, -EOPNOTSUPP, "NOWAIT refused: the driver may wait");
	if (req->flags & IO_TARGET_PREFLUSH)
		return iot_err(t, -EOPNOTSUPP, "PREFLUSH refused: send a flush before");
	if (req->flags & IO_TARGET_FUA && !file->f_op->fsync)
		return iot_err(t, -EOPNOTSUPP, "FUA refused: the driver has no fsync");
	return 0;
}

static int file_check(struct io_target_lower *lower, struct io_target_request *req)
{
	const struct file *file = iot_lower_file(lower)->file;
	struct io_target *t = req->target;

	if (is_transfer(req))
		return file_check_transfer(t, file, req);
	if (req->op == IO_TARGET_OP_FLUSH) {
		if (!file->f_op->fsync)
			return iot_err(t, -EOPNOTSUPP, "flush refused: the driver has no fsync");
		return 0;
	}
	if (!S_ISREG(file_inode(file)->i_mode) || !file->f_op->fallocate)
		return iot_err(t, -EOPNOTSUPP, "discard or zeroes refused: not a file with holes");
	return 0;
}

/* Beside the lane. */
static ssize_t file_transfer_here(struct io_target_lower *lower, enum io_target_op op,
				  struct iov_iter *iter, loff_t pos)
{
	struct file *file = iot_lower_file(lower)->file;
	struct kiocb iocb;

	init_sync_kiocb(&iocb, file);
	iocb.ki_pos = pos;
	if (op == IO_TARGET_OP_READ)
		return vfs_iocb_iter_read(file, &iocb, iter);
	return vfs_iocb_iter_write(file, &iocb, iter);
}

/* Not where each has to take his turn. */
static unsigned int file_direct(const struct io_target_lower *lower, const struct file *file)
{
	if (lower->stream)
		return 0;
	return (can_read(file) ? lower->flags & IO_TARGET_READ : 0) |
	       (can_write(file) ? lower->flags & IO_TARGET_WRITE : 0);
}

static enum io_target_served file_served(const struct file *file, bool can)
{
	if (!can)
		return IO_TARGET_SERVED_NOT;
	return file->f_mode & FMODE_NOWAIT ? IO_TARGET_SERVED_TRY : IO_TARGET_SERVED_THREAD;
}

static void file_info(struct io_target_lower *lower, struct io_target_info *info)
{
	const struct file *file = iot_lower_file(lower)->file;
	const struct inode *inode = file_inode(file);

	info->mode = inode->i_mode & S_IFMT;
	info->dev = S_ISCHR(inode->i_mode) ? inode->i_rdev : 0;
	info->size = S_ISREG(inode->i_mode) ? i_size_read(inode) : 0;
	info->logical_block_size = 1;
	info->physical_block_size = 1;
	info->nowait = file->f_mode & FMODE_NOWAIT;
	info->poll = file_can_poll((struct file *)file);
	info->ioctl = file->f_op->unlocked_ioctl;
	info->read_only = !(lower->flags & IO_TARGET_WRITE);
	info->write_cache = file->f_op->fsync;
	info->stream = lower->stream;
	if (S_ISREG(inode->i_mode) && file->f_op->fallocate) {
		info->max_discard = S64_MAX;
		info->max_write_zeroes = S64_MAX;
	}
	info->read = file_served(file, lower->flags & IO_TARGET_READ && can_read(file));
	info->write = file_served(file, lower->flags & IO_TARGET_WRITE && can_write(file));
}

static struct file *file_file(struct io_target_lower *lower)
{
	return iot_lower_file(lower)->file;
}

static void file_close(struct io_target_lower *lower)
{
	struct iot_file *f = iot_lower_file(lower);

	iot_file_unwatch(f);
	destroy_workqueue(f->wq);
	__fput_sync(f->file);
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
	.submit		= file_submit,
	.check		= file_check,
	.transfer	= file_transfer_here,
	.info		= file_info,
	.file		= file_file,
	.leave		= file_end,
	.close		= file_close,
	.dead		= file_dead,
	.may_be_short	= true,
};

/* Takes over the reference on @file, unless it fails. */
static struct io_target_lower *file_lower(struct io_target *t, struct file *file,
					  unsigned int flags)
{
	struct io_target_lower *lower;
	struct iot_file *f;
	int err = -ENOMEM;

	f = iot_inject_alloc(NULL) ? NULL : kzalloc_obj(*f, GFP_KERNEL);
	if (!f)
		return ERR_PTR(-ENOMEM);
	lower = iot_lower_alloc(t, &file_backend, flags, f);
	if (!lower)
		goto err_free;
	if (!iot_inject_alloc(NULL))
		f->wq = alloc_workqueue("iot_%pD", WQ_UNBOUND, IOT_LANE_WIDTH + 2, file);
	if (!f->wq)
		goto err_lower;
	f->file = file;
	mutex_init(&f->lock);
	snprintf(lower->name, sizeof(lower->name), "%pD", file);
	lower->stream = file->f_mode & FMODE_STREAM || !(file->f_mode & FMODE_LSEEK);
	lower->direct = file_direct(lower, file);
	iot_lane_init(&f->read, lower, f->wq, true, file_call_as_opener);
	iot_lane_init(&f->write, lower, f->wq, true, file_call_as_opener);
	iot_lane_init(&f->any, lower, f->wq, false, file_call_as_opener);
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

struct io_target_lower *iot_file_lower_path(struct io_target *t, const char *path,
					    unsigned int flags)
{
	struct file *file = file_open(path, flags);
	struct io_target_lower *lower;
	umode_t mode;

	if (IS_ERR(file))
		return ERR_CAST(file);
	/* The name may mean something else by now. */
	mode = file_inode(file)->i_mode;
	if (S_ISCHR(mode) || S_ISREG(mode))
		lower = file_lower(t, file, flags);
	else
		lower = ERR_PTR(-ESTALE);
	if (IS_ERR(lower))
		fput(file);
	else
		iot_lower_file(lower)->refuses = file->f_flags & O_NONBLOCK;
	return lower;
}

struct io_target_lower *iot_file_lower_file(struct io_target *t, struct file *file,
					    unsigned int flags)
{
	struct io_target_lower *lower = file_lower(t, get_file(file), flags);

	if (IS_ERR(lower))
		fput(file);
	return lower;
}
