/*
 * Dialing.  What it does is in dial.h; the shape:
 *
 *	start -> [lookup] -> race of addresses -> won
 *	                        | all failed or -w
 *	                        v
 *	                     next endpoint -> … -> back-off -> start again
 *
 * Lack of descriptors and a full unix backlog (EAGAIN) are not failures of
 * the target: they are tried again after a pause, without using up -r.
 */
#include "core/dial.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/units.h"
#include "core/resolve.h"
#include "core/run.h"
#include "core/worker.h"

#define STAGGER_MS 250		/* RFC 8305 section 5 */
#define PAUSE_MS 100		/* no descriptor */
#define BACKLOG_MS 5		/* unix backlog full */

struct dial_try {
	struct ipc_dial *d;
	struct ipc_conn conn;
	struct event *ev;	/* owned while in progress */
};

struct ipc_dial {
	struct ipc_worker *w;
	struct ipc_dial_req req;
	uint32_t point;		/* index of the endpoint being tried */
	uint32_t attempt;	/* rounds over the whole list so far */
	struct ipc_lookup *lookup;
	struct event *timer;	/* stagger or back-off */
	struct event *limit;	/* -w */
	struct ipc_error err;	/* of the last failure */
	bool	starting;	/* inside ipc_dial_start */
	bool	finished;
	bool	pausing;	/* timer is a back-off */
	uint32_t next;		/* address to try next */
	uint32_t live;		/* tries in progress */
	struct ipc_addrs addrs;
	struct dial_try tries[IPC_ADDRS];
};

static void start_point(struct ipc_dial *d);
static void race(struct ipc_dial *d);

uint64_t
ipc_backoff(const struct ipc_settings *set, uint32_t attempt)
{
	uint64_t top = set->backoff_min_ns, r = 0;

	while (attempt-- > 0 && top < set->backoff_max_ns)
		top *= 2;
	if (top > set->backoff_max_ns)
		top = set->backoff_max_ns;
	if (getrandom(&r, sizeof(r), GRND_NONBLOCK) != (ssize_t)sizeof(r))
		r = ipc_now();
	return top == 0 ? 0 : r % (top + 1);
}

static void
try_close(struct dial_try *t)
{
	if (t->ev != NULL) {
		event_free(t->ev);
		t->ev = NULL;
		t->d->live--;
	}
	if (t->conn.tr != NULL)
		t->conn.tr->close(&t->conn);
	t->conn.tr = NULL;
}

/* Stop everything that is under way for the current endpoint. */
static void
quiet(struct ipc_dial *d)
{
	for (uint32_t i = 0; i < d->next && i < IPC_ADDRS; i++)
		try_close(&d->tries[i]);
	if (d->lookup != NULL)
		ipc_lookup_cancel(d->lookup);
	d->lookup = NULL;
	if (d->timer != NULL)
		event_del(d->timer);
	if (d->limit != NULL)
		event_del(d->limit);
	d->next = 0;
}

static void
dial_free(struct ipc_dial *d)
{
	quiet(d);
	if (d->timer != NULL)
		event_free(d->timer);
	if (d->limit != NULL)
		event_free(d->limit);
	free(d);
}

static void
complete(struct ipc_dial *d, struct ipc_conn *conn)
{
	d->req.done(d->req.arg, conn, conn == NULL ? &d->err : NULL);
	d->finished = true;
	if (!d->starting)
		dial_free(d);
}

static void
on_pause(struct ipc_dial *d, uint64_t ns, bool log)
{
	char text[IPC_UNIT_TEXT];

	d->pausing = true;
	d->point = 0;
	if (log && ipc_log_level() >= IPC_LOG_INFO)
		ipc_log(IPC_LOG_INFO, d->err.where, "%s; next attempt in %s",
		    d->err.what, ipc_format_duration(text, ns));
	ipc_timer_in(d->timer, ns);
}

/* The current endpoint cannot be reached: what now? */
static void
point_failed(struct ipc_dial *d)
{
	const struct ipc_settings *set = d->w->plan->set;
	int sys = d->err.sys;

	quiet(d);
	if (d->err.code == IPC_E_NET && sys == EAGAIN && (d->req.points[
	    d->point].ep.tr->caps & IPC_CAP_CHILD) == 0) {
		on_pause(d, BACKLOG_MS * IPC_NS_PER_MS, false);
		return;
	}
	if (d->w->plan->serves && (sys == EMFILE || sys == ENFILE ||
	    sys == ENOBUFS || sys == ENOMEM)) {
		on_pause(d, PAUSE_MS * IPC_NS_PER_MS, false);
		return;
	}
	if (++d->point < d->req.npoints) {
		if (ipc_log_level() >= IPC_LOG_INFO)
			ipc_log_error(IPC_LOG_INFO, &d->err);
		start_point(d);
		return;
	}
	if (d->err.code == IPC_E_NET && d->attempt < d->req.retry) {
		on_pause(d, ipc_backoff(set, d->attempt), true);
		d->attempt++;
		return;
	}
	complete(d, NULL);
}

static void
won(struct ipc_dial *d, struct dial_try *t)
{
	struct ipc_conn conn = t->conn;

	if (t->ev != NULL) {
		event_free(t->ev);
		t->ev = NULL;
		d->live--;
	}
	t->conn.tr = NULL;	/* the descriptors moved to conn */
	quiet(d);
	complete(d, &conn);
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct dial_try *t = arg;
	struct ipc_dial *d = t->d;
	struct ipc_error err = { 0 };
	int r;

	(void)fd;
	(void)what;
	r = t->conn.tr->dialed(&t->conn, &err);
	if (r == 0) {
		won(d, t);
		return;
	}
	if (r > 0)
		return;
	d->err = err;
	ipc_error_where(&d->err, "%s", t->conn.ep->text);
	try_close(t);
	race(d);
}

/* Start one attempt.  0: won, nothing is left; 1: in progress; -1: failed. */
static int
attempt(struct ipc_dial *d, struct dial_try *t, const struct ipc_addr *addr)
{
	const struct ipc_point *pt = &d->req.points[d->point];
	struct ipc_conn *c = &t->conn;
	struct ipc_error err = { 0 };
	int r;

	memset(t, 0, sizeof(*t));
	t->d = d;
	c->tr = pt->ep.tr;
	c->ep = &pt->ep;
	c->rfd = c->wfd = c->rpoll = c->dialfd = c->pidfd = -1;
	c->flags = (uint16_t)(d->req.flags | (pt->binds ? IPC_CONN_BIND : 0));
	r = c->tr->dial(c, addr, d->req.other, &err);
	if (r > 0) {
		t->ev = event_new(d->w->base, c->dialfd, (short)((c->dialev &
		    POLLIN ? EV_READ : EV_WRITE) | EV_PERSIST), on_ready, t);
		if (t->ev != NULL && event_add(t->ev, NULL) == 0) {
			d->live++;
			return 1;
		}
		ipc_fail(&err, IPC_E_NET, errno, NULL, "cannot wait");
		if (t->ev != NULL)
			event_free(t->ev);
		t->ev = NULL;
	}
	if (r == 0) {
		won(d, t);
		return 0;
	}
	d->err = err;
	ipc_error_where(&d->err, "%s", c->ep->text);
	try_close(t);
	return -1;
}

/* Start attempts until one is in progress; fail when none is left. */
static void
race(struct ipc_dial *d)
{
	bool plain = d->req.points[d->point].ep.tr->resolve == NULL;

	while (d->next < (plain ? 1 : d->addrs.n)) {
		uint32_t i = d->next++;
		int r = attempt(d, &d->tries[i],
		    plain ? NULL : &d->addrs.a[i]);

		if (r == 0)
			return;
		if (r < 0)
			continue;
		if (!plain && d->next < d->addrs.n)
			ipc_timer_in(d->timer, STAGGER_MS * IPC_NS_PER_MS);
		return;
	}
	if (d->live == 0)
		point_failed(d);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct ipc_dial *d = arg;

	(void)fd;
	(void)what;
	if (d->pausing) {
		d->pausing = false;
		start_point(d);
	} else {
		race(d);
	}
}

static void
on_limit(evutil_socket_t fd, short what, void *arg)
{
	struct ipc_dial *d = arg;

	(void)fd;
	(void)what;
	ipc_fail(&d->err, IPC_E_NET, ETIMEDOUT, NULL,
	    "no connection within the time of -w");
	ipc_error_where(&d->err, "%s", d->req.points[d->point].ep.text);
	point_failed(d);
}

/* Alternate the families, the first one first (RFC 8305 section 4). */
static void
interleave(struct ipc_addrs *out, const struct ipc_addrs *in)
{
	uint32_t a = 0, b = 0;
	bool turn = true;

	out->n = 0;
	if (in->n == 0)
		return;
	while (out->n < in->n) {
		uint32_t *i = turn ? &a : &b;

		while (*i < in->n && (in->a[*i].sa.sa_family ==
		    in->a[0].sa.sa_family) != turn)
			++*i;
		if (*i < in->n)
			out->a[out->n++] = in->a[(*i)++];
		turn = !turn;
	}
}

static void
on_resolved(void *arg, const struct ipc_addrs *addrs,
    const struct ipc_error *err)
{
	struct ipc_dial *d = arg;

	d->lookup = NULL;
	if (addrs == NULL) {
		d->err = *err;
		ipc_error_where(&d->err, "%s",
		    d->req.points[d->point].ep.text);
		point_failed(d);
		return;
	}
	interleave(&d->addrs, addrs);
	race(d);
}

static void
start_point(struct ipc_dial *d)
{
	const struct ipc_point *pt = &d->req.points[d->point];
	const struct ipc_settings *set = d->w->plan->set;
	struct ipc_resolver *r;
	unsigned flags = (set->v4 ? IPC_RESOLVE_V4 : 0) |
	    (set->v6 ? IPC_RESOLVE_V6 : 0);

	if (set->connect_ns > 0)
		ipc_timer_in(d->limit, set->connect_ns);
	if (pt->ep.tr->resolve == NULL || pt->addrs.n > 0) {
		interleave(&d->addrs, &pt->addrs);
		race(d);
		return;
	}
	r = ipc_run_resolver(d->w->run, &d->err);
	if (r != NULL)
		d->lookup = ipc_lookup_start(r, d->w, &pt->ep, flags,
		    on_resolved, d);
	if (d->lookup == NULL) {
		if (r != NULL)
			ipc_fail(&d->err, IPC_E_NET, ENOMEM, NULL,
			    "cannot look up a name");
		point_failed(d);
	}
}

struct ipc_dial *
ipc_dial_start(struct ipc_worker *w, const struct ipc_dial_req *req)
{
	struct ipc_dial *d = malloc(sizeof(*d));
	struct ipc_error err = { 0 };

	if (d == NULL) {
		ipc_fail(&err, IPC_E_NET, ENOMEM, NULL, "cannot connect");
		req->done(req->arg, NULL, &err);
		return NULL;
	}
	/* The arrays at the end are filled before they are read. */
	memset(d, 0, offsetof(struct ipc_dial, addrs));
	d->w = w;
	d->req = *req;
	d->starting = true;
	d->addrs.n = 0;
	d->timer = evtimer_new(w->base, on_timer, d);
	if (w->plan->set->connect_ns > 0)
		d->limit = evtimer_new(w->base, on_limit, d);
	if (req->delay_ns > 0)
		on_pause(d, req->delay_ns, false);
	else
		start_point(d);
	d->starting = false;
	if (d->finished) {
		dial_free(d);
		return NULL;
	}
	return d;
}

void
ipc_dial_cancel(struct ipc_dial *d)
{
	dial_free(d);
}
