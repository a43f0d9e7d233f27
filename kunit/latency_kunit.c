// SPDX-License-Identifier: GPL-2.0
/*
 * The latency histogram: requests land where they belong, only while it is on.
 */
#include <linux/sched/clock.h>
#include <linux/slab.h>

#include "stats.h"
#include "steps.h"

#define LEN		512
#define SHORTLY		(HZ / 20)
/* Ticks of 1.024 us are rounded, and clocks of CPUs differ a little. */
#define MARGIN_US	1000

static struct iot_latency *latencies(struct kunit *test)
{
	struct iot_latency *sum = kunit_kzalloc(test, sizeof(*sum), GFP_KERNEL);
	struct fixture *fx = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, sum);
	iot_latency_sum(fx->target, sum);
	return sum;
}

static u64 count_of(const struct iot_latency *sum, enum iot_latency_of of)
{
	unsigned int b;
	u64 n = 0;

	for (b = 0; b < IOT_LATENCY_BUCKETS; b++)
		n += sum->count[of][b];
	return n;
}

static void expect_counts(struct kunit *test, u64 reads, u64 writes, u64 flushes, u64 others)
{
	struct iot_latency *sum = latencies(test);

	KUNIT_EXPECT_EQ(test, count_of(sum, IOT_LATENCY_READ), reads);
	KUNIT_EXPECT_EQ(test, count_of(sum, IOT_LATENCY_WRITE), writes);
	KUNIT_EXPECT_EQ(test, count_of(sum, IOT_LATENCY_FLUSH), flushes);
	KUNIT_EXPECT_EQ(test, count_of(sum, IOT_LATENCY_OTHER), others);
}

static void latency_set(struct kunit *test, bool on)
{
	struct fixture *fx = test->priv;

	KUNIT_ASSERT_EQ(test, iot_latency_set(fx->target, on), 0);
}

static void submit_op(struct kunit *test, struct probe *p, enum io_target_op op, u8 *buf,
		      size_t len)
{
	reinit_completion(&p->done);
	if (op == IO_TARGET_OP_READ || op == IO_TARGET_OP_WRITE) {
		probe_prep(test, p, op, buf, len, 0, 0);
	} else {
		KUNIT_ASSERT_EQ(test, io_target_prep_range(&p->req, op, 0, len, 0), 0);
		p->req.end_io = probe_end_io;
	}
	KUNIT_ASSERT_EQ(test, io_target_submit(&p->req), 0);
}

static void do_op(struct kunit *test, struct probe *p, enum io_target_op op, u8 *buf, size_t len)
{
	submit_op(test, p, op, buf, len);
	KUNIT_ASSERT_TRUE(test, probe_wait(p));
}

static const struct bucket_case {
	const char	*name;
	u64		us;
	unsigned int	bucket;
} buckets[] = {
	{ "0", 0, 0 }, { "1", 1, 1 }, { "2", 2, 2 }, { "3", 3, 2 }, { "4", 4, 3 },
	{ "1023", 1023, 10 }, { "1024", 1024, 11 }, { "1025", 1025, 11 },
	{ "2_pow_30_less_1", (1ULL << 30) - 1, 30 }, { "2_pow_30", 1ULL << 30, 31 },
	{ "2_pow_31", 1ULL << 31, 31 }, { "2_pow_40", 1ULL << 40, 31 },
};

static void bucket_desc(const struct bucket_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(bucket, buckets, bucket_desc);

static void latency_buckets(struct kunit *test)
{
	const struct bucket_case *c = test->param_value;

	KUNIT_EXPECT_EQ(test, iot_latency_bucket(c->us), c->bucket);
}

/* While it is off requests are not even stamped, and there is no memory for it. */
static void latency_off(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);

	do_op(test, p, IO_TARGET_OP_WRITE, buf, LEN);
	KUNIT_EXPECT_EQ(test, p->req.started, 0u);
	KUNIT_EXPECT_NULL(test, (void __force *)fx->target->latency);
	expect_counts(test, 0, 0, 0, 0);
}

/* Another target's being on changes nothing for this one. */
static void latency_of_another(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 1);
	struct io_target *other = io_target_create(NULL);
	u8 *buf = step_buf(test, LEN);

	KUNIT_ASSERT_FALSE(test, IS_ERR(other));
	KUNIT_EXPECT_EQ(test, iot_latency_set(other, true), 0);
	do_op(test, p, IO_TARGET_OP_WRITE, buf, LEN);
	KUNIT_EXPECT_EQ(test, p->req.started, 0u);
	expect_counts(test, 0, 0, 0, 0);
	io_target_put(other);	/* which switches it off */
}

/* Each kind by itself, and the bytes that were transferred, not those asked for. */
static void latency_kinds(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, 8 * LEN);
	struct iot_latency *sum;

	latency_set(test, true);
	do_op(test, p, IO_TARGET_OP_READ, buf, LEN);
	KUNIT_EXPECT_EQ(test, p->req.started, 0u);
	do_op(test, p, IO_TARGET_OP_READ, buf, 2 * LEN);
	do_op(test, p, IO_TARGET_OP_WRITE, buf, 8 * LEN);
	do_op(test, p, IO_TARGET_OP_FLUSH, NULL, 0);
	do_op(test, p, IO_TARGET_OP_DISCARD, NULL, LEN);
	do_op(test, p, IO_TARGET_OP_WRITE_ZEROES, NULL, LEN);
	fx->fake.answer.error = -EIO;
	do_op(test, p, IO_TARGET_OP_READ, buf, LEN);
	expect_counts(test, 3, 1, 1, 2);
	sum = latencies(test);
	KUNIT_EXPECT_EQ(test, sum->bytes[IOT_LATENCY_READ], 3 * LEN);
	KUNIT_EXPECT_EQ(test, sum->bytes[IOT_LATENCY_WRITE], 8 * LEN);
	KUNIT_EXPECT_EQ(test, sum->bytes[IOT_LATENCY_OTHER], 0);
}

static unsigned int only_bucket(const struct iot_latency *sum, enum iot_latency_of of)
{
	unsigned int b;

	for (b = 0; b < IOT_LATENCY_BUCKETS - 1; b++)
		if (sum->count[of][b])
			break;
	return b;
}

/* From before the submit to after the end it took longer, in between less. */
static void latency_known(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);
	struct iot_latency *sum;
	u64 before, submitted, answered, after;
	unsigned int b;

	latency_set(test, true);
	fx->fake.park = true;
	before = local_clock();
	submit_op(test, p, IO_TARGET_OP_READ, buf, LEN);
	submitted = local_clock();
	KUNIT_EXPECT_NE(test, p->req.started, 0u);
	schedule_timeout_uninterruptible(SHORTLY);	/* what is measured */
	answered = local_clock();
	fake_answer_parked(&fx->fake, false);
	KUNIT_ASSERT_TRUE(test, probe_wait(p));
	after = local_clock();

	expect_counts(test, 1, 0, 0, 0);
	sum = latencies(test);
	b = only_bucket(sum, IOT_LATENCY_READ);
	KUNIT_EXPECT_GE(test, b, iot_latency_bucket(div_u64(answered - submitted, 1000) -
						    MARGIN_US));
	KUNIT_EXPECT_LE(test, b, iot_latency_bucket(div_u64(after - before, 1000) + MARGIN_US));
}

/* The time that a request pends is its latency, too. */
static void latency_pended(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);
	u64 submitted, started;

	latency_set(test, true);
	step_pend(test, p, 1, buf, LEN, 0);
	submitted = local_clock();
	schedule_timeout_uninterruptible(SHORTLY);	/* what is measured */
	started = local_clock();
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	expect_end(test, p, LEN, false);
	expect_counts(test, 0, 1, 0, 0);
	KUNIT_EXPECT_GE(test, only_bucket(latencies(test), IOT_LATENCY_WRITE),
			iot_latency_bucket(div_u64(started - submitted, 1000) - MARGIN_US));
}

/* Submitted while it was off, or before it was on the last time: not counted. */
static void latency_switch(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 4);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);
	unsigned int i;
	u64 then;

	fx->fake.park = true;
	submit_op(test, &p[0], IO_TARGET_OP_READ, buf, LEN);
	latency_set(test, true);
	submit_op(test, &p[1], IO_TARGET_OP_READ, buf, LEN);
	submit_op(test, &p[2], IO_TARGET_OP_READ, buf, LEN);
	latency_set(test, false);
	fake_answer(&fx->fake, fake_take(&fx->fake, false));
	fake_answer(&fx->fake, fake_take(&fx->fake, false));
	KUNIT_ASSERT_TRUE(test, probe_wait(&p[1]));
	expect_counts(test, 0, 0, 0, 0);

	/* The stamp of p[2] is from the time before; let the clock see the difference. */
	for (then = local_clock(); (local_clock() >> 10) == (then >> 10);)
		cpu_relax();
	latency_set(test, true);
	submit_op(test, &p[3], IO_TARGET_OP_WRITE, buf, LEN);
	fake_answer_parked(&fx->fake, false);
	for (i = 2; i < 4; i++)
		KUNIT_ASSERT_TRUE(test, probe_wait(&p[i]));
	expect_counts(test, 0, 1, 0, 0);
}

/* Reset forgets, and goes on; off keeps what there is. */
static void latency_forget(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);

	iot_latency_reset(fx->target);	/* nothing to forget */
	latency_set(test, true);
	latency_set(test, true);
	do_op(test, p, IO_TARGET_OP_READ, buf, LEN);
	iot_latency_reset(fx->target);
	expect_counts(test, 0, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, latencies(test)->bytes[IOT_LATENCY_READ], 0ull);
	do_op(test, p, IO_TARGET_OP_READ, buf, LEN);
	latency_set(test, false);
	latency_set(test, false);
	do_op(test, p, IO_TARGET_OP_READ, buf, LEN);
	expect_counts(test, 1, 0, 0, 0);
}

#if IS_ENABLED(CONFIG_IO_TARGET_FAULT_INJECTION)
static void latency_no_memory(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);

	KUNIT_ASSERT_EQ(test, iot_inject_fail_nth(1), 0);
	KUNIT_EXPECT_EQ(test, iot_latency_set(fx->target, true), -ENOMEM);
	KUNIT_ASSERT_EQ(test, iot_inject_fail_nth(0), 0);
	do_op(test, p, IO_TARGET_OP_READ, buf, LEN);
	expect_counts(test, 0, 0, 0, 0);
	latency_set(test, true);
	do_op(test, p, IO_TARGET_OP_READ, buf, LEN);
	expect_counts(test, 1, 0, 0, 0);
}
#endif

static struct kunit_case latency_cases[] = {
	KUNIT_CASE_PARAM(latency_buckets, bucket_gen_params),
	KUNIT_CASE(latency_off),
	KUNIT_CASE(latency_of_another),
	KUNIT_CASE(latency_kinds),
	KUNIT_CASE(latency_known),
	KUNIT_CASE(latency_pended),
	KUNIT_CASE(latency_switch),
	KUNIT_CASE(latency_forget),
#if IS_ENABLED(CONFIG_IO_TARGET_FAULT_INJECTION)
	KUNIT_CASE(latency_no_memory),
#endif
	{}
};

static struct kunit_suite latency_suite = {
	.name = "io_target_latency",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = latency_cases,
};

kunit_test_suite(latency_suite);
