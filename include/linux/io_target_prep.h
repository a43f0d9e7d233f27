/* SPDX-License-Identifier: GPL-2.0 */
/*
 * io_target: formatting a request, in the forms that most callers need. Included by
 * <linux/io_target.h>.
 */
#ifndef _LINUX_IO_TARGET_PREP_H
#define _LINUX_IO_TARGET_PREP_H

#include <linux/io_target.h>

/**
 * io_target_prep_read - format a request to read into an iov_iter
 * @req: idle, formatted or done
 * @iter: ITER_DEST of kvec or bvec; it is copied, the table it points to is not
 * @pos: byte offset, 0 for streams
 * @flags: IO_TARGET_NOWAIT, IO_TARGET_BOUNCE
 *
 * Context: as for io_target_prep_rw().
 * Return: as io_target_prep_rw().
 */
static inline int __must_check io_target_prep_read(struct io_target_request *req,
						   const struct iov_iter *iter,
						   loff_t pos, unsigned int flags)
{
	return io_target_prep_rw(req, IO_TARGET_OP_READ, iter, pos, flags);
}

/**
 * io_target_prep_write - format a request to write from an iov_iter
 * @req: idle, formatted or done
 * @iter: ITER_SOURCE of kvec or bvec; it is copied, the table it points to is not
 * @pos: byte offset, 0 for streams
 * @flags: IO_TARGET_FUA, IO_TARGET_PREFLUSH, IO_TARGET_NOWAIT, IO_TARGET_BOUNCE
 *
 * Context: as for io_target_prep_rw().
 * Return: as io_target_prep_rw().
 */
static inline int __must_check io_target_prep_write(struct io_target_request *req,
						    const struct iov_iter *iter,
						    loff_t pos, unsigned int flags)
{
	return io_target_prep_rw(req, IO_TARGET_OP_WRITE, iter, pos, flags);
}

/**
 * io_target_prep_read_buf - format a request to read into one buffer
 * @req: idle, formatted or done
 * @buf: kmalloc or vmalloc memory
 * @len: bytes
 * @pos: byte offset, 0 for streams
 * @flags: IO_TARGET_NOWAIT, IO_TARGET_BOUNCE
 *
 * Context: as for io_target_prep_rw().
 * Return: as io_target_prep_rw().
 */
static inline int __must_check io_target_prep_read_buf(struct io_target_request *req,
						       void *buf, size_t len,
						       loff_t pos, unsigned int flags)
{
	return io_target_prep_rw_buf(req, IO_TARGET_OP_READ, buf, len, pos, flags);
}

/**
 * io_target_prep_write_buf - format a request to write from one buffer
 * @req: idle, formatted or done
 * @buf: kmalloc or vmalloc memory
 * @len: bytes
 * @pos: byte offset, 0 for streams
 * @flags: IO_TARGET_FUA, IO_TARGET_PREFLUSH, IO_TARGET_NOWAIT, IO_TARGET_BOUNCE
 *
 * Context: as for io_target_prep_rw().
 * Return: as io_target_prep_rw().
 */
static inline int __must_check io_target_prep_write_buf(struct io_target_request *req,
							const void *buf, size_t len,
							loff_t pos, unsigned int flags)
{
	return io_target_prep_rw_buf(req, IO_TARGET_OP_WRITE, (void *)buf, len, pos, flags);
}

/**
 * io_target_prep_read_folio - format a request to read into a folio
 * @req: idle, formatted or done
 * @folio: the caller holds a reference until the request has ended
 * @offset: byte offset in the folio
 * @len: bytes
 * @pos: byte offset on the device
 * @flags: IO_TARGET_NOWAIT, IO_TARGET_BOUNCE
 *
 * Context: as for io_target_prep_rw().
 * Return: as io_target_prep_rw().
 */
static inline int __must_check io_target_prep_read_folio(struct io_target_request *req,
							 struct folio *folio,
							 size_t offset, size_t len,
							 loff_t pos, unsigned int flags)
{
	return io_target_prep_rw_page(req, IO_TARGET_OP_READ, &folio->page, offset, len,
				      pos, flags);
}

/**
 * io_target_prep_write_folio - format a request to write from a folio
 * @req: idle, formatted or done
 * @folio: the caller holds a reference until the request has ended
 * @offset: byte offset in the folio
 * @len: bytes
 * @pos: byte offset on the device
 * @flags: IO_TARGET_FUA, IO_TARGET_PREFLUSH, IO_TARGET_NOWAIT, IO_TARGET_BOUNCE
 *
 * Context: as for io_target_prep_rw().
 * Return: as io_target_prep_rw().
 */
static inline int __must_check io_target_prep_write_folio(struct io_target_request *req,
							  struct folio *folio,
							  size_t offset, size_t len,
							  loff_t pos, unsigned int flags)
{
	return io_target_prep_rw_page(req, IO_TARGET_OP_WRITE, &folio->page, offset, len,
				      pos, flags);
}

/**
 * io_target_prep_flush - format a flush
 * @req: idle, formatted or done
 * @flags: IO_TARGET_BOUNCE, so that it can end at its timeout
 *
 * Context: as for io_target_prep_rw().
 * Return: as io_target_prep_range().
 */
static inline int __must_check io_target_prep_flush(struct io_target_request *req,
						    unsigned int flags)
{
	return io_target_prep_range(req, IO_TARGET_OP_FLUSH, 0, 0, flags);
}

/**
 * io_target_prep_discard - format a discard
 * @req: idle, formatted or done
 * @pos: byte offset
 * @len: bytes, any number
 * @flags: IO_TARGET_BOUNCE, so that it can end at its timeout
 *
 * Context: as for io_target_prep_rw().
 * Return: as io_target_prep_range().
 */
static inline int __must_check io_target_prep_discard(struct io_target_request *req,
						      loff_t pos, u64 len,
						      unsigned int flags)
{
	return io_target_prep_range(req, IO_TARGET_OP_DISCARD, pos, len, flags);
}

/**
 * io_target_prep_write_zeroes - format a write of zeroes without data
 * @req: idle, formatted or done
 * @pos: byte offset
 * @len: bytes, any number
 * @flags: IO_TARGET_BOUNCE, so that it can end at its timeout
 *
 * Context: as for io_target_prep_rw().
 * Return: as io_target_prep_range().
 */
static inline int __must_check io_target_prep_write_zeroes(struct io_target_request *req,
							   loff_t pos, u64 len,
							   unsigned int flags)
{
	return io_target_prep_range(req, IO_TARGET_OP_WRITE_ZEROES, pos, len, flags);
}

/**
 * io_target_prep_secure_erase - format an erasure that cannot be undone by anyone
 * @req: idle, formatted or done
 * @pos: byte offset
 * @len: bytes, any number
 * @flags: IO_TARGET_BOUNCE, so that it can end at its timeout
 *
 * Context: as for io_target_prep_rw().
 * Return: as io_target_prep_range().
 */
static inline int __must_check io_target_prep_secure_erase(struct io_target_request *req,
							   loff_t pos, u64 len,
							   unsigned int flags)
{
	return io_target_prep_range(req, IO_TARGET_OP_SECURE_ERASE, pos, len, flags);
}

int __io_target_set_pos(struct io_target_request *req);

/**
 * io_target_request_set_pos - another place for a prepared request
 * @req: formatted with IO_TARGET_PREPARED
 * @pos: byte offset, 0 for streams
 *
 * Whether the device has such a place is found by submit, which refuses the request
 * with the errno that io_target_prep_rw() has for it; then it is still formatted.
 *
 * Context: any, between the end of @req and submit.
 * Return: 0. -EBUSY: @req is outstanding. -EINVAL: not prepared.
 */
static inline int io_target_request_set_pos(struct io_target_request *req, loff_t pos)
{
	if (unlikely(req->state != IO_TARGET_FORMATTED || !(req->flags & IO_TARGET_PREPARED)))
		return __io_target_set_pos(req);
	req->pos = pos;
	return 0;
}

#endif /* _LINUX_IO_TARGET_PREP_H */
