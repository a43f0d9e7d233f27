/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls that are made in their caller's own task, through the target's gate: see enter.c.
 */
#ifndef _IO_TARGET_ENTER_H
#define _IO_TARGET_ENTER_H

#include <linux/completion.h>

#include "internal.h"

/**
 * struct iot_pass - the right to call the device, from iot_enter() to iot_leave()
 * @req: what stands for the call among requests; its lower is the device
 * @done: completed when the call may be made, or will not be
 * @granted: which of the two
 */
struct iot_pass {
	struct io_target_request	req;
	struct completion		done;
	bool				granted;
};

/**
 * struct iot_call - what the target is to know of a call
 * @op: READ, WRITE, FLUSH; NONE: anything else, which is not in order with those
 * @pos: where; 0 for streams
 * @len: bytes
 * @nowait: -EAGAIN rather than to wait for the target or for others
 */
struct iot_call {
	enum io_target_op	op;
	loff_t			pos;
	u64			len;
	bool			nowait;
};

int iot_enter(struct io_target *t, const struct iot_call *call, struct iot_pass *pass);
int iot_enter_with(struct iot_pass *pass);
void iot_leave(struct iot_pass *pass, ssize_t result);
void iot_pass_grant(struct io_target_request *req);

#endif /* _IO_TARGET_ENTER_H */
