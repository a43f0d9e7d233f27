/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the contract verifier has said, for the cases that provoke it.
 */
#ifndef _IO_TARGET_KUNIT_SAID_H
#define _IO_TARGET_KUNIT_SAID_H

#include <kunit/test.h>

#include "verify.h"

/* Who can know that it is a misuse */
enum knows { ALWAYS, ONLY_VERIFIER, PREEMPT_COUNT, LOCKDEP };

/* What had been said before */
struct said {
	unsigned int	lines;
	unsigned int	seen;
};

static inline struct said said(enum iot_misuse misuse)
{
	return (struct said){ iot_verify_lines(), iot_misuse_seen(misuse) };
}

/* Since @before one line, and it is of @misuse. */
static inline void expect_one_line(struct kunit *test, enum iot_misuse misuse, struct said before)
{
	if (!IS_ENABLED(CONFIG_IO_TARGET_VERIFIER))
		return;		/* nobody counts */
	KUNIT_EXPECT_EQ(test, iot_verify_lines(), before.lines + 1);
	KUNIT_EXPECT_EQ(test, iot_misuse_seen(misuse), before.seen + 1);
}

static inline void said_skip(struct kunit *test, enum knows knows)
{
	if (knows != ALWAYS && !IS_ENABLED(CONFIG_IO_TARGET_VERIFIER))
		kunit_skip(test, "only CONFIG_IO_TARGET_VERIFIER sees it");
	if (knows == PREEMPT_COUNT && !IS_ENABLED(CONFIG_PREEMPT_COUNT))
		kunit_skip(test, "this kernel does not count preempt_disable()");
	if (knows == LOCKDEP && !IS_ENABLED(CONFIG_PROVE_RCU))
		kunit_skip(test, "only CONFIG_PROVE_RCU knows of RCU readers");
}

#endif /* _IO_TARGET_KUNIT_SAID_H */
