// SPDX-License-Identifier: GPL-2.0
/*
 * An accepted request ends exactly once, wherever, whenever and however the
 * device answers; and it can be used again for ever.
 */
#include <linux/cpumask.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>

#include "fixture.h"
#include "memory.h"
#include "pattern.h"

#define MANY	64
#define BLOCK	512
#define SEED	0x5eed

/* When the device answers */
enum when { AT_ONCE, LATE, LATEST_FIRST };

struct order_case {
	const char		*name;
	enum fake_context	context;
	enum when		when;
};

static const struct order_case orders[] = {
	{ "task, at once", FAKE_TASK, AT_ONCE },
	{ "task, late", FAKE_TASK, LATE },
	{ "task, out of order", FAKE_TASK, LATEST_FIRST },
	{ "softirq, at once", FAKE_SOFTIRQ, AT_ONCE },
	{ "softirq, late", FAKE_SOFTIRQ, LATE },
	{ "softirq, out of order", FAKE_SOFTIRQ, LATEST_FIRST },
	{ "hardirq, at once", FAKE_HARDIRQ, AT_ONCE },
	{ "hardirq, late", FAKE_HARDIRQ, LATE },
	{ "hardirq, out of order", FAKE_HARDIRQ, LATEST_FIRST },
	{ "worker, at once", FAKE_WORKER, AT_ONCE },
	{ "worker, late", FAKE_WORKER, LATE },
	{ "worker, out of order", FAKE_WORKER, LATEST_FIRST },
};

static void order_desc(const struct order_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(order, orders, order_desc);

/* Every second one a write; the reads are of what was on the device before. */
static void submit_many(struct kunit *test, struct probe *p, u8 *buf, bool atomic)
{
	unsigned int i;
	int err;

	for (i = 0; i < MANY; i++) {
		u8 *block = buf + i * BLOCK;
		bool write = i & 1;

		if (write)
			pattern_fill(block, BLOCK, i * BLOCK, SEED + 1);
		probe_prep(test, &p[i], write ? IO_TARGET_OP_WRITE : IO_TARGET_OP_READ, block,
			   BLOCK, i * BLOCK, 0);
		err = atomic ? io_target_submit_atomic(&p[i].req) : io_target_submit(&p[i].req);
		KUNIT_EXPECT_EQ(test, err, 0);
	}
}

static void expect_many(struct kunit *test, struct probe *p, const u8 *buf)
{
	const struct order_case *c = test->param_value;
	struct fixture *fx = test->priv;
	unsigned int i;

	for (i = 0; i < MANY; i++) {
		bool write = i & 1;

		KUNIT_ASSERT_TRUE(test, probe_wait(&p[i]));
		KUNIT_EXPECT_EQ(test, atomic_read(&p[i].ends), 1);
		KUNIT_EXPECT_EQ(test, p[i].req.result, BLOCK);
		KUNIT_EXPECT_TRUE(test, p[i].req.status == BLK_STS_OK);
		KUNIT_EXPECT_FALSE(test, p[i].req.not_sent);
		KUNIT_EXPECT_FALSE(test, io_target_request_pending(&p[i].req));
		KUNIT_EXPECT_EQ(test, p[i].number, c->when == LATEST_FIRST ? MANY - i : i + 1);
		KUNIT_EXPECT_EQ(test, pattern_match(write ? fx->fake.memory + i * BLOCK :
						    buf + i * BLOCK, BLOCK, i * BLOCK,
						    SEED + write), (size_t)BLOCK);
	}
	KUNIT_EXPECT_EQ(test, fx->fake.submits, MANY);
	KUNIT_EXPECT_EQ(test, fixture_submitted(fx), MANY);
}

static void run_many(struct kunit *test, bool atomic)
{
	const struct order_case *c = test->param_value;
	u8 *buf = kunit_kzalloc(test, MANY * BLOCK, GFP_KERNEL);
	struct probe *p = probes_alloc(test, MANY);
	struct fixture *fx = test->priv;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	pattern_fill(fx->fake.memory, MANY * BLOCK, 0, SEED);
	fx->fake.answer.context = c->context;
	fx->fake.park = c->when != AT_ONCE;
	submit_many(test, p, buf, atomic);
	if (c->when != AT_ONCE) {
		KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, MANY));
		for (i = 0; i < MANY; i++)
			KUNIT_EXPECT_TRUE(test, io_target_request_pending(&p[i].req));
		KUNIT_EXPECT_EQ(test, atomic_read(&fx->ended), 0);
		fake_answer_parked(&fx->fake, c->when == LATEST_FIRST);
	}
	expect_many(test, p, buf);
	for (i = 0; i < MANY; i++) {
		enum fake_context context = c->context;

		/* Inside submit, which the worker has called */
		if (atomic && c->when == AT_ONCE && context == FAKE_TASK)
			context = FAKE_WORKER;
		KUNIT_EXPECT_EQ(test, p[i].context, context);
	}
}

static void request_ends_once(struct kunit *test)
{
	run_many(test, false);
}

static void request_ends_once_atomic(struct kunit *test)
{
	run_many(test, true);
}

struct result_case {
	const char		*name;
	struct fake_answer	answer;
	ssize_t			result;
};

static const struct result_case results[] = {
	{ "all", { .context = FAKE_TASK }, BLOCK },
	{ "short", { .context = FAKE_SOFTIRQ, .most = 100 }, 100 },
	{ "one byte", { .context = FAKE_HARDIRQ, .most = 1 }, 1 },
	{ "EIO", { .context = FAKE_HARDIRQ, .error = -EIO, .status = BLK_STS_IOERR }, -EIO },
	{ "ENOSPC", { .context = FAKE_SOFTIRQ, .error = -ENOSPC, .status = BLK_STS_NOSPC },
	  -ENOSPC },
	{ "ENODEV, no status", { .context = FAKE_WORKER, .error = -ENODEV }, -ENODEV },
	{ "EIOCBQUEUED", { .context = FAKE_TASK, .error = -EIOCBQUEUED }, -EIOCBQUEUED },
};

static void result_desc(const struct result_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(result, results, result_desc);

/* What the device says is what end_io finds, and nothing of it is left later. */
static void request_result(struct kunit *test)
{
	const struct result_case *c = test->param_value;
	u8 *buf = kunit_kzalloc(test, BLOCK, GFP_KERNEL);
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	p->req.private = fx;
	fx->fake.answer = c->answer;
	probe_prep(test, p, IO_TARGET_OP_WRITE, buf, BLOCK, 0, IO_TARGET_FUA | IO_TARGET_NOWAIT);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), 0);
	KUNIT_ASSERT_TRUE(test, probe_wait(p));
	KUNIT_EXPECT_EQ(test, p->req.result, c->result);
	KUNIT_EXPECT_TRUE(test, p->req.status == c->answer.status);
	KUNIT_EXPECT_FALSE(test, p->req.not_sent);

	KUNIT_EXPECT_EQ(test, io_target_prep_read_buf(&p->req, buf, BLOCK, 0, 0), 0);
	KUNIT_EXPECT_PTR_EQ(test, p->req.end_io, NULL);
	KUNIT_EXPECT_EQ(test, p->req.result, 0);
	KUNIT_EXPECT_TRUE(test, p->req.status == BLK_STS_OK);
	KUNIT_EXPECT_PTR_EQ(test, p->req.private, (void *)fx);
	fx->fake.answer = (struct fake_answer){ .context = FAKE_TASK };
	p->req.end_io = probe_end_io;
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), 0);
	KUNIT_EXPECT_EQ(test, fx->fake.last.flags, 0u);
	KUNIT_EXPECT_EQ(test, p->req.result, BLOCK);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->ends), 2);
}

/*
 * The least depth of the stack that end_io has found, in the first half of the laps and in
 * the second: of a task's from its top, of an interrupt's per CPU from where all of them
 * begin. It is the least, because what an interrupt finds on the stack already is not ours.
 */
struct loop {
	struct probe	*probe;
	void		*buf;
	unsigned int	laps;
	unsigned int	most;
	int		err;
	unsigned long	task[2];
	unsigned long	irq[NR_CPUS][2];
};

static void note_depth(struct loop *loop)
{
	unsigned long here = (unsigned long)__builtin_frame_address(0);
	unsigned int half = loop->laps >= loop->most / 2;
	unsigned long *least = &loop->irq[raw_smp_processor_id()][half];
	unsigned long depth = -here;

	if (object_is_on_stack((void *)here)) {
		least = &loop->task[half];
		depth += (unsigned long)task_stack_page(current) + THREAD_SIZE;
	}
	*least = min(*least, depth);
}

static void loop_end_io(struct io_target_request *req)
{
	struct loop *loop = req->private;

	note_depth(loop);
	if (++loop->laps < loop->most) {
		loop->err = io_target_prep_read_buf(req, loop->buf, BLOCK, 0, 0);
		req->end_io = loop_end_io;
		loop->err = loop->err ?: io_target_submit_atomic(req);
		if (!loop->err)
			return;
	}
	complete(&loop->probe->done);
}

/* A half that was never there has ULONG_MAX. */
static unsigned long growth(const unsigned long least[2])
{
	return least[1] != ULONG_MAX && least[1] > least[0] ? least[1] - least[0] : 0;
}

static unsigned long loop_growth(struct loop *loop)
{
	unsigned long grown = growth(loop->task);
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		grown = max(grown, growth(loop->irq[cpu]));
	return grown;
}

struct lap_case {
	enum fake_context	context;
	unsigned int		laps;
};

static const struct lap_case laps[] = {
	{ FAKE_TASK, 10000 },
	{ FAKE_SOFTIRQ, 10000 },
	{ FAKE_HARDIRQ, 2000 },
	{ FAKE_WORKER, 2000 },
};

static void lap_desc(const struct lap_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s, %u times", fake_context_names[c->context],
		 c->laps);
}

KUNIT_ARRAY_PARAM(lap, laps, lap_desc);

/* An end_io may send its request again, for ever, on a stack that does not grow. */
static void request_resubmits(struct kunit *test)
{
	const struct lap_case *c = test->param_value;
	struct loop *loop = kunit_kzalloc(test, sizeof(*loop), GFP_KERNEL);
	struct fixture *fx = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, loop);
	loop->most = c->laps;
	loop->buf = kunit_kzalloc(test, BLOCK, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, loop->buf);
	loop->probe = probes_alloc(test, 1);
	memset(loop->task, 0xff, sizeof(loop->task));
	memset(loop->irq, 0xff, sizeof(loop->irq));
	fx->fake.answer.context = c->context;

	probe_prep(test, loop->probe, IO_TARGET_OP_READ, loop->buf, BLOCK, 0, 0);
	loop->probe->req.end_io = loop_end_io;
	loop->probe->req.private = loop;
	KUNIT_EXPECT_EQ(test, io_target_submit(&loop->probe->req), 0);
	KUNIT_ASSERT_TRUE(test, probe_wait(loop->probe));
	KUNIT_EXPECT_EQ(test, loop->err, 0);
	KUNIT_EXPECT_EQ(test, loop->laps, c->laps);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, c->laps);
	KUNIT_EXPECT_LT(test, loop_growth(loop), (unsigned long)THREAD_SIZE / 4);
	kunit_info(test, "the stack grew by %lu bytes", loop_growth(loop));
}

static void count_end_io(struct io_target_request *req)
{
	(*(unsigned int *)req->private)++;
}

/* One request, prepared and sent again and again, needs no memory. Covers A11. */
static void request_reused(struct kunit *test)
{
	const unsigned int rounds = 100000;
	u8 *buf = kunit_kzalloc(test, BLOCK, GFP_KERNEL);
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	unsigned int ended = 0, allocations, i;
	int err = 0;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	p->req.private = &ended;
	memory_count_begin(test);
	for (i = 0; i < rounds && !err; i++) {
		err = io_target_prep_rw_buf(&p->req, i & 1 ? IO_TARGET_OP_WRITE : IO_TARGET_OP_READ,
					    buf, BLOCK, 0, 0);
		p->req.end_io = count_end_io;
		err = err ?: io_target_submit(&p->req);
	}
	allocations = memory_count_end();
	KUNIT_EXPECT_EQ(test, err, 0);
	KUNIT_EXPECT_EQ(test, ended, rounds);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, rounds);
	KUNIT_EXPECT_EQ(test, allocations, 0u);
}

/* Zero bytes are a request like any other. Covers F2. */
static void request_empty(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;

	probe_prep(test, p, IO_TARGET_OP_READ, NULL, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), 0);
	KUNIT_ASSERT_TRUE(test, probe_wait(p));
	KUNIT_EXPECT_EQ(test, p->req.result, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->ends), 1);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 1u);
}

/* reinit forgets everything but what is the caller's own. Covers A10. */
static void request_reinit(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, BLOCK, GFP_KERNEL);
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	p->req.private = fx;
	fx->fake.answer = (struct fake_answer){ .error = -EIO, .status = BLK_STS_IOERR };
	probe_prep(test, p, IO_TARGET_OP_WRITE, buf, BLOCK, 0, 0);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), 0);
	KUNIT_EXPECT_EQ(test, p->req.result, -EIO);
	KUNIT_EXPECT_EQ(test, io_target_request_reinit(&p->req), 0);
	KUNIT_EXPECT_EQ(test, p->req.result, 0);
	KUNIT_EXPECT_TRUE(test, p->req.status == BLK_STS_OK);
	KUNIT_EXPECT_PTR_EQ(test, p->req.end_io, NULL);
	KUNIT_EXPECT_PTR_EQ(test, p->req.private, (void *)fx);
	p->req.end_io = probe_end_io;
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), -EINVAL);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 1u);
}

static struct kunit_case request_cases[] = {
	KUNIT_CASE_PARAM(request_ends_once, order_gen_params),
	KUNIT_CASE_PARAM(request_ends_once_atomic, order_gen_params),
	KUNIT_CASE_PARAM(request_result, result_gen_params),
	KUNIT_CASE_PARAM(request_resubmits, lap_gen_params),
	KUNIT_CASE(request_reused),
	KUNIT_CASE(request_empty),
	KUNIT_CASE(request_reinit),
	{}
};

static struct kunit_suite request_suite = {
	.name = "io_target_request",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = request_cases,
};

kunit_test_suite(request_suite);
