// SPDX-License-Identifier: GPL-2.0
/*
 * The blocking calls, as long as the device answers. What they do when it does
 * not is in orphan_kunit.c.
 */
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "calls.h"
#include "memory.h"
#include "pattern.h"

#define LEN	4096
#define SEED	0x51
#define MIB	(1024 * 1024)
#define PATIENT	(60 * HZ)

KUNIT_ARRAY_PARAM(call, calls, call_desc);

static const enum fake_context contexts[] = {
	FAKE_TASK, FAKE_SOFTIRQ, FAKE_HARDIRQ, FAKE_WORKER,
};

static void context_desc(const enum fake_context *context, char *desc)
{
	strscpy(desc, fake_context_names[*context], KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(context, contexts, context_desc);

static void *alloc(struct kunit *test, size_t len)
{
	void *p = kunit_kzalloc(test, len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	return p;
}

/* Wherever the device answers, the waiter wakes, and no end_io is called. Covers A5, A6. */
static void sync_submit_wait(struct kunit *test)
{
	static const unsigned int flags[] = { 0, IO_TARGET_BOUNCE };
	static const long timeouts[] = { IO_TARGET_NO_TIMEOUT, PATIENT };
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	u8 *buf = alloc(test, 2 * LEN);
	unsigned int i;

	fx->fake.answer.context = *(const enum fake_context *)test->param_value;
	p->req.private = fx;
	for (i = 0; i < 4; i++) {
		loff_t pos = i * LEN;

		pattern_fill(buf, LEN, pos, SEED);
		KUNIT_EXPECT_EQ(test, call_do(CALL_WAIT_WRITE, p, buf, LEN, pos, flags[i & 1],
					      timeouts[i >> 1]), LEN);
		KUNIT_EXPECT_PTR_EQ(test, p->req.private, (void *)fx);
		memset(buf + LEN, 0, LEN);
		KUNIT_EXPECT_EQ(test, call_do(CALL_WAIT_READ, p, buf + LEN, LEN, pos, flags[i & 1],
					      timeouts[i >> 1]), LEN);
		KUNIT_EXPECT_EQ(test, pattern_match(buf + LEN, LEN, pos, SEED), (size_t)LEN);
		KUNIT_EXPECT_EQ(test, call_do(CALL_WAIT_FLUSH, p, NULL, 0, 0, flags[i & 1],
					      timeouts[i >> 1]), 0);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&p->ends), 0);
	KUNIT_EXPECT_PTR_EQ(test, p->req.private, (void *)fx);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 12u);
	KUNIT_EXPECT_EQ(test, fx->fake.flushes, 4u);
}

static void sync_bad_timeout(struct kunit *test)
{
	static const long timeouts[] = { 0, -1, -HZ, LONG_MIN };
	enum call call = *(const enum call *)test->param_value;
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	u8 *buf = alloc(test, LEN);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(timeouts); i++)
		KUNIT_EXPECT_EQ(test, call_do(call, p, buf, LEN, 0, 0, timeouts[i]), -EINVAL);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 0u);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->ends), 0);
}

/* A bio that is sent from inside ->submit_bio() would never be started. */
static void sync_inside_submit_bio(struct kunit *test)
{
	enum call call = *(const enum call *)test->param_value;
	struct bio_list list[2] = {};
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	u8 *buf = alloc(test, LEN);
	ssize_t with, without;
	int closed;

	current->bio_list = list;
	with = call_do(call, p, buf, LEN, 0, 0, PATIENT);
	without = call_do(call, p, buf, LEN, 0, 0, IO_TARGET_NO_TIMEOUT);
	closed = io_target_close(fx->target);
	current->bio_list = NULL;
	KUNIT_EXPECT_EQ(test, with, -EDEADLK);
	KUNIT_EXPECT_EQ(test, without, -EDEADLK);
	KUNIT_EXPECT_EQ(test, closed, -EDEADLK);
	KUNIT_EXPECT_EQ(test, io_target_state(fx->target), IO_TARGET_STARTED);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 0u);
}

static void sync_closed(struct kunit *test)
{
	enum call call = *(const enum call *)test->param_value;
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	u8 *buf = alloc(test, LEN);

	io_target_close(fx->target);
	KUNIT_EXPECT_EQ(test, call_do(call, p, buf, LEN, 0, 0, PATIENT), -ENODEV);
	KUNIT_EXPECT_EQ(test, call_do(call, p, buf, LEN, 0, 0, IO_TARGET_NO_TIMEOUT), -ENODEV);
}

/* Whatever the device says, once, is what the call returns: it is not asked again. */
static void sync_error(struct kunit *test)
{
	static const int errors[] = { -EIO, -ENOMEM, -EAGAIN, -ETIMEDOUT, -ENOSPC };
	enum call call = *(const enum call *)test->param_value;
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	u8 *buf = alloc(test, LEN);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		fx->fake.answer.error = errors[i];
		KUNIT_EXPECT_EQ(test, call_do(call, p, buf, LEN, 0, IO_TARGET_BOUNCE, HZ),
				errors[i]);
		KUNIT_EXPECT_EQ(test, fx->fake.submits, 2 * i + 1);
		KUNIT_EXPECT_EQ(test, call_do(call, p, buf, LEN, 0, 0, IO_TARGET_NO_TIMEOUT),
				errors[i]);
		KUNIT_EXPECT_EQ(test, fx->fake.submits, 2 * i + 2);
	}
}

static const size_t sizes[] = {
	0, 1, 511, 512, 4095, 4096, 4097, 65535, 65537, MIB - 1, MIB, MIB + 1, 3 * MIB + 777,
};

static void size_desc(const size_t *size, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%zu bytes", *size);
}

KUNIT_ARRAY_PARAM(size, sizes, size_desc);

static void round_trip(struct kunit *test, u8 *buf, size_t len, loff_t pos, long timeout)
{
	unsigned int pieces = timeout == IO_TARGET_NO_TIMEOUT || !len ? 1 : DIV_ROUND_UP(len, MIB);
	struct fixture *fx = test->priv;
	unsigned int before = fx->fake.submits;

	memset(fx->fake.memory, 0, FAKE_BYTES);
	pattern_fill(buf, len, pos, SEED);
	KUNIT_EXPECT_EQ(test, io_target_write(fx->target, buf, len, pos, timeout), (ssize_t)len);
	KUNIT_EXPECT_EQ(test, pattern_match(fx->fake.memory + pos, len, pos, SEED), len);
	KUNIT_EXPECT_EQ(test, fx->fake.memory[pos + len], 0);
	memset(buf, 0xee, len + 1);
	KUNIT_EXPECT_EQ(test, io_target_read(fx->target, buf, len, pos, timeout), (ssize_t)len);
	KUNIT_EXPECT_EQ(test, pattern_match(buf, len, pos, SEED), len);
	KUNIT_EXPECT_EQ(test, buf[len], 0xee);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, before + 2 * pieces);
}

/* Any length, of any memory, at any offset. */
static void sync_sizes(struct kunit *test)
{
	size_t len = *(const size_t *)test->param_value;
	struct fixture *fx = test->priv;
	u8 *buf = vmalloc(len + 16);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	fx->fake.answer.context = FAKE_SOFTIRQ;
	round_trip(test, buf, len, 0, PATIENT);
	round_trip(test, buf + 7, len, 1001, PATIENT);
	round_trip(test, buf, len, 4096, IO_TARGET_NO_TIMEOUT);
	round_trip(test, buf + 7, len, 13, IO_TARGET_NO_TIMEOUT);
	vfree(buf);
	if (len <= MIB + 1) {
		buf = alloc(test, len + 1);
		round_trip(test, buf, len, 512, PATIENT);
		round_trip(test, buf, len, 0, IO_TARGET_NO_TIMEOUT);
	}
}

/* The one-line calls copy where the device cannot reach: the stack, odd addresses. */
static void sync_unreachable(struct kunit *test)
{
	struct fixture *fx = test->priv;
	u8 *odd = alloc(test, LEN);
	u8 stack[64];

	fx->fake.answer.context = FAKE_HARDIRQ;
	pattern_fill(stack, sizeof(stack), 0, SEED);
	KUNIT_EXPECT_EQ(test, io_target_write(fx->target, stack, sizeof(stack), 0,
					      IO_TARGET_NO_TIMEOUT), (ssize_t)sizeof(stack));
	memset(stack, 0, sizeof(stack));
	KUNIT_EXPECT_EQ(test, io_target_read(fx->target, stack, sizeof(stack), 0, PATIENT),
			(ssize_t)sizeof(stack));
	KUNIT_EXPECT_EQ(test, pattern_match(stack, sizeof(stack), 0, SEED), sizeof(stack));
	memset(stack, 0, sizeof(stack));
	KUNIT_EXPECT_EQ(test, io_target_read(fx->target, stack, sizeof(stack), 0,
					     IO_TARGET_NO_TIMEOUT), (ssize_t)sizeof(stack));
	KUNIT_EXPECT_EQ(test, pattern_match(stack, sizeof(stack), 0, SEED), sizeof(stack));

	fx->fake.lower->dma_mask = 511;
	KUNIT_EXPECT_EQ(test, io_target_read(fx->target, odd + 3, 60, 0, IO_TARGET_NO_TIMEOUT), 60);
	KUNIT_EXPECT_EQ(test, pattern_match(odd + 3, 60, 0, SEED), 60ul);
}

struct piece_case {
	const char	*name;
	bool		may_be_short;
	bool		stream;
	unsigned int	well;		/* pieces that are answered well */
	ssize_t		error;		/* of the next, or */
	size_t		most;		/* its bytes */
	ssize_t		result;
	unsigned int	submits;
};

static const struct piece_case pieces[] = {
	{ "first fails", false, false, 0, -EIO, 0, -EIO, 1 },
	{ "second fails", false, false, 1, -EIO, 0, -EIO, 2 },
	{ "first fails, short is a result", true, false, 0, -EIO, 0, -EIO, 1 },
	{ "second fails, short is a result", true, false, 1, -EIO, 0, MIB, 2 },
	{ "third is short", true, false, 2, 0, 1000, 2 * MIB + 1000, 3 },
	{ "first is short", true, false, 0, 0, 1, 1, 1 },
	{ "stream", true, true, 3, 0, 0, MIB, 1 },
	{ "stream, short", true, true, 0, 0, 10, 10, 1 },
};

static void piece_desc(const struct piece_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(piece, pieces, piece_desc);

/* A transfer in pieces ends with the first that is not whole. */
static void sync_pieces(struct kunit *test)
{
	const struct piece_case *c = test->param_value;
	struct fixture *fx = test->priv;
	u8 *buf = vzalloc(3 * MIB);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	fx->fake.may_be_short = c->may_be_short;
	fixture_reopen(test, FIXTURE_RW);
	fx->fake.lower->stream = c->stream;
	fx->fake.from = c->well;
	fx->fake.answer.error = c->error;
	fx->fake.answer.most = c->most;
	KUNIT_EXPECT_EQ(test, io_target_read(fx->target, buf, 3 * MIB, 0, PATIENT), c->result);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, c->submits);
	vfree(buf);
}

struct whole_case {
	const char	*name;
	u64		size;
	u32		block_size;
	loff_t		pos;
	size_t		len;
	int		err;
};

static const struct whole_case wholes[] = {
	{ "length is no multiple of the block size", 0, 512, 0, 3 * MIB + 1, -EINVAL },
	{ "beyond the end", 2 * MIB, 0, 0, 3 * MIB, -ENXIO },
	{ "end not representable", 0, 0, S64_MAX - 2 * MIB, 3 * MIB, -EOVERFLOW },
};

static void whole_desc(const struct whole_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(whole, wholes, whole_desc);

/* What is wrong with the last piece is wrong with the whole: nothing is sent. */
static void sync_checks_the_whole(struct kunit *test)
{
	const struct whole_case *c = test->param_value;
	struct fixture *fx = test->priv;
	u8 *buf = vzalloc(c->len);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	fx->fake.size = c->size;
	fx->fake.block_size = c->block_size;
	KUNIT_EXPECT_EQ(test, io_target_write(fx->target, buf, c->len, c->pos, PATIENT), c->err);
	KUNIT_EXPECT_EQ(test, io_target_read(fx->target, buf, c->len, c->pos, PATIENT), c->err);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 0u);
	vfree(buf);
}

static void answer_overdue(struct fixture *fx, enum io_target_event event)
{
	if (event == IO_TARGET_EVENT_OVERDUE)
		fake_answer_parked(&fx->fake, false);
}

/* Memory of the caller's cannot be taken back: told, and waited for. */
static void sync_overdue(struct kunit *test)
{
	unsigned long deadline = jiffies + HZ / 20;
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	u8 *buf = alloc(test, LEN);

	pattern_fill(fx->fake.memory, LEN, 0, SEED);
	fx->fake.answer.context = *(const enum fake_context *)test->param_value;
	fx->fake.park = true;
	fx->on_event = answer_overdue;
	KUNIT_EXPECT_EQ(test, call_do(CALL_WAIT_READ, p, buf, LEN, 0, 0, HZ / 20), LEN);
	KUNIT_EXPECT_TRUE(test, time_after_eq(jiffies, deadline));
	KUNIT_EXPECT_EQ(test, pattern_match(buf, LEN, 0, SEED), (size_t)LEN);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->event[IO_TARGET_EVENT_OVERDUE]), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->event[IO_TARGET_EVENT_ORPHAN]), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->ends), 0);
}

/* Waiting needs no memory unless data is copied. */
static void sync_allocates_nothing(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	unsigned int i, n = 0, count;
	u8 *buf = alloc(test, LEN);

	memory_count_begin(test);
	for (i = 0; i < 500; i++) {
		n += call_do(CALL_WAIT_WRITE, p, buf, LEN, 0, 0, PATIENT) == LEN;
		n += call_do(CALL_WRITE, p, buf, LEN, 0, 0, IO_TARGET_NO_TIMEOUT) == LEN;
		n += call_do(CALL_FLUSH, p, buf, LEN, 0, 0, IO_TARGET_NO_TIMEOUT) == 0;
	}
	count = memory_count_end();
	KUNIT_EXPECT_EQ(test, n, 1500u);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 1500u);
	KUNIT_EXPECT_EQ(test, count, 0u);
}

static struct kunit_case sync_cases[] = {
	KUNIT_CASE_PARAM(sync_submit_wait, context_gen_params),
	KUNIT_CASE_PARAM(sync_bad_timeout, call_gen_params),
	KUNIT_CASE_PARAM(sync_inside_submit_bio, call_gen_params),
	KUNIT_CASE_PARAM(sync_closed, call_gen_params),
	KUNIT_CASE_PARAM(sync_error, call_gen_params),
	KUNIT_CASE_PARAM(sync_sizes, size_gen_params),
	KUNIT_CASE(sync_unreachable),
	KUNIT_CASE_PARAM(sync_pieces, piece_gen_params),
	KUNIT_CASE_PARAM(sync_checks_the_whole, whole_gen_params),
	KUNIT_CASE_PARAM(sync_overdue, context_gen_params),
	KUNIT_CASE(sync_allocates_nothing),
	{}
};

static struct kunit_suite sync_suite = {
	.name = "io_target_sync",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = sync_cases,
};

kunit_test_suite(sync_suite);
