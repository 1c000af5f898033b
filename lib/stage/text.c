/*
 * text:FROM>TO: the character encoding of whole messages, through iconv.
 * Towards the wire FROM becomes TO, on the way back TO becomes FROM.
 *
 * Plain utf-8, utf-16 and utf-32 as the source: a byte order mark is taken
 * off and says the order; without one it is big-endian (RFC 2781).  Plain
 * utf-16 and utf-32 as the target: big-endian with a mark.  The names with le
 * or be neither take nor write one, and utf-8 writes none.
 *
 * State, one for each way: the open converters, a chunk that small messages
 * share.  Nothing is replaced or left out: what is invalid or has no place in
 * the target fails, and so do //IGNORE and //TRANSLIT.
 */
#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#include "stage/stage.h"

#define NAME_MAX_LEN 40

enum family { OTHER, UTF8, UTF16, UTF32 };

struct encoding {
	char	typed[NAME_MAX_LEN + 4]; /* for messages */
	char	name[NAME_MAX_LEN + 4];	/* for iconv, big-endian if open */
	char	little[NAME_MAX_LEN + 4]; /* its little-endian twin, or "" */
	enum family family;
	bool	is_le;		/* a name with le */
};

struct text_cfg {
	struct encoding app, wire;
};

struct way {
	const struct encoding *from, *to;
	iconv_t	cd[2];		/* big-endian or only; little-endian source */
	bool	open[2];
	struct ipc_chunk *chunk; /* owned: room for small results */
};

struct text_state {
	struct way tx, rx;
};

/* --- plan time --- */

static const struct {
	const char *name;
	enum family family;
	const char *big, *little;
} unicode_names[] = {
	{ "utf-8", UTF8, "UTF-8", "" },
	{ "utf8", UTF8, "UTF-8", "" },
	{ "utf-16", UTF16, "UTF-16BE", "UTF-16LE" },
	{ "utf16", UTF16, "UTF-16BE", "UTF-16LE" },
	{ "utf-16be", UTF16, "UTF-16BE", "" },
	{ "utf16be", UTF16, "UTF-16BE", "" },
	{ "utf-16le", UTF16, "UTF-16LE", "" },
	{ "utf16le", UTF16, "UTF-16LE", "" },
	{ "utf-32", UTF32, "UTF-32BE", "UTF-32LE" },
	{ "utf32", UTF32, "UTF-32BE", "UTF-32LE" },
	{ "utf-32be", UTF32, "UTF-32BE", "" },
	{ "utf32be", UTF32, "UTF-32BE", "" },
	{ "utf-32le", UTF32, "UTF-32LE", "" },
	{ "utf32le", UTF32, "UTF-32LE", "" },
};

static int
usage(struct ipc_error *err, const char *what, const char *name, size_t n)
{
	return ipc_fail(err, IPC_E_USAGE, 0,
	    "write text:utf-16le>utf-8; `iconv -l` lists the names",
	    "%s \"%.*s\"", what, (int)(n < 60 ? n : 60), name);
}

static int
parse_name(struct encoding *e, const char *s, size_t n, struct ipc_error *err)
{
	static const char extra[] = "-_.:+";

	if (n == 0 || n > NAME_MAX_LEN)
		return usage(err, "bad name of an encoding:", s, n);
	for (size_t i = 0; i < n; i++) {
		bool good = (s[i] >= 'a' && s[i] <= 'z') ||
		    (s[i] >= 'A' && s[i] <= 'Z') ||
		    (s[i] >= '0' && s[i] <= '9') ||
		    memchr(extra, s[i], sizeof(extra) - 1) != NULL;

		if (!good)
			return usage(err, "bad name of an encoding:", s, n);
	}
	memcpy(e->typed, s, n);
	memcpy(e->name, s, n);
	for (size_t i = 0; i < sizeof(unicode_names) /
	    sizeof(unicode_names[0]); i++) {
		if (strcasecmp(e->name, unicode_names[i].name) != 0)
			continue;
		e->family = unicode_names[i].family;
		strcpy(e->name, unicode_names[i].big);
		strcpy(e->little, unicode_names[i].little);
		e->is_le = strstr(e->name, "LE") != NULL;
		break;
	}
	return 0;
}

static int
try_pair(const char *to, const char *from, struct ipc_error *err)
{
	iconv_t cd = iconv_open(to, from);

	if (cd == (iconv_t)-1)
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "`iconv -l` lists the encodings of this machine",
		    "no conversion from %s to %s", from, to);
	iconv_close(cd);
	return 0;
}

static int
text_arg(void *v, const char *arg, struct ipc_error *err)
{
	struct text_cfg *cfg = v;
	const char *gt = arg != NULL ? strchr(arg, '>') : NULL;
	int rc;

	if (gt == NULL)
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "write text:utf-16le>utf-8", "text needs FROM>TO");
	rc = parse_name(&cfg->app, arg, (size_t)(gt - arg), err);
	if (rc == 0)
		rc = parse_name(&cfg->wire, gt + 1, strlen(gt + 1), err);
	if (rc == 0)
		rc = try_pair(cfg->wire.name, cfg->app.name, err);
	if (rc == 0)
		rc = try_pair(cfg->app.name, cfg->wire.name, err);
	return rc;
}

/* --- one message --- */

/* The length of the mark at p; *little is set when it says so. */
static size_t
sniff(const struct encoding *e, const uint8_t *p, size_t n, bool *little)
{
	static const uint8_t marks[][4] = { { 0xEF, 0xBB, 0xBF },
	    { 0xFE, 0xFF }, { 0xFF, 0xFE },
	    { 0, 0, 0xFE, 0xFF }, { 0xFF, 0xFE, 0, 0 } };
	size_t first = e->family == UTF32 ? 3 : 1;
	size_t len = e->family == UTF32 ? 4 : 2;

	*little = false;
	if (e->family == UTF8)
		return n >= 3 && memcmp(p, marks[0], 3) == 0 ? 3 : 0;
	if (e->little[0] == '\0' || n < len)
		return 0;
	*little = memcmp(p, marks[first + 1], len) == 0;
	return *little || memcmp(p, marks[first], len) == 0 ? len : 0;
}

/*
 * The offset of the first of U+E0000 to U+E007F, or n.  glibc leaves out
 * these silently when the target cannot hold them.
 */
static size_t
find_tag_character(enum family family, bool little, const uint8_t *p,
    size_t n)
{
	size_t unit = family == UTF32 ? 4 : family == UTF16 ? 2 : 1;

	for (size_t i = 0; family != OTHER && i + 4 <= n; i += unit) {
		const uint8_t *q = p + i;

		if (family == UTF8 ? q[0] == 0xF3 && q[1] == 0xA0 &&
		    (q[2] | 1) == 0x81 : family == UTF32 ?
		    (q[little ? 2 : 1] == 0x0E && q[little ? 1 : 2] == 0 &&
		    q[little ? 0 : 3] < 0x80) :
		    (q[little ? 1 : 0] == 0xDB && q[little ? 0 : 1] == 0x40 &&
		    q[little ? 3 : 2] == 0xDC && q[little ? 2 : 3] < 0x80))
			return i;
	}
	return n;
}

/*
 * Convert p[0..n) to out[0..*room).  0 with *room what was written, 1 when
 * there is not enough of it, or an error; `skip` is what the mark took, for
 * the offsets.
 */
static int
run(iconv_t cd, const struct way *w, const uint8_t *p, size_t n, size_t skip,
    uint8_t *out, size_t *room, struct ipc_error *err)
{
	static const uint8_t marks[2][4] = { { 0xFE, 0xFF }, { 0, 0, 0xFE,
	    0xFF } };
	char *in = (char *)(uintptr_t)p, *to = (char *)out;
	size_t left = n, free = *room, rc;

	iconv(cd, NULL, NULL, NULL, NULL);
	if (w->to->little[0] != '\0' && n > 0) {
		size_t mark = w->to->family == UTF32 ? 4 : 2;

		if (free < mark)
			return 1;
		memcpy(to, marks[w->to->family == UTF32], mark);
		to += mark;
		free -= mark;
	}
	rc = iconv(cd, &in, &left, &to, &free);
	if (rc != (size_t)-1)
		rc = iconv(cd, NULL, NULL, &to, &free);
	if (rc != (size_t)-1) {
		*room -= free;
		return 0;
	}
	if (errno == E2BIG)
		return 1;
	if (errno == EINVAL)
		return ipc_fail(err, IPC_E_DATA, 0, NULL, "not %s: ends inside"
		    " a character at offset %zu", w->from->typed,
		    n - left + skip);
	return ipc_fail(err, IPC_E_DATA, 0, NULL, "not %s, or not in %s, at"
	    " offset %zu", w->from->typed, w->to->typed, n - left + skip);
}

/* The result is a view of c from `at` on; what went with m goes with it. */
static void
give(struct ipc_io *io, const struct ipc_msg *m, struct ipc_chunk *c,
    uint32_t at, uint32_t len)
{
	uint32_t before = m->topic > 0 ? m->topic + 1U : 0;
	struct ipc_msg *r;

	if (before > 0)
		memcpy(c->data + at - before, m->data - before, before);
	c->tail = at + len;
	r = ipc_batch_add(io->out, c, c->data + at, len, m->unit);
	r->id = m->id;
	r->at = m->at;
	r->tag = m->tag;
	r->topic = m->topic;
	r->flags = m->flags & (uint8_t)~IPC_MSG_FRAMED;
	r->hdr_off = m->hdr_off;
	memcpy(r->hdr + r->hdr_off, m->hdr + m->hdr_off,
	    IPC_MSG_HDR - (size_t)m->hdr_off);
}

/*
 * A chunk with at least `want` bytes: the one small results share, a new one
 * in its place, or one of its own; *mine is then set.
 */
static struct ipc_chunk *
chunk_for(struct ipc_stage *st, struct way *w, size_t want, bool *mine)
{
	*mine = want > st->pool->chunk_size;
	if (*mine)
		return want > UINT32_MAX ? NULL :
		    ipc_chunk_big((uint32_t)want);
	if (w->chunk != NULL && w->chunk->refs == 1)
		w->chunk->tail = 0;	/* all that was in it is gone */
	if (w->chunk != NULL && w->chunk->size - w->chunk->tail < want) {
		ipc_chunk_put(w->chunk);
		w->chunk = NULL;
	}
	if (w->chunk == NULL)
		w->chunk = ipc_chunk_get(st->pool);
	return w->chunk;
}

/*
 * Convert the first message.  Room starts as what nearly always does (as long
 * as the input, or what is left of the shared chunk) and doubles up to the
 * limit; each try starts afresh, which costs no more than one more pass.
 */
static int
convert(struct ipc_stage *st, struct way *w, struct ipc_io *io,
    struct ipc_error *err)
{
	struct ipc_msg *m = &io->in->m[io->in->head];
	uint32_t before = m->topic > 0 ? m->topic + 1U : 0;
	bool little, mine;
	size_t skip = sniff(w->from, m->data, m->len, &little);
	const uint8_t *p = m->data + skip;
	size_t n = m->len - skip, want = n, at;
	int rc = 1;

	if (w->to->family == OTHER && (at = find_tag_character(
	    w->from->family, little || w->from->is_le, p, n)) < n)
		return ipc_fail(err, IPC_E_DATA, 0, NULL,
		    "not in %s at offset %zu", w->to->typed, at + skip);
	while (rc == 1) {
		struct ipc_chunk *c;
		size_t room;

		want = want < st->max ? want : st->max;
		c = chunk_for(st, w, want + before, &mine);
		if (c == NULL)
			return ipc_fail(err, IPC_E_NET, ENOMEM, NULL,
			    "no memory for a text of %zu bytes", want);
		room = c->size - c->tail - before;
		room = room < st->max ? room : st->max;
		rc = run(w->cd[little], w, p, n, skip, c->data + c->tail +
		    before, &room, err);
		if (rc == 0)
			give(io, m, c, c->tail + before, (uint32_t)room);
		if (mine)
			ipc_chunk_put(c);
		if (rc == 1 && room >= st->max)
			return ipc_fail(err, IPC_E_DATA, 0,
			    "raise --max-message", "the text is over %u bytes"
			    " in %s", st->max, w->to->typed);
		want = room * 2 + 16;
	}
	if (rc == 0)
		ipc_batch_drop(io->in);
	return rc;
}

static int
turn(struct ipc_stage *st, struct way *w, struct ipc_io *io,
    struct ipc_error *err)
{
	int rc = 0;

	while (rc == 0 && ipc_batch_count(io->in) > 0 &&
	    ipc_batch_room(io->out) > 0)
		rc = convert(st, w, io, err);
	return rc;
}

static int
text_tx(struct ipc_stage *st, struct ipc_io *io, struct ipc_error *err)
{
	struct text_state *s = st->state;

	return turn(st, &s->tx, io, err);
}

static int
text_rx(struct ipc_stage *st, struct ipc_io *io, struct ipc_error *err)
{
	struct text_state *s = st->state;

	return turn(st, &s->rx, io, err);
}

/* --- life --- */

static int
open_way(struct way *w, const struct encoding *from, const struct encoding *to,
    struct ipc_error *err)
{
	const char *name = from->name;

	w->from = from;
	w->to = to;
	for (int i = 0; i < 2 && name[0] != '\0'; i++, name = from->little) {
		w->cd[i] = iconv_open(to->name, name);
		w->open[i] = w->cd[i] != (iconv_t)-1;
		if (!w->open[i])
			return ipc_fail(err, IPC_E_NET, errno, NULL,
			    "cannot convert %s to %s", name, to->name);
	}
	return 0;
}

static void
close_way(struct way *w)
{
	for (int i = 0; i < 2; i++)
		if (w->open[i])
			iconv_close(w->cd[i]);
	ipc_chunk_put(w->chunk);
	memset(w, 0, sizeof(*w));
}

static int
text_create(struct ipc_stage *st, struct ipc_error *err)
{
	const struct text_cfg *cfg = st->cfg;
	struct text_state *s = st->state;
	int rc = open_way(&s->tx, &cfg->app, &cfg->wire, err);

	return rc != 0 ? rc : open_way(&s->rx, &cfg->wire, &cfg->app, err);
}

static void
text_destroy(struct ipc_stage *st)
{
	struct text_state *s = st->state;

	if (s == NULL)
		return;
	close_way(&s->tx);
	close_way(&s->rx);
}

const struct ipc_stage_ops ipc_stage_text = {
	.name = "text",
	.summary = "character encoding of messages, through iconv",
	.syntax = "text:FROM>TO",
	.cfg_size = sizeof(struct text_cfg),
	.arg = text_arg,
	.state_size = sizeof(struct text_state),
	.rank = IPC_RANK_CONVERT,
	.app_unit = IPC_MSGS,
	.wire_unit = IPC_MSGS,
	.create = text_create,
	.tx = text_tx,
	.rx = text_rx,
	.destroy = text_destroy,
};
