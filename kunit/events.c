// SPDX-License-Identifier: GPL-2.0
/*
 * Probes of the tracepoints, see events.h.
 */
#include "events.h"
#include "stats.h"

static const struct io_target *target;
static struct event events[64];
static atomic_t nr_events;

static void note(const struct io_target *t, struct event event)
{
	unsigned int i;

	if (t != READ_ONCE(target))
		return;
	i = atomic_fetch_inc(&nr_events);
	if (i < ARRAY_SIZE(events))
		events[i] = event;
}

static void note_request(const struct io_target_request *req, char what, const void *id,
			 s64 value)
{
	note(req->target, (struct event){
		.what = what, .id = id, .value = value, .op = req->op, .len = req->len,
		.flags = req->flags, .not_sent = req->not_sent });
}

static void see_open(void *data, struct io_target *t, const char *device, unsigned int flags,
		     int err)
{
	note(t, (struct event){ .what = 'O', .value = err ?: (s64)flags });
}

static void see_state(void *data, struct io_target *t, enum io_target_state before,
		      enum io_target_state state, enum io_target_state wish)
{
	note(t, (struct event){ .what = 'S', .value = before * 100 + state * 10 + wish });
}

static void see_remove(void *data, struct io_target *t)
{
	note(t, (struct event){ .what = 'R' });
}

static void see_submit(void *data, struct io_target_request *req, const void *id)
{
	note_request(req, 's', id, req->pos);
}

static void see_pend(void *data, struct io_target_request *req, const void *id)
{
	note_request(req, 'p', id, iot_nr_pended(req->target));
}

static void see_complete(void *data, struct io_target_request *req, const void *id)
{
	note_request(req, 'c', id, req->result);
}

static void see_cancel(void *data, struct io_target_request *req)
{
	note_request(req, 'x', req, req->not_sent);
}

static void see_deadline(void *data, struct io_target_request *req, enum iot_deadline how)
{
	note_request(req, 'd', req, how);
}

static void see_orphan(void *data, struct io_target_carrier *c, bool ended, ssize_t result)
{
	const struct event e = { .what = ended ? 'E' : 'o', .id = c->orphan_of, .value = result };

	note(c->target, e);
}

int events_register(void)
{
	return register_trace_open(see_open, NULL) ?:
	       register_trace_state(see_state, NULL) ?:
	       register_trace_remove(see_remove, NULL) ?:
	       register_trace_submit(see_submit, NULL) ?:
	       register_trace_pend(see_pend, NULL) ?:
	       register_trace_complete(see_complete, NULL) ?:
	       register_trace_cancel(see_cancel, NULL) ?:
	       register_trace_deadline(see_deadline, NULL) ?:
	       register_trace_orphan(see_orphan, NULL);
}

/* The kernel takes one that is not registered with an error, and does nothing. */
void events_unregister(void)
{
	unregister_trace_open(see_open, NULL);
	unregister_trace_state(see_state, NULL);
	unregister_trace_remove(see_remove, NULL);
	unregister_trace_submit(see_submit, NULL);
	unregister_trace_pend(see_pend, NULL);
	unregister_trace_complete(see_complete, NULL);
	unregister_trace_cancel(see_cancel, NULL);
	unregister_trace_deadline(see_deadline, NULL);
	unregister_trace_orphan(see_orphan, NULL);
	tracepoint_synchronize_unregister();
}

void events_of(const struct io_target *t)
{
	atomic_set(&nr_events, 0);
	WRITE_ONCE(target, t);
}

const struct event *event_at(unsigned int i)
{
	return &events[i];
}

void expect_events(struct kunit *test, const char *expected)
{
	unsigned int i, n = min_t(unsigned int, atomic_read(&nr_events), ARRAY_SIZE(events));
	char text[ARRAY_SIZE(events) + 1];

	for (i = 0; i < n; i++)
		text[i] = events[i].what;
	text[n] = 0;
	KUNIT_EXPECT_STREQ(test, text, expected);
	atomic_set(&nr_events, 0);
}
