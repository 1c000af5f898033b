/*
 * Requests and replies (send -R): LOCAL asks, TARGET answers.
 *
 *	LOCAL -> taken -> on the connection -> replies -> complete
 *	                    | it ends or breaks
 *	                    v
 *	             kept for the next one, when that is allowed
 *
 * Replies belong to the oldest request, or with --correlate to the one whose
 * JSON member has the same text.  A request is complete after so many replies
 * (--replies N, 1 by default), with the end mark (--replies end), or when no
 * reply came for --gap; with --gap alone only that ends it.  While only a
 * silence can tell, one request is on its way at a time.
 *
 * Targets are a list: the next one is dialed when one cannot be reached, or
 * ends before a request was sent on it.  A request that was sent may have been
 * executed: it is sent again only with -r, at least once then, and otherwise
 * named in the error.  A peer that ends while nobody waits for a reply is no
 * failure: the next request opens a new connection.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "base/units.h"
#include "core/dial.h"
#include "core/end.h"
#include "core/exchange.h"
#include "core/pending.h"
#include "core/pipeline.h"
#include "core/plan.h"
#include "core/run.h"
#include "wire/member.h"

#define KEEP_BYTES (16U << 20)	/* requests kept; one may exceed it */
#define NO_COUNT UINT64_MAX	/* replies are not counted */
#define REPEAT_HINT "-r connects again and repeats what has no reply"

struct state {
	struct ipc_pending wait;
	struct ipc_port *local, *target;
	char	text[IPC_END_TEXT]; /* of the last target */
	/* The options. */
	uint32_t limit;		/* requests at once */
	uint64_t count;		/* replies that complete a request */
	uint64_t gap_ns, retry, max_n;
	const char *mark;	/* NULL: no end mark */
	const char *key;	/* NULL: in order */
	size_t	nmark, nkey;
	/* The connection. */
	uint32_t index;		/* target in use */
	uint64_t tries;		/* rounds since the last reply */
	uint64_t redial_ns;
	uint64_t queued;	/* messages put on this connection */
	bool	dialing, connected;
	bool	answered;	/* this connection gave a reply */
	/* The end. */
	bool	local_over;	/* no more requests */
	bool	over;		/* ipc_exchange_done() */
	bool	held;		/* LOCAL waits for room */
	uint64_t taken, complete, replies, repeated, connections, strays;
	uint64_t first_stray;	/* message of its connection */
	struct ipc_log_limit strays_log;
};

/* --- the end --- */

static void
finish(struct ipc_exchange *ex, struct state *s)
{
	if (s->over)
		return;
	s->over = true;
	ipc_exchange_at(ex, IPC_NEVER);
	ipc_exchange_done(ex);
}

/* "request 3 (of 7 sent) and 4 more have no reply" */
static char *
unanswered(const struct state *s, char *buf, size_t size)
{
	const struct ipc_request *r = ipc_pending_first(&s->wait), *i;
	uint64_t sent = s->complete;
	char more[40] = "", part[40] = "";
	bool one = s->wait.n == 1;

	for (i = r; i != NULL; i = ipc_pending_next(&s->wait, i))
		sent += i->repeated || (s->target != NULL && i->nth > 0 &&
		    i->nth <= s->target->out_msgs);
	if (!one)
		snprintf(more, sizeof(more), " and %" PRIu32 " more",
		    s->wait.n - 1);
	if (r->got > 0)
		snprintf(part, sizeof(part), ", %" PRIu64 " %s", r->got,
		    r->got == 1 ? "reply" : "replies");
	snprintf(buf, size, "request %" PRIu64 " (of %" PRIu64 " sent%s)%s %s",
	    r->no, sent, part, more, r->got > 0 ?
	    (one ? "is not complete" : "are not complete") :
	    (one ? "has no reply" : "have no reply"));
	return buf;
}

/* Requests are lost: err says so, the replies so far are delivered. */
static void
fail(struct ipc_exchange *ex, struct state *s, const struct ipc_error *err)
{
	if (s->over)
		return;
	ipc_exchange_note(ex, err);
	if (s->target != NULL)
		ipc_port_abort(s->target, NULL);
	finish(ex, s);
}

static void
no_memory(struct ipc_exchange *ex, struct state *s)
{
	struct ipc_error err = { 0 };

	ipc_fail(&err, IPC_E_NET, ENOMEM, NULL, "cannot keep a message");
	fail(ex, s, &err);
}

/* Everything that was asked is answered, and nothing more will be asked. */
static void
check_end(struct ipc_exchange *ex, struct state *s)
{
	struct ipc_error err = { 0 };

	if (s->over || !s->local_over || s->wait.n > 0 ||
	    (!s->connected && s->dialing))
		return;
	if (s->strays > 0) {
		ipc_fail(&err, IPC_E_DATA, 0, s->key != NULL ? "look at the "
		    "replies: every one needs the member of its request" :
		    "tell how replies end: --replies N, --replies end or "
		    "--gap", "%" PRIu64 " %s came that no request asked for, "
		    "the first as message %" PRIu64, s->strays,
		    s->strays == 1 ? "message" : "messages", s->first_stray);
		ipc_error_where(&err, "%s", s->text);
		ipc_exchange_note(ex, &err);
	}
	finish(ex, s);
}

/* --- time --- */

static struct ipc_request *
next_stale(const struct state *s)
{
	return s->key != NULL ? ipc_pending_stalest(&s->wait) :
	    ipc_pending_first(&s->wait);
}

static void
rearm(struct ipc_exchange *ex, struct state *s)
{
	const struct ipc_request *r;
	uint64_t at = s->redial_ns;

	if (s->over || (s->gap_ns == 0 && at == IPC_NEVER &&
	    ex->at_ns == IPC_NEVER))
		return;
	r = s->gap_ns > 0 && s->target != NULL ? next_stale(s) : NULL;
	if (r != NULL && r->since_ns + s->gap_ns < at)
		at = r->since_ns + s->gap_ns;
	if (at != ex->at_ns)
		ipc_exchange_at(ex, at);
}

/* --- targets --- */

static void
dial(struct ipc_exchange *ex, struct state *s)
{
	s->redial_ns = IPC_NEVER;
	s->dialing = true;
	ipc_exchange_dial(ex, s->index);
}

/* Another connection: along the list at once, then from its beginning with
 * -r.  again: what is to be sent was sent before.  False: there is none. */
static bool
next_target(struct ipc_exchange *ex, struct state *s, bool again,
    bool progress)
{
	if (s->index + 1 < ex->plan->nto && (!again || s->retry > 0)) {
		s->index++;
		dial(ex, s);
		return true;
	}
	if (s->tries >= s->retry)
		return false;
	s->index = 0;
	s->dialing = true;
	s->redial_ns = ipc_now() + (progress ? 0 :
	    ipc_backoff(ex->plan->set, s->tries > 30 ? 30 :
	    (uint32_t)s->tries));
	s->tries++;
	if (progress)
		dial(ex, s);
	return true;
}

static void
complete(struct state *s, struct ipc_request *r)
{
	s->complete++;
	ipc_pending_drop(&s->wait, r);
	/* In order, the silence of the next one begins now. */
	r = s->gap_ns > 0 && s->key == NULL ? ipc_pending_first(&s->wait) :
	    NULL;
	if (r != NULL)
		ipc_pending_touch(&s->wait, r, ipc_now());
}

/* The peer ended in order: with --gap that ends its replies, too. */
static void
end_ends_replies(struct state *s)
{
	struct ipc_request *r = ipc_pending_first(&s->wait), *next;

	for (; r != NULL; r = next) {
		next = ipc_pending_next(&s->wait, r);
		if (r->got > 0)
			complete(s, r);
	}
}

static void
lost_error(const struct state *s, const struct ipc_error *why,
    enum ipc_code code, struct ipc_error *err)
{
	char text[120];

	unanswered(s, text, sizeof(text));
	if (why == NULL)
		ipc_fail(err, code, 0, REPEAT_HINT,
		    "closed before reply: %s", text);
	else
		ipc_fail(err, code, 0, code == IPC_E_NET &&
		    why->hint[0] != '\0' ? why->hint : REPEAT_HINT,
		    "%s: %s", text, why->what);
	ipc_error_where(err, "%s", s->text);
}

/* p, the connection, is of no more use.  Requests that it has not answered go
 * to the next one, or fail. */
static void
lost(struct ipc_exchange *ex, struct state *s, const struct ipc_port *p,
    const struct ipc_error *why)
{
	bool progress = s->answered, again = false, none = s->replies == 0;
	struct ipc_request *r;
	struct ipc_error err = { 0 };

	for (r = ipc_pending_first(&s->wait); r != NULL;
	    r = ipc_pending_next(&s->wait, r)) {
		r->repeated |= r->nth > 0 && r->nth <= p->out_msgs;
		again |= r->repeated;
		r->nth = 0;
	}
	if (s->wait.n == 0) {
		if (why != NULL)
			ipc_log_error(IPC_LOG_INFO, why);
		if (why != NULL && s->index + 1 < ex->plan->nto)
			s->index++;
		if (s->local != NULL && s->held)
			ipc_port_resume(s->local);
		check_end(ex, s);
		return;
	}
	if (next_target(ex, s, again, progress)) {
		ipc_log(IPC_LOG_INFO, s->text, "%s; connecting again",
		    why != NULL ? why->what : "the peer ended");
		rearm(ex, s);
		return;
	}
	/* Nobody was there, as far as a datagram can tell. */
	if (why != NULL && why->sys == ECONNREFUSED && none)
		again = false;
	lost_error(s, why, again ? IPC_E_DATA : IPC_E_NET, &err);
	fail(ex, s, &err);
}

/* Queue r on the connection. */
static bool
ship(struct state *s, struct ipc_request *r)
{
	if (!ipc_port_share(s->target, &r->q))
		return false;
	s->repeated += r->repeated;
	r->nth = ++s->queued;
	r->got = 0;
	if (s->gap_ns > 0)
		ipc_pending_touch(&s->wait, r, ipc_now());
	return true;
}

/* A peer that sees the end of a request, or answers at all, only when its
 * input ends is told so early; others may take that for a hang-up. */
static void
end_early(const struct ipc_exchange *ex, struct state *s)
{
	const struct ipc_plan *plan = ex->plan;
	uint32_t caps;

	if (!s->local_over || s->target == NULL)
		return;
	caps = s->target->pl->end[0].conn.tr->caps;
	if ((caps & IPC_CAP_HALFCLOSE) != 0 && ((caps & IPC_CAP_CHILD) != 0 ||
	    ((caps & IPC_CAP_MSG) == 0 &&
	    plan->side[1 - plan->app].framing.kind == IPC_FRAME_RAW)))
		ipc_port_close(s->target);
}

static void
target_up(struct ipc_exchange *ex, struct state *s, struct ipc_port *p)
{
	struct ipc_request *r;

	s->target = p;
	s->dialing = false;
	s->connected = true;
	s->answered = false;
	s->queued = 0;
	s->connections++;
	ipc_port_text(p, s->text);
	for (r = ipc_pending_first(&s->wait); r != NULL;
	    r = ipc_pending_next(&s->wait, r))
		if (!ship(s, r)) {
			no_memory(ex, s);
			return;
		}
	end_early(ex, s);
	if (s->local != NULL && s->held)
		ipc_port_resume(s->local);
	check_end(ex, s);
	rearm(ex, s);
}

/* --- requests --- */

static void
no_more_requests(struct ipc_exchange *ex, struct state *s)
{
	s->local_over = true;
	if (s->local != NULL)
		ipc_port_pause(s->local, true);
	end_early(ex, s);
}

/* What is wrong with the key of the request that was taken last. */
static void
bad_request(struct ipc_exchange *ex, struct state *s, enum ipc_member what)
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
take(struct ipc_exchange *ex, struct state *s, const struct ipc_msg *m)
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
		no_memory(ex, s);
		return true;
	}
	r->no = r->q.id = s->taken;
	r->q.tag = 0;
	/* A last line without its end would keep the peer waiting. */
	if ((r->q.flags & IPC_MSG_OPEN) != 0)
		r->q.flags = 0;
	if (s->target != NULL && !ship(s, r))
		no_memory(ex, s);
	return true;
}

static bool
has_room(const struct state *s)
{
	return s->wait.n < s->limit &&
	    (s->wait.n == 0 || s->wait.bytes < KEEP_BYTES) &&
	    (s->target == NULL || !ipc_port_full(s->target));
}

static void
put_requests(struct ipc_exchange *ex, struct state *s, struct ipc_batch *b)
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
		dial(ex, s);
	check_end(ex, s);
	rearm(ex, s);
}

/* --- replies --- */

static void
stray(struct state *s, const struct ipc_msg *m)
{
	uint64_t more;

	if (s->strays++ == 0)
		s->first_stray = m->id;
	if (ipc_log_allow(&s->strays_log, ipc_now(), &more))
		ipc_log(IPC_LOG_WARN, s->text, "message %" PRIu64
		    " belongs to no request (and %" PRIu64 " more before)",
		    m->id, more);
}

static struct ipc_request *
match(const struct state *s, const struct ipc_msg *m)
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
is_mark(const struct state *s, const struct ipc_msg *m)
{
	return s->mark != NULL && m->len == s->nmark &&
	    (m->len == 0 || memcmp(m->data, s->mark, m->len) == 0);
}

/* False: stdout is full. */
static bool
take_reply(struct ipc_exchange *ex, struct state *s, const struct ipc_msg *m)
{
	struct ipc_request *r = match(s, m);

	if (r == NULL) {
		stray(s, m);
		return true;
	}
	s->answered = true;
	s->tries = 0;
	if (is_mark(s, m)) {
		complete(s, r);
		return true;
	}
	if (ipc_port_full(s->local))
		return false;
	if (!ipc_port_send(s->local, m)) {
		no_memory(ex, s);
		return true;
	}
	s->replies++;
	if (++r->got == s->count)
		complete(s, r);
	else if (s->gap_ns > 0)
		ipc_pending_touch(&s->wait, r, ipc_now());
	return true;
}

static void
put_replies(struct ipc_exchange *ex, struct state *s, struct ipc_port *p,
    struct ipc_batch *b)
{
	uint64_t before = s->complete;

	if (p != s->target || s->over) {
		ipc_batch_clear(b);
		return;
	}
	while (ipc_batch_count(b) > 0 && s->local != NULL && !s->over) {
		if (!take_reply(ex, s, &b->m[b->head]))
			break;
		ipc_batch_drop(b);
	}
	if (s->complete > before && s->held && s->local != NULL)
		ipc_port_resume(s->local);
	check_end(ex, s);
	rearm(ex, s);
}

/* --- what the exchange calls --- */

static int
request_start(struct ipc_exchange *ex, struct ipc_error *err)
{
	const struct ipc_settings *set = ex->plan->set;
	struct state *s = ex->state;

	s->redial_ns = IPC_NEVER;
	s->gap_ns = set->gap_ns;
	s->retry = set->retry;
	s->max_n = set->max_n;
	s->count = set->replies > 0 ? set->replies : s->gap_ns > 0 ?
	    NO_COUNT : 1;
	if (set->replies == IPC_REPLIES_END) {
		s->count = NO_COUNT;
		s->mark = set->end_mark != NULL ? set->end_mark : "";
		s->nmark = strlen(s->mark);
	}
	s->key = set->correlate;
	s->nkey = s->key != NULL ? strlen(s->key) : 0;
	if (s->key != NULL && s->mark != NULL)
		return ipc_fail(err, IPC_E_USAGE, 0, "use --replies N or "
		    "--gap", "an end mark belongs to no request: --replies "
		    "end does not go with --correlate");
	s->limit = set->in_flight > 65536 ? 65536 : set->in_flight == 0 ?
	    1024 : (uint32_t)set->in_flight;
	if (s->gap_ns > 0 && s->count != 1 && s->key == NULL)
		s->limit = 1;
	if (!ipc_pending_init(&s->wait, s->limit, s->key != NULL))
		return ipc_fail(err, IPC_E_NET, ENOMEM, NULL,
		    "no memory for %" PRIu32 " requests", s->limit);
	dial(ex, s);
	return 0;
}

static void
request_attach(struct ipc_exchange *ex, struct ipc_port *p)
{
	struct state *s = ex->state;

	/* A dial can fail before there is a LOCAL. */
	if (s->over) {
		ipc_port_abort(p, NULL);
		return;
	}
	if (p->role == IPC_ROLE_TARGET) {
		target_up(ex, s, p);
		return;
	}
	s->local = p;
	if (s->target != NULL)
		ipc_port_resume(s->target);
}

static void
request_put(struct ipc_exchange *ex, struct ipc_port *p, struct ipc_batch *b)
{
	struct state *s = ex->state;

	if (p->role == IPC_ROLE_TARGET)
		put_replies(ex, s, p, b);
	else
		put_requests(ex, s, b);
}

static void
request_ended(struct ipc_exchange *ex, struct ipc_port *p)
{
	struct state *s = ex->state;

	if (p == s->local) {
		s->local_over = true;
		end_early(ex, s);
		check_end(ex, s);
	} else if (p == s->target && !s->over) {
		if (s->gap_ns > 0)
			end_ends_replies(s);
		s->target = NULL;
		if (s->wait.n == 0)
			ipc_port_close(p);
		else
			ipc_port_abort(p, NULL);
		lost(ex, s, p, NULL);
	}
}

static void
request_room(struct ipc_exchange *ex, struct ipc_port *p)
{
	struct state *s = ex->state;

	if (p == s->local && s->target != NULL)
		ipc_port_resume(s->target);
	else if (p == s->target && s->held && s->local != NULL)
		ipc_port_resume(s->local);
}

static bool
run_is_ending(const struct ipc_exchange *ex)
{
	return ex->run != NULL && atomic_load(&ex->run->phase) == IPC_ENDING;
}

static void
request_detach(struct ipc_exchange *ex, struct ipc_port *p,
    const struct ipc_error *why, int status)
{
	struct state *s = ex->state;

	(void)status;
	if (p == s->local) {
		s->local = NULL;
		s->local_over = true;
		if (why != NULL && !s->over)
			ipc_exchange_note(ex, why);
		if (!run_is_ending(ex))
			finish(ex, s);
		return;
	}
	if (p != s->target)
		return;
	if (why == NULL && s->gap_ns > 0)
		end_ends_replies(s);
	s->target = NULL;
	if (!s->over && !run_is_ending(ex))
		lost(ex, s, p, why);
}

static void
request_failed(struct ipc_exchange *ex, enum ipc_role role, uint32_t index,
    const struct ipc_error *why)
{
	struct state *s = ex->state;
	const struct ipc_request *r;
	struct ipc_error err = { 0 };
	bool again = false;

	(void)role;
	(void)index;
	if (s->over || run_is_ending(ex))
		return;
	/* One target was retried by who dialed it. */
	if (ex->plan->nto > 1 && why->code == IPC_E_NET &&
	    next_target(ex, s, false, false)) {
		ipc_log_error(IPC_LOG_INFO, why);
		rearm(ex, s);
		return;
	}
	s->dialing = false;
	for (r = ipc_pending_first(&s->wait); r != NULL;
	    r = ipc_pending_next(&s->wait, r))
		again |= r->repeated;
	if (again)
		lost_error(s, why, IPC_E_DATA, &err);
	else
		err = *why;
	fail(ex, s, &err);
}

static void
request_expired(struct ipc_exchange *ex, uint64_t now)
{
	struct state *s = ex->state;
	char text[120], gap[IPC_UNIT_TEXT];
	struct ipc_error err = { 0 };
	struct ipc_request *r;
	uint64_t before = s->complete;

	if (s->redial_ns <= now)
		dial(ex, s);
	while (s->gap_ns > 0 && s->target != NULL && !s->over &&
	    (r = next_stale(s)) != NULL && r->since_ns + s->gap_ns <= now) {
		if (r->nth > s->target->out_msgs) {
			ipc_pending_touch(&s->wait, r, now);
		} else if (r->got > 0) {
			complete(s, r);
		} else {
			ipc_fail(&err, IPC_E_DATA, 0, "wait longer: --gap, or "
			    "look into the log of the peer",
			    "no reply within %s: %s", ipc_format_duration(gap,
			    s->gap_ns), unanswered(s, text, sizeof(text)));
			ipc_error_where(&err, "%s", s->text);
			fail(ex, s, &err);
		}
	}
	if (s->complete > before && s->held && s->local != NULL)
		ipc_port_resume(s->local);
	check_end(ex, s);
	rearm(ex, s);
}

static void
request_drain(struct ipc_exchange *ex)
{
	struct state *s = ex->state;

	/* What stdin gave so far is still put, then ended() comes. */
	if (s->local == NULL)
		s->local_over = true;
	check_end(ex, s);
}

static void
request_stats(const struct ipc_exchange *ex, struct ipc_text *out)
{
	const struct state *s = ex->state;

	ipc_text_add(out, "requests %" PRIu64 "\nreplies %" PRIu64
	    "\ncomplete %" PRIu64 "\nunanswered %" PRIu32
	    "\nrepeated %" PRIu64 "\nunasked %" PRIu64
	    "\nconnections %" PRIu64 "\n", s->taken, s->replies, s->complete,
	    s->wait.n, s->repeated, s->strays, s->connections);
}

static void
request_stop(struct ipc_exchange *ex)
{
	struct state *s = ex->state;
	char text[120];

	/* A deadline or a signal was faster: say at least what is missing. */
	if (!s->over && s->wait.order.next != NULL && s->wait.n > 0)
		ipc_log(IPC_LOG_ERROR, s->text[0] != '\0' ? s->text : NULL,
		    "%s", unanswered(s, text, sizeof(text)));
	ipc_pending_free(&s->wait);
}

const struct ipc_exchange_ops ipc_exchange_request = {
	.name = "request",
	.summary = "each message is a request; its replies go to stdout",
	.state_size = sizeof(struct state),
	.start = request_start,
	.attach = request_attach,
	.put = request_put,
	.ended = request_ended,
	.room = request_room,
	.detach = request_detach,
	.failed = request_failed,
	.expired = request_expired,
	.drain = request_drain,
	.stats = request_stats,
	.stop = request_stop,
};
