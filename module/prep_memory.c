// SPDX-License-Identifier: GPL-2.0
/*
 * Formatting a request: what is refused of its memory, since the device could not reach
 * it, or not carry out a block of it.
 */
#include <linux/sched/task_stack.h>

#include "prep.h"

/*
 * The block that a walk over the memory is in: bytes and pieces of it so far, and where the
 * last piece has ended.
 */
struct block {
	u32	bytes;
	u32	pieces;
	size_t	end;
};

/*
 * Some devices take no gaps: the block layer begins another command where a piece does not
 * end, or the next one does not begin, at such a boundary. Within a block it cannot.
 */
static bool block_has_gap(struct io_target_lower *lower, const struct block *block,
			  unsigned int offset, size_t len, bool mapped)
{
	if (likely(!lower->gap))
		return false;
	/* Pages that are mapped one behind the other may lie anywhere. */
	if (mapped && lower->gap >= PAGE_SIZE && offset + len > PAGE_SIZE)
		return true;
	return block->bytes && (block->end | offset) & lower->gap;
}

/* @joined: it lies where the last one ends, in memory that is not mapped */
static int check_segment(struct io_target_lower *lower, struct io_target_request *req,
			 struct block *block, unsigned long start, size_t len, bool mapped,
			 bool joined)
{
	unsigned int offset = offset_in_page(start);

	if (unlikely((start | len) & lower->dma_mask))
		return iot_err(req->target, -EFAULT,
			       "prep refused: memory %#lx + %zu, the device needs multiples of %u",
			       (unsigned long)offset, len, lower->dma_mask + 1);
	if (!lower->max_segments || (likely(len == req->len) && !lower->gap))
		return 0;

	if (unlikely(!joined && block_has_gap(lower, block, offset, len, mapped)))
		return iot_err(req->target, -EFAULT,
			       "prep refused: a block of memory with a gap at %#x, the device takes none",
			       offset);
	block->end = offset + len;
	block->pieces++;
	if (mapped && offset + len > PAGE_SIZE)
		block->pieces++;
	if (unlikely(block->pieces > lower->max_segments))
		return iot_err(req->target, -EFAULT,
			       "prep refused: a block of memory in more than %u pieces",
			       lower->max_segments);
	/* The rest of this piece begins the next block. */
	if (block->bytes + len >= lower->block_size)
		block->pieces = 1 + mapped;
	block->bytes = (block->bytes + len) & (lower->block_size - 1);
	if (!block->bytes)
		block->pieces = 0;
	return 0;
}

static int check_kvec(struct io_target_lower *lower, struct io_target_request *req)
{
	const struct kvec *kv = req->iter.kvec;
	size_t skip = req->iter.iov_offset;
	struct block block = { };
	size_t left = req->len;
	void *end = NULL;
	int err = 0;

	for (; left && !err; kv++, skip = 0) {
		void *start = kv->iov_base + skip;
		size_t len = min(left, kv->iov_len - skip);
		bool mapped = iot_is_mapped(start);

		if (!len)
			continue;
		if (unlikely(object_is_on_stack(start)))
			return iot_err(req->target, -EFAULT,
				       "prep refused: memory on the stack needs IO_TARGET_BOUNCE");
		if (mapped)
			req->flags |= IOT_F_VMALLOC;
		err = check_segment(lower, req, &block, (unsigned long)start, len, mapped,
				    start == end && !mapped);
		end = start + len;
		left -= len;
	}
	return err;
}

static int check_bvec(struct io_target_lower *lower, struct io_target_request *req)
{
	const struct bio_vec *bv = req->iter.bvec;
	size_t skip = req->iter.iov_offset;
	struct block block = { };
	size_t left = req->len;
	int err = 0;

	for (; left && !err; bv++, skip = 0) {
		size_t len = min_t(size_t, left, bv->bv_len - skip);

		if (!len)
			continue;
		err = check_segment(lower, req, &block, bv->bv_offset + skip, len, false, false);
		left -= len;
	}
	return err;
}

/* The device must be able to reach the caller's memory, unless it is copied. */
int iot_prep_check_memory(struct io_target_lower *lower, struct io_target_request *req)
{
	if (req->flags & IO_TARGET_BOUNCE || !iov_iter_count(&req->iter))
		return 0;
	if (iov_iter_is_bvec(&req->iter))
		return check_bvec(lower, req);
	return check_kvec(lower, req);
}
