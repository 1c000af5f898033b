/*
 * One run of a plan: set-up, the loops, tear-down.  Worker 0 is the calling
 * thread, which owns signals, deadline and reports (phase.c); other workers
 * are threads.  How pipelines begin and end is in traffic.c.
 */
#include "core/run.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/exchange.h"
#include "core/filter.h"
#include "core/hosts.h"
#include "core/phase.h"
#include "core/pipeline.h"
#include "core/port.h"
#include "core/report.h"
#include "core/resolve.h"
#include "core/server.h"

static void
quiet_libevent(int severity, const char *msg)
{
	(void)severity;
	ipc_log(IPC_LOG_DEBUG, "libevent", "%s", msg);
}

struct ipc_resolver *
ipc_run_resolver(struct ipc_run *run, struct ipc_error *err)
{
	struct ipc_resolver *r;

	pthread_mutex_lock(&run->lock);
	if (run->resolver == NULL)
		run->resolver = ipc_resolver_new(err);
	r = run->resolver;
	pthread_mutex_unlock(&run->lock);
	return r;
}

static int
bind_point(struct ipc_run *run, const struct ipc_point *pt,
    struct ipc_error *err)
{
	const struct ipc_plan *plan = run->plan;
	unsigned flags = IPC_RESOLVE_PASSIVE |
	    (plan->set->v4 ? IPC_RESOLVE_V4 : 0) |
	    (plan->set->v6 ? IPC_RESOLVE_V6 : 0);
	struct ipc_addrs addrs = { .n = 0 };
	bool reuse = (pt->ep.tr->caps & IPC_CAP_REUSEPORT) != 0;
	uint32_t n;
	in_port_t port = 0;
	int r;

	/* Before the loop runs, so this may block in the name service. */
	if (pt->ep.tr->resolve != NULL &&
	    (r = pt->ep.tr->resolve(&pt->ep, flags, &addrs, err)) < 0) {
		ipc_error_where(err, "%s", pt->ep.text);
		return r;
	}
	n = addrs.n == 0 ? 1 : addrs.n;
	for (uint32_t i = 0; i < n * (reuse ? plan->workers : 1); i++) {
		struct ipc_addr *a = addrs.n == 0 ? NULL : &addrs.a[i % n];
		struct ipc_server *s = &run->servers[run->nservers];

		/* Port 0: the first bind chose; the others follow. */
		if (a != NULL && (a->sa.sa_family == AF_INET ||
		    a->sa.sa_family == AF_INET6) && a->in.sin_port == 0)
			a->in.sin_port = port;
		r = ipc_server_open(s, &run->workers[reuse ? i / n : 0], pt,
		    a, err);
		if (r < 0)
			return r;
		run->nservers++;
		s->handoff = !reuse && plan->workers > 1;
		if (s->l.bound.sa.sa_family == AF_INET ||
		    s->l.bound.sa.sa_family == AF_INET6)
			port = s->l.bound.in.sin_port;
		r = ipc_server_start(s, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int
bind_all(struct ipc_run *run, struct ipc_error *err)
{
	const struct ipc_plan *plan = run->plan;
	int r = 0;

	run->servers = calloc((size_t)plan->nfrom * IPC_ADDRS * plan->workers,
	    sizeof(*run->servers));
	if (run->servers == NULL)
		return ipc_fail(err, IPC_E_NET, ENOMEM, NULL, "no memory");
	for (uint32_t i = 0; r == 0 && i < plan->nfrom; i++)
		if (plan->from[i].accepts)
			r = bind_point(run, &plan->from[i], err);
	return r;
}

static int
workers_init(struct ipc_run *run, struct ipc_error *err)
{
	uint32_t n = run->plan->workers;

	run->workers = aligned_alloc(64, n * sizeof(*run->workers));
	run->threads = calloc(n, sizeof(*run->threads));
	if (run->workers == NULL || run->threads == NULL)
		return ipc_fail(err, IPC_E_NET, ENOMEM, NULL, "no memory");
	memset(run->workers, 0, n * sizeof(*run->workers));
	for (uint32_t i = 0; i < n; i++) {
		run->workers[i].plan = run->plan;
		if (ipc_worker_init(&run->workers[i], run, i, err) < 0)
			return IPC_E_NET;
	}
	return ipc_phase_init(run, err);
}

static int
open_shared(struct ipc_run *run, struct ipc_error *err)
{
	const struct ipc_point *pt = &run->plan->to[0];
	struct ipc_conn *c = &run->shared.conn;

	ipc_end_init(&run->shared, NULL);
	if (!run->plan->shared_to)
		return 0;
	c->tr = pt->ep.tr;
	c->ep = &pt->ep;
	c->flags = IPC_CONN_WRITE;
	if (c->tr->dial(c, NULL, NULL, err) != 0) {
		ipc_error_where(err, "%s", pt->ep.text);
		return IPC_E_NET;
	}
	ipc_end_opened(&run->shared);
	return 0;
}

static int
open_exchange(struct ipc_run *run, struct ipc_error *err)
{
	run->ex = calloc(1, sizeof(*run->ex));
	if (run->ex == NULL)
		return ipc_fail(err, IPC_E_NET, ENOMEM, NULL, "no memory");
	return ipc_exchange_start(run->ex, run, err);
}

static void *
worker_main(void *arg)
{
	struct ipc_worker *w = arg;

	event_base_loop(w->base, EVLOOP_NO_EXIT_ON_EMPTY);
	return NULL;
}

static int
start(struct ipc_run *run, struct ipc_error *err)
{
	const struct ipc_plan *plan = run->plan;
	sigset_t all, old;
	int e = 0;

	if (plan->exchange != NULL && plan->local)
		ipc_exchange_local(run->ex);
	for (uint32_t i = 0; i < plan->nfrom; i++)
		if (!plan->from[i].accepts)
			ipc_run_open_from(run, i);
	ipc_report_ready(run);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (uint32_t i = 1; e == 0 && i < plan->workers; i++) {
		e = pthread_create(&run->threads[i], NULL, worker_main,
		    &run->workers[i]);
		if (e == 0)
			run->started = i;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (e != 0)
		return ipc_fail(err, IPC_E_NET, e, NULL,
		    "cannot start a worker");
	return 0;
}

static void
run_free(struct ipc_run *run)
{
	/* A worker that was never set up has run == NULL. */
	for (uint32_t i = 0; i < run->nservers; i++)
		ipc_server_close(&run->servers[i]);
	for (uint32_t i = 0; run->workers != NULL && i < run->plan->workers;
	    i++) {
		struct ipc_list *all = &run->workers[i].pipelines;

		while (run->workers[i].run != NULL && !ipc_list_empty(all))
			ipc_pipeline_abort(ipc_list_entry(all->next,
			    struct ipc_pipeline, node), NULL);
	}
	if (run->shared.conn.tr != NULL)
		ipc_end_close(&run->shared);
	ipc_exchange_free(run->ex);
	ipc_tees_close(run);
	ipc_resolver_free(run->resolver);
	ipc_phase_free(run);
	for (uint32_t i = 0; run->workers != NULL && i < run->plan->workers;
	    i++)
		if (run->workers[i].base != NULL)
			ipc_worker_free(&run->workers[i]);
	ipc_hosts_free(run->hosts);
	free(run->servers);
	free(run->created);
	free(run->threads);
	free(run->workers);
	pthread_mutex_destroy(&run->lock);
}

static void
raise_nofile(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur < rl.rlim_max) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
}

static int
names_new(struct ipc_run *run, struct ipc_error *err)
{
	run->created = calloc(run->plan->nfrom + 1, sizeof(*run->created));
	return run->created != NULL ? 0 :
	    ipc_fail(err, IPC_E_NET, ENOMEM, NULL, "no memory");
}

static int
set_up(struct ipc_run *run, struct ipc_error *err)
{
	const struct ipc_settings *set = run->plan->set;
	int r;

	event_set_log_callback(quiet_libevent);
	if (run->plan->serves && !run->plan->once)
		raise_nofile();
	if (set->max_per_host > 0 && (run->hosts = ipc_hosts_new()) == NULL)
		return ipc_fail(err, IPC_E_NET, ENOMEM, NULL, "no memory");
	r = workers_init(run, err);
	if (r == 0)
		r = names_new(run, err);
	if (r == 0)
		r = ipc_taps_open(&run->taps, set->hexdump, set->record, err);
	if (r == 0)
		r = open_shared(run, err);
	if (r == 0)
		r = ipc_tees_open(run, err);
	if (r == 0 && run->plan->exchange != NULL)
		r = open_exchange(run, err);
	if (r == 0)
		r = bind_all(run, err);
	return r < 0 ? r : start(run, err);
}

int
ipc_run_plan(const struct ipc_plan *plan, ipc_report_fn *report,
    struct ipc_error *err)
{
	struct ipc_run run = { .plan = plan, .report = report };
	int r;

	pthread_mutex_init(&run.lock, NULL);
	run.start_ns = run.last_tick_ns = ipc_now();
	r = set_up(&run, err);
	if (r == 0)
		event_base_loop(run.workers[0].base, EVLOOP_NO_EXIT_ON_EMPTY);
	if (r < 0 || atomic_load(&run.phase) != IPC_ENDING)
		ipc_run_end(&run, NULL);
	for (uint32_t i = 1; i <= run.started; i++)
		pthread_join(run.threads[i], NULL);
	if (r == 0 && plan->set->progress)
		ipc_report_progress(&run, true);
	if (r == 0 && plan->set->stats)
		ipc_report_stats(&run);
	if (r == 0)
		ipc_run_kernel_lost(&run);
	if (r == 0 && run.has_result) {
		*err = run.result;
		r = err->code;
	} else if (r == 0 && run.signo != 0) {
		r = ipc_fail(err, IPC_E_SIGNAL, run.signo, NULL,
		    "ended by signal %d", run.signo);
	}
	if (ipc_taps_close(&run.taps, r == 0 ? err : NULL) < 0 && r == 0)
		r = IPC_E_NET;
	run_free(&run);
	return r;
}
