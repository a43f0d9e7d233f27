/* SPDX-License-Identifier: GPL-2.0 */
/* What the cases that use the library asynchronously have in common. */
#ifndef IO_TARGET_BENCH_OURS_H
#define IO_TARGET_BENCH_OURS_H

#include "bench.h"

/* The requests of a round, and the same as a list for io_target_submit_batch(). */
struct bench_slots {
	struct io_target_request	**list;
	struct io_target_request	reqs[];
};

int bench_slots_setup(struct bench *b);
void bench_slots_cleanup(struct bench *b);

static inline void bench_end_io(struct io_target_request *req)
{
	bench_ended(req->private, req->result < 0);
}

static __always_inline int bench_format(struct bench *b, struct io_target_request *req,
					unsigned int i, unsigned int flags)
{
	int err = io_target_prep_read_buf(req, b->bufs[i], b->size, bench_pos(b), flags);

	req->end_io = bench_end_io;
	req->private = b;
	return err;
}

/* All of the round in one call; they are formatted. */
static __always_inline int bench_send_batch(struct bench *b, struct bench_slots *s)
{
	int n;

	bench_round(b);
	n = io_target_submit_batch(b->target, s->list, b->depth);
	if (likely(n == b->depth))
		return 0;
	bench_not_sent(b, b->depth - max(n, 0));
	return n < 0 ? n : -EIO;
}

typedef int bench_round_fn(struct bench *b, struct bench_slots *s, unsigned int flags);

/* Both arguments are constants, and there is no call left of @round. */
static __always_inline int bench_rounds(struct bench *b, unsigned int rounds,
					bench_round_fn *round, unsigned int flags)
{
	int err = 0;

	while (!err && rounds--)
		err = round(b, b->slots, flags);
	return err;
}

#endif /* IO_TARGET_BENCH_OURS_H */
