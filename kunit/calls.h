/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All ways to send something and wait for it, as a table.
 */
#ifndef _IO_TARGET_KUNIT_CALLS_H
#define _IO_TARGET_KUNIT_CALLS_H

#include "fixture.h"

enum call {
	CALL_READ,
	CALL_WRITE,
	CALL_FLUSH,
	CALL_DISCARD,
	CALL_WRITE_ZEROES,
	CALL_WAIT_READ,		/* prep, then io_target_submit_wait() */
	CALL_WAIT_WRITE,
	CALL_WAIT_FLUSH,
	CALLS,
};

/* For KUNIT_ARRAY_PARAM() */
extern const enum call calls[CALLS];
void call_desc(const enum call *call, char *desc);

/* Does the call transfer data? Its result is then the number of bytes. */
bool call_has_data(enum call call);

/*
 * Makes the call for @len bytes at @pos. @p and @flags are for those that prep;
 * a prep that fails is their result.
 */
ssize_t call_do(enum call call, struct probe *p, void *buf, size_t len, loff_t pos,
		unsigned int flags, long timeout);

#endif /* _IO_TARGET_KUNIT_CALLS_H */
