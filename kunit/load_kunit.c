// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that change a target's state against threads that send: what is
 * accepted ends once, sent or not, and nobody is left waiting.
 */
#include <linux/delay.h>
#include <linux/slab.h>

#include "duel.h"
#include "steps.h"

#define LEN		512
#define SENDERS		4
#define CHANGERS	4
#define CHANGES		500
#define REOPENS		100

/* One of them; @buf is its own */
struct sender {
	struct probe	*probe;
	u8		*buf;
	unsigned int	number;
	bool		quit;
	unsigned int	sent, not_sent;
	unsigned int	closed, stale, purged, full;
	unsigned int	wrong;
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
		s->wrong++;
}

static void count_end(struct sender *s)
{
	struct io_target_request *req = &s->probe->req;

	if (atomic_read(&s->probe->ends) != 1)
		s->wrong++;
	else if (req->result == LEN && !req->not_sent)
		s->sent++;
	else if (req->result == -ECANCELED && req->not_sent)
		s->not_sent++;
	else
		s->wrong++;
}

static const unsigned int sender_flags[] = {
	0, IO_TARGET_BOUNCE, IO_TARGET_NOWAIT, IO_TARGET_TASK, IO_TARGET_IGNORE_STATE,
	IO_TARGET_BOUNCE | IO_TARGET_TASK, 0,
};

static int send_one(struct sender *s, unsigned int i)
{
	struct io_target_request *req = &s->probe->req;
	int err;

	err = io_target_prep_write_buf(req, s->buf, LEN, s->number * LEN,
				       sender_flags[i % ARRAY_SIZE(sender_flags)]);
	if (err)
		return err;
	reinit_completion(&s->probe->done);
	atomic_set(&s->probe->ends, 0);
	req->end_io = probe_end_io;
	return (i + s->number) & 1 ? io_target_submit(req) : io_target_submit_atomic(req);
}

static ssize_t send_all_the_time(struct aside *a)
{
	struct sender *s = a->private;
	unsigned int i;

	for (i = 0; !READ_ONCE(s->quit); i++) {
		int err = send_one(s, i);

		if (err) {
			count_refusal(s, err);
			/* Leaves the CPU to those who will change that. */
			usleep_range(50, 100);
		} else if (probe_wait(s->probe)) {
			count_end(s);
		} else {
			s->wrong++;
		}
		cond_resched();
	}
	return io_target_request_free(&s->probe->req);
}

static struct sender *senders_alloc(struct kunit *test)
{
	struct sender *s = kunit_kcalloc(test, SENDERS, sizeof(*s), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, s);
	for (i = 0; i < SENDERS; i++) {
		s[i].number = i;
		s[i].probe = probes_alloc(test, 1);
		s[i].buf = step_buf(test, LEN);
	}
	return s;
}

/* The law: what was accepted has ended, and the device has seen what was sent. */
static void expect_sum(struct kunit *test, struct sender *s)
{
	struct fixture *fx = test->priv;
	struct sender sum = {};
	unsigned int i;

	for (i = 0; i < SENDERS; i++) {
		sum.sent += s[i].sent;
		sum.not_sent += s[i].not_sent;
		sum.closed += s[i].closed;
		sum.stale += s[i].stale;
		sum.purged += s[i].purged;
		sum.full += s[i].full;
		sum.wrong += s[i].wrong;
	}
	kunit_info(test, "accepted %llu = sent %u + not sent %u", fixture_submitted(fx), sum.sent,
		   sum.not_sent);
	kunit_info(test, "refused: closed %u, stale %u, purged %u, NOWAIT %u", sum.closed,
		   sum.stale, sum.purged, sum.full);
	KUNIT_EXPECT_EQ(test, sum.wrong, 0u);
	KUNIT_EXPECT_EQ(test, fixture_submitted(fx), (u64)sum.sent + sum.not_sent);
	KUNIT_EXPECT_EQ(test, fixture_completed(fx), fixture_submitted(fx));
	KUNIT_EXPECT_EQ(test, fx->fake.submits, sum.sent);
	KUNIT_EXPECT_NE(test, sum.sent, 0u);
	KUNIT_EXPECT_NE(test, sum.not_sent, 0u);
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

/* Transitions that others overtake say so, and nothing else goes wrong with them. */
static ssize_t change_all_the_time(struct aside *a)
{
	unsigned int i, first = (unsigned long)a->private;
	unsigned int n = duel_rounds(CHANGES) / CHANGERS;

	for (i = 0; i < n; i++) {
		/* Every other one starts, so that something is sent, too. */
		ssize_t err = change(a->fx->target, i & 1 ? 6 : first + i * (first + 1));

		if (err && err != -ECANCELED)
			return err;
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

	fx->fake.answer.context = FAKE_SOFTIRQ;
	for (i = 0; i < SENDERS; i++)
		sending[i] = aside_start(test, send_all_the_time, &s[i]);
	for (i = 0; i < CHANGERS; i++)
		changing[i] = aside_start(test, change_all_the_time, (void *)i);
	for (i = 0; i < CHANGERS; i++)
		KUNIT_EXPECT_EQ(test, aside_end(test, changing[i]), 0);
	for (i = 0; i < SENDERS; i++)
		WRITE_ONCE(s[i].quit, true);
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
	for (i = 0; i < SENDERS; i++)
		WRITE_ONCE(s[i].quit, true);
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
	.name = "io_target_load",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = load_cases,
};
kunit_test_suite(load_suite);
