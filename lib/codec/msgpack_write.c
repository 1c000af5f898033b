/*
 * MessagePack writer: the shortest form of integers, lengths and counts;
 * reals always as float64 (that a value happens to fit into a float32 says
 * nothing about its source).
 *
 * A container of unknown count gets a header of one byte.  If more than 15
 * turn out, a short one is moved up at once; a long one goes on a list of
 * (offset, count), and finish() widens all of those in a single pass, so that
 * nesting does not make it quadratic.
 *
 * Tag 1 (seconds) before a number becomes a timestamp extension when that
 * holds it exactly.  Other tags, simple values and undefined have no form
 * here: dropped or nil, an error with opts.strict.  Integers beyond 64 bits
 * are an error always.
 */
#include <endian.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "codec/codec.h"
#include "codec/msgpack.h"

#define FIX_COUNT 15
#define MOVE_NOW 4096		/* bytes of content moved right away */
#define TAG_SECONDS 1
#define TIMESTAMP 0xFF		/* ext type -1 */
#define NS 1000000000U

struct ipc_writer_state {
	uint64_t *wide;		/* owned: offset << 32 | count */
	size_t	n, cap;
	bool	seconds;	/* TAG_SECONDS seen, for the next item */
};

static uint8_t *
put(uint8_t *to, uint8_t type, uint64_t v, size_t size)
{
	uint64_t be = htobe64(v);

	*to++ = type;
	memcpy(to, (const uint8_t *)&be + sizeof(be) - size, size);
	return to + size;
}

/* type is the 8-bit form; the 16-, 32- and 64-bit ones follow it. */
static uint8_t *
put_sized(uint8_t *to, uint8_t type, uint64_t v)
{
	if (v <= 0xFF)
		return put(to, type, v, 1);
	if (v <= 0xFFFF)
		return put(to, (uint8_t)(type + 1), v, 2);
	if (v <= 0xFFFFFFFF)
		return put(to, (uint8_t)(type + 2), v, 4);
	return put(to, (uint8_t)(type + 3), v, 8);
}

static int
no_seconds(struct ipc_codec *c)
{
	c->wr->seconds = false;
	if (c->opts.strict)
		return ipc_codec_refuse(c, "MessagePack has no such tag 1");
	return 0;
}

/* The item complete in the output ends at `to`. */
static inline int
item(struct ipc_codec *c, const uint8_t *to)
{
	c->out->len = (size_t)(to - c->out->p);
	if (c->wr->seconds && no_seconds(c) != 0)
		return IPC_E_DATA;
	return ipc_level_item(c, 0);
}

static int
one_byte(struct ipc_codec *c, uint8_t b)
{
	uint8_t *to = ipc_codec_room(c, 1);

	if (to == NULL)
		return c->err->code;
	*to++ = b;
	return item(c, to);
}

static int
write_null(struct ipc_codec *c)
{
	return one_byte(c, IPC_MP_NIL);
}

static int
write_undefined(struct ipc_codec *c)
{
	if (c->opts.strict)
		return ipc_codec_refuse(c, "MessagePack has no undefined");
	return write_null(c);
}

static int
write_simple(struct ipc_codec *c, uint8_t value)
{
	if (c->opts.strict)
		return ipc_codec_refuse(c, "MessagePack has no simple(%u)",
		    value);
	return write_null(c);
}

static int
write_boolean(struct ipc_codec *c, bool v)
{
	return one_byte(c, v ? IPC_MP_TRUE : IPC_MP_FALSE);
}

/* --- time --- */

static int
write_seconds(struct ipc_codec *c, int64_t sec, uint32_t ns)
{
	uint8_t *to = ipc_codec_room(c, 16);
	uint64_t s = (uint64_t)sec;

	if (to == NULL)
		return c->err->code;
	c->wr->seconds = false;
	if (s >> 32 == 0 && ns == 0) {
		*to++ = IPC_MP_FIXEXT4;
		to = put(to, TIMESTAMP, s, 4);
	} else if (s >> 34 == 0) {
		*to++ = IPC_MP_FIXEXT8;
		to = put(to, TIMESTAMP, (uint64_t)ns << 34 | s, 8);
	} else {
		*to++ = IPC_MP_EXT8;
		*to++ = 12;
		to = put(to, TIMESTAMP, ns, 4);
		s = htobe64(s);
		memcpy(to, &s, sizeof(s));
		to += sizeof(s);
	}
	return item(c, to);
}

/* v in whole nanoseconds, if that is exactly v again. */
static bool
split_seconds(double v, int64_t *sec, uint32_t *ns)
{
	double whole = floor(v), frac;

	if (!(fabs(v) < 0x1p62))
		return false;
	frac = rint((v - whole) * NS);
	if (frac >= NS) {
		whole += 1;
		frac = 0;
	}
	*sec = (int64_t)whole;
	*ns = (uint32_t)frac;
	return whole + frac / NS == v;
}

/* --- numbers --- */

static int
write_uint(struct ipc_codec *c, uint64_t v)
{
	uint8_t *to = ipc_codec_room(c, 9);

	if (to == NULL)
		return c->err->code;
	if (c->wr->seconds && v <= INT64_MAX)
		return write_seconds(c, (int64_t)v, 0);
	if (v < IPC_MP_FIXMAP)
		*to++ = (uint8_t)v;
	else
		to = put_sized(to, IPC_MP_UINT8, v);
	return item(c, to);
}

/* -1 - v */
static int
write_nint(struct ipc_codec *c, uint64_t v)
{
	uint8_t *to = ipc_codec_room(c, 9);

	if (to == NULL)
		return c->err->code;
	if (v > INT64_MAX)
		return ipc_codec_refuse(c,
		    "an integer below -2^63: MessagePack has none");
	if (c->wr->seconds)
		return write_seconds(c, -1 - (int64_t)v, 0);
	if (v < 32)
		*to++ = (uint8_t)~v;
	else if (v <= INT8_MAX)
		to = put(to, IPC_MP_INT8, ~v, 1);
	else if (v <= INT16_MAX)
		to = put(to, IPC_MP_INT16, ~v, 2);
	else if (v <= INT32_MAX)
		to = put(to, IPC_MP_INT32, ~v, 4);
	else
		to = put(to, IPC_MP_INT64, ~v, 8);
	return item(c, to);
}

static int
write_bigint(struct ipc_codec *c, bool neg, const char *digits, size_t n)
{
	return ipc_codec_refuse(c, "integer %s%.*s%s exceeds 64 bits: "
	    "MessagePack has none", neg ? "-" : "", n > 40 ? 40 : (int)n,
	    digits, n > 40 ? "..." : "");
}

static int
write_real(struct ipc_codec *c, double v, const char *text, size_t n)
{
	uint8_t *to = ipc_codec_room(c, 9);
	uint64_t bits;
	int64_t sec;
	uint32_t ns;

	(void)text;
	(void)n;
	if (to == NULL)
		return c->err->code;
	if (c->wr->seconds && split_seconds(v, &sec, &ns))
		return write_seconds(c, sec, ns);
	memcpy(&bits, &v, sizeof(bits));
	return item(c, put(to, IPC_MP_FLOAT64, bits, sizeof(bits)));
}

/* --- strings --- */

static int
write_text(struct ipc_codec *c, const uint8_t *p, size_t n)
{
	uint8_t *to = ipc_codec_room(c, n + 5);

	if (to == NULL)
		return c->err->code;
	if (n < 32)
		*to++ = (uint8_t)(IPC_MP_FIXSTR | n);
	else
		to = put_sized(to, IPC_MP_STR8, n);
	ipc_codec_copy(to, p, n);
	return item(c, to + n);
}

static int
write_bytes(struct ipc_codec *c, const uint8_t *p, size_t n)
{
	uint8_t *to = ipc_codec_room(c, n + 5);

	if (to == NULL)
		return c->err->code;
	to = put_sized(to, IPC_MP_BIN8, n);
	ipc_codec_copy(to, p, n);
	return item(c, to + n);
}

static int
write_ext(struct ipc_codec *c, int8_t type, const uint8_t *p, size_t n)
{
	uint8_t *to = ipc_codec_room(c, n + 6);

	if (to == NULL)
		return c->err->code;
	if (n <= 16 && n > 0 && (n & (n - 1)) == 0)
		*to++ = (uint8_t)(IPC_MP_FIXEXT1 + __builtin_ctzll(n));
	else
		to = put_sized(to, IPC_MP_EXT8, n);
	*to++ = (uint8_t)type;
	ipc_codec_copy(to, p, n);
	return item(c, to + n);
}

static int
write_tag(struct ipc_codec *c, uint64_t tag)
{
	if (c->wr->seconds && no_seconds(c) != 0)
		return IPC_E_DATA;
	if (tag == TAG_SECONDS)
		c->wr->seconds = true;
	else if (c->opts.strict)
		return ipc_codec_refuse(c, "MessagePack has no tags (%ju)",
		    (uintmax_t)tag);
	return 0;
}

/* --- containers --- */

/* The header for n items or pairs.  fix: IPC_MP_FIXARRAY or IPC_MP_FIXMAP. */
static uint8_t *
put_count(uint8_t *to, uint8_t fix, uint64_t n)
{
	uint8_t type = fix == IPC_MP_FIXMAP ? IPC_MP_MAP16 : IPC_MP_ARRAY16;

	if (n <= FIX_COUNT) {
		*to++ = (uint8_t)(fix | n);
		return to;
	}
	return n <= 0xFFFF ? put(to, type, n, 2) :
	    put(to, (uint8_t)(type + 1), n, 4);
}

static size_t
count_size(uint64_t n)
{
	return n <= FIX_COUNT ? 1 : n <= 0xFFFF ? 3 : 5;
}

static int
begin(struct ipc_codec *c, uint8_t fix, uint64_t count)
{
	size_t head = ipc_codec_here(c);
	uint8_t *to = ipc_codec_room(c, 5);

	if (to == NULL)
		return c->err->code;
	if (c->wr->seconds && no_seconds(c) != 0)
		return IPC_E_DATA;
	if (count != IPC_COUNT_UNKNOWN && count > UINT32_MAX)
		return ipc_codec_refuse(c, "more than 2^32-1 items");
	to = put_count(to, fix, count != IPC_COUNT_UNKNOWN ? count : 0);
	c->out->len = (size_t)(to - c->out->p);
	return ipc_level_open(c, fix == IPC_MP_FIXMAP, count, head);
}

static int
begin_array(struct ipc_codec *c, uint64_t count)
{
	return begin(c, IPC_MP_FIXARRAY, count);
}

static int
begin_map(struct ipc_codec *c, uint64_t count)
{
	return begin(c, IPC_MP_FIXMAP, count);
}

/* Widen it in finish(). */
static int
defer(struct ipc_codec *c, size_t head, uint64_t n)
{
	struct ipc_writer_state *w = c->wr;
	size_t cap = w->cap > 0 ? w->cap * 2 : 16;
	uint64_t *v;

	if (w->n == w->cap) {
		v = reallocarray(w->wide, cap, sizeof(*v));
		if (v == NULL)
			return ipc_codec_no_memory(c);
		w->wide = v;
		w->cap = cap;
	}
	w->wide[w->n++] = (uint64_t)head << 32 | n;
	return 0;
}

/* n items or pairs were there: the header of one byte at `head` says so. */
static int
patch_count(struct ipc_codec *c, size_t head, uint64_t n)
{
	size_t content = ipc_codec_here(c) - head - 1;
	size_t more = count_size(n) - 1;
	uint8_t *at;

	if (more > 0 && content >= MOVE_NOW)
		return defer(c, head, n);
	if (more > 0 && ipc_codec_room(c, more) == NULL)
		return c->err->code;
	at = c->out->p + c->base + head;
	if (more > 0)
		memmove(at + 1 + more, at + 1, content);
	put_count(at, *at, n);
	c->out->len += more;
	return 0;
}

static int
end(struct ipc_codec *c)
{
	const struct ipc_level *l = ipc_level_top(c);
	uint64_t n = l->map ? l->items / 2 : l->items;

	if (l->count == IPC_COUNT_UNKNOWN) {
		if (patch_count(c, l->head, n) != 0)
			return c->err->code;
	} else if (l->count != l->items) {
		return ipc_codec_refuse(c, "a count that is not kept");
	}
	ipc_level_close(c);
	return ipc_level_item(c, 0);
}

static int
by_offset(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

/* Backwards, so that each byte moves once and none is overwritten. */
static int
finish(struct ipc_codec *c)
{
	struct ipc_writer_state *w = c->wr;
	size_t more = 0, i, from = ipc_codec_here(c), to, head, run, size;
	uint8_t *p, fix;

	if (w->n == 0)
		return 0;
	for (i = 0; i < w->n; i++)
		more += count_size((uint32_t)w->wide[i]) - 1;
	if (ipc_codec_room(c, more) == NULL)
		return c->err->code;
	qsort(w->wide, w->n, sizeof(*w->wide), by_offset);
	p = c->out->p + c->base;
	to = from + more;
	c->out->len += more;
	for (i = w->n; i-- > 0;) {
		head = (size_t)(w->wide[i] >> 32);
		run = from - (head + 1);
		fix = p[head];
		memmove(p + to - run, p + head + 1, run);
		size = count_size((uint32_t)w->wide[i]);
		to -= run + size;
		put_count(p + to, fix, (uint32_t)w->wide[i]);
		from = head;
	}
	return 0;
}

static void
reset(struct ipc_codec *c)
{
	if (c->to != &ipc_format_msgpack)
		return;
	c->wr->n = 0;
	c->wr->seconds = false;
}

static void
release(struct ipc_codec *c)
{
	if (c->to == &ipc_format_msgpack && c->wr != NULL)
		free(c->wr->wide);
}

const struct ipc_format_ops ipc_format_msgpack = {
	.name = "msgpack",
	.read = ipc_msgpack_read,
	.write = {
		.null = write_null,
		.undefined = write_undefined,
		.boolean = write_boolean,
		.uint = write_uint,
		.nint = write_nint,
		.bigint = write_bigint,
		.real = write_real,
		.text = write_text,
		.bytes = write_bytes,
		.begin_array = begin_array,
		.begin_map = begin_map,
		.end = end,
		.tag = write_tag,
		.simple = write_simple,
		.ext = write_ext,
	},
	.finish = finish,
	.reset = reset,
	.free = release,
	.writer_size = sizeof(struct ipc_writer_state),
};
