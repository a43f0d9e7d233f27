/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Continuous streams: reads that are always outstanding, and what they bring, in order.
 * Included by io_target.h.
 */
#ifndef _LINUX_IO_TARGET_STREAM_H
#define _LINUX_IO_TARGET_STREAM_H

#include <linux/types.h>

struct io_target;
struct io_target_stream;

/**
 * struct io_target_stream_buffer - what one read has brought
 * @data: the bytes
 * @len: how many, more than 0
 * @seq: number of this delivery, from 0 without gaps; those that are dropped have none
 *
 * Its consumer's from delivery until it is given back: he may change @data.
 */
struct io_target_stream_buffer {
	void	*data;
	size_t	len;
	u64	seq;
};

/**
 * typedef io_target_stream_data_t - told what has been read
 * @stream: the stream
 * @buf: the next in order
 * @private: from the config
 *
 * Context: process context, one at a time and in order; may sleep.
 * Return: true: @buf is given back. false: it is kept, and given back later with
 * io_target_stream_give_back().
 */
typedef bool (*io_target_stream_data_t)(struct io_target_stream *stream,
					struct io_target_stream_buffer *buf, void *private);

/**
 * typedef io_target_stream_error_t - told that a read has failed
 * @stream: the stream
 * @err: what the device said; -ENODATA: the end of the file; of io_target_submit()
 * @private: from the config
 *
 * To be stopped, purged or closed is no error, and ends when the target is started again.
 *
 * Context: as for io_target_stream_data_t, and in order with that.
 * Return: true: go on, after a while if this is not the first in a row. false: read
 * nothing more until io_target_stream_resume().
 */
typedef bool (*io_target_stream_error_t)(struct io_target_stream *stream, int err,
					 void *private);

/**
 * struct io_target_stream_config - how a stream reads
 * @depth: buffers, of which as many as are not the consumer's are being read into; 0: 2
 * @size: bytes of each, more than 0
 * @flags: IO_TARGET_FULL: only full buffers, not of a provider; IO_TARGET_USER_PTR
 * @drop: when the consumer has kept all other buffers, go on reading, and drop what comes;
 *	takes two buffers or more. Without, nothing is read until he gives one back, and the
 *	device has to wait
 * @on_data: see there
 * @on_error: see there; NULL: as if it returned false
 * @private: for both
 */
struct io_target_stream_config {
	unsigned int			depth;
	size_t				size;
	unsigned int			flags;
	bool				drop;
	io_target_stream_data_t		on_data;
	io_target_stream_error_t	on_error;
	void				*private;
};

/**
 * struct io_target_stream_stats - what has happened to a stream
 * @delivered: buffers
 * @bytes: in them
 * @dropped: buffers; 0 unless dropping was asked for
 * @errors: that were told
 * @restarts: how often it has gone on after one, or after its target had refused reads
 * @kept: buffers that the consumer has now
 */
struct io_target_stream_stats {
	u64		delivered;
	u64		bytes;
	u64		dropped;
	u64		errors;
	u64		restarts;
	unsigned int	kept;
};

struct io_target_stream *
io_target_stream_start(struct io_target *target,
		       const struct io_target_stream_config *config);
void io_target_stream_give_back(struct io_target_stream *stream,
				struct io_target_stream_buffer *buf);
void io_target_stream_resume(struct io_target_stream *stream);
void io_target_stream_get_stats(struct io_target_stream *stream,
				struct io_target_stream_stats *stats);
int io_target_stream_stop(struct io_target_stream *stream);

#endif /* _LINUX_IO_TARGET_STREAM_H */
