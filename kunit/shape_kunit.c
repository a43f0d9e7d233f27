// SPDX-License-Identifier: GPL-2.0
/*
 * Memory in every shape, on disks of small and of large blocks that take gaps in memory,
 * or do not: it arrives whole, or prep says why it cannot go and BOUNCE carries it.
 */
#include <linux/sizes.h>

#include "device.h"
#include "pattern.h"

#define SIZE	(16ULL << 20)
#define SEED	0x7368617065ULL
#define LENGTHS	4
#define POS	SZ_64K

/**
 * struct shape - pieces of memory, each on a page of its own
 * @name: description
 * @length: of the pieces, over and over; 0 ends the list, EMPTY is a piece of nothing
 * @offset: of a piece in its page, in the same order
 * @n: number of pieces
 */
struct shape {
	const char	*name;
	unsigned int	length[LENGTHS];
	unsigned int	offset[LENGTHS];
	unsigned int	n;
};

#define EMPTY	UINT_MAX

static const struct shape shapes[] = {
	{ "whole pages", { 4096 }, { 0 }, 8 },
	{ "halves at the seam", { 2048, 2048 }, { 2048, 0 }, 16 },
	{ "halves apart", { 2048, 2048 }, { 0, 0 }, 16 },
	{ "2944 and 1152", { 2944, 1152 }, { 0, 0 }, 2 },
	{ "2944 and 1152 at the seam", { 2944, 1152 }, { 1152, 0 }, 2 },
	{ "512 and 3584, 600 times", { 512, 3584 }, { 100, 36 }, 600 },
	{ "quarters and odd ends", { 1020, 4, 1024, 2048 }, { 3000, 8, 64, 0 }, 64 },
	{ "sectors", { 512 }, { 1536 }, 40 },
	{ "empty in the middle", { 4096, EMPTY, 4096 }, { 0, 7, 0 }, 6 },
	{ "empty at first", { EMPTY, 4096, 4096, EMPTY }, { 0, 0, 0, 3 }, 8 },
	{ "empty, many", { 4096, EMPTY, 512, 3584 }, { 0, 0, 0, 512 }, 64 },
};

/**
 * struct memory - a shape, as both kinds of tables
 * @pages: of the pieces
 * @kvec: table
 * @bvec: table
 * @n: entries of either
 * @len: bytes
 */
struct memory {
	u8		**pages;
	struct kvec	*kvec;
	struct bio_vec	*bvec;
	unsigned int	n;
	size_t		len;
};

static unsigned int piece_len(const struct shape *s, unsigned int i)
{
	unsigned int period = 0;

	while (period < LENGTHS && s->length[period])
		period++;
	i = s->length[i % period];
	return i == EMPTY ? 0 : i;
}

static unsigned int piece_offset(const struct shape *s, unsigned int i)
{
	unsigned int period = 0;

	while (period < LENGTHS && s->length[period])
		period++;
	return s->offset[i % period];
}

static struct memory *memory_alloc(struct kunit *test, const struct shape *s)
{
	struct memory *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, m);
	m->n = s->n;
	m->pages = kunit_kcalloc(test, s->n, sizeof(*m->pages), GFP_KERNEL);
	m->kvec = kunit_kcalloc(test, s->n, sizeof(*m->kvec), GFP_KERNEL);
	m->bvec = kunit_kcalloc(test, s->n, sizeof(*m->bvec), GFP_KERNEL);
	KUNIT_ASSERT_TRUE(test, m->pages && m->kvec && m->bvec);
	for (i = 0; i < s->n; i++) {
		unsigned int len = piece_len(s, i), offset = piece_offset(s, i);

		/* A page, and not what lies behind another piece by chance */
		m->pages[i] = kunit_kzalloc(test, 2 * PAGE_SIZE, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, m->pages[i]);
		m->kvec[i].iov_base = m->pages[i] + offset;
		m->kvec[i].iov_len = len;
		bvec_set_page(&m->bvec[i], virt_to_page(m->pages[i]), len, offset);
		m->len += len;
	}
	return m;
}

static void memory_fill(struct memory *m, u64 seed)
{
	u8 *all = kvmalloc(m->len, GFP_KERNEL);
	size_t done = 0;
	unsigned int i;

	pattern_fill(all, m->len, POS, seed);
	for (i = 0; i < m->n; i++) {
		memcpy(m->kvec[i].iov_base, all + done, m->kvec[i].iov_len);
		done += m->kvec[i].iov_len;
	}
	kvfree(all);
}

static bool memory_match(struct memory *m, u64 seed)
{
	u8 *all = kvmalloc(m->len, GFP_KERNEL);
	size_t done = 0;
	unsigned int i;
	bool good;

	for (i = 0; i < m->n; i++) {
		memcpy(all + done, m->kvec[i].iov_base, m->kvec[i].iov_len);
		memset(m->kvec[i].iov_base, 0, m->kvec[i].iov_len);
		done += m->kvec[i].iov_len;
	}
	good = pattern_match(all, m->len, POS, seed) == m->len;
	kvfree(all);
	return good;
}

/* Does a piece end, or the next one begin, in the middle of a block and of a page? */
static bool has_gap_in_block(const struct memory *m, unsigned int block)
{
	unsigned int i, end = 0;
	size_t done = 0;

	for (i = 0; i < m->n; i++) {
		unsigned int start = offset_in_page(m->kvec[i].iov_base);

		if (!m->kvec[i].iov_len)
			continue;
		if (done % block && (start | end) % SZ_4K)
			return true;
		done += m->kvec[i].iov_len;
		end = start + m->kvec[i].iov_len;
	}
	return false;
}

static const struct disk_case {
	const char	*name;
	unsigned int	flags;
	unsigned int	block;
} disks[] = {
	{ "512", 0, 512 },
	{ "4096", TESTDEV_MQ_LARGE, SZ_4K },
	{ "512, no gaps", TESTDEV_MQ_GAPLESS, 512 },
	{ "4096, no gaps", TESTDEV_MQ_GAPLESS | TESTDEV_MQ_LARGE, SZ_4K },
};

static struct testdev_mq *shape_disk[ARRAY_SIZE(disks)];

static void shape_suite_exit(struct kunit_suite *suite)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(disks); i++) {
		testdev_mq_destroy(shape_disk[i]);
		shape_disk[i] = NULL;
	}
}

static int shape_suite_init(struct kunit_suite *suite)
{
	unsigned int i;
	char name[16];

	for (i = 0; i < ARRAY_SIZE(disks); i++) {
		snprintf(name, sizeof(name), "iotshape%u", i);
		shape_disk[i] = testdev_mq_create(name, SIZE, TESTDEV_MQ_DATA | disks[i].flags);
		if (IS_ERR(shape_disk[i])) {
			int err = PTR_ERR(shape_disk[i]);

			shape_suite_exit(suite);
			return err;
		}
	}
	return 0;
}

static void shape_desc(const struct shape *s, char *desc)
{
	strscpy(desc, s->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(shape, shapes, shape_desc);

/* A shape on a disk, named by one kind of table */
struct way {
	struct kunit		*test;
	struct io_target	*target;
	struct testdev_mq	*disk;
	const struct disk_case	*on;
	struct memory		*memory;
	bool			table;
};

static int way_prep(struct way *w, struct sent *s, enum io_target_op op, unsigned int flags)
{
	unsigned int direction = op == IO_TARGET_OP_WRITE ? ITER_SOURCE : ITER_DEST;
	struct memory *m = w->memory;
	struct iov_iter iter;

	if (w->table)
		iov_iter_bvec(&iter, direction, m->bvec, m->n, m->len);
	else
		iov_iter_kvec(&iter, direction, m->kvec, m->n, m->len);
	return io_target_prep_rw(&s->req, op, &iter, POS, flags);
}

static void way_send(struct way *w, struct sent *s)
{
	struct kunit *test = w->test;

	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ_MSG(test, s->req.result, (ssize_t)w->memory->len, "blocks of %s",
			    w->on->name);
}

/* There and back, three times with the same request. */
static void way_go(struct way *w, struct sent *s, unsigned int flags)
{
	u8 *at = testdev_mq_memory(w->disk) + POS;
	struct memory *m = w->memory;
	struct kunit *test = w->test;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		memory_fill(m, SEED + i);
		KUNIT_ASSERT_EQ(test, way_prep(w, s, IO_TARGET_OP_WRITE, flags), 0);
		way_send(w, s);
		KUNIT_EXPECT_EQ_MSG(test, pattern_match(at, m->len, POS, SEED + i), m->len,
				    "blocks of %s", w->on->name);
		memory_fill(m, 0);
		KUNIT_ASSERT_EQ(test, way_prep(w, s, IO_TARGET_OP_READ, flags), 0);
		way_send(w, s);
		KUNIT_EXPECT_TRUE_MSG(test, memory_match(m, SEED + i), "blocks of %s",
				      w->on->name);
	}
	KUNIT_EXPECT_EQ_MSG(test, testdev_mq_seen(w->disk).broken, 0u, "blocks of %s", w->on->name);
}

static void way_try(struct way *w, unsigned int flags)
{
	bool gaps = w->on->flags & TESTDEV_MQ_GAPLESS;
	struct sent *s = sent_alloc(w->test, w->target, 1);
	struct kunit *test = w->test;

	if (!(gaps && has_gap_in_block(w->memory, w->on->block))) {
		way_go(w, s, flags);
		return;
	}
	KUNIT_EXPECT_EQ_MSG(test, way_prep(w, s, IO_TARGET_OP_WRITE, flags), -EFAULT,
			    "blocks of %s", w->on->name);
	KUNIT_EXPECT_EQ(test, testdev_mq_seen(w->disk).requests, 0u);
	if (w->memory->len <= SZ_1M && !(flags & IO_TARGET_PREPARED))
		way_go(w, s, flags | IO_TARGET_BOUNCE);
}

static void shape_try(struct kunit *test, bool table, unsigned int flags)
{
	struct way way = { .test = test, .table = table };
	unsigned int i;

	way.memory = memory_alloc(test, test->param_value);
	for (i = 0; i < ARRAY_SIZE(disks); i++) {
		way.disk = shape_disk[i];
		way.on = &disks[i];
		if (way.memory->len % way.on->block)
			continue;
		way.target = device_open(test, testdev_mq_path(way.disk), RW);
		way_try(&way, flags);
		io_target_close(way.target);
		testdev_mq_reset(way.disk);
	}
}

static void shape_kvec(struct kunit *test)
{
	shape_try(test, false, 0);
}

static void shape_bvec(struct kunit *test)
{
	shape_try(test, true, 0);
}

static void shape_kvec_prepared(struct kunit *test)
{
	shape_try(test, false, IO_TARGET_PREPARED);
}

static void shape_bvec_prepared(struct kunit *test)
{
	shape_try(test, true, IO_TARGET_PREPARED);
}

static struct kunit_case shape_cases[] = {
	KUNIT_CASE_PARAM(shape_kvec, shape_gen_params),
	KUNIT_CASE_PARAM(shape_bvec, shape_gen_params),
	KUNIT_CASE_PARAM(shape_kvec_prepared, shape_gen_params),
	KUNIT_CASE_PARAM(shape_bvec_prepared, shape_gen_params),
	{}
};

static struct kunit_suite shape_suite = {
	.name		= "io_target_shape",
	.suite_init	= shape_suite_init,
	.suite_exit	= shape_suite_exit,
	.init		= device_fixture_init,
	.exit		= device_fixture_exit,
	.test_cases	= shape_cases,
};

kunit_test_suite(shape_suite);
