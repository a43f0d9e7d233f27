/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between kernels for who has a disk: the pass-through module and the test
 * devices. See compat.h.
 */
#ifndef _IO_TARGET_COMPAT_DISK_H
#define _IO_TARGET_COMPAT_DISK_H

#include <linux/blk-integrity.h>

#include "compat.h"

/*
 * The mode in which a disk is open, and the parameters of its open and release. Since 6.5,
 * "block: replace fmode_t with a block-specific type for block open flags" and those that go
 * with it.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
#define iot_open_mode		blk_mode_t
#define IOT_DISK_OPEN_PARAMS	struct gendisk *disk, blk_mode_t mode
#define IOT_DISK_RELEASE_PARAMS	struct gendisk *disk
#else
#define iot_open_mode		fmode_t
#define BLK_OPEN_WRITE		FMODE_WRITE
#define IOT_DISK_OPEN_PARAMS	struct block_device *bdev, fmode_t mode
#define IOT_DISK_RELEASE_PARAMS	struct gendisk *disk, fmode_t mode
#endif

/*
 * A disk can be shown in sysfs as a holder without waiting for it. Before 6.9, "block: fix
 * deadlock between bd_link_disk_holder and partition scan", a link takes the disk's
 * open_mutex, which a partition scan of it holds while its I/O pends.
 */
#define IOT_HAS_HOLDER_LINKS	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0))

/*
 * Reservations can be read: "block: Add PR callouts for read keys and reservation" came with
 * "block: Rename BLK_STS_NEXUS to BLK_STS_RESV_CONFLICT".
 */
#ifdef BLK_STS_RESV_CONFLICT
#define IOT_HAS_PR_READ
#endif

/*
 * The first parameter of a ->getgeo(), the disk that it means, and the call of another's.
 * Since 6.18, "block: switch ->getgeo() to struct gendisk"
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
#define IOT_GETGEO_PARAM	struct gendisk *disk
#define IOT_GETGEO_DISK		disk
#else
#define IOT_GETGEO_PARAM	struct block_device *bdev
#define IOT_GETGEO_DISK		bdev->bd_disk
#endif

/* Asks the driver of @bdev, which has a ->getgeo(). */
static inline int iot_getgeo(struct block_device *bdev, struct hd_geometry *geo)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
	return bdev->bd_disk->fops->getgeo(bdev->bd_disk, geo);
#else
	return bdev->bd_disk->fops->getgeo(bdev, geo);
#endif
}

/* What tells the zones of one disk to who asks about those of @disk above it. */
struct iot_zones_asked {
	struct gendisk			*disk;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
	struct blk_report_zones_args	*args;
#else
	report_zones_cb			cb;
	void				*data;
#endif
};

#if !IS_ENABLED(CONFIG_BLK_DEV_ZONED)
#define disk_report_zone(...)		(-EOPNOTSUPP)
#endif

/* The last parameters of a ->report_zones(), and what is made of them. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
#define IOT_ZONES_PARAMS	struct blk_report_zones_args *args
#define IOT_ZONES_ASKED(_disk)	{ .disk = (_disk), .args = args }
#else
#define IOT_ZONES_PARAMS	report_zones_cb cb, void *data
#define IOT_ZONES_ASKED(_disk)	{ .disk = (_disk), .cb = cb, .data = data }
#endif

static inline int iot_tell_zone(struct blk_zone *zone, unsigned int index, void *asked)
{
	struct iot_zones_asked *a = asked;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
	return disk_report_zone(a->disk, zone, index, a->args);
#else
	return a->cb(zone, index, a->data);
#endif
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
/* Zones of @sectors that take appends of any length. */
static inline void iot_limits_zoned(struct queue_limits *lim, unsigned int sectors)
{
	lim->features |= BLK_FEAT_ZONED;
	lim->chunk_sectors = sectors;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	lim->max_hw_zone_append_sectors = sectors;
#else
	lim->max_zone_append_sectors = sectors;
#endif
}

/*
 * Its bios go to @bdev in the order in which they come, appends included: nothing
 * about zones is the upper disk's own work.
 */
static inline void iot_limits_zoned_above(struct queue_limits *lim, struct block_device *bdev)
{
	lim->max_open_zones = bdev_max_open_zones(bdev);
	lim->max_active_zones = bdev_max_active_zones(bdev);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	/* Where the block layer makes appends of writes, it does so below. */
	lim->max_hw_zone_append_sectors = bdev_max_zone_append_sectors(bdev);
#endif
}

/* When it has its size, before it is added, and when that is another one. */
static inline int iot_disk_revalidate_zones(struct gendisk *disk)
{
	return blk_queue_is_zoned(disk->queue) ? blk_revalidate_disk_zones(disk) : 0;
}
#else
static inline void iot_disk_set_zoned(struct gendisk *disk, unsigned int sectors)
{
#if IS_ENABLED(CONFIG_BLK_DEV_ZONED)
	disk_set_zoned(disk, BLK_ZONED_HM);
	blk_queue_flag_set(QUEUE_FLAG_ZONE_RESETALL, disk->queue);
	blk_queue_chunk_sectors(disk->queue, sectors);
	blk_queue_max_zone_append_sectors(disk->queue, sectors);
#endif
}

static inline void iot_disk_zoned_above(struct gendisk *disk, struct block_device *bdev)
{
#if IS_ENABLED(CONFIG_BLK_DEV_ZONED)
	disk_set_max_open_zones(disk, bdev_max_open_zones(bdev));
	disk_set_max_active_zones(disk, bdev_max_active_zones(bdev));
	if (blk_queue_zone_resetall(bdev_get_queue(bdev)))
		blk_queue_flag_set(QUEUE_FLAG_ZONE_RESETALL, disk->queue);
#endif
}

static inline int iot_disk_revalidate_zones(struct gendisk *disk)
{
	if (blk_queue_is_zoned(disk->queue))
		disk->nr_zones = bdev_nr_zones(disk->part0);
	return 0;
}
#endif

/*
 * Test devices (kunit/): how a bio-based disk is given its limits.
 */
struct iot_disk_limits {
	unsigned int	logical_block_size;
	unsigned int	physical_block_size;
	unsigned int	dma_alignment;
	unsigned int	max_discard_sectors;
	unsigned int	max_write_zeroes_sectors;
	unsigned int	max_secure_erase_sectors;
	unsigned int	zone_sectors;
	unsigned int	gap;
	unsigned int	discard_granularity;
	bool		stable_writes;
	bool		write_cache;
	bool		fua;
	bool		nowait;
	bool		rotational;
};

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
static inline struct gendisk *iot_alloc_disk(const struct iot_disk_limits *l)
{
	struct queue_limits lim = {
		.logical_block_size = l->logical_block_size,
		.physical_block_size = l->physical_block_size,
		.dma_alignment = l->dma_alignment,
		.max_hw_discard_sectors = l->max_discard_sectors,
		.max_write_zeroes_sectors = l->max_write_zeroes_sectors,
		.max_secure_erase_sectors = l->max_secure_erase_sectors,
		.virt_boundary_mask = l->gap,
		.discard_granularity = l->discard_granularity,
		.features = (l->stable_writes ? BLK_FEAT_STABLE_WRITES : 0) |
			    (l->write_cache ? BLK_FEAT_WRITE_CACHE : 0) |
			    (l->fua ? BLK_FEAT_FUA : 0) |
			    (l->nowait ? BLK_FEAT_NOWAIT : 0) |
			    (l->rotational ? BLK_FEAT_ROTATIONAL : 0),
	};

	if (l->zone_sectors)
		iot_limits_zoned(&lim, l->zone_sectors);
	return blk_alloc_disk(&lim, NUMA_NO_NODE);
}

static inline void iot_disk_set_discard(struct gendisk *disk, unsigned int sectors)
{
	struct queue_limits lim = queue_limits_start_update(disk->queue);

	lim.max_hw_discard_sectors = sectors;
	WARN_ON(queue_limits_commit_update(disk->queue, &lim));
}
#else
static inline struct gendisk *iot_alloc_disk(const struct iot_disk_limits *l)
{
	struct gendisk *disk = blk_alloc_disk(NUMA_NO_NODE);
	struct request_queue *q;

	if (!disk)
		return ERR_PTR(-ENOMEM);
	q = disk->queue;
	blk_queue_logical_block_size(q, l->logical_block_size);
	blk_queue_physical_block_size(q, l->physical_block_size);
	blk_queue_dma_alignment(q, l->dma_alignment);
	blk_queue_max_discard_sectors(q, l->max_discard_sectors);
	q->limits.discard_granularity = l->discard_granularity ?: l->physical_block_size;
	if (l->gap)
		blk_queue_virt_boundary(q, l->gap);
	if (l->stable_writes)
		blk_queue_flag_set(QUEUE_FLAG_STABLE_WRITES, q);
	blk_queue_max_write_zeroes_sectors(q, l->max_write_zeroes_sectors);
	blk_queue_max_secure_erase_sectors(q, l->max_secure_erase_sectors);
	blk_queue_write_cache(q, l->write_cache, l->fua);
	if (l->nowait)
		blk_queue_flag_set(QUEUE_FLAG_NOWAIT, q);
	if (!l->rotational)
		blk_queue_flag_set(QUEUE_FLAG_NONROT, q);
	if (l->zone_sectors)
		iot_disk_set_zoned(disk, l->zone_sectors);
	return disk;
}

static inline void iot_disk_set_discard(struct gendisk *disk, unsigned int sectors)
{
	blk_queue_max_discard_sectors(disk->queue, sectors);
}
#endif

/*
 * A disk that hands its bios on to @bdev: what that can do, and a write cache.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
static inline struct gendisk *iot_alloc_disk_above(struct block_device *bdev, bool polls)
{
	struct queue_limits lim;

	blk_set_stacking_limits(&lim);
	/* The larger one of both is taken. */
	lim.dma_alignment = bdev_dma_alignment(bdev);
	/* Of those that are both's, what the lower has not is taken away again. */
	lim.features = BLK_FEAT_NOWAIT | BLK_FEAT_IO_STAT | (polls ? BLK_FEAT_POLL : 0);
#ifdef BLK_FEAT_ATOMIC_WRITES
	lim.features |= BLK_FEAT_ATOMIC_WRITES;
#endif
#ifdef BLK_FEAT_PCI_P2PDMA
	lim.features |= BLK_FEAT_PCI_P2PDMA;
#endif
	queue_limits_stack_bdev(&lim, bdev, 0, "io_target");
	queue_limits_stack_integrity_bdev(&lim, bdev);
	/* The limit of the hardware stays when a device has withdrawn discards. */
	if (!bdev_max_discard_sectors(bdev))
		lim.max_hw_discard_sectors = 0;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
	/* A device that has lost its write zeroes keeps one of the two, which is refused. */
	if (lim.max_hw_wzeroes_unmap_sectors != lim.max_write_zeroes_sectors)
		lim.max_hw_wzeroes_unmap_sectors = 0;
#endif
	lim.features |= BLK_FEAT_WRITE_CACHE | BLK_FEAT_FUA;
	if (bdev_is_zoned(bdev))
		iot_limits_zoned_above(&lim, bdev);
	return blk_alloc_disk(&lim, NUMA_NO_NODE);
}
#else
static inline struct gendisk *iot_alloc_disk_above(struct block_device *bdev, bool polls)
{
	struct request_queue *lower = bdev_get_queue(bdev);
	struct gendisk *disk = blk_alloc_disk(NUMA_NO_NODE);
	struct request_queue *q;

	if (!disk)
		return ERR_PTR(-ENOMEM);
	q = disk->queue;
	blk_set_stacking_limits(&q->limits);
	/* The larger one of both is taken. */
	q->limits.dma_alignment = bdev_dma_alignment(bdev);
	disk_stack_limits(disk, bdev, 0);
	if (!bdev_max_discard_sectors(bdev))
		blk_queue_max_discard_sectors(q, 0);
	if (bdev_get_integrity(bdev))
		blk_integrity_register(disk, bdev_get_integrity(bdev));
	blk_queue_write_cache(q, true, true);
	blk_queue_flag_set(QUEUE_FLAG_IO_STAT, q);
	if (bdev_nowait(bdev))
		blk_queue_flag_set(QUEUE_FLAG_NOWAIT, q);
	if (polls)
		blk_queue_flag_set(QUEUE_FLAG_POLL, q);
	if (blk_queue_nonrot(lower))
		blk_queue_flag_set(QUEUE_FLAG_NONROT, q);
	if (blk_queue_stable_writes(lower))
		blk_queue_flag_set(QUEUE_FLAG_STABLE_WRITES, q);
	if (bdev_is_zoned(bdev))
		iot_disk_zoned_above(disk, bdev);
	return disk;
}
#endif

static inline int iot_disk_freeze(struct gendisk *disk)
{
#ifdef IOT_HAS_HOLDER_OPS
	return bdev_freeze(disk->part0);
#else
	return -EOPNOTSUPP;
#endif
}

static inline int iot_disk_thaw(struct gendisk *disk)
{
#ifdef IOT_HAS_HOLDER_OPS
	return bdev_thaw(disk->part0);
#else
	return -EOPNOTSUPP;
#endif
}

/*
 * What stands on @disk, or on a partition of it, writes back and gives it up, as when the
 * disk is deleted, before which this comes. bdev_mark_dead() can be called from a module
 * since 6.6.
 */
static inline void iot_disk_leaves(struct gendisk *disk)
{
#ifdef IOT_HAS_HOLDER_OPS
	struct block_device *part;
	unsigned long i;

	rcu_read_lock();
	xa_for_each(&disk->part_tbl, i, part) {
		if (!kobject_get_unless_zero(&part->bd_device.kobj))
			continue;
		rcu_read_unlock();
		bdev_mark_dead(part, false);
		put_device(&part->bd_device);
		rcu_read_lock();
	}
	rcu_read_unlock();
#endif
}

/*
 * Test devices: a disk with queues that takes any words of memory, and much at once; in
 * blocks of @block bytes, without gaps if @gap says so.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
#define iot_mq_alloc_disk(set, block, gap) ({					\
	struct queue_limits __lim = {						\
		.max_hw_sectors = UINT_MAX, .max_segments = BIO_MAX_VECS,	\
		.max_segment_size = UINT_MAX, .dma_alignment = 3,		\
		.logical_block_size = (block), .virt_boundary_mask = (gap),	\
	};									\
	blk_mq_alloc_disk(set, &__lim, NULL);					\
})
#else
static inline struct gendisk *iot_mq_disk_limits(struct gendisk *disk, unsigned int block,
						 unsigned long gap)
{
	if (!IS_ERR(disk)) {
		blk_queue_logical_block_size(disk->queue, block);
		blk_queue_max_hw_sectors(disk->queue, UINT_MAX);
		blk_queue_max_segments(disk->queue, BIO_MAX_VECS);
		blk_queue_max_segment_size(disk->queue, UINT_MAX);
		blk_queue_virt_boundary(disk->queue, gap);
		blk_queue_dma_alignment(disk->queue, 3);
	}
	return disk;
}

#define iot_mq_alloc_disk(set, block, gap)	\
	iot_mq_disk_limits(blk_mq_alloc_disk(set, NULL), block, gap)
#endif

#endif /* _IO_TARGET_COMPAT_DISK_H */
