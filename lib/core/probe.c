/* Probing: a run with one worker, no pipelines, one dial at a time. */
#include "core/probe.h"

#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/units.h"
#include "core/dial.h"
#include "core/resolve.h"
#include "core/run.h"
#include "core/worker.h"

struct probe {
	struct ipc_worker *w;
	struct ipc_error *err;
	bool	open, late;
};

static void
on_dialed(void *arg, struct ipc_conn *conn, const struct ipc_error *err)
{
	struct probe *p = arg;

	if (conn != NULL) {
		p->open = true;
		conn->tr->close(conn);
	} else {
		*p->err = *err;
	}
	event_base_loopbreak(p->w->base);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct probe *p = arg;

	(void)fd;
	(void)what;
	p->late = true;
	ipc_fail(p->err, IPC_E_DEADLINE, 0, NULL,
	    "the total time (-t) is over");
	event_base_loopbreak(p->w->base);
}

static int
probe_one(struct probe *p, const struct ipc_point *pt, struct ipc_text *out)
{
	struct ipc_dial_req req = {
		.points = pt,
		.npoints = 1,
		.flags = IPC_CONN_READ | IPC_CONN_WRITE,
		.retry = p->w->plan->set->retry,
		.done = on_dialed,
		.arg = p,
	};
	uint64_t start = ipc_now();
	char took[IPC_UNIT_TEXT], text[512];
	struct ipc_dial *d;

	p->open = false;
	d = ipc_dial_start(p->w, &req);
	if (d != NULL)
		event_base_loop(p->w->base, EVLOOP_NO_EXIT_ON_EMPTY);
	if (p->late) {
		ipc_dial_cancel(d);
		ipc_error_where(p->err, "%s", pt->ep.text);
	}
	if (!p->open)
		return p->err->code;
	ipc_text_add(out, "%s open %s\n", ipc_escape(text, sizeof(text),
	    pt->ep.text, strlen(pt->ep.text)),
	    ipc_format_duration(took, ipc_now() - start));
	return 0;
}

int
ipc_probe(const struct ipc_plan *plan, struct ipc_text *out,
    struct ipc_error *err)
{
	struct ipc_run run = { .plan = plan };
	struct ipc_worker w;
	struct probe p = { .w = &w, .err = err };
	struct event *deadline = NULL;
	int r;

	memset(&w, 0, sizeof(w));
	w.plan = plan;
	pthread_mutex_init(&run.lock, NULL);
	r = ipc_worker_init(&w, &run, 0, err);
	if (r == 0 && plan->set->deadline_ns > 0) {
		deadline = evtimer_new(w.base, on_deadline, &p);
		ipc_timer_in(deadline, plan->set->deadline_ns);
	}
	for (uint32_t i = 0; r == 0 && i < plan->nto; i++)
		r = probe_one(&p, &plan->to[i], out);
	if (deadline != NULL)
		event_free(deadline);
	ipc_resolver_free(run.resolver);
	ipc_worker_free(&w);
	pthread_mutex_destroy(&run.lock);
	return r;
}
