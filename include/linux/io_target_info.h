/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What can be asked about a target. Included by io_target.h.
 */
#ifndef _LINUX_IO_TARGET_INFO_H
#define _LINUX_IO_TARGET_INFO_H

#include <linux/types.h>

/**
 * DOC: What carries a request out
 *
 * Where end_io runs, and what the request costs while it is outstanding, beside its own
 * memory. "Submitter": within io_target_submit(), or within what starts the target
 * if it was pended. "Thread": one of the target's own, in process context. Wherever it is
 * said that end_io runs, one that is cancelled while it waits, or purged, ends in the task
 * that asks for that; one that ends at its deadline in a softirq or a thread; and with
 * IO_TARGET_TASK all of them in a worker.
 *
 * ================  ====================  ==================================  ================
 * device            operation             end_io runs in                      costs
 * ================  ====================  ==================================  ================
 * block             all                   the driver's completion: any;       nothing
 *                                         submitter
 * char, SERVED_TRY  read, write           submitter; thread; the driver's     nothing; a thread
 *                                         completion: any                     if it must wait
 * SERVED_READY      read, write           thread, or as SERVED_TRY            an entry in each of
 *                                                                             the driver's queues,
 *                                                                             for all together
 * SERVED_THREAD     read, write           thread; the driver's completion:    a thread
 *                                         any
 * SERVED_USER       with                  thread                              a thread, and
 *                   IO_TARGET_USER_PTR                                        memory in the opener
 * char, file        flush, ioctl          thread                              a thread
 * file              discard, zeroes       thread                              a thread
 * provider          all                   submitter, or, if it may sleep,     nothing; a thread if
 *                                         thread; the provider's own          it may sleep
 *                                         completion: any
 * ================  ====================  ==================================  ================
 *
 * io_target_submit_wait() without timeout calls a driver that may wait in its own task, in
 * place of a thread, but for user pointers. On streams, and on what is
 * SERVED_READY, there is one request of each direction in the driver at a time, and those
 * behind it wait in the target, in order, at no cost; elsewhere up to 16 threads, of which
 * one that does not come back from a driver is one less until the target is opened again.
 *
 * A driver that says that it can be asked not to wait (FMODE_NOWAIT), and waits all the
 * same, makes the submitter wait: there is no knowing it beforehand. Where it is the file
 * system that is frozen, a thread waits.
 *
 * ================  =========================  =====================  ========================
 * device            position                   end                    fewer bytes than asked for
 * ================  =========================  =====================  ========================
 * block             bytes, multiples of the    -ENXIO from prep       never
 *                   logical block size
 * file, seekable    bytes; the open file's     read: 0 bytes; write:  a result; with
 * char              own position, that of an   as the driver has it   IO_TARGET_FULL only where
 *                   adopted one too, is        (-ENOSPC, or longer)   there is no more, or after
 *                   left alone                                        an error
 * stream            0, else -ESPIPE            read: 0 bytes; write:  the same
 *                                              as the driver has it
 * provider          as it says                 as it says             a result
 * ================  =========================  =====================  ========================
 */

/**
 * enum io_target_served - how requests of one direction reach a char device or file
 * @IO_TARGET_SERVED_NOT: they do not: prep returns -EBADF or -EOPNOTSUPP
 * @IO_TARGET_SERVED_DIRECT: sent by the submitter, who never waits
 * @IO_TARGET_SERVED_READY: given to the driver when it says that it is ready. Those that
 *	wait for that, however many, cost one entry in each of its wait queues
 * @IO_TARGET_SERVED_TRY: tried by the submitter without waiting, then by a thread
 * @IO_TARGET_SERVED_THREAD: always by a thread, since the driver may wait
 * @IO_TARGET_SERVED_USER: the driver wants a pointer of a user's: io_target_read_user() and
 *	io_target_write_user() have one. Requests with IO_TARGET_USER_PTR are carried out by a
 *	thread, if the target was opened with IO_TARGET_USER_BOUNCE; prep of all others
 *	returns -EOPNOTSUPP
 */
enum io_target_served {
	IO_TARGET_SERVED_NOT,
	IO_TARGET_SERVED_DIRECT,
	IO_TARGET_SERVED_READY,
	IO_TARGET_SERVED_TRY,
	IO_TARGET_SERVED_THREAD,
	IO_TARGET_SERVED_USER,
};

/**
 * struct io_target_info - snapshot of a target's properties
 * @state: at the time of the call; it may have changed since
 * @flags: the IO_TARGET_READ/WRITE/EXCL/USER_BOUNCE that it was opened with
 * @mode: file type of the lower device: S_IFBLK, S_IFCHR or S_IFREG
 * @dev: device number, 0 for a regular file
 * @size: bytes, 0 where the device has no size
 * @diskseq: sequence number of the disk, 0 where it has none
 * @logical_block_size: bytes; offsets and lengths are multiples of it
 * @physical_block_size: bytes
 * @dma_mask: memory addresses and lengths must have none of these bits set
 * @max_transfer: bytes that the device takes at once; longer requests are
 *	legal and are split on their way. 0: no limit
 * @max_discard: bytes in one discard command, 0: discard is not supported
 * @max_write_zeroes: bytes in one command, 0: not supported
 * @max_secure_erase: bytes in one command, 0: not supported
 * @read_only: writes are refused with -EROFS
 * @write_cache: the device has a volatile cache, so flush means something
 * @fua: the device makes a single write stable by itself
 * @atomic_write_min: bytes of the smallest write that is never torn, 0: none
 * @atomic_write_max: bytes of the largest
 * @nowait: IO_TARGET_NOWAIT is honoured
 * @poll: a disk whose completions can be polled for, a char device with ->poll
 * @ioctl: there are ioctls
 * @rotational: a disk with a head to move
 * @zoned: a zoned disk
 * @zone_size: bytes; 0: it has none
 * @max_zone_append: bytes of the largest append to a zone
 * @max_open_zones: that may be open at a time; 0: all
 * @max_active_zones: that may be neither empty nor full; 0: all
 * @integrity: bytes of integrity data that belong to one interval, 0: none
 * @stream: no positions: requests pass @pos 0, keep their order and may be short
 * @read: how reads are served
 * @write: how writes are served
 */
struct io_target_info {
	enum io_target_state	state;
	unsigned int		flags;
	umode_t			mode;
	dev_t			dev;
	u64			size;
	u64			diskseq;
	u32			logical_block_size;
	u32			physical_block_size;
	u32			dma_mask;
	u64			max_transfer;
	u64			max_discard;
	u64			max_write_zeroes;
	u64			max_secure_erase;
	u32			atomic_write_min;
	u32			atomic_write_max;
	bool			read_only;
	bool			write_cache;
	bool			fua;
	bool			nowait;
	bool			poll;
	bool			ioctl;
	bool			rotational;
	bool			zoned;
	u64			zone_size;
	u64			max_zone_append;
	u32			max_open_zones;
	u32			max_active_zones;
	u16			integrity;
	bool			stream;
	enum io_target_served	read;
	enum io_target_served	write;
};

/**
 * struct io_target_stats - what has happened to a target since it was created
 * @submitted: requests and forwarded bios that were accepted
 * @completed: of those, how many have ended
 * @refused: those that were not accepted
 * @pended: those that had to wait for the target to be started
 * @errors: those that ended with an errno, timed out ones too, cancelled ones not
 * @cancelled: those that ended with -ECANCELED
 * @timed_out: those that were ended at their deadline
 * @overdue: those that could not be, since the device had their memory
 * @orphaned: I/O that went on without its request
 * @orphan_ends: of that, how much the device has answered
 */
struct io_target_stats {
	u64	submitted;
	u64	completed;
	u64	refused;
	u64	pended;
	u64	errors;
	u64	cancelled;
	u64	timed_out;
	u64	overdue;
	u64	orphaned;
	u64	orphan_ends;
};

#endif /* _LINUX_IO_TARGET_INFO_H */
