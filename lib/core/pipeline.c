/*
 * Pipelines: from an accepted or opened FROM to two finished directions.
 * The states are in pipeline.h.  Nothing here moves data; pumps do.
 */
#include "core/pipeline.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/dial.h"
#include "core/exchange.h"
#include "core/flow.h"
#include "core/plan.h"
#include "core/port.h"
#include "core/run.h"
#include "core/settle.h"
#include "core/worker.h"
#include "stage/stage.h"

struct ipc_pipeline *
ipc_pipeline_new(struct ipc_worker *w)
{
	struct ipc_pipeline *pl = w->spare;

	if (pl == NULL)
		pl = malloc(sizeof(*pl));
	if (pl == NULL)
		return NULL;
	w->spare = NULL;
	memset(pl, 0, sizeof(*pl));
	pl->w = w;
	ipc_list_init(&pl->node);
	ipc_list_init(&pl->runq);
	ipc_list_init(&pl->half);
	for (uint8_t i = 0; i < 2; i++) {
		ipc_end_init(&pl->end[i], pl);
		ipc_list_init(&pl->dir[i].wait);
		pl->dir[i].index = i;
	}
	pl->state = IPC_PL_DIALING;
	if (w->plan->set->idle_ns > 0 || w->plan->set->stats)
		pl->start_ns = pl->active_ns = ipc_now();
	ipc_list_append(&w->pipelines, &pl->node);
	w->npipelines++;
	pl->id = (uint32_t)atomic_fetch_add(&w->run->begun, 1) + 1;
	atomic_fetch_add(&w->run->active, 1);
	return pl;
}

static void
stages_free(struct ipc_pipeline *pl)
{
	if (pl->stages[1] == pl->stages[0])
		pl->stages[1] = NULL;	/* --echo */
	for (int s = 0; s < 2; s++) {
		for (uint32_t i = 0; pl->stages[s] != NULL &&
		    i < pl->side[s]->pipe.n; i++) {
			struct ipc_stage *st = &pl->stages[s][i];

			if (st->ops != NULL && st->ops->destroy != NULL)
				st->ops->destroy(st);
			free(st->state);
		}
		free(pl->stages[s]);
		pl->stages[s] = NULL;
	}
	free(pl->peer_text);
	pl->peer_text = NULL;
}

/* Everything is closed; tell the run and let go of the memory. */
static void
pipeline_free(struct ipc_pipeline *pl)
{
	struct ipc_worker *w = pl->w;

	pl->state = IPC_PL_DEAD;
	ipc_run_reopen(pl);
	if (pl->dial != NULL)
		ipc_dial_cancel(pl->dial);
	pl->dial = NULL;
	for (int i = 0; i < 2; i++) {
		if (pl->dir[i].pump != NULL)
			pl->dir[i].pump->stop(pl, &pl->dir[i]);
		ipc_list_remove(&pl->dir[i].wait);
		if (pl->childev[i] != NULL)
			event_free(pl->childev[i]);
	}
	for (int i = 0; i < 2; i++)
		if (pl->end[i].conn.tr != NULL) {
			ipc_source_lost(pl, &pl->end[i], true);
			ipc_settle_close(pl, &pl->end[i]);
		}
	stages_free(pl);
	if (pl->timer != NULL)
		event_free(pl->timer);
	ipc_list_remove(&pl->runq);
	ipc_list_remove(&pl->half);
	ipc_list_remove(&pl->node);
	w->npipelines--;
	atomic_fetch_sub(&w->run->active, 1);
	ipc_run_pipeline_done(pl);
	free(pl->err);
	if (w->spare == NULL)
		w->spare = pl;
	else
		free(pl);
}

void
ipc_pipeline_note(struct ipc_pipeline *pl, const struct ipc_error *err)
{
	if (err != NULL && pl->err != NULL)
		pl->skipped = false;	/* this one is another kind */
	if (err == NULL || pl->err != NULL)
		return;
	pl->err = malloc(sizeof(*pl->err));
	if (pl->err != NULL)
		*pl->err = *err;
}

/* Both directions are over; children and unsent bytes may need more time. */
static void
settle(struct ipc_pipeline *pl)
{
	pl->state = IPC_PL_SETTLING;
	if (ipc_settle(pl))
		pipeline_free(pl);
	else
		ipc_pipeline_rearm(pl);
}

void
ipc_pipeline_abort(struct ipc_pipeline *pl, const struct ipc_error *err)
{
	ipc_pipeline_note(pl, err);
	if (pl->state == IPC_PL_DEAD)
		return;
	if (pl->state == IPC_PL_OPEN)
		pl->reset = true;
	if (pl->dial != NULL) {
		ipc_dial_cancel(pl->dial);
		pl->dial = NULL;
	}
	for (int i = 0; i < 2; i++)
		if (pl->dir[i].pump != NULL)
			ipc_dir_end(pl, &pl->dir[i]);
	pl->dying = true;
	if (!pl->turning)
		settle(pl);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct ipc_pipeline *pl = arg;
	uint64_t idle = pl->w->plan->set->idle_ns;
	struct ipc_error err = { 0 };
	bool rate;

	(void)fd;
	(void)what;
	if (pl->state == IPC_PL_SETTLING) {
		settle(pl);
		return;
	}
	if (idle > 0 && ipc_now() - pl->active_ns >= idle) {
		ipc_fail(&err, IPC_E_DEADLINE, 0, NULL,
		    "nothing moved for the idle time (-i)");
		ipc_pipeline_abort(pl, &err);
		return;
	}
	rate = pl->dir[0].rate_wait || pl->dir[1].rate_wait;
	for (int i = 0; i < 2; i++) {
		/* What a stage holds may go, whether there is input or not. */
		if (pl->dir[i].rate_wait && pl->dir[i].hold_ns > 0)
			pl->dir[i].wait_src = false;
		pl->dir[i].rate_wait = false;
		pl->dir[i].hold_ns = 0;
	}
	/* First for -i: a turn that waits for the kernel arms nothing. */
	ipc_pipeline_rearm(pl);
	if (rate)
		ipc_pipeline_run(pl);
}

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void
ipc_pipeline_rearm(struct ipc_pipeline *pl)
{
	uint64_t idle = pl->w->plan->set->idle_ns, at = IPC_NEVER, now;

	if (pl->state == IPC_PL_SETTLING)
		at = ipc_settle_at(pl);
	else if (idle > 0)
		at = pl->active_ns + idle;
	for (int i = 0; i < 2; i++)
		if (pl->state == IPC_PL_OPEN && pl->dir[i].rate_wait)
			at = earlier(at, ipc_dir_tokens_at(pl, &pl->dir[i]));
	if (at == IPC_NEVER)
		return;
	if (pl->timer == NULL)
		pl->timer = evtimer_new(pl->w->base, on_timer, pl);
	now = ipc_now();
	ipc_timer_in(pl->timer, at > now ? at - now : 0);
}

/* A child that has ended wants no more input, once its output is out. */
static void
check_children(struct ipc_pipeline *pl)
{
	for (int i = 0; i < 2; i++) {
		struct ipc_dir *out = &pl->dir[i], *in = &pl->dir[1 - i];

		if (pl->gone[i] && out->done && !in->done &&
		    in->dst == &pl->end[i])
			ipc_dir_end(pl, in);
	}
}

void
ipc_pipeline_run(struct ipc_pipeline *pl)
{
	bool more = false, rate = false;

	if (pl->awaits) {
		pl->awaits = false;
		ipc_end_want_read(&pl->end[0], pl->w, false);
		ipc_pipeline_start(pl);
		return;
	}
	if (pl->state != IPC_PL_OPEN || pl->turning)
		return;
	if (pl->port != NULL && pl->port->aborted) {
		ipc_pipeline_abort(pl, NULL);
		return;
	}
	if (pl->port != NULL && pl->port->unwanted && !pl->dir[0].done)
		ipc_dir_end(pl, &pl->dir[0]);
	pl->turning = true;
	for (int i = 0; i < 2; i++) {
		struct ipc_dir *d = &pl->dir[i];
		enum ipc_turn t = IPC_TURN_SWITCH;

		if (d->peer_dead && !d->done)
			t = ipc_dir_dead(pl, d);
		if (d->wait_src || d->wait_dst)
			continue;
		while (t == IPC_TURN_SWITCH && !d->done &&
		    pl->state == IPC_PL_OPEN)
			t = d->pump->turn(pl, d);
		more |= t == IPC_TURN_MORE && !d->done;
		rate |= t == IPC_TURN_RATE && !d->done;
	}
	check_children(pl);
	pl->turning = false;
	if (pl->dying || (pl->state == IPC_PL_OPEN && pl->dir[0].done &&
	    pl->dir[1].done)) {
		settle(pl);
		return;
	}
	if (pl->state != IPC_PL_OPEN)
		return;
	if (rate)
		ipc_pipeline_rearm(pl);
	if (more)
		ipc_worker_defer(pl->w, pl);
}

static void
on_child(evutil_socket_t fd, short what, void *arg)
{
	struct ipc_end *e = arg;
	struct ipc_pipeline *pl = e->pl;
	int i = e == &pl->end[1];

	(void)fd;
	(void)what;
	if (e->conn.tr->reap(&e->conn, &pl->status[i]) != 0)
		return;
	event_del(pl->childev[i]);
	pl->gone[i] = true;
	if (pl->state == IPC_PL_SETTLING)
		settle(pl);
	else
		ipc_pipeline_run(pl);
}

static int
watch_child(struct ipc_pipeline *pl, int i)
{
	struct ipc_end *e = &pl->end[i];

	if (!e->open || e->conn.pidfd < 0)
		return 0;
	pl->childev[i] = event_new(pl->w->base, e->conn.pidfd,
	    EV_READ | EV_PERSIST, on_child, e);
	return pl->childev[i] != NULL &&
	    event_add(pl->childev[i], NULL) == 0 ? 0 : -1;
}

static int
side_stages(struct ipc_pipeline *pl, int s, struct ipc_error *err)
{
	const struct ipc_pipe_spec *pipe = &pl->side[s]->pipe;

	pl->stages[s] = calloc(pipe->n, sizeof(*pl->stages[s]));
	if (pl->stages[s] == NULL)
		return ipc_fail(err, IPC_E_NET, ENOMEM, NULL, "no memory");
	for (uint32_t i = 0; i < pipe->n; i++) {
		struct ipc_stage *st = &pl->stages[s][i];

		st->ops = pipe->stage[i].ops;
		st->cfg = pipe->stage[i].cfg;
		st->pool = &pl->w->chunks;
		st->max = (uint32_t)pl->w->plan->set->max_message;
		if (st->ops->state_size > 0 &&
		    (st->state = calloc(1, st->ops->state_size)) == NULL)
			return ipc_fail(err, IPC_E_NET, ENOMEM, NULL,
			    "no memory");
		if (st->ops->create != NULL && st->ops->create(st, err) < 0)
			return -1;
	}
	return 0;
}

int
ipc_pipeline_stages(struct ipc_pipeline *pl, struct ipc_error *err)
{
	char text[IPC_END_TEXT];
	bool loops = pl->w->plan->loops, any = false;

	for (int s = 0; s < 2; s++) {
		if (pl->side[s] == NULL || pl->side[s]->pipe.n == 0 ||
		    pl->stages[s] != NULL)
			continue;
		any = true;
		if (loops && s == 1)
			pl->stages[1] = pl->stages[0];
		else if (side_stages(pl, s, err) < 0)
			return -1;
	}
	if (!any || pl->peer_text != NULL)
		return 0;
	/* The side that is not the application's: who is there? */
	ipc_end_text(&pl->end[pl->port != NULL ? 0 : 1 - pl->w->plan->app],
	    text);
	pl->peer_text = strdup(text);
	return pl->peer_text != NULL ? 0 :
	    ipc_fail(err, IPC_E_NET, ENOMEM, NULL, "no memory");
}

/* Both ends are there: data may move. */
static void
open_now(struct ipc_pipeline *pl)
{
	struct ipc_error err = { 0 };

	pl->state = IPC_PL_OPEN;
	ipc_count(&pl->w->counters.opened, 1);
	for (int i = 0; i < 2; i++) {
		ipc_dir_open(pl, &pl->dir[i]);
		if (watch_child(pl, i) < 0)
			ipc_fail(&err, IPC_E_NET, errno, NULL,
			    "cannot watch a child process");
	}
	if (err.code == IPC_OK)
		ipc_pipeline_stages(pl, &err);
	if (err.code != IPC_OK) {
		ipc_pipeline_abort(pl, &err);
		return;
	}
	if (pl->w->plan->set->idle_ns > 0) {
		pl->active_ns = ipc_now();
		ipc_pipeline_rearm(pl);
	}
	/* A target that was just reached has nothing to say yet, as a rule:
	 * ask the kernel to tell rather than read for nothing. */
	if (!pl->dir[1].done && (pl->end[1].conn.flags & IPC_CONN_SOCKET))
		ipc_dir_wait_src(pl, &pl->dir[1]);
	if (pl->port != NULL)
		ipc_port_attach(pl->port);
	ipc_pipeline_run(pl);
}

static void
on_dialed(void *arg, struct ipc_conn *conn, const struct ipc_error *err)
{
	struct ipc_pipeline *pl = arg;
	struct ipc_error e;
	char where[IPC_END_TEXT];

	pl->dial = NULL;
	if (conn == NULL) {
		e = *err;
		if (e.code == IPC_E_NET && (pl->uncertain > 0 ||
		    (pl->dir[0].pump != NULL &&
		    pl->dir[0].pump->held(&pl->dir[0]) > 0)))
			e.code = IPC_E_DATA;
		pl->reset = pl->end[0].conn.flags & IPC_CONN_SOCKET;
		ipc_pipeline_abort(pl, &e);
		return;
	}
	pl->end[1].conn = *conn;
	ipc_end_opened(&pl->end[1]);
	if (ipc_log_level() >= IPC_LOG_INFO)
		ipc_log(IPC_LOG_INFO, ipc_end_text(&pl->end[1], where),
		    "connected");
	if (pl->dir[0].pump == NULL) {
		open_now(pl);
		return;
	}
	/* send -r: the old directions go on with a new peer. */
	pl->state = IPC_PL_OPEN;
	pl->conn_bytes = pl->dir[0].bytes;
	ipc_flow_relink(pl);
	pl->dir[1].done = pl->dir[1].src_eof = false;
	for (int i = 0; i < 2; i++)
		pl->dir[i].wait_src = pl->dir[i].wait_dst =
		    pl->dir[i].peer_dead = false;
	/* Reached at once, from inside a turn: both directions get another. */
	if (pl->turning)
		ipc_worker_defer(pl->w, pl);
	else
		ipc_pipeline_run(pl);
}

static void
dial_to(struct ipc_pipeline *pl)
{
	const struct ipc_plan *plan = pl->w->plan;
	struct ipc_dial_req req = {
		.points = plan->to,
		.npoints = plan->nto,
		.other = &pl->end[0].conn,
		.flags = IPC_CONN_READ | IPC_CONN_WRITE,
		.retry = plan->set->retry,
		/* One that lets us in and says nothing is asked less and less
		 * often. */
		.delay_ns = pl->deaf < 2 ? 0 :
		    ipc_backoff(plan->set, pl->deaf - 2),
		.done = on_dialed,
		.arg = pl,
	};
	struct ipc_dial *d;

	if ((plan->verb == IPC_VERB_LISTEN && plan->set->recv_only) ||
	    plan->filter)
		req.flags = IPC_CONN_WRITE;
	if (plan->verb == IPC_VERB_LISTEN && plan->set->send_only)
		req.flags = IPC_CONN_READ;
	pl->state = IPC_PL_DIALING;
	d = ipc_dial_start(pl->w, &req);
	/* NULL: the callback came already and pl may be gone. */
	if (d != NULL)
		pl->dial = d;
}

void
ipc_pipeline_start(struct ipc_pipeline *pl)
{
	const struct ipc_plan *plan = pl->w->plan;

	pl->dir[0].src = pl->dir[1].dst = &pl->end[0];
	pl->dir[0].dst = pl->dir[1].src = &pl->end[1];
	ipc_end_opened(&pl->end[0]);
	pl->side[0] = &plan->side[0];
	pl->side[1] = &plan->side[plan->loops ? 0 : 1];
	if (pl->w->run->ex != NULL) {
		struct ipc_error err = { 0 };

		if (ipc_port_join(pl) == 0)
			open_now(pl);
		else
			ipc_pipeline_abort(pl, (ipc_fail(&err, IPC_E_NET,
			    ENOMEM, NULL, "no memory"), &err));
	} else if (plan->loops) {
		pl->dir[0].dst = &pl->end[0];
		pl->dir[1].src = NULL;
		open_now(pl);
	} else if (plan->shared_to) {
		pl->dir[0].dst = &pl->w->run->shared;
		pl->dir[1].src = NULL;
		open_now(pl);
	} else {
		dial_to(pl);
	}
}

void
ipc_pipeline_redial(struct ipc_pipeline *pl, bool clean)
{
	struct ipc_conn *c = &pl->end[1].conn;
	uint64_t sent = pl->dir[0].bytes - pl->conn_bytes;

	/* A peer that sent FIN had read all up to then: a close with unread
	 * bytes would have been a reset. */
	if (!clean)
		pl->uncertain += pl->dir[1].done ?
		    pl->dir[0].bytes - pl->fin_bytes : sent;
	ipc_log(IPC_LOG_WARN, c->ep->text, "connection lost after %" PRIu64
	    " bytes%s; dialing again", sent, clean ? "" : " (broken)");
	ipc_count(&pl->w->counters.redials, 1);
	ipc_end_want_read(&pl->end[0], pl->w, false);
	ipc_end_close(&pl->end[1]);
	ipc_end_init(&pl->end[1], pl);
	dial_to(pl);
}

/* Datagrams have no end: what has come until now is all. */
static void
last_input(struct ipc_pipeline *pl)
{
	const struct ipc_conn *c = &pl->end[0].conn;
	struct ipc_dir *d = &pl->dir[0];

	if (c->tr == NULL || (c->tr->caps & IPC_CAP_ENDLESS) == 0 ||
	    pl->state != IPC_PL_OPEN || d->done)
		return;
	d->last = true;
	d->wait_src = false;
	if (d->no_peer)
		d->wait_dst = false;	/* now nobody will come */
	ipc_worker_defer(pl->w, pl);
}

/*
 * A subscriber asks for messages without end, so with -r an end is the end of
 * a connection only, in order or not.  What it says is its subscriptions,
 * which are said again: nothing of that can be missing.
 */
bool
ipc_pipeline_resubscribe(struct ipc_pipeline *pl, const struct ipc_error *why)
{
	const struct ipc_settings *set = pl->w->plan->set;
	struct ipc_error err = { 0 };

	if (pl->w->plan->verb != IPC_VERB_SEND || pl->port != NULL ||
	    set->subscribe.n == 0 || set->retry == 0 || pl->dir[0].done ||
	    pl->end[0].conn.rfd >= 0 || pl->dir[1].enough ||
	    atomic_load(&pl->w->run->phase) != IPC_RUNNING)
		return false;
	if (why != NULL)
		ipc_log_error(IPC_LOG_WARN, why);
	/* Cut within a message. */
	if (why != NULL && why->code == IPC_E_DATA &&
	    pl->dir[1].pump->held(&pl->dir[1]) > 0)
		ipc_pipeline_note(pl, why);
	pl->deaf = pl->dir[1].bytes > pl->heard_bytes ? 0 : pl->deaf + 1;
	pl->heard_bytes = pl->dir[1].bytes;
	if (pl->deaf > set->retry) {
		ipc_fail(&err, IPC_E_NET, 0, NULL, "it was dialed again %"
		    PRIu64 " times and said nothing", set->retry);
		ipc_error_where(&err, "%s", pl->end[1].conn.ep->text);
		ipc_pipeline_abort(pl, &err);
		return true;
	}
	ipc_pipeline_redial(pl, true);
	return true;
}

void
ipc_pipeline_drain(struct ipc_pipeline *pl)
{
	const struct ipc_plan *plan = pl->w->plan;
	struct ipc_dir *d = &pl->dir[plan->swapped ? 0 : 1];

	last_input(pl);
	if (!plan->once) {
		/* -k on a fifo or pty: nobody has come yet, and would have to
		 * be waited for. */
		if (pl->opened_from > 0 && pl->dir[0].bytes == 0 &&
		    pl->dir[1].bytes == 0)
			ipc_pipeline_abort(pl, NULL);
		return;
	}
	if (pl->state == IPC_PL_DIALING) {
		ipc_pipeline_abort(pl, NULL);
	} else if (pl->state == IPC_PL_OPEN && !d->done) {
		ipc_dir_stop(d);
		/* What a subscriber waits for has no end. */
		if (plan->verb == IPC_VERB_SEND && plan->set->subscribe.n > 0)
			ipc_dir_stop(&pl->dir[1]);
		ipc_pipeline_run(pl);
	}
}
