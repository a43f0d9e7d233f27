// SPDX-License-Identifier: GPL-2.0
/* One driver calls another: through a pointer to a function, and as a provider. */
#include "ours.h"

#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#define NAME	"io_target_bench"

/**
 * struct provided - what these cases work on, in place of the device
 * @provider: this module's
 * @target: has it open
 * @device: the target that the case was given
 */
struct provided {
	struct io_target_provider	*provider;
	struct io_target		*target;
	struct io_target		*device;
};

/* The work: the same, however it is asked for. */
static ssize_t provided_read(struct io_target_call *call)
{
	return copy_to_iter(page_address(ZERO_PAGE(0)), PAGE_SIZE, call->iter);
}

static const struct io_target_provider_ops provided_ops = {
	.owner	= THIS_MODULE,
	.read	= provided_read,
};

static int provided_open(struct bench *b, struct provided *own)
{
	int err;

	own->provider = io_target_provider_register(NAME, &provided_ops, NULL);
	if (IS_ERR(own->provider))
		return PTR_ERR(own->provider);
	own->target = io_target_create(NULL);
	err = PTR_ERR_OR_ZERO(own->target);
	if (err)
		goto err_provider;
	err = io_target_open_provider(own->target, NAME, IO_TARGET_READ);
	if (err)
		goto err_target;
	own->device = b->target;
	b->target = own->target;
	b->own = own;
	return 0;

err_target:
	io_target_put(own->target);
err_provider:
	io_target_provider_unregister(own->provider);
	return err;
}

static void provided_cleanup(struct bench *b)
{
	struct provided *own = b->own;

	bench_slots_cleanup(b);
	b->target = own->device;
	io_target_close(own->target);
	io_target_put(own->target);
	io_target_provider_unregister(own->provider);
	kfree(own);
}

static int provided_setup(struct bench *b)
{
	struct provided *own = kzalloc(sizeof(*own), GFP_KERNEL);
	int err = own ? provided_open(b, own) : -ENOMEM;

	if (err)
		goto err_free;
	err = bench_slots_setup(b);
	if (!err)
		return 0;
	b->target = own->device;
	io_target_close(own->target);
	io_target_put(own->target);
	io_target_provider_unregister(own->provider);
err_free:
	kfree(own);
	return err;
}

/* As drivers do it who know each other. */
static int indirect_run(struct bench *b, unsigned int rounds)
{
	ssize_t (*read)(struct io_target_call *call) = READ_ONCE(provided_ops.read);
	ssize_t n = PAGE_SIZE;

	while (n == PAGE_SIZE && rounds--) {
		struct kvec vec = { .iov_base = b->bufs[0], .iov_len = b->size };
		struct iov_iter iter;
		struct io_target_call call = { .op = IO_TARGET_OP_READ, .iter = &iter };

		iov_iter_kvec(&iter, ITER_DEST, &vec, 1, b->size);
		n = read(&call);
	}
	return n == PAGE_SIZE ? 0 : -EIO;
}

static int read_run(struct bench *b, unsigned int rounds)
{
	ssize_t n = PAGE_SIZE;

	while (n == PAGE_SIZE && rounds--)
		n = io_target_read(b->target, b->bufs[0], b->size, 0, IO_TARGET_NO_TIMEOUT);
	return n == PAGE_SIZE ? 0 : n < 0 ? n : -EIO;
}

static __always_inline int async_round(struct bench *b, struct bench_slots *s,
				       unsigned int flags)
{
	unsigned int i;
	int err = 0;

	bench_round(b);
	for (i = 0; i < b->depth && !err; i++) {
		err = io_target_prep_read_buf(&s->reqs[i], b->bufs[i], b->size, 0, flags);
		s->reqs[i].end_io = bench_end_io;
		s->reqs[i].private = b;
		err = err ?: io_target_submit(&s->reqs[i]);
		if (unlikely(err))
			bench_not_sent(b, b->depth - i);
	}
	bench_wait(b);
	return err;
}

static int async_run(struct bench *b, unsigned int rounds)
{
	return bench_rounds(b, rounds, async_round, 0);
}

#define PROVIDED(_name, _flags, _run)						\
	{ .name = _name, .group = "provider", .flags = BENCH_CHAR | (_flags),	\
	  .setup = provided_setup, .cleanup = provided_cleanup, .run = _run }

const struct bench_case bench_provider[] = {
	PROVIDED("indirect_call", BENCH_BLOCKING, indirect_run),
	PROVIDED("provider_read", BENCH_BLOCKING, read_run),
	PROVIDED("provider_async", 0, async_run),
	{}
};
