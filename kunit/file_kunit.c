// SPDX-License-Identifier: GPL-2.0
/*
 * Char devices: what is said about them, what is refused, and what the
 * driver's answers become.
 */
#include <linux/sizes.h>

#include "device.h"
#include "pattern.h"

#define SEED	0x66696c65ULL

static struct io_target *open_char(struct kunit *test, int c)
{
	return device_open(test, testdev_char_path(device_char[c]), RW);
}

static void behave(int c, struct testdev_char_behaviour b)
{
	testdev_char_behave(device_char[c], &b);
}

/* The pattern, as if it had been written to the device before. */
static void fill_char(struct kunit *test, int c, size_t len)
{
	u8 *buf = kunit_kzalloc(test, len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	pattern_fill(buf, len, 0, SEED);
	KUNIT_ASSERT_EQ(test, testdev_store_fill(testdev_char_store(device_char[c]), 0, buf,
						 len), 0);
}

struct info_case {
	const char		*name;
	int			device;
	bool			stream;
	bool			nowait;
	bool			write_cache;
	enum io_target_served	served;
};

static const struct info_case info_cases[] = {
	{ "seekable", SEEK, false, false, true, IO_TARGET_SERVED_THREAD },
	{ "seekable, NOWAIT", SEEK_NOWAIT, false, true, true, IO_TARGET_SERVED_TRY },
	{ "stream", STREAM, true, false, true, IO_TARGET_SERVED_THREAD },
	{ "stream, NOWAIT", STREAM_NOWAIT, true, true, true, IO_TARGET_SERVED_TRY },
	{ "nonseekable", NONSEEK, true, false, true, IO_TARGET_SERVED_THREAD },
	{ "user pointers only", USER_ONLY, true, false, true, IO_TARGET_SERVED_USER },
	{ "no fsync", NO_FSYNC, false, false, false, IO_TARGET_SERVED_THREAD },
};

static void info_case_desc(const struct info_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(info, info_cases, info_case_desc);

static void file_info(struct kunit *test)
{
	const struct info_case *c = test->param_value;
	struct device_fixture *fx = test->priv;
	struct io_target *t = open_char(test, c->device);
	struct io_target_info info;

	KUNIT_EXPECT_GT(test, testdev_opens(), fx->opens);
	KUNIT_ASSERT_EQ(test, io_target_get_info(t, &info), 0);
	KUNIT_EXPECT_EQ(test, info.mode, S_IFCHR);
	KUNIT_EXPECT_NE(test, info.dev, 0);
	KUNIT_EXPECT_EQ(test, info.size, 0);
	KUNIT_EXPECT_EQ(test, info.logical_block_size, 1);
	KUNIT_EXPECT_EQ(test, info.dma_mask, 0);
	KUNIT_EXPECT_EQ(test, info.max_discard, 0);
	KUNIT_EXPECT_EQ(test, info.max_write_zeroes, 0);
	KUNIT_EXPECT_EQ(test, info.stream, c->stream);
	KUNIT_EXPECT_EQ(test, info.nowait, c->nowait);
	KUNIT_EXPECT_EQ(test, info.write_cache, c->write_cache);
	KUNIT_EXPECT_EQ(test, info.read, c->served);
	KUNIT_EXPECT_EQ(test, info.write, c->served);
	io_target_close(t);
	KUNIT_EXPECT_EQ(test, testdev_opens(), fx->opens);
}

struct prep_case {
	const char		*name;
	int			device;
	enum io_target_op	op;
	loff_t			pos;
	unsigned int		flags;
	int			error;
};

static const struct prep_case prep_cases[] = {
	{ "odd read", SEEK, IO_TARGET_OP_READ, 3, 0, 0 },
	{ "odd write", SEEK, IO_TARGET_OP_WRITE, 5, 0, 0 },
	{ "negative offset", SEEK, IO_TARGET_OP_READ, -1, 0, -EOVERFLOW },
	{ "read, offset on stream", STREAM, IO_TARGET_OP_READ, 1, 0, -ESPIPE },
	{ "write, offset on stream", STREAM, IO_TARGET_OP_WRITE, 512, 0, -ESPIPE },
	{ "offset, nonseekable", NONSEEK, IO_TARGET_OP_READ, 1, 0, -ESPIPE },
	{ "read, user pointers", USER_ONLY, IO_TARGET_OP_READ, 0, 0, -EOPNOTSUPP },
	{ "write, user pointers", USER_ONLY, IO_TARGET_OP_WRITE, 0, 0, -EOPNOTSUPP },
	{ "NOWAIT", SEEK_NOWAIT, IO_TARGET_OP_READ, 0, IO_TARGET_NOWAIT, 0 },
	{ "NOWAIT, it may wait", SEEK, IO_TARGET_OP_READ, 0, IO_TARGET_NOWAIT, -EOPNOTSUPP },
	{ "PREFLUSH", SEEK, IO_TARGET_OP_WRITE, 0, IO_TARGET_PREFLUSH, -EOPNOTSUPP },
	{ "FUA", SEEK, IO_TARGET_OP_WRITE, 0, IO_TARGET_FUA, 0 },
	{ "FUA without fsync", NO_FSYNC, IO_TARGET_OP_WRITE, 0, IO_TARGET_FUA, -EOPNOTSUPP },
	{ "read with FUA", SEEK, IO_TARGET_OP_READ, 0, IO_TARGET_FUA, -EINVAL },
	{ "flush", STREAM, IO_TARGET_OP_FLUSH, 0, 0, 0 },
	{ "flush without fsync", NO_FSYNC, IO_TARGET_OP_FLUSH, 0, 0, -EOPNOTSUPP },
	{ "discard", SEEK, IO_TARGET_OP_DISCARD, 0, 0, -EOPNOTSUPP },
	{ "zeroes", SEEK, IO_TARGET_OP_WRITE_ZEROES, 0, 0, -EOPNOTSUPP },
};

static void prep_case_desc(const struct prep_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(prep, prep_cases, prep_case_desc);

static void file_prep(struct kunit *test)
{
	const struct prep_case *c = test->param_value;
	struct testdev_char_seen seen;
	struct sent *s = sent_alloc(test, open_char(test, c->device), 1);
	u8 *buf = kunit_kzalloc(test, 512, GFP_KERNEL);
	u64 len = c->op == IO_TARGET_OP_FLUSH ? 0 : 101;
	int err;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	if (c->op == IO_TARGET_OP_READ || c->op == IO_TARGET_OP_WRITE)
		err = io_target_prep_rw_buf(&s->req, c->op, buf + 1, len, c->pos, c->flags);
	else
		err = io_target_prep_range(&s->req, c->op, c->pos, len, c->flags);
	KUNIT_EXPECT_EQ(test, err, c->error);
	if (err)
		KUNIT_EXPECT_EQ(test, sent_submit(s), -EINVAL);
	seen = testdev_char_seen(device_char[c->device]);
	KUNIT_EXPECT_EQ(test, seen.calls[0] + seen.calls[1] + seen.fsyncs, 0);
}

/* One request, asynchronously; its result */
static ssize_t send(struct kunit *test, struct sent *s, enum io_target_op op, u8 *buf,
		    size_t len, unsigned int flags)
{
	sent_prep(test, s, op, buf, len, 0, flags);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	return s->req.result;
}

enum way { ASYNC, ASYNC_BOUNCE, SYNC, SYNC_TIMED, WAYS };

/**
 * struct answer_case - the driver's answer and the result
 * @name: description
 * @device: which
 * @b: what the driver does
 * @flags: of the asynchronous requests
 * @result: expected, for a transfer of 4096
 * @calls: of the driver by an asynchronous request
 * @more: a write goes on until all is written, with so many calls
 */
struct answer_case {
	const char			*name;
	int				device;
	struct testdev_char_behaviour	b;
	unsigned int			flags;
	ssize_t				result;
	unsigned int			calls;
	unsigned int			more;
};

#define LATE_TASK	.mode = TESTDEV_LATE, .context = TESTDEV_TASK
#define LATE_SOFTIRQ	.mode = TESTDEV_LATE, .context = TESTDEV_SOFTIRQ
#define LATE_HARDIRQ	.mode = TESTDEV_LATE, .context = TESTDEV_HARDIRQ

static const struct answer_case answer_cases[] = {
	{ "all", SEEK, {}, 0, 4096, 1 },
	{ "short", SEEK, { .limit = 100 }, 0, 100, 1 },
	{ "-EIO", SEEK, { .error = -EIO }, 0, -EIO, 1 },
	{ "-ENOSPC", SEEK, { .error = -ENOSPC }, 0, -ENOSPC, 1 },
	{ "-ENXIO", STREAM, { .error = -ENXIO }, 0, -ENXIO, 1 },
	{ "-EPERM", STREAM_NOWAIT, { .error = -EPERM }, 0, -EPERM, 1 },
	{ "-ENOMEM", SEEK, { .error = -ENOMEM }, 0, -ENOMEM, 1 },
	{ "all, stream", STREAM, {}, 0, 4096, 1 },
	{ "short, stream", STREAM, { .limit = 100 }, 0, 100, 1 },
	{ "short, nonseekable", NONSEEK, { .limit = 1 }, 0, 1, 1 },
	{ "later", SEEK, { LATE_TASK }, 0, 4096, 1 },
	{ "later, softirq", SEEK_NOWAIT, { LATE_SOFTIRQ }, 0, 4096, 1 },
	{ "later, hardirq", STREAM, { LATE_HARDIRQ }, 0, 4096, 1 },
	{ "later, stream", STREAM_NOWAIT, { LATE_TASK }, 0, 4096, 1 },
	{ "later and short", STREAM, { LATE_SOFTIRQ, .limit = 100 }, 0, 100, 1 },
	{ "without waiting", SEEK_NOWAIT, {}, 0, 4096, 1 },
	{ "not ready, then all", SEEK_NOWAIT, { .nowait_limit = TESTDEV_NOT_READY }, 0, 4096, 2 },
	{ "not ready, then short", SEEK_NOWAIT,
	  { .nowait_limit = TESTDEV_NOT_READY, .limit = 100 }, 0, 100, 2 },
	{ "not ready, then later", SEEK_NOWAIT,
	  { LATE_SOFTIRQ, .nowait_limit = TESTDEV_NOT_READY }, 0, 4096, 2 },
	{ "not ready, stream", STREAM_NOWAIT, { .nowait_limit = TESTDEV_NOT_READY }, 0, 4096, 2 },
	{ "some, then the rest", SEEK_NOWAIT, { .nowait_limit = 100 }, 0, 4096, 2 },
	{ "some, stream", STREAM_NOWAIT, { .nowait_limit = 100 }, 0, 100, 1, .more = 2 },
	{ "NOWAIT", SEEK_NOWAIT, {}, IO_TARGET_NOWAIT, 4096, 1 },
	{ "NOWAIT, some", SEEK_NOWAIT, { .nowait_limit = 100 }, IO_TARGET_NOWAIT, 100, 1 },
	{ "NOWAIT, not ready", SEEK_NOWAIT, { .nowait_limit = TESTDEV_NOT_READY },
	  IO_TARGET_NOWAIT, -EAGAIN, 1 },
	{ "NOWAIT, stream not ready", STREAM_NOWAIT, { .nowait_limit = TESTDEV_NOT_READY },
	  IO_TARGET_NOWAIT, -EAGAIN, 1 },
};

static void answer_case_desc(const struct answer_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(answer, answer_cases, answer_case_desc);

static ssize_t answer_by(struct kunit *test, const struct answer_case *c, enum way way,
			 enum io_target_op op, struct sent *s, u8 *buf)
{
	struct io_target *t = s->req.target;
	long timeout = way == SYNC ? IO_TARGET_NO_TIMEOUT : TESTDEV_PATIENCE;

	if (way == ASYNC)
		return send(test, s, op, buf, SZ_4K, c->flags);
	if (way == ASYNC_BOUNCE)
		return send(test, s, op, buf, SZ_4K, c->flags | IO_TARGET_BOUNCE);
	if (op == IO_TARGET_OP_READ)
		return io_target_read(t, buf, SZ_4K, 0, timeout);
	return io_target_write(t, buf, SZ_4K, 0, timeout);
}

/* What the driver transferred is where it belongs, and nothing else was touched. */
static bool answer_is_right(int c, enum io_target_op op, u64 place, const u8 *buf,
			    u8 *other, ssize_t result)
{
	size_t n = max_t(ssize_t, result, 0);

	if (op == IO_TARGET_OP_READ)
		return pattern_match(buf, n, place, SEED) == n &&
		       pattern_match_byte(buf + n, SZ_4K - n, 0xee) == SZ_4K - n;
	testdev_store_read(testdev_char_store(device_char[c]), place, other, SZ_4K);
	return pattern_match(other, n, 0, SEED + 1) == n;
}

static void file_answer_op(struct kunit *test, const struct answer_case *c, struct sent *s,
			   enum io_target_op op, u8 *buf)
{
	bool stream = c->device == STREAM || c->device == STREAM_NOWAIT || c->device == NONSEEK;
	unsigned int more = op == IO_TARGET_OP_WRITE ? c->more : 0;
	u64 place = 0;
	enum way way;

	for (way = 0; way < WAYS; way++) {
		ssize_t result, expected = more ? SZ_4K : c->result;

		if (c->flags && way >= SYNC)
			break;
		/* In the caller's own task nothing is tried without waiting. */
		if (way == SYNC && c->result == 100 && c->b.nowait_limit == 100)
			expected = SZ_4K;
		memset(buf, 0xee, SZ_4K);
		if (op == IO_TARGET_OP_WRITE)
			pattern_fill(buf, SZ_4K, 0, SEED + 1);
		result = answer_by(test, c, way, op, s, buf);
		KUNIT_EXPECT_EQ_MSG(test, result, expected, "op %d, way %d", op, way);
		KUNIT_EXPECT_TRUE_MSG(test, answer_is_right(c->device, op, place, buf,
							    buf + SZ_4K, result),
				      "op %d, way %d", op, way);
		if (way == ASYNC)
			KUNIT_EXPECT_EQ(test, testdev_char_seen(device_char[c->device])
					.calls[op == IO_TARGET_OP_WRITE], more ?: c->calls);
		if (stream)
			place += max_t(ssize_t, result, 0);
	}
}

/* Every way gives the driver's answer, with the right data. */
static void file_answer(struct kunit *test)
{
	const struct answer_case *c = test->param_value;
	struct sent *s = sent_alloc(test, open_char(test, c->device), 1);
	u8 *buf = kunit_kzalloc(test, 2 * SZ_4K, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	fill_char(test, c->device, 4 * SZ_4K);
	behave(c->device, c->b);
	file_answer_op(test, c, s, IO_TARGET_OP_READ, buf);
	file_answer_op(test, c, s, IO_TARGET_OP_WRITE, buf);
}

/* The end of a device with a size: what is there, then nothing */
static void file_end(struct kunit *test)
{
	struct io_target *t = open_char(test, SEEK);
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_EXPECT_EQ(test, io_target_read(t, buf, SZ_4K, CHAR_SIZE - 10, HZ * 10), 10);
	KUNIT_EXPECT_EQ(test, io_target_read(t, buf, SZ_4K, CHAR_SIZE, HZ * 10), 0);
	KUNIT_EXPECT_EQ(test, io_target_write(t, buf, SZ_4K, CHAR_SIZE - 10, HZ * 10), 10);
	KUNIT_EXPECT_EQ(test, io_target_write(t, buf, SZ_4K, CHAR_SIZE, HZ * 10), -ENOSPC);
}

/* FUA arrives as a synchronous write. */
static void file_fua(struct kunit *test)
{
	struct sent *s = sent_alloc(test, open_char(test, SEEK), 1);
	u8 *buf = kunit_kzalloc(test, 512, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_EXPECT_EQ(test, send(test, s, IO_TARGET_OP_WRITE, buf, 512, 0), 512);
	KUNIT_EXPECT_EQ(test, testdev_char_seen(device_char[SEEK]).dsync, 0);
	KUNIT_EXPECT_EQ(test, send(test, s, IO_TARGET_OP_WRITE, buf, 512, IO_TARGET_FUA), 512);
	KUNIT_EXPECT_EQ(test, testdev_char_seen(device_char[SEEK]).dsync, 1);
}

/* There are drivers, of file systems, that go by it. */
static void file_says_write(struct kunit *test)
{
	static const int devices[] = { SEEK, SEEK_NOWAIT, STREAM };
	u8 *buf = kunit_kzalloc(test, 512, GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	for (i = 0; i < ARRAY_SIZE(devices); i++) {
		struct io_target *t = open_char(test, devices[i]);
		struct sent *s = sent_alloc(test, t, 1);
		struct testdev_char_seen seen;

		KUNIT_EXPECT_EQ(test, send(test, s, IO_TARGET_OP_WRITE, buf, 512, 0), 512);
		KUNIT_EXPECT_EQ(test, send(test, s, IO_TARGET_OP_READ, buf, 512, 0), 512);
		KUNIT_EXPECT_EQ(test, io_target_write(t, buf, 512, 0, IO_TARGET_NO_TIMEOUT), 512);
		seen = testdev_char_seen(device_char[devices[i]]);
		KUNIT_EXPECT_EQ(test, seen.calls[1], 2);
		KUNIT_EXPECT_EQ(test, seen.says_write, 2);
		io_target_close(t);
	}
}

struct full_case {
	const char		*name;
	int			device;
	enum testdev_mode	mode;
	bool			write;
	s64			rest;
	ssize_t			result;
};

#define FULL_LEN	100
#define FULL_PART	10

static const struct full_case full_cases[] = {
	{ "thread, read", SEEK, TESTDEV_BLOCK, false, TESTDEV_ALL, FULL_LEN },
	{ "thread, write", SEEK, TESTDEV_BLOCK, true, TESTDEV_ALL, FULL_LEN },
	{ "thread, stream", STREAM, TESTDEV_BLOCK, true, TESTDEV_ALL, FULL_LEN },
	{ "thread, error after a part", SEEK, TESTDEV_BLOCK, true, -EIO, FULL_PART },
	{ "thread, end after a part", SEEK, TESTDEV_BLOCK, false, 0, FULL_PART },
	{ "later, read", SEEK, TESTDEV_HOLD, false, TESTDEV_ALL, FULL_LEN },
	{ "later, tried", SEEK_NOWAIT, TESTDEV_HOLD, true, TESTDEV_ALL, FULL_LEN },
	{ "later, stream", STREAM_NOWAIT, TESTDEV_HOLD, false, TESTDEV_ALL, FULL_LEN },
	{ "later, error after a part", SEEK_NOWAIT, TESTDEV_HOLD, false, -EIO, FULL_PART },
	{ "later, end after a part", STREAM, TESTDEV_HOLD, false, 0, FULL_PART },
};

static void full_case_desc(const struct full_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(full, full_cases, full_case_desc);

/* A short answer is no end, in whatever context it comes; an error after it is none either. */
static void file_full(struct kunit *test)
{
	const struct full_case *c = test->param_value;
	struct testdev_char *dev = device_char[c->device];
	struct sent *s = sent_alloc(test, open_char(test, c->device), 1);
	u8 *buf = kunit_kzalloc(test, FULL_LEN, GFP_KERNEL);
	enum testdev_context context;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	behave(c->device, (struct testdev_char_behaviour){ .mode = c->mode });
	for (context = TESTDEV_TASK; context <= TESTDEV_HARDIRQ; context++) {
		sent_prep(test, s, c->write ? IO_TARGET_OP_WRITE : IO_TARGET_OP_READ, buf,
			  FULL_LEN, 0, IO_TARGET_FULL);
		KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
		KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(dev, 1));
		testdev_char_release(dev, 0, FULL_PART, context);
		KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(dev, 1));
		KUNIT_EXPECT_TRUE(test, io_target_request_pending(&s->req));
		testdev_char_release(dev, 0, c->rest, context);
		KUNIT_ASSERT_TRUE(test, sent_wait(s));
		KUNIT_EXPECT_EQ(test, s->req.result, c->result);
	}
}

/* An open must not wait for anything, reads and writes may. */
static void file_open_flags(struct kunit *test)
{
	unsigned int flags;

	open_char(test, SEEK);
	flags = testdev_char_seen(device_char[SEEK]).open_flags;
	KUNIT_EXPECT_TRUE(test, flags & O_NONBLOCK);
	KUNIT_EXPECT_EQ(test, flags & O_ACCMODE, O_RDWR);
}

static void file_null_and_zero(struct kunit *test)
{
	struct io_target *t = device_open(test, "/dev/zero", RW);
	u8 *buf = kunit_kzalloc(test, SZ_64K, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	memset(buf, 0xff, SZ_64K);
	KUNIT_EXPECT_EQ(test, io_target_read(t, buf, SZ_64K, 0, HZ * 10), SZ_64K);
	KUNIT_EXPECT_EQ(test, pattern_match_byte(buf, SZ_64K, 0), SZ_64K);
	KUNIT_EXPECT_EQ(test, io_target_write(t, buf, SZ_64K, 0, IO_TARGET_NO_TIMEOUT), SZ_64K);
	io_target_close(t);

	t = device_open(test, "/dev/null", RW);
	KUNIT_EXPECT_EQ(test, io_target_read(t, buf, SZ_64K, 0, IO_TARGET_NO_TIMEOUT), 0);
	KUNIT_EXPECT_EQ(test, io_target_write(t, buf, SZ_64K, 0, HZ * 10), SZ_64K);
}

static void file_open_close_250(struct kunit *test)
{
	device_open_close(test, testdev_char_path(device_char[SEEK]), 25, 225);
}

static struct kunit_case file_cases[] = {
	KUNIT_CASE_PARAM(file_info, info_gen_params),
	KUNIT_CASE_PARAM(file_prep, prep_gen_params),
	KUNIT_CASE_PARAM(file_answer, answer_gen_params),
	KUNIT_CASE(file_end),
	KUNIT_CASE(file_fua),
	KUNIT_CASE(file_says_write),
	KUNIT_CASE_PARAM(file_full, full_gen_params),
	KUNIT_CASE(file_open_flags),
	KUNIT_CASE(file_null_and_zero),
	KUNIT_CASE(file_open_close_250),
	{}
};

static struct kunit_suite file_suite = {
	.name		= "io_target_file",
	.suite_init	= device_chars_init,
	.suite_exit	= device_chars_exit,
	.init		= device_fixture_init,
	.exit		= device_fixture_exit,
	.test_cases	= file_cases,
};

kunit_test_suite(file_suite);
