// SPDX-License-Identifier: GPL-2.0
/*
 * The data pattern of all suites, see pattern.h.
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include <asm/byteorder.h>

#include "pattern.h"

/* The byte that belongs at @pos. */
static u8 pattern_byte(u64 pos, u64 seed)
{
	return (round_down(pos, 8) ^ seed) >> 8 * (pos & 7);
}

void pattern_fill(void *buf, size_t len, u64 pos, u64 seed)
{
	u8 *p = buf;

	for (; len && pos & 7; len--)
		*p++ = pattern_byte(pos++, seed);
	for (; len >= 8; len -= 8, pos += 8, p += 8) {
		__le64 word = cpu_to_le64(pos ^ seed);

		__builtin_memcpy(p, &word, 8);
	}
	for (; len; len--)
		*p++ = pattern_byte(pos++, seed);
}

/* The leading bytes that match, one by one. */
static size_t match_bytes(const u8 *p, size_t len, u64 pos, u64 seed)
{
	size_t n = 0;

	while (n < len && p[n] == pattern_byte(pos + n, seed))
		n++;
	return n;
}

size_t pattern_match(const void *buf, size_t len, u64 pos, u64 seed)
{
	size_t head = min_t(size_t, len, -pos & 7);
	size_t done = match_bytes(buf, head, pos, seed);

	if (done < head)
		return done;
	for (; len - done >= 8; done += 8) {
		__le64 word;

		__builtin_memcpy(&word, buf + done, 8);
		if (word != cpu_to_le64((pos + done) ^ seed))
			break;
	}
	return done + match_bytes(buf + done, len - done, pos + done, seed);
}

size_t pattern_match_byte(const void *buf, size_t len, u8 byte)
{
	const void *other = memchr_inv(buf, byte, len);

	return other ? other - buf : len;
}
