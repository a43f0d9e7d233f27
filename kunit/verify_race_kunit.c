// SPDX-License-Identifier: GPL-2.0
/*
 * The contract verifier: two threads that submit one request at the same time.
 */
#include <linux/cpumask.h>
#include <linux/kthread.h>
#include <linux/slab.h>

#include "said.h"
#include "steps.h"

#define LEN	512

/* Rounds at the least, and while the two have not met often enough; at the most */
#define ROUNDS		2000
#define ROUNDS_MOST	(20 * ROUNDS)
#define MEETINGS	(ROUNDS / 100)

/* Two threads that submit one request, again and again */
struct rivals {
	struct io_target_request	*req;
	struct task_struct		*thread;
	atomic_t			met;
	unsigned int			late[2];	/* of the one and of the other */
	bool				last;		/* of the round that begins */
	unsigned int			accepted;	/* of the second one */
	unsigned int			refused;
};

/* One of the two is later. */
static int rival_submit(struct rivals *r, unsigned int round, unsigned int which, bool *last)
{
	unsigned int late;
	int err;

	atomic_inc(&r->met);
	while (atomic_read(&r->met) < 4 * round + 2)
		cpu_relax();
	late = READ_ONCE(r->late[which]);
	*last = READ_ONCE(r->last);
	while (late--)
		cpu_relax();
	err = io_target_submit(r->req);
	atomic_inc(&r->met);
	while (atomic_read(&r->met) < 4 * round + 4)
		cpu_relax();
	return err;
}

static int rival_thread(void *data)
{
	struct rivals *r = data;
	bool last = false;
	unsigned int i;

	for (i = 0; !last; i++) {
		int err = rival_submit(r, i, 1, &last);

		r->accepted += !err;
		r->refused += err == -EBUSY;
	}
	return 0;
}

static struct rivals *rivals_start(struct kunit *test, struct io_target_request *req)
{
	struct rivals *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);
	unsigned int here = cpumask_first(cpu_online_mask);
	unsigned int there = cpumask_next(here, cpu_online_mask);

	KUNIT_ASSERT_NOT_NULL(test, r);
	if (there >= nr_cpu_ids)
		kunit_skip(test, "needs two CPUs");
	r->req = req;
	r->thread = kthread_create(rival_thread, r, "io_target_rival");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, r->thread);
	get_task_struct(r->thread);	/* it may be gone before kthread_stop() */
	kthread_bind(r->thread, there);
	set_cpus_allowed_ptr(current, cpumask_of(here));
	wake_up_process(r->thread);
	return r;
}

/* How late each is: sweeps over a submit, and stays for a while where they have met. */
static void rivals_aim(struct rivals *r, unsigned int *aim, unsigned int *seen)
{
	unsigned int now = iot_misuse_seen(IOT_MISUSE_CONCURRENT);

	if (now == *seen)
		++*aim;
	*seen = now;
	WRITE_ONCE(r->late[0], *aim % 7 * 6);
	WRITE_ONCE(r->late[1], *aim % 40);
}

static const unsigned int concurrent_flags[] = { 0, IO_TARGET_BOUNCE };

static void concurrent_desc(const unsigned int *flags, char *desc)
{
	strscpy(desc, *flags ? "BOUNCE" : "plain", KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(concurrent, concurrent_flags, concurrent_desc);

/*
 * Of two threads that submit one request at the same time one is refused, in a
 * line of its own, and the other's I/O is done once. Covers A8.
 */
static void verify_concurrent(struct kunit *test)
{
	const unsigned int *flags = test->param_value;
	struct said before = said(IOT_MISUSE_CONCURRENT);
	unsigned int accepted = 0, refused = 0, aim = 0, met = before.seen, seen, i;
	bool last = false;
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);
	struct rivals *r;

	said_skip(test, ONLY_VERIFIER);
	fx->fake.park = true;
	r = rivals_start(test, &p->req);
	for (i = 0; !last; i++) {
		int err = io_target_prep_write_buf(&p->req, buf, LEN, 0, *flags);

		p->req.end_io = probe_end_io;
		rivals_aim(r, &aim, &met);
		WRITE_ONCE(r->last, i + 1 >= ROUNDS_MOST ||
			   (i + 1 >= ROUNDS && met - before.seen >= MEETINGS));
		err = rival_submit(r, i, 0, &last) ?: err;
		accepted += !err;
		refused += err == -EBUSY;
		fake_wait_parked(&fx->fake, 1);
		fake_answer_parked(&fx->fake, false);
		probe_wait(p);
	}
	kthread_stop(r->thread);
	put_task_struct(r->thread);
	set_cpus_allowed_ptr(current, cpu_possible_mask);
	KUNIT_EXPECT_EQ(test, accepted + r->accepted, i);
	KUNIT_EXPECT_EQ(test, refused + r->refused, i);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->ends), i);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, i);
	KUNIT_EXPECT_EQ(test, iot_verify_lines(), before.lines + i);
	/* Those that came while the first was still being accepted */
	seen = iot_misuse_seen(IOT_MISUSE_CONCURRENT) - before.seen;
	KUNIT_EXPECT_GE(test, seen, MEETINGS);
	kunit_info(test, "%u rounds, accepted: %u of the one, %u of the other; %u concurrent", i,
		   accepted, r->accepted, seen);
}

static struct kunit_case verify_race_cases[] = {
	KUNIT_CASE_PARAM(verify_concurrent, concurrent_gen_params),
	{}
};

static struct kunit_suite verify_race_suite = {
	.name = "io_target_stress_verify",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = verify_race_cases,
};

kunit_test_suite(verify_race_suite);
