/*
 * Where messages of a direction come from.  See flow.h.
 *
 * Framed streams are read into pooled chunks and cut into views.  What is
 * left of an unfinished frame is moved to the front of the chunk when nobody
 * looks at it any more, or to a new one.  A frame larger than a chunk grows by
 * doubling as its bytes arrive, whatever its header claims.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/flow.h"
#include "core/plan.h"
#include "core/run.h"
#include "core/tap.h"
#include "core/worker.h"

#define DGRAMS 16		/* of one recvm */
#define READS 4			/* of one fill */

void
ipc_source_rest(struct ipc_pipeline *pl, struct ipc_source *s)
{
	struct ipc_chunk *c = s->chunk;

	if (c == NULL || c->refs > 1)
		return;
	if (c->head < c->tail) {
		s->chunk = ipc_worker_shrink(pl->w, c);
		return;
	}
	ipc_chunk_put(c);
	s->chunk = NULL;
}

/* Most messages that may still be taken (-n). */
static uint64_t
quota(const struct ipc_pipeline *pl, const struct ipc_dir *d)
{
	const struct ipc_plan *plan = pl->w->plan;
	uint64_t n = atomic_load_explicit(&pl->w->run->msgs,
	    memory_order_relaxed);

	if (plan->max_msgs == 0 || d->index != plan->count_dir)
		return UINT64_MAX;
	return n >= plan->max_msgs ? 0 : plan->max_msgs - n;
}

static void
took(struct ipc_pipeline *pl, const struct ipc_dir *d, uint64_t n)
{
	const struct ipc_plan *plan = pl->w->plan;

	if (plan->max_msgs > 0 && d->index == plan->count_dir)
		atomic_fetch_add(&pl->w->run->msgs, n);
}

static struct ipc_msg *
add_message(struct ipc_source *s, struct ipc_batch *b, uint8_t *data,
    size_t len)
{
	struct ipc_msg *m = ipc_batch_add(b, s->chunk, data, (uint32_t)len,
	    IPC_MSGS);

	m->id = ++s->seq;
	return m;
}

/* May a frame be copied as it came?  Not JSON: what keeps two numbers apart
 * belongs to neither, so each goes out with an LF of its own. */
static bool
carries_frame(uint8_t kind)
{
	return kind != IPC_FRAME_RAW && kind != IPC_FRAME_JSON;
}

/* Where the frame that was cut last begins; white space before JSON does not
 * belong to it. */
static uint64_t
frame_at(const struct ipc_unframe *u, const struct ipc_frame *fr)
{
	return u->offset - fr->used +
	    (u->f->kind == IPC_FRAME_JSON ? fr->off : 0);
}

/* Cut what is there.  1: messages were added; 0: more bytes are needed,
 * *need from the chunk's head; or an error about the first frame. */
static int
cut(struct ipc_source *s, struct ipc_batch *b, uint64_t most, bool eof,
    size_t *need, struct ipc_error *err)
{
	struct ipc_chunk *c = s->chunk;
	int r = 0;

	*need = 1;
	while (ipc_batch_room(b) > 0 && ipc_batch_count(b) < most) {
		struct ipc_frame fr = { .used = 0 };
		struct ipc_msg *m;
		uint8_t *p;

		if (s->un.skipping && c->head < c->tail) {
			c->head += (uint32_t)ipc_unframe_skip(&s->un,
			    c->data + c->head, c->tail - c->head);
			if (s->un.skipping)
				break;
		}
		if (c->head == c->tail && (!eof || s->un.skipping))
			break;
		p = c->data + c->head;
		r = ipc_unframe(&s->un, p, c->tail - c->head, eof, &fr, need,
		    err);
		if (r < 0)
			break;
		c->head += (uint32_t)fr.used;
		if (r == 0)
			break;
		m = add_message(s, b, p + fr.off, fr.len);
		m->at = frame_at(&s->un, &fr) + 1;
		m->flags = fr.open ? IPC_MSG_OPEN : 0;
		if (fr.off <= UINT8_MAX && carries_frame(s->un.f->kind)) {
			m->flags |= IPC_MSG_FRAMED;
			m->raw_head = (uint8_t)fr.off;
			m->raw_tail = (uint32_t)(fr.used - fr.off - fr.len);
		}
	}
	if (ipc_batch_count(b) > 0)
		return 1;	/* an error is found again, after these */
	return r < 0 ? r : 0;
}

/* A chunk that can take `need` bytes from head on, or as many more as there
 * are now.  False: no memory. */
static bool
make_room(struct ipc_worker *w, struct ipc_source *s, size_t need)
{
	struct ipc_chunk *c = s->chunk, *n;
	uint32_t have = c == NULL ? 0 : c->tail - c->head;
	size_t size;

	if (c != NULL && have == 0 && c->refs == 1)
		c->head = c->tail = 0;
	if (c != NULL && c->pool != &w->small && need <= c->size - c->head &&
	    c->size - c->tail >= c->size / 4)
		return true;
	if (c != NULL && c->pool != &w->small && c->refs == 1 &&
	    need <= c->size && have <= c->size / 2) {
		memmove(c->data, c->data + c->head, have);
		c->tail = have;
		c->head = 0;
		return true;
	}
	size = have * 2UL > IPC_POOL_CHUNK ? have * 2UL : IPC_POOL_CHUNK;
	/* No more than a frame whose length is known; a need of a byte or
	 * two more is that of one whose end is looked for. */
	if (need > IPC_POOL_CHUNK && size > need && need - have >= have / 4)
		size = need;
	n = size > IPC_POOL_CHUNK ? ipc_chunk_big((uint32_t)size) :
	    have == 0 ? ipc_worker_chunk(w) : ipc_chunk_get(&w->chunks);
	if (n == NULL)
		return false;
	if (have > 0)
		memcpy(n->data, c->data + c->head, have);
	n->tail = have;
	ipc_chunk_put(c);
	s->chunk = n;
	return true;
}

/* Reading failed; stages may still work on what came before. */
static enum ipc_turn
read_failed(struct ipc_pipeline *pl, struct ipc_dir *d, int e)
{
	d->flow->in.failed = 0;
	if (ipc_flow_clear(d->flow))
		return ipc_dir_src_error(pl, d, e);
	d->flow->in.failed = e;
	return ipc_flow_wait(pl, d);
}

/* One read to the chunk's tail.  GO: bytes came, or src_eof. */
static enum ipc_turn
read_more(struct ipc_pipeline *pl, struct ipc_dir *d, struct ipc_source *s)
{
	struct ipc_chunk *c = s->chunk;
	size_t want = ipc_dir_allowance(pl, d, c->size - c->tail);
	ssize_t n;

	if (want == 0)
		return IPC_TURN_RATE;
	n = ipc_end_read(d->src, c->data + c->tail, want);
	if (n < 0)
		return errno == EAGAIN ? ipc_dir_wait_src(pl, d) :
		    read_failed(pl, d, errno);
	if (n == 0) {
		d->src_eof = true;
		return IPC_TURN_GO;
	}
	ipc_dir_read(pl, d, (size_t)n);
	if (pl->w->plan->taps)
		ipc_tap_bytes(pl, d, c->data + c->tail, (size_t)n);
	c->tail += (uint32_t)n;
	s->drained = (size_t)n < want && !d->src->rd_always;
	return IPC_TURN_GO;
}

/* The stream is garbled, cut short, or holds what is too large.  GO: it was
 * too large and is passed over, or what came before is to be delivered. */
static enum ipc_turn
garbled(struct ipc_pipeline *pl, struct ipc_dir *d, struct ipc_source *s,
    struct ipc_error *err)
{
	struct ipc_chunk *c = s->chunk;
	char where[IPC_END_TEXT];

	if (pl->w->plan->set->on_error == IPC_ON_ERROR_SKIP && !d->src_eof &&
	    ipc_unframe_skip_begin(&s->un, c->data + c->head,
	    c->tail - c->head)) {
		s->seq++;
		ipc_flow_bad(pl, d, NULL, err, NULL);
		memset(err, 0, sizeof(*err));
		return IPC_TURN_GO;
	}
	/* Stages still work on what came before: it is found again then. */
	if (!ipc_flow_clear(d->flow)) {
		memset(err, 0, sizeof(*err));
		return ipc_flow_wait(pl, d);
	}
	if (err->where[0] == '\0')
		ipc_error_where(err, "%s", ipc_end_text(d->src, where));
	if (d->src_eof && d->index == 1 && ipc_pipeline_resubscribe(pl, err))
		return IPC_TURN_SWITCH;
	pl->reset = pl->flush = true;
	ipc_pipeline_abort(pl, err);
	return IPC_TURN_DONE;
}

static enum ipc_turn
fill_framed(struct ipc_pipeline *pl, struct ipc_dir *d, struct ipc_source *s,
    struct ipc_batch *b, uint64_t most)
{
	struct ipc_error err = { 0 };
	size_t need = 1;

	for (int i = 0; i < READS; i++) {
		enum ipc_turn t;
		int r = 0;

		if (s->chunk != NULL)
			r = cut(s, b, most, false, &need, &err);
		if (r > 0)
			return IPC_TURN_GO;
		if (r < 0) {
			t = garbled(pl, d, s, &err);
			if (t != IPC_TURN_GO || !s->un.skipping)
				return t;
			continue;
		}
		if (s->drained) {
			s->drained = false;
			t = ipc_dir_wait_src(pl, d);
			if (t == IPC_TURN_WAIT)
				return t;
		}
		if (!make_room(pl->w, s, need))
			return ipc_dir_src_error(pl, d, ENOMEM);
		t = read_more(pl, d, s);
		if (t != IPC_TURN_GO)
			return t;
		if (!d->src_eof)
			continue;
		r = cut(s, b, most, true, &need, &err);
		return r < 0 ? garbled(pl, d, s, &err) : IPC_TURN_GO;
	}
	return IPC_TURN_MORE;
}

/* A signal stopped the reading: the begin of a message is no message. */
static void
half_message(struct ipc_pipeline *pl, struct ipc_dir *d, struct ipc_chunk *c)
{
	struct ipc_error err = { 0 };
	char where[IPC_END_TEXT];

	if (c->head == c->tail)
		return;
	ipc_fail(&err, IPC_E_DATA, 0, NULL, "stopped in the middle of a "
	    "message: its first %" PRIu32 " bytes were not sent",
	    c->tail - c->head);
	ipc_error_where(&err, "%s", ipc_end_text(d->src, where));
	ipc_pipeline_note(pl, &err);
	c->head = c->tail;
}

/* The end was seen, but the last batch could not hold all that was there. */
static enum ipc_turn
fill_rest(struct ipc_pipeline *pl, struct ipc_dir *d, struct ipc_source *s,
    struct ipc_batch *b, uint64_t most)
{
	struct ipc_error err = { 0 };
	size_t need;
	int r;

	if (s->chunk == NULL || s->un.f == NULL || most == 0)
		return IPC_TURN_GO;
	r = cut(s, b, most, !d->stopped, &need, &err);
	if (r == 0 && d->stopped)
		half_message(pl, d, s->chunk);
	return r < 0 ? garbled(pl, d, s, &err) : IPC_TURN_GO;
}

static enum ipc_turn
fill_spans(struct ipc_pipeline *pl, struct ipc_dir *d, struct ipc_source *s,
    struct ipc_batch *b)
{
	enum ipc_turn t;

	if (!make_room(pl->w, s, 1))
		return ipc_dir_src_error(pl, d, ENOMEM);
	t = read_more(pl, d, s);
	if (t == IPC_TURN_GO && !d->src_eof)
		ipc_batch_add(b, s->chunk, s->chunk->data + s->chunk->head,
		    s->chunk->tail - s->chunk->head, IPC_BYTES);
	s->chunk->head = s->chunk->tail;
	return t;
}

/* Copy a datagram out of the transport's receive area. */
static bool
keep_datagram(struct ipc_pipeline *pl, struct ipc_source *s,
    struct ipc_batch *b, const struct ipc_dgram *g)
{
	size_t len = g->iov[0].iov_len;
	struct ipc_chunk *c = s->chunk;
	struct ipc_msg *m;

	if (c != NULL && c->refs == 1)
		c->head = c->tail = 0;
	if (c == NULL || c->size - c->tail < len) {
		ipc_chunk_put(c);
		c = s->chunk = len > IPC_POOL_CHUNK ?
		    ipc_chunk_big((uint32_t)len) :
		    ipc_chunk_get(&pl->w->chunks);
		if (c == NULL)
			return false;
	}
	memcpy(c->data + c->tail, g->iov[0].iov_base, len);
	m = add_message(s, b, c->data + c->tail, len);
	m->tag = g->tag;
	c->tail += (uint32_t)len;
	c->head = c->tail;
	return true;
}

static enum ipc_turn
bad_datagram(struct ipc_pipeline *pl, struct ipc_dir *d,
    struct ipc_source *s, const struct ipc_dgram *g)
{
	struct ipc_msg m = { .id = ++s->seq, .len =
	    (uint32_t)g->iov[0].iov_len };
	struct ipc_error err = { 0 };

	ipc_fail(&err, IPC_E_DATA, 0, "--max-message SIZE accepts longer ones",
	    g->cut ? "it was longer than the %zu bytes that were kept" :
	    "it is longer than --max-message: %zu bytes",
	    g->iov[0].iov_len);
	return ipc_flow_bad(pl, d, &m, &err, NULL);
}

void
ipc_source_lost(struct ipc_pipeline *pl, struct ipc_end *e, bool ask)
{
	uint64_t n = e->conn.tr == NULL || e->conn.tr->lost == NULL ? 0 :
	    e->conn.tr->lost(&e->conn, ask);
	char where[IPC_END_TEXT];

	if (n == 0)
		return;
	ipc_count(&pl->w->counters.kernel_lost, n);
	if (!e->told_lost)
		ipc_log(IPC_LOG_WARN, ipc_end_text(e, where), "this system "
		    "drops messages, %" PRIu64 " so far: they come faster "
		    "than they are read", n);
	e->told_lost = true;
}

/* Somebody wrote to us: now there is somebody to answer. */
static void
wake_answers(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	struct ipc_dir *o = ipc_dir_other(pl, d);

	if (o->no_peer) {
		o->no_peer = o->wait_dst = false;
		ipc_worker_defer(pl->w, pl);
	}
}

static enum ipc_turn
fill_datagrams(struct ipc_pipeline *pl, struct ipc_dir *d,
    struct ipc_source *s, struct ipc_batch *b, uint64_t most)
{
	struct ipc_conn *c = &d->src->conn;
	struct ipc_dgram g[DGRAMS];
	int want = most < DGRAMS ? (int)most : DGRAMS, n;

	if (s->drained) {
		s->drained = false;
		if (ipc_dir_wait_src(pl, d) == IPC_TURN_WAIT)
			return IPC_TURN_WAIT;
	}
	do
		n = c->tr->recvm(c, g, want);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN && d->last) {
		d->src_eof = true;
		return IPC_TURN_GO;
	}
	if (n < 0)
		return errno == EAGAIN ? ipc_dir_wait_src(pl, d) :
		    ipc_dir_src_error(pl, d, errno);
	d->src_eof = n == 0;
	s->drained = n > 0 && n < want && !d->last;
	ipc_source_lost(pl, d->src, false);
	wake_answers(pl, d);
	for (int i = 0; i < n; i++) {
		enum ipc_turn t;

		if (pl->w->plan->taps)
			ipc_tap_bytes(pl, d, g[i].iov[0].iov_base,
			    g[i].iov[0].iov_len);
		if (!g[i].cut && g[i].iov[0].iov_len <=
		    pl->w->plan->set->max_message) {
			if (!keep_datagram(pl, s, b, &g[i]))
				return ipc_dir_src_error(pl, d, ENOMEM);
			continue;
		}
		if (ipc_flow_fatal(pl) && !ipc_flow_clear(d->flow)) {
			s->bad = g[i];
			s->bad_waits = true;
			return IPC_TURN_GO;
		}
		t = bad_datagram(pl, d, s, &g[i]);
		if (t != IPC_TURN_GO)
			return t;
	}
	return ipc_batch_count(b) == 0 && n > 0 ? IPC_TURN_MORE : IPC_TURN_GO;
}

/* -n: messages that were read will not be taken.  Their sender must not take
 * the close that follows for an end in order. */
static void
leave_rest(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	struct ipc_chunk *c = d->flow->in.chunk;

	if (c == NULL || c->head == c->tail ||
	    (d->src->conn.flags & IPC_CONN_SOCKET) == 0)
		return;
	d->src->conn.flags |= IPC_CONN_CUT;
	pl->flush = true;
}

enum ipc_turn
ipc_source_fill(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	struct ipc_flow *f = d->flow;
	struct ipc_batch *b = &f->batch[0];
	uint64_t most = quota(pl, d);
	enum ipc_turn t;

	if (most == 0) {
		if (!d->enough)
			leave_rest(pl, d);
		d->src_eof = d->enough = true;
		return IPC_TURN_GO;
	}
	if (d->src->conn.rfd < 0 && pl->port == NULL && !d->src_eof) {
		d->wait_src = true;	/* only stages speak here */
		return IPC_TURN_WAIT;
	}
	if (f->in.bad_waits && !ipc_flow_clear(f))
		t = ipc_flow_wait(pl, d);
	else if (f->in.bad_waits)
		t = bad_datagram(pl, d, &f->in, &f->in.bad);
	else if (f->in.failed != 0)
		t = read_failed(pl, d, f->in.failed);
	else if (d->src_eof)
		t = fill_rest(pl, d, &f->in, b, most);
	else if (pl->port != NULL && d->index == 1)
		t = ipc_port_fill(pl, d, b);
	else if (d->src->conn.tr->recvm != NULL)
		t = fill_datagrams(pl, d, &f->in, b, most);
	else if (f->in.un.f == NULL)
		t = fill_spans(pl, d, &f->in, b);
	else
		t = fill_framed(pl, d, &f->in, b, most);
	if (t == IPC_TURN_GO)
		took(pl, d, ipc_batch_count(b));
	return t;
}
