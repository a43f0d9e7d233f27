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
#include "request.h"

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

	for (req = first; req; req = next) {
		next = run_next(req);
		iot_lower_queue_again(req);
	}
}

static noinline void run_failed(struct io_target_request *req, blk_status_t status)
{
	struct io_target_request *first = req, *next;

	/* Each may be sent again: it takes the first one's owner before any of them can end. */
	for (req = run_next(first); req; req = run_next(req))
		iot_owner_share(req, first);
	req = first;
	if (run_is_doubtful(status)) {
		run_send_again(req);
		return;
	}
	for (; req; req = next) {
		next = run_next(req);
		iot_request_end(req, blk_status_to_errno(status), status);
	}
}

/* The gate of all plain ones is given back at once, after the last of them. */
static void run_done(struct bio *bio)
{
	struct io_target_request *next, *req = bio->bi_private;
	blk_status_t status = bio->bi_status;
	unsigned int plain = 0;
	struct io_target *t;

	bio_put(bio);
	iot_verify_intact(req);
	t = req->target;
	if (unlikely(status)) {
		run_failed(req, status);
		return;
	}
	for (; req; req = next) {
		next = run_next(req);
		if (unlikely(req->flags & IOT_F_UNDO)) {
			iot_request_end(req, req->len, BLK_STS_OK);
		} else if (iot_verify_end(req)) {
			iot_verify_intact(req);
			iot_request_end_ungated(t, req, req->len);
			plain++;
		}
	}
	if (likely(plain))
		percpu_ref_put_many(&t->gated, plain);
}

/* Not what the block layer treats one by one, and not memory that is mapped twice. */
#define NEVER_MERGED	(IO_TARGET_FUA | IO_TARGET_PREFLUSH | IO_TARGET_NOWAIT | \
			 IOT_F_SPECIAL | IOT_F_VMALLOC)

/* What neighbours need not have in common */
#define MAY_DIFFER	(IOT_F_LASTING | IO_TARGET_TASK | IO_TARGET_PREPARED | IOT_F_BUILT | \
			 IOT_F_PRIO | IOT_F_ONE_PIECE)

static bool run_begins(const struct io_target_request *req)
{
	return (req->flags & (IO_TARGET_MERGE_OK | NEVER_MERGED)) == IO_TARGET_MERGE_OK &&
	       iov_iter_count(&req->iter);
}

/* May @next go with @req, if it lies behind it? */
static __always_inline bool run_alike(const struct io_target_request *req,
				      const struct io_target_request *next)
{
	return !((next->kind ^ req->kind) & ~iot_kind_of(MAY_DIFFER));
}

/* A bio that is being filled: the free part of its table, and where it must end. */
struct run {
	struct bio_vec	*free;
	struct bio_vec	*full;
	u64		end;
	u64		most;
};

static void run_add_kvec(struct run *run, const struct io_target_request *req)
{
	const struct kvec *kv = req->iter.kvec;
	size_t skip = req->iter.iov_offset;
	size_t left = req->len;

	for (; left; kv++, skip = 0) {
		size_t len = min(left, kv->iov_len - skip);
		void *start = kv->iov_base + skip;

		left -= len;
		if (len)
			bvec_set_page(run->free++, virt_to_page(start), len,
				      offset_in_page(start));
	}
}

static void run_add_bvec(struct run *run, const struct io_target_request *req)
{
	const struct bio_vec *bv = req->iter.bvec;
	size_t skip = req->iter.iov_offset;
	size_t left = req->len;

	for (; left; bv++, skip = 0) {
		size_t len = min_t(size_t, left, bv->bv_len - skip);

		left -= len;
		if (len)
			bvec_set_page(run->free++, bv->bv_page, len, bv->bv_offset + skip);
	}
}

static noinline bool run_add_table(struct run *run, const struct io_target_request *req)
{
	if (req->iter.nr_segs > run->full - run->free)
		return false;
	if (iov_iter_is_bvec(&req->iter))
		run_add_bvec(run, req);
	else
		run_add_kvec(run, req);
	return true;
}

static __always_inline bool run_add(struct run *run, const struct io_target_request *req)
{
	if (unlikely(run->most - run->end < req->len))
		return false;
	if (likely(req->flags & IOT_F_ONE_PIECE && run->free != run->full))
		*run->free++ = req->bvec;
	else if (!run_add_table(run, req))
		return false;
	run->end += req->len;
	return true;
}

static struct bio *run_alloc(struct io_target_request *first, unsigned int n,
			     struct block_device *bdev)
{
	unsigned int pieces = min_t(u64, (u64)n * first->iter.nr_segs, BIO_MAX_VECS);
	struct bio *bio;

	bio = bio_alloc_bioset(bdev, pieces, iot_bio_opf(first, bdev), GFP_NOIO,
			       &first->target->bios);
	bio->bi_iter.bi_sector = first->pos >> SECTOR_SHIFT;
	bio->bi_end_io = run_done;
	bio->bi_private = first;
	return bio;
}

/* All of the first that lie one behind the other, as far as the bio and the disk go. */
static unsigned int run_send(struct io_target_request **reqs, unsigned int n,
			     struct block_device *bdev)
{
	u64 most = min_t(u64, IOT_BIO_BYTES, (u64)queue_max_bytes(bdev_get_queue(bdev)));
	struct io_target_request *req, *last = reqs[0];
	struct bio *bio = run_alloc(last, n, bdev);
	struct run run = {
		.free	= bio->bi_io_vec,
		.full	= bio->bi_io_vec + bio->bi_max_vecs,
		.end	= last->pos,
		.most	= last->pos + max(most, last->len),
	};
	unsigned int i;

	run_add(&run, last);
	for (i = 1; i < n; i++) {
		req = reqs[i];
		if (req->pos != run.end || !run_alike(last, req) || !run_add(&run, req))
			break;
		last->blk.bio.bi_next = &req->blk.bio;
		last = req;
	}
	last->blk.bio.bi_next = NULL;
	bio->bi_vcnt = run.free - bio->bi_io_vec;
	bio->bi_iter.bi_size = run.end - reqs[0]->pos;
	/* If they are sent again it is on the account of who sends them now. */
	iot_owner_note(reqs[0]);
	iot_bio_attribute_pooled(bio, reqs[0]);
	submit_bio(bio);
	return i;
}

/*
 * Sends the first of @reqs together with those that lie behind it. Inside ->submit_bio()
 * none of the pool's bios comes back, so that there each goes by itself; and so do writes to
 * zones, since those that have been written could not be sent again.
 * Return: how many; 0: it is alone, and has not been sent.
 */
unsigned int iot_bio_submit_run(struct io_target_request **reqs, unsigned int n,
				struct block_device *bdev)
{
	struct io_target_request *first = reqs[0];

	if (n > 1 && run_begins(first) && reqs[1]->pos == first->pos + (s64)first->len &&
	    run_alike(first, reqs[1]) && !current->bio_list &&
	    (first->op == IO_TARGET_OP_READ || !first->lower->zone_size) &&
	    first->iter.nr_segs + reqs[1]->iter.nr_segs <= BIO_MAX_VECS &&
	    first->len + reqs[1]->len <= IOT_BIO_BYTES)
		return run_send(reqs, n, bdev);
	return 0;
}
