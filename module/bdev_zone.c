// SPDX-License-Identifier: GPL-2.0
/*
 * The block backend: what it refuses of operations on zones.
 *
 * An append is told one place only, so it must go to the disk as one command: where the
 * block layer would have to cut it, old kernels put the second half anywhere, and newer ones
 * warn. So its memory is counted here as the block layer will count it, or a little
 * higher.
 */
#include <linux/blkdev.h>
#include <linux/mm.h>

#include "bio.h"

/* Memory of an append so far. */
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

static int check_append_memory(struct io_target_lower *lower, struct block_device *bdev,
			       struct io_target_request *req)
{
	struct request_queue *q = bdev_get_queue(bdev);
	struct pieces p = {
		.gap	= queue_virt_boundary(q),
		.most	= min_t(unsigned long, queue_max_segment_size(q) - 1,
				queue_segment_boundary(q)) + 1,
	};

	pieces_count(&p, req);
	if (p.n > lower->max_segments)
		return iot_err(req->target, -EFAULT,
			       "append refused: memory in %u pieces, the device takes %u",
			       p.n, lower->max_segments);
	if (p.gaps)
		return iot_err(req->target, -EFAULT,
			       "append refused: the device takes no gaps in memory");
	return 0;
}

static int check_append(struct io_target_lower *lower, struct block_device *bdev,
			struct io_target_request *req)
{
	u64 most = (u64)bdev_max_zone_append_sectors(bdev) << SECTOR_SHIFT;
	struct io_target *t = req->target;

	if (!most)
		return iot_err(t, -EOPNOTSUPP, "append refused: the device has none");
	if (req->len > most)
		return iot_err(t, -EMSGSIZE, "append refused: %llu bytes, the device takes %llu",
			       req->len, most);
	if (req->pos >= bdev_nr_bytes(bdev))
		return iot_err(t, -ENXIO, "append refused: offset %lld is beyond %llu", req->pos,
			       (u64)bdev_nr_bytes(bdev));
	return check_append_memory(lower, bdev, req);
}

/*
 * Of an operation on zones, which is in blocks and, unless it is an append, within the disk.
 * Context: under rcu_read_lock().
 */
int iot_bdev_check_zone(struct io_target_lower *lower, struct block_device *bdev,
			struct io_target_request *req)
{
	u64 rest = iot_zone_bytes(bdev) - 1;
	struct io_target *t = req->target;

	if (!bdev_is_zoned(bdev))
		return iot_err(t, -EOPNOTSUPP, "zone operation refused: the device has no zones");
	if (req->op == IO_TARGET_OP_ZONE_APPEND)
		return check_append(lower, bdev, req);
	/* The last zone may be smaller. */
	if (req->pos & rest || (req->len & rest && req->pos + req->len != bdev_nr_bytes(bdev)))
		return iot_err(t, -EINVAL,
			       "zone operation refused: offset %lld, length %llu, zones of %llu",
			       req->pos, req->len, rest + 1);
	return 0;
}

/* All zones at once: for that there is a command, which knows those that need none. */
bool iot_zone_resets_all(const struct io_target_request *req, struct block_device *bdev)
{
	return req->op == IO_TARGET_OP_ZONE_RESET && !req->pos &&
	       req->len == bdev_nr_bytes(bdev) && iot_bdev_resets_all(bdev);
}
