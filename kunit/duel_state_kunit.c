// SPDX-License-Identifier: GPL-2.0
/*
 * Transitions of a target's state against each other, and against its sender.
 */
#include <linux/slab.h>

#include "duel.h"
#include "steps.h"

/* Requests that are raced for; a stress run has 20 times as many */
#define PURGE_START	500
#define STOP_SEND	500

static unsigned int nr_rounds(unsigned int requests)
{
	return duel_rounds(requests) / DUEL_BATCH;
}

/* What the other side's call returned goes here. */
struct caller {
	struct fixture	*fx;
	int		ret;
};

static struct caller *caller_alloc(struct kunit *test)
{
	struct caller *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, c);
	c->fx = test->priv;
	return c;
}

static void start(void *private)
{
	struct caller *c = private;

	c->ret = io_target_start(c->fx->target);
}

static void unstall(void *private)
{
	struct caller *c = private;

	fake_unstall(&c->fx->fake);
}

/* @before, as counted in @sum, and the batch of this round */
static unsigned int add_batch(struct tally *sum, struct probe *p)
{
	unsigned int i, before = sum->cancelled;

	for (i = 0; i < DUEL_BATCH; i++)
		tally_add(sum, &p[i]);
	return sum->cancelled - before;
}

/* Purge or start: each pended request is ended by one or sent by the other. Covers S11. */
static void race_purge_start(struct kunit *test)
{
	unsigned int i, j, rounds = nr_rounds(PURGE_START), overtaken = 0;
	struct probe *p = probes_alloc(test, DUEL_BATCH);
	struct caller *other = caller_alloc(test);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, DUEL_LEN);
	struct duel *d = duel_start(test, start, other);
	struct tally sum = {};

	for (i = 0; i < rounds; i++) {
		enum io_target_state state;

		fx->fake.answer.context = i / 16 % FAKE_CONTEXTS;
		KUNIT_ASSERT_EQ(test, io_target_stop(fx->target, IO_TARGET_WAIT_SENT, 60 * HZ), 0);
		for (j = 0; j < DUEL_BATCH; j++)
			duel_submit(test, &p[j], buf, (i + j) & 4 ? 0 : IO_TARGET_BOUNCE, j & 1);
		duel_fire(d);
		KUNIT_EXPECT_EQ(test, io_target_purge(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
		duel_join(d);
		state = io_target_state(fx->target);
		if (other->ret)
			KUNIT_EXPECT_EQ(test, other->ret, -ECANCELED);
		if (other->ret || state != IO_TARGET_STARTED)
			KUNIT_EXPECT_EQ(test, state, IO_TARGET_PURGED);
		overtaken += !!other->ret;
		duel_adjust(d, add_batch(&sum, p) >= DUEL_BATCH / 2);
	}
	duel_end(d);
	kunit_info(test, "starts that were purged under way: %u of %u", overtaken, rounds);
	duel_expect_both(test, "purged", sum.cancelled, "sent", sum.ended);
	duel_expect_conserved(test, &sum);
}

/*
 * Stop with CANCEL or the worker that sends: what stop has found queued ends, the
 * rest is sent, and stop has waited for it. Covers S4.
 */
static void race_stop_send(struct kunit *test)
{
	unsigned int i, j, rounds = nr_rounds(STOP_SEND), early = 0;
	struct probe *p = probes_alloc(test, DUEL_BATCH + 1);
	struct caller *other = caller_alloc(test);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, DUEL_LEN);
	struct duel *d = duel_start(test, unstall, other);
	struct tally sum = {};

	for (i = 0; i < rounds; i++) {
		fx->fake.answer.context = i / 16 % FAKE_CONTEXTS;
		fake_stall(&fx->fake);
		duel_submit(test, &p[DUEL_BATCH], buf, 0, true);
		KUNIT_ASSERT_TRUE(test, fake_wait_stalled(&fx->fake, 1));
		for (j = 0; j < DUEL_BATCH; j++)
			duel_submit(test, &p[j], buf, (i + j) & 4 ? 0 : IO_TARGET_BOUNCE, true);
		duel_fire(d);
		KUNIT_EXPECT_EQ(test, io_target_stop(fx->target, IO_TARGET_CANCEL_SENT, 60 * HZ),
				0);
		for (j = 0; j <= DUEL_BATCH; j++)
			early += io_target_request_pending(&p[j].req);
		duel_join(d);
		tally_add(&sum, &p[DUEL_BATCH]);
		duel_adjust(d, add_batch(&sum, p) >= DUEL_BATCH / 2);
		KUNIT_ASSERT_EQ(test, io_target_start(fx->target), 0);
	}
	duel_end(d);
	KUNIT_EXPECT_EQ(test, early, 0u);
	duel_expect_both(test, "cancelled", sum.cancelled, "sent", sum.ended - rounds);
	duel_expect_conserved(test, &sum);
}

static struct kunit_case race_cases[] = {
	KUNIT_CASE(race_purge_start),
	KUNIT_CASE(race_stop_send),
	{}
};

static struct kunit_suite race_suite = {
	.name = "io_target_stress_state",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = race_cases,
};

kunit_test_suite(race_suite);
