// SPDX-License-Identifier: GPL-2.0
/*
 * Formatting a request: what is to be done, with which memory, and everything
 * that can be known to be wrong with it before anything is sent.
 */
#include <linux/export.h>
#include <linux/rcupdate.h>

#include "prep.h"
#include "verify.h"

#define PREP_RARE	(IO_TARGET_PREPARED | IOT_F_POLLED | IO_TARGET_FULL | IO_TARGET_USER_PTR)

/*
 * A carrier is for one use. What is polled for must be one transfer, with nothing
 * before or after it that would have to be polled for, too.
 */
static bool prep_refuses(enum io_target_op op, unsigned int flags)
{
	if (flags & IO_TARGET_BOUNCE && flags & (IO_TARGET_PREPARED | IOT_F_POLLED))
		return true;
	if (flags & IO_TARGET_NOWAIT && flags & (IO_TARGET_FULL | IO_TARGET_USER_PTR))
		return true;
	if (flags & IOT_F_POLLED && flags & (IO_TARGET_FUA | IO_TARGET_PREFLUSH))
		return true;
	return flags & (IOT_F_POLLED | IO_TARGET_FULL | IO_TARGET_USER_PTR) &&
	       op != IO_TARGET_OP_READ && op != IO_TARGET_OP_WRITE;
}

int iot_prep_begin(struct io_target_request *req, enum io_target_op op, loff_t pos, u64 len,
		   unsigned int flags)
{
	int err = iot_verify_request(req, "prep");

	if (err)
		return err;
	if (unlikely(!iot_request_owned(req)))
		return iot_request_busy(req, "prep");
	iot_request_reset(req);
	if (unlikely(flags & ~IOT_F_PUBLIC))
		return iot_err(req->target, -EINVAL, "prep refused: flags %#x", flags);
	if (unlikely(flags & PREP_RARE) && prep_refuses(op, flags))
		return iot_err(req->target, -EINVAL, "prep refused: flags %#x together", flags);
	req->op = op;
	req->pos = pos;
	req->len = len;
	req->flags |= flags;
	if (unlikely(op == IO_TARGET_OP_ZONE_APPEND))
		req->flags = (req->flags & ~IO_TARGET_MERGE_OK) | IOT_F_APPEND;
	if (flags & IO_TARGET_PREPARED)
		req->ended = IOT_REQ_FORMATTED;
	return 0;
}

static int check_access(struct io_target_lower *lower, struct io_target_request *req)
{
	struct io_target *t = req->target;

	if (req->op == IO_TARGET_OP_IOCTL)
		return 0;
	if (req->op == IO_TARGET_OP_READ) {
		if (!(lower->flags & IO_TARGET_READ))
			return iot_err(t, -EBADF, "read refused: opened for writing only");
		if (req->flags & (IO_TARGET_FUA | IO_TARGET_PREFLUSH))
			return iot_err(t, -EINVAL, "read refused: FUA or PREFLUSH");
	} else if (req->op != IO_TARGET_OP_FLUSH && !(lower->flags & IO_TARGET_WRITE)) {
		return iot_err(t, -EROFS, "write refused: opened for reading only");
	}
	return 0;
}

/* What holds for every device. */
static int check_request(struct io_target_request *req)
{
	struct io_target *t = req->target;

	if (req->pos < 0 || req->len > S64_MAX - req->pos)
		return iot_err(t, -EOVERFLOW, "prep refused: offset %lld + length %llu",
				  req->pos, req->len);
	if (req->flags & IO_TARGET_BOUNCE && req->len > IO_TARGET_BOUNCE_MAX &&
	    iov_iter_count(&req->iter))
		return iot_err(t, -EMSGSIZE, "prep refused: BOUNCE carries %u bytes, not %llu",
				  IO_TARGET_BOUNCE_MAX, req->len);
	return 0;
}

/* Of a call that is passed on, the driver looks at the rest. */
static int check_pass(struct io_target_lower *lower, struct io_target_request *req)
{
	if (!lower->backend->file)
		return iot_err(req->target, -EOPNOTSUPP, "forward refused: not a char device");
	return req->op == IO_TARGET_OP_NONE ? 0 : check_access(lower, req);
}

/* Has the device the way that the request is to go? */
static int check_way(struct io_target_lower *lower, struct io_target_request *req)
{
	if (likely(!(req->flags & (IO_TARGET_POLLED | IO_TARGET_USER_PTR))))
		return 0;
	if (req->flags & IO_TARGET_POLLED && !lower->polls)
		return iot_err(req->target, -EOPNOTSUPP, "POLLED refused: the device cannot");
	if (req->flags & IO_TARGET_USER_PTR && !(lower->flags & IO_TARGET_USER_BOUNCE))
		return iot_err(req->target, -EOPNOTSUPP,
			       "USER_PTR refused: not opened with USER_BOUNCE");
	return 0;
}

/* What holds for the device that is open; the rest is the backend's to check. */
static int check_lower(struct io_target_lower *lower, struct io_target_request *req)
{
	/* An ioctl is one for devices, too, whose calls are not passed on. */
	if (unlikely(req->flags & IOT_F_PASS && req->op != IO_TARGET_OP_IOCTL))
		return check_pass(lower, req);
	if (lower->stream && req->pos && req->op != IO_TARGET_OP_IOCTL)
		return iot_err(req->target, -ESPIPE, "prep refused: offset %lld on a stream",
			       req->pos);
	return check_way(lower, req) ?: check_access(lower, req) ?:
	       lower->backend->check(lower, req) ?: iot_prep_check_memory(lower, req);
}

/* Of a suspended target there is no device to check against before it is sent. */
static int check_suspended(struct io_target_request *req)
{
	struct io_target *t = req->target;

	if (io_target_state(t) == IO_TARGET_CLOSED)
		return iot_err(t, -ENODEV, "prep refused: the target is closed");
	iot_prep_opened(req, READ_ONCE(t->session));
	return check_request(req);
}

/* A disk that has gone says that it ends at 0, which is not the reason. */
static int prep_refused(struct io_target_lower *lower, struct io_target_request *req, int err)
{
	struct io_target *t = req->target;

	iot_lower_failed(lower, 0);
	if (READ_ONCE(t->lost))
		return check_suspended(req);
	if (io_target_state(t) == IO_TARGET_REMOVED)
		return iot_err(t, -ENODEV, "prep refused: the device has been removed");
	return err;
}

int iot_prep_check(struct io_target_request *req)
{
	struct io_target_lower *lower;
	int err;

	guard(rcu)();
	lower = rcu_dereference(req->target->lower);
	if (unlikely(!lower))
		return check_suspended(req);
	iot_prep_opened(req, lower->opened);
	err = check_request(req) ?: check_lower(lower, req);
	return unlikely(err) ? prep_refused(lower, req, err) : 0;
}

/* Since the target was opened, as opposed to reopened? */
bool iot_prepared_for(const struct io_target_request *req, u32 session)
{
	return (s32)(req->opened - session) >= 0;
}

/* The slow part of iot_prep_recheck(). */
int __iot_prep_recheck(struct io_target_request *req, struct io_target_lower *lower)
{
	struct io_target *t = req->target;
	int err;

	if (!iot_prepared_for(req, READ_ONCE(t->session)))
		return iot_err(t, -ESTALE, "submit refused: closed and opened since prep");
	if (req->opened != lower->opened)
		req->flags &= ~(IOT_F_VMALLOC | IOT_F_BUILT | IOT_F_INITED);
	err = check_request(req) ?: check_lower(lower, req);
	if (!err)
		req->opened = lower->opened;
	return err;
}

/* As prep, all but for the memory: for transfers that are made piece by piece. */
int iot_check_range(struct io_target *t, enum io_target_op op, loff_t pos, u64 len)
{
	struct io_target_request req = {
		.target = t,
		.op = op,
		.pos = pos,
		.len = len,
	};

	iov_iter_kvec(&req.iter, iot_op_sends(op) ? ITER_SOURCE : ITER_DEST, NULL, 0, 0);
	return iot_prep_check(&req);
}

int iot_prep_finish(struct io_target_request *req)
{
	int err = iot_prep_check(req);

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
	iot_request_reset(req);
	return err;
}

/**
 * __io_target_set_pos - why io_target_request_set_pos() refuses
 * @req: the request
 *
 * For that inline function alone.
 *
 * Context: any.
 * Return: -EBUSY or -EINVAL.
 */
int __io_target_set_pos(struct io_target_request *req)
{
	if (!iot_request_owned(req))
		return iot_request_busy(req, "set_pos");
	return iot_err(req->target, -EINVAL, "set_pos refused: the request is not prepared");
}
EXPORT_SYMBOL_GPL(__io_target_set_pos);

int iot_prep_refuse_op(struct io_target_request *req, enum io_target_op op)
{
	return iot_err(req->target, -EINVAL, "prep refused: operation %d takes no such form",
			  op);
}

/**
 * io_target_prep_rw - format a request to read or write
 * @req: idle, formatted or done
 * @op: IO_TARGET_OP_READ, IO_TARGET_OP_WRITE or IO_TARGET_OP_ZONE_APPEND
 * @iter: of kvec or bvec, ITER_DEST for reads and ITER_SOURCE for writes. It is
 *	copied; the table that it points to must stay until the request has ended.
 *	Any length; on block devices a zero length ends well without I/O
 * @pos: byte offset, 0 for streams
 * @flags: IO_TARGET_FUA, IO_TARGET_PREFLUSH, IO_TARGET_NOWAIT,
 *	IO_TARGET_BOUNCE, IO_TARGET_IGNORE_STATE, IO_TARGET_TASK, IO_TARGET_MERGE_OK,
 *	IO_TARGET_POLLED, IO_TARGET_TRY_POLLED, IO_TARGET_PREPARED, IO_TARGET_FULL,
 *	IO_TARGET_USER_PTR. BOUNCE goes with neither PREPARED nor a polled one, FUA and
 *	PREFLUSH with none of the polled ones, NOWAIT with neither FULL nor USER_PTR
 *
 * Everything that can be known to be wrong is refused here, with one line in
 * the log. end_io is to be set after prep, which clears it.
 *
 * Context: any; process context with IO_TARGET_BOUNCE, which allocates memory
 * with GFP_NOIO.
 * Return: 0, and then @req can be submitted. -EBUSY: @req is outstanding.
 * -ENODEV: the target is closed. -EINVAL: unknown flags, or some that do not go
 * together, wrong direction or kind of @iter, offset or length not a multiple of the
 * logical block size. -EFAULT: memory on the stack, not aligned as the device needs it,
 * or so crumbled that the device cannot take a block of it at once (BOUNCE copies it).
 * -EOVERFLOW: negative offset, or end not representable. -ENXIO: beyond the end
 * of the device. -EROFS: write to what is read-only or was not opened for
 * writing. -EBADF: read of what was not opened for reading. -EOPNOTSUPP: the
 * device cannot do @op or @flags. -ESPIPE: an offset on a stream. -EMSGSIZE:
 * over IO_TARGET_BOUNCE_MAX with BOUNCE, or, with NOWAIT, more than a disk takes at once.
 * -ENOMEM: no bounce buffer.
 */
int io_target_prep_rw(struct io_target_request *req, enum io_target_op op,
		      const struct iov_iter *iter, loff_t pos, unsigned int flags)
{
	bool write = iot_op_sends(op);
	int err;

	err = iot_prep_begin(req, op, pos, iov_iter_count(iter), flags);
	if (unlikely(err))
		return err;
	if (unlikely(!write && op != IO_TARGET_OP_READ))
		return iot_prep_refuse_op(req, op);
	if (unlikely(!iov_iter_is_kvec(iter) && !iov_iter_is_bvec(iter)))
		return iot_err(req->target, -EINVAL,
				  "prep refused: the iov_iter is neither kvec nor bvec");
	if (unlikely(iov_iter_rw(iter) != (write ? WRITE : READ)))
		return iot_err(req->target, -EINVAL,
				  "prep refused: the iov_iter has the wrong direction");
	req->iter = *iter;
	return iot_prep_finish(req);
}
EXPORT_SYMBOL_GPL(io_target_prep_rw);

static bool prep_is_new(const struct io_target_request *req)
{
	return iot_request_owned(req) && !req->carrier;
}

static noinline int prep_rw_buf(struct io_target_request *req, enum io_target_op op,
				void *buf, size_t len, loff_t pos, unsigned int flags)
{
	int err = iot_prep_begin(req, op, pos, len, flags);

	if (unlikely(err))
		return err;
	if (unlikely(op != IO_TARGET_OP_READ && !iot_op_sends(op)))
		return iot_prep_refuse_op(req, op);
	req->kvec.iov_base = buf;
	req->kvec.iov_len = len;
	iov_iter_kvec(&req->iter, iot_op_sends(op) ? ITER_SOURCE : ITER_DEST,
		      &req->kvec, 1, len);
	return iot_prep_finish(req);
}

/* Apart from reads, which have no need to ask whether they may. */
static noinline int prep_write_buf(struct io_target_request *req, enum io_target_op op,
				   void *buf, size_t len, loff_t pos, unsigned int flags)
{
	if (likely(op == IO_TARGET_OP_WRITE && prep_is_new(req) &&
		   iot_prep_simply(req, IO_TARGET_OP_WRITE, buf, len, pos, flags)))
		return 0;
	return prep_rw_buf(req, op, buf, len, pos, flags);
}

/**
 * io_target_prep_rw_buf - format a request to read or write one buffer
 * @req: idle, formatted or done
 * @op: IO_TARGET_OP_READ, IO_TARGET_OP_WRITE or IO_TARGET_OP_ZONE_APPEND
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
	int err = iot_verify_request(req, "prep");

	if (unlikely(err))
		return err;
	if (unlikely(op != IO_TARGET_OP_READ))
		return prep_write_buf(req, op, buf, len, pos, flags);
	if (likely(prep_is_new(req) &&
		   iot_prep_simply(req, IO_TARGET_OP_READ, buf, len, pos, flags)))
		return 0;
	return prep_rw_buf(req, op, buf, len, pos, flags);
}
EXPORT_SYMBOL_GPL(io_target_prep_rw_buf);

/**
 * io_target_prep_rw_page - format a request to read or write a page or folio
 * @req: idle, formatted or done
 * @op: IO_TARGET_OP_READ, IO_TARGET_OP_WRITE or IO_TARGET_OP_ZONE_APPEND
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
	int err = iot_prep_begin(req, op, pos, len, flags);

	if (unlikely(err))
		return err;
	if (unlikely(op != IO_TARGET_OP_READ && !iot_op_sends(op)))
		return iot_prep_refuse_op(req, op);
	if (unlikely(len > U32_MAX))
		return iot_err(req->target, -EMSGSIZE, "prep refused: %zu bytes in one folio",
				  len);
	bvec_set_page(&req->bvec, pfn_to_page(page_to_pfn(page) + (offset >> PAGE_SHIFT)), len,
		      offset_in_page(offset));
	iov_iter_bvec(&req->iter, iot_op_sends(op) ? ITER_SOURCE : ITER_DEST,
		      &req->bvec, 1, len);
	req->flags |= IOT_F_ONE_PIECE;
	return iot_prep_finish(req);
}
EXPORT_SYMBOL_GPL(io_target_prep_rw_page);
