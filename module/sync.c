// SPDX-License-Identifier: GPL-2.0
/*
 * The blocking path: the asynchronous one, and a wait.
 */
#include <linux/completion.h>
#include <linux/export.h>
#include <linux/sched/task_stack.h>
#include <linux/wait.h>

#include "lane.h"
#include "prep.h"
#include "submit.h"

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

/* Ends @req if it can be ended now. */
static void sync_give_up(struct io_target_request *req)
{
	struct io_target *t = req->target;
	bool ours, ended;

	scoped_guard(spinlock_irqsave, &t->lock) {
		ended = iot_request_owned(req);
		ours = iot_claim(req, true) != IOT_CLAIM_NONE;
	}
	if (ours)
		iot_claim_end(req, -ETIMEDOUT);
	else if (!ended)
		sync_overdue(req);
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
		sync_give_up(req);
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
				   work->func == iot_lane_work ||
				   work->func == iot_task_work)))
		where = "a worker of the library";
	else
		where = iot_verify_no_wait(t);
	if (unlikely(where))
		return iot_err(t, -EDEADLK, "%s refused in %s", what, where);
	might_sleep();
	return 0;
}

/* For a thread that is no worker there is less to ask. */
static __always_inline int sync_check(struct io_target *t, long timeout)
{
	if (unlikely(timeout <= 0))
		return iot_err(t, -EINVAL, "blocking call refused: timeout %ld", timeout);
	if (IS_ENABLED(CONFIG_IO_TARGET_VERIFIER) ||
	    unlikely(!in_task() || irqs_disabled() || current->bio_list ||
		     current->flags & PF_WQ_WORKER))
		return iot_may_wait(t, "blocking call");
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

	err = iot_verify_request(req, "submit_wait") ?: sync_check(req->target, timeout);
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

/* One request of a one-line call. */
struct sync_io {
	struct io_target	*target;
	enum io_target_op	op;
	unsigned int		flags;
	void			*buf;
	u64			len;
	loff_t			pos;
};

static int sync_prep(struct io_target_request *req, const struct sync_io *io)
{
	if (io->op == IO_TARGET_OP_READ || io->op == IO_TARGET_OP_WRITE)
		return io_target_prep_rw_buf(req, io->op, io->buf, io->len, io->pos, io->flags);
	return io_target_prep_range(req, io->op, io->pos, io->len, io->flags);
}

/* @no_buffer: it is we who have no memory, not the device. */
static ssize_t sync_one(const struct sync_io *io, long timeout, bool *no_buffer)
{
	struct io_target_request req;
	ssize_t ret;

	io_target_request_init(&req, io->target);
	ret = sync_prep(&req, io);
	*no_buffer = ret == -ENOMEM;
	if (unlikely(ret))
		return ret;
	ret = io_target_submit_wait(&req, timeout);
	/* One that was refused, by a close in between, still has its carrier. */
	if (unlikely(req.carrier))
		iot_request_reset(&req);
	return ret;
}

static long sync_left(unsigned long deadline, long timeout)
{
	if (timeout == IO_TARGET_NO_TIMEOUT)
		return timeout;
	return (long)(deadline - jiffies);
}

/* Has @io data, and more than a buffer of the reserve holds? */
static bool sync_shrink(struct sync_io *io)
{
	if (!io->buf || io->len <= IOT_RESERVE_PAGES * PAGE_SIZE)
		return false;
	io->len = IOT_RESERVE_PAGES * PAGE_SIZE;
	return true;
}

/*
 * One bounced request, waiting for a buffer when memory has run out: first a
 * smaller one is tried, which the reserve can give; then one has to come back.
 */
static ssize_t sync_bounced(struct sync_io *io, unsigned long deadline, long timeout)
{
	struct io_target *t = io->target;

	for (;;) {
		int freed = atomic_read(&t->carriers_freed);
		long left = sync_left(deadline, timeout);
		bool no_buffer;
		ssize_t ret;

		if (left <= 0)
			return -ETIMEDOUT;
		ret = sync_one(io, left, &no_buffer);
		if (!no_buffer)
			return ret;
		if (!sync_shrink(io) &&
		    !wait_event_timeout(t->carrier_wait,
					atomic_read(&t->carriers_freed) != freed, left))
			return -ETIMEDOUT;
	}
}

/* What the piecewise transfer needs to know of the device. */
struct sync_manner {
	bool	stream;
	bool	may_be_short;
	bool	reachable;
};

static struct sync_manner sync_manner(struct io_target *t, const void *buf, size_t len)
{
	struct io_target_lower *lower;

	guard(rcu)();
	lower = rcu_dereference(t->lower);
	if (!lower)	/* closed, or suspended: what it will be is not known */
		return (struct sync_manner){};
	return (struct sync_manner){
		.stream = lower->stream,
		.may_be_short = lower->backend->may_be_short,
		.reachable = !object_is_on_stack(buf) &&
			     !(((unsigned long)buf | len) & lower->dma_mask),
	};
}

/*
 * Piece by piece. Where short transfers are results, what has been transferred
 * before a piece fails is one, too; on block devices all or the error.
 */
static ssize_t sync_pieces(struct sync_io *whole, const struct sync_manner *manner,
			   long timeout)
{
	unsigned long deadline = jiffies + timeout;
	size_t done = 0;
	int err;

	/* Nothing is sent of what will be refused later on. */
	err = iot_check_range(whole->target, whole->op, whole->pos, whole->len);
	if (unlikely(err))
		return err;
	do {
		struct sync_io io = *whole;
		ssize_t ret;

		io.buf += done;
		io.pos += done;
		io.len = min_t(size_t, whole->len - done, IO_TARGET_BOUNCE_MAX);
		io.flags |= IO_TARGET_BOUNCE;
		ret = sync_bounced(&io, deadline, timeout);
		if (ret < 0)
			return done && manner->may_be_short ? done : ret;
		done += ret;
		if (ret < io.len || manner->stream)
			break;
	} while (done < whole->len);
	return done;
}

static noinline ssize_t sync_transfer_slowly(struct sync_io *io, long timeout)
{
	struct sync_manner manner;
	bool no_buffer;

	manner = sync_manner(io->target, io->buf, io->len);
	if (timeout == IO_TARGET_NO_TIMEOUT && manner.reachable)
		return sync_one(io, timeout, &no_buffer);
	return sync_pieces(io, &manner, timeout);
}

/* What a request that is used once, here, and is plain, must have of its own. */
static __always_inline void sync_init(struct io_target_request *req, struct io_target *t)
{
	if (IS_ENABLED(CONFIG_IO_TARGET_VERIFIER)) {
		io_target_request_init(req, t);
		return;
	}
	req->target = t;
	req->carrier = NULL;
	req->css = NULL;
	req->flags = 0;
	req->opened = 0;
	req->verify = 0;
}

/* Return: 0: it has been sent; -EAGAIN: it has to go the usual way; or as submit. */
static __always_inline int sync_send(struct io_target_request *req)
{
	struct io_target *t = req->target;
	int err;

	if (IS_ENABLED(CONFIG_IO_TARGET_VERIFIER))
		return io_target_submit(req);
	if (unlikely(!iot_gate_tryget(&t->gated)))
		return -EAGAIN;
	err = iot_request_take(req, iot_target_lower(t));
	if (unlikely(err)) {
		iot_gate_put(&t->gated);
		iot_stats_refused(t);
		return err;
	}
	iot_stats_submit(req);
	iot_send(req);
	return 0;
}

/*
 * One transfer that nothing has to be thought about, with a request that needs next to
 * nothing of what requests have.
 * Return: as submit_wait; -EAGAIN: it has to be made in the usual way.
 */
static __always_inline ssize_t sync_simply(struct io_target *t, enum io_target_op op,
					   void *buf, size_t len, loff_t pos)
{
	struct io_target_request req __uninitialized;
	DECLARE_COMPLETION_ONSTACK(done);
	int err;

	sync_init(&req, t);
	if (unlikely(!iot_prep_simply(&req, op, buf, len, pos, 0)))
		return -EAGAIN;
	req.private = &done;
	req.end_io = iot_sync_end_io;
	err = sync_send(&req);
	if (unlikely(err))
		return err;
	wait_for_completion_io(&done);
	return req.result;
}

/* Of what is traced, measured or disturbed there have to be requests. */
static __always_inline bool sync_is_watched(void)
{
	return IS_ENABLED(CONFIG_IO_TARGET_VERIFIER) || iot_stats_watched() ||
	       iot_inject_active();
}

/*
 * Where the caller's own task can go through the driver, beside all requests.
 * Return: whether it has; then @result is what the driver says.
 */
static __always_inline bool sync_directly(struct io_target *t, enum io_target_op op,
					  void *buf, size_t len, loff_t pos, ssize_t *result)
{
	const unsigned int access = op == IO_TARGET_OP_READ ? IO_TARGET_READ : IO_TARGET_WRITE;
	struct kvec kvec = { .iov_base = buf, .iov_len = len };
	struct io_target_lower *lower;
	struct iov_iter iter;
	bool can;

	if (sync_is_watched() || unlikely(!iot_gate_tryget(&t->gated)))
		return false;
	lower = iot_target_lower(t);
	can = lower->direct & access && pos >= 0 && len <= S64_MAX - pos;
	if (likely(can)) {
		this_cpu_inc(t->stats->submitted);
		iov_iter_kvec(&iter, op == IO_TARGET_OP_READ ? ITER_DEST : ITER_SOURCE, &kvec,
			      1, len);
		*result = lower->backend->transfer(lower, op, &iter, pos);
		if (unlikely(*result < 0))
			iot_stats_transfer_error(t, op, pos, len, *result);
		this_cpu_inc(t->stats->completed);
	}
	iot_gate_put(&t->gated);
	return can;
}

static __always_inline ssize_t sync_transfer(struct io_target *t, enum io_target_op op,
					     void *buf, size_t len, loff_t pos, long timeout)
{
	ssize_t result = sync_check(t, timeout);

	if (unlikely(result))
		return result;
	if (timeout == IO_TARGET_NO_TIMEOUT) {
		result = sync_simply(t, op, buf, len, pos);
		if (likely(result != -EAGAIN))
			return result;
		if (sync_directly(t, op, buf, len, pos, &result))
			return result;
	}
	return sync_transfer_slowly(&(struct sync_io){ .target = t, .op = op, .buf = buf,
						       .len = len, .pos = pos }, timeout);
}

/**
 * io_target_read - read into a buffer and wait
 * @target: the target
 * @buf: any kernel memory, the stack included
 * @len: bytes, any number
 * @pos: byte offset, 0 for streams
 * @timeout: jiffies, more than 0, or IO_TARGET_NO_TIMEOUT
 *
 * With a timeout the data goes through a buffer of the library's, up to 1 MiB
 * at a time, so that the call returns in time even if the device never
 * answers. Without one it goes straight to @buf where the device can reach it.
 *
 * Context: process context, sleeps.
 * Return: bytes read: all of @len from a block device; perhaps fewer from
 * others, 0 at the end. Negative errno: of io_target_prep_rw(),
 * io_target_submit(), the device, or -ETIMEDOUT.
 */
ssize_t io_target_read(struct io_target *target, void *buf, size_t len, loff_t pos,
		       long timeout)
{
	return sync_transfer(target, IO_TARGET_OP_READ, buf, len, pos, timeout);
}
EXPORT_SYMBOL_GPL(io_target_read);

/**
 * io_target_write - write a buffer and wait
 * @target: the target
 * @buf: any kernel memory, the stack included
 * @len: bytes, any number
 * @pos: byte offset, 0 for streams
 * @timeout: jiffies, more than 0, or IO_TARGET_NO_TIMEOUT
 *
 * As io_target_read(). A write that has timed out may still reach the device.
 *
 * Context: process context, sleeps.
 * Return: bytes written: all of @len to a block device, perhaps fewer to
 * others; or negative errno as io_target_read().
 */
ssize_t io_target_write(struct io_target *target, const void *buf, size_t len, loff_t pos,
			long timeout)
{
	return sync_transfer(target, IO_TARGET_OP_WRITE, (void *)buf, len, pos, timeout);
}
EXPORT_SYMBOL_GPL(io_target_write);

static int sync_range(struct io_target *t, enum io_target_op op, loff_t pos, u64 len,
		      long timeout)
{
	struct sync_io io = { .target = t, .op = op, .pos = pos, .len = len };
	bool no_buffer;
	int err;

	err = sync_check(t, timeout);
	if (unlikely(err))
		return err;
	if (timeout == IO_TARGET_NO_TIMEOUT)
		return sync_one(&io, timeout, &no_buffer);
	io.flags = IO_TARGET_BOUNCE;
	return sync_bounced(&io, jiffies + timeout, timeout);
}

/**
 * io_target_flush - make stable what has been written, and wait
 * @target: the target
 * @timeout: jiffies, more than 0, or IO_TARGET_NO_TIMEOUT
 *
 * Context: process context, sleeps.
 * Return: 0 or negative errno, as io_target_read().
 */
int io_target_flush(struct io_target *target, long timeout)
{
	return sync_range(target, IO_TARGET_OP_FLUSH, 0, 0, timeout);
}
EXPORT_SYMBOL_GPL(io_target_flush);

/**
 * io_target_discard - tell the device that a range is not needed, and wait
 * @target: the target
 * @pos: byte offset
 * @len: bytes, any number
 * @timeout: jiffies, more than 0, or IO_TARGET_NO_TIMEOUT
 *
 * Context: process context, sleeps.
 * Return: 0 or negative errno, as io_target_read().
 */
int io_target_discard(struct io_target *target, loff_t pos, u64 len, long timeout)
{
	return sync_range(target, IO_TARGET_OP_DISCARD, pos, len, timeout);
}
EXPORT_SYMBOL_GPL(io_target_discard);

/**
 * io_target_write_zeroes - have the device zero a range, and wait
 * @target: the target
 * @pos: byte offset
 * @len: bytes, any number
 * @timeout: jiffies, more than 0, or IO_TARGET_NO_TIMEOUT
 *
 * Context: process context, sleeps.
 * Return: 0 or negative errno, as io_target_read().
 */
int io_target_write_zeroes(struct io_target *target, loff_t pos, u64 len, long timeout)
{
	return sync_range(target, IO_TARGET_OP_WRITE_ZEROES, pos, len, timeout);
}
EXPORT_SYMBOL_GPL(io_target_write_zeroes);
