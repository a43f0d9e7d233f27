/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Two threads that do something at the same time, again and again. Each round
 * says who was first; the next one delays him a little, so that the two stay
 * where they meet, whatever the machine.
 */
#ifndef _IO_TARGET_KUNIT_DUEL_H
#define _IO_TARGET_KUNIT_DUEL_H

#include <kunit/resource.h>

#include "fixture.h"

#define DUEL_LEN	512
/* Requests that are raced for in one round */
#define DUEL_BATCH	16

/* How often what a case does at most; a stress run has more, see race_scale */
unsigned int duel_rounds(unsigned int normal);

/**
 * struct duel - two sides, the test's thread and another on a CPU of its own
 * @right: what the other thread does in each round
 * @private: for it
 * @offset: ns that the test's thread is late, or the other one if negative
 * @step: ns that the offset changes by
 * @streak: rounds in a row with the same side first
 * @left_was_first: in the last round
 * @thread: the other one
 * @go: a round begins
 * @done: @right has returned
 * @ready: the other thread is about to begin
 * @fire: both begin now
 * @quit: no more rounds
 * @res: ends it with the case, if that has not
 */
struct duel {
	void			(*right)(void *private);
	void			*private;
	s64			offset;
	s64			step;
	unsigned int		streak;
	bool			left_was_first;
	struct task_struct	*thread;
	struct completion	go;
	struct completion	done;
	bool			ready;
	bool			fire;
	bool			quit;
	struct kunit_resource	res;
};

/* Skips the case where there is one CPU only. Ends with the case. */
struct duel *duel_start(struct kunit *test, void (*right)(void *private), void *private);
/* The other thread begins @right about when this returns. */
void duel_fire(struct duel *d);
/* @right has returned; @left_first shifts the next round. */
void duel_join(struct duel *d);
void duel_adjust(struct duel *d, bool left_first);
void duel_end(struct duel *d);

/* Spins until the clock says so. */
void duel_spin_until(u64 ns);

/* Formats @p, with nothing left of its last use: DUEL_LEN bytes of @buf at @pos. */
void duel_prep(struct kunit *test, struct probe *p, enum io_target_op op, u8 *buf, loff_t pos,
	       unsigned int flags);
/* The same for a write, and submits it; it is accepted. */
void duel_submit(struct kunit *test, struct probe *p, u8 *buf, unsigned int flags, bool atomic);

/**
 * struct tally - how the requests of a race ended
 * @ended: as the device said
 * @orphaned: by their deadline, while the device had them
 * @timed_out: by their deadline, never sent
 * @cancelled: never sent
 * @forgotten: accepted, and told to nobody
 * @duplicates: ends beyond the first of a request
 * @wrong: in another way, or not at all
 */
struct tally {
	unsigned int	ended;
	unsigned int	orphaned;
	unsigned int	timed_out;
	unsigned int	cancelled;
	unsigned int	forgotten;
	unsigned int	duplicates;
	unsigned int	wrong;
};

/* Waits for the end of @p, and notes it. */
void tally_add(struct tally *sum, struct probe *p);

/* Prints both shares and expects each to be 1 % at least. */
void duel_expect_both(struct kunit *test, const char *one, unsigned int ones,
		      const char *other, unsigned int others);
/* What was accepted has ended, once; what was sent has come to the device. Prints it. */
void duel_expect_conserved(struct kunit *test, const struct tally *sum);

#endif /* _IO_TARGET_KUNIT_DUEL_H */
