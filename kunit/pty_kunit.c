// SPDX-License-Identifier: GPL-2.0
/*
 * The driver that most char targets have below them: n_tty, on both sides of a real pty.
 */
#include <linux/iopoll.h>
#include <linux/ktime.h>

#include "duel.h"
#include "pattern.h"
#include "pty.h"

#define SEED	0x707479ULL
#define MANY	10000
#define FEW	1000
#define TRIES	3
#define SOME	64

/* One entry more than @before in each queue, and nobody at work */
static bool rests(struct io_target *t, const struct pty_queues *before)
{
	struct pty_queues now = pty_queues(t);
	unsigned int i;

	for (i = 0; i < now.n; i++)
		if (now.entries[i] != before->entries[i] + 1)
			return false;
	return now.n && now.n == before->n && !pty_workers(t);
}

static bool wait_rests(struct io_target *t, const struct pty_queues *before)
{
	bool does;

	return !read_poll_timeout(rests, does, does, 1000,
				  jiffies_to_usecs(TESTDEV_PATIENCE), false, t, before);
}

/*
 * @n reads wait for data and are purged, in order; returns the time of a read's purge, in ns.
 * A thread that waited in the driver would have an entry of its own in the queue, the second.
 */
static u64 purge_reads(struct kunit *test, struct pty *p, const struct pty_queues *before,
		       unsigned int n)
{
	struct sent **s = ready_send_many(test, p->master, ready_buf(test, CHUNK), n);
	unsigned int i, wrong = 0;
	u64 took;

	KUNIT_ASSERT_TRUE(test, ready_wait_waiting(p->master, false));
	KUNIT_EXPECT_TRUE(test, wait_rests(p->master, before));
	for (i = 0; i < n; i++)
		wrong += atomic_read(&s[i]->ends);
	KUNIT_EXPECT_EQ(test, wrong, 0);
	took = ktime_get_ns();
	KUNIT_EXPECT_EQ(test, io_target_purge(p->master, IO_TARGET_CANCEL_SENT,
					      TESTDEV_PATIENCE), 0);
	took = ktime_get_ns() - took;
	for (i = 0; i < n; i++)
		wrong += atomic_read(&s[i]->ends) != 1 || s[i]->number != i + 1 ||
			 s[i]->req.result != -ECANCELED || !s[i]->req.not_sent;
	KUNIT_EXPECT_EQ(test, wrong, 0);
	KUNIT_EXPECT_EQ(test, io_target_start(p->master), 0);
	return div_u64(took, n);
}

/*
 * A purge that searched the queue for each read would take far longer for a read of many than
 * for one of few. The shortest of some rounds counts: other work only makes them longer.
 */
static void pty_many(struct kunit *test)
{
	struct pty *p = pty_open(test);
	struct pty_queues before = pty_queues(p->master);
	u64 few = U64_MAX, many = U64_MAX;
	unsigned int i;

	for (i = 0; i < TRIES; i++) {
		few = min(few, purge_reads(test, p, &before, FEW));
		many = min(many, purge_reads(test, p, &before, MANY));
	}
	kunit_info(test, "a read is purged in %llu ns among %u, in %llu ns among %u", few, FEW,
		   many, MANY);
	KUNIT_EXPECT_LT(test, many, few * 2);
}

/* @full: reads go on until they have all, or end with what one write has brought */
struct order_case {
	const char	*name;
	bool		to_master;
	bool		full;
};

static const struct order_case order_cases[] = {
	{ "to the master, full", true, true },
	{ "to the master", true, false },
	{ "to the slave, full", false, true },
	{ "to the slave", false, false },
};

static void order_desc(const struct order_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(order, order_cases, order_desc);

/* In pieces that are none of the readers' */
static void write_odd(struct kunit *test, struct io_target *t, u8 *buf)
{
	size_t at, n;

	for (at = 0; at < SOME * CHUNK; at += n) {
		n = min_t(size_t, at % 37 + 1, SOME * CHUNK - at);
		pattern_fill(buf, n, at, SEED);
		KUNIT_ASSERT_EQ(test, io_target_write(t, buf, n, 0, TESTDEV_PATIENCE), n);
	}
}

/* One for each reader, who has room for more */
static void write_each(struct kunit *test, struct io_target *t, u8 *buf, struct sent *s)
{
	unsigned int i;

	for (i = 0; i < SOME; i++) {
		KUNIT_EXPECT_EQ(test, atomic_read(&s[i].ends), 0);
		pattern_fill(buf, CHUNK, i * CHUNK, SEED);
		KUNIT_ASSERT_EQ(test, io_target_write(t, buf, CHUNK, 0, TESTDEV_PATIENCE),
				CHUNK);
		KUNIT_ASSERT_TRUE(test, sent_wait(&s[i]));
	}
}

/* What is written on one side goes to those who wait on the other, in their order. */
static void pty_order(struct kunit *test)
{
	const struct order_case *c = test->param_value;
	struct pty *p = pty_open(test);
	struct io_target *from = c->to_master ? p->slave : p->master;
	struct io_target *to = c->to_master ? p->master : p->slave;
	u8 *buf = ready_buf(test, SOME * CHUNK + ROOM), *out = ready_buf(test, CHUNK + 37);
	struct sent *s = sent_alloc(test, to, SOME);
	unsigned int i;

	for (i = 0; i < SOME; i++) {
		sent_prep(test, &s[i], IO_TARGET_OP_READ, buf + i * CHUNK,
			  c->full ? CHUNK : CHUNK + 1, 0, c->full ? IO_TARGET_FULL : 0);
		KUNIT_ASSERT_EQ(test, sent_submit(&s[i]), 0);
	}
	KUNIT_ASSERT_TRUE(test, ready_wait_waiting(to, false));
	if (c->full)
		write_odd(test, from, out);
	else
		write_each(test, from, out, s);
	for (i = 0; i < SOME; i++) {
		KUNIT_ASSERT_TRUE(test, !c->full || sent_wait(&s[i]));
		KUNIT_EXPECT_EQ(test, atomic_read(&s[i].ends), 1);
		KUNIT_EXPECT_EQ(test, s[i].number, i + 1);
		KUNIT_EXPECT_EQ(test, s[i].req.result, CHUNK);
	}
	KUNIT_EXPECT_EQ(test, pattern_match(buf, SOME * CHUNK, 0, SEED), SOME * CHUNK);
}

static struct sent *send_three(struct kunit *test, struct io_target *t, u8 *buf)
{
	struct sent *s = sent_alloc(test, t, 3);
	unsigned int i;

	for (i = 0; i < 3; i++) {
		sent_prep(test, &s[i], IO_TARGET_OP_READ, buf, CHUNK, 0, 0);
		KUNIT_ASSERT_EQ(test, sent_submit(&s[i]), 0);
	}
	KUNIT_ASSERT_TRUE(test, ready_wait_waiting(t, false));
	return s;
}

static void expect_errors(struct kunit *test, struct sent *s, int result)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		KUNIT_ASSERT_TRUE(test, sent_wait(&s[i]));
		KUNIT_EXPECT_EQ(test, atomic_read(&s[i].ends), 1);
		KUNIT_EXPECT_EQ(test, s[i].number, i + 1);
		KUNIT_EXPECT_EQ(test, s[i].req.result, result);
		KUNIT_EXPECT_FALSE(test, s[i].req.not_sent);
	}
}

/* Without a slave a master gets -EIO; when there is one again, it goes on. */
static void pty_slave_closes(struct kunit *test)
{
	struct pty *p = pty_open(test);
	u8 *buf = ready_buf(test, CHUNK);
	struct sent *s = send_three(test, p->master, buf);

	KUNIT_EXPECT_EQ(test, io_target_close(p->slave), 0);
	expect_errors(test, s, -EIO);
	KUNIT_EXPECT_EQ(test, io_target_read(p->master, buf, CHUNK, 0, TESTDEV_PATIENCE), -EIO);
	KUNIT_EXPECT_EQ(test, io_target_state(p->master), IO_TARGET_STARTED);

	KUNIT_ASSERT_EQ(test, io_target_reopen(p->slave), 0);
	pty_raw(p->slave);
	s = send_three(test, p->master, buf);
	KUNIT_EXPECT_EQ(test, io_target_write(p->slave, "x", 1, 0, TESTDEV_PATIENCE), 1);
	KUNIT_ASSERT_TRUE(test, sent_wait(&s[0]));
	KUNIT_EXPECT_EQ(test, s[0].req.result, 1);
	KUNIT_EXPECT_EQ(test, buf[0], 'x');
	KUNIT_EXPECT_EQ(test, io_target_close(p->master), 0);
	KUNIT_EXPECT_EQ(test, s[2].req.result, -ECANCELED);
}

/*
 * Without its master a slave hangs up, which its driver does in steps: readers get -EIO at
 * first, and the end of the file at last. In between its node goes, with which an error
 * says that the device is gone.
 */
static void pty_master_closes(struct kunit *test)
{
	struct pty *p = pty_open(test);
	u8 *buf = ready_buf(test, CHUNK);
	struct sent *s = send_three(test, p->slave, buf);
	unsigned int i;

	KUNIT_EXPECT_EQ(test, io_target_close(p->master), 0);
	for (i = 0; i < 3; i++) {
		ssize_t result;

		KUNIT_ASSERT_TRUE(test, sent_wait(&s[i]));
		result = s[i].req.result;
		KUNIT_EXPECT_EQ(test, atomic_read(&s[i].ends), 1);
		KUNIT_EXPECT_EQ(test, s[i].number, i + 1);
		KUNIT_EXPECT_TRUE(test, !result || result == -EIO || result == -ENODEV);
	}
	if (io_target_state(p->slave) != IO_TARGET_REMOVED) {
		KUNIT_EXPECT_EQ(test, io_target_read(p->slave, buf, 1, 0, TESTDEV_PATIENCE), 0);
		KUNIT_EXPECT_EQ(test, io_target_write(p->slave, buf, 1, 0, TESTDEV_PATIENCE),
				-EIO);
	}
	KUNIT_EXPECT_EQ(test, io_target_state(p->slave), IO_TARGET_REMOVED);
	KUNIT_EXPECT_EQ(test, io_target_read(p->slave, buf, 1, 0, TESTDEV_PATIENCE), -ENODEV);
	KUNIT_EXPECT_EQ(test, io_target_close(p->slave), 0);
}

static struct kunit_case pty_cases[] = {
	KUNIT_CASE(pty_many),
	KUNIT_CASE_PARAM(pty_order, order_gen_params),
	KUNIT_CASE(pty_slave_closes),
	KUNIT_CASE(pty_master_closes),
	{}
};

static struct kunit_suite pty_suite = {
	.name		= "io_target_pty",
	.init		= ready_init,
	.exit		= ready_exit,
	.test_cases	= pty_cases,
};

/* Rounds of the race; a stress run has 20 times as many */
#define ROUNDS	500

struct typist {
	struct io_target	*slave;
	u8			*byte;
	ssize_t			ret;
};

static void type_right(void *private)
{
	struct typist *typist = private;

	typist->ret = io_target_write(typist->slave, typist->byte, 1, 0, IO_TARGET_NO_TIMEOUT);
}

/*
 * Cancel or the data, which comes by a worker of the tty layer's: one of the two has the
 * request. Each round's byte is another, and read in its round: none is lost, none is
 * there twice.
 */
static void pty_race(struct kunit *test)
{
	unsigned int i, rounds = duel_rounds(ROUNDS), cancelled = 0, ended = 0, wrong = 0;
	struct pty *p = pty_open(test);
	struct sent *s = sent_alloc(test, p->master, 1);
	u8 *buf = ready_buf(test, 2);
	struct typist typist = { .slave = p->slave, .byte = buf + 1 };
	struct duel *d = duel_start(test, type_right, &typist);
	int ret;

	for (i = 0; i < rounds; i++) {
		bool woken;

		buf[0] = ~i;
		buf[1] = i;
		sent_prep(test, s, IO_TARGET_OP_READ, buf, 1, 0, 0);
		atomic_set(&s->ends, 0);
		KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
		KUNIT_ASSERT_TRUE(test, ready_wait_waiting(p->master, false));
		duel_fire(d);
		ret = io_target_cancel(&s->req);
		duel_join(d);
		KUNIT_ASSERT_TRUE(test, sent_wait(s));
		woken = s->req.result == 1;
		ended += woken;
		cancelled += !woken;
		wrong += atomic_read(&s->ends) != 1 || typist.ret != 1;
		wrong += !woken && s->req.result != -ECANCELED;
		wrong += !ret != (!woken && s->req.not_sent);
		if (!woken)
			wrong += io_target_read(p->master, buf, 1, 0, TESTDEV_PATIENCE) != 1;
		wrong += buf[0] != (u8)i;
		duel_adjust(d, !woken);
	}
	duel_end(d);
	KUNIT_EXPECT_EQ(test, wrong, 0);
	duel_expect_both(test, "cancelled", cancelled, "woken", ended);
}

static struct kunit_case race_cases[] = {
	KUNIT_CASE(pty_race),
	{}
};

static struct kunit_suite race_suite = {
	.name		= "io_target_stress_pty",
	.init		= ready_init,
	.exit		= ready_exit,
	.test_cases	= race_cases,
};

kunit_test_suites(&pty_suite, &race_suite);
