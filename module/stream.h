/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Continuous streams: stream.c makes and stops them, stream_run.c is their worker.
 *
 * Built of what every user of the library has: a request for each buffer, formatted and
 * submitted again and again.
 *
 * One worker does everything but note the end of reads: it delivers what has been read,
 * in the order of submission (two reads may end at the same time on two CPUs), and
 * submits what is free. So there is one consumer call at a time, none in the callbacks of
 * the device, and after the worker has been waited for there is no submit any more. That
 * is not done by a flush: who stops a stream may be a worker for reclaim, and this is none.
 *
 * A buffer is on one of the lists free and reading, or the worker's, or the consumer's.
 * Each of the consumer's holds a reference; so does who has the stream, until stop.
 *
 * A target that refuses reads (purged, closed, removed; or its queue is full) kicks its
 * streams when its state changes. While it is stopped or suspended the reads pend.
 */
#ifndef _IO_TARGET_STREAM_H
#define _IO_TARGET_STREAM_H

#include <linux/kref.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "internal.h"

/**
 * struct iot_buffer - one of a stream's
 * @pub: the consumer's view
 * @req: reads into it
 * @stream: whose
 * @node: on free or reading
 * @done: @req has ended; under stream->lock
 */
struct iot_buffer {
	struct io_target_stream_buffer	pub;
	struct io_target_request	req;
	struct io_target_stream		*stream;
	struct list_head		node;
	bool				done;
};

/**
 * struct io_target_stream - one target is read from
 * @target: referenced
 * @config: as started
 * @node: on target->streams, under target->lock
 * @lock: irqsave; innermost. All below up to @works
 * @free: buffers that can be read into
 * @reading: buffers whose read is outstanding, or has ended, oldest first
 * @stats: see there
 * @halted: until it is resumed
 * @refused: the target did not take a read
 * @quit: nothing is submitted any more
 * @works: how often @work is queued or runs: once, or once each
 * @held: the target takes no reads, or has not taken one since; the worker's
 * @errors: in a row; the worker's
 * @not_before: jiffies64, after errors; the worker's
 * @work: see above
 * @idle: for stop: a read has ended, or the worker
 * @ref: see above
 * @free_work: the last is gone
 * @buffers: depth of them
 */
struct io_target_stream {
	struct io_target		*target;
	struct io_target_stream_config	config;
	struct list_head		node;
	spinlock_t			lock;	/* see above */
	struct list_head		free;
	struct list_head		reading;
	struct io_target_stream_stats	stats;
	bool				halted;
	bool				refused;
	bool				quit;
	unsigned int			works;
	bool				held;
	unsigned int			errors;
	u64				not_before;
	struct delayed_work		work;
	wait_queue_head_t		idle;
	struct kref			ref;
	struct work_struct		free_work;
	struct iot_buffer			buffers[];
};

/* stream.c */
void iot_streams_kick(struct io_target *t);
void iot_stream_put(struct io_target_stream *s);

/* stream_run.c */
void iot_stream_work(struct work_struct *work);
int iot_stream_prep(struct io_target_stream *s, struct iot_buffer *b);
void iot_stream_kick(struct io_target_stream *s, unsigned long delay);
void iot_stream_given_back(struct io_target_stream *s, struct iot_buffer *b, bool kick);

#endif /* _IO_TARGET_STREAM_H */
