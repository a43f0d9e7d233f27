// SPDX-License-Identifier: GPL-2.0
/*
 * Pended requests: accepted while the target is stopped, sent in order when it
 * is started, ended when it is purged or closed.
 *
 * A pended request can be taken off the list by start, purge, close, cancel and
 * a waiter whose time is up. Whoever does it, under target->lock, is the only
 * one; but the waiter of a carrier may end the request even after that, so that
 * who takes a request with a carrier goes on with the carrier alone.
 */
#include "internal.h"

static bool state_pends(enum io_target_state state)
{
	return state == IO_TARGET_STOPPED || state == IO_TARGET_STARTING;
}

/* Under target->lock, which keeps the gate as the state has it. */
static int pend_check(struct io_target *t, struct io_target_request *req)
{
	lockdep_assert_held(&t->lock);
	if (req->state != IOT_REQ_FORMATTED)	/* a concurrent submit was faster */
		return -EBUSY;
	if (t->state == IO_TARGET_PURGED)
		return -ESHUTDOWN;
	if (!state_pends(t->state))
		return -ENODEV;
	if (req->flags & IO_TARGET_NOWAIT || t->nr_pended >= t->config.max_pended)
		return -EAGAIN;
	if (rcu_dereference_protected(t->lower, true)->opened != req->opened)
		return -ESTALE;
	return 0;
}

/*
 * For a request that has found the gate shut. On IOT_GATE_OPEN it was opened
 * meanwhile and is held.
 */
int iot_pend(struct io_target_request *req)
{
	struct io_target *t = req->target;
	int err;

	guard(spinlock_irqsave)(&t->lock);
	if (t->state == IO_TARGET_STARTED && percpu_ref_tryget_live(&t->gated))
		return IOT_GATE_OPEN;
	err = pend_check(t, req);
	if (err)
		return err;
	percpu_ref_get(&t->ungated);
	req->lower = rcu_dereference_protected(t->lower, true);
	req->flags |= IOT_F_WAS_PENDED;
	if (req->carrier)
		iot_carrier_arm(req);
	this_cpu_inc(t->stats->submitted);
	WRITE_ONCE(req->state, IOT_REQ_PENDED);
	list_add_tail(&req->node, &t->pended);
	t->nr_pended++;
	return IOT_PENDED;
}

static void pended_remove(struct io_target *t, struct io_target_request *req)
{
	lockdep_assert_held(&t->lock);
	list_del_init(&req->node);
	t->nr_pended--;
	WRITE_ONCE(req->state, IOT_REQ_SENT);
}

/* What was taken off the list: a plain request, or the carrier of another. */
struct taken {
	struct io_target_request	*req;
	struct io_target_carrier	*carrier;
};

static bool pended_take(struct io_target *t, struct taken *taken)
{
	struct io_target_request *req;

	lockdep_assert_held(&t->lock);
	req = list_first_entry_or_null(&t->pended, struct io_target_request, node);
	if (!req)
		return false;
	pended_remove(t, req);
	taken->carrier = iot_carrier_get(req);
	taken->req = req;
	return true;
}

/*
 * Sends the oldest pended request, for start.
 * Return: false if there was none, or somebody has changed the state.
 */
bool iot_pended_send(struct io_target *t)
{
	struct taken taken;

	scoped_guard(spinlock_irqsave, &t->lock) {
		if (t->state != IO_TARGET_STARTING || !pended_take(t, &taken))
			return false;
		/* Under the lock: from here on stop and purge wait for it. */
		taken.req->flags |= IOT_F_RESENT;
		atomic_inc(&t->resent);
	}
	if (taken.carrier) {
		iot_carrier_send_now(taken.carrier);
		iot_carrier_put(taken.carrier);
	} else {
		iot_send(taken.req);
	}
	return true;
}

static void pended_finish(struct io_target_request *req, int err)
{
	req->not_sent = true;
	iot_request_finish(req, err, BLK_STS_OK);
}

/* Return: false if whoever waits for the carrier was faster. */
static bool taken_end(const struct taken *taken, int err)
{
	struct io_target_carrier *c = taken->carrier;
	bool ours = !c || iot_carrier_disarm(c);

	if (ours)
		pended_finish(taken->req, err);
	if (c)
		iot_carrier_put(c);
	return ours;
}

/* Ends all pended requests, in order. The state lets no more of them in. */
void iot_pended_end(struct io_target *t, int err)
{
	for (;;) {
		struct taken taken;

		scoped_guard(spinlock_irqsave, &t->lock) {
			if (!pended_take(t, &taken))
				return;
		}
		taken_end(&taken, err);
	}
}

/* Under target->lock: makes @req, if it is pended, the caller's to end. */
bool iot_pended_claim(struct io_target_request *req)
{
	if (req->state != IOT_REQ_PENDED)
		return false;
	pended_remove(req->target, req);
	return true;
}

/* Ends @req if it is pended. */
bool iot_unpend(struct io_target_request *req, int err)
{
	struct io_target *t = req->target;
	struct taken taken = { .req = req };

	scoped_guard(spinlock_irqsave, &t->lock) {
		if (!iot_pended_claim(req))
			return false;
		taken.carrier = iot_carrier_get(req);
	}
	return taken_end(&taken, err);
}
