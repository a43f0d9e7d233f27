/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A zoned disk, beside those of the inbox: what the suites over zones share.
 */
#ifndef _IO_TARGET_KUNIT_ZONED_H
#define _IO_TARGET_KUNIT_ZONED_H

#include <linux/sizes.h>

#include "inbox.h"

#define ZONE	SZ_64K
#define ZONES	8

extern struct testdev_disk *zoned_disk;

int zoned_suite_init(struct kunit_suite *suite);
void zoned_suite_exit(struct kunit_suite *suite);

/* A target that has it open; its zones are empty. */
struct io_target *zoned_open(struct kunit *test, unsigned int flags);

#endif /* _IO_TARGET_KUNIT_ZONED_H */
