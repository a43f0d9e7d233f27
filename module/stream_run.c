// SPDX-License-Identifier: GPL-2.0
/*
 * The worker of a stream: delivers, and submits again. See stream.h.
 */
#include <linux/rcupdate.h>

#include "stream.h"

/* How long after an error, if it is not the first in a row: at most */
#define ERROR_WAIT	(HZ / 4UL)

/* Under stream->lock. Context: any. */
void iot_stream_kick(struct io_target_stream *s, unsigned long delay)
{
	lockdep_assert_held(&s->lock);
	if (s->quit)
		return;
	if (delay)
		s->works += queue_delayed_work(iot_stream_wq, &s->work, delay);
	else
		s->works += !mod_delayed_work(iot_stream_wq, &s->work, 0);
}

static void stream_end_io(struct io_target_request *req)
{
	struct iot_buffer *b = container_of(req, struct iot_buffer, req);
	struct io_target_stream *s = b->stream;

	guard(spinlock_irqsave)(&s->lock);
	b->done = true;
	iot_stream_kick(s, 0);
	wake_up(&s->idle);
}

/* The oldest that is being read, if that has ended. It is the caller's. */
static struct iot_buffer *stream_next_done(struct io_target_stream *s)
{
	struct iot_buffer *b;

	guard(spinlock_irqsave)(&s->lock);
	b = list_first_entry_or_null(&s->reading, struct iot_buffer, node);
	if (!b || !b->done)
		return NULL;
	list_del_init(&b->node);
	return b;
}

/* It can be read into again; the caller sees to that. */
static void stream_put_free(struct io_target_stream *s, struct iot_buffer *b)
{
	guard(spinlock_irqsave)(&s->lock);
	list_add_tail(&b->node, &s->free);
}

/* Has the consumer all others? Then this one goes on reading, if that is wished. */
static bool stream_drops(struct io_target_stream *s)
{
	guard(spinlock_irqsave)(&s->lock);
	if (!s->config.drop || s->stats.kept < s->config.depth - 1)
		return false;
	s->stats.dropped++;
	return true;
}

/* By its consumer, who had a reference on @s for it. Context: any. */
void iot_stream_given_back(struct io_target_stream *s, struct iot_buffer *b, bool kick)
{
	scoped_guard(spinlock_irqsave, &s->lock) {
		list_add_tail(&b->node, &s->free);
		s->stats.kept--;
		if (kick)
			iot_stream_kick(s, 0);
	}
	iot_stream_put(s);
}

static void stream_deliver(struct io_target_stream *s, struct iot_buffer *b)
{
	s->errors = 0;
	if (stream_drops(s)) {
		stream_put_free(s, b);
		return;
	}
	/* His, perhaps before on_data() returns. */
	scoped_guard(spinlock_irqsave, &s->lock) {
		b->pub.len = b->req.result;
		b->pub.seq = s->stats.delivered++;
		s->stats.bytes += b->pub.len;
		s->stats.kept++;
		kref_get(&s->ref);
	}
	if (s->config.on_data(s, &b->pub, s->config.private))
		iot_stream_given_back(s, b, false);
}

/* The first of a row may go on at once, each of the others waits longer. */
static void stream_back_off(struct io_target_stream *s)
{
	if (s->errors++)
		s->not_before = get_jiffies_64() + min(1UL << min(s->errors, 10U), ERROR_WAIT);
}

static void stream_failed(struct io_target_stream *s, int err)
{
	bool go_on, halted;

	/* Who is told may have it resumed before on_error() has returned. */
	scoped_guard(spinlock_irqsave, &s->lock) {
		s->stats.errors++;
		halted = s->halted;
		s->halted = true;
	}
	go_on = s->config.on_error && s->config.on_error(s, err, s->config.private);
	scoped_guard(spinlock_irqsave, &s->lock) {
		if (go_on && !halted && s->halted) {
			s->halted = false;
			s->stats.restarts++;
		}
	}
	stream_back_off(s);
}

/*
 * A read has ended without data. One that was taken back, or that a target has not sent
 * whose device was removed, goes again when the target takes it. To a target that takes
 * all, a device that gives its reads back of itself is not sent them without a pause.
 */
static void stream_not_read(struct io_target_stream *s, const struct io_target_request *req)
{
	if (req->result == -ENODEV && req->not_sent)
		return;
	if (req->result != -ECANCELED)
		stream_failed(s, (int)req->result ?: -ENODATA);
	else if (!req->not_sent && io_target_state(s->target) == IO_TARGET_STARTED)
		stream_back_off(s);
}

/* A buffer to read into, which counts as being read; NULL: none, or not now. */
static struct iot_buffer *stream_next_free(struct io_target_stream *s, bool one)
{
	struct iot_buffer *b;

	guard(spinlock_irqsave)(&s->lock);
	if (s->quit || s->halted || (one && !list_empty(&s->reading)))
		return NULL;
	b = list_first_entry_or_null(&s->free, struct iot_buffer, node);
	if (!b)
		return NULL;
	b->done = false;
	list_move_tail(&b->node, &s->reading);
	return b;
}

/* One that the target did not take. */
static void stream_refused(struct io_target_stream *s, struct iot_buffer *b)
{
	s->held = true;
	guard(spinlock_irqsave)(&s->lock);
	list_move(&b->node, &s->free);
	s->refused = true;
}

/* It takes reads again. */
static void stream_goes_on(struct io_target_stream *s)
{
	s->held = false;
	guard(spinlock_irqsave)(&s->lock);
	s->stats.restarts++;
}

/* Of one that takes none the state changes before it does. */
static bool target_takes(struct io_target *t)
{
	enum io_target_state state = io_target_state(t);

	return state != IO_TARGET_CLOSED && state != IO_TARGET_REMOVED &&
	       state != IO_TARGET_PURGED;
}

/* Only what has no positions keeps the order of several reads. */
static bool target_is_stream(struct io_target *t)
{
	struct io_target_lower *lower;

	guard(rcu)();
	lower = rcu_dereference(t->lower);
	return lower && lower->stream;
}

int iot_stream_prep(struct io_target_stream *s, struct iot_buffer *b)
{
	return io_target_prep_read_buf(&b->req, b->pub.data, s->config.size, 0, s->config.flags);
}

static int stream_submit(struct io_target_stream *s, struct iot_buffer *b)
{
	int err = iot_stream_prep(s, b);

	if (err)
		return err;
	b->req.end_io = stream_end_io;
	return io_target_submit(&b->req);
}

/*
 * The target did not take a read. Will it kick the stream when it does? It may have done
 * so before that was noted.
 */
static bool target_will_kick(struct io_target *t, int err)
{
	enum io_target_state state = io_target_state(t);

	return (err == -ENODEV || err == -ESHUTDOWN || err == -ESTALE || err == -EAGAIN) &&
	       state != IO_TARGET_STARTED && state != IO_TARGET_STARTING;
}

/* Submits what is free. */
static void stream_fill(struct io_target_stream *s)
{
	bool one = !target_is_stream(s->target);
	struct iot_buffer *b;
	int err = 0;

	while (!err && (b = stream_next_free(s, one))) {
		err = target_takes(s->target) ? stream_submit(s, b) : -ESHUTDOWN;
		if (err)
			stream_refused(s, b);
		else if (s->held)
			stream_goes_on(s);
	}
	if (!err || target_will_kick(s->target, err))
		return;
	/* It has changed meanwhile; or something is wrong, which only its owner can know. */
	if (err != -ESHUTDOWN && err != -EAGAIN && err != -ESTALE && err != -ENODEV)
		stream_failed(s, err);
	s->not_before = max(s->not_before, get_jiffies_64() + 1);
	guard(spinlock_irqsave)(&s->lock);
	iot_stream_kick(s, 1);
}

/* After errors not at once. */
static void stream_fill_in_time(struct io_target_stream *s)
{
	u64 now = get_jiffies_64();

	if (s->not_before <= now) {
		stream_fill(s);
		return;
	}
	guard(spinlock_irqsave)(&s->lock);
	iot_stream_kick(s, s->not_before - now);
}

void iot_stream_work(struct work_struct *work)
{
	struct io_target_stream *s;
	struct iot_buffer *b;

	s = container_of(to_delayed_work(work), struct io_target_stream, work);
	while ((b = stream_next_done(s))) {
		if (b->req.result > 0) {
			stream_deliver(s, b);
		} else {
			stream_not_read(s, &b->req);
			stream_put_free(s, b);
		}
		stream_fill_in_time(s);
		cond_resched();
	}
	stream_fill_in_time(s);
	/* The last: who stops the stream may go on, and free it. */
	guard(spinlock_irqsave)(&s->lock);
	s->works--;
	wake_up(&s->idle);
}
