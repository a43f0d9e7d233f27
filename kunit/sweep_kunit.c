// SPDX-License-Identifier: GPL-2.0
/*
 * Allocation failures: the first allocation that a call makes fails, then the
 * second, and so on, until it makes no more. Each time the call succeeds or says
 * -ENOMEM, and all is as it was before. Leaks show at the end of the run.
 *
 * Once with the library's own injector, which knows the library's allocations
 * only, and once with the kernel's, which fails those of the kernel, too, that
 * the calling task makes.
 */
#include <linux/device.h>
#include <linux/slab.h>

#include "memory.h"
#include "steps.h"
#include "sweep.h"

#define MOST_SITES	1000

/* Who makes allocations fail. disarm returns how many more it would have taken. */
struct faults {
	void		(*arm)(unsigned int nth);
	unsigned int	(*disarm)(void);
	unsigned int	calls, sites, failed;
};

static void own_arm(unsigned int nth)
{
	iot_inject_fail_nth(nth);
}

static unsigned int own_disarm(void)
{
	unsigned int left = iot_inject_fail_left();

	iot_inject_fail_nth(0);
	return left;
}

static struct faults own_faults = { own_arm, own_disarm };

#ifdef CONFIG_FAULT_INJECTION
static void kernel_arm(unsigned int nth)
{
	current->fail_nth = nth;
}

static unsigned int kernel_disarm(void)
{
	unsigned int left = current->fail_nth;

	current->fail_nth = 0;
	return left;
}
#else
static void kernel_arm(unsigned int nth)
{
}

static unsigned int kernel_disarm(void)
{
	return 1;
}
#endif

static struct faults kernel_faults = { kernel_arm, kernel_disarm };

static void entry_desc(const struct sweep_call *e, char *desc)
{
	strscpy(desc, e->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(entry, sweep_calls, entry_desc);

/* Whatever the call before has done, the target is as @e wants to find it. */
static void sweep_prepare(struct kunit *test, struct sweep *s, const struct sweep_call *e)
{
	if (e->place != NO_TARGET && e->place != ON_FAKE && !s->own) {
		s->own = io_target_create(NULL);
		if (IS_ERR(s->own))
			s->own = NULL;
		KUNIT_ASSERT_NOT_NULL(test, s->own);
	}
	s->t = e->place == ON_FAKE ? s->fx->target : s->own;
	if (e->place == CLOSED)
		io_target_close(s->t);
	else if (s->t && io_target_state(s->t) == IO_TARGET_CLOSED)
		KUNIT_ASSERT_EQ(test, sweep_open(s, e->place), 0);
	if (s->t && e->place != CLOSED)
		KUNIT_ASSERT_EQ(test, io_target_start(s->t), 0);
	reinit_completion(&s->p->done);
	atomic_set(&s->p->ends, 0);
}

/* What the call has made goes; return what it came to. */
static ssize_t sweep_finish(struct kunit *test, struct sweep *s, const struct sweep_call *e,
			    ssize_t ret)
{
	if (e->async && !ret) {
		KUNIT_ASSERT_TRUE(test, probe_wait(s->p));
		ret = s->p->req.result;
	}
	KUNIT_EXPECT_EQ(test, io_target_request_free(&s->p->req), 0);
	io_target_request_free(s->req);
	s->req = NULL;
	if (!IS_ERR_OR_NULL(s->made)) {
		io_target_close(s->made);
		io_target_put(s->made);
	}
	s->made = NULL;
	return ret;
}

/*
 * After a failure the same target takes requests. That one which could not be
 * opened can be, the last round shows.
 */
static void expect_usable(struct kunit *test, struct sweep *s, const struct sweep_call *e)
{
	if (!s->t || e->place == CLOSED)
		return;
	sweep_prepare(test, s, e);
	KUNIT_EXPECT_EQ(test, sweep_read(s), SWEEP_LEN);
}

/* Here, not in init: exit may run in another kind of task, which cannot close them. */
static void sweep_files(struct kunit *test, struct sweep *s)
{
	struct file *file;

	file = device_filp_open(testdev_disk_path(device_disk[FINE]), O_RDWR);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	s->disk_file = file;
	file = device_filp_open(testdev_char_path(device_char[SEEK]), O_RDWR);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	s->char_file = file;
}

static void sweep(struct kunit *test, const struct sweep_call *e, struct faults *faults)
{
	struct fixture *fx = test->priv;
	struct sweep *s = fx->private;
	unsigned int n, failed = 0;

	sweep_files(test, s);
	for (n = 1; n <= MOST_SITES; n++) {
		unsigned int left;
		ssize_t ret;

		sweep_prepare(test, s, e);
		faults->arm(n);
		ret = e->call(s);
		left = faults->disarm();
		ret = sweep_finish(test, s, e, ret);
		if (left) {
			KUNIT_EXPECT_EQ(test, ret, e->good);
			break;
		}
		if (ret != e->good) {
			KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
			failed++;
		}
		expect_usable(test, s, e);
	}
	KUNIT_EXPECT_LE(test, n, MOST_SITES);
	kunit_info(test, "%s: %u sites, the call failed at %u of them", e->name, n - 1, failed);
	faults->calls++;
	faults->sites += n - 1;
	faults->failed += failed;
	device_filp_close(s->disk_file);
	device_filp_close(s->char_file);
	s->disk_file = NULL;
	s->char_file = NULL;
}

static void sweep_own(struct kunit *test)
{
	sweep(test, test->param_value, &own_faults);
}

static void sweep_kernel(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_FAULT_INJECTION))
		kunit_skip(test, "the kernel has no CONFIG_FAULT_INJECTION");
	memory_fail_check(test);
	sweep(test, test->param_value, &kernel_faults);
}

static void sweep_total(struct kunit *test)
{
	if (own_faults.calls + kernel_faults.calls == 0)
		kunit_skip(test, "nothing has been swept in this run");
	kunit_info(test, "the library's allocations: %u sites in %u calls, which failed at %u",
		   own_faults.sites, own_faults.calls, own_faults.failed);
	kunit_info(test, "all of the task's: %u sites in %u calls, which failed at %u",
		   kernel_faults.sites, kernel_faults.calls, kernel_faults.failed);
	KUNIT_EXPECT_GE(test, own_faults.sites, own_faults.failed);
	if (own_faults.calls == ARRAY_SIZE(sweep_calls))
		KUNIT_EXPECT_GT(test, own_faults.failed, 0u);
	if (kernel_faults.calls == ARRAY_SIZE(sweep_calls))
		KUNIT_EXPECT_GT(test, kernel_faults.sites, own_faults.sites);
}

static int sweep_init(struct kunit *test)
{
	struct sweep *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	int err = fixture_init(test);
	struct fixture *fx = test->priv;
	unsigned int i;

	if (err || !s)
		return err ?: -ENOMEM;
	s->fx = fx;
	s->p = probes_alloc(test, 1);
	s->buf = step_buf(test, SWEEP_LARGE);
	for (i = 0; i < SWEEP_PIECES; i++) {
		s->pieces[i].iov_base = s->buf + (SWEEP_PIECES - 1 - i) * PAGE_SIZE;
		s->pieces[i].iov_len = PAGE_SIZE;
	}
	fx->private = s;
	s->dev = __root_device_register("io_target_sweep", NULL);
	return PTR_ERR_OR_ZERO(s->dev);
}

static void sweep_exit(struct kunit *test)
{
	struct fixture *fx = test->priv;
	struct sweep *s = fx ? fx->private : NULL;

	own_disarm();
	kernel_disarm();
	if (s) {
		if (s->own)
			io_target_close(s->own);
		io_target_put(s->own);
		if (!IS_ERR_OR_NULL(s->dev))
			root_device_unregister(s->dev);
		if (s->disk_file)
			fput(s->disk_file);
		if (s->char_file)
			fput(s->char_file);
	}
	fixture_exit(test);
}

static int sweep_suite_init(struct kunit_suite *suite)
{
	int err = fake_suite_init(suite);

	return err ?: device_disks_init(suite) ?: device_chars_init(suite);
}

static void sweep_suite_exit(struct kunit_suite *suite)
{
	device_chars_exit(suite);
	device_disks_exit(suite);
	fake_suite_exit(suite);
}

static struct kunit_case sweep_cases[] = {
	KUNIT_CASE_PARAM(sweep_own, entry_gen_params),
	KUNIT_CASE_PARAM(sweep_kernel, entry_gen_params),
	KUNIT_CASE(sweep_total),
	{}
};

static struct kunit_suite sweep_suite = {
	.name = "io_target_sweep",
	.suite_init = sweep_suite_init,
	.suite_exit = sweep_suite_exit,
	.init = sweep_init,
	.exit = sweep_exit,
	.test_cases = sweep_cases,
};

kunit_test_suite(sweep_suite);
