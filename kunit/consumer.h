/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A stream's consumer of the tests', who knows what is to come.
 */
#ifndef _IO_TARGET_KUNIT_CONSUMER_H
#define _IO_TARGET_KUNIT_CONSUMER_H

#include "pattern.h"
#include "ready.h"

#define CONSUMER_SEED	0x73747265616dULL
#define CONSUMER_KEEPS	8

/**
 * struct consumer - who is delivered to
 * @buf: of the test, for what it pushes
 * @place: of the next byte
 * @wrong: bytes that were not those of @place; sequence numbers that were not the next
 * @count: buffers that have come
 * @keep: so many are kept
 * @kept: those
 * @nr_kept: their number
 * @patience: how often an error is to be gone on after
 * @resumes: it is, before the consumer has said that he does not go on
 * @errors: that were told
 * @err: the last
 * @stop: what a stop from within has returned
 * @changed: when any of these has
 */
struct consumer {
	u8				*buf;
	u64				place;
	u64				wrong;
	u64				count;
	unsigned int			keep;
	struct io_target_stream_buffer	*kept[CONSUMER_KEEPS];
	unsigned int			nr_kept;
	int				patience;
	bool				resumes;
	unsigned int			errors;
	int				err;
	int				stop;
	wait_queue_head_t		changed;
};

struct consumer *consumer_alloc(struct kunit *test);

/* A stream for him over @t; what is not in @config is set. */
struct io_target_stream *consumer_start(struct kunit *test, struct io_target *t,
					struct consumer *c,
					struct io_target_stream_config config);
/* Its on_data: nothing but the next bytes is right. */
bool consumer_data(struct io_target_stream *stream, struct io_target_stream_buffer *buf,
		   void *private);

/* Until so many buffers have come, or errors; false: they have not. */
bool consumer_wait(struct consumer *c, u64 n);
bool consumer_wait_failed(struct consumer *c, unsigned int n);
/* Until all bytes before @place have. */
bool consumer_wait_place(struct consumer *c, u64 place);

/* Into the pipe, as a peer would: all of it, in pieces as there is room for. */
void consumer_push(struct kunit *test, struct consumer *c, u64 place, size_t len);

static inline struct io_target_stream_stats consumer_stats(struct io_target_stream *s)
{
	struct io_target_stream_stats stats;

	io_target_stream_get_stats(s, &stats);
	return stats;
}

#endif /* _IO_TARGET_KUNIT_CONSUMER_H */
