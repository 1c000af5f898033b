/*
 * Where messages of a direction go.  See flow.h.
 *
 * One batch becomes one writev(2).  A message that came with the very frame
 * it needs is written where it lies, together with its neighbours; small
 * payloads are copied behind their headers, which costs less than an iovec;
 * large ones are written from their chunk.  What a short write left is found
 * again by counting bytes: nothing is kept between turns but that count.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "core/exchange.h"
#include "core/flow.h"
#include "core/plan.h"
#include "core/worker.h"
#include "transport/fdio.h"

#define DGRAMS 64		/* of one sendm */
#define FULL_PEER_NS 2000000ULL	/* until a full receiver is tried again */

/* More bytes for the vector; merged with the last part when they touch. */
static void
push(struct ipc_sink_room *r, const void *p, size_t n)
{
	union { const void *in; void *out; } u = { p };

	if (n == 0)
		return;
	if (r->niov > 0) {
		struct iovec *last = &r->iov[r->niov - 1];

		if ((uint8_t *)last->iov_base + last->iov_len == p) {
			last->iov_len += n;
			return;
		}
	}
	r->iov[r->niov].iov_base = u.out;
	r->iov[r->niov++].iov_len = n;
}

/* Header and payload of m in one piece, in a chunk of their own. */
static bool
flatten(struct ipc_msg *m)
{
	uint32_t n = (uint32_t)IPC_MSG_HDR - m->hdr_off;
	struct ipc_chunk *c = ipc_chunk_big(n + m->len);

	if (c == NULL)
		return false;
	memcpy(c->data, m->hdr + m->hdr_off, n);
	memcpy(c->data + n, m->data, m->len);
	ipc_chunk_put(m->chunk);
	m->chunk = c;
	m->data = c->data;
	m->len += n;
	m->hdr_off = IPC_MSG_HDR;
	return true;
}

static bool
fits(const struct ipc_sink_room *r, const struct ipc_msg *m)
{
	return m->len <= IPC_SINK_SMALL && sizeof(r->buf) - r->used >=
	    IPC_SINK_SMALL + IPC_FRAME_HEAD + IPC_MSG_HDR + IPC_DELIM_MAX;
}

/* A small frame in one piece in the buffer. */
static int
copy_in(struct ipc_sink_room *r, const struct ipc_framing *f,
    const struct ipc_msg *m, struct ipc_error *err)
{
	uint32_t nhdr = (uint32_t)IPC_MSG_HDR - m->hdr_off;
	uint8_t *p = r->buf + r->used, *q;
	struct ipc_wrap w;

	if (nhdr == 0) {
		if (ipc_wrap(f, m->data, m->len, (m->flags & IPC_MSG_OPEN) != 0,
		    &w, err) < 0)
			return IPC_E_DATA;
		q = p + w.nhead;
		memcpy(q, m->data, m->len);
	} else {
		/* The framing must see header and payload as one. */
		q = p + IPC_FRAME_HEAD;
		memcpy(q, m->hdr + m->hdr_off, nhdr);
		memcpy(q + nhdr, m->data, m->len);
		if (ipc_wrap(f, q, nhdr + m->len,
		    (m->flags & IPC_MSG_OPEN) != 0, &w, err) < 0)
			return IPC_E_DATA;
		p = q - w.nhead;
	}
	memcpy(p, w.head, w.nhead);
	q += nhdr + m->len;
	memcpy(q, w.tail, w.ntail);
	q += w.ntail;
	r->flen[r->nmsgs] = (uint64_t)(q - p);
	push(r, p, (size_t)(q - p));
	r->used = (uint32_t)(q - r->buf);
	return 0;
}

static int
large_in(struct ipc_sink_room *r, const struct ipc_framing *f,
    struct ipc_msg *m, struct ipc_error *err)
{
	struct ipc_wrap w;

	if (m->hdr_off < IPC_MSG_HDR && !flatten(m))
		return ipc_fail(err, IPC_E_NET, ENOMEM, NULL, "no memory");
	if (ipc_wrap(f, m->data, m->len, (m->flags & IPC_MSG_OPEN) != 0, &w,
	    err) < 0)
		return IPC_E_DATA;
	r->flen[r->nmsgs] = (uint64_t)w.nhead + m->len + w.ntail;
	memcpy(r->head[r->nmsgs], w.head, w.nhead);
	push(r, r->head[r->nmsgs], w.nhead);
	push(r, m->data, m->len);
	/* All messages of a stream have the same tail, or none. */
	memcpy(r->tail, w.tail, w.ntail);
	push(r, r->tail, w.ntail);
	return 0;
}

/* The frame of one message: 0, or why it cannot be framed. */
static int
wrap_in(struct ipc_sink_room *r, const struct ipc_framing *f, bool raw_ok,
    struct ipc_msg *m, struct ipc_error *err)
{
	if (f == NULL) {
		r->flen[r->nmsgs] = m->len;
		push(r, m->data, m->len);
		return 0;
	}
	if (raw_ok && (m->flags & IPC_MSG_FRAMED) != 0 &&
	    m->hdr_off == IPC_MSG_HDR) {
		r->flen[r->nmsgs] = (uint64_t)m->raw_head + m->len +
		    m->raw_tail;
		push(r, m->data - m->raw_head, r->flen[r->nmsgs]);
		return 0;
	}
	return fits(r, m) ? copy_in(r, f, m, err) : large_in(r, f, m, err);
}

/* Does the source give messages the frames that this sink would? */
static bool
same_frames(const struct ipc_pipeline *pl, const struct ipc_dir *d)
{
	const struct ipc_flow *f = d->flow;

	if (pl->whole)
		return false;
	if (pl->port != NULL)
		return d->index == 1 && pl->port->ex->same_frames;
	return f->in.un.f != NULL && f->out.f != NULL &&
	    d->src->conn.tr->recvm == NULL &&
	    ipc_framing_same(f->in.un.f, f->out.f);
}

/* Skip what was written before. */
static void
skip_sent(struct ipc_sink_room *r, uint64_t sent)
{
	struct iovec *v = r->iov;

	r->total -= sent;
	for (; sent > 0 && sent >= v->iov_len; v++)
		sent -= v->iov_len;
	if (sent > 0) {
		v->iov_base = (uint8_t *)v->iov_base + sent;
		v->iov_len -= sent;
	}
	r->niov -= (uint32_t)(v - r->iov);
	memmove(r->iov, v, r->niov * sizeof(*v));
}

/* Frames of as many messages as can be framed; an error only for the first. */
static int
build(struct ipc_pipeline *pl, struct ipc_dir *d, struct ipc_batch *b,
    struct ipc_error *err)
{
	struct ipc_sink_room *r = pl->w->room;
	const struct ipc_framing *f = d->flow->out.f;
	bool raw_ok = same_frames(pl, d);
	int e = 0;

	r->niov = r->nmsgs = r->used = 0;
	r->total = 0;
	for (uint32_t i = b->head; i < b->tail; i++) {
		/* A last line without its end would run into what another
		 * connection writes next. */
		if (d->dst->pl == NULL && (b->m[i].flags & IPC_MSG_OPEN) != 0)
			b->m[i].flags &= (uint8_t)~(IPC_MSG_OPEN |
			    IPC_MSG_FRAMED);
		e = wrap_in(r, f, raw_ok, &b->m[i], err);
		if (e < 0)
			break;
		r->total += r->flen[r->nmsgs++];
	}
	if (r->nmsgs == 0)
		return e;
	if (d->flow->out.sent > 0)
		skip_sent(r, d->flow->out.sent);
	return 0;
}

/* The first n messages are with the kernel. */
static void
delivered(struct ipc_pipeline *pl, struct ipc_dir *d, struct ipc_batch *b,
    uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		ipc_batch_drop(b);
	ipc_count(&pl->w->counters.msgs[d->index], n);
	if (pl->port != NULL && d->index == 1)
		ipc_port_sent(pl->port, n);
}

/* n bytes are out: which messages is that? */
static void
account(struct ipc_pipeline *pl, struct ipc_dir *d, struct ipc_batch *b,
    uint64_t n)
{
	struct ipc_sink_room *r = pl->w->room;
	struct ipc_sink *s = &d->flow->out;
	uint32_t i;

	n += s->sent;
	for (i = 0; i < r->nmsgs && n >= r->flen[i]; i++)
		n -= r->flen[i];
	s->sent = n;
	delivered(pl, d, b, i);
}

static ssize_t
write_iov(struct ipc_end *e, struct iovec *v, uint32_t n)
{
	ssize_t r;

	do
		r = e->conn.tr->writev != NULL ?
		    e->conn.tr->writev(&e->conn, v, (int)n) :
		    writev(e->conn.wfd, v, (int)n);
	while (r < 0 && errno == EINTR);
	return r;
}

/* A message that the destination cannot carry. */
static enum ipc_turn
refuse(struct ipc_pipeline *pl, struct ipc_dir *d, struct ipc_batch *b,
    struct ipc_error *err)
{
	enum ipc_turn t = ipc_flow_bad(pl, d, &b->m[b->head], err, NULL);

	if (t != IPC_TURN_GO)
		return t;
	ipc_batch_drop(b);
	if (pl->port != NULL && d->index == 1)
		ipc_port_sent(pl->port, 1);
	return IPC_TURN_GO;
}

static enum ipc_turn
drain_stream(struct ipc_pipeline *pl, struct ipc_dir *d, struct ipc_batch *b)
{
	struct ipc_sink_room *r = pl->w->room;

	if (d->dst->pl == NULL && d->dst->busy != NULL && d->dst->busy != d)
		return ipc_dir_wait_dst(pl, d);
	while (ipc_batch_count(b) > 0) {
		struct ipc_error err = { 0 };
		ssize_t n = 0;

		if (build(pl, d, b, &err) < 0) {
			enum ipc_turn t = refuse(pl, d, b, &err);

			if (t != IPC_TURN_GO)
				return t;
			continue;
		}
		if (r->total > 0)
			n = write_iov(d->dst, r->iov, r->niov);
		if (n < 0 && errno != EAGAIN)
			return ipc_dir_dst_error(pl, d, errno);
		if (n >= 0) {
			bool all = (uint64_t)n == r->total;

			ipc_dir_wrote(pl, d, (size_t)n, false);
			account(pl, d, b, (uint64_t)n);
			/* A frame in part: nobody else may write now. */
			d->dst->busy = d->flow->out.sent > 0 ? d : NULL;
			if (all)
				continue;
		}
		if (ipc_dir_wait_dst(pl, d) == IPC_TURN_WAIT)
			return IPC_TURN_WAIT;
	}
	return IPC_TURN_GO;
}

/* The first message of b cannot reach the sender that it is to answer; the
 * others have nothing to do with that. */
static enum ipc_turn
no_answer(struct ipc_pipeline *pl, struct ipc_dir *d, struct ipc_batch *b,
    int e)
{
	struct ipc_error err = { 0 };
	char who[IPC_IDENT_TEXT], where[IPC_END_TEXT];
	struct ipc_ident id = { 0 };
	const struct ipc_conn *c = &d->dst->conn;

	if (c->tr->peer_of != NULL)
		c->tr->peer_of(c, b->m[b->head].tag, &id);
	ipc_fail(&err, IPC_E_DATA, e == ENOENT ? 0 : e, NULL,
	    e == ENOENT ? "an answer to somebody without a name, or heard of "
	    "too long ago" : "cannot answer %s", ipc_ident_text(who, &id));
	ipc_error_where(&err, "%s", ipc_end_text(d->dst, where));
	ipc_flow_drop(pl, &err);
	ipc_batch_drop(b);
	if (pl->port != NULL && d->index == 1)
		ipc_port_sent(pl->port, 1);
	return IPC_TURN_GO;
}

/* Tags mean something on the conn that they come from alone: in an answer. */
static int
build_datagrams(struct ipc_dgram *g, struct ipc_batch *b, bool answers)
{
	int n = 0;

	for (uint32_t i = b->head; i < b->tail && n < DGRAMS; i++, n++) {
		struct ipc_msg *m = &b->m[i];

		g[n].iov[0].iov_base = m->hdr + m->hdr_off;
		g[n].iov[0].iov_len = IPC_MSG_HDR - m->hdr_off;
		g[n].iov[1].iov_base = m->data;
		g[n].iov[1].iov_len = m->len;
		g[n].tag = answers ? m->tag : 0;
	}
	return n;
}

/* sendm failed for the first message; tag: whom it is for. */
static enum ipc_turn
datagram_error(struct ipc_pipeline *pl, struct ipc_dir *d,
    struct ipc_batch *b, uint64_t tag, int e)
{
	const struct ipc_msg *m = &b->m[b->head];
	struct ipc_error err = { 0 };

	if (e == ENOENT && tag == 0 && !ipc_dir_other(pl, d)->done &&
	    !d->stopped && !d->last) {
		/* Nobody has written to us yet: wait for somebody. */
		ipc_end_want_read(d->src, pl->w, false);
		d->no_peer = d->wait_dst = true;
		return IPC_TURN_WAIT;
	}
	if (tag != 0 && e != EMSGSIZE)
		return no_answer(pl, d, b, e);
	if (e != EMSGSIZE && e != ENOENT)
		return ipc_dir_dst_error(pl, d, e);
	ipc_fail(&err, IPC_E_DATA, e == ENOENT ? 0 : e, e == EMSGSIZE ?
	    "a stream transport has no such limit: use tcp: or unix:" : NULL,
	    e == ENOENT ? "there is nobody to send it to" :
	    "%" PRIu32 " bytes are more than one message of this transport "
	    "can hold", m->len + (uint32_t)IPC_MSG_HDR - m->hdr_off);
	return refuse(pl, d, b, &err);
}

/*
 * The kernel takes no more now.  A socket without a connection may be ready
 * for output all the same: it is the receiver that is full (unixgram), and
 * nothing tells when it has room again.
 */
static enum ipc_turn
datagrams_full(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	struct ipc_flow *f = d->flow;

	if ((ipc_fd_ready(d->dst->conn.wfd, POLLOUT) & POLLOUT) == 0)
		return ipc_dir_wait_dst(pl, d) == IPC_TURN_WAIT ?
		    IPC_TURN_WAIT : IPC_TURN_GO;
	f->again = !f->again;
	if (f->again)
		return IPC_TURN_GO;	/* room may have come just now */
	ipc_end_want_read(d->src, pl->w, false);
	d->hold_ns = ipc_now() + FULL_PEER_NS;
	d->rate_wait = true;
	return IPC_TURN_RATE;
}

static enum ipc_turn
drain_datagrams(struct ipc_pipeline *pl, struct ipc_dir *d,
    struct ipc_batch *b)
{
	struct ipc_conn *c = &d->dst->conn;
	bool answers = d->dst == d->src || pl->port != NULL;

	while (ipc_batch_count(b) > 0) {
		struct ipc_dgram g[DGRAMS];
		int n = c->tr->sendm(c, g, build_datagrams(g, b, answers));
		enum ipc_turn t;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			t = errno == EAGAIN ? datagrams_full(pl, d) :
			    datagram_error(pl, d, b, g[0].tag, errno);
			if (t != IPC_TURN_GO)
				return t;
			continue;
		}
		d->flow->again = d->rate_wait = false;
		for (int i = 0; i < n; i++)
			ipc_dir_wrote(pl, d, g[i].iov[0].iov_len +
			    g[i].iov[1].iov_len, false);
		delivered(pl, d, b, (uint32_t)n);
	}
	return IPC_TURN_GO;
}

/* A child that stopped listening, or --send-only: count and forget.  Of a
 * connection the child may have had all it wanted; the messages of a socket
 * that many write to are not of one conversation, and each of them counts. */
static void
discard(struct ipc_pipeline *pl, struct ipc_dir *d, struct ipc_batch *b)
{
	bool each = d->src->conn.tr != NULL && (d->src->conn.tr->caps &
	    IPC_CAP_ENDLESS) != 0 && (d->dst->conn.tr->caps &
	    IPC_CAP_CHILD) != 0;
	struct ipc_error err = { 0 };
	char where[IPC_END_TEXT];

	while (ipc_batch_count(b) > 0) {
		if (each) {
			ipc_fail(&err, IPC_E_DATA, 0, "--per message gives "
			    "each a handler of its own", "the handler took "
			    "no more: message %" PRIu64 " is lost",
			    b->m[b->head].id);
			ipc_error_where(&err, "%s", ipc_end_text(d->src,
			    where));
			ipc_flow_drop(pl, &err);
			memset(&err, 0, sizeof(err));
		}
		ipc_dir_dropped(pl, d, b->m[b->head].len);
		ipc_batch_drop(b);
		if (pl->port != NULL && d->index == 1)
			ipc_port_sent(pl->port, 1);
	}
}

enum ipc_turn
ipc_sink_drain(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	struct ipc_batch *b = ipc_flow_last(d->flow);

	if (ipc_batch_count(b) == 0)
		return IPC_TURN_GO;
	if (pl->w->room == NULL &&
	    (pl->w->room = malloc(sizeof(*pl->w->room))) == NULL)
		return ipc_dir_src_error(pl, d, ENOMEM);
	if (d->discard) {
		discard(pl, d, b);
		return IPC_TURN_GO;
	}
	if (pl->port != NULL && d->index == 0)
		return ipc_port_drain(pl, d, b);
	if (d->dst->conn.tr->sendm != NULL)
		return drain_datagrams(pl, d, b);
	return drain_stream(pl, d, b);
}
