// SPDX-License-Identifier: GPL-2.0
/*
 * What all chapters need to report: open a target and say what was found,
 * say what went wrong, and checksums.
 */
#include "demo.h"

#include <crypto/hash.h>
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/stat.h>

static const char *backend_name(umode_t mode)
{
	return S_ISBLK(mode) ? "block" : S_ISCHR(mode) ? "char" : "file";
}

const char *demo_served(enum io_target_served served)
{
	switch (served) {
	case IO_TARGET_SERVED_DIRECT:
		return "direct";
	case IO_TARGET_SERVED_READY:
		return "when-ready";
	case IO_TARGET_SERVED_TRY:
		return "tried-then-thread";
	case IO_TARGET_SERVED_THREAD:
		return "thread";
	case IO_TARGET_SERVED_USER:
		return "user";
	default:
		return "no";
	}
}

static const char *access_name(unsigned int flags)
{
	switch (flags) {
	case IO_TARGET_READ:
		return "read";
	case IO_TARGET_READ | IO_TARGET_EXCL:
		return "read,claimed";
	case IO_TARGET_READ | IO_TARGET_WRITE:
		return "read,write";
	case IO_TARGET_READ | IO_TARGET_WRITE | IO_TARGET_EXCL:
		return "read,write,claimed";
	default:
		return "other";
	}
}

static void say_opened(const char *path, const struct io_target_info *info)
{
	demo_say("opened path=%s backend=%s bytes=%llu access=%s", path,
		 backend_name(info->mode), info->size, access_name(info->flags));
	if (S_ISBLK(info->mode))
		demo_say("block path=%s sector=%u max=%llu cache=%d readonly=%d discard=%d",
			 path, info->logical_block_size, info->max_transfer,
			 info->write_cache, info->read_only, !!info->max_discard);
	else
		demo_say("served path=%s stream=%d reads=%s writes=%s", path, info->stream,
			 demo_served(info->read), demo_served(info->write));
}

/* Open @path and report it. Return: the target, or an ERR_PTR() already reported. */
struct io_target *demo_open(const char *path, unsigned int flags,
			    struct io_target_info *info)
{
	struct io_target *target;
	int err;

	target = io_target_open_path(path, flags, NULL);
	if (IS_ERR(target)) {
		demo_say("failed errno=%ld text=open %s", PTR_ERR(target), path);
		return target;
	}
	err = io_target_get_info(target, info);
	if (err) {
		demo_say("failed errno=%d text=properties of %s", err, path);
		demo_close(target);
		return ERR_PTR(err);
	}
	say_opened(path, info);
	return target;
}

void demo_close(struct io_target *target)
{
	io_target_close(target);
	io_target_put(target);
}

static int digest(struct crypto_shash *tfm, const void *data, size_t len,
		  u8 out[32])
{
	SHASH_DESC_ON_STACK(desc, tfm);
	size_t done, piece;
	int err;

	desc->tfm = tfm;
	err = crypto_shash_init(desc);
	for (done = 0; !err && done < len; done += piece) {
		piece = min_t(size_t, len - done, SZ_64K);
		err = crypto_shash_update(desc, data + done, piece);
		cond_resched();
	}
	return err ?: crypto_shash_final(desc, out);
}

/* SHA-256 of @data, as sha256sum prints it. */
int demo_sha256(const void *data, size_t len, char hex[DEMO_HEX])
{
	struct crypto_shash *tfm;
	u8 out[32];
	int err;

	tfm = crypto_alloc_shash("sha256", 0, 0);
	if (IS_ERR(tfm))
		return PTR_ERR(tfm);
	err = digest(tfm, data, len, out);
	crypto_free_shash(tfm);
	snprintf(hex, DEMO_HEX, "%32phN", out);
	return err;
}
