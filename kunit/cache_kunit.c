// SPDX-License-Identifier: GPL-2.0
/*
 * A disk that is followed is lost with what is in its write cache, and comes back: the next
 * flush fails, once, and only if something was written since the last one.
 */
#include <linux/sizes.h>

#include "inbox.h"
#include "lost.h"

#define LEN	LOST_BLOCK

/* The I/O that a case does before the loss */
enum before {
	DID_NOTHING,
	DID_READ,
	DID_WRITE,
	DID_WRITE_FUA,
	DID_WRITE_FLUSH,
	DID_FLUSH_WRITE,
	DID_DISCARD,
	DID_BATCH,
	DID_FLUSHING,		/* the flush is in flight then */
	DID_WRITE_FLUSHING,
};

static const struct cache_case {
	const char	*name;
	enum before	before;
	bool		no_cache;
	bool		kept;
	bool		without;	/* it comes back without a cache */
	bool		told;	/* a flush fails */
} cases[] = {
	{ "nothing", DID_NOTHING },
	{ "read", DID_READ },
	{ "write", DID_WRITE, .told = true },
	{ "write, FUA", DID_WRITE_FUA },
	{ "write, flush", DID_WRITE_FLUSH },
	{ "write, flush, write", DID_FLUSH_WRITE, .told = true },
	{ "discard", DID_DISCARD, .told = true },
	{ "batch of writes", DID_BATCH, .told = true },
	{ "flush in flight", DID_FLUSHING },
	{ "write, flush in flight", DID_WRITE_FLUSHING, .told = true },
	{ "write, no cache", DID_WRITE, .no_cache = true },
	{ "write, back without a cache", DID_WRITE, .without = true, .told = true },
	{ "write, cache kept", DID_WRITE, .kept = true },
};

static void cache_desc(const struct cache_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(cache, cases, cache_desc);

/**
 * struct scene - what a case has
 * @l: the disk that goes, and its target
 * @bios: bios are forwarded to it, rather than requests sent
 * @s: requests
 * @in: bios
 * @used: of either
 * @buf: memory
 */
struct scene {
	struct lost	*l;
	bool		bios;
	struct sent	*s;
	struct inbox	*in;
	unsigned int	used;
	u8		*buf;
};

#define OPS	12

static struct scene *scene_open(struct kunit *test, const struct cache_case *c, bool bios)
{
	struct scene *sc = kunit_kzalloc(test, sizeof(*sc), GFP_KERNEL);
	struct testdev_disk_config config = lost_config("iotcache");

	KUNIT_ASSERT_NOT_NULL(test, sc);
	config.limits.write_cache = !c->no_cache;
	config.limits.fua = !c->no_cache;
	sc->bios = bios;
	sc->buf = inbox_buf(test, LEN);
	sc->l = lost_open(test, &config, c->kept);
	sc->s = sent_alloc(test, sc->l->t, OPS);
	sc->in = inbox_alloc(test, sc->l->t, OPS);
	return sc;
}

static void begin_request(struct kunit *test, struct scene *sc, blk_opf_t opf)
{
	unsigned int flags = opf & REQ_FUA ? IO_TARGET_FUA : 0;
	struct sent *s = &sc->s[sc->used];

	if (opf == REQ_OP_READ)
		sent_prep(test, s, IO_TARGET_OP_READ, sc->buf, LEN, 0, 0);
	else if (opf == REQ_OP_DISCARD)
		KUNIT_ASSERT_EQ(test, io_target_prep_range(&s->req, IO_TARGET_OP_DISCARD, 0, LEN,
							   0), 0);
	else if (opf & REQ_PREFLUSH)
		KUNIT_ASSERT_EQ(test, io_target_prep_flush(&s->req, 0), 0);
	else
		sent_prep(test, s, IO_TARGET_OP_WRITE, sc->buf, LEN, 0, flags);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
}

/* Returns its number. */
static unsigned int begin(struct kunit *test, struct scene *sc, blk_opf_t opf)
{
	struct received *r = &sc->in->bios[sc->used];

	KUNIT_ASSERT_LT(test, sc->used, (unsigned int)OPS);
	if (!sc->bios) {
		begin_request(test, sc, opf);
		return sc->used++;
	}
	if (opf & REQ_PREFLUSH || opf == REQ_OP_DISCARD)
		received_range(r, opf, 0, opf & REQ_PREFLUSH ? 0 : LEN);
	else
		received_data(r, opf, 0, sc->buf, LEN);
	received_forward(r);
	return sc->used++;
}

static void ends(struct kunit *test, struct scene *sc, unsigned int i, int err)
{
	if (sc->bios) {
		expect_ended(test, &sc->in->bios[i], errno_to_blk_status(err));
		return;
	}
	KUNIT_EXPECT_TRUE(test, sent_wait(&sc->s[i]));
	KUNIT_EXPECT_EQ(test, min_t(ssize_t, sc->s[i].req.result, 0), (ssize_t)err);
}

static void does(struct kunit *test, struct scene *sc, blk_opf_t opf, int err)
{
	ends(test, sc, begin(test, sc, opf), err);
}

static void batch(struct kunit *test, struct scene *sc)
{
	unsigned int i;

	if (sc->bios) {
		does(test, sc, REQ_OP_WRITE, 0);
		return;
	}
	for (i = 0; i < 2; i++)
		sent_prep(test, &sc->s[sc->used + i], IO_TARGET_OP_WRITE, sc->buf, LEN, i * LEN,
			  IO_TARGET_MERGE_OK);
	KUNIT_ASSERT_EQ(test, sent_submit_batch(test, sc->s + sc->used, 2), 2);
	for (i = 0; i < 2; i++)
		ends(test, sc, sc->used++, 0);
}

/* Returns the flush that is still in flight, or -1. */
static int do_before(struct kunit *test, struct scene *sc, enum before before)
{
	if (before == DID_READ)
		does(test, sc, REQ_OP_READ, 0);
	else if (before == DID_WRITE_FUA)
		does(test, sc, REQ_OP_WRITE | REQ_FUA, 0);
	else if (before == DID_DISCARD)
		does(test, sc, REQ_OP_DISCARD, 0);
	else if (before == DID_BATCH)
		batch(test, sc);
	else if (before != DID_NOTHING && before != DID_FLUSHING)
		does(test, sc, REQ_OP_WRITE, 0);
	if (before == DID_WRITE_FLUSH || before == DID_FLUSH_WRITE)
		does(test, sc, REQ_OP_WRITE | REQ_PREFLUSH, 0);
	if (before == DID_FLUSH_WRITE)
		does(test, sc, REQ_OP_WRITE, 0);
	if (before != DID_FLUSHING && before != DID_WRITE_FLUSHING)
		return -1;
	testdev_disk_mode(sc->l->disk, TESTDEV_HOLD, TESTDEV_TASK);
	return begin(test, sc, REQ_OP_WRITE | REQ_PREFLUSH);
}

static void lose_and_find(struct kunit *test, struct scene *sc)
{
	lost_lose(test, sc->l, true, BLK_STS_IOERR);
	lost_find(test, sc->l, NULL, 0);
}

/* After the loss the first flush or FUA write fails, and no later one. */
static void lost_with(struct kunit *test, const struct cache_case *c, bool bios,
		      blk_opf_t first)
{
	struct scene *sc = scene_open(test, c, bios);
	struct device_fixture *fx = test->priv;
	int flush = do_before(test, sc, c->before);

	if (c->without)
		sc->l->config.limits.write_cache = false;
	lose_and_find(test, sc);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->events[IO_TARGET_EVENT_CACHE_LOST]),
			(int)c->told);
	if (flush >= 0) {
		ends(test, sc, flush, c->told ? -EIO : 0);
		if (!sc->bios)
			KUNIT_EXPECT_FALSE(test, sc->s[flush].req.not_sent);
	} else {
		does(test, sc, REQ_OP_READ, 0);
		does(test, sc, first, c->told ? -EIO : 0);
	}
	does(test, sc, REQ_OP_WRITE | REQ_PREFLUSH, 0);
	does(test, sc, REQ_OP_WRITE | REQ_FUA, 0);
	/* The second loss finds nothing in the cache. */
	lose_and_find(test, sc);
	does(test, sc, REQ_OP_WRITE | REQ_PREFLUSH, 0);
	lost_close(test, sc->l);
}

static void cache_flush(struct kunit *test)
{
	lost_with(test, test->param_value, false, REQ_OP_WRITE | REQ_PREFLUSH);
}

static void cache_fua(struct kunit *test)
{
	lost_with(test, test->param_value, false, REQ_OP_WRITE | REQ_FUA);
}

static void cache_bios(struct kunit *test)
{
	lost_with(test, test->param_value, true, REQ_OP_WRITE | REQ_PREFLUSH);
}

static void cache_bios_fua(struct kunit *test)
{
	lost_with(test, test->param_value, true, REQ_OP_WRITE | REQ_FUA);
}

/* A flush that is sent beside a write does not cover it; one that is sent alone does. */
static void cache_beside(struct kunit *test)
{
	static const struct cache_case volatile_case = {};
	struct scene *sc = scene_open(test, &volatile_case, true);
	unsigned int i, write;

	testdev_disk_mode(sc->l->disk, TESTDEV_HOLD, TESTDEV_TASK);
	write = begin(test, sc, REQ_OP_WRITE);
	for (i = 0; i < 2; i++)
		begin(test, sc, REQ_OP_WRITE | REQ_PREFLUSH);
	testdev_disk_let_go(sc->l->disk, BLK_STS_OK, TESTDEV_TASK);
	for (i = 0; i < 3; i++)
		ends(test, sc, write + i, 0);
	lose_and_find(test, sc);
	does(test, sc, REQ_OP_WRITE | REQ_PREFLUSH, -EIO);
	does(test, sc, REQ_OP_WRITE, 0);
	testdev_disk_fail(sc->l->disk, 0, SZ_1M, BLK_STS_MEDIUM);
	does(test, sc, REQ_OP_DISCARD, -ENODATA);
	testdev_disk_fail(sc->l->disk, 0, 0, BLK_STS_OK);
	does(test, sc, REQ_OP_WRITE | REQ_PREFLUSH, 0);
	lose_and_find(test, sc);
	does(test, sc, REQ_OP_WRITE | REQ_PREFLUSH, 0);
	lost_close(test, sc->l);
}

static struct kunit_case cache_case_list[] = {
	KUNIT_CASE_PARAM(cache_flush, cache_gen_params),
	KUNIT_CASE_PARAM(cache_fua, cache_gen_params),
	KUNIT_CASE_PARAM(cache_bios, cache_gen_params),
	KUNIT_CASE_PARAM(cache_bios_fua, cache_gen_params),
	KUNIT_CASE(cache_beside),
	{}
};

static struct kunit_suite cache_suite = {
	.name = "io_target_cache",
	.suite_init = inbox_suite_init,
	.suite_exit = inbox_suite_exit,
	.init = device_fixture_init,
	.exit = lost_exit,
	.test_cases = cache_case_list,
};

kunit_test_suite(cache_suite);
