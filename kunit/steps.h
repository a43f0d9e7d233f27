/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Steps that the cases of a target's states share: calls made by another
 * thread, an end_io that stays where it is, and what is expected of a probe.
 */
#ifndef _IO_TARGET_KUNIT_STEPS_H
#define _IO_TARGET_KUNIT_STEPS_H

#include "fixture.h"

/* Memory of the test's, zeroed; asserts that there is some. */
u8 *step_buf(struct kunit *test, size_t len);

/* Events of one kind so far. */
int step_events(struct fixture *fx, enum io_target_event event);

/**
 * struct aside - a call that another thread makes
 * @work: the thread
 * @call: what it calls
 * @fx: with this
 * @private: the case's own
 * @ret: what the call returned
 * @ended: probes of the fixture that had ended then
 * @done: it has returned
 */
struct aside {
	struct work_struct	work;
	ssize_t			(*call)(struct aside *a);
	struct fixture		*fx;
	void			*private;
	ssize_t			ret;
	int			ended;
	struct completion	done;
};

struct aside *aside_start(struct kunit *test, ssize_t (*call)(struct aside *a), void *private);
/* That it does not return can only be seen by waiting for it. */
bool aside_waits(struct aside *a);
bool aside_waits_within(struct aside *a, unsigned long timeout);
/* What it returned; the case fails if it does not within a minute. */
ssize_t aside_end(struct kunit *test, struct aside *a);
ssize_t aside_end_within(struct kunit *test, struct aside *a, unsigned long timeout);

/* For aside_start() */
ssize_t aside_start_target(struct aside *a);
ssize_t aside_close(struct aside *a);
ssize_t aside_stop_wait(struct aside *a);
ssize_t aside_drain(struct aside *a);
ssize_t aside_submit_wait(struct aside *a);	/* the probe @private, no timeout */

struct doorway *doorway_alloc(struct kunit *test);
/* @p, which has not ended yet, will stay in end_io until it may leave. */
void doorway_set(struct probe *p, struct doorway *d);

/* Give up after a minute and return false. */
bool step_wait_state(struct fixture *fx, enum io_target_state state);
/* At least @n */
bool step_wait_pended(struct fixture *fx, unsigned int n);
bool step_wait_events(struct fixture *fx, enum io_target_event event, int n);

/* @p ends, once, like this. */
void expect_end(struct kunit *test, struct probe *p, ssize_t result, bool not_sent);
/* @p is with the library still. */
void expect_outstanding(struct kunit *test, struct probe *p);

/* Formats and submits a write of @buf at @pos; it is accepted. */
void step_submit(struct kunit *test, struct probe *p, u8 *buf, size_t len, loff_t pos,
		 unsigned int flags);
/* Stops the target, and pends @n writes of @len at @len * index. */
void step_pend(struct kunit *test, struct probe *p, unsigned int n, u8 *buf, size_t len,
	       unsigned int flags);
/* The parked requests are for @n positions from @first on, in this order. */
void expect_parked_order(struct kunit *test, unsigned int first, unsigned int n, size_t len);

/*
 * Leaves the target in STARTING, in the end_io of @p, which is sent by the
 * returned thread's start; it and the thread go on when @d lets it leave. What
 * is sent after it parks.
 */
struct aside *step_starting(struct kunit *test, struct probe *p, u8 *buf, size_t len,
			    struct doorway *d);

#endif /* _IO_TARGET_KUNIT_STEPS_H */
