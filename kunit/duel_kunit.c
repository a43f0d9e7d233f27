// SPDX-License-Identifier: GPL-2.0
/*
 * Two who want to end or send the same request at the same time: one of them
 * does, and each request ends once.
 */
#include <linux/slab.h>

#include "duel.h"
#include "steps.h"

#define LEN	512
#define BATCH	8

/* Rounds, each of a batch of races */
#define CANCEL_ROUNDS	(2000 / BATCH)
#define SEND_ROUNDS	(1000 / BATCH)
#define DEADLINE_ROUNDS	(1000 / BATCH)
#define START_ROUNDS	(1000 / BATCH)

static void answer_parked(void *private)
{
	struct fixture *fx = private;

	fake_answer_parked(&fx->fake, false);
}

static void unstall(void *private)
{
	struct fixture *fx = private;

	fake_unstall(&fx->fake);
}

static void start(void *private)
{
	struct fixture *fx = private;

	/* It cannot fail: nobody else changes the state. */
	WARN_ON(io_target_start(fx->target));
}

static void rearm(struct probe *p)
{
	reinit_completion(&p->done);
	atomic_set(&p->ends, 0);
}

static void submit(struct kunit *test, struct probe *p, u8 *buf, unsigned int flags, bool atomic)
{
	rearm(p);
	probe_prep(test, p, IO_TARGET_OP_WRITE, buf, LEN, 0, flags);
	KUNIT_ASSERT_EQ(test, atomic ? io_target_submit_atomic(&p->req) :
				       io_target_submit(&p->req), 0);
}

static void expect_conserved(struct kunit *test, unsigned int sent, unsigned int not_sent)
{
	struct fixture *fx = test->priv;

	kunit_info(test, "accepted %llu = sent %u + not sent %u", fixture_submitted(fx), sent,
		   not_sent);
	KUNIT_EXPECT_EQ(test, fixture_submitted(fx), (u64)sent + not_sent);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, sent);
}

/* Cancels from the newest on, while the other side goes from the oldest on. */
static unsigned int cancel_all(struct probe *p, int *ret, int counted)
{
	unsigned int i, n = 0;

	for (i = BATCH; i--;) {
		ret[i] = io_target_cancel(&p[i].req);
		n += ret[i] == counted;
	}
	return n;
}

/* Cancel or the answer of the device: it cannot be cancelled any more. Covers C3. */
static void race_cancel_complete(struct kunit *test)
{
	unsigned int i, j, n, rounds = duel_rounds(CANCEL_ROUNDS), before = 0;
	struct probe *p = probes_alloc(test, BATCH);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);
	struct duel *d = duel_start(test, answer_parked, fx);
	int ret[BATCH];

	fx->fake.park = true;
	for (i = 0; i < rounds; i++) {
		for (j = 0; j < BATCH; j++)
			submit(test, &p[j], buf, j & 1 ? 0 : IO_TARGET_BOUNCE, false);
		KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, BATCH));
		duel_fire(d);
		n = cancel_all(p, ret, -EALREADY);
		duel_join(d);
		for (j = 0; j < BATCH; j++) {
			expect_end(test, &p[j], LEN, false);
			KUNIT_EXPECT_TRUE(test, ret[j] == -EALREADY || ret[j] == -ENOENT);
		}
		before += n;
		duel_adjust(d, n >= BATCH / 2);
	}
	duel_end(d);
	duel_expect_both(test, "cancel first", before, "answer first", rounds * BATCH - before);
	expect_conserved(test, rounds * BATCH, 0);
}

/* Cancel or the worker that sends it. Covers C3. */
static void race_cancel_send(struct kunit *test)
{
	unsigned int i, j, n, rounds = duel_rounds(SEND_ROUNDS), cancelled = 0;
	struct probe *p = probes_alloc(test, BATCH + 1);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);
	struct duel *d = duel_start(test, unstall, fx);
	int ret[BATCH];

	for (i = 0; i < rounds; i++) {
		fx->fake.answer.context = i % FAKE_CONTEXTS;
		fake_stall(&fx->fake);
		submit(test, &p[BATCH], buf, 0, true);
		KUNIT_ASSERT_TRUE(test, fake_wait_stalled(&fx->fake, 1));
		for (j = 0; j < BATCH; j++)
			submit(test, &p[j], buf, (i + j) & 4 ? 0 : IO_TARGET_BOUNCE, true);
		duel_fire(d);
		n = cancel_all(p, ret, 0);
		duel_join(d);
		expect_end(test, &p[BATCH], LEN, false);
		for (j = 0; j < BATCH; j++)
			expect_end(test, &p[j], ret[j] ? LEN : -ECANCELED, !ret[j]);
		cancelled += n;
		duel_adjust(d, n >= BATCH / 2);
	}
	duel_end(d);
	duel_expect_both(test, "cancelled", cancelled, "sent", rounds * BATCH - cancelled);
	expect_conserved(test, rounds * (BATCH + 1) - cancelled, cancelled);
}

/* The other side of a deadline: what is parked is answered about when it is due. */
struct due {
	struct fixture	*fx;
	unsigned long	deadline;
	s64		offset;
};

static void answer_when_due(void *private)
{
	struct due *due = private;

	while (time_before(jiffies, due->deadline - 1))
		cpu_relax();
	duel_spin_until(ktime_get_ns() + max_t(s64, TICK_NSEC + due->offset, 0));
	fake_answer_parked(&due->fx->fake, false);
}

/* What became of the requests of a race */
struct outcomes {
	unsigned int	ended;
	unsigned int	orphaned;
	unsigned int	not_sent;
	unsigned int	wrong;
};

static void count_outcome(struct kunit *test, struct probe *p, struct outcomes *o)
{
	KUNIT_EXPECT_TRUE(test, probe_wait(p));
	if (p->req.result == LEN && !p->req.not_sent)
		o->ended++;
	else if (p->req.result == -ETIMEDOUT && !p->req.not_sent)
		o->orphaned++;
	else if (p->req.result == -ETIMEDOUT)
		o->not_sent++;
	else
		o->wrong++;
}

static void submit_due(struct kunit *test, struct probe *p, u8 *buf, struct due *due)
{
	unsigned int i;

	for (i = 0; i < BATCH; i++) {
		rearm(&p[i]);
		/* Apart, so that none waits for the orphan of another. */
		probe_prep(test, &p[i], IO_TARGET_OP_READ, buf + i * LEN, LEN, i * LEN,
			   IO_TARGET_BOUNCE);
		KUNIT_ASSERT_EQ(test, io_target_request_set_timeout(&p[i].req, 4), 0);
		p[i].req.deadline = due->deadline;
		KUNIT_ASSERT_EQ(test, io_target_submit(&p[i].req), 0);
	}
	/* The worker has sent all that it is going to send. */
	flush_work(&due->fx->fake.lower->send_work);
}

/* The deadline of a BOUNCE request or its answer. Covers T4, T9. */
static void race_deadline_complete(struct kunit *test)
{
	unsigned int i, j, rounds = duel_rounds(DEADLINE_ROUNDS);
	struct fixture *fx = test->priv;
	struct probe *p = probes_alloc(test, BATCH);
	struct due *shared = kunit_kzalloc(test, sizeof(*shared), GFP_KERNEL);
	u8 *buf = step_buf(test, BATCH * LEN);
	struct outcomes sum = {};
	struct duel *d;

	KUNIT_ASSERT_NOT_NULL(test, shared);
	shared->fx = fx;
	d = duel_start(test, answer_when_due, shared);
	fx->fake.park = true;
	for (i = 0; i < rounds; i++) {
		unsigned int before = sum.ended;

		shared->deadline = jiffies + 4;
		shared->offset = d->offset;
		d->offset = 0;
		submit_due(test, p, buf, shared);
		duel_fire(d);
		duel_join(d);
		d->offset = shared->offset;
		for (j = 0; j < BATCH; j++) {
			count_outcome(test, &p[j], &sum);
			KUNIT_EXPECT_EQ(test, atomic_read(&p[j].ends), 1);
		}
		/* Here the answer is the one to be delayed. */
		duel_adjust(d, sum.ended - before >= BATCH / 2);
	}
	duel_end(d);
	fake_let_go(&fx->fake);
	duel_expect_both(test, "answered", sum.ended, "orphaned", sum.orphaned);
	KUNIT_EXPECT_EQ(test, sum.wrong, 0u);
	expect_conserved(test, sum.ended + sum.orphaned, sum.not_sent);
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_ORPHAN), sum.orphaned);
	io_target_close(fx->target);
	KUNIT_EXPECT_TRUE(test, fake_wait_closes(&fx->fake, 1));
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_ORPHAN_END), sum.orphaned);
}

/* Cancel or a start that sends it. Covers C4. */
static void race_cancel_start(struct kunit *test)
{
	unsigned int i, j, n, rounds = duel_rounds(START_ROUNDS), cancelled = 0;
	struct probe *p = probes_alloc(test, BATCH);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);
	struct duel *d = duel_start(test, start, fx);
	int ret[BATCH];

	for (i = 0; i < rounds; i++) {
		fx->fake.answer.context = i % FAKE_CONTEXTS;
		KUNIT_ASSERT_EQ(test, io_target_stop(fx->target, IO_TARGET_WAIT_SENT, 60 * HZ), 0);
		for (j = 0; j < BATCH; j++)
			submit(test, &p[j], buf, (i + j) & 4 ? 0 : IO_TARGET_BOUNCE, j & 1);
		duel_fire(d);
		n = cancel_all(p, ret, 0);
		duel_join(d);
		for (j = 0; j < BATCH; j++)
			expect_end(test, &p[j], ret[j] ? LEN : -ECANCELED, !ret[j]);
		cancelled += n;
		duel_adjust(d, n >= BATCH / 2);
	}
	duel_end(d);
	duel_expect_both(test, "cancelled", cancelled, "sent", rounds * BATCH - cancelled);
	expect_conserved(test, rounds * BATCH - cancelled, cancelled);
}

static struct kunit_case race_cases[] = {
	KUNIT_CASE(race_cancel_complete),
	KUNIT_CASE(race_cancel_send),
	KUNIT_CASE(race_deadline_complete),
	KUNIT_CASE(race_cancel_start),
	{}
};

static struct kunit_suite race_suite = {
	.name = "io_target_duel",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = race_cases,
};
kunit_test_suite(race_suite);
