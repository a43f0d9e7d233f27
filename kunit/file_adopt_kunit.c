// SPDX-License-Identifier: GPL-2.0
/*
 * Files of other kinds: regular ones, files that somebody else has opened, and
 * whose credentials the driver sees.
 */
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/net.h>
#include <linux/sizes.h>
#include <net/net_namespace.h>

#include "device.h"
#include "pattern.h"

#define SEED	0x61646f70ULL
#define FILE_PATH	"/tmp/io_target_kunit"
#define OPENER		4711
#define SUBMITTER	4712

/* A regular file of @len bytes of the pattern, closed; asserts that it worked. */
static void make_file(struct kunit *test, size_t len)
{
	struct file *file = device_filp_open(FILE_PATH, O_CREAT | O_TRUNC | O_RDWR);
	u8 *buf = kunit_kzalloc(test, len, GFP_KERNEL);
	loff_t pos = 0;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	pattern_fill(buf, len, 0, SEED);
	KUNIT_EXPECT_EQ(test, kernel_write(file, buf, len, &pos), len);
	device_filp_close(file);
}

/* Nothing of it stays in the guest's memory. */
static void empty_file(void)
{
	device_filp_close(device_filp_open(FILE_PATH, O_TRUNC | O_RDWR));
}

static void regular_info(struct kunit *test)
{
	struct io_target_info info;
	struct io_target *t;

	make_file(test, SZ_8K);
	t = device_open(test, FILE_PATH, RW);
	KUNIT_ASSERT_EQ(test, io_target_get_info(t, &info), 0);
	KUNIT_EXPECT_EQ(test, info.mode, S_IFREG);
	KUNIT_EXPECT_EQ(test, info.size, SZ_8K);
	KUNIT_EXPECT_EQ(test, info.dev, 0);
	KUNIT_EXPECT_FALSE(test, info.stream);
	KUNIT_EXPECT_FALSE(test, info.read_only);
	KUNIT_EXPECT_NE(test, info.max_discard, 0);
	KUNIT_EXPECT_STREQ(test, io_target_name(t), "io_target_kunit");
	KUNIT_EXPECT_EQ(test, io_target_open(t, FILE_PATH, RW), -EBUSY);
	io_target_close(t);
	KUNIT_EXPECT_EQ(test, io_target_open(t, FILE_PATH, RW | IO_TARGET_EXCL), -EINVAL);
	empty_file();
}

/* Read, write, the end, growth, flush, a hole */
static void regular_io(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, SZ_16K, GFP_KERNEL);
	struct io_target_info info;
	struct io_target *t;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	make_file(test, SZ_8K);
	t = device_open(test, FILE_PATH, RW);
	KUNIT_EXPECT_EQ(test, io_target_read(t, buf, SZ_8K, 0, HZ * 10), SZ_8K);
	KUNIT_EXPECT_EQ(test, pattern_match(buf, SZ_8K, 0, SEED), SZ_8K);
	KUNIT_EXPECT_EQ(test, io_target_read(t, buf, 100, SZ_8K - 7, HZ * 10), 7);
	KUNIT_EXPECT_EQ(test, io_target_read(t, buf, 100, SZ_8K, IO_TARGET_NO_TIMEOUT), 0);
	KUNIT_EXPECT_EQ(test, io_target_read(t, buf, 100, SZ_1M, HZ * 10), 0);

	pattern_fill(buf, SZ_8K, SZ_4K + 1, SEED + 1);
	KUNIT_EXPECT_EQ(test, io_target_write(t, buf, SZ_8K, SZ_4K + 1, HZ * 10), SZ_8K);
	KUNIT_EXPECT_EQ(test, io_target_flush(t, HZ * 10), 0);
	KUNIT_EXPECT_EQ(test, io_target_get_info(t, &info), 0);
	KUNIT_EXPECT_EQ(test, info.size, SZ_4K + 1 + SZ_8K);
	KUNIT_EXPECT_EQ(test, io_target_discard(t, 0, SZ_4K, HZ * 10), 0);
	KUNIT_EXPECT_EQ(test, io_target_read(t, buf, SZ_16K, 0, IO_TARGET_NO_TIMEOUT),
			SZ_4K + 1 + SZ_8K);
	KUNIT_EXPECT_EQ(test, pattern_match_byte(buf, SZ_4K, 0), SZ_4K);
	KUNIT_EXPECT_EQ(test, pattern_match(buf + SZ_4K, 1, SZ_4K, SEED), 1);
	KUNIT_EXPECT_EQ(test, pattern_match(buf + SZ_4K + 1, SZ_8K, SZ_4K + 1, SEED + 1), SZ_8K);
	/* tmpfs cannot, and says so: the errno is the file system's. */
	KUNIT_EXPECT_EQ(test, io_target_write_zeroes(t, 0, SZ_4K, HZ * 10), -EOPNOTSUPP);
	io_target_close(t);
	empty_file();
}

static void regular_many(struct kunit *test)
{
	struct io_target *t;
	struct sent *s;
	unsigned int i;
	u8 *buf = kunit_kzalloc(test, SZ_64K, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	make_file(test, SZ_64K);
	t = device_open(test, FILE_PATH, IO_TARGET_READ);
	s = sent_alloc(test, t, 64);
	for (i = 0; i < 64; i++) {
		sent_prep(test, &s[i], IO_TARGET_OP_READ, buf + i * SZ_1K, SZ_1K, i * SZ_1K, 0);
		KUNIT_ASSERT_EQ(test, sent_submit(&s[i]), 0);
	}
	for (i = 0; i < 64; i++)
		KUNIT_ASSERT_TRUE(test, sent_wait(&s[i]));
	KUNIT_EXPECT_EQ(test, pattern_match(buf, SZ_64K, 0, SEED), SZ_64K);
	KUNIT_EXPECT_EQ(test, io_target_write(t, buf, 1, 0, HZ), -EROFS);
	io_target_close(t);
	empty_file();
}

/* The file's owner keeps his position, his flags and his file. */
static void adopt_leaves_alone(struct kunit *test)
{
	static const int devices[] = { SEEK, SEEK_NOWAIT };
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	struct device_fixture *fx = test->priv;
	struct io_target *t = fx->target[0];
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	for (i = 0; i < ARRAY_SIZE(devices); i++) {
		struct testdev_char *c = device_char[devices[i]];
		struct file *file = device_filp_open(testdev_char_path(c), O_RDWR | O_NONBLOCK);
		unsigned int flags;

		KUNIT_ASSERT_FALSE(test, IS_ERR(file));
		flags = file->f_flags;
		KUNIT_EXPECT_EQ(test, vfs_llseek(file, 100, SEEK_SET), 100);
		KUNIT_ASSERT_EQ(test, io_target_open_file(t, file, RW), 0);
		KUNIT_EXPECT_EQ(test, io_target_write(t, buf, SZ_4K, 5, HZ * 10), SZ_4K);
		KUNIT_EXPECT_EQ(test, io_target_read(t, buf, SZ_4K, 5, HZ * 10), SZ_4K);
		KUNIT_EXPECT_EQ(test, io_target_read(t, buf, 10, 0, IO_TARGET_NO_TIMEOUT), 10);
		KUNIT_EXPECT_EQ(test, file->f_flags, flags);
		io_target_close(t);
		KUNIT_EXPECT_EQ(test, file->f_flags, flags);
		KUNIT_EXPECT_EQ(test, file->f_pos, 100);
		KUNIT_EXPECT_EQ(test, vfs_llseek(file, 1, SEEK_CUR), 101);
		KUNIT_EXPECT_GT(test, testdev_opens(), fx->opens);
		device_filp_close(file);
		KUNIT_EXPECT_TRUE(test, device_wait_unused(test));
	}
}

/* Its owner may close it before the target does. */
static void adopt_outlives_owner(struct kunit *test)
{
	struct file *file = device_filp_open(testdev_char_path(device_char[SEEK]), O_RDWR);
	u8 *buf = kunit_kzalloc(test, 16, GFP_KERNEL);
	struct device_fixture *fx = test->priv;
	struct io_target *t = fx->target[0];

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_ASSERT_EQ(test, io_target_open_file(t, file, RW), 0);
	device_filp_close(file);
	KUNIT_EXPECT_EQ(test, io_target_read(t, buf, 16, 0, HZ * 10), 16);
	io_target_close(t);
	KUNIT_EXPECT_EQ(test, testdev_opens(), fx->opens);
}

struct adopt_case {
	const char	*name;
	const char	*path;	/* NULL: the char device SEEK */
	int		opened;
	unsigned int	flags;
	int		error;
};

static const struct adopt_case adopt_cases[] = {
	{ "reader of a reader", NULL, O_RDONLY, IO_TARGET_READ, 0 },
	{ "writer of a writer", NULL, O_WRONLY, IO_TARGET_WRITE, 0 },
	{ "writer of a reader", NULL, O_RDONLY, IO_TARGET_WRITE, -EBADF },
	{ "both of a writer", NULL, O_WRONLY, RW, -EBADF },
	{ "claim", NULL, O_RDWR, RW | IO_TARGET_EXCL, -EINVAL },
	{ "no flags", NULL, O_RDWR, 0, -EINVAL },
	{ "directory", "/dev", O_RDONLY, IO_TARGET_READ, -EINVAL },
};

static void adopt_case_desc(const struct adopt_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(adopt, adopt_cases, adopt_case_desc);

static void adopt_flags(struct kunit *test)
{
	const struct adopt_case *c = test->param_value;
	const char *path = c->path ?: testdev_char_path(device_char[SEEK]);
	struct device_fixture *fx = test->priv;
	struct file *file = device_filp_open(path, c->opened);
	struct io_target *t = fx->target[0];

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_EXPECT_EQ(test, io_target_open_file(t, file, c->flags), c->error);
	KUNIT_EXPECT_EQ(test, io_target_state(t), c->error ? IO_TARGET_CLOSED :
							     IO_TARGET_STARTED);
	io_target_close(t);
	device_filp_close(file);
}

static void adopt_socket(struct kunit *test)
{
#if IS_ENABLED(CONFIG_UNIX)
	struct device_fixture *fx = test->priv;
	struct socket *sock;
	struct file *file;

	KUNIT_ASSERT_EQ(test, sock_create_kern(&init_net, AF_UNIX, SOCK_DGRAM, 0, &sock), 0);
	file = sock_alloc_file(sock, 0, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_EXPECT_EQ(test, io_target_open_file(fx->target[0], file, IO_TARGET_READ), -EINVAL);
	device_filp_close(file);
#else
	kunit_skip(test, "this kernel has no sockets");
#endif
}

/* Who the driver sees, by the way that a request takes */
enum cred_path { CRED_ASYNC, CRED_ATOMIC, CRED_TIMED, CRED_FSYNC, CRED_CALLER, CRED_PATHS };

struct cred_case {
	const char	*name;
	int		device;
	enum cred_path	path;
	uid_t		seen;
};

static const struct cred_case cred_cases[] = {
	{ "submit", SEEK, CRED_ASYNC, OPENER },
	{ "submit, tried", SEEK_NOWAIT, CRED_ASYNC, OPENER },
	{ "submit, stream", STREAM, CRED_ASYNC, OPENER },
	{ "submit_atomic", SEEK_NOWAIT, CRED_ATOMIC, OPENER },
	{ "with a timeout", SEEK, CRED_TIMED, OPENER },
	{ "with a timeout, tried", STREAM_NOWAIT, CRED_TIMED, OPENER },
	{ "flush", SEEK, CRED_FSYNC, OPENER },
	{ "caller's own task", SEEK, CRED_CALLER, SUBMITTER },
};

static void cred_case_desc(const struct cred_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(cred, cred_cases, cred_case_desc);

static struct cred *make_cred(struct kunit *test, uid_t uid)
{
	struct cred *cred = prepare_creds();

	KUNIT_ASSERT_NOT_NULL(test, cred);
	cred->fsuid = make_kuid(&init_user_ns, uid);
	return cred;
}

/* Return: its result. */
static ssize_t send_as(struct kunit *test, enum cred_path path, enum io_target_op op,
		       struct io_target *t)
{
	struct sent *s = sent_alloc(test, t, 1);
	u8 *buf = kunit_kzalloc(test, 16, GFP_KERNEL);
	long timeout = path == CRED_TIMED ? TESTDEV_PATIENCE : IO_TARGET_NO_TIMEOUT;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	if (path == CRED_FSYNC)
		return io_target_flush(t, HZ * 10);
	if (path != CRED_ASYNC && path != CRED_ATOMIC)
		return op == IO_TARGET_OP_WRITE ? io_target_write(t, buf, 16, 0, timeout) :
						  io_target_read(t, buf, 16, 0, timeout);
	sent_prep(test, s, op, buf, 16, 0, 0);
	KUNIT_ASSERT_EQ(test, path == CRED_ASYNC ? sent_submit(s) : sent_submit_atomic(s), 0);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	return s->req.result;
}

static void open_as(struct kunit *test, struct cred *opener, int device)
{
	struct device_fixture *fx = test->priv;
	const struct cred *old = override_creds(opener);
	int err = io_target_open(fx->target[0], testdev_char_path(device_char[device]), RW);

	revert_creds(old);
	KUNIT_ASSERT_EQ(test, err, 0);
}

static void file_creds(struct kunit *test)
{
	const struct cred_case *c = test->param_value;
	struct cred *opener = make_cred(test, OPENER), *submitter = make_cred(test, SUBMITTER);
	struct device_fixture *fx = test->priv;
	const struct cred *old;

	open_as(test, opener, c->device);
	old = override_creds(submitter);
	KUNIT_EXPECT_EQ(test, send_as(test, c->path, IO_TARGET_OP_WRITE, fx->target[0]),
			c->path == CRED_FSYNC ? 0 : 16);
	KUNIT_EXPECT_EQ(test, from_kuid(&init_user_ns, current_fsuid()), SUBMITTER);
	revert_creds(old);
	KUNIT_EXPECT_EQ(test, from_kuid(&init_user_ns,
					testdev_char_seen(device_char[c->device]).fsuid),
			c->seen);
	put_cred(opener);
	put_cred(submitter);
}

/* Whose privileges the driver finds, by the way that a request takes */
struct able_case {
	const char	*name;
	int		device;
	enum cred_path	path;
	bool		callers;
};

static const struct able_case able_cases[] = {
	{ "submit", SEEK, CRED_ASYNC },
	{ "submit, tried", SEEK_NOWAIT, CRED_ASYNC },
	{ "submit, stream", STREAM, CRED_ASYNC },
	{ "submit_atomic", SEEK, CRED_ATOMIC },
	{ "with a timeout", SEEK, CRED_TIMED },
	{ "caller's own task", SEEK, CRED_CALLER, true },
};

static void able_case_desc(const struct able_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(able, able_cases, able_case_desc);

static struct cred *make_unable(struct kunit *test)
{
	struct cred *cred = prepare_creds();

	KUNIT_ASSERT_NOT_NULL(test, cred);
	cred->cap_effective = CAP_EMPTY_SET;
	cred->cap_permitted = CAP_EMPTY_SET;
	cred->cap_inheritable = CAP_EMPTY_SET;
	return cred;
}

/*
 * A driver that asks for privileges at each read and write: what a thread carries out has
 * those of the opener. An unprivileged one lends no one more than he has, and a privileged
 * one's target works for all.
 */
static void file_able(struct kunit *test)
{
	const struct able_case *c = test->param_value;
	struct cred *creds[] = { make_unable(test), prepare_creds() };
	struct device_fixture *fx = test->priv;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, creds[1]);
	testdev_char_behave(device_char[c->device],
			    &(struct testdev_char_behaviour){ .privileged = true });
	/* Bits: is the opener able, is the submitter, does he write? */
	for (i = 0; i < 8; i++) {
		bool able = i & (c->callers ? 2 : 1);
		const struct cred *old;
		ssize_t result;

		open_as(test, creds[i & 1], c->device);
		old = override_creds(creds[i >> 1 & 1]);
		result = send_as(test, c->path, i & 4 ? IO_TARGET_OP_WRITE : IO_TARGET_OP_READ,
				 fx->target[0]);
		revert_creds(old);
		KUNIT_EXPECT_EQ_MSG(test, result, able ? 16 : -EPERM, "combination %u", i);
		io_target_close(fx->target[0]);
	}
	put_cred(creds[0]);
	put_cred(creds[1]);
}

/* Nor is it anybody else who asks whether there is something, or has ioctls called. */
static void file_pipe_creds(struct kunit *test)
{
	struct testdev_pipe *p = testdev_pipe_create("iotcred", 0);
	struct cred *opener = make_cred(test, OPENER), *submitter = make_cred(test, SUBMITTER);
	struct io_target *t = ((struct device_fixture *)test->priv)->target[0];
	u8 *buf = kunit_kzalloc(test, 16, GFP_KERNEL);
	struct sent *s = sent_alloc(test, t, 1);
	struct testdev_pipe_seen seen;
	const struct cred *old;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_FALSE(test, IS_ERR(p));
	old = override_creds(opener);
	KUNIT_EXPECT_EQ(test, io_target_open(t, testdev_pipe_path(p), RW), 0);
	revert_creds(old);
	old = override_creds(submitter);
	KUNIT_EXPECT_EQ(test, io_target_prep_rw_buf(&s->req, IO_TARGET_OP_READ, buf, 16, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, sent_submit(s), 0);
	KUNIT_EXPECT_TRUE(test, testdev_pipe_wait_refused(p, 1));
	KUNIT_EXPECT_EQ(test, io_target_ioctl(t, TESTDEV_PIPE_DOUBLE, 21, TESTDEV_PATIENCE), 42);
	testdev_pipe_push(p, buf, 16);
	KUNIT_EXPECT_TRUE(test, sent_wait(s));
	revert_creds(old);
	io_target_close(t);
	seen = testdev_pipe_seen(p);
	KUNIT_EXPECT_GE(test, seen.polls, 1);
	KUNIT_EXPECT_EQ(test, from_kuid(&init_user_ns, seen.polled_by), OPENER);
	KUNIT_EXPECT_EQ(test, from_kuid(&init_user_ns, seen.called_by), OPENER);
	testdev_pipe_destroy(p);
	put_cred(opener);
	put_cred(submitter);
}

static struct kunit_case adopt_suite_cases[] = {
	KUNIT_CASE(regular_info),
	KUNIT_CASE(regular_io),
	KUNIT_CASE(regular_many),
	KUNIT_CASE(adopt_leaves_alone),
	KUNIT_CASE(adopt_outlives_owner),
	KUNIT_CASE_PARAM(adopt_flags, adopt_gen_params),
	KUNIT_CASE(adopt_socket),
	KUNIT_CASE_PARAM(file_creds, cred_gen_params),
	KUNIT_CASE_PARAM(file_able, able_gen_params),
	KUNIT_CASE(file_pipe_creds),
	{}
};

static struct kunit_suite adopt_suite = {
	.name		= "io_target_file_adopt",
	.suite_init	= device_chars_init,
	.suite_exit	= device_chars_exit,
	.init		= device_fixture_init,
	.exit		= device_fixture_exit,
	.test_cases	= adopt_suite_cases,
};

kunit_test_suite(adopt_suite);
