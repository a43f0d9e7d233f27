// SPDX-License-Identifier: GPL-2.0
/*
 * Polled requests on a disk that gets more queues, and fewer.
 */
#include <linux/sizes.h>

#include "lot.h"

#define LEN	SZ_4K
#define CHANGES	24u
#define BETWEEN	8

static struct io_target_lower *lower_of(struct io_target *t)
{
	return rcu_dereference_protected(t->lower, true);
}

/* The library looks in the disk's queue of that number; @asked: how often it asked the disk. */
static bool look_in(struct io_target *t, unsigned int queue, unsigned int *asked)
{
	unsigned int before = testdev_mq_seen(queue_disk).polls;
	bool found = lower_of(t)->backend->poll(lower_of(t), iot_bio_cookie(queue));

	*asked = testdev_mq_seen(queue_disk).polls - before;
	return found;
}

/* The queue that a request was in may have gone since it ended. */
static void poll_queue_gone(struct kunit *test)
{
	struct io_target *t = open_queue(test);
	unsigned int asked;

	testdev_mq_poll_queues(queue_disk, 2);
	look_in(t, 2, &asked);
	KUNIT_EXPECT_EQ(test, asked, 1u);
	testdev_mq_poll_queues(queue_disk, 1);
	KUNIT_EXPECT_FALSE(test, look_in(t, 2, &asked));
	KUNIT_EXPECT_EQ(test, asked, 0u);
	look_in(t, 1, &asked);
	KUNIT_EXPECT_EQ(test, asked, 1u);
	/* That of those who are told of their end */
	KUNIT_EXPECT_FALSE(test, look_in(t, 0, &asked));
	KUNIT_EXPECT_EQ(test, asked, 0u);
}

/**
 * struct change - the queues change all the time
 * @work: the changer
 * @changes: how often they have
 * @sent: requests, of which some go between two changes
 * @wait: for @sent to grow
 * @stop: often enough, or it takes too long: nothing is sent any more
 */
static struct change {
	struct work_struct	work;
	unsigned int		changes;
	unsigned int		sent;
	wait_queue_head_t	wait;
	bool			stop;
} change;

static void change_work(struct work_struct *work)
{
	while (change.changes < CHANGES && !READ_ONCE(change.stop)) {
		testdev_mq_poll_queues(queue_disk, 1 + (change.changes++ & 1));
		wait_event_timeout(change.wait,
				   READ_ONCE(change.sent) >= change.changes * BETWEEN ||
				   READ_ONCE(change.stop), TESTDEV_PATIENCE);
	}
	WRITE_ONCE(change.stop, true);
}

/* The next one is sent from the end of the last. */
static void next_polled(struct member *m)
{
	if (m->req.result != LEN)
		m->err = -EIO;
	if (!m->err && !READ_ONCE(change.stop)) {
		WRITE_ONCE(change.sent, change.sent + 1);
		wake_up(&change.wait);
		m->err = io_target_submit_atomic(&m->req);
		if (!m->err)
			return;
	}
	complete(&m->done);
}

/* Return: has the chain ended? */
static bool poll_all(struct io_target *t, struct member *m, unsigned int *found)
{
	unsigned long end = jiffies + TESTDEV_PATIENCE;

	while (!try_wait_for_completion(&m->done)) {
		*found += io_target_poll(&m->req) > 0;
		scoped_guard(rcu)
			lower_of(t)->backend->poll_any(lower_of(t), 0);
		if (time_after(jiffies, end))
			return false;
		cond_resched();
	}
	return true;
}

/* The changer waits for what has been sent, whoever polls ends it; the queues go meanwhile. */
static void poll_queues_change(struct kunit *test)
{
	struct lot *lot = lot_alloc(test, open_queue(test), 1, LEN, BUFFER_KMALLOC);
	struct member *m = &lot->member[0];
	unsigned int found = 0;
	bool ended;

	change = (struct change){};
	lot_prep(test, lot, IO_TARGET_OP_READ, 0, IO_TARGET_POLLED | IO_TARGET_PREPARED, 0);
	m->then = next_polled;
	init_waitqueue_head(&change.wait);
	INIT_WORK(&change.work, change_work);
	queue_work(system_unbound_wq, &change.work);
	KUNIT_ASSERT_EQ(test, io_target_submit(&m->req), 0);
	ended = poll_all(lot->target, m, &found);
	KUNIT_EXPECT_TRUE(test, ended);
	WRITE_ONCE(change.stop, true);
	wake_up(&change.wait);
	/* Or nobody would end the last one, and the changer wait for it. */
	KUNIT_EXPECT_TRUE(test, ended || poll_all(lot->target, m, &found));
	flush_work(&change.work);
	KUNIT_EXPECT_EQ(test, m->err, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&m->ends), (int)change.sent + 1);
	KUNIT_EXPECT_EQ(test, change.changes, CHANGES);
	testdev_mq_poll_queues(queue_disk, 1);
	expect_conserved(test, lot->target, "chain");
	kunit_info(test, "%u requests, %u times something was found", change.sent + 1, found);
}

static struct kunit_case poll_queues_cases[] = {
	KUNIT_CASE(poll_queue_gone),
	KUNIT_CASE(poll_queues_change),
	{}
};

static struct kunit_suite poll_queues_suite = {
	.name		= "io_target_poll_queues",
	.suite_init	= queue_suite_init,
	.suite_exit	= queue_suite_exit,
	.init		= device_fixture_init,
	.exit		= queue_fixture_exit,
	.test_cases	= poll_queues_cases,
};

kunit_test_suite(poll_queues_suite);
