// SPDX-License-Identifier: GPL-2.0
/*
 * A request as bios. One bio, embedded in the request, carries whatever fits
 * it: a bvec table of the caller's is used in place, kernel memory is listed
 * in a few inline bio_vecs. What does not fit goes out piece by piece (bio_pieces.c),
 * all chained to the embedded one, which then carries no data and only ends the
 * request.
 */
#include <linux/blkdev.h>
#include <linux/highmem.h>

#include "bio.h"
#include "request.h"

static blk_opf_t bio_opf_of(enum io_target_op op)
{
	switch (op) {
	case IO_TARGET_OP_READ:
		return REQ_OP_READ;
	case IO_TARGET_OP_DISCARD:
		return REQ_OP_DISCARD;
	case IO_TARGET_OP_WRITE_ZEROES:
		return REQ_OP_WRITE_ZEROES | REQ_NOUNMAP;
	case IO_TARGET_OP_SECURE_ERASE:
		return REQ_OP_SECURE_ERASE;
	case IO_TARGET_OP_ZONE_OPEN:
		return REQ_OP_ZONE_OPEN | REQ_SYNC;
	case IO_TARGET_OP_ZONE_CLOSE:
		return REQ_OP_ZONE_CLOSE | REQ_SYNC;
	case IO_TARGET_OP_ZONE_FINISH:
		return REQ_OP_ZONE_FINISH | REQ_SYNC;
	case IO_TARGET_OP_ZONE_RESET:
		return REQ_OP_ZONE_RESET | REQ_SYNC;
	case IO_TARGET_OP_ZONE_APPEND:
		return REQ_OP_ZONE_APPEND | REQ_SYNC | REQ_IDLE;
	case IO_TARGET_OP_FLUSH:
		return REQ_OP_WRITE | REQ_PREFLUSH | REQ_SYNC;
	default:
		return REQ_OP_WRITE | REQ_SYNC | REQ_IDLE;
	}
}

/* For iot_bio_opf(). */
blk_opf_t iot_bio_opf_rare(const struct io_target_request *req, struct block_device *bdev)
{
	blk_opf_t opf = bio_opf_of(req->op);

	if (iot_zone_resets_all(req, bdev))
		opf = REQ_OP_ZONE_RESET_ALL | REQ_SYNC;
	if (req->flags & IO_TARGET_FUA)
		opf |= REQ_FUA;
	if (req->flags & IO_TARGET_PREFLUSH)
		opf |= REQ_PREFLUSH;
	/* NOWAIT pends after a loss alone: the device that is lost has taken it at once. */
	if ((req->flags & (IO_TARGET_NOWAIT | IOT_F_WAS_PENDED)) == IO_TARGET_NOWAIT)
		opf |= REQ_NOWAIT;
	if (req->flags & IOT_F_POLLED && iot_bdev_polls(bdev))
		opf |= REQ_POLLED;
	return opf;
}

/* Memory from vmalloc is mapped twice, which some architectures' caches notice. */
static void bio_sync_vmalloc(const struct io_target_request *req, bool before)
{
	const struct kvec *kv = req->iter.kvec;
	size_t skip = req->iter.iov_offset;
	size_t left = req->len;

	for (; left; kv++, skip = 0) {
		size_t len = min(left, kv->iov_len - skip);
		void *start = kv->iov_base + skip;

		left -= len;
		if (!iot_is_mapped(start))
			continue;
		if (before)
			flush_kernel_vmap_range(start, len);
		else
			invalidate_kernel_vmap_range(start, len);
	}
}

/* @sector: where an append has gone */
noinline void iot_bio_done_rarely(struct io_target_request *req, blk_status_t status,
				  sector_t sector)
{
	if (req->flags & IOT_F_VMALLOC)
		bio_sync_vmalloc(req, false);
	if (req->op == IO_TARGET_OP_ZONE_APPEND && !status)
		req->pos = (loff_t)sector << SECTOR_SHIFT;
	iot_request_end(req, status ? blk_status_to_errno(status) : iov_iter_count(&req->iter),
			status);
}

#define BIO_DONE_RARE	(IOT_F_UNDO | IOT_F_VMALLOC | IOT_F_APPEND)

static void bio_done(struct bio *bio)
{
	struct io_target_request *req = container_of(bio, struct io_target_request, blk.bio);

	if (unlikely(bio->bi_status || req->flags & BIO_DONE_RARE))
		iot_bio_done_rarely(req, bio->bi_status, bio->bi_iter.bi_sector);
	else if (iot_verify_end(req))
		iot_request_end_plain(req, iov_iter_count(&req->iter));
}

/*
 * The embedded bio is never submitted here: its own count, dropped last, keeps
 * the request from ending before all pieces are out.
 */
static void bio_submit_pieces(struct io_target_request *req, struct block_device *bdev)
{
	blk_opf_t opf = iot_bio_opf(req, bdev) & ~REQ_POLLED;
	struct bio *parent = &req->blk.bio;

	/* Of no device: for operations on zones the block layer would look at that. */
	bio_init(parent, NULL, NULL, 0, REQ_OP_READ);
	parent->bi_end_io = bio_done;
	if (READ_ONCE(req->target->follows))
		iot_owner_note(req);	/* it may be sent again */
	req->flags &= ~IOT_F_INITED;	/* for this device */
	iot_bio_send_pieces(req, bdev, opf);
	bio_endio(parent);
}

/* The caller's table, which outlives the bio, is used where it is. */
static __always_inline void bio_use_table(struct bio *bio,
					  const struct io_target_request *req)
{
	const struct iov_iter *iter = &req->iter;

	bio->bi_vcnt = min_t(unsigned long, iter->nr_segs, USHRT_MAX);
	bio->bi_io_vec = (struct bio_vec *)iter->bvec;
	/* By position: the name of the last member, the offset, has changed. */
	bio->bi_iter = (struct bvec_iter){
		req->pos >> SECTOR_SHIFT, min_t(u64, req->len, IOT_BIO_BYTES), 0,
		iter->iov_offset
	};
	bio_set_flag(bio, BIO_CLONED);
}

/* Return: bytes of @req that @bio stands for. */
static u64 bio_list_memory(struct bio *bio, struct io_target_request *req,
			   struct block_device *bdev)
{
	struct iov_iter iter = req->iter;

	bio->bi_vcnt = 0;
	bio->bi_max_vecs = ARRAY_SIZE(req->blk.vecs);
	bio->bi_io_vec = req->blk.vecs;
	bio->bi_iter = (struct bvec_iter){ req->pos >> SECTOR_SHIFT };
	if (!iov_iter_count(&iter))
		return iot_bio_set_range(bio, req, bdev, 0);
	iot_bio_list(bio, &iter);
	return bio->bi_iter.bi_size;
}

/*
 * A prepared request's bio can be armed again. What it takes is noted where nobody else
 * looks, since the block layer changes the flags of what it is given.
 */
static void bio_keep(struct io_target_request *req)
{
	struct bio *bio = &req->blk.bio;

	/* They are found by their zone, and not by place and length. */
	if (iot_op_is_zone(req->op))
		return;
	/* This use goes without NOWAIT, the next one does not. */
	if (req->flags & IO_TARGET_NOWAIT && req->flags & IOT_F_WAS_PENDED)
		return;
	/* In a table of our own the memory begins at the beginning, without empty entries. */
	if (!bio_flagged(bio, BIO_CLONED) &&
	    (req->iter.iov_offset || iov_iter_is_bvec(&req->iter)))
		return;
	bio->bi_private = (void *)(unsigned long)(__force u32)bio->bi_opf;
	/* Whoever sees the flag sees the bio, too: see iot_bio_where(). */
	smp_store_release(&req->flags, req->flags | IOT_F_BUILT);
}

/*
 * Undoes what a bio of ours, which has ended, has been through since it was built. A driver
 * may have sent it on to another device, in place.
 */
static __always_inline void bio_arm(struct bio *bio, struct block_device *bdev, blk_opf_t opf,
				    bool table)
{
	bio->bi_next = NULL;
	bio->bi_bdev = bdev;
	bio->bi_opf = opf;
	bio->bi_flags = table << BIO_CLONED;
	bio->bi_status = BLK_STS_OK;
	bio->bi_cookie = BLK_QC_T_NONE;
	atomic_set(&bio->__bi_remaining, 1);
	iot_bio_reset_own(bio);
}

/* The embedded bio, as new. */
static __always_inline void bio_begin(struct io_target_request *req,
				      struct block_device *bdev, blk_opf_t opf)
{
	struct bio *bio = &req->blk.bio;

	if (likely(req->flags & IOT_F_INITED)) {
		bio_arm(bio, bdev, opf, false);
	} else {
		/* Without a device, for which it would look whose account it goes on. */
		bio_init(bio, NULL, NULL, 0, opf);
		bio->bi_bdev = bdev;
		bio->bi_end_io = bio_done;
		req->flags |= IOT_F_INITED;
	}
	iot_bio_set_hint(bio, req->hint);
}

/* Builds the one bio that carries all of @req, if that is possible. */
static bool bio_build(struct io_target_request *req, struct block_device *bdev, bool root)
{
	struct bio *bio = &req->blk.bio;
	u64 len;

	bio_begin(req, bdev, iot_bio_opf(req, bdev));
	if (iov_iter_count(&req->iter) && iot_bio_takes_table(&req->iter)) {
		bio_use_table(bio, req);
		len = bio->bi_iter.bi_size;
	} else {
		len = bio_list_memory(bio, req, bdev);
	}
	if (unlikely(len != req->len))
		return false;
	if (unlikely(req->op == IO_TARGET_OP_ZONE_APPEND))
		iot_bio_set_zone(bio, req, bdev);
	if (unlikely(req->flags & (IO_TARGET_PREPARED | IOT_F_POLLED)))
		bio_keep(req);
	iot_bio_attribute(bio, req, root);
	return true;
}

/*
 * The memory of a prepared request is listed already. (As bio_reuse() of 7.3, which knows
 * no tables of the caller's, and counts the bytes again.)
 */
static __always_inline void bio_rearm(struct io_target_request *req, struct block_device *bdev,
				      bool root)
{
	struct bio *bio = &req->blk.bio;

	bio_arm(bio, bdev, (__force blk_opf_t)(unsigned long)bio->bi_private,
		iov_iter_is_bvec(&req->iter));
	iot_bio_set_hint(bio, req->hint);
	bio->bi_iter = (struct bvec_iter){
		req->pos >> SECTOR_SHIFT, req->len, 0, req->iter.iov_offset
	};
	iot_bio_attribute(bio, req, root);
}

static noinline void bio_refuse_write(struct io_target_request *req)
{
	iot_err(req->target, -EROFS, "write refused: the device is read-only");
	req->not_sent = true;
	iot_request_end(req, -EROFS, BLK_STS_OK);
}

/* The disk may have become read-only since the request was prepared. */
static __always_inline void bio_submit_again(struct io_target_request *req,
					     struct block_device *bdev, bool root)
{
	if (unlikely(req->op != IO_TARGET_OP_READ && bdev_read_only(bdev))) {
		bio_refuse_write(req);
		return;
	}
	bio_rearm(req, bdev, root);
	submit_bio(&req->blk.bio);
}

/* See iot_backend->where. */
unsigned int iot_bio_where(const struct io_target_request *req)
{
	/* With the release in bio_keep(): before the flag there is no bio. */
	if (!(smp_load_acquire(&req->flags) & IOT_F_BUILT))
		return UINT_MAX;
	return READ_ONCE(req->blk.bio.bi_cookie);
}

/*
 * The queues that can be polled. A disk gets others when nobody holds its queue any more, as a
 * request does that is with it: this holds it, too, until bio_poll_end().
 * Return: NULL, and nothing is held: the disk is being deleted, or has no request just now.
 */
static const struct blk_mq_queue_map *bio_poll_begin(struct request_queue *q)
{
	if (!percpu_ref_tryget(&q->q_usage_counter))
		return NULL;
	return &q->tag_set->map[HCTX_TYPE_POLL];
}

static void bio_poll_end(struct request_queue *q)
{
	percpu_ref_put(&q->q_usage_counter);
}

/*
 * The block layer reads no more than this of a bio that is polled for. It takes a running task
 * for one that has been woken, and says that something was found: so this one goes to sleep,
 * as far as can be seen, and is woken by what is found.
 */
static bool bio_poll_asleep(struct block_device *bdev, unsigned int where)
{
	struct bio bio = { .bi_bdev = bdev, .bi_cookie = where };
	int found;

	__set_current_state(TASK_UNINTERRUPTIBLE);
	found = bio_poll(&bio, NULL, BLK_POLL_ONESHOT);
	__set_current_state(TASK_RUNNING);
	return found > 0;
}

/*
 * Looks for what has ended. What is plugged is sent before, by a task that may sleep. The
 * request that was @where may have ended since, and the queue that it was in may have gone,
 * which the block layer would not notice.
 */
bool iot_bio_poll(struct block_device *bdev, unsigned int where)
{
	struct request_queue *q = bdev_get_queue(bdev);
	const struct blk_mq_queue_map *map;
	struct blk_plug *plug = current->plug;
	bool found = false;

	if (plug) {
		blk_finish_plug(plug);
		blk_start_plug(plug);
	}
	map = bio_poll_begin(q);
	if (!map)
		return false;
	if (iot_bio_cookie_queue(where) - map->queue_offset < map->nr_queues)
		found = bio_poll_asleep(bdev, where);
	bio_poll_end(q);
	return found;
}

/*
 * For who has a bio of his own polled for, and knows no queue: looks at all of them, the
 * one of this CPU first. What the block layer says is not to be believed, see above.
 * Context: any that may look at @bdev; what was plugged has been sent.
 */
int iot_bio_poll_any(struct block_device *bdev, unsigned int flags)
{
	struct request_queue *q = bdev_get_queue(bdev);
	const struct blk_mq_queue_map *map = bio_poll_begin(q);
	struct bio bio = { .bi_bdev = bdev };
	unsigned int first, i;
	int found = 0;

	if (!map)
		return 0;
	first = map->mq_map[raw_smp_processor_id()] - map->queue_offset;
	for (i = 0; i < map->nr_queues; i++) {
		bio.bi_cookie = iot_bio_cookie(map->queue_offset +
					       (first + i) % map->nr_queues);
		found |= bio_poll(&bio, NULL, flags | BLK_POLL_ONESHOT) > 0;
	}
	bio_poll_end(q);
	return found;
}

/*
 * Inside ->submit_bio() no bio is started before that returns, so that waiting for one
 * of the pool's to come back would be for ever.
 */
static void bio_submit_elsewhere(struct io_target_request *req)
{
	iot_owner_note(req);
	iot_lower_queue(req);
}

static noinline void bio_submit_new(struct io_target_request *req, struct block_device *bdev,
				    bool root)
{
	if (unlikely(!req->len && req->op != IO_TARGET_OP_FLUSH &&
		     !(req->flags & IO_TARGET_PREFLUSH))) {
		iot_request_end(req, 0, BLK_STS_OK);
		return;
	}
	if (unlikely(req->flags & IOT_F_VMALLOC))
		bio_sync_vmalloc(req, true);
	if (likely(bio_build(req, bdev, root)))
		submit_bio(&req->blk.bio);
	else if (unlikely(current->bio_list))
		bio_submit_elsewhere(req);
	else if (unlikely(req->op == IO_TARGET_OP_ZONE_APPEND))
		iot_bio_append(req, bdev);
	else
		bio_submit_pieces(req, bdev);
}

/* The fast path takes plain data, in one piece and one bio, which is not kept. */
static __always_inline bool bio_is_simple(const struct io_target_request *req)
{
	const u32 flags = IO_TARGET_PREPARED | IOT_BIO_RARE | IOT_F_ONE_PIECE;

	return req->op <= IO_TARGET_OP_WRITE && req->len - 1 < IOT_BIO_BYTES &&
	       (req->flags & flags) == IOT_F_ONE_PIECE;
}

static __always_inline void bio_submit_simple(struct io_target_request *req,
					      struct block_device *bdev, bool root)
{
	struct bio *bio = &req->blk.bio;

	bio_begin(req, bdev, REQ_NOMERGE | iot_bio_opf_rw(req));
	bio_use_table(bio, req);
	iot_bio_attribute(bio, req, root);
	submit_bio(bio);
}

static __always_inline void bio_submit_one(struct io_target_request *req,
					   struct block_device *bdev, bool root)
{
	if ((req->flags & (IOT_F_BUILT | IOT_F_VMALLOC)) == IOT_F_BUILT)
		bio_submit_again(req, bdev, root);
	else if (likely(bio_is_simple(req)))
		bio_submit_simple(req, bdev, root);
	else
		bio_submit_new(req, bdev, root);
}

/* See iot_backend->submit. */
void iot_bio_submit(struct io_target_request *req)
{
	bio_submit_one(req, iot_bio_bdev(req), iot_in_root_group());
}

/*
 * Tags that are asked for at once. They have to lie in one word of the tag map, of which
 * a queue that takes 32 requests has four.
 */
#define BIO_TAGS	8

/* See iot_backend->submit_batch. Each may be gone when it has been submitted. */
void iot_bio_submit_batch(struct io_target_request **reqs, unsigned int n)
{
	struct block_device *bdev = iot_bio_bdev(reqs[0]);
	unsigned int run, alone = 0, i = 0;
	bool root = iot_in_root_group();

	while (i < n) {
		if (unlikely(reqs[i]->flags & IO_TARGET_MERGE_OK)) {
			run = iot_bio_submit_run(reqs + i, n - i, bdev);
			i += run;
			if (run)
				continue;
		}
		if (alone++ % BIO_TAGS == 0)
			iot_plug_expect(min(n - i, BIO_TAGS));
		bio_submit_one(reqs[i++], bdev, root);
	}
}
