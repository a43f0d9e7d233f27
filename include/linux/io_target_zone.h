/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Zoned disks: what is done to zones as a whole, and writes that are told where they have
 * gone. Included by io_target.h.
 *
 * Zones are all of one size (info.zone_size), but for the last, which may be smaller.
 */
#ifndef _LINUX_IO_TARGET_ZONE_H
#define _LINUX_IO_TARGET_ZONE_H

#include <linux/types.h>

struct blk_zone;
struct io_target;

/**
 * io_target_prep_zone_append - format an append from an iov_iter
 * @req: idle, formatted or done
 * @iter: ITER_SOURCE of kvec or bvec, of info.max_zone_append bytes at the most; it is
 *	copied, the table it points to is not
 * @pos: byte offset of the zone, or of anything in it
 * @flags: IO_TARGET_FUA, IO_TARGET_PREFLUSH, IO_TARGET_BOUNCE, IO_TARGET_PREPARED
 *
 * The disk writes the data where the next write of that zone goes; in the end that is
 * io_target_request_pos(). A prepared one appends to the same zone when it is sent again.
 * It goes to the disk in one piece, so that memory of more pieces than that takes is
 * refused.
 *
 * Context: as for io_target_prep_rw().
 * Return: as io_target_prep_rw(). -EMSGSIZE: longer than the disk takes. -EFAULT: in more
 * pieces than the disk takes, or with gaps that it does not. -EOPNOTSUPP: it has no zones.
 */
static inline int __must_check io_target_prep_zone_append(struct io_target_request *req,
							  const struct iov_iter *iter,
							  loff_t pos, unsigned int flags)
{
	return io_target_prep_rw(req, IO_TARGET_OP_ZONE_APPEND, iter, pos, flags);
}

/**
 * io_target_prep_zone_append_buf - format an append from one buffer
 * @req: idle, formatted or done
 * @buf: kmalloc or vmalloc memory
 * @len: bytes
 * @pos: byte offset of the zone, or of anything in it
 * @flags: as for io_target_prep_zone_append()
 *
 * Context: as for io_target_prep_rw().
 * Return: as io_target_prep_zone_append().
 */
static inline int __must_check io_target_prep_zone_append_buf(struct io_target_request *req,
							      const void *buf, size_t len,
							      loff_t pos, unsigned int flags)
{
	return io_target_prep_rw_buf(req, IO_TARGET_OP_ZONE_APPEND, (void *)buf, len, pos,
				     flags);
}

/**
 * io_target_request_pos - where a request has been carried out
 * @req: one that has ended
 *
 * Context: any, from end_io until @req is used again.
 * Return: byte offset: of an append that has ended well where its data begins, of all
 * others what prep, or io_target_request_set_pos(), was given.
 */
static inline loff_t io_target_request_pos(const struct io_target_request *req)
{
	return req->pos;
}

ssize_t io_target_zone_append(struct io_target *target, const void *buf, size_t len,
			      loff_t *pos, long timeout);
int io_target_zone_manage(struct io_target *target, enum io_target_op op, loff_t pos, u64 len,
			  long timeout);
int io_target_zone_report(struct io_target *target, loff_t pos, unsigned int n,
			  int (*fn)(struct blk_zone *zone, unsigned int index, void *data),
			  void *data);

#endif /* _LINUX_IO_TARGET_ZONE_H */
