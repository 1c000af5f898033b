/*
 * One direction of a pipeline: how it waits, ends, fails, and is paced.
 *
 * Errors are judged by what the descriptor is, because the user is told a
 * different truth for each: a network peer that breaks means data may be
 * missing (exit 3), a local file or stdout that fails is a local error (exit
 * 1), a child that closes its stdin early may have had all it wanted (its
 * exit code decides).
 */
#include "core/pipeline.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/msg.h"
#include "core/exchange.h"
#include "core/flow.h"
#include "core/plan.h"
#include "core/run.h"
#include "core/worker.h"

static bool
is_child(const struct ipc_end *e)
{
	return (e->conn.tr->caps & IPC_CAP_CHILD) != 0;
}

/* Peers that can break in mid-stream, as opposed to files and our stdio. */
static bool
is_network(const struct ipc_end *e)
{
	return (e->conn.flags & IPC_CONN_SOCKET) != 0 &&
	    (e->conn.tr->caps & IPC_CAP_ONCE) == 0;
}

static bool
says_first(const struct ipc_pipeline *pl, const struct ipc_dir *d)
{
	const struct ipc_side *to = pl->side[1 - d->index];

	for (uint32_t i = 0; to != NULL && i < to->pipe.n; i++)
		if (to->pipe.stage[i].ops->link != NULL)
			return true;
	return false;
}

void
ipc_dir_open(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	const struct ipc_plan *plan = pl->w->plan;

	d->pump = plan->path == IPC_PATH_MESSAGES ? &ipc_pump_messages :
	    &ipc_pump_bytes;
	if (plan->set->rate > 0)
		d->tokens_ns = ipc_now();
	if (pl->port != NULL && d->index == 1) {
		d->discard = d->dst->conn.wfd < 0;
		return;
	}
	/* Stages have something to say, whatever the input is. */
	if (d->src != NULL && d->src->conn.rfd < 0 && says_first(pl, d))
		return;
	if (d->src == NULL || d->src->conn.rfd < 0) {
		/* A program or a pipe that gets no input is told so.  A peer
		 * behind a socket is not: many take an early FIN for the end
		 * of everything. */
		d->done = d->src_eof = true;
		if (d->src != NULL && d->dst->open && d->dst->pl != NULL &&
		    (d->dst->conn.flags & IPC_CONN_SOCKET) == 0)
			ipc_end_shut(d->dst);
	} else if (d->dst->conn.wfd < 0 && pl->port == NULL)
		d->discard = true;
}

enum ipc_turn
ipc_dir_wait_src(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	if (d->dst->wr_on && d->dst->pl != NULL)
		ipc_end_want_write(d->dst, pl->w, false);
	d->wait_src = ipc_end_want_read(d->src, pl->w, true);
	return d->wait_src ? IPC_TURN_WAIT : IPC_TURN_MORE;
}

enum ipc_turn
ipc_dir_wait_dst(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	ipc_end_want_read(d->src, pl->w, false);
	if (!ipc_end_want_write(d->dst, pl->w, true))
		return IPC_TURN_MORE;
	if (d->dst->pl == NULL && ipc_list_empty(&d->wait))
		ipc_list_append(&d->dst->waiters, &d->wait);
	d->wait_dst = true;
	return IPC_TURN_WAIT;
}

/* A token bucket an eighth of a second deep: smooth enough to look at, deep
 * enough that a read is not a few bytes. */
static uint64_t
burst(uint64_t rate)
{
	return rate / 8 < 1 ? 1 : rate / 8;
}

size_t
ipc_dir_allowance(struct ipc_pipeline *pl, struct ipc_dir *d, size_t want)
{
	uint64_t rate = pl->w->plan->set->rate, now, add;

	if (rate == 0)
		return want;
	now = ipc_now();
	add = (uint64_t)((double)(now - d->tokens_ns) * (double)rate /
	    (double)IPC_NS_PER_S);
	if (add > 0) {
		d->tokens += add;
		d->tokens_ns = now;
	}
	if (d->tokens > burst(rate))
		d->tokens = burst(rate);
	if (d->tokens < want && d->tokens < burst(rate) / 2) {
		ipc_end_want_read(d->src, pl->w, false);
		d->rate_wait = true;
		d->hold_ns = 0;
		return 0;
	}
	d->rate_wait = false;
	return d->tokens < want ? (size_t)d->tokens : want;
}

uint64_t
ipc_dir_tokens_at(const struct ipc_pipeline *pl, const struct ipc_dir *d)
{
	uint64_t rate = pl->w->plan->set->rate;
	uint64_t need = burst(rate) / 2 + 1;

	if (d->hold_ns > 0)
		return d->hold_ns;
	need = need > d->tokens ? need - d->tokens : 0;
	return d->tokens_ns + (uint64_t)((double)need * (double)IPC_NS_PER_S /
	    (double)rate);
}

void
ipc_dir_read(struct ipc_pipeline *pl, struct ipc_dir *d, size_t n)
{
	if (pl->w->plan->set->rate > 0)
		d->tokens -= n < d->tokens ? n : d->tokens;
}

void
ipc_dir_wrote(struct ipc_pipeline *pl, struct ipc_dir *d, size_t n,
    bool spliced)
{
	struct ipc_counters *c = &pl->w->counters;

	d->bytes += n;
	ipc_count(&c->bytes[d->index], n);
	if (spliced)
		ipc_count(&c->splice_bytes, n);
	if (pl->w->plan->set->idle_ns > 0)
		pl->active_ns = ipc_now();
}

void
ipc_dir_dropped(struct ipc_pipeline *pl, struct ipc_dir *d, size_t n)
{
	ipc_count(&pl->w->counters.dropped_bytes, n);
	if (!is_child(d->dst) && !pl->w->plan->set->send_only)
		pl->lost += n;
}

void
ipc_dir_end(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	if (d->done)
		return;
	d->cut = !d->src_eof;
	d->done = d->src_eof = true;
	d->rate_wait = d->wait_src = d->wait_dst = false;
	ipc_list_remove(&d->wait);
	if (d->src != NULL && d->src->open && d->src->pl != NULL)
		ipc_end_want_read(d->src, pl->w, false);
	if (d->dst->wr_on && d->dst->pl != NULL)
		ipc_end_want_write(d->dst, pl->w, false);
	if (d->pump != NULL)
		d->pump->stop(pl, d);
}

void
ipc_dir_stop(struct ipc_dir *d)
{
	if (!d->src_eof)
		d->stopped = true;
	d->src_eof = true;
	d->wait_src = false;
	/* Nobody has written to us: now nobody will. */
	if (d->no_peer)
		d->wait_dst = false;
}

/* After the peer's last byte: does our own input still matter? */
static void
peer_ended(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	const struct ipc_plan *plan = pl->w->plan;
	struct ipc_dir *in = ipc_dir_other(pl, d);

	if (in->done || in->src == NULL || !plan->once ||
	    (in->src->conn.tr->caps & IPC_CAP_ONCE) == 0)
		return;
	/* Nothing will ever come (--subscribe). */
	if (in->src->conn.rfd < 0)
		ipc_dir_end(pl, in);
	/* Somebody at a terminal who sees the conversation end wants the
	 * prompt back, not to press ^D. */
	if (in->src->conn.rfd >= 0 && isatty(in->src->conn.rfd))
		ipc_dir_end(pl, in);
}

/* Our output to a datagram peer has ended: is this the end of it all? */
static bool
endless(const struct ipc_pipeline *pl, const struct ipc_dir *d,
    const struct ipc_dir *o)
{
	if (o->done || o->src != d->dst || d->dst->conn.tr == NULL ||
	    (d->dst->conn.tr->caps & IPC_CAP_ENDLESS) == 0)
		return false;
	return pl->port != NULL || (d->index == 0 &&
	    pl->w->plan->set->idle_ns == 0);
}

enum ipc_turn
ipc_dir_finish(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	struct ipc_dir *o = ipc_dir_other(pl, d);
	const struct ipc_plan *plan = pl->w->plan;

	if (d->index == 1 && ipc_pipeline_resubscribe(pl, NULL))
		return IPC_TURN_SWITCH;
	/* The close that follows says it just as well. */
	if (!o->done || plan->once)
		if (!d->discard && d->dst->pl != NULL &&
		    ipc_end_shut(d->dst) < 0)
			return ipc_dir_dst_error(pl, d, errno);
	ipc_dir_end(pl, d);
	if (pl->port != NULL && d->index == 0)
		ipc_port_ended(pl->port);
	/* A peer that cannot be told that we ended will not end either. */
	if (endless(pl, d, o))
		ipc_dir_end(pl, o);
	if (!o->done && o->dst == d->src)
		ipc_worker_half_open(pl->w, pl);
	if (d->index == 1)
		pl->fin_bytes = o->bytes;
	if (d->index == (plan->swapped ? 0 : 1) && plan->set->send_only)
		ipc_dir_end(pl, o);
	if (plan->swapped == (d->index == 1))
		peer_ended(pl, d);
	return IPC_TURN_DONE;
}

static void
fail_text(struct ipc_error *err, const struct ipc_end *e)
{
	char where[IPC_END_TEXT];


	ipc_error_where(err, "%s", ipc_end_text(e, where));
}

enum ipc_turn
ipc_dir_src_error(struct ipc_pipeline *pl, struct ipc_dir *d, int e)
{
	struct ipc_error err = { 0 };

	if (is_network(d->src)) {
		ipc_fail(&err, IPC_E_DATA, e, "the stream was cut, not closed: "
		    "look at the peer's log, then send again",
		    "the peer broke off after %" PRIu64 " bytes received and %"
		    PRIu64 " bytes sent", d->bytes,
		    ipc_dir_other(pl, d)->bytes);
		/* A cut must not look like an end to the other side. */
		pl->reset = pl->flush = true;
	} else {
		ipc_fail(&err, IPC_E_NET, e, NULL,
		    "cannot read after %" PRIu64 " bytes", d->bytes);
	}
	fail_text(&err, d->src);
	if (d->index == 1 && is_network(d->src) &&
	    ipc_pipeline_resubscribe(pl, &err))
		return IPC_TURN_SWITCH;
	if (pl->w->plan->verb == IPC_VERB_SEND && d->index == 1 &&
	    pl->port == NULL && pl->w->plan->set->retry > 0 &&
	    !ipc_dir_other(pl, d)->done) {
		ipc_pipeline_redial(pl, false);
		return IPC_TURN_SWITCH;
	}
	ipc_pipeline_abort(pl, &err);
	return IPC_TURN_DONE;
}

/* The child does not want more input: not an error by itself. */
static enum ipc_turn
discard_rest(struct ipc_dir *d)
{
	d->discard = true;
	if (d->pump != &ipc_pump_messages)
		d->pump = &ipc_pump_bytes;
	ipc_end_shut(d->dst);
	return IPC_TURN_SWITCH;
}

enum ipc_turn
ipc_dir_dst_error(struct ipc_pipeline *pl, struct ipc_dir *d, int e)
{
	struct ipc_error err = { 0 };
	uint64_t held = d->pump->held(d);

	if (is_child(d->dst) && (e == EPIPE || e == ECONNRESET))
		return discard_rest(d);
	if (pl->w->plan->verb == IPC_VERB_SEND && d->index == 0 &&
	    pl->port == NULL && pl->w->plan->set->retry > 0 &&
	    is_network(d->dst)) {
		if (ipc_pipeline_resubscribe(pl, NULL))
			return IPC_TURN_SWITCH;
		/* A unix peer that goes with unread bytes says ECONNRESET. */
		ipc_pipeline_redial(pl, d->dst->conn.peer.family == AF_UNIX &&
		    e == EPIPE);
		return IPC_TURN_SWITCH;
	}
	if (is_network(d->dst)) {
		ipc_fail(&err, IPC_E_DATA, e, "the peer closed before it had "
		    "everything: look at its log, then send again",
		    "cannot deliver: %" PRIu64 " bytes were written, %" PRIu64
		    " more were read and not delivered", d->bytes, held);
		fail_text(&err, d->dst);
		ipc_pipeline_note(pl, &err);
		ipc_dir_end(pl, d);
		/* What the peer said before it went is still worth having. */
		return IPC_TURN_DONE;
	}
	ipc_fail(&err, IPC_E_NET, e, e == EPIPE ? "the reader of this output "
	    "ended first" : NULL, "cannot write after %" PRIu64
	    " bytes delivered, %" PRIu64 " not", d->bytes, held);
	fail_text(&err, d->dst);
	if (d->dst->pl == NULL)
		ipc_run_end(pl->w->run, &err);
	ipc_pipeline_abort(pl, &err);
	return IPC_TURN_DONE;
}

enum ipc_turn
ipc_dir_dead(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	int e = 0;
	socklen_t len = sizeof(e);

	d->peer_dead = false;
	if (getsockopt(d->dst->conn.wfd, SOL_SOCKET, SO_ERROR, &e, &len) < 0 ||
	    e == 0)
		e = EPIPE;
	return ipc_dir_dst_error(pl, d, e);
}
