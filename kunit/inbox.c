// SPDX-License-Identifier: GPL-2.0
/*
 * Bios that have been received, see inbox.h.
 */
#include <kunit/resource.h>
#include <linux/blkdev.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "inbox.h"

#define BLOCK	512

static struct gendisk *upper;
static struct io_target *upper_target;

static void upper_submit_bio(struct bio *bio)
{
	io_target_forward_bio(READ_ONCE(upper_target), bio);
}

static const struct block_device_operations upper_ops = {
	.owner		= THIS_MODULE,
	.submit_bio	= upper_submit_bio,
};

static const struct iot_disk_limits upper_limits = {
	.logical_block_size = 512,
	.physical_block_size = 512,
	.dma_alignment = 3,
	.max_discard_sectors = 1U << 21,
	.max_write_zeroes_sectors = 1U << 21,
	.write_cache = true,
	.fua = true,
	.nowait = true,
};

static int upper_add(void)
{
	struct gendisk *gd = iot_alloc_disk(&upper_limits);
	int err;

	if (IS_ERR(gd))
		return PTR_ERR(gd);
	strscpy(gd->disk_name, "iotupper", DISK_NAME_LEN);
	gd->fops = &upper_ops;
	gd->flags |= GENHD_FL_NO_PART;
	/* Before add_disk(), which may read; nothing is there yet to forward to. */
	set_capacity(gd, 0);
	err = add_disk(gd);
	if (err) {
		put_disk(gd);
		return err;
	}
	set_capacity(gd, FINE_SIZE >> SECTOR_SHIFT);
	upper = gd;
	return 0;
}

int inbox_suite_init(struct kunit_suite *suite)
{
	int err = queue_suite_init(suite);

	if (err)
		return err;
	err = upper_add();
	if (err)
		queue_suite_exit(suite);
	return err;
}

void inbox_suite_exit(struct kunit_suite *suite)
{
	if (upper) {
		del_gendisk(upper);
		put_disk(upper);
	}
	upper = NULL;
	queue_suite_exit(suite);
}

struct block_device *upper_bdev(void)
{
	return upper->part0;
}

void upper_forwards_to(struct io_target *t)
{
	WRITE_ONCE(upper_target, t);
}

/* Gives back what belongs to the cgroup; the bio may be set up again. */
static void received_reset(struct received *r)
{
	if (r->used)
		bio_uninit(&r->bio);
	r->used = false;
}

static void inbox_free(struct kunit_resource *res)
{
	struct inbox *inbox = res->data;
	unsigned int i;

	for (i = 0; i < inbox->n; i++)
		received_reset(&inbox->bios[i]);
	kvfree(inbox->bios);
}

struct inbox *inbox_alloc(struct kunit *test, struct io_target *t, unsigned int n)
{
	struct inbox *inbox = kunit_kzalloc(test, sizeof(*inbox), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, inbox);
	inbox->target = t;
	inbox->bios = kvcalloc(n, sizeof(*inbox->bios), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, inbox->bios);
	inbox->n = n;
	for (i = 0; i < n; i++) {
		inbox->bios[i].inbox = inbox;
		init_completion(&inbox->bios[i].entered);
		init_completion(&inbox->bios[i].done);
	}
	kunit_add_resource(test, NULL, inbox_free, &inbox->res, inbox);
	return inbox;
}

static enum device_context context_now(void)
{
	if (in_hardirq())
		return IN_HARDIRQ;
	return in_serving_softirq() ? IN_SOFTIRQ : IN_TASK;
}

static void received_end_io(struct bio *bio)
{
	struct received *r = container_of(bio, struct received, bio);

	if (r->leave) {
		complete(&r->entered);
		wait_for_completion(r->leave);
	}
	r->status = bio->bi_status;
	r->when = jiffies;
	r->context = context_now();
	r->number = atomic_inc_return(&r->inbox->ended);
	atomic_inc(&r->ends);
	complete(&r->done);
}

void received_range(struct received *r, blk_opf_t opf, u64 pos, u32 len)
{
	received_reset(r);
	bio_init(&r->bio, upper_bdev(), r->vecs, RECEIVED_VECS, opf);
	r->used = true;
	r->bio.bi_iter.bi_sector = pos >> SECTOR_SHIFT;
	r->bio.bi_iter.bi_size = len;
	r->bio.bi_end_io = received_end_io;
	reinit_completion(&r->done);
	atomic_set(&r->ends, 0);
}

void received_data(struct received *r, blk_opf_t opf, u64 pos, void *buf, u32 len)
{
	received_range(r, opf, pos, 0);
	__bio_add_page(&r->bio, virt_to_page(buf), len, offset_in_page(buf));
}

void received_write(struct received *r, u64 index, void *buf)
{
	received_data(r, REQ_OP_WRITE, index * BLOCK, buf, BLOCK);
}

void received_forward(struct received *r)
{
	io_target_forward_bio(r->inbox->target, &r->bio);
}

void inbox_forward(struct inbox *inbox, unsigned int first, unsigned int n, void *buf)
{
	unsigned int i;

	for (i = first; i < first + n; i++) {
		received_write(&inbox->bios[i], i, buf);
		received_forward(&inbox->bios[i]);
	}
}

void expect_ended(struct kunit *test, struct received *r, blk_status_t status)
{
	bool ended = wait_for_completion_timeout(&r->done, TESTDEV_PATIENCE);
	unsigned int i = r - r->inbox->bios;

	KUNIT_ASSERT_TRUE_MSG(test, ended, "bio %u", i);
	KUNIT_EXPECT_EQ_MSG(test, atomic_read(&r->ends), 1, "bio %u", i);
	KUNIT_EXPECT_EQ_MSG(test, (__force int)r->status, (__force int)status, "bio %u", i);
}

void expect_all_ended(struct kunit *test, struct inbox *inbox, unsigned int first,
		      unsigned int n, blk_status_t status)
{
	unsigned int i;

	for (i = first; i < first + n; i++)
		expect_ended(test, &inbox->bios[i], status);
}

void expect_order(struct kunit *test, struct inbox *inbox, unsigned int first, unsigned int n)
{
	unsigned int i, wrong = 0;

	for (i = first + 1; i < first + n; i++)
		wrong += inbox->bios[i].number != inbox->bios[i - 1].number + 1;
	KUNIT_EXPECT_EQ(test, wrong, 0u);
}

unsigned int inbox_ends(struct inbox *inbox, unsigned int first, unsigned int n)
{
	unsigned int i, ends = 0;

	for (i = first; i < first + n; i++)
		ends += atomic_read(&inbox->bios[i].ends);
	return ends;
}

struct io_target_stats inbox_stats(struct io_target *t)
{
	struct io_target_stats stats;

	io_target_get_stats(t, &stats);
	return stats;
}

struct testdev_disk_seen inbox_seen(void)
{
	return testdev_disk_seen(device_disk[FINE]);
}

u8 *inbox_buf(struct kunit *test, size_t len)
{
	u8 *buf = kunit_kzalloc(test, len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	return buf;
}
