// SPDX-License-Identifier: GPL-2.0
/*
 * Two threads that meet, see duel.h.
 */
#include <linux/kthread.h>
#include <linux/timekeeping.h>

#include "duel.h"
#include "testdev.h"

#define STEP_NS		500
#define STEP_MAX_NS	(8192 * STEP_NS)	/* 31 rounds have to do, also on a busy host */
#define OFFSET_MAX_NS	(20 * NSEC_PER_MSEC)

unsigned int duel_rounds(unsigned int normal)
{
	return normal * testdev_race_scale();
}

void duel_spin_until(u64 ns)
{
	while (ktime_get_ns() < ns)
		cpu_relax();
}

static void duel_delay(s64 ns)
{
	if (ns > 0)
		duel_spin_until(ktime_get_ns() + ns);
}

static int duel_thread(void *data)
{
	struct duel *d = data;

	for (;;) {
		wait_for_completion(&d->go);
		if (d->quit)
			break;
		/* The two pair with those of duel_fire(). */
		smp_store_release(&d->ready, true);
		while (!smp_load_acquire(&d->fire)) /* see above */
			cpu_relax();
		duel_delay(-d->offset);
		d->right(d->private);
		complete(&d->done);
	}
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

static void duel_free(struct kunit_resource *res)
{
	duel_end(res->data);
}

struct duel *duel_start(struct kunit *test, void (*right)(void *private), void *private)
{
	struct duel *d = kunit_kzalloc(test, sizeof(*d), GFP_KERNEL);
	unsigned int here = cpumask_first(cpu_online_mask);
	unsigned int there = cpumask_next(here, cpu_online_mask);

	KUNIT_ASSERT_NOT_NULL(test, d);
	if (there >= nr_cpu_ids)
		kunit_skip(test, "one CPU, on which nothing happens at the same time");
	d->right = right;
	d->private = private;
	d->step = STEP_NS;
	init_completion(&d->go);
	init_completion(&d->done);
	d->thread = kthread_create(duel_thread, d, "io_target_duel");
	KUNIT_ASSERT_FALSE(test, IS_ERR(d->thread));
	kthread_bind(d->thread, there);
	wake_up_process(d->thread);
	kunit_add_resource(test, NULL, duel_free, &d->res, d);
	set_cpus_allowed_ptr(current, cpumask_of(here));
	return d;
}

void duel_fire(struct duel *d)
{
	d->ready = false;
	d->fire = false;
	complete(&d->go);
	/* The two pair with those of duel_thread(). */
	while (!smp_load_acquire(&d->ready))
		cond_resched();
	/* And what has been set up is seen by the other side. */
	smp_store_release(&d->fire, true);
	duel_delay(d->offset);
}

void duel_join(struct duel *d)
{
	wait_for_completion(&d->done);
}

/* Who was first is late the next time: a staircase around the point where they meet. */
void duel_adjust(struct duel *d, bool left_first)
{
	if (left_first != d->left_was_first) {
		d->streak = 0;
		d->step = max_t(s64, d->step / 2, STEP_NS);
	} else if (++d->streak >= 4) {
		d->step = min_t(s64, d->step * 2, STEP_MAX_NS);
	}
	d->left_was_first = left_first;
	d->offset += left_first ? d->step : -d->step;
	d->offset = clamp_t(s64, d->offset, -OFFSET_MAX_NS, OFFSET_MAX_NS);
}

void duel_end(struct duel *d)
{
	if (d->quit)
		return;
	d->quit = true;
	complete(&d->go);
	kthread_stop(d->thread);
}

void duel_prep(struct kunit *test, struct probe *p, enum io_target_op op, u8 *buf, loff_t pos,
	       unsigned int flags)
{
	reinit_completion(&p->done);
	atomic_set(&p->ends, 0);
	probe_prep(test, p, op, buf, DUEL_LEN, pos, flags);
}

void duel_submit(struct kunit *test, struct probe *p, u8 *buf, unsigned int flags, bool atomic)
{
	duel_prep(test, p, IO_TARGET_OP_WRITE, buf, 0, flags);
	KUNIT_ASSERT_EQ(test, atomic ? io_target_submit_atomic(&p->req) :
				       io_target_submit(&p->req), 0);
}

void tally_add(struct tally *sum, struct probe *p)
{
	struct io_target_request *req = &p->req;
	bool ended = probe_wait(p);
	int ends = atomic_read(&p->ends);

	if (ended && ends > 1)
		sum->duplicates += ends - 1;
	if (!ended)
		sum->wrong++;
	else if (req->result == DUEL_LEN && !req->not_sent)
		sum->ended++;
	else if (req->result == -ETIMEDOUT && !req->not_sent)
		sum->orphaned++;
	else if (req->result == -ETIMEDOUT)
		sum->timed_out++;
	else if (req->result == -ECANCELED && req->not_sent)
		sum->cancelled++;
	else
		sum->wrong++;
}

void duel_expect_both(struct kunit *test, const char *one, unsigned int ones,
		      const char *other, unsigned int others)
{
	unsigned int all = ones + others;

	kunit_info(test, "%s %u, %s %u of %u", one, ones, other, others, all);
	KUNIT_EXPECT_GE(test, ones * 100, all);
	KUNIT_EXPECT_GE(test, others * 100, all);
}

void duel_expect_conserved(struct kunit *test, const struct tally *sum)
{
	struct fixture *fx = test->priv;
	u64 submitted = fixture_submitted(fx), completed = fixture_completed(fx);
	unsigned int callbacks = atomic_read(&fx->ended);
	unsigned int sent = sum->ended + sum->orphaned;

	kunit_info(test, "submitted %llu = completed %llu = callbacks %u + forgotten %u, duplicates %u, in flight %lld",
		   submitted, completed, callbacks, sum->forgotten, sum->duplicates,
		   submitted - completed);
	kunit_info(test, "ended %u, orphaned %u, timed out %u, cancelled %u", sum->ended,
		   sum->orphaned, sum->timed_out, sum->cancelled);
	KUNIT_EXPECT_EQ(test, submitted, completed);
	KUNIT_EXPECT_EQ(test, completed, (u64)callbacks + sum->forgotten);
	KUNIT_EXPECT_EQ(test, callbacks, sent + sum->timed_out + sum->cancelled);
	KUNIT_EXPECT_EQ(test, sum->duplicates, 0u);
	KUNIT_EXPECT_EQ(test, sum->wrong, 0u);
	/* Of what was forgotten nobody knows whether it was sent. */
	KUNIT_EXPECT_GE(test, fx->fake.submits, sent);
	KUNIT_EXPECT_LE(test, fx->fake.submits, sent + sum->forgotten);
}
