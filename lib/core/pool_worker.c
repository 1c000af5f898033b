/*
 * Workers of a handler pool: their starts and ends, and what they are given.
 * States are in pool.h.
 *
 *	WAIT -> STARTING -> IDLE <-> BUSY -> LEAVING -> (gone) -> WAIT
 *	                      |        |
 *	                      +--------+---> CLOSING -> (gone)
 *
 * A worker has one request at a time, so that a slow one holds nobody behind
 * it.  One that is closed or killed gives its place to a new one at once and
 * ends on the list `closing`; with --per message a place stays taken until
 * the child has gone.
 */
#include "core/pool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "core/dial.h"

#define WHY_TEXT 160

/* --- places --- */

void
ipc_serve_start(struct ipc_serve *s, struct ipc_serve_worker *w)
{
	const struct ipc_serve_req *r = w->req;

	w->phase = SERVE_STARTING;
	w->born_ns = ipc_now();
	w->at_ns = IPC_NEVER;
	ipc_exchange_child(s->ex, w->index, s->per, r != NULL &&
	    r->lane != NULL ? r->lane->client->port : NULL);
}

struct ipc_serve_worker *
ipc_serve_place(struct ipc_serve *s, uint32_t index)
{
	struct ipc_serve_worker *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	ipc_list_init(&w->node);
	w->index = index;
	w->at_ns = w->limit_ns = w->gap_ns = IPC_NEVER;
	s->workers[index] = w;
	s->live++;
	return w;
}

static void
worker_free(struct ipc_serve_worker *w)
{
	ipc_mq_free(&w->last);
	free(w);
}

static void
unplace(struct ipc_serve *s, struct ipc_serve_worker *w)
{
	if (s->workers[w->index] == w) {
		s->workers[w->index] = NULL;
		s->live--;
	}
	ipc_list_remove(&w->node);
}

/* What runs in this place has ended or will soon: no more of it here. */
static void
to_closing(struct ipc_serve *s, struct ipc_serve_worker *w)
{
	unplace(s, w);
	w->phase = SERVE_CLOSING;
	w->at_ns = ipc_now() + POOL_EXIT_NS;
	w->limit_ns = w->gap_ns = IPC_NEVER;
	ipc_list_append(&s->closing, &w->node);
	s->nclosing++;
	ipc_serve_wake(s, w->at_ns);
}

static bool
wanted(const struct ipc_serve *s)
{
	return !s->per && !s->fatal && (!s->stopping || s->nwait > 0);
}

void
ipc_serve_retire(struct ipc_serve *s, struct ipc_serve_worker *w)
{
	to_closing(s, w);
	ipc_port_close(w->port);
}

void
ipc_serve_kill(struct ipc_serve *s, struct ipc_serve_worker *w)
{
	uint32_t index = w->index, attempt = w->attempt;

	w->killed = true;
	if (w->port != NULL)
		ipc_port_abort(w->port, NULL);
	if (s->per) {
		w->phase = w->port != NULL ? SERVE_LEAVING : SERVE_STARTING;
		w->limit_ns = IPC_NEVER;
		return;
	}
	to_closing(s, w);
	ipc_serve_renew(s, index, attempt);
}

/* Start a worker in an empty place: at once after the first end without a
 * reply, then later and later. */
void
ipc_serve_renew(struct ipc_serve *s, uint32_t index, uint32_t attempt)
{
	struct ipc_serve_worker *w;

	if (!wanted(s) || s->workers[index] != NULL)
		return;
	w = ipc_serve_place(s, index);
	if (w == NULL)
		return;
	s->restarts++;
	w->attempt = attempt;
	/* Those that do not end are no reason to have ever more of them. */
	if (s->nclosing > s->n)
		w->at_ns = ipc_now() + POOL_YOUNG_NS;
	else if (attempt > 1)
		w->at_ns = ipc_now() + ipc_backoff(s->set, attempt - 2);
	else
		w->at_ns = 0;
	if (w->at_ns == 0)
		ipc_serve_start(s, w);
	else
		ipc_serve_wake(s, w->at_ns);
}

/* --- starts --- */

void
ipc_serve_worker_attach(struct ipc_serve *s, struct ipc_port *p)
{
	struct ipc_serve_worker *w = p->index < s->n ?
	    s->workers[p->index] : NULL;

	if (w != NULL && w->phase != SERVE_STARTING)
		w = NULL;
	p->data = w;
	if (w == NULL) {
		ipc_port_abort(p, NULL);
		return;
	}
	w->port = p;
	if (w->killed) {
		w->phase = SERVE_LEAVING;
		ipc_port_abort(p, NULL);
	} else if (w->req != NULL) {
		ipc_serve_hand(s, w);
	} else if (!wanted(s)) {
		ipc_serve_retire(s, w);
	} else {
		w->phase = SERVE_IDLE;
		ipc_list_append(&s->idle, &w->node);
	}
}

/* The handler could not be run; once too often: end it all. */
static void
bad_start(struct ipc_serve *s, const char *why)
{
	struct ipc_error err = { 0 };

	if (++s->row < POOL_BAD_STARTS || s->fatal)
		return;
	s->fatal = true;
	ipc_fail(&err, IPC_E_REMOTE, 0, "run the handler by hand",
	    "the handler failed to start %u times in a row: %s", s->row, why);
	ipc_serve_note(s, &err);
	ipc_serve_fail_waiting(s, "the handler cannot be run");
	ipc_serve_stop(s);
}

void
ipc_serve_worker_failed(struct ipc_serve *s, uint32_t index,
    const struct ipc_error *why)
{
	struct ipc_serve_worker *w = index < s->n ? s->workers[index] : NULL;
	const char *what = why != NULL ? why->what : "it cannot be run";
	struct ipc_serve_req *r;
	uint32_t attempt;

	if (w == NULL || w->phase != SERVE_STARTING)
		return;
	r = w->req;
	attempt = w->attempt;
	unplace(s, w);
	worker_free(w);
	bad_start(s, what);
	if (r != NULL)
		ipc_serve_crashed(s, r, what);
	if (s->per)
		s->hold_ns = ipc_now() + ipc_backoff(s->set, s->attempt++);
	else
		ipc_serve_renew(s, index, attempt + 1);
}

/* --- ends --- */

static void
describe(char text[WHY_TEXT], const struct ipc_error *why, int status)
{
	if (why != NULL && why->code == IPC_E_DATA)
		snprintf(text, WHY_TEXT, "the handler wrote garbage: %.120s",
		    why->what);
	else if (status > 128)
		snprintf(text, WHY_TEXT, "the handler was killed by signal %d",
		    status - 128);
	else if (status > 0)
		snprintf(text, WHY_TEXT, "the handler exited with status %d",
		    status);
	else if (why != NULL)
		snprintf(text, WHY_TEXT, "the handler broke: %.120s",
		    why->what);
	else
		snprintf(text, WHY_TEXT, "the handler ended without a reply");
}

/* One that we let end. */
static void
closed_gone(struct ipc_serve *s, struct ipc_serve_worker *w,
    const struct ipc_error *why, int status)
{
	struct ipc_error err = { 0 };
	char text[WHY_TEXT];

	ipc_list_remove(&w->node);
	s->nclosing--;
	if (w->killed || (status <= 0 && why == NULL))
		return;
	describe(text, why, status);
	ipc_fail(&err, IPC_E_REMOTE, 0, NULL, "after its input ended %s",
	    text);
	ipc_serve_note(s, &err);
}

/* The child of one request. */
static void
single_gone(struct ipc_serve *s, struct ipc_serve_worker *w,
    const struct ipc_error *why, int status, const char *text)
{
	struct ipc_serve_req *r = w->req;
	struct ipc_msg none = { .unit = IPC_MSGS, .hdr_off = IPC_MSG_HDR };

	unplace(s, w);
	if (r == NULL)
		return;
	if (status == 126 || status == 127)
		bad_start(s, text);
	if (status > 128) {
		ipc_serve_crashed(s, r, text);
	} else if (status > 0 || why != NULL) {
		ipc_serve_fail(s, r, text);
	} else {
		ipc_serve_succeeded(s, w);
		none.chunk = r->replies == 0 ? ipc_chunk_big(1) : NULL;
		if (none.chunk != NULL) {
			none.data = none.chunk->data;
			s->replies++;
			ipc_serve_reply(s, r, &none);
			ipc_chunk_put(none.chunk);
		}
		ipc_serve_finish(s, r);
	}
}

/* What becomes of its request is told elsewhere; without one, nobody would
 * know of a handler that ends again and again. */
static void
tell_end(struct ipc_serve *s, const struct ipc_serve_worker *w,
    const char *text)
{
	uint64_t more = 0;

	if (w->req != NULL)
		ipc_log(IPC_LOG_INFO, NULL, "worker %u: %s", w->index, text);
	else if (ipc_log_allow(&s->ends, ipc_now(), &more))
		ipc_log(IPC_LOG_WARN, NULL, "worker %u: %s without a request "
		    "(%" PRIu64 " more of that kind)", w->index, text, more);
}

void
ipc_serve_worker_ended(struct ipc_serve *s, struct ipc_serve_worker *w)
{
	if (w->phase == SERVE_CLOSING || s->per)
		return;
	ipc_list_remove(&w->node);
	w->phase = SERVE_LEAVING;
	w->at_ns = ipc_now() + POOL_EXIT_NS;
	ipc_serve_wake(s, w->at_ns);
	ipc_port_close(w->port);
}

void
ipc_serve_worker_gone(struct ipc_serve *s, struct ipc_serve_worker *w,
    const struct ipc_error *why, int status)
{
	bool young = ipc_now() - w->born_ns < POOL_YOUNG_NS;
	struct ipc_serve_req *r;
	char text[WHY_TEXT];
	uint32_t attempt;

	describe(text, why, status);
	if (status == 0 && why == NULL)
		ipc_serve_worker_last(s, w);
	r = w->req;
	attempt = w->attempt + 1;
	if (w->phase == SERVE_CLOSING) {
		closed_gone(s, w, why, status);
		worker_free(w);
		return;
	}
	if (s->per) {
		single_gone(s, w, why, status, text);
		worker_free(w);
		return;
	}
	unplace(s, w);
	/* A request may be the one that brings workers down, so only what no
	 * request can do tells of a handler that cannot be run. */
	if (!w->replied && (r != NULL ? status == 126 || status == 127 : young))
		bad_start(s, text);
	if (r == NULL && status == 0 && why == NULL && (w->replied || !young))
		attempt = 0;	/* its own way of recycling */
	else
		tell_end(s, w, text);
	if (r != NULL)
		ipc_serve_crashed(s, r, text);
	ipc_serve_renew(s, w->index, attempt);
	worker_free(w);
}

/* --- time --- */

static void
worker_expired(struct ipc_serve *s, struct ipc_serve_worker *w,
    uint64_t now_ns)
{
	if (w->at_ns > now_ns) {
		ipc_serve_request_expired(s, w, now_ns);
	} else if (w->phase == SERVE_WAIT) {
		ipc_serve_start(s, w);
	} else {
		w->at_ns = IPC_NEVER;
		if (!w->killed)
			ipc_log(IPC_LOG_WARN, NULL, "worker %u goes on after "
			    "its input ended: killed", w->index);
		w->killed = w->phase == SERVE_CLOSING;
		ipc_port_abort(w->port, NULL);
	}
}

static void
wake_for(struct ipc_serve *s, const struct ipc_serve_worker *w)
{
	uint64_t at = w->at_ns;

	if (w->limit_ns < at)
		at = w->limit_ns;
	if (w->gap_ns < at)
		at = w->gap_ns;
	if (at != IPC_NEVER)
		ipc_serve_wake(s, at);
}

void
ipc_serve_worker_expired(struct ipc_serve *s, uint64_t now_ns)
{
	struct ipc_list *n;

	for (uint32_t i = 0; i < s->n; i++)
		if (s->workers[i] != NULL)
			worker_expired(s, s->workers[i], now_ns);
	for (n = s->closing.next; n != &s->closing; n = n->next)
		worker_expired(s, ipc_list_entry(n, struct ipc_serve_worker,
		    node), now_ns);
	for (uint32_t i = 0; i < s->n; i++)
		if (s->workers[i] != NULL)
			wake_for(s, s->workers[i]);
	for (n = s->closing.next; n != &s->closing; n = n->next)
		wake_for(s, ipc_list_entry(n, struct ipc_serve_worker, node));
}

/* --- all of them --- */

int
ipc_serve_workers_start(struct ipc_serve *s, struct ipc_error *err)
{
	uint64_t n = s->set->pool;

	if (n == 0)
		n = s->per ? POOL_PER_MESSAGE : 1;
	if (n > POOL_MOST)
		return ipc_fail(err, IPC_E_USAGE, 0, NULL,
		    "a pool has at most %u workers", POOL_MOST);
	s->workers = calloc((size_t)n, sizeof(struct ipc_serve_worker *));
	if (s->workers == NULL)
		return ipc_fail(err, IPC_E_NET, ENOMEM, NULL,
		    "cannot have a pool");
	s->n = (uint32_t)n;
	for (uint32_t i = 0; i < s->n && !s->per && !s->fatal; i++) {
		if (ipc_serve_place(s, i) == NULL)
			return ipc_fail(err, IPC_E_NET, ENOMEM, NULL,
			    "cannot have a pool");
		ipc_serve_start(s, s->workers[i]);
	}
	if (s->fatal)
		return ipc_fail(err, IPC_E_REMOTE, 0, "run the handler by "
		    "hand", "the handler cannot be run");
	return 0;
}

bool
ipc_serve_workers_close(struct ipc_serve *s)
{
	for (uint32_t i = 0; i < s->n; i++) {
		struct ipc_serve_worker *w = s->workers[i];

		if (w == NULL)
			continue;
		if (w->phase == SERVE_IDLE) {
			ipc_serve_retire(s, w);
		} else if (w->phase == SERVE_WAIT) {
			unplace(s, w);
			worker_free(w);
		}
	}
	return s->live == 0 && s->nclosing == 0;
}

void
ipc_serve_workers_free(struct ipc_serve *s)
{
	struct ipc_serve_worker *w;

	for (uint32_t i = 0; i < s->n; i++)
		if (s->workers[i] != NULL)
			worker_free(s->workers[i]);
	while (!ipc_list_empty(&s->closing)) {
		w = ipc_list_entry(s->closing.next, struct ipc_serve_worker,
		    node);
		ipc_list_remove(&w->node);
		worker_free(w);
	}
	free(s->workers);
	s->workers = NULL;
	s->n = 0;
}
