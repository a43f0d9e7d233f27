/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The states of a target over any device: what the specification in
 * spec_kunit.c is made of, and the engine that holds a device against it.
 */
#ifndef _IO_TARGET_KUNIT_SPEC_H
#define _IO_TARGET_KUNIT_SPEC_H

#include "steps.h"

#define SPEC_LEN	512
/* Requests that pend at the most */
#define SPEC_PENDED	4

struct spec;

/**
 * struct spec_device - a device that keeps what is sent to it, on demand
 * @name: for descriptions
 * @suite_init: beside that of the fake, or NULL
 * @suite_exit: likewise
 * @open: opens the fixture's target on it, for reading and writing, exclusively
 *	where there is such a thing. NOWAIT is honoured
 * @park: from now on what arrives stays there, or is answered before submit returns
 * @wait_held: so many are there; false: not after half a minute
 * @release: answers so many of those that are there, oldest first, here and now
 * @seen: all that ever arrived
 * @unused: nobody has it open
 * @let_go: answers everything, now and from now on
 */
struct spec_device {
	const char	*name;
	int		(*suite_init)(struct kunit_suite *suite);
	void		(*suite_exit)(struct kunit_suite *suite);
	int		(*open)(struct spec *s);
	void		(*park)(struct spec *s, bool park);
	bool		(*wait_held)(struct spec *s, unsigned int n);
	void		(*release)(struct spec *s, unsigned int n);
	unsigned int	(*seen)(struct spec *s);
	bool		(*unused)(struct spec *s);
	void		(*let_go)(struct spec *s);
};

extern const struct spec_device spec_fake, spec_bdev, spec_file;

/* Answers at once, in queue_rq; has none of the functions that keep requests */
extern const struct spec_device spec_mq;
extern struct testdev_mq *spec_mq_disk;

/**
 * struct spec - test->priv, as a fixture that the steps know
 * @fx: target and probes; its fake is used by one of the devices only
 * @dev: what the target is open on
 * @opens: how many test devices are open when the run begins
 */
struct spec {
	struct fixture			fx;
	const struct spec_device	*dev;
	int				opens;
};

int spec_init(struct kunit *test, const struct spec_device *dev);
void spec_exit(struct kunit *test);

/* Kinds of submit, the columns of the first table */
enum spec_kind {
	SPEC_PLAIN,
	SPEC_NOWAIT,
	SPEC_BLOCKING,
	SPEC_IGNORE,		/* IGNORE_STATE */
	SPEC_IGNORE_NOWAIT,
	SPEC_FULL,		/* plain; whatever can pend does already */
	SPEC_KINDS,
};

extern const char * const spec_kind_names[SPEC_KINDS];

/* What becomes of a request, beside an errno */
enum { SPEC_SENT = 0, SPEC_PENDS = 1 };

/* The target in @state gives @answer to a submit of @kind, in all its variants. */
void spec_admit(struct kunit *test, enum io_target_state state, enum spec_kind kind, int answer);

enum spec_verb {
	SPEC_START,
	SPEC_STOP_LEAVE,
	SPEC_STOP_WAIT,
	SPEC_STOP_CANCEL,
	SPEC_PURGE_LEAVE,
	SPEC_PURGE_WAIT,
	SPEC_PURGE_CANCEL,
	SPEC_DRAIN,
	SPEC_CLOSE,
	SPEC_SUSPEND,
	SPEC_REOPEN,
	SPEC_REMOVE,		/* not a call: what the backend does when its device goes */
	SPEC_VERBS,
};

extern const char * const spec_verb_names[SPEC_VERBS];

/* What becomes of those that pend */
enum spec_fate {
	SPEC_NONE,		/* nothing can pend in that state */
	SPEC_STAY,
	SPEC_GO,		/* sent, in the order of their submission */
	SPEC_CANCELLED,		/* -ECANCELED, not_sent, in that order, before the call returns */
	SPEC_GONE,		/* -ENODEV, not_sent, in that order */
};

/* When the call returns */
enum spec_return {
	SPEC_AT_ONCE,
	SPEC_AFTER_START,	/* when the start that is on its way has returned */
	SPEC_AFTER_GATED,	/* when all has ended that was sent without IGNORE_STATE */
	SPEC_AFTER_ALL,		/* when all has ended that was sent */
	SPEC_ON_TIME,		/* when its timeout has passed */
};

/**
 * struct spec_move - one transition from one state
 * @verb: the call
 * @from: state of the target, where requests pend if they can, and some were sent
 * @ret: what the call returns
 * @to: state afterwards
 * @pended: fate of those that pend. Those that were sent run on, always
 * @back: when it returns
 */
struct spec_move {
	enum spec_verb		verb;
	enum io_target_state	from;
	int			ret;
	enum io_target_state	to;
	enum spec_fate		pended;
	enum spec_return	back;
};

void spec_move(struct kunit *test, const struct spec_move *move);

/* Those with a timeout take it; the others return at once, or wait for ever. */
ssize_t spec_call(struct io_target *t, enum spec_verb verb, long timeout);

/**
 * struct spec_queued - one transition, while requests wait for an orphan to end
 * @verb: the call, which does not wait for the orphan but for what waits for it
 * @ret: what it returns
 * @to: state afterwards
 * @gated: what becomes of one that waits
 * @ignored: and of one with IGNORE_STATE
 */
struct spec_queued {
	enum spec_verb		verb;
	int			ret;
	enum io_target_state	to;
	enum spec_fate		gated;
	enum spec_fate		ignored;
};

void spec_queued(struct kunit *test, const struct spec_queued *c);

/* STARTING lasts until @d lets the returned thread go on; NULL for all other states. */
struct aside *spec_enter(struct kunit *test, enum io_target_state state, struct probe *p, u8 *buf,
			 struct doorway *d);
const char *spec_state_name(enum io_target_state state);

#endif /* _IO_TARGET_KUNIT_SPEC_H */
