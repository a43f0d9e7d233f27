// SPDX-License-Identifier: GPL-2.0
/*
 * io_target: what the module owns as a whole.
 *
 * Every target holds a reference on the module until its memory is gone, so
 * exit finds no target and no orphan. What it may still find is code that is
 * just returning into the module: a worker that has done the last put, an
 * end_io that has let close pass. Workers are waited for by destroying their
 * queues, end_io by a grace period of each kind of context it can run in.
 */
#include <linux/module.h>
#include <linux/rcupdate.h>

#include "stats.h"

struct workqueue_struct *iot_wq;
struct workqueue_struct *iot_releaser;

static int __init io_target_init(void)
{
	iot_wq = alloc_workqueue("io_target", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!iot_wq)
		return -ENOMEM;

	/* Not for reclaim: a driver's release may flush work that is not, either. */
	iot_releaser = alloc_workqueue("io_target_release", WQ_UNBOUND, 0);
	if (!iot_releaser)
		goto err_wq;
	iot_debugfs_init();
	return 0;

err_wq:
	destroy_workqueue(iot_wq);
	return -ENOMEM;
}

static void __exit io_target_exit(void)
{
	iot_debugfs_exit();
	iot_inject_forget();
	destroy_workqueue(iot_wq);
	destroy_workqueue(iot_releaser);
	synchronize_rcu();
	synchronize_rcu_tasks();
}

module_init(io_target_init);
module_exit(io_target_exit);

MODULE_AUTHOR("The io_target developers");
MODULE_DESCRIPTION("I/O targets: send requests to block and char devices from the kernel");
MODULE_LICENSE("GPL");
