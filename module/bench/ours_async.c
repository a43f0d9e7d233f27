// SPDX-License-Identifier: GPL-2.0
/* With the library, without waiting: formatted for each I/O. */
#include "ours.h"

#include <linux/slab.h>

int bench_slots_setup(struct bench *b)
{
	struct bench_slots *s = kvzalloc(struct_size(s, reqs, b->depth), GFP_KERNEL);
	unsigned int i;

	if (!s)
		return -ENOMEM;
	s->list = kvmalloc_array(b->depth, sizeof(*s->list), GFP_KERNEL);
	if (!s->list) {
		kvfree(s);
		return -ENOMEM;
	}
	for (i = 0; i < b->depth; i++) {
		io_target_request_init(&s->reqs[i], b->target);
		s->list[i] = &s->reqs[i];
	}
	b->slots = s;
	return 0;
}

void bench_slots_cleanup(struct bench *b)
{
	struct bench_slots *s = b->slots;
	unsigned int i;

	for (i = 0; i < b->depth; i++)
		io_target_request_free(&s->reqs[i]);
	kvfree(s->list);
	kvfree(s);
}

static __always_inline int each_round(struct bench *b, struct bench_slots *s,
				      unsigned int flags)
{
	unsigned int i;
	int err = 0;

	bench_round(b);
	for (i = 0; i < b->depth; i++) {
		err = bench_format(b, &s->reqs[i], i, 0);
		if (likely(!err))
			err = io_target_submit(&s->reqs[i]);
		if (unlikely(err)) {
			bench_not_sent(b, b->depth - i);
			break;
		}
	}
	bench_wait(b);
	return err;
}

static int each_run(struct bench *b, unsigned int rounds)
{
	return bench_rounds(b, rounds, each_round, 0);
}

static __always_inline int batch_round(struct bench *b, struct bench_slots *s,
				       unsigned int flags)
{
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < b->depth; i++)
		err = bench_format(b, &s->reqs[i], i, flags);
	if (unlikely(err))
		return err;
	err = bench_send_batch(b, s);
	bench_wait(b);
	return err;
}

static int batch_run(struct bench *b, unsigned int rounds)
{
	return bench_rounds(b, rounds, batch_round, 0);
}

static int merge_run(struct bench *b, unsigned int rounds)
{
	return bench_rounds(b, rounds, batch_round, IO_TARGET_MERGE_OK);
}

static int bounce_run(struct bench *b, unsigned int rounds)
{
	return bench_rounds(b, rounds, batch_round, IO_TARGET_BOUNCE);
}

static int task_run(struct bench *b, unsigned int rounds)
{
	return bench_rounds(b, rounds, batch_round, IO_TARGET_TASK);
}

/* ---- with a deadline, and with an id ---- */

static __always_inline int deadline_round(struct bench *b, struct bench_slots *s,
					  unsigned int flags)
{
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < b->depth; i++) {
		err = bench_format(b, &s->reqs[i], i, flags);
		if (likely(!err))
			err = io_target_request_set_timeout(&s->reqs[i], 30 * HZ);
	}
	if (unlikely(err))
		return err;
	err = bench_send_batch(b, s);
	bench_wait(b);
	return err;
}

static int deadline_run(struct bench *b, unsigned int rounds)
{
	return bench_rounds(b, rounds, deadline_round, 0);
}

static int deadline_bounce_run(struct bench *b, unsigned int rounds)
{
	return bench_rounds(b, rounds, deadline_round, IO_TARGET_BOUNCE);
}

static __always_inline int id_round(struct bench *b, struct bench_slots *s,
				    unsigned int flags)
{
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < b->depth; i++) {
		err = bench_format(b, &s->reqs[i], i, 0);
		io_target_request_id(&s->reqs[i]);
	}
	if (unlikely(err))
		return err;
	err = bench_send_batch(b, s);
	bench_wait(b);
	return err;
}

static int id_run(struct bench *b, unsigned int rounds)
{
	return bench_rounds(b, rounds, id_round, 0);
}

/* ---- requests of the target's pool, a new one for each I/O ---- */

static void pool_end_io(struct io_target_request *req)
{
	struct bench *b = req->private;
	bool failed = req->result < 0;

	io_target_request_free(req);
	bench_ended(b, failed);
}

static __always_inline int pool_round(struct bench *b, struct bench_slots *s,
				      unsigned int flags)
{
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < b->depth; i++) {
		s->list[i] = io_target_request_alloc(b->target, GFP_NOIO);
		err = bench_format(b, s->list[i], i, 0);
		s->list[i]->end_io = pool_end_io;
	}
	if (unlikely(err))
		return err;
	err = bench_send_batch(b, s);
	bench_wait(b);
	return err;
}

static int pool_run(struct bench *b, unsigned int rounds)
{
	return bench_rounds(b, rounds, pool_round, 0);
}

#define OURS(_name, _group, _run)					\
	{ .name = _name, .group = _group, .setup = bench_slots_setup,	\
	  .cleanup = bench_slots_cleanup, .run = _run }

const struct bench_case bench_ours_async[] = {
	OURS("async", "ours", each_run),
	OURS("async_batch", "ours", batch_run),
	OURS("async_batch_merge", "ours", merge_run),
	OURS("async_batch_pool", "features", pool_run),
	OURS("async_batch_deadline", "features", deadline_run),
	OURS("async_batch_id", "features", id_run),
	OURS("async_batch_bounce", "features", bounce_run),
	OURS("async_batch_deadline_bounce", "features", deadline_bounce_run),
	OURS("async_batch_task", "features", task_run),
	{}
};
