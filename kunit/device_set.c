// SPDX-License-Identifier: GPL-2.0
/*
 * The devices that the suites share, see device.h.
 */
#include <linux/sched.h>
#include <linux/sizes.h>

#include "device.h"

struct testdev_disk *device_disk[DEVICE_DISKS];

static const struct testdev_disk_config disk_configs[DEVICE_DISKS] = {
	[FINE] = {
		.name = "iotfine",
		.size = FINE_SIZE,
		.limits = {
			.logical_block_size = 512,
			.physical_block_size = 4096,
			.dma_alignment = 3,
			.max_discard_sectors = SZ_1G >> SECTOR_SHIFT,
			.max_write_zeroes_sectors = SZ_512M >> SECTOR_SHIFT,
			.max_secure_erase_sectors = (SZ_1M + SZ_1K) >> SECTOR_SHIFT,
			.write_cache = true,
			.fua = true,
			.nowait = true,
		},
	},
	[PLAIN] = {
		.name = "iotplain",
		.size = PLAIN_SIZE,
		.limits = {
			.logical_block_size = 4096,
			.physical_block_size = 4096,
			.dma_alignment = 511,
			.rotational = true,
		},
	},
	[LARGE] = {
		.name = "iotlarge",
		.size = PLAIN_SIZE,
		.limits = {
			.logical_block_size = 4096,
			.physical_block_size = 4096,
			.dma_alignment = 3,
		},
	},
};

int device_disks_init(struct kunit_suite *suite)
{
	int i;

	for (i = 0; i < DEVICE_DISKS; i++) {
		struct testdev_disk *disk = testdev_disk_create(&disk_configs[i]);

		if (IS_ERR(disk)) {
			device_disks_exit(suite);
			return PTR_ERR(disk);
		}
		device_disk[i] = disk;
	}
	return 0;
}

void device_disks_exit(struct kunit_suite *suite)
{
	int i;

	for (i = 0; i < DEVICE_DISKS; i++) {
		testdev_disk_destroy(device_disk[i]);
		device_disk[i] = NULL;
	}
}

struct testdev_char *device_char[DEVICE_CHARS];

static const struct testdev_char_config char_configs[DEVICE_CHARS] = {
	[SEEK]		= { .name = "iotseek", .size = CHAR_SIZE },
	[SEEK_NOWAIT]	= { .name = "iotseeknw", .size = CHAR_SIZE, .nowait = true },
	[STREAM]	= { .name = "iotstream", .kind = TESTDEV_STREAM },
	[STREAM_NOWAIT]	= { .name = "iotstreamnw", .kind = TESTDEV_STREAM, .nowait = true },
	[NONSEEK]	= { .name = "iotnonseek", .kind = TESTDEV_NONSEEKABLE },
	[USER_ONLY]	= { .name = "iotuser", .kind = TESTDEV_STREAM, .user_only = true },
	[USER_SEEK]	= { .name = "iotuserseek", .size = CHAR_SIZE, .user_only = true },
	[USER_ITER]	= { .name = "iotuseriter", .size = CHAR_SIZE, .user_iter = true },
	[NO_FSYNC]	= { .name = "iotnofsync", .size = CHAR_SIZE, .no_fsync = true },
};

bool device_in_process;

int device_chars_init(struct kunit_suite *suite)
{
	int i;

	device_in_process = current->mm;
	for (i = 0; i < DEVICE_CHARS; i++) {
		struct testdev_char *c = testdev_char_create(&char_configs[i]);

		if (IS_ERR(c)) {
			device_chars_exit(suite);
			return PTR_ERR(c);
		}
		device_char[i] = c;
	}
	return 0;
}

void device_chars_exit(struct kunit_suite *suite)
{
	int i;

	for (i = 0; i < DEVICE_CHARS; i++) {
		testdev_char_destroy(device_char[i]);
		device_char[i] = NULL;
	}
}

/* From now on everything is answered at once and well. */
void device_set_answer(void)
{
	int i;

	for (i = 0; i < DEVICE_DISKS; i++) {
		if (device_disk[i])
			testdev_disk_let_go(device_disk[i], BLK_STS_OK, TESTDEV_TASK);
	}
	for (i = 0; i < DEVICE_CHARS; i++) {
		if (!device_char[i])
			continue;
		testdev_char_behave(device_char[i], &(struct testdev_char_behaviour){});
		testdev_char_release_all(device_char[i], TESTDEV_ALL, TESTDEV_TASK);
	}
}

/* Nothing is open. */
void device_set_reset(void)
{
	int i;

	for (i = 0; i < DEVICE_DISKS; i++)
		if (device_disk[i])
			testdev_disk_reset(device_disk[i]);
	for (i = 0; i < DEVICE_CHARS; i++)
		if (device_char[i])
			testdev_char_reset(device_char[i]);
}
