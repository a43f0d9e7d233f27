// SPDX-License-Identifier: GPL-2.0
/*
 * Char devices that never answer in time: the blocking calls are back, close
 * goes through, and what is left over ends when the device says so.
 */
#include <linux/iopoll.h>
#include <linux/sizes.h>

#include "device.h"
#include "internal.h"
#include "pattern.h"

#define TIMEOUT	(HZ / 10)

static const struct late_case {
	const char		*name;
	int			device;
	enum testdev_mode	mode;
	bool			write;
} late_cases[] = {
	{ "read, blocked", SEEK, TESTDEV_BLOCK, false },
	{ "write, blocked", SEEK, TESTDEV_BLOCK, true },
	{ "read, held", SEEK_NOWAIT, TESTDEV_HOLD, false },
	{ "write, held", SEEK_NOWAIT, TESTDEV_HOLD, true },
	{ "stream read, blocked", STREAM, TESTDEV_BLOCK, false },
	{ "stream write, blocked", STREAM, TESTDEV_BLOCK, true },
	{ "stream read, held", STREAM_NOWAIT, TESTDEV_HOLD, false },
	{ "stream write, held", STREAM, TESTDEV_HOLD, true },
};

static void late_case_desc(const struct late_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(late, late_cases, late_case_desc);

static void behave(int c, enum testdev_mode mode)
{
	testdev_char_behave(device_char[c], &(struct testdev_char_behaviour){ .mode = mode });
}

/* A call that is not answered; asserts that it was back on time. */
static void time_out(struct kunit *test, struct io_target *t, bool write, u8 *buf)
{
	unsigned long start = jiffies;
	ssize_t result;

	result = write ? io_target_write(t, buf, SZ_4K, 0, TIMEOUT) :
			 io_target_read(t, buf, SZ_4K, 0, TIMEOUT);
	KUNIT_EXPECT_EQ(test, result, -ETIMEDOUT);
	KUNIT_EXPECT_GE(test, jiffies - start, TIMEOUT);
	KUNIT_EXPECT_LE(test, jiffies - start, HZ * 10);
}

/* The device stays open for the orphan, and is let go of when that has ended. */
static void late_close(struct kunit *test)
{
	const struct late_case *c = test->param_value;
	struct device_fixture *fx = test->priv;
	struct testdev_char *dev = device_char[c->device];
	struct io_target *t = device_open(test, testdev_char_path(dev), RW);
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	memset(buf, 0xaa, SZ_4K);
	behave(c->device, c->mode);
	time_out(test, t, c->write, buf);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->events[IO_TARGET_EVENT_ORPHAN]), 1);
	KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(dev, 1));
	io_target_close(t);
	KUNIT_EXPECT_GT(test, testdev_opens(), fx->opens);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->events[IO_TARGET_EVENT_ORPHAN_END]), 0);

	memset(buf, 0x55, SZ_4K);
	testdev_char_release(dev, 0, TESTDEV_ALL, TESTDEV_SOFTIRQ);
	KUNIT_EXPECT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_ORPHAN_END, 1));
	KUNIT_EXPECT_TRUE(test, device_wait_unused(test));
	KUNIT_EXPECT_EQ(test, pattern_match_byte(buf, SZ_4K, 0x55), SZ_4K);
	if (c->write) {
		testdev_store_read(testdev_char_store(dev), 0, buf, SZ_4K);
		KUNIT_EXPECT_EQ(test, pattern_match_byte(buf, SZ_4K, 0xaa), SZ_4K);
	}
}

/* A stream goes on after an orphan, behind it. */
static void late_stream_goes_on(struct kunit *test)
{
	struct device_fixture *fx = test->priv;
	struct testdev_char *dev = device_char[STREAM];
	struct io_target *t = device_open(test, testdev_char_path(dev), RW);
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	struct sent *s = sent_alloc(test, t, 2);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	behave(STREAM, TESTDEV_BLOCK);
	time_out(test, t, false, buf);
	sent_prep(test, &s[0], IO_TARGET_OP_READ, buf, 16, 0, 0);
	KUNIT_ASSERT_EQ(test, sent_submit(&s[0]), 0);

	/* Behind those two: it ends without having been in the driver. */
	sent_prep(test, &s[1], IO_TARGET_OP_READ, buf + 16, 16, 0, IO_TARGET_BOUNCE);
	KUNIT_EXPECT_EQ(test, io_target_submit_wait(&s[1].req, TIMEOUT), -ETIMEDOUT);
	KUNIT_EXPECT_TRUE(test, s[1].req.not_sent);
	KUNIT_EXPECT_EQ(test, testdev_char_seen(dev).calls[0], 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->events[IO_TARGET_EVENT_ORPHAN]), 1);

	behave(STREAM, TESTDEV_NOW);
	testdev_char_release(dev, 0, TESTDEV_ALL, TESTDEV_TASK);
	KUNIT_EXPECT_TRUE(test, sent_wait(&s[0]));
	KUNIT_EXPECT_EQ(test, s[0].req.result, 16);
	KUNIT_EXPECT_EQ(test, testdev_char_seen(dev).calls[0], 2);
	KUNIT_EXPECT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_ORPHAN_END, 1));
}

/* All threads stuck in the driver: more calls still come back on time. */
static void late_all_stuck(struct kunit *test)
{
	struct device_fixture *fx = test->priv;
	struct testdev_char *dev = device_char[SEEK];
	struct io_target *t = device_open(test, testdev_char_path(dev), RW);
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	struct sent *s = sent_alloc(test, t, 16);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	behave(SEEK, TESTDEV_BLOCK);
	for (i = 0; i < 16; i++) {
		sent_prep(test, &s[i], IO_TARGET_OP_READ, buf, 16, 0, 0);
		KUNIT_ASSERT_EQ(test, sent_submit(&s[i]), 0);
	}
	KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(dev, 16));
	time_out(test, t, true, buf);
	time_out(test, t, false, buf);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->events[IO_TARGET_EVENT_ORPHAN]), 0);
	KUNIT_EXPECT_EQ(test, testdev_char_seen(dev).calls[1], 0);

	/* The device of another target is not held up. */
	t = device_open(test, testdev_char_path(device_char[NONSEEK]), RW);
	KUNIT_EXPECT_EQ(test, io_target_read(t, buf, 16, 0, HZ * 10), 16);
	behave(SEEK, TESTDEV_NOW);
	testdev_char_release_all(dev, TESTDEV_ALL, TESTDEV_TASK);
	for (i = 0; i < 16; i++)
		KUNIT_EXPECT_TRUE(test, sent_wait(&s[i]));
}

/*
 * Close waits for what is in the driver; what waits for its turn is cancelled,
 * and nothing behind a cancelled request of a stream has been carried out.
 */
static void late_close_waits(struct kunit *test)
{
	struct device_fixture *fx = test->priv;
	struct testdev_char *dev = device_char[STREAM];
	struct io_target *t = device_open(test, testdev_char_path(dev), RW);
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	struct sent *s = sent_alloc(test, t, 4);
	unsigned int i, carried_out = 0;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	testdev_char_behave(dev, &(struct testdev_char_behaviour){
		.mode = TESTDEV_LATE, .context = TESTDEV_HARDIRQ });
	for (i = 0; i < 4; i++) {
		sent_prep(test, &s[i], IO_TARGET_OP_WRITE, buf, SZ_1K, 0, 0);
		KUNIT_ASSERT_EQ(test, sent_submit(&s[i]), 0);
	}
	io_target_close(t);
	KUNIT_EXPECT_EQ(test, testdev_opens(), fx->opens);
	for (i = 0; i < 4; i++) {
		KUNIT_EXPECT_EQ(test, atomic_read(&s[i].ends), 1);
		if (carried_out == i && s[i].req.result == SZ_1K) {
			carried_out++;
			continue;
		}
		KUNIT_EXPECT_EQ(test, s[i].req.result, -ECANCELED);
		KUNIT_EXPECT_TRUE(test, s[i].req.not_sent);
	}
	KUNIT_EXPECT_EQ(test, testdev_char_seen(dev).calls[1], carried_out);
}

/* A call of another thread that waits for as long as the driver takes. */
struct blocking_read {
	struct work_struct		work;
	struct io_target_request	*req;
	ssize_t				ret;
};

static void blocking_read_work(struct work_struct *work)
{
	struct blocking_read *r = container_of(work, struct blocking_read, work);

	r->ret = io_target_submit_wait(r->req, IO_TARGET_NO_TIMEOUT);
}

/*
 * A driver that makes its caller wait makes a thread of the library wait, or the
 * one who has asked for it, but not who starts the target that he waits behind.
 */
static void late_start(struct kunit *test)
{
	struct testdev_char *dev = device_char[SEEK];
	struct io_target *t = device_open(test, testdev_char_path(dev), RW);
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	struct sent *s = sent_alloc(test, t, 1);
	struct blocking_read r = { .req = &s->req };
	unsigned int pended;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	behave(SEEK, TESTDEV_BLOCK);
	KUNIT_ASSERT_EQ(test, io_target_stop(t, IO_TARGET_LEAVE_SENT, 0), 0);
	sent_prep(test, s, IO_TARGET_OP_READ, buf, SZ_4K, 0, 0);
	INIT_WORK_ONSTACK(&r.work, blocking_read_work);
	schedule_work(&r.work);
	KUNIT_EXPECT_EQ(test, read_poll_timeout(READ_ONCE, pended, pended, 1000, 60 * USEC_PER_SEC,
						false, t->nr_pended), 0);
	KUNIT_EXPECT_EQ(test, io_target_start(t), 0);
	KUNIT_EXPECT_TRUE(test, testdev_char_wait_held(dev, 1));
	testdev_char_release_all(dev, TESTDEV_ALL, TESTDEV_TASK);
	flush_work(&r.work);
	destroy_work_on_stack(&r.work);
	KUNIT_EXPECT_EQ(test, r.ret, SZ_4K);
}

/* A write of another thread that waits for as long as it takes. */
struct blocking_write {
	struct work_struct	work;
	struct io_target	*target;
	const u8		*buf;
	ssize_t			ret;
};

static void blocking_write_work(struct work_struct *work)
{
	struct blocking_write *w = container_of(work, struct blocking_write, work);

	w->ret = io_target_write(w->target, w->buf, SZ_4K, 0, IO_TARGET_NO_TIMEOUT);
}

/* Has the write been held back, or given to the driver, which has one already? */
static bool write_arrived(struct io_target *t, struct testdev_char *dev)
{
	struct io_target_lower *lower = rcu_dereference_protected(t->lower, true);

	guard(spinlock_irqsave)(&lower->lock);
	return !list_empty(&lower->held.requests) || testdev_char_seen(dev).calls[1] > 1;
}

/* A newer write, however it is made, does not overtake one that may still land on it. */
static void late_write_behind(struct kunit *test)
{
	struct testdev_char *dev = device_char[SEEK];
	struct io_target *t = device_open(test, testdev_char_path(dev), RW);
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	struct blocking_write w = { .target = t, .buf = buf };
	bool arrived;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	memset(buf, 0xaa, SZ_4K);
	behave(SEEK, TESTDEV_BLOCK);
	time_out(test, t, true, buf);
	KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(dev, 1));
	behave(SEEK, TESTDEV_NOW);
	memset(buf, 0x55, SZ_4K);
	INIT_WORK_ONSTACK(&w.work, blocking_write_work);
	schedule_work(&w.work);
	KUNIT_EXPECT_EQ(test, read_poll_timeout(write_arrived, arrived, arrived, 1000,
						60 * USEC_PER_SEC, false, t, dev), 0);
	KUNIT_EXPECT_EQ(test, testdev_char_seen(dev).calls[1], 1);
	testdev_char_release(dev, 0, TESTDEV_ALL, TESTDEV_TASK);
	flush_work(&w.work);
	destroy_work_on_stack(&w.work);
	KUNIT_EXPECT_EQ(test, w.ret, SZ_4K);
	testdev_store_read(testdev_char_store(dev), 0, buf, SZ_4K);
	KUNIT_EXPECT_EQ(test, pattern_match_byte(buf, SZ_4K, 0x55), SZ_4K);
}

#define WIDTH	16

/* Orphans have the threads until the driver returns: whoever comes then waits for one. */
static void late_orphans_have_threads(struct kunit *test)
{
	struct testdev_char *dev = device_char[SEEK];
	struct io_target *t = device_open(test, testdev_char_path(dev), RW);
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	struct sent *s = sent_alloc(test, t, WIDTH + 1);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	behave(SEEK, TESTDEV_BLOCK);
	for (i = 0; i < WIDTH; i++) {
		sent_prep(test, &s[i], IO_TARGET_OP_READ, buf, 16, 0, IO_TARGET_BOUNCE);
		KUNIT_ASSERT_EQ(test, io_target_request_set_timeout(&s[i].req, HZ), 0);
		KUNIT_ASSERT_EQ(test, sent_submit(&s[i]), 0);
	}
	KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(dev, WIDTH));
	for (i = 0; i < WIDTH; i++) {
		KUNIT_ASSERT_TRUE(test, sent_wait(&s[i]));
		KUNIT_EXPECT_EQ(test, s[i].req.result, -ETIMEDOUT);
		KUNIT_EXPECT_FALSE(test, s[i].req.not_sent);
	}
	sent_prep(test, &s[WIDTH], IO_TARGET_OP_READ, buf, 16, 0, 0);
	KUNIT_ASSERT_EQ(test, sent_submit(&s[WIDTH]), 0);
	KUNIT_EXPECT_EQ(test, io_target_stop(t, IO_TARGET_WAIT_SENT, HZ / 20), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, testdev_char_seen(dev).calls[0], WIDTH);
	behave(SEEK, TESTDEV_NOW);
	testdev_char_release(dev, WIDTH / 2, TESTDEV_ALL, TESTDEV_TASK);
	KUNIT_ASSERT_TRUE(test, sent_wait(&s[WIDTH]));
	KUNIT_EXPECT_EQ(test, s[WIDTH].req.result, 16);
	KUNIT_EXPECT_EQ(test, testdev_char_seen(dev).inside[0], WIDTH - 1);
	testdev_char_release_all(dev, TESTDEV_ALL, TESTDEV_TASK);
	KUNIT_EXPECT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_ORPHAN_END, WIDTH));
}

static struct kunit_case late_suite_cases[] = {
	KUNIT_CASE_PARAM(late_close, late_gen_params),
	KUNIT_CASE(late_stream_goes_on),
	KUNIT_CASE(late_all_stuck),
	KUNIT_CASE(late_close_waits),
	KUNIT_CASE(late_start),
	KUNIT_CASE(late_write_behind),
	KUNIT_CASE(late_orphans_have_threads),
	{}
};

static struct kunit_suite late_suite = {
	.name		= "io_target_file_late",
	.suite_init	= device_chars_init,
	.suite_exit	= device_chars_exit,
	.init		= device_fixture_init,
	.exit		= device_fixture_exit,
	.test_cases	= late_suite_cases,
};

kunit_test_suite(late_suite);
