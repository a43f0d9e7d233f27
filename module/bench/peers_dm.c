// SPDX-License-Identifier: GPL-2.0
/* The kernel's other library for I/O from drivers: dm_io(). */
#include "bench.h"

#include <linux/blkdev.h>
#include <linux/dm-io.h>
#include <linux/err.h>

static int dm_setup(struct bench *b)
{
	b->own = dm_io_client_create();
	return PTR_ERR_OR_ZERO(b->own);
}

static void dm_cleanup(struct bench *b)
{
	dm_io_client_destroy(b->own);
}

static IOT_DM_NOTIFY(dm_ended)
{
	bench_ended(context, error);
}

static __always_inline int dm_send(struct bench *b, unsigned int i, io_notify_fn notify)
{
	struct dm_io_region region = {
		.bdev = b->bdev,
		.sector = bench_sector(b),
		.count = b->size >> SECTOR_SHIFT,
	};
	struct dm_io_request req = {
		.bi_opf = REQ_OP_READ,
		.mem = { .type = DM_IO_KMEM, .ptr.addr = b->bufs[i] },
		.notify = { .fn = notify, .context = b },
		.client = b->own,
	};

	return iot_dm_io(&req, 1, &region, NULL, IOPRIO_DEFAULT);
}

static int dm_wait_run(struct bench *b, unsigned int rounds)
{
	int err = 0;

	while (!err && rounds--)
		err = dm_send(b, 0, NULL);
	return err;
}

static int dm_async_run(struct bench *b, unsigned int rounds)
{
	unsigned int i;
	int err = 0;

	while (!err && rounds--) {
		bench_round(b);
		for (i = 0; i < b->depth; i++) {
			err = dm_send(b, i, dm_ended);
			if (unlikely(err)) {
				bench_not_sent(b, b->depth - i);
				break;
			}
		}
		bench_wait(b);
	}
	return err;
}

const struct bench_case bench_peers_dm[] = {
	{ .name = "dm_io_wait", .group = "raw", .flags = BENCH_BLOCKING,
	  .setup = dm_setup, .cleanup = dm_cleanup, .run = dm_wait_run },
	{ .name = "dm_io", .group = "raw",
	  .setup = dm_setup, .cleanup = dm_cleanup, .run = dm_async_run },
	{}
};
