/*
 * Requests of a handler pool, from a client's message to the reply.  States
 * and bounds are in pool.h.
 *
 * Clients take turns: each one that has a request waiting gives one, then
 * goes to the end of the line.  A client that does not read its replies has
 * no further request started.
 */
#include "core/pool.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/end.h"

/* --- requests --- */

/* A counted copy of m, small or not. */
static bool
keep(struct ipc_serve *s, const struct ipc_msg *m, struct ipc_qmsg *out)
{
	if (!ipc_mq_add(&s->scratch, m))
		return false;
	*out = *ipc_mq_at(&s->scratch, 0);
	out->chunk->refs++;
	ipc_mq_drop(&s->scratch);
	return true;
}

static void
drop_held(struct ipc_serve_req *r)
{
	if (r->lane != NULL)
		r->lane->client->held -= r->held.bytes;
	while (r->held.n > 0)
		ipc_mq_drop(&r->held);
}

static struct ipc_serve_req *
req_new(struct ipc_serve *s)
{
	struct ipc_serve_req *r;
	struct ipc_mq ring;

	if (s->nspare == 0) {
		r = calloc(1, sizeof(*r));
		if (r == NULL)
			return NULL;
	} else {
		r = ipc_list_entry(s->spare.next, struct ipc_serve_req, node);
		ipc_list_remove(&r->node);
		s->nspare--;
		ring = r->held;
		memset(r, 0, sizeof(*r));
		r->held = ring;
	}
	ipc_list_init(&r->node);
	ipc_list_init(&r->wait);
	return r;
}

/* r is on no list any more and its lane knows nothing of it. */
static void
req_free(struct ipc_serve *s, struct ipc_serve_req *r)
{
	ipc_chunk_put(r->msg.chunk);
	free(r->why);
	if (s->nspare < POOL_SPARE) {
		ipc_list_append(&s->spare, &r->node);
		s->nspare++;
	} else {
		ipc_mq_free(&r->held);
		free(r);
	}
}

static void
lane_drop(struct ipc_serve_lane *l)
{
	if (l->tag == 0 || !ipc_list_empty(&l->reqs))
		return;
	ipc_list_remove(&l->chain);
	ipc_list_remove(&l->mine);
	free(l);
}

/* r is through: forget it.  Its lane, if it has one, may be gone. */
static void
req_end(struct ipc_serve *s, struct ipc_serve_req *r)
{
	struct ipc_serve_client *c;

	drop_held(r);
	s->nreqs--;
	s->bytes -= r->msg.len;
	if (r->state == SERVE_WAITING) {
		ipc_list_remove(&r->wait);
		s->nwait--;
	}
	if (r->lane != NULL) {
		c = r->lane->client;
		ipc_list_remove(&r->node);
		lane_drop(r->lane);
		c->outstanding--;
		if (c->stopped && c->outstanding <= s->in_flight / 2)
			ipc_serve_resume(c);
	}
	req_free(s, r);
}

static size_t
bucket(const struct ipc_serve_client *c, uint64_t tag)
{
	uint64_t h = (tag ^ (uint64_t)c->port->id << 32) *
	    0x9e3779b97f4a7c15ULL;

	return (size_t)(h >> 54) % POOL_LANES;
}

static struct ipc_serve_lane *
lane_for(struct ipc_serve *s, struct ipc_serve_client *c, uint64_t tag)
{
	struct ipc_serve_lane *l;
	struct ipc_list *head, *n;

	if (tag == 0)
		return &c->lane;
	if (s->lanes == NULL) {
		s->lanes = malloc(POOL_LANES * sizeof(*s->lanes));
		if (s->lanes == NULL)
			return NULL;
		for (size_t i = 0; i < POOL_LANES; i++)
			ipc_list_init(&s->lanes[i]);
	}
	head = &s->lanes[bucket(c, tag)];
	for (n = head->next; n != head; n = n->next) {
		l = ipc_list_entry(n, struct ipc_serve_lane, chain);
		if (l->client == c && l->tag == tag)
			return l;
	}
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return NULL;
	l->client = c;
	l->tag = tag;
	ipc_list_init(&l->mine);
	ipc_list_init(&l->reqs);
	ipc_list_init(&l->chain);
	ipc_list_append(head, &l->chain);
	ipc_list_append(&c->lanes, &l->mine);
	return l;
}

bool
ipc_serve_take(struct ipc_serve *s, struct ipc_serve_client *c,
    const struct ipc_msg *m)
{
	struct ipc_serve_lane *l = lane_for(s, c, m->tag);
	struct ipc_serve_req *r;

	if (l == NULL)
		return false;
	r = req_new(s);
	if (r == NULL || !keep(s, m, &r->msg)) {
		if (r != NULL)
			req_free(s, r);
		lane_drop(l);
		return false;
	}
	/* A last line without its end is a whole request for a worker. */
	if ((r->msg.flags & IPC_MSG_OPEN) != 0)
		r->msg.flags &= (uint8_t)~(IPC_MSG_OPEN | IPC_MSG_FRAMED);
	r->msg.tag = 0;
	r->msg.topic = 0;
	r->number = m->id;
	r->lane = l;
	ipc_list_append(&l->reqs, &r->node);
	ipc_list_append(&c->pending, &r->wait);
	c->outstanding++;
	s->nwait++;
	s->bytes += r->msg.len;
	if (++s->nreqs > s->peak)
		s->peak = s->nreqs;
	ipc_serve_ready(s, c);
	return true;
}

struct ipc_serve_req *
ipc_serve_next(struct ipc_serve *s)
{
	struct ipc_serve_client *c;
	struct ipc_serve_req *r;

	while (!ipc_list_empty(&s->ready)) {
		c = ipc_list_entry(s->ready.next, struct ipc_serve_client,
		    ready);
		ipc_list_remove(&c->ready);
		if (ipc_list_empty(&c->pending) || ipc_port_full(c->port))
			continue;	/* room() brings it back */
		r = ipc_list_entry(c->pending.next, struct ipc_serve_req,
		    wait);
		if (c->held > POOL_HELD && r->lane->reqs.next != &r->node)
			continue;	/* an earlier one's reply does */
		ipc_list_remove(&r->wait);
		r->state = SERVE_RUNNING;
		s->nwait--;
		ipc_serve_ready(s, c);
		return r;
	}
	return NULL;
}

/* --- replies --- */

void
ipc_serve_abandon(struct ipc_serve *s, struct ipc_serve_client *c)
{
	struct ipc_list *n, *l, *next;
	struct ipc_serve_lane *lane;
	struct ipc_serve_req *r;

	for (l = c->lanes.next; l != &c->lanes; l = next) {
		next = l->next;
		lane = ipc_list_entry(l, struct ipc_serve_lane, mine);
		while (!ipc_list_empty(&lane->reqs)) {
			n = lane->reqs.next;
			r = ipc_list_entry(n, struct ipc_serve_req, node);
			if (r->state != SERVE_RUNNING) {
				s->dropped++;
				if (lane->reqs.prev == n && lane->tag != 0) {
					req_end(s, r);
					break;	/* lane is gone */
				}
				req_end(s, r);
				continue;
			}
			drop_held(r);
			ipc_list_remove(n);
			c->outstanding--;
			r->lane = NULL;
			if (r->worker != NULL)
				ipc_serve_worker_resume(r->worker);
			if (ipc_list_empty(&lane->reqs)) {
				lane_drop(lane);
				break;
			}
		}
	}
}

/* What the client of a failed request gets.  False: it was cut off. */
static bool
answer_failed(struct ipc_serve *s, struct ipc_serve_client *c,
    struct ipc_serve_req *r)
{
	const char *text = s->set->fail_reply;
	struct ipc_error *why = r->why;

	if (text != NULL && ipc_port_say(c->port, text, strlen(text),
	    r->number, r->lane->tag))
		return true;
	if (text == NULL && (c->endless || r->lane->tag != 0))
		return true;
	r->why = NULL;
	req_end(s, r);
	ipc_serve_cut(s, c, why);
	return false;
}

/* Send what r has ready.  False: it is gone, with the whole client. */
static bool
emit(struct ipc_serve *s, struct ipc_serve_client *c, struct ipc_serve_req *r)
{
	while (r->held.n > 0) {
		struct ipc_qmsg *q = ipc_mq_at(&r->held, 0);

		if (!ipc_port_share(c->port, q)) {
			r->failed = true;
			break;
		}
		c->held -= q->len;
		r->sent = true;
		ipc_mq_drop(&r->held);
	}
	if (r->state != SERVE_FINISHED || !r->failed)
		return true;
	return answer_failed(s, c, r);
}

/* Send what is due in this lane; it may be gone afterwards.  False: so is the
 * client. */
static bool
flush(struct ipc_serve *s, struct ipc_serve_lane *l)
{
	struct ipc_serve_client *c = l->client;
	struct ipc_serve_req *r;
	bool last = false;

	while (!last && !ipc_list_empty(&l->reqs)) {
		r = ipc_list_entry(l->reqs.next, struct ipc_serve_req, node);
		if (!emit(s, c, r))
			return false;
		if (r->state != SERVE_FINISHED) {
			if (r->worker != NULL)
				ipc_serve_worker_resume(r->worker);
			break;
		}
		last = l->reqs.prev == l->reqs.next;
		req_end(s, r);
	}
	return true;
}

bool
ipc_serve_reply(struct ipc_serve *s, struct ipc_serve_req *r,
    struct ipc_msg *m)
{
	struct ipc_qmsg q;
	bool kept;

	if (r->lane == NULL)
		return true;
	if ((m->flags & IPC_MSG_OPEN) != 0)
		m->flags &= (uint8_t)~(IPC_MSG_OPEN | IPC_MSG_FRAMED);
	m->id = r->number;
	m->tag = r->lane->tag;
	m->topic = 0;
	if (!s->per && (!s->ordered || r->lane->reqs.next == &r->node)) {
		r->sent = true;
		return ipc_port_send(r->lane->client->port, m);
	}
	if (!keep(s, m, &q))
		return false;
	kept = ipc_mq_share(&r->held, &q);
	ipc_chunk_put(q.chunk);
	if (kept)
		r->lane->client->held += q.len;
	return kept;
}

bool
ipc_serve_blocked(const struct ipc_serve *s, const struct ipc_serve_req *r)
{
	if (r->lane == NULL)
		return false;
	if (s->per || (s->ordered && r->lane->reqs.next != &r->node))
		return r->held.bytes > POOL_HELD;
	return ipc_port_full(r->lane->client->port);
}

void
ipc_serve_finish(struct ipc_serve *s, struct ipc_serve_req *r)
{
	struct ipc_serve_client *c;

	r->state = SERVE_FINISHED;
	r->worker = NULL;
	if (r->lane == NULL) {
		s->dropped++;
		req_end(s, r);
		return;
	}
	c = r->lane->client;
	if (!s->ordered) {
		if (!emit(s, c, r))
			return;
		req_end(s, r);
	} else if (r->lane->reqs.next == &r->node && !flush(s, r->lane)) {
		return;
	}
	ipc_serve_ready(s, c);
	ipc_serve_client_check(s, c);
}

void
ipc_serve_fail(struct ipc_serve *s, struct ipc_serve_req *r, const char *why)
{
	struct ipc_error err = { 0 };
	char text[IPC_END_TEXT];

	s->failed++;
	ipc_fail(&err, IPC_E_REMOTE, 0, NULL, "request %" PRIu64 " failed: %s",
	    r->number, why);
	if (r->lane != NULL)
		ipc_error_where(&err, "%s",
		    ipc_port_text(r->lane->client->port, text));
	ipc_serve_note(s, &err);
	if (r->state == SERVE_WAITING) {
		ipc_list_remove(&r->wait);
		s->nwait--;
		r->state = SERVE_RUNNING;
	}
	drop_held(r);
	r->failed = true;
	if (s->set->fail_reply == NULL) {
		r->why = malloc(sizeof(*r->why));
		if (r->why != NULL)
			*r->why = err;
	}
	ipc_serve_finish(s, r);
}

void
ipc_serve_crashed(struct ipc_serve *s, struct ipc_serve_req *r,
    const char *why)
{
	struct ipc_serve_client *c;
	struct ipc_list *n;

	r->worker = NULL;
	r->crashes++;
	if (r->lane == NULL || r->sent || r->crashes >= POOL_TRIES ||
	    s->fatal) {
		ipc_serve_fail(s, r, why);
		return;
	}
	c = r->lane->client;
	drop_held(r);
	r->replies = 0;
	r->state = SERVE_WAITING;
	s->nwait++;
	s->retried++;
	/* Pending is in the order of numbers: the first of a lane is never
	 * behind one that will have to wait for it. */
	for (n = c->pending.next; n != &c->pending; n = n->next)
		if (ipc_list_entry(n, struct ipc_serve_req, wait)->number >
		    r->number)
			break;
	ipc_list_append(n, &r->wait);
	ipc_serve_ready(s, c);
}

void
ipc_serve_fail_waiting(struct ipc_serve *s, const char *why)
{
	struct ipc_list *n, *next;

	for (n = s->clients.next; n != &s->clients; n = next) {
		struct ipc_serve_client *c = ipc_list_entry(n,
		    struct ipc_serve_client, node);

		next = n->next;
		while (!ipc_list_empty(&c->pending))
			ipc_serve_fail(s, ipc_list_entry(c->pending.next,
			    struct ipc_serve_req, wait), why);
	}
}

void
ipc_serve_requests_free(struct ipc_serve *s)
{
	while (s->nspare > 0) {
		struct ipc_serve_req *r = ipc_list_entry(s->spare.next,
		    struct ipc_serve_req, node);

		ipc_list_remove(&r->node);
		ipc_mq_free(&r->held);
		free(r);
		s->nspare--;
	}
	ipc_mq_free(&s->scratch);
	free(s->lanes);
	s->lanes = NULL;
}
