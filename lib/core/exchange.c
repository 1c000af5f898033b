/*
 * The machinery of exchanges: ports on pipelines, and what behaviours call.
 * See exchange.h; the routing is in pool.c, fanout.c, request.c, spread.c.
 *
 * A port's life: made with its pipeline, attached when the connection is open
 * and its stages exist, detached when the pipeline is closed.  Everything a
 * behaviour asks for is done after its callback has returned: pipelines are
 * put on the worker's run queue, which is served in the same round of the
 * event loop.
 */
#include "core/exchange.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/dial.h"
#include "core/flow.h"
#include "core/phase.h"
#include "core/port.h"
#include "core/run.h"
#include "core/worker.h"

static struct ipc_worker *
worker_of(const struct ipc_exchange *ex)
{
	return &ex->run->workers[0];
}

/* --- the side of the behaviours --- */

/* Something can move on p's pipeline. */
static void
wake(struct ipc_port *p)
{
	if (p->pl != NULL)
		ipc_worker_defer(p->pl->w, p->pl);
}

static void
wake_out(struct ipc_port *p)
{
	if (p->pl == NULL)
		return;
	if (p->idle) {
		p->idle = false;
		p->pl->dir[1].wait_src = false;
	}
	wake(p);
}

bool
ipc_port_send(struct ipc_port *p, const struct ipc_msg *m)
{
	if (p->out_closed || p->gone || !ipc_mq_add(&p->out, m))
		return false;
	wake_out(p);
	return true;
}

bool
ipc_port_share(struct ipc_port *p, const struct ipc_qmsg *m)
{
	if (p->out_closed || p->gone || !ipc_mq_share(&p->out, m))
		return false;
	wake_out(p);
	return true;
}

bool
ipc_port_say(struct ipc_port *p, const void *data, size_t len, uint64_t id,
    uint64_t tag)
{
	struct ipc_chunk *c = len > UINT32_MAX / 2 ? NULL :
	    ipc_chunk_big((uint32_t)len);
	struct ipc_msg m = { .chunk = c, .len = (uint32_t)len, .id = id,
	    .tag = tag, .unit = IPC_MSGS, .hdr_off = IPC_MSG_HDR };
	bool ok;

	if (c == NULL)
		return false;
	m.data = c->data;
	memcpy(c->data, data, len);
	ok = ipc_port_send(p, &m);
	ipc_chunk_put(c);
	return ok;
}

bool
ipc_port_full(const struct ipc_port *p)
{
	uint64_t most = p->ex->plan->set->queue;

	return p->out.n >= (most == 0 ? IPC_PORT_MSGS : most) ||
	    p->out.bytes >= IPC_PORT_BYTES;
}

void
ipc_port_resume(struct ipc_port *p)
{
	if (p->pl == NULL || !p->held)
		return;
	p->held = false;
	p->pl->dir[0].wait_dst = false;
	wake(p);
}

void
ipc_port_pause(struct ipc_port *p, bool on)
{
	p->paused = on;
	if (!on)
		ipc_port_resume(p);
}

void
ipc_port_close(struct ipc_port *p)
{
	p->out_closed = true;
	wake_out(p);
}

void
ipc_port_abort(struct ipc_port *p, const struct ipc_error *why)
{
	if (p->pl == NULL || p->aborted)
		return;
	p->aborted = true;
	ipc_pipeline_note(p->pl, why);
	wake(p);
}

char *
ipc_port_text(const struct ipc_port *p, char *buf)
{
	return ipc_end_text(&p->pl->end[0], buf);
}

void
ipc_exchange_note(struct ipc_exchange *ex, const struct ipc_error *err)
{
	ipc_run_note(ex->run, err);
}

static void
on_time(evutil_socket_t fd, short what, void *arg)
{
	struct ipc_exchange *ex = arg;
	uint64_t now = ipc_now();

	(void)fd;
	(void)what;
	if (ex->at_ns == IPC_NEVER)
		return;
	if (now < ex->at_ns) {
		ipc_timer_in(ex->timer, ex->at_ns - now);
		return;
	}
	ex->at_ns = IPC_NEVER;
	if (ex->ops->expired != NULL)
		ex->ops->expired(ex, now);
}

/* An earlier timer is left running and looks again: no system call, and as a
 * rule no work, for a deadline that moves with every message. */
void
ipc_exchange_at(struct ipc_exchange *ex, uint64_t at_ns)
{
	uint64_t now;

	ex->at_ns = at_ns;
	if (at_ns == IPC_NEVER || (ex->armed_ns <= at_ns &&
	    ex->timer != NULL && evtimer_pending(ex->timer, NULL)))
		return;
	if (ex->timer == NULL)
		ex->timer = evtimer_new(worker_of(ex)->base, on_time, ex);
	now = ipc_now();
	ex->armed_ns = at_ns;
	ipc_timer_in(ex->timer, at_ns > now ? at_ns - now : 0);
}

/* --- opening --- */

static struct ipc_port *
port_new(struct ipc_exchange *ex, struct ipc_pipeline *pl, uint8_t role,
    uint32_t index)
{
	struct ipc_port *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->ex = ex;
	p->pl = pl;
	p->role = role;
	p->index = index;
	p->id = pl->id;
	ipc_list_init(&p->node);
	ipc_list_init(&p->mine);
	pl->port = p;
	return p;
}

static void
on_opened(void *arg, struct ipc_conn *conn, const struct ipc_error *err)
{
	struct ipc_pipeline *pl = arg;

	pl->dial = NULL;
	if (conn == NULL) {
		pl->port->failed = true;
		ipc_pipeline_abort(pl, err);
		return;
	}
	pl->end[0].conn = *conn;
	ipc_pipeline_start(pl);
}

static void
open_port(struct ipc_exchange *ex, uint8_t role, uint32_t index,
    const struct ipc_dial_req *how, bool whole)
{
	struct ipc_worker *w = worker_of(ex);
	struct ipc_pipeline *pl = ipc_pipeline_new(w);
	struct ipc_dial_req req = *how;
	struct ipc_error err = { 0 };
	struct ipc_dial *d;

	if (pl == NULL || port_new(ex, pl, role, index) == NULL) {
		ipc_fail(&err, IPC_E_NET, ENOMEM, NULL, "no memory");
		ipc_run_end(ex->run, &err);
		return;
	}
	pl->whole = whole;
	req.done = on_opened;
	req.arg = pl;
	d = ipc_dial_start(w, &req);
	/* NULL: the callback came already and pl may be gone. */
	if (d != NULL)
		pl->dial = d;
}

void
ipc_exchange_child(struct ipc_exchange *ex, uint32_t index, bool whole,
    const struct ipc_port *for_port)
{
	struct ipc_dial_req req = {
		.points = ex->plan->to,
		.npoints = 1,
		.other = for_port == NULL || for_port->pl == NULL ? NULL :
		    &for_port->pl->end[0].conn,
		.flags = IPC_CONN_READ | IPC_CONN_WRITE,
	};

	open_port(ex, IPC_ROLE_WORKER, index, &req, whole);
}

void
ipc_exchange_dial(struct ipc_exchange *ex, uint32_t i)
{
	struct ipc_dial_req req = {
		.points = &ex->plan->to[i],
		.npoints = 1,
		.flags = IPC_CONN_READ | IPC_CONN_WRITE,
		.retry = ex->plan->set->retry,
	};

	open_port(ex, IPC_ROLE_TARGET, i, &req, false);
}

void
ipc_exchange_local(struct ipc_exchange *ex)
{
	const struct ipc_settings *set = ex->plan->set;
	struct ipc_dial_req req = {
		.points = ex->plan->to,
		.npoints = 1,
		.flags = IPC_CONN_READ | IPC_CONN_WRITE,
	};

	if (set->recv_only)
		req.flags = IPC_CONN_WRITE;
	if (set->send_only)
		req.flags = IPC_CONN_READ;
	open_port(ex, IPC_ROLE_LOCAL, 0, &req, false);
}

/* --- the side of the pipelines (port.h, flow.h) --- */

/* What end[1] of such a pipeline is: nothing that could be polled. */
static void
nothing_to_close(struct ipc_conn *c)
{
	(void)c;
}

static const struct ipc_transport port_transport = {
	.scheme = "exchange",
	.close = nothing_to_close,
};

int
ipc_port_join(struct ipc_pipeline *pl)
{
	struct ipc_exchange *ex = pl->w->run->ex;
	const struct ipc_plan *plan = ex->plan;
	uint8_t role = pl->opened_from > 0 && plan->verb == IPC_VERB_SEND ?
	    IPC_ROLE_LOCAL : IPC_ROLE_CLIENT;

	if (pl->port == NULL && port_new(ex, pl, role, 0) == NULL)
		return -1;
	pl->end[1].conn.tr = &port_transport;
	pl->end[1].conn.ep = pl->end[0].conn.ep;
	role = pl->port->role;
	/* Which end of the plan does this connection look like? */
	if (role == IPC_ROLE_LOCAL || role == IPC_ROLE_WORKER)
		pl->side[0] = &plan->side[plan->app];
	else
		pl->side[0] = &plan->side[1 - plan->app];
	pl->side[1] = NULL;
	return 0;
}

void
ipc_port_attach(struct ipc_port *p)
{
	p->attached = true;
	ipc_list_append(&p->ex->ports, &p->node);
	p->ex->ops->attach(p->ex, p);
}

void
ipc_port_detach(struct ipc_pipeline *pl)
{
	struct ipc_port *p = pl->port;
	struct ipc_exchange *ex = p->ex;
	int status = pl->gone[0] ? pl->status[0] : -1;

	ipc_list_remove(&p->node);
	if (p->failed && ex->ops->failed != NULL)
		ex->ops->failed(ex, p->role, p->index, pl->err);
	else if (p->attached)
		ex->ops->detach(ex, p, pl->err, status);
	/* Our own stdout or stdin: whatever the behaviour makes of it, it
	 * counts; when it is broken nobody can use the rest. */
	if (p->role == IPC_ROLE_LOCAL && pl->err != NULL)
		ipc_run_note(ex->run, pl->err);
	if (p->role == IPC_ROLE_LOCAL && pl->err != NULL &&
	    pl->err->code == IPC_E_NET)
		ipc_run_end(ex->run, pl->err);
	p->gone = true;
	p->pl = NULL;
	pl->port = NULL;
	ipc_mq_free(&p->out);
	free(p);
}

enum ipc_turn
ipc_port_fill(struct ipc_pipeline *pl, struct ipc_dir *d, struct ipc_batch *b)
{
	struct ipc_port *p = pl->port;

	while (ipc_batch_room(b) > 0 && p->given < p->out.n) {
		const struct ipc_qmsg *e = ipc_mq_at(&p->out, p->given++);
		struct ipc_msg *m = ipc_batch_add(b, e->chunk, e->data, e->len,
		    IPC_MSGS);

		m->flags = e->flags;
		m->raw_head = e->raw_head;
		m->raw_tail = e->raw_tail;
		m->id = e->id;
		m->at = e->at;
		m->tag = e->tag;
		m->topic = e->topic;
	}
	if (ipc_batch_count(b) > 0)
		return IPC_TURN_GO;
	if (p->out_closed) {
		d->src_eof = true;
		return IPC_TURN_GO;
	}
	p->idle = d->wait_src = true;
	if (d->dst->wr_on)
		ipc_end_want_write(d->dst, pl->w, false);
	return IPC_TURN_WAIT;
}

enum ipc_turn
ipc_port_drain(struct ipc_pipeline *pl, struct ipc_dir *d,
    struct ipc_batch *b)
{
	struct ipc_port *p = pl->port;
	uint32_t before = ipc_batch_count(b);

	if (!p->paused)
		p->ex->ops->put(p->ex, p, b);
	before -= ipc_batch_count(b);
	p->in_msgs += before;
	ipc_count(&pl->w->counters.msgs[0], before);
	if (ipc_batch_count(b) == 0)
		return IPC_TURN_GO;
	ipc_end_want_read(d->src, pl->w, false);
	p->held = d->wait_dst = true;
	return IPC_TURN_WAIT;
}

void
ipc_port_sent(struct ipc_port *p, uint32_t n)
{
	struct ipc_exchange *ex = p->ex;
	uint64_t most = ex->plan->set->queue;
	uint64_t half = (most == 0 ? IPC_PORT_MSGS : most) / 2;
	bool above = p->out.n > half;

	for (; n > 0 && p->given > 0; n--) {
		ipc_mq_drop(&p->out);
		p->given--;
		p->out_msgs++;
	}
	if (ex->ops->room != NULL && (p->out.n == 0 ||
	    (above && p->out.n <= half)))
		ex->ops->room(ex, p);
}

void
ipc_port_skipped(struct ipc_port *p, bool out, uint64_t id,
    const struct ipc_error *err)
{
	struct ipc_exchange *ex = p->ex;

	/* The connection is none the worse for it, but the run is. */
	ipc_run_note(ex->run, err);
	if (ex->ops->skipped != NULL && p->attached)
		ex->ops->skipped(ex, p, out, id);
}

void
ipc_port_ended(struct ipc_port *p)
{
	if (p->in_ended || !p->attached)
		return;
	p->in_ended = true;
	p->ex->ops->ended(p->ex, p);
}

/* --- the run --- */

int
ipc_exchange_start(struct ipc_exchange *ex, struct ipc_run *run,
    struct ipc_error *err)
{
	ex->run = run;
	ex->plan = run->plan;
	ex->ops = run->plan->exchange;
	ex->at_ns = ex->armed_ns = IPC_NEVER;
	ipc_list_init(&ex->ports);
	ex->same_frames = ipc_framing_same(&ex->plan->side[0].framing,
	    &ex->plan->side[1].framing);
	if (ex->ops->state_size > 0) {
		ex->state = calloc(1, ex->ops->state_size);
		if (ex->state == NULL)
			return ipc_fail(err, IPC_E_NET, ENOMEM, NULL,
			    "no memory");
	}
	return ex->ops->start == NULL ? 0 : ex->ops->start(ex, err);
}

void
ipc_exchange_free(struct ipc_exchange *ex)
{
	if (ex == NULL)
		return;
	if (ex->ops != NULL && ex->state != NULL && ex->ops->stop != NULL)
		ex->ops->stop(ex);
	if (ex->timer != NULL)
		event_free(ex->timer);
	free(ex->state);
	free(ex);
}

/* Read no more from p; what was read is still put. */
static void
stop_input(struct ipc_port *p)
{
	struct ipc_dir *d = &p->pl->dir[0];

	if (d->done || p->pl->state != IPC_PL_OPEN)
		return;
	ipc_end_want_read(d->src, p->pl->w, false);
	ipc_dir_stop(d);
	wake(p);
}

void
ipc_exchange_drain(struct ipc_exchange *ex)
{
	if (ex->draining)
		return;
	ex->draining = true;
	for (struct ipc_list *n = ex->ports.next; n != &ex->ports;
	    n = n->next) {
		struct ipc_port *p = ipc_list_entry(n, struct ipc_port, node);

		if (p->role == IPC_ROLE_LOCAL)
			stop_input(p);
	}
	if (ex->ops->drain != NULL)
		ex->ops->drain(ex);
}

void
ipc_exchange_done(struct ipc_exchange *ex)
{
	int phase = IPC_RUNNING;

	if (ex->done)
		return;
	ex->done = true;
	for (struct ipc_list *n = ex->ports.next; n != &ex->ports;
	    n = n->next) {
		struct ipc_port *p = ipc_list_entry(n, struct ipc_port, node);

		ipc_port_close(p);
		p->unwanted = true;
	}
	ex->draining = true;
	atomic_compare_exchange_strong(&ex->run->phase, &phase, IPC_DRAINING);
	ipc_run_wake(ex->run);
}
