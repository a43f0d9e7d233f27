// SPDX-License-Identifier: GPL-2.0
/*
 * The write cache of a disk that is followed. A disk that is lost may lose what it has in
 * there, come back, and carry out a flush as if nothing had been: whoever is above would take
 * for stable what is not there any more. So the first flush, or write with FUA, after such a
 * loss fails.
 *
 * t->dirty says that what has been written since the last flush may be in the cache alone.
 * It is set before a write is sent, and goes over to t->flushing before a flush is; unless
 * something else is in flight then, which that flush may not cover: then it stays. A flush
 * that fails hands it back. A loss turns it into t->cache_lost, for which one flush is ended.
 *
 * Disks with lower->cached do this, by a backend of their own, so that no other disk pays.
 */
#include "bio.h"
#include "request.h"

/* Return: may it be sent? */
static bool cache_flush(struct io_target *t)
{
	bool was, alone;

	if (READ_ONCE(t->cache_lost) && xchg(&t->cache_lost, false))
		return false;
	was = xchg(&t->dirty, false);
	/* A write submitted before that is counted here, or sets it again. */
	alone = iot_stats_in_flight(t) == 1;
	if (was || alone)
		WRITE_ONCE(t->flushing, was);
	if (was && !alone)
		WRITE_ONCE(t->dirty, true);
	return true;
}

static void cache_write(struct io_target *t)
{
	smp_mb();	/* it has been counted: with cache_flush() */
	WRITE_ONCE(t->dirty, true);
}

static bool cache_may(struct io_target *t, bool flush, bool fua, bool writes)
{
	if (flush && !cache_flush(t))
		return false;
	if (fua)
		return flush || !READ_ONCE(t->cache_lost) || !xchg(&t->cache_lost, false);
	if (writes)
		cache_write(t);
	return true;
}

/* A clone is about to be sent. Return: 0, or -EIO: it is the flush that fails. */
int iot_cache_bio(struct io_target *t, const struct bio *bio)
{
	bool may = cache_may(t, !!(bio->bi_opf & REQ_PREFLUSH), !!(bio->bi_opf & REQ_FUA),
			     bio->bi_iter.bi_size);

	return may ? 0 : -EIO;
}

/* A flush has failed, or not been sent after all. */
void iot_cache_unflushed(struct io_target *t)
{
	if (READ_ONCE(t->flushing))
		WRITE_ONCE(t->dirty, true);
}

static bool is_flush(const struct io_target_request *req)
{
	return req->op == IO_TARGET_OP_FLUSH || req->flags & IO_TARGET_PREFLUSH;
}

static bool cache_request(struct io_target_request *req)
{
	return cache_may(req->target, is_flush(req), req->flags & IO_TARGET_FUA,
			 req->op != IO_TARGET_OP_READ && req->op != IO_TARGET_OP_FLUSH);
}

/* See iot_backend->submit. */
void iot_cache_submit(struct io_target_request *req)
{
	if (cache_request(req)) {
		iot_bio_submit(req);
		return;
	}
	req->not_sent = req->result != IOT_KEPT;
	if (iot_verify_end(req))
		iot_request_end_rarely(req, -EIO, BLK_STS_IOERR);
}

/* See iot_backend->submit_batch. */
void iot_cache_submit_batch(struct io_target_request **reqs, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (is_flush(reqs[i]) || reqs[i]->flags & IO_TARGET_FUA)
			break;
		cache_request(reqs[i]);
	}
	if (i == n) {
		iot_bio_submit_batch(reqs, n);
		return;
	}
	for (i = 0; i < n; i++)
		iot_cache_submit(reqs[i]);
}

/*
 * The device was lost, and is back. Nothing has been sent to it yet.
 * Return: whether a flush has to fail for what it had in its cache.
 */
bool iot_cache_found(struct io_target *t)
{
	if (READ_ONCE(t->dirty))
		WRITE_ONCE(t->cache_lost, true);
	WRITE_ONCE(t->dirty, false);
	WRITE_ONCE(t->flushing, false);
	return READ_ONCE(t->cache_lost);
}

/* Return: whether a device that is opened now may have to fail a flush. */
bool iot_cache_owes(struct io_target *t)
{
	return READ_ONCE(t->dirty) || READ_ONCE(t->cache_lost);
}

/* The target is closed. */
void iot_cache_end(struct io_target *t)
{
	WRITE_ONCE(t->dirty, false);
	WRITE_ONCE(t->flushing, false);
	WRITE_ONCE(t->cache_lost, false);
}
