// SPDX-License-Identifier: GPL-2.0
/*
 * An I/O error of a disk that is followed: is it an answer, or the first that is seen of a
 * loss? Drivers fail what they have some time before their disk is dead (nbd), and do not
 * say why. So what has failed is put aside, still with its gate, and a block is read from
 * the disk: if that comes, the error is what it seems; else the disk has gone, and what was
 * put aside is kept for the one that comes back (iot_keep(), iot_forward_keep()).
 *
 * A disk that does not answer at all makes what was put aside wait, as it does with all that
 * it has been sent.
 */
#include "forward.h"
#include "request.h"

/* An error is doubted only where what has failed could be sent again. */
static bool doubts(struct io_target_lower *lower, enum io_target_op op, int err)
{
	return err == -EIO && READ_ONCE(lower->target->follows) && !READ_ONCE(lower->gone) &&
	       lower->flags & IO_TARGET_READ && iot_lower_repeats(lower, op) &&
	       !lower->backend->dead(lower, err);
}

/* Under lower->lock: something was put aside. */
static void doubt_kick(struct io_target_lower *lower)
{
	lockdep_assert_held(&lower->lock);
	iot_lower_get(lower);
	if (!queue_work(iot_recovery, &lower->doubt_work))
		iot_lower_put(lower);	/* not the last: the queued one has its own */
}

/*
 * The device has failed @req, a request or a carrier's.
 * Context: any. Return: it is put aside, and ends later.
 */
bool iot_doubt(struct io_target_request *req, ssize_t result, blk_status_t status)
{
	struct io_target_lower *lower = req->lower;

	if (!doubts(lower, req->op, result))
		return false;
	req->result = result;
	req->status = status;
	guard(spinlock_irqsave)(&lower->lock);
	list_add_tail(&req->node, &lower->doubted);
	doubt_kick(lower);
	return true;
}

/* As iot_doubt(), for a clone of a forwarded bio. */
bool iot_doubt_bio(struct io_target_lower *lower, struct bio *clone)
{
	struct forward *f = container_of(clone, struct forward, clone);

	if (!doubts(lower, iot_forward_op(f->bio), blk_status_to_errno(clone->bi_status)))
		return false;
	guard(spinlock_irqsave)(&lower->lock);
	bio_list_add(&lower->doubted_bios, clone);
	doubt_kick(lower);
	return true;
}

void iot_doubt_work(struct work_struct *work)
{
	struct io_target_lower *lower = container_of(work, struct io_target_lower, doubt_work);
	struct bio_list bios = BIO_EMPTY_LIST;
	struct io_target_request *req;
	LIST_HEAD(requests);
	struct bio *clone;

	/* Whatever fails from now on queues the work again. */
	scoped_guard(spinlock_irqsave, &lower->lock) {
		list_splice_init(&lower->doubted, &requests);
		bio_list_merge(&bios, &lower->doubted_bios);
		bio_list_init(&lower->doubted_bios);
	}
	/* A run that finds nothing has no gate that keeps the device. */
	if ((!list_empty(&requests) || !bio_list_empty(&bios)) && !lower->backend->answers(lower))
		iot_lower_gone(lower);
	while ((req = list_first_entry_or_null(&requests, struct io_target_request, node))) {
		list_del_init(&req->node);
		iot_request_end_failed(req, req->result, req->status);
	}
	while ((clone = bio_list_pop(&bios)))
		iot_forward_end_failed(clone);
	iot_lower_put(lower);
}
