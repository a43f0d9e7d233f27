/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between kernels, and the only file that knows versions. The
 * rest is written for the newest kernel. Built and run on 6.1, 6.12 and 7.3, built for 7.2:
 * a boundary between two of them is where the change is believed to lie.
 */
#ifndef _IO_TARGET_COMPAT_H
#define _IO_TARGET_COMPAT_H

#include <linux/blk-integrity.h>
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kasan.h>
#include <linux/mm.h>
#include <linux/percpu-refcount.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/version.h>
#include <linux/workqueue.h>

/* Between the two it has never been built, and on most of them does not. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0) || \
	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0) && \
	 LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0))
#error "io_target builds for Linux 6.1, and for 6.12 and later"
#endif

/*
 * An opened block device. From 6.9 on it is a file; before, the device itself
 * and the mode that blkdev_put() wants to see again. An adopted file is a file
 * everywhere.
 */
struct iot_bdev {
	struct block_device *bdev;
	struct file *file;
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
	fmode_t mode;
#endif
};

/* In this form since 6.9: whoever has claimed a device is told what happens to it. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
#define IOT_HAS_HOLDER_OPS
extern const struct blk_holder_ops iot_holder_ops;

static inline int iot_bdev_file(struct iot_bdev *b, struct file *file)
{
	if (IS_ERR(file))
		return PTR_ERR(file);
	b->file = file;
	b->bdev = file_bdev(file);
	return 0;
}

static inline blk_mode_t iot_bdev_mode(bool read, bool write)
{
	return (read ? BLK_OPEN_READ : 0) | (write ? BLK_OPEN_WRITE : 0);
}

static inline int iot_bdev_open_path(struct iot_bdev *b, const char *path, bool read,
				     bool write, void *holder)
{
	return iot_bdev_file(b, bdev_file_open_by_path(path, iot_bdev_mode(read, write),
						       holder, holder ? &iot_holder_ops : NULL));
}

static inline int iot_bdev_open_dev(struct iot_bdev *b, dev_t dev, bool read, bool write,
				    void *holder)
{
	return iot_bdev_file(b, bdev_file_open_by_dev(dev, iot_bdev_mode(read, write),
						      holder, holder ? &iot_holder_ops : NULL));
}

static inline int iot_bdev_adopt(struct iot_bdev *b, struct file *file)
{
	return iot_bdev_file(b, get_file(file));
}

static inline bool iot_bdev_frozen(struct block_device *bdev)
{
	return atomic_read(&bdev->bd_fsfreeze_count) > 0;
}

/* Context: kernel thread, which __fput_sync() insists on. */
static inline void iot_bdev_close(struct iot_bdev *b)
{
	__fput_sync(b->file);
}
#else
static inline int iot_bdev_get(struct iot_bdev *b, struct block_device *bdev, fmode_t mode)
{
	if (IS_ERR(bdev))
		return PTR_ERR(bdev);
	b->bdev = bdev;
	b->mode = mode;
	return 0;
}

static inline fmode_t iot_bdev_mode(bool read, bool write, void *holder)
{
	return (read ? FMODE_READ : 0) | (write ? FMODE_WRITE : 0) |
	       (holder ? FMODE_EXCL : 0);
}

static inline int iot_bdev_open_path(struct iot_bdev *b, const char *path, bool read,
				     bool write, void *holder)
{
	fmode_t mode = iot_bdev_mode(read, write, holder);

	return iot_bdev_get(b, blkdev_get_by_path(path, mode, holder), mode);
}

static inline int iot_bdev_open_dev(struct iot_bdev *b, dev_t dev, bool read, bool write,
				    void *holder)
{
	fmode_t mode = iot_bdev_mode(read, write, holder);

	return iot_bdev_get(b, blkdev_get_by_dev(dev, mode, holder), mode);
}

static inline int iot_bdev_adopt(struct iot_bdev *b, struct file *file)
{
	b->file = get_file(file);
	b->bdev = I_BDEV(file->f_mapping->host);
	return 0;
}

static inline bool iot_bdev_frozen(struct block_device *bdev)
{
	return READ_ONCE(bdev->bd_fsfreeze_count);
}

static inline void iot_bdev_close(struct iot_bdev *b)
{
	if (b->file)
		__fput_sync(b->file);
	else
		blkdev_put(b->bdev, b->mode);
}
#endif

/*
 * Memory that is reached through a page table: vmalloc(), stacks where they are
 * mapped, static data of modules. 6.1 exports no test for the last.
 */
static inline bool iot_is_mapped(const void *p)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	return is_vmalloc_or_module_addr(p);
#else
#if defined(CONFIG_MODULES) && defined(MODULES_VADDR)
	unsigned long addr = (unsigned long)kasan_reset_tag(p);

	if (addr >= MODULES_VADDR && addr < MODULES_END)
		return true;
#endif
	return is_vmalloc_addr(p);
#endif
}

/*
 * Memory with an address in the kernel's linear map: virt_to_page() holds. Not the image
 * of the kernel, not modules, not vmalloc(), not stacks.
 */
static inline bool iot_is_linear(const void *p)
{
	unsigned long addr = (unsigned long)kasan_reset_tag(p);

	if (!IS_ENABLED(CONFIG_VMAP_STACK) && object_is_on_stack(p))
		return false;
	return addr - PAGE_OFFSET < (unsigned long)high_memory - PAGE_OFFSET;
}

/*
 * percpu_ref_tryget_live() and percpu_ref_put(), which each request pays for. The same,
 * but what keeps the counter from changing its nature meanwhile is disabled preemption,
 * for which a grace period waits as it does for rcu_read_lock(), and which is no call.
 */
static inline bool iot_gate_tryget(struct percpu_ref *gate)
{
	unsigned long __percpu *count;
	bool percpu;

	preempt_disable();
	percpu = __ref_is_percpu(gate, &count);
	if (likely(percpu))
		this_cpu_inc(*count);
	preempt_enable();
	return likely(percpu) || percpu_ref_tryget_live(gate);
}

static inline void iot_gate_put(struct percpu_ref *gate)
{
	unsigned long __percpu *count;
	bool percpu;

	preempt_disable();
	percpu = __ref_is_percpu(gate, &count);
	if (likely(percpu))
		this_cpu_dec(*count);
	preempt_enable();
	if (unlikely(!percpu))
		percpu_ref_put(gate);
}

/* The names that 7.0 gave to what everybody wrote out before. */
#ifndef kzalloc_obj
#define kmalloc_obj(obj, gfp)		kmalloc(sizeof(obj), gfp)
#define kmalloc_objs(obj, n, gfp)	kmalloc_array(n, sizeof(obj), gfp)
#define kzalloc_obj(obj, gfp)		kzalloc(sizeof(obj), gfp)
#endif

/* 7.0 turned the flag around. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
#define iot_bdev_rotational(bdev)	bdev_rot(bdev)
#else
#define iot_bdev_rotational(bdev)	(!bdev_nonrot(bdev))
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
#define iot_bdev_partno(bdev)		bdev_partno(bdev)
#else
#define iot_bdev_partno(bdev)		((bdev)->bd_partno)
#endif

/* Gone with 5.18, back with 6.8. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
#define IOT_HAS_WRITE_HINT	1

static inline void iot_bio_set_hint(struct bio *bio, u8 hint)
{
	bio->bi_write_hint = hint;
}

static inline u8 iot_bio_hint(const struct bio *bio)
{
	return bio->bi_write_hint;
}
#else
#define IOT_HAS_WRITE_HINT	0

static inline void iot_bio_set_hint(struct bio *bio, u8 hint)
{
}

static inline u8 iot_bio_hint(const struct bio *bio)
{
	return 0;
}
#endif

/* Of disks that are not blk-mq's what there is to poll is in the bio, which we may not have. */
static inline bool iot_queue_polls(struct request_queue *q, bool says_so)
{
	return says_so && queue_is_mq(q) && q->tag_set->nr_maps > HCTX_TYPE_POLL &&
	       q->tag_set->map[HCTX_TYPE_POLL].nr_queues;
}

/* What bi_cookie is of a bio in that queue: before 6.4 there is a tag below the number. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#define iot_bio_cookie(queue)		(queue)
#define iot_bio_cookie_queue(cookie)	(cookie)
#else
#define iot_bio_cookie(queue)		((queue) << 16)
#define iot_bio_cookie_queue(cookie)	(((cookie) & ~BIT(31)) >> 16)
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
static inline bool iot_bdev_polls(struct block_device *bdev)
{
	struct request_queue *q = bdev_get_queue(bdev);

	return iot_queue_polls(q, q->limits.features & BLK_FEAT_POLL);
}

#define iot_bdev_atomic_min(bdev)	queue_atomic_write_unit_min_bytes(bdev_get_queue(bdev))
#define iot_bdev_atomic_max(bdev)	queue_atomic_write_unit_max_bytes(bdev_get_queue(bdev))
#define iot_bdev_atomic_boundary(bdev)	queue_atomic_write_boundary_bytes(bdev_get_queue(bdev))
#else
static inline bool iot_bdev_polls(struct block_device *bdev)
{
	struct request_queue *q = bdev_get_queue(bdev);

	return iot_queue_polls(q, test_bit(QUEUE_FLAG_POLL, &q->queue_flags));
}

#define iot_bdev_atomic_min(bdev)	0
#define iot_bdev_atomic_max(bdev)	0
#define iot_bdev_atomic_boundary(bdev)	0
#endif

/*
 * So many bios are about to be submitted under the current plug: their tags are taken in
 * one go. As blk_start_plug_nr_ios(), which is not exported.
 */
static inline void iot_plug_expect(unsigned int n)
{
	if (current->plug)
		current->plug->nr_ios = n;
}

/* Bytes of integrity data that belong to one interval, 0: none. */
static inline unsigned int iot_bdev_integrity(struct block_device *bdev)
{
#ifdef CONFIG_BLK_DEV_INTEGRITY
	struct blk_integrity *bi = bdev_get_integrity(bdev);

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
	return bi ? bi->metadata_size : 0;
#else
	return bi ? bi->tuple_size : 0;
#endif
#else
	return 0;
#endif
}

/* A number for what is compared of it, 0: none. */
static inline u32 iot_bdev_integrity_kind(struct block_device *bdev)
{
#ifdef CONFIG_BLK_DEV_INTEGRITY
	struct blk_integrity *bi = bdev_get_integrity(bdev);
	u32 kind;

	if (!bi)
		return 0;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
	kind = bi->csum_type << 1 | (bi->flags & BLK_INTEGRITY_REF_TAG ? 1 : 0);
#else
	kind = (unsigned long)bi->profile & 0xff;
#endif
	return iot_bdev_integrity(bdev) << 24 | bi->interval_exp << 16 | bi->tag_size << 8 | kind;
#else
	return 0;
#endif
}

/* Has the zone at @sector a write pointer? */
static inline bool iot_bdev_zone_is_seq(struct block_device *bdev, sector_t sector)
{
#if !IS_ENABLED(CONFIG_BLK_DEV_ZONED)
	return false;
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	return bdev_zone_is_seq(bdev, sector);
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
	unsigned long *conventional;

	guard(rcu)();
	conventional = rcu_dereference(bdev->bd_disk->conv_zones_bitmap);
	return !conventional || !test_bit(disk_zone_no(bdev->bd_disk, sector), conventional);
#else
	return disk_zone_is_seq(bdev->bd_disk, sector);
#endif
}

/* Tells the queue of a disk above what the device below has lost. Context: any. */
static inline void iot_queue_disable(struct request_queue *q, enum req_op op)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
	if (op == REQ_OP_DISCARD)
		blk_queue_disable_discard(q);
	else if (op == REQ_OP_SECURE_ERASE)
		blk_queue_disable_secure_erase(q);
	else
		blk_queue_disable_write_zeroes(q);
#else
	if (op == REQ_OP_DISCARD)
		blk_queue_max_discard_sectors(q, 0);
	else if (op == REQ_OP_SECURE_ERASE)
		blk_queue_max_secure_erase_sectors(q, 0);
	else
		blk_queue_max_write_zeroes_sectors(q, 0);
#endif
}

/* Resets what the block layer keeps in a bio for itself, as bio_init() does. */
static inline void iot_bio_reset_own(struct bio *bio)
{
#ifdef CONFIG_BLK_CGROUP_IOCOST
	bio->bi_iocost_cost = 0;
#endif
	/* 2f6b2565d43c ("block: accumulate memory segment gaps per bio") */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
	bio->bi_bvec_gap_bit = 0;
#endif
}

/*
 * Since 7.3 kernel threads stand in a file system without any path; before,
 * in that of init. Paths given to us mean the latter in both.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0)
#include <linux/fs_struct.h>

static inline struct fs_struct *iot_enter_init_fs(void)
{
	return current->flags & PF_KTHREAD ? __override_init_fs() : NULL;
}

static inline void iot_leave_init_fs(struct fs_struct *old)
{
	if (old)
		__revert_init_fs(old);
}
#else
struct fs_struct;

static inline struct fs_struct *iot_enter_init_fs(void)
{
	return NULL;
}

static inline void iot_leave_init_fs(struct fs_struct *old)
{
}
#endif

/*
 * A clone, without a device yet, by way of the set's cache of bios. That is always asked
 * from 7.0 on, and before if the bio that is cloned says so, which belongs to the caller.
 * On 6.1 nothing may be put there from an interrupt.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0) && LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
static inline struct bio *iot_clone_cached(struct bio *bio, gfp_t gfp, struct bio_set *set)
{
	blk_opf_t opf = bio->bi_opf;
	struct bio *clone;

	bio->bi_opf = opf | REQ_ALLOC_CACHE;
	clone = bio_alloc_clone(NULL, bio, gfp, set);
	bio->bi_opf = opf;
	return clone;
}
#else
#define iot_clone_cached(bio, gfp, set)	bio_alloc_clone(NULL, bio, gfp, set)
#endif

/* Is there one command that resets all zones? Newer kernels see to it that there is. */
static inline bool iot_bdev_resets_all(struct block_device *bdev)
{
#ifdef blk_queue_zone_resetall
	return blk_queue_zone_resetall(bdev_get_queue(bdev));
#else
	return true;
#endif
}

#if !IS_ENABLED(CONFIG_BLK_DEV_ZONED)
#define blkdev_report_zones(...)	(-EOPNOTSUPP)
#endif

/* The benchmark's peer; callers include <linux/dm-io.h>. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
#define iot_dm_io(req, n, region, errors, prio)	dm_io(req, n, region, errors, NULL, prio)
#define IOT_DM_NOTIFY(name) \
	void name(unsigned long error, unsigned long unsupported, void *context)
#else
#define IOT_DM_NOTIFY(name)	void name(unsigned long error, void *context)
#define iot_dm_io(req, n, region, errors, prio)	dm_io(req, n, region, errors, prio)
#endif

#endif /* _IO_TARGET_COMPAT_H */
