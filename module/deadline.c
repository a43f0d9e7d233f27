// SPDX-License-Identifier: GPL-2.0
/*
 * Deadlines of asynchronous requests. Those that have one are on a shard of their
 * target's while they are outstanding; one timer, armed for the earliest, looks at
 * them all. (Those that are polled for are there, too, see poll.c.)
 *
 * A request leaves its shard, under the shard's lock, before its end_io is called:
 * so what the timer finds there has not been ended. It then claims it (claim.c); of
 * a plain request that the device has it can only say that it is overdue.
 *
 * Context of all of it: any.
 */
#include <linux/export.h>
#include <linux/hash.h>
#include <linux/timer.h>

#include "stats.h"

static struct iot_shard *request_shard(struct io_target_request *req)
{
	return &req->target->shards[hash_ptr(req, ilog2(IOT_SHARDS))];
}

/**
 * io_target_request_set_timeout - by when a request is to have ended
 * @req: formatted
 * @timeout: jiffies from now, more than 0, or IO_TARGET_NO_TIMEOUT
 *
 * The deadline is absolute: it runs while the request pends, and across stop and
 * start. A request that pends then, or waits for a char device to be ready, ends with
 * -ETIMEDOUT and not_sent, or with the part of it that is done. One that the device has
 * ends with -ETIMEDOUT if it is a BOUNCE request, and its I/O goes on alone; any other
 * stays there, and IO_TARGET_EVENT_OVERDUE is told. A char driver that a thread of the
 * library waits in is asked to let go of it before, as by io_target_cancel().
 *
 * Context: any, between prep and submit.
 * Return: 0. -EINVAL: not formatted, or a bad @timeout. -EBUSY: outstanding.
 */
int io_target_request_set_timeout(struct io_target_request *req, long timeout)
{
	if (!iot_request_owned(req))
		return iot_request_busy(req, "set_timeout");
	if (req->state != IOT_REQ_FORMATTED || timeout <= 0)
		return iot_err(req->target, -EINVAL,
			       "set_timeout refused: timeout %ld, or not formatted", timeout);
	if (timeout == IO_TARGET_NO_TIMEOUT) {
		req->flags &= ~IOT_F_DEADLINE;
		return 0;
	}
	req->deadline = jiffies + timeout;
	req->flags |= IOT_F_DEADLINE;
	return 0;
}
EXPORT_SYMBOL_GPL(io_target_request_set_timeout);

/*
 * @req is about to be accepted; before, since afterwards it may end at any time.
 * Until it is, the timer finds nothing to do about it.
 * Return: false if a concurrent submit was faster.
 */
bool iot_deadline_add(struct io_target_request *req)
{
	struct iot_shard *shard = request_shard(req);

	scoped_guard(spinlock_irqsave, &shard->lock) {
		if (!list_empty(&req->timed))
			return false;
		req->overdue = IOT_NOT_OVERDUE;
		list_add_tail(&req->timed, &shard->timed);
	}
	if (req->flags & IOT_F_DEADLINE)
		timer_reduce(&req->target->timer, req->deadline);
	return true;
}

void iot_deadline_del(struct io_target_request *req)
{
	guard(spinlock_irqsave)(&request_shard(req)->lock);
	list_del_init(&req->timed);
}

/* @req has come to wait in a queue, perhaps after the timer has looked at it. */
void iot_deadline_look(struct io_target_request *req)
{
	if (req->flags & IOT_F_DEADLINE && !time_before(jiffies, req->deadline))
		timer_reduce(&req->target->timer, jiffies);
}

static enum iot_claim deadline_claim(struct io_target_request *req)
{
	guard(spinlock_irqsave)(&req->target->lock);
	return iot_claim(req, true, -ETIMEDOUT);
}

/* What a scan of the shards has found. */
struct deadline_scan {
	struct list_head	expired;	/* ours to end */
	unsigned long		next;
	unsigned int		overdue;
};

/* Once for each request. */
static void deadline_overdue(struct io_target_request *req, struct deadline_scan *scan)
{
	if (req->overdue == IOT_OVERDUE_TOLD)
		return;
	req->overdue = IOT_OVERDUE_TOLD;
	scan->overdue++;
	iot_stats_deadline(req, IOT_DEADLINE_OVERDUE);
}

/*
 * Its time is over, and the device has it. One that was asked to let go of it has a while
 * to do so.
 * Return: when to look again.
 */
static unsigned long deadline_missed(struct io_target_request *req, unsigned long now,
				     bool asked, struct deadline_scan *scan)
{
	unsigned long patience = req->deadline + IOT_LET_GO;

	if (READ_ONCE(req->state) == IOT_REQ_FORMATTED)
		return now + 1;		/* about to be accepted */
	if (asked && req->overdue == IOT_NOT_OVERDUE)
		req->overdue = IOT_OVERDUE_ASKED;
	if (req->overdue == IOT_OVERDUE_ASKED && time_before(now, patience))
		return patience;
	deadline_overdue(req, scan);
	return scan->next;
}

static void deadline_check(struct io_target_request *req, unsigned long now,
			   struct deadline_scan *scan)
{
	unsigned long again = req->deadline;
	enum iot_claim how;

	if (!time_before(now, req->deadline)) {
		how = deadline_claim(req);
		if (how == IOT_CLAIM_UNSENT || how == IOT_CLAIM_ORPHANED) {
			list_move_tail(&req->timed, &scan->expired);
			return;
		}
		again = deadline_missed(req, now, how == IOT_CLAIM_ASKED, scan);
	}
	if (time_before(again, scan->next))
		scan->next = again;
}

static void deadline_scan_shard(struct iot_shard *shard, struct deadline_scan *scan)
{
	struct io_target_request *req, *tmp;
	unsigned long now = jiffies;

	guard(spinlock_irqsave)(&shard->lock);
	list_for_each_entry_safe(req, tmp, &shard->timed, timed)
		if (req->flags & IOT_F_DEADLINE)
			deadline_check(req, now, scan);
}

static void deadline_end(struct io_target *t, struct deadline_scan *scan)
{
	struct io_target_request *req;

	/* Ending a request takes it off the list. */
	while ((req = list_first_entry_or_null(&scan->expired, struct io_target_request,
					       timed)))
		iot_claim_end(req, -ETIMEDOUT);
	while (scan->overdue--)
		iot_event(t, IO_TARGET_EVENT_OVERDUE);
}

/* What is on @t's shards has not ended, and a target is not freed before all has. */
static void deadline_timer(struct timer_list *timer)
{
	struct io_target *t = container_of(timer, struct io_target, timer);
	unsigned long never = jiffies + MAX_JIFFY_OFFSET;
	struct deadline_scan scan = { .next = never };
	unsigned int i;

	INIT_LIST_HEAD(&scan.expired);
	for (i = 0; i < IOT_SHARDS; i++)
		deadline_scan_shard(&t->shards[i], &scan);
	if (scan.next != never)
		timer_reduce(timer, scan.next);
	deadline_end(t, &scan);
}

void iot_deadline_init(struct io_target *t)
{
	unsigned int i;

	timer_setup(&t->timer, deadline_timer, 0);
	timer_setup(&t->forward_timer, iot_forward_timer, 0);
	for (i = 0; i < IOT_SHARDS; i++) {
		spin_lock_init(&t->shards[i].lock);
		INIT_LIST_HEAD(&t->shards[i].timed);
	}
}

/* All requests have ended: the timer has told what it had to tell, too. */
void iot_deadline_quiesce(struct io_target *t)
{
	timer_delete_sync(&t->timer);
	timer_delete_sync(&t->forward_timer);
}

void iot_deadline_exit(struct io_target *t)
{
	timer_shutdown_sync(&t->timer);
	timer_shutdown_sync(&t->forward_timer);
}
