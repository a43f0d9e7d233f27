// SPDX-License-Identifier: GPL-2.0
/*
 * The fault injector and forwarded bios: their clones are taken in place of the device, by
 * the same rules as requests (inject.c), and wait on lists of their own, linked by bi_next.
 *
 * A clone keeps the gate that its bio came through until it has ended, so that the target
 * and its device stay.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/sched/mm.h>

#include "forward.h"

/* In jiffies; the cookie is free until the clone is sent. */
static u32 bio_due(const struct bio *clone)
{
	return clone->bi_cookie;
}

/* The last of those that are due no later; NULL: there are none. */
static struct bio *delayed_before(struct iot_inject *in, u32 due)
{
	struct bio *last = in->delayed_bios.tail, *before = NULL, *clone;

	if (last && (s32)(due - bio_due(last)) >= 0)
		return last;
	bio_list_for_each(clone, &in->delayed_bios) {
		if ((s32)(due - bio_due(clone)) < 0)
			break;
		before = clone;
	}
	return before;
}

static void bio_delay(struct iot_inject *in, struct bio *clone, unsigned long delay)
{
	u32 due = (u32)jiffies + delay;

	lockdep_assert_held(&in->lock);
	clone->bi_cookie = due;
	iot_bios_insert(&in->delayed_bios, delayed_before(in, due), clone);
	if (clone == in->delayed_bios.head)
		mod_delayed_work(iot_wq, &in->bio_work, delay);
}

/* Return: 0: no rule takes it; 1: it waits; a negative errno: it is to end with that. */
static int bio_take(struct io_target *t, struct bio *clone)
{
	u64 pos = (u64)clone->bi_iter.bi_sector << SECTOR_SHIFT;
	struct iot_inject *in = &t->inject;
	struct iot_rule *rule;

	guard(spinlock_irqsave)(&in->lock);
	rule = iot_inject_match(in, iot_forward_op(clone), pos, clone->bi_iter.bi_size);
	if (!rule)
		return 0;
	if (rule->action == IOT_RULE_ERROR)
		return -rule->error;
	if (rule->action == IOT_RULE_DELAY) {
		bio_delay(in, clone, msecs_to_jiffies(rule->delay));
		return 1;
	}
	/* Close has taken what was held, and waits for this one. */
	if (percpu_ref_is_dying(&t->ungated))
		return -EIO;
	bio_list_add(&in->held_bios, clone);
	return 1;
}

/* Context: as for submit_bio_noacct(), but needs none to sleep in. */
bool __iot_inject_take_bio(struct io_target *t, struct bio *clone)
{
	int err = bio_take(t, clone);

	if (err < 0) {
		clone->bi_status = errno_to_blk_status(err);
		bio_endio(clone);
	}
	return err;
}

static struct bio *bio_next_due(struct iot_inject *in)
{
	struct bio *clone;
	s32 left;

	guard(spinlock_irqsave)(&in->lock);
	clone = bio_list_peek(&in->delayed_bios);
	if (!clone)
		return NULL;
	left = bio_due(clone) - (u32)jiffies;
	if (left > 0) {
		mod_delayed_work(iot_wq, &in->bio_work, left);
		return NULL;
	}
	bio_list_pop(&in->delayed_bios);
	clone->bi_cookie = BLK_QC_T_NONE;
	return clone;
}

static void inject_bio_work(struct work_struct *work)
{
	struct iot_inject *in = container_of(to_delayed_work(work), struct iot_inject, bio_work);
	unsigned int noio = memalloc_noio_save();
	struct blk_plug plug;
	struct bio *clone;

	blk_start_plug(&plug);
	while ((clone = bio_next_due(in)))
		submit_bio_noacct(clone);
	blk_finish_plug(&plug);
	memalloc_noio_restore(noio);
}

void iot_inject_release_bios(struct iot_inject *in)
{
	struct bio *clone;

	guard(spinlock_irqsave)(&in->lock);
	bio_list_merge(&in->delayed_bios, &in->held_bios);
	bio_list_init(&in->held_bios);
	bio_list_for_each(clone, &in->delayed_bios)
		clone->bi_cookie = (u32)jiffies;
	if (!bio_list_empty(&in->delayed_bios))
		mod_delayed_work(iot_wq, &in->bio_work, 0);
}

/* See iot_inject_close(). */
void iot_inject_close_bios(struct iot_inject *in)
{
	struct bio_list held = BIO_EMPTY_LIST;
	struct bio *clone;

	scoped_guard(spinlock_irqsave, &in->lock) {
		bio_list_merge(&held, &in->held_bios);
		bio_list_init(&in->held_bios);
	}
	while ((clone = bio_list_pop(&held)))
		bio_io_error(clone);
}

void iot_inject_init_bios(struct iot_inject *in)
{
	bio_list_init(&in->held_bios);
	bio_list_init(&in->delayed_bios);
	INIT_DELAYED_WORK(&in->bio_work, inject_bio_work);
}
