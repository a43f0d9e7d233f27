// SPDX-License-Identifier: GPL-2.0
/*
 * Brings a target into a state, over any device, and sees what it does with
 * requests there. Transitions are in spec_move.c.
 */
#include <linux/iopoll.h>
#include <linux/slab.h>

#include "device.h"
#include "spec.h"

#define SHORTLY		(HZ / 50)
#define PATIENCE	(60 * HZ)

static void spec_event(struct io_target *target, enum io_target_event event, void *private)
{
	struct spec *s = private;

	atomic_inc(&s->fx.event[event]);
}

int spec_init(struct kunit *test, const struct spec_device *dev)
{
	struct spec *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	struct io_target_config config = {
		.name = test->name, .max_pended = SPEC_PENDED, .event = spec_event, .private = s,
	};

	if (!s)
		return -ENOMEM;
	s->dev = dev;
	s->opens = testdev_opens();
	if (dev == &spec_fake)
		fake_init(&s->fx.fake);
	s->fx.target = io_target_create(&config);
	if (IS_ERR(s->fx.target))
		return PTR_ERR(s->fx.target);
	test->priv = &s->fx;
	return dev->open(s);
}

/* Whatever a case left; what must hold after each of them is looked at here. */
void spec_exit(struct kunit *test)
{
	struct spec *s = test->priv;
	bool unused;

	if (!s)
		return;
	s->dev->let_go(s);
	io_target_close(s->fx.target);
	/* Threads of a case that was left by an assertion */
	flush_workqueue(fake_wq);
	KUNIT_EXPECT_EQ(test, fixture_submitted(&s->fx), fixture_completed(&s->fx));
	read_poll_timeout(s->dev->unused, unused, unused, 1000,
			  jiffies_to_usecs(PATIENCE), false, s);
	KUNIT_EXPECT_TRUE_MSG(test, unused, "the device is still open");
	io_target_put(s->fx.target);
	if (s->dev == &spec_fake)
		fake_exit(&s->fx.fake);
	else
		device_set_reset();
}

const char *spec_state_name(enum io_target_state state)
{
	static const char * const names[] = {
		[IO_TARGET_CLOSED]	= "closed",
		[IO_TARGET_STARTING]	= "starting",
		[IO_TARGET_STARTED]	= "started",
		[IO_TARGET_STOPPED]	= "stopped",
		[IO_TARGET_PURGED]	= "purged",
		[IO_TARGET_SUSPENDED]	= "suspended",
		[IO_TARGET_REMOVED]	= "removed",
	};

	return names[state];
}

/* A start that stays in the end_io of the first request that it sends */
static struct aside *enter_starting(struct kunit *test, struct probe *p, u8 *buf,
				    struct doorway *d)
{
	struct fixture *fx = test->priv;
	struct aside *a;

	KUNIT_EXPECT_EQ(test, io_target_stop(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
	step_submit(test, p, buf, SPEC_LEN, 0, 0);
	doorway_set(p, d);
	a = aside_start(test, aside_start_target, NULL);
	wait_for_completion(&d->entered);
	return a;
}

struct aside *spec_enter(struct kunit *test, enum io_target_state state, struct probe *p, u8 *buf,
			 struct doorway *d)
{
	struct fixture *fx = test->priv;
	struct aside *a = NULL;

	switch (state) {
	case IO_TARGET_CLOSED:
		KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
		break;
	case IO_TARGET_STARTING:
		a = enter_starting(test, p, buf, d);
		break;
	case IO_TARGET_STARTED:
		break;
	case IO_TARGET_STOPPED:
		KUNIT_EXPECT_EQ(test, io_target_stop(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
		break;
	case IO_TARGET_PURGED:
		KUNIT_EXPECT_EQ(test, io_target_purge(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
		break;
	case IO_TARGET_SUSPENDED:
		KUNIT_EXPECT_EQ(test, io_target_suspend(fx->target, PATIENCE), 0);
		break;
	case IO_TARGET_REMOVED:
		iot_target_removed(fx->target);
		break;
	}
	KUNIT_EXPECT_EQ(test, io_target_state(fx->target), state);
	return a;
}

const char * const spec_kind_names[SPEC_KINDS] = {
	[SPEC_PLAIN]		= "plain",
	[SPEC_NOWAIT]		= "NOWAIT",
	[SPEC_BLOCKING]		= "blocking",
	[SPEC_IGNORE]		= "IGNORE_STATE",
	[SPEC_IGNORE_NOWAIT]	= "IGNORE_STATE and NOWAIT",
	[SPEC_FULL]		= "full",
};

/* Ways to submit that make no difference to the answer */
enum variant {
	AS_IS,
	BOUNCE,
	TASK,
	ATOMIC,		/* blocking: by one of the one-line calls */
	FORGET,		/* not for blocking: from the pool, without end_io */
	VARIANTS,
};

static unsigned int variant_flags(enum spec_kind kind, enum variant v)
{
	unsigned int flags = 0;

	if (v == BOUNCE)
		flags |= IO_TARGET_BOUNCE;
	if (v == TASK)
		flags |= IO_TARGET_TASK;
	if (kind == SPEC_NOWAIT || kind == SPEC_IGNORE_NOWAIT)
		flags |= IO_TARGET_NOWAIT;
	if (kind == SPEC_IGNORE || kind == SPEC_IGNORE_NOWAIT)
		flags |= IO_TARGET_IGNORE_STATE;
	return flags;
}

static unsigned int nr_pended(struct fixture *fx)
{
	return READ_ONCE(fx->target->nr_pended);
}

/* One that pends is back when its time is up. */
static void admit_blocking(struct kunit *test, struct probe *p, enum variant v, u8 *buf,
			   int answer)
{
	long timeout = answer == SPEC_PENDS ? SHORTLY : PATIENCE;
	struct fixture *fx = test->priv;
	ssize_t expected = answer, ret;

	if (answer >= 0)
		expected = answer == SPEC_PENDS ? -ETIMEDOUT : SPEC_LEN;
	if (v == ATOMIC) {
		ret = io_target_write(fx->target, buf, SPEC_LEN, 0, timeout);
	} else {
		ret = io_target_submit_wait(&p->req, timeout);
		KUNIT_EXPECT_EQ(test, p->req.not_sent, answer == SPEC_PENDS);
	}
	KUNIT_EXPECT_EQ(test, ret, expected);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->ends), 0);
	KUNIT_EXPECT_EQ(test, io_target_request_free(&p->req), 0);
}

/* Nobody is told of its end, but it is counted. */
static void admit_forget(struct kunit *test, struct io_target_request *req, unsigned int pended,
			 int answer)
{
	struct fixture *fx = test->priv;
	u64 submitted = fixture_submitted(fx);
	int ret, err = min(answer, 0);

	ret = io_target_submit(req);
	KUNIT_EXPECT_EQ(test, ret, err);
	if (answer == SPEC_PENDS) {
		KUNIT_EXPECT_EQ(test, nr_pended(fx), pended + 1);
		KUNIT_EXPECT_EQ(test, io_target_cancel(req), 0);
	} else if (answer < 0) {
		KUNIT_EXPECT_EQ(test, io_target_request_free(req), 0);
		KUNIT_EXPECT_EQ(test, fixture_submitted(fx), submitted);
		return;
	}
	KUNIT_EXPECT_EQ(test, fixture_submitted(fx), submitted + 1);
	KUNIT_EXPECT_EQ(test, fixture_completed(fx), submitted + 1);
}

static void admit_async(struct kunit *test, struct probe *p, enum variant v, unsigned int pended,
			int answer)
{
	struct fixture *fx = test->priv;
	int ret = v == ATOMIC ? io_target_submit_atomic(&p->req) : io_target_submit(&p->req);
	int err = min(answer, 0);

	KUNIT_EXPECT_EQ(test, ret, err);
	if (answer == SPEC_SENT) {
		expect_end(test, p, SPEC_LEN, false);
	} else if (answer == SPEC_PENDS) {
		expect_outstanding(test, p);
		KUNIT_EXPECT_EQ(test, nr_pended(fx), pended + 1);
		KUNIT_EXPECT_EQ(test, io_target_cancel(&p->req), 0);
		expect_end(test, p, -ECANCELED, true);
	} else {
		KUNIT_EXPECT_FALSE(test, io_target_request_pending(&p->req));
		KUNIT_EXPECT_EQ(test, atomic_read(&p->ends), 0);
	}
	if (v == TASK && answer >= 0)
		KUNIT_EXPECT_EQ(test, p->context, FAKE_WORKER);
	KUNIT_EXPECT_EQ(test, io_target_request_free(&p->req), 0);
}

static bool pends(enum io_target_state state)
{
	return state == IO_TARGET_STARTING || state == IO_TARGET_STOPPED ||
	       state == IO_TARGET_SUSPENDED;
}

/**
 * struct admission - what a case of admission works with
 * @p: one for each variant that has an end_io
 * @fill: those that pend already
 * @first: what a start is sending
 * @forget: has none
 */
struct admission {
	struct probe			*p;
	struct probe			*fill;
	struct probe			*first;
	struct io_target_request	*forget;
};

/* Formatted while the target is open still */
static void admission_init(struct kunit *test, struct admission *a, enum spec_kind kind, u8 *buf)
{
	struct fixture *fx = test->priv;
	enum variant v;

	a->p = probes_alloc(test, FORGET);
	a->fill = probes_alloc(test, SPEC_PENDED);
	a->first = probes_alloc(test, 1);
	for (v = 0; v < FORGET; v++)
		probe_prep(test, &a->p[v], IO_TARGET_OP_WRITE, buf, SPEC_LEN, 0,
			   variant_flags(kind, v));
	a->forget = io_target_request_alloc(fx->target, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, a->forget);
	KUNIT_EXPECT_EQ(test, io_target_prep_write_buf(a->forget, buf, SPEC_LEN, 0,
						       variant_flags(kind, FORGET)), 0);
}

static unsigned int fill_up(struct kunit *test, struct admission *a, u8 *buf)
{
	struct fixture *fx = test->priv;
	unsigned int i;

	for (i = 0; i < SPEC_PENDED; i++)
		step_submit(test, &a->fill[i], buf, SPEC_LEN, 0, 0);
	KUNIT_EXPECT_EQ(test, nr_pended(fx), (unsigned int)SPEC_PENDED);
	return SPEC_PENDED;
}

static void admit_variants(struct kunit *test, struct admission *a, enum spec_kind kind, u8 *buf,
			   unsigned int pended, int answer)
{
	struct fixture *fx = test->priv;
	enum variant v;

	for (v = 0; v < VARIANTS; v++) {
		if (v != FORGET && kind == SPEC_BLOCKING)
			admit_blocking(test, &a->p[v], v, buf, answer);
		else if (v != FORGET)
			admit_async(test, &a->p[v], v, pended, answer);
		else if (kind != SPEC_BLOCKING)
			admit_forget(test, a->forget, pended, answer);
		else
			io_target_request_free(a->forget);
		KUNIT_EXPECT_EQ(test, nr_pended(fx), pended);
	}
}

void spec_admit(struct kunit *test, enum io_target_state state, enum spec_kind kind, int answer)
{
	u8 *buf = step_buf(test, SPEC_LEN);
	unsigned int before, sent = 0, pended = 0, i;
	struct doorway *d = doorway_alloc(test);
	struct spec *s = test->priv;
	struct admission a;
	struct aside *start;

	admission_init(test, &a, kind, buf);
	start = spec_enter(test, state, a.first, buf, d);
	if (kind == SPEC_FULL && pends(state))
		pended = fill_up(test, &a, buf);
	before = s->dev->seen(s);
	admit_variants(test, &a, kind, buf, pended, answer);
	if (answer == SPEC_SENT)
		sent = kind == SPEC_BLOCKING ? VARIANTS - 1 : VARIANTS;
	KUNIT_EXPECT_EQ(test, s->dev->seen(s) - before, sent);
	KUNIT_EXPECT_EQ(test, io_target_state(s->fx.target), state);
	for (i = 0; i < pended; i++)
		KUNIT_EXPECT_EQ(test, io_target_cancel(&a.fill[i].req), 0);
	if (start) {
		complete(&d->leave);
		KUNIT_EXPECT_EQ(test, aside_end(test, start), 0);
	}
}
