// SPDX-License-Identifier: GPL-2.0
/*
 * Lanes: threads that wait in a driver so that submitters need not. See lane.h.
 */
#include <linux/bitops.h>
#include <linux/sched/mm.h>

#include "lane.h"

static void lane_start(struct iot_lane *lane, struct iot_server *server)
{
	iot_lower_get(lane->lower);
	if (!queue_work(lane->wq, &server->work))
		WARN_ON_ONCE(1);
}

/* The token, if it is free; else @req waits for its turn, unless it must not. */
enum iot_lane_entry iot_lane_enter(struct iot_lane *lane, struct io_target_request *req)
{
	if (!lane->ordered)
		return IOT_LANE_ENTERED;
	guard(spinlock_irqsave)(&lane->lower->lock);
	if (!lane->busy) {
		lane->busy = true;
		return IOT_LANE_ENTERED;
	}
	if (req->flags & IO_TARGET_NOWAIT)
		return IOT_LANE_TAKEN;
	WRITE_ONCE(req->state, IOT_REQ_QUEUED);
	list_add_tail(&req->node, &lane->queue.requests);
	iot_lower_queued(req);
	return IOT_LANE_QUEUED;
}

/*
 * A thread is to carry out @req, next if the lane is ordered: the token that
 * the caller has goes to the thread. One that is @begun, since the driver has done
 * a part of it, cannot be taken back.
 */
void iot_lane_serve(struct iot_lane *lane, struct io_target_request *req, bool begun)
{
	guard(spinlock_irqsave)(&lane->lower->lock);
	if (!begun) {
		WRITE_ONCE(req->state, IOT_REQ_QUEUED);
		iot_lower_queued(req);	/* acted upon once the lock is dropped */
	}
	if (lane->ordered) {
		list_add(&req->node, &lane->queue.requests);
		lane_start(lane, &lane->servers[0]);
		return;
	}
	list_add_tail(&req->node, &lane->queue.requests);
	if (lane->idle) {
		unsigned int i = __ffs(lane->idle);

		__clear_bit(i, &lane->idle);
		lane_start(lane, &lane->servers[i]);
	}
}

/* The driver has let go of a request that had the token: the next may go. */
void iot_lane_leave(struct iot_lane *lane)
{
	if (!lane->ordered)
		return;
	guard(spinlock_irqsave)(&lane->lower->lock);
	if (list_empty(&lane->queue.requests))
		lane->busy = false;
	else
		lane_start(lane, &lane->servers[0]);
}

static void lane_rest(struct iot_lane *lane, struct iot_server *server)
{
	if (lane->ordered)
		lane->busy = false;
	else
		__set_bit(server - lane->servers, &lane->idle);
}

static struct io_target_request *lane_next(struct iot_lane *lane, struct iot_server *server)
{
	struct io_target_request *req;

	guard(spinlock_irqsave)(&lane->lower->lock);
	req = iot_queue_next(&lane->queue);
	if (!req)
		lane_rest(lane, server);
	return req;
}

/*
 * After -EIOCBQUEUED on an ordered lane the token is the request's: its
 * completion starts this server again, perhaps before it has returned.
 */
void iot_lane_work(struct work_struct *work)
{
	struct iot_server *server = container_of(work, struct iot_server, work);
	struct iot_lane *lane = server->lane;
	struct io_target_lower *lower = lane->lower;
	unsigned int noio = memalloc_noio_save();
	struct io_target_request *req;

	while ((req = lane_next(lane, server))) {
		ssize_t result = lane->call(req);

		if (result != -EIOCBQUEUED)
			iot_request_end(req, result, BLK_STS_OK);
		else if (lane->ordered)
			break;
	}
	memalloc_noio_restore(noio);
	iot_lower_put(lower);
}

void iot_lane_init(struct iot_lane *lane, struct io_target_lower *lower,
		   struct workqueue_struct *wq, bool ordered,
		   ssize_t (*call)(struct io_target_request *req))
{
	unsigned int i;

	lane->lower = lower;
	lane->wq = wq;
	lane->call = call;
	lane->ordered = ordered;
	lane->idle = GENMASK(IOT_LANE_WIDTH - 1, 0);
	iot_lower_add_queue(lower, &lane->queue);
	for (i = 0; i < IOT_LANE_WIDTH; i++) {
		lane->servers[i].lane = lane;
		INIT_WORK(&lane->servers[i].work, iot_lane_work);
	}
}
