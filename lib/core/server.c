/*
 * Servers: accept, admit, pause.  See server.h.
 *
 * Not evconnlistener: it calls its error callback in a tight loop while the
 * descriptor table is full (H20); a paused listener here is not polled.
 */
#include "core/server.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "core/hosts.h"
#include "core/plan.h"
#include "core/run.h"
#include "core/worker.h"

#define ACCEPTS_PER_TURN 32	/* then the other connections get a turn */

static const struct timeval retry_after = { 0, 100000 };

static void
resume_server(struct ipc_server *s)
{
	if (!s->paused || s->l.fd < 0 || !ipc_run_has_room(s->w->run))
		return;
	s->paused = s->full = false;
	atomic_fetch_sub(&s->w->run->waiting, 1);
	event_del(&s->retry);
	event_add(&s->ev, NULL);
}

/* full: no descriptors; otherwise the connection limit. */
static void
pause_server(struct ipc_server *s, bool full)
{
	if (!s->paused) {
		event_del(&s->ev);
		atomic_fetch_add(&s->w->run->waiting, 1);
	}
	s->paused = true;
	s->full = full;
	if (full)
		event_add(&s->retry, &retry_after);
	else
		/* Another worker may have made room meanwhile. */
		resume_server(s);
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	resume_server(arg);
}

/* Out of descriptors or memory: wait, and say so once a second. */
static void
table_full(struct ipc_server *s, const struct ipc_error *err)
{
	uint64_t more;

	pause_server(s, true);
	if (ipc_log_allow(&s->limit, ipc_now(), &more))
		ipc_log(IPC_LOG_WARN, s->l.ep->text, "listener paused: %s "
		    "(%" PRIu64 " more times)", err->what, more);
}

static bool
admitted(struct ipc_server *s, const struct ipc_conn *c)
{
	struct ipc_run *run = s->w->run;
	const struct ipc_plan *plan = run->plan;
	char who[IPC_IDENT_TEXT];
	bool ok;

	ok = ipc_rules_admit(plan->allow, plan->nallow, plan->deny,
	    plan->ndeny, &c->peer);
	if (ok && run->hosts != NULL) {
		pthread_mutex_lock(&run->lock);
		ok = ipc_hosts_enter(run->hosts, &c->peer,
		    plan->set->max_per_host);
		pthread_mutex_unlock(&run->lock);
	}
	if (!ok) {
		ipc_count(&s->w->counters.refused, 1);
		ipc_log(IPC_LOG_INFO, c->ep->text, "refused %s",
		    ipc_ident_text(who, &c->peer));
	}
	return ok;
}

/* Returns false when there is nothing more to accept now.  The caller holds
 * a slot; *taken when a connection has it now. */
static bool
accept_one(struct ipc_server *s, bool *taken)
{
	struct ipc_conn c;
	struct ipc_error err = { 0 };
	int r;

	memset(&c, 0, sizeof(c));
	c.tr = s->l.tr;
	c.ep = s->l.ep;
	c.rfd = c.wfd = c.rpoll = c.dialfd = c.pidfd = -1;
	r = s->l.tr->accept(&s->l, &c, &err);
	if (r > 0)
		return false;
	if (r < 0) {
		if (err.sys == EMFILE || err.sys == ENFILE ||
		    err.sys == ENOBUFS || err.sys == ENOMEM)
			table_full(s, &err);
		else
			ipc_log_error(IPC_LOG_WARN, &err);
		return false;
	}
	if (!admitted(s, &c)) {
		c.tr->close(&c);
		return true;
	}
	ipc_count(&s->w->counters.accepted, 1);
	atomic_fetch_add(&s->w->run->taken, 1);
	*taken = true;
	if (s->handoff)
		ipc_run_hand_over(s->w->run, &c);
	else
		ipc_run_accepted(s->w, &c);
	return true;
}

static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct ipc_server *s = arg;
	struct ipc_run *run = s->w->run;
	uint64_t most = run->plan->once ? 1 : run->plan->max_take;

	(void)fd;
	(void)what;
	for (int i = 0; i < ACCEPTS_PER_TURN && s->l.fd >= 0; i++) {
		bool taken = false, more;

		if (!ipc_run_admit(s->w)) {
			pause_server(s, false);
			return;
		}
		more = accept_one(s, &taken);
		if (!taken)
			ipc_run_release(s->w, false);
		if (!more)
			return;
		if (most > 0 && atomic_load(&run->taken) >= most) {
			/* Enough: nobody else is let in. */
			atomic_store(&run->phase, IPC_DRAINING);
			ipc_run_wake(run);
			return;
		}
	}
}

int
ipc_server_open(struct ipc_server *s, struct ipc_worker *w,
    const struct ipc_point *pt, const struct ipc_addr *addr,
    struct ipc_error *err)
{
	int r;

	memset(s, 0, sizeof(*s));
	ipc_list_init(&s->node);
	s->w = w;
	s->l.tr = pt->ep.tr;
	s->l.ep = &pt->ep;
	s->l.fd = s->l.lockfd = -1;
	r = s->l.tr->listen(&s->l, addr, w->plan->workers > 1, err);
	if (r < 0) {
		ipc_error_where(err, "%s", pt->ep.text);
		s->l.tr->unlisten(&s->l);
		return r;
	}
	ipc_list_append(&w->servers, &s->node);
	return 0;
}

int
ipc_server_start(struct ipc_server *s, struct ipc_error *err)
{
	event_assign(&s->ev, s->w->base, s->l.fd, EV_READ | EV_PERSIST,
	    on_accept, s);
	evtimer_assign(&s->retry, s->w->base, on_retry, s);
	s->assigned = true;
	if (event_add(&s->ev, NULL) < 0)
		return ipc_fail(err, IPC_E_NET, errno, NULL,
		    "cannot poll a listener");
	return 0;
}

void
ipc_servers_resume(struct ipc_worker *w, bool freed)
{
	for (struct ipc_list *n = w->servers.next; n != &w->servers;
	    n = n->next) {
		struct ipc_server *s = ipc_list_entry(n, struct ipc_server,
		    node);

		if (freed || !s->full)
			resume_server(s);
	}
}

void
ipc_server_close(struct ipc_server *s)
{
	if (s->l.tr == NULL || s->l.fd < 0)
		return;
	if (s->assigned) {
		event_del(&s->ev);
		event_del(&s->retry);
	}
	if (s->paused)
		atomic_fetch_sub(&s->w->run->waiting, 1);
	s->paused = false;
	ipc_list_remove(&s->node);
	s->l.tr->unlisten(&s->l);
	s->l.fd = -1;
}
