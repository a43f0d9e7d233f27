// SPDX-License-Identifier: GPL-2.0
/*
 * The fault injector's rules: how they are written and read, those about memory,
 * and that they are exact, also while they change.
 */
#include <linux/delay.h>
#include <linux/slab.h>

#include "duel.h"
#include "steps.h"

#define LEN		512
#define LARGE		(2 * IOT_RESERVE_PAGES * PAGE_SIZE)

static void inject(struct kunit *test, const char *text)
{
	struct fixture *fx = test->priv;

	KUNIT_ASSERT_EQ(test, iot_inject_write(fx->target, text), 0);
}

/* The injector's own account of rules and requests. */
static void expect_account(struct kunit *test, struct io_target *t, const char *expected)
{
	char *text = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, text);
	iot_inject_read(t, text, PAGE_SIZE);
	KUNIT_EXPECT_EQ_MSG(test, strcmp(text, expected), 0, "%s", text);
}

static const char * const bad_texts[] = {
	"", "\n", "nonsense", "op=read", "op=append error=EIO", "op error=EIO", "error=",
	"error=EWHAT", "error=0", "error=4096", "error=-5", "delay=0", "delay=1x",
	"delay=3600001", "never=1", "error=EIO never", "delay=1 error=EIO", "every=2",
	"error=EIO every=0", "error=EIO every=", "error=EIO every=4294967296",
	"error=EIO count=0", "error=EIO range=1", "error=EIO range=2-1", "error=EIO range=1-1",
	"error=EIO range=-1", "error=EIO range=0-0x8000000000000000", "op=alloc error=EIO",
	"op=alloc range=0-1", "op=alloc op=read", "error=EIO extra", "clear now", "Clear",
};

static void bad_desc(const char * const *c, char *desc)
{
	strscpy(desc, **c ? *c : "empty", KUNIT_PARAM_DESC_SIZE);
	strreplace(desc, '\n', '_');
	strreplace(desc, ' ', '_');
}

KUNIT_ARRAY_PARAM(bad, bad_texts, bad_desc);

/* Refused as a whole, and nothing has changed. */
static void rules_bad_text(struct kunit *test)
{
	const char * const *c = test->param_value;
	struct fixture *fx = test->priv;

	inject(test, "op=discard error=EBADE");
	KUNIT_EXPECT_EQ(test, iot_inject_write(fx->target, *c), -EINVAL);
	expect_account(test, fx->target,
		       "op=discard error=EBADE (matched 0 fired 0)\nheld 0 delayed 0\n");
}

static void rules_too_long(struct kunit *test)
{
	char *text = kunit_kzalloc(test, 2 * IOT_RULE_TEXT, GFP_KERNEL);
	struct fixture *fx = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, text);
	memset(text, ' ', 2 * IOT_RULE_TEXT - 1);
	memcpy(text, "error=EIO", 9);
	KUNIT_EXPECT_EQ(test, iot_inject_write(fx->target, text), -EINVAL);
	text[IOT_RULE_TEXT - 1] = 0;
	KUNIT_EXPECT_EQ(test, iot_inject_write(fx->target, text), 0);
}

/* What is read can be written again, and means the same. */
static void rules_text(struct kunit *test)
{
	static const char * const texts[][2] = {
		{ "never", "op=any never" },
		{ "  error=EIO\top=write\n", "op=write error=EIO" },
		{ "error=5", "op=any error=EIO" },
		{ "error=133 op=any", "op=any error=133" },
		{ "range=0-0x1000 count=7 every=10 delay=1 op=write_zeroes",
		  "op=write_zeroes delay=1 every=10 count=7 range=0-4096" },
		{ "every=1 op=alloc", "op=alloc" },
		{ "op=flush error=EOPNOTSUPP count=4294967295",
		  "op=flush error=EOPNOTSUPP count=4294967295" },
	};
	struct fixture *fx = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		char expected[IOT_RULE_TEXT];

		snprintf(expected, sizeof(expected),
			 "%s (matched 0 fired 0)\nheld 0 delayed 0\n", texts[i][1]);
		inject(test, texts[i][0]);
		expect_account(test, fx->target, expected);
		inject(test, "clear");
		inject(test, texts[i][1]);
		expect_account(test, fx->target, expected);
		inject(test, "clear");
	}
}

static const char longest[] =
	"op=write_zeroes error=EREMOTEIO every=4294967295 count=4294967295 range=1-90000000000000";

static void rules_too_many(struct kunit *test)
{
	struct fixture *fx = test->priv;
	unsigned int i;

	for (i = 0; i < IOT_RULES; i++)
		inject(test, longest);
	KUNIT_EXPECT_EQ(test, iot_inject_write(fx->target, "never"), -ENOSPC);
	inject(test, "clear");
	inject(test, "never");
	expect_account(test, fx->target, "op=any never (matched 0 fired 0)\nheld 0 delayed 0\n");
}

/* Targets that exist already are not affected. */
static void rules_default(struct kunit *test)
{
	struct fixture *fx = test->priv;
	struct io_target *t;

	KUNIT_EXPECT_EQ(test, iot_inject_write_default("error"), -EINVAL);
	KUNIT_EXPECT_EQ(test, iot_inject_write_default("error=EIO count=3\n"), 0);
	t = io_target_create(NULL);
	KUNIT_EXPECT_EQ(test, iot_inject_write_default("clear"), 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(t));
	expect_account(test, t, "op=any error=EIO count=3 (matched 0 fired 0)\nheld 0 delayed 0\n");
	expect_account(test, fx->target, "held 0 delayed 0\n");
	io_target_put(t);
	t = io_target_create(NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(t));
	expect_account(test, t, "held 0 delayed 0\n");
	io_target_put(t);
}

/* No memory at all, then none once: the reserve steps in. */
static void rules_alloc(struct kunit *test)
{
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;
	struct io_target_request *req;
	struct probe *p = probes_alloc(test, 1);

	inject(test, "op=alloc");
	KUNIT_EXPECT_EQ(test, io_target_prep_write_buf(&p->req, buf, LEN, 0, IO_TARGET_BOUNCE),
			-ENOMEM);
	KUNIT_EXPECT_NULL(test, io_target_request_alloc(fx->target, GFP_NOWAIT));
	/* One that may wait never fails. */
	req = io_target_request_alloc(fx->target, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, req);
	io_target_request_free(req);
	/* What needs no memory goes on. */
	step_submit(test, p, buf, LEN, 0, 0);
	expect_end(test, p, LEN, false);

	inject(test, "clear");
	inject(test, "op=alloc count=1");
	KUNIT_EXPECT_EQ(test, io_target_prep_write_buf(&p->req, buf, LEN, 0, IO_TARGET_BOUNCE),
			0);
	expect_account(test, fx->target,
		       "op=alloc count=1 (matched 1 fired 1)\nheld 0 delayed 0\n");
	io_target_request_free(&p->req);
}

/* Over the reserve's size there is nothing to step in; a one-line call shrinks. */
static void rules_alloc_large(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, LARGE, GFP_KERNEL);
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	inject(test, "op=alloc every=9 count=1");
	KUNIT_EXPECT_EQ(test, io_target_prep_write_buf(&p->req, buf, LARGE, 0,
						       IO_TARGET_BOUNCE), -ENOMEM);
	io_target_request_free(&p->req);
	inject(test, "clear");
	inject(test, "op=alloc every=9 count=1");
	KUNIT_EXPECT_EQ(test, io_target_write(fx->target, buf, LARGE, 0, 30 * HZ),
			(ssize_t)LARGE);
	/* The piece that fitted, then the rest. */
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 2u);
}

static ssize_t arm_and_alloc(struct aside *a)
{
	struct io_target_request *req;

	if (iot_inject_fail_nth(1) != -EBUSY)
		return -EINVAL;
	req = io_target_request_alloc(a->fx->target, GFP_NOWAIT);
	return req ? io_target_request_free(req) : -ENOMEM;
}

/* One task's allocations fail, those of others do not, and they cannot take it over. */
static void rules_fail_nth(struct kunit *test)
{
	struct fixture *fx = test->priv;
	struct io_target_request *req;
	struct aside *a;

	KUNIT_ASSERT_EQ(test, iot_inject_fail_nth(2), 0);
	a = aside_start(test, arm_and_alloc, NULL);
	KUNIT_EXPECT_EQ(test, aside_end(test, a), 0);
	KUNIT_EXPECT_EQ(test, iot_inject_fail_left(), 2u);
	req = io_target_request_alloc(fx->target, GFP_NOWAIT);
	KUNIT_EXPECT_NOT_NULL(test, req);
	KUNIT_EXPECT_EQ(test, iot_inject_fail_left(), 1u);
	KUNIT_EXPECT_NULL(test, io_target_request_alloc(fx->target, GFP_NOWAIT));
	KUNIT_EXPECT_EQ(test, iot_inject_fail_left(), 0u);
	io_target_request_free(req);
	req = io_target_request_alloc(fx->target, GFP_NOWAIT);
	KUNIT_EXPECT_NOT_NULL(test, req);
	io_target_request_free(req);
	KUNIT_EXPECT_EQ(test, iot_inject_fail_nth(0), 0);
}

/* One in ten of very many, with this many in flight. */
#define BATCH		50
#define TENTH		10
#define ALL		200000U
/* KASAN makes each of them twenty times as long: all of them in a stress run only */
#define MANY		(IS_ENABLED(CONFIG_KASAN) ? ALL / 20 : ALL)

/**
 * struct tenths - what end_io has seen
 * @left: requests of the batch that have not ended
 * @ended: all
 * @good: with the whole length
 * @failed: as injected
 * @batch: @left is 0
 */
struct tenths {
	atomic_t		left;
	atomic_t		ended;
	atomic_t		good;
	atomic_t		failed;
	struct completion	batch;
};

static void tenths_end_io(struct io_target_request *req)
{
	struct tenths *tenths = req->private;

	atomic_inc(&tenths->ended);
	if (req->result == LEN && req->status == BLK_STS_OK)
		atomic_inc(&tenths->good);
	else if (req->result == -EIO && req->status == BLK_STS_IOERR && !req->not_sent)
		atomic_inc(&tenths->failed);
	if (atomic_dec_and_test(&tenths->left))
		complete(&tenths->batch);
}

/* Return: requests that were not accepted. */
static unsigned int tenths_batch(struct tenths *tenths, struct io_target_request **reqs, u8 *buf)
{
	unsigned int i, refused = 0;

	reinit_completion(&tenths->batch);
	atomic_set(&tenths->left, BATCH);
	for (i = 0; i < BATCH; i++) {
		struct io_target_request *req = reqs[i];
		int err;

		err = io_target_prep_write_buf(req, buf, LEN, i * LEN,
					       i % 5 == 4 ? IO_TARGET_BOUNCE : 0);
		req->end_io = tenths_end_io;
		req->private = tenths;
		err = err ?: io_target_submit(req);
		if (err) {
			refused++;
			if (atomic_dec_and_test(&tenths->left))
				complete(&tenths->batch);
		}
	}
	return refused;
}

static bool tenths_wait(struct tenths *tenths)
{
	return wait_for_completion_timeout(&tenths->batch, 60 * HZ);
}

/* Half of them embedded, half from the pool. */
static struct io_target_request **tenths_requests(struct kunit *test)
{
	struct probe *p = probes_alloc(test, BATCH / 2);
	struct fixture *fx = test->priv;
	struct io_target_request **reqs;
	unsigned int i;

	reqs = kunit_kcalloc(test, BATCH, sizeof(*reqs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, reqs);
	for (i = 0; i < BATCH; i++)
		reqs[i] = i & 1 ? io_target_request_alloc(fx->target, GFP_KERNEL) :
				  &p[i / 2].req;
	return reqs;
}

static void tenths_free(struct io_target_request **reqs)
{
	unsigned int i;

	for (i = 0; i < BATCH; i++)
		io_target_request_free(reqs[i]);
}

/* Every tenth of 200,000 fails: errors reported are errors injected. Covers A1. */
static void rules_one_in_ten(struct kunit *test)
{
	struct io_target_request **reqs = tenths_requests(test);
	unsigned int n, all = min(duel_rounds(MANY), ALL), refused = 0;
	struct tenths *tenths = kunit_kzalloc(test, sizeof(*tenths), GFP_KERNEL);
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;
	unsigned long begin = jiffies;
	char expected[IOT_RULE_TEXT];

	KUNIT_ASSERT_NOT_NULL(test, tenths);
	init_completion(&tenths->batch);
	fx->fake.answer.context = FAKE_SOFTIRQ;
	inject(test, "op=write error=EIO every=10");
	for (n = 0; n < all; n += BATCH) {
		refused += tenths_batch(tenths, reqs, buf);
		KUNIT_ASSERT_TRUE(test, tenths_wait(tenths));
		cond_resched();
	}
	tenths_free(reqs);
	KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
	kunit_info(test, "%u requests in %u ms: submitted %llu = completed %llu = callbacks %d",
		   n, jiffies_to_msecs(jiffies - begin), fixture_submitted(fx),
		   fixture_completed(fx), atomic_read(&tenths->ended));
	kunit_info(test, "errors injected %u, reported %d; good %d, duplicates %lld, in flight %llu",
		   n / TENTH, atomic_read(&tenths->failed), atomic_read(&tenths->good),
		   atomic_read(&tenths->ended) - (s64)fixture_submitted(fx),
		   fixture_submitted(fx) - fixture_completed(fx));
	KUNIT_EXPECT_EQ(test, refused, 0u);
	KUNIT_EXPECT_EQ(test, fixture_submitted(fx), (u64)n);
	KUNIT_EXPECT_EQ(test, fixture_completed(fx), (u64)n);
	KUNIT_EXPECT_EQ(test, (unsigned int)atomic_read(&tenths->ended), n);
	KUNIT_EXPECT_EQ(test, (unsigned int)atomic_read(&tenths->failed), n / TENTH);
	KUNIT_EXPECT_EQ(test, (unsigned int)atomic_read(&tenths->good), n - n / TENTH);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, n - n / TENTH);
	snprintf(expected, sizeof(expected),
		 "op=write error=EIO every=10 (matched %u fired %u)\nheld 0 delayed 0\n",
		 n, n / TENTH);
	expect_account(test, fx->target, expected);
}

#define CHURN_BATCHES	60
#define CHURN_ORDERS	210
#define CHURN_MOST	100000

struct churn {
	struct tenths			tenths;
	struct io_target_request	**reqs;
	u8				*buf;
	bool				quit;
	unsigned int			batches;
};

static ssize_t churn_sender(struct aside *a)
{
	struct churn *c = a->private;

	while (!READ_ONCE(c->quit)) {
		if (tenths_batch(&c->tenths, c->reqs, c->buf))
			return -EINVAL;
		if (!tenths_wait(&c->tenths))
			return -ETIMEDOUT;
		WRITE_ONCE(c->batches, c->batches + 1);
		cond_resched();
	}
	return 0;
}

/* Not yet enough changes, requests, or requests that a rule was in time for. */
static bool churn_goes_on(struct churn *c, unsigned int orders)
{
	return orders < duel_rounds(CHURN_ORDERS) ||
	       READ_ONCE(c->batches) < duel_rounds(CHURN_BATCHES) ||
	       (!atomic_read(&c->tenths.failed) && orders < CHURN_MOST);
}

/* Rules come and go while requests are sent: none is lost, none is left behind. */
static void rules_churn(struct kunit *test)
{
	static const char * const orders[] = {
		"never every=3", "clear", "delay=1 every=2", "release", "error=EIO every=7",
		"never", "clear",
	};
	struct churn *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);
	struct fixture *fx = test->priv;
	struct aside *a;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, c);
	init_completion(&c->tenths.batch);
	c->reqs = tenths_requests(test);
	c->buf = step_buf(test, LEN);
	fx->fake.answer.context = FAKE_SOFTIRQ;
	a = aside_start(test, churn_sender, c);
	for (i = 0; churn_goes_on(c, i) && !completion_done(&a->done); i++) {
		iot_inject_write(fx->target, orders[i % ARRAY_SIZE(orders)]);
		/* Leaves the rule some requests. */
		usleep_range(50, 100);
	}
	WRITE_ONCE(c->quit, true);
	iot_inject_write(fx->target, "clear");
	KUNIT_EXPECT_EQ(test, aside_end(test, a), 0);
	tenths_free(c->reqs);
	kunit_info(test, "%u changes of the rules, %u batches of %u: good %d, failed %d", i,
		   c->batches, BATCH, atomic_read(&c->tenths.good), atomic_read(&c->tenths.failed));
	KUNIT_EXPECT_NE(test, atomic_read(&c->tenths.failed), 0);
	KUNIT_EXPECT_EQ(test, (unsigned int)atomic_read(&c->tenths.ended), c->batches * BATCH);
	KUNIT_EXPECT_EQ(test, atomic_read(&c->tenths.good) + atomic_read(&c->tenths.failed),
			atomic_read(&c->tenths.ended));
	KUNIT_EXPECT_EQ(test, fixture_submitted(fx), (u64)c->batches * BATCH);
	expect_account(test, fx->target, "held 0 delayed 0\n");
}

static struct kunit_case rules_cases[] = {
	KUNIT_CASE_PARAM(rules_bad_text, bad_gen_params),
	KUNIT_CASE(rules_too_long),
	KUNIT_CASE(rules_text),
	KUNIT_CASE(rules_too_many),
	KUNIT_CASE(rules_default),
	KUNIT_CASE(rules_alloc),
	KUNIT_CASE(rules_alloc_large),
	KUNIT_CASE(rules_fail_nth),
	{}
};

static struct kunit_suite rules_suite = {
	.name = "io_target_inject_rules",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = rules_cases,
};

/* More rounds in a stress run */
static struct kunit_case stress_cases[] = {
	KUNIT_CASE(rules_one_in_ten),
	KUNIT_CASE(rules_churn),
	{}
};

static struct kunit_suite stress_suite = {
	.name = "io_target_stress_inject",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = stress_cases,
};

kunit_test_suites(&rules_suite, &stress_suite);
