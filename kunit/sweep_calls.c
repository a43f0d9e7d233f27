// SPDX-License-Identifier: GPL-2.0
/*
 * The calls of the allocation sweep, see sweep.h.
 */
#include <linux/device.h>

#include "sweep.h"

static ssize_t call_create(struct sweep *s)
{
	struct io_target_config config = { .name = "sweep", .reserve = 2 };

	s->made = io_target_create(&config);
	return PTR_ERR_OR_ZERO(s->made);
}

static ssize_t call_create_open(struct sweep *s)
{
	s->made = io_target_open_path(testdev_disk_path(device_disk[FINE]), RW, NULL);
	return PTR_ERR_OR_ZERO(s->made);
}

static ssize_t devm_result(struct sweep *s, struct io_target *t)
{
	devres_release_group(s->dev, s);
	return PTR_ERR_OR_ZERO(t);
}

static ssize_t call_devm_create(struct sweep *s)
{
	if (!devres_open_group(s->dev, s, GFP_KERNEL))
		return -ENOMEM;
	return devm_result(s, devm_io_target_create(s->dev, NULL));
}

static ssize_t call_devm_open(struct sweep *s)
{
	const char *path = testdev_disk_path(device_disk[FINE]);

	if (!devres_open_group(s->dev, s, GFP_KERNEL))
		return -ENOMEM;
	return devm_result(s, devm_io_target_open_path(s->dev, path, RW, NULL));
}

static ssize_t call_open_dev(struct sweep *s)
{
	return io_target_open_dev(s->t, testdev_disk_dev(device_disk[FINE]), RW);
}

static ssize_t call_open_excl(struct sweep *s)
{
	return io_target_open_dev(s->t, testdev_disk_dev(device_disk[FINE]),
				  RW | IO_TARGET_EXCL);
}

static ssize_t call_open_disk(struct sweep *s)
{
	return io_target_open(s->t, testdev_disk_path(device_disk[FINE]), RW);
}

static ssize_t call_open_char(struct sweep *s)
{
	return io_target_open(s->t, testdev_char_path(device_char[SEEK]), RW);
}

static ssize_t call_open_disk_file(struct sweep *s)
{
	return io_target_open_file(s->t, s->disk_file, RW);
}

static ssize_t call_open_char_file(struct sweep *s)
{
	return io_target_open_file(s->t, s->char_file, RW);
}

static ssize_t call_open_fake(struct sweep *s)
{
	return fake_open(&s->fx->fake, s->t, RW);
}

static ssize_t call_request_alloc(struct sweep *s)
{
	s->req = io_target_request_alloc(s->t, GFP_NOWAIT);
	return s->req ? 0 : -ENOMEM;
}

static ssize_t prep(struct sweep *s, size_t len, unsigned int flags)
{
	int err;

	io_target_request_init(&s->p->req, s->t);
	err = io_target_prep_write_buf(&s->p->req, s->buf, len, 0, flags);
	s->p->req.end_io = probe_end_io;
	return err;
}

static ssize_t call_prep(struct sweep *s)
{
	return prep(s, SWEEP_LEN, 0);
}

static ssize_t call_prep_bounce(struct sweep *s)
{
	return prep(s, SWEEP_LEN, IO_TARGET_BOUNCE);
}

static ssize_t call_prep_bounce_large(struct sweep *s)
{
	return prep(s, SWEEP_LARGE, IO_TARGET_BOUNCE);
}

static ssize_t call_submit(struct sweep *s)
{
	return prep(s, SWEEP_LEN, 0) ?: io_target_submit(&s->p->req);
}

static ssize_t call_submit_atomic(struct sweep *s)
{
	return prep(s, SWEEP_LEN, 0) ?: io_target_submit_atomic(&s->p->req);
}

static ssize_t call_submit_task(struct sweep *s)
{
	return prep(s, SWEEP_LEN, IO_TARGET_TASK) ?: io_target_submit(&s->p->req);
}

static ssize_t call_submit_bounce(struct sweep *s)
{
	int err = prep(s, SWEEP_LEN, IO_TARGET_BOUNCE);

	return err ?: io_target_request_set_timeout(&s->p->req, SWEEP_PATIENCE) ?:
	       io_target_submit(&s->p->req);
}

/* Pages in an order in which no two can be merged. */
static ssize_t call_submit_pieces(struct sweep *s)
{
	struct iov_iter iter;
	int err;

	io_target_request_init(&s->p->req, s->t);
	iov_iter_kvec(&iter, ITER_SOURCE, s->pieces, SWEEP_PIECES, SWEEP_LARGE);
	err = io_target_prep_write(&s->p->req, &iter, 0, 0);
	s->p->req.end_io = probe_end_io;
	return err ?: io_target_submit(&s->p->req);
}

static ssize_t call_submit_wait(struct sweep *s)
{
	return prep(s, SWEEP_LEN, 0) ?: io_target_submit_wait(&s->p->req, SWEEP_PATIENCE);
}

static ssize_t call_read(struct sweep *s)
{
	return io_target_read(s->t, s->buf, SWEEP_LEN, 0, IO_TARGET_NO_TIMEOUT);
}

static ssize_t call_read_timeout(struct sweep *s)
{
	return io_target_read(s->t, s->buf, SWEEP_LARGE, 0, SWEEP_PATIENCE);
}

static ssize_t call_write(struct sweep *s)
{
	return io_target_write(s->t, s->buf, SWEEP_LEN, 0, IO_TARGET_NO_TIMEOUT);
}

static ssize_t call_write_timeout(struct sweep *s)
{
	return io_target_write(s->t, s->buf, SWEEP_LARGE, 0, SWEEP_PATIENCE);
}

static ssize_t call_flush(struct sweep *s)
{
	return io_target_flush(s->t, IO_TARGET_NO_TIMEOUT);
}

static ssize_t call_flush_timeout(struct sweep *s)
{
	return io_target_flush(s->t, SWEEP_PATIENCE);
}

static ssize_t call_discard(struct sweep *s)
{
	return io_target_discard(s->t, 0, SZ_4K, IO_TARGET_NO_TIMEOUT);
}

static ssize_t call_discard_timeout(struct sweep *s)
{
	return io_target_discard(s->t, 0, SZ_4K, SWEEP_PATIENCE);
}

static ssize_t call_zeroes(struct sweep *s)
{
	return io_target_write_zeroes(s->t, 0, SZ_4K, IO_TARGET_NO_TIMEOUT);
}

static ssize_t call_zeroes_timeout(struct sweep *s)
{
	return io_target_write_zeroes(s->t, 0, SZ_4K, SWEEP_PATIENCE);
}

static ssize_t call_stop(struct sweep *s)
{
	return io_target_stop(s->t, IO_TARGET_CANCEL_SENT, SWEEP_PATIENCE);
}

static ssize_t call_purge(struct sweep *s)
{
	return io_target_purge(s->t, IO_TARGET_WAIT_SENT, SWEEP_PATIENCE);
}

static ssize_t call_drain(struct sweep *s)
{
	return io_target_drain(s->t, SWEEP_PATIENCE);
}

/* With something to send. */
static ssize_t call_start(struct sweep *s)
{
	return io_target_stop(s->t, IO_TARGET_LEAVE_SENT, 0) ?: call_submit(s) ?:
	       io_target_start(s->t);
}

/* What could not be reopened is closed, to be opened for the next round. */
static ssize_t call_reopen(struct sweep *s)
{
	int err = io_target_suspend(s->t, SWEEP_PATIENCE) ?: io_target_reopen(s->t);

	if (err)
		io_target_close(s->t);
	return err;
}

static ssize_t call_close(struct sweep *s)
{
	return io_target_close(s->t);
}

static ssize_t call_put(struct sweep *s)
{
	int err = io_target_close(s->own);

	io_target_put(s->own);
	s->own = NULL;
	return err;
}

const struct sweep_call sweep_calls[SWEEP_CALLS] = {
	{ "create", call_create, NO_TARGET },
	{ "create and open", call_create_open, NO_TARGET },
	{ "devm create", call_devm_create, NO_TARGET },
	{ "devm create and open", call_devm_open, NO_TARGET },
	{ "open disk by number", call_open_dev, CLOSED },
	{ "open disk by number, claimed", call_open_excl, CLOSED },
	{ "open disk by path", call_open_disk, CLOSED },
	{ "open char by path", call_open_char, CLOSED },
	{ "adopt disk", call_open_disk_file, CLOSED },
	{ "adopt char", call_open_char_file, CLOSED },
	{ "open fake", call_open_fake, CLOSED },
	{ "request_alloc", call_request_alloc, ON_FAKE },
	{ "prep", call_prep, ON_FAKE },
	{ "prep BOUNCE", call_prep_bounce, ON_FAKE },
	{ "prep BOUNCE, large", call_prep_bounce_large, ON_FAKE },
	{ "submit", call_submit, ON_FAKE, SWEEP_LEN, true },
	{ "submit to disk", call_submit, ON_DISK, SWEEP_LEN, true },
	{ "submit to char", call_submit, ON_CHAR, SWEEP_LEN, true },
	{ "submit, TASK", call_submit_task, ON_DISK, SWEEP_LEN, true },
	{ "submit, BOUNCE, timeout", call_submit_bounce, ON_DISK, SWEEP_LEN, true },
	{ "submit many pieces", call_submit_pieces, ON_FAKE, SWEEP_LARGE, true },
	{ "submit many pieces to disk", call_submit_pieces, ON_DISK, SWEEP_LARGE, true },
	{ "submit many pieces to char", call_submit_pieces, ON_CHAR, SWEEP_LARGE, true },
	{ "submit_atomic", call_submit_atomic, ON_DISK, SWEEP_LEN, true },
	{ "submit_atomic to char", call_submit_atomic, ON_CHAR, SWEEP_LEN, true },
	{ "submit_wait", call_submit_wait, ON_DISK, SWEEP_LEN },
	{ "read", call_read, ON_DISK, SWEEP_LEN },
	{ "read, timeout", call_read_timeout, ON_DISK, SWEEP_LARGE },
	{ "read char, timeout", call_read_timeout, ON_CHAR, SWEEP_LARGE },
	{ "write", call_write, ON_DISK, SWEEP_LEN },
	{ "write, timeout", call_write_timeout, ON_DISK, SWEEP_LARGE },
	{ "write char, timeout", call_write_timeout, ON_CHAR, SWEEP_LARGE },
	{ "flush", call_flush, ON_DISK },
	{ "flush, timeout", call_flush_timeout, ON_DISK },
	{ "discard", call_discard, ON_DISK },
	{ "discard, timeout", call_discard_timeout, ON_DISK },
	{ "write_zeroes", call_zeroes, ON_DISK },
	{ "write_zeroes, timeout", call_zeroes_timeout, ON_DISK },
	{ "start", call_start, ON_DISK, SWEEP_LEN, true },
	{ "stop", call_stop, ON_DISK },
	{ "purge", call_purge, ON_DISK },
	{ "drain", call_drain, ON_DISK },
	{ "suspend and reopen", call_reopen, ON_DISK },
	{ "close disk", call_close, ON_DISK },
	{ "close char", call_close, ON_CHAR },
	{ "put", call_put, ON_DISK },
};

int sweep_open(struct sweep *s, enum sweep_place place)
{
	switch (place) {
	case ON_DISK:
		return call_open_dev(s);
	case ON_CHAR:
		return call_open_char_file(s);
	case ON_FAKE:
		return call_open_fake(s);
	default:
		return 0;
	}
}

ssize_t sweep_read(struct sweep *s)
{
	return call_read(s);
}
