// SPDX-License-Identifier: GPL-2.0
/*
 * One pass over a device: every piece of it is read or written once, either
 * waiting for each request or with several at a time.
 *
 * The pieces are taken in scattered order, so that the block layer does not
 * join neighbours: a request stays a request, and both ways send the same.
 */
#include "demo.h"

#include <linux/blkdev.h>
#include <linux/gcd.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

/* One of the requests of an asynchronous pass. */
struct piece {
	struct io_target_request	req;
	struct list_head		node;
	size_t				len;
};

/* An asynchronous pass under way. */
struct run {
	struct demo_pass	*pass;
	unsigned long		sent;
	unsigned long		ended;
	unsigned long		step;
	int			err;
	spinlock_t		lock;	/* protects done */
	struct list_head	done;
	wait_queue_head_t	wait;
};

static unsigned long count_pieces(const struct demo_pass *pass)
{
	return DIV_ROUND_UP(pass->size, pass->chunk);
}

/* A stride without a common divisor with the count visits every piece once. */
static unsigned long scatter_step(unsigned long count)
{
	unsigned long step = count * 5 / 8 + 1;

	while (gcd(step, count) != 1)
		step++;
	return step;
}

static loff_t piece_pos(const struct demo_pass *pass, unsigned long nr,
			unsigned long step, size_t *len)
{
	loff_t pos = (loff_t)(nr * step % count_pieces(pass)) * pass->chunk;

	*len = min_t(u64, pass->size - pos, pass->chunk);
	return pos;
}

/**
 * demo_pass_blocking - send every piece and wait for it
 * @pass: what to do
 * @timeout: jiffies for each request, or IO_TARGET_NO_TIMEOUT
 *
 * Return: 0, or the negative errno of the first request that failed.
 */
int demo_pass_blocking(struct demo_pass *pass, long timeout)
{
	unsigned long nr, count = count_pieces(pass), step = scatter_step(count);
	u64 start = ktime_get_ns();

	for (nr = 0; nr < count; nr++) {
		size_t len;
		loff_t pos = piece_pos(pass, nr, step, &len);
		ssize_t n;

		if (pass->op == IO_TARGET_OP_READ)
			n = io_target_read(pass->target, pass->buf + pos, len, pos, timeout);
		else
			n = io_target_write(pass->target, pass->buf + pos, len, pos, timeout);
		if (n != len)
			return n < 0 ? n : -EIO;
	}
	pass->ns = ktime_get_ns() - start;
	pass->requests = count;
	return 0;
}

/* Any context: only hand the request back to the task that sends. */
static void piece_done(struct io_target_request *req)
{
	struct piece *piece = container_of(req, struct piece, req);
	struct run *run = req->private;
	unsigned long flags;

	/*
	 * Wake under the lock: the task that finds the last piece also holds
	 * it, so the run cannot end before this function is through with it.
	 */
	spin_lock_irqsave(&run->lock, flags);
	list_add_tail(&piece->node, &run->done);
	wake_up(&run->wait);
	spin_unlock_irqrestore(&run->lock, flags);
}

static bool take_done(struct run *run, struct list_head *done)
{
	spin_lock_irq(&run->lock);
	list_splice_init(&run->done, done);
	spin_unlock_irq(&run->lock);
	return !list_empty(done);
}

/* Send the next piece of the pass, in a request that is not in use. */
static int send_piece(struct run *run, struct piece *piece)
{
	struct demo_pass *pass = run->pass;
	loff_t pos = piece_pos(pass, run->sent, run->step, &piece->len);
	int err;

	err = io_target_prep_rw_buf(&piece->req, pass->op, pass->buf + pos,
				    piece->len, pos, 0);
	if (err)
		return err;
	piece->req.end_io = piece_done;
	piece->req.private = run;
	err = io_target_submit(&piece->req);
	if (!err)
		run->sent++;
	return err;
}

/* Account for the pieces that have ended and reuse each for the next one. */
static void turn_around(struct run *run, struct list_head *done)
{
	unsigned long count = count_pieces(run->pass);
	struct piece *piece, *next;
	struct blk_plug plug;

	/* What is sent together reaches the device with one notification. */
	blk_start_plug(&plug);
	list_for_each_entry_safe(piece, next, done, node) {
		list_del(&piece->node);
		run->ended++;
		if (piece->req.result != piece->len)
			run->err = piece->req.result < 0 ? piece->req.result : -EIO;
		if (!run->err && run->sent < count)
			run->err = send_piece(run, piece);
	}
	blk_finish_plug(&plug);
}

static void run_pieces(struct run *run, struct piece *pieces)
{
	unsigned long count = count_pieces(run->pass);
	struct blk_plug plug;
	unsigned int i;

	blk_start_plug(&plug);
	for (i = 0; i < run->pass->depth && run->sent < count && !run->err; i++) {
		io_target_request_init(&pieces[i].req, run->pass->target);
		run->err = send_piece(run, &pieces[i]);
	}
	blk_finish_plug(&plug);

	while (run->ended < run->sent) {
		LIST_HEAD(done);

		wait_event(run->wait, take_done(run, &done));
		turn_around(run, &done);
	}
}

/**
 * demo_pass_async - keep @pass->depth requests with the device until all are done
 * @pass: what to do
 *
 * Return: 0, or the negative errno of the first request that failed.
 */
int demo_pass_async(struct demo_pass *pass)
{
	struct run run = {
		.pass = pass,
		.step = scatter_step(count_pieces(pass)),
		.done = LIST_HEAD_INIT(run.done),
	};
	struct piece *pieces;
	u64 start;

	spin_lock_init(&run.lock);
	init_waitqueue_head(&run.wait);
	pieces = kvcalloc(pass->depth, sizeof(*pieces), GFP_KERNEL);
	if (!pieces)
		return -ENOMEM;
	start = ktime_get_ns();
	run_pieces(&run, pieces);
	pass->ns = ktime_get_ns() - start;
	pass->requests = run.sent;
	kvfree(pieces);
	return run.err;
}
