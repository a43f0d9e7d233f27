// SPDX-License-Identifier: GPL-2.0
/*
 * The char device's functions for pointers of a user's: as most drivers have them.
 */
#include <linux/fs.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "testdev_char.h"

static ssize_t char_user_io(struct file *file, void __user *buf, size_t len, loff_t *pos,
			    bool write)
{
	struct iov_iter iter;
	struct kiocb iocb;
	ssize_t result;

	init_sync_kiocb(&iocb, file);
	iocb.ki_pos = *pos;
	iov_iter_ubuf(&iter, write ? ITER_SOURCE : ITER_DEST, buf, len);
	result = testdev_char_io(&iocb, &iter, write);
	*pos = iocb.ki_pos;
	return result;
}

ssize_t testdev_char_read(struct file *file, char __user *buf, size_t len, loff_t *pos)
{
	return char_user_io(file, buf, len, pos, false);
}

ssize_t testdev_char_write(struct file *file, const char __user *buf, size_t len,
			   loff_t *pos)
{
	return char_user_io(file, (char __user *)buf, len, pos, true);
}

static long char_sum(struct testdev_char_sum __user *arg)
{
	struct testdev_char_sum sum;

	if (copy_from_user(&sum, arg, sizeof(sum)))
		return -EFAULT;
	sum.sum = (u64)sum.a + sum.b;
	return copy_to_user(arg, &sum, sizeof(sum)) ? -EFAULT : sum.a;
}

long testdev_char_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	long err;

	if (cmd != TESTDEV_CHAR_SUM && cmd != TESTDEV_CHAR_SAME)
		return -ENOTTY;
	err = char_user_io(file, NULL, 0, &(loff_t){ 0 }, true);
	if (err)
		return err;
	return cmd == TESTDEV_CHAR_SAME ? arg : char_sum((void __user *)arg);
}
