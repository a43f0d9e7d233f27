/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The contract verifier: checks of the callers, and of the backends, that cost
 * too much to make always. All of it is empty, and leaves no code, without
 * CONFIG_IO_TARGET_VERIFIER.
 *
 * Every misuse, also of the kind that is always refused, is told in one line of
 * the log which contains the name of its class; see iot_misuse_name().
 */
#ifndef _IO_TARGET_VERIFY_H
#define _IO_TARGET_VERIFY_H

#include "internal.h"

enum iot_misuse {
	/* refused always */
	IOT_MISUSE_SUBMIT,
	IOT_MISUSE_PREP,
	IOT_MISUSE_REINIT,
	IOT_MISUSE_FREE,
	IOT_MISUSE_UNFORMATTED,
	IOT_MISUSE_NO_END_IO,
	IOT_MISUSE_TIMEOUT,
	IOT_MISUSE_PUT_OPEN,
	IOT_MISUSE_WAIT_IRQ,
	IOT_MISUSE_WAIT_WORKER,
	/* seen by the verifier only */
	IOT_MISUSE_CONCURRENT,
	IOT_MISUSE_REQUEST,
	IOT_MISUSE_INIT,
	IOT_MISUSE_CONTEXT,
	IOT_MISUSE_STACK,
	IOT_MISUSE_CHANGED,
	IOT_MISUSE_ENDED_TWICE,
	IOT_MISUSE_LEAK,
	IOT_MISUSE_PREEMPT,
	IOT_MISUSE_IRQS,
	IOT_MISUSE_SLEPT,
	IOT_MISUSE_WAIT_END_IO,
	IOT_MISUSE_WAIT_EVENT,
	IOT_MISUSES,
};

/* What is being called */
enum iot_verify_kind {
	IOT_VERIFY_END_IO,
	IOT_VERIFY_TASK,	/* an end_io that may sleep */
	IOT_VERIFY_EVENT,
};

#if IS_ENABLED(CONFIG_IO_TARGET_VERIFIER)

/* A call of the caller's code in progress, on the stack of who makes it. */
struct iot_verify_frame {
	struct list_head	node;
	struct task_struct	*task;	/* NULL in irq context, which cannot wait */
	enum iot_verify_kind	kind;
	int			preempt;
	bool			irqs_off;
	unsigned long		switches;	/* times that the task has slept */
};

/* Frames */
void iot_verify_enter(struct io_target *t, struct iot_verify_frame *frame,
		      enum iot_verify_kind kind);
void iot_verify_leave(struct io_target *t, struct iot_verify_frame *frame);
const char *iot_verify_no_wait(struct io_target *t);

/* Outstanding requests */
int iot_verify_request(struct io_target_request *req, const char *what);
bool iot_verify_init(struct io_target_request *req);
void iot_verify_seal(struct io_target_request *req);
int iot_verify_context(struct io_target_request *req);
int iot_verify_submit(struct io_target_request *req);
void iot_verify_refused(struct io_target_request *req);
bool iot_verify_claim(struct io_target_request *req);
void iot_verify_intact(struct io_target_request *req);
bool iot_verify_end(struct io_target_request *req);
void iot_verify_again(struct io_target_request *req);
void iot_verify_ended(struct io_target_request *req);

/* Targets and their pools */
void iot_verify_target_init(struct io_target *t);
void iot_verify_pool_alloc(struct io_target_request *req);
void iot_verify_pool_free(struct io_target_request *req);
void iot_verify_pool_freed(struct io_target *t);
bool iot_verify_pool_out(struct io_target *t);

/* What has been said, in misuse.c */
__printf(2, 3) void iot_misuse_report(const char *name, const char *fmt, ...);
void iot_verify_line(const char *name, struct va_format *vaf);
const char *iot_misuse_name(enum iot_misuse misuse);
unsigned int iot_misuse_seen(enum iot_misuse misuse);
unsigned int iot_verify_lines(void);

#else

struct iot_verify_frame {
};

static inline void iot_verify_enter(struct io_target *t, struct iot_verify_frame *frame,
				    enum iot_verify_kind kind)
{
}

static inline void iot_verify_leave(struct io_target *t, struct iot_verify_frame *frame)
{
}

static inline const char *iot_verify_no_wait(struct io_target *t)
{
	return NULL;
}

static inline int iot_verify_request(struct io_target_request *req, const char *what)
{
	return 0;
}

static inline bool iot_verify_init(struct io_target_request *req)
{
	return true;
}

static inline void iot_verify_seal(struct io_target_request *req)
{
}

static inline int iot_verify_context(struct io_target_request *req)
{
	return 0;
}

static inline int iot_verify_submit(struct io_target_request *req)
{
	return 0;
}

static inline void iot_verify_refused(struct io_target_request *req)
{
}

static inline bool iot_verify_claim(struct io_target_request *req)
{
	WRITE_ONCE(req->state, IOT_REQ_SENT);
	return true;
}

static inline void iot_verify_intact(struct io_target_request *req)
{
}

static inline bool iot_verify_end(struct io_target_request *req)
{
	return true;
}

static inline void iot_verify_again(struct io_target_request *req)
{
}

static inline void iot_verify_ended(struct io_target_request *req)
{
}

static inline void iot_verify_target_init(struct io_target *t)
{
}

static inline void iot_verify_pool_alloc(struct io_target_request *req)
{
}

static inline void iot_verify_pool_free(struct io_target_request *req)
{
}

static inline void iot_verify_pool_freed(struct io_target *t)
{
}

static inline bool iot_verify_pool_out(struct io_target *t)
{
	return false;
}

static inline void iot_verify_line(const char *name, struct va_format *vaf)
{
}

static inline unsigned int iot_misuse_seen(enum iot_misuse misuse)
{
	return 0;
}

static inline unsigned int iot_verify_lines(void)
{
	return 0;
}

#endif

#endif /* _IO_TARGET_VERIFY_H */
