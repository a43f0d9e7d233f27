// SPDX-License-Identifier: GPL-2.0
/*
 * What callers and backends do wrong in or by callbacks, and the contract verifier
 * tells: see verify_kunit.c for the table of the classes.
 */
#include <linux/delay.h>
#include <linux/slab.h>

#include "said.h"
#include "steps.h"

#define LEN	512

/* Whom a backend ends that it does not have */
enum twice { DONE, PREPARED, NEVER_SENT, QUEUED, FREED, CARRIED, TASK };

static const struct twice_case {
	const char	*name;
	enum twice	twice;
} twices[] = {
	{ "done", DONE },
	{ "prepared again", PREPARED },
	{ "never sent", NEVER_SENT },
	{ "queued", QUEUED },
	{ "freed", FREED },
	{ "BOUNCE, freed", CARRIED },
	{ "TASK, end_io not called yet", TASK },
};

static void twice_desc(const struct twice_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(twice, twices, twice_desc);

/* What the backend was given, and has answered. */
static struct io_target_request *twice_answer(struct kunit *test)
{
	struct fixture *fx = test->priv;
	struct io_target_request *req;

	KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, 1));
	req = fake_take(&fx->fake, false);
	fake_answer(&fx->fake, req);
	return req;
}

static void free_end_io(struct io_target_request *req)
{
	struct probe *p = req->private;

	atomic_inc(&p->ends);
	io_target_request_free(req);
	complete(&p->done);
}

/* A pool request that is sent, ends and is freed by its end_io. */
static struct io_target_request *twice_freed(struct kunit *test, struct probe *p, u8 *buf)
{
	struct fixture *fx = test->priv;
	struct io_target_request *req = io_target_request_alloc(fx->target, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, req);
	KUNIT_ASSERT_EQ(test, io_target_prep_read_buf(req, buf, LEN, 0, 0), 0);
	req->end_io = free_end_io;
	req->private = p;
	KUNIT_EXPECT_EQ(test, io_target_submit(req), 0);
	twice_answer(test);
	KUNIT_ASSERT_TRUE(test, probe_wait(p));
	return req;
}

/* Brings @p into the state; returns what the backend is going to end. */
static struct io_target_request *twice_begin(struct kunit *test, enum twice twice,
					     struct probe *p, u8 *buf, struct doorway *d)
{
	struct fixture *fx = test->priv;
	struct io_target_request *req = &p->req;

	switch (twice) {
	case NEVER_SENT:
		probe_prep(test, p, IO_TARGET_OP_READ, buf, LEN, 0, 0);
		return req;
	case QUEUED:
		fake_stall(&fx->fake);
		probe_prep(test, &p[1], IO_TARGET_OP_READ, buf, LEN, 0, 0);
		KUNIT_EXPECT_EQ(test, io_target_submit_atomic(&p[1].req), 0);
		KUNIT_ASSERT_TRUE(test, fake_wait_stalled(&fx->fake, 1));
		probe_prep(test, p, IO_TARGET_OP_READ, buf, LEN, 0, 0);
		KUNIT_EXPECT_EQ(test, io_target_submit_atomic(req), 0);
		return req;
	case FREED:
		return twice_freed(test, p, buf);
	case TASK:
		probe_prep(test, &p[1], IO_TARGET_OP_READ, buf, LEN, 0, IO_TARGET_TASK);
		doorway_set(&p[1], d);
		KUNIT_EXPECT_EQ(test, io_target_submit(&p[1].req), 0);
		twice_answer(test);
		wait_for_completion(&d->entered);
		step_submit(test, p, buf, LEN, 0, IO_TARGET_TASK);
		return twice_answer(test);
	default:
		step_submit(test, p, buf, LEN, 0, twice == CARRIED ? IO_TARGET_BOUNCE : 0);
		req = twice_answer(test);
		KUNIT_ASSERT_TRUE(test, probe_wait(p));
		if (twice == PREPARED)
			probe_prep(test, p, IO_TARGET_OP_READ, buf, LEN, 0, 0);
		return req;
	}
}

/* A backend that ends a request which it does not have, or no more. Covers A1. */
static void callback_ended_twice(struct kunit *test)
{
	enum twice twice = ((const struct twice_case *)test->param_value)->twice;
	struct probe *p = probes_alloc(test, 2);
	u8 *buf = step_buf(test, LEN);
	struct doorway *d = doorway_alloc(test);
	struct fixture *fx = test->priv;
	struct io_target_request *req;
	struct said before;
	int ends;

	said_skip(test, ONLY_VERIFIER);
	fx->fake.park = true;
	req = twice_begin(test, twice, p, buf, d);
	ends = atomic_read(&p->ends);
	before = said(IOT_MISUSE_ENDED_TWICE);
	iot_request_end(req, -EIO, BLK_STS_IOERR);
	expect_one_line(test, IOT_MISUSE_ENDED_TWICE, before);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->ends), ends);

	complete_all(&d->leave);
	fx->fake.park = false;
	fake_unstall(&fx->fake);
	if (twice == NEVER_SENT || twice == PREPARED) {
		KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), 0);
		ends++;
	} else if (twice == QUEUED || twice == TASK) {
		ends++;
	}
	io_target_stop(fx->target, IO_TARGET_WAIT_SENT, IO_TARGET_NO_TIMEOUT);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->ends), ends);
	if (twice != FREED)
		KUNIT_EXPECT_EQ(test, p->req.result, LEN);
}

/* What a callback does that it should not */
static void do_preempt_off(struct fixture *fx)
{
	preempt_disable();
}

static void do_bh_off(struct fixture *fx)
{
	local_bh_disable();
}

static void do_irqs_off(struct fixture *fx)
{
	local_irq_disable();
}

/* Who is preempted on the way may find the time over, and has not slept. */
static void do_sleep(struct fixture *fx)
{
	unsigned long switches = current->nvcsw;

	while (current->nvcsw == switches)
		usleep_range(1000, 2000);
}

static void do_close(struct fixture *fx)
{
	if (io_target_close(fx->target) == -EDEADLK)
		atomic_inc(&fx->ended);
}

static void do_stop_wait(struct fixture *fx)
{
	if (io_target_stop(fx->target, IO_TARGET_WAIT_SENT, HZ) == -EDEADLK)
		atomic_inc(&fx->ended);
}

static const struct callback_case {
	const char		*name;
	void			(*misdo)(struct fixture *fx);
	enum iot_misuse		misuse;
	enum fake_context	context;
	enum knows		knows;
	bool			event;		/* in an event callback */
	bool			by_worker;
	bool			refused;
} callbacks[] = {
	{ "preemption off, task", do_preempt_off, IOT_MISUSE_PREEMPT, FAKE_TASK, PREEMPT_COUNT },
	{ "preemption off, softirq", do_preempt_off, IOT_MISUSE_PREEMPT, FAKE_SOFTIRQ,
	  PREEMPT_COUNT },
	{ "preemption off, hardirq", do_preempt_off, IOT_MISUSE_PREEMPT, FAKE_HARDIRQ,
	  PREEMPT_COUNT },
	{ "preemption off, event", do_preempt_off, IOT_MISUSE_PREEMPT, FAKE_TASK, PREEMPT_COUNT,
	  .event = true },
	{ "softirqs off, task", do_bh_off, IOT_MISUSE_PREEMPT, FAKE_TASK, ONLY_VERIFIER },
	{ "irqs off, task", do_irqs_off, IOT_MISUSE_IRQS, FAKE_TASK, ONLY_VERIFIER },
	{ "irqs off, softirq", do_irqs_off, IOT_MISUSE_IRQS, FAKE_SOFTIRQ, ONLY_VERIFIER },
	{ "irqs off, worker", do_irqs_off, IOT_MISUSE_IRQS, FAKE_WORKER, ONLY_VERIFIER },
	{ "sleep, task", do_sleep, IOT_MISUSE_SLEPT, FAKE_TASK, ONLY_VERIFIER },
	{ "sleep, worker", do_sleep, IOT_MISUSE_SLEPT, FAKE_WORKER, ONLY_VERIFIER },
	{ "sleep, event", do_sleep, IOT_MISUSE_SLEPT, FAKE_TASK, ONLY_VERIFIER, .event = true },
	{ "close, task", do_close, IOT_MISUSE_WAIT_END_IO, FAKE_TASK, ONLY_VERIFIER,
	  .refused = true },
	{ "stop WAIT, worker", do_stop_wait, IOT_MISUSE_WAIT_END_IO, FAKE_WORKER, ONLY_VERIFIER,
	  .refused = true },
	{ "close, event", do_close, IOT_MISUSE_WAIT_EVENT, FAKE_TASK, ONLY_VERIFIER,
	  .event = true, .refused = true },
	{ "stop WAIT, event", do_stop_wait, IOT_MISUSE_WAIT_EVENT, FAKE_TASK, ONLY_VERIFIER,
	  .event = true, .refused = true },
	{ "close, library's worker", do_close, IOT_MISUSE_WAIT_WORKER, FAKE_TASK, ALWAYS,
	  .by_worker = true, .refused = true },
};

static void callback_desc(const struct callback_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(callback, callbacks, callback_desc);

static void misdoing_end_io(struct io_target_request *req)
{
	struct probe *p = container_of(req, struct probe, req);
	const struct callback_case *c = req->private;

	c->misdo(p->fx);
	atomic_inc(&p->ends);
	complete(&p->done);
}

static void misdoing_event(struct fixture *fx, enum io_target_event event)
{
	const struct callback_case *c = fx->private;

	c->misdo(fx);
}

static void callback_provoke(struct kunit *test, const struct callback_case *c,
			     struct probe *p, u8 *buf)
{
	struct fixture *fx = test->priv;

	if (c->event) {
		fx->private = (void *)c;
		fx->on_event = misdoing_event;
		KUNIT_EXPECT_EQ(test, io_target_stop(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
		fx->on_event = NULL;
		KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
		return;
	}
	fx->fake.answer.context = c->context;
	probe_prep(test, p, IO_TARGET_OP_READ, buf, LEN, 0, 0);
	p->req.end_io = misdoing_end_io;
	p->req.private = (void *)c;
	KUNIT_EXPECT_EQ(test, c->by_worker ? io_target_submit_atomic(&p->req) :
					     io_target_submit(&p->req), 0);
	KUNIT_ASSERT_TRUE(test, probe_wait(p));
}

/* Callbacks that do not come back as they went, sleep, or wait for themselves. Covers S12. */
static void callback_misdoes(struct kunit *test)
{
	const struct callback_case *c = test->param_value;
	struct probe *p = probes_alloc(test, 2);
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;
	struct said before;

	said_skip(test, c->knows);
	before = said(c->misuse);
	callback_provoke(test, c, p, buf);
	KUNIT_EXPECT_EQ(test, preempt_count(), 0);
	KUNIT_EXPECT_FALSE(test, irqs_disabled());
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->ended), c->refused);

	/* Nothing is wrong with the target, nor with the context. */
	fx->fake.answer.context = c->context;
	step_submit(test, &p[1], buf, LEN, 0, 0);
	expect_end(test, &p[1], LEN, false);
	KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
	/* After close all callbacks have been left, and what they did was told. */
	expect_one_line(test, c->misuse, before);
}

static struct kunit_case callback_cases[] = {
	KUNIT_CASE_PARAM(callback_ended_twice, twice_gen_params),
	KUNIT_CASE_PARAM(callback_misdoes, callback_gen_params),
	{}
};

static struct kunit_suite callback_suite = {
	.name = "io_target_callback",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = callback_cases,
};

kunit_test_suite(callback_suite);
