// SPDX-License-Identifier: GPL-2.0
/*
 * A disk that is there again under its old name and identity, and can less than before: it
 * is not taken for the one that was, by whichever way, and one that can as much is.
 */
#include <linux/sizes.h>

#include "device.h"
#include "internal.h"
#include "looks.h"
#include "pattern.h"

#define LEN	4096

static const struct testdev_disk_config good = {
	.name = "iotfits",
	.size = SZ_1M,
	.wwid = 0x66697473,
	.limits = {
		.logical_block_size = 512,
		.physical_block_size = 4096,
		.dma_alignment = 3,
		.max_discard_sectors = SZ_1M >> SECTOR_SHIFT,
		.max_write_zeroes_sectors = SZ_1M >> SECTOR_SHIFT,
		.discard_granularity = 4096,
		.nowait = true,
	},
};

/* An ability that the disk has lost. */
struct less {
	const char	*name;
	void		(*spoil)(struct testdev_disk_config *config);
};

static void smaller(struct testdev_disk_config *c)
{
	c->size -= SZ_64K;
}

static void larger_blocks(struct testdev_disk_config *c)
{
	c->limits.logical_block_size = 4096;
}

static void better_aligned(struct testdev_disk_config *c)
{
	c->limits.dma_alignment = 511;
}

static void without_gaps(struct testdev_disk_config *c)
{
	c->limits.gap = SZ_4K - 1;
}

static void without_discard(struct testdev_disk_config *c)
{
	c->limits.max_discard_sectors = 0;
}

static void coarse_discard(struct testdev_disk_config *c)
{
	c->limits.discard_granularity = SZ_64K;
}

static void without_zeroes(struct testdev_disk_config *c)
{
	c->limits.max_write_zeroes_sectors = 0;
}

static void without_nowait(struct testdev_disk_config *c)
{
	c->limits.nowait = false;
}

static void stable_memory(struct testdev_disk_config *c)
{
	c->limits.stable_writes = true;
}

static void zones(struct testdev_disk_config *c)
{
	c->limits.zone_sectors = SZ_64K >> SECTOR_SHIFT;
}

static const struct less lesses[] = {
	{ "smaller", smaller },
	{ "larger blocks", larger_blocks },
	{ "memory better aligned", better_aligned },
	{ "no gaps in memory", without_gaps },
	{ "no discard", without_discard },
	{ "coarse discard", coarse_discard },
	{ "no write zeroes", without_zeroes },
	{ "no NOWAIT", without_nowait },
	{ "stable memory", stable_memory },
	{ "zones", zones },
};

static void less_desc(const struct less *less, char *desc)
{
	strscpy(desc, less->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(less, lesses, less_desc);

static struct testdev_disk *disk;

static void disk_make(struct kunit *test, const struct less *less)
{
	struct testdev_disk_config config = good;

	if (less)
		less->spoil(&config);
	disk = testdev_disk_create(&config);
	if (IS_ERR(disk))
		disk = NULL;
	KUNIT_ASSERT_NOT_NULL(test, disk);
}

static void disk_take_away(struct kunit *test)
{
	testdev_disk_kill(disk);
	KUNIT_EXPECT_TRUE(test, device_wait_unused(test));
	testdev_disk_destroy(disk);
	disk = NULL;
}

static int fits_init(struct kunit *test)
{
	disk = NULL;
	return device_fixture_init(test);
}

static void fits_exit(struct kunit *test)
{
	device_fixture_exit(test);
	testdev_disk_destroy(disk);
}

static void expect_works(struct kunit *test, struct io_target *t)
{
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_EXPECT_EQ(test, io_target_write(t, buf, LEN, 0, TESTDEV_PATIENCE), LEN);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(disk).writes, 1u);
}

/* Suspended, and opened again over another disk; then over one that is as good. */
static void fits_reopen(struct kunit *test)
{
	const struct less *less = test->param_value;
	struct io_target *t;

	disk_make(test, NULL);
	t = device_open(test, testdev_disk_path(disk), RW | IO_TARGET_EXCL);
	KUNIT_ASSERT_EQ(test, io_target_suspend(t, TESTDEV_PATIENCE), 0);
	disk_take_away(test);
	disk_make(test, less);
	KUNIT_EXPECT_EQ(test, io_target_reopen(t), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_SUSPENDED);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(disk).bios, 0u);
	disk_take_away(test);
	disk_make(test, NULL);
	KUNIT_EXPECT_EQ(test, io_target_reopen(t), 1);	/* another diskseq */
	KUNIT_EXPECT_EQ(test, io_target_start(t), 0);
	expect_works(test, t);
}

/* Closed in between: who opens it again asks what it can. */
static void fits_closed(struct kunit *test)
{
	const struct less *less = test->param_value;
	struct io_target *t;

	disk_make(test, NULL);
	t = device_open(test, testdev_disk_path(disk), RW | IO_TARGET_EXCL);
	KUNIT_ASSERT_EQ(test, io_target_close(t), 0);
	disk_take_away(test);
	disk_make(test, less);
	KUNIT_EXPECT_EQ(test, io_target_reopen(t), 1);
	io_target_close(t);
}

/* Lost, and looked for. */
static void fits_follow(struct kunit *test)
{
	const struct less *less = test->param_value;
	struct device_fixture *fx = test->priv;
	struct io_target *t = fx->target[0];

	t->config.follow = (struct io_target_follow){ .enable = true, .first = 1, .last = 1 };
	disk_make(test, NULL);
	device_open(test, testdev_disk_path(disk), RW | IO_TARGET_EXCL);
	testdev_disk_kill(disk);
	io_target_rescan(t);	/* on old kernels nobody else tells */
	KUNIT_EXPECT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_LOST, 1));
	looks_wait(t);
	KUNIT_EXPECT_TRUE(test, device_wait_unused(test));
	testdev_disk_destroy(disk);
	disk_make(test, less);
	looks_wait(t);
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_SUSPENDED);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(disk).bios, 0u);
	disk_take_away(test);
	disk_make(test, NULL);
	KUNIT_EXPECT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_FOUND, 1));
	expect_works(test, t);
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
}

static struct kunit_case fits_cases[] = {
	KUNIT_CASE_PARAM(fits_reopen, less_gen_params),
	KUNIT_CASE_PARAM(fits_closed, less_gen_params),
	KUNIT_CASE_PARAM(fits_follow, less_gen_params),
	{}
};

static struct kunit_suite fits_suite = {
	.name		= "io_target_fits",
	.init		= fits_init,
	.exit		= fits_exit,
	.test_cases	= fits_cases,
};

kunit_test_suite(fits_suite);
