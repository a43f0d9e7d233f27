// SPDX-License-Identifier: GPL-2.0
/*
 * On whose account a request is sent that another thread sends for its submitter:
 * his block cgroup and his I/O priority, taken down at submit. (The bytes that the
 * kernel counts per task are counted for the thread; there is no way to say another.)
 */
#include <linux/cgroup.h>
#include <linux/export.h>
#include <linux/ioprio.h>
#include <linux/kthread.h>

#include "internal.h"

#ifdef CONFIG_BLK_CGROUP
/* That of the root, which every thread of the library is in anyway, is none. */
static struct cgroup_subsys_state *current_css(void)
{
	struct cgroup_subsys_state *css = task_get_css(current, io_cgrp_id);

	if (css->parent)
		return css;
	css_put(css);
	return NULL;
}
#else
static struct cgroup_subsys_state *current_css(void)
{
	return NULL;
}
#endif

/*
 * @req is accepted and is going to be sent by another thread. What was taken down
 * once stays. Context: any; there is nobody to note in irq context.
 */
void iot_owner_note(struct io_target_request *req)
{
	if (req->flags & IOT_F_OWNED || !in_task())
		return;
	req->flags |= IOT_F_OWNED;
	if (!req->ioprio)
		req->ioprio = get_current_ioprio();
	req->css = current_css();
}

/* @req has ended. */
void iot_owner_forget(struct io_target_request *req)
{
#ifdef CONFIG_BLK_CGROUP
	if (req->css)
		css_put(req->css);
#endif
	req->css = NULL;
	if (req->flags & IOT_F_OWNED && !(req->flags & IOT_F_PRIO))
		req->ioprio = 0;
}

/* @req, which went together with @from, is sent by another thread now. Context: any. */
void iot_owner_share(struct io_target_request *req, const struct io_target_request *from)
{
	if (req == from)
		return;
	req->flags |= IOT_F_OWNED;
	req->ioprio = from->ioprio;
#ifdef CONFIG_BLK_CGROUP
	req->css = from->css;
	if (req->css)
		css_get(req->css);
#endif
}

/*
 * Around what a thread of the library does for @req, which may be gone afterwards.
 * Return: for iot_owner_leave().
 */
bool iot_owner_enter(const struct io_target_request *req)
{
#ifdef CONFIG_BLK_CGROUP
	if (req->css)
		kthread_associate_blkcg(req->css);
#endif
	return req->css;
}

void iot_owner_leave(bool entered)
{
#ifdef CONFIG_BLK_CGROUP
	if (entered)
		kthread_associate_blkcg(NULL);
#endif
}

static int owner_set(struct io_target_request *req, const char *what, bool valid)
{
	if (!iot_request_owned(req))
		return iot_request_busy(req, what);
	if (req->state != IOT_REQ_FORMATTED || !valid)
		return iot_err(req->target, -EINVAL, "%s refused: bad value, or not formatted",
			       what);
	return 0;
}

/**
 * io_target_request_set_ioprio - say with which priority a request is served
 * @req: formatted
 * @ioprio: IOPRIO_PRIO_VALUE() of one of the classes; none: that of the submitter
 *
 * Context: any, between prep and submit.
 * Return: 0. -EINVAL: not formatted, or no such class. -EBUSY: outstanding.
 */
int io_target_request_set_ioprio(struct io_target_request *req, u16 ioprio)
{
	int err = owner_set(req, "set_ioprio", IOPRIO_PRIO_CLASS(ioprio) <= IOPRIO_CLASS_IDLE);

	if (err)
		return err;
	req->ioprio = ioprio;
	req->flags |= IOT_F_PRIO;
	return 0;
}
EXPORT_SYMBOL_GPL(io_target_request_set_ioprio);

/**
 * io_target_request_set_hint - say how long what is written will live
 * @req: formatted
 * @hint: WRITE_LIFE_NOT_SET, NONE, SHORT, MEDIUM, LONG or EXTREME
 *
 * For block devices that make use of it; others, and kernels that have no such
 * hints (before 6.8), ignore it.
 *
 * Context: any, between prep and submit.
 * Return: 0. -EINVAL: not formatted, or no such hint. -EBUSY: outstanding.
 */
int io_target_request_set_hint(struct io_target_request *req, u8 hint)
{
	int err = owner_set(req, "set_hint", hint <= WRITE_LIFE_EXTREME);

	if (err)
		return err;
	req->hint = hint;
	req->flags &= ~IOT_F_BUILT;	/* it is in what was built */
	return 0;
}
EXPORT_SYMBOL_GPL(io_target_request_set_hint);
