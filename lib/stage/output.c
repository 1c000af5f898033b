/*
 * output: -F templates and -J objects.  See output.h.
 *
 * The template is compiled once into parts; a message is put together in a
 * pooled chunk, or in one of its own when it is long.  Wall-clock time is read
 * once a batch.  The way back passes unchanged.
 */
#include "stage/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "codec/utf8.h"
#include "stage/pack.h"

#define PARTS 64
#define LITERALS 1024
#define KEEP (1U << 20)		/* of the text, while idle */

struct part {
	char	what;		/* the letter after %, or 0: literal */
	uint16_t at, len;	/* of the literal */
};

struct output {
	struct part part[PARTS];
	uint32_t n;
	uint16_t used;
	bool	json;
	char	literal[LITERALS];
};

struct state {
	struct ipc_text text;	/* owned; one message being put together */
	struct ipc_pack pack;
};

/* --- compiling a template --- */

static int
bad(struct ipc_error *err, const char *what, char c)
{
	return ipc_fail(err, IPC_E_USAGE, 0, "for instance -F '%o: %p'; "
	    "man ipcat-send has the letters", "%s \"%c\" in a template",
	    what, c);
}

static int
literal(struct output *o, char c, struct ipc_error *err)
{
	struct part *p = o->n > 0 ? &o->part[o->n - 1] : NULL;

	if (o->used == LITERALS || (o->n == PARTS && p->what != 0))
		return ipc_fail(err, IPC_E_USAGE, 0, "use -J and jq(1)",
		    "the template is too long");
	if (p == NULL || p->what != 0) {
		p = &o->part[o->n++];
		p->what = 0;
		p->at = o->used;
		p->len = 0;
	}
	o->literal[o->used++] = c;
	p->len++;
	return 0;
}

static int
hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at;

	c = (char)(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
	at = c == '\0' ? NULL : strchr(digits, c);
	return at == NULL ? -1 : (int)(at - digits);
}

/* What follows a backslash; *s moves on. */
static int
escape(struct output *o, const char **s, struct ipc_error *err)
{
	static const char from[] = "ntr0e\\", to[] = "\n\t\r\0\033\\";
	char c = **s;
	const char *at = c == '\0' ? NULL : strchr(from, c);

	if (c == '\0')
		return ipc_fail(err, IPC_E_USAGE, 0, "write \\\\ for one",
		    "the template ends with a backslash");
	(*s)++;
	if (at != NULL)
		return literal(o, to[at - from], err);
	if (c == 'x' && hex_digit((*s)[0]) >= 0 && hex_digit((*s)[1]) >= 0) {
		c = (char)(hex_digit((*s)[0]) * 16 + hex_digit((*s)[1]));
		*s += 2;
		return literal(o, c, err);
	}
	return bad(err, "unknown escape", c);
}

int
ipc_output_config(void *cfg, const char *fmt, struct ipc_error *err)
{
	struct output *o = cfg;
	int r = 0;

	o->json = fmt == NULL;
	while (r == 0 && fmt != NULL && *fmt != '\0') {
		char c = *fmt++;

		if (c == '\\') {
			r = escape(o, &fmt, err);
		} else if (c != '%') {
			r = literal(o, c, err);
		} else if ((c = *fmt++) == '%') {
			r = literal(o, c, err);
		} else if (c == '\0' || strchr("psxjlStaoITU", c) == NULL) {
			return bad(err, "unknown field", c == '\0' ? '%' : c);
		} else if (o->n == PARTS) {
			return ipc_fail(err, IPC_E_USAGE, 0, "use -J and jq(1)",
			    "the template is too long");
		} else {
			o->part[o->n++] = (struct part){ .what = c };
		}
	}
	return r;
}

/* --- a message --- */

static void
hex(struct ipc_text *t, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ipc_text_add(t, "%02x", p[i]);
}

static void
iso_time(struct ipc_text *t, const struct timespec *now)
{
	struct tm tm;
	char buf[40];

	gmtime_r(&now->tv_sec, &tm);
	strftime(buf, sizeof(buf), "%Y-%m-%dT%H:%M:%S", &tm);
	ipc_text_add(t, "%s.%03ldZ", buf, now->tv_nsec / 1000000);
}

static void
base64(struct ipc_text *t, const uint8_t *p, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";

	for (; n > 0; p += 3, n -= n < 3 ? n : 3) {
		uint32_t v = (uint32_t)p[0] << 16 |
		    (n > 1 ? (uint32_t)p[1] << 8 : 0) | (n > 2 ? p[2] : 0);
		char q[4] = { digits[v >> 18], digits[v >> 12 & 63],
			n > 1 ? digits[v >> 6 & 63] : '=',
			n > 2 ? digits[v & 63] : '=' };

		ipc_text_put(t, q, sizeof(q));
	}
}

static void
json_string(struct ipc_text *t, const void *p, size_t n)
{
	ipc_text_put(t, "\"", 1);
	ipc_text_json(t, p, n);
	ipc_text_put(t, "\"", 1);
}

/* Text as a JSON string, bytes as base64. */
static void
json_payload(struct ipc_text *t, const uint8_t *p, size_t n)
{
	if (ipc_utf8_check(p, n) == n) {
		json_string(t, p, n);
		return;
	}
	ipc_text_put(t, "\"", 1);
	base64(t, p, n);
	ipc_text_put(t, "\"", 1);
}

static void
json_object(struct ipc_text *t, const struct ipc_msg *m, const char *peer,
    const struct timespec *now)
{
	bool text = ipc_utf8_check(m->data, m->len) == m->len;

	ipc_text_add(t, "{\"seq\":%" PRIu64 ",\"time\":\"", m->id);
	iso_time(t, now);
	ipc_text_add(t, "\",\"peer\":");
	json_string(t, peer, strlen(peer));
	if (m->topic > 0) {
		ipc_text_add(t, ",\"topic\":");
		json_payload(t, m->data - m->topic - 1, m->topic);
	}
	ipc_text_add(t, ",\"len\":%" PRIu32 ",\"%s\":", m->len,
	    text ? "payload" : "base64");
	json_payload(t, m->data, m->len);
	ipc_text_add(t, "}\n");
}

static void
field(struct ipc_text *t, char what, const struct ipc_msg *m,
    const char *peer, const struct timespec *now)
{
	switch (what) {
	case 'p':
	case 's':
		ipc_text_put(t, (const char *)m->data, m->len);
		break;
	case 'x':
		hex(t, m->data, m->len);
		break;
	case 'j':
		json_payload(t, m->data, m->len);
		break;
	case 'l':
	case 'S':
		ipc_text_add(t, "%" PRIu32, m->len);
		break;
	case 't':
		ipc_text_put(t, (const char *)m->data -
		    (m->topic == 0 ? 0 : m->topic + 1), m->topic);
		break;
	case 'a':
		ipc_text_add(t, "%s", peer);
		break;
	case 'o':
		ipc_text_add(t, "%" PRIu64, m->id);
		break;
	case 'I':
		iso_time(t, now);
		break;
	case 'T':
		ipc_text_add(t, "%lld%03ld", (long long)now->tv_sec,
		    now->tv_nsec / 1000000);
		break;
	default:
		ipc_text_add(t, "%lld.%09ld", (long long)now->tv_sec,
		    now->tv_nsec);
		break;
	}
}

static int
output_tx(struct ipc_stage *st, struct ipc_io *io, struct ipc_error *err)
{
	const struct output *o = st->cfg;
	struct state *s = st->state;
	const char *all = io->peer == NULL ? "" : io->peer;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	while (ipc_batch_count(io->in) > 0 && ipc_batch_room(io->out) > 0) {
		const struct ipc_msg *m = &io->in->m[io->in->head];
		const char *peer = m->tag == 0 || io->peer_of == NULL ? all :
		    io->peer_of(io->arg, m->tag);
		struct ipc_text *t = &s->text;
		uint8_t *room;

		t->len = 0;
		if (o->json)
			json_object(t, m, peer, &now);
		for (uint32_t i = 0; i < o->n; i++) {
			const struct part *p = &o->part[i];

			if (p->what == 0)
				ipc_text_put(t, o->literal + p->at, p->len);
			else
				field(t, p->what, m, peer, &now);
		}
		if (t->failed || t->len > UINT32_MAX / 2)
			return ipc_fail(err, IPC_E_NET, ENOMEM, NULL,
			    "no memory");
		room = ipc_pack_room(&s->pack, st->pool, (uint32_t)t->len,
		    err);
		if (room == NULL)
			return IPC_E_NET;
		if (t->len > 0)
			memcpy(room, t->s, t->len);
		ipc_pack_add(&s->pack, st->pool, io, (uint32_t)t->len);
	}
	return 0;
}

/* Nothing is ever held back; but an idle stage needs no memory. */
static int
output_flush(struct ipc_stage *st, enum ipc_flush why, struct ipc_io *io,
    struct ipc_error *err)
{
	struct state *s = st->state;

	(void)why;
	(void)io;
	(void)err;
	ipc_pack_release(&s->pack);
	if (s->text.cap > KEEP)
		ipc_text_free(&s->text);
	return 0;
}

static void
output_destroy(struct ipc_stage *st)
{
	struct state *s = st->state;

	if (s == NULL)
		return;
	ipc_text_free(&s->text);
	ipc_pack_release(&s->pack);
}

const struct ipc_stage_ops ipc_stage_output = {
	.name = "output",
	.summary = "messages as -F or -J wants them",
	.cfg_size = sizeof(struct output),
	.state_size = sizeof(struct state),
	.rank = IPC_RANK_FRAME,
	.app_unit = IPC_MSGS,
	.wire_unit = IPC_MSGS,
	.tx = output_tx,
	.flush = output_flush,
	.destroy = output_destroy,
};
