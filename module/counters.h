/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is counted of a target, and kept of its errors, see stats.h.
 */
#ifndef _IO_TARGET_COUNTERS_H
#define _IO_TARGET_COUNTERS_H

#include <linux/blk_types.h>
#include <linux/types.h>

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
