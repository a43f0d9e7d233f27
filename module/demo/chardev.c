// SPDX-License-Identifier: GPL-2.0
/* The chapters on char devices. */
#include "demo.h"

#include <linux/completion.h>
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/string.h>

#define CHARS	SZ_1M

static void say_stream(const char *path, u64 start, size_t bytes, bool ok, const char *text)
{
	demo_say("stream path=%s op=read bytes=%zu ns=%llu ok=%d text=%s",
		 path, bytes, ktime_get_ns() - start, ok, text);
}

/* Read @len bytes into memory that held something else. */
static int read_fresh(struct io_target *target, void *buf, size_t len)
{
	ssize_t n;

	memset(buf, 0xa5, len);
	n = io_target_read(target, buf, len, 0, 5 * HZ);
	return n == len ? 0 : n < 0 ? n : -EIO;
}

/* Zeroes are zeroes. */
int demo_zero(const char *path)
{
	struct io_target_info info;
	struct io_target *target;
	u64 start = ktime_get_ns();
	void *buf;
	int err;

	target = demo_open(path, IO_TARGET_READ, &info);
	if (IS_ERR(target))
		return PTR_ERR(target);
	buf = kvmalloc(CHARS, GFP_KERNEL);
	err = buf ? read_fresh(target, buf, CHARS) : -ENOMEM;
	if (err)
		demo_say("failed errno=%d text=reading %s", err, path);
	else
		say_stream(path, start, CHARS, !memchr_inv(buf, 0, CHARS),
			   "nothing but zeroes");
	demo_close(target);
	kvfree(buf);
	return err;
}

/* Two reads of noise are not the same. */
int demo_random(const char *path)
{
	struct io_target_info info;
	struct io_target *target;
	u64 start = ktime_get_ns();
	void *buf;
	int err;

	target = demo_open(path, IO_TARGET_READ, &info);
	if (IS_ERR(target))
		return PTR_ERR(target);
	buf = kvmalloc(2 * CHARS, GFP_KERNEL);
	err = buf ? read_fresh(target, buf, CHARS) : -ENOMEM;
	err = err ?: read_fresh(target, buf + CHARS, CHARS);
	if (err)
		demo_say("failed errno=%d text=reading %s", err, path);
	else
		say_stream(path, start, 2 * CHARS, memcmp(buf, buf + CHARS, CHARS),
			   "two reads give different noise");
	demo_close(target);
	kvfree(buf);
	return err;
}

/* A conversation over a line: what is sent comes back. */
#define LINE_BYTES	SZ_16K
#define LINE_PIECE	SZ_1K

struct line {
	struct io_target		*target;
	struct io_target_request	req;
	struct completion		answer;
};

static void answer_came(struct io_target_request *req)
{
	complete(req->private);
}

/* Ask for an answer before there is one; the driver does not wait for it. */
static int expect_answer(struct line *line, void *buf, size_t len)
{
	int err;

	err = io_target_prep_read_buf(&line->req, buf, len, 0, 0);
	if (err)
		return err;
	reinit_completion(&line->answer);
	line->req.end_io = answer_came;
	line->req.private = &line->answer;
	return io_target_submit(&line->req);
}

/* A line takes as many bytes as it has room for. */
static int say_all(struct io_target *target, const u8 *buf, size_t len)
{
	while (len) {
		ssize_t n = io_target_write(target, buf, len, 0, 5 * HZ);

		if (n <= 0)
			return n ?: -EIO;
		buf += n;
		len -= n;
	}
	return 0;
}

/* ...and gives as many as it has. */
static int hear_all(struct io_target *target, u8 *buf, size_t len)
{
	while (len) {
		ssize_t n = io_target_read(target, buf, len, 0, 5 * HZ);

		if (n <= 0)
			return n ?: -EIO;
		buf += n;
		len -= n;
	}
	return 0;
}

static int exchange(struct line *line, const u8 *out, u8 *in, size_t len)
{
	int err;

	err = expect_answer(line, in, len);
	if (err)
		return err;
	err = say_all(line->target, out, len);
	if (err)
		return err;	/* closing the target ends the read */
	if (!wait_for_completion_timeout(&line->answer, 5 * HZ))
		return -ETIMEDOUT;
	if (line->req.result <= 0)
		return line->req.result ?: -EIO;
	return hear_all(line->target, in + line->req.result,
			len - line->req.result);
}

static int converse(struct line *line, const char *path, u8 *out, u8 *in)
{
	char sent[DEMO_HEX], got[DEMO_HEX];
	u64 start = ktime_get_ns();
	size_t pos, i;
	int err = 0;

	for (i = 0; i < LINE_BYTES; i++)
		out[i] = i ^ (i >> 8);
	memset(in, 0xa5, LINE_BYTES);
	for (pos = 0; !err && pos < LINE_BYTES; pos += LINE_PIECE)
		err = exchange(line, out + pos, in + pos, LINE_PIECE);
	err = err ?: demo_sha256(out, LINE_BYTES, sent);
	err = err ?: demo_sha256(in, LINE_BYTES, got);
	if (!err)
		demo_say("echo path=%s bytes=%d ns=%llu sent=%s got=%s", path,
			 LINE_BYTES, ktime_get_ns() - start, sent, got);
	return err;
}

/* Send to the peer at the far end of @path, and compare what comes back. */
int demo_echo(const char *path)
{
	struct io_target_info info;
	struct line line;
	u8 *buf;
	int err;

	line.target = demo_open(path, IO_TARGET_READ | IO_TARGET_WRITE, &info);
	if (IS_ERR(line.target))
		return PTR_ERR(line.target);
	init_completion(&line.answer);
	io_target_request_init(&line.req, line.target);
	buf = kvmalloc(2 * LINE_BYTES, GFP_KERNEL);
	err = buf ? converse(&line, path, buf, buf + LINE_BYTES) : -ENOMEM;
	if (err)
		demo_say("failed errno=%d text=talking to the peer on %s", err, path);
	demo_close(line.target);
	kvfree(buf);
	return err;
}
