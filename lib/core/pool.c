/*
 * The serving behaviour of listen: each message of a client is a request,
 * answered by a pool of persistent children (--pool), a child of its own
 * (--per message), or one text (--reply).  What goes where is in pool.h.
 *
 *	serving -> stopping (drain, -n, first client gone, handler unusable)
 *	        -> closed (no client, no request: workers end) -> over
 *
 * No request is lost: it is answered once, or has failed, which the client
 * is told and the exit code tells too.
 */
#include "core/pool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/text.h"
#include "core/plan.h"

#define IN_FLIGHT 1024		/* without --in-flight */

void
ipc_serve_wake(struct ipc_serve *s, uint64_t at_ns)
{
	if (at_ns >= s->at_ns)
		return;
	s->at_ns = at_ns;
	ipc_exchange_at(s->ex, at_ns);
}

void
ipc_serve_note(struct ipc_serve *s, const struct ipc_error *err)
{
	uint64_t more;

	ipc_exchange_note(s->ex, err);
	if (!ipc_log_allow(&s->limit, ipc_now(), &more))
		return;
	if (more > 0)
		ipc_log(IPC_LOG_WARN, NULL, "%" PRIu64
		    " more failures of the handler", more);
	ipc_log_error(IPC_LOG_WARN, err);
}

void
ipc_serve_stop(struct ipc_serve *s)
{
	struct ipc_list *n;

	if (s->stopping)
		return;
	s->stopping = true;
	for (n = s->clients.next; n != &s->clients; n = n->next)
		ipc_serve_client_check(s, ipc_list_entry(n,
		    struct ipc_serve_client, node));
}

/* What every callback begins with.  A child that is started may be there, or
 * have failed, before ipc_exchange_child() returns: the outermost callback
 * does the work that the inner ones leave. */
static struct ipc_serve *
enter(struct ipc_exchange *ex)
{
	struct ipc_serve *s = ex->state;

	s->depth++;
	return s;
}

static void
close_all(struct ipc_serve *s)
{
	if (!s->stopping || s->over || s->nreqs > 0 ||
	    !ipc_list_empty(&s->clients) || !ipc_serve_workers_close(s))
		return;
	s->over = true;
	ipc_exchange_done(s->ex);
}

/* What every callback ends with. */
static void
leave(struct ipc_serve *s)
{
	s->again = true;
	while (s->depth == 1 && s->again) {
		s->again = false;
		ipc_serve_unstall(s);
		ipc_serve_dispatch(s);
		close_all(s);
	}
	s->depth--;
}

static int
pool_start(struct ipc_exchange *ex, struct ipc_error *err)
{
	struct ipc_serve *s = ex->state;
	const struct ipc_settings *set = ex->plan->set;
	int r;

	s->ex = ex;
	s->set = set;
	s->at_ns = IPC_NEVER;
	s->per = set->per == IPC_PER_MESSAGE;
	s->many = !s->per && (set->replies > 1 || set->gap_ns > 0);
	s->ordered = set->correlate == NULL;
	s->in_flight = set->in_flight == 0 ? IN_FLIGHT :
	    set->in_flight < POOL_REQUESTS ? (uint32_t)set->in_flight :
	    POOL_REQUESTS;
	ipc_list_init(&s->idle);
	ipc_list_init(&s->closing);
	ipc_list_init(&s->clients);
	ipc_list_init(&s->ready);
	ipc_list_init(&s->stalled);
	ipc_list_init(&s->spare);
	if (set->reply != NULL)
		return 0;
	enter(ex);
	r = ipc_serve_workers_start(s, err);
	leave(s);
	return r;
}

static void
pool_attach(struct ipc_exchange *ex, struct ipc_port *p)
{
	struct ipc_serve *s = enter(ex);

	if (p->role == IPC_ROLE_WORKER)
		ipc_serve_worker_attach(s, p);
	else
		ipc_serve_client_add(s, p);
	leave(s);
}

/* What a port put: again while it is told to go on before its put() returns,
 * because then it cannot be resumed. */
static void
client_put(struct ipc_exchange *ex, struct ipc_serve_client *c,
    struct ipc_batch *b)
{
	struct ipc_serve *s;

	do {
		s = enter(ex);
		c->left = false;
		ipc_serve_client_put(s, c, b);
		leave(s);
	} while (ipc_batch_count(b) > 0 && !c->left);
}

static void
worker_put(struct ipc_exchange *ex, struct ipc_serve_worker *w,
    struct ipc_batch *b)
{
	struct ipc_serve *s;

	do {
		s = enter(ex);
		w->blocked = false;
		ipc_serve_worker_put(s, w, b);
		leave(s);
	} while (ipc_batch_count(b) > 0 && !w->blocked);
}

static void
pool_put(struct ipc_exchange *ex, struct ipc_port *p, struct ipc_batch *b)
{
	if (p->data == NULL)
		ipc_batch_clear(b);
	else if (p->role == IPC_ROLE_WORKER)
		worker_put(ex, p->data, b);
	else
		client_put(ex, p->data, b);
}

static void
pool_ended(struct ipc_exchange *ex, struct ipc_port *p)
{
	struct ipc_serve *s = enter(ex);
	struct ipc_serve_client *c = p->data;

	if (p->role == IPC_ROLE_WORKER) {
		if (p->data != NULL)
			ipc_serve_worker_ended(s, p->data);
	} else if (c != NULL) {
		c->ended = true;
		ipc_serve_client_check(s, c);
	}
	leave(s);
}

static void
pool_room(struct ipc_exchange *ex, struct ipc_port *p)
{
	struct ipc_serve *s = enter(ex);

	if (p->data != NULL && p->role != IPC_ROLE_WORKER)
		ipc_serve_client_room(s, p->data);
	leave(s);
}

static void
pool_detach(struct ipc_exchange *ex, struct ipc_port *p,
    const struct ipc_error *why, int status)
{
	struct ipc_serve *s = enter(ex);

	if (p->role == IPC_ROLE_WORKER) {
		if (p->data != NULL)
			ipc_serve_worker_gone(s, p->data, why, status);
	} else {
		if (p->data != NULL)
			ipc_serve_client_gone(s, p->data, why);
		if (!s->set->keep)
			ipc_serve_stop(s);
	}
	p->data = NULL;
	leave(s);
}

static void
pool_failed(struct ipc_exchange *ex, enum ipc_role role, uint32_t index,
    const struct ipc_error *why)
{
	struct ipc_serve *s = enter(ex);

	if (role == IPC_ROLE_WORKER)
		ipc_serve_worker_failed(s, index, why);
	leave(s);
}

static void
pool_expired(struct ipc_exchange *ex, uint64_t now_ns)
{
	struct ipc_serve *s = enter(ex);

	s->at_ns = IPC_NEVER;
	ipc_serve_worker_expired(s, now_ns);
	ipc_serve_client_expired(s, now_ns);
	leave(s);
}

static void
pool_drain(struct ipc_exchange *ex)
{
	struct ipc_serve *s = enter(ex);

	ipc_serve_stop(s);
	leave(s);
}

static void
pool_stats(const struct ipc_exchange *ex, struct ipc_text *out)
{
	const struct ipc_serve *s = ex->state;
	const struct {
		const char *name;
		uint64_t n;
	} rows[] = {
		{ "requests", s->requests }, { "replies", s->replies },
		{ "retried", s->retried }, { "failed", s->failed },
		{ "timeouts", s->timeouts }, { "restarts", s->restarts },
		{ "dropped", s->dropped }, { "late", s->late },
		{ "queue-peak", s->peak },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ipc_text_add(out, "%s %" PRIu64 "\n", rows[i].name, rows[i].n);
}

static void
pool_stop(struct ipc_exchange *ex)
{
	struct ipc_serve *s = ex->state;

	if (s->ex == NULL)
		return;
	ipc_serve_workers_free(s);
	ipc_serve_requests_free(s);
}

const struct ipc_exchange_ops ipc_exchange_pool = {
	.name = "pool",
	.summary = "each message of a client is a request for a handler",
	.state_size = sizeof(struct ipc_serve),
	.start = pool_start,
	.attach = pool_attach,
	.put = pool_put,
	.ended = pool_ended,
	.room = pool_room,
	.detach = pool_detach,
	.failed = pool_failed,
	.expired = pool_expired,
	.drain = pool_drain,
	.stats = pool_stats,
	.stop = pool_stop,
};
