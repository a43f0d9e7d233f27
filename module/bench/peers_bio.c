// SPDX-License-Identifier: GPL-2.0
/* By hand, the way most code does it: wait for a bio, or allocate one for each I/O. */
#include "bench.h"

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/slab.h>

/* ---- blocking: one bio on the stack ---- */

static int wait_run(struct bench *b, unsigned int rounds)
{
	void *buf = b->bufs[0];
	int err = 0;

	while (!err && rounds--) {
		struct bio_vec vec;
		struct bio bio;

		bio_init(&bio, b->bdev, &vec, 1, REQ_OP_READ);
		bio.bi_iter.bi_sector = bench_sector(b);
		__bio_add_page(&bio, virt_to_page(buf), b->size, offset_in_page(buf));
		err = submit_bio_wait(&bio);
		bio_uninit(&bio);
	}
	return err;
}

/* ---- a bio from a pool for each ---- */

static int pool_setup_flags(struct bench *b, int flags)
{
	struct bio_set *bios = kzalloc_obj(*bios, GFP_KERNEL);
	int err;

	if (!bios)
		return -ENOMEM;
	err = bioset_init(bios, BIO_POOL_SIZE, 0, BIOSET_NEED_BVECS | flags);
	if (err)
		kfree(bios);
	b->own = bios;
	return err;
}

static int pool_setup(struct bench *b)
{
	return pool_setup_flags(b, 0);
}

static int cache_setup(struct bench *b)
{
	return pool_setup_flags(b, BIOSET_PERCPU_CACHE);
}

static void pool_cleanup(struct bench *b)
{
	bioset_exit(b->own);
	kfree(b->own);
}

static void pool_end_io(struct bio *bio)
{
	struct bench *b = bio->bi_private;
	bool failed = bio->bi_status;

	bio_put(bio);
	bench_ended(b, failed);
}

static __always_inline void pool_send(struct bench *b, unsigned int i, blk_opf_t opf)
{
	void *buf = b->bufs[i];
	struct bio *bio;

	bio = bio_alloc_bioset(b->bdev, 1, opf, GFP_NOIO, b->own);
	bio->bi_iter.bi_sector = bench_sector(b);
	bio->bi_end_io = pool_end_io;
	bio->bi_private = b;
	__bio_add_page(bio, virt_to_page(buf), b->size, offset_in_page(buf));
	submit_bio(bio);
}

static __always_inline int one_by_one_run(struct bench *b, unsigned int rounds, blk_opf_t opf)
{
	unsigned int i;

	while (rounds--) {
		bench_round(b);
		for (i = 0; i < b->depth; i++)
			pool_send(b, i, opf);
		bench_wait(b);
	}
	return 0;
}

static int naive_run(struct bench *b, unsigned int rounds)
{
	return one_by_one_run(b, rounds, REQ_OP_READ);
}

static int naive_write_run(struct bench *b, unsigned int rounds)
{
	return one_by_one_run(b, rounds, REQ_OP_WRITE);
}

static __always_inline int plugged_run(struct bench *b, unsigned int rounds, blk_opf_t opf)
{
	struct blk_plug plug;
	unsigned int i;

	while (rounds--) {
		bench_round(b);
		blk_start_plug(&plug);
		for (i = 0; i < b->depth; i++)
			pool_send(b, i, opf);
		blk_finish_plug(&plug);
		bench_wait(b);
	}
	return 0;
}

static int naive_plug_run(struct bench *b, unsigned int rounds)
{
	return plugged_run(b, rounds, REQ_OP_READ);
}

static int cache_run(struct bench *b, unsigned int rounds)
{
	return plugged_run(b, rounds, REQ_OP_READ | REQ_ALLOC_CACHE);
}

const struct bench_case bench_peers_bio[] = {
	{ .name = "submit_bio_wait", .group = "raw", .flags = BENCH_BLOCKING,
	  .run = wait_run },
	{ .name = "naive", .group = "raw",
	  .setup = pool_setup, .cleanup = pool_cleanup, .run = naive_run },
	{ .name = "naive_write", .group = "raw", .flags = BENCH_WRITE,
	  .setup = pool_setup, .cleanup = pool_cleanup, .run = naive_write_run },
	{ .name = "naive_plug", .group = "raw",
	  .setup = pool_setup, .cleanup = pool_cleanup, .run = naive_plug_run },
	{ .name = "bio_cache", .group = "raw",
	  .setup = cache_setup, .cleanup = pool_cleanup, .run = cache_run },
	{}
};
