/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A lot of neighbouring requests for one disk, for the suites of batches, prepared
 * and polled requests: formatted, sent and looked at together. Their data belongs to
 * their place on the disk, which it is compared with byte by byte.
 */
#ifndef _IO_TARGET_KUNIT_LOT_H
#define _IO_TARGET_KUNIT_LOT_H

#include "buffer.h"
#include "device.h"
#include "internal.h"

#define LOT_MOST	32

/* The disk with queues: a poll queue, too, and this much memory */
#define QUEUE_SIZE	(16ULL << 20)

extern struct testdev_mq *queue_disk;

/* All test devices and the disk with queues. */
int queue_suite_init(struct kunit_suite *suite);
void queue_suite_exit(struct kunit_suite *suite);
/* As device_fixture_exit(), and the disk with queues is as new. */
void queue_fixture_exit(struct kunit *test);

/* The first closed target of the fixture, opened on that disk, or on FINE. */
struct io_target *open_queue(struct kunit *test);
struct io_target *open_fine(struct kunit *test);

/**
 * struct member - a request of a lot, and what its end_io saw
 * @req: the request
 * @lot: where it belongs
 * @buf: its memory
 * @ends: how often it ended
 * @number: of its last end among all those of the lot, from 1
 * @result: of its last end
 * @then: called at the end of end_io, or NULL; @req may be gone after it
 * @rounds: for @then
 * @err: likewise
 * @done: completed at the end of end_io, if there is no @then
 */
struct member {
	struct io_target_request	req;
	struct lot			*lot;
	struct buffer			*buf;
	atomic_t			ends;
	unsigned int			number;
	ssize_t				result;
	void				(*then)(struct member *m);
	unsigned int			rounds;
	int				err;
	struct completion		done;
};

/**
 * struct lot - requests for one target
 * @target: theirs
 * @queue: it is open on the disk with queues, rather than on FINE
 * @n: their number
 * @len: bytes of each
 * @member: the requests
 * @reqs: for io_target_submit_batch()
 * @ended: how many times any of them has ended
 * @res: frees it all with the case
 */
struct lot {
	struct io_target		*target;
	bool				queue;
	unsigned int			n;
	size_t				len;
	struct member			*member;
	struct io_target_request	*reqs[LOT_MOST];
	atomic_t			ended;
	struct kunit_resource		res;
};

/* Memory of one kind, or of all kinds in turn. */
#define LOT_ALL_KINDS	(-1)

struct lot *lot_alloc(struct kunit *test, struct io_target *t, unsigned int n, size_t len,
		      int kind);
void member_end_io(struct io_target_request *req);

/*
 * Formats one, or all for neighbouring positions from @pos on. A write has data of
 * @seed; a read something that is on no disk.
 */
void member_prep(struct kunit *test, struct member *m, enum io_target_op op, loff_t pos,
		 unsigned int flags, u64 seed);
void lot_prep(struct kunit *test, struct lot *lot, enum io_target_op op, loff_t pos,
	      unsigned int flags, u64 seed);
/* Submits all as one batch; all are accepted. */
void lot_submit(struct kunit *test, struct lot *lot);
/* It has ended, or all have; false: it did not. */
bool member_wait(struct member *m);
bool lot_wait(struct lot *lot);

/* Submits one that is formatted, with nothing left of its last use; the errno, or how it ended. */
ssize_t member_send(struct kunit *test, struct member *m);

/* Puts what belongs to these places on the disk, for reads; looks whether it is there. */
void lot_fill(struct kunit *test, struct lot *lot, loff_t pos, u64 len, u64 seed);
bool lot_on_disk(struct kunit *test, struct lot *lot, loff_t pos, u64 len, u64 seed);

/* It ended once with this result, and all data is where it should be, if it is good. */
void expect_member(struct kunit *test, struct member *m, ssize_t result, u64 seed);
void expect_lot(struct kunit *test, struct lot *lot, ssize_t result, u64 seed);

/* The bios that came to the lot's disk since it was opened, and their bytes. */
unsigned int lot_bios(struct lot *lot);
u64 lot_bytes(struct lot *lot);
/* All that was accepted has ended, as the target counts; prints it. */
void expect_conserved(struct kunit *test, struct io_target *t, const char *what);

/**
 * struct other - a call made by another thread
 * @work: the thread
 * @call: what it calls
 * @target: with this
 * @ret: what that returned
 * @done: it has
 */
struct other {
	struct work_struct	work;
	int			(*call)(struct io_target *t);
	struct io_target	*target;
	int			ret;
	struct completion	done;
};

struct other *other_start(struct kunit *test, int (*call)(struct io_target *t),
			  struct io_target *t);
/* That it does not return can only be seen by waiting for it. */
bool other_waits(struct other *o);
/* It closes a target that somebody is telling of: true when it has come to wait for that. */
bool other_close_waits(struct other *o);
int other_end(struct kunit *test, struct other *o);

/* Calls that wait for all that was sent, for KUNIT_ARRAY_PARAM() */
struct waiter {
	const char	*name;
	int		(*call)(struct io_target *t);
};

#define WAITERS	5

extern const struct waiter waiters[WAITERS];
void waiter_desc(const struct waiter *w, char *desc);

#endif /* _IO_TARGET_KUNIT_LOT_H */
