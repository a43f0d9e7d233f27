// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints themselves, and those calls of them that lie on the way of every
 * request: out of line, so that a disabled one costs that way no more than its nop.
 */
#include <linux/bio.h>

#include "forward.h"
#include "stats.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

void __iot_trace_submit(struct io_target_request *req)
{
	trace_submit(req, req);
}

void __iot_trace_complete(struct io_target_request *req)
{
	trace_complete(req, req);
}

/* @req looks like @bio to an event, which is given the address of the bio besides. */
static void describe(struct io_target_request *req, struct io_target *t, struct bio *bio)
{
	int err = blk_status_to_errno(bio->bi_status);

	*req = (struct io_target_request){
		.target	= t,
		.op	= iot_forward_op(bio),
		.pos	= (loff_t)bio->bi_iter.bi_sector << SECTOR_SHIFT,
		.len	= bio->bi_iter.bi_size,
		.flags	= (bio->bi_opf & REQ_FUA ? IO_TARGET_FUA : 0) |
			  (bio->bi_opf & REQ_PREFLUSH ? IO_TARGET_PREFLUSH : 0) |
			  (bio->bi_opf & REQ_NOWAIT ? IO_TARGET_NOWAIT : 0),
		.result	= err ? err : bio_has_data(bio) ? (s64)bio->bi_iter.bi_size : 0,
		.status	= bio->bi_status,
	};
}

void __iot_trace_submit_bio(struct io_target *t, struct bio *bio)
{
	struct io_target_request req;

	describe(&req, t, bio);
	trace_submit(&req, bio);
}

void __iot_trace_pend_bio(struct io_target *t, struct bio *bio)
{
	struct io_target_request req;

	describe(&req, t, bio);
	trace_pend(&req, bio);
}

void __iot_trace_complete_bio(struct io_target *t, struct bio *bio, bool not_sent)
{
	struct io_target_request req;

	describe(&req, t, bio);
	req.not_sent = not_sent;
	trace_complete(&req, bio);
}

#if IS_ENABLED(CONFIG_IO_TARGET_KUNIT_TEST)
EXPORT_TRACEPOINT_SYMBOL_GPL(open);
EXPORT_TRACEPOINT_SYMBOL_GPL(state);
EXPORT_TRACEPOINT_SYMBOL_GPL(remove);
EXPORT_TRACEPOINT_SYMBOL_GPL(submit);
EXPORT_TRACEPOINT_SYMBOL_GPL(pend);
EXPORT_TRACEPOINT_SYMBOL_GPL(complete);
EXPORT_TRACEPOINT_SYMBOL_GPL(cancel);
EXPORT_TRACEPOINT_SYMBOL_GPL(deadline);
EXPORT_TRACEPOINT_SYMBOL_GPL(orphan);
#endif
