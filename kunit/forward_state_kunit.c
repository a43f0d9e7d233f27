// SPDX-License-Identifier: GPL-2.0
/*
 * Forwarded bios and the target's states: held as many as come, sent in order, also with
 * requests, or ended all of them.
 */
#include <linux/iopoll.h>
#include <linux/sizes.h>

#include "inbox.h"
#include "pattern.h"

#define SEED	0x73746174ULL
#define BLOCK	512
#define MANY	5000
#define SOME	20

static void hold(void)
{
	testdev_disk_mode(device_disk[FINE], TESTDEV_HOLD, TESTDEV_TASK);
}

static void release(void)
{
	testdev_disk_let_go(device_disk[FINE], BLK_STS_OK, TESTDEV_TASK);
}

static void stop(struct kunit *test, struct io_target *t)
{
	KUNIT_ASSERT_EQ(test, io_target_stop(t, IO_TARGET_LEAVE_SENT, 0), 0);
}

/* The first @n pend. */
static struct inbox *pend(struct kunit *test, struct io_target *t, unsigned int n,
			  unsigned int pended)
{
	struct inbox *in = inbox_alloc(test, t, n);

	stop(test, t);
	inbox_forward(in, 0, pended, inbox_buf(test, BLOCK));
	KUNIT_EXPECT_EQ(test, inbox_seen().bios, 0u);
	KUNIT_EXPECT_EQ(test, inbox_ends(in, 0, n), 0u);
	KUNIT_EXPECT_EQ(test, inbox_stats(t).pended, (u64)pended);
	return in;
}

/* No number is too many; more than config.max_pended, which is for requests. */
static void pend_many(struct kunit *test)
{
	struct io_target *t = open_fine(test);
	struct inbox *in = pend(test, t, MANY, MANY);

	KUNIT_EXPECT_EQ(test, io_target_start(t), 0);
	expect_all_ended(test, in, 0, MANY, BLK_STS_OK);
	KUNIT_EXPECT_EQ(test, in->bios[0].number, 1u);
	expect_order(test, in, 0, MANY);
	KUNIT_EXPECT_EQ(test, inbox_seen().writes, MANY);
	expect_conserved(test, t, "many");
}

/* Of bios that a disk above was given, and of their data. */
static void pend_by_upper_disk(struct kunit *test)
{
	struct io_target *t = open_fine(test);
	struct inbox *in = inbox_alloc(test, t, SOME);
	u8 *buf = inbox_buf(test, SOME * BLOCK);
	unsigned int i;

	pattern_fill(buf, SOME * BLOCK, 0, SEED);
	upper_forwards_to(t);
	stop(test, t);
	for (i = 0; i < SOME; i++) {
		received_write(&in->bios[i], i, buf + i * BLOCK);
		submit_bio_noacct(&in->bios[i].bio);
	}
	KUNIT_EXPECT_EQ(test, inbox_seen().bios, 0u);
	KUNIT_EXPECT_EQ(test, io_target_start(t), 0);
	expect_all_ended(test, in, 0, SOME, BLK_STS_OK);
	expect_order(test, in, 0, SOME);
	memset(buf, 0, SOME * BLOCK);
	testdev_store_read(testdev_disk_store(device_disk[FINE]), 0, buf, SOME * BLOCK);
	KUNIT_EXPECT_EQ(test, pattern_match(buf, SOME * BLOCK, 0, SEED), (size_t)SOME * BLOCK);
}

/* r: a request, B: a request with IO_TARGET_BOUNCE, b: a bio */
static const char * const orders[] = {
	"rbbrb", "brrbr", "bbbr", "rrrb", "brbrbrbr", "rbrbrbrb", "bBrbBb", "BbbB", "r", "b",
};

static void order_desc(const char * const *order, char *desc)
{
	strscpy(desc, *order, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(order, orders, order_desc);

static void pend_request(struct kunit *test, struct sent *s, struct inbox *in, u8 *buf,
			 unsigned int i, bool bounce)
{
	s->count = &in->ended;
	sent_prep(test, s, IO_TARGET_OP_WRITE, buf, BLOCK, i * BLOCK,
		  bounce ? IO_TARGET_BOUNCE : 0);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
}

/* They go in the order in which they came, each at its end before the next one is sent. */
static void pend_in_order(struct kunit *test)
{
	const char *order = *(const char * const *)test->param_value;
	unsigned int n = strlen(order), i;
	struct io_target *t = open_fine(test);
	struct inbox *in = inbox_alloc(test, t, n);
	struct sent *s = sent_alloc(test, t, n);
	u8 *buf = inbox_buf(test, BLOCK);

	stop(test, t);
	for (i = 0; i < n; i++) {
		if (order[i] == 'b')
			inbox_forward(in, i, 1, buf);
		else
			pend_request(test, &s[i], in, buf, i, order[i] == 'B');
	}
	KUNIT_EXPECT_EQ(test, inbox_seen().bios, 0u);
	KUNIT_EXPECT_EQ(test, io_target_start(t), 0);
	for (i = 0; i < n; i++) {
		if (order[i] == 'b') {
			expect_ended(test, &in->bios[i], BLK_STS_OK);
			KUNIT_EXPECT_EQ(test, in->bios[i].number, i + 1);
			continue;
		}
		KUNIT_ASSERT_TRUE(test, sent_wait(&s[i]));
		KUNIT_EXPECT_EQ(test, s[i].req.result, BLOCK);
		KUNIT_EXPECT_EQ(test, s[i].number, i + 1);
	}
	KUNIT_EXPECT_EQ(test, inbox_seen().bios, n);
	expect_conserved(test, t, order);
}

/* A request that was taken back, or a bio that has expired, does not stop the others. */
static void pend_with_gaps(struct kunit *test)
{
	struct io_target *t = open_fine(test);
	struct inbox *in = inbox_alloc(test, t, 3);
	struct sent *s = sent_alloc(test, t, 2);
	u8 *buf = inbox_buf(test, BLOCK);

	stop(test, t);
	pend_request(test, &s[0], in, buf, 10, false);
	t->config.forward_timeout = 1;
	inbox_forward(in, 0, 1, buf);
	expect_ended(test, &in->bios[0], BLK_STS_TIMEOUT);
	t->config.forward_timeout = 0;
	inbox_forward(in, 1, 1, buf);
	pend_request(test, &s[1], in, buf, 11, false);
	inbox_forward(in, 2, 1, buf);
	KUNIT_EXPECT_EQ(test, io_target_cancel(&s[0].req), 0);
	KUNIT_EXPECT_EQ(test, io_target_start(t), 0);
	expect_all_ended(test, in, 1, 2, BLK_STS_OK);
	KUNIT_ASSERT_TRUE(test, sent_wait(&s[1]));
	KUNIT_EXPECT_EQ(test, in->bios[1].number, 3u);
	KUNIT_EXPECT_EQ(test, s[1].number, 4u);
	KUNIT_EXPECT_EQ(test, in->bios[2].number, 5u);
	expect_conserved(test, t, "gaps");
}

/* Who may not wait is told so, also while there is no device. */
static void pend_nowait(struct kunit *test)
{
	struct io_target *t = open_fine(test);
	struct inbox *in = inbox_alloc(test, t, 2);
	u8 *buf = inbox_buf(test, BLOCK);
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (i)
			KUNIT_ASSERT_EQ(test, io_target_suspend(t, TESTDEV_PATIENCE), 0);
		else
			stop(test, t);
		received_data(&in->bios[i], REQ_OP_READ | REQ_NOWAIT, 0, buf, BLOCK);
		received_forward(&in->bios[i]);
		expect_ended(test, &in->bios[i], BLK_STS_AGAIN);
	}
	KUNIT_EXPECT_EQ(test, inbox_seen().bios, 0u);
	KUNIT_EXPECT_EQ(test, inbox_stats(t).refused, 2ull);
	KUNIT_EXPECT_EQ(test, inbox_stats(t).submitted, 0ull);
	KUNIT_EXPECT_EQ(test, inbox_stats(t).errors, 0ull);
}

#define HELD	(HZ / 5)

static void wait_until(unsigned long when)
{
	while (time_before(jiffies, when))
		schedule_timeout_uninterruptible(1);
}

/* Each is held for as long as is said, and no longer; what was sent before does not matter. */
static void pend_timeout(struct kunit *test)
{
	struct io_target *t = open_fine(test);
	struct inbox *in = inbox_alloc(test, t, SOME + 1);
	u8 *buf = inbox_buf(test, BLOCK);
	unsigned long first, second;

	t->config.forward_timeout = HELD;
	stop(test, t);
	inbox_forward(in, SOME, 1, buf);
	KUNIT_EXPECT_EQ(test, io_target_start(t), 0);
	expect_ended(test, &in->bios[SOME], BLK_STS_OK);
	stop(test, t);
	first = jiffies;
	inbox_forward(in, 0, SOME / 2, buf);
	wait_until(first + HELD / 2);
	second = jiffies;
	inbox_forward(in, SOME / 2, SOME / 2, buf);
	expect_all_ended(test, in, 0, SOME, BLK_STS_TIMEOUT);
	expect_order(test, in, 0, SOME);
	KUNIT_EXPECT_GE(test, in->bios[0].when - first, (unsigned long)HELD);
	KUNIT_EXPECT_GE(test, in->bios[SOME / 2].when - second, (unsigned long)HELD);
	KUNIT_EXPECT_LE(test, in->bios[SOME - 1].when - second, 20ul * HZ);
	KUNIT_EXPECT_EQ(test, inbox_seen().bios, 1u);
	KUNIT_EXPECT_EQ(test, inbox_stats(t).timed_out, (u64)SOME);
	KUNIT_EXPECT_EQ(test, inbox_stats(t).errors, (u64)SOME);
	KUNIT_EXPECT_EQ(test, io_target_start(t), 0);
	KUNIT_EXPECT_EQ(test, inbox_seen().bios, 1u);
	expect_conserved(test, t, "timeout");
}

/* Those whose time has not come are sent. */
static void pend_timeout_of_some(struct kunit *test)
{
	struct io_target *t = open_fine(test);
	struct inbox *in = inbox_alloc(test, t, 2);
	u8 *buf = inbox_buf(test, BLOCK);

	t->config.forward_timeout = 1;
	stop(test, t);
	inbox_forward(in, 0, 1, buf);
	expect_ended(test, &in->bios[0], BLK_STS_TIMEOUT);
	t->config.forward_timeout = 3600 * HZ;
	inbox_forward(in, 1, 1, buf);
	KUNIT_EXPECT_EQ(test, io_target_start(t), 0);
	expect_ended(test, &in->bios[1], BLK_STS_OK);
	KUNIT_EXPECT_EQ(test, inbox_seen().bios, 1u);
	expect_conserved(test, t, "some");
}

static int purge(struct io_target *t)
{
	return io_target_purge(t, IO_TARGET_LEAVE_SENT, 0);
}

static int be_removed(struct io_target *t)
{
	iot_target_removed(t);
	return 0;
}

/* What ends all that pends, how, and how those end that come later */
static const struct ending {
	const char	*name;
	int		(*call)(struct io_target *t);
	bool		suspended;
	blk_status_t	pended, later;
} endings[] = {
	{ "purge", purge, false, BLK_STS_IOERR, BLK_STS_IOERR },
	{ "close", io_target_close, false, BLK_STS_IOERR, BLK_STS_OFFLINE },
	{ "removal", be_removed, false, BLK_STS_OFFLINE, BLK_STS_OFFLINE },
	{ "purge of a suspended one", purge, true, BLK_STS_IOERR, BLK_STS_IOERR },
	{ "close of a suspended one", io_target_close, true, BLK_STS_IOERR, BLK_STS_OFFLINE },
};

static void ending_desc(const struct ending *e, char *desc)
{
	strscpy(desc, e->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(ending, endings, ending_desc);

/* All, in order, before the call returns. */
static void pend_ended(struct kunit *test)
{
	const struct ending *e = test->param_value;
	struct io_target *t = open_fine(test);
	struct inbox *in;

	if (e->suspended)
		KUNIT_ASSERT_EQ(test, io_target_suspend(t, TESTDEV_PATIENCE), 0);
	in = pend(test, t, SOME + 2, SOME);
	KUNIT_EXPECT_EQ(test, e->call(t), 0);
	KUNIT_EXPECT_EQ(test, inbox_ends(in, 0, SOME), SOME);
	expect_all_ended(test, in, 0, SOME, e->pended);
	expect_order(test, in, 0, SOME);
	inbox_forward(in, SOME, 1, inbox_buf(test, BLOCK));
	expect_ended(test, &in->bios[SOME], e->later);
	KUNIT_EXPECT_EQ(test, inbox_seen().bios, 0u);
	KUNIT_EXPECT_EQ(test, inbox_stats(t).refused, 1ull);
	expect_conserved(test, t, e->name);
}

/* A purged target goes on when it is started. */
static void purge_and_start(struct kunit *test)
{
	struct io_target *t = open_fine(test);
	struct inbox *in = pend(test, t, 2, 1);

	KUNIT_EXPECT_EQ(test, purge(t), 0);
	expect_ended(test, &in->bios[0], BLK_STS_IOERR);
	KUNIT_EXPECT_EQ(test, io_target_start(t), 0);
	inbox_forward(in, 1, 1, inbox_buf(test, BLOCK));
	expect_ended(test, &in->bios[1], BLK_STS_OK);
	KUNIT_EXPECT_EQ(test, inbox_seen().bios, 1u);
}

/* They wait for the next device. */
static void suspend_reopen(struct kunit *test)
{
	struct io_target *t = open_fine(test);
	struct inbox *in = inbox_alloc(test, t, SOME);

	KUNIT_ASSERT_EQ(test, io_target_suspend(t, TESTDEV_PATIENCE), 0);
	inbox_forward(in, 0, SOME, inbox_buf(test, BLOCK));
	KUNIT_EXPECT_EQ(test, inbox_ends(in, 0, SOME), 0u);
	KUNIT_EXPECT_EQ(test, io_target_reopen(t), 0);
	expect_all_ended(test, in, 0, SOME, BLK_STS_OK);
	expect_order(test, in, 0, SOME);
	KUNIT_EXPECT_EQ(test, inbox_seen().writes, SOME);
	expect_conserved(test, t, "reopen");
}

KUNIT_ARRAY_PARAM(waiter, waiters, waiter_desc);

/* For what the device has, sent at once or by start, until its end_io has returned. */
static void waited_for(struct kunit *test, bool by_start)
{
	const struct waiter *w = test->param_value;
	struct io_target *t = open_fine(test);
	struct inbox *in = by_start ? pend(test, t, 2, 2) : inbox_alloc(test, t, 2);
	struct other *o;

	hold();
	if (by_start)
		KUNIT_ASSERT_EQ(test, io_target_start(t), 0);
	else
		inbox_forward(in, 0, 2, inbox_buf(test, BLOCK));
	KUNIT_ASSERT_TRUE(test, testdev_disk_wait_held(device_disk[FINE], 2));
	o = other_start(test, w->call, t);
	KUNIT_EXPECT_TRUE(test, other_waits(o));
	testdev_disk_release(device_disk[FINE], 1, BLK_STS_OK, TESTDEV_HARDIRQ);
	KUNIT_EXPECT_TRUE(test, other_waits(o));
	KUNIT_EXPECT_EQ(test, inbox_ends(in, 0, 2), 1u);
	release();
	KUNIT_EXPECT_EQ(test, other_end(test, o), 0);
	KUNIT_EXPECT_EQ(test, inbox_ends(in, 0, 2), 2u);
	expect_all_ended(test, in, 0, 2, BLK_STS_OK);
	expect_conserved(test, t, w->name);
}

static void sent_waited_for(struct kunit *test)
{
	waited_for(test, false);
}

static void resent_waited_for(struct kunit *test)
{
	waited_for(test, true);
}

static bool wait_state(struct io_target *t, enum io_target_state state)
{
	enum io_target_state now;

	return !read_poll_timeout(io_target_state, now, now == state, 1000,
				  jiffies_to_usecs(TESTDEV_PATIENCE), false, t);
}

/* Start is in the end_io of the first of three; that goes on when @leave is complete. */
static struct other *start_within(struct kunit *test, struct inbox *in, struct completion *leave)
{
	struct other *o;

	init_completion(leave);
	in->bios[0].leave = leave;
	o = other_start(test, io_target_start, in->target);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&in->bios[0].entered,
							  TESTDEV_PATIENCE), 0ul);
	KUNIT_EXPECT_EQ(test, io_target_state(in->target), IO_TARGET_STARTING);
	return o;
}

/* What comes while others are being sent goes behind them. */
static void start_keeps_order(struct kunit *test)
{
	struct completion *leave = (void *)inbox_buf(test, sizeof(*leave));
	struct io_target *t = open_fine(test);
	struct inbox *in = pend(test, t, 4, 3);
	struct other *o = start_within(test, in, leave);

	inbox_forward(in, 3, 1, inbox_buf(test, BLOCK));
	KUNIT_EXPECT_EQ(test, atomic_read(&in->bios[3].ends), 0);
	complete(leave);
	KUNIT_EXPECT_EQ(test, other_end(test, o), 0);
	expect_all_ended(test, in, 0, 4, BLK_STS_OK);
	expect_order(test, in, 0, 4);
	KUNIT_EXPECT_EQ(test, inbox_stats(t).pended, 4ull);
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_STARTED);
}

/* Stop takes effect with the next one, waits for the one, and start goes on from there. */
static void stop_while_starting(struct kunit *test)
{
	struct completion *leave = (void *)inbox_buf(test, sizeof(*leave));
	struct io_target *t = open_fine(test);
	struct inbox *in = pend(test, t, 3, 3);
	struct other *starter = start_within(test, in, leave);
	struct other *stopper = other_start(test, waiters[0].call, t);

	KUNIT_EXPECT_TRUE(test, wait_state(t, IO_TARGET_STOPPED));
	KUNIT_EXPECT_TRUE(test, other_waits(stopper));
	complete(leave);
	KUNIT_EXPECT_EQ(test, other_end(test, starter), -ECANCELED);
	KUNIT_EXPECT_EQ(test, other_end(test, stopper), 0);
	KUNIT_EXPECT_EQ(test, inbox_ends(in, 0, 3), 1u);
	KUNIT_EXPECT_EQ(test, inbox_seen().bios, 1u);
	KUNIT_EXPECT_EQ(test, io_target_start(t), 0);
	expect_all_ended(test, in, 0, 3, BLK_STS_OK);
	expect_order(test, in, 0, 3);
	expect_conserved(test, t, "stop while starting");
}

/* Purge ends the rest of them. */
static void purge_while_starting(struct kunit *test)
{
	struct completion *leave = (void *)inbox_buf(test, sizeof(*leave));
	struct io_target *t = open_fine(test);
	struct inbox *in = pend(test, t, 3, 3);
	struct other *starter = start_within(test, in, leave);

	KUNIT_EXPECT_EQ(test, purge(t), 0);
	KUNIT_EXPECT_EQ(test, inbox_ends(in, 0, 3), 2u);
	complete(leave);
	KUNIT_EXPECT_EQ(test, other_end(test, starter), -ECANCELED);
	expect_ended(test, &in->bios[0], BLK_STS_OK);
	expect_all_ended(test, in, 1, 2, BLK_STS_IOERR);
	KUNIT_EXPECT_EQ(test, inbox_seen().bios, 1u);
	expect_conserved(test, t, "purge while starting");
}

static struct kunit_case forward_state_cases[] = {
	KUNIT_CASE(pend_many),
	KUNIT_CASE(pend_by_upper_disk),
	KUNIT_CASE_PARAM(pend_in_order, order_gen_params),
	KUNIT_CASE(pend_with_gaps),
	KUNIT_CASE(pend_nowait),
	KUNIT_CASE(pend_timeout),
	KUNIT_CASE(pend_timeout_of_some),
	KUNIT_CASE_PARAM(pend_ended, ending_gen_params),
	KUNIT_CASE(purge_and_start),
	KUNIT_CASE(suspend_reopen),
	KUNIT_CASE_PARAM(sent_waited_for, waiter_gen_params),
	KUNIT_CASE_PARAM(resent_waited_for, waiter_gen_params),
	KUNIT_CASE(start_keeps_order),
	KUNIT_CASE(stop_while_starting),
	KUNIT_CASE(purge_while_starting),
	{}
};

static struct kunit_suite forward_state_suite = {
	.name		= "io_target_forward_state",
	.suite_init	= inbox_suite_init,
	.suite_exit	= inbox_suite_exit,
	.init		= device_fixture_init,
	.exit		= queue_fixture_exit,
	.test_cases	= forward_state_cases,
};

kunit_test_suite(forward_state_suite);
