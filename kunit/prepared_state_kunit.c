// SPDX-License-Identifier: GPL-2.0
/*
 * Prepared requests and the states of a target: what stays from one use to the next,
 * and what does not. Over the fake.
 */
#include <linux/slab.h>

#include "pattern.h"
#include "steps.h"

#define LEN	512
#define LONG	(60 * HZ)
#define SEED	0x73746174ULL

/* A prepared write of LEN at 0 */
static struct probe *prepared_probe(struct kunit *test, unsigned int flags)
{
	struct probe *p = probes_alloc(test, 1);

	probe_prep(test, p, IO_TARGET_OP_WRITE, step_buf(test, LEN), LEN, 0,
		   flags | IO_TARGET_PREPARED);
	return p;
}

/* Submits it once more; it ends like this. */
static void use(struct kunit *test, struct probe *p, ssize_t result, bool not_sent)
{
	reinit_completion(&p->done);
	atomic_set(&p->ends, 0);
	KUNIT_ASSERT_EQ(test, io_target_submit(&p->req), 0);
	expect_end(test, p, result, not_sent);
}

/* What end_io sees of its own request */
struct inside {
	unsigned int		rounds;
	unsigned int		pending;
	int			err;
	struct completion	done;
};

static void inside_end_io(struct io_target_request *req)
{
	struct inside *in = req->private;

	in->pending += io_target_request_pending(req);
	if (req->result != LEN)
		in->err = -EILSEQ;
	if (!in->err && in->rounds--) {
		in->err = io_target_request_set_pos(req, req->pos + LEN);
		in->err = in->err ?: io_target_submit_atomic(req);
		if (!in->err)
			return;
	}
	complete(&in->done);
}

static const enum fake_context contexts[] = { FAKE_TASK, FAKE_SOFTIRQ, FAKE_HARDIRQ, FAKE_WORKER };

static void context_desc(const enum fake_context *c, char *desc)
{
	strscpy(desc, fake_context_names[*c], KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(context, contexts, context_desc);

/* In end_io it can be submitted again at once, whatever the context; private stays, too. */
static void prepared_inside(struct kunit *test)
{
	struct probe *p = prepared_probe(test, 0);
	struct fixture *fx = test->priv;
	struct inside in = { .rounds = 99 };

	init_completion(&in.done);
	fx->fake.answer.context = *(const enum fake_context *)test->param_value;
	p->req.end_io = inside_end_io;
	p->req.private = &in;
	KUNIT_ASSERT_EQ(test, io_target_submit(&p->req), 0);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&in.done, LONG), 0ul);
	/* The end_io of the last use has returned. */
	KUNIT_EXPECT_EQ(test, io_target_drain(fx->target, LONG), 0);
	KUNIT_EXPECT_EQ(test, in.err, 0);
	KUNIT_EXPECT_EQ(test, in.pending, 0u);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 100u);
	KUNIT_EXPECT_EQ(test, fx->fake.last.pos, 99ll * LEN);
	KUNIT_EXPECT_EQ(test, fixture_completed(fx), 100ull);
}

/* A deadline and a number are for one use. */
static void prepared_forgets(struct kunit *test)
{
	struct probe *p = prepared_probe(test, 0);
	struct fixture *fx = test->priv;
	u64 id = io_target_request_id(&p->req);

	KUNIT_EXPECT_NE(test, id, 0ull);
	KUNIT_EXPECT_EQ(test, io_target_request_set_timeout(&p->req, 600 * HZ), 0);
	use(test, p, LEN, false);

	fx->fake.park = true;
	reinit_completion(&p->done);
	atomic_set(&p->ends, 0);
	KUNIT_ASSERT_EQ(test, io_target_submit(&p->req), 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&p->req.timed));
	KUNIT_EXPECT_EQ(test, io_target_cancel_id(fx->target, id), -ENOENT);
	KUNIT_EXPECT_EQ(test, fake_answer_parked(&fx->fake, false), 1u);
	expect_end(test, p, LEN, false);

	/* And each use may have its own. */
	KUNIT_EXPECT_NE(test, io_target_request_id(&p->req), id);
	KUNIT_EXPECT_EQ(test, io_target_request_set_timeout(&p->req, 600 * HZ), 0);
	reinit_completion(&p->done);
	atomic_set(&p->ends, 0);
	KUNIT_ASSERT_EQ(test, io_target_submit(&p->req), 0);
	KUNIT_EXPECT_FALSE(test, list_empty(&p->req.timed));
	KUNIT_EXPECT_EQ(test, io_target_cancel_id(fx->target, p->req.id), -EALREADY);
	KUNIT_EXPECT_EQ(test, fake_answer_parked(&fx->fake, false), 1u);
	expect_end(test, p, LEN, false);
}

/* A deadline that was missed while pended is not the next use's. */
static void prepared_timed_out(struct kunit *test)
{
	struct probe *p = prepared_probe(test, 0);
	struct fixture *fx = test->priv;

	KUNIT_ASSERT_EQ(test, io_target_stop(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
	KUNIT_EXPECT_EQ(test, io_target_request_set_timeout(&p->req, 1), 0);
	use(test, p, -ETIMEDOUT, true);
	KUNIT_ASSERT_EQ(test, io_target_start(fx->target), 0);
	use(test, p, LEN, false);
	KUNIT_EXPECT_EQ(test, (__force u8)p->req.status, (__force u8)BLK_STS_OK);
}

/* How it ended can be read until it is submitted again, and not longer. */
static void prepared_results(struct kunit *test)
{
	struct probe *p = prepared_probe(test, 0);
	struct fixture *fx = test->priv;

	fx->fake.answer.error = -EIO;
	fx->fake.answer.status = BLK_STS_MEDIUM;
	use(test, p, -EIO, false);
	KUNIT_EXPECT_EQ(test, io_target_request_set_pos(&p->req, LEN), 0);
	KUNIT_EXPECT_EQ(test, p->req.result, -EIO);
	KUNIT_EXPECT_EQ(test, (__force u8)p->req.status, (__force u8)BLK_STS_MEDIUM);
	fx->fake.answer.error = 0;
	fx->fake.answer.status = BLK_STS_OK;
	use(test, p, LEN, false);
	KUNIT_EXPECT_EQ(test, (__force u8)p->req.status, (__force u8)BLK_STS_OK);

	/* Cancelled while it pends, purged, and used again: not sent is not for ever. */
	KUNIT_ASSERT_EQ(test, io_target_stop(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
	reinit_completion(&p->done);
	atomic_set(&p->ends, 0);
	KUNIT_ASSERT_EQ(test, io_target_submit(&p->req), 0);
	KUNIT_EXPECT_EQ(test, io_target_cancel(&p->req), 0);
	expect_end(test, p, -ECANCELED, true);
	KUNIT_EXPECT_EQ(test, io_target_cancel(&p->req), -ENOENT);
	reinit_completion(&p->done);
	atomic_set(&p->ends, 0);
	KUNIT_ASSERT_EQ(test, io_target_submit(&p->req), 0);
	KUNIT_ASSERT_EQ(test, io_target_purge(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
	expect_end(test, p, -ECANCELED, true);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), -ESHUTDOWN);
	KUNIT_ASSERT_EQ(test, io_target_start(fx->target), 0);
	use(test, p, LEN, false);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 3u);
}

/* While it is outstanding nothing can be done to it; pended ones are outstanding. */
static void prepared_busy(struct kunit *test)
{
	struct probe *p = prepared_probe(test, 0);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);
	unsigned int i;

	fx->fake.park = true;
	for (i = 0; i < 2; i++) {
		reinit_completion(&p->done);
		atomic_set(&p->ends, 0);
		if (i)
			KUNIT_ASSERT_EQ(test, io_target_stop(fx->target, IO_TARGET_LEAVE_SENT, 0),
					0);
		KUNIT_ASSERT_EQ(test, io_target_submit(&p->req), 0);
		KUNIT_EXPECT_EQ(test, io_target_request_set_pos(&p->req, LEN), -EBUSY);
		KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), -EBUSY);
		KUNIT_EXPECT_EQ(test, io_target_request_reinit(&p->req), -EBUSY);
		KUNIT_EXPECT_EQ(test, io_target_prep_write_buf(&p->req, buf, LEN, 0, 0), -EBUSY);
		if (i)
			KUNIT_ASSERT_EQ(test, io_target_start(fx->target), 0);
		KUNIT_EXPECT_EQ(test, fake_answer_parked(&fx->fake, false), 1u);
		expect_end(test, p, LEN, false);
		KUNIT_EXPECT_EQ(test, fx->fake.last.pos, 0ll);
	}
}

/* Another position is for what is formatted. */
static void prepared_refusals(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 1);
	u8 *buf = step_buf(test, LEN);

	KUNIT_EXPECT_EQ(test, io_target_request_set_pos(&p->req, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_prep_write_buf(&p->req, buf, LEN, 0, IO_TARGET_PREPARED |
						       IO_TARGET_BOUNCE), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), -EINVAL);

	/* What is not prepared is done when it has ended. */
	probe_prep(test, p, IO_TARGET_OP_WRITE, buf, LEN, 0, 0);
	use(test, p, LEN, false);
	KUNIT_EXPECT_EQ(test, io_target_request_set_pos(&p->req, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), -EINVAL);

	/* And what is, is so until it is formatted in another way, or not at all. */
	probe_prep(test, p, IO_TARGET_OP_WRITE, buf, LEN, 0, IO_TARGET_PREPARED);
	use(test, p, LEN, false);
	probe_prep(test, p, IO_TARGET_OP_READ, buf, LEN, 0, 0);
	use(test, p, LEN, false);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), -EINVAL);
	probe_prep(test, p, IO_TARGET_OP_WRITE, buf, LEN, 0, IO_TARGET_PREPARED);
	use(test, p, LEN, false);
	KUNIT_EXPECT_EQ(test, io_target_request_reinit(&p->req), 0);
	KUNIT_EXPECT_EQ(test, io_target_request_set_pos(&p->req, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), -EINVAL);
}

/* A wrong position is found even if it is to pend, or else when it is sent. */
static void prepared_pended_bad_pos(struct kunit *test)
{
	struct probe *p = prepared_probe(test, 0);
	struct fixture *fx = test->priv;
	int err;

	fx->fake.size = 8 * LEN;
	KUNIT_ASSERT_EQ(test, io_target_stop(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
	KUNIT_EXPECT_EQ(test, io_target_request_set_pos(&p->req, 8 * LEN), 0);
	err = io_target_submit(&p->req);
	KUNIT_ASSERT_EQ(test, io_target_start(fx->target), 0);
	if (err)
		KUNIT_EXPECT_EQ(test, err, -ENXIO);
	else
		expect_end(test, p, -ENXIO, true);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 0u);
	KUNIT_EXPECT_EQ(test, io_target_request_set_pos(&p->req, 7 * LEN), 0);
	use(test, p, LEN, false);
}

/* Another device, or the same that has changed: it is checked against that. */
static void prepared_reopened(struct kunit *test)
{
	struct probe *p = prepared_probe(test, 0);
	struct fixture *fx = test->priv;

	KUNIT_EXPECT_EQ(test, io_target_request_set_pos(&p->req, 4 * LEN), 0);
	use(test, p, LEN, false);
	KUNIT_ASSERT_EQ(test, io_target_suspend(fx->target, LONG), 0);
	fx->fake.size = 4 * LEN;
	KUNIT_ASSERT_EQ(test, io_target_reopen(fx->target), 0);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), -ENXIO);
	KUNIT_EXPECT_EQ(test, io_target_request_set_pos(&p->req, LEN), 0);
	use(test, p, LEN, false);

	/* One with larger blocks cannot take its place. */
	KUNIT_ASSERT_EQ(test, io_target_suspend(fx->target, LONG), 0);
	fx->fake.block_size = 2 * LEN;
	KUNIT_EXPECT_EQ(test, io_target_reopen(fx->target), -EINVAL);
	fx->fake.block_size = 0;
	KUNIT_ASSERT_EQ(test, io_target_reopen(fx->target), 0);
	use(test, p, LEN, false);

	/* Read-only, as the backend has it */
	KUNIT_ASSERT_EQ(test, io_target_suspend(fx->target, LONG), 0);
	fx->fake.check_error = -EROFS;
	KUNIT_ASSERT_EQ(test, io_target_reopen(fx->target), 0);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), -EROFS);
	fx->fake.check_error = 0;

	/* It pends while there is no device. */
	KUNIT_ASSERT_EQ(test, io_target_suspend(fx->target, LONG), 0);
	reinit_completion(&p->done);
	atomic_set(&p->ends, 0);
	KUNIT_ASSERT_EQ(test, io_target_submit(&p->req), 0);
	KUNIT_ASSERT_EQ(test, io_target_reopen(fx->target), 0);
	expect_end(test, p, LEN, false);

	/* After close and open it is stale, as others are. */
	KUNIT_ASSERT_EQ(test, io_target_close(fx->target), 0);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), -ENODEV);
	KUNIT_ASSERT_EQ(test, fake_open(&fx->fake, fx->target, FIXTURE_RW), 0);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), -ESTALE);
	probe_prep(test, p, IO_TARGET_OP_WRITE, step_buf(test, LEN), LEN, 0, IO_TARGET_PREPARED);
	use(test, p, LEN, false);
	use(test, p, LEN, false);
}

/* Waited for, and not waited for, in turn. */
static void prepared_submit_wait(struct kunit *test)
{
	struct probe *p = prepared_probe(test, IO_TARGET_TASK);
	struct fixture *fx = test->priv;
	unsigned int i;

	for (i = 0; i < 6; i++) {
		fx->fake.answer.context = i % FAKE_CONTEXTS;
		reinit_completion(&p->done);
		atomic_set(&p->ends, 0);
		KUNIT_EXPECT_EQ(test, io_target_request_set_pos(&p->req, i * LEN), 0);
		KUNIT_EXPECT_EQ(test, io_target_submit_wait(&p->req, i & 1 ? LONG :
							    IO_TARGET_NO_TIMEOUT), LEN);
		KUNIT_EXPECT_EQ(test, fx->fake.last.pos, (loff_t)i * LEN);
		KUNIT_EXPECT_EQ(test, atomic_read(&p->ends), 0);
		p->req.end_io = probe_end_io;
		use(test, p, LEN, false);
	}
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 12u);
	fx->fake.answer.error = -EIO;
	KUNIT_EXPECT_EQ(test, io_target_submit_wait(&p->req, LONG), -EIO);
	fx->fake.answer.error = 0;
	KUNIT_EXPECT_EQ(test, io_target_submit_wait(&p->req, LONG), LEN);
}

/* From the pool; its end_io gives it back after some uses. */
static void pool_end_io(struct io_target_request *req)
{
	struct inside *in = req->private;

	if (in->rounds--) {
		in->err = io_target_submit_atomic(req);
		if (!in->err)
			return;
	} else {
		in->err = io_target_request_free(req);
	}
	complete(&in->done);
}

static void prepared_pool(struct kunit *test)
{
	struct inside in = { .rounds = 20 };
	struct io_target_request *req;
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);

	init_completion(&in.done);
	fx->fake.answer.context = FAKE_HARDIRQ;
	req = io_target_request_alloc(fx->target, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, req);
	KUNIT_EXPECT_EQ(test, io_target_prep_write_buf(req, buf, LEN, 0, IO_TARGET_PREPARED), 0);
	req->end_io = pool_end_io;
	req->private = &in;
	KUNIT_ASSERT_EQ(test, io_target_submit(req), 0);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&in.done, LONG), 0ul);
	KUNIT_EXPECT_EQ(test, io_target_drain(fx->target, LONG), 0);
	KUNIT_EXPECT_EQ(test, in.err, 0);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 21u);
}

/* Nobody may hear of it: it is given back by the library, once. */
static void prepared_forgotten(struct kunit *test)
{
	struct io_target_request *req;
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);
	unsigned int i;

	for (i = 0; i < 8; i++) {
		req = io_target_request_alloc(fx->target, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, req);
		KUNIT_EXPECT_EQ(test, io_target_prep_write_buf(req, buf, LEN, 0,
							       IO_TARGET_PREPARED), 0);
		KUNIT_EXPECT_EQ(test, io_target_submit(req), 0);
	}
	KUNIT_EXPECT_EQ(test, io_target_drain(fx->target, LONG), 0);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 8u);
}

static struct kunit_case prepared_state_cases[] = {
	KUNIT_CASE_PARAM(prepared_inside, context_gen_params),
	KUNIT_CASE(prepared_forgets),
	KUNIT_CASE(prepared_timed_out),
	KUNIT_CASE(prepared_results),
	KUNIT_CASE(prepared_busy),
	KUNIT_CASE(prepared_refusals),
	KUNIT_CASE(prepared_pended_bad_pos),
	KUNIT_CASE(prepared_reopened),
	KUNIT_CASE(prepared_submit_wait),
	KUNIT_CASE(prepared_pool),
	KUNIT_CASE(prepared_forgotten),
	{}
};

static struct kunit_suite prepared_state_suite = {
	.name = "io_target_prepared_state",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = prepared_state_cases,
};

kunit_test_suite(prepared_state_suite);
