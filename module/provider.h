/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Providers: provider.c has them by name, opens and closes them; provider_call.c gives
 * them their calls.
 *
 * A provider lives as long as it is registered and as long as a target has it open. Each
 * open is on its list, from which it is taken when the target closes it; what the
 * provider has made for it goes then, or when it is unregistered, whichever is first.
 *
 * open->inside counts who is in one of the provider's functions, and calls that are
 * outstanding. It is killed by close or unregister, which wait for zero. After that the
 * provider is not called any more: requests end with -ENODEV.
 */
#ifndef _IO_TARGET_PROVIDER_H
#define _IO_TARGET_PROVIDER_H

#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/percpu-refcount.h>
#include <linux/wait.h>

#include "lane.h"

/**
 * struct io_target_provider - one that is registered, or was
 * @node: among those that are registered
 * @name: of it, unlike that of any other that is
 * @ops: not to be called any more when an open is detached
 * @private: for @ops
 * @mutex: @opens, and of those @detached
 * @opens: see above
 * @gone: it has been unregistered
 * @idle: for unregister: an open has been closed
 * @ref: see above
 */
struct io_target_provider {
	struct list_head			node;
	const char				*name;
	struct io_target_provider_ops		ops;
	void					*private;
	struct mutex				mutex;	/* see above */
	struct list_head			opens;
	bool					gone;
	wait_queue_head_t			idle;
	struct kref				ref;
};

/**
 * struct iot_open - one open of a provider
 * @provider: referenced
 * @node: on its list
 * @lower: whose
 * @context: the provider's
 * @cred: of who has opened it
 * @inside: see above
 * @empty: nobody is inside any more
 * @detached: the provider has forgotten it
 * @wq: of @lane; NULL: it does not sleep
 * @lane: of calls that may
 * @calls: that may be cancelled, and are outstanding; under lower->lock
 * @cancel_work: asks for those that are wanted back
 */
struct iot_open {
	struct io_target_provider	*provider;
	struct list_head		node;
	struct io_target_lower		*lower;
	void				*context;
	const struct cred		*cred;
	struct percpu_ref		inside;
	struct completion		empty;
	bool				detached;
	struct workqueue_struct		*wq;
	struct iot_lane			lane;
	struct list_head		calls;
	struct work_struct		cancel_work;
};

/* What carries out @op; NULL: nothing does. */
static inline ssize_t (*iot_provider_function(const struct iot_open *open, u8 op))
		(struct io_target_call *call)
{
	const struct io_target_provider_ops *ops = &open->provider->ops;

	switch (op) {
	case IO_TARGET_OP_READ:
		return ops->read;
	case IO_TARGET_OP_WRITE:
		return ops->write;
	case IO_TARGET_OP_FLUSH:
		return ops->flush;
	case IO_TARGET_OP_IOCTL:
		return ops->ioctl;
	default:
		return NULL;
	}
}

/* provider_call.c */
extern const struct iot_lane_ops iot_provider_lane_ops;
void iot_provider_submit(struct io_target_request *req);
bool iot_provider_interrupt(struct io_target_lower *lower, const struct io_target_request *req,
			    int why);
void iot_provider_cancel_work(struct work_struct *work);

#endif /* _IO_TARGET_PROVIDER_H */
