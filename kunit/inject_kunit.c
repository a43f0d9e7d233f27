// SPDX-License-Identifier: GPL-2.0
/*
 * The fault injector: which requests a rule is for, and how they fail.
 */
#include <linux/slab.h>

#include "steps.h"

#define LEN		512
#define PATIENCE	(30 * HZ)

static void inject(struct kunit *test, const char *text)
{
	struct fixture *fx = test->priv;

	KUNIT_ASSERT_EQ(test, iot_inject_write(fx->target, text), 0);
}

/* The injector's own account of rules and requests. */
static void expect_account(struct kunit *test, const char *expected)
{
	char *text = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	struct fixture *fx = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, text);
	KUNIT_EXPECT_EQ(test, iot_inject_read(fx->target, text, PAGE_SIZE), strlen(text));
	KUNIT_EXPECT_EQ_MSG(test, strcmp(text, expected), 0, "%s", text);
}

static int submit_op(struct probe *p, enum io_target_op op, u8 *buf, loff_t pos,
		     unsigned int flags)
{
	int err;

	if (op == IO_TARGET_OP_READ || op == IO_TARGET_OP_WRITE)
		err = io_target_prep_rw_buf(&p->req, op, buf, LEN, pos, flags);
	else
		err = io_target_prep_range(&p->req, op, op == IO_TARGET_OP_FLUSH ? 0 : pos,
					   op == IO_TARGET_OP_FLUSH ? 0 : LEN, flags);
	reinit_completion(&p->done);
	atomic_set(&p->ends, 0);
	p->req.end_io = probe_end_io;
	return err ?: io_target_submit(&p->req);
}

static ssize_t good_result(enum io_target_op op)
{
	return op == IO_TARGET_OP_READ || op == IO_TARGET_OP_WRITE ? LEN : 0;
}

static const struct op_case {
	const char		*name;
	enum io_target_op	op;	/* NONE: all of them match */
} ops[] = {
	{ "read", IO_TARGET_OP_READ },
	{ "write", IO_TARGET_OP_WRITE },
	{ "flush", IO_TARGET_OP_FLUSH },
	{ "discard", IO_TARGET_OP_DISCARD },
	{ "write_zeroes", IO_TARGET_OP_WRITE_ZEROES },
	{ "any", IO_TARGET_OP_NONE },
};

static void op_desc(const struct op_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(op, ops, op_desc);

/* Of all operations the right ones fail, and those alone, as a device fails. */
static void inject_op(struct kunit *test)
{
	const struct op_case *c = test->param_value;
	struct probe *p = probes_alloc(test, 1);
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;
	unsigned int sent = 0;
	enum io_target_op op;
	char rule[64];

	snprintf(rule, sizeof(rule), "op=%s error=ENOSPC\n", c->name);
	inject(test, rule);
	for (op = IO_TARGET_OP_READ; op <= IO_TARGET_OP_WRITE_ZEROES; op++) {
		bool hit = c->op == IO_TARGET_OP_NONE || c->op == op;

		KUNIT_ASSERT_EQ(test, submit_op(p, op, buf, 0, 0), 0);
		expect_end(test, p, hit ? -ENOSPC : good_result(op), false);
		KUNIT_EXPECT_EQ(test, (__force u8)p->req.status,
				(__force u8)(hit ? BLK_STS_NOSPC : BLK_STS_OK));
		sent += !hit;
		KUNIT_EXPECT_EQ(test, fx->fake.submits, sent);
	}
	inject(test, "clear");
	KUNIT_ASSERT_EQ(test, submit_op(p, IO_TARGET_OP_READ, buf, 0, 0), 0);
	expect_end(test, p, LEN, false);
	expect_account(test, "held 0 delayed 0\n");
}

static const struct error_case {
	const char	*text;
	int		error;
	blk_status_t	status;
} errors[] = {
	{ "EIO", EIO, BLK_STS_IOERR },
	{ "ETIMEDOUT", ETIMEDOUT, BLK_STS_TIMEOUT },
	{ "EREMOTEIO", EREMOTEIO, BLK_STS_TARGET },
	{ "EILSEQ", EILSEQ, BLK_STS_PROTECTION },
	{ "84", EILSEQ, BLK_STS_PROTECTION },
	{ "EROFS", EROFS, BLK_STS_IOERR },
	{ "133", 133, BLK_STS_IOERR },
};

static void error_desc(const struct error_case *c, char *desc)
{
	strscpy(desc, c->text, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(error, errors, error_desc);

/* The result and the block status fit together; also through a carrier, and waiting. */
static void inject_error(struct kunit *test)
{
	const struct error_case *c = test->param_value;
	struct probe *p = probes_alloc(test, 2);
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;
	char rule[64];

	snprintf(rule, sizeof(rule), "op=write error=%s", c->text);
	inject(test, rule);
	step_submit(test, &p[0], buf, LEN, 0, 0);
	expect_end(test, &p[0], -c->error, false);
	KUNIT_EXPECT_EQ(test, (__force u8)p[0].req.status, (__force u8)c->status);
	step_submit(test, &p[1], buf, LEN, 0, IO_TARGET_BOUNCE | IO_TARGET_TASK);
	expect_end(test, &p[1], -c->error, false);
	KUNIT_EXPECT_EQ(test, (__force u8)p[1].req.status, (__force u8)c->status);
	KUNIT_EXPECT_EQ(test, io_target_write(fx->target, buf, LEN, 0, IO_TARGET_NO_TIMEOUT),
			-c->error);
	KUNIT_EXPECT_EQ(test, io_target_write(fx->target, buf, LEN, 0, PATIENCE), -c->error);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 0u);
	KUNIT_EXPECT_EQ(test, io_target_read(fx->target, buf, LEN, 0, PATIENCE), LEN);
}

/* Bytes from 1024 up to, not including, 2048; a flush has no bytes. */
static void inject_range(struct kunit *test)
{
	static const struct {
		loff_t	pos;
		bool	hit;
	} at[] = {
		{ 0 }, { 512 }, { 513, true }, { 1024, true }, { 1536, true }, { 2047, true },
		{ 2048 }, { 1ULL << 40 },
	};
	struct probe *p = probes_alloc(test, 1);
	u8 *buf = step_buf(test, LEN);
	unsigned int i;

	inject(test, "error=EIO range=1024-0x800");
	for (i = 0; i < ARRAY_SIZE(at); i++) {
		KUNIT_ASSERT_EQ(test, submit_op(p, IO_TARGET_OP_READ, buf, at[i].pos, 0), 0);
		expect_end(test, p, at[i].hit ? -EIO : LEN, false);
	}
	KUNIT_ASSERT_EQ(test, submit_op(p, IO_TARGET_OP_FLUSH, buf, 0, 0), 0);
	expect_end(test, p, 0, false);
	expect_account(test, "op=any error=EIO range=1024-2048 (matched 4 fired 4)\n"
			     "held 0 delayed 0\n");
}

/* Every third of those that match, twice; what does not match is not counted. */
static void inject_every_count(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 1);
	u8 *buf = step_buf(test, LEN);
	unsigned int i;

	inject(test, "op=write error=EIO every=3 count=2");
	for (i = 1; i <= 12; i++) {
		bool hit = i == 3 || i == 6;

		KUNIT_ASSERT_EQ(test, submit_op(p, IO_TARGET_OP_READ, buf, 0, 0), 0);
		expect_end(test, p, LEN, false);
		KUNIT_ASSERT_EQ(test, submit_op(p, IO_TARGET_OP_WRITE, buf, 0, 0), 0);
		expect_end(test, p, hit ? -EIO : LEN, false);
	}
	expect_account(test, "op=write error=EIO every=3 count=2 (matched 6 fired 2)\n"
			     "held 0 delayed 0\n");
}

/* The rule that was written first has it; the next ones do not even count it. */
static void inject_order(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 1);
	u8 *buf = step_buf(test, LEN);

	inject(test, "op=write error=EROFS count=1");
	inject(test, "op=write error=ENXIO count=1");
	inject(test, "error=EPIPE count=1");
	KUNIT_ASSERT_EQ(test, submit_op(p, IO_TARGET_OP_WRITE, buf, 0, 0), 0);
	expect_end(test, p, -EROFS, false);
	KUNIT_ASSERT_EQ(test, submit_op(p, IO_TARGET_OP_WRITE, buf, 0, 0), 0);
	expect_end(test, p, -ENXIO, false);
	expect_account(test, "op=write error=EROFS count=1 (matched 1 fired 1)\n"
			     "op=write error=ENXIO count=1 (matched 1 fired 1)\n"
			     "op=any error=EPIPE count=1 (matched 0 fired 0)\n"
			     "held 0 delayed 0\n");
	KUNIT_ASSERT_EQ(test, submit_op(p, IO_TARGET_OP_WRITE, buf, 0, 0), 0);
	expect_end(test, p, -EPIPE, false);
	KUNIT_ASSERT_EQ(test, submit_op(p, IO_TARGET_OP_WRITE, buf, 0, 0), 0);
	expect_end(test, p, LEN, false);
}

static struct kunit_case inject_cases[] = {
	KUNIT_CASE_PARAM(inject_op, op_gen_params),
	KUNIT_CASE_PARAM(inject_error, error_gen_params),
	KUNIT_CASE(inject_range),
	KUNIT_CASE(inject_every_count),
	KUNIT_CASE(inject_order),
	{}
};

static struct kunit_suite inject_suite = {
	.name = "io_target_inject",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = inject_cases,
};

kunit_test_suite(inject_suite);
