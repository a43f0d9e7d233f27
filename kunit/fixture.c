// SPDX-License-Identifier: GPL-2.0
/*
 * The fixture of the suites over the fake, see fixture.h.
 */
#include <linux/jiffies.h>

#include "fixture.h"

static void note_event(struct io_target *target, enum io_target_event event, void *private)
{
	struct fixture *fx = private;
	unsigned int i = atomic_fetch_inc(&fx->logged);

	if (i < FIXTURE_EVENTS) {
		fx->log[i].event = event;
		fx->log[i].state = io_target_state(target);
	}
	atomic_inc(&fx->event[event]);
	if (fx->on_event)
		fx->on_event(fx, event);
}

int fixture_init(struct kunit *test)
{
	struct fixture *fx = kunit_kzalloc(test, sizeof(*fx), GFP_KERNEL);
	struct io_target_config config = {
		.name = test->name, .reserve = FIXTURE_RESERVE, .event = note_event,
		.private = fx,
	};

	if (!fx)
		return -ENOMEM;
	fake_init(&fx->fake);
	test->priv = fx;
	fx->target = io_target_create(&config);
	if (IS_ERR(fx->target))
		return PTR_ERR(fx->target);
	return fake_open(&fx->fake, fx->target, FIXTURE_RW);
}

/*
 * Whatever a case left, or an assertion left it with: nothing stays. What must
 * hold in every case is looked at here.
 */
void fixture_exit(struct kunit *test)
{
	struct fixture *fx = test->priv;

	if (!fx)
		return;
	fake_let_go(&fx->fake);
	if (!IS_ERR_OR_NULL(fx->target)) {
		io_target_close(fx->target);
		/* Threads of a case that was left by an assertion */
		flush_workqueue(fake_wq);
		KUNIT_EXPECT_EQ(test, fixture_submitted(fx), fixture_completed(fx));
		io_target_put(fx->target);
	}
	fake_exit(&fx->fake);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, fx->fake.answers);
	KUNIT_EXPECT_EQ(test, fx->fake.opens, fx->fake.closes);
	KUNIT_EXPECT_EQ(test, fx->fake.twice, 0u);
	KUNIT_EXPECT_EQ(test, fx->fake.closed_busy, 0u);
}

void fixture_reopen(struct kunit *test, unsigned int flags)
{
	struct fixture *fx = test->priv;

	io_target_close(fx->target);
	KUNIT_ASSERT_EQ(test, fake_open(&fx->fake, fx->target, flags), 0);
}

u64 fixture_submitted(struct fixture *fx)
{
	u64 n = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		n += READ_ONCE(per_cpu_ptr(fx->target->stats, cpu)->submitted);
	return n;
}

u64 fixture_completed(struct fixture *fx)
{
	u64 n = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		n += READ_ONCE(per_cpu_ptr(fx->target->stats, cpu)->completed);
	return n;
}

struct probe *probes_alloc(struct kunit *test, unsigned int n)
{
	struct fixture *fx = test->priv;
	struct probe *p = kunit_kcalloc(test, n, sizeof(*p), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, p);
	for (i = 0; i < n; i++) {
		io_target_request_init(&p[i].req, fx->target);
		p[i].fx = fx;
		init_completion(&p[i].done);
	}
	return p;
}

void probe_end_io(struct io_target_request *req)
{
	struct probe *p = container_of(req, struct probe, req);
	struct doorway *door = p->door;

	p->door = NULL;
	if (door) {
		complete(&door->entered);
		wait_for_completion(&door->leave);
	}
	p->context = fake_context_now();
	p->number = atomic_inc_return(&p->fx->ended);
	atomic_inc(&p->ends);
	complete(&p->done);
}

void probe_prep(struct kunit *test, struct probe *p, enum io_target_op op, void *buf,
		size_t len, loff_t pos, unsigned int flags)
{
	KUNIT_ASSERT_EQ(test, io_target_prep_rw_buf(&p->req, op, buf, len, pos, flags), 0);
	p->req.end_io = probe_end_io;
}

bool probe_wait(struct probe *p)
{
	return wait_for_completion_timeout(&p->done, 30 * HZ);
}
