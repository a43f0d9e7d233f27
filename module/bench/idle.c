// SPDX-License-Identifier: GPL-2.0
/*
 * The time that nobody needs, where time counts instructions. A machine with nothing
 * to do would leap to its next timer, and the leap be taken for instructions. So there
 * is always something to do: a thread that comes last and counts its turns, each of
 * which takes the same time. What it has counted is then taken off.
 */
#include "bench.h"

#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/sched.h>

/* Long enough for some timer ticks, which belong to the waiting as well. */
#define CALIBRATION	4000000U

static struct task_struct *spinner;
static u64 turns;		/* read on the same CPU only */
static u64 turn_ps;		/* picoseconds */
static DECLARE_COMPLETION(calibrated);

static noinline void spin(u64 until)
{
	while (turns != until && !kthread_should_stop()) {
		WRITE_ONCE(turns, turns + 1);
		cond_resched();
	}
}

static int idle_thread(void *unused)
{
	u64 start = ktime_get_ns();

	spin(CALIBRATION);
	turn_ps = div_u64((ktime_get_ns() - start) * 1000, CALIBRATION);
	set_user_nice(current, MAX_NICE);
	complete(&calibrated);
	spin(U64_MAX);
	return 0;
}

/* Return: 0 or a negative errno. For one CPU. */
int bench_idle_start(void)
{
	struct task_struct *task;

	if (num_online_cpus() > 1)
		return -EINVAL;
	task = kthread_run(idle_thread, NULL, "io_target_bench/idle");
	if (IS_ERR(task))
		return PTR_ERR(task);
	spinner = task;
	wait_for_completion(&calibrated);
	return 0;
}

void bench_idle_stop(void)
{
	if (spinner)
		kthread_stop(spinner);
}

/* How long the machine has had nothing to do; 0 if that is not counted. */
u64 bench_idle_ns(void)
{
	return spinner ? mul_u64_u64_div_u64(READ_ONCE(turns), turn_ps, 1000) : 0;
}
