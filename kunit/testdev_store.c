// SPDX-License-Identifier: GPL-2.0
/*
 * Sparse memory behind a test device: chunks that appear when they are
 * reserved. What was never written reads as zeroes.
 */
#include <linux/sizes.h>
#include <linux/slab.h>

#include "testdev.h"

#define CHUNK	SZ_64K

void testdev_store_init(struct testdev_store *store)
{
	xa_init(&store->chunks);
}

/* Forgets everything. Nobody uses it meanwhile. */
void testdev_store_free(struct testdev_store *store)
{
	unsigned long index;
	void *chunk;

	xa_for_each(&store->chunks, index, chunk)
		kfree(chunk);
	xa_destroy(&store->chunks);
}

static int store_add(struct testdev_store *store, unsigned long index)
{
	void *chunk = kzalloc(CHUNK, GFP_NOIO);
	void *old;

	if (!chunk)
		return -ENOMEM;
	old = xa_cmpxchg(&store->chunks, index, NULL, chunk, GFP_NOIO);
	if (old)
		kfree(chunk);
	return xa_err(old);
}

/* Memory for a write that may be carried out where none can be had. */
int testdev_store_reserve(struct testdev_store *store, u64 pos, u64 len)
{
	unsigned long index;
	int err = 0;

	for (index = pos / CHUNK; len && index <= (pos + len - 1) / CHUNK && !err; index++)
		if (!xa_load(&store->chunks, index))
			err = store_add(store, index);
	return err;
}

/* The place of @pos, and how much of *@len lies in the same chunk. */
static void *store_at(struct testdev_store *store, u64 pos, size_t *len)
{
	void *chunk = xa_load(&store->chunks, pos / CHUNK);
	size_t offset = pos % CHUNK;

	*len = min_t(size_t, *len, CHUNK - offset);
	return chunk ? chunk + offset : NULL;
}

void testdev_store_read(struct testdev_store *store, u64 pos, void *buf, size_t len)
{
	while (len) {
		size_t n = len;
		void *from = store_at(store, pos, &n);

		if (from)
			memcpy(buf, from, n);
		else
			memset(buf, 0, n);
		buf += n;
		pos += n;
		len -= n;
	}
}
EXPORT_SYMBOL_GPL(testdev_store_read);

/* Into reserved memory; the rest is lost. */
void testdev_store_write(struct testdev_store *store, u64 pos, const void *buf, size_t len)
{
	while (len) {
		size_t n = len;
		void *to = store_at(store, pos, &n);

		if (to)
			memcpy(to, buf, n);
		buf += n;
		pos += n;
		len -= n;
	}
}
EXPORT_SYMBOL_GPL(testdev_store_write);

int testdev_store_fill(struct testdev_store *store, u64 pos, const void *buf, size_t len)
{
	int err = testdev_store_reserve(store, pos, len);

	if (!err)
		testdev_store_write(store, pos, buf, len);
	return err;
}
EXPORT_SYMBOL_GPL(testdev_store_fill);

/* Looks at what exists only, so that a range may be of any length. */
void testdev_store_zero(struct testdev_store *store, u64 pos, u64 len)
{
	unsigned long index;
	void *chunk;

	if (!len)
		return;
	xa_for_each_range(&store->chunks, index, chunk, pos / CHUNK, (pos + len - 1) / CHUNK) {
		u64 start = max_t(u64, pos, (u64)index * CHUNK);
		u64 end = min_t(u64, pos + len, (u64)(index + 1) * CHUNK);

		memset(chunk + start % CHUNK, 0, end - start);
	}
}

/* Between the store and @iter; returns how much. */
size_t testdev_store_iter(struct testdev_store *store, u64 pos, struct iov_iter *iter,
			  size_t len, bool write)
{
	size_t done = 0;

	while (done < len) {
		size_t n = len - done;
		void *at = store_at(store, pos + done, &n);
		size_t moved;

		if (write)
			moved = copy_from_iter(at, at ? n : 0, iter);
		else if (at)
			moved = copy_to_iter(at, n, iter);
		else
			moved = iov_iter_zero(n, iter);
		done += moved;
		if (moved < n)
			break;
	}
	return done;
}
