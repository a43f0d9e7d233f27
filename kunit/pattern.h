/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Test data that knows where it belongs: every 8 bytes are their absolute
 * offset, xor a seed, so data from a wrong place or of another time is seen.
 */
#ifndef _IO_TARGET_KUNIT_PATTERN_H
#define _IO_TARGET_KUNIT_PATTERN_H

#include <linux/types.h>

/* Fills @buf, of any memory and alignment, with what belongs at offset @pos. */
void pattern_fill(void *buf, size_t len, u64 pos, u64 seed);

/* The number of leading bytes that are as pattern_fill() made them: @len if all are. */
size_t pattern_match(const void *buf, size_t len, u64 pos, u64 seed);

/* The number of leading bytes that have the value @byte. */
size_t pattern_match_byte(const void *buf, size_t len, u8 byte);

#endif /* _IO_TARGET_KUNIT_PATTERN_H */
