// SPDX-License-Identifier: GPL-2.0
/*
 * The opened lower device: its life, and the queue of requests that a worker
 * gives to it because their submitter must not (submit_atomic: no context to
 * sleep in; carriers: the submitter has promised to return on time).
 */
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "watch.h"

static atomic_t opens = ATOMIC_INIT(0);

static void lower_free(struct kref *ref)
{
	kfree(container_of(ref, struct io_target_lower, ref));
}

static void lower_close_work(struct work_struct *work)
{
	struct io_target_lower *lower = container_of(work, struct io_target_lower, close_work);

	lower->backend->close(lower);
	complete_all(&lower->closed);
	if (lower->keeps_target)
		io_target_put(lower->target);
	iot_lower_unpin(lower);
}

void iot_lower_add_queue(struct io_target_lower *lower, struct iot_queue *queue)
{
	INIT_LIST_HEAD(&queue->requests);
	list_add_tail(&queue->node, &lower->queues);
}

/* Under lower->lock: takes the next request off the queue; it counts as sent. */
struct io_target_request *iot_queue_next(struct iot_queue *queue)
{
	struct io_target_request *req;

	req = list_first_entry_or_null(&queue->requests, struct io_target_request, node);
	if (req) {
		list_del_init(&req->node);
		WRITE_ONCE(req->state, IOT_REQ_SENT);
	}
	return req;
}

/* Under lower->lock: something that waits is to end. */
static void lower_kick_cancel(struct io_target_lower *lower)
{
	lockdep_assert_held(&lower->lock);
	iot_lower_get(lower);
	if (!queue_work(iot_wq, &lower->cancel_work))
		iot_lower_put(lower);	/* not the last: the queued one has its own */
}

/* Under lower->lock: what @req is to end with, if it does not go to the device now, or 0. */
int iot_lower_ends(const struct io_target_lower *lower, const struct io_target_request *req)
{
	if (unlikely(req->wanted))
		return -req->wanted;
	if (likely(!lower->cancel) ||
	    (!lower->cancel_all && req->flags & IO_TARGET_IGNORE_STATE))
		return 0;
	return -ECANCELED;
}

/*
 * Under lower->lock: @req has come to wait in one of the queues. Who has submitted
 * it may have passed the gate before all that was queued was cancelled; and who wanted to
 * end it may have found it nowhere, on its way here.
 */
void iot_lower_queued(struct io_target_request *req)
{
	iot_deadline_look(req);
	if (unlikely(iot_lower_ends(req->lower, req)))
		lower_kick_cancel(req->lower);
}

/* The same for a bio, which does not ignore the state. */
void iot_lower_queued_bio(struct io_target_lower *lower)
{
	if (unlikely(lower->cancel))
		lower_kick_cancel(lower);
}

/*
 * Somebody wants to end @req, which is outstanding, with @why, and it waits nowhere: the
 * device has it, or is about to. If it comes to wait all the same it ends then: the driver
 * of a char device may not be ready for it, or an orphan be in its way.
 * Context: any, in a section that keeps @lower, which is its target's.
 */
void iot_lower_want(struct io_target_lower *lower, struct io_target_request *req, int why)
{
	guard(spinlock_irqsave)(&lower->lock);
	WRITE_ONCE(req->wanted, -why);
	if (req->state == IOT_REQ_QUEUED && req->lower == lower)
		lower_kick_cancel(lower);
}

/*
 * What waits, or comes to wait, is to end with -ECANCELED; @all: also what ignores the
 * target's state. Together with the change of state that it belongs to.
 */
void iot_lower_cancel_begin(struct io_target_lower *lower, bool all)
{
	guard(spinlock_irqsave)(&lower->lock);
	lower->cancel = true;
	lower->cancel_all |= all;
}

IOT_EXPORT_FOR_TESTS(iot_lower_cancel_begin);

/* The target is started again. */
void iot_lower_cancel_no_more(struct io_target_lower *lower)
{
	guard(spinlock_irqsave)(&lower->lock);
	lower->cancel = false;
}

/* Return: is all to end, what the device has included? */
static bool lower_take_queued(struct io_target_lower *lower, struct list_head *taken,
			      struct bio_list *bios)
{
	struct io_target_request *req, *tmp;
	struct iot_queue *queue;

	guard(spinlock_irqsave)(&lower->lock);
	list_for_each_entry(queue, &lower->queues, node) {
		list_for_each_entry_safe(req, tmp, &queue->requests, node) {
			int why = iot_lower_ends(lower, req);

			if (req->state != IOT_REQ_QUEUED || !why)
				continue;
			list_move_tail(&req->node, taken);
			req->wanted = -why;
			WRITE_ONCE(req->state, IOT_REQ_SENT);
		}
	}
	if (!lower->cancel)	/* started since, for which all is to be sent */
		return false;
	bio_list_merge(bios, &lower->freed_bios);
	bio_list_merge(bios, &lower->held_bios);
	bio_list_init(&lower->freed_bios);
	bio_list_init(&lower->held_bios);
	return true;
}

/*
 * Ends what the device has not been given yet, at one time, so that of a stream
 * nothing goes that comes after what has not gone; and asks the device for the rest. Or, if
 * nothing is to be cancelled as a whole, those that are wanted.
 */
void iot_lower_cancel_queued(struct io_target_lower *lower)
{
	struct bio_list bios = BIO_EMPTY_LIST;
	struct io_target_request *req;
	LIST_HEAD(taken);
	struct bio *bio;
	bool all;

	all = lower_take_queued(lower, &taken, &bios);
	while ((req = list_first_entry_or_null(&taken, struct io_target_request, node))) {
		ssize_t begun = iot_begun(req);

		list_del_init(&req->node);
		req->not_sent = !begun && req->result != IOT_KEPT;
		iot_request_end(req, begun ?: -req->wanted, BLK_STS_OK);
	}
	while ((bio = bio_list_pop(&bios)))
		iot_forward_cancel_held(bio);
	if (all && lower->backend->interrupt)
		lower->backend->interrupt(lower, NULL, -ECANCELED);
}

IOT_EXPORT_FOR_TESTS(iot_lower_cancel_queued);

static void lower_cancel_work(struct work_struct *work)
{
	struct io_target_lower *lower;

	lower = container_of(work, struct io_target_lower, cancel_work);
	iot_lower_cancel_queued(lower);
	iot_lower_put(lower);
}

/* The next request, else the next bio. Return: false: nobody sends any more. */
static bool lower_next(struct io_target_lower *lower, struct io_target_request **req,
		       struct bio **bio)
{
	guard(spinlock_irqsave)(&lower->lock);
	*req = iot_queue_next(&lower->queue);
	*bio = *req ? NULL : bio_list_pop(&lower->freed_bios);
	if (*req || *bio)
		return true;
	lower->sending = false;
	iot_orphan_released(lower);
	return false;
}

/*
 * One per lower, so that a device which makes submitters wait holds up its own
 * requests and nobody else's. A request may end and be queued again by its
 * end_io inside submit(): that becomes another turn of the loop, not recursion.
 */
void iot_lower_send_work(struct work_struct *work)
{
	struct io_target_lower *lower = container_of(work, struct io_target_lower, send_work);
	unsigned int noio = memalloc_noio_save();
	struct io_target_request *req;
	struct blk_plug plug;
	struct bio *bio;

	blk_start_plug(&plug);
	while (lower_next(lower, &req, &bio)) {
		if (req)
			iot_send_queued(req);
		else
			iot_forward_send_held(lower, bio);
	}
	blk_finish_plug(&plug);
	memalloc_noio_restore(noio);
	iot_lower_put(lower);
}

/*
 * The caller, a backend about to open its device, becomes the first user; if
 * that fails, it lets go with iot_lower_unpin(). It sets the rest of the fields.
 */
struct io_target_lower *iot_lower_alloc(struct io_target *t, const struct iot_backend *backend,
					unsigned int flags, void *data)
{
	struct io_target_lower *lower;

	lower = iot_inject_alloc(NULL) ? NULL : kzalloc_obj(*lower, GFP_KERNEL);
	if (!lower)
		return NULL;
	lower->target = t;
	lower->backend = backend;
	lower->data = data;
	lower->flags = flags;
	lower->opened = atomic_inc_return(&opens);
	spin_lock_init(&lower->lock);
	INIT_LIST_HEAD(&lower->queues);
	iot_lower_add_queue(lower, &lower->queue);
	iot_lower_add_queue(lower, &lower->held);
	INIT_LIST_HEAD(&lower->orphans);
	INIT_WORK(&lower->send_work, iot_lower_send_work);
	INIT_WORK(&lower->cancel_work, lower_cancel_work);
	INIT_WORK(&lower->close_work, lower_close_work);
	INIT_LIST_HEAD(&lower->doubted);
	INIT_WORK(&lower->doubt_work, iot_doubt_work);
	init_completion(&lower->closed);
	refcount_set(&lower->users, 1);
	kref_init(&lower->ref);
	return lower;
}

IOT_EXPORT_FOR_TESTS(iot_lower_alloc);

void iot_lower_get(struct io_target_lower *lower)
{
	refcount_inc(&lower->users);
}

/* Return: false: it is being closed. */
bool iot_lower_tryget(struct io_target_lower *lower)
{
	return refcount_inc_not_zero(&lower->users);
}

/* Keeps the memory, not the device. */
void iot_lower_pin(struct io_target_lower *lower)
{
	kref_get(&lower->ref);
}

void iot_lower_unpin(struct io_target_lower *lower)
{
	kref_put(&lower->ref, lower_free);
}

/* Context: any. The device is closed by the releaser. */
void iot_lower_put(struct io_target_lower *lower)
{
	if (refcount_dec_and_test(&lower->users))
		queue_work(iot_releaser, &lower->close_work);
}

/*
 * Drops the target's use. When nothing but workers on their last lines use the
 * device, returns after it has been released, so that its driver can be
 * unloaded at once; orphans keep it open and are not waited for. No orphan is
 * born meanwhile: the caller has drained the target.
 */
void iot_lower_release(struct io_target_lower *lower)
{
	bool orphans;

	scoped_guard(spinlock_irqsave, &lower->lock) {
		orphans = !list_empty(&lower->orphans);
		if (orphans) {
			io_target_get(lower->target);
			lower->keeps_target = true;
		}
	}
	iot_lower_pin(lower);
	iot_lower_put(lower);
	if (!orphans)
		wait_for_completion(&lower->closed);
	iot_lower_unpin(lower);
}

/*
 * Hands @req, whose lower is set, to the worker.
 * Context: any.
 */
void iot_lower_queue(struct io_target_request *req)
{
	struct io_target_lower *lower = req->lower;

	guard(spinlock_irqsave)(&lower->lock);
	WRITE_ONCE(req->state, IOT_REQ_QUEUED);
	list_add_tail(&req->node, &lower->queue.requests);
	iot_lower_kick(lower);
	iot_lower_queued(req);
}

/*
 * The same for one that the device has had: it is as good as sent, and is not taken
 * back from the queue.
 * Context: any.
 */
void iot_lower_queue_again(struct io_target_request *req)
{
	struct io_target_lower *lower = req->lower;

	guard(spinlock_irqsave)(&lower->lock);
	req->flags |= IOT_F_AGAIN;
	list_add_tail(&req->node, &lower->queue.requests);
	iot_lower_kick(lower);
}

/* Under lower->lock: there is something in the queue. */
void iot_lower_kick(struct io_target_lower *lower)
{
	lockdep_assert_held(&lower->lock);
	if (lower->sending)
		return;
	lower->sending = true;
	iot_lower_get(lower);
	queue_work(iot_wq, &lower->send_work);
}

/* Under lower->lock: takes @req back if the backend has not begun with it. */
bool iot_lower_unqueue(struct io_target_request *req)
{
	lockdep_assert_held(&req->lower->lock);
	if (req->state != IOT_REQ_QUEUED)
		return false;
	list_del_init(&req->node);
	return true;
}

/*
 * The device has answered @err to something that holds a gate, or a reference on the
 * target: perhaps because it is gone. Who has claimed a disk is told so before, on newer
 * kernels; all others find out here. A driver may fail what it has before its disk is
 * dead, and nobody may send anything after that: so there is a look a while later.
 * Context: any.
 */
void iot_lower_failed(struct io_target_lower *lower, int err)
{
	if (!lower->backend->dead)
		return;
	if (lower->backend->dead(lower, err))
		iot_lower_gone(lower);
	else if (err)
		iot_rescan_soon(lower->target);
}
