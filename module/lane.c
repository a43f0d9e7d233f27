// SPDX-License-Identifier: GPL-2.0
/*
 * Lanes: threads that wait in a driver so that submitters need not. See lane.h.
 */
#include <linux/bitops.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "lane.h"

static void lane_start(struct iot_lane *lane, struct iot_server *server)
{
	iot_lower_get(lane->lower);
	if (!queue_work(lane->wq, &server->work))
		WARN_ON_ONCE(1);
}

static void lane_start_idle(struct iot_lane *lane)
{
	unsigned int i = __ffs(lane->idle);

	__clear_bit(i, &lane->idle);
	lane_start(lane, &lane->servers[i]);
}

static void lane_queue(struct iot_lane *lane, struct io_target_request *req, bool first)
{
	WRITE_ONCE(req->state, IOT_REQ_QUEUED);
	if (first)
		list_add(&req->node, &lane->queue.requests);
	else
		list_add_tail(&req->node, &lane->queue.requests);
	iot_lower_queued(req);	/* acted upon once the lock is dropped */
}

/* The token, if it is free; else @req waits for its turn, unless it must not. */
enum iot_lane_entry iot_lane_enter(struct iot_lane *lane, struct io_target_request *req)
{
	if (!lane->ordered)
		return IOT_LANE_ENTERED;
	guard(spinlock_irqsave)(&lane->lower->lock);
	if (!lane->busy && list_empty(&lane->queue.requests)) {
		lane->busy = true;
		WRITE_ONCE(lane->waiting, false);
		return IOT_LANE_ENTERED;
	}
	if (req->flags & IO_TARGET_NOWAIT)
		return IOT_LANE_TAKEN;
	lane_queue(lane, req, false);
	return IOT_LANE_QUEUED;
}

/*
 * A thread is to carry out @req, next if the lane is ordered: the token that
 * the caller has goes to the thread.
 */
void iot_lane_serve(struct iot_lane *lane, struct io_target_request *req)
{
	guard(spinlock_irqsave)(&lane->lower->lock);
	lane_queue(lane, req, lane->ordered);
	if (lane->ordered)
		lane_start(lane, &lane->servers[0]);
	else if (lane->idle && !lane->waiting)
		lane_start_idle(lane);
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

/* What @server has from now on; @why: what it is to end with, if it is not to be sent. */
static struct io_target_request *lane_next(struct iot_lane *lane, struct iot_server *server,
					   int *why)
{
	struct io_target_lower *lower = lane->lower;
	struct io_target_request *req;

	guard(spinlock_irqsave)(&lower->lock);
	req = lane->waiting ? NULL : iot_queue_next(&lane->queue);
	if (!req) {
		lane_rest(lane, server);
		return NULL;
	}
	server->task = current;
	server->req = req;
	server->ignores = req->flags & IO_TARGET_IGNORE_STATE;
	/* Who asks for it, or for all, to come back has looked for this one before. */
	server->why = iot_lower_ends(lower, req);
	*why = server->why;
	return req;
}

/*
 * Nobody asks @server to come back any more. If the driver has queued the request it may
 * have ended meanwhile, and another thread be at work as @server: the one that was woken
 * and the one that was started are two.
 * Return: 0, or why somebody has.
 */
static int lane_returned(struct iot_lane *lane, struct iot_server *server, ssize_t result)
{
	int why = 0;

	scoped_guard(spinlock_irqsave, &lane->lower->lock) {
		if (server->task == current) {
			why = server->why;
			server->req = NULL;
			server->task = NULL;
		}
		if (result != IOT_NOT_READY)
			lane->refused = 0;
	}
	if (signal_pending(current))
		flush_signals(current);
	return why;
}

/* Whom nobody tells: soon, then less often. */
static void lane_look_later(struct iot_lane *lane)
{
	unsigned int more = max(lane->refused, IOT_LANE_REFUSALS + 1U) - IOT_LANE_REFUSALS - 1;

	queue_delayed_work(lane->wq, &lane->look, min(1L << min(more, 10U), IOT_LOOK_LAST));
}

/* Has the lane, which was waiting, something to do? Then, if ordered, the caller has the token. */
static bool lane_wait_ends(struct iot_lane *lane)
{
	struct io_target_request *req;

	lockdep_assert_held(&lane->lower->lock);
	if (!lane->waiting)
		return false;
	WRITE_ONCE(lane->waiting, false);
	if (list_empty(&lane->queue.requests))
		return false;
	if (lane->ordered) {
		lane->busy = true;
		return true;
	}
	list_for_each_entry(req, &lane->queue.requests, node) {
		if (!lane->idle)
			break;
		lane_start_idle(lane);
	}
	return true;
}

/*
 * The driver was not ready for @req, which waits for that, and so does the lane.
 * Return: is it @server's turn again?
 */
static bool lane_wait(struct iot_lane *lane, struct io_target_request *req)
{
	enum iot_ready ready;

	scoped_guard(spinlock_irqsave, &lane->lower->lock) {
		lane_queue(lane, req, true);
		WRITE_ONCE(lane->waiting, true);
		if (lane->ordered)
			lane->busy = false;
	}
	/* The driver's state is looked at afterwards. Pairs with iot_lane_wake(). */
	smp_mb();
	ready = lane->ops->ready(lane);
	guard(spinlock_irqsave)(&lane->lower->lock);
	if (ready == IOT_READY_LATER)
		lane->refused = 0;
	else if (++lane->refused > IOT_LANE_REFUSALS)
		ready = IOT_READY_UNKNOWN;
	if (ready == IOT_READY_UNKNOWN)
		lane_look_later(lane);
	return ready == IOT_READY_NOW && lane_wait_ends(lane);
}

/* Those who were interrupted have no other result, unless there is one already. */
static ssize_t lane_result(struct iot_lane *lane, const struct io_target_request *req,
			   ssize_t result, int why)
{
	if (iot_was_interrupted(result) || result == IOT_NOT_READY)
		return lane->ops->begun(req) ?: why;
	return result;
}

/* It was not to be sent. */
static void lane_refuse(struct iot_lane *lane, struct io_target_request *req, int why)
{
	ssize_t begun = lane->ops->begun(req);

	req->not_sent = !begun;
	iot_request_end(req, begun ?: why, BLK_STS_OK);
}

/* Return: may the server go on to the next? */
static bool lane_carry_out(struct iot_lane *lane, struct iot_server *server,
			   struct io_target_request *req)
{
	ssize_t result = lane->ops->call(req);
	int why = lane_returned(lane, server, result);

	/*
	 * On an ordered lane the token is the request's: its completion starts this server
	 * again, perhaps before it has returned.
	 */
	if (result == -EIOCBQUEUED)
		return !lane->ordered;
	if (result == IOT_NOT_READY && !why)
		return lane_wait(lane, req) || !lane->ordered;
	if (why)
		result = lane_result(lane, req, result, why);
	iot_request_end(req, result, BLK_STS_OK);
	return true;
}

/* The caller has the token, or is one of those that are not idle, and a use of the lower. */
static void lane_run(struct iot_lane *lane, struct iot_server *server)
{
	unsigned int noio = memalloc_noio_save();
	struct io_target_request *req;
	bool more = true;
	int why;

	allow_kernel_signal(SIGKILL);
	while (more && (req = lane_next(lane, server, &why))) {
		if (unlikely(why)) {
			lane_returned(lane, server, 0);
			lane_refuse(lane, req, why);
		} else {
			more = lane_carry_out(lane, server, req);
		}
	}
	disallow_signal(SIGKILL);
	memalloc_noio_restore(noio);
	iot_lower_put(lane->lower);
}

static void lane_work(struct work_struct *work)
{
	struct iot_server *server = container_of(work, struct iot_server, work);

	lane_run(server->lane, server);
}

/* While there are requests in the queue the target keeps the lower open. */
static void lane_woken(struct iot_lane *lane)
{
	scoped_guard(spinlock_irqsave, &lane->lower->lock) {
		if (!lane_wait_ends(lane) || !lane->ordered)
			return;
		iot_lower_get(lane->lower);
	}
	lane_run(lane, &lane->servers[0]);
}

static void lane_wake_work(struct work_struct *work)
{
	lane_woken(container_of(work, struct iot_lane, wake));
}

static void lane_look_work(struct work_struct *work)
{
	lane_woken(container_of(to_delayed_work(work), struct iot_lane, look));
}

/* The driver may be ready. Context: any, with any lock held. */
void iot_lane_wake(struct iot_lane *lane)
{
	/* What made it ready came before. Pairs with lane_wait(). */
	smp_mb();
	if (READ_ONCE(lane->waiting))
		queue_work(lane->wq, &lane->wake);
}

/* Does a server have @req, or, with NULL, one that is to be cancelled? Under lower->lock. */
static bool server_has(const struct iot_server *server, const struct io_target_request *req)
{
	const struct io_target_lower *lower = server->lane->lower;

	if (!server->req)
		return false;
	if (req)
		return server->req == req;
	return lower->cancel && (lower->cancel_all || !server->ignores);
}

/*
 * Asks the driver to let go of @req, which is then to end with @why; NULL: of all that is
 * cancelled.
 * Context: any.
 * Return: was one of the servers in the driver with it?
 */
bool iot_lane_interrupt(struct iot_lane *lane, const struct io_target_request *req, int why)
{
	unsigned int n = lane->ordered ? 1 : IOT_LANE_WIDTH, i;
	bool found = false;

	guard(spinlock_irqsave)(&lane->lower->lock);
	for (i = 0; i < n; i++) {
		struct iot_server *server = &lane->servers[i];

		if (!server_has(server, req))
			continue;
		server->why = server->why ?: why;
		send_sig(SIGKILL, server->task, 1);
		found = true;
	}
	return found;
}

bool iot_lane_is_worker(const struct work_struct *work)
{
	return work->func == lane_work || work->func == lane_wake_work ||
	       work->func == lane_look_work;
}

void iot_lane_init(struct iot_lane *lane, struct io_target_lower *lower,
		   struct workqueue_struct *wq, bool ordered, const struct iot_lane_ops *ops)
{
	unsigned int i;

	lane->lower = lower;
	lane->wq = wq;
	lane->ops = ops;
	lane->ordered = ordered;
	lane->idle = GENMASK(IOT_LANE_WIDTH - 1, 0);
	iot_lower_add_queue(lower, &lane->queue);
	INIT_WORK(&lane->wake, lane_wake_work);
	INIT_DELAYED_WORK(&lane->look, lane_look_work);
	for (i = 0; i < IOT_LANE_WIDTH; i++) {
		lane->servers[i].lane = lane;
		INIT_WORK(&lane->servers[i].work, lane_work);
	}
}

/* Nobody wakes it any more, and it has no requests. */
void iot_lane_exit(struct iot_lane *lane)
{
	cancel_work_sync(&lane->wake);
	cancel_delayed_work_sync(&lane->look);
}
