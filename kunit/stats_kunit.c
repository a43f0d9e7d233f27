// SPDX-License-Identifier: GPL-2.0
/*
 * What is counted of a target: each event once, and at every step what has been
 * submitted is what has ended and what has not.
 */
#include <linux/cpumask.h>
#include <linux/slab.h>

#include "stats.h"
#include "steps.h"

#define LEN		512
#define SHORTLY		(HZ / 20)
#define PATIENCE	(30 * HZ)

static void expect_stats(struct kunit *test, const struct io_target_stats *expected)
{
	struct fixture *fx = test->priv;
	struct io_target_stats sum;

	io_target_get_stats(fx->target, &sum);
	KUNIT_EXPECT_EQ(test, sum.submitted, expected->submitted);
	KUNIT_EXPECT_EQ(test, sum.completed, expected->completed);
	KUNIT_EXPECT_EQ(test, sum.refused, expected->refused);
	KUNIT_EXPECT_EQ(test, sum.pended, expected->pended);
	KUNIT_EXPECT_EQ(test, sum.errors, expected->errors);
	KUNIT_EXPECT_EQ(test, sum.cancelled, expected->cancelled);
	KUNIT_EXPECT_EQ(test, sum.timed_out, expected->timed_out);
	KUNIT_EXPECT_EQ(test, sum.overdue, expected->overdue);
	KUNIT_EXPECT_EQ(test, sum.orphaned, expected->orphaned);
	KUNIT_EXPECT_EQ(test, sum.orphan_ends, expected->orphan_ends);
}

static const struct way {
	const char	*name;
	unsigned int	flags;
	int		(*submit)(struct io_target_request *req);
} ways[] = {
	{ "submit", 0, io_target_submit },
	{ "submit_bounce", IO_TARGET_BOUNCE, io_target_submit },
	{ "submit_task", IO_TARGET_TASK, io_target_submit },
	{ "submit_ignore", IO_TARGET_IGNORE_STATE, io_target_submit },
	{ "atomic", 0, io_target_submit_atomic },
	{ "atomic_bounce", IO_TARGET_BOUNCE, io_target_submit_atomic },
};

static void way_desc(const struct way *w, char *desc)
{
	strscpy(desc, w->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(way, ways, way_desc);

static void submit_way(struct kunit *test, struct probe *p, u8 *buf)
{
	const struct way *w = test->param_value;

	probe_prep(test, p, IO_TARGET_OP_WRITE, buf, LEN, 0, w->flags);
	KUNIT_ASSERT_EQ(test, w->submit(&p->req), 0);
}

/* However a request is submitted: accepted, refused since it is out, ended, failed. */
static void stats_ways(struct kunit *test)
{
	const struct way *w = test->param_value;
	struct fixture *fx = test->priv;
	struct probe *p = probes_alloc(test, 2);
	struct io_target_stats expected = {};
	u8 *buf = step_buf(test, LEN);

	fx->fake.park = true;
	submit_way(test, &p[0], buf);
	expected.submitted++;
	expect_stats(test, &expected);
	submit_way(test, &p[1], buf);
	expected.submitted++;
	expect_stats(test, &expected);

	KUNIT_EXPECT_EQ(test, w->submit(&p[0].req), -EBUSY);
	expected.refused++;
	expect_stats(test, &expected);

	KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, 2));
	fake_answer(&fx->fake, fake_take(&fx->fake, false));
	KUNIT_EXPECT_TRUE(test, probe_wait(&p[0]));
	expected.completed++;
	expect_stats(test, &expected);
	fx->fake.answer.error = -EIO;
	fake_answer(&fx->fake, fake_take(&fx->fake, false));
	KUNIT_EXPECT_TRUE(test, probe_wait(&p[1]));
	expected.completed++;
	expected.errors++;
	expect_stats(test, &expected);
}

/* A batch counts its members, and those that it did not get to not at all. */
static void stats_batch(struct kunit *test)
{
	struct fixture *fx = test->priv;
	struct probe *p = probes_alloc(test, 4);
	struct io_target_request *reqs[] = { &p[0].req, &p[1].req, &p[2].req, &p[3].req };
	struct io_target_stats expected = { .submitted = 2, .refused = 1 };
	u8 *buf = step_buf(test, LEN);
	unsigned int i;

	fx->fake.park = true;
	for (i = 0; i < 4; i++)
		if (i != 2)	/* not formatted */
			probe_prep(test, &p[i], IO_TARGET_OP_READ, buf, LEN, 0, 0);
	KUNIT_EXPECT_EQ(test, io_target_submit_batch(fx->target, reqs, 4), 2);
	expect_stats(test, &expected);
	fake_answer_parked(&fx->fake, false);
	KUNIT_EXPECT_TRUE(test, probe_wait(&p[0]));
	KUNIT_EXPECT_TRUE(test, probe_wait(&p[1]));
	expected.completed = 2;
	expect_stats(test, &expected);
}

/* Pended ones are in flight; sent by start, cancelled, purged, refused. */
static void stats_pended(struct kunit *test)
{
	struct fixture *fx = test->priv;
	struct probe *p = probes_alloc(test, 4);
	struct io_target_stats expected = { .submitted = 2, .pended = 2 };
	u8 *buf = step_buf(test, 4 * LEN);

	step_pend(test, p, 2, buf, LEN, 0);
	expect_stats(test, &expected);
	KUNIT_EXPECT_EQ(test, io_target_cancel(&p[0].req), 0);
	expected.completed++;
	expected.cancelled++;
	expect_stats(test, &expected);
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	expect_end(test, &p[1], LEN, false);
	expected.completed++;
	expect_stats(test, &expected);

	step_pend(test, &p[2], 1, buf, LEN, 0);
	expected.submitted++;
	expected.pended++;
	expect_stats(test, &expected);
	KUNIT_EXPECT_EQ(test, io_target_purge(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
	expected.completed++;
	expected.cancelled++;
	expect_stats(test, &expected);
	probe_prep(test, &p[3], IO_TARGET_OP_READ, buf, LEN, 0, 0);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p[3].req), -ESHUTDOWN);
	expected.refused++;
	expect_stats(test, &expected);
}

/* Taken out of a queue by a stop that cancels, with and without a carrier. */
static void stats_cancel_sent(struct kunit *test)
{
	struct fixture *fx = test->priv;
	struct probe *p = probes_alloc(test, 3);
	struct io_target_stats expected = { .submitted = 3 };
	u8 *buf = step_buf(test, LEN);
	unsigned int i;

	fake_stall(&fx->fake);
	for (i = 0; i < 3; i++) {
		probe_prep(test, &p[i], IO_TARGET_OP_WRITE, buf, LEN, 0,
			   i == 2 ? IO_TARGET_BOUNCE : 0);
		KUNIT_ASSERT_EQ(test, io_target_submit_atomic(&p[i].req), 0);
		if (!i)
			KUNIT_ASSERT_TRUE(test, fake_wait_stalled(&fx->fake, 1));
	}
	KUNIT_EXPECT_EQ(test, io_target_stop(fx->target, IO_TARGET_CANCEL_SENT, 1), -ETIMEDOUT);
	expect_end(test, &p[1], -ECANCELED, true);
	expect_end(test, &p[2], -ECANCELED, true);
	expected.completed = 2;
	expected.cancelled = 2;
	expect_stats(test, &expected);
	fake_unstall(&fx->fake);
	expect_end(test, &p[0], LEN, false);
	expected.completed = 3;
	expect_stats(test, &expected);
}

static void submit_with_deadline(struct kunit *test, struct probe *p, u8 *buf,
				 unsigned int flags)
{
	probe_prep(test, p, IO_TARGET_OP_WRITE, buf, LEN, LEN, flags);
	KUNIT_ASSERT_EQ(test, io_target_request_set_timeout(&p->req, SHORTLY), 0);
	KUNIT_ASSERT_EQ(test, io_target_submit(&p->req), 0);
}

/* One that pends, one that becomes an orphan, one that is overdue. */
static void stats_deadlines(struct kunit *test)
{
	struct fixture *fx = test->priv;
	struct probe *p = probes_alloc(test, 3);
	struct io_target_stats expected = { .submitted = 1, .pended = 1 };
	u8 *buf = step_buf(test, LEN);

	KUNIT_ASSERT_EQ(test, io_target_stop(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
	submit_with_deadline(test, &p[0], buf, 0);
	expect_end(test, &p[0], -ETIMEDOUT, true);
	expected.completed++;
	expected.errors++;
	expected.timed_out++;
	expect_stats(test, &expected);
	KUNIT_ASSERT_EQ(test, io_target_start(fx->target), 0);

	fx->fake.park = true;
	submit_with_deadline(test, &p[1], buf, 0);
	KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, 1));
	KUNIT_ASSERT_TRUE(test, step_wait_events(fx, IO_TARGET_EVENT_OVERDUE, 1));
	expected.submitted++;
	expected.overdue++;
	expect_stats(test, &expected);
	/* The timer looks at the first again, and says nothing more of it. */
	submit_with_deadline(test, &p[2], buf, 0);
	KUNIT_ASSERT_TRUE(test, step_wait_events(fx, IO_TARGET_EVENT_OVERDUE, 2));
	expected.submitted++;
	expected.overdue++;
	expect_stats(test, &expected);
	fake_answer_parked(&fx->fake, false);
	expect_end(test, &p[1], LEN, false);
	expect_end(test, &p[2], LEN, false);
	expected.completed += 2;
	expect_stats(test, &expected);
}

static ssize_t aside_wait_shortly(struct aside *a)
{
	struct probe *p = a->private;

	return io_target_submit_wait(&p->req, SHORTLY);
}

/* A blocking call that has to wait for longer than it was to */
static void stats_overdue_wait(struct kunit *test)
{
	struct fixture *fx = test->priv;
	struct probe *p = probes_alloc(test, 1);
	struct io_target_stats expected = { .submitted = 1, .overdue = 1 };
	u8 *buf = step_buf(test, LEN);
	struct aside *a;

	fx->fake.park = true;
	probe_prep(test, p, IO_TARGET_OP_READ, buf, LEN, 0, 0);
	a = aside_start(test, aside_wait_shortly, p);
	KUNIT_ASSERT_TRUE(test, step_wait_events(fx, IO_TARGET_EVENT_OVERDUE, 1));
	expect_stats(test, &expected);
	KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, 1));
	fake_answer_parked(&fx->fake, false);
	KUNIT_EXPECT_EQ(test, aside_end(test, a), LEN);
	expected.completed++;
	expect_stats(test, &expected);
}

/* Leaves an orphan; a machine that is too slow for the timeout is given more. */
static void make_orphan(struct kunit *test, struct probe *p, u8 *buf,
			struct io_target_stats *expected)
{
	struct fixture *fx = test->priv;
	long timeout = SHORTLY;

	fx->fake.park = true;
	do {
		probe_prep(test, p, IO_TARGET_OP_WRITE, buf, LEN, LEN, IO_TARGET_BOUNCE);
		KUNIT_ASSERT_EQ(test, io_target_submit_wait(&p->req, timeout), -ETIMEDOUT);
		expected->submitted++;
		expected->completed++;
		expected->errors++;
		expected->timed_out++;
		timeout *= 2;
		KUNIT_ASSERT_LT(test, timeout, PATIENCE);
	} while (p->req.not_sent);
	expected->orphaned++;
	KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, 1));
}

/* An orphan is not in flight, and outlives the close of its device. */
static void stats_orphan(struct kunit *test)
{
	struct fixture *fx = test->priv;
	struct probe *p = probes_alloc(test, 1);
	struct io_target_stats expected = {};
	u8 *buf = step_buf(test, LEN);

	make_orphan(test, p, buf, &expected);
	expect_stats(test, &expected);
	KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
	KUNIT_EXPECT_FALSE(test, list_empty(&fx->target->orphans));
	expect_stats(test, &expected);
	fake_answer_parked(&fx->fake, false);
	KUNIT_ASSERT_TRUE(test, step_wait_events(fx, IO_TARGET_EVENT_ORPHAN_END, 1));
	expected.orphan_ends++;
	expect_stats(test, &expected);
	KUNIT_EXPECT_TRUE(test, list_empty(&fx->target->orphans));
}

static struct kunit_case stats_cases[] = {
	KUNIT_CASE_PARAM(stats_ways, way_gen_params),
	KUNIT_CASE(stats_batch),
	KUNIT_CASE(stats_pended),
	KUNIT_CASE(stats_cancel_sent),
	KUNIT_CASE(stats_deadlines),
	KUNIT_CASE(stats_overdue_wait),
	KUNIT_CASE(stats_orphan),
	{}
};

static struct kunit_suite stats_suite = {
	.name = "io_target_stats",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = stats_cases,
};

kunit_test_suite(stats_suite);
