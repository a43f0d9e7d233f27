/* SPDX-License-Identifier: GPL-2.0 */
/*
 * io_target_bench: what an I/O costs its sender, by way of the library and by hand.
 *
 * A case is one way to do I/O: a loop that sends rounds of @depth I/Os and waits for
 * each round. All loops have the same shape, the same walk through a table of
 * positions and the same account of what has ended, so that what differs between two
 * figures is how the I/O was sent.
 */
#ifndef IO_TARGET_BENCH_H
#define IO_TARGET_BENCH_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/io_target.h>

#include "../compat.h"

/* Entries of the table of positions; the walk wraps around. */
#define BENCH_POSITIONS	4096U

struct bench;

/* What a case needs, and how it is measured */
#define BENCH_BLOCKING	BIT(0)	/* one I/O at a time, whatever the depth */
#define BENCH_CHAR	BIT(1)	/* for char devices; all others are for disks */
#define BENCH_POLL	BIT(2)	/* needs queues that can be polled; run when asked for */
#define BENCH_WRITE	BIT(3)	/* opens for writing */

/**
 * struct bench_case - one way to do I/O
 * @name: in reports, and to choose it by
 * @group: likewise; cases that are compared with each other
 * @flags: BENCH_*
 * @setup: makes what @run needs, or NULL
 * @cleanup: undoes it; not called when @setup has failed
 * @run: sends @rounds rounds and waits for the last one; 0 or an errno
 */
struct bench_case {
	const char	*name;
	const char	*group;
	unsigned int	flags;
	int		(*setup)(struct bench *b);
	void		(*cleanup)(struct bench *b);
	int		(*run)(struct bench *b, unsigned int rounds);
};

/**
 * struct bench - what a loop works on
 * @sectors: positions, for those who count in sectors
 * @bytes: the same, for those who count in bytes
 * @at: next of them; grows without limit
 * @size: bytes of each I/O
 * @depth: I/Os in a round
 * @bufs: memory for each I/O of a round
 * @slots: the case's own, one for each I/O of a round
 * @own: the case's own
 * @bdev: the disk, for who goes to it by hand
 * @file: the char device, likewise
 * @target: either, for who uses the library
 * @left: I/Os of this round that have not ended, and one while it is being sent
 * @ended: nothing is left
 * @failed: some I/O has failed
 */
struct bench {
	const sector_t		*sectors;
	const loff_t		*bytes;
	unsigned int		at;
	unsigned int		size;
	unsigned int		depth;
	void			**bufs;
	void			*slots;
	void			*own;
	struct block_device	*bdev;
	struct file		*file;
	struct io_target	*target;
	atomic_t		left;
	struct completion	ended;
	bool			failed;
};

static inline sector_t bench_sector(struct bench *b)
{
	return b->sectors[b->at++ % BENCH_POSITIONS];
}

static inline loff_t bench_pos(struct bench *b)
{
	return b->bytes[b->at++ % BENCH_POSITIONS];
}

static inline void bench_round(struct bench *b)
{
	atomic_set(&b->left, b->depth + 1);
}

/* One I/O of the round has ended. Any context. */
static inline void bench_ended(struct bench *b, bool failed)
{
	if (unlikely(failed))
		WRITE_ONCE(b->failed, true);
	if (atomic_dec_and_test(&b->left))
		complete(&b->ended);
}

/* The last @n of the round have not been sent. */
static inline void bench_not_sent(struct bench *b, unsigned int n)
{
	atomic_sub(n, &b->left);
}

/* Devices that answer at once have by now. */
static inline void bench_wait(struct bench *b)
{
	if (unlikely(!atomic_dec_and_test(&b->left)))
		wait_for_completion(&b->ended);
}

/* context.c */
struct bench_device {
	struct iot_bdev		raw;
	struct file		*file;
	struct io_target	*target;
	u64			blocks;	/* bytes that I/O may touch */
};

int bench_open(struct bench_device *dev, const char *disk, const char *chardev, bool write);
void bench_close(struct bench_device *dev);
struct bench *bench_create(const struct bench_device *dev, unsigned int size,
			   unsigned int depth, bool random);
void bench_destroy(struct bench *b);

/* report.c */
struct bench_plan {
	const char	*label;		/* of the device, in reports */
	unsigned int	ios;		/* in a measurement, at least */
	unsigned int	repeats;
	bool		random;
};

int bench_measure(struct bench *b, const struct bench_case *c, const struct bench_plan *plan);

/* idle.c */
int bench_idle_start(void);
void bench_idle_stop(void);
u64 bench_idle_ns(void);

/* scale.c */
int bench_scale(const struct bench_device *dev, const struct bench_case *c,
		unsigned int size, unsigned int depth, unsigned int nr,
		unsigned int repeats);

/* the cases, each list ended by one without a name */
extern const struct bench_case bench_peers_bio[];
extern const struct bench_case bench_peers_embedded[];
extern const struct bench_case bench_peers_dm[];
extern const struct bench_case bench_ours_sync[];
extern const struct bench_case bench_ours_async[];
extern const struct bench_case bench_ours_prepared[];
extern const struct bench_case bench_polled[];
extern const struct bench_case bench_chardev[];
extern const struct bench_case bench_provider[];
extern const struct bench_case bench_pty[];

#endif /* IO_TARGET_BENCH_H */
