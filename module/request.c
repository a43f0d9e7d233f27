// SPDX-License-Identifier: GPL-2.0
/*
 * The request: made, formatted, gated, and ended exactly once.
 *
 * A plain request has one possible finisher, the backend, so its state is
 * moved by plain stores: by its owner up to FORMATTED, by submit to SENT, by
 * the backend's one iot_request_end() to DONE. Where a second finisher exists
 * (a carrier and its waiter) lower->lock decides, see carrier.c.
 */
#include <linux/export.h>
#include <linux/rcupdate.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>

#include "internal.h"

/**
 * io_target_request_init - make an embedded request ready for prep
 * @req: memory of the caller's, for instance inside his own structure
 * @target: where it will be sent; the caller keeps a reference on it for as
 *	long as he uses @req
 *
 * Context: any.
 */
void io_target_request_init(struct io_target_request *req, struct io_target *target)
{
	memset(req, 0, sizeof(*req));
	req->target = target;
	INIT_LIST_HEAD(&req->node);
}
EXPORT_SYMBOL_GPL(io_target_request_init);

/**
 * io_target_request_alloc - take a request from the target's pool
 * @target: where it will be sent
 * @gfp: with __GFP_DIRECT_RECLAIM the call waits for one of the reserved
 *	requests to come back rather than fail
 *
 * Context: as @gfp says.
 * Return: an idle request, to be given back with io_target_request_free(); NULL
 * when there is no memory and @gfp does not let it wait.
 */
struct io_target_request *io_target_request_alloc(struct io_target *target, gfp_t gfp)
{
	struct io_target_request *req = mempool_alloc(&target->requests, gfp);

	if (!req)
		return NULL;
	io_target_request_init(req, target);
	req->flags = IOT_F_POOL;
	return req;
}
EXPORT_SYMBOL_GPL(io_target_request_alloc);

/* Does the request belong to its caller, rather than to the library? */
bool iot_request_owned(const struct io_target_request *req)
{
	unsigned int state = READ_ONCE(req->state);

	return state != IOT_REQ_QUEUED && state != IOT_REQ_SENT;
}

bool io_target_request_pending(const struct io_target_request *req)
{
	return !iot_request_owned(req);
}
EXPORT_SYMBOL_GPL(io_target_request_pending);

static int refuse_outstanding(struct io_target_request *req, const char *what)
{
	return iot_refuse(req->target, -EBUSY, "%s refused: the request is outstanding", what);
}

/* Forgets everything of the last use, so that nothing leaks into the next. */
static void request_reset(struct io_target_request *req)
{
	if (req->carrier) {
		iot_carrier_put(req->carrier);
		req->carrier = NULL;
	}
	req->end_io = NULL;
	req->result = 0;
	req->status = BLK_STS_OK;
	req->not_sent = false;
	req->state = IOT_REQ_IDLE;
	req->op = IO_TARGET_OP_NONE;
	req->flags &= IOT_F_POOL;
	req->lower = NULL;
}

/**
 * io_target_request_reinit - make a request idle again
 * @req: idle, formatted or done
 *
 * Clears results, end_io, flags and format; keeps @req->private and the
 * memory. Never needed between two preps, which do the same.
 *
 * Context: any, its own end_io included.
 * Return: 0, or -EBUSY when @req is outstanding, which is not disturbed.
 */
int io_target_request_reinit(struct io_target_request *req)
{
	if (unlikely(!iot_request_owned(req)))
		return refuse_outstanding(req, "reinit");
	request_reset(req);
	return 0;
}
EXPORT_SYMBOL_GPL(io_target_request_reinit);

/**
 * io_target_request_free - give a request back to its pool
 * @req: from io_target_request_alloc(), or NULL. An embedded request has no
 *	pool; freeing it does what reinit does, after which its memory may go
 *
 * Context: any, its own end_io included.
 * Return: 0, or -EBUSY when @req is outstanding, which is not disturbed.
 */
int io_target_request_free(struct io_target_request *req)
{
	if (!req)
		return 0;
	if (unlikely(!iot_request_owned(req)))
		return refuse_outstanding(req, "free");
	request_reset(req);
	if (req->flags & IOT_F_POOL)
		mempool_free(req, &req->target->requests);
	return 0;
}
EXPORT_SYMBOL_GPL(io_target_request_free);

static int prep_begin(struct io_target_request *req, enum io_target_op op, loff_t pos,
		      u64 len, unsigned int flags)
{
	if (unlikely(!iot_request_owned(req)))
		return refuse_outstanding(req, "prep");
	request_reset(req);
	if (unlikely(flags & ~IOT_F_PUBLIC))
		return iot_refuse(req->target, -EINVAL, "prep refused: unknown flags %#x",
				  flags & ~IOT_F_PUBLIC);
	req->op = op;
	req->pos = pos;
	req->len = len;
	req->flags |= flags;
	return 0;
}

static int check_segment(struct io_target_lower *lower, struct io_target_request *req,
			 unsigned long start, size_t len)
{
	if (unlikely((start | len) & lower->dma_mask))
		return iot_refuse(req->target, -EFAULT,
				  "prep refused: memory %#lx + %zu, the device needs multiples of %u",
				  offset_in_page(start), len, lower->dma_mask + 1);
	return 0;
}

static int check_kvec(struct io_target_lower *lower, struct io_target_request *req)
{
	const struct kvec *kv = req->iter.kvec;
	size_t skip = req->iter.iov_offset;
	size_t left = req->len;
	int err = 0;

	for (; left && !err; kv++) {
		void *start = kv->iov_base + skip;
		size_t len = min(left, kv->iov_len - skip);

		if (unlikely(object_is_on_stack(start)))
			return iot_refuse(req->target, -EFAULT,
					  "prep refused: memory on the stack needs IO_TARGET_BOUNCE");
		if (iot_is_mapped(start))
			req->flags |= IOT_F_VMALLOC;
		err = check_segment(lower, req, (unsigned long)start, len);
		left -= len;
		skip = 0;
	}
	return err;
}

static int check_bvec(struct io_target_lower *lower, struct io_target_request *req)
{
	const struct bio_vec *bv = req->iter.bvec;
	size_t skip = req->iter.iov_offset;
	size_t left = req->len;
	int err = 0;

	for (; left && !err; bv++) {
		size_t len = min_t(size_t, left, bv->bv_len - skip);

		err = check_segment(lower, req, bv->bv_offset + skip, len);
		left -= len;
		skip = 0;
	}
	return err;
}

/* The device must be able to reach the caller's memory, unless it is copied. */
static int check_memory(struct io_target_lower *lower, struct io_target_request *req)
{
	if (req->flags & IO_TARGET_BOUNCE || !iov_iter_count(&req->iter))
		return 0;
	if (iov_iter_is_bvec(&req->iter))
		return check_bvec(lower, req);
	return check_kvec(lower, req);
}

static int check_access(struct io_target_lower *lower, struct io_target_request *req)
{
	struct io_target *t = req->target;

	if (req->op == IO_TARGET_OP_READ) {
		if (!(lower->flags & IO_TARGET_READ))
			return iot_refuse(t, -EBADF, "read refused: opened for writing only");
		if (req->flags & (IO_TARGET_FUA | IO_TARGET_PREFLUSH))
			return iot_refuse(t, -EINVAL, "read refused: FUA and PREFLUSH are for writes");
	} else if (req->op != IO_TARGET_OP_FLUSH && !(lower->flags & IO_TARGET_WRITE)) {
		return iot_refuse(t, -EROFS, "write refused: opened for reading only");
	}
	return 0;
}

/* What holds for every backend; the rest is the backend's to check. */
static int check_request(struct io_target_lower *lower, struct io_target_request *req)
{
	struct io_target *t = req->target;

	if (req->pos < 0 || req->len > S64_MAX - req->pos)
		return iot_refuse(t, -EOVERFLOW, "prep refused: offset %lld + length %llu",
				  req->pos, req->len);
	if (lower->stream && req->pos)
		return iot_refuse(t, -ESPIPE, "prep refused: offset %lld on a stream", req->pos);
	if (req->flags & IO_TARGET_BOUNCE && req->len > IO_TARGET_BOUNCE_MAX &&
	    iov_iter_count(&req->iter))
		return iot_refuse(t, -EMSGSIZE, "prep refused: BOUNCE carries at most %u bytes, not %llu",
				  IO_TARGET_BOUNCE_MAX, req->len);
	return check_access(lower, req) ?: lower->backend->check(lower, req) ?:
	       check_memory(lower, req);
}

static int prep_check(struct io_target_request *req)
{
	struct io_target_lower *lower;

	guard(rcu)();
	lower = rcu_dereference(req->target->lower);
	if (unlikely(!lower))
		return iot_refuse(req->target, -ENODEV, "prep refused: the target is closed");
	req->opened = lower->opened;
	return check_request(lower, req);
}

static int prep_finish(struct io_target_request *req)
{
	int err = prep_check(req);

	if (unlikely(err))
		goto err_reset;
	if (unlikely(req->flags & IO_TARGET_BOUNCE)) {
		req->carrier = iot_carrier_alloc(req);
		if (!req->carrier) {
			err = -ENOMEM;
			goto err_reset;
		}
	}
	req->state = IOT_REQ_FORMATTED;
	return 0;

err_reset:
	request_reset(req);
	return err;
}

static int refuse_op(struct io_target_request *req, enum io_target_op op)
{
	return iot_refuse(req->target, -EINVAL, "prep refused: operation %d takes no such form",
			  op);
}

/**
 * io_target_prep_rw - format a request to read or write
 * @req: idle, formatted or done
 * @op: IO_TARGET_OP_READ or IO_TARGET_OP_WRITE
 * @iter: of kvec or bvec, ITER_DEST for reads and ITER_SOURCE for writes. It is
 *	copied; the table that it points to must stay until the request has ended.
 *	Any length; on block devices a zero length ends well without I/O
 * @pos: byte offset, 0 for streams
 * @flags: IO_TARGET_FUA, IO_TARGET_PREFLUSH, IO_TARGET_NOWAIT,
 *	IO_TARGET_BOUNCE, IO_TARGET_IGNORE_STATE
 *
 * Everything that can be known to be wrong is refused here, with one line in
 * the log. end_io is to be set after prep, which clears it.
 *
 * Context: any; process context with IO_TARGET_BOUNCE, which allocates memory
 * with GFP_NOIO.
 * Return: 0, and then @req can be submitted. -EBUSY: @req is outstanding.
 * -ENODEV: the target is closed. -EINVAL: unknown flags, wrong direction or
 * kind of @iter, offset or length not a multiple of the logical block size.
 * -EFAULT: memory on the stack, or not aligned as the device needs it.
 * -EOVERFLOW: negative offset, or end not representable. -ENXIO: beyond the end
 * of the device. -EROFS: write to what is read-only or was not opened for
 * writing. -EBADF: read of what was not opened for reading. -EOPNOTSUPP: the
 * device cannot do @op or @flags. -ESPIPE: an offset on a stream. -EMSGSIZE:
 * over IO_TARGET_BOUNCE_MAX with BOUNCE. -ENOMEM: no bounce buffer.
 */
int io_target_prep_rw(struct io_target_request *req, enum io_target_op op,
		      const struct iov_iter *iter, loff_t pos, unsigned int flags)
{
	bool write = op == IO_TARGET_OP_WRITE;
	int err;

	err = prep_begin(req, op, pos, iov_iter_count(iter), flags);
	if (unlikely(err))
		return err;
	if (unlikely(!write && op != IO_TARGET_OP_READ))
		return refuse_op(req, op);
	if (unlikely(!iov_iter_is_kvec(iter) && !iov_iter_is_bvec(iter)))
		return iot_refuse(req->target, -EINVAL,
				  "prep refused: the iov_iter is neither kvec nor bvec");
	if (unlikely(iov_iter_rw(iter) != (write ? WRITE : READ)))
		return iot_refuse(req->target, -EINVAL,
				  "prep refused: the iov_iter has the wrong direction");
	req->iter = *iter;
	return prep_finish(req);
}
EXPORT_SYMBOL_GPL(io_target_prep_rw);

/**
 * io_target_prep_rw_buf - format a request to read or write one buffer
 * @req: idle, formatted or done
 * @op: IO_TARGET_OP_READ or IO_TARGET_OP_WRITE
 * @buf: kmalloc or vmalloc memory; the stack only with IO_TARGET_BOUNCE
 * @len: bytes
 * @pos: byte offset, 0 for streams
 * @flags: as for io_target_prep_rw()
 *
 * Context: as for io_target_prep_rw().
 * Return: as io_target_prep_rw().
 */
int io_target_prep_rw_buf(struct io_target_request *req, enum io_target_op op,
			  void *buf, size_t len, loff_t pos, unsigned int flags)
{
	int err = prep_begin(req, op, pos, len, flags);

	if (unlikely(err))
		return err;
	if (unlikely(op != IO_TARGET_OP_READ && op != IO_TARGET_OP_WRITE))
		return refuse_op(req, op);
	req->kvec.iov_base = buf;
	req->kvec.iov_len = len;
	iov_iter_kvec(&req->iter, op == IO_TARGET_OP_WRITE ? ITER_SOURCE : ITER_DEST,
		      &req->kvec, 1, len);
	return prep_finish(req);
}
EXPORT_SYMBOL_GPL(io_target_prep_rw_buf);

/**
 * io_target_prep_rw_page - format a request to read or write a page or folio
 * @req: idle, formatted or done
 * @op: IO_TARGET_OP_READ or IO_TARGET_OP_WRITE
 * @page: first page of physically contiguous memory; the caller holds a
 *	reference until the request has ended
 * @offset: byte offset from the start of @page
 * @len: bytes, less than 4 GiB
 * @pos: byte offset on the device, 0 for streams
 * @flags: as for io_target_prep_rw()
 *
 * Context: as for io_target_prep_rw().
 * Return: as io_target_prep_rw(); also -EMSGSIZE for @len of 4 GiB or more.
 */
int io_target_prep_rw_page(struct io_target_request *req, enum io_target_op op,
			   struct page *page, size_t offset, size_t len, loff_t pos,
			   unsigned int flags)
{
	int err = prep_begin(req, op, pos, len, flags);

	if (unlikely(err))
		return err;
	if (unlikely(op != IO_TARGET_OP_READ && op != IO_TARGET_OP_WRITE))
		return refuse_op(req, op);
	if (unlikely(len > U32_MAX))
		return iot_refuse(req->target, -EMSGSIZE, "prep refused: %zu bytes in one folio",
				  len);
	bvec_set_page(&req->bvec, pfn_to_page(page_to_pfn(page) + (offset >> PAGE_SHIFT)), len,
		      offset_in_page(offset));
	iov_iter_bvec(&req->iter, op == IO_TARGET_OP_WRITE ? ITER_SOURCE : ITER_DEST,
		      &req->bvec, 1, len);
	return prep_finish(req);
}
EXPORT_SYMBOL_GPL(io_target_prep_rw_page);

/**
 * io_target_prep_range - format a request without data
 * @req: idle, formatted or done
 * @op: IO_TARGET_OP_FLUSH, IO_TARGET_OP_DISCARD or IO_TARGET_OP_WRITE_ZEROES
 * @pos: byte offset; 0 for flush
 * @len: bytes, any number; 0 for flush
 * @flags: IO_TARGET_BOUNCE (it can end at its timeout), IO_TARGET_IGNORE_STATE;
 *	IO_TARGET_FUA for WRITE_ZEROES
 *
 * A flush covers all writes that had ended when it was submitted.
 *
 * Context: as for io_target_prep_rw().
 * Return: as io_target_prep_rw().
 */
int io_target_prep_range(struct io_target_request *req, enum io_target_op op,
			 loff_t pos, u64 len, unsigned int flags)
{
	int err = prep_begin(req, op, pos, len, flags);

	if (unlikely(err))
		return err;
	if (unlikely(op != IO_TARGET_OP_FLUSH && op != IO_TARGET_OP_DISCARD &&
		     op != IO_TARGET_OP_WRITE_ZEROES))
		return refuse_op(req, op);
	if (unlikely(op == IO_TARGET_OP_FLUSH && (pos || len)))
		return iot_refuse(req->target, -EINVAL, "flush refused: it has no range");
	if (unlikely(flags & (IO_TARGET_PREFLUSH | IO_TARGET_NOWAIT) ||
		     (flags & IO_TARGET_FUA && op != IO_TARGET_OP_WRITE_ZEROES)))
		return iot_refuse(req->target, -EINVAL, "prep refused: flags %#x", flags);
	iov_iter_kvec(&req->iter, ITER_SOURCE, NULL, 0, 0);
	return prep_finish(req);
}
EXPORT_SYMBOL_GPL(io_target_prep_range);

static struct percpu_ref *request_gate(const struct io_target_request *req)
{
	return unlikely(req->flags & IO_TARGET_IGNORE_STATE) ? &req->target->ungated :
							       &req->target->gated;
}

static int refuse_unformatted(struct io_target_request *req)
{
	if (!iot_request_owned(req))
		return refuse_outstanding(req, "submit");
	return iot_refuse(req->target, -EINVAL, "submit refused: the request is not formatted");
}

/* On success the request is the library's and holds its gate until it has ended. */
static int request_accept(struct io_target_request *req)
{
	struct io_target *t = req->target;
	struct percpu_ref *gate = request_gate(req);
	struct io_target_lower *lower;

	if (unlikely(req->state != IOT_REQ_FORMATTED))
		return refuse_unformatted(req);
	if (unlikely(!req->end_io && !(req->flags & IOT_F_POOL)))
		return iot_refuse(t, -EINVAL, "submit refused: an embedded request without end_io");
	if (unlikely(!percpu_ref_tryget_live(gate)))
		return iot_refuse(t, -ENODEV, "submit refused: the target is closed");

	/* The gate keeps it open. */
	lower = rcu_dereference_protected(t->lower, true);
	if (unlikely(lower->opened != req->opened)) {
		percpu_ref_put(gate);
		return iot_refuse(t, -ESTALE, "submit refused: reopened since prep");
	}
	req->lower = lower;
	WRITE_ONCE(req->state, IOT_REQ_SENT);
	this_cpu_inc(t->stats->submitted);
	return 0;
}

/**
 * io_target_submit - send a request without waiting for it
 * @req: formatted, with end_io set
 *
 * On block devices the call may sleep in the block layer (for a tag, for
 * memory), as submit_bio() does; on char devices and files it never waits for
 * the driver. end_io may be called before it returns.
 *
 * Context: process context. From end_io or any atomic context use
 * io_target_submit_atomic().
 * Return: 0, and end_io will be called exactly once, or has been. Otherwise it
 * never will: -EBUSY: @req is outstanding already, which is not disturbed.
 * -EINVAL: not formatted, or embedded without end_io. -ENODEV: the target is
 * closed. -ESTALE: closed and opened again since prep.
 */
int io_target_submit(struct io_target_request *req)
{
	int err = request_accept(req);

	if (unlikely(err))
		return err;
	if (unlikely(req->carrier))
		iot_carrier_submit(req);
	else
		req->lower->backend->submit(req);
	return 0;
}
EXPORT_SYMBOL_GPL(io_target_submit);

/**
 * io_target_submit_atomic - send a request from any context
 * @req: formatted, with end_io set
 *
 * A worker sends it, in the order of these calls. The way to send from an
 * end_io, however that was called, without recursion.
 *
 * Context: any; process context for a BOUNCE write, whose data is copied here.
 * Return: as io_target_submit().
 */
int io_target_submit_atomic(struct io_target_request *req)
{
	int err = request_accept(req);

	if (unlikely(err))
		return err;
	if (unlikely(req->carrier))
		iot_carrier_submit(req);
	else
		iot_lower_queue(req);
	return 0;
}
EXPORT_SYMBOL_GPL(io_target_submit_atomic);

/*
 * The last step of every request, in the context of its finisher. After end_io
 * has been called @req may be gone; the gate, put last, keeps the target.
 */
void iot_request_finish(struct io_target_request *req, ssize_t result,
			blk_status_t status)
{
	struct percpu_ref *gate = request_gate(req);
	struct io_target *t = req->target;

	if (unlikely(req->carrier)) {
		iot_carrier_put(req->carrier);
		req->carrier = NULL;
	}
	req->result = result;
	req->status = status;
	WRITE_ONCE(req->state, IOT_REQ_DONE);
	this_cpu_inc(t->stats->completed);
	if (likely(req->end_io))
		req->end_io(req);
	else
		io_target_request_free(req);
	percpu_ref_put(gate);
}

/*
 * For backends: the device has answered. @result is bytes or negative errno.
 * Context: any; not to be called with a lock held that end_io might want.
 */
void iot_request_end(struct io_target_request *req, ssize_t result, blk_status_t status)
{
	if (unlikely(req->flags & IOT_F_CARRIED))
		iot_carrier_end(req, result, status);
	else
		iot_request_finish(req, result, status);
}
IOT_EXPORT_FOR_TESTS(iot_request_end);
