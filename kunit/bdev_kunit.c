// SPDX-License-Identifier: GPL-2.0
/*
 * Block devices: what arrives at the driver, and what its answers become.
 */
#include <linux/sizes.h>

#include "device.h"
#include "pattern.h"

#define SEED	0x62646576ULL

/**
 * struct flag_case - what a request looks like to the driver
 * @name: description
 * @op: operation
 * @len: bytes
 * @flags: of the request
 * @set: flags of the bio
 * @clear: flags that it does not have
 */
struct flag_case {
	const char		*name;
	enum io_target_op	op;
	size_t			len;
	unsigned int		flags;
	blk_opf_t		set;
	blk_opf_t		clear;
};

static const struct flag_case flag_cases[] = {
	{ "read", IO_TARGET_OP_READ, 4096, 0, 0, REQ_FUA | REQ_PREFLUSH | REQ_NOWAIT },
	{ "read, NOWAIT", IO_TARGET_OP_READ, 4096, IO_TARGET_NOWAIT, REQ_NOWAIT, REQ_FUA },
	{ "write", IO_TARGET_OP_WRITE, 4096, 0, REQ_SYNC, REQ_FUA | REQ_PREFLUSH | REQ_NOWAIT },
	{ "write, FUA", IO_TARGET_OP_WRITE, 4096, IO_TARGET_FUA, REQ_FUA, REQ_PREFLUSH },
	{ "write, PREFLUSH", IO_TARGET_OP_WRITE, 4096, IO_TARGET_PREFLUSH, REQ_PREFLUSH, REQ_FUA },
	{ "write, both", IO_TARGET_OP_WRITE, 4096, IO_TARGET_FUA | IO_TARGET_PREFLUSH,
	  REQ_FUA | REQ_PREFLUSH, REQ_NOWAIT },
	{ "write, NOWAIT", IO_TARGET_OP_WRITE, 4096, IO_TARGET_NOWAIT, REQ_NOWAIT, REQ_FUA },
	{ "write, bounced FUA", IO_TARGET_OP_WRITE, 4096, IO_TARGET_FUA | IO_TARGET_BOUNCE,
	  REQ_FUA, REQ_PREFLUSH },
	{ "empty write, PREFLUSH", IO_TARGET_OP_WRITE, 0, IO_TARGET_PREFLUSH, REQ_PREFLUSH, 0 },
};

static void flag_case_desc(const struct flag_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(flag, flag_cases, flag_case_desc);

static struct io_target *open_disk(struct kunit *test, int disk)
{
	return device_open(test, testdev_disk_path(device_disk[disk]), RW);
}

/* Submits, waits, and asserts that it ended once. */
static void send(struct kunit *test, struct sent *s)
{
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, atomic_read(&s->ends), 1);
}

static void bdev_flags(struct kunit *test)
{
	const struct flag_case *c = test->param_value;
	struct sent *s = sent_alloc(test, open_disk(test, FINE), 1);
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	struct testdev_disk_seen seen;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	sent_prep(test, s, c->op, buf, c->len, 0, c->flags);
	send(test, s);
	KUNIT_EXPECT_EQ(test, s->req.result, c->len);
	seen = testdev_disk_seen(device_disk[FINE]);
	KUNIT_EXPECT_EQ(test, seen.bios, 1);
	KUNIT_EXPECT_EQ(test, seen.bytes, c->len);
	KUNIT_EXPECT_EQ(test, seen.reads, c->op == IO_TARGET_OP_READ);
	KUNIT_EXPECT_EQ(test, seen.flushes, !c->len);
	KUNIT_EXPECT_EQ(test, (__force u32)(seen.last_flags & c->set), (__force u32)c->set);
	KUNIT_EXPECT_EQ(test, (__force u32)(seen.last_flags & c->clear), 0);
	KUNIT_EXPECT_EQ(test, seen.broken, 0);
}

/* PREFLUSH is for the first piece, FUA for all. */
static void bdev_flags_of_pieces(struct kunit *test)
{
	struct sent *s = sent_alloc(test, open_disk(test, FINE), 1);
	struct testdev_disk_seen seen;

	scattered_prep(test, s, IO_TARGET_OP_WRITE, scattered_alloc(test),
		       IO_TARGET_FUA | IO_TARGET_PREFLUSH);
	send(test, s);
	KUNIT_EXPECT_EQ(test, s->req.result, SCATTERED_BYTES);
	seen = testdev_disk_seen(device_disk[FINE]);
	KUNIT_EXPECT_EQ(test, seen.writes, SCATTERED_BIOS);
	KUNIT_EXPECT_TRUE(test, seen.any_flags & REQ_PREFLUSH);
	KUNIT_EXPECT_FALSE(test, seen.last_flags & REQ_PREFLUSH);
	KUNIT_EXPECT_TRUE(test, seen.last_flags & REQ_FUA);
}

static void bdev_flush(struct kunit *test)
{
	struct io_target *t = open_disk(test, FINE);
	struct sent *s = sent_alloc(test, t, 1);

	KUNIT_EXPECT_EQ(test, io_target_flush(t, IO_TARGET_NO_TIMEOUT), 0);
	KUNIT_EXPECT_EQ(test, io_target_flush(t, HZ * 10), 0);
	KUNIT_ASSERT_EQ(test, io_target_prep_flush(&s->req, 0), 0);
	send(test, s);
	KUNIT_EXPECT_EQ(test, s->req.result, 0);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(device_disk[FINE]).flushes, 3);

	/* No cache, nothing to flush: the block layer answers. */
	t = open_disk(test, PLAIN);
	KUNIT_EXPECT_EQ(test, io_target_flush(t, IO_TARGET_NO_TIMEOUT), 0);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(device_disk[PLAIN]).bios, 0);
}

struct range_case {
	const char		*name;
	enum io_target_op	op;
	u64			pos;
	u64			len;
	bool			timed;
};

static const struct range_case range_cases[] = {
	{ "discard 512", IO_TARGET_OP_DISCARD, SZ_1M, 512, false },
	{ "discard 1 MiB", IO_TARGET_OP_DISCARD, SZ_1M, SZ_1M, true },
	{ "discard 6 GiB", IO_TARGET_OP_DISCARD, SZ_1M, 6ULL << 30, false },
	{ "zeroes 512", IO_TARGET_OP_WRITE_ZEROES, SZ_1M, 512, true },
	{ "zeroes 1 MiB", IO_TARGET_OP_WRITE_ZEROES, SZ_1M, SZ_1M, false },
	{ "zeroes 4 GiB + 512", IO_TARGET_OP_WRITE_ZEROES, SZ_1M, (4ULL << 30) + 512, true },
	{ "zeroes 15 GiB", IO_TARGET_OP_WRITE_ZEROES, SZ_1M, 15ULL << 30, false },
};

static void range_case_desc(const struct range_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(range, range_cases, range_case_desc);

/* The pattern where the range is: a block before, the first, the last, one after. */
static void range_fill(struct kunit *test, const struct range_case *c, u8 *buf)
{
	struct testdev_store *store = testdev_disk_store(device_disk[FINE]);
	u64 at[] = { c->pos - 512, c->pos, c->pos + c->len - 512, c->pos + c->len };
	int i;

	for (i = 0; i < ARRAY_SIZE(at); i++) {
		pattern_fill(buf, 512, at[i], SEED);
		KUNIT_ASSERT_EQ(test, testdev_store_fill(store, at[i], buf, 512), 0);
	}
}

static bool still_there(u64 pos, u8 *buf)
{
	testdev_store_read(testdev_disk_store(device_disk[FINE]), pos, buf, 512);
	return pattern_match(buf, 512, pos, SEED) == 512;
}

static bool is_zero(u64 pos, u8 *buf)
{
	testdev_store_read(testdev_disk_store(device_disk[FINE]), pos, buf, 512);
	return pattern_match_byte(buf, 512, 0) == 512;
}

static void bdev_range(struct kunit *test)
{
	const struct range_case *c = test->param_value;
	struct io_target *t = open_disk(test, FINE);
	long timeout = c->timed ? TESTDEV_PATIENCE : IO_TARGET_NO_TIMEOUT;
	u8 *buf = kunit_kzalloc(test, 512, GFP_KERNEL);
	struct testdev_disk_seen seen;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	range_fill(test, c, buf);
	if (c->op == IO_TARGET_OP_DISCARD)
		KUNIT_EXPECT_EQ(test, io_target_discard(t, c->pos, c->len, timeout), 0);
	else
		KUNIT_EXPECT_EQ(test, io_target_write_zeroes(t, c->pos, c->len, timeout), 0);
	seen = testdev_disk_seen(device_disk[FINE]);
	KUNIT_EXPECT_EQ(test, seen.bytes, c->len);
	KUNIT_EXPECT_EQ(test, c->op == IO_TARGET_OP_DISCARD ? seen.discards : seen.zeroes,
			seen.bios);
	KUNIT_EXPECT_EQ(test, seen.broken, 0);

	KUNIT_EXPECT_TRUE(test, still_there(c->pos - 512, buf));
	KUNIT_EXPECT_TRUE(test, is_zero(c->pos, buf));
	KUNIT_EXPECT_TRUE(test, is_zero(c->pos + c->len - 512, buf));
	KUNIT_EXPECT_TRUE(test, still_there(c->pos + c->len, buf));
}

/*
 * The block layer takes no zeroes with FUA: what prep accepts must be stable
 * when it has ended, one way or another.
 */
static void bdev_zeroes_fua(struct kunit *test)
{
	struct sent *s = sent_alloc(test, open_disk(test, FINE), 1);
	struct testdev_disk_seen seen;
	int err = io_target_prep_write_zeroes(&s->req, 0, SZ_4K, IO_TARGET_FUA);

	if (err) {
		KUNIT_EXPECT_EQ(test, err, -EINVAL);
		return;
	}
	send(test, s);
	KUNIT_EXPECT_EQ(test, s->req.result, 0);
	seen = testdev_disk_seen(device_disk[FINE]);
	KUNIT_EXPECT_EQ(test, seen.zeroes, 1);
	KUNIT_EXPECT_TRUE(test, seen.any_flags & REQ_FUA || seen.flushes);
}

static void bdev_empty(struct kunit *test)
{
	struct io_target *t = open_disk(test, FINE);
	struct sent *s = sent_alloc(test, t, 1);
	u8 *buf = kunit_kzalloc(test, 512, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_EXPECT_EQ(test, io_target_read(t, buf, 0, 0, IO_TARGET_NO_TIMEOUT), 0);
	KUNIT_EXPECT_EQ(test, io_target_write(t, buf, 0, 0, HZ * 10), 0);
	KUNIT_EXPECT_EQ(test, io_target_discard(t, 0, 0, HZ * 10), 0);
	KUNIT_EXPECT_EQ(test, io_target_write_zeroes(t, 0, 0, IO_TARGET_NO_TIMEOUT), 0);
	sent_prep(test, s, IO_TARGET_OP_WRITE, buf, 0, 0, 0);
	send(test, s);
	KUNIT_EXPECT_EQ(test, s->req.result, 0);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(device_disk[FINE]).bios, 0);
}

struct status_case {
	const char	*name;
	blk_status_t	status;
};

#define STATUS(name)	{ #name, BLK_STS_##name }

static const struct status_case status_cases[] = {
	STATUS(NOTSUPP), STATUS(TIMEOUT), STATUS(NOSPC), STATUS(TRANSPORT), STATUS(TARGET),
	STATUS(MEDIUM), STATUS(PROTECTION), STATUS(RESOURCE), STATUS(IOERR), STATUS(AGAIN),
	STATUS(DEV_RESOURCE), STATUS(OFFLINE),
};

static void status_case_desc(const struct status_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(status, status_cases, status_case_desc);

/* Every status arrives, as it is and as an errno, on every path. */
static void bdev_status(struct kunit *test)
{
	const struct status_case *c = test->param_value;
	int err = blk_status_to_errno(c->status);
	struct io_target *t = open_disk(test, FINE);
	struct sent *s = sent_alloc(test, t, 1);
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	enum io_target_op op;
	unsigned int bios;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	testdev_disk_fail(device_disk[FINE], SZ_4K, 512, c->status);
	for (op = IO_TARGET_OP_READ; op <= IO_TARGET_OP_WRITE; op++) {
		sent_prep(test, s, op, buf, SZ_4K, SZ_4K, 0);
		KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
		KUNIT_ASSERT_TRUE(test, sent_wait(s));
		KUNIT_EXPECT_EQ(test, s->req.result, err);
		KUNIT_EXPECT_EQ(test, (__force u8)s->req.status, (__force u8)c->status);
		KUNIT_EXPECT_FALSE(test, s->req.not_sent);
	}
	bios = testdev_disk_seen(device_disk[FINE]).bios;
	KUNIT_EXPECT_EQ(test, io_target_read(t, buf, SZ_4K, SZ_4K, IO_TARGET_NO_TIMEOUT), err);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(device_disk[FINE]).bios, bios + 1);
	KUNIT_EXPECT_EQ(test, io_target_write(t, buf, SZ_4K, SZ_4K, HZ * 10), err);
	KUNIT_EXPECT_EQ(test, io_target_discard(t, 0, SZ_1M, HZ * 10), err);

	/* The next use of a request that failed starts clean. */
	sent_prep(test, s, IO_TARGET_OP_READ, buf, SZ_4K, 0, 0);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, SZ_4K);
	KUNIT_EXPECT_EQ(test, (__force u8)s->req.status, 0);
}

/* One failing piece fails the whole, once; the others are carried out. */
static void bdev_failing_piece(struct kunit *test)
{
	struct testdev_disk *disk = device_disk[FINE];
	struct sent *s = sent_alloc(test, open_disk(test, FINE), SCATTERED_BIOS);
	u8 *block = kunit_kzalloc(test, 512, GFP_KERNEL);
	struct scattered *sc = scattered_alloc(test);
	int bad;

	KUNIT_ASSERT_NOT_NULL(test, block);
	scattered_fill(sc, SEED);
	for (bad = 0; bad < SCATTERED_BIOS; bad++) {
		u64 other = (bad + 1) % SCATTERED_BIOS * SCATTERED_PIECE;

		testdev_disk_fail(disk, bad * SCATTERED_PIECE, 512, BLK_STS_MEDIUM);
		scattered_prep(test, &s[bad], IO_TARGET_OP_WRITE, sc, 0);
		send(test, &s[bad]);
		KUNIT_EXPECT_EQ(test, s[bad].req.result, blk_status_to_errno(BLK_STS_MEDIUM));
		KUNIT_EXPECT_EQ(test, (__force u8)s[bad].req.status,
				(__force u8)BLK_STS_MEDIUM);
		KUNIT_EXPECT_EQ(test, testdev_disk_seen(disk).writes,
				(bad + 1) * SCATTERED_BIOS);
		KUNIT_EXPECT_TRUE(test, still_there(other, block));
	}
}

#define CRUMBS	1024

/*
 * Pieces of memory that are legal one by one, and so small that a bio's table
 * is full before it has a block: refused, or carried out well.
 */
static void bdev_crumbs(struct kunit *test)
{
	struct testdev_disk *disk = device_disk[LARGE];
	struct sent *s = sent_alloc(test, open_disk(test, LARGE), 1);
	u8 *buf = kunit_kzalloc(test, CRUMBS * 12, GFP_KERNEL);
	struct kvec *kvec = kunit_kcalloc(test, CRUMBS, sizeof(*kvec), GFP_KERNEL);
	struct iov_iter iter;
	int i, err;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_NOT_NULL(test, kvec);
	for (i = 0; i < CRUMBS; i++) {
		kvec[i].iov_base = buf + 12 * i;
		kvec[i].iov_len = 4;
		pattern_fill(kvec[i].iov_base, 4, i * 4, SEED);
	}
	iov_iter_kvec(&iter, ITER_SOURCE, kvec, CRUMBS, CRUMBS * 4);
	err = io_target_prep_write(&s->req, &iter, 0, 0);
	if (err) {
		KUNIT_EXPECT_EQ(test, err, -EFAULT);
		return;
	}
	send(test, s);
	KUNIT_EXPECT_EQ(test, s->req.result, CRUMBS * 4);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(disk).broken, 0);
	testdev_store_read(testdev_disk_store(disk), 0, buf, CRUMBS * 4);
	KUNIT_EXPECT_EQ(test, pattern_match(buf, CRUMBS * 4, 0, SEED), CRUMBS * 4);
}

#define UNIT	(192ULL << 10)

/* A discard of many GiB is cut where the disk's units of discards are. */
static void bdev_discard_units(struct kunit *test)
{
	struct testdev_disk_config config = {
		.name = "iotunits",
		.size = 8ULL << 30,
		.limits = {
			.logical_block_size = 4096,
			.physical_block_size = 4096,
			.max_discard_sectors = SZ_1G >> SECTOR_SHIFT,
			.discard_granularity = UNIT,
		},
	};
	struct testdev_disk *disk = testdev_disk_create(&config);
	struct testdev_disk_seen seen = {};
	struct io_target *t;

	KUNIT_ASSERT_FALSE(test, IS_ERR(disk));
	t = device_open(test, testdev_disk_path(disk), RW);
	KUNIT_EXPECT_EQ(test, io_target_discard(t, UNIT, 30000 * UNIT, IO_TARGET_NO_TIMEOUT), 0);
	seen = testdev_disk_seen(disk);
	KUNIT_EXPECT_EQ(test, seen.bytes, 30000 * UNIT);
	KUNIT_EXPECT_GT(test, seen.discards, 5u);
	KUNIT_EXPECT_EQ(test, seen.cuts, 0u);
	/* One that does not begin with a unit has the first one cut, and no other. */
	KUNIT_EXPECT_EQ(test, io_target_discard(t, SZ_4K, 30000 * UNIT - SZ_4K,
						IO_TARGET_NO_TIMEOUT), 0);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(disk).cuts, 1u);
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	testdev_disk_destroy(disk);
}

static struct kunit_case bdev_cases[] = {
	KUNIT_CASE_PARAM(bdev_flags, flag_gen_params),
	KUNIT_CASE(bdev_discard_units),
	KUNIT_CASE(bdev_flags_of_pieces),
	KUNIT_CASE(bdev_flush),
	KUNIT_CASE_PARAM(bdev_range, range_gen_params),
	KUNIT_CASE(bdev_zeroes_fua),
	KUNIT_CASE(bdev_empty),
	KUNIT_CASE_PARAM(bdev_status, status_gen_params),
	KUNIT_CASE(bdev_failing_piece),
	KUNIT_CASE(bdev_crumbs),
	{}
};

static struct kunit_suite bdev_suite = {
	.name		= "io_target_bdev",
	.suite_init	= device_disks_init,
	.suite_exit	= device_disks_exit,
	.init		= device_fixture_init,
	.exit		= device_fixture_exit,
	.test_cases	= bdev_cases,
};

kunit_test_suite(bdev_suite);
