// SPDX-License-Identifier: GPL-2.0
/*
 * io_target_sum: a driver that offers others a checksum, by name, for as long as it is
 * loaded. It cannot be unloaded while somebody has that name open.
 */
#include <crypto/hash.h>
#include <crypto/sha2.h>
#include <linux/err.h>
#include <linux/io_target.h>
#include <linux/kernel.h>
#include <linux/module.h>

#include "sum.h"

static struct crypto_shash *summer;
static struct io_target_provider *sum;

/* What goes in is to be summed up; what comes out is the sum, in its place. */
static ssize_t sum_ioctl(struct io_target_call *call)
{
	u8 digest[SHA256_DIGEST_SIZE];
	int err;

	if (call->cmd != SUM_SHA256 || call->out < SUM_BYTES)
		return -ENOTTY;
	err = crypto_shash_tfm_digest(summer, call->buf, call->in, digest);
	if (err)
		return err;
	snprintf(call->buf, SUM_BYTES, "%32phN", digest);
	return SUM_BYTES;
}

static const struct io_target_provider_ops sum_ops = {
	.owner		= THIS_MODULE,
	.may_sleep	= true,
	.ioctl		= sum_ioctl,
};

static int __init sum_init(void)
{
	summer = crypto_alloc_shash("sha256", 0, 0);
	if (IS_ERR(summer))
		return PTR_ERR(summer);
	sum = io_target_provider_register(SUM_NAME, &sum_ops, NULL);
	if (IS_ERR(sum))
		crypto_free_shash(summer);
	return PTR_ERR_OR_ZERO(sum);
}

/* Nobody has it open, or this would not be called: see sum_ops.owner. */
static void __exit sum_exit(void)
{
	io_target_provider_unregister(sum);
	crypto_free_shash(summer);
}

module_init(sum_init);
module_exit(sum_exit);
MODULE_DESCRIPTION("A provider, for the demonstration of io_target");
MODULE_LICENSE("GPL");
