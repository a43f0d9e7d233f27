/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A provider of the tests', that does with its calls what they say.
 */
#ifndef _IO_TARGET_KUNIT_SHOP_H
#define _IO_TARGET_KUNIT_SHOP_H

#include "device.h"

#define SHOP_NAME	"io_target_kunit"
#define SHOP_LEN	64
#define SHOP_HELD	64

/* Its ioctls: a number twice; memory from its end to its start */
#define SHOP_DOUBLE	1
#define SHOP_REVERSE	2

/* With a cancel function, that may sleep */
#define SHOP_CANCELS	BIT(0)
#define SHOP_SLEEPS	BIT(1)

/*
 * What it does with the calls to come. BLOCK: nothing until there is another mode, whoever
 * sends a signal, and it does not know the call until then. END_INSIDE: carries it out, ends
 * it, and says that it was queued.
 */
enum mode { AT_ONCE, HOLD, SLEEP, REFUSE, BLOCK, END_INSIDE };

/**
 * struct shop - a provider of the test's
 * @provider: registered
 * @mode: see there
 * @lock: irqsave; of all below
 * @held: calls to be ended
 * @nr_held: their number
 * @data: read and written
 * @opens: contexts made, which are their numbers
 * @closes: and taken back
 * @flags: of the last open
 * @calls: so many
 * @cancels: calls of cancel
 * @sleeping: who sleeps in it
 * @blocked: who is blocked in it
 * @pid: of the last call
 * @open_error: of opens to come
 * @wait: for these to change
 * @runner: ends what is held
 * @result: with this
 * @most: so many at a time; 0: all
 */
struct shop {
	struct io_target_provider	*provider;
	enum mode			mode;
	spinlock_t			lock;	/* see above */
	struct io_target_call		*held[SHOP_HELD];
	unsigned int			nr_held;
	u8				data[2 * SHOP_LEN];
	unsigned int			opens;
	unsigned int			closes;
	unsigned int			flags;
	unsigned int			calls;
	unsigned int			cancels;
	unsigned int			sleeping;
	unsigned int			blocked;
	pid_t				pid;
	int				open_error;
	wait_queue_head_t		wait;
	struct testdev_runner		runner;
	ssize_t				result;
	unsigned int			most;
};

/* The only one at a time, found without help from the call, which is what is tested */
extern struct shop *the_shop;

struct shop_case {
	const char	*name;
	unsigned int	kind;	/* SHOP_* */
};

static inline void shop_case_desc(const struct shop_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

/* Registered, with SHOP_* @kind; unregistered by shop_exit() */
struct shop *shop_make(struct kunit *test, unsigned int kind);
struct io_target_provider *shop_register(unsigned int kind);
/* The first closed target of the fixture, which has it open then. */
struct io_target *shop_open_target(struct kunit *test);
/* Memory for two transfers */
u8 *shop_buffer(struct kunit *test);
/* The fixture's, and nothing left open */
int shop_init(struct kunit *test);
void shop_exit(struct kunit *test);

void shop_set(struct shop *shop, enum mode mode);
/* Until one of its counters is so large; false: that does not happen. */
bool shop_wait(struct shop *shop, const unsigned int *what, unsigned int n);
/* Ends all calls that are held, or @most, with @result, or 0: what comes of them. */
void shop_end_held(struct shop *shop, ssize_t result, enum testdev_context context);

#endif /* _IO_TARGET_KUNIT_SHOP_H */
