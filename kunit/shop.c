// SPDX-License-Identifier: GPL-2.0
/*
 * A provider of the tests', see shop.h.
 */
#include <linux/module.h>

#include "shop.h"

struct shop *the_shop;

static int shop_open(void *private, unsigned int flags, void **context)
{
	struct shop *shop = private;

	if (shop->open_error)
		return shop->open_error;
	shop->flags = flags;
	shop->opens++;
	*context = (void *)(unsigned long)shop->opens;
	return 0;
}

static void shop_close(void *private, void *context)
{
	struct shop *shop = private;

	shop->closes++;
}

static ssize_t shop_carry_out(struct io_target_call *call)
{
	struct shop *shop = the_shop;
	u8 *buf = call->buf;
	unsigned int i;

	switch (call->op) {
	case IO_TARGET_OP_READ:
		return copy_to_iter(shop->data, SHOP_LEN, call->iter);
	case IO_TARGET_OP_WRITE:
		return copy_from_iter(shop->data, SHOP_LEN, call->iter);
	case IO_TARGET_OP_FLUSH:
		return 0;
	default:
		break;
	}
	if (call->cmd == SHOP_DOUBLE)
		return call->arg * 2;
	if (call->cmd != SHOP_REVERSE || call->in > call->out)
		return -ENOTTY;
	for (i = 0; i < call->in / 2; i++)
		swap(buf[i], buf[call->in - 1 - i]);
	return call->in;
}

static bool shop_is_awake(struct shop *shop)
{
	return READ_ONCE(shop->mode) != SLEEP;
}

static ssize_t shop_sleep(struct shop *shop, struct io_target_call *call)
{
	int err;

	scoped_guard(spinlock_irqsave, &shop->lock)
		shop->sleeping++;
	wake_up_all(&shop->wait);
	err = wait_event_interruptible(shop->wait, shop_is_awake(shop));
	scoped_guard(spinlock_irqsave, &shop->lock)
		shop->sleeping--;
	return err ?: shop_carry_out(call);
}

static void shop_block(struct shop *shop)
{
	scoped_guard(spinlock_irqsave, &shop->lock)
		shop->blocked++;
	wake_up_all(&shop->wait);
	wait_event(shop->wait, READ_ONCE(shop->mode) != BLOCK);
	scoped_guard(spinlock_irqsave, &shop->lock)
		shop->blocked--;
}

static ssize_t shop_call(struct io_target_call *call)
{
	struct shop *shop = the_shop;

	if (READ_ONCE(shop->mode) == BLOCK)
		shop_block(shop);
	scoped_guard(spinlock_irqsave, &shop->lock) {
		shop->calls++;
		shop->pid = current->pid;
		if (shop->mode == HOLD) {
			call->scratch = shop;
			shop->held[shop->nr_held] = call;
			shop->nr_held++;
			wake_up_all(&shop->wait);
			return -EIOCBQUEUED;
		}
	}
	switch (READ_ONCE(shop->mode)) {
	case REFUSE:
		return -EIO;
	case SLEEP:
		return shop_sleep(shop, call);
	case END_INSIDE:
		io_target_call_end(call, shop_carry_out(call));
		return -EIOCBQUEUED;
	default:
		return shop_carry_out(call);
	}
}

/* Takes @call, or with NULL the oldest, from among those that are held. */
static struct io_target_call *shop_take(struct shop *shop, struct io_target_call *call)
{
	unsigned int i;

	guard(spinlock_irqsave)(&shop->lock);
	for (i = 0; i < shop->nr_held; i++) {
		if (call && shop->held[i] != call)
			continue;
		call = shop->held[i];
		shop->nr_held--;
		memmove(shop->held + i, shop->held + i + 1,
			(shop->nr_held - i) * sizeof(*shop->held));
		return call;
	}
	return NULL;
}

static void shop_cancel(struct io_target_call *call)
{
	struct shop *shop = the_shop;

	scoped_guard(spinlock_irqsave, &shop->lock)
		shop->cancels++;
	if (shop_take(shop, call))
		io_target_call_end(call, -ECANCELED);
}

static void shop_run(struct testdev_runner *runner)
{
	struct shop *shop = container_of(runner, struct shop, runner);
	struct io_target_call *call;
	unsigned int n = 0;

	while ((!shop->most || n++ < shop->most) && (call = shop_take(shop, NULL)))
		io_target_call_end(call, shop->result ?: shop_carry_out(call));
}

static bool shop_has(struct shop *shop, const unsigned int *what, unsigned int n)
{
	guard(spinlock_irqsave)(&shop->lock);
	return *what >= n;
}

bool shop_wait(struct shop *shop, const unsigned int *what, unsigned int n)
{
	return wait_event_timeout(shop->wait, shop_has(shop, what, n), TESTDEV_PATIENCE);
}

void shop_set(struct shop *shop, enum mode mode)
{
	WRITE_ONCE(shop->mode, mode);
	wake_up_all(&shop->wait);
}

struct io_target_provider *shop_register(unsigned int kind)
{
	const struct io_target_provider_ops ops = {
		.owner		= THIS_MODULE,
		.may_sleep	= kind & SHOP_SLEEPS,
		.open		= shop_open,
		.close		= shop_close,
		.read		= shop_call,
		.write		= shop_call,
		.flush		= shop_call,
		.ioctl		= shop_call,
		.cancel		= kind & SHOP_CANCELS ? shop_cancel : NULL,
	};

	return io_target_provider_register(SHOP_NAME, &ops, the_shop);
}

struct shop *shop_make(struct kunit *test, unsigned int kind)
{
	struct shop *shop = kunit_kzalloc(test, sizeof(*shop), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, shop);
	spin_lock_init(&shop->lock);
	init_waitqueue_head(&shop->wait);
	testdev_runner_init(&shop->runner, shop_run);
	the_shop = shop;
	shop->provider = shop_register(kind);
	KUNIT_ASSERT_FALSE(test, IS_ERR(shop->provider));
	return shop;
}

struct io_target *shop_open_target(struct kunit *test)
{
	struct device_fixture *fx = test->priv;
	unsigned int i;

	for (i = 0; i < DEVICE_TARGETS; i++)
		if (io_target_state(fx->target[i]) == IO_TARGET_CLOSED)
			break;
	KUNIT_ASSERT_LT(test, i, DEVICE_TARGETS);
	KUNIT_ASSERT_EQ(test, io_target_open_provider(fx->target[i], SHOP_NAME, RW), 0);
	return fx->target[i];
}

u8 *shop_buffer(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, 2 * SHOP_LEN, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	return buf;
}

void shop_end_held(struct shop *shop, ssize_t result, enum testdev_context context)
{
	shop->result = result;
	testdev_runner_kick(&shop->runner, context);
	testdev_runner_sync(&shop->runner);
}

int shop_init(struct kunit *test)
{
	the_shop = NULL;
	return device_fixture_init(test);
}

void shop_exit(struct kunit *test)
{
	if (the_shop) {
		shop_set(the_shop, AT_ONCE);
		if (!IS_ERR_OR_NULL(the_shop->provider)) {
			shop_end_held(the_shop, 0, TESTDEV_TASK);
			io_target_provider_unregister(the_shop->provider);
		}
		KUNIT_EXPECT_EQ(test, the_shop->opens, the_shop->closes);
	}
	device_fixture_exit(test);
	the_shop = NULL;
}
