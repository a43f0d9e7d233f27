/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Test devices: a disk and a char device that do what a test tells them to.
 * They live in a module of their own, io_target_testdev, so that the tests see
 * what an open does to the module of a driver.
 */
#ifndef _IO_TARGET_TESTDEV_H
#define _IO_TARGET_TESTDEV_H

#include <linux/blk_types.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/types.h>
#include <linux/uio.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "compat_disk.h"

/* How long a test waits for what must happen: only a failing one waits so long. */
#define TESTDEV_PATIENCE	(60 * HZ)

/* Test devices that are open now. */
int testdev_opens(void);
/* Opens so far by tasks that may not wait for I/O to get memory. */
int testdev_noio_opens(void);
/* The drivers of the devices call these. */
void testdev_opened(void);
void testdev_closed(void);
int testdev_char_close(struct inode *inode, struct file *file);

static inline int testdev_bdev_open(IOT_DISK_OPEN_PARAMS)
{
	testdev_opened();
	return 0;
}

static inline void testdev_bdev_close(IOT_DISK_RELEASE_PARAMS)
{
	testdev_closed();
}

/* References on @mod. Built in, it is NULL, and there are none. */
int testdev_refcount(struct module *mod);

/* Calls @fn in a process of a user's, which ends after that: see testdev_process.c. */
int testdev_in_process(int (*fn)(void *data), void *data);

/* The library, if it is a module. Who asks keeps it loaded by using it. */
struct module *testdev_library(void);

/* How many times as many rounds as usual races have. */
unsigned int testdev_race_scale(void);

/**
 * enum testdev_context - in which context I/O that was not ended at once is ended
 * @TESTDEV_TASK: the releasing test, or a worker
 * @TESTDEV_SOFTIRQ: a tasklet
 * @TESTDEV_HARDIRQ: an interrupt
 */
enum testdev_context {
	TESTDEV_TASK,
	TESTDEV_SOFTIRQ,
	TESTDEV_HARDIRQ,
};

/**
 * enum testdev_mode - when I/O is ended
 * @TESTDEV_NOW: before the driver's function returns
 * @TESTDEV_LATE: by itself, later
 * @TESTDEV_HOLD: when the test releases it; the driver's function has returned
 * @TESTDEV_BLOCK: char only: as HOLD, and the driver's function waits for it
 * @TESTDEV_BLOCK_KILLABLE: the same, and only what kills ends the wait
 * @TESTDEV_BLOCK_SIGNAL: the same, and any signal does
 */
enum testdev_mode {
	TESTDEV_NOW,
	TESTDEV_LATE,
	TESTDEV_HOLD,
	TESTDEV_BLOCK,
	TESTDEV_BLOCK_KILLABLE,
	TESTDEV_BLOCK_SIGNAL,
};

/* Calls a function in a chosen context. */
struct testdev_runner {
	void			(*fn)(struct testdev_runner *runner);
	struct tasklet_struct	tasklet;
	struct irq_work		irq;
	struct work_struct	work;
};

void testdev_runner_init(struct testdev_runner *runner,
			 void (*fn)(struct testdev_runner *runner));
void testdev_runner_kick(struct testdev_runner *runner, enum testdev_context context);
void testdev_runner_sync(struct testdev_runner *runner);

/* Sparse memory behind a device; all but reserve and free work in any context. */
struct testdev_store {
	struct xarray	chunks;
};

void testdev_store_init(struct testdev_store *store);
void testdev_store_free(struct testdev_store *store);
int testdev_store_reserve(struct testdev_store *store, u64 pos, u64 len);
void testdev_store_read(struct testdev_store *store, u64 pos, void *buf, size_t len);
void testdev_store_write(struct testdev_store *store, u64 pos, const void *buf, size_t len);
int testdev_store_fill(struct testdev_store *store, u64 pos, const void *buf, size_t len);
void testdev_store_zero(struct testdev_store *store, u64 pos, u64 len);
size_t testdev_store_iter(struct testdev_store *store, u64 pos, struct iov_iter *iter,
			  size_t len, bool write);

/**
 * struct testdev_zones - zones of a disk; none if @n is 0
 * @sectors: of each
 * @n: their number
 * @zone: each of them: sectors that are written, from its start, and enum blk_zone_cond
 */
struct testdev_zones {
	unsigned int	sectors;
	unsigned int	n;
	struct testdev_zone {
		unsigned int	written;
		u8		cond;
	} *zone;
};

int testdev_zones_init(struct testdev_zones *z, u64 size, unsigned int sectors);
void testdev_zones_free(struct testdev_zones *z);
void testdev_zones_reset(struct testdev_zones *z);
blk_status_t testdev_zones_bio(struct testdev_zones *z, struct bio *bio);
int testdev_zones_report(struct testdev_zones *z, sector_t sector, unsigned int count,
			 struct iot_zones_asked *asked);

/**
 * struct testdev_disk_config - a disk to be made
 * @name: of the node in /dev
 * @size: bytes; memory is used for what is written only
 * @wwid: 0: it has none
 * @limits: what it says about itself
 */
struct testdev_disk_config {
	const char		*name;
	u64			size;
	u64			wwid;
	struct iot_disk_limits	limits;
};

/**
 * struct testdev_disk_seen - what arrived since the last reset
 * @bios: all
 * @reads: bios
 * @writes: bios with data
 * @flushes: bios with PREFLUSH and without data
 * @discards: bios
 * @zeroes: bios
 * @erases: bios
 * @zones: bios that manage zones
 * @bytes: of all
 * @any_flags: set in at least one
 * @last_flags: of the latest
 * @last_ioprio: of the latest
 * @last_hint: of the latest, where bios have one
 * @broken: bios that disregard the limits, or are empty
 * @cuts: discards that begin or end within a unit of discards
 */
struct testdev_disk_seen {
	unsigned int	bios;
	unsigned int	reads;
	unsigned int	writes;
	unsigned int	flushes;
	unsigned int	discards;
	unsigned int	zeroes;
	unsigned int	erases;
	unsigned int	zones;
	u64		bytes;
	blk_opf_t	any_flags;
	blk_opf_t	last_flags;
	u16		last_ioprio;
	u8		last_hint;
	unsigned int	broken;
	unsigned int	cuts;
};

struct testdev_disk;

struct testdev_disk *testdev_disk_create(const struct testdev_disk_config *config);
void testdev_disk_destroy(struct testdev_disk *disk);
void testdev_disk_reset(struct testdev_disk *disk);
dev_t testdev_disk_dev(struct testdev_disk *disk);
const char *testdev_disk_path(struct testdev_disk *disk);
u64 testdev_disk_diskseq(struct testdev_disk *disk);
void testdev_disk_mode(struct testdev_disk *disk, enum testdev_mode mode,
		       enum testdev_context context);
void testdev_disk_fail(struct testdev_disk *disk, u64 pos, u64 len, blk_status_t status);
void testdev_disk_read_only(struct testdev_disk *disk, bool read_only);
bool testdev_disk_wait_held(struct testdev_disk *disk, unsigned int count);
void testdev_disk_release(struct testdev_disk *disk, unsigned int index,
			  blk_status_t status, enum testdev_context context);
void testdev_disk_release_all(struct testdev_disk *disk, blk_status_t status,
			      enum testdev_context context);
void testdev_disk_let_go(struct testdev_disk *disk, blk_status_t status,
			 enum testdev_context context);
struct testdev_disk_seen testdev_disk_seen(struct testdev_disk *disk);
struct testdev_store *testdev_disk_store(struct testdev_disk *disk);

void testdev_disk_resize(struct testdev_disk *disk, u64 size);
void testdev_disk_discards(struct testdev_disk *disk, bool can);
void testdev_disk_remove(struct testdev_disk *disk);
void testdev_disk_kill(struct testdev_disk *disk);
int testdev_disk_freeze(struct testdev_disk *disk);
int testdev_disk_thaw(struct testdev_disk *disk);

struct block_device *testdev_disk_bdev(struct testdev_disk *disk);

/*
 * A disk that sends what it is given on to another one, in place, as NVMe's multipath
 * heads, bcache and md-linear do: the caller's bio comes back changed.
 */
struct testdev_inplace;

struct testdev_inplace *testdev_inplace_create(const char *name, u64 size,
					       const struct iot_disk_limits *limits);
void testdev_inplace_destroy(struct testdev_inplace *d);
void testdev_inplace_aim(struct testdev_inplace *d, struct testdev_disk *below, u64 offset);
const char *testdev_inplace_path(struct testdev_inplace *d);
unsigned int testdev_inplace_bios(struct testdev_inplace *d);

/*
 * A disk with queues of requests. DATA: it keeps what is written. POLL: it has a
 * poll queue. LARGE: blocks of 4096 bytes, in place of 512. GAPLESS: its memory may have
 * no gaps, as that of NVMe.
 */
#define TESTDEV_MQ_DATA		BIT(0)
#define TESTDEV_MQ_POLL		BIT(1)
#define TESTDEV_MQ_LARGE	BIT(2)
#define TESTDEV_MQ_GAPLESS	BIT(3)

#define TESTDEV_MQ_SIZES	64

/**
 * struct testdev_mq_seen - what arrived since the last reset
 * @requests: as the block layer has made them: of one bio, or of several
 * @polled: of them on the poll queue
 * @bios: in all requests, as the block layer has split them
 * @sizes: of the first ones
 * @bytes: of all
 * @last_ioprio: of the latest bio
 * @polls: how often somebody looked for completions
 * @broken: requests that disregard what the disk says of itself
 */
struct testdev_mq_seen {
	unsigned int	requests;
	unsigned int	polled;
	unsigned int	bios;
	unsigned int	sizes[TESTDEV_MQ_SIZES];
	u64		bytes;
	u16		last_ioprio;
	unsigned int	polls;
	unsigned int	broken;
};

struct testdev_mq;

struct testdev_mq *testdev_mq_create(const char *name, u64 size, unsigned int flags);
void testdev_mq_destroy(struct testdev_mq *mq);
void testdev_mq_let_go(struct testdev_mq *mq);
void testdev_mq_poll_queues(struct testdev_mq *mq, unsigned int n);
void testdev_mq_reset(struct testdev_mq *mq);
const char *testdev_mq_path(struct testdev_mq *mq);
u8 *testdev_mq_memory(struct testdev_mq *mq);
void testdev_mq_answer(struct testdev_mq *mq, blk_status_t status);
int testdev_mq_bad(struct testdev_mq *mq, u64 pos, u64 len, blk_status_t status);
void testdev_mq_good(struct testdev_mq *mq);
void testdev_mq_mode(struct testdev_mq *mq, enum testdev_mode mode,
		     enum testdev_context context);
bool testdev_mq_wait_held(struct testdev_mq *mq, unsigned int count);
unsigned int testdev_mq_release(struct testdev_mq *mq, unsigned int count,
				blk_status_t status, enum testdev_context context);
static inline unsigned int testdev_mq_release_all(struct testdev_mq *mq, blk_status_t status,
						  enum testdev_context context)
{
	return testdev_mq_release(mq, UINT_MAX, status, context);
}

struct testdev_mq_seen testdev_mq_seen(struct testdev_mq *mq);

/**
 * enum testdev_char_kind - what a char device does with positions
 * @TESTDEV_SEEKABLE: as a file of fixed size
 * @TESTDEV_STREAM: stream_open()
 * @TESTDEV_NONSEEKABLE: nonseekable_open()
 */
enum testdev_char_kind {
	TESTDEV_SEEKABLE,
	TESTDEV_STREAM,
	TESTDEV_NONSEEKABLE,
};

/**
 * struct testdev_char_config - a char device to be made
 * @name: of the node in /dev
 * @kind: see there
 * @size: bytes, where the kind has a size
 * @nowait: opened files have FMODE_NOWAIT
 * @user_only: it has read and write for user pointers only, and ioctls
 * @user_iter: it has iterator functions, which refuse the kernel's memory with -EFAULT
 * @no_fsync: it has no fsync
 */
struct testdev_char_config {
	const char		*name;
	enum testdev_char_kind	kind;
	u64			size;
	bool			nowait;
	bool			user_only;
	bool			user_iter;
	bool			no_fsync;
};

/* What TESTDEV_CHAR_SUM is given a pointer to; it returns @a. */
struct testdev_char_sum {
	u32	a;
	u32	b;
	u64	sum;
};

/* Both are calls, and writes of nothing, as far as behaviour and what is seen go. */
#define TESTDEV_CHAR_SUM	_IOWR('i', 2, struct testdev_char_sum)
/* An ioctl: returns its argument */
#define TESTDEV_CHAR_SAME	_IO('i', 3)

/* A device without anything to read or room to write, to a caller with IOCB_NOWAIT */
#define TESTDEV_NOT_READY	(-1)

/**
 * struct testdev_char_behaviour - what the device does with the calls to come
 * @mode: when they end
 * @context: where, with LATE
 * @limit: transfer so many bytes at most, 0: all
 * @nowait_limit: the same for calls with IOCB_NOWAIT, TESTDEV_NOT_READY: -EAGAIN
 * @error: end with this instead, 0: none
 * @privileged: reads and writes end with -EPERM unless the caller has CAP_SYS_ADMIN
 */
struct testdev_char_behaviour {
	enum testdev_mode	mode;
	enum testdev_context	context;
	ssize_t			limit;
	ssize_t			nowait_limit;
	int			error;
	bool			privileged;
};

/**
 * struct testdev_char_seen - what arrived since the last reset; [0] read, [1] write
 * @calls: of the driver
 * @nowait: of them with IOCB_NOWAIT
 * @dsync: of them with IOCB_DSYNC
 * @says_write: of them with IOCB_WRITE
 * @inside: not ended yet
 * @most_inside: at any time
 * @fsyncs: calls
 * @interrupted: how often a signal has ended a wait
 * @fsuid: credentials of the last call
 * @pid: task of the last call
 * @pos_locked: the position of the file was, at the last llseek
 * @open_flags: f_flags at the last open
 */
struct testdev_char_seen {
	unsigned int	calls[2];
	unsigned int	nowait;
	unsigned int	dsync;
	unsigned int	says_write;
	unsigned int	inside[2];
	unsigned int	most_inside[2];
	unsigned int	fsyncs;
	unsigned int	interrupted;
	kuid_t		fsuid;
	pid_t		pid;
	bool		pos_locked;
	unsigned int	open_flags;
};

/* Result of a release: transfer everything, the limits aside */
#define TESTDEV_ALL	S64_MAX

struct testdev_char;

struct testdev_char *testdev_char_create(const struct testdev_char_config *config);
void testdev_char_destroy(struct testdev_char *c);
void testdev_char_reset(struct testdev_char *c);
const char *testdev_char_path(struct testdev_char *c);
void testdev_char_behave(struct testdev_char *c, const struct testdev_char_behaviour *b);
bool testdev_char_wait_held(struct testdev_char *c, unsigned int count);
void testdev_char_release(struct testdev_char *c, unsigned int index, s64 result,
			  enum testdev_context context);
void testdev_char_release_all(struct testdev_char *c, s64 result,
			      enum testdev_context context);
struct testdev_char_seen testdev_char_seen(struct testdev_char *c);
struct testdev_store *testdev_char_store(struct testdev_char *c);

/* Bytes that a pipe takes */
#define TESTDEV_PIPE_ROOM	256
/* An ioctl: returns twice its argument */
#define TESTDEV_PIPE_DOUBLE	_IO('i', 1)
/* Another: returns the number of the task that it is called by */
#define TESTDEV_PIPE_WHO	_IO('i', 16)

/*
 * How a pipe differs from a tty. NOWAIT: it has FMODE_NOWAIT, and honours it rather than
 * O_NONBLOCK. TWO: readers and writers wait in queues of their own, where they are told
 * only what is for them. MUTE: its poll names no queue. STUBBORN: it makes callers wait
 * whatever they say. SEEKS: it has positions, of which it takes no notice, as an eventfd.
 */
#define TESTDEV_PIPE_NOWAIT	BIT(0)
#define TESTDEV_PIPE_TWO	BIT(1)
#define TESTDEV_PIPE_MUTE	BIT(2)
#define TESTDEV_PIPE_STUBBORN	BIT(3)
#define TESTDEV_PIPE_SEEKS	BIT(4)

/**
 * struct testdev_pipe_seen - what has arrived since it was made
 * @calls: of read and write
 * @refused: of them with -EAGAIN
 * @waiting: that wait in the driver now
 * @watching: entries in the queues that its poll names
 * @polls: calls of poll
 * @polled_by: credentials of the last of them
 * @called_by: credentials of the last ioctl
 */
struct testdev_pipe_seen {
	unsigned int	calls;
	unsigned int	refused;
	unsigned int	waiting;
	unsigned int	watching;
	unsigned int	polls;
	kuid_t		polled_by;
	kuid_t		called_by;
};

struct testdev_pipe;

struct testdev_pipe *testdev_pipe_create(const char *name, unsigned int flags);
void testdev_pipe_destroy(struct testdev_pipe *p);
const char *testdev_pipe_path(struct testdev_pipe *p);
size_t testdev_pipe_push(struct testdev_pipe *p, const void *buf, size_t len);
size_t testdev_pipe_push_from(struct testdev_pipe *p, const void *buf, size_t len,
			      enum testdev_context context);
size_t testdev_pipe_pull(struct testdev_pipe *p, void *buf, size_t len);
void testdev_pipe_lie(struct testdev_pipe *p, bool lies);
void testdev_pipe_wake(struct testdev_pipe *p);
void testdev_pipe_hook(struct testdev_pipe *p, void (*hook)(void *private), void *private);
int testdev_pipe_free_queues(struct testdev_pipe *p);
struct testdev_pipe_seen testdev_pipe_seen(struct testdev_pipe *p);
bool testdev_pipe_wait_refused(struct testdev_pipe *p, unsigned int n);
bool testdev_pipe_wait_full(struct testdev_pipe *p);
bool testdev_pipe_wait_room(struct testdev_pipe *p);
bool testdev_pipe_wait_empty(struct testdev_pipe *p);
bool testdev_pipe_wait_inside(struct testdev_pipe *p, unsigned int n);

#endif /* _IO_TARGET_TESTDEV_H */
