// SPDX-License-Identifier: GPL-2.0
/*
 * A disk can be opened and does not answer: neither the read of a look, nor the write-back
 * when it is claimed. Calls that control the target do not wait for it, and it is closed when
 * it answers.
 */
#include <linux/fs.h>
#include <linux/sizes.h>

#include "device.h"
#include "internal.h"
#include "looks.h"
#include "pattern.h"

#define LEN	512

/* A control call returns long before a test that waits for a device gives up. */
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

static void mute_exit(struct kunit *test)
{
	testdev_disk_let_go(mute, BLK_STS_OK, TESTDEV_TASK);
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
	testdev_disk_let_go(mute, BLK_STS_OK, TESTDEV_TASK);
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
	testdev_disk_let_go(mute, BLK_STS_OK, TESTDEV_TASK);
	KUNIT_EXPECT_TRUE(test, device_wait_unused(test));
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->events[IO_TARGET_EVENT_FOUND]), 0);
	/* A forgotten look does not go on to claim the disk. */
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
	testdev_disk_let_go(mute, BLK_STS_IOERR, TESTDEV_TASK);
	KUNIT_EXPECT_TRUE(test, device_wait_unused(test));
}

/**
 * struct opener - another thread opens @mute and claims it, and so waits for its write-back
 * @work: calls io_target_set_next() or io_target_reopen()
 * @target: of the call
 * @next: the path to set, or NULL: reopen
 * @ret: result of the call
 * @file: has written to the page cache of @mute
 */
struct opener {
	struct work_struct	work;
	struct io_target	*target;
	const char		*next;
	int			ret;
	struct file		*file;
};

static void opener_work(struct work_struct *work)
{
	struct opener *o = container_of(work, struct opener, work);

	o->ret = o->next ? io_target_set_next(o->target, o->next) : io_target_reopen(o->target);
}

static struct file *mute_dirty(struct kunit *test)
{
	struct file *file = device_filp_open(testdev_disk_path(mute), O_RDWR);
	loff_t pos = 0;
	u8 buf[LEN];

	pattern_fill(buf, LEN, 0, 1);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_EXPECT_EQ(test, kernel_write(file, buf, LEN, &pos), LEN);
	testdev_disk_mode(mute, TESTDEV_HOLD, TESTDEV_TASK);
	return file;
}

static void opener_start(struct kunit *test, struct opener *o)
{
	o->file = mute_dirty(test);
	INIT_WORK_ONSTACK(&o->work, opener_work);
	queue_work(system_unbound_wq, &o->work);
	KUNIT_EXPECT_TRUE(test, testdev_disk_wait_held(mute, 1));
}

static int opener_join(struct opener *o)
{
	testdev_disk_let_go(mute, BLK_STS_OK, TESTDEV_TASK);
	flush_work(&o->work);
	destroy_work_on_stack(&o->work);
	device_filp_close(o->file);
	return o->ret;
}

/* The target is closed while the other thread waits: the device is not to become its own. */
static void expect_closed_meanwhile(struct kunit *test, struct opener *o)
{
	opener_start(test, o);
	KUNIT_EXPECT_EQ(test, io_target_close(o->target), 0);
	KUNIT_EXPECT_EQ(test, opener_join(o), -ENODEV);
	KUNIT_EXPECT_EQ(test, io_target_state(o->target), IO_TARGET_CLOSED);
	KUNIT_EXPECT_TRUE(test, device_wait_unused(test));
}

static void mute_next(struct kunit *test)
{
	struct io_target *t = device_open(test, testdev_disk_path(fine), RW | IO_TARGET_EXCL);
	struct opener o = { .target = t, .next = testdev_disk_path(mute) };

	opener_start(test, &o);
	KUNIT_EXPECT_EQ(test, io_target_suspend(t, TESTDEV_PATIENCE), 0);
	KUNIT_EXPECT_EQ(test, io_target_reopen(t), 0);
	KUNIT_EXPECT_EQ(test, opener_join(&o), 0);
	KUNIT_EXPECT_EQ(test, io_target_set_next(t, NULL), 0);
	expect_closed_meanwhile(test, &o);
}

/* The old disk dies, with a request that it has not answered, while the next one is opened. */
static void mute_next_dies(struct kunit *test)
{
	struct io_target *t = device_open(test, testdev_disk_path(fine), RW | IO_TARGET_EXCL);
	struct opener o = { .target = t, .next = testdev_disk_path(mute) };
	u64 size = t->fits.info.size;
	struct sent *s = sent_alloc(test, t, 1);
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	testdev_disk_mode(fine, TESTDEV_HOLD, TESTDEV_TASK);
	sent_prep(test, s, IO_TARGET_OP_WRITE, buf, LEN, 0, 0);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	opener_start(test, &o);
	testdev_disk_kill(fine);
	KUNIT_EXPECT_EQ(test, opener_join(&o), -ENODEV);
	KUNIT_EXPECT_EQ(test, t->fits.info.size, size);
	testdev_disk_let_go(fine, BLK_STS_IOERR, TESTDEV_TASK);
	KUNIT_EXPECT_TRUE(test, sent_wait(s));
}

static void mute_reopen(struct kunit *test)
{
	struct io_target *t = device_open(test, testdev_disk_path(mute), RW | IO_TARGET_EXCL);
	struct opener o = { .target = t };
	struct io_target_info info;

	KUNIT_EXPECT_EQ(test, io_target_suspend(t, TESTDEV_PATIENCE), 0);
	opener_start(test, &o);
	KUNIT_EXPECT_EQ(test, io_target_stop(t, IO_TARGET_LEAVE_SENT, 0), 0);
	KUNIT_EXPECT_EQ(test, opener_join(&o), 0);
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_STOPPED);
	KUNIT_EXPECT_EQ(test, io_target_suspend(t, TESTDEV_PATIENCE), 0);
	expect_closed_meanwhile(test, &o);

	/* Somebody else opens another disk meanwhile, and suspends the target again. */
	opener_start(test, &o);
	KUNIT_EXPECT_EQ(test, io_target_open(t, testdev_disk_path(fine), RW), 0);
	KUNIT_EXPECT_EQ(test, io_target_suspend(t, TESTDEV_PATIENCE), 0);
	KUNIT_EXPECT_EQ(test, opener_join(&o), -EBUSY);
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_SUSPENDED);
	KUNIT_EXPECT_EQ(test, io_target_reopen(t), 0);
	KUNIT_EXPECT_EQ(test, io_target_get_info(t, &info), 0);
	KUNIT_EXPECT_EQ(test, info.dev, testdev_disk_dev(fine));
}

static void remove_work(struct work_struct *work)
{
	testdev_disk_remove(mute);
}

/* The disk is removed in order, and does not take what was in its page cache. */
static void mute_removed(struct kunit *test)
{
	struct io_target *t = device_open(test, testdev_disk_path(mute), RW | IO_TARGET_EXCL);
	struct file *file = mute_dirty(test);
	unsigned long began = jiffies;
	struct work_struct work;

	INIT_WORK_ONSTACK(&work, remove_work);
	queue_work(system_unbound_wq, &work);
	KUNIT_EXPECT_TRUE(test, testdev_disk_wait_held(mute, 1));
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	KUNIT_EXPECT_TRUE(test, time_before(jiffies, began + AT_ONCE));
	testdev_disk_let_go(mute, BLK_STS_OK, TESTDEV_TASK);
	flush_work(&work);
	destroy_work_on_stack(&work);
	device_filp_close(file);
}

static struct kunit_case mute_cases[] = {
	KUNIT_CASE(mute_found),
	KUNIT_CASE(mute_forgotten),
	KUNIT_CASE(mute_put),
	KUNIT_CASE(mute_next),
	KUNIT_CASE(mute_next_dies),
	KUNIT_CASE(mute_reopen),
	KUNIT_CASE(mute_removed),
	{}
};

static struct kunit_suite mute_suite = {
	.name = "io_target_mute",
	.init = mute_init,
	.exit = mute_exit,
	.test_cases = mute_cases,
};

kunit_test_suite(mute_suite);
