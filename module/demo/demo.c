// SPDX-License-Identifier: GPL-2.0
/*
 * io_target_demo: opens the devices named by its parameters, sends I/O to them
 * while it is being inserted, and reports to the kernel log.
 *
 *	insmod io_target_demo.ko disk=/dev/vda
 *
 * The work is done in the task of insmod, whose view of the file system is the
 * one in which the paths mean something.
 */
#include "demo.h"

#include <linux/module.h>

static char *disk;
module_param(disk, charp, 0444);
MODULE_PARM_DESC(disk, "block device to read as a whole, at several depths");

static char *scratch;
module_param(scratch, charp, 0444);
MODULE_PARM_DESC(scratch, "block device to OVERWRITE and read back");

static char *file;
module_param(file, charp, 0444);
MODULE_PARM_DESC(file, "regular file to read");

static char *zero;
module_param(zero, charp, 0444);
MODULE_PARM_DESC(zero, "char device that gives zeroes");

static char *random;
module_param(random, charp, 0444);
MODULE_PARM_DESC(random, "char device that gives noise");

static char *echo;
module_param(echo, charp, 0444);
MODULE_PARM_DESC(echo, "char device that gives back what is written to it");

static char *listen;
module_param(listen, charp, 0444);
MODULE_PARM_DESC(listen, "the same, listened to by a stream");

static bool provider;
module_param(provider, bool, 0444);
MODULE_PARM_DESC(provider, "ask io_target_sum for something, and keep it open");
static struct io_target *provider_kept;

static char *mistakes;
module_param(mistakes, charp, 0444);
MODULE_PARM_DESC(mistakes, "mounted block device to make mistakes with");

static char *directory;
module_param(directory, charp, 0444);
MODULE_PARM_DESC(directory, "directory, for one of the mistakes");

static int probe_set(const char *text, const struct kernel_param *param)
{
	return demo_probe(text);
}

static const struct kernel_param_ops probe_ops = { .set = probe_set };

module_param_cb(probe, &probe_ops, NULL, 0200);
MODULE_PARM_DESC(probe,
		 "device to try: PATH or fd=N, read, write=TEXT, ioctl=HEX[:BYTES], user, patient, at=POS");

static int chapters(void)
{
	int err = 0;

	if (disk)
		err = demo_disk(disk);
	if (!err && scratch)
		err = demo_scratch(scratch);
	if (!err && file)
		err = demo_file(file);
	if (!err && zero)
		err = demo_zero(zero);
	if (!err && random)
		err = demo_random(random);
	if (!err && echo)
		err = demo_echo(echo);
	if (!err && listen)
		err = demo_listen(listen);
	if (!err && provider)
		err = demo_provider(&provider_kept);
	if (!err && mistakes && directory)
		err = demo_mistakes(mistakes, directory);
	return err;
}

/* The other chapters close what they open. */
static void let_go(void)
{
	if (provider_kept)
		demo_close(provider_kept);
}

static int __init demo_init(void)
{
	int err = chapters();

	if (err)
		let_go();
	return err;
}

static void __exit demo_exit(void)
{
	let_go();
}

module_init(demo_init);
module_exit(demo_exit);
MODULE_DESCRIPTION("Demonstration of io_target");
MODULE_LICENSE("GPL");
