// SPDX-License-Identifier: GPL-2.0
/*
 * There and back over a pty: what is written on one side is read on the other, and the
 * same the other way round. Who reads waits for a worker of the tty layer's, by hand in
 * the driver, with the library outside of it. An I/O is a round trip.
 */
#include "ours.h"

#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/tty.h>

/**
 * struct pty - what these cases work on, in place of the device
 * @file: the master, the slave
 * @target: over either, for who uses the library
 * @read: outstanding on one of them
 * @write: likewise
 */
struct pty {
	struct file			*file[2];
	struct io_target		*target[2];
	struct io_target_request	read[2];
	struct io_target_request	write[2];
};

static struct tty_struct *file_tty_of(struct file *file)
{
	return ((struct tty_file_private *)file->private_data)->tty;
}

static void close_files(struct pty *p)
{
	fput(p->file[1]);
	fput(p->file[0]);
}

/* Bytes pass as they are, and nothing is echoed. */
static int open_files(struct pty *p, int flags)
{
	struct tty_struct *tty;
	struct ktermios raw;
	char path[32];

	p->file[0] = filp_open("/dev/ptmx", O_RDWR | O_NOCTTY | flags, 0);
	if (IS_ERR(p->file[0]))
		return PTR_ERR(p->file[0]);
	tty = file_tty_of(p->file[0]);
	clear_bit(TTY_PTY_LOCK, &tty->flags);
	snprintf(path, sizeof(path), "/dev/pts/%d", tty->index);
	p->file[1] = filp_open(path, O_RDWR | O_NOCTTY | flags, 0);
	if (IS_ERR(p->file[1])) {
		fput(p->file[0]);
		return PTR_ERR(p->file[1]);
	}
	tty = file_tty_of(p->file[1]);
	raw = tty->termios;
	raw.c_iflag = 0;
	raw.c_oflag = 0;
	raw.c_lflag = 0;
	tty_set_termios(tty, &raw);
	return 0;
}

static void close_target(struct pty *p, unsigned int i)
{
	io_target_close(p->target[i]);
	io_target_put(p->target[i]);
}

static int open_target(struct pty *p, unsigned int i)
{
	int err;

	p->target[i] = io_target_create(NULL);
	if (IS_ERR(p->target[i]))
		return PTR_ERR(p->target[i]);
	err = io_target_open_file(p->target[i], p->file[i], IO_TARGET_READ | IO_TARGET_WRITE);
	if (err)
		io_target_put(p->target[i]);
	return err;
}

static int open_targets(struct pty *p)
{
	unsigned int i;
	int err;

	err = open_target(p, 0);
	if (err)
		return err;
	err = open_target(p, 1);
	if (err) {
		close_target(p, 0);
		return err;
	}
	for (i = 0; i < 2; i++) {
		io_target_request_init(&p->read[i], p->target[i]);
		io_target_request_init(&p->write[i], p->target[i]);
	}
	return 0;
}

static int hand_setup(struct bench *b)
{
	struct pty *p = kzalloc(sizeof(*p), GFP_KERNEL);
	int err = p ? open_files(p, 0) : -ENOMEM;

	if (err)
		kfree(p);
	else
		b->own = p;
	return err;
}

static void hand_cleanup(struct bench *b)
{
	close_files(b->own);
	kfree(b->own);
}

/* O_NONBLOCK as the library has it, where it opens such a device by its path. */
static int target_setup(struct bench *b)
{
	struct pty *p = kzalloc(sizeof(*p), GFP_KERNEL);
	int err = p ? open_files(p, O_NONBLOCK) : -ENOMEM;

	if (err)
		goto err_free;
	err = open_targets(p);
	if (err)
		goto err_files;
	b->own = p;
	return 0;

err_files:
	close_files(p);
err_free:
	kfree(p);
	return err;
}

static void target_cleanup(struct bench *b)
{
	close_target(b->own, 1);
	close_target(b->own, 0);
	hand_cleanup(b);
}

static __always_inline ssize_t hand_move(struct file *file, void *buf, size_t len, bool write)
{
	struct kvec vec = { .iov_base = buf, .iov_len = len };
	struct iov_iter iter;
	loff_t pos = 0;

	iov_iter_kvec(&iter, write ? ITER_SOURCE : ITER_DEST, &vec, 1, len);
	return write ? vfs_iter_write(file, &iter, &pos, 0) :
		       vfs_iter_read(file, &iter, &pos, 0);
}

static __always_inline ssize_t target_move(struct io_target *t, void *buf, size_t len,
					   bool write)
{
	return write ? io_target_write(t, buf, len, 0, IO_TARGET_NO_TIMEOUT) :
		       io_target_read(t, buf, len, 0, IO_TARGET_NO_TIMEOUT);
}

/* All of it: a tty may do a part. @hand is a constant. */
static __always_inline int move_all(struct bench *b, unsigned int side, bool write, bool hand)
{
	struct pty *p = b->own;
	size_t done = 0;

	while (done < b->size) {
		void *buf = b->bufs[0] + done;
		ssize_t n = hand ? hand_move(p->file[side], buf, b->size - done, write) :
				   target_move(p->target[side], buf, b->size - done, write);

		if (n <= 0)
			return n ?: -EIO;
		done += n;
	}
	return 0;
}

static __always_inline int pass(struct bench *b, unsigned int from, bool hand)
{
	return move_all(b, from, true, hand) ?: move_all(b, !from, false, hand);
}

static int hand_run(struct bench *b, unsigned int rounds)
{
	int err = 0;

	while (!err && rounds--)
		err = pass(b, 0, true) ?: pass(b, 1, true);
	return err;
}

static int target_run(struct bench *b, unsigned int rounds)
{
	int err = 0;

	while (!err && rounds--)
		err = pass(b, 0, false) ?: pass(b, 1, false);
	return err;
}

static int send(struct bench *b, struct io_target_request *req, enum io_target_op op)
{
	int err = io_target_prep_rw_buf(req, op, b->bufs[0], b->size, 0,
					op == IO_TARGET_OP_READ ? IO_TARGET_FULL : 0);

	req->end_io = bench_end_io;
	req->private = b;
	return err ?: io_target_submit(req);
}

/* The reader waits already when it is written. */
static int pass_async(struct bench *b, unsigned int from)
{
	struct pty *p = b->own;
	int err;

	atomic_set(&b->left, 3);
	err = send(b, &p->read[!from], IO_TARGET_OP_READ);
	if (err) {
		bench_not_sent(b, 2);
		goto out;
	}
	err = send(b, &p->write[from], IO_TARGET_OP_WRITE);
	if (err) {
		bench_not_sent(b, 1);
		io_target_cancel(&p->read[!from]);
	}
out:
	bench_wait(b);
	return err;
}

static int async_run(struct bench *b, unsigned int rounds)
{
	int err = 0;

	while (!err && rounds--)
		err = pass_async(b, 0) ?: pass_async(b, 1);
	return err;
}

const struct bench_case bench_pty[] = {
	{ .name = "pty_by_hand", .group = "pty", .flags = BENCH_CHAR | BENCH_BLOCKING,
	  .setup = hand_setup, .cleanup = hand_cleanup, .run = hand_run },
	{ .name = "pty_targets", .group = "pty", .flags = BENCH_CHAR | BENCH_BLOCKING,
	  .setup = target_setup, .cleanup = target_cleanup, .run = target_run },
	{ .name = "pty_async", .group = "pty", .flags = BENCH_CHAR | BENCH_BLOCKING,
	  .setup = target_setup, .cleanup = target_cleanup, .run = async_run },
	{}
};
