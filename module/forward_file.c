// SPDX-License-Identifier: GPL-2.0
/*
 * Forwarding of reads and writes (kiocbs) that the driver of a file has received. All else
 * that it may be called for is in forward_call.c.
 *
 * The device is called in the caller's task, with his credentials, user pointers and
 * signals, once the target lets him through (enter.c). While the target is held back he
 * waits, interruptibly. A call counts as sent as long as it is in the driver; one that
 * waits for a tty to be ready waits outside of it, and goes back to wait for the target
 * when that is stopped, or ends when it is purged, closed or removed.
 *
 * On a stream reads, and writes, take turns with the library's own requests, one of each
 * direction at a time, in the order in which they came. Whoever waits for data has the
 * turn; behind him others wait, or get -EAGAIN when they must not.
 */
#include <linux/export.h>
#include <linux/slab.h>

#include "compat_file.h"
#include "enter.h"
#include "file.h"

/**
 * struct forward - a read or write on its way
 * @iocb: the driver's
 * @orig: the caller's
 * @pass: through the target
 * @done: bytes of earlier pieces
 * @again: the target has been stopped before anything was done
 * @refs: of an asynchronous one: who forwards it, and its completion
 */
struct forward {
	struct kiocb		iocb;
	struct kiocb		*orig;
	struct iot_pass		pass;
	ssize_t			done;
	bool			again;
	refcount_t		refs;
};

/* What of the caller's the driver is told */
#define FORWARD_FLAGS	(IOCB_DSYNC | IOCB_SYNC | IOCB_APPEND | IOCB_WRITE)

static struct iot_file *forward_lower(const struct forward *fw)
{
	return iot_lower_file(fw->pass.req.lower);
}

static bool forward_writes(const struct forward *fw)
{
	return fw->pass.req.op == IO_TARGET_OP_WRITE;
}

static bool must_not_wait(const struct kiocb *iocb)
{
	return iocb->ki_flags & IOCB_NOWAIT ||
	       (iocb->ki_filp && iocb->ki_filp->f_flags & O_NONBLOCK);
}

static void forward_moved(struct forward *fw)
{
	if (!fw->pass.req.lower->stream)
		fw->orig->ki_pos = fw->iocb.ki_pos;
}

static void forward_put(struct forward *fw)
{
	if (refcount_dec_and_test(&fw->refs))
		kfree(fw);
}

/* The driver has ended an asynchronous one. Context: any. */
static void forward_complete(struct kiocb *iocb, long result)
{
	struct forward *fw = container_of(iocb, struct forward, iocb);
	struct kiocb *orig = fw->orig;

	if (forward_writes(fw))
		iot_file_wrote(iocb);
	forward_moved(fw);
	if (fw->done)
		result = fw->done + max(result, 0L);
	orig->ki_complete(orig, result);
	iot_leave(&fw->pass, result);
	forward_put(fw);
}

/* A driver with entry points for user pointers only gets them piece by piece. */
static ssize_t call_user(struct file *file, struct kiocb *iocb, struct iov_iter *iter, bool write)
{
	ssize_t done = 0;

	if (!user_backed_iter(iter) || !(write ? !!file->f_op->write : !!file->f_op->read))
		return -EOPNOTSUPP;
	while (iov_iter_count(iter)) {
		void __user *buf = iot_iter_user(iter);
		size_t len = iot_iter_user_len(iter);
		ssize_t n;

		if (write)
			n = iot_file_write_user(file, buf, len, &iocb->ki_pos);
		else
			n = file->f_op->read(file, buf, len, &iocb->ki_pos);
		if (n < 0)
			return done ?: n;
		done += n;
		iov_iter_advance(iter, n);
		if (n < len)
			break;
	}
	return done;
}

static ssize_t call_driver(struct file *file, struct kiocb *iocb, struct iov_iter *iter, bool write)
{
	if (write)
		return file->f_op->write_iter ? iot_file_write(iocb, iter) :
						call_user(file, iocb, iter, true);
	return file->f_op->read_iter ? vfs_iocb_iter_read(file, iocb, iter) :
				       call_user(file, iocb, iter, false);
}

/*
 * Would the driver make a caller wait who must not, since it knows no refusal? A poll
 * tells as much as can be known; others may be faster, through another open file.
 */
static bool would_wait(struct file *file, const struct kiocb *orig, bool write)
{
	if (file->f_mode & FMODE_NOWAIT || file->f_flags & O_NONBLOCK)
		return false;
	if (orig->ki_flags & IOCB_NOWAIT)
		return true;
	return file_can_poll(file) && !(vfs_poll(file, NULL) & iot_file_events(write));
}

/*
 * Does the driver refuse, or can it be asked to, so that who waits can do so outside of
 * it? Of an asynchronous call it is asked only if it must.
 */
static bool can_refuse(struct file *file, struct kiocb *orig)
{
	if (!file_can_poll(file))
		return false;
	return file->f_flags & O_NONBLOCK ||
	       (file->f_mode & FMODE_NOWAIT && is_sync_kiocb(orig));
}

/* One piece, as the driver takes it. */
static ssize_t forward_piece(struct forward *fw, struct iov_iter *iter, bool nowait)
{
	struct file *file = forward_lower(fw)->file;
	bool write = forward_writes(fw);
	struct kiocb *orig = fw->orig;
	ssize_t result;

	if (nowait && would_wait(file, orig, write))
		return -EAGAIN;
	iot_file_iocb(&fw->iocb, file, fw->pass.req.lower->stream ? 0 : orig->ki_pos);
	fw->iocb.ki_ioprio = orig->ki_ioprio;
	fw->iocb.ki_flags |= orig->ki_flags & FORWARD_FLAGS;
	if (file->f_mode & FMODE_NOWAIT && (nowait || can_refuse(file, orig)))
		fw->iocb.ki_flags |= IOCB_NOWAIT;
	if (!is_sync_kiocb(orig))
		fw->iocb.ki_complete = forward_complete;
	result = call_driver(file, &fw->iocb, iter, write);
	if (result > 0)
		forward_moved(fw);
	return result;
}

/* Is it to be called again, for one who waits? */
static bool forward_goes_on(struct forward *fw, ssize_t result, size_t left)
{
	if (!can_refuse(forward_lower(fw)->file, fw->orig))
		return false;
	return result == -EAGAIN || (forward_writes(fw) && result > 0 && result < left);
}

/*
 * The whole of it. A driver that refuses is asked again when it is ready; writes until
 * all is written, as it would have it if it waited by itself.
 */
static ssize_t forward_pieces(struct forward *fw, struct iov_iter *iter, bool nowait)
{
	unsigned int refused = 0;

	for (;;) {
		struct iov_iter left = *iter;
		ssize_t result = forward_piece(fw, iter, nowait);

		if (result == -EIOCBQUEUED)
			return result;
		if (nowait || !forward_goes_on(fw, result, iov_iter_count(&left)))
			return fw->done ? fw->done + max_t(ssize_t, result, 0) : result;
		*iter = left;	/* what was refused has perhaps been copied */
		if (result > 0) {
			iov_iter_advance(iter, result);
			fw->done += result;
			refused = 0;
			continue;
		}
		result = iot_file_wait(fw->pass.req.target, forward_lower(fw),
				       forward_writes(fw), ++refused);
		if (result && fw->done)
			return fw->done;
		fw->again = result == -EAGAIN;
		if (result)
			return result;
	}
}

/* Once through the target. */
static ssize_t forward_once(struct io_target *t, struct forward *fw, struct iov_iter *iter)
{
	bool nowait = must_not_wait(fw->orig);
	struct iot_call call = {
		.op = iov_iter_rw(iter) == WRITE ? IO_TARGET_OP_WRITE : IO_TARGET_OP_READ,
		.pos = fw->orig->ki_pos,
		.len = iov_iter_count(iter),
		.nowait = nowait,
	};
	struct io_target_lower *lower;
	ssize_t result;

	fw->done = 0;
	fw->again = false;
	result = iot_enter(t, &call, &fw->pass);
	if (result)
		return result;
	/* One that is completed elsewhere may let go of the target before this returns. */
	lower = fw->pass.req.lower;
	iot_lower_get(lower);
	result = forward_pieces(fw, iter, nowait);
	if (result != -EIOCBQUEUED)
		iot_leave(&fw->pass, result);
	iot_lower_put(lower);
	return result;
}

static ssize_t forward_sync(struct io_target *t, struct kiocb *iocb, struct iov_iter *iter)
{
	struct forward fw;
	ssize_t result;

	fw.orig = iocb;
	do
		result = forward_once(t, &fw, iter);
	while (fw.again);
	return result;
}

static ssize_t forward_async(struct io_target *t, struct kiocb *iocb, struct iov_iter *iter)
{
	struct forward *fw = kzalloc_obj(*fw, GFP_KERNEL);
	ssize_t result;
	bool again;

	if (!fw)
		return -ENOMEM;
	fw->orig = iocb;
	refcount_set(&fw->refs, 2);
	do {
		result = forward_once(t, fw, iter);
		again = result != -EIOCBQUEUED && fw->again;
	} while (again);
	if (result != -EIOCBQUEUED)
		forward_put(fw);
	forward_put(fw);
	return result;
}

/**
 * io_target_forward_kiocb - pass a read or write on to a char device or file
 * @target: the target
 * @iocb: as ->read_iter() or ->write_iter() was given it
 * @iter: the memory, of whatever kind; its direction says which of the two it is
 *
 * The driver is called in this task, with a kiocb of the library's that has the position,
 * priority, IOCB_NOWAIT, IOCB_DSYNC, IOCB_SYNC and IOCB_APPEND of @iocb. What it says is
 * the result: short transfers too. While the target is held back the call waits, however
 * many others do; a signal ends that with -ERESTARTSYS. With IOCB_NOWAIT, or O_NONBLOCK
 * on the file of @iocb, -EAGAIN is returned instead, also when the device would make it
 * wait, as far as that can be known of its driver.
 *
 * Context: process context, sleeps.
 * Return: bytes, or negative errno. -EIOCBQUEUED, for an asynchronous @iocb only: its
 * ki_complete will be called exactly once with that, in any context; close waits for it.
 * Of the target: -ENODEV closed or removed, -ESHUTDOWN purged, -ECANCELED purged or
 * closed while the call waited. -EROFS, -EBADF: it was not opened for that. -EOPNOTSUPP:
 * it has a block device.
 */
ssize_t io_target_forward_kiocb(struct io_target *target, struct kiocb *iocb,
				struct iov_iter *iter)
{
	might_sleep();
	if (is_sync_kiocb(iocb))
		return forward_sync(target, iocb, iter);
	return forward_async(target, iocb, iter);
}
EXPORT_SYMBOL_GPL(io_target_forward_kiocb);
