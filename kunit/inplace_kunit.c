// SPDX-License-Identifier: GPL-2.0
/*
 * Over a disk that sends bios on in place: what comes back names another disk and another
 * place, and the next use of the request must not follow it there.
 */
#include <linux/sizes.h>

#include "lot.h"
#include "pattern.h"

#define LEN	SZ_8K
#define OFFSET	SZ_1M	/* from the disk to the one below */
#define SIZE	SZ_16M
#define USES	4
#define MANY	8
#define SEED	0x696e706c61636531ULL

static const struct iot_disk_limits limits = {
	.logical_block_size = 512,
	.physical_block_size = 512,
	.dma_alignment = 3,
	.write_cache = true,
	.fua = true,
};

static struct testdev_inplace *head;
static struct testdev_disk *below;

static struct testdev_disk *below_create(const char *name)
{
	struct testdev_disk_config config = {
		.name = name, .size = SIZE + OFFSET, .limits = limits,
	};

	return testdev_disk_create(&config);
}

static void inplace_suite_exit(struct kunit_suite *suite)
{
	testdev_inplace_destroy(head);
	testdev_disk_destroy(below);
	head = NULL;
	below = NULL;
	queue_suite_exit(suite);
}

static int inplace_suite_init(struct kunit_suite *suite)
{
	int err = queue_suite_init(suite);

	if (err)
		return err;
	below = below_create("iotbelow");
	head = testdev_inplace_create("iotinplace", SIZE, &limits);
	err = PTR_ERR_OR_ZERO(below) ?: PTR_ERR_OR_ZERO(head);
	if (err)
		inplace_suite_exit(suite);
	return err;
}

static int inplace_init(struct kunit *test)
{
	testdev_disk_reset(below);
	testdev_inplace_aim(head, below, OFFSET);
	return device_fixture_init(test);
}

static struct io_target *open_head(struct kunit *test)
{
	return device_open(test, testdev_inplace_path(head), RW);
}

/* Are the @len bytes that belong at @pos of the disk there on the one below? */
static bool lies_below(struct kunit *test, struct testdev_disk *disk, loff_t pos, size_t len,
		       u64 seed)
{
	u8 *data = kvmalloc(len, GFP_KERNEL);
	bool good;

	KUNIT_ASSERT_NOT_NULL(test, data);
	testdev_store_read(testdev_disk_store(disk), OFFSET + pos, data, len);
	good = pattern_match(data, len, pos, seed) == len;
	kvfree(data);
	return good;
}

static const struct use_case {
	const char		*name;
	enum buffer_kind	kind;
	unsigned int		flags;
} uses[] = {
	{ "one buffer", BUFFER_KMALLOC, 0 },
	{ "table", BUFFER_BVEC, 0 },
	{ "mapped", BUFFER_VMALLOC, 0 },
	{ "pieces", BUFFER_KVEC, 0 },
	{ "FUA", BUFFER_KMALLOC, IO_TARGET_FUA },
	{ "PREPARED", BUFFER_KMALLOC, IO_TARGET_PREPARED },
	{ "PREPARED, table", BUFFER_BVEC, IO_TARGET_PREPARED },
	{ "PREPARED, mapped", BUFFER_VMALLOC, IO_TARGET_PREPARED },
	{ "PREPARED, FUA", BUFFER_KMALLOC, IO_TARGET_PREPARED | IO_TARGET_FUA },
};

static void use_desc(const struct use_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(use, uses, use_desc);

/* Formats the request again, or only tells it the next place. */
static void use_again(struct kunit *test, struct member *m, enum io_target_op op, loff_t pos,
		      unsigned int flags, u64 seed)
{
	if (!(flags & IO_TARGET_PREPARED)) {
		member_prep(test, m, op, pos, flags, seed);
		return;
	}
	if (op == IO_TARGET_OP_WRITE)
		buffer_fill(m->buf, pos, seed);
	else
		buffer_clear(m->buf);
	KUNIT_ASSERT_EQ(test, io_target_request_set_pos(&m->req, pos), 0);
}

/* Writes through one request, and reads through another one, in four places each. */
static void inplace_reused(struct kunit *test)
{
	const struct use_case *c = test->param_value;
	unsigned int read_flags = c->flags & ~IO_TARGET_FUA;
	struct lot *lot = lot_alloc(test, open_head(test), 2, LEN, c->kind);
	struct member *w = &lot->member[0], *r = &lot->member[1];
	unsigned int i;

	member_prep(test, w, IO_TARGET_OP_WRITE, 0, c->flags, SEED);
	member_prep(test, r, IO_TARGET_OP_READ, 0, read_flags, 0);
	for (i = 0; i < USES; i++) {
		loff_t pos = 3 * LEN * i;

		use_again(test, w, IO_TARGET_OP_WRITE, pos, c->flags, SEED + i);
		KUNIT_EXPECT_EQ(test, member_send(test, w), LEN);
		KUNIT_EXPECT_TRUE(test, lies_below(test, below, pos, LEN, SEED + i));
		use_again(test, r, IO_TARGET_OP_READ, pos, read_flags, 0);
		KUNIT_EXPECT_EQ(test, member_send(test, r), LEN);
		KUNIT_EXPECT_TRUE(test, buffer_match(r->buf, pos, SEED + i));
	}
	KUNIT_EXPECT_EQ(test, testdev_inplace_bios(head), testdev_disk_seen(below).bios);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(below).bytes, 2ull * USES * LEN);
}

/* Neighbours, each by itself or as one. */
static void expect_batches(struct kunit *test, unsigned int flags)
{
	struct lot *lot = lot_alloc(test, open_head(test), MANY, LEN, BUFFER_KMALLOC);
	unsigned int i;

	for (i = 0; i < USES; i++) {
		loff_t pos = (u64)i * MANY * LEN;

		lot_prep(test, lot, IO_TARGET_OP_WRITE, pos, flags, SEED + i);
		lot_submit(test, lot);
		KUNIT_ASSERT_TRUE(test, lot_wait(lot));
		KUNIT_EXPECT_TRUE(test, lies_below(test, below, pos, MANY * LEN, SEED + i));
	}
	KUNIT_EXPECT_EQ(test, testdev_inplace_bios(head), testdev_disk_seen(below).bios);
}

static void inplace_batch(struct kunit *test)
{
	expect_batches(test, 0);
}

static void inplace_merged(struct kunit *test)
{
	expect_batches(test, IO_TARGET_MERGE_OK);
}

/* The path that the first use has gone by is no more at the second. */
static void inplace_path_gone(struct kunit *test)
{
	const struct use_case *c = test->param_value;
	struct testdev_disk *gone = below_create("iotgone");
	struct lot *lot = lot_alloc(test, open_head(test), 1, LEN, c->kind);
	struct member *m = &lot->member[0];

	KUNIT_ASSERT_FALSE(test, IS_ERR(gone));
	testdev_inplace_aim(head, gone, OFFSET);
	member_prep(test, m, IO_TARGET_OP_WRITE, 0, c->flags, SEED);
	KUNIT_EXPECT_EQ(test, member_send(test, m), LEN);
	KUNIT_EXPECT_TRUE(test, lies_below(test, gone, 0, LEN, SEED));
	testdev_inplace_aim(head, below, OFFSET);
	testdev_disk_destroy(gone);
	use_again(test, m, IO_TARGET_OP_WRITE, LEN, c->flags, SEED + 1);
	KUNIT_EXPECT_EQ(test, member_send(test, m), LEN);
	KUNIT_EXPECT_TRUE(test, lies_below(test, below, LEN, LEN, SEED + 1));
}

static struct kunit_case inplace_cases[] = {
	KUNIT_CASE_PARAM(inplace_reused, use_gen_params),
	KUNIT_CASE(inplace_batch),
	KUNIT_CASE(inplace_merged),
	KUNIT_CASE_PARAM(inplace_path_gone, use_gen_params),
	{}
};

static struct kunit_suite inplace_suite = {
	.name		= "io_target_inplace",
	.suite_init	= inplace_suite_init,
	.suite_exit	= inplace_suite_exit,
	.init		= inplace_init,
	.exit		= queue_fixture_exit,
	.test_cases	= inplace_cases,
};

kunit_test_suite(inplace_suite);
