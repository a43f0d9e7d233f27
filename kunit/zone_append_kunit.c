// SPDX-License-Identifier: GPL-2.0
/*
 * Appends to the zones of a disk: all forms of memory, and where they have gone.
 */
#include <linux/blkdev.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>

#include "device.h"
#include "pattern.h"

#define SEED	0x617070656e64ULL
#define ZONE	SZ_256K
#define ZONES	4
#define LEN	SZ_4K
#define MOST	128			/* pieces of memory that the disk takes */
#define BUFFER	(2 * MOST * 512)	/* more than an append may have in pieces of a block */

static const struct testdev_disk_config zone_config = {
	.name = "iotappend",
	.size = (u64)ZONE * ZONES,
	.limits = {
		.logical_block_size = 512,
		.physical_block_size = 512,
		.dma_alignment = 3,
		.fua = true,
		.write_cache = true,
		.zone_sectors = ZONE >> SECTOR_SHIFT,
	},
};

static struct testdev_disk *disk;

static int append_suite_init(struct kunit_suite *suite)
{
	disk = testdev_disk_create(&zone_config);
	return PTR_ERR_OR_ZERO(disk);
}

static void append_suite_exit(struct kunit_suite *suite)
{
	testdev_disk_destroy(disk);
}

static struct io_target *zone_open(struct kunit *test, unsigned int flags)
{
	testdev_disk_reset(disk);
	return device_open(test, testdev_disk_path(disk), flags);
}

static void free_mapped(struct kunit_resource *res)
{
	vfree(res->data);
}

/* Mapped pages, with the pattern in them */
static u8 *mapped(struct kunit *test)
{
	struct kunit_resource *res = kunit_kzalloc(test, sizeof(*res), GFP_KERNEL);
	u8 *buf = vmalloc(BUFFER);

	KUNIT_ASSERT_NOT_NULL(test, res);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	kunit_add_resource(test, NULL, free_mapped, res, buf);
	pattern_fill(buf, BUFFER, 0, SEED);
	return buf;
}

static u8 *linear(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, BUFFER, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	pattern_fill(buf, BUFFER, 0, SEED);
	return buf;
}

/* @len bytes of the pattern, from @from on, lie at @pos. */
static void expect_at(struct kunit *test, u64 pos, u64 from, size_t len)
{
	u8 *there = kunit_kzalloc(test, len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, there);
	testdev_store_read(testdev_disk_store(disk), pos, there, len);
	KUNIT_EXPECT_EQ(test, pattern_match(there, len, from, SEED), len);
}

/* Forms of memory */
enum memory_form { BUF, BUF_MAPPED, KVECS, BVECS, FOLIO, BOUNCED, FORMS };

static const enum memory_form forms[FORMS] = { BUF, BUF_MAPPED, KVECS, BVECS, FOLIO, BOUNCED };

static void form_desc(const enum memory_form *form, char *desc)
{
	static const char * const names[] = {
		"buffer", "mapped", "kvecs", "bvecs", "folio", "bounced",
	};

	strscpy(desc, names[*form], KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(form, forms, form_desc);

#define PIECES	16

static int prep_form(struct kunit *test, struct sent *s, enum memory_form form, loff_t pos)
{
	struct kvec *kv = kunit_kcalloc(test, PIECES, sizeof(*kv), GFP_KERNEL);
	struct bio_vec *bv = kunit_kcalloc(test, PIECES, sizeof(*bv), GFP_KERNEL);
	u8 *buf = form == BUF_MAPPED ? mapped(test) : linear(test);
	size_t piece = 2 * LEN / PIECES;
	struct iov_iter iter;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, kv);
	KUNIT_ASSERT_NOT_NULL(test, bv);
	for (i = 0; i < PIECES; i++) {
		kv[i] = (struct kvec){ buf + i * piece, piece };
		if (form == BVECS)
			bvec_set_page(&bv[i], virt_to_page(buf + i * piece), piece,
				      offset_in_page(buf + i * piece));
	}
	iov_iter_kvec(&iter, ITER_SOURCE, kv, PIECES, 2 * LEN);
	if (form == BVECS)
		iov_iter_bvec(&iter, ITER_SOURCE, bv, PIECES, 2 * LEN);
	switch (form) {
	case KVECS:
	case BVECS:
		return io_target_prep_zone_append(&s->req, &iter, pos, 0);
	case FOLIO:
		return io_target_prep_rw_page(&s->req, IO_TARGET_OP_ZONE_APPEND,
					      virt_to_page(buf), offset_in_page(buf), 2 * LEN,
					      pos, 0);
	default:
		return io_target_prep_zone_append_buf(&s->req, buf, 2 * LEN, pos,
						      form == BOUNCED ? IO_TARGET_BOUNCE : 0);
	}
}

/* Three to one zone, of which the last has to wait for the target: one behind the other. */
static void append_form(struct kunit *test)
{
	enum memory_form form = *(const enum memory_form *)test->param_value;
	struct io_target *t = zone_open(test, RW);
	struct sent *s = sent_alloc(test, t, 3);
	loff_t pos = ZONE;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		if (i == 2)
			KUNIT_ASSERT_EQ(test, io_target_stop(t, IO_TARGET_LEAVE_SENT, 0), 0);
		/* Any place of the zone names it. */
		KUNIT_ASSERT_EQ(test, prep_form(test, &s[i], form, pos + i * 512), 0);
		KUNIT_ASSERT_EQ(test, sent_submit(&s[i]), 0);
		if (i < 2)
			KUNIT_ASSERT_TRUE(test, sent_wait(&s[i]));
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&s[2].ends), 0);
	KUNIT_ASSERT_EQ(test, io_target_start(t), 0);
	KUNIT_ASSERT_TRUE(test, sent_wait(&s[2]));
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, s[i].req.result, 2 * LEN);
		KUNIT_EXPECT_EQ(test, io_target_request_pos(&s[i].req), pos + i * 2 * LEN);
		expect_at(test, pos + i * 2 * LEN, 0, 2 * LEN);
	}
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(disk).bios, 3u);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(disk).broken, 0u);
}

/* One line, with memory of any kind */
static void append_call(struct kunit *test)
{
	struct io_target *t = zone_open(test, RW);
	u8 stack[512], *buf = linear(test);
	loff_t pos = 2 * ZONE + 1024;

	KUNIT_EXPECT_EQ(test, io_target_zone_append(t, buf, LEN, &pos, IO_TARGET_NO_TIMEOUT),
			LEN);
	KUNIT_EXPECT_EQ(test, pos, 2 * ZONE);
	expect_at(test, pos, 0, LEN);
	KUNIT_EXPECT_EQ(test, io_target_zone_append(t, buf, LEN, &pos, TESTDEV_PATIENCE), LEN);
	KUNIT_EXPECT_EQ(test, pos, 2 * ZONE + LEN);
	memcpy(stack, buf, sizeof(stack));
	KUNIT_EXPECT_EQ(test, io_target_zone_append(t, stack, 512, &pos, IO_TARGET_NO_TIMEOUT),
			512);
	KUNIT_EXPECT_EQ(test, pos, 2 * ZONE + 2 * LEN);
	expect_at(test, pos, 0, 512);
	KUNIT_EXPECT_EQ(test, io_target_zone_append(t, buf, LEN, &pos, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, pos, 2 * ZONE + 2 * LEN);
}

/* The zone is what a prepared one keeps, and not the place. */
static void append_prepared(struct kunit *test)
{
	struct io_target *t = zone_open(test, RW);
	struct sent *s = sent_alloc(test, t, 1);
	u8 *buf = linear(test);
	unsigned int i;

	KUNIT_ASSERT_EQ(test, io_target_prep_zone_append_buf(&s->req, buf, LEN, 3 * ZONE,
							     IO_TARGET_PREPARED), 0);
	for (i = 0; i < ZONE / LEN; i++) {
		KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
		KUNIT_ASSERT_TRUE(test, sent_wait(s));
		KUNIT_ASSERT_EQ(test, s->req.result, LEN);
		KUNIT_EXPECT_EQ(test, io_target_request_pos(&s->req), 3 * ZONE + i * LEN);
	}
	/* Full: the zone that it has been sent to is still the same. */
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, -EIO);
	KUNIT_ASSERT_EQ(test, io_target_request_set_pos(&s->req, ZONE), 0);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, io_target_request_pos(&s->req), ZONE);
	KUNIT_ASSERT_EQ(test, io_target_request_set_pos(&s->req, ZONES * ZONE), 0);
	KUNIT_EXPECT_EQ(test, sent_submit(s), -ENXIO);
}

/* A read of the same request afterwards is nothing but a read. */
static void append_then_read(struct kunit *test)
{
	struct io_target *t = zone_open(test, RW);
	struct sent *s = sent_alloc(test, t, 1);
	u8 *buf = linear(test);

	sent_prep(test, s, IO_TARGET_OP_ZONE_APPEND, buf, LEN, ZONE, 0);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	memset(buf, 0, LEN);
	sent_prep(test, s, IO_TARGET_OP_READ, buf, LEN, ZONE, 0);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, LEN);
	KUNIT_EXPECT_EQ(test, io_target_request_pos(&s->req), ZONE);
	KUNIT_EXPECT_EQ(test, pattern_match(buf, LEN, 0, SEED), (size_t)LEN);
}

/* Neighbours are not: each has a place of its own. */
static void append_batch(struct kunit *test)
{
	struct io_target *t = zone_open(test, RW);
	struct sent *s = sent_alloc(test, t, 4);
	u8 *buf = linear(test);
	unsigned int i;

	for (i = 0; i < 4; i++)
		sent_prep(test, &s[i], IO_TARGET_OP_ZONE_APPEND, buf, 512, ZONE + i * 512,
			  IO_TARGET_MERGE_OK | IO_TARGET_FUA);
	KUNIT_ASSERT_EQ(test, sent_submit_batch(test, s, 4), 4);
	for (i = 0; i < 4; i++) {
		KUNIT_ASSERT_TRUE(test, sent_wait(&s[i]));
		KUNIT_EXPECT_EQ(test, s[i].req.result, 512);
		KUNIT_EXPECT_EQ(test, io_target_request_pos(&s[i].req), ZONE + i * 512);
	}
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(disk).bios, 4u);
	KUNIT_EXPECT_TRUE(test, testdev_disk_seen(disk).last_flags & REQ_FUA);
}

/* Memory that one command cannot have, and places that there are not */
static void append_refused(struct kunit *test)
{
	struct io_target *t = zone_open(test, RW);
	struct kvec *kv = kunit_kcalloc(test, MOST + 1, sizeof(*kv), GFP_KERNEL);
	struct sent *s = sent_alloc(test, t, 1);
	u8 *buf = linear(test);
	struct iov_iter iter;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, kv);
	for (i = 0; i <= MOST; i++)
		kv[i] = (struct kvec){ buf + 2 * i * 512, 512 };
	iov_iter_kvec(&iter, ITER_SOURCE, kv, MOST, MOST * 512);
	KUNIT_EXPECT_EQ(test, io_target_prep_zone_append(&s->req, &iter, ZONE, 0), 0);
	iov_iter_kvec(&iter, ITER_SOURCE, kv, MOST + 1, (MOST + 1) * 512);
	KUNIT_EXPECT_EQ(test, io_target_prep_zone_append(&s->req, &iter, ZONE, 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, io_target_prep_zone_append(&s->req, &iter, ZONE, IO_TARGET_BOUNCE),
			0);
	iov_iter_kvec(&iter, ITER_DEST, kv, 1, 512);
	KUNIT_EXPECT_EQ(test, io_target_prep_zone_append(&s->req, &iter, ZONE, 0), -EINVAL);

	KUNIT_EXPECT_EQ(test, io_target_prep_zone_append_buf(&s->req, buf, ZONE + 512, 0, 0),
			-EMSGSIZE);
	KUNIT_EXPECT_EQ(test, io_target_prep_zone_append_buf(&s->req, buf, 512, ZONES * ZONE, 0),
			-ENXIO);
	KUNIT_EXPECT_EQ(test, io_target_prep_zone_append_buf(&s->req, buf, 100, 0, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_prep_zone_append_buf(&s->req, buf + 1, 512, 0, 0),
			-EFAULT);
	KUNIT_EXPECT_EQ(test, io_target_prep_zone_append_buf(&s->req, buf, 512, 0,
							     IO_TARGET_POLLED), -EINVAL);
	/* At the end of the last zone it is the disk that says whether there is room. */
	KUNIT_EXPECT_EQ(test, io_target_prep_zone_append_buf(&s->req, buf, LEN,
							     ZONES * ZONE - 512, 0), 0);
	KUNIT_EXPECT_EQ(test, io_target_request_reinit(&s->req), 0);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(disk).bios, 0u);
}

static struct kunit_case append_cases[] = {
	KUNIT_CASE_PARAM(append_form, form_gen_params),
	KUNIT_CASE(append_call),
	KUNIT_CASE(append_prepared),
	KUNIT_CASE(append_then_read),
	KUNIT_CASE(append_batch),
	KUNIT_CASE(append_refused),
	{}
};

static struct kunit_suite append_suite = {
	.name = "io_target_zone_append",
	.suite_init = append_suite_init,
	.suite_exit = append_suite_exit,
	.init = device_fixture_init,
	.exit = device_fixture_exit,
	.test_cases = append_cases,
};

kunit_test_suite(append_suite);
