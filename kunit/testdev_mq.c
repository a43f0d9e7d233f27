// SPDX-License-Identifier: GPL-2.0
/*
 * A disk with a queue of requests, without memory, that ends each inside
 * queue_rq: in the task that submitted it or ended its plug, under
 * rcu_read_lock().
 */
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "testdev.h"

/**
 * struct testdev_mq - one disk
 * @gd: what the block layer knows of it
 * @set: its tags
 * @status: what requests end with
 * @path: of its node
 */
struct testdev_mq {
	struct gendisk		*gd;
	struct blk_mq_tag_set	set;
	blk_status_t		status;
	char			path[32];
};

static blk_status_t mq_queue_rq(struct blk_mq_hw_ctx *hctx, const struct blk_mq_queue_data *bd)
{
	struct testdev_mq *mq = hctx->queue->tag_set->driver_data;

	blk_mq_start_request(bd->rq);
	blk_mq_end_request(bd->rq, READ_ONCE(mq->status));
	return BLK_STS_OK;
}

static const struct blk_mq_ops mq_ops = {
	.queue_rq	= mq_queue_rq,
};

static const struct block_device_operations mq_disk_ops = {
	.owner		= THIS_MODULE,
};

static int mq_add_disk(struct testdev_mq *mq, const char *name, u64 size)
{
	struct gendisk *gd = iot_mq_alloc_disk(&mq->set);
	int err;

	if (IS_ERR(gd))
		return PTR_ERR(gd);
	mq->gd = gd;
	strscpy(gd->disk_name, name, DISK_NAME_LEN);
	snprintf(mq->path, sizeof(mq->path), "/dev/%s", name);
	gd->fops = &mq_disk_ops;
	gd->flags |= GENHD_FL_NO_PART;
	set_capacity(gd, size >> SECTOR_SHIFT);
	err = add_disk(gd);
	if (err)
		put_disk(gd);
	return err;
}

struct testdev_mq *testdev_mq_create(const char *name, u64 size)
{
	struct testdev_mq *mq = kzalloc(sizeof(*mq), GFP_KERNEL);
	int err;

	if (!mq)
		return ERR_PTR(-ENOMEM);
	mq->set.ops = &mq_ops;
	mq->set.nr_hw_queues = 1;
	mq->set.queue_depth = 64;
	mq->set.numa_node = NUMA_NO_NODE;
	mq->set.flags = BLK_MQ_F_NO_SCHED_BY_DEFAULT;
	mq->set.driver_data = mq;
	err = blk_mq_alloc_tag_set(&mq->set);
	if (err)
		goto err_free;
	err = mq_add_disk(mq, name, size);
	if (err)
		goto err_set;
	return mq;

err_set:
	blk_mq_free_tag_set(&mq->set);
err_free:
	kfree(mq);
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
	kfree(mq);
}
EXPORT_SYMBOL_GPL(testdev_mq_destroy);

const char *testdev_mq_path(struct testdev_mq *mq)
{
	return mq->path;
}
EXPORT_SYMBOL_GPL(testdev_mq_path);

void testdev_mq_answer(struct testdev_mq *mq, blk_status_t status)
{
	WRITE_ONCE(mq->status, status);
}
EXPORT_SYMBOL_GPL(testdev_mq_answer);
