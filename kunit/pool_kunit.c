// SPDX-License-Identifier: GPL-2.0
/*
 * Requests of the target's pool: freed by anybody who may, there when there is
 * no memory, and sent without anybody who waits for them.
 */
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "fixture.h"
#include "memory.h"
#include "pattern.h"

#define LEN	512
#define SEED	11
#define MANY	16

static void count_end_io(struct io_target_request *req)
{
	struct probe *p = req->private;

	atomic_inc(&p->ends);
	complete(&p->done);
}

static void freeing_end_io(struct io_target_request *req)
{
	struct probe *p = req->private;

	if (io_target_request_free(req) == 0)
		atomic_inc(&p->ends);
	complete(&p->done);
}

static const enum fake_context contexts[] = {
	FAKE_TASK, FAKE_SOFTIRQ, FAKE_HARDIRQ, FAKE_WORKER,
};

static void context_desc(const enum fake_context *context, char *desc)
{
	strscpy(desc, fake_context_names[*context], KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(context, contexts, context_desc);

/* end_io may free its request, in any context. */
static void pool_freed_by_end_io(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	fx->fake.answer.context = *(const enum fake_context *)test->param_value;
	for (i = 1; i <= MANY; i++) {
		struct io_target_request *req = io_target_request_alloc(fx->target, GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, req);
		KUNIT_ASSERT_EQ(test, io_target_prep_read_buf(req, buf, LEN, 0, 0), 0);
		req->end_io = freeing_end_io;
		req->private = p;
		KUNIT_EXPECT_EQ(test, io_target_submit(req), 0);
		KUNIT_ASSERT_TRUE(test, probe_wait(p));
		KUNIT_EXPECT_EQ(test, atomic_read(&p->ends), i);
	}
}

/* Without an end_io the library frees it; that no leak is left the leak scan sees. */
static void pool_send_and_forget(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, MANY * LEN, GFP_KERNEL);
	struct fixture *fx = test->priv;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	fx->fake.answer.context = *(const enum fake_context *)test->param_value;
	pattern_fill(buf, MANY * LEN, 0, SEED);
	for (i = 0; i < MANY; i++) {
		struct io_target_request *req = io_target_request_alloc(fx->target, GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, req);
		KUNIT_ASSERT_EQ(test, io_target_prep_write_buf(req, buf + i * LEN, LEN, i * LEN,
							       0), 0);
		KUNIT_EXPECT_EQ(test, i & 1 ? io_target_submit_atomic(req) :
					      io_target_submit(req), 0);
	}
	KUNIT_EXPECT_TRUE(test, fake_wait_answers(&fx->fake, MANY));
	io_target_close(fx->target);
	KUNIT_EXPECT_EQ(test, fixture_submitted(fx), MANY);
	KUNIT_EXPECT_EQ(test, fixture_completed(fx), MANY);
	KUNIT_EXPECT_EQ(test, pattern_match(fx->fake.memory, MANY * LEN, 0, SEED),
			(size_t)(MANY * LEN));
}

/* Neither refusal frees a pool request: it is still its caller's. */
static void pool_refused_is_the_callers(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);
	struct fixture *fx = test->priv;
	struct io_target_request *req = io_target_request_alloc(fx->target, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_NOT_NULL(test, req);
	KUNIT_EXPECT_EQ(test, io_target_submit(req), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_prep_read_buf(req, buf, LEN, -1, 0), -EOVERFLOW);
	KUNIT_EXPECT_EQ(test, io_target_submit(req), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_prep_read_buf(req, buf, LEN, 0, 0), 0);
	io_target_close(fx->target);
	KUNIT_EXPECT_EQ(test, io_target_submit(req), -ENODEV);
	KUNIT_EXPECT_EQ(test, io_target_request_free(req), 0);
	KUNIT_EXPECT_EQ(test, io_target_request_free(NULL), 0);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 0u);
}

/* That a request comes from the pool outlives prep, reinit and use. */
static void pool_request_reused(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	struct io_target_request *req = io_target_request_alloc(fx->target, GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_NOT_NULL(test, req);
	req->private = p;
	for (i = 0; i < MANY; i++) {
		KUNIT_EXPECT_EQ(test, io_target_prep_read_buf(req, buf, LEN, 0, 0), 0);
		req->end_io = count_end_io;
		KUNIT_EXPECT_EQ(test, io_target_submit(req), 0);
		KUNIT_EXPECT_EQ(test, req->result, LEN);
		KUNIT_EXPECT_EQ(test, io_target_request_reinit(req), 0);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&p->ends), MANY);
	KUNIT_EXPECT_TRUE(test, req->flags & IOT_F_POOL);
	KUNIT_EXPECT_EQ(test, io_target_request_free(req), 0);
}

/* Takes requests until there is none: with no memory, those of the reserve. */
static unsigned int drain(struct fixture *fx, struct io_target_request **req)
{
	unsigned int n = 0;

	while (n < MANY && (req[n] = io_target_request_alloc(fx->target, GFP_NOWAIT)))
		n++;
	return n;
}

/* Every allocation fails, and I/O goes on. Covers L5. */
static void pool_without_memory(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);
	struct probe *p = probes_alloc(test, 1);
	struct io_target_request *req[MANY], *again;
	struct fixture *fx = test->priv;
	unsigned int n, i, round;
	int err = 0;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	memory_fail_check(test);
	memory_fail_begin();
	n = drain(fx, req);
	for (round = 0; n && round < 100 && !err; round++) {
		i = round % n;
		io_target_request_free(req[i]);
		req[i] = io_target_request_alloc(fx->target, GFP_NOWAIT);
		if (!req[i])
			break;
		err = io_target_prep_read_buf(req[i], buf, LEN, 0, 0);
		req[i]->end_io = count_end_io;
		req[i]->private = p;
		err = err ?: io_target_submit(req[i]);
	}
	again = io_target_request_alloc(fx->target, GFP_NOWAIT);
	memory_fail_end();

	KUNIT_EXPECT_EQ(test, n, FIXTURE_RESERVE);
	KUNIT_EXPECT_PTR_EQ(test, again, NULL);
	KUNIT_EXPECT_EQ(test, round, 100u);
	KUNIT_EXPECT_EQ(test, err, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->ends), 100);
	io_target_request_free(again);
	for (i = 0; i < n; i++)
		io_target_request_free(req[i]);
}

struct waiter {
	struct work_struct		work;
	struct fixture			*fx;
	struct completion		started;
	struct completion		done;
	struct io_target_request	*req;
};

static void wait_for_request(struct work_struct *work)
{
	struct waiter *w = container_of(work, struct waiter, work);

	complete(&w->started);
	memory_fail_begin();
	w->req = io_target_request_alloc(w->fx->target, GFP_NOIO);
	memory_fail_end();
	complete(&w->done);
}

/* Who may wait for a request gets the next that is freed. */
static void pool_waits_for_a_free_request(struct kunit *test)
{
	struct waiter *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);
	struct io_target_request *req[MANY];
	struct fixture *fx = test->priv;
	unsigned int n, i;

	KUNIT_ASSERT_NOT_NULL(test, w);
	memory_fail_check(test);
	w->fx = fx;
	INIT_WORK(&w->work, wait_for_request);
	init_completion(&w->started);
	init_completion(&w->done);
	memory_fail_begin();
	n = drain(fx, req);
	memory_fail_end();

	queue_work(fake_wq, &w->work);
	wait_for_completion(&w->started);
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&w->done, HZ / 10), 0ul);
	for (i = 0; i < n; i++)
		io_target_request_free(req[i]);
	flush_work(&w->work);
	KUNIT_EXPECT_NOT_NULL(test, w->req);
	KUNIT_EXPECT_EQ(test, n, FIXTURE_RESERVE);
	io_target_request_free(w->req);
}

static struct kunit_case pool_cases[] = {
	KUNIT_CASE_PARAM(pool_freed_by_end_io, context_gen_params),
	KUNIT_CASE_PARAM(pool_send_and_forget, context_gen_params),
	KUNIT_CASE(pool_refused_is_the_callers),
	KUNIT_CASE(pool_request_reused),
	KUNIT_CASE(pool_without_memory),
	KUNIT_CASE(pool_waits_for_a_free_request),
	{}
};

static struct kunit_suite pool_suite = {
	.name = "io_target_pool",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = pool_cases,
};

kunit_test_suite(pool_suite);
