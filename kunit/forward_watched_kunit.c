// SPDX-License-Identifier: GPL-2.0
/*
 * The owner of a disk sees forwarded bios, and can do something to them: the rules of the
 * fault injector, the latency, the events, the list of requests.
 */
#include <linux/blkdev.h>
#include <linux/iopoll.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>

#include "events.h"
#include "inbox.h"
#include "said.h"
#include "stats.h"

#define BLOCK	512
#define BLOCKS	8
#define HOUR	"3600000"

static void inject(struct kunit *test, struct io_target *t, const char *text)
{
	KUNIT_ASSERT_EQ(test, iot_inject_write(t, text), 0);
}

/* Forwards a write of one block with each of @n bios. */
static struct inbox *some(struct kunit *test, struct io_target *t, unsigned int n)
{
	struct inbox *in = inbox_alloc(test, t, n);

	inbox_forward(in, 0, n, inbox_buf(test, BLOCK));
	return in;
}

/* ---- the fault injector ---- */

static const struct rule_case {
	const char	*rule;
	u8		fails;	/* which of the blocks, by bit */
	blk_status_t	status;
} rules[] = {
	{ "error=EIO", 0xff, BLK_STS_IOERR },
	{ "op=write error=ENOSPC", 0xff, BLK_STS_NOSPC },
	{ "op=read error=EIO", 0, BLK_STS_OK },
	{ "op=write error=ENODATA every=3", 0x24, BLK_STS_MEDIUM },
	{ "error=EIO count=2", 0x03, BLK_STS_IOERR },
	{ "error=ENOLINK range=1024-1536", 0x04, BLK_STS_TRANSPORT },
	{ "error=EIO range=1535-1537", 0x0c, BLK_STS_IOERR },
	{ "op=alloc", 0, BLK_STS_OK },
};

static void rule_desc(const struct rule_case *c, char *desc)
{
	strscpy(desc, c->rule, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(rule, rules, rule_desc);

/* A rule fails those bios that it describes; the device does not have them. */
static void watched_error(struct kunit *test)
{
	const struct rule_case *c = test->param_value;
	struct io_target *t = open_fine(test);
	struct inbox *in;
	unsigned int i;

	inject(test, t, c->rule);
	in = some(test, t, BLOCKS);
	for (i = 0; i < BLOCKS; i++)
		expect_ended(test, &in->bios[i], c->fails & 1 << i ? c->status : BLK_STS_OK);
	KUNIT_EXPECT_EQ(test, inbox_seen().writes, BLOCKS - hweight8(c->fails));
	KUNIT_EXPECT_EQ(test, inbox_stats(t).errors, (u64)hweight8(c->fails));
	inject(test, t, "clear");
	expect_conserved(test, t, c->rule);
}

static unsigned int nr_waiting(struct io_target *t)
{
	struct iot_inject *in = &t->inject;

	guard(spinlock_irqsave)(&in->lock);
	return bio_list_size(&in->held_bios) + bio_list_size(&in->delayed_bios);
}

static const char * const holds[] = { "never", "delay=" HOUR };

static void hold_desc(const char * const *rule, char *desc)
{
	strscpy(desc, *rule, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(hold, holds, hold_desc);

/* A bio that a rule keeps counts as sent, and goes to the device, in order, when it is let go. */
static void watched_held(struct kunit *test)
{
	const char *rule = *(const char * const *)test->param_value;
	static const char * const orders[] = { "release", "clear" };
	struct io_target *t = open_fine(test);
	struct inbox *in;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		inject(test, t, rule);
		in = some(test, t, BLOCKS);
		KUNIT_EXPECT_EQ(test, nr_waiting(t), BLOCKS);
		KUNIT_EXPECT_EQ(test, inbox_seen().writes, i * BLOCKS);
		KUNIT_EXPECT_EQ(test, io_target_stop(t, IO_TARGET_WAIT_SENT, 2), -ETIMEDOUT);
		KUNIT_EXPECT_EQ(test, inbox_ends(in, 0, BLOCKS), 0u);
		inject(test, t, orders[i]);
		expect_all_ended(test, in, 0, BLOCKS, BLK_STS_OK);
		expect_order(test, in, 0, BLOCKS);
		KUNIT_EXPECT_EQ(test, nr_waiting(t), 0u);
		KUNIT_EXPECT_EQ(test, inbox_seen().writes, (i + 1) * BLOCKS);
		KUNIT_ASSERT_EQ(test, io_target_start(t), 0);
	}
	inject(test, t, "clear");
	expect_conserved(test, t, rule);
}

/* A bio that comes later may be due first. */
static void watched_delay(struct kunit *test)
{
	struct io_target *t = open_fine(test);
	unsigned long began = jiffies;
	struct inbox *in;

	inject(test, t, "delay=400 range=0-512");
	inject(test, t, "delay=100");
	in = some(test, t, 3);
	expect_all_ended(test, in, 0, 3, BLK_STS_OK);
	KUNIT_EXPECT_EQ(test, in->bios[1].number, 1u);
	KUNIT_EXPECT_EQ(test, in->bios[2].number, 2u);
	KUNIT_EXPECT_EQ(test, in->bios[0].number, 3u);
	KUNIT_EXPECT_GE(test, in->bios[1].when - began, msecs_to_jiffies(100));
	KUNIT_EXPECT_GE(test, in->bios[0].when - began, msecs_to_jiffies(400));
	inject(test, t, "clear");
}

/* Close does not wait for what would never come. */
static void watched_close(struct kunit *test)
{
	struct io_target *t = open_fine(test);
	struct inbox *in;

	inject(test, t, "never");
	in = some(test, t, BLOCKS);
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	expect_all_ended(test, in, 0, BLOCKS, BLK_STS_IOERR);
	KUNIT_EXPECT_EQ(test, inbox_seen().writes, 0u);
	inject(test, t, "clear");
}

/* ---- the latency ---- */

static u64 latency_count(struct kunit *test, struct io_target *t, enum iot_latency_of of,
			 unsigned int from)
{
	struct iot_latency *sum = kunit_kzalloc(test, sizeof(*sum), GFP_KERNEL);
	unsigned int b;
	u64 n = 0;

	KUNIT_ASSERT_NOT_NULL(test, sum);
	iot_latency_sum(t, sum);
	for (b = from; b < IOT_LATENCY_BUCKETS; b++)
		n += sum->count[of][b];
	return n;
}

/* The latency of a bio begins when it comes: the time that it is held counts. */
static void watched_latency(struct kunit *test)
{
	const unsigned int slow = iot_latency_bucket(50 * USEC_PER_MSEC);
	struct io_target *t = open_fine(test);
	struct inbox *in;

	some(test, t, 1);
	KUNIT_ASSERT_EQ(test, iot_latency_set(t, true), 0);
	in = some(test, t, BLOCKS);
	expect_all_ended(test, in, 0, BLOCKS, BLK_STS_OK);
	KUNIT_EXPECT_EQ(test, latency_count(test, t, IOT_LATENCY_WRITE, 0), (u64)BLOCKS);

	KUNIT_ASSERT_EQ(test, io_target_stop(t, IO_TARGET_LEAVE_SENT, 0), 0);
	in = inbox_alloc(test, t, 1);
	received_range(in->bios, REQ_OP_WRITE | REQ_PREFLUSH, 0, 0);
	/*
	 * The arrival of a bio that is held is known to a tick, and one that seems to have come
	 * before the latency was asked for is not counted.
	 */
	schedule_timeout_uninterruptible(2);
	received_forward(in->bios);
	schedule_timeout_uninterruptible(msecs_to_jiffies(150));
	KUNIT_ASSERT_EQ(test, io_target_start(t), 0);
	expect_ended(test, in->bios, BLK_STS_OK);
	KUNIT_EXPECT_EQ(test, latency_count(test, t, IOT_LATENCY_FLUSH, slow), 1ull);
	KUNIT_ASSERT_EQ(test, iot_latency_set(t, false), 0);
	some(test, t, 1);
	KUNIT_EXPECT_EQ(test, latency_count(test, t, IOT_LATENCY_WRITE, 0), (u64)BLOCKS);
}

/* ---- the list of requests ---- */

static void expect_requests(struct kunit *test, struct io_target *t, unsigned int pended,
			    unsigned int sent)
{
	struct seq_file *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	char text[128];

	KUNIT_ASSERT_NOT_NULL(test, m);
	m->size = PAGE_SIZE;
	m->buf = inbox_buf(test, PAGE_SIZE);
	m->private = t;
	KUNIT_EXPECT_EQ(test, iot_requests_show(m, NULL), 0);
	snprintf(text, sizeof(text), "pended       %u\nqueued       0\nsent         %u\n"
		 "ended        0\n", pended, sent);
	KUNIT_EXPECT_STREQ(test, m->buf, text);
}

static void watched_requests(struct kunit *test)
{
	struct io_target *t = open_fine(test);
	struct inbox *sent, *held;

	testdev_disk_mode(device_disk[FINE], TESTDEV_HOLD, TESTDEV_TASK);
	sent = some(test, t, 2);
	expect_requests(test, t, 0, 2);
	KUNIT_ASSERT_EQ(test, io_target_stop(t, IO_TARGET_LEAVE_SENT, 0), 0);
	held = some(test, t, 3);
	expect_requests(test, t, 3, 2);
	testdev_disk_let_go(device_disk[FINE], BLK_STS_OK, TESTDEV_TASK);
	expect_all_ended(test, sent, 0, 2, BLK_STS_OK);
	expect_requests(test, t, 3, 0);
	KUNIT_ASSERT_EQ(test, io_target_start(t), 0);
	expect_all_ended(test, held, 0, 3, BLK_STS_OK);
	expect_requests(test, t, 0, 0);
}

/* ---- the events ---- */

#if IS_ENABLED(CONFIG_IO_TARGET_TRACE)

static void expect_event(struct kunit *test, unsigned int i, const struct received *r,
			 enum io_target_op op, s64 value)
{
	const struct event *e = event_at(i);

	KUNIT_EXPECT_PTR_EQ(test, e->id, (const void *)&r->bio);
	KUNIT_EXPECT_EQ_MSG(test, (int)e->op, (int)op, "event %u", i);
	KUNIT_EXPECT_EQ_MSG(test, e->value, value, "event %u", i);
	KUNIT_EXPECT_EQ(test, e->len, (u64)r->bio.bi_iter.bi_size);
}

/* A bio that was sent has a submit and a complete; so has one that the device fails. */
static void expect_sent_events(struct kunit *test, struct inbox *in)
{
	u8 *buf = inbox_buf(test, SZ_4K);

	received_data(&in->bios[0], REQ_OP_WRITE | REQ_FUA, SZ_64K, buf, SZ_4K);
	received_forward(&in->bios[0]);
	expect_ended(test, &in->bios[0], BLK_STS_OK);
	expect_event(test, 0, &in->bios[0], IO_TARGET_OP_WRITE, SZ_64K);
	KUNIT_EXPECT_EQ(test, event_at(0)->flags, (unsigned int)IO_TARGET_FUA);
	expect_event(test, 1, &in->bios[0], IO_TARGET_OP_WRITE, SZ_4K);
	KUNIT_EXPECT_FALSE(test, event_at(1)->not_sent);
	expect_events(test, "sc");
	testdev_disk_fail(device_disk[FINE], 0, 512, BLK_STS_MEDIUM);
	received_data(&in->bios[1], REQ_OP_READ, 0, buf, 512);
	received_forward(&in->bios[1]);
	expect_ended(test, &in->bios[1], BLK_STS_MEDIUM);
	expect_event(test, 1, &in->bios[1], IO_TARGET_OP_READ, -ENODATA);
	expect_events(test, "sc");
}

/* A bio that is held has a pend between the two; and a purge ends it. */
static void expect_held_events(struct kunit *test, struct io_target *t, struct received *r)
{
	KUNIT_ASSERT_EQ(test, io_target_stop(t, IO_TARGET_LEAVE_SENT, 0), 0);
	events_of(t);
	received_range(r, REQ_OP_DISCARD, SZ_64K, SZ_64K);
	received_forward(r);
	expect_event(test, 0, r, IO_TARGET_OP_DISCARD, SZ_64K);
	expect_event(test, 1, r, IO_TARGET_OP_DISCARD, 1);
	expect_events(test, "sp");
	KUNIT_ASSERT_EQ(test, io_target_purge(t, IO_TARGET_LEAVE_SENT, 0), 0);
	expect_ended(test, r, BLK_STS_IOERR);
	expect_event(test, 1, r, IO_TARGET_OP_DISCARD, -EIO);
	KUNIT_EXPECT_TRUE(test, event_at(1)->not_sent);
	expect_events(test, "Sc");
}

static void events_end(struct kunit_resource *res)
{
	events_unregister();
	events_of(NULL);
}

static void watched_events(struct kunit *test)
{
	static struct kunit_resource res;
	struct io_target *t = open_fine(test);
	struct inbox *in = inbox_alloc(test, t, 3);

	kunit_add_resource(test, NULL, events_end, &res, NULL);
	KUNIT_ASSERT_EQ(test, events_register(), 0);
	events_of(t);
	expect_sent_events(test, in);
	expect_held_events(test, t, &in->bios[2]);
}
#else
static void watched_events(struct kunit *test)
{
	kunit_skip(test, "CONFIG_IO_TARGET_TRACE is off");
}
#endif

static struct kunit_case watched_cases[] = {
	KUNIT_CASE_PARAM(watched_error, rule_gen_params),
	KUNIT_CASE_PARAM(watched_held, hold_gen_params),
	KUNIT_CASE(watched_delay),
	KUNIT_CASE(watched_close),
	KUNIT_CASE(watched_latency),
	KUNIT_CASE(watched_requests),
	KUNIT_CASE(watched_events),
	{}
};

static struct kunit_suite watched_suite = {
	.name		= "io_target_forward_watched",
	.suite_init	= inbox_suite_init,
	.suite_exit	= inbox_suite_exit,
	.init		= device_fixture_init,
	.exit		= queue_fixture_exit,
	.test_cases	= watched_cases,
};

kunit_test_suite(watched_suite);
