// SPDX-License-Identifier: GPL-2.0
/*
 * What stop, purge, start, drain and close do with the requests that are there,
 * what they wait for, and where they may be called.
 */
#include <linux/slab.h>

#include "steps.h"

#define LEN	512
#define SHORTLY	(HZ / 20)

enum verb { START, STOP, PURGE, CLOSE, DRAIN };

/* A call, and by whom it is made */
struct verb_call {
	enum verb			verb;
	enum io_target_sent_action	action;
	long				timeout;
};

static ssize_t do_verb(struct io_target *t, const struct verb_call *c)
{
	switch (c->verb) {
	case START:
		return io_target_start(t);
	case STOP:
		return io_target_stop(t, c->action, c->timeout);
	case PURGE:
		return io_target_purge(t, c->action, c->timeout);
	case DRAIN:
		return io_target_drain(t, c->timeout);
	default:
		return io_target_close(t);
	}
}

static ssize_t aside_verb(struct aside *a)
{
	return do_verb(a->fx->target, a->private);
}

/* What becomes of requests; an errno is how they end, not sent */
enum { STAY = 0, SEND = 1 };

static const struct effect {
	const char		*name;
	struct verb_call	call;
	int			pended;
	int			queued;	/* accepted, but the device has not been given it */
	bool			waits;	/* for what the device has */
	enum io_target_state	to;
} effects[] = {
	{ "stop LEAVE", { STOP, IO_TARGET_LEAVE_SENT, 0 },
	  STAY, STAY, false, IO_TARGET_STOPPED },
	{ "stop WAIT", { STOP, IO_TARGET_WAIT_SENT, 60 * HZ },
	  STAY, STAY, true, IO_TARGET_STOPPED },
	{ "stop CANCEL", { STOP, IO_TARGET_CANCEL_SENT, 60 * HZ },
	  STAY, -ECANCELED, true, IO_TARGET_STOPPED },
	{ "stop WAIT, no timeout", { STOP, IO_TARGET_WAIT_SENT, IO_TARGET_NO_TIMEOUT },
	  STAY, STAY, true, IO_TARGET_STOPPED },
	{ "purge LEAVE", { PURGE, IO_TARGET_LEAVE_SENT, 0 },
	  -ECANCELED, STAY, false, IO_TARGET_PURGED },
	{ "purge WAIT", { PURGE, IO_TARGET_WAIT_SENT, 60 * HZ },
	  -ECANCELED, STAY, true, IO_TARGET_PURGED },
	{ "purge CANCEL", { PURGE, IO_TARGET_CANCEL_SENT, 60 * HZ },
	  -ECANCELED, -ECANCELED, true, IO_TARGET_PURGED },
	{ "start", { START },
	  SEND, STAY, false, IO_TARGET_STARTED },
	{ "drain", { DRAIN, .timeout = 60 * HZ },
	  SEND, STAY, true, IO_TARGET_STARTED },
	{ "close", { CLOSE },
	  -ECANCELED, -ECANCELED, true, IO_TARGET_CLOSED },
};

static void effect_desc(const struct effect *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(effect, effects, effect_desc);

/* One sent, one in the worker's hands, three queued behind it, three pended */
enum { AT_DEVICE, WITH_WORKER, QUEUED, PENDED = QUEUED + 3, PROBES = PENDED + 3 };

/* The worker is stuck in submit; with what it has, the queue behind it stays. */
static void set_out(struct kunit *test, struct probe *p, u8 *buf, unsigned int flags)
{
	struct fixture *fx = test->priv;
	unsigned int i;

	fx->fake.park = true;
	step_submit(test, &p[AT_DEVICE], buf, LEN, 0, 0);
	fake_stall(&fx->fake);
	for (i = WITH_WORKER; i < PENDED; i++) {
		probe_prep(test, &p[i], IO_TARGET_OP_WRITE, buf + i * LEN, LEN, i * LEN, flags);
		KUNIT_ASSERT_EQ(test, io_target_submit_atomic(&p[i].req), 0);
		if (i == WITH_WORKER)
			KUNIT_ASSERT_TRUE(test, fake_wait_stalled(&fx->fake, 1));
	}
	KUNIT_EXPECT_EQ(test, io_target_stop(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
	for (i = PENDED; i < PROBES; i++)
		step_submit(test, &p[i], buf + i * LEN, LEN, i * LEN, flags);
}

/* Those from @first on have ended like this, in order, without an answer of the device. */
static void expect_group(struct kunit *test, struct probe *p, unsigned int first, int fate)
{
	unsigned int i;

	for (i = first; i < first + 3; i++) {
		if (fate >= 0) {
			expect_outstanding(test, &p[i]);
			continue;
		}
		expect_end(test, &p[i], fate, true);
		if (i > first)
			KUNIT_EXPECT_GT(test, p[i].number, p[i - 1].number);
	}
}

static void expect_sent_group(struct kunit *test, struct probe *p, unsigned int first, int fate,
			      bool sent)
{
	unsigned int i;

	for (i = first; i < first + 3 && fate >= 0; i++) {
		if (sent)
			expect_end(test, &p[i], LEN, false);
		else
			expect_outstanding(test, &p[i]);
	}
}

static void effect_of(struct kunit *test, unsigned int flags)
{
	const struct effect *c = test->param_value;
	struct probe *p = probes_alloc(test, PROBES);
	u8 *buf = step_buf(test, PROBES * LEN);
	struct fixture *fx = test->priv;
	struct aside *a;

	set_out(test, p, buf, flags);
	/* What starts has to get through to the device. */
	if (c->pended == SEND)
		fake_unstall(&fx->fake);
	a = aside_start(test, aside_verb, (void *)&c->call);
	if (c->waits)
		KUNIT_EXPECT_TRUE(test, aside_waits(a));
	else
		KUNIT_EXPECT_EQ(test, aside_end(test, a), 0);
	expect_group(test, p, PENDED, c->pended);
	expect_group(test, p, QUEUED, c->queued);
	expect_outstanding(test, &p[AT_DEVICE]);
	expect_outstanding(test, &p[WITH_WORKER]);

	fake_let_go(&fx->fake);
	expect_end(test, &p[AT_DEVICE], LEN, false);
	expect_end(test, &p[WITH_WORKER], LEN, false);
	expect_sent_group(test, p, QUEUED, c->queued, true);
	KUNIT_EXPECT_EQ(test, aside_end(test, a), 0);
	if (c->waits)
		KUNIT_EXPECT_GE(test, a->ended, c->pended < 0 ? PROBES : PENDED);
	expect_sent_group(test, p, PENDED, c->pended, c->pended == SEND);
	KUNIT_EXPECT_EQ(test, io_target_state(fx->target), c->to);
}

/* Covers S4, S5, S8. */
static void halt_effects(struct kunit *test)
{
	effect_of(test, 0);
}

static void halt_effects_bounce(struct kunit *test)
{
	effect_of(test, IO_TARGET_BOUNCE);
}

/* Kinds of requests that the waiting forms know of, or do not. */
static const struct kind {
	const char	*name;
	unsigned int	flags;
	bool		atomic;
	bool		resent;		/* pended first */
	bool		not_waited;	/* by stop and purge */
} kinds[] = {
	{ "plain" },
	{ "BOUNCE", IO_TARGET_BOUNCE },
	{ "TASK", IO_TARGET_TASK },
	{ "submit_atomic", .atomic = true },
	{ "pended first", .resent = true },
	{ "BOUNCE, pended first", IO_TARGET_BOUNCE, .resent = true },
	{ "TASK, pended first", IO_TARGET_TASK, .resent = true },
	{ "IGNORE_STATE", IO_TARGET_IGNORE_STATE, .not_waited = true },
	{ "IGNORE_STATE, BOUNCE", IO_TARGET_IGNORE_STATE | IO_TARGET_BOUNCE, .not_waited = true },
};

static void kind_desc(const struct kind *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(kind, kinds, kind_desc);

static void send_parked(struct kunit *test, const struct kind *k, struct probe *p, u8 *buf)
{
	struct fixture *fx = test->priv;

	fx->fake.park = true;
	probe_prep(test, p, IO_TARGET_OP_WRITE, buf, LEN, 0, k->flags);
	if (k->resent)
		KUNIT_EXPECT_EQ(test, io_target_stop(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
	KUNIT_ASSERT_EQ(test, k->atomic ? io_target_submit_atomic(&p->req) :
					  io_target_submit(&p->req), 0);
	if (k->resent)
		KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, 1));
}

static const struct verb_call waiting[] = {
	{ STOP, IO_TARGET_WAIT_SENT, 60 * HZ },
	{ STOP, IO_TARGET_CANCEL_SENT, 60 * HZ },
	{ PURGE, IO_TARGET_WAIT_SENT, 60 * HZ },
	{ PURGE, IO_TARGET_CANCEL_SENT, 60 * HZ },
};

/* They return after the last end_io has returned, or at once. Covers S4, S6. */
static void halt_waits(struct kunit *test)
{
	const struct kind *k = test->param_value;
	struct probe *p = probes_alloc(test, ARRAY_SIZE(waiting));
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(waiting); i++) {
		struct aside *a;

		fx->fake.answer.context = i;
		send_parked(test, k, &p[i], buf);
		a = aside_start(test, aside_verb, (void *)&waiting[i]);
		if (k->not_waited)
			KUNIT_EXPECT_EQ(test, aside_end(test, a), 0);
		else
			KUNIT_EXPECT_TRUE(test, aside_waits(a));
		expect_outstanding(test, &p[i]);
		fake_answer_parked(&fx->fake, false);
		expect_end(test, &p[i], LEN, false);
		KUNIT_EXPECT_EQ(test, aside_end(test, a), 0);
		KUNIT_EXPECT_EQ(test, a->ended, k->not_waited ? (int)i : (int)i + 1);
		KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	}
}

/* When the time is up it is stopped all the same, and one can wait again. Covers S13. */
static void halt_times_out(struct kunit *test)
{
	struct probe *p = probes_alloc(test, ARRAY_SIZE(waiting));
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(waiting); i++) {
		struct verb_call c = waiting[i];
		unsigned long start = jiffies;
		struct aside *a;

		c.timeout = SHORTLY;
		send_parked(test, &kinds[i], &p[i], buf);
		KUNIT_EXPECT_EQ(test, do_verb(fx->target, &c), -ETIMEDOUT);
		KUNIT_EXPECT_TRUE(test, time_after_eq(jiffies, start + SHORTLY));
		KUNIT_EXPECT_EQ(test, io_target_state(fx->target),
				c.verb == STOP ? IO_TARGET_STOPPED : IO_TARGET_PURGED);
		expect_outstanding(test, &p[i]);
		a = aside_start(test, aside_verb, (void *)&waiting[i]);
		KUNIT_EXPECT_TRUE(test, aside_waits(a));
		fake_answer_parked(&fx->fake, false);
		KUNIT_EXPECT_EQ(test, aside_end(test, a), 0);
		KUNIT_EXPECT_EQ(test, a->ended, (int)i + 1);
		expect_end(test, &p[i], LEN, false);
		KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	}
}

/* Whoever waits is told that somebody else has changed the state meanwhile. */
static void halt_overtaken(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 1);
	u8 *buf = step_buf(test, LEN);
	struct fixture *fx = test->priv;
	struct aside *a;

	send_parked(test, &kinds[0], p, buf);
	a = aside_start(test, aside_stop_wait, NULL);
	KUNIT_EXPECT_TRUE(test, aside_waits(a));
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	KUNIT_EXPECT_EQ(test, aside_end(test, a), -ECANCELED);
	a = aside_start(test, aside_stop_wait, NULL);
	KUNIT_EXPECT_TRUE(test, aside_waits(a));
	KUNIT_EXPECT_EQ(test, io_target_purge(fx->target, IO_TARGET_LEAVE_SENT, 0), 0);
	KUNIT_EXPECT_EQ(test, aside_end(test, a), -ECANCELED);
	expect_outstanding(test, p);
}

/* A drain that times out goes on sending. */
static void halt_drain(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 3);
	u8 *buf = step_buf(test, 3 * LEN);
	struct fixture *fx = test->priv;
	struct aside *a;

	send_parked(test, &kinds[0], p, buf);
	KUNIT_EXPECT_EQ(test, io_target_drain(fx->target, SHORTLY), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, io_target_state(fx->target), IO_TARGET_STARTED);
	a = aside_start(test, aside_drain, NULL);
	KUNIT_ASSERT_TRUE(test, step_wait_state(fx, IO_TARGET_STOPPED));
	step_submit(test, &p[1], buf + LEN, LEN, LEN, 0);
	step_submit(test, &p[2], buf + 2 * LEN, LEN, 2 * LEN, 0);
	KUNIT_EXPECT_TRUE(test, aside_waits(a));
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 1u);
	/* That one only: others come at once. */
	fake_answer(&fx->fake, fake_take(&fx->fake, false));
	KUNIT_EXPECT_EQ(test, aside_end(test, a), 0);
	KUNIT_EXPECT_EQ(test, io_target_state(fx->target), IO_TARGET_STARTED);
	expect_parked_order(test, 1, 2, LEN);
	expect_end(test, &p[2], LEN, false);
}

static const struct own_case {
	const char		*name;
	enum fake_context	context;
	unsigned int		flags;
	bool			waits_refused;	/* always, or with the verifier only */
} owns[] = {
	{ "task", FAKE_TASK },
	{ "softirq", FAKE_SOFTIRQ, 0, true },
	{ "hardirq", FAKE_HARDIRQ, 0, true },
	{ "worker", FAKE_WORKER },
	{ "library's worker", FAKE_TASK, IO_TARGET_BOUNCE, true },
	{ "TASK", FAKE_HARDIRQ, IO_TARGET_TASK, true },
};

static void own_desc(const struct own_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(own, owns, own_desc);

static const struct verb_call refused[] = {
	{ START },
	{ STOP, IO_TARGET_WAIT_SENT, SHORTLY },
	{ STOP, IO_TARGET_CANCEL_SENT, SHORTLY },
	{ PURGE, IO_TARGET_WAIT_SENT, SHORTLY },
	{ PURGE, IO_TARGET_CANCEL_SENT, SHORTLY },
	{ DRAIN, .timeout = SHORTLY },
	{ CLOSE },
};

static const struct verb_call allowed[] = {
	{ STOP, IO_TARGET_LEAVE_SENT },
	{ PURGE, IO_TARGET_LEAVE_SENT },
};

/* What end_io did */
struct own {
	struct probe		*probe;
	bool			try_refused;
	ssize_t			refused[ARRAY_SIZE(refused)];
	enum io_target_state	before;
	ssize_t			allowed[ARRAY_SIZE(allowed)];
	enum io_target_state	states[ARRAY_SIZE(allowed)];
};

static void own_end_io(struct io_target_request *req)
{
	struct own *own = req->private;
	unsigned int i;

	for (i = 0; own->try_refused && i < ARRAY_SIZE(refused); i++)
		own->refused[i] = do_verb(req->target, &refused[i]);
	own->before = io_target_state(req->target);
	for (i = 0; i < ARRAY_SIZE(allowed); i++) {
		own->allowed[i] = do_verb(req->target, &allowed[i]);
		own->states[i] = io_target_state(req->target);
	}
	probe_end_io(req);
}

/* The target's own end_io may stop and purge it, not wait for itself. Covers A2, S12. */
static void halt_in_end_io(struct kunit *test)
{
	const struct own_case *c = test->param_value;
	struct own *own = kunit_kzalloc(test, sizeof(*own), GFP_KERNEL);
	struct probe *p = probes_alloc(test, 4);
	u8 *buf = step_buf(test, 4 * LEN);
	struct fixture *fx = test->priv;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, own);
	own->try_refused = c->waits_refused || IS_ENABLED(CONFIG_IO_TARGET_VERIFIER);
	probe_prep(test, p, IO_TARGET_OP_WRITE, buf, LEN, 0, c->flags | IO_TARGET_IGNORE_STATE);
	p->req.end_io = own_end_io;
	p->req.private = own;
	step_pend(test, &p[1], 3, buf, LEN, 0);
	fx->fake.answer.context = c->context;
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), 0);

	expect_end(test, p, LEN, false);
	for (i = 0; own->try_refused && i < ARRAY_SIZE(refused); i++)
		KUNIT_EXPECT_EQ_MSG(test, own->refused[i], -EDEADLK, "call %u", i);
	KUNIT_EXPECT_EQ(test, own->before, IO_TARGET_STOPPED);
	KUNIT_EXPECT_EQ(test, own->allowed[0], 0);
	KUNIT_EXPECT_EQ(test, own->states[0], IO_TARGET_STOPPED);
	KUNIT_EXPECT_EQ(test, own->allowed[1], 0);
	KUNIT_EXPECT_EQ(test, own->states[1], IO_TARGET_PURGED);
	for (i = 1; i < 4; i++) {
		expect_end(test, &p[i], -ECANCELED, true);
		KUNIT_EXPECT_EQ(test, p[i].number, i);
		KUNIT_EXPECT_EQ(test, p[i].context, p->context);
	}
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
}

static struct kunit_case halt_cases[] = {
	KUNIT_CASE_PARAM(halt_effects, effect_gen_params),
	KUNIT_CASE_PARAM(halt_effects_bounce, effect_gen_params),
	KUNIT_CASE_PARAM(halt_waits, kind_gen_params),
	KUNIT_CASE(halt_times_out),
	KUNIT_CASE(halt_overtaken),
	KUNIT_CASE(halt_drain),
	KUNIT_CASE_PARAM(halt_in_end_io, own_gen_params),
	{}
};

static struct kunit_suite halt_suite = {
	.name = "io_target_halt",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = halt_cases,
};

kunit_test_suite(halt_suite);
