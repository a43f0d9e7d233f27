// SPDX-License-Identifier: GPL-2.0
/*
 * I/O that is in flight when a followed disk goes away is kept, and sent to the disk that
 * comes back.
 */
#include <linux/sizes.h>

#include "duel.h"
#include "forwarder.h"
#include "inbox.h"
#include "lost.h"
#include "pattern.h"

#define LEN	LOST_BLOCK
#define ZONE	(64 * LEN)
#define SEED	0x6b657074ULL
#define SOME	8
/* Requests that are raced for; a stress run has 20 times as many */
#define RACED	400

/**
 * struct scene - what a case has
 * @l: the disk that goes; the first one holds what it gets
 * @t: its target
 * @s: requests
 * @buf: SOME blocks, with the pattern
 * @pattern: the same
 */
struct scene {
	struct lost		*l;
	struct io_target	*t;
	struct sent		*s;
	u8			*buf;
	u8			*pattern;
};

static struct scene *scene_open(struct kunit *test, unsigned int zone_sectors)
{
	struct scene *sc = kunit_kzalloc(test, sizeof(*sc), GFP_KERNEL);
	struct testdev_disk_config config = lost_config("iotkept");

	KUNIT_ASSERT_NOT_NULL(test, sc);
	config.limits.max_write_zeroes_sectors = 64;
	config.limits.write_cache = !zone_sectors;
	config.limits.nowait = !zone_sectors;
	config.limits.zone_sectors = zone_sectors;
	sc->buf = inbox_buf(test, SOME * LEN);
	sc->pattern = inbox_buf(test, SOME * LEN);
	pattern_fill(sc->buf, SOME * LEN, 0, SEED);
	pattern_fill(sc->pattern, SOME * LEN, 0, SEED);
	sc->l = lost_open(test, &config, true);
	sc->t = sc->l->t;
	sc->s = sent_alloc(test, sc->t, SOME + 1);
	testdev_disk_mode(sc->l->disk, TESTDEV_HOLD, TESTDEV_TASK);
	return sc;
}

/* Waits until the disk holds @n, which it fails. */
static void scene_lose(struct kunit *test, struct scene *sc, unsigned int n, bool dead,
		       blk_status_t status)
{
	KUNIT_EXPECT_TRUE(test, testdev_disk_wait_held(sc->l->disk, n));
	lost_lose(test, sc->l, dead, status);
}

/* @fill: the disk that comes back has its old contents. */
static void scene_find(struct kunit *test, struct scene *sc, bool fill)
{
	lost_find(test, sc->l, sc->pattern, fill ? SOME * LEN : 0);
}

static const struct kept_case {
	const char		*name;
	enum io_target_op	op;
	unsigned int		flags;
	unsigned int		merge;	/* so many go together */
} kept_cases[] = {
	{ "read", IO_TARGET_OP_READ },
	{ "write", IO_TARGET_OP_WRITE },
	{ "write, FUA", IO_TARGET_OP_WRITE, IO_TARGET_FUA },
	{ "write, NOWAIT", IO_TARGET_OP_WRITE, IO_TARGET_NOWAIT },
	{ "write, TASK", IO_TARGET_OP_WRITE, IO_TARGET_TASK },
	{ "write, IGNORE_STATE", IO_TARGET_OP_WRITE, IO_TARGET_IGNORE_STATE },
	{ "write, PREPARED", IO_TARGET_OP_WRITE, IO_TARGET_PREPARED },
	{ "write, BOUNCE", IO_TARGET_OP_WRITE, IO_TARGET_BOUNCE },
	{ "read, BOUNCE", IO_TARGET_OP_READ, IO_TARGET_BOUNCE },
	{ "writes, merged", IO_TARGET_OP_WRITE, IO_TARGET_MERGE_OK, SOME },
	{ "reads, merged", IO_TARGET_OP_READ, IO_TARGET_MERGE_OK, SOME },
	{ "flush", IO_TARGET_OP_FLUSH },
	{ "discard", IO_TARGET_OP_DISCARD },
	{ "zeroes", IO_TARGET_OP_WRITE_ZEROES },
};

static void kept_desc(const struct kept_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(kept, kept_cases, kept_desc);

static bool has_data(enum io_target_op op)
{
	return op == IO_TARGET_OP_READ || op == IO_TARGET_OP_WRITE;
}

static void kept_prep(struct kunit *test, struct scene *sc, unsigned int i,
		      const struct kept_case *c)
{
	struct io_target_request *req = &sc->s[i].req;

	if (has_data(c->op))
		sent_prep(test, &sc->s[i], c->op, sc->buf + i * LEN, LEN, i * LEN, c->flags);
	else if (c->op == IO_TARGET_OP_FLUSH)
		KUNIT_ASSERT_EQ(test, io_target_prep_flush(req, 0), 0);
	else
		KUNIT_ASSERT_EQ(test, io_target_prep_range(req, c->op, i * LEN, LEN, 0), 0);
}

static unsigned int kept_send(struct kunit *test, struct scene *sc, const struct kept_case *c)
{
	unsigned int i, n = max(c->merge, 1u);

	for (i = 0; i < n; i++)
		kept_prep(test, sc, i, c);
	if (n > 1)
		KUNIT_ASSERT_EQ(test, sent_submit_batch(test, sc->s, n), (int)n);
	else
		KUNIT_ASSERT_EQ(test, sent_submit(sc->s), 0);
	return n;
}

static void expect_kept(struct kunit *test, struct scene *sc, unsigned int n)
{
	unsigned int i;

	/* Those of a merged bio fail again, each by itself, before they are kept. */
	KUNIT_EXPECT_TRUE(test, forwarder_wait_pended(sc->t, n));
	for (i = 0; i < n; i++)
		KUNIT_EXPECT_EQ(test, atomic_read(&sc->s[i].ends), 0);
}

/* NOWAIT counts once: the disk that comes back may have to wait. */
static void expect_waits(struct kunit *test, struct scene *sc)
{
	KUNIT_EXPECT_FALSE(test, !!(testdev_disk_seen(sc->l->disk).any_flags & REQ_NOWAIT));
}

/* All have ended well, and what they have read or written is right. */
static void expect_done(struct kunit *test, struct scene *sc, const struct kept_case *c,
			unsigned int n)
{
	ssize_t len = has_data(c->op) ? LEN : 0;
	unsigned int i;

	for (i = 0; i < n; i++) {
		KUNIT_EXPECT_TRUE(test, sent_wait(&sc->s[i]));
		KUNIT_EXPECT_EQ(test, atomic_read(&sc->s[i].ends), 1);
		KUNIT_EXPECT_EQ(test, sc->s[i].req.result, len);
		KUNIT_EXPECT_FALSE(test, sc->s[i].req.not_sent);
	}
	if (!has_data(c->op))
		return;
	if (c->op == IO_TARGET_OP_WRITE)
		testdev_store_read(testdev_disk_store(sc->l->disk), 0, sc->buf, n * LEN);
	KUNIT_EXPECT_EQ(test, pattern_match(sc->buf, n * LEN, 0, SEED), (size_t)n * LEN);
}

/* The disk dies with a request of each kind in flight. */
static void kept_dead(struct kunit *test)
{
	const struct kept_case *c = test->param_value;
	struct scene *sc = scene_open(test, 0);
	unsigned int n = kept_send(test, sc, c);

	scene_lose(test, sc, 1, true, BLK_STS_IOERR);
	expect_kept(test, sc, n);
	if (c->op == IO_TARGET_OP_READ)
		memset(sc->buf, 0, SOME * LEN);
	scene_find(test, sc, c->op == IO_TARGET_OP_READ);
	expect_done(test, sc, c, n);
	expect_waits(test, sc);
	lost_close(test, sc->l);
}

static const struct status_case {
	const char	*name;
	int		err;
	bool		dead;
	bool		first;	/* that cannot be read at all */
	bool		mute;	/* it fails what it is asked then, too, for a while */
	bool		kept;
} status_cases[] = {
	{ "offline", -ENODEV, .kept = true },
	{ "transport", -ENOLINK, .kept = true },
	{ "medium", -ENODATA },
	{ "no space", -ENOSPC },
	{ "not supported", -EOPNOTSUPP },
	{ "reserved by others", -EBADE },
	{ "I/O error, answers", -EIO },
	{ "I/O error, as in the first block", -EIO, .first = true },
	{ "I/O error, does not answer", -EIO, .mute = true, .kept = true },
	{ "medium, dead", -ENODATA, .dead = true, .kept = true },
	{ "no space, dead", -ENOSPC, .dead = true, .kept = true },
};

static void status_desc(const struct status_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(status, status_cases, status_desc);

/* A path error is no answer, nor is any error of a dead disk; all other errors are. */
static void kept_status(struct kunit *test)
{
	static const struct kept_case write = { .op = IO_TARGET_OP_WRITE };
	const struct status_case *c = test->param_value;
	struct scene *sc = scene_open(test, 0);
	struct inbox *in = inbox_alloc(test, sc->t, 1);
	blk_status_t status = errno_to_blk_status(c->err);

	kept_send(test, sc, &write);
	received_write(&in->bios[0], 1, sc->buf + LEN);
	received_forward(&in->bios[0]);
	if (c->first)
		testdev_disk_fail(sc->l->disk, 0, LEN, BLK_STS_IOERR);
	if (c->mute)
		testdev_disk_fail(sc->l->disk, 0, SZ_1M, BLK_STS_IOERR);
	if (c->kept) {
		scene_lose(test, sc, 2, c->dead, status);
		if (c->dead || c->mute)
			KUNIT_EXPECT_EQ(test, atomic_read(&sc->s[0].ends), 0);
		testdev_disk_fail(sc->l->disk, 0, 0, BLK_STS_OK);
		/* One that has not died is found as soon as it is looked for. */
		if (c->dead)
			scene_find(test, sc, false);
		expect_done(test, sc, &write, 1);
		expect_ended(test, &in->bios[0], BLK_STS_OK);
		memset(sc->buf, 0, SOME * LEN);
		testdev_store_read(testdev_disk_store(sc->l->disk), 0, sc->buf, 2 * LEN);
		KUNIT_EXPECT_EQ(test, pattern_match(sc->buf, 2 * LEN, 0, SEED), (size_t)2 * LEN);
	} else {
		testdev_disk_let_go(sc->l->disk, status, TESTDEV_SOFTIRQ);
		KUNIT_EXPECT_TRUE(test, sent_wait(&sc->s[0]));
		KUNIT_EXPECT_EQ(test, sc->s[0].req.result, (ssize_t)c->err);
		expect_ended(test, &in->bios[0], status);
		KUNIT_EXPECT_EQ(test, io_target_state(sc->t), IO_TARGET_STARTED);
	}
	lost_close(test, sc->l);
}

/* Writes and appends to zones are not kept: they cannot be carried out twice. */
static void kept_not_zones(struct kunit *test)
{
	struct scene *sc = scene_open(test, ZONE / SECTOR_SIZE);
	struct io_target_request *append = &sc->s[1].req, *reset = &sc->s[2].req;
	struct iov_iter iter;
	struct kvec kv = { sc->buf, LEN };
	unsigned int i;

	sent_prep(test, &sc->s[0], IO_TARGET_OP_WRITE, sc->buf, LEN, 0, 0);
	iov_iter_kvec(&iter, ITER_SOURCE, &kv, 1, LEN);
	KUNIT_ASSERT_EQ(test, io_target_prep_zone_append(append, &iter, ZONE, 0), 0);
	KUNIT_ASSERT_EQ(test, io_target_prep_range(reset, IO_TARGET_OP_ZONE_RESET, 2 * ZONE,
						   ZONE, 0), 0);
	sent_prep(test, &sc->s[3], IO_TARGET_OP_READ, sc->buf, LEN, 0, 0);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, sent_submit(&sc->s[i]), 0);
	scene_lose(test, sc, 4, true, BLK_STS_IOERR);
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_TRUE(test, sent_wait(&sc->s[i]));
		KUNIT_EXPECT_EQ(test, sc->s[i].req.result, (ssize_t)-EIO);
		KUNIT_EXPECT_FALSE(test, sc->s[i].req.not_sent);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&sc->s[3].ends), 0);
	scene_find(test, sc, false);
	KUNIT_EXPECT_TRUE(test, sent_wait(&sc->s[3]));
	KUNIT_EXPECT_EQ(test, sc->s[3].req.result, (ssize_t)LEN);
	lost_close(test, sc->l);
}

/* Kept bios of all kinds, one with NOWAIT among them, go before those that came later. */
static void kept_bios(struct kunit *test)
{
	static const blk_opf_t opf[] = {
		REQ_OP_WRITE, REQ_OP_WRITE | REQ_NOWAIT, REQ_OP_WRITE | REQ_FUA, REQ_OP_READ,
		REQ_OP_WRITE | REQ_PREFLUSH, REQ_OP_DISCARD, REQ_OP_WRITE_ZEROES,
	};
	unsigned int n = ARRAY_SIZE(opf), i;
	struct scene *sc = scene_open(test, 0);
	struct inbox *in = inbox_alloc(test, sc->t, n + 2);
	u8 *read = inbox_buf(test, LEN);

	for (i = 0; i < n; i++) {
		struct received *r = &in->bios[i];

		if (i < 3)
			received_data(r, opf[i], i * LEN, sc->buf + i * LEN, LEN);
		else if (opf[i] == REQ_OP_READ)
			received_data(r, opf[i], 5 * LEN, read, LEN);
		else
			received_range(r, opf[i], 6 * LEN, opf[i] & REQ_PREFLUSH ? 0 : LEN);
		received_forward(r);
	}
	scene_lose(test, sc, n, true, BLK_STS_IOERR);
	/* These bring newer data for the first two blocks. */
	pattern_fill(sc->buf, 2 * LEN, 0, SEED + 1);
	for (i = 0; i < 2; i++) {
		received_write(&in->bios[n + i], i, sc->buf + i * LEN);
		received_forward(&in->bios[n + i]);
	}
	KUNIT_EXPECT_EQ(test, inbox_ends(in, 0, n + 2), 0u);
	scene_find(test, sc, true);
	expect_all_ended(test, in, 0, n + 2, BLK_STS_OK);
	expect_order(test, in, 0, n + 2);
	expect_waits(test, sc);
	testdev_store_read(testdev_disk_store(sc->l->disk), 0, sc->buf, 3 * LEN);
	KUNIT_EXPECT_EQ(test, pattern_match(sc->buf, 2 * LEN, 0, SEED + 1), (size_t)2 * LEN);
	lost_close(test, sc->l);
}

/* The disk fails them again and again, so that it is lost many times before they end. */
static void kept_again(struct kunit *test)
{
	struct device_fixture *fx = test->priv;
	struct scene *sc = scene_open(test, 0);
	struct inbox *in = inbox_alloc(test, sc->t, 1);

	testdev_disk_mode(sc->l->disk, TESTDEV_NOW, TESTDEV_TASK);
	testdev_disk_fail(sc->l->disk, LEN, 2 * LEN, BLK_STS_TRANSPORT);
	sent_prep(test, &sc->s[0], IO_TARGET_OP_WRITE, sc->buf + LEN, LEN, LEN, 0);
	KUNIT_EXPECT_EQ(test, sent_submit(&sc->s[0]), 0);
	received_write(&in->bios[0], 2, sc->buf + 2 * LEN);
	received_forward(&in->bios[0]);
	KUNIT_EXPECT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_FOUND, 3));
	KUNIT_EXPECT_EQ(test, atomic_read(&sc->s[0].ends), 0);
	KUNIT_EXPECT_EQ(test, inbox_ends(in, 0, 1), 0u);
	testdev_disk_fail(sc->l->disk, 0, 0, BLK_STS_OK);
	KUNIT_EXPECT_TRUE(test, sent_wait(&sc->s[0]));
	KUNIT_EXPECT_EQ(test, sc->s[0].req.result, (ssize_t)LEN);
	expect_ended(test, &in->bios[0], BLK_STS_OK);
	/* It has to have been found after the last loss before it is closed. */
	KUNIT_EXPECT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_FOUND,
						  atomic_read(&fx->events[IO_TARGET_EVENT_LOST])));
	lost_close(test, sc->l);
}

/* Cancel, a deadline and purge end kept requests, and do not call them not sent. */
static void kept_ended(struct kunit *test)
{
	struct scene *sc = scene_open(test, 0);
	unsigned int i;

	for (i = 0; i < 4; i++)
		sent_prep(test, &sc->s[i], IO_TARGET_OP_WRITE, sc->buf, LEN, 0,
			  i == 3 ? IO_TARGET_BOUNCE : 0);
	KUNIT_EXPECT_EQ(test, io_target_request_set_timeout(&sc->s[1].req, HZ / 4), 0);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, sent_submit(&sc->s[i]), 0);
	scene_lose(test, sc, 4, true, BLK_STS_IOERR);
	KUNIT_EXPECT_EQ(test, io_target_cancel(&sc->s[0].req), 0);
	KUNIT_EXPECT_TRUE(test, sent_wait(&sc->s[1]));
	KUNIT_EXPECT_EQ(test, io_target_purge(sc->t, IO_TARGET_LEAVE_SENT, 0), 0);
	for (i = 0; i < 4; i++) {
		KUNIT_EXPECT_EQ(test, atomic_read(&sc->s[i].ends), 1);
		KUNIT_EXPECT_EQ(test, sc->s[i].req.result,
				(ssize_t)(i == 1 ? -ETIMEDOUT : -ECANCELED));
		KUNIT_EXPECT_FALSE(test, sc->s[i].req.not_sent);
	}
	lost_close(test, sc->l);
}

/* A bio waits as long as all may, also for a device that is lost again and again. */
static void kept_timeout(struct kunit *test)
{
	struct scene *sc = scene_open(test, 0);
	struct inbox *in = inbox_alloc(test, sc->t, 2);
	unsigned int i;

	sc->t->config.forward_timeout = HZ / 4;
	testdev_disk_mode(sc->l->disk, TESTDEV_NOW, TESTDEV_TASK);
	testdev_disk_fail(sc->l->disk, LEN, 2 * LEN, BLK_STS_TRANSPORT);
	for (i = 0; i < 2; i++) {
		received_write(&in->bios[i], i + 1, sc->buf);
		received_forward(&in->bios[i]);
	}
	expect_all_ended(test, in, 0, 2, BLK_STS_TIMEOUT);
	lost_close(test, sc->l);
}

/* Close ends what is kept. */
static void kept_closed(struct kunit *test)
{
	struct scene *sc = scene_open(test, 0);
	struct inbox *in = inbox_alloc(test, sc->t, 1);

	sent_prep(test, &sc->s[0], IO_TARGET_OP_WRITE, sc->buf, LEN, 0, 0);
	KUNIT_EXPECT_EQ(test, sent_submit(&sc->s[0]), 0);
	received_write(&in->bios[0], 1, sc->buf);
	received_forward(&in->bios[0]);
	scene_lose(test, sc, 2, true, BLK_STS_OFFLINE);
	lost_close(test, sc->l);
	KUNIT_EXPECT_EQ(test, sc->s[0].req.result, (ssize_t)-ECANCELED);
	expect_ended(test, &in->bios[0], BLK_STS_IOERR);
}

/* The disk fails what it holds with a path error. */
static void fail_all(void *private)
{
	testdev_disk_release_all(private, BLK_STS_TRANSPORT, TESTDEV_TASK);
}

/* A round of kept_race(). Return: how many were kept, and purged then. */
static unsigned int race_round(struct kunit *test, struct scene *sc, struct duel *d)
{
	unsigned int i, kept = 0;

	testdev_disk_mode(sc->l->disk, TESTDEV_HOLD, TESTDEV_TASK);
	for (i = 0; i < SOME; i++) {
		sent_prep(test, &sc->s[i], IO_TARGET_OP_WRITE, sc->buf, LEN, i * LEN,
			  i % 2 ? IO_TARGET_BOUNCE : 0);
		KUNIT_ASSERT_EQ(test, sent_submit(&sc->s[i]), 0);
	}
	KUNIT_ASSERT_TRUE(test, testdev_disk_wait_held(sc->l->disk, SOME));
	testdev_disk_mode(sc->l->disk, TESTDEV_NOW, TESTDEV_TASK);
	duel_fire(d);
	KUNIT_EXPECT_EQ(test, io_target_purge(sc->t, IO_TARGET_LEAVE_SENT, 0), 0);
	duel_join(d);
	for (i = 0; i < SOME; i++) {
		ssize_t result;

		KUNIT_ASSERT_TRUE(test, sent_wait(&sc->s[i]));
		result = sc->s[i].req.result;
		KUNIT_EXPECT_TRUE(test, result == -ECANCELED || result == -ENOLINK);
		KUNIT_EXPECT_EQ(test, atomic_read(&sc->s[i].ends), 1);
		atomic_set(&sc->s[i].ends, 0);
		kept += result == -ECANCELED;
	}
	return kept;
}

/* Purge races with a path error: a request is kept and then purged, or fails. */
static void kept_race(struct kunit *test)
{
	unsigned int i, rounds = duel_rounds(RACED) / SOME, kept = 0, before;
	struct scene *sc = scene_open(test, 0);
	struct duel *d = duel_start(test, fail_all, sc->l->disk);

	for (i = 0; i < rounds; i++) {
		before = kept;
		kept += race_round(test, sc, d);
		duel_adjust(d, kept - before < SOME / 2);
		KUNIT_ASSERT_TRUE(test, device_wait_event(test, IO_TARGET_EVENT_FOUND, i + 1));
		KUNIT_ASSERT_EQ(test, io_target_start(sc->t), 0);
	}
	duel_end(d);
	duel_expect_both(test, "kept and purged", kept, "failed", rounds * SOME - kept);
	lost_close(test, sc->l);
}

static struct kunit_case kept_case_list[] = {
	KUNIT_CASE_PARAM(kept_dead, kept_gen_params),
	KUNIT_CASE_PARAM(kept_status, status_gen_params),
	KUNIT_CASE(kept_not_zones),
	KUNIT_CASE(kept_bios),
	KUNIT_CASE(kept_again),
	KUNIT_CASE(kept_ended),
	KUNIT_CASE(kept_timeout),
	KUNIT_CASE(kept_closed),
	{}
};

static struct kunit_suite kept_suite = {
	.name = "io_target_kept",
	.suite_init = inbox_suite_init,
	.suite_exit = inbox_suite_exit,
	.init = device_fixture_init,
	.exit = lost_exit,
	.test_cases = kept_case_list,
};

static struct kunit_case race_case_list[] = {
	KUNIT_CASE(kept_race),
	{}
};

static struct kunit_suite race_suite = {
	.name = "io_target_stress_kept",
	.suite_init = inbox_suite_init,
	.suite_exit = inbox_suite_exit,
	.init = device_fixture_init,
	.exit = lost_exit,
	.test_cases = race_case_list,
};

kunit_test_suites(&kept_suite, &race_suite);
