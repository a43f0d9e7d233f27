// SPDX-License-Identifier: GPL-2.0
/*
 * A process for a test: cases run in kernel threads, which have no memory of a user's. A
 * shell is started that writes to a parameter of this module, and the test's function is
 * called in that.
 */
#include <linux/kmod.h>
#include <linux/module.h>
#include <linux/mutex.h>

#include "testdev.h"

#define ERRAND	"echo 1 >/sys/module/io_target_testdev/parameters/errand"

/* One at a time: what the next one that writes is to do */
static struct {
	struct mutex	mutex;	/* one that has a process started */
	int		(*fn)(void *data);
	void		*data;
	int		result;
} errand = { .mutex = __MUTEX_INITIALIZER(errand.mutex) };

static int errand_set(const char *text, const struct kernel_param *param)
{
	if (!errand.fn)
		return -EINVAL;
	errand.result = errand.fn(errand.data);
	return 0;
}

static const struct kernel_param_ops errand_ops = { .set = errand_set };

module_param_cb(errand, &errand_ops, NULL, 0200);
MODULE_PARM_DESC(errand, "for the tests alone");

/*
 * Calls @fn in a process of its own, which has ended when this returns.
 * Return: of @fn. -ENOENT: there is no shell. -ECHILD: it has not called @fn.
 */
int testdev_in_process(int (*fn)(void *data), void *data)
{
	int err;

	guard(mutex)(&errand.mutex);
	errand.fn = fn;
	errand.data = data;
	errand.result = -ECHILD;
	err = call_usermodehelper("/bin/sh", (char *[]){ "/bin/sh", "-c", ERRAND, NULL },
				  (char *[]){ "PATH=/bin", NULL }, UMH_WAIT_PROC);
	errand.fn = NULL;
	return err < 0 ? err : errand.result;
}
EXPORT_SYMBOL_GPL(testdev_in_process);
