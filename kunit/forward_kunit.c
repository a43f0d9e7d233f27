// SPDX-License-Identifier: GPL-2.0
/*
 * Forwarded bios arrive as they were received, and end as the device says.
 */
#include <linux/blkdev.h>
#include <linux/ioprio.h>
#include <linux/part_stat.h>
#include <linux/sizes.h>

#include "inbox.h"
#include "memory.h"
#include "pattern.h"
#include "said.h"

#define SEED	0x666f7277ULL
#define PRIO	IOPRIO_PRIO_VALUE(IOPRIO_CLASS_RT, 3)
#define HINT	4
#define POS	SZ_64K

static const struct op_case {
	const char	*name;
	blk_opf_t	opf;
	u32		len;
	unsigned int	reads, writes, flushes, discards, zeroes;
} ops[] = {
	{ "read", REQ_OP_READ | REQ_RAHEAD, SZ_4K, .reads = 1 },
	{ "read meta", REQ_OP_READ | REQ_META | REQ_PRIO, SZ_4K, .reads = 1 },
	{ "write", REQ_OP_WRITE, SZ_4K, .writes = 1 },
	{ "write sync idle", REQ_OP_WRITE | REQ_SYNC | REQ_IDLE, SZ_4K, .writes = 1 },
	{ "write fua", REQ_OP_WRITE | REQ_FUA, 512, .writes = 1 },
	{ "write preflush fua", REQ_OP_WRITE | REQ_PREFLUSH | REQ_FUA, SZ_4K, .writes = 1 },
	{ "write nowait", REQ_OP_WRITE | REQ_NOWAIT, SZ_4K, .writes = 1 },
	{ "flush", REQ_OP_WRITE | REQ_PREFLUSH, 0, .flushes = 1 },
	{ "discard", REQ_OP_DISCARD, SZ_64K, .discards = 1 },
	{ "zeroes", REQ_OP_WRITE_ZEROES, SZ_64K, .zeroes = 1 },
	{ "zeroes no unmap", REQ_OP_WRITE_ZEROES | REQ_NOUNMAP, SZ_64K, .zeroes = 1 },
};

static void op_desc(const struct op_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(op, ops, op_desc);

static void setup_op(struct received *r, const struct op_case *c, u8 *buf)
{
	if (c->reads || c->writes)
		received_data(r, c->opf, POS, buf, c->len);
	else
		received_range(r, c->opf, POS, c->len);
	r->bio.bi_ioprio = PRIO;
	iot_bio_set_hint(&r->bio, HINT);
}

/* But for what the block layer notes of where the memory of a clone is from. */
static u32 flags(struct testdev_disk_seen s)
{
	return (__force u32)(s.last_flags & ~REQ_ALLOC_CACHE);
}

static void expect_arrived(struct kunit *test, const struct op_case *c)
{
	struct testdev_disk_seen s = inbox_seen();

	KUNIT_EXPECT_EQ(test, s.bios, 1u);
	KUNIT_EXPECT_EQ(test, s.reads, c->reads);
	KUNIT_EXPECT_EQ(test, s.writes, c->writes);
	KUNIT_EXPECT_EQ(test, s.flushes, c->flushes);
	KUNIT_EXPECT_EQ(test, s.discards, c->discards);
	KUNIT_EXPECT_EQ(test, s.zeroes, c->zeroes);
	KUNIT_EXPECT_EQ(test, s.bytes, (u64)c->len);
	KUNIT_EXPECT_EQ(test, flags(s), (__force u32)(c->opf & ~REQ_OP_MASK));
	KUNIT_EXPECT_EQ(test, s.last_ioprio, (u16)PRIO);
	KUNIT_EXPECT_EQ(test, s.last_hint, IOT_HAS_WRITE_HINT ? HINT : 0);
	KUNIT_EXPECT_EQ(test, s.broken, 0u);
}

/* What is on the disk, or was read, after @c of memory with the pattern. */
static void expect_data(struct kunit *test, const struct op_case *c, u8 *buf)
{
	u8 *disk = inbox_buf(test, SZ_64K);

	if (c->reads) {
		KUNIT_EXPECT_EQ(test, pattern_match(buf, c->len, POS, SEED), (size_t)c->len);
		return;
	}
	testdev_store_read(testdev_disk_store(device_disk[FINE]), POS, disk, SZ_64K);
	if (c->writes)
		KUNIT_EXPECT_EQ(test, pattern_match(disk, c->len, POS, SEED ^ 1), (size_t)c->len);
	else if (c->len)
		KUNIT_EXPECT_EQ(test, pattern_match_byte(disk, c->len, 0), (size_t)c->len);
	else
		KUNIT_EXPECT_EQ(test, pattern_match(disk, SZ_64K, POS, SEED), (size_t)SZ_64K);
}

static void fill_disk(struct kunit *test)
{
	u8 *old = inbox_buf(test, SZ_64K);

	pattern_fill(old, SZ_64K, POS, SEED);
	KUNIT_ASSERT_EQ(test, testdev_store_fill(testdev_disk_store(device_disk[FINE]), POS, old,
						 SZ_64K), 0);
}

/* As ->submit_bio() of the upper disk was given it, or from a thread of the driver's. */
static void forward_op(struct kunit *test, bool by_upper)
{
	const struct op_case *c = test->param_value;
	struct io_target *t = open_fine(test);
	struct inbox *in = inbox_alloc(test, t, 1);
	u8 *buf = inbox_buf(test, SZ_64K);

	fill_disk(test);
	if (c->writes)
		pattern_fill(buf, SZ_64K, POS, SEED ^ 1);
	setup_op(in->bios, c, buf);
	upper_forwards_to(t);
	if (by_upper)
		submit_bio_noacct(&in->bios[0].bio);
	else
		received_forward(in->bios);
	expect_ended(test, in->bios, BLK_STS_OK);
	expect_arrived(test, c);
	expect_data(test, c, buf);
	/* What was received is as it was. */
	KUNIT_EXPECT_PTR_EQ(test, in->bios[0].bio.bi_bdev, upper_bdev());
	KUNIT_EXPECT_EQ(test, in->bios[0].bio.bi_iter.bi_size, c->len);
	KUNIT_EXPECT_EQ(test, inbox_stats(t).submitted, 1ull);
	KUNIT_EXPECT_EQ(test, inbox_stats(t).errors, 0ull);
	expect_conserved(test, t, c->name);
}

static void forward_arrives(struct kunit *test)
{
	forward_op(test, false);
}

static void forward_by_upper_disk(struct kunit *test)
{
	forward_op(test, true);
}

/* Its sender polls for the bio, not for the clone. */
static void forward_not_polled(struct kunit *test)
{
	struct inbox *in = inbox_alloc(test, open_fine(test), 1);

	received_data(in->bios, REQ_OP_READ | REQ_POLLED | REQ_SYNC, 0, inbox_buf(test, 512), 512);
	received_forward(in->bios);
	expect_ended(test, in->bios, BLK_STS_OK);
	KUNIT_EXPECT_EQ(test, flags(inbox_seen()), (__force u32)REQ_SYNC);
}

static const blk_status_t statuses[] = {
	BLK_STS_IOERR, BLK_STS_MEDIUM, BLK_STS_TRANSPORT, BLK_STS_NOSPC, BLK_STS_OFFLINE,
	BLK_STS_PROTECTION, BLK_STS_TIMEOUT, BLK_STS_NOTSUPP, BLK_STS_RESOURCE,
};

static void status_desc(const blk_status_t *status, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "status %u", (__force unsigned int)*status);
}

KUNIT_ARRAY_PARAM(status, statuses, status_desc);

/* The device's own status, from any context; of one that has failed already the first one. */
static void forward_status(struct kunit *test)
{
	blk_status_t status = *(const blk_status_t *)test->param_value;
	struct io_target *t = open_fine(test);
	struct inbox *in = inbox_alloc(test, t, 5);
	u8 *buf = inbox_buf(test, 512);
	unsigned int i;

	testdev_disk_mode(device_disk[FINE], TESTDEV_HOLD, TESTDEV_TASK);
	for (i = 0; i < 5; i++)
		received_write(&in->bios[i], i, buf);
	in->bios[3].bio.bi_status = BLK_STS_TARGET;
	in->bios[4].bio.bi_status = BLK_STS_TARGET;
	for (i = 0; i < 5; i++)
		received_forward(&in->bios[i]);
	KUNIT_ASSERT_TRUE(test, testdev_disk_wait_held(device_disk[FINE], 5));
	KUNIT_EXPECT_EQ(test, inbox_ends(in, 0, 5), 0u);
	for (i = 0; i < 5; i++)
		testdev_disk_release(device_disk[FINE], 0, i == 4 ? BLK_STS_OK : status, i % 3);
	for (i = 0; i < 3; i++) {
		expect_ended(test, &in->bios[i], status);
		KUNIT_EXPECT_EQ(test, in->bios[i].context, (enum device_context)i);
	}
	expect_all_ended(test, in, 3, 2, BLK_STS_TARGET);
	KUNIT_EXPECT_EQ(test, inbox_stats(t).errors, 4ull);
	KUNIT_EXPECT_EQ(test, inbox_stats(t).timed_out, 0ull);
	expect_conserved(test, t, "status");
}

#define PIECE	SZ_1M

static void setup_large(struct received *r, u8 *buf)
{
	unsigned int i;

	received_range(r, REQ_OP_WRITE, 0, 0);
	for (i = 0; i < RECEIVED_VECS; i++)
		__bio_add_page(&r->bio, virt_to_page(buf), PIECE, offset_in_page(buf));
}

/* What is larger than the device takes at once is split below, and ends once, with all parts. */
static void forward_split_below(struct kunit *test)
{
	struct io_target *t = open_queue(test);
	struct inbox *in = inbox_alloc(test, t, 2);
	struct testdev_mq_seen s;
	u8 *buf = inbox_buf(test, PIECE);
	unsigned int i;

	pattern_fill(buf, PIECE, 0, SEED);
	setup_large(&in->bios[0], buf);
	received_forward(&in->bios[0]);
	expect_ended(test, &in->bios[0], BLK_STS_OK);
	s = testdev_mq_seen(queue_disk);
	KUNIT_EXPECT_GT(test, s.requests, 1u);
	KUNIT_EXPECT_EQ(test, s.bytes, (u64)RECEIVED_VECS * PIECE);
	for (i = 0; i < RECEIVED_VECS; i++)
		KUNIT_EXPECT_EQ(test, pattern_match(testdev_mq_memory(queue_disk) + i * PIECE,
						    PIECE, 0, SEED), (size_t)PIECE);

	KUNIT_ASSERT_EQ(test, testdev_mq_bad(queue_disk, 0, 512, BLK_STS_MEDIUM), 0);
	setup_large(&in->bios[1], buf);
	received_forward(&in->bios[1]);
	expect_ended(test, &in->bios[1], BLK_STS_MEDIUM);
	KUNIT_EXPECT_EQ(test, testdev_mq_seen(queue_disk).bytes, 2ULL * RECEIVED_VECS * PIECE);
	expect_conserved(test, t, "split");
}

static const struct ro_case {
	const char	*name;
	unsigned int	flags;
	bool		later;
} read_onlys[] = {
	{ "opened for reading", IO_TARGET_READ },
	{ "became read-only", RW, true },
};

static void ro_desc(const struct ro_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(ro, read_onlys, ro_desc);

/* The block layer would warn, and let it pass. */
static void forward_read_only(struct kunit *test)
{
	static const blk_opf_t writing[] = {
		REQ_OP_WRITE, REQ_OP_WRITE | REQ_PREFLUSH | REQ_FUA, REQ_OP_DISCARD,
		REQ_OP_WRITE_ZEROES, REQ_OP_SECURE_ERASE,
	};
	const struct ro_case *c = test->param_value;
	struct io_target *t = device_open(test, testdev_disk_path(device_disk[FINE]), c->flags);
	struct inbox *in = inbox_alloc(test, t, 1);
	unsigned int i, lines = iot_verify_lines();
	u8 *buf = inbox_buf(test, 512);

	if (c->later)
		testdev_disk_read_only(device_disk[FINE], true);
	for (i = 0; i < ARRAY_SIZE(writing); i++) {
		if (op_is_write(writing[i]) && i < 2)
			received_data(in->bios, writing[i], 0, buf, 512);
		else
			received_range(in->bios, writing[i], 0, 512);
		received_forward(in->bios);
		expect_ended(test, in->bios, BLK_STS_IOERR);
	}
	KUNIT_EXPECT_EQ(test, inbox_seen().bios, 0u);
	KUNIT_EXPECT_EQ(test, inbox_stats(t).errors, (u64)ARRAY_SIZE(writing));
	if (IS_ENABLED(CONFIG_IO_TARGET_VERIFIER))
		KUNIT_EXPECT_EQ(test, iot_verify_lines(), lines + (u32)ARRAY_SIZE(writing));
	received_range(in->bios, REQ_OP_WRITE | REQ_PREFLUSH, 0, 0);
	received_forward(in->bios);
	expect_ended(test, in->bios, BLK_STS_OK);
	received_data(in->bios, REQ_OP_READ, 0, buf, 512);
	received_forward(in->bios);
	expect_ended(test, in->bios, BLK_STS_OK);
	KUNIT_EXPECT_EQ(test, inbox_seen().bios, 2u);
	expect_conserved(test, t, c->name);
}

/* The device of who is called is of no interest. */
static int called(struct block_device *bdev, void *data)
{
	return 0;
}

static void forward_to_char(struct kunit *test)
{
	struct io_target *t = device_open(test, testdev_char_path(device_char[SEEK]), RW);
	struct inbox *in = inbox_alloc(test, t, 1);

	KUNIT_EXPECT_EQ(test, io_target_call_bdev(t, 0, called, NULL), -EOPNOTSUPP);
	received_write(in->bios, 0, inbox_buf(test, 512));
	received_forward(in->bios);
	expect_ended(test, in->bios, BLK_STS_NOTSUPP);
	KUNIT_EXPECT_EQ(test, testdev_char_seen(device_char[SEEK]).calls[1], 0u);
	expect_conserved(test, t, "char");
}

/* One that has never been open, or has been closed. */
static void forward_to_closed(struct kunit *test)
{
	struct device_fixture *fx = test->priv;
	struct inbox *in = inbox_alloc(test, fx->target[0], 2);
	u8 *buf = inbox_buf(test, 512);

	inbox_forward(in, 0, 1, buf);
	expect_ended(test, &in->bios[0], BLK_STS_OFFLINE);
	open_fine(test);
	io_target_close(in->target);
	KUNIT_EXPECT_EQ(test, io_target_call_bdev(in->target, 0, called, NULL), -ENODEV);
	inbox_forward(in, 1, 1, buf);
	expect_ended(test, &in->bios[1], BLK_STS_OFFLINE);
	KUNIT_EXPECT_EQ(test, inbox_stats(in->target).refused, 2ull);
	KUNIT_EXPECT_EQ(test, inbox_stats(in->target).submitted, 0ull);
}

static long writes_in_flight(struct block_device *bdev)
{
	long n = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		n += part_stat_local_read_cpu(bdev, in_flight[1], cpu);
	return n;
}

/* From when it is sent to when it ends, and as often as it was sent. */
static void forward_accounted(struct kunit *test)
{
	struct io_target *t = open_fine(test);
	struct inbox *in = inbox_alloc(test, t, 3);
	unsigned long ios = part_stat_read(upper_bdev(), ios[STAT_WRITE]);
	unsigned long sectors = part_stat_read(upper_bdev(), sectors[STAT_WRITE]);
	u8 *buf = inbox_buf(test, 512);

	inbox_forward(in, 0, 1, buf);
	expect_ended(test, &in->bios[0], BLK_STS_OK);
	KUNIT_EXPECT_EQ(test, part_stat_read(upper_bdev(), ios[STAT_WRITE]), ios);

	t->config.account_forwarded = true;
	testdev_disk_mode(device_disk[FINE], TESTDEV_HOLD, TESTDEV_TASK);
	inbox_forward(in, 1, 1, buf);
	KUNIT_EXPECT_EQ(test, writes_in_flight(upper_bdev()), 1L);
	testdev_disk_release_all(device_disk[FINE], BLK_STS_OK, TESTDEV_SOFTIRQ);
	expect_ended(test, &in->bios[1], BLK_STS_OK);
	KUNIT_EXPECT_EQ(test, writes_in_flight(upper_bdev()), 0L);
	KUNIT_EXPECT_EQ(test, part_stat_read(upper_bdev(), ios[STAT_WRITE]), ios + 1);
	KUNIT_EXPECT_EQ(test, part_stat_read(upper_bdev(), sectors[STAT_WRITE]), sectors + 1);

	KUNIT_EXPECT_EQ(test, io_target_stop(t, IO_TARGET_LEAVE_SENT, 0), 0);
	inbox_forward(in, 2, 1, buf);
	KUNIT_EXPECT_EQ(test, io_target_purge(t, IO_TARGET_LEAVE_SENT, 0), 0);
	expect_ended(test, &in->bios[2], BLK_STS_IOERR);
	KUNIT_EXPECT_EQ(test, part_stat_read(upper_bdev(), ios[STAT_WRITE]), ios + 1);
	KUNIT_EXPECT_EQ(test, part_stat_local_read_cpu(upper_bdev(), in_flight[1], 0), 0l);
}

#define STARVED	200

/* The target's reserve is enough to go on with, one after another. */
static void forward_without_memory(struct kunit *test)
{
	struct io_target *t = open_fine(test);
	struct inbox *in = inbox_alloc(test, t, STARVED);
	u8 *buf = inbox_buf(test, 512);
	unsigned int i;

	memory_fail_check(test);
	for (i = 0; i < STARVED; i++)
		received_data(&in->bios[i], REQ_OP_READ, i * 512, buf, 512);
	memory_fail_begin();
	for (i = 0; i < STARVED; i++)
		received_forward(&in->bios[i]);
	memory_fail_end();
	expect_all_ended(test, in, 0, STARVED, BLK_STS_OK);
	expect_order(test, in, 0, STARVED);
	KUNIT_EXPECT_EQ(test, inbox_seen().reads, STARVED);
	expect_conserved(test, t, "starved");
}

/*
 * A bio that may not wait for memory is told so, and nothing is lost. Since 7.3 the block
 * layer keeps the reserve from it: then the first one is told.
 */
static void forward_nowait_without_memory(struct kunit *test)
{
	struct io_target *t = open_fine(test);
	struct inbox *in = inbox_alloc(test, t, STARVED);
	unsigned int i, sent, held;
	u8 *buf = inbox_buf(test, 512);

	memory_fail_check(test);
	testdev_disk_mode(device_disk[FINE], TESTDEV_HOLD, TESTDEV_TASK);
	for (i = 0; i < STARVED; i++)
		received_data(&in->bios[i], REQ_OP_READ | REQ_NOWAIT, i * 512, buf, 512);
	memory_fail_begin();
	for (sent = 0; sent < STARVED && !atomic_read(&in->ended); sent++)
		received_forward(&in->bios[sent]);
	memory_fail_end();
	held = inbox_seen().bios;
	KUNIT_EXPECT_EQ(test, held, sent - 1);
	KUNIT_EXPECT_EQ(test, inbox_ends(in, 0, sent), 1u);
	expect_ended(test, &in->bios[sent - 1], BLK_STS_AGAIN);
	testdev_disk_release_all(device_disk[FINE], BLK_STS_OK, TESTDEV_TASK);
	expect_all_ended(test, in, 0, sent - 1, BLK_STS_OK);
	expect_conserved(test, t, "nowait");
}

static struct kunit_case forward_cases[] = {
	KUNIT_CASE_PARAM(forward_arrives, op_gen_params),
	KUNIT_CASE_PARAM(forward_by_upper_disk, op_gen_params),
	KUNIT_CASE(forward_not_polled),
	KUNIT_CASE_PARAM(forward_status, status_gen_params),
	KUNIT_CASE(forward_split_below),
	KUNIT_CASE_PARAM(forward_read_only, ro_gen_params),
	KUNIT_CASE(forward_to_char),
	KUNIT_CASE(forward_to_closed),
	KUNIT_CASE(forward_accounted),
	KUNIT_CASE(forward_without_memory),
	KUNIT_CASE(forward_nowait_without_memory),
	{}
};

static struct kunit_suite forward_suite = {
	.name		= "io_target_forward",
	.suite_init	= inbox_suite_init,
	.suite_exit	= inbox_suite_exit,
	.init		= device_fixture_init,
	.exit		= queue_fixture_exit,
	.test_cases	= forward_cases,
};

kunit_test_suite(forward_suite);
