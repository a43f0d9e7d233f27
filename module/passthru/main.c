// SPDX-License-Identifier: GPL-2.0
/*
 * The module, and the one device that its parameters make.
 */
#include <linux/module.h>

#include "chardev.h"
#include "passthru.h"

static char *path;
module_param(path, charp, 0444);
MODULE_PARM_DESC(path, "make a device at once, that forwards to this one");

static char *name = "0";
module_param(name, charp, 0444);
MODULE_PARM_DESC(name, "what it is called: /dev/iot-<name> (0)");

static bool readonly;
module_param(readonly, bool, 0444);
MODULE_PARM_DESC(readonly, "nothing may be written through it (no)");

static struct pt_device *first;

static int __init make_first(void)
{
	struct pt_device *pt = pt_config_add(name);
	int err;

	if (IS_ERR(pt))
		return PTR_ERR(pt);
	scoped_guard(mutex, &pt->lock) {
		pt->set.readonly = readonly;
		pt->set.path = kstrdup(path, GFP_KERNEL);
		err = pt->set.path ? pt_device_enable(pt) : -ENOMEM;
	}
	if (err)
		pt_config_remove(pt);
	else
		first = pt;
	return err;
}

static int __init pt_init(void)
{
	int err;

	err = pt_chardev_init();
	if (err)
		return err;
	err = pt_config_init();
	if (err)
		goto err_chardev;
	if (path) {
		err = make_first();
		if (err)
			goto err_config;
	}
	return 0;

err_config:
	pt_config_exit();
err_chardev:
	pt_chardev_exit();
	return err;
}

static void __exit pt_exit(void)
{
	if (first) {
		scoped_guard(mutex, &first->lock)
			pt_device_disable(first);
		pt_config_remove(first);
	}
	pt_config_exit();
	pt_chardev_exit();
}

module_init(pt_init);
module_exit(pt_exit);
MODULE_AUTHOR("The io_target developers");
MODULE_DESCRIPTION("Block and char devices that forward to I/O targets");
MODULE_LICENSE("GPL");
