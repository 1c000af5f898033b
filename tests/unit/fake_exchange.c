/*
 * The fake exchange.  One thread, no descriptor; the clock is clock_gettime()
 * itself, replaced for the whole program while a fake is alive.
 */
#include "tests/unit/fake_exchange.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/msg.h"
#include "base/text.h"
#include "core/dial.h"
#include "core/end.h"

#define WEAK __attribute__((weak))

/* Stopped while a fake is alive; 0: the real clock. */
static uint64_t stopped_ns;

int clock_gettime(clockid_t id, struct timespec *ts);

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	if (stopped_ns == 0)
		return (int)syscall(SYS_clock_gettime, id, ts);
	ts->tv_sec = (time_t)(stopped_ns / IPC_NS_PER_S);
	ts->tv_nsec = (long)(stopped_ns % IPC_NS_PER_S);
	return 0;
}

/* Without jitter: the longest that full jitter can give. */
WEAK uint64_t
ipc_backoff(const struct ipc_settings *set, uint32_t attempt)
{
	uint64_t top = set->backoff_min_ns;

	while (attempt-- > 0 && top < set->backoff_max_ns)
		top *= 2;
	return top > set->backoff_max_ns ? set->backoff_max_ns : top;
}

static struct fake *
fake_of(struct ipc_exchange *ex)
{
	return ipc_list_entry(ex, struct fake, ex);
}

static struct fake_port *
port_of(const struct ipc_port *p)
{
	struct fake_port *fp = fake_of(p->ex)->ports;

	while (fp != NULL && fp->port != p)
		fp = fp->next;
	if (fp == NULL)
		abort();	/* the behaviour used a port that is gone */
	return fp;
}

/* --- what behaviours call --- */

static bool
may_send(struct ipc_port *p)
{
	struct fake_port *fp = port_of(p);

	if (fp->closed || fp->aborted)
		fp->f->closed_wrong++;
	return !fp->closed && !fp->aborted;
}

WEAK bool
ipc_port_send(struct ipc_port *p, const struct ipc_msg *m)
{
	return may_send(p) && ipc_mq_add(&p->out, m);
}

WEAK bool
ipc_port_share(struct ipc_port *p, const struct ipc_qmsg *m)
{
	return may_send(p) && ipc_mq_share(&p->out, m);
}

WEAK bool
ipc_port_say(struct ipc_port *p, const void *data, size_t len, uint64_t id,
    uint64_t tag)
{
	struct ipc_msg m = { .unit = IPC_MSGS, .hdr_off = IPC_MSG_HDR,
	    .id = id, .tag = tag };
	bool sent;

	m.chunk = ipc_chunk_big((uint32_t)len);
	if (m.chunk == NULL)
		return false;
	m.data = m.chunk->data;
	m.len = (uint32_t)len;
	memcpy(m.data, data, len);
	m.chunk->tail = m.len;
	sent = ipc_port_send(p, &m);
	ipc_chunk_put(m.chunk);
	return sent;
}

static uint64_t
most(const struct fake *f)
{
	return f->set.queue == 0 ? IPC_PORT_MSGS : f->set.queue;
}

WEAK bool
ipc_port_full(const struct ipc_port *p)
{
	return p->out.n >= most(port_of(p)->f) ||
	    p->out.bytes >= IPC_PORT_BYTES;
}

WEAK void
ipc_port_resume(struct ipc_port *p)
{
	struct fake_port *fp = port_of(p);

	fp->resumed = fp->resumed || fp->held;
	fp->held = false;
}

WEAK void
ipc_port_close(struct ipc_port *p)
{
	port_of(p)->closed = true;
	p->out_closed = true;
}

WEAK void
ipc_port_abort(struct ipc_port *p, const struct ipc_error *why)
{
	struct fake_port *fp = port_of(p);

	if (!fp->aborted && why != NULL)
		fp->why = *why;
	fp->aborted = true;
}

WEAK void
ipc_port_pause(struct ipc_port *p, bool on)
{
	struct fake_port *fp = port_of(p);

	fp->paused = on;
	if (!on)
		ipc_port_resume(p);
}

WEAK char *
ipc_port_text(const struct ipc_port *p, char *buf)
{
	snprintf(buf, IPC_END_TEXT, "port %" PRIu32, p->id);
	return buf;
}

static void
begin(struct fake_begin *v, uint32_t *n, uint32_t index, bool whole,
    const struct ipc_port *p)
{
	if (*n == FAKE_STARTS)
		abort();
	v[(*n)++] = (struct fake_begin){ .index = index, .whole = whole,
	    .for_port = p != NULL ? port_of(p)->port->id : 0 };
}

WEAK void
ipc_exchange_child(struct ipc_exchange *ex, uint32_t index, bool whole,
    const struct ipc_port *for_port)
{
	struct fake *f = fake_of(ex);

	begin(f->children, &f->nchildren, index, whole, for_port);
}

WEAK void
ipc_exchange_dial(struct ipc_exchange *ex, uint32_t i)
{
	struct fake *f = fake_of(ex);

	begin(f->dials, &f->ndials, i, false, NULL);
}

WEAK void
ipc_exchange_at(struct ipc_exchange *ex, uint64_t at_ns)
{
	ex->at_ns = at_ns;
}

WEAK void
ipc_exchange_note(struct ipc_exchange *ex, const struct ipc_error *err)
{
	struct fake *f = fake_of(ex);

	if (err != NULL && f->notes++ == 0)
		f->noted = *err;
}

WEAK void
ipc_exchange_done(struct ipc_exchange *ex)
{
	fake_of(ex)->dones++;
}

/* --- the event loop --- */

/* Give the behaviour what waits, as long as it takes something. */
static bool
pump(struct fake_port *fp)
{
	struct ipc_batch b = { .head = 0 };
	struct ipc_qmsg *q;
	struct ipc_msg *m;
	uint32_t n, left;

	fp->resumed = false;
	if (fp->port == NULL || fp->held || fp->aborted || fp->in.n == 0)
		return false;
	n = fp->in.n < IPC_BATCH ? fp->in.n : IPC_BATCH;
	for (uint32_t i = 0; i < n; i++) {
		q = ipc_mq_at(&fp->in, i);
		m = ipc_batch_add(&b, q->chunk, q->data, q->len, IPC_MSGS);
		m->id = q->id;
		m->tag = q->tag;
		m->flags = q->flags;
		m->topic = q->topic;
	}
	if (!fp->paused)
		fp->f->ex.ops->put(&fp->f->ex, fp->port, &b);
	left = ipc_batch_count(&b);
	fp->held = left > 0;
	ipc_batch_clear(&b);
	fp->port->in_msgs += n - left;
	for (uint32_t i = left; i < n; i++)
		ipc_mq_drop(&fp->in);
	return left == 0;
}

static void
detach(struct fake_port *fp, const struct ipc_error *why, int status)
{
	struct ipc_port *p = fp->port;

	ipc_list_remove(&p->node);
	fp->f->ex.ops->detach(&fp->f->ex, p, why, status);
	fp->port = NULL;
	ipc_mq_free(&fp->in);
	ipc_mq_free(&p->out);
	free(p);
}

static void
settle(struct fake *f)
{
	bool again;

	do {
		again = false;
		for (struct fake_port *fp = f->ports; fp; fp = fp->next) {
			if (fp->port == NULL)
				continue;
			if (fp->aborted) {
				detach(fp, fp->why.code != IPC_OK ?
				    &fp->why : NULL,
				    fp->port->role == IPC_ROLE_WORKER ?
				    128 + 15 : -1);
				again = true;
			} else if (fp->resumed) {
				again = true;
				while (pump(fp))
					continue;
			}
		}
	} while (again);
}

/* room() when it is owed. */
static void
took(struct fake_port *fp)
{
	struct ipc_port *p = fp->port;

	if (p->out.n != 0 && p->out.n != most(fp->f) / 2)
		return;
	if (fp->f->ex.ops->room != NULL)
		fp->f->ex.ops->room(&fp->f->ex, p);
	settle(fp->f);
}

/* --- what tests call --- */

static void *
need(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (p == NULL)
		abort();
	return p;
}

struct fake *
fake_new(const struct ipc_exchange_ops *ops)
{
	struct fake *f = need(1, sizeof(*f));

	f->ex.ops = ops;
	f->ex.plan = &f->plan;
	f->ex.at_ns = IPC_NEVER;
	f->plan.set = &f->set;
	f->plan.to = f->points;
	f->plan.verb = IPC_VERB_LISTEN;
	f->plan.serves = true;
	f->set.max_message = 16U << 20;
	f->set.in_flight = 1024;
	f->set.backoff_min_ns = 100 * IPC_NS_PER_MS;
	f->set.backoff_max_ns = 30 * IPC_NS_PER_S;
	f->set.keep = true;
	f->children = need(FAKE_STARTS, sizeof(*f->children));
	f->dials = need(FAKE_STARTS, sizeof(*f->dials));
	ipc_list_init(&f->ex.ports);
	f->now_ns = stopped_ns = FAKE_START_NS;
	return f;
}

int
fake_start(struct fake *f)
{
	struct ipc_error err = { 0 };
	int rc;

	f->ex.state = need(1, f->ex.ops->state_size + 1);
	rc = f->ex.ops->start(&f->ex, &err);
	if (rc != 0)
		f->noted = err;
	settle(f);
	return rc;
}

void
fake_free(struct fake *f)
{
	struct fake_port *fp;

	while ((fp = f->ports) != NULL) {
		if (fp->port != NULL)
			detach(fp, NULL, fp->port->role == IPC_ROLE_WORKER ?
			    0 : -1);
		f->ports = fp->next;
		free(fp->pl);
		free(fp);
	}
	if (f->ex.ops->stop != NULL)
		f->ex.ops->stop(&f->ex);
	free(f->ex.state);
	free(f->children);
	free(f->dials);
	free(f->text);
	free(f);
	stopped_ns = 0;
}

struct fake_port *
fake_attach_caps(struct fake *f, enum ipc_role role, uint32_t index,
    uint32_t caps)
{
	struct fake_port *fp = need(1, sizeof(*fp));
	struct ipc_port *p = need(1, sizeof(*p));

	fp->f = f;
	fp->port = p;
	fp->pl = need(1, sizeof(*fp->pl));
	fp->tr.scheme = "fake";
	fp->tr.caps = caps;
	fp->pl->end[0].conn.tr = fp->pl->end[1].conn.tr = &fp->tr;
	fp->next = f->ports;
	f->ports = fp;
	p->ex = &f->ex;
	p->pl = fp->pl;
	p->role = (uint8_t)role;
	p->index = index;
	p->id = ++f->nports;
	ipc_list_init(&p->mine);
	ipc_list_init(&p->node);
	ipc_list_append(&f->ex.ports, &p->node);
	f->ex.ops->attach(&f->ex, p);
	settle(f);
	return fp;
}

struct fake_port *
fake_attach(struct fake *f, enum ipc_role role, uint32_t index)
{
	return fake_attach_caps(f, role, index, IPC_CAP_HALFCLOSE);
}

uint32_t
fake_put_bytes(struct fake_port *fp, const void *data, uint32_t len,
    uint64_t tag, uint8_t flags)
{
	struct ipc_msg m = { .unit = IPC_MSGS, .hdr_off = IPC_MSG_HDR };

	m.chunk = ipc_chunk_big(len);
	if (m.chunk == NULL)
		abort();
	m.data = m.chunk->data;
	m.len = len;
	memcpy(m.data, data, len);
	m.chunk->tail = len;
	m.id = ++fp->put_id;
	m.tag = tag;
	m.flags = flags;
	if (fp->port == NULL || !ipc_mq_add(&fp->in, &m))
		abort();
	ipc_chunk_put(m.chunk);
	while (pump(fp))
		continue;
	settle(fp->f);
	return fp->in.n;
}

uint32_t
fake_put_tag(struct fake_port *fp, const char *text, uint64_t tag)
{
	return fake_put_bytes(fp, text, (uint32_t)strlen(text), tag, 0);
}

uint32_t
fake_put(struct fake_port *fp, const char *text)
{
	return fake_put_tag(fp, text, 0);
}

void
fake_ended(struct fake_port *fp)
{
	if (fp->port == NULL || fp->in.n > 0)
		abort();	/* all it sent must have been put */
	fp->port->in_ended = true;
	fp->f->ex.ops->ended(&fp->f->ex, fp->port);
	settle(fp->f);
}

void
fake_detach(struct fake_port *fp, const char *why, int status)
{
	struct ipc_error err = { 0 };

	if (why != NULL)
		ipc_fail(&err, IPC_E_NET, 0, NULL, "%s", why);
	detach(fp, why != NULL ? &err : NULL, status);
	settle(fp->f);
}

void
fake_failed(struct fake *f, enum ipc_role role, uint32_t index,
    const char *why)
{
	struct ipc_error err = { 0 };

	ipc_fail(&err, IPC_E_NET, 0, NULL, "%s", why);
	f->ex.ops->failed(&f->ex, role, index, &err);
	settle(f);
}

const char *
fake_take_tag(struct fake_port *fp, uint64_t *tag, uint64_t *id)
{
	struct fake *f = fp->f;
	struct ipc_qmsg *q;

	free(f->text);
	f->text = NULL;
	if (fp->port == NULL || fp->port->out.n == 0)
		return NULL;
	q = ipc_mq_at(&fp->port->out, 0);
	f->text = need(q->len + 1, 1);
	memcpy(f->text, q->data, q->len);
	if (tag != NULL)
		*tag = q->tag;
	if (id != NULL)
		*id = q->id;
	ipc_mq_drop(&fp->port->out);
	fp->port->out_msgs++;
	took(fp);
	return f->text;
}

const char *
fake_take(struct fake_port *fp)
{
	return fake_take_tag(fp, NULL, NULL);
}

const char *
fake_take_all(struct fake_port *fp)
{
	struct ipc_text t = { 0 };
	const char *one;

	ipc_text_add(&t, "%s", "");
	while ((one = fake_take(fp)) != NULL)
		ipc_text_add(&t, "%s%s", t.len > 0 ? " " : "", one);
	free(fp->f->text);
	fp->f->text = t.s;
	return t.s;
}

uint32_t
fake_queued(const struct fake_port *fp)
{
	return fp->port != NULL ? fp->port->out.n : 0;
}

bool
fake_is_gone(const struct fake_port *fp)
{
	return fp->port == NULL;
}

int64_t
fake_child(struct fake *f)
{
	return f->child_seen == f->nchildren ? -1 :
	    (int64_t)f->children[f->child_seen++].index;
}

int64_t
fake_dial(struct fake *f)
{
	return f->dial_seen == f->ndials ? -1 :
	    (int64_t)f->dials[f->dial_seen++].index;
}

void
fake_time_advance(struct fake *f, uint64_t ns)
{
	uint64_t until = f->now_ns + ns;

	while (f->ex.at_ns <= until) {
		if (f->ex.at_ns > f->now_ns)
			f->now_ns = f->ex.at_ns;
		stopped_ns = f->now_ns;
		f->ex.at_ns = IPC_NEVER;
		f->ex.ops->expired(&f->ex, f->now_ns);
		settle(f);
	}
	f->now_ns = stopped_ns = until;
}

void
fake_drain(struct fake *f)
{
	f->ex.draining = true;
	f->ex.ops->drain(&f->ex);
	settle(f);
}

const char *
fake_stats(struct fake *f)
{
	struct ipc_text t = { 0 };

	ipc_text_add(&t, "%s", "");
	if (f->ex.ops->stats != NULL)
		f->ex.ops->stats(&f->ex, &t);
	free(f->text);
	f->text = t.s;
	return t.s;
}

uint64_t
fake_stat(struct fake *f, const char *name)
{
	const char *s = fake_stats(f);
	size_t n = strlen(name);

	while (s != NULL && *s != '\0') {
		if (strncmp(s, name, n) == 0 && s[n] == ' ')
			return strtoull(s + n + 1, NULL, 10);
		s = strchr(s, '\n');
		s = s != NULL ? s + 1 : NULL;
	}
	return UINT64_MAX;
}
