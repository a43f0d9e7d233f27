// SPDX-License-Identifier: GPL-2.0
/*
 * Forwarding of all that the driver of a file may be called for beside reads and writes,
 * for which see forward_file.c: ioctl, poll, llseek, fsync, mmap. None of them takes turns
 * with those, or with each other. Last, what that of a disk may be asked for.
 */
#include <linux/compat.h>
#include <linux/export.h>
#include <linux/mm.h>

#include "compat_file.h"
#include "enter.h"
#include "file.h"
#include "submit.h"

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
	iot_file_watch(f);
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
static loff_t llseek_lower(struct file *lower, struct file *file, loff_t offset, int whence)
{
	loff_t result, kept = lower->f_pos;

	lower->f_pos = file->f_pos;
	result = vfs_llseek(lower, offset, whence);
	if (result >= 0)
		file->f_pos = lower->f_pos;
	lower->f_pos = kept;
	return result;
}

/*
 * An adopted file has an owner, who moves its position, too: as far as anybody locks that,
 * so do we. The caller may have the same lock of @file.
 */
static loff_t call_llseek(struct iot_file *f, struct file *file, loff_t offset, int whence)
{
	bool locked = f->file->f_mode & FMODE_ATOMIC_POS;
	loff_t result;

	mutex_lock(&f->lock);
	if (locked)
		mutex_lock_nested(&f->file->f_pos_lock, SINGLE_DEPTH_NESTING);
	result = llseek_lower(f->file, file, offset, whence);
	if (locked)
		mutex_unlock(&f->file->f_pos_lock);
	mutex_unlock(&f->lock);
	return result;
}

/**
 * io_target_forward_llseek - move the position of a file as the device below does
 * @target: the target
 * @file: whose position is moved: the caller's own
 * @offset: as ->llseek() was given it
 * @whence: the same
 *
 * Waits for a target that is held back as io_target_forward_ioctl() does. The owner of an
 * adopted file that is not a regular one does not use its position meanwhile: nobody locks
 * that.
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

static int call_locked_out(struct io_target *t)
{
	switch (io_target_state(t)) {
	case IO_TARGET_PURGED:
		return -ESHUTDOWN;
	case IO_TARGET_CLOSED:
	case IO_TARGET_REMOVED:
		return -ENODEV;
	default:
		return -EAGAIN;
	}
}

/**
 * io_target_call_bdev - do something with the device that is no request
 * @target: of a block device
 * @flags: 0, or IO_TARGET_IGNORE_STATE: as long as there is a device
 * @fn: gets the device, which stays until it returns, and @data
 * @data: for @fn
 *
 * For what the caller's own disk is asked, and only the driver below can answer: the zones,
 * for example. Close, suspend, switch and a stop that waits wait until @fn returns.
 *
 * Context: process context; @fn may sleep. It may not wait for the target.
 * Return: of @fn. -EAGAIN: the target is stopped, or has no device just now. -ESHUTDOWN:
 * purged. -ENODEV: closed or removed. -EOPNOTSUPP: not a block device.
 */
int io_target_call_bdev(struct io_target *target, unsigned int flags,
			int (*fn)(struct block_device *bdev, void *data), void *data)
{
	struct percpu_ref *gate = flags & IO_TARGET_IGNORE_STATE ? &target->ungated :
								   &target->gated;
	struct io_target_lower *lower;
	int result;

	if (!percpu_ref_tryget_live(gate))
		return call_locked_out(target);
	lower = iot_target_lower(target);
	result = lower->bdev ? fn(lower->bdev, data) : -EOPNOTSUPP;
	percpu_ref_put(gate);
	return result;
}
EXPORT_SYMBOL_GPL(io_target_call_bdev);
