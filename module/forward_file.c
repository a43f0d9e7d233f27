// SPDX-License-Identifier: GPL-2.0
/*
 * Forwarding of what the driver of a file has received: reads and writes (kiocbs), ioctl,
 * poll, llseek, fsync, mmap.
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
#include <linux/compat.h>
#include <linux/export.h>
#include <linux/mman.h>
#include <linux/slab.h>

#include "compat_file.h"
#include "enter.h"
#include "file.h"
#include "stats.h"

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
		iot_kiocb_end_write(iocb);
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
			n = file->f_op->write(file, buf, len, &iocb->ki_pos);
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
		return file->f_op->write_iter ? vfs_iocb_iter_write(file, iocb, iter) :
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

/* One piece, as the driver takes it. */
static ssize_t forward_piece(struct forward *fw, struct iov_iter *iter, bool nowait)
{
	struct file *file = forward_lower(fw)->file;
	bool write = forward_writes(fw);
	struct kiocb *orig = fw->orig;
	ssize_t result;

	if (nowait && would_wait(file, orig, write))
		return -EAGAIN;
	init_sync_kiocb(&fw->iocb, file);
	fw->iocb.ki_pos = fw->pass.req.lower->stream ? 0 : orig->ki_pos;
	fw->iocb.ki_ioprio = orig->ki_ioprio;
	fw->iocb.ki_flags |= orig->ki_flags & FORWARD_FLAGS;
	if (nowait && file->f_mode & FMODE_NOWAIT)
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
	struct file *file = forward_lower(fw)->file;

	if (!(file->f_flags & O_NONBLOCK) || !file_can_poll(file))
		return false;
	return result == -EAGAIN || (forward_writes(fw) && result > 0 && result < left);
}

/*
 * The whole of it. A driver that has been opened with O_NONBLOCK is asked again when it
 * is ready; writes until all is written, as it would have it without that flag.
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
				       forward_writes(fw), TASK_INTERRUPTIBLE, ++refused);
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
	struct forward fw = { .orig = iocb };
	ssize_t result;

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

static long call_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	long result = -ENOIOCTLCMD;

	if (in_compat_syscall()) {
#ifdef CONFIG_COMPAT
		if (file->f_op->compat_ioctl)
			result = file->f_op->compat_ioctl(file, cmd, arg);
#endif
	} else if (file->f_op->unlocked_ioctl) {
		result = file->f_op->unlocked_ioctl(file, cmd, arg);
	}
	return result == -ENOIOCTLCMD ? -ENOTTY : result;
}

/**
 * io_target_forward_ioctl - pass an ioctl on to a char device or file
 * @target: the target
 * @cmd: as ->unlocked_ioctl() or ->compat_ioctl() was given it; which of them the driver
 *	is called through depends on the system call that this is part of
 * @arg: the same
 *
 * Waits for a target that is held back as io_target_forward_kiocb() does, but not for
 * reads and writes.
 *
 * Context: process context, sleeps; the task that @arg is a pointer of.
 * Return: what the driver returns. -ENOTTY: it has no ioctls. Of the target as
 * io_target_forward_kiocb().
 */
long io_target_forward_ioctl(struct io_target *target, unsigned int cmd, unsigned long arg)
{
	const struct iot_call call = { .op = IO_TARGET_OP_NONE };
	struct iot_pass pass;
	long result;

	result = iot_enter(target, &call, &pass);
	if (result)
		return result;
	result = call_ioctl(iot_lower_file(pass.req.lower)->file, cmd, arg);
	iot_leave(&pass, 0);
	return result;
}
EXPORT_SYMBOL_GPL(io_target_forward_ioctl);

/* Of a started target, whose gate is held. */
static __poll_t poll_lower(struct io_target *t)
{
	struct io_target_lower *lower = rcu_dereference_protected(t->lower, true);
	struct iot_file *f;

	if (!lower->backend->file)
		return DEFAULT_POLLMASK;
	f = iot_lower_file(lower);
	if (!file_can_poll(f->file))
		return DEFAULT_POLLMASK;
	iot_file_watch(t, f);
	return vfs_poll(f->file, NULL);
}

/**
 * io_target_forward_poll - is a char device or file ready?
 * @target: the target; stays referenced until @file is closed
 * @file: the file that is polled: the caller's own
 * @wait: as ->poll() was given it
 *
 * A target that is held back is not ready for anything. One that is purged, closed or
 * removed is ready to say so. Who polls is woken when either changes.
 *
 * Context: process context, sleeps.
 * Return: what the driver says; 0 while the target is held back; EPOLLERR | EPOLLHUP when
 * it is purged, closed or removed.
 */
__poll_t io_target_forward_poll(struct io_target *target, struct file *file,
				struct poll_table_struct *wait)
{
	__poll_t events;

	poll_wait(file, &target->idle_wait, wait);
	if (!iot_gate_tryget(&target->gated)) {
		switch (io_target_state(target)) {
		case IO_TARGET_PURGED:
		case IO_TARGET_CLOSED:
		case IO_TARGET_REMOVED:
			return EPOLLERR | EPOLLHUP;
		default:
			return 0;
		}
	}
	events = poll_lower(target);
	iot_gate_put(&target->gated);
	return events;
}
EXPORT_SYMBOL_GPL(io_target_forward_poll);

/* The position is @file's; the driver sees that, and sets it, on its own file. */
static loff_t call_llseek(struct iot_file *f, struct file *file, loff_t offset, int whence)
{
	loff_t result, kept;

	guard(mutex)(&f->lock);
	kept = f->file->f_pos;
	f->file->f_pos = file->f_pos;
	result = vfs_llseek(f->file, offset, whence);
	if (result >= 0)
		file->f_pos = f->file->f_pos;
	f->file->f_pos = kept;
	return result;
}

/**
 * io_target_forward_llseek - move the position of a file as the device below does
 * @target: the target
 * @file: whose position is moved: the caller's own
 * @offset: as ->llseek() was given it
 * @whence: the same
 *
 * Waits for a target that is held back as io_target_forward_ioctl() does.
 *
 * Context: process context, sleeps.
 * Return: the new position. -ESPIPE: it is a stream. Otherwise as the driver's llseek,
 * and of the target as io_target_forward_kiocb().
 */
loff_t io_target_forward_llseek(struct io_target *target, struct file *file, loff_t offset,
				int whence)
{
	const struct iot_call call = { .op = IO_TARGET_OP_NONE };
	struct iot_pass pass;
	loff_t result;

	result = iot_enter(target, &call, &pass);
	if (result)
		return result;
	result = -ESPIPE;
	if (!pass.req.lower->stream)
		result = call_llseek(iot_lower_file(pass.req.lower), file, offset, whence);
	iot_leave(&pass, 0);
	return result;
}
EXPORT_SYMBOL_GPL(io_target_forward_llseek);

/**
 * io_target_forward_fsync - make stable what was written to a char device or file
 * @target: the target
 * @start: as ->fsync() was given it
 * @end: the same
 * @datasync: the same
 *
 * Waits for a target that is held back as io_target_forward_ioctl() does.
 *
 * Context: process context, sleeps.
 * Return: 0, or negative errno of the driver; -EINVAL: it has no fsync. Of the target as
 * io_target_forward_kiocb().
 */
int io_target_forward_fsync(struct io_target *target, loff_t start, loff_t end, int datasync)
{
	const struct iot_call call = { .op = IO_TARGET_OP_FLUSH };
	struct iot_pass pass;
	int result;

	result = iot_enter(target, &call, &pass);
	if (result)
		return result;
	result = vfs_fsync_range(iot_lower_file(pass.req.lower)->file, start, end, datasync);
	iot_leave(&pass, result);
	return result;
}
EXPORT_SYMBOL_GPL(io_target_forward_fsync);

/* Never more than the open file below allows, whatever the one above does. */
static int call_mmap_lower(struct file *file, struct vm_area_struct *vma)
{
	if (!iot_can_mmap(file))
		return -ENODEV;
	if (!(file->f_mode & FMODE_READ))
		return -EACCES;
	if (vma->vm_flags & VM_SHARED && !(file->f_mode & FMODE_WRITE)) {
		if (vma->vm_flags & VM_WRITE)
			return -EACCES;
		iot_vma_never(vma, VM_MAYWRITE);
	}
	vma_set_file(vma, file);
	return iot_mmap(file, vma);
}

/**
 * io_target_forward_mmap - map the device below in place of the file above it
 * @target: the target
 * @vma: as ->mmap() was given it; belongs to the device's own file afterwards
 *
 * The mapping is the driver's from then on: it outlives stop, purge and close, and keeps
 * the device open (but not the target) until it is unmapped.
 *
 * Context: process context, in ->mmap(), sleeps.
 * Return: 0, or negative errno of the driver. -ENODEV: it maps nothing, or the target is
 * closed or removed. -EACCES: writable, over what was opened for reading. -EAGAIN: the
 * target is held back, which is not waited for with the address space locked. Of the
 * target otherwise as io_target_forward_kiocb().
 */
int io_target_forward_mmap(struct io_target *target, struct vm_area_struct *vma)
{
	const struct iot_call call = { .op = IO_TARGET_OP_NONE, .nowait = true };
	struct iot_pass pass;
	int result;

	result = iot_enter(target, &call, &pass);
	if (result)
		return result;
	result = call_mmap_lower(iot_lower_file(pass.req.lower)->file, vma);
	iot_leave(&pass, 0);
	return result;
}
EXPORT_SYMBOL_GPL(io_target_forward_mmap);
