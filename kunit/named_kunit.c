// SPDX-License-Identifier: GPL-2.0
/*
 * Requests known by a number: cancelled by who may no longer have them. And targets
 * that go with a device.
 */
#include <linux/device.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "duel.h"
#include "steps.h"

#define LEN	512

static u64 submit_named(struct kunit *test, struct probe *p, u8 *buf, unsigned int flags)
{
	u64 id;

	probe_prep(test, p, IO_TARGET_OP_WRITE, buf, LEN, 0, flags);
	id = io_target_request_id(&p->req);
	KUNIT_EXPECT_NE(test, id, 0ull);
	KUNIT_EXPECT_EQ(test, io_target_request_id(&p->req), id);
	KUNIT_ASSERT_EQ(test, io_target_submit(&p->req), 0);
	return id;
}

struct kind {
	const char	*name;
	unsigned int	flags;
};

static const struct kind kinds[] = {
	{ "plain", 0 },
	{ "bounce", IO_TARGET_BOUNCE },
	{ "task", IO_TARGET_TASK },
};

static void kind_desc(const struct kind *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(kind, kinds, kind_desc);

/* What is held back ends, once; what the device has does not. Covers C1, C2. */
static void named_cancel(struct kunit *test)
{
	const struct kind *c = test->param_value;
	struct probe *p = probes_alloc(test, 2);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);
	u64 id[2];

	fx->fake.park = true;
	id[0] = submit_named(test, &p[0], buf, c->flags);
	KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, 1));
	KUNIT_ASSERT_EQ(test, io_target_stop(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
	id[1] = submit_named(test, &p[1], buf, c->flags);
	KUNIT_EXPECT_NE(test, id[0], id[1]);

	KUNIT_EXPECT_EQ(test, io_target_cancel_id(fx->target, id[0]), -EALREADY);
	KUNIT_EXPECT_EQ(test, io_target_cancel_id(fx->target, id[1]), 0);
	expect_end(test, &p[1], -ECANCELED, true);
	expect_outstanding(test, &p[0]);
	KUNIT_EXPECT_EQ(test, io_target_cancel_id(fx->target, id[1]), -ENOENT);
	KUNIT_EXPECT_EQ(test, fake_answer_parked(&fx->fake, false), 1u);
	expect_end(test, &p[0], LEN, false);
	KUNIT_EXPECT_EQ(test, io_target_cancel_id(fx->target, id[0]), -ENOENT);
}

/* A number outlives neither its use of the request nor the target. Covers C5, C6, C7. */
static void named_stale(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);
	u64 old, new;

	KUNIT_EXPECT_EQ(test, io_target_request_id(&p->req), 0ull);
	KUNIT_EXPECT_EQ(test, io_target_cancel_id(fx->target, 0), -ENOENT);
	probe_prep(test, p, IO_TARGET_OP_WRITE, buf, LEN, 0, 0);
	old = io_target_request_id(&p->req);
	/* Not outstanding yet, and nothing sticks. */
	KUNIT_EXPECT_EQ(test, io_target_cancel_id(fx->target, old), -ENOENT);
	KUNIT_ASSERT_EQ(test, io_target_submit(&p->req), 0);
	expect_end(test, p, LEN, false);

	KUNIT_ASSERT_EQ(test, io_target_stop(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
	reinit_completion(&p->done);
	atomic_set(&p->ends, 0);
	new = submit_named(test, p, buf, 0);
	KUNIT_EXPECT_NE(test, new, old);
	KUNIT_EXPECT_EQ(test, io_target_cancel_id(fx->target, old), -ENOENT);
	expect_outstanding(test, p);
	KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
	expect_end(test, p, -ECANCELED, true);
	KUNIT_EXPECT_EQ(test, io_target_cancel_id(fx->target, new), -ENOENT);
}

/* A refused submit leaves no trace; the number stays for the next. */
static void named_refused(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);
	u64 id;

	KUNIT_ASSERT_EQ(test, io_target_purge(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
	probe_prep(test, p, IO_TARGET_OP_WRITE, buf, LEN, 0, 0);
	id = io_target_request_id(&p->req);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), -ESHUTDOWN);
	KUNIT_EXPECT_EQ(test, io_target_cancel_id(fx->target, id), -ENOENT);
	KUNIT_ASSERT_EQ(test, io_target_start(fx->target), 0);
	fx->fake.park = true;
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), 0);
	KUNIT_EXPECT_EQ(test, io_target_cancel_id(fx->target, id), -EALREADY);
	fake_answer_parked(&fx->fake, false);
	expect_end(test, p, LEN, false);
}

/* What an end_io that frees leaves behind is its number. */
struct forgotten {
	struct fixture	*fx;
	atomic_t	ends;
	atomic_t	cancelled;
};

static void forgotten_end_io(struct io_target_request *req)
{
	struct forgotten *f = req->private;

	atomic_inc(&f->ends);
	if (req->result == -ECANCELED && req->not_sent)
		atomic_inc(&f->cancelled);
	io_target_request_free(req);
}

static void forgotten_start(void *private)
{
	struct forgotten *f = private;

	io_target_start(f->fx->target);
}

#define BATCH		8
#define ROUNDS		50

static void forgotten_submit(struct kunit *test, struct forgotten *f, u8 *buf, u64 *id)
{
	struct io_target_request *req = io_target_request_alloc(f->fx->target, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, req);
	KUNIT_ASSERT_EQ(test, io_target_prep_write_buf(req, buf, LEN, 0, 0), 0);
	req->end_io = forgotten_end_io;
	req->private = f;
	*id = io_target_request_id(req);
	KUNIT_ASSERT_EQ(test, io_target_submit(req), 0);
}

/* Pool requests that are sent, ended and freed while they are cancelled. Covers C7, C4. */
static void named_race(struct kunit *test)
{
	struct forgotten *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	unsigned int i, j, n, cancelled = 0, rounds = duel_rounds(ROUNDS);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);
	struct duel *d;
	u64 id[BATCH];
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->fx = fx;
	d = duel_start(test, forgotten_start, f);
	for (i = 0; i < rounds; i++) {
		KUNIT_ASSERT_EQ(test, io_target_stop(fx->target, IO_TARGET_WAIT_SENT, 60 * HZ), 0);
		for (j = 0; j < BATCH; j++)
			forgotten_submit(test, f, buf, &id[j]);
		duel_fire(d);
		for (n = 0, j = BATCH; j--;) {
			ret = io_target_cancel_id(fx->target, id[j]);
			n += !ret;
			KUNIT_EXPECT_TRUE(test, !ret || ret == -ENOENT || ret == -EALREADY);
		}
		duel_join(d);
		duel_adjust(d, n >= BATCH / 2);
		cancelled += n;
	}
	duel_end(d);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->ends), rounds * BATCH);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->cancelled), cancelled);
	duel_expect_both(test, "cancelled", cancelled, "sent", rounds * BATCH - cancelled);
}

/* A target goes with its device, with what is open and what pends. */
static void named_devm(struct kunit *test)
{
	struct io_target_config config = { .name = "devm" };
	struct device *dev = __root_device_register("io_target_devm", NULL);
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);
	struct io_target *t;

	KUNIT_ASSERT_FALSE(test, IS_ERR(dev));
	KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
	t = devm_io_target_create(dev, &config);
	KUNIT_EXPECT_FALSE(test, IS_ERR(t));
	if (!IS_ERR(t)) {
		KUNIT_EXPECT_EQ(test, fake_open(&fx->fake, t, FIXTURE_RW), 0);
		KUNIT_EXPECT_EQ(test, io_target_stop(t, IO_TARGET_LEAVE_SENT, 0), 0);
		io_target_request_init(&p->req, t);
		probe_prep(test, p, IO_TARGET_OP_WRITE, buf, LEN, 0, 0);
		KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), 0);
	}
	KUNIT_EXPECT_TRUE(test, IS_ERR(devm_io_target_open_path(dev, "/no/such/device",
								IO_TARGET_READ, NULL)));
	root_device_unregister(dev);
	expect_end(test, p, -ECANCELED, true);
	KUNIT_EXPECT_EQ(test, fx->fake.closes, 2u);
}

static struct kunit_case named_cases[] = {
	KUNIT_CASE_PARAM(named_cancel, kind_gen_params),
	KUNIT_CASE(named_stale),
	KUNIT_CASE(named_refused),
	KUNIT_CASE(named_devm),
	{}
};

static struct kunit_suite named_suite = {
	.name = "io_target_named",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = named_cases,
};

static struct kunit_case stress_cases[] = {
	KUNIT_CASE(named_race),
	{}
};

static struct kunit_suite stress_suite = {
	.name = "io_target_stress_named",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = stress_cases,
};

kunit_test_suites(&named_suite, &stress_suite);
