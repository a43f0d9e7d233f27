/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A thread that has a call forwarded: what the suites of forwarding to files share.
 */
#ifndef _IO_TARGET_KUNIT_FORWARDER_H
#define _IO_TARGET_KUNIT_FORWARDER_H

#include <linux/kthread.h>
#include <linux/sched/signal.h>

#include "device.h"

/**
 * struct forwarder - one call by a thread of its own
 * @call: what it calls
 * @target: with this
 * @iocb: for transfers
 * @iter: the same
 * @kvec: its memory
 * @ret: what the call returned
 * @completed: times that @iocb was completed
 * @result: with this
 * @context: there
 * @task: the thread
 * @done: it has returned; of an asynchronous one also: it was completed
 */
struct forwarder {
	long			(*call)(struct forwarder *f);
	struct io_target	*target;
	struct kiocb		iocb;
	struct iov_iter		iter;
	struct kvec		kvec;
	long			ret;
	atomic_t		completed;
	long			result;
	enum device_context	context;
	struct task_struct	*task;
	struct completion	done;
};

struct forwarder *forwarder_alloc(struct kunit *test, struct io_target *t);
/* A transfer of @len bytes; by this thread with forwarder_call(). */
void forwarder_prep(struct forwarder *f, bool write, void *buf, size_t len, loff_t pos);
long forwarder_transfer(struct forwarder *f);
void forwarder_async(struct forwarder *f);

void forwarder_start(struct kunit *test, struct forwarder *f);
/* What it returned; the case fails if it does not within a minute. */
long forwarder_end(struct kunit *test, struct forwarder *f);
bool forwarder_runs(struct forwarder *f);
bool forwarder_wait_pended(struct io_target *t, unsigned int n);
/* Something waits behind an orphan. */
bool forwarder_wait_held(struct io_target *t);

#endif /* _IO_TARGET_KUNIT_FORWARDER_H */
