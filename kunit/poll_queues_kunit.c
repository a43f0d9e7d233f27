// SPDX-License-Identifier: GPL-2.0
/*
 * Polled requests on a disk that gets more queues, and fewer.
 */
#include <linux/sizes.h>

#include "lot.h"

#define LEN		SZ_4K
#define CHAIN		2000
#define CHANGES_LEAST	4

static struct io_target_lower *lower_of(struct io_target *t)
{
	return rcu_dereference_protected(t->lower, true);
}

/* What the library finds in the disk's queue of that number; how often the disk was asked. */
static bool look_in(struct io_target *t, unsigned int queue, unsigned int *asked)
{
	unsigned int before = testdev_mq_seen(queue_disk).polls;
	bool found = lower_of(t)->backend->poll(lower_of(t), iot_bio_cookie(queue));

	*asked = testdev_mq_seen(queue_disk).polls - before;
	return found;
}

/* Where a request was before it ended there may be no queue any more. */
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
 * @stop: no more
 * @changes: how often they have
 */
struct change {
	struct work_struct	work;
	bool			stop;
	unsigned int		changes;
};

static void change_work(struct work_struct *work)
{
	struct change *c = container_of(work, struct change, work);

	while (!READ_ONCE(c->stop)) {
		testdev_mq_poll_queues(queue_disk, 1 + (c->changes & 1));
		WRITE_ONCE(c->changes, c->changes + 1);
	}
}

/* The next one is sent from the end of the last, until the queues have changed often enough. */
static void next_polled(struct member *m)
{
	if (m->req.result != LEN)
		m->err = -EIO;
	if (!m->err && m->rounds--)
		m->err = io_target_submit_atomic(&m->req);
	if (m->err || m->rounds == UINT_MAX)
		complete(&m->done);
}

/* Return: how often something was found. */
static unsigned int poll_all(struct io_target *t, struct member *m)
{
	unsigned long end = jiffies + TESTDEV_PATIENCE;
	unsigned int found = 0;

	while (!try_wait_for_completion(&m->done) && time_before(jiffies, end)) {
		found += io_target_poll(&m->req) > 0;
		scoped_guard(rcu)
			lower_of(t)->backend->poll_any(lower_of(t), 0);
		cond_resched();
	}
	return found;
}

/* The changer waits for what has been sent, who polls ends it; the queues go meanwhile. */
static void poll_queues_change(struct kunit *test)
{
	struct lot *lot = lot_alloc(test, open_queue(test), 1, LEN, BUFFER_KMALLOC);
	struct member *m = &lot->member[0];
	struct change change = {};
	unsigned int found;

	lot_prep(test, lot, IO_TARGET_OP_READ, 0, IO_TARGET_POLLED | IO_TARGET_PREPARED, 0);
	m->then = next_polled;
	m->rounds = CHAIN;
	INIT_WORK_ONSTACK(&change.work, change_work);
	queue_work(system_unbound_wq, &change.work);
	KUNIT_EXPECT_EQ(test, io_target_submit(&m->req), 0);
	found = poll_all(lot->target, m);
	WRITE_ONCE(change.stop, true);
	testdev_mq_let_go(queue_disk);
	flush_work(&change.work);
	destroy_work_on_stack(&change.work);
	KUNIT_EXPECT_EQ(test, m->err, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&m->ends), CHAIN + 1);
	KUNIT_EXPECT_GE(test, change.changes, CHANGES_LEAST);
	testdev_mq_poll_queues(queue_disk, 1);
	expect_conserved(test, lot->target, "chain");
	kunit_info(test, "%u changes, %u times something was found", change.changes, found);
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
