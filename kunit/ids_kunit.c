// SPDX-License-Identifier: GPL-2.0
/*
 * Assertions by id that no other suite makes. README.md lists for each id the
 * cases that cover it.
 */
#include <linux/mm.h>

#include "duel.h"
#include "steps.h"

#define LEN	512
#define LAPS	2	/* of so many rounds in each state, */
#define ROUNDS	100	/* each of several requests: 2,000 in all, more in a stress run */
#define PARALLEL	8
#define NAMES	1000

/* Results, as end_io sees them, and what came of sending it without an end_io */
struct seen {
	struct probe	*p;
	u8		*buf;
	ssize_t		result;
	blk_status_t	status;
	bool		pending;
	int		bare;
	int		again;
};

static void seen_end_io(struct io_target_request *req)
{
	struct seen *seen = req->private;

	seen->result = req->result;
	seen->status = req->status;
	seen->pending = io_target_request_pending(req);
	if (io_target_prep_write_buf(req, seen->buf, LEN, 0, 0))
		return;
	seen->bare = io_target_submit_atomic(req);
	req->end_io = probe_end_io;
	seen->again = io_target_submit_atomic(req);
}

static struct seen *seen_submit(struct kunit *test)
{
	struct seen *seen = kunit_kzalloc(test, sizeof(*seen), GFP_KERNEL);
	struct fixture *fx = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, seen);
	seen->p = probes_alloc(test, 1);
	seen->buf = step_buf(test, LEN);
	probe_prep(test, seen->p, IO_TARGET_OP_WRITE, seen->buf, LEN, 0, 0);
	seen->p->req.end_io = seen_end_io;
	seen->p->req.private = seen;
	fx->fake.park = true;
	KUNIT_EXPECT_EQ(test, io_target_submit(&seen->p->req), 0);
	return seen;
}

/* Not what its end_io sends, too */
static void answer_one(struct fixture *fx)
{
	struct io_target_request *req = fake_take(&fx->fake, false);

	if (req)
		fake_answer(&fx->fake, req);
}

/* An end_io is for one use: prep forgets it, and without one nothing is sent. Covers A3. */
static void ids_end_io_once(struct kunit *test)
{
	struct seen *seen = seen_submit(test);
	struct fixture *fx = test->priv;

	answer_one(fx);
	KUNIT_EXPECT_EQ(test, seen->bare, -EINVAL);
	KUNIT_EXPECT_EQ(test, seen->again, 0);
	KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, 1));
	answer_one(fx);
	expect_end(test, seen->p, LEN, false);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 2u);
}

/* Results are there in end_io, and those of the last use not before. Covers A4. */
static void ids_results(struct kunit *test)
{
	struct seen *seen = seen_submit(test);
	struct fixture *fx = test->priv;

	fx->fake.answer.error = -ENOSPC;
	fx->fake.answer.status = BLK_STS_NOSPC;
	answer_one(fx);
	KUNIT_EXPECT_EQ(test, seen->result, -ENOSPC);
	KUNIT_EXPECT_TRUE(test, seen->status == BLK_STS_NOSPC);
	KUNIT_EXPECT_FALSE(test, seen->pending);
	KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, 1));
	KUNIT_EXPECT_TRUE(test, io_target_request_pending(&seen->p->req));
	KUNIT_EXPECT_EQ(test, seen->p->req.result, 0);
	KUNIT_EXPECT_TRUE(test, seen->p->req.status == BLK_STS_OK);
	fx->fake.answer = (struct fake_answer){ .most = 100 };
	answer_one(fx);
	expect_end(test, seen->p, 100, false);
	KUNIT_EXPECT_TRUE(test, seen->p->req.status == BLK_STS_OK);
}

/* What nobody is told of is waited for all the same. Covers S7. */
static void ids_forgotten_waited(struct kunit *test)
{
	struct fixture *fx = test->priv;
	struct io_target_request *req = io_target_request_alloc(fx->target, GFP_KERNEL);
	u8 *buf = step_buf(test, LEN);
	struct aside *stop, *close;

	KUNIT_ASSERT_NOT_NULL(test, req);
	KUNIT_EXPECT_EQ(test, io_target_prep_write_buf(req, buf, LEN, 0, 0), 0);
	fx->fake.park = true;
	KUNIT_EXPECT_EQ(test, io_target_submit(req), 0);
	stop = aside_start(test, aside_stop_wait, NULL);
	KUNIT_EXPECT_TRUE(test, aside_waits(stop));
	close = aside_start(test, aside_close, NULL);
	KUNIT_EXPECT_TRUE(test, aside_waits(close));
	KUNIT_EXPECT_EQ(test, fx->fake.closes, 0u);
	fake_answer_parked(&fx->fake, false);
	KUNIT_EXPECT_EQ(test, aside_end(test, close), 0);
	aside_end(test, stop);
	KUNIT_EXPECT_EQ(test, fx->fake.closes, 1u);
}

static void last_put_end_io(struct io_target_request *req)
{
	struct io_target *t = req->target;

	io_target_put(t);
	/* Still there, for it waits for this */
	io_target_name(t);
	req->result = io_target_state(t);
	probe_end_io(req);
}

/* The last reference may be put in an end_io of the target's. Covers L1. */
static void ids_last_put_in_end_io(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);
	struct io_target *t = io_target_create(NULL);

	KUNIT_ASSERT_FALSE(test, IS_ERR(t));
	KUNIT_ASSERT_EQ(test, fake_open(&fx->fake, t, FIXTURE_RW), 0);
	io_target_request_init(&p->req, t);
	probe_prep(test, p, IO_TARGET_OP_WRITE, buf, LEN, 0, 0);
	p->req.end_io = last_put_end_io;
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), 0);
	KUNIT_EXPECT_TRUE(test, probe_wait(p));
	KUNIT_EXPECT_TRUE(test, fake_wait_closes(&fx->fake, 1));
	KUNIT_EXPECT_EQ(test, atomic_read(&p->ends), 1);
}

/* Ways of a request: to its end, or not even to the device */
enum way {
	SENT,
	SENT_BOUNCE,
	FAILED,
	FAILED_BOUNCE,
	BAD_PREP,
	REINIT_BOUNCE,
	STARTED_WAYS,
	CANCELLED = STARTED_WAYS,
	CANCELLED_BOUNCE,
	REFUSED,
	REFUSED_BOUNCE,
	WAYS,
};

static int go(struct fixture *fx, struct probe *p, struct page *page, enum way way)
{
	unsigned int flags = way & 1 ? IO_TARGET_BOUNCE : 0;
	int err;

	if (way == BAD_PREP)
		flags = 1U << 31;
	if (way == REFUSED || way == REFUSED_BOUNCE)
		flags |= IO_TARGET_NOWAIT;
	err = io_target_prep_rw_page(&p->req, IO_TARGET_OP_WRITE, page, 0, LEN, 0, flags);
	p->req.end_io = probe_end_io;
	if (err || way == REINIT_BOUNCE)
		return err;
	fx->fake.answer.error = way == FAILED || way == FAILED_BOUNCE ? -EIO : 0;
	err = io_target_submit(&p->req);
	if (way == CANCELLED || way == CANCELLED_BOUNCE)
		err = err ?: io_target_cancel(&p->req);
	if (!err && !probe_wait(p))
		err = -ETIME;
	return err;
}

static int expected(enum way way)
{
	if (way == BAD_PREP)
		return -EINVAL;
	return way == REFUSED || way == REFUSED_BOUNCE ? -EAGAIN : 0;
}

/* Returns how much was not as it should be. */
static unsigned int go_round(struct fixture *fx, struct probe *p, struct page *page,
			     enum way from, enum way to, unsigned int *bounced)
{
	unsigned int i, wrong = 0;
	enum way way;

	for (i = 0; i < ROUNDS * (to - from); i++) {
		way = from + i % (to - from);
		*bounced += way & 1;
		wrong += go(fx, p, page, way) != expected(way);
		wrong += io_target_request_reinit(&p->req) != 0;
		wrong += page_ref_count(page) != 1;
	}
	return wrong;
}

/*
 * The caller's pages are his: the library takes no reference on them, ever. Its own
 * go back when the request ends, or is refused and used again. Covers L3, L4.
 */
static void ids_page_refs(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 1);
	struct page *page = alloc_page(GFP_KERNEL);
	struct fixture *fx = test->priv;
	unsigned int i, wrong = 0, bounced = 0;
	int freed = atomic_read(&fx->target->carriers_freed);

	KUNIT_ASSERT_NOT_NULL(test, page);
	for (i = 0; i < duel_rounds(LAPS); i++) {
		wrong += go_round(fx, p, page, 0, STARTED_WAYS, &bounced);
		wrong += io_target_stop(fx->target, IO_TARGET_LEAVE_SENT, 0) != 0;
		wrong += go_round(fx, p, page, STARTED_WAYS, WAYS, &bounced);
		wrong += io_target_start(fx->target) != 0;
	}
	io_target_close(fx->target);
	KUNIT_EXPECT_EQ(test, wrong, 0u);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->target->carriers_freed) - freed, (int)bounced);
	__free_page(page);
}

static void expect_idle(struct kunit *test, struct io_target *t)
{
	unsigned int i;

	KUNIT_EXPECT_TRUE(test, percpu_ref_is_zero(&t->gated));
	KUNIT_EXPECT_TRUE(test, percpu_ref_is_zero(&t->ungated));
	KUNIT_EXPECT_EQ(test, atomic_read(&t->resent), 0);
	KUNIT_EXPECT_EQ(test, t->nr_pended, 0u);
	KUNIT_EXPECT_TRUE(test, list_empty(&t->pended));
	KUNIT_EXPECT_TRUE(test, list_empty(&t->ended));
	for (i = 0; i < IOT_SHARDS; i++)
		KUNIT_EXPECT_TRUE(test, list_empty(&t->shards[i].timed));
	KUNIT_EXPECT_EQ(test, t->requests.curr_nr, t->requests.min_nr);
	KUNIT_EXPECT_EQ(test, t->carriers.curr_nr, t->carriers.min_nr);
	KUNIT_EXPECT_EQ(test, t->pages.curr_nr, t->pages.min_nr);
}

/*
 * After close nothing is left anywhere. That all that was accepted has ended, the
 * fixtures look at after every case. Covers L9.
 */
static void ids_nothing_left(struct kunit *test)
{
	static const unsigned int flags[PARALLEL] = {
		0, IO_TARGET_BOUNCE, IO_TARGET_TASK, IO_TARGET_IGNORE_STATE, IO_TARGET_NOWAIT,
		IO_TARGET_BOUNCE | IO_TARGET_TASK, IO_TARGET_BOUNCE | IO_TARGET_IGNORE_STATE,
		IO_TARGET_TASK | IO_TARGET_IGNORE_STATE,
	};
	struct probe *p = probes_alloc(test, 2 * PARALLEL);
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;
	struct aside *close;
	unsigned int i;

	fx->fake.park = true;
	for (i = 0; i < 2 * PARALLEL; i++) {
		if (i == PARALLEL)
			KUNIT_EXPECT_EQ(test, io_target_stop(fx->target, IO_TARGET_LEAVE_SENT, 0),
					0);
		probe_prep(test, &p[i], IO_TARGET_OP_WRITE, buf, LEN, 0, flags[i % PARALLEL]);
		KUNIT_EXPECT_EQ(test, io_target_request_set_timeout(&p[i].req, 60 * HZ), 0);
		KUNIT_EXPECT_EQ(test, io_target_submit(&p[i].req),
				i == PARALLEL + 4 ? -EAGAIN : 0);
	}
	KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, PARALLEL + 3));
	close = aside_start(test, aside_close, NULL);
	fake_answer_parked(&fx->fake, true);
	KUNIT_EXPECT_EQ(test, aside_end(test, close), 0);
	for (i = 0; i < 2 * PARALLEL; i++)
		KUNIT_EXPECT_FALSE(test, io_target_request_pending(&p[i].req));
	KUNIT_EXPECT_EQ(test, io_target_request_reinit(&p[PARALLEL + 4].req), 0);
	expect_idle(test, fx->target);
}

/* Formatted, named, submitted; returns its name. */
static u64 submit_named(struct kunit *test, struct probe *p, u8 *buf)
{
	u64 id;

	reinit_completion(&p->done);
	atomic_set(&p->ends, 0);
	probe_prep(test, p, IO_TARGET_OP_WRITE, buf, LEN, 0, 0);
	id = io_target_request_id(&p->req);
	KUNIT_EXPECT_NE(test, id, 0ull);
	KUNIT_EXPECT_EQ(test, io_target_request_id(&p->req), id);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), 0);
	return id;
}

/* The name of one use of a request does nothing to the next. Covers C7. */
static void ids_stale_name(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);
	unsigned int i;
	u64 old, id;

	KUNIT_EXPECT_EQ(test, io_target_request_id(&p->req), 0ull);
	fx->fake.park = true;
	old = submit_named(test, p, buf);
	KUNIT_EXPECT_EQ(test, io_target_cancel_id(fx->target, old), -EALREADY);
	fake_answer_parked(&fx->fake, false);
	expect_end(test, p, LEN, false);
	KUNIT_EXPECT_EQ(test, io_target_cancel_id(fx->target, old), -ENOENT);
	KUNIT_EXPECT_EQ(test, io_target_stop(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
	id = submit_named(test, p, buf);
	KUNIT_EXPECT_NE(test, id, old);
	KUNIT_EXPECT_EQ(test, io_target_cancel_id(fx->target, old), -ENOENT);
	/* Of so many some are looked for in the same place. */
	for (i = 1; i <= NAMES; i++)
		KUNIT_EXPECT_EQ(test, io_target_cancel_id(fx->target, id + i), -ENOENT);
	KUNIT_EXPECT_EQ(test, io_target_cancel_id(fx->target, 0), -ENOENT);
	expect_outstanding(test, p);
	KUNIT_EXPECT_EQ(test, io_target_cancel_id(fx->target, id), 0);
	expect_end(test, p, -ECANCELED, true);
	KUNIT_EXPECT_EQ(test, io_target_cancel_id(fx->target, id), -ENOENT);
	/* Nor is the next use called by that name, if it is given none. */
	reinit_completion(&p->done);
	atomic_set(&p->ends, 0);
	step_submit(test, p, buf, LEN, 0, 0);
	KUNIT_EXPECT_EQ(test, io_target_cancel_id(fx->target, id), -ENOENT);
	expect_outstanding(test, p);
}

/* The same of a request that the pool has given to somebody else since. Covers C7. */
static void ids_stale_name_of_pool(struct kunit *test)
{
	struct io_target_request *req, *other;
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, LEN);
	u64 id;

	KUNIT_EXPECT_EQ(test, io_target_stop(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
	req = io_target_request_alloc(fx->target, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, req);
	KUNIT_EXPECT_EQ(test, io_target_prep_write_buf(req, buf, LEN, 0, 0), 0);
	id = io_target_request_id(req);
	KUNIT_EXPECT_EQ(test, io_target_submit(req), 0);
	KUNIT_EXPECT_EQ(test, io_target_cancel_id(fx->target, id), 0);
	other = io_target_request_alloc(fx->target, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, other);
	KUNIT_EXPECT_EQ(test, io_target_prep_write_buf(other, buf, LEN, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, io_target_submit(other), 0);
	KUNIT_EXPECT_EQ(test, io_target_cancel_id(fx->target, id), -ENOENT);
	KUNIT_EXPECT_EQ(test, fx->target->nr_pended, 1u);
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	KUNIT_EXPECT_TRUE(test, fake_wait_answers(&fx->fake, 1));
}

static struct kunit_case ids_cases[] = {
	KUNIT_CASE(ids_end_io_once),
	KUNIT_CASE(ids_results),
	KUNIT_CASE(ids_forgotten_waited),
	KUNIT_CASE(ids_last_put_in_end_io),
	KUNIT_CASE(ids_page_refs),
	KUNIT_CASE(ids_nothing_left),
	KUNIT_CASE(ids_stale_name),
	KUNIT_CASE(ids_stale_name_of_pool),
	{}
};

static struct kunit_suite ids_suite = {
	.name = "io_target_ids",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = ids_cases,
};

kunit_test_suite(ids_suite);
