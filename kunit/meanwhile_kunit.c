// SPDX-License-Identifier: GPL-2.0
/*
 * A switch, and what becomes of the two disks while it waits: others have written to the
 * next one through its page cache, somebody freezes it, the old one dies, it comes to lie
 * above the target.
 */
#include <linux/fs.h>
#include <linux/sizes.h>

#include "device.h"
#include "internal.h"
#include "looks.h"
#include "pattern.h"

#define SEED	0x736574746c65ULL
#define LEN	512
#define MANY	16

static struct testdev_disk *old, *next;

static struct testdev_disk *meanwhile_disk(const char *name)
{
	struct testdev_disk_config config = {
		.name = name,
		.size = SZ_1M,
		.limits = { .logical_block_size = LEN, .physical_block_size = LEN },
	};

	return testdev_disk_create(&config);
}

static void meanwhile_exit(struct kunit *test)
{
	device_fixture_exit(test);
	testdev_disk_destroy(old);
	testdev_disk_destroy(next);
}

static int meanwhile_init(struct kunit *test)
{
	old = meanwhile_disk("iotold");
	next = meanwhile_disk("iotnext");
	return PTR_ERR_OR_ZERO(old) ?: PTR_ERR_OR_ZERO(next) ?: device_fixture_init(test);
}

/* A target that has claimed both. */
static struct io_target *meanwhile_ready(struct kunit *test)
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

/* Others write to the disk: the data is in its page cache, and nowhere else. */
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
	struct io_target *t = meanwhile_ready(test);
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
	struct io_target *t = meanwhile_ready(test);
	u8 *buf = make_buf(test);
	struct file *file;

	file = write_cached(test, next, buf);
	testdev_disk_mode(next, TESTDEV_HOLD, TESTDEV_TASK);
	KUNIT_EXPECT_EQ(test, io_target_switch(t, HZ / 20), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_STARTED);
	KUNIT_ASSERT_TRUE(test, testdev_disk_wait_held(next, 1));
	testdev_disk_let_go(next, BLK_STS_IOERR, TESTDEV_TASK);
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

/* A switch by another thread, which waits for a write that the old disk holds. */
struct switcher {
	struct work_struct	work;
	struct io_target	*target;
	struct sent		*held;
	int			ret;
};

static void switcher_work(struct work_struct *work)
{
	struct switcher *s = container_of(work, struct switcher, work);

	s->ret = io_target_switch(s->target, TESTDEV_PATIENCE);
}

static void switcher_start(struct kunit *test, struct switcher *s, struct io_target *t)
{
	s->target = t;
	s->held = sent_alloc(test, t, 1);
	testdev_disk_mode(old, TESTDEV_HOLD, TESTDEV_TASK);
	sent_prep(test, s->held, IO_TARGET_OP_WRITE, make_buf(test), LEN, 0, 0);
	KUNIT_ASSERT_EQ(test, sent_submit(s->held), 0);
	KUNIT_ASSERT_TRUE(test, testdev_disk_wait_held(old, 1));
	INIT_WORK_ONSTACK(&s->work, switcher_work);
	queue_work(system_unbound_wq, &s->work);
	wait_event(t->idle_wait, io_target_state(t) == IO_TARGET_SUSPENDED);
}

static int switcher_join(struct kunit *test, struct switcher *s, blk_status_t status)
{
	testdev_disk_let_go(old, status, TESTDEV_TASK);
	if (!s->target->config.follow.enable)	/* or it is kept */
		KUNIT_EXPECT_TRUE(test, sent_wait(s->held));
	flush_work(&s->work);
	destroy_work_on_stack(&s->work);
	return s->ret;
}

static void switch_next_frozen(struct kunit *test)
{
	struct io_target *t = meanwhile_ready(test);
	struct sent *spare = sent_alloc(test, t, 1);
	struct switcher s;

	switcher_start(test, &s, t);
	if (testdev_disk_freeze(next)) {
		switcher_join(test, &s, BLK_STS_OK);
		kunit_skip(test, "on this kernel nobody is told of a freeze");
	}
	KUNIT_EXPECT_EQ(test, switcher_join(test, &s, BLK_STS_OK), 0);
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_SUSPENDED);
	sent_prep(test, spare, IO_TARGET_OP_WRITE, make_buf(test), LEN, 0, 0);
	KUNIT_EXPECT_EQ(test, sent_submit(spare), 0);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(next).writes, 0u);
	KUNIT_EXPECT_EQ(test, testdev_disk_thaw(next), 0);
	KUNIT_EXPECT_TRUE(test, sent_wait(spare));
	expect_on(test, t, next);
}

/* The target has lost its device, and does not go on with another one as if it had not. */
static void old_dies(struct kunit *test, bool follow)
{
	struct device_fixture *fx = test->priv;
	struct sent *spare = sent_alloc(test, fx->target[0], 1);
	struct switcher s;
	struct io_target *t;

	fx->target[0]->config.follow = (struct io_target_follow){
		.enable = follow, .size_is_enough = true, .last = 1
	};
	t = meanwhile_ready(test);
	sent_prep(test, spare, IO_TARGET_OP_WRITE, make_buf(test), LEN, 0,
		  IO_TARGET_IGNORE_STATE);
	switcher_start(test, &s, t);
	testdev_disk_kill(old);
	iot_target_removed(t);	/* on old kernels nobody tells */
	KUNIT_EXPECT_EQ(test, switcher_join(test, &s, BLK_STS_IOERR), -ENODEV);
	KUNIT_EXPECT_EQ(test, io_target_state(t),
			follow ? IO_TARGET_SUSPENDED : IO_TARGET_REMOVED);
	if (!follow)
		KUNIT_EXPECT_EQ(test, sent_submit(spare), -ENODEV);
	KUNIT_EXPECT_EQ(test, io_target_switch(t, TESTDEV_PATIENCE), -ENODEV);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(next).writes, 0u);
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	t->config.follow.enable = false;
}

/* The next disk dies before it is the target's: the old one stays. */
static void switch_next_dies(struct kunit *test)
{
	struct io_target *t = meanwhile_ready(test);
	struct switcher s;

	switcher_start(test, &s, t);
	iot_lower_gone(t->next);	/* on old kernels nobody else tells */
	KUNIT_EXPECT_EQ(test, switcher_join(test, &s, BLK_STS_OK), -ENODEV);
	expect_on(test, t, old);
	KUNIT_EXPECT_EQ(test, io_target_switch(t, TESTDEV_PATIENCE), -ENODEV);
	KUNIT_EXPECT_EQ(test, io_target_set_next(t, NULL), 0);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(next).writes, 0u);
}

static void switch_old_dies(struct kunit *test)
{
	old_dies(test, false);
}

static void switch_old_lost(struct kunit *test)
{
	old_dies(test, true);
}

static const char *above;
static bool unlocked;

/* close waits for the mutex, and so for this. */
static bool path_is_above(struct io_target *target, const char *path, void *private)
{
	unlocked |= !mutex_is_locked(&target->mutex);
	return above && !strcmp(path, above);
}

/* A path that the owner says lies above it is not opened, by any way. */
static void switch_loops(struct kunit *test)
{
	struct device_fixture *fx = test->priv;
	struct io_target *t = fx->target[0];
	const char *path = testdev_disk_path(next);

	t->config.is_above = path_is_above;
	above = path;
	KUNIT_EXPECT_EQ(test, io_target_open(t, path, RW), -ELOOP);
	device_open(test, testdev_disk_path(old), RW);
	KUNIT_EXPECT_EQ(test, io_target_set_next(t, path), -ELOOP);
	above = NULL;
	KUNIT_EXPECT_EQ(test, io_target_set_next(t, path), 0);
	above = path;
	KUNIT_EXPECT_EQ(test, io_target_switch(t, TESTDEV_PATIENCE), -ELOOP);
	expect_on(test, t, old);
	KUNIT_EXPECT_EQ(test, io_target_suspend(t, TESTDEV_PATIENCE), 0);
	above = testdev_disk_path(old);
	KUNIT_EXPECT_EQ(test, io_target_reopen(t), -ELOOP);
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_SUSPENDED);
	above = NULL;
	KUNIT_EXPECT_EQ(test, io_target_reopen(t), 0);
	expect_on(test, t, old);
	KUNIT_EXPECT_FALSE(test, unlocked);
}

/* Follow does not open it either. */
static void follow_loops(struct kunit *test)
{
	struct device_fixture *fx = test->priv;
	struct io_target *t = fx->target[0];

	t->config.is_above = path_is_above;
	t->config.follow = (struct io_target_follow){
		.enable = true, .size_is_enough = true, .first = 1, .last = 1,
	};
	above = NULL;
	device_open(test, testdev_disk_path(old), RW | IO_TARGET_EXCL);
	above = testdev_disk_path(old);
	iot_target_removed(t);	/* its disk is there, and would be found at once */
	KUNIT_EXPECT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_LOST, 1));
	looks_wait(t);
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_SUSPENDED);
	above = NULL;
	KUNIT_EXPECT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_FOUND, 1));
	expect_on(test, t, old);
	KUNIT_EXPECT_FALSE(test, unlocked);
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
}

static struct kunit_case meanwhile_cases[] = {
	KUNIT_CASE(settle_written),
	KUNIT_CASE(settle_refused),
	KUNIT_CASE(switch_next_frozen),
	KUNIT_CASE(switch_next_dies),
	KUNIT_CASE(switch_old_dies),
	KUNIT_CASE(switch_old_lost),
	KUNIT_CASE(switch_loops),
	KUNIT_CASE(follow_loops),
	{}
};

static struct kunit_suite meanwhile_suite = {
	.name		= "io_target_meanwhile",
	.init		= meanwhile_init,
	.exit		= meanwhile_exit,
	.test_cases	= meanwhile_cases,
};

kunit_test_suite(meanwhile_suite);
