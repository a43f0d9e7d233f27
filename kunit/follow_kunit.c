// SPDX-License-Identifier: GPL-2.0
/*
 * A target that follows its device, over the fake: what becomes of requests while it is
 * lost, and what counts as the same device.
 */
#include <linux/sizes.h>

#include "steps.h"

#define LEN	512
#define PENDED	4
#define LONG	(60 * HZ)
#define TRIES	6
#define ROUNDS	200

/* What the opens of a case saw; cases run one at a time. */
static struct {
	atomic_t	tries;
	unsigned long	at[TRIES];
	unsigned long	next[TRIES];	/* pause if this try fails */
	wait_queue_head_t wait;
} looks;

static void note_look(struct io_target *t)
{
	unsigned int i = atomic_read(&looks.tries);

	if (i < TRIES) {
		looks.at[i] = jiffies;
		looks.next[i] = t->follow_delay;
	}
	atomic_inc(&looks.tries);
	wake_up_all(&looks.wait);
}

static bool wait_tries(int tries)
{
	return wait_event_timeout(looks.wait, atomic_read(&looks.tries) >= tries, LONG);
}

static bool wait_looks(int more)
{
	return wait_tries(atomic_read(&looks.tries) + more);
}

static enum io_target_state state(struct fixture *fx)
{
	return io_target_state(fx->target);
}

/* Open on a device that is followed; that of the fixture is not. */
static struct fixture *follow(struct kunit *test, const struct io_target_follow *more)
{
	struct fixture *fx = test->priv;
	struct io_target_follow *f = &fx->target->config.follow;

	*f = more ? *more : (struct io_target_follow){};
	f->enable = true;
	f->first = 1;
	f->last = f->last ?: 1;
	fixture_reopen(test, FIXTURE_RW);
	init_waitqueue_head(&looks.wait);
	atomic_set(&looks.tries, 0);
	fx->fake.on_open = note_look;
	return fx;
}

/* Lost, given up, and not to be found. */
static void lose(struct kunit *test, struct fixture *fx)
{
	unsigned int closes = fx->fake.closes;
	int told = step_events(fx, IO_TARGET_EVENT_LOST);

	fx->fake.open_error = -ENOENT;
	iot_lower_gone(fx->fake.lower);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_SUSPENDED);
	KUNIT_EXPECT_TRUE(test, step_wait_events(fx, IO_TARGET_EVENT_LOST, told + 1));
	KUNIT_EXPECT_TRUE(test, fake_wait_closes(&fx->fake, closes + 1));
}

static void find(struct kunit *test, struct fixture *fx)
{
	int told = step_events(fx, IO_TARGET_EVENT_FOUND);

	WRITE_ONCE(fx->fake.open_error, 0);
	KUNIT_EXPECT_TRUE(test, step_wait_events(fx, IO_TARGET_EVENT_FOUND, told + 1));
}

/* What it has ends as it says; what comes then pends, and is sent in order. */
static void follow_pends(struct kunit *test)
{
	static const unsigned int flags[PENDED] = {
		0, IO_TARGET_IGNORE_STATE, IO_TARGET_BOUNCE, IO_TARGET_TASK,
	};
	struct fixture *fx = follow(test, NULL);
	struct probe *p = probes_alloc(test, PENDED + 1);
	u8 *buf = step_buf(test, LEN);
	unsigned int i;

	fx->fake.park = true;
	step_submit(test, &p[PENDED], buf, LEN, 0, 0);
	fx->fake.open_error = -ENOENT;
	iot_lower_gone(fx->fake.lower);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_SUSPENDED);
	KUNIT_EXPECT_TRUE(test, step_wait_events(fx, IO_TARGET_EVENT_LOST, 1));
	for (i = 0; i < PENDED; i++)
		step_submit(test, &p[i], buf, LEN, i * LEN, flags[i]);
	expect_outstanding(test, &p[PENDED]);
	KUNIT_EXPECT_EQ(test, fx->fake.closes, 1u);	/* by the fixture's open */
	KUNIT_EXPECT_EQ(test, atomic_read(&looks.tries), 0);

	fx->fake.answer.error = -EIO;
	KUNIT_EXPECT_EQ(test, fake_answer_parked(&fx->fake, false), 1u);
	expect_end(test, &p[PENDED], -EIO, false);
	KUNIT_EXPECT_TRUE(test, fake_wait_closes(&fx->fake, 2));
	KUNIT_EXPECT_TRUE(test, wait_looks(3));
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 1u);
	fx->fake.answer.error = 0;
	find(test, fx);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_STARTED);
	KUNIT_EXPECT_TRUE(test, fake_wait_parked(&fx->fake, PENDED));
	expect_parked_order(test, 0, PENDED, LEN);
	fake_answer_parked(&fx->fake, false);
	for (i = 0; i < PENDED; i++)
		expect_end(test, &p[i], LEN, false);
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_LOST), 1);
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_FOUND), 1);
}

/* One whose time is over while there is no device ends then. */
static void follow_deadline(struct kunit *test)
{
	struct fixture *fx = follow(test, NULL);
	struct probe *p = probes_alloc(test, 1);
	u8 *buf = step_buf(test, LEN);

	lose(test, fx);
	probe_prep(test, p, IO_TARGET_OP_WRITE, buf, LEN, 0, 0);
	KUNIT_EXPECT_EQ(test, io_target_request_set_timeout(&p->req, 2), 0);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), 0);
	expect_end(test, p, -ETIMEDOUT, true);
	KUNIT_EXPECT_EQ(test, io_target_write(fx->target, buf, LEN, 0, 2), (ssize_t)-ETIMEDOUT);
	find(test, fx);
	KUNIT_EXPECT_EQ(test, io_target_write(fx->target, buf, LEN, 0, LONG), (ssize_t)LEN);
}

/* Close ends what pends, and the search. */
static void follow_closed(struct kunit *test)
{
	struct fixture *fx = follow(test, NULL);
	struct probe *p = probes_alloc(test, PENDED);
	u8 *buf = step_buf(test, LEN);
	unsigned int i;
	int tries;

	lose(test, fx);
	for (i = 0; i < PENDED; i++)
		step_submit(test, &p[i], buf, LEN, i * LEN, 0);
	KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
	tries = atomic_read(&looks.tries);
	for (i = 0; i < PENDED; i++)
		expect_end(test, &p[i], -ECANCELED, true);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&fx->target->follow_work));
	KUNIT_EXPECT_FALSE(test, fx->target->lost);
	/* Nothing is left of it for the next device. */
	fx->fake.open_error = 0;
	fixture_reopen(test, FIXTURE_RW);
	KUNIT_EXPECT_EQ(test, atomic_read(&looks.tries), tries + 1);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_STARTED);
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_FOUND), 0);
}

/* The last put closes it as well. */
static void follow_put(struct kunit *test)
{
	struct fixture *fx = follow(test, NULL);
	int before;

	lose(test, fx);
	before = step_events(fx, IO_TARGET_EVENT_STATE);
	io_target_put(fx->target);
	fx->target = NULL;
	/* The last thing that is told */
	KUNIT_EXPECT_TRUE(test, step_wait_events(fx, IO_TARGET_EVENT_STATE, before + 1));
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_FOUND), 0);
}

/* Each pause is twice as long as the one before, up to a bound. */
static void follow_backs_off(struct kunit *test)
{
	static const unsigned long next[TRIES] = { 2, 4, 8, 8, 8, 8 };
	struct fixture *fx = follow(test, &(struct io_target_follow){ .last = 8 });
	unsigned int i;

	lose(test, fx);
	KUNIT_EXPECT_TRUE(test, wait_event_timeout(looks.wait,
						   atomic_read(&looks.tries) >= TRIES, LONG));
	for (i = 0; i < TRIES; i++) {
		KUNIT_EXPECT_EQ(test, looks.next[i], next[i]);
		if (i)
			KUNIT_EXPECT_GE(test, looks.at[i] - looks.at[i - 1], next[i - 1]);
	}
	find(test, fx);
}

/* Wishes of the meantime count when it is back. */
static void follow_wishes(struct kunit *test)
{
	struct fixture *fx = follow(test, NULL);
	struct probe *p = probes_alloc(test, 2);
	u8 *buf = step_buf(test, LEN);

	lose(test, fx);
	step_submit(test, &p[0], buf, LEN, 0, 0);
	KUNIT_EXPECT_EQ(test, io_target_stop(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_SUSPENDED);
	find(test, fx);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_STOPPED);
	expect_outstanding(test, &p[0]);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 0u);

	lose(test, fx);
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_SUSPENDED);
	find(test, fx);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_STARTED);
	expect_end(test, &p[0], LEN, false);

	lose(test, fx);
	step_submit(test, &p[1], buf, LEN, 0, 0);
	KUNIT_EXPECT_EQ(test, io_target_purge(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
	expect_end(test, &p[1], -ECANCELED, true);
	find(test, fx);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_PURGED);
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_STARTED);
}

/* Given up by its owner while it is lost, it is not looked for until he says so. */
static void follow_suspended(struct kunit *test)
{
	struct fixture *fx = follow(test, NULL);
	struct probe *p = probes_alloc(test, 1);
	u8 *buf = step_buf(test, LEN);
	int tries;

	lose(test, fx);
	step_submit(test, p, buf, LEN, 0, 0);
	KUNIT_EXPECT_EQ(test, io_target_suspend(fx->target, LONG), 0);
	tries = atomic_read(&looks.tries);
	fx->fake.open_error = 0;
	flush_delayed_work(&fx->target->follow_work);
	KUNIT_EXPECT_EQ(test, atomic_read(&looks.tries), tries);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&fx->target->follow_work));
	expect_outstanding(test, p);
	KUNIT_EXPECT_EQ(test, io_target_reopen(fx->target), 0);
	KUNIT_EXPECT_TRUE(test, step_wait_events(fx, IO_TARGET_EVENT_FOUND, 1));
	expect_end(test, p, LEN, false);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_STARTED);
}

static atomic_t deaths;

/* By the time that it is asked the second time it has been let in. */
static void die_once(struct io_target_lower *lower)
{
	if (atomic_inc_return(&deaths) == 2)
		iot_lower_gone(lower);
}

/* It dies between its open and its use: lost all the time, found once. */
static void follow_dies_again(struct kunit *test)
{
	struct fixture *fx = follow(test, NULL);
	struct probe *p = probes_alloc(test, 1);
	u8 *buf = step_buf(test, LEN);

	lose(test, fx);
	step_submit(test, p, buf, LEN, 0, 0);
	atomic_set(&deaths, 0);
	fx->fake.on_identify = die_once;
	find(test, fx);
	expect_end(test, p, LEN, false);
	KUNIT_EXPECT_EQ(test, atomic_read(&deaths), 4);
	KUNIT_EXPECT_EQ(test, fx->fake.opens, 4u);
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_LOST), 1);
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_FOUND), 1);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_STARTED);
	fx->fake.on_identify = NULL;
}

struct fake_look {
	const char		*uuid;
	const char		*wwid;
	umode_t			mode;
	u64			size;
	u64			diskseq;
	dev_t			dev;
	unsigned int		partno;
};

static void look_like(struct fake *fake, const struct fake_look *look)
{
	fake->mode = look->mode;
	fake->dev = look->dev;
	fake->identity = (struct iot_identity){ .partno = look->partno };
	if (look->wwid) {
		strscpy(fake->identity.wwid, look->wwid, sizeof(fake->identity.wwid));
		fake->identity.wwid_len = strlen(look->wwid);
	}
	if (look->uuid)
		strscpy(fake->identity.uuid, look->uuid, sizeof(fake->identity.uuid));
	fake->size = look->size ?: SZ_1M;
	fake->diskseq = look->diskseq;
}

#define DISK(...)	{ .mode = S_IFBLK, __VA_ARGS__ }

/* Was, comes back as, comes back as itself */
static const struct identity_case {
	struct io_target_follow	given;
	struct fake_look	was;
	struct fake_look	wrong;
	struct fake_look	right;
} identity_cases[] = {
	{ {}, DISK(.wwid = "one"), DISK(.wwid = "two"), DISK(.wwid = "one", .diskseq = 7) },
	{ {}, DISK(.wwid = "one"), DISK(), DISK(.wwid = "one", .size = SZ_2M) },
	{ {}, DISK(.wwid = "one"), DISK(.wwid = "one", .partno = 1), DISK(.wwid = "one") },
	{ {}, DISK(.wwid = "one"), { .mode = S_IFCHR }, DISK(.wwid = "one") },
	{ { .uuid = "ab-1" }, DISK(.uuid = "AB-1", .partno = 1),
	  DISK(.uuid = "ab-1", .partno = 1, .size = SZ_2M), DISK(.uuid = "AB-1", .partno = 1) },
	{ { .uuid = "ab-1" }, DISK(.uuid = "ab-1"), DISK(.uuid = "ab-2"), DISK(.uuid = "ab-1") },
	{ { .uuid = "ab-1" }, DISK(.uuid = "ab-1", .wwid = "one"),
	  DISK(.uuid = "ab-2", .wwid = "one"), DISK(.uuid = "ab-1", .wwid = "one") },
	{ { .diskseq = 5 }, DISK(.diskseq = 4), DISK(.diskseq = 4), DISK(.diskseq = 5) },
	{ { .size_is_enough = true }, DISK(), DISK(.size = SZ_2M), DISK(.diskseq = 9) },
	{ {}, { .mode = S_IFCHR, .dev = MKDEV(4, 1) }, { .mode = S_IFCHR, .dev = MKDEV(4, 2) },
	  { .mode = S_IFCHR, .dev = MKDEV(4, 1) } },
};

static void identity_one(struct kunit *test, const struct identity_case *c)
{
	struct fixture *fx = test->priv;
	unsigned int opens;

	look_like(&fx->fake, &c->was);
	follow(test, &c->given);
	lose(test, fx);
	look_like(&fx->fake, &c->wrong);
	opens = fx->fake.opens;
	WRITE_ONCE(fx->fake.open_error, 0);
	KUNIT_EXPECT_TRUE(test, wait_looks(3));
	WRITE_ONCE(fx->fake.open_error, -ENOENT);
	KUNIT_EXPECT_TRUE(test, wait_looks(2));	/* the last that may have opened it has ended */
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_SUSPENDED);
	KUNIT_EXPECT_GE(test, fx->fake.opens, opens + 2);
	KUNIT_EXPECT_EQ(test, fx->fake.opens, fx->fake.closes);
	/* A disk that is not the one was opened for reading only. */
	if (S_ISBLK(c->was.mode))
		KUNIT_EXPECT_EQ(test, fx->fake.opened_for, (unsigned int)IO_TARGET_READ);
	look_like(&fx->fake, &c->right);
	find(test, fx);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_STARTED);
	KUNIT_EXPECT_EQ(test, fx->fake.opened_for, FIXTURE_RW);
}

static void follow_identity(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(identity_cases); i++) {
		kunit_info(test, "identity %u", i);
		identity_one(test, &identity_cases[i]);
	}
}

/* Open refuses a disk that could not be told from others after a loss. */
static void follow_no_identity(struct kunit *test)
{
	struct fixture *fx = test->priv;
	const struct fake_look look = DISK(.diskseq = 1);

	look_like(&fx->fake, &look);
	fx->target->config.follow.enable = true;
	KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
	KUNIT_EXPECT_EQ(test, fake_open(&fx->fake, fx->target, FIXTURE_RW), -EINVAL);
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_CLOSED);
	KUNIT_EXPECT_EQ(test, fx->fake.closes, fx->fake.opens);
	fx->target->config.follow.size_is_enough = true;
	KUNIT_EXPECT_EQ(test, fake_open(&fx->fake, fx->target, FIXTURE_RW), 0);
}

/* A disk that loses its wwid while it is ours is not found again by its size alone. */
static void follow_identity_gone(struct kunit *test)
{
	struct fixture *fx = test->priv;
	const struct fake_look look = DISK(.wwid = "one");

	look_like(&fx->fake, &look);
	follow(test, NULL);
	fx->fake.identity.wwid_len = 0;
	KUNIT_ASSERT_EQ(test, io_target_suspend(fx->target, LONG), 0);
	KUNIT_ASSERT_EQ(test, io_target_reopen(fx->target), 0);
	lose(test, fx);
	fx->fake.open_error = 0;
	KUNIT_EXPECT_TRUE(test, wait_looks(3));
	KUNIT_EXPECT_EQ(test, state(fx), IO_TARGET_SUSPENDED);
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_FOUND), 0);
}

/* Closed while it is lost, and opened again: the next loss is told, too. */
static void follow_lost_again(struct kunit *test)
{
	struct fixture *fx = follow(test, NULL);

	lose(test, fx);
	KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
	fx->fake.open_error = 0;
	KUNIT_ASSERT_EQ(test, fake_open(&fx->fake, fx->target, FIXTURE_RW), 0);
	lose(test, fx);
	find(test, fx);
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_LOST), 2);
	KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_FOUND), 1);
}

/*
 * Close meets the search wherever that is: before the loss is told, after that and before
 * the first look, or in a look, which finds the device: before close forgets it, or not.
 */
static void follow_close_race(struct kunit *test)
{
	struct fixture *fx = follow(test, NULL);
	unsigned int i, missed = 0, found = 0;

	for (i = 0; i < ROUNDS; i++) {
		int lost = step_events(fx, IO_TARGET_EVENT_LOST);
		int told = step_events(fx, IO_TARGET_EVENT_FOUND);
		int tries = atomic_read(&looks.tries);

		iot_lower_gone(fx->fake.lower);
		if (i % 3 == 1)
			KUNIT_ASSERT_TRUE(test, step_wait_events(fx, IO_TARGET_EVENT_LOST,
								 lost + 1));
		if (i % 3 == 2)
			KUNIT_ASSERT_TRUE(test, wait_tries(tries + 1));
		KUNIT_ASSERT_EQ(test, io_target_close(fx->target), 0);
		if (step_events(fx, IO_TARGET_EVENT_FOUND) > told)
			found++;
		else
			missed++;
		KUNIT_ASSERT_EQ(test, fx->fake.opens, fx->fake.closes);
		KUNIT_ASSERT_EQ(test, state(fx), IO_TARGET_CLOSED);
		KUNIT_ASSERT_EQ(test, fake_open(&fx->fake, fx->target, FIXTURE_RW), 0);
		KUNIT_ASSERT_EQ(test, state(fx), IO_TARGET_STARTED);
	}
	KUNIT_EXPECT_GT(test, found, 0u);
	KUNIT_EXPECT_GT(test, missed, 0u);
	kunit_info(test, "%u closes: found before %u of them, not before %u", ROUNDS, found,
		   missed);
}

static struct kunit_case follow_cases[] = {
	KUNIT_CASE(follow_pends),
	KUNIT_CASE(follow_deadline),
	KUNIT_CASE(follow_closed),
	KUNIT_CASE(follow_put),
	KUNIT_CASE(follow_backs_off),
	KUNIT_CASE(follow_wishes),
	KUNIT_CASE(follow_suspended),
	KUNIT_CASE(follow_dies_again),
	KUNIT_CASE(follow_identity),
	KUNIT_CASE(follow_no_identity),
	KUNIT_CASE(follow_identity_gone),
	KUNIT_CASE(follow_lost_again),
	KUNIT_CASE(follow_close_race),
	{}
};

static struct kunit_suite follow_suite = {
	.name = "io_target_follow",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = follow_cases,
};

kunit_test_suite(follow_suite);
