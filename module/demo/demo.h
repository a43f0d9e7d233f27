/* SPDX-License-Identifier: GPL-2.0 */
/*
 * io_target_demo: what `make run` loads. Everything in this directory is
 * written against the public header, the way any driver would be.
 */
#ifndef IO_TARGET_DEMO_H
#define IO_TARGET_DEMO_H

#include <linux/io_target.h>
#include <linux/printk.h>

/* Hexadecimal SHA-256 and its end. */
#define DEMO_HEX	65

/*
 * A line of the report, for the host: a kind, then key=value pairs, of which
 * the last may be text= with anything up to the end of the line.
 */
#define demo_say(fmt, ...) \
	pr_info("io_target_demo: " fmt "\n", ##__VA_ARGS__)

/**
 * struct demo_pass - one pass over a device, in pieces of one size
 * @target: the device
 * @op: IO_TARGET_OP_READ or IO_TARGET_OP_WRITE
 * @buf: memory for the whole pass; piece n is at n * chunk
 * @size: bytes in all
 * @chunk: bytes in one request; the last one may be shorter
 * @depth: requests at a time, for the asynchronous pass
 * @requests: result: how many requests were sent
 * @ns: result: how long it took
 */
struct demo_pass {
	struct io_target	*target;
	enum io_target_op	op;
	void			*buf;
	size_t			size;
	size_t			chunk;
	unsigned int		depth;
	unsigned long		requests;
	u64			ns;
};

/* pass.c */
int demo_pass_blocking(struct demo_pass *pass, long timeout);
int demo_pass_async(struct demo_pass *pass);

/* report.c */
struct io_target *demo_open(const char *path, unsigned int flags,
			    struct io_target_info *info);
void demo_close(struct io_target *target);
const char *demo_served(enum io_target_served served);
int demo_sha256(const void *data, size_t len, char hex[DEMO_HEX]);

/* the chapters */
int demo_disk(const char *path);
int demo_scratch(const char *path);
int demo_file(const char *path);
int demo_zero(const char *path);
int demo_random(const char *path);
int demo_echo(const char *path);
int demo_listen(const char *path);
int demo_provider(struct io_target **kept);
int demo_probe(const char *text);
int demo_mistakes(const char *disk, const char *directory);

#endif /* IO_TARGET_DEMO_H */
