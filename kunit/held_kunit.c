// SPDX-License-Identifier: GPL-2.0
/*
 * Writes that overlap an orphaned one wait until it has ended: a late write does
 * not land on a newer one.
 */
#include <linux/slab.h>

#include "pattern.h"
#include "steps.h"

#define BUF	8192
#define MANY	12
#define OLD	0x01
#define NEW	0x02
#define SHORTLY	(HZ / 20)

/* A range of the device, and what is done to it */
struct span {
	enum io_target_op	op;
	loff_t			pos;
	u64			len;
};

#define READ_OP		IO_TARGET_OP_READ
#define WRITE_OP	IO_TARGET_OP_WRITE
#define FLUSH_OP	IO_TARGET_OP_FLUSH
#define DISCARD_OP	IO_TARGET_OP_DISCARD
#define ZEROES_OP	IO_TARGET_OP_WRITE_ZEROES

static const struct held_case {
	const char	*name;
	struct span	orphan;
	struct span	later;
	bool		held;
	unsigned int	flags;
	bool		stream;
} helds[] = {
	{ "the same", { WRITE_OP, 4096, 4096 }, { WRITE_OP, 4096, 4096 }, true },
	{ "one byte at its start", { WRITE_OP, 4096, 4096 }, { WRITE_OP, 0, 4097 }, true },
	{ "one byte at its end", { WRITE_OP, 4096, 4096 }, { WRITE_OP, 8191, 512 }, true },
	{ "inside", { WRITE_OP, 4096, 4096 }, { WRITE_OP, 5000, 1 }, true },
	{ "around", { WRITE_OP, 4096, 1024 }, { WRITE_OP, 0, 8192 }, true },
	{ "just before", { WRITE_OP, 4096, 4096 }, { WRITE_OP, 0, 4096 }, false },
	{ "just behind", { WRITE_OP, 4096, 4096 }, { WRITE_OP, 8192, 4096 }, false },
	{ "nothing of it", { WRITE_OP, 4096, 4096 }, { WRITE_OP, 1 << 20, 4096 }, false },
	{ "discard", { WRITE_OP, 4096, 4096 }, { DISCARD_OP, 0, 1 << 20 }, true },
	{ "discard behind", { WRITE_OP, 4096, 4096 }, { DISCARD_OP, 8192, 4096 }, false },
	{ "zeroes", { WRITE_OP, 4096, 4096 }, { ZEROES_OP, 4096, 512 }, true },
	{ "read", { WRITE_OP, 4096, 4096 }, { READ_OP, 4096, 4096 }, false },
	{ "flush", { WRITE_OP, 4096, 4096 }, { FLUSH_OP }, false },
	{ "BOUNCE", { WRITE_OP, 4096, 4096 }, { WRITE_OP, 4096, 4096 }, true, IO_TARGET_BOUNCE },
	{ "IGNORE_STATE", { WRITE_OP, 4096, 4096 }, { WRITE_OP, 4096, 4096 }, true,
	  IO_TARGET_IGNORE_STATE },
	{ "TASK", { WRITE_OP, 4096, 4096 }, { WRITE_OP, 4096, 4096 }, true, IO_TARGET_TASK },
	{ "after a discard", { DISCARD_OP, 0, 1 << 20 }, { WRITE_OP, 4096, 4096 }, true },
	{ "after zeroes", { ZEROES_OP, 4096, 8192 }, { WRITE_OP, 8192, 512 }, true },
	{ "after a read", { READ_OP, 4096, 4096 }, { WRITE_OP, 4096, 4096 }, false },
	{ "after a flush", { FLUSH_OP }, { WRITE_OP, 0, 4096 }, false },
	{ "stream", { WRITE_OP, 0, 4096 }, { WRITE_OP, 0, 512 }, true, .stream = true },
	{ "stream, read", { WRITE_OP, 0, 4096 }, { READ_OP, 0, 512 }, false, .stream = true },
	{ "stream, after a read", { READ_OP, 0, 4096 }, { WRITE_OP, 0, 512 }, false,
	  .stream = true },
};

static void held_desc(const struct held_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(held, helds, held_desc);

static void prep(struct kunit *test, struct probe *p, const struct span *r, u8 *buf,
		 unsigned int flags)
{
	reinit_completion(&p->done);
	atomic_set(&p->ends, 0);
	if (r->op == READ_OP || r->op == WRITE_OP)
		probe_prep(test, p, r->op, buf, r->len, r->pos, flags);
	else
		KUNIT_ASSERT_EQ(test, io_target_prep_range(&p->req, r->op, r->pos, r->len, flags),
				0);
	p->req.end_io = probe_end_io;
}

static ssize_t whole(const struct span *r)
{
	return r->op == READ_OP || r->op == WRITE_OP ? r->len : 0;
}

/*
 * Leaves an orphan, which is parked; what comes later is answered at once. A
 * machine that is too busy to send in time tries again with more.
 */
static struct io_target_request *make_orphan(struct kunit *test, struct probe *p,
					     const struct span *r, u8 *buf)
{
	struct fixture *fx = test->priv;
	long timeout = SHORTLY;

	fx->fake.park = true;
	do {
		prep(test, p, r, buf, IO_TARGET_BOUNCE);
		KUNIT_ASSERT_EQ(test, io_target_request_set_timeout(&p->req, timeout), 0);
		KUNIT_ASSERT_EQ(test, io_target_submit(&p->req), 0);
		KUNIT_ASSERT_TRUE(test, probe_wait(p));
		timeout *= 2;
	} while (p->req.not_sent && timeout < 30 * HZ);
	KUNIT_ASSERT_EQ(test, p->req.result, -ETIMEDOUT);
	KUNIT_ASSERT_FALSE(test, p->req.not_sent);
	fx->fake.park = false;
	return fake_take(&fx->fake, true);
}

/* It waits in a queue, where the device has not seen it. */
static void expect_held(struct kunit *test, struct probe *p, unsigned int submits)
{
	struct fixture *fx = test->priv;

	/* A carrier's I/O comes by way of the worker. */
	flush_work(&fx->fake.lower->send_work);
	expect_outstanding(test, p);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, submits);
}

/* The device has the newer data at last, whatever else there was. */
static void expect_newest(struct kunit *test, const struct span *later)
{
	struct fixture *fx = test->priv;
	u8 *at = fx->fake.memory + later->pos;

	if (later->op == WRITE_OP)
		KUNIT_EXPECT_EQ(test, pattern_match_byte(at, later->len, NEW), (size_t)later->len);
	if (later->op == ZEROES_OP)
		KUNIT_EXPECT_EQ(test, pattern_match_byte(at, later->len, 0), (size_t)later->len);
}

static void held_overlap(struct kunit *test)
{
	const struct held_case *c = test->param_value;
	struct probe *p = probes_alloc(test, 2);
	u8 *old = step_buf(test, BUF), *new = step_buf(test, BUF);
	struct fixture *fx = test->priv;
	struct io_target_request *io;
	unsigned int submits;

	fx->fake.lower->stream = c->stream;
	memset(old, OLD, BUF);
	memset(new, NEW, BUF);
	io = make_orphan(test, &p[0], &c->orphan, old);
	submits = fx->fake.submits;
	prep(test, &p[1], &c->later, new, c->flags);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p[1].req), 0);
	if (c->held)
		expect_held(test, &p[1], submits);
	else
		expect_end(test, &p[1], whole(&c->later), false);
	fake_answer(&fx->fake, io);
	if (c->held) {
		expect_end(test, &p[1], whole(&c->later), false);
		expect_newest(test, &c->later);
	}
	KUNIT_EXPECT_EQ(test, fx->fake.submits, submits + 1);
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_ORPHAN_END), 1);
}

static const struct span whole_buf = { WRITE_OP, 0, BUF };

/* @n writes at 512 * index, all of which the orphan over them holds. */
static void hold(struct kunit *test, struct probe *p, unsigned int n, u8 *buf)
{
	struct fixture *fx = test->priv;
	unsigned int i;

	for (i = 0; i < n; i++)
		step_submit(test, &p[i], buf, 512, i * 512, 0);
	expect_held(test, &p[n - 1], fx->fake.submits);
}

/* They go in the order in which they came. */
static void held_order(struct kunit *test)
{
	struct probe *p = probes_alloc(test, MANY + 1);
	u8 *buf = step_buf(test, BUF);
	struct fixture *fx = test->priv;
	struct io_target_request *io = make_orphan(test, &p[MANY], &whole_buf, buf);

	hold(test, p, MANY, buf);
	fx->fake.park = true;
	fake_answer(&fx->fake, io);
	expect_parked_order(test, 0, MANY, 512);
}

static ssize_t aside_submit(struct aside *a)
{
	struct probe *p = a->private;

	return io_target_submit(&p->req);
}

/*
 * Nor is what was held overtaken once the orphan has ended: here the worker, stuck
 * with a read, has not come to it yet when the next write of a stream is sent.
 */
static void held_not_overtaken(struct kunit *test)
{
	static const struct span read = { READ_OP, 0, 512 };
	struct probe *p = probes_alloc(test, 4);
	u8 *buf = step_buf(test, BUF);
	struct fixture *fx = test->priv;
	struct io_target_request *io;
	struct aside *a;

	fx->fake.lower->stream = true;
	io = make_orphan(test, &p[3], &whole_buf, buf);
	hold(test, &p[0], 1, buf);
	fake_stall(&fx->fake);
	prep(test, &p[2], &read, buf, 0);
	KUNIT_EXPECT_EQ(test, io_target_submit_atomic(&p[2].req), 0);
	KUNIT_ASSERT_TRUE(test, fake_wait_stalled(&fx->fake, 1));
	fx->fake.from = fx->fake.submits + 1;
	fx->fake.park = true;
	fake_answer(&fx->fake, io);
	KUNIT_ASSERT_TRUE(test, fake_wait_answers(&fx->fake, fx->fake.submits));
	prep(test, &p[1], &(struct span){ WRITE_OP, 0, 1024 }, buf, 0);
	a = aside_start(test, aside_submit, &p[1]);
	/* It is not with the device, and so its submitter is not stuck there. */
	KUNIT_EXPECT_FALSE(test, aside_waits_within(a, 10 * HZ));
	fake_unstall(&fx->fake);
	KUNIT_EXPECT_TRUE(test, fake_wait_parked(&fx->fake, 2));
	io = fake_take(&fx->fake, false);
	KUNIT_ASSERT_NOT_NULL(test, io);
	KUNIT_EXPECT_EQ(test, io->len, 512ull);
	fake_answer(&fx->fake, io);
	fake_answer_parked(&fx->fake, false);
	KUNIT_EXPECT_EQ(test, aside_end(test, a), 0);
	expect_end(test, &p[0], 512, false);
	expect_end(test, &p[1], 1024, false);
	expect_end(test, &p[2], 512, false);
}

static ssize_t aside_submit_shortly(struct aside *a)
{
	struct probe *p = a->private;

	return io_target_submit_wait(&p->req, SHORTLY);
}

/* A blocking call over its caller's memory is back on time, too: it was not sent. */
static void held_blocking(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 2);
	u8 *buf = step_buf(test, BUF);
	struct fixture *fx = test->priv;
	struct io_target_request *io = make_orphan(test, &p[1], &whole_buf, buf);
	unsigned int submits = fx->fake.submits;
	struct aside *a;

	prep(test, p, &(struct span){ WRITE_OP, 512, 512 }, buf, 0);
	a = aside_start(test, aside_submit_shortly, p);
	KUNIT_EXPECT_FALSE(test, aside_waits_within(a, 10 * HZ));
	fake_answer(&fx->fake, io);
	KUNIT_EXPECT_EQ(test, aside_end(test, a), -ETIMEDOUT);
	KUNIT_EXPECT_TRUE(test, p->req.not_sent);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, submits);
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_OVERDUE), 0);
}

/* Two orphans: what both hold waits for the second, the rest does not. */
static void held_by_two(struct kunit *test)
{
	static const struct span first = { WRITE_OP, 0, 1024 }, second = { WRITE_OP, 512, 1024 };
	struct probe *p = probes_alloc(test, 5);
	u8 *buf = step_buf(test, BUF);
	struct fixture *fx = test->priv;
	struct io_target_request *io[2];
	unsigned int submits;

	io[0] = make_orphan(test, &p[3], &first, buf);
	/* The second overlaps what is alive: it is not sent before that ends. */
	prep(test, &p[4], &second, buf, IO_TARGET_BOUNCE);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p[4].req), 0);
	expect_held(test, &p[4], fx->fake.submits);
	KUNIT_EXPECT_EQ(test, io_target_cancel(&p[4].req), 0);
	io[1] = make_orphan(test, &p[4], &(struct span){ WRITE_OP, 1024, 512 }, buf);
	submits = fx->fake.submits;
	step_submit(test, &p[0], buf, 512, 0, 0);
	step_submit(test, &p[1], buf, 512, 1024, 0);
	step_submit(test, &p[2], buf, 1024, 768, 0);
	expect_held(test, &p[2], submits);
	fake_answer(&fx->fake, io[0]);
	expect_end(test, &p[0], 512, false);
	expect_held(test, &p[1], submits + 1);
	expect_held(test, &p[2], submits + 1);
	fake_answer(&fx->fake, io[1]);
	expect_end(test, &p[1], 512, false);
	expect_end(test, &p[2], 1024, false);
}

/* What is held has not been sent: it can be cancelled, and its deadline keeps it. */
static void held_given_up(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 5);
	u8 *buf = step_buf(test, BUF);
	struct fixture *fx = test->priv;
	struct io_target_request *io = make_orphan(test, &p[4], &whole_buf, buf);
	unsigned int i, submits = fx->fake.submits;

	for (i = 0; i < 4; i++) {
		prep(test, &p[i], &(struct span){ WRITE_OP, 512, 512 }, buf,
		     i & 1 ? IO_TARGET_BOUNCE : 0);
		if (i & 2)
			KUNIT_EXPECT_EQ(test, io_target_request_set_timeout(&p[i].req, SHORTLY), 0);
		KUNIT_EXPECT_EQ(test, io_target_submit(&p[i].req), 0);
	}
	for (i = 0; i < 2; i++) {
		expect_held(test, &p[i], submits);
		KUNIT_EXPECT_EQ(test, io_target_cancel(&p[i].req), 0);
		expect_end(test, &p[i], -ECANCELED, true);
	}
	for (i = 2; i < 4; i++) {
		expect_end(test, &p[i], -ETIMEDOUT, true);
		KUNIT_EXPECT_TRUE(test, time_after_eq(jiffies, p[i].req.deadline));
	}
	KUNIT_EXPECT_EQ(test, io_target_write(fx->target, buf, 512, 0, SHORTLY), -ETIMEDOUT);
	fake_answer(&fx->fake, io);
	KUNIT_EXPECT_EQ(test, io_target_write(fx->target, buf, 512, 0, 60 * HZ), 512);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, submits + 1);
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_ORPHAN), 1);
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_OVERDUE), 0);
}

/* Close does not wait for the orphan, nor for what it holds. */
static void held_close(struct kunit *test)
{
	struct probe *p = probes_alloc(test, MANY + 1);
	u8 *buf = step_buf(test, BUF);
	struct fixture *fx = test->priv;
	struct io_target_request *io = make_orphan(test, &p[MANY], &whole_buf, buf);
	unsigned int i;

	hold(test, p, MANY, buf);
	KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
	for (i = 0; i < MANY; i++)
		expect_end(test, &p[i], -ECANCELED, true);
	KUNIT_EXPECT_EQ(test, fx->fake.closes, 0u);
	fake_answer(&fx->fake, io);
	KUNIT_EXPECT_TRUE(test, fake_wait_closes(&fx->fake, 1));
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_ORPHAN_END), 1);
}

/* Stop waits for what is held, unless it cancels it. */
static void held_stop(struct kunit *test)
{
	struct probe *p = probes_alloc(test, MANY + 1);
	u8 *buf = step_buf(test, BUF);
	struct fixture *fx = test->priv;
	struct io_target_request *io = make_orphan(test, &p[MANY], &whole_buf, buf);
	unsigned int i;

	hold(test, p, MANY / 2, buf);
	KUNIT_EXPECT_EQ(test, io_target_stop(fx->target, IO_TARGET_WAIT_SENT, SHORTLY),
			-ETIMEDOUT);
	expect_held(test, p, fx->fake.submits);
	KUNIT_EXPECT_EQ(test, io_target_stop(fx->target, IO_TARGET_CANCEL_SENT, 60 * HZ), 0);
	for (i = 0; i < MANY / 2; i++)
		expect_end(test, &p[i], -ECANCELED, true);
	/* What pends is held when it is sent. */
	for (; i < MANY; i++)
		step_submit(test, &p[i], buf, 512, i * 512, i & 1 ? IO_TARGET_BOUNCE : 0);
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	expect_held(test, &p[MANY - 1], fx->fake.submits);
	fx->fake.park = true;
	fake_answer(&fx->fake, io);
	expect_parked_order(test, MANY / 2, MANY - MANY / 2, 512);
}

static struct kunit_case held_cases[] = {
	KUNIT_CASE_PARAM(held_overlap, held_gen_params),
	KUNIT_CASE(held_order),
	KUNIT_CASE(held_not_overtaken),
	KUNIT_CASE(held_blocking),
	KUNIT_CASE(held_by_two),
	KUNIT_CASE(held_given_up),
	KUNIT_CASE(held_close),
	KUNIT_CASE(held_stop),
	{}
};

static struct kunit_suite held_suite = {
	.name = "io_target_held",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = held_cases,
};

kunit_test_suite(held_suite);
