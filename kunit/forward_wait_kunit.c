// SPDX-License-Identifier: GPL-2.0
/*
 * Forwarding to a device that makes its callers wait until it is ready, as a tty does:
 * where they wait, what wakes them, and polling.
 */
#include <linux/iopoll.h>
#include <linux/poll.h>

#include "forwarder.h"
#include "internal.h"
#include "pattern.h"

#define SEED	0x70697065ULL
#define ROOM	TESTDEV_PIPE_ROOM
#define CHUNK	16

static struct testdev_pipe *pipe;

static int wait_init(struct kunit *test)
{
	int err = device_fixture_init(test);

	if (err)
		return err;
	pipe = testdev_pipe_create("iotpipe", 0);
	return PTR_ERR_OR_ZERO(pipe);
}

static void wait_exit(struct kunit *test)
{
	device_fixture_exit(test);
	testdev_pipe_destroy(pipe);
	pipe = NULL;
}

static struct io_target *open_pipe(struct kunit *test)
{
	return device_open(test, testdev_pipe_path(pipe), RW);
}

static u8 *zeroes(struct kunit *test, size_t len)
{
	u8 *buf = kunit_kzalloc(test, len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	return buf;
}

/* Another thread that reads, and has found nothing. */
static struct forwarder *reader(struct kunit *test, struct io_target *t, u8 *buf, size_t len)
{
	unsigned int before = testdev_pipe_seen(pipe).refused;
	struct forwarder *f = forwarder_alloc(test, t);

	forwarder_prep(f, false, buf, len, 0);
	forwarder_start(test, f);
	KUNIT_ASSERT_TRUE(test, testdev_pipe_wait_refused(pipe, before + 1));
	return f;
}

/* A read waits for data, outside of the driver, and gets what is there then. */
static void wait_read(struct kunit *test)
{
	u8 *buf = zeroes(test, ROOM), *data = zeroes(test, CHUNK);
	struct forwarder *f = reader(test, open_pipe(test), buf, ROOM);

	KUNIT_EXPECT_TRUE(test, forwarder_runs(f));
	KUNIT_EXPECT_EQ(test, testdev_pipe_seen(pipe).waiting, 0);
	pattern_fill(data, CHUNK, 0, SEED);
	KUNIT_EXPECT_EQ(test, testdev_pipe_push(pipe, data, CHUNK), CHUNK);
	KUNIT_EXPECT_EQ(test, forwarder_end(test, f), CHUNK);
	KUNIT_EXPECT_EQ(test, pattern_match(buf, CHUNK, 0, SEED), CHUNK);
}

/* A write waits until all is written. */
static void wait_write(struct kunit *test)
{
	u8 *data = zeroes(test, 3 * ROOM), *back = zeroes(test, ROOM);
	struct forwarder *f = forwarder_alloc(test, open_pipe(test));
	unsigned int i;

	pattern_fill(data, 3 * ROOM, 0, SEED);
	forwarder_prep(f, true, data, 3 * ROOM, 0);
	forwarder_start(test, f);
	for (i = 0; i < 3; i++) {
		KUNIT_ASSERT_TRUE(test, testdev_pipe_wait_full(pipe));
		KUNIT_EXPECT_TRUE(test, i == 2 || forwarder_runs(f));
		KUNIT_EXPECT_EQ(test, testdev_pipe_pull(pipe, back, ROOM), ROOM);
		KUNIT_EXPECT_EQ(test, pattern_match(back, ROOM, i * ROOM, SEED), ROOM);
		if (i == 1)
			KUNIT_EXPECT_EQ(test, forwarder_end(test, f), 3 * ROOM);
	}
}

static long who_ioctl(struct forwarder *f)
{
	return io_target_ioctl(f->target, TESTDEV_PIPE_WHO, 0, IO_TARGET_NO_TIMEOUT);
}

/*
 * An ioctl without timeout is made by its caller, whose pointer its argument may be, also if
 * another thread starts the target.
 */
static void wait_own_ioctl(struct kunit *test)
{
	struct io_target *t = open_pipe(test);
	struct forwarder *f = forwarder_alloc(test, t);
	pid_t pid;

	KUNIT_ASSERT_EQ(test, io_target_stop(t, IO_TARGET_LEAVE_SENT, 0), 0);
	f->call = who_ioctl;
	forwarder_start(test, f);
	pid = task_pid_nr(f->task);
	KUNIT_ASSERT_TRUE(test, forwarder_wait_pended(t, 1));
	KUNIT_EXPECT_EQ(test, io_target_start(t), 0);
	KUNIT_EXPECT_EQ(test, forwarder_end(test, f), (long)pid);
	KUNIT_EXPECT_EQ(test, io_target_ioctl(t, TESTDEV_PIPE_WHO, 0, IO_TARGET_NO_TIMEOUT),
			(long)task_pid_nr(current));
	KUNIT_EXPECT_NE(test, io_target_ioctl(t, TESTDEV_PIPE_WHO, 0, TESTDEV_PATIENCE),
			(long)task_pid_nr(current));
	KUNIT_EXPECT_EQ(test, io_target_ioctl(t, 0, 0, IO_TARGET_NO_TIMEOUT), -ENOTTY);
}

/* A driver that names no queue is asked now and then: who waits gets his data. */
static void wait_mute(struct kunit *test)
{
	u8 *buf = zeroes(test, CHUNK);
	struct forwarder *f;

	testdev_pipe_destroy(pipe);
	pipe = testdev_pipe_create("iotpipe", TESTDEV_PIPE_MUTE);
	KUNIT_ASSERT_FALSE(test, IS_ERR(pipe));
	f = reader(test, open_pipe(test), buf, CHUNK);
	testdev_pipe_push(pipe, buf, CHUNK);
	KUNIT_EXPECT_EQ(test, forwarder_end(test, f), CHUNK);
}

static unsigned int polled(void)
{
	return testdev_pipe_seen(pipe).polls;
}

/* Wakes @f for nothing until it has looked at the driver once more. */
static void wake_for_nothing(struct kunit *test)
{
	unsigned int before = polled(), now;

	testdev_pipe_wake(pipe);
	KUNIT_ASSERT_EQ(test, read_poll_timeout(polled, now, now > before, 1000,
						jiffies_to_usecs(TESTDEV_PATIENCE), false), 0);
}

static void set_state(struct io_target *t, enum io_target_state state)
{
	guard(spinlock_irqsave)(&t->lock);
	t->state = state;
}

/*
 * What start has sent keeps its turn while start goes on: it would be overtaken otherwise,
 * by those that start sends after it.
 */
static void wait_starting(struct kunit *test)
{
	struct io_target *t = open_pipe(test);
	u8 *buf = zeroes(test, CHUNK);
	struct forwarder *f = reader(test, t, buf, CHUNK);
	unsigned int calls = testdev_pipe_seen(pipe).calls;

	set_state(t, IO_TARGET_STARTING);
	wake_for_nothing(test);
	wake_for_nothing(test);
	KUNIT_EXPECT_EQ(test, testdev_pipe_seen(pipe).calls, calls);
	set_state(t, IO_TARGET_STARTED);
	testdev_pipe_push(pipe, buf, CHUNK);
	KUNIT_EXPECT_EQ(test, forwarder_end(test, f), CHUNK);
}

/* Of two readers the first gets what comes first. */
static void wait_turns(struct kunit *test)
{
	struct io_target *t = open_pipe(test);
	u8 *buf = zeroes(test, 2 * CHUNK), *data = zeroes(test, CHUNK);
	struct forwarder *first = reader(test, t, buf, CHUNK);
	struct sent *s = sent_alloc(test, t, 1);

	/* The library's own request takes turns with it. */
	sent_prep(test, s, IO_TARGET_OP_READ, buf + CHUNK, CHUNK, 0, 0);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	memset(data, 1, CHUNK);
	testdev_pipe_push(pipe, data, CHUNK);
	KUNIT_EXPECT_EQ(test, forwarder_end(test, first), CHUNK);
	memset(data, 2, CHUNK);
	KUNIT_EXPECT_EQ(test, atomic_read(&s->ends), 0);
	testdev_pipe_push(pipe, data, CHUNK);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, CHUNK);
	KUNIT_EXPECT_EQ(test, buf[0], 1);
	KUNIT_EXPECT_EQ(test, buf[CHUNK], 2);
}

/* Who must not wait is refused, by the driver or behind another. */
static void wait_not(struct kunit *test)
{
	struct file *file = device_filp_open("/dev/null", O_RDWR | O_NONBLOCK);
	struct io_target *t = open_pipe(test);
	struct forwarder *f = forwarder_alloc(test, t), *first;
	u8 *buf = zeroes(test, 2 * CHUNK);

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	forwarder_prep(f, false, buf, CHUNK, 0);
	f->iocb.ki_filp = file;
	KUNIT_EXPECT_EQ(test, forwarder_transfer(f), -EAGAIN);
	KUNIT_EXPECT_EQ(test, testdev_pipe_seen(pipe).calls, 1);
	first = reader(test, t, buf + CHUNK, CHUNK);
	KUNIT_EXPECT_EQ(test, forwarder_transfer(f), -EAGAIN);
	KUNIT_EXPECT_TRUE(test, forwarder_runs(first));
	testdev_pipe_push(pipe, buf, 1);
	KUNIT_EXPECT_EQ(test, forwarder_end(test, first), 1);
	testdev_pipe_push(pipe, buf, 1);
	KUNIT_EXPECT_EQ(test, forwarder_transfer(f), 1);
	device_filp_close(file);
}

/* One that waits for data is not in the way of a stop, and goes on after it. */
static void wait_stop(struct kunit *test)
{
	struct io_target *t = open_pipe(test);
	u8 *buf = zeroes(test, CHUNK);
	struct forwarder *f = reader(test, t, buf, CHUNK);

	KUNIT_EXPECT_EQ(test, io_target_stop(t, IO_TARGET_WAIT_SENT, TESTDEV_PATIENCE), 0);
	KUNIT_EXPECT_TRUE(test, forwarder_wait_pended(t, 1));
	testdev_pipe_push(pipe, buf, CHUNK);
	KUNIT_EXPECT_TRUE(test, forwarder_runs(f));
	KUNIT_EXPECT_EQ(test, io_target_start(t), 0);
	KUNIT_EXPECT_EQ(test, forwarder_end(test, f), CHUNK);
}

static int end_purge(struct io_target *t)
{
	return io_target_purge(t, IO_TARGET_WAIT_SENT, TESTDEV_PATIENCE);
}

static int end_remove(struct io_target *t)
{
	iot_target_removed(t);
	return 0;
}

/* Purge, removal, close and a signal end it. */
static void wait_ended(struct kunit *test)
{
	struct io_target *t = open_pipe(test);
	u8 *buf = zeroes(test, CHUNK);
	struct forwarder *f = reader(test, t, buf, CHUNK);

	send_sig(SIGUSR1, f->task, 1);
	KUNIT_EXPECT_EQ(test, forwarder_end(test, f), -ERESTARTSYS);
	f = reader(test, t, buf, CHUNK);
	KUNIT_EXPECT_EQ(test, end_purge(t), 0);
	KUNIT_EXPECT_EQ(test, forwarder_end(test, f), -ESHUTDOWN);
	KUNIT_EXPECT_EQ(test, io_target_start(t), 0);
	f = reader(test, t, buf, CHUNK);
	KUNIT_EXPECT_EQ(test, end_remove(t), 0);
	KUNIT_EXPECT_EQ(test, forwarder_end(test, f), -ENODEV);
	io_target_close(t);
	f = reader(test, open_pipe(test), buf, CHUNK);
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	KUNIT_EXPECT_EQ(test, forwarder_end(test, f), -ENODEV);
}

/* A driver that says it is ready, and is not, does not make its callers spin. */
static void wait_liar(struct kunit *test)
{
	struct io_target *t = open_pipe(test);
	u8 *buf = zeroes(test, CHUNK);
	struct forwarder *f = reader(test, t, buf, CHUNK);
	unsigned long start = jiffies;

	testdev_pipe_lie(pipe, true);
	KUNIT_ASSERT_TRUE(test, testdev_pipe_wait_refused(pipe, 20));
	KUNIT_EXPECT_GE(test, jiffies - start, 10);
	testdev_pipe_lie(pipe, false);
	testdev_pipe_push(pipe, buf, CHUNK);
	KUNIT_EXPECT_EQ(test, forwarder_end(test, f), CHUNK);
}

/* The library's own wait, too, and get what comes. */
static void wait_library(struct kunit *test)
{
	struct io_target *t = open_pipe(test);
	u8 *buf = zeroes(test, 3 * ROOM);
	struct sent *s = sent_alloc(test, t, 2);

	sent_prep(test, &s[0], IO_TARGET_OP_READ, buf, CHUNK, 0, 0);
	KUNIT_ASSERT_EQ(test, sent_submit(&s[0]), 0);
	KUNIT_ASSERT_TRUE(test, testdev_pipe_wait_refused(pipe, 1));
	KUNIT_EXPECT_EQ(test, testdev_pipe_seen(pipe).waiting, 0);
	testdev_pipe_push(pipe, buf, CHUNK);
	KUNIT_ASSERT_TRUE(test, sent_wait(&s[0]));
	KUNIT_EXPECT_EQ(test, s[0].req.result, CHUNK);

	sent_prep(test, &s[1], IO_TARGET_OP_WRITE, buf, 2 * ROOM, 0, 0);
	KUNIT_ASSERT_EQ(test, sent_submit(&s[1]), 0);
	KUNIT_ASSERT_TRUE(test, testdev_pipe_wait_full(pipe));
	KUNIT_EXPECT_EQ(test, testdev_pipe_pull(pipe, buf, ROOM), ROOM);
	KUNIT_ASSERT_TRUE(test, sent_wait(&s[1]));
	KUNIT_EXPECT_EQ(test, s[1].req.result, 2 * ROOM);
}

struct poller {
	poll_table		table;
	wait_queue_entry_t	entry;
	wait_queue_head_t	*head;
	struct completion	woken;
};

static int poller_wake(wait_queue_entry_t *entry, unsigned int mode, int sync, void *key)
{
	complete(&container_of(entry, struct poller, entry)->woken);
	return 0;
}

static void poller_queue(struct file *file, wait_queue_head_t *head, poll_table *table)
{
	struct poller *p = container_of(table, struct poller, table);

	p->head = head;
	init_waitqueue_func_entry(&p->entry, poller_wake);
	add_wait_queue(head, &p->entry);
}

static bool poller_woken(struct poller *p)
{
	return wait_for_completion_timeout(&p->woken, TESTDEV_PATIENCE);
}

/* What the driver says, and what the state says; woken when either changes. */
static void wait_poll(struct kunit *test)
{
	struct poller *p = kunit_kzalloc(test, sizeof(*p), GFP_KERNEL);
	struct io_target *t = open_pipe(test);
	u8 *buf = zeroes(test, ROOM);

	KUNIT_ASSERT_NOT_NULL(test, p);
	init_completion(&p->woken);
	init_poll_funcptr(&p->table, poller_queue);
	KUNIT_EXPECT_TRUE(test, io_target_forward_poll(t, NULL, &p->table) ==
			  (EPOLLOUT | EPOLLWRNORM));
	KUNIT_ASSERT_NOT_NULL(test, p->head);
	testdev_pipe_push(pipe, buf, ROOM);
	KUNIT_EXPECT_TRUE(test, poller_woken(p));
	KUNIT_EXPECT_TRUE(test, io_target_forward_poll(t, NULL, NULL) == (EPOLLIN | EPOLLRDNORM));
	reinit_completion(&p->woken);
	KUNIT_EXPECT_EQ(test, io_target_stop(t, IO_TARGET_LEAVE_SENT, 0), 0);
	KUNIT_EXPECT_TRUE(test, poller_woken(p));
	KUNIT_EXPECT_TRUE(test, io_target_forward_poll(t, NULL, NULL) == 0);
	reinit_completion(&p->woken);
	KUNIT_EXPECT_EQ(test, end_purge(t), 0);
	KUNIT_EXPECT_TRUE(test, poller_woken(p));
	KUNIT_EXPECT_TRUE(test, io_target_forward_poll(t, NULL, NULL) == (EPOLLERR | EPOLLHUP));
	/* The device goes, with its queues; the poller stays. */
	io_target_close(t);
	KUNIT_EXPECT_TRUE(test, io_target_forward_poll(t, NULL, NULL) == (EPOLLERR | EPOLLHUP));
	reinit_completion(&p->woken);
	KUNIT_ASSERT_EQ(test, io_target_open(t, testdev_pipe_path(pipe), RW), 0);
	KUNIT_EXPECT_TRUE(test, poller_woken(p));
	KUNIT_EXPECT_TRUE(test, io_target_forward_poll(t, NULL, NULL) == (EPOLLIN | EPOLLRDNORM));
	reinit_completion(&p->woken);
	testdev_pipe_pull(pipe, buf, 1);
	KUNIT_EXPECT_TRUE(test, poller_woken(p));
	remove_wait_queue(p->head, &p->entry);
}

static void wait_ioctl(struct kunit *test)
{
	struct io_target *t = open_pipe(test);

	KUNIT_EXPECT_EQ(test, io_target_forward_ioctl(t, TESTDEV_PIPE_DOUBLE, 21), 42);
	KUNIT_EXPECT_EQ(test, io_target_forward_ioctl(t, TESTDEV_PIPE_DOUBLE + 1, 21), -ENOTTY);
}

static struct kunit_case wait_cases[] = {
	KUNIT_CASE(wait_read),
	KUNIT_CASE(wait_write),
	KUNIT_CASE(wait_own_ioctl),
	KUNIT_CASE(wait_mute),
	KUNIT_CASE(wait_starting),
	KUNIT_CASE(wait_turns),
	KUNIT_CASE(wait_not),
	KUNIT_CASE(wait_stop),
	KUNIT_CASE(wait_ended),
	KUNIT_CASE(wait_liar),
	KUNIT_CASE(wait_library),
	KUNIT_CASE(wait_poll),
	KUNIT_CASE(wait_ioctl),
	{}
};

static struct kunit_suite wait_suite = {
	.name		= "io_target_forward_wait",
	.init		= wait_init,
	.exit		= wait_exit,
	.test_cases	= wait_cases,
};

kunit_test_suite(wait_suite);
