// SPDX-License-Identifier: GPL-2.0
/*
 * A target without its device for a while: suspended and reopened, or removed.
 */
#include <linux/slab.h>

#include "steps.h"

#define LEN	512
#define LONG	(60 * HZ)

static enum io_target_state state(struct fixture *fx)
{
	return io_target_state(fx->target);
}

static int stop_leave(struct fixture *fx)
{
	return io_target_stop(fx->target, IO_TARGET_LEAVE_SENT, 0);
}

static int purge_leave(struct fixture *fx)
{
	return io_target_purge(fx->target, IO_TARGET_LEAVE_SENT, 0);
}

/* The device is released, everything pends, and all of it goes on. Covers S10. */
static void suspend_and_reopen(struct kunit *test)
{
	static const unsigned int flags[] = {
		0, IO_TARGET_IGNORE_STATE, IO_TARGET_BOUNCE, IO_TARGET_TASK,
	};
	struct probe *p = probes_alloc(test, ARRAY_SIZE(flags) + 1);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);
	unsigned int i;

	KUNIT_ASSERT_EQ(test, io_target_suspend(fx->target, LONG), 0);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_SUSPENDED);
	KUNIT_EXPECT_EQ(test, fx->fake.closes, 1u);
	for (i = 0; i < ARRAY_SIZE(flags); i++)
		step_submit(test, &p[i], buf, LEN, i * LEN, flags[i]);
	probe_prep(test, &p[i], IO_TARGET_OP_WRITE, buf, LEN, 0, IO_TARGET_NOWAIT);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p[i].req), -EAGAIN);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 0u);

	fx->fake.park = true;
	KUNIT_EXPECT_EQ(test, io_target_reopen(fx->target), 0);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_STARTED);
	KUNIT_EXPECT_EQ(test, fx->fake.opens, 2u);
	expect_parked_order(test, 0, ARRAY_SIZE(flags), LEN);
	for (i = 0; i < ARRAY_SIZE(flags); i++)
		expect_end(test, &p[i], LEN, false);
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_STATE), 3);
}

/* It waits for what was sent, and can be told to wait longer, or to go on. Covers S13. */
static void suspend_waits(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 4);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);

	fx->fake.park = true;
	step_submit(test, &p[0], buf, LEN, 0, 0);
	step_submit(test, &p[1], buf, LEN, LEN, IO_TARGET_IGNORE_STATE);
	KUNIT_EXPECT_EQ(test, io_target_suspend(fx->target, 2), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_SUSPENDED);
	KUNIT_EXPECT_EQ(test, fx->fake.closes, 0u);
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_SUSPENDED);

	/* Not to be opened again: it is open. */
	step_submit(test, &p[2], buf, LEN, 2 * LEN, 0);
	KUNIT_EXPECT_EQ(test, io_target_reopen(fx->target), 0);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_STARTED);
	KUNIT_EXPECT_EQ(test, fx->fake.opens, 1u);
	KUNIT_EXPECT_TRUE(test, fake_wait_parked(&fx->fake, 3));

	KUNIT_EXPECT_EQ(test, io_target_suspend(fx->target, 2), -ETIMEDOUT);
	step_submit(test, &p[3], buf, LEN, 3 * LEN, IO_TARGET_IGNORE_STATE);
	KUNIT_EXPECT_EQ(test, fake_answer_parked(&fx->fake, false), 3u);
	KUNIT_EXPECT_EQ(test, io_target_suspend(fx->target, LONG), 0);
	KUNIT_EXPECT_EQ(test, fx->fake.closes, 1u);
	expect_outstanding(test, &p[3]);
	fx->fake.park = false;
	KUNIT_EXPECT_EQ(test, io_target_reopen(fx->target), 0);
	expect_end(test, &p[3], LEN, false);
}

/* What was prepared before, or without a device, is checked against the new one. Covers F5. */
static void suspend_rechecks(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 5);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);

	probe_prep(test, &p[3], IO_TARGET_OP_WRITE, buf, LEN, 4 * LEN, 0);
	probe_prep(test, &p[4], IO_TARGET_OP_WRITE, buf, LEN, 0, 0);
	KUNIT_ASSERT_EQ(test, io_target_suspend(fx->target, LONG), 0);
	step_submit(test, &p[0], buf, LEN, 4 * LEN, 0);
	step_submit(test, &p[1], buf, LEN, 4 * LEN, IO_TARGET_BOUNCE);
	step_submit(test, &p[2], buf, LEN, 0, 0);
	fx->fake.size = 4 * LEN;
	KUNIT_EXPECT_EQ(test, io_target_reopen(fx->target), 0);
	expect_end(test, &p[0], -ENXIO, true);
	expect_end(test, &p[1], -ENXIO, true);
	expect_end(test, &p[2], LEN, false);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p[3].req), -ENXIO);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p[4].req), 0);
	expect_end(test, &p[4], LEN, false);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 2u);
}

/* Nothing goes to another disk before its owner says so. */
static void suspend_other_disk(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);

	KUNIT_ASSERT_EQ(test, io_target_suspend(fx->target, LONG), 0);
	step_submit(test, &p[0], buf, LEN, 0, 0);
	fx->fake.diskseq++;
	KUNIT_EXPECT_EQ(test, io_target_reopen(fx->target), 1);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_STOPPED);
	expect_outstanding(test, &p[0]);
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	expect_end(test, &p[0], LEN, false);

	/* It is the disk now. */
	KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
	KUNIT_EXPECT_EQ(test, io_target_reopen(fx->target), 0);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_STARTED);
	KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
	fx->fake.diskseq++;
	KUNIT_EXPECT_EQ(test, io_target_reopen(fx->target), 1);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_STOPPED);
}

/* Stopped before or meanwhile: stopped afterwards, but for what ignores that. */
static void suspend_stopped(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 2);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);

	KUNIT_ASSERT_EQ(test, io_target_suspend(fx->target, LONG), 0);
	step_submit(test, &p[0], buf, LEN, 0, 0);
	step_submit(test, &p[1], buf, LEN, LEN, IO_TARGET_IGNORE_STATE);
	KUNIT_EXPECT_EQ(test, stop_leave(fx), 0);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_SUSPENDED);
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), -ENODEV);
	KUNIT_EXPECT_EQ(test, io_target_reopen(fx->target), 0);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_STOPPED);
	expect_end(test, &p[1], LEN, false);
	expect_outstanding(test, &p[0]);

	KUNIT_EXPECT_EQ(test, io_target_suspend(fx->target, LONG), 0);
	KUNIT_EXPECT_EQ(test, io_target_reopen(fx->target), 0);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_STOPPED);
	expect_outstanding(test, &p[0]);
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	expect_end(test, &p[0], LEN, false);
}

static void stop_in_open(struct io_target *t)
{
	io_target_stop(t, IO_TARGET_WAIT_SENT, LONG);
}

static void purge_in_open(struct io_target *t)
{
	io_target_purge(t, IO_TARGET_WAIT_SENT, LONG);
}

/* While it is being opened again: the last word counts. Covers S11. */
static void suspend_overtaken(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);

	KUNIT_ASSERT_EQ(test, io_target_suspend(fx->target, LONG), 0);
	step_submit(test, &p[0], buf, LEN, 0, 0);
	fx->fake.on_open = stop_in_open;
	KUNIT_EXPECT_EQ(test, io_target_reopen(fx->target), 0);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_STOPPED);
	expect_outstanding(test, &p[0]);

	KUNIT_ASSERT_EQ(test, io_target_suspend(fx->target, LONG), 0);
	fx->fake.on_open = purge_in_open;
	KUNIT_EXPECT_EQ(test, io_target_resume(fx->target), 0);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_PURGED);
	expect_end(test, &p[0], -ECANCELED, true);
	fx->fake.on_open = NULL;
}

static void suspend_purged(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 2);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);

	KUNIT_ASSERT_EQ(test, io_target_suspend(fx->target, LONG), 0);
	step_submit(test, &p[0], buf, LEN, 0, 0);
	KUNIT_EXPECT_EQ(test, purge_leave(fx), 0);
	expect_end(test, &p[0], -ECANCELED, true);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_PURGED);
	probe_prep(test, &p[0], IO_TARGET_OP_WRITE, buf, LEN, 0, 0);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p[0].req), -ESHUTDOWN);
	probe_prep(test, &p[1], IO_TARGET_OP_WRITE, buf, LEN, 0, IO_TARGET_IGNORE_STATE);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p[1].req), 0);
	expect_outstanding(test, &p[1]);

	KUNIT_EXPECT_EQ(test, io_target_reopen(fx->target), 0);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_PURGED);
	expect_end(test, &p[1], LEN, false);
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_STARTED);
}

static void suspend_then_close(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 3);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);

	KUNIT_ASSERT_EQ(test, io_target_suspend(fx->target, LONG), 0);
	step_submit(test, &p[0], buf, LEN, 0, 0);
	step_submit(test, &p[1], buf, LEN, 0, IO_TARGET_BOUNCE);
	probe_prep(test, &p[2], IO_TARGET_OP_WRITE, buf, LEN, 0, IO_TARGET_BOUNCE);
	KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
	expect_end(test, &p[0], -ECANCELED, true);
	expect_end(test, &p[1], -ECANCELED, true);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_CLOSED);
	KUNIT_EXPECT_EQ(test, fx->fake.closes, 1u);
	KUNIT_EXPECT_EQ(test, io_target_resume(fx->target), -ENODEV);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_CLOSED);
	KUNIT_EXPECT_EQ(test, fx->fake.opens, 1u);
	KUNIT_ASSERT_EQ(test, io_target_reopen(fx->target), 0);
	/* Another session: this one was prepared for the last. */
	KUNIT_EXPECT_EQ(test, io_target_submit(&p[2].req), -ESTALE);
	io_target_request_free(&p[2].req);
}

/* Deadlines run, also where there is no device. */
static void suspend_deadline(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 2);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);

	KUNIT_ASSERT_EQ(test, io_target_suspend(fx->target, LONG), 0);
	probe_prep(test, &p[0], IO_TARGET_OP_WRITE, buf, LEN, 0, 0);
	KUNIT_ASSERT_EQ(test, io_target_request_set_timeout(&p[0].req, 2), 0);
	KUNIT_ASSERT_EQ(test, io_target_submit(&p[0].req), 0);
	expect_end(test, &p[0], -ETIMEDOUT, true);
	probe_prep(test, &p[1], IO_TARGET_OP_WRITE, buf, LEN, 0, 0);
	KUNIT_EXPECT_EQ(test, io_target_submit_wait(&p[1].req, 2), (ssize_t)-ETIMEDOUT);
	KUNIT_EXPECT_TRUE(test, p[1].req.not_sent);
}

/* An orphan keeps the device that it is on, not the target from its next one. */
static void suspend_with_orphan(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 2);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);
	struct io_target_request *orphan;

	fx->fake.park = true;
	probe_prep(test, &p[0], IO_TARGET_OP_WRITE, buf, LEN, 0, IO_TARGET_BOUNCE);
	KUNIT_ASSERT_EQ(test, io_target_request_set_timeout(&p[0].req, HZ / 4), 0);
	KUNIT_ASSERT_EQ(test, io_target_submit(&p[0].req), 0);
	KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, 1));
	expect_end(test, &p[0], -ETIMEDOUT, false);
	orphan = fake_take(&fx->fake, false);
	fx->fake.park = false;

	KUNIT_EXPECT_EQ(test, io_target_suspend(fx->target, LONG), 0);
	KUNIT_EXPECT_EQ(test, fx->fake.closes, 0u);
	KUNIT_EXPECT_EQ(test, io_target_reopen(fx->target), 0);
	/* Nor does it hold back what goes to another open of the device. */
	step_submit(test, &p[1], buf, LEN, 0, 0);
	expect_end(test, &p[1], LEN, false);
	fake_answer(&fx->fake, orphan);
	KUNIT_EXPECT_TRUE(test, fake_wait_closes(&fx->fake, 1));
}

static void suspend_refusals(struct kunit *test)
{
	struct io_target *never = io_target_create(NULL);
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);

	KUNIT_ASSERT_FALSE(test, IS_ERR(never));
	KUNIT_EXPECT_EQ(test, io_target_reopen(never), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_suspend(never, LONG), -ENODEV);
	io_target_put(never);

	KUNIT_EXPECT_EQ(test, io_target_reopen(fx->target), -EBUSY);
	KUNIT_EXPECT_EQ(test, io_target_resume(fx->target), -EBUSY);
	KUNIT_EXPECT_EQ(test, io_target_suspend(fx->target, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_suspend(fx->target, -1), -EINVAL);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_STARTED);

	KUNIT_ASSERT_EQ(test, io_target_suspend(fx->target, LONG), 0);
	KUNIT_EXPECT_EQ(test, io_target_suspend(fx->target, LONG), 0);
	KUNIT_EXPECT_EQ(test, fake_open(&fx->fake, fx->target, FIXTURE_RW), -EBUSY);
	step_submit(test, &p[0], buf, LEN, 0, 0);
	KUNIT_EXPECT_EQ(test, io_target_drain(fx->target, LONG), -ENODEV);
	fx->fake.open_error = -EIO;
	KUNIT_EXPECT_EQ(test, io_target_reopen(fx->target), -EIO);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_SUSPENDED);
	expect_outstanding(test, &p[0]);
	fx->fake.open_error = 0;
	KUNIT_EXPECT_EQ(test, io_target_reopen(fx->target), 0);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_STARTED);
	expect_end(test, &p[0], LEN, false);

	/* An open that has failed is not what is opened again. */
	KUNIT_ASSERT_EQ(test, io_target_close(fx->target), 0);
	KUNIT_EXPECT_LT(test, io_target_open(fx->target, "/no/such/device", IO_TARGET_READ), 0);
	KUNIT_EXPECT_EQ(test, io_target_reopen(fx->target), 0);
}

/* Removed: what pends ends, what was sent ends as the device says. */
static void suspend_removed(struct kunit *test)
{
	static const unsigned int flags[] = { 0, IO_TARGET_IGNORE_STATE, IO_TARGET_NOWAIT };
	struct probe *p = probes_alloc(test, 3);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);
	unsigned int i;

	fx->fake.park = true;
	step_submit(test, &p[0], buf, LEN, 0, 0);
	KUNIT_EXPECT_EQ(test, stop_leave(fx), 0);
	step_submit(test, &p[1], buf, LEN, 0, 0);
	iot_target_removed(fx->target);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_REMOVED);
	expect_end(test, &p[1], -ENODEV, true);
	expect_outstanding(test, &p[0]);
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		probe_prep(test, &p[2], IO_TARGET_OP_WRITE, buf, LEN, 0, flags[i]);
		KUNIT_EXPECT_EQ(test, io_target_submit(&p[2].req), -ENODEV);
	}
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), -ENODEV);
	KUNIT_EXPECT_EQ(test, stop_leave(fx), -ENODEV);
	KUNIT_EXPECT_EQ(test, purge_leave(fx), -ENODEV);
	KUNIT_EXPECT_EQ(test, io_target_suspend(fx->target, LONG), -ENODEV);
	KUNIT_EXPECT_EQ(test, io_target_reopen(fx->target), -EBUSY);
	fx->fake.answer.error = -EIO;
	KUNIT_EXPECT_EQ(test, fake_answer_parked(&fx->fake, false), 1u);
	expect_end(test, &p[0], -EIO, false);
	KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
	KUNIT_EXPECT_EQ(test, io_target_reopen(fx->target), 0);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_STARTED);
}

/* A thread that sends all the time, until it is told to stop. */
struct sender {
	struct work_struct	work;
	struct fixture		*fx;
	struct probe		*probe;
	u8			*buf;
	unsigned int		flags;
	bool			stop;
	unsigned int		sent;
	ssize_t			wrong;
};

static void send_all_the_time(struct work_struct *work)
{
	struct sender *s = container_of(work, struct sender, work);
	struct io_target_request *req = &s->probe->req;

	while (!READ_ONCE(s->stop) && !s->wrong) {
		ssize_t ret = io_target_prep_write_buf(req, s->buf, LEN, 0, s->flags);

		ret = ret ?: io_target_submit_wait(req, LONG);
		if (ret == LEN)
			WRITE_ONCE(s->sent, s->sent + 1);
		else
			s->wrong = ret;
	}
	io_target_request_free(req);
}

#define ROUNDS	40

/* Nobody who sends meanwhile notices, but for the time that it takes. */
static void suspend_under_load(struct kunit *test)
{
	static const unsigned int flags[] = { 0, IO_TARGET_BOUNCE, IO_TARGET_IGNORE_STATE };
	struct sender *s = kunit_kcalloc(test, ARRAY_SIZE(flags), sizeof(*s), GFP_KERNEL);
	struct fixture *fx = test->priv;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, s);
	fx->fake.answer.context = FAKE_SOFTIRQ;
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		s[i].fx = fx;
		s[i].probe = probes_alloc(test, 1);
		s[i].buf = step_buf(test, LEN);
		s[i].flags = flags[i];
		INIT_WORK(&s[i].work, send_all_the_time);
		queue_work(fake_wq, &s[i].work);
	}
	for (i = 0; i < ROUNDS; i++) {
		KUNIT_EXPECT_EQ(test, io_target_suspend(fx->target, LONG), 0);
		KUNIT_EXPECT_EQ(test, io_target_reopen(fx->target), 0);
		KUNIT_EXPECT_TRUE(test, fake_wait_answers(&fx->fake, fx->fake.answers + 3));
	}
	for (i = 0; i < ARRAY_SIZE(flags); i++)
		WRITE_ONCE(s[i].stop, true);
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		flush_work(&s[i].work);
		KUNIT_EXPECT_EQ(test, s[i].wrong, (ssize_t)0);
		KUNIT_EXPECT_NE(test, s[i].sent, 0u);
	}
	KUNIT_EXPECT_EQ(test, fx->fake.opens, ROUNDS + 1u);
	kunit_info(test, "%u suspensions; sent %u, %u, %u", ROUNDS, s[0].sent, s[1].sent,
		   s[2].sent);
}

static struct kunit_case suspend_cases[] = {
	KUNIT_CASE(suspend_and_reopen),
	KUNIT_CASE(suspend_waits),
	KUNIT_CASE(suspend_rechecks),
	KUNIT_CASE(suspend_other_disk),
	KUNIT_CASE(suspend_stopped),
	KUNIT_CASE(suspend_overtaken),
	KUNIT_CASE(suspend_purged),
	KUNIT_CASE(suspend_then_close),
	KUNIT_CASE(suspend_deadline),
	KUNIT_CASE(suspend_with_orphan),
	KUNIT_CASE(suspend_refusals),
	KUNIT_CASE(suspend_removed),
	KUNIT_CASE(suspend_under_load),
	{}
};

static struct kunit_suite suspend_suite = {
	.name = "io_target_suspend",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = suspend_cases,
};

kunit_test_suite(suspend_suite);
