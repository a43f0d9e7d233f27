// SPDX-License-Identifier: GPL-2.0
/*
 * The block backend: what it refuses of operations on zones.
 */
#include <linux/blkdev.h>

#include "bio.h"

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
	/* It is told one place only: old kernels put a second half anywhere, newer ones warn. */
	return iot_bdev_check_whole(lower, bdev, req) ? 0 :
	       iot_err(t, -EFAULT, "append refused: memory in more pieces than the device takes");
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
