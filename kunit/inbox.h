/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bios as a driver's own disk receives them, for the suites of forwarding: they note
 * how they ended. And such a disk, whose ->submit_bio() hands all it gets to a target.
 */
#ifndef _IO_TARGET_KUNIT_INBOX_H
#define _IO_TARGET_KUNIT_INBOX_H

#include <linux/bio.h>

#include "lot.h"

#define RECEIVED_VECS	8

/**
 * struct received - a bio, and what its end_io saw
 * @bio: of the upper disk
 * @vecs: its table
 * @inbox: where it belongs
 * @used: it has been set up
 * @ends: how often it ended
 * @number: of its last end among all of the inbox, from 1
 * @status: of that
 * @when: in jiffies
 * @context: that end_io ran in
 * @leave: end_io waits for it first, or NULL
 * @entered: that it does
 * @done: completed by end_io
 */
struct received {
	struct bio		bio;
	struct bio_vec		vecs[RECEIVED_VECS];
	struct inbox		*inbox;
	bool			used;
	atomic_t		ends;
	unsigned int		number;
	blk_status_t		status;
	unsigned long		when;
	enum device_context	context;
	struct completion	*leave;
	struct completion	entered;
	struct completion	done;
};

/**
 * struct inbox - bios for one target
 * @target: where they are forwarded to
 * @n: their number
 * @bios: the bios
 * @ended: how many times any of them has ended; requests may count here, too
 * @res: frees them with the case
 */
struct inbox {
	struct io_target	*target;
	unsigned int		n;
	struct received		*bios;
	atomic_t		ended;
	struct kunit_resource	res;
};

/* The disks, char devices and the disk with queues of queue_suite_init(), and the upper one. */
int inbox_suite_init(struct kunit_suite *suite);
void inbox_suite_exit(struct kunit_suite *suite);

/* The upper disk, which forwards what is submitted to it to this target. */
struct block_device *upper_bdev(void);
void upper_forwards_to(struct io_target *t);

struct inbox *inbox_alloc(struct kunit *test, struct io_target *t, unsigned int n);

/* Of the target that they go to, and its disk FINE. */
struct io_target_stats inbox_stats(struct io_target *t);
struct testdev_disk_seen inbox_seen(void);
/* Memory of the case, zeroed. */
u8 *inbox_buf(struct kunit *test, size_t len);

/* Sets it up, also again, with nothing left of its last use: no data, or one piece. */
void received_range(struct received *r, blk_opf_t opf, u64 pos, u32 len);
void received_data(struct received *r, blk_opf_t opf, u64 pos, void *buf, u32 len);
/* Gives it to the library, as ->submit_bio() does. */
void received_forward(struct received *r);
/* A write of @buf, of one block, at the block @index. */
void received_write(struct received *r, u64 index, void *buf);

/* The first @n are those of blocks from 0 on, forwarded in this order. */
void inbox_forward(struct inbox *inbox, unsigned int first, unsigned int n, void *buf);

/* It ends, once, like this. */
void expect_ended(struct kunit *test, struct received *r, blk_status_t status);
void expect_all_ended(struct kunit *test, struct inbox *inbox, unsigned int first,
		      unsigned int n, blk_status_t status);
/* In the order of their places in the inbox. */
void expect_order(struct kunit *test, struct inbox *inbox, unsigned int first, unsigned int n);
unsigned int inbox_ends(struct inbox *inbox, unsigned int first, unsigned int n);

#endif /* _IO_TARGET_KUNIT_INBOX_H */
