// SPDX-License-Identifier: GPL-2.0
/* The chapter on continuous streams: a line that is listened to all the time. */
#include "demo.h"

#include <linux/completion.h>
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sizes.h>

#define LINE_BYTES	SZ_16K
#define PIECE		SZ_1K

/* Who listens: what has come, up to LINE_BYTES */
struct listener {
	u8			*heard;
	size_t			len;
	int			err;
	struct completion	all;
};

/* In order, one at a time, where one may sleep. */
static bool hear(struct io_target_stream *stream, struct io_target_stream_buffer *buf,
		 void *private)
{
	struct listener *l = private;
	size_t n = min(buf->len, LINE_BYTES - l->len);

	memcpy(l->heard + l->len, buf->data, n);
	l->len += n;
	if (l->len == LINE_BYTES)
		complete(&l->all);
	return true;	/* the buffer is given back */
}

static bool hear_no_more(struct io_target_stream *stream, int err, void *private)
{
	struct listener *l = private;

	l->err = err;
	complete(&l->all);
	return false;
}

static int talk(struct io_target *target, const u8 *said)
{
	size_t pos;

	for (pos = 0; pos < LINE_BYTES; pos += PIECE) {
		ssize_t n = io_target_write(target, said + pos, PIECE, 0, 5 * HZ);

		if (n != PIECE)
			return n < 0 ? n : -EIO;
	}
	return 0;
}

static void say_heard(const char *path, u64 start, const u8 *said, const struct listener *l,
		      const struct io_target_stream_stats *stats)
{
	char sent[DEMO_HEX], got[DEMO_HEX];

	if (demo_sha256(said, LINE_BYTES, sent) || demo_sha256(l->heard, l->len, got))
		return;
	demo_say("delivered path=%s bytes=%llu ns=%llu buffers=%llu dropped=%llu sent=%s got=%s",
		 path, stats->bytes, ktime_get_ns() - start, stats->delivered, stats->dropped,
		 sent, got);
}

static int listen_and_talk(struct io_target *target, const char *path, u8 *said, u8 *heard)
{
	struct listener l = { .heard = heard };
	struct io_target_stream_stats stats;
	struct io_target_stream *stream;
	u64 start = ktime_get_ns();
	size_t i;
	int err;

	for (i = 0; i < LINE_BYTES; i++)
		said[i] = ~(i ^ (i >> 8));
	init_completion(&l.all);
	stream = io_target_stream_start(target, &(struct io_target_stream_config){
		.depth = 4, .size = PIECE, .on_data = hear, .on_error = hear_no_more,
		.private = &l });
	if (IS_ERR(stream))
		return PTR_ERR(stream);
	err = talk(target, said);
	if (!err && !wait_for_completion_timeout(&l.all, 10 * HZ))
		err = -ETIMEDOUT;
	io_target_stream_get_stats(stream, &stats);
	io_target_stream_stop(stream);
	if (!err)
		say_heard(path, start, said, &l, &stats);
	return err ?: l.err;
}

/* All that the peer at the far end of @path sends, in order. */
int demo_listen(const char *path)
{
	struct io_target_info info;
	struct io_target *target;
	u8 *buf;
	int err;

	target = demo_open(path, IO_TARGET_READ | IO_TARGET_WRITE, &info);
	if (IS_ERR(target))
		return PTR_ERR(target);
	buf = kvmalloc(2 * LINE_BYTES, GFP_KERNEL);
	err = buf ? listen_and_talk(target, path, buf, buf + LINE_BYTES) : -ENOMEM;
	if (err)
		demo_say("failed errno=%d text=listening to the peer on %s", err, path);
	demo_close(target);
	kvfree(buf);
	return err;
}
