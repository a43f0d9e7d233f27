/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A target follows a disk, which goes and comes back: shared by the suites of kept I/O and of
 * lost caches.
 */
#ifndef _IO_TARGET_KUNIT_LOST_H
#define _IO_TARGET_KUNIT_LOST_H

#include "device.h"

#define LOST_BLOCK	512

/**
 * struct lost - the target, and the disk of now
 * @t: open
 * @config: of the disks
 * @disk: NULL: there is none
 */
struct lost {
	struct io_target		*t;
	struct testdev_disk_config	config;
	struct testdev_disk		*disk;
};

/* A disk of 1 MiB in small blocks, to which a suite adds what it can. */
struct testdev_disk_config lost_config(const char *name);
/* One for each case, which lost_exit() closes however the case ends. */
struct lost *lost_open(struct kunit *test, const struct testdev_disk_config *config,
		       bool cache_kept);
/* All that the disk holds ends with @status; before that, if @dead, it dies. */
void lost_lose(struct kunit *test, struct lost *l, bool dead, blk_status_t status);
/* A disk like it, with @len bytes of @data, comes in its place, and is found. */
void lost_find(struct kunit *test, struct lost *l, const u8 *data, size_t len);
void lost_close(struct kunit *test, struct lost *l);
/* As device_fixture_exit() */
void lost_exit(struct kunit *test);

#endif /* _IO_TARGET_KUNIT_LOST_H */
