// SPDX-License-Identifier: GPL-2.0
/*
 * Zones of a disk, one line each: appends, what is done to whole zones, and what they are.
 */
#include <linux/blkdev.h>
#include <linux/export.h>
#include <linux/sched/mm.h>

#include "sync.h"

/**
 * io_target_zone_append - write where the next write of a zone goes, and wait
 * @target: the target
 * @buf: any kernel memory, the stack included
 * @len: bytes, info.max_zone_append at the most, and IO_TARGET_BOUNCE_MAX with a timeout
 * @pos: byte offset of the zone, or of anything in it; of the data, when that is written
 * @timeout: jiffies, more than 0, or IO_TARGET_NO_TIMEOUT
 *
 * Any number of threads may append to a zone at the same time. Of one that has timed out
 * nobody knows where it goes to.
 *
 * Context: process context, sleeps.
 * Return: @len, or negative errno: of io_target_prep_zone_append(), io_target_submit(), the
 * device (-ENOSPC or -EIO: it does not fit the zone any more), or -ETIMEDOUT.
 */
ssize_t io_target_zone_append(struct io_target *target, const void *buf, size_t len,
			      loff_t *pos, long timeout)
{
	return iot_sync_append(target, buf, len, pos, timeout);
}
EXPORT_SYMBOL_GPL(io_target_zone_append);

/**
 * io_target_zone_manage - do something to whole zones, and wait
 * @target: the target
 * @op: IO_TARGET_OP_ZONE_OPEN, IO_TARGET_OP_ZONE_CLOSE, IO_TARGET_OP_ZONE_FINISH or
 *	IO_TARGET_OP_ZONE_RESET
 * @pos: byte offset of the first
 * @len: bytes of all of them, one command each; a reset of all of the disk is one command
 *	where the disk has that
 * @timeout: jiffies, more than 0, or IO_TARGET_NO_TIMEOUT
 *
 * Asynchronously: io_target_prep_range() with the same @op.
 *
 * Context: process context, sleeps.
 * Return: 0, or negative errno as io_target_read(). -EINVAL: @op is no such operation, or
 * these are no whole zones. -EOPNOTSUPP: the disk has no zones. After an error of the disk
 * some of the zones may have been changed.
 */
int io_target_zone_manage(struct io_target *target, enum io_target_op op, loff_t pos, u64 len,
			  long timeout)
{
	if (!iot_op_is_zone(op) || op == IO_TARGET_OP_ZONE_APPEND)
		return iot_err(target, -EINVAL, "zone operation refused: %d is none", op);
	return iot_sync_range(target, op, pos, len, timeout);
}
EXPORT_SYMBOL_GPL(io_target_zone_manage);

struct report {
	sector_t	sector;
	unsigned int	n;
	int		(*fn)(struct blk_zone *zone, unsigned int index, void *data);
	void		*data;
};

static int report_zones(struct block_device *bdev, void *data)
{
	struct report *r = data;
	unsigned int noio = memalloc_noio_save();
	int result;

	result = blkdev_report_zones(bdev, r->sector, r->n, r->fn, r->data);
	memalloc_noio_restore(noio);
	return result;
}

/**
 * io_target_zone_report - what is in the zones of a disk
 * @target: the target
 * @pos: byte offset of the first zone, or of anything in it
 * @n: how many zones at the most; UINT_MAX: up to the last
 * @fn: told each of them, in order, and counting from 0: struct blk_zone, in sectors, of
 *	<linux/blkzoned.h>. An errno that it returns ends the report
 * @data: for @fn
 *
 * Of a target that is stopped there is none: what pends would change it.
 *
 * Context: process context; @fn may sleep. It may not wait for the target.
 * Return: how many zones were told; negative errno of @fn, of the device, or as
 * io_target_call_bdev(). -EOPNOTSUPP: the disk has no zones. -EINVAL: a negative @pos.
 */
int io_target_zone_report(struct io_target *target, loff_t pos, unsigned int n,
			  int (*fn)(struct blk_zone *zone, unsigned int index, void *data),
			  void *data)
{
	struct report report = { .sector = pos >> SECTOR_SHIFT, .n = n, .fn = fn, .data = data };

	if (pos < 0)
		return iot_err(target, -EINVAL, "report refused: offset %lld", pos);
	return io_target_call_bdev(target, 0, report_zones, &report);
}
EXPORT_SYMBOL_GPL(io_target_zone_report);
