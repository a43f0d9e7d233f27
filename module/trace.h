/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints, system io_target. Names of events and fields are for people's scripts:
 * they stay. A request is told apart by its address, @req, from its submit to its
 * complete; a target by its number @nr, which its debugfs directory has too, since names
 * need not be unique. A forwarded bio is told as a request with its own address; it has a
 * submit, a complete, and perhaps a pend.
 *
 * Without CONFIG_IO_TARGET_TRACE all of it is empty. With it, a tracepoint that nobody
 * has enabled is one nop.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM io_target

#if !defined(_IO_TARGET_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _IO_TARGET_TRACE_H

#include <linux/tracepoint.h>

#include "internal.h"

#if IS_ENABLED(CONFIG_IO_TARGET_TRACE)
#define IOT_TRACE_EVENT		TRACE_EVENT
#else
#define IOT_TRACE_EVENT		TRACE_EVENT_NOP
#endif

#ifndef _IO_TARGET_TRACE_ONCE
#define _IO_TARGET_TRACE_ONCE

/* How a deadline that has passed, or a blocking call's timeout, left its request */
enum iot_deadline {
	IOT_DEADLINE_UNSENT,	/* ended, and its device never had it */
	IOT_DEADLINE_ORPHANED,	/* ended, and its I/O goes on alone */
	IOT_DEADLINE_OVERDUE,	/* its device still has it */
};

#define iot_trace_target(entry, of) do {				\
	typeof(entry) _entry = (entry);					\
	const struct io_target *_of = (of);				\
									\
	_entry->nr = _of->nr;						\
	strscpy_pad(_entry->target, io_target_name(_of), sizeof(_entry->target)); \
} while (0)

#define iot_trace_request(to, from) do {				\
	typeof(to) _to = (to);						\
	const struct io_target_request *_from = (from);			\
									\
	iot_trace_target(_to, _from->target);				\
	_to->req = _from;						\
	_to->op = _from->op;						\
	_to->pos = _from->pos;						\
	_to->len = _from->len;						\
} while (0)

#define iot_show_op(op)							\
	__print_symbolic(op,						\
		{ IO_TARGET_OP_READ,		"read" },		\
		{ IO_TARGET_OP_WRITE,		"write" },		\
		{ IO_TARGET_OP_FLUSH,		"flush" },		\
		{ IO_TARGET_OP_DISCARD,		"discard" },		\
		{ IO_TARGET_OP_WRITE_ZEROES,	"write_zeroes" },	\
		{ IO_TARGET_OP_IOCTL,		"ioctl" },		\
		{ IO_TARGET_OP_SECURE_ERASE,	"secure_erase" },	\
		{ IO_TARGET_OP_ZONE_OPEN,	"zone_open" },		\
		{ IO_TARGET_OP_ZONE_CLOSE,	"zone_close" },		\
		{ IO_TARGET_OP_ZONE_FINISH,	"zone_finish" },	\
		{ IO_TARGET_OP_ZONE_RESET,	"zone_reset" },		\
		{ IO_TARGET_OP_ZONE_APPEND,	"zone_append" })

#define iot_show_state(state)						\
	__print_symbolic(state,						\
		{ IO_TARGET_CLOSED,		"closed" },		\
		{ IO_TARGET_STARTING,		"starting" },		\
		{ IO_TARGET_STARTED,		"started" },		\
		{ IO_TARGET_STOPPED,		"stopped" },		\
		{ IO_TARGET_PURGED,		"purged" },		\
		{ IO_TARGET_SUSPENDED,		"suspended" },		\
		{ IO_TARGET_REMOVED,		"removed" })

#define iot_show_flags(flags)						\
	__print_flags(flags, "|",					\
		{ IO_TARGET_FUA,		"fua" },		\
		{ IO_TARGET_PREFLUSH,		"preflush" },		\
		{ IO_TARGET_NOWAIT,		"nowait" },		\
		{ IO_TARGET_BOUNCE,		"bounce" },		\
		{ IO_TARGET_IGNORE_STATE,	"ignore_state" },	\
		{ IO_TARGET_TASK,		"task" })

#define iot_show_open(flags)						\
	__print_flags(flags, "|",					\
		{ IO_TARGET_READ,		"read" },		\
		{ IO_TARGET_WRITE,		"write" },		\
		{ IO_TARGET_EXCL,		"excl" })

#define iot_show_deadline(how)						\
	__print_symbolic(how,						\
		{ IOT_DEADLINE_UNSENT,		"unsent" },		\
		{ IOT_DEADLINE_ORPHANED,	"orphaned" },		\
		{ IOT_DEADLINE_OVERDUE,		"overdue" })

#endif /* _IO_TARGET_TRACE_ONCE */

/* What reads the binary trace knows no names but these. */
TRACE_DEFINE_ENUM(IO_TARGET_OP_READ);
TRACE_DEFINE_ENUM(IO_TARGET_OP_WRITE);
TRACE_DEFINE_ENUM(IO_TARGET_OP_FLUSH);
TRACE_DEFINE_ENUM(IO_TARGET_OP_DISCARD);
TRACE_DEFINE_ENUM(IO_TARGET_OP_WRITE_ZEROES);
TRACE_DEFINE_ENUM(IO_TARGET_OP_IOCTL);
TRACE_DEFINE_ENUM(IO_TARGET_OP_SECURE_ERASE);
TRACE_DEFINE_ENUM(IO_TARGET_OP_ZONE_OPEN);
TRACE_DEFINE_ENUM(IO_TARGET_OP_ZONE_CLOSE);
TRACE_DEFINE_ENUM(IO_TARGET_OP_ZONE_FINISH);
TRACE_DEFINE_ENUM(IO_TARGET_OP_ZONE_RESET);
TRACE_DEFINE_ENUM(IO_TARGET_OP_ZONE_APPEND);
TRACE_DEFINE_ENUM(IO_TARGET_CLOSED);
TRACE_DEFINE_ENUM(IO_TARGET_STARTING);
TRACE_DEFINE_ENUM(IO_TARGET_STARTED);
TRACE_DEFINE_ENUM(IO_TARGET_STOPPED);
TRACE_DEFINE_ENUM(IO_TARGET_PURGED);
TRACE_DEFINE_ENUM(IO_TARGET_SUSPENDED);
TRACE_DEFINE_ENUM(IO_TARGET_REMOVED);
TRACE_DEFINE_ENUM(IOT_DEADLINE_UNSENT);
TRACE_DEFINE_ENUM(IOT_DEADLINE_ORPHANED);
TRACE_DEFINE_ENUM(IOT_DEADLINE_OVERDUE);

/* @device, one of them: "" when it could not be opened, for the reason @err */
IOT_TRACE_EVENT(open,
	TP_PROTO(struct io_target *t, const char *device, unsigned int flags, int err),
	TP_ARGS(t, device, flags, err),
	TP_STRUCT__entry(
		__field(u32, nr)
		__array(char, target, sizeof_field(struct io_target, name))
		__array(char, device, sizeof_field(struct io_target_lower, name))
		__field(u32, flags)
		__field(int, err)
	),
	TP_fast_assign(
		iot_trace_target(__entry, t);
		strscpy_pad(__entry->device, device, sizeof(__entry->device));
		__entry->flags = flags;
		__entry->err = err;
	),
	TP_printk("nr=%u target=%s device=%s flags=%s err=%d",
		  __entry->nr, __entry->target, __entry->device,
		  iot_show_open(__entry->flags), __entry->err)
);

IOT_TRACE_EVENT(state,
	TP_PROTO(struct io_target *t, enum io_target_state before,
		 enum io_target_state state, enum io_target_state wish),
	TP_ARGS(t, before, state, wish),
	TP_STRUCT__entry(
		__field(u32, nr)
		__array(char, target, sizeof_field(struct io_target, name))
		__field(u8, before)
		__field(u8, state)
		__field(u8, wish)
	),
	TP_fast_assign(
		iot_trace_target(__entry, t);
		__entry->before = before;
		__entry->state = state;
		__entry->wish = wish;
	),
	TP_printk("nr=%u target=%s before=%s state=%s wish=%s",
		  __entry->nr, __entry->target, iot_show_state(__entry->before),
		  iot_show_state(__entry->state), iot_show_state(__entry->wish))
);

/* The device has gone for good. */
IOT_TRACE_EVENT(remove,
	TP_PROTO(struct io_target *t),
	TP_ARGS(t),
	TP_STRUCT__entry(
		__field(u32, nr)
		__array(char, target, sizeof_field(struct io_target, name))
	),
	TP_fast_assign(
		iot_trace_target(__entry, t);
	),
	TP_printk("nr=%u target=%s", __entry->nr, __entry->target)
);

/* Accepted: each is followed by one complete of the same @req. */
IOT_TRACE_EVENT(submit,
	TP_PROTO(struct io_target_request *r, const void *req),
	TP_ARGS(r, req),
	TP_STRUCT__entry(
		__field(u32, nr)
		__array(char, target, sizeof_field(struct io_target, name))
		__field(const void *, req)
		__field(u8, op)
		__field(s64, pos)
		__field(u64, len)
		__field(u32, flags)
	),
	TP_fast_assign(
		iot_trace_request(__entry, r);
		__entry->req = req;
		__entry->flags = r->flags & IOT_F_PUBLIC;
	),
	TP_printk("nr=%u target=%s req=%p op=%s pos=%lld len=%llu flags=%s",
		  __entry->nr, __entry->target, __entry->req, iot_show_op(__entry->op),
		  __entry->pos, __entry->len, iot_show_flags(__entry->flags))
);

/* It waits for the target to be started, after its submit; @pended wait with it. */
IOT_TRACE_EVENT(pend,
	TP_PROTO(struct io_target_request *r, const void *req),
	TP_ARGS(r, req),
	TP_STRUCT__entry(
		__field(u32, nr)
		__array(char, target, sizeof_field(struct io_target, name))
		__field(const void *, req)
		__field(u8, op)
		__field(s64, pos)
		__field(u64, len)
		__field(u8, state)
		__field(u32, pended)
	),
	TP_fast_assign(
		iot_trace_request(__entry, r);
		__entry->req = req;
		__entry->state = r->target->state;
		__entry->pended = iot_nr_pended(r->target);
	),
	TP_printk("nr=%u target=%s req=%p op=%s pos=%lld len=%llu state=%s pended=%u",
		  __entry->nr, __entry->target, __entry->req, iot_show_op(__entry->op),
		  __entry->pos, __entry->len, iot_show_state(__entry->state),
		  __entry->pended)
);

/* end_io is about to be called. @result: bytes or errno; @status: the block layer's */
IOT_TRACE_EVENT(complete,
	TP_PROTO(struct io_target_request *r, const void *req),
	TP_ARGS(r, req),
	TP_STRUCT__entry(
		__field(u32, nr)
		__array(char, target, sizeof_field(struct io_target, name))
		__field(const void *, req)
		__field(u8, op)
		__field(s64, pos)
		__field(u64, len)
		__field(s64, result)
		__field(u8, status)
		__field(u8, not_sent)
	),
	TP_fast_assign(
		iot_trace_request(__entry, r);
		__entry->req = req;
		__entry->result = r->result;
		__entry->status = (__force u8)r->status;
		__entry->not_sent = r->not_sent;
	),
	TP_printk("nr=%u target=%s req=%p op=%s pos=%lld len=%llu result=%lld status=%u not_sent=%u",
		  __entry->nr, __entry->target, __entry->req, iot_show_op(__entry->op),
		  __entry->pos, __entry->len, __entry->result, __entry->status,
		  __entry->not_sent)
);

/* Before its complete: it ends since somebody cancelled it, or stopped or closed all. */
IOT_TRACE_EVENT(cancel,
	TP_PROTO(struct io_target_request *r),
	TP_ARGS(r),
	TP_STRUCT__entry(
		__field(u32, nr)
		__array(char, target, sizeof_field(struct io_target, name))
		__field(const void *, req)
		__field(u8, op)
		__field(s64, pos)
		__field(u64, len)
		__field(u8, not_sent)
	),
	TP_fast_assign(
		iot_trace_request(__entry, r);
		__entry->not_sent = r->not_sent;
	),
	TP_printk("nr=%u target=%s req=%p op=%s pos=%lld len=%llu not_sent=%u",
		  __entry->nr, __entry->target, __entry->req, iot_show_op(__entry->op),
		  __entry->pos, __entry->len, __entry->not_sent)
);

IOT_TRACE_EVENT(deadline,
	TP_PROTO(struct io_target_request *r, enum iot_deadline how),
	TP_ARGS(r, how),
	TP_STRUCT__entry(
		__field(u32, nr)
		__array(char, target, sizeof_field(struct io_target, name))
		__field(const void *, req)
		__field(u8, op)
		__field(s64, pos)
		__field(u64, len)
		__field(u8, how)
	),
	TP_fast_assign(
		iot_trace_request(__entry, r);
		__entry->how = how;
	),
	TP_printk("nr=%u target=%s req=%p op=%s pos=%lld len=%llu how=%s",
		  __entry->nr, __entry->target, __entry->req, iot_show_op(__entry->op),
		  __entry->pos, __entry->len, iot_show_deadline(__entry->how))
);

/*
 * @ended 0: @req is about to end, and leaves its I/O to the device. 1: the device has
 * answered that, with @result; @req may be another request by now.
 */
IOT_TRACE_EVENT(orphan,
	TP_PROTO(struct io_target_carrier *c, bool ended, ssize_t result),
	TP_ARGS(c, ended, result),
	TP_STRUCT__entry(
		__field(u32, nr)
		__array(char, target, sizeof_field(struct io_target, name))
		__field(const void *, req)
		__field(u8, op)
		__field(s64, pos)
		__field(u64, len)
		__field(u8, ended)
		__field(s64, result)
		__field(u32, age_ms)
	),
	TP_fast_assign(
		iot_trace_request(__entry, &c->io);
		__entry->req = c->orphan_of;
		__entry->ended = ended;
		__entry->result = result;
		__entry->age_ms = jiffies_to_msecs(jiffies - c->born);
	),
	TP_printk("nr=%u target=%s req=%p op=%s pos=%lld len=%llu ended=%u result=%lld age_ms=%u",
		  __entry->nr, __entry->target, __entry->req, iot_show_op(__entry->op),
		  __entry->pos, __entry->len, __entry->ended, __entry->result,
		  __entry->age_ms)
);

#endif /* _IO_TARGET_TRACE_H */

/* trace.c alone reads on, with this directory among those that are searched. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
