/*
 * Requests and replies: the connections.  See request.h.
 *
 * Targets are a list: the next one is dialed when one cannot be reached, or
 * ends before a request was sent on it.  A request that was sent may have been
 * executed: it is sent again only with -r, at least once then, and otherwise
 * named in the error.  A peer that ends while nobody waits for a reply is no
 * failure: the next request opens a new connection.  Not here: messages.
 */
#include "core/request.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "core/dial.h"
#include "core/pipeline.h"
#include "core/plan.h"

#define REPEAT_HINT "-r connects again and repeats what has no reply"

void
ipc_asker_dial(struct ipc_exchange *ex, struct ipc_asker *s)
{
	s->redial_ns = IPC_NEVER;
	s->dialing = true;
	ipc_exchange_dial(ex, s->index);
}

/* Another connection: along the list at once, then from its beginning with
 * -r.  again: what is to be sent was sent before.  False: there is none. */
static bool
next_target(struct ipc_exchange *ex, struct ipc_asker *s, bool again,
    bool progress)
{
	if (s->index + 1 < ex->plan->nto && (!again || s->retry > 0)) {
		s->index++;
		ipc_asker_dial(ex, s);
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
		ipc_asker_dial(ex, s);
	return true;
}

static void
lost_error(const struct ipc_asker *s, const struct ipc_error *why,
    enum ipc_code code, struct ipc_error *err)
{
	char text[ASKER_TEXT];

	ipc_asker_unanswered(s, text, sizeof(text));
	if (why != NULL && why->code == IPC_E_DEADLINE)
		code = why->code;
	if (why == NULL)
		ipc_fail(err, code, 0, REPEAT_HINT,
		    "closed before reply: %s", text);
	else
		ipc_fail(err, code, 0, code == IPC_E_NET &&
		    why->hint[0] != '\0' ? why->hint : REPEAT_HINT,
		    "%s: %s", text, why->what);
	ipc_error_where(err, "%s", s->text);
}

/* why, with the requests that it leaves without a reply. */
static void
named_error(const struct ipc_asker *s, const struct ipc_error *why,
    struct ipc_error *err)
{
	char text[ASKER_TEXT];

	ipc_fail(err, why->code, 0, why->hint[0] != '\0' ? why->hint : NULL,
	    "%s: %s", ipc_asker_unanswered(s, text, sizeof(text)), why->what);
	err->sys = why->sys;
	if (why->where[0] != '\0')
		ipc_error_where(err, "%s", why->where);
}

void
ipc_asker_local_lost(struct ipc_exchange *ex, const struct ipc_asker *s,
    const struct ipc_error *why)
{
	struct ipc_error err = *why;

	/* -i: both sides were silent, and either may be noticed first. */
	if (why->code == IPC_E_DEADLINE && s->wait.n > 0) {
		memset(&err, 0, sizeof(err));
		named_error(s, why, &err);
		ipc_error_where(&err, "%s", s->text);
	}
	ipc_exchange_note(ex, &err);
}

void
ipc_asker_lost(struct ipc_exchange *ex, struct ipc_asker *s,
    const struct ipc_port *p, const struct ipc_error *why)
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
		ipc_asker_check(ex, s);
		return;
	}
	if (p->refused) {
		/* It would break the next connection as well. */
		lost_error(s, why, IPC_E_DATA, &err);
		ipc_error_hint(&err, "%s", why->hint);
		ipc_asker_fail(ex, s, &err);
		return;
	}
	if (next_target(ex, s, again, progress)) {
		ipc_log(IPC_LOG_INFO, s->text, "%s; connecting again",
		    why != NULL ? why->what : "the peer ended");
		ipc_asker_rearm(ex, s);
		return;
	}
	/* Nobody was there, as far as a datagram can tell. */
	if (why != NULL && why->sys == ECONNREFUSED && none)
		again = false;
	lost_error(s, why, again ? IPC_E_DATA : IPC_E_NET, &err);
	ipc_asker_fail(ex, s, &err);
}

bool
ipc_asker_ship(struct ipc_asker *s, struct ipc_request *r)
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

void
ipc_asker_end_early(const struct ipc_exchange *ex, struct ipc_asker *s)
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

void
ipc_asker_up(struct ipc_exchange *ex, struct ipc_asker *s, struct ipc_port *p)
{
	struct ipc_request *r;

	s->target = p;
	s->dialing = false;
	s->connected = true;
	s->answered = false;
	s->queued = s->given = 0;
	s->connections++;
	ipc_port_text(p, s->text);
	for (r = ipc_pending_first(&s->wait); r != NULL;
	    r = ipc_pending_next(&s->wait, r))
		if (!ipc_asker_ship(s, r)) {
			ipc_asker_no_memory(ex, s);
			return;
		}
	ipc_asker_end_early(ex, s);
	if (s->local != NULL && s->held)
		ipc_port_resume(s->local);
	ipc_asker_check(ex, s);
	ipc_asker_rearm(ex, s);
}

void
ipc_asker_failed(struct ipc_exchange *ex, struct ipc_asker *s,
    const struct ipc_error *why)
{
	const struct ipc_request *r;
	struct ipc_error err = { 0 };
	bool again = false;

	if (s->over || ipc_asker_ending(ex))
		return;
	/* One target was retried by who dialed it. */
	if (ex->plan->nto > 1 && why->code == IPC_E_NET &&
	    next_target(ex, s, false, false)) {
		ipc_log_error(IPC_LOG_INFO, why);
		ipc_asker_rearm(ex, s);
		return;
	}
	s->dialing = false;
	for (r = ipc_pending_first(&s->wait); r != NULL;
	    r = ipc_pending_next(&s->wait, r))
		again |= r->repeated;
	if (again)
		lost_error(s, why, IPC_E_DATA, &err);
	else
		named_error(s, why, &err);
	ipc_asker_fail(ex, s, &err);
}

