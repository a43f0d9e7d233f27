// SPDX-License-Identifier: GPL-2.0
/*
 * The blocking path: the asynchronous one, and a wait.
 */
#include <linux/completion.h>
#include <linux/export.h>
#include <linux/sched/task_stack.h>
#include <linux/wait.h>

#include "lane.h"
#include "stats.h"
#include "sync.h"
#include "verify.h"

void iot_sync_end_io(struct io_target_request *req)
{
	complete(req->private);
}

static void sync_overdue(struct io_target_request *req)
{
	struct io_target *t = req->target;

	iot_err(t, -ETIMEDOUT, "a request over its submitter's memory is overdue");
	iot_stats_deadline(req, IOT_DEADLINE_OVERDUE);
	iot_event(t, IO_TARGET_EVENT_OVERDUE);
}

/*
 * Ends @req if it can be ended now. Else it is the device's, which may have been asked to
 * let go of it.
 */
static enum iot_claim sync_give_up(struct io_target_request *req)
{
	struct io_target *t = req->target;
	enum iot_claim how;
	bool ended;

	scoped_guard(spinlock_irqsave, &t->lock) {
		ended = iot_request_owned(req);
		how = iot_claim(req, true, -ETIMEDOUT);
	}
	if (how == IOT_CLAIM_UNSENT || how == IOT_CLAIM_ORPHANED)
		iot_claim_end(req, -ETIMEDOUT);
	else if (how == IOT_CLAIM_NONE && !ended)
		sync_overdue(req);
	return how;
}

static void sync_wait_polling(struct io_target_request *req, struct completion *done,
			      long timeout)
{
	if (iot_poll_wait(req, done, timeout))
		return;
	sync_give_up(req);
	iot_poll_wait(req, done, IO_TARGET_NO_TIMEOUT);
}

static void sync_wait(struct io_target_request *req, struct completion *done, long timeout)
{
	if (timeout != IO_TARGET_NO_TIMEOUT) {
		if (wait_for_completion_io_timeout(done, timeout))
			return;
		if (sync_give_up(req) == IOT_CLAIM_ASKED) {
			if (wait_for_completion_io_timeout(done, IOT_LET_GO))
				return;
			sync_overdue(req);
		}
	}
	/* Also for an end that is on its way, since @done is on the stack. */
	wait_for_completion_io(done);
}

/*
 * What would hang is refused, as far as it can be known: in irq context; inside
 * ->submit_bio(), before whose return no bio sent from there is started; in the
 * workers that carry I/O out; and, with the verifier, in @t's own callbacks.
 */
int iot_may_wait(struct io_target *t, const char *what)
{
	struct work_struct *work = in_task() ? current_work() : NULL;
	const char *where = NULL;

	if (unlikely(!in_task() || irqs_disabled()))
		where = "irq context";
	else if (unlikely(current->bio_list))
		where = "->submit_bio()";
	else if (unlikely(work && (work->func == iot_lower_send_work ||
				   work->func == iot_task_work ||
				   work->func == iot_doubt_work || iot_lane_is_worker(work))))
		where = "a worker of the library";
	else
		where = iot_verify_no_wait(t);
	if (unlikely(where))
		return iot_err(t, -EDEADLK, "%s refused in %s", what, where);
	might_sleep();
	return 0;
}

/**
 * io_target_submit_wait - send a request and wait until it has ended
 * @req: formatted; its end_io is not called
 * @timeout: jiffies, more than 0, or IO_TARGET_NO_TIMEOUT
 *
 * With IO_TARGET_BOUNCE the call returns when @timeout has passed, whatever
 * the device does; the I/O goes on alone, and a write may still reach the
 * device. Without it the memory is the caller's and the device may use it for
 * as long as it likes: then the event IO_TARGET_EVENT_OVERDUE is all that
 * happens at @timeout, and the call returns the device's late answer.
 *
 * Without timeout a char driver that cannot be asked to refuse is called in the caller's
 * own task, as by read(2): then a signal to that task, and nothing else, has it back (with
 * the driver's errno, perhaps -ERESTARTSYS); purge and close wait for the driver.
 *
 * Context: process context, sleeps, not killable: the device decides.
 * Return: bytes transferred, 0 for operations without data, or negative errno:
 * of io_target_submit(), of the device, -ETIMEDOUT, -EINVAL for @timeout, or
 * -EDEADLK where the wait would never end: irq context, inside a block driver's
 * ->submit_bio(), in an end_io that a worker of the library calls.
 */
ssize_t io_target_submit_wait(struct io_target_request *req, long timeout)
{
	DECLARE_COMPLETION_ONSTACK(done);
	bool polled = req->flags & IOT_F_POLLED;
	u32 task = req->flags & IO_TARGET_TASK;
	io_target_end_io_t end_io = req->end_io;
	void *private = req->private;
	int err;

	err = iot_verify_request(req, "submit_wait") ?: iot_sync_check(req->target, timeout);
	if (unlikely(err))
		return err;
	if (unlikely(!iot_request_owned(req)))
		return io_target_submit(req);

	req->private = &done;
	req->end_io = iot_sync_end_io;
	req->flags &= ~task;	/* nobody is called, so nobody waits for a worker */
	if (!req->carrier && timeout == IO_TARGET_NO_TIMEOUT)
		req->flags |= IOT_F_CALLER_WAITS;

	err = io_target_submit(req);
	if (likely(!err) && unlikely(polled))
		sync_wait_polling(req, &done, timeout);
	else if (likely(!err))
		sync_wait(req, &done, timeout);
	req->private = private;
	req->end_io = end_io;
	req->flags &= ~IOT_F_CALLER_WAITS;
	req->flags |= task;
	return err ?: req->result;
}
EXPORT_SYMBOL_GPL(io_target_submit_wait);
