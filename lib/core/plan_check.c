/*
 * Which message options go together: what excludes what, and what is of no
 * use without something else.  An option that would be ignored is an error,
 * since whoever gave it expects something.  No state, opens nothing.
 */
#include "core/plan_messages.h"

#include "base/error.h"
#include "core/plan.h"

/* An option and what it needs. */
struct need {
	bool	given, met;
	const char *what;	/* "--gap", or several that are checked alike */
	const char *need;	/* "-R" */
	const char *fix;
};

static int
needs(const struct need *v, size_t n, struct ipc_error *err)
{
	for (; n > 0; v++, n--)
		if (v->given && !v->met)
			return ipc_fail(err, IPC_E_USAGE, 0, v->fix,
			    "%s needs %s", v->what, v->need);
	return 0;
}

static int
send_needs(const struct ipc_settings *set, struct ipc_error *err)
{
	const char *fix = "add -R, or leave it out";
	const struct need v[] = {
		{ set->replies > 0, set->request, "--replies", "-R", fix },
		{ set->gap_ns > 0, set->request, "--gap", "-R", fix },
		{ set->in_flight > 0, set->request, "--in-flight", "-R", fix },
		{ set->correlate != NULL, set->request, "--correlate", "-R",
		  fix },
		{ set->end_mark != NULL, set->replies == IPC_REPLIES_END,
		  "--end-mark", "--replies end", "add --replies end" },
	};

	return needs(v, sizeof(v) / sizeof(v[0]), err);
}

static int
listen_needs(const struct ipc_settings *set, struct ipc_error *err)
{
	bool per = set->per == IPC_PER_MESSAGE, pool = set->pool > 0;
	bool many = set->fanout || set->hub;
	bool serve = pool || per || set->reply != NULL;
	const char *stay = "--pool, without --per message";
	const char *any = "--pool or --per message";
	const char *out = "--fanout or --hub";
	const char *fix = "add --pool N";
	const char *pub = "add --fanout or --hub";
	const struct need v[] = {
		{ set->replies > 0, pool && !per, "--replies", stay, fix },
		{ set->gap_ns > 0, pool && !per, "--gap", stay, fix },
		{ set->recycle > 0, pool && !per, "--recycle", stay, fix },
		{ set->handler_ns > 0, pool || per, "--handler-timeout", any,
		  fix },
		{ set->nak != NULL, pool || per, "--nak", any, fix },
		{ set->fail_reply != NULL, pool || per, "--fail-reply", any,
		  fix },
		{ set->in_flight > 0, serve, "--in-flight", any, fix },
		{ set->correlate != NULL, pool || per, "--correlate", any,
		  fix },
		{ set->end_mark != NULL, set->replies == IPC_REPLIES_END,
		  "--end-mark", "--replies end", "add --replies end" },
		{ set->topics, many, "--topics", out, pub },
		{ set->history > 0, many, "--history", out, pub },
		{ set->queue > 0, many, "--queue", out, pub },
		{ set->slow != IPC_SLOW_BLOCK, many, "--slow", out, pub },
	};

	return needs(v, sizeof(v) / sizeof(v[0]), err);
}

static int
send_conflicts(const struct ipc_plan *plan, struct ipc_error *err)
{
	const struct ipc_settings *set = plan->set;
	bool one = set->request || set->all || set->spread;

	if (set->request + set->all + set->spread + set->failover > 1)
		return ipc_fail(err, IPC_E_USAGE, 0, "give one of them",
		    "-R, --all, --spread and --failover exclude each other");
	if (one && plan->serves)
		return ipc_fail(err, IPC_E_USAGE, 0, "leave out ?bind",
		    "-R, --all and --spread connect to endpoints, and %s "
		    "listens", plan->from[0].ep.text);
	if (set->request && (set->send_only || set->recv_only ||
	    set->subscribe.n > 0))
		return ipc_fail(err, IPC_E_USAGE, 0, "leave out -R or the "
		    "other", "-R sends and waits for replies: no --send-only, "
		    "--recv-only or --subscribe");
	if (set->messages.n > 0 && (set->replay != NULL || set->recv_only))
		return ipc_fail(err, IPC_E_USAGE, 0, "give one of them",
		    "-m excludes --replay and --recv-only");
	return 0;
}

/* Listen, and relay, which has none of these. */
static int
listen_conflicts(const struct ipc_plan *plan, struct ipc_error *err)
{
	const struct ipc_settings *set = plan->set;
	bool child = set->exec.n > 0 || set->shell != NULL;
	bool silent = plan->loops || set->reply != NULL;

	if ((set->pool > 0 || set->per == IPC_PER_MESSAGE) && !child)
		return ipc_fail(err, IPC_E_USAGE, 0, "add -c CMD or -e PROG",
		    "--pool and --per message need a handler");
	if (set->fanout + set->hub + (set->reply != NULL) + child +
	    plan->loops > 1)
		return ipc_fail(err, IPC_E_USAGE, 0, "give one of them",
		    "-e, -c, --echo, --reply, --fanout and --hub exclude each "
		    "other");
	if (set->out_dir != NULL && (child || silent))
		return ipc_fail(err, IPC_E_USAGE, 0, "give one of them",
		    "--out-dir excludes -e, -c, --echo and --reply: they take "
		    "the messages");
	if (silent && (set->format != NULL || set->json))
		return ipc_fail(err, IPC_E_USAGE, 0, "leave out -F and -J",
		    "nothing is printed with --echo or --reply, so -F and -J "
		    "mean nothing");
	return 0;
}

int
ipc_plan_check(const struct ipc_plan *plan, struct ipc_error *err)
{
	const struct ipc_settings *set = plan->set;
	int r = plan->verb == IPC_VERB_SEND ? send_conflicts(plan, err) :
	    listen_conflicts(plan, err);

	if (r == 0)
		r = plan->verb == IPC_VERB_SEND ? send_needs(set, err) :
		    listen_needs(set, err);
	if (r == 0 && set->on_error != IPC_ON_ERROR_STOP && !plan->messages)
		r = ipc_fail(err, IPC_E_USAGE, 0, "add -f FRAMING",
		    "--on-error is about messages, and here are bytes");
	return r;
}
