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

static bool same_wwid(const struct iot_identity *a, const struct iot_identity *b)
{
	return a->wwid_len == b->wwid_len && a->wwid_type == b->wwid_type &&
	       !memcmp(a->wwid, b->wwid, a->wwid_len);
}

/* Can a disk be told from others, once it has been away? */
bool iot_identity_tells(const struct io_target_follow *given, const struct iot_fits *fits)
{
	return !S_ISBLK(fits->info.mode) || fits->identity.wwid_len || given->uuid[0] ||
	       given->diskseq || given->size_is_enough;
}

static const char *disk_differs(const struct io_target_follow *given,
				const struct iot_fits *old, const struct iot_fits *new)
{
	const struct iot_identity *was = &old->identity, *now = &new->identity;

	if (was->partno != now->partno)
		return "another partition";
	if (was->wwid_len && !same_wwid(was, now))
		return "another wwid";
	if (given->uuid[0] && strcasecmp(given->uuid, now->uuid))
		return "another uuid";
	if (given->diskseq && given->diskseq != new->info.diskseq)
		return "another diskseq";
	if (was->wwid_len)
		return NULL;
	if (old->info.size != new->info.size)
		return "another size";
	/* A switch or reopen may have brought a disk that nothing tells from others. */
	return iot_identity_tells(given, old) ? NULL : "nothing tells it from others";
}

/* Return: why @new is not the device that was lost as @old; NULL: it is. */
const char *iot_identity_differs(const struct io_target_follow *given,
				 const struct iot_fits *old, const struct iot_fits *new)
{
	if (old->info.mode != new->info.mode)
		return "of another kind";
	if (S_ISBLK(new->info.mode))
		return disk_differs(given, old, new);
	return old->info.dev != new->info.dev ? "another number" : NULL;
}
