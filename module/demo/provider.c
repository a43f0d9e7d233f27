// SPDX-License-Identifier: GPL-2.0
/*
 * The chapter on providers: one driver offers a checksum to others by name, another opens
 * that name and asks for it. Here both are this module.
 */
#include "demo.h"

#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#define NAME		"io_target_demo_sum"
#define SUM_SHA256	1
#define BYTES		SZ_4K

/* What goes in is to be summed up; what comes out is the sum, in its place. */
static ssize_t sum_ioctl(struct io_target_call *call)
{
	char hex[DEMO_HEX];
	int err;

	if (call->cmd != SUM_SHA256 || call->out < DEMO_HEX)
		return -ENOTTY;
	err = demo_sha256(call->buf, call->in, hex);
	if (err)
		return err;
	memcpy(call->buf, hex, DEMO_HEX);
	return DEMO_HEX;
}

static const struct io_target_provider_ops sum_ops = {
	.owner		= THIS_MODULE,
	.may_sleep	= true,
	.ioctl		= sum_ioctl,
};

/* The other driver: knows nothing but the name, and what it may ask for. */
static int ask(u8 *buf)
{
	struct io_target *target = io_target_create(NULL);
	u64 start = ktime_get_ns();
	char own[DEMO_HEX];
	long n;
	int err;

	if (IS_ERR(target))
		return PTR_ERR(target);
	memset(buf, 0x5a, BYTES);
	err = demo_sha256(buf, BYTES, own);
	err = err ?: io_target_open_provider(target, NAME, IO_TARGET_READ);
	if (err)
		goto put;
	n = io_target_ioctl_buf(target, SUM_SHA256, buf, BYTES, BYTES, 5 * HZ);
	if (n < 0)
		err = n;
	else
		demo_say("provider name=%s cmd=%d in=%d out=%ld ns=%llu own=%s got=%s", NAME,
			 SUM_SHA256, BYTES, n, ktime_get_ns() - start, own, (char *)buf);
	io_target_close(target);
put:
	io_target_put(target);
	return err;
}

int demo_provider(void)
{
	struct io_target_provider *provider;
	u8 *buf = kmalloc(BYTES, GFP_KERNEL);
	int err = -ENOMEM;

	if (!buf)
		goto out;
	provider = io_target_provider_register(NAME, &sum_ops, NULL);
	err = PTR_ERR_OR_ZERO(provider);
	if (err)
		goto out;
	err = ask(buf);
	io_target_provider_unregister(provider);
out:
	kfree(buf);
	if (err)
		demo_say("failed errno=%d text=asking the provider", err);
	return err;
}
