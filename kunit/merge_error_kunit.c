// SPDX-License-Identifier: GPL-2.0
/*
 * A bio of several requests that fails: each of them gets a result of its own.
 */
#include <linux/ioprio.h>
#include <linux/sizes.h>

#include "lot.h"

#define LEN	SZ_4K
#define MANY	32
#define SEED	0x6572726f72ULL
#define POS	SZ_1M

/* One of these blocks cannot be had */
static const struct bad_case {
	const char		*name;
	blk_status_t		status;
	enum io_target_op	op;
	unsigned int		bad;
	enum testdev_mode	mode;
	enum testdev_context	context;
	unsigned int		flags;
} bads[] = {
	{ "read, IOERR, first", BLK_STS_IOERR, IO_TARGET_OP_READ, 0 },
	{ "read, MEDIUM, middle", BLK_STS_MEDIUM, IO_TARGET_OP_READ, 13 },
	{ "read, PROTECTION, last", BLK_STS_PROTECTION, IO_TARGET_OP_READ, MANY - 1 },
	{ "write, IOERR, middle", BLK_STS_IOERR, IO_TARGET_OP_WRITE, 13 },
	{ "write, MEDIUM, last", BLK_STS_MEDIUM, IO_TARGET_OP_WRITE, MANY - 1 },
	{ "write, PROTECTION, first", BLK_STS_PROTECTION, IO_TARGET_OP_WRITE, 0 },
	{ "read, MEDIUM, softirq", BLK_STS_MEDIUM, IO_TARGET_OP_READ, 13, TESTDEV_LATE,
	  TESTDEV_SOFTIRQ },
	{ "write, IOERR, hardirq", BLK_STS_IOERR, IO_TARGET_OP_WRITE, 13, TESTDEV_LATE,
	  TESTDEV_HARDIRQ },
	{ "write, IOERR, TASK", BLK_STS_IOERR, IO_TARGET_OP_WRITE, 13, TESTDEV_LATE,
	  TESTDEV_HARDIRQ, IO_TARGET_TASK },
};

static void bad_desc(const struct bad_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(bad, bads, bad_desc);

static struct lot *lot_ready(struct kunit *test, enum io_target_op op, unsigned int flags)
{
	struct lot *lot = lot_alloc(test, open_queue(test), MANY, LEN, BUFFER_KMALLOC);

	if (op == IO_TARGET_OP_READ)
		lot_fill(test, lot, POS, MANY * LEN, SEED);
	lot_prep(test, lot, op, POS, flags | IO_TARGET_MERGE_OK, SEED);
	return lot;
}

/* A sector in the middle of member @i */
static void make_bad(struct kunit *test, unsigned int i, blk_status_t status)
{
	KUNIT_ASSERT_EQ(test, testdev_mq_bad(queue_disk, POS + i * LEN + SZ_1K, 512, status), 0);
}

/* Only the member that it is in fails, with what the device says of it; all others are good. */
static void error_one(struct kunit *test)
{
	const struct bad_case *c = test->param_value;
	struct lot *lot = lot_ready(test, c->op, c->flags);
	struct testdev_mq_seen seen;
	unsigned int i;

	make_bad(test, c->bad, c->status);
	testdev_mq_mode(queue_disk, c->mode, c->context);
	lot_submit(test, lot);
	KUNIT_ASSERT_TRUE(test, lot_wait(lot));
	for (i = 0; i < MANY; i++) {
		struct member *m = &lot->member[i];

		expect_member(test, m, i == c->bad ? blk_status_to_errno(c->status) : LEN, SEED);
		KUNIT_EXPECT_EQ(test, (__force u8)m->req.status,
				(__force u8)(i == c->bad ? c->status : BLK_STS_OK));
	}
	/* All in one, and then each alone: not put together again by the block layer. */
	seen = testdev_mq_seen(queue_disk);
	KUNIT_EXPECT_EQ(test, seen.requests, 1u + MANY);
	KUNIT_EXPECT_EQ(test, seen.bios, 1u + MANY);
	KUNIT_EXPECT_EQ(test, seen.sizes[0], (unsigned int)MANY * LEN);
	for (i = 1; i <= MANY; i++)
		KUNIT_EXPECT_EQ(test, seen.sizes[i], (unsigned int)LEN);
	KUNIT_EXPECT_EQ(test, io_target_stop(lot->target, IO_TARGET_WAIT_SENT, 60 * HZ), 0);
	expect_conserved(test, lot->target, c->name);
}

static void error_several(struct kunit *test)
{
	static const blk_status_t status[MANY] = {
		[0] = BLK_STS_MEDIUM, [5] = BLK_STS_IOERR, [6] = BLK_STS_PROTECTION,
		[MANY - 2] = BLK_STS_TIMEOUT, [MANY - 1] = BLK_STS_MEDIUM,
	};
	struct lot *lot = lot_ready(test, IO_TARGET_OP_READ, 0);
	unsigned int i;

	for (i = 0; i < MANY; i++)
		if (status[i])
			make_bad(test, i, status[i]);
	lot_submit(test, lot);
	KUNIT_ASSERT_TRUE(test, lot_wait(lot));
	for (i = 0; i < MANY; i++) {
		struct member *m = &lot->member[i];

		expect_member(test, m, status[i] ? blk_status_to_errno(status[i]) : LEN, SEED);
		KUNIT_EXPECT_EQ(test, (__force u8)m->req.status, (__force u8)status[i]);
	}
}

/* Those that go by themselves, for their memory, are not drawn into what is beside them. */
static void error_beside(struct kunit *test)
{
	struct lot *lot = lot_alloc(test, open_queue(test), MANY, LEN, LOT_ALL_KINDS);
	unsigned int bad, i;

	lot_fill(test, lot, POS, MANY * LEN, SEED);
	for (bad = 10; bad < 10 + BUFFER_FOLIO + 1; bad++) {
		make_bad(test, bad, BLK_STS_MEDIUM);
		lot_prep(test, lot, IO_TARGET_OP_READ, POS, IO_TARGET_MERGE_OK, SEED);
		lot_submit(test, lot);
		KUNIT_ASSERT_TRUE(test, lot_wait(lot));
		for (i = 0; i < MANY; i++)
			expect_member(test, &lot->member[i], i == bad ?
				      blk_status_to_errno(BLK_STS_MEDIUM) : LEN, SEED);
		testdev_mq_good(queue_disk);
	}
}

/* A device that is all bad: nobody is left out, nobody is asked twice. */
static void error_all(struct kunit *test)
{
	struct lot *lot = lot_ready(test, IO_TARGET_OP_WRITE, 0);

	testdev_mq_answer(queue_disk, BLK_STS_MEDIUM);
	lot_submit(test, lot);
	expect_lot(test, lot, blk_status_to_errno(BLK_STS_MEDIUM), SEED);
	KUNIT_EXPECT_EQ(test, testdev_mq_seen(queue_disk).requests, 1u + MANY);
}

struct status_case {
	const char	*name;
	blk_status_t	status;
};

#define STATUS(name)	{ #name, BLK_STS_##name }

static const struct status_case statuses[] = {
	STATUS(TRANSPORT), STATUS(OFFLINE), STATUS(NOSPC), STATUS(TIMEOUT), STATUS(TARGET),
	STATUS(NOTSUPP), STATUS(RESOURCE),
};

static void status_desc(const struct status_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(status, statuses, status_desc);

/* What is no fault of a block is all members', and the device is not asked again. */
static void error_for_all(struct kunit *test)
{
	const struct status_case *c = test->param_value;
	struct lot *lot = lot_ready(test, IO_TARGET_OP_WRITE, 0);
	unsigned int i;

	make_bad(test, 3, c->status);
	lot_submit(test, lot);
	KUNIT_ASSERT_TRUE(test, lot_wait(lot));
	for (i = 0; i < MANY; i++) {
		struct member *m = &lot->member[i];

		expect_member(test, m, blk_status_to_errno(c->status), SEED);
		KUNIT_EXPECT_EQ(test, (__force u8)m->req.status, (__force u8)c->status);
		KUNIT_EXPECT_EQ(test, m->number, i + 1);
	}
	KUNIT_EXPECT_EQ(test, testdev_mq_seen(queue_disk).requests, 1u);
}

/* Members of all kinds of memory, of which some take more than one bio. */
static void error_large(struct kunit *test)
{
	struct io_target *t = open_queue(test);
	struct lot *lot = lot_alloc(test, t, 8, SZ_1M, LOT_ALL_KINDS);
	unsigned int i;

	lot_fill(test, lot, POS, 8 * SZ_1M, SEED);
	KUNIT_ASSERT_EQ(test, testdev_mq_bad(queue_disk, POS + 3 * SZ_1M + SZ_512K, 512,
					     BLK_STS_MEDIUM), 0);
	KUNIT_ASSERT_EQ(test, testdev_mq_bad(queue_disk, POS + 7 * SZ_1M, 512,
					     BLK_STS_IOERR), 0);
	lot_prep(test, lot, IO_TARGET_OP_READ, POS, IO_TARGET_MERGE_OK, SEED);
	lot_submit(test, lot);
	KUNIT_ASSERT_TRUE(test, lot_wait(lot));
	for (i = 0; i < 8; i++)
		expect_member(test, &lot->member[i], i == 3 ? blk_status_to_errno(BLK_STS_MEDIUM) :
			      i == 7 ? -EIO : SZ_1M, SEED);
}

/* Requests of which one in ten is on a bad block */
#define REQUESTS	20000
#define BLOCK		512

static bool is_bad(unsigned int request)
{
	/* Anywhere in a bio, and in several members of most. */
	return request * 7919u % 100 < 10;
}

static unsigned int make_blocks_bad(struct kunit *test)
{
	unsigned int i, n = 0;

	for (i = 0; i < REQUESTS; i++)
		if (is_bad(i)) {
			KUNIT_ASSERT_EQ(test, testdev_mq_bad(queue_disk, (u64)i * BLOCK, BLOCK,
							     BLK_STS_MEDIUM), 0);
			n++;
		}
	return n;
}

static void error_many(struct kunit *test)
{
	const int medium = blk_status_to_errno(BLK_STS_MEDIUM);
	struct lot *lot = lot_alloc(test, open_queue(test), MANY, BLOCK, BUFFER_KMALLOC);
	unsigned int injected = make_blocks_bad(test), reported = 0, wrong = 0, i, j;

	lot_fill(test, lot, 0, (u64)REQUESTS * BLOCK, SEED);
	for (i = 0; i < REQUESTS; i += MANY) {
		bool write = i / MANY & 1;

		testdev_mq_mode(queue_disk, TESTDEV_LATE, i / MANY % 3);
		lot_prep(test, lot, write ? IO_TARGET_OP_WRITE : IO_TARGET_OP_READ,
			 (loff_t)i * BLOCK, IO_TARGET_MERGE_OK, write ? ~SEED : SEED);
		lot_submit(test, lot);
		KUNIT_ASSERT_TRUE(test, lot_wait(lot));
		for (j = 0; j < MANY; j++) {
			struct member *m = &lot->member[j];
			loff_t pos = (loff_t)(i + j) * BLOCK;
			bool good = write ? lot_on_disk(test, lot, pos, BLOCK, ~SEED) :
					    buffer_match(m->buf, pos, SEED);

			reported += m->result == medium;
			wrong += m->result != (is_bad(i + j) ? medium : BLOCK);
			wrong += atomic_read(&m->ends) != 1;
			wrong += good == is_bad(i + j);
		}
	}
	kunit_info(test, "%u requests, %u injected, %u reported, %u wrong", REQUESTS, injected,
		   reported, wrong);
	KUNIT_EXPECT_EQ(test, reported, injected);
	KUNIT_EXPECT_GE(test, injected, REQUESTS / 10u);
	KUNIT_EXPECT_EQ(test, wrong, 0u);
	expect_conserved(test, lot->target, "many");
}

/* The bio has failed, and its members, or the first of them, are with the device again. */
static struct lot *lot_sent_again(struct kunit *test)
{
	struct lot *lot = lot_ready(test, IO_TARGET_OP_WRITE, 0);

	testdev_mq_mode(queue_disk, TESTDEV_HOLD, TESTDEV_TASK);
	lot_submit(test, lot);
	KUNIT_ASSERT_TRUE(test, testdev_mq_wait_held(queue_disk, 1));
	KUNIT_EXPECT_EQ(test, testdev_mq_release(queue_disk, 1, BLK_STS_IOERR, TESTDEV_HARDIRQ),
			1u);
	KUNIT_ASSERT_TRUE(test, testdev_mq_wait_held(queue_disk, 1));
	KUNIT_EXPECT_EQ(test, atomic_read(&lot->ended), 0);
	return lot;
}

/* Those that the device has, and those that it is going to be given. */
static void answer_all(void)
{
	testdev_mq_mode(queue_disk, TESTDEV_NOW, TESTDEV_TASK);
	testdev_mq_release_all(queue_disk, BLK_STS_OK, TESTDEV_TASK);
}

/* They were sent once, so that nobody can say that they were not. */
static void error_cancel(struct kunit *test)
{
	struct lot *lot = lot_sent_again(test);
	unsigned int i;

	for (i = 0; i < MANY; i++) {
		KUNIT_EXPECT_EQ(test, io_target_cancel(lot->reqs[i]), -EALREADY);
		KUNIT_EXPECT_EQ(test, io_target_submit(lot->reqs[i]), -EBUSY);
	}
	answer_all();
	expect_lot(test, lot, LEN, SEED);
}

KUNIT_ARRAY_PARAM(waiter, waiters, waiter_desc);

static void error_waited_for(struct kunit *test)
{
	const struct waiter *w = test->param_value;
	struct lot *lot = lot_sent_again(test);
	struct other *o = other_start(test, w->call, lot->target);

	KUNIT_EXPECT_TRUE(test, other_waits(o));
	KUNIT_EXPECT_LT(test, atomic_read(&lot->ended), MANY);
	answer_all();
	KUNIT_EXPECT_EQ(test, other_end(test, o), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&lot->ended), MANY);
	expect_lot(test, lot, LEN, SEED);
	expect_conserved(test, lot->target, w->name);
}

/* A target that is stopped or purged meanwhile does not change what has been sent. */
static void error_stopped(struct kunit *test)
{
	struct lot *lot = lot_ready(test, IO_TARGET_OP_WRITE, 0);

	testdev_mq_mode(queue_disk, TESTDEV_HOLD, TESTDEV_TASK);
	lot_submit(test, lot);
	KUNIT_ASSERT_EQ(test, io_target_purge(lot->target, IO_TARGET_LEAVE_SENT, 0), 0);
	testdev_mq_mode(queue_disk, TESTDEV_NOW, TESTDEV_TASK);
	make_bad(test, 7, BLK_STS_MEDIUM);
	testdev_mq_release_all(queue_disk, BLK_STS_MEDIUM, TESTDEV_SOFTIRQ);
	KUNIT_ASSERT_TRUE(test, lot_wait(lot));
	expect_member(test, &lot->member[6], LEN, SEED);
	expect_member(test, &lot->member[7], blk_status_to_errno(BLK_STS_MEDIUM), SEED);
	KUNIT_EXPECT_EQ(test, io_target_purge(lot->target, IO_TARGET_WAIT_SENT, 60 * HZ), 0);
}

/* The worker that sends them again has a priority of its own. */
static void error_owner(struct kunit *test)
{
	const u16 own = IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 2);
	struct lot *lot = lot_ready(test, IO_TARGET_OP_WRITE, 0);

	KUNIT_ASSERT_EQ(test, set_task_ioprio(current, own), 0);
	make_bad(test, 0, BLK_STS_IOERR);
	testdev_mq_mode(queue_disk, TESTDEV_LATE, TESTDEV_TASK);
	lot_submit(test, lot);
	KUNIT_EXPECT_EQ(test, set_task_ioprio(current, IOPRIO_DEFAULT), 0);
	KUNIT_ASSERT_TRUE(test, lot_wait(lot));
	KUNIT_EXPECT_EQ(test, testdev_mq_seen(queue_disk).requests, 1u + MANY);
	KUNIT_EXPECT_EQ(test, testdev_mq_seen(queue_disk).last_ioprio, own);
	expect_member(test, &lot->member[1], LEN, SEED);
}

/* Sends itself again from the end_io of the second attempt, at a good place. */
static void move_on(struct member *m)
{
	struct io_target_request *req = &m->req;

	if (!m->rounds--) {
		complete(&m->done);
		return;
	}
	m->err = buffer_prep(m->buf, req, IO_TARGET_OP_READ, req->pos + MANY * LEN,
			     IO_TARGET_MERGE_OK);
	req->end_io = member_end_io;
	m->err = m->err ?: io_target_submit_atomic(req);
	if (m->err)
		complete(&m->done);
}

static void error_resubmit(struct kunit *test)
{
	struct lot *lot = lot_ready(test, IO_TARGET_OP_READ, 0);
	unsigned int i;

	lot_fill(test, lot, POS + MANY * LEN, MANY * LEN, SEED);
	for (i = 0; i < MANY; i += 3)
		make_bad(test, i, BLK_STS_MEDIUM);
	for (i = 0; i < MANY; i++) {
		lot->member[i].then = move_on;
		lot->member[i].rounds = 1;
	}
	lot_submit(test, lot);
	KUNIT_ASSERT_TRUE(test, lot_wait(lot));
	for (i = 0; i < MANY; i++) {
		struct member *m = &lot->member[i];

		KUNIT_EXPECT_EQ(test, m->err, 0);
		KUNIT_EXPECT_EQ(test, atomic_read(&m->ends), 2);
		KUNIT_EXPECT_EQ(test, m->result, LEN);
		KUNIT_EXPECT_TRUE(test, buffer_match(m->buf, m->req.pos, SEED));
	}
	KUNIT_EXPECT_EQ(test, io_target_stop(lot->target, IO_TARGET_WAIT_SENT, 60 * HZ), 0);
}

/* Some free themselves in their end_io, the others are forgotten. */
static void free_end_io(struct io_target_request *req)
{
	struct lot *lot = req->private;

	atomic_add(req->result == LEN ? 1 : 100, &lot->ended);
	io_target_request_free(req);
}

static void error_pool(struct kunit *test)
{
	struct lot *lot = lot_ready(test, IO_TARGET_OP_WRITE, 0);
	unsigned int i;

	make_bad(test, 4, BLK_STS_MEDIUM);
	for (i = 0; i < MANY; i++) {
		struct io_target_request *req = io_target_request_alloc(lot->target, GFP_KERNEL);

		KUNIT_ASSERT_EQ(test, buffer_prep(lot->member[i].buf, req, IO_TARGET_OP_WRITE,
						  POS + i * LEN, IO_TARGET_MERGE_OK), 0);
		req->private = lot;
		req->end_io = i & 1 ? NULL : free_end_io;
		lot->reqs[i] = req;
	}
	lot_submit(test, lot);
	KUNIT_EXPECT_EQ(test, io_target_drain(lot->target, 60 * HZ), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&lot->ended), MANY / 2 - 1 + 100);
	KUNIT_EXPECT_TRUE(test, lot_on_disk(test, lot, POS + 5 * LEN, (MANY - 5) * LEN, SEED));
	expect_conserved(test, lot->target, "pool");
}

static struct kunit_case merge_error_cases[] = {
	KUNIT_CASE_PARAM(error_one, bad_gen_params),
	KUNIT_CASE(error_several),
	KUNIT_CASE(error_beside),
	KUNIT_CASE(error_all),
	KUNIT_CASE_PARAM(error_for_all, status_gen_params),
	KUNIT_CASE(error_large),
	KUNIT_CASE(error_many),
	KUNIT_CASE(error_cancel),
	KUNIT_CASE_PARAM(error_waited_for, waiter_gen_params),
	KUNIT_CASE(error_stopped),
	KUNIT_CASE(error_owner),
	KUNIT_CASE(error_resubmit),
	KUNIT_CASE(error_pool),
	{}
};

static struct kunit_suite merge_error_suite = {
	.name		= "io_target_merge_error",
	.suite_init	= queue_suite_init,
	.suite_exit	= queue_suite_exit,
	.init		= device_fixture_init,
	.exit		= queue_fixture_exit,
	.test_cases	= merge_error_cases,
};

kunit_test_suite(merge_error_suite);
