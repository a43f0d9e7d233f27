// SPDX-License-Identifier: GPL-2.0
/*
 * A disk that can be opened and does not answer, neither what a look asks it nor what was
 * to be written back when it is claimed: who controls the target does not wait for it, and it
 * is given back when it answers.
 */
#include <linux/fs.h>
#include <linux/sizes.h>

#include "device.h"
#include "internal.h"
#include "looks.h"
#include "pattern.h"

#define LEN	512

/* Who controls the target is back long before a test that waits for a device gives up. */
#define AT_ONCE	(TESTDEV_PATIENCE / 4)

static const struct testdev_disk_config config = {
	.name = "iotmute",
	.size = SZ_1M,
	.wwid = 0x6d757465,
	.limits = { .logical_block_size = LEN, .physical_block_size = LEN },
};

static struct testdev_disk *mute, *fine;

static int mute_init(struct kunit *test)
{
	struct testdev_disk_config other = config;

	other.name = "iotfine";
	mute = testdev_disk_create(&config);
	fine = testdev_disk_create(&other);
	return PTR_ERR_OR_ZERO(mute) ?: PTR_ERR_OR_ZERO(fine) ?: device_fixture_init(test);
}

static void mute_answers(blk_status_t status)
{
	testdev_disk_mode(mute, TESTDEV_NOW, TESTDEV_TASK);
	testdev_disk_release_all(mute, status, TESTDEV_TASK);
}

static void mute_exit(struct kunit *test)
{
	mute_answers(BLK_STS_OK);
	device_fixture_exit(test);
	testdev_disk_destroy(mute);
	testdev_disk_destroy(fine);
}

/* A target that has lost the disk, which is back, and holds what it is asked. */
static struct io_target *mute_lost(struct kunit *test)
{
	struct device_fixture *fx = test->priv;
	struct io_target *t = fx->target[0];

	t->config.follow = (struct io_target_follow){ .enable = true, .first = 1, .last = 1 };
	device_open(test, testdev_disk_path(mute), RW);
	testdev_disk_mode(mute, TESTDEV_HOLD, TESTDEV_TASK);
	iot_target_removed(t);
	KUNIT_EXPECT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_LOST, 1));
	KUNIT_ASSERT_TRUE(test, testdev_disk_wait_held(mute, 1));
	return t;
}

/* It takes its time, and is found. */
static void mute_found(struct kunit *test)
{
	struct io_target *t = mute_lost(test);
	u8 buf[LEN] = {};

	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_SUSPENDED);
	KUNIT_EXPECT_EQ(test, io_target_stop(t, IO_TARGET_LEAVE_SENT, 0), 0);
	KUNIT_EXPECT_EQ(test, io_target_start(t), 0);
	mute_answers(BLK_STS_OK);
	KUNIT_EXPECT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_FOUND, 1));
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_STARTED);
	KUNIT_EXPECT_EQ(test, io_target_write(t, buf, LEN, 0, TESTDEV_PATIENCE), (ssize_t)LEN);
}

/* The target is suspended, told to look again, closed, opened on another disk. */
static void mute_forgotten(struct kunit *test)
{
	struct device_fixture *fx = test->priv;
	struct io_target *t = mute_lost(test);
	unsigned long began = jiffies;
	unsigned int bios;

	KUNIT_EXPECT_EQ(test, io_target_suspend(t, 1), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, io_target_suspend(t, 1), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, io_target_reopen(t), 0);
	KUNIT_EXPECT_TRUE(test, testdev_disk_wait_held(mute, 2));
	KUNIT_EXPECT_EQ(test, io_target_reopen(t), 0);
	KUNIT_EXPECT_TRUE(test, testdev_disk_wait_held(mute, 3));
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_CLOSED);
	KUNIT_EXPECT_EQ(test, testdev_opens(), fx->opens + 3);
	device_open(test, testdev_disk_path(fine), RW | IO_TARGET_EXCL);
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	KUNIT_EXPECT_TRUE(test, time_before(jiffies, began + AT_ONCE));
	bios = testdev_disk_seen(mute).bios;
	mute_answers(BLK_STS_OK);
	KUNIT_EXPECT_TRUE(test, device_wait_unused(test));
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->events[IO_TARGET_EVENT_FOUND]), 0);
	/* What is forgotten goes no further than the look without a claim. */
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(mute).bios, bios);
}

/* The target's last reference goes, and the look keeps its memory. */
static void mute_put(struct kunit *test)
{
	struct device_fixture *fx = test->priv;
	struct io_target *t = mute_lost(test);

	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	io_target_put(t);
	swap(fx->target[0], fx->target[1]);
	fx->target[1] = NULL;
	mute_answers(BLK_STS_IOERR);
	KUNIT_EXPECT_TRUE(test, device_wait_unused(test));
}

/* Who opens it, claims it, and waits for what others have written to it. */
struct opener {
	struct work_struct	work;
	struct io_target	*target;
	const char		*next;	/* or NULL: it reopens */
	int			ret;
};

static void opener_work(struct work_struct *work)
{
	struct opener *o = container_of(work, struct opener, work);

	o->ret = o->next ? io_target_set_next(o->target, o->next) : io_target_reopen(o->target);
}

static void opener_start(struct kunit *test, struct opener *o)
{
	testdev_disk_mode(mute, TESTDEV_HOLD, TESTDEV_TASK);
	INIT_WORK_ONSTACK(&o->work, opener_work);
	queue_work(system_unbound_wq, &o->work);
	KUNIT_EXPECT_TRUE(test, testdev_disk_wait_held(mute, 1));
}

static int opener_join(struct opener *o)
{
	mute_answers(BLK_STS_OK);
	flush_work(&o->work);
	destroy_work_on_stack(&o->work);
	return o->ret;
}

static struct file *mute_dirty(struct kunit *test)
{
	struct file *file = device_filp_open(testdev_disk_path(mute), O_RDWR);
	loff_t pos = 0;
	u8 buf[LEN];

	pattern_fill(buf, LEN, 0, 1);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_EXPECT_EQ(test, kernel_write(file, buf, LEN, &pos), LEN);
	return file;
}

static void mute_next(struct kunit *test)
{
	struct io_target *t = device_open(test, testdev_disk_path(fine), RW | IO_TARGET_EXCL);
	struct opener o = { .target = t, .next = testdev_disk_path(mute) };
	struct file *file = mute_dirty(test);

	opener_start(test, &o);
	KUNIT_EXPECT_EQ(test, io_target_suspend(t, TESTDEV_PATIENCE), 0);
	KUNIT_EXPECT_EQ(test, io_target_reopen(t), 0);
	KUNIT_EXPECT_EQ(test, opener_join(&o), 0);
	KUNIT_EXPECT_EQ(test, io_target_set_next(t, NULL), 0);

	device_filp_close(file);
	file = mute_dirty(test);
	opener_start(test, &o);
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	KUNIT_EXPECT_EQ(test, opener_join(&o), -ENODEV);
	device_filp_close(file);
	KUNIT_EXPECT_TRUE(test, device_wait_unused(test));
}

static void mute_reopen(struct kunit *test)
{
	struct io_target *t = device_open(test, testdev_disk_path(mute), RW | IO_TARGET_EXCL);
	struct opener o = { .target = t };
	struct io_target_info info;
	struct file *file;

	KUNIT_EXPECT_EQ(test, io_target_suspend(t, TESTDEV_PATIENCE), 0);
	file = mute_dirty(test);
	opener_start(test, &o);
	KUNIT_EXPECT_EQ(test, io_target_stop(t, IO_TARGET_LEAVE_SENT, 0), 0);
	KUNIT_EXPECT_EQ(test, opener_join(&o), 0);
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_STOPPED);

	KUNIT_EXPECT_EQ(test, io_target_suspend(t, TESTDEV_PATIENCE), 0);
	device_filp_close(file);
	file = mute_dirty(test);
	opener_start(test, &o);
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	KUNIT_EXPECT_EQ(test, opener_join(&o), -ENODEV);
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_CLOSED);
	device_filp_close(file);

	/* Somebody else has opened another disk meanwhile, and suspended that. */
	file = mute_dirty(test);
	opener_start(test, &o);
	KUNIT_EXPECT_EQ(test, io_target_open(t, testdev_disk_path(fine), RW), 0);
	KUNIT_EXPECT_EQ(test, io_target_suspend(t, TESTDEV_PATIENCE), 0);
	KUNIT_EXPECT_EQ(test, opener_join(&o), -EBUSY);
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_SUSPENDED);
	KUNIT_EXPECT_EQ(test, io_target_reopen(t), 0);
	KUNIT_EXPECT_EQ(test, io_target_get_info(t, &info), 0);
	KUNIT_EXPECT_EQ(test, info.dev, testdev_disk_dev(fine));
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	device_filp_close(file);
	KUNIT_EXPECT_TRUE(test, device_wait_unused(test));
}

static struct kunit_case mute_cases[] = {
	KUNIT_CASE(mute_found),
	KUNIT_CASE(mute_forgotten),
	KUNIT_CASE(mute_put),
	KUNIT_CASE(mute_next),
	KUNIT_CASE(mute_reopen),
	{}
};

static struct kunit_suite mute_suite = {
	.name = "io_target_mute",
	.init = mute_init,
	.exit = mute_exit,
	.test_cases = mute_cases,
};

kunit_test_suite(mute_suite);
