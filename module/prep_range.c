// SPDX-License-Identifier: GPL-2.0
/*
 * Formatting requests that carry no data.
 */
#include <linux/export.h>

#include "internal.h"

static bool has_range(enum io_target_op op)
{
	switch (op) {
	case IO_TARGET_OP_FLUSH:
	case IO_TARGET_OP_DISCARD:
	case IO_TARGET_OP_WRITE_ZEROES:
	case IO_TARGET_OP_SECURE_ERASE:
	case IO_TARGET_OP_ZONE_OPEN:
	case IO_TARGET_OP_ZONE_CLOSE:
	case IO_TARGET_OP_ZONE_FINISH:
	case IO_TARGET_OP_ZONE_RESET:
		return true;
	default:
		return false;
	}
}

/**
 * io_target_prep_range - format a request without data
 * @req: idle, formatted or done
 * @op: IO_TARGET_OP_FLUSH, IO_TARGET_OP_DISCARD, IO_TARGET_OP_WRITE_ZEROES,
 *	IO_TARGET_OP_SECURE_ERASE, or of whole zones IO_TARGET_OP_ZONE_OPEN,
 *	IO_TARGET_OP_ZONE_CLOSE, IO_TARGET_OP_ZONE_FINISH, IO_TARGET_OP_ZONE_RESET
 * @pos: byte offset; 0 for flush
 * @len: bytes, any number; 0 for flush
 * @flags: IO_TARGET_BOUNCE (it can end at its timeout), IO_TARGET_IGNORE_STATE.
 *	Not IO_TARGET_FUA, which the block layer knows for writes with data only
 *
 * A flush covers all writes that had ended when it was submitted.
 *
 * Context: as for io_target_prep_rw().
 * Return: as io_target_prep_rw().
 */
int io_target_prep_range(struct io_target_request *req, enum io_target_op op,
			 loff_t pos, u64 len, unsigned int flags)
{
	int err = iot_prep_begin(req, op, pos, len, flags);

	if (unlikely(err))
		return err;
	if (unlikely(!has_range(op)))
		return iot_prep_refuse_op(req, op);
	if (unlikely(op == IO_TARGET_OP_FLUSH && (pos || len)))
		return iot_err(req->target, -EINVAL, "flush refused: it has no range");
	if (unlikely(flags & (IO_TARGET_PREFLUSH | IO_TARGET_NOWAIT | IO_TARGET_FUA)))
		return iot_err(req->target, -EINVAL, "prep refused: flags %#x", flags);
	iov_iter_kvec(&req->iter, ITER_SOURCE, NULL, 0, 0);
	return iot_prep_finish(req);
}
EXPORT_SYMBOL_GPL(io_target_prep_range);
