// SPDX-License-Identifier: GPL-2.0
/*
 * Pended requests: bounded, in order, and each of them ends.
 */
#include <linux/slab.h>

#include "calls.h"
#include "pattern.h"
#include "steps.h"

#define LEN	512
#define MANY	40
#define SEED	0x9e
#define POISON	0xa5
#define SHORTLY	(HZ / 20)

static int purge_leave(struct fixture *fx)
{
	return io_target_purge(fx->target, IO_TARGET_LEAVE_SENT, 0);
}

static int stop_leave(struct fixture *fx)
{
	return io_target_stop(fx->target, IO_TARGET_LEAVE_SENT, 0);
}

static const struct mix {
	const char	*name;
	unsigned int	even, odd;	/* flags */
	bool		atomic;		/* the odd ones */
} mixes[] = {
	{ "plain", 0, 0, false },
	{ "BOUNCE", IO_TARGET_BOUNCE, IO_TARGET_BOUNCE, false },
	{ "plain and submit_atomic", 0, 0, true },
	{ "BOUNCE and plain", IO_TARGET_BOUNCE, 0, false },
	{ "plain and TASK", 0, IO_TARGET_TASK, false },
};

static void mix_desc(const struct mix *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(mix, mixes, mix_desc);

static void pend_mix(struct kunit *test, const struct mix *c, struct probe *p, u8 *buf)
{
	struct fixture *fx = test->priv;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, stop_leave(fx), 0);
	for (i = 0; i < MANY; i++) {
		probe_prep(test, &p[i], IO_TARGET_OP_WRITE, buf + i * LEN, LEN, i * LEN,
			   i & 1 ? c->odd : c->even);
		KUNIT_ASSERT_EQ(test, i & 1 && c->atomic ? io_target_submit_atomic(&p[i].req) :
							   io_target_submit(&p[i].req), 0);
	}
	KUNIT_EXPECT_EQ(test, fx->target->nr_pended, MANY);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 0u);
}

/* Sent in the order of submission. Covers S3. */
static void pend_order(struct kunit *test)
{
	struct probe *p = probes_alloc(test, MANY);
	u8 *buf = step_buf(test, MANY * LEN);
	struct fixture *fx = test->priv;
	unsigned int i;

	fx->fake.park = true;
	pend_mix(test, test->param_value, p, buf);
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	KUNIT_EXPECT_EQ(test, fx->target->nr_pended, 0u);
	expect_parked_order(test, 0, MANY, LEN);
	for (i = 0; i < MANY; i++)
		expect_end(test, &p[i], LEN, false);
}

enum ender { BY_PURGE, BY_CLOSE };

/* Or ended in that order, never sent. Covers S5, S8. */
static void end_in_order(struct kunit *test, enum ender by)
{
	const struct mix *c = test->param_value;
	struct probe *p = probes_alloc(test, MANY);
	u8 *buf = step_buf(test, MANY * LEN);
	struct fixture *fx = test->priv;
	unsigned int i;

	pend_mix(test, c, p, buf);
	KUNIT_EXPECT_EQ(test, by == BY_PURGE ? purge_leave(fx) : io_target_close(fx->target), 0);
	for (i = 0; i < MANY; i++) {
		expect_end(test, &p[i], -ECANCELED, true);
		/* Those of TASK have a thread and an order of their own. */
		if (!(c->odd & IO_TARGET_TASK))
			KUNIT_EXPECT_EQ(test, p[i].number, i + 1);
		else if (i >= 2)
			KUNIT_EXPECT_GT(test, p[i].number, p[i - 2].number);
	}
	KUNIT_EXPECT_EQ(test, fx->target->nr_pended, 0u);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 0u);
}

static void pend_purge(struct kunit *test)
{
	end_in_order(test, BY_PURGE);
}

static void pend_close(struct kunit *test)
{
	end_in_order(test, BY_CLOSE);
}

/* As many as may, and one more. Another one can have the place of one that ended. */
static void fill(struct kunit *test, struct probe *p, u8 *buf, unsigned int max)
{
	struct fixture *fx = test->priv;
	struct probe *over = &p[max];
	unsigned int i;

	for (i = 0; i < max; i++)
		step_submit(test, &p[i], buf, LEN, 0, 0);
	probe_prep(test, over, IO_TARGET_OP_WRITE, buf, LEN, 0, 0);
	KUNIT_EXPECT_EQ(test, io_target_submit(&over->req), -EAGAIN);
	KUNIT_EXPECT_EQ(test, io_target_submit_atomic(&over->req), -EAGAIN);
	KUNIT_EXPECT_EQ(test, io_target_submit_wait(&over->req, HZ), -EAGAIN);
	KUNIT_EXPECT_FALSE(test, io_target_request_pending(&over->req));
	KUNIT_EXPECT_EQ(test, io_target_write(fx->target, buf, LEN, 0, HZ), -EAGAIN);
	KUNIT_EXPECT_EQ(test, io_target_cancel(&p->req), 0);
	expect_end(test, p, -ECANCELED, true);
	over->req.end_io = probe_end_io;
	KUNIT_EXPECT_EQ(test, io_target_submit(&over->req), 0);
	KUNIT_EXPECT_EQ(test, fx->target->nr_pended, max);
	/* The others need no place. */
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	for (i = 1; i <= max; i++)
		expect_end(test, &p[i], LEN, false);
}

static const unsigned int bounds[] = { 1, 3, 0 };

static void bound_desc(const unsigned int *bound, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "max_pended %u", *bound);
}

KUNIT_ARRAY_PARAM(bound, bounds, bound_desc);

static void pend_bounded(struct kunit *test)
{
	struct io_target_config config = {
		.name = test->name, .max_pended = *(const unsigned int *)test->param_value,
	};
	unsigned int max = config.max_pended ?: 1024;
	struct fixture *fx = test->priv;
	struct io_target *own;
	struct probe *p;

	/* A target with that bound, in the place of the fixture's, which goes. */
	own = io_target_create(&config);
	KUNIT_ASSERT_FALSE(test, IS_ERR(own));
	io_target_close(fx->target);
	io_target_put(fx->target);
	fx->target = own;
	KUNIT_ASSERT_EQ(test, fake_open(&fx->fake, own, FIXTURE_RW), 0);
	KUNIT_ASSERT_EQ(test, stop_leave(fx), 0);
	p = probes_alloc(test, max + 1);
	fill(test, p, step_buf(test, LEN), max);
}

/* What is submitted while start sends stays behind. Covers S3. */
static void pend_starting(struct kunit *test)
{
	struct probe *p = probes_alloc(test, MANY);
	struct doorway *d = doorway_alloc(test);
	u8 *buf = step_buf(test, MANY * LEN);
	struct fixture *fx = test->priv;
	struct aside *start;
	unsigned int i;

	step_pend(test, p, MANY / 2, buf, LEN, 0);
	start = step_starting(test, p, buf, LEN, d);
	for (i = MANY / 2; i < MANY; i++)
		step_submit(test, &p[i], buf + i * LEN, LEN, i * LEN,
			    i % 3 ? 0 : IO_TARGET_BOUNCE);
	KUNIT_EXPECT_EQ(test, fx->target->nr_pended, MANY - 1);
	KUNIT_EXPECT_TRUE(test, aside_waits(start));
	complete(&d->leave);
	KUNIT_EXPECT_EQ(test, aside_end(test, start), 0);
	expect_parked_order(test, 1, MANY - 1, LEN);
	expect_end(test, &p[MANY - 1], LEN, false);
}

/* Two starts: the second one waits for the first. */
static void pend_two_starts(struct kunit *test)
{
	struct probe *p = probes_alloc(test, MANY);
	struct doorway *d = doorway_alloc(test);
	u8 *buf = step_buf(test, MANY * LEN);
	struct aside *first, *second;

	step_pend(test, p, MANY, buf, LEN, 0);
	first = step_starting(test, p, buf, LEN, d);
	second = aside_start(test, aside_start_target, NULL);
	KUNIT_EXPECT_TRUE(test, aside_waits(second));
	complete(&d->leave);
	KUNIT_EXPECT_EQ(test, aside_end(test, first), 0);
	KUNIT_EXPECT_EQ(test, aside_end(test, second), 0);
	expect_parked_order(test, 1, MANY - 1, LEN);
}

/* Stopped in the middle of a start: the rest pends on, in order. Covers S11. */
static void pend_stop_in_start(struct kunit *test)
{
	struct probe *p = probes_alloc(test, MANY);
	struct doorway *d = doorway_alloc(test);
	u8 *buf = step_buf(test, MANY * LEN);
	struct fixture *fx = test->priv;
	struct aside *start;

	step_pend(test, p, MANY, buf, LEN, 0);
	start = step_starting(test, p, buf, LEN, d);
	KUNIT_EXPECT_EQ(test, stop_leave(fx), 0);
	complete(&d->leave);
	KUNIT_EXPECT_EQ(test, aside_end(test, start), -ECANCELED);
	KUNIT_EXPECT_EQ(test, io_target_state(fx->target), IO_TARGET_STOPPED);
	KUNIT_EXPECT_EQ(test, fx->target->nr_pended, MANY - 1);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 1u);
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	expect_parked_order(test, 1, MANY - 1, LEN);
}

/* Purged then: the rest ends. Covers S11. */
static void pend_purge_in_start(struct kunit *test)
{
	struct probe *p = probes_alloc(test, MANY);
	struct doorway *d = doorway_alloc(test);
	u8 *buf = step_buf(test, MANY * LEN);
	struct fixture *fx = test->priv;
	struct aside *start;
	unsigned int i;

	step_pend(test, p, MANY, buf, LEN, 0);
	start = step_starting(test, p, buf, LEN, d);
	KUNIT_EXPECT_EQ(test, purge_leave(fx), 0);
	for (i = 1; i < MANY; i++) {
		expect_end(test, &p[i], -ECANCELED, true);
		KUNIT_EXPECT_EQ(test, p[i].number, i);
	}
	complete(&d->leave);
	KUNIT_EXPECT_EQ(test, aside_end(test, start), -ECANCELED);
	expect_end(test, p, LEN, false);
	KUNIT_EXPECT_EQ(test, io_target_state(fx->target), IO_TARGET_PURGED);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 1u);
}

/* Close waits for a start that is under way. */
static void pend_close_in_start(struct kunit *test)
{
	struct probe *p = probes_alloc(test, MANY);
	struct doorway *d = doorway_alloc(test);
	u8 *buf = step_buf(test, MANY * LEN);
	struct fixture *fx = test->priv;
	struct aside *start, *close;

	step_pend(test, p, MANY, buf, LEN, 0);
	start = step_starting(test, p, buf, LEN, d);
	close = aside_start(test, aside_close, NULL);
	KUNIT_EXPECT_TRUE(test, aside_waits(close));
	complete(&d->leave);
	KUNIT_EXPECT_EQ(test, aside_end(test, start), 0);
	expect_parked_order(test, 1, MANY - 1, LEN);
	KUNIT_EXPECT_EQ(test, aside_end(test, close), 0);
	KUNIT_EXPECT_EQ(test, close->ended, MANY);
	KUNIT_EXPECT_EQ(test, fx->fake.closes, 1u);
}

/* The data of a BOUNCE write is that of the submit. */
static void pend_bounce_data(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 2);
	u8 *buf = step_buf(test, 2 * LEN);
	struct fixture *fx = test->priv;

	pattern_fill(buf, 2 * LEN, 0, SEED);
	step_pend(test, p, 2, buf, LEN, IO_TARGET_BOUNCE);
	memset(buf, POISON, 2 * LEN);
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	expect_end(test, &p[0], LEN, false);
	expect_end(test, &p[1], LEN, false);
	KUNIT_EXPECT_EQ(test, pattern_match(fx->fake.memory, 2 * LEN, 0, SEED), 2ul * LEN);
}

/* A blocking submit that pends is sent by start. */
static void pend_blocking(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 2);
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;
	struct aside *a[2];
	unsigned int i;

	KUNIT_EXPECT_EQ(test, stop_leave(fx), 0);
	for (i = 0; i < 2; i++) {
		probe_prep(test, &p[i], IO_TARGET_OP_WRITE, buf, LEN, 0, i * IO_TARGET_BOUNCE);
		a[i] = aside_start(test, aside_submit_wait, &p[i]);
	}
	KUNIT_ASSERT_TRUE(test, step_wait_pended(fx, 2));
	KUNIT_EXPECT_TRUE(test, aside_waits(a[0]));
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, aside_end(test, a[i]), LEN);
		KUNIT_EXPECT_FALSE(test, p[i].req.not_sent);
	}
}

/* One that is purged instead is told so. */
static void pend_blocking_purged(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 2);
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;
	struct aside *a[2];
	unsigned int i;

	KUNIT_EXPECT_EQ(test, stop_leave(fx), 0);
	for (i = 0; i < 2; i++) {
		probe_prep(test, &p[i], IO_TARGET_OP_WRITE, buf, LEN, 0, i * IO_TARGET_BOUNCE);
		a[i] = aside_start(test, aside_submit_wait, &p[i]);
	}
	KUNIT_ASSERT_TRUE(test, step_wait_pended(fx, 2));
	KUNIT_EXPECT_EQ(test, purge_leave(fx), 0);
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, aside_end(test, a[i]), -ECANCELED);
		KUNIT_EXPECT_TRUE(test, p[i].req.not_sent);
	}
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 0u);
}

KUNIT_ARRAY_PARAM(call, calls, call_desc);

/* Every blocking call is back when its time is up, with nothing sent. Covers T2. */
static void pend_blocking_times_out(struct kunit *test)
{
	enum call call = *(const enum call *)test->param_value;
	static const unsigned int flags[] = {
		0, IO_TARGET_BOUNCE, IO_TARGET_TASK, IO_TARGET_BOUNCE | IO_TARGET_TASK,
	};
	struct probe *p = probes_alloc(test, 1);
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, stop_leave(fx), 0);
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		unsigned long start = jiffies;

		KUNIT_EXPECT_EQ(test, call_do(call, p, buf, LEN, 0, flags[i], SHORTLY), -ETIMEDOUT);
		KUNIT_EXPECT_TRUE(test, time_after_eq(jiffies, start + SHORTLY));
		KUNIT_EXPECT_FALSE(test, io_target_request_pending(&p->req));
		KUNIT_EXPECT_EQ(test, fx->target->nr_pended, 0u);
	}
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 0u);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->ends), 0);
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_OVERDUE), 0);
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_ORPHAN), 0);
}

/* Nothing that pended is left for the next open. Covers S10. */
static void pend_reopen(struct kunit *test)
{
	struct probe *p = probes_alloc(test, MANY + 1);
	u8 *buf = step_buf(test, MANY * LEN);
	struct fixture *fx = test->priv;
	unsigned int i;

	probe_prep(test, &p[MANY], IO_TARGET_OP_WRITE, buf, LEN, 0, 0);
	step_pend(test, p, MANY, buf, LEN, 0);
	fixture_reopen(test, FIXTURE_RW);
	for (i = 0; i < MANY; i++)
		expect_end(test, &p[i], -ECANCELED, true);
	KUNIT_EXPECT_EQ(test, io_target_state(fx->target), IO_TARGET_STARTED);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p[MANY].req), -ESTALE);
	KUNIT_EXPECT_EQ(test, stop_leave(fx), 0);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p[MANY].req), -ESTALE);
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	reinit_completion(&p[MANY].done);
	step_submit(test, &p[MANY], buf, LEN, 0, 0);
	expect_end(test, &p[MANY], LEN, false);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 1u);
}

/* Send and forget: the layer frees what it could not send. */
static void pend_forgotten(struct kunit *test)
{
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, stop_leave(fx), 0);
	for (i = 0; i < MANY; i++) {
		struct io_target_request *req = io_target_request_alloc(fx->target, GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, req);
		KUNIT_EXPECT_EQ(test, io_target_prep_write_buf(req, buf, LEN, 0,
							       i % 2 * IO_TARGET_BOUNCE), 0);
		KUNIT_EXPECT_EQ(test, io_target_submit(req), 0);
	}
	KUNIT_EXPECT_EQ(test, fixture_completed(fx), 0ull);
	KUNIT_EXPECT_EQ(test, purge_leave(fx), 0);
	KUNIT_EXPECT_EQ(test, fixture_completed(fx), (u64)MANY);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 0u);
}

static struct kunit_case pend_cases[] = {
	KUNIT_CASE_PARAM(pend_order, mix_gen_params),
	KUNIT_CASE_PARAM(pend_purge, mix_gen_params),
	KUNIT_CASE_PARAM(pend_close, mix_gen_params),
	KUNIT_CASE_PARAM(pend_bounded, bound_gen_params),
	KUNIT_CASE(pend_starting),
	KUNIT_CASE(pend_two_starts),
	KUNIT_CASE(pend_stop_in_start),
	KUNIT_CASE(pend_purge_in_start),
	KUNIT_CASE(pend_close_in_start),
	KUNIT_CASE(pend_bounce_data),
	KUNIT_CASE(pend_blocking),
	KUNIT_CASE(pend_blocking_purged),
	KUNIT_CASE_PARAM(pend_blocking_times_out, call_gen_params),
	KUNIT_CASE(pend_reopen),
	KUNIT_CASE(pend_forgotten),
	{}
};

static struct kunit_suite pend_suite = {
	.name = "io_target_pend",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = pend_cases,
};

kunit_test_suite(pend_suite);
