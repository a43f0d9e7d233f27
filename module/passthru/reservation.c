// SPDX-License-Identifier: GPL-2.0
/*
 * Persistent reservations: asked for on the upper disk, kept by the device below. They
 * belong to that device: one that takes its place has those that it was given itself.
 *
 * The block layer has checked who has the upper disk open.
 */
#include <linux/blkdev.h>
#include <linux/pr.h>

#include "passthru.h"

/**
 * struct order - what is asked for; each operation has some of it
 * @key: the new one, or the only one
 * @old: the one that is replaced
 * @type: of the reservation
 * @flags: see PR_FL_IGNORE_KEY
 * @abort: what the other has sent
 * @answer: of those that read
 */
struct order {
	u64		key;
	u64		old;
	enum pr_type	type;
	u32		flags;
	bool		abort;
	void		*answer;
};

static int forward_order(struct block_device *bdev, int (*fn)(struct block_device *, void *),
			 struct order *o)
{
	return io_target_call_bdev(bdev->bd_disk->private_data, 0, fn, o);
}

static const struct pr_ops no_ops;

/* A reservation is of a whole disk. */
static const struct pr_ops *lower_ops(struct block_device *bdev)
{
	return bdev_is_partition(bdev) ? &no_ops : bdev->bd_disk->fops->pr_ops ?: &no_ops;
}

static int lower_register(struct block_device *bdev, void *data)
{
	const struct pr_ops *ops = lower_ops(bdev);
	struct order *o = data;

	return ops->pr_register ? ops->pr_register(bdev, o->old, o->key, o->flags) : -EOPNOTSUPP;
}

static int pt_pr_register(struct block_device *bdev, u64 old, u64 key, u32 flags)
{
	return forward_order(bdev, lower_register,
			     &(struct order){ .old = old, .key = key, .flags = flags });
}

static int lower_reserve(struct block_device *bdev, void *data)
{
	const struct pr_ops *ops = lower_ops(bdev);
	struct order *o = data;

	return ops->pr_reserve ? ops->pr_reserve(bdev, o->key, o->type, o->flags) : -EOPNOTSUPP;
}

static int pt_pr_reserve(struct block_device *bdev, u64 key, enum pr_type type, u32 flags)
{
	return forward_order(bdev, lower_reserve,
			     &(struct order){ .key = key, .type = type, .flags = flags });
}

static int lower_release(struct block_device *bdev, void *data)
{
	const struct pr_ops *ops = lower_ops(bdev);
	struct order *o = data;

	return ops->pr_release ? ops->pr_release(bdev, o->key, o->type) : -EOPNOTSUPP;
}

static int pt_pr_release(struct block_device *bdev, u64 key, enum pr_type type)
{
	return forward_order(bdev, lower_release, &(struct order){ .key = key, .type = type });
}

static int lower_preempt(struct block_device *bdev, void *data)
{
	const struct pr_ops *ops = lower_ops(bdev);
	struct order *o = data;

	return ops->pr_preempt ? ops->pr_preempt(bdev, o->old, o->key, o->type, o->abort) :
				 -EOPNOTSUPP;
}

static int pt_pr_preempt(struct block_device *bdev, u64 old, u64 key, enum pr_type type,
			 bool abort)
{
	return forward_order(bdev, lower_preempt,
			     &(struct order){ .old = old, .key = key, .type = type,
					      .abort = abort });
}

static int lower_clear(struct block_device *bdev, void *data)
{
	const struct pr_ops *ops = lower_ops(bdev);
	struct order *o = data;

	return ops->pr_clear ? ops->pr_clear(bdev, o->key) : -EOPNOTSUPP;
}

static int pt_pr_clear(struct block_device *bdev, u64 key)
{
	return forward_order(bdev, lower_clear, &(struct order){ .key = key });
}

#ifdef IOT_HAS_PR_READ
static int lower_read_keys(struct block_device *bdev, void *data)
{
	const struct pr_ops *ops = lower_ops(bdev);
	struct order *o = data;

	return ops->pr_read_keys ? ops->pr_read_keys(bdev, o->answer) : -EOPNOTSUPP;
}

static int pt_pr_read_keys(struct block_device *bdev, struct pr_keys *keys)
{
	return forward_order(bdev, lower_read_keys, &(struct order){ .answer = keys });
}

static int lower_read_reservation(struct block_device *bdev, void *data)
{
	const struct pr_ops *ops = lower_ops(bdev);
	struct order *o = data;

	return ops->pr_read_reservation ? ops->pr_read_reservation(bdev, o->answer) : -EOPNOTSUPP;
}

static int pt_pr_read_reservation(struct block_device *bdev, struct pr_held_reservation *held)
{
	return forward_order(bdev, lower_read_reservation, &(struct order){ .answer = held });
}
#endif

const struct pr_ops pt_pr_ops = {
	.pr_register		= pt_pr_register,
	.pr_reserve		= pt_pr_reserve,
	.pr_release		= pt_pr_release,
	.pr_preempt		= pt_pr_preempt,
	.pr_clear		= pt_pr_clear,
#ifdef IOT_HAS_PR_READ
	.pr_read_keys		= pt_pr_read_keys,
	.pr_read_reservation	= pt_pr_read_reservation,
#endif
};
