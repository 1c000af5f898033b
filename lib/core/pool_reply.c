/*
 * What the workers of a handler pool do with requests: which one has which,
 * and what their messages mean.  States are in pool.h; how workers start and
 * end is in pool_worker.c.
 */
#include "core/pool.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/units.h"
#include "core/plan.h"
#include "wire/framing.h"

#define WHY_TEXT 160

static void
give(struct ipc_serve *s, struct ipc_serve_worker *w, struct ipc_serve_req *r)
{
	w->req = r;
	r->worker = w;
	r->replies = 0;
	if (s->set->handler_ns > 0) {
		w->limit_ns = ipc_now() + s->set->handler_ns;
		ipc_serve_wake(s, w->limit_ns);
	}
}

void
ipc_serve_hand(struct ipc_serve *s, struct ipc_serve_worker *w)
{
	struct ipc_serve_req *r = w->req;

	w->phase = SERVE_BUSY;
	if (!ipc_port_share(w->port, &r->msg)) {
		w->req = NULL;
		ipc_serve_fail(s, r, "no memory");
		ipc_serve_kill(s, w);
	} else if (s->per) {
		ipc_port_close(w->port);
	}
}

/* The request is through; r is no longer ours. */
static void
through(struct ipc_serve *s, struct ipc_serve_worker *w)
{
	uint32_t index = w->index;

	w->req = NULL;
	w->limit_ns = w->gap_ns = IPC_NEVER;
	w->served++;
	if (w->phase != SERVE_BUSY)
		return;
	if (s->set->recycle > 0 && w->served >= s->set->recycle) {
		ipc_serve_retire(s, w);
		ipc_serve_renew(s, index, 0);
		return;
	}
	w->phase = SERVE_IDLE;
	ipc_list_append(&s->idle, &w->node);
}

/* --per message: a free place, or s->n. */
static uint32_t
free_place(const struct ipc_serve *s)
{
	uint32_t i = 0;

	if (s->live == s->n)
		return s->n;
	while (i < s->n && s->workers[i] != NULL)
		i++;
	return i;
}

void
ipc_serve_dispatch(struct ipc_serve *s)
{
	struct ipc_serve_worker *w;
	struct ipc_serve_req *r;
	uint32_t i;

	while (!s->per && !ipc_list_empty(&s->idle)) {
		r = ipc_serve_next(s);
		if (r == NULL)
			return;
		w = ipc_list_entry(s->idle.next, struct ipc_serve_worker,
		    node);
		ipc_list_remove(&w->node);
		give(s, w, r);
		ipc_serve_hand(s, w);
	}
	if (!s->per || s->nwait == 0)
		return;
	if (s->hold_ns != 0 && s->hold_ns > ipc_now()) {
		ipc_serve_wake(s, s->hold_ns);
		return;
	}
	while ((i = free_place(s)) < s->n) {
		r = ipc_serve_next(s);
		if (r == NULL)
			return;
		w = ipc_serve_place(s, i);
		if (w == NULL) {
			ipc_serve_fail(s, r, "no memory");
			return;
		}
		give(s, w, r);
		ipc_serve_start(s, w);
	}
}

/* --- replies --- */

/* Does m end the replies of a request that had n with it? */
static bool
is_last(const struct ipc_serve *s, const struct ipc_msg *m, uint64_t n)
{
	const struct ipc_settings *set = s->set;
	const char *mark = set->end_mark != NULL ? set->end_mark : "";
	size_t len = strlen(mark);

	if (set->replies == IPC_REPLIES_END)
		return m->len == len && memcmp(m->data, mark, len) == 0;
	if (set->replies == 0)
		return set->gap_ns == 0;
	return n >= set->replies;
}

static bool
is_nak(const struct ipc_serve *s, const struct ipc_msg *m)
{
	size_t len = s->set->nak != NULL ? strlen(s->set->nak) : 0;

	return s->set->nak != NULL && m->len >= len &&
	    memcmp(m->data, s->set->nak, len) == 0;
}

/* Out of step with its requests: no reply of it can be trusted. */
static void
stray(struct ipc_serve *s, struct ipc_serve_worker *w)
{
	struct ipc_error err = { 0 };

	if (s->set->gap_ns > 0) {
		s->late++;	/* it was slower than --gap, that is all */
		return;
	}
	if (w->strayed || w->killed)
		return;
	w->strayed = true;
	ipc_fail(&err, IPC_E_REMOTE, 0, "say how many replies a request has "
	    "with --replies", "worker %u wrote a message that no request "
	    "asked for", w->index);
	ipc_serve_note(s, &err);
	if (w->phase == SERVE_IDLE) {
		if (!w->replied)
			w->attempt++;
		ipc_serve_kill(s, w);
	}
}

void
ipc_serve_succeeded(struct ipc_serve *s, struct ipc_serve_worker *w)
{
	s->row = 0;
	s->attempt = 0;
	s->hold_ns = 0;
	w->attempt = 0;
	w->replied = true;
}

/*
 * All of a child's output is one reply, but most programs end it as a text:
 * that end is the framing's to write, as $(...) has it.
 */
static void
chomp(const struct ipc_serve *s, struct ipc_msg *m)
{
	const struct ipc_plan *plan = s->ex->plan;
	const struct ipc_framing *f = &plan->side[1 - plan->app].framing;
	uint32_t n = f->kind == IPC_FRAME_DELIM ? f->ndelim : 1;
	const uint8_t *end = f->delim;

	if (f->kind == IPC_FRAME_LINE)
		end = (const uint8_t *)"\n";
	else if (f->kind == IPC_FRAME_NUL)
		end = (const uint8_t *)"";
	else if (f->kind != IPC_FRAME_DELIM)
		return;
	if (m->len < n || memcmp(m->data + m->len - n, end, n) != 0)
		return;
	m->flags &= (uint8_t)~IPC_MSG_FRAMED;
	m->len -= n;
	if (f->kind == IPC_FRAME_LINE && f->crlf && m->len > 0 &&
	    m->data[m->len - 1] == '\r')
		m->len--;
}

/* One message of w for the request it has. */
static void
reply(struct ipc_serve *s, struct ipc_serve_worker *w, struct ipc_msg *m)
{
	struct ipc_serve_req *r = w->req;
	char text[WHY_TEXT], said[WHY_TEXT / 2];
	bool last;

	if (is_nak(s, m)) {
		ipc_escape(said, sizeof(said), m->data, m->len);
		snprintf(text, sizeof(text), "the handler said \"%s\"", said);
		ipc_serve_succeeded(s, w);
		w->req = NULL;
		through(s, w);
		ipc_serve_fail(s, r, text);
		return;
	}
	if (s->per)
		chomp(s, m);
	last = is_last(s, m, r->replies + 1);
	if (!ipc_serve_reply(s, r, m)) {
		w->req = NULL;
		ipc_serve_fail(s, r, "no memory for the reply");
		ipc_serve_kill(s, w);
		return;
	}
	r->replies++;
	s->replies++;
	if (s->per)
		return;		/* the exit status says whether it counts */
	ipc_serve_succeeded(s, w);
	if (last) {
		through(s, w);
		ipc_serve_finish(s, r);
	} else if (s->set->gap_ns > 0) {
		w->gap_ns = ipc_now() + s->set->gap_ns;
		ipc_serve_wake(s, w->gap_ns);
	}
}

/* Its output ended within m: as a killed one's may, or because it writes no
 * last end. */
static void
hold_last(struct ipc_serve *s, struct ipc_serve_worker *w,
    const struct ipc_msg *m)
{
	struct ipc_serve_req *r = w->req;

	if (ipc_mq_add(&w->last, m))
		return;
	w->req = NULL;
	ipc_serve_fail(s, r, "no memory for the reply");
	ipc_serve_kill(s, w);
}

void
ipc_serve_worker_last(struct ipc_serve *s, struct ipc_serve_worker *w)
{
	const struct ipc_qmsg *q;
	struct ipc_msg m = { .unit = IPC_MSGS, .hdr_off = IPC_MSG_HDR };

	if (w->last.n == 0 || w->req == NULL)
		return;
	q = ipc_mq_at(&w->last, 0);
	m.chunk = q->chunk;
	m.data = q->data;
	m.len = q->len;
	reply(s, w, &m);
}

void
ipc_serve_worker_put(struct ipc_serve *s, struct ipc_serve_worker *w,
    struct ipc_batch *b)
{
	while (ipc_batch_count(b) > 0) {
		if (w->req == NULL) {
			stray(s, w);
		} else if (s->many && ipc_serve_blocked(s, w->req)) {
			w->blocked = true;
			return;
		} else if (!s->per &&
		    (b->m[b->head].flags & IPC_MSG_OPEN) != 0) {
			hold_last(s, w, &b->m[b->head]);
		} else {
			reply(s, w, &b->m[b->head]);
		}
		ipc_batch_drop(b);
	}
}

void
ipc_serve_worker_resume(struct ipc_serve_worker *w)
{
	if (!w->blocked)
		return;
	w->blocked = false;
	if (w->port != NULL)
		ipc_port_resume(w->port);
}

void
ipc_serve_request_expired(struct ipc_serve *s,
    struct ipc_serve_worker *w, uint64_t now_ns)
{
	struct ipc_serve_req *r = w->req;
	char text[WHY_TEXT], unit[IPC_UNIT_TEXT];

	if (r == NULL)
		return;
	if (w->limit_ns <= now_ns) {
		s->timeouts++;
		w->req = NULL;
		r->worker = NULL;
		ipc_serve_kill(s, w);
		snprintf(text, sizeof(text), "no reply within %s",
		    ipc_format_duration(unit, s->set->handler_ns));
		ipc_serve_fail(s, r, text);
	} else if (w->gap_ns <= now_ns) {
		through(s, w);
		ipc_serve_finish(s, r);
	}
}
