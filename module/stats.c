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

/*
 * Not of one moment: what is counted after something else is added up before it, so
 * that no request has ended that was not submitted.
 */
void iot_stats_sum(struct io_target *t, struct iot_stats *sum)
{
	int cpu;

	*sum = (struct iot_stats){};
	for_each_possible_cpu(cpu) {
		struct iot_stats *s = per_cpu_ptr(t->stats, cpu);

		sum->completed += READ_ONCE(s->completed);
		sum->orphan_ends += READ_ONCE(s->orphan_ends);
	}
	smp_rmb();	/* the sums above are older than those below */
	for_each_possible_cpu(cpu) {
		struct iot_stats *s = per_cpu_ptr(t->stats, cpu);

		sum->submitted += READ_ONCE(s->submitted);
		sum->orphaned += READ_ONCE(s->orphaned);
		sum->pended += READ_ONCE(s->pended);
		sum->refused += READ_ONCE(s->refused);
		sum->errors += READ_ONCE(s->errors);
		sum->cancelled += READ_ONCE(s->cancelled);
		sum->timed_out += READ_ONCE(s->timed_out);
		sum->overdue += READ_ONCE(s->overdue);
	}
}

IOT_EXPORT_FOR_TESTS(iot_stats_sum);

u64 iot_stats_in_flight(struct io_target *t)
{
	struct iot_stats sum;

	iot_stats_sum(t, &sum);
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
