/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What can be seen of a target from outside: counters, the latency histogram, the
 * last error, and the calls of the tracepoints (trace.h) that go with them.
 *
 * On the way of every request lie iot_stats_submit() and iot_stats_complete(), each an
 * increment of a per-CPU counter and two nops, and the test for an error where it
 * ends. All else is counted where something rare happens.
 */
#ifndef _IO_TARGET_STATS_H
#define _IO_TARGET_STATS_H

#include <linux/jump_label.h>

#include "internal.h"
#include "trace.h"

struct seq_file;

/* stats.c */
u64 iot_stats_in_flight(struct io_target *t);
void iot_stats_error(struct io_target_request *req);
void iot_stats_transfer_error(struct io_target *t, enum io_target_op op, loff_t pos, u64 len,
			      int err);
void iot_stats_orphan_add(struct io_target_carrier *carrier);
void iot_stats_orphan_end(struct io_target_carrier *carrier, ssize_t result);
void iot_stats_init(struct io_target *t);

/* trace.c */
void __iot_trace_submit(struct io_target_request *req);
void __iot_trace_complete(struct io_target_request *req);
void __iot_trace_submit_bio(struct io_target *t, struct bio *bio);
void __iot_trace_pend_bio(struct io_target *t, struct bio *bio);
void __iot_trace_complete_bio(struct io_target *t, struct bio *bio, bool not_sent);

#if IS_ENABLED(CONFIG_DEBUG_FS)

/* Requests of one kind, and bytes that they have transferred; one more: all other ops */
enum iot_latency_of {
	IOT_LATENCY_READ,
	IOT_LATENCY_WRITE,
	IOT_LATENCY_FLUSH,
	IOT_LATENCY_OTHER,
	IOT_LATENCY_KINDS,
};

/* Bucket 0: less than 1 us; b: from 2^(b - 1) us on, less than 2^b; the last: all above */
#define IOT_LATENCY_BUCKETS	32

/**
 * struct iot_latency - how long requests took, of one CPU that they ended on
 * @count: of each kind, by bucket
 * @bytes: of each kind
 */
struct iot_latency {
	u64	count[IOT_LATENCY_KINDS][IOT_LATENCY_BUCKETS];
	u64	bytes[IOT_LATENCY_KINDS];
};

/* True while some target's latencies are taken. */
DECLARE_STATIC_KEY_FALSE(iot_latency_key);

/* latency.c */
void __iot_latency_start(struct io_target_request *req);
void __iot_latency_end(struct io_target_request *req);
u32 __iot_latency_stamp(struct io_target *t, const u32 *since);
void __iot_latency_bio(struct io_target *t, struct bio *bio, struct bio *clone);
unsigned int iot_latency_bucket(u64 us);
int iot_latency_set(struct io_target *t, bool on);
void iot_latency_reset(struct io_target *t);
void iot_latency_exit(struct io_target *t);
void iot_latency_sum(struct io_target *t, struct iot_latency *sum);
int iot_latency_show(struct seq_file *m, void *unused);

/* debugfs.c; the files, for tests */
void iot_debugfs_init(void);
void iot_debugfs_exit(void);
void iot_debugfs_add(struct io_target *t);
void iot_debugfs_remove(struct io_target *t);
int iot_state_show(struct seq_file *m, void *unused);
int iot_counters_show(struct seq_file *m, void *unused);
int iot_requests_show(struct seq_file *m, void *unused);
int iot_orphans_show(struct seq_file *m, void *unused);
int iot_last_error_show(struct seq_file *m, void *unused);
int iot_latency_write(struct io_target *t, char *text);

static inline void iot_latency_start(struct io_target_request *req)
{
	if (static_branch_unlikely(&iot_latency_key))
		__iot_latency_start(req);
}

static inline void iot_latency_end(struct io_target_request *req)
{
	if (static_branch_unlikely(&iot_latency_key))
		__iot_latency_end(req);
}

/* A forwarded bio is about to be sent, and has pended since then, if it has. */
static inline u32 iot_latency_stamp(struct io_target *t, const u32 *since)
{
	return static_branch_unlikely(&iot_latency_key) ? __iot_latency_stamp(t, since) : 0;
}

/* It has ended; its clone has the stamp. */
static inline void iot_latency_bio(struct io_target *t, struct bio *bio, struct bio *clone)
{
	if (static_branch_unlikely(&iot_latency_key))
		__iot_latency_bio(t, bio, clone);
}

#else

static inline u32 iot_latency_stamp(struct io_target *t, const u32 *since)
{
	return 0;
}

static inline void iot_latency_bio(struct io_target *t, struct bio *bio, struct bio *clone)
{
}

static inline void iot_latency_start(struct io_target_request *req)
{
}

static inline void iot_latency_end(struct io_target_request *req)
{
}

static inline void iot_latency_exit(struct io_target *t)
{
}

static inline void iot_debugfs_init(void)
{
}

static inline void iot_debugfs_exit(void)
{
}

static inline void iot_debugfs_add(struct io_target *t)
{
}

static inline void iot_debugfs_remove(struct io_target *t)
{
}

#endif

/* As iot_stats_submit(), of which the caller does the counting. */
static inline void iot_stats_submit_counted(struct io_target_request *req)
{
	iot_latency_start(req);
	if (trace_submit_enabled())
		__iot_trace_submit(req);
}

/*
 * @req is accepted, and will be ended. Called before anybody else can end it: before
 * its carrier is armed, or under target->lock.
 */
static inline void iot_stats_submit(struct io_target_request *req)
{
	this_cpu_inc(req->target->stats->submitted);
	iot_stats_submit_counted(req);
}

/* It has ended, and its owner is about to be told. */
static inline void iot_stats_complete(struct io_target_request *req)
{
	this_cpu_inc(req->target->stats->completed);
	iot_latency_end(req);
	if (trace_complete_enabled())
		__iot_trace_complete(req);
}

/* A forwarded bio is accepted, pends, has ended: as requests, for which see above and below. */
static inline void iot_stats_submit_bio(struct io_target *t, struct bio *bio)
{
	this_cpu_inc(t->stats->submitted);
	if (trace_submit_enabled())
		__iot_trace_submit_bio(t, bio);
}

static inline void iot_stats_pend_bio(struct io_target *t, struct bio *bio)
{
	this_cpu_inc(t->stats->pended);
	if (trace_pend_enabled())
		__iot_trace_pend_bio(t, bio);
}

static inline void iot_stats_complete_bio(struct io_target *t, struct bio *bio,
					  bool not_sent)
{
	this_cpu_inc(t->stats->completed);
	if (trace_complete_enabled())
		__iot_trace_complete_bio(t, bio, not_sent);
}

/* Are there those who want to see each request? */
static inline bool iot_stats_watched(void)
{
#if IS_ENABLED(CONFIG_DEBUG_FS)
	if (static_branch_unlikely(&iot_latency_key))
		return true;
#endif
	return trace_submit_enabled() || trace_complete_enabled();
}

/* Under target->lock: @req is the last of the pended now. After iot_stats_submit(). */
static inline void iot_stats_pend(struct io_target_request *req)
{
	this_cpu_inc(req->target->stats->pended);
	trace_pend(req, req);
}

/* A submit returns an error. */
static inline void iot_stats_refused(struct io_target *t)
{
	this_cpu_inc(t->stats->refused);
}

/* Its deadline has passed; it is ended for that, unless it is overdue. */
static inline void iot_stats_deadline(struct io_target_request *req, enum iot_deadline how)
{
	if (how == IOT_DEADLINE_OVERDUE)
		this_cpu_inc(req->target->stats->overdue);
	else
		this_cpu_inc(req->target->stats->timed_out);
	trace_deadline(req, how);
}

#endif /* _IO_TARGET_STATS_H */
