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

#include "internal.h"

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

/* Pieces of memory of @req, none of which is mapped. */
static unsigned int run_pieces(const struct io_target_request *req)
{
	return req->iter.nr_segs;
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
			__bio_add_page(bio, virt_to_page(start), len, offset_in_page(start));
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
			__bio_add_page(bio, bv->bv_page, len, bv->bv_offset + skip);
	}
}

/* How many of the first go into one bio, and in how many pieces of memory. */
static unsigned int run_fit(struct io_target_request **reqs, unsigned int n,
			    unsigned int *pieces)
{
	u64 left = IOT_BIO_BYTES;
	unsigned int i;

	*pieces = 0;
	for (i = 0; i < n; i++) {
		unsigned int more = run_pieces(reqs[i]);

		if (*pieces + more > BIO_MAX_VECS || reqs[i]->len > left)
			break;
		*pieces += more;
		left -= reqs[i]->len;
	}
	return i;
}

static void run_send(struct io_target_request **reqs, unsigned int n, unsigned int pieces,
		     struct block_device *bdev)
{
	struct io_target_request *first = reqs[0];
	struct bio *bio;
	unsigned int i;

	bio = bio_alloc_bioset(bdev, pieces, iot_bio_opf(first), GFP_NOIO,
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
 * Of @reqs none is empty, or in memory that is mapped twice. Inside ->submit_bio() none
 * of the pool's bios comes back, so that there each goes by itself.
 */
void iot_bio_submit_run(struct io_target_request **reqs, unsigned int n,
			struct block_device *bdev)
{
	while (n) {
		unsigned int pieces, fit = current->bio_list ? 0 : run_fit(reqs, n, &pieces);

		if (fit > 1) {
			run_send(reqs, fit, pieces, bdev);
		} else {
			fit = 1;
			iot_bio_submit(reqs[0], bdev);
		}
		reqs += fit;
		n -= fit;
	}
}
