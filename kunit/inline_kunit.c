// SPDX-License-Identifier: GPL-2.0
/*
 * The hostile inline completion: the device ends a request before submit
 * returns, at worst under rcu_read_lock() when a plug is flushed, and end_io
 * calls everything that it may.
 */
#include <linux/blkdev.h>
#include <linux/rcupdate.h>
#include <linux/sizes.h>

#include "spec.h"

/**
 * struct scene - where requests end
 * @name: for descriptions
 * @dev: the device, which answers at once
 * @plug: they are submitted under a plug
 * @later: the device keeps them, and they are answered under rcu_read_lock()
 * @rcu: it is under rcu_read_lock()
 */
struct scene {
	const char			*name;
	const struct spec_device	*dev;
	bool				plug;
	bool				later;
	bool				rcu;
};

static const struct scene scenes[] = {
	{ "fake", &spec_fake },
	{ "fake, under RCU", &spec_fake, .later = true, .rcu = true },
	{ "disk", &spec_bdev },
	{ "disk, plug", &spec_bdev, .plug = true },
	{ "char device", &spec_file },
	{ "queue, at once", &spec_mq, .rcu = true },
	{ "queue, plug", &spec_mq, .plug = true, .rcu = true },
};

static void scene_desc(const struct scene *scene, char *desc)
{
	strscpy(desc, scene->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(scene, scenes, scene_desc);

#define CALLS	24

/**
 * struct hostile - what an end_io did
 * @p: the request, two that pend, one that is with nobody
 * @buf: memory of them all
 * @target: where
 * @task: that it ran in
 * @rcu: it ran under rcu_read_lock(), as far as that is known
 * @call: what it called, what that returned, and what it should have
 * @calls: how many
 * @freed: what the pool's request said when its end_io gave it back
 */
struct hostile {
	struct probe		*p;
	u8			*buf;
	struct io_target	*target;
	struct task_struct	*task;
	bool			rcu;
	struct {
		const char	*what;
		long		ret;
		long		expected;
	} call[CALLS];
	unsigned int		calls;
	int			freed;
};

static void note(struct hostile *h, const char *what, long ret, long expected)
{
	if (WARN_ON_ONCE(h->calls == CALLS))
		return;
	h->call[h->calls].what = what;
	h->call[h->calls].ret = ret;
	h->call[h->calls++].expected = expected;
}

/* Requests of the pool, from where nothing may sleep */
static void call_pool(struct hostile *h)
{
	struct io_target_request *req = io_target_request_alloc(h->target, GFP_NOWAIT);

	note(h, "alloc", !!req, true);
	if (!req)
		return;
	note(h, "free", io_target_request_free(req), 0);
	req = io_target_request_alloc(h->target, GFP_NOWAIT);
	if (!req)
		return;
	note(h, "prep of a pool's", io_target_prep_write_buf(req, h->buf, SPEC_LEN, 0, 0), 0);
	note(h, "set_timeout", io_target_request_set_timeout(req, HZ), 0);
	/* It pends, and the purge to come frees it. */
	note(h, "submit_atomic of a pool's", io_target_submit_atomic(req), 0);
}

/* The target is stopped. */
static void call_target(struct hostile *h)
{
	struct io_target_info info;

	note(h, "state", io_target_state(h->target), IO_TARGET_STOPPED);
	note(h, "get_info", io_target_get_info(h->target, &info), 0);
	note(h, "stop", io_target_stop(h->target, IO_TARGET_LEAVE_SENT, 0), 0);
	call_pool(h);
	note(h, "purge", io_target_purge(h->target, IO_TARGET_LEAVE_SENT, 0), 0);
	note(h, "ends of what pended", atomic_read(&h->p[2].ends), 1);
	note(h, "state", io_target_state(h->target), IO_TARGET_PURGED);
	io_target_put(io_target_get(h->target));
	io_target_put(h->target);	/* the case's second reference */
}

/* What would wait for itself; nobody else can know that it would. */
static void call_waiting(struct hostile *h)
{
	if (!IS_ENABLED(CONFIG_IO_TARGET_VERIFIER))
		return;
	note(h, "start", io_target_start(h->target), -EDEADLK);
	note(h, "stop WAIT", io_target_stop(h->target, IO_TARGET_WAIT_SENT, HZ), -EDEADLK);
	note(h, "purge CANCEL", io_target_purge(h->target, IO_TARGET_CANCEL_SENT, HZ), -EDEADLK);
	note(h, "close", io_target_close(h->target), -EDEADLK);
	note(h, "submit_wait", io_target_submit_wait(&h->p[3].req, HZ), -EDEADLK);
}

static void hostile_end_io(struct io_target_request *req)
{
	struct hostile *h = req->private;

	h->task = current;
	h->rcu = rcu_read_lock_held();
	note(h, "result", req->result, SPEC_LEN);
	call_waiting(h);
	note(h, "cancel of another", io_target_cancel(&h->p[1].req), 0);
	note(h, "ends of it", atomic_read(&h->p[1].ends), 1);
	note(h, "cancel of its own", io_target_cancel(req), -ENOENT);
	call_target(h);
	note(h, "reinit", io_target_request_reinit(req), 0);
	note(h, "prep", io_target_prep_write_buf(req, h->buf, SPEC_LEN, 0,
						 IO_TARGET_IGNORE_STATE), 0);
	req->end_io = probe_end_io;
	note(h, "submit_atomic", io_target_submit_atomic(req), 0);
}

static void freeing_end_io(struct io_target_request *req)
{
	struct hostile *h = req->private;

	h->freed = io_target_request_free(req);
}

/* Two that pend, and the one that will end beside them */
static struct hostile *hostile_alloc(struct kunit *test)
{
	struct hostile *h = kunit_kzalloc(test, sizeof(*h), GFP_KERNEL);
	struct fixture *fx = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, h);
	h->target = io_target_get(fx->target);
	h->buf = step_buf(test, SPEC_LEN);
	h->p = probes_alloc(test, 4);
	h->freed = 1;
	KUNIT_ASSERT_EQ(test, io_target_stop(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
	step_submit(test, &h->p[1], h->buf, SPEC_LEN, 0, 0);
	step_submit(test, &h->p[2], h->buf, SPEC_LEN, 0, IO_TARGET_BOUNCE);
	probe_prep(test, &h->p[3], IO_TARGET_OP_WRITE, h->buf, SPEC_LEN, 0, 0);
	probe_prep(test, &h->p[0], IO_TARGET_OP_WRITE, h->buf, SPEC_LEN, SZ_1M,
		   IO_TARGET_IGNORE_STATE);
	h->p[0].req.end_io = hostile_end_io;
	h->p[0].req.private = h;
	return h;
}

/* Both end before this returns. */
static void end_inline(struct kunit *test, const struct scene *scene,
		       struct io_target_request *one, struct io_target_request *other)
{
	struct spec *s = test->priv;
	struct blk_plug plug;

	if (scene->later)
		s->dev->park(s, true);
	if (scene->plug)
		blk_start_plug(&plug);
	KUNIT_EXPECT_EQ(test, io_target_submit(one), 0);
	KUNIT_EXPECT_EQ(test, io_target_submit(other), 0);
	if (scene->plug)
		blk_finish_plug(&plug);
	if (!scene->later)
		return;
	KUNIT_ASSERT_TRUE(test, s->dev->wait_held(s, 2));
	s->dev->park(s, false);
	rcu_read_lock();
	s->dev->release(s, 2);
	rcu_read_unlock();
}

/* Covers A2, A10. */
static void inline_calls(struct kunit *test)
{
	const struct scene *scene = test->param_value;
	struct hostile *h = hostile_alloc(test);
	struct fixture *fx = test->priv;
	struct io_target_request *pool;
	unsigned int i;

	pool = io_target_request_alloc(fx->target, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pool);
	KUNIT_ASSERT_EQ(test, io_target_prep_read_buf(pool, h->buf, SPEC_LEN, 0,
						      IO_TARGET_IGNORE_STATE), 0);
	pool->end_io = freeing_end_io;
	pool->private = h;
	end_inline(test, scene, &h->p[0].req, pool);
	KUNIT_EXPECT_PTR_EQ(test, h->task, current);
	KUNIT_EXPECT_TRUE(test, h->rcu || !scene->rcu);
	KUNIT_EXPECT_EQ(test, h->freed, 0);
	for (i = 0; i < h->calls; i++)
		KUNIT_EXPECT_EQ_MSG(test, h->call[i].ret, h->call[i].expected, "%s",
				    h->call[i].what);
	expect_end(test, &h->p[0], SPEC_LEN, false);
	expect_end(test, &h->p[1], -ECANCELED, true);
	expect_end(test, &h->p[2], -ECANCELED, true);
	KUNIT_EXPECT_EQ(test, fixture_submitted(fx), fixture_completed(fx));
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	KUNIT_EXPECT_EQ(test, io_target_request_free(&h->p[3].req), 0);
}

static int inline_suite_init(struct kunit_suite *suite)
{
	int err = fake_suite_init(suite);

	err = err ?: spec_bdev.suite_init(suite);
	err = err ?: spec_file.suite_init(suite);
	return err ?: spec_mq.suite_init(suite);
}

static void inline_suite_exit(struct kunit_suite *suite)
{
	spec_mq.suite_exit(suite);
	spec_file.suite_exit(suite);
	spec_bdev.suite_exit(suite);
	fake_suite_exit(suite);
}

static int inline_init(struct kunit *test)
{
	const struct scene *scene = test->param_value;

	return spec_init(test, scene->dev);
}

static struct kunit_case inline_cases[] = {
	KUNIT_CASE_PARAM(inline_calls, scene_gen_params),
	{}
};

static struct kunit_suite inline_suite = {
	.name		= "io_target_inline",
	.suite_init	= inline_suite_init,
	.suite_exit	= inline_suite_exit,
	.init		= inline_init,
	.exit		= spec_exit,
	.test_cases	= inline_cases,
};

kunit_test_suite(inline_suite);
