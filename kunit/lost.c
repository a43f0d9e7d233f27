// SPDX-License-Identifier: GPL-2.0
/*
 * A disk that is followed, goes and comes back, see lost.h.
 */
#include <linux/sizes.h>

#include "internal.h"
#include "looks.h"
#include "lost.h"

/* The running case has opened it. */
static struct lost *lost_now;

struct testdev_disk_config lost_config(const char *name)
{
	return (struct testdev_disk_config){
		.name = name,
		.size = SZ_1M,
		.wwid = 0x6c6f7374,
		.limits = {
			.logical_block_size = LOST_BLOCK,
			.physical_block_size = LOST_BLOCK,
			.dma_alignment = 3,
			.max_discard_sectors = 64,
		},
	};
}

static void lost_create(struct kunit *test, struct lost *l, const u8 *data, size_t len)
{
	struct testdev_disk *disk = testdev_disk_create(&l->config);

	KUNIT_EXPECT_FALSE(test, IS_ERR(disk));
	l->disk = IS_ERR(disk) ? NULL : disk;
	if (l->disk && len)
		KUNIT_EXPECT_EQ(test, testdev_store_fill(testdev_disk_store(disk), 0, data, len),
				0);
}

struct lost *lost_open(struct kunit *test, const struct testdev_disk_config *config,
		       bool cache_kept)
{
	struct lost *l = kunit_kzalloc(test, sizeof(*l), GFP_KERNEL);
	struct device_fixture *fx = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, l);
	l->t = fx->target[0];
	l->t->config.follow = (struct io_target_follow){
		.enable = true, .cache_kept = cache_kept, .first = 1, .last = 1
	};
	l->config = *config;
	lost_now = l;
	lost_create(test, l, NULL, 0);
	KUNIT_ASSERT_NOT_NULL(test, l->disk);
	KUNIT_ASSERT_EQ(test, io_target_open(l->t, testdev_disk_path(l->disk), RW), 0);
	return l;
}

void lost_lose(struct kunit *test, struct lost *l, bool dead, blk_status_t status)
{
	struct device_fixture *fx = test->priv;
	int told = atomic_read(&fx->events[IO_TARGET_EVENT_LOST]);

	if (dead)
		testdev_disk_kill(l->disk);
	testdev_disk_let_go(l->disk, status, TESTDEV_SOFTIRQ);
	if (dead)	/* nobody else says so, if it held nothing */
		iot_target_removed(l->t);
	KUNIT_EXPECT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_LOST, told + 1));
}

static void lost_destroy(struct kunit *test, struct lost *l)
{
	KUNIT_EXPECT_TRUE(test, device_wait_unused(test));
	testdev_disk_destroy(l->disk);
	l->disk = NULL;
}

void lost_find(struct kunit *test, struct lost *l, const u8 *data, size_t len)
{
	struct device_fixture *fx = test->priv;
	int told = atomic_read(&fx->events[IO_TARGET_EVENT_FOUND]);

	lost_destroy(test, l);
	looks_lock(l->t);	/* nobody looks before it has its data */
	lost_create(test, l, data, len);
	looks_unlock(l->t);
	KUNIT_ASSERT_NOT_NULL(test, l->disk);
	KUNIT_EXPECT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_FOUND, told + 1));
}

void lost_close(struct kunit *test, struct lost *l)
{
	if (l->disk)
		testdev_disk_let_go(l->disk, BLK_STS_OK, TESTDEV_TASK);
	KUNIT_EXPECT_EQ(test, io_target_close(l->t), 0);
	l->t->config.follow = (struct io_target_follow){};
	l->t->config.forward_timeout = 0;
	if (l->disk)
		lost_destroy(test, l);
	lost_now = NULL;
}

void lost_exit(struct kunit *test)
{
	if (lost_now)
		lost_close(test, lost_now);
	device_fixture_exit(test);
}
