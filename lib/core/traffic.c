/*
 * How the pipelines of a run begin and end: accepted, or opened because FROM
 * cannot accept; judged when they are over.  The run's result is the first
 * failure that counts.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "core/dial.h"
#include "core/flow.h"
#include "core/hosts.h"
#include "core/pipeline.h"
#include "core/port.h"
#include "core/run.h"
#include "core/server.h"

void
ipc_run_note(struct ipc_run *run, const struct ipc_error *err)
{
	pthread_mutex_lock(&run->lock);
	if (!run->has_result && err != NULL) {
		run->result = *err;
		run->has_result = true;
	}
	pthread_mutex_unlock(&run->lock);
}

static void
judge(struct ipc_pipeline *pl)
{
	struct ipc_run *run = pl->w->run;
	bool finite = run->plan->once || run->plan->max_take > 0 ||
	    run->plan->max_msgs > 0;
	struct ipc_error err = { 0 };

	if (pl->err == NULL && pl->uncertain > 0)
		ipc_fail(&err, IPC_E_DATA, 0, "a byte stream has no "
		    "acknowledgement: let the peer check what it has",
		    "%" PRIu64 " bytes were on their way when a connection "
		    "broke", pl->uncertain);
	else if (pl->err == NULL && pl->lost > 0)
		ipc_fail(&err, IPC_E_DATA, 0, "use an endpoint that goes both "
		    "ways, or --send-only", "%" PRIu64 " bytes came back and "
		    "there was nowhere to put them", pl->lost);
	if (err.code != IPC_OK)
		ipc_error_where(&err, "%s", run->plan->swapped ?
		    run->plan->to[0].ep.text : run->plan->from[0].ep.text);
	if (err.code == IPC_OK && pl->err != NULL)
		err = *pl->err;
	if (err.code == IPC_OK)
		return;
	ipc_count(&pl->w->counters.failed, 1);
	if (finite)
		ipc_run_note(run, &err);
	if (!run->plan->once)
		ipc_log_error(IPC_LOG_WARN, &err);
}

void
ipc_run_pipeline_done(struct ipc_pipeline *pl)
{
	struct ipc_worker *w = pl->w;
	struct ipc_run *run = w->run;
	int phase = atomic_load(&run->phase);

	ipc_count(&w->counters.closed, 1);
	if (ipc_log_level() >= IPC_LOG_INFO)
		ipc_log(IPC_LOG_INFO, run->plan->from[0].ep.text, "closed "
		    "connection %" PRIu32 ": %" PRIu64 " bytes out, %" PRIu64
		    " back", pl->id, pl->dir[0].bytes, pl->dir[1].bytes);
	if (pl->port != NULL)
		ipc_port_detach(pl);
	else
		judge(pl);
	if (pl->host_counted) {
		pthread_mutex_lock(&run->lock);
		ipc_hosts_leave(run->hosts, &pl->end[0].conn.peer);
		pthread_mutex_unlock(&run->lock);
	}
	if (pl->has_slot)
		ipc_run_release(w, true);
	if (run->plan->once) {
		ipc_run_end(run, NULL);
	} else if (phase != IPC_RUNNING) {
		ipc_run_wake(run);
	} else if (run->ex == NULL && pl->opened_from > 0 && !pl->reopened) {
		/* FROM could not be opened at all. */
		ipc_run_end(run, pl->err);
	}
}

/* --allow and --deny, for each message of a socket that many write to. */
static bool
admit_sender(void *arg, const struct ipc_ident *id)
{
	struct ipc_worker *w = arg;
	const struct ipc_plan *plan = w->plan;
	char who[IPC_IDENT_TEXT];

	if (ipc_rules_admit(plan->allow, plan->nallow, plan->deny,
	    plan->ndeny, id))
		return true;
	ipc_count(&w->counters.refused, 1);
	ipc_log(IPC_LOG_INFO, NULL, "refused a message of %s",
	    ipc_ident_text(who, id));
	return false;
}

static void
screen(struct ipc_pipeline *pl)
{
	const struct ipc_plan *plan = pl->w->plan;
	struct ipc_conn *c = &pl->end[0].conn;

	if (plan->nallow + plan->ndeny > 0 && c->tr->screen != NULL &&
	    (c->flags & IPC_CONN_BIND) != 0)
		c->tr->screen(c, admit_sender, pl->w);
}

void
ipc_run_enough(struct ipc_pipeline *pl)
{
	struct ipc_run *run = pl->w->run;
	const struct ipc_plan *plan = run->plan;
	int phase = IPC_RUNNING;

	if (plan->verb == IPC_VERB_SEND && plan->count_dir == 0)
		return;		/* what comes back is still wanted */
	/* Answers to what was counted come back, from a child, or in a relay
	 * until TO ends; unless it cannot be told that we ended. */
	if (pl->end[1].conn.pid <= 0 && (plan->verb != IPC_VERB_RELAY ||
	    pl->end[1].conn.tr == NULL ||
	    (pl->end[1].conn.tr->caps & IPC_CAP_ENDLESS) != 0))
		ipc_dir_end(pl, &pl->dir[1 - plan->count_dir]);
	if (run->plan->once)
		return;
	atomic_compare_exchange_strong(&run->phase, &phase, IPC_DRAINING);
	ipc_run_wake(run);
}

/* The socket lives on, with all that waits in it; who comes next begins the
 * next pipeline. */
static void
pass_on(struct ipc_pipeline *pl)
{
	struct ipc_end *e = &pl->end[0];
	struct ipc_pipeline *next = ipc_pipeline_new(pl->w);

	if (next == NULL)
		return;
	next->opened_from = pl->opened_from;
	ipc_source_lost(pl, e, true);
	next->end[0].conn = e->conn;
	next->end[0].conn.wfd = e->conn.rfd;	/* it may have been shut */
	next->end[0].told_lost = e->told_lost;
	e->conn.tr = NULL;
	e->conn.rfd = e->conn.wfd = -1;
	ipc_end_close(e);
	ipc_end_opened(&next->end[0]);
	next->awaits = ipc_end_want_read(&next->end[0], next->w, true);
	if (!next->awaits)
		ipc_pipeline_start(next);
}

void
ipc_run_reopen(struct ipc_pipeline *pl)
{
	struct ipc_run *run = pl->w->run;
	uint64_t most = run->plan->max_take;

	if (pl->opened_from == 0 || run->plan->once || !pl->end[0].open ||
	    run->ex != NULL || atomic_load(&run->phase) != IPC_RUNNING)
		return;
	pl->reopened = true;
	if (most > 0 && atomic_load(&run->taken) >= most) {
		atomic_store(&run->phase, IPC_DRAINING);
		return;
	}
	if ((pl->end[0].conn.tr->caps & IPC_CAP_ENDLESS) != 0)
		pass_on(pl);
	else
		ipc_run_open_from(run, pl->opened_from - 1);
}

bool
ipc_run_has_room(const struct ipc_run *run)
{
	return atomic_load(&run->slots) < run->plan->max_conn &&
	    atomic_load(&run->phase) == IPC_RUNNING;
}

bool
ipc_run_admit(struct ipc_worker *w)
{
	struct ipc_run *run = w->run;

	if (!ipc_run_has_room(run))
		return false;
	if (atomic_fetch_add(&run->slots, 1) < run->plan->max_conn)
		return true;
	atomic_fetch_sub(&run->slots, 1);
	return false;
}

void
ipc_run_release(struct ipc_worker *w, bool closed)
{
	struct ipc_run *run = w->run;

	atomic_fetch_sub(&run->slots, 1);
	if (atomic_load(&run->phase) != IPC_RUNNING)
		return;
	if (atomic_load(&run->waiting) == 0)
		return;
	ipc_servers_resume(w, closed);
	if (atomic_load(&run->waiting) > 0 && run->plan->workers > 1)
		ipc_run_wake(run);
}

void
ipc_run_accepted(struct ipc_worker *w, const struct ipc_conn *c)
{
	struct ipc_pipeline *pl = ipc_pipeline_new(w);
	struct ipc_conn copy = *c;
	char where[IPC_END_TEXT];

	if (pl == NULL) {
		struct ipc_error err = { 0 };

		ipc_fail(&err, IPC_E_NET, ENOMEM, NULL,
		    "cannot serve a client");
		ipc_error_where(&err, "%s", c->ep->text);
		copy.flags |= IPC_CONN_CUT;
		copy.tr->close(&copy);
		ipc_run_release(w, true);
		ipc_count(&w->counters.failed, 1);
		ipc_run_note(w->run, &err);
		if (w->plan->once)
			ipc_run_end(w->run, NULL);
		else
			ipc_log_error(IPC_LOG_WARN, &err);
		return;
	}
	pl->end[0].conn = copy;
	pl->has_slot = true;
	pl->host_counted = w->run->hosts != NULL;
	if (ipc_log_level() >= IPC_LOG_INFO)
		ipc_log(IPC_LOG_INFO, ipc_end_text(&pl->end[0], where),
		    "accepted");
	ipc_pipeline_start(pl);
}

static void
on_from(void *arg, struct ipc_conn *conn, const struct ipc_error *err)
{
	struct ipc_pipeline *pl = arg;
	struct ipc_run *run = pl->w->run;
	struct stat st;

	pl->dial = NULL;
	if (conn == NULL) {
		ipc_pipeline_abort(pl, err);
		return;
	}
	pl->end[0].conn = *conn;
	screen(pl);
	atomic_fetch_add(&run->taken, 1);
	if (conn->tr->created_text != NULL)
		conn->tr->created_text(conn, run->created[pl->opened_from - 1],
		    sizeof(run->created[0]));
	if (run->size == 0 && conn->rfd >= 0 && fstat(conn->rfd, &st) == 0 &&
	    S_ISREG(st.st_mode) && st.st_size > 0)
		run->size = (uint64_t)st.st_size;
	ipc_pipeline_start(pl);
}

/* Bound by creating (fifo, pty) or simply opened (stdio, file, exec). */
void
ipc_run_open_from(struct ipc_run *run, uint32_t i)
{
	const struct ipc_plan *plan = run->plan;
	const struct ipc_settings *set = plan->set;
	struct ipc_pipeline *pl = ipc_pipeline_new(&run->workers[0]);
	struct ipc_error err = { 0 };
	struct ipc_dial_req req = {
		.points = &plan->from[i],
		.npoints = 1,
		.flags = IPC_CONN_READ | IPC_CONN_WRITE,
		.done = on_from,
		.retry = plan->from[i].binds ? 0 : set->retry,
	};
	struct ipc_dial *d;

	if (pl == NULL) {
		ipc_fail(&err, IPC_E_NET, ENOMEM, NULL, "no memory");
		ipc_run_end(run, &err);
		return;
	}
	if (plan->verb == IPC_VERB_SEND && plan->mute)
		req.flags = IPC_CONN_WRITE;
	if ((plan->verb == IPC_VERB_SEND && set->send_only) || plan->filter)
		req.flags = IPC_CONN_READ;
	pl->opened_from = i + 1;
	req.arg = pl;
	d = ipc_dial_start(pl->w, &req);
	if (d != NULL)
		pl->dial = d;
}
