// SPDX-License-Identifier: GPL-2.0
/*
 * Reads and writes of a user's memory, in the user's own task. They go the way of calls
 * that are forwarded (forward_file.c). For the other way to drivers that want
 * such pointers see file_user.c.
 */
#include <linux/export.h>
#include <linux/uaccess.h>

#include "internal.h"

static ssize_t user_transfer(struct io_target *t, bool write, void __user *buf, size_t len,
			     loff_t pos)
{
	struct kiocb iocb = { .ki_pos = pos };
	struct iov_iter iter;

	len = min_t(size_t, len, MAX_RW_COUNT);
	if (!access_ok(buf, len))
		return iot_err(t, -EFAULT, "%s refused: not a user's pointer",
			       write ? "write" : "read");
	iov_iter_ubuf(&iter, write ? ITER_SOURCE : ITER_DEST, buf, len);
	return io_target_forward_kiocb(t, &iocb, &iter);
}

/**
 * io_target_read_user - read from a char device or file into a user's memory, and wait
 * @target: the target
 * @buf: a pointer of the calling task's
 * @len: bytes
 * @pos: byte offset; of no meaning for streams
 *
 * The driver is called in this task, whatever entry points it has. A signal ends the
 * wait.
 *
 * Context: process context, sleeps; a user's task.
 * Return: bytes; as read(2) of the device, and as io_target_forward_kiocb(). -EFAULT: @buf
 * is not a user's.
 */
ssize_t io_target_read_user(struct io_target *target, void __user *buf, size_t len,
			    loff_t pos)
{
	return user_transfer(target, false, buf, len, pos);
}
EXPORT_SYMBOL_GPL(io_target_read_user);

/**
 * io_target_write_user - write a user's memory to a char device or file, and wait
 * @target: the target
 * @buf: a pointer of the calling task's
 * @len: bytes
 * @pos: byte offset; of no meaning for streams
 *
 * Context: as for io_target_read_user().
 * Return: as io_target_read_user().
 */
ssize_t io_target_write_user(struct io_target *target, const void __user *buf, size_t len,
			     loff_t pos)
{
	return user_transfer(target, true, (void __user *)buf, len, pos);
}
EXPORT_SYMBOL_GPL(io_target_write_user);
