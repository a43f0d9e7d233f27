/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The char device above a target: /dev/iot-<name>, mode 0600. What it is told, it
 * forwards.
 */
#ifndef _IO_TARGET_PASSTHRU_CHARDEV_H
#define _IO_TARGET_PASSTHRU_CHARDEV_H

#include <linux/types.h>

struct io_target;
struct pt_chardev;

int pt_chardev_init(void);
void pt_chardev_exit(void);

/*
 * Above @t, which is open for a char device or file, and is referenced from here on; an
 * ERR_PTR when it is not. @read_only: it cannot be opened for writing.
 */
struct pt_chardev *pt_chardev_create(struct io_target *t, const char *name, bool read_only);
/* Is this the node of one of these? Above it there can be none. */
bool pt_chardev_is_path(const char *name);
/* Somebody has it open. A snapshot, unless it has been shut. */
bool pt_chardev_busy(struct pt_chardev *c);
/* From now on it cannot be opened (-ENODEV); -EBUSY, and nothing is done: it is open. */
int pt_chardev_shut(struct pt_chardev *c);
/* Takes the node away. Whoever has it open keeps what he has, and the target. */
void pt_chardev_destroy(struct pt_chardev *c);

#endif /* _IO_TARGET_PASSTHRU_CHARDEV_H */
