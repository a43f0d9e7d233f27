/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Providers: what one driver offers to others by name, in place of a device. Included by
 * io_target.h.
 */
#ifndef _LINUX_IO_TARGET_PROVIDER_H
#define _LINUX_IO_TARGET_PROVIDER_H

#include <linux/list.h>
#include <linux/types.h>
#include <linux/uio.h>

struct io_target;
struct io_target_provider;
struct io_target_request;
struct module;

/**
 * struct io_target_call - what a provider is asked to do
 * @op: IO_TARGET_OP_READ, WRITE, FLUSH or IOCTL
 * @flags: IO_TARGET_NOWAIT: do not wait; IO_TARGET_FUA: done means stable
 * @pos: READ, WRITE: byte offset, which means what the provider says
 * @iter: READ, WRITE: kernel memory; may be advanced
 * @cmd: IOCTL: what is asked for
 * @arg: IOCTL: a number that belongs to it
 * @buf: IOCTL: or kernel memory that does, if @in or @out is not 0
 * @in: bytes at @buf that are for the provider
 * @out: bytes at @buf that he may fill in
 * @context: what his open has made of this open
 * @scratch: his own, until the end of the call
 */
struct io_target_call {
	enum io_target_op	op;
	unsigned int		flags;
	loff_t			pos;
	struct iov_iter		*iter;
	unsigned int		cmd;
	union {
		unsigned long	arg;
		void		*buf;
	};
	u32			in;
	u32			out;
	void			*context;
	void			*scratch;

	/* private: */
	struct iov_iter		own_iter;
	struct list_head	node;
	u8			state;
	bool			ignores;
	int			why;
	ssize_t			result;
};

/**
 * struct io_target_provider_ops - what a provider can do
 * @owner: module that must stay while a target has it open
 * @may_sleep: @read, @write, @flush and @ioctl may wait. They are called by a thread of the
 *	library then, or by who waits for them; else by the submitter, who does not wait
 * @open: optional: @flags are IO_TARGET_READ, WRITE; *@context is passed to all else. May
 *	sleep; 0 or negative errno, with which the open of the target fails
 * @close: optional: no call is outstanding. May sleep
 * @read: optional; as all of these: returns bytes (0 for flush) or negative errno; or
 *	-EIOCBQUEUED, and io_target_call_end() is called exactly once, in any context,
 *	perhaps before it has returned
 * @write: optional
 * @flush: optional
 * @ioctl: optional
 * @cancel: optional: somebody wants @call back that was queued. To be ended soon, with
 *	-ECANCELED if nothing is done, as any other end, perhaps within this. @call stays
 *	until this returns, even if it has been ended meanwhile. Process context, may sleep.
 *	A provider that has it pays for a lock and a list with each call
 */
struct io_target_provider_ops {
	struct module	*owner;
	bool		may_sleep;
	int		(*open)(void *private, unsigned int flags, void **context);
	void		(*close)(void *private, void *context);
	ssize_t		(*read)(struct io_target_call *call);
	ssize_t		(*write)(struct io_target_call *call);
	ssize_t		(*flush)(struct io_target_call *call);
	ssize_t		(*ioctl)(struct io_target_call *call);
	void		(*cancel)(struct io_target_call *call);
};

struct io_target_provider *
io_target_provider_register(const char *name, const struct io_target_provider_ops *ops,
			    void *private);
void io_target_provider_unregister(struct io_target_provider *provider);
void io_target_call_end(struct io_target_call *call, ssize_t result);
int io_target_open_provider(struct io_target *target, const char *name, unsigned int flags);

/* What else a provider, or a char device, can be asked for */
int __must_check io_target_prep_ioctl(struct io_target_request *req, unsigned int cmd,
				      unsigned long arg, unsigned int flags);
int __must_check io_target_prep_ioctl_buf(struct io_target_request *req, unsigned int cmd,
					  void *buf, u32 in, u32 out, unsigned int flags);
long io_target_ioctl(struct io_target *target, unsigned int cmd, unsigned long arg,
		     long timeout);
long io_target_ioctl_buf(struct io_target *target, unsigned int cmd, void *buf, u32 in,
			 u32 out, long timeout);

#endif /* _LINUX_IO_TARGET_PROVIDER_H */
