// SPDX-License-Identifier: GPL-2.0
/*
 * The devices that the specification is held against, see spec.h.
 */
#include <linux/sizes.h>

#include "device.h"
#include "spec.h"

static int fake_spec_open(struct spec *s)
{
	return fake_open(&s->fx.fake, s->fx.target, FIXTURE_RW);
}

static void fake_spec_park(struct spec *s, bool park)
{
	s->fx.fake.park = park;
}

static bool fake_spec_wait_held(struct spec *s, unsigned int n)
{
	return fake_wait_parked(&s->fx.fake, n);
}

static void fake_spec_release(struct spec *s, unsigned int n)
{
	struct io_target_request *req;

	while (n-- && (req = fake_take(&s->fx.fake, false)))
		fake_answer(&s->fx.fake, req);
}

static unsigned int fake_spec_seen(struct spec *s)
{
	return READ_ONCE(s->fx.fake.submits);
}

static bool fake_spec_unused(struct spec *s)
{
	return READ_ONCE(s->fx.fake.closes) == s->fx.fake.opens;
}

static void fake_spec_let_go(struct spec *s)
{
	fake_let_go(&s->fx.fake);
}

const struct spec_device spec_fake = {
	.name		= "fake",
	.open		= fake_spec_open,
	.park		= fake_spec_park,
	.wait_held	= fake_spec_wait_held,
	.release	= fake_spec_release,
	.seen		= fake_spec_seen,
	.unused		= fake_spec_unused,
	.let_go		= fake_spec_let_go,
};

static bool testdev_unused(struct spec *s)
{
	return testdev_opens() == s->opens;
}

static void testdev_let_go(struct spec *s)
{
	device_set_answer();
}

/* Exclusively, for that is what removal is told to. */
static int bdev_spec_open(struct spec *s)
{
	return io_target_open(s->fx.target, testdev_disk_path(device_disk[FINE]),
			      FIXTURE_RW | IO_TARGET_EXCL);
}

static void bdev_spec_park(struct spec *s, bool park)
{
	testdev_disk_mode(device_disk[FINE], park ? TESTDEV_HOLD : TESTDEV_NOW, TESTDEV_TASK);
}

static bool bdev_spec_wait_held(struct spec *s, unsigned int n)
{
	return testdev_disk_wait_held(device_disk[FINE], n);
}

static void bdev_spec_release(struct spec *s, unsigned int n)
{
	while (n--)
		testdev_disk_release(device_disk[FINE], 0, BLK_STS_OK, TESTDEV_TASK);
}

static unsigned int bdev_spec_seen(struct spec *s)
{
	return testdev_disk_seen(device_disk[FINE]).bios;
}

const struct spec_device spec_bdev = {
	.name		= "bdev",
	.suite_init	= device_disks_init,
	.suite_exit	= device_disks_exit,
	.open		= bdev_spec_open,
	.park		= bdev_spec_park,
	.wait_held	= bdev_spec_wait_held,
	.release	= bdev_spec_release,
	.seen		= bdev_spec_seen,
	.unused		= testdev_unused,
	.let_go		= testdev_let_go,
};

/* Seekable, so that several can be in the driver, and not waiting when asked not to. */
static int file_spec_open(struct spec *s)
{
	return io_target_open(s->fx.target, testdev_char_path(device_char[SEEK_NOWAIT]),
			      FIXTURE_RW);
}

static void file_spec_park(struct spec *s, bool park)
{
	testdev_char_behave(device_char[SEEK_NOWAIT], &(struct testdev_char_behaviour){
		.mode = park ? TESTDEV_HOLD : TESTDEV_NOW,
	});
}

static bool file_spec_wait_held(struct spec *s, unsigned int n)
{
	return testdev_char_wait_held(device_char[SEEK_NOWAIT], n);
}

static void file_spec_release(struct spec *s, unsigned int n)
{
	while (n--)
		testdev_char_release(device_char[SEEK_NOWAIT], 0, TESTDEV_ALL, TESTDEV_TASK);
}

static unsigned int file_spec_seen(struct spec *s)
{
	struct testdev_char_seen seen = testdev_char_seen(device_char[SEEK_NOWAIT]);

	return seen.calls[0] + seen.calls[1];
}

const struct spec_device spec_file = {
	.name		= "file",
	.suite_init	= device_chars_init,
	.suite_exit	= device_chars_exit,
	.open		= file_spec_open,
	.park		= file_spec_park,
	.wait_held	= file_spec_wait_held,
	.release	= file_spec_release,
	.seen		= file_spec_seen,
	.unused		= testdev_unused,
	.let_go		= testdev_let_go,
};

struct testdev_mq *spec_mq_disk;

static int mq_suite_init(struct kunit_suite *suite)
{
	spec_mq_disk = testdev_mq_create("iotmq", SZ_64M, 0);
	return PTR_ERR_OR_ZERO(spec_mq_disk);
}

static void mq_suite_exit(struct kunit_suite *suite)
{
	testdev_mq_destroy(spec_mq_disk);
	spec_mq_disk = NULL;
}

static int mq_spec_open(struct spec *s)
{
	return io_target_open(s->fx.target, testdev_mq_path(spec_mq_disk), FIXTURE_RW);
}

static void mq_spec_let_go(struct spec *s)
{
	testdev_mq_answer(spec_mq_disk, BLK_STS_OK);
}

const struct spec_device spec_mq = {
	.name		= "queue",
	.suite_init	= mq_suite_init,
	.suite_exit	= mq_suite_exit,
	.open		= mq_spec_open,
	.unused		= testdev_unused,
	.let_go		= mq_spec_let_go,
};
