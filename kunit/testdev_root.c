// SPDX-License-Identifier: GPL-2.0
/*
 * Built in, the suites run before there is an init, and nobody has mounted what a guest of
 * the tests has: /dev for the test devices, /dev/pts, /tmp, and a fifo.
 */
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/init_syscalls.h>
#include <linux/printk.h>
#include <linux/stat.h>

static int __init mount_at(const char *dir, const char *type)
{
	int err = init_mkdir(dir, 0755);

	if (err && err != -EEXIST)
		return err;
	return init_mount(type, dir, type, 0, NULL);
}

static int __init testdev_root_init(void)
{
	int err = mount_at("/dev", "devtmpfs");

	err = err ?: mount_at("/dev/pts", "devpts");
	err = err ?: mount_at("/tmp", "tmpfs");
	err = err ?: mount_at("/run", "tmpfs");
	err = err ?: init_mknod("/run/io_target_fifo", S_IFIFO | 0600, 0);
	if (err)
		pr_warn("io_target_testdev: no file systems for the suites (%d)\n", err);
	return 0;
}

/* KUnit runs the suites after these. */
late_initcall(testdev_root_init);
