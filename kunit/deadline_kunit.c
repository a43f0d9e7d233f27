// SPDX-License-Identifier: GPL-2.0
/*
 * Deadlines of asynchronous requests: kept, absolute, and gone with the request.
 */
#include <linux/iopoll.h>
#include <linux/slab.h>

#include "pattern.h"
#include "steps.h"

#define LEN	512
#define MANY	40
#define AT_SUBMIT	150
#define SEED	0xde
#define POISON	0xa5
#define SHORTLY	(HZ / 20)

static int stop_leave(struct fixture *fx)
{
	return io_target_stop(fx->target, IO_TARGET_LEAVE_SENT, 0);
}

static void prep_timed(struct kunit *test, struct probe *p, u8 *buf, unsigned int flags,
		       long timeout)
{
	reinit_completion(&p->done);
	atomic_set(&p->ends, 0);
	probe_prep(test, p, IO_TARGET_OP_WRITE, buf, LEN, 0, flags);
	KUNIT_ASSERT_EQ(test, io_target_request_set_timeout(&p->req, timeout), 0);
}

static void submit_timed(struct kunit *test, struct probe *p, u8 *buf, unsigned int flags,
			 long timeout)
{
	prep_timed(test, p, buf, flags, timeout);
	KUNIT_ASSERT_EQ(test, io_target_submit(&p->req), 0);
}

/* Not before its deadline. */
static void expect_late(struct kunit *test, struct probe *p, bool not_sent)
{
	expect_end(test, p, -ETIMEDOUT, not_sent);
	KUNIT_EXPECT_TRUE(test, time_after_eq(jiffies, p->req.deadline));
}

/*
 * A clock: by its end, the timer has looked at all that was due when it was
 * wound. The target is stopped, and left as it was.
 */
static void pass_time(struct kunit *test, struct probe *clock, u8 *buf, long time)
{
	struct fixture *fx = test->priv;
	bool started = io_target_state(fx->target) == IO_TARGET_STARTED;

	KUNIT_EXPECT_EQ(test, stop_leave(fx), 0);
	submit_timed(test, clock, buf, 0, time);
	expect_late(test, clock, true);
	if (started)
		KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
}

static const struct kind {
	const char	*name;
	unsigned int	flags;
	bool		atomic;
} kinds[] = {
	{ "plain" },
	{ "submit_atomic", 0, true },
	{ "BOUNCE", IO_TARGET_BOUNCE },
	{ "TASK", IO_TARGET_TASK },
	{ "BOUNCE, TASK", IO_TARGET_BOUNCE | IO_TARGET_TASK },
};

static void kind_desc(const struct kind *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(kind, kinds, kind_desc);

/* Covers T2. */
static void deadline_pended(struct kunit *test)
{
	const struct kind *c = test->param_value;
	struct probe *p = probes_alloc(test, 1);
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;

	KUNIT_EXPECT_EQ(test, stop_leave(fx), 0);
	prep_timed(test, p, buf, c->flags, SHORTLY);
	KUNIT_EXPECT_EQ(test, c->atomic ? io_target_submit_atomic(&p->req) :
					  io_target_submit(&p->req), 0);
	expect_late(test, p, true);
	KUNIT_EXPECT_EQ(test, p->context, c->flags & IO_TARGET_TASK ? FAKE_WORKER : FAKE_SOFTIRQ);
	KUNIT_EXPECT_EQ(test, fx->target->nr_pended, 0u);
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 0u);
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_OVERDUE), 0);
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_ORPHAN), 0);
}

/* What waits behind a worker that is stuck has not been sent, either. */
static void deadline_queued(struct kunit *test)
{
	const struct kind *c = test->param_value;
	struct probe *p = probes_alloc(test, 2);
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;

	fake_stall(&fx->fake);
	probe_prep(test, &p[1], IO_TARGET_OP_WRITE, buf, LEN, 0, 0);
	KUNIT_EXPECT_EQ(test, io_target_submit_atomic(&p[1].req), 0);
	KUNIT_ASSERT_TRUE(test, fake_wait_stalled(&fx->fake, 1));
	prep_timed(test, p, buf, c->flags, SHORTLY);
	KUNIT_EXPECT_EQ(test, io_target_submit_atomic(&p->req), 0);
	expect_late(test, p, true);
	fake_unstall(&fx->fake);
	expect_end(test, &p[1], LEN, false);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 1u);
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_ORPHAN), 0);
}

static bool parked_or_ended(struct fixture *fx, struct probe *p)
{
	return READ_ONCE(fx->fake.nr_parked) || atomic_read(&p->ends);
}

/* Has the device @p, which is not BOUNCE, or has it timed out before? */
static bool was_sent(struct kunit *test, struct probe *p)
{
	struct fixture *fx = test->priv;
	bool now;

	KUNIT_EXPECT_EQ(test, read_poll_timeout(parked_or_ended, now, now, 1000,
						60 * USEC_PER_SEC, false, fx, p), 0);
	return !atomic_read(&p->ends);
}

/*
 * @p times out at the device. One that was not sent in time, by a machine that
 * is too busy, is sent again with more time.
 */
static void time_out_sent(struct kunit *test, const struct kind *c, struct probe *p, u8 *buf,
			  bool pend)
{
	struct fixture *fx = test->priv;
	long timeout = SHORTLY;

	for (;; timeout *= 2) {
		KUNIT_ASSERT_LT(test, timeout, 30l * HZ);
		if (pend)
			KUNIT_ASSERT_EQ(test, stop_leave(fx), 0);
		prep_timed(test, p, buf, c->flags, timeout);
		KUNIT_ASSERT_EQ(test, c->atomic ? io_target_submit_atomic(&p->req) :
						  io_target_submit(&p->req), 0);
		if (pend)
			KUNIT_ASSERT_EQ(test, io_target_start(fx->target), 0);
		if (c->flags & IO_TARGET_BOUNCE) {
			KUNIT_ASSERT_TRUE(test, probe_wait(p));
			if (!p->req.not_sent)
				break;
		} else if (was_sent(test, p)) {
			break;
		}
	}
}

/* A BOUNCE request ends on time, whatever becomes of its I/O. Covers T3, T8, T9. */
static void deadline_orphan(struct kunit *test, bool pend)
{
	const struct kind *c = test->param_value;
	struct probe *p = probes_alloc(test, FAKE_CONTEXTS);
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;
	unsigned int i;

	fx->fake.park = true;
	for (i = 0; i < FAKE_CONTEXTS; i++) {
		pattern_fill(buf, LEN, 0, SEED + i);
		time_out_sent(test, c, &p[i], buf, pend);
		KUNIT_EXPECT_EQ(test, p[i].req.result, -ETIMEDOUT);
		KUNIT_EXPECT_FALSE(test, p[i].req.not_sent);
		KUNIT_EXPECT_EQ(test, atomic_read(&p[i].ends), 1);
		KUNIT_EXPECT_TRUE(test, time_after_eq(jiffies, p[i].req.deadline));
		KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_ORPHAN), i + 1);
		KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_ORPHAN_END), i);
		memset(buf, POISON, LEN);
		fx->fake.answer.context = i;
		fake_answer_parked(&fx->fake, false);
		KUNIT_ASSERT_TRUE(test, fake_wait_answers(&fx->fake, fx->fake.submits));
		/* Its next use, which waits for the orphan, is not disturbed. */
		fx->fake.from = fx->fake.submits + 1;
		prep_timed(test, &p[i], buf, c->flags, 60 * HZ);
		KUNIT_EXPECT_EQ(test, io_target_submit(&p[i].req), 0);
		expect_end(test, &p[i], LEN, false);
		KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_ORPHAN_END), i + 1);
	}
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_OVERDUE), 0);
	io_target_close(fx->target);
	KUNIT_EXPECT_TRUE(test, fake_wait_closes(&fx->fake, 1));
}

/* Over the caller's memory it is told, once, and ends as the device says. */
static void deadline_overdue(struct kunit *test, bool pend)
{
	const struct kind *c = test->param_value;
	struct probe *p = probes_alloc(test, 2);
	u8 *buf = step_buf(test, 2 * LEN);
	struct fixture *fx = test->priv;

	fx->fake.park = true;
	time_out_sent(test, c, p, buf, pend);
	KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, 1));
	/* The timer looks again; for some of the cases a long time, which takes a second. */
	pass_time(test, &p[1], buf + LEN, SHORTLY);
	pass_time(test, &p[1], buf + LEN, c == kinds && !pend ? HZ + SHORTLY : SHORTLY);
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_OVERDUE), 1);
	expect_outstanding(test, p);
	fake_answer_parked(&fx->fake, false);
	expect_end(test, p, LEN, false);
	/* Nor is it forgotten for the next use. */
	time_out_sent(test, c, p, buf, pend);
	KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, 1));
	pass_time(test, &p[1], buf + LEN, SHORTLY);
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_OVERDUE), 2);
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_ORPHAN), 0);
}

static void deadline_sent(struct kunit *test)
{
	const struct kind *c = test->param_value;

	if (c->flags & IO_TARGET_BOUNCE)
		deadline_orphan(test, false);
	else
		deadline_overdue(test, false);
}

/* The deadline is that of the submit, not of the start. Covers T3. */
static void deadline_resent(struct kunit *test)
{
	const struct kind *c = test->param_value;

	if (c->flags & IO_TARGET_BOUNCE)
		deadline_orphan(test, true);
	else
		deadline_overdue(test, true);
}

/* An answer in time is the end of it. Covers T6, T7. */
static void deadline_in_time(struct kunit *test)
{
	const struct kind *c = test->param_value;
	struct probe *p = probes_alloc(test, FAKE_CONTEXTS + 1);
	u8 *buf = step_buf(test, 2 * LEN);
	struct fixture *fx = test->priv;
	unsigned int i;

	for (i = 0; i < FAKE_CONTEXTS; i++) {
		fx->fake.answer.context = i;
		submit_timed(test, &p[i], buf, c->flags, 60 * HZ);
		expect_end(test, &p[i], LEN, false);
		KUNIT_EXPECT_TRUE(test, list_empty(&p[i].req.timed));
		/* And a tight one of which nothing is left for the next use. */
		prep_timed(test, &p[i], buf, c->flags, SHORTLY);
		reinit_completion(&p[i].done);
		probe_prep(test, &p[i], IO_TARGET_OP_WRITE, buf, LEN, 0, c->flags);
	}
	fx->fake.park = true;
	for (i = 0; i < FAKE_CONTEXTS; i++) {
		atomic_set(&p[i].ends, 0);
		KUNIT_EXPECT_EQ(test, io_target_submit(&p[i].req), 0);
	}
	KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, FAKE_CONTEXTS));
	pass_time(test, &p[FAKE_CONTEXTS], buf + LEN, 2 * SHORTLY);
	for (i = 0; i < FAKE_CONTEXTS; i++)
		expect_outstanding(test, &p[i]);
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_OVERDUE), 0);
	fake_answer_parked(&fx->fake, false);
	for (i = 0; i < FAKE_CONTEXTS; i++)
		expect_end(test, &p[i], LEN, false);
}

/* Cancelled, purged, closed and refused requests have no deadline any more. Covers T5. */
static void deadline_ended(struct kunit *test)
{
	const struct kind *c = test->param_value;
	struct probe *p = probes_alloc(test, 4);
	u8 *buf = step_buf(test, 2 * LEN);
	struct fixture *fx = test->priv;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, stop_leave(fx), 0);
	submit_timed(test, &p[0], buf, c->flags, 60 * HZ);
	KUNIT_EXPECT_EQ(test, io_target_cancel(&p[0].req), 0);
	submit_timed(test, &p[1], buf, c->flags, 60 * HZ);
	KUNIT_EXPECT_EQ(test, io_target_purge(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
	prep_timed(test, &p[2], buf, c->flags, SHORTLY);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p[2].req), -ESHUTDOWN);
	KUNIT_EXPECT_EQ(test, stop_leave(fx), 0);
	for (i = 0; i < 2; i++)
		expect_end(test, &p[i], -ECANCELED, true);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_TRUE(test, list_empty(&p[i].req.timed));
	pass_time(test, &p[3], buf + LEN, 2 * SHORTLY);
	KUNIT_EXPECT_EQ(test, atomic_read(&p[2].ends), 0);
	/* Its time is up by now. */
	KUNIT_EXPECT_EQ(test, io_target_submit(&p[2].req), 0);
	expect_late(test, &p[2], true);
	submit_timed(test, &p[3], buf, c->flags, 60 * HZ);
	KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
	expect_end(test, &p[3], -ECANCELED, true);
}

/* Covers T1. */
static void deadline_errors(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 2);
	u8 *buf = step_buf(test, 2 * LEN);
	struct io_target_request *req = &p->req;
	struct fixture *fx = test->priv;

	KUNIT_EXPECT_EQ(test, io_target_request_set_timeout(req, HZ), -EINVAL);
	probe_prep(test, p, IO_TARGET_OP_WRITE, buf, LEN, 0, 0);
	KUNIT_EXPECT_EQ(test, io_target_request_set_timeout(req, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_request_set_timeout(req, -1), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_request_set_timeout(req, LONG_MIN), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_request_set_timeout(req, SHORTLY), 0);
	KUNIT_EXPECT_EQ(test, io_target_request_set_timeout(req, IO_TARGET_NO_TIMEOUT), 0);
	fx->fake.park = true;
	KUNIT_EXPECT_EQ(test, io_target_submit(req), 0);
	KUNIT_EXPECT_EQ(test, io_target_request_set_timeout(req, 1), -EBUSY);
	pass_time(test, &p[1], buf + LEN, 2 * SHORTLY);
	expect_outstanding(test, p);
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_OVERDUE), 0);
	fake_answer_parked(&fx->fake, false);
	expect_end(test, p, LEN, false);
	KUNIT_EXPECT_EQ(test, io_target_request_set_timeout(req, HZ), -EINVAL);
}

/* Each at its own time, wherever it is kept. Of those due in one tick any may be first. */
static void deadline_many(struct kunit *test)
{
	struct probe *p = probes_alloc(test, MANY);
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, stop_leave(fx), 0);
	for (i = 0; i < MANY; i++)
		submit_timed(test, &p[i], buf, i % 3 ? 0 : IO_TARGET_BOUNCE,
			     SHORTLY + 2 * (MANY - i));
	for (i = MANY; i--;)
		expect_late(test, &p[i], true);
	KUNIT_EXPECT_EQ(test, fx->target->nr_pended, 0u);
}

/* Spins to about @ns before the next tick. */
static void before_tick(u64 ns)
{
	unsigned long next = jiffies + 1;

	while (time_before(jiffies, next))
		cpu_relax();
	ns = ktime_get_ns() + TICK_NSEC - ns;
	while (ktime_get_ns() < ns)
		cpu_relax();
}

/* Is the timer to come, but a long time after the deadline of @p? */
static bool timer_late(struct probe *p)
{
	struct timer_list *timer = &p->req.target->timer;

	return io_target_request_pending(&p->req) && timer_pending(timer) &&
	       time_after(READ_ONCE(timer->expires), p->req.deadline + HZ / 2);
}

/*
 * The timer may look while a request with a deadline that has passed is about to be
 * accepted, and then has to look again, soon. In small steps the tick comes before
 * submit, in it, and after it.
 */
static void deadline_at_submit(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 1);
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;
	unsigned int i, late = 0;

	KUNIT_EXPECT_EQ(test, stop_leave(fx), 0);
	for (i = 0; i < AT_SUBMIT; i++) {
		prep_timed(test, p, buf, i & 1 ? IO_TARGET_BOUNCE : 0, 1);
		before_tick(i * 2 * NSEC_PER_USEC);
		p->req.deadline = jiffies;
		KUNIT_ASSERT_EQ(test, io_target_submit(&p->req), 0);
		late += timer_late(p);
		expect_late(test, p, true);
	}
	KUNIT_EXPECT_EQ(test, late, 0u);
}

/* The deadline counts for who waits, too, and the earlier one of the two. */
static void deadline_and_wait(struct kunit *test)
{
	const struct kind *c = test->param_value;
	struct probe *p = probes_alloc(test, 1);
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;

	KUNIT_EXPECT_EQ(test, stop_leave(fx), 0);
	prep_timed(test, p, buf, c->flags, SHORTLY);
	KUNIT_EXPECT_EQ(test, io_target_submit_wait(&p->req, 60 * HZ), -ETIMEDOUT);
	KUNIT_EXPECT_TRUE(test, p->req.not_sent);
	prep_timed(test, p, buf, c->flags, 60 * HZ);
	KUNIT_EXPECT_EQ(test, io_target_submit_wait(&p->req, SHORTLY), -ETIMEDOUT);
	KUNIT_EXPECT_TRUE(test, p->req.not_sent);
	/* Both at once */
	prep_timed(test, p, buf, c->flags, SHORTLY);
	KUNIT_EXPECT_EQ(test, io_target_submit_wait(&p->req, SHORTLY), -ETIMEDOUT);
	KUNIT_EXPECT_TRUE(test, list_empty(&p->req.timed));
	KUNIT_EXPECT_EQ(test, atomic_read(&p->ends), 0);
	KUNIT_EXPECT_EQ(test, fixture_completed(fx), 3ull);
}

static struct kunit_case deadline_cases[] = {
	KUNIT_CASE_PARAM(deadline_pended, kind_gen_params),
	KUNIT_CASE_PARAM(deadline_queued, kind_gen_params),
	KUNIT_CASE_PARAM(deadline_sent, kind_gen_params),
	KUNIT_CASE_PARAM(deadline_resent, kind_gen_params),
	KUNIT_CASE_PARAM(deadline_in_time, kind_gen_params),
	KUNIT_CASE_PARAM(deadline_ended, kind_gen_params),
	KUNIT_CASE(deadline_errors),
	KUNIT_CASE(deadline_many),
	KUNIT_CASE(deadline_at_submit),
	KUNIT_CASE_PARAM(deadline_and_wait, kind_gen_params),
	{}
};

static struct kunit_suite deadline_suite = {
	.name = "io_target_deadline",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = deadline_cases,
};

kunit_test_suite(deadline_suite);
