/*
 * Compiling the message part of a command line: framings, pipelines and the
 * behaviour between the connections.  See plan_messages.h and PRODUCT.md,
 * "Streams and messages".  Opens nothing.
 */
#include "core/plan_messages.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "core/exchange.h"
#include "core/plan.h"
#include "stage/exec.h"
#include "stage/frame.h"
#include "stage/output.h"
#include "stage/tee.h"
#include "stage/topic.h"

static bool
any_message_transport(const struct ipc_point *pts, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if ((pts[i].ep.tr->caps & IPC_CAP_MSG) != 0)
			return true;
	return false;
}

static const struct ipc_exchange_ops *
behaviour(const struct ipc_plan *plan)
{
	const struct ipc_settings *set = plan->set;

	if (set->request)
		return &ipc_exchange_request;
	if (set->all || set->spread)
		return &ipc_exchange_spread;
	if (set->fanout || set->hub)
		return &ipc_exchange_fanout;
	if (set->pool > 0 || set->per == IPC_PER_MESSAGE || set->reply != NULL)
		return &ipc_exchange_pool;
	return NULL;
}

static bool
wants_messages(const struct ipc_plan *plan)
{
	const struct ipc_settings *set = plan->set;

	return set->framing != NULL || set->delim != NULL ||
	    set->to_pipe.n > 0 || set->from_pipe.n > 0 ||
	    set->messages.n > 0 || set->format != NULL || set->json ||
	    set->out_dir != NULL || set->topic != NULL ||
	    set->subscribe.n > 0 || behaviour(plan) != NULL ||
	    any_message_transport(plan->from, plan->nfrom) ||
	    (!plan->loops && any_message_transport(plan->to, plan->nto));
}

/* -f and -D, for both sides until a `frame:` says otherwise. */
static int
framings(struct ipc_plan *plan, struct ipc_error *err)
{
	const struct ipc_settings *set = plan->set;
	struct ipc_text text = { 0 };
	struct ipc_framing f;
	int r;

	if (set->framing != NULL && set->delim != NULL)
		return ipc_fail(err, IPC_E_USAGE, 0, "-D X is -f delim:X",
		    "-f and -D exclude each other");
	if (set->delim != NULL)
		ipc_text_add(&text, "delim:%s", set->delim);
	else
		ipc_text_add(&text, "%s", set->framing == NULL ? "line" :
		    set->framing);
	r = text.failed ? ipc_fail(err, IPC_E_NET, 0, NULL, "no memory") :
	    ipc_framing_parse(&f, text.s, err);
	ipc_text_free(&text);
	if (r < 0) {
		ipc_error_where(err, "option %s", set->delim != NULL ? "-D" :
		    "-f");
		return r;
	}
	f.max = (uint32_t)set->max_message;
	plan->side[0].framing = plan->side[1].framing = f;
	plan->raw = f;
	plan->raw.kind = IPC_FRAME_RAW;
	return 0;
}

/* `frame:` is no stage at work: it says how the wire is framed. */
static void
take_frame(struct ipc_side *s)
{
	struct ipc_pipe_stage *st = &s->pipe.stage[s->pipe.n - 1];
	uint32_t max = s->framing.max;

	if (strcmp(st->ops->name, "frame") != 0)
		return;
	s->framing = ((const struct ipc_frame_cfg *)st->cfg)->f;
	s->framing.max = max;
	free(st->cfg);
	free(st->text);
	free(st->words);
	memset(st, 0, sizeof(*st));
	s->pipe.n--;
	s->framed = true;
}

/* --max-message holds for the files of tee and the children of exec, too. */
static void
limit_stages(struct ipc_side *s, uint64_t max)
{
	for (uint32_t i = 0; i < s->pipe.n; i++) {
		struct ipc_pipe_stage *st = &s->pipe.stage[i];

		if (strcmp(st->ops->name, "exec") == 0)
			((struct ipc_exec_cfg *)st->cfg)->framing.max =
			    (uint32_t)max;
		if (strcmp(st->ops->name, "tee") == 0)
			((struct ipc_tee_cfg *)st->cfg)->framing.max =
			    (uint32_t)max;
	}
}

/* Framings that carry any bytes. */
static bool
carries_all(uint8_t kind)
{
	return kind == IPC_FRAME_RAW || kind == IPC_FRAME_CHUNK ||
	    (kind >= IPC_FRAME_LEN16 && kind <= IPC_FRAME_NETSTRING);
}

/* Framings that are a format. */
static bool
is_format(uint8_t kind)
{
	return kind == IPC_FRAME_JSON || kind == IPC_FRAME_CBOR ||
	    kind == IPC_FRAME_MSGPACK;
}

/* -f frames the wire too, unless the outermost stage makes what -f cannot
 * carry: binary between delimiters, text as another format. */
static int
own_framing(struct ipc_side *s, struct ipc_error *err)
{
	uint32_t max = s->framing.max;

	for (uint32_t i = s->pipe.n; i-- > 0 && !s->framed;) {
		const struct ipc_pipe_stage *st = &s->pipe.stage[i];
		const char *word = st->ops->framing == NULL ? NULL :
		    st->ops->framing(st->cfg);

		if (word == NULL)
			continue;
		if (carries_all(s->framing.kind) ||
		    (strcmp(word, "line") == 0 && !is_format(s->framing.kind)))
			return 0;
		if (ipc_framing_parse(&s->framing, word, err) < 0)
			return IPC_E_USAGE;
		s->framing.max = max;
		return 0;
	}
	return 0;
}

/* A stage of ours at the wire's end (or stdout's) of a side. */
static int
append(struct ipc_side *s, const struct ipc_stage_ops *ops, void *cfg,
    struct ipc_error *err)
{
	struct ipc_pipe_stage *st = &s->pipe.stage[s->pipe.n];

	if (s->pipe.n == IPC_PIPE_MAX)
		return ipc_fail(err, IPC_E_USAGE, 0, NULL,
		    "more than %d stages", IPC_PIPE_MAX);
	if (cfg == NULL && ops->cfg_size > 0)
		return ipc_fail(err, IPC_E_NET, 0, NULL, "no memory");
	memset(st, 0, sizeof(*st));
	st->ops = ops;
	st->cfg = cfg;
	s->pipe.n++;
	return 0;
}

static int
add_output(struct ipc_plan *plan, struct ipc_error *err)
{
	const struct ipc_settings *set = plan->set;
	struct ipc_side *s = &plan->side[plan->app];
	void *cfg;
	int r;

	if (set->format == NULL && !set->json)
		return 0;
	if (set->format != NULL && set->json)
		return ipc_fail(err, IPC_E_USAGE, 0, "give one of them",
		    "-F and -J exclude each other");
	cfg = calloc(1, ipc_stage_output.cfg_size);
	r = append(s, &ipc_stage_output, cfg, err);
	if (r < 0) {
		free(cfg);
		return r;
	}
	if (ipc_output_config(cfg, set->format, err) < 0) {
		ipc_error_where(err, "option -F");
		return IPC_E_USAGE;
	}
	/* They say themselves where a line ends. */
	s->out_raw = true;
	return 0;
}

static int
add_topic(struct ipc_plan *plan, struct ipc_error *err)
{
	const struct ipc_settings *set = plan->set;
	struct ipc_topic_cfg *cfg;
	int r;

	if (plan->verb != IPC_VERB_SEND ||
	    (set->topic == NULL && set->subscribe.n == 0))
		return 0;
	cfg = calloc(1, sizeof(*cfg));
	if (cfg != NULL) {
		cfg->topic = set->topic;
		cfg->subscribe = &set->subscribe;
	}
	r = append(&plan->side[1], &ipc_stage_topic, cfg, err);
	if (r < 0)
		free(cfg);
	else if (ipc_stage_topic.check != NULL)
		r = ipc_stage_topic.check(cfg, err);
	return r;
}

static int
pipes(struct ipc_plan *plan, struct ipc_error *err)
{
	const struct ipc_settings *set = plan->set;
	struct ipc_side *wire = &plan->side[plan->verb == IPC_VERB_LISTEN ? 0 :
	    1];
	int r;

	if (set->from_pipe.n > 0 && plan->verb != IPC_VERB_RELAY)
		return ipc_fail(err, IPC_E_USAGE, 0, "use -p",
		    "--from-pipe is for relay");
	r = ipc_pipe_parse(&wire->pipe, &set->to_pipe, err);
	if (r == 0 && set->from_pipe.n > 0)
		r = ipc_pipe_parse(&plan->side[0].pipe, &set->from_pipe, err);
	for (int i = 0; r == 0 && i < 2; i++) {
		if (plan->side[i].pipe.n > 0)
			take_frame(&plan->side[i]);
		limit_stages(&plan->side[i], set->max_message);
		r = own_framing(&plan->side[i], err);
	}
	if (r == 0)
		r = add_topic(plan, err);
	return r < 0 ? r : add_output(plan, err);
}

/* -C: in message mode a matter of the wire's framing, else a stage. */
static int
crlf(struct ipc_plan *plan, struct ipc_error *err)
{
	struct ipc_side *wire = &plan->side[plan->verb == IPC_VERB_LISTEN ? 0 :
	    1];

	if (!plan->set->crlf)
		return 0;
	if (!plan->messages)
		return append(wire, ipc_stage_find("crlf"), NULL, err);
	if (wire->framing.kind != IPC_FRAME_LINE)
		return ipc_fail(err, IPC_E_USAGE, 0, "leave out -C",
		    "-C is for lines, and the wire is framed otherwise");
	wire->framing.crlf = true;
	return 0;
}

static void
counting(struct ipc_plan *plan)
{
	const struct ipc_settings *set = plan->set;

	plan->max_take = plan->messages ? 0 : set->max_n;
	if (plan->messages && plan->exchange == NULL)
		plan->max_msgs = set->max_n;
	plan->count_dir = plan->verb == IPC_VERB_SEND &&
	    (set->recv_only || set->subscribe.n > 0) ? 1 : 0;
}

int
ipc_plan_messages(struct ipc_plan *plan, struct ipc_error *err)
{
	const struct ipc_settings *set = plan->set;
	int r;

	plan->app = plan->verb == IPC_VERB_SEND ? 0 : 1;
	plan->messages = wants_messages(plan);
	r = ipc_plan_check(plan, err);
	if (r == 0 && plan->messages) {
		r = framings(plan, err);
		if (r == 0)
			r = pipes(plan, err);
		plan->exchange = behaviour(plan);
	}
	if (r == 0)
		r = crlf(plan, err);
	counting(plan);
	plan->mute = set->recv_only || (set->subscribe.n > 0 &&
	    set->topic == NULL && set->messages.n == 0);
	if (plan->exchange != NULL) {
		plan->once = false;
		plan->local = set->fanout || set->hub;
	}
	return r;
}
