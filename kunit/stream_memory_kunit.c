// SPDX-License-Identifier: GPL-2.0
/*
 * A stream that runs takes no memory: neither its worker nor the lane's threads, nor
 * whoever wakes them.
 */
#include <kunit/resource.h>
#include <linux/gfp.h>
#include <linux/slab.h>

#include "pattern.h"
#include "ready.h"
#include "taken.h"

#define SEED	0x6d656d6f7279ULL
#define BUFFERS	200

/**
 * struct eater - who is delivered to
 * @place: of the next byte
 * @wrong: bytes that were not those of @place
 * @count: buffers that have come
 * @keep: a buffer that is kept until the next comes
 * @kept: that one
 * @takes: memory of each kind, on purpose
 * @own: a cache of objects
 * @changed: when @count has
 * @res: lets @own go with the case
 */
struct eater {
	u64				place;
	u64				wrong;
	u64				count;
	bool				keep;
	struct io_target_stream_buffer	*kept;
	bool				takes;
	struct kmem_cache		*own;
	wait_queue_head_t		changed;
	struct kunit_resource		res;
};

static void take(struct kmem_cache *cache)
{
	void *object = kmem_cache_alloc(cache, GFP_NOIO);
	void *memory = kmalloc(32, GFP_NOIO);
	struct page *page = alloc_page(GFP_NOIO);

	if (object)
		kmem_cache_free(cache, object);
	kfree(memory);
	if (page)
		__free_page(page);
}

static bool eat(struct io_target_stream *stream, struct io_target_stream_buffer *buf,
		void *private)
{
	struct eater *e = private;
	struct io_target_stream_buffer *before = e->kept;

	e->wrong += buf->len - pattern_match(buf->data, buf->len, e->place, SEED);
	e->place += buf->len;
	if (READ_ONCE(e->takes))
		take(e->own);
	e->kept = e->keep ? buf : NULL;
	if (before)
		io_target_stream_give_back(stream, before);
	smp_store_release(&e->count, e->count + 1);	/* read by has_come() */
	wake_up(&e->changed);
	return !e->keep;
}

static bool has_come(struct eater *e, u64 n)
{
	return smp_load_acquire(&e->count) >= n;	/* written by eat() */
}

/* @n buffers more, one after the other: for each the lane and the stream go to rest. */
static void feed(struct kunit *test, struct io_target *t, struct eater *e, u8 *buf,
		 unsigned int n)
{
	u64 i, end = e->count + n;

	for (i = e->count; i < end; i++) {
		pattern_fill(buf, CHUNK, i * CHUNK, SEED);
		KUNIT_ASSERT_EQ(test, testdev_pipe_push(ready_pipe, buf, CHUNK), CHUNK);
		KUNIT_ASSERT_TRUE(test, wait_event_timeout(e->changed, has_come(e, i + 1),
							   TESTDEV_PATIENCE));
		if (i % 2)
			KUNIT_ASSERT_TRUE(test, ready_wait_waiting(t, false));
	}
}

static void expect_taken(struct kunit *test, bool expected)
{
	struct taken taken = taken_until_now();
	unsigned int i, wrong = 0;

	for (i = 0; i < TAKEN_KINDS; i++) {
		kunit_info(test, "kind %u: %u", i, taken.count[i]);
		wrong += !taken.count[i] == expected;
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
	if (wrong && !expected)
		taken_tell(test);
}

struct memory_case {
	const char	*name;
	unsigned int	flags;
	unsigned int	depth;
	unsigned int	stream_flags;
	bool		drop;
	bool		keep;
};

static const struct memory_case memory_cases[] = {
	{ "one buffer", 0, 1 },
	{ "four, full", 0, 4, IO_TARGET_FULL },
	{ "four, kept", 0, 4, 0, false, true },
	{ "four, kept, may be dropped", 0, 4, 0, true, true },
	{ "NOWAIT", TESTDEV_PIPE_NOWAIT | TESTDEV_PIPE_TWO, 4 },
};

static void memory_desc(const struct memory_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(memory, memory_cases, memory_desc);

static void eater_free(struct kunit_resource *res)
{
	kmem_cache_destroy(container_of(res, struct eater, res)->own);
}

static struct eater *eater(struct kunit *test, bool keep)
{
	struct eater *e = kunit_kzalloc(test, sizeof(*e), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, e);
	e->keep = keep;
	init_waitqueue_head(&e->changed);
	e->own = kmem_cache_create("io_target_eater", 40, 0, 0, NULL);
	KUNIT_ASSERT_NOT_NULL(test, e->own);
	kunit_add_resource(test, NULL, eater_free, &e->res, NULL);
	return e;
}

/*
 * From the first read on: it pends until all is watched. What the consumer takes on
 * purpose, in the stream's worker, is seen, and what the test takes by itself is not.
 */
static void stream_memory(struct kunit *test)
{
	const struct memory_case *c = test->param_value;
	struct io_target *t = ready_open(test, c->flags);
	struct eater *e = eater(test, c->keep);
	u8 *buf = ready_buf(test, CHUNK);
	struct io_target_stream *s;

	KUNIT_ASSERT_EQ(test, io_target_stop(t, IO_TARGET_LEAVE_SENT, 0), 0);
	s = io_target_stream_start(t, &(struct io_target_stream_config){
		.depth = c->depth, .size = CHUNK, .flags = c->stream_flags,
		.drop = c->drop, .on_data = eat, .private = e });
	KUNIT_ASSERT_FALSE(test, IS_ERR(s));
	taken_begin(test);
	take(e->own);
	expect_taken(test, false);
	KUNIT_EXPECT_EQ(test, io_target_start(t), 0);
	feed(test, t, e, buf, BUFFERS);
	expect_taken(test, false);
	WRITE_ONCE(e->takes, true);
	feed(test, t, e, buf, 1);
	expect_taken(test, true);
	taken_end();
	KUNIT_EXPECT_EQ(test, io_target_stream_stop(s), 0);
	if (e->kept)
		io_target_stream_give_back(s, e->kept);
	KUNIT_EXPECT_EQ(test, e->wrong, 0);
}

static struct kunit_case memory_suite_cases[] = {
	KUNIT_CASE_PARAM(stream_memory, memory_gen_params),
	{}
};

static struct kunit_suite memory_suite = {
	.name		= "io_target_stream_memory",
	.init		= ready_init,
	.exit		= ready_exit,
	.test_cases	= memory_suite_cases,
};

kunit_test_suite(memory_suite);
