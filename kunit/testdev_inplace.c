// SPDX-License-Identifier: GPL-2.0
/*
 * A bio-based disk that sends the caller's bio on in place, see testdev.h. It does not keep
 * the disk below open: a path may go at any time.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "testdev.h"

/**
 * struct testdev_inplace - one disk
 * @gd: what the block layer knows of it
 * @path: of its node
 * @below: where bios go
 * @offset: sectors that are added to their place
 * @bios: how many have come
 */
struct testdev_inplace {
	struct gendisk		*gd;
	char			path[32];
	struct block_device	*below;
	sector_t		offset;
	atomic_t		bios;
};

static void inplace_submit_bio(struct bio *bio)
{
	struct testdev_inplace *d = bio->bi_bdev->bd_disk->private_data;

	atomic_inc(&d->bios);
	bio_set_dev(bio, READ_ONCE(d->below));
	bio->bi_iter.bi_sector += READ_ONCE(d->offset);
	bio->bi_opf |= REQ_DRV;
	submit_bio_noacct(bio);
}

static const struct block_device_operations inplace_ops = {
	.owner		= THIS_MODULE,
	.open		= testdev_bdev_open,
	.release	= testdev_bdev_close,
	.submit_bio	= inplace_submit_bio,
};

struct testdev_inplace *testdev_inplace_create(const char *name, u64 size,
					       const struct iot_disk_limits *limits)
{
	struct testdev_inplace *d = kzalloc(sizeof(*d), GFP_KERNEL);
	struct gendisk *gd;
	int err;

	if (!d)
		return ERR_PTR(-ENOMEM);
	gd = iot_alloc_disk(limits);
	if (IS_ERR(gd)) {
		err = PTR_ERR(gd);
		goto err_free;
	}
	d->gd = gd;
	snprintf(d->path, sizeof(d->path), "/dev/%s", name);
	strscpy(gd->disk_name, name, DISK_NAME_LEN);
	gd->fops = &inplace_ops;
	gd->flags |= GENHD_FL_NO_PART;
	gd->private_data = d;
	set_capacity(gd, size >> SECTOR_SHIFT);
	err = add_disk(gd);
	if (err)
		goto err_disk;
	return d;

err_disk:
	put_disk(gd);
err_free:
	kfree(d);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_GPL(testdev_inplace_create);

/* Nobody has it open. */
void testdev_inplace_destroy(struct testdev_inplace *d)
{
	if (IS_ERR_OR_NULL(d))
		return;
	del_gendisk(d->gd);
	put_disk(d->gd);
	kfree(d);
}
EXPORT_SYMBOL_GPL(testdev_inplace_destroy);

/* Before the first bio: where they go, in bytes. Nothing is on its way to another one. */
void testdev_inplace_aim(struct testdev_inplace *d, struct testdev_disk *below, u64 offset)
{
	WRITE_ONCE(d->below, testdev_disk_bdev(below));
	WRITE_ONCE(d->offset, offset >> SECTOR_SHIFT);
	atomic_set(&d->bios, 0);
}
EXPORT_SYMBOL_GPL(testdev_inplace_aim);

const char *testdev_inplace_path(struct testdev_inplace *d)
{
	return d->path;
}
EXPORT_SYMBOL_GPL(testdev_inplace_path);

/* Since it was aimed. */
unsigned int testdev_inplace_bios(struct testdev_inplace *d)
{
	return atomic_read(&d->bios);
}
EXPORT_SYMBOL_GPL(testdev_inplace_bios);
