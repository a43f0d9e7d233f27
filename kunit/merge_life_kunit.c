// SPDX-License-Identifier: GPL-2.0
/*
 * Requests that share a bio: what happens to them, and what they do, is as if each
 * had one of its own.
 */
#include <linux/sizes.h>

#include "lot.h"

#define LEN	SZ_2K
#define MANY	32
#define MIDDLE	(MANY / 2)
#define SEED	0x6c696665ULL
#define POS	SZ_1M

static void resubmit(struct member *m)
{
	struct io_target_request *req = &m->req;

	if (!m->rounds--) {
		complete(&m->done);
		return;
	}
	m->err = buffer_prep(m->buf, req, IO_TARGET_OP_WRITE, req->pos, IO_TARGET_MERGE_OK);
	req->end_io = member_end_io;
	m->err = m->err ?: io_target_submit_atomic(req);
	if (m->err)
		complete(&m->done);
}

/* Each sends itself again from its end_io, while its neighbours have not ended. */
static void life_resubmit(struct kunit *test)
{
	struct lot *lot = lot_alloc(test, open_fine(test), MANY, LEN, BUFFER_KMALLOC);
	unsigned int i;

	testdev_disk_mode(device_disk[FINE], TESTDEV_LATE, TESTDEV_HARDIRQ);
	lot_prep(test, lot, IO_TARGET_OP_WRITE, POS, IO_TARGET_MERGE_OK, SEED);
	for (i = 0; i < MANY; i++) {
		lot->member[i].then = resubmit;
		lot->member[i].rounds = 3;
	}
	lot_submit(test, lot);
	KUNIT_ASSERT_TRUE(test, lot_wait(lot));
	for (i = 0; i < MANY; i++) {
		KUNIT_EXPECT_EQ(test, lot->member[i].err, 0);
		KUNIT_EXPECT_EQ(test, atomic_read(&lot->member[i].ends), 4);
		KUNIT_EXPECT_EQ(test, lot->member[i].result, LEN);
	}
	KUNIT_EXPECT_EQ(test, lot_bios(lot), 1u + 3 * MANY);
	KUNIT_EXPECT_TRUE(test, lot_on_disk(test, lot, POS, MANY * LEN, SEED));
	KUNIT_EXPECT_EQ(test, io_target_stop(lot->target, IO_TARGET_WAIT_SENT, 60 * HZ), 0);
	expect_conserved(test, lot->target, "resubmitted");
}

/* The first half free themselves, the others are forgotten, while all are one bio. */
static void free_end_io(struct io_target_request *req)
{
	struct lot *lot = req->private;

	if (req->result == (ssize_t)lot->len)
		atomic_inc(&lot->ended);
	io_target_request_free(req);
}

static void life_pool(struct kunit *test)
{
	struct lot *lot = lot_alloc(test, open_fine(test), MANY, LEN, BUFFER_KMALLOC);
	unsigned int i;

	for (i = 0; i < MANY; i++) {
		struct buffer *b = lot->member[i].buf;

		lot->reqs[i] = io_target_request_alloc(lot->target, GFP_KERNEL);
		buffer_fill(b, POS + i * LEN, SEED);
		KUNIT_ASSERT_EQ(test, buffer_prep(b, lot->reqs[i], IO_TARGET_OP_WRITE,
						  POS + i * LEN, IO_TARGET_MERGE_OK), 0);
		lot->reqs[i]->private = lot;
		lot->reqs[i]->end_io = i < MIDDLE ? free_end_io : NULL;
	}
	testdev_disk_mode(device_disk[FINE], TESTDEV_LATE, TESTDEV_SOFTIRQ);
	lot_submit(test, lot);
	KUNIT_EXPECT_EQ(test, io_target_drain(lot->target, 60 * HZ), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&lot->ended), MIDDLE);
	KUNIT_EXPECT_EQ(test, lot_bios(lot), 1u);
	KUNIT_EXPECT_TRUE(test, lot_on_disk(test, lot, POS, MANY * LEN, SEED));
	expect_conserved(test, lot->target, "pool");
}

/* Sent one by one the flag says nothing. */
static void life_single(struct kunit *test)
{
	struct lot *lot = lot_alloc(test, open_fine(test), 4, LEN, BUFFER_KMALLOC);
	unsigned int i;

	lot_prep(test, lot, IO_TARGET_OP_WRITE, POS, IO_TARGET_MERGE_OK, SEED);
	KUNIT_EXPECT_EQ(test, io_target_submit(lot->reqs[0]), 0);
	KUNIT_EXPECT_EQ(test, io_target_submit_atomic(lot->reqs[1]), 0);
	KUNIT_EXPECT_EQ(test, io_target_submit_batch(lot->target, &lot->reqs[2], 1), 1);
	KUNIT_EXPECT_EQ(test, io_target_submit_wait(lot->reqs[3], IO_TARGET_NO_TIMEOUT), LEN);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_TRUE(test, member_wait(&lot->member[i]));
	for (i = 0; i < 3; i++)
		expect_member(test, &lot->member[i], LEN, SEED);
	KUNIT_EXPECT_TRUE(test, lot_on_disk(test, lot, POS, 4 * LEN, SEED));
	KUNIT_EXPECT_EQ(test, lot_bios(lot), 4u);
}

/* What is no disk has nothing to merge. */
static void life_char(struct kunit *test)
{
	struct io_target *t = device_open(test, testdev_char_path(device_char[SEEK]), RW);
	struct lot *lot = lot_alloc(test, t, MANY, LEN, BUFFER_KMALLOC);
	unsigned int i;

	lot_prep(test, lot, IO_TARGET_OP_WRITE, POS, IO_TARGET_MERGE_OK, SEED);
	lot_submit(test, lot);
	KUNIT_ASSERT_TRUE(test, lot_wait(lot));
	KUNIT_EXPECT_EQ(test, testdev_char_seen(device_char[SEEK]).calls[1], (unsigned int)MANY);
	lot_prep(test, lot, IO_TARGET_OP_READ, POS, IO_TARGET_MERGE_OK, SEED);
	lot_submit(test, lot);
	KUNIT_ASSERT_TRUE(test, lot_wait(lot));
	for (i = 0; i < MANY; i++) {
		KUNIT_EXPECT_EQ(test, lot->member[i].result, LEN);
		KUNIT_EXPECT_TRUE(test, buffer_match(lot->member[i].buf, POS + i * LEN, SEED));
	}
}

/* What comes before the refused one is sent, as one bio; the rest is as it was. */
static void life_refused_in_the_middle(struct kunit *test)
{
	struct lot *lot = lot_alloc(test, open_fine(test), MANY, LEN, BUFFER_KMALLOC);
	unsigned int i;

	lot_prep(test, lot, IO_TARGET_OP_WRITE, POS, IO_TARGET_MERGE_OK, SEED);
	KUNIT_EXPECT_EQ(test, io_target_request_reinit(lot->reqs[MIDDLE]), 0);
	KUNIT_EXPECT_EQ(test, io_target_submit_batch(lot->target, lot->reqs, MANY), MIDDLE);
	for (i = 0; i < MIDDLE; i++) {
		KUNIT_EXPECT_TRUE(test, member_wait(&lot->member[i]));
		expect_member(test, &lot->member[i], LEN, SEED);
	}
	KUNIT_EXPECT_EQ(test, lot_bios(lot), 1u);
	KUNIT_EXPECT_EQ(test, io_target_submit_batch(lot->target, &lot->reqs[MIDDLE], 2), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_submit_batch(lot->target, &lot->reqs[MIDDLE + 1],
						     MIDDLE - 1), MIDDLE - 1);
	for (i = MIDDLE + 1; i < MANY; i++) {
		KUNIT_EXPECT_TRUE(test, member_wait(&lot->member[i]));
		expect_member(test, &lot->member[i], LEN, SEED);
	}
	KUNIT_EXPECT_EQ(test, lot_bios(lot), 2u);
	KUNIT_EXPECT_EQ(test, io_target_stop(lot->target, IO_TARGET_WAIT_SENT, 60 * HZ), 0);
}

/* The same request twice in one batch: the second is outstanding already. */
static void life_twice(struct kunit *test)
{
	struct lot *lot = lot_alloc(test, open_fine(test), MANY, LEN, BUFFER_KMALLOC);
	unsigned int i;

	testdev_disk_mode(device_disk[FINE], TESTDEV_HOLD, TESTDEV_TASK);
	lot_prep(test, lot, IO_TARGET_OP_WRITE, POS, IO_TARGET_MERGE_OK, SEED);
	lot->reqs[MIDDLE] = lot->reqs[0];
	KUNIT_EXPECT_EQ(test, io_target_submit_batch(lot->target, lot->reqs, MANY), MIDDLE);
	testdev_disk_let_go(device_disk[FINE], BLK_STS_OK, TESTDEV_TASK);
	for (i = 0; i < MIDDLE; i++) {
		KUNIT_EXPECT_TRUE(test, member_wait(&lot->member[i]));
		expect_member(test, &lot->member[i], LEN, SEED);
	}
}

/* Held back they pend one by one, and are sent, or not, as others are. */
static void life_pended(struct kunit *test)
{
	struct lot *lot = lot_alloc(test, open_fine(test), MANY, LEN, BUFFER_KMALLOC);
	unsigned int i;

	KUNIT_ASSERT_EQ(test, io_target_stop(lot->target, IO_TARGET_LEAVE_SENT, 0), 0);
	lot_prep(test, lot, IO_TARGET_OP_WRITE, POS, IO_TARGET_MERGE_OK, SEED);
	lot_submit(test, lot);
	KUNIT_EXPECT_EQ(test, lot_bios(lot), 0u);
	KUNIT_EXPECT_EQ(test, io_target_cancel(lot->reqs[0]), 0);
	KUNIT_EXPECT_EQ(test, lot->member[0].result, -ECANCELED);
	KUNIT_EXPECT_EQ(test, io_target_start(lot->target), 0);
	for (i = 1; i < MANY; i++) {
		KUNIT_EXPECT_TRUE(test, member_wait(&lot->member[i]));
		expect_member(test, &lot->member[i], LEN, SEED);
	}
	KUNIT_ASSERT_EQ(test, io_target_purge(lot->target, IO_TARGET_LEAVE_SENT, 0), 0);
	lot_prep(test, lot, IO_TARGET_OP_WRITE, POS, IO_TARGET_MERGE_OK, SEED);
	KUNIT_EXPECT_EQ(test, io_target_submit_batch(lot->target, lot->reqs, MANY), -ESHUTDOWN);
	for (i = 0; i < MANY; i++)
		KUNIT_EXPECT_EQ(test, atomic_read(&lot->member[i].ends), 0);
}

/* While the one bio is with the device, all members are; what waits, waits for it. */
static void life_waited_for(struct kunit *test)
{
	const struct waiter *w = test->param_value;
	struct lot *lot = lot_alloc(test, open_fine(test), MANY, LEN, BUFFER_KMALLOC);
	struct other *o;
	unsigned int i;

	testdev_disk_mode(device_disk[FINE], TESTDEV_HOLD, TESTDEV_TASK);
	lot_prep(test, lot, IO_TARGET_OP_WRITE, POS, IO_TARGET_MERGE_OK, SEED);
	lot_submit(test, lot);
	for (i = 0; i < MANY; i++) {
		KUNIT_EXPECT_TRUE(test, io_target_request_pending(lot->reqs[i]));
		KUNIT_EXPECT_EQ(test, io_target_cancel(lot->reqs[i]), -EALREADY);
		KUNIT_EXPECT_EQ(test, io_target_submit(lot->reqs[i]), -EBUSY);
		KUNIT_EXPECT_EQ(test, io_target_request_reinit(lot->reqs[i]), -EBUSY);
	}
	o = other_start(test, w->call, lot->target);
	KUNIT_EXPECT_TRUE(test, other_waits(o));
	KUNIT_EXPECT_EQ(test, atomic_read(&lot->ended), 0);
	testdev_disk_release_all(device_disk[FINE], BLK_STS_OK, TESTDEV_TASK);
	KUNIT_EXPECT_EQ(test, other_end(test, o), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&lot->ended), MANY);
	expect_lot(test, lot, LEN, SEED);
	KUNIT_EXPECT_EQ(test, lot_bios(lot), 1u);
}

KUNIT_ARRAY_PARAM(waiter, waiters, waiter_desc);

/* What overlaps an orphaned write waits for it, and is not carried past it by others. */
static void life_behind_orphan(struct kunit *test)
{
	struct io_target *t = open_fine(test);
	struct lot *lot = lot_alloc(test, t, MANY, LEN, BUFFER_KMALLOC);
	struct lot *old = lot_alloc(test, t, 1, LEN, BUFFER_KMALLOC);
	loff_t pos = POS + MIDDLE * LEN;

	testdev_disk_mode(device_disk[FINE], TESTDEV_HOLD, TESTDEV_TASK);
	lot_prep(test, old, IO_TARGET_OP_WRITE, pos, IO_TARGET_BOUNCE, ~SEED);
	KUNIT_EXPECT_EQ(test, io_target_request_set_timeout(old->reqs[0], HZ / 2), 0);
	lot_submit(test, old);
	KUNIT_ASSERT_TRUE(test, testdev_disk_wait_held(device_disk[FINE], 1));
	KUNIT_ASSERT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_ORPHAN, 1));
	testdev_disk_mode(device_disk[FINE], TESTDEV_NOW, TESTDEV_TASK);

	lot_prep(test, lot, IO_TARGET_OP_WRITE, POS, IO_TARGET_MERGE_OK, SEED);
	lot_submit(test, lot);
	KUNIT_EXPECT_TRUE(test, io_target_request_pending(lot->reqs[MIDDLE]));
	KUNIT_EXPECT_FALSE(test, lot_on_disk(test, lot, pos, LEN, SEED));
	testdev_disk_release_all(device_disk[FINE], BLK_STS_OK, TESTDEV_TASK);
	expect_lot(test, lot, LEN, SEED);
	KUNIT_EXPECT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_ORPHAN_END, 1));
}

/* The injector's rules are for members, one by one; those it does not hit are merged. */
static void life_injected(struct kunit *test)
{
#if IS_ENABLED(CONFIG_IO_TARGET_FAULT_INJECTION)
	struct lot *lot = lot_alloc(test, open_fine(test), MANY, LEN, BUFFER_KMALLOC);
	unsigned int i;

	KUNIT_ASSERT_EQ(test, iot_inject_write(lot->target, "op=write error=EIO every=8"), 0);
	lot_prep(test, lot, IO_TARGET_OP_WRITE, POS, IO_TARGET_MERGE_OK, SEED);
	lot_submit(test, lot);
	KUNIT_ASSERT_TRUE(test, lot_wait(lot));
	for (i = 0; i < MANY; i++)
		expect_member(test, &lot->member[i], i % 8 == 7 ? -EIO : LEN, SEED);
	KUNIT_EXPECT_LE(test, lot_bios(lot), MANY - MANY / 8u);
	KUNIT_EXPECT_EQ(test, lot_bytes(lot), (MANY - MANY / 8ull) * LEN);
	KUNIT_EXPECT_EQ(test, iot_inject_write(lot->target, "clear"), 0);
#else
	kunit_skip(test, "built without the fault injector");
#endif
}

static struct kunit_case merge_life_cases[] = {
	KUNIT_CASE(life_resubmit),
	KUNIT_CASE(life_pool),
	KUNIT_CASE(life_single),
	KUNIT_CASE(life_char),
	KUNIT_CASE(life_refused_in_the_middle),
	KUNIT_CASE(life_twice),
	KUNIT_CASE(life_pended),
	KUNIT_CASE_PARAM(life_waited_for, waiter_gen_params),
	KUNIT_CASE(life_behind_orphan),
	KUNIT_CASE(life_injected),
	{}
};

static struct kunit_suite merge_life_suite = {
	.name		= "io_target_merge_life",
	.suite_init	= queue_suite_init,
	.suite_exit	= queue_suite_exit,
	.init		= device_fixture_init,
	.exit		= queue_fixture_exit,
	.test_cases	= merge_life_cases,
};

kunit_test_suite(merge_life_suite);
