// SPDX-License-Identifier: GPL-2.0
/*
 * Calls that are passed on to the device in their caller's own task, since they have
 * user pointers, or may be interrupted.
 *
 * Such a call is a request with IOT_F_PASS, submitted like any other: it is held back by
 * a target that is not started, ended by purge, close and removal, waits behind orphaned
 * writes and, on a stream, for its turn. Only where the others are given to the driver
 * is it granted to its waiting owner, who then calls the driver himself, and ends the
 * request with iot_leave(). What grants it never waits for him: start sends the next
 * one. On a stream the order is kept nevertheless, since what is granted there is the
 * turn, which the next one of its direction gets when this one leaves.
 */
#include <linux/sched/signal.h>

#include "enter.h"
#include "prep.h"
#include "stats.h"
#include "sync.h"

static int pass_prep(struct iot_pass *pass, struct io_target *t, const struct iot_call *call)
{
	struct io_target_request *req = &pass->req;
	int err;

	io_target_request_init(req, t);
	req->flags = IOT_F_PASS | (call->nowait ? IO_TARGET_NOWAIT : 0);
	req->op = call->op;
	req->pos = call->pos;
	req->len = call->len;
	req->ended = IOT_REQ_DONE;
	err = iot_prep_check(req);
	if (err)
		return err;
	req->state = IOT_REQ_FORMATTED;
	return 0;
}

/* A signal takes back what waits; what has been granted or ended just now stays so. */
static int pass_wait(struct iot_pass *pass)
{
	int err = wait_for_completion_interruptible(&pass->done);

	if (unlikely(err)) {
		if (!io_target_cancel(&pass->req))
			return err;
		wait_for_completion(&pass->done);
	}
	return pass->granted ? 0 : pass->req.result;
}

static int pass_submit(struct iot_pass *pass)
{
	struct io_target_request *req = &pass->req;
	int err;

	init_completion(&pass->done);
	pass->granted = false;
	req->flags |= IOT_F_PASS;
	req->private = &pass->done;
	req->end_io = iot_sync_end_io;
	err = io_target_submit(req);
	return err ?: pass_wait(pass);
}

/*
 * Until the device may be called. A caller with a signal pending gets -ERESTARTSYS
 * rather than wait. From 0 to iot_leave() close, suspend and a stop that waits wait for
 * the caller.
 * Context: process context, sleeps unless @call says nowait.
 * Return: 0: @pass holds the device. -EAGAIN: nowait. -ESHUTDOWN, -ECANCELED: purged.
 * -ENODEV: closed or removed. -ECANCELED: closed meanwhile. -EOPNOTSUPP: what is open is
 * no file. -EBADF, -EROFS: not opened for that. -ERESTARTSYS.
 */
int iot_enter(struct io_target *t, const struct iot_call *call, struct iot_pass *pass)
{
	return pass_prep(pass, t, call) ?: pass_submit(pass);
}

/*
 * The same for the request in @pass, which has been formatted. A device whose calls are not
 * passed on carries it out as any other: then @pass->granted is false, and the result is
 * the request's.
 */
int iot_enter_with(struct iot_pass *pass)
{
	return pass_submit(pass);
}

/* The call has been made, and @result is what became of it. Context: any. */
void iot_leave(struct iot_pass *pass, ssize_t result)
{
	struct io_target_request *req = &pass->req;

	/* To have been interrupted is no error of the device's. */
	if (result == -EAGAIN || result == -EINTR || result == -ERESTARTSYS)
		result = -ECANCELED;
	req->lower->backend->leave(req, result);
}

/* For backends: it is the turn of @req, which belongs to its owner from here on. */
void iot_pass_grant(struct io_target_request *req)
{
	struct iot_pass *pass = container_of(req, struct iot_pass, req);

	pass->granted = true;
	complete(&pass->done);
}
