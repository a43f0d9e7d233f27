// SPDX-License-Identifier: GPL-2.0
/*
 * Requests whose end_io wants process context: handed to a worker, one per
 * target, which calls them in the order in which they have ended.
 */
#include "internal.h"

/* @req has its results, but its owner has not been told. Context: any. */
void iot_task_end(struct io_target_request *req)
{
	struct io_target *t = req->target;

	guard(spinlock_irqsave)(&t->lock);
	list_add_tail(&req->node, &t->ended);
	if (t->ending)
		return;
	t->ending = true;
	io_target_get(t);
	queue_work(iot_wq, &t->task_work);
}

static struct io_target_request *task_next(struct io_target *t)
{
	struct io_target_request *req;

	guard(spinlock_irqsave)(&t->lock);
	req = list_first_entry_or_null(&t->ended, struct io_target_request, node);
	if (req)
		list_del_init(&req->node);
	else
		t->ending = false;
	return req;
}

void iot_task_work(struct work_struct *work)
{
	struct io_target *t = container_of(work, struct io_target, task_work);
	struct io_target_request *req;

	while ((req = task_next(t)))
		iot_request_complete(req);
	io_target_put(t);
}

void iot_task_init(struct io_target *t)
{
	INIT_LIST_HEAD(&t->ended);
	INIT_WORK(&t->task_work, iot_task_work);
}
