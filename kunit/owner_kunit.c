// SPDX-License-Identifier: GPL-2.0
/*
 * Priority and hint of a request: as it says, or else as its submitter has it, also
 * where another thread sends it.
 */
#include <linux/ioprio.h>
#include <linux/slab.h>

#include "device.h"

#define LEN	512

/* Ways to the device, none of which the submitter goes himself but the first */
enum way { AT_ONCE, ATOMIC, BOUNCED, PENDED, PENDED_BOUNCED };

static const char * const way_names[] = {
	"at once", "atomic", "bounced", "pended", "pended, bounced",
};

static const enum way ways[] = { AT_ONCE, ATOMIC, BOUNCED, PENDED, PENDED_BOUNCED };

static void way_desc(const enum way *way, char *desc)
{
	strscpy(desc, way_names[*way], KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(way, ways, way_desc);

/* Starts the target in place of the submitter, with a priority of its own. */
struct starter {
	struct work_struct	work;
	struct io_target	*target;
};

static void starter_work(struct work_struct *work)
{
	io_target_start(container_of(work, struct starter, work)->target);
}

static void start_elsewhere(struct io_target *t)
{
	struct starter s = { .target = t };

	INIT_WORK_ONSTACK(&s.work, starter_work);
	schedule_work(&s.work);
	flush_work(&s.work);
	destroy_work_on_stack(&s.work);
}

static void send(struct kunit *test, struct io_target *t, struct sent *s, u8 *buf, enum way way,
		 u16 ioprio, u8 hint)
{
	bool pended = way == PENDED || way == PENDED_BOUNCED;
	bool bounced = way == BOUNCED || way == PENDED_BOUNCED;

	if (pended)
		KUNIT_ASSERT_EQ(test, io_target_stop(t, IO_TARGET_LEAVE_SENT, 0), 0);
	sent_prep(test, s, IO_TARGET_OP_WRITE, buf, LEN, 0, bounced ? IO_TARGET_BOUNCE : 0);
	if (ioprio)
		KUNIT_EXPECT_EQ(test, io_target_request_set_ioprio(&s->req, ioprio), 0);
	if (hint)
		KUNIT_EXPECT_EQ(test, io_target_request_set_hint(&s->req, hint), 0);
	KUNIT_ASSERT_EQ(test, way == ATOMIC ? sent_submit_atomic(s) : sent_submit(s), 0);
	if (pended)
		start_elsewhere(t);
	KUNIT_EXPECT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, LEN);
}

static void expect_seen(struct kunit *test, u16 ioprio, u8 hint)
{
	struct testdev_disk_seen seen = testdev_disk_seen(device_disk[FINE]);

	KUNIT_EXPECT_EQ(test, seen.last_ioprio, ioprio);
	KUNIT_EXPECT_EQ(test, seen.last_hint, IOT_HAS_WRITE_HINT ? hint : 0);
}

static void owner_of(struct kunit *test)
{
	const u16 own = IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 2);
	const u16 said = IOPRIO_PRIO_VALUE(IOPRIO_CLASS_RT, 1);
	struct io_target *t = device_open(test, testdev_disk_path(device_disk[FINE]), RW);
	const enum way *way = test->param_value;
	struct sent *s = sent_alloc(test, t, 3);
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_EQ(test, set_task_ioprio(current, own), 0);
	send(test, t, &s[0], buf, *way, said, WRITE_LIFE_LONG);
	expect_seen(test, said, WRITE_LIFE_LONG);
	/* Nothing leaks into the next use, where the submitter's own counts. */
	send(test, t, &s[0], buf, *way, 0, 0);
	expect_seen(test, own, 0);
	KUNIT_EXPECT_EQ(test, set_task_ioprio(current, IOPRIO_DEFAULT), 0);
}

static void owner_refusals(struct kunit *test)
{
	struct io_target *t = device_open(test, testdev_disk_path(device_disk[FINE]), RW);
	struct sent *s = sent_alloc(test, t, 1);
	u8 *buf = kunit_kzalloc(test, LEN, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_EXPECT_EQ(test, io_target_request_set_ioprio(&s->req, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_request_set_hint(&s->req, 0), -EINVAL);
	sent_prep(test, s, IO_TARGET_OP_WRITE, buf, LEN, 0, 0);
	KUNIT_EXPECT_EQ(test, io_target_request_set_ioprio(&s->req, IOPRIO_PRIO_VALUE(4, 0)),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_request_set_hint(&s->req, WRITE_LIFE_EXTREME + 1),
			-EINVAL);
	testdev_disk_mode(device_disk[FINE], TESTDEV_HOLD, TESTDEV_TASK);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	KUNIT_EXPECT_EQ(test, io_target_request_set_ioprio(&s->req, 0), -EBUSY);
	KUNIT_EXPECT_EQ(test, io_target_request_set_hint(&s->req, 0), -EBUSY);
	testdev_disk_release_all(device_disk[FINE], BLK_STS_OK, TESTDEV_TASK);
	KUNIT_EXPECT_TRUE(test, sent_wait(s));
}

static struct kunit_case owner_cases[] = {
	KUNIT_CASE_PARAM(owner_of, way_gen_params),
	KUNIT_CASE(owner_refusals),
	{}
};

static struct kunit_suite owner_suite = {
	.name		= "io_target_owner",
	.suite_init	= device_disks_init,
	.suite_exit	= device_disks_exit,
	.init		= device_fixture_init,
	.exit		= device_fixture_exit,
	.test_cases	= owner_cases,
};

kunit_test_suite(owner_suite);
