// SPDX-License-Identifier: GPL-2.0
/*
 * The request: made, gated, and ended exactly once. How it is formatted is in
 * prep.c.
 *
 * A plain request has one possible finisher, the backend, so its state is
 * moved by plain stores: by its owner up to FORMATTED, by submit to SENT, by
 * the backend's one iot_request_end() to DONE. Where a second finisher exists
 * (a carrier and its waiter) carrier->lock decides, see carrier.c.
 */
#include <linux/export.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "request.h"

/**
 * io_target_request_init - make an embedded request ready for prep
 * @req: memory of the caller's, for instance inside his own structure
 * @target: where it will be sent; the caller keeps a reference on it for as
 *	long as he uses @req
 *
 * Context: any.
 */
void io_target_request_init(struct io_target_request *req, struct io_target *target)
{
	if (!iot_verify_init(req))
		return;
	/* The backend's part is the backend's to fill. */
	memset(req, 0, offsetof(struct io_target_request, blk));
	req->target = target;
	iot_verify_seal(req);
	INIT_LIST_HEAD(&req->node);
	INIT_LIST_HEAD(&req->timed);
	INIT_HLIST_NODE(&req->named);
}
EXPORT_SYMBOL_GPL(io_target_request_init);

/**
 * io_target_request_alloc - take a request from the target's pool
 * @target: where it will be sent
 * @gfp: with __GFP_DIRECT_RECLAIM the call waits for one of the reserved
 *	requests to come back rather than fail
 *
 * Context: as @gfp says.
 * Return: an idle request, to be given back with io_target_request_free(); NULL
 * when there is no memory and @gfp does not let it wait.
 */
struct io_target_request *io_target_request_alloc(struct io_target *target, gfp_t gfp)
{
	struct io_target_request *req;

	/* One that may wait cannot fail. */
	if (!gfpflags_allow_blocking(gfp) && iot_inject_alloc(target))
		return NULL;
	req = mempool_alloc(&target->requests, gfp);
	if (!req)
		return NULL;
	io_target_request_init(req, target);
	req->flags = IOT_F_POOL;
	iot_verify_pool_alloc(req);
	return req;
}
EXPORT_SYMBOL_GPL(io_target_request_alloc);

bool io_target_request_pending(const struct io_target_request *req)
{
	return !iot_request_owned(req);
}
EXPORT_SYMBOL_GPL(io_target_request_pending);

int iot_request_busy(struct io_target_request *req, const char *what)
{
	return iot_err(req->target, -EBUSY, "%s refused: the request is outstanding", what);
}

/* Forgets everything of the last use, so that nothing leaks into the next. */
void iot_request_reset(struct io_target_request *req)
{
	if (req->carrier) {
		iot_carrier_put(req->carrier);
		req->carrier = NULL;
	}
	req->end_io = NULL;
	req->result = 0;
	req->status = BLK_STS_OK;
	req->not_sent = false;
	req->state = IOT_REQ_IDLE;
	req->ended = IOT_REQ_DONE;
	req->op = IO_TARGET_OP_NONE;
	req->ioprio = 0;
	req->hint = 0;
	req->flags &= IOT_F_LASTING;
	req->lower = NULL;
}

/**
 * io_target_request_reinit - make a request idle again
 * @req: idle, formatted or done
 *
 * Clears results, end_io, flags and format; keeps @req->private and the
 * memory. Never needed between two preps, which do the same.
 *
 * Context: any, its own end_io included.
 * Return: 0, or -EBUSY when @req is outstanding, which is not disturbed.
 */
int io_target_request_reinit(struct io_target_request *req)
{
	int err = iot_verify_request(req, "reinit");

	if (err)
		return err;
	if (unlikely(!iot_request_owned(req)))
		return iot_request_busy(req, "reinit");
	iot_request_reset(req);
	return 0;
}
EXPORT_SYMBOL_GPL(io_target_request_reinit);

/**
 * io_target_request_free - give a request back to its pool
 * @req: from io_target_request_alloc(), or NULL. An embedded request has no
 *	pool; freeing it does what reinit does, after which its memory may go
 *
 * Context: any, its own end_io included.
 * Return: 0, or -EBUSY when @req is outstanding, which is not disturbed.
 */
int io_target_request_free(struct io_target_request *req)
{
	struct io_target *t;
	int err;

	if (!req)
		return 0;
	err = iot_verify_request(req, "free");
	if (err)
		return err;
	if (unlikely(!iot_request_owned(req)))
		return iot_request_busy(req, "free");
	iot_request_reset(req);
	if (!(req->flags & IOT_F_POOL))
		return 0;
	t = req->target;
	iot_verify_pool_free(req);
	mempool_free(req, &t->requests);
	iot_verify_pool_freed(t);
	return 0;
}
EXPORT_SYMBOL_GPL(io_target_request_free);

/* Of what kind @req is decides which of the gates it holds. */
struct percpu_ref *iot_request_gate(const struct io_target_request *req)
{
	if (unlikely(req->flags & (IO_TARGET_IGNORE_STATE | IOT_F_WAS_PENDED)))
		return &req->target->ungated;
	return &req->target->gated;
}

#define IOT_F_TIMED	(IOT_F_DEADLINE | IOT_F_POLLED)

/* For those who have to find it while it is outstanding. */
bool iot_request_list(struct io_target_request *req)
{
	if (req->flags & IOT_F_NAMED && !iot_named_add(req))
		return false;
	if (req->flags & IOT_F_TIMED && !iot_deadline_add(req)) {
		if (req->flags & IOT_F_NAMED)
			iot_named_del(req);
		return false;
	}
	return true;
}

void iot_request_unlist(struct io_target_request *req)
{
	if (req->flags & IOT_F_TIMED)
		iot_deadline_del(req);
	if (req->flags & IOT_F_NAMED)
		iot_named_del(req);
}

/* The last step of every request. */
void iot_request_complete(struct io_target_request *req)
{
	struct percpu_ref *gate = iot_request_gate(req);
	bool resent = req->flags & IOT_F_RESENT;
	struct io_target *t = req->target;

	/* Nothing of this use is there in the next. */
	req->flags &= ~IOT_F_ONE_USE;
	iot_request_call_end(t, req);
	if (unlikely(resent) && atomic_dec_and_test(&t->resent))
		wake_up_all(&t->idle_wait);
	percpu_ref_put(gate);
}

/* What was done for it while it was outstanding. */
static void request_undo(struct io_target_request *req)
{
	if (req->flags & IOT_F_LISTED)
		iot_request_unlist(req);
	if (req->carrier)
		iot_carrier_drop(req);
	if (req->flags & IOT_F_OWNED)
		iot_owner_forget(req);
}

/* By the one who has found that he is to end @req, in his context. */
void iot_request_finish(struct io_target_request *req, ssize_t result,
			blk_status_t status)
{
	iot_verify_intact(req);
	request_undo(req);
	req->result = result;
	req->status = status;
	if (unlikely(result < 0))
		iot_stats_error(req);
	if (req->flags & IO_TARGET_TASK)
		iot_task_end(req);
	else
		iot_request_complete(req);
}

/* Ends a request that has failed, or has more to be undone than a plain one. */
void iot_request_end_rarely(struct io_target_request *req, ssize_t result, blk_status_t status)
{
	if (req->flags & IOT_F_CARRIED)
		iot_carrier_end(req, result, status);
	else
		iot_request_finish(req, result, status);
}

/* The device has failed @req, and there is no doubt about that. */
void iot_request_end_failed(struct io_target_request *req, ssize_t result, blk_status_t status)
{
	if (req->op == IO_TARGET_OP_FLUSH || req->flags & IO_TARGET_PREFLUSH)
		iot_cache_unflushed(req->target);
	iot_lower_failed(req->lower, result);
	if (!iot_keep(req))
		iot_request_end_rarely(req, result, status);
}

/*
 * For backends: the device has answered. @result is bytes or negative errno.
 * Context: any; not to be called with a lock held that end_io might want.
 */
void iot_request_end(struct io_target_request *req, ssize_t result, blk_status_t status)
{
	if (!iot_verify_end(req))
		return;
	if (likely(!(req->flags & IOT_F_UNDO) && result >= 0 && !status))
		iot_request_end_plain(req, result);
	else if (result >= 0 || req->not_sent)	/* that has perhaps no lower */
		iot_request_end_rarely(req, result, status);
	else if (!iot_doubt(req, result, status))
		iot_request_end_failed(req, result, status);
}

IOT_EXPORT_FOR_TESTS(iot_request_end);
