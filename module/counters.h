/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is counted of a target, and kept of its errors, see stats.h.
 */
#ifndef _IO_TARGET_COUNTERS_H
#define _IO_TARGET_COUNTERS_H

#include <linux/blk_types.h>
#include <linux/types.h>

/**
 * struct iot_stats - what has happened to a target on one CPU
 * @submitted: requests that were accepted
 * @completed: of those, how many have ended
 * @refused: submits that returned an error
 * @pended: requests that had to wait for the target to be started
 * @errors: requests that ended with an errno, timed out ones too, cancelled not
 * @cancelled: requests that ended with -ECANCELED
 * @timed_out: requests that were ended at their deadline, or a blocking call's timeout
 * @overdue: requests that could not be, since the device had their memory
 * @orphaned: I/O that went on without its request
 * @orphan_ends: of that, how much the device has answered
 */
struct iot_stats {
	u64	submitted;
	u64	completed;
	u64	refused;
	u64	pended;
	u64	errors;
	u64	cancelled;
	u64	timed_out;
	u64	overdue;
	u64	orphaned;
	u64	orphan_ends;
};

/* The last request that has failed; none if @err is 0. @when is as in the log. */
struct iot_last_error {
	int		err;
	blk_status_t	status;
	u8		op;
	bool		not_sent;
	loff_t		pos;
	u64		len;
	u64		when;
};

#endif /* _IO_TARGET_COUNTERS_H */
