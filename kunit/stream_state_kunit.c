// SPDX-License-Identifier: GPL-2.0
/*
 * Streams whose target is stopped, purged, closed, removed, or given up for a while: they
 * go on when that is over, with nothing lost.
 */
#include <linux/iopoll.h>
#include <linux/kthread.h>

#include "consumer.h"
#include "duel.h"
#include "stream.h"

enum move { HELD, CANCELLED, PURGED, CLOSED, SUSPENDED, MOVES };

/* Return: 0, or what it has failed with. */
static int move_away(struct io_target *t, enum move move)
{
	switch (move) {
	case HELD:
		return io_target_stop(t, IO_TARGET_LEAVE_SENT, 0);
	case CANCELLED:
		return io_target_stop(t, IO_TARGET_CANCEL_SENT, TESTDEV_PATIENCE);
	case PURGED:
		return io_target_purge(t, IO_TARGET_CANCEL_SENT, TESTDEV_PATIENCE);
	case CLOSED:
		return io_target_close(t);
	default:
		return io_target_stop(t, IO_TARGET_CANCEL_SENT, TESTDEV_PATIENCE) ?:
		       io_target_suspend(t, TESTDEV_PATIENCE);
	}
}

static int move_back(struct io_target *t, enum move move)
{
	int err = move == CLOSED || move == SUSPENDED ? io_target_reopen(t) : 0;

	return err ?: io_target_start(t);
}

/* Whatever is done to the target, the stream goes on when that is over. */
static void states_moved(struct kunit *test)
{
	struct io_target *t = ready_open(test, 0);
	struct consumer *c = consumer_alloc(test);
	struct io_target_stream *s = consumer_start(test, t, c, (struct io_target_stream_config){
		.depth = 3, .size = CHUNK });
	unsigned int i, calls;

	for (i = 0; i < 4 * MOVES; i++) {
		KUNIT_ASSERT_TRUE(test, ready_wait_waiting(t, false));
		KUNIT_EXPECT_EQ(test, move_away(t, i % MOVES), 0);
		calls = testdev_pipe_seen(ready_pipe).calls;
		consumer_push(test, c, i * CHUNK, CHUNK);
		if (i % MOVES != HELD)
			KUNIT_EXPECT_EQ(test, testdev_pipe_seen(ready_pipe).calls, calls);
		KUNIT_EXPECT_EQ(test, move_back(t, i % MOVES), 0);
		KUNIT_ASSERT_TRUE_MSG(test, consumer_wait(c, i + 1), "move %u", i % MOVES);
	}
	KUNIT_EXPECT_EQ(test, c->wrong, 0);
	KUNIT_EXPECT_EQ(test, c->errors, 0);
	/* A target that is closed first, and for good */
	io_target_close(t);
	KUNIT_EXPECT_EQ(test, io_target_stream_stop(s), 0);
}

static bool wait_refused(struct io_target_stream *s)
{
	bool refused;

	return !read_poll_timeout(READ_ONCE, refused, refused, 1000,
				  jiffies_to_usecs(TESTDEV_PATIENCE), false, s->refused);
}

/* However often its target says that it has another state. */
static void states_restarts(struct kunit *test)
{
	struct io_target *t = ready_open(test, 0);
	struct consumer *c = consumer_alloc(test);
	struct io_target_stream *s = consumer_start(test, t, c, (struct io_target_stream_config){
		.depth = 3, .size = CHUNK });

	KUNIT_ASSERT_TRUE(test, ready_wait_waiting(t, false));
	KUNIT_EXPECT_EQ(test, move_away(t, PURGED), 0);
	KUNIT_ASSERT_TRUE(test, wait_refused(s));
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	KUNIT_ASSERT_TRUE(test, wait_refused(s));
	KUNIT_EXPECT_EQ(test, consumer_stats(s).restarts, 0);
	KUNIT_EXPECT_EQ(test, io_target_reopen(t), 0);
	consumer_push(test, c, 0, CHUNK);
	KUNIT_EXPECT_TRUE(test, consumer_wait(c, 1));
	KUNIT_EXPECT_EQ(test, consumer_stats(s).restarts, 1);
	KUNIT_EXPECT_EQ(test, io_target_stream_stop(s), 0);
	KUNIT_EXPECT_EQ(test, c->errors, 0);
}

static unsigned int nr_pended(struct io_target *t)
{
	return READ_ONCE(t->nr_pended);
}

/* What pended for the device that was removed is read from the next one. */
static void states_removed(struct kunit *test)
{
	struct io_target *t = ready_open(test, 0);
	struct consumer *c = consumer_alloc(test);
	struct io_target_stream *s;
	unsigned int n;

	KUNIT_EXPECT_EQ(test, move_away(t, HELD), 0);
	s = consumer_start(test, t, c, (struct io_target_stream_config){
		.depth = 3, .size = CHUNK });
	KUNIT_ASSERT_EQ(test, read_poll_timeout(nr_pended, n, n == 3, 1000,
						jiffies_to_usecs(TESTDEV_PATIENCE), false, t), 0);
	iot_target_removed(t);
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_REMOVED);
	KUNIT_ASSERT_TRUE(test, wait_refused(s));
	KUNIT_EXPECT_EQ(test, move_away(t, CLOSED), 0);
	KUNIT_EXPECT_EQ(test, move_back(t, CLOSED), 0);
	consumer_push(test, c, 0, 4 * CHUNK);
	KUNIT_EXPECT_TRUE(test, consumer_wait(c, 4));
	KUNIT_EXPECT_EQ(test, io_target_stream_stop(s), 0);
	KUNIT_EXPECT_EQ(test, c->wrong, 0);
	KUNIT_EXPECT_EQ(test, c->errors, 0);
}

static struct kunit_case state_cases[] = {
	KUNIT_CASE(states_moved),
	KUNIT_CASE(states_restarts),
	KUNIT_CASE(states_removed),
	{}
};

static struct kunit_suite state_suite = {
	.name		= "io_target_stream_state",
	.init		= ready_init,
	.exit		= ready_exit,
	.test_cases	= state_cases,
};

/* @buffers: that are to come; a stress run has 20 times as many */
struct flow_case {
	const char	*name;
	enum move	move;
	unsigned int	flags;
	unsigned int	buffers;
};

static const struct flow_case flow_cases[] = {
	{ "stop, cancel", CANCELLED, 0, 100 },
	{ "purge", PURGED, 0, 100 },
	{ "close", CLOSED, 0, 50 },
	{ "suspend", SUSPENDED, 0, 50 },
	{ "close, positions", CLOSED, TESTDEV_PIPE_SEEKS, 50 },
};

static void flow_desc(const struct flow_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(flow, flow_cases, flow_desc);

/**
 * struct mover - a thread that moves a target away and back, and again
 * @target: that one
 * @to: its stream's consumer, who gets something in between
 * @move: where to
 * @moves: so many have been
 * @err: of one that has failed
 * @quit: no more
 * @task: the thread
 */
struct mover {
	struct io_target	*target;
	struct consumer		*to;
	enum move		move;
	unsigned int		moves;
	int			err;
	bool			quit;
	struct task_struct	*task;
};

static int mover_thread(void *data)
{
	struct mover *m = data;

	while (!READ_ONCE(m->quit) && !m->err) {
		u64 place;

		m->err = move_away(m->target, m->move);
		place = READ_ONCE(m->to->place);
		m->err = m->err ?: move_back(m->target, m->move);
		m->moves++;
		wait_event(m->to->changed, READ_ONCE(m->quit) || READ_ONCE(m->to->place) > place);
	}
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

static struct mover *mover_start(struct kunit *test, struct io_target *t, struct consumer *to,
				 enum move move)
{
	struct mover *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, m);
	m->target = t;
	m->to = to;
	m->move = move;
	m->task = kthread_run(mover_thread, m, "io_target_mover");
	KUNIT_ASSERT_FALSE(test, IS_ERR(m->task));
	return m;
}

static void mover_stop(struct mover *m)
{
	WRITE_ONCE(m->quit, true);
	wake_up_all(&m->to->changed);
	kthread_stop(m->task);
}

/* How often the target is to go away at the least, however fast the data flows */
#define MOVES	20

/* While data flows the target goes away and comes back: in order, and none is lost. */
static void stream_flow(struct kunit *test)
{
	const struct flow_case *c = test->param_value;
	u64 n = duel_rounds(c->buffers) * CHUNK;
	struct io_target *t = ready_open(test, c->flags);
	struct consumer *to = consumer_alloc(test);
	struct io_target_stream *s = consumer_start(test, t, to, (struct io_target_stream_config){
		.depth = 4, .size = CHUNK });
	struct mover *m = mover_start(test, t, to, c->move);
	bool come;

	consumer_push(test, to, 0, n);
	come = consumer_wait_place(to, n);
	for (; come && READ_ONCE(m->moves) < MOVES && !READ_ONCE(m->err); n += CHUNK) {
		consumer_push(test, to, n, CHUNK);
		come = consumer_wait_place(to, n + CHUNK);
	}
	mover_stop(m);
	kunit_info(test, "%llu bytes, %u moves, %llu restarts", n, m->moves,
		   consumer_stats(s).restarts);
	KUNIT_EXPECT_TRUE(test, come);
	KUNIT_EXPECT_EQ(test, m->err, 0);
	KUNIT_EXPECT_GE(test, m->moves, MOVES);
	KUNIT_EXPECT_EQ(test, consumer_stats(s).dropped, 0);
	KUNIT_EXPECT_EQ(test, io_target_stream_stop(s), 0);
	KUNIT_EXPECT_EQ(test, to->place, n);
	KUNIT_EXPECT_EQ(test, to->wrong, 0);
	KUNIT_EXPECT_EQ(test, to->errors, 0);
}

static struct kunit_case flow_suite_cases[] = {
	KUNIT_CASE_PARAM(stream_flow, flow_gen_params),
	{}
};

static struct kunit_suite flow_suite = {
	.name		= "io_target_stress_stream_flow",
	.init		= ready_init,
	.exit		= ready_exit,
	.test_cases	= flow_suite_cases,
};

kunit_test_suites(&state_suite, &flow_suite);
