// SPDX-License-Identifier: GPL-2.0
/*
 * A char device as a tty is one: what is written to it can be read from it, in pieces as
 * they fit; who finds it empty, or full, waits, unless it was opened with O_NONBLOCK; it
 * can be polled, and has an ioctl. It knows of no IOCB_NOWAIT.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "testdev.h"

struct testdev_pipe {
	struct miscdevice	misc;
	char			path[32];
	wait_queue_head_t	wait;	/* for anything below to change */
	spinlock_t		lock;
	u8			data[TESTDEV_PIPE_ROOM];
	unsigned int		fill;
	bool			lies;
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

	guard(spinlock)(&p->lock);
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
	guard(spinlock)(&p->lock);
	return write ? p->fill < TESTDEV_PIPE_ROOM : p->fill > 0;
}

static void pipe_note(struct testdev_pipe *p, unsigned int *what, int n)
{
	spin_lock(&p->lock);
	*what += n;
	spin_unlock(&p->lock);
	wake_up_all(&p->wait);
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
			wake_up_all(&p->wait);
		if (!iov_iter_count(iter) || (done && !write))
			return done;
		if (iocb->ki_filp->f_flags & O_NONBLOCK) {
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

	poll_wait(file, &p->wait, wait);
	if (READ_ONCE(p->lies))
		return EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM;
	return (pipe_ready(p, false) ? EPOLLIN | EPOLLRDNORM : 0) |
	       (pipe_ready(p, true) ? EPOLLOUT | EPOLLWRNORM : 0);
}

static long pipe_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return cmd == TESTDEV_PIPE_DOUBLE ? arg * 2 : -ENOIOCTLCMD;
}

static const struct file_operations pipe_fops = {
	.owner		= THIS_MODULE,
	.open		= nonseekable_open,
	.read_iter	= pipe_read_iter,
	.write_iter	= pipe_write_iter,
	.poll		= pipe_poll,
	.unlocked_ioctl	= pipe_ioctl,
};

struct testdev_pipe *testdev_pipe_create(const char *name)
{
	struct testdev_pipe *p = kzalloc(sizeof(*p), GFP_KERNEL);
	int err;

	if (!p)
		return ERR_PTR(-ENOMEM);
	init_waitqueue_head(&p->wait);
	spin_lock_init(&p->lock);
	snprintf(p->path, sizeof(p->path), "/dev/%s", name);
	p->misc.minor = MISC_DYNAMIC_MINOR;
	p->misc.name = name;
	p->misc.fops = &pipe_fops;
	err = misc_register(&p->misc);
	if (err) {
		kfree(p);
		return ERR_PTR(err);
	}
	return p;
}
EXPORT_SYMBOL_GPL(testdev_pipe_create);

/* Nobody has it open. */
void testdev_pipe_destroy(struct testdev_pipe *p)
{
	if (IS_ERR_OR_NULL(p))
		return;
	misc_deregister(&p->misc);
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
	wake_up_all(&p->wait);
	return n;
}
EXPORT_SYMBOL_GPL(testdev_pipe_push);

size_t testdev_pipe_pull(struct testdev_pipe *p, void *buf, size_t len)
{
	struct kvec kvec = { .iov_base = buf, .iov_len = len };
	struct iov_iter iter;
	size_t n;

	iov_iter_kvec(&iter, ITER_DEST, &kvec, 1, len);
	n = pipe_move(p, &iter, false);
	wake_up_all(&p->wait);
	return n;
}
EXPORT_SYMBOL_GPL(testdev_pipe_pull);

/* Its poll says that it is ready, whatever it is. */
void testdev_pipe_lie(struct testdev_pipe *p, bool lies)
{
	WRITE_ONCE(p->lies, lies);
	wake_up_all(&p->wait);
}
EXPORT_SYMBOL_GPL(testdev_pipe_lie);

struct testdev_pipe_seen testdev_pipe_seen(struct testdev_pipe *p)
{
	guard(spinlock)(&p->lock);
	return p->seen;
}
EXPORT_SYMBOL_GPL(testdev_pipe_seen);

static bool pipe_has_refused(struct testdev_pipe *p, unsigned int n)
{
	guard(spinlock)(&p->lock);
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
