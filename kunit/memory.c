// SPDX-License-Identifier: GPL-2.0
/*
 * Counting and failing allocations, see memory.h.
 */
#include <linux/gfp.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/tracepoint.h>
#include <trace/events/kmem.h>

#include "memory.h"

static struct task_struct *counted;
static unsigned int count;

static void note(void)
{
	if (current == READ_ONCE(counted) && in_task())
		count++;
}

static void note_kmalloc(void *data, unsigned long site, const void *p, size_t req,
			 size_t alloc, gfp_t gfp, int node)
{
	note();
}

static void note_cache(void *data, unsigned long site, const void *p,
		       struct kmem_cache *cache, gfp_t gfp, int node)
{
	note();
}

static void count_stop(void)
{
	WRITE_ONCE(counted, NULL);
	unregister_trace_kmem_cache_alloc(note_cache, NULL);
	unregister_trace_kmalloc(note_kmalloc, NULL);
	tracepoint_synchronize_unregister();
}

void memory_count_begin(struct kunit *test)
{
	unsigned int seen;

	if (register_trace_kmalloc(note_kmalloc, NULL) ||
	    register_trace_kmem_cache_alloc(note_cache, NULL))
		kunit_skip(test, "no tracepoints for allocations (CONFIG_TRACEPOINTS)");
	count = 0;
	WRITE_ONCE(counted, current);
	/* A counter that does not count proves nothing. */
	kfree(kmalloc(32, GFP_KERNEL));
	seen = count;
	if (!seen)
		count_stop();
	KUNIT_ASSERT_NE(test, seen, 0u);
	count = 0;
}

unsigned int memory_count_end(void)
{
	count_stop();
	return count;
}

#ifdef CONFIG_FAULT_INJECTION
void memory_fail_begin(void)
{
	current->make_it_fail = 1;
}

void memory_fail_end(void)
{
	current->make_it_fail = 0;
}
#else
void memory_fail_begin(void)
{
}

void memory_fail_end(void)
{
}
#endif

void memory_fail_check(struct kunit *test)
{
	struct page *page;
	void *p;

	memory_fail_begin();
	p = kmalloc(32, GFP_NOIO | __GFP_NOWARN);
	page = alloc_page(GFP_NOIO | __GFP_NOWARN);
	memory_fail_end();
	kfree(p);
	if (page)
		__free_page(page);
	if (p || page)
		kunit_skip(test, "%s is not set up to fail whatever a task asks for",
			   p ? "failslab" : "fail_page_alloc");
}
