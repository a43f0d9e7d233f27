/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The target. Life and locks are told in internal.h, which includes this.
 */
#ifndef _IO_TARGET_TARGET_H
#define _IO_TARGET_TARGET_H

#include <linux/bio.h>
#include <linux/hashtable.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mempool.h>
#include <linux/mutex.h>
#include <linux/percpu-refcount.h>
#include <linux/ratelimit.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <linux/io_target.h>

#include "counters.h"
#include "inject.h"
#include "lower.h"

/* What is opened: one of path, file, dev and call is given. */
struct iot_source {
	const char		*path;
	struct file		*file;
	dev_t			dev;
	struct io_target_lower	*(*call)(struct io_target *t, unsigned int flags, void *data);
	void			*data;	/* for @call, which is a test's */
	bool			provider;	/* path is the name of one */
	unsigned int		flags;
	struct mm_struct	*mm;	/* with USER_BOUNCE: of who opens it, or has */
	const struct cred	*cred;	/* remembered: who has opened it */
};

/*
 * Requests with a deadline, and polled ones; which shard is a matter of the request's
 * address.
 */
#define IOT_SHARDS	8

struct iot_shard {
	spinlock_t		lock;	/* timed */
	struct list_head	timed;
} ____cacheline_aligned_in_smp;

struct io_target {
	/* read by every submit */
	struct percpu_ref		gated;
	struct io_target_lower __rcu	*lower;	/* set by open, under mutex */
	struct io_target_stats __percpu	*stats;
	struct percpu_ref		ungated;

	spinlock_t			lock;	/* all up to task_work, verify_frames */
	enum io_target_state		state;
	enum io_target_state		wish;		/* what it is to be once available */
	bool				available;	/* open, not frozen, not being suspended */
	bool				suspended;	/* by its owner; under mutex */
	u32				session;	/* lower->opened of its first device */
	struct mutex			mutex;		/* see above */
	struct iot_source		source;		/* for reopen; under mutex */
	u32				turns;		/* devices had, and closes; under mutex */
	struct io_target_lower		*next;		/* to be switched to; under mutex */
	struct iot_source		next_source;
	wait_queue_head_t		idle_wait;	/* for iot_target_idle() */
	struct list_head		pended;		/* those kept, then as submitted */
	struct list_head		*kept;		/* the last of those, or the head */
	unsigned int			nr_pended;
	struct bio_list			pended_bios;	/* see forward_pend.c */
	struct bio			*kept_bio;	/* the last of those kept, or NULL */
	u64				bios_pended;	/* so many ever */
	u64				bios_taken;	/* of those, not pended any more */
	atomic_t			resent;		/* sent by start, not ended */
	DECLARE_HASHTABLE(named, 6);			/* outstanding requests with an id */
	struct kref			ref;
	struct work_struct		release_work;

	struct list_head		ended;		/* with TASK, for task_work */
	bool				ending;		/* task_work is queued or runs */
	struct work_struct		task_work;

	struct timer_list		timer;		/* not later than the first deadline */
	struct iot_shard		shards[IOT_SHARDS];

	mempool_t			requests;
	mempool_t			carriers;
	mempool_t			pages;
	atomic_t			tellers;	/* see iot_tell_begin(); idle_wait */
	wait_queue_head_t		carrier_wait;	/* for carriers_freed to change */
	atomic_t			carriers_freed;
	struct bio_set			bios;	/* of transfers that need several */
	struct bio_set			forwards;	/* clones */
	struct timer_list		forward_timer;	/* for the oldest of pended_bios */

	u32				nr;	/* unlike that of any other target */
	struct list_head		orphans;	/* of any lower; under lock */
	struct list_head		streams;	/* under lock */
	struct iot_last_error		last_error;	/* under lock */
	struct iot_latency __percpu	*latency;	/* NULL until it is switched on */
	u32				latency_since;
	bool				latency_on;
	struct dentry			*debugfs;	/* directory */

	struct io_target_config		config;
	struct ratelimit_state		log_limit;
	char				name[32];

	struct iot_fits			fits;		/* of what was opened last; under mutex */
	u64				size_seen;	/* by rescan; under mutex */
	bool				read_only_seen;
	bool				freeze_told;	/* and no thaw yet; under mutex */
	bool				follows;	/* under lock and mutex, as lost */
	bool				lost;		/* it follows, and has no device */
	u32				dirty;		/* all three bool: see cache.c */
	u32				flushing;
	u32				cache_lost;
	u32				lost_told;	/* in this session; of follow_work alone */
	unsigned long			follow_delay;	/* before the next look; under mutex */
	struct delayed_work		follow_work;
	struct iot_look			*look;		/* under lock and mutex */
	bool				rescan_soon;	/* it has been told to; under lock */
	struct delayed_work		rescan_work;
	bool				keeps_module;	/* until its memory is gone */
#if IS_ENABLED(CONFIG_IO_TARGET_VERIFIER)
	struct list_head		verify_frames;	/* callbacks in progress, under lock */
	atomic_t			verify_pool;	/* requests out, and 1 until the last put */
#endif
#if IS_ENABLED(CONFIG_IO_TARGET_FAULT_INJECTION)
	struct iot_inject		inject;
#endif
};

#endif /* _IO_TARGET_TARGET_H */
