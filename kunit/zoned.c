// SPDX-License-Identifier: GPL-2.0
/*
 * The zoned disk, see zoned.h.
 */
#include "zoned.h"

static const struct testdev_disk_config config = {
	.name = "iotzoned",
	.size = ZONE * ZONES,
	.limits = {
		.logical_block_size = 512,
		.physical_block_size = 512,
		.dma_alignment = 3,
		.zone_sectors = ZONE >> SECTOR_SHIFT,
	},
};

struct testdev_disk *zoned_disk;

int zoned_suite_init(struct kunit_suite *suite)
{
	int err = inbox_suite_init(suite);

	if (err)
		return err;
	zoned_disk = testdev_disk_create(&config);
	return PTR_ERR_OR_ZERO(zoned_disk);
}

void zoned_suite_exit(struct kunit_suite *suite)
{
	testdev_disk_destroy(zoned_disk);
	inbox_suite_exit(suite);
}

struct io_target *zoned_open(struct kunit *test, unsigned int flags)
{
	testdev_disk_reset(zoned_disk);
	return device_open(test, testdev_disk_path(zoned_disk), flags);
}
