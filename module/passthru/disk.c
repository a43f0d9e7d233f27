// SPDX-License-Identifier: GPL-2.0
/*
 * The upper disk: takes bios and hands them on. It has the limits of the lower one, and
 * always says that it has a write cache, so that no flush is lost above it when the
 * lower disk is another one day; below, the block layer knows what to do with them.
 */
#include <linux/blkdev.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "passthru.h"
#include "probe.h"
#include "../compat_disk.h"

/**
 * struct pt_disk - the disk of one enabled device
 * @disk: its private_data is @target, which is closed after the disk has been deleted
 * @target: borrowed from the device
 * @linked: what the disk is shown as a holder of, in sysfs
 */
struct pt_disk {
	struct gendisk		*disk;
	struct io_target	*target;
	struct block_device	*linked;
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
};

/* The link in sysfs needs the claim; without it there is nobody to be shown. */
int pt_disk_link(struct pt_disk *d)
{
	struct block_device *bdev = io_target_bdev(d->target);
	struct io_target_info info;
	int err;

	if (!bdev || io_target_get_info(d->target, &info) || !(info.flags & IO_TARGET_EXCL))
		return 0;
	err = bd_link_disk_holder(bdev, d->disk);
	if (!err)
		d->linked = bdev;
	return err;
}

void pt_disk_unlink(struct pt_disk *d)
{
	if (d->linked)
		bd_unlink_disk_holder(d->linked, d->disk);
	d->linked = NULL;
}

/* Would this disk, above @path, be above itself? */
bool pt_disk_is_below(struct pt_disk *d, const char *path)
{
	return pt_probe(d->disk, path);
}

/* The target may have another device now, perhaps a larger one. */
void pt_disk_switched(struct pt_disk *d)
{
	struct block_device *bdev = io_target_bdev(d->target);

	if (bdev)
		set_capacity_and_notify(d->disk, bdev_nr_sectors(bdev));
	pt_disk_link(d);
}

static int disk_check(struct io_target *target, const struct io_target_info *info)
{
	if (!info->zoned)
		return 0;
	pr_warn_ratelimited("io_target_passthru: %s: zoned disks are not supported\n",
			    io_target_name(target));
	return -EOPNOTSUPP;
}

/* The name is short enough, see config.c. */
static int disk_add(struct pt_disk *d, const char *name, bool read_only)
{
	struct gendisk *disk = d->disk;
	int err;

	snprintf(disk->disk_name, sizeof(disk->disk_name), "iot-%s", name);
	disk->fops = &pt_fops;
	disk->private_data = d->target;
	set_capacity(disk, bdev_nr_sectors(io_target_bdev(d->target)));
	set_disk_ro(disk, read_only || bdev_read_only(io_target_bdev(d->target)));
	err = add_disk(disk);
	if (err)
		return err;
	err = pt_disk_link(d);
	if (err)
		del_gendisk(disk);
	return err;
}

struct pt_disk *pt_disk_create(struct io_target *target, const char *name, bool read_only)
{
	struct io_target_info info;
	struct pt_disk *d;
	int err;

	err = io_target_get_info(target, &info) ?: disk_check(target, &info);
	if (err)
		return ERR_PTR(err);
	d = kzalloc_obj(*d, GFP_KERNEL);
	if (!d)
		return ERR_PTR(-ENOMEM);
	d->target = target;
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
	kfree(d);
	return ERR_PTR(err);
}

/*
 * No bio comes any more when the disk has been deleted, even from those who still have
 * it open, and keep it in memory.
 */
void pt_disk_destroy(struct pt_disk *d)
{
	pt_disk_unlink(d);
	del_gendisk(d->disk);
	put_disk(d->disk);
	kfree(d);
}
