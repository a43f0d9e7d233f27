// SPDX-License-Identifier: GPL-2.0
/*
 * Is this the device that was here before?
 *
 * What is told apart: of a disk its wwid, which SCSI and NVMe drivers know; of a
 * partition its number on that disk and its uuid; without a wwid the size, and what the
 * owner of the target has said about it. Of a char device the kernel knows no more than
 * the number, which says which driver and port it is, not what is plugged in there.
 */
#include <linux/blkdev.h>
#include <linux/string.h>

#include "watch.h"

/* The best that the disk has; in this order. */
static const enum blk_unique_id wwid_types[] = { BLK_UID_NAA, BLK_UID_EUI64, BLK_UID_T10 };

/* May sleep in the driver. */
void iot_bdev_identify(struct block_device *bdev, struct iot_identity *id)
{
	struct gendisk *disk = bdev->bd_disk;
	unsigned int i;

	id->partno = iot_bdev_partno(bdev);
	if (bdev->bd_meta_info)
		strscpy(id->uuid, bdev->bd_meta_info->uuid, sizeof(id->uuid));
	for (i = 0; disk->fops->get_unique_id && !id->wwid_len && i < ARRAY_SIZE(wwid_types); i++) {
		int len = disk->fops->get_unique_id(disk, id->wwid, wwid_types[i]);

		if (len <= 0 || len > sizeof(id->wwid))
			continue;
		id->wwid_len = len;
		id->wwid_type = wwid_types[i];
	}
}

void iot_identity_read(struct io_target_lower *lower, struct iot_identity *id)
{
	struct io_target_info info = {};

	lower->backend->info(lower, &info);
	*id = (struct iot_identity){
		.mode = info.mode,
		.dev = info.dev,
		.size = info.size,
		.diskseq = info.diskseq,
	};
	if (lower->backend->identify)
		lower->backend->identify(lower, id);
}

static bool same_wwid(const struct iot_identity *a, const struct iot_identity *b)
{
	return a->wwid_len == b->wwid_len && a->wwid_type == b->wwid_type &&
	       !memcmp(a->wwid, b->wwid, a->wwid_len);
}

static const char *disk_differs(const struct io_target_follow *given,
				const struct iot_identity *was, const struct iot_identity *now)
{
	if (was->partno != now->partno)
		return "another partition";
	if (was->wwid_len && !same_wwid(was, now))
		return "another wwid";
	if (given->uuid[0] && strcasecmp(given->uuid, now->uuid))
		return "another uuid";
	if (given->diskseq && given->diskseq != now->diskseq)
		return "another diskseq";
	if (was->wwid_len)
		return NULL;
	if (was->size != now->size)
		return "another size";
	if (!given->uuid[0] && !given->diskseq && !given->size_is_enough)
		return "no wwid, and nothing is said that tells it from another";
	return NULL;
}

/*
 * Is @lower, just opened, the device that @t has lost? Says why it is not.
 * Return: 0 or -ESTALE. Context: process context; under target->mutex.
 */
int iot_identity_check(struct io_target *t, struct io_target_lower *lower)
{
	const struct iot_identity *was = &t->identity;
	struct iot_identity now;
	const char *differs;

	lockdep_assert_held(&t->mutex);
	iot_identity_read(lower, &now);
	if (was->mode != now.mode)
		differs = "of another kind";
	else if (S_ISBLK(now.mode))
		differs = disk_differs(&t->config.follow, was, &now);
	else
		differs = was->dev != now.dev ? "another number" : NULL;
	if (!differs)
		return 0;
	return iot_err(t, -ESTALE, "%s is not the lost device: %s", lower->name, differs);
}
