// SPDX-License-Identifier: GPL-2.0
/*
 * What a person reads in a target's debugfs directory. That the files are there is a
 * matter of qemu/guest.d/50-trace.sh.
 */
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "stats.h"
#include "steps.h"

#define LEN	512

static const char *text_of(struct kunit *test, int (*show)(struct seq_file *m, void *unused))
{
	struct seq_file *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	struct fixture *fx = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, m);
	m->size = PAGE_SIZE;
	m->buf = step_buf(test, m->size);
	m->private = fx->target;
	KUNIT_EXPECT_EQ(test, show(m, NULL), 0);
	KUNIT_ASSERT_FALSE(test, seq_has_overflowed(m));
	return m->buf;
}

static void expect_text(struct kunit *test, int (*show)(struct seq_file *m, void *unused),
			const char *expected)
{
	KUNIT_EXPECT_STREQ(test, text_of(test, show), expected);
}

static void expect_state(struct kunit *test, const char *expected)
{
	char text[256];

	snprintf(text, sizeof(text), "name         %s\n%s", test->name, expected);
	expect_text(test, iot_state_show, text);
}

static void debugfs_state(struct kunit *test)
{
	struct fixture *fx = test->priv;

	expect_state(test, "state        started\n"
			   "wish         started\n"
			   "device       fake\n"
			   "backend      fake\n"
			   "opened for   read write\n");
	KUNIT_ASSERT_EQ(test, io_target_stop(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
	KUNIT_ASSERT_EQ(test, io_target_suspend(fx->target, HZ), 0);
	expect_state(test, "state        suspended\n"
			   "wish         stopped\n");
}

static void debugfs_counters(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 3);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, 3 * LEN);

	step_submit(test, p, buf, LEN, 0, 0);
	KUNIT_ASSERT_TRUE(test, probe_wait(p));
	step_pend(test, p, 3, buf, LEN, 0);
	KUNIT_EXPECT_EQ(test, io_target_cancel(&p[1].req), 0);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p[0].req), -EBUSY);
	expect_text(test, iot_counters_show, "submitted    4\n"
					     "completed    2\n"
					     "in_flight    2\n"
					     "refused      1\n"
					     "pended       3\n"
					     "errors       0\n"
					     "cancelled    1\n"
					     "timed_out    0\n"
					     "overdue      0\n"
					     "orphaned     0\n"
					     "orphans      0\n");
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
}

/* One in each place: pends, queued for the worker, with the device, ended for TASK. */
static void debugfs_requests(struct kunit *test)
{
	struct doorway *d = doorway_alloc(test);
	struct probe *p = probes_alloc(test, 6);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);
	unsigned int i;

	expect_text(test, iot_requests_show, "pended       0\nqueued       0\n"
					     "sent         0\nended        0\n");
	doorway_set(&p[0], d);
	for (i = 0; i < 2; i++)
		step_submit(test, &p[i], buf, LEN, 0, IO_TARGET_TASK);
	wait_for_completion(&d->entered);	/* which is the owner's by now */
	fake_stall(&fx->fake);
	for (i = 2; i < 5; i++) {
		probe_prep(test, &p[i], IO_TARGET_OP_WRITE, buf, LEN, 0, 0);
		KUNIT_ASSERT_EQ(test, io_target_submit_atomic(&p[i].req), 0);
		if (i == 2)
			KUNIT_ASSERT_TRUE(test, fake_wait_stalled(&fx->fake, 1));
	}
	step_pend(test, &p[5], 1, buf, LEN, 0);
	expect_text(test, iot_requests_show, "pended       1\nqueued       2\n"
					     "sent         1\nended        1\n");
	fake_unstall(&fx->fake);
	complete(&d->leave);
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	for (i = 0; i < 6; i++)
		KUNIT_EXPECT_TRUE(test, probe_wait(&p[i]));
	expect_text(test, iot_requests_show, "pended       0\nqueued       0\n"
					     "sent         0\nended        0\n");
}

/* The time, in the last line, differs from run to run. */
static void debugfs_last_error(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 2);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, 2 * LEN);
	const char *text;

	expect_text(test, iot_last_error_show, "none\n");
	fx->fake.answer.error = -EIO;
	fx->fake.answer.status = BLK_STS_IOERR;
	step_submit(test, &p[0], buf, LEN, 3 * LEN, 0);
	expect_end(test, &p[0], -EIO, false);
	fx->fake.answer.error = -ENOSPC;
	fx->fake.answer.status = BLK_STS_NOSPC;
	step_submit(test, &p[1], buf, 2 * LEN, 4 * LEN, 0);
	expect_end(test, &p[1], -ENOSPC, false);
	fx->fake.answer.error = 0;
	fx->fake.answer.status = BLK_STS_OK;
	/* What is cancelled, or goes well, is no error. */
	step_pend(test, &p[0], 1, buf, LEN, 0);
	KUNIT_EXPECT_EQ(test, io_target_cancel(&p[0].req), 0);
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	KUNIT_EXPECT_EQ(test, io_target_write(fx->target, buf, LEN, 0, HZ), LEN);
	text = text_of(test, iot_last_error_show);
	KUNIT_EXPECT_PTR_EQ_MSG(test, strstr(text, "error        -28 ("), (char *)text, "%s", text);
	KUNIT_EXPECT_NOT_NULL(test, strstr(text, "\nop           write\n"
						 "pos          2048\n"
						 "len          1024\n"
						 "blk_status   3\n"
						 "not_sent     0\n"
						 "when         "));
}

static void debugfs_orphans(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);
	long timeout = HZ / 20;
	const char *text;

	fx->fake.park = true;
	do {
		probe_prep(test, p, IO_TARGET_OP_READ, buf, LEN, 5 * LEN, IO_TARGET_BOUNCE);
		KUNIT_ASSERT_EQ(test, io_target_submit_wait(&p->req, timeout), -ETIMEDOUT);
		timeout *= 2;
		KUNIT_ASSERT_LT(test, timeout, 60l * HZ);
	} while (p->req.not_sent);
	KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
	text = text_of(test, iot_orphans_show);
	KUNIT_EXPECT_PTR_EQ_MSG(test, strstr(text, "read         pos 2560 len 512 age "),
				(char *)text, "%s", text);
	KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, 1));
	fake_answer_parked(&fx->fake, false);
	KUNIT_ASSERT_TRUE(test, step_wait_events(fx, IO_TARGET_EVENT_ORPHAN_END, 1));
	expect_text(test, iot_orphans_show, "");
}

static int latency_order(struct kunit *test, const char *order)
{
	struct fixture *fx = test->priv;
	char text[8];

	strscpy(text, order, sizeof(text));
	return iot_latency_write(fx->target, text);
}

/* The table of debugfs_latency(): what is counted, and how long the bar is */
static const struct {
	const char	*counts;
	unsigned int	bar;
} rows[] = {
	{ "   0 us -    1 us          1          0          0          0", 1 },
	{ "   1 us -    2 us        880        100          0          0", 32 },
	{ "   2 us -    4 us          0          0          0          0" },
	{ "   4 us -    8 us          0          0         18          0", 1 },
	{ "   8 us -   16 us          0          0          0          0" },
	{ "  16 us -   32 us          0          0          0          0" },
	{ "  32 us -   64 us          0          0          0          0" },
	{ "  64 us -  128 us          0          0          0          0" },
	{ " 128 us -  256 us          0          0          0          0" },
	{ " 256 us -  512 us          0          0          0          0" },
	{ " 512 us -    1 ms          0          0          0          0" },
	{ "   1 ms -    2 ms          0          0          0          1", 1 },
};

static const char *expected_table(struct kunit *test)
{
	char *text = step_buf(test, PAGE_SIZE);
	unsigned int i;
	size_t n;

	n = scnprintf(text, PAGE_SIZE, "%s", "off, 1000 requests\n"
		      "half       took less than    2 us\n"
		      "99 %       took less than    8 us\n"
		      "99.9 %     took less than    8 us\n"
		      "latency                 read      write      flush      other\n");
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		n += scnprintf(text + n, PAGE_SIZE - n, "%s  |%.*s%*s|\n", rows[i].counts,
			       (int)rows[i].bar, "################################",
			       32 - (int)rows[i].bar, "");
	scnprintf(text + n, PAGE_SIZE - n, "%s",
		  "bytes                3608576          0          0          0\n");
	return text;
}

/* Of counts that are put there */
static void debugfs_latency(struct kunit *test)
{
	struct fixture *fx = test->priv;
	struct iot_latency *l;

	expect_text(test, iot_latency_show, "off, 0 requests\n");
	KUNIT_EXPECT_EQ(test, latency_order(test, "2"), -EINVAL);
	KUNIT_EXPECT_EQ(test, latency_order(test, ""), -EINVAL);
	KUNIT_EXPECT_EQ(test, latency_order(test, "1\n"), 0);
	expect_text(test, iot_latency_show, "on, 0 requests\n");
	l = per_cpu_ptr(fx->target->latency, 0);
	l->count[IOT_LATENCY_READ][0] = 1;
	l->count[IOT_LATENCY_READ][1] = 880;
	l->count[IOT_LATENCY_WRITE][1] = 100;
	l->count[IOT_LATENCY_FLUSH][3] = 18;
	l->count[IOT_LATENCY_OTHER][11] = 1;
	l->bytes[IOT_LATENCY_READ] = 881 * 4096;
	KUNIT_EXPECT_EQ(test, latency_order(test, " 0\n"), 0);
	expect_text(test, iot_latency_show, expected_table(test));
	KUNIT_EXPECT_EQ(test, latency_order(test, "reset\n"), 0);
	expect_text(test, iot_latency_show, "off, 0 requests\n");
}

/* What it reads nobody looks at. It ends by itself when a case forgets to say so. */
struct reader {
	struct seq_file	m;
	bool		stop;
};

static ssize_t aside_read_all(struct aside *a)
{
	static int (*const shows[])(struct seq_file *m, void *unused) = {
		iot_state_show, iot_counters_show, iot_requests_show, iot_orphans_show,
		iot_last_error_show, iot_latency_show,
	};
	unsigned long end = jiffies + 60 * HZ;
	struct reader *r = a->private;
	struct io_target_stats sum;
	unsigned int i;

	while (!READ_ONCE(r->stop) && time_before(jiffies, end)) {
		for (i = 0; i < ARRAY_SIZE(shows); i++) {
			r->m.count = 0;
			shows[i](&r->m, NULL);
		}
		io_target_get_stats(a->fx->target, &sum);
		if (sum.completed > sum.submitted)
			return -ERANGE;
		cond_resched();
	}
	return 0;
}

/* All files are read while the target is used, closed and opened again. */
static void debugfs_while_busy(struct kunit *test)
{
	struct reader *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);
	struct probe *p = probes_alloc(test, 4);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, 4 * LEN);
	unsigned int round, i;
	struct aside *a;

	KUNIT_ASSERT_NOT_NULL(test, r);
	r->m.size = PAGE_SIZE;
	r->m.buf = step_buf(test, r->m.size);
	r->m.private = fx->target;
	a = aside_start(test, aside_read_all, r);
	for (round = 0; round < 50; round++) {
		iot_latency_set(fx->target, round & 1);
		step_pend(test, p, 4, buf, LEN, 0);
		io_target_cancel(&p[0].req);
		KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
		for (i = 0; i < 4; i++) {
			KUNIT_EXPECT_TRUE(test, probe_wait(&p[i]));
			reinit_completion(&p[i].done);
		}
		fixture_reopen(test, FIXTURE_RW);
	}
	WRITE_ONCE(r->stop, true);
	KUNIT_EXPECT_EQ(test, aside_end(test, a), 0);
}

static struct kunit_case debugfs_cases[] = {
	KUNIT_CASE(debugfs_state),
	KUNIT_CASE(debugfs_counters),
	KUNIT_CASE(debugfs_requests),
	KUNIT_CASE(debugfs_last_error),
	KUNIT_CASE(debugfs_orphans),
	KUNIT_CASE(debugfs_latency),
	KUNIT_CASE(debugfs_while_busy),
	{}
};

static struct kunit_suite debugfs_suite = {
	.name = "io_target_debugfs",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = debugfs_cases,
};

kunit_test_suite(debugfs_suite);
