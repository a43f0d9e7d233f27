// SPDX-License-Identifier: GPL-2.0
/*
 * Devices that do not answer in time, or never: the caller is back on time, his
 * memory is his own again, and the late answer does no harm.
 */
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "calls.h"
#include "pattern.h"

#define LEN	4096
#define SEED	0x0f
#define SHORTLY	(HZ / 20)
#define POISON	0xa5
#define MIB	(1024 * 1024)

KUNIT_ARRAY_PARAM(call, calls, call_desc);

static const enum fake_context contexts[] = {
	FAKE_TASK, FAKE_SOFTIRQ, FAKE_HARDIRQ, FAKE_WORKER,
};

static void context_desc(const enum fake_context *context, char *desc)
{
	strscpy(desc, fake_context_names[*context], KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(context, contexts, context_desc);

static int events(struct fixture *fx, enum io_target_event event)
{
	return atomic_read(&fx->event[event]);
}

/* One call at @pos that times out, on time; true if it was sent before. */
static bool time_out(struct kunit *test, enum call call, struct probe *p, u8 *buf, loff_t pos,
		     long timeout)
{
	struct fixture *fx = test->priv;
	int before = events(fx, IO_TARGET_EVENT_ORPHAN);
	unsigned long start = jiffies;

	KUNIT_EXPECT_EQ(test, call_do(call, p, buf, LEN, pos, IO_TARGET_BOUNCE, timeout),
			-ETIMEDOUT);
	KUNIT_EXPECT_TRUE(test, time_after_eq(jiffies, start + timeout));
	KUNIT_EXPECT_TRUE(test, time_before(jiffies, start + timeout + 30 * HZ));
	KUNIT_EXPECT_EQ(test, events(fx, IO_TARGET_EVENT_OVERDUE), 0);
	return events(fx, IO_TARGET_EVENT_ORPHAN) > before;
}

/*
 * Leaves an orphan. A machine that is too busy to send within the timeout takes
 * the request back instead; then the timeout is too short for this machine.
 */
static void make_orphan_at(struct kunit *test, enum call call, struct probe *p, u8 *buf,
			   loff_t pos)
{
	struct fixture *fx = test->priv;
	unsigned int submits = fx->fake.submits, parked = fx->fake.nr_parked;
	long timeout = SHORTLY;

	fx->fake.park = true;
	while (!time_out(test, call, p, buf, pos, timeout)) {
		KUNIT_EXPECT_EQ(test, fx->fake.submits, submits);
		timeout *= 2;
		KUNIT_ASSERT_LT(test, timeout, 30l * HZ);
	}
	/* The worker had taken it, but may not have given it to the device yet. */
	KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, parked + 1));
	KUNIT_EXPECT_EQ(test, fx->fake.submits, submits + 1);
}

static void make_orphan(struct kunit *test, enum call call, struct probe *p, u8 *buf)
{
	make_orphan_at(test, call, p, buf, 0);
}

/* Once they have been answered nothing holds the device any more. */
static void expect_orphans_end(struct kunit *test, int n)
{
	struct fixture *fx = test->priv;

	io_target_close(fx->target);
	KUNIT_EXPECT_TRUE(test, fake_wait_closes(&fx->fake, fx->fake.opens));
	KUNIT_EXPECT_EQ(test, events(fx, IO_TARGET_EVENT_ORPHAN), n);
	KUNIT_EXPECT_EQ(test, events(fx, IO_TARGET_EVENT_ORPHAN_END), n);
}

/* Every blocking call keeps its timeout though the device never answers. Covers T8. */
static void orphan_of_call(struct kunit *test)
{
	enum call call = *(const enum call *)test->param_value;
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	make_orphan(test, call, p, buf);
	KUNIT_EXPECT_FALSE(test, io_target_request_pending(&p->req));
	KUNIT_EXPECT_FALSE(test, p->req.not_sent);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->ends), 0);
	KUNIT_EXPECT_EQ(test, events(fx, IO_TARGET_EVENT_ORPHAN_END), 0);
	fake_answer_parked(&fx->fake, false);
	expect_orphans_end(test, 1);
}

/* The device answers into memory that is no longer the caller's, in any context. Covers T9. */
static void orphan_read_answered(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);
	u8 *freed = kmalloc(LEN, GFP_KERNEL);
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_NOT_NULL(test, freed);
	pattern_fill(fx->fake.memory, LEN, 0, SEED);
	fx->fake.answer.context = *(const enum fake_context *)test->param_value;
	make_orphan(test, CALL_READ, p, freed);
	kfree(freed);
	make_orphan(test, CALL_WAIT_READ, p, buf);
	memset(buf, POISON, LEN);
	/* The request may be used while the orphan is alive. */
	fx->fake.from = 3;
	KUNIT_EXPECT_EQ(test, call_do(CALL_WAIT_WRITE, p, buf, LEN, LEN, 0, 60 * HZ), LEN);
	fake_answer_parked(&fx->fake, false);
	expect_orphans_end(test, 2);
	KUNIT_EXPECT_EQ(test, pattern_match_byte(buf, LEN, POISON), (size_t)LEN);
}

/* A late write is of the data as it was when it was sent. */
static void orphan_write_answered(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	fx->fake.answer.context = *(const enum fake_context *)test->param_value;
	pattern_fill(buf, LEN, 0, SEED);
	make_orphan(test, CALL_WRITE, p, buf);
	memset(buf, POISON, LEN);
	fake_answer_parked(&fx->fake, false);
	expect_orphans_end(test, 1);
	KUNIT_EXPECT_EQ(test, pattern_match(fx->fake.memory, LEN, 0, SEED), (size_t)LEN);
}

/* Close does not wait for an orphan, which keeps the device open until it ends. */
static void orphan_outlives_close(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	unsigned int last;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	fx->fake.answer.context = FAKE_HARDIRQ;
	make_orphan(test, CALL_READ, p, buf);
	KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
	KUNIT_EXPECT_EQ(test, io_target_state(fx->target), IO_TARGET_CLOSED);
	KUNIT_EXPECT_EQ(test, fx->fake.closes, 0u);
	KUNIT_EXPECT_EQ(test, fixture_completed(fx), 1ull);
	fake_answer_parked(&fx->fake, false);
	KUNIT_EXPECT_TRUE(test, fake_wait_closes(&fx->fake, 1));
	KUNIT_EXPECT_EQ(test, fx->fake.closed_busy, 0u);
	KUNIT_EXPECT_EQ(test, fx->fake.closes, 1u);
	last = atomic_read(&fx->logged) - 1;
	KUNIT_EXPECT_EQ(test, fx->log[last].event, IO_TARGET_EVENT_ORPHAN_END);
	KUNIT_EXPECT_EQ(test, fx->log[last].state, IO_TARGET_CLOSED);
}

/* Nor does the last put: the orphan keeps the target in memory. */
static void orphan_outlives_put(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	make_orphan(test, CALL_WRITE, p, buf);
	io_target_close(fx->target);
	io_target_put(fx->target);
	fx->target = NULL;
	KUNIT_EXPECT_EQ(test, fx->fake.closes, 0u);
	fake_answer_parked(&fx->fake, false);
	KUNIT_EXPECT_TRUE(test, fake_wait_closes(&fx->fake, 1));
	KUNIT_EXPECT_EQ(test, events(fx, IO_TARGET_EVENT_ORPHAN_END), 1);
}

/* The target can be opened again meanwhile, and the two opens keep apart. */
static void orphan_outlives_reopen(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	make_orphan(test, CALL_READ, p, buf);
	fixture_reopen(test, FIXTURE_RW);
	fx->fake.from = 2;
	KUNIT_EXPECT_EQ(test, io_target_write(fx->target, buf, LEN, 0, 60 * HZ), LEN);
	KUNIT_EXPECT_EQ(test, fx->fake.closes, 0u);
	fx->fake.park = false;
	fake_answer_parked(&fx->fake, false);
	KUNIT_EXPECT_TRUE(test, fake_wait_closes(&fx->fake, 1));
	KUNIT_EXPECT_EQ(test, io_target_state(fx->target), IO_TARGET_STARTED);
	KUNIT_EXPECT_EQ(test, io_target_write(fx->target, buf, LEN, 0, IO_TARGET_NO_TIMEOUT), LEN);
	KUNIT_EXPECT_EQ(test, fx->fake.closes, 1u);
}

#define MANY	20

/* Many, apart from each other so that none is held back, ending in another order. */
static void orphan_many(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	struct io_target_request *io;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	for (i = 0; i < MANY; i++)
		make_orphan_at(test, calls[i % CALLS], p, buf, i * LEN);
	io_target_close(fx->target);
	for (i = 0; (io = fake_take(&fx->fake, i % 3)); i++) {
		KUNIT_EXPECT_EQ(test, fx->fake.closes, 0u);
		fx->fake.answer.context = i % FAKE_CONTEXTS;
		fake_answer(&fx->fake, io);
	}
	KUNIT_EXPECT_EQ(test, i, MANY);
	expect_orphans_end(test, MANY);
}

struct late_case {
	const char	*name;
	bool		may_be_short;
	ssize_t		result;
};

static const struct late_case lates[] = {
	{ "all or nothing", false, -ETIMEDOUT },
	{ "short is a result", true, MIB },
};

static void late_desc(const struct late_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(late, lates, late_desc);

/* The timeout is for all pieces together; what was had before it may be a result. */
static void orphan_of_a_piece(struct kunit *test)
{
	const struct late_case *c = test->param_value;
	struct fixture *fx = test->priv;
	u8 *buf = vzalloc(3 * MIB);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	fx->fake.may_be_short = c->may_be_short;
	fixture_reopen(test, FIXTURE_RW);
	pattern_fill(fx->fake.memory, 3 * MIB, 0, SEED);
	fx->fake.from = 1;
	fx->fake.park = true;
	KUNIT_EXPECT_EQ(test, io_target_read(fx->target, buf, 3 * MIB, 0, 2 * HZ), c->result);
	KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, 1));
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 2u);
	fake_answer_parked(&fx->fake, false);
	expect_orphans_end(test, 1);
	KUNIT_EXPECT_EQ(test, pattern_match(buf, MIB, 0, SEED), (size_t)MIB);
	KUNIT_EXPECT_EQ(test, pattern_match_byte(buf + MIB, 2 * MIB, 0), 2ul * MIB);
	vfree(buf);
}

static struct kunit_case orphan_cases[] = {
	KUNIT_CASE_PARAM(orphan_of_call, call_gen_params),
	KUNIT_CASE_PARAM(orphan_read_answered, context_gen_params),
	KUNIT_CASE_PARAM(orphan_write_answered, context_gen_params),
	KUNIT_CASE(orphan_outlives_close),
	KUNIT_CASE(orphan_outlives_put),
	KUNIT_CASE(orphan_outlives_reopen),
	KUNIT_CASE(orphan_many),
	KUNIT_CASE_PARAM(orphan_of_a_piece, late_gen_params),
	{}
};

static struct kunit_suite orphan_suite = {
	.name = "io_target_orphan",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = orphan_cases,
};

kunit_test_suite(orphan_suite);
