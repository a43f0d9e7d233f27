// SPDX-License-Identifier: GPL-2.0
/*
 * Requests that fail before submit returns, each of which sends the next from its
 * end_io: however many there are, the stack does not grow.
 */
#include <linux/mm.h>
#include <linux/sched/task_stack.h>
#include <linux/sizes.h>

#include "device.h"
#include "spec.h"

#define LINKS	10000

/**
 * struct chain - requests each of which sends the next when it ends
 * @reqs: all formatted
 * @next: to be sent
 * @result: what all should end with
 * @wrong: those that ended otherwise
 * @err: of the submit that failed
 * @shallow: least depth of a worker's stack in end_io
 * @deep: most
 * @done: the last has ended, or one could not be sent
 */
struct chain {
	struct io_target_request	*reqs;
	unsigned int			next;
	ssize_t				result;
	unsigned int			wrong;
	int				err;
	unsigned long			shallow;
	unsigned long			deep;
	struct completion		done;
};

static void note_depth(struct chain *c)
{
	unsigned long depth = (unsigned long)task_stack_page(current) + THREAD_SIZE -
			      (unsigned long)__builtin_frame_address(0);

	/* The first ends in the thread of the case. */
	if (!(current->flags & PF_WQ_WORKER))
		return;
	c->shallow = min(c->shallow, depth);
	c->deep = max(c->deep, depth);
}

static void chain_end_io(struct io_target_request *req)
{
	struct chain *c = req->private;

	note_depth(c);
	c->wrong += req->result != c->result;
	if (c->next < LINKS)
		c->err = io_target_submit_atomic(&c->reqs[c->next++]);
	else
		c->err = 1;
	if (c->err)
		complete(&c->done);
}

static void chain_run(struct kunit *test, struct chain *c)
{
	unsigned int i;

	c->shallow = ULONG_MAX;
	init_completion(&c->done);
	for (i = 0; i < LINKS; i++) {
		c->reqs[i].end_io = chain_end_io;
		c->reqs[i].private = c;
	}
	c->next = 1;
	KUNIT_EXPECT_EQ(test, io_target_submit(&c->reqs[0]), 0);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&c->done, TESTDEV_PATIENCE), 0ul);
	KUNIT_EXPECT_EQ(test, c->err, 1);
	KUNIT_EXPECT_EQ(test, c->next, (unsigned int)LINKS);
	KUNIT_EXPECT_EQ(test, c->wrong, 0u);
	KUNIT_EXPECT_LT(test, c->deep - c->shallow, 1024ul);
	kunit_info(test, "stack depth within %lu bytes, %lu at most", c->deep - c->shallow,
		   c->deep);
}

/* Who ends them, before or inside the driver */
enum early {
	SHRUNK,		/* the block layer: they are beyond the end, since the disk has shrunk */
	UNSUPPORTED,	/* the block layer: the disk can do no discards any more */
	REFUSED,	/* ->submit_bio() */
	QUEUE_REFUSED,	/* queue_rq */
};

static const struct early_case {
	const char			*name;
	const struct spec_device	*dev;
	enum early			early;
	ssize_t				result;
} earlies[] = {
	{ "beyond the end", &spec_bdev, SHRUNK, -EIO },
	{ "unsupported", &spec_bdev, UNSUPPORTED, -EOPNOTSUPP },
	{ "refused by a disk", &spec_bdev, REFUSED, -EOPNOTSUPP },
	{ "refused by a queue", &spec_mq, QUEUE_REFUSED, -EOPNOTSUPP },
};

static void early_desc(const struct early_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(early, earlies, early_desc);

static void early_set(enum early early, bool on)
{
	switch (early) {
	case SHRUNK:
		testdev_disk_resize(device_disk[FINE], on ? SZ_1M : FINE_SIZE);
		break;
	case UNSUPPORTED:
		testdev_disk_discards(device_disk[FINE], !on);
		break;
	case REFUSED:
		testdev_disk_fail(device_disk[FINE], 0, on ? FINE_SIZE : 0, BLK_STS_NOTSUPP);
		break;
	default:
		testdev_mq_answer(spec_mq_disk, on ? BLK_STS_NOTSUPP : BLK_STS_OK);
		break;
	}
}

/* Formatted while nothing is wrong with them */
static void chain_prep(struct kunit *test, struct chain *c, enum early early)
{
	struct fixture *fx = test->priv;
	u8 *buf = step_buf(test, SPEC_LEN);
	unsigned int i;
	int err;

	for (i = 0; i < LINKS; i++) {
		io_target_request_init(&c->reqs[i], fx->target);
		if (early == UNSUPPORTED)
			err = io_target_prep_discard(&c->reqs[i], SZ_2M, SZ_4K, 0);
		else
			err = io_target_prep_write_buf(&c->reqs[i], buf, SPEC_LEN, SZ_2M, 0);
		KUNIT_ASSERT_EQ(test, err, 0);
	}
}

/* What ends at once and is followed by the next from its end_io does not recurse. */
static void early_failures(struct kunit *test)
{
	const struct early_case *c = test->param_value;
	struct chain chain = { .result = c->result };

	chain.reqs = kvcalloc(LINKS, sizeof(*chain.reqs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, chain.reqs);
	chain_prep(test, &chain, c->early);
	early_set(c->early, true);
	chain_run(test, &chain);
	early_set(c->early, false);
	kvfree(chain.reqs);
}

static int early_suite_init(struct kunit_suite *suite)
{
	int err = fake_suite_init(suite);

	err = err ?: spec_bdev.suite_init(suite);
	return err ?: spec_mq.suite_init(suite);
}

static void early_suite_exit(struct kunit_suite *suite)
{
	spec_mq.suite_exit(suite);
	spec_bdev.suite_exit(suite);
	fake_suite_exit(suite);
}

static int early_init(struct kunit *test)
{
	const struct early_case *c = test->param_value;

	return spec_init(test, c->dev);
}

static struct kunit_case early_cases[] = {
	KUNIT_CASE_PARAM(early_failures, early_gen_params),
	{}
};

static struct kunit_suite early_suite = {
	.name		= "io_target_early",
	.suite_init	= early_suite_init,
	.suite_exit	= early_suite_exit,
	.init		= early_init,
	.exit		= spec_exit,
	.test_cases	= early_cases,
};

kunit_test_suite(early_suite);
