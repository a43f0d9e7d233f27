// SPDX-License-Identifier: GPL-2.0
/*
 * Steps of the cases over a target's states, see steps.h.
 */
#include <linux/iopoll.h>
#include <linux/slab.h>

#include "steps.h"

#define PATIENCE	(60 * HZ)
#define PATIENCE_US	(60 * USEC_PER_SEC)

u8 *step_buf(struct kunit *test, size_t len)
{
	u8 *buf = kunit_kzalloc(test, len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	return buf;
}

int step_events(struct fixture *fx, enum io_target_event event)
{
	return atomic_read(&fx->event[event]);
}

static void aside_work(struct work_struct *work)
{
	struct aside *a = container_of(work, struct aside, work);

	a->ret = a->call(a);
	a->ended = atomic_read(&a->fx->ended);
	complete_all(&a->done);
}

struct aside *aside_start(struct kunit *test, ssize_t (*call)(struct aside *a), void *private)
{
	struct aside *a = kunit_kzalloc(test, sizeof(*a), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, a);
	a->fx = test->priv;
	a->call = call;
	a->private = private;
	init_completion(&a->done);
	INIT_WORK(&a->work, aside_work);
	queue_work(fake_wq, &a->work);
	return a;
}

bool aside_waits_within(struct aside *a, unsigned long timeout)
{
	return !wait_for_completion_timeout(&a->done, timeout);
}

bool aside_waits(struct aside *a)
{
	return aside_waits_within(a, HZ / 20);
}

ssize_t aside_end_within(struct kunit *test, struct aside *a, unsigned long timeout)
{
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&a->done, timeout), 0ul);
	flush_work(&a->work);
	return a->ret;
}

ssize_t aside_end(struct kunit *test, struct aside *a)
{
	return aside_end_within(test, a, PATIENCE);
}

ssize_t aside_start_target(struct aside *a)
{
	return io_target_start(a->fx->target);
}

ssize_t aside_close(struct aside *a)
{
	return io_target_close(a->fx->target);
}

ssize_t aside_stop_wait(struct aside *a)
{
	return io_target_stop(a->fx->target, IO_TARGET_WAIT_SENT, PATIENCE);
}

ssize_t aside_drain(struct aside *a)
{
	return io_target_drain(a->fx->target, PATIENCE);
}

ssize_t aside_submit_wait(struct aside *a)
{
	struct probe *p = a->private;

	return io_target_submit_wait(&p->req, IO_TARGET_NO_TIMEOUT);
}

struct doorway *doorway_alloc(struct kunit *test)
{
	struct doorway *d = kunit_kzalloc(test, sizeof(*d), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, d);
	init_completion(&d->entered);
	init_completion(&d->leave);
	return d;
}

void doorway_set(struct probe *p, struct doorway *d)
{
	p->door = d;
}

bool step_wait_state(struct fixture *fx, enum io_target_state state)
{
	enum io_target_state now;

	return !read_poll_timeout(io_target_state, now, now == state, 1000, PATIENCE_US, false,
				  fx->target);
}

static unsigned int nr_pended(struct fixture *fx)
{
	return READ_ONCE(fx->target->nr_pended);
}

bool step_wait_pended(struct fixture *fx, unsigned int n)
{
	unsigned int now;

	return !read_poll_timeout(nr_pended, now, now >= n, 1000, PATIENCE_US, false, fx);
}

bool step_wait_events(struct fixture *fx, enum io_target_event event, int n)
{
	int now;

	return !read_poll_timeout(step_events, now, now >= n, 1000, PATIENCE_US, false, fx, event);
}

void expect_end(struct kunit *test, struct probe *p, ssize_t result, bool not_sent)
{
	KUNIT_EXPECT_TRUE(test, probe_wait(p));
	KUNIT_EXPECT_EQ(test, p->req.result, result);
	KUNIT_EXPECT_EQ(test, p->req.not_sent, not_sent);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->ends), 1);
}

void expect_outstanding(struct kunit *test, struct probe *p)
{
	KUNIT_EXPECT_TRUE(test, io_target_request_pending(&p->req));
	KUNIT_EXPECT_EQ(test, atomic_read(&p->ends), 0);
}

void step_submit(struct kunit *test, struct probe *p, u8 *buf, size_t len, loff_t pos,
		 unsigned int flags)
{
	probe_prep(test, p, IO_TARGET_OP_WRITE, buf, len, pos, flags);
	KUNIT_ASSERT_EQ(test, io_target_submit(&p->req), 0);
}

void step_pend(struct kunit *test, struct probe *p, unsigned int n, u8 *buf, size_t len,
	       unsigned int flags)
{
	struct fixture *fx = test->priv;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, io_target_stop(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
	for (i = 0; i < n; i++)
		step_submit(test, &p[i], buf + i * len, len, i * len, flags);
	KUNIT_EXPECT_EQ(test, fx->target->nr_pended, n);
}

void expect_parked_order(struct kunit *test, unsigned int first, unsigned int n, size_t len)
{
	struct fixture *fx = test->priv;
	struct io_target_request *req;
	unsigned int i;

	KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, n));
	for (i = 0; i < n; i++) {
		req = fake_take(&fx->fake, false);
		KUNIT_ASSERT_NOT_NULL(test, req);
		KUNIT_EXPECT_EQ(test, req->pos, (loff_t)((first + i) * len));
		fake_answer(&fx->fake, req);
	}
}

struct aside *step_starting(struct kunit *test, struct probe *p, u8 *buf, size_t len,
			    struct doorway *d)
{
	struct fixture *fx = test->priv;
	struct aside *a;

	fx->fake.answer.context = FAKE_TASK;
	fx->fake.from = fx->fake.submits + 1;
	fx->fake.park = true;
	if (io_target_state(fx->target) != IO_TARGET_STOPPED)
		step_pend(test, p, 1, buf, len, 0);
	doorway_set(p, d);
	a = aside_start(test, aside_start_target, NULL);
	wait_for_completion(&d->entered);
	KUNIT_EXPECT_EQ(test, io_target_state(fx->target), IO_TARGET_STARTING);
	return a;
}
