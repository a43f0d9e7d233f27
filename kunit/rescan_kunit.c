// SPDX-License-Identifier: GPL-2.0
/*
 * A disk that grows and shrinks below its target.
 */
#include <linux/sizes.h>

#include "device.h"
#include "internal.h"

#define LEN	4096

static const struct testdev_disk_config rescan_config = {
	.name = "iotsize",
	.size = SZ_1M,
	.limits = { .logical_block_size = 512, .physical_block_size = 512, .dma_alignment = 3 },
};

static struct testdev_disk *disk;

static int rescan_suite_init(struct kunit_suite *suite)
{
	disk = testdev_disk_create(&rescan_config);
	return PTR_ERR_OR_ZERO(disk);
}

static void rescan_suite_exit(struct kunit_suite *suite)
{
	testdev_disk_destroy(disk);
}

static int told(struct kunit *test)
{
	struct device_fixture *fx = test->priv;

	return atomic_read(&fx->events[IO_TARGET_EVENT_SIZE]);
}

static u64 size(struct io_target *t)
{
	struct io_target_info info;

	return io_target_get_info(t, &info) ? 0 : info.size;
}

/* What requests are checked against. */
static u64 lower_size(struct io_target *t)
{
	guard(rcu)();
	return rcu_dereference(t->lower)->size;
}

static struct io_target *rescan_open(struct kunit *test, unsigned long every)
{
	struct device_fixture *fx = test->priv;

	testdev_disk_resize(disk, SZ_1M);
	testdev_disk_reset(disk);
	fx->target[0]->config.rescan = every;
	return device_open(test, testdev_disk_path(disk), RW);
}

static void rescan_grows(struct kunit *test)
{
	struct io_target *t = rescan_open(test, 0);
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_EXPECT_EQ(test, io_target_rescan(t), 0);
	KUNIT_EXPECT_EQ(test, told(test), 0);
	KUNIT_EXPECT_EQ(test, io_target_write(t, buf, LEN, SZ_1M, HZ), (ssize_t)-ENXIO);
	testdev_disk_resize(disk, SZ_2M);
	KUNIT_EXPECT_EQ(test, io_target_rescan(t), 0);
	KUNIT_EXPECT_EQ(test, told(test), 1);
	KUNIT_EXPECT_EQ(test, size(t), (u64)SZ_2M);
	KUNIT_EXPECT_EQ(test, lower_size(t), (u64)SZ_2M);
	KUNIT_EXPECT_EQ(test, io_target_write(t, buf, LEN, SZ_1M, HZ), (ssize_t)LEN);
	KUNIT_EXPECT_EQ(test, io_target_rescan(t), 0);
	KUNIT_EXPECT_EQ(test, told(test), 1);
}

/* What was prepared for the old size is not sent any more. */
static void rescan_shrinks(struct kunit *test)
{
	struct io_target *t = rescan_open(test, 0);
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);
	struct sent *s = sent_alloc(test, t, 1);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	sent_prep(test, s, IO_TARGET_OP_WRITE, buf, LEN, SZ_1M - LEN, IO_TARGET_PREPARED);
	testdev_disk_resize(disk, SZ_512K);
	KUNIT_EXPECT_EQ(test, io_target_rescan(t), 0);
	KUNIT_EXPECT_EQ(test, told(test), 1);
	KUNIT_EXPECT_EQ(test, lower_size(t), (u64)SZ_512K);
	KUNIT_EXPECT_EQ(test, sent_submit(s), -ENXIO);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(disk).bios, 0u);
}

static void rescan_read_only(struct kunit *test)
{
	struct io_target *t = rescan_open(test, 0);

	testdev_disk_read_only(disk, true);
	KUNIT_EXPECT_EQ(test, io_target_rescan(t), 0);
	KUNIT_EXPECT_EQ(test, told(test), 1);
	testdev_disk_read_only(disk, false);
	KUNIT_EXPECT_EQ(test, io_target_rescan(t), 0);
	KUNIT_EXPECT_EQ(test, told(test), 2);
}

/* By start, and after a reopen, of what has changed while it was away */
static void rescan_started(struct kunit *test)
{
	struct io_target *t = rescan_open(test, 0);

	KUNIT_EXPECT_EQ(test, io_target_stop(t, IO_TARGET_LEAVE_SENT, 0), 0);
	testdev_disk_resize(disk, SZ_2M);
	KUNIT_EXPECT_EQ(test, io_target_start(t), 0);
	KUNIT_EXPECT_EQ(test, told(test), 1);
	KUNIT_EXPECT_EQ(test, io_target_suspend(t, HZ), 0);
	KUNIT_EXPECT_EQ(test, io_target_rescan(t), -ENODEV);
	testdev_disk_resize(disk, SZ_4M);
	KUNIT_EXPECT_EQ(test, io_target_reopen(t), 0);
	KUNIT_EXPECT_EQ(test, told(test), 2);
	/* Opened anew, there is no before. */
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	KUNIT_EXPECT_EQ(test, io_target_rescan(t), -ENODEV);
	testdev_disk_resize(disk, SZ_2M);
	KUNIT_EXPECT_EQ(test, io_target_open(t, testdev_disk_path(disk), RW), 0);
	KUNIT_EXPECT_EQ(test, io_target_rescan(t), 0);
	KUNIT_EXPECT_EQ(test, told(test), 2);
}

/* By itself, again and again, until it is closed. */
static void rescan_polls(struct kunit *test)
{
	struct io_target *t = rescan_open(test, 1);

	testdev_disk_resize(disk, SZ_2M);
	KUNIT_EXPECT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_SIZE, 1));
	testdev_disk_resize(disk, SZ_4M);
	KUNIT_EXPECT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_SIZE, 2));
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&t->rescan_work));
	t->config.rescan = 0;
}

/* A driver that fails what it has first, and lets go of its disk then: nobody asks again. */
static void rescan_after_error(struct kunit *test)
{
	struct testdev_disk_config config = rescan_config;
	struct device_fixture *fx = test->priv;
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);
	struct testdev_disk *leaving;
	struct io_target *t;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	config.name = "iotleave";
	leaving = testdev_disk_create(&config);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, leaving);
	t = device_open(test, testdev_disk_path(leaving), RW);
	testdev_disk_fail(leaving, 0, LEN, BLK_STS_IOERR);
	KUNIT_EXPECT_EQ(test, io_target_read(t, buf, LEN, LEN, HZ), (ssize_t)LEN);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&t->rescan_work));
	KUNIT_EXPECT_EQ(test, io_target_read(t, buf, LEN, 0, HZ), (ssize_t)-EIO);
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_STARTED);
	testdev_disk_remove(leaving);
	KUNIT_EXPECT_TRUE(test, wait_event_timeout(fx->wait,
						   io_target_state(t) == IO_TARGET_REMOVED,
						   TESTDEV_PATIENCE));
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&t->rescan_work));
	testdev_disk_destroy(leaving);
}

static struct kunit_case rescan_cases[] = {
	KUNIT_CASE(rescan_grows),
	KUNIT_CASE(rescan_shrinks),
	KUNIT_CASE(rescan_read_only),
	KUNIT_CASE(rescan_started),
	KUNIT_CASE(rescan_polls),
	KUNIT_CASE(rescan_after_error),
	{}
};

static struct kunit_suite rescan_suite = {
	.name = "io_target_rescan",
	.suite_init = rescan_suite_init,
	.suite_exit = rescan_suite_exit,
	.init = device_fixture_init,
	.exit = device_fixture_exit,
	.test_cases = rescan_cases,
};

kunit_test_suite(rescan_suite);
