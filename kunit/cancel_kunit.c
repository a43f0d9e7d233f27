// SPDX-License-Identifier: GPL-2.0
/*
 * Cancel: what has not been given to the device ends at once; the rest is told
 * apart; and nothing of it sticks.
 */
#include <linux/slab.h>

#include "steps.h"

#define LEN	512
#define MANY	9

static const struct kind {
	const char	*name;
	unsigned int	flags;
	bool		atomic;
} kinds[] = {
	{ "plain" },
	{ "submit_atomic", 0, true },
	{ "BOUNCE", IO_TARGET_BOUNCE },
	{ "BOUNCE, submit_atomic", IO_TARGET_BOUNCE, true },
	{ "TASK", IO_TARGET_TASK },
	{ "BOUNCE, TASK", IO_TARGET_BOUNCE | IO_TARGET_TASK },
	{ "IGNORE_STATE", IO_TARGET_IGNORE_STATE, true },
	{ "IGNORE_STATE, BOUNCE", IO_TARGET_IGNORE_STATE | IO_TARGET_BOUNCE },
};

/* The first of those that ignore the state */
#define IGNORING	(ARRAY_SIZE(kinds) - 2)

static void kind_desc(const struct kind *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(kind, kinds, kind_desc);

static void submit(struct kunit *test, const struct kind *c, struct probe *p, u8 *buf)
{
	reinit_completion(&p->done);
	atomic_set(&p->ends, 0);
	probe_prep(test, p, IO_TARGET_OP_WRITE, buf, LEN, 0, c->flags);
	KUNIT_ASSERT_EQ(test, c->atomic ? io_target_submit_atomic(&p->req) :
					  io_target_submit(&p->req), 0);
}

/* The request can be used again, and no cancel of the past hits it. */
static void expect_reusable(struct kunit *test, const struct kind *c, struct probe *p, u8 *buf)
{
	struct fixture *fx = test->priv;

	fake_let_go(&fx->fake);
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	KUNIT_EXPECT_EQ(test, io_target_cancel(&p->req), -ENOENT);
	submit(test, c, p, buf);
	expect_end(test, p, LEN, false);
	KUNIT_EXPECT_EQ(test, io_target_cancel(&p->req), -ENOENT);
}

/* Of what is not outstanding there is nothing to cancel. Covers C5, C6. */
static void cancel_not_outstanding(struct kunit *test)
{
	const struct kind *c = test->param_value;
	struct probe *p = probes_alloc(test, 1);
	u8 *buf = step_buf(test, LEN);

	KUNIT_EXPECT_EQ(test, io_target_cancel(&p->req), -ENOENT);
	submit(test, c, p, buf);
	expect_end(test, p, LEN, false);
	KUNIT_EXPECT_EQ(test, io_target_cancel(&p->req), -ENOENT);
	KUNIT_EXPECT_EQ(test, p->req.result, LEN);
	probe_prep(test, p, IO_TARGET_OP_WRITE, buf, LEN, 0, c->flags);
	KUNIT_EXPECT_EQ(test, io_target_cancel(&p->req), -ENOENT);
	reinit_completion(&p->done);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), 0);
	KUNIT_EXPECT_TRUE(test, probe_wait(p));
	KUNIT_EXPECT_EQ(test, p->req.result, LEN);
	KUNIT_EXPECT_EQ(test, io_target_request_reinit(&p->req), 0);
	KUNIT_EXPECT_EQ(test, io_target_cancel(&p->req), -ENOENT);
	expect_reusable(test, c, p, buf);
}

/* Covers C1. */
static void cancel_pended(struct kunit *test)
{
	const struct kind *c = test->param_value;
	struct kind pending = *c;
	struct probe *p = probes_alloc(test, 1);
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;

	KUNIT_EXPECT_EQ(test, io_target_stop(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
	pending.flags &= ~IO_TARGET_IGNORE_STATE;
	submit(test, &pending, p, buf);
	expect_outstanding(test, p);
	KUNIT_EXPECT_EQ(test, io_target_cancel(&p->req), 0);
	expect_end(test, p, -ECANCELED, true);
	KUNIT_EXPECT_EQ(test, io_target_cancel(&p->req), -ENOENT);
	KUNIT_EXPECT_EQ(test, fx->target->nr_pended, 0u);
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 0u);
	expect_reusable(test, c, p, buf);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 1u);
}

/* What the device has ends as the device says, in any context. Covers C2. */
static void cancel_sent(struct kunit *test)
{
	const struct kind *c = test->param_value;
	struct probe *p = probes_alloc(test, FAKE_CONTEXTS);
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;
	unsigned int i;

	for (i = 0; i < FAKE_CONTEXTS; i++) {
		fx->fake.park = true;
		submit(test, c, &p[i], buf);
		KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, 1));
		KUNIT_EXPECT_EQ(test, io_target_cancel(&p[i].req), -EALREADY);
		KUNIT_EXPECT_EQ(test, io_target_cancel(&p[i].req), -EALREADY);
		expect_outstanding(test, &p[i]);
		fx->fake.answer.context = i;
		fx->fake.answer.error = i & 1 ? -EIO : 0;
		fake_answer_parked(&fx->fake, false);
		expect_end(test, &p[i], i & 1 ? -EIO : LEN, false);
	}
	fx->fake.answer.error = 0;
	expect_reusable(test, c, p, buf);
}

/* What was pended and has been sent since is with the device, too. */
static void cancel_resent(struct kunit *test)
{
	const struct kind *c = test->param_value;
	struct probe *p = probes_alloc(test, 1);
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;

	fx->fake.park = true;
	KUNIT_EXPECT_EQ(test, io_target_stop(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
	submit(test, c, p, buf);
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, 1));
	KUNIT_EXPECT_EQ(test, io_target_cancel(&p->req), -EALREADY);
	fake_answer_parked(&fx->fake, false);
	expect_end(test, p, LEN, false);
	expect_reusable(test, c, p, buf);
}

/* Behind a worker that is stuck in the device */
static void queue_behind(struct kunit *test, struct probe *first, u8 *buf)
{
	struct fixture *fx = test->priv;

	fake_stall(&fx->fake);
	submit(test, &(struct kind){ .atomic = true }, first, buf);
	KUNIT_ASSERT_TRUE(test, fake_wait_stalled(&fx->fake, 1));
}

static void cancel_queued(struct kunit *test)
{
	const struct kind *c = test->param_value;
	struct kind queued = { .flags = c->flags, .atomic = true };
	struct probe *p = probes_alloc(test, MANY + 1);
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;
	unsigned int i;

	queue_behind(test, &p[MANY], buf);
	for (i = 0; i < MANY; i++)
		submit(test, &queued, &p[i], buf);
	/* From the middle, and both ends */
	for (i = 0; i < MANY; i += 2) {
		unsigned int n = (i + MANY / 2) % MANY & ~1u;

		KUNIT_EXPECT_EQ(test, io_target_cancel(&p[n].req), 0);
		expect_end(test, &p[n], -ECANCELED, true);
	}
	/* The worker has it, whether or not the device does yet. */
	KUNIT_EXPECT_EQ(test, io_target_cancel(&p[MANY].req), -EALREADY);
	fake_unstall(&fx->fake);
	expect_end(test, &p[MANY], LEN, false);
	for (i = 1; i < MANY; i += 2)
		expect_end(test, &p[i], LEN, false);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, MANY / 2 + 1u);
	expect_reusable(test, &queued, p, buf);
}

/* Who cancels, and in which context */
struct canceller {
	struct probe	*victims;
	int		ret[3];
	int		own;
};

static void cancel_end_io(struct io_target_request *req)
{
	struct canceller *c = req->private;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(c->ret); i++)
		c->ret[i] = io_target_cancel(&c->victims[i].req);
	c->own = io_target_cancel(req);
	probe_end_io(req);
}

static const enum fake_context contexts[] = {
	FAKE_TASK, FAKE_SOFTIRQ, FAKE_HARDIRQ, FAKE_WORKER,
};

static void context_desc(const enum fake_context *context, char *desc)
{
	strscpy(desc, fake_context_names[*context], KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(context, contexts, context_desc);

/* It may be called anywhere, an end_io included, and ends requests there. Covers A2. */
static void cancel_in_end_io(struct kunit *test)
{
	struct canceller *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);
	struct probe *p = probes_alloc(test, 4);
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, c);
	fx->fake.park = true;
	submit(test, &kinds[0], &p[2], buf);
	KUNIT_EXPECT_EQ(test, io_target_stop(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
	submit(test, &kinds[0], &p[0], buf);
	submit(test, &kinds[2], &p[1], buf);
	fx->fake.park = false;
	fx->fake.answer.context = *(const enum fake_context *)test->param_value;
	c->victims = p;
	probe_prep(test, &p[3], IO_TARGET_OP_WRITE, buf, LEN, 0, IO_TARGET_IGNORE_STATE);
	p[3].req.end_io = cancel_end_io;
	p[3].req.private = c;
	KUNIT_EXPECT_EQ(test, io_target_submit(&p[3].req), 0);
	expect_end(test, &p[3], LEN, false);
	expect_end(test, &p[0], -ECANCELED, true);
	expect_end(test, &p[1], -ECANCELED, true);
	KUNIT_EXPECT_EQ(test, p[0].context, p[3].context);
	KUNIT_EXPECT_EQ(test, p[1].context, p[3].context);
	KUNIT_EXPECT_EQ(test, c->ret[0], 0);
	KUNIT_EXPECT_EQ(test, c->ret[1], 0);
	KUNIT_EXPECT_EQ(test, c->ret[2], -EALREADY);
	KUNIT_EXPECT_EQ(test, c->own, -ENOENT);
	expect_outstanding(test, &p[2]);
}

static int cancel_all_sent(struct fixture *fx, bool purge)
{
	if (purge)
		return io_target_purge(fx->target, IO_TARGET_CANCEL_SENT, 60 * HZ);
	return io_target_stop(fx->target, IO_TARGET_CANCEL_SENT, 60 * HZ);
}

/* Stop and purge with CANCEL leave alone what ignores the state, queued or not. Covers S6. */
static void cancel_by_state(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 2 * (ARRAY_SIZE(kinds) + 1)), *first;
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;
	unsigned int i, purge;

	for (purge = 0; purge < 2; purge++, p += ARRAY_SIZE(kinds) + 1) {
		first = &p[ARRAY_SIZE(kinds)];
		fake_stall(&fx->fake);
		submit(test, &kinds[IGNORING], first, buf);
		KUNIT_ASSERT_TRUE(test, fake_wait_stalled(&fx->fake, 1));
		for (i = 0; i < ARRAY_SIZE(kinds); i++)
			submit(test, &(struct kind){ .flags = kinds[i].flags, .atomic = true },
			       &p[i], buf);
		KUNIT_EXPECT_EQ(test, cancel_all_sent(fx, purge), 0);
		for (i = 0; i < IGNORING; i++)
			expect_end(test, &p[i], -ECANCELED, true);
		for (i = IGNORING; i < ARRAY_SIZE(kinds); i++)
			expect_outstanding(test, &p[i]);
		fake_unstall(&fx->fake);
		for (i = IGNORING; i < ARRAY_SIZE(kinds); i++)
			expect_end(test, &p[i], LEN, false);
		expect_end(test, first, LEN, false);
		KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	}
}

/* Order of the others is not disturbed, and the bound counts those that are left. */
static void cancel_some_pended(struct kunit *test)
{
	struct probe *p = probes_alloc(test, MANY);
	u8 *buf = step_buf(test, MANY * LEN);
	struct fixture *fx = test->priv;
	unsigned int i;

	fx->fake.park = true;
	step_pend(test, p, MANY, buf, LEN, 0);
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, io_target_cancel(&p[i].req), 0);
		KUNIT_EXPECT_EQ(test, io_target_cancel(&p[MANY - 1 - i].req), 0);
	}
	KUNIT_EXPECT_EQ(test, fx->target->nr_pended, MANY - 6u);
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	expect_parked_order(test, 3, MANY - 6, LEN);
}

/* Of a request that has ended, but whose end_io waits for its worker: too late. */
static void cancel_ending(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 2);
	struct doorway *d = doorway_alloc(test);
	u8 *buf = step_buf(test, LEN);

	probe_prep(test, p, IO_TARGET_OP_WRITE, buf, LEN, 0, IO_TARGET_TASK);
	doorway_set(p, d);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), 0);
	wait_for_completion(&d->entered);
	submit(test, &kinds[4], &p[1], buf);
	KUNIT_EXPECT_EQ(test, io_target_cancel(&p[1].req), -EALREADY);
	complete(&d->leave);
	expect_end(test, &p[0], LEN, false);
	expect_end(test, &p[1], LEN, false);
}

/*
 * What has passed the gate, but comes to wait in a queue only after all that waited
 * was cancelled, ends like that; until the target is started again.
 */
static void cancel_latecomer(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 4);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);

	fake_stall(&fx->fake);
	probe_prep(test, &p[0], IO_TARGET_OP_WRITE, buf, LEN, 0, 0);
	KUNIT_ASSERT_EQ(test, io_target_submit_atomic(&p[0].req), 0);
	KUNIT_ASSERT_TRUE(test, fake_wait_stalled(&fx->fake, 1));
	iot_lower_cancel_begin(fx->fake.lower, false);
	iot_lower_cancel_queued(fx->fake.lower);
	probe_prep(test, &p[1], IO_TARGET_OP_WRITE, buf, LEN, 0, 0);
	KUNIT_ASSERT_EQ(test, io_target_submit_atomic(&p[1].req), 0);
	expect_end(test, &p[1], -ECANCELED, true);
	probe_prep(test, &p[2], IO_TARGET_OP_WRITE, buf, LEN, 0, IO_TARGET_IGNORE_STATE);
	KUNIT_ASSERT_EQ(test, io_target_submit_atomic(&p[2].req), 0);
	fake_unstall(&fx->fake);
	expect_end(test, &p[0], LEN, false);
	expect_end(test, &p[2], LEN, false);

	KUNIT_EXPECT_EQ(test, io_target_stop(fx->target, IO_TARGET_CANCEL_SENT, 60 * HZ), 0);
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	probe_prep(test, &p[3], IO_TARGET_OP_WRITE, buf, LEN, 0, 0);
	KUNIT_ASSERT_EQ(test, io_target_submit_atomic(&p[3].req), 0);
	expect_end(test, &p[3], LEN, false);
}

static struct kunit_case cancel_cases[] = {
	KUNIT_CASE_PARAM(cancel_not_outstanding, kind_gen_params),
	KUNIT_CASE_PARAM(cancel_pended, kind_gen_params),
	KUNIT_CASE_PARAM(cancel_sent, kind_gen_params),
	KUNIT_CASE_PARAM(cancel_resent, kind_gen_params),
	KUNIT_CASE_PARAM(cancel_queued, kind_gen_params),
	KUNIT_CASE_PARAM(cancel_in_end_io, context_gen_params),
	KUNIT_CASE(cancel_some_pended),
	KUNIT_CASE(cancel_ending),
	KUNIT_CASE(cancel_by_state),
	KUNIT_CASE(cancel_latecomer),
	{}
};

static struct kunit_suite cancel_suite = {
	.name = "io_target_cancel",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = cancel_cases,
};

kunit_test_suite(cancel_suite);
