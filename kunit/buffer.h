/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory of every kind that a request can be given.
 */
#ifndef _IO_TARGET_KUNIT_BUFFER_H
#define _IO_TARGET_KUNIT_BUFFER_H

#include <linux/io_target.h>

/**
 * enum buffer_kind - what the memory is, and how it is named to prep
 * @BUFFER_KMALLOC: one buffer
 * @BUFFER_VMALLOC: one buffer
 * @BUFFER_KVEC: iov_iter over many pieces of odd lengths with gaps between them
 * @BUFFER_BVEC: iov_iter over parts of pages
 * @BUFFER_PAGE: contiguous pages
 * @BUFFER_FOLIO: part of a large folio
 */
enum buffer_kind {
	BUFFER_KMALLOC,
	BUFFER_VMALLOC,
	BUFFER_KVEC,
	BUFFER_BVEC,
	BUFFER_PAGE,
	BUFFER_FOLIO,
};

extern const char * const buffer_kind_names[];

/**
 * struct buffer - memory of one kind
 * @kind: see there
 * @len: bytes
 * @memory: what was allocated: virtual address
 * @page: what was allocated: pages
 * @order: of @page
 * @pieces: where the bytes are, in order; of KVEC also the table for prep
 * @nr_pieces: their number
 * @bvec: table of BVEC
 * @nr_bvec: its length
 */
struct buffer {
	enum buffer_kind	kind;
	size_t			len;
	void			*memory;
	struct page		*page;
	unsigned int		order;
	struct kvec		*pieces;
	unsigned int		nr_pieces;
	struct bio_vec		*bvec;
	unsigned int		nr_bvec;
};

/* Most bytes of one kind that the allocator can give */
size_t buffer_most(enum buffer_kind kind);

struct buffer *buffer_alloc(enum buffer_kind kind, size_t len);
void buffer_free(struct buffer *b);

void buffer_fill(struct buffer *b, u64 pos, u64 seed);
void buffer_clear(struct buffer *b);
bool buffer_match(struct buffer *b, u64 pos, u64 seed);
/* Its bytes, in order, into one place */
void buffer_gather(struct buffer *b, void *to);

/* All in one place, for the one-line calls; NULL where it is not */
void *buffer_flat(struct buffer *b);
int buffer_prep(struct buffer *b, struct io_target_request *req, enum io_target_op op,
		loff_t pos, unsigned int flags);

#endif /* _IO_TARGET_KUNIT_BUFFER_H */
