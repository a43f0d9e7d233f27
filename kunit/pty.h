/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A pty of the kernel's, with a target over each of its two sides.
 */
#ifndef _IO_TARGET_KUNIT_PTY_H
#define _IO_TARGET_KUNIT_PTY_H

#include "ready.h"

/**
 * struct pty - both sides open; bytes pass as they are, nothing is echoed
 * @master: over /dev/ptmx
 * @slave: over /dev/pts/N
 */
struct pty {
	struct io_target	*master;
	struct io_target	*slave;
};

struct pty *pty_open(struct kunit *test);
/* Whoever opens it finds it as it is after boot: lines, and echo. Bytes pass from now on. */
void pty_raw(struct io_target *slave);

#define PTY_QUEUES	4

/**
 * struct pty_queues - the wait queues that the driver's poll names
 * @n: how many
 * @entries: in each
 */
struct pty_queues {
	unsigned int	n;
	unsigned int	entries[PTY_QUEUES];
};

/* They are looked at as they are: nothing is added. */
struct pty_queues pty_queues(struct io_target *t);

/* Works of the target's lanes that run or are about to: of all threads it has. */
unsigned int pty_workers(struct io_target *t);

#endif /* _IO_TARGET_KUNIT_PTY_H */
