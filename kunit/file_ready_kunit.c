// SPDX-License-Identifier: GPL-2.0
/*
 * Char devices that are asked when they are ready: those who wait need no thread, keep
 * their order, and can be had back at once.
 */
#include <linux/sizes.h>

#include "pattern.h"
#include "ready.h"

#define SEED	0x7265616479ULL
#define MANY	10000

struct kind_case {
	const char	*name;
	unsigned int	flags;
	unsigned int	queues;
};

static const struct kind_case kind_cases[] = {
	{ "O_NONBLOCK, one queue", 0, 1 },
	{ "O_NONBLOCK, two queues", TESTDEV_PIPE_TWO, 2 },
	{ "NOWAIT, one queue", TESTDEV_PIPE_NOWAIT, 1 },
	{ "NOWAIT, two queues", TESTDEV_PIPE_NOWAIT | TESTDEV_PIPE_TWO, 2 },
};

static void kind_case_desc(const struct kind_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(kind, kind_cases, kind_case_desc);

static void push(struct kunit *test, u8 *buf, size_t len, u64 place)
{
	pattern_fill(buf, len, place, SEED);
	KUNIT_EXPECT_EQ(test, testdev_pipe_push(ready_pipe, buf, len), len);
}

/* A read of a quiet device waits, and gets what comes; nobody waits in the driver. */
static void ready_read(struct kunit *test)
{
	const struct kind_case *c = test->param_value;
	struct io_target *t = ready_open(test, c->flags);
	u8 *buf = ready_buf(test, 2 * ROOM);
	struct io_target_info info;
	struct sent *s;

	KUNIT_ASSERT_EQ(test, io_target_get_info(t, &info), 0);
	KUNIT_EXPECT_EQ(test, info.read, IO_TARGET_SERVED_READY);
	KUNIT_EXPECT_EQ(test, info.write, IO_TARGET_SERVED_READY);
	s = ready_waiting(test, t, false, buf, ROOM, 0);
	KUNIT_EXPECT_TRUE(test, ready_wait_watching(c->queues));
	KUNIT_EXPECT_EQ(test, testdev_pipe_seen(ready_pipe).waiting, 0);
	KUNIT_EXPECT_TRUE(test, io_target_request_pending(&s->req));
	push(test, buf + ROOM, CHUNK, 0);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, CHUNK);
	KUNIT_EXPECT_EQ(test, pattern_match(buf, CHUNK, 0, SEED), CHUNK);
	io_target_close(t);
	KUNIT_EXPECT_EQ(test, testdev_pipe_seen(ready_pipe).watching, 0);
}

/* A read that waits in a thread of its own */
struct patient_read {
	struct work_struct	work;
	struct io_target	*target;
	u8			*buf;
	ssize_t			ret;
};

static void patient_read_work(struct work_struct *work)
{
	struct patient_read *r = container_of(work, struct patient_read, work);

	r->ret = io_target_read(r->target, r->buf, ROOM, 0, IO_TARGET_NO_TIMEOUT);
}

static const unsigned int patient_flags[] = {
	0, TESTDEV_PIPE_NOWAIT, TESTDEV_PIPE_SEEKS, TESTDEV_PIPE_SEEKS | TESTDEV_PIPE_NOWAIT,
};

static void patient_desc(const unsigned int *flags, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "flags %#x", *flags);
}

KUNIT_ARRAY_PARAM(patient, patient_flags, patient_desc);

/* Who waits without a timeout is not told of a refusal that he did not ask for. */
static void ready_patient(struct kunit *test)
{
	struct io_target *t = ready_open(test, *(const unsigned int *)test->param_value);
	u8 *buf = ready_buf(test, 2 * ROOM);
	struct patient_read r = { .target = t, .buf = buf };

	INIT_WORK_ONSTACK(&r.work, patient_read_work);
	schedule_work(&r.work);
	KUNIT_EXPECT_TRUE(test, testdev_pipe_wait_refused(ready_pipe, 1));
	push(test, buf + ROOM, CHUNK, 0);
	flush_work(&r.work);
	destroy_work_on_stack(&r.work);
	KUNIT_EXPECT_EQ(test, r.ret, CHUNK);
	KUNIT_EXPECT_EQ(test, pattern_match(buf, CHUNK, 0, SEED), CHUNK);
}

/*
 * Very many of them: one entry in each queue, no thread, and one purge has them all back,
 * in order.
 */
static void ready_many(struct kunit *test)
{
	const struct kind_case *c = test->param_value;
	struct io_target *t = ready_open(test, c->flags);
	struct sent **s = ready_send_many(test, t, ready_buf(test, CHUNK), MANY);
	unsigned int i, wrong = 0, calls;
	unsigned long start;

	KUNIT_ASSERT_TRUE(test, ready_wait_waiting(t, false));
	calls = testdev_pipe_seen(ready_pipe).calls;
	KUNIT_EXPECT_LE(test, calls, 4);
	KUNIT_EXPECT_TRUE(test, ready_wait_watching(c->queues));
	KUNIT_EXPECT_EQ(test, testdev_pipe_seen(ready_pipe).waiting, 0);
	start = jiffies;
	KUNIT_EXPECT_EQ(test, io_target_purge(t, IO_TARGET_CANCEL_SENT, TESTDEV_PATIENCE), 0);
	kunit_info(test, "%u reads purged in %u ms", MANY, jiffies_to_msecs(jiffies - start));
	/* Each by itself, and not all of them for each: that would be minutes. */
	KUNIT_EXPECT_LT(test, jiffies - start, 20 * HZ);
	for (i = 0; i < MANY; i++)
		wrong += atomic_read(&s[i]->ends) != 1 || s[i]->number != i + 1 ||
			 s[i]->req.result != -ECANCELED || !s[i]->req.not_sent;
	KUNIT_EXPECT_EQ(test, wrong, 0);
	KUNIT_EXPECT_EQ(test, testdev_pipe_seen(ready_pipe).calls, calls);
}

/* What comes goes to those who wait, in their order, piece by piece. */
static void ready_order(struct kunit *test)
{
	const struct kind_case *c = test->param_value;
	struct io_target *t = ready_open(test, c->flags);
	u8 *buf = ready_buf(test, 64 * CHUNK), *data = ready_buf(test, ROOM);
	struct sent *s = sent_alloc(test, t, 64);
	unsigned int i, n;

	for (i = 0; i < 64; i++) {
		sent_prep(test, &s[i], IO_TARGET_OP_READ, buf + i * CHUNK, CHUNK, 0, 0);
		KUNIT_ASSERT_EQ(test, sent_submit(&s[i]), 0);
	}
	for (i = 0; i < 64; i += n) {
		n = i % 5 + 1 < 64 - i ? i % 5 + 1 : 64 - i;
		KUNIT_ASSERT_TRUE(test, ready_wait_waiting(t, false));
		push(test, data, n * CHUNK, i * CHUNK);
		KUNIT_ASSERT_TRUE(test, sent_wait(&s[i + n - 1]));
	}
	for (i = 0; i < 64; i++) {
		KUNIT_EXPECT_EQ(test, s[i].number, i + 1);
		KUNIT_EXPECT_EQ(test, s[i].req.result, CHUNK);
	}
	KUNIT_EXPECT_EQ(test, pattern_match(buf, 64 * CHUNK, 0, SEED), 64 * CHUNK);
}

/* Writes wait for room until all is written, one after the other. */
static void ready_write(struct kunit *test)
{
	const struct kind_case *c = test->param_value;
	struct io_target *t = ready_open(test, c->flags);
	u8 *buf = ready_buf(test, 4 * ROOM), *back = ready_buf(test, ROOM);
	struct sent *s = sent_alloc(test, t, 2);
	unsigned int i;

	pattern_fill(buf, 4 * ROOM, 0, SEED);
	for (i = 0; i < 2; i++) {
		sent_prep(test, &s[i], IO_TARGET_OP_WRITE, buf + i * 2 * ROOM, 2 * ROOM, 0, 0);
		KUNIT_ASSERT_EQ(test, sent_submit(&s[i]), 0);
	}
	for (i = 0; i < 4; i++) {
		KUNIT_ASSERT_TRUE(test, testdev_pipe_wait_full(ready_pipe));
		KUNIT_EXPECT_EQ(test, testdev_pipe_pull(ready_pipe, back, ROOM), ROOM);
		KUNIT_EXPECT_EQ(test, pattern_match(back, ROOM, i * ROOM, SEED), ROOM);
	}
	for (i = 0; i < 2; i++) {
		KUNIT_ASSERT_TRUE(test, sent_wait(&s[i]));
		KUNIT_EXPECT_EQ(test, s[i].req.result, 2 * ROOM);
	}
	KUNIT_EXPECT_EQ(test, s[0].number, 1);
}

/* Readers that wait are in nobody's way who writes. */
static void ready_directions(struct kunit *test)
{
	const struct kind_case *c = test->param_value;
	struct io_target *t = ready_open(test, c->flags);
	u8 *buf = ready_buf(test, 2 * CHUNK);
	struct sent *r = ready_waiting(test, t, false, buf, CHUNK, 0), *w;

	pattern_fill(buf + CHUNK, CHUNK, 0, SEED);
	w = ready_send(test, t, true, buf + CHUNK, CHUNK, 0);
	KUNIT_ASSERT_TRUE(test, sent_wait(w));
	KUNIT_ASSERT_TRUE(test, sent_wait(r));
	KUNIT_EXPECT_EQ(test, pattern_match(buf, CHUNK, 0, SEED), CHUNK);
}

/* The first of those who wait is had back; the next gets what comes. */
static void ready_cancel(struct kunit *test)
{
	const struct kind_case *c = test->param_value;
	struct io_target *t = ready_open(test, c->flags);
	u8 *buf = ready_buf(test, 3 * CHUNK);
	struct sent *first = ready_waiting(test, t, false, buf, CHUNK, 0);
	struct sent *next = ready_send(test, t, false, buf + CHUNK, CHUNK, 0);

	KUNIT_EXPECT_EQ(test, io_target_cancel(&first->req), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&first->ends), 1);
	KUNIT_EXPECT_EQ(test, first->req.result, -ECANCELED);
	KUNIT_EXPECT_TRUE(test, first->req.not_sent);
	push(test, buf + 2 * CHUNK, CHUNK, 0);
	KUNIT_ASSERT_TRUE(test, sent_wait(next));
	KUNIT_EXPECT_EQ(test, next->req.result, CHUNK);
	KUNIT_EXPECT_EQ(test, pattern_match(buf + CHUNK, CHUNK, 0, SEED), CHUNK);

	/* When all are gone, and the driver has become ready, the next need not wait. */
	first = ready_waiting(test, t, false, buf, CHUNK, 0);
	KUNIT_EXPECT_EQ(test, io_target_cancel(&first->req), 0);
	push(test, buf + 2 * CHUNK, CHUNK, 0);
	next = ready_send(test, t, false, buf, CHUNK, 0);
	KUNIT_ASSERT_TRUE(test, sent_wait(next));
	KUNIT_EXPECT_EQ(test, next->req.result, CHUNK);
}

/* What is done of it is done. */
static void ready_cancel_begun(struct kunit *test)
{
	const struct kind_case *c = test->param_value;
	struct io_target *t = ready_open(test, c->flags);
	u8 *buf = ready_buf(test, 3 * ROOM);
	struct sent *s = ready_waiting(test, t, true, buf, 3 * ROOM, 0);

	KUNIT_EXPECT_EQ(test, io_target_cancel(&s->req), 0);
	KUNIT_EXPECT_EQ(test, s->req.result, ROOM);
	KUNIT_EXPECT_FALSE(test, s->req.not_sent);

	s = ready_waiting(test, t, true, buf, ROOM, 0);
	KUNIT_EXPECT_EQ(test, io_target_cancel(&s->req), 0);
	KUNIT_EXPECT_EQ(test, s->req.result, -ECANCELED);
	KUNIT_EXPECT_TRUE(test, s->req.not_sent);
	/* With a timeout, through a buffer of the library's */
	testdev_pipe_pull(ready_pipe, buf, ROOM);
	KUNIT_EXPECT_EQ(test, io_target_write(t, buf, 2 * ROOM, 0, HZ / 10), ROOM);
	KUNIT_EXPECT_EQ(test, io_target_write(t, buf, 2 * ROOM, 0, HZ / 10), -ETIMEDOUT);
}

/* Deadlines end what waits, with nothing left behind. */
static void ready_deadline(struct kunit *test)
{
	const struct kind_case *c = test->param_value;
	struct io_target *t = ready_open(test, c->flags);
	struct device_fixture *fx = test->priv;
	u8 *buf = ready_buf(test, ROOM);
	struct sent *s = sent_alloc(test, t, 1);

	sent_prep(test, s, IO_TARGET_OP_READ, buf, CHUNK, 0, 0);
	KUNIT_ASSERT_EQ(test, io_target_request_set_timeout(&s->req, HZ / 20), 0);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, -ETIMEDOUT);
	KUNIT_EXPECT_TRUE(test, s->req.not_sent);
	KUNIT_EXPECT_EQ(test, io_target_read(t, buf, CHUNK, 0, HZ / 20), -ETIMEDOUT);
	/* Over the caller's own memory, too */
	sent_prep(test, s, IO_TARGET_OP_READ, buf, CHUNK, 0, 0);
	KUNIT_EXPECT_EQ(test, io_target_submit_wait(&s->req, HZ / 20), -ETIMEDOUT);
	KUNIT_EXPECT_TRUE(test, s->req.not_sent);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->events[IO_TARGET_EVENT_ORPHAN]), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->events[IO_TARGET_EVENT_OVERDUE]), 0);
	KUNIT_EXPECT_EQ(test, testdev_pipe_seen(ready_pipe).waiting, 0);
}

/* A caller that waits for as long as it takes */
struct reader {
	struct work_struct	work;
	struct io_target	*target;
	u8			*buf;
	ssize_t			ret;
};

static void reader_work(struct work_struct *work)
{
	struct reader *r = container_of(work, struct reader, work);

	r->ret = io_target_read(r->target, r->buf, CHUNK, 0, IO_TARGET_NO_TIMEOUT);
}

/* Close has them all back, the caller too who waits without timeout. */
static void ready_close(struct kunit *test)
{
	const struct kind_case *c = test->param_value;
	struct io_target *t = ready_open(test, c->flags);
	u8 *buf = ready_buf(test, ROOM);
	struct reader r = { .target = t, .buf = buf };
	struct sent *s;

	INIT_WORK_ONSTACK(&r.work, reader_work);
	schedule_work(&r.work);
	KUNIT_ASSERT_TRUE(test, ready_wait_waiting(t, false));
	s = ready_send(test, t, false, buf + CHUNK, CHUNK, 0);
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	flush_work(&r.work);
	destroy_work_on_stack(&r.work);
	KUNIT_EXPECT_EQ(test, r.ret, -ECANCELED);
	KUNIT_EXPECT_EQ(test, atomic_read(&s->ends), 1);
	KUNIT_EXPECT_EQ(test, s->req.result, -ECANCELED);
}

/* To be woken for nothing costs a look, and no more. */
static void ready_spurious(struct kunit *test)
{
	const struct kind_case *c = test->param_value;
	struct io_target *t = ready_open(test, c->flags);
	u8 *buf = ready_buf(test, 2 * CHUNK);
	struct sent *s = ready_waiting(test, t, false, buf, CHUNK, 0);
	unsigned int i;

	for (i = 0; i < 100; i++) {
		testdev_pipe_wake(ready_pipe);
		KUNIT_ASSERT_TRUE(test, ready_wait_waiting(t, false));
	}
	KUNIT_EXPECT_TRUE(test, io_target_request_pending(&s->req));
	push(test, buf + CHUNK, CHUNK, 0);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, CHUNK);
}

/* FULL goes on until all is there; without, what is there is the result. */
static void ready_full(struct kunit *test)
{
	const struct kind_case *c = test->param_value;
	struct io_target *t = ready_open(test, c->flags);
	u8 *buf = ready_buf(test, 8 * CHUNK);
	struct sent *s = ready_waiting(test, t, false, buf, 4 * CHUNK, IO_TARGET_FULL);
	unsigned int i, refused;

	for (i = 0; i < 4; i++) {
		KUNIT_ASSERT_TRUE(test, ready_wait_waiting(t, false));
		KUNIT_EXPECT_EQ(test, atomic_read(&s->ends), 0);
		push(test, buf + 4 * CHUNK, CHUNK, i * CHUNK);
	}
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, 4 * CHUNK);
	KUNIT_EXPECT_EQ(test, pattern_match(buf, 4 * CHUNK, 0, SEED), 4 * CHUNK);

	s = ready_waiting(test, t, false, buf, 4 * CHUNK, IO_TARGET_FULL | IO_TARGET_BOUNCE);
	refused = testdev_pipe_seen(ready_pipe).refused;
	push(test, buf + 4 * CHUNK, CHUNK, 0);
	KUNIT_ASSERT_TRUE(test, testdev_pipe_wait_refused(ready_pipe, refused + 1));
	memset(buf, 0, CHUNK);
	while (io_target_cancel(&s->req) == -EALREADY)
		cond_resched();
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, CHUNK);
	KUNIT_EXPECT_EQ(test, pattern_match(buf, CHUNK, 0, SEED), CHUNK);
}

/* What it has is the result, positions or not: nobody waits for the rest of it. */
static void ready_seeks(struct kunit *test)
{
	struct io_target *t = ready_open(test, TESTDEV_PIPE_SEEKS | TESTDEV_PIPE_NOWAIT);
	u8 *buf = ready_buf(test, 2 * ROOM);
	struct io_target_info info;
	struct sent *s;

	KUNIT_ASSERT_EQ(test, io_target_get_info(t, &info), 0);
	KUNIT_EXPECT_FALSE(test, info.stream);
	push(test, buf + ROOM, CHUNK, 0);
	s = ready_send(test, t, false, buf, ROOM, 0);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, CHUNK);
	s = ready_waiting(test, t, false, buf, ROOM, 0);
	push(test, buf + ROOM, CHUNK, 0);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, CHUNK);
}

/* Drivers wake from wherever they are. */
static void ready_from(struct kunit *test)
{
	const struct kind_case *c = test->param_value;
	struct io_target *t = ready_open(test, c->flags);
	u8 *buf = ready_buf(test, 2 * CHUNK);
	enum testdev_context context;
	unsigned int i;

	for (context = TESTDEV_TASK; context <= TESTDEV_HARDIRQ; context++) {
		for (i = 0; i < 20; i++) {
			struct sent *s = ready_waiting(test, t, false, buf, CHUNK, 0);

			pattern_fill(buf + CHUNK, CHUNK, i * CHUNK, SEED);
			KUNIT_EXPECT_EQ(test, testdev_pipe_push_from(ready_pipe, buf + CHUNK,
								     CHUNK, context), CHUNK);
			KUNIT_ASSERT_TRUE(test, sent_wait(s));
			KUNIT_EXPECT_EQ(test, s->req.result, CHUNK);
			KUNIT_EXPECT_EQ(test, pattern_match(buf, CHUNK, i * CHUNK, SEED), CHUNK);
		}
	}
}

static struct kunit_case ready_cases[] = {
	KUNIT_CASE_PARAM(ready_read, kind_gen_params),
	KUNIT_CASE_PARAM(ready_patient, patient_gen_params),
	KUNIT_CASE_PARAM(ready_many, kind_gen_params),
	KUNIT_CASE_PARAM(ready_order, kind_gen_params),
	KUNIT_CASE_PARAM(ready_write, kind_gen_params),
	KUNIT_CASE_PARAM(ready_directions, kind_gen_params),
	KUNIT_CASE_PARAM(ready_cancel, kind_gen_params),
	KUNIT_CASE_PARAM(ready_cancel_begun, kind_gen_params),
	KUNIT_CASE_PARAM(ready_deadline, kind_gen_params),
	KUNIT_CASE_PARAM(ready_close, kind_gen_params),
	KUNIT_CASE_PARAM(ready_spurious, kind_gen_params),
	KUNIT_CASE_PARAM(ready_full, kind_gen_params),
	KUNIT_CASE_PARAM(ready_from, kind_gen_params),
	KUNIT_CASE(ready_seeks),
	{}
};

static struct kunit_suite ready_suite = {
	.name		= "io_target_file_ready",
	.init		= ready_init,
	.exit		= ready_exit,
	.test_cases	= ready_cases,
};

kunit_test_suite(ready_suite);
