/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fake backend: a lower device that does exactly what a test tells it to.
 *
 * It keeps what is written and gives it back when read. It answers a request
 * in the context that the test names, at once or when the test says so, with
 * any result, and counts what reaches it.
 */
#ifndef _IO_TARGET_KUNIT_FAKE_H
#define _IO_TARGET_KUNIT_FAKE_H

#include <linux/completion.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "internal.h"

struct kunit_suite;

/* Where end_io runs. FAKE_TASK: inside submit, if the request is not parked. */
enum fake_context {
	FAKE_TASK,
	FAKE_SOFTIRQ,
	FAKE_HARDIRQ,
	FAKE_WORKER,
	FAKE_CONTEXTS,
};

extern const char * const fake_context_names[FAKE_CONTEXTS];

/* Bytes that the device remembers, from offset 0; others it only pretends to. */
#define FAKE_BYTES	(4U << 20)

/**
 * struct fake_answer - how a request is answered
 * @context: where
 * @error: 0, or the result
 * @status: the block status
 * @most: bytes that are transferred at the most, 0: all
 */
struct fake_answer {
	enum fake_context	context;
	ssize_t			error;
	blk_status_t		status;
	size_t			most;
};

/**
 * struct fake - a device that can be opened any number of times, one after another
 * @answer: for requests from now on, or when they are answered if they are parked
 * @park: keep requests until fake_answer()
 * @from: requests that are answered well and at once before @answer and @park count
 * @may_be_short: which of the two manners of backend the next open is
 * @stream: the next open is one of a stream
 * @diskseq: number of the disk
 * @mode: what it is, 0: a char device
 * @dev: its number
 * @identity: what else tells it from others
 * @on_identify: called when it is asked for that, if set
 * @on_open: called in the middle of each open, if set
 * @open_error: what the next open fails with, 0: it does not
 * @check_error: what the backend's check of a request returns
 * @block_size: offsets and lengths must be multiples of it, 0: any
 * @size: requests must end there, 0: anywhere
 * @lower: of the last open
 * @opened_for: flags of that
 * @memory: what is on the device
 * @submits: requests that came
 * @answers: requests that ended
 * @twice: requests that came while they were here: a bug of the library
 * @opens: lowers that were opened
 * @closes: lowers that were closed
 * @closed_busy: closed with requests inside: a bug of the library
 * @flushes: flushes that ended
 * @last: the request that came last, as it came
 */
struct fake {
	struct fake_answer		answer;
	bool				park;
	unsigned int			from;
	bool				may_be_short;
	bool				stream;
	u64				diskseq;
	umode_t				mode;
	dev_t				dev;
	struct iot_identity		identity;
	void				(*on_identify)(struct io_target_lower *lower);
	void				(*on_open)(struct io_target *t);
	int				open_error;
	int				check_error;
	u32				block_size;
	u64				size;

	struct io_target_lower		*lower;
	unsigned int			opened_for;
	u8				*memory;

	unsigned int			submits;
	unsigned int			answers;
	unsigned int			twice;
	unsigned int			opens;
	unsigned int			closes;
	unsigned int			closed_busy;
	unsigned int			flushes;
	struct {
		enum io_target_op	op;
		u32			flags;
		loff_t			pos;
		u64			len;
	} last;

	/* private: */
	spinlock_t			lock;
	wait_queue_head_t		wait;		/* for any of the counts */
	struct list_head		parked;
	unsigned int			nr_parked;
	bool				stall;
	unsigned int			nr_stalled;
	struct list_head		ending[FAKE_CONTEXTS];
	bool				busy[FAKE_CONTEXTS];
	struct tasklet_struct		softirq;
	struct irq_work			hardirq;
	struct work_struct		worker;
};

int fake_suite_init(struct kunit_suite *suite);
void fake_suite_exit(struct kunit_suite *suite);

/* For tests that need a thread beside their own */
extern struct workqueue_struct *fake_wq;

/* The memory is one for all fakes, and zero. */
void fake_init(struct fake *fake);
void fake_exit(struct fake *fake);
int fake_open(struct fake *fake, struct io_target *t, unsigned int flags);

/* All waits give up after half a minute and return false. */
bool fake_wait_parked(struct fake *fake, unsigned int n);
bool fake_wait_answers(struct fake *fake, unsigned int n);
bool fake_wait_closes(struct fake *fake, unsigned int n);

/* A parked request, the oldest or the newest one; NULL when there is none. */
struct io_target_request *fake_take(struct fake *fake, bool newest);
/* Answers a request that was taken, as fake->answer says. Context: any. */
void fake_answer(struct fake *fake, struct io_target_request *req);
/* Answers all that are parked; returns their number. Context: any. */
unsigned int fake_answer_parked(struct fake *fake, bool newest_first);

/* From now on submit does not return, until fake_unstall(). */
void fake_stall(struct fake *fake);
bool fake_wait_stalled(struct fake *fake, unsigned int n);
void fake_unstall(struct fake *fake);

/* Answers everything, now and in future, at once and well: for cleaning up. */
void fake_let_go(struct fake *fake);

/* The context that this runs in, as end_io sees it. */
enum fake_context fake_context_now(void);

#endif /* _IO_TARGET_KUNIT_FAKE_H */
