// SPDX-License-Identifier: GPL-2.0
/*
 * The contract verifier: each class of misuse is told in one line, has its errno
 * or is put right, and leaves what is outstanding as it was.
 *
 * class of verify.h	errno and harm are tested by	its one line by
 *
 * SUBMIT, PREP, REINIT, FREE, UNFORMATTED, NO_END_IO
 *			misuse_kunit.c			verify_beside
 * TIMEOUT		sync_kunit.c, deadline_kunit.c	verify_beside
 * PUT_OPEN		target_kunit.c			verify_put_open
 * WAIT_IRQ		misuse_kunit.c, halt_kunit.c	verify_beside
 * WAIT_WORKER		misuse_kunit.c, halt_kunit.c	callback_misdoes
 * CONCURRENT		race_kunit.c			verify_race_kunit.c
 * REQUEST, INIT, CONTEXT, STACK, CHANGED		verify_beside
 * ENDED_TWICE						callback_ended_twice
 * LEAK							verify_leak
 * PREEMPT, IRQS, SLEPT, WAIT_END_IO, WAIT_EVENT	callback_misdoes
 */
#include <linux/slab.h>

#include "said.h"
#include "steps.h"

#define LEN	512
#define SEEN	-1	/* no errno: the call cannot fail, or goes on */

/* @out is outstanding, @spare idle. */
struct actors {
	struct io_target_request	*out;
	struct io_target_request	*spare;
	struct io_target		*other;
	u8				*buf;
};

static ssize_t act_submit(struct actors *a)
{
	return io_target_submit(a->out);
}

static ssize_t act_submit_atomic(struct actors *a)
{
	return io_target_submit_atomic(a->out);
}

static ssize_t act_prep(struct actors *a)
{
	return io_target_prep_read_buf(a->out, a->buf, LEN, 0, 0);
}

static ssize_t act_reinit(struct actors *a)
{
	return io_target_request_reinit(a->out);
}

static ssize_t act_free(struct actors *a)
{
	return io_target_request_free(a->out);
}

static ssize_t act_unformatted(struct actors *a)
{
	return io_target_submit(a->spare);
}

static int prep_spare(struct actors *a)
{
	int err = io_target_prep_read_buf(a->spare, a->buf, LEN, 0, 0);

	a->spare->end_io = probe_end_io;
	return err;
}

static ssize_t act_no_end_io(struct actors *a)
{
	prep_spare(a);
	a->spare->end_io = NULL;
	return io_target_submit(a->spare);
}

static ssize_t act_timeout_zero(struct actors *a)
{
	return prep_spare(a) ?: io_target_submit_wait(a->spare, 0);
}

static ssize_t act_timeout_negative(struct actors *a)
{
	return prep_spare(a) ?: io_target_request_set_timeout(a->spare, -1);
}

static ssize_t act_wait_irq(struct actors *a)
{
	ssize_t ret;

	local_irq_disable();
	ret = io_target_close(a->out->target);
	local_irq_enable();
	return ret;
}

static ssize_t act_zeroed(struct actors *a)
{
	memset(a->spare, 0, sizeof(*a->spare));
	return io_target_submit(a->spare);
}

static ssize_t act_never_initialised(struct actors *a)
{
	memset(a->spare, 0x5a, sizeof(*a->spare));
	return io_target_prep_read_buf(a->spare, a->buf, LEN, 0, 0);
}

static ssize_t act_never_initialised_wait(struct actors *a)
{
	memset(a->spare, 0x5a, sizeof(*a->spare));
	return io_target_submit_wait(a->spare, HZ);
}

static ssize_t act_free_never_initialised(struct actors *a)
{
	memset(a->spare, 0x5a, sizeof(*a->spare));
	return io_target_request_free(a->spare);
}

/* Formatted, but at another address */
static ssize_t act_copied(struct actors *a)
{
	struct io_target_request *copy = a->spare + 1;
	int err = prep_spare(a);

	memcpy(copy, a->spare, sizeof(*copy));
	return err ?: io_target_submit(copy);
}

static ssize_t act_foreign(struct actors *a)
{
	int err = prep_spare(a);

	a->spare->target = a->other;
	return err ?: io_target_submit(a->spare);
}

static ssize_t act_init(struct actors *a)
{
	io_target_request_init(a->out, a->out->target);
	return SEEN;
}

static ssize_t act_preempt_off(struct actors *a)
{
	ssize_t ret = prep_spare(a);

	preempt_disable();
	ret = ret ?: io_target_submit(a->spare);
	preempt_enable();
	return ret;
}

static ssize_t act_bh_off(struct actors *a)
{
	ssize_t ret = prep_spare(a);

	local_bh_disable();
	ret = ret ?: io_target_submit(a->spare);
	local_bh_enable();
	return ret;
}

static ssize_t act_irqs_off(struct actors *a)
{
	ssize_t ret = prep_spare(a);

	local_irq_disable();
	ret = ret ?: io_target_submit(a->spare);
	local_irq_enable();
	return ret;
}

static ssize_t act_rcu(struct actors *a)
{
	ssize_t ret = prep_spare(a);

	rcu_read_lock();
	ret = ret ?: io_target_submit(a->spare);
	rcu_read_unlock();
	return ret;
}

static ssize_t act_wait_rcu(struct actors *a)
{
	ssize_t ret;

	rcu_read_lock();
	ret = io_target_close(a->out->target);
	rcu_read_unlock();
	return ret;
}

static ssize_t act_stack(struct actors *a)
{
	struct io_target_request req;
	ssize_t ret;

	io_target_request_init(&req, a->out->target);
	ret = io_target_prep_read_buf(&req, a->buf, LEN, 0, 0);
	req.end_io = probe_end_io;
	return ret ?: io_target_submit(&req);
}

static void wrong_end_io(struct io_target_request *req)
{
}

static ssize_t act_change_end_io(struct actors *a)
{
	a->out->end_io = wrong_end_io;
	return SEEN;
}

static ssize_t act_change_target(struct actors *a)
{
	a->out->target = a->other;
	return SEEN;
}

static const struct beside_case {
	const char	*name;
	ssize_t		(*act)(struct actors *a);
	enum iot_misuse	misuse;
	ssize_t		ret;
	enum knows	knows;
} besides[] = {
	{ "submit", act_submit, IOT_MISUSE_SUBMIT, -EBUSY },
	{ "submit_atomic", act_submit_atomic, IOT_MISUSE_SUBMIT, -EBUSY },
	{ "prep", act_prep, IOT_MISUSE_PREP, -EBUSY },
	{ "reinit", act_reinit, IOT_MISUSE_REINIT, -EBUSY },
	{ "free", act_free, IOT_MISUSE_FREE, -EBUSY },
	{ "unformatted", act_unformatted, IOT_MISUSE_UNFORMATTED, -EINVAL },
	{ "no end_io", act_no_end_io, IOT_MISUSE_NO_END_IO, -EINVAL },
	{ "timeout 0", act_timeout_zero, IOT_MISUSE_TIMEOUT, -EINVAL },
	{ "timeout -1", act_timeout_negative, IOT_MISUSE_TIMEOUT, -EINVAL },
	{ "close, irqs off", act_wait_irq, IOT_MISUSE_WAIT_IRQ, -EDEADLK },
	{ "zeroed", act_zeroed, IOT_MISUSE_REQUEST, -EINVAL, ONLY_VERIFIER },
	{ "never initialised", act_never_initialised, IOT_MISUSE_REQUEST, -EINVAL,
	  ONLY_VERIFIER },
	{ "never initialised, wait", act_never_initialised_wait, IOT_MISUSE_REQUEST, -EINVAL,
	  ONLY_VERIFIER },
	{ "never initialised, free", act_free_never_initialised, IOT_MISUSE_REQUEST, -EINVAL,
	  ONLY_VERIFIER },
	{ "copied", act_copied, IOT_MISUSE_REQUEST, -EINVAL, ONLY_VERIFIER },
	{ "foreign target", act_foreign, IOT_MISUSE_REQUEST, -EINVAL, ONLY_VERIFIER },
	{ "init", act_init, IOT_MISUSE_INIT, SEEN, ONLY_VERIFIER },
	{ "submit, preemption off", act_preempt_off, IOT_MISUSE_CONTEXT, -EDEADLK,
	  PREEMPT_COUNT },
	{ "submit, softirqs off", act_bh_off, IOT_MISUSE_CONTEXT, -EDEADLK, ONLY_VERIFIER },
	{ "submit, irqs off", act_irqs_off, IOT_MISUSE_CONTEXT, -EDEADLK, ONLY_VERIFIER },
	{ "submit, RCU", act_rcu, IOT_MISUSE_CONTEXT, -EDEADLK, LOCKDEP },
	{ "close, RCU", act_wait_rcu, IOT_MISUSE_CONTEXT, -EDEADLK, LOCKDEP },
	{ "stack", act_stack, IOT_MISUSE_STACK, -EFAULT, ONLY_VERIFIER },
	{ "end_io changed", act_change_end_io, IOT_MISUSE_CHANGED, SEEN, ONLY_VERIFIER },
	{ "target changed", act_change_target, IOT_MISUSE_CHANGED, SEEN, ONLY_VERIFIER },
};

static void beside_desc(const struct beside_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(beside, besides, beside_desc);

/*
 * A misuse beside or of a request that the device has, which then ends once and
 * well; and so does another one after it. Covers A7, A8, A9.
 */
static void verify_beside(struct kunit *test)
{
	const struct beside_case *c = test->param_value;
	struct probe *p = probes_alloc(test, 1);
	struct io_target_request *spare;
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, 2 * LEN);
	struct said before;
	struct actors a;

	said_skip(test, c->knows);
	spare = kunit_kcalloc(test, 2, sizeof(*spare), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, spare);
	io_target_request_init(spare, fx->target);
	a = (struct actors){ &p->req, spare, io_target_create(NULL), buf + LEN };
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, a.other);
	fx->fake.park = true;
	step_submit(test, p, buf, LEN, 0, 0);
	KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, 1));

	before = said(c->misuse);
	KUNIT_EXPECT_EQ(test, c->act(&a), c->ret);
	KUNIT_EXPECT_TRUE(test, io_target_request_pending(&p->req));
	KUNIT_EXPECT_EQ(test, fake_answer_parked(&fx->fake, false), 1u);
	expect_end(test, p, LEN, false);
	expect_one_line(test, c->misuse, before);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 1u);

	KUNIT_EXPECT_PTR_EQ(test, p->req.target, fx->target);
	reinit_completion(&p->done);
	atomic_set(&p->ends, 0);
	fx->fake.park = false;
	step_submit(test, p, buf, LEN, 0, 0);
	expect_end(test, p, LEN, false);
	io_target_put(a.other);
}

/* A target that is put while a request of its pool is out stays until it is back. */
static void verify_leak(struct kunit *test)
{
	struct io_target_request *req;
	struct said before;
	struct io_target *t;

	said_skip(test, ONLY_VERIFIER);
	t = io_target_create(NULL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t);
	req = io_target_request_alloc(t, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, req);
	before = said(IOT_MISUSE_LEAK);
	io_target_put(t);
	flush_work(&t->release_work);
	expect_one_line(test, IOT_MISUSE_LEAK, before);
	KUNIT_EXPECT_STREQ(test, io_target_name(req->target), "(closed)");
	/* Now it goes, which kmemleak would see otherwise. */
	KUNIT_EXPECT_EQ(test, io_target_request_free(req), 0);
}

/* The line of what is otherwise tested in target_kunit.c */
static void verify_put_open(struct kunit *test)
{
	struct said before = said(IOT_MISUSE_PUT_OPEN);
	struct fixture *fx = test->priv;
	struct io_target *t;

	KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
	t = io_target_create(NULL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t);
	KUNIT_ASSERT_EQ(test, fake_open(&fx->fake, t, FIXTURE_RW), 0);
	io_target_put(t);
	KUNIT_EXPECT_TRUE(test, fake_wait_closes(&fx->fake, 2));
	expect_one_line(test, IOT_MISUSE_PUT_OPEN, before);
}

static struct kunit_case verify_cases[] = {
	KUNIT_CASE_PARAM(verify_beside, beside_gen_params),
	KUNIT_CASE(verify_leak),
	KUNIT_CASE(verify_put_open),
	{}
};

static struct kunit_suite verify_suite = {
	.name = "io_target_verify",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = verify_cases,
};

kunit_test_suite(verify_suite);
