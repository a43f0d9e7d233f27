// SPDX-License-Identifier: GPL-2.0
/*
 * How requests to a char device or regular file are carried out. (The rest of the file
 * backend is in file.c.)
 *
 * A driver may complete a kiocb at once, later, or make its caller wait. Who submits an
 * asynchronous request must not be made to wait. So, in this order:
 *
 *   A driver that can be asked not to wait (FMODE_NOWAIT) is tried by the submitter.
 *   One that refuses, for that or because of O_NONBLOCK, and has a ->poll, is asked again
 *   when it says that it is ready. Until then its lane waits, with no thread.
 *   Everything else is left to the threads of a lane, where the driver may wait. So is
 *   what takes a detour for a user's pointer (file_user.c).
 *
 * Streams keep their order: one request per direction is in the driver at a time.
 *
 * All driver calls are made with the credentials of who opened the file, but
 * for those in a waiting caller's own task, which are his.
 */
#include <linux/cred.h>
#include <linux/falloc.h>

#include "enter.h"
#include "file.h"

static bool is_transfer(const struct io_target_request *req)
{
	return req->op == IO_TARGET_OP_READ || req->op == IO_TARGET_OP_WRITE;
}

/* By a thread alone: it takes the opener's memory in place of its own. */
static bool is_for_user(const struct io_target_request *req)
{
	if (req->op == IO_TARGET_OP_IOCTL)
		return req->ioctl.in || req->ioctl.out;
	return req->flags & IO_TARGET_USER_PTR;
}

static struct iot_lane *file_lane(const struct io_target_request *req)
{
	struct iot_file *f = iot_lower_file(req->lower);

	if (!is_transfer(req) || !(req->lower->stream || f->polls))
		return &f->any;
	return req->op == IO_TARGET_OP_WRITE ? &f->write : &f->read;
}

/* The driver has let go of @req, which no thread of a lane is looking after. */
void iot_file_end(struct io_target_request *req, ssize_t result)
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

/*
 * The driver has done @result bytes. Is it to be given the rest? Also where it would
 * have gone on by itself if it had not been asked not to wait: with writes, and reads
 * of what has all its data somewhere, as a file has. What can be waited for (a stream,
 * an eventfd) has no more just now.
 */
static bool file_goes_on(struct io_target_request *req, ssize_t result)
{
	const struct iot_file *f = iot_lower_file(req->lower);
	bool write = req->op == IO_TARGET_OP_WRITE, hasty;

	if (result <= 0 || result >= req->len - req->file.done || req->flags & IO_TARGET_NOWAIT)
		return false;
	hasty = req->file.iocb.ki_flags & IOCB_NOWAIT ||
		(write && f->refuses);
	if (!(req->flags & IO_TARGET_FULL) &&
	    !(hasty && (write || !(req->lower->stream || f->polls))))
		return false;
	req->file.done += result;
	req->flags |= IOT_F_BEGUN;
	return true;
}

static void file_complete(struct kiocb *iocb, long result)
{
	struct io_target_request *req;

	req = container_of(iocb, struct io_target_request, file.iocb);
	if (req->op == IO_TARGET_OP_WRITE)
		iot_file_wrote(iocb);
	if (file_refused_to_wait(req, result) || file_goes_on(req, result))
		iot_lane_serve(file_lane(req), req);
	else
		iot_file_end(req, result);
}

static ssize_t file_transfer(struct io_target_request *req, bool nowait)
{
	struct file *file = iot_lower_file(req->lower)->file;
	struct kiocb *iocb = &req->file.iocb;

	iot_file_iocb(iocb, file, req->lower->stream ? 0 : req->pos + req->file.done);
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
	return iot_file_write(iocb, &req->file.iter);
}

static ssize_t file_ioctl(struct io_target_request *req)
{
	struct file *file = iot_lower_file(req->lower)->file;
	long result;

	if (is_for_user(req))
		result = iot_file_ioctl_user(req);
	else
		result = file->f_op->unlocked_ioctl(file, req->pos,
						    (unsigned long)req->ioctl.buf);
	return result == -ENOIOCTLCMD ? -ENOTTY : result;
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
 * One that says when it is ready need not be waited in. But one that says so and refuses
 * all the same, again and again, has its reasons.
 */
static bool file_can_refuse(const struct io_target_request *req)
{
	const struct iot_file *f = iot_lower_file(req->lower);

	return f->polls && f->file->f_mode & FMODE_NOWAIT &&
	       READ_ONCE(file_lane(req)->refused) <= IOT_LANE_REFUSALS;
}

static ssize_t file_pieces(struct io_target_request *req)
{
	bool nowait = file_can_refuse(req);
	ssize_t result;

	for (;;) {
		if (unlikely(is_for_user(req)))
			result = iot_file_transfer_user(req);
		else
			result = file_transfer(req, nowait);
		if (file_goes_on(req, result))
			continue;
		if (result == -EAGAIN && iot_lower_file(req->lower)->polls &&
		    !(req->flags & IO_TARGET_NOWAIT))
			return IOT_NOT_READY;
		if (result == -EIOCBQUEUED || !file_refused_to_wait(req, result))
			return result;
		nowait = false;
	}
}

/* May wait for the driver. Its caller is a thread, or has asked to wait. */
static ssize_t file_call(struct io_target_request *req)
{
	ssize_t result;

	if (req->op == IO_TARGET_OP_IOCTL)
		return file_ioctl(req);
	if (!is_transfer(req))
		return req->len || req->op == IO_TARGET_OP_FLUSH ? file_range(req) : 0;
	result = file_pieces(req);
	if (result == -EIOCBQUEUED || result == IOT_NOT_READY || !req->file.done)
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

/* Return: IOT_NOT_READY: it is for a thread. */
static ssize_t file_try(struct io_target_request *req)
{
	struct file *file = iot_lower_file(req->lower)->file;
	const struct cred *old;
	ssize_t result;

	if (!is_transfer(req) || is_for_user(req) || !(file->f_mode & FMODE_NOWAIT))
		return IOT_NOT_READY;
	old = override_creds(file->f_cred);
	result = file_transfer(req, true);
	revert_creds(old);
	if (result == -EIOCBQUEUED)
		return result;
	if (file_refused_to_wait(req, result) || file_goes_on(req, result))
		return IOT_NOT_READY;
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
	if (req->flags & IOT_F_CALLER_WAITS && !is_for_user(req))
		result = file_call(req);
	else
		result = file_try(req);
	if (result == IOT_NOT_READY) {
		iot_owner_note(req);
		iot_lane_serve(lane, req);
	} else if (result != -EIOCBQUEUED) {
		iot_lane_leave(lane);
		iot_request_end(req, result, BLK_STS_OK);
	}
}

/*
 * A request may have ended, and its target been closed, while the driver's function
 * that it was given to has still to return.
 */
void iot_file_submit(struct io_target_request *req)
{
	struct io_target_lower *lower = req->lower;

	iot_lower_get(lower);
	file_send(req);
	iot_lower_put(lower);
}

ssize_t iot_file_begun(const struct io_target_request *req)
{
	return req->file.done;
}

/* @req, or with NULL all that is cancelled. */
bool iot_file_interrupt(struct io_target_lower *lower, const struct io_target_request *req,
			int why)
{
	struct iot_file *f = iot_lower_file(lower);
	bool found;

	if (req)
		return iot_lane_interrupt(file_lane(req), req, why);
	found = iot_lane_interrupt(&f->read, NULL, why);
	found |= iot_lane_interrupt(&f->write, NULL, why);
	found |= iot_lane_interrupt(&f->any, NULL, why);
	return found;
}

/* Beside the lanes. */
ssize_t iot_file_transfer_here(struct io_target_lower *lower, enum io_target_op op,
			       struct iov_iter *iter, loff_t pos)
{
	struct file *file = iot_lower_file(lower)->file;
	struct kiocb iocb;

	iot_file_iocb(&iocb, file, pos);
	if (op == IO_TARGET_OP_READ)
		return vfs_iocb_iter_read(file, &iocb, iter);
	return iot_file_write(&iocb, iter);
}

const struct iot_lane_ops iot_file_lane_ops = {
	.call		= file_call_as_opener,
	.begun		= iot_file_begun,
	.ready		= iot_file_ready,
};
