/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between kernels in what is done with files; see compat.h.
 */
#ifndef _IO_TARGET_COMPAT_FILE_H
#define _IO_TARGET_COMPAT_FILE_H

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/uio.h>
#include <linux/version.h>

/* The user's memory that an iterator of such is at. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
static inline void __user *iot_iter_user(const struct iov_iter *iter)
{
	return iter_iov_addr(iter);
}

static inline size_t iot_iter_user_len(const struct iov_iter *iter)
{
	return min(iter_iov_len(iter), iov_iter_count(iter));
}
#else
static inline void __user *iot_iter_user(const struct iov_iter *iter)
{
	if (iter_is_ubuf(iter))
		return iter->ubuf + iter->iov_offset;
	return iter->iov->iov_base + iter->iov_offset;
}

static inline size_t iot_iter_user_len(const struct iov_iter *iter)
{
	if (iter_is_ubuf(iter))
		return iov_iter_count(iter);
	return min(iter->iov->iov_len - iter->iov_offset, iov_iter_count(iter));
}
#endif

/* 6.16 and 6.17 brought another entry point for mmap, and names for both. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
#define iot_can_mmap(file)	can_mmap_file(file)
#define iot_mmap(file, vma)	vfs_mmap(file, vma)
#else
#define iot_can_mmap(file)	((file)->f_op->mmap)
#define iot_mmap(file, vma)	call_mmap(file, vma)
#endif

/* A pipe is fed through ->read_iter(). */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
#define iot_splice_read		copy_splice_read
#else
#define iot_splice_read		generic_file_splice_read
#endif

/* What a class is asked about the node of. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define iot_devnode_device	const struct device
#else
#define iot_devnode_device	struct device
#endif

/* 6.6 wants to know who freezes a file system, 6.16 what for. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
#define iot_freeze_super(sb)	freeze_super(sb, FREEZE_HOLDER_KERNEL, NULL)
#define iot_thaw_super(sb)	thaw_super(sb, FREEZE_HOLDER_KERNEL, NULL)
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#define iot_freeze_super(sb)	freeze_super(sb, FREEZE_HOLDER_KERNEL)
#define iot_thaw_super(sb)	thaw_super(sb, FREEZE_HOLDER_KERNEL)
#else
#define iot_freeze_super(sb)	freeze_super(sb)
#define iot_thaw_super(sb)	thaw_super(sb)
#endif

static inline void iot_vma_never(struct vm_area_struct *vma, unsigned long flag)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_clear(vma, flag);
#else
	vma->vm_flags &= ~flag;
#endif
}

#endif /* _IO_TARGET_COMPAT_FILE_H */
