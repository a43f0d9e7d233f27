/* SPDX-License-Identifier: GPL-2.0 */
/*
 * io_target: send I/O to another device from inside the kernel.
 *
 * A target owns one opened lower device, block or char. Requests are sent to
 * it either one at a time, waiting for each (the io_target_read() family and
 * io_target_submit_wait()), or as soon as they are ready with a callback for
 * each (io_target_submit()). Every accepted request completes exactly once.
 *
 * Life of a target: io_target_create(), io_target_open*(), requests,
 * io_target_close(), io_target_put(). Life of a request:
 *
 *   init/alloc -> IDLE -- prep --> FORMATTED -- submit --> PENDED/SENT
 *       ^                            ^                        |
 *       |            prep            |         end_io         v
 *       +--- reinit --- DONE --------+        called        DONE
 *
 * With IO_TARGET_PREPARED it goes back to FORMATTED in place of DONE.
 */
#ifndef _LINUX_IO_TARGET_H
#define _LINUX_IO_TARGET_H

#include <linux/bio.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <linux/types.h>
#include <linux/uio.h>

struct io_target;
struct io_target_request;
struct io_target_lower;
struct io_target_carrier;
struct cgroup_subsys_state;
struct device;

/**
 * typedef io_target_end_io_t - called once for every accepted request
 * @req: the request; its results are valid, and it belongs to the caller again
 *
 * Context: any, with no lock of the library held: process, softirq or hardirq
 * context, and perhaps before io_target_submit() has returned. With
 * IO_TARGET_TASK a worker's, one at a time for each target. It may prepare and
 * io_target_submit_atomic() the request again, reinit it, or free it, and stop or
 * purge the target with IO_TARGET_LEAVE_SENT.
 */
typedef void (*io_target_end_io_t)(struct io_target_request *req);

/* Open flags */
#define IO_TARGET_READ		BIT(0)	/* requests may read */
#define IO_TARGET_WRITE		BIT(1)	/* requests may write */
#define IO_TARGET_EXCL		BIT(2)	/* claim a block device for this target alone */
#define IO_TARGET_USER_BOUNCE	BIT(3)	/* char: see io_target_user.h */

/* Request flags, given to prep and forgotten by the next prep or reinit */
#define IO_TARGET_FUA		BIT(0)	/* write: done means on stable storage */
#define IO_TARGET_PREFLUSH	BIT(1)	/* write: flush the device's cache first */
#define IO_TARGET_NOWAIT	BIT(2)	/* end with -EAGAIN rather than wait */
#define IO_TARGET_BOUNCE	BIT(3)	/* copy the data: the request can end before its I/O */
#define IO_TARGET_IGNORE_STATE	BIT(4)	/* send unless the target is closed */
#define IO_TARGET_TASK		BIT(5)	/* call end_io in process context, where it may sleep */
#define IO_TARGET_MERGE_OK	BIT(6)	/* batch: may share a bio with its neighbours */
#define IO_TARGET_POLLED	BIT(7)	/* io_target_poll() looks for the end */
#define IO_TARGET_TRY_POLLED	BIT(8)	/* the same where the device can be polled */
#define IO_TARGET_PREPARED	BIT(9)	/* formatted again when it has ended */
#define IO_TARGET_FULL		BIT(10)	/* char: go on until all is transferred */
#define IO_TARGET_USER_PTR	BIT(11)	/* char: the driver is to be given a user's pointer */

/**
 * define IO_TARGET_NO_TIMEOUT - wait for as long as the device takes
 *
 * Every blocking call takes a timeout in jiffies. "None" is said with this
 * name; zero and negative numbers are refused with -EINVAL.
 */
#define IO_TARGET_NO_TIMEOUT	MAX_SCHEDULE_TIMEOUT

/**
 * define IO_TARGET_BOUNCE_MAX - most bytes that one IO_TARGET_BOUNCE request carries
 *
 * The one-line calls send a longer transfer piece by piece.
 */
#define IO_TARGET_BOUNCE_MAX	(1024U * 1024U)

/**
 * enum io_target_state - what the target does with a request now
 * @IO_TARGET_CLOSED: nothing is open; requests are refused with -ENODEV
 * @IO_TARGET_STARTING: what was pended is being sent; requests pend behind it
 * @IO_TARGET_STARTED: requests go to the device
 * @IO_TARGET_STOPPED: requests pend, in order; with NOWAIT they get -EAGAIN
 * @IO_TARGET_PURGED: requests are refused with -ESHUTDOWN
 * @IO_TARGET_SUSPENDED: the device has been given up for a while, or is frozen;
 *	requests pend, those with IGNORE_STATE too
 * @IO_TARGET_REMOVED: the device is gone; requests are refused with -ENODEV, and
 *	the target is to be closed
 */
enum io_target_state {
	IO_TARGET_CLOSED,
	IO_TARGET_STARTING,
	IO_TARGET_STARTED,
	IO_TARGET_STOPPED,
	IO_TARGET_PURGED,
	IO_TARGET_SUSPENDED,
	IO_TARGET_REMOVED,
};

/**
 * enum io_target_sent_action - what stop and purge do about requests that were sent
 * @IO_TARGET_LEAVE_SENT: nothing, and return at once; any context
 * @IO_TARGET_WAIT_SENT: wait until they have ended
 * @IO_TARGET_CANCEL_SENT: cancel them all, as io_target_cancel() does, and wait for
 *	those that the device has
 */
enum io_target_sent_action {
	IO_TARGET_LEAVE_SENT,
	IO_TARGET_WAIT_SENT,
	IO_TARGET_CANCEL_SENT,
};

/**
 * enum io_target_op - what a request does
 * @IO_TARGET_OP_NONE: not prepared
 * @IO_TARGET_OP_READ: device to memory
 * @IO_TARGET_OP_WRITE: memory to device
 * @IO_TARGET_OP_FLUSH: make what was written stable
 * @IO_TARGET_OP_DISCARD: the range is not needed any more
 * @IO_TARGET_OP_WRITE_ZEROES: the range reads as zeroes from now on
 * @IO_TARGET_OP_IOCTL: whatever the driver does with a number and an argument
 * @IO_TARGET_OP_SECURE_ERASE: the range, and all copies of it, is gone for good
 * @IO_TARGET_OP_ZONE_OPEN: the zones are opened
 * @IO_TARGET_OP_ZONE_CLOSE: they are closed, and can be written further on
 * @IO_TARGET_OP_ZONE_FINISH: they are full
 * @IO_TARGET_OP_ZONE_RESET: they are empty
 * @IO_TARGET_OP_ZONE_APPEND: memory to device, where the zone's next write goes; see
 *	io_target_zone.h for all of these
 */
enum io_target_op {
	IO_TARGET_OP_NONE,
	IO_TARGET_OP_READ,
	IO_TARGET_OP_WRITE,
	IO_TARGET_OP_FLUSH,
	IO_TARGET_OP_DISCARD,
	IO_TARGET_OP_WRITE_ZEROES,
	IO_TARGET_OP_IOCTL,
	IO_TARGET_OP_SECURE_ERASE,
	IO_TARGET_OP_ZONE_OPEN,
	IO_TARGET_OP_ZONE_CLOSE,
	IO_TARGET_OP_ZONE_FINISH,
	IO_TARGET_OP_ZONE_RESET,
	IO_TARGET_OP_ZONE_APPEND,
};

/**
 * enum io_target_event - what an event callback is told
 * @IO_TARGET_EVENT_STATE: the target has another state
 * @IO_TARGET_EVENT_OVERDUE: a request over the caller's own memory has missed
 *	its timeout; it stays with the device until the device answers
 * @IO_TARGET_EVENT_ORPHAN: a BOUNCE request ended at its timeout and its I/O
 *	goes on alone
 * @IO_TARGET_EVENT_ORPHAN_END: the device has answered an orphan. When it does
 *	so at once, this may be told before the other
 * @IO_TARGET_EVENT_FREEZE: the device is about to be frozen by its owner, and the target
 *	goes on sending until the callback returns, so that whoever stands above it can
 *	be frozen first. Process context; this callback may sleep
 * @IO_TARGET_EVENT_THAW: once for each FREEZE, when the freeze is over: requests flow
 *	again, or the device was given up. Process context; this callback may sleep
 * @IO_TARGET_EVENT_LOST: the device is gone, and the target follows it: requests pend
 *	until it is back, those included that a disk has failed for that. Process context;
 *	this callback may sleep
 * @IO_TARGET_EVENT_FOUND: it is, and they have been sent. Process context; this callback
 *	may sleep
 * @IO_TARGET_EVENT_SIZE: the device has another size, or can be written to or not,
 *	other than before; see io_target_get_info(). Process context
 * @IO_TARGET_EVENT_CACHE_LOST: the device was lost with writes that had ended since the
 *	last flush, and is back: one flush, or write with FUA, fails. Process context;
 *	this callback may sleep
 * @IO_TARGET_EVENT_LEAVING: the device is removed in order, and works until the callback
 *	returns, so that whoever stands above can write back. Only of a disk that was opened
 *	with IO_TARGET_EXCL, from Linux 6.9 on, and is not followed. The target is STARTED, or
 *	about to be. It can be purged and closed by others meanwhile, of whom the latter wait,
 *	but not stopped, suspended or switched: what is written would pend, and the removal
 *	with it. Process context; this callback may sleep, and send requests
 */
enum io_target_event {
	IO_TARGET_EVENT_STATE,
	IO_TARGET_EVENT_OVERDUE,
	IO_TARGET_EVENT_ORPHAN,
	IO_TARGET_EVENT_ORPHAN_END,
	IO_TARGET_EVENT_FREEZE,
	IO_TARGET_EVENT_THAW,
	IO_TARGET_EVENT_LOST,
	IO_TARGET_EVENT_FOUND,
	IO_TARGET_EVENT_SIZE,
	IO_TARGET_EVENT_CACHE_LOST,
	IO_TARGET_EVENT_LEAVING,
};

/**
 * struct io_target_follow - what happens when the device goes away
 * @enable: it is looked for where it was opened, until it is back; without, the target
 *	becomes IO_TARGET_REMOVED. Not for adopted files, nor for regular ones
 * @size_is_enough: a disk of the same size is the same disk. For those that cannot be
 *	told apart otherwise, and where no other can come to that place (nbd)
 * @uuid: of the partition that is to be found, as in /dev/disk/by-partuuid; "": any
 * @diskseq: of the disk that is to be found; 0: any
 * @cache_kept: what a disk has in its write cache outlives a loss: it is the connection
 *	that goes, not the power. Without, the first flush, or write with FUA, after a loss
 *	ends with -EIO if the disk has such a cache, and writes that had not been flushed
 *	(or that something else was in flight beside the last flush)
 * @first: jiffies from the loss to the first look; 0: 100 ms
 * @last: each wait is twice as long as the one before, up to this; 0: 10 s
 *
 * A disk is the same one if its wwid is (SCSI and NVMe disks have one); without one, if
 * its size is, and one of @uuid, @diskseq and @size_is_enough says so, too; if none does
 * the open is refused (-EINVAL), but for adopted files, which are not followed. @uuid
 * and @diskseq must hold in any case, where they are given. A disk that has come back
 * has a new diskseq, as a rule. Of char devices there is nothing to tell one from
 * another but the device number, which must be the same; of providers, the name.
 *
 * A disk that answers -ENODEV or -ENOLINK is lost, and so is one that is dead, whatever it
 * answers, and one that fails with -EIO and then, asked for a block, again; a request whose
 * error is believed ends only after that. Reads, writes, flushes, discards and writes of
 * zeroes that it has failed in that way are sent again when it is back, before what has come
 * meanwhile, and in the order in which they failed; until then they can be cancelled, and
 * their deadlines, or config.forward_timeout, end them as those that pend, but for not_sent.
 * Zone appends, what manages zones, and writes to disks with zones end with their error,
 * since they cannot be carried out twice; so does what char devices and providers fail.
 */
struct io_target_follow {
	bool		enable;
	bool		size_is_enough;
	bool		cache_kept;
	char		uuid[40];
	u64		diskseq;
	unsigned long	first;
	unsigned long	last;
};

/**
 * struct io_target_config - choices made when a target is created
 * @name: for log lines; NULL: named after what is opened
 * @reserve: pool requests and 64 KiB bounce buffers that exist from the start,
 *	so that I/O goes on when no memory can be had; 0: one
 * @max_pended: requests that pend at the most while the target is stopped; one
 *	more is refused with -EAGAIN. 0: 1024
 * @forward_timeout: how long a forwarded bio may be held while the target is stopped, in
 *	jiffies; then it ends with BLK_STS_TIMEOUT. 0: as long as it takes
 * @account_forwarded: forwarded bios count in the statistics of the disk that has
 *	received them, from when they are sent
 * @event: told what happens to the target, or NULL; may be called in any
 *	context with no lock held, must not sleep and must not close the target, but
 *	where an event says otherwise; close waits for one that is being told. For
 *	orphans also after close and the last put: it, and @private, must stay until
 *	as many IO_TARGET_EVENT_ORPHAN_END as IO_TARGET_EVENT_ORPHAN were told
 * @is_above: optional: does what @path names lie above what the owner has made of the
 *	target, or is it that? Asked before anything is opened by a path, for the first time
 *	or again, before a switch, and of a lost device also when it has been found; what does
 *	is refused with -ELOOP. Process context, may sleep, but not wait for the target, whose
 *	mutex may be held; in a kernel thread @path is looked up from the root of init
 * @private: for @event and @is_above
 * @follow: what happens when the device goes away
 * @rescan: jiffies after which its size is looked at, again and again; 0: only when the
 *	target is started, after errors, and by io_target_rescan()
 */
struct io_target_config {
	const char	*name;
	unsigned int	reserve;
	unsigned int	max_pended;
	u32		forward_timeout;
	bool		account_forwarded;
	void		(*event)(struct io_target *target,
				 enum io_target_event event, void *private);
	bool		(*is_above)(struct io_target *target, const char *path, void *private);
	void		*private;
	struct io_target_follow follow;
	unsigned long	rescan;
};

#include <linux/io_target_info.h>
#include <linux/io_target_provider.h>

/* private: */
#define IO_TARGET_INLINE_VECS	2
#define IO_TARGET_FORMATTED	1	/* of the states of a request */
/* public: */

/**
 * struct io_target_request - one operation on a target
 * @end_io: called once when the request has ended; set after prep. NULL is
 *	legal for pool requests only: send and forget
 * @private: the caller's own
 * @result: bytes transferred (0 for operations without data) or negative errno
 * @status: what the block layer said, before it became an errno
 * @not_sent: the request ended without ever reaching the device
 *
 * Embed it in your own structure and io_target_request_init() it, or take one
 * from the target's pool. The memory, the buffers and the table that the
 * iov_iter points to belong to the library from submit until @end_io. All
 * fields below "private" are the library's.
 *
 * With IO_TARGET_PREPARED nothing but the results changes from one submit to the
 * end that belongs to it: @end_io and @private stay, too.
 */
struct io_target_request {
	io_target_end_io_t		end_io;
	void				*private;
	ssize_t				result;
	blk_status_t			status;
	bool				not_sent;

	/* private: */
	u8				state;
	u8				wanted;	/* errno to end with, if it comes to wait */
	u8				overdue;
	u8				ended;	/* state when it has ended */
	u16				verify;	/* the verifier's */
	union {
		struct {
			u8		op;
			u8		hint;	/* WRITE_LIFE_* */
			u16		ioprio;
			u32		flags;
		};
		u64			kind;	/* these four, to be compared at once */
	};
	u32				opened;	/* which open of the target prep checked against */
	u32				started;	/* when submitted, where that is noted */
	struct io_target		*target;
	struct io_target_lower		*lower;	/* from sent to end: whom the backend serves */
	struct io_target_carrier	*carrier;
	struct cgroup_subsys_state	*css;	/* whom others send it for, or NULL */
	loff_t				pos;
	u64				len;
	struct iov_iter			iter;
	union {				/* table of the one-line buffer forms */
		struct kvec		kvec;
		struct bio_vec		bvec;
		struct {
			void		*buf;
			u32		in;
			u32		out;
		} ioctl;
	};
	struct list_head		node;	/* on one queue of the target or backend */
	struct list_head		timed;	/* on a shard of the target's: others look for it */
	unsigned long			deadline;	/* jiffies */
	struct hlist_node		named;	/* among the target's, with an id */
	u64				id;
	union {				/* what the backend needs while it is sent */
		struct {
			struct bio	bio;
			struct bio_vec	vecs[IO_TARGET_INLINE_VECS];
		} blk;
		struct {
			struct kiocb	iocb;
			struct iov_iter	iter;
			size_t		done;
		} file;
		struct io_target_call	call;
	};
};

struct io_target *io_target_create(const struct io_target_config *config);
struct io_target *io_target_get(struct io_target *target);
void io_target_put(struct io_target *target);

int io_target_open(struct io_target *target, const char *path, unsigned int flags);
int io_target_open_dev(struct io_target *target, dev_t dev, unsigned int flags);
int io_target_open_file(struct io_target *target, struct file *file, unsigned int flags);
struct io_target *io_target_open_path(const char *path, unsigned int flags,
				      const struct io_target_config *config);
struct io_target *devm_io_target_create(struct device *dev,
					const struct io_target_config *config);
struct io_target *devm_io_target_open_path(struct device *dev, const char *path,
					   unsigned int flags,
					   const struct io_target_config *config);
int io_target_suspend(struct io_target *target, long timeout);
int io_target_reopen(struct io_target *target);
int io_target_resume(struct io_target *target);
int io_target_close(struct io_target *target);
int io_target_set_next(struct io_target *target, const char *path);
int io_target_switch(struct io_target *target, long timeout);

void io_target_forward_bio(struct io_target *target, struct bio *bio);
int io_target_forward_poll_bio(struct io_target *target, unsigned int flags);
int io_target_call_bdev(struct io_target *target, unsigned int flags,
			int (*fn)(struct block_device *bdev, void *data), void *data);

int io_target_start(struct io_target *target);
int io_target_stop(struct io_target *target, enum io_target_sent_action action,
		   long timeout);
int io_target_purge(struct io_target *target, enum io_target_sent_action action,
		    long timeout);
int io_target_drain(struct io_target *target, long timeout);

enum io_target_state io_target_state(const struct io_target *target);
const char *io_target_name(const struct io_target *target);
int io_target_get_info(struct io_target *target, struct io_target_info *info);
void io_target_get_stats(struct io_target *target, struct io_target_stats *stats);
int io_target_rescan(struct io_target *target);

void io_target_request_init(struct io_target_request *req, struct io_target *target);
struct io_target_request *io_target_request_alloc(struct io_target *target, gfp_t gfp);
int io_target_request_free(struct io_target_request *req);
int io_target_request_reinit(struct io_target_request *req);

int __must_check io_target_prep_rw(struct io_target_request *req, enum io_target_op op,
				   const struct iov_iter *iter, loff_t pos,
				   unsigned int flags);
int __must_check io_target_prep_rw_buf(struct io_target_request *req, enum io_target_op op,
				       void *buf, size_t len, loff_t pos,
				       unsigned int flags);
int __must_check io_target_prep_rw_page(struct io_target_request *req, enum io_target_op op,
					struct page *page, size_t offset, size_t len,
					loff_t pos, unsigned int flags);
int __must_check io_target_prep_range(struct io_target_request *req, enum io_target_op op,
				      loff_t pos, u64 len, unsigned int flags);

int io_target_request_set_timeout(struct io_target_request *req, long timeout);
int io_target_request_set_ioprio(struct io_target_request *req, u16 ioprio);
int io_target_request_set_hint(struct io_target_request *req, u8 hint);
u64 io_target_request_id(struct io_target_request *req);
int io_target_cancel(struct io_target_request *req);
int io_target_cancel_id(struct io_target *target, u64 id);
int __must_check io_target_submit(struct io_target_request *req);
int __must_check io_target_submit_atomic(struct io_target_request *req);
int __must_check io_target_submit_batch(struct io_target *target,
					struct io_target_request **reqs, unsigned int n);
ssize_t io_target_submit_wait(struct io_target_request *req, long timeout);
int io_target_poll(struct io_target_request *req);

ssize_t io_target_read(struct io_target *target, void *buf, size_t len, loff_t pos,
		       long timeout);
ssize_t io_target_write(struct io_target *target, const void *buf, size_t len, loff_t pos,
			long timeout);
int io_target_flush(struct io_target *target, long timeout);
int io_target_discard(struct io_target *target, loff_t pos, u64 len, long timeout);
int io_target_write_zeroes(struct io_target *target, loff_t pos, u64 len, long timeout);
int io_target_secure_erase(struct io_target *target, loff_t pos, u64 len, long timeout);

/**
 * io_target_request_pending - is the request with the target?
 * @req: initialised request
 *
 * Context: any. A snapshot, unless the caller rules submits out.
 * Return: true from an accepted submit until end_io is called.
 */
bool io_target_request_pending(const struct io_target_request *req);

/*
 * Forwarding: what the caller's own driver has received is passed on to the target.
 */
struct poll_table_struct;

ssize_t io_target_forward_kiocb(struct io_target *target, struct kiocb *iocb,
				struct iov_iter *iter);
long io_target_forward_ioctl(struct io_target *target, unsigned int cmd, unsigned long arg);
__poll_t io_target_forward_poll(struct io_target *target, struct file *file,
				struct poll_table_struct *wait);
loff_t io_target_forward_llseek(struct io_target *target, struct file *file, loff_t offset,
				int whence);
int io_target_forward_fsync(struct io_target *target, loff_t start, loff_t end, int datasync);
int io_target_forward_mmap(struct io_target *target, struct vm_area_struct *vma);

#include <linux/io_target_prep.h>
#include <linux/io_target_stream.h>
#include <linux/io_target_user.h>
#include <linux/io_target_zone.h>

#endif /* _LINUX_IO_TARGET_H */
