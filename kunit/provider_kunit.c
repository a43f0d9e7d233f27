// SPDX-License-Identifier: GPL-2.0
/*
 * Providers: what one driver offers to others by name, whatever it makes of the calls,
 * and however it goes.
 */
#include "pattern.h"
#include "shop.h"

#define LEN	SHOP_LEN

static struct sent *send(struct kunit *test, struct io_target *t, enum io_target_op op, u8 *buf,
			 unsigned int flags)
{
	struct sent *s = sent_alloc(test, t, 1);

	sent_prep(test, s, op, buf, LEN, 0, flags);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	return s;
}

static const struct shop_case kind_cases[] = {
	{ "plain", 0 },
	{ "cancels", SHOP_CANCELS },
	{ "sleeps", SHOP_SLEEPS },
	{ "cancels and sleeps", SHOP_CANCELS | SHOP_SLEEPS },
};

KUNIT_ARRAY_PARAM(kind, kind_cases, shop_case_desc);

/* Every way to send gives what the provider says, at once or later, in its context. */
static void provider_answers(struct kunit *test)
{
	const struct shop_case *c = test->param_value;
	struct shop *shop = shop_make(test, c->kind);
	struct io_target *t = shop_open_target(test);
	u8 *buf = shop_buffer(test);
	struct io_target_info info;
	enum testdev_context context;
	struct sent *s;

	KUNIT_ASSERT_EQ(test, io_target_get_info(t, &info), 0);
	KUNIT_EXPECT_EQ(test, info.read, c->kind & SHOP_SLEEPS ? IO_TARGET_SERVED_THREAD :
							    IO_TARGET_SERVED_DIRECT);
	KUNIT_EXPECT_TRUE(test, info.ioctl);
	pattern_fill(buf, LEN, 0, 1);
	KUNIT_EXPECT_EQ(test, io_target_write(t, buf, LEN, 0, IO_TARGET_NO_TIMEOUT), LEN);
	KUNIT_EXPECT_EQ(test, shop->pid, current->pid);
	memset(buf, 0, LEN);
	KUNIT_EXPECT_EQ(test, io_target_read(t, buf, LEN, 0, TESTDEV_PATIENCE), LEN);
	KUNIT_EXPECT_EQ(test, pattern_match(buf, LEN, 0, 1), LEN);
	KUNIT_EXPECT_EQ(test, io_target_flush(t, TESTDEV_PATIENCE), 0);
	s = send(test, t, IO_TARGET_OP_READ, buf, 0);
	KUNIT_EXPECT_TRUE(test, c->kind & SHOP_SLEEPS || atomic_read(&s->ends) == 1);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, LEN);
	for (context = TESTDEV_TASK; context <= TESTDEV_HARDIRQ; context++) {
		shop_set(shop, HOLD);
		s = send(test, t, IO_TARGET_OP_READ, buf, 0);
		KUNIT_ASSERT_TRUE(test, shop_wait(shop, &shop->nr_held, 1));
		KUNIT_EXPECT_TRUE(test, io_target_request_pending(&s->req));
		shop_end_held(shop, 0, context);
		KUNIT_ASSERT_TRUE(test, sent_wait(s));
		KUNIT_EXPECT_EQ(test, s->req.result, LEN);
		/* An end that comes before the function has returned is told by its thread. */
		if (!(c->kind & SHOP_CANCELS && c->kind & SHOP_SLEEPS && s->context == IN_TASK))
			KUNIT_EXPECT_EQ(test, s->context, (enum device_context)context);
	}
	shop_set(shop, REFUSE);
	s = send(test, t, IO_TARGET_OP_WRITE, buf, 0);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, -EIO);
}

/* Numbers, and kernel memory */
static void provider_ioctl(struct kunit *test)
{
	const struct shop_case *c = test->param_value;
	struct shop *shop = shop_make(test, c->kind);
	struct io_target *t = shop_open_target(test);
	struct sent *s = sent_alloc(test, t, 1);
	u8 *buf = shop_buffer(test), stack[4] = { 1, 2, 3, 4 };

	KUNIT_EXPECT_EQ(test, io_target_ioctl(t, SHOP_DOUBLE, 21, IO_TARGET_NO_TIMEOUT), 42);
	KUNIT_EXPECT_EQ(test, io_target_ioctl(t, SHOP_DOUBLE, 22, TESTDEV_PATIENCE), 44);
	KUNIT_EXPECT_EQ(test, io_target_ioctl(t, 77, 0, IO_TARGET_NO_TIMEOUT), -ENOTTY);
	memcpy(buf, stack, 4);
	KUNIT_EXPECT_EQ(test, io_target_ioctl_buf(t, SHOP_REVERSE, buf, 4, 4, TESTDEV_PATIENCE),
			4);
	KUNIT_EXPECT_EQ(test, buf[0], 4);
	KUNIT_EXPECT_EQ(test, buf[3], 1);
	KUNIT_EXPECT_EQ(test, io_target_prep_ioctl_buf(&s->req, SHOP_REVERSE, buf, 4, 4, 0), 0);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, 4);
	KUNIT_EXPECT_EQ(test, buf[0], 1);
	KUNIT_EXPECT_EQ(test, io_target_ioctl_buf(t, SHOP_REVERSE, stack, 4, 4, HZ), -EFAULT);
	KUNIT_EXPECT_EQ(test, io_target_ioctl_buf(t, SHOP_REVERSE, NULL, 4, 4, HZ), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_ioctl_buf(t, SHOP_REVERSE, buf, 0, 0, HZ), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_prep_ioctl(&s->req, SHOP_DOUBLE, 1, IO_TARGET_BOUNCE),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_prep_ioctl(&s->req, SHOP_DOUBLE, 1, IO_TARGET_NOWAIT),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_prep_discard(&s->req, 0, 512, 0), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, shop->opens, 1);
}

/* Who wants a call back has the provider asked for it; without a way to ask it is late. */
static void provider_cancel(struct kunit *test)
{
	const struct shop_case *c = test->param_value;
	struct shop *shop = shop_make(test, c->kind);
	struct io_target *t = shop_open_target(test);
	struct device_fixture *fx = test->priv;
	struct sent *s = sent_alloc(test, t, 1);
	u8 *buf = shop_buffer(test);
	bool asks = c->kind & SHOP_CANCELS;

	shop_set(shop, HOLD);
	sent_prep(test, s, IO_TARGET_OP_READ, buf, LEN, 0, 0);
	KUNIT_ASSERT_EQ(test, io_target_request_set_timeout(&s->req, HZ / 20), 0);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	if (asks) {
		KUNIT_ASSERT_TRUE(test, sent_wait(s));
		KUNIT_EXPECT_EQ(test, s->req.result, -ETIMEDOUT);
	} else {
		KUNIT_EXPECT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_OVERDUE, 1));
		shop_end_held(shop, 0, TESTDEV_SOFTIRQ);
		KUNIT_ASSERT_TRUE(test, sent_wait(s));
		KUNIT_EXPECT_EQ(test, s->req.result, LEN);
	}
	s = send(test, t, IO_TARGET_OP_READ, buf, 0);
	KUNIT_ASSERT_TRUE(test, shop_wait(shop, &shop->nr_held, 1));
	KUNIT_EXPECT_EQ(test, io_target_cancel(&s->req), -EALREADY);
	if (!asks)
		shop_end_held(shop, -ENXIO, TESTDEV_HARDIRQ);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, asks ? -ECANCELED : -ENXIO);
	KUNIT_EXPECT_EQ(test, shop->cancels, asks ? 2 : 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->events[IO_TARGET_EVENT_OVERDUE]), !asks);
	if (!asks)
		return;
	/* All of them, but for what ignores the state */
	s = send(test, t, IO_TARGET_OP_READ, buf, IO_TARGET_IGNORE_STATE);
	send(test, t, IO_TARGET_OP_READ, buf, 0);
	send(test, t, IO_TARGET_OP_WRITE, buf + LEN, 0);
	KUNIT_ASSERT_TRUE(test, shop_wait(shop, &shop->nr_held, 3));
	KUNIT_EXPECT_EQ(test, io_target_purge(t, IO_TARGET_CANCEL_SENT, TESTDEV_PATIENCE), 0);
	KUNIT_EXPECT_EQ(test, shop->cancels, 4);
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	KUNIT_EXPECT_EQ(test, s->req.result, -ECANCELED);
	KUNIT_EXPECT_EQ(test, shop->cancels, 5);
}

static const struct shop_case sleep_cases[] = {
	{ "plain", SHOP_SLEEPS },
	{ "cancels", SHOP_CANCELS | SHOP_SLEEPS },
};

KUNIT_ARRAY_PARAM(sleep, sleep_cases, shop_case_desc);

/* One that sleeps does so in a thread, which can be interrupted, or in who waits. */
static void provider_sleep(struct kunit *test)
{
	const struct shop_case *c = test->param_value;
	struct shop *shop = shop_make(test, c->kind);
	struct io_target *t = shop_open_target(test);
	struct sent *s[3];
	u8 *buf = shop_buffer(test);
	unsigned int i;

	shop_set(shop, SLEEP);
	for (i = 0; i < 3; i++)
		s[i] = send(test, t, IO_TARGET_OP_READ, buf, 0);
	KUNIT_ASSERT_TRUE(test, shop_wait(shop, &shop->sleeping, 3));
	KUNIT_EXPECT_NE(test, shop->pid, current->pid);
	KUNIT_EXPECT_EQ(test, io_target_cancel(&s[1]->req), -EALREADY);
	KUNIT_ASSERT_TRUE(test, sent_wait(s[1]));
	KUNIT_EXPECT_EQ(test, s[1]->req.result, -ECANCELED);
	KUNIT_EXPECT_FALSE(test, s[1]->signalled);
	KUNIT_EXPECT_TRUE(test, io_target_request_pending(&s[0]->req));
	shop_set(shop, AT_ONCE);
	KUNIT_ASSERT_TRUE(test, sent_wait(s[0]) && sent_wait(s[2]));
	KUNIT_EXPECT_EQ(test, s[0]->req.result, LEN);
	shop_set(shop, SLEEP);
	s[0] = send(test, t, IO_TARGET_OP_READ, buf, 0);
	KUNIT_ASSERT_TRUE(test, shop_wait(shop, &shop->sleeping, 1));
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	KUNIT_EXPECT_EQ(test, s[0]->req.result, -ECANCELED);
}

/* Each open has its context; names are found, or not. */
static void provider_names(struct kunit *test)
{
	static const struct io_target_provider_ops nothing = {};
	struct shop *shop = shop_make(test, 0);
	struct device_fixture *fx = test->priv;
	struct io_target *t = shop_open_target(test), *other = fx->target[1];

	KUNIT_EXPECT_EQ(test, shop->flags, RW);
	KUNIT_EXPECT_EQ(test, PTR_ERR(shop_register(0)), -EEXIST);
	KUNIT_EXPECT_EQ(test, PTR_ERR(io_target_provider_register("", &nothing, NULL)), -EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(io_target_provider_register("x", &nothing, NULL)), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_open_provider(other, "nobody", RW), -ENOENT);
	KUNIT_EXPECT_EQ(test, io_target_open_provider(other, SHOP_NAME, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_open_provider(other, NULL, RW), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_open_provider(other, SHOP_NAME, RW | IO_TARGET_EXCL),
			-EINVAL);
	shop->open_error = -EPERM;
	KUNIT_EXPECT_EQ(test, io_target_open_provider(other, SHOP_NAME, RW), -EPERM);
	shop->open_error = 0;
	KUNIT_EXPECT_EQ(test, io_target_open_provider(other, SHOP_NAME, IO_TARGET_READ), 0);
	KUNIT_EXPECT_EQ(test, shop->flags, IO_TARGET_READ);
	KUNIT_EXPECT_EQ(test, shop->opens, 2);
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	KUNIT_EXPECT_EQ(test, shop->closes, 1);
	KUNIT_EXPECT_EQ(test, io_target_reopen(t), 0);
	KUNIT_EXPECT_EQ(test, io_target_ioctl(t, SHOP_DOUBLE, 4, HZ), 8);
}

/* One that goes has all its calls back before it has gone, and targets know. */
static void provider_unregister(struct kunit *test)
{
	const struct shop_case *c = test->param_value;
	struct shop *shop = shop_make(test, c->kind | SHOP_CANCELS);
	struct io_target *t = shop_open_target(test);
	struct device_fixture *fx = test->priv;
	struct sent *s, *pended;
	u8 *buf = shop_buffer(test);

	shop_set(shop, c->kind & SHOP_SLEEPS ? SLEEP : HOLD);
	s = send(test, t, IO_TARGET_OP_READ, buf, 0);
	KUNIT_ASSERT_TRUE(test, shop_wait(shop, c->kind & SHOP_SLEEPS ? &shop->sleeping :
							       &shop->nr_held, 1));
	KUNIT_EXPECT_EQ(test, io_target_stop(t, IO_TARGET_LEAVE_SENT, 0), 0);
	pended = send(test, t, IO_TARGET_OP_READ, buf, 0);
	io_target_provider_unregister(shop->provider);
	KUNIT_EXPECT_EQ(test, shop->closes, 1);
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_REMOVED);
	/* The thread that has it back from the provider is perhaps not done yet. */
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, atomic_read(&s->ends), 1);
	KUNIT_EXPECT_EQ(test, s->req.result, -ECANCELED);
	KUNIT_EXPECT_EQ(test, atomic_read(&pended->ends), 1);
	KUNIT_EXPECT_EQ(test, pended->req.result, -ENODEV);
	KUNIT_EXPECT_GE(test, atomic_read(&fx->events[IO_TARGET_EVENT_STATE]), 2);
	KUNIT_EXPECT_EQ(test, io_target_read(t, buf, LEN, 0, HZ), -ENODEV);
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	KUNIT_EXPECT_EQ(test, io_target_reopen(t), -ENOENT);
	shop_set(shop, AT_ONCE);
	shop->provider = shop_register(c->kind);
	KUNIT_ASSERT_FALSE(test, IS_ERR(shop->provider));
	KUNIT_EXPECT_EQ(test, io_target_reopen(t), 0);
	KUNIT_EXPECT_EQ(test, io_target_ioctl(t, SHOP_DOUBLE, 5, HZ), 10);
}

/* What other devices make of ioctls */
static void provider_ioctl_elsewhere(struct kunit *test)
{
	struct testdev_pipe *pipe = testdev_pipe_create("iotioctl", 0);
	struct device_fixture *fx = test->priv;
	struct io_target *t = fx->target[0];
	struct sent *s = sent_alloc(test, t, 1);
	u8 *buf = shop_buffer(test);

	KUNIT_ASSERT_FALSE(test, IS_ERR(pipe));
	KUNIT_EXPECT_EQ(test, io_target_open(t, testdev_pipe_path(pipe), RW), 0);
	KUNIT_EXPECT_EQ(test, io_target_ioctl(t, TESTDEV_PIPE_DOUBLE, 21, IO_TARGET_NO_TIMEOUT),
			42);
	KUNIT_EXPECT_EQ(test, io_target_ioctl(t, TESTDEV_PIPE_DOUBLE, 21, TESTDEV_PATIENCE), 42);
	KUNIT_EXPECT_EQ(test, io_target_ioctl(t, TESTDEV_PIPE_DOUBLE + 1, 21, HZ), -ENOTTY);
	KUNIT_EXPECT_EQ(test, io_target_ioctl_buf(t, TESTDEV_PIPE_DOUBLE, buf, 4, 0, HZ),
			-EOPNOTSUPP);
	/* Beside readers that wait, not behind them */
	sent_prep(test, s, IO_TARGET_OP_READ, buf, 1, 0, 0);
	KUNIT_EXPECT_EQ(test, sent_submit(s), 0);
	KUNIT_EXPECT_EQ(test, io_target_ioctl(t, TESTDEV_PIPE_DOUBLE, 4, TESTDEV_PATIENCE), 8);
	io_target_close(t);
	KUNIT_EXPECT_EQ(test, io_target_open(t, testdev_disk_path(device_disk[FINE]), RW), 0);
	KUNIT_EXPECT_EQ(test, io_target_ioctl(t, 1, 1, HZ), -EOPNOTSUPP);
	io_target_close(t);
	KUNIT_EXPECT_EQ(test, io_target_open(t, "/dev/null", RW), 0);
	KUNIT_EXPECT_EQ(test, io_target_ioctl(t, 1, 1, HZ), -EOPNOTSUPP);
	io_target_close(t);
	testdev_pipe_destroy(pipe);
}

static struct kunit_case provider_cases[] = {
	KUNIT_CASE_PARAM(provider_answers, kind_gen_params),
	KUNIT_CASE_PARAM(provider_ioctl, kind_gen_params),
	KUNIT_CASE_PARAM(provider_cancel, kind_gen_params),
	KUNIT_CASE_PARAM(provider_sleep, sleep_gen_params),
	KUNIT_CASE(provider_names),
	KUNIT_CASE_PARAM(provider_unregister, kind_gen_params),
	KUNIT_CASE(provider_ioctl_elsewhere),
	{}
};

static struct kunit_suite provider_suite = {
	.name		= "io_target_provider",
	.suite_init	= device_disks_init,
	.suite_exit	= device_disks_exit,
	.init		= shop_init,
	.exit		= shop_exit,
	.test_cases	= provider_cases,
};

kunit_test_suite(provider_suite);
