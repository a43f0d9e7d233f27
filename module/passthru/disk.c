// SPDX-License-Identifier: GPL-2.0
/*
 * The upper disk: takes bios and hands them on. It has the limits of the lower one, and
 * always says that it has a write cache, so that no flush is lost above it when the
 * lower disk is another one day; below, the block layer knows what to do with them.
 */
#include <linux/blkdev.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "passthru.h"
#include "probe.h"
#include "../compat_disk.h"

/**
 * struct pt_disk - the disk of one enabled device
 * @disk: its private_data is @target, which is closed after the disk has been deleted
 * @target: borrowed from the device
 * @lock: what follows; taken with nothing held that events wait for
 * @linked: what the disk is shown as a holder of, in sysfs; its memory is referenced
 * @frozen: with the device below
 * @deleted: nothing is to be done about it any more
 * @lock_key: of @lock, and
 * @freeze_key: of the block layer's that a freeze of the disk holds: both are taken while
 *	those of the disk below are held, which may be one of ours
 * @look_work: the device below may have changed
 */
struct pt_disk {
	struct gendisk		*disk;
	struct io_target	*target;
	struct mutex		lock;	/* see above */
	struct block_device	*linked;
	bool			frozen;
	bool			deleted;
	struct lock_class_key	lock_key;
	struct lock_class_key	freeze_key;
	struct work_struct	look_work;
};

static void pt_submit_bio(struct bio *bio)
{
	if (pt_probe_is(bio))
		return;
	io_target_forward_bio(bio->bi_bdev->bd_disk->private_data, bio);
}

static int pt_poll_bio(struct bio *bio, struct io_comp_batch *iob, unsigned int flags)
{
	return io_target_forward_poll_bio(bio->bi_bdev->bd_disk->private_data, flags);
}

struct zones {
	sector_t		sector;
	unsigned int		count;
	struct iot_zones_asked	*asked;
};

static int lower_report_zones(struct block_device *bdev, void *data)
{
	struct zones *z = data;

	return blkdev_report_zones(bdev, z->sector, z->count, iot_tell_zone, z->asked);
}

/* A disk that is stopped does not know them: they may be others when it is started. */
static int pt_report_zones(struct gendisk *disk, sector_t sector, unsigned int count,
			   IOT_ZONES_PARAMS)
{
	struct iot_zones_asked asked = IOT_ZONES_ASKED(disk);
	struct zones zones = { .sector = sector, .count = count, .asked = &asked };

	return io_target_call_bdev(disk->private_data, lower_report_zones, &zones);
}

/* Asked for the mode when the node is made, not when it goes. */
static char *pt_devnode(struct gendisk *disk, umode_t *mode)
{
	if (mode)
		*mode = 0600;
	return NULL;
}

static const struct block_device_operations pt_fops = {
	.owner		= THIS_MODULE,
	.submit_bio	= pt_submit_bio,
	.poll_bio	= pt_poll_bio,
	.devnode	= pt_devnode,
	.report_zones	= pt_report_zones,
};

/* The link in sysfs needs the claim; without it there is nobody to be shown. */
static int disk_link_locked(struct pt_disk *d)
{
	struct block_device *bdev = io_target_bdev(d->target);
	struct io_target_info info;
	int err;

	if (!bdev || d->deleted || d->linked || io_target_get_info(d->target, &info) ||
	    !(info.flags & IO_TARGET_EXCL))
		return 0;
	err = bd_link_disk_holder(bdev, d->disk);
	if (!err) {
		get_device(&bdev->bd_device);
		d->linked = bdev;
	}
	return err;
}

int pt_disk_link(struct pt_disk *d)
{
	if (!d)
		return 0;
	guard(mutex)(&d->lock);
	return disk_link_locked(d);
}

static void disk_unlink_locked(struct pt_disk *d)
{
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

/* The device below may be another one, larger, or not be written to any more. */
static void disk_look_work(struct work_struct *work)
{
	struct pt_disk *d = container_of(work, struct pt_disk, look_work);
	struct io_target_info info;

	guard(mutex)(&d->lock);
	if (d->deleted || io_target_get_info(d->target, &info) || !S_ISBLK(info.mode))
		return;
	if (set_capacity_and_notify(d->disk, info.size >> SECTOR_SHIFT))
		iot_disk_revalidate_zones(d->disk);
	set_disk_ro(d->disk, info.read_only || !(info.flags & IO_TARGET_WRITE));
	disk_link_locked(d);
}

void pt_disk_look(struct pt_disk *d)
{
	if (d)
		schedule_work(&d->look_work);
}

/* So that what stands on the upper disk is quiet before the lower one is. */
static void disk_freeze(struct pt_disk *d)
{
	guard(mutex)(&d->lock);
	if (!d->deleted && !d->frozen)
		d->frozen = !iot_disk_freeze(d->disk);
}

static void disk_thaw(struct pt_disk *d)
{
	guard(mutex)(&d->lock);
	if (d->frozen)
		iot_disk_thaw(d->disk);
	d->frozen = false;
}

/* What the target tells; see there in which contexts. */
void pt_disk_event(struct pt_disk *d, enum io_target_event event)
{
	switch (event) {
	case IO_TARGET_EVENT_FREEZE:
		disk_freeze(d);
		break;
	case IO_TARGET_EVENT_THAW:
		disk_thaw(d);
		break;
	case IO_TARGET_EVENT_LOST:
		pt_disk_unlink(d);
		break;
	case IO_TARGET_EVENT_FOUND:
	case IO_TARGET_EVENT_SIZE:
		pt_disk_look(d);
		break;
	default:
		break;
	}
}

/* Would this disk, above @path, be above itself? */
bool pt_disk_is_below(struct pt_disk *d, const char *path)
{
	return pt_probe(d->disk, path);
}

/* Of the disks that are deleted, and may still be open. */
static struct lock_class_key deleted_key;

static void locks_init(struct pt_disk *d)
{
	lockdep_register_key(&d->lock_key);
	lockdep_register_key(&d->freeze_key);
	mutex_init(&d->lock);
	lockdep_set_class(&d->lock, &d->lock_key);
}

static void locks_exit(struct pt_disk *d)
{
	mutex_destroy(&d->lock);
	lockdep_unregister_key(&d->freeze_key);
	lockdep_unregister_key(&d->lock_key);
}

/* The name is short enough, see config.c. */
static int disk_add(struct pt_disk *d, const char *name, bool read_only)
{
	struct gendisk *disk = d->disk;
	int err;

	snprintf(disk->disk_name, sizeof(disk->disk_name), "iot-%s", name);
	disk->fops = &pt_fops;
	disk->private_data = d->target;
	lockdep_set_class(&disk->part0->bd_fsfreeze_mutex, &d->freeze_key);
	set_capacity(disk, bdev_nr_sectors(io_target_bdev(d->target)));
	set_disk_ro(disk, read_only || bdev_read_only(io_target_bdev(d->target)));
	err = iot_disk_revalidate_zones(disk) ?: add_disk(disk);
	if (err)
		return err;
	err = pt_disk_link(d);
	if (err)
		pt_disk_delete(d);
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
	locks_init(d);
	INIT_WORK(&d->look_work, disk_look_work);
	d->disk = iot_alloc_disk_above(io_target_bdev(target), info.poll);
	if (IS_ERR(d->disk)) {
		err = PTR_ERR(d->disk);
		goto err_free;
	}
	err = disk_add(d, name, read_only);
	if (err)
		goto err_disk;
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
	disk_thaw(d);
	scoped_guard(mutex, &d->lock) {
		disk_unlink_locked(d);
		d->deleted = true;
	}
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
