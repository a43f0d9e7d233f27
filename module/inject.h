/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fault injector: makes a target's device fail, slow down or hang, and the
 * library's allocations fail, as rules say. All of it is empty, and leaves no
 * code, without CONFIG_IO_TARGET_FAULT_INJECTION; with it, and no rule anywhere,
 * it costs one nop on the way of a request.
 */
#ifndef _IO_TARGET_INJECT_H
#define _IO_TARGET_INJECT_H

#include <linux/bio.h>

#include <linux/io_target.h>

struct dentry;

#if IS_ENABLED(CONFIG_IO_TARGET_FAULT_INJECTION)

#include <linux/jump_label.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

/* Rules of one target at the most: each request is held against all of them. */
#define IOT_RULES	16

/* Bytes that hold the text of one rule, or of an order; newline and NUL included */
#define IOT_RULE_TEXT	160

enum iot_rule_action {
	IOT_RULE_NONE,
	IOT_RULE_ERROR,
	IOT_RULE_DELAY,
	IOT_RULE_NEVER,
	IOT_RULE_ALLOC,
};

/**
 * struct iot_rule - what is to happen to which requests
 * @node: on the target's rules
 * @action: what
 * @op: to which, IO_TARGET_OP_NONE: to all
 * @error: ERROR: the errno, positive
 * @delay: DELAY: milliseconds
 * @first: requests that touch a byte from here on,
 * @end: and before here; 0: all, flushes too
 * @every: every how many matches
 * @count: how often at the most, 0: always
 * @since: matches since it fired last
 * @matched: requests that were as described, while it could fire
 * @fired: how often it did
 */
struct iot_rule {
	struct list_head	node;
	enum iot_rule_action	action;
	enum io_target_op	op;
	int			error;
	unsigned int		delay;
	u64			first;
	u64			end;
	u32			every;
	u32			count;
	u32			since;
	u64			matched;
	u64			fired;
};

/**
 * struct iot_inject - a target's part of the injector
 * @lock: irqsave, all below; under it only the workqueue is called. What waits is ended or
 *	sent by @work, @bio_work and close alone, each of which takes it off its list first
 * @rules: in the order in which they were written
 * @nr_rules: how many
 * @held: requests that wait for somebody to release them
 * @delayed: requests that wait for their time, in the order of those
 * @work: sends those whose time has come
 * @held_bios: as @held, clones of forwarded bios
 * @delayed_bios: as @delayed
 * @bio_work: as @work
 */
struct iot_inject {
	spinlock_t		lock;	/* all below */
	struct list_head	rules;
	unsigned int		nr_rules;
	struct list_head	held;
	struct list_head	delayed;
	struct delayed_work	work;
	struct bio_list		held_bios;
	struct bio_list		delayed_bios;
	struct delayed_work	bio_work;
};

/* True while there is a rule, or a task whose nth allocation is to fail. */
DECLARE_STATIC_KEY_FALSE(iot_inject_key);

/* inject.c */
bool iot_rule_fires(struct iot_rule *rule);
struct iot_rule *iot_inject_match(struct iot_inject *in, enum io_target_op op, u64 pos,
				  u64 len);
bool __iot_inject_take(struct io_target_request *req);
void iot_inject_init(struct io_target *t);
void iot_inject_created(struct io_target *t);
void iot_inject_close(struct io_target *t);
void iot_inject_exit(struct io_target *t);
int iot_inject_write(struct io_target *t, const char *text);
size_t iot_inject_read(struct io_target *t, char *buf, size_t size);
int iot_inject_write_default(const char *text);
size_t iot_inject_read_default(char *buf, size_t size);

/* inject_alloc.c */
bool __iot_inject_alloc(struct io_target *t);
int iot_inject_fail_nth(unsigned int nth);
void iot_inject_forget(void);
unsigned int iot_inject_fail_left(void);

/* inject_bio.c */
bool __iot_inject_take_bio(struct io_target *t, struct bio *clone);
void iot_inject_init_bios(struct iot_inject *in);
void iot_inject_release_bios(struct iot_inject *in);
void iot_inject_close_bios(struct iot_inject *in);

/* inject_text.c */
int iot_rule_parse(struct iot_rule *rule, char *text, const char **why);
size_t iot_rule_print(const struct iot_rule *rule, char *buf, size_t size);

/* inject_debugfs.c */
void iot_inject_debugfs_target(struct io_target *t, struct dentry *dir);
void iot_inject_debugfs(struct dentry *root);

/* There may be rules. */
static inline bool iot_inject_active(void)
{
	return static_branch_unlikely(&iot_inject_key);
}

/* The request is about to be sent. Return: a rule has taken it. */
static inline bool iot_inject_take(struct io_target_request *req)
{
	return static_branch_unlikely(&iot_inject_key) && __iot_inject_take(req);
}

/* The clone of a forwarded bio is about to be sent. Return: a rule has taken it. */
static inline bool iot_inject_take_bio(struct io_target *t, struct bio *clone)
{
	return static_branch_unlikely(&iot_inject_key) && __iot_inject_take_bio(t, clone);
}

/* Memory is about to be allocated for @t, which may be NULL. Return: it fails. */
static inline bool iot_inject_alloc(struct io_target *t)
{
	return static_branch_unlikely(&iot_inject_key) && __iot_inject_alloc(t);
}

#else

static inline bool iot_inject_active(void)
{
	return false;
}

static inline bool iot_inject_take(struct io_target_request *req)
{
	return false;
}

static inline bool iot_inject_take_bio(struct io_target *t, struct bio *clone)
{
	return false;
}

static inline bool iot_inject_alloc(struct io_target *t)
{
	return false;
}

static inline void iot_inject_init(struct io_target *t)
{
}

static inline void iot_inject_created(struct io_target *t)
{
}

static inline void iot_inject_close(struct io_target *t)
{
}

static inline void iot_inject_exit(struct io_target *t)
{
}

static inline void iot_inject_debugfs_target(struct io_target *t, struct dentry *dir)
{
}

static inline void iot_inject_debugfs(struct dentry *root)
{
}

static inline void iot_inject_forget(void)
{
}

#endif

static inline int iot_inject_enomem(struct io_target *t)
{
	return iot_inject_alloc(t) ? -ENOMEM : 0;
}

#endif /* _IO_TARGET_INJECT_H */
