/*
 * Requests and replies (send -R): LOCAL asks, TARGET answers.  See request.h.
 *
 * A request is complete after so many replies (--replies N, 1 by default),
 * with the end mark (--replies end), or when no reply came for --gap; with
 * --gap alone only that ends it.  While only a silence can tell, one request
 * is on its way at a time.
 *
 * Here: the start, the end and time.  request_put.c takes the messages,
 * request_target.c has the connections.
 */
#include "core/request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/units.h"
#include "core/plan.h"
#include "core/run.h"

#define NO_COUNT UINT64_MAX	/* replies are not counted */

/* --- the end --- */

void
ipc_asker_finish(struct ipc_exchange *ex, struct ipc_asker *s)
{
	if (s->over)
		return;
	s->over = true;
	ipc_exchange_at(ex, IPC_NEVER);
	ipc_exchange_done(ex);
}

/* It is with the kernel, of this connection or of an earlier one. */
static bool
was_sent(const struct ipc_asker *s, const struct ipc_request *r)
{
	return r->repeated || (r->nth > 0 && r->nth <= (s->target != NULL ?
	    s->target->out_msgs : s->given));
}

char *
ipc_asker_unanswered(const struct ipc_asker *s, char *buf, size_t size)
{
	const struct ipc_request *r = ipc_pending_first(&s->wait), *i;
	uint64_t sent = s->complete;
	char more[40] = "", part[40] = "";
	bool one = s->wait.n == 1;

	if (r == NULL) {
		snprintf(buf, size, "no request was sent");
		return buf;
	}
	for (i = r; i != NULL; i = ipc_pending_next(&s->wait, i))
		sent += was_sent(s, i);
	if (!one)
		snprintf(more, sizeof(more), " and %" PRIu32 " more",
		    s->wait.n - 1);
	if (!was_sent(s, r)) {
		snprintf(buf, size, "request %" PRIu64 "%s %s not sent", r->no,
		    more, one ? "was" : "were");
		return buf;
	}
	if (r->got > 0)
		snprintf(part, sizeof(part), ", %" PRIu64 " %s", r->got,
		    r->got == 1 ? "reply" : "replies");
	snprintf(buf, size, "request %" PRIu64 " (of %" PRIu64 " sent%s)%s %s",
	    r->no, sent, part, more, r->got > 0 ?
	    (one ? "is not complete" : "are not complete") :
	    (one ? "has no reply" : "have no reply"));
	return buf;
}

void
ipc_asker_fail(struct ipc_exchange *ex, struct ipc_asker *s,
    const struct ipc_error *err)
{
	if (s->over)
		return;
	ipc_exchange_note(ex, err);
	if (s->target != NULL)
		ipc_port_abort(s->target, NULL);
	ipc_asker_finish(ex, s);
}

void
ipc_asker_no_memory(struct ipc_exchange *ex, struct ipc_asker *s)
{
	struct ipc_error err = { 0 };

	ipc_fail(&err, IPC_E_NET, ENOMEM, NULL, "cannot keep a message");
	ipc_asker_fail(ex, s, &err);
}

void
ipc_asker_check(struct ipc_exchange *ex, struct ipc_asker *s)
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
	ipc_asker_finish(ex, s);
}

bool
ipc_asker_ending(const struct ipc_exchange *ex)
{
	return ex->run != NULL && atomic_load(&ex->run->phase) == IPC_ENDING;
}

/* --- time --- */

static struct ipc_request *
next_stale(const struct ipc_asker *s)
{
	return s->key != NULL ? ipc_pending_stalest(&s->wait) :
	    ipc_pending_first(&s->wait);
}

void
ipc_asker_rearm(struct ipc_exchange *ex, struct ipc_asker *s)
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

/* --- what the exchange calls --- */

static int
request_start(struct ipc_exchange *ex, struct ipc_error *err)
{
	const struct ipc_settings *set = ex->plan->set;
	struct ipc_asker *s = ex->state;

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
	ipc_asker_dial(ex, s);
	return 0;
}

static void
request_attach(struct ipc_exchange *ex, struct ipc_port *p)
{
	struct ipc_asker *s = ex->state;

	/* A dial can fail before there is a LOCAL. */
	if (s->over) {
		ipc_port_abort(p, NULL);
		return;
	}
	if (p->role == IPC_ROLE_TARGET) {
		ipc_asker_up(ex, s, p);
		return;
	}
	s->local = p;
	if (s->target != NULL)
		ipc_port_resume(s->target);
}

static void
request_put(struct ipc_exchange *ex, struct ipc_port *p, struct ipc_batch *b)
{
	struct ipc_asker *s = ex->state;

	if (p->role == IPC_ROLE_TARGET)
		ipc_asker_replies(ex, s, p, b);
	else
		ipc_asker_put(ex, s, b);
}

static void
request_ended(struct ipc_exchange *ex, struct ipc_port *p)
{
	struct ipc_asker *s = ex->state;

	if (p == s->local) {
		s->local_over = true;
		ipc_asker_end_early(ex, s);
		ipc_asker_check(ex, s);
	} else if (p == s->target && !s->over) {
		if (s->gap_ns > 0)
			ipc_asker_end_replies(s);
		s->target = NULL;
		if (s->wait.n == 0)
			ipc_port_close(p);
		else
			ipc_port_abort(p, NULL);
		ipc_asker_lost(ex, s, p, NULL);
	}
}

static void
request_skipped(struct ipc_exchange *ex, struct ipc_port *p, bool out,
    uint64_t id)
{
	ipc_asker_skipped(ex, ex->state, p, out, id);
}

static void
request_room(struct ipc_exchange *ex, struct ipc_port *p)
{
	struct ipc_asker *s = ex->state;

	if (p == s->local && s->target != NULL)
		ipc_port_resume(s->target);
	else if (p == s->target && s->held && s->local != NULL)
		ipc_port_resume(s->local);
}

static void
request_detach(struct ipc_exchange *ex, struct ipc_port *p,
    const struct ipc_error *why, int status)
{
	struct ipc_asker *s = ex->state;

	(void)status;
	if (p == s->local) {
		s->local = NULL;
		s->local_over = true;
		if (why != NULL && !s->over)
			ipc_asker_local_lost(ex, s, why);
		if (!ipc_asker_ending(ex))
			ipc_asker_finish(ex, s);
		return;
	}
	if (p != s->target)
		return;
	if (why == NULL && s->gap_ns > 0)
		ipc_asker_end_replies(s);
	s->target = NULL;
	s->given = p->out_msgs;
	if (!s->over && !ipc_asker_ending(ex))
		ipc_asker_lost(ex, s, p, why);
	/* All is answered, but the child that did it says that it failed. */
	else if (why != NULL && why->code == IPC_E_REMOTE)
		ipc_exchange_note(ex, why);
}

static void
request_failed(struct ipc_exchange *ex, enum ipc_role role, uint32_t index,
    const struct ipc_error *why)
{
	(void)role;
	(void)index;
	ipc_asker_failed(ex, ex->state, why);
}

static void
request_expired(struct ipc_exchange *ex, uint64_t now)
{
	struct ipc_asker *s = ex->state;
	char text[ASKER_TEXT], gap[IPC_UNIT_TEXT];
	struct ipc_error err = { 0 };
	struct ipc_request *r;
	uint64_t before = s->complete;

	if (s->redial_ns <= now)
		ipc_asker_dial(ex, s);
	while (s->gap_ns > 0 && s->target != NULL && !s->over &&
	    (r = next_stale(s)) != NULL && r->since_ns + s->gap_ns <= now) {
		if (r->nth > s->target->out_msgs) {
			ipc_pending_touch(&s->wait, r, now);
		} else if (r->got > 0) {
			ipc_asker_complete(s, r);
		} else {
			ipc_fail(&err, IPC_E_DATA, 0, "wait longer: --gap, or "
			    "look into the log of the peer",
			    "no reply within %s: %s", ipc_format_duration(gap,
			    s->gap_ns), ipc_asker_unanswered(s, text,
			    sizeof(text)));
			ipc_error_where(&err, "%s", s->text);
			ipc_asker_fail(ex, s, &err);
		}
	}
	if (s->complete > before && s->held && s->local != NULL)
		ipc_port_resume(s->local);
	ipc_asker_check(ex, s);
	ipc_asker_rearm(ex, s);
}

static void
request_drain(struct ipc_exchange *ex)
{
	struct ipc_asker *s = ex->state;

	/* What stdin gave so far is still put, then ended() comes. */
	if (s->local == NULL)
		s->local_over = true;
	ipc_asker_check(ex, s);
}

static void
request_stats(const struct ipc_exchange *ex, struct ipc_text *out)
{
	const struct ipc_asker *s = ex->state;

	ipc_text_add(out, "requests %" PRIu64 "\nreplies %" PRIu64
	    "\ncomplete %" PRIu64 "\nunanswered %" PRIu32
	    "\nrepeated %" PRIu64 "\nunasked %" PRIu64
	    "\nconnections %" PRIu64 "\n", s->taken, s->replies, s->complete,
	    s->wait.n, s->repeated, s->strays, s->connections);
}

static void
request_stop(struct ipc_exchange *ex)
{
	struct ipc_asker *s = ex->state;
	char text[ASKER_TEXT];

	/* A deadline or a signal was faster: say at least what is missing. */
	if (!s->over && s->wait.order.next != NULL && s->wait.n > 0)
		ipc_log(IPC_LOG_ERROR, s->text[0] != '\0' ? s->text : NULL,
		    "%s", ipc_asker_unanswered(s, text, sizeof(text)));
	ipc_pending_free(&s->wait);
}

const struct ipc_exchange_ops ipc_exchange_request = {
	.name = "request",
	.summary = "each message is a request; its replies go to stdout",
	.state_size = sizeof(struct ipc_asker),
	.start = request_start,
	.attach = request_attach,
	.put = request_put,
	.skipped = request_skipped,
	.ended = request_ended,
	.room = request_room,
	.detach = request_detach,
	.failed = request_failed,
	.expired = request_expired,
	.drain = request_drain,
	.stats = request_stats,
	.stop = request_stop,
};
