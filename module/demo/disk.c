// SPDX-License-Identifier: GPL-2.0
/* The chapters on block devices, and on regular files, which have a size too. */
#include "demo.h"

#include <linux/err.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>

static const unsigned int depths[] = { 1, 4, 16, 64 };

/* What read buffers hold before, so that nothing old can pass for data. */
#define STALE	0xa5

static int say_pass(const char *path, const char *how, const struct demo_pass *pass)
{
	char hex[DEMO_HEX];
	int err;

	err = demo_sha256(pass->buf, pass->size, hex);
	if (err)
		return err;
	demo_say("pass path=%s how=%s depth=%u requests=%lu chunk=%zu bytes=%zu ns=%llu sha256=%s",
		 path, how, pass->depth, pass->requests, pass->chunk, pass->size,
		 pass->ns, hex);
	return 0;
}

static int read_blocking(const char *path, struct demo_pass *pass, const char *how,
			 long timeout)
{
	int err;

	pass->depth = 1;
	memset(pass->buf, STALE, pass->size);
	err = demo_pass_blocking(pass, timeout);
	return err ?: say_pass(path, how, pass);
}

static int read_async(const char *path, struct demo_pass *pass, unsigned int depth)
{
	int err;

	pass->depth = depth;
	memset(pass->buf, STALE, pass->size);
	err = demo_pass_async(pass);
	return err ?: say_pass(path, "async", pass);
}

static int read_all_ways(const char *path, struct demo_pass *pass)
{
	unsigned int i;
	int err;

	pass->chunk = SZ_4K;
	err = read_blocking(path, pass, "blocking", IO_TARGET_NO_TIMEOUT);
	/* A timeout makes the library copy: it can return without the device. */
	err = err ?: read_blocking(path, pass, "blocking,-5-s", 5 * HZ);
	for (i = 0; !err && i < ARRAY_SIZE(depths); i++)
		err = read_async(path, pass, depths[i]);
	pass->chunk = pass->size;
	return err ?: read_blocking(path, pass, "one-request", IO_TARGET_NO_TIMEOUT);
}

/* Read the whole of the disk @path in every way there is. */
int demo_disk(const char *path)
{
	struct demo_pass pass = { .op = IO_TARGET_OP_READ };
	struct io_target_info info;
	int err = -ENOMEM;

	pass.target = demo_open(path, IO_TARGET_READ | IO_TARGET_EXCL, &info);
	if (IS_ERR(pass.target))
		return PTR_ERR(pass.target);
	pass.size = info.size;
	pass.buf = vmalloc(info.size);
	if (pass.buf)
		err = read_all_ways(path, &pass);
	if (err)
		demo_say("failed errno=%d text=reading %s", err, path);
	demo_close(pass.target);
	vfree(pass.buf);
	return err;
}

/* Every word says where it is and in which round it was written. */
static void fill(u64 *buf, size_t size, u64 round)
{
	size_t i;

	for (i = 0; i < size / sizeof(*buf); i++)
		buf[i] = (i * sizeof(*buf)) ^ (round << 56);
}

static int write_and_read(const char *path, struct demo_pass *pass, const char *how,
			  u64 round)
{
	bool async = pass->depth > 1;
	char sent[DEMO_HEX], got[DEMO_HEX];
	u64 ns;
	int err;

	fill(pass->buf, pass->size, round);
	pass->op = IO_TARGET_OP_WRITE;
	err = demo_sha256(pass->buf, pass->size, sent);
	if (!err)
		err = async ? demo_pass_async(pass) :
			      demo_pass_blocking(pass, IO_TARGET_NO_TIMEOUT);
	err = err ?: io_target_flush(pass->target, 30 * HZ);
	ns = pass->ns;
	if (err)
		return err;

	memset(pass->buf, STALE, pass->size);
	pass->op = IO_TARGET_OP_READ;
	err = async ? demo_pass_async(pass) :
		      demo_pass_blocking(pass, IO_TARGET_NO_TIMEOUT);
	err = err ?: demo_sha256(pass->buf, pass->size, got);
	if (!err)
		demo_say("scratch path=%s how=%s depth=%u chunk=%zu bytes=%zu ns=%llu",
			 path, how, pass->depth, pass->chunk, pass->size, ns);
	if (!err)
		demo_say("compare path=%s how=%s sent=%s got=%s", path, how, sent, got);
	return err;
}

/* Overwrite the whole of the disk @path, and read it back. */
int demo_scratch(const char *path)
{
	struct demo_pass pass = { .chunk = SZ_64K, .depth = 1 };
	struct io_target_info info;
	int err = -ENOMEM;

	pass.target = demo_open(path, IO_TARGET_READ | IO_TARGET_WRITE | IO_TARGET_EXCL,
				&info);
	if (IS_ERR(pass.target))
		return PTR_ERR(pass.target);
	pass.size = info.size;
	pass.buf = vmalloc(info.size);
	if (pass.buf) {
		err = write_and_read(path, &pass, "blocking", 1);
		pass.depth = 16;
		err = err ?: write_and_read(path, &pass, "async", 2);
	}
	if (err)
		demo_say("failed errno=%d text=writing %s and reading it back", err, path);
	demo_close(pass.target);
	vfree(pass.buf);
	return err;
}

/* Read the regular file @path, four requests at a time. */
int demo_file(const char *path)
{
	struct demo_pass pass = { .op = IO_TARGET_OP_READ, .chunk = SZ_64K, .depth = 4 };
	struct io_target_info info;
	char hex[DEMO_HEX];
	int err = -ENOMEM;

	pass.target = demo_open(path, IO_TARGET_READ, &info);
	if (IS_ERR(pass.target))
		return PTR_ERR(pass.target);
	pass.size = info.size;
	pass.buf = vmalloc(info.size);
	if (pass.buf) {
		memset(pass.buf, STALE, pass.size);
		err = demo_pass_async(&pass);
		err = err ?: demo_sha256(pass.buf, pass.size, hex);
	}
	if (err)
		demo_say("failed errno=%d text=reading %s", err, path);
	else
		demo_say("file path=%s requests=%lu bytes=%zu ns=%llu sha256=%s",
			 path, pass.requests, pass.size, pass.ns, hex);
	demo_close(pass.target);
	vfree(pass.buf);
	return err;
}
