// SPDX-License-Identifier: GPL-2.0
/*
 * The target object: create, get and put, open and close, what it is.
 */
#include <linux/export.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "internal.h"

/* How often a close that has to wait says so */
#define CLOSE_WARN_SECS		10

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

	if (!__ratelimit(&t->log_limit))
		return err;
	va_start(args, fmt);
	vaf.fmt = fmt;
	vaf.va = &args;
	pr_warn("io_target: %s: %pV (%pe)\n", io_target_name(t), &vaf, ERR_PTR(err));
	va_end(args);
	return err;
}

void iot_event(struct io_target *t, enum io_target_event event)
{
	if (t->config.event)
		t->config.event(t, event, t->config.private);
}

static void target_gated_idle(struct percpu_ref *ref)
{
	complete(&container_of(ref, struct io_target, gated)->gated_idle);
}

static void target_ungated_idle(struct percpu_ref *ref)
{
	complete(&container_of(ref, struct io_target, ungated)->ungated_idle);
}

static int target_init_refs(struct io_target *t)
{
	int err;

	err = percpu_ref_init(&t->gated, target_gated_idle, PERCPU_REF_INIT_DEAD, GFP_KERNEL);
	if (err)
		return err;
	err = percpu_ref_init(&t->ungated, target_ungated_idle, PERCPU_REF_INIT_DEAD,
			      GFP_KERNEL);
	if (err)
		goto err_gated;
	t->stats = alloc_percpu(struct iot_stats);
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
	bioset_exit(&t->bios);
	mempool_exit(&t->pages);
	mempool_exit(&t->carriers);
	mempool_exit(&t->requests);
}

static int target_init_pools(struct io_target *t)
{
	unsigned int reserve = max(t->config.reserve, 1u);
	int err;

	err = mempool_init_kmalloc_pool(&t->requests, reserve,
					sizeof(struct io_target_request));
	err = err ?: mempool_init_kmalloc_pool(&t->carriers, reserve,
					       sizeof(struct io_target_carrier));
	err = err ?: mempool_init_page_pool(&t->pages, reserve * IOT_RESERVE_PAGES, 0);
	err = err ?: bioset_init(&t->bios, reserve, 0, BIOSET_NEED_BVECS);
	if (err)
		target_exit_pools(t);
	return err;
}

static void target_release_work(struct work_struct *work)
{
	struct io_target *t = container_of(work, struct io_target, release_work);

	if (rcu_access_pointer(t->lower)) {
		iot_err(t, -EBUSY, "put for the last time while open: closing it");
		io_target_close(t);
	}
	target_exit_refs(t);
	target_exit_pools(t);
	kfree(t);
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
	struct io_target *t = kzalloc_obj(*t, GFP_KERNEL);
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
	init_completion(&t->gated_idle);
	init_completion(&t->ungated_idle);
	init_waitqueue_head(&t->carrier_wait);
	atomic_set(&t->carriers_freed, 0);
	ratelimit_state_init(&t->log_limit, DEFAULT_RATELIMIT_INTERVAL,
			     DEFAULT_RATELIMIT_BURST);
	INIT_WORK(&t->release_work, target_release_work);
	kref_init(&t->ref);

	err = target_init_refs(t);
	if (err)
		goto err_target;
	err = target_init_pools(t);
	if (err)
		goto err_refs;
	__module_get(THIS_MODULE);
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

static void target_last_put(struct kref *ref)
{
	queue_work(iot_wq, &container_of(ref, struct io_target, ref)->release_work);
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

static void target_set_state(struct io_target *t, enum io_target_state state)
{
	guard(spinlock_irqsave)(&t->lock);
	WRITE_ONCE(t->state, state);
}

/* Both refs are at zero: initially, or since the last close. */
static void target_start(struct io_target *t, struct io_target_lower *lower)
{
	if (!t->config.name)
		strscpy(t->name, lower->name, sizeof(t->name));
	reinit_completion(&t->gated_idle);
	reinit_completion(&t->ungated_idle);
	rcu_assign_pointer(t->lower, lower);
	target_set_state(t, IO_TARGET_STARTED);
	percpu_ref_reinit(&t->ungated);
	percpu_ref_reinit(&t->gated);
}

static int target_open_locked(struct io_target *t, const struct iot_source *from,
			      unsigned int flags)
{
	struct io_target_lower *lower;

	lockdep_assert_held(&t->mutex);
	if (rcu_access_pointer(t->lower))
		return iot_err(t, -EBUSY, "open refused: it is open already");
	lower = iot_open(t, from, flags);
	if (IS_ERR(lower))
		return PTR_ERR(lower);
	target_start(t, lower);
	return 0;
}

int iot_target_open(struct io_target *t, const struct iot_source *from, unsigned int flags)
{
	int err;

	might_sleep();
	if (!(flags & (IO_TARGET_READ | IO_TARGET_WRITE)) ||
	    flags & ~(IO_TARGET_READ | IO_TARGET_WRITE | IO_TARGET_EXCL))
		return iot_err(t, -EINVAL, "open refused: flags %#x", flags);

	scoped_guard(mutex, &t->mutex)
		err = target_open_locked(t, from, flags);
	if (!err)
		iot_event(t, IO_TARGET_EVENT_STATE);
	return err;
}

IOT_EXPORT_FOR_TESTS(iot_target_open);

/**
 * io_target_open - open a device or file by path and start the target
 * @target: a closed target
 * @path: absolute path, looked up in the caller's root, or in that of init
 *	when the caller is a kernel thread
 * @flags: IO_TARGET_READ, IO_TARGET_WRITE or both; IO_TARGET_EXCL claims a
 *	block device: its page cache is written out and dropped, and nobody else
 *	can claim or mount it. Char devices and files have no claim: -EINVAL
 *
 * Requests to a block device go past its page cache. On a shared open,
 * coherency with buffered users of the same device is the caller's concern.
 *
 * Context: process context, may sleep.
 * Return: 0. -EBUSY: the target is open, or the device is claimed by somebody
 * else. -EINVAL: bad @flags, or not a block device, char device or regular
 * file. -EACCES, -EROFS: no permission, or a write open of a read-only device.
 * -ENOENT, -ENXIO, -ENODEV, -ENOMEM and whatever the driver's open returns.
 */
int io_target_open(struct io_target *target, const char *path, unsigned int flags)
{
	return iot_target_open(target, &(struct iot_source){ .path = path }, flags);
}
EXPORT_SYMBOL_GPL(io_target_open);

/**
 * io_target_open_dev - open a block device by number and start the target
 * @target: a closed target
 * @dev: device number, for instance bdev->bd_dev of a device at hand
 * @flags: as for io_target_open()
 *
 * Context: process context, may sleep; needs no path, so any kernel thread will do.
 * Return: as io_target_open().
 */
int io_target_open_dev(struct io_target *target, dev_t dev, unsigned int flags)
{
	return iot_target_open(target, &(struct iot_source){ .dev = dev }, flags);
}
EXPORT_SYMBOL_GPL(io_target_open_dev);

/**
 * io_target_open_file - adopt an open file and start the target
 * @target: a closed target
 * @file: of a block device, char device or regular file, or any other file
 *	whose driver has iterator operations (pipe, eventfd). The target takes a
 *	reference of its own and touches neither flags nor position
 * @flags: IO_TARGET_READ, IO_TARGET_WRITE, each only if @file was opened for it
 *
 * Context: process context, may sleep.
 * Return: 0. -EBUSY: the target is open. -EBADF: @file was not opened for
 * that. -EINVAL: bad @flags (EXCL cannot be had later), or a directory or
 * socket. -ENOMEM.
 */
int io_target_open_file(struct io_target *target, struct file *file, unsigned int flags)
{
	return iot_target_open(target, &(struct iot_source){ .file = file }, flags);
}
EXPORT_SYMBOL_GPL(io_target_open_file);

/**
 * io_target_open_path - create a target and open it, in one call
 * @path: as for io_target_open()
 * @flags: as for io_target_open()
 * @config: as for io_target_create()
 *
 * Context: process context, may sleep.
 * Return: the started target, or ERR_PTR with the errno of io_target_create()
 * or io_target_open().
 */
struct io_target *io_target_open_path(const char *path, unsigned int flags,
				      const struct io_target_config *config)
{
	struct io_target *t = io_target_create(config);
	int err;

	if (IS_ERR(t))
		return t;
	err = io_target_open(t, path, flags);
	if (err) {
		io_target_put(t);
		return ERR_PTR(err);
	}
	return t;
}
EXPORT_SYMBOL_GPL(io_target_open_path);

static u64 target_in_flight(struct io_target *t)
{
	u64 n = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		struct iot_stats *s = per_cpu_ptr(t->stats, cpu);

		n += READ_ONCE(s->submitted) - READ_ONCE(s->completed);
	}
	return n;
}

/* Ends when the device has answered everything it was sent over callers' memory. */
static void target_wait_idle(struct io_target *t, struct completion *idle)
{
	while (!wait_for_completion_timeout(idle, CLOSE_WARN_SECS * HZ))
		pr_warn("io_target: %s: close waits for %llu requests\n",
			io_target_name(t), target_in_flight(t));
}

/*
 * The order matters: no new request passes the refs, those that did are waited
 * for, then no submit can look at t->lower any more; prep looks at it under
 * RCU only.
 */
static bool target_close_locked(struct io_target *t)
{
	struct io_target_lower *lower;

	lower = rcu_dereference_protected(t->lower, lockdep_is_held(&t->mutex));
	if (!lower)
		return false;
	target_set_state(t, IO_TARGET_CLOSED);
	percpu_ref_kill(&t->gated);
	percpu_ref_kill(&t->ungated);
	target_wait_idle(t, &t->gated_idle);
	target_wait_idle(t, &t->ungated_idle);
	rcu_assign_pointer(t->lower, NULL);
	synchronize_rcu();
	iot_lower_release(lower);
	return true;
}

/**
 * io_target_close - send nothing more, wait for what was sent, release the device
 * @target: the target; closing a closed one does nothing
 *
 * On return no end_io runs or will run, no caller's memory is in use, and the
 * lower device has been released, so that its driver may be unloaded. Orphans
 * (see IO_TARGET_BOUNCE) are not waited for; they keep the device open, and
 * the target and this module alive, until the device answers.
 *
 * The wait for requests over the callers' own memory lasts as long as the
 * device takes; one line every ten seconds says how many are missing. Must not
 * be called from the target's own end_io or event callback.
 *
 * Context: process context, sleeps.
 */
void io_target_close(struct io_target *target)
{
	bool closed;

	might_sleep();
	scoped_guard(mutex, &target->mutex)
		closed = target_close_locked(target);
	if (closed)
		iot_event(target, IO_TARGET_EVENT_STATE);
}
EXPORT_SYMBOL_GPL(io_target_close);

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
