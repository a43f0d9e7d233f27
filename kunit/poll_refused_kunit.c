// SPDX-License-Identifier: GPL-2.0
/*
 * Where nobody can poll: refused when it is formatted, or sent as others are. And
 * two who poll at the same time.
 */
#include <linux/sizes.h>

#include "duel.h"
#include "lot.h"

#define LEN	SZ_4K
#define SEED	0x72656675ULL
/* Requests that two pollers race for; a stress run has 20 times as many */
#define RACED	2000

static struct testdev_mq *plain_queue;	/* without a poll queue */

static int refused_suite_init(struct kunit_suite *suite)
{
	int err = queue_suite_init(suite);

	if (err)
		return err;
	plain_queue = testdev_mq_create("iotplainq", SZ_1M, TESTDEV_MQ_DATA);
	if (!IS_ERR(plain_queue))
		return 0;
	err = PTR_ERR(plain_queue);
	plain_queue = NULL;
	queue_suite_exit(suite);
	return err;
}

static void refused_suite_exit(struct kunit_suite *suite)
{
	testdev_mq_destroy(plain_queue);
	plain_queue = NULL;
	queue_suite_exit(suite);
}

enum place { BIO_DISK, QUEUE_DISK, CHAR, CHAR_STREAM };

static const struct place_case {
	const char	*name;
	enum place	place;
} places[] = {
	{ "bio-based disk", BIO_DISK },
	{ "disk without poll queues", QUEUE_DISK },
	{ "char", CHAR },
	{ "stream", CHAR_STREAM },
};

static void place_desc(const struct place_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(place, places, place_desc);

static struct io_target *open_place(struct kunit *test, enum place place)
{
	switch (place) {
	case BIO_DISK:
		return open_fine(test);
	case QUEUE_DISK:
		return device_open(test, testdev_mq_path(plain_queue), RW);
	case CHAR:
		return device_open(test, testdev_char_path(device_char[SEEK]), RW);
	default:
		return device_open(test, testdev_char_path(device_char[STREAM]), RW);
	}
}

/* Refused, not failed late; with TRY_POLLED it ends by itself, and polling is no harm. */
static void refused_place(struct kunit *test)
{
	const struct place_case *c = test->param_value;
	struct io_target *t = open_place(test, c->place);
	struct sent *s = sent_alloc(test, t, 2);
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);
	struct io_target_info info = {};

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_EXPECT_EQ(test, io_target_prep_write_buf(&s->req, buf, LEN, 0, IO_TARGET_POLLED),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, io_target_prep_read_buf(&s->req, buf, LEN, 0, IO_TARGET_POLLED),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, io_target_prep_read_buf(&s->req, buf, LEN, 0, IO_TARGET_POLLED |
						      IO_TARGET_TRY_POLLED), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, io_target_submit(&s->req), -EINVAL);
	sent_prep(test, s, IO_TARGET_OP_WRITE, buf, LEN, 0, IO_TARGET_TRY_POLLED);
	KUNIT_EXPECT_EQ(test, io_target_poll(&s->req), -ENOENT);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	KUNIT_EXPECT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, LEN);
	KUNIT_EXPECT_EQ(test, io_target_poll(&s->req), -ENOENT);
	KUNIT_ASSERT_EQ(test, io_target_get_info(t, &info), 0);
	if (S_ISBLK(info.mode))
		KUNIT_EXPECT_FALSE(test, info.poll);
	sent_prep(test, &s[1], IO_TARGET_OP_WRITE, buf, LEN, 0, IO_TARGET_TRY_POLLED);
	KUNIT_EXPECT_EQ(test, io_target_submit_wait(&s[1].req, 60 * HZ), LEN);
}

/* What falls back is polled for in vain, while the device has it. */
static void refused_falls_back_held(struct kunit *test)
{
	struct lot *lot = lot_alloc(test, open_fine(test), 1, LEN, BUFFER_KMALLOC);

	testdev_disk_mode(device_disk[FINE], TESTDEV_HOLD, TESTDEV_TASK);
	lot_prep(test, lot, IO_TARGET_OP_WRITE, 0, IO_TARGET_TRY_POLLED, SEED);
	lot_submit(test, lot);
	KUNIT_EXPECT_EQ(test, io_target_poll(lot->reqs[0]), 0);
	testdev_disk_release_all(device_disk[FINE], BLK_STS_OK, TESTDEV_SOFTIRQ);
	expect_lot(test, lot, LEN, SEED);
	KUNIT_EXPECT_FALSE(test, testdev_disk_seen(device_disk[FINE]).any_flags & REQ_POLLED);
}

/* On a disk that can it polls. */
static void refused_try_polls(struct kunit *test)
{
	struct lot *lot = lot_alloc(test, open_queue(test), 1, LEN, BUFFER_KMALLOC);
	struct io_target_info info = {};

	KUNIT_ASSERT_EQ(test, io_target_get_info(lot->target, &info), 0);
	KUNIT_EXPECT_TRUE(test, info.poll);
	lot_prep(test, lot, IO_TARGET_OP_WRITE, 0, IO_TARGET_TRY_POLLED, SEED);
	lot_submit(test, lot);
	KUNIT_EXPECT_EQ(test, testdev_mq_seen(queue_disk).polled, 1u);
	KUNIT_EXPECT_EQ(test, atomic_read(&lot->ended), 0);
	KUNIT_EXPECT_GT(test, io_target_poll(lot->reqs[0]), 0);
	expect_lot(test, lot, LEN, SEED);
}

/* What has no data, or needs more than a request, is not polled anywhere. */
static void refused_flags(struct kunit *test)
{
	static const unsigned int polled[] = { IO_TARGET_POLLED, IO_TARGET_TRY_POLLED };
	struct sent *s = sent_alloc(test, open_queue(test), 1);
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	for (i = 0; i < ARRAY_SIZE(polled); i++) {
		unsigned int f = polled[i];

		KUNIT_EXPECT_EQ(test, io_target_prep_write_buf(&s->req, buf, LEN, 0,
							       f | IO_TARGET_FUA), -EINVAL);
		KUNIT_EXPECT_EQ(test, io_target_prep_write_buf(&s->req, buf, LEN, 0,
							       f | IO_TARGET_PREFLUSH), -EINVAL);
		KUNIT_EXPECT_EQ(test, io_target_prep_write_buf(&s->req, buf, LEN, 0,
							       f | IO_TARGET_BOUNCE), -EINVAL);
		KUNIT_EXPECT_EQ(test, io_target_prep_flush(&s->req, f), -EINVAL);
		KUNIT_EXPECT_EQ(test, io_target_prep_discard(&s->req, 0, LEN, f), -EINVAL);
		KUNIT_EXPECT_EQ(test, io_target_prep_write_zeroes(&s->req, 0, LEN, f), -EINVAL);
	}
}

/* One side of the race: how many of its looks have found something */
struct side {
	struct lot	*lot;
	unsigned int	found;
};

static void poll_all(void *private)
{
	struct side *side = private;
	struct lot *lot = side->lot;
	unsigned int i;

	/* Bounded: what is never found is found missing by the case. */
	for (i = 0; i < 100 && atomic_read(&lot->ended) < lot->n; i++)
		side->found += io_target_poll(lot->reqs[i % lot->n]) > 0;
}

/* Each ended once, by this side or the other. */
static void race_count(struct lot *lot, unsigned int *callbacks, unsigned int *duplicates,
		       unsigned int *wrong)
{
	unsigned int i;

	for (i = 0; i < lot->n; i++) {
		struct member *m = &lot->member[i];
		int ends = atomic_read(&m->ends);

		*wrong += !ends || m->result != 512 || !buffer_match(m->buf, i * 512, SEED);
		*callbacks += ends;
		*duplicates += ends > 1;
	}
}

/* What one of two pollers finds the other does not. */
static void poll_race(struct kunit *test)
{
	struct lot *lot = lot_alloc(test, open_queue(test), DUEL_BATCH, 512, BUFFER_KMALLOC);
	unsigned int i, rounds = duel_rounds(RACED) / DUEL_BATCH;
	unsigned int callbacks = 0, duplicates = 0, wrong = 0;
	struct side left = { .lot = lot }, right = { .lot = lot };
	struct duel *d = duel_start(test, poll_all, &right);

	lot_fill(test, lot, 0, DUEL_BATCH * 512, SEED);
	for (i = 0; i < rounds; i++) {
		unsigned int before = left.found;

		lot_prep(test, lot, IO_TARGET_OP_READ, 0, IO_TARGET_POLLED, SEED);
		lot_submit(test, lot);
		duel_fire(d);
		poll_all(&left);
		duel_join(d);
		race_count(lot, &callbacks, &duplicates, &wrong);
		KUNIT_ASSERT_EQ(test, wrong, 0u);
		duel_adjust(d, left.found > before);
	}
	duel_end(d);
	kunit_info(test, "found by one %u times, by the other %u times, in %u rounds", left.found,
		   right.found, rounds);
	kunit_info(test, "submitted %u = callbacks %u, duplicates %u, wrong %u",
		   rounds * DUEL_BATCH, callbacks, duplicates, wrong);
	KUNIT_EXPECT_EQ(test, callbacks, rounds * DUEL_BATCH);
	KUNIT_EXPECT_EQ(test, duplicates, 0u);
	expect_conserved(test, lot->target, "two pollers");
}

static struct kunit_case poll_refused_cases[] = {
	KUNIT_CASE_PARAM(refused_place, place_gen_params),
	KUNIT_CASE(refused_falls_back_held),
	KUNIT_CASE(refused_try_polls),
	KUNIT_CASE(refused_flags),
	{}
};

static struct kunit_suite poll_refused_suite = {
	.name		= "io_target_poll_refused",
	.suite_init	= refused_suite_init,
	.suite_exit	= refused_suite_exit,
	.init		= device_fixture_init,
	.exit		= queue_fixture_exit,
	.test_cases	= poll_refused_cases,
};

/* By its name one of those that a stress run has more rounds of. */
static struct kunit_case poll_race_cases[] = {
	KUNIT_CASE(poll_race),
	{}
};

static struct kunit_suite poll_race_suite = {
	.name		= "io_target_stress_poll",
	.suite_init	= queue_suite_init,
	.suite_exit	= queue_suite_exit,
	.init		= device_fixture_init,
	.exit		= queue_fixture_exit,
	.test_cases	= poll_race_cases,
};

kunit_test_suites(&poll_refused_suite, &poll_race_suite);
