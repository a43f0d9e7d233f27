// SPDX-License-Identifier: GPL-2.0
/*
 * A char device as a tty is one: what is written to it can be read from it, in pieces as
 * they fit; who finds it empty, or full, waits, unless it was opened with O_NONBLOCK; it
 * can be polled, and has an ioctl. It knows of no IOCB_NOWAIT. Flags make it different.
 */
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "testdev.h"

/* Where pollers wait: readers, and writers if they have one of their own. */
struct pipe_queues {
	wait_queue_head_t	head[2];
	struct rcu_head		rcu;
};

struct testdev_pipe {
	struct miscdevice	misc;
	char			path[32];
	unsigned int		flags;
	struct pipe_queues	*queues;	/* changes when nobody else does anything */
	struct testdev_runner	runner;	/* pushes @push, once at a time */
	struct kvec		push;
	wait_queue_head_t	wait;	/* for anything below to change */
	spinlock_t		lock;	/* irqsave */
	u8			data[TESTDEV_PIPE_ROOM];
	unsigned int		fill;
	bool			lies;
	void			(*hook)(void *private);
	void			*private;	/* for @hook */
	struct testdev_pipe_seen seen;
};

static struct testdev_pipe *file_pipe(struct file *file)
{
	return container_of(file->private_data, struct testdev_pipe, misc);
}

/* Moves what can be moved at once. The memory is the kernel's, so under a spinlock. */
static ssize_t pipe_move(struct testdev_pipe *p, struct iov_iter *iter, bool write)
{
	size_t n;

	guard(spinlock_irqsave)(&p->lock);
	if (write) {
		n = copy_from_iter(p->data + p->fill, TESTDEV_PIPE_ROOM - p->fill, iter);
		p->fill += n;
		return n;
	}
	n = copy_to_iter(p->data, p->fill, iter);
	p->fill -= n;
	memmove(p->data, p->data + n, p->fill);
	return n;
}

static bool pipe_ready(struct testdev_pipe *p, bool write)
{
	guard(spinlock_irqsave)(&p->lock);
	return write ? p->fill < TESTDEV_PIPE_ROOM : p->fill > 0;
}

/* Something has changed for readers, for writers, or for both. */
static void pipe_wake(struct testdev_pipe *p, bool readers, bool writers)
{
	wake_up_all(&p->wait);
	if (!(p->flags & TESTDEV_PIPE_TWO)) {
		wake_up_all(&p->queues->head[0]);
		return;
	}
	if (readers)
		wake_up_poll(&p->queues->head[0], EPOLLIN | EPOLLRDNORM);
	if (writers)
		wake_up_poll(&p->queues->head[1], EPOLLOUT | EPOLLWRNORM);
}

static bool pipe_refuses(const struct testdev_pipe *p, const struct kiocb *iocb)
{
	if (p->flags & TESTDEV_PIPE_STUBBORN)
		return false;
	if (p->flags & TESTDEV_PIPE_NOWAIT)
		return iocb->ki_flags & IOCB_NOWAIT;
	return iocb->ki_filp->f_flags & O_NONBLOCK;
}

static void pipe_note(struct testdev_pipe *p, unsigned int *what, int n)
{
	unsigned long irq;

	spin_lock_irqsave(&p->lock, irq);
	*what += n;
	spin_unlock_irqrestore(&p->lock, irq);
	wake_up_all(&p->wait);
}

/* Once. */
static void pipe_call_hook(struct testdev_pipe *p)
{
	void (*hook)(void *private);

	hook = xchg(&p->hook, NULL);
	if (hook)
		hook(p->private);
}

static ssize_t pipe_io(struct kiocb *iocb, struct iov_iter *iter, bool write)
{
	struct testdev_pipe *p = file_pipe(iocb->ki_filp);
	ssize_t done = 0;

	pipe_note(p, &p->seen.calls, 1);
	for (;;) {
		int err;

		done += pipe_move(p, iter, write);
		if (done)
			pipe_wake(p, write, !write);
		if (!iov_iter_count(iter) || (done && !write))
			return done;
		if (pipe_refuses(p, iocb)) {
			pipe_call_hook(p);
			if (!done)
				pipe_note(p, &p->seen.refused, 1);
			return done ?: -EAGAIN;
		}
		pipe_note(p, &p->seen.waiting, 1);
		err = wait_event_interruptible(p->wait, pipe_ready(p, write));
		pipe_note(p, &p->seen.waiting, -1);
		if (err)
			return done ?: err;
	}
}

static ssize_t pipe_read_iter(struct kiocb *iocb, struct iov_iter *iter)
{
	return pipe_io(iocb, iter, false);
}

static ssize_t pipe_write_iter(struct kiocb *iocb, struct iov_iter *iter)
{
	return pipe_io(iocb, iter, true);
}

static __poll_t pipe_poll(struct file *file, poll_table *wait)
{
	struct testdev_pipe *p = file_pipe(file);

	scoped_guard(spinlock_irqsave, &p->lock)
		p->seen.polled_by = current_fsuid();
	pipe_note(p, &p->seen.polls, 1);
	if (!(p->flags & TESTDEV_PIPE_MUTE)) {
		poll_wait(file, &p->queues->head[0], wait);
		if (p->flags & TESTDEV_PIPE_TWO)
			poll_wait(file, &p->queues->head[1], wait);
	}
	if (READ_ONCE(p->lies))
		return EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM;
	return (pipe_ready(p, false) ? EPOLLIN | EPOLLRDNORM : 0) |
	       (pipe_ready(p, true) ? EPOLLOUT | EPOLLWRNORM : 0);
}

static long pipe_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct testdev_pipe *p = file_pipe(file);

	scoped_guard(spinlock_irqsave, &p->lock)
		p->seen.called_by = current_fsuid();
	switch (cmd) {
	case TESTDEV_PIPE_DOUBLE:
		return arg * 2;
	case TESTDEV_PIPE_WHO:
		return task_pid_nr(current);
	default:
		return -ENOIOCTLCMD;
	}
}

static int pipe_open(struct inode *inode, struct file *file)
{
	testdev_opened();
	if (file_pipe(file)->flags & TESTDEV_PIPE_NOWAIT)
		file->f_mode |= FMODE_NOWAIT;
	return file_pipe(file)->flags & TESTDEV_PIPE_SEEKS ? 0 : nonseekable_open(inode, file);
}

static const struct file_operations pipe_fops = {
	.owner		= THIS_MODULE,
	.llseek		= noop_llseek,
	.open		= pipe_open,
	.release	= testdev_char_close,
	.read_iter	= pipe_read_iter,
	.write_iter	= pipe_write_iter,
	.poll		= pipe_poll,
	.unlocked_ioctl	= pipe_ioctl,
};

static struct pipe_queues *pipe_queues_alloc(void)
{
	struct pipe_queues *queues = kzalloc(sizeof(*queues), GFP_KERNEL);

	if (queues) {
		init_waitqueue_head(&queues->head[0]);
		init_waitqueue_head(&queues->head[1]);
	}
	return queues;
}

static void pipe_run(struct testdev_runner *runner)
{
	struct testdev_pipe *p = container_of(runner, struct testdev_pipe, runner);

	p->push.iov_len = testdev_pipe_push(p, p->push.iov_base, p->push.iov_len);
}

struct testdev_pipe *testdev_pipe_create(const char *name, unsigned int flags)
{
	struct testdev_pipe *p = kzalloc(sizeof(*p), GFP_KERNEL);
	int err = -ENOMEM;

	if (!p)
		return ERR_PTR(-ENOMEM);
	p->queues = pipe_queues_alloc();
	if (!p->queues)
		goto err_free;
	p->flags = flags;
	testdev_runner_init(&p->runner, pipe_run);
	init_waitqueue_head(&p->wait);
	spin_lock_init(&p->lock);
	snprintf(p->path, sizeof(p->path), "/dev/%s", name);
	p->misc.minor = MISC_DYNAMIC_MINOR;
	p->misc.name = name;
	p->misc.fops = &pipe_fops;
	err = misc_register(&p->misc);
	if (err)
		goto err_queues;
	return p;

err_queues:
	kfree(p->queues);
err_free:
	kfree(p);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_GPL(testdev_pipe_create);

/* Nobody has it open. */
void testdev_pipe_destroy(struct testdev_pipe *p)
{
	if (IS_ERR_OR_NULL(p))
		return;
	misc_deregister(&p->misc);
	kfree(p->queues);
	kfree(p);
}
EXPORT_SYMBOL_GPL(testdev_pipe_destroy);

const char *testdev_pipe_path(struct testdev_pipe *p)
{
	return p->path;
}
EXPORT_SYMBOL_GPL(testdev_pipe_path);

/* From the other end, as much as fits: as a peer would. */
size_t testdev_pipe_push(struct testdev_pipe *p, const void *buf, size_t len)
{
	struct kvec kvec = { .iov_base = (void *)buf, .iov_len = len };
	struct iov_iter iter;
	size_t n;

	iov_iter_kvec(&iter, ITER_SOURCE, &kvec, 1, len);
	n = pipe_move(p, &iter, true);
	pipe_wake(p, true, false);
	return n;
}
EXPORT_SYMBOL_GPL(testdev_pipe_push);

/* The same in a context of choice. */
size_t testdev_pipe_push_from(struct testdev_pipe *p, const void *buf, size_t len,
			      enum testdev_context context)
{
	p->push = (struct kvec){ .iov_base = (void *)buf, .iov_len = len };
	testdev_runner_kick(&p->runner, context);
	testdev_runner_sync(&p->runner);
	return p->push.iov_len;
}
EXPORT_SYMBOL_GPL(testdev_pipe_push_from);

size_t testdev_pipe_pull(struct testdev_pipe *p, void *buf, size_t len)
{
	struct kvec kvec = { .iov_base = buf, .iov_len = len };
	struct iov_iter iter;
	size_t n;

	iov_iter_kvec(&iter, ITER_DEST, &kvec, 1, len);
	n = pipe_move(p, &iter, false);
	pipe_wake(p, false, true);
	return n;
}
EXPORT_SYMBOL_GPL(testdev_pipe_pull);

/* Its poll says that it is ready, whatever it is. */
void testdev_pipe_lie(struct testdev_pipe *p, bool lies)
{
	WRITE_ONCE(p->lies, lies);
	pipe_wake(p, true, true);
}
EXPORT_SYMBOL_GPL(testdev_pipe_lie);

/* Wakes all who wait, for nothing. */
void testdev_pipe_wake(struct testdev_pipe *p)
{
	pipe_wake(p, true, true);
}
EXPORT_SYMBOL_GPL(testdev_pipe_wake);

/* The next call that it is about to refuse calls @hook before that. */
void testdev_pipe_hook(struct testdev_pipe *p, void (*hook)(void *private), void *private)
{
	p->private = private;
	/* Pairs with the xchg in pipe_call_hook(). */
	smp_store_release(&p->hook, hook);
}
EXPORT_SYMBOL_GPL(testdev_pipe_hook);

static unsigned int queue_length(wait_queue_head_t *head)
{
	struct list_head *entry;
	unsigned int n = 0;

	guard(spinlock_irqsave)(&head->lock);
	list_for_each(entry, &head->head)
		n++;
	return n;
}

/*
 * The queues go, as those of a task do whose signals are polled for, and its poll names
 * others from now on. Nobody else does anything with the device meanwhile.
 */
int testdev_pipe_free_queues(struct testdev_pipe *p)
{
	struct pipe_queues *old = p->queues, *new = pipe_queues_alloc();
	int i;

	if (!new)
		return -ENOMEM;
	WRITE_ONCE(p->queues, new);
	for (i = 0; i < 2; i++) {
		__wake_up(&old->head[i], TASK_NORMAL, 0, poll_to_key(EPOLLHUP | POLLFREE));
		WARN_ON_ONCE(queue_length(&old->head[i]));
	}
	kfree_rcu(old, rcu);
	return 0;
}
EXPORT_SYMBOL_GPL(testdev_pipe_free_queues);

struct testdev_pipe_seen testdev_pipe_seen(struct testdev_pipe *p)
{
	struct testdev_pipe_seen seen;

	scoped_guard(spinlock_irqsave, &p->lock)
		seen = p->seen;
	seen.watching = queue_length(&p->queues->head[0]) + queue_length(&p->queues->head[1]);
	return seen;
}
EXPORT_SYMBOL_GPL(testdev_pipe_seen);

static bool pipe_has_refused(struct testdev_pipe *p, unsigned int n)
{
	guard(spinlock_irqsave)(&p->lock);
	return p->seen.refused >= n;
}

/* Until so many calls were refused since it was made; false: that does not happen. */
bool testdev_pipe_wait_refused(struct testdev_pipe *p, unsigned int n)
{
	return wait_event_timeout(p->wait, pipe_has_refused(p, n), TESTDEV_PATIENCE);
}
EXPORT_SYMBOL_GPL(testdev_pipe_wait_refused);

bool testdev_pipe_wait_full(struct testdev_pipe *p)
{
	return wait_event_timeout(p->wait, !pipe_ready(p, true), TESTDEV_PATIENCE);
}
EXPORT_SYMBOL_GPL(testdev_pipe_wait_full);

bool testdev_pipe_wait_room(struct testdev_pipe *p)
{
	return wait_event_timeout(p->wait, pipe_ready(p, true), TESTDEV_PATIENCE);
}
EXPORT_SYMBOL_GPL(testdev_pipe_wait_room);

bool testdev_pipe_wait_empty(struct testdev_pipe *p)
{
	return wait_event_timeout(p->wait, !pipe_ready(p, false), TESTDEV_PATIENCE);
}
EXPORT_SYMBOL_GPL(testdev_pipe_wait_empty);

static bool pipe_has_inside(struct testdev_pipe *p, unsigned int n)
{
	guard(spinlock_irqsave)(&p->lock);
	return p->seen.waiting == n;
}

/* Until so many calls wait in the driver; false: that does not happen. */
bool testdev_pipe_wait_inside(struct testdev_pipe *p, unsigned int n)
{
	return wait_event_timeout(p->wait, pipe_has_inside(p, n), TESTDEV_PATIENCE);
}
EXPORT_SYMBOL_GPL(testdev_pipe_wait_inside);
