// SPDX-License-Identifier: GPL-2.0
/*
 * The fault injector's files in /sys/kernel/debug/io_target, see debugfs.c.
 *
 *	inject			rule that targets created from now on begin with
 *	fail_nth		the writing task's nth allocation fails
 *	<name>.<nr>/inject	rules of one target
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "internal.h"

/* The whole of a short text, as it was written in one go. */
static int get_text(char *text, size_t size, const char __user *from, size_t count)
{
	if (count >= size)
		return -EINVAL;
	if (copy_from_user(text, from, count))
		return -EFAULT;
	text[count] = 0;
	return 0;
}

static ssize_t inject_write(struct file *file, const char __user *from, size_t count,
			    loff_t *pos)
{
	struct io_target *t = file_inode(file)->i_private;
	char text[IOT_RULE_TEXT];
	int err;

	err = get_text(text, sizeof(text), from, count);
	if (!err)
		err = t ? iot_inject_write(t, text) : iot_inject_write_default(text);
	return err ?: count;
}

static ssize_t inject_read(struct file *file, char __user *to, size_t count, loff_t *pos)
{
	size_t size = (IOT_RULES + 1) * IOT_RULE_TEXT;
	struct io_target *t = file_inode(file)->i_private;
	char *text = kmalloc(size, GFP_KERNEL);
	ssize_t n;

	if (!text)
		return -ENOMEM;
	n = t ? iot_inject_read(t, text, size) : iot_inject_read_default(text, size);
	n = simple_read_from_buffer(to, count, pos, text, n);
	kfree(text);
	return n;
}

static const struct file_operations inject_fops = {
	.owner	= THIS_MODULE,
	.open	= simple_open,
	.read	= inject_read,
	.write	= inject_write,
	.llseek	= default_llseek,
};

static ssize_t fail_nth_write(struct file *file, const char __user *from, size_t count,
			      loff_t *pos)
{
	unsigned int nth;
	int err;

	err = kstrtouint_from_user(from, count, 10, &nth);
	if (!err)
		err = iot_inject_fail_nth(nth);
	return err ?: count;
}

static ssize_t fail_nth_read(struct file *file, char __user *to, size_t count, loff_t *pos)
{
	char text[16];
	int n;

	n = scnprintf(text, sizeof(text), "%u\n", iot_inject_fail_left());
	return simple_read_from_buffer(to, count, pos, text, n);
}

static const struct file_operations fail_nth_fops = {
	.owner	= THIS_MODULE,
	.open	= simple_open,
	.read	= fail_nth_read,
	.write	= fail_nth_write,
	.llseek	= default_llseek,
};

void iot_inject_debugfs_target(struct io_target *t, struct dentry *dir)
{
	debugfs_create_file("inject", 0600, dir, t, &inject_fops);
}

void iot_inject_debugfs(struct dentry *root)
{
	debugfs_create_file("inject", 0600, root, NULL, &inject_fops);
	debugfs_create_file("fail_nth", 0600, root, NULL, &fail_nth_fops);
}
