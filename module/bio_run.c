// SPDX-License-Identifier: GPL-2.0
/*
 * Requests that lie one behind the other on the disk, as one bio: a bio of the
 * target's pool, with the memory of all of them. Their own bios are not used but for
 * the link from one to the next.
 *
 * If it fails in a way that may be one block's fault, they are sent again, each by
 * itself, by the lower's worker, so that each ends with what is true of it.
 */
#include <linux/blkdev.h>

#include "bio.h"

static void run_link(struct io_target_request *req, struct io_target_request *next)
{
	req->blk.bio.bi_next = next ? &next->blk.bio : NULL;
}

static struct io_target_request *run_next(struct io_target_request *req)
{
	struct bio *next = req->blk.bio.bi_next;

	return next ? container_of(next, struct io_target_request, blk.bio) : NULL;
}

/* May the status be true of some of them only? */
static bool run_is_doubtful(blk_status_t status)
{
	return status == BLK_STS_IOERR || status == BLK_STS_MEDIUM ||
	       status == BLK_STS_PROTECTION;
}

static void run_send_again(struct io_target_request *first)
{
	struct io_target_request *req, *next;

	/* For all of them first: one that is queued may end, and be gone. */
	for (req = run_next(first); req; req = run_next(req))
		iot_owner_share(req, first);
	for (req = first; req; req = next) {
		next = run_next(req);
		iot_lower_queue_again(req);
	}
}

static void run_done(struct bio *bio)
{
	struct io_target_request *next, *req = bio->bi_private;
	blk_status_t status = bio->bi_status;

	bio_put(bio);
	if (unlikely(run_is_doubtful(status))) {
		run_send_again(req);
		return;
	}
	for (; req; req = next) {
		next = run_next(req);
		iot_request_end(req, status ? blk_status_to_errno(status) : req->len, status);
	}
}

/* Not what the block layer treats one by one, and not memory that is mapped twice. */
#define NEVER_MERGED	(IO_TARGET_FUA | IO_TARGET_PREFLUSH | IO_TARGET_NOWAIT | \
			 IOT_F_SPECIAL | IOT_F_VMALLOC)

/* What neighbours need not have in common */
#define MAY_DIFFER	(IOT_F_POOL | IO_TARGET_TASK | IO_TARGET_PREPARED | IOT_F_BUILT | \
			 IOT_F_PRIO)

static bool run_begins(const struct io_target_request *req)
{
	return (req->flags & (IO_TARGET_MERGE_OK | NEVER_MERGED)) == IO_TARGET_MERGE_OK &&
	       iov_iter_count(&req->iter);
}

/* Does @next lie right behind @req, and may it go with it? */
static bool run_continues(const struct io_target_request *req,
			  const struct io_target_request *next)
{
	return next->pos == req->pos + (s64)req->len && next->op == req->op &&
	       !((next->flags ^ req->flags) & ~MAY_DIFFER) && next->ioprio == req->ioprio &&
	       next->hint == req->hint && iov_iter_count(&next->iter);
}

/* How many of the first go into one bio, and in how many pieces of memory. */
static unsigned int run_fit(struct io_target_request **reqs, unsigned int n,
			    unsigned int *pieces)
{
	u64 left = IOT_BIO_BYTES - min_t(u64, reqs[0]->len, IOT_BIO_BYTES);
	unsigned int i, sum = reqs[0]->iter.nr_segs;

	for (i = 1; i < n; i++) {
		if (!run_continues(reqs[i - 1], reqs[i]) || reqs[i]->len > left)
			break;
		if (sum + reqs[i]->iter.nr_segs > BIO_MAX_VECS)
			break;
		sum += reqs[i]->iter.nr_segs;
		left -= reqs[i]->len;
	}
	*pieces = sum;
	return i;
}

static void run_add_piece(struct bio *bio, struct page *page, unsigned int len,
			  unsigned int offset)
{
	bvec_set_page(&bio->bi_io_vec[bio->bi_vcnt++], page, len, offset);
	bio->bi_iter.bi_size += len;
}

static void run_add_kvec(struct bio *bio, const struct io_target_request *req)
{
	const struct kvec *kv = req->iter.kvec;
	size_t skip = req->iter.iov_offset;
	size_t left = req->len;

	for (; left; kv++, skip = 0) {
		size_t len = min(left, kv->iov_len - skip);
		void *start = kv->iov_base + skip;

		left -= len;
		if (len)
			run_add_piece(bio, virt_to_page(start), len, offset_in_page(start));
	}
}

static void run_add_bvec(struct bio *bio, const struct io_target_request *req)
{
	const struct bio_vec *bv = req->iter.bvec;
	size_t skip = req->iter.iov_offset;
	size_t left = req->len;

	for (; left; bv++, skip = 0) {
		size_t len = min_t(size_t, left, bv->bv_len - skip);

		left -= len;
		if (len)
			run_add_piece(bio, bv->bv_page, len, bv->bv_offset + skip);
	}
}

static void run_send(struct io_target_request **reqs, unsigned int n, unsigned int pieces,
		     struct block_device *bdev)
{
	struct io_target_request *first = reqs[0];
	struct bio *bio;
	unsigned int i;

	bio = bio_alloc_bioset(bdev, pieces, iot_bio_opf(first, bdev), GFP_NOIO,
			       &first->target->bios);
	/* If they are sent again it is on the account of who sends them now. */
	iot_owner_note(first);
	iot_bio_attribute(bio, first);
	bio->bi_iter.bi_sector = first->pos >> SECTOR_SHIFT;
	bio->bi_end_io = run_done;
	bio->bi_private = first;
	for (i = 0; i < n; i++) {
		if (iov_iter_is_bvec(&reqs[i]->iter))
			run_add_bvec(bio, reqs[i]);
		else
			run_add_kvec(bio, reqs[i]);
		run_link(reqs[i], i + 1 < n ? reqs[i + 1] : NULL);
	}
	submit_bio(bio);
}

/*
 * Sends the first of @reqs together with those that lie behind it. Inside ->submit_bio()
 * none of the pool's bios comes back, so that there each goes by itself.
 * Return: how many.
 */
unsigned int iot_bio_submit_run(struct io_target_request **reqs, unsigned int n,
				struct block_device *bdev)
{
	unsigned int pieces, fit = 1;

	if (run_begins(reqs[0]) && !current->bio_list)
		fit = run_fit(reqs, n, &pieces);
	if (fit > 1)
		run_send(reqs, fit, pieces, bdev);
	else
		iot_bio_submit(reqs[0], bdev);
	return fit;
}
