// SPDX-License-Identifier: GPL-2.0
/*
 * A stream's consumer of the tests', see consumer.h.
 */
#include "consumer.h"

bool consumer_data(struct io_target_stream *stream, struct io_target_stream_buffer *buf,
		   void *private)
{
	struct consumer *c = private;
	bool keep = c->nr_kept < c->keep;

	c->wrong += buf->seq != c->count;
	c->wrong += buf->len - pattern_match(buf->data, buf->len, c->place, CONSUMER_SEED);
	WRITE_ONCE(c->place, c->place + buf->len);
	if (keep)
		c->kept[c->nr_kept++] = buf;
	smp_store_release(&c->count, c->count + 1);	/* read by has_come() */
	wake_up(&c->changed);
	return !keep;
}

static bool fail(struct io_target_stream *stream, int err, void *private)
{
	struct consumer *c = private;

	c->err = err;
	c->stop = io_target_stream_stop(stream);
	smp_store_release(&c->errors, c->errors + 1);	/* read by has_failed() */
	wake_up(&c->changed);
	if (c->resumes)
		io_target_stream_resume(stream);
	return c->patience-- > 0;
}

static bool has_come(struct consumer *c, u64 n)
{
	return smp_load_acquire(&c->count) >= n;	/* written by consumer_data() */
}

bool consumer_wait(struct consumer *c, u64 n)
{
	return wait_event_timeout(c->changed, has_come(c, n), TESTDEV_PATIENCE);
}

bool consumer_wait_place(struct consumer *c, u64 place)
{
	return wait_event_timeout(c->changed, READ_ONCE(c->place) >= place, TESTDEV_PATIENCE);
}

static bool has_failed(struct consumer *c, unsigned int n)
{
	return smp_load_acquire(&c->errors) >= n;	/* written by fail() */
}

bool consumer_wait_failed(struct consumer *c, unsigned int n)
{
	return wait_event_timeout(c->changed, has_failed(c, n), TESTDEV_PATIENCE);
}

struct consumer *consumer_alloc(struct kunit *test)
{
	struct consumer *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, c);
	c->buf = ready_buf(test, ROOM);
	init_waitqueue_head(&c->changed);
	return c;
}

struct io_target_stream *consumer_start(struct kunit *test, struct io_target *t,
					struct consumer *c,
					struct io_target_stream_config config)
{
	struct io_target_stream *s;

	config.on_data = consumer_data;
	config.on_error = fail;
	config.private = c;
	s = io_target_stream_start(t, &config);
	KUNIT_ASSERT_FALSE(test, IS_ERR(s));
	return s;
}

void consumer_push(struct kunit *test, struct consumer *c, u64 place, size_t len)
{
	while (len) {
		size_t n = min_t(size_t, len, ROOM), left;

		pattern_fill(c->buf, n, place, CONSUMER_SEED);
		for (left = n; left; ) {
			size_t more = testdev_pipe_push(ready_pipe, c->buf + n - left, left);

			left -= more;
			if (!more)
				KUNIT_ASSERT_TRUE(test, testdev_pipe_wait_room(ready_pipe));
		}
		place += n;
		len -= n;
	}
}
