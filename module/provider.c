// SPDX-License-Identifier: GPL-2.0
/*
 * Providers: registered by name, opened and closed. See <linux/io_target_provider.h> and
 * provider.h.
 */
#include <linux/cred.h>
#include <linux/export.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "provider.h"

static LIST_HEAD(providers);
static DEFINE_MUTEX(providers_lock);	/* of @providers */

static void provider_free(struct kref *ref)
{
	struct io_target_provider *p = container_of(ref, struct io_target_provider, ref);

	kfree(p->name);
	kfree(p);
}

static void provider_put(struct io_target_provider *p)
{
	kref_put(&p->ref, provider_free);
}

static struct io_target_provider *find_locked(const char *name)
{
	struct io_target_provider *p;

	lockdep_assert_held(&providers_lock);
	list_for_each_entry(p, &providers, node)
		if (!strcmp(p->name, name))
			return p;
	return NULL;
}

/* Referenced, and its module, too. */
static struct io_target_provider *provider_find(const char *name)
{
	struct io_target_provider *p;

	guard(mutex)(&providers_lock);
	p = find_locked(name);
	if (!p || !try_module_get(p->ops.owner))
		return NULL;
	kref_get(&p->ref);
	return p;
}

/* Nobody is in one of the provider's functions any more, nor will be. */
static void open_detach(struct iot_open *open)
{
	struct io_target_provider *p = open->provider;

	percpu_ref_kill(&open->inside);
	wait_for_completion(&open->empty);
	if (p->ops.close)
		p->ops.close(p->private, open->context);
	module_put(p->ops.owner);
}

static void open_free(struct iot_open *open)
{
	if (open->wq)
		destroy_workqueue(open->wq);
	percpu_ref_exit(&open->inside);
	put_cred(open->cred);
	provider_put(open->provider);
	kfree(open);
}

/* Of the lower's last user: so unregister does not get it any more. */
static void backend_close(struct io_target_lower *lower)
{
	struct iot_open *open = lower->data;
	struct io_target_provider *p = open->provider;
	bool attached;

	scoped_guard(mutex, &p->mutex)
		attached = !open->detached;
	if (attached)
		open_detach(open);
	scoped_guard(mutex, &p->mutex) {
		list_del(&open->node);
		wake_up_all(&p->idle);
	}
	iot_lane_exit(&open->lane);
	open_free(open);
}

static int backend_check(struct io_target_lower *lower, struct io_target_request *req)
{
	if (!iot_provider_function(lower->data, req->op))
		return iot_err(req->target, -EOPNOTSUPP,
			       "prep refused: the provider has no operation %d", req->op);
	if (req->flags & IO_TARGET_PREFLUSH)
		return iot_err(req->target, -EOPNOTSUPP, "PREFLUSH refused: send a flush before");
	if (req->flags & IO_TARGET_FULL)
		return iot_err(req->target, -EOPNOTSUPP,
			       "FULL refused: how much a provider does is for it to say");
	return 0;
}

static enum io_target_served served(const struct iot_open *open, bool can)
{
	if (!can)
		return IO_TARGET_SERVED_NOT;
	return open->wq ? IO_TARGET_SERVED_THREAD : IO_TARGET_SERVED_DIRECT;
}

static void backend_info(struct io_target_lower *lower, struct io_target_info *info)
{
	const struct iot_open *open = lower->data;
	bool read = lower->flags & IO_TARGET_READ, write = lower->flags & IO_TARGET_WRITE;

	info->logical_block_size = 1;
	info->physical_block_size = 1;
	info->nowait = true;
	info->ioctl = open->provider->ops.ioctl;
	info->write_cache = open->provider->ops.flush;
	info->fua = true;
	info->read_only = !write;
	info->read = served(open, read && open->provider->ops.read);
	info->write = served(open, write && open->provider->ops.write);
}

static const struct iot_backend provider_backend = {
	.name		= "provider",
	.submit		= iot_provider_submit,
	.check		= backend_check,
	.info		= backend_info,
	.interrupt	= iot_provider_interrupt,
	.close		= backend_close,
	.may_be_short	= true,
};

static void open_is_empty(struct percpu_ref *ref)
{
	complete(&container_of(ref, struct iot_open, inside)->empty);
}

/* Takes over the references on @p, unless it fails. */
static struct iot_open *open_alloc(struct io_target *t, struct io_target_provider *p)
{
	struct iot_open *open;
	int err = -ENOMEM;

	open = iot_inject_alloc(NULL) ? NULL : kzalloc_obj(*open, GFP_KERNEL);
	if (!open)
		return ERR_PTR(-ENOMEM);
	err = iot_inject_enomem(NULL) ?: percpu_ref_init(&open->inside, open_is_empty, 0,
							 GFP_KERNEL);
	if (err)
		goto err_free;
	if (p->ops.may_sleep && !iot_inject_alloc(NULL))
		open->wq = alloc_workqueue("iot_%s", WQ_UNBOUND, IOT_LANE_WIDTH + 2, p->name);
	if (p->ops.may_sleep && !open->wq) {
		err = -ENOMEM;
		goto err_ref;
	}
	open->provider = p;
	open->cred = get_current_cred();
	init_completion(&open->empty);
	INIT_LIST_HEAD(&open->calls);
	INIT_WORK(&open->cancel_work, iot_provider_cancel_work);
	return open;

err_ref:
	percpu_ref_exit(&open->inside);
err_free:
	kfree(open);
	return ERR_PTR(err);
}

static int open_provider(struct iot_open *open, unsigned int flags)
{
	struct io_target_provider *p = open->provider;
	int err;

	guard(mutex)(&p->mutex);
	if (p->gone)
		return -ENOENT;
	err = p->ops.open ? p->ops.open(p->private, flags, &open->context) : 0;
	if (!err)
		list_add_tail(&open->node, &p->opens);
	return err;
}

/* Return: the lower, of which nobody knows yet. */
static struct io_target_lower *provider_lower(struct io_target *t, struct iot_open *open,
					      unsigned int flags)
{
	struct io_target_lower *lower;
	int err;

	lower = iot_lower_alloc(t, &provider_backend, flags, open);
	if (!lower)
		return ERR_PTR(-ENOMEM);
	open->lower = lower;
	strscpy(lower->name, open->provider->name, sizeof(lower->name));
	iot_lane_init(&open->lane, lower, open->wq, false, &iot_provider_lane_ops);
	err = open_provider(open, flags);
	if (!err)
		return lower;
	iot_lower_unpin(lower);
	return ERR_PTR(err);
}

struct io_target_lower *iot_provider_lower(struct io_target *t, const char *name,
					   unsigned int flags)
{
	struct io_target_provider *p = provider_find(name);
	struct module *owner = p ? p->ops.owner : NULL;
	struct io_target_lower *lower;
	struct iot_open *open;

	if (!p)
		return ERR_PTR(-ENOENT);
	open = open_alloc(t, p);
	if (IS_ERR(open)) {
		provider_put(p);
		module_put(owner);
		return ERR_CAST(open);
	}
	lower = provider_lower(t, open, flags);
	if (IS_ERR(lower)) {
		open_free(open);
		module_put(owner);
	}
	return lower;
}

/**
 * io_target_open_provider - open what another driver offers by name, and start the target
 * @target: a closed target
 * @name: that it was registered by
 * @flags: IO_TARGET_READ, IO_TARGET_WRITE or both; passed on to the provider
 *
 * Context: process context, may sleep; not in the provider's own open or close.
 * Return: 0. -EBUSY: the target is open. -EINVAL: bad @flags, no @name. -ENOENT: nobody
 * has that name. -ENOMEM, and whatever the provider's open returns.
 */
int io_target_open_provider(struct io_target *target, const char *name, unsigned int flags)
{
	return iot_target_open(target, &(struct iot_source){ .path = name, .provider = true,
							     .flags = flags });
}
EXPORT_SYMBOL_GPL(io_target_open_provider);

static int provider_add(struct io_target_provider *p)
{
	guard(mutex)(&providers_lock);
	if (find_locked(p->name))
		return -EEXIST;
	list_add_tail(&p->node, &providers);
	return 0;
}

/**
 * io_target_provider_register - offer reads, writes, flushes or ioctls to other drivers
 * @name: which they open it by; copied
 * @ops: what it can do; copied
 * @private: for @ops, as long as it is registered
 *
 * Context: process context, may sleep. Opens may come before it returns.
 * Return: the provider. ERR_PTR: -EINVAL: no @name, or nothing in @ops. -EEXIST: somebody
 * has that name. -ENOMEM.
 */
struct io_target_provider *
io_target_provider_register(const char *name, const struct io_target_provider_ops *ops,
			    void *private)
{
	struct io_target_provider *p;
	int err = -ENOMEM;

	if (!name || !*name || !ops || !(ops->read || ops->write || ops->flush || ops->ioctl))
		return ERR_PTR(-EINVAL);
	p = iot_inject_alloc(NULL) ? NULL : kzalloc_obj(*p, GFP_KERNEL);
	if (!p)
		return ERR_PTR(-ENOMEM);
	p->name = iot_inject_alloc(NULL) ? NULL : kstrdup(name, GFP_KERNEL);
	if (!p->name)
		goto err_free;
	p->ops = *ops;
	p->private = private;
	mutex_init(&p->mutex);
	INIT_LIST_HEAD(&p->opens);
	init_waitqueue_head(&p->idle);
	kref_init(&p->ref);
	err = provider_add(p);
	if (err)
		goto err_name;
	return p;

err_name:
	kfree(p->name);
err_free:
	kfree(p);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_GPL(io_target_provider_register);

/* One that has not been closed yet; it stays open until its lower is put. */
static struct iot_open *next_attached(struct io_target_provider *p)
{
	struct iot_open *open;

	guard(mutex)(&p->mutex);
	list_for_each_entry(open, &p->opens, node) {
		if (open->detached || !iot_lower_tryget(open->lower))
			continue;
		open->detached = true;
		return open;
	}
	return NULL;
}

static bool all_detached(struct io_target_provider *p)
{
	struct iot_open *open;

	guard(mutex)(&p->mutex);
	list_for_each_entry(open, &p->opens, node)
		if (!open->detached)
			return false;
	return true;
}

/**
 * io_target_provider_unregister - offer it no more
 * @provider: registered
 *
 * The targets that have it open become IO_TARGET_REMOVED (those that follow look for
 * another of that name). Calls that wait for a thread end with -ECANCELED; those that the
 * provider has are wanted back, and waited for. When this returns none of its functions
 * runs or will run; its close has been called for each open. An end_io may still be called
 * after that, with what one of them has returned.
 *
 * Context: process context, sleeps; not in one of its own functions.
 */
void io_target_provider_unregister(struct io_target_provider *provider)
{
	struct iot_open *open;

	scoped_guard(mutex, &providers_lock)
		list_del(&provider->node);
	scoped_guard(mutex, &provider->mutex)
		provider->gone = true;
	while ((open = next_attached(provider))) {
		struct io_target_lower *lower = open->lower;

		iot_lower_gone(lower);
		iot_lower_cancel_begin(lower, true);
		iot_lower_cancel_queued(lower);
		open_detach(open);
		iot_lower_put(lower);
	}
	/* Those that were being closed */
	wait_event(provider->idle, all_detached(provider));
	provider_put(provider);
}
EXPORT_SYMBOL_GPL(io_target_provider_unregister);
