// SPDX-License-Identifier: GPL-2.0
/*
 * Providers that go under load, and calls that are wanted back while they are made, or
 * ended.
 */
#include <linux/delay.h>
#include <linux/iopoll.h>
#include <linux/kthread.h>

#include "duel.h"
#include "shop.h"

#define LEN		SHOP_LEN
#define UNREGISTERS	25	/* of each of the eight kinds */
#define LOADS		16

/* Rounds; a stress run has 20 times as many */
#define CANCEL_END	200
#define PURGE_SUBMIT	50

/* Requests that are sent again and again, as long as there is somebody to send them to */
struct load {
	struct io_target_request	req;
	struct loader			*loader;
	u8				buf[LEN];
};

/**
 * struct loader - who sends them
 * @loads: them
 * @accepted: submits
 * @ended: of those
 * @left: of @loads that are outstanding
 * @done: none is
 */
struct loader {
	struct load		loads[LOADS];
	atomic_t		accepted;
	atomic_t		ended;
	atomic_t		left;
	struct completion	done;
};

static void load_end_io(struct io_target_request *req);

static void load_send(struct load *load)
{
	struct loader *loader = load->loader;
	int err = io_target_prep_read_buf(&load->req, load->buf, LEN, 0, 0);

	load->req.end_io = load_end_io;
	err = err ?: io_target_submit_atomic(&load->req);
	if (!err)
		atomic_inc(&loader->accepted);
	else if (atomic_dec_and_test(&loader->left))
		complete(&loader->done);
}

static void load_end_io(struct io_target_request *req)
{
	struct load *load = container_of(req, struct load, req);

	atomic_inc(&load->loader->ended);
	load_send(load);
}

static struct loader *loader(struct kunit *test, struct io_target *t)
{
	struct loader *l = kunit_kzalloc(test, sizeof(*l), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, l);
	init_completion(&l->done);
	for (i = 0; i < LOADS; i++) {
		io_target_request_init(&l->loads[i].req, t);
		l->loads[i].loader = l;
	}
	return l;
}

/* Until there have been so many more calls; false: there are not. */
static bool wait_calls(struct shop *shop, unsigned int more)
{
	unsigned int end = shop->calls + more, now;

	return !read_poll_timeout(READ_ONCE, now, now > end, 100, 60 * USEC_PER_SEC, false,
				  shop->calls);
}

/* Ends what the shop holds, now and then, from a softirq. */
static int ender_thread(void *data)
{
	struct shop *shop = data;

	while (!kthread_should_stop()) {
		shop_end_held(shop, 0, TESTDEV_SOFTIRQ);
		usleep_range(20, 100);
	}
	return 0;
}

static void ender_stop(struct kunit_resource *res)
{
	kthread_stop(res->data);
}

static void ender(struct kunit *test, struct shop *shop)
{
	struct kunit_resource *res = kunit_kzalloc(test, sizeof(*res), GFP_KERNEL);
	struct task_struct *task;

	KUNIT_ASSERT_NOT_NULL(test, res);
	task = kthread_run(ender_thread, shop, "io_target_ender");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	kunit_add_resource(test, NULL, ender_stop, res, task);
}

struct goes_case {
	const char	*name;
	unsigned int	kind;
	enum mode	mode;
};

static const struct goes_case goes_cases[] = {
	{ "plain", 0, AT_ONCE },
	{ "cancels", SHOP_CANCELS, AT_ONCE },
	{ "sleeps", SHOP_SLEEPS, AT_ONCE },
	{ "cancels and sleeps", SHOP_CANCELS | SHOP_SLEEPS, AT_ONCE },
	{ "queued", 0, HOLD },
	{ "queued, cancels", SHOP_CANCELS, HOLD },
	{ "queued, sleeps", SHOP_SLEEPS, HOLD },
	{ "queued, cancels and sleeps", SHOP_CANCELS | SHOP_SLEEPS, HOLD },
};

static void goes_desc(const struct goes_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(goes, goes_cases, goes_desc);

/*
 * A provider that goes under load, again and again: nothing is lost, nothing hangs. Calls
 * that are queued are ended meanwhile, and those that can be cancelled are.
 */
static void provider_goes(struct kunit *test)
{
	const struct goes_case *c = test->param_value;
	struct shop *shop = shop_make(test, c->kind);
	struct io_target *t = shop_open_target(test);
	struct loader *l = loader(test, t);
	unsigned int round, i;

	shop_set(shop, c->mode);
	if (c->mode == HOLD)
		ender(test, shop);
	for (round = 0; round < UNREGISTERS; round++) {
		atomic_set(&l->left, LOADS);
		for (i = 0; i < LOADS; i++)
			load_send(&l->loads[i]);
		KUNIT_ASSERT_TRUE(test, wait_calls(shop, 50));
		io_target_provider_unregister(shop->provider);
		shop->provider = NULL;
		KUNIT_ASSERT_TRUE(test, wait_for_completion_timeout(&l->done, TESTDEV_PATIENCE));
		KUNIT_ASSERT_EQ(test, shop->closes, round + 1);
		io_target_close(t);
		shop->provider = shop_register(c->kind);
		KUNIT_ASSERT_FALSE(test, IS_ERR(shop->provider));
		KUNIT_ASSERT_EQ(test, io_target_reopen(t), 0);
	}
	kunit_info(test, "%d calls, %u unregistrations, %u cancels", atomic_read(&l->ended), round,
		   shop->cancels);
	KUNIT_EXPECT_EQ(test, atomic_read(&l->accepted), atomic_read(&l->ended));
	KUNIT_EXPECT_GT(test, atomic_read(&l->ended), UNREGISTERS);
	if (c->mode == HOLD && c->kind & SHOP_CANCELS)
		KUNIT_EXPECT_GT(test, shop->cancels, UNREGISTERS);
}

static const struct shop_case cancel_cases[] = {
	{ "cancels", SHOP_CANCELS },
	{ "cancels and sleeps", SHOP_CANCELS | SHOP_SLEEPS },
};

KUNIT_ARRAY_PARAM(cancel, cancel_cases, shop_case_desc);

static struct sent *batch(struct kunit *test, struct io_target *t, u8 *buf)
{
	struct sent *s = sent_alloc(test, t, DUEL_BATCH);
	unsigned int i;

	for (i = 0; i < DUEL_BATCH; i++)
		sent_prep(test, &s[i], IO_TARGET_OP_READ, buf, LEN, 0, 0);
	return s;
}

static void batch_prep(struct kunit *test, struct sent *s)
{
	unsigned int i;

	for (i = 0; i < DUEL_BATCH; i++) {
		atomic_set(&s[i].ends, 0);
		sent_prep(test, &s[i], IO_TARGET_OP_READ, s[i].buf, LEN, 0, 0);
	}
}

static void end_held(void *private)
{
	shop_end_held(private, 0, TESTDEV_SOFTIRQ);
}

/* The provider is asked for calls that are just being ended, from a softirq. */
static void race_cancel_end(struct kunit *test)
{
	const struct shop_case *c = test->param_value;
	unsigned int i, j, n, cancelled = 0, ended = 0, rounds = duel_rounds(CANCEL_END);
	struct shop *shop = shop_make(test, c->kind);
	struct sent *s = batch(test, shop_open_target(test), shop_buffer(test));
	struct duel *d = duel_start(test, end_held, shop);

	shop_set(shop, HOLD);
	for (i = 0; i < rounds; i++) {
		batch_prep(test, s);
		for (j = 0; j < DUEL_BATCH; j++)
			KUNIT_ASSERT_EQ(test, sent_submit(&s[j]), 0);
		KUNIT_ASSERT_TRUE(test, shop_wait(shop, &shop->nr_held, DUEL_BATCH));
		duel_fire(d);
		for (j = 0; j < DUEL_BATCH; j++)
			io_target_cancel(&s[j].req);
		duel_join(d);
		for (j = n = 0; j < DUEL_BATCH; j++) {
			KUNIT_ASSERT_TRUE(test, sent_wait(&s[j]));
			KUNIT_EXPECT_EQ(test, atomic_read(&s[j].ends), 1);
			n += s[j].req.result == -ECANCELED;
			ended += s[j].req.result == LEN;
		}
		cancelled += n;
		duel_adjust(d, n >= DUEL_BATCH / 2);
	}
	duel_end(d);
	KUNIT_EXPECT_EQ(test, cancelled + ended, rounds * DUEL_BATCH);
	duel_expect_both(test, "cancelled", cancelled, "ended", ended);
}

/* Who purges a target, and when he has all calls back */
struct purger {
	struct io_target	*target;
	int			result;
};

static void purge(void *private)
{
	struct purger *p = private;

	p->result = io_target_purge(p->target, IO_TARGET_CANCEL_SENT, 10 * HZ);
}

/*
 * Calls that are being made when all are wanted back: the provider has those that have
 * come through the gate, and lets go of them.
 */
static void race_purge_submit(struct kunit *test)
{
	const struct shop_case *c = test->param_value;
	unsigned int i, j, n, in = 0, out = 0, rounds = duel_rounds(PURGE_SUBMIT);
	struct shop *shop = shop_make(test, c->kind);
	struct purger *p = kunit_kzalloc(test, sizeof(*p), GFP_KERNEL);
	struct sent *s;
	struct duel *d;

	KUNIT_ASSERT_NOT_NULL(test, p);
	p->target = shop_open_target(test);
	s = batch(test, p->target, shop_buffer(test));
	d = duel_start(test, purge, p);
	shop_set(shop, HOLD);
	for (i = 0; i < rounds; i++) {
		batch_prep(test, s);
		KUNIT_ASSERT_EQ(test, io_target_start(p->target), 0);
		duel_fire(d);
		for (n = 0; n < DUEL_BATCH && !sent_submit(&s[n]); n++)
			;
		duel_join(d);
		KUNIT_EXPECT_EQ_MSG(test, p->result, 0, "round %u, after %u submits", i, n);
		if (p->result)
			break;
		for (j = 0; j < n; j++)
			KUNIT_EXPECT_EQ(test, atomic_read(&s[j].ends), 1);
		in += n;
		out += DUEL_BATCH - n;
		duel_adjust(d, n >= DUEL_BATCH / 2);
	}
	duel_end(d);
	shop_end_held(shop, 0, TESTDEV_TASK);
	duel_expect_both(test, "accepted", in, "refused", out);
}

static struct kunit_case race_cases[] = {
	KUNIT_CASE_PARAM(provider_goes, goes_gen_params),
	KUNIT_CASE_PARAM(race_cancel_end, cancel_gen_params),
	KUNIT_CASE_PARAM(race_purge_submit, cancel_gen_params),
	{}
};

static struct kunit_suite race_suite = {
	.name		= "io_target_stress_provider",
	.init		= shop_init,
	.exit		= shop_exit,
	.test_cases	= race_cases,
};

kunit_test_suite(race_suite);
