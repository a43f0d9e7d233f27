// SPDX-License-Identifier: GPL-2.0
/*
 * Calls that are wanted back while the provider's function has not returned, and would not
 * find them: it is asked for them as soon as it has.
 */
#include <linux/iopoll.h>

#include "provider.h"
#include "shop.h"

#define LEN	SHOP_LEN

/* Who wants them back, and how */
enum want { CANCEL, DEADLINE, STOP, PURGE, CLOSE, UNREGISTER };

struct want_case {
	const char	*name;
	enum want	want;
	unsigned int	kind;
	int		result;
};

static const struct want_case want_cases[] = {
	{ "cancel", CANCEL, 0, -ECANCELED },
	{ "cancel, sleeps", CANCEL, SHOP_SLEEPS, -ECANCELED },
	{ "deadline", DEADLINE, 0, -ETIMEDOUT },
	{ "deadline, sleeps", DEADLINE, SHOP_SLEEPS, -ETIMEDOUT },
	{ "stop", STOP, 0, -ECANCELED },
	{ "purge", PURGE, 0, -ECANCELED },
	{ "purge, sleeps", PURGE, SHOP_SLEEPS, -ECANCELED },
	{ "close", CLOSE, 0, -ECANCELED },
	{ "close, sleeps", CLOSE, SHOP_SLEEPS, -ECANCELED },
	{ "unregister", UNREGISTER, 0, -ECANCELED },
	{ "unregister, sleeps", UNREGISTER, SHOP_SLEEPS, -ECANCELED },
};

static void want_desc(const struct want_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(want, want_cases, want_desc);

/**
 * struct wanter - who waits until he has them back, beside the test
 * @runner: calls @want
 * @shop: is unregistered, with UNREGISTER
 * @target: what all else is done to
 * @want: see there
 * @done: it has returned,
 * @result: this
 */
struct wanter {
	struct testdev_runner	runner;
	struct shop		*shop;
	struct io_target	*target;
	enum want		want;
	struct completion	done;
	int			result;
};

static void wanter_run(struct testdev_runner *runner)
{
	struct wanter *w = container_of(runner, struct wanter, runner);

	switch (w->want) {
	case STOP:
		w->result = io_target_stop(w->target, IO_TARGET_CANCEL_SENT, TESTDEV_PATIENCE);
		break;
	case PURGE:
		w->result = io_target_purge(w->target, IO_TARGET_CANCEL_SENT, TESTDEV_PATIENCE);
		break;
	case CLOSE:
		w->result = io_target_close(w->target);
		break;
	case UNREGISTER:
		io_target_provider_unregister(w->shop->provider);
		break;
	default:
		break;
	}
	complete(&w->done);
}

static struct wanter *wanter(struct kunit *test, struct io_target *t, struct shop *shop,
			     enum want want)
{
	struct wanter *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, w);
	testdev_runner_init(&w->runner, wanter_run);
	init_completion(&w->done);
	w->shop = shop;
	w->target = t;
	w->want = want;
	return w;
}

static bool wait_wanted(struct sent *s)
{
	int why;

	return !read_poll_timeout(READ_ONCE, why, why, 1000, jiffies_to_usecs(TESTDEV_PATIENCE),
				  false, s->req.call.why);
}

/* Its time is over, which it was not before it had come to the provider. */
static void miss_deadline(struct sent *s)
{
	WRITE_ONCE(s->req.deadline, jiffies);
	timer_reduce(&s->req.target->timer, jiffies);
}

/* Submitted, and in the provider's function. */
static struct sent *send_blocked(struct kunit *test, struct io_target *t, struct shop *shop,
				 long timeout)
{
	struct sent *s = sent_alloc(test, t, 1);

	sent_prep(test, s, IO_TARGET_OP_READ, shop_buffer(test), LEN, 0, 0);
	if (timeout)
		KUNIT_ASSERT_EQ(test, io_target_request_set_timeout(&s->req, timeout), 0);
	shop_set(shop, BLOCK);
	KUNIT_ASSERT_EQ(test, sent_submit_atomic(s), 0);
	KUNIT_ASSERT_TRUE(test, shop_wait(shop, &shop->blocked, 1));
	return s;
}

/*
 * It is queued after somebody has wanted it back, and ends at once. If it does not, what
 * waits for it is let go.
 */
static void late_queued(struct kunit *test)
{
	const struct want_case *c = test->param_value;
	struct shop *shop = shop_make(test, c->kind | SHOP_CANCELS);
	struct io_target *t = shop_open_target(test);
	struct wanter *w = wanter(test, t, shop, c->want);
	struct sent *s = send_blocked(test, t, shop, c->want == DEADLINE ? HZ * 3600 : 0);

	if (c->want == CANCEL)
		KUNIT_EXPECT_EQ(test, io_target_cancel(&s->req), -EALREADY);
	else if (c->want == DEADLINE)
		miss_deadline(s);
	else
		testdev_runner_kick(&w->runner, TESTDEV_TASK);
	KUNIT_EXPECT_TRUE(test, wait_wanted(s));
	shop_set(shop, HOLD);
	KUNIT_EXPECT_TRUE(test, sent_wait(s));
	shop_end_held(shop, 0, TESTDEV_TASK);
	testdev_runner_sync(&w->runner);
	KUNIT_EXPECT_EQ(test, s->req.result, c->result);
	KUNIT_EXPECT_EQ(test, atomic_read(&s->ends), 1);
	KUNIT_EXPECT_EQ(test, shop->cancels, 1);
	KUNIT_EXPECT_EQ(test, w->result, 0);
	if (c->want == UNREGISTER)
		shop->provider = NULL;
}

/* What it has done before it returns is the result all the same. */
static void late_done(struct kunit *test)
{
	const struct shop_case *c = test->param_value;
	struct shop *shop = shop_make(test, c->kind);
	struct io_target *t = shop_open_target(test);
	struct sent *s = send_blocked(test, t, shop, 0);

	KUNIT_EXPECT_EQ(test, io_target_cancel(&s->req), -EALREADY);
	shop_set(shop, AT_ONCE);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, LEN);
	KUNIT_EXPECT_EQ(test, shop->cancels, 0);
	/* Ended by its own function, which says that it was queued. */
	s = send_blocked(test, t, shop, 0);
	KUNIT_EXPECT_EQ(test, io_target_cancel(&s->req), -EALREADY);
	shop_set(shop, END_INSIDE);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, LEN);
	KUNIT_EXPECT_EQ(test, shop->cancels, 0);
	/* And nothing of it sticks. */
	KUNIT_EXPECT_EQ(test, io_target_read(t, s->buf, LEN, 0, IO_TARGET_NO_TIMEOUT), LEN);
}

static const struct shop_case cancel_cases[] = {
	{ "cancels", SHOP_CANCELS },
	{ "cancels and sleeps", SHOP_CANCELS | SHOP_SLEEPS },
};

KUNIT_ARRAY_PARAM(cancel, cancel_cases, shop_case_desc);

static struct kunit_case late_cases[] = {
	KUNIT_CASE_PARAM(late_queued, want_gen_params),
	KUNIT_CASE_PARAM(late_done, cancel_gen_params),
	{}
};

static struct kunit_suite late_suite = {
	.name		= "io_target_provider_late",
	.init		= shop_init,
	.exit		= shop_exit,
	.test_cases	= late_cases,
};

kunit_test_suite(late_suite);
