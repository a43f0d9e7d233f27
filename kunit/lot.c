// SPDX-License-Identifier: GPL-2.0
/*
 * A lot of neighbouring requests, see lot.h.
 */
#include <kunit/resource.h>
#include <linux/iopoll.h>
#include <linux/slab.h>

#include "lot.h"
#include "pattern.h"

struct testdev_mq *queue_disk;
static struct workqueue_struct *other_wq;

int queue_suite_init(struct kunit_suite *suite)
{
	int err;

	other_wq = alloc_workqueue("io_target_others", WQ_UNBOUND, 0);
	if (!other_wq)
		return -ENOMEM;
	err = device_disks_init(suite);
	if (err)
		goto err_wq;
	err = device_chars_init(suite);
	if (err)
		goto err_disks;
	queue_disk = testdev_mq_create("iotqueue", QUEUE_SIZE, TESTDEV_MQ_DATA | TESTDEV_MQ_POLL);
	if (!IS_ERR(queue_disk))
		return 0;
	err = PTR_ERR(queue_disk);
	queue_disk = NULL;
	device_chars_exit(suite);
err_disks:
	device_disks_exit(suite);
err_wq:
	destroy_workqueue(other_wq);
	other_wq = NULL;
	return err;
}

void queue_suite_exit(struct kunit_suite *suite)
{
	testdev_mq_destroy(queue_disk);
	queue_disk = NULL;
	device_chars_exit(suite);
	device_disks_exit(suite);
	if (other_wq)
		destroy_workqueue(other_wq);
	other_wq = NULL;
}

void queue_fixture_exit(struct kunit *test)
{
	testdev_mq_let_go(queue_disk);
	device_set_answer();
	flush_workqueue(other_wq);
	device_fixture_exit(test);
	testdev_mq_reset(queue_disk);
}

struct io_target *open_queue(struct kunit *test)
{
	return device_open(test, testdev_mq_path(queue_disk), RW);
}

struct io_target *open_fine(struct kunit *test)
{
	return device_open(test, testdev_disk_path(device_disk[FINE]), RW);
}

void member_end_io(struct io_target_request *req)
{
	struct member *m = container_of(req, struct member, req);

	m->number = atomic_inc_return(&m->lot->ended);
	m->result = req->result;
	atomic_inc(&m->ends);
	if (m->then)
		m->then(m);
	else
		complete(&m->done);
}

static void lot_free(struct kunit_resource *res)
{
	struct lot *lot = res->data;
	unsigned int i;

	for (i = 0; i < lot->n; i++)
		buffer_free(lot->member[i].buf);
	kvfree(lot->member);
}

struct lot *lot_alloc(struct kunit *test, struct io_target *t, unsigned int n, size_t len,
		      int kind)
{
	struct lot *lot = kunit_kzalloc(test, sizeof(*lot), GFP_KERNEL);
	struct io_target_info info = {};
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, lot);
	KUNIT_ASSERT_LE(test, n, (unsigned int)LOT_MOST);
	kunit_add_resource(test, NULL, lot_free, &lot->res, lot);
	lot->target = t;
	KUNIT_ASSERT_EQ(test, io_target_get_info(t, &info), 0);
	lot->queue = S_ISBLK(info.mode) && info.dev != testdev_disk_dev(device_disk[FINE]);
	lot->len = len;
	lot->member = kvcalloc(n, sizeof(*lot->member), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, lot->member);
	for (i = 0; i < n; i++) {
		struct member *m = &lot->member[i];

		m->lot = lot;
		m->buf = buffer_alloc(kind < 0 ? i % (BUFFER_FOLIO + 1) : kind, len);
		KUNIT_ASSERT_NOT_NULL(test, m->buf);
		lot->n++;
		init_completion(&m->done);
		io_target_request_init(&m->req, t);
		lot->reqs[i] = &m->req;
	}
	return lot;
}

void member_prep(struct kunit *test, struct member *m, enum io_target_op op, loff_t pos,
		 unsigned int flags, u64 seed)
{
	if (op == IO_TARGET_OP_WRITE)
		buffer_fill(m->buf, pos, seed);
	else
		buffer_clear(m->buf);
	KUNIT_ASSERT_EQ(test, buffer_prep(m->buf, &m->req, op, pos, flags), 0);
	m->req.end_io = member_end_io;
	m->result = 0;
	atomic_set(&m->ends, 0);
	reinit_completion(&m->done);
}

void lot_prep(struct kunit *test, struct lot *lot, enum io_target_op op, loff_t pos,
	      unsigned int flags, u64 seed)
{
	unsigned int i;

	atomic_set(&lot->ended, 0);
	for (i = 0; i < lot->n; i++)
		member_prep(test, &lot->member[i], op, pos + i * lot->len, flags, seed);
}

void lot_submit(struct kunit *test, struct lot *lot)
{
	KUNIT_ASSERT_EQ(test, io_target_submit_batch(lot->target, lot->reqs, lot->n),
			(int)lot->n);
}

bool member_wait(struct member *m)
{
	return wait_for_completion_timeout(&m->done, TESTDEV_PATIENCE);
}

bool lot_wait(struct lot *lot)
{
	unsigned int i;

	for (i = 0; i < lot->n; i++)
		if (!member_wait(&lot->member[i]))
			return false;
	return true;
}

ssize_t member_send(struct kunit *test, struct member *m)
{
	int err, ends = atomic_read(&m->ends);

	reinit_completion(&m->done);
	err = io_target_submit(&m->req);
	if (err)
		return err;
	KUNIT_ASSERT_TRUE(test, member_wait(m));
	KUNIT_EXPECT_EQ(test, atomic_read(&m->ends), ends + 1);
	KUNIT_EXPECT_EQ(test, m->req.result, m->result);
	return m->result;
}

void lot_fill(struct kunit *test, struct lot *lot, loff_t pos, u64 len, u64 seed)
{
	struct testdev_store *store = testdev_disk_store(device_disk[FINE]);
	u8 *buf;

	if (lot->queue) {
		pattern_fill(testdev_mq_memory(queue_disk) + pos, len, pos, seed);
		return;
	}
	buf = kvmalloc(len, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	pattern_fill(buf, len, pos, seed);
	KUNIT_EXPECT_EQ(test, testdev_store_fill(store, pos, buf, len), 0);
	kvfree(buf);
}

bool lot_on_disk(struct kunit *test, struct lot *lot, loff_t pos, u64 len, u64 seed)
{
	bool match;
	u8 *buf;

	if (lot->queue)
		return pattern_match(testdev_mq_memory(queue_disk) + pos, len, pos, seed) == len;
	buf = kvmalloc(len, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	testdev_store_read(testdev_disk_store(device_disk[FINE]), pos, buf, len);
	match = pattern_match(buf, len, pos, seed) == len;
	kvfree(buf);
	return match;
}

/* The memory of a read is as the disk; of a write the disk as the memory. */
static void expect_data(struct kunit *test, struct member *m, u64 seed)
{
	u64 pos = m->req.pos;

	if (m->req.op == IO_TARGET_OP_READ)
		KUNIT_EXPECT_TRUE_MSG(test, buffer_match(m->buf, pos, seed), "read at %llu", pos);
	else
		KUNIT_EXPECT_TRUE_MSG(test, lot_on_disk(test, m->lot, pos, m->lot->len, seed),
				      "write at %llu", pos);
}

void expect_member(struct kunit *test, struct member *m, ssize_t result, u64 seed)
{
	KUNIT_EXPECT_EQ(test, atomic_read(&m->ends), 1);
	KUNIT_EXPECT_EQ(test, m->result, result);
	KUNIT_EXPECT_EQ(test, m->req.result, result);
	KUNIT_EXPECT_EQ(test, blk_status_to_errno(m->req.status), min_t(ssize_t, result, 0));
	KUNIT_EXPECT_FALSE(test, m->req.not_sent);
	KUNIT_EXPECT_FALSE(test, io_target_request_pending(&m->req));
	if (result >= 0)
		expect_data(test, m, seed);
}

void expect_lot(struct kunit *test, struct lot *lot, ssize_t result, u64 seed)
{
	unsigned int i;

	KUNIT_ASSERT_TRUE(test, lot_wait(lot));
	for (i = 0; i < lot->n; i++)
		expect_member(test, &lot->member[i], result, seed);
}

unsigned int lot_bios(struct lot *lot)
{
	if (lot->queue)
		return testdev_mq_seen(queue_disk).bios;
	return testdev_disk_seen(device_disk[FINE]).bios;
}

u64 lot_bytes(struct lot *lot)
{
	if (lot->queue)
		return testdev_mq_seen(queue_disk).bytes;
	return testdev_disk_seen(device_disk[FINE]).bytes;
}

void expect_conserved(struct kunit *test, struct io_target *t, const char *what)
{
	u64 submitted = 0, completed = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		submitted += READ_ONCE(per_cpu_ptr(t->stats, cpu)->submitted);
		completed += READ_ONCE(per_cpu_ptr(t->stats, cpu)->completed);
	}
	kunit_info(test, "%s: submitted %llu = completed %llu", what, submitted, completed);
	KUNIT_EXPECT_EQ(test, submitted, completed);
}

static void other_work(struct work_struct *work)
{
	struct other *o = container_of(work, struct other, work);

	o->ret = o->call(o->target);
	complete_all(&o->done);
}

struct other *other_start(struct kunit *test, int (*call)(struct io_target *t),
			  struct io_target *t)
{
	struct other *o = kunit_kzalloc(test, sizeof(*o), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, o);
	o->call = call;
	o->target = t;
	init_completion(&o->done);
	INIT_WORK(&o->work, other_work);
	queue_work(other_wq, &o->work);
	return o;
}

bool other_waits(struct other *o)
{
	return !wait_for_completion_timeout(&o->done, HZ / 20);
}

/* Its device has been given up before: so the closer does not wait for a request any more. */
static bool closer_sleeps(struct io_target *t)
{
	return !rcu_access_pointer(t->lower) && wq_has_sleeper(&t->idle_wait);
}

bool other_close_waits(struct other *o)
{
	bool known;

	read_poll_timeout(closer_sleeps, known, known || completion_done(&o->done), 1000,
			  jiffies_to_usecs(TESTDEV_PATIENCE), false, o->target);
	return !completion_done(&o->done);
}

int other_end(struct kunit *test, struct other *o)
{
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&o->done, TESTDEV_PATIENCE), 0ul);
	flush_work(&o->work);
	return o->ret;
}

static int wait_stop(struct io_target *t)
{
	return io_target_stop(t, IO_TARGET_WAIT_SENT, TESTDEV_PATIENCE);
}

static int wait_purge(struct io_target *t)
{
	return io_target_purge(t, IO_TARGET_CANCEL_SENT, TESTDEV_PATIENCE);
}

static int wait_drain(struct io_target *t)
{
	return io_target_drain(t, TESTDEV_PATIENCE);
}

static int wait_suspend(struct io_target *t)
{
	return io_target_suspend(t, TESTDEV_PATIENCE);
}

const struct waiter waiters[WAITERS] = {
	{ "stop", wait_stop },
	{ "purge", wait_purge },
	{ "drain", wait_drain },
	{ "suspend", wait_suspend },
	{ "close", io_target_close },
};

void waiter_desc(const struct waiter *w, char *desc)
{
	strscpy(desc, w->name, KUNIT_PARAM_DESC_SIZE);
}
