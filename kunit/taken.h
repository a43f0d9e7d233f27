/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory that is taken with the library on the call stack: by itself, or for it by whom it
 * has called; by any thread, the library's workers too.
 */
#ifndef _IO_TARGET_KUNIT_TAKEN_H
#define _IO_TARGET_KUNIT_TAKEN_H

#include <kunit/test.h>

/* From slabs by size, from a cache of objects, whole pages */
enum taken_kind { TAKEN_KMALLOC, TAKEN_CACHE, TAKEN_PAGES, TAKEN_KINDS };

/**
 * struct taken - what has been taken
 * @count: of each kind, how often
 */
struct taken {
	unsigned int	count[TAKEN_KINDS];
};

#ifdef CONFIG_TRACEPOINTS
/* Skips where it cannot be seen. Ends with the case, if nobody has ended it before. */
void taken_begin(struct kunit *test);
/* Until now, since the begin or the last call of this one. */
struct taken taken_until_now(void);
/* Who was the last to take something, to the log */
void taken_tell(struct kunit *test);
void taken_end(void);
#else
static inline void taken_begin(struct kunit *test)
{
	kunit_skip(test, "no tracepoints for allocations (CONFIG_TRACEPOINTS)");
}

static inline struct taken taken_until_now(void)
{
	return (struct taken){};
}

static inline void taken_tell(struct kunit *test)
{
}

static inline void taken_end(void)
{
}
#endif

#endif /* _IO_TARGET_KUNIT_TAKEN_H */
