// SPDX-License-Identifier: GPL-2.0
/*
 * What a second CPU gains: the same loop on one CPU and on several, each with requests
 * of its own, all on one target. A loop that computes and shares nothing runs in
 * between: it tells how much of a second CPU the machine gives at that time.
 */
#include "bench.h"

#include <linux/cpu.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/slab.h>

#define CPUS_MAX	8U
#define WINDOW_MS	15	/* short, so that some of them are undisturbed */
#define ROUNDS		4
#define PATIENCE	5	/* times as many windows while the machine seems busy */

/* What the runners of a window share. */
struct start {
	atomic_t		away;	/* those that are not at the line yet */
	atomic_t		running;
	struct completion	over;
};

struct runner {
	const struct bench_case	*c;
	struct bench		*b;
	struct task_struct	*task;
	struct start		*start;
	u64			ios;
	int			err;
};

static int compute(struct bench *b, unsigned int rounds)
{
	unsigned int i, x = 1;

	for (i = 0; i < rounds * b->depth * 64; i++) {
		x = x * 1664525 + 1013904223;
		OPTIMIZER_HIDE_VAR(x);
	}
	return 0;
}

static const struct bench_case compute_case = { .name = "compute", .run = compute };

static int runner(void *data)
{
	struct runner *r = data;
	u64 until;

	/* All at once: who is early keeps its CPU busy. */
	atomic_dec(&r->start->away);
	while (atomic_read(&r->start->away) > 0)
		cond_resched();
	until = ktime_get_ns() + WINDOW_MS * NSEC_PER_MSEC;
	while (!r->err && ktime_get_ns() < until) {
		r->err = r->c->run(r->b, ROUNDS);
		r->ios += ROUNDS * r->b->depth;
		cond_resched();
	}
	if (atomic_dec_and_test(&r->start->running))
		complete(&r->start->over);
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

static int make_runner(struct runner *r, unsigned int cpu)
{
	struct task_struct *task = kthread_create(runner, r, "io_target_bench/%u", cpu);

	if (IS_ERR(task))
		return PTR_ERR(task);
	kthread_bind(task, cpu);
	r->task = task;
	return 0;
}

static void run_all(struct runner *r, struct start *start, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		wake_up_process(r[i].task);
	wait_for_completion(&start->over);
}

/* I/Os in a second, on CPUs 0 to @nr - 1; negative: errno */
static s64 window(const struct bench_case *c, struct bench **b, unsigned int nr)
{
	struct start start = { .away = ATOMIC_INIT(nr), .running = ATOMIC_INIT(nr) };
	struct runner r[CPUS_MAX] = {};
	unsigned int i;
	u64 ios = 0;
	int err = 0;

	init_completion(&start.over);
	for (i = 0; !err && i < nr; i++) {
		r[i] = (struct runner){ .c = c, .b = b[i], .start = &start };
		err = make_runner(&r[i], i);
	}
	if (!err)
		run_all(r, &start, nr);
	for (i = 0; i < nr; i++) {
		if (r[i].task)
			kthread_stop(r[i].task);
		err = err ?: r[i].err;
		ios += r[i].ios;
	}
	return err ?: div_u64(ios * MSEC_PER_SEC, WINDOW_MS);
}

/* The best of some windows, of the case and of computing */
struct best {
	u64	alone;
	u64	together;
};

static int look(const struct bench_case *c, struct bench **b, unsigned int nr,
		struct best *best)
{
	s64 alone = window(c, b, 1);
	s64 together = window(c, b, nr);

	if (alone < 0 || together < 0)
		return min(alone, together);
	best->alone = max_t(u64, best->alone, alone);
	best->together = max_t(u64, best->together, together);
	return 0;
}

/* Does it gain so many per cent of what @nr CPUs could bring? */
static bool gains(const struct best *best, unsigned int nr, unsigned int percent)
{
	return best->together * 100 >= best->alone * nr * percent;
}

static int compare(const struct bench_case *c, struct bench **b, unsigned int nr,
		   unsigned int repeats)
{
	struct best found = {}, computing = {};
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < repeats * PATIENCE; i++) {
		err = look(c, b, nr, &found) ?: look(&compute_case, b, nr, &computing);
		if (i >= repeats && gains(&computing, nr, 90) && gains(&found, nr, 85))
			break;
	}
	if (!err)
		pr_info("io_target_bench: {\"scale\":\"%s\",\"cpus\":%u,\"alone\":%llu,\"together\":%llu,\"compute_alone\":%llu,\"compute_together\":%llu}\n",
			c->name, nr, found.alone, found.together, computing.alone,
			computing.together);
	return err;
}

/**
 * bench_scale - report what @c gains from several CPUs
 * @dev: opened
 * @c: the case
 * @size: bytes of each I/O
 * @depth: I/Os in a round, on each CPU
 * @nr: CPUs
 * @repeats: how often; the best is told
 *
 * Return: 0 or a negative errno.
 */
int bench_scale(const struct bench_device *dev, const struct bench_case *c,
		unsigned int size, unsigned int depth, unsigned int nr,
		unsigned int repeats)
{
	struct bench *b[CPUS_MAX] = {};
	unsigned int i, ready = 0;
	int err = 0;

	if (nr > min(num_online_cpus(), CPUS_MAX))
		return -EINVAL;
	for (i = 0; !err && i < nr; i++) {
		b[i] = bench_create(dev, size, depth, true);
		if (IS_ERR(b[i])) {
			err = PTR_ERR(b[i]);
			break;
		}
		err = c->setup ? c->setup(b[i]) : 0;
		if (err)
			bench_destroy(b[i]);
		else
			ready++;
	}
	err = err ?: compare(c, b, nr, repeats);
	for (i = 0; i < ready; i++) {
		if (c->cleanup)
			c->cleanup(b[i]);
		bench_destroy(b[i]);
	}
	return err;
}
