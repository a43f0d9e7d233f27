// SPDX-License-Identifier: GPL-2.0
/*
 * The fault injector: allocations of the library that fail, by a rule of the target that
 * they are for, or since a task has asked for that.
 */
#include <linux/mutex.h>
#include <linux/pid.h>

#include "internal.h"

/*
 * The one task whose nth allocation is to fail; others' do not. The reference on
 * its pid keeps that from meaning another task.
 */
static DEFINE_MUTEX(fail_mutex);	/* who arms and disarms */
static DEFINE_SPINLOCK(fail_lock);	/* the two, irqsave */
static struct pid *fail_pid;
static unsigned int fail_left;

static bool alloc_fails_for_task(void)
{
	if (!in_task() || READ_ONCE(fail_pid) != task_pid(current))
		return false;
	guard(spinlock_irqsave)(&fail_lock);
	return fail_pid == task_pid(current) && fail_left && !--fail_left;
}

static bool alloc_fails_for_target(struct iot_inject *in)
{
	struct iot_rule *rule;

	guard(spinlock_irqsave)(&in->lock);
	list_for_each_entry(rule, &in->rules, node)
		if (rule->action == IOT_RULE_ALLOC && iot_rule_fires(rule))
			return true;
	return false;
}

/* Context: any. */
bool __iot_inject_alloc(struct io_target *t)
{
	return alloc_fails_for_task() || (t && alloc_fails_for_target(&t->inject));
}

static bool fail_busy(void)
{
	guard(rcu)();
	return fail_pid && fail_pid != task_pid(current) && READ_ONCE(fail_left) &&
	       pid_task(fail_pid, PIDTYPE_PID);
}

static void fail_arm(unsigned int nth)
{
	struct pid *old, *pid = nth ? get_task_pid(current, PIDTYPE_PID) : NULL;

	lockdep_assert_held(&fail_mutex);
	if (pid)
		static_branch_inc(&iot_inject_key);
	scoped_guard(spinlock_irqsave, &fail_lock) {
		old = fail_pid;
		WRITE_ONCE(fail_pid, pid);
		WRITE_ONCE(fail_left, nth);
	}
	if (old)
		static_branch_dec(&iot_inject_key);
	put_pid(old);
}

/*
 * The calling task's nth allocation from now on fails, none if @nth is 0. It is
 * for one task at a time.
 * Context: process. Return: 0, or -EBUSY while it is armed for another task.
 */
int iot_inject_fail_nth(unsigned int nth)
{
	guard(mutex)(&fail_mutex);
	if (fail_busy())
		return -EBUSY;
	fail_arm(nth);
	return 0;
}

IOT_EXPORT_FOR_TESTS(iot_inject_fail_nth);

/* 0: it has failed, or nothing is armed. */
unsigned int iot_inject_fail_left(void)
{
	return READ_ONCE(fail_left);
}

IOT_EXPORT_FOR_TESTS(iot_inject_fail_left);

/* The module goes; whoever has armed something may still be there. */
void iot_inject_forget(void)
{
	guard(mutex)(&fail_mutex);
	fail_arm(0);
}
