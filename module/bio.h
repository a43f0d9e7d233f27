/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests as bios: what bio.c, for one, and bio_run.c, for neighbours, have in common.
 */
#ifndef _IO_TARGET_BIO_H
#define _IO_TARGET_BIO_H

#include <linux/cgroup.h>
#include <linux/sizes.h>

#include "internal.h"

/* Most of one bio: below the 32 bits of bi_size, and a multiple of every block size. */
#define IOT_BIO_BYTES	SZ_1G

/* bio.c */
blk_opf_t iot_bio_opf_rare(const struct io_target_request *req, struct block_device *bdev);
void iot_bio_submit(struct io_target_request *req, struct block_device *bdev);
void iot_bio_submit_batch(struct io_target_request **reqs, unsigned int n,
			  struct block_device *bdev);
unsigned int iot_bio_where(const struct io_target_request *req);
bool iot_bio_poll(struct block_device *bdev, unsigned int where);

/* bio_run.c */
unsigned int iot_bio_submit_run(struct io_target_request **reqs, unsigned int n,
				struct block_device *bdev);

/*
 * One request, one command, and the result is its own, unless it has said that it may
 * be merged; to look for others to merge with costs, too. Not again if it has just
 * failed together with others.
 */
static inline blk_opf_t iot_bio_opf(const struct io_target_request *req,
				    struct block_device *bdev)
{
	const unsigned int rare = IO_TARGET_FUA | IO_TARGET_PREFLUSH | IO_TARGET_NOWAIT |
				  IOT_F_POLLED;
	const unsigned int merge = IO_TARGET_MERGE_OK | IOT_F_AGAIN;
	blk_opf_t opf = (req->flags & merge) == IO_TARGET_MERGE_OK ? 0 : REQ_NOMERGE;

	if (unlikely(req->flags & rare || req->op > IO_TARGET_OP_WRITE))
		return opf | iot_bio_opf_rare(req, bdev);
	if (req->op == IO_TARGET_OP_READ)
		return opf | REQ_OP_READ;
	/* As direct I/O: somebody waits, so it is not throttled as writeback. */
	return opf | REQ_OP_WRITE | REQ_SYNC | REQ_IDLE;
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

/* On whose account: the submitter's, for whom another thread may send @bio. */
static inline void iot_bio_attribute(struct bio *bio, const struct io_target_request *req)
{
	bio->bi_ioprio = req->ioprio;
	iot_bio_set_hint(bio, req->hint);
	if (unlikely(req->css))
		bio_associate_blkg_from_css(bio, req->css);
	else if (likely(iot_in_root_group()))
		bio_associate_blkg_from_css(bio, NULL);
	else
		bio_associate_blkg(bio);
}

#endif /* _IO_TARGET_BIO_H */
