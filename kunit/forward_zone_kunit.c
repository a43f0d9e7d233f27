// SPDX-License-Identifier: GPL-2.0
/*
 * Bios for a zoned disk, and who asks it about its zones.
 */
#include <linux/blkdev.h>

#include "pattern.h"
#include "zoned.h"

#define SEED	0x7a6f6e65ULL
#define LEN	SZ_4K

static u8 *pattern(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	pattern_fill(buf, LEN, 0, SEED);
	return buf;
}

static u64 place(struct received *r)
{
	return r->bio.bi_iter.bi_sector << SECTOR_SHIFT;
}

static void expect_written(struct kunit *test, u64 pos)
{
	u8 *there = kunit_kzalloc(test, LEN, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, there);
	testdev_store_read(testdev_disk_store(zoned_disk), pos, there, LEN);
	KUNIT_EXPECT_EQ(test, pattern_match(there, LEN, 0, SEED), (size_t)LEN);
}

/* An append ends with the place that it has got, whether it had to wait or not. */
static void zone_append(struct kunit *test)
{
	struct io_target *t = zoned_open(test, RW);
	struct inbox *in = inbox_alloc(test, t, 3);
	u8 *buf = pattern(test);
	unsigned int i;

	for (i = 0; i < 3; i++) {
		if (i == 2)
			KUNIT_ASSERT_EQ(test, io_target_stop(t, IO_TARGET_LEAVE_SENT, 0), 0);
		received_data(in->bios + i, REQ_OP_ZONE_APPEND, 2 * ZONE, buf, LEN);
		received_forward(in->bios + i);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&in->bios[2].ends), 0);
	KUNIT_ASSERT_EQ(test, io_target_start(t), 0);
	for (i = 0; i < 3; i++) {
		expect_ended(test, in->bios + i, BLK_STS_OK);
		KUNIT_EXPECT_EQ(test, place(in->bios + i), (u64)2 * ZONE + i * LEN);
		expect_written(test, 2 * ZONE + i * LEN);
	}
}

/* One that does not fit any more: the error is passed on. */
static void zone_full(struct kunit *test)
{
	struct io_target *t = zoned_open(test, RW);
	struct inbox *in = inbox_alloc(test, t, ZONE / LEN + 1);
	u8 *buf = pattern(test);
	unsigned int i;

	for (i = 0; i < in->n; i++) {
		received_data(in->bios + i, REQ_OP_ZONE_APPEND, ZONE, buf, LEN);
		received_forward(in->bios + i);
	}
	expect_all_ended(test, in, 0, ZONE / LEN, BLK_STS_OK);
	expect_ended(test, in->bios + ZONE / LEN, BLK_STS_IOERR);
	/* Empty again */
	received_range(in->bios, REQ_OP_ZONE_RESET, ZONE, 0);
	received_forward(in->bios);
	expect_ended(test, in->bios, BLK_STS_OK);
	received_data(in->bios, REQ_OP_ZONE_APPEND, ZONE, buf, LEN);
	received_forward(in->bios);
	expect_ended(test, in->bios, BLK_STS_OK);
	KUNIT_EXPECT_EQ(test, place(in->bios), (u64)ZONE);
}

static const enum req_op changes[] = {
	REQ_OP_ZONE_APPEND, REQ_OP_ZONE_RESET, REQ_OP_ZONE_RESET_ALL, REQ_OP_ZONE_OPEN,
	REQ_OP_ZONE_CLOSE, REQ_OP_ZONE_FINISH,
};

/* What changes zones is a write, whether or not the kernel's numbers for it look so. */
static void zone_read_only(struct kunit *test)
{
	struct io_target *t = zoned_open(test, IO_TARGET_READ);
	struct inbox *in = inbox_alloc(test, t, ARRAY_SIZE(changes));
	u8 *buf = pattern(test);
	unsigned int i;

	for (i = 0; i < in->n; i++) {
		if (changes[i] == REQ_OP_ZONE_APPEND)
			received_data(in->bios + i, changes[i], 0, buf, LEN);
		else
			received_range(in->bios + i, changes[i], 0, 0);
		received_forward(in->bios + i);
		expect_ended(test, in->bios + i, BLK_STS_IOERR);
	}
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(zoned_disk).bios, 0u);
}

static int count_zone(struct blk_zone *zone, unsigned int index, void *data)
{
	unsigned int *used = data;

	*used += zone->wp > zone->start;
	return 0;
}

static int count_zones(struct block_device *bdev, void *data)
{
	return blkdev_report_zones(bdev, 0, UINT_MAX, count_zone, data);
}

/* The device is asked while it is the target's and may be used. */
static void zone_report(struct kunit *test)
{
	struct io_target *t = zoned_open(test, RW);
	struct inbox *in = inbox_alloc(test, t, 1);
	unsigned int used = 0;
	u8 *buf = pattern(test);

	received_data(in->bios, REQ_OP_ZONE_APPEND, ZONE, buf, LEN);
	received_forward(in->bios);
	expect_ended(test, in->bios, BLK_STS_OK);
	KUNIT_EXPECT_EQ(test, io_target_call_bdev(t, 0, count_zones, &used), ZONES);
	KUNIT_EXPECT_EQ(test, used, 1u);
	KUNIT_EXPECT_EQ(test, io_target_stop(t, IO_TARGET_LEAVE_SENT, 0), 0);
	KUNIT_EXPECT_EQ(test, io_target_call_bdev(t, 0, count_zones, &used), -EAGAIN);
	KUNIT_EXPECT_EQ(test, io_target_call_bdev(t, IO_TARGET_IGNORE_STATE, count_zones, &used),
			ZONES);
	KUNIT_EXPECT_EQ(test, io_target_suspend(t, HZ), 0);
	KUNIT_EXPECT_EQ(test, io_target_call_bdev(t, 0, count_zones, &used), -EAGAIN);
	KUNIT_EXPECT_EQ(test, io_target_call_bdev(t, IO_TARGET_IGNORE_STATE, count_zones, &used),
			-EAGAIN);
	KUNIT_EXPECT_EQ(test, io_target_reopen(t), 0);
	KUNIT_EXPECT_EQ(test, io_target_purge(t, IO_TARGET_LEAVE_SENT, 0), 0);
	KUNIT_EXPECT_EQ(test, io_target_call_bdev(t, 0, count_zones, &used), -ESHUTDOWN);
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	KUNIT_EXPECT_EQ(test, io_target_call_bdev(t, 0, count_zones, &used), -ENODEV);
	KUNIT_EXPECT_EQ(test, used, 2u);
}

static void zone_info(struct kunit *test)
{
	struct io_target *t = zoned_open(test, RW);
	struct io_target_info info;

	KUNIT_ASSERT_EQ(test, io_target_get_info(t, &info), 0);
	KUNIT_EXPECT_TRUE(test, info.zoned);
	KUNIT_EXPECT_EQ(test, info.zone_size, (u64)ZONE);
	KUNIT_EXPECT_EQ(test, info.max_zone_append, (u64)ZONE);
}

static struct kunit_case zone_cases[] = {
	KUNIT_CASE(zone_append),
	KUNIT_CASE(zone_full),
	KUNIT_CASE(zone_read_only),
	KUNIT_CASE(zone_report),
	KUNIT_CASE(zone_info),
	{}
};

static struct kunit_suite zone_suite = {
	.name = "io_target_forward_zone",
	.suite_init = zoned_suite_init,
	.suite_exit = zoned_suite_exit,
	.init = device_fixture_init,
	.exit = device_fixture_exit,
	.test_cases = zone_cases,
};

kunit_test_suite(zone_suite);
