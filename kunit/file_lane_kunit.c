// SPDX-License-Identifier: GPL-2.0
/*
 * Char devices that take their time: who waits, in which order, how many at a
 * time, and for how long.
 */
#include <linux/sizes.h>

#include "device.h"
#include "pattern.h"

#define SEED	0x6c616e65ULL
#define MANY	64
#define CHUNK	16
/* Threads that may wait in the driver of a seekable file at a time */
#define WIDTH	16

static struct io_target *open_char(struct kunit *test, int c)
{
	return device_open(test, testdev_char_path(device_char[c]), RW);
}

static void behave(int c, enum testdev_mode mode)
{
	testdev_char_behave(device_char[c], &(struct testdev_char_behaviour){ .mode = mode });
}

static void fill_char(struct kunit *test, int c, size_t len)
{
	u8 *buf = kunit_kzalloc(test, len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	pattern_fill(buf, len, 0, SEED);
	KUNIT_ASSERT_EQ(test, testdev_store_fill(testdev_char_store(device_char[c]), 0, buf,
						 len), 0);
}

/* @n requests of CHUNK bytes from consecutive pieces of @buf, submitted */
static struct sent *send_chunks(struct kunit *test, struct io_target *t,
				enum io_target_op op, u8 *buf, unsigned int n, bool stream)
{
	struct sent *s = sent_alloc(test, t, n);
	unsigned int i;

	for (i = 0; i < n; i++) {
		sent_prep(test, &s[i], op, buf + i * CHUNK, CHUNK, stream ? 0 : i * CHUNK, 0);
		KUNIT_ASSERT_EQ(test, sent_submit(&s[i]), 0);
	}
	return s;
}

struct order_case {
	const char		*name;
	int			device;
	enum io_target_op	op;
	enum testdev_mode	mode;
};

static const struct order_case order_cases[] = {
	{ "reads, at once", STREAM, IO_TARGET_OP_READ, TESTDEV_NOW },
	{ "reads, later", STREAM, IO_TARGET_OP_READ, TESTDEV_LATE },
	{ "reads, held", STREAM, IO_TARGET_OP_READ, TESTDEV_HOLD },
	{ "reads, blocked", STREAM, IO_TARGET_OP_READ, TESTDEV_BLOCK },
	{ "writes, at once", STREAM, IO_TARGET_OP_WRITE, TESTDEV_NOW },
	{ "writes, later", STREAM, IO_TARGET_OP_WRITE, TESTDEV_LATE },
	{ "writes, held", STREAM, IO_TARGET_OP_WRITE, TESTDEV_HOLD },
	{ "writes, blocked", STREAM, IO_TARGET_OP_WRITE, TESTDEV_BLOCK },
	{ "NOWAIT reads, later", STREAM_NOWAIT, IO_TARGET_OP_READ, TESTDEV_LATE },
	{ "NOWAIT reads, held", STREAM_NOWAIT, IO_TARGET_OP_READ, TESTDEV_HOLD },
	{ "NOWAIT reads, blocked", STREAM_NOWAIT, IO_TARGET_OP_READ, TESTDEV_BLOCK },
	{ "NOWAIT writes, held", STREAM_NOWAIT, IO_TARGET_OP_WRITE, TESTDEV_HOLD },
	{ "NOWAIT writes, blocked", STREAM_NOWAIT, IO_TARGET_OP_WRITE, TESTDEV_BLOCK },
	{ "nonseekable reads", NONSEEK, IO_TARGET_OP_READ, TESTDEV_BLOCK },
};

static void order_case_desc(const struct order_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(order, order_cases, order_case_desc);

static void release_in_turn(struct kunit *test, int c, struct sent *s, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(device_char[c], 1));
		KUNIT_EXPECT_EQ(test, atomic_read(&s[i].ends), 0);
		testdev_char_release(device_char[c], 0, TESTDEV_ALL, TESTDEV_SOFTIRQ);
		KUNIT_ASSERT_TRUE(test, sent_wait(&s[i]));
	}
}

/* A stream serves in the order of submission, one request at a time. */
static void lane_order(struct kunit *test)
{
	const struct order_case *c = test->param_value;
	bool write = c->op == IO_TARGET_OP_WRITE;
	u8 *buf = kunit_kzalloc(test, MANY * CHUNK, GFP_KERNEL);
	struct io_target *t = open_char(test, c->device);
	struct testdev_char_seen seen;
	struct sent *s;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	if (write)
		pattern_fill(buf, MANY * CHUNK, 0, SEED);
	else
		fill_char(test, c->device, MANY * CHUNK);
	behave(c->device, c->mode);
	s = send_chunks(test, t, c->op, buf, MANY, true);
	if (c->mode == TESTDEV_HOLD || c->mode == TESTDEV_BLOCK)
		release_in_turn(test, c->device, s, MANY);
	for (i = 0; i < MANY; i++) {
		KUNIT_ASSERT_TRUE(test, c->mode > TESTDEV_LATE || sent_wait(&s[i]));
		KUNIT_EXPECT_EQ(test, atomic_read(&s[i].ends), 1);
		KUNIT_EXPECT_EQ(test, s[i].number, i + 1);
		KUNIT_EXPECT_EQ(test, s[i].req.result, CHUNK);
	}
	if (write)
		testdev_store_read(testdev_char_store(device_char[c->device]), 0, buf,
				   MANY * CHUNK);
	KUNIT_EXPECT_EQ(test, pattern_match(buf, MANY * CHUNK, 0, SEED), MANY * CHUNK);
	seen = testdev_char_seen(device_char[c->device]);
	KUNIT_EXPECT_EQ(test, seen.most_inside[write], 1);
	KUNIT_EXPECT_EQ(test, seen.most_inside[!write], 0);
}

/* Reads that wait do not hold up writes, nor the other way round. */
static void lane_directions(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	struct io_target *t = open_char(test, STREAM);
	struct sent *r, *w;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	behave(STREAM, TESTDEV_BLOCK);
	r = send_chunks(test, t, IO_TARGET_OP_READ, buf, 3, true);
	KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(device_char[STREAM], 1));
	w = send_chunks(test, t, IO_TARGET_OP_WRITE, buf + SZ_2K, 3, true);
	KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(device_char[STREAM], 2));
	behave(STREAM, TESTDEV_NOW);
	testdev_char_release(device_char[STREAM], 1, TESTDEV_ALL, TESTDEV_TASK);
	KUNIT_EXPECT_TRUE(test, sent_wait(&w[2]));
	KUNIT_EXPECT_EQ(test, atomic_read(&r[0].ends), 0);
	testdev_char_release(device_char[STREAM], 0, TESTDEV_ALL, TESTDEV_TASK);
	KUNIT_EXPECT_TRUE(test, sent_wait(&r[2]));
}

/*
 * Submit of an asynchronous request does not wait for a driver that does, and
 * it is not the submitter who waits there.
 */
static void lane_submit_returns(struct kunit *test)
{
	static const int devices[] = { SEEK, SEEK_NOWAIT, STREAM, STREAM_NOWAIT, NONSEEK };
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	for (i = 0; i < ARRAY_SIZE(devices); i++) {
		struct testdev_char *c = device_char[devices[i]];
		struct io_target *t = open_char(test, devices[i]);
		struct sent *s;

		behave(devices[i], TESTDEV_BLOCK);
		s = send_chunks(test, t, IO_TARGET_OP_WRITE, buf, 1, true);
		KUNIT_EXPECT_TRUE(test, io_target_request_pending(&s->req));
		KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(c, 1));
		KUNIT_EXPECT_NE(test, testdev_char_seen(c).pid, current->pid);
		testdev_char_release(c, 0, TESTDEV_ALL, TESTDEV_TASK);
		KUNIT_EXPECT_TRUE(test, sent_wait(s));
		io_target_close(t);
	}
}

/* A seekable file has many in the driver, up to a bound; the others have their turn. */
static void lane_width(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	struct testdev_char *c = device_char[SEEK];
	struct io_target *t = open_char(test, SEEK);
	struct sent *s, *last;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	fill_char(test, SEEK, SZ_4K);
	behave(SEEK, TESTDEV_BLOCK);
	s = send_chunks(test, t, IO_TARGET_OP_READ, buf, WIDTH + 4, false);
	KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(c, WIDTH));
	KUNIT_EXPECT_EQ(test, testdev_char_seen(c).calls[0], WIDTH);
	last = send_chunks(test, t, IO_TARGET_OP_READ, buf, 1, false);
	testdev_char_release(c, WIDTH / 2, TESTDEV_ALL, TESTDEV_TASK);
	KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(c, WIDTH));
	KUNIT_EXPECT_EQ(test, atomic_read(&last->ends), 0);
	behave(SEEK, TESTDEV_NOW);
	testdev_char_release_all(c, TESTDEV_ALL, TESTDEV_TASK);
	for (i = 0; i < WIDTH + 4; i++)
		KUNIT_EXPECT_TRUE(test, sent_wait(&s[i]));
	KUNIT_EXPECT_TRUE(test, sent_wait(last));
	KUNIT_EXPECT_EQ(test, testdev_char_seen(c).most_inside[0], WIDTH);
	KUNIT_EXPECT_EQ(test, pattern_match(buf, (WIDTH + 4) * CHUNK, 0, SEED),
			(WIDTH + 4) * CHUNK);
}

/* Two that wait do not hold up a third. */
static void lane_parallel(struct kunit *test)
{
	static const int devices[] = { SEEK, SEEK_NOWAIT };
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	for (i = 0; i < ARRAY_SIZE(devices); i++) {
		struct testdev_char *c = device_char[devices[i]];
		struct io_target *t = open_char(test, devices[i]);
		struct sent *two, *third;

		behave(devices[i], TESTDEV_BLOCK);
		two = send_chunks(test, t, IO_TARGET_OP_READ, buf, 2, false);
		KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(c, 2));
		behave(devices[i], TESTDEV_NOW);
		third = send_chunks(test, t, IO_TARGET_OP_WRITE, buf + SZ_2K, 1, false);
		KUNIT_EXPECT_TRUE(test, sent_wait(third));
		KUNIT_EXPECT_EQ(test, io_target_read(t, buf + SZ_2K, CHUNK, 0, HZ * 10), CHUNK);
		KUNIT_EXPECT_EQ(test, atomic_read(&two[0].ends), 0);
		testdev_char_release_all(c, TESTDEV_ALL, TESTDEV_TASK);
		KUNIT_EXPECT_TRUE(test, sent_wait(&two[0]) && sent_wait(&two[1]));
		io_target_close(t);
	}
}

/* Held calls of a seekable file end in any order, where and how the driver says. */
static void lane_out_of_order(struct kunit *test)
{
	static const s64 results[] = { TESTDEV_ALL, 5, -EIO, 0, TESTDEV_ALL, -ENODEV };
	static const ssize_t expected[] = { CHUNK, 5, -EIO, 0, CHUNK, -ENODEV };
	unsigned int n = ARRAY_SIZE(results), i;
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	struct testdev_char *c = device_char[SEEK];
	struct io_target *t = open_char(test, SEEK);
	struct sent *s;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	behave(SEEK, TESTDEV_HOLD);
	s = sent_alloc(test, t, n);
	/* One by one, so that their order in the driver is known. */
	for (i = 0; i < n; i++) {
		sent_prep(test, &s[i], IO_TARGET_OP_READ, buf, CHUNK, i * CHUNK, 0);
		KUNIT_ASSERT_EQ(test, sent_submit(&s[i]), 0);
		KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(c, i + 1));
	}
	for (i = n; i--; ) {
		testdev_char_release(c, i, results[i], i % 3);
		KUNIT_ASSERT_TRUE(test, sent_wait(&s[i]));
		KUNIT_EXPECT_EQ(test, s[i].req.result, expected[i]);
		KUNIT_EXPECT_EQ(test, s[i].context, (enum device_context)(i % 3));
		KUNIT_EXPECT_EQ(test, s[i].number, n - i);
	}
}

/* Flushes pass beside a stream's reads, and do not let two of them in. */
static void lane_flush_beside_reads(struct kunit *test)
{
	static const enum testdev_mode modes[] = { TESTDEV_HOLD, TESTDEV_BLOCK };
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	struct testdev_char *c = device_char[STREAM];
	struct io_target *t = open_char(test, STREAM);
	struct sent *r, *f;
	unsigned int i, m;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	for (m = 0; m < ARRAY_SIZE(modes); m++) {
		behave(STREAM, modes[m]);
		r = send_chunks(test, t, IO_TARGET_OP_READ, buf, 3, true);
		KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(c, 1));
		f = sent_alloc(test, t, 8);
		for (i = 0; i < 8; i++) {
			KUNIT_ASSERT_EQ(test, io_target_prep_flush(&f[i].req, 0), 0);
			KUNIT_ASSERT_EQ(test, sent_submit(&f[i]), 0);
		}
		for (i = 0; i < 8; i++) {
			KUNIT_ASSERT_TRUE(test, sent_wait(&f[i]));
			KUNIT_EXPECT_EQ(test, f[i].req.result, 0);
		}
		KUNIT_EXPECT_EQ(test, atomic_read(&r[0].ends), 0);
		release_in_turn(test, STREAM, r, 3);
		KUNIT_EXPECT_EQ(test, testdev_char_seen(c).most_inside[0], 1);
		KUNIT_EXPECT_EQ(test, testdev_char_seen(c).fsyncs, (m + 1) * 8);
	}
}

/* NOWAIT behind a request that waits is as good as a device that is not ready. */
static void lane_nowait_behind(struct kunit *test)
{
	static const enum testdev_mode modes[] = { TESTDEV_HOLD, TESTDEV_BLOCK };
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	struct testdev_char *c = device_char[STREAM_NOWAIT];
	struct io_target *t = open_char(test, STREAM_NOWAIT);
	struct sent *r, *n;
	unsigned int m;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	for (m = 0; m < ARRAY_SIZE(modes); m++) {
		behave(STREAM_NOWAIT, modes[m]);
		r = send_chunks(test, t, IO_TARGET_OP_READ, buf, 1, true);
		KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(c, 1));
		n = sent_alloc(test, t, 1);
		sent_prep(test, n, IO_TARGET_OP_READ, buf + CHUNK, CHUNK, 0, IO_TARGET_NOWAIT);
		KUNIT_ASSERT_EQ(test, sent_submit(n), 0);
		KUNIT_EXPECT_EQ(test, atomic_read(&n->ends), 1);
		behave(STREAM_NOWAIT, TESTDEV_NOW);
		testdev_char_release_all(c, TESTDEV_ALL, TESTDEV_TASK);
		KUNIT_EXPECT_TRUE(test, sent_wait(r));
		KUNIT_ASSERT_TRUE(test, sent_wait(n));
		KUNIT_EXPECT_EQ(test, n->req.result, -EAGAIN);
	}
}

/* A driver that takes a request without waiting and finds out later that it must. */
static void lane_late_refusal(struct kunit *test)
{
	static const int devices[] = { SEEK_NOWAIT, STREAM_NOWAIT };
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	for (i = 0; i < ARRAY_SIZE(devices); i++) {
		struct testdev_char *c = device_char[devices[i]];
		struct io_target *t = open_char(test, devices[i]);
		struct sent *s;

		behave(devices[i], TESTDEV_HOLD);
		s = send_chunks(test, t, IO_TARGET_OP_WRITE, buf, 3, true);
		KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(c, 1));
		behave(devices[i], TESTDEV_NOW);
		testdev_char_release(c, 0, -EAGAIN, TESTDEV_HARDIRQ);
		KUNIT_ASSERT_TRUE(test, sent_wait(&s[0]));
		KUNIT_EXPECT_EQ(test, s[0].req.result, CHUNK);
		if (devices[i] == STREAM_NOWAIT)
			KUNIT_EXPECT_EQ(test, s[0].number, 1);
		testdev_char_release_all(c, TESTDEV_ALL, TESTDEV_TASK);
		KUNIT_EXPECT_TRUE(test, sent_wait(&s[1]) && sent_wait(&s[2]));
		io_target_close(t);
	}
}

#define ROUNDS	100

/* An end_io sends its request again, from a thread, an interrupt or a submit. */
static void lane_send_again(struct kunit *test)
{
	const struct order_case *c = test->param_value;
	struct sent *s = sent_alloc(test, open_char(test, c->device), 4);
	u8 *buf = kunit_kzalloc(test, 4 * CHUNK, GFP_KERNEL);
	struct testdev_char_behaviour b = { .mode = c->mode, .context = TESTDEV_HARDIRQ };
	struct testdev_char_seen seen;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	testdev_char_behave(device_char[c->device], &b);
	for (i = 0; i < 4; i++) {
		s[i].repeat = ROUNDS - 1;
		sent_prep(test, &s[i], c->op, buf + i * CHUNK, CHUNK, 0, 0);
		KUNIT_ASSERT_EQ(test, sent_submit(&s[i]), 0);
	}
	for (i = 0; i < 4; i++) {
		KUNIT_ASSERT_TRUE(test, sent_wait(&s[i]));
		KUNIT_EXPECT_EQ(test, atomic_read(&s[i].ends), ROUNDS);
		KUNIT_EXPECT_EQ(test, s[i].failed, 0);
		KUNIT_EXPECT_EQ(test, s[i].req.result, CHUNK);
	}
	seen = testdev_char_seen(device_char[c->device]);
	KUNIT_EXPECT_EQ(test, seen.calls[c->op == IO_TARGET_OP_WRITE], 4 * ROUNDS);
}

static const struct order_case again_cases[] = {
	{ "at once", SEEK, IO_TARGET_OP_WRITE, TESTDEV_NOW },
	{ "later", SEEK, IO_TARGET_OP_READ, TESTDEV_LATE },
	{ "tried, at once", SEEK_NOWAIT, IO_TARGET_OP_READ, TESTDEV_NOW },
	{ "stream, at once", STREAM, IO_TARGET_OP_READ, TESTDEV_NOW },
	{ "stream, later", STREAM, IO_TARGET_OP_WRITE, TESTDEV_LATE },
	{ "stream, tried, later", STREAM_NOWAIT, IO_TARGET_OP_READ, TESTDEV_LATE },
};

KUNIT_ARRAY_PARAM(again, again_cases, order_case_desc);

static struct kunit_case lane_cases[] = {
	KUNIT_CASE_PARAM(lane_order, order_gen_params),
	KUNIT_CASE(lane_directions),
	KUNIT_CASE(lane_submit_returns),
	KUNIT_CASE(lane_width),
	KUNIT_CASE(lane_parallel),
	KUNIT_CASE(lane_out_of_order),
	KUNIT_CASE(lane_flush_beside_reads),
	KUNIT_CASE(lane_nowait_behind),
	KUNIT_CASE(lane_late_refusal),
	KUNIT_CASE_PARAM(lane_send_again, again_gen_params),
	{}
};

static struct kunit_suite lane_suite = {
	.name		= "io_target_file_lane",
	.suite_init	= device_chars_init,
	.suite_exit	= device_chars_exit,
	.init		= device_fixture_init,
	.exit		= device_fixture_exit,
	.test_cases	= lane_cases,
};

kunit_test_suite(lane_suite);
