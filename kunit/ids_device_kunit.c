// SPDX-License-Identifier: GPL-2.0
/*
 * Assertions by id over disks, as ids_kunit.c.
 */
#include <linux/sizes.h>

#include "device.h"

#define LEN	512

/*
 * A request is checked against the device that it goes to: what suited one disk is
 * not sent to the next, nor may it be prepared for it. Covers F5.
 */
static void ids_other_device(struct kunit *test)
{
	struct io_target *fine = device_open(test, testdev_disk_path(device_disk[FINE]), RW);
	struct io_target *large = device_open(test, testdev_disk_path(device_disk[LARGE]), RW);
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	struct sent *s = sent_alloc(test, fine, 1);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	sent_prep(test, s, IO_TARGET_OP_WRITE, buf, LEN, PLAIN_SIZE, 0);
	/* The same target, opened again, on a disk with larger blocks and fewer of them */
	KUNIT_EXPECT_EQ(test, io_target_close(large), 0);
	KUNIT_EXPECT_EQ(test, io_target_close(fine), 0);
	KUNIT_EXPECT_EQ(test, io_target_open(fine, testdev_disk_path(device_disk[LARGE]), RW), 0);
	KUNIT_EXPECT_EQ(test, sent_submit(s), -ESTALE);
	KUNIT_EXPECT_EQ(test, io_target_prep_write_buf(&s->req, buf, LEN, 0, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_prep_write_buf(&s->req, buf, SZ_4K, PLAIN_SIZE, 0),
			-ENXIO);
	/* And the other target */
	KUNIT_EXPECT_EQ(test, io_target_open(large, testdev_disk_path(device_disk[PLAIN]), RW), 0);
	io_target_request_init(&s->req, large);
	KUNIT_EXPECT_EQ(test, io_target_prep_write_buf(&s->req, buf + 4, SZ_2K, 0, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, testdev_disk_seen(device_disk[LARGE]).bios, 0u);
	sent_prep(test, s, IO_TARGET_OP_WRITE, buf, SZ_4K, 0, 0);
	KUNIT_EXPECT_EQ(test, sent_submit(s), 0);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, SZ_4K);
}

static struct kunit_case ids_device_cases[] = {
	KUNIT_CASE(ids_other_device),
	{}
};

static struct kunit_suite ids_device_suite = {
	.name = "io_target_ids_device",
	.suite_init = device_disks_init,
	.suite_exit = device_disks_exit,
	.init = device_fixture_init,
	.exit = device_fixture_exit,
	.test_cases = ids_device_cases,
};

kunit_test_suite(ids_device_suite);
