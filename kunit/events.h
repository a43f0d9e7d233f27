/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The events of one target, as the tracepoints are told them: for one case at a time.
 */
#ifndef _IO_TARGET_KUNIT_EVENTS_H
#define _IO_TARGET_KUNIT_EVENTS_H

#include <kunit/test.h>
#include <linux/io_target.h>

/**
 * struct event - one of them
 * @what: O open, S state, R remove, s submit, p pend, c complete, x cancel, d deadline,
 *	o orphan, E the end of an orphan
 * @id: of the request or bio
 * @value: pos of a submit, how many wait of a pend, the result of a complete; see events.c
 * @op: of a submit, pend or complete, as all below
 * @len: bytes
 * @flags: of the request
 * @not_sent: the device has not had it
 */
struct event {
	char			what;
	const void		*id;
	s64			value;
	enum io_target_op	op;
	u64			len;
	unsigned int		flags;
	bool			not_sent;
};

int events_register(void);
void events_unregister(void);

/* Forgets what has been noted, and notes the events of @t from here on. NULL: none. */
void events_of(const struct io_target *t);
/* The one at @i of those since then, or since the last expect_events(). */
const struct event *event_at(unsigned int i);
/* All that was noted is @events, by @what; then it is forgotten. */
void expect_events(struct kunit *test, const char *events);

#endif /* _IO_TARGET_KUNIT_EVENTS_H */
