// SPDX-License-Identifier: GPL-2.0
/*
 * dmlinear create NAME DEVICE: a device-mapper device, linear, over the whole of DEVICE
 * dmlinear remove NAME
 *
 * For the benchmark's guest, which has no dmsetup.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/dm-ioctl.h>
#include <linux/fs.h>

struct command {
	struct dm_ioctl		dm;
	struct dm_target_spec	target;
	char			params[128];
};

static int control;

static int tell(struct command *c, unsigned long what, const char *name)
{
	c->dm.version[0] = DM_VERSION_MAJOR;
	c->dm.data_size = sizeof(*c);
	c->dm.data_start = sizeof(c->dm);
	snprintf(c->dm.name, sizeof(c->dm.name), "%s", name);
	return ioctl(control, what, c);
}

/* In sectors; 0 if there is no such device. */
static unsigned long long length_of(const char *device)
{
	int fd = open(device, O_RDONLY);
	unsigned long long bytes;

	return fd < 0 || ioctl(fd, BLKGETSIZE64, &bytes) ? 0 : bytes / 512;
}

static int load(const char *name, const char *device)
{
	struct command c = { .dm.target_count = 1 };

	c.target.length = length_of(device);
	snprintf(c.target.target_type, sizeof(c.target.target_type), "linear");
	snprintf(c.params, sizeof(c.params), "%s 0", device);
	return tell(&c, DM_TABLE_LOAD, name);
}

static int create(const char *name, const char *device)
{
	struct command made = {}, resumed = {};

	if (tell(&made, DM_DEV_CREATE, name))
		return -1;
	return load(name, device) ?: tell(&resumed, DM_DEV_SUSPEND, name);
}

int main(int argc, char **argv)
{
	struct command c = {};
	int err = -1;

	control = open("/dev/mapper/control", O_RDWR);
	if (argc == 4 && !strcmp(argv[1], "create"))
		err = create(argv[2], argv[3]);
	else if (argc == 3 && !strcmp(argv[1], "remove"))
		err = tell(&c, DM_DEV_REMOVE, argv[2]);
	if (err)
		perror("dmlinear");
	return !!err;
}
