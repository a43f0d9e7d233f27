// SPDX-License-Identifier: GPL-2.0
/*
 * The block backend: can a request go to the disk as one command? Its memory is counted as
 * the block layer will count it, or a little higher.
 */
#include <linux/blkdev.h>
#include <linux/mm.h>

#include "bio.h"

/* Memory of a request so far. */
struct pieces {
	unsigned int	n;
	unsigned long	end;	/* of the last */
	unsigned long	gap;	/* bits that neither an end nor the next start may have */
	unsigned int	most;	/* bytes that are one for certain */
	bool		gaps;
};

static void pieces_add(struct pieces *p, unsigned long start, size_t len, bool mapped)
{
	unsigned int offset = offset_in_page(start);

	if (!len)
		return;
	if (p->n && (p->end | start) & p->gap)
		p->gaps = true;
	p->end = start + len;
	/* Pages that are mapped one behind the other may lie anywhere. */
	if (mapped && offset + len > PAGE_SIZE && p->gap >= PAGE_SIZE)
		p->gaps = true;
	if (mapped || offset + len <= PAGE_SIZE)
		p->n += DIV_ROUND_UP(offset + len, PAGE_SIZE);
	else
		p->n += DIV_ROUND_UP(len, p->most) + 1;
}

static void pieces_of_kvec(struct pieces *p, const struct io_target_request *req)
{
	const struct kvec *kv = req->iter.kvec;
	size_t skip = req->iter.iov_offset;
	size_t left = req->len;

	for (; left; kv++, skip = 0) {
		size_t len = min(left, kv->iov_len - skip);
		void *start = kv->iov_base + skip;

		pieces_add(p, (unsigned long)start, len, iot_is_mapped(start));
		left -= len;
	}
}

static void pieces_of_bvec(struct pieces *p, const struct io_target_request *req)
{
	const struct bio_vec *bv = req->iter.bvec;
	size_t skip = req->iter.iov_offset;
	size_t left = req->len;

	for (; left; bv++, skip = 0) {
		size_t len = min_t(size_t, left, bv->bv_len - skip);

		pieces_add(p, bv->bv_offset + skip, len, false);
		left -= len;
	}
}

static void pieces_count(struct pieces *p, const struct io_target_request *req)
{
	if (req->flags & IO_TARGET_BOUNCE)	/* whole pages, one behind the other */
		p->n = DIV_ROUND_UP(req->len, PAGE_SIZE);
	else if (iov_iter_is_bvec(&req->iter))
		pieces_of_bvec(p, req);
	else
		pieces_of_kvec(p, req);
}

/* Is the memory of @req, which is no longer than one command, that of one? */
bool iot_bdev_check_whole(struct io_target_lower *lower, struct block_device *bdev,
			  const struct io_target_request *req)
{
	struct request_queue *q = bdev_get_queue(bdev);
	struct pieces p = {
		.gap	= queue_virt_boundary(q),
		.most	= min_t(unsigned long, queue_max_segment_size(q) - 1,
				queue_segment_boundary(q)) + 1,
	};

	pieces_count(&p, req);
	return p.n <= lower->max_segments && !p.gaps;
}

/* A disk may take less at once near the end of a stripe. */
static u64 most_at_once(struct request_queue *q, u64 pos)
{
	u64 most = (u64)queue_max_sectors(q) << SECTOR_SHIFT;
	u64 chunk = (u64)q->limits.chunk_sectors << SECTOR_SHIFT;
	u64 into;

	if (!chunk)
		return most;
	div64_u64_rem(pos, chunk, &into);
	return min(most, chunk - into);
}

/*
 * The block layer cuts nothing that may not wait: what would have to be cut ends with
 * -EAGAIN, each time.
 */
int iot_bdev_check_nowait(struct io_target_lower *lower, struct block_device *bdev,
			  struct io_target_request *req)
{
	u64 most = most_at_once(bdev_get_queue(bdev), req->pos);

	if (!bdev_nowait(bdev))
		return iot_err(req->target, -EOPNOTSUPP, "NOWAIT refused: the device may wait");
	if (req->op > IO_TARGET_OP_WRITE)
		return 0;
	if (req->len > most)
		return iot_err(req->target, -EMSGSIZE,
			       "NOWAIT refused: %llu bytes at %lld, the device takes %llu at once",
			       req->len, req->pos, most);
	if (!iot_bdev_check_whole(lower, bdev, req))
		return iot_err(req->target, -EMSGSIZE,
			       "NOWAIT refused: memory in more pieces than the device takes");
	return 0;
}
