// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints themselves, and those calls of them that lie on the way of every
 * request: out of line, so that a disabled one costs that way no more than its nop.
 */
#include "stats.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

void __iot_trace_submit(struct io_target_request *req)
{
	trace_submit(req);
}

void __iot_trace_complete(struct io_target_request *req)
{
	trace_complete(req);
}

#if IS_ENABLED(CONFIG_IO_TARGET_KUNIT_TEST)
EXPORT_TRACEPOINT_SYMBOL_GPL(open);
EXPORT_TRACEPOINT_SYMBOL_GPL(state);
EXPORT_TRACEPOINT_SYMBOL_GPL(remove);
EXPORT_TRACEPOINT_SYMBOL_GPL(submit);
EXPORT_TRACEPOINT_SYMBOL_GPL(pend);
EXPORT_TRACEPOINT_SYMBOL_GPL(complete);
EXPORT_TRACEPOINT_SYMBOL_GPL(cancel);
EXPORT_TRACEPOINT_SYMBOL_GPL(deadline);
EXPORT_TRACEPOINT_SYMBOL_GPL(orphan);
#endif
