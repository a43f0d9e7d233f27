// SPDX-License-Identifier: GPL-2.0
/*
 * Prepared requests over devices: formatted once, used again and again, each time as
 * if they had just been formatted.
 */
#include <linux/ioprio.h>
#include <linux/sizes.h>

#include "lot.h"
#include "pattern.h"

#define LEN	SZ_8K
#define MANY	32
#define USES	1000
#define SEED	0x70726570ULL

static const struct kind_case {
	const char		*name;
	bool			queue;
	enum buffer_kind	kind;
} kinds[] = {
	{ "kmalloc", false, BUFFER_KMALLOC },
	{ "vmalloc", false, BUFFER_VMALLOC },
	{ "kvec", false, BUFFER_KVEC },
	{ "bvec", false, BUFFER_BVEC },
	{ "page", false, BUFFER_PAGE },
	{ "folio", false, BUFFER_FOLIO },
	{ "queue, kmalloc", true, BUFFER_KMALLOC },
	{ "queue, vmalloc", true, BUFFER_VMALLOC },
	{ "queue, kvec", true, BUFFER_KVEC },
	{ "queue, bvec", true, BUFFER_BVEC },
};

static void kind_desc(const struct kind_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(kind, kinds, kind_desc);

/* Some end before submit has returned, some after. */
static void set_mode(unsigned int i)
{
	enum testdev_mode mode = i & 4 ? TESTDEV_LATE : TESTDEV_NOW;

	testdev_disk_mode(device_disk[FINE], mode, i % 3);
	testdev_mq_mode(queue_disk, mode, i % 3);
}

/* A write and a read of it, formatted once, at a thousand places. */
static void prepared_many(struct kunit *test)
{
	const struct kind_case *c = test->param_value;
	struct io_target *t = c->queue ? open_queue(test) : open_fine(test);
	struct lot *lot = lot_alloc(test, t, 2, LEN, c->kind);
	struct member *w = &lot->member[0], *r = &lot->member[1];
	unsigned int i, wrong = 0;

	member_prep(test, w, IO_TARGET_OP_WRITE, 0, IO_TARGET_PREPARED, SEED);
	member_prep(test, r, IO_TARGET_OP_READ, 0, IO_TARGET_PREPARED, 0);
	for (i = 0; i < USES; i++) {
		loff_t pos = i * 7919ull % 1024 * LEN;

		set_mode(i);
		buffer_fill(w->buf, pos, SEED + i);
		wrong += io_target_request_set_pos(&w->req, pos) != 0;
		wrong += member_send(test, w) != LEN;
		buffer_clear(r->buf);
		wrong += io_target_request_set_pos(&r->req, pos) != 0;
		wrong += member_send(test, r) != LEN;
		wrong += !buffer_match(r->buf, pos, SEED + i);
		if (!(i & 15))
			wrong += !lot_on_disk(test, lot, pos, LEN, SEED + i);
	}
	KUNIT_EXPECT_EQ(test, wrong, 0u);
	KUNIT_EXPECT_EQ(test, lot_bytes(lot), 2ull * USES * LEN);
	expect_conserved(test, t, c->name);
}

/* Wrong positions are found before anything is sent, and spoil nothing. */
static void prepared_bad_pos(struct kunit *test)
{
	static const struct {
		loff_t	pos;
		int	err;
	} bad[] = {
		{ 256, -EINVAL }, { FINE_SIZE, -ENXIO }, { FINE_SIZE - LEN + 512, -ENXIO },
		{ -512, -EOVERFLOW }, { S64_MAX - LEN / 2 + 1, -EOVERFLOW },
	};
	struct lot *lot = lot_alloc(test, open_fine(test), 1, LEN, BUFFER_KMALLOC);
	struct member *m = &lot->member[0];
	unsigned int i;

	member_prep(test, m, IO_TARGET_OP_WRITE, 0, IO_TARGET_PREPARED, SEED);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		KUNIT_EXPECT_EQ(test, io_target_request_set_pos(&m->req, bad[i].pos), 0);
		KUNIT_EXPECT_EQ(test, io_target_submit(&m->req), bad[i].err);
		KUNIT_EXPECT_EQ(test, io_target_submit_atomic(&m->req), bad[i].err);
		KUNIT_EXPECT_EQ(test, io_target_submit_batch(lot->target, lot->reqs, 1),
				bad[i].err);
		KUNIT_EXPECT_EQ(test, lot_bios(lot), i);
		buffer_fill(m->buf, i * LEN, SEED);
		KUNIT_EXPECT_EQ(test, io_target_request_set_pos(&m->req, i * LEN), 0);
		KUNIT_EXPECT_EQ(test, member_send(test, m), LEN);
	}
	KUNIT_EXPECT_TRUE(test, lot_on_disk(test, lot, 0, ARRAY_SIZE(bad) * LEN, SEED));
	/* The last that fits */
	KUNIT_EXPECT_EQ(test, io_target_request_set_pos(&m->req, FINE_SIZE - LEN), 0);
	KUNIT_EXPECT_EQ(test, member_send(test, m), LEN);
	KUNIT_EXPECT_EQ(test, io_target_stop(lot->target, IO_TARGET_WAIT_SENT, 60 * HZ), 0);
	expect_conserved(test, lot->target, "positions");
}

/* The next block, from the end_io of the last one. */
static void next_block(struct member *m)
{
	if (!buffer_match(m->buf, m->req.pos, SEED) || m->req.result != LEN)
		m->err = -EILSEQ;
	buffer_clear(m->buf);
	if (m->err || !m->rounds--)
		goto done;
	m->err = io_target_request_set_pos(&m->req, m->req.pos + LEN);
	m->err = m->err ?: io_target_submit_atomic(&m->req);
	if (!m->err)
		return;
done:
	complete(&m->done);
}

static void prepared_chain(struct kunit *test)
{
	struct lot *lot = lot_alloc(test, open_queue(test), 3, LEN, BUFFER_VMALLOC);
	unsigned int i;

	lot_fill(test, lot, 0, 512 * LEN, SEED);
	for (i = 0; i < 3; i++) {
		struct member *m = &lot->member[i];

		member_prep(test, m, IO_TARGET_OP_READ, 0, IO_TARGET_PREPARED, 0);
		m->then = next_block;
		m->rounds = 500;
		testdev_mq_mode(queue_disk, TESTDEV_LATE, i);
		KUNIT_EXPECT_EQ(test, io_target_submit(&m->req), 0);
		KUNIT_EXPECT_TRUE(test, member_wait(m));
		KUNIT_EXPECT_EQ(test, m->err, 0);
		KUNIT_EXPECT_EQ(test, atomic_read(&m->ends), 501);
	}
	expect_conserved(test, lot->target, "chain");
}

static const struct flag_case {
	const char	*name;
	unsigned int	flags;
	blk_opf_t	set;
} flags[] = {
	{ "FUA", IO_TARGET_FUA, REQ_FUA },
	{ "PREFLUSH", IO_TARGET_PREFLUSH, REQ_PREFLUSH },
	{ "both", IO_TARGET_FUA | IO_TARGET_PREFLUSH, REQ_FUA | REQ_PREFLUSH },
	{ "NOWAIT", IO_TARGET_NOWAIT, REQ_NOWAIT },
	{ "TASK", IO_TARGET_TASK, REQ_SYNC },
	{ "IGNORE_STATE", IO_TARGET_IGNORE_STATE, REQ_SYNC },
	{ "MERGE_OK", IO_TARGET_MERGE_OK, REQ_SYNC },
	{ "TRY_POLLED", IO_TARGET_TRY_POLLED, REQ_SYNC },
};

static void flag_desc(const struct flag_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(flag, flags, flag_desc);

/* What it was formatted with counts each time, for its bio, too. */
static void prepared_flags(struct kunit *test)
{
	const struct flag_case *c = test->param_value;
	struct lot *lot = lot_alloc(test, open_fine(test), 1, LEN, BUFFER_KMALLOC);
	struct member *m = &lot->member[0];
	unsigned int i;

	member_prep(test, m, IO_TARGET_OP_WRITE, 0, c->flags | IO_TARGET_PREPARED, SEED);
	for (i = 0; i < 4; i++) {
		struct testdev_disk_seen seen;

		if (c->flags & IO_TARGET_IGNORE_STATE && i == 2)
			KUNIT_EXPECT_EQ(test, io_target_stop(lot->target, IO_TARGET_LEAVE_SENT, 0),
					0);
		testdev_disk_mode(device_disk[FINE], TESTDEV_LATE, i % 3);
		KUNIT_EXPECT_EQ(test, member_send(test, m), LEN);
		seen = testdev_disk_seen(device_disk[FINE]);
		KUNIT_EXPECT_EQ(test, seen.writes, i + 1);
		KUNIT_EXPECT_EQ(test, (__force u32)(seen.last_flags & c->set),
				(__force u32)c->set);
	}
	KUNIT_EXPECT_TRUE(test, lot_on_disk(test, lot, 0, LEN, SEED));
}

/* What has no data can be prepared, too. */
static void prepared_ranges(struct kunit *test)
{
	struct lot *lot = lot_alloc(test, open_fine(test), 3, LEN, BUFFER_KMALLOC);
	struct testdev_disk_seen seen;
	unsigned int i, use;

	KUNIT_ASSERT_EQ(test, io_target_prep_flush(lot->reqs[0], IO_TARGET_PREPARED), 0);
	KUNIT_ASSERT_EQ(test, io_target_prep_discard(lot->reqs[1], 0, LEN, IO_TARGET_PREPARED), 0);
	KUNIT_ASSERT_EQ(test, io_target_prep_write_zeroes(lot->reqs[2], 0, LEN,
							  IO_TARGET_PREPARED), 0);
	for (use = 0; use < 3; use++) {
		lot_fill(test, lot, 0, 2 * LEN, SEED);
		for (i = 0; i < 3; i++) {
			lot->reqs[i]->end_io = member_end_io;
			KUNIT_EXPECT_EQ(test, member_send(test, &lot->member[i]), 0);
		}
		KUNIT_EXPECT_FALSE(test, lot_on_disk(test, lot, 0, LEN, SEED));
		KUNIT_EXPECT_TRUE(test, lot_on_disk(test, lot, LEN, LEN, SEED));
	}
	seen = testdev_disk_seen(device_disk[FINE]);
	KUNIT_EXPECT_EQ(test, seen.flushes, 3u);
	KUNIT_EXPECT_EQ(test, seen.discards, 3u);
	KUNIT_EXPECT_EQ(test, seen.zeroes, 3u);
}

/* In batches, one bio each or one for all, the same requests at other places each time. */
static void prepared_batch(struct kunit *test)
{
	struct lot *lot = lot_alloc(test, open_queue(test), MANY, LEN, BUFFER_KMALLOC);
	unsigned int merge, use, i;

	for (merge = 0; merge < 2; merge++) {
		unsigned int bios = lot_bios(lot);

		lot_prep(test, lot, IO_TARGET_OP_WRITE, 0,
			 IO_TARGET_PREPARED | (merge ? IO_TARGET_MERGE_OK : 0), SEED);
		for (use = 0; use < 5; use++) {
			u64 seed = SEED + merge * 8 + use;

			testdev_mq_mode(queue_disk, TESTDEV_LATE, use % 3);
			for (i = 0; i < MANY; i++) {
				loff_t pos = (use * MANY + i) * LEN;

				buffer_fill(lot->member[i].buf, pos, seed);
				KUNIT_EXPECT_EQ(test, io_target_request_set_pos(lot->reqs[i], pos),
						0);
			}
			lot_submit(test, lot);
			KUNIT_ASSERT_TRUE(test, lot_wait(lot));
			KUNIT_EXPECT_EQ(test, atomic_read(&lot->ended), (use + 1) * MANY);
			KUNIT_EXPECT_TRUE(test, lot_on_disk(test, lot, use * MANY * LEN,
							    MANY * LEN, seed));
		}
		KUNIT_EXPECT_EQ(test, lot_bios(lot) - bios, merge ? 5u : 5u * MANY);
	}
	expect_conserved(test, lot->target, "batches");
}

/* A merged batch fails, its members are sent again; then the same batch is good. */
static void prepared_batch_error(struct kunit *test)
{
	struct lot *lot = lot_alloc(test, open_queue(test), MANY, LEN, BUFFER_KMALLOC);
	unsigned int use, i;

	lot_fill(test, lot, 0, MANY * LEN, SEED);
	lot_prep(test, lot, IO_TARGET_OP_READ, 0, IO_TARGET_PREPARED | IO_TARGET_MERGE_OK, SEED);
	/* Some have a bio of their own, too, from an earlier use. */
	for (i = 0; i < MANY; i += 2)
		KUNIT_EXPECT_EQ(test, member_send(test, &lot->member[i]), LEN);
	for (use = 0; use < 6; use++) {
		unsigned int bad = use & 1 ? MANY : 5 * use;

		if (bad < MANY)
			KUNIT_ASSERT_EQ(test, testdev_mq_bad(queue_disk, bad * LEN, 512,
							     BLK_STS_MEDIUM), 0);
		for (i = 0; i < MANY; i++) {
			buffer_clear(lot->member[i].buf);
			atomic_set(&lot->member[i].ends, 0);
		}
		testdev_mq_mode(queue_disk, TESTDEV_LATE, use % 3);
		lot_submit(test, lot);
		KUNIT_ASSERT_TRUE(test, lot_wait(lot));
		for (i = 0; i < MANY; i++)
			expect_member(test, &lot->member[i], i == bad ?
				      blk_status_to_errno(BLK_STS_MEDIUM) : LEN, SEED);
		testdev_mq_good(queue_disk);
	}
	KUNIT_EXPECT_EQ(test, testdev_mq_seen(queue_disk).requests, MANY / 2 + 6u + 3 * MANY);
	expect_conserved(test, lot->target, "batches with errors");
}

/* Several bios each time, one of which fails once. */
static void prepared_pieces(struct kunit *test)
{
	struct sent *s = sent_alloc(test, open_fine(test), 2);
	struct scattered *from = scattered_alloc(test), *to = scattered_alloc(test);
	unsigned int i;

	scattered_prep(test, &s[0], IO_TARGET_OP_WRITE, from, IO_TARGET_PREPARED);
	scattered_prep(test, &s[1], IO_TARGET_OP_READ, to, IO_TARGET_PREPARED);
	for (i = 0; i < 10; i++) {
		bool bad = i == 3;

		scattered_fill(from, SEED + i);
		testdev_disk_mode(device_disk[FINE], i & 4 ? TESTDEV_LATE : TESTDEV_NOW, i % 3);
		testdev_disk_fail(device_disk[FINE], SCATTERED_PIECE, bad ? 512 : 0,
				  BLK_STS_MEDIUM);
		KUNIT_ASSERT_EQ(test, sent_submit(&s[0]), 0);
		KUNIT_ASSERT_TRUE(test, sent_wait(&s[0]));
		KUNIT_EXPECT_EQ(test, s[0].req.result,
				bad ? blk_status_to_errno(BLK_STS_MEDIUM) :
				      (ssize_t)SCATTERED_BYTES);
		if (bad)
			continue;
		KUNIT_ASSERT_EQ(test, sent_submit(&s[1]), 0);
		KUNIT_ASSERT_TRUE(test, sent_wait(&s[1]));
		KUNIT_EXPECT_EQ(test, s[1].req.result, (ssize_t)SCATTERED_BYTES);
		KUNIT_EXPECT_TRUE(test, scattered_match(to, SEED + i));
	}
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(device_disk[FINE]).bios, 19u * SCATTERED_BIOS);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(device_disk[FINE]).broken, 0u);
}

/* Whose priority it has: what was said stays said, else each submitter has his own. */
static void prepared_owner(struct kunit *test)
{
	const u16 own[] = {
		IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 2), IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 6),
		IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 7),
	};
	const u16 said = IOPRIO_PRIO_VALUE(IOPRIO_CLASS_RT, 1);
	struct lot *lot = lot_alloc(test, open_fine(test), 2, LEN, BUFFER_KMALLOC);
	unsigned int i, use;

	for (i = 0; i < 2; i++)
		member_prep(test, &lot->member[i], IO_TARGET_OP_WRITE, 0, IO_TARGET_PREPARED,
			    SEED);
	KUNIT_EXPECT_EQ(test, io_target_request_set_ioprio(lot->reqs[1], said), 0);
	KUNIT_EXPECT_EQ(test, io_target_request_set_hint(lot->reqs[1], WRITE_LIFE_LONG), 0);
	for (use = 0; use < 2 * ARRAY_SIZE(own); use++) {
		KUNIT_ASSERT_EQ(test, set_task_ioprio(current, own[use / 2]), 0);
		for (i = 0; i < 2; i++) {
			struct member *m = &lot->member[i];
			struct testdev_disk_seen seen;

			/* By a worker at times, for whom it is noted. */
			reinit_completion(&m->done);
			KUNIT_EXPECT_EQ(test, use & 1 ? io_target_submit_atomic(&m->req) :
							io_target_submit(&m->req), 0);
			KUNIT_EXPECT_TRUE(test, member_wait(m));
			seen = testdev_disk_seen(device_disk[FINE]);
			KUNIT_EXPECT_EQ(test, seen.last_ioprio, i ? said : own[use / 2]);
			KUNIT_EXPECT_EQ(test, seen.last_hint,
					i && IOT_HAS_WRITE_HINT ? WRITE_LIFE_LONG : 0);
		}
	}
	KUNIT_EXPECT_EQ(test, set_task_ioprio(current, IOPRIO_DEFAULT), 0);
}

static struct testdev_disk *other_disk(struct kunit *test, u64 size)
{
	struct testdev_disk *disk = testdev_disk_create(&(struct testdev_disk_config){
		.name = "iotother",
		.size = size,
		.limits = {
			.logical_block_size = 512, .physical_block_size = 512, .dma_alignment = 3,
		},
	});

	KUNIT_EXPECT_FALSE(test, IS_ERR(disk));
	return disk;
}

/* Another disk in its place: what was built for the first is not used. */
static void prepared_other_disk(struct kunit *test)
{
	struct testdev_disk *disk = other_disk(test, SZ_2M);
	struct lot *lot;
	struct io_target *t;
	struct member *m;

	t = device_open(test, testdev_disk_path(disk), RW);
	lot = lot_alloc(test, t, 1, LEN, BUFFER_KMALLOC);
	m = &lot->member[0];
	member_prep(test, m, IO_TARGET_OP_WRITE, SZ_1M, IO_TARGET_PREPARED, SEED);
	KUNIT_EXPECT_EQ(test, member_send(test, m), LEN);
	KUNIT_EXPECT_EQ(test, io_target_suspend(t, 60 * HZ), 0);
	testdev_disk_destroy(disk);
	disk = other_disk(test, SZ_2M);
	KUNIT_EXPECT_EQ(test, io_target_reopen(t), 1);
	KUNIT_EXPECT_EQ(test, io_target_start(t), 0);
	KUNIT_EXPECT_EQ(test, member_send(test, m), LEN);
	KUNIT_EXPECT_EQ(test, member_send(test, m), LEN);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(disk).writes, 2u);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(disk).bytes, 2ull * LEN);

	/* The same disk, which has become smaller, or read-only, or not any more, meanwhile */
	testdev_disk_resize(disk, LEN);
	KUNIT_EXPECT_EQ(test, io_target_suspend(t, 60 * HZ), 0);
	KUNIT_EXPECT_EQ(test, io_target_reopen(t), 0);
	KUNIT_EXPECT_EQ(test, io_target_submit(&m->req), -ENXIO);
	KUNIT_EXPECT_EQ(test, io_target_request_set_pos(&m->req, 0), 0);
	testdev_disk_read_only(disk, true);
	KUNIT_EXPECT_EQ(test, member_send(test, m), -EROFS);
	testdev_disk_read_only(disk, false);
	KUNIT_EXPECT_EQ(test, member_send(test, m), LEN);
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	testdev_disk_destroy(disk);
}

static const int chars[] = { SEEK, SEEK_NOWAIT };

static void char_desc(const int *c, char *desc)
{
	strscpy(desc, *c == SEEK ? "seekable" : "seekable, nowait", KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(char, chars, char_desc);

static void prepared_char(struct kunit *test)
{
	struct testdev_char *dev = device_char[*(const int *)test->param_value];
	struct io_target *t = device_open(test, testdev_char_path(dev), RW);
	struct lot *lot = lot_alloc(test, t, 2, LEN, BUFFER_KMALLOC);
	struct member *w = &lot->member[0], *r = &lot->member[1];
	unsigned int i;

	member_prep(test, w, IO_TARGET_OP_WRITE, 0, IO_TARGET_PREPARED, SEED);
	member_prep(test, r, IO_TARGET_OP_READ, 0, IO_TARGET_PREPARED | IO_TARGET_TASK, 0);
	for (i = 0; i < 50; i++) {
		loff_t pos = i * 7919ull % 512 * LEN;

		buffer_fill(w->buf, pos, SEED + i);
		KUNIT_EXPECT_EQ(test, io_target_request_set_pos(&w->req, pos), 0);
		KUNIT_EXPECT_EQ(test, member_send(test, w), LEN);
		buffer_clear(r->buf);
		KUNIT_EXPECT_EQ(test, io_target_request_set_pos(&r->req, pos), 0);
		KUNIT_EXPECT_EQ(test, member_send(test, r), LEN);
		KUNIT_EXPECT_TRUE(test, buffer_match(r->buf, pos, SEED + i));
	}
	KUNIT_EXPECT_EQ(test, io_target_request_set_pos(&r->req, -1), 0);
	KUNIT_EXPECT_EQ(test, io_target_submit(&r->req), -EOVERFLOW);
}

/* A stream has no positions; each use reads on. */
static void prepared_stream(struct kunit *test)
{
	struct testdev_char *dev = device_char[STREAM_NOWAIT];
	struct io_target *t = device_open(test, testdev_char_path(dev), RW);
	struct lot *lot = lot_alloc(test, t, 1, 512, BUFFER_KMALLOC);
	struct member *m = &lot->member[0];
	unsigned int i;

	member_prep(test, m, IO_TARGET_OP_WRITE, 0, IO_TARGET_PREPARED, SEED);
	for (i = 0; i < 10; i++)
		KUNIT_EXPECT_EQ(test, member_send(test, m), 512);
	KUNIT_EXPECT_EQ(test, io_target_request_set_pos(&m->req, 512), 0);
	KUNIT_EXPECT_EQ(test, io_target_submit(&m->req), -ESPIPE);
	KUNIT_EXPECT_EQ(test, io_target_request_set_pos(&m->req, 0), 0);
	KUNIT_EXPECT_EQ(test, member_send(test, m), 512);
	KUNIT_EXPECT_GE(test, testdev_char_seen(dev).calls[1], 11u);
}

static struct kunit_case prepared_cases[] = {
	KUNIT_CASE_PARAM(prepared_many, kind_gen_params),
	KUNIT_CASE(prepared_bad_pos),
	KUNIT_CASE(prepared_chain),
	KUNIT_CASE_PARAM(prepared_flags, flag_gen_params),
	KUNIT_CASE(prepared_ranges),
	KUNIT_CASE(prepared_batch),
	KUNIT_CASE(prepared_batch_error),
	KUNIT_CASE(prepared_pieces),
	KUNIT_CASE(prepared_owner),
	KUNIT_CASE(prepared_other_disk),
	KUNIT_CASE_PARAM(prepared_char, char_gen_params),
	KUNIT_CASE(prepared_stream),
	{}
};

static struct kunit_suite prepared_suite = {
	.name		= "io_target_prepared",
	.suite_init	= queue_suite_init,
	.suite_exit	= queue_suite_exit,
	.init		= device_fixture_init,
	.exit		= queue_fixture_exit,
	.test_cases	= prepared_cases,
};

kunit_test_suite(prepared_suite);
