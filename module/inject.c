// SPDX-License-Identifier: GPL-2.0
/*
 * The fault injector, see inject.h: takes requests in place of the backend. Forwarded bios
 * are taken in inject_bio.c.
 *
 * What a rule takes counts as sent: it is the device that fails, is slow or
 * hangs. It keeps its gate (an orphan: its reference on the lower), so that stop,
 * purge and close wait for it, or time out, as they would with such a device.
 * Nobody else ends it or takes it off our lists: its state is SENT, so cancel
 * leaves it alone, and a deadline that ends a BOUNCE request leaves the I/O of
 * its carrier here.
 *
 * Delayed requests go to the device when their time has come or when they are
 * released, held ones when they are released; taking the rules away releases
 * both. Close would wait for ever for what is held, so it ends that, with -EIO.
 *
 * Allocations that fail are in inject_alloc.c.
 *
 * The rules are under a spinlock, not RCU: counting exactly which request is the
 * nth needs one anyway. It is taken only while the static key says that there is
 * some rule, of any target, so nobody pays for it who does not test.
 */
#include <linux/blkdev.h>
#include <linux/mutex.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "internal.h"

DEFINE_STATIC_KEY_FALSE(iot_inject_key);

static DEFINE_MUTEX(inject_mutex);	/* the default rule */

/* What new targets begin with, none if it has no action; under inject_mutex */
static struct iot_rule default_rule;

/* When a delayed request is due; its result is nothing yet. */
static unsigned long request_due(const struct io_target_request *req)
{
	return req->result;
}

static bool rule_in_range(const struct iot_rule *rule, u64 pos, u64 len)
{
	if (!rule->end)
		return true;
	return pos < rule->end && pos + len > rule->first;
}

/* It has matched: is it its turn? */
bool iot_rule_fires(struct iot_rule *rule)
{
	if (rule->count && rule->fired >= rule->count)
		return false;
	rule->matched++;
	if (++rule->since < rule->every)
		return false;
	rule->since = 0;
	rule->fired++;
	return true;
}

/*
 * The first rule, in the order of writing, whose turn it is with a request or bio like
 * this. Later ones do not see that.
 */
struct iot_rule *iot_inject_match(struct iot_inject *in, enum io_target_op op, u64 pos, u64 len)
{
	struct iot_rule *rule;

	lockdep_assert_held(&in->lock);
	list_for_each_entry(rule, &in->rules, node) {
		if (rule->action == IOT_RULE_ALLOC)
			continue;
		if (rule->op != IO_TARGET_OP_NONE && rule->op != op)
			continue;
		if (rule_in_range(rule, pos, len) && iot_rule_fires(rule))
			return rule;
	}
	return NULL;
}

static void inject_delay(struct iot_inject *in, struct io_target_request *req,
			 unsigned long delay)
{
	struct io_target_request *before;
	unsigned long due = jiffies + delay;

	lockdep_assert_held(&in->lock);
	req->result = due;
	list_for_each_entry_reverse(before, &in->delayed, node)
		if (!time_before(due, request_due(before)))
			break;
	list_add(&req->node, &before->node);
	if (list_is_first(&req->node, &in->delayed))
		mod_delayed_work(iot_wq, &in->work, delay);
}

/*
 * From the moment that close has killed the ungated ref nothing is held any
 * more. It comes to iot_inject_close() after that, and for the lock: a request
 * is either seen there, or sees the ref here.
 */
static bool inject_hold(struct iot_inject *in, struct io_target_request *req)
{
	lockdep_assert_held(&in->lock);
	if (percpu_ref_is_dying(&req->target->ungated))
		return false;
	list_add_tail(&req->node, &in->held);
	return true;
}

static void inject_fail(struct io_target_request *req, int error)
{
	iot_request_end(req, -error, errno_to_blk_status(-error));
}

/* Context: as for a backend's submit(), but needs none to sleep in. */
bool __iot_inject_take(struct io_target_request *req)
{
	struct iot_inject *in = &req->target->inject;
	int error = EIO;

	scoped_guard(spinlock_irqsave, &in->lock) {
		struct iot_rule *rule = iot_inject_match(in, req->op, req->pos, req->len);

		if (!rule)
			return false;
		/* The task that waits for it is not the one to send it. */
		req->flags &= ~IOT_F_CALLER_WAITS;
		if (rule->action == IOT_RULE_DELAY) {
			inject_delay(in, req, msecs_to_jiffies(rule->delay));
			return true;
		}
		if (rule->action == IOT_RULE_NEVER && inject_hold(in, req))
			return true;
		if (rule->action == IOT_RULE_ERROR)
			error = rule->error;
	}
	inject_fail(req, error);
	return true;
}

static struct io_target_request *inject_next_due(struct iot_inject *in)
{
	struct io_target_request *req;
	long left;

	guard(spinlock_irqsave)(&in->lock);
	req = list_first_entry_or_null(&in->delayed, struct io_target_request, node);
	if (!req)
		return NULL;
	left = request_due(req) - jiffies;
	if (left > 0) {
		mod_delayed_work(iot_wq, &in->work, left);
		return NULL;
	}
	list_del_init(&req->node);
	req->result = 0;
	return req;
}

/* The target stays, since the end of its release waits for this. */
static void inject_work(struct work_struct *work)
{
	struct iot_inject *in = container_of(to_delayed_work(work), struct iot_inject, work);
	unsigned int noio = memalloc_noio_save();
	struct io_target_request *req;
	struct blk_plug plug;

	blk_start_plug(&plug);
	while ((req = inject_next_due(in)))
		req->lower->backend->submit(req);
	blk_finish_plug(&plug);
	memalloc_noio_restore(noio);
}

static void inject_release_requests(struct iot_inject *in)
{
	struct io_target_request *req;

	guard(spinlock_irqsave)(&in->lock);
	list_splice_init(&in->held, &in->delayed);
	list_for_each_entry(req, &in->delayed, node)
		req->result = jiffies;
	if (!list_empty(&in->delayed))
		mod_delayed_work(iot_wq, &in->work, 0);
}

static void inject_release(struct iot_inject *in)
{
	inject_release_requests(in);
	iot_inject_release_bios(in);
}

/* New requests pass once the rules are gone, and only then the old ones go. */
static void inject_clear(struct iot_inject *in)
{
	struct iot_rule *rule, *tmp;
	LIST_HEAD(rules);

	scoped_guard(spinlock_irqsave, &in->lock) {
		list_splice_init(&in->rules, &rules);
		in->nr_rules = 0;
	}
	list_for_each_entry_safe(rule, tmp, &rules, node) {
		static_branch_dec(&iot_inject_key);
		kfree(rule);
	}
	inject_release(in);
}

/* The key first: who sees the rule in the list has it counted. */
static int inject_add(struct iot_inject *in, const struct iot_rule *parsed)
{
	struct iot_rule *rule = kmemdup(parsed, sizeof(*parsed), GFP_KERNEL);

	if (!rule)
		return -ENOMEM;
	static_branch_inc(&iot_inject_key);
	scoped_guard(spinlock_irqsave, &in->lock) {
		if (in->nr_rules < IOT_RULES) {
			in->nr_rules++;
			list_add_tail(&rule->node, &in->rules);
			return 0;
		}
	}
	static_branch_dec(&iot_inject_key);
	kfree(rule);
	return -ENOSPC;
}

/*
 * One rule, see inject_text.c, or "clear", or "release". Context: process.
 * Return: 0, -EINVAL and a line in the log that says why, -ENOSPC: too many
 * rules, -ENOMEM.
 */
int iot_inject_write(struct io_target *t, const char *text)
{
	struct iot_inject *in = &t->inject;
	char copy[IOT_RULE_TEXT];
	struct iot_rule rule;
	const char *why;
	char *word;

	if (strscpy(copy, text, sizeof(copy)) < 0)
		return iot_err(t, -EINVAL, "inject refused: too long");
	word = strim(copy);
	if (!strcmp(word, "clear")) {
		inject_clear(in);
		return 0;
	}
	if (!strcmp(word, "release")) {
		inject_release(in);
		return 0;
	}
	if (iot_rule_parse(&rule, word, &why))
		return iot_err(t, -EINVAL, "inject refused: %s", why);
	return inject_add(in, &rule);
}

IOT_EXPORT_FOR_TESTS(iot_inject_write);

/* As iot_inject_write(), but there is one rule at the most and nothing to release. */
int iot_inject_write_default(const char *text)
{
	char copy[IOT_RULE_TEXT];
	struct iot_rule rule = {};
	const char *why = "too long";
	char *word;
	int err;

	err = strscpy(copy, text, sizeof(copy)) < 0 ? -EINVAL : 0;
	word = strim(copy);
	if (!err && strcmp(word, "clear"))
		err = iot_rule_parse(&rule, word, &why);
	if (err) {
		pr_warn_ratelimited("io_target: default inject refused: %s\n", why);
		return err;
	}
	guard(mutex)(&inject_mutex);
	default_rule = rule;
	return 0;
}

IOT_EXPORT_FOR_TESTS(iot_inject_write_default);

size_t iot_inject_read_default(char *buf, size_t size)
{
	guard(mutex)(&inject_mutex);
	if (default_rule.action == IOT_RULE_NONE)
		return 0;
	return iot_rule_print(&default_rule, buf, size);
}

static size_t count_requests(const struct list_head *list)
{
	struct list_head *pos;
	size_t n = 0;

	list_for_each(pos, list)
		n++;
	return n;
}

/* The rules, one a line, and what is held now. Return: bytes without the NUL. */
size_t iot_inject_read(struct io_target *t, char *buf, size_t size)
{
	struct iot_inject *in = &t->inject;
	struct iot_rule *rule;
	size_t n = 0;

	guard(spinlock_irqsave)(&in->lock);
	list_for_each_entry(rule, &in->rules, node)
		n += iot_rule_print(rule, buf + n, size - n);
	n += scnprintf(buf + n, size - n, "held %zu delayed %zu\n",
		       count_requests(&in->held) + bio_list_size(&in->held_bios),
		       count_requests(&in->delayed) + bio_list_size(&in->delayed_bios));
	return n;
}

IOT_EXPORT_FOR_TESTS(iot_inject_read);

/* Close has shut the target for all, and is about to wait for what was sent. */
void iot_inject_close(struct io_target *t)
{
	struct io_target_request *req;
	LIST_HEAD(held);

	scoped_guard(spinlock_irqsave, &t->inject.lock)
		list_splice_init(&t->inject.held, &held);
	while ((req = list_first_entry_or_null(&held, struct io_target_request, node))) {
		list_del_init(&req->node);
		inject_fail(req, EIO);
	}
	iot_inject_close_bios(&t->inject);
}

void iot_inject_init(struct io_target *t)
{
	struct iot_inject *in = &t->inject;

	spin_lock_init(&in->lock);
	INIT_LIST_HEAD(&in->rules);
	INIT_LIST_HEAD(&in->held);
	INIT_LIST_HEAD(&in->delayed);
	INIT_DELAYED_WORK(&in->work, inject_work);
	iot_inject_init_bios(in);
}

/* Nobody has been given the target yet, and nothing here can keep him from it. */
void iot_inject_created(struct io_target *t)
{
	struct iot_rule rule;

	scoped_guard(mutex, &inject_mutex)
		rule = default_rule;
	if (rule.action != IOT_RULE_NONE && inject_add(&t->inject, &rule))
		iot_err(t, -ENOMEM, "goes without the default rule");
}

/* The target is closed and has no orphan any more. */
void iot_inject_exit(struct io_target *t)
{
	inject_clear(&t->inject);
	cancel_delayed_work_sync(&t->inject.work);
	cancel_delayed_work_sync(&t->inject.bio_work);
}
