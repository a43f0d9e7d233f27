// SPDX-License-Identifier: GPL-2.0
/*
 * The fake backend, see fake.h.
 */
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <linux/vmalloc.h>

#include "fake.h"

#define PATIENCE	(30 * HZ)

const char * const fake_context_names[FAKE_CONTEXTS] = {
	[FAKE_TASK]	= "task",
	[FAKE_SOFTIRQ]	= "softirq",
	[FAKE_HARDIRQ]	= "hardirq",
	[FAKE_WORKER]	= "worker",
};

struct workqueue_struct *fake_wq;
static u8 *memory;	/* of all fakes: a suite's cases run one after another */

/* What the fake needs to know of a request, in the request's backend part. */
struct fake_io {
	struct fake		*owner;	/* while it is here */
	struct fake_answer	answer;
};

static struct fake_io *fake_io(struct io_target_request *req)
{
	BUILD_BUG_ON(sizeof(struct fake_io) > sizeof(req->blk));
	return (struct fake_io *)&req->blk;
}

enum fake_context fake_context_now(void)
{
	if (in_hardirq())
		return FAKE_HARDIRQ;
	if (in_serving_softirq())
		return FAKE_SOFTIRQ;
	return current->flags & PF_WQ_WORKER ? FAKE_WORKER : FAKE_TASK;
}

/*
 * Moves the data, or as much of it as the device has memory for. The forms with the
 * underscore do not look whether the memory is one object: what looks takes a lock of
 * vmalloc's that is not for interrupts (6.1, hardened usercopy).
 */
static void transfer(struct fake *fake, struct io_target_request *req, size_t len)
{
	struct iov_iter iter = req->iter;
	u8 *place;

	if (req->pos >= FAKE_BYTES)
		return;
	place = fake->memory + req->pos;
	len = min_t(u64, len, FAKE_BYTES - req->pos);
	if (req->op == IO_TARGET_OP_WRITE)
		len -= _copy_from_iter(place, len, &iter);
	else if (req->op == IO_TARGET_OP_READ)
		len -= _copy_to_iter(place, len, &iter);
	else if (req->op == IO_TARGET_OP_WRITE_ZEROES)
		memset(place, 0, len);
	else
		return;
	WARN_ON_ONCE(req->op != IO_TARGET_OP_WRITE_ZEROES && len);
}

static ssize_t carry_out(struct fake *fake, struct io_target_request *req)
{
	const struct fake_answer *answer = &fake_io(req)->answer;
	u64 len = req->len;

	if (answer->error)
		return answer->error;
	if (answer->most)
		len = min_t(u64, len, answer->most);
	transfer(fake, req, len);
	if (req->op == IO_TARGET_OP_READ || req->op == IO_TARGET_OP_WRITE)
		return len;
	return 0;
}

/* In the context that the answer is to be given in. */
static void finish(struct fake *fake, struct io_target_request *req)
{
	blk_status_t status = fake_io(req)->answer.status;
	ssize_t result = carry_out(fake, req);

	scoped_guard(spinlock_irqsave, &fake->lock) {
		fake->answers++;
		fake->flushes += req->op == IO_TARGET_OP_FLUSH;
		fake_io(req)->owner = NULL;
	}
	wake_up_all(&fake->wait);
	iot_request_end(req, result, status);
}

static struct io_target_request *next(struct fake *fake, enum fake_context context)
{
	struct io_target_request *req;

	guard(spinlock_irqsave)(&fake->lock);
	req = list_first_entry_or_null(&fake->ending[context], struct io_target_request, node);
	if (req)
		list_del_init(&req->node);
	else
		fake->busy[context] = false;
	return req;
}

/* One at a time: an irq_work may run on two CPUs at once, and order would be lost. */
static void finish_all(struct fake *fake, enum fake_context context)
{
	struct io_target_request *req;

	scoped_guard(spinlock_irqsave, &fake->lock) {
		if (fake->busy[context])
			return;
		fake->busy[context] = true;
	}
	while ((req = next(fake, context)))
		finish(fake, req);
}

static void softirq_func(struct tasklet_struct *t)
{
	finish_all(container_of(t, struct fake, softirq), FAKE_SOFTIRQ);
}

static void hardirq_func(struct irq_work *work)
{
	finish_all(container_of(work, struct fake, hardirq), FAKE_HARDIRQ);
}

static void worker_func(struct work_struct *work)
{
	finish_all(container_of(work, struct fake, worker), FAKE_WORKER);
}

/* Brings @req into the context that it is to end in. */
static void answer(struct fake *fake, struct io_target_request *req)
{
	enum fake_context context = fake_io(req)->answer.context;

	if (context == FAKE_TASK) {
		finish(fake, req);
		return;
	}
	scoped_guard(spinlock_irqsave, &fake->lock)
		list_add_tail(&req->node, &fake->ending[context]);
	if (context == FAKE_SOFTIRQ)
		tasklet_schedule(&fake->softirq);
	else if (context == FAKE_HARDIRQ)
		irq_work_queue(&fake->hardirq);
	else
		queue_work(fake_wq, &fake->worker);
}

void fake_answer(struct fake *fake, struct io_target_request *req)
{
	fake_io(req)->answer = fake->answer;
	answer(fake, req);
}

struct io_target_request *fake_take(struct fake *fake, bool newest)
{
	struct io_target_request *req;

	guard(spinlock_irqsave)(&fake->lock);
	if (list_empty(&fake->parked))
		return NULL;
	if (newest)
		req = list_last_entry(&fake->parked, struct io_target_request, node);
	else
		req = list_first_entry(&fake->parked, struct io_target_request, node);
	list_del_init(&req->node);
	fake->nr_parked--;
	return req;
}

unsigned int fake_answer_parked(struct fake *fake, bool newest_first)
{
	struct io_target_request *req;
	unsigned int n = 0;

	while ((req = fake_take(fake, newest_first))) {
		fake_answer(fake, req);
		n++;
	}
	return n;
}

static void note(struct fake *fake, struct io_target_request *req)
{
	fake->submits++;
	fake->twice += fake_io(req)->owner == fake;
	fake->last.op = req->op;
	fake->last.flags = req->flags;
	fake->last.pos = req->pos;
	fake->last.len = req->len;
}

/* Takes a request in; true if it stays. */
static bool arrive(struct fake *fake, struct io_target_request *req)
{
	bool well;

	guard(spinlock_irqsave)(&fake->lock);
	well = fake->submits < fake->from;
	note(fake, req);
	fake_io(req)->owner = fake;
	fake_io(req)->answer = fake->answer;
	if (well)
		fake_io(req)->answer = (struct fake_answer){ .context = fake->answer.context };
	if (well || !fake->park)
		return false;
	list_add_tail(&req->node, &fake->parked);
	fake->nr_parked++;
	return true;
}

static void stall(struct fake *fake)
{
	scoped_guard(spinlock_irqsave, &fake->lock)
		fake->nr_stalled++;
	wake_up_all(&fake->wait);
	wait_event(fake->wait, !READ_ONCE(fake->stall));
	scoped_guard(spinlock_irqsave, &fake->lock)
		fake->nr_stalled--;
}

static void fake_submit(struct io_target_request *req)
{
	struct fake *fake = req->lower->data;

	if (READ_ONCE(fake->stall))
		stall(fake);
	if (arrive(fake, req))
		wake_up_all(&fake->wait);
	else
		answer(fake, req);
}

static int fake_check(struct io_target_lower *lower, struct io_target_request *req)
{
	struct fake *fake = lower->data;

	if (fake->check_error)
		return fake->check_error;
	if (fake->block_size && (req->pos | req->len) & (fake->block_size - 1))
		return -EINVAL;
	if (fake->size && (req->pos > fake->size || req->len > fake->size - req->pos))
		return -ENXIO;
	return 0;
}

static void fake_identify(struct io_target_lower *lower, struct iot_identity *id)
{
	struct fake *fake = lower->data;

	memcpy(id->wwid, fake->identity.wwid, sizeof(id->wwid));
	id->wwid_len = fake->identity.wwid_len;
	id->partno = fake->identity.partno;
	memcpy(id->uuid, fake->identity.uuid, sizeof(id->uuid));
	if (fake->on_identify)
		fake->on_identify(lower);
}

static void fake_info(struct io_target_lower *lower, struct io_target_info *info)
{
	struct fake *fake = lower->data;

	info->mode = fake->mode ?: S_IFCHR;
	info->dev = fake->dev;
	info->size = fake->size;
	info->diskseq = fake->diskseq;
	info->logical_block_size = fake->block_size;
	info->dma_mask = lower->dma_mask;
	info->stream = lower->stream;
	info->read = IO_TARGET_SERVED_DIRECT;
	info->write = IO_TARGET_SERVED_DIRECT;
}

static void fake_close(struct io_target_lower *lower)
{
	struct fake *fake = lower->data;

	/* Not to be touched after the count, when fake_exit() may go on. */
	guard(spinlock_irqsave)(&fake->lock);
	fake->closed_busy += fake->submits != fake->answers;
	fake->closes++;
	wake_up_all(&fake->wait);
}

static const struct iot_backend backend = {
	.name		= "fake",
	.submit		= fake_submit,
	.check		= fake_check,
	.info		= fake_info,
	.identify	= fake_identify,
	.close		= fake_close,
};

static const struct iot_backend short_backend = {
	.name		= "fake",
	.submit		= fake_submit,
	.check		= fake_check,
	.info		= fake_info,
	.identify	= fake_identify,
	.close		= fake_close,
	.may_be_short	= true,
};

static struct io_target_lower *fake_call(struct io_target *t, unsigned int flags, void *data)
{
	struct io_target_lower *lower;
	struct fake *fake = data;

	if (fake->on_open)
		fake->on_open(t);
	if (fake->open_error)
		return ERR_PTR(fake->open_error);
	lower = iot_lower_alloc(t, fake->may_be_short ? &short_backend : &backend, flags, fake);
	if (!lower)
		return ERR_PTR(-ENOMEM);
	strscpy(lower->name, "fake", sizeof(lower->name));
	lower->stream = fake->stream;
	fake->lower = lower;
	fake->opened_for = flags;
	fake->opens++;
	return lower;
}

int fake_open(struct fake *fake, struct io_target *t, unsigned int flags)
{
	struct iot_source from = { .call = fake_call, .data = fake, .flags = flags };
	int err = iot_target_open(t, &from);

	wake_up_all(&fake->wait);	/* also for who waits for the state */
	return err;
}

bool fake_wait_parked(struct fake *fake, unsigned int n)
{
	return wait_event_timeout(fake->wait, READ_ONCE(fake->nr_parked) >= n, PATIENCE);
}

bool fake_wait_answers(struct fake *fake, unsigned int n)
{
	return wait_event_timeout(fake->wait, READ_ONCE(fake->answers) >= n, PATIENCE);
}

bool fake_wait_closes(struct fake *fake, unsigned int n)
{
	return wait_event_timeout(fake->wait, READ_ONCE(fake->closes) >= n, PATIENCE);
}

void fake_stall(struct fake *fake)
{
	WRITE_ONCE(fake->stall, true);
}

bool fake_wait_stalled(struct fake *fake, unsigned int n)
{
	return wait_event_timeout(fake->wait, READ_ONCE(fake->nr_stalled) >= n, PATIENCE);
}

void fake_unstall(struct fake *fake)
{
	WRITE_ONCE(fake->stall, false);
	wake_up_all(&fake->wait);
}

void fake_let_go(struct fake *fake)
{
	scoped_guard(spinlock_irqsave, &fake->lock) {
		fake->answer = (struct fake_answer){ .context = FAKE_WORKER };
		fake->park = false;
	}
	fake_unstall(fake);
	fake_answer_parked(fake, false);
}

void fake_init(struct fake *fake)
{
	unsigned int i;

	memset(fake, 0, sizeof(*fake));
	fake->memory = memory;
	memset(memory, 0, FAKE_BYTES);
	spin_lock_init(&fake->lock);
	init_waitqueue_head(&fake->wait);
	INIT_LIST_HEAD(&fake->parked);
	for (i = 0; i < FAKE_CONTEXTS; i++)
		INIT_LIST_HEAD(&fake->ending[i]);
	tasklet_setup(&fake->softirq, softirq_func);
	/* As a driver's handler: not where even spinlocks sleep. */
	fake->hardirq = IRQ_WORK_INIT(hardirq_func);
	INIT_WORK(&fake->worker, worker_func);
}

/* The targets that used it have been closed. */
void fake_exit(struct fake *fake)
{
	fake_let_go(fake);
	if (WARN_ON(!fake_wait_closes(fake, fake->opens)))
		return;		/* still in use: better leaked than freed */
	/* After this fake_close() has left. */
	spin_lock_irq(&fake->lock);
	spin_unlock_irq(&fake->lock);
	tasklet_kill(&fake->softirq);
	irq_work_sync(&fake->hardirq);
	flush_work(&fake->worker);
}

int fake_suite_init(struct kunit_suite *suite)
{
	fake_wq = alloc_workqueue("io_target_kunit", WQ_UNBOUND, 0);
	memory = vmalloc(FAKE_BYTES);
	return fake_wq && memory ? 0 : -ENOMEM;
}

void fake_suite_exit(struct kunit_suite *suite)
{
	if (fake_wq)
		destroy_workqueue(fake_wq);
	fake_wq = NULL;
	vfree(memory);
	memory = NULL;
}
