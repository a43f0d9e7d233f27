// SPDX-License-Identifier: GPL-2.0
/*
 * Stack traces of a user-mode kernel by frame pointers.
 *
 * Replaces arch/um/kernel/stacktrace.c, which looks at every word of the stack and asks
 * of each whether it is an address of code. KASAN, kmemleak and lockdep want a trace for
 * each allocation and lock class: with them, three quarters of the time of our suites
 * went there. kernel.sh puts this file into the build directory, where make finds it
 * before the one in the source tree.
 */
#include <linux/kernel.h>
#include <linux/export.h>
#include <linux/sched.h>
#include <linux/stacktrace.h>
#include <asm/stacktrace.h>

/* A function's frame: where the caller's is, and where to return to. */
struct link {
	unsigned long	next;
	unsigned long	ret;
};

/* Frames grow towards the end of the stack, or the chain is not to be believed. */
void dump_trace(struct task_struct *tsk, const struct stacktrace_ops *ops, void *data)
{
	struct pt_regs *regs = tsk->thread.segv_regs;
	unsigned long from = (unsigned long)get_stack_pointer(tsk, regs);
	unsigned long end = (from | (THREAD_SIZE - 1)) + 1 - sizeof(struct link);
	unsigned long at = get_frame_pointer(tsk, regs);

	while (at >= from && at <= end && IS_ALIGNED(at, sizeof(long))) {
		struct link *link = (struct link *)at;
		unsigned long ret = READ_ONCE_NOCHECK(link->ret);

		if (!__kernel_text_address(ret))
			break;
		ops->address(data, ret, 1);
		from = at + sizeof(*link);
		at = READ_ONCE_NOCHECK(link->next);
	}
}

static void store(void *data, unsigned long address, int reliable)
{
	struct stack_trace *trace = data;

	if (trace->nr_entries < trace->max_entries)
		trace->entries[trace->nr_entries++] = address;
}

static const struct stacktrace_ops store_ops = {
	.address = store,
};

void save_stack_trace_tsk(struct task_struct *tsk, struct stack_trace *trace)
{
	dump_trace(tsk, &store_ops, trace);
}
EXPORT_SYMBOL_GPL(save_stack_trace_tsk);

void save_stack_trace(struct stack_trace *trace)
{
	save_stack_trace_tsk(current, trace);
}
EXPORT_SYMBOL_GPL(save_stack_trace);
