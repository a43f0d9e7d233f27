/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the suites over the test pipe share: a pipe of the wished kind, and requests that
 * wait for it to be ready.
 */
#ifndef _IO_TARGET_KUNIT_READY_H
#define _IO_TARGET_KUNIT_READY_H

#include "device.h"
#include "file.h"

#define ROOM	TESTDEV_PIPE_ROOM
#define CHUNK	16

extern struct testdev_pipe *ready_pipe;

/* The fixture, and after it what a case has made itself. */
int ready_init(struct kunit *test);
void ready_exit(struct kunit *test);

/* A new pipe with TESTDEV_PIPE_* @flags, and a target that has it open. */
struct io_target *ready_open(struct kunit *test, unsigned int flags);

/* Memory that lasts as long as the case */
u8 *ready_buf(struct kunit *test, size_t len);

/* Until requests of that direction wait for the driver to be ready; false: they do not. */
bool ready_wait_waiting(struct io_target *t, bool write);

/* Until so many entries are in the queues of the driver; false: they are not. */
bool ready_wait_watching(unsigned int n);

/* A read or write of @len bytes, submitted. */
struct sent *ready_send(struct kunit *test, struct io_target *t, bool write, u8 *buf,
			size_t len, unsigned int flags);
/* The same, and it waits for the driver. */
struct sent *ready_waiting(struct kunit *test, struct io_target *t, bool write, u8 *buf,
			   size_t len, unsigned int flags);
/* @n reads of CHUNK bytes, submitted; they share @buf. */
struct sent **ready_send_many(struct kunit *test, struct io_target *t, u8 *buf,
			      unsigned int n);

#endif /* _IO_TARGET_KUNIT_READY_H */
