// SPDX-License-Identifier: GPL-2.0
/*
 * Continuous streams: what comes is delivered, in order and with nothing lost, whatever
 * the consumer and the owner of the target do meanwhile.
 */
#include <linux/iopoll.h>

#include "consumer.h"
#include "duel.h"
#include "stream.h"

static u64 nr_dropped(struct io_target_stream *s)
{
	return consumer_stats(s).dropped;
}

static bool wait_dropped(struct io_target_stream *s, u64 n)
{
	u64 dropped;

	return !read_poll_timeout(nr_dropped, dropped, dropped == n, 1000,
				  jiffies_to_usecs(TESTDEV_PATIENCE), false, s);
}

/* What comes is delivered, and nobody waits in the driver for more. */
static void stream_delivers(struct kunit *test)
{
	struct io_target *t = ready_open(test, 0);
	struct consumer *c = consumer_alloc(test);
	struct io_target_stream *s = consumer_start(test, t, c, (struct io_target_stream_config){
		.depth = 4, .size = CHUNK });
	struct io_target_stream_stats stats;

	KUNIT_ASSERT_TRUE(test, ready_wait_waiting(t, false));
	KUNIT_EXPECT_EQ(test, testdev_pipe_seen(ready_pipe).waiting, 0);
	consumer_push(test, c, 0, 3 * CHUNK);
	KUNIT_EXPECT_TRUE(test, consumer_wait(c, 3));
	consumer_push(test, c, 3 * CHUNK, 100 * CHUNK);
	KUNIT_EXPECT_TRUE(test, consumer_wait(c, 103));
	KUNIT_EXPECT_EQ(test, io_target_stream_stop(s), 0);
	KUNIT_EXPECT_EQ(test, c->place, 103 * CHUNK);
	KUNIT_EXPECT_EQ(test, c->wrong, 0);
	KUNIT_EXPECT_EQ(test, c->errors, 0);

	/* Short reads are delivered as such; with FULL they are not. */
	c->place = 0;
	c->count = 0;
	s = consumer_start(test, t, c, (struct io_target_stream_config){
		.size = CHUNK, .flags = IO_TARGET_FULL });
	consumer_push(test, c, 0, CHUNK / 2);
	KUNIT_ASSERT_TRUE(test, ready_wait_waiting(t, false));
	KUNIT_EXPECT_EQ(test, c->count, 0);
	consumer_push(test, c, CHUNK / 2, CHUNK / 2);
	KUNIT_EXPECT_TRUE(test, consumer_wait(c, 1));
	stats = consumer_stats(s);
	KUNIT_EXPECT_EQ(test, stats.delivered, 1);
	KUNIT_EXPECT_EQ(test, stats.bytes, CHUNK);
	KUNIT_EXPECT_EQ(test, stats.dropped, 0);
	KUNIT_EXPECT_EQ(test, io_target_stream_stop(s), 0);
	KUNIT_EXPECT_EQ(test, c->wrong, 0);
}

static bool stream_works(struct io_target_stream *s)
{
	return READ_ONCE(s->works);
}

/* Until the stream has done all that it can do for now */
static bool wait_rests(struct io_target_stream *s)
{
	bool works;

	return !read_poll_timeout(stream_works, works, !works, 1000,
				  jiffies_to_usecs(TESTDEV_PATIENCE), false, s);
}

/* The first buffers are kept, and what they bring stays. */
static bool is_kept(struct consumer *c, unsigned int i)
{
	return pattern_match(c->kept[i]->data, CHUNK, i * CHUNK, CONSUMER_SEED) == CHUNK;
}

/* A consumer that keeps all buffers makes the device wait, not the data go. */
static void stream_keep(struct kunit *test)
{
	struct io_target *t = ready_open(test, 0);
	struct consumer *c = consumer_alloc(test);
	struct io_target_stream *s;
	unsigned int i, calls;

	c->keep = 3;
	s = consumer_start(test, t, c, (struct io_target_stream_config){
		.depth = 3, .size = CHUNK });
	consumer_push(test, c, 0, ROOM);
	KUNIT_ASSERT_TRUE(test, consumer_wait(c, 3));
	KUNIT_EXPECT_EQ(test, consumer_stats(s).kept, 3);
	KUNIT_ASSERT_TRUE(test, wait_rests(s));
	calls = testdev_pipe_seen(ready_pipe).calls;
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_TRUE(test, is_kept(c, i));
	/* More comes, and the driver is told so; whoever read it would have to be woken. */
	consumer_push(test, c, ROOM, 3 * CHUNK);
	KUNIT_ASSERT_TRUE(test, wait_rests(s));
	KUNIT_EXPECT_EQ(test, testdev_pipe_seen(ready_pipe).calls, calls);
	KUNIT_EXPECT_EQ(test, c->count, 3);
	/* In any order; and what was kept on the way back is there still. */
	io_target_stream_give_back(s, c->kept[1]);
	KUNIT_ASSERT_TRUE(test, consumer_wait(c, ROOM / CHUNK + 3));
	KUNIT_EXPECT_TRUE(test, is_kept(c, 2));
	KUNIT_EXPECT_EQ(test, io_target_stream_stop(s), 0);
	KUNIT_EXPECT_TRUE(test, is_kept(c, 0));
	io_target_stream_give_back(s, c->kept[0]);
	io_target_stream_give_back(s, c->kept[2]);
	KUNIT_EXPECT_EQ(test, c->wrong, 0);
}

/* Unless it is asked for: then one buffer always reads. */
static void stream_drop(struct kunit *test)
{
	struct io_target *t = ready_open(test, 0);
	struct consumer *c = consumer_alloc(test);
	struct io_target_stream *s;

	c->keep = 2;
	s = consumer_start(test, t, c, (struct io_target_stream_config){
		.depth = 3, .size = CHUNK, .drop = true });
	consumer_push(test, c, 0, 2 * ROOM);
	KUNIT_ASSERT_TRUE(test, ready_wait_waiting(t, false));
	KUNIT_EXPECT_TRUE(test, testdev_pipe_wait_empty(ready_pipe));
	KUNIT_EXPECT_EQ(test, c->count, 2);
	/* Also what was read last has been dropped when the next read waits. */
	KUNIT_ASSERT_TRUE(test, wait_dropped(s, 2 * ROOM / CHUNK - 2));
	KUNIT_EXPECT_EQ(test, c->wrong, 0);
	c->place = 0;
	io_target_stream_give_back(s, c->kept[0]);
	consumer_push(test, c, 0, CHUNK);
	KUNIT_EXPECT_TRUE(test, consumer_wait(c, 3));
	KUNIT_EXPECT_EQ(test, c->wrong, 0);
	KUNIT_EXPECT_EQ(test, io_target_stream_stop(s), 0);
	io_target_stream_give_back(s, c->kept[1]);
}

static void behave_with(int error)
{
	testdev_char_behave(device_char[STREAM], &(struct testdev_char_behaviour){
		.error = error });
}

/* Errors are told; who goes on does so less and less often, who does not is resumed. */
static void stream_error(struct kunit *test)
{
	struct consumer *c = consumer_alloc(test);
	struct io_target_stream *s;
	unsigned long began = jiffies;
	struct io_target *t;

	behave_with(-EIO);
	c->patience = 8;
	t = device_open(test, testdev_char_path(device_char[STREAM]), RW);
	s = consumer_start(test, t, c, (struct io_target_stream_config){
		.depth = 1, .size = CHUNK });
	KUNIT_ASSERT_TRUE(test, consumer_wait_failed(c, 9));
	KUNIT_EXPECT_EQ(test, c->err, -EIO);
	KUNIT_EXPECT_GE(test, jiffies - began, 100);
	KUNIT_EXPECT_EQ(test, c->stop, -EDEADLK);
	KUNIT_EXPECT_EQ(test, consumer_stats(s).errors, 9);
	KUNIT_EXPECT_EQ(test, consumer_stats(s).restarts, 8);
	KUNIT_EXPECT_EQ(test, testdev_char_seen(device_char[STREAM]).calls[0], 9);

	/* The end of a file is one. */
	testdev_char_behave(device_char[STREAM], &(struct testdev_char_behaviour){
		.mode = TESTDEV_HOLD });
	io_target_stream_resume(s);
	KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(device_char[STREAM], 1));
	c->resumes = true;
	testdev_char_release(device_char[STREAM], 0, 0, TESTDEV_SOFTIRQ);
	KUNIT_ASSERT_TRUE(test, consumer_wait_failed(c, 10));
	KUNIT_EXPECT_EQ(test, c->err, -ENODATA);
	KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(device_char[STREAM], 1));
	testdev_char_release(device_char[STREAM], 0, CHUNK, TESTDEV_HARDIRQ);
	KUNIT_EXPECT_TRUE(test, consumer_wait(c, 1));
	behave_with(0);
	testdev_char_release_all(device_char[STREAM], CHUNK, TESTDEV_TASK);
	KUNIT_EXPECT_EQ(test, io_target_stream_stop(s), 0);
}

/* Where not even as many reads as one may pend */
static void stream_full_queue(struct kunit *test)
{
	struct io_target_config config = { .max_pended = 1 };
	struct io_target *t = io_target_create(&config);
	struct consumer *c = consumer_alloc(test);
	struct io_target_stream *s;

	KUNIT_ASSERT_FALSE(test, IS_ERR(t));
	ready_pipe = testdev_pipe_create("iotready", 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(ready_pipe));
	KUNIT_ASSERT_EQ(test, io_target_open(t, testdev_pipe_path(ready_pipe), RW), 0);
	KUNIT_EXPECT_EQ(test, io_target_stop(t, IO_TARGET_LEAVE_SENT, 0), 0);
	s = consumer_start(test, t, c, (struct io_target_stream_config){
		.depth = 4, .size = CHUNK });
	consumer_push(test, c, 0, 8 * CHUNK);
	KUNIT_EXPECT_EQ(test, io_target_start(t), 0);
	KUNIT_EXPECT_TRUE(test, consumer_wait(c, 8));
	KUNIT_EXPECT_EQ(test, c->wrong, 0);
	KUNIT_EXPECT_EQ(test, c->errors, 0);
	KUNIT_EXPECT_EQ(test, io_target_stream_stop(s), 0);
	io_target_close(t);
	io_target_put(t);
}

struct refused_case {
	const char	*name;
	int		device;
	unsigned int	flags;
	size_t		size;
	unsigned int	stream_flags;
	int		error;
};

static const struct refused_case refused_cases[] = {
	{ "no size", STREAM, RW, 0, 0, -EINVAL },
	{ "very large", STREAM, RW, SIZE_MAX, 0, -EINVAL },
	{ "flags", STREAM, RW, CHUNK, IO_TARGET_NOWAIT, -EINVAL },
	{ "write only", STREAM, IO_TARGET_WRITE, CHUNK, 0, -EOPNOTSUPP },
	{ "user pointers", USER_ONLY, RW, CHUNK, 0, -EOPNOTSUPP },
	{ "closed", -1, 0, CHUNK, 0, -ENODEV },
};

static void refused_desc(const struct refused_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(refused, refused_cases, refused_desc);

static void stream_refused(struct kunit *test)
{
	const struct refused_case *c = test->param_value;
	struct device_fixture *fx = test->priv;
	struct io_target_stream_config config = { .size = c->size, .flags = c->stream_flags,
						  .on_data = consumer_data };
	struct io_target *t = fx->target[0];

	if (c->device >= 0)
		t = device_open(test, testdev_char_path(device_char[c->device]), c->flags);
	KUNIT_EXPECT_EQ(test, PTR_ERR(io_target_stream_start(t, &config)), c->error);
	config.on_data = NULL;
	config.size = CHUNK;
	config.flags = 0;
	KUNIT_EXPECT_EQ(test, PTR_ERR(io_target_stream_start(t, &config)), -EINVAL);
	/* All would be dropped. */
	config.on_data = consumer_data;
	config.depth = 1;
	config.drop = true;
	KUNIT_EXPECT_EQ(test, PTR_ERR(io_target_stream_start(t, &config)), -EINVAL);
}

static struct kunit_case stream_cases[] = {
	KUNIT_CASE(stream_delivers),
	KUNIT_CASE(stream_keep),
	KUNIT_CASE(stream_drop),
	KUNIT_CASE(stream_error),
	KUNIT_CASE(stream_full_queue),
	KUNIT_CASE_PARAM(stream_refused, refused_gen_params),
	{}
};

static struct kunit_suite stream_suite = {
	.name		= "io_target_stream",
	.suite_init	= device_chars_init,
	.suite_exit	= device_chars_exit,
	.init		= ready_init,
	.exit		= ready_exit,
	.test_cases	= stream_cases,
};

/* @buffers: that are to come; a stress run has 20 times as many */
struct long_case {
	const char	*name;
	unsigned int	flags;
	unsigned int	depth;
	unsigned int	buffers;
};

static const struct long_case long_cases[] = {
	{ "one buffer", 0, 1, 1000 },
	{ "sixteen buffers", 0, 16, 5000 },
	{ "NOWAIT", TESTDEV_PIPE_NOWAIT | TESTDEV_PIPE_TWO, 4, 1000 },
	{ "positions", TESTDEV_PIPE_SEEKS, 4, 1000 },
};

static void long_desc(const struct long_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(long, long_cases, long_desc);

/* Very many, against a consumer and a device that go their own pace */
static void stream_long(struct kunit *test)
{
	const struct long_case *c = test->param_value;
	struct io_target *t = ready_open(test, c->flags);
	struct consumer *to = consumer_alloc(test);
	u64 n = duel_rounds(c->buffers);
	struct io_target_stream *s = consumer_start(test, t, to, (struct io_target_stream_config){
		.depth = c->depth, .size = CHUNK, .flags = IO_TARGET_FULL });
	unsigned long began = jiffies;

	consumer_push(test, to, 0, n * CHUNK);
	KUNIT_EXPECT_TRUE(test, consumer_wait(to, n));
	KUNIT_EXPECT_EQ(test, io_target_stream_stop(s), 0);
	kunit_info(test, "%llu buffers in %u ms", n, jiffies_to_msecs(jiffies - began));
	KUNIT_EXPECT_EQ(test, to->place, n * CHUNK);
	KUNIT_EXPECT_EQ(test, to->wrong, 0);
	KUNIT_EXPECT_EQ(test, to->errors, 0);
}

static struct kunit_case long_suite_cases[] = {
	KUNIT_CASE_PARAM(stream_long, long_gen_params),
	{}
};

static struct kunit_suite long_suite = {
	.name		= "io_target_stress_stream",
	.init		= ready_init,
	.exit		= ready_exit,
	.test_cases	= long_suite_cases,
};

kunit_test_suites(&stream_suite, &long_suite);
