// SPDX-License-Identifier: GPL-2.0
/*
 * Neighbours of a batch that may be one bio: which are, and that each request is
 * as if it had been sent alone.
 */
#include <linux/ioprio.h>
#include <linux/sizes.h>

#include "lot.h"
#include "pattern.h"

/* All together no more than a disk without limits of its own takes at once */
#define LEN	SZ_2K
#define MANY	32
#define MIDDLE	(MANY / 2)
#define SEED	0x6d65726765ULL
#define POS	SZ_1M

struct one_case {
	const char		*name;
	bool			queue;
	enum io_target_op	op;
	unsigned int		flags;
	enum testdev_mode	mode;
	enum testdev_context	context;
};

static const struct one_case ones[] = {
	{ "write", false, IO_TARGET_OP_WRITE },
	{ "read", false, IO_TARGET_OP_READ },
	{ "write, ends in softirq", false, IO_TARGET_OP_WRITE, 0, TESTDEV_LATE, TESTDEV_SOFTIRQ },
	{ "read, ends in hardirq", false, IO_TARGET_OP_READ, 0, TESTDEV_LATE, TESTDEV_HARDIRQ },
	{ "write, TASK", false, IO_TARGET_OP_WRITE, IO_TARGET_TASK, TESTDEV_LATE,
	  TESTDEV_HARDIRQ },
	{ "queue, write", true, IO_TARGET_OP_WRITE },
	{ "queue, read", true, IO_TARGET_OP_READ },
	{ "queue, read, ends in hardirq", true, IO_TARGET_OP_READ, 0, TESTDEV_LATE,
	  TESTDEV_HARDIRQ },
};

static void one_desc(const struct one_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(one, ones, one_desc);

static struct io_target *open_for(struct kunit *test, bool queue)
{
	return queue ? open_queue(test) : open_fine(test);
}

/* All neighbours are one bio; each has its own end, in the order of the batch. */
static void merge_one(struct kunit *test)
{
	const struct one_case *c = test->param_value;
	struct lot *lot = lot_alloc(test, open_for(test, c->queue), MANY, LEN, BUFFER_KMALLOC);
	unsigned int i;

	if (c->op == IO_TARGET_OP_READ)
		lot_fill(test, lot, POS, MANY * LEN, SEED);
	testdev_disk_mode(device_disk[FINE], c->mode, c->context);
	testdev_mq_mode(queue_disk, c->mode, c->context);
	lot_prep(test, lot, c->op, POS, c->flags | IO_TARGET_MERGE_OK, SEED);
	lot_submit(test, lot);
	expect_lot(test, lot, LEN, SEED);
	for (i = 0; i < MANY; i++)
		KUNIT_EXPECT_EQ(test, lot->member[i].number, i + 1);
	KUNIT_EXPECT_EQ(test, lot_bios(lot), 1u);
	KUNIT_EXPECT_EQ(test, lot_bytes(lot), (u64)MANY * LEN);
	if (c->queue)
		KUNIT_EXPECT_EQ(test, testdev_mq_seen(queue_disk).sizes[0], MANY * LEN);
	/* No gate was left behind. */
	KUNIT_EXPECT_EQ(test, io_target_stop(lot->target, IO_TARGET_WAIT_SENT, 60 * HZ), 0);
	expect_conserved(test, lot->target, c->name);
}

/* What keeps the one in the middle, or all from there on, apart */
enum apart {
	GAP, OVERLAP, BACKWARDS, TWICE, OTHER_OP, ZEROES, FLUSH, FLAGS, NOT_OK, TIMEOUT, ID, IOPRIO,
	HINT, CARRIED,
};

static const struct apart_case {
	const char	*name;
	enum apart	apart;
	unsigned int	flags;	/* of the one */
	unsigned int	bios;
} aparts[] = {
	{ "gap", GAP, 0, 2 },
	{ "overlap", OVERLAP, 0, 2 },
	{ "backwards", BACKWARDS, 0, MANY },
	{ "the same again", TWICE, 0, MANY },
	{ "other operation", OTHER_OP, 0, 3 },
	{ "zeroes", ZEROES, 0, 3 },
	{ "flush", FLUSH, 0, 3 },
	{ "without MERGE_OK", NOT_OK, 0, 3 },
	{ "FUA", FLAGS, IO_TARGET_FUA, 3 },
	{ "PREFLUSH", FLAGS, IO_TARGET_PREFLUSH, 3 },
	{ "NOWAIT", FLAGS, IO_TARGET_NOWAIT, 3 },
	{ "IGNORE_STATE", FLAGS, IO_TARGET_IGNORE_STATE, 3 },
	{ "BOUNCE", FLAGS, IO_TARGET_BOUNCE, 3 },
	{ "deadline", TIMEOUT, 0, 3 },
	{ "number", ID, 0, 3 },
	{ "ioprio", IOPRIO, 0, 3 },
	{ "hint", HINT, 0, 3 },
	/* These do not. */
	{ "TASK", FLAGS, IO_TARGET_TASK, 1 },
	{ "PREPARED", FLAGS, IO_TARGET_PREPARED, 1 },
};

static void apart_desc(const struct apart_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(apart, aparts, apart_desc);

static void set_apart_pos(struct kunit *test, struct lot *lot, enum apart apart)
{
	unsigned int i;

	for (i = 0; i < MANY; i++) {
		loff_t pos = POS + i * LEN;

		if (apart == BACKWARDS)
			pos = POS + (MANY - i) * LEN;
		else if (apart == TWICE)
			pos = POS;
		else if (i >= MIDDLE)
			pos += apart == GAP ? LEN : -LEN;
		member_prep(test, &lot->member[i], IO_TARGET_OP_WRITE, pos, IO_TARGET_MERGE_OK,
			    SEED);
	}
}

static void set_apart(struct kunit *test, struct lot *lot, const struct apart_case *c)
{
	struct member *m = &lot->member[MIDDLE];
	struct io_target_request *req = &m->req;
	u16 ioprio = IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 1);
	loff_t pos = req->pos;

	switch (c->apart) {
	case OTHER_OP:
		lot_fill(test, lot, pos, LEN, SEED);
		member_prep(test, m, IO_TARGET_OP_READ, pos, IO_TARGET_MERGE_OK, SEED);
		break;
	case ZEROES:
		KUNIT_EXPECT_EQ(test, io_target_prep_write_zeroes(req, pos, LEN, 0), 0);
		req->end_io = member_end_io;
		break;
	case FLUSH:
		KUNIT_EXPECT_EQ(test, io_target_prep_flush(req, 0), 0);
		req->end_io = member_end_io;
		break;
	case NOT_OK:
		member_prep(test, m, IO_TARGET_OP_WRITE, pos, 0, SEED);
		break;
	case FLAGS:
		member_prep(test, m, IO_TARGET_OP_WRITE, pos, c->flags | IO_TARGET_MERGE_OK, SEED);
		break;
	case TIMEOUT:
		KUNIT_EXPECT_EQ(test, io_target_request_set_timeout(req, 600 * HZ), 0);
		break;
	case ID:
		KUNIT_EXPECT_NE(test, io_target_request_id(req), 0ull);
		break;
	case IOPRIO:
		KUNIT_EXPECT_EQ(test, io_target_request_set_ioprio(req, ioprio), 0);
		break;
	case HINT:
		KUNIT_EXPECT_EQ(test, io_target_request_set_hint(req, WRITE_LIFE_SHORT), 0);
		break;
	default:
		set_apart_pos(test, lot, c->apart);
		break;
	}
}

/* Each of these ends a bio; what it was, and what is around it, comes out right. */
static void merge_apart(struct kunit *test)
{
	const struct apart_case *c = test->param_value;
	struct lot *lot = lot_alloc(test, open_fine(test), MANY, LEN, BUFFER_KMALLOC);
	bool range = c->apart == ZEROES || c->apart == FLUSH;
	unsigned int i;

	lot_prep(test, lot, IO_TARGET_OP_WRITE, POS, IO_TARGET_MERGE_OK, SEED);
	set_apart(test, lot, c);
	lot_submit(test, lot);
	KUNIT_ASSERT_TRUE(test, lot_wait(lot));
	for (i = 0; i < MANY; i++) {
		struct member *m = &lot->member[i];

		if (!range || i != MIDDLE)
			expect_member(test, m, LEN, SEED);
		else
			KUNIT_EXPECT_EQ(test, m->result, 0);
		/* A worker sends the one, and ends the other. */
		if (!(c->flags & (IO_TARGET_BOUNCE | IO_TARGET_TASK)))
			KUNIT_EXPECT_EQ(test, m->number, i + 1);
	}
	KUNIT_EXPECT_EQ(test, lot_bios(lot), c->bios);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(device_disk[FINE]).broken, 0u);
	KUNIT_EXPECT_EQ(test, io_target_stop(lot->target, IO_TARGET_WAIT_SENT, 60 * HZ), 0);
}

/* All of one sort: none of these is ever merged. */
static const struct never_case {
	const char	*name;
	unsigned int	flags;
} nevers[] = {
	{ "FUA", IO_TARGET_FUA },
	{ "PREFLUSH", IO_TARGET_PREFLUSH },
	{ "NOWAIT", IO_TARGET_NOWAIT },
	{ "BOUNCE", IO_TARGET_BOUNCE },
	{ "not allowed", 0 },
};

static void never_desc(const struct never_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(never, nevers, never_desc);

static void merge_never(struct kunit *test)
{
	const struct never_case *c = test->param_value;
	struct lot *lot = lot_alloc(test, open_fine(test), MANY, LEN, BUFFER_KMALLOC);

	lot_prep(test, lot, IO_TARGET_OP_WRITE, POS,
		 c->flags | (c->flags ? IO_TARGET_MERGE_OK : 0), SEED);
	lot_submit(test, lot);
	expect_lot(test, lot, LEN, SEED);
	KUNIT_EXPECT_EQ(test, lot_bios(lot), (unsigned int)MANY);
}

/* Polled ones end one by one. */
static void merge_never_polled(struct kunit *test)
{
	struct lot *lot = lot_alloc(test, open_queue(test), MANY, LEN, BUFFER_KMALLOC);

	lot_prep(test, lot, IO_TARGET_OP_WRITE, POS, IO_TARGET_POLLED | IO_TARGET_MERGE_OK, SEED);
	lot_submit(test, lot);
	KUNIT_EXPECT_EQ(test, io_target_drain(lot->target, 60 * HZ), 0);
	expect_lot(test, lot, LEN, SEED);
	KUNIT_EXPECT_EQ(test, lot_bios(lot), (unsigned int)MANY);
	KUNIT_EXPECT_EQ(test, testdev_mq_seen(queue_disk).requests, (unsigned int)MANY);
}

/* Memory of all kinds: @most bios at the most */
static const struct memory_case {
	const char	*name;
	int		kind;
	unsigned int	n;
	size_t		len;
	unsigned int	most;
} memories[] = {
	{ "kmalloc 512", BUFFER_KMALLOC, MANY, 512, 1 },
	{ "kmalloc 4K", BUFFER_KMALLOC, MANY, SZ_4K, 1 },
	{ "kmalloc 64K", BUFFER_KMALLOC, MANY, SZ_64K, 2 },
	{ "kmalloc 1M", BUFFER_KMALLOC, 8, SZ_1M, 8 },
	{ "vmalloc 4K", BUFFER_VMALLOC, MANY, SZ_4K, MANY },
	{ "vmalloc 64K", BUFFER_VMALLOC, MANY, SZ_64K, MANY },
	{ "vmalloc 1M", BUFFER_VMALLOC, 8, SZ_1M, 8 },
	{ "kvec 4K", BUFFER_KVEC, MANY, SZ_4K, MANY },
	{ "kvec 64K", BUFFER_KVEC, MANY, SZ_64K, MANY },
	{ "kvec 1M", BUFFER_KVEC, 8, SZ_1M, 32 },
	{ "bvec 4K", BUFFER_BVEC, MANY, SZ_4K, 1 },
	{ "bvec 64K", BUFFER_BVEC, MANY, SZ_64K, 3 },
	{ "bvec 1M", BUFFER_BVEC, 8, SZ_1M, 16 },
	{ "page 4K", BUFFER_PAGE, MANY, SZ_4K, 1 },
	{ "folio 64K", BUFFER_FOLIO, MANY, SZ_64K, 2 },
	{ "all 4K", LOT_ALL_KINDS, MANY, SZ_4K, MANY },
	{ "all 64K", LOT_ALL_KINDS, MANY, SZ_64K, MANY },
	{ "all 1M", LOT_ALL_KINDS, 8, SZ_1M, 20 },
};

static void memory_desc(const struct memory_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(memory, memories, memory_desc);

/* Also where neither a bio nor the disk holds them all: no more bios than they are. */
static void merge_memory(struct kunit *test)
{
	const struct memory_case *c = test->param_value;
	struct lot *lot = lot_alloc(test, open_queue(test), c->n, c->len, c->kind);
	u64 len = c->n * c->len;

	lot_prep(test, lot, IO_TARGET_OP_WRITE, POS, IO_TARGET_MERGE_OK, SEED);
	lot_submit(test, lot);
	expect_lot(test, lot, c->len, SEED);
	KUNIT_EXPECT_LE(test, lot_bios(lot), c->most);
	kunit_info(test, "%u requests of %zu bytes: %u bios", c->n, c->len, lot_bios(lot));
	lot_fill(test, lot, POS, len, ~SEED);
	lot_prep(test, lot, IO_TARGET_OP_READ, POS, IO_TARGET_MERGE_OK, 0);
	lot_submit(test, lot);
	expect_lot(test, lot, c->len, ~SEED);
	KUNIT_EXPECT_EQ(test, lot_bytes(lot), 2 * len);
}

#define SKIP		512
#define OTHER_POS	SZ_8M

/* Tables with a part that is skipped, pieces at odd addresses, and an empty one */
struct pieces {
	u8		memory[2 * SZ_4K + SKIP];
	struct kvec	kvec[4];
	struct bio_vec	bvec[3];
};

static void pieces_iter(struct pieces *p, bool kvec, enum io_target_op op, struct iov_iter *iter)
{
	unsigned int dir = op == IO_TARGET_OP_WRITE ? ITER_SOURCE : ITER_DEST;
	u8 *at = p->memory;
	struct page *page = virt_to_page(at);

	if (kvec) {
		p->kvec[0] = (struct kvec){ at + 4, SKIP + 20 };
		p->kvec[1] = (struct kvec){ at, 0 };
		p->kvec[2] = (struct kvec){ at + SZ_1K, 1004 };
		p->kvec[3] = (struct kvec){ at + SZ_4K + 12, LEN - 1024 };
		iov_iter_kvec(iter, dir, p->kvec, 4, SKIP + LEN);
	} else {
		bvec_set_page(&p->bvec[0], page, SKIP + 64, offset_in_page(at));
		bvec_set_page(&p->bvec[1], page, 960, offset_in_page(at) + SZ_1K);
		bvec_set_page(&p->bvec[2], page, LEN - 1024, offset_in_page(at) + SZ_4K + 8);
		iov_iter_bvec(iter, dir, p->bvec, 3, SKIP + LEN);
	}
	iov_iter_advance(iter, SKIP);
}

/* What was read is where the table says, and not in what was skipped. */
static void expect_pieces(struct kunit *test, struct pieces *p, bool kvec, u8 *buf, loff_t pos)
{
	struct iov_iter iter;

	pieces_iter(p, kvec, IO_TARGET_OP_WRITE, &iter);
	KUNIT_EXPECT_EQ(test, copy_from_iter(buf, LEN, &iter), (size_t)LEN);
	KUNIT_EXPECT_EQ(test, pattern_match(buf, LEN, pos, SEED), (size_t)LEN);
}

/* kvec and bvec in turn: one bio with the memory of all, and nothing of what was skipped. */
static void merge_tables(struct kunit *test)
{
	struct lot *lot = lot_alloc(test, open_fine(test), MANY, LEN, BUFFER_KMALLOC);
	struct pieces *p = kunit_kcalloc(test, MANY, sizeof(*p), GFP_KERNEL);
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);
	unsigned int i, op;

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	lot_fill(test, lot, POS, MANY * LEN, SEED);
	for (op = IO_TARGET_OP_READ; op <= IO_TARGET_OP_WRITE; op++) {
		loff_t pos = op == IO_TARGET_OP_READ ? POS : OTHER_POS;

		for (i = 0; i < MANY; i++) {
			struct iov_iter iter;

			pieces_iter(&p[i], i & 1, op, &iter);
			KUNIT_ASSERT_EQ(test, io_target_prep_rw(lot->reqs[i], op, &iter,
								pos + i * LEN,
								IO_TARGET_MERGE_OK), 0);
			lot->reqs[i]->end_io = member_end_io;
		}
		lot_submit(test, lot);
		KUNIT_ASSERT_TRUE(test, lot_wait(lot));
		for (i = 0; i < MANY; i++)
			expect_pieces(test, &p[i], i & 1, buf, POS + i * LEN);
	}
	KUNIT_EXPECT_EQ(test, lot_bios(lot), 2u);
	KUNIT_EXPECT_EQ(test, lot_bytes(lot), 2ull * MANY * LEN);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(device_disk[FINE]).broken, 0u);
	/* What was read at one place has been written at the other. */
	lot_prep(test, lot, IO_TARGET_OP_READ, OTHER_POS, 0, 0);
	lot_submit(test, lot);
	KUNIT_ASSERT_TRUE(test, lot_wait(lot));
	for (i = 0; i < MANY; i++)
		KUNIT_EXPECT_TRUE(test, buffer_match(lot->member[i].buf, POS + i * LEN, SEED));
}

static struct kunit_case merge_cases[] = {
	KUNIT_CASE_PARAM(merge_one, one_gen_params),
	KUNIT_CASE_PARAM(merge_apart, apart_gen_params),
	KUNIT_CASE_PARAM(merge_never, never_gen_params),
	KUNIT_CASE(merge_never_polled),
	KUNIT_CASE_PARAM(merge_memory, memory_gen_params),
	KUNIT_CASE(merge_tables),
	{}
};

static struct kunit_suite merge_suite = {
	.name		= "io_target_merge",
	.suite_init	= queue_suite_init,
	.suite_exit	= queue_suite_exit,
	.init		= device_fixture_init,
	.exit		= queue_fixture_exit,
	.test_cases	= merge_cases,
};

kunit_test_suite(merge_suite);
