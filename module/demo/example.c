// SPDX-License-Identifier: GPL-2.0
/* Reads the start of a disk twice: once waiting for it, once without waiting. */
#include <linux/io_target.h>
#include <linux/module.h>
#include <linux/slab.h>

static char *disk = "/dev/vda";
module_param(disk, charp, 0444);

static struct io_target *target;
static struct io_target_request request;
static void *buf;

static void read_done(struct io_target_request *req)	/* any context, exactly once */
{
	pr_info("example: without waiting: %zd bytes\n", req->result);
}

static void example_exit(void)
{
	io_target_close(target);	/* waits for what was sent */
	io_target_put(target);
	kfree(buf);
}

static int __init example_init(void)
{
	int err = -ENOMEM;

	target = io_target_open_path(disk, IO_TARGET_READ, NULL);
	if (IS_ERR(target))
		return PTR_ERR(target);
	buf = kmalloc(65536, GFP_KERNEL);
	if (buf) {
		/* Few requests: wait for each, five seconds at most. */
		pr_info("example: waiting: %zd bytes\n",
			io_target_read(target, buf, 4096, 0, 5 * HZ));
		/* Many requests: send each as soon as it is ready. */
		io_target_request_init(&request, target);
		err = io_target_prep_read_buf(&request, buf, 65536, 0, 0);
		request.end_io = read_done;
		err = err ?: io_target_submit(&request);
	}
	if (err)
		example_exit();
	return err;
}

module_init(example_init);
module_exit(example_exit);
MODULE_DESCRIPTION("Example of a driver that uses io_target");
MODULE_LICENSE("GPL");
