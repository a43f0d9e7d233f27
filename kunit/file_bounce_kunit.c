// SPDX-License-Identifier: GPL-2.0
/*
 * What a driver that takes nothing but pointers of a user's sees of a request on its detour:
 * whose it is, that it is to be stable, that nobody wants it any more. The targets are
 * opened in the task that inserts this module, as somebody else.
 */
#include <linux/cred.h>
#include <linux/iopoll.h>
#include <linux/mmap_lock.h>
#include <linux/sched/signal.h>

#include "device.h"
#include "file.h"

#define CHUNK	100
#define OPENER	4711

static struct io_target *bounce_target[DEVICE_CHARS];

static void bounce_suite_exit(struct kunit_suite *suite)
{
	int i;

	for (i = 0; i < DEVICE_CHARS; i++) {
		if (!bounce_target[i])
			continue;
		io_target_close(bounce_target[i]);
		io_target_put(bounce_target[i]);
		bounce_target[i] = NULL;
	}
	device_chars_exit(suite);
}

static int open_all(void)
{
	int i;

	for (i = USER_ONLY; i <= USER_ITER; i++) {
		const char *path = testdev_char_path(device_char[i]);
		struct io_target *t = io_target_open_path(path, RW | IO_TARGET_USER_BOUNCE, NULL);

		if (IS_ERR(t))
			return PTR_ERR(t);
		bounce_target[i] = t;
	}
	return 0;
}

static int bounce_suite_init(struct kunit_suite *suite)
{
	struct cred *opener;
	const struct cred *old;
	int err;

	/* Built in, the suites run in the boot of the kernel, where there is no user's task. */
	if (!current->mm)
		return device_chars_init(suite);
	opener = prepare_creds();
	if (!opener)
		return -ENOMEM;
	opener->fsuid = make_kuid(&init_user_ns, OPENER);
	err = device_chars_init(suite);
	if (!err) {
		old = override_creds(opener);
		err = open_all();
		revert_creds(old);
		if (err)
			bounce_suite_exit(suite);
	}
	put_cred(opener);
	return err;
}

static int bounce_init(struct kunit *test)
{
	if (!bounce_target[USER_ONLY])
		kunit_skip(test, "no user's task opens the devices: the suites are built in");
	return device_fixture_init(test);
}

static const int kinds[] = { USER_ONLY, USER_SEEK, USER_ITER };

static void kind_desc(const int *kind, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s", testdev_char_path(device_char[*kind]));
}

KUNIT_ARRAY_PARAM(kind, kinds, kind_desc);

static void expect_opener(struct kunit *test, int kind)
{
	KUNIT_EXPECT_EQ(test, from_kuid(&init_user_ns, testdev_char_seen(device_char[kind]).fsuid),
			OPENER);
	testdev_char_reset(device_char[kind]);
}

static ssize_t transfer(struct kunit *test, int kind, enum io_target_op op, u8 *buf,
			unsigned int flags)
{
	struct sent *s = sent_alloc(test, bounce_target[kind], 1);

	sent_prep(test, s, op, buf, CHUNK, 0, flags | IO_TARGET_USER_PTR);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	return s->req.result;
}

/* Whose memory it is, his are the credentials. */
static void bounce_creds(struct kunit *test)
{
	int kind = *(const int *)test->param_value;
	struct testdev_char_sum *sum = kunit_kzalloc(test, sizeof(*sum), GFP_KERNEL);
	struct io_target *t = bounce_target[kind];
	u8 *buf = kunit_kzalloc(test, CHUNK, GFP_KERNEL);

	KUNIT_ASSERT_TRUE(test, sum && buf);
	KUNIT_EXPECT_NE(test, from_kuid(&init_user_ns, current_fsuid()), OPENER);
	KUNIT_EXPECT_EQ(test, transfer(test, kind, IO_TARGET_OP_WRITE, buf, 0), CHUNK);
	expect_opener(test, kind);
	KUNIT_EXPECT_EQ(test, transfer(test, kind, IO_TARGET_OP_READ, buf, 0), CHUNK);
	expect_opener(test, kind);
	if (kind == USER_ITER)	/* it has no ioctls */
		return;
	sum->a = 5;
	KUNIT_EXPECT_EQ(test, io_target_ioctl_buf(t, TESTDEV_CHAR_SUM, sum, sizeof(*sum),
						  sizeof(*sum), TESTDEV_PATIENCE), 5);
	expect_opener(test, kind);
	KUNIT_EXPECT_EQ(test, io_target_ioctl(t, TESTDEV_CHAR_SAME, 11, TESTDEV_PATIENCE), 11);
	expect_opener(test, kind);
}

/* Told where it can be, else done after it. */
static void bounce_fua(struct kunit *test)
{
	int kind = *(const int *)test->param_value;
	u8 *buf = kunit_kzalloc(test, CHUNK, GFP_KERNEL);
	struct testdev_char_seen seen;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_EXPECT_EQ(test, transfer(test, kind, IO_TARGET_OP_WRITE, buf, 0), CHUNK);
	seen = testdev_char_seen(device_char[kind]);
	KUNIT_EXPECT_EQ(test, seen.dsync + seen.fsyncs, 0);
	KUNIT_EXPECT_EQ(test, transfer(test, kind, IO_TARGET_OP_WRITE, buf, IO_TARGET_FUA), CHUNK);
	seen = testdev_char_seen(device_char[kind]);
	KUNIT_EXPECT_EQ(test, seen.dsync, kind == USER_ITER);
	KUNIT_EXPECT_EQ(test, seen.fsyncs, kind != USER_ITER);
}

/* Was the thread asked to come back, and has gone on, since it could not? */
static bool goes_on_all_the_same(struct io_target *t)
{
	struct io_target_lower *lower = rcu_dereference_protected(t->lower, true);
	const struct iot_lane *lane = &iot_lower_file(lower)->any;
	unsigned int i;

	guard(spinlock_irqsave)(&lower->lock);
	for (i = 0; i < IOT_LANE_WIDTH; i++)
		if (lane->servers[i].task && lane->servers[i].why)
			return !signal_pending(lane->servers[i].task);
	return false;
}

/*
 * Who is asked to come back while he gives back the memory, which he cannot leave alone,
 * does so then, and not after the next piece.
 */
static void bounce_late_cancel(struct kunit *test)
{
	struct testdev_char_behaviour b = { .mode = TESTDEV_BLOCK, .limit = CHUNK };
	struct testdev_char *dev = device_char[USER_SEEK];
	struct io_target *t = bounce_target[USER_SEEK];
	struct mm_struct *mm = iot_lower_file(rcu_dereference_protected(t->lower, true))->mm;
	u8 *buf = kunit_kzalloc(test, 3 * CHUNK, GFP_KERNEL);
	struct sent *s = sent_alloc(test, t, 1);
	bool goes_on;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	testdev_char_behave(dev, &b);
	sent_prep(test, s, IO_TARGET_OP_WRITE, buf, 3 * CHUNK, 0,
		  IO_TARGET_USER_PTR | IO_TARGET_FULL);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(dev, 1));
	b.mode = TESTDEV_NOW;
	testdev_char_behave(dev, &b);
	mmap_write_lock(mm);
	testdev_char_release(dev, 0, TESTDEV_ALL, TESTDEV_TASK);
	KUNIT_EXPECT_EQ(test, io_target_cancel(&s->req), -EALREADY);
	KUNIT_EXPECT_EQ(test, read_poll_timeout(goes_on_all_the_same, goes_on, goes_on, 1000,
						60 * USEC_PER_SEC, false, t), 0);
	mmap_write_unlock(mm);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, CHUNK);
	KUNIT_EXPECT_EQ(test, testdev_char_seen(dev).calls[1], 1);
	/* The next has nothing of it. */
	KUNIT_EXPECT_EQ(test, transfer(test, USER_SEEK, IO_TARGET_OP_WRITE, buf, 0), CHUNK);
}

static struct kunit_case bounce_cases[] = {
	KUNIT_CASE_PARAM(bounce_creds, kind_gen_params),
	KUNIT_CASE_PARAM(bounce_fua, kind_gen_params),
	KUNIT_CASE(bounce_late_cancel),
	{}
};

static struct kunit_suite bounce_suite = {
	.name		= "io_target_file_bounce",
	.suite_init	= bounce_suite_init,
	.suite_exit	= bounce_suite_exit,
	.init		= bounce_init,
	.exit		= device_fixture_exit,
	.test_cases	= bounce_cases,
};

kunit_test_suite(bounce_suite);
