/*
 * Publish and subscribe: the topic protocol of --topics.
 *
 * PUB becomes MSG where it lies: the two verbs are equally long, so a
 * delivery is the publisher's own bytes, shared by all.  A SUB is first given
 * what the history has for it, except what another pattern of this client has
 * brought already; it waits while the client's queue is full, so that nobody
 * can make us queue without end by asking again and again.
 *
 * Anything else is an error: of a client, which is cut off; of our own stdin,
 * which ends the run (or is skipped, by --on-error).
 */
#include "core/fanout.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/end.h"
#include "core/plan.h"

#define VERB 4			/* "MSG " */

static bool
matches(const struct ipc_fan_client *c, const void *topic, size_t len)
{
	for (uint32_t i = 0; i < c->nsubs; i++)
		if (ipc_topic_match(c->subs[i], strlen(c->subs[i]), topic,
		    len))
			return true;
	return false;
}

/* Is q, a "MSG NAME PAYLOAD", new for c with this pattern? */
static bool
wanted(const struct ipc_fan_client *c, const struct ipc_qmsg *q,
    const char *pattern)
{
	const uint8_t *topic = q->data + VERB;
	const uint8_t *end = memchr(topic, ' ', q->len - VERB);
	size_t n = (size_t)(end - topic);

	return ipc_topic_match(pattern, strlen(pattern), topic, n) &&
	    !matches(c, topic, n);
}

static int64_t
find(const struct ipc_fan_client *c, const struct ipc_topic_line *l)
{
	for (uint32_t i = 0; i < c->nsubs; i++)
		if (strlen(c->subs[i]) == l->ntopic &&
		    memcmp(c->subs[i], l->topic, l->ntopic) == 0)
			return i;
	return -1;
}

void
ipc_fan_forget(struct ipc_fan_client *c)
{
	while (c->nsubs > 0)
		free(c->subs[--c->nsubs]);
	free(c->subs);
	c->subs = NULL;
}

static void
unsubscribe(struct ipc_fanout *f, struct ipc_fan_client *c,
    const struct ipc_topic_line *l)
{
	int64_t i = find(c, l);

	if (i < 0)
		return;
	free(c->subs[i]);
	c->subs[i] = c->subs[--c->nsubs];
	f->nlast = 0;
}

/* The pattern as a string of its own at the end of c's list; NULL: no memory,
 * not counted yet. */
static char *
new_sub(struct ipc_fan_client *c, const struct ipc_topic_line *l)
{
	if (c->subs == NULL)
		c->subs = calloc(IPC_FAN_SUBS, sizeof(*c->subs));
	if (c->subs == NULL)
		return NULL;
	return c->subs[c->nsubs] = strndup((const char *)l->topic, l->ntopic);
}

/* 1: done; 0: not now; or an error. */
static int
subscribe(struct ipc_fanout *f, struct ipc_fan_client *c,
    const struct ipc_topic_line *l, struct ipc_error *err)
{
	char *sub;

	if (f->finishing || find(c, l) >= 0)
		return 1;
	if (c->nsubs == IPC_FAN_SUBS)
		return ipc_fail(err, IPC_E_DATA, 0, "subscribe to a wider "
		    "pattern", "more than %d subscriptions", IPC_FAN_SUBS);
	if (f->history.n > 0 && c->port->out.n + c->wait.n >= f->queue)
		return 0;
	sub = new_sub(c, l);
	if (sub == NULL)
		return ipc_fail(err, IPC_E_NET, 0, NULL, "no memory");
	ipc_fan_flush(c);	/* what came before stays before */
	ipc_fan_recall(f, c, wanted, sub);
	c->nsubs++;
	f->nlast = 0;
	ipc_fan_heard(f, c);
	return 1;
}

/* Who hears this topic?  As a rule it is the one that was just asked for. */
static void
aim(struct ipc_fanout *f, const void *topic, uint32_t len)
{
	if (f->nlast == len && memcmp(f->last, topic, len) == 0)
		return;
	for (struct ipc_list *n = f->hearers.next; n != &f->hearers;
	    n = n->next) {
		struct ipc_fan_client *c = ipc_fan_client(n);

		c->hit = matches(c, topic, len);
	}
	memcpy(f->last, topic, len);
	f->nlast = len;
}

/* A new message "MSG NAME PAYLOAD" for payload. */
static bool
stage_new(struct ipc_fanout *f, struct ipc_port *p, const void *topic,
    uint32_t ntopic, const struct ipc_msg *payload, uint32_t skip)
{
	uint32_t n = payload->len - skip;
	struct ipc_msg m = { .unit = IPC_MSGS, .id = payload->id,
	    .at = payload->at, .hdr_off = IPC_MSG_HDR };
	struct ipc_error err = { 0 };
	bool ok;

	m.len = VERB + ntopic + 1 + n;
	m.chunk = payload->len > UINT32_MAX - IPC_TOPIC_MAX - VERB - 1 ?
	    NULL : ipc_chunk_big(m.len);
	if (m.chunk == NULL) {
		ipc_fail(&err, IPC_E_NET, 0, NULL, "no memory for a message");
		ipc_fan_cut(f, p->data, &err);
		return false;
	}
	m.data = m.chunk->data;
	memcpy(m.data, "MSG ", VERB);
	memcpy(m.data + VERB, topic, ntopic);
	m.data[VERB + ntopic] = ' ';
	if (n > 0)
		memcpy(m.data + VERB + ntopic + 1, payload->data + skip, n);
	ok = ipc_fan_stage(f, p, &m);
	ipc_chunk_put(m.chunk);
	return ok;
}

/* Publish m; 1: done, 0: not now. */
static int
publish(struct ipc_fanout *f, struct ipc_port *p, struct ipc_msg *m,
    const struct ipc_topic_line *l)
{
	bool ok;

	if (f->finishing || f->enough) {
		f->late += !f->enough;	/* more than -n is no loss */
		return 1;
	}
	aim(f, l->topic, l->ntopic);
	if (ipc_fan_allowed(f, p, 1) == 0 || ipc_fan_room(f, p, 1) == 0)
		return 0;
	if (l->bare) {
		ok = stage_new(f, p, l->topic, l->ntopic, m, l->payload);
	} else {
		memcpy(m->data, "MSG ", VERB);
		ok = ipc_fan_stage(f, p, m);
	}
	if (ok)
		ipc_fan_publish(f, p);
	return 1;
}

/* One message of p: 1 done, 0 not now, or an error. */
static int
command(struct ipc_fanout *f, struct ipc_port *p, struct ipc_msg *m,
    struct ipc_error *err)
{
	struct ipc_topic_line l = { .verb = IPC_TOPIC_PUB };

	if (p == f->local && f->set->topic != NULL) {
		l.topic = (const uint8_t *)f->set->topic;
		l.ntopic = (uint16_t)strlen(f->set->topic);
		l.bare = true;
		return publish(f, p, m, &l);
	}
	if (ipc_topic_parse(m->data, m->len, &l, err) < 0)
		return IPC_E_DATA;
	switch (l.verb) {
	case IPC_TOPIC_PUB:
		return publish(f, p, m, &l);
	case IPC_TOPIC_SUB:
		return subscribe(f, p->data, &l, err);
	case IPC_TOPIC_UNSUB:
		unsubscribe(f, p->data, &l);
		return 1;
	case IPC_TOPIC_MSG:
		break;
	}
	return ipc_fail(err, IPC_E_DATA, 0, "publish with PUB TOPIC PAYLOAD",
	    "MSG is what we say, not what we are told");
}

static void
refuse(struct ipc_fanout *f, struct ipc_port *p, const struct ipc_msg *m,
    struct ipc_error *err)
{
	struct ipc_error full = { 0 };
	char where[IPC_END_TEXT];

	f->bad++;
	ipc_fail(&full, err->code, 0, err->hint, "message %" PRIu64 ": %s",
	    m->id, err->what);
	ipc_error_where(&full, "%s", ipc_port_text(p, where));
	if (p->role != IPC_ROLE_LOCAL) {
		ipc_fan_cut(f, p->data, &full);
		return;
	}
	ipc_exchange_note(f->ex, &full);
	if (f->set->on_error == IPC_ON_ERROR_STOP) {
		f->local_ended = f->draining = true;
		ipc_fan_check(f);
	} else {
		ipc_log_error(IPC_LOG_WARN, &full);
	}
}

void
ipc_fan_talk(struct ipc_fanout *f, struct ipc_port *p, struct ipc_batch *b)
{
	struct ipc_fan_client *c = p->data;

	c->waits = false;
	while (ipc_batch_count(b) > 0 && !c->cut && !f->done) {
		struct ipc_msg *m = &b->m[b->head];
		struct ipc_error err = { 0 };
		int r = command(f, p, m, &err);

		if (r == 0) {
			c->waits = true;
			return;
		}
		if (r < 0)
			refuse(f, p, m, &err);
		ipc_batch_drop(b);
	}
}
