// SPDX-License-Identifier: GPL-2.0
/*
 * The upper disk: takes bios and hands them on. It has the limits of the lower one, and
 * always says that it has a write cache, so that no flush is lost above it when the
 * lower disk is another one day; below, the block layer knows what to do with them.
 */
#include <linux/blkdev.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "passthru.h"

/**
 * struct pt_disk - the disk of one enabled device
 * @disk: its private_data is @target, which is closed after the disk has been deleted; who
 *	still has it open may ask for its zones, so that it has a reference
 * @target: borrowed from the device
 * @polls: so does the device below
 * @read_only: nothing may be written, whatever that can do
 * @lock: what follows; not held over anything that waits for the target, since it is
 *	taken by who tells that the device below is lost
 * @linked: what the disk is shown as a holder of, in sysfs; its memory is referenced. NULL
 *	always where that cannot be done (IOT_HAS_HOLDER_LINKS)
 * @may_link: not while the device below is about to be given up, or has been
 * @deleted: nothing is to be done about it any more
 * @freeze_lock: what follows; held while who stands above writes all that he has
 * @frozen: with the device below
 * @never_freeze: any more
 * @freeze_lock_key: of @freeze_lock, and
 * @bdev_key: of the block layer's that a freeze of the disk holds: both are taken while
 *	those of the disk below are held, which may be one of ours
 * @look_work: the device below may have changed
 * @node: on @disks, while it is added
 */
struct pt_disk {
	struct gendisk		*disk;
	struct io_target	*target;
	bool			polls;
	bool			read_only;
	struct mutex		lock;	/* see above */
	struct block_device	*linked;
	bool			may_link;
	bool			deleted;
	struct mutex		freeze_lock;	/* see above */
	bool			frozen;
	bool			never_freeze;
	struct lock_class_key	freeze_lock_key;
	struct lock_class_key	bdev_key;
	struct work_struct	look_work;
	struct list_head	node;
};

/* All that are added; under disks_lock, which is the last to be taken. */
static LIST_HEAD(disks);
static DEFINE_MUTEX(disks_lock);

static void pt_submit_bio(struct bio *bio)
{
	io_target_forward_bio(bio->bi_bdev->bd_disk->private_data, bio);
}

static int pt_poll_bio(struct bio *bio, struct io_comp_batch *iob, unsigned int flags)
{
	return io_target_forward_poll_bio(bio->bi_bdev->bd_disk->private_data, flags);
}

static int pt_report_zones(struct gendisk *disk, sector_t sector, unsigned int count,
			   IOT_ZONES_PARAMS)
{
	struct iot_zones_asked asked = IOT_ZONES_ASKED(disk);

	return pt_ask_zones(disk, sector, count, &asked);
}

static int pt_getgeo(IOT_GETGEO_PARAM, struct hd_geometry *geo)
{
	return pt_ask_geometry(IOT_GETGEO_DISK, geo);
}

/* Asked for the mode when the node is made, not when it goes. */
static char *pt_devnode(struct gendisk *disk, umode_t *mode)
{
	if (mode)
		*mode = 0600;
	return NULL;
}

/* Nobody has it open any more. */
static void pt_free_disk(struct gendisk *disk)
{
	io_target_put(disk->private_data);
}

static const struct block_device_operations pt_fops = {
	.owner		= THIS_MODULE,
	.free_disk	= pt_free_disk,
	.submit_bio	= pt_submit_bio,
	.poll_bio	= pt_poll_bio,
	.devnode	= pt_devnode,
	.report_zones	= pt_report_zones,
	.getgeo		= pt_getgeo,
	.get_unique_id	= pt_get_unique_id,
	.ioctl		= pt_ioctl,
	.compat_ioctl	= pt_compat_ioctl,
	.pr_ops		= &pt_pr_ops,
};

static int lower_link(struct block_device *bdev, void *data)
{
	struct pt_disk *d = data;
	int err = bd_link_disk_holder(bdev, d->disk);

	if (err)
		return err;
	get_device(&bdev->bd_device);
	d->linked = bdev;
	return 0;
}

/*
 * The link in sysfs needs the claim; without it there is nobody to be shown. What has no
 * device just now is linked when that is found. Of one that is lost later the disk is
 * told, if it has been linked: so that this is after it is the device's.
 */
static void disk_link_locked(struct pt_disk *d)
{
	struct io_target_info info;
	int err;

	if (!IOT_HAS_HOLDER_LINKS || !d->may_link || d->deleted || d->linked ||
	    io_target_get_info(d->target, &info) || !(info.flags & IO_TARGET_EXCL))
		return;
	err = io_target_call_bdev(d->target, IO_TARGET_IGNORE_STATE, lower_link, d);
	if (err && err != -EAGAIN && err != -ENODEV)
		pr_warn("io_target_passthru: %s: not shown as a holder (%pe)\n",
			io_target_name(d->target), ERR_PTR(err));
}

void pt_disk_link(struct pt_disk *d)
{
	if (!d)
		return;
	guard(mutex)(&d->lock);
	d->may_link = true;
	disk_link_locked(d);
}

static void disk_unlink_locked(struct pt_disk *d)
{
	d->may_link = false;
	if (!d->linked)
		return;
	bd_unlink_disk_holder(d->linked, d->disk);
	put_device(&d->linked->bd_device);
	d->linked = NULL;
}

/* Before the device below is closed. */
void pt_disk_unlink(struct pt_disk *d)
{
	if (!d)
		return;
	guard(mutex)(&d->lock);
	disk_unlink_locked(d);
}

/*
 * The device below may be another one, larger, or not be written to any more; or it has
 * gone for good, of which whoever stands above is told as its own disk would tell him.
 */
static void disk_look_locked(struct pt_disk *d)
{
	struct io_target_info info;

	lockdep_assert_held(&d->lock);
	if (d->deleted)
		return;
	if (io_target_state(d->target) == IO_TARGET_REMOVED) {
		/* Under the lock, since nothing waits for this target any more. */
		set_capacity(d->disk, 0);	/* which old kernels leave */
		blk_mark_disk_dead(d->disk);
		return;
	}
	if (io_target_get_info(d->target, &info) || !S_ISBLK(info.mode))
		return;
	if (set_capacity_and_notify(d->disk, info.size >> SECTOR_SHIFT))
		iot_disk_revalidate_zones(d->disk);
	set_disk_ro(d->disk, info.read_only || !(info.flags & IO_TARGET_WRITE));
	disk_link_locked(d);
}

/* Somebody may wait for the lock, or for the events, while all I/O pends. */
static void disk_look_work(struct work_struct *work)
{
	struct pt_disk *d = container_of(work, struct pt_disk, look_work);
	unsigned int noio = memalloc_noio_save();

	scoped_guard(mutex, &d->lock)
		disk_look_locked(d);
	memalloc_noio_restore(noio);
}

void pt_disk_look(struct pt_disk *d)
{
	if (d)
		schedule_work(&d->look_work);
}

static void disk_found(struct pt_disk *d)
{
	scoped_guard(mutex, &d->lock)
		d->may_link = true;
	pt_disk_look(d);
}

/* So that what stands on the upper disk is quiet before the lower one is. */
static void disk_freeze(struct pt_disk *d)
{
	guard(mutex)(&d->freeze_lock);
	if (!d->never_freeze && !d->frozen)
		d->frozen = !iot_disk_freeze(d->disk);
}

static void disk_thaw(struct pt_disk *d, bool for_ever)
{
	guard(mutex)(&d->freeze_lock);
	if (d->frozen)
		iot_disk_thaw(d->disk);
	d->frozen = false;
	d->never_freeze |= for_ever;
}

/* What the target tells; see there in which contexts. */
void pt_disk_event(struct pt_disk *d, enum io_target_event event)
{
	switch (event) {
	case IO_TARGET_EVENT_FREEZE:
		disk_freeze(d);
		break;
	case IO_TARGET_EVENT_THAW:
		disk_thaw(d, false);
		break;
	case IO_TARGET_EVENT_LOST:
		pt_disk_unlink(d);
		break;
	case IO_TARGET_EVENT_LEAVING:
		iot_disk_leaves(d->disk);
		break;
	case IO_TARGET_EVENT_FOUND:
		disk_found(d);
		break;
	case IO_TARGET_EVENT_SIZE:
		pt_disk_look(d);
		break;
	case IO_TARGET_EVENT_STATE:
		if (io_target_state(d->target) == IO_TARGET_REMOVED)
			pt_disk_look(d);
		break;
	default:
		break;
	}
}

/* Would this disk, above @path, be above itself? */
bool pt_disk_is_below(struct pt_disk *d, const char *path)
{
	return pt_is_above(path, d->disk->disk_name);
}

/* Return: what the disk of that name stands on now; 0: nothing, or it is none of ours. */
dev_t pt_disk_below(const char *name)
{
	struct io_target_info info;
	struct pt_disk *d;

	guard(mutex)(&disks_lock);
	list_for_each_entry(d, &disks, node)
		if (!strcmp(d->disk->disk_name, name))
			return io_target_get_info(d->target, &info) ? 0 : info.dev;
	return 0;
}

/* Of the disks that are deleted, and may still be open. */
static struct lock_class_key deleted_key;

static void locks_init(struct pt_disk *d)
{
	mutex_init(&d->lock);
	mutex_init(&d->freeze_lock);
	lockdep_register_key(&d->freeze_lock_key);
	lockdep_register_key(&d->bdev_key);
	lockdep_set_class(&d->freeze_lock, &d->freeze_lock_key);
}

static void locks_exit(struct pt_disk *d)
{
	mutex_destroy(&d->freeze_lock);
	mutex_destroy(&d->lock);
	lockdep_unregister_key(&d->bdev_key);
	lockdep_unregister_key(&d->freeze_lock_key);
}

/* Of the device below, which may go in the next moment. */
static int lower_disk(struct block_device *bdev, void *data)
{
	struct pt_disk *d = data;
	struct gendisk *disk = iot_alloc_disk_above(bdev, d->polls);

	if (IS_ERR(disk))
		return PTR_ERR(disk);
	set_capacity(disk, bdev_nr_sectors(bdev));
	set_disk_ro(disk, d->read_only || bdev_read_only(bdev));
	d->disk = disk;
	return 0;
}

/* The name is short enough, see config.c. */
static int disk_add(struct pt_disk *d, const char *name)
{
	struct gendisk *disk = d->disk;
	int err;

	snprintf(disk->disk_name, sizeof(disk->disk_name), "iot-%s", name);
	disk->fops = &pt_fops;
	disk->private_data = d->target;
	lockdep_set_class(&disk->part0->bd_fsfreeze_mutex, &d->bdev_key);
	err = iot_disk_revalidate_zones(disk);
	if (err)
		return err;
	/* It may be opened, and given up, before this returns. */
	io_target_get(d->target);
	err = add_disk(disk);
	if (err)
		io_target_put(d->target);	/* it has not been added, and is freed without */
	return err;
}

struct pt_disk *pt_disk_create(struct io_target *target, const char *name, bool read_only)
{
	struct io_target_info info;
	struct pt_disk *d;
	int err;

	err = io_target_get_info(target, &info);
	if (err)
		return ERR_PTR(err);
	d = kzalloc_obj(*d, GFP_KERNEL);
	if (!d)
		return ERR_PTR(-ENOMEM);
	d->target = target;
	d->polls = info.poll;
	d->read_only = read_only;
	locks_init(d);
	INIT_WORK(&d->look_work, disk_look_work);
	err = io_target_call_bdev(target, 0, lower_disk, d);
	if (err)
		goto err_free;
	err = disk_add(d, name);
	if (err)
		goto err_disk;
	scoped_guard(mutex, &disks_lock)
		list_add(&d->node, &disks);
	return d;

err_disk:
	put_disk(d->disk);
err_free:
	locks_exit(d);
	kfree(d);
	return ERR_PTR(err);
}

/*
 * No bio comes any more when this returns, even from those who still have it open, and
 * keep it in memory.
 */
void pt_disk_delete(struct pt_disk *d)
{
	if (!d)
		return;
	disk_thaw(d, true);
	scoped_guard(mutex, &d->lock) {
		disk_unlink_locked(d);
		d->deleted = true;
	}
	scoped_guard(mutex, &disks_lock)
		list_del(&d->node);
	del_gendisk(d->disk);
}

/* When its target has been closed, so that no event is on its way. */
void pt_disk_free(struct pt_disk *d)
{
	if (!d)
		return;
	cancel_work_sync(&d->look_work);
	lockdep_set_class(&d->disk->part0->bd_fsfreeze_mutex, &deleted_key);
	put_disk(d->disk);
	locks_exit(d);
	kfree(d);
}
