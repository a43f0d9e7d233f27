// SPDX-License-Identifier: GPL-2.0
/*
 * The block backend: opens a block device, knows its limits, sends bios.
 */
#include <linux/blkdev.h>
#include <linux/slab.h>

#include "bio.h"
#include "watch.h"

static struct block_device *lower_bdev(const struct io_target_lower *lower)
{
	return ((struct iot_bdev *)lower->data)->bdev;
}

static bool bdev_poll(struct io_target_lower *lower, unsigned int where)
{
	return iot_bio_poll(lower_bdev(lower), where);
}

static int bdev_poll_any(struct io_target_lower *lower, unsigned int flags)
{
	return iot_bio_poll_any(lower_bdev(lower), flags);
}

static int bdev_check_op(struct io_target_lower *lower, struct block_device *bdev,
			 struct io_target_request *req)
{
	struct io_target *t = req->target;

	if (req->op == IO_TARGET_OP_DISCARD && !bdev_max_discard_sectors(bdev))
		return iot_err(t, -EOPNOTSUPP, "discard refused: the device has none");
	if (req->op == IO_TARGET_OP_WRITE_ZEROES && !bdev_write_zeroes_sectors(bdev))
		return iot_err(t, -EOPNOTSUPP, "write zeroes refused: the device has none");
	if (req->op == IO_TARGET_OP_SECURE_ERASE && !bdev_max_secure_erase_sectors(bdev))
		return iot_err(t, -EOPNOTSUPP, "secure erase refused: the device has none");
	if (req->flags & IO_TARGET_NOWAIT) {
		int err = iot_bdev_check_nowait(lower, bdev, req);

		if (err)
			return err;
	}
	return unlikely(iot_op_is_zone(req->op)) ? iot_bdev_check_zone(lower, bdev, req) : 0;
}

static int bdev_check(struct io_target_lower *lower, struct io_target_request *req)
{
	struct block_device *bdev = lower_bdev(lower);
	u32 block = bdev_logical_block_size(bdev);
	u64 size = bdev_nr_bytes(bdev);
	struct io_target *t = req->target;

	if (unlikely(size != lower->size))
		WRITE_ONCE(lower->size, size);
	if (unlikely(req->op == IO_TARGET_OP_IOCTL))
		return iot_err(t, -EOPNOTSUPP, "ioctl refused: disks have operations instead");

	/* The block layer only warns about such writes and lets them pass. */
	if (req->op != IO_TARGET_OP_READ && req->op != IO_TARGET_OP_FLUSH &&
	    unlikely(bdev_read_only(bdev)))
		return iot_err(t, -EROFS, "write refused: the device is read-only");
	if (unlikely((req->pos | req->len) & (block - 1)))
		return iot_err(t, -EINVAL, "prep refused: offset %lld, length %llu, blocks of %u",
				  req->pos, req->len, block);
	if (unlikely(req->pos + req->len > size && req->op != IO_TARGET_OP_ZONE_APPEND))
		return iot_err(t, -ENXIO, "prep refused: offset %lld + length %llu is beyond %llu",
				  req->pos, req->len, size);
	return bdev_check_op(lower, bdev, req);
}

static bool bdev_may_write(struct io_target_lower *lower)
{
	return !bdev_read_only(lower_bdev(lower));
}

static void bdev_info(struct io_target_lower *lower, struct io_target_info *info)
{
	struct block_device *bdev = lower_bdev(lower);
	bool read = lower->flags & IO_TARGET_READ;
	bool write = lower->flags & IO_TARGET_WRITE;

	info->mode = S_IFBLK;
	info->dev = bdev->bd_dev;
	info->size = bdev_nr_bytes(bdev);
	info->diskseq = bdev->bd_disk->diskseq;
	info->logical_block_size = bdev_logical_block_size(bdev);
	info->physical_block_size = bdev_physical_block_size(bdev);
	info->dma_mask = lower->dma_mask;
	info->max_transfer = (u64)queue_max_sectors(bdev_get_queue(bdev)) << SECTOR_SHIFT;
	info->max_discard = (u64)bdev_max_discard_sectors(bdev) << SECTOR_SHIFT;
	info->max_write_zeroes = (u64)bdev_write_zeroes_sectors(bdev) << SECTOR_SHIFT;
	info->max_secure_erase = (u64)bdev_max_secure_erase_sectors(bdev) << SECTOR_SHIFT;
	info->read_only = bdev_read_only(bdev);
	info->write_cache = bdev_write_cache(bdev);
	info->fua = bdev_fua(bdev);
	info->atomic_write_min = iot_bdev_atomic_min(bdev);
	info->atomic_write_max = iot_bdev_atomic_max(bdev);
	info->nowait = bdev_nowait(bdev);
	info->poll = iot_bdev_polls(bdev);
	info->ioctl = bdev->bd_disk->fops->ioctl;
	info->rotational = iot_bdev_rotational(bdev);
	info->zoned = bdev_is_zoned(bdev);
	info->zone_size = info->zoned ? (u64)bdev_zone_sectors(bdev) << SECTOR_SHIFT : 0;
	info->max_zone_append = (u64)bdev_max_zone_append_sectors(bdev) << SECTOR_SHIFT;
	info->max_open_zones = bdev_max_open_zones(bdev);
	info->max_active_zones = bdev_max_active_zones(bdev);
	info->integrity = iot_bdev_integrity(bdev);
	info->read = read ? IO_TARGET_SERVED_DIRECT : IO_TARGET_SERVED_NOT;
	info->write = write ? IO_TARGET_SERVED_DIRECT : IO_TARGET_SERVED_NOT;
}

static void bdev_read_limits(struct io_target_lower *lower, struct iot_limits *limits)
{
	struct block_device *bdev = lower_bdev(lower);
	struct request_queue *q = bdev_get_queue(bdev);
	sector_t sector;

	limits->gap = queue_virt_boundary(q);
	limits->max_segments = queue_max_segments(q);
	limits->discard_granularity = bdev_discard_granularity(bdev);
	limits->atomic_boundary = iot_bdev_atomic_boundary(bdev);
	limits->integrity = iot_bdev_integrity_kind(bdev);
	limits->stable_writes = bdev_stable_writes(bdev);
	if (!bdev_is_zoned(bdev))
		return;
	for (sector = 0; sector < bdev_nr_sectors(bdev); sector += bdev_zone_sectors(bdev)) {
		limits->zone_map = 31 * limits->zone_map + iot_bdev_zone_is_seq(bdev, sector);
		cond_resched();
	}
}

static void bdev_close(struct io_target_lower *lower)
{
	struct iot_bdev *b = lower->data;

	iot_bdev_close(b);
	kfree(b);
}

/*
 * A dead disk fails all that it is sent from now on, whatever the error. One without a
 * size is as good as dead to who looks for one that has it: nobody is connected (nbd),
 * or nothing is in the drive; and so is one that cannot be reached.
 */
static bool bdev_dead(struct io_target_lower *lower, int err)
{
	struct block_device *bdev = lower_bdev(lower);

	if (test_bit(GD_DEAD, &bdev->bd_disk->state))
		return true;
	return READ_ONCE(lower->target->follows) &&
	       (!bdev_nr_sectors(bdev) || err == -ENODEV || err == -ENOLINK);
}

/* A write to a zone cannot be carried out twice: the zone has moved on. */
static bool bdev_repeats(const struct io_target_lower *lower, enum io_target_op op)
{
	switch (op) {
	case IO_TARGET_OP_READ:
	case IO_TARGET_OP_FLUSH:
		return true;
	case IO_TARGET_OP_WRITE:
	case IO_TARGET_OP_DISCARD:
	case IO_TARGET_OP_WRITE_ZEROES:
		return !lower->zone_size;
	default:
		return false;
	}
}

static int bdev_read_block(struct block_device *bdev, struct page *pages, sector_t sector)
{
	unsigned int block = bdev_logical_block_size(bdev);
	struct bio_vec bvec;
	struct bio bio;
	int err;

	bio_init(&bio, bdev, &bvec, 1, REQ_OP_READ | REQ_SYNC);
	bio.bi_iter.bi_sector = sector;
	__bio_add_page(&bio, pages, block, 0);
	err = submit_bio_wait(&bio);
	bio_uninit(&bio);
	return err;
}

/* Reads the first block or, since that may be what cannot be read, the last one. */
static bool bdev_answers(struct io_target_lower *lower)
{
	struct block_device *bdev = lower_bdev(lower);
	unsigned int block = bdev_logical_block_size(bdev);
	struct page *pages;
	int err;

	pages = alloc_pages(GFP_NOIO, get_order(block));
	if (!pages)
		return false;
	err = bdev_read_block(bdev, pages, 0);
	if (err == -EIO && bdev_nr_bytes(bdev) > block)
		err = bdev_read_block(bdev, pages, (bdev_nr_bytes(bdev) - block) >> SECTOR_SHIFT);
	__free_pages(pages, get_order(block));
	return err != -EIO && err != -ENODEV && err != -ENOLINK && err != -ETIMEDOUT;
}

/*
 * Requests go past the page cache of a device that is claimed, which nobody is to write
 * through any more. On a shared one coherency is the caller's.
 */
static int bdev_settle(struct io_target_lower *lower)
{
	struct block_device *bdev = lower_bdev(lower);
	int err;

	if (!(lower->flags & IO_TARGET_EXCL))
		return 0;
	err = sync_blockdev(bdev);
	invalidate_bdev(bdev);
	return err;
}

static void bdev_identify(struct io_target_lower *lower, struct iot_identity *id)
{
	iot_bdev_identify(lower_bdev(lower), id);
}

/* Both kinds of disk have these in common. */
#define BDEV_REST				\
	.where		= iot_bio_where,	\
	.poll		= bdev_poll,		\
	.poll_any	= bdev_poll_any,	\
	.check		= bdev_check,		\
	.may_write	= bdev_may_write,	\
	.info		= bdev_info,		\
	.limits		= bdev_read_limits,	\
	.close		= bdev_close,		\
	.dead		= bdev_dead,		\
	.repeats	= bdev_repeats,		\
	.answers	= bdev_answers,		\
	.settle		= bdev_settle,		\
	.identify	= bdev_identify

static const struct iot_backend bdev_backend = {
	.name		= "block",
	.submit		= iot_bio_submit,
	.submit_batch	= iot_bio_submit_batch,
	BDEV_REST,
};

/* Such a disk may lose its cache with itself. */
static const struct iot_backend bdev_cached_backend = {
	.name		= "block",
	.submit		= iot_cache_submit,
	.submit_batch	= iot_cache_submit_batch,
	BDEV_REST,
};

static void bdev_opened(struct io_target_lower *lower)
{
	const struct io_target_follow *follow = &lower->target->config.follow;
	struct block_device *bdev = lower_bdev(lower);
	int err;

	snprintf(lower->name, sizeof(lower->name), "%pg", bdev);
	lower->dma_mask = bdev_dma_alignment(bdev);
	lower->block_size = bdev_logical_block_size(bdev);
	lower->size = bdev_nr_bytes(bdev);
	lower->zone_size = bdev_is_zoned(bdev) ? iot_zone_bytes(bdev) : 0;
	lower->polls = iot_bdev_polls(bdev);
	lower->bdev = bdev;
	lower->max_segments = min_t(u32, queue_max_segments(bdev_get_queue(bdev)), BIO_MAX_VECS);
	/* A disk that is back without a cache still owes the flush that has to fail. */
	lower->cached = follow->enable && !follow->cache_kept &&
			(bdev_write_cache(bdev) || iot_cache_owes(lower->target));
	if (lower->cached)
		lower->backend = &bdev_cached_backend;
	lower->gap = queue_virt_boundary(bdev_get_queue(bdev));
	err = bdev_settle(lower);
	if (err)
		iot_err(lower->target, err, "%s: what others had written to it is lost",
			lower->name);
}

/* How one of the three forms below opens into @b; all else is the same. */
typedef int (*bdev_open_fn)(struct iot_bdev *b, const void *what, unsigned int flags,
			    void *holder);

static struct io_target_lower *bdev_open(struct io_target *t, bdev_open_fn open,
					 const void *what, unsigned int flags)
{
	struct io_target_lower *lower;
	struct iot_bdev *b;
	int err = -ENOMEM;

	b = iot_inject_alloc(t) ? NULL : kzalloc_obj(*b, GFP_KERNEL);
	if (!b)
		return ERR_PTR(-ENOMEM);
	lower = iot_lower_alloc(t, &bdev_backend, flags, b);
	if (!lower)
		goto err_free;
	/* From here on, if it is claimed, holder.c may be called. */
	err = open(b, what, flags, flags & IO_TARGET_EXCL ? lower : NULL);
	if (err)
		goto err_lower;
	if (iot_bdev_frozen(b->bdev)) {
		iot_lower_release(lower);	/* so that it can be claimed again at once */
		return ERR_PTR(iot_err(t, -EBUSY, "open refused: the device is frozen"));
	}
	bdev_opened(lower);
	return lower;

err_lower:
	iot_lower_unpin(lower);
err_free:
	kfree(b);
	return ERR_PTR(err);
}

static int bdev_by_path(struct iot_bdev *b, const void *what, unsigned int flags, void *holder)
{
	return iot_bdev_open_path(b, what, flags & IO_TARGET_READ, flags & IO_TARGET_WRITE,
				  holder);
}

static int bdev_by_dev(struct iot_bdev *b, const void *what, unsigned int flags, void *holder)
{
	return iot_bdev_open_dev(b, *(const dev_t *)what, flags & IO_TARGET_READ,
				 flags & IO_TARGET_WRITE, holder);
}

static int bdev_by_file(struct iot_bdev *b, const void *what, unsigned int flags, void *holder)
{
	return iot_bdev_adopt(b, (struct file *)what);
}

struct io_target_lower *iot_bdev_lower_path(struct io_target *t, const char *path,
					    unsigned int flags)
{
	return bdev_open(t, bdev_by_path, path, flags);
}

struct io_target_lower *iot_bdev_lower_dev(struct io_target *t, dev_t dev,
					   unsigned int flags)
{
	return bdev_open(t, bdev_by_dev, &dev, flags);
}

struct io_target_lower *iot_bdev_lower_file(struct io_target *t, struct file *file,
					    unsigned int flags)
{
	return bdev_open(t, bdev_by_file, file, flags);
}
