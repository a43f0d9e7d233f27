// SPDX-License-Identifier: GPL-2.0
/* With the library, waiting for each I/O. */
#include "bench.h"

#include <linux/slab.h>

static __always_inline int call_run(struct bench *b, unsigned int rounds, long timeout)
{
	ssize_t n = b->size;

	while (n == b->size && rounds--)
		n = io_target_read(b->target, b->bufs[0], b->size, bench_pos(b), timeout);
	return n == b->size ? 0 : n < 0 ? n : -EIO;
}

static int read_run(struct bench *b, unsigned int rounds)
{
	return call_run(b, rounds, IO_TARGET_NO_TIMEOUT);
}

static int read_timeout_run(struct bench *b, unsigned int rounds)
{
	return call_run(b, rounds, 5 * HZ);
}

const struct bench_case bench_ours_sync[] = {
	{ .name = "io_target_read", .group = "ours", .flags = BENCH_BLOCKING,
	  .run = read_run },
	{ .name = "io_target_read_timeout", .group = "ours", .flags = BENCH_BLOCKING,
	  .run = read_timeout_run },
	{}
};
