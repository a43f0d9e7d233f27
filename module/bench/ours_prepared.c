// SPDX-License-Identifier: GPL-2.0
/* With the library, prepared once: only the position is new each time. */
#include "ours.h"

static int prepare(struct bench *b, unsigned int flags)
{
	struct bench_slots *s;
	unsigned int i;
	int err;

	err = bench_slots_setup(b);
	if (err)
		return err;
	s = b->slots;
	for (i = 0; !err && i < b->depth; i++)
		err = bench_format(b, &s->reqs[i], i, IO_TARGET_PREPARED | flags);
	if (err)
		bench_slots_cleanup(b);
	return err;
}

static int prepared_setup(struct bench *b)
{
	return prepare(b, 0);
}

static int merge_setup(struct bench *b)
{
	return prepare(b, IO_TARGET_MERGE_OK);
}

static __always_inline int each_round(struct bench *b, struct bench_slots *s,
				      unsigned int flags)
{
	unsigned int i;
	int err = 0;

	bench_round(b);
	for (i = 0; i < b->depth; i++) {
		io_target_request_set_pos(&s->reqs[i], bench_pos(b));
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
	int err;

	for (i = 0; i < b->depth; i++)
		io_target_request_set_pos(&s->reqs[i], bench_pos(b));
	err = bench_send_batch(b, s);
	bench_wait(b);
	return err;
}

static int batch_run(struct bench *b, unsigned int rounds)
{
	return bench_rounds(b, rounds, batch_round, 0);
}

static __always_inline int wait_round(struct bench *b, struct bench_slots *s,
				      unsigned int flags)
{
	ssize_t n;

	io_target_request_set_pos(&s->reqs[0], bench_pos(b));
	n = io_target_submit_wait(&s->reqs[0], IO_TARGET_NO_TIMEOUT);
	return n == b->size ? 0 : n < 0 ? n : -EIO;
}

static int wait_run(struct bench *b, unsigned int rounds)
{
	return bench_rounds(b, rounds, wait_round, 0);
}

#define PREPARED(_name, _flags, _setup, _run)				\
	{ .name = _name, .group = "ours", .flags = _flags, .setup = _setup,	\
	  .cleanup = bench_slots_cleanup, .run = _run }

const struct bench_case bench_ours_prepared[] = {
	PREPARED("prepared_wait", BENCH_BLOCKING, prepared_setup, wait_run),
	PREPARED("prepared", 0, prepared_setup, each_run),
	PREPARED("prepared_batch", 0, prepared_setup, batch_run),
	PREPARED("prepared_batch_merge", 0, merge_setup, batch_run),
	{}
};
