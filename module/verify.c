// SPDX-License-Identifier: GPL-2.0
/*
 * The contract verifier, see verify.h.
 *
 * It keeps a record of each request that is outstanding, and of those that ended
 * last, in memory of its own, so that it can tell what is known of an address
 * without looking at what is there: it may have been freed. No record is ever
 * allocated; a request that finds none left is not checked.
 *
 * A record is taken before the request is accepted, which makes submitters of one
 * request exclude each other. Of the I/O of a carrier only the end is recorded.
 */
#include <linux/hash.h>
#include <linux/hashtable.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>

#include "stats.h"
#include "verify.h"

#define RECORDS		4096

enum record_state {
	OUTSTANDING,
	ENDING,		/* the backend has ended it, end_io is still to come */
	GONE,		/* what is at the address now is nobody's business */
};

struct record {
	struct hlist_node		hash;
	struct list_head		gone;	/* the oldest first */
	enum record_state		state;
	struct io_target_request	*req;
	struct io_target		*target;
	io_target_end_io_t		end_io;
	char				name[32];
};

/* Innermost of all locks. */
static DEFINE_SPINLOCK(lock);
static struct record records[RECORDS];
static unsigned int records_used;
static LIST_HEAD(records_gone);
static DEFINE_HASHTABLE(known, 10);

static struct record *record_find(const struct io_target_request *req)
{
	struct record *r;

	lockdep_assert_held(&lock);
	hash_for_each_possible(known, r, hash, (unsigned long)req)
		if (r->req == req)
			return r;
	return NULL;
}

static void record_gone(struct record *r)
{
	lockdep_assert_held(&lock);
	r->state = GONE;
	list_add_tail(&r->gone, &records_gone);
}

/* One that is new, or forgets what ended longest ago; NULL: all are outstanding. */
static struct record *record_new(void)
{
	struct record *r;

	if (records_used < RECORDS)
		return &records[records_used++];
	r = list_first_entry_or_null(&records_gone, struct record, gone);
	if (r) {
		list_del(&r->gone);
		hash_del(&r->hash);
	}
	return r;
}

/* @r: of the same address, GONE, or NULL */
static struct record *record_use(struct record *r, struct io_target_request *req)
{
	lockdep_assert_held(&lock);
	if (r) {
		list_del(&r->gone);
	} else {
		r = record_new();
		if (!r)
			return NULL;
		r->req = req;
		hash_add(known, &r->hash, (unsigned long)req);
	}
	r->state = OUTSTANDING;
	r->target = req->target;
	r->end_io = req->end_io;
	strscpy(r->name, io_target_name(req->target), sizeof(r->name));
	return r;
}

/* Depends on where the request is and whose it is; never 0. */
static u16 request_seal(const struct io_target_request *req, const struct io_target *t)
{
	return hash_long((unsigned long)req ^ hash_long((unsigned long)t, BITS_PER_LONG), 16) | 1;
}

/* Before all else that is done with a request: nothing in it can be trusted yet. */
int iot_verify_request(struct io_target_request *req, const char *what)
{
	if (likely(req->target && req->verify == request_seal(req, req->target)))
		return 0;
	iot_misuse_report("(unknown target)",
			  "%s refused: a request never initialised, or overwritten (%pe)",
			  what, ERR_PTR(-EINVAL));
	return -EINVAL;
}

/* Return: whether @req, whatever is there now, may be made a new request. */
bool iot_verify_init(struct io_target_request *req)
{
	char name[32];

	scoped_guard(spinlock_irqsave, &lock) {
		struct record *r = record_find(req);

		if (!r)
			return true;
		if (r->state == GONE) {
			r->req = NULL;	/* and nobody will ask for that */
			return true;
		}
		strscpy(name, r->name, sizeof(name));
	}
	iot_misuse_report(name, "init of an outstanding request ignored");
	return false;
}

void iot_verify_seal(struct io_target_request *req)
{
	req->verify = request_seal(req, req->target);
}

/* Is this a context that must not sleep, as far as this kernel can tell? */
static bool context_atomic(void)
{
	if (preempt_count() || irqs_disabled())
		return true;
#ifdef CONFIG_PROVE_RCU
	return lock_is_held(&rcu_lock_map) == LOCK_STATE_HELD;
#else
	return false;
#endif
}

/* For io_target_submit(), which may sleep in the block layer. */
int iot_verify_context(struct io_target_request *req)
{
	int err = iot_verify_request(req, "submit");

	if (err || !context_atomic())
		return err;
	iot_stats_refused(req->target);
	return iot_err(req->target, -EDEADLK,
		       "submit refused in atomic context: use io_target_submit_atomic()");
}

static bool record_claim(struct io_target_request *req)
{
	struct record *r;

	guard(spinlock_irqsave)(&lock);
	r = record_find(req);
	if (r && r->state != GONE)
		return false;
	record_use(r, req);
	return true;
}

static int verify_submit(struct io_target_request *req)
{
	if (object_is_on_stack(req) && req->end_io != iot_sync_end_io)
		return iot_err(req->target, -EFAULT, "submit refused: a request on the stack");
	if (record_claim(req))
		return 0;
	return iot_request_busy(req, iot_request_owned(req) ? "concurrent submit" : "submit");
}

/* On success @req has a record, until it is refused or has ended. */
int iot_verify_submit(struct io_target_request *req)
{
	int err = iot_verify_request(req, "submit");

	if (err)
		return err;	/* nobody knows of which target */
	err = verify_submit(req);
	if (err)
		iot_stats_refused(req->target);
	return err;
}

void iot_verify_refused(struct io_target_request *req)
{
	struct record *r;

	guard(spinlock_irqsave)(&lock);
	r = record_find(req);
	if (r && r->state != GONE)
		record_gone(r);
}

/*
 * The step from FORMATTED to SENT. Two submitters of one request at the same
 * time both see FORMATTED; where they have no record both would send it.
 */
bool iot_verify_claim(struct io_target_request *req)
{
	return cmpxchg(&req->state, IOT_REQ_FORMATTED, IOT_REQ_SENT) == IOT_REQ_FORMATTED;
}

/*
 * Not what has ended already, nor what the caller or a queue has. Without a
 * record there is nothing but the request itself to ask; a carrier's I/O passes.
 */
static bool backend_has(struct io_target_request *req, struct record *r)
{
	lockdep_assert_held(&lock);
	if (r && r->state != OUTSTANDING)
		return false;
	if (!r && req->flags & IOT_F_CARRIED) {
		r = record_use(NULL, req);
		if (r)
			record_gone(r);
		return true;
	}
	if (READ_ONCE(req->state) != IOT_REQ_SENT)
		return false;
	if (r)
		r->state = ENDING;
	return true;
}

/*
 * A backend ends @req, whose memory is not touched if it has done so before.
 * Return: whether it may. What nobody can see: that it is the second end of a
 * request which has been sent again meanwhile.
 */
bool iot_verify_end(struct io_target_request *req)
{
	char name[32];

	scoped_guard(spinlock_irqsave, &lock) {
		struct record *r = record_find(req);

		if (backend_has(req, r))
			return true;
		strscpy(name, r ? r->name : io_target_name(req->target), sizeof(name));
	}
	iot_misuse_report(name, "end ignored of a request that the backend does not have");
	return false;
}

/* A request, or a carrier's I/O, is to be sent again, although its backend has ended it. */
void iot_verify_again(struct io_target_request *req)
{
	struct record *r;

	guard(spinlock_irqsave)(&lock);
	r = record_find(req);
	if (r && r->state == GONE)
		r->req = NULL;
	else if (r)
		r->state = OUTSTANDING;
}

/* The library is about to use again what it has read when @req was submitted. */
void iot_verify_intact(struct io_target_request *req)
{
	const char *changed = NULL;
	char name[32];

	scoped_guard(spinlock_irqsave, &lock) {
		struct record *r = record_find(req);

		if (!r || r->state == GONE ||
		    (r->target == req->target && r->end_io == req->end_io))
			return;
		changed = r->target == req->target ? "end_io" : "target";
		req->target = r->target;
		req->end_io = r->end_io;
		strscpy(name, r->name, sizeof(name));
	}
	iot_misuse_report(name, "%s changed while the request was outstanding: restored", changed);
}

/* Just before @req is the caller's again. */
void iot_verify_ended(struct io_target_request *req)
{
	iot_verify_intact(req);
	iot_verify_refused(req);
}

/* The frame is on the list only while its stack lives. */
void iot_verify_enter(struct io_target *t, struct iot_verify_frame *frame,
		      enum iot_verify_kind kind)
{
	frame->kind = kind;
	frame->task = in_task() ? current : NULL;
	scoped_guard(spinlock_irqsave, &t->lock)
		list_add(&frame->node, &t->verify_frames);
	frame->preempt = preempt_count();
	frame->irqs_off = irqs_disabled();
	frame->switches = current->nvcsw;
}

static void restore_preempt(int off)
{
	for (; off > 0; off--)
		preempt_enable();
	for (; off < 0; off++)
		preempt_disable();
}

static void restore_bh(int off)
{
	if (in_hardirq() || irqs_disabled())
		return;
	for (; off > 0; off -= SOFTIRQ_DISABLE_OFFSET)
		local_bh_enable();
	for (; off < 0; off += SOFTIRQ_DISABLE_OFFSET)
		local_bh_disable();
}

/* Whoever called this callback goes on as if it had not been. */
static void frame_restore(struct io_target *t, const struct iot_verify_frame *frame,
			  const char *who)
{
	int count = preempt_count();

	if (irqs_disabled() != frame->irqs_off) {
		iot_misuse_report(io_target_name(t), "%s returned with interrupts %s", who,
				  frame->irqs_off ? "on" : "off");
		if (frame->irqs_off)
			local_irq_disable();
		else
			local_irq_enable();
	}
	if (count == frame->preempt)
		return;
	iot_misuse_report(io_target_name(t),
			  "%s returned with another preempt count: %#x, not %#x", who, count,
			  frame->preempt);
	restore_preempt((int)(count & PREEMPT_MASK) - (int)(frame->preempt & PREEMPT_MASK));
	restore_bh((int)(count & SOFTIRQ_MASK) - (int)(frame->preempt & SOFTIRQ_MASK));
}

void iot_verify_leave(struct io_target *t, struct iot_verify_frame *frame)
{
	const char *who = frame->kind == IOT_VERIFY_EVENT ? "an event callback" : "end_io";

	frame_restore(t, frame, who);
	/* With PREEMPT_RT a spinlock is reason enough to sleep. */
	if (!IS_ENABLED(CONFIG_PREEMPT_RT) && frame->task && frame->kind != IOT_VERIFY_TASK &&
	    current->nvcsw != frame->switches)
		iot_misuse_report(io_target_name(t),
				  "%s has slept; end_io may, with IO_TARGET_TASK", who);
	guard(spinlock_irqsave)(&t->lock);
	list_del(&frame->node);
}

/* Why the calling task must not wait for @t: it would for itself. Else NULL. */
const char *iot_verify_no_wait(struct io_target *t)
{
	struct iot_verify_frame *frame;

	if (context_atomic())
		return "atomic context";
	guard(spinlock_irqsave)(&t->lock);
	list_for_each_entry(frame, &t->verify_frames, node) {
		if (frame->task != current)
			continue;
		if (frame->kind == IOT_VERIFY_EVENT)
			return "an event callback of the same target";
		return "an end_io of the same target";
	}
	return NULL;
}

void iot_verify_target_init(struct io_target *t)
{
	INIT_LIST_HEAD(&t->verify_frames);
	atomic_set(&t->verify_pool, 1);
}

void iot_verify_pool_alloc(struct io_target_request *req)
{
	atomic_inc(&req->target->verify_pool);
}

/* @req is on its way back to the pool: whoever goes on using it has no request. */
void iot_verify_pool_free(struct io_target_request *req)
{
	req->verify = 0;
}

/* It is back. @t may have been waiting for it, with its last put. */
void iot_verify_pool_freed(struct io_target *t)
{
	if (atomic_dec_and_test(&t->verify_pool))
		queue_work(iot_wq, &t->release_work);
}

/*
 * @t has been put for the last time. Requests of its pool that are still out
 * would be given back to freed memory, so that it stays until they are.
 */
bool iot_verify_pool_out(struct io_target *t)
{
	unsigned int out = atomic_read(&t->verify_pool) - 1;

	if (atomic_dec_and_test(&t->verify_pool))
		return false;
	iot_misuse_report(io_target_name(t),
			  "put for the last time, %u pool requests are still out: it stays until they are back",
			  out);
	return true;
}
