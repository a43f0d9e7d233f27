// SPDX-License-Identifier: GPL-2.0
/*
 * Whoever stands above a target is told before its disk is removed in order, and can write to
 * it until he has been.
 */
#include "lost.h"
#include "lot.h"

#define LEN	LOST_BLOCK

/**
 * struct above - the holder of a target
 * @t: it, over @disk
 * @disk: which is removed
 * @told: how often it was told that the disk leaves
 * @removed: it was told of the removal when it had been told so often
 * @state: of the target while it was told
 * @written: what a write was answered at the end of that
 * @buf: what is written
 * @stays: being told lasts until @leave
 * @begun: it has begun
 * @leave: see there
 * @remove: removes @disk
 */
struct above {
	struct io_target	*t;
	struct testdev_disk	*disk;
	unsigned int		told;
	unsigned int		removed;
	enum io_target_state	state;
	ssize_t			written;
	u8			*buf;
	bool			stays;
	struct completion	begun;
	struct completion	leave;
	struct work_struct	remove;
};

static void above_event(struct io_target *t, enum io_target_event event, void *private)
{
	struct above *a = private;

	if (event == IO_TARGET_EVENT_STATE && io_target_state(t) == IO_TARGET_REMOVED)
		a->removed = a->told;
	if (event != IO_TARGET_EVENT_LEAVING)
		return;
	a->told++;
	a->state = io_target_state(t);
	complete(&a->begun);
	if (a->stays)
		wait_for_completion(&a->leave);
	a->written = io_target_write(t, a->buf, LEN, 0, TESTDEV_PATIENCE);
}

static void remove_work(struct work_struct *work)
{
	testdev_disk_remove(container_of(work, struct above, remove)->disk);
}

static struct above *above_open(struct kunit *test, bool follows)
{
	struct above *a = kunit_kzalloc(test, sizeof(*a), GFP_KERNEL);
	struct io_target_config config = { .event = above_event, .private = a };
	const struct testdev_disk_config disk = lost_config("iotleave");

	if (!HOLDER_OPS)
		kunit_skip(test, "before 6.9 the holder of a disk is told nothing");
	KUNIT_ASSERT_NOT_NULL(test, a);
	a->buf = kunit_kzalloc(test, LEN, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, a->buf);
	config.follow.enable = follows;
	config.follow.size_is_enough = follows;
	init_completion(&a->begun);
	init_completion(&a->leave);
	INIT_WORK(&a->remove, remove_work);
	a->disk = testdev_disk_create(&disk);
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
	testdev_disk_destroy(a->disk);
}

static void expect_told(struct kunit *test, struct above *a, ssize_t written)
{
	KUNIT_EXPECT_EQ(test, a->told, 1u);
	KUNIT_EXPECT_EQ(test, a->removed, 1u);
	KUNIT_EXPECT_EQ(test, a->state, IO_TARGET_STARTED);
	KUNIT_EXPECT_EQ(test, a->written, written);
	KUNIT_EXPECT_EQ(test, io_target_state(a->t), IO_TARGET_REMOVED);
}

static void expect_not_told(struct kunit *test, struct above *a)
{
	KUNIT_EXPECT_EQ(test, a->told, 0u);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(a->disk).bios, 0u);
}

/* The disk is being removed, and the holder being told, when this returns. */
static void remove_begin(struct kunit *test, struct above *a)
{
	a->stays = true;
	queue_work(system_unbound_wq, &a->remove);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&a->begun, TESTDEV_PATIENCE), 0ul);
}

static void remove_end(struct above *a)
{
	complete(&a->leave);
	flush_work(&a->remove);
}

/* In order: it works until this has been told. Covers L6. */
static void leaving_told(struct kunit *test)
{
	struct above *a = above_open(test, false);

	testdev_disk_remove(a->disk);
	expect_told(test, a, LEN);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(a->disk).bios, 1u);
	above_close(test, a);
}

/* Requests that its owner holds back go first, and nothing is held back after that. */
static void leaving_stopped(struct kunit *test)
{
	struct above *a = above_open(test, false);
	struct sent *pended = sent_alloc(test, a->t, 1);

	KUNIT_EXPECT_EQ(test, io_target_stop(a->t, IO_TARGET_LEAVE_SENT, 0), 0);
	KUNIT_EXPECT_EQ(test, io_target_prep_write_buf(&pended->req, a->buf, LEN, LEN, 0), 0);
	KUNIT_EXPECT_EQ(test, sent_submit(pended), 0);
	testdev_disk_remove(a->disk);
	expect_told(test, a, LEN);
	KUNIT_EXPECT_TRUE(test, sent_wait(pended));
	KUNIT_EXPECT_EQ(test, pended->req.result, (ssize_t)LEN);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(a->disk).bios, 2u);
	above_close(test, a);
}

/* Nothing pends, but may: what is written once the holder has been told. */
static void leaving_stopped_idle(struct kunit *test)
{
	struct above *a = above_open(test, false);

	KUNIT_EXPECT_EQ(test, io_target_stop(a->t, IO_TARGET_LEAVE_SENT, 0), 0);
	testdev_disk_remove(a->disk);
	expect_told(test, a, LEN);
	above_close(test, a);
}

/* It would pend, and whoever removes the disk would wait for it. */
static void leaving_not_held_back(struct kunit *test)
{
	const struct testdev_disk_config config = lost_config("iotstay");
	struct above *a = above_open(test, false);
	struct testdev_disk *next;

	next = testdev_disk_create(&config);
	KUNIT_ASSERT_FALSE(test, IS_ERR(next));
	KUNIT_EXPECT_EQ(test, io_target_set_next(a->t, testdev_disk_path(next)), 0);
	remove_begin(test, a);
	KUNIT_EXPECT_EQ(test, io_target_switch(a->t, TESTDEV_PATIENCE), -ENODEV);
	KUNIT_EXPECT_EQ(test, io_target_stop(a->t, IO_TARGET_LEAVE_SENT, 0), -ENODEV);
	KUNIT_EXPECT_EQ(test, io_target_drain(a->t, TESTDEV_PATIENCE), -ENODEV);
	KUNIT_EXPECT_EQ(test, io_target_suspend(a->t, TESTDEV_PATIENCE), -ENODEV);
	KUNIT_EXPECT_EQ(test, io_target_state(a->t), IO_TARGET_STARTED);
	remove_end(a);
	expect_told(test, a, LEN);
	above_close(test, a);
	testdev_disk_destroy(next);
}

/* To end it is another thing. */
static void leaving_purged_meanwhile(struct kunit *test)
{
	struct above *a = above_open(test, false);

	remove_begin(test, a);
	KUNIT_EXPECT_EQ(test, io_target_purge(a->t, IO_TARGET_CANCEL_SENT, TESTDEV_PATIENCE), 0);
	remove_end(a);
	expect_told(test, a, -ESHUTDOWN);
	above_close(test, a);
}

/* Close waits for the holder to have been told, whose writes end with an error. */
static void leaving_closed_meanwhile(struct kunit *test)
{
	struct above *a = above_open(test, false);
	struct other *close;

	remove_begin(test, a);
	close = other_start(test, io_target_close, a->t);
	KUNIT_EXPECT_TRUE(test, other_close_waits(close));
	remove_end(a);
	KUNIT_EXPECT_EQ(test, other_end(test, close), 0);
	KUNIT_EXPECT_EQ(test, a->written, (ssize_t)-ENODEV);
	KUNIT_EXPECT_EQ(test, a->removed, 0u);
	above_close(test, a);
}

/* An owner who ends all, or has given the disk up, has nothing to be written to it. */
static void leaving_not_started(struct kunit *test)
{
	struct above *a = above_open(test, false);

	KUNIT_EXPECT_EQ(test, io_target_purge(a->t, IO_TARGET_LEAVE_SENT, 0), 0);
	testdev_disk_remove(a->disk);
	expect_not_told(test, a);
	KUNIT_EXPECT_EQ(test, io_target_state(a->t), IO_TARGET_REMOVED);
	above_close(test, a);

	a = above_open(test, false);
	KUNIT_EXPECT_EQ(test, testdev_disk_freeze(a->disk), 0);
	testdev_disk_remove(a->disk);
	expect_not_told(test, a);
	above_close(test, a);
}

/* A target that follows takes it for a loss like any other: whoever stands above it stays. */
static void leaving_followed(struct kunit *test)
{
	struct above *a = above_open(test, true);

	testdev_disk_remove(a->disk);
	expect_not_told(test, a);
	KUNIT_EXPECT_EQ(test, io_target_state(a->t), IO_TARGET_SUSPENDED);
	above_close(test, a);
}

/* Nothing can be written any more. */
static void leaving_by_surprise(struct kunit *test)
{
	struct above *a = above_open(test, false);

	testdev_disk_kill(a->disk);
	expect_not_told(test, a);
	KUNIT_EXPECT_EQ(test, io_target_state(a->t), IO_TARGET_REMOVED);
	testdev_disk_remove(a->disk);
	expect_not_told(test, a);
	above_close(test, a);
}

static struct kunit_case leaving_cases[] = {
	KUNIT_CASE(leaving_told),
	KUNIT_CASE(leaving_stopped),
	KUNIT_CASE(leaving_stopped_idle),
	KUNIT_CASE(leaving_not_held_back),
	KUNIT_CASE(leaving_purged_meanwhile),
	KUNIT_CASE(leaving_closed_meanwhile),
	KUNIT_CASE(leaving_not_started),
	KUNIT_CASE(leaving_followed),
	KUNIT_CASE(leaving_by_surprise),
	{}
};

static struct kunit_suite leaving_suite = {
	.name = "io_target_leaving",
	.suite_init = queue_suite_init,
	.suite_exit = queue_suite_exit,
	.init = device_fixture_init,
	.exit = queue_fixture_exit,
	.test_cases = leaving_cases,
};

kunit_test_suite(leaving_suite);
