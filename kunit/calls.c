// SPDX-License-Identifier: GPL-2.0
/*
 * The blocking calls, see calls.h.
 */
#include "calls.h"

const enum call calls[CALLS] = {
	CALL_READ, CALL_WRITE, CALL_FLUSH, CALL_DISCARD, CALL_WRITE_ZEROES,
	CALL_WAIT_READ, CALL_WAIT_WRITE, CALL_WAIT_FLUSH,
};

void call_desc(const enum call *call, char *desc)
{
	static const char * const names[CALLS] = {
		"read", "write", "flush", "discard", "write_zeroes",
		"submit_wait read", "submit_wait write", "submit_wait flush",
	};

	strscpy(desc, names[*call], KUNIT_PARAM_DESC_SIZE);
}

bool call_has_data(enum call call)
{
	return call == CALL_READ || call == CALL_WRITE || call == CALL_WAIT_READ ||
	       call == CALL_WAIT_WRITE;
}

static int call_prep(enum call call, struct io_target_request *req, void *buf, size_t len,
		     loff_t pos, unsigned int flags)
{
	switch (call) {
	case CALL_WAIT_READ:
		return io_target_prep_read_buf(req, buf, len, pos, flags);
	case CALL_WAIT_WRITE:
		return io_target_prep_write_buf(req, buf, len, pos, flags);
	default:
		return io_target_prep_flush(req, flags);
	}
}

ssize_t call_do(enum call call, struct probe *p, void *buf, size_t len, loff_t pos,
		unsigned int flags, long timeout)
{
	struct io_target *t = p->fx->target;
	int err;

	switch (call) {
	case CALL_READ:
		return io_target_read(t, buf, len, pos, timeout);
	case CALL_WRITE:
		return io_target_write(t, buf, len, pos, timeout);
	case CALL_FLUSH:
		return io_target_flush(t, timeout);
	case CALL_DISCARD:
		return io_target_discard(t, pos, len, timeout);
	case CALL_WRITE_ZEROES:
		return io_target_write_zeroes(t, pos, len, timeout);
	default:
		err = call_prep(call, &p->req, buf, len, pos, flags);
		/* Not to be called, since a wait is instead of it */
		p->req.end_io = probe_end_io;
		return err ?: io_target_submit_wait(&p->req, timeout);
	}
}
