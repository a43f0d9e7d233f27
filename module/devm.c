// SPDX-License-Identifier: GPL-2.0
/*
 * Targets that go with the driver's device, in the reverse order of what it acquired:
 * closed and put when its probe fails or it is unbound.
 */
#include <linux/device.h>
#include <linux/export.h>

#include "internal.h"

static void devm_close(void *target)
{
	io_target_close(target);
	io_target_put(target);
}

/**
 * devm_io_target_create - io_target_create(), closed and put with a device
 * @dev: the caller's own device, not the one that is opened
 * @config: as for io_target_create()
 *
 * What is open when @dev is unbound is closed, with all that this waits for.
 *
 * Context: process context, may sleep.
 * Return: as io_target_create().
 */
struct io_target *devm_io_target_create(struct device *dev,
					const struct io_target_config *config)
{
	struct io_target *t = io_target_create(config);
	int err;

	if (IS_ERR(t))
		return t;
	err = devm_add_action_or_reset(dev, devm_close, t);
	return err ? ERR_PTR(err) : t;
}
EXPORT_SYMBOL_GPL(devm_io_target_create);

/**
 * devm_io_target_open_path - io_target_open_path(), closed and put with a device
 * @dev: the caller's own device, not the one that is opened
 * @path: as for io_target_open()
 * @flags: as for io_target_open()
 * @config: as for io_target_create()
 *
 * Context: process context, may sleep.
 * Return: as io_target_open_path().
 */
struct io_target *devm_io_target_open_path(struct device *dev, const char *path,
					   unsigned int flags,
					   const struct io_target_config *config)
{
	struct io_target *t = io_target_open_path(path, flags, config);
	int err;

	if (IS_ERR(t))
		return t;
	err = devm_add_action_or_reset(dev, devm_close, t);
	return err ? ERR_PTR(err) : t;
}
EXPORT_SYMBOL_GPL(devm_io_target_open_path);
