// SPDX-License-Identifier: GPL-2.0
/*
 * Cancel against whoever else may end or send the same request at the same time:
 * one of the two does, and each request ends once.
 */
#include <linux/slab.h>

#include "duel.h"
#include "steps.h"

/* Requests that are raced for; a stress run has 20 times as many */
#define CANCEL_COMPLETE	2500
#define CANCEL_SEND	1000
#define CANCEL_START	1000
#define CANCEL_CANCEL	1000

static unsigned int nr_rounds(unsigned int requests)
{
	return duel_rounds(requests) / DUEL_BATCH;
}

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

/* Who cancels a batch, from its newest on or from its oldest */
struct canceller {
	struct probe	*probes;
	bool		newest_first;
	int		ret[DUEL_BATCH];
};

static void cancel_batch(void *private)
{
	struct canceller *c = private;
	unsigned int i;

	for (i = 0; i < DUEL_BATCH; i++) {
		unsigned int n = c->newest_first ? DUEL_BATCH - 1 - i : i;

		c->ret[n] = io_target_cancel(&c->probes[n].req);
	}
}

/*
 * The other side begins with the oldest. To go towards it makes the two meet in
 * each round; to go with it is to race for every one of the batch.
 */
static unsigned int cancel_round(struct canceller *c, unsigned int round, int counted)
{
	unsigned int i, n = 0;

	c->newest_first = round & 1;
	cancel_batch(c);
	for (i = 0; i < DUEL_BATCH; i++)
		n += c->ret[i] == counted;
	return n;
}

static struct canceller *canceller_alloc(struct kunit *test, struct probe *p)
{
	struct canceller *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, c);
	c->probes = p;
	return c;
}

/* Who was told that he has cancelled it has. */
static void expect_told(struct kunit *test, struct canceller *c, struct tally *sum)
{
	unsigned int i;

	for (i = 0; i < DUEL_BATCH; i++) {
		struct probe *p = &c->probes[i];

		tally_add(sum, p);
		KUNIT_EXPECT_EQ(test, p->req.not_sent, !c->ret[i]);
		if (c->ret[i] && c->ret[i] != -EALREADY)
			KUNIT_EXPECT_EQ(test, c->ret[i], -ENOENT);
	}
}

/* Cancel or the answer of the device: it cannot be cancelled any more. Covers C3. */
static void race_cancel_complete(struct kunit *test)
{
	unsigned int i, j, n, rounds = nr_rounds(CANCEL_COMPLETE), before = 0;
	struct probe *p = probes_alloc(test, DUEL_BATCH);
	struct canceller *c = canceller_alloc(test, p);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, DUEL_LEN);
	struct duel *d = duel_start(test, answer_parked, fx);
	struct tally sum = {};

	fx->fake.park = true;
	for (i = 0; i < rounds; i++) {
		for (j = 0; j < DUEL_BATCH; j++)
			duel_submit(test, &p[j], buf, (i + j) & 2 ? 0 : IO_TARGET_BOUNCE, false);
		KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, DUEL_BATCH));
		/* No worker, for which the other side would have to leave a CPU. */
		fx->fake.answer.context = i / 32 % FAKE_WORKER;
		duel_fire(d);
		n = cancel_round(c, i, -EALREADY);
		duel_join(d);
		expect_told(test, c, &sum);
		before += n;
		duel_adjust(d, n >= DUEL_BATCH / 2);
	}
	duel_end(d);
	duel_expect_both(test, "cancel first", before, "answer first", sum.ended - before);
	KUNIT_EXPECT_EQ(test, sum.cancelled, 0u);
	duel_expect_conserved(test, &sum);
}

/* Cancel or the worker that sends it. Covers C3. */
static void race_cancel_send(struct kunit *test)
{
	unsigned int i, j, n, rounds = nr_rounds(CANCEL_SEND);
	struct probe *p = probes_alloc(test, DUEL_BATCH + 1);
	struct canceller *c = canceller_alloc(test, p);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, DUEL_LEN);
	struct duel *d = duel_start(test, unstall, fx);
	struct tally sum = {};

	for (i = 0; i < rounds; i++) {
		fx->fake.answer.context = i / 32 % FAKE_CONTEXTS;
		fake_stall(&fx->fake);
		duel_submit(test, &p[DUEL_BATCH], buf, 0, true);
		KUNIT_ASSERT_TRUE(test, fake_wait_stalled(&fx->fake, 1));
		for (j = 0; j < DUEL_BATCH; j++)
			duel_submit(test, &p[j], buf, (i + j) & 4 ? 0 : IO_TARGET_BOUNCE, true);
		duel_fire(d);
		n = cancel_round(c, i, 0);
		duel_join(d);
		tally_add(&sum, &p[DUEL_BATCH]);
		expect_told(test, c, &sum);
		duel_adjust(d, n >= DUEL_BATCH / 2);
	}
	duel_end(d);
	duel_expect_both(test, "cancelled", sum.cancelled, "sent", sum.ended - rounds);
	duel_expect_conserved(test, &sum);
}

/* Cancel or a start that sends it. Covers C4. */
static void race_cancel_start(struct kunit *test)
{
	unsigned int i, j, n, rounds = nr_rounds(CANCEL_START);
	struct probe *p = probes_alloc(test, DUEL_BATCH);
	struct canceller *c = canceller_alloc(test, p);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, DUEL_LEN);
	struct duel *d = duel_start(test, start, fx);
	struct tally sum = {};

	for (i = 0; i < rounds; i++) {
		fx->fake.answer.context = i / 32 % FAKE_CONTEXTS;
		KUNIT_ASSERT_EQ(test, io_target_stop(fx->target, IO_TARGET_WAIT_SENT, 60 * HZ), 0);
		for (j = 0; j < DUEL_BATCH; j++)
			duel_submit(test, &p[j], buf, (i + j) & 4 ? 0 : IO_TARGET_BOUNCE, j & 1);
		duel_fire(d);
		n = cancel_round(c, i, 0);
		duel_join(d);
		expect_told(test, c, &sum);
		duel_adjust(d, n >= DUEL_BATCH / 2);
	}
	duel_end(d);
	duel_expect_both(test, "cancelled", sum.cancelled, "sent", sum.ended);
	duel_expect_conserved(test, &sum);
}

/* Pended, or in the queue behind one that the worker is stuck with */
static void set_out(struct kunit *test, struct probe *p, u8 *buf, unsigned int round)
{
	struct fixture *fx = test->priv;
	bool queued = round & 2;
	unsigned int i;

	if (queued) {
		fake_stall(&fx->fake);
		duel_submit(test, &p[DUEL_BATCH], buf, 0, true);
		KUNIT_ASSERT_TRUE(test, fake_wait_stalled(&fx->fake, 1));
	} else {
		KUNIT_ASSERT_EQ(test, io_target_stop(fx->target, IO_TARGET_WAIT_SENT, 60 * HZ), 0);
		duel_submit(test, &p[DUEL_BATCH], buf, IO_TARGET_IGNORE_STATE, true);
	}
	for (i = 0; i < DUEL_BATCH; i++)
		duel_submit(test, &p[i], buf, (round / 4 + i) & 1 ? 0 : IO_TARGET_BOUNCE, true);
}

/* Two cancels of one request: one of the two has done it. Covers C3. */
static void race_two_cancels(struct kunit *test)
{
	unsigned int i, j, n, rounds = nr_rounds(CANCEL_CANCEL), left = 0, both = 0;
	struct probe *p = probes_alloc(test, DUEL_BATCH + 1);
	struct canceller *c = canceller_alloc(test, p), *other = canceller_alloc(test, p);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, DUEL_LEN);
	struct duel *d = duel_start(test, cancel_batch, other);
	struct tally sum = {};

	for (i = 0; i < rounds; i++) {
		set_out(test, p, buf, i);
		duel_fire(d);
		n = cancel_round(c, i, 0);
		duel_join(d);
		for (j = 0; j < DUEL_BATCH; j++) {
			both += !c->ret[j] == !other->ret[j];
			tally_add(&sum, &p[j]);
		}
		fake_unstall(&fx->fake);
		KUNIT_ASSERT_EQ(test, io_target_start(fx->target), 0);
		tally_add(&sum, &p[DUEL_BATCH]);
		left += n;
		duel_adjust(d, n >= DUEL_BATCH / 2);
	}
	duel_end(d);
	KUNIT_EXPECT_EQ(test, both, 0u);
	duel_expect_both(test, "by the first", left, "by the second", sum.cancelled - left);
	KUNIT_EXPECT_EQ(test, sum.cancelled, rounds * DUEL_BATCH);
	duel_expect_conserved(test, &sum);
}

static struct kunit_case race_cases[] = {
	KUNIT_CASE(race_cancel_complete),
	KUNIT_CASE(race_cancel_send),
	KUNIT_CASE(race_cancel_start),
	KUNIT_CASE(race_two_cancels),
	{}
};

static struct kunit_suite race_suite = {
	.name = "io_target_stress_cancel",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = race_cases,
};

kunit_test_suite(race_suite);
