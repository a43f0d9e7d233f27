// SPDX-License-Identifier: GPL-2.0
/*
 * Regular files that somebody else has opened, to append to them.
 */
#include <linux/fs.h>
#include <linux/sizes.h>

#include "device.h"
#include "pattern.h"

#define SEED		0x726567756c6172ULL
#define FILE_PATH	"/tmp/io_target_regular"
#define LEN		100

/* Of SZ_8K bytes of the pattern, opened with @flags. */
static struct file *make_file(struct kunit *test, int flags)
{
	struct file *file = device_filp_open(FILE_PATH, O_CREAT | O_TRUNC | O_RDWR);
	u8 *buf = kunit_kzalloc(test, SZ_8K, GFP_KERNEL);
	loff_t pos = 0;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	pattern_fill(buf, SZ_8K, 0, SEED);
	KUNIT_EXPECT_EQ(test, kernel_write(file, buf, SZ_8K, &pos), SZ_8K);
	device_filp_close(file);
	file = device_filp_open(FILE_PATH, flags);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	return file;
}

/* Nothing of it stays in the guest's memory. */
static void empty_file(void)
{
	device_filp_close(device_filp_open(FILE_PATH, O_TRUNC | O_RDWR));
}

/* Positions are the request's, also where the owner of the file has none. */
static void regular_append(struct kunit *test)
{
	struct io_target *t = ((struct device_fixture *)test->priv)->target[0];
	struct file *file = make_file(test, O_RDWR | O_APPEND);
	u8 *buf = kunit_kzalloc(test, SZ_8K, GFP_KERNEL);
	struct sent *s = sent_alloc(test, t, 1);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_EQ(test, io_target_open_file(t, file, RW), 0);
	sent_prep(test, s, IO_TARGET_OP_WRITE, buf, LEN, 0, 0);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, LEN);
	KUNIT_EXPECT_EQ(test, io_target_write(t, buf, LEN, LEN, 10 * HZ), LEN);
	KUNIT_EXPECT_EQ(test, io_target_write(t, buf, LEN, 2 * LEN, IO_TARGET_NO_TIMEOUT), LEN);
	KUNIT_EXPECT_EQ(test, i_size_read(file_inode(file)), SZ_8K);
	KUNIT_EXPECT_TRUE(test, file->f_flags & O_APPEND);
	KUNIT_EXPECT_EQ(test, io_target_read(t, buf, SZ_8K, 0, 10 * HZ), SZ_8K);
	KUNIT_EXPECT_EQ(test, pattern_match_byte(buf, 3 * LEN, 0), 3 * LEN);
	KUNIT_EXPECT_EQ(test, pattern_match(buf + 3 * LEN, SZ_8K - 3 * LEN, 3 * LEN, SEED),
			SZ_8K - 3 * LEN);
	io_target_close(t);
	device_filp_close(file);
	empty_file();
}

static struct kunit_case regular_cases[] = {
	KUNIT_CASE(regular_append),
	{}
};

static struct kunit_suite regular_suite = {
	.name		= "io_target_file_regular",
	.suite_init	= device_chars_init,
	.suite_exit	= device_chars_exit,
	.init		= device_fixture_init,
	.exit		= device_fixture_exit,
	.test_cases	= regular_cases,
};

kunit_test_suite(regular_suite);
