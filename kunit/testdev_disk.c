// SPDX-License-Identifier: GPL-2.0
/*
 * A bio-based disk that ends bios at once, later, or when the test says so.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "testdev.h"

/**
 * struct testdev_disk - one disk
 * @gd: what the block layer knows of it
 * @limits: as made
 * @wwid: as made
 * @path: of its node
 * @store: its contents
 * @runner: ends what is due
 * @wait: for @nr_held to grow
 * @lock: irqsave
 * @mode: for bios to come
 * @context: for LATE
 * @fail_start: bios that touch this range end with @fail_status
 * @fail_end: end of the range
 * @fail_status: see above
 * @held: until the test releases them
 * @nr_held: their number
 * @due: to be ended by @runner, with the bi_status that they have
 * @zones: if the limits say that it has some
 * @seen: see there
 * @removed: it is no disk any more
 */
struct testdev_disk {
	struct gendisk			*gd;
	struct iot_disk_limits		limits;
	u64				wwid;
	char				path[32];
	struct testdev_store		store;
	struct testdev_runner		runner;
	wait_queue_head_t		wait;
	spinlock_t			lock;	/* of all below */
	enum testdev_mode		mode;
	enum testdev_context		context;
	u64				fail_start;
	u64				fail_end;
	blk_status_t			fail_status;
	struct bio_list			held;
	unsigned int			nr_held;
	struct bio_list			due;
	struct testdev_zones		zones;
	struct testdev_disk_seen	seen;
	bool				removed;
};

static u64 bio_pos(const struct bio *bio)
{
	return (u64)bio->bi_iter.bi_sector << SECTOR_SHIFT;
}

/* Does it disregard what the disk says of itself? */
static bool bio_broken(struct testdev_disk *d, struct bio *bio)
{
	u32 size = bio->bi_iter.bi_size;
	struct bvec_iter iter;
	struct bio_vec bv;

	if (!size)
		return !(bio->bi_opf & REQ_PREFLUSH) && !op_is_zone_mgmt(bio_op(bio));
	if ((bio_pos(bio) | size) & (d->limits.logical_block_size - 1))
		return true;
	if (!bio_has_data(bio))
		return false;
	bio_for_each_segment(bv, bio, iter)
		if ((bv.bv_offset | bv.bv_len) & d->limits.dma_alignment)
			return true;
	return false;
}

/* How many ends of @bio lie within a unit of discards. */
static unsigned int bio_cuts(struct testdev_disk *d, struct bio *bio)
{
	u64 unit = d->limits.discard_granularity, start, end;

	if (bio_op(bio) != REQ_OP_DISCARD || !unit)
		return 0;
	div64_u64_rem(bio_pos(bio), unit, &start);
	div64_u64_rem(bio_pos(bio) + bio->bi_iter.bi_size, unit, &end);
	return !!start + !!end;
}

static void disk_note(struct testdev_disk *d, struct bio *bio)
{
	struct testdev_disk_seen *seen = &d->seen;
	u32 size = bio->bi_iter.bi_size;

	seen->bios++;
	seen->bytes += size;
	seen->reads += bio_op(bio) == REQ_OP_READ;
	seen->writes += bio_op(bio) == REQ_OP_WRITE && size;
	seen->flushes += bio_op(bio) == REQ_OP_WRITE && !size;
	seen->discards += bio_op(bio) == REQ_OP_DISCARD;
	seen->zeroes += bio_op(bio) == REQ_OP_WRITE_ZEROES;
	seen->erases += bio_op(bio) == REQ_OP_SECURE_ERASE;
	seen->zones += op_is_zone_mgmt(bio_op(bio));
	seen->last_flags = bio->bi_opf & ~REQ_OP_MASK;
	seen->any_flags |= seen->last_flags;
	seen->last_ioprio = bio->bi_ioprio;
	seen->last_hint = iot_bio_hint(bio);
	seen->broken += bio_broken(d, bio);
	seen->cuts += bio_cuts(d, bio);
}

static void disk_copy(struct testdev_disk *d, struct bio *bio)
{
	u64 pos = bio_pos(bio);
	struct bvec_iter iter;
	struct bio_vec bv;

	bio_for_each_segment(bv, bio, iter) {
		void *p = bvec_kmap_local(&bv);

		if (op_is_write(bio_op(bio)))
			testdev_store_write(&d->store, pos, p, bv.bv_len);
		else
			testdev_store_read(&d->store, pos, p, bv.bv_len);
		kunmap_local(p);
		pos += bv.bv_len;
	}
}

/* Carries @bio out, unless it is to fail, and ends it. Context: any. */
static void disk_end(struct testdev_disk *d, struct bio *bio)
{
	u64 pos = bio_pos(bio);

	if (pos < d->fail_end && pos + bio->bi_iter.bi_size > d->fail_start)
		bio->bi_status = d->fail_status;
	if (bio->bi_status == BLK_STS_OK) {
		if (bio_has_data(bio))
			disk_copy(d, bio);
		else
			testdev_store_zero(&d->store, pos, bio->bi_iter.bi_size);
	}
	bio_endio(bio);
}

static void disk_run(struct testdev_runner *runner)
{
	struct testdev_disk *d = container_of(runner, struct testdev_disk, runner);
	struct bio *bio;

	do {
		scoped_guard(spinlock_irqsave, &d->lock)
			bio = bio_list_pop(&d->due);
		if (bio)
			disk_end(d, bio);
	} while (bio);
}

static bool disk_keep(struct testdev_disk *d, struct bio *bio)
{
	guard(spinlock_irqsave)(&d->lock);
	disk_note(d, bio);
	bio->bi_status = testdev_zones_bio(&d->zones, bio);
	switch (d->mode) {
	case TESTDEV_LATE:
		bio_list_add(&d->due, bio);
		testdev_runner_kick(&d->runner, d->context);
		return true;
	case TESTDEV_HOLD:
	case TESTDEV_BLOCK:
		bio_list_add(&d->held, bio);
		d->nr_held++;
		return true;
	default:
		return false;
	}
}

static void disk_submit_bio(struct bio *bio)
{
	struct testdev_disk *d = bio->bi_bdev->bd_disk->private_data;

	if (op_is_write(bio_op(bio)) && bio_has_data(bio) &&
	    testdev_store_reserve(&d->store, bio_pos(bio), bio->bi_iter.bi_size)) {
		bio->bi_status = BLK_STS_RESOURCE;
		bio_endio(bio);
		return;
	}
	if (disk_keep(d, bio))
		wake_up(&d->wait);
	else
		disk_end(d, bio);
}

static int disk_unique_id(struct gendisk *gd, u8 id[16], enum blk_unique_id type)
{
	struct testdev_disk *d = gd->private_data;

	if (!d->wwid || type != BLK_UID_EUI64)
		return -EINVAL;
	memcpy(id, &d->wwid, sizeof(d->wwid));
	return sizeof(d->wwid);
}

static int disk_report_zones(struct gendisk *gd, sector_t sector, unsigned int count,
			     IOT_ZONES_PARAMS)
{
	struct iot_zones_asked asked = IOT_ZONES_ASKED(gd);
	struct testdev_disk *d = gd->private_data;

	return testdev_zones_report(&d->zones, sector, count, &asked);
}

static const struct block_device_operations disk_ops = {
	.owner		= THIS_MODULE,
	.open		= testdev_bdev_open,
	.release	= testdev_bdev_close,
	.submit_bio	= disk_submit_bio,
	.report_zones	= disk_report_zones,
	.get_unique_id	= disk_unique_id,
};

static struct testdev_disk *disk_new(const struct testdev_disk_config *config)
{
	struct testdev_disk *d = kzalloc(sizeof(*d), GFP_KERNEL);

	if (!d)
		return NULL;
	d->limits = config->limits;
	d->wwid = config->wwid;
	testdev_store_init(&d->store);
	testdev_runner_init(&d->runner, disk_run);
	init_waitqueue_head(&d->wait);
	spin_lock_init(&d->lock);
	bio_list_init(&d->held);
	bio_list_init(&d->due);
	snprintf(d->path, sizeof(d->path), "/dev/%s", config->name);
	return d;
}

struct testdev_disk *testdev_disk_create(const struct testdev_disk_config *config)
{
	struct testdev_disk *d = disk_new(config);
	struct gendisk *gd;
	int err;

	if (!d)
		return ERR_PTR(-ENOMEM);
	err = testdev_zones_init(&d->zones, config->size, config->limits.zone_sectors);
	if (err)
		goto err_free;
	gd = iot_alloc_disk(&config->limits);
	if (IS_ERR(gd)) {
		err = PTR_ERR(gd);
		goto err_zones;
	}
	d->gd = gd;
	strscpy(gd->disk_name, config->name, DISK_NAME_LEN);
	gd->fops = &disk_ops;
	gd->flags |= GENHD_FL_NO_PART;
	gd->private_data = d;
	set_capacity(gd, config->size >> SECTOR_SHIFT);
	err = iot_disk_revalidate_zones(gd) ?: add_disk(gd);
	if (err)
		goto err_disk;
	return d;

err_disk:
	put_disk(gd);
err_zones:
	testdev_zones_free(&d->zones);
err_free:
	kfree(d);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_GPL(testdev_disk_create);

/* Nobody has it open. */
void testdev_disk_destroy(struct testdev_disk *d)
{
	if (IS_ERR_OR_NULL(d))
		return;
	testdev_disk_reset(d);
	if (!d->removed)
		del_gendisk(d->gd);
	put_disk(d->gd);
	testdev_zones_free(&d->zones);
	kfree(d);
}
EXPORT_SYMBOL_GPL(testdev_disk_destroy);

/* As new. Whatever is held is ended; no bios come in meanwhile. */
void testdev_disk_reset(struct testdev_disk *d)
{
	testdev_disk_let_go(d, BLK_STS_OK, TESTDEV_TASK);
	testdev_runner_sync(&d->runner);
	testdev_disk_fail(d, 0, 0, BLK_STS_OK);
	testdev_disk_read_only(d, false);
	testdev_store_free(&d->store);
	guard(spinlock_irqsave)(&d->lock);
	testdev_zones_reset(&d->zones);
	d->seen = (struct testdev_disk_seen){};
}
EXPORT_SYMBOL_GPL(testdev_disk_reset);

dev_t testdev_disk_dev(struct testdev_disk *d)
{
	return disk_devt(d->gd);
}
EXPORT_SYMBOL_GPL(testdev_disk_dev);

const char *testdev_disk_path(struct testdev_disk *d)
{
	return d->path;
}
EXPORT_SYMBOL_GPL(testdev_disk_path);

struct block_device *testdev_disk_bdev(struct testdev_disk *d)
{
	return d->gd->part0;
}

u64 testdev_disk_diskseq(struct testdev_disk *d)
{
	return d->gd->diskseq;
}
EXPORT_SYMBOL_GPL(testdev_disk_diskseq);

struct testdev_store *testdev_disk_store(struct testdev_disk *d)
{
	return &d->store;
}
EXPORT_SYMBOL_GPL(testdev_disk_store);

void testdev_disk_mode(struct testdev_disk *d, enum testdev_mode mode,
		       enum testdev_context context)
{
	guard(spinlock_irqsave)(&d->lock);
	d->mode = mode;
	d->context = context;
}
EXPORT_SYMBOL_GPL(testdev_disk_mode);

/* Bios that touch the range fail when they end; one range, length 0: none. */
void testdev_disk_fail(struct testdev_disk *d, u64 pos, u64 len, blk_status_t status)
{
	guard(spinlock_irqsave)(&d->lock);
	d->fail_start = pos;
	d->fail_end = pos + len;
	d->fail_status = status;
}
EXPORT_SYMBOL_GPL(testdev_disk_fail);

void testdev_disk_read_only(struct testdev_disk *d, bool read_only)
{
	set_disk_ro(d->gd, read_only);
}
EXPORT_SYMBOL_GPL(testdev_disk_read_only);

/* What has been formatted for the old size is too long for a smaller one. */
void testdev_disk_resize(struct testdev_disk *d, u64 size)
{
	set_capacity(d->gd, size >> SECTOR_SHIFT);
}
EXPORT_SYMBOL_GPL(testdev_disk_resize);

/* No discard is on its way. */
void testdev_disk_discards(struct testdev_disk *d, bool can)
{
	iot_disk_set_discard(d->gd, can ? d->limits.max_discard_sectors : 0);
}
EXPORT_SYMBOL_GPL(testdev_disk_discards);

/* In an orderly way: it works until this is done. Once; destroy comes later. */
void testdev_disk_remove(struct testdev_disk *d)
{
	d->removed = true;
	del_gendisk(d->gd);
}
EXPORT_SYMBOL_GPL(testdev_disk_remove);

/* By surprise: it is dead at once. */
void testdev_disk_kill(struct testdev_disk *d)
{
	blk_mark_disk_dead(d->gd);
}
EXPORT_SYMBOL_GPL(testdev_disk_kill);

int testdev_disk_freeze(struct testdev_disk *d)
{
	return iot_disk_freeze(d->gd);
}
EXPORT_SYMBOL_GPL(testdev_disk_freeze);

int testdev_disk_thaw(struct testdev_disk *d)
{
	return iot_disk_thaw(d->gd);
}
EXPORT_SYMBOL_GPL(testdev_disk_thaw);

static bool disk_holds(struct testdev_disk *d, unsigned int count)
{
	guard(spinlock_irqsave)(&d->lock);
	return d->nr_held >= count;
}

/* Until @count bios are held; false if that does not happen. */
bool testdev_disk_wait_held(struct testdev_disk *d, unsigned int count)
{
	return wait_event_timeout(d->wait, disk_holds(d, count), TESTDEV_PATIENCE);
}
EXPORT_SYMBOL_GPL(testdev_disk_wait_held);

/* Takes the bio at @index, 0 the oldest, out of the held ones. */
static struct bio *disk_take(struct testdev_disk *d, unsigned int index)
{
	struct bio_list rest = BIO_EMPTY_LIST;
	struct bio *bio, *taken = NULL;

	while ((bio = bio_list_pop(&d->held))) {
		if (index--)
			bio_list_add(&rest, bio);
		else
			taken = bio;
	}
	d->held = rest;
	d->nr_held -= taken ? 1 : 0;
	return taken;
}

static void disk_finish(struct testdev_disk *d, enum testdev_context context)
{
	if (context == TESTDEV_TASK) {
		disk_run(&d->runner);
		return;
	}
	testdev_runner_kick(&d->runner, context);
	testdev_runner_sync(&d->runner);
}

/* Ends the held bio at @index; on return its end_io has been called. */
void testdev_disk_release(struct testdev_disk *d, unsigned int index,
			  blk_status_t status, enum testdev_context context)
{
	struct bio *bio;

	scoped_guard(spinlock_irqsave, &d->lock) {
		bio = disk_take(d, index);
		if (bio) {
			bio->bi_status = status;
			bio_list_add(&d->due, bio);
		}
	}
	if (!WARN_ON_ONCE(!bio))
		disk_finish(d, context);
}
EXPORT_SYMBOL_GPL(testdev_disk_release);

/* The same for all that are held now, oldest first. */
void testdev_disk_release_all(struct testdev_disk *d, blk_status_t status,
			      enum testdev_context context)
{
	struct bio *bio;

	scoped_guard(spinlock_irqsave, &d->lock) {
		bio_list_for_each(bio, &d->held)
			bio->bi_status = status;
		bio_list_merge(&d->due, &d->held);
		bio_list_init(&d->held);
		d->nr_held = 0;
	}
	disk_finish(d, context);
}
EXPORT_SYMBOL_GPL(testdev_disk_release_all);

/* Ends what the disk holds, with @status and in @context; it holds nothing any more. */
void testdev_disk_let_go(struct testdev_disk *d, blk_status_t status,
			 enum testdev_context context)
{
	testdev_disk_mode(d, TESTDEV_NOW, TESTDEV_TASK);
	testdev_disk_release_all(d, status, context);
}
EXPORT_SYMBOL_GPL(testdev_disk_let_go);

struct testdev_disk_seen testdev_disk_seen(struct testdev_disk *d)
{
	guard(spinlock_irqsave)(&d->lock);
	return d->seen;
}
EXPORT_SYMBOL_GPL(testdev_disk_seen);
