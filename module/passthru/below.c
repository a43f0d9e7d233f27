// SPDX-License-Identifier: GPL-2.0
/*
 * A disk is asked more than bios ask, which only the driver of the device below can answer:
 * its zones, its geometry, its unique id, and ioctls that the block layer does not know
 * (SG_IO, those of NVMe). The device that is there now is asked, so that the answers
 * follow a switch. While there is none, or the target is stopped, the answer is -EAGAIN.
 *
 * For persistent reservations see reservation.c.
 */
#include <linux/blkdev.h>
#include <linux/capability.h>
#include <linux/hdreg.h>

#include "passthru.h"

static struct io_target *disk_target(struct gendisk *disk)
{
	return disk->private_data;
}

/* ---- zones ---- */

struct zones {
	sector_t		sector;
	unsigned int		count;
	struct iot_zones_asked	*asked;
};

static int lower_report_zones(struct block_device *bdev, void *data)
{
	struct zones *z = data;

	return blkdev_report_zones(bdev, z->sector, z->count, iot_tell_zone, z->asked);
}

/* A disk that is stopped does not know them: they may be others when it is started. */
int pt_ask_zones(struct gendisk *disk, sector_t sector, unsigned int count,
		 struct iot_zones_asked *asked)
{
	struct zones zones = { .sector = sector, .count = count, .asked = asked };

	return io_target_call_bdev(disk_target(disk), 0, lower_report_zones, &zones);
}

/* ---- geometry ---- */

static int lower_getgeo(struct block_device *bdev, void *geo)
{
	return bdev->bd_disk->fops->getgeo ? iot_getgeo(bdev, geo) : -ENOTTY;
}

/* The block layer has filled in where the disk begins. */
int pt_ask_geometry(struct gendisk *disk, struct hd_geometry *geo)
{
	return io_target_call_bdev(disk_target(disk), 0, lower_getgeo, geo);
}

/* ---- unique id ---- */

struct unique_id {
	u8			*id;
	enum blk_unique_id	type;
};

/* A partition has none: the id is that of its disk. */
static int lower_unique_id(struct block_device *bdev, void *data)
{
	const struct block_device_operations *fops = bdev->bd_disk->fops;
	struct unique_id *u = data;

	if (bdev_is_partition(bdev) || !fops->get_unique_id)
		return -EINVAL;
	return fops->get_unique_id(bdev->bd_disk, u->id, u->type);
}

int pt_get_unique_id(struct gendisk *disk, u8 id[16], enum blk_unique_id type)
{
	struct unique_id u = { .id = id, .type = type };

	return io_target_call_bdev(disk_target(disk), 0, lower_unique_id, &u);
}

/* ---- ioctls ---- */

/**
 * struct ioctl - one call
 * @part: of a partition of the upper disk
 * @mode: how the upper disk is open, as far as the target is
 * @compat: of a 32-bit program
 * @cmd: as it came
 * @arg: as it came
 */
struct ioctl {
	bool			part;
	iot_open_mode		mode;
	bool			compat;
	unsigned int		cmd;
	unsigned long		arg;
};

/*
 * Commands reach the whole disk, whatever part of it is open: there they take the
 * capability that the drivers of disks and device mapper ask for.
 */
static int lower_ioctl(struct block_device *bdev, void *data)
{
	const struct block_device_operations *fops = bdev->bd_disk->fops;
	struct ioctl *c = data;

	if ((c->part || bdev_is_partition(bdev)) && !capable(CAP_SYS_RAWIO))
		return -ENOIOCTLCMD;
	if (c->compat)
		return fops->compat_ioctl ?
		       fops->compat_ioctl(bdev, c->mode, c->cmd, c->arg) : -ENOIOCTLCMD;
	return fops->ioctl ? fops->ioctl(bdev, c->mode, c->cmd, c->arg) : -ENOTTY;
}

static int forward_ioctl(struct block_device *bdev, struct ioctl *c)
{
	struct io_target *t = disk_target(bdev->bd_disk);
	struct io_target_info info;

	c->part = bdev_is_partition(bdev);
	if (io_target_get_info(t, &info) || !(info.flags & IO_TARGET_WRITE))
		c->mode &= ~BLK_OPEN_WRITE;
	return io_target_call_bdev(t, 0, lower_ioctl, c);
}

int pt_ioctl(struct block_device *bdev, iot_open_mode mode, unsigned int cmd,
	     unsigned long arg)
{
	struct ioctl c = { .mode = mode, .cmd = cmd, .arg = arg };

	return forward_ioctl(bdev, &c);
}

int pt_compat_ioctl(struct block_device *bdev, iot_open_mode mode, unsigned int cmd,
		    unsigned long arg)
{
	struct ioctl c = { .mode = mode, .compat = true, .cmd = cmd, .arg = arg };

	return forward_ioctl(bdev, &c);
}
