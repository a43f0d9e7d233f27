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

enum order_op {
	ORDER_REGISTER,
	ORDER_RESERVE,
	ORDER_RELEASE,
	ORDER_PREEMPT,
	ORDER_CLEAR,
	ORDER_READ_KEYS,
	ORDER_READ_RESERVATION,
};

/**
 * struct order - what is asked for; each operation has some of it
 * @op: the operation
 * @key: the new one, or the only one
 * @old: the one that is replaced
 * @type: of the reservation
 * @flags: see PR_FL_IGNORE_KEY
 * @abort: what the other has sent
 * @keys: to be filled in
 * @held: the same
 */
struct order {
	enum order_op			op;
	u64				key;
	u64				old;
	enum pr_type			type;
	u32				flags;
	bool				abort;
	struct pr_keys			*keys;
	struct pr_held_reservation	*held;
};

static int lower_carry_out(struct block_device *bdev, const struct pr_ops *ops,
			   const struct order *o)
{
	switch (o->op) {
	case ORDER_REGISTER:
		return ops->pr_register ?
		       ops->pr_register(bdev, o->old, o->key, o->flags) : -EOPNOTSUPP;
	case ORDER_RESERVE:
		return ops->pr_reserve ?
		       ops->pr_reserve(bdev, o->key, o->type, o->flags) : -EOPNOTSUPP;
	case ORDER_RELEASE:
		return ops->pr_release ? ops->pr_release(bdev, o->key, o->type) : -EOPNOTSUPP;
	case ORDER_PREEMPT:
		return ops->pr_preempt ?
		       ops->pr_preempt(bdev, o->old, o->key, o->type, o->abort) : -EOPNOTSUPP;
	case ORDER_CLEAR:
		return ops->pr_clear ? ops->pr_clear(bdev, o->key) : -EOPNOTSUPP;
#ifdef IOT_HAS_PR_READ
	case ORDER_READ_KEYS:
		return ops->pr_read_keys ? ops->pr_read_keys(bdev, o->keys) : -EOPNOTSUPP;
	case ORDER_READ_RESERVATION:
		return ops->pr_read_reservation ?
		       ops->pr_read_reservation(bdev, o->held) : -EOPNOTSUPP;
#endif
	default:
		return -EOPNOTSUPP;
	}
}

/* A reservation is of a whole disk. */
static int lower_order(struct block_device *bdev, void *data)
{
	const struct pr_ops *ops = bdev->bd_disk->fops->pr_ops;

	if (!ops || bdev_is_partition(bdev))
		return -EOPNOTSUPP;
	return lower_carry_out(bdev, ops, data);
}

static int forward_order(struct block_device *bdev, struct order o)
{
	return io_target_call_bdev(bdev->bd_disk->private_data, 0, lower_order, &o);
}

static int pt_pr_register(struct block_device *bdev, u64 old, u64 key, u32 flags)
{
	return forward_order(bdev, (struct order){ .op = ORDER_REGISTER, .old = old, .key = key,
						   .flags = flags });
}

static int pt_pr_reserve(struct block_device *bdev, u64 key, enum pr_type type, u32 flags)
{
	return forward_order(bdev, (struct order){ .op = ORDER_RESERVE, .key = key,
						   .type = type, .flags = flags });
}

static int pt_pr_release(struct block_device *bdev, u64 key, enum pr_type type)
{
	return forward_order(bdev, (struct order){ .op = ORDER_RELEASE, .key = key,
						   .type = type });
}

static int pt_pr_preempt(struct block_device *bdev, u64 old, u64 key, enum pr_type type,
			 bool abort)
{
	return forward_order(bdev, (struct order){ .op = ORDER_PREEMPT, .old = old, .key = key,
						   .type = type, .abort = abort });
}

static int pt_pr_clear(struct block_device *bdev, u64 key)
{
	return forward_order(bdev, (struct order){ .op = ORDER_CLEAR, .key = key });
}

#ifdef IOT_HAS_PR_READ
static int pt_pr_read_keys(struct block_device *bdev, struct pr_keys *keys)
{
	return forward_order(bdev, (struct order){ .op = ORDER_READ_KEYS, .keys = keys });
}

static int pt_pr_read_reservation(struct block_device *bdev, struct pr_held_reservation *held)
{
	return forward_order(bdev, (struct order){ .op = ORDER_READ_RESERVATION, .held = held });
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
