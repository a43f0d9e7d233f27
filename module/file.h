/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The file backend's device: what file.c shares with file_io.c, which carries out
 * requests, file_wait.c and forward_file.c.
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
 * @f: whose
 */
struct iot_watch {
	wait_queue_entry_t	entry;
	wait_queue_head_t	*head;
	struct iot_file		*f;
};

/**
 * struct iot_file - an open file below a target
 * @file: our reference
 * @wq: of the lanes' threads; its own, so that a stuck driver holds up no other.
 *	Not for reclaim: drivers (tty) flush work that is not, which such a queue
 *	must not wait for
 * @read: lane of a stream's reads, and of those of what can be polled
 * @write: the same of writes
 * @any: lane of all else
 * @refuses: @file has O_NONBLOCK, by us: who is refused waits for it to be ready
 * @polls: it says when it is ready
 * @mm: with USER_BOUNCE: of the opener. Its memory is pinned, what is in it is not
 * @lock: the position of @file, and watching
 * @watched: enum iot_watched: its readiness wakes lanes, and waiters of the target
 * @missed: it has named more queues than there are @watches
 * @watches: where we wait
 */
struct iot_file {
	struct file		*file;
	struct workqueue_struct	*wq;
	struct iot_lane		read;
	struct iot_lane		write;
	struct iot_lane		any;
	bool			refuses;
	bool			polls;
	struct mm_struct	*mm;
	struct mutex		lock;	/* see above */
	int			watched;
	bool			missed;
	struct iot_watch	watches[IOT_FILE_WATCHES];
};

enum iot_watched { IOT_UNWATCHED, IOT_WATCH_BEGUN, IOT_WATCHED };

static inline struct iot_file *iot_lower_file(const struct io_target_lower *lower)
{
	return lower->data;
}

/* Has the driver an entry point for pointers of a user's? */
static inline bool iot_file_takes_user(const struct file *file, bool write)
{
	return write ? file->f_mode & FMODE_CAN_WRITE && file->f_op->write :
		       file->f_mode & FMODE_CAN_READ && file->f_op->read;
}

/* What a transfer of this direction waits for; an error or a hangup ends the wait, too. */
static inline __poll_t iot_file_events(bool write)
{
	return EPOLLERR | EPOLLHUP | (write ? EPOLLOUT | EPOLLWRNORM : EPOLLIN | EPOLLRDNORM);
}

/*
 * For one transfer. An adopted file may have O_APPEND, but we say where, unless the inode
 * can only be appended to.
 */
static inline void iot_file_iocb(struct kiocb *iocb, struct file *file, loff_t pos)
{
	init_sync_kiocb(iocb, file);
	iocb->ki_pos = pos;
	if (iocb->ki_flags & IOCB_APPEND && !IS_APPEND(file_inode(file)))
		iocb->ki_flags &= ~IOCB_APPEND;
}

/* file_io.c */
extern const struct iot_lane_ops iot_file_lane_ops;
void iot_file_submit(struct io_target_request *req);
void iot_file_end(struct io_target_request *req, ssize_t result);
ssize_t iot_file_begun(const struct io_target_request *req);
bool iot_file_interrupt(struct io_target_lower *lower, const struct io_target_request *req,
			int why);
ssize_t iot_file_transfer_here(struct io_target_lower *lower, enum io_target_op op,
			       struct iov_iter *iter, loff_t pos);

/* file_write.c */
ssize_t iot_file_write(struct kiocb *iocb, struct iov_iter *iter);
void iot_file_wrote(struct kiocb *iocb);
ssize_t iot_file_write_user(struct file *file, const char __user *buf, size_t len, loff_t *pos);

/* file_user.c */
ssize_t iot_file_transfer_user(struct io_target_request *req);
ssize_t iot_file_ioctl_user(struct io_target_request *req);

/* file_wait.c */
enum iot_ready iot_file_ready(struct iot_lane *lane);
void iot_file_watch(struct iot_file *f);
void iot_file_unwatch(struct iot_file *f);
int iot_file_wait(struct io_target *t, struct iot_file *f, bool write, unsigned int refused);

#endif /* _IO_TARGET_FILE_H */
