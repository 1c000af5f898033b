/*
 * Publish and subscribe: queues, slow clients, history.
 *
 * block: a hearer's queue is its port->out.  When it is full, publishers wait
 * until half of it is sent.
 *
 * drop-old, drop-new, disconnect: half of the queue is port->out, whose
 * messages may be begun, the other half is c->wait.  A full hearer is first
 * waited for during one round of the event loop, so that nobody loses
 * messages that its socket would have taken; then it is stuck, and until its
 * port->out is empty the policy applies without delaying anybody.
 *
 * What the history gives to a late joiner goes to port->out whatever the
 * bound: it was kept anyway.
 */
#include "core/fanout.h"

#include "base/clock.h"

/* Can port->out itself take more? */
static uint32_t
window_room(const struct ipc_fanout *f, const struct ipc_fan_client *c)
{
	const struct ipc_mq *out = &c->port->out;

	if (c->wait.n > 0 || out->n >= f->window ||
	    out->bytes >= (f->drops ? f->bytes / 2 : f->bytes))
		return 0;
	return f->window - out->n;
}

static uint32_t
wait_room(const struct ipc_fanout *f, const struct ipc_fan_client *c)
{
	uint32_t most = f->queue - f->window;

	return c->wait.n >= most || c->wait.bytes >= f->bytes / 2 ? 0 :
	    most - c->wait.n;
}

static uint32_t
room_of(const struct ipc_fanout *f, const struct ipc_fan_client *c)
{
	return window_room(f, c) + (f->drops ? wait_room(f, c) : 0);
}

static void
block(struct ipc_fanout *f, struct ipc_fan_client *c)
{
	if (c->blocks)
		return;
	c->blocks = true;
	f->nblocks++;
	if (f->drops)
		ipc_exchange_at(f->ex, ipc_now());
}

uint32_t
ipc_fan_room(struct ipc_fanout *f, const struct ipc_port *from, uint32_t want)
{
	for (struct ipc_list *n = f->hearers.next; n != &f->hearers;
	    n = n->next) {
		struct ipc_fan_client *c = ipc_fan_client(n);
		uint32_t room;

		if (!c->hit || c->stuck || (f->set->hub && c->port == from))
			continue;
		room = room_of(f, c);
		if (room == 0)
			block(f, c);
		if (room < want)
			want = room;
	}
	return want;
}

void
ipc_fan_resume(struct ipc_fanout *f)
{
	for (struct ipc_list *n = f->ex->ports.next; n != &f->ex->ports;
	    n = n->next) {
		struct ipc_port *p = ipc_list_entry(n, struct ipc_port, node);
		struct ipc_fan_client *c = p->data;

		if (c == NULL || !c->waits)
			continue;
		c->waits = false;
		ipc_port_resume(p);
	}
}

void
ipc_fan_unblock(struct ipc_fanout *f, struct ipc_fan_client *c)
{
	if (!c->blocks)
		return;
	c->blocks = false;
	if (--f->nblocks == 0)
		ipc_fan_resume(f);
}

static void
drop(struct ipc_fanout *f, struct ipc_fan_client *c, uint64_t n)
{
	c->dropped += n;
	f->dropped += n;
}

static void
disconnect(struct ipc_fanout *f, struct ipc_fan_client *c)
{
	struct ipc_error err = { 0 };
	uint32_t n = c->port->out.n + c->wait.n;

	drop(f, c, n + 1UL);
	f->disconnected++;
	ipc_fail(&err, IPC_E_DATA, 0, "--slow drop-old keeps slow clients",
	    "it reads too slowly: %u messages wait for it", n);
	ipc_fan_cut(f, c, &err);
}

/* c is stuck and has no room for q.  True: it is to be queued even so. */
static bool
make_room(struct ipc_fanout *f, struct ipc_fan_client *c)
{
	switch ((enum ipc_slow)f->set->slow) {
	case IPC_SLOW_DROP_OLD:
		while (c->wait.n > 0 && room_of(f, c) == 0) {
			ipc_mq_drop(&c->wait);
			drop(f, c, 1);
		}
		return true;
	case IPC_SLOW_DISCONNECT:
		if (c->port->role != IPC_ROLE_LOCAL) {
			disconnect(f, c);
			return false;
		}
		break;
	case IPC_SLOW_DROP_NEW:
	case IPC_SLOW_BLOCK:
		break;
	}
	drop(f, c, 1);
	return false;
}

void
ipc_fan_give(struct ipc_fanout *f, struct ipc_fan_client *c,
    const struct ipc_qmsg *q)
{
	struct ipc_error err = { 0 };
	uint32_t n;
	bool ok;

	if (c->cut)
		return;
	if (!f->drops || window_room(f, c) > 0)
		ok = ipc_port_share(c->port, q);
	else if (wait_room(f, c) > 0 || make_room(f, c))
		ok = ipc_mq_share(&c->wait, q);
	else
		return;
	if (!ok) {
		drop(f, c, c->port->out.n + c->wait.n + 1UL);
		ipc_fail(&err, IPC_E_NET, 0, NULL, "no memory for its queue");
		ipc_fan_cut(f, c, &err);
		return;
	}
	n = c->port->out.n + c->wait.n;
	if (n > f->peak)
		f->peak = n;
}

/* From what waits to the connection, as far as it may. */
static void
refill(struct ipc_fanout *f, struct ipc_fan_client *c)
{
	const struct ipc_mq *out = &c->port->out;

	while (c->wait.n > 0 && (out->n == 0 || (out->n < f->window &&
	    out->bytes < f->bytes / 2))) {
		if (!ipc_port_share(c->port, ipc_mq_at(&c->wait, 0)))
			return;		/* no memory: with the next call */
		ipc_mq_drop(&c->wait);
	}
}

void
ipc_fan_sent(struct ipc_fanout *f, struct ipc_fan_client *c)
{
	if (c->wait.n > 0)
		refill(f, c);
	if ((c->blocks || c->stuck) && room_of(f, c) > 0) {
		c->stuck = false;
		ipc_fan_unblock(f, c);
	}
}

void
ipc_fan_flush(struct ipc_fan_client *c)
{
	while (c->wait.n > 0 &&
	    ipc_port_share(c->port, ipc_mq_at(&c->wait, 0)))
		ipc_mq_drop(&c->wait);
}

void
ipc_fan_expired(struct ipc_fanout *f)
{
	for (struct ipc_list *n = f->hearers.next; n != &f->hearers;
	    n = n->next) {
		struct ipc_fan_client *c = ipc_fan_client(n);

		if (!c->blocks || !f->drops)
			continue;
		c->stuck = room_of(f, c) == 0;
		ipc_fan_unblock(f, c);
	}
}

bool
ipc_fan_history_full(const struct ipc_fanout *f)
{
	return f->history.n >= f->set->history ||
	    f->history.bytes >= IPC_FAN_HISTORY_BYTES;
}

void
ipc_fan_keep(struct ipc_fanout *f, const struct ipc_qmsg *q)
{
	struct ipc_mq *h = &f->history;

	if (f->set->history == 0)
		return;
	while (h->n > 0 && (h->n >= f->set->history ||
	    h->bytes + q->len > IPC_FAN_HISTORY_BYTES))
		ipc_mq_drop(h);
	/* No memory: the next joiner gets less, those who are here do not. */
	ipc_mq_share(h, q);
}

void
ipc_fan_recall(struct ipc_fanout *f, struct ipc_fan_client *c,
    bool (*want)(const struct ipc_fan_client *c, const struct ipc_qmsg *q,
    const char *pattern), const char *pattern)
{
	for (uint32_t i = 0; i < f->history.n; i++) {
		const struct ipc_qmsg *q = ipc_mq_at(&f->history, i);

		if (want == NULL || want(c, q, pattern))
			if (!ipc_port_share(c->port, q))
				return;
	}
}
