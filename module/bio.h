/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests as bios: what bio.c, for one, and bio_run.c, for neighbours, have in common.
 */
#ifndef _IO_TARGET_BIO_H
#define _IO_TARGET_BIO_H

#include <linux/blkdev.h>
#include <linux/cgroup.h>
#include <linux/sizes.h>

#include "internal.h"

/* Most of one bio: below the 32 bits of bi_size, and a multiple of every block size. */
#define IOT_BIO_BYTES	SZ_1G

/* bio.c */
blk_opf_t iot_bio_opf_rare(const struct io_target_request *req, struct block_device *bdev);
void iot_bio_submit(struct io_target_request *req);
void iot_bio_submit_batch(struct io_target_request **reqs, unsigned int n);
unsigned int iot_bio_where(const struct io_target_request *req);
bool iot_bio_poll(struct block_device *bdev, unsigned int where);
int iot_bio_poll_any(struct block_device *bdev, unsigned int flags);

void iot_bio_done_rarely(struct io_target_request *req, blk_status_t status,
			 sector_t sector);

/* bio_pieces.c */
u64 iot_bio_set_range(struct bio *bio, const struct io_target_request *req,
		      struct block_device *bdev, u64 done);
void iot_bio_append(struct io_target_request *req, struct block_device *bdev);
void iot_bio_list(struct bio *bio, struct iov_iter *iter);
bool iot_bio_takes_table(const struct iov_iter *iter);
void iot_bio_send_pieces(struct io_target_request *req, struct block_device *bdev,
			 blk_opf_t opf);

/* bdev_whole.c */
bool iot_bdev_check_whole(struct io_target_lower *lower, struct block_device *bdev,
			  const struct io_target_request *req);
int iot_bdev_check_nowait(struct io_target_lower *lower, struct block_device *bdev,
			  struct io_target_request *req);

/* bdev_zone.c */
int iot_bdev_check_zone(struct io_target_lower *lower, struct block_device *bdev,
			struct io_target_request *req);
bool iot_zone_resets_all(const struct io_target_request *req, struct block_device *bdev);

/* bio_run.c */
unsigned int iot_bio_submit_run(struct io_target_request **reqs, unsigned int n,
				struct block_device *bdev);

/* The disk of a request that has been taken. */
static inline struct block_device *iot_bio_bdev(const struct io_target_request *req)
{
	return ((const struct iot_bdev *)req->lower->data)->bdev;
}

static inline u64 iot_zone_bytes(struct block_device *bdev)
{
	return (u64)bdev_zone_sectors(bdev) << SECTOR_SHIFT;
}

/* An append goes to its zone, and not to a place. */
static inline void iot_bio_set_zone(struct bio *bio, const struct io_target_request *req,
				    struct block_device *bdev)
{
	bio->bi_iter.bi_sector = (req->pos & ~(iot_zone_bytes(bdev) - 1)) >> SECTOR_SHIFT;
}

/* What changes more than the memory and the place of a bio */
#define IOT_BIO_RARE	(IO_TARGET_FUA | IO_TARGET_PREFLUSH | IO_TARGET_NOWAIT | IOT_F_POLLED)

/* As direct I/O: somebody waits, so it is not throttled as writeback. */
static inline blk_opf_t iot_bio_opf_rw(const struct io_target_request *req)
{
	return req->op == IO_TARGET_OP_READ ? REQ_OP_READ : REQ_OP_WRITE | REQ_SYNC | REQ_IDLE;
}

/*
 * One request, one command, and the result is its own: the block layer is not to put it
 * together with others, for which it would have to look besides. What may be merged is
 * put together by bio_run.c.
 */
static inline blk_opf_t iot_bio_opf(const struct io_target_request *req,
				    struct block_device *bdev)
{
	if (unlikely(req->flags & IOT_BIO_RARE || req->op > IO_TARGET_OP_WRITE))
		return REQ_NOMERGE | iot_bio_opf_rare(req, bdev);
	return REQ_NOMERGE | iot_bio_opf_rw(req);
}

/*
 * Is the calling task of the root group, as most are? A kernel thread may stand for
 * somebody else, which only bio_associate_blkg() knows.
 */
static inline bool iot_in_root_group(void)
{
#ifdef CONFIG_BLK_CGROUP
	if (current->flags & PF_KTHREAD)
		return false;
	guard(preempt)();	/* an RCU section, too */
	return !task_css_check(current, io_cgrp_id, true)->parent;
#else
	return false;
#endif
}

/* Notes a submitter outside the root group, if its request may be sent again. */
static inline void iot_bio_attribute_group(struct bio *bio, struct io_target_request *req)
{
	bio_associate_blkg(bio);
	if (READ_ONCE(req->target->follows))
		iot_owner_note(req);
}

/*
 * On whose account: the submitter's, for whom another thread may send @bio. @root: what
 * iot_in_root_group() says.
 */
static __always_inline void iot_bio_attribute(struct bio *bio,
					      struct io_target_request *req, bool root)
{
	bio->bi_ioprio = req->ioprio;
	if (unlikely(req->css))
		bio_associate_blkg_from_css(bio, req->css);
	else if (likely(root))
		bio_associate_blkg_from_css(bio, NULL);
	else
		iot_bio_attribute_group(bio, req);
}

/* The same of a bio that was allocated for its device, on the account of who did. */
static inline void iot_bio_attribute_pooled(struct bio *bio,
					    const struct io_target_request *req)
{
	bio->bi_ioprio = req->ioprio;
	iot_bio_set_hint(bio, req->hint);
	if (req->css)
		bio_associate_blkg_from_css(bio, req->css);
}

#endif /* _IO_TARGET_BIO_H */
