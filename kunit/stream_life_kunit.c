// SPDX-License-Identifier: GPL-2.0
/*
 * Streams over what is no pipe: providers; devices that give reads back, or refuse them;
 * and what consumers may do in their callbacks.
 */
#include <linux/iopoll.h>

#include "consumer.h"
#include "fixture.h"
#include "shop.h"
#include "stream.h"

static int life_init(struct kunit *test)
{
	ready_pipe = NULL;
	return shop_init(test);
}

static void life_exit(struct kunit *test)
{
	shop_exit(test);
	testdev_pipe_destroy(ready_pipe);
	ready_pipe = NULL;
}

/* What the shop holds is read, and delivered before it holds the next. */
static void sell(struct kunit *test, struct shop *shop, struct consumer *c, u64 n,
		 enum testdev_context context)
{
	KUNIT_ASSERT_TRUE(test, shop_wait(shop, &shop->nr_held, 1));
	pattern_fill(shop->data, SHOP_LEN, n * SHOP_LEN, CONSUMER_SEED);
	shop_end_held(shop, 0, context);
	KUNIT_ASSERT_TRUE(test, consumer_wait(c, n + 1));
}

/* A provider has one read at a time, and the stream waits for the next of its name. */
static void life_provider(struct kunit *test)
{
	const struct shop_case *k = test->param_value;
	struct shop *shop = shop_make(test, k->kind);
	struct io_target *t = shop_open_target(test);
	struct consumer *c = consumer_alloc(test);
	struct io_target_stream_config config = {
		.depth = 4, .size = SHOP_LEN, .flags = IO_TARGET_FULL, .on_data = consumer_data };
	struct sent *sent = sent_alloc(test, t, 1);
	struct io_target_stream *s;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, PTR_ERR(io_target_stream_start(t, &config)), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, io_target_prep_read_buf(&sent->req, shop_buffer(test), SHOP_LEN, 0,
						      IO_TARGET_FULL), -EOPNOTSUPP);
	config.flags = 0;
	shop_set(shop, HOLD);
	shop->most = 1;		/* not also the read that comes next */
	s = consumer_start(test, t, c, config);
	for (i = 0; i < 30; i++)
		sell(test, shop, c, i, i % 3);
	KUNIT_ASSERT_TRUE(test, shop_wait(shop, &shop->nr_held, 1));
	KUNIT_EXPECT_EQ(test, shop->calls, 31);
	io_target_provider_unregister(shop->provider);
	shop->provider = shop_register(k->kind);
	KUNIT_ASSERT_FALSE(test, IS_ERR(shop->provider));
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	KUNIT_EXPECT_EQ(test, io_target_reopen(t), 0);
	for (; i < 40; i++)
		sell(test, shop, c, i, i % 3);
	KUNIT_ASSERT_TRUE(test, shop_wait(shop, &shop->nr_held, 1));
	KUNIT_EXPECT_EQ(test, io_target_stream_stop(s), 0);
	KUNIT_EXPECT_EQ(test, c->wrong, 0);
	KUNIT_EXPECT_EQ(test, c->errors, 0);
	KUNIT_EXPECT_EQ(test, shop->calls, 42);
}

static const struct shop_case shop_cases[] = {
	{ "cancels", SHOP_CANCELS },
	{ "cancels and sleeps", SHOP_CANCELS | SHOP_SLEEPS },
};

KUNIT_ARRAY_PARAM(shop, shop_cases, shop_case_desc);

static void behave_with(int error)
{
	testdev_char_behave(device_char[STREAM], &(struct testdev_char_behaviour){
		.error = error });
}

static unsigned int nr_reads(void)
{
	return testdev_char_seen(device_char[STREAM]).calls[0];
}

/* A device that gives its reads back is not asked again and again without a pause. */
static void life_given_back(struct kunit *test)
{
	struct consumer *c = consumer_alloc(test);
	struct io_target_stream *s;
	unsigned long began = jiffies;
	struct io_target *t;
	unsigned int n;

	behave_with(-ECANCELED);
	t = device_open(test, testdev_char_path(device_char[STREAM]), RW);
	s = consumer_start(test, t, c, (struct io_target_stream_config){
		.depth = 1, .size = CHUNK });
	KUNIT_ASSERT_EQ(test, read_poll_timeout(nr_reads, n, n >= 9, 1000,
						jiffies_to_usecs(TESTDEV_PATIENCE), false), 0);
	KUNIT_EXPECT_GE(test, jiffies - began, 100);
	behave_with(0);
	KUNIT_EXPECT_TRUE(test, consumer_wait(c, 1));
	KUNIT_EXPECT_EQ(test, io_target_stream_stop(s), 0);
	KUNIT_EXPECT_EQ(test, c->errors, 0);
}

/**
 * struct busy - a consumer who has other things to do, too
 * @c: checks what comes
 * @target: written to by the first call
 * @work: waited for by each
 * @written: what the write has returned
 */
struct busy {
	struct consumer		*c;
	struct io_target	*target;
	struct work_struct	work;
	ssize_t			written;
};

static void busy_work(struct work_struct *work)
{
}

/* The write takes one of the library's workers, and its flush an ordinary one. */
static bool busy_data(struct io_target_stream *stream, struct io_target_stream_buffer *buf,
		      void *private)
{
	struct busy *b = private;
	u8 *next = b->c->buf + CHUNK;

	schedule_work(&b->work);
	flush_work(&b->work);
	if (!b->c->count)
		b->written = io_target_write(b->target, next, CHUNK, 0, TESTDEV_PATIENCE);
	return consumer_data(stream, buf, b->c);
}

/* Consumers may flush work that is not for reclaim, and write with a timeout. */
static void life_busy(struct kunit *test)
{
	struct io_target *t = ready_open(test, 0);
	struct busy *b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);
	struct io_target_stream_config config = {
		.depth = 2, .size = CHUNK, .on_data = busy_data, .private = b };
	struct io_target_stream *s;

	KUNIT_ASSERT_NOT_NULL(test, b);
	b->c = consumer_alloc(test);
	b->target = t;
	INIT_WORK(&b->work, busy_work);
	pattern_fill(b->c->buf, 2 * CHUNK, 0, CONSUMER_SEED);
	s = io_target_stream_start(t, &config);
	KUNIT_ASSERT_FALSE(test, IS_ERR(s));
	KUNIT_EXPECT_EQ(test, testdev_pipe_push(ready_pipe, b->c->buf, CHUNK), CHUNK);
	KUNIT_EXPECT_TRUE(test, consumer_wait(b->c, 2));
	KUNIT_EXPECT_EQ(test, io_target_stream_stop(s), 0);
	KUNIT_EXPECT_EQ(test, b->written, CHUNK);
	KUNIT_EXPECT_EQ(test, b->c->wrong, 0);
}

static bool wait_refused(struct io_target_stream *s)
{
	bool refused;

	return !read_poll_timeout(READ_ONCE, refused, refused, 1000,
				  jiffies_to_usecs(TESTDEV_PATIENCE), false, s->refused);
}

/* Who tells a target to switch */
struct switcher {
	struct testdev_runner	runner;
	struct io_target	*target;
	int			err;
};

static void switch_run(struct testdev_runner *runner)
{
	struct switcher *w = container_of(runner, struct switcher, runner);

	w->err = io_target_switch(w->target, TESTDEV_PATIENCE);
}

static struct switcher *switcher(struct kunit *test, struct io_target *t)
{
	struct switcher *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, w);
	testdev_runner_init(&w->runner, switch_run);
	w->target = t;
	return w;
}

static struct sent *write_some(struct kunit *test, struct io_target *t)
{
	struct sent *s = sent_alloc(test, t, 1);

	sent_prep(test, s, IO_TARGET_OP_WRITE, shop_buffer(test), CHUNK, 0, 0);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	return s;
}

/* A read that was refused during a switch goes after it, also if that has failed. */
static void life_switch_failed(struct kunit *test)
{
	struct testdev_char *dev = device_char[STREAM];
	struct device_fixture *fx = test->priv;
	struct consumer *c = consumer_alloc(test);
	enum io_target_state state;
	struct io_target_stream *s;
	struct switcher *w;
	struct io_target *t;

	testdev_char_behave(dev, &(struct testdev_char_behaviour){ .mode = TESTDEV_HOLD });
	fx->target[0]->config.max_pended = 1;
	t = device_open(test, testdev_char_path(dev), RW);
	w = switcher(test, t);
	KUNIT_ASSERT_EQ(test, io_target_set_next(t, testdev_char_path(dev)), 0);
	s = consumer_start(test, t, c, (struct io_target_stream_config){
		.depth = 1, .size = CHUNK });
	KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(dev, 1));
	write_some(test, t);
	KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(dev, 2));
	testdev_runner_kick(&w->runner, TESTDEV_TASK);
	KUNIT_ASSERT_EQ(test, read_poll_timeout(io_target_state, state,
						state == IO_TARGET_SUSPENDED, 1000,
						jiffies_to_usecs(TESTDEV_PATIENCE), false, t), 0);
	write_some(test, t);
	testdev_char_release(dev, 0, CHUNK, TESTDEV_SOFTIRQ);
	KUNIT_ASSERT_TRUE(test, wait_refused(s));
	/* What it was to switch to cannot take the place any more. */
	t->next->stream = false;
	testdev_char_release(dev, 0, CHUNK, TESTDEV_SOFTIRQ);
	testdev_runner_sync(&w->runner);
	KUNIT_EXPECT_EQ(test, w->err, -EINVAL);
	KUNIT_EXPECT_TRUE(test, testdev_char_wait_held(dev, 2));
	testdev_char_release_all(dev, CHUNK, TESTDEV_TASK);
	KUNIT_EXPECT_TRUE(test, consumer_wait(c, 2));
	behave_with(0);
	testdev_char_release_all(dev, CHUNK, TESTDEV_TASK);
	KUNIT_EXPECT_EQ(test, io_target_stream_stop(s), 0);
	KUNIT_EXPECT_EQ(test, c->errors, 0);
}

static struct kunit_case life_cases[] = {
	KUNIT_CASE_PARAM(life_provider, shop_gen_params),
	KUNIT_CASE(life_given_back),
	KUNIT_CASE(life_busy),
	KUNIT_CASE(life_switch_failed),
	{}
};

static struct kunit_suite life_suite = {
	.name		= "io_target_stream_life",
	.suite_init	= device_chars_init,
	.suite_exit	= device_chars_exit,
	.init		= life_init,
	.exit		= life_exit,
	.test_cases	= life_cases,
};

/* A target that has no device for a read has one again when the stream looks at its state. */
static void fake_reopened(struct kunit *test)
{
	struct consumer *c = consumer_alloc(test);
	struct fixture *fx = test->priv;
	struct io_target_stream *s;

	fx->fake.stream = true;
	fx->fake.may_be_short = true;
	fx->fake.park = true;
	fixture_reopen(test, FIXTURE_RW);
	s = consumer_start(test, fx->target, c, (struct io_target_stream_config){
		.depth = 1, .size = CHUNK });
	KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, 1));
	fx->fake.check_error = -ENODEV;
	fake_answer_parked(&fx->fake, false);
	KUNIT_EXPECT_TRUE(test, wait_refused(s));
	WRITE_ONCE(fx->fake.check_error, 0);
	KUNIT_EXPECT_TRUE(test, fake_wait_parked(&fx->fake, 1));
	fake_let_go(&fx->fake);
	KUNIT_EXPECT_EQ(test, io_target_stream_stop(s), 0);
	KUNIT_EXPECT_EQ(test, c->errors, 0);
}

static struct kunit_case fake_cases[] = {
	KUNIT_CASE(fake_reopened),
	{}
};

static struct kunit_suite fake_suite = {
	.name		= "io_target_stream_fake",
	.suite_init	= fake_suite_init,
	.suite_exit	= fake_suite_exit,
	.init		= fixture_init,
	.exit		= fixture_exit,
	.test_cases	= fake_cases,
};

kunit_test_suites(&life_suite, &fake_suite);
