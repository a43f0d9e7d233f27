// SPDX-License-Identifier: GPL-2.0
/* Char devices: the calls of the VFS by hand, and the library. */
#include "ours.h"

#include <linux/fs.h>
#include <linux/uio.h>

static int vfs_read_run(struct bench *b, unsigned int rounds)
{
	ssize_t n = b->size;

	while (n == b->size && rounds--) {
		struct kvec vec = { .iov_base = b->bufs[0], .iov_len = b->size };
		loff_t pos = 0;
		struct iov_iter iter;

		iov_iter_kvec(&iter, ITER_DEST, &vec, 1, b->size);
		n = vfs_iter_read(b->file, &iter, &pos, 0);
	}
	return n == b->size ? 0 : n < 0 ? n : -EIO;
}

static int vfs_write_run(struct bench *b, unsigned int rounds)
{
	ssize_t n = b->size;

	while (n == b->size && rounds--) {
		struct kvec vec = { .iov_base = b->bufs[0], .iov_len = b->size };
		loff_t pos = 0;
		struct iov_iter iter;

		iov_iter_kvec(&iter, ITER_SOURCE, &vec, 1, b->size);
		n = vfs_iter_write(b->file, &iter, &pos, 0);
	}
	return n == b->size ? 0 : n < 0 ? n : -EIO;
}

static int read_run(struct bench *b, unsigned int rounds)
{
	ssize_t n = b->size;

	while (n == b->size && rounds--)
		n = io_target_read(b->target, b->bufs[0], b->size, 0, IO_TARGET_NO_TIMEOUT);
	return n == b->size ? 0 : n < 0 ? n : -EIO;
}

static int write_run(struct bench *b, unsigned int rounds)
{
	ssize_t n = b->size;

	while (n == b->size && rounds--)
		n = io_target_write(b->target, b->bufs[0], b->size, 0, IO_TARGET_NO_TIMEOUT);
	return n == b->size ? 0 : n < 0 ? n : -EIO;
}

static __always_inline int async_round(struct bench *b, struct bench_slots *s,
				       unsigned int flags)
{
	unsigned int i;
	int err = 0;

	bench_round(b);
	for (i = 0; i < b->depth; i++) {
		err = io_target_prep_read_buf(&s->reqs[i], b->bufs[i], b->size, 0, 0);
		s->reqs[i].end_io = bench_end_io;
		s->reqs[i].private = b;
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

static int async_run(struct bench *b, unsigned int rounds)
{
	return bench_rounds(b, rounds, async_round, 0);
}

#define READS	(BENCH_CHAR | BENCH_BLOCKING)
#define WRITES	(BENCH_CHAR | BENCH_BLOCKING | BENCH_WRITE)

const struct bench_case bench_chardev[] = {
	{ .name = "vfs_iter_read", .group = "char", .flags = READS, .run = vfs_read_run },
	{ .name = "char_read", .group = "char", .flags = READS, .run = read_run },
	{ .name = "vfs_iter_write", .group = "char", .flags = WRITES, .run = vfs_write_run },
	{ .name = "char_write", .group = "char", .flags = WRITES, .run = write_run },
	{ .name = "char_async", .group = "char", .flags = BENCH_CHAR,
	  .setup = bench_slots_setup, .cleanup = bench_slots_cleanup, .run = async_run },
	{}
};
