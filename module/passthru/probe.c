// SPDX-License-Identifier: GPL-2.0
/*
 * See probe.h. What copies the data on its way (a loop device, encryption of some kinds)
 * hides a disk from it.
 */
#include <linux/bio.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include <linux/io_target.h>

#include "probe.h"

DEFINE_STATIC_KEY_FALSE(pt_probing);

static DEFINE_MUTEX(probe_mutex);	/* one probe at a time */
static struct gendisk *probe_disk;	/* who is looked for */
static struct page *probe_page;		/* what is read into */
static bool probe_seen;

bool __pt_probe_is(struct bio *bio)
{
	if (bio->bi_bdev->bd_disk != READ_ONCE(probe_disk) || bio_op(bio) != REQ_OP_READ ||
	    !bio_has_data(bio) || bio_page(bio) != READ_ONCE(probe_page))
		return false;
	WRITE_ONCE(probe_seen, true);
	bio_io_error(bio);
	return true;
}

/* Without waiting if that is possible: a device between may be stopped. */
static void probe_read(struct io_target *t, const struct io_target_info *info, loff_t pos)
{
	unsigned int flags = info->nowait ? IO_TARGET_NOWAIT : 0;
	struct io_target_request *req = io_target_request_alloc(t, GFP_KERNEL);

	if (!req)
		return;
	if (!io_target_prep_rw_page(req, IO_TARGET_OP_READ, probe_page, 0,
				    info->logical_block_size, pos, flags))
		io_target_submit_wait(req, IO_TARGET_NO_TIMEOUT);
	io_target_request_free(req);
}

static void probe_device(struct io_target *t)
{
	unsigned int order, block;
	struct io_target_info info;

	if (io_target_get_info(t, &info) || !S_ISBLK(info.mode))
		return;
	block = info.logical_block_size;
	order = get_order(block);
	if (info.size < block)
		return;
	probe_page = alloc_pages(GFP_KERNEL, order);
	if (!probe_page)
		return;
	static_branch_inc(&pt_probing);
	probe_read(t, &info, 0);
	probe_read(t, &info, info.size - block);
	static_branch_dec(&pt_probing);
	__free_pages(probe_page, order);
	probe_page = NULL;
}

/* Return: true if it is; false also if that cannot be found out. */
bool pt_probe(struct gendisk *disk, const char *path)
{
	struct io_target *t = io_target_open_path(path, IO_TARGET_READ, NULL);
	bool seen;

	if (IS_ERR(t))
		return false;
	scoped_guard(mutex, &probe_mutex) {
		probe_disk = disk;
		probe_seen = false;
		probe_device(t);
		probe_disk = NULL;
		seen = probe_seen;
	}
	io_target_close(t);
	io_target_put(t);
	return seen;
}
