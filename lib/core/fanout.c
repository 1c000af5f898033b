/*
 * Publish and subscribe: listen --fanout, --hub and --topics.
 *
 *	--fanout	what our stdin says goes to every client, what clients
 *			say goes to our stdout
 *	--hub		what one says goes to all others; stdin and stdout are
 *			one of them
 *	--topics	PUB and SUB (wire/topic.h); with --hub a publisher does
 *			not get its own message
 *
 * Beginning: with the default policy, block, stdin is not read further than
 * the history reaches before there is somebody to publish to (with --topics:
 * before the first SUB), so that the start order does not matter.
 *
 * End, without -k: when stdin has ended, everybody gets what is queued, then
 * our half of each connection is closed, and when all have gone the run ends.
 * When nobody ever came it waits for the first client.  A hub, or a broker
 * whose own stdin said nothing, ends when its last client has gone, but not
 * before one has come to listen: a publisher may be the first to come and to
 * go.  A hub also ends when something was said and now all have ended, our
 * stdin too.  With -k it ends by a signal only.  -n counts published messages;
 * it and a signal end the run as soon as what is queued is out.
 *
 * A client that ended its half still listens, but with --topics and without a
 * SUB there is nothing to listen to: then we end ours.  One that breaks off
 * with messages queued for it, or in the middle of its own, or as a child that
 * fails, decides the exit code, and so does what was published before anybody
 * listened and is not in the history.  With -k alone, where clients come and
 * go, it is logged and counted.  Dropped messages always make it 3.
 */
#include "core/fanout.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/text.h"
#include "core/end.h"
#include "core/pipeline.h"
#include "core/plan.h"

static int
fan_start(struct ipc_exchange *ex, struct ipc_error *err)
{
	struct ipc_fanout *f = ex->state;
	const struct ipc_settings *set = ex->plan->set;

	f->ex = ex;
	f->set = set;
	ipc_list_init(&f->hearers);
	f->drops = set->slow != IPC_SLOW_BLOCK;
	f->queue = set->queue == 0 ? IPC_PORT_MSGS : (uint32_t)set->queue;
	f->window = f->drops ? f->queue - f->queue / 2 : f->queue;
	f->bytes = IPC_PORT_BYTES;
	if (set->topic != NULL)
		return ipc_topic_check(set->topic, strlen(set->topic),
		    IPC_E_USAGE, err);
	return 0;
}

/* Does a failure of one client count?  With -k alone a signal has to end us,
 * and says nothing of the clients that came and went. */
static bool
judged(const struct ipc_fanout *f)
{
	return !f->set->keep || f->set->max_n > 0;
}

/* --- the end --- */

static void
close_all(struct ipc_fanout *f)
{
	f->finishing = true;
	for (struct ipc_list *n = f->hearers.next; n != &f->hearers;
	    n = n->next) {
		struct ipc_fan_client *c = ipc_fan_client(n);

		if (c->port->role == IPC_ROLE_CLIENT) {
			ipc_fan_flush(c);
			ipc_port_close(c->port);
		}
	}
}

static void
note(struct ipc_fanout *f, uint64_t n, const char *hint, const char *what)
{
	struct ipc_error err = { 0 };

	if (n == 0)
		return;
	ipc_fail(&err, IPC_E_DATA, 0, hint, "%" PRIu64 " message%s%s", n,
	    n == 1 ? " was " : "s were ", what);
	ipc_exchange_note(f->ex, &err);
}

static void
finish(struct ipc_fanout *f)
{
	close_all(f);
	f->done = true;
	if (f->local != NULL && f->local->data != NULL)
		ipc_fan_flush(f->local->data);
	note(f, f->dropped, "--slow block loses nothing, a larger --queue "
	    "less", "dropped for slow clients");
	if (!f->listened && (f->local_said || judged(f)))
		note(f, f->published, NULL, "published to nobody");
	if (judged(f))
		note(f, f->missed, "--history N keeps the last N",
		    "published before anybody listened");
	note(f, f->late, NULL, "published when it was over");
	ipc_exchange_done(f->ex);
}

/* A hub where everybody has ended, and something was said: it is over.  Over
 * TCP a client that closed looks like one that only listens from now on. */
static bool
nobody_speaks(const struct ipc_fanout *f)
{
	if (!f->local_ended || f->published == 0)
		return false;
	for (struct ipc_list *n = f->hearers.next; n != &f->hearers;
	    n = n->next) {
		const struct ipc_port *p = ipc_fan_client(n)->port;

		if (p->role == IPC_ROLE_CLIENT && !p->in_ended)
			return false;
	}
	return true;
}

void
ipc_fan_check(struct ipc_fanout *f)
{
	bool keep = f->set->keep;
	bool source = f->local_said || (!f->set->hub && !f->set->topics);

	if (f->done)
		return;
	if (f->draining) {
		/* What was read of our stdin is still published, up to -n. */
		if (f->local_ended || f->enough)
			finish(f);
		return;
	}
	if (f->enough && (f->heard || f->history.n == 0)) {
		finish(f);
		return;
	}
	if (!f->finishing && !keep && f->heard && (f->set->hub ?
	    !f->set->topics && nobody_speaks(f) : source && f->local_ended))
		close_all(f);
	if (f->nclients == 0 && (f->finishing || (!keep && f->came &&
	    f->listened && (f->set->hub || (!source && f->local_ended)))))
		finish(f);
}

void
ipc_fan_heard(struct ipc_fanout *f, const struct ipc_fan_client *c)
{
	if (!f->listened) {
		f->listened = true;
		f->missed = f->published - f->history.n;
	}
	if (f->heard || c->port->role != IPC_ROLE_CLIENT)
		return;
	f->heard = f->begun = true;
	ipc_fan_resume(f);
}

void
ipc_fan_cut(struct ipc_fanout *f, struct ipc_fan_client *c,
    const struct ipc_error *err)
{
	if (c->cut)
		return;
	c->cut = true;
	c->hears = false;
	ipc_list_remove(&c->port->mine);
	ipc_fan_unblock(f, c);
	ipc_port_abort(c->port, err);
}

/* --- publishing --- */

/* To all, without topics. */
static void
speak(struct ipc_fanout *f, struct ipc_port *p, struct ipc_batch *b)
{
	struct ipc_fan_client *c = p->data;

	while (ipc_batch_count(b) > 0 && !f->enough && !c->cut) {
		uint32_t k = ipc_fan_allowed(f, p, ipc_batch_count(b));

		if (k > 0)
			k = ipc_fan_room(f, p, k);
		c->waits = k == 0;
		if (k == 0)
			return;
		while (k-- > 0 && ipc_fan_stage(f, p, &b->m[b->head]))
			ipc_batch_drop(b);
		ipc_fan_publish(f, p);
	}
}

/* What a client says to us. */
static void
to_local(struct ipc_fanout *f, struct ipc_port *p, struct ipc_batch *b)
{
	struct ipc_fan_client *c = p->data;

	c->waits = false;
	while (ipc_batch_count(b) > 0) {
		if (f->local == NULL ? !f->local_ended :
		    ipc_port_full(f->local)) {
			c->waits = true;
			return;
		}
		/* What another one says next begins a line of its own. */
		ipc_fan_end_line(&b->m[b->head]);
		if (f->local == NULL ||
		    !ipc_port_send(f->local, &b->m[b->head])) {
			f->undelivered++;
			note(f, 1, NULL, "not given to standard output");
		}
		ipc_batch_drop(b);
	}
}

static void
fan_put(struct ipc_exchange *ex, struct ipc_port *p, struct ipc_batch *b)
{
	struct ipc_fanout *f = ex->state;
	struct ipc_fan_client *c = p->data;
	bool publishes = f->set->hub || f->set->topics || p == f->local;

	if (c == NULL || c->cut || f->done || (publishes && !f->set->topics &&
	    (f->finishing || f->enough)))
		ipc_batch_clear(b);
	else if (!publishes)
		to_local(f, p, b);
	else if (f->set->topics)
		ipc_fan_talk(f, p, b);
	else
		speak(f, p, b);
	/* All that was asked for together comes before the end. */
	if (f->begun) {
		f->begun = false;
		ipc_fan_check(f);
	}
	if (c != NULL && (c->cut || f->done))
		ipc_batch_clear(b);
}

/* --- connections --- */

static void
join(struct ipc_fanout *f, struct ipc_fan_client *c)
{
	f->nclients++;
	f->came = true;
	if (!f->set->topics) {
		ipc_fan_recall(f, c, NULL, NULL);
		ipc_fan_heard(f, c);
		f->begun = false;
	}
	if (f->finishing)
		ipc_port_close(c->port);
	ipc_fan_check(f);
}

static void
fan_attach(struct ipc_exchange *ex, struct ipc_port *p)
{
	struct ipc_fanout *f = ex->state;
	struct ipc_fan_client *c = calloc(1, sizeof(*c));
	struct ipc_error err = { 0 };
	bool local = p->role == IPC_ROLE_LOCAL;

	p->data = c;
	if (local)
		f->local = p;
	if (c == NULL) {
		ipc_fail(&err, IPC_E_NET, 0, NULL, "no memory");
		ipc_port_abort(p, &err);
		return;
	}
	c->port = p;
	c->hit = !f->set->topics;
	c->hears = !local || f->set->hub || f->set->topics;
	if (c->hears)
		ipc_list_append(&f->hearers, &p->mine);
	f->nlast = 0;
	if (local)
		ipc_fan_resume(f);
	else
		join(f, c);
}

static void
fan_ended(struct ipc_exchange *ex, struct ipc_port *p)
{
	struct ipc_fanout *f = ex->state;

	const struct ipc_fan_client *c = p->data;

	if (p == f->local) {
		f->local_ended = true;
		ipc_fan_check(f);
	} else if (f->set->topics && c != NULL && c->nsubs == 0) {
		/* It can ask for nothing any more: a publisher is done. */
		ipc_port_close(p);
	} else if (f->set->hub) {
		ipc_fan_check(f);
	}
}

static void
fan_room(struct ipc_exchange *ex, struct ipc_port *p)
{
	struct ipc_fanout *f = ex->state;
	struct ipc_fan_client *c = p->data;

	if (c == NULL || c->cut)
		return;
	if (c->hears)
		ipc_fan_sent(f, c);
	else if (p == f->local)
		ipc_fan_resume(f);
	if (c->waits && f->set->topics) {
		c->waits = false;	/* its SUB waits for its own queue */
		ipc_port_resume(p);
	}
}

/* A unix peer that has read everything and closes says EPIPE, not ECONNRESET:
 * it has gone in order. */
static bool
had_all(const struct ipc_port *p, const struct ipc_error *why)
{
	return why->code == IPC_E_DATA && why->sys == EPIPE && p->in_ended &&
	    p->pl->end[0].conn.peer.family == AF_UNIX;
}

/* What p did not get, and what it lost before. */
static void
account(struct ipc_fanout *f, const struct ipc_port *p,
    const struct ipc_error *why)
{
	const struct ipc_fan_client *c = p->data;
	uint64_t left = (uint64_t)p->out.n + c->wait.n;
	char where[IPC_END_TEXT];

	if (p->role == IPC_ROLE_CLIENT || c->hears)
		f->delivered += p->out_msgs;
	if (c->dropped > 0)
		ipc_log(IPC_LOG_WARN, ipc_port_text(p, where), "%" PRIu64
		    " messages were dropped: it reads too slowly",
		    c->dropped);
	if (why != NULL)
		ipc_log_error(left == 0 && had_all(p, why) ? IPC_LOG_INFO :
		    IPC_LOG_WARN, why);
	if (why == NULL || (left == 0 && had_all(p, why)))
		return;
	f->broken++;
	if (!c->cut)
		f->undelivered += left;
	/* Our own stdin and stdout are judged by the core. */
	if (!judged(f) || p->role != IPC_ROLE_CLIENT)
		return;
	if (!c->cut)
		note(f, left, NULL, "not delivered to a client that broke "
		    "off");
	/* Its last message was cut short or garbled, or it was a child.  What
	 * a slow one lost is told in the end. */
	if (!c->cut || c->dropped == 0)
		ipc_exchange_note(f->ex, why);
}

static void
fan_detach(struct ipc_exchange *ex, struct ipc_port *p,
    const struct ipc_error *why, int status)
{
	struct ipc_fanout *f = ex->state;
	struct ipc_fan_client *c = p->data;

	(void)status;
	if (p == f->local) {
		f->local = NULL;
		f->local_ended = true;
		ipc_fan_resume(f);
	}
	if (c != NULL) {
		account(f, p, why);
		if (p->role == IPC_ROLE_CLIENT)
			f->nclients--;
		ipc_list_remove(&p->mine);
		ipc_fan_unblock(f, c);
		ipc_fan_forget(c);
		ipc_mq_free(&c->wait);
		p->data = NULL;
		free(c);
	}
	ipc_fan_check(f);
}

static void
fan_failed(struct ipc_exchange *ex, enum ipc_role role, uint32_t index,
    const struct ipc_error *why)
{
	struct ipc_fanout *f = ex->state;

	(void)index;
	ipc_exchange_note(ex, why);
	if (role == IPC_ROLE_LOCAL) {
		f->local_ended = f->draining = true;
		ipc_fan_check(f);
	}
}

static void
fan_expired(struct ipc_exchange *ex, uint64_t now_ns)
{
	(void)now_ns;
	ipc_fan_expired(ex->state);
}

static void
fan_drain(struct ipc_exchange *ex)
{
	struct ipc_fanout *f = ex->state;

	f->draining = true;
	if (f->local == NULL)
		f->local_ended = true;
	ipc_fan_resume(f);
	ipc_fan_check(f);
}

static void
fan_stats(const struct ipc_exchange *ex, struct ipc_text *out)
{
	const struct ipc_fanout *f = ex->state;
	uint64_t delivered = f->delivered;

	for (struct ipc_list *n = f->hearers.next; n != &f->hearers;
	    n = n->next)
		delivered += ipc_fan_client(n)->port->out_msgs;
	ipc_text_add(out, "published %" PRIu64 "\ndelivered %" PRIu64
	    "\ndropped %" PRIu64 "\nundelivered %" PRIu64
	    "\nunheard %" PRIu64 "\nlate %" PRIu64 "\n", f->published,
	    delivered, f->dropped, f->undelivered, f->unheard, f->late);
	ipc_text_add(out, "disconnected %" PRIu64 "\nbroken %" PRIu64
	    "\nprotocol_errors %" PRIu64 "\nclients %" PRIu32
	    "\npeak_queue %" PRIu32 "\nhistory %" PRIu32 "\n",
	    f->disconnected, f->broken, f->bad, f->nclients, f->peak,
	    f->history.n);
}

static void
fan_stop(struct ipc_exchange *ex)
{
	struct ipc_fanout *f = ex->state;

	ipc_mq_free(&f->now);
	ipc_mq_free(&f->history);
}

const struct ipc_exchange_ops ipc_exchange_fanout = {
	.name = "fanout",
	.summary = "messages go to every client, or by topic",
	.state_size = sizeof(struct ipc_fanout),
	.start = fan_start,
	.attach = fan_attach,
	.put = fan_put,
	.ended = fan_ended,
	.room = fan_room,
	.detach = fan_detach,
	.failed = fan_failed,
	.expired = fan_expired,
	.drain = fan_drain,
	.stats = fan_stats,
	.stop = fan_stop,
};
