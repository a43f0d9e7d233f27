// SPDX-License-Identifier: GPL-2.0
/*
 * Close waits for an event that is being told, whoever's call tells it: what the callback looks
 * at may go when the target has been closed.
 */
#include "lot.h"

/**
 * struct teller - the owner of a target, who is told a state for a while
 * @t: the target
 * @armed: the next state is the one
 * @begun: it is being told
 * @leave: until this
 */
struct teller {
	struct io_target	*t;
	bool			armed;
	struct completion	begun;
	struct completion	leave;
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
	r->t = io_target_create(&config);
	KUNIT_ASSERT_FALSE(test, IS_ERR(r->t));
	KUNIT_EXPECT_EQ(test, io_target_open(r->t, testdev_disk_path(device_disk[FINE]), RW), 0);
	return r;
}

static void close_waits_for_teller(struct kunit *test)
{
	const struct telling_case *c = test->param_value;
	struct teller *r = teller_open(test);
	struct other *tell, *close;

	if (c->before)
		KUNIT_EXPECT_EQ(test, c->before(r->t), 0);
	WRITE_ONCE(r->armed, true);
	tell = other_start(test, c->call, r->t);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&r->begun, TESTDEV_PATIENCE), 0ul);
	close = other_start(test, io_target_close, r->t);
	KUNIT_EXPECT_TRUE(test, other_close_waits(close));
	complete_all(&r->leave);
	KUNIT_EXPECT_EQ(test, other_end(test, tell), 0);
	KUNIT_EXPECT_EQ(test, other_end(test, close), 0);
	io_target_put(r->t);
}

static struct kunit_case telling_cases[] = {
	KUNIT_CASE_PARAM(close_waits_for_teller, telling_gen_params),
	{}
};

static struct kunit_suite telling_suite = {
	.name		= "io_target_telling",
	.suite_init	= queue_suite_init,
	.suite_exit	= queue_suite_exit,
	.init		= device_fixture_init,
	.exit		= queue_fixture_exit,
	.test_cases	= telling_cases,
};

kunit_test_suite(telling_suite);
