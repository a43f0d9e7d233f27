// SPDX-License-Identifier: GPL-2.0
/*
 * io_target: what the module owns as a whole.
 *
 * Every target holds a reference on the module until the last put of a closed one, so
 * exit finds no open target and no orphan. What it may still find is a worker that frees
 * a target, or has just put it, and an end_io that has let close pass and is about to
 * return into the module. Workers are waited for by destroying their queues, before
 * anything that a target gives back is taken down; end_io by a grace period of each kind
 * of context it can run in. Who puts a target from elsewhere is a module that uses this
 * one, and is unloaded first.
 */
#include <linux/module.h>
#include <linux/rcupdate.h>

#include "stats.h"

struct workqueue_struct *iot_wq;
struct workqueue_struct *iot_recovery;
struct workqueue_struct *iot_releaser;
struct workqueue_struct *iot_stream_wq;

static int __init io_target_init(void)
{
	int err = -ENOMEM;

	iot_wq = alloc_workqueue("io_target", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!iot_wq)
		return -ENOMEM;

	/* It has a rescuer of its own: that of io_target sends what is waited for here. */
	iot_recovery = alloc_workqueue("io_target_recovery", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!iot_recovery)
		goto err_wq;

	/* Not for reclaim: a driver's release may flush work that is not, either. */
	iot_releaser = alloc_workqueue("io_target_release", WQ_UNBOUND, 0);
	if (!iot_releaser)
		goto err_recovery;

	/* Nor for that: consumers flush what they like, and wait for the other two. */
	iot_stream_wq = alloc_workqueue("io_target_stream", WQ_UNBOUND, 0);
	if (!iot_stream_wq)
		goto err_releaser;
	err = iot_forward_load();
	if (err)
		goto err_stream_wq;
	iot_debugfs_init();
	return 0;

err_stream_wq:
	destroy_workqueue(iot_stream_wq);
err_releaser:
	destroy_workqueue(iot_releaser);
err_recovery:
	destroy_workqueue(iot_recovery);
err_wq:
	destroy_workqueue(iot_wq);
	return err;
}

static void __exit io_target_exit(void)
{
	destroy_workqueue(iot_stream_wq);
	destroy_workqueue(iot_recovery);
	destroy_workqueue(iot_wq);
	destroy_workqueue(iot_releaser);
	iot_forward_unload();
	iot_debugfs_exit();
	iot_inject_forget();
	synchronize_rcu();
	synchronize_rcu_tasks();
}

module_init(io_target_init);
module_exit(io_target_exit);

MODULE_AUTHOR("The io_target developers");
MODULE_DESCRIPTION("I/O targets: send requests to block and char devices from the kernel");
MODULE_LICENSE("GPL");
