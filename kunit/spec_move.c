// SPDX-License-Identifier: GPL-2.0
/*
 * Moves a target from one state to another, over any device, while requests
 * pend and others are with the device, and sees what becomes of each.
 */
#include "spec.h"

#define SHORTLY		(HZ / 20)
#define PATIENCE	(60 * HZ)

#define GATED		2	/* that are with the device */
#define NR_PENDED	3	/* beside one that blocks: SPEC_PENDED in all */

const char * const spec_verb_names[SPEC_VERBS] = {
	[SPEC_START]		= "start",
	[SPEC_STOP_LEAVE]	= "stop LEAVE",
	[SPEC_STOP_WAIT]	= "stop WAIT",
	[SPEC_STOP_CANCEL]	= "stop CANCEL",
	[SPEC_PURGE_LEAVE]	= "purge LEAVE",
	[SPEC_PURGE_WAIT]	= "purge WAIT",
	[SPEC_PURGE_CANCEL]	= "purge CANCEL",
	[SPEC_DRAIN]		= "drain",
	[SPEC_CLOSE]		= "close",
	[SPEC_SUSPEND]		= "suspend",
	[SPEC_REOPEN]		= "reopen",
	[SPEC_REMOVE]		= "remove",
};

/**
 * struct party - all that are there when the target is moved
 * @gated: with the device
 * @ignored: with the device, with IGNORE_STATE
 * @pended: they pend, one of them with BOUNCE
 * @waiter: one more, whose submitter waits
 * @wait: he
 * @first: what a start is sending
 * @door: where that is
 * @start: it
 * @verb: the call that is looked at
 * @nr_held: that are with the device
 * @nr_pended: 0, or all that pend
 */
struct party {
	struct probe		*gated;
	struct probe		*ignored;
	struct probe		*pended;
	struct probe		*waiter;
	struct aside		*wait;
	struct probe		*first;
	struct doorway		*door;
	struct aside		*start;
	struct aside		*verb;
	unsigned int		nr_held;
	unsigned int		nr_pended;
};

ssize_t spec_call(struct io_target *t, enum spec_verb verb, long timeout)
{
	switch (verb) {
	case SPEC_START:
		return io_target_start(t);
	case SPEC_STOP_LEAVE:
		return io_target_stop(t, IO_TARGET_LEAVE_SENT, 0);
	case SPEC_STOP_WAIT:
		return io_target_stop(t, IO_TARGET_WAIT_SENT, timeout);
	case SPEC_STOP_CANCEL:
		return io_target_stop(t, IO_TARGET_CANCEL_SENT, timeout);
	case SPEC_PURGE_LEAVE:
		return io_target_purge(t, IO_TARGET_LEAVE_SENT, 0);
	case SPEC_PURGE_WAIT:
		return io_target_purge(t, IO_TARGET_WAIT_SENT, timeout);
	case SPEC_PURGE_CANCEL:
		return io_target_purge(t, IO_TARGET_CANCEL_SENT, timeout);
	case SPEC_DRAIN:
		return io_target_drain(t, timeout);
	case SPEC_SUSPEND:
		return io_target_suspend(t, timeout);
	case SPEC_REOPEN:
		return io_target_reopen(t);
	case SPEC_REMOVE:
		iot_target_removed(t);
		return 0;
	default:
		return io_target_close(t);
	}
}

/* That it does not return can only be seen by waiting for it. */
static bool verb_waits(struct aside *verb)
{
	return !wait_for_completion_timeout(&verb->done, HZ / 50);
}

static ssize_t aside_move(struct aside *a)
{
	const struct spec_move *move = a->private;

	return spec_call(a->fx->target, move->verb,
			 move->back == SPEC_ON_TIME ? SHORTLY : PATIENCE);
}

static void party_alloc(struct kunit *test, struct party *party)
{
	*party = (struct party){
		.gated = probes_alloc(test, GATED),
		.ignored = probes_alloc(test, 1),
		.pended = probes_alloc(test, NR_PENDED),
		.waiter = probes_alloc(test, 1),
		.first = probes_alloc(test, 1),
		.door = doorway_alloc(test),
	};
}

/* While the target is started: these stay with the device. */
static void party_send(struct kunit *test, struct party *party, u8 *buf)
{
	struct spec *s = test->priv;
	unsigned int i;

	s->dev->park(s, true);
	for (i = 0; i < GATED; i++)
		step_submit(test, &party->gated[i], buf, SPEC_LEN, i * SPEC_LEN, 0);
	step_submit(test, party->ignored, buf, SPEC_LEN, 0, IO_TARGET_IGNORE_STATE);
	party->nr_held = GATED + 1;
	KUNIT_ASSERT_TRUE(test, s->dev->wait_held(s, party->nr_held));
	s->dev->park(s, false);
}

/* In a state in which requests pend */
static void party_pend(struct kunit *test, struct party *party, u8 *buf)
{
	struct spec *s = test->priv;
	unsigned int i;

	for (i = 0; i < NR_PENDED; i++)
		step_submit(test, &party->pended[i], buf, SPEC_LEN, i * SPEC_LEN,
			    i == 1 ? IO_TARGET_BOUNCE : 0);
	probe_prep(test, party->waiter, IO_TARGET_OP_WRITE, buf, SPEC_LEN, 0, 0);
	party->wait = aside_start(test, aside_submit_wait, party->waiter);
	party->nr_pended = NR_PENDED + 1;
	KUNIT_ASSERT_TRUE(test, step_wait_pended(&s->fx, party->nr_pended));
	/* In case they are sent */
	s->dev->park(s, true);
}

static void party_enter(struct kunit *test, struct party *party, const struct spec_move *move,
			u8 *buf)
{
	struct spec *s = test->priv;

	/* Nothing stays with a device that has been given up. */
	if (move->from != IO_TARGET_CLOSED && move->from != IO_TARGET_SUSPENDED)
		party_send(test, party, buf);
	party->start = spec_enter(test, move->from, party->first, buf, party->door);
	if (move->pended != SPEC_NONE)
		party_pend(test, party, buf);
	s->dev->park(s, true);
}

static void expect_pend(struct kunit *test, struct party *party)
{
	struct spec *s = test->priv;
	unsigned int i;

	for (i = 0; i < NR_PENDED; i++)
		expect_outstanding(test, &party->pended[i]);
	KUNIT_EXPECT_FALSE(test, completion_done(&party->wait->done));
	KUNIT_EXPECT_EQ(test, READ_ONCE(s->fx.target->nr_pended), party->nr_pended);
}

/* In the order of their submission */
static void expect_ended(struct kunit *test, struct party *party, ssize_t result, bool not_sent)
{
	unsigned int i;

	for (i = 0; i < NR_PENDED; i++) {
		expect_end(test, &party->pended[i], result, not_sent);
		if (i)
			KUNIT_EXPECT_EQ(test, party->pended[i].number,
					party->pended[i - 1].number + 1);
	}
	KUNIT_EXPECT_EQ(test, aside_end(test, party->wait), result);
	KUNIT_EXPECT_EQ(test, party->waiter->req.not_sent, not_sent);
	party->nr_pended = 0;
}

/* Those that were sent have not ended, and @move does not wait for more than it must. */
static void expect_waiting(struct kunit *test, struct party *party, const struct spec_move *move)
{
	unsigned int i;

	KUNIT_EXPECT_TRUE(test, verb_waits(party->verb));
	for (i = 0; i < GATED && party->nr_held; i++)
		expect_outstanding(test, &party->gated[i]);
	/* What it cancels it does not let wait. */
	if (move->pended == SPEC_CANCELLED)
		expect_ended(test, party, -ECANCELED, true);
	else if (party->nr_pended)
		expect_pend(test, party);
}

static void expect_returned(struct kunit *test, struct party *party, const struct spec_move *move)
{
	struct fixture *fx = test->priv;

	KUNIT_EXPECT_EQ(test, aside_end(test, party->verb), move->ret);
	KUNIT_EXPECT_EQ(test, io_target_state(fx->target), move->to);
	if (party->nr_pended && move->pended == SPEC_CANCELLED)
		expect_ended(test, party, -ECANCELED, true);
	else if (move->pended == SPEC_GONE)
		expect_ended(test, party, -ENODEV, true);
	else if (party->nr_pended && move->pended == SPEC_STAY)
		expect_pend(test, party);
}

/* The start that was there before has been overtaken, or has not. */
static void start_goes_on(struct kunit *test, struct party *party, const struct spec_move *move)
{
	bool overtaken = move->verb != SPEC_START && move->verb != SPEC_CLOSE &&
			 move->verb != SPEC_SUSPEND && move->verb != SPEC_REOPEN;

	if (!party->start)
		return;
	complete(&party->door->leave);
	KUNIT_EXPECT_EQ(test, aside_end(test, party->start), overtaken ? -ECANCELED : 0);
	expect_end(test, party->first, SPEC_LEN, false);
}

static void gated_end(struct kunit *test, struct party *party)
{
	struct spec *s = test->priv;
	unsigned int i;

	if (party->nr_held < GATED)	/* there were none, or they have */
		return;
	s->dev->release(s, GATED);
	for (i = 0; i < GATED; i++)
		expect_end(test, &party->gated[i], SPEC_LEN, false);
	expect_outstanding(test, party->ignored);
	party->nr_held -= GATED;
}

/* All that is with the device, those that pended and were sent included */
static void rest_ends(struct kunit *test, struct party *party, const struct spec_move *move)
{
	struct spec *s = test->priv;
	unsigned int n = party->nr_held;

	if (move->pended == SPEC_GO)
		n += party->nr_pended;
	if (!n)
		return;
	KUNIT_ASSERT_TRUE(test, s->dev->wait_held(s, n));
	s->dev->release(s, n);
	if (party->nr_held)
		expect_end(test, party->ignored, SPEC_LEN, false);
	party->nr_held = 0;
	if (move->pended == SPEC_GO)
		expect_ended(test, party, SPEC_LEN, false);
}

static bool at_once(const struct spec_move *move)
{
	return move->back == SPEC_AT_ONCE || move->back == SPEC_ON_TIME;
}

void spec_move(struct kunit *test, const struct spec_move *move)
{
	u8 *buf = step_buf(test, SPEC_LEN * SPEC_PENDED);
	struct spec *s = test->priv;
	struct party party;

	party_alloc(test, &party);
	party_enter(test, &party, move, buf);
	party.verb = aside_start(test, aside_move, (void *)move);
	if (at_once(move))
		expect_returned(test, &party, move);
	else
		expect_waiting(test, &party, move);
	if (party.start && move->back == SPEC_AFTER_GATED) {
		/* What the start has sent is waited for, too. */
		gated_end(test, &party);
		KUNIT_EXPECT_TRUE(test, verb_waits(party.verb));
	}
	start_goes_on(test, &party, move);
	if (move->back == SPEC_AFTER_START)
		expect_returned(test, &party, move);
	gated_end(test, &party);
	if (move->back == SPEC_AFTER_GATED)
		expect_returned(test, &party, move);
	else if (move->back == SPEC_AFTER_ALL)
		KUNIT_EXPECT_TRUE(test, verb_waits(party.verb));
	rest_ends(test, &party, move);
	if (move->back == SPEC_AFTER_ALL)
		expect_returned(test, &party, move);
	if (move->to == IO_TARGET_CLOSED || (move->verb == SPEC_SUSPEND && !move->ret))
		KUNIT_EXPECT_TRUE(test, s->dev->unused(s));
	if (move->pended == SPEC_STAY) {
		expect_pend(test, &party);
		KUNIT_EXPECT_EQ(test, io_target_purge(s->fx.target, IO_TARGET_LEAVE_SENT, 0), 0);
		expect_ended(test, &party, -ECANCELED, true);
	}
}
