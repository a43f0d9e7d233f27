// SPDX-License-Identifier: GPL-2.0
/*
 * The specification of a target's states, as two tables, and the devices that
 * are held against it: the fake, a disk, a char device.
 *
 * There is no column yet for forwarded bios and kiocbs.
 */
#include "spec.h"

/* Rows and columns of the first table */
static const enum io_target_state states[] = {
	IO_TARGET_CLOSED, IO_TARGET_STARTING, IO_TARGET_STARTED, IO_TARGET_STOPPED,
	IO_TARGET_PURGED, IO_TARGET_SUSPENDED, IO_TARGET_REMOVED,
};

#define NODEV	(-ENODEV)
#define AGAIN	(-EAGAIN)
#define SHUT	(-ESHUTDOWN)
#define PENDS	SPEC_PENDS
#define SENT	SPEC_SENT

/*
 * What a state does with a request. A device that cannot honour NOWAIT has that
 * refused by prep, so the devices here all can. BOUNCE, TASK, submit_atomic and
 * pool requests without end_io make no difference: each cell is tried with all
 * of them, "blocking" with submit_wait over the caller's memory and with BOUNCE
 * and with a one-line call.
 */
static const int answers[ARRAY_SIZE(states) * SPEC_KINDS] = {
	/*		plain  NOWAIT blocking IGNORE_STATE and NOWAIT, full */
	/* closed */	NODEV, NODEV, NODEV,   NODEV,       NODEV,      NODEV,
	/* starting */	PENDS, AGAIN, PENDS,   SENT,        SENT,       AGAIN,
	/* started */	SENT,  SENT,  SENT,    SENT,        SENT,       SENT,
	/* stopped */	PENDS, AGAIN, PENDS,   SENT,        SENT,       AGAIN,
	/* purged */	SHUT,  SHUT,  SHUT,    SENT,        SENT,       SHUT,
	/* suspended */	PENDS, AGAIN, PENDS,   PENDS,       AGAIN,      AGAIN,
	/* removed */	NODEV, NODEV, NODEV,   NODEV,       NODEV,      NODEV,
};

static void answer_desc(const int *answer, char *desc)
{
	unsigned int i = answer - answers;

	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s, %s", spec_state_name(states[i / SPEC_KINDS]),
		 spec_kind_names[i % SPEC_KINDS]);
}

KUNIT_ARRAY_PARAM(answer, answers, answer_desc);

/* Covers A1, S1, S2, S6. */
static void spec_admits(struct kunit *test)
{
	const int *answer = test->param_value;
	unsigned int i = answer - answers;

	spec_admit(test, states[i / SPEC_KINDS], i % SPEC_KINDS, *answer);
}

#define CLOSED		IO_TARGET_CLOSED
#define STARTING	IO_TARGET_STARTING
#define STARTED		IO_TARGET_STARTED
#define STOPPED		IO_TARGET_STOPPED
#define PURGED		IO_TARGET_PURGED
#define SUSPENDED	IO_TARGET_SUSPENDED
#define REMOVED		IO_TARGET_REMOVED

/*
 * What a call does with those that pend, and what it waits for. Those that the
 * device has run on whatever is called: no one can take them back.
 *
 * Close, suspend, reopen and another start wait for a start that is on its way, and
 * find what that has left: nothing pends then. A suspended target has no device, so
 * that there is nothing to wait for.
 */
static const struct spec_move moves[] = {
	{ SPEC_START, CLOSED, -ENODEV, CLOSED, SPEC_NONE, SPEC_AT_ONCE },
	{ SPEC_START, STARTING, 0, STARTED, SPEC_GO, SPEC_AFTER_START },
	{ SPEC_START, STARTED, 0, STARTED, SPEC_NONE, SPEC_AT_ONCE },
	{ SPEC_START, STOPPED, 0, STARTED, SPEC_GO, SPEC_AT_ONCE },
	{ SPEC_START, PURGED, 0, STARTED, SPEC_NONE, SPEC_AT_ONCE },
	{ SPEC_START, SUSPENDED, -ENODEV, SUSPENDED, SPEC_STAY, SPEC_AT_ONCE },
	{ SPEC_START, REMOVED, -ENODEV, REMOVED, SPEC_NONE, SPEC_AT_ONCE },

	{ SPEC_STOP_LEAVE, CLOSED, -ENODEV, CLOSED, SPEC_NONE, SPEC_AT_ONCE },
	{ SPEC_STOP_LEAVE, STARTING, 0, STOPPED, SPEC_STAY, SPEC_AT_ONCE },
	{ SPEC_STOP_LEAVE, STARTED, 0, STOPPED, SPEC_NONE, SPEC_AT_ONCE },
	{ SPEC_STOP_LEAVE, STOPPED, 0, STOPPED, SPEC_STAY, SPEC_AT_ONCE },
	{ SPEC_STOP_LEAVE, PURGED, 0, STOPPED, SPEC_NONE, SPEC_AT_ONCE },
	{ SPEC_STOP_LEAVE, SUSPENDED, 0, SUSPENDED, SPEC_STAY, SPEC_AT_ONCE },
	{ SPEC_STOP_LEAVE, REMOVED, -ENODEV, REMOVED, SPEC_NONE, SPEC_AT_ONCE },

	{ SPEC_STOP_WAIT, CLOSED, -ENODEV, CLOSED, SPEC_NONE, SPEC_AT_ONCE },
	{ SPEC_STOP_WAIT, STARTING, 0, STOPPED, SPEC_STAY, SPEC_AFTER_GATED },
	{ SPEC_STOP_WAIT, STARTED, 0, STOPPED, SPEC_NONE, SPEC_AFTER_GATED },
	{ SPEC_STOP_WAIT, STOPPED, 0, STOPPED, SPEC_STAY, SPEC_AFTER_GATED },
	{ SPEC_STOP_WAIT, PURGED, 0, STOPPED, SPEC_NONE, SPEC_AFTER_GATED },
	{ SPEC_STOP_WAIT, STARTING, -ETIMEDOUT, STOPPED, SPEC_STAY, SPEC_ON_TIME },
	{ SPEC_STOP_WAIT, STARTED, -ETIMEDOUT, STOPPED, SPEC_NONE, SPEC_ON_TIME },
	{ SPEC_STOP_WAIT, STOPPED, -ETIMEDOUT, STOPPED, SPEC_STAY, SPEC_ON_TIME },
	{ SPEC_STOP_WAIT, PURGED, -ETIMEDOUT, STOPPED, SPEC_NONE, SPEC_ON_TIME },
	{ SPEC_STOP_WAIT, SUSPENDED, 0, SUSPENDED, SPEC_STAY, SPEC_AT_ONCE },
	{ SPEC_STOP_WAIT, REMOVED, -ENODEV, REMOVED, SPEC_NONE, SPEC_AT_ONCE },

	{ SPEC_STOP_CANCEL, CLOSED, -ENODEV, CLOSED, SPEC_NONE, SPEC_AT_ONCE },
	{ SPEC_STOP_CANCEL, STARTING, 0, STOPPED, SPEC_STAY, SPEC_AFTER_GATED },
	{ SPEC_STOP_CANCEL, STARTED, 0, STOPPED, SPEC_NONE, SPEC_AFTER_GATED },
	{ SPEC_STOP_CANCEL, STOPPED, 0, STOPPED, SPEC_STAY, SPEC_AFTER_GATED },
	{ SPEC_STOP_CANCEL, PURGED, 0, STOPPED, SPEC_NONE, SPEC_AFTER_GATED },
	{ SPEC_STOP_CANCEL, STARTING, -ETIMEDOUT, STOPPED, SPEC_STAY, SPEC_ON_TIME },
	{ SPEC_STOP_CANCEL, STARTED, -ETIMEDOUT, STOPPED, SPEC_NONE, SPEC_ON_TIME },
	{ SPEC_STOP_CANCEL, STOPPED, -ETIMEDOUT, STOPPED, SPEC_STAY, SPEC_ON_TIME },
	{ SPEC_STOP_CANCEL, PURGED, -ETIMEDOUT, STOPPED, SPEC_NONE, SPEC_ON_TIME },
	{ SPEC_STOP_CANCEL, SUSPENDED, 0, SUSPENDED, SPEC_STAY, SPEC_AT_ONCE },
	{ SPEC_STOP_CANCEL, REMOVED, -ENODEV, REMOVED, SPEC_NONE, SPEC_AT_ONCE },

	{ SPEC_PURGE_LEAVE, CLOSED, -ENODEV, CLOSED, SPEC_NONE, SPEC_AT_ONCE },
	{ SPEC_PURGE_LEAVE, STARTING, 0, PURGED, SPEC_CANCELLED, SPEC_AT_ONCE },
	{ SPEC_PURGE_LEAVE, STARTED, 0, PURGED, SPEC_NONE, SPEC_AT_ONCE },
	{ SPEC_PURGE_LEAVE, STOPPED, 0, PURGED, SPEC_CANCELLED, SPEC_AT_ONCE },
	{ SPEC_PURGE_LEAVE, PURGED, 0, PURGED, SPEC_NONE, SPEC_AT_ONCE },
	{ SPEC_PURGE_LEAVE, SUSPENDED, 0, PURGED, SPEC_CANCELLED, SPEC_AT_ONCE },
	{ SPEC_PURGE_LEAVE, REMOVED, -ENODEV, REMOVED, SPEC_NONE, SPEC_AT_ONCE },

	{ SPEC_PURGE_WAIT, CLOSED, -ENODEV, CLOSED, SPEC_NONE, SPEC_AT_ONCE },
	{ SPEC_PURGE_WAIT, STARTING, 0, PURGED, SPEC_CANCELLED, SPEC_AFTER_GATED },
	{ SPEC_PURGE_WAIT, STARTED, 0, PURGED, SPEC_NONE, SPEC_AFTER_GATED },
	{ SPEC_PURGE_WAIT, STOPPED, 0, PURGED, SPEC_CANCELLED, SPEC_AFTER_GATED },
	{ SPEC_PURGE_WAIT, PURGED, 0, PURGED, SPEC_NONE, SPEC_AFTER_GATED },
	{ SPEC_PURGE_WAIT, STARTING, -ETIMEDOUT, PURGED, SPEC_CANCELLED, SPEC_ON_TIME },
	{ SPEC_PURGE_WAIT, STARTED, -ETIMEDOUT, PURGED, SPEC_NONE, SPEC_ON_TIME },
	{ SPEC_PURGE_WAIT, STOPPED, -ETIMEDOUT, PURGED, SPEC_CANCELLED, SPEC_ON_TIME },
	{ SPEC_PURGE_WAIT, PURGED, -ETIMEDOUT, PURGED, SPEC_NONE, SPEC_ON_TIME },
	{ SPEC_PURGE_WAIT, SUSPENDED, 0, PURGED, SPEC_CANCELLED, SPEC_AT_ONCE },
	{ SPEC_PURGE_WAIT, REMOVED, -ENODEV, REMOVED, SPEC_NONE, SPEC_AT_ONCE },

	{ SPEC_PURGE_CANCEL, CLOSED, -ENODEV, CLOSED, SPEC_NONE, SPEC_AT_ONCE },
	{ SPEC_PURGE_CANCEL, STARTING, 0, PURGED, SPEC_CANCELLED, SPEC_AFTER_GATED },
	{ SPEC_PURGE_CANCEL, STARTED, 0, PURGED, SPEC_NONE, SPEC_AFTER_GATED },
	{ SPEC_PURGE_CANCEL, STOPPED, 0, PURGED, SPEC_CANCELLED, SPEC_AFTER_GATED },
	{ SPEC_PURGE_CANCEL, PURGED, 0, PURGED, SPEC_NONE, SPEC_AFTER_GATED },
	{ SPEC_PURGE_CANCEL, STARTING, -ETIMEDOUT, PURGED, SPEC_CANCELLED, SPEC_ON_TIME },
	{ SPEC_PURGE_CANCEL, STARTED, -ETIMEDOUT, PURGED, SPEC_NONE, SPEC_ON_TIME },
	{ SPEC_PURGE_CANCEL, STOPPED, -ETIMEDOUT, PURGED, SPEC_CANCELLED, SPEC_ON_TIME },
	{ SPEC_PURGE_CANCEL, PURGED, -ETIMEDOUT, PURGED, SPEC_NONE, SPEC_ON_TIME },
	{ SPEC_PURGE_CANCEL, SUSPENDED, 0, PURGED, SPEC_CANCELLED, SPEC_AT_ONCE },
	{ SPEC_PURGE_CANCEL, REMOVED, -ENODEV, REMOVED, SPEC_NONE, SPEC_AT_ONCE },

	{ SPEC_DRAIN, CLOSED, -ENODEV, CLOSED, SPEC_NONE, SPEC_AT_ONCE },
	{ SPEC_DRAIN, STARTING, 0, STARTED, SPEC_GO, SPEC_AFTER_GATED },
	{ SPEC_DRAIN, STARTED, 0, STARTED, SPEC_NONE, SPEC_AFTER_GATED },
	{ SPEC_DRAIN, STOPPED, 0, STARTED, SPEC_GO, SPEC_AFTER_GATED },
	{ SPEC_DRAIN, PURGED, 0, STARTED, SPEC_NONE, SPEC_AFTER_GATED },
	{ SPEC_DRAIN, STARTED, -ETIMEDOUT, STARTED, SPEC_NONE, SPEC_ON_TIME },
	{ SPEC_DRAIN, STOPPED, -ETIMEDOUT, STARTED, SPEC_GO, SPEC_ON_TIME },
	{ SPEC_DRAIN, PURGED, -ETIMEDOUT, STARTED, SPEC_NONE, SPEC_ON_TIME },
	{ SPEC_DRAIN, SUSPENDED, -ENODEV, SUSPENDED, SPEC_STAY, SPEC_AT_ONCE },
	{ SPEC_DRAIN, REMOVED, -ENODEV, REMOVED, SPEC_NONE, SPEC_AT_ONCE },

	{ SPEC_CLOSE, CLOSED, 0, CLOSED, SPEC_NONE, SPEC_AT_ONCE },
	{ SPEC_CLOSE, STARTING, 0, CLOSED, SPEC_GO, SPEC_AFTER_ALL },
	{ SPEC_CLOSE, STARTED, 0, CLOSED, SPEC_NONE, SPEC_AFTER_ALL },
	{ SPEC_CLOSE, STOPPED, 0, CLOSED, SPEC_CANCELLED, SPEC_AFTER_ALL },
	{ SPEC_CLOSE, PURGED, 0, CLOSED, SPEC_NONE, SPEC_AFTER_ALL },
	{ SPEC_CLOSE, SUSPENDED, 0, CLOSED, SPEC_CANCELLED, SPEC_AT_ONCE },
	{ SPEC_CLOSE, REMOVED, 0, CLOSED, SPEC_NONE, SPEC_AFTER_ALL },

	{ SPEC_SUSPEND, CLOSED, -ENODEV, CLOSED, SPEC_NONE, SPEC_AT_ONCE },
	{ SPEC_SUSPEND, STARTING, 0, SUSPENDED, SPEC_GO, SPEC_AFTER_ALL },
	{ SPEC_SUSPEND, STARTED, 0, SUSPENDED, SPEC_NONE, SPEC_AFTER_ALL },
	{ SPEC_SUSPEND, STOPPED, 0, SUSPENDED, SPEC_STAY, SPEC_AFTER_ALL },
	{ SPEC_SUSPEND, PURGED, 0, PURGED, SPEC_NONE, SPEC_AFTER_ALL },
	{ SPEC_SUSPEND, SUSPENDED, 0, SUSPENDED, SPEC_STAY, SPEC_AT_ONCE },
	{ SPEC_SUSPEND, REMOVED, -ENODEV, REMOVED, SPEC_NONE, SPEC_AT_ONCE },
	{ SPEC_SUSPEND, STARTED, -ETIMEDOUT, SUSPENDED, SPEC_NONE, SPEC_ON_TIME },
	{ SPEC_SUSPEND, STOPPED, -ETIMEDOUT, SUSPENDED, SPEC_STAY, SPEC_ON_TIME },
	{ SPEC_SUSPEND, PURGED, -ETIMEDOUT, PURGED, SPEC_NONE, SPEC_ON_TIME },

	{ SPEC_REOPEN, CLOSED, 0, STARTED, SPEC_NONE, SPEC_AT_ONCE },
	{ SPEC_REOPEN, STARTING, -EBUSY, STARTED, SPEC_GO, SPEC_AFTER_START },
	{ SPEC_REOPEN, STARTED, -EBUSY, STARTED, SPEC_NONE, SPEC_AT_ONCE },
	{ SPEC_REOPEN, STOPPED, -EBUSY, STOPPED, SPEC_STAY, SPEC_AT_ONCE },
	{ SPEC_REOPEN, PURGED, -EBUSY, PURGED, SPEC_NONE, SPEC_AT_ONCE },
	{ SPEC_REOPEN, SUSPENDED, 0, STARTED, SPEC_GO, SPEC_AT_ONCE },
	{ SPEC_REOPEN, REMOVED, -EBUSY, REMOVED, SPEC_NONE, SPEC_AT_ONCE },

	{ SPEC_REMOVE, CLOSED, 0, CLOSED, SPEC_NONE, SPEC_AT_ONCE },
	{ SPEC_REMOVE, STARTING, 0, REMOVED, SPEC_GONE, SPEC_AT_ONCE },
	{ SPEC_REMOVE, STARTED, 0, REMOVED, SPEC_NONE, SPEC_AT_ONCE },
	{ SPEC_REMOVE, STOPPED, 0, REMOVED, SPEC_GONE, SPEC_AT_ONCE },
	{ SPEC_REMOVE, PURGED, 0, REMOVED, SPEC_NONE, SPEC_AT_ONCE },
	{ SPEC_REMOVE, SUSPENDED, 0, REMOVED, SPEC_GONE, SPEC_AT_ONCE },
	{ SPEC_REMOVE, REMOVED, 0, REMOVED, SPEC_NONE, SPEC_AT_ONCE },
};

static void move_desc(const struct spec_move *move, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s, %s%s", spec_state_name(move->from),
		 spec_verb_names[move->verb], move->back == SPEC_ON_TIME ? " timeout" : "");
}

KUNIT_ARRAY_PARAM(move, moves, move_desc);

/* Covers S3, S4, S5, S6, S8, S9, S10, S13. */
static void spec_moves(struct kunit *test)
{
	spec_move(test, test->param_value);
}

/*
 * What the second table says of those that were sent, "asked to cancel": the device
 * cannot be asked, but some have not been given to it yet.
 */
static const struct spec_queued queued[] = {
	{ SPEC_START, 0, STARTED, SPEC_STAY, SPEC_STAY },
	{ SPEC_STOP_LEAVE, 0, STOPPED, SPEC_STAY, SPEC_STAY },
	{ SPEC_STOP_WAIT, -ETIMEDOUT, STOPPED, SPEC_STAY, SPEC_STAY },
	{ SPEC_STOP_CANCEL, 0, STOPPED, SPEC_CANCELLED, SPEC_STAY },
	{ SPEC_PURGE_LEAVE, 0, PURGED, SPEC_STAY, SPEC_STAY },
	{ SPEC_PURGE_WAIT, -ETIMEDOUT, PURGED, SPEC_STAY, SPEC_STAY },
	{ SPEC_PURGE_CANCEL, 0, PURGED, SPEC_CANCELLED, SPEC_STAY },
	{ SPEC_DRAIN, -ETIMEDOUT, STARTED, SPEC_STAY, SPEC_STAY },
	{ SPEC_SUSPEND, -ETIMEDOUT, SUSPENDED, SPEC_STAY, SPEC_STAY },
	{ SPEC_REMOVE, 0, REMOVED, SPEC_STAY, SPEC_STAY },
	{ SPEC_CLOSE, 0, CLOSED, SPEC_CANCELLED, SPEC_CANCELLED },
};

static void queued_desc(const struct spec_queued *c, char *desc)
{
	strscpy(desc, spec_verb_names[c->verb], KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(queued, queued, queued_desc);

/* Covers S4, S6. */
static void spec_queues(struct kunit *test)
{
	spec_queued(test, test->param_value);
}

static int suite_init(struct kunit_suite *suite, const struct spec_device *dev)
{
	int err = fake_suite_init(suite);

	if (!err && dev->suite_init)
		err = dev->suite_init(suite);
	return err;
}

static void suite_exit(struct kunit_suite *suite, const struct spec_device *dev)
{
	if (dev->suite_exit)
		dev->suite_exit(suite);
	fake_suite_exit(suite);
}

static int fake_suite(struct kunit_suite *suite)
{
	return suite_init(suite, &spec_fake);
}

static void fake_suite_end(struct kunit_suite *suite)
{
	suite_exit(suite, &spec_fake);
}

static int fake_case(struct kunit *test)
{
	return spec_init(test, &spec_fake);
}

static struct kunit_case fake_cases[] = {
	KUNIT_CASE_PARAM(spec_admits, answer_gen_params),
	KUNIT_CASE_PARAM(spec_moves, move_gen_params),
	KUNIT_CASE_PARAM(spec_queues, queued_gen_params),
	{}
};

static struct kunit_suite spec_fake_suite = {
	.name		= "io_target_spec_fake",
	.suite_init	= fake_suite,
	.suite_exit	= fake_suite_end,
	.init		= fake_case,
	.exit		= spec_exit,
	.test_cases	= fake_cases,
};

static int bdev_suite(struct kunit_suite *suite)
{
	return suite_init(suite, &spec_bdev);
}

static void bdev_suite_end(struct kunit_suite *suite)
{
	suite_exit(suite, &spec_bdev);
}

static int bdev_case(struct kunit *test)
{
	return spec_init(test, &spec_bdev);
}

static struct kunit_case bdev_cases[] = {
	KUNIT_CASE_PARAM(spec_admits, answer_gen_params),
	KUNIT_CASE_PARAM(spec_moves, move_gen_params),
	KUNIT_CASE_PARAM(spec_queues, queued_gen_params),
	{}
};

static struct kunit_suite spec_bdev_suite = {
	.name		= "io_target_spec_bdev",
	.suite_init	= bdev_suite,
	.suite_exit	= bdev_suite_end,
	.init		= bdev_case,
	.exit		= spec_exit,
	.test_cases	= bdev_cases,
};

static int file_suite(struct kunit_suite *suite)
{
	return suite_init(suite, &spec_file);
}

static void file_suite_end(struct kunit_suite *suite)
{
	suite_exit(suite, &spec_file);
}

static int file_case(struct kunit *test)
{
	return spec_init(test, &spec_file);
}

static struct kunit_case file_cases[] = {
	KUNIT_CASE_PARAM(spec_admits, answer_gen_params),
	KUNIT_CASE_PARAM(spec_moves, move_gen_params),
	KUNIT_CASE_PARAM(spec_queues, queued_gen_params),
	{}
};

static struct kunit_suite spec_file_suite = {
	.name		= "io_target_spec_file",
	.suite_init	= file_suite,
	.suite_exit	= file_suite_end,
	.init		= file_case,
	.exit		= spec_exit,
	.test_cases	= file_cases,
};

kunit_test_suites(&spec_fake_suite, &spec_bdev_suite, &spec_file_suite);
