/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the library notices of a device by itself: whether it is the one that was there
 * before, that it has another size, that it is back.
 */
#ifndef _IO_TARGET_WATCH_H
#define _IO_TARGET_WATCH_H

#include "internal.h"

/* follow.c */
void iot_follow_init(struct io_target *t);
void iot_follow_opened(struct io_target *t);
bool iot_follow_lost(struct io_target *t);
void iot_follow_now(struct io_target *t);
void iot_follow_end(struct io_target *t);
void iot_follow_quiesce(struct io_target *t);
void iot_follow_queue(struct io_target *t, unsigned long delay);

/* look.c */
int iot_look_begin(struct io_target *t);
bool iot_look_runs(struct io_target *t);
bool iot_look_wait(struct io_target *t, long timeout);
struct io_target_lower *iot_look_take(struct io_target *t);
void iot_look_drop(struct io_target *t);
void iot_look_forget(struct io_target *t, long timeout);

/* identity.c */
bool iot_identity_tells(const struct io_target_follow *given, const struct iot_fits *fits);
const char *iot_identity_differs(const struct io_target_follow *given,
				 const struct iot_fits *old, const struct iot_fits *new);
void iot_bdev_identify(struct block_device *bdev, struct iot_identity *id);

/* fits.c */
void iot_fits_read(struct io_target_lower *lower, struct iot_fits *fits);
int iot_fits_check(struct io_target *t, struct io_target_lower *lower, const char *what);
int iot_fits_check_follow(struct io_target *t, struct io_target_lower *lower);
int iot_fits_check_lost(struct io_target *t, const struct iot_fits *was,
			struct io_target_lower *lower);

/* rescan.c */
void iot_rescan_init(struct io_target *t);
void iot_rescan_opened(struct io_target *t, struct io_target_lower *lower);
void iot_rescan_end(struct io_target *t);
void iot_rescan_quiesce(struct io_target *t);
void iot_rescan_soon(struct io_target *t);
int iot_rescan(struct io_target *t);

#endif /* _IO_TARGET_WATCH_H */
