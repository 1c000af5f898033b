/*
 * The message path: a pump over a flow (flow.h).
 *
 * Runs from the destination backwards: first room is made, then it is filled.
 * A step consumes what fits, so a full batch stops everything behind it and
 * at last the reading of the source: back-pressure needs no other mechanism.
 */
#include "core/pipeline.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/exchange.h"
#include "core/filter.h"
#include "core/flow.h"
#include "core/plan.h"
#include "core/run.h"
#include "core/worker.h"

#define TURN_MOVES 16

/* -F and -J: what a message becomes on stdout may be longer than it. */
static const struct ipc_framing shown = {
	.kind = IPC_FRAME_RAW,
	.max = UINT32_MAX,
};

/* The steps of d: rx of its source's side, tx of its destination's. */
static void
lay_steps(struct ipc_pipeline *pl, struct ipc_dir *d, struct ipc_flow *f)
{
	const struct ipc_side *from = pl->side[d->index];
	const struct ipc_side *to = pl->side[1 - d->index];

	for (uint32_t i = from == NULL ? 0 : from->pipe.n; i-- > 0;)
		f->step[f->nsteps++].st = &pl->stages[d->index][i];
	for (uint32_t i = 0; to != NULL && i < to->pipe.n; i++) {
		f->step[f->nsteps].tx = true;
		f->step[f->nsteps++].st = &pl->stages[1 - d->index][i];
	}
}

struct ipc_flow *
ipc_flow_new(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	const struct ipc_side *from = pl->side[d->index];
	const struct ipc_side *to = pl->side[1 - d->index];
	uint32_t n = (from == NULL ? 0 : from->pipe.n) +
	    (to == NULL ? 0 : to->pipe.n);
	struct ipc_flow *f = calloc(1, sizeof(*f) + n * sizeof(f->step[0]));

	if (f == NULL)
		return NULL;
	lay_steps(pl, d, f);
	if (pl->w->plan->messages) {
		if (from != NULL)
			f->in.un.f = pl->whole ? &pl->w->plan->raw :
			    &from->framing;
		if (to != NULL)
			f->out.f = to->out_raw ? &shown : pl->whole ?
			    &pl->w->plan->raw : &to->framing;
	}
	return f;
}

static void
batches_put(struct ipc_pipeline *pl, struct ipc_flow *f)
{
	struct ipc_worker *w = pl->w;

	for (uint32_t i = 0; f->batch != NULL && i <= f->nsteps; i++)
		ipc_batch_clear(&f->batch[i]);
	if (w->batches == NULL || w->nbatches < f->nsteps + 1) {
		free(w->batches);
		w->batches = f->batch;
		w->nbatches = f->nsteps + 1;
	} else {
		free(f->batch);
	}
	f->batch = NULL;
}

static bool
batches_get(struct ipc_pipeline *pl, struct ipc_flow *f)
{
	struct ipc_worker *w = pl->w;

	if (f->batch != NULL)
		return true;
	if (w->batches != NULL && w->nbatches == f->nsteps + 1) {
		f->batch = w->batches;
		w->batches = NULL;
		return true;
	}
	f->batch = calloc(f->nsteps + 1, sizeof(*f->batch));
	return f->batch != NULL;
}

void
ipc_flow_free(struct ipc_pipeline *pl, struct ipc_flow *f)
{
	if (f == NULL)
		return;
	batches_put(pl, f);
	for (uint32_t i = 0; i < f->nsteps; i++)
		ipc_filter_free(&f->step[i]);
	ipc_chunk_put(f->in.chunk);
	ipc_unframe_free(&f->in.un);
	free(f);
}

/* A socket that serves many senders: what one of them does must not end it
 * for the others.  Elsewhere a connection would be cut. */
static bool
serves_many(const struct ipc_pipeline *pl)
{
	const struct ipc_conn *c = &pl->end[0].conn;

	return !pl->w->plan->once && c->tr != NULL &&
	    c->tr->peer_of != NULL && (c->flags & IPC_CONN_BIND) != 0;
}

bool
ipc_flow_fatal(const struct ipc_pipeline *pl)
{
	return pl->w->plan->set->on_error != IPC_ON_ERROR_SKIP &&
	    !serves_many(pl);
}

void
ipc_flow_drop(struct ipc_pipeline *pl, const struct ipc_error *err)
{
	bool only = pl->err == NULL || pl->skipped;
	struct ipc_log_limit *l = &pl->w->limit;
	uint64_t more;

	ipc_count(&pl->w->counters.skipped, 1);
	if (!serves_many(pl))
		ipc_log_error(IPC_LOG_WARN, err);
	else if (ipc_log_allow(l, ipc_now(), &more))
		ipc_log(IPC_LOG_WARN, err->where, "%s (%" PRIu64
		    " more of the kind)", err->what, more);
	if (pl->port != NULL) {
		ipc_run_note(pl->w->run, err);
		return;
	}
	ipc_pipeline_note(pl, err);
	pl->skipped = only;
}

enum ipc_turn
ipc_flow_bad(struct ipc_pipeline *pl, struct ipc_dir *d,
    const struct ipc_msg *m, struct ipc_error *err, bool *pass)
{
	const struct ipc_settings *set = pl->w->plan->set;
	struct ipc_error full = { 0 };
	char where[IPC_END_TEXT];

	full = *err;
	if (m != NULL && m->id != 0) {
		char at[40] = "";

		if (m->at > 0)
			snprintf(at, sizeof(at), " at offset %" PRIu64,
			    m->at - 1);
		/* `what` has the text of errno already. */
		ipc_fail(&full, err->code, 0, err->hint[0] == '\0' ? NULL :
		    err->hint, "message %" PRIu64 "%s: %s", m->id, at,
		    err->what);
		full.sys = err->sys;
		memcpy(full.where, err->where, sizeof(full.where));
	}
	ipc_error_where(&full, "%s", ipc_end_text(pl->port != NULL ?
	    &pl->end[0] : d->src, where));
	if (err->code == IPC_E_DATA && serves_many(pl) &&
	    (set->on_error != IPC_ON_ERROR_PASS || pass == NULL)) {
		ipc_flow_drop(pl, &full);
		if (pass != NULL)
			*pass = false;
		return IPC_TURN_GO;
	}
	if (err->code != IPC_E_DATA || set->on_error == IPC_ON_ERROR_STOP ||
	    (set->on_error == IPC_ON_ERROR_PASS && pass == NULL)) {
		pl->reset = pl->flush = true;
		if (pl->port != NULL && d->index == 1 &&
		    err->code == IPC_E_DATA)
			pl->port->refused = true;
		ipc_pipeline_abort(pl, &full);
		return IPC_TURN_DONE;
	}
	if (set->on_error == IPC_ON_ERROR_PASS && pass != NULL) {
		ipc_log_error(IPC_LOG_WARN, &full);
		ipc_count(&pl->w->counters.passed, 1);
		*pass = true;
		return IPC_TURN_GO;
	}
	ipc_flow_drop(pl, &full);
	if (pass != NULL)
		*pass = false;
	if (pl->port != NULL)
		ipc_port_skipped(pl->port, d->index == 1, m == NULL ? 0 : m->id,
		    &full);
	return IPC_TURN_GO;
}

/* Nothing of d is in batch i or behind it, nor in a child there: what came
 * before is delivered. */
static bool
clear_from(const struct ipc_flow *f, uint32_t i)
{
	for (; i <= f->nsteps; i++)
		if (ipc_batch_count(&f->batch[i]) > 0 || (i < f->nsteps &&
		    ipc_filter_holds(&f->step[i])))
			return false;
	return true;
}

static void
move_all(struct ipc_batch *to, struct ipc_batch *from)
{
	while (ipc_batch_count(from) > 0 && ipc_batch_room(to) > 0)
		ipc_batch_move(to, from);
}

/* The first message of step i's input is bad. */
static enum ipc_turn
step_failed(struct ipc_pipeline *pl, struct ipc_dir *d, uint32_t i,
    struct ipc_error *err)
{
	struct ipc_flow *f = d->flow;
	struct ipc_batch *in = &f->batch[i];
	bool pass = false;
	enum ipc_turn t;

	if (!clear_from(f, i + 1))
		return IPC_TURN_GO;	/* deliver what came before first */
	/* What a filter failed at is behind it. */
	t = ipc_flow_bad(pl, d, ipc_batch_count(in) == 0 ||
	    err->code == IPC_E_REMOTE ? NULL : &in->m[in->head], err, &pass);
	if (t != IPC_TURN_GO)
		return t;
	if (pass) {
		in->m[in->head].flags &= (uint8_t)~IPC_MSG_FRAMED;
		ipc_batch_move(&f->batch[i + 1], in);
		return IPC_TURN_GO;
	}
	ipc_batch_drop(in);
	if (pl->port != NULL && d->index == 1)
		ipc_port_sent(pl->port, 1);
	return IPC_TURN_GO;
}

/* Who a message of a socket with many peers is from. */
static const char *
sender_text(void *arg, uint64_t tag)
{
	struct ipc_pipeline *pl = arg;
	const struct ipc_conn *c = &pl->end[0].conn;
	struct ipc_end one = { .conn = { .ep = c->ep } };

	if (c->tr == NULL || c->tr->peer_of == NULL ||
	    !c->tr->peer_of(c, tag, &one.conn.peer))
		return pl->peer_text == NULL ? "" : pl->peer_text;
	return ipc_end_text(&one, pl->w->sender);
}

/* Will no more come to step i? */
static bool
over_before(const struct ipc_flow *f, uint32_t i)
{
	for (uint32_t k = 0; k < i; k++)
		if (ipc_batch_count(&f->batch[k]) > 0 ||
		    ipc_filter_holds(&f->step[k]))
			return false;
	return f->dry && ipc_batch_count(&f->batch[i]) == 0;
}

static enum ipc_turn
run_step(struct ipc_pipeline *pl, struct ipc_dir *d, uint32_t i)
{
	struct ipc_flow *f = d->flow;
	struct ipc_step *s = &f->step[i];
	const struct ipc_stage_ops *ops = s->st->ops;
	struct ipc_error err = { 0 };
	struct ipc_io io = {
		.in = &f->batch[i],
		.out = &f->batch[i + 1],
		.peer = pl->peer_text,
		.peer_of = sender_text,
		.arg = pl,
	};
	int (*fn)(struct ipc_stage *, struct ipc_io *, struct ipc_error *) =
	    s->tx ? ops->tx : ops->rx;

	if (ipc_batch_count(io.in) == 0 && !f->dry && !ops->core)
		return IPC_TURN_GO;
	if (ops->core) {
		if (ipc_filter_step(pl, d, s, &io, over_before(f, i), &err) <
		    0)
			return step_failed(pl, d, i, &err);
	} else if (fn == NULL) {
		move_all(io.out, io.in);
	} else {
		io.now_ns = ipc_now();
		if (fn(s->st, &io, &err) < 0)
			return step_failed(pl, d, i, &err);
	}
	if (s->tx && ops->flush != NULL && over_before(f, i) &&
	    ops->flush(s->st, IPC_FLUSH_EOF, &io, &err) < 0)
		return ipc_flow_bad(pl, d, NULL, &err, NULL);
	return IPC_TURN_GO;
}

/* Messages are in a child, or a child has not ended. */
static bool
busy(const struct ipc_flow *f)
{
	for (uint32_t i = 0; i < f->nsteps; i++)
		if (ipc_filter_busy(&f->step[i]))
			return true;
	return false;
}

static bool
empty(const struct ipc_flow *f)
{
	for (uint32_t i = 0; i <= f->nsteps; i++)
		if (ipc_batch_count(&f->batch[i]) > 0)
			return false;
	return true;
}

/* When does a stage let go of what it holds?  Sets the time to be woken. */
static bool
held_until(struct ipc_dir *d)
{
	const struct ipc_flow *f = d->flow;
	uint64_t at = IPC_NEVER;

	for (uint32_t i = 0; i < f->nsteps; i++) {
		const struct ipc_stage *st = f->step[i].st;
		uint64_t t = st->ops->deadline == NULL ? IPC_NEVER :
		    st->ops->deadline(st);

		at = t < at ? t : at;
	}
	d->rate_wait = at != IPC_NEVER;
	d->hold_ns = d->rate_wait ? at : 0;
	return d->rate_wait;
}

bool
ipc_flow_clear(const struct ipc_flow *f)
{
	return clear_from(f, 0);
}

enum ipc_turn
ipc_flow_wait(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	/* Or input that is there would wake the loop again and again. */
	ipc_end_want_read(d->src, pl->w, false);
	if (held_until(d))
		return IPC_TURN_RATE;
	d->wait_src = true;	/* the stage's owner wakes us */
	return IPC_TURN_WAIT;
}

static enum ipc_turn
finish(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	if (d->enough)
		ipc_run_enough(pl);
	return ipc_dir_finish(pl, d);
}

/* All steps, the last one first.  *moved: one of them has taken or made
 * something.  Then there is another pass, for nobody else would wake us. */
static enum ipc_turn
run_steps(struct ipc_pipeline *pl, struct ipc_dir *d, bool *moved)
{
	struct ipc_flow *f = d->flow;

	for (uint32_t k = f->nsteps; k-- > 0;) {
		uint32_t in = ipc_batch_count(&f->batch[k]);
		uint32_t out = ipc_batch_count(&f->batch[k + 1]);
		enum ipc_turn t = run_step(pl, d, k);

		if (t != IPC_TURN_GO)
			return t;
		*moved |= ipc_batch_count(&f->batch[k]) != in ||
		    ipc_batch_count(&f->batch[k + 1]) != out;
	}
	return IPC_TURN_GO;
}

/* One pass from the sink to the source.  GO: do it again. */
static enum ipc_turn
move(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	struct ipc_flow *f = d->flow;
	bool moved = false, over = d->src_eof;
	enum ipc_turn t = ipc_sink_drain(pl, d);

	if (t != IPC_TURN_GO)
		return t;
	t = run_steps(pl, d, &moved);
	if (t != IPC_TURN_GO || moved)
		return t;
	if (f->nsteps > 0 && ipc_batch_count(&f->batch[0]) > 0)
		return ipc_flow_wait(pl, d);
	t = ipc_source_fill(pl, d);
	if (t == IPC_TURN_WAIT && !d->wait_dst && held_until(d))
		return IPC_TURN_RATE;
	if (t != IPC_TURN_GO || !over || ipc_batch_count(&f->batch[0]) > 0)
		return t;
	if (!f->dry) {
		f->dry = true;	/* now the stages are told */
		return IPC_TURN_GO;
	}
	return empty(f) && !busy(f) ? finish(pl, d) : ipc_flow_wait(pl, d);
}

/* Nothing to do for a while: stages let go of what they hold ready.  False:
 * one of them had something to say. */
static bool
rest(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	struct ipc_flow *f = d->flow;

	for (uint32_t i = 0; i < f->nsteps; i++) {
		struct ipc_stage *st = f->step[i].st;
		struct ipc_error err = { 0 };
		struct ipc_io io = {
			.in = &f->batch[i],
			.out = &f->batch[i + 1],
			.peer = pl->peer_text,
		};

		if (st->ops->flush != NULL)
			st->ops->flush(st, IPC_FLUSH_IDLE, &io, &err);
	}
	if (!empty(f))
		return false;
	batches_put(pl, f);
	ipc_source_rest(pl, &f->in);
	return true;
}

/* The connection is up: stages may have to introduce themselves. */
static enum ipc_turn
link_up(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	struct ipc_flow *f = d->flow;

	f->linked = true;
	for (uint32_t i = 0; i < f->nsteps; i++) {
		struct ipc_stage *st = f->step[i].st;
		struct ipc_error err = { 0 };
		struct ipc_io io = {
			.in = &f->batch[i],
			.out = &f->batch[i + 1],
			.peer = pl->peer_text,
			.now_ns = ipc_now(),
		};

		if (f->step[i].tx && st->ops->link != NULL &&
		    st->ops->link(st, IPC_LINK_UP, &io, &err) < 0)
			return ipc_flow_bad(pl, d, NULL, &err, NULL);
	}
	return IPC_TURN_GO;
}

void
ipc_flow_relink(struct ipc_pipeline *pl)
{
	struct ipc_flow *f = pl->dir[0].flow;

	if (f != NULL) {
		f->linked = false;
		f->out.sent = 0;
	}
	if (pl->dir[1].flow != NULL) {
		ipc_flow_free(pl, pl->dir[1].flow);
		pl->dir[1].flow = NULL;
	}
}

static enum ipc_turn
messages_turn(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	if (d->flow == NULL && (d->flow = ipc_flow_new(pl, d)) == NULL)
		return ipc_dir_src_error(pl, d, ENOMEM);
	if (!batches_get(pl, d->flow))
		return ipc_dir_src_error(pl, d, ENOMEM);
	if (!d->flow->linked && link_up(pl, d) != IPC_TURN_GO)
		return IPC_TURN_DONE;
	d->rate_wait = false;
	d->hold_ns = 0;
	for (int i = 0; i < TURN_MOVES; i++) {
		enum ipc_turn t = move(pl, d);

		if (t == IPC_TURN_WAIT && d->flow != NULL &&
		    empty(d->flow) && !rest(pl, d)) {
			d->wait_src = false;
			continue;
		}
		if (t != IPC_TURN_GO)
			return t;
	}
	return IPC_TURN_MORE;
}

static void
messages_stop(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	if (d->dst != NULL && d->dst->busy == d)
		d->dst->busy = NULL;
	ipc_flow_free(pl, d->flow);
	d->flow = NULL;
}

static uint64_t
messages_held(const struct ipc_dir *d)
{
	const struct ipc_flow *f = d->flow;
	uint64_t n = 0;

	if (f == NULL)
		return 0;
	if (f->in.chunk != NULL)
		n += f->in.chunk->tail - f->in.chunk->head;
	for (uint32_t i = 0; f->batch != NULL && i <= f->nsteps; i++)
		for (uint32_t k = f->batch[i].head; k < f->batch[i].tail; k++)
			n += f->batch[i].m[k].len;
	return n;
}

const struct ipc_pump_ops ipc_pump_messages = {
	.name = "messages",
	.turn = messages_turn,
	.held = messages_held,
	.stop = messages_stop,
};
