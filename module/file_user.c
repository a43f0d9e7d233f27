// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers that take nothing but pointers of a user's: they are given some of the opener's
 * memory, mapped for the one call. A thread of a lane does that in the opener's
 * address space, with his credentials.
 *
 * The target keeps the mm_struct; whether there is still anything in it is asked each
 * time. While it is in use here its last user's exit leaves it to us to have it taken
 * down, which is not done in a thread that others wait for.
 * Memory is allocated, as the only requests that do so when they are carried out.
 */
#include <linux/gfp.h>
#include <linux/kthread.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "file.h"

/**
 * struct user_area - memory of the opener's
 * @mm: his
 * @at: where in it
 * @len: bytes
 * @asked: for the request, meanwhile; it came when there was no going back
 * @page: of ours, between that and the request's memory
 */
struct user_area {
	struct mm_struct	*mm;
	void __user		*at;
	size_t			len;
	bool			asked;
	void			*page;
};

static int area_map(struct user_area *area)
{
	unsigned long at = vm_mmap(NULL, 0, PAGE_ALIGN(area->len), PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, 0);

	if (IS_ERR_VALUE(at))
		return at;
	area->at = (void __user *)at;
	return 0;
}

/* What has been begun is finished, whoever wants the request back. */
static void area_insist(struct user_area *area)
{
	flush_signals(current);
	area->asked = true;
}

static void area_unmap(struct user_area *area)
{
	while (vm_munmap((unsigned long)area->at, PAGE_ALIGN(area->len)) == -EINTR)
		area_insist(area);
}

static int area_enter(struct user_area *area, struct iot_file *f, size_t len)
{
	int err = -ENOMEM;

	area->mm = f->mm;
	area->len = max_t(size_t, len, 1);
	area->asked = false;
	if (!mmget_not_zero(area->mm))
		return -EOWNERDEAD;
	area->page = (void *)__get_free_page(GFP_NOIO);
	if (!area->page)
		goto err_mm;
	kthread_use_mm(area->mm);
	err = area_map(area);
	if (!err)
		return 0;
	kthread_unuse_mm(area->mm);
	free_page((unsigned long)area->page);
err_mm:
	mmput_async(area->mm);
	return err;
}

static void area_leave(struct user_area *area)
{
	area_unmap(area);
	kthread_unuse_mm(area->mm);
	free_page((unsigned long)area->page);
	mmput_async(area->mm);
	/* He is not to wait for another piece. The lane's thread takes it away after that. */
	if (area->asked)
		send_sig(SIGKILL, current, 1);
}

/* From @iter to the opener's memory. */
static int area_fill(struct user_area *area, struct iov_iter *iter, size_t len)
{
	size_t done, n;

	for (done = 0; done < len; done += n) {
		n = min_t(size_t, len - done, PAGE_SIZE);
		if (copy_from_iter(area->page, n, iter) != n)
			return -EFAULT;
		if (copy_to_user(area->at + done, area->page, n))
			return signal_pending(current) ? -EINTR : -EFAULT;
	}
	return 0;
}

/* And back: what the driver has given is not to be lost because it was late. */
static int area_empty(struct user_area *area, struct iov_iter *iter, size_t len)
{
	size_t done = 0, n;

	while (done < len) {
		n = min_t(size_t, len - done, PAGE_SIZE);
		if (copy_from_user(area->page, area->at + done, n)) {
			if (!signal_pending(current))
				return -EFAULT;
			area_insist(area);
			continue;
		}
		if (copy_to_iter(area->page, n, iter) != n)
			return -EFAULT;
		done += n;
	}
	return 0;
}

/* What FUA is where the driver cannot be told. */
static ssize_t user_write_stable(struct file *file, void __user *at, size_t len, loff_t *pos)
{
	ssize_t result = iot_file_write_user(file, at, len, pos);
	int err;

	if (result <= 0)
		return result;
	/* All of it: who has no positions has no part of it either. */
	err = vfs_fsync(file, 1);
	return err ?: result;
}

static ssize_t user_write(struct io_target_request *req, struct kiocb *iocb, void __user *at,
			  size_t len)
{
	struct file *file = iocb->ki_filp;
	bool stable = req->flags & IO_TARGET_FUA;
	struct iov_iter iter;

	if (file->f_op->write)
		return stable ? user_write_stable(file, at, len, &iocb->ki_pos) :
				iot_file_write_user(file, at, len, &iocb->ki_pos);
	if (stable)
		iocb->ki_flags |= IOCB_DSYNC;
	iov_iter_ubuf(&iter, ITER_SOURCE, at, len);
	return iot_file_write(iocb, &iter);
}

static ssize_t user_read(struct kiocb *iocb, void __user *at, size_t len)
{
	struct file *file = iocb->ki_filp;
	struct iov_iter iter;

	if (file->f_op->read)
		return file->f_op->read(file, at, len, &iocb->ki_pos);
	iov_iter_ubuf(&iter, ITER_DEST, at, len);
	return vfs_iocb_iter_read(file, iocb, &iter);
}

/* As read(2) and write(2) choose between a driver's two entry points. */
static ssize_t user_call(struct io_target_request *req, void __user *at, size_t len)
{
	struct file *file = iot_lower_file(req->lower)->file;
	struct kiocb iocb;
	ssize_t result;

	iot_file_iocb(&iocb, file, req->lower->stream ? 0 : req->pos + req->file.done);
	if (req->op == IO_TARGET_OP_WRITE)
		result = user_write(req, &iocb, at, len);
	else
		result = user_read(&iocb, at, len);
	/* The memory was not there because a signal was. */
	return result == -EFAULT && signal_pending(current) ? -EINTR : result;
}

/*
 * One call of the driver, of IO_TARGET_BOUNCE_MAX bytes at most: the rest is another's.
 * Context: a thread of a lane.
 * Return: as the driver. -EOWNERDEAD: the opener's process has ended.
 */
ssize_t iot_file_transfer_user(struct io_target_request *req)
{
	size_t len = min_t(u64, req->len - req->file.done, IO_TARGET_BOUNCE_MAX);
	struct iov_iter iter = req->iter;
	struct user_area area;
	ssize_t result;

	if (signal_pending(current))
		return -EINTR;
	iov_iter_advance(&iter, req->file.done);
	result = area_enter(&area, iot_lower_file(req->lower), len);
	if (result)
		return result;
	if (req->op == IO_TARGET_OP_WRITE)
		result = area_fill(&area, &iter, len);
	result = result ?: user_call(req, area.at, len);
	if (req->op == IO_TARGET_OP_READ && result > 0)
		result = area_empty(&area, &iter, result) ?: result;
	area_leave(&area);
	return result;
}

static ssize_t ioctl_call(struct io_target_request *req, struct user_area *area)
{
	struct file *file = iot_lower_file(req->lower)->file;
	struct kvec in = { .iov_base = req->ioctl.buf, .iov_len = req->ioctl.in };
	struct kvec out = { .iov_base = req->ioctl.buf, .iov_len = req->ioctl.out };
	struct iov_iter iter;
	ssize_t result;

	iov_iter_kvec(&iter, ITER_SOURCE, &in, 1, in.iov_len);
	result = area_fill(area, &iter, in.iov_len);
	if (result)
		return result;
	result = file->f_op->unlocked_ioctl(file, req->pos, (unsigned long)area->at);
	if (result < 0)
		return result == -EFAULT && signal_pending(current) ? -EINTR : result;
	iov_iter_kvec(&iter, ITER_DEST, &out, 1, out.iov_len);
	return area_empty(area, &iter, out.iov_len) ?: result;
}

/* Context and result as above. */
ssize_t iot_file_ioctl_user(struct io_target_request *req)
{
	struct user_area area;
	ssize_t result;

	result = area_enter(&area, iot_lower_file(req->lower),
			    max(req->ioctl.in, req->ioctl.out));
	if (result)
		return result;
	result = ioctl_call(req, &area);
	area_leave(&area);
	return result;
}
