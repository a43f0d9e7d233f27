// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a target: create, open, close, get and put, and what it says
 * about itself.
 */
#include <linux/iopoll.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "fixture.h"
#include "pattern.h"
#include "testdev.h"

#define LEN	512

/* A target of the test's own, put by the test. */
static struct io_target *create(struct kunit *test, const char *name)
{
	struct io_target_config config = { .name = name };
	struct io_target *t = io_target_create(&config);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t);
	return t;
}

static void target_created(struct kunit *test)
{
	struct io_target *t = io_target_create(NULL);
	struct io_target_info info;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t);
	memset(&info, 0xff, sizeof(info));
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_CLOSED);
	KUNIT_EXPECT_STREQ(test, io_target_name(t), "(closed)");
	KUNIT_EXPECT_EQ(test, io_target_get_info(t, &info), -ENODEV);
	KUNIT_EXPECT_EQ(test, info.state, IO_TARGET_CLOSED);
	KUNIT_EXPECT_EQ(test, info.flags, 0u);
	KUNIT_EXPECT_EQ(test, info.size, 0ull);
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	io_target_put(t);
	io_target_put(NULL);
	io_target_put(ERR_PTR(-ENOMEM));
}

static void target_opened(struct kunit *test)
{
	struct fixture *fx = test->priv;
	struct io_target_info info;

	fx->fake.size = 1 << 20;
	fx->fake.block_size = 512;
	fx->fake.lower->stream = true;
	fx->fake.lower->dma_mask = 3;
	KUNIT_EXPECT_EQ(test, io_target_state(fx->target), IO_TARGET_STARTED);
	KUNIT_EXPECT_EQ(test, io_target_get_info(fx->target, &info), 0);
	KUNIT_EXPECT_EQ(test, info.state, IO_TARGET_STARTED);
	KUNIT_EXPECT_EQ(test, info.flags, FIXTURE_RW);
	KUNIT_EXPECT_EQ(test, info.mode, S_IFCHR);
	KUNIT_EXPECT_EQ(test, info.size, 1ull << 20);
	KUNIT_EXPECT_EQ(test, info.logical_block_size, 512u);
	KUNIT_EXPECT_EQ(test, info.dma_mask, 3u);
	KUNIT_EXPECT_TRUE(test, info.stream);
	KUNIT_EXPECT_EQ(test, info.read, IO_TARGET_SERVED_DIRECT);
	KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
	KUNIT_EXPECT_EQ(test, io_target_get_info(fx->target, &info), -ENODEV);
	KUNIT_EXPECT_EQ(test, info.state, IO_TARGET_CLOSED);
	KUNIT_EXPECT_EQ(test, info.size, 0ull);
}

/* A name that was given stays; else the device's is taken, and kept. */
static void target_named(struct kunit *test)
{
	struct fixture *fx = test->priv;
	struct io_target *t = create(test, NULL);
	struct io_target *named = create(test, "my own");
	struct io_target *longest = create(test, "a name that is too long to be kept as it is");

	KUNIT_EXPECT_EQ(test, fake_open(&fx->fake, t, IO_TARGET_READ), 0);
	KUNIT_EXPECT_STREQ(test, io_target_name(t), "fake");
	io_target_close(t);
	KUNIT_EXPECT_STREQ(test, io_target_name(t), "fake");
	KUNIT_EXPECT_EQ(test, fake_open(&fx->fake, named, IO_TARGET_READ), 0);
	KUNIT_EXPECT_STREQ(test, io_target_name(named), "my own");
	io_target_close(named);
	KUNIT_EXPECT_STREQ(test, io_target_name(named), "my own");
	KUNIT_EXPECT_EQ(test, strlen(io_target_name(longest)), sizeof(longest->name) - 1);
	io_target_put(t);
	io_target_put(named);
	io_target_put(longest);
}

static void target_open_flags(struct kunit *test)
{
	static const unsigned int flags[] = {
		0, IO_TARGET_EXCL, BIT(3), IO_TARGET_READ | BIT(31), U32_MAX,
	};
	struct fixture *fx = test->priv;
	struct io_target *t = create(test, NULL);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++)
		KUNIT_EXPECT_EQ(test, fake_open(&fx->fake, t, flags[i]), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_CLOSED);
	KUNIT_EXPECT_EQ(test, fake_open(&fx->fake, t, IO_TARGET_WRITE | IO_TARGET_EXCL), 0);
	io_target_close(t);
	io_target_put(t);
}

/* The open that there is stays as it is. */
static void target_open_twice(struct kunit *test)
{
	struct fixture *fx = test->priv;
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_EXPECT_EQ(test, fake_open(&fx->fake, fx->target, IO_TARGET_READ), -EBUSY);
	KUNIT_EXPECT_EQ(test, io_target_open(fx->target, "/dev/null", IO_TARGET_READ), -EBUSY);
	KUNIT_EXPECT_EQ(test, io_target_open_dev(fx->target, MKDEV(1, 0), IO_TARGET_READ), -EBUSY);
	KUNIT_EXPECT_EQ(test, io_target_state(fx->target), IO_TARGET_STARTED);
	KUNIT_EXPECT_EQ(test, io_target_write(fx->target, buf, LEN, 0, IO_TARGET_NO_TIMEOUT), LEN);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->event[IO_TARGET_EVENT_STATE]), 1);
}

/* An open that fails leaves a target that can be opened. */
static void target_open_failed(struct kunit *test)
{
	struct fixture *fx = test->priv;

	io_target_close(fx->target);
	KUNIT_EXPECT_EQ(test, io_target_open(fx->target, "/there/is/no/such", IO_TARGET_READ),
			-ENOENT);
	KUNIT_EXPECT_EQ(test, io_target_open(fx->target, "/", IO_TARGET_READ), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_state(fx->target), IO_TARGET_CLOSED);
	KUNIT_EXPECT_EQ(test, PTR_ERR(io_target_open_path("/there/is/no/such", IO_TARGET_READ,
							  NULL)), -ENOENT);
	KUNIT_EXPECT_EQ(test, PTR_ERR(io_target_open_path("/dev/null", 0, NULL)), -EINVAL);
	KUNIT_EXPECT_EQ(test, fake_open(&fx->fake, fx->target, IO_TARGET_READ), 0);
	KUNIT_EXPECT_EQ(test, io_target_state(fx->target), IO_TARGET_STARTED);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->event[IO_TARGET_EVENT_STATE]), 3);
}

static void target_close_twice(struct kunit *test)
{
	struct fixture *fx = test->priv;

	KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
	KUNIT_EXPECT_EQ(test, fx->fake.closes, 1u);
	KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
	KUNIT_EXPECT_EQ(test, fx->fake.closes, 1u);
	KUNIT_EXPECT_EQ(test, io_target_state(fx->target), IO_TARGET_CLOSED);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->event[IO_TARGET_EVENT_STATE]), 2);
}

/* Each open and close is told once, when it has happened. */
static void target_events(struct kunit *test)
{
	struct fixture *fx = test->priv;
	unsigned int i;

	fixture_reopen(test, IO_TARGET_READ);
	fixture_reopen(test, IO_TARGET_WRITE);
	io_target_close(fx->target);
	KUNIT_ASSERT_EQ(test, atomic_read(&fx->logged), 6);
	for (i = 0; i < 6; i++) {
		KUNIT_EXPECT_EQ(test, fx->log[i].event, IO_TARGET_EVENT_STATE);
		KUNIT_EXPECT_EQ(test, fx->log[i].state, i & 1 ? IO_TARGET_CLOSED :
								IO_TARGET_STARTED);
	}
}

/* The last put of an open target closes it. */
static void target_put_open(struct kunit *test)
{
	struct fixture *fx = test->priv;
	struct io_target *t = create(test, "put while open");

	KUNIT_ASSERT_EQ(test, fake_open(&fx->fake, t, IO_TARGET_READ), 0);
	KUNIT_EXPECT_PTR_EQ(test, io_target_get(t), t);
	io_target_put(t);
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_STARTED);
	KUNIT_EXPECT_EQ(test, fx->fake.closes, 0u);
	io_target_put(t);
	KUNIT_EXPECT_TRUE(test, fake_wait_closes(&fx->fake, 1));
}

/* The last put waits, in a worker, for what the device still has. Covers L1. */
static void target_put_busy(struct kunit *test)
{
	struct fixture *fx = test->priv;
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);
	struct probe *p = probes_alloc(test, 1);
	struct io_target *t = create(test, "put while busy");

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_EQ(test, fake_open(&fx->fake, t, IO_TARGET_READ), 0);
	io_target_request_init(&p->req, t);
	probe_prep(test, p, IO_TARGET_OP_READ, buf, LEN, 0, 0);
	fx->fake.park = true;
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), 0);
	io_target_put(t);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->ends), 0);
	fake_answer_parked(&fx->fake, false);
	KUNIT_EXPECT_TRUE(test, fake_wait_closes(&fx->fake, 1));
	KUNIT_EXPECT_EQ(test, atomic_read(&p->ends), 1);
}

#define HOLDERS	100

/* From create until its memory is gone a target keeps the library from being unloaded. */
static void target_holds_module(struct kunit *test)
{
	struct io_target **t = kunit_kcalloc(test, HOLDERS, sizeof(*t), GFP_KERNEL);
	struct module *mod = testdev_library();
	int before, held, after;
	unsigned int i;

	if (!mod)
		kunit_skip(test, "io_target is no module");
	KUNIT_ASSERT_NOT_NULL(test, t);
	before = testdev_refcount(mod);
	for (i = 0; i < HOLDERS; i++)
		t[i] = create(test, NULL);
	held = testdev_refcount(mod);
	/* The last target of the case before may have gone meanwhile. */
	KUNIT_EXPECT_GE(test, held, before + HOLDERS - 1);
	KUNIT_EXPECT_LE(test, held, before + HOLDERS);
	for (i = 0; i < HOLDERS; i++) {
		io_target_get(t[i]);
		io_target_put(t[i]);
		io_target_close(t[i]);
	}
	KUNIT_EXPECT_GE(test, testdev_refcount(mod), before + HOLDERS - 1);
	for (i = 0; i < HOLDERS; i++)
		io_target_put(t[i]);
	KUNIT_EXPECT_EQ(test, read_poll_timeout(testdev_refcount, after, after <= before, 1000,
						60 * USEC_PER_SEC, false, mod), 0);
	KUNIT_EXPECT_GE(test, after, before - 1);
}

/* Threads that open and close targets of their own, and send something each time. */
#define OPENERS	10
#define OPENS	100

struct opener {
	struct work_struct	work;
	struct fake		fake;
	u8			buf[LEN];
	unsigned int		opened;
	unsigned int		sent;
	unsigned int		closed;
};

static void open_and_close(struct work_struct *work)
{
	struct opener *o = container_of(work, struct opener, work);
	struct io_target *t = io_target_create(NULL);
	unsigned int i;

	if (IS_ERR(t))
		return;
	for (i = 0; i < OPENS; i++) {
		o->opened += fake_open(&o->fake, t, FIXTURE_RW) == 0;
		o->sent += io_target_write(t, o->buf, LEN, 0, IO_TARGET_NO_TIMEOUT) == LEN;
		io_target_close(t);
		/* close has released the device, not just asked for it */
		o->closed += READ_ONCE(o->fake.closes) == i + 1;
	}
	io_target_put(t);
}

static void target_opened_1000_times(struct kunit *test)
{
	struct opener *o = kunit_kcalloc(test, OPENERS, sizeof(*o), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, o);
	for (i = 0; i < OPENERS; i++) {
		fake_init(&o[i].fake);
		INIT_WORK(&o[i].work, open_and_close);
		queue_work(fake_wq, &o[i].work);
	}
	for (i = 0; i < OPENERS; i++) {
		flush_work(&o[i].work);
		KUNIT_EXPECT_EQ(test, o[i].opened, OPENS);
		KUNIT_EXPECT_EQ(test, o[i].sent, OPENS);
		KUNIT_EXPECT_EQ(test, o[i].closed, OPENS);
		KUNIT_EXPECT_EQ(test, o[i].fake.closed_busy, 0u);
		fake_exit(&o[i].fake);
	}
}

static struct kunit_case target_cases[] = {
	KUNIT_CASE(target_created),
	KUNIT_CASE(target_opened),
	KUNIT_CASE(target_named),
	KUNIT_CASE(target_open_flags),
	KUNIT_CASE(target_open_twice),
	KUNIT_CASE(target_open_failed),
	KUNIT_CASE(target_close_twice),
	KUNIT_CASE(target_events),
	KUNIT_CASE(target_holds_module),
	KUNIT_CASE(target_put_open),
	KUNIT_CASE(target_put_busy),
	KUNIT_CASE(target_opened_1000_times),
	{}
};

static struct kunit_suite target_suite = {
	.name = "io_target_target",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = target_cases,
};

kunit_test_suite(target_suite);
