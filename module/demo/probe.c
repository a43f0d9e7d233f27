// SPDX-License-Identifier: GPL-2.0
/*
 * What a target makes of a device: how it says that reads and writes are served, and what
 * becomes of one of each. In the task that writes to the module's parameter:
 *
 *	echo "/dev/ttyS0 read" >/sys/module/io_target_demo/parameters/probe
 *
 * The first word is a path, or fd=<number> of a file that the writing process has open.
 * Others: read, write=<text>, ioctl=<hexadecimal>, the same with :<bytes> that the driver
 * fills in; user, for reads and writes of drivers that want pointers of a user's; patient,
 * before operations that are to end by themselves. Of zoned disks: at=<bytes> names a zone;
 * append, 4 KiB to that; open, close, finish, reset.
 */
#include "demo.h"

#include <linux/completion.h>
#include <linux/file.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

/* How long a request may take before it is said that it waits */
#define PATIENCE	(HZ / 4)
#define MORE_PATIENCE	(20 * HZ)

/* Of what the driver gave, bytes that are shown, and what is in the memory before */
#define SHOWN		24
#define UNTOUCHED	0xa5

/**
 * struct probe - a device, and one request to it
 * @what: the device, as it was called
 * @target: has it open
 * @user: with user pointers
 * @patience: jiffies, after which a request is cancelled
 * @req: the request
 * @buf: its memory
 * @asked: bytes of that which an ioctl is to fill in
 * @pos: of the zone
 * @zone: bytes of each
 * @by: where it has ended
 * @submitter: who sends it
 * @submitting: that it is being sent
 * @done: it has ended
 */
struct probe {
	const char			*what;
	struct io_target		*target;
	bool				user;
	long				patience;
	struct io_target_request	req;
	u8				buf[SZ_4K] __aligned(SECTOR_SIZE);
	u32				asked;
	loff_t				pos;
	u64				zone;
	const char			*by;
	struct task_struct		*submitter;
	bool				submitting;
	struct completion		done;
};

static void probe_end_io(struct io_target_request *req)
{
	struct probe *p = req->private;

	if (!in_task())
		p->by = "interrupt";
	else if (current == p->submitter)
		p->by = p->submitting ? "submitter" : "canceller";
	else
		p->by = current->flags & PF_WQ_WORKER ? "thread" : "other";
	complete(&p->done);
}

static const struct {
	const char		*word;
	enum io_target_op	op;
} zone_words[] = {
	{ "append", IO_TARGET_OP_ZONE_APPEND }, { "open", IO_TARGET_OP_ZONE_OPEN },
	{ "close", IO_TARGET_OP_ZONE_CLOSE }, { "finish", IO_TARGET_OP_ZONE_FINISH },
	{ "reset", IO_TARGET_OP_ZONE_RESET },
};

/* Return: IO_TARGET_OP_NONE: it is nothing that is done to zones. */
static enum io_target_op zone_op(const char *word)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(zone_words); i++)
		if (!strcmp(word, zone_words[i].word))
			return zone_words[i].op;
	return IO_TARGET_OP_NONE;
}

/* How much of @buf is worth seeing */
static int probe_shown(const struct probe *p)
{
	if (p->req.result < 0)
		return 0;
	return min_t(size_t, p->asked ?: p->req.result, SHOWN);
}

/* @us: how long the cancel took, or negative: there was none */
static void probe_say(const struct probe *p, const char *op, s64 us)
{
	int shown = p->asked || !strcmp(op, "read") ? probe_shown(p) : 0;
	char cancel[32] = "", at[32] = "";

	if (us >= 0)
		snprintf(cancel, sizeof(cancel), " cancel_us=%lld", us);
	if (zone_op(op) != IO_TARGET_OP_NONE)
		snprintf(at, sizeof(at), " pos=%lld", io_target_request_pos(&p->req));
	demo_say("probed what=%s op=%s%s result=%zd by=%s%s%s%s%*phN", p->what, op,
		 us < 0 ? "" : " waits=1", p->req.result, p->by, cancel, at,
		 shown ? " head=" : "", shown, p->buf);
}

/* Sent, and had back if it waits. */
static void probe_send(struct probe *p, const char *op)
{
	ktime_t asked;
	int err;

	init_completion(&p->done);
	p->req.end_io = probe_end_io;
	p->req.private = p;
	p->submitter = current;
	p->submitting = true;
	err = io_target_submit(&p->req);
	p->submitting = false;
	if (err) {
		demo_say("probed what=%s op=%s refused=%d", p->what, op, err);
		return;
	}
	if (wait_for_completion_timeout(&p->done, p->patience)) {
		probe_say(p, op, -1);
		return;
	}
	asked = ktime_get();
	io_target_cancel(&p->req);
	wait_for_completion(&p->done);
	probe_say(p, op, ktime_us_delta(ktime_get(), asked));
}

/* <number>, which the driver knows, or <number>:<bytes> */
static int probe_prep_ioctl(struct probe *p, char *text)
{
	char *number = strsep(&text, ":");
	unsigned int cmd;

	if (kstrtouint(number, 16, &cmd))
		return -EINVAL;
	if (!text)
		return io_target_prep_ioctl(&p->req, cmd, 0, 0);
	if (kstrtouint(text, 10, &p->asked) || p->asked > sizeof(p->buf))
		return -EINVAL;
	return io_target_prep_ioctl_buf(&p->req, cmd, p->buf, 0, p->asked, 0);
}

static int probe_prep_zone(struct probe *p, enum io_target_op op)
{
	if (op == IO_TARGET_OP_NONE)
		return -EINVAL;
	if (op == IO_TARGET_OP_ZONE_APPEND)
		return io_target_prep_zone_append_buf(&p->req, p->buf, sizeof(p->buf), p->pos, 0);
	return io_target_prep_range(&p->req, op, p->pos, p->zone, 0);
}

static int probe_prep(struct probe *p, char *word)
{
	unsigned int flags = p->user ? IO_TARGET_USER_PTR : 0;

	p->asked = 0;
	memset(p->buf, UNTOUCHED, sizeof(p->buf));
	if (!strcmp(word, "read"))
		return io_target_prep_read_buf(&p->req, p->buf, sizeof(p->buf), 0, flags);
	if (str_has_prefix(word, "write="))
		return io_target_prep_write_buf(&p->req, strchr(word, '=') + 1,
						strlen(strchr(word, '=') + 1), 0, flags);
	if (str_has_prefix(word, "ioctl="))
		return probe_prep_ioctl(p, word + strlen("ioctl="));
	return probe_prep_zone(p, zone_op(word));
}

static void probe_word(struct probe *p, char *word)
{
	char *end = strchr(word, '=') ?: word + strlen(word);
	char op[8] = "";
	int err;

	if (!strcmp(word, "user"))
		return;
	if (!strcmp(word, "patient")) {
		p->patience = MORE_PATIENCE;
		return;
	}
	if (str_has_prefix(word, "at=")) {
		if (kstrtoll(word + 3, 10, &p->pos))
			demo_say("probed what=%s refused=%d", p->what, -EINVAL);
		return;
	}
	memcpy(op, word, min_t(size_t, end - word, sizeof(op) - 1));
	io_target_request_init(&p->req, p->target);
	err = probe_prep(p, word);
	if (err)
		demo_say("probed what=%s op=%s refused=%d", p->what, op, err);
	else
		probe_send(p, op);
}

static void probe_info(struct probe *p)
{
	struct io_target_info info;

	if (io_target_get_info(p->target, &info))
		return;
	p->zone = info.zone_size;
	demo_say("probe what=%s stream=%d reads=%s writes=%s ioctl=%d poll=%d nowait=%d",
		 p->what, info.stream, demo_served(info.read), demo_served(info.write),
		 info.ioctl, info.poll, info.nowait);
}

/* Is @name one of @words, or, if it ends with a "=", the beginning of one? */
static bool probe_has(const char *words, const char *name)
{
	size_t len = strlen(name);
	const char *at = words;

	for (; (at = strstr(at, name)); at += len) {
		bool ends = name[len - 1] == '=' || !at[len] || at[len] == ' ';

		if ((at == words || at[-1] == ' ') && ends)
			return true;
	}
	return false;
}

/* With no more access than the words ask for. */
static unsigned int probe_access(const char *words)
{
	unsigned int flags = 0;

	if (probe_has(words, "write=") || probe_has(words, "at="))
		flags |= IO_TARGET_WRITE;
	if (probe_has(words, "read") || !flags)
		flags |= IO_TARGET_READ;
	if (probe_has(words, "user") || strchr(words, ':'))
		flags |= IO_TARGET_USER_BOUNCE;
	return flags;
}

static int probe_open(struct probe *p, unsigned int flags)
{
	struct file *file;
	unsigned int fd;
	int err;

	if (!str_has_prefix(p->what, "fd="))
		return io_target_open(p->target, p->what, flags);
	if (kstrtouint(p->what + 3, 10, &fd))
		return -EINVAL;
	file = fget(fd);
	if (!file)
		return -EBADF;
	err = io_target_open_file(p->target, file, flags);
	fput(file);
	return err;
}

static int probe_run(struct probe *p, char *words)
{
	char *word;
	int err;

	p->user = probe_has(words, "user");
	p->patience = PATIENCE;
	err = probe_open(p, probe_access(words));
	if (err)
		return err;
	probe_info(p);
	while ((word = strsep(&words, " ")))
		if (*word)
			probe_word(p, word);
	return io_target_close(p->target);
}

/* Return: 0, or why the device cannot be opened. */
int demo_probe(const char *text)
{
	char *copy = kstrdup(text, GFP_KERNEL);
	char *words = copy ? strim(copy) : NULL;
	struct probe *p = kzalloc(sizeof(*p), GFP_KERNEL);
	int err = -ENOMEM;

	if (!copy || !p)
		goto err_free;
	p->what = strsep(&words, " ");
	p->target = io_target_create(NULL);
	err = PTR_ERR_OR_ZERO(p->target);
	if (err)
		goto err_free;
	err = probe_run(p, words ?: copy + strlen(copy));
	io_target_put(p->target);
err_free:
	kfree(p);
	kfree(copy);
	return err;
}
