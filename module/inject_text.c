// SPDX-License-Identifier: GPL-2.0
/*
 * The rules of the fault injector as text: words of the form key=value, in any
 * order.
 *
 *	op=read|write|flush|discard|write_zeroes|ioctl|secure_erase|zone_open|zone_close|
 *	   zone_finish|zone_reset|zone_append|any|alloc		default: any
 *	error=<name or number>, delay=<ms>, never		one of them
 *	every=<n>		each nth that matches, default 1
 *	count=<n>		so often at the most
 *	range=<first>-<end>	that touch a byte from first up to, not including, end
 *
 * op=alloc is about allocations of the library: they fail, so it takes no other
 * action, and no range.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "inject.h"

#define DELAY_MAX_MS	(3600 * 1000)

static const char * const op_names[] = {
	[IO_TARGET_OP_NONE]		= "any",
	[IO_TARGET_OP_READ]		= "read",
	[IO_TARGET_OP_WRITE]		= "write",
	[IO_TARGET_OP_FLUSH]		= "flush",
	[IO_TARGET_OP_DISCARD]		= "discard",
	[IO_TARGET_OP_WRITE_ZEROES]	= "write_zeroes",
	[IO_TARGET_OP_IOCTL]		= "ioctl",
	[IO_TARGET_OP_SECURE_ERASE]	= "secure_erase",
	[IO_TARGET_OP_ZONE_OPEN]	= "zone_open",
	[IO_TARGET_OP_ZONE_CLOSE]	= "zone_close",
	[IO_TARGET_OP_ZONE_FINISH]	= "zone_finish",
	[IO_TARGET_OP_ZONE_RESET]	= "zone_reset",
	[IO_TARGET_OP_ZONE_APPEND]	= "zone_append",
};

static const struct {
	const char	*name;
	int		error;
} errors[] = {
	{ "EIO", EIO }, { "EAGAIN", EAGAIN }, { "EBUSY", EBUSY }, { "EACCES", EACCES },
	{ "EBADE", EBADE }, { "EFAULT", EFAULT }, { "EILSEQ", EILSEQ }, { "EINTR", EINTR },
	{ "EINVAL", EINVAL }, { "ENODATA", ENODATA }, { "ENODEV", ENODEV },
	{ "ENOLINK", ENOLINK }, { "ENOMEM", ENOMEM }, { "ENOSPC", ENOSPC },
	{ "ENXIO", ENXIO }, { "EOPNOTSUPP", EOPNOTSUPP }, { "EPERM", EPERM },
	{ "EPIPE", EPIPE }, { "EREMOTEIO", EREMOTEIO }, { "EROFS", EROFS },
	{ "ETIMEDOUT", ETIMEDOUT },
};

static const char *set_action(struct iot_rule *rule, enum iot_rule_action action)
{
	if (rule->action != IOT_RULE_NONE)
		return "more than one action";
	rule->action = action;
	return NULL;
}

static const char *parse_op(struct iot_rule *rule, char *value)
{
	int op = match_string(op_names, ARRAY_SIZE(op_names), value);

	if (!strcmp(value, "alloc"))
		return set_action(rule, IOT_RULE_ALLOC);
	if (op < 0)
		return "op= is no operation, nor any, nor alloc";
	rule->op = op;
	return NULL;
}

static const char *parse_error(struct iot_rule *rule, char *value)
{
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(errors); i++)
		if (!strcmp(value, errors[i].name))
			rule->error = errors[i].error;
	if (!kstrtouint(value, 10, &n) && n <= MAX_ERRNO)
		rule->error = n;
	if (!rule->error)
		return "error= is no name of an errno that is known here, and no number of one";
	return set_action(rule, IOT_RULE_ERROR);
}

static const char *parse_delay(struct iot_rule *rule, char *value)
{
	if (kstrtouint(value, 10, &rule->delay) || !rule->delay || rule->delay > DELAY_MAX_MS)
		return "delay= is not a number of milliseconds from 1 to 3600000";
	return set_action(rule, IOT_RULE_DELAY);
}

static const char *parse_never(struct iot_rule *rule, char *value)
{
	if (value)
		return "never takes no value";
	return set_action(rule, IOT_RULE_NEVER);
}

static const char *parse_every(struct iot_rule *rule, char *value)
{
	if (kstrtou32(value, 10, &rule->every) || !rule->every)
		return "every= is not a number from 1 on";
	return NULL;
}

static const char *parse_count(struct iot_rule *rule, char *value)
{
	if (kstrtou32(value, 10, &rule->count) || !rule->count)
		return "count= is not a number from 1 on";
	return NULL;
}

static const char *parse_range(struct iot_rule *rule, char *value)
{
	char *first = strsep(&value, "-");

	if (!value || kstrtou64(first, 0, &rule->first) || kstrtou64(value, 0, &rule->end) ||
	    rule->first >= rule->end || rule->end > S64_MAX)
		return "range= is not <first>-<end>, with first before end";
	return NULL;
}

static const struct {
	const char	*key;
	const char	*(*parse)(struct iot_rule *rule, char *value);
	bool		alone;	/* without a value */
} keys[] = {
	{ "op", parse_op }, { "error", parse_error }, { "delay", parse_delay },
	{ "never", parse_never, true }, { "every", parse_every }, { "count", parse_count },
	{ "range", parse_range },
};

/* Return: NULL, or what is wrong. */
static const char *parse_word(struct iot_rule *rule, char *word)
{
	char *key = strsep(&word, "=");
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(key, keys[i].key))
			continue;
		if (!word && !keys[i].alone)
			return "a word without its value";
		return keys[i].parse(rule, word);
	}
	return "a word that is none of op=, error=, delay=, never, every=, count=, range=";
}

static const char *rule_check(const struct iot_rule *rule)
{
	if (rule->action == IOT_RULE_NONE)
		return "no action: error=, delay=, never, or op=alloc";
	if (rule->action == IOT_RULE_ALLOC && (rule->end || rule->op != IO_TARGET_OP_NONE))
		return "op=alloc has no range and no other op";
	return NULL;
}

/* @text is cut to pieces. Return: 0, or -EINVAL and in *@why what is wrong. */
int iot_rule_parse(struct iot_rule *rule, char *text, const char **why)
{
	char *word;

	*rule = (struct iot_rule){ .every = 1 };
	*why = NULL;
	while (!*why && (word = strsep(&text, " \t\n")))
		if (*word)
			*why = parse_word(rule, word);
	if (!*why)
		*why = rule_check(rule);
	return *why ? -EINVAL : 0;
}

static size_t print_action(const struct iot_rule *rule, char *buf, size_t size)
{
	unsigned int i;

	switch (rule->action) {
	case IOT_RULE_DELAY:
		return scnprintf(buf, size, " delay=%u", rule->delay);
	case IOT_RULE_NEVER:
		return scnprintf(buf, size, " never");
	case IOT_RULE_ERROR:
		for (i = 0; i < ARRAY_SIZE(errors); i++)
			if (errors[i].error == rule->error)
				return scnprintf(buf, size, " error=%s", errors[i].name);
		return scnprintf(buf, size, " error=%d", rule->error);
	default:
		return 0;
	}
}

/* One line: the rule as it can be written, then how often it matched and fired. */
size_t iot_rule_print(const struct iot_rule *rule, char *buf, size_t size)
{
	bool alloc = rule->action == IOT_RULE_ALLOC;
	size_t n;

	n = scnprintf(buf, size, "op=%s", alloc ? "alloc" : op_names[rule->op]);
	n += print_action(rule, buf + n, size - n);
	if (rule->every > 1)
		n += scnprintf(buf + n, size - n, " every=%u", rule->every);
	if (rule->count)
		n += scnprintf(buf + n, size - n, " count=%u", rule->count);
	if (rule->end)
		n += scnprintf(buf + n, size - n, " range=%llu-%llu", rule->first, rule->end);
	n += scnprintf(buf + n, size - n, " (matched %llu fired %llu)\n", rule->matched,
		       rule->fired);
	return n;
}
