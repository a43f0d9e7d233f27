// SPDX-License-Identifier: GPL-2.0
/* By hand and with the library: the sender looks for what has ended himself. */
#include "ours.h"

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/slab.h>

static bool all_ended(struct bench *b)
{
	return atomic_read(&b->left) == 1;
}

/* ---- bios ---- */

static void bio_end_io(struct bio *bio)
{
	bench_ended(bio->bi_private, bio->bi_status);
}

struct polled {
	struct bio	bio;
	struct bio_vec	vec;
};

static int bio_setup(struct bench *b)
{
	b->slots = kvcalloc(b->depth, sizeof(struct polled), GFP_KERNEL);
	return b->slots ? 0 : -ENOMEM;
}

static void bio_cleanup(struct bench *b)
{
	kvfree(b->slots);
}

static __always_inline void bio_send(struct bench *b, struct polled *p, void *buf)
{
	bio_init(&p->bio, b->bdev, &p->vec, 1, REQ_OP_READ | REQ_NOMERGE | REQ_POLLED);
	p->bio.bi_iter.bi_sector = bench_sector(b);
	p->bio.bi_end_io = bio_end_io;
	p->bio.bi_private = b;
	__bio_add_page(&p->bio, virt_to_page(buf), b->size, offset_in_page(buf));
	submit_bio(&p->bio);
}

static int bio_run(struct bench *b, unsigned int rounds)
{
	struct polled *p = b->slots;
	struct blk_plug plug;
	unsigned int i;

	while (rounds--) {
		bench_round(b);
		blk_start_plug(&plug);
		for (i = 0; i < b->depth; i++)
			bio_send(b, &p[i], b->bufs[i]);
		blk_finish_plug(&plug);
		for (i = 0; !all_ended(b); i = (i + 1) % b->depth)
			while (bio_poll(&p[i].bio, NULL, 0) > 0 && !all_ended(b))
				;
		bench_wait(b);
	}
	return 0;
}

/* ---- requests ---- */

static void poll_all(struct bench *b, struct bench_slots *s)
{
	unsigned int i;

	for (i = 0; !all_ended(b); i = (i + 1) % b->depth)
		while (io_target_poll(&s->reqs[i]) > 0 && !all_ended(b))
			;
}

static __always_inline int polled_round(struct bench *b, struct bench_slots *s,
					unsigned int flags)
{
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < b->depth; i++)
		err = bench_format(b, &s->reqs[i], i, IO_TARGET_POLLED);
	if (unlikely(err))
		return err;
	err = bench_send_batch(b, s);
	if (likely(!err))
		poll_all(b, s);
	bench_wait(b);
	return err;
}

static int polled_run(struct bench *b, unsigned int rounds)
{
	return bench_rounds(b, rounds, polled_round, 0);
}

static int prepared_setup(struct bench *b)
{
	struct bench_slots *s;
	unsigned int i;
	int err;

	err = bench_slots_setup(b);
	if (err)
		return err;
	s = b->slots;
	for (i = 0; !err && i < b->depth; i++)
		err = bench_format(b, &s->reqs[i], i, IO_TARGET_PREPARED | IO_TARGET_POLLED);
	if (err)
		bench_slots_cleanup(b);
	return err;
}

static __always_inline int prepared_round(struct bench *b, struct bench_slots *s,
					  unsigned int flags)
{
	unsigned int i;
	int err;

	for (i = 0; i < b->depth; i++)
		io_target_request_set_pos(&s->reqs[i], bench_pos(b));
	err = bench_send_batch(b, s);
	if (likely(!err))
		poll_all(b, s);
	bench_wait(b);
	return err;
}

static int prepared_run(struct bench *b, unsigned int rounds)
{
	return bench_rounds(b, rounds, prepared_round, 0);
}

const struct bench_case bench_polled[] = {
	{ .name = "bio_polled", .group = "polled", .flags = BENCH_POLL,
	  .setup = bio_setup, .cleanup = bio_cleanup, .run = bio_run },
	{ .name = "async_batch_polled", .group = "polled", .flags = BENCH_POLL,
	  .setup = bench_slots_setup, .cleanup = bench_slots_cleanup, .run = polled_run },
	{ .name = "prepared_batch_polled", .group = "polled", .flags = BENCH_POLL,
	  .setup = prepared_setup, .cleanup = bench_slots_cleanup, .run = prepared_run },
	{}
};
