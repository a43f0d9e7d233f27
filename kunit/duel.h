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

/* Prints both shares and expects each to be 1 % at least. */
void duel_expect_both(struct kunit *test, const char *one, unsigned int ones,
		      const char *other, unsigned int others);

#endif /* _IO_TARGET_KUNIT_DUEL_H */
