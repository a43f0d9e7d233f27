// SPDX-License-Identifier: GPL-2.0
/*
 * Providers that come and go: what keeps their module, and who waits for their return.
 */
#include <linux/module.h>

#include "internal.h"
#include "shop.h"

#define LEN	SHOP_LEN

/* The shop's; NULL: no module */
static struct module *owner = THIS_MODULE;

static int refcount(void)
{
	return testdev_refcount(owner);
}

/* The module stays while a target has it open, and no longer than it is registered. */
static void life_owner(struct kunit *test)
{
	struct device_fixture *fx = test->priv;
	struct shop *shop;
	int before;

	if (!IS_ENABLED(CONFIG_MODULE_UNLOAD) || !owner)
		kunit_skip(test, "a module that nobody can unload");
	before = refcount();
	shop = shop_make(test, SHOP_CANCELS);
	KUNIT_EXPECT_EQ(test, refcount(), before);
	shop->open_error = -EPERM;
	KUNIT_EXPECT_EQ(test, io_target_open_provider(fx->target[0], SHOP_NAME, RW), -EPERM);
	KUNIT_EXPECT_EQ(test, refcount(), before);
	shop->open_error = 0;
	shop_open_target(test);
	KUNIT_EXPECT_EQ(test, refcount(), before + 1);
	shop_open_target(test);
	KUNIT_EXPECT_EQ(test, refcount(), before + 2);
	KUNIT_EXPECT_EQ(test, io_target_close(fx->target[0]), 0);
	KUNIT_EXPECT_EQ(test, refcount(), before + 1);
	KUNIT_EXPECT_EQ(test, io_target_reopen(fx->target[0]), 0);
	KUNIT_EXPECT_EQ(test, io_target_suspend(fx->target[0], TESTDEV_PATIENCE), 0);
	KUNIT_EXPECT_EQ(test, refcount(), before + 1);
	io_target_provider_unregister(shop->provider);
	shop->provider = NULL;
	KUNIT_EXPECT_EQ(test, refcount(), before);
	KUNIT_EXPECT_EQ(test, io_target_close(fx->target[1]), 0);
	KUNIT_EXPECT_EQ(test, refcount(), before);
}

static void register_again(struct kunit *test, struct shop *shop, unsigned int kind)
{
	shop->provider = shop_register(kind);
	KUNIT_ASSERT_FALSE(test, IS_ERR(shop->provider));
}

/* One that is followed is lost when it goes, and found under the same name. */
static void life_follow(struct kunit *test)
{
	const struct shop_case *c = test->param_value;
	struct shop *shop = shop_make(test, c->kind);
	struct device_fixture *fx = test->priv;
	struct sent *held, *pended;
	struct io_target *t;
	int round;

	fx->target[0]->config.follow = (struct io_target_follow){
		.enable = true, .first = 1, .last = 1 };
	t = shop_open_target(test);
	held = sent_alloc(test, t, 1);
	pended = sent_alloc(test, t, 1);
	for (round = 1; round <= 3; round++) {
		shop_set(shop, HOLD);
		sent_prep(test, held, IO_TARGET_OP_READ, shop_buffer(test), LEN, 0, 0);
		KUNIT_ASSERT_EQ(test, sent_submit(held), 0);
		KUNIT_ASSERT_TRUE(test, shop_wait(shop, &shop->nr_held, 1));
		io_target_provider_unregister(shop->provider);
		shop->provider = NULL;
		KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_SUSPENDED);
		KUNIT_ASSERT_TRUE(test, sent_wait(held));
		KUNIT_EXPECT_EQ(test, held->req.result, -ECANCELED);
		KUNIT_EXPECT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_LOST, round));
		shop_set(shop, AT_ONCE);
		sent_prep(test, pended, IO_TARGET_OP_READ, shop_buffer(test), LEN, 0, 0);
		KUNIT_ASSERT_EQ(test, sent_submit(pended), 0);
		KUNIT_EXPECT_TRUE(test, io_target_request_pending(&pended->req));
		register_again(test, shop, c->kind);
		KUNIT_EXPECT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_FOUND, round));
		KUNIT_ASSERT_TRUE(test, sent_wait(pended));
		KUNIT_EXPECT_EQ(test, pended->req.result, LEN);
		KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_STARTED);
	}
	KUNIT_EXPECT_EQ(test, shop->opens, 4);
	KUNIT_EXPECT_EQ(test, atomic_read(&pended->ends), 3);
	/* Closed while it is looked for */
	io_target_provider_unregister(shop->provider);
	shop->provider = NULL;
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	KUNIT_EXPECT_EQ(test, shop->closes, 4);
}

static const struct shop_case follow_cases[] = {
	{ "cancels", SHOP_CANCELS },
	{ "cancels and sleeps", SHOP_CANCELS | SHOP_SLEEPS },
};

KUNIT_ARRAY_PARAM(follow, follow_cases, shop_case_desc);

static struct kunit_case life_cases[] = {
	KUNIT_CASE(life_owner),
	KUNIT_CASE_PARAM(life_follow, follow_gen_params),
	{}
};

static struct kunit_suite life_suite = {
	.name		= "io_target_provider_life",
	.init		= shop_init,
	.exit		= shop_exit,
	.test_cases	= life_cases,
};

kunit_test_suite(life_suite);
