/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of io_target.ko share: the objects, their life and their locks.
 *
 * Who calls whom: open.c opens and closes a target, through the backend that
 * it picks; prep.c formats requests, request.c gates and ends them; lower.c and carrier.c
 * stand between it and a backend where a request does not go straight down;
 * sync.c waits. A backend is given requests through its ops table and ends
 * each with iot_request_end(); of the core it calls nothing else but the
 * helpers of lower.c, and the core never asks which backend it has.
 *
 * References
 *   target   kref: its users, each orphan, its task_work while that is queued
 *            or runs, each look that has been forgotten (look.c). The last put frees
 *            it from a worker, and with it the module reference that create took.
 *   lower    users: who has opened it, then the target while open, each orphan, each
 *            worker while it serves the lower's queues. The last put closes the device from
 *            the releaser. ref: memory only; each carrier that was sent holds
 *            one, and close while it waits.
 *   carrier  refs: its request from prep to end, its I/O while it is sent, who
 *            sends it.
 *   gated, ungated
 *            every request holds one of the two from when it goes to the device, or
 *            is taken from among the pended, to the return of its end_io; an orphan
 *            has given it back, and so has what pends again after a loss. So does a
 *            transfer without a request (oneline.c), while its caller is in the driver.
 *            Close and suspend kill both and wait for zero, after which nobody can
 *            reach target->lower.
 *
 * Locks, outermost first
 *   target->mutex   open, close, suspend, reopen, start, one at a time; sleeps. Who
 *                   opens a device again, or a next one, does that without it.
 *   shard->lock     irqsave; requests with a deadline, and polled ones.
 *   target->lock    irqsave; state and gates, pended requests and their state
 *                   PENDED, every claim (claim.c), req->carrier while it is
 *                   outstanding, requests with a name, requests that have ended
 *                   with TASK, and what the verifier knows.
 *   carrier->lock   irqsave; who ends the carrier's request, and whether its I/O
 *                   has been sent.
 *   lower->lock     irqsave; queues of the lower and of its backend, the states
 *                   QUEUED <-> SENT of what is on them, orphans.
 *   stream->lock    irqsave; buffers of a stream (stream.c). Under target->lock or alone.
 *   inject->lock    irqsave; rules, and what they have taken. Under no other.
 * Nothing is called with one of the spinlocks held but the workqueue, the timer,
 * percpu_ref, wait queues of the library's own, and (lane.c) a signal for its own thread,
 * whose locks are innermost.
 */
#ifndef _IO_TARGET_INTERNAL_H
#define _IO_TARGET_INTERNAL_H

#include <linux/bio.h>
#include <linux/completion.h>
#include <linux/export.h>
#include <linux/percpu.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>

#include <linux/io_target.h>

#include "claim.h"
#include "compat.h"
#include "counters.h"
#include "inject.h"
#include "lower.h"
#include "target.h"

/*
 * Request states. IDLE, FORMATTED and DONE belong to the caller, the others to
 * the library: PENDED waits for the target to be started (on target->pended,
 * under target->lock), QUEUED for its turn with the device (on a queue of the
 * lower, under lower->lock), SENT is with the device or about to be.
 */
enum iot_request_state {
	IOT_REQ_IDLE,
	IOT_REQ_FORMATTED = IO_TARGET_FORMATTED,	/* the header asks for this one */
	IOT_REQ_PENDED,
	IOT_REQ_QUEUED,
	IOT_REQ_SENT,
	IOT_REQ_DONE,
};

/* Private bits of req->flags, beside the public ones */
#define IOT_F_APPEND		BIT(15)	/* to a zone: its end says where to */
#define IOT_F_PASS		BIT(16)	/* a call in its caller's task, see enter.c */
#define IOT_F_BEGUN		BIT(17)	/* a part of it is done, see lower.h */
#define IOT_F_ONE_PIECE		BIT(18)	/* its memory is all of req->bvec */
#define IOT_F_INITED		BIT(19)	/* the backend has used its part for this open */
#define IOT_F_PRIO		BIT(20)	/* req->ioprio was set by its owner: it stays */
#define IOT_F_AGAIN		BIT(21)	/* has been at the device, in a bio with others */
#define IOT_F_BUILT		BIT(22)	/* the backend can send it again as it is */
#define IOT_F_OWNED		BIT(23)	/* req->ioprio and css are the submitter's */
#define IOT_F_NAMED		BIT(24)	/* req->id counts */
#define IOT_F_RESENT		BIT(25)	/* sent by start: target->resent counts it */
#define IOT_F_DEADLINE		BIT(26)	/* req->deadline counts */
#define IOT_F_WAS_PENDED	BIT(27)	/* taken from among the pended: holds the ungated ref */
#define IOT_F_POOL		BIT(28)	/* from the target's pool */
#define IOT_F_CARRIED		BIT(29)	/* the I/O of a carrier: it ends there */
#define IOT_F_CALLER_WAITS	BIT(30)	/* its submitter waits without timeout: use his task */
#define IOT_F_VMALLOC		BIT(31)	/* some of its memory is mapped twice */

/* Outlive prep and reinit */
#define IOT_F_LASTING	(IOT_F_POOL | IOT_F_INITED)

/* Of what is polled for, both kinds */
#define IOT_F_POLLED	(IO_TARGET_POLLED | IO_TARGET_TRY_POLLED)

#define IOT_F_PUBLIC	(IO_TARGET_FUA | IO_TARGET_PREFLUSH | IO_TARGET_NOWAIT | \
			 IO_TARGET_BOUNCE | IO_TARGET_IGNORE_STATE | IO_TARGET_TASK | \
			 IO_TARGET_MERGE_OK | IOT_F_POLLED | IO_TARGET_PREPARED | \
			 IO_TARGET_FULL | IO_TARGET_USER_PTR)

/* On lists of the target's while it is outstanding */
#define IOT_F_LISTED	(IOT_F_DEADLINE | IOT_F_NAMED | IOT_F_POLLED)

/* Takes more than to be sent through the gated gate: one that has it is not plain */
#define IOT_F_SPECIAL	(IO_TARGET_IGNORE_STATE | IO_TARGET_BOUNCE | IOT_F_LISTED)

/* Belongs to one use of a prepared request */
#define IOT_F_ONE_USE	(IOT_F_AGAIN | IOT_F_OWNED | IOT_F_NAMED | IOT_F_RESENT | \
			 IOT_F_DEADLINE | IOT_F_WAS_PENDED | IOT_F_BEGUN)

/* Something is to be undone, or done elsewhere, when it has ended */
#define IOT_F_UNDO	(IOT_F_SPECIAL | IOT_F_ONE_USE | IO_TARGET_TASK | IOT_F_CARRIED)

/* Bounce pages that exist from the start, per reserved buffer */
#define IOT_RESERVE_PAGES	((64 * 1024) / PAGE_SIZE)

/**
 * struct io_target_carrier - the I/O of one BOUNCE request, owned by the library
 * @refs: see above
 * @lock: see above
 * @req: the request that waits for it, NULL once that has ended
 * @sent: @io has been sent, to @lower
 * @io: what the backend sees
 * @lower: its memory, not the open device, is referenced
 * @node: on @lower's orphans
 * @target: whose pools the pages came from; referenced by an orphan
 * @orphan_node: on @target's orphans, under target->lock
 * @orphan_of: the request that has left it: an address, nothing more
 * @born: when, in jiffies
 * @nr_pages: of @vecs
 * @vecs: the pages: @inline_vecs, or a table of its own
 * @inline_vecs: enough for one reserved buffer
 */
struct io_target_carrier {
	refcount_t			refs;
	spinlock_t			lock;	/* req, sent, lower */
	struct io_target_request	*req;
	bool				sent;
	struct io_target_request	io;
	struct io_target_lower		*lower;
	struct list_head		node;
	struct io_target		*target;
	struct list_head		orphan_node;
	const void			*orphan_of;
	unsigned long			born;
	unsigned int			nr_pages;
	struct bio_vec			*vecs;
	struct bio_vec			inline_vecs[IOT_RESERVE_PAGES];
};

/* The KUnit module brings a backend of its own. */
#if IS_ENABLED(CONFIG_IO_TARGET_KUNIT_TEST)
#define IOT_EXPORT_FOR_TESTS(symbol)	EXPORT_SYMBOL_GPL(symbol)
#else
#define IOT_EXPORT_FOR_TESTS(symbol)
#endif

/* main.c */
extern struct workqueue_struct *iot_wq;		/* sends, frees targets; may wait */
extern struct workqueue_struct *iot_recovery;	/* looks for devices; waits for them */
extern struct workqueue_struct *iot_releaser;	/* closes devices; waits for no other work */
extern struct workqueue_struct *iot_stream_wq;	/* calls consumers; may wait for all of it */

/* task.c */
void iot_task_init(struct io_target *t);
void iot_task_end(struct io_target_request *req);
void iot_task_work(struct work_struct *work);

/* target.c */
__printf(3, 4) int iot_err(struct io_target *t, int err, const char *fmt, ...);
void iot_event(struct io_target *t, enum io_target_event event);
void iot_event_may_sleep(struct io_target *t, enum io_target_event event);
void iot_tell_begin(struct io_target *t);
void iot_tell_end(struct io_target *t);
void iot_tell_quiesce(struct io_target *t);

/* open.c */
int iot_target_open(struct io_target *t, const struct iot_source *from);
void iot_source_drop(struct iot_source *from);
int iot_source_copy(struct iot_source *to, const struct iot_source *from);
int iot_source_ask(struct io_target *t, const struct iot_source *from);
struct io_target_lower *iot_source_open(struct io_target *t, const struct iot_source *from);
void iot_open_failed(struct io_target *t, const struct iot_source *from, int err);
int iot_target_opened(struct io_target *t, struct io_target_lower *lower, bool hold);

/* holder.c */

/* switch.c */
void iot_next_forget(struct io_target *t);

/* close.c */
struct iot_wait;
bool iot_target_unused(struct io_target *t, const struct iot_wait *wait);
void iot_target_close(struct io_target *t);
int iot_target_freeze(struct io_target *t, struct io_target_lower *lower);
void iot_target_thaw(struct io_target *t, struct io_target_lower *lower);
int iot_suspend_begin(struct io_target *t);
bool iot_target_give_up(struct io_target *t, long timeout);
void iot_target_thawed(struct io_target *t);

/* bdev.c */
struct io_target_lower *iot_bdev_lower_path(struct io_target *t, const char *path,
					    unsigned int flags);
struct io_target_lower *iot_bdev_lower_dev(struct io_target *t, dev_t dev,
					   unsigned int flags);
struct io_target_lower *iot_bdev_lower_file(struct io_target *t, struct file *file,
					    unsigned int flags);

/* file.c */
struct io_target_lower *iot_file_lower_path(struct io_target *t,
					    const struct iot_source *from);
struct io_target_lower *iot_file_lower_file(struct io_target *t,
					    const struct iot_source *from);

/* provider.c */
struct io_target_lower *iot_provider_lower(struct io_target *t, const char *name,
					   unsigned int flags);

/* prep.c */
int iot_prep_begin(struct io_target_request *req, enum io_target_op op, loff_t pos, u64 len,
		   unsigned int flags);
int iot_prep_finish(struct io_target_request *req);
int iot_prep_refuse_op(struct io_target_request *req, enum io_target_op op);
int iot_check_range(struct io_target *t, enum io_target_op op, loff_t pos, u64 len);
int iot_prep_check(struct io_target_request *req);
bool iot_prepared_for(const struct io_target_request *req, u32 session);
int __iot_prep_recheck(struct io_target_request *req, struct io_target_lower *lower);

/* request.c */
void iot_request_end(struct io_target_request *req, ssize_t result, blk_status_t status);
void iot_request_end_rarely(struct io_target_request *req, ssize_t result, blk_status_t status);
void iot_request_end_failed(struct io_target_request *req, ssize_t result, blk_status_t status);
void iot_request_finish(struct io_target_request *req, ssize_t result,
			blk_status_t status);
void iot_request_complete(struct io_target_request *req);
struct percpu_ref *iot_request_gate(const struct io_target_request *req);
bool iot_request_list(struct io_target_request *req);
void iot_request_unlist(struct io_target_request *req);
int iot_request_busy(struct io_target_request *req, const char *what);
void iot_request_reset(struct io_target_request *req);

/* state.c */
void iot_state_init(struct io_target *t);
void iot_state_closed(struct io_target *t);
void iot_state_suspend(struct io_target *t);
int iot_state_start(struct io_target *t, bool *changed);
int iot_state_resume(struct io_target *t, struct io_target_lower *lower, bool hold);
bool iot_target_idle(struct io_target *t);
void iot_target_removed(struct io_target *t);
void iot_lower_gone(struct io_target_lower *lower);

/* cache.c */
int iot_cache_bio(struct io_target *t, const struct bio *bio);
void iot_cache_unflushed(struct io_target *t);
void iot_cache_submit(struct io_target_request *req);
void iot_cache_submit_batch(struct io_target_request **reqs, unsigned int n);
bool iot_cache_found(struct io_target *t);
bool iot_cache_owes(struct io_target *t);
void iot_cache_end(struct io_target *t);

/* doubt.c */
bool iot_doubt(struct io_target_request *req, ssize_t result, blk_status_t status);
bool iot_doubt_bio(struct io_target_lower *lower, struct bio *clone);
void iot_doubt_work(struct work_struct *work);

/* orphan.c */
void iot_orphan_add(struct io_target_carrier *carrier);
bool iot_orphan_hold(struct io_target_request *req, bool by_worker);
bool iot_orphan_hold_bio(struct io_target_lower *lower, struct bio *clone, bool by_worker);
void iot_orphan_released(struct io_target_lower *lower);
void iot_orphan_end(struct io_target_carrier *carrier, ssize_t result);

/* deadline.c */
void iot_deadline_init(struct io_target *t);
void iot_deadline_exit(struct io_target *t);
void iot_deadline_quiesce(struct io_target *t);
bool iot_deadline_add(struct io_target_request *req);
void iot_deadline_del(struct io_target_request *req);
void iot_deadline_look(struct io_target_request *req);

/* poll.c */
struct iot_wait {
	bool			(*ended)(struct io_target *t, const struct iot_wait *wait);
	enum io_target_state	wish;		/* for @ended */
	bool			killable;
};

long iot_wait_polling(struct io_target *t, const struct iot_wait *wait, long timeout);
bool iot_poll_wait(struct io_target_request *req, struct completion *done, long timeout);

/* forward.c */
int iot_forward_load(void);
void iot_forward_unload(void);
int iot_forward_init(struct io_target *t);
void iot_forward_opened(struct io_target_lower *lower);
u64 iot_forward_before(struct io_target *t);
bool iot_forward_send_pended(struct io_target *t);
void iot_forward_send_held(struct io_target_lower *lower, struct bio *clone);
void iot_forward_cancel_held(struct bio *clone);
void iot_forward_claim_all(struct io_target *t, struct bio_list *claimed);
void iot_forward_end_claimed(struct io_target *t, struct bio_list *claimed, int err);
void iot_forward_timer(struct timer_list *timer);

/* pend.c */
enum iot_pend { IOT_PENDED, IOT_GATE_OPEN };

/* What pended until the state changed, and is to be ended. */
struct iot_claimed {
	struct list_head	requests;
	struct bio_list		bios;
};

/* req->result of a pended request that a device has had before: no bio goes ahead of it. */
#define IOT_KEPT	((ssize_t)LONG_MIN)

int iot_pend(struct io_target_request *req, struct percpu_ref *gate);
bool iot_keep(struct io_target_request *io);
bool iot_pended_remove(struct io_target_request *req);
bool iot_pended_send(struct io_target *t, enum io_target_state state);
void iot_pended_claim_all(struct io_target *t, struct iot_claimed *claimed);
void iot_pended_end(struct io_target *t, struct iot_claimed *claimed, int err);

/* owner.c */
void iot_owner_note(struct io_target_request *req);
void iot_owner_forget(struct io_target_request *req);
void iot_owner_share(struct io_target_request *req, const struct io_target_request *from);
bool iot_owner_enter(const struct io_target_request *req);
void iot_owner_leave(bool entered);

/* sync.c */
void iot_sync_end_io(struct io_target_request *req);
int iot_may_wait(struct io_target *t, const char *what);

/* carrier.c */
struct io_target_carrier *iot_carrier_alloc(struct io_target_request *req);
void iot_carrier_put(struct io_target_carrier *carrier);
void iot_carrier_load(struct io_target_request *req);
void iot_carrier_arm(struct io_target_request *req);
void iot_carrier_send(struct io_target_carrier *carrier, struct io_target_lower *lower);
bool iot_carrier_begin(struct io_target_carrier *carrier, struct io_target_lower *lower);
struct io_target_carrier *iot_carrier_get(struct io_target_request *req);
void iot_carrier_drop(struct io_target_request *req);
struct io_target_request *iot_carrier_again(struct io_target_request *io);
void iot_carrier_end(struct io_target_request *io, ssize_t result, blk_status_t status);
enum iot_claim iot_carrier_claim(struct io_target_carrier *carrier, bool or_orphan);
ssize_t iot_carrier_begun(struct io_target_request *req);

/* Bits of req->flags as they are in req->kind. */
static inline u64 iot_kind_of(u32 flags)
{
	return IS_ENABLED(CONFIG_CPU_BIG_ENDIAN) ? flags : (u64)flags << 32;
}

/* True while the owner of the device keeps it frozen. Under target->lock or the mutex. */
static inline bool iot_target_frozen(struct io_target *t)
{
	struct io_target_lower *lower = rcu_dereference_protected(t->lower, true);

	return lower && READ_ONCE(lower->frozen);
}

/* Is it being removed in order? Then nothing is held back. Under target->lock. */
static inline bool iot_target_leaves(struct io_target *t)
{
	struct io_target_lower *lower = rcu_dereference_protected(t->lower, true);

	return lower && lower->leaving;
}

/* Does @op bring data to the device? */
static inline bool iot_op_sends(enum io_target_op op)
{
	return op == IO_TARGET_OP_WRITE || op == IO_TARGET_OP_ZONE_APPEND;
}

/* Of the zones of a disk */
static inline bool iot_op_is_zone(enum io_target_op op)
{
	return op >= IO_TARGET_OP_ZONE_OPEN && op <= IO_TARGET_OP_ZONE_APPEND;
}

/* Does the request belong to its caller, rather than to the library? */
static inline bool iot_request_owned(const struct io_target_request *req)
{
	unsigned int state = READ_ONCE(req->state);

	return state <= IOT_REQ_FORMATTED || state == IOT_REQ_DONE;
}

/* Bytes that the device has done of @req, which has been taken from a queue again. */
static inline ssize_t iot_begun(const struct io_target_request *req)
{
	return req->flags & IOT_F_BEGUN ? req->lower->backend->begun(req) : 0;
}

/* Does @lower have such a place? Where it has no size the answer is no. */
static inline bool iot_in_place(const struct io_target_lower *lower, loff_t pos, u64 len)
{
	u64 size = READ_ONCE(lower->size);

	return len <= size && (u64)pos <= size - len && !(pos & (lower->block_size - 1));
}

/* May an @op that @lower has failed, because it is gone, be sent again when it is back? */
static inline bool iot_lower_repeats(const struct io_target_lower *lower, enum io_target_op op)
{
	return lower->backend->repeats && lower->backend->repeats(lower, op);
}

/*
 * @req is about to be sent to @lower, which may not be the device that it was
 * checked against. Its gate, or RCU, keeps @lower.
 */
static inline int iot_prep_recheck(struct io_target_request *req,
				   struct io_target_lower *lower)
{
	if (likely(req->opened == lower->opened &&
		   (!(req->flags & IO_TARGET_PREPARED) || iot_in_place(lower, req->pos, req->len))))
		return 0;
	return __iot_prep_recheck(req, lower);
}

/* Counts the requests and bios that wait. Under target->lock. */
static inline unsigned int iot_nr_pended(const struct io_target *t)
{
	return t->nr_pended + (t->bios_pended - t->bios_taken);
}

/* The last step before the backend has it; from the lower's queue. */
static inline void iot_send_queued(struct io_target_request *req)
{
	if (unlikely(READ_ONCE(req->lower->orphan_writes)) && iot_orphan_hold(req, true))
		return;
	if (iot_inject_take(req))
		return;
	req->lower->backend->submit(req);
}

/* From anywhere else. */
static inline void iot_send(struct io_target_request *req)
{
	if (unlikely(READ_ONCE(req->lower->orphan_writes)) && iot_orphan_hold(req, false))
		return;
	if (iot_inject_take(req))
		return;
	req->lower->backend->submit(req);
}

#endif /* _IO_TARGET_INTERNAL_H */
