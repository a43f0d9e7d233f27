// SPDX-License-Identifier: GPL-2.0
/*
 * Zones of a test disk, all of them to be written in sequence: where the next write of
 * each goes, which is where an append has gone.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/slab.h>

#include "testdev.h"

int testdev_zones_init(struct testdev_zones *z, u64 size, unsigned int sectors)
{
	z->sectors = sectors;
	z->n = sectors ? div_u64(size >> SECTOR_SHIFT, sectors) : 0;
	z->written = kcalloc(z->n, sizeof(*z->written), GFP_KERNEL);
	return z->written ? 0 : -ENOMEM;
}

void testdev_zones_free(struct testdev_zones *z)
{
	kfree(z->written);
}

/* As for a disk that has just been made. */
void testdev_zones_reset(struct testdev_zones *z)
{
	memset(z->written, 0, z->n * sizeof(*z->written));
}

/*
 * A bio that has arrived, with the lock of the disk held. Of an append: says where it goes.
 */
blk_status_t testdev_zones_bio(struct testdev_zones *z, struct bio *bio)
{
	unsigned int zone, *written;

	if (!z->n || (bio_op(bio) != REQ_OP_ZONE_APPEND && bio_op(bio) != REQ_OP_ZONE_RESET))
		return BLK_STS_OK;
	zone = div_u64(bio->bi_iter.bi_sector, z->sectors);
	written = &z->written[zone];
	if (bio_op(bio) == REQ_OP_ZONE_RESET) {
		*written = 0;
		return BLK_STS_OK;
	}
	if (*written + bio_sectors(bio) > z->sectors)
		return BLK_STS_IOERR;
	bio->bi_iter.bi_sector = (sector_t)zone * z->sectors + *written;
	*written += bio_sectors(bio);
	return BLK_STS_OK;
}

/* Return: how many were told, or what @asked says against it. */
int testdev_zones_report(struct testdev_zones *z, sector_t sector, unsigned int count,
			 struct iot_zones_asked *asked)
{
	unsigned int i, told = 0;
	int err;

	for (i = div_u64(sector, z->sectors); i < z->n && told < count; i++, told++) {
		struct blk_zone zone = {
			.start = (u64)i * z->sectors,
			.len = z->sectors,
			.capacity = z->sectors,
			.wp = (u64)i * z->sectors + READ_ONCE(z->written[i]),
			.type = BLK_ZONE_TYPE_SEQWRITE_REQ,
			.cond = z->written[i] ? BLK_ZONE_COND_IMP_OPEN : BLK_ZONE_COND_EMPTY,
		};

		err = iot_tell_zone(&zone, told, asked);
		if (err)
			return err;
	}
	return told;
}
