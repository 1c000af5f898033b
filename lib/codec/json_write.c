/*
 * JSON writer: compact, UTF-8, RFC 8785 with opts.canonical.
 *
 *	"key": value,  ->  every key is followed by ':' and every member by ',';
 *	end() overwrites the last ',' with the bracket.
 *
 * A key that is not text is written as JSON and then put in quotes; so keys
 * are compared as the text they become.  Bytes become base64url, or what the
 * CBOR tags 21 to 23 around them ask for.  With opts.strict whatever cannot
 * come back is an error; bytes are not among it, for there is no other way.
 * Canonical numbers are doubles: an integer that would lose digits is refused.
 */
#include <endian.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "codec/number.h"

#define EXACT_MAX ((UINT64_C(1) << 53) - 1)
#define TIMESTAMP (-1)
#define NS 1000000000U

/* Tag 21, 22 or 23 seen, for the next item. */
struct ipc_writer_state {
	uint8_t	hint;
};

/* --- items --- */

/* The item that now ends the output is complete.  Room for one byte more is
 * left behind it. */
static inline int
item(struct ipc_codec *c)
{
	int rc;

	if (ipc_level_at_key(c)) {
		rc = ipc_level_item(c, 1);
		c->out->p[c->out->len++] = ':';
		return rc;
	}
	ipc_level_next(c, 1);
	if (c->level > 0)
		c->out->p[c->out->len++] = ',';
	return 0;
}

/* JSON text without quotes in it; a key gets them around. */
static int
scalar(struct ipc_codec *c, const char *s, size_t n)
{
	uint8_t *to = ipc_codec_room(c, n + 3), *from = to;

	if (to == NULL)
		return c->err->code;
	if (ipc_level_at_key(c)) {
		if (c->opts.strict)
			return ipc_codec_refuse(c,
			    "a key that is not text");
		*to++ = '"';
		memcpy(to, s, n);
		to += n;
		*to++ = '"';
	} else {
		memcpy(to, s, n);
		to += n;
	}
	c->wr->hint = 0;
	c->out->len += (size_t)(to - from);
	return item(c);
}

/* --- text --- */

/* How many bytes of p[0..n) can stand as they are. */
static inline size_t
clean(const uint8_t *p, size_t n)
{
	uint64_t w, stop;
	size_t i = 0;

	for (; n - i >= sizeof(w); i += sizeof(w)) {
		memcpy(&w, p + i, sizeof(w));
		stop = ipc_json_special(le64toh(w));
		if (stop != 0)
			return i + (size_t)__builtin_ctzll(stop) / 8;
	}
	while (i < n && p[i] >= 0x20 && p[i] != '"' && p[i] != '\\')
		i++;
	return i;
}

static uint8_t *
put_escape(uint8_t *to, uint8_t b)
{
	static const char shorts[32] = {
		['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r',
		['\t'] = 't'
	};
	static const char hex[] = "0123456789abcdef";
	char s = b < 32 ? shorts[b] : (char)b;

	*to++ = '\\';
	if (s != 0) {
		*to++ = (uint8_t)s;
		return to;
	}
	memcpy(to, "u00", 3);
	to[3] = (uint8_t)hex[b >> 4];
	to[4] = (uint8_t)hex[b & 15];
	return to + 5;
}

static int
quote(struct ipc_codec *c, const uint8_t *p, size_t n)
{
	uint8_t *to = ipc_codec_room(c, n + 8);
	size_t run;

	if (to == NULL)
		return c->err->code;
	*to++ = '"';
	c->out->len++;
	for (;;) {
		run = clean(p, n);
		memcpy(to, p, run);
		to += run;
		if (run == n)
			break;
		to = put_escape(to, p[run]);
		p += run + 1;
		n -= run + 1;
		c->out->len = (size_t)(to - c->out->p);
		/* 8: the next escape, or the quote and a separator. */
		to = ipc_codec_room(c, n + 8);
		if (to == NULL)
			return c->err->code;
	}
	*to++ = '"';
	c->out->len = (size_t)(to - c->out->p);
	return 0;
}

static int
write_text(struct ipc_codec *c, const uint8_t *p, size_t n)
{
	int rc = quote(c, p, n);

	c->wr->hint = 0;
	return rc != 0 ? rc : item(c);
}

static enum ipc_base
base_of(const struct ipc_codec *c)
{
	uint8_t hint = c->wr->hint != 0 ? c->wr->hint : ipc_level_top(c)->hint;

	return hint == 22 ? IPC_BASE64 : hint == 23 ? IPC_BASE16 :
	    IPC_BASE64URL;
}

static int
write_bytes(struct ipc_codec *c, const uint8_t *p, size_t n)
{
	enum ipc_base how = base_of(c);
	uint8_t *to;

	if (c->opts.strict && ipc_level_at_key(c))
		return ipc_codec_refuse(c, "a key that is not text");
	to = ipc_codec_room(c, ipc_base_room(how, n) + 3);
	if (to == NULL)
		return c->err->code;
	*to++ = '"';
	to += ipc_base_encode(how, to, p, n);
	*to++ = '"';
	c->out->len = (size_t)(to - c->out->p);
	c->wr->hint = 0;
	return item(c);
}

/* --- words and numbers --- */

static int
write_null(struct ipc_codec *c)
{
	return scalar(c, "null", 4);
}

static int
write_undefined(struct ipc_codec *c)
{
	if (c->opts.strict)
		return ipc_codec_refuse(c, "JSON has no undefined");
	return write_null(c);
}

static int
write_simple(struct ipc_codec *c, uint8_t value)
{
	if (c->opts.strict)
		return ipc_codec_refuse(c, "JSON has no simple(%u)", value);
	return write_null(c);
}

static int
write_boolean(struct ipc_codec *c, bool v)
{
	return v ? scalar(c, "true", 4) : scalar(c, "false", 5);
}

static int
write_canonical(struct ipc_codec *c, double v)
{
	char text[IPC_NUMBER_TEXT];

	return scalar(c, text, ipc_number_es6(text, v));
}

static int
inexact(struct ipc_codec *c)
{
	return ipc_codec_refuse(c, "an integer that JSON numbers (doubles) "
	    "do not hold exactly");
}

static int
negative(struct ipc_codec *c, const char *digits, size_t n)
{
	char text[IPC_NUMBER_TEXT], *to = text;

	if (n >= sizeof(text)) {
		c->temp.len = 0;
		to = (char *)ipc_codec_grow(c, &c->temp, n + 1);
		if (to == NULL)
			return c->err->code;
	}
	to[0] = '-';
	memcpy(to + 1, digits, n);
	return scalar(c, to, n + 1);
}

/*
 * An integer beyond 2^53-1 as a double: if it is one exactly, or if these are
 * the digits that the double is written with (which need not be its own, but
 * canonical JSON must stay as it is).
 */
static int
canonical_integer(struct ipc_codec *c, bool neg, const char *digits, size_t n)
{
	char exact[320];
	double v;

	if (n >= sizeof(exact) || ipc_number_parse(digits, n, &v) != 0 ||
	    isinf(v))
		return inexact(c);
	if (((size_t)snprintf(exact, sizeof(exact), "%.0f", v) != n ||
	    memcmp(exact, digits, n) != 0) &&
	    (ipc_number_es6(exact, v) != n || memcmp(exact, digits, n) != 0))
		return inexact(c);
	return write_canonical(c, neg ? -v : v);
}

static int
write_digits(struct ipc_codec *c, bool neg, const char *digits, size_t n,
    bool safe)
{
	if (!safe && c->opts.strict)
		return inexact(c);
	if (!safe && c->opts.canonical)
		return canonical_integer(c, neg, digits, n);
	return neg ? negative(c, digits, n) : scalar(c, digits, n);
}

static int
write_uint(struct ipc_codec *c, uint64_t v)
{
	char digits[IPC_NUMBER_TEXT];
	size_t n = ipc_number_uint(digits, v);

	return write_digits(c, false, digits, n, v <= EXACT_MAX);
}

static int
write_nint(struct ipc_codec *c, uint64_t v)
{
	char digits[IPC_NUMBER_TEXT];
	size_t n;

	if (v == UINT64_MAX)
		return write_digits(c, true, "18446744073709551616", 20,
		    false);
	n = ipc_number_uint(digits, v + 1);
	return write_digits(c, true, digits, n, v < EXACT_MAX);
}

static int
write_bigint(struct ipc_codec *c, bool neg, const char *digits, size_t n)
{
	return write_digits(c, neg, digits, n, false);
}

static int
write_real(struct ipc_codec *c, double v, const char *text, size_t n)
{
	char own[IPC_NUMBER_TEXT];
	bool real;

	if (!isfinite(v)) {
		if (c->opts.strict)
			return ipc_codec_refuse(c,
			    "JSON has neither NaN nor infinity");
		return write_null(c);
	}
	if (c->opts.canonical)
		return write_canonical(c, v);
	if (text != NULL && (c->from == &ipc_format_json ||
	    ipc_number_scan(text, n, &real) == n))
		return scalar(c, text, n);
	return scalar(c, own, ipc_number_real(own, v));
}

/* --- containers --- */

static int
begin(struct ipc_codec *c, bool map, uint64_t count)
{
	size_t head = ipc_codec_here(c);
	uint8_t hint = c->wr->hint != 0 ? c->wr->hint : ipc_level_top(c)->hint;
	uint8_t *to = ipc_codec_room(c, 2);

	if (to == NULL)
		return c->err->code;
	if (c->opts.strict && ipc_level_at_key(c))
		return ipc_codec_refuse(c, "a key that is not text");
	*to = map ? '{' : '[';
	c->out->len++;
	c->wr->hint = 0;
	if (ipc_level_open(c, map, count, head) != 0)
		return c->err->code;
	ipc_level_top(c)->hint = hint;
	return 0;
}

static int
begin_array(struct ipc_codec *c, uint64_t count)
{
	return begin(c, false, count);
}

static int
begin_map(struct ipc_codec *c, uint64_t count)
{
	return begin(c, true, count);
}

/* A container was a key: its text, from `from` on, becomes a string. */
static int
requote(struct ipc_codec *c, size_t from)
{
	size_t n = ipc_codec_here(c) - from;
	uint8_t *to;

	c->temp.len = 0;
	to = ipc_codec_grow(c, &c->temp, n);
	if (to == NULL)
		return c->err->code;
	memcpy(to, c->out->p + c->base + from, n);
	c->out->len = c->base + from;
	return quote(c, to, n);
}

static int
end(struct ipc_codec *c)
{
	const struct ipc_level *l = ipc_level_top(c);
	size_t head = l->head;
	bool some = l->items > 0, map = l->map;

	if (map && c->opts.canonical && ipc_keys_sort(c, ipc_json_order) != 0)
		return c->err->code;
	ipc_level_close(c);
	c->out->len -= some;		/* the last ',' */
	if (ipc_codec_room(c, 3) == NULL)
		return c->err->code;
	c->out->p[c->out->len++] = map ? '}' : ']';
	if (ipc_level_at_key(c) && requote(c, head) != 0)
		return c->err->code;
	return item(c);
}

/* --- what JSON does not have --- */

static int
write_tag(struct ipc_codec *c, uint64_t tag)
{
	if (tag >= 21 && tag <= 23) {
		c->wr->hint = (uint8_t)tag;
		return 0;
	}
	if (c->opts.strict)
		return ipc_codec_refuse(c, "JSON has no tags (%ju)",
		    (uintmax_t)tag);
	return 0;
}

/* Seconds as a decimal, exactly; the sign is of the sum.  Canonical: as the
 * nearest double, if it has a fraction. */
static int
timestamp(struct ipc_codec *c, int64_t sec, uint32_t ns)
{
	char text[IPC_NUMBER_TEXT], frac[12];
	bool neg = sec < 0;
	uint64_t s = neg ? 0 - (uint64_t)sec : (uint64_t)sec;
	double v;
	size_t n;

	if (ns == 0)
		return neg ? write_nint(c, s - 1) : write_uint(c, s);
	if (neg) {			/* -1 s + 0.25 s is -0.75 s */
		s--;
		ns = NS - ns;
	}
	text[0] = '-';
	n = neg + ipc_number_uint(text + neg, s);
	snprintf(frac, sizeof(frac), ".%09u", ns);
	memcpy(text + n, frac, 10);
	for (n += 10; text[n - 1] == '0'; n--)
		;
	if (!c->opts.canonical)
		return scalar(c, text, n);
	if (ipc_number_parse(text, n, &v) != 0)
		return ipc_codec_no_memory(c);
	return write_canonical(c, v);
}

/* The three forms of MessagePack's timestamp. */
static bool
decode_timestamp(const uint8_t *p, size_t n, int64_t *sec, uint32_t *ns)
{
	uint32_t word = 0;
	uint64_t both = 0;

	memcpy(&word, p, n >= 4 ? 4 : 0);
	memcpy(&both, p + (n == 12 ? 4 : 0), n >= 8 ? 8 : 0);
	if (n == 4) {
		*sec = be32toh(word);
		*ns = 0;
	} else if (n == 8) {
		both = be64toh(both);
		*sec = (int64_t)(both & ((UINT64_C(1) << 34) - 1));
		*ns = (uint32_t)(both >> 34);
	} else if (n == 12) {
		*sec = (int64_t)be64toh(both);
		*ns = be32toh(word);
	} else {
		return false;
	}
	return *ns < NS;
}

static int
write_ext(struct ipc_codec *c, int8_t type, const uint8_t *p, size_t n)
{
	int64_t sec;
	uint32_t ns;

	if (c->opts.strict)
		return ipc_codec_refuse(c, "JSON has no extension types (%d)",
		    type);
	if (type == TIMESTAMP && decode_timestamp(p, n, &sec, &ns))
		return timestamp(c, sec, ns);
	return write_bytes(c, p, n);
}

const struct ipc_format_ops ipc_format_json = {
	.name = "json",
	.read = ipc_json_read,
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
	.writer_size = sizeof(struct ipc_writer_state),
};
