/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the cases over the fake share: a target that is open on a fake, a record
 * of its events, and requests that note how they ended.
 */
#ifndef _IO_TARGET_KUNIT_FIXTURE_H
#define _IO_TARGET_KUNIT_FIXTURE_H

#include <kunit/test.h>

#include "fake.h"

#define FIXTURE_RW	(IO_TARGET_READ | IO_TARGET_WRITE)
/* Pool requests and reserved bounce buffers of the target */
#define FIXTURE_RESERVE	2
#define FIXTURE_EVENTS	32

/**
 * struct fixture - test->priv of the suites over the fake
 * @fake: the device
 * @target: open on it for reading and writing
 * @event: how often each event was told
 * @log: the first events, in order, and the state of the target at that time
 * @logged: how many of them
 * @on_event: called for each of them, if set
 * @private: for @on_event
 * @ended: number of the last probe that ended
 */
struct fixture {
	struct fake		fake;
	struct io_target	*target;
	atomic_t		event[IO_TARGET_EVENT_LEAVING + 1];
	struct {
		enum io_target_event	event;
		enum io_target_state	state;
	} log[FIXTURE_EVENTS];
	atomic_t		logged;
	void			(*on_event)(struct fixture *fx, enum io_target_event event);
	void			*private;
	atomic_t		ended;
};

/* An end_io in process context that has been entered and not yet left: see steps.h. */
struct doorway {
	struct completion	entered;
	struct completion	leave;
};

/**
 * struct probe - a request and what its end_io saw
 * @req: the request
 * @ends: how often it ended
 * @number: order among the fixture's probes, from 1
 * @context: that end_io ran in
 * @fx: the fixture
 * @door: where end_io waits first, or NULL
 * @done: completed by end_io
 */
struct probe {
	struct io_target_request	req;
	atomic_t			ends;
	unsigned int			number;
	enum fake_context		context;
	struct fixture			*fx;
	struct doorway			*door;
	struct completion		done;
};

int fixture_init(struct kunit *test);
void fixture_exit(struct kunit *test);

/* Opens the target again, with other flags or after changes of the fake. */
void fixture_reopen(struct kunit *test, unsigned int flags);

/* Requests that the fake was given and that the target says it has. */
u64 fixture_submitted(struct fixture *fx);
u64 fixture_completed(struct fixture *fx);

/* Memory of the test's, freed after its exit: requests must not be on a stack. */
struct probe *probes_alloc(struct kunit *test, unsigned int n);
void probe_end_io(struct io_target_request *req);
/* Formats a transfer of @buf and sets end_io; asserts that it could be done. */
void probe_prep(struct kunit *test, struct probe *p, enum io_target_op op, void *buf,
		size_t len, loff_t pos, unsigned int flags);
/* Gives up after half a minute and returns false. */
bool probe_wait(struct probe *p);

#endif /* _IO_TARGET_KUNIT_FIXTURE_H */
