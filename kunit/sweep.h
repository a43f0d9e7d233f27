/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The calls whose allocations are made to fail one by one, as a table.
 */
#ifndef _IO_TARGET_KUNIT_SWEEP_H
#define _IO_TARGET_KUNIT_SWEEP_H

#include "device.h"
#include "fixture.h"

#define SWEEP_LEN	512
/* A transfer in pieces, and more than a reserved buffer holds */
#define SWEEP_PIECES	(IOT_RESERVE_PAGES + 4)
#define SWEEP_LARGE	(SWEEP_PIECES * PAGE_SIZE)
#define SWEEP_PATIENCE	(30 * HZ)

/* What the target of a call is open on, when it is called */
enum sweep_place { NO_TARGET, CLOSED, ON_FAKE, ON_DISK, ON_CHAR };

/**
 * struct sweep - what the calls work on
 * @fx: the fixture
 * @own: a target of the case's, other than the fixture's
 * @t: whom the call is about, one of the two
 * @made: target that the call has made
 * @req: request that the call has taken from the pool
 * @p: for the others
 * @buf: SWEEP_LARGE bytes
 * @pieces: of @buf, no two of which can be merged
 * @dev: whose targets go with it
 * @disk_file: to be adopted
 * @char_file: likewise
 */
struct sweep {
	struct fixture			*fx;
	struct io_target		*own;
	struct io_target		*t;
	struct io_target		*made;
	struct io_target_request	*req;
	struct probe			*p;
	u8				*buf;
	struct kvec			pieces[SWEEP_PIECES];
	struct device			*dev;
	struct file			*disk_file;
	struct file			*char_file;
};

/**
 * struct sweep_call - one of them
 * @name: of the case
 * @call: makes it
 * @place: of its target
 * @good: what it returns when nothing fails, or what its request ends with
 * @async: it is a submit, whose request is waited for
 */
struct sweep_call {
	const char	*name;
	ssize_t		(*call)(struct sweep *s);
	enum sweep_place	place;
	ssize_t		good;
	bool		async;
};

#define SWEEP_CALLS	46

extern const struct sweep_call sweep_calls[SWEEP_CALLS];

/* Opens @s->t as a call at @place wants to find it. */
int sweep_open(struct sweep *s, enum sweep_place place);
/* Does it take requests? SWEEP_LEN if so. */
ssize_t sweep_read(struct sweep *s);

#endif /* _IO_TARGET_KUNIT_SWEEP_H */
