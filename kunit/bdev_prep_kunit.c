// SPDX-License-Identifier: GPL-2.0
/*
 * What prep refuses on a block device, with which error, and that nothing of
 * it reaches the device.
 */
#include <linux/sizes.h>

#include "device.h"

#define BUFFER	SZ_64K

/* The block layer gives a disk so much at once if that does not say how much it takes. */
#define NOWAIT_MOST	(255 << SECTOR_SHIFT)

/* What sort of memory the request is given */
enum memory { ALIGNED, OFF_BY_1, OFF_BY_2, OFF_BY_4, OFF_BY_512 };

static const unsigned int memory_offset[] = {
	[ALIGNED] = 0, [OFF_BY_1] = 1, [OFF_BY_2] = 2, [OFF_BY_4] = 4, [OFF_BY_512] = 512,
};

/**
 * struct prep_case - one prep and its result
 * @name: description
 * @disk: FINE or PLAIN
 * @opened: flags of the open
 * @op: operation
 * @from_end: @pos counts from the end of the disk
 * @pos: offset
 * @len: length; memory behind it is not looked at by prep
 * @memory: alignment of the buffer
 * @flags: of the request
 * @error: expected
 */
struct prep_case {
	const char		*name;
	int			disk;
	unsigned int		opened;
	enum io_target_op	op;
	bool			from_end;
	loff_t			pos;
	u64			len;
	enum memory		memory;
	unsigned int		flags;
	int			error;
};

#define R	IO_TARGET_OP_READ
#define W	IO_TARGET_OP_WRITE
#define D	IO_TARGET_OP_DISCARD
#define Z	IO_TARGET_OP_WRITE_ZEROES
#define F	IO_TARGET_OP_FLUSH
#define E	IO_TARGET_OP_SECURE_ERASE
#define ZR	IO_TARGET_OP_ZONE_RESET
#define ZA	IO_TARGET_OP_ZONE_APPEND
#define FUA	IO_TARGET_FUA
#define PRE	IO_TARGET_PREFLUSH
#define NOW	IO_TARGET_NOWAIT
#define BOUNCE	IO_TARGET_BOUNCE

static const struct prep_case prep_cases[] = {
	{ "read", FINE, RW, R, false, 0, 512, ALIGNED, 0, 0 },
	{ "write", FINE, RW, W, false, 512, 4096, ALIGNED, 0, 0 },
	{ "read nothing", FINE, RW, R, false, 0, 0, ALIGNED, 0, 0 },
	{ "offset 1", FINE, RW, R, false, 1, 512, ALIGNED, 0, -EINVAL },
	{ "offset 511", FINE, RW, W, false, 511, 512, ALIGNED, 0, -EINVAL },
	{ "length 511", FINE, RW, R, false, 0, 511, ALIGNED, 0, -EINVAL },
	{ "length 513", FINE, RW, W, false, 0, 513, ALIGNED, 0, -EINVAL },
	{ "offset 512, large blocks", PLAIN, RW, R, false, 512, 4096, ALIGNED, 0, -EINVAL },
	{ "length 512, large blocks", PLAIN, RW, W, false, 0, 512, ALIGNED, 0, -EINVAL },
	{ "large blocks", PLAIN, RW, R, false, 4096, 8192, ALIGNED, 0, 0 },

	{ "memory + 1", FINE, RW, R, false, 0, 512, OFF_BY_1, 0, -EFAULT },
	{ "memory + 2", FINE, RW, W, false, 0, 512, OFF_BY_2, 0, -EFAULT },
	{ "memory + 4", FINE, RW, R, false, 0, 512, OFF_BY_4, 0, 0 },
	{ "memory + 1, bounced", FINE, RW, R, false, 0, 512, OFF_BY_1, BOUNCE, 0 },
	{ "memory + 4, coarse", PLAIN, RW, R, false, 0, 4096, OFF_BY_4, 0, -EFAULT },
	{ "memory + 512, coarse", PLAIN, RW, R, false, 0, 4096, OFF_BY_512, 0, 0 },

	{ "last block", FINE, RW, R, true, -512, 512, ALIGNED, 0, 0 },
	{ "one block over", FINE, RW, R, true, -512, 1024, ALIGNED, 0, -ENXIO },
	{ "at the end", FINE, RW, W, true, 0, 512, ALIGNED, 0, -ENXIO },
	{ "nothing at the end", FINE, RW, R, true, 0, 0, ALIGNED, 0, 0 },
	{ "nothing past the end", FINE, RW, R, true, 512, 0, ALIGNED, 0, -ENXIO },
	{ "far past the end", FINE, RW, R, true, SZ_1G, 512, ALIGNED, 0, -ENXIO },
	{ "negative offset", FINE, RW, R, false, -512, 512, ALIGNED, 0, -EOVERFLOW },
	{ "end too far", FINE, RW, W, false, S64_MAX - 511, 512, ALIGNED, 0, -EOVERFLOW },

	{ "write, opened to read", FINE, IO_TARGET_READ, W, false, 0, 512, ALIGNED, 0, -EROFS },
	{ "discard, opened to read", FINE, IO_TARGET_READ, D, false, 0, 512, ALIGNED, 0, -EROFS },
	{ "zeroes, opened to read", FINE, IO_TARGET_READ, Z, false, 0, 512, ALIGNED, 0, -EROFS },
	{ "flush, opened to read", FINE, IO_TARGET_READ, F, false, 0, 0, ALIGNED, 0, 0 },
	{ "read, opened to write", FINE, IO_TARGET_WRITE, R, false, 0, 512, ALIGNED, 0, -EBADF },

	{ "unknown flag", FINE, RW, R, false, 0, 512, ALIGNED, BIT(15), -EINVAL },
	{ "private flag", FINE, RW, R, false, 0, 512, ALIGNED, BIT(28), -EINVAL },
	{ "read with FUA", FINE, RW, R, false, 0, 512, ALIGNED, FUA, -EINVAL },
	{ "read with PREFLUSH", FINE, RW, R, false, 0, 512, ALIGNED, PRE, -EINVAL },
	{ "write with both", FINE, RW, W, false, 0, 512, ALIGNED, FUA | PRE, 0 },
	{ "discard with FUA", FINE, RW, D, false, 0, 512, ALIGNED, FUA, -EINVAL },
	{ "zeroes with PREFLUSH", FINE, RW, Z, false, 0, 512, ALIGNED, PRE, -EINVAL },
	{ "flush with NOWAIT", FINE, RW, F, false, 0, 0, ALIGNED, NOW, -EINVAL },
	{ "flush of a range", FINE, RW, F, false, 512, 512, ALIGNED, 0, -EINVAL },
	{ "no operation", FINE, RW, IO_TARGET_OP_NONE, false, 0, 512, ALIGNED, 0, -EINVAL },
	{ "NOWAIT", FINE, RW, W, false, 0, 512, ALIGNED, NOW, 0 },
	{ "NOWAIT, at once", FINE, RW, R, false, 0, NOWAIT_MOST, ALIGNED, NOW, 0 },
	{ "NOWAIT, too much", FINE, RW, R, false, 0, NOWAIT_MOST + 512, ALIGNED, NOW, -EMSGSIZE },
	{ "NOWAIT, too much to bounce", FINE, RW, W, false, 0, SZ_1M, ALIGNED, NOW | BOUNCE,
	  -EMSGSIZE },
	{ "NOWAIT, it may wait", PLAIN, RW, W, false, 0, 4096, ALIGNED, NOW, -EOPNOTSUPP },

	{ "discard", FINE, RW, D, false, 0, 512, ALIGNED, 0, 0 },
	{ "discard, all", FINE, RW, D, false, 0, FINE_SIZE, ALIGNED, 0, 0 },
	{ "discard, no block", FINE, RW, D, false, 0, 100, ALIGNED, 0, -EINVAL },
	{ "discard past the end", FINE, RW, D, false, 512, FINE_SIZE, ALIGNED, 0, -ENXIO },
	{ "discard, it has none", PLAIN, RW, D, false, 0, 4096, ALIGNED, 0, -EOPNOTSUPP },
	{ "zeroes", FINE, RW, Z, false, 0, 512, ALIGNED, 0, 0 },
	{ "zeroes past the end", FINE, RW, Z, false, 512, FINE_SIZE, ALIGNED, 0, -ENXIO },
	{ "zeroes, it has none", PLAIN, RW, Z, false, 0, 4096, ALIGNED, 0, -EOPNOTSUPP },

	{ "erase", FINE, RW, E, false, 0, 512, ALIGNED, 0, 0 },
	{ "erase, all", FINE, RW, E, false, 0, FINE_SIZE, ALIGNED, 0, 0 },
	{ "erase, no block", FINE, RW, E, false, 0, 100, ALIGNED, 0, -EINVAL },
	{ "erase past the end", FINE, RW, E, false, 512, FINE_SIZE, ALIGNED, 0, -ENXIO },
	{ "erase, it has none", PLAIN, RW, E, false, 0, 4096, ALIGNED, 0, -EOPNOTSUPP },
	{ "erase, opened to read", FINE, IO_TARGET_READ, E, false, 0, 512, ALIGNED, 0, -EROFS },
	{ "zones, it has none", FINE, RW, ZR, false, 0, FINE_SIZE, ALIGNED, 0, -EOPNOTSUPP },
	{ "append, no zones", FINE, RW, ZA, false, 0, 512, ALIGNED, 0, -EOPNOTSUPP },

	{ "bounce, most", FINE, RW, R, false, 0, SZ_1M, ALIGNED, BOUNCE, 0 },
	{ "bounce, too much", FINE, RW, R, false, 0, SZ_1M + 512, ALIGNED, BOUNCE, -EMSGSIZE },
	{ "bounced discard, all", FINE, RW, D, false, 0, FINE_SIZE, ALIGNED, BOUNCE, 0 },
};

static void prep_case_desc(const struct prep_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(prep, prep_cases, prep_case_desc);

static int prep_one(struct io_target_request *req, const struct prep_case *c, u8 *buf)
{
	loff_t pos = c->pos;

	if (c->from_end)
		pos += c->disk == FINE ? FINE_SIZE : PLAIN_SIZE;
	if (c->op == D || c->op == Z || c->op == F || c->op == E || c->op == ZR)
		return io_target_prep_range(req, c->op, pos, c->len, c->flags);
	return io_target_prep_rw_buf(req, c->op, buf + memory_offset[c->memory], c->len, pos,
				     c->flags);
}

/* What is refused cannot be submitted, and nothing is left of it. Covers F1. */
static void bdev_prep(struct kunit *test)
{
	const struct prep_case *c = test->param_value;
	struct testdev_disk *disk = device_disk[c->disk];
	struct io_target *t = device_open(test, testdev_disk_path(disk), c->opened);
	struct sent *s = sent_alloc(test, t, 1);
	u8 *buf = kunit_kzalloc(test, BUFFER, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_EXPECT_EQ(test, prep_one(&s->req, c, buf), c->error);
	if (c->error)
		KUNIT_EXPECT_EQ(test, sent_submit(s), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_request_reinit(&s->req), 0);
	KUNIT_EXPECT_EQ(test, sent_submit(s), -EINVAL);
	KUNIT_EXPECT_EQ(test, atomic_read(&s->ends), 0);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(disk).bios, 0);
}

/* Wrong forms of a transfer, by iov_iter and by page */
static void bdev_prep_forms(struct kunit *test)
{
	struct io_target *t = device_open(test, testdev_disk_path(device_disk[FINE]), RW);
	struct sent *s = sent_alloc(test, t, 1);
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	struct kvec kvec = { .iov_base = buf, .iov_len = SZ_4K };
	struct iov_iter iter;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	iov_iter_kvec(&iter, ITER_SOURCE, &kvec, 1, SZ_4K);
	KUNIT_EXPECT_EQ(test, io_target_prep_read(&s->req, &iter, 0, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_prep_rw(&s->req, D, &iter, 0, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_prep_write(&s->req, &iter, 0, 0), 0);
	iov_iter_kvec(&iter, ITER_DEST, &kvec, 1, SZ_4K);
	KUNIT_EXPECT_EQ(test, io_target_prep_write(&s->req, &iter, 0, 0), -EINVAL);
	iov_iter_discard(&iter, ITER_DEST, SZ_4K);
	KUNIT_EXPECT_EQ(test, io_target_prep_read(&s->req, &iter, 0, 0), -EINVAL);

	KUNIT_EXPECT_EQ(test, io_target_prep_rw_page(&s->req, D, virt_to_page(buf), 0, 512, 0, 0),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_prep_rw_page(&s->req, R, virt_to_page(buf), 1, 512, 0, 0),
			-EFAULT);
	KUNIT_EXPECT_EQ(test, io_target_prep_rw_page(&s->req, R, virt_to_page(buf), 0,
						     1ULL << 32, 0, 0), -EMSGSIZE);
}

/* One piece of many that the device cannot reach */
static void bdev_prep_one_bad_piece(struct kunit *test)
{
	struct io_target *t = device_open(test, testdev_disk_path(device_disk[FINE]), RW);
	struct sent *s = sent_alloc(test, t, 1);
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	struct kvec kvec[3] = {
		{ .iov_base = buf, .iov_len = 512 },
		{ .iov_base = buf + 514, .iov_len = 512 },
		{ .iov_base = buf + 2048, .iov_len = 512 },
	};
	struct bio_vec bvec[2];
	struct iov_iter iter;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	iov_iter_kvec(&iter, ITER_DEST, kvec, 3, 1536);
	KUNIT_EXPECT_EQ(test, io_target_prep_read(&s->req, &iter, 0, 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, io_target_prep_read(&s->req, &iter, 0, BOUNCE), 0);

	bvec_set_page(&bvec[0], virt_to_page(buf), 1024, offset_in_page(buf));
	bvec_set_page(&bvec[1], virt_to_page(buf), 510, offset_in_page(buf) + 1024);
	iov_iter_bvec(&iter, ITER_DEST, bvec, 2, 1534);
	iov_iter_truncate(&iter, 1024);
	KUNIT_EXPECT_EQ(test, io_target_prep_read(&s->req, &iter, 0, 0), 0);
	iov_iter_bvec(&iter, ITER_DEST, bvec, 2, 1534);
	iov_iter_advance(&iter, 510);
	KUNIT_EXPECT_EQ(test, io_target_prep_read(&s->req, &iter, 0, 0), -EFAULT);
}

/* The stack is nobody's to keep; the blocking calls copy. */
static void bdev_prep_stack(struct kunit *test)
{
	struct io_target *t = device_open(test, testdev_disk_path(device_disk[FINE]), RW);
	struct sent *s = sent_alloc(test, t, 1);
	u8 buf[512] = { 1, 2, 3 };

	KUNIT_EXPECT_EQ(test, io_target_prep_write_buf(&s->req, buf, 512, 0, 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, io_target_prep_write_buf(&s->req, buf, 512, 0, BOUNCE), 0);
	KUNIT_EXPECT_EQ(test, io_target_request_free(&s->req), 0);
	KUNIT_EXPECT_EQ(test, io_target_write(t, buf, 512, 0, IO_TARGET_NO_TIMEOUT), 512);
	memset(buf, 0, 512);
	KUNIT_EXPECT_EQ(test, io_target_read(t, buf, 512, 0, IO_TARGET_NO_TIMEOUT), 512);
	KUNIT_EXPECT_EQ(test, buf[2], 3);
}

static void bdev_prep_closed(struct kunit *test)
{
	const char *path = testdev_disk_path(device_disk[FINE]);
	struct io_target *t = device_open(test, path, RW);
	struct sent *s = sent_alloc(test, t, 1);
	u8 *buf = kunit_kzalloc(test, 512, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	sent_prep(test, s, R, buf, 512, 0, 0);
	io_target_close(t);
	KUNIT_EXPECT_EQ(test, sent_submit(s), -ENODEV);
	KUNIT_EXPECT_EQ(test, io_target_prep_read_buf(&s->req, buf, 512, 0, 0), -ENODEV);

	KUNIT_ASSERT_EQ(test, io_target_open(t, path, RW), 0);
	sent_prep(test, s, R, buf, 512, 0, 0);
	io_target_close(t);
	KUNIT_ASSERT_EQ(test, io_target_open(t, path, RW), 0);
	KUNIT_EXPECT_EQ(test, sent_submit(s), -ESTALE);
	sent_prep(test, s, R, buf, 512, 0, 0);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	KUNIT_EXPECT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, 512);
}

static void bdev_bad_timeouts(struct kunit *test)
{
	struct io_target *t = device_open(test, testdev_disk_path(device_disk[FINE]), RW);
	u8 *buf = kunit_kzalloc(test, 512, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_EXPECT_EQ(test, io_target_read(t, buf, 512, 0, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_write(t, buf, 512, 0, -1), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_flush(t, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_discard(t, 0, 512, -HZ), -EINVAL);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(device_disk[FINE]).bios, 0);
}

static struct kunit_case bdev_prep_suite_cases[] = {
	KUNIT_CASE_PARAM(bdev_prep, prep_gen_params),
	KUNIT_CASE(bdev_prep_forms),
	KUNIT_CASE(bdev_prep_one_bad_piece),
	KUNIT_CASE(bdev_prep_stack),
	KUNIT_CASE(bdev_prep_closed),
	KUNIT_CASE(bdev_bad_timeouts),
	{}
};

static struct kunit_suite bdev_prep_suite = {
	.name		= "io_target_bdev_prep",
	.suite_init	= device_disks_init,
	.suite_exit	= device_disks_exit,
	.init		= device_fixture_init,
	.exit		= device_fixture_exit,
	.test_cases	= bdev_prep_suite_cases,
};

kunit_test_suite(bdev_prep_suite);
