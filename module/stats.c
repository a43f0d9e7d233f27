// SPDX-License-Identifier: GPL-2.0
/*
 * Counters of a target, see stats.h, and what is kept of rare events.
 */
#include <linux/export.h>
#include <linux/sched/clock.h>

#include "stats.h"

void iot_stats_init(struct io_target *t)
{
	static atomic_t targets = ATOMIC_INIT(0);

	t->nr = atomic_inc_return(&targets);
	INIT_LIST_HEAD(&t->orphans);
}

/**
 * io_target_get_stats - what has happened to the target
 * @target: the target
 * @stats: filled in
 *
 * The counters are added up over the processors while they go on: not of one moment, but
 * nothing has completed that was not submitted.
 *
 * Context: any.
 */
void io_target_get_stats(struct io_target *target, struct io_target_stats *stats)
{
	int cpu;

	*stats = (struct io_target_stats){};
	for_each_possible_cpu(cpu) {
		struct io_target_stats *s = per_cpu_ptr(target->stats, cpu);

		stats->completed += READ_ONCE(s->completed);
		stats->orphan_ends += READ_ONCE(s->orphan_ends);
	}
	smp_rmb();	/* the sums above are older than those below */
	for_each_possible_cpu(cpu) {
		struct io_target_stats *s = per_cpu_ptr(target->stats, cpu);

		stats->submitted += READ_ONCE(s->submitted);
		stats->orphaned += READ_ONCE(s->orphaned);
		stats->pended += READ_ONCE(s->pended);
		stats->refused += READ_ONCE(s->refused);
		stats->errors += READ_ONCE(s->errors);
		stats->cancelled += READ_ONCE(s->cancelled);
		stats->timed_out += READ_ONCE(s->timed_out);
		stats->overdue += READ_ONCE(s->overdue);
	}
}
EXPORT_SYMBOL_GPL(io_target_get_stats);

u64 iot_stats_in_flight(struct io_target *t)
{
	struct io_target_stats sum;

	io_target_get_stats(t, &sum);
	return sum.submitted - sum.completed;
}

static void stats_last_error(struct io_target *t, const struct iot_last_error *error)
{
	this_cpu_inc(t->stats->errors);
	guard(spinlock_irqsave)(&t->lock);
	t->last_error = *error;
	t->last_error.when = local_clock();
}

/* @req has ended with an errno. What its owner has cancelled is no error. Context: any. */
void iot_stats_error(struct io_target_request *req)
{
	struct io_target *t = req->target;

	if (req->result == -ECANCELED) {
		this_cpu_inc(t->stats->cancelled);
		trace_cancel(req);
		return;
	}
	stats_last_error(t, &(struct iot_last_error){
		.err = req->result,
		.status = req->status,
		.op = req->op,
		.not_sent = req->not_sent,
		.pos = req->pos,
		.len = req->len,
	});
}

/* The same of a transfer that was none of a request. */
void iot_stats_transfer_error(struct io_target *t, enum io_target_op op, loff_t pos, u64 len,
			      int err)
{
	if (err == -ECANCELED) {
		this_cpu_inc(t->stats->cancelled);
		return;
	}
	stats_last_error(t, &(struct iot_last_error){
		.err = err,
		.op = op,
		.pos = pos,
		.len = len,
	});
}

/* Under target->lock: the request of @c is about to end, its I/O is not. */
void iot_stats_orphan_add(struct io_target_carrier *c)
{
	struct io_target *t = c->target;

	lockdep_assert_held(&t->lock);
	c->orphan_of = c->req;
	c->born = jiffies;
	list_add_tail(&c->orphan_node, &t->orphans);
	this_cpu_inc(t->stats->orphaned);
	trace_orphan(c, false, 0);
}

/* The device has answered it. */
void iot_stats_orphan_end(struct io_target_carrier *c, ssize_t result)
{
	struct io_target *t = c->target;

	scoped_guard(spinlock_irqsave, &t->lock)
		list_del(&c->orphan_node);
	this_cpu_inc(t->stats->orphan_ends);
	trace_orphan(c, true, result);
}
