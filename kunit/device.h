/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the suites over the test devices share: targets that are closed when a
 * case ends, however it ends, and requests that note how they ended.
 */
#ifndef _IO_TARGET_KUNIT_DEVICE_H
#define _IO_TARGET_KUNIT_DEVICE_H

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/io_target.h>

#include "testdev.h"

#define RW	(IO_TARGET_READ | IO_TARGET_WRITE)

/* Is whoever has claimed a disk told what befalls it? */
#ifdef IOT_HAS_HOLDER_OPS
#define HOLDER_OPS	true
#else
#define HOLDER_OPS	false
#endif

#define DEVICE_TARGETS	2
#define DEVICE_EVENTS	(IO_TARGET_EVENT_LEAVING + 1)

/**
 * struct device_fixture - test->priv of these suites
 * @target: closed targets at first, named by the suite
 * @events: how often any of them told each event
 * @wait: for @events to change
 * @opens: how many test devices are open when the case begins
 */
struct device_fixture {
	struct io_target	*target[DEVICE_TARGETS];
	atomic_t		events[DEVICE_EVENTS];
	wait_queue_head_t	wait;
	int			opens;
};

/*
 * The disks: FINE has small blocks, takes any words of memory and can do
 * everything; PLAIN has large blocks, wants memory in sectors and can only read
 * and write; LARGE has large blocks and takes any words.
 */
enum {
	FINE,
	PLAIN,
	LARGE,
	DEVICE_DISKS,
};

#define FINE_SIZE	(16ULL << 30)
#define PLAIN_SIZE	(256ULL << 20)

extern struct testdev_disk *device_disk[DEVICE_DISKS];

int device_disks_init(struct kunit_suite *suite);
void device_disks_exit(struct kunit_suite *suite);

/* The char devices, named by what is special about them */
enum {
	SEEK,
	SEEK_NOWAIT,
	STREAM,
	STREAM_NOWAIT,
	NONSEEK,
	USER_ONLY,
	USER_SEEK,
	USER_ITER,
	NO_FSYNC,
	DEVICE_CHARS,
};

#define CHAR_SIZE	(80ULL << 20)

extern struct testdev_char *device_char[DEVICE_CHARS];

int device_chars_init(struct kunit_suite *suite);
void device_chars_exit(struct kunit_suite *suite);

void device_set_answer(void);
void device_set_reset(void);

int device_fixture_init(struct kunit *test);
/*
 * The same for suites that use the memory of the process which loads them, as
 * device_chars_init() has found out: built in, no process does.
 */
extern bool device_in_process;
int device_process_init(struct kunit *test);
/* Lets the devices answer what they hold and closes the targets. */
void device_fixture_exit(struct kunit *test);

/* The first closed target of the fixture, opened; asserts that it worked. */
struct io_target *device_open(struct kunit *test, const char *path, unsigned int flags);

/* Until the target's event callback was called so often; false: it was not. */
bool device_wait_event(struct kunit *test, enum io_target_event event, int count);

/* Until the devices' module has no more references than before the case. */
bool device_wait_unused(struct kunit *test);

/*
 * Opens and closes @path, @alone times by one thread that looks at the module's
 * references each time, then @together times by many threads at once.
 */
void device_open_close(struct kunit *test, const char *path, unsigned int alone,
		       unsigned int together);

/* filp_open() from any thread on any kernel, and its close, done on return. */
struct file *device_filp_open(const char *path, int flags);
void device_filp_close(struct file *file);

/* Where end_io was called */
enum device_context {
	IN_TASK,
	IN_SOFTIRQ,
	IN_HARDIRQ,
};

/**
 * struct sent - a request and what its end_io saw
 * @req: the request
 * @buf: what it was formatted for last
 * @len: bytes of that
 * @ends: how often it ended
 * @number: order of all that ended, counted from 1 in each case
 * @context: of end_io
 * @signalled: it was called with a signal pending
 * @count: where @number comes from
 * @done: completed by end_io
 * @repeat: how often end_io is to send the same again, in place of completing
 * @failed: what could not be sent again
 */
struct sent {
	struct io_target_request	req;
	void				*buf;
	size_t				len;
	atomic_t			ends;
	unsigned int			number;
	enum device_context		context;
	bool				signalled;
	atomic_t			*count;
	struct completion		done;
	unsigned int			repeat;
	int				failed;
};

/* Idle requests; memory of the case's. */
struct sent *sent_alloc(struct kunit *test, struct io_target *target, unsigned int n);
/* Formatted for a transfer of one buffer; asserts that it could be done. */
void sent_prep(struct kunit *test, struct sent *s, enum io_target_op op, void *buf,
	       size_t len, loff_t pos, unsigned int flags);
/* Submits what has been formatted. */
int sent_submit(struct sent *s);
int sent_submit_atomic(struct sent *s);
/* @n of them at once; as io_target_submit_batch(). */
int sent_submit_batch(struct kunit *test, struct sent *s, unsigned int n);
/* Until it has ended; false: it did not. */
bool sent_wait(struct sent *s);

/*
 * A transfer that takes several bios: pages in an order in which no two can be
 * merged, three times as many as one bio takes.
 */
#define SCATTERED_BIOS	3
#define SCATTERED_PIECE	(BIO_MAX_VECS * PAGE_SIZE)
#define SCATTERED_BYTES	(SCATTERED_BIOS * SCATTERED_PIECE)

struct scattered {
	u8		*memory;
	struct kvec	pages[SCATTERED_BYTES / PAGE_SIZE];
};

struct scattered *scattered_alloc(struct kunit *test);
/* What belongs at offsets from 0 on */
void scattered_fill(struct scattered *sc, u64 seed);
bool scattered_match(struct scattered *sc, u64 seed);
void scattered_prep(struct kunit *test, struct sent *s, enum io_target_op op,
		    struct scattered *sc, unsigned int flags);

#endif /* _IO_TARGET_KUNIT_DEVICE_H */
