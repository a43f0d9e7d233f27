// SPDX-License-Identifier: GPL-2.0
/*
 * A test module that misbehaves on demand: the harness has to notice each
 * mode= and give the right reason. Needs a kernel that runs the suites of a
 * module after its parameters are set (not 6.1).
 */

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/timer.h>

static char *mode = "good";
module_param(mode, charp, 0444);
MODULE_PARM_DESC(mode, "what goes wrong");

static bool mode_is(const char *name)
{
	return !strcmp(mode, name);
}

/*
 * The last pointer to each object is overwritten, and nobody has a copy. They are cleared:
 * a free object names the next free one, so that one stale pointer would find all.
 */
static noinline void badmod_leak(void)
{
	static void *lost;
	int i;

	for (i = 0; i < 8; i++)
		lost = kzalloc(600 + i, GFP_KERNEL);
	lost = NULL;
	OPTIMIZER_HIDE_VAR(lost);
}

static void badmod_hang(void)
{
	DECLARE_COMPLETION_ONSTACK(never);

	wait_for_completion_interruptible(&never);
}

static void badmod_loop(void)
{
	while (!kthread_should_stop())
		cond_resched();
}

static void badmod_spin(void *unused)
{
	unsigned long flags;

	local_irq_save(flags);
	for (;;)
		cpu_relax();
}

/* What each instrument of the debug profile is there to see. */
static noinline void badmod_stale(void)
{
	int *gone = kmalloc(64, GFP_KERNEL);

	kfree(gone);
	OPTIMIZER_HIDE_VAR(gone);
	if (gone)
		READ_ONCE(*gone);
}

static void badmod_inversion(void)
{
	static DEFINE_SPINLOCK(one);
	static DEFINE_SPINLOCK(other);

	spin_lock(&one);
	spin_lock(&other);
	spin_unlock(&other);
	spin_unlock(&one);
	spin_lock(&other);
	spin_lock(&one);
	spin_unlock(&one);
	spin_unlock(&other);
}

static void badmod_sleep(void)
{
	preempt_disable();
	might_sleep();
	preempt_enable();
}

static void badmod_expire(struct timer_list *timer)
{
}

static void badmod_timer(void)
{
	struct timer_list *timer = kmalloc(sizeof(*timer), GFP_KERNEL);

	if (!timer)
		return;
	timer_setup(timer, badmod_expire, 0);
	mod_timer(timer, jiffies + 3600 * HZ);
	kfree(timer);
}

static void badmod_first(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 1, 1);
}

static void badmod_trouble(struct kunit *test)
{
	if (mode_is("fail"))
		KUNIT_EXPECT_EQ_MSG(test, 1, 2, "meant to fail");
	if (mode_is("warn"))
		WARN(1, "meant to warn\n");
	if (mode_is("oops"))
		WRITE_ONCE(*(int *)8, 1);
	if (mode_is("hang"))
		badmod_hang();
	if (mode_is("freeze"))
		on_each_cpu(badmod_spin, NULL, 0);
	if (mode_is("spin"))
		badmod_loop();
	if (mode_is("leak"))
		badmod_leak();
	if (mode_is("stale"))
		badmod_stale();
	if (mode_is("inversion"))
		badmod_inversion();
	if (mode_is("sleep"))
		badmod_sleep();
	if (mode_is("timer"))
		badmod_timer();
	if (mode_is("skip"))
		kunit_skip(test, "meant to be skipped");
	if (mode_is("splat"))
		pr_err("BUG: meant to be seen in the log\n");
	if (mode_is("taint"))
		add_taint(TAINT_BAD_PAGE, LOCKDEP_STILL_OK);
	if (mode_is("pinned"))
		__module_get(THIS_MODULE);
}

static const int badmod_numbers[] = { 1, 2, 3 };

static void badmod_describe(const int *number, char *text)
{
	snprintf(text, KUNIT_PARAM_DESC_SIZE, "number %d", *number);
}

KUNIT_ARRAY_PARAM(badmod_numbers, badmod_numbers, badmod_describe);

static void badmod_params(struct kunit *test)
{
	const int *number = test->param_value;

	KUNIT_EXPECT_GT(test, *number, 0);
	if (mode_is("failparam"))
		KUNIT_EXPECT_NE(test, *number, 2);
}

static struct kunit_case badmod_cases[] = {
	KUNIT_CASE(badmod_first),
	KUNIT_CASE(badmod_trouble),
	KUNIT_CASE_PARAM(badmod_params, badmod_numbers_gen_params),
	{}
};

static int badmod_suite_init(struct kunit_suite *suite)
{
	return mode_is("nosetup") ? -EIO : 0;
}

static struct kunit_suite badmod_suite = {
	.name = "badmod",
	.suite_init = badmod_suite_init,
	.test_cases = badmod_cases,
};

kunit_test_suite(badmod_suite);

/* A forged suite, so that its lines can be wrong: five planned, three come. */
static void badmod_forge(bool plan)
{
	int i;

	pr_info("KTAP version 1\n");
	pr_info("1..1\n");
	pr_info("    KTAP version 1\n");
	pr_info("    # Subtest: forged\n");
	if (plan)
		pr_info("    1..5\n");
	for (i = 1; i <= 3; i++)
		pr_info("    ok %d case%d\n", i, i);
	pr_info("# Totals: pass:3 fail:0 skip:0 total:3\n");
	pr_info("ok 1 forged\n");
}

static int __init badmod_init(void)
{
	if (mode_is("noload"))
		return -EINVAL;
	if (mode_is("short"))
		badmod_forge(true);
	if (mode_is("noplan"))
		badmod_forge(false);
	return 0;
}
module_init(badmod_init);

static void __exit badmod_exit(void)
{
}
module_exit(badmod_exit);

MODULE_DESCRIPTION("deliberately bad guest for the tests of the harness");
MODULE_LICENSE("GPL");
