/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Formatting what nearly all transfers are, inline for who does it for each.
 */
#ifndef _IO_TARGET_PREP_H
#define _IO_TARGET_PREP_H

#include <linux/rcupdate.h>
#include <linux/sizes.h>

#include "internal.h"

/* Against which open @req is checked. What the backend of another has left is nothing. */
static inline void iot_prep_opened(struct io_target_request *req, u32 opened)
{
	if (req->opened != opened)
		req->flags &= ~IOT_F_INITED;
	req->opened = opened;
}

/* Of these flags nothing depends on what is to be looked at. */
#define PREP_SIMPLE	(IO_TARGET_IGNORE_STATE | IO_TARGET_TASK | IO_TARGET_MERGE_OK | \
			 IO_TARGET_PREPARED)

/* In memory that needs no page table, and that the device can reach as it is. */
static __always_inline bool simple_memory(struct io_target_lower *lower, const void *buf,
					  size_t len)
{
	return iot_is_linear(buf) && len <= SZ_1G &&
	       !(((unsigned long)buf | len) & lower->dma_mask);
}

static __always_inline void simple_fill(struct io_target_request *req, enum io_target_op op,
					void *buf, size_t len, loff_t pos, unsigned int flags)
{
	req->end_io = NULL;
	req->not_sent = false;
	req->state = IOT_REQ_FORMATTED;
	req->op = op;
	req->hint = 0;
	req->ioprio = 0;
	req->ended = IOT_REQ_DONE;
	if (flags & IO_TARGET_PREPARED)
		req->ended = IOT_REQ_FORMATTED;
	req->flags = (req->flags & IOT_F_LASTING) | flags | IOT_F_ONE_PIECE;
	req->pos = pos;
	req->len = len;
	bvec_set_page(&req->bvec, virt_to_page(buf), len, offset_in_page(buf));
	/* As iov_iter_bvec(), of which this is not worth the call. */
	req->iter = (struct iov_iter){
		.iter_type	= ITER_BVEC,
		.data_source	= op == IO_TARGET_OP_WRITE ? ITER_SOURCE : ITER_DEST,
		.bvec		= &req->bvec,
		.nr_segs	= 1,
		.count		= len,
	};
}

/*
 * What nearly all transfers are: one buffer, in place, on a device that has a size. The
 * buffer is described as pages, which is what such a device wants in the end.
 * Return: false: it takes a closer look, and perhaps a word why it is refused.
 */
static __always_inline bool iot_prep_simply(struct io_target_request *req,
					    enum io_target_op op, void *buf, size_t len,
					    loff_t pos, unsigned int flags)
{
	const unsigned int access = op == IO_TARGET_OP_READ ? IO_TARGET_READ : IO_TARGET_WRITE;
	struct io_target_lower *lower;

	guard(preempt)();
	lower = rcu_dereference_sched(req->target->lower);
	if (unlikely(!lower || flags & ~PREP_SIMPLE || !len ||
		     !iot_in_place(lower, pos | (len & (lower->block_size - 1)), len) ||
		     !(lower->flags & access) || !simple_memory(lower, buf, len)))
		return false;
	/* The device may have become read-only only now. */
	if (op == IO_TARGET_OP_WRITE &&
	    (!lower->backend->may_write || !lower->backend->may_write(lower)))
		return false;
	iot_prep_opened(req, lower->opened);
	simple_fill(req, op, buf, len, pos, flags);
	return true;
}

/* prep_memory.c */
int iot_prep_check_memory(struct io_target_lower *lower, struct io_target_request *req);

#endif /* _IO_TARGET_PREP_H */
