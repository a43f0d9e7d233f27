// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that change a target's state against threads that send: what is
 * accepted ends once, sent or not, and nobody is left waiting.
 */
#include <linux/delay.h>
#include <linux/iopoll.h>
#include <linux/slab.h>

#include "duel.h"
#include "steps.h"

#define SENDERS		4
#define CHANGERS	4
/* Transitions, and closes; a stress run has 20 times as many */
#define CHANGES		500
#define REOPENS		100

/* One of them; @buf is its own */
struct sender {
	struct fixture	*fx;
	struct probe	*probe;
	u8		*buf;
	unsigned int	number;
	bool		quit;
	struct tally	tally;
	unsigned int	closed, stale, purged, full;
	unsigned int	kinds_sent[8];
};

static void count_refusal(struct sender *s, int err)
{
	if (err == -ENODEV)
		s->closed++;
	else if (err == -ESTALE)
		s->stale++;
	else if (err == -ESHUTDOWN)
		s->purged++;
	else if (err == -EAGAIN)
		s->full++;
	else
		s->tally.wrong++;
}

/* Kinds of requests, in turn; the last one is taken from the pool and forgotten. */
static const unsigned int kinds[] = {
	0, IO_TARGET_BOUNCE, IO_TARGET_NOWAIT, IO_TARGET_TASK, IO_TARGET_IGNORE_STATE,
	IO_TARGET_BOUNCE | IO_TARGET_TASK, IO_TARGET_IGNORE_STATE | IO_TARGET_BOUNCE, 0,
};

#define FORGOTTEN	(ARRAY_SIZE(kinds) - 1)

static int send(struct sender *s, struct io_target_request *req, unsigned int i)
{
	unsigned int kind = i % ARRAY_SIZE(kinds);
	int err;

	err = io_target_prep_write_buf(req, s->buf, DUEL_LEN, s->number * DUEL_LEN, kinds[kind]);
	if (err)
		return err;
	req->end_io = kind == FORGOTTEN ? NULL : probe_end_io;
	/* A deadline that nobody misses is to be set and to be gone again. */
	if (i / ARRAY_SIZE(kinds) & 1)
		io_target_request_set_timeout(req, 600 * HZ);
	return (i + s->number) & 2 ? io_target_submit(req) : io_target_submit_atomic(req);
}

static int send_forgotten(struct sender *s, unsigned int i)
{
	struct io_target_request *req = io_target_request_alloc(s->fx->target, GFP_KERNEL);
	int err;

	if (!req)
		return -ENOMEM;
	err = send(s, req, i);
	if (err)
		io_target_request_free(req);
	else
		s->tally.forgotten++;
	return err;
}

static int send_and_wait(struct sender *s, unsigned int i)
{
	int err;

	reinit_completion(&s->probe->done);
	atomic_set(&s->probe->ends, 0);
	err = send(s, &s->probe->req, i);
	if (!err)
		tally_add(&s->tally, s->probe);
	return err;
}

static ssize_t send_all_the_time(struct aside *a)
{
	struct sender *s = a->private;
	unsigned int i;

	for (i = 0; !READ_ONCE(s->quit); i++) {
		unsigned int kind = i % ARRAY_SIZE(kinds);
		int err = kind == FORGOTTEN ? send_forgotten(s, i) : send_and_wait(s, i);

		if (err)
			count_refusal(s, err);
		else
			s->kinds_sent[kind]++;
		/* Leaves the CPU to those who change the state. */
		usleep_range(50, 100);
	}
	return io_target_request_free(&s->probe->req);
}

static struct sender *senders_alloc(struct kunit *test)
{
	struct sender *s = kunit_kcalloc(test, SENDERS, sizeof(*s), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, s);
	for (i = 0; i < SENDERS; i++) {
		s[i].fx = test->priv;
		s[i].number = i;
		s[i].probe = probes_alloc(test, 1);
		s[i].buf = step_buf(test, DUEL_LEN);
	}
	return s;
}

static void senders_quit(struct sender *s)
{
	unsigned int i;

	for (i = 0; i < SENDERS; i++)
		WRITE_ONCE(s[i].quit, true);
}

static void senders_sum(struct sender *sum, const struct sender *s)
{
	unsigned int i;

	sum->tally.ended += s->tally.ended;
	sum->tally.orphaned += s->tally.orphaned;
	sum->tally.timed_out += s->tally.timed_out;
	sum->tally.cancelled += s->tally.cancelled;
	sum->tally.forgotten += s->tally.forgotten;
	sum->tally.duplicates += s->tally.duplicates;
	sum->tally.wrong += s->tally.wrong;
	sum->closed += s->closed;
	sum->stale += s->stale;
	sum->purged += s->purged;
	sum->full += s->full;
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		sum->kinds_sent[i] += s->kinds_sent[i];
}

/* All have quit, and nothing is in flight. */
static void expect_sum(struct kunit *test, struct sender *s)
{
	struct sender *sum = kunit_kzalloc(test, sizeof(*sum), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, sum);
	for (i = 0; i < SENDERS; i++)
		senders_sum(sum, &s[i]);
	kunit_info(test, "refused: closed %u, stale %u, purged %u, full or NOWAIT %u",
		   sum->closed, sum->stale, sum->purged, sum->full);
	duel_expect_both(test, "sent", sum->tally.ended, "cancelled", sum->tally.cancelled);
	duel_expect_conserved(test, &sum->tally);
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		KUNIT_EXPECT_NE_MSG(test, sum->kinds_sent[i], 0u, "kind %u", i);
}

static ssize_t change(struct io_target *t, unsigned int what)
{
	switch (what % 7) {
	case 0:
		return io_target_stop(t, IO_TARGET_LEAVE_SENT, 0);
	case 1:
		return io_target_purge(t, IO_TARGET_LEAVE_SENT, 0);
	case 2:
		return io_target_stop(t, IO_TARGET_CANCEL_SENT, 60 * HZ);
	case 3:
		return io_target_purge(t, IO_TARGET_WAIT_SENT, 60 * HZ);
	case 4:
		return io_target_stop(t, IO_TARGET_WAIT_SENT, 60 * HZ);
	case 5:
		return io_target_drain(t, 60 * HZ);
	default:
		return io_target_start(t);
	}
}

/*
 * Let the senders come to it, or a change of the state would find nothing; not for
 * long, since another one may have changed it again.
 */
static void let_send(struct fixture *fx)
{
	unsigned int now, enough = READ_ONCE(fx->fake.answers) + SENDERS;

	read_poll_timeout(READ_ONCE, now, (int)(now - enough) >= 0, 10, 2000, false,
			  fx->fake.answers);
}

static void let_pend(struct fixture *fx)
{
	unsigned int now;

	read_poll_timeout(READ_ONCE, now, now, 50, 2000, false, fx->target->nr_pended);
}

/* Transitions that others overtake say so, and nothing else goes wrong with them. */
static ssize_t change_all_the_time(struct aside *a)
{
	unsigned int i, first = (unsigned long)a->private;
	unsigned int n = duel_rounds(CHANGES) / CHANGERS;

	for (i = 0; i < n; i++) {
		bool starts = i % 3 == 2;
		ssize_t err = change(a->fx->target, starts ? 6 : first + i * (first + 1));

		if (err && err != -ECANCELED)
			return err;
		WRITE_ONCE(a->fx->fake.answer.context, i / 8 % FAKE_CONTEXTS);
		if (starts)
			let_send(a->fx);
		else
			let_pend(a->fx);
	}
	return 0;
}

/* Covers S3, S11. */
static void load_states(struct kunit *test)
{
	struct aside *sending[SENDERS], *changing[CHANGERS];
	struct sender *s = senders_alloc(test);
	struct fixture *fx = test->priv;
	unsigned long i;

	for (i = 0; i < SENDERS; i++)
		sending[i] = aside_start(test, send_all_the_time, &s[i]);
	for (i = 0; i < CHANGERS; i++)
		changing[i] = aside_start(test, change_all_the_time, (void *)i);
	for (i = 0; i < CHANGERS; i++)
		KUNIT_EXPECT_EQ(test, aside_end_within(test, changing[i], duel_rounds(30 * HZ)), 0);
	senders_quit(s);
	KUNIT_EXPECT_EQ(test, io_target_start(fx->target), 0);
	KUNIT_EXPECT_EQ(test, io_target_state(fx->target), IO_TARGET_STARTED);
	for (i = 0; i < SENDERS; i++)
		KUNIT_EXPECT_EQ(test, aside_end(test, sending[i]), 0);
	KUNIT_EXPECT_EQ(test, fx->target->nr_pended, 0u);
	KUNIT_EXPECT_EQ(test, io_target_stop(fx->target, IO_TARGET_WAIT_SENT, 60 * HZ), 0);
	expect_sum(test, s);
}

/* Close, from whatever state, against submit. Covers S8, S10. */
static void load_close(struct kunit *test)
{
	unsigned int rounds = duel_rounds(REOPENS);
	struct sender *s = senders_alloc(test);
	struct fixture *fx = test->priv;
	struct aside *sending[SENDERS];
	unsigned int i;

	fx->fake.answer.context = FAKE_SOFTIRQ;
	for (i = 0; i < SENDERS; i++)
		sending[i] = aside_start(test, send_all_the_time, &s[i]);
	for (i = 0; i < rounds; i++) {
		/* Something is sent each time, and something pends most times. */
		fake_wait_answers(&fx->fake, READ_ONCE(fx->fake.answers) + 2);
		if (i % 3)
			change(fx->target, 0);
		if (i % 3 == 2)
			step_wait_pended(fx, 1);
		KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
		KUNIT_ASSERT_EQ(test, fake_open(&fx->fake, fx->target, FIXTURE_RW), 0);
	}
	senders_quit(s);
	for (i = 0; i < SENDERS; i++)
		KUNIT_EXPECT_EQ(test, aside_end(test, sending[i]), 0);
	KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
	expect_sum(test, s);
}

static struct kunit_case load_cases[] = {
	KUNIT_CASE(load_states),
	KUNIT_CASE(load_close),
	{}
};

static struct kunit_suite load_suite = {
	.name = "io_target_stress_load",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = load_cases,
};

kunit_test_suite(load_suite);
