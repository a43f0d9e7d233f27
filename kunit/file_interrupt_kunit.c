// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers that make a thread of the library wait: who wants the request back has the
 * thread interrupted, if the driver minds signals; if not, it is said that it is late.
 */
#include <linux/sizes.h>

#include "device.h"
#include "duel.h"
#include "pattern.h"

#define LEN	64
#define WIDTH	16

struct mode_case {
	const char		*name;
	int			device;
	enum testdev_mode	mode;
	bool			write;
};

static const struct mode_case mode_cases[] = {
	{ "seekable read, signal", SEEK, TESTDEV_BLOCK_SIGNAL, false },
	{ "seekable write, killable", SEEK, TESTDEV_BLOCK_KILLABLE, true },
	{ "stream read, killable", STREAM, TESTDEV_BLOCK_KILLABLE, false },
	{ "stream write, signal", STREAM, TESTDEV_BLOCK_SIGNAL, true },
	{ "tried, signal", STREAM_NOWAIT, TESTDEV_BLOCK_SIGNAL, false },
	{ "nonseekable, killable", NONSEEK, TESTDEV_BLOCK_KILLABLE, true },
};

static void mode_case_desc(const struct mode_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(mode, mode_cases, mode_case_desc);

static void behave(int c, enum testdev_mode mode)
{
	testdev_char_behave(device_char[c], &(struct testdev_char_behaviour){ .mode = mode });
}

static u8 *buffer(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	return buf;
}

static struct io_target *open_char(struct kunit *test, const struct mode_case *c)
{
	behave(c->device, c->mode);
	return device_open(test, testdev_char_path(device_char[c->device]), RW);
}

static void prep(struct kunit *test, struct sent *s, bool write, u8 *buf, unsigned int flags)
{
	sent_prep(test, s, write ? IO_TARGET_OP_WRITE : IO_TARGET_OP_READ, buf, LEN, 0, flags);
}

/* @n requests, of which @inside are in the driver when it returns. */
static struct sent *send(struct kunit *test, struct io_target *t, const struct mode_case *c,
			 unsigned int n, unsigned int inside)
{
	struct sent *s = sent_alloc(test, t, n);
	u8 *buf = buffer(test);
	unsigned int i;

	for (i = 0; i < n; i++) {
		prep(test, &s[i], c->write, buf, 0);
		KUNIT_ASSERT_EQ(test, sent_submit(&s[i]), 0);
	}
	KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(device_char[c->device], inside));
	return s;
}

/* The driver lets go of it; the next one in the same thread is not disturbed. */
static void interrupt_cancel(struct kunit *test)
{
	const struct mode_case *c = test->param_value;
	struct io_target *t = open_char(test, c);
	struct sent *s = send(test, t, c, 1, 1);
	unsigned int i;

	for (i = 0; i < 20; i++) {
		KUNIT_EXPECT_EQ(test, io_target_cancel(&s->req), -EALREADY);
		KUNIT_ASSERT_TRUE(test, sent_wait(s));
		KUNIT_EXPECT_EQ(test, s->req.result, -ECANCELED);
		KUNIT_EXPECT_FALSE(test, s->req.not_sent);
		KUNIT_EXPECT_FALSE(test, s->signalled);
		KUNIT_EXPECT_EQ(test, testdev_char_seen(device_char[c->device]).interrupted, i + 1);
		prep(test, s, c->write, s->buf, 0);
		KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
		KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(device_char[c->device], 1));
	}
	testdev_char_release_all(device_char[c->device], TESTDEV_ALL, TESTDEV_TASK);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, LEN);
}

/* Has a busy host kept the driver longer than it is given to let go? That is told, then. */
static bool too_late(unsigned long sent)
{
	return time_after_eq(jiffies, sent + HZ / 20 + IOT_LET_GO);
}

/* A deadline does the same, over the caller's memory, too, and is not told as missed. */
static void interrupt_deadline(struct kunit *test)
{
	const struct mode_case *c = test->param_value;
	struct io_target *t = open_char(test, c);
	struct device_fixture *fx = test->priv;
	struct sent *s = sent_alloc(test, t, 1);
	unsigned long sent = jiffies;
	u8 *buf = buffer(test);
	bool late;

	prep(test, s, c->write, buf, 0);
	KUNIT_ASSERT_EQ(test, io_target_request_set_timeout(&s->req, HZ / 20), 0);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	late = too_late(sent);
	KUNIT_EXPECT_EQ(test, s->req.result, -ETIMEDOUT);
	KUNIT_EXPECT_FALSE(test, s->req.not_sent);
	prep(test, s, c->write, buf, 0);
	sent = jiffies;
	KUNIT_EXPECT_EQ(test, io_target_submit_wait(&s->req, HZ / 20), -ETIMEDOUT);
	late |= too_late(sent);
	KUNIT_EXPECT_TRUE(test, late || !atomic_read(&fx->events[IO_TARGET_EVENT_OVERDUE]));
	KUNIT_EXPECT_EQ(test, testdev_char_seen(device_char[c->device]).interrupted, 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->events[IO_TARGET_EVENT_ORPHAN]), 0);
}

/* A BOUNCE request ends on time, and its orphan soon after. */
static void interrupt_orphan(struct kunit *test)
{
	const struct mode_case *c = test->param_value;
	struct io_target *t = open_char(test, c);
	struct device_fixture *fx = test->priv;
	u8 *buf = buffer(test);
	ssize_t result;

	result = c->write ? io_target_write(t, buf, LEN, 0, HZ / 20) :
			    io_target_read(t, buf, LEN, 0, HZ / 20);
	KUNIT_EXPECT_EQ(test, result, -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->events[IO_TARGET_EVENT_ORPHAN]), 1);
	KUNIT_EXPECT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_ORPHAN_END, 1));
	KUNIT_EXPECT_EQ(test, testdev_char_seen(device_char[c->device]).inside[c->write], 0);
}

enum how { PURGE, STOP, CLOSE, HOWS };

/* So do those who want all of them back. */
static void interrupt_all(struct kunit *test)
{
	const struct mode_case *c = test->param_value;
	unsigned int inside = c->device == SEEK ? WIDTH : 1, n = WIDTH + 4, how, i;

	for (how = PURGE; how < HOWS; how++) {
		struct io_target *t = open_char(test, c);
		struct sent *s = send(test, t, c, n, inside);
		unsigned int sent = 0, wrong = 0;

		if (how == PURGE)
			KUNIT_EXPECT_EQ(test, io_target_purge(t, IO_TARGET_CANCEL_SENT,
							      TESTDEV_PATIENCE), 0);
		else if (how == STOP)
			KUNIT_EXPECT_EQ(test, io_target_stop(t, IO_TARGET_CANCEL_SENT,
							     TESTDEV_PATIENCE), 0);
		KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
		for (i = 0; i < n; i++) {
			wrong += atomic_read(&s[i].ends) != 1 || s[i].req.result != -ECANCELED;
			sent += !s[i].req.not_sent;
		}
		KUNIT_EXPECT_EQ(test, wrong, 0);
		KUNIT_EXPECT_EQ(test, sent, inside);
		KUNIT_EXPECT_EQ(test, testdev_char_seen(device_char[c->device]).interrupted,
				(how + 1) * inside);
	}
}

/* What ignores the state is not cancelled by purge, but by close. */
static void interrupt_ignoring(struct kunit *test)
{
	const struct mode_case *c = test->param_value;
	struct io_target *t = open_char(test, c);
	struct sent *s = sent_alloc(test, t, 1);

	prep(test, s, c->write, buffer(test), IO_TARGET_IGNORE_STATE);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(device_char[c->device], 1));
	KUNIT_EXPECT_EQ(test, io_target_purge(t, IO_TARGET_CANCEL_SENT, TESTDEV_PATIENCE), 0);
	KUNIT_EXPECT_EQ(test, testdev_char_seen(device_char[c->device]).interrupted, 0);
	KUNIT_EXPECT_TRUE(test, io_target_request_pending(&s->req));
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	KUNIT_EXPECT_EQ(test, s->req.result, -ECANCELED);
}

/* A driver that minds no signal: it is said that it is late, and it is waited for. */
static void interrupt_deaf(struct kunit *test)
{
	static const struct mode_case deaf = { "", SEEK, TESTDEV_BLOCK, true };
	struct io_target *t = open_char(test, &deaf);
	struct testdev_char *dev = device_char[SEEK];
	struct device_fixture *fx = test->priv;
	struct sent *s = sent_alloc(test, t, 1);
	u8 *buf = buffer(test);

	prep(test, s, true, buf, 0);
	KUNIT_ASSERT_EQ(test, io_target_request_set_timeout(&s->req, HZ / 20), 0);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	KUNIT_EXPECT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_OVERDUE, 1));
	KUNIT_EXPECT_EQ(test, io_target_cancel(&s->req), -EALREADY);
	KUNIT_EXPECT_EQ(test, io_target_purge(t, IO_TARGET_CANCEL_SENT, HZ / 20), -ETIMEDOUT);
	KUNIT_EXPECT_TRUE(test, io_target_request_pending(&s->req));
	testdev_char_release_all(dev, TESTDEV_ALL, TESTDEV_TASK);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, LEN);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->events[IO_TARGET_EVENT_OVERDUE]), 1);
}

static struct kunit_case interrupt_cases[] = {
	KUNIT_CASE_PARAM(interrupt_cancel, mode_gen_params),
	KUNIT_CASE_PARAM(interrupt_deadline, mode_gen_params),
	KUNIT_CASE_PARAM(interrupt_orphan, mode_gen_params),
	KUNIT_CASE_PARAM(interrupt_all, mode_gen_params),
	KUNIT_CASE_PARAM(interrupt_ignoring, mode_gen_params),
	KUNIT_CASE(interrupt_deaf),
	{}
};

static struct kunit_suite interrupt_suite = {
	.name		= "io_target_file_interrupt",
	.suite_init	= device_chars_init,
	.suite_exit	= device_chars_exit,
	.init		= device_fixture_init,
	.exit		= device_fixture_exit,
	.test_cases	= interrupt_cases,
};

/* Rounds of each of the races; a stress run has 20 times as many: 20,000 in all */
#define ROUNDS	170

static void answer_right(void *private)
{
	struct testdev_char *dev = private;

	testdev_char_release_all(dev, TESTDEV_ALL, TESTDEV_TASK);
}

/* The interrupt or the answer: whichever the driver sees first. */
static void interrupt_race(struct kunit *test)
{
	const struct mode_case *c = test->param_value;
	unsigned int i, rounds = duel_rounds(ROUNDS), cancelled = 0, ended = 0, wrong = 0;
	struct testdev_char *dev = device_char[c->device];
	struct io_target *t = open_char(test, c);
	struct sent *s = sent_alloc(test, t, 1);
	u8 *buf = buffer(test);
	struct duel *d = duel_start(test, answer_right, dev);

	for (i = 0; i < rounds; i++) {
		prep(test, s, c->write, buf, 0);
		atomic_set(&s->ends, 0);
		KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
		KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(dev, 1));
		duel_fire(d);
		io_target_cancel(&s->req);
		duel_join(d);
		KUNIT_ASSERT_TRUE(test, sent_wait(s));
		cancelled += s->req.result == -ECANCELED;
		ended += s->req.result == LEN;
		wrong += atomic_read(&s->ends) != 1;
		duel_adjust(d, s->req.result == -ECANCELED);
	}
	duel_end(d);
	KUNIT_EXPECT_EQ(test, wrong, 0);
	KUNIT_EXPECT_EQ(test, cancelled + ended, rounds);
	KUNIT_EXPECT_EQ(test, testdev_char_seen(dev).interrupted, cancelled);
	duel_expect_both(test, "interrupted", cancelled, "answered", ended);
}

static struct kunit_case race_cases[] = {
	KUNIT_CASE_PARAM(interrupt_race, mode_gen_params),
	{}
};

static struct kunit_suite race_suite = {
	.name		= "io_target_stress_interrupt",
	.suite_init	= device_chars_init,
	.suite_exit	= device_chars_exit,
	.init		= device_fixture_init,
	.exit		= device_fixture_exit,
	.test_cases	= race_cases,
};

kunit_test_suites(&interrupt_suite, &race_suite);
