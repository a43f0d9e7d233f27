// SPDX-License-Identifier: GPL-2.0
/*
 * Pended requests: accepted while the target is held back, sent in order when it
 * goes on, ended when it is purged, closed or removed. In front of them are those that a
 * device which is looked for has failed because it had gone.
 *
 * A pended request holds no gate, so that a device can be closed and opened again
 * under it; its place on the list, under target->lock, is what it has. Who takes it
 * off the list gives it a reference on the ungated gate, for close to wait for. One
 * with a carrier may be claimed even after start has taken it, so that start goes
 * on with the carrier alone.
 */
#include <linux/rcupdate.h>

#include "stats.h"
#include "verify.h"

static bool state_pends(const struct io_target *t, const struct io_target_request *req)
{
	if (t->state == IO_TARGET_SUSPENDED)
		return true;
	/* A purged target stays that when it is suspended, and has no device either. */
	if (req->flags & IO_TARGET_IGNORE_STATE)
		return t->state == IO_TARGET_PURGED && !t->available;
	return t->state == IO_TARGET_STOPPED || t->state == IO_TARGET_STARTING;
}

/* Under target->lock, which keeps the gates as the state has them. */
static int pend_check(struct io_target *t, struct io_target_request *req)
{
	lockdep_assert_held(&t->lock);
	if (req->state != IOT_REQ_FORMATTED)	/* a concurrent submit was faster */
		return -EBUSY;
	if (t->state == IO_TARGET_PURGED && !(req->flags & IO_TARGET_IGNORE_STATE))
		return -ESHUTDOWN;
	if (!state_pends(t, req))
		return -ENODEV;
	if (req->flags & IO_TARGET_NOWAIT ||
	    (t->nr_pended >= t->config.max_pended && !(req->flags & IOT_F_PASS)))
		return -EAGAIN;
	if (!iot_prepared_for(req, t->session))
		return -ESTALE;
	return 0;
}

/*
 * For a request that has found its gate shut. On IOT_GATE_OPEN it was opened
 * meanwhile and is held.
 */
int iot_pend(struct io_target_request *req, struct percpu_ref *gate)
{
	struct io_target *t = req->target;
	int err;

	guard(spinlock_irqsave)(&t->lock);
	if (percpu_ref_tryget_live(gate))
		return IOT_GATE_OPEN;
	err = pend_check(t, req);
	if (err)
		return err;
	iot_stats_submit(req);
	if (req->carrier)
		iot_carrier_arm(req);
	else
		iot_owner_note(req);
	req->flags &= ~IOT_F_CALLER_WAITS;	/* it is start who would */
	req->not_sent = false;
	req->wanted = 0;
	req->result = iot_forward_before(t);	/* until it has one */
	WRITE_ONCE(req->state, IOT_REQ_PENDED);
	list_add_tail(&req->node, &t->pended);
	t->nr_pended++;
	iot_stats_pend(req);
	return IOT_PENDED;
}

/*
 * Under target->lock: the device has failed @req because it has gone, and is looked for. The
 * request goes before all that has come later. Return: its gate, which the caller gives back.
 */
static struct percpu_ref *pend_again(struct io_target_request *req, bool *resent)
{
	struct percpu_ref *gate = iot_request_gate(req);
	struct io_target *t = req->target;

	lockdep_assert_held(&t->lock);
	*resent = req->flags & IOT_F_RESENT;
	/* It is built for a device, and a queue of that, which it does not come back to. */
	req->flags &= ~(IOT_F_WAS_PENDED | IOT_F_RESENT | IOT_F_AGAIN | IOT_F_BUILT);
	req->result = IOT_KEPT;
	WRITE_ONCE(req->lower, NULL);
	iot_deadline_look(req);
	WRITE_ONCE(req->state, IOT_REQ_PENDED);
	list_add(&req->node, t->kept);
	t->kept = &req->node;
	t->nr_pended++;
	iot_stats_pend(req);
	return gate;
}

/*
 * A device that is looked for has failed @io, a request or a carrier's, which holds a gate:
 * it waits for the device that comes back, unless somebody wants it to end.
 * Context: any. Return: false: it ends.
 */
bool iot_keep(struct io_target_request *io)
{
	struct io_target *t = io->target;
	struct io_target_request *req;
	struct percpu_ref *gate;
	bool resent;

	if (!READ_ONCE(t->lost) || !iot_lower_repeats(io->lower, io->op))
		return false;
	scoped_guard(spinlock_irqsave, &t->lock) {
		if (!t->lost || !state_pends(t, io) || io->wanted)
			return false;
		req = io->flags & IOT_F_CARRIED ? iot_carrier_again(io) : io;
		if (!req)
			return false;
		iot_verify_again(io);
		gate = pend_again(req, &resent);
	}
	if (resent && atomic_dec_and_test(&t->resent))
		wake_up_all(&t->idle_wait);
	percpu_ref_put(gate);
	return true;
}

/* Under target->lock: takes @req off the list if it is on it. */
bool iot_pended_remove(struct io_target_request *req)
{
	struct io_target *t = req->target;

	lockdep_assert_held(&t->lock);
	if (req->state != IOT_REQ_PENDED)
		return false;
	if (t->kept == &req->node)
		t->kept = req->node.prev;
	list_del_init(&req->node);
	t->nr_pended--;
	percpu_ref_get(&t->ungated);
	req->flags |= IOT_F_WAS_PENDED;
	WRITE_ONCE(req->state, IOT_REQ_SENT);
	return true;
}

/*
 * The oldest pended request, for a target in @state, which it is sent in, unless a bio
 * has come before it. In a state that holds requests back only those that ignore it are.
 */
static struct io_target_request *pended_next(struct io_target *t, enum io_target_state state)
{
	struct io_target_request *req;

	lockdep_assert_held(&t->lock);
	if (t->state != state)
		return NULL;
	if (state == IO_TARGET_STARTING) {
		req = list_first_entry_or_null(&t->pended, struct io_target_request, node);
		return req && req->result <= (s64)t->bios_taken ? req : NULL;
	}
	list_for_each_entry(req, &t->pended, node)
		if (req->flags & IO_TARGET_IGNORE_STATE)
			return req;
	return NULL;
}

/* What was taken off the list: a plain request, or the I/O of a carrier. */
struct taken {
	struct io_target_request	*io;
	struct io_target_carrier	*carrier;
	struct io_target_lower		*lower;
};

static bool pended_take(struct io_target *t, enum io_target_state state, struct taken *taken)
{
	struct io_target_request *req;

	guard(spinlock_irqsave)(&t->lock);
	req = pended_next(t, state);
	if (!req)
		return false;
	iot_pended_remove(req);
	/* Under the lock: from here on stop and purge wait for it. */
	if (!(req->flags & IO_TARGET_IGNORE_STATE)) {
		req->flags |= IOT_F_RESENT;
		atomic_inc(&t->resent);
	}
	taken->lower = rcu_dereference_protected(t->lower, true);
	taken->carrier = iot_carrier_get(req);
	taken->io = taken->carrier ? &taken->carrier->io : req;
	if (!taken->carrier)
		req->lower = taken->lower;
	return true;
}

/* The device may not be the one that the request was checked against. */
static void taken_send(struct io_target_request *io)
{
	int err = iot_prep_recheck(io, io->lower);

	if (likely(!err)) {
		iot_send(io);
		return;
	}
	io->not_sent = io->result != IOT_KEPT;
	iot_request_end(io, err, BLK_STS_OK);
}

/*
 * Sends the oldest pended request, or bio, of a target that is in @state.
 * Return: false if there was none, or somebody has changed the state.
 */
bool iot_pended_send(struct io_target *t, enum io_target_state state)
{
	struct taken taken;

	if (state == IO_TARGET_STARTING && iot_forward_send_pended(t))
		return true;
	if (!pended_take(t, state, &taken))
		return false;
	if (!taken.carrier || iot_carrier_begin(taken.carrier, taken.lower))
		taken_send(taken.io);
	if (taken.carrier)
		iot_carrier_put(taken.carrier);
	return true;
}

/*
 * Under target->lock, together with the change of state that ends them: takes all
 * pended requests, in order, and all bios.
 */
void iot_pended_claim_all(struct io_target *t, struct iot_claimed *claimed)
{
	struct io_target_request *req, *tmp;

	list_for_each_entry_safe(req, tmp, &t->pended, node) {
		iot_claim(req, false, 0);
		list_add_tail(&req->node, &claimed->requests);
	}
	iot_forward_claim_all(t, &claimed->bios);
}

void iot_pended_end(struct io_target *t, struct iot_claimed *claimed, int err)
{
	struct list_head *requests = &claimed->requests;
	struct io_target_request *req;

	while ((req = list_first_entry_or_null(requests, struct io_target_request, node))) {
		list_del_init(&req->node);
		iot_claim_end(req, err);
	}
	iot_forward_end_claimed(t, &claimed->bios, err);
}
