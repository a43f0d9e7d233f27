// SPDX-License-Identifier: GPL-2.0
/*
 * A switch to a disk that others have written to through its page cache, since the target
 * has had it open.
 */
#include <linux/fs.h>
#include <linux/sizes.h>

#include "device.h"
#include "pattern.h"

#define SEED	0x736574746c65ULL
#define LEN	512
#define MANY	16

static struct testdev_disk *old, *next;

static struct testdev_disk *settle_disk(const char *name)
{
	struct testdev_disk_config config = {
		.name = name,
		.size = SZ_1M,
		.limits = { .logical_block_size = LEN, .physical_block_size = LEN },
	};

	return testdev_disk_create(&config);
}

static void settle_exit(struct kunit *test)
{
	device_fixture_exit(test);
	testdev_disk_destroy(old);
	testdev_disk_destroy(next);
}

static int settle_init(struct kunit *test)
{
	old = settle_disk("iotold");
	next = settle_disk("iotnext");
	return PTR_ERR_OR_ZERO(old) ?: PTR_ERR_OR_ZERO(next) ?: device_fixture_init(test);
}

/* A target that has claimed both. */
static struct io_target *settle_ready(struct kunit *test)
{
	struct io_target *t = device_open(test, testdev_disk_path(old), RW | IO_TARGET_EXCL);

	KUNIT_ASSERT_EQ(test, io_target_set_next(t, testdev_disk_path(next)), 0);
	return t;
}

static void expect_on(struct kunit *test, struct io_target *t, struct testdev_disk *disk)
{
	struct io_target_info info;

	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_STARTED);
	KUNIT_EXPECT_EQ(test, io_target_get_info(t, &info), 0);
	KUNIT_EXPECT_EQ(test, info.dev, testdev_disk_dev(disk));
}

static u8 *make_buf(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, MANY * LEN, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	pattern_fill(buf, MANY * LEN, 0, SEED);
	return buf;
}

/* What others have written to the disk: in its page cache, and nowhere else. */
static struct file *write_cached(struct kunit *test, struct testdev_disk *disk, const u8 *buf)
{
	struct file *file = device_filp_open(testdev_disk_path(disk), O_RDWR);
	loff_t pos = 0;

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_EXPECT_EQ(test, kernel_write(file, buf, MANY * LEN, &pos), MANY * LEN);
	return file;
}

/* The target finds it, and it does not come after what the target writes. */
static void settle_written(struct kunit *test)
{
	struct io_target *t = settle_ready(test);
	u8 *buf = make_buf(test), *got = make_buf(test);
	struct file *file;

	file = write_cached(test, next, buf);
	KUNIT_EXPECT_EQ(test, io_target_switch(t, TESTDEV_PATIENCE), 0);
	memset(got, 0, MANY * LEN);
	KUNIT_EXPECT_EQ(test, io_target_read(t, got, MANY * LEN, 0, TESTDEV_PATIENCE), MANY * LEN);
	KUNIT_EXPECT_EQ(test, pattern_match(got, MANY * LEN, 0, SEED), (size_t)(MANY * LEN));
	pattern_fill(buf, MANY * LEN, 0, SEED + 1);
	KUNIT_EXPECT_EQ(test, io_target_write(t, buf, MANY * LEN, 0, TESTDEV_PATIENCE), MANY * LEN);
	KUNIT_EXPECT_EQ(test, vfs_fsync(file, 0), 0);
	device_filp_close(file);
	testdev_store_read(testdev_disk_store(next), 0, got, MANY * LEN);
	KUNIT_EXPECT_EQ(test, pattern_match(got, MANY * LEN, 0, SEED + 1), (size_t)(MANY * LEN));
}

/* A next disk that cannot keep it, or does not answer: the old one stays. */
static void settle_refused(struct kunit *test)
{
	struct io_target *t = settle_ready(test);
	u8 *buf = make_buf(test);
	struct file *file;

	file = write_cached(test, next, buf);
	testdev_disk_mode(next, TESTDEV_HOLD, TESTDEV_TASK);
	KUNIT_EXPECT_EQ(test, io_target_switch(t, HZ / 20), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_STARTED);
	KUNIT_ASSERT_TRUE(test, testdev_disk_wait_held(next, 1));
	testdev_disk_mode(next, TESTDEV_NOW, TESTDEV_TASK);
	testdev_disk_release_all(next, BLK_STS_IOERR, TESTDEV_TASK);
	device_filp_close(file);
	file = write_cached(test, next, buf);
	testdev_disk_fail(next, 0, SZ_1M, BLK_STS_IOERR);
	KUNIT_EXPECT_EQ(test, io_target_switch(t, TESTDEV_PATIENCE), -EIO);
	expect_on(test, t, old);
	testdev_disk_fail(next, 0, 0, BLK_STS_OK);
	device_filp_close(file);
	KUNIT_EXPECT_EQ(test, io_target_switch(t, TESTDEV_PATIENCE), 0);
	expect_on(test, t, next);
}

static struct kunit_case settle_cases[] = {
	KUNIT_CASE(settle_written),
	KUNIT_CASE(settle_refused),
	{}
};

static struct kunit_suite settle_suite = {
	.name		= "io_target_settle",
	.init		= settle_init,
	.exit		= settle_exit,
	.test_cases	= settle_cases,
};

kunit_test_suite(settle_suite);
