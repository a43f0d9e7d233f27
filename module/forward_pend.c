// SPDX-License-Identifier: GPL-2.0
/*
 * Forwarded bios that wait for their target: a bio that finds the gate shut is put on a
 * list of the target's, linked by its own bi_next, so that nothing is allocated and none is
 * too many; start clones and sends it. In front of all are those that a device has failed
 * because it has gone, and that are kept for the one that comes back.
 *
 * Between requests and bios that pend the order is kept by counting: a request notes
 * how many bios had come before it, see iot_forward_before().
 */
#include <linux/bio.h>
#include <linux/jiffies.h>

#include "forward.h"
#include "submit.h"

/* Sets the timer for the end of the oldest pended bio. */
static void forward_arm(struct io_target *t)
{
	struct bio *bio = bio_list_peek(&t->pended_bios);
	u32 held;

	lockdep_assert_held(&t->lock);
	if (!bio || !t->config.forward_timeout)
		return;
	held = (u32)jiffies - (u32)bio->bi_cookie;
	mod_timer(&t->forward_timer, jiffies + max(t->config.forward_timeout, held) - held);
}

/* Return: 0: it pends; IOT_GATE_OPEN: opened meanwhile, and held; negative errno. */
int iot_forward_pend(struct io_target *t, struct bio *bio)
{
	guard(spinlock_irqsave)(&t->lock);
	if (percpu_ref_tryget_live(&t->gated))
		return IOT_GATE_OPEN;
	if (t->state == IO_TARGET_PURGED)
		return -ESHUTDOWN;
	if (t->state == IO_TARGET_CLOSED || t->state == IO_TARGET_REMOVED)
		return -ENODEV;
	if (bio->bi_opf & REQ_NOWAIT)
		return -EAGAIN;
	iot_stats_submit_bio(t, bio);
	/* The cookie is free until the bio is sent: it says when the bio came. */
	bio->bi_cookie = (u32)jiffies;
	bio_list_add(&t->pended_bios, bio);
	if (t->bios_pended++ == t->bios_taken)
		forward_arm(t);
	iot_stats_pend_bio(t, bio);
	return IOT_PENDED;
}

/* Under target->lock: so many bios are to go before a request that pends now. */
u64 iot_forward_before(struct io_target *t)
{
	lockdep_assert_held(&t->lock);
	return t->bios_pended;
}

/* @since: from when on it has pended */
static struct bio *forward_pop(struct io_target *t, u32 *since)
{
	struct bio *bio = bio_list_pop(&t->pended_bios);

	if (!bio)
		return NULL;
	*since = bio->bi_cookie;
	bio->bi_cookie = BLK_QC_T_NONE;
	t->bios_taken++;
	if (bio == t->kept_bio)
		t->kept_bio = NULL;
	return bio;
}

/* @first: the first of the pended requests, or NULL. */
static struct bio *forward_next(struct io_target *t, struct io_target_lower **lower,
				u32 *since)
{
	struct io_target_request *first;
	struct bio *bio;

	guard(spinlock_irqsave)(&t->lock);
	first = list_first_entry_or_null(&t->pended, struct io_target_request, node);
	if (t->state != IO_TARGET_STARTING || (first && first->result <= (s64)t->bios_taken))
		return NULL;
	bio = forward_pop(t, since);
	if (!bio)
		return NULL;
	/* Under the lock: from here on stop, purge and close wait for it. */
	percpu_ref_get(&t->ungated);
	atomic_inc(&t->resent);
	*lower = rcu_dereference_protected(t->lower, true);
	return bio;
}

/*
 * For start: sends the oldest pended bio if no request has come before it.
 * Return: false if there was none.
 */
bool iot_forward_send_pended(struct io_target *t)
{
	struct io_target_lower *lower;
	struct bio *bio;
	u32 since;

	bio = forward_next(t, &lower, &since);
	if (bio)
		iot_forward_send(t, lower, bio, &since);
	return bio;
}

/* Under target->lock, with the change of state that ends them: takes all pended bios. */
void iot_forward_claim_all(struct io_target *t, struct bio_list *claimed)
{
	struct bio *bio;
	u32 since;

	lockdep_assert_held(&t->lock);
	while ((bio = forward_pop(t, &since)))
		bio_list_add(claimed, bio);
}

void iot_forward_end_claimed(struct io_target *t, struct bio_list *claimed, int err)
{
	struct bio *bio;

	while ((bio = bio_list_pop(claimed)))
		iot_forward_end_unsent(t, bio, err);
}

/*
 * The device has failed @bio, which holds its gate, because it has gone, and is looked for:
 * the bio pends again, before those that have come later, and is sent to the one that is
 * found. @since: from when on it has pended, if it has.
 * Context: any. Return: false: it ends.
 */
bool iot_forward_keep(struct io_target *t, struct bio *bio, u32 since)
{
	struct io_target_lower *lower = iot_target_lower(t);
	struct bio *next;

	if (!READ_ONCE(t->lost) || !iot_lower_repeats(lower, iot_forward_op(bio)))
		return false;
	guard(spinlock_irqsave)(&t->lock);
	if (!t->lost || t->state != IO_TARGET_SUSPENDED)
		return false;
	next = t->kept_bio ? t->kept_bio->bi_next : bio_list_peek(&t->pended_bios);
	/* The oldest has to be the first. */
	if (next && (s32)(since - (u32)next->bi_cookie) > 0)
		since = next->bi_cookie;
	bio->bi_cookie = since;
	iot_bios_insert(&t->pended_bios, t->kept_bio, bio);
	t->kept_bio = bio;
	t->bios_taken--;
	forward_arm(t);
	iot_stats_pend_bio(t, bio);
	return true;
}

static void forward_expired(struct io_target *t, struct bio_list *expired)
{
	struct bio *bio;
	u32 since;

	guard(spinlock_irqsave)(&t->lock);
	while ((bio = bio_list_peek(&t->pended_bios)) &&
	       (u32)jiffies - (u32)bio->bi_cookie >= t->config.forward_timeout)
		bio_list_add(expired, forward_pop(t, &since));
	forward_arm(t);
}

/* All may be held for the same time, so that the oldest expire first. */
void iot_forward_timer(struct timer_list *timer)
{
	struct io_target *t = container_of(timer, struct io_target, forward_timer);
	struct bio_list expired = BIO_EMPTY_LIST;

	forward_expired(t, &expired);
	iot_forward_end_claimed(t, &expired, -ETIMEDOUT);
}
