// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of every kind, see buffer.h.
 */
#include <linux/bvec.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "buffer.h"
#include "pattern.h"

#define GAP		8	/* between the pieces of KVEC */
#define BVEC_START	512	/* of BVEC in its first page */
#define FOLIO_START	PAGE_SIZE

const char * const buffer_kind_names[] = {
	[BUFFER_KMALLOC] = "kmalloc",
	[BUFFER_VMALLOC] = "vmalloc",
	[BUFFER_KVEC] = "kvec",
	[BUFFER_BVEC] = "bvec",
	[BUFFER_PAGE] = "page",
	[BUFFER_FOLIO] = "folio",
};

/* Lengths of KVEC's pieces, over and over: all words, some of them empty */
static const size_t lengths[] = { 4, 508, 1536, 0, 2060, 4084, 516, 12, 8192, 100 };

size_t buffer_most(enum buffer_kind kind)
{
	return kind == BUFFER_VMALLOC || kind == BUFFER_BVEC ? SIZE_MAX : SZ_4M;
}

static int alloc_pieces(struct buffer *b, unsigned int n)
{
	b->pieces = kvcalloc(n, sizeof(*b->pieces), GFP_KERNEL);
	return b->pieces ? 0 : -ENOMEM;
}

static int one_piece(struct buffer *b, void *start)
{
	int err;

	if (!start)
		return -ENOMEM;
	err = alloc_pieces(b, 1);
	if (err)
		return err;
	b->pieces[0].iov_base = start;
	b->pieces[0].iov_len = b->len;
	b->nr_pieces = 1;
	return 0;
}

static int alloc_kvec(struct buffer *b)
{
	unsigned int most = b->len / 1024 * ARRAY_SIZE(lengths) / 16 + 2 * ARRAY_SIZE(lengths);
	size_t left = b->len;
	void *at;

	b->memory = vzalloc(b->len + most * GAP);
	if (!b->memory || alloc_pieces(b, most))
		return -ENOMEM;
	for (at = b->memory; left; b->nr_pieces++) {
		struct kvec *piece = &b->pieces[b->nr_pieces];

		if (WARN_ON_ONCE(b->nr_pieces == most))
			return -EINVAL;
		piece->iov_base = at;
		piece->iov_len = min(left, lengths[b->nr_pieces % ARRAY_SIZE(lengths)]);
		left -= piece->iov_len;
		at += piece->iov_len + GAP;
	}
	return 0;
}

static int alloc_bvec(struct buffer *b)
{
	void *at, *end;
	int err;

	b->memory = vzalloc(b->len + BVEC_START);
	if (!b->memory)
		return -ENOMEM;
	b->bvec = kvcalloc(b->len / PAGE_SIZE + 2, sizeof(*b->bvec), GFP_KERNEL);
	err = b->bvec ? one_piece(b, b->memory + BVEC_START) : -ENOMEM;
	if (err)
		return err;
	at = b->memory + BVEC_START;
	for (end = at + b->len; at < end; b->nr_bvec++) {
		size_t n = min_t(size_t, end - at, PAGE_SIZE - offset_in_page(at));

		bvec_set_page(&b->bvec[b->nr_bvec], vmalloc_to_page(at), n, offset_in_page(at));
		at += n;
	}
	return 0;
}

static int alloc_page_kind(struct buffer *b)
{
	size_t start = b->kind == BUFFER_FOLIO && b->len + FOLIO_START <= SZ_4M ? FOLIO_START : 0;

	b->order = max(get_order(b->len + start), b->kind == BUFFER_FOLIO ? 1 : 0);
	b->page = alloc_pages(GFP_KERNEL | __GFP_COMP | __GFP_ZERO, b->order);
	return b->page ? one_piece(b, page_address(b->page) + start) : -ENOMEM;
}

static int alloc_kind(struct buffer *b)
{
	switch (b->kind) {
	case BUFFER_KMALLOC:
		b->memory = kzalloc(b->len, GFP_KERNEL);
		return one_piece(b, b->memory);
	case BUFFER_VMALLOC:
		b->memory = vzalloc(b->len);
		return one_piece(b, b->memory);
	case BUFFER_KVEC:
		return alloc_kvec(b);
	case BUFFER_BVEC:
		return alloc_bvec(b);
	default:
		return alloc_page_kind(b);
	}
}

struct buffer *buffer_alloc(enum buffer_kind kind, size_t len)
{
	struct buffer *b = kzalloc(sizeof(*b), GFP_KERNEL);

	if (!b)
		return NULL;
	b->kind = kind;
	b->len = len;
	if (alloc_kind(b)) {
		buffer_free(b);
		return NULL;
	}
	return b;
}

void buffer_free(struct buffer *b)
{
	if (!b)
		return;
	if (b->page)
		__free_pages(b->page, b->order);
	kvfree(b->bvec);
	kvfree(b->pieces);
	kvfree(b->memory);
	kfree(b);
}

void buffer_fill(struct buffer *b, u64 pos, u64 seed)
{
	unsigned int i;

	for (i = 0; i < b->nr_pieces; i++) {
		pattern_fill(b->pieces[i].iov_base, b->pieces[i].iov_len, pos, seed);
		pos += b->pieces[i].iov_len;
	}
}

void buffer_clear(struct buffer *b)
{
	unsigned int i;

	for (i = 0; i < b->nr_pieces; i++)
		memset(b->pieces[i].iov_base, 0xee, b->pieces[i].iov_len);
}

bool buffer_match(struct buffer *b, u64 pos, u64 seed)
{
	unsigned int i;

	for (i = 0; i < b->nr_pieces; i++) {
		size_t len = b->pieces[i].iov_len;

		if (pattern_match(b->pieces[i].iov_base, len, pos, seed) < len)
			return false;
		pos += len;
	}
	return true;
}

void buffer_gather(struct buffer *b, void *to)
{
	unsigned int i;

	for (i = 0; i < b->nr_pieces; i++) {
		memcpy(to, b->pieces[i].iov_base, b->pieces[i].iov_len);
		to += b->pieces[i].iov_len;
	}
}

void *buffer_flat(struct buffer *b)
{
	if (b->kind == BUFFER_KMALLOC || b->kind == BUFFER_VMALLOC)
		return b->memory;
	return NULL;
}

int buffer_prep(struct buffer *b, struct io_target_request *req, enum io_target_op op,
		loff_t pos, unsigned int flags)
{
	unsigned int dir = op == IO_TARGET_OP_WRITE ? ITER_SOURCE : ITER_DEST;
	size_t offset = b->page ? b->pieces[0].iov_base - page_address(b->page) : 0;
	struct iov_iter iter;

	switch (b->kind) {
	case BUFFER_KMALLOC:
	case BUFFER_VMALLOC:
		return io_target_prep_rw_buf(req, op, b->memory, b->len, pos, flags);
	case BUFFER_KVEC:
		iov_iter_kvec(&iter, dir, b->pieces, b->nr_pieces, b->len);
		return io_target_prep_rw(req, op, &iter, pos, flags);
	case BUFFER_BVEC:
		iov_iter_bvec(&iter, dir, b->bvec, b->nr_bvec, b->len);
		return io_target_prep_rw(req, op, &iter, pos, flags);
	case BUFFER_PAGE:
		return io_target_prep_rw_page(req, op, b->page, offset, b->len, pos, flags);
	default:
		if (op == IO_TARGET_OP_READ)
			return io_target_prep_read_folio(req, page_folio(b->page), offset,
							 b->len, pos, flags);
		return io_target_prep_write_folio(req, page_folio(b->page), offset, b->len,
						  pos, flags);
	}
}
