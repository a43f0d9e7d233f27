/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by forward.c (bios on their way) and forward_pend.c (bios that wait).
 */
#ifndef _IO_TARGET_FORWARD_H
#define _IO_TARGET_FORWARD_H

#include <linux/bio.h>

#include "stats.h"

/* The front pad of a clone. */
struct forward {
	struct io_target	*target;
	struct bio		*bio;		/* what was received */
	unsigned long		started;	/* for the accounting of its disk */
	u32			held;		/* jiffies that it has pended, if start sends it */
	bool			resent;
	u32			stamp;		/* for the latency, see stats.h */
	struct bio		clone;		/* last */
};

/* Puts @bio into @bios behind @after; NULL: as the first. */
static inline void iot_bios_insert(struct bio_list *bios, struct bio *after, struct bio *bio)
{
	if (!after) {
		bio_list_add_head(bios, bio);
		return;
	}
	bio->bi_next = after->bi_next;
	after->bi_next = bio;
	if (bios->tail == after)
		bios->tail = bio;
}

/* forward.c */
enum io_target_op iot_forward_op(const struct bio *bio);
void iot_forward_end_unsent(struct io_target *t, struct bio *bio, int err);
void iot_forward_end_failed(struct bio *clone);
void iot_forward_send(struct io_target *t, struct io_target_lower *lower, struct bio *bio,
		      const u32 *since);

/* forward_pend.c */
int iot_forward_pend(struct io_target *t, struct bio *bio);
bool iot_forward_keep(struct io_target *t, struct bio *bio, u32 since);

#endif /* _IO_TARGET_FORWARD_H */
