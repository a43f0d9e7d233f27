// SPDX-License-Identifier: GPL-2.0
/*
 * TASK: end_io in process context, whatever the device's context is.
 */
#include <linux/delay.h>
#include <linux/slab.h>

#include "steps.h"

#define LEN	512
#define MANY	200

static const struct task_case {
	const char		*name;
	enum fake_context	context;
	unsigned int		flags;
} cases[] = {
	{ "task", FAKE_TASK },
	{ "softirq", FAKE_SOFTIRQ },
	{ "hardirq", FAKE_HARDIRQ },
	{ "worker", FAKE_WORKER },
	{ "task, BOUNCE", FAKE_TASK, IO_TARGET_BOUNCE },
	{ "hardirq, BOUNCE", FAKE_HARDIRQ, IO_TARGET_BOUNCE },
	{ "hardirq, IGNORE_STATE", FAKE_HARDIRQ, IO_TARGET_IGNORE_STATE },
};

static void case_desc(const struct task_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(case, cases, case_desc);

/* Sleeps, which lockdep and the scheduler would complain of in another context. */
static void sleeping_end_io(struct io_target_request *req)
{
	void *memory = kmalloc(LEN, GFP_KERNEL);

	usleep_range(1, 10);
	kfree(memory);
	probe_end_io(req);
}

static void prep(struct kunit *test, const struct task_case *c, struct probe *p, u8 *buf)
{
	probe_prep(test, p, IO_TARGET_OP_WRITE, buf, LEN, 0, c->flags | IO_TARGET_TASK);
}

/* In a worker, one after the other, in the order in which they ended. */
static void task_order(struct kunit *test)
{
	const struct task_case *c = test->param_value;
	struct probe *p = probes_alloc(test, MANY);
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;
	unsigned int i;

	fx->fake.answer.context = c->context;
	fx->fake.park = true;
	for (i = 0; i < MANY; i++) {
		prep(test, c, &p[i], buf);
		if (i % 8 == 0)
			p[i].req.end_io = sleeping_end_io;
		KUNIT_ASSERT_EQ(test, io_target_submit(&p[i].req), 0);
	}
	KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, MANY));
	fake_answer_parked(&fx->fake, true);
	for (i = 0; i < MANY; i++) {
		expect_end(test, &p[i], LEN, false);
		KUNIT_EXPECT_EQ(test, p[i].context, FAKE_WORKER);
		KUNIT_EXPECT_EQ(test, p[i].number, MANY - i);
	}
}

/* Others are not held up by an end_io that sleeps, nor is the device. */
static void task_beside(struct kunit *test)
{
	const struct task_case *c = test->param_value;
	struct probe *p = probes_alloc(test, 3);
	struct doorway *d = doorway_alloc(test);
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;

	fx->fake.answer.context = c->context;
	prep(test, c, &p[0], buf);
	doorway_set(&p[0], d);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p[0].req), 0);
	wait_for_completion(&d->entered);
	prep(test, c, &p[1], buf);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p[1].req), 0);
	KUNIT_EXPECT_TRUE(test, fake_wait_answers(&fx->fake, 2));
	step_submit(test, &p[2], buf, LEN, 0, c->flags);
	expect_end(test, &p[2], LEN, false);
	/* A blocking call does not go by way of that worker: nobody is called. */
	prep(test, c, &p[2], buf);
	KUNIT_EXPECT_EQ(test, io_target_submit_wait(&p[2].req, 60 * HZ), LEN);
	expect_outstanding(test, &p[1]);
	complete(&d->leave);
	expect_end(test, &p[0], LEN, false);
	expect_end(test, &p[1], LEN, false);
	KUNIT_EXPECT_EQ(test, p[1].number, 3u);
}

/* Close and stop wait until it has returned. */
static void task_waited(struct kunit *test, ssize_t (*call)(struct aside *a))
{
	const struct task_case *c = test->param_value;
	struct probe *p = probes_alloc(test, 2);
	struct doorway *d = doorway_alloc(test);
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;
	struct aside *a;

	fx->fake.answer.context = c->context;
	prep(test, c, &p[0], buf);
	doorway_set(&p[0], d);
	prep(test, c, &p[1], buf);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p[0].req), 0);
	wait_for_completion(&d->entered);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p[1].req), 0);
	KUNIT_EXPECT_TRUE(test, fake_wait_answers(&fx->fake, 2));
	a = aside_start(test, call, NULL);
	KUNIT_EXPECT_TRUE(test, aside_waits(a));
	complete(&d->leave);
	KUNIT_EXPECT_EQ(test, aside_end(test, a), 0);
	KUNIT_EXPECT_EQ(test, a->ended, 2);
	expect_end(test, &p[0], LEN, false);
	expect_end(test, &p[1], LEN, false);
}

static void task_close(struct kunit *test)
{
	task_waited(test, aside_close);
}

static void task_stop(struct kunit *test)
{
	const struct task_case *c = test->param_value;

	/* Stop does not wait for those of IGNORE_STATE; close does. */
	task_waited(test, c->flags & IO_TARGET_IGNORE_STATE ? aside_close : aside_stop_wait);
}

/* Requests that were never sent end there, too, in order. */
static void task_not_sent(struct kunit *test)
{
	struct probe *p = probes_alloc(test, MANY);
	u8 *buf = step_buf(test, MANY * LEN);
	struct fixture *fx = test->priv;
	unsigned int i;

	step_pend(test, p, MANY, buf, LEN, IO_TARGET_TASK);
	KUNIT_EXPECT_EQ(test, io_target_cancel(&p[MANY - 1].req), 0);
	KUNIT_EXPECT_EQ(test, io_target_purge(fx->target, IO_TARGET_WAIT_SENT, 60 * HZ), 0);
	for (i = 0; i < MANY; i++) {
		expect_end(test, &p[i], -ECANCELED, true);
		KUNIT_EXPECT_EQ(test, p[i].context, FAKE_WORKER);
		KUNIT_EXPECT_EQ(test, p[i].number, i == MANY - 1 ? 1 : i + 2);
	}
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 0u);
}

/* A request that is sent again by its end_io, a number of times */
struct chain {
	u8	*buf;
	int	left;
	int	err;
};

static void chain_end_io(struct io_target_request *req)
{
	struct chain *chain = req->private;

	if (!chain->left--) {
		probe_end_io(req);
		return;
	}
	chain->err = io_target_prep_write_buf(req, chain->buf, LEN, 0,
					      IO_TARGET_TASK | (chain->left & 1 ?
								IO_TARGET_BOUNCE : 0));
	req->end_io = chain_end_io;
	chain->err = chain->err ?: io_target_submit(req);
	if (chain->err)
		probe_end_io(req);
}

/* In process context it may be submitted, without recursion. Covers A2, A10. */
static void task_again(struct kunit *test)
{
	const struct task_case *c = test->param_value;
	struct chain *chain = kunit_kzalloc(test, sizeof(*chain), GFP_KERNEL);
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, chain);
	chain->buf = step_buf(test, LEN);
	chain->left = MANY;
	fx->fake.answer.context = c->context;
	prep(test, c, p, chain->buf);
	p->req.end_io = chain_end_io;
	p->req.private = chain;
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), 0);
	KUNIT_EXPECT_TRUE(test, probe_wait(p));
	KUNIT_EXPECT_EQ(test, chain->err, 0);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, MANY + 1u);
}

/* Send and forget: freed by the worker. */
static void task_forgotten(struct kunit *test)
{
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);
	unsigned int i;

	fx->fake.answer.context = FAKE_HARDIRQ;
	for (i = 0; i < MANY; i++) {
		struct io_target_request *req = io_target_request_alloc(fx->target, GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, req);
		KUNIT_EXPECT_EQ(test,
				io_target_prep_write_buf(req, buf, LEN, 0, IO_TARGET_TASK), 0);
		KUNIT_EXPECT_EQ(test, io_target_submit(req), 0);
	}
	KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
	KUNIT_EXPECT_EQ(test, fixture_completed(fx), (u64)MANY);
}

static struct kunit_case task_cases[] = {
	KUNIT_CASE_PARAM(task_order, case_gen_params),
	KUNIT_CASE_PARAM(task_beside, case_gen_params),
	KUNIT_CASE_PARAM(task_close, case_gen_params),
	KUNIT_CASE_PARAM(task_stop, case_gen_params),
	KUNIT_CASE(task_not_sent),
	KUNIT_CASE_PARAM(task_again, case_gen_params),
	KUNIT_CASE(task_forgotten),
	{}
};

static struct kunit_suite task_suite = {
	.name = "io_target_task",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = task_cases,
};

kunit_test_suite(task_suite);
