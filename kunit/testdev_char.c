// SPDX-License-Identifier: GPL-2.0
/*
 * A char device that answers, waits, refuses to wait, or answers later, as the
 * test says. Stream kinds read and write from positions of their own, both
 * over the same store.
 */
#include <linux/completion.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "testdev_char.h"

/**
 * struct testdev_char - one device
 * @misc: its node
 * @config: as made
 * @path: of its node
 * @store: its contents
 * @runner: ends what is due
 * @wait: for @nr_held to grow
 * @lock: irqsave
 * @behaviour: of calls to come
 * @held: calls that the test is to release
 * @nr_held: their number
 * @due: calls to be ended by @runner
 * @seen: see there
 * @place: where a stream goes on, [0] reading, [1] writing
 */
struct testdev_char {
	struct miscdevice		misc;
	struct testdev_char_config	config;
	char				path[32];
	struct testdev_store		store;
	struct testdev_runner		runner;
	wait_queue_head_t		wait;
	spinlock_t			lock;	/* of all below */
	struct testdev_char_behaviour	behaviour;
	struct list_head		held;
	unsigned int			nr_held;
	struct list_head		due;
	struct testdev_char_seen	seen;
	u64				place[2];
};

/**
 * struct char_call - one call of the driver
 * @node: on held or due
 * @iocb: whose
 * @iter: the caller's, copied: his may be gone by the time this ends
 * @limit: bytes at most
 * @result: instead of a transfer, if it is not positive; else bytes at most
 * @write: direction
 * @waiter: who waits inside the driver, or NULL
 */
struct char_call {
	struct list_head	node;
	struct kiocb		*iocb;
	struct iov_iter		iter;
	ssize_t			limit;
	s64			result;
	bool			write;
	struct completion	*waiter;
};

static struct testdev_char *file_char(struct file *file)
{
	return container_of(file->private_data, struct testdev_char, misc);
}

static void char_enter(struct testdev_char *c, struct kiocb *iocb, bool write)
{
	struct testdev_char_seen *seen = &c->seen;

	seen->calls[write]++;
	seen->nowait += iocb->ki_flags & IOCB_NOWAIT ? 1 : 0;
	seen->dsync += iocb->ki_flags & IOCB_DSYNC ? 1 : 0;
	seen->says_write += iocb->ki_flags & IOCB_WRITE ? 1 : 0;
	seen->inside[write]++;
	seen->most_inside[write] = max(seen->most_inside[write], seen->inside[write]);
	seen->fsuid = current_fsuid();
	seen->pid = current->pid;
}

static ssize_t char_leave(struct testdev_char *c, bool write, ssize_t result)
{
	guard(spinlock_irqsave)(&c->lock);
	c->seen.inside[write]--;
	return result;
}

static ssize_t char_transfer(struct testdev_char *c, struct char_call *call)
{
	bool stream = c->config.kind != TESTDEV_SEEKABLE;
	u64 pos = stream ? c->place[call->write] : call->iocb->ki_pos;
	size_t len = min_t(u64, iov_iter_count(&call->iter), call->limit);

	if (!stream)
		len = min_t(u64, len, pos < c->config.size ? c->config.size - pos : 0);
	if (call->write && !stream && !len && iov_iter_count(&call->iter))
		return -ENOSPC;
	len = testdev_store_iter(&c->store, pos, &call->iter, len, call->write);
	if (stream)
		c->place[call->write] += len;
	else
		call->iocb->ki_pos += len;
	return len;
}

static ssize_t char_result(struct testdev_char *c, struct char_call *call)
{
	if (call->result <= 0)
		return call->result;
	call->limit = min_t(s64, call->limit, call->result);
	return char_transfer(c, call);
}

/* Ends a call that was not ended at once. Context: any. */
static void char_end(struct testdev_char *c, struct char_call *call)
{
	struct kiocb *iocb = call->iocb;
	ssize_t result;

	if (call->waiter) {
		complete(call->waiter);
		return;
	}
	result = char_leave(c, call->write, char_result(c, call));
	kfree(call);
	iocb->ki_complete(iocb, result);
}

static void char_run(struct testdev_runner *runner)
{
	struct testdev_char *c = container_of(runner, struct testdev_char, runner);
	struct char_call *call;

	do {
		scoped_guard(spinlock_irqsave, &c->lock) {
			call = list_first_entry_or_null(&c->due, struct char_call, node);
			if (call)
				list_del_init(&call->node);
		}
		if (call)
			char_end(c, call);
	} while (call);
}

/*
 * Holds a call until a test releases it, or until it is due. A test that lets go of all
 * that is held has said before how the device behaves from then on: a call that came before
 * that and is not held yet is due, or it would stay for ever.
 */
static void char_put_off(struct testdev_char *c, struct char_call *call,
			 const struct testdev_char_behaviour *b)
{
	bool due;

	scoped_guard(spinlock_irqsave, &c->lock) {
		due = b->mode == TESTDEV_LATE || c->behaviour.mode == TESTDEV_NOW;
		list_add_tail(&call->node, due ? &c->due : &c->held);
		c->nr_held += !due;
	}
	if (due)
		testdev_runner_kick(&c->runner, b->context);
	else
		wake_up(&c->wait);
}

/* Unless it is released just now. */
static bool char_take_back(struct testdev_char *c, struct char_call *call)
{
	struct char_call *held;

	guard(spinlock_irqsave)(&c->lock);
	list_for_each_entry(held, &c->held, node) {
		if (held != call)
			continue;
		list_del_init(&call->node);
		c->nr_held--;
		c->seen.interrupted++;
		return true;
	}
	return false;
}

static ssize_t char_block(struct testdev_char *c, struct char_call *call,
			  const struct testdev_char_behaviour *b)
{
	DECLARE_COMPLETION_ONSTACK(released);

	int err = 0;

	call->waiter = &released;
	char_put_off(c, call, b);
	if (b->mode == TESTDEV_BLOCK_SIGNAL)
		err = wait_for_completion_interruptible(&released);
	else if (b->mode == TESTDEV_BLOCK_KILLABLE)
		err = wait_for_completion_killable(&released);
	else
		wait_for_completion(&released);
	if (err && char_take_back(c, call))
		return err;
	if (err)
		wait_for_completion(&released);
	return char_result(c, call);
}

/* Who has no function to be called waits here. */
static ssize_t char_queue(struct testdev_char *c, struct char_call *like,
			  const struct testdev_char_behaviour *b)
{
	struct char_call *call;

	if (is_sync_kiocb(like->iocb))
		return char_block(c, like, b);
	call = kmemdup(like, sizeof(*like), GFP_KERNEL);
	if (!call)
		return -ENOMEM;
	char_put_off(c, call, b);
	return -EIOCBQUEUED;
}

static ssize_t char_carry_out(struct testdev_char *c, struct char_call *call,
			      const struct testdev_char_behaviour *b)
{
	if (b->error)
		return b->error;
	if (b->privileged && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (call->write && testdev_store_reserve(&c->store, c->config.kind == TESTDEV_SEEKABLE ?
						 call->iocb->ki_pos : c->place[true],
						 iov_iter_count(&call->iter)))
		return -ENOMEM;
	switch (b->mode) {
	case TESTDEV_NOW:
		return char_result(c, call);
	case TESTDEV_BLOCK:
	case TESTDEV_BLOCK_KILLABLE:
	case TESTDEV_BLOCK_SIGNAL:
		return char_block(c, call, b);
	default:
		return char_queue(c, call, b);
	}
}

ssize_t testdev_char_io(struct kiocb *iocb, struct iov_iter *iter, bool write)
{
	struct testdev_char *c = file_char(iocb->ki_filp);
	struct testdev_char_behaviour b;
	struct char_call call = { .iocb = iocb, .iter = *iter, .write = write,
				  .result = TESTDEV_ALL };
	ssize_t result;

	if (c->config.user_iter && !user_backed_iter(iter))
		return -EFAULT;
	scoped_guard(spinlock_irqsave, &c->lock) {
		char_enter(c, iocb, write);
		b = c->behaviour;
	}
	call.limit = b.limit ?: TESTDEV_ALL;
	if (iocb->ki_flags & IOCB_NOWAIT) {
		if (b.nowait_limit)
			call.limit = b.nowait_limit;
		if (call.limit < 0 || b.mode >= TESTDEV_BLOCK)
			return char_leave(c, write, -EAGAIN);
	}
	result = char_carry_out(c, &call, &b);
	if (result == -EIOCBQUEUED)
		return result;
	*iter = call.iter;
	return char_leave(c, write, result);
}

static ssize_t char_read_iter(struct kiocb *iocb, struct iov_iter *iter)
{
	return testdev_char_io(iocb, iter, false);
}

static ssize_t char_write_iter(struct kiocb *iocb, struct iov_iter *iter)
{
	return testdev_char_io(iocb, iter, true);
}

static int char_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	struct testdev_char *c = file_char(file);

	guard(spinlock_irqsave)(&c->lock);
	c->seen.fsyncs++;
	c->seen.fsuid = current_fsuid();
	return c->behaviour.error;
}

static loff_t char_llseek(struct file *file, loff_t offset, int whence)
{
	struct testdev_char *c = file_char(file);

	scoped_guard(spinlock_irqsave, &c->lock)
		c->seen.pos_locked = mutex_is_locked(&file->f_pos_lock);
	return fixed_size_llseek(file, offset, whence, c->config.size);
}

static int char_open(struct inode *inode, struct file *file)
{
	struct testdev_char *c = file_char(file);

	if (c->config.nowait)
		file->f_mode |= FMODE_NOWAIT;
	scoped_guard(spinlock_irqsave, &c->lock)
		c->seen.open_flags = file->f_flags;
	testdev_opened();
	if (c->config.kind == TESTDEV_STREAM)
		return stream_open(inode, file);
	if (c->config.kind == TESTDEV_NONSEEKABLE)
		return nonseekable_open(inode, file);
	return 0;
}

static const struct file_operations char_fops = {
	.owner		= THIS_MODULE,
	.open		= char_open,
	.release	= testdev_char_close,
	.llseek		= char_llseek,
	.read_iter	= char_read_iter,
	.write_iter	= char_write_iter,
	.fsync		= char_fsync,
};

static const struct file_operations char_fops_no_fsync = {
	.owner		= THIS_MODULE,
	.open		= char_open,
	.release	= testdev_char_close,
	.llseek		= char_llseek,
	.read_iter	= char_read_iter,
	.write_iter	= char_write_iter,
};

static const struct file_operations char_fops_user = {
	.owner		= THIS_MODULE,
	.open		= char_open,
	.release	= testdev_char_close,
	.llseek		= char_llseek,
	.read		= testdev_char_read,
	.write		= testdev_char_write,
	.fsync		= char_fsync,
	.unlocked_ioctl	= testdev_char_ioctl,
};

static const struct file_operations *char_choose(const struct testdev_char_config *config)
{
	if (config->user_only)
		return &char_fops_user;
	return config->no_fsync ? &char_fops_no_fsync : &char_fops;
}

struct testdev_char *testdev_char_create(const struct testdev_char_config *config)
{
	struct testdev_char *c = kzalloc(sizeof(*c), GFP_KERNEL);
	int err;

	if (!c)
		return ERR_PTR(-ENOMEM);
	c->config = *config;
	testdev_store_init(&c->store);
	testdev_runner_init(&c->runner, char_run);
	init_waitqueue_head(&c->wait);
	spin_lock_init(&c->lock);
	INIT_LIST_HEAD(&c->held);
	INIT_LIST_HEAD(&c->due);
	snprintf(c->path, sizeof(c->path), "/dev/%s", config->name);
	c->misc.minor = MISC_DYNAMIC_MINOR;
	c->misc.name = config->name;
	c->misc.fops = char_choose(config);
	err = misc_register(&c->misc);
	if (err) {
		kfree(c);
		return ERR_PTR(err);
	}
	return c;
}
EXPORT_SYMBOL_GPL(testdev_char_create);

/* Nobody has it open. */
void testdev_char_destroy(struct testdev_char *c)
{
	if (IS_ERR_OR_NULL(c))
		return;
	misc_deregister(&c->misc);
	testdev_char_reset(c);
	kfree(c);
}
EXPORT_SYMBOL_GPL(testdev_char_destroy);

/* As new. Whatever is held is ended; no calls come in meanwhile. */
void testdev_char_reset(struct testdev_char *c)
{
	testdev_char_behave(c, &(struct testdev_char_behaviour){});
	testdev_char_release_all(c, TESTDEV_ALL, TESTDEV_TASK);
	testdev_runner_sync(&c->runner);
	testdev_store_free(&c->store);
	guard(spinlock_irqsave)(&c->lock);
	c->seen = (struct testdev_char_seen){};
	c->place[0] = 0;
	c->place[1] = 0;
}
EXPORT_SYMBOL_GPL(testdev_char_reset);

const char *testdev_char_path(struct testdev_char *c)
{
	return c->path;
}
EXPORT_SYMBOL_GPL(testdev_char_path);

struct testdev_store *testdev_char_store(struct testdev_char *c)
{
	return &c->store;
}
EXPORT_SYMBOL_GPL(testdev_char_store);

void testdev_char_behave(struct testdev_char *c, const struct testdev_char_behaviour *b)
{
	guard(spinlock_irqsave)(&c->lock);
	c->behaviour = *b;
}
EXPORT_SYMBOL_GPL(testdev_char_behave);

static bool char_holds(struct testdev_char *c, unsigned int count)
{
	guard(spinlock_irqsave)(&c->lock);
	return c->nr_held >= count;
}

/* Until @count calls are held; false if that does not happen. */
bool testdev_char_wait_held(struct testdev_char *c, unsigned int count)
{
	return wait_event_timeout(c->wait, char_holds(c, count), TESTDEV_PATIENCE);
}
EXPORT_SYMBOL_GPL(testdev_char_wait_held);

static void char_finish(struct testdev_char *c, enum testdev_context context)
{
	if (context == TESTDEV_TASK) {
		char_run(&c->runner);
		return;
	}
	testdev_runner_kick(&c->runner, context);
	testdev_runner_sync(&c->runner);
}

static void char_due(struct testdev_char *c, struct char_call *call, s64 result)
{
	call->result = result;
	list_move_tail(&call->node, &c->due);
	c->nr_held--;
}

/* Lets the held call at @index, 0 the oldest, go on or end. */
void testdev_char_release(struct testdev_char *c, unsigned int index, s64 result,
			  enum testdev_context context)
{
	struct char_call *call;
	bool found = false;

	scoped_guard(spinlock_irqsave, &c->lock) {
		list_for_each_entry(call, &c->held, node) {
			if (index--)
				continue;
			char_due(c, call, result);
			found = true;
			break;
		}
	}
	if (!WARN_ON_ONCE(!found))
		char_finish(c, context);
}
EXPORT_SYMBOL_GPL(testdev_char_release);

/* The same for all that are held now, oldest first. */
void testdev_char_release_all(struct testdev_char *c, s64 result,
			      enum testdev_context context)
{
	struct char_call *call, *next;

	scoped_guard(spinlock_irqsave, &c->lock)
		list_for_each_entry_safe(call, next, &c->held, node)
			char_due(c, call, result);
	char_finish(c, context);
}
EXPORT_SYMBOL_GPL(testdev_char_release_all);

struct testdev_char_seen testdev_char_seen(struct testdev_char *c)
{
	guard(spinlock_irqsave)(&c->lock);
	return c->seen;
}
EXPORT_SYMBOL_GPL(testdev_char_seen);
