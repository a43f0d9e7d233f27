// SPDX-License-Identifier: GPL-2.0
/*
 * Close waits for an event that is being told, whoever's call tells it: what the callback looks
 * at may go when the target has been closed.
 */
#include <linux/iopoll.h>

#include "device.h"
#include "internal.h"

/**
 * struct teller - a call that tells a state, and a close
 * @t: of which
 * @call: made by @tell
 * @armed: the next state is what is waited for
 * @begun: it is being told
 * @leave: until this
 * @tell: one thread
 * @close: another one
 */
struct teller {
	struct io_target	*t;
	int			(*call)(struct io_target *t);
	bool			armed;
	struct completion	begun;
	struct completion	leave;
	struct work_struct	tell;
	struct work_struct	close;
};

/* The library lets none of these sleep; here it makes the moment long. */
static void teller_event(struct io_target *t, enum io_target_event event, void *private)
{
	struct teller *r = private;

	if (event != IO_TARGET_EVENT_STATE || !xchg(&r->armed, false))
		return;
	complete(&r->begun);
	wait_for_completion(&r->leave);
}

static void tell_work(struct work_struct *work)
{
	struct teller *r = container_of(work, struct teller, tell);

	r->call(r->t);
}

static void close_work(struct work_struct *work)
{
	io_target_close(container_of(work, struct teller, close)->t);
}

static int call_stop(struct io_target *t)
{
	return io_target_stop(t, IO_TARGET_LEAVE_SENT, 0);
}

static int call_purge(struct io_target *t)
{
	return io_target_purge(t, IO_TARGET_LEAVE_SENT, 0);
}

static int call_suspend(struct io_target *t)
{
	return io_target_suspend(t, TESTDEV_PATIENCE);
}

static int call_removed(struct io_target *t)
{
	iot_target_removed(t);
	return 0;
}

static const struct telling_case {
	const char	*name;
	int		(*before)(struct io_target *t);
	int		(*call)(struct io_target *t);
} tellings[] = {
	{ "stop", NULL, call_stop },
	{ "purge", NULL, call_purge },
	{ "start", call_stop, io_target_start },
	{ "suspend", NULL, call_suspend },
	{ "resume", call_suspend, io_target_resume },
	{ "reopen", call_suspend, io_target_reopen },
	{ "removal", NULL, call_removed },
};

static void telling_desc(const struct telling_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(telling, tellings, telling_desc);

static struct teller *teller_open(struct kunit *test)
{
	struct teller *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);
	struct io_target_config config = { .event = teller_event, .private = r };

	KUNIT_ASSERT_NOT_NULL(test, r);
	init_completion(&r->begun);
	init_completion(&r->leave);
	INIT_WORK(&r->tell, tell_work);
	INIT_WORK(&r->close, close_work);
	r->t = io_target_create(&config);
	KUNIT_ASSERT_FALSE(test, IS_ERR(r->t));
	KUNIT_EXPECT_EQ(test, io_target_open(r->t, testdev_disk_path(device_disk[FINE]), RW), 0);
	return r;
}

static void close_waits_for_teller(struct kunit *test)
{
	const struct telling_case *c = test->param_value;
	struct teller *r = teller_open(test);
	enum io_target_state state;

	if (c->before)
		KUNIT_EXPECT_EQ(test, c->before(r->t), 0);
	r->call = c->call;
	WRITE_ONCE(r->armed, true);
	queue_work(system_unbound_wq, &r->tell);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&r->begun, TESTDEV_PATIENCE), 0ul);
	queue_work(system_unbound_wq, &r->close);
	KUNIT_EXPECT_EQ(test, read_poll_timeout(io_target_state, state, state == IO_TARGET_CLOSED,
						1000, jiffies_to_usecs(TESTDEV_PATIENCE), false,
						r->t), 0);
	/* That it does not return can only be seen by waiting for it. */
	msleep(50);
	KUNIT_EXPECT_TRUE(test, work_busy(&r->close));
	complete_all(&r->leave);
	flush_work(&r->tell);
	flush_work(&r->close);
	io_target_put(r->t);
}

static struct kunit_case telling_cases[] = {
	KUNIT_CASE_PARAM(close_waits_for_teller, telling_gen_params),
	{}
};

static struct kunit_suite telling_suite = {
	.name		= "io_target_telling",
	.suite_init	= device_disks_init,
	.suite_exit	= device_disks_exit,
	.init		= device_fixture_init,
	.exit		= device_fixture_exit,
	.test_cases	= telling_cases,
};

kunit_test_suite(telling_suite);
