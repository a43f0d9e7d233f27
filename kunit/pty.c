// SPDX-License-Identifier: GPL-2.0
/*
 * A pty, see pty.h.
 */
#include <linux/poll.h>
#include <linux/tty.h>

#include "pty.h"

static struct iot_file *file_of(struct io_target *t)
{
	return iot_lower_file(rcu_dereference_protected(t->lower, true));
}

static struct tty_struct *tty_of(struct io_target *t)
{
	return ((struct tty_file_private *)file_of(t)->file->private_data)->tty;
}

void pty_raw(struct io_target *slave)
{
	struct tty_struct *tty = tty_of(slave);
	struct ktermios raw = tty->termios;

	raw.c_iflag = 0;
	raw.c_oflag = 0;
	raw.c_lflag = 0;
	tty_set_termios(tty, &raw);
}

/*
 * A slave is locked until its master's TIOCSPTLCK, which wants a pointer of a user's. A
 * thread of the kernel has none.
 */
struct pty *pty_open(struct kunit *test)
{
	struct pty *p = kunit_kzalloc(test, sizeof(*p), GFP_KERNEL);
	struct tty_struct *tty;
	char path[32];

	KUNIT_ASSERT_NOT_NULL(test, p);
	p->master = device_open(test, "/dev/ptmx", RW);
	tty = tty_of(p->master);
	clear_bit(TTY_PTY_LOCK, &tty->flags);
	snprintf(path, sizeof(path), "/dev/pts/%d", tty->index);
	p->slave = device_open(test, path, RW);
	KUNIT_ASSERT_PTR_EQ(test, tty_of(p->slave), tty->link);
	pty_raw(p->slave);
	return p;
}

struct looking {
	poll_table		table;
	struct pty_queues	seen;
};

static void look_at(struct file *file, wait_queue_head_t *head, poll_table *table)
{
	struct pty_queues *seen = &container_of(table, struct looking, table)->seen;
	struct list_head *entry;

	if (WARN_ON_ONCE(seen->n == PTY_QUEUES))
		return;
	guard(spinlock_irqsave)(&head->lock);
	list_for_each(entry, &head->head)
		seen->entries[seen->n]++;
	seen->n++;
}

struct pty_queues pty_queues(struct io_target *t)
{
	struct looking looking = {};

	init_poll_funcptr(&looking.table, look_at);
	vfs_poll(file_of(t)->file, &looking.table);
	return looking.seen;
}

static unsigned int lane_workers(struct iot_lane *lane)
{
	unsigned int n, i;

	n = !!work_busy(&lane->wake) + !!work_busy(&lane->look.work);
	for (i = 0; i < IOT_LANE_WIDTH; i++)
		n += !!work_busy(&lane->servers[i].work);
	return n;
}

unsigned int pty_workers(struct io_target *t)
{
	struct iot_file *f = file_of(t);

	return lane_workers(&f->read) + lane_workers(&f->write) + lane_workers(&f->any);
}
