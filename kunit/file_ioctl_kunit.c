// SPDX-License-Identifier: GPL-2.0
/*
 * Ioctls of a char device: with a number, with memory of the kernel's, with a pointer of
 * the caller's own; and of a driver that makes its caller wait.
 */
#include <linux/mman.h>
#include <linux/mm.h>
#include <linux/uaccess.h>

#include "device.h"

/* Opened in the task that inserts this module, which has memory to lend */
static struct io_target *ioctl_target;

static void ioctl_suite_exit(struct kunit_suite *suite)
{
	if (ioctl_target) {
		io_target_close(ioctl_target);
		io_target_put(ioctl_target);
		ioctl_target = NULL;
	}
	device_chars_exit(suite);
}

static int ioctl_suite_init(struct kunit_suite *suite)
{
	int err = device_chars_init(suite);
	struct io_target *t;

	if (err || !device_in_process)
		return err;
	t = io_target_open_path(testdev_char_path(device_char[USER_SEEK]),
				RW | IO_TARGET_USER_BOUNCE, NULL);
	if (IS_ERR(t)) {
		device_chars_exit(suite);
		return PTR_ERR(t);
	}
	ioctl_target = t;
	return 0;
}

struct ioctl_case {
	const char		*name;
	bool			memory;
	enum testdev_mode	mode;
	long			result;
};

static const struct ioctl_case ioctl_cases[] = {
	{ "number, signal", false, TESTDEV_BLOCK_SIGNAL, 11 },
	{ "number, killable", false, TESTDEV_BLOCK_KILLABLE, 11 },
	{ "memory, signal", true, TESTDEV_BLOCK_SIGNAL, 5 },
	{ "memory, killable", true, TESTDEV_BLOCK_KILLABLE, 5 },
};

static void ioctl_case_desc(const struct ioctl_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(ioctl, ioctl_cases, ioctl_case_desc);

static void prep(struct kunit *test, struct sent *s, struct testdev_char_sum *sum)
{
	const struct ioctl_case *c = test->param_value;

	testdev_char_behave(device_char[USER_SEEK],
			    &(struct testdev_char_behaviour){ .mode = c->mode });
	*sum = (struct testdev_char_sum){ .a = 5, .b = 7 };
	if (c->memory)
		KUNIT_ASSERT_EQ(test, io_target_prep_ioctl_buf(&s->req, TESTDEV_CHAR_SUM, sum,
							       sizeof(*sum), sizeof(*sum), 0), 0);
	else
		KUNIT_ASSERT_EQ(test, io_target_prep_ioctl(&s->req, TESTDEV_CHAR_SAME, 11, 0), 0);
}

/* Submitted, and in the driver, which makes a thread wait: who submits does not. */
static void send_blocked(struct kunit *test, struct sent *s, struct testdev_char_sum *sum)
{
	prep(test, s, sum);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(device_char[USER_SEEK], 1));
	KUNIT_EXPECT_TRUE(test, io_target_request_pending(&s->req));
	KUNIT_EXPECT_NE(test, testdev_char_seen(device_char[USER_SEEK]).pid, current->pid);
}

static struct testdev_char_sum *sum_alloc(struct kunit *test)
{
	struct testdev_char_sum *sum = kunit_kzalloc(test, sizeof(*sum), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, sum);
	return sum;
}

static void ioctl_async(struct kunit *test)
{
	const struct ioctl_case *c = test->param_value;
	struct sent *s = sent_alloc(test, ioctl_target, 1);
	struct testdev_char_sum *sum = sum_alloc(test);

	send_blocked(test, s, sum);
	testdev_char_release_all(device_char[USER_SEEK], TESTDEV_ALL, TESTDEV_TASK);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, c->result);
	KUNIT_EXPECT_EQ(test, s->context, IN_TASK);
	KUNIT_EXPECT_EQ(test, sum->sum, c->memory ? 12 : 0);
}

static void ioctl_cancel(struct kunit *test)
{
	struct sent *s = sent_alloc(test, ioctl_target, 1);
	struct testdev_char_sum *sum = sum_alloc(test);
	unsigned int i;

	for (i = 0; i < 20; i++) {
		send_blocked(test, s, sum);
		KUNIT_EXPECT_EQ(test, io_target_cancel(&s->req), -EALREADY);
		KUNIT_ASSERT_TRUE(test, sent_wait(s));
		KUNIT_EXPECT_EQ(test, s->req.result, -ECANCELED);
		KUNIT_EXPECT_FALSE(test, s->req.not_sent);
		KUNIT_EXPECT_EQ(test, sum->sum, 0);
	}
}

static void ioctl_deadline(struct kunit *test)
{
	const struct ioctl_case *c = test->param_value;
	struct sent *s = sent_alloc(test, ioctl_target, 1);
	struct testdev_char_sum *sum = sum_alloc(test);
	long result;

	prep(test, s, sum);
	KUNIT_ASSERT_EQ(test, io_target_request_set_timeout(&s->req, HZ / 20), 0);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, -ETIMEDOUT);
	if (c->memory)
		result = io_target_ioctl_buf(ioctl_target, TESTDEV_CHAR_SUM, sum, sizeof(*sum),
					     sizeof(*sum), HZ / 20);
	else
		result = io_target_ioctl(ioctl_target, TESTDEV_CHAR_SAME, 11, HZ / 20);
	KUNIT_EXPECT_EQ(test, result, -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, sum->sum, 0);
}

static void ioctl_purge_close(struct kunit *test)
{
	struct sent *s = sent_alloc(test, ioctl_target, 1);
	struct testdev_char_sum *sum = sum_alloc(test);

	send_blocked(test, s, sum);
	KUNIT_EXPECT_EQ(test, io_target_purge(ioctl_target, IO_TARGET_CANCEL_SENT,
					      TESTDEV_PATIENCE), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&s->ends), 1);
	KUNIT_EXPECT_EQ(test, s->req.result, -ECANCELED);
	KUNIT_ASSERT_EQ(test, io_target_start(ioctl_target), 0);
	send_blocked(test, s, sum);
	KUNIT_EXPECT_EQ(test, io_target_close(ioctl_target), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&s->ends), 2);
	KUNIT_EXPECT_EQ(test, s->req.result, -ECANCELED);
	KUNIT_ASSERT_EQ(test, io_target_reopen(ioctl_target), 0);
	KUNIT_EXPECT_EQ(test, sum->sum, 0);
}

/* A process of a user's, and what has come of it */
struct own {
	struct io_target	*target;
	long			result;
	struct testdev_char_sum	sum;
	bool			here;
};

static int use_own_pointer(void *data)
{
	struct own *own = data;
	unsigned long at = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, 0);
	void __user *arg = (void __user *)at;

	if (IS_ERR_VALUE(at))
		return at;
	if (copy_to_user(arg, &own->sum, sizeof(own->sum)))
		return -EFAULT;
	own->result = io_target_ioctl(own->target, TESTDEV_CHAR_SUM, at, IO_TARGET_NO_TIMEOUT);
	own->here = testdev_char_seen(device_char[USER_ONLY]).pid == current->pid;
	if (copy_from_user(&own->sum, arg, sizeof(own->sum)))
		return -EFAULT;
	return vm_munmap(at, PAGE_SIZE);
}

/* Who waits as long as it takes does it in his own task, and may have a pointer there. */
static void ioctl_own_pointer(struct kunit *test)
{
	struct own *own = kunit_kzalloc(test, sizeof(*own), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, own);
	own->target = device_open(test, testdev_char_path(device_char[USER_ONLY]), RW);
	own->sum.a = 3;
	own->sum.b = 4;
	KUNIT_ASSERT_EQ(test, testdev_in_process(use_own_pointer, own), 0);
	KUNIT_EXPECT_EQ(test, own->result, 3);
	KUNIT_EXPECT_EQ(test, own->sum.sum, 7);
	KUNIT_EXPECT_TRUE(test, own->here);
}

static struct kunit_case ioctl_suite_cases[] = {
	KUNIT_CASE_PARAM(ioctl_async, ioctl_gen_params),
	KUNIT_CASE_PARAM(ioctl_cancel, ioctl_gen_params),
	KUNIT_CASE_PARAM(ioctl_deadline, ioctl_gen_params),
	KUNIT_CASE_PARAM(ioctl_purge_close, ioctl_gen_params),
	KUNIT_CASE(ioctl_own_pointer),
	{}
};

static struct kunit_suite ioctl_suite = {
	.name		= "io_target_file_ioctl",
	.suite_init	= ioctl_suite_init,
	.suite_exit	= ioctl_suite_exit,
	.init		= device_process_init,
	.exit		= device_fixture_exit,
	.test_cases	= ioctl_suite_cases,
};

kunit_test_suite(ioctl_suite);
