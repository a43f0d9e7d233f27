// SPDX-License-Identifier: GPL-2.0
/*
 * A target that goes on with another disk: what cannot take the place is refused, and
 * nothing is lost whether it works or not.
 */
#include <linux/iopoll.h>
#include <linux/sizes.h>

#include "device.h"
#include "pattern.h"

#define SEED	0x737769746368ULL
#define LEN	512
#define MANY	16

static const struct testdev_disk_config good = {
	.name = "iotold",
	.size = SZ_1M,
	.limits = {
		.logical_block_size = 512,
		.physical_block_size = 4096,
		.dma_alignment = 3,
		.max_discard_sectors = SZ_1M >> SECTOR_SHIFT,
		.max_write_zeroes_sectors = SZ_1M >> SECTOR_SHIFT,
		.write_cache = true,
		.fua = true,
		.nowait = true,
	},
};

static struct testdev_disk *old, *next;

static struct testdev_disk *make_disk(struct kunit *test, const char *name,
				      const struct testdev_disk_config *like)
{
	struct testdev_disk_config config = *like;
	struct testdev_disk *disk;

	config.name = name;
	disk = testdev_disk_create(&config);
	KUNIT_ASSERT_FALSE(test, IS_ERR(disk));
	return disk;
}

static int switch_init(struct kunit *test)
{
	old = NULL;
	next = NULL;
	return device_fixture_init(test);
}

static void switch_exit(struct kunit *test)
{
	if (old)
		testdev_disk_let_go(old, BLK_STS_OK, TESTDEV_TASK);
	if (next)
		testdev_disk_let_go(next, BLK_STS_OK, TESTDEV_TASK);
	device_fixture_exit(test);
	testdev_disk_destroy(old);
	testdev_disk_destroy(next);
}

/* A target over @old. */
static struct io_target *switch_open(struct kunit *test, unsigned int flags)
{
	old = make_disk(test, "iotold", &good);
	return device_open(test, testdev_disk_path(old), flags);
}

/* One over @old, and @next, which is as good. */
static struct io_target *switch_ready(struct kunit *test)
{
	struct io_target *t = switch_open(test, RW);

	next = make_disk(test, "iotnext", &good);
	KUNIT_ASSERT_EQ(test, io_target_set_next(t, testdev_disk_path(next)), 0);
	return t;
}

static u8 *make_buf(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, MANY * LEN, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	pattern_fill(buf, MANY * LEN, 0, SEED);
	return buf;
}

static unsigned int writes(struct testdev_disk *disk)
{
	return testdev_disk_seen(disk).writes;
}

/* The target writes to that disk, and not to the other. */
static void expect_on(struct kunit *test, struct io_target *t, struct testdev_disk *disk)
{
	unsigned int before = writes(disk), all = writes(old) + (next ? writes(next) : 0);
	struct io_target_info info;
	u8 *buf = make_buf(test);

	KUNIT_ASSERT_EQ(test, io_target_get_info(t, &info), 0);
	KUNIT_EXPECT_EQ(test, info.dev, testdev_disk_dev(disk));
	KUNIT_EXPECT_EQ(test, info.diskseq, testdev_disk_diskseq(disk));
	KUNIT_EXPECT_EQ(test, io_target_write(t, buf, LEN, 0, TESTDEV_PATIENCE), LEN);
	KUNIT_EXPECT_EQ(test, writes(disk), before + 1);
	KUNIT_EXPECT_EQ(test, writes(old) + (next ? writes(next) : 0), all + 1);
}

/* So many disks are open. */
static bool wait_open(struct kunit *test, int n)
{
	struct device_fixture *fx = test->priv;
	int count;

	return !read_poll_timeout(testdev_opens, count, count == fx->opens + n, 1000,
				  jiffies_to_usecs(TESTDEV_PATIENCE), false);
}

#define SMALLER		BIT(0)
#define LARGER_BLOCKS	BIT(1)
#define BETTER_ALIGNED	BIT(2)
#define NO_DISCARD	BIT(3)
#define NO_ZEROES	BIT(4)
#define NO_NOWAIT	BIT(5)
#define NO_GAPS		BIT(6)
#define COARSE_DISCARD	BIT(7)
#define STABLE		BIT(8)

static void spoil(struct testdev_disk_config *config, unsigned int how)
{
	if (how & SMALLER)
		config->size -= SZ_4K;
	if (how & LARGER_BLOCKS)
		config->limits.logical_block_size = 4096;
	if (how & BETTER_ALIGNED)
		config->limits.dma_alignment = 511;
	if (how & NO_DISCARD)
		config->limits.max_discard_sectors = 0;
	if (how & NO_ZEROES)
		config->limits.max_write_zeroes_sectors = 0;
	if (how & NO_NOWAIT)
		config->limits.nowait = false;
	if (how & NO_GAPS)
		config->limits.gap = SZ_4K - 1;
	if (how & COARSE_DISCARD)
		config->limits.discard_granularity = SZ_64K;
	if (how & STABLE)
		config->limits.stable_writes = true;
}

/* @spoilt: what is wrong with a disk; @path: in place of one */
struct obstacle_case {
	const char	*name;
	unsigned int	spoilt;
	const char	*path;
	int		error;
};

static const struct obstacle_case obstacle_cases[] = {
	{ "smaller", SMALLER, NULL, -EINVAL },
	{ "larger blocks", LARGER_BLOCKS, NULL, -EINVAL },
	{ "memory better aligned", BETTER_ALIGNED, NULL, -EINVAL },
	{ "no discard", NO_DISCARD, NULL, -EINVAL },
	{ "no write zeroes", NO_ZEROES, NULL, -EINVAL },
	{ "no NOWAIT", NO_NOWAIT, NULL, -EINVAL },
	{ "no gaps", NO_GAPS, NULL, -EINVAL },
	{ "coarse discard", COARSE_DISCARD, NULL, -EINVAL },
	{ "stable memory", STABLE, NULL, -EINVAL },
	{ "a char device", 0, "/dev/zero", -EINVAL },
	{ "not there", 0, "/dev/iotnothere", -ENOENT },
};

static void obstacle_desc(const struct obstacle_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(obstacle, obstacle_cases, obstacle_desc);

/* What cannot do for those above what the old one can is refused, and not kept open. */
static void switch_refuses(struct kunit *test)
{
	const struct obstacle_case *c = test->param_value;
	struct io_target *t = switch_open(test, RW);
	struct testdev_disk_config config = good;
	const char *path = c->path;

	if (!path) {
		spoil(&config, c->spoilt);
		next = make_disk(test, "iotnext", &config);
		path = testdev_disk_path(next);
	}
	KUNIT_EXPECT_EQ(test, io_target_set_next(t, path), c->error);
	KUNIT_EXPECT_TRUE(test, wait_open(test, 1));
	KUNIT_EXPECT_EQ(test, io_target_switch(t, TESTDEV_PATIENCE), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_STARTED);
	expect_on(test, t, old);
}

/* One that is better in all of this is welcome. */
static void switch_better(struct kunit *test)
{
	struct testdev_disk_config worse = good;
	struct io_target *t;

	spoil(&worse, ~0U);
	old = make_disk(test, "iotold", &worse);
	next = make_disk(test, "iotnext", &good);
	t = device_open(test, testdev_disk_path(old), RW);
	KUNIT_EXPECT_EQ(test, io_target_set_next(t, testdev_disk_path(next)), 0);
	KUNIT_EXPECT_EQ(test, io_target_switch(t, TESTDEV_PATIENCE), 0);
	expect_on(test, t, next);
}

/* A disk that may not be written to is none for who writes, whenever that turns out. */
static void switch_read_only(struct kunit *test)
{
	struct io_target *t = switch_open(test, RW);
	int err;

	next = make_disk(test, "iotnext", &good);
	testdev_disk_read_only(next, true);
	err = io_target_set_next(t, testdev_disk_path(next));
	KUNIT_EXPECT_TRUE(test, err == -EROFS || err == -EACCES);
	testdev_disk_read_only(next, false);
	KUNIT_EXPECT_EQ(test, io_target_set_next(t, testdev_disk_path(next)), 0);
	testdev_disk_read_only(next, true);
	KUNIT_EXPECT_EQ(test, io_target_switch(t, TESTDEV_PATIENCE), -EINVAL);
	expect_on(test, t, old);
	/* It was kept. */
	testdev_disk_read_only(next, false);
	KUNIT_EXPECT_EQ(test, io_target_switch(t, TESTDEV_PATIENCE), 0);
	expect_on(test, t, next);

	/* Who only reads does not mind. */
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	KUNIT_ASSERT_EQ(test, io_target_open(t, testdev_disk_path(old), IO_TARGET_READ), 0);
	testdev_disk_read_only(next, true);
	KUNIT_EXPECT_EQ(test, io_target_set_next(t, testdev_disk_path(next)), 0);
	KUNIT_EXPECT_EQ(test, io_target_switch(t, TESTDEV_PATIENCE), 0);
	testdev_disk_read_only(next, false);
}

static struct sent *send_many(struct kunit *test, struct io_target *t, u8 *buf)
{
	struct sent *s = sent_alloc(test, t, MANY);
	unsigned int i;

	for (i = 0; i < MANY; i++) {
		sent_prep(test, &s[i], IO_TARGET_OP_WRITE, buf + i * LEN, LEN, i * LEN, 0);
		KUNIT_ASSERT_EQ(test, sent_submit(&s[i]), 0);
	}
	return s;
}

/* They are at @disk, which holds them, in their order; they go through it. */
static void expect_order(struct kunit *test, struct testdev_disk *disk, struct sent *s)
{
	u8 *back = kunit_kzalloc(test, MANY * LEN, GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, back);
	KUNIT_ASSERT_TRUE(test, testdev_disk_wait_held(disk, MANY));
	for (i = 0; i < MANY; i++) {
		KUNIT_EXPECT_EQ(test, atomic_read(&s[i].ends), 0);
		testdev_disk_release(disk, 0, BLK_STS_OK, TESTDEV_SOFTIRQ);
		KUNIT_ASSERT_TRUE(test, sent_wait(&s[i]));
		KUNIT_EXPECT_EQ(test, atomic_read(&s[i].ends), 1);
		KUNIT_EXPECT_EQ(test, s[i].req.result, LEN);
	}
	testdev_store_read(testdev_disk_store(disk), 0, back, MANY * LEN);
	KUNIT_EXPECT_EQ(test, pattern_match(back, MANY * LEN, 0, SEED), MANY * LEN);
}

/* What pends of a stopped target has no device yet: it is the next one's. */
static void switch_stopped(struct kunit *test)
{
	struct io_target *t = switch_ready(test);
	struct sent *s;

	KUNIT_EXPECT_EQ(test, io_target_stop(t, IO_TARGET_LEAVE_SENT, 0), 0);
	s = send_many(test, t, make_buf(test));
	KUNIT_EXPECT_EQ(test, io_target_switch(t, TESTDEV_PATIENCE), 0);
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_STOPPED);
	KUNIT_EXPECT_TRUE(test, wait_open(test, 1));
	KUNIT_EXPECT_EQ(test, writes(next), 0);
	testdev_disk_mode(next, TESTDEV_HOLD, TESTDEV_TASK);
	KUNIT_EXPECT_EQ(test, io_target_start(t), 0);
	expect_order(test, next, s);
	KUNIT_EXPECT_EQ(test, writes(old), 0);
	testdev_disk_mode(next, TESTDEV_NOW, TESTDEV_TASK);
	expect_on(test, t, next);
}

struct switcher {
	struct work_struct	work;
	struct io_target	*target;
	long			timeout;
	int			ret;
};

static void switcher_work(struct work_struct *work)
{
	struct switcher *sw = container_of(work, struct switcher, work);

	sw->ret = io_target_switch(sw->target, sw->timeout);
}

/* What has been sent ends where it is; what comes meanwhile pends, and goes on there. */
static void switch_running(struct kunit *test)
{
	struct io_target *t = switch_ready(test);
	struct switcher sw = { .target = t, .timeout = TESTDEV_PATIENCE };
	u8 *buf = make_buf(test);
	struct sent *sent, *pended;
	enum io_target_state state;

	testdev_disk_mode(old, TESTDEV_HOLD, TESTDEV_TASK);
	testdev_disk_mode(next, TESTDEV_HOLD, TESTDEV_TASK);
	sent = send_many(test, t, buf);
	INIT_WORK_ONSTACK(&sw.work, switcher_work);
	schedule_work(&sw.work);
	KUNIT_EXPECT_EQ(test, read_poll_timeout(io_target_state, state,
						state == IO_TARGET_SUSPENDED, 1000,
						jiffies_to_usecs(TESTDEV_PATIENCE), false, t),
			0);
	pended = send_many(test, t, buf);
	KUNIT_EXPECT_EQ(test, writes(next), 0);
	testdev_disk_release_all(old, BLK_STS_OK, TESTDEV_HARDIRQ);
	flush_work(&sw.work);
	destroy_work_on_stack(&sw.work);
	KUNIT_EXPECT_EQ(test, sw.ret, 0);
	KUNIT_EXPECT_TRUE(test, sent_wait(&sent[MANY - 1]));
	KUNIT_EXPECT_EQ(test, sent[MANY - 1].req.result, LEN);
	expect_order(test, next, pended);
	KUNIT_EXPECT_EQ(test, writes(old), MANY);
	KUNIT_EXPECT_EQ(test, writes(next), MANY);
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_STARTED);
}

/* One that does not let go in time stays, with what pended; and can be left later. */
static void switch_times_out(struct kunit *test)
{
	struct io_target *t = switch_ready(test);
	struct switcher sw = { .target = t, .timeout = HZ / 10 };
	struct sent *sent, *pended;
	u8 *buf = make_buf(test);

	testdev_disk_mode(old, TESTDEV_HOLD, TESTDEV_TASK);
	sent = send_many(test, t, buf);
	KUNIT_EXPECT_EQ(test, io_target_switch(t, HZ / 20), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_STARTED);
	expect_order(test, old, sent);
	/* And with requests that pend when the time is over */
	sent = send_many(test, t, buf);
	INIT_WORK_ONSTACK(&sw.work, switcher_work);
	schedule_work(&sw.work);
	pended = send_many(test, t, buf);
	flush_work(&sw.work);
	destroy_work_on_stack(&sw.work);
	KUNIT_EXPECT_EQ(test, sw.ret, -ETIMEDOUT);
	KUNIT_ASSERT_TRUE(test, testdev_disk_wait_held(old, 2 * MANY));
	expect_order(test, old, sent);
	expect_order(test, old, pended);
	KUNIT_EXPECT_EQ(test, writes(next), 0);
	testdev_disk_mode(old, TESTDEV_NOW, TESTDEV_TASK);
	expect_on(test, t, old);
	KUNIT_EXPECT_EQ(test, io_target_switch(t, TESTDEV_PATIENCE), 0);
	expect_on(test, t, next);
}

/* Whatever may happen to the next one until it is needed; what pends goes to the old one. */
static void switch_changed(struct kunit *test)
{
	struct io_target *t = switch_ready(test);
	struct sent *s;

	KUNIT_EXPECT_EQ(test, io_target_stop(t, IO_TARGET_LEAVE_SENT, 0), 0);
	s = send_many(test, t, make_buf(test));
	testdev_disk_resize(next, SZ_512K);
	KUNIT_EXPECT_EQ(test, io_target_switch(t, TESTDEV_PATIENCE), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_STOPPED);
	testdev_disk_mode(old, TESTDEV_HOLD, TESTDEV_TASK);
	KUNIT_EXPECT_EQ(test, io_target_start(t), 0);
	expect_order(test, old, s);
	testdev_disk_mode(old, TESTDEV_NOW, TESTDEV_TASK);
	testdev_disk_resize(next, SZ_2M);
	KUNIT_EXPECT_EQ(test, io_target_switch(t, TESTDEV_PATIENCE), 0);
	expect_on(test, t, next);
}

/* Without a device, or a next one, or time, there is no switch; both are given back. */
static void switch_arguments(struct kunit *test)
{
	struct io_target *t = switch_ready(test);
	const char *path = testdev_disk_path(next);

	KUNIT_EXPECT_EQ(test, io_target_switch(t, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_switch(t, -1), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_set_next(t, "/dev/zero"), -EINVAL);
	KUNIT_EXPECT_TRUE(test, wait_open(test, 2));
	KUNIT_EXPECT_EQ(test, io_target_set_next(t, NULL), 0);
	KUNIT_EXPECT_TRUE(test, wait_open(test, 1));
	KUNIT_EXPECT_EQ(test, io_target_switch(t, TESTDEV_PATIENCE), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_set_next(t, path), 0);
	KUNIT_EXPECT_EQ(test, io_target_suspend(t, TESTDEV_PATIENCE), 0);
	KUNIT_EXPECT_EQ(test, io_target_switch(t, TESTDEV_PATIENCE), -EBUSY);
	KUNIT_EXPECT_EQ(test, io_target_reopen(t), 0);
	expect_on(test, t, old);
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	KUNIT_EXPECT_TRUE(test, wait_open(test, 0));
	KUNIT_EXPECT_EQ(test, io_target_set_next(t, path), -ENODEV);
}

/* A swap device's I/O pends while its target is switched, or opened again. */
static void switch_without_io(struct kunit *test)
{
	struct io_target *t = switch_open(test, RW);
	int before = testdev_noio_opens();

	next = make_disk(test, "iotnext", &good);
	KUNIT_EXPECT_EQ(test, testdev_noio_opens(), before);
	KUNIT_ASSERT_EQ(test, io_target_set_next(t, testdev_disk_path(next)), 0);
	KUNIT_EXPECT_GT(test, testdev_noio_opens(), before);
	KUNIT_EXPECT_EQ(test, io_target_switch(t, TESTDEV_PATIENCE), 0);
	KUNIT_EXPECT_EQ(test, io_target_suspend(t, TESTDEV_PATIENCE), 0);
	before = testdev_noio_opens();
	KUNIT_EXPECT_EQ(test, io_target_reopen(t), 0);
	KUNIT_EXPECT_GT(test, testdev_noio_opens(), before);
	expect_on(test, t, next);
}

/* The claim goes along, and so does the path, for a reopen; and there is a way back. */
static void switch_claimed(struct kunit *test)
{
	struct io_target *t = switch_open(test, RW | IO_TARGET_EXCL), *other;
	struct device_fixture *fx = test->priv;

	other = t == fx->target[0] ? fx->target[1] : fx->target[0];
	next = make_disk(test, "iotnext", &good);
	KUNIT_ASSERT_EQ(test, io_target_set_next(t, testdev_disk_path(next)), 0);
	KUNIT_EXPECT_EQ(test, io_target_open(other, testdev_disk_path(next),
					     RW | IO_TARGET_EXCL), -EBUSY);
	KUNIT_EXPECT_EQ(test, io_target_switch(t, TESTDEV_PATIENCE), 0);
	KUNIT_EXPECT_EQ(test, io_target_set_next(t, testdev_disk_path(next)), -EBUSY);
	KUNIT_EXPECT_EQ(test, io_target_suspend(t, TESTDEV_PATIENCE), 0);
	KUNIT_EXPECT_EQ(test, io_target_reopen(t), 0);
	expect_on(test, t, next);
	KUNIT_EXPECT_EQ(test, io_target_set_next(t, testdev_disk_path(old)), 0);
	KUNIT_EXPECT_EQ(test, io_target_switch(t, TESTDEV_PATIENCE), 0);
	expect_on(test, t, old);
}

static struct kunit_case switch_cases[] = {
	KUNIT_CASE_PARAM(switch_refuses, obstacle_gen_params),
	KUNIT_CASE(switch_better),
	KUNIT_CASE(switch_read_only),
	KUNIT_CASE(switch_stopped),
	KUNIT_CASE(switch_running),
	KUNIT_CASE(switch_times_out),
	KUNIT_CASE(switch_changed),
	KUNIT_CASE(switch_arguments),
	KUNIT_CASE(switch_claimed),
	KUNIT_CASE(switch_without_io),
	{}
};

static struct kunit_suite switch_suite = {
	.name		= "io_target_switch",
	.init		= switch_init,
	.exit		= switch_exit,
	.test_cases	= switch_cases,
};

kunit_test_suite(switch_suite);
