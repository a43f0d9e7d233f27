// SPDX-License-Identifier: GPL-2.0
/*
 * Callers' mistakes: each has its errno, and none disturbs what is outstanding.
 */
#include <linux/slab.h>

#include "fixture.h"
#include "pattern.h"

#define LEN	512
#define SEED	7

/* What may not be done to an outstanding request */
enum touch {
	SUBMIT, SUBMIT_ATOMIC, SUBMIT_WAIT, SUBMIT_WAIT_TIMEOUT, REINIT, FREE,
	PREP_BUF, PREP_ITER, PREP_PAGE, PREP_FLUSH, PREP_DISCARD,
};

/* Where the request is meanwhile */
enum where { PARKED, QUEUED, CARRIED };

struct touch_case {
	const char	*name;
	enum touch	touch;
	enum where	where;
};

static const struct touch_case touches[] = {
	{ "submit", SUBMIT, PARKED },
	{ "submit_atomic", SUBMIT_ATOMIC, PARKED },
	{ "submit_wait", SUBMIT_WAIT, PARKED },
	{ "submit_wait, timeout", SUBMIT_WAIT_TIMEOUT, PARKED },
	{ "reinit", REINIT, PARKED },
	{ "free", FREE, PARKED },
	{ "prep buffer", PREP_BUF, PARKED },
	{ "prep iov_iter", PREP_ITER, PARKED },
	{ "prep page", PREP_PAGE, PARKED },
	{ "prep flush", PREP_FLUSH, PARKED },
	{ "prep discard", PREP_DISCARD, PARKED },
	{ "submit, queued", SUBMIT, QUEUED },
	{ "submit_atomic, queued", SUBMIT_ATOMIC, QUEUED },
	{ "submit_wait, queued", SUBMIT_WAIT_TIMEOUT, QUEUED },
	{ "reinit, queued", REINIT, QUEUED },
	{ "free, queued", FREE, QUEUED },
	{ "prep buffer, queued", PREP_BUF, QUEUED },
	{ "submit, BOUNCE", SUBMIT, CARRIED },
	{ "submit_wait, BOUNCE", SUBMIT_WAIT_TIMEOUT, CARRIED },
	{ "reinit, BOUNCE", REINIT, CARRIED },
	{ "free, BOUNCE", FREE, CARRIED },
	{ "prep buffer, BOUNCE", PREP_BUF, CARRIED },
};

static void touch_desc(const struct touch_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(touch, touches, touch_desc);

static ssize_t do_touch(enum touch touch, struct io_target_request *req, void *buf)
{
	struct kvec kvec = { buf, LEN };
	struct iov_iter iter;

	switch (touch) {
	case SUBMIT:
		return io_target_submit(req);
	case SUBMIT_ATOMIC:
		return io_target_submit_atomic(req);
	case SUBMIT_WAIT:
		return io_target_submit_wait(req, IO_TARGET_NO_TIMEOUT);
	case SUBMIT_WAIT_TIMEOUT:
		return io_target_submit_wait(req, HZ);
	case REINIT:
		return io_target_request_reinit(req);
	case FREE:
		return io_target_request_free(req);
	case PREP_BUF:
		return io_target_prep_read_buf(req, buf, LEN, 0, 0);
	case PREP_ITER:
		iov_iter_kvec(&iter, ITER_DEST, &kvec, 1, LEN);
		return io_target_prep_read(req, &iter, 0, 0);
	case PREP_PAGE:
		return io_target_prep_rw_page(req, IO_TARGET_OP_READ, virt_to_page(buf),
					      offset_in_page(buf), LEN, 0, 0);
	case PREP_FLUSH:
		return io_target_prep_flush(req, 0);
	default:
		return io_target_prep_discard(req, 0, LEN, 0);
	}
}

/* Behind a request that the worker is stuck with, @p stays in the queue. */
static void submit_behind(struct kunit *test, struct probe *first, struct probe *p, void *buf)
{
	struct fixture *fx = test->priv;

	fake_stall(&fx->fake);
	probe_prep(test, first, IO_TARGET_OP_READ, buf, LEN, 0, 0);
	KUNIT_EXPECT_EQ(test, io_target_submit_atomic(&first->req), 0);
	KUNIT_ASSERT_TRUE(test, fake_wait_stalled(&fx->fake, 1));
	KUNIT_EXPECT_EQ(test, io_target_submit_atomic(&p->req), 0);
}

/* It is not disturbed, whatever is tried. Covers A8, A9. */
static void misuse_outstanding(struct kunit *test)
{
	const struct touch_case *c = test->param_value;
	u8 *buf = kunit_kzalloc(test, 3 * LEN, GFP_KERNEL);
	struct probe *p = probes_alloc(test, 2);
	struct fixture *fx = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	pattern_fill(fx->fake.memory, LEN, 0, SEED);
	fx->fake.park = c->where != QUEUED;
	probe_prep(test, p, IO_TARGET_OP_READ, buf, LEN, 0,
		   c->where == CARRIED ? IO_TARGET_BOUNCE : 0);
	p->req.private = fx;
	if (c->where == QUEUED) {
		submit_behind(test, &p[1], &p[0], buf + LEN);
	} else {
		KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), 0);
		KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, 1));
	}

	KUNIT_EXPECT_EQ(test, do_touch(c->touch, &p->req, buf + 2 * LEN), -EBUSY);
	KUNIT_EXPECT_TRUE(test, io_target_request_pending(&p->req));
	KUNIT_EXPECT_EQ(test, atomic_read(&p->ends), 0);

	/* It is as it was. */
	fake_unstall(&fx->fake);
	fake_answer_parked(&fx->fake, false);
	KUNIT_ASSERT_TRUE(test, probe_wait(p));
	KUNIT_EXPECT_EQ(test, atomic_read(&p->ends), 1);
	KUNIT_EXPECT_EQ(test, p->req.result, LEN);
	KUNIT_EXPECT_PTR_EQ(test, p->req.private, (void *)fx);
	KUNIT_EXPECT_EQ(test, pattern_match(buf, LEN, 0, SEED), (size_t)LEN);
	KUNIT_EXPECT_EQ(test, pattern_match_byte(buf + 2 * LEN, LEN, 0), (size_t)LEN);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, c->where == QUEUED ? 2u : 1u);
}

/* Ways to submit, of which each refuses the same */
static const enum touch submits[] = {
	SUBMIT, SUBMIT_ATOMIC, SUBMIT_WAIT, SUBMIT_WAIT_TIMEOUT,
};

static void expect_all_submits(struct kunit *test, struct probe *p, int err)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(submits); i++) {
		p->req.end_io = probe_end_io;
		KUNIT_EXPECT_EQ(test, do_touch(submits[i], &p->req, NULL), err);
	}
}

/* Each submit needs a prep of its own. Covers A7. */
static void misuse_unformatted(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	expect_all_submits(test, p, -EINVAL);
	probe_prep(test, p, IO_TARGET_OP_READ, buf, LEN, 0, 0);
	KUNIT_EXPECT_EQ(test, io_target_request_reinit(&p->req), 0);
	expect_all_submits(test, p, -EINVAL);
	probe_prep(test, p, IO_TARGET_OP_READ, buf, LEN, 0, 0);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), 0);
	expect_all_submits(test, p, -EINVAL);
	KUNIT_EXPECT_EQ(test, p->req.result, LEN);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->ends), 1);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 1u);
}

static void misuse_no_end_io(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	probe_prep(test, p, IO_TARGET_OP_READ, buf, LEN, 0, 0);
	p->req.end_io = NULL;
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_submit_atomic(&p->req), -EINVAL);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 0u);

	/* Nothing else was wrong with it. */
	p->req.end_io = probe_end_io;
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->ends), 1);
}

/* What was checked against one open is not sent to another. Covers F5. */
static void misuse_closed(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	probe_prep(test, p, IO_TARGET_OP_READ, buf, LEN, 0, 0);
	KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
	expect_all_submits(test, p, -ENODEV);
	KUNIT_ASSERT_EQ(test, fake_open(&fx->fake, fx->target, FIXTURE_RW), 0);
	expect_all_submits(test, p, -ESTALE);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 0u);
	probe_prep(test, p, IO_TARGET_OP_READ, buf, LEN, 0, 0);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), 0);
	KUNIT_EXPECT_EQ(test, p->req.result, LEN);
}

/* IGNORE_STATE does not open what is closed. */
static void misuse_closed_ignore_state(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	probe_prep(test, p, IO_TARGET_OP_READ, buf, LEN, 0, IO_TARGET_IGNORE_STATE);
	io_target_close(fx->target);
	expect_all_submits(test, p, -ENODEV);
	KUNIT_ASSERT_EQ(test, fake_open(&fx->fake, fx->target, FIXTURE_RW), 0);
	expect_all_submits(test, p, -ESTALE);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 0u);
}

struct deadlock_case {
	const char		*name;
	enum fake_context	context;
	bool			atomic;
	bool			needs_verifier;
};

static const struct deadlock_case deadlocks[] = {
	{ "softirq", FAKE_SOFTIRQ },
	{ "hardirq", FAKE_HARDIRQ },
	{ "worker of the library", FAKE_TASK, .atomic = true },
	{ "own end_io in a task", FAKE_TASK, .needs_verifier = true },
	{ "own end_io in a worker", FAKE_WORKER, .needs_verifier = true },
};

static void deadlock_desc(const struct deadlock_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(deadlock, deadlocks, deadlock_desc);

struct deadlock {
	struct probe	*probe;
	struct probe	*other;		/* formatted */
	u8		*buf;
	ssize_t		close, wait, read, write, flush;
};

static void deadlock_end_io(struct io_target_request *req)
{
	struct deadlock *d = req->private;
	struct io_target *t = req->target;

	d->close = io_target_close(t);
	d->wait = io_target_submit_wait(&d->other->req, HZ);
	d->read = io_target_read(t, d->buf, LEN, 0, HZ);
	d->write = io_target_write(t, d->buf, LEN, 0, IO_TARGET_NO_TIMEOUT);
	d->flush = io_target_flush(t, HZ);
	complete(&d->probe->done);
}

/* A wait that would never end is refused. */
static void misuse_deadlock(struct kunit *test)
{
	const struct deadlock_case *c = test->param_value;
	u8 *buf = kunit_kzalloc(test, 2 * LEN, GFP_KERNEL);
	struct deadlock *d = kunit_kzalloc(test, sizeof(*d), GFP_KERNEL);
	struct probe *p = probes_alloc(test, 2);
	struct fixture *fx = test->priv;

	if (c->needs_verifier && !IS_ENABLED(CONFIG_IO_TARGET_VERIFIER))
		kunit_skip(test, "only CONFIG_IO_TARGET_VERIFIER knows");
	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_NOT_NULL(test, d);
	*d = (struct deadlock){ .probe = &p[0], .other = &p[1], .buf = buf + LEN };
	fx->fake.answer.context = c->context;
	probe_prep(test, &p[1], IO_TARGET_OP_READ, buf, LEN, 0, 0);
	probe_prep(test, &p[0], IO_TARGET_OP_READ, buf, LEN, 0, 0);
	p[0].req.end_io = deadlock_end_io;
	p[0].req.private = d;
	KUNIT_EXPECT_EQ(test, c->atomic ? io_target_submit_atomic(&p->req) :
					  io_target_submit(&p->req), 0);
	KUNIT_ASSERT_TRUE(test, probe_wait(p));
	KUNIT_EXPECT_EQ(test, d->close, -EDEADLK);
	KUNIT_EXPECT_EQ(test, d->wait, -EDEADLK);
	KUNIT_EXPECT_EQ(test, d->read, -EDEADLK);
	KUNIT_EXPECT_EQ(test, d->write, -EDEADLK);
	KUNIT_EXPECT_EQ(test, d->flush, -EDEADLK);
	KUNIT_EXPECT_EQ(test, io_target_state(fx->target), IO_TARGET_STARTED);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 1u);

	/* The refused request is as it was. */
	KUNIT_EXPECT_EQ(test, io_target_submit(&p[1].req), 0);
	KUNIT_ASSERT_TRUE(test, probe_wait(&p[1]));
	KUNIT_EXPECT_EQ(test, p[1].req.result, LEN);
}

static struct kunit_case misuse_cases[] = {
	KUNIT_CASE_PARAM(misuse_outstanding, touch_gen_params),
	KUNIT_CASE(misuse_unformatted),
	KUNIT_CASE(misuse_no_end_io),
	KUNIT_CASE(misuse_closed),
	KUNIT_CASE(misuse_closed_ignore_state),
	KUNIT_CASE_PARAM(misuse_deadlock, deadlock_gen_params),
	{}
};

static struct kunit_suite misuse_suite = {
	.name = "io_target_misuse",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = misuse_cases,
};

kunit_test_suite(misuse_suite);
