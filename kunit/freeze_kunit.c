// SPDX-License-Identifier: GPL-2.0
/*
 * Whoever stands above a target is told before its disk is frozen, and when that is over.
 */
#include <linux/sizes.h>

#include "device.h"
#include "internal.h"

#define LEN	512

static const struct testdev_disk_config freeze_config = {
	.name = "iotice",
	.size = SZ_1M,
	.limits = { .logical_block_size = LEN, .physical_block_size = LEN, .dma_alignment = 3 },
};

/**
 * struct above - the holder of a target
 * @t: it, over @disk
 * @disk: which is frozen
 * @frozen: FREEZE told and not THAW
 * @wrong: told in another order
 * @thaws: how often it was told
 * @state: of the target when it was told last
 * @flushed: what it was answered when it had to write before the freeze
 * @buf: that
 * @stays: being told of the freeze lasts until @leave
 * @told: it has begun
 * @leave: see there
 * @freeze: freezes @disk
 * @close: closes @t
 * @closed: it has
 */
struct above {
	struct io_target	*t;
	struct testdev_disk	*disk;
	bool			frozen;
	unsigned int		wrong;
	unsigned int		thaws;
	enum io_target_state	state;
	ssize_t			flushed;
	u8			*buf;
	bool			stays;
	struct completion	told;
	struct completion	leave;
	struct work_struct	freeze;
	struct work_struct	close;
	struct completion	closed;
};

static void above_event(struct io_target *t, enum io_target_event event, void *private)
{
	struct above *a = private;

	if (event != IO_TARGET_EVENT_FREEZE && event != IO_TARGET_EVENT_THAW)
		return;
	a->wrong += a->frozen == (event == IO_TARGET_EVENT_FREEZE);
	a->frozen = event == IO_TARGET_EVENT_FREEZE;
	a->thaws += !a->frozen;
	a->state = io_target_state(t);
	if (a->frozen)
		a->flushed = io_target_write(t, a->buf, LEN, 0, TESTDEV_PATIENCE);
	if (a->frozen && a->stays) {
		complete(&a->told);
		wait_for_completion(&a->leave);
	}
}

static struct above *above_open(struct kunit *test)
{
	struct above *a = kunit_kzalloc(test, sizeof(*a), GFP_KERNEL);
	struct io_target_config config = { .event = above_event, .private = a };

	if (!HOLDER_OPS)
		kunit_skip(test, "before 6.9 the holder of a disk is told nothing");
	KUNIT_ASSERT_NOT_NULL(test, a);
	a->buf = kunit_kzalloc(test, LEN, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, a->buf);
	a->disk = testdev_disk_create(&freeze_config);
	KUNIT_ASSERT_FALSE(test, IS_ERR(a->disk));
	a->t = io_target_create(&config);
	KUNIT_ASSERT_FALSE(test, IS_ERR(a->t));
	KUNIT_EXPECT_EQ(test, io_target_open(a->t, testdev_disk_path(a->disk), RW | IO_TARGET_EXCL),
			0);
	return a;
}

static void above_close(struct kunit *test, struct above *a)
{
	KUNIT_EXPECT_EQ(test, io_target_close(a->t), 0);
	io_target_put(a->t);
	KUNIT_EXPECT_FALSE(test, a->frozen);
	KUNIT_EXPECT_EQ(test, a->wrong, 0u);
	testdev_disk_destroy(a->disk);
}

/* While it is told of the freeze requests go through; when it is told of the thaw, too. */
static void freeze_told_first(struct kunit *test)
{
	struct above *a = above_open(test);

	KUNIT_EXPECT_EQ(test, testdev_disk_freeze(a->disk), 0);
	KUNIT_EXPECT_TRUE(test, a->frozen);
	KUNIT_EXPECT_EQ(test, a->state, IO_TARGET_STARTED);
	KUNIT_EXPECT_EQ(test, a->flushed, (ssize_t)LEN);
	KUNIT_EXPECT_EQ(test, io_target_state(a->t), IO_TARGET_SUSPENDED);
	KUNIT_EXPECT_EQ(test, testdev_disk_thaw(a->disk), 0);
	KUNIT_EXPECT_EQ(test, a->thaws, 1u);
	KUNIT_EXPECT_EQ(test, a->state, IO_TARGET_STARTED);
	above_close(test, a);
	KUNIT_EXPECT_EQ(test, a->thaws, 1u);
}

/* Who gives a frozen device up will not hear of its thaw: it is told at once. */
static void freeze_given_up(struct kunit *test)
{
	struct above *a = above_open(test);

	KUNIT_EXPECT_EQ(test, testdev_disk_freeze(a->disk), 0);
	KUNIT_EXPECT_EQ(test, io_target_suspend(a->t, TESTDEV_PATIENCE), 0);
	KUNIT_EXPECT_EQ(test, a->thaws, 1u);
	KUNIT_EXPECT_EQ(test, testdev_disk_thaw(a->disk), 0);
	KUNIT_EXPECT_EQ(test, io_target_reopen(a->t), 0);
	KUNIT_EXPECT_EQ(test, a->thaws, 1u);

	KUNIT_EXPECT_EQ(test, testdev_disk_freeze(a->disk), 0);
	KUNIT_EXPECT_EQ(test, io_target_close(a->t), 0);
	KUNIT_EXPECT_EQ(test, a->thaws, 2u);
	KUNIT_EXPECT_EQ(test, testdev_disk_thaw(a->disk), 0);
	above_close(test, a);
}

/* It dies while it is frozen: the thaw that still comes is told, or the close. */
static void freeze_died(struct kunit *test)
{
	struct above *a = above_open(test);

	KUNIT_EXPECT_EQ(test, testdev_disk_freeze(a->disk), 0);
	testdev_disk_kill(a->disk);
	KUNIT_EXPECT_EQ(test, io_target_state(a->t), IO_TARGET_REMOVED);
	KUNIT_EXPECT_EQ(test, testdev_disk_thaw(a->disk), 0);
	KUNIT_EXPECT_EQ(test, a->thaws, 1u);
	KUNIT_EXPECT_EQ(test, io_target_state(a->t), IO_TARGET_REMOVED);
	above_close(test, a);
}

static void freeze_work(struct work_struct *work)
{
	struct above *a = container_of(work, struct above, freeze);

	testdev_disk_freeze(a->disk);
}

static void close_work(struct work_struct *work)
{
	struct above *a = container_of(work, struct above, close);

	io_target_close(a->t);
	complete_all(&a->closed);
}

/* Who is still being told, by the owner of the disk, may use what is his until he returns. */
static void freeze_close_waits(struct kunit *test)
{
	struct above *a = above_open(test);

	init_completion(&a->told);
	init_completion(&a->leave);
	init_completion(&a->closed);
	INIT_WORK(&a->freeze, freeze_work);
	INIT_WORK(&a->close, close_work);
	a->stays = true;
	queue_work(system_unbound_wq, &a->freeze);
	wait_for_completion(&a->told);
	queue_work(system_unbound_wq, &a->close);
	KUNIT_EXPECT_FALSE(test, wait_for_completion_timeout(&a->closed, HZ / 5));
	KUNIT_EXPECT_EQ(test, io_target_state(a->t), IO_TARGET_CLOSED);
	complete(&a->leave);
	flush_work(&a->freeze);
	wait_for_completion(&a->closed);
	flush_work(&a->close);
	KUNIT_EXPECT_EQ(test, testdev_disk_thaw(a->disk), 0);
	above_close(test, a);
	KUNIT_EXPECT_EQ(test, a->thaws, 1u);
}

/* The freeze waits for a write that the disk holds; who controls the target does not. */
static void freeze_waits(struct kunit *test)
{
	struct above *a = above_open(test);
	struct sent *s = sent_alloc(test, a->t, 1);

	init_completion(&a->told);
	init_completion(&a->leave);
	INIT_WORK(&a->freeze, freeze_work);
	a->stays = true;
	queue_work(system_unbound_wq, &a->freeze);
	wait_for_completion(&a->told);
	testdev_disk_mode(a->disk, TESTDEV_HOLD, TESTDEV_TASK);
	KUNIT_EXPECT_EQ(test, io_target_prep_write_buf(&s->req, a->buf, LEN, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, sent_submit(s), 0);
	KUNIT_EXPECT_TRUE(test, testdev_disk_wait_held(a->disk, 1));
	complete(&a->leave);
	wait_event(a->t->idle_wait, io_target_state(a->t) == IO_TARGET_SUSPENDED);
	KUNIT_EXPECT_EQ(test, io_target_suspend(a->t, 1), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, io_target_reopen(a->t), 0);
	KUNIT_EXPECT_EQ(test, io_target_stop(a->t, IO_TARGET_LEAVE_SENT, 0), 0);
	KUNIT_EXPECT_TRUE(test, work_busy(&a->freeze));
	testdev_disk_release_all(a->disk, BLK_STS_OK, TESTDEV_TASK);
	flush_work(&a->freeze);
	KUNIT_EXPECT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, io_target_state(a->t), IO_TARGET_SUSPENDED);
	KUNIT_EXPECT_EQ(test, testdev_disk_thaw(a->disk), 0);
	KUNIT_EXPECT_EQ(test, io_target_state(a->t), IO_TARGET_STOPPED);
	above_close(test, a);
}

static struct kunit_case freeze_cases[] = {
	KUNIT_CASE(freeze_told_first),
	KUNIT_CASE(freeze_given_up),
	KUNIT_CASE(freeze_died),
	KUNIT_CASE(freeze_close_waits),
	KUNIT_CASE(freeze_waits),
	{}
};

static struct kunit_suite freeze_suite = {
	.name = "io_target_freeze",
	.test_cases = freeze_cases,
};

kunit_test_suite(freeze_suite);
