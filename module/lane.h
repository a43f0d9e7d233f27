/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A lane: the way of requests through a driver that may wait, served by a
 * bounded number of threads.
 *
 * An ordered lane (streams) has one token: whoever has it, a submitter, a
 * server or a request that the driver completes later, is the only one in the
 * driver. A wide lane has up to IOT_LANE_WIDTH servers; submitters who cannot
 * be made to wait pass beside them.
 */
#ifndef _IO_TARGET_LANE_H
#define _IO_TARGET_LANE_H

#include "internal.h"

#define IOT_LANE_WIDTH	16

struct iot_lane;

/**
 * struct iot_server - one thread's worth of a lane
 * @work: runs while the lane has requests; holds a use of the lower then
 * @lane: whose
 */
struct iot_server {
	struct work_struct	work;
	struct iot_lane		*lane;
};

/**
 * struct iot_lane - see above; all under lower->lock
 * @lower: whose lock, and whose device
 * @wq: where the servers run
 * @call: carries out a request, waiting for the driver; -EIOCBQUEUED: it will
 *	be ended later
 * @queue: requests that wait for their turn, or for a server
 * @ordered: one at a time
 * @busy: ordered: the token is taken
 * @idle: wide: bit per server that is not running
 * @servers: an ordered lane uses the first
 */
struct iot_lane {
	struct io_target_lower	*lower;
	struct workqueue_struct	*wq;
	ssize_t			(*call)(struct io_target_request *req);
	struct iot_queue	queue;
	bool			ordered;
	bool			busy;
	unsigned long		idle;
	struct iot_server	servers[IOT_LANE_WIDTH];
};

void iot_lane_init(struct iot_lane *lane, struct io_target_lower *lower,
		   struct workqueue_struct *wq, bool ordered,
		   ssize_t (*call)(struct io_target_request *req));
enum iot_lane_entry { IOT_LANE_ENTERED, IOT_LANE_QUEUED, IOT_LANE_TAKEN };
enum iot_lane_entry iot_lane_enter(struct iot_lane *lane, struct io_target_request *req);
void iot_lane_serve(struct iot_lane *lane, struct io_target_request *req, bool begun);
void iot_lane_leave(struct iot_lane *lane);
void iot_lane_work(struct work_struct *work);

#endif /* _IO_TARGET_LANE_H */
