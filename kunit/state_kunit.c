// SPDX-License-Identifier: GPL-2.0
/*
 * The states of a target: what each does with a request, what each transition
 * does with those that are there. Two tables are the specification.
 */
#include <linux/slab.h>

#include "steps.h"

#define LEN	512
#define MANY	20
#define SHORTLY	(HZ / 20)

enum how { PLAIN, NOWAIT, BLOCKING, IGNORE };

/* Beside an errno */
enum { SENT = 0, PENDS = 1 };

static const struct admission {
	const char		*name;
	enum io_target_state	state;
	enum how		how;
	int			answer;
} admissions[] = {
	{ "closed, plain", IO_TARGET_CLOSED, PLAIN, -ENODEV },
	{ "closed, NOWAIT", IO_TARGET_CLOSED, NOWAIT, -ENODEV },
	{ "closed, blocking", IO_TARGET_CLOSED, BLOCKING, -ENODEV },
	{ "closed, IGNORE_STATE", IO_TARGET_CLOSED, IGNORE, -ENODEV },
	{ "starting, plain", IO_TARGET_STARTING, PLAIN, PENDS },
	{ "starting, NOWAIT", IO_TARGET_STARTING, NOWAIT, -EAGAIN },
	{ "starting, blocking", IO_TARGET_STARTING, BLOCKING, PENDS },
	{ "starting, IGNORE_STATE", IO_TARGET_STARTING, IGNORE, SENT },
	{ "started, plain", IO_TARGET_STARTED, PLAIN, SENT },
	{ "started, NOWAIT", IO_TARGET_STARTED, NOWAIT, SENT },
	{ "started, blocking", IO_TARGET_STARTED, BLOCKING, SENT },
	{ "started, IGNORE_STATE", IO_TARGET_STARTED, IGNORE, SENT },
	{ "stopped, plain", IO_TARGET_STOPPED, PLAIN, PENDS },
	{ "stopped, NOWAIT", IO_TARGET_STOPPED, NOWAIT, -EAGAIN },
	{ "stopped, blocking", IO_TARGET_STOPPED, BLOCKING, PENDS },
	{ "stopped, IGNORE_STATE", IO_TARGET_STOPPED, IGNORE, SENT },
	{ "purged, plain", IO_TARGET_PURGED, PLAIN, -ESHUTDOWN },
	{ "purged, NOWAIT", IO_TARGET_PURGED, NOWAIT, -ESHUTDOWN },
	{ "purged, blocking", IO_TARGET_PURGED, BLOCKING, -ESHUTDOWN },
	{ "purged, IGNORE_STATE", IO_TARGET_PURGED, IGNORE, SENT },
};

static void admission_desc(const struct admission *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(admission, admissions, admission_desc);

/* Plain, BOUNCE, each submitted here and by a worker */
#define VARIANTS	4

static unsigned int variant_flags(enum how how, unsigned int variant)
{
	unsigned int flags = variant & 1 ? IO_TARGET_BOUNCE : 0;

	if (how == NOWAIT)
		return flags | IO_TARGET_NOWAIT;
	return how == IGNORE ? flags | IO_TARGET_IGNORE_STATE : flags;
}

/* STARTING lasts until @d lets the returned thread go on. */
static struct aside *enter_state(struct kunit *test, enum io_target_state state,
				 struct probe *p, u8 *buf, struct doorway *d)
{
	struct fixture *fx = test->priv;
	struct aside *a = NULL;

	if (state == IO_TARGET_CLOSED)
		io_target_close(fx->target);
	else if (state == IO_TARGET_STARTING)
		a = step_starting(test, p, buf, LEN, d);
	else if (state == IO_TARGET_STOPPED)
		KUNIT_EXPECT_EQ(test, io_target_stop(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
	else if (state == IO_TARGET_PURGED)
		KUNIT_EXPECT_EQ(test, io_target_purge(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
	KUNIT_EXPECT_EQ(test, io_target_state(fx->target), state);
	fx->fake.park = false;
	return a;
}

/* A blocking call that pends is back when its time is up. */
static void admit_blocking(struct kunit *test, struct probe *p, int answer)
{
	ssize_t ret = io_target_submit_wait(&p->req, answer == PENDS ? SHORTLY : 60 * HZ);

	if (answer < 0) {
		KUNIT_EXPECT_EQ(test, ret, answer);
	} else {
		KUNIT_EXPECT_EQ(test, ret, answer == PENDS ? -ETIMEDOUT : LEN);
		KUNIT_EXPECT_EQ(test, p->req.not_sent, answer == PENDS);
	}
	KUNIT_EXPECT_EQ(test, io_target_request_free(&p->req), 0);
}

static void admit(struct kunit *test, struct probe *p, bool atomic, int answer)
{
	struct fixture *fx = test->priv;
	int ret = atomic ? io_target_submit_atomic(&p->req) : io_target_submit(&p->req);

	KUNIT_EXPECT_EQ(test, ret, min(answer, 0));
	if (answer == SENT) {
		expect_end(test, p, LEN, false);
	} else if (answer == PENDS) {
		expect_outstanding(test, p);
		KUNIT_EXPECT_EQ(test, fx->target->nr_pended, 1u);
		KUNIT_EXPECT_EQ(test, io_target_cancel(&p->req), 0);
		expect_end(test, p, -ECANCELED, true);
	} else {
		KUNIT_EXPECT_FALSE(test, io_target_request_pending(&p->req));
		KUNIT_EXPECT_EQ(test, atomic_read(&p->ends), 0);
	}
	KUNIT_EXPECT_EQ(test, io_target_request_free(&p->req), 0);
}

/* Covers A1, S1, S2, S6. */
static void state_admits(struct kunit *test)
{
	const struct admission *c = test->param_value;
	struct probe *p = probes_alloc(test, VARIANTS + 1);
	struct doorway *d = doorway_alloc(test);
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;
	unsigned int i, before, sent;
	struct aside *start;

	for (i = 0; i < VARIANTS; i++)
		probe_prep(test, &p[i], IO_TARGET_OP_WRITE, buf, LEN, 0, variant_flags(c->how, i));
	start = enter_state(test, c->state, &p[VARIANTS], buf, d);
	before = fx->fake.submits;
	for (i = 0; i < VARIANTS; i++) {
		if (c->how == BLOCKING)
			admit_blocking(test, &p[i], c->answer);
		else
			admit(test, &p[i], i & 2, c->answer);
		KUNIT_EXPECT_EQ(test, fx->target->nr_pended, 0u);
	}
	sent = fx->fake.submits - before;
	KUNIT_EXPECT_EQ(test, sent, c->answer == SENT ? VARIANTS : 0u);
	KUNIT_EXPECT_EQ(test, io_target_state(fx->target), c->state);
	if (start) {
		complete(&d->leave);
		KUNIT_EXPECT_EQ(test, aside_end(test, start), 0);
	}
}

enum verb { START, STOP, PURGE, CLOSE, DRAIN };

static ssize_t do_verb(struct io_target *t, enum verb verb, enum io_target_sent_action action,
		       long timeout)
{
	switch (verb) {
	case START:
		return io_target_start(t);
	case STOP:
		return io_target_stop(t, action, timeout);
	case PURGE:
		return io_target_purge(t, action, timeout);
	case DRAIN:
		return io_target_drain(t, timeout);
	default:
		return io_target_close(t);
	}
}

static const struct step_case {
	const char		*name;
	enum io_target_state	from;
	enum verb		verb;
	int			ret;
	enum io_target_state	to;
	int			events;
} steps[] = {
	{ "closed, start", IO_TARGET_CLOSED, START, -ENODEV, IO_TARGET_CLOSED, 0 },
	{ "closed, stop", IO_TARGET_CLOSED, STOP, -ENODEV, IO_TARGET_CLOSED, 0 },
	{ "closed, purge", IO_TARGET_CLOSED, PURGE, -ENODEV, IO_TARGET_CLOSED, 0 },
	{ "closed, drain", IO_TARGET_CLOSED, DRAIN, -ENODEV, IO_TARGET_CLOSED, 0 },
	{ "closed, close", IO_TARGET_CLOSED, CLOSE, 0, IO_TARGET_CLOSED, 0 },
	{ "started, start", IO_TARGET_STARTED, START, 0, IO_TARGET_STARTED, 0 },
	{ "started, stop", IO_TARGET_STARTED, STOP, 0, IO_TARGET_STOPPED, 1 },
	{ "started, purge", IO_TARGET_STARTED, PURGE, 0, IO_TARGET_PURGED, 1 },
	{ "started, drain", IO_TARGET_STARTED, DRAIN, 0, IO_TARGET_STARTED, 2 },
	{ "started, close", IO_TARGET_STARTED, CLOSE, 0, IO_TARGET_CLOSED, 1 },
	{ "stopped, start", IO_TARGET_STOPPED, START, 0, IO_TARGET_STARTED, 1 },
	{ "stopped, stop", IO_TARGET_STOPPED, STOP, 0, IO_TARGET_STOPPED, 0 },
	{ "stopped, purge", IO_TARGET_STOPPED, PURGE, 0, IO_TARGET_PURGED, 1 },
	{ "stopped, drain", IO_TARGET_STOPPED, DRAIN, 0, IO_TARGET_STARTED, 1 },
	{ "stopped, close", IO_TARGET_STOPPED, CLOSE, 0, IO_TARGET_CLOSED, 1 },
	{ "purged, start", IO_TARGET_PURGED, START, 0, IO_TARGET_STARTED, 1 },
	{ "purged, stop", IO_TARGET_PURGED, STOP, 0, IO_TARGET_STOPPED, 1 },
	{ "purged, purge", IO_TARGET_PURGED, PURGE, 0, IO_TARGET_PURGED, 0 },
	{ "purged, drain", IO_TARGET_PURGED, DRAIN, 0, IO_TARGET_STARTED, 2 },
	{ "purged, close", IO_TARGET_PURGED, CLOSE, 0, IO_TARGET_CLOSED, 1 },
};

static void step_desc(const struct step_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(step, steps, step_desc);

/* From everywhere to everywhere. What is told is the state at that time. Covers S9. */
static void state_steps(struct kunit *test)
{
	const struct step_case *c = test->param_value;
	enum io_target_sent_action action;
	struct fixture *fx = test->priv;
	int before;

	for (action = IO_TARGET_LEAVE_SENT; action <= IO_TARGET_CANCEL_SENT; action++) {
		enter_state(test, c->from, NULL, NULL, NULL);
		before = step_events(fx, IO_TARGET_EVENT_STATE);
		KUNIT_EXPECT_EQ(test, do_verb(fx->target, c->verb, action, 60 * HZ), c->ret);
		KUNIT_EXPECT_EQ(test, io_target_state(fx->target), c->to);
		KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_STATE) - before, c->events);
		if (c->events) {
			int last = atomic_read(&fx->logged) - 1;

			KUNIT_ASSERT_LT(test, last, FIXTURE_EVENTS);
			KUNIT_EXPECT_EQ(test, fx->log[last].state, c->to);
		}
		fixture_reopen(test, FIXTURE_RW);
		KUNIT_EXPECT_EQ(test, io_target_state(fx->target), IO_TARGET_STARTED);
		atomic_set(&fx->logged, 0);
	}
}

static const struct bad {
	const char	*name;
	enum verb	verb;
	int		action;
	long		timeout;
} bads[] = {
	{ "stop, action 3", STOP, IO_TARGET_CANCEL_SENT + 1, HZ },
	{ "stop, action -1", STOP, -1, HZ },
	{ "stop WAIT, timeout 0", STOP, IO_TARGET_WAIT_SENT, 0 },
	{ "stop WAIT, timeout -1", STOP, IO_TARGET_WAIT_SENT, -1 },
	{ "stop CANCEL, timeout 0", STOP, IO_TARGET_CANCEL_SENT, 0 },
	{ "purge, action 3", PURGE, IO_TARGET_CANCEL_SENT + 1, HZ },
	{ "purge, action -1", PURGE, -1, HZ },
	{ "purge WAIT, timeout 0", PURGE, IO_TARGET_WAIT_SENT, 0 },
	{ "purge CANCEL, timeout min", PURGE, IO_TARGET_CANCEL_SENT, LONG_MIN },
	{ "drain, timeout 0", DRAIN, 0, 0 },
	{ "drain, timeout -1", DRAIN, 0, -1 },
};

static void bad_desc(const struct bad *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(bad, bads, bad_desc);

static const enum io_target_state open_states[] = {
	IO_TARGET_STARTED, IO_TARGET_STOPPED, IO_TARGET_PURGED,
};

/* Covers S14. */
static void state_refuses(struct kunit *test)
{
	const struct bad *c = test->param_value;
	struct fixture *fx = test->priv;
	unsigned int i;
	int before;

	for (i = 0; i < ARRAY_SIZE(open_states); i++) {
		enter_state(test, open_states[i], NULL, NULL, NULL);
		before = step_events(fx, IO_TARGET_EVENT_STATE);
		KUNIT_EXPECT_EQ(test, do_verb(fx->target, c->verb, c->action, c->timeout), -EINVAL);
		KUNIT_EXPECT_EQ(test, io_target_state(fx->target), open_states[i]);
		KUNIT_EXPECT_EQ(test, step_events(fx, IO_TARGET_EVENT_STATE), before);
	}
}

static int try_open(struct fixture *fx)
{
	return fake_open(&fx->fake, fx->target, FIXTURE_RW);
}

/* Open, close and prep in each state. Covers S1, S9. */
static void state_open_close(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 1);
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(open_states); i++) {
		enter_state(test, open_states[i], NULL, NULL, NULL);
		KUNIT_EXPECT_EQ(test, try_open(fx), -EBUSY);
		KUNIT_EXPECT_EQ(test, io_target_state(fx->target), open_states[i]);
		KUNIT_EXPECT_EQ(test, io_target_prep_write_buf(&p->req, buf, LEN, 0, 0), 0);
		KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
		KUNIT_EXPECT_EQ(test, fx->fake.closes, i + 1);
		KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
		KUNIT_EXPECT_EQ(test, fx->fake.closes, i + 1);
		KUNIT_EXPECT_EQ(test, io_target_prep_write_buf(&p->req, buf, LEN, 0, 0), -ENODEV);
		KUNIT_EXPECT_EQ(test, try_open(fx), 0);
	}
}

/* From one state to the next, the device works whenever the target is started. */
static void state_round(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 1);
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;
	unsigned int i;

	for (i = 0; i < 12; i++) {
		enter_state(test, open_states[i % ARRAY_SIZE(open_states)], NULL, NULL, NULL);
		if (i & 1)
			enter_state(test, IO_TARGET_STOPPED, NULL, NULL, NULL);
		KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
		KUNIT_EXPECT_EQ(test, io_target_write(fx->target, buf, LEN, 0, 60 * HZ), LEN);
		probe_prep(test, p, IO_TARGET_OP_READ, buf, LEN, 0, 0);
		KUNIT_EXPECT_EQ(test, io_target_submit_wait(&p->req, IO_TARGET_NO_TIMEOUT), LEN);
	}
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 24u);
}

static ssize_t aside_purge_leave(struct aside *a)
{
	return io_target_purge(a->fx->target, IO_TARGET_LEAVE_SENT, 0);
}

/*
 * What pended when it was purged ends, though the target is started before all of
 * it has; what is submitted after that start is not the purge's. Covers S5, S11.
 */
static void state_start_in_purge(struct kunit *test)
{
	struct probe *p = probes_alloc(test, MANY + 2);
	struct doorway *d = doorway_alloc(test);
	u8 *buf = step_buf(test, MANY * LEN);
	struct fixture *fx = test->priv;
	struct aside *purge;
	unsigned int i;

	step_pend(test, p, MANY, buf, LEN, 0);
	doorway_set(p, d);
	purge = aside_start(test, aside_purge_leave, NULL);
	wait_for_completion(&d->entered);
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	step_submit(test, &p[MANY], buf, LEN, 0, 0);
	expect_end(test, &p[MANY], LEN, false);
	enter_state(test, IO_TARGET_STOPPED, NULL, NULL, NULL);
	step_submit(test, &p[MANY + 1], buf, LEN, 0, 0);
	complete(&d->leave);
	KUNIT_EXPECT_EQ(test, aside_end(test, purge), 0);
	for (i = 0; i < MANY; i++)
		expect_end(test, &p[i], -ECANCELED, true);
	for (i = 2; i < MANY; i++)
		KUNIT_EXPECT_GT(test, p[i].number, p[i - 1].number);
	expect_outstanding(test, &p[MANY + 1]);
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 1u);
}

static struct kunit_case state_cases[] = {
	KUNIT_CASE_PARAM(state_admits, admission_gen_params),
	KUNIT_CASE_PARAM(state_steps, step_gen_params),
	KUNIT_CASE_PARAM(state_refuses, bad_gen_params),
	KUNIT_CASE(state_open_close),
	KUNIT_CASE(state_round),
	KUNIT_CASE(state_start_in_purge),
	{}
};

static struct kunit_suite state_suite = {
	.name = "io_target_state",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = state_cases,
};

kunit_test_suite(state_suite);
