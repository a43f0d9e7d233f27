// SPDX-License-Identifier: GPL-2.0
/*
 * The chapter on mistakes: each gets an errno of its own and a line in the
 * kernel log, and nothing is sent.
 */
#include "demo.h"

#include <linux/err.h>
#include <linux/errno.h>
#include <linux/sizes.h>
#include <linux/slab.h>

static void say_mistake(long got, int want, const char *text)
{
	demo_say("error got=%ld want=%d text=%s", got, want, text);
}

static void wrong_open(const char *path, unsigned int flags, int want, const char *text)
{
	struct io_target *target = io_target_open_path(path, flags, NULL);

	say_mistake(PTR_ERR_OR_ZERO(target), want, text);
	if (!IS_ERR(target))
		demo_close(target);
}

static void wrong_opens(const char *disk, const char *directory)
{
	wrong_open("/dev/no-such-device", IO_TARGET_READ, -ENOENT,
		   "open a path that does not exist");
	wrong_open(directory, IO_TARGET_READ, -EINVAL, "open a directory");
	wrong_open(disk, IO_TARGET_READ | IO_TARGET_EXCL, -EBUSY,
		   "claim a mounted disk");
}

static void wrong_reads(struct io_target *target, u8 *buf, u64 size)
{
	say_mistake(io_target_read(target, buf, 1000, 0, HZ), -EINVAL,
		    "read 1000 bytes");
	say_mistake(io_target_read(target, buf, 512, 100, HZ), -EINVAL,
		    "read at byte 100");
	say_mistake(io_target_read(target, buf, 512, -512, HZ), -EOVERFLOW,
		    "read before the start");
	say_mistake(io_target_read(target, buf, SZ_4K, size - 512, HZ), -ENXIO,
		    "read across the end");
	say_mistake(io_target_read(target, buf, 512, 0, 0), -EINVAL,
		    "read with a timeout of 0");
}

static void wrong_requests(struct io_target *target, u8 *buf)
{
	struct io_target_request *req;

	say_mistake(io_target_write(target, buf, 512, 0, HZ), -EROFS,
		    "write to a read-only target");
	req = io_target_request_alloc(target, GFP_KERNEL);
	if (!req)
		return;
	say_mistake(io_target_submit(req), -EINVAL, "submit a request without prep");
	io_target_request_free(req);
}

/* Make mistakes with @disk, which is mounted, and with @directory. */
int demo_mistakes(const char *disk, const char *directory)
{
	struct io_target_info info;
	struct io_target *target;
	u8 *buf;
	int err = -ENOMEM;

	wrong_opens(disk, directory);
	target = demo_open(disk, IO_TARGET_READ, &info);
	if (IS_ERR(target))
		return PTR_ERR(target);
	buf = kmalloc(SZ_4K, GFP_KERNEL);
	if (buf) {
		wrong_reads(target, buf, info.size);
		wrong_requests(target, buf);
		io_target_close(target);
		say_mistake(io_target_read(target, buf, 512, 0, HZ), -ENODEV,
			    "read from a closed target");
		err = 0;
	}
	demo_close(target);
	kfree(buf);
	return err;
}
