// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting for a driver to be ready, outside of it: for whom it can be asked to refuse
 * rather than to wait, and has a ->poll.
 *
 * We have one entry in each of the driver's queues, however many wait. It wakes lanes
 * (for requests, which need no thread meanwhile), and the target's own queue, idle_wait,
 * where callers wait, whom signals and changes of the target's state can have back. So no
 * poller of a file above has an entry in a driver's queue, which he might keep for
 * longer than the device is open.
 */
#include <linux/cred.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>

#include "file.h"

static void watch_wake_lanes(struct iot_file *f, __poll_t events)
{
	if (events & iot_file_events(false))
		iot_lane_wake(&f->read);
	if (events & iot_file_events(true))
		iot_lane_wake(&f->write);
}

/* Context: any, under the lock of the driver's queue. */
static int watch_wake(wait_queue_entry_t *entry, unsigned int mode, int sync, void *key)
{
	struct iot_watch *w = container_of(entry, struct iot_watch, entry);
	__poll_t events = key_to_poll(key) & ~POLLFREE;
	struct iot_file *f = w->f;

	/* Whoever finds the driver not ready looks where to wait for it from now on. */
	if (key_to_poll(key) & POLLFREE)
		WRITE_ONCE(f->watched, IOT_UNWATCHED);
	/* Who says nothing of what has happened means anything. */
	events = events ?: (__force __poll_t)~0 & ~POLLFREE;
	wake_up_poll(&f->read.lower->target->idle_wait, events);
	watch_wake_lanes(f, events);
	if (key_to_poll(key) & POLLFREE) {
		/* The queue goes now, after a grace period for iot_file_unwatch(). */
		list_del_init(&entry->entry);
		/*
		 * Last: who sees this leaves the queue and its lock alone, and so does not
		 * wait for us before @f goes.
		 */
		smp_store_release(&w->head, NULL);
	}
	return 0;
}

/* What a driver's ->poll() calls. */
struct watching {
	poll_table		table;
	struct iot_file		*f;
};

/* One that is free, unless @head has one already. */
static struct iot_watch *watch_find(struct iot_file *f, const wait_queue_head_t *head)
{
	struct iot_watch *free = NULL;
	unsigned int i;

	for (i = 0; i < IOT_FILE_WATCHES; i++) {
		struct iot_watch *w = &f->watches[i];
		/* Pairs with the release in watch_wake(). */
		wait_queue_head_t *has = smp_load_acquire(&w->head);

		if (has == head)
			return NULL;
		if (!has)
			free = w;
	}
	f->missed |= !free;
	return free;
}

static void watch_queue(struct file *file, wait_queue_head_t *head, poll_table *table)
{
	struct iot_file *f = container_of(table, struct watching, table)->f;
	struct iot_watch *w = watch_find(f, head);

	if (!w)
		return;
	w->f = f;
	w->head = head;
	init_waitqueue_func_entry(&w->entry, watch_wake);
	add_wait_queue(head, &w->entry);
}

static bool file_watches(struct iot_file *f)
{
	unsigned int i;

	for (i = 0; i < IOT_FILE_WATCHES; i++)
		if (READ_ONCE(f->watches[i].head))
			return true;
	return false;
}

/*
 * From now on, until the file is closed, the driver's queues wake lanes and the target's
 * waiters. The queues that a driver names are taken to be always the same, unless it has
 * freed one; one that has named none is asked again (a tun has none before its ioctl).
 * The file is kept open by a gate, or by a use of its lower.
 */
void iot_file_watch(struct iot_file *f)
{
	struct watching ing = { .f = f };

	/* Pairs with the cmpxchg below: all queues have been entered. */
	if (smp_load_acquire(&f->watched) == IOT_WATCHED)
		return;
	guard(mutex)(&f->lock);
	if (f->watched == IOT_WATCHED)
		return;
	WRITE_ONCE(f->watched, IOT_WATCH_BEGUN);
	init_poll_funcptr(&ing.table, watch_queue);
	vfs_poll(f->file, &ing.table);
	/* Unless one of them has gone meanwhile, of which lanes have been told. */
	if (file_watches(f))
		cmpxchg(&f->watched, IOT_WATCH_BEGUN, IOT_WATCHED);
}

/* The file is about to be closed; nobody asks to watch it any more. */
void iot_file_unwatch(struct iot_file *f)
{
	unsigned int i;

	for (i = 0; i < IOT_FILE_WATCHES; i++) {
		wait_queue_head_t *head;

		guard(rcu)();
		/* Pairs with the release in watch_wake(). */
		head = smp_load_acquire(&f->watches[i].head);
		if (head)
			remove_wait_queue(head, &f->watches[i].entry);
	}
}

/* Is there a queue that would tell, and none that would not be heard? */
static bool file_hears(struct iot_file *f)
{
	return !f->missed && file_watches(f);
}

/* For the lane of one direction. May sleep in the driver's ->poll(). */
enum iot_ready iot_file_ready(struct iot_lane *lane)
{
	struct iot_file *f = iot_lower_file(lane->lower);
	const struct cred *old = override_creds(f->file->f_cred);
	__poll_t events;

	iot_file_watch(f);
	events = vfs_poll(f->file, NULL);
	revert_creds(old);
	if (events & iot_file_events(lane == &f->write))
		return IOT_READY_NOW;
	return file_hears(f) ? IOT_READY_LATER : IOT_READY_UNKNOWN;
}

static int file_wait_more(struct io_target *t, struct wait_queue_entry *wait, long timeout)
{
	enum io_target_state state = io_target_state(t);

	/* While the target is being started it is one of those that start has sent. */
	if (state != IO_TARGET_STARTED && state != IO_TARGET_STARTING)
		return -EAGAIN;
	if (signal_pending(current))
		return -ERESTARTSYS;
	wait_woken(wait, TASK_INTERRUPTIBLE, timeout);
	return 0;
}

/*
 * The driver has refused a caller, for the @refused time in a row. Waits until it says
 * that it is ready; also for a moment more when it does not mean it, since its callers
 * would spin. A driver of which nothing is heard is asked now and then.
 * Return: 0. -EAGAIN: the target is not started any more. -ERESTARTSYS.
 */
int iot_file_wait(struct io_target *t, struct iot_file *f, bool write, unsigned int refused)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	long look = 1;
	int err = 0;

	iot_file_watch(f);
	add_wait_queue(&t->idle_wait, &wait);
	if (refused > IOT_LANE_REFUSALS)
		err = file_wait_more(t, &wait, 1);
	while (!err && !(vfs_poll(f->file, NULL) & iot_file_events(write))) {
		err = file_wait_more(t, &wait, file_hears(f) ? MAX_SCHEDULE_TIMEOUT : look);
		look = min(2 * look, IOT_LOOK_LAST);
	}
	remove_wait_queue(&t->idle_wait, &wait);
	return err;
}
