/* SPDX-License-Identifier: GPL-2.0 */
/* What is to be known of io_target_sum by who asks it for something. */
#ifndef IO_TARGET_DEMO_SUM_H
#define IO_TARGET_DEMO_SUM_H

#define SUM_NAME	"io_target_sum"

/* ioctl: gives the SHA-256 of what goes in, in hexadecimal, and its end */
#define SUM_SHA256	1
#define SUM_BYTES	65

#endif /* IO_TARGET_DEMO_SUM_H */
