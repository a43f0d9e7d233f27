/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who may end a request: see claim.c. Part of internal.h.
 */
#ifndef _IO_TARGET_CLAIM_H
#define _IO_TARGET_CLAIM_H

#include <linux/jiffies.h>
#include <linux/types.h>

struct io_target_request;

/**
 * enum iot_claim - whose is a request that somebody wants to end?
 * @IOT_CLAIM_NONE: it is the device's, or has ended
 * @IOT_CLAIM_UNSENT: his; the device will not get it
 * @IOT_CLAIM_ORPHANED: his; its I/O goes on alone
 * @IOT_CLAIM_ASKED: the device's, which was asked to let go of it
 */
enum iot_claim {
	IOT_CLAIM_NONE,
	IOT_CLAIM_UNSENT,
	IOT_CLAIM_ORPHANED,
	IOT_CLAIM_ASKED,
};

enum iot_claim iot_claim(struct io_target_request *req, bool or_orphan, int why);
void iot_claim_end(struct io_target_request *req, int err);
bool iot_named_add(struct io_target_request *req);
void iot_named_del(struct io_target_request *req);

/* req->overdue: of its deadline; the device was asked to let go of it; it was told */
enum iot_overdue { IOT_NOT_OVERDUE, IOT_OVERDUE_ASKED, IOT_OVERDUE_TOLD };

/* How long a device has for letting go of what it was asked for, before that is told */
#define IOT_LET_GO	(HZ / 10)

#endif /* _IO_TARGET_CLAIM_H */
