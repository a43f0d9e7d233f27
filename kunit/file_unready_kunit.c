// SPDX-License-Identifier: GPL-2.0
/*
 * Char devices that cannot be relied upon when they say whether they are ready, or say
 * nothing; files that are not ours; and those that wait against those that wake.
 */
#include <linux/fs.h>

#include "duel.h"
#include "pattern.h"
#include "ready.h"

#define SEED	0x756e7265616479ULL

/* One that says it is ready, and refuses, is not asked all the time. */
static void unready_liar(struct kunit *test)
{
	struct io_target *t = ready_open(test, 0);
	u8 *buf = ready_buf(test, 2 * CHUNK);
	struct sent *s = ready_waiting(test, t, false, buf, CHUNK, 0);
	unsigned long start = jiffies;

	testdev_pipe_lie(ready_pipe, true);
	KUNIT_ASSERT_TRUE(test, testdev_pipe_wait_refused(ready_pipe, 12));
	/* Three at once, then after 1, 2, 4, ... jiffies */
	KUNIT_EXPECT_GE(test, jiffies - start, 20);
	KUNIT_EXPECT_EQ(test, testdev_pipe_seen(ready_pipe).waiting, 0);
	testdev_pipe_push(ready_pipe, buf + CHUNK, CHUNK);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, CHUNK);

	/* Those who wait for it to tell the truth can be had back. */
	s = ready_send(test, t, false, buf, CHUNK, 0);
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	KUNIT_EXPECT_EQ(test, s->req.result, -ECANCELED);
}

/* One that refuses NOWAIT in spite of being ready is waited in, as it wants it. */
static void unready_liar_nowait(struct kunit *test)
{
	struct io_target *t = ready_open(test, TESTDEV_PIPE_NOWAIT);
	u8 *buf = ready_buf(test, 2 * CHUNK);
	struct sent *s;

	testdev_pipe_lie(ready_pipe, true);
	s = ready_send(test, t, false, buf, CHUNK, 0);
	KUNIT_ASSERT_TRUE(test, testdev_pipe_wait_inside(ready_pipe, 1));
	KUNIT_EXPECT_LE(test, testdev_pipe_seen(ready_pipe).refused, 8);
	testdev_pipe_push(ready_pipe, buf + CHUNK, CHUNK);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, CHUNK);
}

/* One that names no queue tells nobody: it is asked again, now and then. */
static void unready_mute(struct kunit *test)
{
	struct io_target *t = ready_open(test, TESTDEV_PIPE_MUTE);
	u8 *buf = ready_buf(test, 2 * CHUNK);
	struct sent *s = ready_waiting(test, t, false, buf, CHUNK, 0);

	KUNIT_EXPECT_EQ(test, testdev_pipe_seen(ready_pipe).watching, 0);
	KUNIT_ASSERT_TRUE(test, testdev_pipe_wait_refused(ready_pipe, 4));
	testdev_pipe_push(ready_pipe, buf + CHUNK, CHUNK);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, CHUNK);
}

/* Its queues are freed under those who wait there: they go on in the new ones. */
static void unready_freed(struct kunit *test)
{
	struct io_target *t = ready_open(test, TESTDEV_PIPE_TWO);
	u8 *buf = ready_buf(test, 2 * CHUNK);
	struct sent *s = ready_waiting(test, t, false, buf, CHUNK, 0);
	unsigned int i;

	for (i = 0; i < 20; i++) {
		unsigned int refused = testdev_pipe_seen(ready_pipe).refused;

		KUNIT_ASSERT_TRUE(test, ready_wait_watching(2));
		KUNIT_ASSERT_EQ(test, testdev_pipe_free_queues(ready_pipe), 0);
		KUNIT_ASSERT_TRUE(test, testdev_pipe_wait_refused(ready_pipe, refused + 1));
		KUNIT_ASSERT_TRUE(test, ready_wait_waiting(t, false));
	}
	KUNIT_EXPECT_TRUE(test, io_target_request_pending(&s->req));
	testdev_pipe_push(ready_pipe, buf + CHUNK, CHUNK);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, CHUNK);
	/* And once more while nobody waits, just before the file is closed */
	KUNIT_ASSERT_EQ(test, testdev_pipe_free_queues(ready_pipe), 0);
}

/*
 * One that makes its callers wait although they must not: a thread does, who submits does
 * not; and the thread can be had back.
 */
static void unready_stubborn(struct kunit *test)
{
	struct io_target *t = ready_open(test, TESTDEV_PIPE_STUBBORN);
	u8 *buf = ready_buf(test, CHUNK);
	struct sent *s = ready_send(test, t, false, buf, CHUNK, 0);
	struct sent *next = ready_send(test, t, false, buf, CHUNK, 0);

	KUNIT_ASSERT_TRUE(test, testdev_pipe_wait_inside(ready_pipe, 1));
	KUNIT_EXPECT_EQ(test, io_target_cancel(&s->req), -EALREADY);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, -ECANCELED);
	KUNIT_EXPECT_FALSE(test, s->req.not_sent);
	KUNIT_ASSERT_TRUE(test, testdev_pipe_wait_inside(ready_pipe, 1));
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	KUNIT_EXPECT_EQ(test, next->req.result, -ECANCELED);
}

struct adopted_case {
	const char	*name;
	unsigned int	flags;
	int		o_flags;
	bool		thread;
};

static const struct adopted_case adopted_cases[] = {
	{ "it may wait", 0, O_RDWR, true },
	{ "O_NONBLOCK", 0, O_RDWR | O_NONBLOCK, false },
	{ "NOWAIT", TESTDEV_PIPE_NOWAIT, O_RDWR, false },
};

static void adopted_case_desc(const struct adopted_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(adopted, adopted_cases, adopted_case_desc);

/* Of a file that was opened by others the flags stay, and decide who waits where. */
static void unready_adopted(struct kunit *test)
{
	const struct adopted_case *c = test->param_value;
	struct device_fixture *fx = test->priv;
	struct io_target *t = fx->target[0];
	u8 *buf = ready_buf(test, 3 * CHUNK);
	struct io_target_info info = {};
	struct sent *s, *next;
	struct file *file;

	ready_pipe = testdev_pipe_create("iotready", c->flags);
	KUNIT_ASSERT_FALSE(test, IS_ERR(ready_pipe));
	file = device_filp_open(testdev_pipe_path(ready_pipe), c->o_flags);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_EXPECT_EQ(test, io_target_open_file(t, file, RW), 0);
	KUNIT_EXPECT_EQ(test, io_target_get_info(t, &info), 0);
	KUNIT_EXPECT_EQ(test, info.read, c->thread ? IO_TARGET_SERVED_THREAD :
						     IO_TARGET_SERVED_READY);
	KUNIT_EXPECT_EQ(test, info.write, info.read);
	s = ready_send(test, t, false, buf, CHUNK, 0);
	next = ready_send(test, t, false, buf + CHUNK, CHUNK, 0);
	KUNIT_EXPECT_TRUE(test, c->thread ? testdev_pipe_wait_inside(ready_pipe, 1) :
					    ready_wait_waiting(t, false));
	KUNIT_EXPECT_EQ(test, testdev_pipe_seen(ready_pipe).waiting, c->thread);
	testdev_pipe_push(ready_pipe, buf + 2 * CHUNK, CHUNK);
	KUNIT_EXPECT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, CHUNK);
	KUNIT_EXPECT_EQ(test, file->f_flags & O_NONBLOCK, c->o_flags & O_NONBLOCK);
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	KUNIT_EXPECT_EQ(test, next->req.result, -ECANCELED);
	device_filp_close(file);
}

/* Who does not want to wait is told so at once. */
static void unready_nowait(struct kunit *test)
{
	struct io_target *t = ready_open(test, TESTDEV_PIPE_NOWAIT);
	u8 *buf = ready_buf(test, CHUNK);
	struct sent *s = ready_send(test, t, false, buf, CHUNK, IO_TARGET_NOWAIT);

	KUNIT_EXPECT_EQ(test, atomic_read(&s->ends), 1);
	KUNIT_EXPECT_EQ(test, s->req.result, -EAGAIN);
	ready_waiting(test, t, false, buf, CHUNK, 0);
	s = ready_send(test, t, false, buf, CHUNK, IO_TARGET_NOWAIT);
	KUNIT_EXPECT_EQ(test, atomic_read(&s->ends), 1);
	KUNIT_EXPECT_EQ(test, s->req.result, -EAGAIN);
}

/* What is not ready when stopped goes on waiting; and is sent to, when it comes. */
static void unready_stop(struct kunit *test)
{
	struct io_target *t = ready_open(test, 0);
	u8 *buf = ready_buf(test, 3 * CHUNK);
	struct sent *s = ready_waiting(test, t, false, buf, CHUNK, 0), *next;

	KUNIT_EXPECT_EQ(test, io_target_stop(t, IO_TARGET_LEAVE_SENT, 0), 0);
	KUNIT_EXPECT_EQ(test, io_target_stop(t, IO_TARGET_WAIT_SENT, HZ / 20), -ETIMEDOUT);
	next = ready_send(test, t, false, buf + CHUNK, CHUNK, 0);
	testdev_pipe_push(ready_pipe, buf + 2 * CHUNK, CHUNK);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, CHUNK);
	KUNIT_EXPECT_EQ(test, io_target_stop(t, IO_TARGET_WAIT_SENT, HZ), 0);
	testdev_pipe_push(ready_pipe, buf + 2 * CHUNK, CHUNK);
	KUNIT_EXPECT_TRUE(test, io_target_request_pending(&next->req));
	KUNIT_EXPECT_EQ(test, io_target_start(t), 0);
	KUNIT_ASSERT_TRUE(test, sent_wait(next));
	KUNIT_EXPECT_EQ(test, next->req.result, CHUNK);
}

/* Rounds of each of the races; a stress run has 20 times as many: 20,000 in all */
#define ROUNDS	500

static void wake_right(void *private)
{
	testdev_pipe_push(ready_pipe, private, 1);
}

/*
 * Did @s end as io_target_cancel() has said with @ret? A request that was on its way to the
 * driver, or back, ends with -ECANCELED if that is not ready for it: a wakeup that came from
 * the round before has the driver tried for nothing.
 */
static bool ends_as_said(const struct sent *s, int ret)
{
	bool cancelled = s->req.result == -ECANCELED;

	if (atomic_read(&s->ends) != 1)
		return false;
	if (!ret)
		return cancelled && s->req.not_sent;
	return s->req.result == 1 || (cancelled && ret == -EALREADY);
}

/* Cancel or the data: one of the two has the request, and nothing is lost. */
static void unready_race(struct kunit *test)
{
	const unsigned int *flags = test->param_value;
	struct io_target *t = ready_open(test, *flags);
	unsigned int i, rounds = duel_rounds(ROUNDS), cancelled = 0, ended = 0, wrong = 0;
	struct sent *s = sent_alloc(test, t, 1);
	u8 *buf = ready_buf(test, ROOM);
	struct duel *d = duel_start(test, wake_right, buf + 1);
	int ret;

	for (i = 0; i < rounds; i++) {
		sent_prep(test, s, IO_TARGET_OP_READ, buf, 1, 0, 0);
		atomic_set(&s->ends, 0);
		KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
		KUNIT_ASSERT_TRUE(test, ready_wait_waiting(t, false));
		duel_fire(d);
		ret = io_target_cancel(&s->req);
		duel_join(d);
		KUNIT_ASSERT_TRUE(test, sent_wait(s));
		if (s->req.result == 1)
			ended++;
		else
			cancelled++;
		wrong += !ends_as_said(s, ret);
		/* What was not read is still there. */
		wrong += testdev_pipe_pull(ready_pipe, buf, ROOM) != (s->req.result != 1);
		duel_adjust(d, s->req.result != 1);
	}
	duel_end(d);
	KUNIT_EXPECT_EQ(test, wrong, 0);
	duel_expect_both(test, "cancelled", cancelled, "woken", ended);
}

static void free_right(void *private)
{
	testdev_pipe_free_queues(ready_pipe);
}

/* The queues go just when the file is closed: one of the two lets go of the other. */
static void unready_free_race(struct kunit *test)
{
	struct io_target *t = ready_open(test, TESTDEV_PIPE_TWO);
	unsigned int i, rounds = duel_rounds(ROUNDS / 5), wrong = 0;
	const char *path = testdev_pipe_path(ready_pipe);
	u8 *buf = ready_buf(test, CHUNK);
	struct duel *d = duel_start(test, free_right, NULL);
	struct sent *s = sent_alloc(test, t, 1);

	for (i = 0; i < rounds; i++) {
		sent_prep(test, s, IO_TARGET_OP_READ, buf, 1, 0, 0);
		KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
		KUNIT_ASSERT_TRUE(test, ready_wait_waiting(t, false));
		KUNIT_ASSERT_TRUE(test, ready_wait_watching(2));
		duel_fire(d);
		KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
		duel_join(d);
		wrong += s->req.result != -ECANCELED;
		duel_adjust(d, i & 1);
		KUNIT_ASSERT_EQ(test, io_target_open(t, path, RW), 0);
	}
	duel_end(d);
	KUNIT_EXPECT_EQ(test, wrong, 0);
	KUNIT_EXPECT_EQ(test, testdev_pipe_seen(ready_pipe).watching, 0);
}

static const unsigned int race_flags[] = { 0, TESTDEV_PIPE_TWO | TESTDEV_PIPE_NOWAIT };

static void race_desc(const unsigned int *flags, char *desc)
{
	strscpy(desc, *flags & TESTDEV_PIPE_NOWAIT ? "NOWAIT" : "O_NONBLOCK",
		KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(race, race_flags, race_desc);

static struct kunit_case unready_cases[] = {
	KUNIT_CASE(unready_liar),
	KUNIT_CASE(unready_liar_nowait),
	KUNIT_CASE(unready_mute),
	KUNIT_CASE(unready_freed),
	KUNIT_CASE(unready_stubborn),
	KUNIT_CASE_PARAM(unready_adopted, adopted_gen_params),
	KUNIT_CASE(unready_nowait),
	KUNIT_CASE(unready_stop),
	{}
};

static struct kunit_suite unready_suite = {
	.name		= "io_target_file_unready",
	.init		= ready_init,
	.exit		= ready_exit,
	.test_cases	= unready_cases,
};

static struct kunit_case race_cases[] = {
	KUNIT_CASE_PARAM(unready_race, race_gen_params),
	KUNIT_CASE(unready_free_race),
	{}
};

static struct kunit_suite race_suite = {
	.name		= "io_target_stress_ready",
	.init		= ready_init,
	.exit		= ready_exit,
	.test_cases	= race_cases,
};

kunit_test_suites(&unready_suite, &race_suite);
