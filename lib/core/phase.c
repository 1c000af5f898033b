/*
 * Phases of a run: wake-ups between workers, signals, the deadline.
 *
 * A phase change is an atomic store followed by one byte into every worker's
 * wake pipe; the same pipes carry connections that another worker accepted.
 * With one worker there is no pipe: its event is activated instead.
 */
#include "core/phase.h"

#include <event2/event.h>
#include <fcntl.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/exchange.h"
#include "core/pipeline.h"
#include "core/report.h"
#include "core/run.h"
#include "core/server.h"

#define WAKE_TRIES 3		/* EINTR, and EAGAIN that passes */

/* What travels through a wake pipe is a conn; tr NULL is "look at the phase".
 * Smaller than PIPE_BUF, so whole (pipe(7)). */
struct ipc_wake {
	struct ipc_worker *w;
	struct event *ev;	/* owned */
	int	fds[2];		/* owned; -1 with one worker: ev is activated */
};

/* False when the pipe is full: its reader is awake then, and looks at the
 * phase when it has emptied it. */
static bool
wake_write(const struct ipc_wake *k, const struct ipc_conn *c)
{
	ssize_t n = -1;

	for (int i = 0; i < WAKE_TRIES && n < 0; i++)
		n = write(k->fds[1], c, sizeof(*c));
	return n == (ssize_t)sizeof(*c);
}

void
ipc_run_wake(struct ipc_run *run)
{
	struct ipc_conn none;

	if (run->wakes == NULL)
		return;
	if (run->plan->workers == 1) {
		if (run->wakes[0].ev != NULL)
			event_active(run->wakes[0].ev, EV_READ, 0);
		return;
	}
	memset(&none, 0, sizeof(none));
	for (uint32_t i = 0; i < run->plan->workers; i++)
		wake_write(&run->wakes[i], &none);
}

void
ipc_run_end(struct ipc_run *run, const struct ipc_error *err)
{
	ipc_run_note(run, err);
	atomic_store(&run->phase, IPC_ENDING);
	ipc_run_wake(run);
}

void
ipc_run_hand_over(struct ipc_run *run, const struct ipc_conn *c)
{
	uint32_t i = atomic_fetch_add(&run->next_worker, 1) %
	    run->plan->workers;

	if (wake_write(&run->wakes[i], c))
		return;
	/* Its pipe is full: that worker is behind; keep it here. */
	ipc_run_accepted(&run->workers[0], c);
}

/* -n: other connections have taken the last message.  What pl has taken
 * already is delivered; its next look at its input is the last. */
static void
enough(struct ipc_worker *w, struct ipc_pipeline *pl)
{
	struct ipc_dir *d = &pl->dir[w->plan->count_dir];

	if (d->done)
		return;
	if (d->flow == NULL) {
		ipc_pipeline_abort(pl, NULL);
	} else if (d->wait_src) {
		d->wait_src = false;
		ipc_worker_defer(w, pl);
	}
}

/* This worker stops: no new connections, then none at all. */
static void
obey_phase(struct ipc_worker *w)
{
	int phase = atomic_load(&w->run->phase);
	struct ipc_list *n, *next;

	if (phase == IPC_RUNNING) {
		ipc_servers_resume(w, false);
		return;
	}
	while (!ipc_list_empty(&w->servers))
		ipc_server_close(ipc_list_entry(w->servers.next,
		    struct ipc_server, node));
	if (phase == IPC_DRAINING && w->run->ex != NULL && w->index == 0)
		ipc_exchange_drain(w->run->ex);
	for (n = w->pipelines.next; n != &w->pipelines; n = next) {
		struct ipc_pipeline *pl = ipc_list_entry(n,
		    struct ipc_pipeline, node);

		next = n->next;
		if (phase == IPC_ENDING)
			ipc_pipeline_abort(pl, NULL);
		else if (w->run->ex != NULL)
			continue;
		else if (w->plan->max_msgs > 0 &&
		    atomic_load(&w->run->msgs) >= w->plan->max_msgs)
			enough(w, pl);
		else if (w->run->signo != 0)
			ipc_pipeline_drain(pl);
	}
	if (phase == IPC_ENDING || (w->index == 0 ?
	    atomic_load(&w->run->active) == 0 : w->npipelines == 0))
		event_base_loopbreak(w->base);
}

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct ipc_wake *k = arg;
	struct ipc_conn c;

	(void)what;
	while (fd >= 0 && read(fd, &c, sizeof(c)) == (ssize_t)sizeof(c))
		if (c.tr != NULL)
			ipc_run_accepted(k->w, &c);
	obey_phase(k->w);
}

/* 128 + n unless something worse is known. */
static void
on_signal(evutil_socket_t fd, short what, void *arg)
{
	struct ipc_run *run = arg;
	struct ipc_error err = { 0 };
	int phase = IPC_RUNNING;

	(void)what;
	if (fd == SIGUSR1) {
		ipc_report_stats(run);
		return;
	}
	if (run->signo == 0) {
		run->signo = (int)fd;
		if (atomic_compare_exchange_strong(&run->phase, &phase,
		    IPC_DRAINING) && atomic_load(&run->active) > 0)
			ipc_log(IPC_LOG_WARN, NULL, "draining %u connections; "
			    "a second signal ends them",
			    atomic_load(&run->active));
		ipc_run_wake(run);
		return;
	}
	ipc_fail(&err, IPC_E_SIGNAL, (int)fd, NULL, "ended by signal %d with "
	    "connections open", (int)fd);
	ipc_run_end(run, &err);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct ipc_run *run = arg;
	struct ipc_error err = { 0 };

	(void)fd;
	(void)what;
	ipc_fail(&err, IPC_E_DEADLINE, 0, NULL, "the total time (-t) is over");
	ipc_run_end(run, &err);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	ipc_report_progress(arg, false);
}

static int
wakes_init(struct ipc_run *run, struct ipc_error *err)
{
	uint32_t n = run->plan->workers;

	run->wakes = calloc(n, sizeof(*run->wakes));
	if (run->wakes == NULL)
		return ipc_fail(err, IPC_E_NET, ENOMEM, NULL, "no memory");
	for (uint32_t i = 0; i < n; i++)
		run->wakes[i].fds[0] = run->wakes[i].fds[1] = -1;
	for (uint32_t i = 0; i < n; i++) {
		struct ipc_wake *k = &run->wakes[i];

		k->w = &run->workers[i];
		if (n > 1 && pipe2(k->fds, O_CLOEXEC | O_NONBLOCK) < 0)
			return ipc_fail(err, IPC_E_NET, errno, NULL,
			    "cannot create a pipe");
		k->ev = event_new(k->w->base, k->fds[0],
		    EV_READ | EV_PERSIST, on_wake, k);
		if (k->ev == NULL || (n > 1 && event_add(k->ev, NULL) < 0))
			return ipc_fail(err, IPC_E_NET, errno, NULL,
			    "cannot poll a pipe");
	}
	return 0;
}

int
ipc_phase_init(struct ipc_run *run, struct ipc_error *err)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1 };
	struct event_base *base = run->workers[0].base;
	const struct ipc_settings *set = run->plan->set;

	if (wakes_init(run, err) < 0)
		return IPC_E_NET;
	for (size_t i = 0; i < IPC_RUN_SIGNALS; i++) {
		run->signals[i] = evsignal_new(base, signals[i], on_signal,
		    run);
		if (run->signals[i] == NULL ||
		    event_add(run->signals[i], NULL) < 0)
			return ipc_fail(err, IPC_E_NET, ENOMEM, NULL,
			    "cannot wait for signals");
	}
	if (set->deadline_ns > 0) {
		run->deadline = evtimer_new(base, on_deadline, run);
		if (run->deadline == NULL)
			return ipc_fail(err, IPC_E_NET, ENOMEM, NULL,
			    "cannot keep the deadline");
		ipc_timer_in(run->deadline, set->deadline_ns);
	}
	if (set->progress) {
		run->tick = event_new(base, -1, EV_PERSIST, on_tick, run);
		ipc_timer_in(run->tick, IPC_NS_PER_S / 2);
	}
	return 0;
}

static void
event_drop(struct event *ev)
{
	if (ev != NULL)
		event_free(ev);
}

void
ipc_phase_free(struct ipc_run *run)
{
	for (size_t i = 0; i < IPC_RUN_SIGNALS; i++)
		event_drop(run->signals[i]);
	event_drop(run->tick);
	event_drop(run->deadline);
	for (uint32_t i = 0; run->wakes != NULL && i < run->plan->workers;
	    i++) {
		event_drop(run->wakes[i].ev);
		if (run->wakes[i].fds[0] >= 0)
			close(run->wakes[i].fds[0]);
		if (run->wakes[i].fds[1] >= 0)
			close(run->wakes[i].fds[1]);
	}
	free(run->wakes);
	run->wakes = NULL;
}
