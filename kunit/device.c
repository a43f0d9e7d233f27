// SPDX-License-Identifier: GPL-2.0
/*
 * Fixture of the suites over the test devices, see device.h.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/iopoll.h>
#include <linux/sched/signal.h>

#include "device.h"
#include "pattern.h"

static void device_event(struct io_target *target, enum io_target_event event,
			 void *private)
{
	struct device_fixture *fx = private;

	atomic_inc(&fx->events[event]);
	wake_up(&fx->wait);
}

int device_fixture_init(struct kunit *test)
{
	struct device_fixture *fx = kunit_kzalloc(test, sizeof(*fx), GFP_KERNEL);
	struct io_target_config config = { .event = device_event, .private = fx };
	unsigned int i;

	if (!fx)
		return -ENOMEM;
	test->priv = fx;
	init_waitqueue_head(&fx->wait);
	fx->opens = testdev_opens();
	for (i = 0; i < DEVICE_TARGETS; i++) {
		struct io_target *t = io_target_create(&config);

		if (IS_ERR(t))
			return PTR_ERR(t);
		fx->target[i] = t;
	}
	return 0;
}

int device_process_init(struct kunit *test)
{
	if (!device_in_process)
		kunit_skip(test, "built in: no process loads the suites");
	return device_fixture_init(test);
}

void device_fixture_exit(struct kunit *test)
{
	struct device_fixture *fx = test->priv;
	unsigned int i;

	if (!fx)
		return;
	device_set_answer();
	for (i = 0; i < DEVICE_TARGETS && fx->target[i]; i++) {
		io_target_close(fx->target[i]);
		io_target_put(fx->target[i]);
	}
	/* What is left is told to the fixture, whose memory goes now. */
	KUNIT_EXPECT_TRUE_MSG(test, device_wait_unused(test), "a device is still open");
	device_set_reset();
}

struct io_target *device_open(struct kunit *test, const char *path, unsigned int flags)
{
	struct device_fixture *fx = test->priv;
	unsigned int i;

	for (i = 0; i < DEVICE_TARGETS; i++)
		if (io_target_state(fx->target[i]) == IO_TARGET_CLOSED)
			break;
	KUNIT_ASSERT_LT(test, i, DEVICE_TARGETS);
	KUNIT_ASSERT_EQ(test, io_target_open(fx->target[i], path, flags), 0);
	return fx->target[i];
}

bool device_wait_event(struct kunit *test, enum io_target_event event, int count)
{
	struct device_fixture *fx = test->priv;

	return wait_event_timeout(fx->wait, atomic_read(&fx->events[event]) >= count,
				  TESTDEV_PATIENCE);
}

bool device_wait_unused(struct kunit *test)
{
	struct device_fixture *fx = test->priv;
	int count;

	return !read_poll_timeout(testdev_opens, count, count <= fx->opens, 1000,
				  jiffies_to_usecs(TESTDEV_PATIENCE), false);
}

#define CLOSERS	45

struct closer {
	struct work_struct	work;
	struct io_target	*target;
	const char		*path;
	unsigned int		rounds;
	unsigned int		opened;
};

static void closer_work(struct work_struct *work)
{
	struct closer *c = container_of(work, struct closer, work);
	unsigned int i;

	for (i = 0; i < c->rounds; i++) {
		if (!io_target_open(c->target, c->path, RW))
			c->opened++;
		io_target_close(c->target);
	}
}

static void open_close_together(struct kunit *test, const char *path, unsigned int rounds)
{
	struct closer *c = kunit_kcalloc(test, CLOSERS, sizeof(*c), GFP_KERNEL);
	struct workqueue_struct *wq;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, c);
	wq = alloc_workqueue("io_target_closers", WQ_UNBOUND, CLOSERS);
	KUNIT_ASSERT_NOT_NULL(test, wq);
	for (i = 0; i < CLOSERS; i++) {
		c[i].path = path;
		c[i].rounds = DIV_ROUND_UP(rounds, CLOSERS);
		c[i].target = io_target_create(NULL);
		KUNIT_ASSERT_FALSE(test, IS_ERR(c[i].target));
		INIT_WORK(&c[i].work, closer_work);
	}
	for (i = 0; i < CLOSERS; i++)
		queue_work(wq, &c[i].work);
	destroy_workqueue(wq);
	for (i = 0; i < CLOSERS; i++) {
		io_target_put(c[i].target);
		KUNIT_EXPECT_EQ(test, c[i].opened, c[i].rounds);
	}
}

void device_open_close(struct kunit *test, const char *path, unsigned int alone,
		       unsigned int together)
{
	struct device_fixture *fx = test->priv;
	struct io_target *t = fx->target[0];
	unsigned int held = 0, freed = 0, i;

	for (i = 0; i < alone; i++) {
		KUNIT_ASSERT_EQ(test, io_target_open(t, path, RW), 0);
		held += testdev_opens() > fx->opens;
		io_target_close(t);
		freed += testdev_opens() == fx->opens;
	}
	KUNIT_EXPECT_EQ(test, held, alone);
	KUNIT_EXPECT_EQ(test, freed, alone);

	open_close_together(test, path, together);
	KUNIT_EXPECT_EQ(test, testdev_opens(), fx->opens);
}

struct file *device_filp_open(const char *path, int flags)
{
	struct fs_struct *old = iot_enter_init_fs();
	struct file *file = filp_open(path, flags, 0600);

	iot_leave_init_fs(old);
	return file;
}

void device_filp_close(struct file *file)
{
	if (!IS_ERR_OR_NULL(file))
		__fput_sync(file);
}

static enum device_context device_context_now(void)
{
	if (in_hardirq())
		return IN_HARDIRQ;
	return in_serving_softirq() ? IN_SOFTIRQ : IN_TASK;
}

static void sent_end_io(struct io_target_request *req);

/* Formats the last transfer of one buffer anew and sends it. */
static int sent_again(struct sent *s)
{
	int err = io_target_prep_rw_buf(&s->req, s->req.op, s->buf, s->len, s->req.pos, 0);

	s->req.end_io = sent_end_io;
	return err ?: io_target_submit_atomic(&s->req);
}

static void sent_end_io(struct io_target_request *req)
{
	struct sent *s = container_of(req, struct sent, req);

	s->context = device_context_now();
	s->signalled = s->context == IN_TASK && signal_pending(current);
	s->number = atomic_inc_return(s->count);
	atomic_inc(&s->ends);
	if (s->repeat && req->result == s->req.len) {
		s->repeat--;
		s->failed = sent_again(s);
		if (!s->failed)
			return;
	}
	complete(&s->done);
}

struct sent *sent_alloc(struct kunit *test, struct io_target *target, unsigned int n)
{
	struct sent *s = kunit_kcalloc(test, n, sizeof(*s), GFP_KERNEL);
	atomic_t *count = kunit_kzalloc(test, sizeof(*count), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, s);
	KUNIT_ASSERT_NOT_NULL(test, count);
	for (i = 0; i < n; i++) {
		io_target_request_init(&s[i].req, target);
		init_completion(&s[i].done);
		s[i].count = count;
	}
	return s;
}

void sent_prep(struct kunit *test, struct sent *s, enum io_target_op op, void *buf,
	       size_t len, loff_t pos, unsigned int flags)
{
	s->buf = buf;
	s->len = len;
	KUNIT_ASSERT_EQ(test, io_target_prep_rw_buf(&s->req, op, buf, len, pos, flags), 0);
}

int sent_submit(struct sent *s)
{
	reinit_completion(&s->done);
	s->req.end_io = sent_end_io;
	return io_target_submit(&s->req);
}

int sent_submit_atomic(struct sent *s)
{
	reinit_completion(&s->done);
	s->req.end_io = sent_end_io;
	return io_target_submit_atomic(&s->req);
}

int sent_submit_batch(struct kunit *test, struct sent *s, unsigned int n)
{
	struct io_target_request **reqs = kunit_kcalloc(test, n, sizeof(*reqs), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, reqs);
	for (i = 0; i < n; i++) {
		reqs[i] = &s[i].req;
		reinit_completion(&s[i].done);
		s[i].req.end_io = sent_end_io;
	}
	return io_target_submit_batch(s->req.target, reqs, n);
}

bool sent_wait(struct sent *s)
{
	return wait_for_completion_timeout(&s->done, TESTDEV_PATIENCE);
}

/* Physically contiguous memory, from its end to its start */
struct scattered *scattered_alloc(struct kunit *test)
{
	struct scattered *sc = kunit_kzalloc(test, sizeof(*sc), GFP_KERNEL);
	size_t i, n = ARRAY_SIZE(sc->pages);

	KUNIT_ASSERT_NOT_NULL(test, sc);
	sc->memory = kunit_kzalloc(test, SCATTERED_BYTES, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, sc->memory);
	for (i = 0; i < n; i++) {
		sc->pages[i].iov_base = sc->memory + (n - 1 - i) * PAGE_SIZE;
		sc->pages[i].iov_len = PAGE_SIZE;
	}
	return sc;
}

void scattered_fill(struct scattered *sc, u64 seed)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sc->pages); i++)
		pattern_fill(sc->pages[i].iov_base, PAGE_SIZE, i * PAGE_SIZE, seed);
}

bool scattered_match(struct scattered *sc, u64 seed)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sc->pages); i++)
		if (pattern_match(sc->pages[i].iov_base, PAGE_SIZE, i * PAGE_SIZE, seed) <
		    PAGE_SIZE)
			return false;
	return true;
}

void scattered_prep(struct kunit *test, struct sent *s, enum io_target_op op,
		    struct scattered *sc, unsigned int flags)
{
	struct iov_iter iter;

	iov_iter_kvec(&iter, op == IO_TARGET_OP_WRITE ? ITER_SOURCE : ITER_DEST, sc->pages,
		      ARRAY_SIZE(sc->pages), SCATTERED_BYTES);
	KUNIT_ASSERT_EQ(test, io_target_prep_rw(&s->req, op, &iter, 0, flags), 0);
}
