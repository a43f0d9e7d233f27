// SPDX-License-Identifier: GPL-2.0
/*
 * The fault injector: requests that it delays or holds, what they keep waiting,
 * and how they get away.
 */
#include <linux/jiffies.h>
#include <linux/slab.h>

#include "pattern.h"
#include "steps.h"

#define LEN		512
#define SEED		0x1f
#define SHORTLY		(HZ / 20)
#define PATIENCE	(30 * HZ)

static void inject(struct kunit *test, const char *text)
{
	struct fixture *fx = test->priv;

	KUNIT_ASSERT_EQ(test, iot_inject_write(fx->target, text), 0);
}

static const struct hold_case {
	const char	*name;
	const char	*rule;
	unsigned int	flags;
} holds[] = {
	{ "delay", "delay=3600000" },
	{ "never", "never" },
	{ "delay, BOUNCE", "delay=3600000", IO_TARGET_BOUNCE },
	{ "never, BOUNCE", "never", IO_TARGET_BOUNCE },
	{ "never, TASK", "never", IO_TARGET_TASK },
	{ "never, IGNORE_STATE", "never", IO_TARGET_IGNORE_STATE },
};

static void hold_desc(const struct hold_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(hold, holds, hold_desc);

/* Until the injector has @n requests, which a worker may have to send first. */
static void wait_held(struct kunit *test, unsigned int n)
{
	struct fixture *fx = test->priv;
	struct iot_inject *in = &fx->target->inject;
	unsigned long end = jiffies + PATIENCE;
	struct list_head *pos;
	unsigned int now;

	do {
		now = 0;
		scoped_guard(spinlock_irqsave, &in->lock) {
			list_for_each(pos, &in->held)
				now++;
			list_for_each(pos, &in->delayed)
				now++;
		}
		cond_resched();
	} while (now < n && time_before(jiffies, end));
	KUNIT_ASSERT_EQ(test, now, n);
}

/* It counts as sent, so that stop waits and cancel is too late; released, it goes. */
static void expect_released(struct kunit *test, const struct hold_case *c, const char *order)
{
	struct probe *p = probes_alloc(test, 2);
	u8 *buf = step_buf(test, 2 * LEN);
	struct fixture *fx = test->priv;

	inject(test, c->rule);
	pattern_fill(buf, 2 * LEN, 0, SEED);
	step_submit(test, &p[0], buf, LEN, 0, c->flags);
	step_submit(test, &p[1], buf + LEN, LEN, LEN, c->flags);
	wait_held(test, 2);
	KUNIT_EXPECT_EQ(test, io_target_cancel(&p[0].req), -EALREADY);
	if (!(c->flags & IO_TARGET_IGNORE_STATE))
		KUNIT_EXPECT_EQ(test, io_target_stop(fx->target, IO_TARGET_CANCEL_SENT, 2),
				-ETIMEDOUT);
	expect_outstanding(test, &p[0]);
	expect_outstanding(test, &p[1]);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 0u);

	inject(test, order);
	expect_end(test, &p[0], LEN, false);
	expect_end(test, &p[1], LEN, false);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 2u);
	KUNIT_EXPECT_EQ(test, pattern_match(fx->fake.memory, 2 * LEN, 0, SEED), 2 * LEN);
	KUNIT_EXPECT_EQ(test, io_target_stop(fx->target, IO_TARGET_WAIT_SENT, PATIENCE), 0);
}

static void held_release(struct kunit *test)
{
	expect_released(test, test->param_value, "release");
}

static void held_clear(struct kunit *test)
{
	expect_released(test, test->param_value, "clear");
}

/* Close does not wait for what would never come. Covers S8. */
static void held_close(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 3);
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;
	unsigned int i;

	inject(test, "never");
	step_submit(test, &p[0], buf, LEN, 0, 0);
	step_submit(test, &p[1], buf, LEN, LEN, IO_TARGET_BOUNCE);
	step_submit(test, &p[2], buf, LEN, 0, IO_TARGET_TASK);
	wait_held(test, 3);
	KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
	for (i = 0; i < 3; i++) {
		expect_end(test, &p[i], -EIO, false);
		KUNIT_EXPECT_EQ(test, (__force u8)p[i].req.status, (__force u8)BLK_STS_IOERR);
	}
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 0u);
	/* The rule is still there, and holds what the next open sends. */
	KUNIT_ASSERT_EQ(test, fake_open(&fx->fake, fx->target, FIXTURE_RW), 0);
	step_submit(test, &p[0], buf, LEN, 0, 0);
	wait_held(test, 1);
	inject(test, "clear");
	KUNIT_EXPECT_TRUE(test, probe_wait(&p[0]));
	KUNIT_EXPECT_EQ(test, p[0].req.result, LEN);
}

/* Close waits for a device that is only slow. */
static void held_close_delay(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 1);
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;
	struct aside *a;

	inject(test, "delay=3600000");
	step_submit(test, p, buf, LEN, 0, 0);
	a = aside_start(test, aside_close, NULL);
	KUNIT_EXPECT_TRUE(test, aside_waits(a));
	expect_outstanding(test, p);
	inject(test, "release");
	KUNIT_EXPECT_EQ(test, aside_end(test, a), 0);
	expect_end(test, p, LEN, false);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 1u);
}

/* Not before its time, and those with less to wait do not wait for it. */
static void held_delay(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 4);
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;
	unsigned long begin = jiffies;

	inject(test, "op=write delay=3600000 count=1");
	inject(test, "op=write delay=60 count=1");
	inject(test, "op=write delay=20 count=1");
	step_submit(test, &p[0], buf, LEN, 0, 0);
	step_submit(test, &p[1], buf, LEN, 0, 0);
	step_submit(test, &p[2], buf, LEN, 0, 0);
	step_submit(test, &p[3], buf, LEN, 0, 0);
	expect_end(test, &p[3], LEN, false);
	expect_end(test, &p[2], LEN, false);
	KUNIT_EXPECT_TRUE(test, time_after_eq(jiffies, begin + msecs_to_jiffies(20)));
	expect_end(test, &p[1], LEN, false);
	KUNIT_EXPECT_TRUE(test, time_after_eq(jiffies, begin + msecs_to_jiffies(60)));
	KUNIT_EXPECT_LT(test, p[2].number, p[1].number);
	expect_outstanding(test, &p[0]);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 3u);
	inject(test, "release");
	expect_end(test, &p[0], LEN, false);
}

/* A hanging device does not keep a BOUNCE request past its deadline. Covers T8, T9. */
static void held_deadline(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 2);
	u8 *buf = step_buf(test, 2 * LEN);
	struct fixture *fx = test->priv;

	pattern_fill(buf, 2 * LEN, 0, SEED);
	inject(test, "never count=2");
	probe_prep(test, &p[0], IO_TARGET_OP_WRITE, buf, LEN, 0, IO_TARGET_BOUNCE);
	KUNIT_ASSERT_EQ(test, io_target_request_set_timeout(&p[0].req, SHORTLY), 0);
	KUNIT_ASSERT_EQ(test, io_target_submit(&p[0].req), 0);
	expect_end(test, &p[0], -ETIMEDOUT, false);
	KUNIT_EXPECT_TRUE(test, time_after_eq(jiffies, p[0].req.deadline));
	KUNIT_EXPECT_EQ(test, io_target_write(fx->target, buf + LEN, LEN, LEN, SHORTLY),
			-ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_ORPHAN), 2);

	/* What overlaps waits for the orphan, which the injector has. */
	step_submit(test, &p[1], buf, LEN, LEN, 0);
	expect_outstanding(test, &p[1]);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 0u);
	inject(test, "release");
	expect_end(test, &p[1], LEN, false);
	KUNIT_EXPECT_TRUE(test, fake_wait_answers(&fx->fake, 3));
	KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
	KUNIT_EXPECT_TRUE(test, fake_wait_closes(&fx->fake, 1));
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_ORPHAN_END), 2);
	KUNIT_EXPECT_EQ(test, pattern_match(fx->fake.memory, LEN, 0, SEED), LEN);
}

/* Orphans that nobody releases end with the close, and so does the device's use. */
static void held_orphan_close(struct kunit *test)
{
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;

	inject(test, "op=write never");
	KUNIT_EXPECT_EQ(test, io_target_write(fx->target, buf, LEN, 0, SHORTLY), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
	KUNIT_EXPECT_TRUE(test, fake_wait_closes(&fx->fake, 1));
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_ORPHAN_END), 1);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 0u);
}

/* Of a request over the caller's memory the deadline can only tell. */
static void held_overdue(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 2);
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;

	inject(test, "op=write never");
	probe_prep(test, &p[0], IO_TARGET_OP_WRITE, buf, LEN, 0, 0);
	KUNIT_ASSERT_EQ(test, io_target_request_set_timeout(&p[0].req, SHORTLY), 0);
	KUNIT_ASSERT_EQ(test, io_target_submit(&p[0].req), 0);
	/* A clock: when this has ended, the timer has looked at the other, too. */
	inject(test, "op=read never");
	probe_prep(test, &p[1], IO_TARGET_OP_READ, buf, LEN, 0, IO_TARGET_BOUNCE);
	KUNIT_ASSERT_EQ(test, io_target_request_set_timeout(&p[1].req, 2 * SHORTLY), 0);
	KUNIT_ASSERT_EQ(test, io_target_submit(&p[1].req), 0);
	expect_end(test, &p[1], -ETIMEDOUT, false);
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_OVERDUE), 1);
	expect_outstanding(test, &p[0]);
	inject(test, "release");
	expect_end(test, &p[0], LEN, false);
}

static struct kunit_case held_cases[] = {
	KUNIT_CASE_PARAM(held_release, hold_gen_params),
	KUNIT_CASE_PARAM(held_clear, hold_gen_params),
	KUNIT_CASE(held_close),
	KUNIT_CASE(held_close_delay),
	KUNIT_CASE(held_delay),
	KUNIT_CASE(held_deadline),
	KUNIT_CASE(held_orphan_close),
	KUNIT_CASE(held_overdue),
	{}
};

static struct kunit_suite held_suite = {
	.name = "io_target_inject_held",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = held_cases,
};

kunit_test_suite(held_suite);
