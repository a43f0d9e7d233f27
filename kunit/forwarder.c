// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that have calls forwarded, see forwarder.h.
 */
#include <linux/iopoll.h>

#include "forwarder.h"
#include "internal.h"

struct forwarder *forwarder_alloc(struct kunit *test, struct io_target *t)
{
	struct forwarder *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->target = t;
	init_completion(&f->done);
	return f;
}

long forwarder_transfer(struct forwarder *f)
{
	return io_target_forward_kiocb(f->target, &f->iocb, &f->iter);
}

void forwarder_prep(struct forwarder *f, bool write, void *buf, size_t len, loff_t pos)
{
	f->call = forwarder_transfer;
	f->iocb = (struct kiocb){ .ki_pos = pos };
	f->kvec = (struct kvec){ .iov_base = buf, .iov_len = len };
	iov_iter_kvec(&f->iter, write ? ITER_SOURCE : ITER_DEST, &f->kvec, 1, len);
}

static void forwarder_complete(struct kiocb *iocb, long result)
{
	struct forwarder *f = container_of(iocb, struct forwarder, iocb);

	if (in_hardirq())
		f->context = IN_HARDIRQ;
	else
		f->context = in_serving_softirq() ? IN_SOFTIRQ : IN_TASK;
	f->result = result;
	atomic_inc(&f->completed);
	complete(&f->done);
}

void forwarder_async(struct forwarder *f)
{
	f->iocb.ki_complete = forwarder_complete;
}

static int forwarder_thread(void *data)
{
	struct forwarder *f = data;

	allow_signal(SIGUSR1);
	f->ret = f->call(f);
	complete(&f->done);
	return 0;
}

void forwarder_start(struct kunit *test, struct forwarder *f)
{
	struct task_struct *task = kthread_create(forwarder_thread, f, "forwarder");

	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	f->task = get_task_struct(task);
	wake_up_process(task);
}

long forwarder_end(struct kunit *test, struct forwarder *f)
{
	KUNIT_ASSERT_TRUE_MSG(test, wait_for_completion_timeout(&f->done, TESTDEV_PATIENCE),
			      "a forwarded call does not return");
	kthread_stop(f->task);
	put_task_struct(f->task);
	f->task = NULL;
	return f->ret;
}

bool forwarder_runs(struct forwarder *f)
{
	return !completion_done(&f->done);
}

static unsigned int nr_pended(struct io_target *t)
{
	return READ_ONCE(t->nr_pended);
}

bool forwarder_wait_pended(struct io_target *t, unsigned int n)
{
	unsigned int now;

	return !read_poll_timeout(nr_pended, now, now >= n, 1000,
				  jiffies_to_usecs(TESTDEV_PATIENCE), false, t);
}

static bool has_held(struct io_target *t)
{
	struct io_target_lower *lower = rcu_dereference_protected(t->lower, true);

	return !list_empty_careful(&lower->held.requests);
}

bool forwarder_wait_held(struct io_target *t)
{
	bool now;

	return !read_poll_timeout(has_held, now, now, 1000, jiffies_to_usecs(TESTDEV_PATIENCE),
				  false, t);
}
