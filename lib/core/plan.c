/*
 * Compiling a command line into a plan.  See plan.h; the text of --explain is
 * in explain.c.
 */
#include "core/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "base/units.h"
#include "core/plan_messages.h"
#include "core/worker.h"

#define CHILD_CONNS 100		/* default --max-conn when each is a process */
#define SPARE_FDS 32		/* stdio, event loop, listeners, log */

/* A path typed without a scheme is whatever the file is. */
static const char *
scheme_of_path(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return "unix";
	if (S_ISSOCK(st.st_mode))
		return "unix";
	if (S_ISFIFO(st.st_mode))
		return "fifo";
	if (S_ISCHR(st.st_mode) && (strncmp(path, "/dev/tty", 8) == 0 ||
	    strncmp(path, "/dev/pts/", 9) == 0))
		return "tty";
	return "file";
}

static int
unknown_scheme(const struct ipc_endpoint *ep, struct ipc_error *err)
{
	const char *words[64];
	const char *near;
	size_t n = 0;

	for (; ipc_transports[n] != NULL && n < 63; n++)
		words[n] = ipc_transports[n]->scheme;
	words[n] = NULL;
	near = ipc_nearest(ep->scheme, words);
	ipc_fail(err, IPC_E_USAGE, 0, "ipcat help transports lists them",
	    "unknown transport \"%s\"", ep->scheme);
	if (near != NULL)
		ipc_error_hint(err, "did you mean %s:?", near);
	ipc_error_where(err, "%s", ep->text);
	return IPC_E_USAGE;
}

/* Keys every transport has: who binds. */
static bool
role_key(struct ipc_point *pt, const char *key)
{
	if (strcmp(key, "bind") == 0)
		pt->binds = true;
	else if (strcmp(key, "dial") == 0)
		pt->binds = false;
	else
		return false;
	return true;
}

static int
point_keys(struct ipc_point *pt, struct ipc_error *err)
{
	static const struct ipc_opt none[] = { { .type = IPC_OPT_END } };
	struct ipc_endpoint *ep = &pt->ep;
	const struct ipc_opt *opts = ep->tr->opts != NULL ? ep->tr->opts : none;

	if (ep->tr->cfg_size > 0) {
		ep->cfg = calloc(1, ep->tr->cfg_size);
		if (ep->cfg == NULL)
			return ipc_fail(err, IPC_E_NET, ENOMEM, NULL,
			    "no memory");
		if (ipc_opt_defaults(opts, ep->cfg, err) < 0)
			return IPC_E_USAGE;
	}
	for (uint32_t i = 0; i < ep->nkeys; i++) {
		if (role_key(pt, ep->keys[i].key))
			continue;
		if (ipc_opt_set(opts, ep->cfg, ep->keys[i].key,
		    ep->keys[i].value, err) < 0) {
			ipc_error_where(err, "%s", ep->text);
			return IPC_E_USAGE;
		}
	}
	return 0;
}

static bool
can_accept(const struct ipc_point *pt)
{
	const struct ipc_transport *tr = pt->ep.tr;

	if ((tr->caps & IPC_CAP_LISTEN) == 0 || !pt->binds)
		return false;
	return tr->is_listener == NULL || tr->is_listener(&pt->ep);
}

/* Roles, keys and numeric addresses of a split endpoint. */
static int
point_finish(struct ipc_point *pt, bool binds, const struct ipc_settings *set,
    struct ipc_error *err)
{
	struct ipc_endpoint *ep = &pt->ep;
	unsigned flags = IPC_RESOLVE_NUMERIC |
	    (set->v4 ? IPC_RESOLVE_V4 : 0) | (set->v6 ? IPC_RESOLVE_V6 : 0);
	int r;

	pt->binds = binds;
	if (strcmp(ep->scheme, "path") == 0)
		ep->scheme = scheme_of_path(ep->path);
	ep->tr = ipc_transport_find(ep->scheme);
	if (ep->tr == NULL)
		return unknown_scheme(ep, err);
	if (ep->nlayers > 0) {
		ipc_fail(err, IPC_E_USAGE, 0, "leave out the part before +",
		    "unknown layer \"%s+\"", ep->layers[0]);
		ipc_error_where(err, "%s", ep->text);
		return IPC_E_USAGE;
	}
	if (point_keys(pt, err) < 0)
		return IPC_E_USAGE;
	pt->accepts = can_accept(pt);
	if (ep->tr->check != NULL &&
	    (r = ep->tr->check(ep, pt->binds, err)) < 0) {
		ipc_error_where(err, "%s", ep->text);
		return r;
	}
	if (ep->tr->resolve == NULL || pt->accepts)
		return 0;
	r = ep->tr->resolve(ep, flags, &pt->addrs, err);
	if (r < 0)
		ipc_error_where(err, "%s", ep->text);
	else if (r > 0)
		pt->addrs.n = 0;
	return r < 0 ? r : 0;
}

static int
points_new(struct ipc_point **pts, uint32_t *n, const struct ipc_strings *s,
    bool binds, const struct ipc_settings *set, struct ipc_error *err)
{
	if (s->n > IPC_PLAN_ENDS)
		return ipc_fail(err, IPC_E_USAGE, 0, NULL,
		    "more than %d endpoints", IPC_PLAN_ENDS);
	*pts = calloc(s->n == 0 ? 1 : s->n, sizeof(**pts));
	if (*pts == NULL)
		return ipc_fail(err, IPC_E_NET, ENOMEM, NULL, "no memory");
	for (uint32_t i = 0; i < s->n; i++) {
		struct ipc_point *pt = &(*pts)[i];
		int r;

		*n = i + 1;
		r = ipc_endpoint_parse(&pt->ep, s->v[i], ipc_transport_shape,
		    err);
		if (r == 0)
			r = point_finish(pt, binds, set, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The side that people and commands are on: stdio, a child, a record. */
static int
app_point(struct ipc_point **pts, uint32_t *n, const struct ipc_settings *set,
    enum ipc_verb verb, struct ipc_error *err)
{
	struct ipc_strings one = { 0 };
	struct ipc_text text = { 0 };
	int r;

	if (verb == IPC_VERB_LISTEN && set->exec.n > 0) {
		*pts = calloc(1, sizeof(**pts));
		if (*pts == NULL)
			return ipc_fail(err, IPC_E_NET, ENOMEM, NULL,
			    "no memory");
		*n = 1;
		r = ipc_endpoint_exec(&(*pts)->ep, set->exec.v, err);
		return r < 0 ? r : point_finish(*pts, false, set, err);
	}
	if (verb == IPC_VERB_SEND && set->messages.n > 0) {
		*pts = calloc(1, sizeof(**pts));
		if (*pts == NULL)
			return ipc_fail(err, IPC_E_NET, ENOMEM, NULL,
			    "no memory");
		*n = 1;
		r = ipc_endpoint_words(&(*pts)->ep, "words", set->messages.v,
		    err);
		return r < 0 ? r : point_finish(*pts, false, set, err);
	}
	if (verb == IPC_VERB_LISTEN && set->out_dir != NULL)
		ipc_text_add(&text, "dir:%s", set->out_dir);
	else if (verb == IPC_VERB_LISTEN && set->shell != NULL)
		ipc_text_add(&text, "sh:%s", set->shell);
	else if (verb == IPC_VERB_SEND && set->replay != NULL)
		ipc_text_add(&text, "replay?speed=%s&stdout:%s",
		    set->speed == NULL ? "1" : set->speed, set->replay);
	else
		ipc_text_add(&text, "-");
	r = text.failed || ipc_strings_add(&one, text.s) < 0 ?
	    ipc_fail(err, IPC_E_NET, ENOMEM, NULL, "no memory") :
	    points_new(pts, n, &one, false, set, err);
	ipc_strings_free(&one);
	ipc_text_free(&text);
	return r;
}

static bool
any_accepts(const struct ipc_point *pts, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (pts[i].accepts)
			return true;
	return false;
}

static int
compile_send_listen(struct ipc_plan *plan, const struct ipc_strings *ops,
    struct ipc_error *err)
{
	const struct ipc_settings *set = plan->set;
	struct ipc_point *net = NULL, *app = NULL;
	uint32_t nnet = 0, napp = 0;
	int r;

	if (ops->n == 0)
		return ipc_fail(err, IPC_E_USAGE, 0,
		    plan->verb == IPC_VERB_SEND ?
		    "ipcat send tcp://HOST:PORT" :
		    "ipcat listen tcp://:PORT", "no endpoint given");
	r = points_new(&net, &nnet, ops, plan->verb == IPC_VERB_LISTEN, set,
	    err);
	if (r == 0)
		r = app_point(&app, &napp, set, plan->verb, err);
	plan->serves = any_accepts(net, nnet);
	/* send starts with its input, everything else with the connection. */
	plan->swapped = plan->verb == IPC_VERB_SEND && !plan->serves;
	plan->from = plan->swapped ? app : net;
	plan->nfrom = plan->swapped ? napp : nnet;
	plan->to = plan->swapped ? net : app;
	plan->nto = plan->swapped ? nnet : napp;
	plan->loops = set->echo;
	plan->once = !set->keep;
	return r;
}

static int
compile_relay(struct ipc_plan *plan, const struct ipc_strings *ops,
    struct ipc_error *err)
{
	const struct ipc_settings *set = plan->set;
	struct ipc_strings from = { 0 }, to = { 0 };
	uint32_t at = 0;
	int r = 0;

	for (uint32_t i = 0; i < set->from.n; i++)
		r |= ipc_strings_add(&from, set->from.v[i]);
	for (uint32_t i = 0; i < set->to.n; i++)
		r |= ipc_strings_add(&to, set->to.v[i]);
	if (from.n == 0 && at < ops->n)
		r |= ipc_strings_add(&from, ops->v[at++]);
	if (to.n == 0 && at < ops->n)
		r |= ipc_strings_add(&to, ops->v[at++]);
	if (r != 0)
		r = ipc_fail(err, IPC_E_NET, ENOMEM, NULL, "no memory");
	else if (from.n == 0 || to.n == 0)
		r = ipc_fail(err, IPC_E_USAGE, 0,
		    "ipcat relay tcp://:9000 tcp://HOST:PORT",
		    "relay needs FROM and TO");
	else if (at < ops->n)
		r = ipc_fail(err, IPC_E_USAGE, 0,
		    "for more than two use --from and --to",
		    "one endpoint too many: \"%s\"", ops->v[at]);
	if (r == 0)
		r = points_new(&plan->from, &plan->nfrom, &from, true, set,
		    err);
	if (r == 0)
		r = points_new(&plan->to, &plan->nto, &to, false, set, err);
	ipc_strings_free(&from);
	ipc_strings_free(&to);
	plan->swapped = true;
	plan->filter = r == 0 && plan->nfrom == 1 && plan->nto == 1 &&
	    strcmp(plan->from[0].ep.scheme, "stdio") == 0 &&
	    strcmp(plan->to[0].ep.scheme, "stdio") == 0;
	plan->serves = any_accepts(plan->from, plan->nfrom);
	plan->once = !plan->serves && !set->keep;
	return r;
}

static int
rules(struct ipc_rule **out, uint32_t *n, const struct ipc_strings *s,
    const char *option, struct ipc_error *err)
{
	if (s->n == 0)
		return 0;
	if (s->n > IPC_PLAN_RULES)
		return ipc_fail(err, IPC_E_USAGE, 0, NULL,
		    "more than %d rules", IPC_PLAN_RULES);
	*out = calloc(s->n, sizeof(**out));
	if (*out == NULL)
		return ipc_fail(err, IPC_E_NET, ENOMEM, NULL, "no memory");
	for (uint32_t i = 0; i < s->n; i++) {
		if (ipc_rule_parse(&(*out)[i], s->v[i], err) < 0) {
			ipc_error_where(err, "option %s", option);
			return IPC_E_USAGE;
		}
		*n = i + 1;
	}
	return 0;
}

static bool
has_key(const struct ipc_point *pt, const char *key)
{
	for (uint32_t i = 0; i < pt->ep.nkeys; i++)
		if (strcmp(pt->ep.keys[i].key, key) == 0)
			return true;
	return false;
}

/* --allow and --deny need to know who a peer is. */
static int
check_rules(const struct ipc_plan *plan, struct ipc_error *err)
{
	for (uint32_t i = 0; i < plan->nfrom; i++) {
		const struct ipc_point *pt = &plan->from[i];

		if (plan->nallow + plan->ndeny == 0 || !pt->binds ||
		    pt->accepts || (pt->ep.tr->caps & IPC_CAP_CREATE) == 0 ||
		    pt->ep.tr->screen != NULL)
			continue;
		ipc_fail(err, IPC_E_USAGE, 0, "use mode=, user= and group= of "
		    "the endpoint", "--allow and --deny cannot tell who "
		    "writes to a %s:", pt->ep.scheme);
		ipc_error_where(err, "%s", pt->ep.text);
		return IPC_E_USAGE;
	}
	return 0;
}

/* Combinations that would lose data or mean nothing. */
static int
refuse(struct ipc_plan *plan, struct ipc_error *err)
{
	const struct ipc_settings *set = plan->set;

	if (plan->loops)
		return 0;
	if (!plan->serves && !plan->once && plan->exchange == NULL)
		for (uint32_t i = 0; i < plan->nfrom; i++)
			if ((plan->from[i].ep.tr->caps & IPC_CAP_CREATE) == 0)
				return ipc_fail(err, IPC_E_USAGE, 0, "leave "
				    "out -k", "%s serves one connection only",
				    plan->from[i].ep.text);
	if (!plan->once && plan->verb == IPC_VERB_RELAY)
		for (uint32_t i = 0; i < plan->nto; i++)
			if (strcmp(plan->to[i].ep.scheme, "file") == 0 &&
			    !has_key(&plan->to[i], "append"))
				return ipc_fail(err, IPC_E_USAGE, 0,
				    "add ?append to the file",
				    "connections would overwrite each other "
				    "in %s", plan->to[i].ep.text);
	if (set->recv_only && set->send_only)
		return ipc_fail(err, IPC_E_USAGE, 0, "give one of them",
		    "--recv-only and --send-only leave nothing to do");
	if (set->max_n > 0 && plan->once && !plan->messages)
		return ipc_fail(err, IPC_E_USAGE, 0, "for several "
		    "connections use listen -k -n N",
		    "-n counts connections here, and there is only one");
	return 0;
}

static bool
all_splice(const struct ipc_point *pts, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if ((pts[i].ep.tr->caps & IPC_CAP_SPLICE) == 0)
			return false;
	return true;
}

static void
choose_path(struct ipc_plan *plan)
{
	const char *why = "";

	plan->taps = plan->set->hexdump || plan->set->record != NULL;
	plan->path = IPC_PATH_BYTES;
	if (plan->messages) {
		plan->path = IPC_PATH_MESSAGES;
		why = "message boundaries matter";
	} else if (plan->side[0].pipe.n + plan->side[1].pipe.n > 0) {
		plan->path = IPC_PATH_MESSAGES;
		why = "a stage changes the bytes (-C)";
	} else if (plan->taps) {
		why = "-x or -o looks at the bytes";
	} else if (!all_splice(plan->from, plan->nfrom) ||
	    (!plan->loops && !all_splice(plan->to, plan->nto))) {
		why = "an endpoint is not a plain stream descriptor";
	} else {
		plan->path = IPC_PATH_SPLICE;
	}
	snprintf(plan->why, sizeof(plan->why), "%s", why);
}

static uint32_t
online_cpus(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : (uint32_t)n;
}

static void
choose_limits(struct ipc_plan *plan)
{
	const struct ipc_settings *set = plan->set;
	struct rlimit rl = { 1024, 1024 };
	uint64_t fds, each = 1, most;
	bool child = false, single = false;

	for (uint32_t i = 0; i < plan->nto && !plan->loops &&
	    plan->exchange == NULL; i++) {
		child |= (plan->to[i].ep.tr->caps & IPC_CAP_CHILD) != 0;
		single |= (plan->to[i].ep.tr->caps & IPC_CAP_CREATE) != 0;
	}
	if (!plan->loops && !plan->shared_to)
		each = child ? 4 : 2;
	getrlimit(RLIMIT_NOFILE, &rl);
	fds = rl.rlim_max > 1U << 20 ? 1U << 20 : rl.rlim_max;
	most = fds > SPARE_FDS + 2 * each ? (fds - SPARE_FDS) / each : 1;
	if (set->max_conn > 0)
		most = set->max_conn;
	else if (child && most > CHILD_CONNS)
		most = CHILD_CONNS;
	plan->max_conn = plan->once ? 1 : (uint32_t)most;
	plan->workers = 1;
	/* What there is one of (stdout, a fifo, a pty) stays on one thread. */
	if (plan->serves && !plan->once && !plan->shared_to && !single &&
	    plan->exchange == NULL && plan->max_msgs == 0) {
		plan->workers = set->workers == 0 ? online_cpus() :
		    (uint32_t)set->workers;
		if (plan->workers > plan->max_conn)
			plan->workers = plan->max_conn;
	}
}

int
ipc_plan_compile(struct ipc_plan *plan, enum ipc_verb verb,
    const struct ipc_settings *set, const struct ipc_strings *operands,
    struct ipc_error *err)
{
	int r;

	memset(plan, 0, sizeof(*plan));
	plan->verb = verb;
	plan->set = set;
	r = verb == IPC_VERB_RELAY ? compile_relay(plan, operands, err) :
	    compile_send_listen(plan, operands, err);
	if (r < 0)
		return r;
	r = ipc_plan_messages(plan, err);
	if (r < 0)
		return r;
	plan->shared_to = plan->exchange == NULL && !plan->once &&
	    !plan->loops && plan->nto > 0 &&
	    (plan->to[0].ep.tr->caps & IPC_CAP_ONCE) != 0;
	r = rules(&plan->allow, &plan->nallow, &set->allow, "--allow", err);
	if (r == 0)
		r = rules(&plan->deny, &plan->ndeny, &set->deny, "--deny",
		    err);
	if (r == 0)
		r = check_rules(plan, err);
	if (r == 0)
		r = refuse(plan, err);
	if (r < 0)
		return r;
	choose_path(plan);
	choose_limits(plan);
	return 0;
}

static void
points_free(struct ipc_point *pts, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct ipc_endpoint *ep = &pts[i].ep;

		if (ep->cfg != NULL && ep->tr != NULL && ep->tr->opts != NULL)
			ipc_opt_free(ep->tr->opts, ep->cfg);
		ipc_endpoint_free(ep);
	}
	free(pts);
}

void
ipc_plan_free(struct ipc_plan *plan)
{
	ipc_pipe_spec_free(&plan->side[0].pipe);
	ipc_pipe_spec_free(&plan->side[1].pipe);
	points_free(plan->from, plan->nfrom);
	points_free(plan->to, plan->nto);
	free(plan->allow);
	free(plan->deny);
	memset(plan, 0, sizeof(*plan));
}
