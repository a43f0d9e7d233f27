// SPDX-License-Identifier: GPL-2.0
/*
 * Round trips: every kind of memory, 512 bytes to 64 MiB, over disks and char
 * devices that answer at once or later, blocking and not.
 */
#include <linux/sizes.h>

#include "buffer.h"
#include "device.h"
#include "pattern.h"

/* Devices and the way they answer */
enum lower { DISK_NOW, DISK_LATE, CHAR_NOW, CHAR_LATE };

static const char * const lower_names[] = {
	[DISK_NOW] = "disk", [DISK_LATE] = "late disk",
	[CHAR_NOW] = "char", [CHAR_LATE] = "late char",
};

#define SYNC	BIT(0)	/* blocking, no timeout */
#define TIMED	BIT(1)	/* blocking with a timeout, so through the library's memory */
#define ASYNC	BIT(2)
#define LARGE_SIZE	SZ_64M

static const struct {
	size_t		size;
	unsigned int	ways;
} sizes[] = {
	{ 512, SYNC | TIMED | ASYNC },
	{ SZ_4K, SYNC | TIMED | ASYNC },
	{ 5 * SZ_4K, SYNC | TIMED | ASYNC },
	{ SZ_64K, SYNC | TIMED | ASYNC },
	{ SZ_1M, TIMED | ASYNC },
	{ SZ_1M + 512, SYNC | TIMED },
	{ 3 * SZ_1M, ASYNC },
	{ LARGE_SIZE, ASYNC },
};

struct transfer_case {
	enum lower		lower;
	enum buffer_kind	kind;
	bool			large;	/* the largest size alone, else all others */
};

static const struct transfer_case transfer_cases[] = {
	{ DISK_NOW, BUFFER_KMALLOC },
	{ DISK_NOW, BUFFER_VMALLOC },
	{ DISK_NOW, BUFFER_KVEC },
	{ DISK_NOW, BUFFER_BVEC },
	{ DISK_NOW, BUFFER_PAGE },
	{ DISK_NOW, BUFFER_FOLIO },
	{ DISK_LATE, BUFFER_KMALLOC },
	{ DISK_LATE, BUFFER_VMALLOC },
	{ DISK_LATE, BUFFER_KVEC },
	{ DISK_LATE, BUFFER_BVEC },
	{ DISK_LATE, BUFFER_PAGE },
	{ DISK_LATE, BUFFER_FOLIO },
	{ CHAR_NOW, BUFFER_KMALLOC },
	{ CHAR_NOW, BUFFER_VMALLOC },
	{ CHAR_NOW, BUFFER_KVEC },
	{ CHAR_NOW, BUFFER_BVEC },
	{ CHAR_NOW, BUFFER_PAGE },
	{ CHAR_NOW, BUFFER_FOLIO },
	{ CHAR_LATE, BUFFER_KMALLOC },
	{ CHAR_LATE, BUFFER_VMALLOC },
	{ CHAR_LATE, BUFFER_KVEC },
	{ CHAR_LATE, BUFFER_BVEC },
	{ CHAR_LATE, BUFFER_PAGE },
	{ CHAR_LATE, BUFFER_FOLIO },
	{ DISK_NOW, BUFFER_VMALLOC, true },
	{ DISK_LATE, BUFFER_BVEC, true },
	{ CHAR_NOW, BUFFER_VMALLOC, true },
};

static void transfer_case_desc(const struct transfer_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s, %s%s", lower_names[c->lower],
		 buffer_kind_names[c->kind], c->large ? ", 64 MiB" : "");
}

KUNIT_ARRAY_PARAM(transfer, transfer_cases, transfer_case_desc);

static bool is_disk(enum lower lower)
{
	return lower == DISK_NOW || lower == DISK_LATE;
}

static struct testdev_store *lower_store(enum lower lower)
{
	return is_disk(lower) ? testdev_disk_store(device_disk[FINE]) :
				testdev_char_store(device_char[SEEK]);
}

static struct io_target *lower_open(struct kunit *test, enum lower lower)
{
	struct testdev_char_behaviour late = {
		.mode = TESTDEV_LATE, .context = TESTDEV_SOFTIRQ,
	};

	if (lower == DISK_LATE)
		testdev_disk_mode(device_disk[FINE], TESTDEV_LATE, TESTDEV_SOFTIRQ);
	if (lower == CHAR_LATE)
		testdev_char_behave(device_char[SEEK], &late);
	return device_open(test, is_disk(lower) ? testdev_disk_path(device_disk[FINE]) :
						  testdev_char_path(device_char[SEEK]), RW);
}

static ssize_t transfer_async(struct kunit *test, struct sent *s, enum io_target_op op,
			      struct buffer *b, loff_t pos)
{
	KUNIT_ASSERT_EQ(test, buffer_prep(b, &s->req, op, pos, 0), 0);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	return s->req.result;
}

/* One line where the memory is one buffer, else a request. */
static ssize_t transfer_wait(struct kunit *test, struct sent *s, enum io_target_op op,
			     struct buffer *b, loff_t pos, long timeout)
{
	unsigned int flags = timeout == IO_TARGET_NO_TIMEOUT ? 0 : IO_TARGET_BOUNCE;
	void *flat = buffer_flat(b);

	if (flat && op == IO_TARGET_OP_READ)
		return io_target_read(s->req.target, flat, b->len, pos, timeout);
	if (flat)
		return io_target_write(s->req.target, flat, b->len, pos, timeout);
	if (flags && b->len > IO_TARGET_BOUNCE_MAX) {
		KUNIT_EXPECT_EQ(test, buffer_prep(b, &s->req, op, pos, flags), -EMSGSIZE);
		flags = 0;
	}
	KUNIT_ASSERT_EQ(test, buffer_prep(b, &s->req, op, pos, flags), 0);
	return io_target_submit_wait(&s->req, timeout);
}

static ssize_t transfer(struct kunit *test, struct sent *s, unsigned int way,
			enum io_target_op op, struct buffer *b, loff_t pos)
{
	if (way == ASYNC)
		return transfer_async(test, s, op, b, pos);
	return transfer_wait(test, s, op, b, pos,
			     way == SYNC ? IO_TARGET_NO_TIMEOUT : TESTDEV_PATIENCE);
}

/* The first and the last bytes are where they belong on the device. */
static bool placed(enum lower lower, loff_t pos, size_t len, u64 seed, u8 *block)
{
	struct testdev_store *store = lower_store(lower);

	testdev_store_read(store, pos, block, 512);
	if (pattern_match(block, 512, pos, seed) < 512)
		return false;
	testdev_store_read(store, pos + len - 512, block, 512);
	return pattern_match(block, 512, pos + len - 512, seed) == 512;
}

/* Written, on the device, and read back, with a pattern of its own */
static void round_trip(struct kunit *test, const struct transfer_case *c, struct sent *s,
		       struct buffer *b, unsigned int way, u8 *block)
{
	loff_t pos = is_disk(c->lower) ? SZ_1M - 512 : SZ_1M - 3;
	u64 seed = b->len * 8 + way;

	buffer_fill(b, pos, seed);
	KUNIT_EXPECT_EQ_MSG(test, transfer(test, s, way, IO_TARGET_OP_WRITE, b, pos), b->len,
			    "size %zu, way %u", b->len, way);
	KUNIT_EXPECT_TRUE(test, placed(c->lower, pos, b->len, seed, block));
	buffer_clear(b);
	KUNIT_EXPECT_EQ_MSG(test, transfer(test, s, way, IO_TARGET_OP_READ, b, pos), b->len,
			    "size %zu, way %u", b->len, way);
	KUNIT_EXPECT_TRUE_MSG(test, buffer_match(b, pos, seed), "size %zu, way %u", b->len, way);
}

static void round_trips(struct kunit *test, const struct transfer_case *c, struct sent *s,
			unsigned int i)
{
	u8 *block = kunit_kzalloc(test, 512, GFP_KERNEL);
	struct buffer *b = buffer_alloc(c->kind, sizes[i].size);
	unsigned int way, ways = sizes[i].ways;

	KUNIT_ASSERT_NOT_NULL(test, block);
	KUNIT_ASSERT_NOT_NULL(test, b);
	/* What is special about a device shows with less. */
	if (c->lower != DISK_NOW && sizes[i].size > SZ_64K)
		ways &= ASYNC;
	for (way = SYNC; way <= ASYNC; way <<= 1)
		if (ways & way)
			round_trip(test, c, s, b, way, block);
	buffer_free(b);
}

/* Any memory, any size, on any device. Covers F3. */
static void transfer_round_trips(struct kunit *test)
{
	const struct transfer_case *c = test->param_value;
	struct sent *s = sent_alloc(test, lower_open(test, c->lower), 1);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		bool large = sizes[i].size == LARGE_SIZE;

		if (c->large == large)
			round_trips(test, c, s, i);
	}
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(device_disk[FINE]).broken, 0);
}

#define MANY	128

static const enum lower lowers[] = { DISK_NOW, DISK_LATE, CHAR_NOW, CHAR_LATE };

static void lower_desc(const enum lower *lower, char *desc)
{
	strscpy(desc, lower_names[*lower], KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(lower, lowers, lower_desc);

static void send_many(struct kunit *test, struct sent *s, enum io_target_op op, u8 *buf)
{
	unsigned int i;

	for (i = 0; i < MANY; i++) {
		unsigned int n = i * 37 % MANY;	/* in no order */

		sent_prep(test, &s[n], op, buf + n * SZ_4K, SZ_4K, n * SZ_4K, 0);
		KUNIT_ASSERT_EQ(test, sent_submit(&s[n]), 0);
	}
	for (i = 0; i < MANY; i++) {
		KUNIT_ASSERT_TRUE(test, sent_wait(&s[i]));
		KUNIT_EXPECT_EQ(test, s[i].req.result, SZ_4K);
	}
}

/* Many requests at a time, each of which finds its own place */
static void transfer_many(struct kunit *test)
{
	enum lower lower = *(const enum lower *)test->param_value;
	struct sent *s = sent_alloc(test, lower_open(test, lower), MANY);
	u8 *buf = kunit_kzalloc(test, MANY * SZ_4K, GFP_KERNEL);
	unsigned int round, i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	for (round = 1; round <= 4; round++) {
		pattern_fill(buf, MANY * SZ_4K, 0, round);
		send_many(test, s, IO_TARGET_OP_WRITE, buf);
		memset(buf, 0, MANY * SZ_4K);
		send_many(test, s, IO_TARGET_OP_READ, buf);
		KUNIT_EXPECT_EQ(test, pattern_match(buf, MANY * SZ_4K, 0, round), MANY * SZ_4K);
	}
	for (i = 0; i < MANY; i++)
		KUNIT_EXPECT_EQ(test, atomic_read(&s[i].ends), 8);
}

struct part_case {
	enum lower		lower;
	enum buffer_kind	kind;
	unsigned int		flags;
};

static const struct part_case part_cases[] = {
	{ DISK_NOW, BUFFER_KVEC, 0 },
	{ DISK_NOW, BUFFER_BVEC, 0 },
	{ DISK_NOW, BUFFER_KVEC, IO_TARGET_BOUNCE },
	{ DISK_NOW, BUFFER_BVEC, IO_TARGET_BOUNCE },
	{ CHAR_LATE, BUFFER_KVEC, 0 },
	{ CHAR_LATE, BUFFER_BVEC, IO_TARGET_BOUNCE },
};

static void part_desc(const struct part_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s, %s%s", lower_names[c->lower],
		 buffer_kind_names[c->kind], c->flags ? ", bounced" : "");
}

KUNIT_ARRAY_PARAM(part, part_cases, part_desc);

#define PART_START	1536
#define PART_LEN	(SZ_64K - SZ_4K)

/* The middle of a buffer that an advanced and truncated iov_iter names */
static void part_prep(struct kunit *test, const struct part_case *c, struct sent *s,
		      struct buffer *b, enum io_target_op op)
{
	unsigned int dir = op == IO_TARGET_OP_WRITE ? ITER_SOURCE : ITER_DEST;
	struct iov_iter iter;

	if (c->kind == BUFFER_KVEC)
		iov_iter_kvec(&iter, dir, b->pieces, b->nr_pieces, b->len);
	else
		iov_iter_bvec(&iter, dir, b->bvec, b->nr_bvec, b->len);
	iov_iter_advance(&iter, PART_START);
	iov_iter_truncate(&iter, PART_LEN);
	KUNIT_ASSERT_EQ(test, io_target_prep_rw(&s->req, op, &iter, SZ_1M, c->flags), 0);
	KUNIT_EXPECT_EQ(test, io_target_submit_wait(&s->req, TESTDEV_PATIENCE), PART_LEN);
}

/* Bytes before, in and after the part are looked at as they lie in the buffer. */
static void transfer_part(struct kunit *test)
{
	const struct part_case *c = test->param_value;
	struct sent *s = sent_alloc(test, lower_open(test, c->lower), 1);
	struct buffer *b = buffer_alloc(c->kind, SZ_64K);
	u8 *other = kunit_kzalloc(test, SZ_64K, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, b);
	KUNIT_ASSERT_NOT_NULL(test, other);
	buffer_fill(b, SZ_1M - PART_START, 1);
	part_prep(test, c, s, b, IO_TARGET_OP_WRITE);
	testdev_store_read(lower_store(c->lower), SZ_1M - 512, other, SZ_64K);
	KUNIT_EXPECT_EQ(test, pattern_match_byte(other, 512, 0), 512);
	KUNIT_EXPECT_EQ(test, pattern_match(other + 512, PART_LEN, SZ_1M, 1), PART_LEN);
	KUNIT_EXPECT_EQ(test, pattern_match_byte(other + 512 + PART_LEN, 512, 0), 512);

	pattern_fill(other, PART_LEN, SZ_1M, 2);
	testdev_store_write(lower_store(c->lower), SZ_1M, other, PART_LEN);
	part_prep(test, c, s, b, IO_TARGET_OP_READ);
	buffer_gather(b, other);
	KUNIT_EXPECT_EQ(test, pattern_match(other, PART_START, SZ_1M - PART_START, 1),
			PART_START);
	KUNIT_EXPECT_EQ(test, pattern_match(other + PART_START, PART_LEN, SZ_1M, 2), PART_LEN);
	KUNIT_EXPECT_EQ(test, pattern_match(other + PART_START + PART_LEN,
					    SZ_4K - PART_START, SZ_1M + PART_LEN, 1),
			SZ_4K - PART_START);
	buffer_free(b);
}

static int transfer_suite_init(struct kunit_suite *suite)
{
	return device_disks_init(suite) ?: device_chars_init(suite);
}

static void transfer_suite_exit(struct kunit_suite *suite)
{
	device_chars_exit(suite);
	device_disks_exit(suite);
}

static struct kunit_case transfer_suite_cases[] = {
	KUNIT_CASE_PARAM(transfer_round_trips, transfer_gen_params),
	KUNIT_CASE_PARAM(transfer_many, lower_gen_params),
	KUNIT_CASE_PARAM(transfer_part, part_gen_params),
	{}
};

static struct kunit_suite transfer_suite = {
	.name		= "io_target_transfer",
	.suite_init	= transfer_suite_init,
	.suite_exit	= transfer_suite_exit,
	.init		= device_fixture_init,
	.exit		= device_fixture_exit,
	.test_cases	= transfer_suite_cases,
};

kunit_test_suite(transfer_suite);
