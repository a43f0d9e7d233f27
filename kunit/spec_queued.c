// SPDX-License-Identifier: GPL-2.0
/*
 * What was sent, but has not been given to the device: over any device, writes that are
 * held back behind an orphaned one. Cancelling what was sent finds these.
 */
#include <linux/slab.h>

#include "spec.h"

#define SHORTLY		(HZ / 50)
#define PATIENCE	(60 * HZ)

/*
 * Leaves a write with the device whose request has ended. A machine that is too busy
 * to send in time tries again with more.
 */
static void make_orphan(struct kunit *test, struct probe *p, u8 *buf)
{
	struct spec *s = test->priv;
	long timeout = SHORTLY;

	s->dev->park(s, true);
	do {
		reinit_completion(&p->done);
		atomic_set(&p->ends, 0);
		probe_prep(test, p, IO_TARGET_OP_WRITE, buf, SPEC_LEN, 0, IO_TARGET_BOUNCE);
		KUNIT_ASSERT_EQ(test, io_target_request_set_timeout(&p->req, timeout), 0);
		KUNIT_ASSERT_EQ(test, io_target_submit(&p->req), 0);
		KUNIT_ASSERT_TRUE(test, probe_wait(p));
		timeout *= 2;
	} while (p->req.not_sent && timeout < PATIENCE);
	KUNIT_EXPECT_EQ(test, p->req.result, -ETIMEDOUT);
	KUNIT_ASSERT_FALSE(test, p->req.not_sent);
	KUNIT_ASSERT_TRUE(test, s->dev->wait_held(s, 1));
	s->dev->park(s, false);
}

static void expect_fate(struct kunit *test, struct probe *p, enum spec_fate fate)
{
	if (fate == SPEC_CANCELLED)
		expect_end(test, p, -ECANCELED, true);
	else
		expect_outstanding(test, p);
}

void spec_queued(struct kunit *test, const struct spec_queued *c)
{
	struct probe *p = probes_alloc(test, 3);
	u8 *buf = step_buf(test, SPEC_LEN);
	struct spec *s = test->priv;
	unsigned int seen;

	make_orphan(test, &p[2], buf);
	seen = s->dev->seen(s);
	step_submit(test, &p[0], buf, SPEC_LEN, 0, 0);
	step_submit(test, &p[1], buf, SPEC_LEN, 0, IO_TARGET_IGNORE_STATE);
	KUNIT_EXPECT_EQ(test, spec_call(s->fx.target, c->verb, c->ret ? SHORTLY : PATIENCE),
			c->ret);
	KUNIT_EXPECT_EQ(test, io_target_state(s->fx.target), c->to);
	expect_fate(test, &p[0], c->gated);
	expect_fate(test, &p[1], c->ignored);
	KUNIT_EXPECT_EQ(test, s->dev->seen(s), seen);
	s->dev->release(s, 1);
	if (c->gated == SPEC_STAY)
		expect_end(test, &p[0], SPEC_LEN, false);
	if (c->ignored == SPEC_STAY)
		expect_end(test, &p[1], SPEC_LEN, false);
	KUNIT_EXPECT_EQ(test, s->dev->seen(s) - seen,
			(unsigned int)(c->gated == SPEC_STAY) + (c->ignored == SPEC_STAY));
}
