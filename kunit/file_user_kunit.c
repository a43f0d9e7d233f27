// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers that take nothing but pointers of a user's. The targets are opened in the task
 * that inserts this module, which has memory to lend; the cases run in threads that have
 * none.
 */
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>

#include "device.h"
#include "file.h"
#include "pattern.h"

#define SEED	0x75736572ULL
#define BOTH	(RW | IO_TARGET_USER_BOUNCE)
#define CHUNK	100

static struct io_target *user_target[DEVICE_CHARS];

/* What the one with a pointer of his own has seen */
static struct {
	ssize_t	wrote;
	ssize_t	read;
	ssize_t	same;
	ssize_t	bad;
	pid_t	pid;
	pid_t	driver_pid;
} own_pointer;

/* In a task that has one. */
static int use_own_pointer(struct io_target *t)
{
	unsigned long at = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, 0);
	void __user *buf = (void __user *)at;
	u8 bytes[CHUNK];

	if (IS_ERR_VALUE(at))
		return at;
	pattern_fill(bytes, CHUNK, 0, SEED);
	if (copy_to_user(buf, bytes, CHUNK))
		return -EFAULT;
	own_pointer.wrote = io_target_write_user(t, buf, CHUNK, 8);
	own_pointer.read = io_target_read_user(t, buf + CHUNK, CHUNK, 8);
	if (copy_from_user(bytes, buf + CHUNK, CHUNK))
		return -EFAULT;
	own_pointer.same = pattern_match(bytes, CHUNK, 0, SEED);
	/* No user's anywhere; a user-mode kernel may have any other one in both. */
	own_pointer.bad = io_target_read_user(t, (void __user *)-PAGE_SIZE, CHUNK, 8);
	own_pointer.pid = current->pid;
	own_pointer.driver_pid = testdev_char_seen(device_char[USER_SEEK]).pid;
	return vm_munmap(at, PAGE_SIZE);
}

static void user_suite_exit(struct kunit_suite *suite)
{
	int i;

	for (i = 0; i < DEVICE_CHARS; i++) {
		if (!user_target[i])
			continue;
		io_target_close(user_target[i]);
		io_target_put(user_target[i]);
		user_target[i] = NULL;
	}
	device_chars_exit(suite);
}

static int user_suite_init(struct kunit_suite *suite)
{
	int i, err = device_chars_init(suite);

	if (err || !device_in_process)
		return err;
	for (i = USER_ONLY; i <= USER_ITER && !err; i++) {
		struct io_target *t = io_target_open_path(testdev_char_path(device_char[i]),
							  BOTH, NULL);

		if (IS_ERR(t))
			err = PTR_ERR(t);
		else
			user_target[i] = t;
	}
	err = err ?: use_own_pointer(user_target[USER_SEEK]);
	if (err)
		user_suite_exit(suite);
	return err;
}

static const int kinds[] = { USER_ONLY, USER_SEEK, USER_ITER };

static void kind_desc(const int *kind, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s", testdev_char_path(device_char[*kind]));
}

KUNIT_ARRAY_PARAM(kind, kinds, kind_desc);

static const struct iot_file *target_file(struct io_target *t)
{
	return iot_lower_file(rcu_dereference_protected(t->lower, true));
}

/* How many mappings the opener has: none of ours is left when nothing is under way. */
static int mappings(struct io_target *t)
{
	return READ_ONCE(target_file(t)->mm->map_count);
}

static void user_info(struct kunit *test)
{
	int kind = *(const int *)test->param_value;
	enum io_target_served served = kind == USER_ITER ? IO_TARGET_SERVED_THREAD :
							   IO_TARGET_SERVED_USER;
	struct io_target_info info;

	KUNIT_ASSERT_EQ(test, io_target_get_info(user_target[kind], &info), 0);
	KUNIT_EXPECT_EQ(test, info.flags, BOTH);
	KUNIT_EXPECT_EQ(test, info.read, served);
	KUNIT_EXPECT_EQ(test, info.write, served);
	KUNIT_EXPECT_EQ(test, info.stream, kind == USER_ONLY);
}

struct size_case {
	int		kind;
	size_t		len;
	unsigned int	flags;
	ssize_t		result;
};

static const struct size_case size_cases[] = {
	{ USER_ONLY, 1, 0, 1 },
	{ USER_ONLY, 3 * PAGE_SIZE + 5, 0, 3 * PAGE_SIZE + 5 },
	{ USER_SEEK, 0, 0, 0 },
	{ USER_SEEK, CHUNK, 0, CHUNK },
	{ USER_SEEK, SZ_1M, 0, SZ_1M },
	{ USER_SEEK, SZ_1M + SZ_4K, 0, SZ_1M },
	{ USER_SEEK, 2 * SZ_1M + SZ_4K, IO_TARGET_FULL, 2 * SZ_1M + SZ_4K },
	{ USER_SEEK, SZ_64K, IO_TARGET_BOUNCE, SZ_64K },
	{ USER_ITER, CHUNK, 0, CHUNK },
	{ USER_ITER, SZ_64K + 1, IO_TARGET_TASK, SZ_64K + 1 },
};

static void size_desc(const struct size_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%d: %zu bytes, flags %#x", c->kind, c->len,
		 c->flags);
}

KUNIT_ARRAY_PARAM(size, size_cases, size_desc);

static void transfer(struct kunit *test, struct sent *s, enum io_target_op op, void *buf,
		     const struct size_case *c)
{
	loff_t pos = c->kind == USER_ONLY ? 0 : 24;

	sent_prep(test, s, op, buf, c->len, pos, c->flags | IO_TARGET_USER_PTR);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, c->result);
	KUNIT_EXPECT_FALSE(test, s->req.not_sent);
	KUNIT_EXPECT_EQ(test, s->context, IN_TASK);
}

/* What is written comes back, and nothing beyond. */
static void user_transfer(struct kunit *test)
{
	const struct size_case *c = test->param_value;
	struct io_target *t = user_target[c->kind];
	struct sent *s = sent_alloc(test, t, 1);
	u8 *buf = kvmalloc(c->len + 8, GFP_KERNEL);
	int maps = mappings(t);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	pattern_fill(buf, c->len, 0, SEED);
	transfer(test, s, IO_TARGET_OP_WRITE, buf, c);
	memset(buf, 0xee, c->len + 8);
	transfer(test, s, IO_TARGET_OP_READ, buf, c);
	KUNIT_EXPECT_EQ(test, pattern_match(buf, c->result, 0, SEED), c->result);
	KUNIT_EXPECT_EQ(test, pattern_match_byte(buf + c->result, c->len + 8 - c->result, 0xee),
			c->len + 8 - c->result);
	KUNIT_EXPECT_EQ(test, mappings(t), maps);
	KUNIT_EXPECT_NE(test, testdev_char_seen(device_char[c->kind]).pid, current->pid);
	kvfree(buf);
}

/* A caller who waits has no memory to lend, whoever he is: a thread does it. */
static void user_wait(struct kunit *test)
{
	struct io_target *t = user_target[USER_SEEK];
	struct sent *s = sent_alloc(test, t, 1);
	u8 *buf = kunit_kzalloc(test, CHUNK, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	memset(buf, 0x5a, CHUNK);
	sent_prep(test, s, IO_TARGET_OP_WRITE, buf, CHUNK, 0, IO_TARGET_USER_PTR);
	KUNIT_EXPECT_EQ(test, io_target_submit_wait(&s->req, IO_TARGET_NO_TIMEOUT), CHUNK);
	KUNIT_EXPECT_NE(test, testdev_char_seen(device_char[USER_SEEK]).pid, current->pid);
	memset(buf, 0, CHUNK);
	sent_prep(test, s, IO_TARGET_OP_READ, buf, CHUNK, 0, IO_TARGET_USER_PTR);
	KUNIT_EXPECT_EQ(test, io_target_submit_wait(&s->req, 60 * HZ), CHUNK);
	KUNIT_EXPECT_EQ(test, pattern_match_byte(buf, CHUNK, 0x5a), CHUNK);
}

/* A short count, an error, and with FULL what there was before the end. */
static void user_short(struct kunit *test)
{
	struct io_target *t = user_target[USER_SEEK];
	struct sent *s = sent_alloc(test, t, 1);
	u8 *buf = kunit_kzalloc(test, 2 * CHUNK, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	testdev_char_behave(device_char[USER_SEEK], &(struct testdev_char_behaviour){
		.limit = CHUNK });
	sent_prep(test, s, IO_TARGET_OP_READ, buf, 2 * CHUNK, 0, IO_TARGET_USER_PTR);
	KUNIT_EXPECT_EQ(test, io_target_submit_wait(&s->req, 60 * HZ), CHUNK);
	sent_prep(test, s, IO_TARGET_OP_READ, buf, 2 * CHUNK, CHAR_SIZE - CHUNK - 1,
		  IO_TARGET_USER_PTR | IO_TARGET_FULL);
	KUNIT_EXPECT_EQ(test, io_target_submit_wait(&s->req, 60 * HZ), CHUNK + 1);
	testdev_char_behave(device_char[USER_SEEK], &(struct testdev_char_behaviour){
		.error = -EREMOTEIO });
	sent_prep(test, s, IO_TARGET_OP_WRITE, buf, CHUNK, 0, IO_TARGET_USER_PTR);
	KUNIT_EXPECT_EQ(test, io_target_submit_wait(&s->req, 60 * HZ), -EREMOTEIO);
}

/* As any other: one in the driver, the others in their order behind it. */
static void user_order(struct kunit *test)
{
	struct io_target *t = user_target[USER_ONLY];
	struct sent *s = sent_alloc(test, t, 20);
	u8 *buf = kunit_kzalloc(test, 20 * 8, GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	pattern_fill(buf, 20 * 8, 0, SEED);
	for (i = 0; i < 20; i++) {
		sent_prep(test, &s[i], IO_TARGET_OP_WRITE, buf + 8 * i, 8, 0, IO_TARGET_USER_PTR);
		KUNIT_ASSERT_EQ(test, sent_submit(&s[i]), 0);
	}
	for (i = 0; i < 20; i++) {
		KUNIT_ASSERT_TRUE(test, sent_wait(&s[i]));
		KUNIT_EXPECT_EQ(test, s[i].number, i + 1);
	}
	KUNIT_EXPECT_EQ(test, testdev_char_seen(device_char[USER_ONLY]).most_inside[1], 1);
	memset(buf, 0, 20 * 8);
	sent_prep(test, s, IO_TARGET_OP_READ, buf, 20 * 8, 0, IO_TARGET_USER_PTR);
	KUNIT_EXPECT_EQ(test, io_target_submit_wait(&s->req, 60 * HZ), 20 * 8);
	KUNIT_EXPECT_EQ(test, pattern_match(buf, 20 * 8, 0, SEED), 20 * 8);
}

static const enum testdev_mode modes[] = { TESTDEV_BLOCK_SIGNAL, TESTDEV_BLOCK_KILLABLE };

static void mode_desc(const enum testdev_mode *mode, char *desc)
{
	strscpy(desc, *mode == TESTDEV_BLOCK_SIGNAL ? "signal" : "killable",
		KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(mode, modes, mode_desc);

/* Who waits in the driver comes back, and leaves nothing in the opener's memory. */
static void user_cancel(struct kunit *test)
{
	struct io_target *t = user_target[USER_SEEK];
	struct sent *s = sent_alloc(test, t, 1);
	u8 *buf = kunit_kzalloc(test, SZ_64K, GFP_KERNEL);
	int maps = mappings(t);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	testdev_char_behave(device_char[USER_SEEK], &(struct testdev_char_behaviour){
		.mode = *(const enum testdev_mode *)test->param_value });
	for (i = 0; i < 20; i++) {
		sent_prep(test, s, i & 1 ? IO_TARGET_OP_READ : IO_TARGET_OP_WRITE, buf, SZ_64K,
			  0, IO_TARGET_USER_PTR);
		KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
		KUNIT_ASSERT_TRUE(test, testdev_char_wait_held(device_char[USER_SEEK], 1));
		KUNIT_EXPECT_EQ(test, io_target_cancel(&s->req), -EALREADY);
		KUNIT_ASSERT_TRUE(test, sent_wait(s));
		KUNIT_EXPECT_EQ(test, s->req.result, -ECANCELED);
	}
	/* The thread may have to give them back still. */
	KUNIT_ASSERT_EQ(test, io_target_stop(t, IO_TARGET_WAIT_SENT, 60 * HZ), 0);
	KUNIT_ASSERT_EQ(test, io_target_start(t), 0);
	KUNIT_EXPECT_EQ(test, mappings(t), maps);
}

static void user_ioctl(struct kunit *test)
{
	struct testdev_char_sum *sum = kunit_kzalloc(test, sizeof(*sum), GFP_KERNEL);
	struct io_target *t = user_target[USER_ONLY];
	int maps = mappings(t);

	KUNIT_ASSERT_NOT_NULL(test, sum);
	*sum = (struct testdev_char_sum){ .a = 5, .b = U32_MAX };
	KUNIT_EXPECT_EQ(test, io_target_ioctl_buf(t, TESTDEV_CHAR_SUM, sum, sizeof(*sum),
						  sizeof(*sum), IO_TARGET_NO_TIMEOUT), 5);
	KUNIT_EXPECT_EQ(test, sum->sum, 5ULL + U32_MAX);
	/* What is not for it is nought, and what is not asked for stays. */
	*sum = (struct testdev_char_sum){ .a = 7, .b = 8, .sum = 9 };
	KUNIT_EXPECT_EQ(test, io_target_ioctl_buf(t, TESTDEV_CHAR_SUM, sum, sizeof(sum->a), 0,
						  60 * HZ), 7);
	KUNIT_EXPECT_EQ(test, sum->sum, 9);
	KUNIT_EXPECT_EQ(test, io_target_ioctl_buf(t, TESTDEV_CHAR_SUM, sum, sizeof(sum->a),
						  sizeof(*sum), 60 * HZ), 7);
	KUNIT_EXPECT_EQ(test, sum->b, 0);
	KUNIT_EXPECT_EQ(test, sum->sum, 7);
	KUNIT_EXPECT_EQ(test, io_target_ioctl_buf(t, 1, sum, 4, 4, 60 * HZ), -ENOTTY);
	KUNIT_EXPECT_EQ(test, mappings(t), maps);
}

/* A driver that follows a pointer in a thread that has no user's memory. */
static void user_no_memory(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, CHUNK, GFP_KERNEL);

	if (IS_ENABLED(CONFIG_UML))
		kunit_skip(test, "a user-mode kernel panics where others answer -EFAULT");
	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_EXPECT_EQ(test, io_target_ioctl(user_target[USER_ONLY], TESTDEV_CHAR_SUM, 0,
					      60 * HZ), -EFAULT);
	KUNIT_EXPECT_EQ(test, io_target_read(user_target[USER_ITER], buf, CHUNK, 0, 60 * HZ),
			-EFAULT);
	KUNIT_EXPECT_EQ(test, io_target_read_user(user_target[USER_SEEK], (void __user *)buf,
						  CHUNK, 0), -EFAULT);
}

static void user_refused(struct kunit *test)
{
	struct device_fixture *fx = test->priv;
	const char *path = testdev_char_path(device_char[USER_SEEK]);
	struct io_target *t = fx->target[0];
	u8 *buf = kunit_kzalloc(test, CHUNK, GFP_KERNEL);
	struct sent *s;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_EXPECT_EQ(test, io_target_open(t, path, BOTH), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_state(t), IO_TARGET_CLOSED);
	t = device_open(test, path, RW);
	s = sent_alloc(test, t, 1);
	KUNIT_EXPECT_EQ(test, io_target_prep_rw_buf(&s->req, IO_TARGET_OP_READ, buf, CHUNK, 0, 0),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, io_target_prep_rw_buf(&s->req, IO_TARGET_OP_READ, buf, CHUNK, 0,
						    IO_TARGET_USER_PTR), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, io_target_prep_ioctl_buf(&s->req, TESTDEV_CHAR_SUM, buf, 8, 8, 0),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, io_target_prep_rw_buf(&s->req, IO_TARGET_OP_READ, buf, CHUNK, 0,
						    IO_TARGET_USER_PTR | IO_TARGET_NOWAIT),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_prep_range(&s->req, IO_TARGET_OP_FLUSH, 0, 0,
						   IO_TARGET_USER_PTR), -EINVAL);
	KUNIT_EXPECT_EQ(test, testdev_char_seen(device_char[USER_SEEK]).calls[0], 0);
}

/* Close, and open again in a thread: the opener stays who he was. */
static void user_reopen(struct kunit *test)
{
	struct io_target *t = user_target[USER_SEEK];
	const struct mm_struct *mm = target_file(t)->mm;
	struct sent *s = sent_alloc(test, t, 1);
	u8 *buf = kunit_kzalloc(test, CHUNK, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_EQ(test, io_target_close(t), 0);
	KUNIT_ASSERT_EQ(test, io_target_reopen(t), 0);
	KUNIT_EXPECT_PTR_EQ(test, target_file(t)->mm, mm);
	sent_prep(test, s, IO_TARGET_OP_READ, buf, CHUNK, 0, IO_TARGET_USER_PTR);
	KUNIT_EXPECT_EQ(test, io_target_submit_wait(&s->req, 60 * HZ), CHUNK);
}

/* A user's process opens a device, and uses it. */
static int open_as_user(void *data)
{
	struct testdev_char_sum *sum = kzalloc(sizeof(*sum), GFP_KERNEL);
	struct io_target *t = data;
	int err;

	if (!sum)
		return -ENOMEM;
	sum->a = 3;
	err = io_target_open(t, testdev_char_path(device_char[USER_SEEK]), BOTH);
	if (!err && (io_target_ioctl_buf(t, TESTDEV_CHAR_SUM, sum, sizeof(*sum), sizeof(*sum),
					 60 * HZ) != 3 || sum->sum != 3))
		err = -EIO;
	kfree(sum);
	return err;
}

/* When it has ended there is nobody any more whose memory it could be. */
static void user_owner_dead(struct kunit *test)
{
	struct testdev_char_sum *sum = kunit_kzalloc(test, sizeof(*sum), GFP_KERNEL);
	struct device_fixture *fx = test->priv;
	struct io_target *t = fx->target[0];
	struct sent *s = sent_alloc(test, t, 1);
	u8 *buf = kunit_kzalloc(test, CHUNK, GFP_KERNEL);
	unsigned int calls;

	KUNIT_ASSERT_TRUE(test, sum && buf);
	KUNIT_ASSERT_EQ(test, testdev_in_process(open_as_user, t), 0);
	sent_prep(test, s, IO_TARGET_OP_READ, buf, CHUNK, 0, IO_TARGET_USER_PTR);
	calls = testdev_char_seen(device_char[USER_SEEK]).calls[0];
	KUNIT_EXPECT_EQ(test, io_target_submit_wait(&s->req, 60 * HZ), -EOWNERDEAD);
	KUNIT_EXPECT_EQ(test, io_target_ioctl_buf(t, TESTDEV_CHAR_SUM, sum, 8, 8, 60 * HZ),
			-EOWNERDEAD);
	KUNIT_EXPECT_EQ(test, testdev_char_seen(device_char[USER_SEEK]).calls[0], calls);
	/* What it has opened by itself can still be closed, and opened by another. */
	KUNIT_EXPECT_EQ(test, io_target_close(t), 0);
	KUNIT_EXPECT_EQ(test, io_target_open(t, testdev_char_path(device_char[USER_SEEK]), RW), 0);
}

static void user_own_pointer(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, own_pointer.wrote, CHUNK);
	KUNIT_EXPECT_EQ(test, own_pointer.read, CHUNK);
	KUNIT_EXPECT_EQ(test, own_pointer.same, CHUNK);
	KUNIT_EXPECT_EQ(test, own_pointer.bad, -EFAULT);
	KUNIT_EXPECT_EQ(test, own_pointer.driver_pid, own_pointer.pid);
}

struct arrived {
	struct completion	done;
	size_t			bytes;
};

static bool stream_data(struct io_target_stream *stream, struct io_target_stream_buffer *buf,
			void *private)
{
	struct arrived *a = private;

	a->bytes += pattern_match(buf->data, buf->len, a->bytes, SEED);
	if (a->bytes >= 10 * CHUNK)
		complete(&a->done);
	return true;
}

static void user_stream(struct kunit *test)
{
	struct io_target *t = user_target[USER_ONLY];
	struct arrived *a = kunit_kzalloc(test, sizeof(*a), GFP_KERNEL);
	u8 *buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	struct io_target_stream *stream;

	KUNIT_ASSERT_TRUE(test, a && buf);
	pattern_fill(buf, SZ_4K, 0, SEED);
	KUNIT_ASSERT_EQ(test, testdev_store_fill(testdev_char_store(device_char[USER_ONLY]), 0,
						 buf, SZ_4K), 0);
	init_completion(&a->done);
	stream = io_target_stream_start(t, &(struct io_target_stream_config){
		.size = CHUNK, .flags = IO_TARGET_USER_PTR, .on_data = stream_data, .private = a });
	KUNIT_ASSERT_FALSE(test, IS_ERR(stream));
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&a->done, TESTDEV_PATIENCE), 0);
	io_target_stream_stop(stream);
}

static struct kunit_case user_cases[] = {
	KUNIT_CASE_PARAM(user_info, kind_gen_params),
	KUNIT_CASE_PARAM(user_transfer, size_gen_params),
	KUNIT_CASE(user_wait),
	KUNIT_CASE(user_short),
	KUNIT_CASE(user_order),
	KUNIT_CASE_PARAM(user_cancel, mode_gen_params),
	KUNIT_CASE(user_ioctl),
	KUNIT_CASE(user_no_memory),
	KUNIT_CASE(user_refused),
	KUNIT_CASE(user_reopen),
	KUNIT_CASE(user_owner_dead),
	KUNIT_CASE(user_own_pointer),
	KUNIT_CASE(user_stream),
	{}
};

static struct kunit_suite user_suite = {
	.name		= "io_target_file_user",
	.suite_init	= user_suite_init,
	.suite_exit	= user_suite_exit,
	.init		= device_process_init,
	.exit		= device_fixture_exit,
	.test_cases	= user_cases,
};

kunit_test_suite(user_suite);
