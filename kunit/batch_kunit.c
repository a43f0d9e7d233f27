// SPDX-License-Identifier: GPL-2.0
/*
 * Many requests in one call: what each submit would have done, and nothing is lost
 * where one of them is refused.
 */
#include <linux/slab.h>

#include "steps.h"

#define LEN	512
#define MANY	32

struct lot {
	struct probe			*p;
	struct io_target_request	*reqs[MANY];
	u8				*buf;
};

static struct lot *lot_prep(struct kunit *test, unsigned int flags)
{
	struct lot *lot = kunit_kzalloc(test, sizeof(*lot), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, lot);
	lot->p = probes_alloc(test, MANY);
	lot->buf = step_buf(test, MANY * LEN);
	for (i = 0; i < MANY; i++) {
		probe_prep(test, &lot->p[i], IO_TARGET_OP_WRITE, lot->buf + i * LEN, LEN, i * LEN,
			   flags);
		lot->reqs[i] = &lot->p[i].req;
	}
	return lot;
}

static void expect_ends(struct kunit *test, struct lot *lot, unsigned int first,
			unsigned int end, ssize_t result)
{
	unsigned int i;

	for (i = first; i < end; i++)
		expect_end(test, &lot->p[i], result, result == -ECANCELED);
}

struct kind {
	const char	*name;
	unsigned int	flags;
};

static const struct kind kinds[] = {
	{ "plain", 0 },
	{ "IGNORE_STATE", IO_TARGET_IGNORE_STATE },
	{ "BOUNCE", IO_TARGET_BOUNCE },
	{ "TASK", IO_TARGET_TASK },
};

static void kind_desc(const struct kind *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(kind, kinds, kind_desc);

/* All of them, once, in order; those that end at once, too. Covers A1. */
static void batch_all(struct kunit *test)
{
	const struct kind *c = test->param_value;
	struct lot *lot = lot_prep(test, c->flags);
	struct fixture *fx = test->priv;

	KUNIT_EXPECT_EQ(test, io_target_submit_batch(fx->target, lot->reqs, MANY), MANY);
	expect_ends(test, lot, 0, MANY, LEN);
	lot = lot_prep(test, c->flags);
	fx->fake.park = true;
	KUNIT_EXPECT_EQ(test, io_target_submit_batch(fx->target, lot->reqs, MANY), MANY);
	expect_parked_order(test, 0, MANY, LEN);
	expect_ends(test, lot, 0, MANY, LEN);
	KUNIT_EXPECT_EQ(test, fixture_submitted(fx), 2ull * MANY);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 2u * MANY);
}

/* Kinds that need more than a gate go by themselves, among the others. */
static void batch_mixed(struct kunit *test)
{
	struct lot *lot = lot_prep(test, 0);
	struct fixture *fx = test->priv;
	unsigned int i;

	for (i = 0; i < MANY; i++) {
		if (i % 4 == 1)
			probe_prep(test, &lot->p[i], IO_TARGET_OP_WRITE, lot->buf, LEN, i * LEN,
				   IO_TARGET_IGNORE_STATE);
		if (i % 4 == 2)
			KUNIT_EXPECT_EQ(test, io_target_request_set_timeout(lot->reqs[i], 60 * HZ),
					0);
		if (i % 4 == 3)
			KUNIT_EXPECT_NE(test, io_target_request_id(lot->reqs[i]), 0ull);
	}
	fx->fake.park = true;
	KUNIT_EXPECT_EQ(test, io_target_submit_batch(fx->target, lot->reqs, MANY), MANY);
	expect_parked_order(test, 0, MANY, LEN);
	expect_ends(test, lot, 0, MANY, LEN);
	/* No gate was left behind. */
	KUNIT_EXPECT_EQ(test, io_target_stop(fx->target, IO_TARGET_WAIT_SENT, 60 * HZ), 0);
}

/* The first are accepted, the rest is the caller's as it was. */
static void batch_refused_in_the_middle(struct kunit *test)
{
	struct lot *lot = lot_prep(test, 0);
	struct fixture *fx = test->priv;

	KUNIT_EXPECT_EQ(test, io_target_request_reinit(lot->reqs[MANY / 2]), 0);
	KUNIT_EXPECT_EQ(test, io_target_submit_batch(fx->target, lot->reqs, MANY), MANY / 2);
	expect_ends(test, lot, 0, MANY / 2, LEN);
	KUNIT_EXPECT_EQ(test, io_target_submit_batch(fx->target, lot->reqs + MANY / 2, 2),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_submit_batch(fx->target, lot->reqs + MANY / 2 + 1,
						     MANY / 2 - 1), MANY / 2 - 1);
	expect_ends(test, lot, MANY / 2 + 1, MANY, LEN);
	KUNIT_EXPECT_EQ(test, io_target_submit_batch(fx->target, lot->reqs, 0), 0);
	KUNIT_EXPECT_EQ(test, io_target_stop(fx->target, IO_TARGET_WAIT_SENT, 60 * HZ), 0);
}

/* As each state has it for each of them. Covers S2. */
static void batch_states(struct kunit *test)
{
	struct lot *lot = lot_prep(test, 0);
	struct fixture *fx = test->priv;

	KUNIT_ASSERT_EQ(test, io_target_stop(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
	KUNIT_EXPECT_EQ(test, io_target_submit_batch(fx->target, lot->reqs, MANY / 2), MANY / 2);
	KUNIT_EXPECT_EQ(test, fx->target->nr_pended, MANY / 2u);
	KUNIT_ASSERT_EQ(test, io_target_purge(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
	expect_ends(test, lot, 0, MANY / 2, -ECANCELED);
	KUNIT_EXPECT_EQ(test, io_target_submit_batch(fx->target, lot->reqs + MANY / 2, MANY / 2),
			-ESHUTDOWN);
	KUNIT_ASSERT_EQ(test, io_target_close(fx->target), 0);
	KUNIT_EXPECT_EQ(test, io_target_submit_batch(fx->target, lot->reqs + MANY / 2, MANY / 2),
			-ENODEV);
}

/* A batch that finds the target stopped under it sends what it holds gates for. */
static void stop_end_io(struct io_target_request *req)
{
	io_target_stop(req->target, IO_TARGET_LEAVE_SENT, 0);
	probe_end_io(req);
}

static void batch_stopped_inside(struct kunit *test)
{
	struct lot *lot = lot_prep(test, 0);
	struct fixture *fx = test->priv;

	lot->reqs[1]->end_io = stop_end_io;
	KUNIT_EXPECT_EQ(test, io_target_submit_batch(fx->target, lot->reqs, MANY), MANY);
	expect_ends(test, lot, 0, MANY, LEN);
	KUNIT_EXPECT_EQ(test, io_target_state(fx->target), IO_TARGET_STOPPED);
	KUNIT_EXPECT_EQ(test, io_target_stop(fx->target, IO_TARGET_WAIT_SENT, 60 * HZ), 0);
}

static struct kunit_case batch_cases[] = {
	KUNIT_CASE_PARAM(batch_all, kind_gen_params),
	KUNIT_CASE(batch_mixed),
	KUNIT_CASE(batch_refused_in_the_middle),
	KUNIT_CASE(batch_states),
	KUNIT_CASE(batch_stopped_inside),
	{}
};

static struct kunit_suite batch_suite = {
	.name = "io_target_batch",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = batch_cases,
};

kunit_test_suite(batch_suite);
