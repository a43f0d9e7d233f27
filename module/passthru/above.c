// SPDX-License-Identifier: GPL-2.0
/*
 * Does a device lie above a disk of ours? It is found without any I/O, which a device that
 * does not answer would never end: sysfs shows what device mapper, md, bcache and our own
 * disks have claimed, and the file that a loop device has; what disks of ours stand on
 * without a claim we know ourselves.
 */
#include <linux/blkdev.h>
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/namei.h>
#include <linux/slab.h>

#include "passthru.h"
#include "../compat.h"

/* A pile of more devices is taken to have come round to itself. */
#define MOST	256

/**
 * struct search - one question
 * @name: of the disk that is looked for
 * @found: it is below, or that cannot be told
 * @left: how many devices may still be looked at
 * @todo: those that are known to be below
 */
struct search {
	const char		*name;
	bool			found;
	unsigned int		left;
	struct list_head	todo;
};

struct below {
	struct list_head	node;
	dev_t			dev;
};

static void search_add(struct search *s, dev_t dev)
{
	struct below *b;

	if (!dev || s->found)
		return;
	b = s->left ? kmalloc(sizeof(*b), GFP_KERNEL) : NULL;
	if (!b) {
		s->found = true;
		return;
	}
	s->left--;
	b->dev = dev;
	list_add_tail(&b->node, &s->todo);
}

/* A block device itself, or that on which a file lies; 0: none. */
static dev_t path_dev(const char *name)
{
	struct inode *inode;
	struct path path;
	dev_t dev;

	if (kern_path(name, LOOKUP_FOLLOW, &path))
		return 0;
	inode = d_backing_inode(path.dentry);
	dev = S_ISBLK(inode->i_mode) ? inode->i_rdev : inode->i_sb->s_dev;
	path_put(&path);
	return dev;
}

/* A file in sysfs, named by @format and @what. Return: it could be read. */
static bool read_text(char *text, size_t size, const char *format, const char *what)
{
	char *name = kasprintf(GFP_KERNEL, format, what);
	ssize_t n = -ENOMEM;
	struct file *file;
	loff_t pos = 0;

	file = name ? filp_open(name, O_RDONLY, 0) : ERR_PTR(-ENOMEM);
	if (!IS_ERR(file)) {
		n = kernel_read(file, text, size - 1, &pos);
		filp_close(file, NULL);
	}
	kfree(name);
	text[max_t(ssize_t, n, 0)] = '\0';
	return n > 0;
}

/* The names in a directory, which is locked while they are told */
struct listing {
	struct dir_context	ctx;
	struct list_head	names;
};

struct name {
	struct list_head	node;
	char			text[DISK_NAME_LEN + 16];
};

static bool listing_add(struct dir_context *ctx, const char *text, int len, loff_t offset,
			u64 ino, unsigned int type)
{
	struct listing *l = container_of(ctx, struct listing, ctx);
	struct name *name;

	if (text[0] == '.' || len >= sizeof(name->text))
		return true;
	name = kzalloc_obj(*name, GFP_KERNEL);
	if (!name)
		return false;
	memcpy(name->text, text, len);
	list_add_tail(&name->node, &l->names);
	return true;
}

/* Adds one of the devices that the holder of claims is shown to stand on. */
static void look_at_slave(struct search *s, const char *name)
{
	unsigned int major, minor;
	char text[24];

	if (read_text(text, sizeof(text), "/sys/class/block/%s/dev", name) &&
	    sscanf(text, "%u:%u", &major, &minor) == 2)
		search_add(s, MKDEV(major, minor));
}

static void look_at_slaves(struct search *s, const char *dir)
{
	struct listing l = { .ctx.actor = listing_add, .names = LIST_HEAD_INIT(l.names) };
	char *path = kasprintf(GFP_KERNEL, "%s/slaves", dir);
	struct name *name, *next;
	struct file *file;

	file = path ? filp_open(path, O_RDONLY | O_DIRECTORY, 0) : ERR_PTR(-ENOMEM);
	if (!IS_ERR(file)) {
		iterate_dir(file, &l.ctx);
		filp_close(file, NULL);
	}
	kfree(path);
	list_for_each_entry_safe(name, next, &l.names, node) {
		look_at_slave(s, name->text);
		kfree(name);
	}
}

/* A loop device's file, with its path as the kernel shows it. */
static void look_at_loop(struct search *s, const char *dir)
{
	char *text = kmalloc(PATH_MAX, GFP_KERNEL);

	if (text && read_text(text, PATH_MAX, "%s/loop/backing_file", dir))
		search_add(s, path_dev(strim(text)));
	kfree(text);
}

/* A disk, or what may be one of its partitions, whose attributes are in @dir. */
static void look_at_dir(struct search *s, const char *dir)
{
	const char *name = strrchr(dir, '/') + 1;

	if (!strcmp(name, s->name))
		s->found = true;
	search_add(s, pt_disk_below(name));
	look_at_slaves(s, dir);
	look_at_loop(s, dir);
}

/* Return: where the attributes of a device are, for the caller to free; NULL: nowhere. */
static char *dev_dir(dev_t dev)
{
	char *text = kmalloc(PATH_MAX, GFP_KERNEL), *dir = NULL;
	struct path path;

	if (!text)
		return NULL;
	snprintf(text, PATH_MAX, "/sys/dev/block/%u:%u", MAJOR(dev), MINOR(dev));
	if (!kern_path(text, LOOKUP_FOLLOW, &path)) {
		dir = d_path(&path, text, PATH_MAX);
		dir = IS_ERR(dir) ? NULL : kstrdup(dir, GFP_KERNEL);
		path_put(&path);
	}
	kfree(text);
	return dir;
}

static void look_at_dev(struct search *s, dev_t dev)
{
	char *dir = dev_dir(dev), *slash;

	if (!dir)
		return;
	look_at_dir(s, dir);
	/* The disk, if this was a partition; else no device at all. */
	slash = strrchr(dir, '/');
	*slash = '\0';
	if (strchr(dir, '/'))
		look_at_dir(s, dir);
	kfree(dir);
}

/* Does what is at @path lie above the disk that is called @name, or is it that? */
bool pt_is_above(const char *path, const char *name)
{
	struct search s = { .name = name, .left = MOST, .todo = LIST_HEAD_INIT(s.todo) };
	struct below *b;

	search_add(&s, path_dev(path));
	while ((b = list_first_entry_or_null(&s.todo, struct below, node))) {
		list_del(&b->node);
		if (!s.found)
			look_at_dev(&s, b->dev);
		kfree(b);
	}
	return s.found;
}
