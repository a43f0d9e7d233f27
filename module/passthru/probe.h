/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Is a disk of ours somewhere below another device? The kernel does not keep who lies
 * above whom where we could look, so a block is read from the other device, and the disk
 * looks whether the read comes along: clones share the memory of their bio.
 */
#ifndef _IO_TARGET_PASSTHRU_PROBE_H
#define _IO_TARGET_PASSTHRU_PROBE_H

#include <linux/blkdev.h>
#include <linux/jump_label.h>

/* probe.c */
DECLARE_STATIC_KEY_FALSE(pt_probing);
bool __pt_probe_is(struct bio *bio);
bool pt_probe(struct gendisk *disk, const char *path);

/* Has @bio come to find us? Then it has been ended. */
static inline bool pt_probe_is(struct bio *bio)
{
	return static_branch_unlikely(&pt_probing) && __pt_probe_is(bio);
}

#endif /* _IO_TARGET_PASSTHRU_PROBE_H */
