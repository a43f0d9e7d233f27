// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting for a driver to be ready, outside of it: for whom it can be asked to refuse
 * rather than to wait (O_NONBLOCK, and a ->poll).
 *
 * Who waits there can be had back: by a signal, and by a change of the target's state.
 * All wait in the target's own queue, idle_wait, which the driver's queues wake through
 * one entry of ours in each. So no poller of a file above has an entry in a driver's
 * queue, which he might keep for longer than the device is open.
 */
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>

#include "file.h"

/* Context: any, under the lock of the driver's queue. */
static int watch_wake(wait_queue_entry_t *entry, unsigned int mode, int sync, void *key)
{
	struct iot_watch *w = container_of(entry, struct iot_watch, entry);

	__poll_t events = key_to_poll(key) & ~POLLFREE;

	/* Who says nothing of what has happened means anything. */
	wake_up_poll(&w->target->idle_wait, events ?: (__force __poll_t)~0 & ~POLLFREE);
	if (key_to_poll(key) & POLLFREE) {
		/* The queue goes now, after a grace period for iot_file_unwatch(). */
		list_del_init(&entry->entry);
		/* The last that is done with it: who sees this leaves the queue alone. */
		smp_store_release(&w->head, NULL);
	}
	return 0;
}

/* What a driver's ->poll() calls. */
struct watching {
	poll_table		table;
	struct io_target	*target;
	struct iot_file		*f;
};

static void watch_queue(struct file *file, wait_queue_head_t *head, poll_table *table)
{
	struct watching *ing = container_of(table, struct watching, table);
	struct iot_file *f = ing->f;
	struct iot_watch *w;

	if (WARN_ON_ONCE(f->nr_watches == IOT_FILE_WATCHES))
		return;
	w = &f->watches[f->nr_watches++];
	w->target = ing->target;
	w->head = head;
	init_waitqueue_func_entry(&w->entry, watch_wake);
	add_wait_queue(head, &w->entry);
}

/*
 * From now on, until the file is closed, the driver's queues wake the target's waiters.
 * The queues that a driver names are taken to be always the same. The file is kept open
 * by a gate, or by a use of its lower.
 */
void iot_file_watch(struct io_target *t, struct iot_file *f)
{
	struct watching ing = { .target = t, .f = f };

	/* Pairs with the release below: all queues have been entered. */
	if (smp_load_acquire(&f->watched))
		return;
	guard(mutex)(&f->lock);
	if (f->watched)
		return;
	init_poll_funcptr(&ing.table, watch_queue);
	vfs_poll(f->file, &ing.table);
	/* Pairs with the acquire above. */
	smp_store_release(&f->watched, true);
}

/* The file is about to be closed; nobody asks to watch it any more. */
void iot_file_unwatch(struct iot_file *f)
{
	unsigned int i;

	for (i = 0; i < f->nr_watches; i++) {
		wait_queue_head_t *head;

		guard(rcu)();
		/* Pairs with the release in watch_wake(). */
		head = smp_load_acquire(&f->watches[i].head);
		if (head)
			remove_wait_queue(head, &f->watches[i].entry);
	}
}

/* Times in a row that a driver may say that it is ready, and refuse all the same */
#define REFUSALS	3

/* @mode: of the sleep. One that is interruptible is for callers, who care for the state. */
static int file_wait_more(struct io_target *t, struct wait_queue_entry *wait, unsigned int mode,
			  long timeout)
{
	if (mode == TASK_INTERRUPTIBLE) {
		if (io_target_state(t) != IO_TARGET_STARTED)
			return -EAGAIN;
		if (signal_pending(current))
			return -ERESTARTSYS;
	}
	wait_woken(wait, mode, timeout);
	return 0;
}

/*
 * The driver has refused, for the @refused time in a row. Waits until it says that it is
 * ready; also for a moment more when it does not mean it, since its callers would spin.
 * Return: 0. With TASK_INTERRUPTIBLE also -EAGAIN: the target is not started any more;
 * -ERESTARTSYS.
 */
int iot_file_wait(struct io_target *t, struct iot_file *f, bool write, unsigned int mode,
		  unsigned int refused)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	int err = 0;

	iot_file_watch(t, f);
	add_wait_queue(&t->idle_wait, &wait);
	if (refused > REFUSALS)
		err = file_wait_more(t, &wait, mode, 1);
	while (!err && !(vfs_poll(f->file, NULL) & iot_file_events(write)))
		err = file_wait_more(t, &wait, mode, MAX_SCHEDULE_TIMEOUT);
	remove_wait_queue(&t->idle_wait, &wait);
	return err;
}
