/*
 * One input to many targets: send --all, send --spread.
 *
 *	--all     LOCAL -> every target; the slowest paces
 *	--spread  LOCAL -> the target with the shortest queue, in turn
 *
 * A target: DIALING -> UP -> GONE, or DIALING -> GONE.  --all takes nothing
 * from LOCAL while one is DIALING, so that all get the same; what one that is
 * GONE misses is counted, and the others go on.  --spread begins with the first
 * that is UP; what a target that breaks has not been written is given to the
 * others ("moved"), so no target is closed before all queues are empty.  What
 * was written to a target that then broke may be lost: that is an error in
 * both.  What targets say goes to LOCAL as it comes.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "core/end.h"
#include "core/exchange.h"
#include "core/plan.h"
#include "core/run.h"

enum target_state { DIALING, UP, GONE };

struct target {
	struct ipc_port *port;	/* while UP */
	uint8_t	state;		/* enum target_state */
	bool	opened;		/* was UP */
	bool	bad;		/* err says what broke, or why it never was */
	bool	refused;	/* by a message that nobody could be sent */
	uint64_t sent;		/* given to the kernel, once GONE */
	struct ipc_error err;
};

struct state {
	struct target *t;	/* owned; plan->nto long */
	uint32_t n, ndialing, nup;
	struct ipc_port *local;
	struct ipc_mq moved;	/* of a target that broke; go first */
	struct ipc_mq in;	/* makes the copy that queues share */
	bool	all;
	bool	local_over;	/* nothing more comes */
	bool	closing;	/* all targets were told to end */
	bool	over;		/* ipc_exchange_done() */
	bool	held;		/* LOCAL waits for room */
	uint32_t turn;		/* --spread: who is next among equals */
	uint32_t first;		/* target that failed first; n: none */
	uint32_t nbad;
	uint64_t taken, moves, replies;
};

/* --- the end --- */

/* What was written to a target that broke may be lost: mostly DATA. */
static enum ipc_code
code_of(const struct target *t)
{
	return t->err.code == IPC_E_DEADLINE ? t->err.code : IPC_E_DATA;
}

/* It took everything, and what it says about it is all there is to say. */
static bool
only_failed(const struct target *t)
{
	return t->err.code == IPC_E_REMOTE || t->refused;
}

/* What the first target that failed has missed. */
static void
all_error(const struct state *s, const struct target *t, const char *where,
    struct ipc_error *err)
{
	uint64_t missed = s->taken - t->sent;
	const char *hint = t->err.hint;

	if (!t->opened && s->taken == 0)
		ipc_fail(err, t->err.code, 0, hint, "%s; no message was sent",
		    t->err.what);
	else if (!t->opened)
		ipc_fail(err, t->err.code, 0, hint, "%s; %" PRIu64
		    " of %" PRIu64 " messages undelivered", t->err.what,
		    missed, s->taken);
	else if (missed > 0)
		ipc_fail(err, code_of(t), 0, hint, "at least %" PRIu64
		    " of %" PRIu64 " messages undelivered: %s", missed,
		    s->taken, t->err.what);
	else if (only_failed(t))
		*err = t->err;
	else
		ipc_fail(err, code_of(t), 0, hint, "the last of %" PRIu64
		    " messages may be lost: %s", s->taken, t->err.what);
	if (err->where[0] == '\0')
		ipc_error_where(err, "%s", where);
	if (s->nbad > 1)
		ipc_error_where(err, "1 of %" PRIu32 " targets that failed",
		    s->nbad);
}

/* --spread: nothing was written to what never was up. */
static void
spread_error(const struct state *s, const struct target *t,
    const char *where, struct ipc_error *err)
{
	const char *hint = t->err.hint;

	if (s->moved.n > 0)
		ipc_fail(err, code_of(t), 0, hint, "at least %" PRIu32
		    " of %" PRIu64 " messages undelivered, no target is left: "
		    "%s", s->moved.n, s->taken, t->err.what);
	else if (t->opened && !only_failed(t))
		ipc_fail(err, code_of(t), 0, hint, "the last of %" PRIu64
		    " messages may be lost: %s", t->sent, t->err.what);
	else
		*err = t->err;
	if (err->where[0] == '\0')
		ipc_error_where(err, "%s", where);
}

/* The target to report: --all the first that failed, --spread the first that
 * broke, and one that never was up only when none was. */
static const struct target *
culprit(const struct state *s)
{
	const struct target *t = s->first < s->n ? &s->t[s->first] : NULL;
	bool any = false;

	if (s->all || t == NULL)
		return t;
	for (uint32_t i = 0; i < s->n; i++) {
		any |= s->t[i].opened;
		if (s->t[i].bad && s->t[i].opened && !t->opened)
			t = &s->t[i];
	}
	return t->opened || !any || s->moved.n > 0 ? t : NULL;
}

/* --all: a target that ended in order before the last message failed, too. */
static void
find_missing(struct state *s)
{
	for (uint32_t i = 0; i < s->n; i++) {
		struct target *t = &s->t[i];

		if (t->bad || t->state != GONE || t->sent == s->taken)
			continue;
		ipc_fail(&t->err, IPC_E_DATA, 0, NULL, "the peer ended");
		t->bad = true;
		s->nbad++;
		if (s->first == s->n)
			s->first = i;
	}
}

static void
finish(struct ipc_exchange *ex, struct state *s)
{
	struct ipc_error err = { 0 };
	const struct target *t;
	const char *where;

	if (s->over)
		return;
	s->over = true;
	if (s->all)
		find_missing(s);
	t = culprit(s);
	if (t != NULL) {
		where = t->err.where[0] != '\0' ? t->err.where :
		    ex->plan->to[t - s->t].ep.text;
		if (s->all)
			all_error(s, t, where, &err);
		else
			spread_error(s, t, where, &err);
	} else if (s->held || s->moved.n > 0) {
		ipc_fail(&err, IPC_E_DATA, 0, NULL, "every target ended; "
		    "what came after message %" PRIu64 " was not sent",
		    s->taken - s->moved.n);
	}
	if (err.code != IPC_OK)
		ipc_exchange_note(ex, &err);
	ipc_exchange_done(ex);
}

static bool
all_queues_empty(const struct state *s)
{
	if (s->moved.n > 0)
		return false;
	for (uint32_t i = 0; i < s->n; i++)
		if (s->t[i].state == UP && s->t[i].port->out.n > 0)
			return false;
	return true;
}

/* Close the targets when nothing can come for them, and end when they have
 * ended. */
static void
check_end(struct ipc_exchange *ex, struct state *s)
{
	if (s->over)
		return;
	if (s->nup == 0 && (s->ndialing == 0 || (!s->all && s->local_over &&
	    s->moved.n == 0 && s->taken > 0))) {
		finish(ex, s);
		return;
	}
	if (!s->local_over || s->closing)
		return;
	/* --spread does not wait for another one when it needs none. */
	if (s->ndialing > 0 && (s->all || s->nup == 0))
		return;
	if (!s->all && !all_queues_empty(s))
		return;
	s->closing = true;
	for (uint32_t i = 0; i < s->n; i++)
		if (s->t[i].state == UP)
			ipc_port_close(s->t[i].port);
}

static void
no_memory(struct ipc_exchange *ex, struct state *s)
{
	struct ipc_error err = { 0 };

	ipc_fail(&err, IPC_E_NET, ENOMEM, NULL, "cannot keep a message");
	ipc_exchange_note(ex, &err);
	s->over = true;
	ipc_exchange_done(ex);
}

/* --- messages to targets --- */

static bool
all_have_room(const struct state *s)
{
	if (s->ndialing > 0)
		return false;
	for (uint32_t i = 0; i < s->n; i++)
		if (s->t[i].state == UP && ipc_port_full(s->t[i].port))
			return false;
	return s->nup > 0;
}

/* The shortest queue that is not full; of equals the next in turn. */
static struct ipc_port *
choose(struct state *s)
{
	struct ipc_port *best = NULL;
	uint32_t at = 0;

	for (uint32_t k = 0; k < s->n; k++) {
		uint32_t i = (s->turn + k) % s->n;
		struct ipc_port *p = s->t[i].port;

		if (s->t[i].state != UP || ipc_port_full(p) ||
		    (best != NULL && p->out.n >= best->out.n))
			continue;
		best = p;
		at = i;
	}
	if (best != NULL)
		s->turn = (at + 1) % s->n;
	return best;
}

/* Give away the message: 1 done, 0 it has to wait, -1 no memory. */
static int
give(struct state *s, const struct ipc_qmsg *q)
{
	struct ipc_port *p;

	if (!s->all) {
		p = choose(s);
		return p == NULL ? 0 : ipc_port_share(p, q) ? 1 : -1;
	}
	if (!all_have_room(s))
		return 0;
	for (uint32_t i = 0; i < s->n; i++)
		if (s->t[i].state == UP && !ipc_port_share(s->t[i].port, q))
			return -1;
	return 1;
}

/* One message of LOCAL, by a copy that the queues share. */
static int
take(struct state *s, const struct ipc_msg *m)
{
	struct ipc_qmsg *q;
	int r;

	/* Before the copy: is there room at all? */
	if (s->all ? !all_have_room(s) : s->nup == 0)
		return 0;
	if (!ipc_mq_add(&s->in, m))
		return -1;
	q = ipc_mq_at(&s->in, 0);
	q->id = s->taken + 1;
	q->tag = 0;
	/* --spread: another one may come after a line that has no end. */
	if (!s->all && (q->flags & IPC_MSG_OPEN) != 0)
		q->flags = 0;
	r = give(s, q);
	ipc_mq_drop(&s->in);
	return r;
}

static bool
give_moved(struct ipc_exchange *ex, struct state *s)
{
	int r = 1;

	while (s->moved.n > 0 && r > 0) {
		r = give(s, ipc_mq_at(&s->moved, 0));
		if (r > 0)
			ipc_mq_drop(&s->moved);
	}
	if (r < 0)
		no_memory(ex, s);
	return s->moved.n == 0;
}

/* There may be room now. */
static void
go_on(struct ipc_exchange *ex, struct state *s)
{
	if (s->over)
		return;
	if (give_moved(ex, s) && s->held && s->local != NULL && !s->local_over)
		ipc_port_resume(s->local);
	check_end(ex, s);
}

static void
put_local(struct ipc_exchange *ex, struct state *s, struct ipc_batch *b)
{
	uint64_t most = ex->plan->set->max_n;
	int r = 1;

	if (s->over)
		return;
	if (!give_moved(ex, s))
		r = 0;
	while (r > 0 && ipc_batch_count(b) > 0 && !s->local_over) {
		r = take(s, &b->m[b->head]);
		if (r <= 0)
			break;
		ipc_batch_drop(b);
		if (++s->taken == most) {
			s->local_over = true;
			ipc_port_pause(s->local, true);
		}
	}
	s->held = ipc_batch_count(b) > 0 && !s->local_over;
	if (r < 0)
		no_memory(ex, s);
	check_end(ex, s);
}

/* --- what the exchange calls --- */

static int
spread_start(struct ipc_exchange *ex, struct ipc_error *err)
{
	struct state *s = ex->state;

	s->all = ex->plan->set->all;
	s->n = s->first = ex->plan->nto;
	s->t = calloc(s->n, sizeof(*s->t));
	if (s->t == NULL)
		return ipc_fail(err, IPC_E_NET, ENOMEM, NULL, "no memory");
	s->ndialing = s->n;
	for (uint32_t i = 0; i < s->n; i++)
		ipc_exchange_dial(ex, i);
	return 0;
}

static void
spread_attach(struct ipc_exchange *ex, struct ipc_port *p)
{
	struct state *s = ex->state;
	struct target *t;

	/* A dial can fail before there is a LOCAL. */
	if (s->over) {
		ipc_port_abort(p, NULL);
		return;
	}
	if (p->role != IPC_ROLE_TARGET) {
		s->local = p;
		for (uint32_t i = 0; i < s->n; i++)
			if (s->t[i].state == UP)
				ipc_port_resume(s->t[i].port);
		return;
	}
	t = &s->t[p->index];
	s->ndialing--;
	s->nup++;
	t->state = UP;
	t->opened = true;
	t->port = p;
	if (s->closing)
		ipc_port_close(p);
	go_on(ex, s);
}

static void
spread_put(struct ipc_exchange *ex, struct ipc_port *p, struct ipc_batch *b)
{
	struct state *s = ex->state;

	if (p->role != IPC_ROLE_TARGET) {
		put_local(ex, s, b);
		return;
	}
	while (ipc_batch_count(b) > 0 && s->local != NULL && !s->over) {
		if (ipc_port_full(s->local))
			return;
		if (!ipc_port_send(s->local, &b->m[b->head])) {
			no_memory(ex, s);
			return;
		}
		s->replies++;
		ipc_batch_drop(b);
	}
}

static void
spread_ended(struct ipc_exchange *ex, struct ipc_port *p)
{
	struct state *s = ex->state;

	/* A target that has no more to say may still listen. */
	if (p != s->local)
		return;
	s->local_over = true;
	check_end(ex, s);
}

static void
spread_room(struct ipc_exchange *ex, struct ipc_port *p)
{
	struct state *s = ex->state;

	if (p != s->local) {
		go_on(ex, s);
		return;
	}
	for (uint32_t i = 0; i < s->n; i++)
		if (s->t[i].state == UP)
			ipc_port_resume(s->t[i].port);
}

static bool
run_is_ending(const struct ipc_exchange *ex)
{
	return ex->run != NULL && atomic_load(&ex->run->phase) == IPC_ENDING;
}

/* t is of no more use; why NULL: it ended in order. */
static void
gone(struct ipc_exchange *ex, struct state *s, struct target *t,
    const struct ipc_error *why)
{
	t->state = GONE;
	t->port = NULL;
	if (why != NULL) {
		t->bad = true;
		t->err = *why;
		s->nbad++;
		if (s->first == s->n)
			s->first = (uint32_t)(t - s->t);
		/* The only one is reported once, at the end. */
		if (s->n > 1)
			ipc_log_error(IPC_LOG_WARN, why);
	}
	go_on(ex, s);
}

/* --spread: what p was not sent is for others; but for a message that nobody
 * can be sent, which ends the input. */
static void
move_rest(struct ipc_exchange *ex, struct state *s, const struct ipc_port *p)
{
	for (uint32_t i = p->refused; i < p->out.n; i++) {
		if (!ipc_mq_share(&s->moved, ipc_mq_at(&p->out, i))) {
			no_memory(ex, s);
			return;
		}
		s->moves++;
	}
	if (!p->refused)
		return;
	s->local_over = true;
	if (s->local != NULL)
		ipc_port_pause(s->local, true);
}

static void
spread_detach(struct ipc_exchange *ex, struct ipc_port *p,
    const struct ipc_error *why, int status)
{
	struct state *s = ex->state;
	char text[IPC_END_TEXT];
	struct target *t;

	(void)status;
	if (p->role != IPC_ROLE_TARGET) {
		s->local = NULL;
		s->local_over = true;
		if (why != NULL && !s->over)
			ipc_exchange_note(ex, why);
		if (!run_is_ending(ex))
			check_end(ex, s);
		return;
	}
	t = &s->t[p->index];
	s->nup -= t->state == UP;
	t->sent = p->out_msgs;
	if (s->over || run_is_ending(ex)) {
		if (!s->over && p->out.n > 0)
			ipc_log(IPC_LOG_ERROR, ipc_port_text(p, text),
			    "%" PRIu32 " messages undelivered", p->out.n);
		t->state = GONE;
		t->port = NULL;
		return;
	}
	t->refused = p->refused;
	if (!s->all)
		move_rest(ex, s, p);
	gone(ex, s, t, why);
}

static void
spread_failed(struct ipc_exchange *ex, enum ipc_role role, uint32_t index,
    const struct ipc_error *why)
{
	struct state *s = ex->state;

	if (role != IPC_ROLE_TARGET)
		return;
	s->ndialing--;
	if (s->over || run_is_ending(ex))
		s->t[index].state = GONE;
	else
		gone(ex, s, &s->t[index], why);
}

static void
spread_drain(struct ipc_exchange *ex)
{
	struct state *s = ex->state;

	/* What stdin gave so far is still put, then ended() comes. */
	if (s->local == NULL)
		s->local_over = true;
	check_end(ex, s);
}

static void
spread_stats(const struct ipc_exchange *ex, struct ipc_text *out)
{
	const struct state *s = ex->state;
	uint64_t sent = 0;

	for (uint32_t i = 0; i < s->n; i++)
		sent += s->t[i].state == UP ? s->t[i].port->out_msgs :
		    s->t[i].sent;
	ipc_text_add(out, "messages %" PRIu64 "\nsent %" PRIu64
	    "\nmoved %" PRIu64 "\nreplies %" PRIu64 "\ntargets_failed %" PRIu32
	    "\n", s->taken, sent, s->moves, s->replies, s->nbad);
}

static void
spread_stop(struct ipc_exchange *ex)
{
	struct state *s = ex->state;

	ipc_mq_free(&s->moved);
	ipc_mq_free(&s->in);
	free(s->t);
	s->t = NULL;
}

const struct ipc_exchange_ops ipc_exchange_spread = {
	.name = "spread",
	.summary = "each message to all targets (--all) or to one (--spread)",
	.state_size = sizeof(struct state),
	.start = spread_start,
	.attach = spread_attach,
	.put = spread_put,
	.ended = spread_ended,
	.room = spread_room,
	.detach = spread_detach,
	.failed = spread_failed,
	.drain = spread_drain,
	.stats = spread_stats,
	.stop = spread_stop,
};
