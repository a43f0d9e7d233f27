/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The file backend's device: what file.c, which carries out requests, shares with
 * file_wait.c and forward_file.c.
 */
#ifndef _IO_TARGET_FILE_H
#define _IO_TARGET_FILE_H

#include <linux/fs.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/wait.h>

#include "lane.h"

/* Wait queues that a driver's ->poll() may name: one for each direction, and some */
#define IOT_FILE_WATCHES	4

/**
 * struct iot_watch - our entry on one of the driver's wait queues
 * @entry: wakes the target's waiters
 * @head: the queue, or NULL; its owner may free it before the file is closed
 * @target: whose waiters
 */
struct iot_watch {
	wait_queue_entry_t	entry;
	wait_queue_head_t	*head;
	struct io_target	*target;
};

/**
 * struct iot_file - an open file below a target
 * @file: our reference
 * @wq: of the lanes' threads; its own, so that a stuck driver holds up no other.
 *	Not for reclaim: drivers (tty) flush work that is not, which such a queue
 *	must not wait for
 * @read: lane of a stream's reads
 * @write: lane of a stream's writes
 * @any: lane of all else
 * @refuses: @file has O_NONBLOCK, by us: who is refused waits for it to be ready
 * @lock: the position of @file, and watching
 * @watched: its readiness wakes waiters of the target
 * @nr_watches: of @watches
 * @watches: where we wait
 */
struct iot_file {
	struct file		*file;
	struct workqueue_struct	*wq;
	struct iot_lane		read;
	struct iot_lane		write;
	struct iot_lane		any;
	bool			refuses;
	struct mutex		lock;	/* see above */
	bool			watched;
	unsigned int		nr_watches;
	struct iot_watch	watches[IOT_FILE_WATCHES];
};

static inline struct iot_file *iot_lower_file(const struct io_target_lower *lower)
{
	return lower->data;
}

/* What a transfer of this direction waits for; an error or a hangup ends the wait, too. */
static inline __poll_t iot_file_events(bool write)
{
	return EPOLLERR | EPOLLHUP | (write ? EPOLLOUT | EPOLLWRNORM : EPOLLIN | EPOLLRDNORM);
}

/* file_wait.c */
void iot_file_watch(struct io_target *t, struct iot_file *f);
void iot_file_unwatch(struct iot_file *f);
int iot_file_wait(struct io_target *t, struct iot_file *f, bool write, unsigned int mode,
		  unsigned int refused);

#endif /* _IO_TARGET_FILE_H */
