// SPDX-License-Identifier: GPL-2.0
/*
 * May another device take the place of the one that a target has had? The one answer for
 * switch, follow and reopen: those above have been told what the old one can, some of them
 * once and for all.
 */
#include "watch.h"

/* Reads what @lower, which stays open meanwhile, can. Context: process context. */
void iot_fits_read(struct io_target_lower *lower, struct iot_fits *fits)
{
	*fits = (struct iot_fits){ .info.flags = lower->flags };
	lower->backend->info(lower, &fits->info);
	if (lower->backend->limits)
		lower->backend->limits(lower, &fits->limits);
	if (lower->backend->identify)
		lower->backend->identify(lower, &fits->identity);
}

static const char *memory_obstacle(const struct iot_fits *old, const struct iot_fits *new)
{
	const struct iot_limits *was = &old->limits, *now = &new->limits;
	bool whole = old->info.max_zone_append || old->info.atomic_write_max;

	if (new->info.logical_block_size > old->info.logical_block_size)
		return "its blocks are larger";
	if (new->info.dma_mask & ~old->info.dma_mask)
		return "it wants memory better aligned";
	if (now->gap & ~was->gap)
		return "it takes no gaps in memory";
	/* All else can be cut. */
	if (whole && now->max_segments < was->max_segments)
		return "it takes memory in fewer pieces";
	if (now->stable_writes && !was->stable_writes)
		return "it needs memory that does not change while it is written";
	if (now->integrity != was->integrity)
		return "it differs in integrity";
	return NULL;
}

/* A limit of 0 is none. */
static bool fewer(u32 was, u32 now)
{
	return now && (!was || now < was);
}

static const char *zone_obstacle(const struct iot_fits *old, const struct iot_fits *new)
{
	const struct io_target_info *was = &old->info, *now = &new->info;

	if (now->zoned != was->zoned || now->zone_size != was->zone_size)
		return "it differs in zones";
	if (!was->zoned)
		return NULL;
	if (now->size != was->size && now->diskseq != was->diskseq)
		return "it has more or fewer zones";
	if (old->limits.zone_map != new->limits.zone_map)
		return "other zones of it are conventional";
	if (now->max_zone_append < was->max_zone_append)
		return "it takes smaller appends";
	if (fewer(was->max_open_zones, now->max_open_zones) ||
	    fewer(was->max_active_zones, now->max_active_zones))
		return "fewer zones of it may be open or active";
	return NULL;
}

static const char *feature_obstacle(const struct iot_fits *old, const struct iot_fits *new)
{
	const struct io_target_info *was = &old->info, *now = &new->info;

	if ((was->max_discard && !now->max_discard) ||
	    (was->max_write_zeroes && !now->max_write_zeroes) ||
	    (was->max_secure_erase && !now->max_secure_erase))
		return "it has no discard, write zeroes or secure erase";
	if (was->max_discard && new->limits.discard_granularity > old->limits.discard_granularity)
		return "it discards in larger units";
	if ((was->nowait && !now->nowait) || (was->poll && !now->poll) ||
	    (was->ioctl && !now->ioctl))
		return "it has no NOWAIT, polling or ioctl";
	if (was->atomic_write_max && (now->atomic_write_max < was->atomic_write_max ||
				      now->atomic_write_min > was->atomic_write_min ||
				      fewer(old->limits.atomic_boundary,
					    new->limits.atomic_boundary)))
		return "it differs in atomic writes";
	return NULL;
}

/* Return: why @new cannot take the place of @old; NULL: it can. */
static const char *fits_obstacle(const struct iot_fits *old, const struct iot_fits *new)
{
	const char *obstacle;

	if ((old->info.mode ^ new->info.mode) & S_IFMT || old->info.stream != new->info.stream)
		return "it is of another kind";
	/* One that shrinks does so under those above at any time, who are told. */
	if (new->info.size < old->info.size && new->info.diskseq != old->info.diskseq)
		return "it is smaller";
	if (new->info.read_only && old->info.flags & IO_TARGET_WRITE && !old->info.read_only)
		return "it is read-only";
	obstacle = memory_obstacle(old, new);
	obstacle = obstacle ?: zone_obstacle(old, new);
	return obstacle ?: feature_obstacle(old, new);
}

/*
 * Can @lower, just opened, be the device of @t again, or from now on? Says why it cannot.
 * Return: 0 or -EINVAL. Context: process context; under target->mutex.
 */
int iot_fits_check(struct io_target *t, struct io_target_lower *lower, const char *what)
{
	struct iot_fits now;
	const char *obstacle;

	lockdep_assert_held(&t->mutex);
	iot_fits_read(lower, &now);
	obstacle = fits_obstacle(&t->fits, &now);
	if (!obstacle)
		return 0;
	return iot_err(t, -EINVAL, "%s refused: %s: %s", what, lower->name, obstacle);
}

/*
 * Can @lower, just opened for the first time, be followed, if it is to be?
 * Return: 0 or -EINVAL. Context: process context; under target->mutex.
 */
int iot_fits_check_follow(struct io_target *t, struct io_target_lower *lower)
{
	struct iot_fits now;

	iot_fits_read(lower, &now);
	if (iot_identity_tells(&t->config.follow, &now))
		return 0;
	return iot_err(t, -EINVAL,
		       "open refused: nothing tells %s from other disks, once it is lost",
		       lower->name);
}

/*
 * Is @lower, just opened, the device that @t has lost, which @was, and can it still do what
 * that could?
 * Says why it is not, or cannot.
 * Return: 0 or -ESTALE. Context: process context.
 */
int iot_fits_check_lost(struct io_target *t, const struct iot_fits *was,
			struct io_target_lower *lower)
{
	struct iot_fits now;
	const char *why;

	iot_fits_read(lower, &now);
	why = iot_identity_differs(&t->config.follow, was, &now);
	why = why ?: fits_obstacle(was, &now);
	return why ? iot_err(t, -ESTALE, "%s is not the lost device: %s", lower->name, why) : 0;
}
