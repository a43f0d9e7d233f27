// SPDX-License-Identifier: GPL-2.0
/*
 * By hand, the best that can be done: the bio lies in memory of the caller's, is built
 * for each I/O or only armed again, and a plug gives the device many at a time.
 */
#include "bench.h"

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/slab.h>

/* As many as the library takes at once */
#define TAGS	8U

struct embedded {
	struct bio	bio;
	struct bio_vec	vec;
};

/* The block layer has let go of the bio's control group; there is nothing to undo. */
static void embedded_end_io(struct bio *bio)
{
	bench_ended(bio->bi_private, bio->bi_status);
}

static __always_inline void embedded_build(struct bench *b, struct embedded *e, void *buf,
					   blk_opf_t opf)
{
	struct bio *bio = &e->bio;

	bio_init(bio, b->bdev, &e->vec, 1, opf);
	bio->bi_iter.bi_sector = bench_sector(b);
	bio->bi_end_io = embedded_end_io;
	bio->bi_private = b;
	__bio_add_page(bio, virt_to_page(buf), b->size, offset_in_page(buf));
}

/*
 * What the block layer changes in a bio on its way, put back, and no more: the same
 * memory, another place. Without the control group's part the bio would oops.
 */
static __always_inline void embedded_rearm(struct bench *b, struct embedded *e, blk_opf_t opf)
{
	struct bio *bio = &e->bio;

	bio->bi_next = NULL;
	bio->bi_bdev = b->bdev;
	bio->bi_opf = opf;
	bio->bi_flags = 0;
	bio->bi_ioprio = 0;
	bio->bi_status = BLK_STS_OK;
	bio->bi_iter = (struct bvec_iter){ bench_sector(b), b->size };
	bio_associate_blkg(bio);
}

static int embedded_setup(struct bench *b)
{
	struct embedded *e = kvcalloc(b->depth, sizeof(*e), GFP_KERNEL);
	unsigned int i;

	if (!e)
		return -ENOMEM;
	b->slots = e;
	for (i = 0; i < b->depth; i++) {
		embedded_build(b, &e[i], b->bufs[i], REQ_OP_READ);
		bio_uninit(&e[i].bio);
	}
	return 0;
}

static void embedded_cleanup(struct bench *b)
{
	kvfree(b->slots);
}

static __always_inline int build_run(struct bench *b, unsigned int rounds, blk_opf_t opf)
{
	struct embedded *e = b->slots;
	struct blk_plug plug;
	unsigned int i;

	while (rounds--) {
		bench_round(b);
		blk_start_plug(&plug);
		for (i = 0; i < b->depth; i++) {
			embedded_build(b, &e[i], b->bufs[i], opf);
			submit_bio(&e[i].bio);
		}
		blk_finish_plug(&plug);
		bench_wait(b);
	}
	return 0;
}

static int built_run(struct bench *b, unsigned int rounds)
{
	return build_run(b, rounds, REQ_OP_READ | REQ_NOMERGE);
}

static int built_mergeable_run(struct bench *b, unsigned int rounds)
{
	return build_run(b, rounds, REQ_OP_READ);
}

static __always_inline int rearmed_run(struct bench *b, unsigned int rounds, blk_opf_t opf)
{
	struct embedded *e = b->slots;
	struct blk_plug plug;
	unsigned int i;

	while (rounds--) {
		bench_round(b);
		blk_start_plug(&plug);
		for (i = 0; i < b->depth; i++) {
			embedded_rearm(b, &e[i], opf);
			submit_bio(&e[i].bio);
		}
		blk_finish_plug(&plug);
		bench_wait(b);
	}
	return 0;
}

/*
 * What hardly anybody knows: the block layer takes tags for as many bios at once as it
 * has been told to expect. One step below the floor, and what a batch is measured by.
 */
static int floor_tags_run(struct bench *b, unsigned int rounds)
{
	struct embedded *e = b->slots;
	struct blk_plug plug;
	unsigned int i;

	while (rounds--) {
		bench_round(b);
		blk_start_plug(&plug);
		for (i = 0; i < b->depth; i++) {
			if (i % TAGS == 0)
				iot_plug_expect(min(b->depth - i, TAGS));
			embedded_rearm(b, &e[i], REQ_OP_READ | REQ_NOMERGE);
			submit_bio(&e[i].bio);
		}
		blk_finish_plug(&plug);
		bench_wait(b);
	}
	return 0;
}

static int floor_run(struct bench *b, unsigned int rounds)
{
	return rearmed_run(b, rounds, REQ_OP_READ | REQ_NOMERGE);
}

static int rearmed_mergeable_run(struct bench *b, unsigned int rounds)
{
	return rearmed_run(b, rounds, REQ_OP_READ);
}

static int floor_write_run(struct bench *b, unsigned int rounds)
{
	return rearmed_run(b, rounds, REQ_OP_WRITE | REQ_NOMERGE);
}

static int rearmed_mergeable_write_run(struct bench *b, unsigned int rounds)
{
	return rearmed_run(b, rounds, REQ_OP_WRITE);
}

const struct bench_case bench_peers_embedded[] = {
	{ .name = "embedded_built", .group = "raw",
	  .setup = embedded_setup, .cleanup = embedded_cleanup, .run = built_run },
	{ .name = "floor", .group = "raw",
	  .setup = embedded_setup, .cleanup = embedded_cleanup, .run = floor_run },
	{ .name = "floor_tags", .group = "raw",
	  .setup = embedded_setup, .cleanup = embedded_cleanup, .run = floor_tags_run },
	{ .name = "embedded_mergeable", .group = "raw",
	  .setup = embedded_setup, .cleanup = embedded_cleanup, .run = built_mergeable_run },
	{ .name = "floor_mergeable", .group = "raw",
	  .setup = embedded_setup, .cleanup = embedded_cleanup, .run = rearmed_mergeable_run },
	{ .name = "floor_write", .group = "raw", .flags = BENCH_WRITE,
	  .setup = embedded_setup, .cleanup = embedded_cleanup, .run = floor_write_run },
	{ .name = "floor_mergeable_write", .group = "raw", .flags = BENCH_WRITE,
	  .setup = embedded_setup, .cleanup = embedded_cleanup,
	  .run = rearmed_mergeable_write_run },
	{}
};
