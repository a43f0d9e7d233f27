// SPDX-License-Identifier: GPL-2.0
/*
 * Who takes memory, see taken.h. Every allocation of the kernel's is looked at: those with
 * a return address of the library's on the stack count.
 */
#include <kunit/resource.h>
#include <linux/gfp.h>
#include <linux/kallsyms.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/stacktrace.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <trace/events/kmem.h>

#include "taken.h"
#include "testdev.h"

/* From the probe to the first function of a thread, with room to spare */
#define DEPTH	64

static const struct module *library;
static struct tracepoint *pages;
static atomic_t counts[TAKEN_KINDS];
static DEFINE_RAW_SPINLOCK(last_lock);
static unsigned long last[DEPTH];
static unsigned int last_len;
static bool watching;
static struct kunit_resource resource;

static unsigned int trace(unsigned long *stack)
{
#ifdef CONFIG_STACKTRACE
	return stack_trace_save(stack, DEPTH, 0);
#else
	return 0;
#endif
}

/* When its pool is low, debugobjects takes memory from whoever it looks at. */
static bool is_instrument(const unsigned long *stack, unsigned int n)
{
	char name[KSYM_SYMBOL_LEN];

	while (n--) {
		snprintf(name, sizeof(name), "%ps", (void *)stack[n]);
		if (!strncmp(name, "debug_object", strlen("debug_object")))
			return true;
	}
	return false;
}

static void note(enum taken_kind kind)
{
	unsigned long stack[DEPTH];
	unsigned int n = trace(stack), i;

	for (i = 0; i < n; i++)
		if (within_module(stack[i], library))
			break;
	if (i == n || (IS_ENABLED(CONFIG_DEBUG_OBJECTS) && is_instrument(stack, i)))
		return;
	atomic_inc(&counts[kind]);
	guard(raw_spinlock_irqsave)(&last_lock);
	memcpy(last, stack, n * sizeof(*stack));
	last_len = n;
}

static void note_kmalloc(void *data, unsigned long site, const void *p, size_t req,
			 size_t alloc, gfp_t gfp, int node)
{
	note(TAKEN_KMALLOC);
}

static void note_cache(void *data, unsigned long site, const void *p,
		       struct kmem_cache *cache, gfp_t gfp, int node)
{
	note(TAKEN_CACHE);
}

static void note_pages(void *data, struct page *page, unsigned int order, gfp_t gfp, int type)
{
	note(TAKEN_PAGES);
}

static void find_pages(struct tracepoint *tp, void *data)
{
	if (!strcmp(tp->name, "mm_page_alloc"))
		pages = tp;
}

static int watch(void)
{
	int err;

	err = register_trace_kmalloc(note_kmalloc, NULL);
	if (err)
		return err;
	err = register_trace_kmem_cache_alloc(note_cache, NULL);
	if (err)
		goto err_kmalloc;
	err = tracepoint_probe_register(pages, note_pages, NULL);
	if (err)
		goto err_cache;
	watching = true;
	return 0;

err_cache:
	unregister_trace_kmem_cache_alloc(note_cache, NULL);
err_kmalloc:
	unregister_trace_kmalloc(note_kmalloc, NULL);
	tracepoint_synchronize_unregister();
	return err;
}

void taken_end(void)
{
	if (!watching)
		return;
	watching = false;
	tracepoint_probe_unregister(pages, note_pages, NULL);
	unregister_trace_kmem_cache_alloc(note_cache, NULL);
	unregister_trace_kmalloc(note_kmalloc, NULL);
	tracepoint_synchronize_unregister();
}

static void taken_free(struct kunit_resource *res)
{
	taken_end();
}

void taken_begin(struct kunit *test)
{
	library = testdev_library();
	if (!library || !IS_ENABLED(CONFIG_STACKTRACE))
		kunit_skip(test, "io_target is no module, or the kernel has no traces of stacks");
	/* It is there, but not for modules by its name. */
	for_each_kernel_tracepoint(find_pages, NULL);
	if (!pages)
		kunit_skip(test, "no tracepoints for allocations (CONFIG_TRACEPOINTS)");
	KUNIT_ASSERT_EQ(test, watch(), 0);
	kunit_add_resource(test, NULL, taken_free, &resource, NULL);
	taken_until_now();
}

struct taken taken_until_now(void)
{
	struct taken taken;
	unsigned int i;

	for (i = 0; i < TAKEN_KINDS; i++)
		taken.count[i] = atomic_xchg(&counts[i], 0);
	return taken;
}

void taken_tell(struct kunit *test)
{
	unsigned int i;

	guard(raw_spinlock_irqsave)(&last_lock);
	for (i = 0; i < last_len; i++)
		kunit_info(test, "%pS", (void *)last[i]);
}
