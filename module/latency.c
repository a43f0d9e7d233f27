// SPDX-License-Identifier: GPL-2.0
/*
 * How long requests take, from submit to end_io, the time that they pend or wait in a
 * queue included: counted in buckets that double, per CPU, while somebody has asked for
 * it. Until then neither is memory taken nor time.
 *
 * Forwarded bios count, too, but for those that were never sent.
 *
 * A request is stamped at its submit while that is so. The stamp of one that ends
 * after it was switched off stays, and is told from a new one by being older than the
 * switch.
 */
#include <linux/export.h>
#include <linux/mutex.h>
#include <linux/sched/clock.h>
#include <linux/seq_file.h>

#include "forward.h"
#include "stats.h"

DEFINE_STATIC_KEY_FALSE(iot_latency_key);

/* Who switches on and off, and resets */
static DEFINE_MUTEX(latency_mutex);

/* Units of 1024 ns, that wrap after 73 minutes; never 0, which is no stamp */
static u32 latency_now(void)
{
	return (u32)(local_clock() >> 10) | 1;
}

void __iot_latency_start(struct io_target_request *req)
{
	req->started = READ_ONCE(req->target->latency_on) ? latency_now() : 0;
}

static enum iot_latency_of latency_of(enum io_target_op op)
{
	switch (op) {
	case IO_TARGET_OP_READ:
		return IOT_LATENCY_READ;
	case IO_TARGET_OP_WRITE:
		return IOT_LATENCY_WRITE;
	case IO_TARGET_OP_FLUSH:
		return IOT_LATENCY_FLUSH;
	default:
		return IOT_LATENCY_OTHER;
	}
}

unsigned int iot_latency_bucket(u64 us)
{
	return min(fls64(us), IOT_LATENCY_BUCKETS - 1);
}

IOT_EXPORT_FOR_TESTS(iot_latency_bucket);

/* The clocks of two CPUs may differ a little: what has ended before its start took nothing. */
static u64 latency_us(u32 started)
{
	u32 units = latency_now() - started;

	if (units > U32_MAX - USEC_PER_SEC)
		units = 0;
	return mul_u32_u32(units, 1024) / NSEC_PER_USEC;
}

static void latency_count(struct io_target *t, enum iot_latency_of of, u32 started, s64 bytes)
{
	/* Pairs with latency_on(): what that has set is seen. */
	if (!started || !smp_load_acquire(&t->latency_on))
		return;
	if ((s32)(started - t->latency_since) < 0)
		return;
	this_cpu_inc(t->latency->count[of][iot_latency_bucket(latency_us(started))]);
	if (bytes > 0)
		this_cpu_add(t->latency->bytes[of], bytes);
}

void __iot_latency_end(struct io_target_request *req)
{
	u32 started = req->started;

	req->started = 0;
	latency_count(req->target, latency_of(req->op), started, req->result);
}

/* @since: jiffies from when on it has pended, or NULL */
u32 __iot_latency_stamp(struct io_target *t, const u32 *since)
{
	u64 held = since ? jiffies_to_nsecs((u32)jiffies - *since) : 0;

	return READ_ONCE(t->latency_on) ? (latency_now() - (u32)(held >> 10)) | 1 : 0;
}

void __iot_latency_bio(struct io_target *t, struct bio *bio, struct bio *clone)
{
	const struct forward *f = container_of(clone, struct forward, clone);
	bool moved = !bio->bi_status && bio_has_data(bio);

	latency_count(t, latency_of(iot_forward_op(bio)), f->stamp,
		      moved ? bio->bi_iter.bi_size : 0);
}

static int latency_on(struct io_target *t)
{
	lockdep_assert_held(&latency_mutex);
	if (!t->latency && !iot_inject_alloc(t))
		t->latency = alloc_percpu(struct iot_latency);
	if (!t->latency)
		return -ENOMEM;
	t->latency_since = latency_now();
	static_branch_inc(&iot_latency_key);
	/* Pairs with __iot_latency_end(), which uses what was set above. */
	smp_store_release(&t->latency_on, true);
	return 0;
}

/*
 * What was counted before stays, and is added to. Context: process.
 * Return: 0, or -ENOMEM.
 */
int iot_latency_set(struct io_target *t, bool on)
{
	guard(mutex)(&latency_mutex);
	if (on == t->latency_on)
		return 0;
	if (on)
		return latency_on(t);
	WRITE_ONCE(t->latency_on, false);
	static_branch_dec(&iot_latency_key);
	return 0;
}

IOT_EXPORT_FOR_TESTS(iot_latency_set);

/* What ends at the same time is forgotten, or not. */
void iot_latency_reset(struct io_target *t)
{
	int cpu;

	guard(mutex)(&latency_mutex);
	if (!t->latency)
		return;
	for_each_possible_cpu(cpu)
		memset(per_cpu_ptr(t->latency, cpu), 0, sizeof(struct iot_latency));
}

IOT_EXPORT_FOR_TESTS(iot_latency_reset);

/* All requests have ended. */
void iot_latency_exit(struct io_target *t)
{
	iot_latency_set(t, false);
	free_percpu(t->latency);
}

void iot_latency_sum(struct io_target *t, struct iot_latency *sum)
{
	unsigned int of, b;
	int cpu;

	memset(sum, 0, sizeof(*sum));
	guard(mutex)(&latency_mutex);
	if (!t->latency)
		return;
	for_each_possible_cpu(cpu) {
		struct iot_latency *l = per_cpu_ptr(t->latency, cpu);

		for (of = 0; of < IOT_LATENCY_KINDS; of++) {
			for (b = 0; b < IOT_LATENCY_BUCKETS; b++)
				sum->count[of][b] += READ_ONCE(l->count[of][b]);
			sum->bytes[of] += READ_ONCE(l->bytes[of]);
		}
	}
}

IOT_EXPORT_FOR_TESTS(iot_latency_sum);

/* What the table says of each bucket, of all kinds of requests together */
struct totals {
	u64		count[IOT_LATENCY_BUCKETS];
	u64		all;
	u64		most;
	unsigned int	first;
	unsigned int	last;
};

static void totals_count(struct totals *n, const struct iot_latency *sum)
{
	unsigned int of, b;

	*n = (struct totals){ .first = IOT_LATENCY_BUCKETS };
	for (b = 0; b < IOT_LATENCY_BUCKETS; b++) {
		for (of = 0; of < IOT_LATENCY_KINDS; of++)
			n->count[b] += sum->count[of][b];
		if (!n->count[b])
			continue;
		n->all += n->count[b];
		n->most = max(n->most, n->count[b]);
		n->first = min(n->first, b);
		n->last = b;
	}
}

/* 2^@power us, in the largest unit of which it is at least one */
static void show_time(struct seq_file *m, unsigned int power)
{
	static const char * const units[] = { "us", "ms", "s ", "ks" };

	seq_printf(m, "%4u %s", 1U << power % 10, units[power / 10]);
}

/* The end of the bucket in which so many thousandths of all requests have ended */
static void show_below(struct seq_file *m, const struct totals *n, const char *who,
		       unsigned int thousandths)
{
	u64 seen = 0, wanted = DIV_ROUND_UP_ULL(n->all * thousandths, 1000);
	unsigned int b;

	for (b = n->first; b < n->last; b++) {
		seen += n->count[b];
		if (seen >= wanted)
			break;
	}
	seq_printf(m, "%-10s took less than ", who);
	show_time(m, b);
	seq_putc(m, '\n');
}

#define BAR	32

static void show_row(struct seq_file *m, const struct totals *n,
		     const struct iot_latency *sum, unsigned int b)
{
	unsigned int of, bar = DIV64_U64_ROUND_UP(n->count[b] * BAR, n->most);

	if (b)
		show_time(m, b - 1);
	else
		seq_puts(m, "   0 us");
	seq_puts(m, " - ");
	show_time(m, b);
	for (of = 0; of < IOT_LATENCY_KINDS; of++)
		seq_printf(m, " %10llu", sum->count[of][b]);
	seq_printf(m, "  |%.*s%*s|\n", bar, "################################",
		   BAR - bar, "");
}

static void show_table(struct seq_file *m, const struct totals *n,
		       const struct iot_latency *sum)
{
	unsigned int of, b;

	seq_printf(m, "%-17s %10s %10s %10s %10s\n", "latency", "read", "write", "flush",
		   "other");
	for (b = n->first; b <= n->last; b++)
		show_row(m, n, sum, b);
	seq_printf(m, "%-17s", "bytes");
	for (of = 0; of < IOT_LATENCY_KINDS; of++)
		seq_printf(m, " %10llu", sum->bytes[of]);
	seq_putc(m, '\n');
}

/* Of a target's latency. A unit is 1024 of the one before. */
int iot_latency_show(struct seq_file *m, void *unused)
{
	struct io_target *t = m->private;
	struct iot_latency *sum = kmalloc_obj(*sum, GFP_KERNEL);
	struct totals n;

	if (!sum)
		return -ENOMEM;
	iot_latency_sum(t, sum);
	totals_count(&n, sum);
	seq_printf(m, "%s, %llu requests\n", READ_ONCE(t->latency_on) ? "on" : "off", n.all);
	if (n.all) {
		show_below(m, &n, "half", 500);
		show_below(m, &n, "99 %", 990);
		show_below(m, &n, "99.9 %", 999);
		show_table(m, &n, sum);
	}
	kfree(sum);
	return 0;
}

IOT_EXPORT_FOR_TESTS(iot_latency_show);
