/*
 * convert: one serializer into another, message by message.  A>B makes B of A
 * towards the wire and A of B on the way back.
 *
 * State, one for each way and made when it is first used: the converter, its
 * output buffer (kept, so that steady state allocates nothing), the chunk that
 * results go into.  An output buffer that one large message has blown up is
 * given back when the input pauses.
 */
#include <string.h>

#include "codec/codec.h"
#include "stage/pack.h"
#include "stage/stage.h"

#define KEEP (1U << 20)		/* of an output buffer, while idle */

struct convert_cfg {
	enum ipc_format from, to;
	uint64_t depth;
	bool	 strict, canonical, generic;
};

struct way {
	struct ipc_codec codec;
	struct ipc_buf out;
	struct ipc_pack pack;
	bool	ready;		/* codec is made */
};

struct convert {
	struct way tx, rx;
};

/* --- plan time --- */

static int
find_format(const char *s, size_t n, enum ipc_format *f,
    struct ipc_error *err)
{
	int found = ipc_format_find(s, n);

	if (found < 0)
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "choose from json, msgpack, cbor and xml",
		    "unknown format \"%.*s\"", n < 40 ? (int)n : 40, s);
	*f = (enum ipc_format)found;
	return 0;
}

static int
convert_arg(void *cfg, const char *arg, struct ipc_error *err)
{
	struct convert_cfg *c = cfg;
	const char *gt = arg != NULL ? strchr(arg, '>') : NULL;
	int rc;

	if (gt == NULL)
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "write convert:json>cbor", "convert needs FROM>TO");
	rc = find_format(arg, (size_t)(gt - arg), &c->from, err);
	return rc != 0 ? rc : find_format(gt + 1, strlen(gt + 1), &c->to, err);
}

static const struct ipc_opt convert_opts[] = {
	{ "strict", 0, IPC_OPT_FLAG, 0, NULL,
	    offsetof(struct convert_cfg, strict),
	    .help = "refuse what would not survive the way there and back" },
	{ "canonical", 0, IPC_OPT_FLAG, 0, NULL,
	    offsetof(struct convert_cfg, canonical),
	    .help = "the same bytes for the same value: keys in order" },
	{ "generic", 0, IPC_OPT_FLAG, 0, NULL,
	    offsetof(struct convert_cfg, generic),
	    .help = "read XML of any vocabulary, not only json-to-xml" },
	{ "depth", 0, IPC_OPT_INT, 0, "N",
	    offsetof(struct convert_cfg, depth), "1", "65536", "512",
	    "nesting that is accepted", NULL },
	{ .type = IPC_OPT_END },
};

static int
convert_check(void *cfg, struct ipc_error *err)
{
	const struct convert_cfg *c = cfg;

	if (c->generic && c->from != IPC_XML && c->to != IPC_XML)
		return ipc_fail(err, IPC_E_USAGE, 0, "leave it out",
		    "generic is for XML, and none is converted");
	if (c->generic && c->strict)
		return ipc_fail(err, IPC_E_USAGE, 0, "give one of them",
		    "strict refuses every loss, generic cannot do without");
	return 0;
}

/* The binary formats end themselves; the texts that the writers make are one
 * line each. */
static const char *
convert_framing(const void *cfg)
{
	const struct convert_cfg *c = cfg;

	return c->to == IPC_CBOR || c->to == IPC_MSGPACK ?
	    ipc_format_names[c->to] : "line";
}

/* --- one way --- */

static int
make_ready(struct way *w, const struct ipc_stage *st, bool tx,
    struct ipc_error *err)
{
	const struct convert_cfg *c = st->cfg;
	struct ipc_codec_opts opts = { .strict = c->strict,
	    .canonical = c->canonical, .generic = c->generic,
	    .depth = (uint32_t)c->depth, .max_out = st->max };
	int rc;

	if (w->ready)
		return 0;
	rc = ipc_codec_init(&w->codec, tx ? c->from : c->to,
	    tx ? c->to : c->from, &opts, err);
	w->ready = rc == 0;
	return rc;
}

static int
one(struct way *w, struct ipc_stage *st, struct ipc_io *io,
    struct ipc_error *err)
{
	const struct ipc_msg *m = &io->in->m[io->in->head];
	uint8_t *p;
	int rc;

	w->out.len = 0;
	rc = ipc_codec_convert(&w->codec, m->data, m->len, &w->out, err);
	if (rc != 0)
		return rc;
	/* The output is at most st->max. */
	p = ipc_pack_room(&w->pack, st->pool, (uint32_t)w->out.len, err);
	if (p == NULL)
		return IPC_E_NET;
	memcpy(p, w->out.p, w->out.len);
	ipc_pack_add(&w->pack, st->pool, io, (uint32_t)w->out.len);
	return 0;
}

static int
all(struct way *w, struct ipc_stage *st, struct ipc_io *io, bool tx,
    struct ipc_error *err)
{
	int rc = 0;

	while (rc == 0 && ipc_batch_count(io->in) > 0 &&
	    ipc_batch_room(io->out) > 0) {
		rc = make_ready(w, st, tx, err);
		if (rc == 0)
			rc = one(w, st, io, err);
	}
	return rc;
}

static int
convert_tx(struct ipc_stage *st, struct ipc_io *io, struct ipc_error *err)
{
	struct convert *s = st->state;

	return all(&s->tx, st, io, true, err);
}

static int
convert_rx(struct ipc_stage *st, struct ipc_io *io, struct ipc_error *err)
{
	struct convert *s = st->state;

	return all(&s->rx, st, io, false, err);
}

/* --- life --- */

static void
rest(struct way *w)
{
	ipc_pack_release(&w->pack);
	if (w->out.cap > KEEP)
		ipc_buf_free(&w->out);
}

/* Nothing is ever held back; but an idle stage needs no memory. */
static int
convert_flush(struct ipc_stage *st, enum ipc_flush why, struct ipc_io *io,
    struct ipc_error *err)
{
	struct convert *s = st->state;

	(void)why;
	(void)io;
	(void)err;
	rest(&s->tx);
	rest(&s->rx);
	return 0;
}

static void
close_way(struct way *w)
{
	if (w->ready)
		ipc_codec_free(&w->codec);
	w->ready = false;
	ipc_buf_free(&w->out);
	ipc_pack_release(&w->pack);
}

static void
convert_destroy(struct ipc_stage *st)
{
	struct convert *s = st->state;

	if (s == NULL)
		return;
	close_way(&s->tx);
	close_way(&s->rx);
}

const struct ipc_stage_ops ipc_stage_convert = {
	.name = "convert",
	.summary = "one serializer into another: json, msgpack, cbor, xml",
	.syntax = "convert:FROM>TO[,strict][,canonical][,generic][,depth=N]",
	.opts = convert_opts,
	.cfg_size = sizeof(struct convert_cfg),
	.arg = convert_arg,
	.check = convert_check,
	.framing = convert_framing,
	.state_size = sizeof(struct convert),
	.rank = IPC_RANK_CONVERT,
	.app_unit = IPC_MSGS,
	.wire_unit = IPC_MSGS,
	.tx = convert_tx,
	.rx = convert_rx,
	.flush = convert_flush,
	.destroy = convert_destroy,
};
