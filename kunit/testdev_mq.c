// SPDX-License-Identifier: GPL-2.0
/*
 * A disk with queues of requests. It ends each inside queue_rq, in the task that
 * submitted it or ended its plug, under rcu_read_lock(); or later, or when the
 * test says so. Those of a poll queue end when somebody polls, and only then.
 */
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "testdev.h"

/**
 * struct testdev_mq - one disk
 * @gd: what the block layer knows of it
 * @set: its tags
 * @path: of its node
 * @size: bytes
 * @memory: its contents, or NULL: reads leave the buffer as it is
 * @bad: statuses of sectors that cannot be read or written
 * @runner: ends what is due
 * @wait: for @nr_held to grow
 * @lock: irqsave
 * @status: what requests end with
 * @mode: for requests to come
 * @context: for LATE
 * @held: until the test releases them
 * @nr_held: their number
 * @due: to be ended by @runner
 * @ready: to be ended by who polls
 * @seen: see there
 */
struct testdev_mq {
	struct gendisk		*gd;
	struct blk_mq_tag_set	set;
	char			path[32];
	u64			size;
	u8			*memory;
	struct xarray		bad;
	struct testdev_runner	runner;
	wait_queue_head_t	wait;
	spinlock_t		lock;	/* of all below */
	blk_status_t		status;
	enum testdev_mode	mode;
	enum testdev_context	context;
	struct list_head	held;
	unsigned int		nr_held;
	struct list_head	due;
	struct list_head	ready;
	struct testdev_mq_seen	seen;
};

/* The driver's part of a request */
struct mq_cmd {
	struct list_head	node;
	blk_status_t		status;
	bool			polled;
};

static struct mq_cmd *mq_cmd(struct request *rq)
{
	return blk_mq_rq_to_pdu(rq);
}

static blk_status_t mq_bad_sector(struct testdev_mq *mq, struct request *rq)
{
	unsigned long sector = blk_rq_pos(rq);
	unsigned long last = sector + blk_rq_sectors(rq) - 1;
	void *status = NULL;

	if (blk_rq_sectors(rq))
		status = xa_find(&mq->bad, &sector, last, XA_PRESENT);
	return status ? (__force blk_status_t)xa_to_value(status) : BLK_STS_OK;
}

static void mq_copy(struct testdev_mq *mq, struct request *rq)
{
	u8 *at = mq->memory + (blk_rq_pos(rq) << SECTOR_SHIFT);
	bool write = op_is_write(req_op(rq));
	struct req_iterator iter;
	struct bio_vec bv;

	rq_for_each_segment(bv, rq, iter) {
		void *p = bvec_kmap_local(&bv);

		memcpy(write ? at : p, write ? p : at, bv.bv_len);
		kunmap_local(p);
		at += bv.bv_len;
	}
}

/* Carries @rq out, all or nothing of it, and ends it. Context: any. */
static void mq_end(struct testdev_mq *mq, struct request *rq)
{
	blk_status_t status = mq_cmd(rq)->status;

	if (status == BLK_STS_OK)
		status = READ_ONCE(mq->status);
	if (status == BLK_STS_OK)
		status = mq_bad_sector(mq, rq);
	if (status == BLK_STS_OK && mq->memory && rq->bio && bio_has_data(rq->bio))
		mq_copy(mq, rq);
	blk_mq_end_request(rq, status);
}

static struct request *mq_pop(struct testdev_mq *mq, struct list_head *list)
{
	struct mq_cmd *cmd;

	guard(spinlock_irqsave)(&mq->lock);
	cmd = list_first_entry_or_null(list, struct mq_cmd, node);
	if (!cmd)
		return NULL;
	list_del_init(&cmd->node);
	return blk_mq_rq_from_pdu(cmd);
}

static void mq_run(struct testdev_runner *runner)
{
	struct testdev_mq *mq = container_of(runner, struct testdev_mq, runner);
	struct request *rq;

	while ((rq = mq_pop(mq, &mq->due)))
		mq_end(mq, rq);
}

/* Does it disregard what the disk says of itself? */
static bool mq_broken(struct request *rq)
{
	unsigned long gap = queue_virt_boundary(rq->q);
	struct req_iterator iter;
	struct bio_vec bv;
	bool begun = false;
	size_t end = 0;

	if ((blk_rq_bytes(rq) | (blk_rq_pos(rq) << SECTOR_SHIFT)) &
	    (queue_logical_block_size(rq->q) - 1))
		return true;
	if (!rq->bio || !bio_has_data(rq->bio))
		return false;
	rq_for_each_bvec(bv, rq, iter) {
		if (!bv.bv_len || (bv.bv_offset | bv.bv_len) & queue_dma_alignment(rq->q))
			return true;
		if (begun && (bv.bv_offset | end) & gap)
			return true;
		begun = true;
		end = bv.bv_offset + bv.bv_len;
	}
	return false;
}

static void mq_note(struct testdev_mq *mq, struct request *rq)
{
	struct testdev_mq_seen *seen = &mq->seen;
	struct bio *bio;

	seen->requests++;
	seen->polled += mq_cmd(rq)->polled;
	seen->broken += mq_broken(rq);
	__rq_for_each_bio(bio, rq) {
		if (seen->bios < TESTDEV_MQ_SIZES)
			seen->sizes[seen->bios] = bio->bi_iter.bi_size;
		seen->bios++;
		seen->bytes += bio->bi_iter.bi_size;
		seen->last_ioprio = bio->bi_ioprio;
	}
}

/* Under the lock: where @cmd goes that nobody holds back. Return: nowhere, it ends now. */
static bool mq_let_go(struct testdev_mq *mq, struct mq_cmd *cmd, bool late)
{
	if (cmd->polled)
		list_add_tail(&cmd->node, &mq->ready);
	else if (late)
		list_add_tail(&cmd->node, &mq->due);
	return !cmd->polled && !late;
}

/* Return: it ends now. */
static bool mq_come(struct testdev_mq *mq, struct request *rq)
{
	struct mq_cmd *cmd = mq_cmd(rq);
	bool late;

	guard(spinlock_irqsave)(&mq->lock);
	mq_note(mq, rq);
	if (mq->mode == TESTDEV_HOLD) {
		list_add_tail(&cmd->node, &mq->held);
		mq->nr_held++;
		return false;
	}
	late = mq->mode == TESTDEV_LATE;
	if (late)
		testdev_runner_kick(&mq->runner, mq->context);
	return mq_let_go(mq, cmd, late);
}

static blk_status_t mq_queue_rq(struct blk_mq_hw_ctx *hctx, const struct blk_mq_queue_data *bd)
{
	struct testdev_mq *mq = hctx->queue->tag_set->driver_data;
	struct mq_cmd *cmd = mq_cmd(bd->rq);

	bd->rq->rq_flags |= RQF_QUIET;	/* errors are nothing to be told about */
	cmd->status = BLK_STS_OK;
	cmd->polled = hctx->type == HCTX_TYPE_POLL;
	blk_mq_start_request(bd->rq);
	if (mq_come(mq, bd->rq))
		mq_end(mq, bd->rq);
	else
		wake_up(&mq->wait);
	return BLK_STS_OK;
}

static int mq_poll(struct blk_mq_hw_ctx *hctx, struct io_comp_batch *iob)
{
	struct testdev_mq *mq = hctx->queue->tag_set->driver_data;
	struct request *rq;
	int found = 0;

	while ((rq = mq_pop(mq, &mq->ready))) {
		mq_end(mq, rq);
		found++;
	}
	guard(spinlock_irqsave)(&mq->lock);
	mq->seen.polls++;
	return found;
}

/* One queue for all, and the rest for those that are polled. */
static void mq_map_queues(struct blk_mq_tag_set *set)
{
	struct blk_mq_queue_map *polled = &set->map[HCTX_TYPE_POLL];

	set->map[HCTX_TYPE_DEFAULT].nr_queues = 1;
	blk_mq_map_queues(&set->map[HCTX_TYPE_DEFAULT]);
	polled->nr_queues = set->nr_hw_queues - 1;
	polled->queue_offset = 1;
	blk_mq_map_queues(polled);
}

static const struct blk_mq_ops mq_ops = {
	.queue_rq	= mq_queue_rq,
};

static const struct blk_mq_ops mq_poll_ops = {
	.queue_rq	= mq_queue_rq,
	.map_queues	= mq_map_queues,
	.poll		= mq_poll,
};

static const struct block_device_operations mq_disk_ops = {
	.owner		= THIS_MODULE,
	.open		= testdev_bdev_open,
	.release	= testdev_bdev_close,
};

static int mq_alloc_tags(struct testdev_mq *mq, bool polls)
{
	mq->set.ops = polls ? &mq_poll_ops : &mq_ops;
	mq->set.nr_hw_queues = 1 + polls;
	mq->set.nr_maps = polls ? HCTX_MAX_TYPES : 1;
	mq->set.queue_depth = 64;
	mq->set.numa_node = NUMA_NO_NODE;
	mq->set.flags = BLK_MQ_F_NO_SCHED_BY_DEFAULT;
	mq->set.cmd_size = sizeof(struct mq_cmd);
	mq->set.driver_data = mq;
	return blk_mq_alloc_tag_set(&mq->set);
}

static int mq_add_disk(struct testdev_mq *mq, const char *name, unsigned int flags)
{
	unsigned int block = flags & TESTDEV_MQ_LARGE ? SZ_4K : SECTOR_SIZE;
	unsigned long gap = flags & TESTDEV_MQ_GAPLESS ? SZ_4K - 1 : 0;
	struct gendisk *gd = iot_mq_alloc_disk(&mq->set, block, gap);
	int err;

	if (IS_ERR(gd))
		return PTR_ERR(gd);
	mq->gd = gd;
	strscpy(gd->disk_name, name, DISK_NAME_LEN);
	snprintf(mq->path, sizeof(mq->path), "/dev/%s", name);
	gd->fops = &mq_disk_ops;
	gd->flags |= GENHD_FL_NO_PART;
	set_capacity(gd, mq->size >> SECTOR_SHIFT);
	err = add_disk(gd);
	if (err)
		put_disk(gd);
	return err;
}

static struct testdev_mq *mq_new(u64 size, unsigned int flags)
{
	struct testdev_mq *mq = kzalloc(sizeof(*mq), GFP_KERNEL);

	if (!mq)
		return NULL;
	if (flags & TESTDEV_MQ_DATA)
		mq->memory = vzalloc(size);
	if (flags & TESTDEV_MQ_DATA && !mq->memory) {
		kfree(mq);
		return NULL;
	}
	mq->size = size;
	xa_init(&mq->bad);
	testdev_runner_init(&mq->runner, mq_run);
	init_waitqueue_head(&mq->wait);
	spin_lock_init(&mq->lock);
	INIT_LIST_HEAD(&mq->held);
	INIT_LIST_HEAD(&mq->due);
	INIT_LIST_HEAD(&mq->ready);
	return mq;
}

static void mq_free(struct testdev_mq *mq)
{
	xa_destroy(&mq->bad);
	vfree(mq->memory);
	kfree(mq);
}

struct testdev_mq *testdev_mq_create(const char *name, u64 size, unsigned int flags)
{
	struct testdev_mq *mq = mq_new(size, flags);
	int err;

	if (!mq)
		return ERR_PTR(-ENOMEM);
	err = mq_alloc_tags(mq, flags & TESTDEV_MQ_POLL);
	if (err)
		goto err_free;
	err = mq_add_disk(mq, name, flags);
	if (err)
		goto err_set;
	return mq;

err_set:
	blk_mq_free_tag_set(&mq->set);
err_free:
	mq_free(mq);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_GPL(testdev_mq_create);

/* Nobody has it open. */
void testdev_mq_destroy(struct testdev_mq *mq)
{
	if (IS_ERR_OR_NULL(mq))
		return;
	del_gendisk(mq->gd);
	put_disk(mq->gd);
	blk_mq_free_tag_set(&mq->set);
	mq_free(mq);
}
EXPORT_SYMBOL_GPL(testdev_mq_destroy);

/* So many queues to be polled, 1 at first; waits for all that was sent. */
void testdev_mq_poll_queues(struct testdev_mq *mq, unsigned int n)
{
	blk_mq_update_nr_hw_queues(&mq->set, 1 + n);
}
EXPORT_SYMBOL_GPL(testdev_mq_poll_queues);

/*
 * From now on everything is answered at once and well, what is held too, and what
 * nobody has polled for: for cleaning up.
 */
void testdev_mq_let_go(struct testdev_mq *mq)
{
	testdev_mq_answer(mq, BLK_STS_OK);
	testdev_mq_mode(mq, TESTDEV_NOW, TESTDEV_TASK);
	testdev_mq_release_all(mq, BLK_STS_OK, TESTDEV_TASK);
	scoped_guard(spinlock_irqsave, &mq->lock)
		list_splice_tail_init(&mq->ready, &mq->due);
	mq_run(&mq->runner);
	testdev_runner_sync(&mq->runner);
}
EXPORT_SYMBOL_GPL(testdev_mq_let_go);

/* As new. Nobody has it open. */
void testdev_mq_reset(struct testdev_mq *mq)
{
	testdev_mq_let_go(mq);
	testdev_mq_good(mq);
	if (mq->memory)
		memset(mq->memory, 0, mq->size);
	guard(spinlock_irqsave)(&mq->lock);
	mq->seen = (struct testdev_mq_seen){};
}
EXPORT_SYMBOL_GPL(testdev_mq_reset);

const char *testdev_mq_path(struct testdev_mq *mq)
{
	return mq->path;
}
EXPORT_SYMBOL_GPL(testdev_mq_path);

u8 *testdev_mq_memory(struct testdev_mq *mq)
{
	return mq->memory;
}
EXPORT_SYMBOL_GPL(testdev_mq_memory);

void testdev_mq_answer(struct testdev_mq *mq, blk_status_t status)
{
	WRITE_ONCE(mq->status, status);
}
EXPORT_SYMBOL_GPL(testdev_mq_answer);

/* What touches one of these sectors fails. Context: process. */
int testdev_mq_bad(struct testdev_mq *mq, u64 pos, u64 len, blk_status_t status)
{
	void *value = xa_mk_value((__force u8)status);
	unsigned long sector;
	int err = 0;

	for (sector = pos >> SECTOR_SHIFT; sector < (pos + len) >> SECTOR_SHIFT && !err; sector++)
		err = xa_err(xa_store(&mq->bad, sector, value, GFP_KERNEL));
	return err;
}
EXPORT_SYMBOL_GPL(testdev_mq_bad);

/* No sector is bad. Nothing is on its way. */
void testdev_mq_good(struct testdev_mq *mq)
{
	xa_destroy(&mq->bad);
}
EXPORT_SYMBOL_GPL(testdev_mq_good);

void testdev_mq_mode(struct testdev_mq *mq, enum testdev_mode mode,
		     enum testdev_context context)
{
	guard(spinlock_irqsave)(&mq->lock);
	mq->mode = mode;
	mq->context = context;
}
EXPORT_SYMBOL_GPL(testdev_mq_mode);

static bool mq_holds(struct testdev_mq *mq, unsigned int count)
{
	guard(spinlock_irqsave)(&mq->lock);
	return mq->nr_held >= count;
}

/* Until @count requests are held; false if that does not happen. */
bool testdev_mq_wait_held(struct testdev_mq *mq, unsigned int count)
{
	return wait_event_timeout(mq->wait, mq_holds(mq, count), TESTDEV_PATIENCE);
}
EXPORT_SYMBOL_GPL(testdev_mq_wait_held);

/* Under the lock: takes the oldest out of the held ones. */
static bool mq_release_one(struct testdev_mq *mq, blk_status_t status)
{
	struct mq_cmd *cmd = list_first_entry_or_null(&mq->held, struct mq_cmd, node);

	if (!cmd)
		return false;
	list_del_init(&cmd->node);
	mq->nr_held--;
	cmd->status = status;
	mq_let_go(mq, cmd, true);
	return true;
}

static void mq_finish(struct testdev_mq *mq, enum testdev_context context)
{
	if (context == TESTDEV_TASK) {
		mq_run(&mq->runner);
		return;
	}
	testdev_runner_kick(&mq->runner, context);
	testdev_runner_sync(&mq->runner);
}

/*
 * Ends the @count oldest requests that are held, or as many as there are; on return
 * the end_io of those that are not polled has been called. Returns how many.
 */
unsigned int testdev_mq_release(struct testdev_mq *mq, unsigned int count,
				blk_status_t status, enum testdev_context context)
{
	unsigned int n = 0;

	scoped_guard(spinlock_irqsave, &mq->lock)
		while (n < count && mq_release_one(mq, status))
			n++;
	mq_finish(mq, context);
	return n;
}
EXPORT_SYMBOL_GPL(testdev_mq_release);

struct testdev_mq_seen testdev_mq_seen(struct testdev_mq *mq)
{
	guard(spinlock_irqsave)(&mq->lock);
	return mq->seen;
}
EXPORT_SYMBOL_GPL(testdev_mq_seen);
