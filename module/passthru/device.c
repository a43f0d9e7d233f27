// SPDX-License-Identifier: GPL-2.0
/*
 * A device from when it is enabled until it is disabled: its target, and what is made of
 * that.
 */
#include <linux/blkdev.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/namei.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "chardev.h"
#include "passthru.h"
#include "../compat.h"

/* Of what cannot be found the open is to say why. */
static bool is_block(const char *name)
{
	struct path path;
	bool block;

	if (kern_path(name, LOOKUP_FOLLOW, &path))
		return true;
	block = S_ISBLK(d_backing_inode(path.dentry)->i_mode);
	path_put(&path);
	return block;
}

/* Only a block device can be claimed. */
static unsigned int open_flags(const struct pt_device *pt, bool block)
{
	return IO_TARGET_READ | (pt->read_only ? 0 : IO_TARGET_WRITE) |
	       (pt->set.exclusive && block ? IO_TARGET_EXCL : 0);
}

/* Held I/O ends with an error, and so does what comes; after a removal it has ended already. */
static void purge_unless_started(struct io_target *t)
{
	enum io_target_state state = io_target_state(t);

	if (state != IO_TARGET_STARTED && state != IO_TARGET_REMOVED)
		io_target_purge(t, IO_TARGET_LEAVE_SENT, 0);
}

/*
 * The partitions are read when a disk is added, and its page cache is written out when it
 * is deleted. Should the device below be lost just then, and followed, the I/O would be
 * held, and whoever holds pt->lock would wait until it is back, or for ever.
 */
static void haste_work(struct work_struct *work)
{
	struct pt_device *pt = container_of(work, struct pt_device, haste_work);
	struct io_target *t = READ_ONCE(pt->hasty);

	if (t)
		purge_unless_started(t);
}

void pt_device_init(struct pt_device *pt)
{
	INIT_WORK(&pt->haste_work, haste_work);
	spin_lock_init(&pt->use_lock);
}

/*
 * Until pt_device_unuse() the target stays, and what has been made of it; a disable waits for
 * that. NULL, and there is nothing to be undone: it is disabled.
 */
struct io_target *pt_device_use(struct pt_device *pt)
{
	guard(spinlock)(&pt->use_lock);
	if (pt->target)
		pt->users++;
	return pt->target;
}

void pt_device_unuse(struct pt_device *pt)
{
	scoped_guard(spinlock, &pt->use_lock) {
		if (!--pt->users)
			wake_up_var(&pt->users);
	}
}

static void device_set_target(struct pt_device *pt, struct io_target *t)
{
	guard(spinlock)(&pt->use_lock);
	WRITE_ONCE(pt->target, t);
}

static bool device_is_used(struct pt_device *pt)
{
	guard(spinlock)(&pt->use_lock);
	return pt->users;
}

/* The work looks after this, or after the event that makes it necessary. */
static void haste_begin(struct pt_device *pt, struct io_target *t)
{
	WRITE_ONCE(pt->hasty, t);
	schedule_work(&pt->haste_work);
}

/* Before the target goes. */
static void haste_end(struct pt_device *pt)
{
	WRITE_ONCE(pt->hasty, NULL);
	cancel_work_sync(&pt->haste_work);
}

/* In any context; the disk outlives the target's last event. */
static void device_event(struct io_target *target, enum io_target_event event, void *private)
{
	struct pt_device *pt = private;
	/* With the release in device_make(): what is found has been made. */
	struct pt_disk *disk = smp_load_acquire(&pt->disk);

	if (disk)
		pt_disk_event(disk, event);
	if (event == IO_TARGET_EVENT_LOST && READ_ONCE(pt->hasty))
		schedule_work(&pt->haste_work);
}

/*
 * Called by who gives the commands, and by the worker that follows. The disk outlives both:
 * it is freed after the target has been closed.
 */
static bool device_is_above(struct io_target *target, const char *path, void *private)
{
	struct pt_device *pt = private;
	struct pt_disk *disk = smp_load_acquire(&pt->disk);	/* as device_event() */

	if (disk)
		return pt_disk_is_below(disk, path);
	return READ_ONCE(pt->chardev) && pt_chardev_is_path(path);
}

static struct io_target *target_create(struct pt_device *pt)
{
	const struct io_target_config config = {
		.name			= config_item_name(&pt->group.cg_item),
		.max_pended		= pt->set.max_pended,
		.forward_timeout	= msecs_to_jiffies(pt->set.pend_timeout_ms),
		.account_forwarded	= true,
		.follow			= pt->set.identity,
		.rescan			= PT_RESCAN,
		.event			= device_event,
		.is_above		= device_is_above,
		.private		= pt,
	};

	return io_target_create(&config);
}

/*
 * Of a disk that may not be written the open for writing fails, and holds the claim until
 * the calling task is back in user space: so it is asked first. Of what cannot be opened
 * for reading the other open is to say why.
 */
static bool disk_is_read_only(const char *path)
{
	struct io_target *t = io_target_open_path(path, IO_TARGET_READ, NULL);
	struct io_target_info info = {};

	if (IS_ERR(t))
		return false;
	io_target_get_info(t, &info);
	io_target_close(t);
	io_target_put(t);
	return info.read_only;
}

static int target_open(struct pt_device *pt, struct io_target *t)
{
	bool block = is_block(pt->set.path);
	int err;

	pt->read_only = pt->set.readonly || (block && disk_is_read_only(pt->set.path));
	err = io_target_open(t, pt->set.path, open_flags(pt, block));
	if (block || pt->read_only || (err != -EROFS && err != -EACCES))
		return err;
	pt->read_only = true;
	return io_target_open(t, pt->set.path, open_flags(pt, block));
}

static int device_make_char(struct pt_device *pt, struct io_target *t, const char *name)
{
	struct pt_chardev *c = pt_chardev_create(t, name, pt->read_only);

	if (IS_ERR(c))
		return pt_refuse(pt, PTR_ERR(c), "enable refused: %s cannot be forwarded to",
				 pt->set.path);
	WRITE_ONCE(pt->chardev, c);
	return 0;
}

/* What has been made is in pt->disk or pt->chardev; the target is open. */
static int device_make(struct pt_device *pt, struct io_target *t)
{
	const char *name = config_item_name(&pt->group.cg_item);
	struct io_target_info info;
	struct pt_disk *disk;
	int err;

	err = io_target_get_info(t, &info);
	if (err)
		return err;
	if (!S_ISBLK(info.mode))
		return device_make_char(pt, t, name);
	haste_begin(pt, t);
	disk = pt_disk_create(t, name, pt->read_only);
	haste_end(pt);
	if (IS_ERR(disk))
		return pt_refuse(pt, PTR_ERR(disk), "enable refused: no disk above %s",
				 pt->set.path);
	/* Of one that was lost, and purged, meanwhile: what comes from now on may wait. */
	if (io_target_state(t) != IO_TARGET_STARTED)
		io_target_start(t);
	/* From here on it is told; pt_disk_look() is for what came before. */
	smp_store_release(&pt->disk, disk);
	pt_disk_link(disk);
	pt_disk_look(disk);
	return 0;
}

int pt_device_enable(struct pt_device *pt)
{
	struct io_target *t;
	int err;

	if (!pt->set.path)
		return pt_refuse(pt, -EINVAL, "enable refused: it has no path");
	t = target_create(pt);
	if (IS_ERR(t))
		return pt_refuse(pt, PTR_ERR(t), "enable refused");
	err = target_open(pt, t);
	if (err)
		goto err_put;
	err = device_make(pt, t);
	if (err)
		goto err_close;
	device_set_target(pt, t);
	return 0;

err_close:
	io_target_close(t);
err_put:
	io_target_put(t);
	return err;
}

/*
 * What has come is sent and ends, what is held ends with an error: the disk is not told
 * to go before, since its page cache is written out then, and waits for that. One that is
 * disabled stays that.
 */
void pt_device_disable(struct pt_device *pt)
{
	struct io_target *t = pt->target;
	char *next = NULL;

	if (!t)
		return;
	device_set_target(pt, NULL);
	/* A purge also ends the wait of a command that is under way. */
	purge_unless_started(t);
	wait_var_event(&pt->users, !device_is_used(pt));
	haste_begin(pt, t);
	pt_disk_delete(pt->disk);
	pt_chardev_destroy(pt->chardev);
	haste_end(pt);
	io_target_close(t);
	io_target_put(t);
	pt_disk_free(pt->disk);
	pt->disk = NULL;
	pt->chardev = NULL;
	scoped_guard(spinlock, &pt->use_lock)
		swap(pt->next, next);
	kfree(next);
}
