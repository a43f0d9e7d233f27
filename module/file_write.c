// SPDX-License-Identifier: GPL-2.0
/*
 * Writes, as the file backend has drivers called with them: for itself and for those that
 * it forwards.
 *
 * As vfs_iocb_iter_write(), but for the write access of a regular file's superblock, which
 * says that nobody freezes it meanwhile. That is not asked for there before 6.8, and from
 * then on slept for, whatever the caller has said.
 */
#include <linux/fsnotify.h>

#include "file.h"

/* False: it is frozen, and the caller must not wait. */
static bool write_begin(struct kiocb *iocb)
{
	struct inode *inode = file_inode(iocb->ki_filp);

	if (!S_ISREG(inode->i_mode))
		return true;
	if (!(iocb->ki_flags & IOCB_NOWAIT))
		sb_start_write(inode->i_sb);
	else if (!sb_start_write_trylock(inode->i_sb))
		return false;
	/* For lockdep: it goes with the iocb, and who ends that gives it back. */
	__sb_writers_release(inode->i_sb, SB_FREEZE_WRITE);
	return true;
}

/* A write that the driver has queued has ended. Context: any. */
void iot_file_wrote(struct kiocb *iocb)
{
	struct inode *inode = file_inode(iocb->ki_filp);

	if (!S_ISREG(inode->i_mode))
		return;
	__sb_writers_acquired(inode->i_sb, SB_FREEZE_WRITE);
	sb_end_write(inode->i_sb);
}

/* The driver's other entry point. Context: the task that @buf is a pointer of. */
ssize_t iot_file_write_user(struct file *file, const char __user *buf, size_t len, loff_t *pos)
{
	ssize_t result;

	file_start_write(file);
	result = file->f_op->write(file, buf, len, pos);
	file_end_write(file);
	return result;
}

/*
 * With IOCB_NOWAIT it does not wait for what is frozen to be thawed.
 * Return: as the driver; -EIOCBQUEUED: iot_file_wrote() is called when it ends.
 */
ssize_t iot_file_write(struct kiocb *iocb, struct iov_iter *iter)
{
	struct file *file = iocb->ki_filp;
	ssize_t result;

	if (!iov_iter_count(iter))
		return 0;
	result = rw_verify_area(WRITE, file, &iocb->ki_pos, iov_iter_count(iter));
	if (result < 0)
		return result;
	if (!write_begin(iocb))
		return -EAGAIN;
	iocb->ki_flags |= IOCB_WRITE;
	result = file->f_op->write_iter(iocb, iter);
	if (result == -EIOCBQUEUED)
		return result;
	iot_file_wrote(iocb);
	if (result > 0)
		fsnotify_modify(file);
	return result;
}
