/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Devices that forward all they receive to an I/O target: /dev/iot-<name>, made in
 * configfs or by parameters of the module.
 */
#ifndef _IO_TARGET_PASSTHRU_H
#define _IO_TARGET_PASSTHRU_H

#include <linux/configfs.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include <linux/io_target.h>

#include "../compat_disk.h"

/* How long a command of the attribute "state" waits for what has been sent */
#define PT_WAIT		(60 * HZ)

/* How often the size of the lower device is looked at */
#define PT_RESCAN	(30 * HZ)

/**
 * struct pt_settings - what is chosen before a device is enabled
 * @path: of the lower device, NULL: none yet
 * @readonly: nothing may be written
 * @exclusive: a block device is claimed
 * @max_pended: requests of a char device that are held at the most, 0: the default
 * @pend_timeout_ms: how long a bio is held at the most, 0: as long as it takes
 * @identity: whether the device is looked for when it has gone, and what it is then
 */
struct pt_settings {
	char		*path;
	bool		readonly;
	bool		exclusive;
	unsigned int	max_pended;
	unsigned int	pend_timeout_ms;
	struct io_target_follow identity;
};

/**
 * struct pt_device - one directory in configfs, and its device once it is enabled
 * @group: its life: who has a file of the directory open has a reference
 * @lock: enabled or not, and the settings, which change only while it is not; taken before
 *	all locks of the target's
 * @commands: one at a time of those that change which device is below. One that opens a
 *	device may be under way when this one is disabled, and when it is enabled again
 * @set: see there; a switch changes its path, under @use_lock
 * @read_only: set, or since the device below is
 * @target: NULL while disabled; changed under @lock and @use_lock
 * @use_lock: for who uses @target or reads a path without @lock, and
 * @users: how many of the former there are, for whom a disable waits
 * @disk: what has been made of @target, if that has a block device
 * @chardev: the same for all else
 * @next: the path that a switch goes to, for who reads it; under @use_lock
 * @hasty: the target while its disk is added or deleted, which does I/O and waits for it:
 *	if the device below is lost then, it is purged
 * @haste_work: does that
 */
struct pt_device {
	struct config_group	group;
	struct mutex		lock;	/* see above */
	struct mutex		commands;
	struct pt_settings	set;
	bool			read_only;
	struct io_target	*target;
	spinlock_t		use_lock;	/* see above */
	unsigned int		users;
	struct pt_disk		*disk;
	struct pt_chardev	*chardev;
	char			*next;
	struct io_target	*hasty;
	struct work_struct	haste_work;
};

/* Says in one line why @_pt does not do what it was told, and returns @_err. */
#define pt_refuse(_pt, _err, _fmt, ...) ({						\
	int __err = (_err);								\
											\
	pr_warn_ratelimited("io_target_passthru: %s: " _fmt " (%pe)\n",			\
			    config_item_name(&(_pt)->group.cg_item), ##__VA_ARGS__,	\
			    ERR_PTR(__err));						\
	__err;										\
})

static inline struct pt_device *to_pt(struct config_item *item)
{
	return container_of(to_config_group(item), struct pt_device, group);
}

/* attrs.c */
extern struct configfs_attribute *pt_attrs[];

/* config.c */
struct pt_device *pt_config_add(const char *name);
void pt_config_remove(struct pt_device *pt);
int pt_config_init(void);
void pt_config_exit(void);

/* device.c; without pt->lock */
void pt_device_init(struct pt_device *pt);
struct io_target *pt_device_use(struct pt_device *pt);
void pt_device_unuse(struct pt_device *pt);

/* the same, under pt->lock */
int pt_device_enable(struct pt_device *pt);
void pt_device_disable(struct pt_device *pt);

/* command.c; without pt->lock */
int pt_command(struct pt_device *pt, const char *command);
int pt_command_rescan(struct pt_device *pt);
int pt_command_next(struct pt_device *pt, char *path);

/* disk.c; those without a path do nothing about NULL */
struct pt_disk *pt_disk_create(struct io_target *target, const char *name, bool read_only);
void pt_disk_delete(struct pt_disk *d);
void pt_disk_free(struct pt_disk *d);
bool pt_disk_is_below(struct pt_disk *d, const char *path);
void pt_disk_link(struct pt_disk *d);
void pt_disk_unlink(struct pt_disk *d);
void pt_disk_look(struct pt_disk *d);
void pt_disk_event(struct pt_disk *d, enum io_target_event event);
dev_t pt_disk_below(const char *name);

/* below.c: of the upper disk's driver */
int pt_ask_zones(struct gendisk *disk, sector_t sector, unsigned int count,
		 struct iot_zones_asked *asked);
int pt_ask_geometry(struct gendisk *disk, struct hd_geometry *geo);
int pt_get_unique_id(struct gendisk *disk, u8 id[16], enum blk_unique_id type);
int pt_ioctl(struct block_device *bdev, iot_open_mode mode, unsigned int cmd,
	     unsigned long arg);
int pt_compat_ioctl(struct block_device *bdev, iot_open_mode mode, unsigned int cmd,
		    unsigned long arg);

/* reservation.c */
extern const struct pr_ops pt_pr_ops;

/* above.c */
bool pt_is_above(const char *path, const char *name);

#endif /* _IO_TARGET_PASSTHRU_H */
