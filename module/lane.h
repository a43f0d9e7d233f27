/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A lane: the way of requests through a driver that may wait, served by a
 * bounded number of threads.
 *
 * An ordered lane (streams) has one token: whoever has it, a submitter, a
 * server or a request that the driver completes later, is the only one in the
 * driver. A wide lane has up to IOT_LANE_WIDTH servers; submitters who cannot
 * be made to wait pass beside them.
 *
 * When the driver says that it is not ready, the request goes back to the head of the
 * queue, the lane waits, and nobody has the token: no thread is needed until the driver
 * says that it is ready (iot_lane_wake()).
 *
 * A server that is in the driver can be asked to come back, by a signal that only the
 * kernel can send. It is sent under lower->lock, while the server has the request, and
 * taken away before it goes on to the next: so it reaches no other.
 */
#ifndef _IO_TARGET_LANE_H
#define _IO_TARGET_LANE_H

#include "internal.h"

#define IOT_LANE_WIDTH	16

struct iot_lane;

/* What a driver cannot have answered: it is to be asked again when it is ready. */
#define IOT_NOT_READY	(-(int)MAX_ERRNO - 1)

/**
 * enum iot_ready - is the driver ready?
 * @IOT_READY_LATER: no, and iot_lane_wake() will be called when it may be
 * @IOT_READY_NOW: yes
 * @IOT_READY_UNKNOWN: no, or so it says, and nobody will be told
 */
enum iot_ready { IOT_READY_LATER, IOT_READY_NOW, IOT_READY_UNKNOWN };

/**
 * struct iot_lane_ops - the driver behind a lane
 * @call: carry out a request, perhaps waiting for the driver; -EIOCBQUEUED: it will
 *	be ended later; IOT_NOT_READY
 * @begun: bytes that the driver has done of a request that it was not ready to do all of
 * @ready: see there; may sleep
 */
struct iot_lane_ops {
	ssize_t		(*call)(struct io_target_request *req);
	ssize_t		(*begun)(const struct io_target_request *req);
	enum iot_ready	(*ready)(struct iot_lane *lane);
};

/**
 * struct iot_server - one thread's worth of a lane
 * @work: runs while the lane has requests; holds a use of the lower then
 * @lane: whose
 * @task: that serves @req
 * @req: in the driver, or ended just now: an address, nothing more. NULL: none
 * @ignores: the state of its target
 * @why: it was asked to come back, and @req is to end with that errno
 */
struct iot_server {
	struct work_struct	work;
	struct iot_lane		*lane;
	struct task_struct	*task;
	const void		*req;
	bool			ignores;
	int			why;
};

/**
 * struct iot_lane - see above; all under lower->lock
 * @lower: whose lock, and whose device
 * @wq: where the servers run
 * @ops: see there
 * @queue: requests that wait for their turn, or for a server
 * @ordered: one at a time
 * @busy: ordered: the token is taken
 * @waiting: for the driver to be ready; then nobody is busy
 * @refused: how often in a row the driver was not ready although it had said so
 * @idle: wide: bit per server that is not running
 * @wake: the driver has said that it may be ready
 * @look: nobody tells, so ask it again
 * @servers: an ordered lane uses the first
 */
struct iot_lane {
	struct io_target_lower		*lower;
	struct workqueue_struct		*wq;
	const struct iot_lane_ops	*ops;
	struct iot_queue		queue;
	bool				ordered;
	bool				busy;
	bool				waiting;
	unsigned int			refused;
	unsigned long			idle;
	struct work_struct		wake;
	struct delayed_work		look;
	struct iot_server		servers[IOT_LANE_WIDTH];
};

/* What a driver answers whose caller had a signal pending */
static inline bool iot_was_interrupted(ssize_t result)
{
	return result == -EINTR || result == -ERESTARTSYS || result == -ERESTARTNOINTR ||
	       result == -ERESTARTNOHAND || result == -ERESTART_RESTARTBLOCK;
}

/* How long until a driver is asked again that does not say when it is ready: at most */
#define IOT_LOOK_LAST	(HZ / 10L)

/* Times in a row that a driver may say that it is ready, and refuse all the same */
#define IOT_LANE_REFUSALS	3

void iot_lane_init(struct iot_lane *lane, struct io_target_lower *lower,
		   struct workqueue_struct *wq, bool ordered, const struct iot_lane_ops *ops);
void iot_lane_exit(struct iot_lane *lane);
enum iot_lane_entry { IOT_LANE_ENTERED, IOT_LANE_QUEUED, IOT_LANE_TAKEN };
enum iot_lane_entry iot_lane_enter(struct iot_lane *lane, struct io_target_request *req);
void iot_lane_serve(struct iot_lane *lane, struct io_target_request *req);
void iot_lane_leave(struct iot_lane *lane);
void iot_lane_wake(struct iot_lane *lane);
bool iot_lane_interrupt(struct iot_lane *lane, const struct io_target_request *req, int why);
bool iot_lane_is_worker(const struct work_struct *work);

#endif /* _IO_TARGET_LANE_H */
