// SPDX-License-Identifier: GPL-2.0
/*
 * The clock, and what is said of it: one line of JSON in the kernel log for each
 * measurement. Where the machine counts instructions instead of time (QEMU with
 * -icount shift=0) a nanosecond is an instruction.
 */
#include "bench.h"

#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sort.h>

#define REPEATS_MAX	64U

/* Enough for caches, pools and the branch predictor to have seen the loop. */
#define WARM_ROUNDS	8

static int compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* A tenth of a nanosecond per I/O */
static u64 per_io(u64 ns, u64 ios)
{
	return div64_u64(ns * 10 + ios / 2, ios);
}

static void say(const struct bench *b, const struct bench_case *c,
		const struct bench_plan *plan, u64 ios, const u64 *ns, u64 wall)
{
	unsigned int n = min(plan->repeats, REPEATS_MAX);
	u64 least = per_io(ns[0], ios), median = per_io(ns[n / 2], ios);

	wall = per_io(wall, ios);

	pr_info("io_target_bench: {\"case\":\"%s\",\"group\":\"%s\",\"device\":\"%s\",\"order\":\"%s\",\"size\":%u,\"depth\":%u,\"ios\":%llu,\"repeats\":%u,\"min\":%llu.%llu,\"median\":%llu.%llu,\"wall\":%llu.%llu}\n",
		c->name, c->group, plan->label, plan->random ? "random" : "sequential",
		b->size, c->flags & BENCH_BLOCKING ? 1 : b->depth, ios, n,
		least / 10, least % 10, median / 10, median % 10, wall / 10, wall % 10);
}

static int timed(struct bench *b, const struct bench_case *c, unsigned int rounds,
		 u64 *busy, u64 *wall)
{
	u64 idle = bench_idle_ns();
	u64 start = ktime_get_ns();
	int err = c->run(b, rounds);

	*wall = ktime_get_ns() - start;
	idle = bench_idle_ns() - idle;
	*busy = *wall - min(idle, *wall);
	if (err)
		return err;
	return b->failed ? -EIO : 0;
}

static int measure(struct bench *b, const struct bench_case *c, const struct bench_plan *plan)
{
	unsigned int n = min(plan->repeats, REPEATS_MAX);
	unsigned int rounds = max(plan->ios / b->depth, 1U);
	u64 ns[REPEATS_MAX], wall, least = U64_MAX;
	unsigned int i;
	int err;

	err = timed(b, c, min(rounds, WARM_ROUNDS), &ns[0], &wall);
	for (i = 0; !err && i < n; i++) {
		cond_resched();
		err = timed(b, c, rounds, &ns[i], &wall);
		least = min(least, wall);
	}
	if (err)
		return err;
	sort(ns, n, sizeof(*ns), compare, NULL);
	say(b, c, plan, (u64)rounds * b->depth, ns, least);
	return 0;
}

/**
 * bench_measure - run one case and report what it costs
 * @b: what it works on
 * @c: the case
 * @plan: how often
 *
 * Return: 0, or a negative errno, which has been reported.
 */
int bench_measure(struct bench *b, const struct bench_case *c, const struct bench_plan *plan)
{
	int err = c->setup ? c->setup(b) : 0;

	b->failed = false;
	if (!err) {
		err = measure(b, c, plan);
		if (c->cleanup)
			c->cleanup(b);
	}
	if (err)
		pr_info("io_target_bench: {\"case\":\"%s\",\"device\":\"%s\",\"size\":%u,\"depth\":%u,\"errno\":%d}\n",
			c->name, plan->label, b->size, b->depth, err);
	return err;
}
