// SPDX-License-Identifier: GPL-2.0
/*
 * Forwarded bios that meet an orphaned write, which must not land on them; and threads
 * that forward against one that stops, starts and purges.
 */
#include <linux/iopoll.h>
#include <linux/sizes.h>

#include "duel.h"
#include "inbox.h"
#include "pattern.h"

#define SEED	0x6f727068ULL
#define BLOCK	512

/*
 * A write of @blocks from 0 on that its caller has given up, and the disk holds. A
 * machine that is too busy to send it in time takes it back instead: then again.
 */
static void make_orphan(struct kunit *test, struct io_target *t, unsigned int blocks)
{
	struct device_fixture *fx = test->priv;
	u8 *old = inbox_buf(test, blocks * BLOCK);
	long timeout;

	testdev_disk_mode(device_disk[FINE], TESTDEV_HOLD, TESTDEV_TASK);
	for (timeout = HZ / 20; !atomic_read(&fx->events[IO_TARGET_EVENT_ORPHAN]); timeout *= 2) {
		KUNIT_ASSERT_LT(test, timeout, 30l * HZ);
		KUNIT_EXPECT_EQ(test, io_target_write(t, old, blocks * BLOCK, 0, timeout),
				-ETIMEDOUT);
	}
	KUNIT_ASSERT_TRUE(test, testdev_disk_wait_held(device_disk[FINE], 1));
	KUNIT_ASSERT_EQ(test, testdev_disk_seen(device_disk[FINE]).bios, 1u);
}

static void expect_freed(struct kunit *test, struct inbox *in, unsigned int n)
{
	struct testdev_disk *disk = device_disk[FINE];

	testdev_disk_let_go(disk, BLK_STS_OK, TESTDEV_HARDIRQ);
	expect_all_ended(test, in, 0, n, BLK_STS_OK);
	KUNIT_EXPECT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_ORPHAN_END, 1));
}

/* Of eight blocks of the orphan, what meets them and what does not. */
static void orphan_overlapped(struct kunit *test)
{
	struct io_target *t = open_fine(test);
	struct inbox *in = inbox_alloc(test, t, 6);
	struct testdev_disk *disk = device_disk[FINE];
	u8 *buf = inbox_buf(test, 2 * BLOCK);
	unsigned int i;

	pattern_fill(buf, 2 * BLOCK, 7 * BLOCK, SEED);
	make_orphan(test, t, 8);
	received_data(&in->bios[0], REQ_OP_WRITE, 7 * BLOCK, buf, 2 * BLOCK);
	received_forward(&in->bios[0]);
	received_range(&in->bios[1], REQ_OP_DISCARD, 0, BLOCK);
	received_forward(&in->bios[1]);
	received_range(&in->bios[2], REQ_OP_WRITE_ZEROES, 0, 64 * BLOCK);
	received_forward(&in->bios[2]);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(disk).bios, 1u);

	received_write(&in->bios[3], 8, buf);
	received_forward(&in->bios[3]);
	received_data(&in->bios[4], REQ_OP_READ, 0, inbox_buf(test, BLOCK), BLOCK);
	received_forward(&in->bios[4]);
	received_range(&in->bios[5], REQ_OP_WRITE | REQ_PREFLUSH, 0, 0);
	received_forward(&in->bios[5]);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(disk).bios, 4u);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(disk).flushes, 1u);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(disk).reads, 1u);

	/* Those end, and let nobody go; the orphan does. */
	for (i = 0; i < 3; i++)
		testdev_disk_release(disk, 1, BLK_STS_OK, TESTDEV_TASK);
	KUNIT_EXPECT_EQ(test, inbox_ends(in, 0, 3), 0u);
	expect_all_ended(test, in, 3, 3, BLK_STS_OK);
	expect_freed(test, in, 3);
	expect_order(test, in, 0, 3);
	testdev_store_read(testdev_disk_store(disk), 8 * BLOCK, buf, BLOCK);
	KUNIT_EXPECT_EQ(test, pattern_match_byte(buf, BLOCK, 0), (size_t)BLOCK);
	expect_conserved(test, t, "overlapped");
}

/* They go when it has ended, in order, so that the last of them is on the disk. */
static void orphan_frees(struct kunit *test)
{
	struct io_target *t = open_fine(test);
	struct inbox *in = inbox_alloc(test, t, 16);
	u8 *buf = inbox_buf(test, 16 * BLOCK);
	unsigned int i;

	make_orphan(test, t, 1);
	for (i = 0; i < 16; i++) {
		pattern_fill(buf + i * BLOCK, BLOCK, 0, SEED + i);
		received_write(&in->bios[i], 0, buf + i * BLOCK);
		received_forward(&in->bios[i]);
	}
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(device_disk[FINE]).bios, 1u);
	KUNIT_EXPECT_EQ(test, inbox_ends(in, 0, 16), 0u);
	expect_freed(test, in, 16);
	expect_order(test, in, 0, 16);
	testdev_store_read(testdev_disk_store(device_disk[FINE]), 0, buf, BLOCK);
	KUNIT_EXPECT_EQ(test, pattern_match(buf, BLOCK, 0, SEED + 15), (size_t)BLOCK);
	expect_conserved(test, t, "freed");
}

static int stop_cancel(struct io_target *t)
{
	return io_target_stop(t, IO_TARGET_CANCEL_SENT, TESTDEV_PATIENCE);
}

static int purge_cancel(struct io_target *t)
{
	return io_target_purge(t, IO_TARGET_CANCEL_SENT, TESTDEV_PATIENCE);
}

static const struct waiter cancels[] = {
	{ "stop", stop_cancel }, { "purge", purge_cancel }, { "close", io_target_close },
};

KUNIT_ARRAY_PARAM(cancel, cancels, waiter_desc);

/* Who does not want to wait for them ends them, while the orphan is still there. */
static void orphan_held_cancelled(struct kunit *test)
{
	const struct waiter *w = test->param_value;
	struct device_fixture *fx = test->priv;
	struct io_target *t = open_fine(test);
	struct inbox *in = inbox_alloc(test, t, 3);
	u8 *buf = inbox_buf(test, BLOCK);
	struct io_target_stats s;
	u64 errors;

	make_orphan(test, t, 8);
	io_target_get_stats(t, &s);
	errors = s.errors;
	inbox_forward(in, 0, 3, buf);
	KUNIT_EXPECT_EQ(test, w->call(t), 0);
	KUNIT_EXPECT_EQ(test, inbox_ends(in, 0, 3), 3u);
	expect_all_ended(test, in, 0, 3, BLK_STS_IOERR);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->events[IO_TARGET_EVENT_ORPHAN_END]), 0);
	expect_freed(test, in, 0);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(device_disk[FINE]).bios, 1u);
	/* None of them is the device's fault. */
	io_target_get_stats(t, &s);
	KUNIT_EXPECT_EQ(test, s.cancelled, 3ull);
	KUNIT_EXPECT_EQ(test, s.errors, errors);
	expect_conserved(test, t, w->name);
}

#define SENDERS		4
/* Bios of each; a stress run has 20 times as many */
#define BIOS		2500
#define BURST		20
/* Bursts that a sender makes before the state has to change */
#define BURSTS_A_TURN	5

/**
 * struct rounds - what the senders are told, and tell
 * @running: how many of them have not done yet
 * @turn: of who changes the state
 * @wait: for @turn to change
 */
struct rounds {
	atomic_t		running;
	unsigned int		turn;
	wait_queue_head_t	wait;
};

/**
 * struct sender - a thread that forwards bios in bursts
 * @work: the thread
 * @in: its bios
 * @buf: their memory
 * @rounds: see there
 * @bursts: how many
 * @good: bios that were sent
 * @failed: bios that were purged
 * @again: NOWAIT bios that found the target stopped
 * @wrong: bios that ended otherwise, not once, or not at all
 */
struct sender {
	struct work_struct	work;
	struct inbox		*in;
	u8			*buf;
	struct rounds		*rounds;
	unsigned int		bursts;
	unsigned int		good, failed, again, wrong;
};

static void sender_count(struct sender *s, struct received *r)
{
	if (!wait_for_completion_timeout(&r->done, TESTDEV_PATIENCE) ||
	    atomic_read(&r->ends) != 1)
		s->wrong++;
	else if (r->status == BLK_STS_OK)
		s->good++;
	else if (r->status == BLK_STS_IOERR)
		s->failed++;
	else if (r->status == BLK_STS_AGAIN && r->bio.bi_opf & REQ_NOWAIT)
		s->again++;
	else
		s->wrong++;
}

static void sender_burst(struct sender *s)
{
	unsigned int i;

	for (i = 0; i < BURST; i++) {
		struct received *r = &s->in->bios[i];

		received_data(r, i % 10 == 9 ? REQ_OP_READ | REQ_NOWAIT : REQ_OP_WRITE, i * BLOCK,
			      s->buf, BLOCK);
		if (i & 1)
			submit_bio_noacct(&r->bio);
		else
			received_forward(r);
	}
	for (i = 0; i < BURST; i++)
		sender_count(s, &s->in->bios[i]);
}

static void sender_work(struct work_struct *work)
{
	struct sender *s = container_of(work, struct sender, work);
	unsigned int i, turn = 0;

	for (i = 0; i < s->bursts; i++) {
		if (i % BURSTS_A_TURN == 0) {
			wait_event(s->rounds->wait, READ_ONCE(s->rounds->turn) != turn);
			turn = READ_ONCE(s->rounds->turn);
		}
		sender_burst(s);
	}
	atomic_dec(&s->rounds->running);
}

static struct sender *senders_start(struct kunit *test, struct io_target *t, struct rounds *rounds)
{
	struct sender *s = kunit_kcalloc(test, SENDERS, sizeof(*s), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, s);
	atomic_set(&rounds->running, SENDERS);
	for (i = 0; i < SENDERS; i++) {
		s[i].in = inbox_alloc(test, t, BURST);
		s[i].buf = inbox_buf(test, BLOCK);
		s[i].rounds = rounds;
		s[i].bursts = duel_rounds(BIOS) / BURST;
		INIT_WORK(&s[i].work, sender_work);
	}
	for (i = 0; i < SENDERS; i++)
		queue_work(system_unbound_wq, &s[i].work);
	return s;
}

static bool pends_or_over(struct io_target *t, struct rounds *rounds)
{
	return READ_ONCE(t->bios_pended) != READ_ONCE(t->bios_taken) ||
	       !atomic_read(&rounds->running);
}

/* Of a stopped target, whose senders have just been told to go on. */
static void let_pend(struct io_target *t, struct rounds *rounds)
{
	bool now;

	read_poll_timeout(pends_or_over, now, now, 10, USEC_PER_SEC, false, t, rounds);
}

static u64 completed(struct io_target *t)
{
	struct io_target_stats s;

	io_target_get_stats(t, &s);
	return s.completed;
}

/* Not for long: the senders may have nothing more to send in this turn. */
static void let_end(struct io_target *t)
{
	u64 enough = completed(t) + 2 * SENDERS, now;

	read_poll_timeout(completed, now, now >= enough, 10, 1000, false, t);
}

/* One turn of whoever changes the state. */
static void change(struct kunit *test, struct io_target *t, struct rounds *rounds)
{
	unsigned int turn = rounds->turn + 1;
	bool wait = turn % 3 == 1;

	KUNIT_EXPECT_EQ(test, io_target_stop(t, wait ? IO_TARGET_WAIT_SENT : IO_TARGET_LEAVE_SENT,
					     TESTDEV_PATIENCE), 0);
	WRITE_ONCE(rounds->turn, turn);
	wake_up_all(&rounds->wait);
	let_pend(t, rounds);
	if (turn & 1)
		KUNIT_EXPECT_EQ(test, io_target_purge(t, IO_TARGET_LEAVE_SENT, 0), 0);
	KUNIT_EXPECT_EQ(test, io_target_start(t), 0);
	let_end(t);
}

static void expect_sum(struct kunit *test, struct io_target *t, const struct sender *s)
{
	struct sender sum = {};
	unsigned int i;

	for (i = 0; i < SENDERS; i++) {
		sum.good += s[i].good;
		sum.failed += s[i].failed;
		sum.again += s[i].again;
		sum.wrong += s[i].wrong;
	}
	duel_expect_both(test, "sent", sum.good, "purged", sum.failed);
	kunit_info(test, "found it stopped %u", sum.again);
	KUNIT_EXPECT_GT(test, sum.again, 0u);
	KUNIT_EXPECT_EQ(test, sum.wrong, 0u);
	KUNIT_EXPECT_EQ(test, sum.good + sum.failed + sum.again, SENDERS * duel_rounds(BIOS));
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(device_disk[FINE]).bios, sum.good);
	expect_conserved(test, t, "race");
}

/* Each ends once, and only those that the device had end well. */
static void forward_against_states(struct kunit *test)
{
	struct io_target *t = open_fine(test);
	struct rounds rounds = {};
	struct sender *s;
	unsigned int i;

	upper_forwards_to(t);
	testdev_disk_mode(device_disk[FINE], TESTDEV_LATE, TESTDEV_SOFTIRQ);
	init_waitqueue_head(&rounds.wait);
	s = senders_start(test, t, &rounds);
	while (atomic_read(&rounds.running))
		change(test, t, &rounds);
	for (i = 0; i < SENDERS; i++)
		flush_work(&s[i].work);
	kunit_info(test, "%u turns", rounds.turn);
	expect_sum(test, t, s);
}

static struct kunit_case forward_orphan_cases[] = {
	KUNIT_CASE(orphan_overlapped),
	KUNIT_CASE(orphan_frees),
	KUNIT_CASE_PARAM(orphan_held_cancelled, cancel_gen_params),
	{}
};

static struct kunit_suite forward_orphan_suite = {
	.name		= "io_target_forward_orphan",
	.suite_init	= inbox_suite_init,
	.suite_exit	= inbox_suite_exit,
	.init		= device_fixture_init,
	.exit		= queue_fixture_exit,
	.test_cases	= forward_orphan_cases,
};

static struct kunit_case forward_race_cases[] = {
	KUNIT_CASE(forward_against_states),
	{}
};

static struct kunit_suite forward_race_suite = {
	.name		= "io_target_stress_forward",
	.suite_init	= inbox_suite_init,
	.suite_exit	= inbox_suite_exit,
	.init		= device_fixture_init,
	.exit		= queue_fixture_exit,
	.test_cases	= forward_race_cases,
};

kunit_test_suites(&forward_orphan_suite, &forward_race_suite);
