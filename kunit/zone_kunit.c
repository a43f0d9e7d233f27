// SPDX-License-Identifier: GPL-2.0
/*
 * Operations on whole zones of a disk, and its report of them.
 */
#include <linux/blkdev.h>

#include "zoned.h"

#define SIZE	((u64)ZONE * ZONES)

/* Conditions of all zones, one character each */
struct zones {
	char	conds[ZONES + 1];
	u64	first;
};

static int note_zone(struct blk_zone *zone, unsigned int index, void *data)
{
	static const char conds[] = {
		[BLK_ZONE_COND_EMPTY] = 'e', [BLK_ZONE_COND_IMP_OPEN] = 'i',
		[BLK_ZONE_COND_EXP_OPEN] = 'o', [BLK_ZONE_COND_CLOSED] = 'c',
		[BLK_ZONE_COND_FULL] = 'f',
	};
	struct zones *z = data;

	if (!index)
		z->first = zone->start << SECTOR_SHIFT;
	z->conds[index] = conds[zone->cond];
	return 0;
}

static void expect_zones(struct kunit *test, struct io_target *t, const char *conds)
{
	struct zones z = { };

	KUNIT_EXPECT_EQ(test, io_target_zone_report(t, 0, UINT_MAX, note_zone, &z), ZONES);
	KUNIT_EXPECT_STREQ(test, (const char *)z.conds, conds);
}

/* Something in each of the first zones */
static void fill_zones(struct kunit *test, struct io_target *t, unsigned int n)
{
	u8 *buf = inbox_buf(test, 512);
	unsigned int i;

	for (i = 0; i < n; i++) {
		loff_t pos = (loff_t)i * ZONE;

		KUNIT_ASSERT_EQ(test, io_target_zone_append(t, buf, 512, &pos,
							    IO_TARGET_NO_TIMEOUT), 512);
	}
}

enum way { WAIT, WAIT_TIMED, ASYNC, PREPARED, WAYS };

static void way_desc(const enum way *way, char *desc)
{
	static const char * const names[] = { "wait", "timed", "async", "prepared" };

	strscpy(desc, names[*way], KUNIT_PARAM_DESC_SIZE);
}

static const enum way ways[WAYS] = { WAIT, WAIT_TIMED, ASYNC, PREPARED };

KUNIT_ARRAY_PARAM(way, ways, way_desc);

static void manage_async(struct kunit *test, struct io_target *t, enum io_target_op op,
			 u64 pos, u64 len, unsigned int flags)
{
	struct sent *s = sent_alloc(test, t, 1);
	unsigned int i;

	KUNIT_ASSERT_EQ(test, io_target_prep_range(&s->req, op, pos, len, flags), 0);
	for (i = 0; i < (flags & IO_TARGET_PREPARED ? 2 : 1); i++) {
		KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
		KUNIT_ASSERT_TRUE(test, sent_wait(s));
		KUNIT_EXPECT_EQ(test, s->req.result, 0);
		KUNIT_EXPECT_EQ(test, io_target_request_pos(&s->req), (loff_t)pos);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&s->ends), (int)i);
}

/* Return: how many bios it took. */
static unsigned int manage(struct kunit *test, struct io_target *t, enum io_target_op op,
			   unsigned int first, unsigned int n, enum way way)
{
	unsigned int before = testdev_disk_seen(zoned_disk).zones;
	u64 pos = (u64)first * ZONE, len = (u64)n * ZONE;

	if (way == ASYNC || way == PREPARED)
		manage_async(test, t, op, pos, len, way == PREPARED ? IO_TARGET_PREPARED : 0);
	else
		KUNIT_EXPECT_EQ(test,
				io_target_zone_manage(t, op, pos, len,
						      way == WAIT ? IO_TARGET_NO_TIMEOUT :
								    TESTDEV_PATIENCE), 0);
	return testdev_disk_seen(zoned_disk).zones - before;
}

/* Each zone gets its command, and no other zone any. */
static void zone_manage(struct kunit *test)
{
	enum way way = *(const enum way *)test->param_value;
	struct io_target *t = zoned_open(test, RW);
	unsigned int times = way == PREPARED ? 2 : 1;

	fill_zones(test, t, 3);
	expect_zones(test, t, "iiieeeee");
	KUNIT_EXPECT_EQ(test, manage(test, t, IO_TARGET_OP_ZONE_OPEN, 1, 1, way), times);
	expect_zones(test, t, "ioieeeee");
	KUNIT_EXPECT_EQ(test, manage(test, t, IO_TARGET_OP_ZONE_CLOSE, 0, 2, way), 2 * times);
	expect_zones(test, t, "ccieeeee");
	KUNIT_EXPECT_EQ(test, manage(test, t, IO_TARGET_OP_ZONE_FINISH, 2, 6, way), 6 * times);
	expect_zones(test, t, "ccffffff");
	KUNIT_EXPECT_EQ(test, manage(test, t, IO_TARGET_OP_ZONE_RESET, 1, 4, way), 4 * times);
	expect_zones(test, t, "ceeeefff");
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(zoned_disk).broken, 0u);
}

static int resets_all(struct block_device *bdev, void *data)
{
	return iot_bdev_resets_all(bdev);
}

/* All of the disk: one command, where there is one. */
static void zone_reset_all(struct kunit *test)
{
	enum way way = *(const enum way *)test->param_value;
	struct io_target *t = zoned_open(test, RW);
	unsigned int bios = io_target_call_bdev(t, 0, resets_all, NULL) ? 1 : ZONES;

	fill_zones(test, t, ZONES);
	expect_zones(test, t, "iiiiiiii");
	KUNIT_EXPECT_EQ(test, manage(test, t, IO_TARGET_OP_ZONE_RESET, 0, ZONES, way),
			bios * (way == PREPARED ? 2 : 1));
	expect_zones(test, t, "eeeeeeee");
}

/* One that fails is told; the others have been carried out. */
static void zone_fails(struct kunit *test)
{
	struct io_target *t = zoned_open(test, RW);

	testdev_disk_mode(zoned_disk, TESTDEV_HOLD, TESTDEV_TASK);
	KUNIT_EXPECT_EQ(test, io_target_zone_manage(t, IO_TARGET_OP_ZONE_FINISH, 0, 3 * ZONE,
						    HZ / 5), -ETIMEDOUT);
	KUNIT_ASSERT_TRUE(test, testdev_disk_wait_held(zoned_disk, 3));
	testdev_disk_release(zoned_disk, 1, BLK_STS_ZONE_OPEN_RESOURCE, TESTDEV_SOFTIRQ);
	testdev_disk_release(zoned_disk, 0, BLK_STS_OK, TESTDEV_HARDIRQ);
	testdev_disk_release(zoned_disk, 0, BLK_STS_OK, TESTDEV_TASK);
	testdev_disk_mode(zoned_disk, TESTDEV_NOW, TESTDEV_TASK);
	KUNIT_EXPECT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_ORPHAN_END, 1));
}

static const struct {
	const char		*name;
	unsigned int		opened;
	enum io_target_op	op;
	loff_t			pos;
	u64			len;
	unsigned int		flags;
	int			error;
} refused_cases[] = {
	{ "one", RW, IO_TARGET_OP_ZONE_RESET, ZONE, ZONE, 0, 0 },
	{ "none", RW, IO_TARGET_OP_ZONE_RESET, ZONE, 0, 0, 0 },
	{ "in it", RW, IO_TARGET_OP_ZONE_RESET, 512, ZONE, 0, -EINVAL },
	{ "half of it", RW, IO_TARGET_OP_ZONE_FINISH, ZONE, ZONE / 2, 0, -EINVAL },
	{ "up to the end", RW, IO_TARGET_OP_ZONE_OPEN, SIZE - ZONE, ZONE, 0, 0 },
	{ "beyond", RW, IO_TARGET_OP_ZONE_CLOSE, SIZE, ZONE, 0, -ENXIO },
	{ "too many", RW, IO_TARGET_OP_ZONE_RESET, ZONE, SIZE, 0, -ENXIO },
	{ "negative", RW, IO_TARGET_OP_ZONE_RESET, -ZONE, ZONE, 0, -EOVERFLOW },
	{ "to read", IO_TARGET_READ, IO_TARGET_OP_ZONE_OPEN, 0, ZONE, 0, -EROFS },
	{ "FUA", RW, IO_TARGET_OP_ZONE_RESET, 0, ZONE, IO_TARGET_FUA, -EINVAL },
	{ "POLLED", RW, IO_TARGET_OP_ZONE_RESET, 0, ZONE, IO_TARGET_POLLED, -EINVAL },
	{ "append", RW, IO_TARGET_OP_ZONE_APPEND, 0, ZONE, 0, -EINVAL },
};

/* Before anything is sent. */
static void zone_refused(struct kunit *test)
{
	struct sent *s;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(refused_cases); i++) {
		struct io_target *t = zoned_open(test, refused_cases[i].opened);

		s = sent_alloc(test, t, 1);
		KUNIT_EXPECT_EQ_MSG(test,
				    io_target_prep_range(&s->req, refused_cases[i].op,
							 refused_cases[i].pos,
							 refused_cases[i].len,
							 refused_cases[i].flags),
				    refused_cases[i].error, "%s", refused_cases[i].name);
		KUNIT_EXPECT_EQ(test, sent_submit(s), refused_cases[i].error ? -EINVAL : 0);
		if (!refused_cases[i].error)
			KUNIT_EXPECT_TRUE(test, sent_wait(s));
		else
			KUNIT_EXPECT_EQ(test, testdev_disk_seen(zoned_disk).bios, 0u);
		KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	}
}

static void zone_no_operation(struct kunit *test)
{
	struct io_target *t = zoned_open(test, RW);
	enum io_target_op op;

	for (op = IO_TARGET_OP_NONE; op <= IO_TARGET_OP_SECURE_ERASE; op++)
		KUNIT_EXPECT_EQ(test, io_target_zone_manage(t, op, 0, ZONE, HZ), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_zone_manage(t, IO_TARGET_OP_ZONE_APPEND, 0, ZONE, HZ),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(zoned_disk).bios, 0u);
}

static int refuse_zone(struct blk_zone *zone, unsigned int index, void *data)
{
	return index == 2 ? -EXDEV : 0;
}

static void zone_report(struct kunit *test)
{
	struct io_target *t = zoned_open(test, RW);
	struct zones z = { };

	KUNIT_EXPECT_EQ(test, io_target_zone_report(t, 5 * ZONE + 512, 2, note_zone, &z), 2);
	KUNIT_EXPECT_EQ(test, z.first, (u64)5 * ZONE);
	KUNIT_EXPECT_STREQ(test, (const char *)z.conds, "ee");
	KUNIT_EXPECT_EQ(test, io_target_zone_report(t, 0, UINT_MAX, refuse_zone, NULL), -EXDEV);
	KUNIT_EXPECT_EQ(test, io_target_zone_report(t, SIZE, 1, note_zone, &z), 0);
	KUNIT_EXPECT_EQ(test, io_target_zone_report(t, -1, 1, note_zone, &z), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_stop(t, IO_TARGET_LEAVE_SENT, 0), 0);
	KUNIT_EXPECT_EQ(test, io_target_zone_report(t, 0, 1, note_zone, &z), -EAGAIN);
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	KUNIT_EXPECT_EQ(test, io_target_zone_report(t, 0, 1, note_zone, &z), -ENODEV);
	t = device_open(test, testdev_disk_path(device_disk[FINE]), RW);
	KUNIT_EXPECT_EQ(test, io_target_zone_report(t, 0, 1, note_zone, &z), -EOPNOTSUPP);
}

static int note_bdev(struct block_device *bdev, void *data)
{
	*(struct block_device **)data = bdev;
	return 0;
}

/* What an orphan may still change waits for it, whoever wants to: all of its zone. */
static void zone_behind_orphan(struct kunit *test)
{
	static const struct { enum req_op op; u64 pos; } bios[] = {
		{ REQ_OP_ZONE_RESET, ZONE }, { REQ_OP_ZONE_RESET_ALL, 0 },
		{ REQ_OP_ZONE_FINISH, 2 * ZONE },
	};
	struct io_target *t = zoned_open(test, RW);
	struct inbox *in = inbox_alloc(test, t, ARRAY_SIZE(bios));
	struct sent *s = sent_alloc(test, t, 2);
	struct block_device *bdev = NULL;
	u8 *buf = inbox_buf(test, 512);
	loff_t pos = ZONE;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, io_target_call_bdev(t, 0, note_bdev, &bdev), 0);
	testdev_disk_mode(zoned_disk, TESTDEV_HOLD, TESTDEV_TASK);
	KUNIT_EXPECT_EQ(test, io_target_zone_append(t, buf, 512, &pos, HZ / 5), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, pos, (loff_t)ZONE);
	KUNIT_ASSERT_TRUE(test, testdev_disk_wait_held(zoned_disk, 1));
	testdev_disk_mode(zoned_disk, TESTDEV_NOW, TESTDEV_TASK);

	for (i = 0; i < 2; i++) {
		KUNIT_ASSERT_EQ(test, io_target_prep_range(&s[i].req, IO_TARGET_OP_ZONE_FINISH,
							   i * 3 * ZONE, 2 * ZONE, 0), 0);
		KUNIT_ASSERT_EQ(test, sent_submit(&s[i]), 0);
	}
	for (i = 0; i < in->n; i++) {
		received_range(&in->bios[i], bios[i].op, bios[i].pos, 0);
		/* As of a zoned disk: of another it would never end, for all of its zones. */
		bio_set_dev(&in->bios[i].bio, bdev);
		received_forward(&in->bios[i]);
	}
	expect_ended(test, &in->bios[2], BLK_STS_OK);
	KUNIT_EXPECT_TRUE(test, sent_wait(&s[1]));
	KUNIT_EXPECT_EQ(test, atomic_read(&s[0].ends), 0);
	KUNIT_EXPECT_EQ(test, inbox_ends(in, 0, 2), 0u);
	testdev_disk_release(zoned_disk, 0, BLK_STS_OK, TESTDEV_TASK);
	KUNIT_EXPECT_TRUE(test, sent_wait(&s[0]));
	expect_all_ended(test, in, 0, 2, BLK_STS_OK);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(zoned_disk).zones, 4 + 3u);
}

/* Neighbours written as one could not be sent again after a failure: each goes alone. */
static void zone_not_merged(struct kunit *test)
{
	struct io_target *t = zoned_open(test, RW);
	struct sent *s = sent_alloc(test, t, 4);
	u8 *buf = kunit_kzalloc(test, 4 * SZ_4K, GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	for (i = 0; i < 4; i++)
		sent_prep(test, &s[i], IO_TARGET_OP_WRITE, buf + i * SZ_4K, SZ_4K, i * SZ_4K,
			  IO_TARGET_MERGE_OK);
	KUNIT_ASSERT_EQ(test, sent_submit_batch(test, s, 4), 4);
	for (i = 0; i < 4; i++) {
		KUNIT_ASSERT_TRUE(test, sent_wait(&s[i]));
		KUNIT_EXPECT_EQ(test, s[i].req.result, SZ_4K);
	}
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(zoned_disk).writes, 4u);
}

static struct kunit_case zone_cases[] = {
	KUNIT_CASE(zone_not_merged),
	KUNIT_CASE_PARAM(zone_manage, way_gen_params),
	KUNIT_CASE_PARAM(zone_reset_all, way_gen_params),
	KUNIT_CASE(zone_fails),
	KUNIT_CASE(zone_refused),
	KUNIT_CASE(zone_no_operation),
	KUNIT_CASE(zone_report),
	KUNIT_CASE(zone_behind_orphan),
	{}
};

static struct kunit_suite zone_suite = {
	.name = "io_target_zone",
	.suite_init = zoned_suite_init,
	.suite_exit = zoned_suite_exit,
	.init = device_fixture_init,
	.exit = device_fixture_exit,
	.test_cases = zone_cases,
};

kunit_test_suite(zone_suite);
