/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Char devices whose drivers take nothing but pointers of a user's. Most do: they have
 * ->read() and ->write(), or ioctls with an argument to be copied. Included by io_target.h.
 *
 * There are two ways to them. In the task of a user, who has such a pointer:
 * io_target_read_user(), io_target_write_user(), io_target_forward_ioctl().
 *
 * And for everybody else through a detour: a target opened with IO_TARGET_USER_BOUNCE keeps
 * hold of the address space of the task that opens it. For a request with
 * IO_TARGET_USER_PTR, and for io_target_prep_ioctl_buf(), a thread maps as much memory
 * there, copies, calls the driver, copies back and unmaps. The opener's process can see
 * and change that memory meanwhile, a child that it forks just then keeps a copy, and it
 * counts as the process's own; when the process has ended, such requests end with
 * -EOWNERDEAD. Who waits for one must not hold the lock of the opener's address space
 * (->mmap() does). So it is for targets that a process opens for itself, not for
 * those that are to outlive insmod.
 *
 * What a driver wants is its caller's to know. It is not found out by trying.
 */
#ifndef _LINUX_IO_TARGET_USER_H
#define _LINUX_IO_TARGET_USER_H

#include <linux/types.h>

struct io_target;

ssize_t io_target_read_user(struct io_target *target, void __user *buf, size_t len,
			    loff_t pos);
ssize_t io_target_write_user(struct io_target *target, const void __user *buf, size_t len,
			     loff_t pos);

#endif /* _LINUX_IO_TARGET_USER_H */
