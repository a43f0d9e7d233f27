// SPDX-License-Identifier: GPL-2.0
/*
 * The files of a device in configfs. What is written to one is refused with one line in
 * the log, or done when the write returns.
 */
#include <linux/fs.h>
#include <linux/namei.h>
#include <linux/slab.h>

#include "passthru.h"
#include "../compat.h"

/* Return: what was written, without the white space around it; NULL without memory. */
static char *text_of(const char *page, size_t count)
{
	char *text = kmemdup_nul(page, count, GFP_KERNEL);
	char *start;

	if (!text)
		return NULL;
	start = strim(text);
	memmove(text, start, strlen(start) + 1);
	return text;
}

static bool is_in(const char *name, const struct super_block *sb)
{
	struct path path;
	bool in;

	if (kern_path(name, LOOKUP_FOLLOW, &path))
		return false;
	in = path.dentry->d_sb == sb;
	path_put(&path);
	return in;
}

/*
 * While a file of configfs is written its directory cannot be removed, and who tries
 * waits with the directory locked, where a lookup in it would wait for him. So a path
 * is followed from mount to mount, and none that enters configfs any further.
 */
static bool enters_configfs(struct pt_device *pt, char *path)
{
	const struct super_block *sb = pt->group.cg_item.ci_dentry->d_sb;
	char *slash;
	bool in;

	for (slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		in = is_in(path, sb);
		*slash = '/';
		if (in)
			return true;
	}
	return false;
}

static int path_check(struct pt_device *pt, const char *what, char *path)
{
	if (path[0] != '/' || strlen(path) >= PATH_MAX)
		return pt_refuse(pt, -EINVAL, "%s refused: not an absolute path", what);
	if (enters_configfs(pt, path))
		return pt_refuse(pt, -EINVAL, "%s refused: a path in configfs", what);
	return 0;
}

static ssize_t pt_path_show(struct config_item *item, char *page)
{
	struct pt_device *pt = to_pt(item);

	guard(spinlock)(&pt->use_lock);
	return sysfs_emit(page, "%s\n", pt->set.path ?: "");
}

static int path_set(struct pt_device *pt, char **path)
{
	int err = path_check(pt, "path", *path);

	if (err)
		return err;
	guard(mutex)(&pt->lock);
	if (pt->target)
		return pt_refuse(pt, -EBUSY, "path refused: it is enabled");
	scoped_guard(spinlock, &pt->use_lock)
		swap(pt->set.path, *path);
	return 0;
}

static ssize_t pt_path_store(struct config_item *item, const char *page, size_t count)
{
	char *path = text_of(page, count);
	int err = path ? path_set(to_pt(item), &path) : -ENOMEM;

	kfree(path);
	return err ?: count;
}

static ssize_t pt_next_show(struct config_item *item, char *page)
{
	struct pt_device *pt = to_pt(item);

	guard(spinlock)(&pt->use_lock);
	return sysfs_emit(page, "%s\n", pt->next ?: "");
}

/* Nothing: the device that had been opened is given back. */
static int next_set(struct pt_device *pt, char *path)
{
	int err = *path ? path_check(pt, "next", path) : 0;

	return err ?: pt_command_next(pt, path);
}

static ssize_t pt_next_store(struct config_item *item, const char *page, size_t count)
{
	char *path = text_of(page, count);
	int err = path ? next_set(to_pt(item), path) : -ENOMEM;

	if (err)
		kfree(path);
	return err ?: count;
}

static ssize_t pt_enable_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%d\n", !!READ_ONCE(to_pt(item)->target));
}

static ssize_t pt_enable_store(struct config_item *item, const char *page, size_t count)
{
	struct pt_device *pt = to_pt(item);
	bool enable;
	int err = 0;

	if (kstrtobool(page, &enable))
		return pt_refuse(pt, -EINVAL, "enable refused: neither 0 nor 1");
	guard(mutex)(&pt->lock);
	if (!enable)
		pt_device_disable(pt);
	else if (!pt->target)
		err = pt_device_enable(pt);
	return err ?: count;
}

/* Settings: they are read when the device is enabled. */
static int settings_begin(struct pt_device *pt, const char *what)
{
	lockdep_assert_held(&pt->lock);
	return pt->target ? pt_refuse(pt, -EBUSY, "%s refused: it is enabled", what) : 0;
}

static ssize_t bool_store(struct pt_device *pt, const char *what, bool *setting,
			  const char *page, size_t count)
{
	bool value;
	int err;

	if (kstrtobool(page, &value))
		return pt_refuse(pt, -EINVAL, "%s refused: neither 0 nor 1", what);
	guard(mutex)(&pt->lock);
	err = settings_begin(pt, what);
	if (err)
		return err;
	*setting = value;
	return count;
}

static ssize_t number_store(struct pt_device *pt, const char *what, unsigned int *setting,
			    const char *page, size_t count)
{
	unsigned int value;
	int err;

	if (kstrtouint(page, 0, &value) || value > INT_MAX)
		return pt_refuse(pt, -EINVAL, "%s refused: not a number below 2^31", what);
	guard(mutex)(&pt->lock);
	err = settings_begin(pt, what);
	if (err)
		return err;
	*setting = value;
	return count;
}

#define PT_SHOW(_name, _format)								\
static ssize_t pt_##_name##_show(struct config_item *item, char *page)			\
{											\
	return sysfs_emit(page, _format "\n", READ_ONCE(to_pt(item)->set._name));	\
}

#define PT_STORE(_name, _how)								\
static ssize_t pt_##_name##_store(struct config_item *item, const char *page,		\
				  size_t count)						\
{											\
	struct pt_device *pt = to_pt(item);						\
											\
	return _how(pt, __stringify(_name), &pt->set._name, page, count);		\
}

PT_SHOW(readonly, "%d")
PT_STORE(readonly, bool_store)
PT_SHOW(exclusive, "%d")
PT_STORE(exclusive, bool_store)
PT_SHOW(max_pended, "%u")
PT_STORE(max_pended, number_store)
PT_SHOW(pend_timeout_ms, "%u")
PT_STORE(pend_timeout_ms, number_store)

static ssize_t pt_follow_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%d\n", READ_ONCE(to_pt(item)->set.identity.enable));
}

static ssize_t pt_follow_store(struct config_item *item, const char *page, size_t count)
{
	struct pt_device *pt = to_pt(item);

	return bool_store(pt, "follow", &pt->set.identity.enable, page, count);
}

static ssize_t pt_identity_show(struct config_item *item, char *page)
{
	struct pt_device *pt = to_pt(item);
	const struct io_target_follow *id = &pt->set.identity;

	guard(mutex)(&pt->lock);
	if (id->size_is_enough)
		return sysfs_emit(page, "size\n");
	if (id->uuid[0])
		return sysfs_emit(page, "uuid=%s\n", id->uuid);
	if (id->diskseq)
		return sysfs_emit(page, "diskseq=%llu\n", id->diskseq);
	return sysfs_emit(page, "\n");
}

/* What @text says, with what @id has besides. */
static bool identity_parse(struct io_target_follow *id, const char *text)
{
	id->size_is_enough = !strcmp(text, "size");
	id->uuid[0] = '\0';
	id->diskseq = 0;
	if (!*text || id->size_is_enough)
		return true;
	if (!strncmp(text, "uuid=", 5))
		return text[5] && strscpy(id->uuid, text + 5, sizeof(id->uuid)) > 0;
	return !strncmp(text, "diskseq=", 8) && !kstrtou64(text + 8, 0, &id->diskseq);
}

static int identity_set(struct pt_device *pt, const char *text)
{
	struct io_target_follow id;
	int err;

	guard(mutex)(&pt->lock);
	err = settings_begin(pt, "identity");
	if (err)
		return err;
	id = pt->set.identity;
	if (!identity_parse(&id, text))
		return pt_refuse(pt, -EINVAL,
				 "identity refused: neither uuid=, diskseq= nor size");
	pt->set.identity = id;
	return 0;
}

static ssize_t pt_identity_store(struct config_item *item, const char *page, size_t count)
{
	char *text = text_of(page, count);
	int err = text ? identity_set(to_pt(item), text) : -ENOMEM;

	kfree(text);
	return err ?: count;
}

static ssize_t pt_cache_show(struct config_item *item, char *page)
{
	bool kept = READ_ONCE(to_pt(item)->set.identity.cache_kept);

	return sysfs_emit(page, "%s\n", kept ? "kept" : "lost");
}

static ssize_t pt_cache_store(struct config_item *item, const char *page, size_t count)
{
	struct pt_device *pt = to_pt(item);
	bool kept = sysfs_streq(page, "kept");
	int err;

	guard(mutex)(&pt->lock);
	err = settings_begin(pt, "cache");
	if (err)
		return err;
	if (!kept && !sysfs_streq(page, "lost"))
		return pt_refuse(pt, -EINVAL, "cache refused: neither kept nor lost");
	pt->set.identity.cache_kept = kept;
	return count;
}

static ssize_t pt_rescan_store(struct config_item *item, const char *page, size_t count)
{
	struct pt_device *pt = to_pt(item);
	bool now;
	int err;

	if (kstrtobool(page, &now) || !now)
		return pt_refuse(pt, -EINVAL, "rescan refused: not 1");
	err = pt_command_rescan(pt);
	return err ?: count;
}

static const char *const state_names[] = {
	[IO_TARGET_CLOSED]	= "closed",
	[IO_TARGET_STARTED]	= "started",
	[IO_TARGET_STOPPED]	= "stopped",
	[IO_TARGET_STARTING]	= "starting",
	[IO_TARGET_SUSPENDED]	= "suspended",
	[IO_TARGET_PURGED]	= "purged",
	[IO_TARGET_REMOVED]	= "removed",
};

static ssize_t pt_state_show(struct config_item *item, char *page)
{
	struct io_target *t = pt_device_use(to_pt(item));
	const char *name = t ? state_names[io_target_state(t)] : "disabled";

	if (t)
		pt_device_unuse(to_pt(item));
	return sysfs_emit(page, "%s\n", name);
}

static ssize_t pt_state_store(struct config_item *item, const char *page, size_t count)
{
	struct pt_device *pt = to_pt(item);
	char *command = text_of(page, count);
	int err = -ENOMEM;

	if (command)
		err = pt_command(pt, command);
	kfree(command);
	return err ?: count;
}

static ssize_t pt_stats_show(struct config_item *item, char *page)
{
	struct io_target *t = pt_device_use(to_pt(item));
	struct io_target_stats s = {};

	if (t) {
		io_target_get_stats(t, &s);
		pt_device_unuse(to_pt(item));
	}
	return sysfs_emit(page,
			  "submitted %llu\ncompleted %llu\nrefused %llu\npended %llu\n"
			  "errors %llu\ncancelled %llu\ntimed_out %llu\n",
			  s.submitted, s.completed, s.refused, s.pended,
			  s.errors, s.cancelled, s.timed_out);
}

CONFIGFS_ATTR(pt_, path);
CONFIGFS_ATTR(pt_, next);
CONFIGFS_ATTR(pt_, enable);
CONFIGFS_ATTR(pt_, readonly);
CONFIGFS_ATTR(pt_, exclusive);
CONFIGFS_ATTR(pt_, max_pended);
CONFIGFS_ATTR(pt_, pend_timeout_ms);
CONFIGFS_ATTR(pt_, follow);
CONFIGFS_ATTR(pt_, identity);
CONFIGFS_ATTR(pt_, cache);
CONFIGFS_ATTR_WO(pt_, rescan);
CONFIGFS_ATTR(pt_, state);
CONFIGFS_ATTR_RO(pt_, stats);

struct configfs_attribute *pt_attrs[] = {
	&pt_attr_path,
	&pt_attr_next,
	&pt_attr_enable,
	&pt_attr_readonly,
	&pt_attr_exclusive,
	&pt_attr_max_pended,
	&pt_attr_pend_timeout_ms,
	&pt_attr_follow,
	&pt_attr_identity,
	&pt_attr_cache,
	&pt_attr_rescan,
	&pt_attr_state,
	&pt_attr_stats,
	NULL,
};
