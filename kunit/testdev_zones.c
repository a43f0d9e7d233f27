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
	z->zone = kcalloc(z->n, sizeof(*z->zone), GFP_KERNEL);
	if (!z->zone)
		return -ENOMEM;
	testdev_zones_reset(z);
	return 0;
}

void testdev_zones_free(struct testdev_zones *z)
{
	kfree(z->zone);
}

static void zone_empty(struct testdev_zone *zone)
{
	zone->written = 0;
	zone->cond = BLK_ZONE_COND_EMPTY;
}

/* As for a disk that has just been made. */
void testdev_zones_reset(struct testdev_zones *z)
{
	unsigned int i;

	for (i = 0; i < z->n; i++)
		zone_empty(&z->zone[i]);
}

static blk_status_t zone_append(struct testdev_zones *z, struct testdev_zone *zone,
				struct bio *bio)
{
	if (zone->cond == BLK_ZONE_COND_FULL || zone->written + bio_sectors(bio) > z->sectors)
		return BLK_STS_IOERR;
	bio->bi_iter.bi_sector = (sector_t)(zone - z->zone) * z->sectors + zone->written;
	zone->written += bio_sectors(bio);
	if (zone->cond != BLK_ZONE_COND_EXP_OPEN)
		zone->cond = BLK_ZONE_COND_IMP_OPEN;
	if (zone->written == z->sectors)
		zone->cond = BLK_ZONE_COND_FULL;
	return BLK_STS_OK;
}

/*
 * A bio that has arrived, with the lock of the disk held. Of an append: says where it goes.
 */
blk_status_t testdev_zones_bio(struct testdev_zones *z, struct bio *bio)
{
	struct testdev_zone *zone;

	if (!z->n)
		return BLK_STS_OK;
	zone = &z->zone[div_u64(bio->bi_iter.bi_sector, z->sectors)];
	switch (bio_op(bio)) {
	case REQ_OP_ZONE_APPEND:
		return zone_append(z, zone, bio);
	case REQ_OP_ZONE_RESET:
		zone_empty(zone);
		break;
	case REQ_OP_ZONE_RESET_ALL:
		testdev_zones_reset(z);
		break;
	case REQ_OP_ZONE_OPEN:
		zone->cond = BLK_ZONE_COND_EXP_OPEN;
		break;
	case REQ_OP_ZONE_CLOSE:
		zone->cond = zone->written ? BLK_ZONE_COND_CLOSED : BLK_ZONE_COND_EMPTY;
		break;
	case REQ_OP_ZONE_FINISH:
		zone->cond = BLK_ZONE_COND_FULL;
		break;
	default:
		break;
	}
	return BLK_STS_OK;
}

static struct blk_zone zone_tell(const struct testdev_zones *z, unsigned int i)
{
	u64 start = (u64)i * z->sectors;
	bool full = z->zone[i].cond == BLK_ZONE_COND_FULL;

	return (struct blk_zone){
		.start = start,
		.len = z->sectors,
		.capacity = z->sectors,
		.wp = start + (full ? z->sectors : READ_ONCE(z->zone[i].written)),
		.type = BLK_ZONE_TYPE_SEQWRITE_REQ,
		.cond = z->zone[i].cond,
	};
}

/* Return: how many were told, or what @asked says against it. */
int testdev_zones_report(struct testdev_zones *z, sector_t sector, unsigned int count,
			 struct iot_zones_asked *asked)
{
	unsigned int i, told = 0;
	int err;

	for (i = div_u64(sector, z->sectors); i < z->n && told < count; i++, told++) {
		struct blk_zone zone = zone_tell(z, i);

		err = iot_tell_zone(&zone, told, asked);
		if (err)
			return err;
	}
	return told;
}
