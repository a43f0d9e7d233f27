/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The opened lower device, and the backend that serves it. Life and locks are told in
 * internal.h, which includes this.
 */
#ifndef _IO_TARGET_LOWER_H
#define _IO_TARGET_LOWER_H

#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include <linux/io_target.h>

/**
 * struct iot_identity - what tells one disk from another, beyond struct io_target_info
 * @partno: of the partition, 0: all of the disk
 * @wwid: of the disk
 * @wwid_len: bytes of that, 0: it has none
 * @wwid_type: enum blk_unique_id
 * @uuid: of the partition, or ""
 */
struct iot_identity {
	unsigned int	partno;
	u8		wwid[16];
	unsigned int	wwid_len;
	unsigned int	wwid_type;
	char		uuid[40];
};

/**
 * struct iot_limits - what those above a disk rely on, beyond struct io_target_info
 * @gap: as in struct io_target_lower
 * @max_segments: pieces of memory in one command
 * @discard_granularity: bytes
 * @atomic_boundary: bytes; atomic writes do not cross a multiple of it; 0: none
 * @integrity: kind of integrity data, unlike that of any other; 0: none
 * @zone_map: says which zones are conventional
 * @stable_writes: memory must not change while it is written
 */
struct iot_limits {
	u32	gap;
	u32	max_segments;
	u32	discard_granularity;
	u32	atomic_boundary;
	u32	integrity;
	u32	zone_map;
	bool	stable_writes;
};

/* All that is asked of a device that takes the place of this one: see fits.c, identity.c. */
struct iot_fits {
	struct io_target_info	info;
	struct iot_limits	limits;
	struct iot_identity	identity;
};

/**
 * struct iot_backend - how one kind of lower device carries out requests
 * @name: for log lines
 * @submit: send @req, whose lower is set; end it, now or later, exactly once
 *	with iot_request_end(). Process context.
 * @check: before anything is sent: 0, or the errno of a request that cannot be
 *	carried out. Logs the reason. Under rcu_read_lock(), must not sleep.
 * @submit_batch: optional: the same for @n requests, in order. Neighbours that may be
 *	merged may go together; each is ended by itself.
 * @where: of a request with one of IOT_F_POLLED, that is with the device: where @poll
 *	is to look for it; UINT_MAX: nowhere yet, or it ends without. Any context.
 * @poll: end what is found there now. Return: whether something was. Process context,
 *	no locks held. Both only where lower->polls.
 * @poll_any: the same for forwarded bios, of all places; @flags: BLK_POLL_*. Any context
 *	under rcu_read_lock()
 * @may_write: is it not read-only just now? Any context.
 * @transfer: read or write in the calling task, which waits for the driver; as
 *	lower->direct says. Process context.
 * @info: fill in what the device can do
 * @limits: optional: the rest of that. May sleep.
 * @file: optional: what calls are passed on to by their callers, see enter.c
 * @leave: with @file: a call that was granted by @submit has been made. Any context.
 * @begun: of a request with IOT_F_BEGUN that waits in a queue: bytes that are done
 * @interrupt: optional: ask the device to let go of @req, which then ends with @why unless
 *	it has a result; NULL: of all that is to be cancelled. Return: whether it has it, and
 *	was asked. Any context, @req being kept by the caller.
 * @close: release the device; the releaser calls it once
 * @dead: optional: the device has answered @err, or is asked without cause (0): is it
 *	gone? Any context.
 * @answers: optional: does the device, opened for reading, carry anything out? Waits for it.
 * @settle: optional: the device is about to be used: what others have written through its
 *	cache is written back, and dropped. Waits for it. Return: 0 or negative errno.
 * @identify: optional: what tells the device from others, beyond @info. May sleep.
 * @repeats: optional, with @dead and @answers: may an @op that it has failed, because it is
 *	gone, be sent again when it is back? It may if carried out twice is as once. Any
 *	context.
 * @may_be_short: fewer bytes than asked for are a result, not an error
 */
struct iot_backend {
	const char	*name;
	void		(*submit)(struct io_target_request *req);
	void		(*submit_batch)(struct io_target_request **reqs, unsigned int n);
	unsigned int	(*where)(const struct io_target_request *req);
	bool		(*poll)(struct io_target_lower *lower, unsigned int where);
	int		(*poll_any)(struct io_target_lower *lower, unsigned int flags);
	int		(*check)(struct io_target_lower *lower, struct io_target_request *req);
	bool		(*may_write)(struct io_target_lower *lower);
	ssize_t		(*transfer)(struct io_target_lower *lower, enum io_target_op op,
				    struct iov_iter *iter, loff_t pos);
	void		(*info)(struct io_target_lower *lower, struct io_target_info *info);
	void		(*limits)(struct io_target_lower *lower, struct iot_limits *limits);
	struct file	*(*file)(struct io_target_lower *lower);
	void		(*leave)(struct io_target_request *req, ssize_t result);
	ssize_t		(*begun)(const struct io_target_request *req);
	bool		(*interrupt)(struct io_target_lower *lower,
				     const struct io_target_request *req, int why);
	void		(*close)(struct io_target_lower *lower);
	bool		(*dead)(struct io_target_lower *lower, int err);
	bool		(*answers)(struct io_target_lower *lower);
	int		(*settle)(struct io_target_lower *lower);
	void		(*identify)(struct io_target_lower *lower, struct iot_identity *id);
	bool		(*repeats)(const struct io_target_lower *lower, enum io_target_op op);
	bool		may_be_short;
};

/**
 * struct iot_queue - requests that the library holds for one lower
 * @requests: QUEUED, linked by their node, in order
 * @node: on the lower's queues
 */
struct iot_queue {
	struct list_head	requests;
	struct list_head	node;
};

/**
 * struct io_target_lower - one opened lower device
 * @target: whose it is; referenced only with @keeps_target, see there, or by who opens it
 * @backend: who serves it
 * @data: the backend's own
 * @opened: number of this open, unlike that of any other
 * @flags: IO_TARGET_READ, WRITE, EXCL as opened
 * @direct: IO_TARGET_READ, WRITE: what the backend can transfer without a request
 * @stream: positions mean nothing, order does
 * @polls: the device can be polled
 * @bdev: the device, if it takes bios, else NULL
 * @forwards: IO_TARGET_READ, WRITE: bios that it takes, without a further question
 * @cached: what is written may be lost together with the device: see cache.c
 * @end_forwarded: what ends the clones of bios (forward.c)
 * @leaving: it is removed in order, and whoever stands above it is being told
 * @gone: the device has died
 * @frozen: by its owner; under target->lock
 * @dma_mask: memory must have none of these address and length bits set
 * @block_size: bytes that the device transfers as one
 * @max_segments: pieces of memory that one block may lie in; 0: any
 * @gap: address bits that neither the end of a piece of memory nor the start of the next
 *	may have within a block
 * @size: bytes, as the backend has seen it last; 0: it is to be asked
 * @zone_size: bytes of a zone, 0: there are none
 * @name: of the device, for log lines
 * @lock: see above
 * @queues: all queues of requests for this device, @queue and its backend's
 * @queue: requests for @send_work
 * @sending: @send_work is queued or runs
 * @send_work: gives @queue to the backend, where a submitter must not
 * @orphans: carriers whose request has ended
 * @releasing: @queue has requests that were held, and others go behind them
 * @cancel: what comes to wait in a queue now ends with -ECANCELED,
 * @cancel_all: also what ignores the target's state
 * @cancel_work: sees to that
 * @orphan_writes: how many orphans may still change the device; one more while
 *	@releasing
 * @held: requests that overlap one of those
 * @held_bios: clones that do (forward.c)
 * @freed_bios: of those, what the worker is to try again
 * @users: see above
 * @ref: see above
 * @keeps_target: it has a reference on @target until it is released, since orphans
 *	keep it open longer than that is
 * @closed: the device has been released
 * @close_work: runs on the releaser
 * @doubted: requests that it has failed, perhaps because it has gone
 * @doubted_bios: clones
 * @doubt_work: asks whether it has
 */
struct io_target_lower {
	struct io_target		*target;
	const struct iot_backend	*backend;
	void				*data;
	u32				opened;
	unsigned int			flags;
	unsigned int			direct;
	bool				stream;
	bool				polls;
	struct block_device		*bdev;
	unsigned int			forwards;
	bool				cached;
	bio_end_io_t			*end_forwarded;
	bool				leaving;	/* under target->lock */
	bool				gone;	/* the device has died; under target->lock */
	bool				frozen;	/* under target->lock */
	u32				dma_mask;
	u32				block_size;
	u32				max_segments;
	u32				gap;
	u64				size;
	u64				zone_size;
	char				name[32];

	spinlock_t			lock;	/* queues, sending, orphans */
	struct list_head		queues;
	struct iot_queue		queue;
	bool				sending;
	bool				releasing;
	bool				cancel;
	bool				cancel_all;
	struct work_struct		cancel_work;
	struct work_struct		send_work;
	struct list_head		orphans;
	unsigned int			orphan_writes;
	struct iot_queue		held;
	struct bio_list			held_bios;
	struct bio_list			freed_bios;

	refcount_t			users;
	struct kref			ref;
	bool				keeps_target;
	struct completion		closed;
	struct work_struct		close_work;

	struct list_head		doubted;	/* all under lock */
	struct bio_list			doubted_bios;
	struct work_struct		doubt_work;
};

/* lower.c */
struct io_target_lower *iot_lower_alloc(struct io_target *t, const struct iot_backend *backend,
					unsigned int flags, void *data);
void iot_lower_get(struct io_target_lower *lower);
bool iot_lower_tryget(struct io_target_lower *lower);
void iot_lower_put(struct io_target_lower *lower);
void iot_lower_release(struct io_target_lower *lower);
void iot_lower_pin(struct io_target_lower *lower);
void iot_lower_unpin(struct io_target_lower *lower);
void iot_lower_add_queue(struct io_target_lower *lower, struct iot_queue *queue);
struct io_target_request *iot_queue_next(struct iot_queue *queue);
void iot_lower_cancel_begin(struct io_target_lower *lower, bool all);
void iot_lower_cancel_queued(struct io_target_lower *lower);
void iot_lower_cancel_no_more(struct io_target_lower *lower);
int iot_lower_ends(const struct io_target_lower *lower, const struct io_target_request *req);
void iot_lower_queued(struct io_target_request *req);
void iot_lower_queued_bio(struct io_target_lower *lower);
void iot_lower_want(struct io_target_lower *lower, struct io_target_request *req, int why);
void iot_lower_queue(struct io_target_request *req);
void iot_lower_queue_again(struct io_target_request *req);
void iot_lower_kick(struct io_target_lower *lower);
void iot_lower_send_work(struct work_struct *work);
bool iot_lower_unqueue(struct io_target_request *req);
void iot_lower_failed(struct io_target_lower *lower, int err);

#endif /* _IO_TARGET_LOWER_H */
