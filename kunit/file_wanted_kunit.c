// SPDX-License-Identifier: GPL-2.0
/*
 * Requests that somebody wants to end just when nobody has them: they are on their way to
 * a char device that will turn out not to be ready, or on their way back.
 */
#include "duel.h"
#include "ready.h"

static int cancelled;

static void cancel_hook(void *private)
{
	cancelled = io_target_cancel(private);
}

/* While its submitter tries the driver. */
static void wanted_tried(struct kunit *test)
{
	struct io_target *t = ready_open(test, TESTDEV_PIPE_NOWAIT);
	struct sent *s = sent_alloc(test, t, 1);
	u8 *buf = ready_buf(test, 2 * CHUNK);

	cancelled = 0;
	testdev_pipe_hook(ready_pipe, cancel_hook, &s->req);
	sent_prep(test, s, IO_TARGET_OP_READ, buf, CHUNK, 0, 0);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, cancelled, -EALREADY);
	KUNIT_EXPECT_EQ(test, s->req.result, -ECANCELED);

	/* It does not stick: the same request again waits for its data. */
	sent_prep(test, s, IO_TARGET_OP_READ, buf, CHUNK, 0, 0);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	KUNIT_ASSERT_TRUE(test, ready_wait_waiting(t, false));
	testdev_pipe_push(ready_pipe, buf + CHUNK, CHUNK);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, CHUNK);
}

/* Nor with one that was prepared once. */
static void wanted_prepared(struct kunit *test)
{
	struct io_target *t = ready_open(test, TESTDEV_PIPE_NOWAIT);
	struct sent *s = sent_alloc(test, t, 1);
	u8 *buf = ready_buf(test, 2 * CHUNK);
	unsigned int i;

	sent_prep(test, s, IO_TARGET_OP_READ, buf, CHUNK, 0, IO_TARGET_PREPARED);
	for (i = 0; i < 4; i++) {
		if (!(i & 1))
			testdev_pipe_hook(ready_pipe, cancel_hook, &s->req);
		KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
		if (i & 1) {
			KUNIT_ASSERT_TRUE(test, ready_wait_waiting(t, false));
			testdev_pipe_push(ready_pipe, buf + CHUNK, CHUNK);
		}
		KUNIT_ASSERT_TRUE(test, sent_wait(s));
		KUNIT_EXPECT_EQ(test, s->req.result, i & 1 ? CHUNK : -ECANCELED);
	}
}

static DECLARE_COMPLETION(entered);
static DECLARE_COMPLETION(leave);

static void wait_hook(void *private)
{
	complete(&entered);
	wait_for_completion(&leave);
}

/*
 * Its time is over while it is tried: what the library does for it afterwards is not to
 * take what comes next.
 */
static void wanted_orphan(struct kunit *test)
{
	struct io_target *t = ready_open(test, TESTDEV_PIPE_NOWAIT);
	struct sent *s = sent_alloc(test, t, 2);
	u8 *buf = ready_buf(test, 3 * CHUNK);

	reinit_completion(&entered);
	reinit_completion(&leave);
	testdev_pipe_hook(ready_pipe, wait_hook, NULL);
	sent_prep(test, s, IO_TARGET_OP_READ, buf, CHUNK, 0, IO_TARGET_BOUNCE);
	KUNIT_ASSERT_EQ(test, io_target_request_set_timeout(&s->req, HZ / 2), 0);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	KUNIT_ASSERT_TRUE(test, wait_for_completion_timeout(&entered, TESTDEV_PATIENCE));
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, -ETIMEDOUT);
	sent_prep(test, &s[1], IO_TARGET_OP_READ, buf + CHUNK, CHUNK, 0, 0);
	KUNIT_ASSERT_EQ(test, sent_submit(&s[1]), 0);
	complete(&leave);
	KUNIT_EXPECT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_ORPHAN_END, 1));
	testdev_pipe_push(ready_pipe, buf + 2 * CHUNK, CHUNK);
	KUNIT_ASSERT_TRUE(test, sent_wait(&s[1]));
	KUNIT_EXPECT_EQ(test, s[1].req.result, CHUNK);
}

#define ROUNDS	500

static void cancel_right(void *private)
{
	cancelled = io_target_cancel(private);
}

/* One cancel is enough, wherever it meets the request; before submit it meets none. */
static void wanted_race(struct kunit *test)
{
	const unsigned int *flags = test->param_value;
	struct io_target *t = ready_open(test, *flags);
	unsigned int i, rounds = duel_rounds(ROUNDS), waiting = 0, busy = 0, none = 0, wrong = 0;
	struct sent *s = sent_alloc(test, t, 1);
	u8 *buf = ready_buf(test, CHUNK);
	struct duel *d = duel_start(test, cancel_right, &s->req);

	for (i = 0; i < rounds; i++) {
		sent_prep(test, s, IO_TARGET_OP_READ, buf, CHUNK, 0, 0);
		atomic_set(&s->ends, 0);
		duel_fire(d);
		KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
		duel_join(d);
		none += cancelled == -ENOENT;
		if (cancelled == -ENOENT)
			io_target_cancel(&s->req);
		KUNIT_ASSERT_TRUE(test, sent_wait(s));
		wrong += s->req.result != -ECANCELED || atomic_read(&s->ends) != 1;
		waiting += !cancelled;
		busy += cancelled == -EALREADY;
		duel_adjust(d, cancelled != -ENOENT);
	}
	duel_end(d);
	KUNIT_EXPECT_EQ(test, wrong, 0);
	kunit_info(test, "on its way %u", busy);
	duel_expect_both(test, "submitted", waiting + busy, "not yet", none);
}

static const unsigned int race_flags[] = { 0, TESTDEV_PIPE_TWO | TESTDEV_PIPE_NOWAIT };

static void race_desc(const unsigned int *flags, char *desc)
{
	strscpy(desc, *flags & TESTDEV_PIPE_NOWAIT ? "NOWAIT" : "O_NONBLOCK",
		KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(race, race_flags, race_desc);

static struct kunit_case wanted_cases[] = {
	KUNIT_CASE(wanted_tried),
	KUNIT_CASE(wanted_prepared),
	KUNIT_CASE(wanted_orphan),
	{}
};

static struct kunit_suite wanted_suite = {
	.name		= "io_target_file_wanted",
	.init		= ready_init,
	.exit		= ready_exit,
	.test_cases	= wanted_cases,
};

static struct kunit_case wanted_race_cases[] = {
	KUNIT_CASE_PARAM(wanted_race, race_gen_params),
	{}
};

static struct kunit_suite wanted_race_suite = {
	.name		= "io_target_stress_wanted",
	.init		= ready_init,
	.exit		= ready_exit,
	.test_cases	= wanted_race_cases,
};

kunit_test_suites(&wanted_suite, &wanted_race_suite);
