// SPDX-License-Identifier: GPL-2.0
/*
 * Block devices: ways to open them, claims, refusals, what is said about them,
 * and what all this does to the module of their driver.
 */
#include <linux/fs.h>
#include <linux/namei.h>
#include <linux/sizes.h>

#include "device.h"
#include "pattern.h"

#define SEED	0x6f70656eULL

enum opener { BY_PATH, BY_DEV, BY_FILE };

static int open_by(struct kunit *test, struct io_target *t, enum opener how, int disk,
		   unsigned int flags)
{
	struct file *file;
	int err;

	if (how == BY_PATH)
		return io_target_open(t, testdev_disk_path(device_disk[disk]), flags);
	if (how == BY_DEV)
		return io_target_open_dev(t, testdev_disk_dev(device_disk[disk]), flags);
	file = device_filp_open(testdev_disk_path(device_disk[disk]),
				flags & IO_TARGET_WRITE ? O_RDWR : O_RDONLY);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	err = io_target_open_file(t, file, flags);
	device_filp_close(file);
	return err;
}

struct open_case {
	const char	*name;
	enum opener	how;
	unsigned int	flags;
};

static const struct open_case open_cases[] = {
	{ "path, read and write", BY_PATH, RW },
	{ "path, read", BY_PATH, IO_TARGET_READ },
	{ "path, write", BY_PATH, IO_TARGET_WRITE },
	{ "path, claimed", BY_PATH, RW | IO_TARGET_EXCL },
	{ "number, read and write", BY_DEV, RW },
	{ "number, read", BY_DEV, IO_TARGET_READ },
	{ "number, write", BY_DEV, IO_TARGET_WRITE },
	{ "number, claimed", BY_DEV, RW | IO_TARGET_EXCL },
	{ "file, read and write", BY_FILE, RW },
	{ "file, read", BY_FILE, IO_TARGET_READ },
	{ "file, write", BY_FILE, IO_TARGET_WRITE },
};

static void open_case_desc(const struct open_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(open, open_cases, open_case_desc);

/* Opened in any way it serves, holds its driver's module, and lets go at close. */
static void bdev_open_serves(struct kunit *test)
{
	const struct open_case *c = test->param_value;
	struct device_fixture *fx = test->priv;
	struct io_target *t = fx->target[0];
	struct io_target_info info;
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_EXPECT_TRUE(test, current->flags & PF_KTHREAD);
	KUNIT_ASSERT_EQ(test, open_by(test, t, c->how, FINE, c->flags), 0);
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_STARTED);
	KUNIT_EXPECT_GT(test, testdev_opens(), fx->opens);
	KUNIT_EXPECT_EQ(test, io_target_get_info(t, &info), 0);
	KUNIT_EXPECT_EQ(test, info.flags, c->flags);
	KUNIT_EXPECT_EQ(test, info.mode, S_IFBLK);
	KUNIT_EXPECT_EQ(test, info.read, c->flags & IO_TARGET_READ ? IO_TARGET_SERVED_DIRECT :
								     IO_TARGET_SERVED_NOT);
	KUNIT_EXPECT_EQ(test, info.write, c->flags & IO_TARGET_WRITE ? IO_TARGET_SERVED_DIRECT :
								       IO_TARGET_SERVED_NOT);
	KUNIT_EXPECT_EQ(test, io_target_write(t, buf, SZ_4K, 0, IO_TARGET_NO_TIMEOUT),
			c->flags & IO_TARGET_WRITE ? SZ_4K : -EROFS);
	KUNIT_EXPECT_EQ(test, io_target_read(t, buf, SZ_4K, 0, IO_TARGET_NO_TIMEOUT),
			c->flags & IO_TARGET_READ ? SZ_4K : -EBADF);

	io_target_close(t);
	if (c->how != BY_FILE)
		KUNIT_EXPECT_EQ(test, testdev_opens(), fx->opens);
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_CLOSED);
	KUNIT_EXPECT_EQ(test, io_target_read(t, buf, SZ_4K, 0, HZ), -ENODEV);
}

struct refusal {
	const char	*name;
	const char	*path;	/* NULL: the disk FINE */
	unsigned int	flags;
	int		error;
};

static const struct refusal refusals[] = {
	{ "directory", "/dev", IO_TARGET_READ, -EINVAL },
	{ "FIFO", "/run/io_target_fifo", IO_TARGET_READ, -EINVAL },
	{ "nothing there", "/dev/iot_nothing", RW, -ENOENT },
	{ "no directory on the way", "/dev/null/disk", RW, -ENOTDIR },
	{ "claim of a char device", "/dev/null", RW | IO_TARGET_EXCL, -EINVAL },
	{ "no flags", NULL, 0, -EINVAL },
	{ "neither read nor write", NULL, IO_TARGET_EXCL, -EINVAL },
	{ "unknown flag", NULL, RW | BIT(7), -EINVAL },
};

static void refusal_desc(const struct refusal *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(refusal, refusals, refusal_desc);

static bool path_exists(const char *name)
{
	struct fs_struct *old = iot_enter_init_fs();
	struct path path;
	int err = kern_path(name, LOOKUP_FOLLOW, &path);

	iot_leave_init_fs(old);
	if (!err)
		path_put(&path);
	return !err;
}

static void bdev_open_refused(struct kunit *test)
{
	const struct refusal *c = test->param_value;
	struct device_fixture *fx = test->priv;
	struct io_target *t = fx->target[0];
	const char *path = c->path ?: testdev_disk_path(device_disk[FINE]);

	if (c->error == -EINVAL && !path_exists(path))
		kunit_skip(test, "the guest has no %s", path);
	KUNIT_EXPECT_EQ(test, io_target_open(t, path, c->flags), c->error);
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_CLOSED);
	KUNIT_EXPECT_EQ(test, testdev_opens(), fx->opens);

	KUNIT_EXPECT_EQ(test, io_target_open_dev(t, testdev_disk_dev(device_disk[FINE]), RW), 0);
}

static void bdev_open_unknown_number(struct kunit *test)
{
	struct device_fixture *fx = test->priv;
	int err = io_target_open_dev(fx->target[0], MKDEV(510, 77), RW);

	KUNIT_EXPECT_TRUE(test, err == -ENXIO || err == -ENODEV);
}

static void bdev_open_twice(struct kunit *test)
{
	const char *path = testdev_disk_path(device_disk[FINE]);
	struct io_target *t = device_open(test, path, RW);

	KUNIT_EXPECT_EQ(test, io_target_open(t, path, RW), -EBUSY);
	KUNIT_EXPECT_EQ(test, io_target_flush(t, HZ), 0);
}

static void bdev_open_one_call(struct kunit *test)
{
	struct device_fixture *fx = test->priv;
	struct io_target *t;

	t = io_target_open_path(testdev_disk_path(device_disk[PLAIN]), RW, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(t));
	KUNIT_EXPECT_STREQ(test, io_target_name(t), "iotplain");
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_STARTED);
	io_target_close(t);
	KUNIT_EXPECT_EQ(test, testdev_opens(), fx->opens);
	io_target_put(t);

	t = io_target_open_path("/dev/iot_nothing", RW, NULL);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(t), -ENOENT);
}

struct claim {
	const char	*name;
	enum opener	first;
	enum opener	second;
};

static const struct claim claims[] = {
	{ "path, path", BY_PATH, BY_PATH },
	{ "path, number", BY_PATH, BY_DEV },
	{ "number, path", BY_DEV, BY_PATH },
	{ "number, number", BY_DEV, BY_DEV },
};

static void claim_desc(const struct claim *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(claim, claims, claim_desc);

/* A claim shuts out claims, not shared opens, and ends with its target's close. */
static void bdev_claim(struct kunit *test)
{
	const struct claim *c = test->param_value;
	struct device_fixture *fx = test->priv;
	struct io_target *one = fx->target[0], *two = fx->target[1];

	KUNIT_ASSERT_EQ(test, open_by(test, one, c->first, FINE, RW | IO_TARGET_EXCL), 0);
	KUNIT_EXPECT_EQ(test, open_by(test, two, c->second, FINE, RW | IO_TARGET_EXCL), -EBUSY);
	KUNIT_EXPECT_EQ(test, open_by(test, two, c->second, FINE, RW), 0);
	io_target_close(two);
	io_target_close(one);
	KUNIT_EXPECT_EQ(test, open_by(test, two, c->second, FINE, RW | IO_TARGET_EXCL), 0);
	KUNIT_EXPECT_EQ(test, open_by(test, one, c->first, FINE, RW | IO_TARGET_EXCL), -EBUSY);
}

/* A claim writes the page cache out and drops it. */
static void bdev_claim_cache(struct kunit *test)
{
	const char *path = testdev_disk_path(device_disk[FINE]);
	struct file *file = device_filp_open(path, O_RDWR);
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	struct io_target *t;
	loff_t pos = 0;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	pattern_fill(buf, SZ_4K, 0, SEED);
	KUNIT_EXPECT_EQ(test, kernel_write(file, buf, SZ_4K, &pos), SZ_4K);

	t = device_open(test, path, RW | IO_TARGET_EXCL);
	memset(buf, 0, SZ_4K);
	KUNIT_EXPECT_EQ(test, io_target_read(t, buf, SZ_4K, 0, HZ * 10), SZ_4K);
	KUNIT_EXPECT_EQ(test, pattern_match(buf, SZ_4K, 0, SEED), SZ_4K);

	pattern_fill(buf, SZ_4K, 0, SEED + 1);
	KUNIT_EXPECT_EQ(test, io_target_write(t, buf, SZ_4K, 0, HZ * 10), SZ_4K);
	pos = 0;
	KUNIT_EXPECT_EQ(test, kernel_read(file, buf, SZ_4K, &pos), SZ_4K);
	KUNIT_EXPECT_EQ(test, pattern_match(buf, SZ_4K, 0, SEED + 1), SZ_4K);
	device_filp_close(file);
}

static void bdev_open_read_only(struct kunit *test)
{
	struct testdev_disk *disk = device_disk[FINE];
	struct device_fixture *fx = test->priv;
	struct io_target_info info;
	struct io_target *t;
	int err;

	testdev_disk_read_only(disk, true);
	err = io_target_open(fx->target[0], testdev_disk_path(disk), RW);
	KUNIT_EXPECT_TRUE(test, err == -EROFS || err == -EACCES);
	/* The block layer refuses after its open, and closes when it likes. */
	KUNIT_EXPECT_TRUE(test, device_wait_unused(test));

	t = device_open(test, testdev_disk_path(disk), IO_TARGET_READ);
	KUNIT_EXPECT_EQ(test, io_target_get_info(t, &info), 0);
	KUNIT_EXPECT_TRUE(test, info.read_only);
	KUNIT_EXPECT_EQ(test, io_target_write_zeroes(t, 0, SZ_4K, HZ), -EROFS);
}

/* A disk that becomes read-only under an open target */
static void bdev_turns_read_only(struct kunit *test)
{
	struct testdev_disk *disk = device_disk[FINE];
	struct io_target *t = device_open(test, testdev_disk_path(disk), RW);
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	struct io_target_info info;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	testdev_disk_read_only(disk, true);
	KUNIT_EXPECT_EQ(test, io_target_get_info(t, &info), 0);
	KUNIT_EXPECT_TRUE(test, info.read_only);
	KUNIT_EXPECT_EQ(test, io_target_write(t, buf, SZ_4K, 0, HZ), -EROFS);
	KUNIT_EXPECT_EQ(test, io_target_discard(t, 0, SZ_4K, HZ), -EROFS);
	KUNIT_EXPECT_EQ(test, io_target_write_zeroes(t, 0, SZ_4K, HZ), -EROFS);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(disk).bios, 0);
	KUNIT_EXPECT_EQ(test, io_target_read(t, buf, SZ_4K, 0, HZ * 10), SZ_4K);
	KUNIT_EXPECT_EQ(test, io_target_flush(t, HZ * 10), 0);

	testdev_disk_read_only(disk, false);
	KUNIT_EXPECT_EQ(test, io_target_write(t, buf, SZ_4K, 0, HZ * 10), SZ_4K);
}

static void bdev_info_fine(struct kunit *test)
{
	struct testdev_disk *disk = device_disk[FINE];
	struct io_target *t = device_open(test, testdev_disk_path(disk), RW);
	struct io_target_info info;

	KUNIT_ASSERT_EQ(test, io_target_get_info(t, &info), 0);
	KUNIT_EXPECT_EQ(test, info.state, IO_TARGET_STARTED);
	KUNIT_EXPECT_EQ(test, info.dev, testdev_disk_dev(disk));
	KUNIT_EXPECT_EQ(test, info.size, FINE_SIZE);
	KUNIT_EXPECT_EQ(test, info.diskseq, testdev_disk_diskseq(disk));
	KUNIT_EXPECT_EQ(test, info.logical_block_size, 512);
	KUNIT_EXPECT_EQ(test, info.physical_block_size, 4096);
	KUNIT_EXPECT_EQ(test, info.dma_mask, 3);
	KUNIT_EXPECT_GT(test, info.max_transfer, 0);
	KUNIT_EXPECT_EQ(test, info.max_discard, SZ_1G);
	KUNIT_EXPECT_EQ(test, info.max_write_zeroes, SZ_512M);
	KUNIT_EXPECT_FALSE(test, info.read_only);
	KUNIT_EXPECT_TRUE(test, info.write_cache);
	KUNIT_EXPECT_TRUE(test, info.fua);
	KUNIT_EXPECT_TRUE(test, info.nowait);
	KUNIT_EXPECT_FALSE(test, info.rotational);
	KUNIT_EXPECT_FALSE(test, info.zoned);
	KUNIT_EXPECT_FALSE(test, info.stream);
	KUNIT_EXPECT_STREQ(test, io_target_name(t), "iotfine");
}

static void bdev_info_plain(struct kunit *test)
{
	struct testdev_disk *disk = device_disk[PLAIN];
	struct io_target *t = device_open(test, testdev_disk_path(disk), RW | IO_TARGET_EXCL);
	struct io_target_info info;

	KUNIT_ASSERT_EQ(test, io_target_get_info(t, &info), 0);
	KUNIT_EXPECT_EQ(test, info.flags, RW | IO_TARGET_EXCL);
	KUNIT_EXPECT_EQ(test, info.dev, testdev_disk_dev(disk));
	KUNIT_EXPECT_EQ(test, info.size, PLAIN_SIZE);
	KUNIT_EXPECT_EQ(test, info.diskseq, testdev_disk_diskseq(disk));
	KUNIT_EXPECT_EQ(test, info.logical_block_size, 4096);
	KUNIT_EXPECT_EQ(test, info.physical_block_size, 4096);
	KUNIT_EXPECT_EQ(test, info.dma_mask, 511);
	KUNIT_EXPECT_EQ(test, info.max_discard, 0);
	KUNIT_EXPECT_EQ(test, info.max_write_zeroes, 0);
	KUNIT_EXPECT_FALSE(test, info.write_cache);
	KUNIT_EXPECT_FALSE(test, info.fua);
	KUNIT_EXPECT_FALSE(test, info.nowait);
	KUNIT_EXPECT_TRUE(test, info.rotational);

	io_target_close(t);
	KUNIT_EXPECT_EQ(test, io_target_get_info(t, &info), -ENODEV);
	KUNIT_EXPECT_EQ(test, info.state, IO_TARGET_CLOSED);
}

/* Each close has let go of the driver when it returns. */
static void bdev_open_close_1000(struct kunit *test)
{
	device_open_close(test, testdev_disk_path(device_disk[FINE]), 55, 945);
}

static struct kunit_case bdev_open_cases[] = {
	KUNIT_CASE_PARAM(bdev_open_serves, open_gen_params),
	KUNIT_CASE_PARAM(bdev_open_refused, refusal_gen_params),
	KUNIT_CASE(bdev_open_unknown_number),
	KUNIT_CASE(bdev_open_twice),
	KUNIT_CASE(bdev_open_one_call),
	KUNIT_CASE_PARAM(bdev_claim, claim_gen_params),
	KUNIT_CASE(bdev_claim_cache),
	KUNIT_CASE(bdev_open_read_only),
	KUNIT_CASE(bdev_turns_read_only),
	KUNIT_CASE(bdev_info_fine),
	KUNIT_CASE(bdev_info_plain),
	KUNIT_CASE(bdev_open_close_1000),
	{}
};

static struct kunit_suite bdev_open_suite = {
	.name		= "io_target_bdev_open",
	.suite_init	= device_disks_init,
	.suite_exit	= device_disks_exit,
	.init		= device_fixture_init,
	.exit		= device_fixture_exit,
	.test_cases	= bdev_open_cases,
};

kunit_test_suite(bdev_open_suite);
