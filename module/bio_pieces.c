// SPDX-License-Identifier: GPL-2.0
/*
 * What does not fit the bio that is embedded in a request, see bio.c: pieces, in bios of
 * the target's pool, each submitted before the next is allocated.
 */
#include <linux/blkdev.h>
#include <linux/math64.h>
#include <linux/mm.h>

#include "bio.h"

/*
 * Can a bio have the caller's table as it is? An iov_iter steps over empty entries; drivers
 * take them for memory.
 */
bool iot_bio_takes_table(const struct iov_iter *iter)
{
	const struct bio_vec *bv = iter->bvec;
	size_t skip = iter->iov_offset;
	size_t left = iov_iter_count(iter);

	if (!iov_iter_is_bvec(iter))
		return false;
	if (iter->nr_segs == 1)
		return true;
	for (; left; bv++, skip = 0) {
		if (bv->bv_len == skip)
			return false;
		left -= min_t(size_t, left, bv->bv_len - skip);
	}
	return true;
}

/* The next stretch of @iter that is physically contiguous. */
static size_t bvec_stretch(const struct iov_iter *iter, struct page **page, size_t *offset)
{
	const struct bio_vec *bv = iter->bvec;
	size_t start = bv->bv_offset + iter->iov_offset;

	*offset = offset_in_page(start);
	*page = pfn_to_page(page_to_pfn(bv->bv_page) + (start >> PAGE_SHIFT));
	return min(bv->bv_len - iter->iov_offset, iov_iter_count(iter));
}

static size_t kvec_stretch(const struct iov_iter *iter, struct page **page, size_t *offset)
{
	void *start = iter->kvec->iov_base + iter->iov_offset;
	size_t len = min(iter->kvec->iov_len - iter->iov_offset, iov_iter_count(iter));

	*offset = offset_in_page(start);
	if (!iot_is_mapped(start)) {
		*page = virt_to_page(start);
		return min_t(size_t, len, IOT_BIO_BYTES);
	}
	*page = vmalloc_to_page(start);
	return min_t(size_t, len, PAGE_SIZE - *offset);
}

/* Cuts the end off @bio that is not a whole block, and gives it back to @iter. */
static void bio_align(struct bio *bio, struct iov_iter *iter, unsigned int block)
{
	unsigned int excess = bio->bi_iter.bi_size & (block - 1);

	iov_iter_revert(iter, excess);
	bio->bi_iter.bi_size -= excess;
	while (excess) {
		struct bio_vec *bv = &bio->bi_io_vec[bio->bi_vcnt - 1];
		unsigned int n = min(excess, bv->bv_len);

		bv->bv_len -= n;
		excess -= n;
		if (!bv->bv_len)
			bio->bi_vcnt--;
	}
}

static void skip_entry(struct iov_iter *iter)
{
	if (iov_iter_is_bvec(iter))
		iter->bvec++;
	else
		iter->kvec++;
	iter->nr_segs--;
	iter->iov_offset = 0;
}

/* Lists in @bio's own table as much of the memory as fits there. */
void iot_bio_list(struct bio *bio, struct iov_iter *iter)
{
	while (iov_iter_count(iter) && bio->bi_iter.bi_size < IOT_BIO_BYTES) {
		struct page *page;
		size_t offset, len;

		if (iov_iter_is_bvec(iter))
			len = bvec_stretch(iter, &page, &offset);
		else
			len = kvec_stretch(iter, &page, &offset);
		if (!len) {
			skip_entry(iter);
			continue;
		}
		if (!bio_add_page(bio, page, len, offset))
			break;
		iov_iter_advance(iter, len);
	}
}

/* The stretch of the caller's table that @iter is at. */
static void bio_use_stretch(struct bio *bio, struct iov_iter *iter)
{
	size_t len = min_t(size_t, iov_iter_count(iter), IOT_BIO_BYTES);

	bio->bi_vcnt = min_t(unsigned long, iter->nr_segs, USHRT_MAX);
	bio->bi_io_vec = (struct bio_vec *)iter->bvec;
	/* By position: the name of the last member, the offset, has changed. */
	bio->bi_iter = (struct bvec_iter){
		bio->bi_iter.bi_sector, len, 0, iter->iov_offset
	};
	bio_set_flag(bio, BIO_CLONED);
	iov_iter_advance(iter, len);
}

/*
 * A bio ends where one of the device's units of discards does: of one that is cut in two,
 * neither half is discarded.
 */
static u64 discard_most(u64 start, struct block_device *bdev)
{
	u64 over;

	div64_u64_rem(start + IOT_BIO_BYTES - bdev_discard_alignment(bdev),
		      bdev_discard_granularity(bdev) ?: SECTOR_SIZE, &over);
	return over < IOT_BIO_BYTES ? IOT_BIO_BYTES - over : IOT_BIO_BYTES;
}

/* Bytes of @req, which carries no data, that one bio stands for from @start on at the most. */
static u64 range_most(const struct io_target_request *req, struct block_device *bdev, u64 start)
{
	u32 block = bdev_logical_block_size(bdev);
	u64 most;

	if (iot_op_is_zone(req->op))
		return iot_zone_resets_all(req, bdev) ? req->len : iot_zone_bytes(bdev);
	if (req->op == IO_TARGET_OP_DISCARD)
		return discard_most(start, bdev);
	if (req->op != IO_TARGET_OP_SECURE_ERASE)
		return IOT_BIO_BYTES;
	/* Not all kernels cut it where its own limit is. */
	most = (u64)bdev_max_secure_erase_sectors(bdev) << SECTOR_SHIFT;
	return clamp_t(u64, most & ~(u64)(block - 1), block, IOT_BIO_BYTES);
}

/*
 * Has @bio stand for as much of @req, which carries no data, as one can: from @done bytes
 * on. Return: how much that is.
 */
u64 iot_bio_set_range(struct bio *bio, const struct io_target_request *req,
		      struct block_device *bdev, u64 done)
{
	u64 len = min(req->len - done, range_most(req, bdev, req->pos + done));

	bio->bi_iter.bi_sector = (req->pos + done) >> SECTOR_SHIFT;
	/* Zones are named by their place alone. */
	bio->bi_iter.bi_size = iot_op_is_zone(req->op) ? 0 : len;
	return len;
}

/* Allocates, fills and sends one piece; returns its bytes. */
static u64 bio_send_piece(struct io_target_request *req, struct block_device *bdev,
			  struct iov_iter *iter, u64 done, blk_opf_t opf)
{
	bool listed = iov_iter_count(&req->iter) && !iot_bio_takes_table(iter);
	struct bio *bio;
	u64 len;

	bio = bio_alloc_bioset(bdev, listed ? BIO_MAX_VECS : 0, opf, GFP_NOIO,
			       &req->target->bios);
	iot_bio_attribute_pooled(bio, req);
	bio->bi_iter.bi_sector = (req->pos + done) >> SECTOR_SHIFT;
	if (!iov_iter_count(&req->iter)) {
		len = iot_bio_set_range(bio, req, bdev, done);
	} else if (listed) {
		iot_bio_list(bio, iter);
		bio_align(bio, iter, bdev_logical_block_size(bdev));
		len = bio->bi_iter.bi_size;
	} else {
		bio_use_stretch(bio, iter);
		len = bio->bi_iter.bi_size;
	}
	bio_chain(bio, &req->blk.bio);
	submit_bio(bio);
	return len;
}

/* All of @req; its own bio ends when the last of them has, and the caller has ended it. */
void iot_bio_send_pieces(struct io_target_request *req, struct block_device *bdev,
			 blk_opf_t opf)
{
	struct iov_iter iter = req->iter;
	struct blk_plug plug;
	u64 done = 0;

	blk_start_plug(&plug);
	while (done < req->len) {
		done += bio_send_piece(req, bdev, &iter, done, opf);
		opf &= ~REQ_PREFLUSH;
		cond_resched();		/* a discard of all of a large disk */
	}
	blk_finish_plug(&plug);
}

/* The bio first: when the request has ended its set may go. */
static void append_done(struct bio *bio)
{
	struct io_target_request *req = bio->bi_private;
	sector_t sector = bio->bi_iter.bi_sector;
	blk_status_t status = bio->bi_status;

	bio_put(bio);
	iot_bio_done_rarely(req, status, sector);
}

/*
 * An append in more pieces of memory than the embedded bio has room for. It cannot be cut,
 * since only one bio is told where it has gone; prep has seen to it that it need not be.
 */
void iot_bio_append(struct io_target_request *req, struct block_device *bdev)
{
	struct iov_iter iter = req->iter;
	struct bio *bio;

	bio = bio_alloc_bioset(bdev, BIO_MAX_VECS, iot_bio_opf(req, bdev), GFP_NOIO,
			       &req->target->bios);
	iot_bio_attribute_pooled(bio, req);
	bio->bi_private = req;
	bio->bi_end_io = append_done;
	iot_bio_list(bio, &iter);
	iot_bio_set_zone(bio, req, bdev);
	submit_bio(bio);
}
