// SPDX-License-Identifier: GPL-2.0
/*
 * Forwarding to char devices: results, the target's states, order.
 */
#include <linux/sizes.h>

#include "forwarder.h"
#include "internal.h"
#include "pattern.h"

#define SEED	0x666f7277ULL
#define CHUNK	16
#define MANY	8

static struct io_target *open_char(struct kunit *test, int c, unsigned int flags)
{
	return device_open(test, testdev_char_path(device_char[c]), flags);
}

static void behave(int c, enum testdev_mode mode, int error, ssize_t limit)
{
	testdev_char_behave(device_char[c], &(struct testdev_char_behaviour){
		.mode = mode, .error = error, .limit = limit });
}

static u8 *zeroes(struct kunit *test, size_t len)
{
	u8 *buf = kunit_kzalloc(test, len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	return buf;
}

/* A transfer by this thread. */
static long forward(struct forwarder *f, bool write, void *buf, size_t len, loff_t pos)
{
	forwarder_prep(f, write, buf, len, pos);
	return forwarder_transfer(f);
}

/* What the device says is the result, and where it says that it ends. */
static void forward_results(struct kunit *test)
{
	u8 *buf = zeroes(test, SZ_4K), *back = zeroes(test, SZ_4K);
	struct io_target *t = open_char(test, SEEK, RW);
	struct forwarder *f = forwarder_alloc(test, t);

	pattern_fill(buf, SZ_4K, 0, SEED);
	KUNIT_EXPECT_EQ(test, forward(f, true, buf, SZ_4K, 512), SZ_4K);
	KUNIT_EXPECT_EQ(test, f->iocb.ki_pos, 512 + SZ_4K);
	KUNIT_EXPECT_EQ(test, forward(f, false, back, SZ_4K, 512), SZ_4K);
	KUNIT_EXPECT_EQ(test, f->iocb.ki_pos, 512 + SZ_4K);
	KUNIT_EXPECT_EQ(test, pattern_match(back, SZ_4K, 0, SEED), SZ_4K);
	KUNIT_EXPECT_EQ(test, testdev_char_seen(device_char[SEEK]).pid, current->pid);

	behave(SEEK, TESTDEV_NOW, 0, 100);
	KUNIT_EXPECT_EQ(test, forward(f, false, back, SZ_4K, 0), 100);
	KUNIT_EXPECT_EQ(test, f->iocb.ki_pos, 100);
	behave(SEEK, TESTDEV_NOW, -ENXIO, 0);
	KUNIT_EXPECT_EQ(test, forward(f, false, back, SZ_4K, 7), -ENXIO);
	KUNIT_EXPECT_EQ(test, f->iocb.ki_pos, 7);
	behave(SEEK, TESTDEV_NOW, -EAGAIN, 0);
	KUNIT_EXPECT_EQ(test, forward(f, true, buf, SZ_4K, 0), -EAGAIN);
	behave(SEEK, TESTDEV_NOW, 0, 0);
	KUNIT_EXPECT_EQ(test, forward(f, false, back, SZ_4K, CHAR_SIZE), 0);
	KUNIT_EXPECT_EQ(test, forward(f, true, buf, SZ_4K, CHAR_SIZE), -ENOSPC);
}

/* What of its kiocb the driver is told. */
static void forward_flags(struct kunit *test)
{
	struct forwarder *f = forwarder_alloc(test, open_char(test, SEEK_NOWAIT, RW));
	struct testdev_char *c = device_char[SEEK_NOWAIT];
	u8 *buf = zeroes(test, CHUNK);

	KUNIT_EXPECT_EQ(test, forward(f, true, buf, CHUNK, 0), CHUNK);
	KUNIT_EXPECT_EQ(test, testdev_char_seen(c).dsync, 0);
	forwarder_prep(f, true, buf, CHUNK, 0);
	f->iocb.ki_flags = IOCB_DSYNC;
	KUNIT_EXPECT_EQ(test, forwarder_transfer(f), CHUNK);
	KUNIT_EXPECT_EQ(test, testdev_char_seen(c).dsync, 1);
	KUNIT_EXPECT_EQ(test, testdev_char_seen(c).nowait, 0);
	forwarder_prep(f, false, buf, CHUNK, 0);
	f->iocb.ki_flags = IOCB_NOWAIT;
	KUNIT_EXPECT_EQ(test, forwarder_transfer(f), CHUNK);
	KUNIT_EXPECT_EQ(test, testdev_char_seen(c).nowait, 1);
	testdev_char_behave(c, &(struct testdev_char_behaviour){
		.nowait_limit = TESTDEV_NOT_READY });
	forwarder_prep(f, false, buf, CHUNK, 0);
	f->iocb.ki_flags = IOCB_NOWAIT;
	KUNIT_EXPECT_EQ(test, forwarder_transfer(f), -EAGAIN);
}

struct async_case {
	const char		*name;
	int			device;
	bool			write;
	s64			answer;
	long			result;
	enum testdev_context	context;
	enum device_context	seen;
};

static const struct async_case async_cases[] = {
	{ "read, task", SEEK, false, TESTDEV_ALL, CHUNK, TESTDEV_TASK, IN_TASK },
	{ "write, softirq", SEEK, true, TESTDEV_ALL, CHUNK, TESTDEV_SOFTIRQ, IN_SOFTIRQ },
	{ "short write, hardirq", SEEK, true, 5, 5, TESTDEV_HARDIRQ, IN_HARDIRQ },
	{ "failed read, softirq", SEEK, false, -EIO, -EIO, TESTDEV_SOFTIRQ, IN_SOFTIRQ },
	{ "end of file, hardirq", SEEK, false, 0, 0, TESTDEV_HARDIRQ, IN_HARDIRQ },
	{ "stream read, softirq", STREAM, false, 3, 3, TESTDEV_SOFTIRQ, IN_SOFTIRQ },
	{ "stream write, hardirq", STREAM, true, TESTDEV_ALL, CHUNK, TESTDEV_HARDIRQ, IN_HARDIRQ },
};

static void async_case_desc(const struct async_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(async, async_cases, async_case_desc);

/* Completed once, with the true result, where the driver does it; close waits for that. */
static void forward_async(struct kunit *test)
{
	const struct async_case *c = test->param_value;
	struct io_target *t = open_char(test, c->device, RW);
	struct forwarder *f = forwarder_alloc(test, t);
	u8 *buf = zeroes(test, CHUNK);
	bool stream = c->device == STREAM;

	behave(c->device, TESTDEV_HOLD, 0, 0);
	forwarder_prep(f, c->write, buf, CHUNK, stream ? 0 : 32);
	forwarder_async(f);
	KUNIT_ASSERT_EQ(test, forwarder_transfer(f), -EIOCBQUEUED);
	KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(device_char[c->device], 1));
	KUNIT_EXPECT_EQ(test, atomic_read(&f->completed), 0);
	KUNIT_EXPECT_EQ(test, io_target_stop(t, IO_TARGET_WAIT_SENT, 1), -ETIMEDOUT);
	testdev_char_release(device_char[c->device], 0, c->answer, c->context);
	KUNIT_ASSERT_TRUE(test, wait_for_completion_timeout(&f->done, TESTDEV_PATIENCE));
	KUNIT_EXPECT_EQ(test, io_target_stop(t, IO_TARGET_WAIT_SENT, 10 * HZ), 0);
	KUNIT_EXPECT_EQ(test, f->result, c->result);
	KUNIT_EXPECT_EQ(test, f->context, c->seen);
	KUNIT_EXPECT_EQ(test, f->iocb.ki_pos, stream ? 0 : 32 + max(c->result, 0L));
	io_target_close(t);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->completed), 1);
}

/* What the driver ends at once is not completed on top. */
static void forward_async_at_once(struct kunit *test)
{
	struct forwarder *f = forwarder_alloc(test, open_char(test, SEEK, RW));
	u8 *buf = zeroes(test, CHUNK);

	forwarder_prep(f, true, buf, CHUNK, 8);
	forwarder_async(f);
	KUNIT_EXPECT_EQ(test, forwarder_transfer(f), CHUNK);
	KUNIT_EXPECT_EQ(test, f->iocb.ki_pos, 8 + CHUNK);
	behave(SEEK, TESTDEV_NOW, -EIO, 0);
	forwarder_prep(f, true, buf, CHUNK, 8);
	forwarder_async(f);
	KUNIT_EXPECT_EQ(test, forwarder_transfer(f), -EIO);
	io_target_close(f->target);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->completed), 0);
}

/* @n threads write a chunk each, and wait for the target in their order. */
static struct forwarder **pend_writes(struct kunit *test, struct io_target *t, u8 *buf,
				      unsigned int n)
{
	struct forwarder **f = kunit_kcalloc(test, n, sizeof(*f), GFP_KERNEL);
	unsigned int i, before = READ_ONCE(t->nr_pended);

	KUNIT_ASSERT_NOT_NULL(test, f);
	for (i = 0; i < n; i++) {
		f[i] = forwarder_alloc(test, t);
		forwarder_prep(f[i], true, buf + i * CHUNK, CHUNK, 0);
		forwarder_start(test, f[i]);
		KUNIT_ASSERT_TRUE(test, forwarder_wait_pended(t, before + i + 1));
	}
	return f;
}

/* Held back with the library's own requests, and sent in one order with them. */
static void forward_order(struct kunit *test)
{
	struct io_target *t = open_char(test, STREAM, RW);
	u8 *buf = zeroes(test, (2 * MANY + 1) * CHUNK), *back = zeroes(test, SZ_4K);
	struct sent *s = sent_alloc(test, t, 1);
	struct forwarder **before, **after;
	unsigned int i;

	pattern_fill(buf, (2 * MANY + 1) * CHUNK, 0, SEED);
	KUNIT_ASSERT_EQ(test, io_target_stop(t, IO_TARGET_LEAVE_SENT, 0), 0);
	before = pend_writes(test, t, buf, MANY);
	sent_prep(test, s, IO_TARGET_OP_WRITE, buf + MANY * CHUNK, CHUNK, 0, 0);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	after = pend_writes(test, t, buf + (MANY + 1) * CHUNK, MANY);
	KUNIT_EXPECT_EQ(test, testdev_char_seen(device_char[STREAM]).calls[1], 0);
	KUNIT_ASSERT_EQ(test, io_target_start(t), 0);
	for (i = 0; i < MANY; i++) {
		KUNIT_EXPECT_EQ(test, forwarder_end(test, before[i]), CHUNK);
		KUNIT_EXPECT_EQ(test, forwarder_end(test, after[i]), CHUNK);
	}
	KUNIT_EXPECT_TRUE(test, sent_wait(s));
	testdev_store_read(testdev_char_store(device_char[STREAM]), 0, back,
			   (2 * MANY + 1) * CHUNK);
	KUNIT_EXPECT_EQ(test, pattern_match(back, (2 * MANY + 1) * CHUNK, 0, SEED),
			(2 * MANY + 1) * CHUNK);
	KUNIT_EXPECT_EQ(test, testdev_char_seen(device_char[STREAM]).most_inside[1], 1);
}

/* Start does not wait for what it lets through. */
static void forward_start_returns(struct kunit *test)
{
	struct io_target *t = open_char(test, STREAM, RW);
	u8 *buf = zeroes(test, 2 * CHUNK);
	struct forwarder **f;

	behave(STREAM, TESTDEV_BLOCK, 0, 0);
	KUNIT_ASSERT_EQ(test, io_target_stop(t, IO_TARGET_LEAVE_SENT, 0), 0);
	f = pend_writes(test, t, buf, 2);
	KUNIT_EXPECT_EQ(test, io_target_start(t), 0);
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_STARTED);
	KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(device_char[STREAM], 1));
	/* Both have been let through: a stop waits for them. */
	KUNIT_EXPECT_EQ(test, io_target_stop(t, IO_TARGET_WAIT_SENT, 1), -ETIMEDOUT);
	/* The one that has not reached the driver is taken back. */
	KUNIT_EXPECT_EQ(test, io_target_stop(t, IO_TARGET_CANCEL_SENT, 1), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, forwarder_end(test, f[1]), -ECANCELED);
	testdev_char_release(device_char[STREAM], 0, TESTDEV_ALL, TESTDEV_TASK);
	KUNIT_EXPECT_EQ(test, forwarder_end(test, f[0]), CHUNK);
	KUNIT_EXPECT_EQ(test, io_target_stop(t, IO_TARGET_WAIT_SENT, 10 * HZ), 0);
}

static int end_purge(struct io_target *t)
{
	return io_target_purge(t, IO_TARGET_LEAVE_SENT, 0);
}

static int end_remove(struct io_target *t)
{
	iot_target_removed(t);
	return 0;
}

struct end_case {
	const char	*name;
	int		(*end)(struct io_target *t);
	long		waiting;
	long		later;
};

static const struct end_case end_cases[] = {
	{ "purge", end_purge, -ECANCELED, -ESHUTDOWN },
	{ "close", io_target_close, -ECANCELED, -ENODEV },
	{ "removal", end_remove, -ENODEV, -ENODEV },
};

static void end_case_desc(const struct end_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(end, end_cases, end_case_desc);

static long call_ioctl(struct forwarder *f)
{
	return io_target_forward_ioctl(f->target, TESTDEV_PIPE_DOUBLE, 1);
}

static long call_fsync(struct forwarder *f)
{
	return io_target_forward_fsync(f->target, 0, LLONG_MAX, 0);
}

/* What ends those who wait, and refuses those who come later. */
static void forward_ended(struct kunit *test)
{
	const struct end_case *c = test->param_value;
	struct io_target *t = open_char(test, SEEK, RW);
	u8 *buf = zeroes(test, 2 * CHUNK);
	struct forwarder *f = forwarder_alloc(test, t), *ioctl = forwarder_alloc(test, t);
	struct forwarder **writes;

	KUNIT_ASSERT_EQ(test, io_target_stop(t, IO_TARGET_LEAVE_SENT, 0), 0);
	writes = pend_writes(test, t, buf, 2);
	ioctl->call = call_ioctl;
	forwarder_start(test, ioctl);
	KUNIT_ASSERT_TRUE(test, forwarder_wait_pended(t, 3));
	KUNIT_EXPECT_EQ(test, c->end(t), 0);
	KUNIT_EXPECT_EQ(test, forwarder_end(test, writes[0]), c->waiting);
	KUNIT_EXPECT_EQ(test, forwarder_end(test, writes[1]), c->waiting);
	KUNIT_EXPECT_EQ(test, forwarder_end(test, ioctl), c->waiting);
	KUNIT_EXPECT_EQ(test, forward(f, false, buf, CHUNK, 0), c->later);
	KUNIT_EXPECT_EQ(test, call_ioctl(f), c->later);
	KUNIT_EXPECT_EQ(test, call_fsync(f), c->later);
	KUNIT_EXPECT_EQ(test, testdev_char_seen(device_char[SEEK]).calls[1], 0);
}

/* Who must not wait does not; neither for the target nor for others. */
static void forward_nowait(struct kunit *test)
{
	struct io_target *t = open_char(test, STREAM_NOWAIT, RW);
	struct testdev_char *c = device_char[STREAM_NOWAIT];
	struct forwarder *f = forwarder_alloc(test, t), *first = forwarder_alloc(test, t);
	u8 *buf = zeroes(test, 2 * CHUNK);

	forwarder_prep(f, true, buf, CHUNK, 0);
	f->iocb.ki_flags = IOCB_NOWAIT;
	KUNIT_ASSERT_EQ(test, io_target_stop(t, IO_TARGET_LEAVE_SENT, 0), 0);
	KUNIT_EXPECT_EQ(test, forwarder_transfer(f), -EAGAIN);
	KUNIT_ASSERT_EQ(test, io_target_start(t), 0);
	behave(STREAM_NOWAIT, TESTDEV_BLOCK, 0, 0);
	forwarder_prep(first, true, buf + CHUNK, CHUNK, 0);
	forwarder_start(test, first);
	KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(c, 1));
	KUNIT_EXPECT_EQ(test, forwarder_transfer(f), -EAGAIN);
	testdev_char_release(c, 0, TESTDEV_ALL, TESTDEV_TASK);
	KUNIT_EXPECT_EQ(test, forwarder_end(test, first), CHUNK);
	behave(STREAM_NOWAIT, TESTDEV_NOW, 0, 0);
	KUNIT_EXPECT_EQ(test, forwarder_transfer(f), CHUNK);
	KUNIT_EXPECT_EQ(test, testdev_char_seen(c).calls[1], 2);
}

/* Not failed for a full queue. */
static void forward_unbounded(struct kunit *test)
{
	struct io_target *t = open_char(test, SEEK, RW);
	u8 *buf = zeroes(test, MANY * CHUNK);
	struct sent *s = sent_alloc(test, t, 1);
	struct forwarder **f;
	unsigned int i;

	t->config.max_pended = 2;
	KUNIT_ASSERT_EQ(test, io_target_stop(t, IO_TARGET_LEAVE_SENT, 0), 0);
	f = pend_writes(test, t, buf, MANY);
	sent_prep(test, s, IO_TARGET_OP_WRITE, buf, CHUNK, 0, 0);
	KUNIT_EXPECT_EQ(test, sent_submit(s), -EAGAIN);
	KUNIT_ASSERT_EQ(test, io_target_start(t), 0);
	for (i = 0; i < MANY; i++)
		KUNIT_EXPECT_EQ(test, forwarder_end(test, f[i]), CHUNK);
}

/* A signal takes back one that waits for the target, or for its turn. */
static void forward_signal(struct kunit *test)
{
	struct io_target *t = open_char(test, STREAM, RW);
	struct forwarder *f = forwarder_alloc(test, t);
	u8 *buf = zeroes(test, 4 * CHUNK);
	struct forwarder **w;

	KUNIT_ASSERT_EQ(test, io_target_stop(t, IO_TARGET_LEAVE_SENT, 0), 0);
	w = pend_writes(test, t, buf, 3);
	send_sig(SIGUSR1, w[1]->task, 1);
	KUNIT_EXPECT_EQ(test, forwarder_end(test, w[1]), -ERESTARTSYS);
	behave(STREAM, TESTDEV_BLOCK, 0, 0);
	KUNIT_ASSERT_EQ(test, io_target_start(t), 0);
	KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(device_char[STREAM], 1));
	send_sig(SIGUSR1, w[2]->task, 1);
	KUNIT_EXPECT_EQ(test, forwarder_end(test, w[2]), -ERESTARTSYS);
	KUNIT_EXPECT_TRUE(test, forwarder_runs(w[0]));
	testdev_char_release(device_char[STREAM], 0, TESTDEV_ALL, TESTDEV_TASK);
	KUNIT_EXPECT_EQ(test, forwarder_end(test, w[0]), CHUNK);
	behave(STREAM, TESTDEV_NOW, 0, 0);
	KUNIT_EXPECT_EQ(test, forward(f, true, buf, CHUNK, 0), CHUNK);
	KUNIT_EXPECT_EQ(test, testdev_char_seen(device_char[STREAM]).calls[1], 2);
}

/* Behind a write that has timed out, and may still land, as all writes. */
static void forward_behind_orphan(struct kunit *test)
{
	struct io_target *t = open_char(test, SEEK, RW);
	struct forwarder *f = forwarder_alloc(test, t), *other = forwarder_alloc(test, t);
	struct sent *s = sent_alloc(test, t, 1);
	u8 *buf = zeroes(test, 2 * CHUNK);

	behave(SEEK, TESTDEV_HOLD, 0, 0);
	sent_prep(test, s, IO_TARGET_OP_WRITE, buf, CHUNK, 0, IO_TARGET_BOUNCE);
	KUNIT_ASSERT_EQ(test, io_target_request_set_timeout(&s->req, 2 * HZ), 0);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(device_char[SEEK], 1));
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, -ETIMEDOUT);
	behave(SEEK, TESTDEV_NOW, 0, 0);
	pattern_fill(buf, CHUNK, 0, SEED);
	forwarder_prep(f, true, buf, CHUNK, 0);
	forwarder_start(test, f);
	KUNIT_ASSERT_TRUE(test, forwarder_wait_held(t));
	KUNIT_EXPECT_EQ(test, forward(other, true, buf, CHUNK, SZ_4K), CHUNK);
	KUNIT_EXPECT_TRUE(test, forwarder_runs(f));
	testdev_char_release(device_char[SEEK], 0, TESTDEV_ALL, TESTDEV_TASK);
	KUNIT_EXPECT_EQ(test, forwarder_end(test, f), CHUNK);
	testdev_store_read(testdev_char_store(device_char[SEEK]), 0, buf + CHUNK, CHUNK);
	KUNIT_EXPECT_EQ(test, pattern_match(buf + CHUNK, CHUNK, 0, SEED), CHUNK);
}

/* Before anything reaches the driver. */
static void forward_access(struct kunit *test)
{
	struct io_target *ro = open_char(test, SEEK, IO_TARGET_READ);
	struct io_target *wo = open_char(test, STREAM, IO_TARGET_WRITE);
	u8 *buf = zeroes(test, CHUNK);
	struct forwarder *f = forwarder_alloc(test, ro);

	KUNIT_EXPECT_EQ(test, forward(f, true, buf, CHUNK, 0), -EROFS);
	KUNIT_EXPECT_EQ(test, forward(f, false, buf, CHUNK, 0), CHUNK);
	KUNIT_ASSERT_EQ(test, io_target_stop(ro, IO_TARGET_LEAVE_SENT, 0), 0);
	KUNIT_EXPECT_EQ(test, forward(f, true, buf, CHUNK, 0), -EROFS);
	f->target = wo;
	KUNIT_EXPECT_EQ(test, forward(f, false, buf, CHUNK, 0), -EBADF);
	KUNIT_EXPECT_EQ(test, testdev_char_seen(device_char[SEEK]).calls[1], 0);
	KUNIT_EXPECT_EQ(test, testdev_char_seen(device_char[STREAM]).calls[0], 0);
}

/* A driver for user pointers only, with the kernel's memory. */
static void forward_user_only(struct kunit *test)
{
	struct forwarder *f = forwarder_alloc(test, open_char(test, USER_ONLY, RW));
	u8 *buf = zeroes(test, CHUNK);

	KUNIT_EXPECT_EQ(test, forward(f, true, buf, CHUNK, 0), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, forward(f, false, buf, CHUNK, 0), -EOPNOTSUPP);
}

/* The position is that of the file above; on the one below nothing is left. */
static void forward_llseek(struct kunit *test)
{
	struct io_target *t = open_char(test, SEEK, RW), *stream = open_char(test, STREAM, RW);
	struct file *file = device_filp_open(testdev_char_path(device_char[NO_FSYNC]), O_RDWR);

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_EXPECT_EQ(test, io_target_forward_llseek(t, file, 100, SEEK_SET), 100);
	KUNIT_EXPECT_EQ(test, file->f_pos, 100);
	KUNIT_EXPECT_EQ(test, io_target_forward_llseek(t, file, 5, SEEK_CUR), 105);
	KUNIT_EXPECT_EQ(test, io_target_forward_llseek(t, file, -1, SEEK_END), CHAR_SIZE - 1);
	KUNIT_EXPECT_EQ(test, io_target_forward_llseek(t, file, -1, SEEK_SET), -EINVAL);
	KUNIT_EXPECT_EQ(test, file->f_pos, CHAR_SIZE - 1);
	KUNIT_EXPECT_EQ(test, io_target_forward_llseek(stream, file, 0, SEEK_SET), -ESPIPE);
	device_filp_close(file);
}

static void forward_fsync(struct kunit *test)
{
	struct forwarder *f = forwarder_alloc(test, open_char(test, SEEK, RW));

	KUNIT_EXPECT_EQ(test, call_fsync(f), 0);
	KUNIT_EXPECT_EQ(test, testdev_char_seen(device_char[SEEK]).fsyncs, 1);
	behave(SEEK, TESTDEV_NOW, -EDQUOT, 0);
	KUNIT_EXPECT_EQ(test, call_fsync(f), -EDQUOT);
	f->target = open_char(test, NO_FSYNC, RW);
	KUNIT_EXPECT_EQ(test, call_fsync(f), -EINVAL);
}

static struct kunit_case forward_cases[] = {
	KUNIT_CASE(forward_results),
	KUNIT_CASE(forward_flags),
	KUNIT_CASE_PARAM(forward_async, async_gen_params),
	KUNIT_CASE(forward_async_at_once),
	KUNIT_CASE(forward_order),
	KUNIT_CASE(forward_start_returns),
	KUNIT_CASE_PARAM(forward_ended, end_gen_params),
	KUNIT_CASE(forward_nowait),
	KUNIT_CASE(forward_unbounded),
	KUNIT_CASE(forward_signal),
	KUNIT_CASE(forward_behind_orphan),
	KUNIT_CASE(forward_access),
	KUNIT_CASE(forward_user_only),
	KUNIT_CASE(forward_llseek),
	KUNIT_CASE(forward_fsync),
	{}
};

static struct kunit_suite forward_suite = {
	.name		= "io_target_forward_file",
	.suite_init	= device_chars_init,
	.suite_exit	= device_chars_exit,
	.init		= device_fixture_init,
	.exit		= device_fixture_exit,
	.test_cases	= forward_cases,
};

kunit_test_suite(forward_suite);
