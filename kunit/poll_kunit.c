// SPDX-License-Identifier: GPL-2.0
/*
 * Polled requests: on a disk that ends them only when somebody polls, and where that
 * cannot be.
 */
#include <linux/sizes.h>

#include "lot.h"
#include "pattern.h"

#define LEN	SZ_4K
#define MANY	16
#define SEED	0x706f6c6cULL
#define LONG	(60 * HZ)

/* Polls until @m has ended; false: it does not. */
static bool poll_until(struct member *m)
{
	unsigned long end = jiffies + TESTDEV_PATIENCE;

	while (!try_wait_for_completion(&m->done)) {
		if (io_target_poll(&m->req) <= 0)
			cond_resched();
		if (time_after(jiffies, end))
			return false;
	}
	return true;
}

static const struct op_case {
	const char		*name;
	enum io_target_op	op;
	enum buffer_kind	kind;
	unsigned int		flags;
} ops[] = {
	{ "read", IO_TARGET_OP_READ, BUFFER_KMALLOC },
	{ "write", IO_TARGET_OP_WRITE, BUFFER_KMALLOC },
	{ "read, vmalloc", IO_TARGET_OP_READ, BUFFER_VMALLOC },
	{ "write, bvec", IO_TARGET_OP_WRITE, BUFFER_BVEC },
	{ "read, page", IO_TARGET_OP_READ, BUFFER_PAGE },
	{ "read, TASK", IO_TARGET_OP_READ, BUFFER_KMALLOC, IO_TARGET_TASK },
	{ "write, IGNORE_STATE", IO_TARGET_OP_WRITE, BUFFER_KMALLOC, IO_TARGET_IGNORE_STATE },
	{ "read, PREPARED", IO_TARGET_OP_READ, BUFFER_KMALLOC, IO_TARGET_PREPARED },
	{ "write, NOWAIT", IO_TARGET_OP_WRITE, BUFFER_KMALLOC, IO_TARGET_NOWAIT },
};

static void op_desc(const struct op_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(op, ops, op_desc);

/* Nothing ends before it is looked for; what a look has found it says. */
static void poll_one(struct kunit *test)
{
	const struct op_case *c = test->param_value;
	struct lot *lot = lot_alloc(test, open_queue(test), 1, LEN, c->kind);
	struct member *m = &lot->member[0];

	lot_fill(test, lot, 0, LEN, c->op == IO_TARGET_OP_READ ? SEED : ~SEED);
	lot_prep(test, lot, c->op, 0, IO_TARGET_POLLED | c->flags, SEED);
	KUNIT_EXPECT_EQ(test, io_target_poll(&m->req), -ENOENT);
	testdev_mq_mode(queue_disk, TESTDEV_HOLD, TESTDEV_TASK);
	KUNIT_ASSERT_EQ(test, io_target_submit(&m->req), 0);
	KUNIT_EXPECT_EQ(test, io_target_poll(&m->req), 0);
	KUNIT_EXPECT_EQ(test, testdev_mq_seen(queue_disk).polled, 1u);
	KUNIT_EXPECT_EQ(test, testdev_mq_release_all(queue_disk, BLK_STS_OK, TESTDEV_TASK), 1u);
	KUNIT_EXPECT_EQ(test, atomic_read(&m->ends), 0);
	KUNIT_EXPECT_EQ(test, io_target_cancel(&m->req), -EALREADY);
	KUNIT_EXPECT_GT(test, io_target_poll(&m->req), 0);
	KUNIT_ASSERT_TRUE(test, member_wait(m));
	KUNIT_EXPECT_EQ(test, io_target_poll(&m->req), -ENOENT);
	expect_member(test, m, LEN, SEED);
}

static void poll_error(struct kunit *test)
{
	struct lot *lot = lot_alloc(test, open_queue(test), 1, LEN, BUFFER_KMALLOC);

	KUNIT_ASSERT_EQ(test, testdev_mq_bad(queue_disk, 512, 512, BLK_STS_MEDIUM), 0);
	lot_prep(test, lot, IO_TARGET_OP_READ, 0, IO_TARGET_POLLED, SEED);
	KUNIT_ASSERT_EQ(test, io_target_submit(lot->reqs[0]), 0);
	KUNIT_EXPECT_GT(test, io_target_poll(lot->reqs[0]), 0);
	expect_lot(test, lot, blk_status_to_errno(BLK_STS_MEDIUM), SEED);
}

/* A batch is one look; any of its requests will do for that. */
static void poll_batch(struct kunit *test)
{
	struct lot *lot = lot_alloc(test, open_queue(test), MANY, LEN, BUFFER_KMALLOC);

	lot_prep(test, lot, IO_TARGET_OP_WRITE, 0, IO_TARGET_POLLED, SEED);
	lot_submit(test, lot);
	KUNIT_EXPECT_EQ(test, atomic_read(&lot->ended), 0);
	KUNIT_EXPECT_GT(test, io_target_poll(lot->reqs[MANY / 2]), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&lot->ended), MANY);
	expect_lot(test, lot, LEN, SEED);
	/* One by one: who polls for a bio that is part of another's request looks in vain. */
	KUNIT_EXPECT_EQ(test, testdev_mq_seen(queue_disk).polled, (unsigned int)MANY);
}

/* Polled and others, side by side in one batch. */
static void poll_mixed(struct kunit *test)
{
	struct lot *lot = lot_alloc(test, open_queue(test), MANY, LEN, BUFFER_KMALLOC);
	unsigned int i;

	lot_prep(test, lot, IO_TARGET_OP_WRITE, 0, IO_TARGET_POLLED, SEED);
	for (i = 0; i < MANY; i += 2)
		member_prep(test, &lot->member[i], IO_TARGET_OP_WRITE, i * LEN,
			    IO_TARGET_MERGE_OK, SEED);
	lot_submit(test, lot);
	for (i = 0; i < MANY; i += 2)
		KUNIT_EXPECT_TRUE(test, member_wait(&lot->member[i]));
	KUNIT_EXPECT_EQ(test, atomic_read(&lot->ended), MANY / 2);
	for (i = 0; i < MANY; i++) {
		if (i & 1)
			KUNIT_EXPECT_TRUE(test, poll_until(&lot->member[i]));
		expect_member(test, &lot->member[i], LEN, SEED);
	}
}

/* Who waits polls himself, with a timeout or without, for each use of a prepared one. */
static void poll_submit_wait(struct kunit *test)
{
	struct lot *lot = lot_alloc(test, open_queue(test), 2, LEN, BUFFER_KMALLOC);
	unsigned int i;

	lot_prep(test, lot, IO_TARGET_OP_WRITE, 0, IO_TARGET_POLLED | IO_TARGET_PREPARED, SEED);
	for (i = 0; i < 6; i++) {
		KUNIT_EXPECT_EQ(test, io_target_submit_wait(lot->reqs[i & 1], i & 2 ? LONG :
							    IO_TARGET_NO_TIMEOUT), LEN);
		KUNIT_EXPECT_FALSE(test, io_target_request_pending(lot->reqs[i & 1]));
	}
	KUNIT_EXPECT_TRUE(test, lot_on_disk(test, lot, 0, 2 * LEN, SEED));
	KUNIT_EXPECT_EQ(test, testdev_mq_seen(queue_disk).polled, 6u);
	expect_conserved(test, lot->target, "waited for");
}

static int wait_one(struct io_target *t)
{
	static u8 block[LEN] __aligned(512);	/* one test at a time */
	struct io_target_request *req = io_target_request_alloc(t, GFP_KERNEL);
	ssize_t ret;

	ret = io_target_prep_read_buf(req, block, LEN, 0, IO_TARGET_POLLED);
	if (!ret)
		ret = io_target_submit_wait(req, LONG);
	io_target_request_free(req);
	return ret;
}

/* He goes on polling until the device has it. */
static void poll_submit_wait_late(struct kunit *test)
{
	struct io_target *t = open_queue(test);
	struct other *o;

	testdev_mq_mode(queue_disk, TESTDEV_HOLD, TESTDEV_TASK);
	o = other_start(test, wait_one, t);
	KUNIT_ASSERT_TRUE(test, testdev_mq_wait_held(queue_disk, 1));
	KUNIT_EXPECT_TRUE(test, other_waits(o));
	testdev_mq_release_all(queue_disk, BLK_STS_OK, TESTDEV_TASK);
	KUNIT_EXPECT_EQ(test, other_end(test, o), LEN);
}

KUNIT_ARRAY_PARAM(waiter, waiters, waiter_desc);

/* Whatever waits for what was sent polls for it: nobody else does. */
static void poll_waited_for(struct kunit *test)
{
	const struct waiter *w = test->param_value;
	struct lot *lot = lot_alloc(test, open_queue(test), MANY, LEN, BUFFER_KMALLOC);
	struct other *o;

	lot_prep(test, lot, IO_TARGET_OP_WRITE, 0, IO_TARGET_POLLED, SEED);
	lot_submit(test, lot);
	o = other_start(test, w->call, lot->target);
	KUNIT_EXPECT_EQ(test, other_end(test, o), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&lot->ended), MANY);
	expect_lot(test, lot, LEN, SEED);
	expect_conserved(test, lot->target, w->name);
}

/* Also if they end long after it has begun to wait; and those that come in TASK. */
static void poll_waited_for_late(struct kunit *test)
{
	const struct waiter *w = test->param_value;
	struct lot *lot = lot_alloc(test, open_queue(test), MANY, LEN, BUFFER_KMALLOC);
	struct other *o;

	testdev_mq_mode(queue_disk, TESTDEV_HOLD, TESTDEV_TASK);
	lot_prep(test, lot, IO_TARGET_OP_WRITE, 0, IO_TARGET_POLLED | IO_TARGET_TASK, SEED);
	lot_submit(test, lot);
	o = other_start(test, w->call, lot->target);
	KUNIT_EXPECT_TRUE(test, other_waits(o));
	testdev_mq_release(queue_disk, MANY / 2, BLK_STS_OK, TESTDEV_TASK);
	KUNIT_EXPECT_TRUE(test, other_waits(o));
	testdev_mq_release_all(queue_disk, BLK_STS_OK, TESTDEV_TASK);
	KUNIT_EXPECT_EQ(test, other_end(test, o), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&lot->ended), MANY);
	expect_lot(test, lot, LEN, SEED);
}

/* A stop that gives up leaves them; the next one finds them. */
static void poll_stop_timeout(struct kunit *test)
{
	struct lot *lot = lot_alloc(test, open_queue(test), 2, LEN, BUFFER_KMALLOC);

	testdev_mq_mode(queue_disk, TESTDEV_HOLD, TESTDEV_TASK);
	lot_prep(test, lot, IO_TARGET_OP_WRITE, 0, IO_TARGET_POLLED, SEED);
	lot_submit(test, lot);
	KUNIT_EXPECT_EQ(test, io_target_stop(lot->target, IO_TARGET_WAIT_SENT, 2), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, atomic_read(&lot->ended), 0);
	testdev_mq_release_all(queue_disk, BLK_STS_OK, TESTDEV_TASK);
	KUNIT_EXPECT_EQ(test, atomic_read(&lot->ended), 0);
	KUNIT_EXPECT_EQ(test, io_target_stop(lot->target, IO_TARGET_WAIT_SENT, LONG), 0);
	expect_lot(test, lot, LEN, SEED);
}

/* Pended it is not with the device: there is nothing to be found, until it is sent. */
static void poll_pended(struct kunit *test)
{
	struct lot *lot = lot_alloc(test, open_queue(test), 3, LEN, BUFFER_KMALLOC);
	struct member *m = &lot->member[0];

	KUNIT_ASSERT_EQ(test, io_target_stop(lot->target, IO_TARGET_LEAVE_SENT, 0), 0);
	lot_prep(test, lot, IO_TARGET_OP_WRITE, 0, IO_TARGET_POLLED, SEED);
	lot_submit(test, lot);
	KUNIT_EXPECT_EQ(test, io_target_poll(&m->req), 0);
	KUNIT_EXPECT_EQ(test, io_target_cancel(&lot->member[2].req), 0);
	KUNIT_EXPECT_EQ(test, io_target_poll(&lot->member[2].req), -ENOENT);
	KUNIT_EXPECT_EQ(test, io_target_start(lot->target), 0);
	KUNIT_EXPECT_TRUE(test, poll_until(m));
	KUNIT_EXPECT_TRUE(test, poll_until(&lot->member[1]));
	expect_member(test, m, LEN, SEED);
	expect_member(test, &lot->member[1], LEN, SEED);
	KUNIT_EXPECT_EQ(test, lot->member[2].result, -ECANCELED);
}

/* Over the caller's memory it cannot end early: that it is late is told. */
static void poll_deadline(struct kunit *test)
{
	struct lot *lot = lot_alloc(test, open_queue(test), 1, LEN, BUFFER_KMALLOC);
	struct member *m = &lot->member[0];

	testdev_mq_mode(queue_disk, TESTDEV_HOLD, TESTDEV_TASK);
	lot_prep(test, lot, IO_TARGET_OP_READ, 0, IO_TARGET_POLLED, SEED);
	lot_fill(test, lot, 0, LEN, SEED);
	KUNIT_EXPECT_EQ(test, io_target_request_set_timeout(&m->req, 1), 0);
	KUNIT_ASSERT_EQ(test, io_target_submit(&m->req), 0);
	KUNIT_EXPECT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_OVERDUE, 1));
	KUNIT_EXPECT_EQ(test, io_target_poll(&m->req), 0);
	testdev_mq_release_all(queue_disk, BLK_STS_OK, TESTDEV_TASK);
	KUNIT_EXPECT_GT(test, io_target_poll(&m->req), 0);
	KUNIT_ASSERT_TRUE(test, member_wait(m));
	expect_member(test, m, LEN, SEED);
}

/* More than one bio: nobody could poll for all of them, so they end as others do. */
static void poll_pieces(struct kunit *test)
{
	struct sent *s = sent_alloc(test, open_queue(test), 2);
	struct scattered *sc = scattered_alloc(test);

	scattered_fill(sc, SEED);
	scattered_prep(test, &s[0], IO_TARGET_OP_WRITE, sc, IO_TARGET_POLLED);
	KUNIT_ASSERT_EQ(test, sent_submit(&s[0]), 0);
	KUNIT_EXPECT_TRUE(test, sent_wait(&s[0]));
	KUNIT_EXPECT_EQ(test, s[0].req.result, (ssize_t)SCATTERED_BYTES);
	KUNIT_EXPECT_EQ(test, pattern_match(testdev_mq_memory(queue_disk), SCATTERED_BYTES, 0,
					    SEED), (size_t)SCATTERED_BYTES);
	KUNIT_EXPECT_EQ(test, testdev_mq_seen(queue_disk).polled, 0u);
	/* And who polls for it all the same does no harm. */
	testdev_mq_mode(queue_disk, TESTDEV_HOLD, TESTDEV_TASK);
	scattered_prep(test, &s[1], IO_TARGET_OP_WRITE, sc, IO_TARGET_POLLED);
	KUNIT_ASSERT_EQ(test, sent_submit(&s[1]), 0);
	KUNIT_EXPECT_EQ(test, io_target_poll(&s[1].req), 0);
	testdev_mq_release_all(queue_disk, BLK_STS_OK, TESTDEV_SOFTIRQ);
	testdev_mq_let_go(queue_disk);
	KUNIT_EXPECT_TRUE(test, sent_wait(&s[1]));
	KUNIT_EXPECT_EQ(test, io_target_poll(&s[1].req), -ENOENT);
}

/* Sends the next from the end_io of the last: that runs inside a poll. */
static void next_polled(struct member *m)
{
	if (m->req.result != LEN)
		m->err = -EIO;
	if (m->err || !m->rounds--)
		goto done;
	m->err = io_target_request_set_pos(&m->req, m->rounds % 64 * LEN);
	m->err = m->err ?: io_target_submit_atomic(&m->req);
	if (!m->err)
		return;
done:
	complete(&m->done);
}

static void poll_chain(struct kunit *test)
{
	struct lot *lot = lot_alloc(test, open_queue(test), 1, LEN, BUFFER_KMALLOC);
	struct member *m = &lot->member[0];

	lot_prep(test, lot, IO_TARGET_OP_READ, 0, IO_TARGET_POLLED | IO_TARGET_PREPARED, 0);
	m->then = next_polled;
	m->rounds = 200;
	KUNIT_ASSERT_EQ(test, io_target_submit(&m->req), 0);
	KUNIT_EXPECT_TRUE(test, poll_until(m));
	KUNIT_EXPECT_EQ(test, m->err, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&m->ends), 201);
	KUNIT_EXPECT_EQ(test, testdev_mq_seen(queue_disk).polled, 201u);
	KUNIT_EXPECT_EQ(test, io_target_stop(lot->target, IO_TARGET_WAIT_SENT, LONG), 0);
	expect_conserved(test, lot->target, "chain");
}

static struct kunit_case poll_cases[] = {
	KUNIT_CASE_PARAM(poll_one, op_gen_params),
	KUNIT_CASE(poll_error),
	KUNIT_CASE(poll_batch),
	KUNIT_CASE(poll_mixed),
	KUNIT_CASE(poll_submit_wait),
	KUNIT_CASE(poll_submit_wait_late),
	KUNIT_CASE_PARAM(poll_waited_for, waiter_gen_params),
	KUNIT_CASE_PARAM(poll_waited_for_late, waiter_gen_params),
	KUNIT_CASE(poll_stop_timeout),
	KUNIT_CASE(poll_pended),
	KUNIT_CASE(poll_deadline),
	KUNIT_CASE(poll_pieces),
	KUNIT_CASE(poll_chain),
	{}
};

static struct kunit_suite poll_suite = {
	.name		= "io_target_poll",
	.suite_init	= queue_suite_init,
	.suite_exit	= queue_suite_exit,
	.init		= device_fixture_init,
	.exit		= queue_fixture_exit,
	.test_cases	= poll_cases,
};

kunit_test_suite(poll_suite);
