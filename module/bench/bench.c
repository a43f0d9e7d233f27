// SPDX-License-Identifier: GPL-2.0
/*
 * io_target_bench: measures while it is being inserted, and reports to the kernel log.
 *
 *	insmod io_target_bench.ko disk=/dev/nullb0 cases=naive,async_batch depth=1,32
 *
 * It only reads, unless a case says otherwise. Nothing stays behind but the report,
 * so that it can be removed at once.
 */
#include "bench.h"

#include <linux/delay.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/utsname.h>

#define LIST_MAX	16

static char *disk;
module_param(disk, charp, 0444);
MODULE_PARM_DESC(disk, "block device to measure with");

static char *chardev;
module_param(chardev, charp, 0444);
MODULE_PARM_DESC(chardev, "char device to measure with");

static char *label = "";
module_param(label, charp, 0444);
MODULE_PARM_DESC(label, "what the report calls the device");

static char *cases = "";
module_param(cases, charp, 0444);
MODULE_PARM_DESC(cases, "names of cases or groups, with commas; all that fit the device");

static char *order = "random";
module_param(order, charp, 0444);
MODULE_PARM_DESC(order, "random or sequential");

static unsigned int size[LIST_MAX] = { SZ_4K };
static unsigned int nr_sizes = 1;
module_param_array(size, uint, &nr_sizes, 0444);
MODULE_PARM_DESC(size, "bytes of an I/O; several, with commas");

static unsigned int depth[LIST_MAX] = { 32 };
static unsigned int nr_depths = 1;
module_param_array(depth, uint, &nr_depths, 0444);
MODULE_PARM_DESC(depth, "I/Os at a time; several, with commas");

static unsigned int ios = 1024;
module_param(ios, uint, 0444);
MODULE_PARM_DESC(ios, "I/Os in a measurement");

static unsigned int repeats = 9;
module_param(repeats, uint, 0444);
MODULE_PARM_DESC(repeats, "measurements of each; the least and the median are told");

static unsigned int cpus;
module_param(cpus, uint, 0444);
MODULE_PARM_DESC(cpus, "see what so many CPUs do together, instead of what an I/O costs");

static unsigned int wait_ms;
module_param(wait_ms, uint, 0444);
MODULE_PARM_DESC(wait_ms, "how long to wait before the first one, for debugfs to be used");

static bool waits;
module_param(waits, bool, 0444);
MODULE_PARM_DESC(waits, "the device takes its time: do not count that (one CPU)");

static bool write;
module_param(write, bool, 0444);
MODULE_PARM_DESC(write, "OVERWRITE the device, in the cases that do");

static const struct bench_case * const all_cases[] = {
	bench_peers_bio,
	bench_peers_embedded,
#if IS_ENABLED(CONFIG_BLK_DEV_DM)
	bench_peers_dm,
#endif
	bench_ours_sync,
	bench_ours_async,
	bench_ours_prepared,
	bench_polled,
	bench_chardev,
	bench_provider,
	bench_pty,
};

/* Is @word one of the words of @list? */
static bool listed(const char *list, const char *word)
{
	size_t len = strlen(word);

	while (*list) {
		size_t n = strcspn(list, ",");

		if (n == len && !strncmp(list, word, n))
			return true;
		list += n + !!list[n];
	}
	return false;
}

static bool wanted(const struct bench_case *c)
{
	if (!!(c->flags & BENCH_CHAR) != !disk)
		return false;
	if (c->flags & BENCH_WRITE && !write)
		return false;
	if (!*cases)
		return !(c->flags & BENCH_POLL);
	return listed(cases, c->name) || listed(cases, c->group);
}

static int run_list(struct bench *b, const struct bench_case *list,
		    const struct bench_plan *plan, bool blocking)
{
	const struct bench_case *c;
	int err = 0;

	for (c = list; !err && c->name; c++)
		if (wanted(c) && !!(c->flags & BENCH_BLOCKING) == blocking)
			err = bench_measure(b, c, plan);
	return err;
}

static int run_cases(const struct bench_device *dev, const struct bench_plan *plan,
		     unsigned int bytes, unsigned int nr, bool blocking)
{
	struct bench *b = bench_create(dev, bytes, nr, plan->random);
	unsigned int i;
	int err = 0;

	if (IS_ERR(b))
		return PTR_ERR(b);
	for (i = 0; !err && i < ARRAY_SIZE(all_cases); i++)
		err = run_list(b, all_cases[i], plan, blocking);
	bench_destroy(b);
	return err;
}

/* Blocking cases have no depth: once for each size. */
static int run_sizes(const struct bench_device *dev, const struct bench_plan *plan)
{
	unsigned int i, j;
	int err = 0;

	for (i = 0; !err && i < nr_sizes; i++) {
		err = run_cases(dev, plan, size[i], 1, true);
		for (j = 0; !err && j < nr_depths; j++)
			err = run_cases(dev, plan, size[i], depth[j], false);
	}
	return err;
}

static int scale_list(const struct bench_device *dev, const struct bench_case *list)
{
	const struct bench_case *c;
	int err = 0;

	for (c = list; !err && c->name; c++)
		if (wanted(c))
			err = bench_scale(dev, c, size[0], depth[0], cpus, repeats);
	return err;
}

static int scale_cases(const struct bench_device *dev)
{
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < ARRAY_SIZE(all_cases); i++)
		err = scale_list(dev, all_cases[i]);
	return err;
}

static bool parameters_are_good(void)
{
	unsigned int i;

	if (!disk == !chardev || !ios || !repeats)
		return false;
	if (strcmp(order, "random") && strcmp(order, "sequential"))
		return false;
	for (i = 0; i < nr_sizes; i++)
		if (size[i] < SECTOR_SIZE || size[i] > SZ_1M || size[i] % SECTOR_SIZE)
			return false;
	for (i = 0; i < nr_depths; i++)
		if (!depth[i] || depth[i] > 1024)
			return false;
	return true;
}

static int __init bench_init(void)
{
	struct bench_plan plan = {
		.label = label,
		.ios = ios,
		.repeats = repeats,
		.random = !strcmp(order, "random"),
	};
	struct bench_device dev;
	int err;

	if (!parameters_are_good()) {
		pr_err("io_target_bench: bad parameters: one of disk and chardev, size 512 to 1048576, depth 1 to 1024, order random or sequential\n");
		return -EINVAL;
	}
	err = waits ? bench_idle_start() : 0;
	if (err)
		return err;
	err = bench_open(&dev, disk, chardev, write);
	if (err) {
		bench_idle_stop();
		pr_err("io_target_bench: cannot open %s: %d\n", disk ?: chardev, err);
		return err;
	}
	pr_info("io_target_bench: {\"kernel\":\"%s\",\"request_bytes\":%zu}\n",
		utsname()->release, sizeof(struct io_target_request));
	msleep(wait_ms);
	err = cpus ? scale_cases(&dev) : run_sizes(&dev, &plan);
	bench_close(&dev);
	bench_idle_stop();
	return err;
}

static void __exit bench_exit(void)
{
	/* Every measurement undoes what it has made. */
}

module_init(bench_init);
module_exit(bench_exit);
MODULE_DESCRIPTION("Benchmark of io_target and of what it is compared with");
MODULE_LICENSE("GPL");
