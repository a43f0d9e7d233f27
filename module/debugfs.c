// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/io_target: a directory per target, from its creation to its
 * release.
 *
 *	<name>.<nr>/state	what the target does with requests, and its device
 *	<name>.<nr>/counters	what has happened so far
 *	<name>.<nr>/requests	those in flight, by where they are
 *	<name>.<nr>/orphans	I/O whose request has ended
 *	<name>.<nr>/latency	how long requests take; write 1, 0 or reset
 *	<name>.<nr>/last_error	the last request that failed
 *
 * And the files of the fault injector, see inject_debugfs.c. Without debugfs all of
 * it is missing, and nothing else is different.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched/clock.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "stats.h"

static struct dentry *root;

static const char * const state_names[] = {
	[IO_TARGET_CLOSED]	= "closed",
	[IO_TARGET_STARTING]	= "starting",
	[IO_TARGET_STARTED]	= "started",
	[IO_TARGET_STOPPED]	= "stopped",
	[IO_TARGET_PURGED]	= "purged",
	[IO_TARGET_SUSPENDED]	= "suspended",
	[IO_TARGET_REMOVED]	= "removed",
};

static const char * const op_names[] = {
	[IO_TARGET_OP_NONE]		= "none",
	[IO_TARGET_OP_READ]		= "read",
	[IO_TARGET_OP_WRITE]		= "write",
	[IO_TARGET_OP_FLUSH]		= "flush",
	[IO_TARGET_OP_DISCARD]		= "discard",
	[IO_TARGET_OP_WRITE_ZEROES]	= "write_zeroes",
	[IO_TARGET_OP_IOCTL]		= "ioctl",
	[IO_TARGET_OP_SECURE_ERASE]	= "secure_erase",
	[IO_TARGET_OP_ZONE_OPEN]	= "zone_open",
	[IO_TARGET_OP_ZONE_CLOSE]	= "zone_close",
	[IO_TARGET_OP_ZONE_FINISH]	= "zone_finish",
	[IO_TARGET_OP_ZONE_RESET]	= "zone_reset",
	[IO_TARGET_OP_ZONE_APPEND]	= "zone_append",
};

static void show_text(struct seq_file *m, const char *name, const char *text)
{
	seq_printf(m, "%-12s %s\n", name, text);
}

static void show_number(struct seq_file *m, const char *name, u64 n)
{
	seq_printf(m, "%-12s %llu\n", name, n);
}

static void show_device(struct seq_file *m, const struct io_target_lower *lower)
{
	show_text(m, "device", lower->name);
	show_text(m, "backend", lower->backend->name);
	seq_printf(m, "%-12s%s%s%s%s\n", "opened for",
		   lower->flags & IO_TARGET_READ ? " read" : "",
		   lower->flags & IO_TARGET_WRITE ? " write" : "",
		   lower->flags & IO_TARGET_EXCL ? " excl" : "",
		   lower->flags & IO_TARGET_USER_BOUNCE ? " user-bounce" : "");
}

int iot_state_show(struct seq_file *m, void *unused)
{
	struct io_target *t = m->private;
	struct io_target_lower *lower;

	show_text(m, "name", io_target_name(t));
	show_text(m, "state", state_names[io_target_state(t)]);
	show_text(m, "wish", state_names[READ_ONCE(t->wish)]);
	guard(rcu)();
	lower = rcu_dereference(t->lower);
	if (lower)
		show_device(m, lower);
	return 0;
}

IOT_EXPORT_FOR_TESTS(iot_state_show);

int iot_counters_show(struct seq_file *m, void *unused)
{
	struct io_target_stats sum;

	io_target_get_stats(m->private, &sum);
	show_number(m, "submitted", sum.submitted);
	show_number(m, "completed", sum.completed);
	show_number(m, "in_flight", sum.submitted - sum.completed);
	show_number(m, "refused", sum.refused);
	show_number(m, "pended", sum.pended);
	show_number(m, "errors", sum.errors);
	show_number(m, "cancelled", sum.cancelled);
	show_number(m, "timed_out", sum.timed_out);
	show_number(m, "overdue", sum.overdue);
	show_number(m, "orphaned", sum.orphaned);
	show_number(m, "orphans", sum.orphaned - sum.orphan_ends);
	return 0;
}

IOT_EXPORT_FOR_TESTS(iot_counters_show);

static u64 list_length(const struct list_head *list)
{
	const struct list_head *pos;
	u64 n = 0;

	list_for_each(pos, list)
		n++;
	return n;
}

/* On the queues of the library, RCU keeps the lower. */
static u64 target_queued(struct io_target *t)
{
	struct io_target_lower *lower;
	struct iot_queue *queue;
	u64 n = 0;

	guard(rcu)();
	lower = rcu_dereference(t->lower);
	if (!lower)
		return 0;
	guard(spinlock_irqsave)(&lower->lock);
	list_for_each_entry(queue, &lower->queues, node)
		n += list_length(&queue->requests);
	return n;
}

/*
 * Not of one moment, but for those that pend and those that have ended. What is not
 * found anywhere else the device has.
 */
int iot_requests_show(struct seq_file *m, void *unused)
{
	struct io_target *t = m->private;
	u64 pended, queued, ended, all;

	scoped_guard(spinlock_irqsave, &t->lock) {
		pended = iot_nr_pended(t);
		ended = list_length(&t->ended);
	}
	queued = target_queued(t);
	all = iot_stats_in_flight(t);
	show_number(m, "pended", pended);
	show_number(m, "queued", queued);
	show_number(m, "sent", all - min(all, pended + queued + ended));
	show_number(m, "ended", ended);
	return 0;
}

IOT_EXPORT_FOR_TESTS(iot_requests_show);

/* Those of devices that have been closed, too. */
int iot_orphans_show(struct seq_file *m, void *unused)
{
	struct io_target *t = m->private;
	struct io_target_carrier *c;

	guard(spinlock_irqsave)(&t->lock);
	list_for_each_entry(c, &t->orphans, orphan_node)
		seq_printf(m, "%-12s pos %lld len %llu age %u ms\n", op_names[c->io.op],
			   c->io.pos, c->io.len, jiffies_to_msecs(jiffies - c->born));
	return 0;
}

IOT_EXPORT_FOR_TESTS(iot_orphans_show);

/* @when is as in the log, in seconds */
int iot_last_error_show(struct seq_file *m, void *unused)
{
	struct io_target *t = m->private;
	struct iot_last_error last;
	u64 us;

	scoped_guard(spinlock_irqsave, &t->lock)
		last = t->last_error;
	if (!last.err) {
		seq_puts(m, "none\n");
		return 0;
	}
	us = div_u64(last.when, NSEC_PER_USEC);
	seq_printf(m, "%-12s %d (%pe)\n", "error", last.err, ERR_PTR(last.err));
	show_text(m, "op", op_names[last.op]);
	seq_printf(m, "%-12s %lld\n", "pos", last.pos);
	show_number(m, "len", last.len);
	show_number(m, "blk_status", (__force u8)last.status);
	show_number(m, "not_sent", last.not_sent);
	seq_printf(m, "%-12s %llu.%06llu\n", "when", us / USEC_PER_SEC, us % USEC_PER_SEC);
	return 0;
}

IOT_EXPORT_FOR_TESTS(iot_last_error_show);

/* Return: 0, -EINVAL: it is none of the orders, or -ENOMEM. */
int iot_latency_write(struct io_target *t, char *text)
{
	char *word = strim(text);

	if (!strcmp(word, "1"))
		return iot_latency_set(t, true);
	if (!strcmp(word, "0"))
		return iot_latency_set(t, false);
	if (strcmp(word, "reset"))
		return -EINVAL;
	iot_latency_reset(t);
	return 0;
}

IOT_EXPORT_FOR_TESTS(iot_latency_write);

static ssize_t latency_write(struct file *file, const char __user *from, size_t count,
			     loff_t *pos)
{
	char text[8] = {};
	int err;

	if (count >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, from, count))
		return -EFAULT;
	err = iot_latency_write(file_inode(file)->i_private, text);
	return err ?: count;
}

static int latency_open(struct inode *inode, struct file *file)
{
	return single_open(file, iot_latency_show, inode->i_private);
}

static const struct file_operations latency_fops = {
	.owner		= THIS_MODULE,
	.open		= latency_open,
	.read		= seq_read,
	.write		= latency_write,
	.llseek		= seq_lseek,
	.release	= single_release,
};

DEFINE_SHOW_ATTRIBUTE(iot_state);
DEFINE_SHOW_ATTRIBUTE(iot_counters);
DEFINE_SHOW_ATTRIBUTE(iot_requests);
DEFINE_SHOW_ATTRIBUTE(iot_orphans);
DEFINE_SHOW_ATTRIBUTE(iot_last_error);

/* A name that is in use, or has a slash in it, is legal for a target. */
void iot_debugfs_add(struct io_target *t)
{
	char name[sizeof(t->name) + 12];
	struct dentry *dir;

	snprintf(name, sizeof(name), "%s.%u", t->name[0] ? t->name : "target", t->nr);
	strreplace(name, '/', '!');
	dir = debugfs_create_dir(name, root);
	t->debugfs = dir;
	debugfs_create_file("state", 0400, dir, t, &iot_state_fops);
	debugfs_create_file("counters", 0400, dir, t, &iot_counters_fops);
	debugfs_create_file("requests", 0400, dir, t, &iot_requests_fops);
	debugfs_create_file("orphans", 0400, dir, t, &iot_orphans_fops);
	debugfs_create_file("last_error", 0400, dir, t, &iot_last_error_fops);
	debugfs_create_file("latency", 0600, dir, t, &latency_fops);
	iot_inject_debugfs_target(t, dir);
}

/* On return nobody is in one of the target's files. */
void iot_debugfs_remove(struct io_target *t)
{
	debugfs_remove(t->debugfs);
}

void iot_debugfs_init(void)
{
	root = debugfs_create_dir("io_target", NULL);
	iot_inject_debugfs(root);
}

void iot_debugfs_exit(void)
{
	debugfs_remove(root);
}
