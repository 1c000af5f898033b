/* --explain: the plan in words.  Reads the plan, changes nothing. */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "base/units.h"
#include "core/exchange.h"
#include "core/pipeline.h"
#include "core/plan.h"
#include "core/worker.h"

static void
points(struct ipc_text *out, const char *label, const struct ipc_point *pts,
    uint32_t n, const struct ipc_plan *plan)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct ipc_point *pt = &pts[i];
		char text[512];
		const char *role = pt->accepts ? "listens" :
		    pt->binds && (pt->ep.tr->caps & IPC_CAP_CREATE) ?
		    "creates" : (pt->ep.tr->caps & (IPC_CAP_LISTEN |
		    IPC_CAP_ONCE)) == IPC_CAP_LISTEN ? "dials" :
		    pt->ep.tr->caps & IPC_CAP_CHILD ? "runs" : "opens";

		ipc_text_add(out, "%-8s %s  (%s, %s%s%s)\n",
		    i == 0 ? label : "", ipc_escape(text, sizeof(text),
		    pt->ep.text, strlen(pt->ep.text)), pt->ep.tr->scheme, role,
		    pt->accepts && plan->once ? " for one connection" : "",
		    !pt->accepts && pt->ep.tr->resolve != NULL &&
		    pt->addrs.n == 0 ? ", name looked up off the loop" : "");
	}
}

static void
memory(struct ipc_text *out, const struct ipc_plan *plan)
{
	char chunk[IPC_UNIT_TEXT], small[IPC_UNIT_TEXT];
	char pipe[IPC_UNIT_TEXT], top[IPC_UNIT_TEXT];
	uint64_t each = sizeof(struct ipc_pipeline);
	uint64_t dirs = plan->loops || plan->shared_to ? 1 : 2;
	uint64_t flight = plan->max_conn * dirs, big = flight <
	    IPC_BIG_CHUNKS * plan->workers ? flight :
	    IPC_BIG_CHUNKS * plan->workers;
	uint64_t most = plan->max_conn * each + big * IPC_POOL_CHUNK +
	    (flight - big) * (plan->path == IPC_PATH_MESSAGES ?
	    IPC_POOL_CHUNK : IPC_SMALL_CHUNK);

	ipc_format_size(chunk, IPC_POOL_CHUNK);
	ipc_format_size(pipe, IPC_PIPE_BYTES);
	ipc_format_size(top, most);
	ipc_format_size(small, IPC_SMALL_CHUNK);
	ipc_text_add(out, "buffers  %s read buffer for a direction with bytes "
	    "in flight, none for an idle one\n         (%s each beyond %u in "
	    "flight, and for a remainder that waits)\n", chunk, small,
	    IPC_BIG_CHUNKS * plan->workers);
	if (plan->path == IPC_PATH_SPLICE)
		ipc_text_add(out, "         %s kernel pipe for a direction on "
		    "splice, at most %d a worker\n", pipe, IPC_PIPES_MAX);
	if (plan->path == IPC_PATH_MESSAGES)
		ipc_text_add(out, "         %u batches of %d views a "
		    "direction while it moves\n", plan->side[0].pipe.n +
		    plan->side[1].pipe.n + 1, IPC_BATCH);
	ipc_text_add(out, "memory   %u connection%s x %zu B + directions in "
	    "flight x buffer: at most %s, and 2 MiB for the program\n",
	    plan->max_conn, plan->max_conn == 1 ? "" : "s",
	    sizeof(struct ipc_pipeline), top);
}

static void
side(struct ipc_text *out, const char *label, const struct ipc_side *s,
    const struct ipc_plan *plan)
{
	char text[IPC_FRAMING_TEXT];

	if (!plan->messages && s->pipe.n == 0)
		return;
	ipc_text_add(out, "%-8s ", label);
	ipc_pipe_text(&s->pipe, out);
	if (plan->messages)
		ipc_text_add(out, "%sframing %s on a byte stream",
		    s->pipe.n > 0 ? ", " : "",
		    ipc_framing_text(&s->framing, text));
	ipc_text_add(out, "\n");
}

static void
timers(struct ipc_text *out, const struct ipc_settings *set)
{
	char a[IPC_UNIT_TEXT], b[IPC_UNIT_TEXT];

	ipc_text_add(out, "timers  ");
	if (set->connect_ns > 0)
		ipc_text_add(out, " connect %s;",
		    ipc_format_duration(a, set->connect_ns));
	if (set->idle_ns > 0)
		ipc_text_add(out, " idle %s;",
		    ipc_format_duration(a, set->idle_ns));
	if (set->deadline_ns > 0)
		ipc_text_add(out, " total %s;",
		    ipc_format_duration(a, set->deadline_ns));
	if (set->connect_ns + set->idle_ns + set->deadline_ns == 0)
		ipc_text_add(out, " none");
	ipc_text_add(out, "\n");
	if (set->retry > 0) {
		ipc_text_add(out, "retry    ");
		if (set->retry == UINT64_MAX)
			ipc_text_add(out, "forever");
		else
			ipc_text_add(out, "%" PRIu64 " times", set->retry);
		ipc_text_add(out, ", first at once, then full jitter %s..%s\n",
		    ipc_format_duration(a, set->backoff_min_ns),
		    ipc_format_duration(b, set->backoff_max_ns));
	}
}

void
ipc_plan_explain(const struct ipc_plan *plan, struct ipc_text *out)
{
	static const char *const verbs[] = { "send", "listen", "relay" };
	static const char *const paths[] = {
		"splice (bytes first, spliced after 2 reads of 64 KiB)",
		"bytes (one read, one write, no copy in between)",
		"messages (batches of views, one writev a batch)",
	};

	ipc_text_add(out, "verb     %s%s\n", verbs[plan->verb], plan->once ?
	    ", ends with its first connection" : ", keeps serving");
	points(out, "from", plan->from, plan->nfrom, plan);
	if (plan->loops)
		ipc_text_add(out, "to       the same connection (--echo)\n");
	else
		points(out, "to", plan->to, plan->nto, plan);
	side(out, "at from", &plan->side[0], plan);
	side(out, "at to", &plan->side[1], plan);
	if (plan->exchange != NULL)
		ipc_text_add(out, "between  %s: %s\n", plan->exchange->name,
		    plan->exchange->summary);
	ipc_text_add(out, "path     %s\n", paths[plan->path]);
	if (plan->why[0] != '\0')
		ipc_text_add(out, "reason   not faster, because %s\n",
		    plan->why);
	else
		ipc_text_add(out, "reason   both sides are stream "
		    "descriptors and nothing needs to see the bytes\n");
	memory(out, plan);
	ipc_text_add(out, "limits   %u connections, %u worker%s\n",
	    plan->max_conn, plan->workers, plan->workers == 1 ? "" : "s");
	timers(out, plan->set);
}
