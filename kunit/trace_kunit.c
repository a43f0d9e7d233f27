// SPDX-License-Identifier: GPL-2.0
/*
 * Tracepoints: each is passed when it should be, in order, with the right arguments.
 * What the text of an event looks like is a matter of qemu/guest.d/50-trace.sh.
 */
#include <linux/slab.h>

#include "events.h"
#include "stats.h"
#include "steps.h"

#define LEN		512
#define SHORTLY		(HZ / 20)
#define PATIENCE	(30 * HZ)

static int trace_suite_init(struct kunit_suite *suite)
{
	return fake_suite_init(suite) ?: events_register();
}

static void trace_suite_exit(struct kunit_suite *suite)
{
	events_unregister();
	fake_suite_exit(suite);
}

static int trace_init(struct kunit *test)
{
	struct fixture *fx;
	int err = fixture_init(test);

	if (err)
		return err;
	fx = test->priv;
	events_of(fx->target);
	return 0;
}

static void trace_exit(struct kunit *test)
{
	fixture_exit(test);
	events_of(NULL);
}

static void expect_at(struct kunit *test, unsigned int i, const struct probe *p, s64 value)
{
	KUNIT_EXPECT_PTR_EQ(test, event_at(i)->id, p ? (const void *)&p->req : NULL);
	KUNIT_EXPECT_EQ(test, event_at(i)->value, value);
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

/* However a request is submitted, and ends: once each; of a refused one nothing. */
static void trace_ways(struct kunit *test)
{
	const struct way *w = test->param_value;
	struct fixture *fx = test->priv;
	struct probe *p = probes_alloc(test, 1);
	u8 *buf = step_buf(test, LEN);

	fx->fake.park = true;
	probe_prep(test, p, IO_TARGET_OP_WRITE, buf, LEN, 7 * LEN, w->flags);
	KUNIT_ASSERT_EQ(test, w->submit(&p->req), 0);
	KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, 1));
	KUNIT_EXPECT_EQ(test, w->submit(&p->req), -EBUSY);
	expect_at(test, 0, p, 7 * LEN);
	expect_events(test, "s");
	fake_answer_parked(&fx->fake, false);
	expect_end(test, p, LEN, false);
	expect_at(test, 0, p, LEN);
	expect_events(test, "c");

	fx->fake.park = false;
	fx->fake.answer.error = -EIO;
	reinit_completion(&p->done);
	probe_prep(test, p, IO_TARGET_OP_READ, buf, LEN, 0, w->flags);
	KUNIT_ASSERT_EQ(test, w->submit(&p->req), 0);
	KUNIT_ASSERT_TRUE(test, probe_wait(p));
	expect_at(test, 1, p, -EIO);
	expect_events(test, "sc");
}

/* The members of a batch, in order. */
static void trace_batch(struct kunit *test)
{
	struct fixture *fx = test->priv;
	struct probe *p = probes_alloc(test, 3);
	struct io_target_request *reqs[] = { &p[0].req, &p[1].req, &p[2].req };
	u8 *buf = step_buf(test, LEN);
	unsigned int i;

	fx->fake.park = true;
	for (i = 0; i < 3; i++)
		probe_prep(test, &p[i], IO_TARGET_OP_READ, buf, LEN, i * LEN, 0);
	KUNIT_EXPECT_EQ(test, io_target_submit_batch(fx->target, reqs, 3), 3);
	for (i = 0; i < 3; i++)
		expect_at(test, i, &p[i], i * LEN);
	expect_events(test, "sss");
	fake_answer_parked(&fx->fake, false);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_TRUE(test, probe_wait(&p[i]));
	expect_events(test, "ccc");
}

static s64 moved(enum io_target_state before, enum io_target_state state)
{
	return before * 100 + state * 10 + state;
}

static void trace_pended(struct kunit *test)
{
	struct fixture *fx = test->priv;
	struct probe *p = probes_alloc(test, 3);
	u8 *buf = step_buf(test, 3 * LEN);

	step_pend(test, p, 3, buf, LEN, 0);
	expect_at(test, 0, NULL, moved(IO_TARGET_STARTED, IO_TARGET_STOPPED));
	expect_at(test, 1, &p[0], 0);
	expect_at(test, 2, &p[0], 1);
	expect_at(test, 5, &p[2], 2 * LEN);
	expect_at(test, 6, &p[2], 3);
	expect_events(test, "Sspspsp");
	KUNIT_EXPECT_EQ(test, io_target_cancel(&p[1].req), 0);
	expect_at(test, 0, &p[1], true);
	expect_at(test, 1, &p[1], -ECANCELED);
	expect_events(test, "xc");
	fx->fake.from = 1;
	fx->fake.park = true;
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	expect_end(test, &p[0], LEN, false);
	expect_at(test, 0, NULL, moved(IO_TARGET_STOPPED, IO_TARGET_STARTING));
	expect_at(test, 2, NULL, moved(IO_TARGET_STARTING, IO_TARGET_STARTED));
	expect_events(test, "ScS");
	fake_answer_parked(&fx->fake, false);
	expect_end(test, &p[2], LEN, false);
	expect_events(test, "c");
}

static void trace_deadlines(struct kunit *test)
{
	struct fixture *fx = test->priv;
	struct probe *p = probes_alloc(test, 2);
	u8 *buf = step_buf(test, LEN);

	KUNIT_ASSERT_EQ(test, io_target_stop(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
	probe_prep(test, &p[0], IO_TARGET_OP_READ, buf, LEN, 0, 0);
	KUNIT_ASSERT_EQ(test, io_target_request_set_timeout(&p[0].req, SHORTLY), 0);
	KUNIT_ASSERT_EQ(test, io_target_submit(&p[0].req), 0);
	expect_end(test, &p[0], -ETIMEDOUT, true);
	expect_at(test, 3, &p[0], IOT_DEADLINE_UNSENT);
	expect_events(test, "Sspdc");
	KUNIT_ASSERT_EQ(test, io_target_start(fx->target), 0);
	expect_events(test, "SS");

	fx->fake.park = true;
	probe_prep(test, &p[1], IO_TARGET_OP_READ, buf, LEN, 0, 0);
	KUNIT_ASSERT_EQ(test, io_target_request_set_timeout(&p[1].req, SHORTLY), 0);
	KUNIT_ASSERT_EQ(test, io_target_submit(&p[1].req), 0);
	KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, 1));
	KUNIT_ASSERT_TRUE(test, step_wait_events(fx, IO_TARGET_EVENT_OVERDUE, 1));
	expect_at(test, 1, &p[1], IOT_DEADLINE_OVERDUE);
	expect_events(test, "sd");
	fake_answer_parked(&fx->fake, false);
	expect_end(test, &p[1], LEN, false);
	expect_events(test, "c");
}

/* Its end is told under the name of the request that has left it. */
static void trace_orphaned(struct kunit *test)
{
	struct fixture *fx = test->priv;
	struct probe *p = probes_alloc(test, 1);
	u8 *buf = step_buf(test, LEN);
	long timeout = SHORTLY;

	fx->fake.park = true;
	for (;;) {
		probe_prep(test, p, IO_TARGET_OP_READ, buf, LEN, 0, IO_TARGET_BOUNCE);
		KUNIT_ASSERT_EQ(test, io_target_submit_wait(&p->req, timeout), -ETIMEDOUT);
		if (!p->req.not_sent)
			break;
		timeout *= 2;	/* than this machine needs to send it */
		KUNIT_ASSERT_LT(test, timeout, (long)PATIENCE);
		expect_events(test, "sdc");
	}
	expect_at(test, 1, p, 0);
	expect_at(test, 2, p, IOT_DEADLINE_ORPHANED);
	expect_at(test, 3, p, -ETIMEDOUT);
	expect_events(test, "sodc");
	KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, 1));
	fake_answer_parked(&fx->fake, false);
	KUNIT_ASSERT_TRUE(test, step_wait_events(fx, IO_TARGET_EVENT_ORPHAN_END, 1));
	expect_at(test, 0, p, LEN);
	expect_events(test, "E");
}

static void trace_target(struct kunit *test)
{
	struct fixture *fx = test->priv;

	iot_target_removed(fx->target);
	expect_events(test, "SR");
	KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
	expect_events(test, "S");
	fx->fake.open_error = -ENXIO;
	KUNIT_EXPECT_EQ(test, fake_open(&fx->fake, fx->target, IO_TARGET_READ), -ENXIO);
	expect_at(test, 0, NULL, -ENXIO);
	expect_events(test, "O");
	fx->fake.open_error = 0;
	KUNIT_EXPECT_EQ(test, fake_open(&fx->fake, fx->target, FIXTURE_RW), 0);
	expect_at(test, 0, NULL, FIXTURE_RW);
	expect_events(test, "OSS");
}

static struct kunit_case trace_cases[] = {
	KUNIT_CASE_PARAM(trace_ways, way_gen_params),
	KUNIT_CASE(trace_batch),
	KUNIT_CASE(trace_pended),
	KUNIT_CASE(trace_deadlines),
	KUNIT_CASE(trace_orphaned),
	KUNIT_CASE(trace_target),
	{}
};

static struct kunit_suite trace_suite = {
	.name = "io_target_trace",
	.suite_init = trace_suite_init,
	.suite_exit = trace_suite_exit,
	.init = trace_init,
	.exit = trace_exit,
	.test_cases = trace_cases,
};

kunit_test_suite(trace_suite);
