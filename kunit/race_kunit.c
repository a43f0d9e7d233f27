// SPDX-License-Identifier: GPL-2.0
/*
 * A device that answers in the moment in which its caller gives up: one of the
 * two ends the request, and both come to it.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "calls.h"
#include "duel.h"
#include "pattern.h"

#define LEN	512
#define SEED	0x7a
#define POISON	0xa5
/* Rounds; a stress run has 20 times as many */
#define ROUNDS	200
#define TIMEOUT	1
#define STEP_NS	20000

/**
 * struct race - the device's thread, and what it is told
 * @fx: the fixture
 * @thread: the device's, on a CPU of its own
 * @deadline: the jiffy of the caller's timeout
 * @offset: ns from the tick after it, at which the timer fires, to the answer,
 *	per context. Moves towards the moment at which both win as often
 * @context: of the answer
 * @go: a round begins, or the test is over
 * @over: the round is over
 * @back: the caller has taken the request back, it will not come
 * @stop: the test is over
 * @answered: rounds that the device won
 * @orphaned: rounds that the caller won
 * @taken_back: rounds that were none
 * @damaged: rounds after which the memory was not as it had to be
 * @wrong: calls with another result
 */
struct race {
	struct fixture		*fx;
	struct task_struct	*thread;
	unsigned long		deadline;
	long			offset[FAKE_CONTEXTS];
	enum fake_context	context;
	struct completion	go;
	struct completion	over;
	bool			back;
	bool			stop;
	unsigned int		answered;
	unsigned int		orphaned;
	unsigned int		taken_back;
	unsigned int		damaged;
	unsigned int		wrong;
};

/* The tick is known exactly; from there it is a matter of ns. */
static void spin_until_deadline(struct race *r)
{
	u64 end;

	while (time_before(jiffies, r->deadline))
		cpu_relax();
	end = ktime_get_ns() + TICK_NSEC + r->offset[r->context];
	while ((s64)(ktime_get_ns() - end) < 0)
		cpu_relax();
}

static int device_thread(void *data)
{
	struct race *r = data;
	struct fake *fake = &r->fx->fake;

	for (;;) {
		wait_for_completion(&r->go);
		if (r->stop)
			break;
		wait_event(fake->wait, READ_ONCE(fake->nr_parked) || READ_ONCE(r->back));
		if (!READ_ONCE(r->back))
			spin_until_deadline(r);
		fake->answer.context = r->context;
		fake_answer_parked(fake, false);
		complete(&r->over);
	}
	return 0;
}

/* Who won tries later next time, who lost earlier. */
static void recentre(struct race *r, bool answered)
{
	r->offset[r->context] += answered ? STEP_NS : -STEP_NS;
	r->offset[r->context] = clamp_t(long, r->offset[r->context], -(long)TICK_NSEC,
					10 * TICK_NSEC);
}

static void race_round(struct race *r, struct probe *p, u8 *buf, unsigned int i)
{
	struct fake *fake = &r->fx->fake;
	unsigned int answers = fake->answers;
	ssize_t ret;

	r->context = i % FAKE_CONTEXTS;
	r->back = false;
	memset(buf, 0, LEN);
	r->deadline = jiffies + TIMEOUT;
	complete(&r->go);
	ret = call_do(CALL_WAIT_READ, p, buf, LEN, 0, IO_TARGET_BOUNCE, TIMEOUT);
	if (ret == LEN) {
		r->answered++;
		r->damaged += pattern_match(buf, LEN, 0, SEED) != LEN;
	} else {
		memset(buf, POISON, LEN);
		r->wrong += ret != -ETIMEDOUT;
		r->taken_back += p->req.not_sent;
		r->orphaned += !p->req.not_sent;
		WRITE_ONCE(r->back, p->req.not_sent);
		wake_up_all(&fake->wait);
	}
	if (!r->back)
		recentre(r, ret == LEN);
	wait_for_completion(&r->over);
	if (!r->back)
		fake_wait_answers(fake, answers + 1);
	if (ret != LEN)
		r->damaged += pattern_match_byte(buf, LEN, POISON) != LEN;
}

/* A thread on another CPU than this one, which stays where it is. */
static struct task_struct *second_thread(struct kunit *test, int (*func)(void *), void *data)
{
	unsigned int here = cpumask_first(cpu_online_mask);
	unsigned int there = cpumask_next(here, cpu_online_mask);
	struct task_struct *thread;

	if (there >= nr_cpu_ids)
		kunit_skip(test, "needs two CPUs");
	thread = kthread_create(func, data, "io_target_stress_race");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, thread);
	get_task_struct(thread);	/* it may be gone before kthread_stop() */
	kthread_bind(thread, there);
	set_cpus_allowed_ptr(current, cpumask_of(here));
	wake_up_process(thread);
	return thread;
}

static void end_thread(struct task_struct *thread)
{
	kthread_stop(thread);
	put_task_struct(thread);
	set_cpus_allowed_ptr(current, cpu_possible_mask);
}

static struct race *race_start(struct kunit *test)
{
	struct race *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, r);
	r->fx = test->priv;
	init_completion(&r->go);
	init_completion(&r->over);
	r->thread = second_thread(test, device_thread, r);
	return r;
}

static void race_stop(struct race *r)
{
	r->stop = true;
	complete(&r->go);
	end_thread(r->thread);
}

static void race_answer_timeout(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 1);
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);
	struct fixture *fx = test->priv;
	unsigned int i, rounds = duel_rounds(ROUNDS);
	struct race *r;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	pattern_fill(fx->fake.memory, LEN, 0, SEED);
	fx->fake.park = true;
	r = race_start(test);
	for (i = 0; i < rounds; i++)
		race_round(r, p, buf, i);
	race_stop(r);
	io_target_close(fx->target);
	KUNIT_EXPECT_TRUE(test, fake_wait_closes(&fx->fake, 1));

	kunit_info(test, "answered %u, orphaned %u, taken back %u; offsets %ld %ld %ld %ld us",
		   r->answered, r->orphaned, r->taken_back, r->offset[0] / 1000,
		   r->offset[1] / 1000, r->offset[2] / 1000, r->offset[3] / 1000);
	KUNIT_EXPECT_EQ(test, r->damaged, 0u);
	KUNIT_EXPECT_EQ(test, r->wrong, 0u);
	KUNIT_EXPECT_EQ(test, r->answered + r->orphaned + r->taken_back, rounds);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->event[IO_TARGET_EVENT_ORPHAN]), r->orphaned);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->event[IO_TARGET_EVENT_ORPHAN_END]), r->orphaned);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, r->answered + r->orphaned);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->ends), 0);
	/* A race that one side always wins has not been run. */
	KUNIT_EXPECT_GE(test, r->answered * 100, rounds);
	KUNIT_EXPECT_GE(test, r->orphaned * 100, rounds);
}

/* A stress run has 20 times as many */
#define CLOSES	20

/* The last orphan ends while close decides whether it has to wait for the device. */
static void race_orphan_close(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 1);
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);
	struct fixture *fx = test->priv;
	unsigned int i, closes = duel_rounds(CLOSES), at_close = 0, orphans = 0;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	fx->fake.answer.context = FAKE_WORKER;
	for (i = 1; i <= closes; i++) {
		fx->fake.park = true;
		call_do(CALL_WAIT_READ, p, buf, LEN, 0, IO_TARGET_BOUNCE, TIMEOUT);
		orphans += !p->req.not_sent;
		if (!p->req.not_sent)
			KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, 1));
		fake_answer_parked(&fx->fake, false);
		/* Another time, close is sooner */
		if (i & 1)
			ndelay(i * 1000);
		KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
		at_close += READ_ONCE(fx->fake.closes) == i;
		KUNIT_ASSERT_TRUE(test, fake_wait_closes(&fx->fake, i));
		KUNIT_ASSERT_EQ(test, fake_open(&fx->fake, fx->target, FIXTURE_RW), 0);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->event[IO_TARGET_EVENT_ORPHAN_END]), orphans);
	kunit_info(test, "%u orphans, device released when close returned: %u of %u", orphans,
		   at_close, closes);
}

#define RIVALRIES	2000

/* Two threads that submit one request. */
struct rivals {
	struct task_struct	*thread;
	struct probe		*probe;
	atomic_t		met;
	unsigned int		won;	/* by the second thread */
	unsigned int		refused;
};

/* The n-th meeting of the two threads: to be as close in time as they can. */
static void meet(struct rivals *r, unsigned int n)
{
	atomic_inc(&r->met);
	while (atomic_read(&r->met) < 2 * n)
		cpu_relax();
}

/* One comes a bit later than the other, sweeping over the length of a submit. */
static int rival_submit(struct rivals *r, unsigned int round, unsigned int late)
{
	int err;

	meet(r, 2 * round + 1);
	while (late--)
		cpu_relax();
	err = io_target_submit(&r->probe->req);
	meet(r, 2 * round + 2);
	return err;
}

static int rival_thread(void *data)
{
	struct rivals *r = data;
	unsigned int i;

	for (i = 0; i < RIVALRIES; i++) {
		int err = rival_submit(r, i, i % 40);

		r->won += !err;
		r->refused += err == -EBUSY;
	}
	return 0;
}

/* Of two threads that submit one request at the same time, one is refused. */
static void race_two_submits(struct kunit *test)
{
	struct rivals *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);
	struct fixture *fx = test->priv;
	unsigned int won = 0, refused = 0, i;

	if (!IS_ENABLED(CONFIG_IO_TARGET_VERIFIER))
		kunit_skip(test, "only CONFIG_IO_TARGET_VERIFIER sees it");
	KUNIT_ASSERT_NOT_NULL(test, r);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	r->probe = probes_alloc(test, 1);
	fx->fake.park = true;
	r->thread = second_thread(test, rival_thread, r);
	for (i = 0; i < RIVALRIES; i++) {
		int err;

		err = io_target_prep_read_buf(&r->probe->req, buf, LEN, 0, 0);
		r->probe->req.end_io = probe_end_io;
		err = rival_submit(r, i, i % 7 * 6) ?: err;
		won += !err;
		refused += err == -EBUSY;
		fake_answer_parked(&fx->fake, false);
	}
	end_thread(r->thread);
	KUNIT_EXPECT_EQ(test, won + r->won, RIVALRIES);
	KUNIT_EXPECT_EQ(test, refused + r->refused, RIVALRIES);
	KUNIT_EXPECT_EQ(test, atomic_read(&r->probe->ends), RIVALRIES);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, RIVALRIES);
	kunit_info(test, "won by the first %u times, by the second %u", won, r->won);
}

static struct kunit_case race_cases[] = {
	KUNIT_CASE(race_answer_timeout),
	KUNIT_CASE(race_orphan_close),
	KUNIT_CASE(race_two_submits),
	{}
};

static struct kunit_suite race_suite = {
	.name = "io_target_stress_race",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = race_cases,
};

kunit_test_suite(race_suite);
