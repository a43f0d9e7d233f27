// SPDX-License-Identifier: GPL-2.0
/*
 * Steps of a target that follows, see looks.h.
 */
#include <linux/iopoll.h>

#include "internal.h"
#include "looks.h"
#include "testdev.h"
#include "watch.h"

static bool looks_run(struct io_target *t)
{
	guard(mutex)(&t->mutex);
	return iot_look_runs(t);
}

/* The work begins a look, or takes what one has found, and has itself called again. */
void looks_wait(struct io_target *t)
{
	unsigned int i;
	bool run;

	/* The first look may have begun before: it ends, it is taken, and another one ends. */
	for (i = 0; i < 3; i++) {
		flush_delayed_work(&t->follow_work);
		read_poll_timeout(looks_run, run, !run, 1000, jiffies_to_usecs(TESTDEV_PATIENCE),
				  false, t);
	}
	flush_delayed_work(&t->follow_work);
}

void looks_lock(struct io_target *t)
{
	mutex_lock(&t->mutex);
	iot_look_forget(t, TESTDEV_PATIENCE);
}

void looks_unlock(struct io_target *t)
{
	mutex_unlock(&t->mutex);
}
