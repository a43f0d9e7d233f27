// SPDX-License-Identifier: GPL-2.0
/*
 * A target that follows its device, over disks that go and come back under the same
 * name, and over a char device that says that it is gone.
 */
#include <linux/sizes.h>

#include "device.h"
#include "internal.h"
#include "looks.h"
#include "pattern.h"

#define LEN	512
#define PENDED	8

static const struct testdev_disk_config back_config = {
	.name = "iotback",
	.size = SZ_1M,
	.wwid = 0x1234,
	.limits = { .logical_block_size = LEN, .physical_block_size = LEN, .dma_alignment = 3 },
};

/* How it is opened, how it goes, and how that is noticed: else by a failed request */
struct way {
	const char	*name;
	unsigned int	flags;
	bool		in_order;
	bool		rescan;
};

static const struct way ways[] = {
	{ "killed", RW | IO_TARGET_EXCL },
	{ "killed, shared", RW },
	{ "removed", RW | IO_TARGET_EXCL, .in_order = true },
	{ "removed, shared", RW, .in_order = true },
	{ "removed, rescanned", RW, .in_order = true, .rescan = true },
};

static void way_desc(const struct way *way, char *desc)
{
	strscpy(desc, way->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(ways, ways, way_desc);

/**
 * struct scene - a disk and who follows it
 * @t: open
 * @disk: the disk of now
 * @spare: formatted when the disk was there
 * @pended: requests of the time without it
 * @buf: what they write
 */
struct scene {
	struct io_target	*t;
	struct testdev_disk	*disk;
	struct sent		*spare;
	struct sent		*pended;
	u8			*buf;
};

static bool scene_create(struct kunit *test, struct scene *s, u64 wwid)
{
	struct testdev_disk_config config = back_config;

	config.wwid = wwid;
	s->disk = testdev_disk_create(&config);
	KUNIT_EXPECT_FALSE(test, IS_ERR(s->disk));
	if (IS_ERR(s->disk))
		s->disk = NULL;
	return s->disk;
}

static void scene_open(struct kunit *test, struct scene *s, const struct way *way, bool follow)
{
	struct device_fixture *fx = test->priv;

	s->t = fx->target[0];
	s->t->config.follow = (struct io_target_follow){ .enable = follow, .first = 1, .last = 1 };
	s->pended = sent_alloc(test, s->t, PENDED);
	s->buf = kunit_kzalloc(test, PENDED * LEN, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, s->buf);
	KUNIT_ASSERT_TRUE(test, scene_create(test, s, back_config.wwid));
	s->spare = sent_alloc(test, s->t, 1);
	KUNIT_EXPECT_EQ(test, io_target_open(s->t, testdev_disk_path(s->disk), way->flags), 0);
	KUNIT_EXPECT_EQ(test, io_target_prep_write_buf(&s->spare->req, s->buf, LEN, 0, 0), 0);
}

/* The disk goes. Who has claimed it is told, on newer kernels. */
static void scene_lose(struct kunit *test, struct scene *s, const struct way *way)
{
	if (way->in_order)
		testdev_disk_remove(s->disk);
	else
		testdev_disk_kill(s->disk);
	if (HOLDER_OPS && way->flags & IO_TARGET_EXCL)
		return;
	KUNIT_EXPECT_EQ(test, io_target_state(s->t), IO_TARGET_STARTED);
	if (way->rescan) {
		KUNIT_EXPECT_EQ(test, io_target_rescan(s->t), -ENODEV);
		return;
	}
	KUNIT_EXPECT_EQ(test, sent_submit(s->spare), 0);
	if (s->t->config.follow.enable)	/* it is kept */
		return;
	KUNIT_EXPECT_TRUE(test, sent_wait(s->spare));
	KUNIT_EXPECT_EQ(test, s->spare->req.result, (ssize_t)-EIO);
}

/* Nobody has it open any more, nor will. */
static void scene_destroy(struct kunit *test, struct scene *s, bool removed)
{
	if (!s->disk)
		return;
	if (!removed)
		testdev_disk_remove(s->disk);
	KUNIT_EXPECT_TRUE(test, device_wait_unused(test));
	testdev_disk_destroy(s->disk);
	s->disk = NULL;
}

static void scene_pend(struct kunit *test, struct scene *s)
{
	unsigned int i;

	pattern_fill(s->buf, PENDED * LEN, 0, 1);
	for (i = 0; i < PENDED; i++) {
		KUNIT_EXPECT_EQ(test, io_target_prep_write_buf(&s->pended[i].req, s->buf + i * LEN,
							       LEN, i * LEN, 0), 0);
		KUNIT_EXPECT_EQ(test, sent_submit(&s->pended[i]), 0);
	}
	KUNIT_EXPECT_EQ(test, s->t->nr_pended,
			(unsigned int)PENDED + io_target_request_pending(&s->spare->req));
}

static void expect_written(struct kunit *test, struct scene *s)
{
	unsigned int i;

	for (i = 0; i < PENDED; i++) {
		KUNIT_EXPECT_TRUE(test, sent_wait(&s->pended[i]));
		KUNIT_EXPECT_EQ(test, s->pended[i].req.result, (ssize_t)LEN);
		KUNIT_EXPECT_EQ(test, s->pended[i].number, i + 1);
	}
	memset(s->buf, 0, PENDED * LEN);
	testdev_store_read(testdev_disk_store(s->disk), 0, s->buf, PENDED * LEN);
	KUNIT_EXPECT_EQ(test, pattern_match(s->buf, PENDED * LEN, 0, 1), (size_t)PENDED * LEN);
}

/* It goes; another one comes, and goes; it comes back. */
static void disk_back(struct kunit *test)
{
	const struct way *way = test->param_value;
	struct scene s;

	scene_open(test, &s, way, true);
	scene_lose(test, &s, way);
	KUNIT_EXPECT_EQ(test, io_target_state(s.t), IO_TARGET_SUSPENDED);
	scene_pend(test, &s);
	KUNIT_EXPECT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_LOST, 1));
	looks_wait(s.t);
	KUNIT_EXPECT_EQ(test, io_target_state(s.t), IO_TARGET_SUSPENDED);
	scene_destroy(test, &s, way->in_order);

	if (scene_create(test, &s, 0x4321)) {
		looks_wait(s.t);
		KUNIT_EXPECT_EQ(test, io_target_state(s.t), IO_TARGET_SUSPENDED);
		KUNIT_EXPECT_EQ(test, testdev_disk_seen(s.disk).bios, 0u);
		scene_destroy(test, &s, false);
	}
	/* It is the one, but does not work yet; nobody looks before it is so. */
	looks_lock(s.t);
	if (scene_create(test, &s, back_config.wwid))
		testdev_disk_fail(s.disk, 0, back_config.size, BLK_STS_IOERR);
	looks_unlock(s.t);
	if (s.disk) {
		looks_wait(s.t);
		KUNIT_EXPECT_EQ(test, io_target_state(s.t), IO_TARGET_SUSPENDED);
		KUNIT_EXPECT_EQ(test, testdev_disk_seen(s.disk).writes, 0u);
		testdev_disk_fail(s.disk, 0, 0, BLK_STS_OK);
		KUNIT_EXPECT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_FOUND, 1));
		KUNIT_EXPECT_EQ(test, io_target_state(s.t), IO_TARGET_STARTED);
		expect_written(test, &s);
	}
	KUNIT_EXPECT_EQ(test, io_target_close(s.t), 0);
	scene_destroy(test, &s, false);
}

/* Without the policy it is removed, also where only a failed request tells so. */
static void disk_gone(struct kunit *test)
{
	const struct way *way = test->param_value;
	struct scene s;

	scene_open(test, &s, way, false);
	scene_lose(test, &s, way);
	KUNIT_EXPECT_EQ(test, io_target_state(s.t), IO_TARGET_REMOVED);
	KUNIT_EXPECT_EQ(test, io_target_write(s.t, s.buf, LEN, 0, HZ), (ssize_t)-ENODEV);
	KUNIT_EXPECT_EQ(test, io_target_close(s.t), 0);
	scene_destroy(test, &s, way->in_order);
}

/* It answers that it is gone, but can be opened again. */
static void char_back(struct kunit *test)
{
	struct testdev_char_behaviour gone = { .error = -ENODEV }, there = {};
	struct io_target *t;
	u8 buf[16] = {};

	/* Its word is not enough where it would be for good. */
	t = device_open(test, testdev_char_path(device_char[SEEK]), RW);
	testdev_char_behave(device_char[SEEK], &gone);
	KUNIT_EXPECT_EQ(test, io_target_write(t, buf, sizeof(buf), 0, HZ), (ssize_t)-ENODEV);
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_STARTED);
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);

	t->config.follow = (struct io_target_follow){ .enable = true, .first = 1, .last = 1 };
	t = device_open(test, testdev_char_path(device_char[SEEK]), RW);
	KUNIT_EXPECT_EQ(test, io_target_write(t, buf, sizeof(buf), 0, HZ), (ssize_t)-ENODEV);
	testdev_char_behave(device_char[SEEK], &there);
	KUNIT_EXPECT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_LOST, 1));
	KUNIT_EXPECT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_FOUND, 1));
	KUNIT_EXPECT_EQ(test, io_target_write(t, buf, sizeof(buf), 0, TESTDEV_PATIENCE),
			(ssize_t)sizeof(buf));
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	t->config.follow.enable = false;
}

static struct kunit_case follow_device_cases[] = {
	KUNIT_CASE_PARAM(disk_back, ways_gen_params),
	KUNIT_CASE_PARAM(disk_gone, ways_gen_params),
	KUNIT_CASE(char_back),
	{}
};

static struct kunit_suite follow_device_suite = {
	.name = "io_target_follow_device",
	.suite_init = device_chars_init,
	.suite_exit = device_chars_exit,
	.init = device_fixture_init,
	.exit = device_fixture_exit,
	.test_cases = follow_device_cases,
};

kunit_test_suite(follow_device_suite);
