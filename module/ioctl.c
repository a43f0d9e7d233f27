// SPDX-License-Identifier: GPL-2.0
/*
 * Requests that are neither reads nor writes: what a char driver's ioctl, or a provider's,
 * does with a number and an argument.
 */
#include <linux/export.h>
#include <linux/fs.h>
#include <linux/sched/task_stack.h>

#include "enter.h"
#include "sync.h"

/* What makes sense for them */
#define IOCTL_FLAGS	(IO_TARGET_IGNORE_STATE | IO_TARGET_TASK | IO_TARGET_PREPARED)

static int prep_ioctl(struct io_target_request *req, unsigned int cmd, void *buf, u32 in,
		      u32 out, unsigned int flags)
{
	int err = iot_prep_begin(req, IO_TARGET_OP_IOCTL, cmd, 0, flags);

	if (err)
		return err;
	if (flags & ~IOCTL_FLAGS)
		return iot_err(req->target, -EINVAL, "ioctl refused: flags %#x", flags);
	iov_iter_kvec(&req->iter, ITER_SOURCE, NULL, 0, 0);
	req->ioctl.buf = buf;
	req->ioctl.in = in;
	req->ioctl.out = out;
	return iot_prep_finish(req);
}

/**
 * io_target_prep_ioctl - format an ioctl with a number as its argument
 * @req: idle, formatted or done
 * @cmd: as the driver knows it
 * @arg: the number. For a pointer of the caller's there is io_target_ioctl()
 * @flags: IO_TARGET_IGNORE_STATE, IO_TARGET_TASK, IO_TARGET_PREPARED
 *
 * Of a char device a thread calls the driver, which can be interrupted as in a read, or
 * io_target_submit_wait() does that has no timeout. It does not wait for its turn. The
 * result is what the driver returns.
 *
 * Context: as for io_target_prep_rw().
 * Return: as io_target_prep_rw(). -EOPNOTSUPP: the device has no ioctls, or is a disk,
 * which has operations in their place.
 */
int io_target_prep_ioctl(struct io_target_request *req, unsigned int cmd, unsigned long arg,
			 unsigned int flags)
{
	return prep_ioctl(req, cmd, (void *)arg, 0, 0, flags);
}
EXPORT_SYMBOL_GPL(io_target_prep_ioctl);

/**
 * io_target_prep_ioctl_buf - format an ioctl with kernel memory as its argument
 * @req: idle, formatted or done
 * @cmd: as the provider, or the driver, knows it
 * @buf: kernel memory, not on the stack; it belongs to the request until that has ended
 * @in: bytes there that are for the provider
 * @out: bytes there that it may fill in; not both 0
 * @flags: as for io_target_prep_ioctl()
 *
 * A char device has to be opened with IO_TARGET_USER_BOUNCE: its driver is given a pointer
 * to a copy in the opener's memory. What that points to in its turn is not copied. @out
 * bytes are copied back if the driver returns no error.
 *
 * Context: as for io_target_prep_rw().
 * Return: as io_target_prep_ioctl(). -EINVAL: no buffer. -EFAULT: it is on the stack.
 * -EOPNOTSUPP: also a char device that was not opened so. Of the request also -EOWNERDEAD:
 * the opener's process has ended.
 */
int io_target_prep_ioctl_buf(struct io_target_request *req, unsigned int cmd, void *buf,
			     u32 in, u32 out, unsigned int flags)
{
	if (!buf || !(in || out))
		return iot_err(req->target, -EINVAL, "ioctl refused: no buffer");
	if (object_is_on_stack(buf))
		return iot_err(req->target, -EFAULT, "ioctl refused: memory on the stack");
	return prep_ioctl(req, cmd, buf, in, out, flags);
}
EXPORT_SYMBOL_GPL(io_target_prep_ioctl_buf);

/*
 * A char device's is called by nobody but the caller, since the argument may be a pointer of
 * his: also if he has to wait for the target to be started.
 */
static long ioctl_here(struct io_target *t, unsigned int cmd, unsigned long arg)
{
	struct io_target_lower *lower;
	struct iot_pass pass;
	struct file *file;
	long result;

	io_target_request_init(&pass.req, t);
	result = io_target_prep_ioctl(&pass.req, cmd, arg, 0);
	if (result)
		return result;
	pass.granted = false;
	result = iot_enter_with(&pass);
	if (!pass.granted)
		return result;
	lower = pass.req.lower;
	file = lower->backend->file(lower);
	result = file->f_op->unlocked_ioctl(file, cmd, arg);
	if (result == -ENOIOCTLCMD)
		result = -ENOTTY;
	iot_leave(&pass, result);
	return result;
}

/**
 * io_target_ioctl - an ioctl with a number as its argument, and wait
 * @target: the target
 * @cmd: as the driver knows it
 * @arg: the number; with IO_TARGET_NO_TIMEOUT also a pointer of the caller's own
 * @timeout: jiffies, more than 0, or IO_TARGET_NO_TIMEOUT
 *
 * Without timeout the driver is called in the caller's own task and with his credentials,
 * also if the target has to be started first, and a signal ends his wait for that. With
 * one, a thread calls it, and at @timeout it is asked to let go; one that does not is
 * waited for.
 *
 * Context: process context, sleeps.
 * Return: what the driver returns; negative errno of io_target_prep_ioctl(),
 * io_target_submit(), or -ETIMEDOUT. -ERESTARTSYS: a signal, while the target was not
 * started.
 */
long io_target_ioctl(struct io_target *target, unsigned int cmd, unsigned long arg,
		     long timeout)
{
	struct io_target_request req;
	int err;

	err = iot_sync_check(target, timeout);
	if (err)
		return err;
	if (timeout == IO_TARGET_NO_TIMEOUT)
		return ioctl_here(target, cmd, arg);
	io_target_request_init(&req, target);
	err = io_target_prep_ioctl(&req, cmd, arg, 0);
	return err ?: io_target_submit_wait(&req, timeout);
}
EXPORT_SYMBOL_GPL(io_target_ioctl);

/**
 * io_target_ioctl_buf - an ioctl with kernel memory as its argument, and wait
 * @target: the target
 * @cmd: as the provider knows it
 * @buf: as for io_target_prep_ioctl_buf()
 * @in: bytes there that are for the provider
 * @out: bytes there that it may fill in
 * @timeout: as for io_target_ioctl()
 *
 * Context: process context, sleeps.
 * Return: as io_target_ioctl(), and io_target_prep_ioctl_buf().
 */
long io_target_ioctl_buf(struct io_target *target, unsigned int cmd, void *buf, u32 in,
			 u32 out, long timeout)
{
	struct io_target_request req;
	int err;

	err = iot_sync_check(target, timeout);
	if (err)
		return err;
	io_target_request_init(&req, target);
	err = io_target_prep_ioctl_buf(&req, cmd, buf, in, out, 0);
	return err ?: io_target_submit_wait(&req, timeout);
}
EXPORT_SYMBOL_GPL(io_target_ioctl_buf);
