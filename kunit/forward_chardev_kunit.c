// SPDX-License-Identifier: GPL-2.0
/*
 * The char device of the pass-through module, above a target: opened, read, written,
 * shut and destroyed. Its code is compiled in here, with a class of its own.
 */
#include "../module/passthru/chardev.c"

#include <linux/poll.h>
#include <linux/sizes.h>

#include "forwarder.h"
#include "pattern.h"

#define SEED	0x63686172ULL

static int chardev_suite_init(struct kunit_suite *suite)
{
	int err = pt_chardev_init();

	if (err)
		return err;
	err = device_chars_init(suite);
	if (err)
		pt_chardev_exit();
	return err;
}

static void chardev_suite_exit(struct kunit_suite *suite)
{
	device_chars_exit(suite);
	pt_chardev_exit();
}

static struct pt_chardev *create(struct kunit *test, int c, unsigned int flags, bool read_only)
{
	struct pt_chardev *pt;

	pt = pt_chardev_create(device_open(test, testdev_char_path(device_char[c]), flags),
			       "kunit", read_only);
	KUNIT_ASSERT_FALSE(test, IS_ERR(pt));
	return pt;
}

static int open_error(int flags)
{
	struct file *file = device_filp_open("/dev/iot-kunit", flags);

	if (IS_ERR(file))
		return PTR_ERR(file);
	device_filp_close(file);
	return 0;
}

/* What is written to the node is on the device below, with its size and positions. */
static void chardev_transfer(struct kunit *test)
{
	struct pt_chardev *pt = create(test, SEEK, RW, false);
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	struct file *file = device_filp_open("/dev/iot-kunit", O_RDWR);
	loff_t pos = 100;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	pattern_fill(buf, SZ_4K, 0, SEED);
	KUNIT_EXPECT_EQ(test, kernel_write(file, buf, SZ_4K, &pos), SZ_4K);
	KUNIT_EXPECT_EQ(test, pos, 100 + SZ_4K);
	testdev_store_read(testdev_char_store(device_char[SEEK]), 100, buf, SZ_4K);
	KUNIT_EXPECT_EQ(test, pattern_match(buf, SZ_4K, 0, SEED), SZ_4K);
	memset(buf, 0, SZ_4K);
	pos = 100;
	KUNIT_EXPECT_EQ(test, kernel_read(file, buf, SZ_4K, &pos), SZ_4K);
	KUNIT_EXPECT_EQ(test, pattern_match(buf, SZ_4K, 0, SEED), SZ_4K);
	KUNIT_EXPECT_EQ(test, vfs_llseek(file, 0, SEEK_END), CHAR_SIZE);
	KUNIT_EXPECT_EQ(test, vfs_fsync(file, 0), 0);
	KUNIT_EXPECT_EQ(test, testdev_char_seen(device_char[SEEK]).fsyncs, 1);
	device_filp_close(file);
	pt_chardev_destroy(pt);
}

/* As the file below: a stream has no positions, and is asked not to wait if that can be. */
static void chardev_modes(struct kunit *test)
{
	struct pt_chardev *pt = create(test, STREAM_NOWAIT, RW, false);
	struct file *file = device_filp_open("/dev/iot-kunit", O_RDWR);

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_EXPECT_TRUE(test, file->f_mode & FMODE_STREAM);
	KUNIT_EXPECT_TRUE(test, file->f_mode & FMODE_NOWAIT);
	KUNIT_EXPECT_EQ(test, vfs_llseek(file, 0, SEEK_SET), -ESPIPE);
	KUNIT_EXPECT_FALSE(test, file_can_poll(file));
	KUNIT_EXPECT_EQ(test, file_inode(file)->i_mode & 0777, 0600);
	device_filp_close(file);
	pt_chardev_destroy(pt);
}

static void chardev_access(struct kunit *test)
{
	struct pt_chardev *pt = create(test, SEEK, RW, true);

	KUNIT_EXPECT_EQ(test, open_error(O_RDWR), -EROFS);
	KUNIT_EXPECT_EQ(test, open_error(O_WRONLY), -EROFS);
	KUNIT_EXPECT_EQ(test, open_error(O_RDONLY), 0);
	pt_chardev_destroy(pt);
	pt = create(test, STREAM, IO_TARGET_WRITE, false);
	KUNIT_EXPECT_EQ(test, open_error(O_RDWR), -EACCES);
	KUNIT_EXPECT_EQ(test, open_error(O_WRONLY), 0);
	pt_chardev_destroy(pt);
}

/* Not while it is open; not opened any more afterwards. */
static void chardev_shut(struct kunit *test)
{
	struct pt_chardev *pt = create(test, SEEK, RW, false);
	struct file *file = device_filp_open("/dev/iot-kunit", O_RDWR);

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_EXPECT_TRUE(test, pt_chardev_busy(pt));
	KUNIT_EXPECT_EQ(test, pt_chardev_shut(pt), -EBUSY);
	KUNIT_EXPECT_EQ(test, open_error(O_RDWR), 0);
	device_filp_close(file);
	KUNIT_EXPECT_FALSE(test, pt_chardev_busy(pt));
	KUNIT_EXPECT_EQ(test, pt_chardev_shut(pt), 0);
	KUNIT_EXPECT_EQ(test, open_error(O_RDWR), -ENODEV);
	pt_chardev_destroy(pt);
	KUNIT_EXPECT_EQ(test, open_error(O_RDWR), -ENOENT);
}

/* Destroyed, and its target closed, under an open file. */
static void chardev_destroyed_open(struct kunit *test)
{
	struct pt_chardev *pt = create(test, SEEK, RW, false);
	struct file *file = device_filp_open("/dev/iot-kunit", O_RDWR);
	struct io_target *t = pt->target;
	loff_t pos = 0;
	u8 byte = 1;

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	io_target_close(t);
	pt_chardev_destroy(pt);
	KUNIT_EXPECT_EQ(test, kernel_write(file, &byte, 1, &pos), -ENODEV);
	KUNIT_EXPECT_EQ(test, testdev_char_seen(device_char[SEEK]).calls[1], 0);
	device_filp_close(file);
}

static void chardev_refused(struct kunit *test)
{
	struct device_fixture *fx = test->priv;
	struct io_target *t = device_open(test, testdev_char_path(device_char[SEEK]), RW);

	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(pt_chardev_create(t, "a/b", false)), -EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(pt_chardev_create(t, "..!b", false)), -EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(pt_chardev_create(t, "", false)), -EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(pt_chardev_create(fx->target[1], "b", false)),
			-ENODEV);
}

static void chardev_stacked(struct kunit *test)
{
	struct pt_chardev *pt = create(test, SEEK, RW, false);
	struct io_target *above = device_open(test, "/dev/iot-kunit", RW);

	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(pt_chardev_create(above, "b", false)), -ELOOP);
	KUNIT_EXPECT_TRUE(test, pt_chardev_busy(pt));
	io_target_close(above);
	KUNIT_EXPECT_FALSE(test, pt_chardev_busy(pt));
	pt_chardev_destroy(pt);
}

static struct kunit_case chardev_cases[] = {
	KUNIT_CASE(chardev_transfer),
	KUNIT_CASE(chardev_modes),
	KUNIT_CASE(chardev_access),
	KUNIT_CASE(chardev_shut),
	KUNIT_CASE(chardev_destroyed_open),
	KUNIT_CASE(chardev_refused),
	KUNIT_CASE(chardev_stacked),
	{}
};

static struct kunit_suite chardev_suite = {
	.name		= "io_target_forward_chardev",
	.suite_init	= chardev_suite_init,
	.suite_exit	= chardev_suite_exit,
	.init		= device_fixture_init,
	.exit		= device_fixture_exit,
	.test_cases	= chardev_cases,
};

kunit_test_suite(chardev_suite);
