/*
 * Requests and replies: messages.  See request.h.
 *
 * Replies belong to the oldest request, or with --correlate to the one whose
 * JSON member has the same text.  What belongs to none is counted and makes
 * the run fail in the end.  Not here: when a request counts as lost.
 */
#include "core/request.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "core/plan.h"
#include "wire/member.h"

#define KEEP_BYTES (16U << 20)	/* requests kept; one may exceed it */

/* --- requests --- */

static void
no_more_requests(struct ipc_exchange *ex, struct ipc_asker *s)
{
	s->local_over = true;
	if (s->local != NULL)
		ipc_port_pause(s->local, true);
	ipc_asker_end_early(ex, s);
}

/* What is wrong with the key of the request that was taken last. */
static void
bad_request(struct ipc_exchange *ex, struct ipc_asker *s, enum ipc_member what)
{
	struct ipc_error err = { 0 };

	ipc_fail(&err, IPC_E_DATA, 0, "each request is one JSON object with "
	    "the member of --correlate", what == IPC_MEMBER_BAD ?
	    "request %" PRIu64 " is not a JSON object" :
	    what == IPC_MEMBER_TWICE ?
	    "request %" PRIu64 " has the member '%.60s' twice" :
	    "request %" PRIu64 " has no member '%.60s'", s->taken, s->key);
	ipc_exchange_note(ex, &err);
	if (ex->plan->set->on_error == IPC_ON_ERROR_STOP)
		no_more_requests(ex, s);
	else
		ipc_log_error(IPC_LOG_WARN, &err);
}

/* True: m is ours (or refused); false: it has to wait. */
static bool
take(struct ipc_exchange *ex, struct ipc_asker *s, const struct ipc_msg *m)
{
	enum ipc_member what = IPC_MEMBER_FOUND;
	const uint8_t *key = NULL;
	struct ipc_request *r;
	size_t klen = 0;

	if (s->key != NULL)
		what = ipc_member_find(m->data, m->len, s->key, s->nkey, &key,
		    &klen);
	/* Two of one name could not be told apart. */
	if (key != NULL && ipc_pending_find(&s->wait, key, klen) != NULL)
		return false;
	s->taken++;
	if (what != IPC_MEMBER_FOUND) {
		bad_request(ex, s, what);
		return true;
	}
	r = ipc_pending_add(&s->wait, m, key, klen);
	if (r == NULL) {
		ipc_asker_no_memory(ex, s);
		return true;
	}
	r->no = r->q.id = s->taken;
	r->q.tag = 0;
	/* A last line without its end would keep the peer waiting. */
	if ((r->q.flags & IPC_MSG_OPEN) != 0)
		r->q.flags = 0;
	if (s->target != NULL && !ipc_asker_ship(s, r))
		ipc_asker_no_memory(ex, s);
	return true;
}

static bool
has_room(const struct ipc_asker *s)
{
	return s->wait.n < s->limit &&
	    (s->wait.n == 0 || s->wait.bytes < KEEP_BYTES) &&
	    (s->target == NULL || !ipc_port_full(s->target));
}

void
ipc_asker_put(struct ipc_exchange *ex, struct ipc_asker *s, struct ipc_batch *b)
{
	s->held = true;
	while (ipc_batch_count(b) > 0 && !s->local_over && !s->over) {
		if (!has_room(s) || !take(ex, s, &b->m[b->head]))
			break;
		ipc_batch_drop(b);
		if (s->max_n > 0 && s->taken == s->max_n)
			no_more_requests(ex, s);
	}
	s->held = ipc_batch_count(b) > 0;
	if (s->target == NULL && !s->dialing && s->wait.n > 0 && !s->over)
		ipc_asker_dial(ex, s);
	ipc_asker_check(ex, s);
	ipc_asker_rearm(ex, s);
}

/* --- replies --- */

static void
drop(struct ipc_asker *s, struct ipc_request *r)
{
	ipc_pending_drop(&s->wait, r);
	/* In order, the silence of the next one begins now. */
	r = s->gap_ns > 0 && s->key == NULL ? ipc_pending_first(&s->wait) :
	    NULL;
	if (r != NULL)
		ipc_pending_touch(&s->wait, r, ipc_now());
}

void
ipc_asker_complete(struct ipc_asker *s, struct ipc_request *r)
{
	s->complete++;
	drop(s, r);
}

/* r has one reply more. */
static void
count_reply(struct ipc_asker *s, struct ipc_request *r)
{
	if (++r->got == s->count)
		ipc_asker_complete(s, r);
	else if (s->gap_ns > 0)
		ipc_pending_touch(&s->wait, r, ipc_now());
}

void
ipc_asker_end_replies(struct ipc_asker *s)
{
	struct ipc_request *r = ipc_pending_first(&s->wait), *next;

	for (; r != NULL; r = next) {
		next = ipc_pending_next(&s->wait, r);
		if (r->got > 0)
			ipc_asker_complete(s, r);
	}
}

static void
stray(struct ipc_asker *s, const struct ipc_msg *m)
{
	uint64_t more;

	if (s->strays++ == 0)
		s->first_stray = m->id;
	if (ipc_log_allow(&s->strays_log, ipc_now(), &more))
		ipc_log(IPC_LOG_WARN, s->text, "message %" PRIu64
		    " belongs to no request%s", m->id, more > 0 ?
		    ", nor do others before it" : "");
}

static struct ipc_request *
match(const struct ipc_asker *s, const struct ipc_msg *m)
{
	const uint8_t *key;
	size_t klen;

	if (s->key == NULL)
		return ipc_pending_first(&s->wait);
	if (ipc_member_find(m->data, m->len, s->key, s->nkey, &key, &klen) !=
	    IPC_MEMBER_FOUND)
		return NULL;
	return ipc_pending_find(&s->wait, key, klen);
}

static bool
is_mark(const struct ipc_asker *s, const struct ipc_msg *m)
{
	return s->mark != NULL && m->len == s->nmark &&
	    (m->len == 0 || memcmp(m->data, s->mark, m->len) == 0);
}

/* False: stdout is full. */
static bool
take_reply(struct ipc_exchange *ex, struct ipc_asker *s,
    const struct ipc_msg *m)
{
	struct ipc_request *r = match(s, m);

	if (r == NULL) {
		stray(s, m);
		return true;
	}
	s->answered = true;
	s->tries = 0;
	if (is_mark(s, m)) {
		ipc_asker_complete(s, r);
		return true;
	}
	if (ipc_port_full(s->local))
		return false;
	if (!ipc_port_send(s->local, m)) {
		ipc_asker_no_memory(ex, s);
		return true;
	}
	s->replies++;
	count_reply(s, r);
	return true;
}

/* Something was completed: there may be room, or nothing left to do. */
static void
go_on(struct ipc_exchange *ex, struct ipc_asker *s, uint64_t before)
{
	if (s->complete + s->skipped > before && s->held && s->local != NULL)
		ipc_port_resume(s->local);
	ipc_asker_check(ex, s);
	ipc_asker_rearm(ex, s);
}

void
ipc_asker_replies(struct ipc_exchange *ex, struct ipc_asker *s,
    struct ipc_port *p, struct ipc_batch *b)
{
	uint64_t before = s->complete + s->skipped;

	if (p != s->target || s->over) {
		ipc_batch_clear(b);
		return;
	}
	while (ipc_batch_count(b) > 0 && s->local != NULL && !s->over) {
		if (!take_reply(ex, s, &b->m[b->head]))
			break;
		ipc_batch_drop(b);
	}
	go_on(ex, s, before);
}

/* A request that was not sent after all: nothing will answer it. */
static void
request_skipped(struct ipc_asker *s, uint64_t no)
{
	struct ipc_request *r = ipc_pending_first(&s->wait);

	while (r != NULL && r->no < no)
		r = ipc_pending_next(&s->wait, r);
	if (r == NULL || r->no != no)
		return;
	s->skipped++;
	drop(s, r);
}

void
ipc_asker_skipped(struct ipc_exchange *ex, struct ipc_asker *s,
    struct ipc_port *p, bool out, uint64_t id)
{
	uint64_t before = s->complete + s->skipped;
	struct ipc_request *r = ipc_pending_first(&s->wait);

	if (p != s->target || s->over)
		return;
	if (out)
		request_skipped(s, id);
	else if (r != NULL && s->key == NULL)
		count_reply(s, r);
	go_on(ex, s, before);
}
