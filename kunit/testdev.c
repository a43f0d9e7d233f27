// SPDX-License-Identifier: GPL-2.0
/*
 * The module of the test devices, and what the disk and the char device share:
 * a way to run something in task, softirq or hardirq context.
 */
#include <linux/module.h>

#include "testdev.h"

/*
 * A parameter here and not of the suites: where those run before their own module's
 * parameters are read (6.1), this module has been loaded long since.
 */
static unsigned int race_scale = 1;
module_param(race_scale, uint, 0444);
MODULE_PARM_DESC(race_scale, "how many times as many rounds the races have (a stress run: 20)");

static struct workqueue_struct *testdev_wq;

unsigned int testdev_race_scale(void)
{
	return max(race_scale, 1u);
}
EXPORT_SYMBOL_GPL(testdev_race_scale);

static atomic_t opens, noio_opens;

int testdev_opens(void)
{
	return atomic_read(&opens);
}
EXPORT_SYMBOL_GPL(testdev_opens);

int testdev_noio_opens(void)
{
	return atomic_read(&noio_opens);
}
EXPORT_SYMBOL_GPL(testdev_noio_opens);

void testdev_opened(void)
{
	atomic_inc(&opens);
	if (current->flags & PF_MEMALLOC_NOIO)
		atomic_inc(&noio_opens);
}

void testdev_closed(void)
{
	atomic_dec(&opens);
}

int testdev_char_close(struct inode *inode, struct file *file)
{
	testdev_closed();
	return 0;
}

int testdev_refcount(struct module *mod)
{
#ifdef CONFIG_MODULES
	return mod ? module_refcount(mod) : 0;
#else
	return 0;
#endif
}
EXPORT_SYMBOL_GPL(testdev_refcount);

#if defined(MODULE) && defined(CONFIG_SYSFS)
/* Kernels before 6.2 run a suite before sysfs has its module; this one is there by then. */
struct module *testdev_library(void)
{
	struct kobject *kobj = kset_find_obj(THIS_MODULE->mkobj.kobj.kset, "io_target");
	struct module *mod = NULL;

	if (kobj)
		mod = container_of(kobj, struct module_kobject, kobj)->mod;
	kobject_put(kobj);
	return mod;
}
#else
struct module *testdev_library(void)
{
	return NULL;
}
#endif
EXPORT_SYMBOL_GPL(testdev_library);

static void runner_tasklet(struct tasklet_struct *tasklet)
{
	struct testdev_runner *r = container_of(tasklet, struct testdev_runner, tasklet);

	r->fn(r);
}

static void runner_irq(struct irq_work *irq)
{
	struct testdev_runner *r = container_of(irq, struct testdev_runner, irq);

	r->fn(r);
}

static void runner_work(struct work_struct *work)
{
	struct testdev_runner *r = container_of(work, struct testdev_runner, work);

	r->fn(r);
}

void testdev_runner_init(struct testdev_runner *r,
			 void (*fn)(struct testdev_runner *runner))
{
	r->fn = fn;
	tasklet_setup(&r->tasklet, runner_tasklet);
	/* As a handler: not where even spinlocks sleep. */
	r->irq = IRQ_WORK_INIT(runner_irq);
	INIT_WORK(&r->work, runner_work);
}
EXPORT_SYMBOL_GPL(testdev_runner_init);

/* Has the function called soon. Context: any. */
void testdev_runner_kick(struct testdev_runner *r, enum testdev_context context)
{
	switch (context) {
	case TESTDEV_TASK:
		queue_work(testdev_wq, &r->work);
		break;
	case TESTDEV_SOFTIRQ:
		tasklet_schedule(&r->tasklet);
		break;
	case TESTDEV_HARDIRQ:
		irq_work_queue(&r->irq);
		break;
	}
}
EXPORT_SYMBOL_GPL(testdev_runner_kick);

/* Waits for all calls that were asked for. */
void testdev_runner_sync(struct testdev_runner *r)
{
	flush_work(&r->work);
	tasklet_kill(&r->tasklet);
	irq_work_sync(&r->irq);
}
EXPORT_SYMBOL_GPL(testdev_runner_sync);

static int __init testdev_init(void)
{
	testdev_wq = alloc_workqueue("io_target_testdev", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return testdev_wq ? 0 : -ENOMEM;
}

static void __exit testdev_exit(void)
{
	destroy_workqueue(testdev_wq);
}

module_init(testdev_init);
module_exit(testdev_exit);

MODULE_AUTHOR("The io_target developers");
MODULE_DESCRIPTION("Devices that the tests of io_target run on");
MODULE_LICENSE("GPL");
