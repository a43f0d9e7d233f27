/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the char test device share.
 */
#ifndef _IO_TARGET_TESTDEV_CHAR_H
#define _IO_TARGET_TESTDEV_CHAR_H

#include "testdev.h"

struct file;
struct kiocb;

/* testdev_char.c */
ssize_t testdev_char_io(struct kiocb *iocb, struct iov_iter *iter, bool write);

/* testdev_char_user.c */
ssize_t testdev_char_read(struct file *file, char __user *buf, size_t len, loff_t *pos);
ssize_t testdev_char_write(struct file *file, const char __user *buf, size_t len,
			   loff_t *pos);
long testdev_char_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

#endif /* _IO_TARGET_TESTDEV_CHAR_H */
