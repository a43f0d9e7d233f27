// SPDX-License-Identifier: GPL-2.0
/*
 * The directories in configfs: /sys/kernel/config/io_target/<name>/. Their files are in
 * attrs.c.
 */
#include <linux/ctype.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "passthru.h"
#include "../compat.h"

/* With "iot-" before it, and a partition's number behind, it is to be a disk's name. */
#define PT_NAME_MAX	20

/* The directory has gone, and so has who had a file of it open. */
static void pt_release(struct config_item *item)
{
	struct pt_device *pt = to_pt(item);

	/* An event may have asked for it when the target was about to be closed. */
	cancel_work_sync(&pt->haste_work);
	kfree(pt->set.path);
	kfree(pt->next);
	mutex_destroy(&pt->commands);
	mutex_destroy(&pt->lock);
	kfree(pt);
}

static struct configfs_item_operations pt_item_ops = {
	.release	= pt_release,
};

static const struct config_item_type pt_type = {
	.ct_item_ops	= &pt_item_ops,
	.ct_attrs	= pt_attrs,
	.ct_owner	= THIS_MODULE,
};

static int name_check(const char *name)
{
	const char *c;

	if (strlen(name) > PT_NAME_MAX)
		return -ENAMETOOLONG;
	for (c = name; *c; c++)
		if (!isalnum(*c) && !strchr("._-", *c))
			return -EINVAL;
	return c == name ? -EINVAL : 0;
}

static struct pt_device *pt_alloc(const char *name)
{
	struct pt_device *pt;
	int err = name_check(name);

	if (err) {
		pr_warn_ratelimited("io_target_passthru: refused as a name: %s (%pe)\n", name,
				    ERR_PTR(err));
		return ERR_PTR(err);
	}
	pt = kzalloc_obj(*pt, GFP_KERNEL);
	if (!pt)
		return ERR_PTR(-ENOMEM);
	mutex_init(&pt->lock);
	mutex_init(&pt->commands);
	pt->set.exclusive = true;
	pt_device_init(pt);
	config_group_init_type_name(&pt->group, name, &pt_type);
	return pt;
}

static struct config_group *pt_make_group(struct config_group *group, const char *name)
{
	struct pt_device *pt = pt_alloc(name);

	return IS_ERR(pt) ? ERR_CAST(pt) : &pt->group;
}

static void pt_drop_item(struct config_group *group, struct config_item *item)
{
	struct pt_device *pt = to_pt(item);

	scoped_guard(mutex, &pt->lock)
		pt_device_disable(pt);
	config_item_put(item);
}

static struct configfs_group_operations pt_root_ops = {
	.make_group	= pt_make_group,
	.drop_item	= pt_drop_item,
};

static const struct config_item_type pt_root_type = {
	.ct_group_ops	= &pt_root_ops,
	.ct_owner	= THIS_MODULE,
};

static struct configfs_subsystem pt_root = {
	.su_group = {
		.cg_item = {
			.ci_namebuf	= "io_target",
			.ci_type	= &pt_root_type,
		},
	},
};

/* A directory that nobody can remove but the module. */
struct pt_device *pt_config_add(const char *name)
{
	struct pt_device *pt = pt_alloc(name);
	int err;

	if (IS_ERR(pt))
		return pt;
	err = configfs_register_group(&pt_root.su_group, &pt->group);
	if (err) {
		config_group_put(&pt->group);
		return ERR_PTR(err);
	}
	return pt;
}

void pt_config_remove(struct pt_device *pt)
{
	configfs_unregister_group(&pt->group);
	config_group_put(&pt->group);
}

int pt_config_init(void)
{
	config_group_init(&pt_root.su_group);
	mutex_init(&pt_root.su_mutex);
	return configfs_register_subsystem(&pt_root);
}

void pt_config_exit(void)
{
	configfs_unregister_subsystem(&pt_root);
	mutex_destroy(&pt_root.su_mutex);
}
