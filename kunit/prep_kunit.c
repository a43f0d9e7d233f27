// SPDX-License-Identifier: GPL-2.0
/*
 * What prep refuses, with which errno, and that nothing of it gets any further.
 */
#include <linux/slab.h>

#include "fixture.h"
#include "pattern.h"

#define LEN	4096
#define STACK_LEN	64
#define RW	FIXTURE_RW
#define R	IO_TARGET_OP_READ
#define W	IO_TARGET_OP_WRITE
#define FLUSH	IO_TARGET_OP_FLUSH
#define DISCARD	IO_TARGET_OP_DISCARD
#define ZEROES	IO_TARGET_OP_WRITE_ZEROES

/* How the memory is given */
enum form {
	BUF,		/* io_target_prep_rw_buf() */
	STACK,		/* the same, a buffer on the stack */
	KVEC,		/* io_target_prep_rw(), two halves */
	KVEC_STACK,	/* the same, the second half on the stack */
	KVEC_ADVANCED,	/* the same, advanced by @offset */
	BVEC,		/* io_target_prep_rw(), one page */
	PAGE,		/* io_target_prep_rw_page() */
	DISCARD_ITER,	/* io_target_prep_rw(), an iterator without memory */
	RANGE,		/* io_target_prep_range() */
};

/**
 * struct prep_case - one call of prep
 * @name: of the case
 * @err: what it returns
 * @op: the operation
 * @form: the memory
 * @reversed: the iov_iter has the other direction
 * @flags: of the request
 * @opened: flags of the target, 0: closed
 * @dma_mask: of the device
 * @stream: the device is one
 * @check: what the backend says
 * @offset: of the memory from an aligned address
 * @pos: position
 * @len: length, 0: LEN
 */
struct prep_case {
	const char		*name;
	int			err;
	enum io_target_op	op;
	enum form		form;
	bool			reversed;
	unsigned int		flags;
	unsigned int		opened;
	u32			dma_mask;
	bool			stream;
	int			check;
	size_t			offset;
	loff_t			pos;
	u64			len;
};

static const struct prep_case good[] = {
	{ "read buffer", 0, R, BUF, .opened = RW },
	{ "write buffer", 0, W, BUF, .opened = RW },
	{ "read kvec", 0, R, KVEC, .opened = RW },
	{ "write kvec", 0, W, KVEC, .opened = RW },
	{ "read bvec", 0, R, BVEC, .opened = RW },
	{ "write bvec", 0, W, BVEC, .opened = RW },
	{ "read page", 0, R, PAGE, .opened = RW },
	{ "write page", 0, W, PAGE, .opened = RW },
	{ "write stack, BOUNCE", 0, W, STACK, .flags = IO_TARGET_BOUNCE, .opened = RW },
	{ "write kvec on stack, BOUNCE", 0, W, KVEC_STACK, .flags = IO_TARGET_BOUNCE,
	  .opened = RW, .len = 2 * STACK_LEN },
	{ "write, all flags of one use", 0, W, BUF, .flags = IOT_F_PUBLIC & ~(IOT_F_POLLED |
	  IO_TARGET_PREPARED | IO_TARGET_FULL | IO_TARGET_USER_PTR), .opened = RW },
	{ "write, all flags of many uses", 0, W, BUF, .flags = IOT_F_PUBLIC & ~(IOT_F_POLLED |
	  IO_TARGET_BOUNCE | IO_TARGET_NOWAIT | IO_TARGET_USER_PTR), .opened = RW },
	{ "read, read only", 0, R, BUF, .opened = IO_TARGET_READ },
	{ "write, write only", 0, W, BUF, .opened = IO_TARGET_WRITE },
	{ "read stream", 0, R, BUF, .opened = RW, .stream = true },
	{ "read up to the last offset", 0, R, BUF, .opened = RW, .pos = S64_MAX - LEN },
	{ "read, aligned memory", 0, R, BUF, .opened = RW, .dma_mask = 511 },
	{ "read, misaligned memory, BOUNCE", 0, R, BUF, .flags = IO_TARGET_BOUNCE,
	  .opened = RW, .dma_mask = 511, .offset = 8 },
	{ "read BOUNCE_MAX", 0, R, BUF, .flags = IO_TARGET_BOUNCE, .opened = RW,
	  .len = IO_TARGET_BOUNCE_MAX },
	{ "flush", 0, FLUSH, RANGE, .opened = RW },
	{ "flush, read only", 0, FLUSH, RANGE, .opened = IO_TARGET_READ },
	{ "discard", 0, DISCARD, RANGE, .opened = RW },
	{ "discard, more than BOUNCE carries", 0, DISCARD, RANGE, .flags = IO_TARGET_BOUNCE,
	  .opened = RW, .len = 1ULL << 40 },
	{ "write zeroes", 0, ZEROES, RANGE, .opened = RW },
};

static const struct prep_case bad[] = {
	{ "unknown flag", -EINVAL, R, BUF, .flags = BIT(15), .opened = RW },
	{ "NOWAIT with FULL", -EINVAL, R, BUF, .flags = IO_TARGET_NOWAIT | IO_TARGET_FULL,
	  .opened = RW },
	{ "NOWAIT with USER_PTR", -EINVAL, R, BUF, .flags = IO_TARGET_NOWAIT | IO_TARGET_USER_PTR,
	  .opened = RW },
	{ "flush with USER_PTR", -EINVAL, FLUSH, RANGE, .flags = IO_TARGET_USER_PTR, .opened = RW },
	{ "USER_PTR without USER_BOUNCE", -EOPNOTSUPP, R, BUF, .flags = IO_TARGET_USER_PTR,
	  .opened = RW },
	{ "discard with FULL", -EINVAL, DISCARD, RANGE, .flags = IO_TARGET_FULL, .opened = RW },
	{ "private flag: pool", -EINVAL, R, BUF, .flags = IOT_F_POOL, .opened = RW },
	{ "private flag: carried", -EINVAL, R, KVEC, .flags = IOT_F_CARRIED, .opened = RW },
	{ "private flag: range", -EINVAL, DISCARD, RANGE, .flags = IOT_F_VMALLOC, .opened = RW },
	{ "buffer of no operation", -EINVAL, IO_TARGET_OP_NONE, BUF, .opened = RW },
	{ "buffer of flush", -EINVAL, FLUSH, BUF, .opened = RW },
	{ "kvec of discard", -EINVAL, DISCARD, KVEC, .opened = RW },
	{ "page of write zeroes", -EINVAL, ZEROES, PAGE, .opened = RW },
	{ "unknown operation", -EINVAL, ZEROES + 1, BUF, .opened = RW },
	{ "range of read", -EINVAL, R, RANGE, .opened = RW },
	{ "range of write", -EINVAL, W, RANGE, .opened = RW },
	{ "range of no operation", -EINVAL, IO_TARGET_OP_NONE, RANGE, .opened = RW },
	{ "read from ITER_SOURCE", -EINVAL, R, KVEC, .reversed = true, .opened = RW },
	{ "write into ITER_DEST", -EINVAL, W, KVEC, .reversed = true, .opened = RW },
	{ "read bvec from ITER_SOURCE", -EINVAL, R, BVEC, .reversed = true, .opened = RW },
	{ "neither kvec nor bvec", -EINVAL, R, DISCARD_ITER, .opened = RW },
	{ "read with FUA", -EINVAL, R, BUF, .flags = IO_TARGET_FUA, .opened = RW },
	{ "read with PREFLUSH", -EINVAL, R, BUF, .flags = IO_TARGET_PREFLUSH, .opened = RW },
	{ "flush with offset", -EINVAL, FLUSH, RANGE, .opened = RW, .pos = 512 },
	{ "flush with length", -EINVAL, FLUSH, RANGE, .opened = RW, .len = 512 },
	{ "flush with FUA", -EINVAL, FLUSH, RANGE, .flags = IO_TARGET_FUA, .opened = RW },
	{ "discard with FUA", -EINVAL, DISCARD, RANGE, .flags = IO_TARGET_FUA, .opened = RW },
	{ "zeroes with FUA", -EINVAL, ZEROES, RANGE, .flags = IO_TARGET_FUA, .opened = RW },
	{ "discard with NOWAIT", -EINVAL, DISCARD, RANGE, .flags = IO_TARGET_NOWAIT, .opened = RW },
	{ "zeroes with PREFLUSH", -EINVAL, ZEROES, RANGE, .flags = IO_TARGET_PREFLUSH,
	  .opened = RW },
	{ "negative offset", -EOVERFLOW, R, BUF, .opened = RW, .pos = -1 },
	{ "end past the last offset", -EOVERFLOW, R, BUF, .opened = RW,
	  .pos = S64_MAX - LEN + 1 },
	{ "range past the last offset", -EOVERFLOW, DISCARD, RANGE, .opened = RW, .len = U64_MAX },
	{ "offset on a stream", -ESPIPE, R, BUF, .opened = RW, .stream = true, .pos = 1 },
	{ "more than BOUNCE carries", -EMSGSIZE, R, BUF, .flags = IO_TARGET_BOUNCE, .opened = RW,
	  .len = IO_TARGET_BOUNCE_MAX + 1 },
	{ "4 GiB in a folio", -EMSGSIZE, R, PAGE, .opened = RW, .len = 1ULL << 32 },
	{ "read, write only", -EBADF, R, BUF, .opened = IO_TARGET_WRITE },
	{ "write, read only", -EROFS, W, BUF, .opened = IO_TARGET_READ },
	{ "discard, read only", -EROFS, DISCARD, RANGE, .opened = IO_TARGET_READ },
	{ "write zeroes, read only", -EROFS, ZEROES, RANGE, .opened = IO_TARGET_READ },
	{ "closed", -ENODEV, R, BUF },
	{ "closed, IGNORE_STATE", -ENODEV, R, BUF, .flags = IO_TARGET_IGNORE_STATE },
	{ "flush of closed", -ENODEV, FLUSH, RANGE },
	{ "backend: not supported", -EOPNOTSUPP, R, BUF, .opened = RW, .check = -EOPNOTSUPP },
	{ "backend: beyond the end", -ENXIO, W, KVEC, .opened = RW, .check = -ENXIO },
	{ "backend: range", -EOPNOTSUPP, ZEROES, RANGE, .opened = RW, .check = -EOPNOTSUPP },
	{ "stack", -EFAULT, W, STACK, .opened = RW },
	{ "kvec, second on stack", -EFAULT, W, KVEC_STACK, .opened = RW, .len = 2 * STACK_LEN },
	{ "misaligned buffer", -EFAULT, R, BUF, .opened = RW, .dma_mask = 511, .offset = 8 },
	{ "misaligned length", -EFAULT, R, BUF, .opened = RW, .dma_mask = 511, .len = 513 },
	{ "misaligned kvec", -EFAULT, R, KVEC, .opened = RW, .dma_mask = 511, .offset = 4 },
	{ "kvec halves misaligned", -EFAULT, R, KVEC, .opened = RW, .dma_mask = 511, .len = 512 },
	{ "kvec advanced", -EFAULT, R, KVEC_ADVANCED, .opened = RW, .dma_mask = 3, .offset = 6 },
	{ "misaligned bvec", -EFAULT, W, BVEC, .opened = RW, .dma_mask = 511, .offset = 2 },
	{ "misaligned page", -EFAULT, W, PAGE, .opened = RW, .dma_mask = 3, .offset = 2 },
	{ "page, misaligned length", -EFAULT, W, PAGE, .opened = RW, .dma_mask = 3, .len = 6 },
};

static void prep_desc(const struct prep_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(good, good, prep_desc);
KUNIT_ARRAY_PARAM(bad, bad, prep_desc);

/* The memory and tables of one case; not on the stack unless that is the point */
struct memory {
	u8		*buf;
	u8		*stack;
	struct kvec	kvec[2];
	struct bio_vec	bvec;
};

static int prep_iter(struct io_target_request *req, const struct prep_case *c,
		     struct memory *m, size_t len)
{
	unsigned int dir = (c->op == W) != c->reversed ? ITER_SOURCE : ITER_DEST;
	struct iov_iter iter;

	m->kvec[0] = (struct kvec){ m->buf + c->offset, len / 2 };
	m->kvec[1] = (struct kvec){ m->buf + c->offset + len / 2, len - len / 2 };
	if (c->form == KVEC_STACK)
		m->kvec[1].iov_base = m->stack;	/* len is twice STACK_LEN */
	bvec_set_page(&m->bvec, virt_to_page(m->buf), len, c->offset);

	if (c->form == BVEC)
		iov_iter_bvec(&iter, dir, &m->bvec, 1, len);
	else if (c->form == DISCARD_ITER)
		iov_iter_discard(&iter, dir, len);
	else
		iov_iter_kvec(&iter, dir, m->kvec, 2, len);
	if (c->form == KVEC_ADVANCED)
		iov_iter_advance(&iter, c->offset);
	return io_target_prep_rw(req, c->op, &iter, c->pos, c->flags);
}

static int prep(struct io_target_request *req, const struct prep_case *c, struct memory *m)
{
	size_t len = c->len ?: LEN;

	switch (c->form) {
	case BUF:
		return io_target_prep_rw_buf(req, c->op, m->buf + c->offset, len, c->pos, c->flags);
	case STACK:
		return io_target_prep_rw_buf(req, c->op, m->stack, STACK_LEN, c->pos, c->flags);
	case PAGE:
		return io_target_prep_rw_page(req, c->op, virt_to_page(m->buf), c->offset, len,
					      c->pos, c->flags);
	case RANGE:
		return io_target_prep_range(req, c->op, c->pos,
					    c->op == FLUSH ? c->len : len, c->flags);
	default:
		return prep_iter(req, c, m, len);
	}
}

/* Brings the device into the condition that the case is about. */
static void prep_device(struct kunit *test, const struct prep_case *c)
{
	struct fixture *fx = test->priv;

	if (!c->opened) {
		io_target_close(fx->target);
		return;
	}
	fx->fake.lower->flags = c->opened;
	fx->fake.lower->dma_mask = c->dma_mask;
	fx->fake.lower->stream = c->stream;
	fx->fake.check_error = c->check;
}

static struct memory *prep_memory(struct kunit *test, const struct prep_case *c)
{
	struct memory *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, m);
	/* A power of two, so it is aligned. */
	m->buf = kunit_kzalloc(test, c->len == IO_TARGET_BOUNCE_MAX ? c->len : 4 * LEN,
			       GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m->buf);
	return m;
}

/* A prep that succeeds makes a request that succeeds. */
static void prep_accepts(struct kunit *test)
{
	const struct prep_case *c = test->param_value;
	struct memory *m = prep_memory(test, c);
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	u8 stack[STACK_LEN] = {};
	int err;

	m->stack = stack;
	prep_device(test, c);
	KUNIT_ASSERT_EQ(test, prep(&p->req, c, m), 0);
	p->req.end_io = probe_end_io;
	err = io_target_submit(&p->req);
	KUNIT_EXPECT_EQ(test, err, 0);
	if (!err)
		KUNIT_ASSERT_TRUE(test, probe_wait(p));
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 1u);
	KUNIT_EXPECT_EQ(test, fx->fake.last.op, c->op);
	KUNIT_EXPECT_EQ(test, fx->fake.last.pos, c->pos);
	KUNIT_EXPECT_EQ(test, p->req.result, c->form == RANGE ? 0 : (ssize_t)fx->fake.last.len);
}

/* A prep that fails leaves nothing that could be sent, and nothing behind. Covers F1, F4. */
static void prep_refuses(struct kunit *test)
{
	const struct prep_case *c = test->param_value;
	struct memory *m = prep_memory(test, c);
	struct probe *p = probes_alloc(test, 1);
	struct fixture *fx = test->priv;
	u8 stack[STACK_LEN] = {};

	m->stack = stack;
	prep_device(test, c);
	KUNIT_EXPECT_EQ(test, prep(&p->req, c, m), c->err);
	p->req.end_io = probe_end_io;
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_submit_atomic(&p->req), -EINVAL);
	KUNIT_EXPECT_EQ(test, io_target_submit_wait(&p->req, HZ), -EINVAL);
	KUNIT_EXPECT_FALSE(test, io_target_request_pending(&p->req));
	KUNIT_EXPECT_EQ(test, fx->fake.submits, 0u);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->ends), 0);
	KUNIT_EXPECT_EQ(test, io_target_request_reinit(&p->req), 0);

	/* The same request, asked properly, is none the worse for it. */
	if (!c->opened)
		KUNIT_ASSERT_EQ(test, fake_open(&fx->fake, fx->target, RW), 0);
	prep_device(test, &good[0]);
	KUNIT_ASSERT_EQ(test, prep(&p->req, &good[0], m), 0);
	p->req.end_io = probe_end_io;
	KUNIT_EXPECT_EQ(test, io_target_submit(&p->req), 0);
	KUNIT_EXPECT_EQ(test, p->req.result, LEN);
	KUNIT_EXPECT_EQ(test, fx->fake.last.flags, 0u);
}

static struct kunit_case prep_cases[] = {
	KUNIT_CASE_PARAM(prep_accepts, good_gen_params),
	KUNIT_CASE_PARAM(prep_refuses, bad_gen_params),
	{}
};

static struct kunit_suite prep_suite = {
	.name = "io_target_prep",
	.suite_init = fake_suite_init,
	.suite_exit = fake_suite_exit,
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = prep_cases,
};

kunit_test_suite(prep_suite);
