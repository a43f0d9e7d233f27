// SPDX-License-Identifier: GPL-2.0
/*
 * BOUNCE while every allocation fails: the target's reserve carries it on, piece
 * by piece, and who finds it in use waits as long as his timeout allows.
 */
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#include "calls.h"
#include "memory.h"
#include "pattern.h"

#define LEN	4096
#define KIB64	(64 * 1024)
#define MIB	(1024 * 1024)
#define SEED	0x4e
#define MANY	16

static void *alloc(struct kunit *test, size_t len)
{
	void *p = kunit_kzalloc(test, len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	return p;
}

/* Prepares requests until one is refused; returns their number. */
static unsigned int take_carriers(struct probe *p, u8 *buf, size_t len, int *err)
{
	unsigned int n = 0;

	memory_fail_begin();
	while (n < MANY) {
		*err = io_target_prep_read_buf(&p[n].req, buf, len, 0, IO_TARGET_BOUNCE);
		if (*err)
			break;
		p[n++].req.end_io = probe_end_io;
	}
	memory_fail_end();
	return n;
}

/* The reserve is as large as was asked for, and comes back. */
static void reserve_size(struct kunit *test)
{
	struct probe *p = probes_alloc(test, MANY);
	struct fixture *fx = test->priv;
	u8 *buf = alloc(test, KIB64);
	unsigned int n, i, round;
	int err;

	memory_fail_check(test);
	pattern_fill(fx->fake.memory, KIB64, 0, SEED);
	for (round = 0; round < 3; round++) {
		n = take_carriers(p, buf, KIB64, &err);
		KUNIT_EXPECT_EQ(test, n, FIXTURE_RESERVE);
		KUNIT_EXPECT_EQ(test, err, -ENOMEM);
		KUNIT_EXPECT_EQ(test, io_target_submit(&p[n].req), -EINVAL);
		for (i = 0; i < n; i++) {
			memset(buf, 0, KIB64);
			KUNIT_EXPECT_EQ(test, io_target_submit(&p[i].req), 0);
			KUNIT_ASSERT_TRUE(test, probe_wait(&p[i]));
			KUNIT_EXPECT_EQ(test, p[i].req.result, KIB64);
			KUNIT_EXPECT_EQ(test, pattern_match(buf, KIB64, 0, SEED), (size_t)KIB64);
		}
	}
}

/* Only what is not sent has a carrier: prep, reinit and free let go of it. */
static void reserve_comes_back(struct kunit *test)
{
	struct probe *p = probes_alloc(test, MANY + 1);
	u8 *buf = alloc(test, KIB64);
	unsigned int n, i;
	int err, last;

	memory_fail_check(test);
	n = take_carriers(p, buf, LEN, &err);
	KUNIT_ASSERT_EQ(test, n, FIXTURE_RESERVE);
	memory_fail_begin();
	for (i = 0, err = 0; i < 100 && !err; i++)
		err = io_target_prep_read_buf(&p[0].req, buf, KIB64, 0, IO_TARGET_BOUNCE);
	last = io_target_prep_read_buf(&p[MANY].req, buf, LEN, 0, IO_TARGET_BOUNCE);
	io_target_request_reinit(&p[1].req);
	err = err ?: io_target_prep_read_buf(&p[MANY].req, buf, LEN, 0, IO_TARGET_BOUNCE);
	memory_fail_end();
	KUNIT_EXPECT_EQ(test, err, 0);
	KUNIT_EXPECT_EQ(test, last, -ENOMEM);
	for (i = 0; i <= MANY; i++)
		io_target_request_reinit(&p[i].req);
}

/* The reserve is for 64 KiB; more at once needs memory. */
static void reserve_too_small(struct kunit *test)
{
	struct probe *p = probes_alloc(test, MANY);
	u8 *buf = alloc(test, 2 * KIB64);
	int err;

	memory_fail_check(test);
	KUNIT_EXPECT_EQ(test, take_carriers(p, buf, KIB64 + 1, &err), 0u);
	KUNIT_EXPECT_EQ(test, err, -ENOMEM);
	KUNIT_EXPECT_EQ(test, take_carriers(p, buf, KIB64, &err), FIXTURE_RESERVE);
	io_target_request_reinit(&p[0].req);
	io_target_request_reinit(&p[1].req);
}

/* The one-line calls get by with what the reserve has. */
static void reserve_carries_transfers(struct kunit *test)
{
	const size_t len = MIB + 333;
	struct fixture *fx = test->priv;
	u8 *buf = alloc(test, len);
	ssize_t written, read, zeroed;

	memory_fail_check(test);
	pattern_fill(buf, len, 0, SEED);
	memory_fail_begin();
	written = io_target_write(fx->target, buf, len, 0, 60 * HZ);
	memory_fail_end();
	KUNIT_EXPECT_EQ(test, written, (ssize_t)len);
	KUNIT_EXPECT_EQ(test, pattern_match(fx->fake.memory, len, 0, SEED), len);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, DIV_ROUND_UP(len, KIB64));

	memset(buf, 0, len);
	memory_fail_begin();
	read = io_target_read(fx->target, buf, len, 0, 60 * HZ);
	zeroed = io_target_write_zeroes(fx->target, 0, MIB, 60 * HZ);
	memory_fail_end();
	KUNIT_EXPECT_EQ(test, read, (ssize_t)len);
	KUNIT_EXPECT_EQ(test, pattern_match(buf, len, 0, SEED), len);
	KUNIT_EXPECT_EQ(test, zeroed, 0);
	KUNIT_EXPECT_EQ(test, fx->fake.last.len, (u64)MIB);
}

/* A thread that makes one call without memory. */
struct caller {
	struct work_struct	work;
	struct completion	done;
	struct probe		*probe;
	enum call		call;
	size_t			len;
	long			timeout;
	u8			*buf;
	ssize_t			result;
};

static void call_work(struct work_struct *work)
{
	struct caller *c = container_of(work, struct caller, work);

	memory_fail_begin();
	c->result = call_do(c->call, c->probe, c->buf, c->len, 0, 0, c->timeout);
	memory_fail_end();
	complete(&c->done);
}

static const enum call waiters[] = { CALL_READ, CALL_WRITE, CALL_DISCARD, CALL_WRITE_ZEROES };
KUNIT_ARRAY_PARAM(waiter, waiters, call_desc);

/* When the reserve is in use a call waits for it to come back, and then does all. */
static void reserve_waited_for(struct kunit *test)
{
	struct probe *p = probes_alloc(test, MANY);
	struct caller *c = alloc(test, sizeof(*c));
	struct fixture *fx = test->priv;
	u8 *buf = alloc(test, LEN);
	unsigned int n;
	int err;

	memory_fail_check(test);
	c->call = *(const enum call *)test->param_value;
	c->len = MIB;
	c->timeout = 60 * HZ;
	c->buf = alloc(test, MIB);
	c->probe = probes_alloc(test, 1);
	init_completion(&c->done);
	INIT_WORK(&c->work, call_work);
	n = take_carriers(p, buf, LEN, &err);
	KUNIT_ASSERT_EQ(test, n, FIXTURE_RESERVE);

	memset(fx->fake.memory, 1, MIB);
	queue_work(fake_wq, &c->work);
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&c->done, HZ / 10), 0ul);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 0u);
	while (n)
		io_target_request_reinit(&p[--n].req);
	flush_work(&c->work);
	KUNIT_EXPECT_EQ(test, c->result, call_has_data(c->call) ? MIB : 0);
	if (call_has_data(c->call))
		return;
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 1u);
	KUNIT_EXPECT_EQ(test, fx->fake.last.len, (u64)MIB);
}

/* When it does not come back in time, nothing has been sent. */
static void reserve_not_in_time(struct kunit *test)
{
	enum call call = *(const enum call *)test->param_value;
	struct probe *p = probes_alloc(test, MANY);
	struct probe *own = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	u8 *buf = alloc(test, LEN);
	unsigned long start;
	unsigned int n;
	ssize_t result;
	int err;

	memory_fail_check(test);
	n = take_carriers(p, buf, LEN, &err);
	memory_fail_begin();
	start = jiffies;
	result = call_do(call, own, buf, LEN, 0, 0, HZ / 20);
	memory_fail_end();
	KUNIT_EXPECT_EQ(test, result, -ETIMEDOUT);
	KUNIT_EXPECT_TRUE(test, time_after_eq(jiffies, start + HZ / 20));
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 0u);
	while (n)
		io_target_request_reinit(&p[--n].req);
}

static struct kunit_case reserve_cases[] = {
	KUNIT_CASE(reserve_size),
	KUNIT_CASE(reserve_comes_back),
	KUNIT_CASE(reserve_too_small),
	KUNIT_CASE(reserve_carries_transfers),
	KUNIT_CASE_PARAM(reserve_waited_for, waiter_gen_params),
	KUNIT_CASE_PARAM(reserve_not_in_time, waiter_gen_params),
	{}
};

static struct kunit_suite reserve_suite = {
	.name = "io_target_reserve",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = reserve_cases,
};

kunit_test_suite(reserve_suite);
