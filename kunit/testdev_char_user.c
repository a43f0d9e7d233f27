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

long testdev_char_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct testdev_char_sum sum;

	if (cmd != TESTDEV_CHAR_SUM)
		return -ENOTTY;
	if (copy_from_user(&sum, (void __user *)arg, sizeof(sum)))
		return -EFAULT;
	sum.sum = (u64)sum.a + sum.b;
	return copy_to_user((void __user *)arg, &sum, sizeof(sum)) ? -EFAULT : sum.a;
}
