// SPDX-License-Identifier: GPL-2.0
/*
 * The char device above a target, see chardev.h.
 *
 * References: the device, which an open file keeps through its cdev, has one on the
 * target; so a target that is closed under open files refuses what they ask, and is
 * freed with the last of them.
 */
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/idr.h>
#include <linux/kdev_t.h>
#include <linux/module.h>
#include <linux/namei.h>
#include <linux/slab.h>
#include <linux/splice.h>
#include <linux/string.h>

#include <linux/io_target.h>

#include "../compat.h"
#include "../compat_file.h"
#include "chardev.h"

#define PT_MINORS	(MINORMASK + 1)

/**
 * struct pt_chardev - one device
 * @dev: owns the memory
 * @cdev: its node
 * @target: what it forwards to
 * @info: of what is below, when it was made
 * @read_only: see chardev.h
 * @lock: what follows
 * @openers: files
 * @shut: there will be no more
 */
struct pt_chardev {
	struct device		dev;
	struct cdev		cdev;
	struct io_target	*target;
	struct io_target_info	info;
	bool			read_only;
	spinlock_t		lock;	/* openers, shut */
	unsigned int		openers;
	bool			shut;
};

static dev_t pt_first;
static DEFINE_IDA(pt_minors);

static struct pt_chardev *file_chardev(struct file *file)
{
	return file->private_data;
}

static ssize_t chardev_io(struct kiocb *iocb, struct iov_iter *iter)
{
	return io_target_forward_kiocb(file_chardev(iocb->ki_filp)->target, iocb, iter);
}

static long chardev_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return io_target_forward_ioctl(file_chardev(file)->target, cmd, arg);
}

static __poll_t chardev_poll(struct file *file, struct poll_table_struct *wait)
{
	return io_target_forward_poll(file_chardev(file)->target, file, wait);
}

static loff_t chardev_llseek(struct file *file, loff_t offset, int whence)
{
	return io_target_forward_llseek(file_chardev(file)->target, file, offset, whence);
}

static int chardev_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	return io_target_forward_fsync(file_chardev(file)->target, start, end, datasync);
}

static int chardev_mmap(struct file *file, struct vm_area_struct *vma)
{
	return io_target_forward_mmap(file_chardev(file)->target, vma);
}

static int chardev_may_open(const struct pt_chardev *c, const struct file *file)
{
	if (file->f_mode & FMODE_WRITE && (c->read_only || !(c->info.flags & IO_TARGET_WRITE)))
		return -EROFS;
	if (file->f_mode & FMODE_READ && !(c->info.flags & IO_TARGET_READ))
		return -EACCES;
	return 0;
}

static int chardev_enter(struct pt_chardev *c)
{
	guard(spinlock)(&c->lock);
	if (c->shut)
		return -ENODEV;
	c->openers++;
	return 0;
}

static int chardev_open(struct inode *inode, struct file *file)
{
	struct pt_chardev *c = container_of(inode->i_cdev, struct pt_chardev, cdev);
	int err = chardev_may_open(c, file) ?: chardev_enter(c);

	if (err)
		return err;
	file->private_data = c;
	if (c->info.nowait)
		file->f_mode |= FMODE_NOWAIT;
	/* Not only without a position: a read that waits must not hold up a write. */
	return c->info.stream ? stream_open(inode, file) : 0;
}

static int chardev_release(struct inode *inode, struct file *file)
{
	struct pt_chardev *c = file_chardev(file);

	guard(spinlock)(&c->lock);
	c->openers--;
	return 0;
}

#define CHARDEV_OPERATIONS			\
	.owner		= THIS_MODULE,		\
	.open		= chardev_open,		\
	.release	= chardev_release,	\
	.read_iter	= chardev_io,		\
	.write_iter	= chardev_io,		\
	.unlocked_ioctl	= chardev_ioctl,	\
	.compat_ioctl	= chardev_ioctl,	\
	.llseek		= chardev_llseek,	\
	.fsync		= chardev_fsync,	\
	.mmap		= chardev_mmap,		\
	.splice_read	= iot_splice_read,	\
	.splice_write	= iter_file_splice_write

static const struct file_operations chardev_fops = {
	CHARDEV_OPERATIONS,
	.poll		= chardev_poll,
};

/* What is below is always ready, and refuses to be in an epoll set. */
static const struct file_operations chardev_fops_ready = {
	CHARDEV_OPERATIONS,
};

static char *chardev_devnode(iot_devnode_device *dev, umode_t *mode)
{
	if (mode)
		*mode = 0600;
	return NULL;
}

static struct class pt_class = {
	.name		= "iot",
	.devnode	= chardev_devnode,
};

static void chardev_free(struct device *dev)
{
	struct pt_chardev *c = container_of(dev, struct pt_chardev, dev);

	ida_free(&pt_minors, MINOR(dev->devt));
	io_target_put(c->target);
	kfree(c);
}

static int chardev_check(struct pt_chardev *c, struct io_target *t, const char *name)
{
	int err = io_target_get_info(t, &c->info);

	if (err)
		return err;
	if (S_ISBLK(c->info.mode))
		return -ENOTBLK;
	/* Nor above another: it would be woken from within that one's wait queue. */
	if (S_ISCHR(c->info.mode) && MAJOR(c->info.dev) == MAJOR(pt_first))
		return -ELOOP;
	/* Both mean a directory to who makes the node. */
	return *name && !strpbrk(name, "/!") ? 0 : -EINVAL;
}

struct pt_chardev *pt_chardev_create(struct io_target *t, const char *name, bool read_only)
{
	struct pt_chardev *c = kzalloc_obj(*c, GFP_KERNEL);
	int minor, err;

	if (!c)
		return ERR_PTR(-ENOMEM);
	err = chardev_check(c, t, name);
	if (err)
		goto err_free;
	minor = ida_alloc_max(&pt_minors, MINORMASK, GFP_KERNEL);
	err = minor;
	if (minor < 0)
		goto err_free;
	c->target = io_target_get(t);
	c->read_only = read_only;
	spin_lock_init(&c->lock);
	device_initialize(&c->dev);
	c->dev.class = &pt_class;
	c->dev.devt = MKDEV(MAJOR(pt_first), minor);
	c->dev.release = chardev_free;
	cdev_init(&c->cdev, c->info.poll ? &chardev_fops : &chardev_fops_ready);
	c->cdev.owner = THIS_MODULE;
	err = dev_set_name(&c->dev, "iot-%s", name);
	if (err)
		goto err_put;
	err = cdev_device_add(&c->cdev, &c->dev);
	if (err)
		goto err_put;
	return c;

err_put:
	put_device(&c->dev);
	return ERR_PTR(err);
err_free:
	kfree(c);
	return ERR_PTR(err);
}

bool pt_chardev_is_path(const char *name)
{
	struct inode *inode;
	struct path path;
	bool is;

	if (kern_path(name, LOOKUP_FOLLOW, &path))
		return false;
	inode = d_backing_inode(path.dentry);
	is = S_ISCHR(inode->i_mode) && MAJOR(inode->i_rdev) == MAJOR(pt_first);
	path_put(&path);
	return is;
}

bool pt_chardev_busy(struct pt_chardev *c)
{
	guard(spinlock)(&c->lock);
	return c->openers;
}

int pt_chardev_shut(struct pt_chardev *c)
{
	guard(spinlock)(&c->lock);
	if (c->openers)
		return -EBUSY;
	c->shut = true;
	return 0;
}

void pt_chardev_destroy(struct pt_chardev *c)
{
	if (IS_ERR_OR_NULL(c))
		return;
	scoped_guard(spinlock, &c->lock)
		c->shut = true;
	cdev_device_del(&c->cdev, &c->dev);
	put_device(&c->dev);
}

int pt_chardev_init(void)
{
	int err = alloc_chrdev_region(&pt_first, 0, PT_MINORS, "iot");

	if (err)
		return err;
	err = class_register(&pt_class);
	if (err)
		unregister_chrdev_region(pt_first, PT_MINORS);
	return err;
}

/* All devices have been destroyed, and no file is open, which would keep the module. */
void pt_chardev_exit(void)
{
	class_unregister(&pt_class);
	unregister_chrdev_region(pt_first, PT_MINORS);
}
