// SPDX-License-Identifier: GPL-2.0
/*
 * Streams, as their users see them: see <linux/io_target_stream.h> and stream.h.
 */
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/stat.h>

#include "stream.h"

static void stream_free(struct io_target_stream *s)
{
	unsigned int i;

	for (i = 0; i < s->config.depth; i++)
		kvfree(s->buffers[i].pub.data);
	kvfree(s);
}

static void stream_free_work(struct work_struct *work)
{
	struct io_target_stream *s = container_of(work, struct io_target_stream, free_work);
	struct io_target *t = s->target;

	stream_free(s);
	io_target_put(t);
}

/* By who may give back a buffer anywhere, when vmalloc memory cannot be freed. */
static void stream_last_put(struct kref *ref)
{
	queue_work(iot_wq, &container_of(ref, struct io_target_stream, ref)->free_work);
}

void iot_stream_put(struct io_target_stream *s)
{
	kref_put(&s->ref, stream_last_put);
}

/* The target has another state. Context: any. */
void iot_streams_kick(struct io_target *t)
{
	struct io_target_stream *s;

	guard(spinlock_irqsave)(&t->lock);
	list_for_each_entry(s, &t->streams, node) {
		guard(spinlock_irqsave)(&s->lock);
		if (!s->refused)
			continue;
		s->refused = false;
		iot_stream_kick(s, 0);
	}
}

/* What makes sense for its reads */
#define STREAM_FLAGS	(IO_TARGET_FULL | IO_TARGET_USER_PTR)

static int stream_check(struct io_target *t, const struct io_target_stream_config *config)
{
	struct io_target_info info;

	if (!config->size || !config->on_data || config->flags & ~STREAM_FLAGS ||
	    config->size > MAX_RW_COUNT || config->depth > INT_MAX / sizeof(struct iot_buffer))
		return iot_err(t, -EINVAL, "stream refused: %u buffers of %zu, flags %#x",
			       config->depth, config->size, config->flags);
	if (config->drop && config->depth == 1)
		return iot_err(t, -EINVAL, "stream refused: drop takes two buffers");
	if (io_target_get_info(t, &info))
		return iot_err(t, -ENODEV, "stream refused: there is no device");
	if (S_ISBLK(info.mode) || S_ISREG(info.mode))
		return iot_err(t, -ESPIPE, "stream refused: the device has positions");
	if (info.read == IO_TARGET_SERVED_NOT)
		return iot_err(t, -EOPNOTSUPP, "stream refused: it cannot be read");
	if (config->flags & IO_TARGET_USER_PTR ? !(info.flags & IO_TARGET_USER_BOUNCE) :
						 info.read == IO_TARGET_SERVED_USER)
		return iot_err(t, -EOPNOTSUPP,
			       "stream refused: user pointers take USER_BOUNCE and USER_PTR");
	return 0;
}

static bool stream_alloc_buffers(struct io_target_stream *s)
{
	unsigned int i;

	for (i = 0; i < s->config.depth; i++) {
		struct iot_buffer *b = &s->buffers[i];

		b->pub.data = iot_inject_alloc(s->target) ? NULL :
			      kvmalloc(s->config.size, GFP_KERNEL);
		if (!b->pub.data)
			return false;
		b->stream = s;
		io_target_request_init(&b->req, s->target);
		list_add_tail(&b->node, &s->free);
	}
	return true;
}

static struct io_target_stream *stream_alloc(struct io_target *t,
					     const struct io_target_stream_config *config)
{
	unsigned int depth = config->depth ?: 2;
	struct io_target_stream *s;

	s = iot_inject_alloc(t) ? NULL : kvzalloc(struct_size(s, buffers, depth), GFP_KERNEL);
	if (!s)
		return NULL;
	s->target = t;
	s->config = *config;
	s->config.depth = depth;
	spin_lock_init(&s->lock);
	INIT_LIST_HEAD(&s->free);
	INIT_LIST_HEAD(&s->reading);
	INIT_DELAYED_WORK(&s->work, iot_stream_work);
	INIT_WORK(&s->free_work, stream_free_work);
	init_waitqueue_head(&s->idle);
	kref_init(&s->ref);
	s->not_before = get_jiffies_64();
	if (stream_alloc_buffers(s))
		return s;
	stream_free(s);
	return NULL;
}

/**
 * io_target_stream_start - read from a char device from now on
 * @target: open, for reading; referenced until the stream has gone
 * @config: how; copied
 *
 * Reads are kept outstanding until io_target_stream_stop(): on a device without positions
 * as many as there are free buffers, on others one, at position 0. What they bring is
 * delivered in order, with nothing lost and no memory allocated (but for a page and a
 * mapping per read with IO_TARGET_USER_PTR). While the target is stopped or suspended the
 * reads pend; after it was purged, closed or removed the stream goes on when it is started,
 * or opened, again.
 *
 * Context: process context, may sleep. Deliveries may begin before it returns.
 * Return: the stream. ERR_PTR: -EINVAL: @config. -ENODEV: the target is closed. -ESPIPE:
 * a disk or regular file. -EOPNOTSUPP: it cannot be read, or not as @config says. -ENOMEM.
 */
struct io_target_stream *
io_target_stream_start(struct io_target *target,
		       const struct io_target_stream_config *config)
{
	struct io_target_stream *s;
	int err;

	err = stream_check(target, config);
	if (err)
		return ERR_PTR(err);
	s = stream_alloc(target, config);
	if (!s)
		return ERR_PTR(iot_err(target, -ENOMEM, "stream refused: %u buffers of %zu",
				       config->depth, config->size));
	/* What any read would be refused for is told now. */
	err = iot_stream_prep(s, &s->buffers[0]);
	if (err) {
		stream_free(s);
		return ERR_PTR(err);
	}
	io_target_get(target);
	scoped_guard(spinlock_irqsave, &target->lock)
		list_add_tail(&s->node, &target->streams);
	scoped_guard(spinlock_irqsave, &s->lock)
		iot_stream_kick(s, 0);
	return s;
}
EXPORT_SYMBOL_GPL(io_target_stream_start);

/**
 * io_target_stream_give_back - a buffer that was kept can be read into again
 * @stream: the stream, which may have been stopped since
 * @buf: kept by its consumer
 *
 * Context: any.
 */
void io_target_stream_give_back(struct io_target_stream *stream,
				struct io_target_stream_buffer *buf)
{
	iot_stream_given_back(stream, container_of(buf, struct iot_buffer, pub), true);
}
EXPORT_SYMBOL_GPL(io_target_stream_give_back);

/**
 * io_target_stream_resume - go on after an error
 * @stream: one whose on_error() has returned false, or is about to; others are not
 *	affected
 *
 * Context: any.
 */
void io_target_stream_resume(struct io_target_stream *stream)
{
	guard(spinlock_irqsave)(&stream->lock);
	if (!stream->halted)
		return;
	stream->halted = false;
	stream->stats.restarts++;
	iot_stream_kick(stream, 0);
}
EXPORT_SYMBOL_GPL(io_target_stream_resume);

/**
 * io_target_stream_get_stats - what has happened so far
 * @stream: the stream
 * @stats: filled in
 *
 * Context: any.
 */
void io_target_stream_get_stats(struct io_target_stream *stream,
				struct io_target_stream_stats *stats)
{
	guard(spinlock_irqsave)(&stream->lock);
	*stats = stream->stats;
}
EXPORT_SYMBOL_GPL(io_target_stream_get_stats);

/* Its worker does not run, and will not by itself. */
static bool stream_rests(struct io_target_stream *s)
{
	guard(spinlock_irqsave)(&s->lock);
	return !s->works;
}

static bool stream_has_ended(struct io_target_stream *s)
{
	struct iot_buffer *b;

	guard(spinlock_irqsave)(&s->lock);
	list_for_each_entry(b, &s->reading, node)
		if (!b->done)
			return false;
	return true;
}

/**
 * io_target_stream_stop - read no more
 * @stream: the stream; not to be used any more when this returns 0, but to give back
 *	buffers that were kept, whose data stays until then
 *
 * Outstanding reads are cancelled as by io_target_cancel(), and waited for. What they, or
 * others before, have brought and was not delivered yet is lost.
 *
 * Context: process context, sleeps; not in on_data() or on_error().
 * Return: 0. -EDEADLK: in one of those; nothing is stopped.
 */
int io_target_stream_stop(struct io_target_stream *stream)
{
	struct io_target *t = stream->target;
	struct iot_buffer *b;

	if (current_work() == &stream->work.work)
		return iot_err(t, -EDEADLK, "stream_stop refused in the stream's own callback");
	scoped_guard(spinlock_irqsave, &t->lock)
		list_del(&stream->node);
	scoped_guard(spinlock_irqsave, &stream->lock) {
		stream->quit = true;
		if (cancel_delayed_work(&stream->work))
			stream->works--;
	}
	wait_event(stream->idle, stream_rests(stream));
	/* Nobody but this changes the list any more. */
	list_for_each_entry(b, &stream->reading, node)
		io_target_cancel(&b->req);
	wait_event(stream->idle, stream_has_ended(stream));
	iot_stream_put(stream);
	return 0;
}
EXPORT_SYMBOL_GPL(io_target_stream_stop);
