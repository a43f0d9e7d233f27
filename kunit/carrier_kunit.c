// SPDX-License-Identifier: GPL-2.0
/*
 * BOUNCE: the data goes through the library's memory, which is there even when
 * there is none, and a request that was not sent in time is taken back.
 */
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#include "calls.h"
#include "memory.h"
#include "pattern.h"

#define LEN	4096
#define KIB64	(64 * 1024)
#define SEED	0xca
#define POISON	0xa5
#define SHORTLY	(HZ / 20)

static void *alloc(struct kunit *test, size_t len)
{
	void *p = kunit_kzalloc(test, len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	return p;
}

static const size_t sizes[] = {
	0, 1, 511, 4095, 4096, 4097, KIB64 - 1, KIB64, KIB64 + 1, 333333, IO_TARGET_BOUNCE_MAX,
};

static void size_desc(const size_t *size, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%zu bytes", *size);
}

KUNIT_ARRAY_PARAM(size, sizes, size_desc);

/* An asynchronous transfer of memory in three odd stretches. */
static void bounce(struct kunit *test, struct probe *p, bool write, u8 *buf, size_t len,
		   loff_t pos)
{
	struct kvec *kvec = kunit_kcalloc(test, 3, sizeof(*kvec), GFP_KERNEL);
	struct iov_iter iter;

	KUNIT_ASSERT_NOT_NULL(test, kvec);
	kvec[0] = (struct kvec){ buf, len / 3 };
	kvec[1] = (struct kvec){ buf + len / 3, 0 };
	kvec[2] = (struct kvec){ buf + len / 3, len - len / 3 };
	iov_iter_kvec(&iter, write ? ITER_SOURCE : ITER_DEST, kvec, 3, len);
	KUNIT_ASSERT_EQ(test, io_target_prep_rw(&p->req, write ? IO_TARGET_OP_WRITE :
						IO_TARGET_OP_READ, &iter, pos,
						IO_TARGET_BOUNCE), 0);
	p->req.end_io = probe_end_io;
	reinit_completion(&p->done);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), 0);
	KUNIT_ASSERT_TRUE(test, probe_wait(p));
	KUNIT_EXPECT_EQ(test, p->req.result, (ssize_t)len);
}

static void carrier_sizes(struct kunit *test)
{
	size_t len = *(const size_t *)test->param_value;
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	enum fake_context context;
	u8 *buf = vmalloc(len + 16);
	u8 *odd = buf + 5;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	fx->fake.lower->dma_mask = 511;
	for (context = 0; context < FAKE_CONTEXTS; context++) {
		loff_t pos = context * 1001;

		fx->fake.answer.context = context;
		pattern_fill(odd, len, pos, SEED);
		bounce(test, p, true, odd, len, pos);
		KUNIT_EXPECT_EQ(test, pattern_match(fx->fake.memory + pos, len, pos, SEED), len);
		memset(buf, POISON, len + 16);
		bounce(test, p, false, odd, len, pos);
		KUNIT_EXPECT_EQ(test, pattern_match(odd, len, pos, SEED), len);
		KUNIT_EXPECT_EQ(test, pattern_match_byte(buf, 5, POISON), 5ul);
		KUNIT_EXPECT_EQ(test, pattern_match_byte(odd + len, 11, POISON), 11ul);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&p->ends), 2 * FAKE_CONTEXTS);
	vfree(buf);
}

/* The device sees the data of the submit, and the caller none before the end. */
static void carrier_keeps_apart(struct kunit *test)
{
	u8 *buf = alloc(test, 2 * LEN);
	struct probe *p = probes_alloc(test, 2);
	struct fixture *fx = test->priv;

	fx->fake.park = true;
	pattern_fill(buf, LEN, 0, SEED);
	memset(buf + LEN, POISON, LEN);
	memset(fx->fake.memory + LEN, 1, LEN);
	probe_prep(test, &p[0], IO_TARGET_OP_WRITE, buf, LEN, 0, IO_TARGET_BOUNCE);
	probe_prep(test, &p[1], IO_TARGET_OP_READ, buf + LEN, LEN, LEN, IO_TARGET_BOUNCE);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p[0].req), 0);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p[1].req), 0);
	memset(buf, POISON, LEN);
	KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, 2));
	KUNIT_EXPECT_EQ(test, pattern_match_byte(buf + LEN, LEN, POISON), (size_t)LEN);
	fake_answer_parked(&fx->fake, false);
	KUNIT_ASSERT_TRUE(test, probe_wait(&p[0]));
	KUNIT_ASSERT_TRUE(test, probe_wait(&p[1]));
	KUNIT_EXPECT_EQ(test, pattern_match(fx->fake.memory, LEN, 0, SEED), (size_t)LEN);
	KUNIT_EXPECT_EQ(test, pattern_match_byte(buf + LEN, LEN, 1), (size_t)LEN);
}

/* A short read copies what there is, and no more. */
static void carrier_short(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	u8 *buf = alloc(test, LEN);

	pattern_fill(fx->fake.memory, LEN, 0, SEED);
	memset(buf, POISON, LEN);
	fx->fake.answer.most = 1000;
	KUNIT_EXPECT_EQ(test, call_do(CALL_WAIT_READ, p, buf, LEN, 0, IO_TARGET_BOUNCE, 60 * HZ),
			1000);
	KUNIT_EXPECT_EQ(test, pattern_match(buf, 1000, 0, SEED), 1000ul);
	KUNIT_EXPECT_EQ(test, pattern_match_byte(buf + 1000, LEN - 1000, POISON), LEN - 1000ul);
	fx->fake.answer.error = -EIO;
	memset(buf, POISON, LEN);
	KUNIT_EXPECT_EQ(test, call_do(CALL_WAIT_READ, p, buf, LEN, 0, IO_TARGET_BOUNCE, 60 * HZ),
			-EIO);
	KUNIT_EXPECT_EQ(test, pattern_match_byte(buf, LEN, POISON), (size_t)LEN);
}

/* The flags that the device has to know reach it; the others stay here. */
static void carrier_flags(struct kunit *test)
{
	const unsigned int flags = IO_TARGET_FUA | IO_TARGET_PREFLUSH | IO_TARGET_NOWAIT |
				   IO_TARGET_IGNORE_STATE;
	const unsigned int all = IOT_F_PUBLIC & ~(IOT_F_POLLED | IO_TARGET_PREPARED |
						  IO_TARGET_FULL | IO_TARGET_USER_PTR);
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	u8 *buf = alloc(test, LEN);

	KUNIT_EXPECT_EQ(test, call_do(CALL_WAIT_WRITE, p, buf, LEN, LEN, all, 60 * HZ),
			LEN);
	KUNIT_EXPECT_EQ(test, fx->fake.last.flags & IOT_F_PUBLIC, flags);
	KUNIT_EXPECT_EQ(test, call_do(CALL_WAIT_WRITE, p, buf, LEN, LEN, IO_TARGET_BOUNCE |
				      IO_TARGET_FULL, 60 * HZ), LEN);
	KUNIT_EXPECT_EQ(test, fx->fake.last.flags & IOT_F_PUBLIC, IO_TARGET_FULL);
	KUNIT_EXPECT_EQ(test, fx->fake.last.pos, (loff_t)LEN);
	KUNIT_EXPECT_EQ(test, fx->fake.last.len, (u64)LEN);
	KUNIT_EXPECT_EQ(test, fx->fake.last.op, IO_TARGET_OP_WRITE);
}

#define MANY	64

/* They are sent in the order of their submits. */
static void carrier_order(struct kunit *test)
{
	struct probe *p = probes_alloc(test, MANY);
	struct fixture *fx = test->priv;
	struct io_target_request *io;
	u8 *buf = alloc(test, LEN);
	unsigned int i;

	fx->fake.park = true;
	for (i = 0; i < MANY; i++) {
		probe_prep(test, &p[i], IO_TARGET_OP_WRITE, buf, LEN, i * LEN, IO_TARGET_BOUNCE);
		KUNIT_EXPECT_EQ(test, i & 1 ? io_target_submit(&p[i].req) :
					      io_target_submit_atomic(&p[i].req), 0);
	}
	KUNIT_ASSERT_TRUE(test, fake_wait_parked(&fx->fake, MANY));
	for (i = 0; (io = fake_take(&fx->fake, false)); i++) {
		KUNIT_EXPECT_EQ(test, io->pos, (loff_t)i * LEN);
		fake_answer(&fx->fake, io);
	}
	KUNIT_EXPECT_EQ(test, i, MANY);
}

/* A request that times out in the queue never reaches the device. */
static void carrier_taken_back(struct kunit *test)
{
	u8 *buf = alloc(test, 3 * LEN);
	struct probe *p = probes_alloc(test, 3);
	struct fixture *fx = test->priv;
	unsigned long start;

	fake_stall(&fx->fake);
	probe_prep(test, &p[0], IO_TARGET_OP_WRITE, buf, LEN, 0, IO_TARGET_BOUNCE);
	probe_prep(test, &p[2], IO_TARGET_OP_WRITE, buf + 2 * LEN, LEN, 2 * LEN, IO_TARGET_BOUNCE);
	KUNIT_EXPECT_EQ(test, io_target_submit(&p[0].req), 0);
	KUNIT_ASSERT_TRUE(test, fake_wait_stalled(&fx->fake, 1));

	pattern_fill(buf + LEN, LEN, LEN, SEED);
	start = jiffies;
	KUNIT_EXPECT_EQ(test, call_do(CALL_WAIT_WRITE, &p[1], buf + LEN, LEN, LEN,
				      IO_TARGET_BOUNCE, SHORTLY), -ETIMEDOUT);
	KUNIT_EXPECT_TRUE(test, time_after_eq(jiffies, start + SHORTLY));
	KUNIT_EXPECT_TRUE(test, p[1].req.not_sent);
	KUNIT_EXPECT_EQ(test, io_target_write(fx->target, buf + LEN, LEN, LEN, SHORTLY),
			-ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->event[IO_TARGET_EVENT_ORPHAN]), 0);

	/* What comes behind it is not held up by it. */
	KUNIT_EXPECT_EQ(test, io_target_submit(&p[2].req), 0);
	fake_unstall(&fx->fake);
	KUNIT_ASSERT_TRUE(test, probe_wait(&p[0]));
	KUNIT_ASSERT_TRUE(test, probe_wait(&p[2]));
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 2u);
	KUNIT_EXPECT_EQ(test, pattern_match_byte(fx->fake.memory + LEN, LEN, 0), (size_t)LEN);
	KUNIT_EXPECT_EQ(test, call_do(CALL_WAIT_WRITE, &p[1], buf + LEN, LEN, LEN, 0, 60 * HZ),
			LEN);
	KUNIT_EXPECT_FALSE(test, p[1].req.not_sent);
}

/* One that the worker is stuck with in the driver is an orphan, and close returns. */
static void carrier_stuck(struct kunit *test)
{
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	u8 *buf = alloc(test, LEN);

	fake_stall(&fx->fake);
	probe_prep(test, p, IO_TARGET_OP_READ, buf, LEN, 0, IO_TARGET_BOUNCE);
	KUNIT_EXPECT_EQ(test, io_target_submit_wait(&p->req, 2 * HZ), -ETIMEDOUT);
	KUNIT_EXPECT_FALSE(test, p->req.not_sent);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->event[IO_TARGET_EVENT_ORPHAN]), 1);
	KUNIT_EXPECT_EQ(test, io_target_close(fx->target), 0);
	KUNIT_EXPECT_EQ(test, fx->fake.closes, 0u);
	fake_unstall(&fx->fake);
	KUNIT_EXPECT_TRUE(test, fake_wait_closes(&fx->fake, 1));
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 1u);
}

static struct kunit_case carrier_cases[] = {
	KUNIT_CASE_PARAM(carrier_sizes, size_gen_params),
	KUNIT_CASE(carrier_keeps_apart),
	KUNIT_CASE(carrier_short),
	KUNIT_CASE(carrier_flags),
	KUNIT_CASE(carrier_order),
	KUNIT_CASE(carrier_taken_back),
	KUNIT_CASE(carrier_stuck),
	{}
};

static struct kunit_suite carrier_suite = {
	.name = "io_target_carrier",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = carrier_cases,
};

kunit_test_suite(carrier_suite);
