// SPDX-License-Identifier: GPL-2.0
/*
 * The target object: create, get and put, name, state and properties. Opening
 * and closing it is in open.c.
 */
#include <linux/export.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "stats.h"
#include "stream.h"
#include "verify.h"
#include "watch.h"

/**
 * io_target_name - name of the target, for log lines
 * @target: the target
 *
 * Context: any.
 * Return: the name given at creation, else that of the device opened last,
 * else "(closed)". Valid as long as the target is.
 */
const char *io_target_name(const struct io_target *target)
{
	return target->name[0] ? target->name : "(closed)";
}
EXPORT_SYMBOL_GPL(io_target_name);

/* Says why a call fails, not more often than a log can take, and returns @err. */
int iot_err(struct io_target *t, int err, const char *fmt, ...)
{
	struct va_format vaf;
	va_list args;

	va_start(args, fmt);
	vaf.fmt = fmt;
	vaf.va = &args;
	iot_verify_line(io_target_name(t), &vaf);
	if (__ratelimit(&t->log_limit))
		pr_warn("io_target: %s: %pV (%pe)\n", io_target_name(t), &vaf, ERR_PTR(err));
	va_end(args);
	return err;
}

/*
 * Somebody is going to tell events, until iot_tell_end(). This begins while the target is open,
 * under the mutex or the lock, or while it has a claim, so that close, which ends all that,
 * waits for the last of them.
 */
void iot_tell_begin(struct io_target *t)
{
	atomic_inc(&t->tellers);
}

void iot_tell_end(struct io_target *t)
{
	if (atomic_dec_and_test(&t->tellers))
		wake_up_all(&t->idle_wait);
}

void iot_tell_quiesce(struct io_target *t)
{
	wait_event(t->idle_wait, !atomic_read(&t->tellers));
}

void iot_event(struct io_target *t, enum io_target_event event)
{
	struct iot_verify_frame frame;

	if (event == IO_TARGET_EVENT_STATE)
		iot_streams_kick(t);
	if (!t->config.event)
		return;
	iot_verify_enter(t, &frame, IOT_VERIFY_EVENT);
	t->config.event(t, event, t->config.private);
	iot_verify_leave(t, &frame);
}

/* Of the few events whose callback may sleep: it is a call, and nothing is asked of it. */
void iot_event_may_sleep(struct io_target *t, enum io_target_event event)
{
	if (t->config.event)
		t->config.event(t, event, t->config.private);
}

static void target_gated_idle(struct percpu_ref *ref)
{
	wake_up_all(&container_of(ref, struct io_target, gated)->idle_wait);
}

static void target_ungated_idle(struct percpu_ref *ref)
{
	wake_up_all(&container_of(ref, struct io_target, ungated)->idle_wait);
}

static int target_init_refs(struct io_target *t)
{
	int err;

	err = iot_inject_enomem(NULL) ?:
	      percpu_ref_init(&t->gated, target_gated_idle, PERCPU_REF_INIT_DEAD, GFP_KERNEL);
	if (err)
		return err;
	err = iot_inject_enomem(NULL) ?:
	      percpu_ref_init(&t->ungated, target_ungated_idle, PERCPU_REF_INIT_DEAD, GFP_KERNEL);
	if (err)
		goto err_gated;
	t->stats = iot_inject_alloc(NULL) ? NULL : alloc_percpu(struct io_target_stats);
	if (!t->stats)
		goto err_ungated;
	return 0;

err_ungated:
	percpu_ref_exit(&t->ungated);
err_gated:
	percpu_ref_exit(&t->gated);
	return -ENOMEM;
}

static void target_exit_refs(struct io_target *t)
{
	free_percpu(t->stats);
	percpu_ref_exit(&t->ungated);
	percpu_ref_exit(&t->gated);
}

/* Mempools that were never initialised exit to nothing, so one ladder does. */
static void target_exit_pools(struct io_target *t)
{
	bioset_exit(&t->forwards);
	bioset_exit(&t->bios);
	mempool_exit(&t->pages);
	mempool_exit(&t->carriers);
	mempool_exit(&t->requests);
}

static int target_init_pools(struct io_target *t)
{
	unsigned int reserve = max(t->config.reserve, 1u);
	int err;

	err = iot_inject_enomem(NULL) ?:
	      mempool_init_kmalloc_pool(&t->requests, reserve, sizeof(struct io_target_request));
	err = err ?: iot_inject_enomem(NULL) ?:
	      mempool_init_kmalloc_pool(&t->carriers, reserve, sizeof(struct io_target_carrier));
	err = err ?: iot_inject_enomem(NULL) ?:
	      mempool_init_page_pool(&t->pages, reserve * IOT_RESERVE_PAGES, 0);
	err = err ?: iot_inject_enomem(NULL) ?:
	      bioset_init(&t->bios, reserve, 0, BIOSET_NEED_BVECS);
	err = err ?: iot_inject_enomem(NULL) ?: iot_forward_init(t);
	if (err)
		target_exit_pools(t);
	return err;
}

static void target_release_work(struct work_struct *work)
{
	struct io_target *t = container_of(work, struct io_target, release_work);
	bool keeps_module;

	if (io_target_state(t) != IO_TARGET_CLOSED) {
		iot_err(t, -EBUSY, "put for the last time while open: closing it");
		/* A reference again, while there are requests that may take one. */
		kref_init(&t->ref);
		iot_target_close(t);
		io_target_put(t);
		return;
	}
	keeps_module = t->keeps_module;
	iot_follow_quiesce(t);
	iot_rescan_quiesce(t);
	iot_source_drop(&t->source);
	iot_debugfs_remove(t);
	iot_inject_exit(t);
	iot_latency_exit(t);
	iot_deadline_exit(t);
	target_exit_refs(t);
	target_exit_pools(t);
	kfree(t);
	if (keeps_module)
		module_put(THIS_MODULE);
}

/**
 * io_target_create - make a target with nothing open
 * @config: name, reserve, event callback; NULL for none of them
 *
 * Context: process context, may sleep.
 * Return: the target, in state CLOSED, with one reference for the caller;
 * ERR_PTR(-ENOMEM) when there is no memory for it.
 */
struct io_target *io_target_create(const struct io_target_config *config)
{
	struct io_target *t = iot_inject_alloc(NULL) ? NULL : kzalloc_obj(*t, GFP_KERNEL);
	int err;

	if (!t)
		return ERR_PTR(-ENOMEM);
	if (config) {
		t->config = *config;
		if (config->name)
			strscpy(t->name, config->name, sizeof(t->name));
	}
	spin_lock_init(&t->lock);
	mutex_init(&t->mutex);
	iot_state_init(t);
	iot_deadline_init(t);
	iot_task_init(t);
	iot_follow_init(t);
	iot_rescan_init(t);
	iot_inject_init(t);
	iot_stats_init(t);
	INIT_LIST_HEAD(&t->streams);
	init_waitqueue_head(&t->carrier_wait);
	atomic_set(&t->carriers_freed, 0);
	ratelimit_state_init(&t->log_limit, DEFAULT_RATELIMIT_INTERVAL,
			     DEFAULT_RATELIMIT_BURST);
	INIT_WORK(&t->release_work, target_release_work);
	iot_verify_target_init(t);
	kref_init(&t->ref);

	err = target_init_refs(t);
	if (err)
		goto err_target;
	err = target_init_pools(t);
	if (err)
		goto err_refs;
	__module_get(THIS_MODULE);
	t->keeps_module = true;
	iot_inject_created(t);
	iot_debugfs_add(t);
	return t;

err_refs:
	target_exit_refs(t);
err_target:
	kfree(t);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_GPL(io_target_create);

/**
 * io_target_get - take a reference
 * @target: the target
 *
 * Context: any.
 * Return: @target.
 */
struct io_target *io_target_get(struct io_target *target)
{
	kref_get(&target->ref);
	return target;
}
EXPORT_SYMBOL_GPL(io_target_get);

/*
 * Nothing but memory is left of a closed target, and exit waits for the worker that frees
 * it: so the module can be unloaded as soon as who used it last has gone. One that is
 * still open, or whose requests are out, keeps it.
 */
static void target_last_put(struct kref *ref)
{
	struct io_target *t = container_of(ref, struct io_target, ref);
	bool closed = io_target_state(t) == IO_TARGET_CLOSED;

	if (closed && iot_verify_pool_out(t))
		return;		/* the last of them queues the work */
	t->keeps_module = !closed;
	queue_work(iot_wq, &t->release_work);
	if (closed)
		module_put(THIS_MODULE);
}

/**
 * io_target_put - drop a reference
 * @target: the target, or NULL or an error pointer, which are ignored
 *
 * The last reference frees the target, from a worker. A target that is still
 * open then is closed first, with a warning.
 *
 * Context: any.
 */
void io_target_put(struct io_target *target)
{
	if (!IS_ERR_OR_NULL(target))
		kref_put(&target->ref, target_last_put);
}
EXPORT_SYMBOL_GPL(io_target_put);

/**
 * io_target_state - what the target does with requests now
 * @target: the target
 *
 * Context: any.
 * Return: a snapshot; the state may have changed since.
 */
enum io_target_state io_target_state(const struct io_target *target)
{
	return READ_ONCE(target->state);
}
EXPORT_SYMBOL_GPL(io_target_state);

/**
 * io_target_get_info - what the lower device is and can do
 * @target: the target
 * @info: filled in; only @info->state when the target is closed
 *
 * Context: any.
 * Return: 0, or -ENODEV when the target is closed.
 */
int io_target_get_info(struct io_target *target, struct io_target_info *info)
{
	struct io_target_lower *lower;

	*info = (struct io_target_info){ .state = io_target_state(target) };
	guard(rcu)();
	lower = rcu_dereference(target->lower);
	if (!lower)
		return -ENODEV;
	info->flags = lower->flags;
	lower->backend->info(lower, info);
	return 0;
}
EXPORT_SYMBOL_GPL(io_target_get_info);
