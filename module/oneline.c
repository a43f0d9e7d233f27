// SPDX-License-Identifier: GPL-2.0
/*
 * The one-line calls: read, write, flush, discard, write zeroes, and wait.
 *
 * With a timeout the data goes through buffers of the library's, piece by piece, so that
 * the call is back in time. Without one a request on the stack does, over the caller's
 * memory; where nothing has to be thought about (sync_simply()), or no request is needed
 * at all (sync_directly()), in next to no instructions.
 */
#include <linux/completion.h>
#include <linux/export.h>
#include <linux/sched/task_stack.h>
#include <linux/wait.h>

#include "prep.h"
#include "submit.h"
#include "sync.h"

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
	if (io->op == IO_TARGET_OP_READ || iot_op_sends(io->op))
		return io_target_prep_rw_buf(req, io->op, io->buf, io->len, io->pos, io->flags);
	return io_target_prep_range(req, io->op, io->pos, io->len, io->flags);
}

/*
 * @no_buffer: it is we who have no memory, not the device. An append says in @io where it
 * has gone.
 */
static ssize_t sync_one(struct sync_io *io, long timeout, bool *no_buffer)
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
	io->pos = req.pos;
	return ret;
}

static long sync_left(unsigned long deadline, long timeout)
{
	if (timeout == IO_TARGET_NO_TIMEOUT)
		return timeout;
	return (long)(deadline - jiffies);
}

/* More than a buffer of the reserve holds? */
static bool sync_is_long(const struct sync_io *io)
{
	return io->buf && io->len > IOT_RESERVE_PAGES * PAGE_SIZE;
}

/* Of an append the first part alone is no use. */
static bool sync_shrink(struct sync_io *io)
{
	if (!sync_is_long(io) || io->op == IO_TARGET_OP_ZONE_APPEND)
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
		if (sync_is_long(io) && io->op == IO_TARGET_OP_ZONE_APPEND)
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
}

/* It has to be made in the usual way: nothing that a device could have answered. */
#define SYNC_USUAL	(-(int)MAX_ERRNO - 1)

/* Return: 0: it has been sent; SYNC_USUAL; or as submit. */
static __always_inline int sync_send(struct io_target_request *req)
{
	struct io_target *t = req->target;
	int err;

	if (IS_ENABLED(CONFIG_IO_TARGET_VERIFIER))
		return io_target_submit(req);
	if (unlikely(!iot_gate_tryget(&t->gated)))
		return SYNC_USUAL;
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
 * Return: as submit_wait; SYNC_USUAL.
 */
static __always_inline ssize_t sync_simply(struct io_target *t, enum io_target_op op,
					   void *buf, size_t len, loff_t pos)
{
	struct io_target_request req __uninitialized;
	DECLARE_COMPLETION_ONSTACK(done);
	int err;

	sync_init(&req, t);
	if (unlikely(!iot_prep_simply(&req, op, buf, len, pos, 0)))
		return SYNC_USUAL;
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

/* A write that an orphaned one may land on has to wait for that, which only a request can. */
static __always_inline bool sync_overtakes(const struct io_target_lower *lower,
					   enum io_target_op op)
{
	return op == IO_TARGET_OP_WRITE && READ_ONCE(lower->orphan_writes);
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
	can = lower->direct & access && pos >= 0 && len <= S64_MAX - pos &&
	      likely(!sync_overtakes(lower, op));
	if (likely(can)) {
		this_cpu_inc(t->stats->submitted);
		iov_iter_kvec(&iter, op == IO_TARGET_OP_READ ? ITER_DEST : ITER_SOURCE, &kvec,
			      1, len);
		*result = lower->backend->transfer(lower, op, &iter, pos);
		if (unlikely(*result < 0)) {
			iot_stats_transfer_error(t, op, pos, len, *result);
			iot_lower_failed(lower, *result);
		}
		this_cpu_inc(t->stats->completed);
	}
	iot_gate_put(&t->gated);
	return can;
}

static __always_inline ssize_t sync_transfer(struct io_target *t, enum io_target_op op,
					     void *buf, size_t len, loff_t pos, long timeout)
{
	ssize_t result = iot_sync_check(t, timeout);

	if (unlikely(result))
		return result;
	if (timeout == IO_TARGET_NO_TIMEOUT) {
		result = sync_simply(t, op, buf, len, pos);
		if (likely(result != SYNC_USUAL))
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

/* An append, of which *@pos becomes the place. */
ssize_t iot_sync_append(struct io_target *t, const void *buf, size_t len, loff_t *pos,
			long timeout)
{
	struct sync_io io = {
		.target	= t,
		.op	= IO_TARGET_OP_ZONE_APPEND,
		.buf	= (void *)buf,
		.len	= len,
		.pos	= *pos,
	};
	bool no_buffer;
	ssize_t ret;

	ret = iot_sync_check(t, timeout);
	if (unlikely(ret))
		return ret;
	if (timeout == IO_TARGET_NO_TIMEOUT && sync_manner(t, buf, len).reachable) {
		ret = sync_one(&io, timeout, &no_buffer);
	} else {
		io.flags = IO_TARGET_BOUNCE;
		ret = sync_bounced(&io, jiffies + timeout, timeout);
	}
	if (ret >= 0)
		*pos = io.pos;
	return ret;
}

int iot_sync_range(struct io_target *t, enum io_target_op op, loff_t pos, u64 len,
		   long timeout)
{
	struct sync_io io = { .target = t, .op = op, .pos = pos, .len = len };
	bool no_buffer;
	int err;

	err = iot_sync_check(t, timeout);
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
	return iot_sync_range(target, IO_TARGET_OP_FLUSH, 0, 0, timeout);
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
	return iot_sync_range(target, IO_TARGET_OP_DISCARD, pos, len, timeout);
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
	return iot_sync_range(target, IO_TARGET_OP_WRITE_ZEROES, pos, len, timeout);
}
EXPORT_SYMBOL_GPL(io_target_write_zeroes);

/**
 * io_target_secure_erase - have the device erase a range for good, and wait
 * @target: the target
 * @pos: byte offset
 * @len: bytes, any number
 * @timeout: jiffies, more than 0, or IO_TARGET_NO_TIMEOUT
 *
 * Context: process context, sleeps.
 * Return: 0 or negative errno, as io_target_read().
 */
int io_target_secure_erase(struct io_target *target, loff_t pos, u64 len, long timeout)
{
	return iot_sync_range(target, IO_TARGET_OP_SECURE_ERASE, pos, len, timeout);
}
EXPORT_SYMBOL_GPL(io_target_secure_erase);
