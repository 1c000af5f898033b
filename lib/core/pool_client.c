/*
 * Clients of a handler pool: what may be taken from them, and how they end.
 * States and bounds are in pool.h; their requests are in pool_request.c.
 *
 * A client ends in one of these ways: its input ended and all is answered
 * (closed), we are leaving and all is answered (closed, and aborted if it
 * stays), a request of it failed and there is no --fail-reply (cut), or it
 * went by itself (gone).
 */
#include "core/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "core/pipeline.h"

void
ipc_serve_ready(struct ipc_serve *s, struct ipc_serve_client *c)
{
	if (!c->cut && !ipc_list_empty(&c->pending) &&
	    ipc_list_empty(&c->ready))
		ipc_list_append(&s->ready, &c->ready);
}

void
ipc_serve_resume(struct ipc_serve_client *c)
{
	c->stopped = c->left = false;
	ipc_port_resume(c->port);
}

void
ipc_serve_cut(struct ipc_serve *s, struct ipc_serve_client *c,
    struct ipc_error *why)
{
	c->cut = true;
	c->why = why;
	c->leave_ns = ipc_now() + POOL_LINGER_NS;
	ipc_serve_abandon(s, c);
	ipc_list_remove(&c->ready);
	ipc_list_remove(&c->stall);
	if (c->port->out.n == 0) {
		ipc_port_abort(c->port, why);
		return;
	}
	ipc_serve_wake(s, c->leave_ns);	/* or room() */
}

bool
ipc_serve_client_add(struct ipc_serve *s, struct ipc_port *p)
{
	struct ipc_serve_client *c = calloc(1, sizeof(*c));
	struct ipc_error err = { 0 };

	p->data = c;
	if (c == NULL) {
		ipc_fail(&err, IPC_E_NET, ENOMEM, NULL,
		    "cannot serve a client");
		ipc_port_abort(p, &err);
		return false;
	}
	c->port = p;
	c->leave_ns = IPC_NEVER;
	c->endless = p->pl != NULL && p->pl->end[0].conn.tr != NULL &&
	    (p->pl->end[0].conn.tr->caps & IPC_CAP_ENDLESS) != 0;
	ipc_list_init(&c->ready);
	ipc_list_init(&c->stall);
	ipc_list_init(&c->lanes);
	ipc_list_init(&c->pending);
	ipc_list_init(&c->lane.chain);
	ipc_list_init(&c->lane.mine);
	ipc_list_init(&c->lane.reqs);
	c->lane.client = c;
	ipc_list_append(&c->lanes, &c->lane.mine);
	ipc_list_init(&c->node);
	ipc_list_append(&s->clients, &c->node);
	ipc_serve_client_check(s, c);
	return true;
}

/* May c ask for more?  If not, who will say so when it may. */
static bool
may_ask(struct ipc_serve *s, struct ipc_serve_client *c)
{
	if (s->stopping)
		return false;
	if (c->outstanding >= s->in_flight || ipc_port_full(c->port)) {
		c->stopped = true;
		return false;
	}
	if (s->nreqs >= POOL_REQUESTS || s->bytes >= POOL_BYTES) {
		if (ipc_list_empty(&c->stall))
			ipc_list_append(&s->stalled, &c->stall);
		return false;
	}
	return true;
}

void
ipc_serve_client_put(struct ipc_serve *s, struct ipc_serve_client *c,
    struct ipc_batch *b)
{
	const char *text = s->set->reply;
	struct ipc_error err = { 0 };

	while (ipc_batch_count(b) > 0) {
		struct ipc_msg *m = &b->m[b->head];

		if (c->cut || c->closed) {
			s->dropped++;
			ipc_batch_drop(b);
			continue;
		}
		if (!may_ask(s, c)) {
			c->left = true;
			return;
		}
		if (text != NULL ? !ipc_port_say(c->port, text, strlen(text),
		    m->id, m->tag) : !ipc_serve_take(s, c, m)) {
			ipc_fail(&err, IPC_E_NET, ENOMEM, NULL,
			    "cannot keep a request");
			ipc_port_abort(c->port, &err);
			ipc_batch_clear(b);
			return;
		}
		s->replies += text != NULL;
		ipc_batch_drop(b);
		if (++s->requests == s->set->max_n)
			ipc_serve_stop(s);
	}
}

void
ipc_serve_client_room(struct ipc_serve *s, struct ipc_serve_client *c)
{
	struct ipc_list *n;

	if (c->cut || (c->closed && s->stopping && c->endless)) {
		if (c->port->out.n == 0)
			ipc_port_abort(c->port, c->why);
		return;
	}
	if (c->stopped)
		ipc_serve_resume(c);
	ipc_serve_ready(s, c);
	if (!s->many)
		return;
	for (n = c->lanes.next; n != &c->lanes; n = n->next) {
		struct ipc_serve_lane *l = ipc_list_entry(n,
		    struct ipc_serve_lane, mine);
		struct ipc_list *q;

		for (q = l->reqs.next; q != &l->reqs; q = q->next) {
			struct ipc_serve_req *r = ipc_list_entry(q,
			    struct ipc_serve_req, node);

			if (r->worker != NULL)
				ipc_serve_worker_resume(r->worker);
			if (s->ordered)
				break;
		}
	}
}

void
ipc_serve_client_check(struct ipc_serve *s, struct ipc_serve_client *c)
{
	if (c->cut || c->outstanding > 0 || (!c->ended && !s->stopping))
		return;
	if (!c->closed) {
		c->closed = true;
		ipc_port_close(c->port);
		ipc_serve_resume(c);	/* what is left is not wanted */
	}
	if (!s->stopping || c->leave_ns != IPC_NEVER)
		return;
	if (c->endless && c->port->out.n == 0) {
		ipc_port_abort(c->port, NULL);
		return;
	}
	c->leave_ns = ipc_now() + POOL_LINGER_NS;
	ipc_serve_wake(s, c->leave_ns);
}

void
ipc_serve_client_expired(struct ipc_serve *s, uint64_t now_ns)
{
	struct ipc_list *n;

	for (n = s->clients.next; n != &s->clients; n = n->next) {
		struct ipc_serve_client *c = ipc_list_entry(n,
		    struct ipc_serve_client, node);

		if (c->leave_ns <= now_ns && (c->cut || c->port->out.n == 0)) {
			c->leave_ns = IPC_NEVER;
			ipc_port_abort(c->port, c->why);
		} else if (c->leave_ns <= now_ns) {
			c->leave_ns = now_ns + POOL_LINGER_NS;
		}
		if (c->leave_ns != IPC_NEVER)
			ipc_serve_wake(s, c->leave_ns);
	}
}

/* A connection that broke is a failure of its own only where one more will
 * not come: a server that stays tells of it and goes on. */
static void
judge(struct ipc_serve *s, const struct ipc_serve_client *c,
    const struct ipc_error *why)
{
	if (why == NULL || c->cut)
		return;
	if (!s->set->keep || s->set->max_n > 0)
		ipc_exchange_note(s->ex, why);
	ipc_log_error(IPC_LOG_WARN, why);
}

void
ipc_serve_client_gone(struct ipc_serve *s, struct ipc_serve_client *c,
    const struct ipc_error *why)
{
	judge(s, c, why);
	c->cut = true;		/* nothing is resumed for it */
	c->stopped = false;
	ipc_serve_abandon(s, c);
	ipc_list_remove(&c->node);
	ipc_list_remove(&c->ready);
	ipc_list_remove(&c->stall);
	free(c->why);
	free(c);
}

void
ipc_serve_unstall(struct ipc_serve *s)
{
	struct ipc_serve_client *c;

	if (s->nreqs > POOL_REQUESTS / 4 * 3 || s->bytes > POOL_BYTES / 4 * 3)
		return;
	while (!ipc_list_empty(&s->stalled)) {
		c = ipc_list_entry(s->stalled.next, struct ipc_serve_client,
		    stall);
		ipc_list_remove(&c->stall);
		ipc_serve_resume(c);
	}
}
