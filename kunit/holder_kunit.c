// SPDX-License-Identifier: GPL-2.0
/*
 * A claimed disk is removed, dies, is frozen and thawed: what its holder is told, and
 * what becomes of requests.
 */
#include <linux/sizes.h>

#include "device.h"
#include "internal.h"

#define LEN	512
#define HELD	4
#define PENDED	4
#define RUNNERS	4

static const struct testdev_disk_config gone_config = {
	.name = "iotgone",
	.size = SZ_64M,
	.limits = { .logical_block_size = LEN, .physical_block_size = LEN, .dma_alignment = 3 },
};

/**
 * struct scene - a disk that will not stay as it is
 * @disk: it
 * @t: its holder, open
 * @held: requests that it has
 * @pended: and that it has not
 * @buf: their memory
 */
struct scene {
	struct testdev_disk	*disk;
	struct io_target	*t;
	struct sent		*held;
	struct sent		*pended;
	u8			*buf;
};

static void scene_open(struct kunit *test, struct scene *s)
{
	struct device_fixture *fx = test->priv;

	if (!HOLDER_OPS)
		kunit_skip(test, "before 6.9 the holder of a disk is told nothing");
	s->t = fx->target[0];
	s->buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, s->buf);
	s->held = sent_alloc(test, s->t, HELD);
	s->pended = sent_alloc(test, s->t, PENDED);
	s->disk = testdev_disk_create(&gone_config);
	KUNIT_ASSERT_FALSE(test, IS_ERR(s->disk));
	KUNIT_EXPECT_EQ(test, io_target_open(s->t, testdev_disk_path(s->disk),
					     RW | IO_TARGET_EXCL), 0);
}

/* Nothing is asserted between open and this, or a dead disk would stay. */
static void scene_close(struct kunit *test, struct scene *s)
{
	testdev_disk_let_go(s->disk, BLK_STS_OK, TESTDEV_TASK);
	KUNIT_EXPECT_EQ(test, io_target_close(s->t), 0);
	KUNIT_EXPECT_EQ(test, io_target_state(s->t), IO_TARGET_CLOSED);
	testdev_disk_destroy(s->disk);
}

static int send(struct kunit *test, struct scene *s, struct sent *sent, unsigned int flags)
{
	int err = io_target_prep_write_buf(&sent->req, s->buf, LEN, 0, flags);

	return err ?: sent_submit(sent);
}

static void hold(struct kunit *test, struct scene *s)
{
	unsigned int i;

	testdev_disk_mode(s->disk, TESTDEV_HOLD, TESTDEV_TASK);
	for (i = 0; i < HELD; i++)
		KUNIT_EXPECT_EQ(test, send(test, s, &s->held[i], 0), 0);
	KUNIT_EXPECT_TRUE(test, testdev_disk_wait_held(s->disk, HELD));
}

static void pend(struct kunit *test, struct scene *s)
{
	unsigned int i;

	for (i = 0; i < PENDED; i++)
		KUNIT_EXPECT_EQ(test, send(test, s, &s->pended[i],
					   i & 1 ? IO_TARGET_BOUNCE : 0), 0);
	KUNIT_EXPECT_EQ(test, s->t->nr_pended, (unsigned int)PENDED);
}

static void expect_ends(struct kunit *test, struct sent *sent, unsigned int n, ssize_t result,
			bool not_sent)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		KUNIT_EXPECT_TRUE(test, sent_wait(&sent[i]));
		KUNIT_EXPECT_EQ(test, atomic_read(&sent[i].ends), 1);
		KUNIT_EXPECT_EQ(test, sent[i].req.result, result);
		KUNIT_EXPECT_EQ(test, sent[i].req.not_sent, not_sent);
	}
}

static int state_events(struct kunit *test)
{
	struct device_fixture *fx = test->priv;

	return atomic_read(&fx->events[IO_TARGET_EVENT_STATE]);
}

static void expect_conserved(struct kunit *test, struct io_target *t)
{
	u64 submitted = 0, completed = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		submitted += READ_ONCE(per_cpu_ptr(t->stats, cpu)->submitted);
		completed += READ_ONCE(per_cpu_ptr(t->stats, cpu)->completed);
	}
	KUNIT_EXPECT_EQ(test, submitted, completed);
}

/* Whatever is tried now, there is no device. */
static void expect_removed(struct kunit *test, struct scene *s, struct sent *spare)
{
	KUNIT_EXPECT_EQ(test, io_target_state(s->t), IO_TARGET_REMOVED);
	KUNIT_EXPECT_EQ(test, sent_submit(spare), -ENODEV);
	KUNIT_EXPECT_EQ(test, io_target_write(s->t, s->buf, LEN, 0, HZ), -ENODEV);
	KUNIT_EXPECT_EQ(test, io_target_start(s->t), -ENODEV);
	KUNIT_EXPECT_EQ(test, io_target_stop(s->t, IO_TARGET_LEAVE_SENT, 0), -ENODEV);
	KUNIT_EXPECT_EQ(test, io_target_purge(s->t, IO_TARGET_LEAVE_SENT, 0), -ENODEV);
	KUNIT_EXPECT_EQ(test, io_target_reopen(s->t), -EBUSY);
}

/* With those that it has and those that pend; a spare one is formatted in time. */
static struct sent *set_out(struct kunit *test, struct scene *s)
{
	struct sent *spare = sent_alloc(test, s->t, 1);

	hold(test, s);
	KUNIT_EXPECT_EQ(test, io_target_prep_write_buf(&spare->req, s->buf, LEN, 0,
						       IO_TARGET_IGNORE_STATE), 0);
	KUNIT_EXPECT_EQ(test, io_target_stop(s->t, IO_TARGET_LEAVE_SENT, 0), 0);
	pend(test, s);
	return spare;
}

/*
 * In order: what pends is sent while the disk works, then nothing more. What it has
 * ends as it says. Covers L6.
 */
static void holder_removed(struct kunit *test)
{
	struct sent *spare;
	struct scene s;
	int before;

	scene_open(test, &s);
	spare = set_out(test, &s);
	before = state_events(test);
	testdev_disk_remove(s.disk);
	KUNIT_EXPECT_EQ(test, state_events(test) - before, 1);
	expect_removed(test, &s, spare);
	KUNIT_EXPECT_TRUE(test, testdev_disk_wait_held(s.disk, HELD + PENDED));
	testdev_disk_release_all(s.disk, BLK_STS_OK, TESTDEV_SOFTIRQ);
	expect_ends(test, s.held, HELD, LEN, false);
	expect_ends(test, s.pended, PENDED, LEN, false);
	expect_conserved(test, s.t);
	scene_close(test, &s);
}

/* By surprise: what pends is not sent any more. Covers L7. */
static void holder_died(struct kunit *test)
{
	struct sent *spare;
	struct scene s;
	int before;

	scene_open(test, &s);
	spare = set_out(test, &s);
	before = state_events(test);
	testdev_disk_kill(s.disk);
	KUNIT_EXPECT_EQ(test, state_events(test) - before, 1);
	expect_ends(test, s.pended, PENDED, -ENODEV, true);
	expect_removed(test, &s, spare);
	testdev_disk_release_all(s.disk, BLK_STS_IOERR, TESTDEV_HARDIRQ);
	expect_ends(test, s.held, HELD, -EIO, false);
	expect_conserved(test, s.t);
	/* What is dead is removed, too, which is no news. */
	testdev_disk_remove(s.disk);
	KUNIT_EXPECT_EQ(test, state_events(test) - before, 1);
	scene_close(test, &s);
}

/* With requests that are sent again whenever they end, until they cannot be */
static void remove_running(struct kunit *test, void (*remove)(struct testdev_disk *disk))
{
	unsigned int i, ended = 0, sent = 0;
	struct sent *r;
	struct scene s;

	scene_open(test, &s);
	r = sent_alloc(test, s.t, RUNNERS);
	testdev_disk_mode(s.disk, TESTDEV_LATE, TESTDEV_SOFTIRQ);
	for (i = 0; i < RUNNERS; i++) {
		r[i].repeat = INT_MAX;
		KUNIT_EXPECT_EQ(test, send(test, &s, &r[i], 0), 0);
	}
	/* They are all on their way. */
	KUNIT_EXPECT_EQ(test, io_target_write(s.t, s.buf, LEN, 0, TESTDEV_PATIENCE), LEN);
	remove(s.disk);
	for (i = 0; i < RUNNERS; i++) {
		KUNIT_EXPECT_TRUE(test, sent_wait(&r[i]));
		ended += atomic_read(&r[i].ends);
		sent += INT_MAX - r[i].repeat;
		/* Either it came back with an error, or it could not go again. */
		sent += r[i].failed ? 0 : 1;
	}
	KUNIT_EXPECT_EQ(test, ended, sent);
	expect_conserved(test, s.t);
	kunit_info(test, "%u requests before it was gone", ended);
	scene_close(test, &s);
}

/* Covers L6. */
static void holder_removed_running(struct kunit *test)
{
	remove_running(test, testdev_disk_remove);
}

/* Covers L7. */
static void holder_died_running(struct kunit *test)
{
	remove_running(test, testdev_disk_kill);
}

/* A freeze by another thread */
struct freezer {
	struct work_struct	work;
	struct testdev_disk	*disk;
	struct completion	done;
	int			err;
};

static void freezer_work(struct work_struct *work)
{
	struct freezer *f = container_of(work, struct freezer, work);

	f->err = testdev_disk_freeze(f->disk);
	complete(&f->done);
}

/* A freeze waits for what the disk has; what comes then pends until it is thawed. Covers L8. */
static void holder_frozen(struct kunit *test)
{
	struct freezer f;
	struct scene s;

	scene_open(test, &s);
	hold(test, &s);
	f.disk = s.disk;
	init_completion(&f.done);
	INIT_WORK_ONSTACK(&f.work, freezer_work);
	queue_work(system_unbound_wq, &f.work);
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&f.done, HZ / 20), 0ul);
	testdev_disk_let_go(s.disk, BLK_STS_OK, TESTDEV_TASK);
	expect_ends(test, s.held, HELD, LEN, false);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&f.done, TESTDEV_PATIENCE), 0ul);
	flush_work(&f.work);
	destroy_work_on_stack(&f.work);
	KUNIT_EXPECT_EQ(test, f.err, 0);
	KUNIT_EXPECT_EQ(test, io_target_state(s.t), IO_TARGET_SUSPENDED);
	pend(test, &s);
	KUNIT_EXPECT_EQ(test, io_target_reopen(s.t), -EBUSY);
	KUNIT_EXPECT_EQ(test, io_target_start(s.t), 0);
	KUNIT_EXPECT_EQ(test, io_target_state(s.t), IO_TARGET_SUSPENDED);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(s.disk).bios, (unsigned int)HELD);
	KUNIT_EXPECT_EQ(test, testdev_disk_thaw(s.disk), 0);
	expect_ends(test, s.pended, PENDED, LEN, false);
	KUNIT_EXPECT_EQ(test, io_target_state(s.t), IO_TARGET_STARTED);
	scene_close(test, &s);
}

/* What the owner wants meanwhile is done when the disk is thawed. Covers L8. */
static void holder_frozen_stopped(struct kunit *test)
{
	struct scene s;

	scene_open(test, &s);
	KUNIT_EXPECT_EQ(test, testdev_disk_freeze(s.disk), 0);
	pend(test, &s);
	KUNIT_EXPECT_EQ(test, io_target_stop(s.t, IO_TARGET_LEAVE_SENT, 0), 0);
	KUNIT_EXPECT_EQ(test, testdev_disk_thaw(s.disk), 0);
	KUNIT_EXPECT_EQ(test, io_target_state(s.t), IO_TARGET_STOPPED);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(s.disk).bios, 0u);
	KUNIT_EXPECT_EQ(test, testdev_disk_freeze(s.disk), 0);
	KUNIT_EXPECT_EQ(test, io_target_purge(s.t, IO_TARGET_LEAVE_SENT, 0), 0);
	expect_ends(test, s.pended, PENDED, -ECANCELED, true);
	KUNIT_EXPECT_EQ(test, testdev_disk_thaw(s.disk), 0);
	KUNIT_EXPECT_EQ(test, io_target_state(s.t), IO_TARGET_PURGED);
	/* Closed while it is frozen, and not to be opened */
	KUNIT_EXPECT_EQ(test, testdev_disk_freeze(s.disk), 0);
	KUNIT_EXPECT_EQ(test, io_target_close(s.t), 0);
	KUNIT_EXPECT_EQ(test, io_target_open(s.t, testdev_disk_path(s.disk),
					     RW | IO_TARGET_EXCL), -EBUSY);
	KUNIT_EXPECT_EQ(test, testdev_disk_thaw(s.disk), 0);
	KUNIT_EXPECT_EQ(test, io_target_open(s.t, testdev_disk_path(s.disk),
					     RW | IO_TARGET_EXCL), 0);
	scene_close(test, &s);
}

/* A device that its owner has given up does not come back with a thaw. Covers L8. */
static void holder_frozen_suspended(struct kunit *test)
{
	struct scene s;

	scene_open(test, &s);
	hold(test, &s);
	KUNIT_EXPECT_EQ(test, io_target_suspend(s.t, 2), -ETIMEDOUT);
	testdev_disk_let_go(s.disk, BLK_STS_OK, TESTDEV_TASK);
	expect_ends(test, s.held, HELD, LEN, false);
	pend(test, &s);
	KUNIT_EXPECT_EQ(test, testdev_disk_freeze(s.disk), 0);
	KUNIT_EXPECT_EQ(test, testdev_disk_thaw(s.disk), 0);
	KUNIT_EXPECT_EQ(test, io_target_state(s.t), IO_TARGET_SUSPENDED);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(s.disk).bios, (unsigned int)HELD);
	KUNIT_EXPECT_EQ(test, io_target_reopen(s.t), 0);
	KUNIT_EXPECT_EQ(test, io_target_state(s.t), IO_TARGET_STARTED);
	expect_ends(test, s.pended, PENDED, LEN, false);
	scene_close(test, &s);
}

static struct kunit_case holder_cases[] = {
	KUNIT_CASE(holder_removed),
	KUNIT_CASE(holder_died),
	KUNIT_CASE(holder_removed_running),
	KUNIT_CASE(holder_died_running),
	KUNIT_CASE(holder_frozen),
	KUNIT_CASE(holder_frozen_stopped),
	KUNIT_CASE(holder_frozen_suspended),
	{}
};

static struct kunit_suite holder_suite = {
	.name = "io_target_holder",
	.init = device_fixture_init,
	.exit = device_fixture_exit,
	.test_cases = holder_cases,
};

kunit_test_suite(holder_suite);
