// SPDX-License-Identifier: GPL-2.0
/*
 * The chapter on providers: io_target_sum offers a checksum to other drivers by name, and
 * this one opens that name and asks for it. It knows nothing else of that driver.
 */
#include "demo.h"

#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "sum.h"

#define BYTES		SZ_4K

static int ask(struct io_target *target, u8 *buf)
{
	u64 start = ktime_get_ns();
	char own[DEMO_HEX];
	long n;
	int err;

	memset(buf, 0x5a, BYTES);
	err = demo_sha256(buf, BYTES, own);
	if (err)
		return err;
	n = io_target_ioctl_buf(target, SUM_SHA256, buf, BYTES, BYTES, 5 * HZ);
	if (n < 0)
		return n;
	demo_say("provider name=%s cmd=%d in=%d out=%ld ns=%llu own=%s got=%s", SUM_NAME,
		 SUM_SHA256, BYTES, n, ktime_get_ns() - start, own, (char *)buf);
	return 0;
}

static int open_and_ask(u8 *buf, struct io_target **kept)
{
	struct io_target *target = io_target_create(NULL);
	int err;

	if (IS_ERR(target))
		return PTR_ERR(target);
	err = io_target_open_provider(target, SUM_NAME, IO_TARGET_READ);
	err = err ?: ask(target, buf);
	if (err)
		demo_close(target);
	else
		*kept = target;
	return err;
}

/* On success *@kept is to be closed with demo_close(). */
int demo_provider(struct io_target **kept)
{
	u8 *buf = kmalloc(BYTES, GFP_KERNEL);
	int err;

	err = buf ? open_and_ask(buf, kept) : -ENOMEM;
	kfree(buf);
	if (err)
		demo_say("failed errno=%d text=asking the provider", err);
	return err;
}
