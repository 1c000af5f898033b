/* Settling a pipeline.  The rules are in settle.h; no data moves here. */
#include "core/settle.h"

#include <errno.h>
#include <signal.h>

#include "base/clock.h"
#include "base/msg.h"
#include "core/pipeline.h"
#include "core/plan.h"
#include "core/run.h"
#include "core/worker.h"

#define FIRST_LOOK_NS (1 * IPC_NS_PER_MS)
#define DROP_READS 4		/* of a look */
#define LAST_LOOK_NS (100 * IPC_NS_PER_MS)

static uint64_t
grace(const struct ipc_pipeline *pl)
{
	for (int i = 0; i < 2; i++)
		if (pl->end[i].conn.pid > 0 &&
		    pl->end[i].conn.tr->grace != NULL)
			return pl->end[i].conn.tr->grace(&pl->end[i].conn);
	return IPC_GRACE_NS;
}

/* True while a child of this pipeline is still to be waited for. */
static bool
children_left(struct ipc_pipeline *pl)
{
	bool left = false;
	bool broken = pl->dying || (pl->err != NULL && !pl->skipped);

	for (int i = 0; i < 2; i++) {
		struct ipc_conn *c = &pl->end[i].conn;

		if (!pl->end[i].open || c->pid <= 0 || pl->gone[i])
			continue;
		if (c->tr->reap(c, &pl->status[i]) == 0) {
			pl->gone[i] = true;
			continue;
		}
		left = true;
		/* No more input will come: many programs need no signal. */
		ipc_end_shut(&pl->end[i]);
		if (!broken)
			continue;
		if (pl->kills == 0 || ipc_now() >= pl->kill_ns)
			c->tr->kill(c, pl->kills == 0 ? SIGTERM : SIGKILL);
	}
	if (left && broken && (pl->kills == 0 || ipc_now() >= pl->kill_ns)) {
		pl->kill_ns = ipc_now() + grace(pl);
		pl->kills = 1;
	}
	return left;
}

static void
judge_children(struct ipc_pipeline *pl)
{
	for (int i = 0; i < 2; i++) {
		struct ipc_error err = { 0 };

		if (!pl->gone[i] || pl->status[i] == 0 || pl->kills > 0)
			continue;
		if (pl->status[i] > 128)
			ipc_fail(&err, IPC_E_REMOTE, 0, NULL,
			    "the child was ended by signal %d",
			    pl->status[i] - 128);
		else
			ipc_fail(&err, IPC_E_REMOTE, 0, NULL,
			    "the child exited with status %d", pl->status[i]);
		ipc_error_where(&err, "%s", pl->end[i].conn.ep->text);
		ipc_pipeline_note(pl, &err);
	}
}

/* True while bytes of ours are on their way. */
static bool
unsent_left(struct ipc_pipeline *pl)
{
	for (int i = 0; i < 2; i++) {
		struct ipc_conn *c = &pl->end[i].conn;
		struct ipc_error err = { 0 };
		ssize_t n;

		if (!pl->end[i].open || c->tr->unsent == NULL)
			continue;
		n = c->tr->unsent(c);
		if (n > 0)
			return true;
		if (n < 0 && pl->err == NULL) {
			ipc_fail(&err, IPC_E_DATA, errno,
			    "the peer closed before it had everything",
			    "the connection broke with bytes undelivered");
			ipc_error_where(&err, "%s", c->ep->text);
			ipc_pipeline_note(pl, &err);
		}
	}
	return false;
}

/* Read and drop what a peer still says; true while it has not ended. */
static bool
drop_input(struct ipc_pipeline *pl)
{
	bool open = false;

	for (int i = 0; i < 2; i++) {
		struct ipc_dir *d = &pl->dir[i];
		struct ipc_chunk *c;
		ssize_t n = -1;

		if (!d->cut || !d->src->open || d->src->pl == NULL ||
		    (d->src->conn.flags & IPC_CONN_SOCKET) == 0 ||
		    (d->src->conn.tr->caps & IPC_CAP_ENDLESS) != 0 ||
		    (c = ipc_worker_chunk(pl->w)) == NULL)
			continue;
		ipc_end_shut(d->src);
		for (int k = 0; k < DROP_READS; k++) {
			n = ipc_end_read(d->src, c->data, c->size);
			if (n <= 0)
				break;
			ipc_dir_dropped(pl, d, (size_t)n);
		}
		ipc_chunk_put(c);
		d->cut = n > 0 || (n < 0 && errno == EAGAIN);
		open |= d->cut;
	}
	return open;
}

/* -i also bounds how long a peer may take over our last bytes. */
static bool
too_long(const struct ipc_pipeline *pl)
{
	uint64_t idle = pl->w->plan->set->idle_ns;

	return idle > 0 && ipc_now() - pl->active_ns >= idle;
}

bool
ipc_settle(struct ipc_pipeline *pl)
{
	bool children = children_left(pl);
	bool talks = pl->err == NULL && !pl->reset && drop_input(pl);
	bool waits = pl->flush || talks ||
	    ((pl->w->plan->once || pl->port != NULL) && !pl->reset);
	bool ending = atomic_load(&pl->w->run->phase) == IPC_ENDING;

	if (!children)
		judge_children(pl);
	pl->settle_ns = IPC_NEVER;
	if (!ending && waits && !too_long(pl) && unsent_left(pl)) {
		pl->settle_step_ns = pl->settle_step_ns == 0 ? FIRST_LOOK_NS :
		    pl->settle_step_ns * 2;
		if (pl->settle_step_ns > LAST_LOOK_NS)
			pl->settle_step_ns = LAST_LOOK_NS;
		pl->settle_ns = ipc_now() + pl->settle_step_ns;
		return false;
	}
	return !children || ending;
}

uint64_t
ipc_settle_at(const struct ipc_pipeline *pl)
{
	uint64_t at = pl->settle_ns;

	if (pl->kills > 0 && pl->kill_ns < at)
		at = pl->kill_ns;
	return at;
}

void
ipc_settle_close(struct ipc_pipeline *pl, struct ipc_end *e)
{
	if (pl->reset)
		e->conn.flags |= IPC_CONN_CUT;
	ipc_end_close(e);
}
