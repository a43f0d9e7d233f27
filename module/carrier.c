// SPDX-License-Identifier: GPL-2.0
/*
 * Carriers: how a BOUNCE request can end before its I/O does.
 *
 * The device works on a carrier's own request and pages, never on the
 * caller's. Two can finish the caller's request: the carrier, when the device
 * has answered, and whoever claims it (claim.c). Whoever of them finds
 * carrier->req set, under carrier->lock, clears it and is the one. If it was claimed
 * while the backend had not begun, the I/O is taken back; otherwise the carrier goes
 * on alone, an orphan, holding the lower device open and the target in memory.
 */
#include <linux/slab.h>
#include <linux/wait.h>

#include "internal.h"

/* Short of memory, waiting is the business of who has a timeout: see sync.c. */
#define CARRIER_GFP	(GFP_NOIO | __GFP_NORETRY | __GFP_NOWARN)
#define RESERVE_GFP	(GFP_NOWAIT | __GFP_NOWARN)

static void carrier_free(struct io_target_carrier *c)
{
	struct io_target *t = c->target;

	while (c->nr_pages)
		mempool_free(c->vecs[--c->nr_pages].bv_page, &t->pages);
	if (c->vecs != c->inline_vecs)
		kfree(c->vecs);
	if (c->lower)
		iot_lower_unpin(c->lower);
	iot_owner_forget(&c->io);
	mempool_free(c, &t->carriers);
	atomic_inc(&t->carriers_freed);
	wake_up(&t->carrier_wait);
}

/* Context: any. The target outlives it: the last one to put has a reference. */
void iot_carrier_put(struct io_target_carrier *c)
{
	if (refcount_dec_and_test(&c->refs))
		carrier_free(c);
}

static struct page *carrier_page(struct io_target *t, bool reserved)
{
	struct page *page = iot_inject_alloc(t) ? NULL : alloc_page(CARRIER_GFP);

	if (!page && reserved && !iot_inject_alloc(t))
		page = mempool_alloc(&t->pages, RESERVE_GFP);
	return page;
}

static bool carrier_add_pages(struct io_target_carrier *c, size_t len)
{
	bool reserved = len <= IOT_RESERVE_PAGES * PAGE_SIZE;

	while (len) {
		size_t n = min_t(size_t, len, PAGE_SIZE);
		struct page *page = carrier_page(c->target, reserved);

		if (!page)
			return false;
		bvec_set_page(&c->vecs[c->nr_pages++], page, n, 0);
		len -= n;
	}
	return true;
}

static struct io_target_carrier *carrier_new(struct io_target *t, size_t len)
{
	size_t nr = DIV_ROUND_UP(len, PAGE_SIZE);
	struct io_target_carrier *c;

	c = iot_inject_alloc(t) ? NULL : kmalloc_obj(*c, CARRIER_GFP);
	if (!c && !iot_inject_alloc(t))
		c = mempool_alloc(&t->carriers, RESERVE_GFP);
	if (!c)
		return NULL;
	c->target = t;
	c->req = NULL;
	c->lower = NULL;
	c->sent = false;
	c->io.css = NULL;
	c->nr_pages = 0;
	c->vecs = c->inline_vecs;
	if (nr > IOT_RESERVE_PAGES)
		c->vecs = iot_inject_alloc(t) ? NULL : kmalloc_objs(*c->vecs, nr, CARRIER_GFP);
	if (!c->vecs) {
		mempool_free(c, &t->carriers);
		return NULL;
	}
	refcount_set(&c->refs, 1);
	spin_lock_init(&c->lock);
	INIT_LIST_HEAD(&c->node);
	return c;
}

/*
 * A carrier for @req, which has been checked. Up to 64 KiB it comes out of the
 * target's reserve when there is no memory; never waits for one to come back.
 * Context: process context.
 */
struct io_target_carrier *iot_carrier_alloc(struct io_target_request *req)
{
	size_t len = iov_iter_count(&req->iter);
	struct io_target_carrier *c = carrier_new(req->target, len);

	if (!c)
		return NULL;
	if (!carrier_add_pages(c, len)) {
		iot_carrier_put(c);
		return NULL;
	}
	return c;
}

/* Between the caller's memory and the carrier's pages, @len bytes of them. */
static void carrier_copy(struct io_target_carrier *c, const struct io_target_request *req,
			 size_t len)
{
	struct iov_iter iter = req->iter;
	unsigned int i;

	for (i = 0; i < c->nr_pages && len; i++) {
		struct bio_vec *bv = &c->vecs[i];
		size_t n = min_t(size_t, len, bv->bv_len);

		if (iot_op_sends(req->op))
			copy_page_from_iter(bv->bv_page, 0, n, &iter);
		else
			copy_page_to_iter(bv->bv_page, 0, n, &iter);
		len -= n;
	}
}

/*
 * Formats the I/O. The data of a write is copied here, before the request is
 * accepted: the caller sees submit return, not the sending.
 */
void iot_carrier_load(struct io_target_request *req)
{
	struct io_target_carrier *c = req->carrier;
	struct io_target_request *io = &c->io;
	size_t len = iov_iter_count(&req->iter);

	iot_owner_forget(io);	/* of a submit that was refused */
	io_target_request_init(io, req->target);
	io->ioprio = req->ioprio;
	io->hint = req->hint;
	iot_owner_note(io);
	io->op = req->op;
	io->pos = req->pos;
	io->len = req->len;
	io->opened = req->opened;
	io->flags = (req->flags & (IO_TARGET_FUA | IO_TARGET_PREFLUSH | IO_TARGET_NOWAIT |
				   IO_TARGET_IGNORE_STATE | IO_TARGET_FULL |
				   IO_TARGET_USER_PTR)) |
		    IOT_F_CARRIED | IOT_F_OWNED;
	io->state = IOT_REQ_SENT;
	iov_iter_bvec(&io->iter, iov_iter_rw(&req->iter) == WRITE ? ITER_SOURCE : ITER_DEST,
		      c->vecs, c->nr_pages, len);
	if (iot_op_sends(req->op))
		carrier_copy(c, req, len);
}

/*
 * The request is accepted: from now on its carrier decides who ends it. Between
 * this and being sent it can only be claimed.
 */
void iot_carrier_arm(struct io_target_request *req)
{
	struct io_target_carrier *c = req->carrier;

	guard(spinlock_irqsave)(&c->lock);
	c->req = req;
	c->sent = false;
	iot_deadline_look(req);
}

/* Under carrier->lock. Return: false if nobody waits for it any more. */
static bool carrier_begin(struct io_target_carrier *c, struct io_target_lower *lower)
{
	lockdep_assert_held(&c->lock);
	if (!c->req)
		return false;
	c->sent = true;
	c->lower = lower;
	c->io.lower = lower;
	iot_lower_pin(lower);
	refcount_inc(&c->refs);
	return true;
}

/*
 * Sends the I/O, by way of a worker: the device may make its submitter wait, and
 * this one has promised to be back on time. The caller holds a reference on @c
 * and, while there is a request, that holds the gate and so @lower.
 */
void iot_carrier_send(struct io_target_carrier *c, struct io_target_lower *lower)
{
	guard(spinlock_irqsave)(&c->lock);
	if (carrier_begin(c, lower))
		iot_lower_queue(&c->io);
}

/*
 * For start, which sends in its own thread, since it has to keep the I/O in order
 * with requests that have no carrier. Return: is it to be sent?
 */
bool iot_carrier_begin(struct io_target_carrier *c, struct io_target_lower *lower)
{
	guard(spinlock_irqsave)(&c->lock);
	return carrier_begin(c, lower);
}

/* A reference on the carrier of @req, which may be ending. Under target->lock. */
struct io_target_carrier *iot_carrier_get(struct io_target_request *req)
{
	lockdep_assert_held(&req->target->lock);
	if (req->carrier)
		refcount_inc(&req->carrier->refs);
	return req->carrier;
}

/* The request's own reference. */
void iot_carrier_drop(struct io_target_request *req)
{
	struct io_target_carrier *c;

	scoped_guard(spinlock_irqsave, &req->target->lock) {
		c = req->carrier;
		req->carrier = NULL;
	}
	if (c)
		iot_carrier_put(c);
}

/* The device has done a part of the I/O of @req, and nobody waits for the rest any more. */
ssize_t iot_carrier_begun(struct io_target_request *req)
{
	struct io_target_carrier *c = req->carrier;
	ssize_t begun = iot_begun(&c->io);

	if (req->op == IO_TARGET_OP_READ)
		carrier_copy(c, req, begun);
	return begun;
}

/*
 * Under target->lock: the I/O was failed by a device that has gone, and is to be sent to the
 * one that comes back. Return: the request that waits for it, or NULL.
 */
struct io_target_request *iot_carrier_again(struct io_target_request *io)
{
	struct io_target_carrier *c = container_of(io, struct io_target_carrier, io);

	guard(spinlock_irqsave)(&c->lock);
	if (!c->req)
		return NULL;
	c->sent = false;
	iot_lower_unpin(c->lower);	/* the target still has it */
	c->lower = NULL;
	WRITE_ONCE(io->lower, NULL);
	io->result = IOT_KEPT;
	io->flags &= ~(IOT_F_AGAIN | IO_TARGET_NOWAIT);
	refcount_dec(&c->refs);		/* that of the I/O: the request has another */
	return c->req;
}

/* The device has answered the carrier's I/O. */
void iot_carrier_end(struct io_target_request *io, ssize_t result, blk_status_t status)
{
	struct io_target_carrier *c = container_of(io, struct io_target_carrier, io);
	struct io_target_request *req;

	scoped_guard(spinlock_irqsave, &c->lock) {
		req = c->req;
		c->req = NULL;
	}
	if (!req) {
		iot_orphan_end(c, result);
		return;
	}
	if (req->op == IO_TARGET_OP_READ && result > 0)
		carrier_copy(c, req, result);
	req->not_sent = io->not_sent;
	req->pos = io->pos;	/* to where an append has gone */
	/* Before finish: after it the target is only the caller's to keep. */
	iot_carrier_put(c);
	iot_request_finish(req, result, status);
}

/* Under carrier->lock: what becomes of the I/O when its request is claimed? */
static enum iot_claim carrier_leave(struct io_target_carrier *c, bool or_orphan)
{
	if (!c->sent)
		return IOT_CLAIM_UNSENT;
	guard(spinlock_irqsave)(&c->lower->lock);
	if (iot_lower_unqueue(&c->io)) {
		/* The request still has a reference, so this is not the last. */
		refcount_dec(&c->refs);
		return IOT_CLAIM_UNSENT;
	}
	if (!or_orphan)
		return IOT_CLAIM_NONE;
	iot_orphan_add(c);
	return IOT_CLAIM_ORPHANED;
}

/*
 * Makes the request of @c the caller's to end. Under target->lock, so that the
 * request has not dropped @c yet.
 */
enum iot_claim iot_carrier_claim(struct io_target_carrier *c, bool or_orphan)
{
	enum iot_claim how;

	guard(spinlock_irqsave)(&c->lock);
	if (!c->req)
		return IOT_CLAIM_NONE;
	how = carrier_leave(c, or_orphan);
	if (how != IOT_CLAIM_NONE)
		c->req = NULL;
	return how;
}
