// SPDX-License-Identifier: GPL-2.0
/* What a measurement works on: the opened device, memory, and where to go in which order. */
#include "bench.h"

#include <linux/err.h>
#include <linux/gcd.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>

/* Rounds whose buffers would be more than this share them. */
#define BUFFERS_MAX	SZ_16M

static int open_disk(struct bench_device *dev, const char *path, bool write)
{
	int err = iot_bdev_open_path(&dev->raw, path, true, write, NULL);

	if (!err)
		dev->blocks = bdev_nr_bytes(dev->raw.bdev);
	return err;
}

static int open_char(struct bench_device *dev, const char *path, bool write)
{
	dev->file = filp_open(path, write ? O_RDWR : O_RDONLY, 0);
	dev->blocks = SZ_1G;
	return PTR_ERR_OR_ZERO(dev->file);
}

/**
 * bench_open - open a device twice: by hand and as a target
 * @dev: to be filled in
 * @disk: path of a block device, or NULL
 * @chardev: path of a char device if there is no @disk
 * @write: to write to it
 *
 * Return: 0 or a negative errno.
 */
int bench_open(struct bench_device *dev, const char *disk, const char *chardev, bool write)
{
	int err;

	*dev = (struct bench_device){};
	err = disk ? open_disk(dev, disk, write) : open_char(dev, chardev, write);
	if (err)
		return err;
	dev->target = io_target_open_path(disk ?: chardev,
					  IO_TARGET_READ | (write ? IO_TARGET_WRITE : 0), NULL);
	if (!IS_ERR(dev->target))
		return 0;
	err = PTR_ERR(dev->target);
	dev->target = NULL;
	bench_close(dev);
	return err;
}

void bench_close(struct bench_device *dev)
{
	if (dev->target) {
		io_target_close(dev->target);
		io_target_put(dev->target);
	}
	if (dev->raw.bdev)
		iot_bdev_close(&dev->raw);
	else
		fput(dev->file);
}

/*
 * Every block once before any twice. At random means in steps of the golden section,
 * so that no two of a round are neighbours unless the device is tiny.
 */
static u64 random_step(u64 count)
{
	u64 step = div_u64(count * 618, 1000) | 1;

	while (step > 1 && gcd(step, count) != 1)
		step += 2;
	return step;
}

static int make_table(struct bench *b, u64 count, bool random)
{
	sector_t *sectors = kvmalloc_array(BENCH_POSITIONS, sizeof(*sectors), GFP_KERNEL);
	loff_t *bytes = kvmalloc_array(BENCH_POSITIONS, sizeof(*bytes), GFP_KERNEL);
	u64 step = random ? random_step(count) : 1;
	u64 block = 0;
	unsigned int i;

	b->sectors = sectors;
	b->bytes = bytes;
	if (!sectors || !bytes)
		return -ENOMEM;
	for (i = 0; i < BENCH_POSITIONS; i++) {
		bytes[i] = block * b->size;
		sectors[i] = bytes[i] >> SECTOR_SHIFT;
		block += step;
		if (block >= count)
			block -= count;
	}
	return 0;
}

/*
 * No buffer adjoins another, so that sequential I/O is of scattered memory, as it is
 * where the requests are not made for a benchmark.
 */
static int make_buffers(struct bench *b)
{
	unsigned int i, nr = clamp_t(unsigned int, BUFFERS_MAX / b->size, 1, b->depth);
	size_t room = 2 * max_t(size_t, b->size, PAGE_SIZE);

	b->bufs = kvcalloc(b->depth, sizeof(*b->bufs), GFP_KERNEL);
	if (!b->bufs)
		return -ENOMEM;
	for (i = 0; i < b->depth; i++) {
		b->bufs[i] = i < nr ? (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO,
							       get_order(room)) :
				      b->bufs[i - nr];
		if (!b->bufs[i])
			return -ENOMEM;
	}
	return 0;
}

static void free_buffers(struct bench *b)
{
	unsigned int i, nr = clamp_t(unsigned int, BUFFERS_MAX / b->size, 1, b->depth);
	size_t room = 2 * max_t(size_t, b->size, PAGE_SIZE);

	for (i = 0; b->bufs && i < nr; i++)
		free_pages((unsigned long)b->bufs[i], get_order(room));
	kvfree(b->bufs);
}

void bench_destroy(struct bench *b)
{
	free_buffers(b);
	kvfree(b->sectors);
	kvfree(b->bytes);
	kfree(b);
}

/**
 * bench_create - make what the loops work on
 * @dev: opened
 * @size: bytes of each I/O
 * @depth: I/Os in a round
 * @random: not in the order of the device
 *
 * Return: to be given to bench_destroy(), or an ERR_PTR().
 */
struct bench *bench_create(const struct bench_device *dev, unsigned int size,
			   unsigned int depth, bool random)
{
	u64 count = div_u64(dev->blocks, size);
	struct bench *b;
	int err;

	if (!count)
		return ERR_PTR(-ENOSPC);
	b = kzalloc_obj(*b, GFP_KERNEL);
	if (!b)
		return ERR_PTR(-ENOMEM);
	b->size = size;
	b->depth = depth;
	b->bdev = dev->raw.bdev;
	b->file = dev->file;
	b->target = dev->target;
	init_completion(&b->ended);
	err = make_table(b, count, random) ?: make_buffers(b);
	if (!err)
		return b;
	bench_destroy(b);
	return ERR_PTR(err);
}
