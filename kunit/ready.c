// SPDX-License-Identifier: GPL-2.0
/*
 * Requests that wait for a char device to be ready, see ready.h.
 */
#include <linux/iopoll.h>

#include "ready.h"

struct testdev_pipe *ready_pipe;

int ready_init(struct kunit *test)
{
	ready_pipe = NULL;
	return device_fixture_init(test);
}

void ready_exit(struct kunit *test)
{
	device_fixture_exit(test);
	testdev_pipe_destroy(ready_pipe);
	ready_pipe = NULL;
}

struct io_target *ready_open(struct kunit *test, unsigned int flags)
{
	KUNIT_ASSERT_NULL(test, ready_pipe);
	ready_pipe = testdev_pipe_create("iotready", flags);
	KUNIT_ASSERT_FALSE(test, IS_ERR(ready_pipe));
	return device_open(test, testdev_pipe_path(ready_pipe), RW);
}

u8 *ready_buf(struct kunit *test, size_t len)
{
	u8 *buf = kunit_kzalloc(test, len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	return buf;
}

static bool lane_waits(struct io_target *t, bool write)
{
	struct iot_file *f = iot_lower_file(rcu_dereference_protected(t->lower, true));

	return write ? READ_ONCE(f->write.waiting) : READ_ONCE(f->read.waiting);
}

bool ready_wait_waiting(struct io_target *t, bool write)
{
	bool waits;

	return !read_poll_timeout(lane_waits, waits, waits, 1000,
				  jiffies_to_usecs(TESTDEV_PATIENCE), false, t, write);
}

static unsigned int nr_watching(void)
{
	return testdev_pipe_seen(ready_pipe).watching;
}

bool ready_wait_watching(unsigned int n)
{
	unsigned int now;

	return !read_poll_timeout(nr_watching, now, now == n, 1000,
				  jiffies_to_usecs(TESTDEV_PATIENCE), false);
}

struct sent *ready_send(struct kunit *test, struct io_target *t, bool write, u8 *buf,
			size_t len, unsigned int flags)
{
	struct sent *s = sent_alloc(test, t, 1);

	sent_prep(test, s, write ? IO_TARGET_OP_WRITE : IO_TARGET_OP_READ, buf, len, 0, flags);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	return s;
}

struct sent *ready_waiting(struct kunit *test, struct io_target *t, bool write, u8 *buf,
			   size_t len, unsigned int flags)
{
	struct sent *s = ready_send(test, t, write, buf, len, flags);

	KUNIT_ASSERT_TRUE(test, ready_wait_waiting(t, write));
	return s;
}

/* In pieces of memory that can be had */
struct sent **ready_send_many(struct kunit *test, struct io_target *t, u8 *buf,
			      unsigned int n)
{
	struct sent **s = kunit_kcalloc(test, n, sizeof(*s), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, s);
	for (i = 0; i < n; i++) {
		s[i] = i % 100 ? s[i - 1] + 1 : sent_alloc(test, t, 100);
		s[i]->count = s[0]->count;
		sent_prep(test, s[i], IO_TARGET_OP_READ, buf, CHUNK, 0, 0);
		KUNIT_ASSERT_EQ(test, sent_submit(s[i]), 0);
	}
	return s;
}
