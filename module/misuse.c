// SPDX-License-Identifier: GPL-2.0
/*
 * The classes of misuse that the contract verifier tells apart, by the lines of
 * the log that name them, and how often each was seen.
 */
#include <linux/ratelimit.h>
#include <linux/string.h>

#include "verify.h"

/* Each is part of the lines that tell it; the first one that is counts. */
static const char * const misuse_names[IOT_MISUSES] = {
	[IOT_MISUSE_SUBMIT]	 = ": submit refused: the request is outstanding",
	[IOT_MISUSE_PREP]	 = "prep refused: the request is outstanding",
	[IOT_MISUSE_REINIT]	 = "reinit refused: the request is outstanding",
	[IOT_MISUSE_FREE]	 = "free refused: the request is outstanding",
	[IOT_MISUSE_UNFORMATTED] = "the request is not formatted",
	[IOT_MISUSE_NO_END_IO]	 = "an embedded request without end_io",
	[IOT_MISUSE_TIMEOUT]	 = "refused: timeout",
	[IOT_MISUSE_PUT_OPEN]	 = "put for the last time while open",
	[IOT_MISUSE_WAIT_IRQ]	 = "refused in irq context",
	[IOT_MISUSE_WAIT_WORKER] = "refused in a worker of the library",
	[IOT_MISUSE_CONCURRENT]	 = "concurrent submit refused",
	[IOT_MISUSE_REQUEST]	 = "a request never initialised, or overwritten",
	[IOT_MISUSE_INIT]	 = "init of an outstanding request ignored",
	[IOT_MISUSE_CONTEXT]	 = "refused in atomic context",
	[IOT_MISUSE_STACK]	 = "submit refused: a request on the stack",
	[IOT_MISUSE_CHANGED]	 = "changed while the request was outstanding",
	[IOT_MISUSE_ENDED_TWICE] = "end ignored of a request that the backend does not have",
	[IOT_MISUSE_LEAK]	 = "pool requests are still out",
	[IOT_MISUSE_PREEMPT]	 = "returned with another preempt count",
	[IOT_MISUSE_IRQS]	 = "returned with interrupts",
	[IOT_MISUSE_SLEPT]	 = "has slept",
	[IOT_MISUSE_WAIT_END_IO] = "refused in an end_io of the same target",
	[IOT_MISUSE_WAIT_EVENT]	 = "refused in an event callback of the same target",
};

static atomic_t misuse_seen[IOT_MISUSES];
static atomic_t lines;

const char *iot_misuse_name(enum iot_misuse misuse)
{
	return misuse_names[misuse] + (misuse == IOT_MISUSE_SUBMIT ? 2 : 0);
}

IOT_EXPORT_FOR_TESTS(iot_misuse_name);

unsigned int iot_misuse_seen(enum iot_misuse misuse)
{
	return atomic_read(&misuse_seen[misuse]);
}

IOT_EXPORT_FOR_TESTS(iot_misuse_seen);

unsigned int iot_verify_lines(void)
{
	return atomic_read(&lines);
}

IOT_EXPORT_FOR_TESTS(iot_verify_lines);

/* Counts a line of the log, before its rate is limited. */
void iot_verify_line(const char *name, struct va_format *vaf)
{
	char text[160];
	unsigned int i;

	scnprintf(text, sizeof(text), "%s: %pV", name, vaf);
	atomic_inc(&lines);
	for (i = 0; i < IOT_MISUSES; i++) {
		if (strstr(text, misuse_names[i])) {
			atomic_inc(&misuse_seen[i]);
			return;
		}
	}
}

/* A line where iot_err() cannot be used: no errno, or no target. */
void iot_misuse_report(const char *name, const char *fmt, ...)
{
	static DEFINE_RATELIMIT_STATE(limit, DEFAULT_RATELIMIT_INTERVAL,
				      DEFAULT_RATELIMIT_BURST);
	struct va_format vaf;
	va_list args;

	va_start(args, fmt);
	vaf.fmt = fmt;
	vaf.va = &args;
	iot_verify_line(name, &vaf);
	if (__ratelimit(&limit))
		pr_warn("io_target: %s: %pV\n", name, &vaf);
	va_end(args);
}
