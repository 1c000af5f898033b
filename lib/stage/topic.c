/*
 * topic: a client of listen --topics (send --topic, --subscribe).  Internal:
 * made by the plan from options.
 *
 *	tx	PAYLOAD -> PUB TOPIC PAYLOAD	without a topic: unchanged
 *	rx	MSG TOPIC PAYLOAD -> PAYLOAD	msg.topic says where TOPIC is
 *
 * One SUB for each pattern goes out before anything else: when the link is up
 * (again), else with the first message or the end of input.
 *
 * State: how many SUBs were said.  The prefix goes to the header area of the
 * message when it fits, else the message is copied once.
 */
#include "stage/topic.h"

#include <errno.h>
#include <string.h>

#include "wire/topic.h"

#define VERB 4			/* "PUB ", "SUB ", "MSG " */
#define IN_HEADER 64		/* the longest topic that goes there */

struct topic {
	uint32_t said;		/* of cfg->subscribe */
};

/* A message of n bytes in a chunk of its own; NULL: no memory. */
static struct ipc_msg *
add_new(struct ipc_batch *b, uint32_t n)
{
	struct ipc_chunk *c = ipc_chunk_big(n);
	struct ipc_msg *m;

	if (c == NULL)
		return NULL;
	m = ipc_batch_add(b, c, c->data, n, IPC_MSGS);
	ipc_chunk_put(c);
	return m;
}

static int
no_memory(struct ipc_error *err)
{
	return ipc_fail(err, IPC_E_NET, ENOMEM, NULL, "no memory");
}

/* The SUBs that fit. */
static int
say_subs(struct ipc_stage *st, struct ipc_io *io, struct ipc_error *err)
{
	const struct ipc_topic_cfg *cfg = st->cfg;
	struct topic *s = st->state;

	while (cfg->subscribe != NULL && s->said < cfg->subscribe->n &&
	    ipc_batch_room(io->out) > 0) {
		const char *p = cfg->subscribe->v[s->said];
		size_t n = strlen(p);
		struct ipc_msg *m = add_new(io->out, (uint32_t)(VERB + n));

		if (m == NULL)
			return no_memory(err);
		memcpy(m->data, "SUB ", VERB);
		memcpy(m->data + VERB, p, n);
		s->said++;
	}
	return 0;
}

static bool
all_said(const struct ipc_stage *st)
{
	const struct ipc_topic_cfg *cfg = st->cfg;
	const struct topic *s = st->state;

	return cfg->subscribe == NULL || s->said >= cfg->subscribe->n;
}

static void
prefix(uint8_t *at, const char *topic, size_t n)
{
	memcpy(at, "PUB ", VERB);
	memcpy(at + VERB, topic, n);
	at[VERB + n] = ' ';
}

/* The first message of in with its topic to out. */
static int
publish(struct ipc_io *io, const char *topic, size_t n, struct ipc_error *err)
{
	struct ipc_msg *m = &io->in->m[io->in->head], *o;
	uint32_t add = (uint32_t)(VERB + n + 1), nhdr = IPC_MSG_HDR -
	    (uint32_t)m->hdr_off;

	if (n <= IN_HEADER && m->hdr_off >= add) {
		m->hdr_off = (uint8_t)(m->hdr_off - add);
		prefix(m->hdr + m->hdr_off, topic, n);
		m->flags &= (uint8_t)~IPC_MSG_FRAMED;
		ipc_batch_move(io->out, io->in);
		return 0;
	}
	o = add_new(io->out, add + nhdr + m->len);
	if (o == NULL)
		return no_memory(err);
	prefix(o->data, topic, n);
	memcpy(o->data + add, m->hdr + m->hdr_off, nhdr);
	if (m->len > 0)
		memcpy(o->data + add + nhdr, m->data, m->len);
	o->flags = (uint8_t)(m->flags & ~IPC_MSG_FRAMED);
	o->id = m->id;
	o->at = m->at;
	o->tag = m->tag;
	ipc_batch_drop(io->in);
	return 0;
}

static int
topic_tx(struct ipc_stage *st, struct ipc_io *io, struct ipc_error *err)
{
	const struct ipc_topic_cfg *cfg = st->cfg;
	size_t n = cfg->topic == NULL ? 0 : strlen(cfg->topic);
	int r = say_subs(st, io, err);

	while (r == 0 && all_said(st) && ipc_batch_count(io->in) > 0 &&
	    ipc_batch_room(io->out) > 0) {
		if (cfg->topic == NULL) {
			ipc_batch_move(io->out, io->in);
			continue;
		}
		if (io->in->m[io->in->head].len > UINT32_MAX / 2)
			return ipc_fail(err, IPC_E_DATA, 0, NULL,
			    "too long for a topic before it");
		r = publish(io, cfg->topic, n, err);
	}
	return r;
}

/* "MSG TOPIC" without a blank: give it one, since readers of msg.topic look
 * for the topic two parts before data. */
static int
deliver_bare(struct ipc_io *io, const struct ipc_topic_line *l,
    struct ipc_error *err)
{
	struct ipc_msg *m = &io->in->m[io->in->head];
	struct ipc_msg *o = add_new(io->out, l->ntopic + 1U);

	if (o == NULL)
		return no_memory(err);
	memcpy(o->data, l->topic, l->ntopic);
	o->data[l->ntopic] = ' ';
	o->data += l->ntopic + 1U;
	o->len = 0;
	o->topic = l->ntopic;
	o->id = m->id;
	o->at = m->at;
	o->tag = m->tag;
	ipc_batch_drop(io->in);
	return 0;
}

static int
topic_rx(struct ipc_stage *st, struct ipc_io *io, struct ipc_error *err)
{
	(void)st;
	while (ipc_batch_count(io->in) > 0 && ipc_batch_room(io->out) > 0) {
		struct ipc_msg *m = &io->in->m[io->in->head];
		struct ipc_topic_line l;

		if (ipc_topic_parse(m->data, m->len, &l, err) < 0)
			return IPC_E_DATA;
		if (l.verb != IPC_TOPIC_MSG)
			return ipc_fail(err, IPC_E_DATA, 0,
			    "is it `ipcat listen --topics`?",
			    "a delivery begins with MSG");
		if (l.bare) {
			if (deliver_bare(io, &l, err) < 0)
				return IPC_E_NET;
			continue;
		}
		m->data += l.payload;
		m->len -= l.payload;
		m->topic = l.ntopic;
		m->flags &= (uint8_t)~IPC_MSG_FRAMED;
		ipc_batch_move(io->out, io->in);
	}
	return 0;
}

static int
topic_flush(struct ipc_stage *st, enum ipc_flush why, struct ipc_io *io,
    struct ipc_error *err)
{
	(void)why;
	return say_subs(st, io, err);
}

/* A new connection knows nothing of what was said on the last one. */
static int
topic_link(struct ipc_stage *st, enum ipc_link ev, struct ipc_io *io,
    struct ipc_error *err)
{
	struct topic *s = st->state;

	s->said = 0;
	return ev == IPC_LINK_UP ? say_subs(st, io, err) : 0;
}

static int
topic_check(void *v, struct ipc_error *err)
{
	const struct ipc_topic_cfg *cfg = v;
	bool named = false;
	int r = 0;

	if (cfg->topic != NULL) {
		r = ipc_topic_check(cfg->topic, strlen(cfg->topic),
		    IPC_E_USAGE, err);
		named = r < 0;
	}
	for (uint32_t i = 0; r == 0 && cfg->subscribe != NULL &&
	    i < cfg->subscribe->n; i++)
		r = ipc_pattern_check(cfg->subscribe->v[i],
		    strlen(cfg->subscribe->v[i]), IPC_E_USAGE, err);
	if (r < 0) {
		ipc_error_hint(err, "words joined by points: weather.oslo; in "
		    "a pattern * is one word, and a last > all that follow");
		ipc_error_where(err, "option %s", named ? "--topic" :
		    "--subscribe");
	}
	return r;
}

const struct ipc_stage_ops ipc_stage_topic = {
	.name = "topic",
	.summary = "publish under a topic, subscribe to patterns",
	.cfg_size = sizeof(struct ipc_topic_cfg),
	.state_size = sizeof(struct topic),
	.rank = IPC_RANK_FILTER,
	.app_unit = IPC_MSGS,
	.wire_unit = IPC_MSGS,
	.overhead = VERB + IN_HEADER + 1,
	.check = topic_check,
	.tx = topic_tx,
	.rx = topic_rx,
	.flush = topic_flush,
	.link = topic_link,
};
