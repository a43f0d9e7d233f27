// SPDX-License-Identifier: GPL-2.0
/*
 * Deadlines against whoever else may end or send the same request in that moment.
 */
#include <linux/slab.h>

#include "duel.h"
#include "steps.h"

/* Requests that are raced for; a stress run has 20 times as many */
#define DEADLINE_COMPLETE	1000
#define DEADLINE_START		500
#define DEADLINE_CANCEL		500

/* Ticks to submit a batch in, and to wake the other side, at first and at most */
#define TICKS		5
#define TICKS_MAX	(HZ / 5)

/**
 * struct due - the other side of a deadline, which acts about when that is due
 * @fx: the fixture
 * @probes: the batch
 * @ticks: from the first submit to the deadline, more on a host that is busy
 * @deadline: of all of them
 * @offset: ns from the tick after it, at which the timer fires, to the act
 * @act: what it does
 * @late: it was there too late to be first
 */
struct due {
	struct fixture	*fx;
	struct probe	*probes;
	unsigned int	ticks;
	unsigned long	deadline;
	s64		offset;
	void		(*act)(struct due *due);
	bool		late;
};

/* Acts some time after a tick; before it on a busy host, where ticks come late and together. */
static void act_when_due(void *private)
{
	struct due *due = private;
	unsigned long tick = due->deadline - 1;
	s64 after = TICK_NSEC + due->offset;

	due->late = !time_before(jiffies, tick);
	for (; after < 0; after += TICK_NSEC)
		tick--;
	while (time_before(jiffies, tick))
		cpu_relax();
	duel_spin_until(ktime_get_ns() + after);
	due->act(due);
}

static void act_answer(struct due *due)
{
	fake_answer_parked(&due->fx->fake, false);
}

static void act_start(struct due *due)
{
	/* It cannot fail: nobody else changes the state. */
	WARN_ON(io_target_start(due->fx->target));
}

static void act_cancel(struct due *due)
{
	unsigned int i;

	for (i = 0; i < DUEL_BATCH; i++)
		io_target_cancel(&due->probes[i].req);
}

static struct due *due_alloc(struct kunit *test, void (*act)(struct due *due))
{
	struct due *due = kunit_kzalloc(test, sizeof(*due), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, due);
	due->fx = test->priv;
	due->probes = probes_alloc(test, DUEL_BATCH);
	due->ticks = TICKS;
	due->act = act;
	return due;
}

/* The timer may come up to a tick later: begin between. */
static struct duel *due_start(struct kunit *test, struct due *due)
{
	struct duel *d = duel_start(test, act_when_due, due);

	d->offset = TICK_NSEC / 2;
	return d;
}

static void submit_due(struct kunit *test, struct due *due, u8 *buf, unsigned int flags)
{
	unsigned int i;

	due->deadline = jiffies + due->ticks;
	for (i = 0; i < DUEL_BATCH; i++) {
		struct io_target_request *req = &due->probes[i].req;

		/* Reads: none of them waits for the orphan of another. */
		duel_prep(test, &due->probes[i], IO_TARGET_OP_READ, buf + i * DUEL_LEN,
			  i * DUEL_LEN, i & 1 ? flags : IO_TARGET_BOUNCE);
		KUNIT_ASSERT_EQ(test, io_target_request_set_timeout(req, due->ticks), 0);
		req->deadline = due->deadline;
		KUNIT_ASSERT_EQ(test, io_target_submit(req), 0);
	}
}

/* The round itself; here it is the other side that is to be early or late. */
static void fire_and_join(struct duel *d, struct due *due, struct tally *sum)
{
	unsigned int i;

	due->offset = d->offset;
	d->offset = 0;
	duel_fire(d);
	duel_join(d);
	d->offset = due->offset;
	if (due->late)
		due->ticks = min(2 * due->ticks, TICKS_MAX);
	for (i = 0; i < DUEL_BATCH; i++)
		tally_add(sum, &due->probes[i]);
}

/* Those that were orphaned are told of, and all of them come to their end. */
static void expect_orphans(struct kunit *test, const struct tally *sum)
{
	struct fixture *fx = test->priv;

	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_ORPHAN), sum->orphaned);
	io_target_close(fx->target);
	KUNIT_EXPECT_TRUE(test, fake_wait_closes(&fx->fake, 1));
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_ORPHAN_END), sum->orphaned);
}

/* The deadline of a BOUNCE request or its answer. Covers T4, T9. */
static void race_deadline_complete(struct kunit *test)
{
	unsigned int i, rounds = duel_rounds(DEADLINE_COMPLETE) / DUEL_BATCH;
	struct due *due = due_alloc(test, act_answer);
	u8 *buf = step_buf(test, DUEL_BATCH * DUEL_LEN);
	struct duel *d = due_start(test, due);
	struct fixture *fx = test->priv;
	struct tally sum = {};

	fx->fake.park = true;
	for (i = 0; i < rounds; i++) {
		unsigned int before = sum.ended;

		/* No worker, for which the other side would have to leave a CPU. */
		fx->fake.answer.context = i / 16 % FAKE_WORKER;
		submit_due(test, due, buf, IO_TARGET_BOUNCE);
		/* The worker has sent all that it is going to send. */
		flush_work(&fx->fake.lower->send_work);
		fire_and_join(d, due, &sum);
		KUNIT_ASSERT_TRUE(test, fake_wait_answers(&fx->fake, fx->fake.submits));
		duel_adjust(d, sum.ended - before >= DUEL_BATCH / 2);
	}
	duel_end(d);
	duel_expect_both(test, "answered", sum.ended, "orphaned", sum.orphaned);
	duel_expect_conserved(test, &sum);
	expect_orphans(test, &sum);
}

/*
 * The deadline of a pended request or a start that sends it. A BOUNCE request
 * that has been sent may still become an orphan then. Covers T2, T3, T4.
 */
static void race_deadline_start(struct kunit *test)
{
	unsigned int i, rounds = duel_rounds(DEADLINE_START) / DUEL_BATCH;
	struct due *due = due_alloc(test, act_start);
	u8 *buf = step_buf(test, DUEL_BATCH * DUEL_LEN);
	struct duel *d = due_start(test, due);
	struct fixture *fx = test->priv;
	struct tally sum = {};

	for (i = 0; i < rounds; i++) {
		unsigned int before = sum.timed_out;

		fx->fake.answer.context = i / 16 % FAKE_CONTEXTS;
		KUNIT_ASSERT_EQ(test, io_target_stop(fx->target, IO_TARGET_WAIT_SENT, 60 * HZ), 0);
		submit_due(test, due, buf, 0);
		fire_and_join(d, due, &sum);
		KUNIT_ASSERT_TRUE(test, fake_wait_answers(&fx->fake, fx->fake.submits));
		duel_adjust(d, sum.timed_out - before < DUEL_BATCH / 2);
	}
	duel_end(d);
	duel_expect_both(test, "sent", sum.ended + sum.orphaned, "timed out", sum.timed_out);
	duel_expect_conserved(test, &sum);
	expect_orphans(test, &sum);
}

/* The deadline of a pended request or its cancel. Covers T5, C3. */
static void race_deadline_cancel(struct kunit *test)
{
	unsigned int i, rounds = duel_rounds(DEADLINE_CANCEL) / DUEL_BATCH;
	struct due *due = due_alloc(test, act_cancel);
	u8 *buf = step_buf(test, DUEL_BATCH * DUEL_LEN);
	struct duel *d = due_start(test, due);
	struct fixture *fx = test->priv;
	struct tally sum = {};

	KUNIT_ASSERT_EQ(test, io_target_stop(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
	for (i = 0; i < rounds; i++) {
		unsigned int before = sum.cancelled;

		submit_due(test, due, buf, i & 1 ? IO_TARGET_TASK : 0);
		fire_and_join(d, due, &sum);
		duel_adjust(d, sum.cancelled - before >= DUEL_BATCH / 2);
	}
	duel_end(d);
	duel_expect_both(test, "cancelled", sum.cancelled, "timed out", sum.timed_out);
	KUNIT_EXPECT_EQ(test, fx->target->nr_pended, 0u);
	duel_expect_conserved(test, &sum);
	expect_orphans(test, &sum);
}

static struct kunit_case race_cases[] = {
	KUNIT_CASE(race_deadline_complete),
	KUNIT_CASE(race_deadline_start),
	KUNIT_CASE(race_deadline_cancel),
	{}
};

static struct kunit_suite race_suite = {
	.name = "io_target_stress_deadline",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = race_cases,
};

kunit_test_suite(race_suite);
