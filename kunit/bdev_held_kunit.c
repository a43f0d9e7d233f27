// SPDX-License-Identifier: GPL-2.0
/*
 * Block devices that take their time: answers out of order and from interrupts,
 * and timeouts that pass first.
 */
#include <linux/iopoll.h>
#include <linux/sizes.h>

#include "device.h"
#include "pattern.h"

#define SEED	0x68656c64ULL
#define MANY	32

static const enum testdev_context contexts[] = {
	TESTDEV_TASK, TESTDEV_SOFTIRQ, TESTDEV_HARDIRQ,
};

static void context_desc(const enum testdev_context *c, char *desc)
{
	static const char * const names[] = { "task", "softirq", "hardirq" };

	strscpy(desc, names[*c], KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(context, contexts, context_desc);

static struct io_target *open_fine(struct kunit *test)
{
	return device_open(test, testdev_disk_path(device_disk[FINE]), RW);
}

static void hold(void)
{
	testdev_disk_mode(device_disk[FINE], TESTDEV_HOLD, TESTDEV_TASK);
}

/* Requests end when their bios do, in that order, and where they do. */
static void bdev_out_of_order(struct kunit *test)
{
	enum testdev_context context = *(const enum testdev_context *)test->param_value;
	struct sent *s = sent_alloc(test, open_fine(test), MANY);
	u8 *buf = kunit_kzalloc(test, MANY * 512, GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	hold();
	for (i = 0; i < MANY; i++) {
		sent_prep(test, &s[i], IO_TARGET_OP_READ, buf + i * 512, 512, i * 512, 0);
		KUNIT_ASSERT_EQ(test, sent_submit(&s[i]), 0);
		KUNIT_EXPECT_TRUE(test, io_target_request_pending(&s[i].req));
	}
	KUNIT_ASSERT_TRUE(test, testdev_disk_wait_held(device_disk[FINE], MANY));
	for (i = MANY; i--; ) {
		KUNIT_EXPECT_EQ(test, atomic_read(&s[i].ends), 0);
		testdev_disk_release(device_disk[FINE], i,
				     i & 1 ? BLK_STS_OK : BLK_STS_TRANSPORT, context);
		KUNIT_ASSERT_TRUE(test, sent_wait(&s[i]));
		KUNIT_EXPECT_EQ(test, atomic_read(&s[i].ends), 1);
		KUNIT_EXPECT_EQ(test, s[i].number, MANY - i);
		KUNIT_EXPECT_EQ(test, s[i].context, (enum device_context)context);
		KUNIT_EXPECT_EQ(test, s[i].req.result, i & 1 ? 512 : -ENOLINK);
	}
}

/* A request of several bios ends with the last of them, whichever that is. */
static void bdev_pieces_out_of_order(struct kunit *test)
{
	enum testdev_context context = *(const enum testdev_context *)test->param_value;
	static const unsigned int index[SCATTERED_BIOS] = { 2, 0, 0 };
	struct testdev_disk *disk = device_disk[FINE];
	struct sent *s = sent_alloc(test, open_fine(test), SCATTERED_BIOS + 1);
	struct scattered *sc = scattered_alloc(test);
	int bad, i;

	hold();
	for (bad = 0; bad <= SCATTERED_BIOS; bad++) {
		scattered_prep(test, &s[bad], IO_TARGET_OP_READ, sc, 0);
		KUNIT_ASSERT_EQ(test, sent_submit(&s[bad]), 0);
		KUNIT_ASSERT_TRUE(test, testdev_disk_wait_held(disk, SCATTERED_BIOS));
		for (i = 0; i < SCATTERED_BIOS; i++) {
			KUNIT_EXPECT_EQ(test, atomic_read(&s[bad].ends), 0);
			testdev_disk_release(disk, index[i],
					     i == bad ? BLK_STS_MEDIUM : BLK_STS_OK, context);
		}
		KUNIT_ASSERT_TRUE(test, sent_wait(&s[bad]));
		KUNIT_EXPECT_EQ(test, atomic_read(&s[bad].ends), 1);
		KUNIT_EXPECT_EQ(test, s[bad].context, (enum device_context)context);
		KUNIT_EXPECT_EQ(test, s[bad].req.result,
				bad < SCATTERED_BIOS ? -ENODATA : SCATTERED_BYTES);
	}
}

/* The blocking calls return when the answer comes, from wherever. */
static void bdev_blocking_late(struct kunit *test)
{
	enum testdev_context context = *(const enum testdev_context *)test->param_value;
	struct io_target *t = open_fine(test);
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	testdev_disk_mode(device_disk[FINE], TESTDEV_LATE, context);
	for (i = 0; i < 20; i++) {
		long timeout = i & 1 ? TESTDEV_PATIENCE : IO_TARGET_NO_TIMEOUT;

		pattern_fill(buf, SZ_4K, i * SZ_4K, SEED);
		KUNIT_EXPECT_EQ(test, io_target_write(t, buf, SZ_4K, i * SZ_4K, timeout), SZ_4K);
		memset(buf, 0, SZ_4K);
		KUNIT_EXPECT_EQ(test, io_target_read(t, buf, SZ_4K, i * SZ_4K, timeout), SZ_4K);
		KUNIT_EXPECT_EQ(test, pattern_match(buf, SZ_4K, i * SZ_4K, SEED), SZ_4K);
	}
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(device_disk[FINE]).bios, 40);
}

#define ROUNDS	300

/* An end_io sends its request again, from whatever context it is called in. */
static void bdev_send_again(struct kunit *test)
{
	enum testdev_context context = *(const enum testdev_context *)test->param_value;
	struct sent *s = sent_alloc(test, open_fine(test), 4);
	u8 *buf = kunit_kzalloc(test, 4 * SZ_4K, GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	testdev_disk_mode(device_disk[FINE], TESTDEV_LATE, context);
	for (i = 0; i < 4; i++) {
		s[i].repeat = ROUNDS - 1;
		sent_prep(test, &s[i], i & 1 ? IO_TARGET_OP_READ : IO_TARGET_OP_WRITE,
			  buf + i * SZ_4K, SZ_4K, i * SZ_4K, 0);
		KUNIT_ASSERT_EQ(test, sent_submit(&s[i]), 0);
	}
	for (i = 0; i < 4; i++) {
		KUNIT_ASSERT_TRUE(test, sent_wait(&s[i]));
		KUNIT_EXPECT_EQ(test, atomic_read(&s[i].ends), ROUNDS);
		KUNIT_EXPECT_EQ(test, s[i].failed, 0);
		KUNIT_EXPECT_EQ(test, s[i].req.result, SZ_4K);
	}
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(device_disk[FINE]).bios, 4 * ROUNDS);
}

enum timed { TIMED_READ, TIMED_WRITE, TIMED_FLUSH, TIMED_DISCARD, TIMED_ZEROES, TIMED_END };

static const enum timed timed_calls[] = {
	TIMED_READ, TIMED_WRITE, TIMED_FLUSH, TIMED_DISCARD, TIMED_ZEROES,
};

static void timed_desc(const enum timed *c, char *desc)
{
	static const char * const names[TIMED_END] = {
		"read", "write", "flush", "discard", "zeroes",
	};

	strscpy(desc, names[*c], KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(timed, timed_calls, timed_desc);

static ssize_t call_timed(struct io_target *t, enum timed call, u8 *buf, long timeout)
{
	switch (call) {
	case TIMED_READ:
		return io_target_read(t, buf, SZ_4K, 0, timeout);
	case TIMED_WRITE:
		return io_target_write(t, buf, SZ_4K, 0, timeout);
	case TIMED_FLUSH:
		return io_target_flush(t, timeout);
	case TIMED_DISCARD:
		return io_target_discard(t, 0, SZ_4K, timeout);
	default:
		return io_target_write_zeroes(t, 0, SZ_4K, timeout);
	}
}

/*
 * A device that does not answer: the call is back on time, close does not wait,
 * the device stays open until it answers, and the caller's memory is his own.
 */
static void bdev_timeout(struct kunit *test)
{
	enum timed call = *(const enum timed *)test->param_value;
	struct device_fixture *fx = test->priv;
	struct testdev_disk *disk = device_disk[FINE];
	struct io_target *t = open_fine(test);
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	unsigned long start = jiffies;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	pattern_fill(buf, SZ_4K, 0, SEED);
	KUNIT_ASSERT_EQ(test, testdev_store_fill(testdev_disk_store(disk), 0, buf, SZ_4K), 0);
	memset(buf, 0xaa, SZ_4K);
	hold();
	KUNIT_EXPECT_EQ(test, call_timed(t, call, buf, HZ / 10), -ETIMEDOUT);
	KUNIT_EXPECT_GE(test, jiffies - start, HZ / 10);
	KUNIT_EXPECT_LE(test, jiffies - start, HZ * 10);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->events[IO_TARGET_EVENT_ORPHAN]), 1);
	KUNIT_ASSERT_TRUE(test, testdev_disk_wait_held(disk, 1));

	io_target_close(t);
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_CLOSED);
	KUNIT_EXPECT_GT(test, testdev_opens(), fx->opens);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->events[IO_TARGET_EVENT_ORPHAN_END]), 0);
	memset(buf, 0x55, SZ_4K);
	testdev_disk_release_all(disk, BLK_STS_OK, TESTDEV_SOFTIRQ);
	KUNIT_EXPECT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_ORPHAN_END, 1));
	KUNIT_EXPECT_TRUE(test, device_wait_unused(test));
	KUNIT_EXPECT_EQ(test, pattern_match_byte(buf, SZ_4K, 0x55), SZ_4K);
	if (call == TIMED_WRITE) {
		testdev_store_read(testdev_disk_store(disk), 0, buf, SZ_4K);
		KUNIT_EXPECT_EQ(test, pattern_match_byte(buf, SZ_4K, 0xaa), SZ_4K);
	}
}

/* An orphan of one open does not disturb the next. */
static void bdev_reopen_over_orphan(struct kunit *test)
{
	struct testdev_disk *disk = device_disk[FINE];
	struct io_target *t = open_fine(test);
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	hold();
	KUNIT_EXPECT_EQ(test, io_target_read(t, buf, SZ_4K, 0, HZ / 10), -ETIMEDOUT);
	io_target_close(t);
	testdev_disk_mode(disk, TESTDEV_NOW, TESTDEV_TASK);
	KUNIT_ASSERT_EQ(test, io_target_open(t, testdev_disk_path(disk), RW), 0);
	KUNIT_EXPECT_EQ(test, io_target_read(t, buf, SZ_4K, 0, IO_TARGET_NO_TIMEOUT), SZ_4K);
	testdev_disk_release_all(disk, BLK_STS_IOERR, TESTDEV_HARDIRQ);
	KUNIT_EXPECT_EQ(test, io_target_read(t, buf, SZ_4K, 0, HZ * 10), SZ_4K);
}

struct overdue {
	struct work_struct	work;
	struct sent		*s;
	ssize_t			result;
};

static void overdue_work(struct work_struct *work)
{
	struct overdue *o = container_of(work, struct overdue, work);

	o->result = io_target_submit_wait(&o->s->req, HZ / 10);
}

/* Over the caller's memory the wait lasts, and that is told. */
static void bdev_overdue(struct kunit *test)
{
	struct overdue *o = kunit_kzalloc(test, sizeof(*o), GFP_KERNEL);
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, o);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	o->s = sent_alloc(test, open_fine(test), 1);
	sent_prep(test, o->s, IO_TARGET_OP_READ, buf, SZ_4K, 0, 0);
	hold();
	INIT_WORK(&o->work, overdue_work);
	schedule_work(&o->work);
	KUNIT_EXPECT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_OVERDUE, 1));
	KUNIT_EXPECT_TRUE(test, io_target_request_pending(&o->s->req));
	testdev_disk_release_all(device_disk[FINE], BLK_STS_OK, TESTDEV_TASK);
	flush_work(&o->work);
	KUNIT_EXPECT_EQ(test, o->result, SZ_4K);
}

static void closing_work(struct work_struct *work)
{
	struct overdue *o = container_of(work, struct overdue, work);

	io_target_close(o->s->req.target);
	o->result = atomic_read(&o->s->ends);
}

/* Close waits for what is over the caller's memory. */
static void bdev_close_waits(struct kunit *test)
{
	struct device_fixture *fx = test->priv;
	struct overdue *o = kunit_kzalloc(test, sizeof(*o), GFP_KERNEL);
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	struct io_target *t = open_fine(test);
	enum io_target_state state;

	KUNIT_ASSERT_NOT_NULL(test, o);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	o->s = sent_alloc(test, t, 2);
	sent_prep(test, o->s, IO_TARGET_OP_READ, buf, SZ_4K, 0, 0);
	sent_prep(test, o->s + 1, IO_TARGET_OP_READ, buf, SZ_4K, 0, 0);
	hold();
	KUNIT_ASSERT_EQ(test, sent_submit(o->s), 0);
	INIT_WORK(&o->work, closing_work);
	schedule_work(&o->work);
	KUNIT_EXPECT_EQ(test, read_poll_timeout(io_target_state, state,
						state == IO_TARGET_CLOSED, 1000,
						jiffies_to_usecs(TESTDEV_PATIENCE), false, t), 0);
	KUNIT_EXPECT_GT(test, testdev_opens(), fx->opens);
	testdev_disk_release_all(device_disk[FINE], BLK_STS_OK, TESTDEV_SOFTIRQ);
	flush_work(&o->work);
	KUNIT_EXPECT_EQ(test, o->result, 1);
	KUNIT_EXPECT_EQ(test, o->s->req.result, SZ_4K);
	KUNIT_EXPECT_EQ(test, testdev_opens(), fx->opens);
	KUNIT_EXPECT_EQ(test, sent_submit(o->s + 1), -ENODEV);
}

static struct kunit_case bdev_held_cases[] = {
	KUNIT_CASE_PARAM(bdev_out_of_order, context_gen_params),
	KUNIT_CASE_PARAM(bdev_pieces_out_of_order, context_gen_params),
	KUNIT_CASE_PARAM(bdev_blocking_late, context_gen_params),
	KUNIT_CASE_PARAM(bdev_send_again, context_gen_params),
	KUNIT_CASE_PARAM(bdev_timeout, timed_gen_params),
	KUNIT_CASE(bdev_reopen_over_orphan),
	KUNIT_CASE(bdev_overdue),
	KUNIT_CASE(bdev_close_waits),
	{}
};

static struct kunit_suite bdev_held_suite = {
	.name		= "io_target_bdev_held",
	.suite_init	= device_disks_init,
	.suite_exit	= device_disks_exit,
	.init		= device_fixture_init,
	.exit		= device_fixture_exit,
	.test_cases	= bdev_held_cases,
};

kunit_test_suite(bdev_held_suite);
