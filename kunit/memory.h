/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Allocations of the calling task: counting them, and making them fail.
 */
#ifndef _IO_TARGET_KUNIT_MEMORY_H
#define _IO_TARGET_KUNIT_MEMORY_H

#include <kunit/test.h>

/* Counts what this task takes from slabs in task context. Skips where it cannot. */
void memory_count_begin(struct kunit *test);
unsigned int memory_count_end(void);

/*
 * Between the two every allocation of this task fails, however urgent. Skips
 * where the kernel has no failslab and fail_page_alloc, or where they have not
 * been told to fail all allocations of tasks with make-it-fail. No assertion
 * and no KUnit allocation in between.
 */
void memory_fail_check(struct kunit *test);
void memory_fail_begin(void);
void memory_fail_end(void);

#endif /* _IO_TARGET_KUNIT_MEMORY_H */
