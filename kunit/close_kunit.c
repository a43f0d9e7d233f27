// SPDX-License-Identifier: GPL-2.0
/*
 * Close: nothing is sent any more, what was sent is waited for, what was not is
 * cancelled, and whoever comes late is refused.
 */
#include <linux/iopoll.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "fixture.h"
#include "pattern.h"

#define LEN	512
#define SEED	3

/* A thread that closes the target, and whether it is back. */
struct closer {
	struct work_struct	work;
	struct io_target	*target;
	struct completion	done;
	atomic_t		ends_seen;	/* requests that had ended when close returned */
	struct fixture		*fx;
	int			err;
};

static void close_work(struct work_struct *work)
{
	struct closer *c = container_of(work, struct closer, work);

	c->err = io_target_close(c->target);
	atomic_set(&c->ends_seen, atomic_read(&c->fx->ended));
	complete_all(&c->done);
}

/* Returns when the target refuses requests. */
static struct closer *start_close(struct kunit *test)
{
	struct closer *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);
	struct fixture *fx = test->priv;
	enum io_target_state state;

	KUNIT_ASSERT_NOT_NULL(test, c);
	c->fx = fx;
	c->target = fx->target;
	init_completion(&c->done);
	INIT_WORK(&c->work, close_work);
	queue_work(fake_wq, &c->work);
	KUNIT_EXPECT_EQ(test, read_poll_timeout(io_target_state, state, state == IO_TARGET_CLOSED,
						1000, 60 * USEC_PER_SEC, false, fx->target), 0);
	return c;
}

/* That it does not return can only be seen by waiting for it. */
static void expect_waiting(struct kunit *test, struct closer *c)
{
	struct fixture *fx = test->priv;

	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&c->done, HZ / 10), 0ul);
	KUNIT_EXPECT_EQ(test, fx->fake.closes, 0u);
}

static void expect_closed(struct kunit *test, struct closer *c)
{
	struct fixture *fx = test->priv;

	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&c->done, 30 * HZ), 0ul);
	flush_work(&c->work);
	KUNIT_EXPECT_EQ(test, c->err, 0);
	KUNIT_EXPECT_EQ(test, fx->fake.closes, 1u);
}

struct close_case {
	const char		*name;
	enum fake_context	context;
	unsigned int		flags;
	bool			pool;
	bool			atomic;
};

static const struct close_case waits[] = {
	{ "task", FAKE_TASK },
	{ "softirq", FAKE_SOFTIRQ },
	{ "hardirq", FAKE_HARDIRQ },
	{ "worker", FAKE_WORKER },
	{ "IGNORE_STATE", FAKE_SOFTIRQ, IO_TARGET_IGNORE_STATE },
	{ "BOUNCE", FAKE_SOFTIRQ, IO_TARGET_BOUNCE },
	{ "BOUNCE, IGNORE_STATE", FAKE_HARDIRQ, IO_TARGET_BOUNCE | IO_TARGET_IGNORE_STATE },
	{ "submit_atomic", FAKE_HARDIRQ, .atomic = true },
	{ "send and forget", FAKE_SOFTIRQ, .pool = true },
};

static void close_desc(const struct close_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(wait, waits, close_desc);

/* What the device has is waited for. */
static void close_waits(struct kunit *test)
{
	const struct close_case *c = test->param_value;
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	struct io_target_request *req = &p->req;
	struct closer *closer;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	if (c->pool)
		req = io_target_request_alloc(fx->target, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, req);
	KUNIT_ASSERT_EQ(test, io_target_prep_read_buf(req, buf, LEN, 0, c->flags), 0);
	req->end_io = c->pool ? NULL : probe_end_io;
	fx->fake.park = true;
	fx->fake.answer.context = c->context;
	KUNIT_EXPECT_EQ(test, c->atomic ? io_target_submit_atomic(req) : io_target_submit(req), 0);
	KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, 1));

	closer = start_close(test);
	expect_waiting(test, closer);
	fake_answer_parked(&fx->fake, false);
	expect_closed(test, closer);
	KUNIT_EXPECT_EQ(test, atomic_read(&closer->ends_seen), c->pool ? 0 : 1);
	KUNIT_EXPECT_EQ(test, fixture_completed(fx), 1ull);
}

struct slow_end {
	struct probe		*probe;
	struct completion	entered;
	struct completion	leave;
};

static void slow_end_io(struct io_target_request *req)
{
	struct slow_end *s = req->private;

	complete(&s->entered);
	wait_for_completion(&s->leave);
	probe_end_io(req);
}

/* An end_io is waited for until it has returned. */
static void close_waits_for_end_io(struct kunit *test)
{
	struct slow_end *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	struct closer *closer;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_NOT_NULL(test, s);
	init_completion(&s->entered);
	init_completion(&s->leave);
	fx->fake.answer.context = FAKE_WORKER;
	probe_prep(test, p, IO_TARGET_OP_READ, buf, LEN, 0, 0);
	p->req.end_io = slow_end_io;
	p->req.private = s;
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), 0);
	wait_for_completion(&s->entered);

	closer = start_close(test);
	expect_waiting(test, closer);
	complete(&s->leave);
	expect_closed(test, closer);
	KUNIT_EXPECT_EQ(test, atomic_read(&closer->ends_seen), 1);
}

/* While close waits, nobody gets in, and a second close waits too. */
static void close_refuses_newcomers(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, 3 * LEN, GFP_KERNEL);
	struct probe *p = probes_alloc(test, 3);
	struct fixture *fx = test->priv;
	struct closer *first, *second;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	for (i = 0; i < 3; i++)
		probe_prep(test, &p[i], IO_TARGET_OP_READ, buf + i * LEN, LEN, 0,
			   i == 2 ? IO_TARGET_IGNORE_STATE : 0);
	fx->fake.park = true;
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), 0);
	first = start_close(test);
	second = start_close(test);
	expect_waiting(test, first);
	for (i = 1; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, io_target_submit(&p[i].req), -ENODEV);
		KUNIT_EXPECT_EQ(test, io_target_submit_atomic(&p[i].req), -ENODEV);
		KUNIT_EXPECT_EQ(test, io_target_submit_wait(&p[i].req, HZ), -ENODEV);
	}
	expect_waiting(test, second);
	fake_answer_parked(&fx->fake, false);
	expect_closed(test, first);
	expect_closed(test, second);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 1u);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->event[IO_TARGET_EVENT_STATE]), 2);
}

static const unsigned int queued_flags[] = { 0, IO_TARGET_BOUNCE, IO_TARGET_IGNORE_STATE };

static void flags_desc(const unsigned int *flags, char *desc)
{
	if (*flags & IO_TARGET_BOUNCE)
		strscpy(desc, "BOUNCE", KUNIT_PARAM_DESC_SIZE);
	else if (*flags)
		strscpy(desc, "IGNORE_STATE", KUNIT_PARAM_DESC_SIZE);
	else
		strscpy(desc, "plain", KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(queued, queued_flags, flags_desc);

#define QUEUED	5

/* What the device has not been given yet ends unsent, in order, at once. */
static void close_cancels_queued(struct kunit *test)
{
	unsigned int flags = *(const unsigned int *)test->param_value;
	u8 *buf = kunit_kzalloc(test, (QUEUED + 1) * LEN, GFP_KERNEL);
	struct probe *p = probes_alloc(test, QUEUED + 1);
	struct fixture *fx = test->priv;
	struct closer *closer;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	fake_stall(&fx->fake);
	for (i = 0; i <= QUEUED; i++)
		probe_prep(test, &p[i], IO_TARGET_OP_WRITE, buf + i * LEN, LEN, i * LEN, flags);
	KUNIT_EXPECT_EQ(test, io_target_submit_atomic(&p->req), 0);
	KUNIT_ASSERT_TRUE(test, fake_wait_stalled(&fx->fake, 1));
	for (i = 1; i <= QUEUED; i++)
		KUNIT_EXPECT_EQ(test, io_target_submit_atomic(&p[i].req), 0);

	closer = start_close(test);
	for (i = 1; i <= QUEUED; i++) {
		KUNIT_ASSERT_TRUE(test, probe_wait(&p[i]));
		KUNIT_EXPECT_EQ(test, p[i].req.result, -ECANCELED);
		KUNIT_EXPECT_TRUE(test, p[i].req.not_sent);
		KUNIT_EXPECT_EQ(test, p[i].number, i);
		KUNIT_EXPECT_EQ(test, atomic_read(&p[i].ends), 1);
	}
	expect_waiting(test, closer);
	fake_unstall(&fx->fake);
	expect_closed(test, closer);
	KUNIT_EXPECT_EQ(test, p->req.result, LEN);
	KUNIT_EXPECT_FALSE(test, p->req.not_sent);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 1u);
}

#define REOPENS	100

/* A thread that sends all the time, and what became of it. */
struct sender {
	struct work_struct	work;
	struct fixture		*fx;
	struct probe		*probe;
	u8			*buf;
	bool			stop;
	unsigned int		flags;
	unsigned int		ok, closed, stale, cancelled, wrong;
};

static void note_outcome(struct sender *s, ssize_t ret)
{
	if (ret == LEN)
		s->ok++;
	else if (ret == -ENODEV)
		s->closed++;
	else if (ret == -ESTALE)
		s->stale++;
	else if (ret == -ECANCELED)
		s->cancelled++;
	else
		s->wrong++;
}

static void send_all_the_time(struct work_struct *work)
{
	struct sender *s = container_of(work, struct sender, work);
	struct io_target_request *req = &s->probe->req;

	while (!READ_ONCE(s->stop)) {
		ssize_t ret = io_target_prep_write_buf(req, s->buf, LEN, 0, s->flags);

		ret = ret ?: io_target_submit_wait(req, 60 * HZ);
		note_outcome(s, ret);
		if (ret == -ENODEV)
			wait_event(s->fx->fake.wait, READ_ONCE(s->stop) ||
				   io_target_state(s->fx->target) == IO_TARGET_STARTED);
		cond_resched();
	}
	/* One that was refused last still has its bounce buffer. */
	io_target_request_free(req);
}

/* Requests that race with close and open are sent or refused, nothing else. */
static void close_under_load(struct kunit *test)
{
	struct sender *s = kunit_kcalloc(test, 3, sizeof(*s), GFP_KERNEL);
	struct fixture *fx = test->priv;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, s);
	fx->fake.answer.context = FAKE_SOFTIRQ;
	for (i = 0; i < 3; i++) {
		s[i].fx = fx;
		s[i].probe = probes_alloc(test, 1);
		s[i].buf = kunit_kzalloc(test, LEN, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, s[i].buf);
		s[i].flags = i == 1 ? IO_TARGET_BOUNCE : i == 2 ? IO_TARGET_IGNORE_STATE : 0;
		INIT_WORK(&s[i].work, send_all_the_time);
	}
	for (i = 0; i < 3; i++)
		queue_work(fake_wq, &s[i].work);
	for (i = 0; i < REOPENS; i++) {
		io_target_close(fx->target);
		KUNIT_EXPECT_EQ(test, fake_open(&fx->fake, fx->target, FIXTURE_RW), 0);
		/* Both states are seen for a while. */
		fake_wait_answers(&fx->fake, READ_ONCE(fx->fake.answers) + 3);
	}
	for (i = 0; i < 3; i++)
		WRITE_ONCE(s[i].stop, true);
	wake_up_all(&fx->fake.wait);
	for (i = 0; i < 3; i++) {
		flush_work(&s[i].work);
		KUNIT_EXPECT_EQ(test, s[i].wrong, 0u);
		KUNIT_EXPECT_NE(test, s[i].ok, 0u);
		KUNIT_EXPECT_NE(test, s[i].closed, 0u);
		kunit_info(test, "sent %u, closed %u, stale %u, cancelled %u", s[i].ok, s[i].closed,
			   s[i].stale, s[i].cancelled);
	}
}

static struct kunit_case close_cases[] = {
	KUNIT_CASE_PARAM(close_waits, wait_gen_params),
	KUNIT_CASE(close_waits_for_end_io),
	KUNIT_CASE(close_refuses_newcomers),
	KUNIT_CASE_PARAM(close_cancels_queued, queued_gen_params),
	KUNIT_CASE(close_under_load),
	{}
};

static struct kunit_suite close_suite = {
	.name = "io_target_close",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = close_cases,
};

kunit_test_suite(close_suite);
