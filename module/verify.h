/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The contract verifier: checks of the callers that cost too much to make
 * always. All of it is empty, and leaves no code, without
 * CONFIG_IO_TARGET_VERIFIER.
 */
#ifndef _IO_TARGET_VERIFY_H
#define _IO_TARGET_VERIFY_H

#include "internal.h"

#if IS_ENABLED(CONFIG_IO_TARGET_VERIFIER)

/* A call of an end_io in progress, on the stack of who makes it. */
struct iot_verify_frame {
	struct list_head	node;
	struct task_struct	*task;	/* NULL in irq context, which cannot wait */
};

void iot_verify_enter(struct io_target *t, struct iot_verify_frame *frame);
void iot_verify_leave(struct io_target *t, struct iot_verify_frame *frame);
bool iot_verify_in_end_io(struct io_target *t);
bool iot_verify_claim(struct io_target_request *req);

#else

struct iot_verify_frame {
};

static inline void iot_verify_enter(struct io_target *t, struct iot_verify_frame *frame)
{
}

static inline void iot_verify_leave(struct io_target *t, struct iot_verify_frame *frame)
{
}

static inline bool iot_verify_in_end_io(struct io_target *t)
{
	return false;
}

static inline bool iot_verify_claim(struct io_target_request *req)
{
	WRITE_ONCE(req->state, IOT_REQ_SENT);
	return true;
}

#endif

#endif /* _IO_TARGET_VERIFY_H */
