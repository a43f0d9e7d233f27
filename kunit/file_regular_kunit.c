// SPDX-License-Identifier: GPL-2.0
/*
 * Regular files: on a file system that is frozen, opened to be appended to; and the
 * position of a file that has an owner.
 */
#include <linux/fs.h>
#include <linux/sizes.h>

#include "compat_file.h"
#include "device.h"
#include "pattern.h"

#define SEED		0x726567756c6172ULL
#define FILE_PATH	"/tmp/io_target_regular"
#define LEN		100

/* Of SZ_8K bytes of the pattern, opened with @flags. */
static struct file *make_file(struct kunit *test, int flags)
{
	struct file *file = device_filp_open(FILE_PATH, O_CREAT | O_TRUNC | O_RDWR);
	u8 *buf = kunit_kzalloc(test, SZ_8K, GFP_KERNEL);
	loff_t pos = 0;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	pattern_fill(buf, SZ_8K, 0, SEED);
	KUNIT_EXPECT_EQ(test, kernel_write(file, buf, SZ_8K, &pos), SZ_8K);
	device_filp_close(file);
	file = device_filp_open(FILE_PATH, flags);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	return file;
}

/* Nothing of it stays in the guest's memory. */
static void empty_file(void)
{
	device_filp_close(device_filp_open(FILE_PATH, O_TRUNC | O_RDWR));
}

struct frozen_case {
	const char	*name;
	bool		tried;		/* the file knows NOWAIT */
	bool		here;		/* in the writer's own task */
	unsigned int	flags;
};

static const struct frozen_case frozen_cases[] = {
	{ "thread", false, false, 0 },
	{ "tried", true, false, 0 },
	{ "NOWAIT", true, false, IO_TARGET_NOWAIT },
	{ "caller's own task", false, true, 0 },
};

static void frozen_case_desc(const struct frozen_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(frozen, frozen_cases, frozen_case_desc);

/**
 * struct writer - a write by a thread of its own
 * @work: that
 * @c: how
 * @s: formatted, unless it is made in that task
 * @buf: LEN bytes
 * @returned: from the call
 * @ret: what the call returned
 */
struct writer {
	struct work_struct		work;
	const struct frozen_case	*c;
	struct sent			*s;
	u8				*buf;
	struct completion		returned;
	ssize_t				ret;
};

static void writer_work(struct work_struct *work)
{
	struct writer *w = container_of(work, struct writer, work);

	w->ret = w->c->here ? io_target_write(w->s->req.target, w->buf, LEN, 0,
					      IO_TARGET_NO_TIMEOUT) : sent_submit(w->s);
	complete(&w->returned);
}

/* With the file system frozen; asserts nothing, since that is to be thawed. */
static void write_frozen(struct kunit *test, struct writer *w)
{
	struct completion *end = w->c->here ? &w->returned : &w->s->done;

	schedule_work(&w->work);
	if (!w->c->here)
		KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&w->returned, 10 * HZ), 0);
	if (w->c->flags & IO_TARGET_NOWAIT) {
		KUNIT_EXPECT_NE(test, wait_for_completion_timeout(end, 10 * HZ), 0);
		return;
	}
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(end, HZ / 20), 0);
}

/* Who submits does not wait for a file system that is frozen; and it is not written to. */
static void regular_frozen(struct kunit *test)
{
	const struct frozen_case *c = test->param_value;
	bool refused = c->flags & IO_TARGET_NOWAIT;
	struct io_target *t = ((struct device_fixture *)test->priv)->target[0];
	struct writer w = { .c = c, .s = sent_alloc(test, t, 1),
			    .buf = kunit_kzalloc(test, LEN, GFP_KERNEL) };
	struct file *file = make_file(test, O_RDWR);

	KUNIT_ASSERT_NOT_NULL(test, w.buf);
	if (c->tried)
		file->f_mode |= FMODE_NOWAIT;
	KUNIT_ASSERT_EQ(test, io_target_open_file(t, file, RW), 0);
	sent_prep(test, w.s, IO_TARGET_OP_WRITE, w.buf, LEN, 0, c->flags);
	init_completion(&w.returned);
	INIT_WORK_ONSTACK(&w.work, writer_work);
	KUNIT_ASSERT_EQ(test, iot_freeze_super(file_inode(file)->i_sb), 0);
	write_frozen(test, &w);
	KUNIT_EXPECT_EQ(test, iot_thaw_super(file_inode(file)->i_sb), 0);
	flush_work(&w.work);
	destroy_work_on_stack(&w.work);
	KUNIT_EXPECT_EQ(test, w.ret, c->here ? LEN : 0);
	KUNIT_EXPECT_TRUE(test, c->here || refused || sent_wait(w.s));
	io_target_close(t);
	if (!c->here)
		KUNIT_EXPECT_EQ(test, w.s->req.result, refused ? -EAGAIN : LEN);
	device_filp_close(file);
	empty_file();
}

/* Positions are the request's, also where the owner of the file has none. */
static void regular_append(struct kunit *test)
{
	struct io_target *t = ((struct device_fixture *)test->priv)->target[0];
	struct file *file = make_file(test, O_RDWR | O_APPEND);
	u8 *buf = kunit_kzalloc(test, SZ_8K, GFP_KERNEL);
	struct sent *s = sent_alloc(test, t, 1);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_EQ(test, io_target_open_file(t, file, RW), 0);
	sent_prep(test, s, IO_TARGET_OP_WRITE, buf, LEN, 0, 0);
	KUNIT_ASSERT_EQ(test, sent_submit(s), 0);
	KUNIT_ASSERT_TRUE(test, sent_wait(s));
	KUNIT_EXPECT_EQ(test, s->req.result, LEN);
	KUNIT_EXPECT_EQ(test, io_target_write(t, buf, LEN, LEN, 10 * HZ), LEN);
	KUNIT_EXPECT_EQ(test, io_target_write(t, buf, LEN, 2 * LEN, IO_TARGET_NO_TIMEOUT), LEN);
	KUNIT_EXPECT_EQ(test, i_size_read(file_inode(file)), SZ_8K);
	KUNIT_EXPECT_TRUE(test, file->f_flags & O_APPEND);
	KUNIT_EXPECT_EQ(test, io_target_read(t, buf, SZ_8K, 0, 10 * HZ), SZ_8K);
	KUNIT_EXPECT_EQ(test, pattern_match_byte(buf, 3 * LEN, 0), 3 * LEN);
	KUNIT_EXPECT_EQ(test, pattern_match(buf + 3 * LEN, SZ_8K - 3 * LEN, 3 * LEN, SEED),
			SZ_8K - 3 * LEN);
	io_target_close(t);
	device_filp_close(file);
	empty_file();
}

/* The owner's position is borrowed under his lock, if he has one, as those of files have. */
static void adopted_llseek(struct kunit *test)
{
	struct io_target *t = ((struct device_fixture *)test->priv)->target[0];
	const char *path = testdev_char_path(device_char[SEEK]);
	struct file *file = device_filp_open(path, O_RDWR);
	struct file *above = device_filp_open(path, O_RDWR);

	KUNIT_ASSERT_FALSE(test, IS_ERR(file) || IS_ERR(above));
	KUNIT_EXPECT_EQ(test, vfs_llseek(file, 7, SEEK_SET), 7);
	KUNIT_ASSERT_EQ(test, io_target_open_file(t, file, RW), 0);
	KUNIT_EXPECT_EQ(test, io_target_forward_llseek(t, above, 100, SEEK_SET), 100);
	KUNIT_EXPECT_FALSE(test, testdev_char_seen(device_char[SEEK]).pos_locked);
	file->f_mode |= FMODE_ATOMIC_POS;
	KUNIT_EXPECT_EQ(test, io_target_forward_llseek(t, above, 1, SEEK_CUR), 101);
	KUNIT_EXPECT_TRUE(test, testdev_char_seen(device_char[SEEK]).pos_locked);
	KUNIT_EXPECT_FALSE(test, mutex_is_locked(&file->f_pos_lock));
	KUNIT_EXPECT_EQ(test, file->f_pos, 7);
	KUNIT_EXPECT_EQ(test, above->f_pos, 101);
	io_target_close(t);
	device_filp_close(above);
	device_filp_close(file);
}

static struct kunit_case regular_cases[] = {
	KUNIT_CASE_PARAM(regular_frozen, frozen_gen_params),
	KUNIT_CASE(regular_append),
	KUNIT_CASE(adopted_llseek),
	{}
};

static struct kunit_suite regular_suite = {
	.name		= "io_target_file_regular",
	.suite_init	= device_chars_init,
	.suite_exit	= device_chars_exit,
	.init		= device_fixture_init,
	.exit		= device_fixture_exit,
	.test_cases	= regular_cases,
};

kunit_test_suite(regular_suite);
