/*
 * JSON reader, RFC 8259: UTF-8 without byte order mark, any value on top.
 *
 *	value -> [ or { opens a level, and a value (or key) is due again
 *	      -> anything else is complete; then , ] } until a value is due
 *
 * The level stack of the writer tells arrays from maps.  Strings without
 * escapes are passed on as a view of the input.  1 is an integer, 1.0 and 1e0
 * are reals, -0 is the real -0.0.  Does not look for duplicate keys: the
 * writer does.
 */
#include <endian.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "codec/json.h"
#include "codec/number.h"
#include "codec/utf8.h"

struct in {
	const uint8_t *p, *end, *start;
};

static int
bad(struct ipc_codec *c, const struct in *in, const char *what)
{
	return ipc_codec_bad(c, (size_t)(in->p - in->start), "%s",
	    in->p < in->end ? what : "the document is incomplete");
}

static inline void
skip_space(struct in *in)
{
	while (in->p < in->end && (*in->p == ' ' || *in->p == '\n' ||
	    *in->p == '\r' || *in->p == '\t'))
		in->p++;
}

/* The next byte that is not white space, 0 at the end (never valid there). */
static inline uint8_t
peek(struct in *in)
{
	if (in->p < in->end && *in->p > ' ')
		return *in->p;
	skip_space(in);
	return in->p < in->end ? *in->p : 0;
}

/* --- strings --- */

/*
 * Forward from q over what needs no work to '"', '\\', a control character,
 * wrong UTF-8 or the end.
 */
static inline const uint8_t *
plain(const uint8_t *q, const uint8_t *end)
{
	uint64_t w, stop;
	size_t step;

	for (;;) {
		while ((size_t)(end - q) >= sizeof(w)) {
			memcpy(&w, q, sizeof(w));
			w = le64toh(w);
			stop = ipc_json_special(w) | (w & IPC_JSON_HIGH);
			if (stop != 0) {
				q += __builtin_ctzll(stop) / 8;
				break;
			}
			q += sizeof(w);
		}
		while (q < end && *q < 0x80) {
			if (*q == '"' || *q == '\\' || *q < 0x20)
				return q;
			q++;
		}
		while (q < end && *q >= 0x80) {
			step = ipc_utf8_step(q, (size_t)(end - q));
			if (step == 0)
				return q;
			q += step;
		}
		if (q == end)
			return q;
	}
}

static int
hex_digit(uint8_t b)
{
	if (b >= '0' && b <= '9')
		return b - '0';
	b |= 0x20;
	return b >= 'a' && b <= 'f' ? b - 'a' + 10 : -1;
}

/* The XXXX of \uXXXX at in->p; -1. */
static int
hex4(struct in *in)
{
	int v = 0, i, d;

	if (in->end - in->p < 4)
		return -1;
	for (i = 0; i < 4; i++) {
		d = hex_digit(in->p[i]);
		if (d < 0)
			return -1;
		v = v << 4 | d;
	}
	in->p += 4;
	return v;
}

/* in->p is behind \u.  Writes up to 4 bytes. */
static int
unicode_escape(struct ipc_codec *c, struct in *in, uint8_t *to, size_t *len)
{
	size_t at = (size_t)(in->p - in->start) - 2;
	int hi = hex4(in), lo;
	uint32_t cp;

	if (hi < 0)
		return ipc_codec_bad(c, at, "\\u without four hex digits");
	cp = (uint32_t)hi;
	if (cp >= 0xD800 && cp <= 0xDFFF) {
		if (cp > 0xDBFF || in->end - in->p < 2 || in->p[0] != '\\' ||
		    in->p[1] != 'u')
			return ipc_codec_bad(c, at, "lone surrogate");
		in->p += 2;
		lo = hex4(in);
		if (lo < 0xDC00 || lo > 0xDFFF)
			return ipc_codec_bad(c, at, "lone surrogate");
		cp = 0x10000 + ((cp & 0x3FF) << 10) + ((uint32_t)lo & 0x3FF);
	}
	*len = ipc_utf8_put(to, cp);
	return 0;
}

/* in->p is at a backslash. */
static int
escape(struct ipc_codec *c, struct in *in, uint8_t *to, size_t *len)
{
	static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
	const char *which;

	if (in->end - in->p < 2) {
		in->p = in->end;
		return bad(c, in, "");
	}
	*len = 1;
	if (in->p[1] == 'u') {
		in->p += 2;
		return unicode_escape(c, in, to, len);
	}
	which = in->p[1] != '\0' ? strchr(from, in->p[1]) : NULL;
	if (which == NULL)
		return bad(c, in, "unknown escape in a string");
	*to = (uint8_t)into[which - from];
	in->p += 2;
	return 0;
}

static int
string_fault(struct ipc_codec *c, const struct in *in)
{
	if (in->p < in->end && *in->p < 0x20)
		return bad(c, in, "control character in a string");
	return bad(c, in, "string is not UTF-8");
}

/* The string from `from` on has an escape at in->p: unescape a copy. */
static int
string_with_escapes(struct ipc_codec *c, struct in *in, const uint8_t *from)
{
	struct ipc_buf *b = &c->scratch;
	size_t run, len = 0;
	uint8_t *to;

	b->len = 0;
	for (;;) {
		run = (size_t)(in->p - from);
		to = ipc_codec_grow(c, b, run + 4);
		if (to == NULL)
			return c->err->code;
		memcpy(to, from, run);
		b->len += run;
		if (in->p == in->end || (*in->p != '\\' && *in->p != '"'))
			return string_fault(c, in);
		if (*in->p == '"')
			break;
		if (escape(c, in, to + run, &len) != 0)
			return IPC_E_DATA;
		b->len += len;
		from = in->p;
		in->p = plain(from, in->end);
	}
	in->p++;
	return c->on->text(c, b->p, b->len);
}

/* in->p is at the opening quote. */
static inline int
string(struct ipc_codec *c, struct in *in)
{
	const uint8_t *from = in->p + 1, *q = plain(from, in->end);

	c->at = (size_t)(in->p - in->start);
	in->p = q;
	if (q < in->end && *q == '"') {
		in->p = q + 1;
		return c->on->text(c, from, (size_t)(q - from));
	}
	return string_with_escapes(c, in, from);
}

/* --- numbers --- */

/* Twenty digits and more. */
static int
long_integer(struct ipc_codec *c, const char *s, size_t n, bool neg)
{
	/* 2^64 - 1, and -2^64 as the largest magnitude of a nint. */
	const char *most = neg ? "18446744073709551616" :
	    "18446744073709551615";
	uint64_t v = 0;
	size_t i;

	if (n > 20 || memcmp(s, most, 20) > 0)
		return c->on->bigint(c, neg, s, n);
	for (i = 0; i < n; i++)		/* -2^64 wraps to 0: nint(2^64 - 1) */
		v = v * 10 + (uint64_t)(s[i] - '0');
	return neg ? c->on->nint(c, v - 1) : c->on->uint(c, v);
}

static int
real(struct ipc_codec *c, struct in *in)
{
	const char *s = (const char *)in->p;
	bool is_real;
	size_t n = ipc_number_scan(s, (size_t)(in->end - in->p), &is_real);
	double v;

	if (n == 0)
		return bad(c, in, "not a JSON number");
	if (ipc_number_parse(s, n, &v) != 0)
		return ipc_codec_no_memory(c);
	if (isinf(v))
		return bad(c, in, "number beyond the range of a double");
	in->p += n;
	return c->on->real(c, v, s, n);
}

static inline int
number(struct ipc_codec *c, struct in *in)
{
	const uint8_t *q = in->p, *first;
	bool neg = *q == '-';
	uint64_t v = 0;
	size_t n;

	c->at = (size_t)(in->p - in->start);
	first = q += neg;
	for (; q < in->end && *q >= '0' && *q <= '9'; q++)
		v = v * 10 + (uint64_t)(*q - '0');
	n = (size_t)(q - first);
	if (n == 0 || (*first == '0' && (n > 1 || neg)) ||
	    (q < in->end && (*q == '.' || (*q | 0x20) == 'e')))
		return real(c, in);	/* and what is no number */
	in->p = q;
	if (n > 19)
		return long_integer(c, (const char *)first, n, neg);
	return neg ? c->on->nint(c, v - 1) : c->on->uint(c, v);
}

/* --- values --- */

static int
word(struct ipc_codec *c, struct in *in, const char *w, size_t len)
{
	size_t left = (size_t)(in->end - in->p), i;

	for (i = 0; i < len && i < left && in->p[i] == (uint8_t)w[i]; i++)
		;
	if (i < len) {
		in->p += i == left ? left : 0;
		return bad(c, in, "not a JSON value");
	}
	c->at = (size_t)(in->p - in->start);
	in->p += len;
	if (*w == 'n')
		return c->on->null(c);
	return c->on->boolean(c, *w == 't');
}

static int
key(struct ipc_codec *c, struct in *in)
{
	int rc;

	if (peek(in) != '"')
		return bad(c, in, "a key in quotes is due");
	rc = string(c, in);
	if (rc != 0)
		return rc;
	if (peek(in) != ':')
		return bad(c, in, "':' is due");
	in->p++;
	return 0;
}

/* in->p is at the bracket.  *due: a value has to follow. */
static int
open(struct ipc_codec *c, struct in *in, bool map, bool *due)
{
	int rc;

	c->at = (size_t)(in->p - in->start);
	rc = map ? c->on->begin_map(c, IPC_COUNT_UNKNOWN) :
	    c->on->begin_array(c, IPC_COUNT_UNKNOWN);
	if (rc != 0)
		return rc;
	in->p++;
	*due = true;
	if (peek(in) == (map ? '}' : ']')) {
		in->p++;
		*due = false;
		return c->on->end(c);
	}
	return map ? key(c, in) : 0;
}

static int
value(struct ipc_codec *c, struct in *in, bool *due)
{
	*due = false;
	switch (peek(in)) {
	case '"':
		return string(c, in);
	case '{':
		return open(c, in, true, due);
	case '[':
		return open(c, in, false, due);
	case 't':
		return word(c, in, "true", 4);
	case 'f':
		return word(c, in, "false", 5);
	case 'n':
		return word(c, in, "null", 4);
	case '-': case '0': case '1': case '2': case '3': case '4':
	case '5': case '6': case '7': case '8': case '9':
		return number(c, in);
	default:
		return bad(c, in, "a JSON value is due");
	}
}

/* A value is complete: close what ends here, or find that one more is due. */
static int
after(struct ipc_codec *c, struct in *in, bool *due)
{
	bool map;
	int rc;

	while (c->level > 0) {
		map = ipc_level_top(c)->map;
		switch (peek(in)) {
		case ',':
			in->p++;
			*due = true;
			return map ? key(c, in) : 0;
		case '}':
		case ']':
			if ((*in->p == '}') != map)
				return bad(c, in, "wrong closing bracket");
			c->at = (size_t)(in->p - in->start);
			in->p++;
			rc = c->on->end(c);
			if (rc != 0)
				return rc;
			break;
		default:
			return bad(c, in, map ? "',' or '}' is due" :
			    "',' or ']' is due");
		}
	}
	return 0;
}

int
ipc_json_read(struct ipc_codec *c, const uint8_t *p, size_t n)
{
	struct in in = { p, p + n, p };
	bool due = true;
	int rc;

	if (n >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0)
		return bad(c, &in, "byte order mark: JSON has none");
	while (due) {
		rc = value(c, &in, &due);
		if (rc == 0 && !due)
			rc = after(c, &in, &due);
		if (rc != 0)
			return rc;
	}
	skip_space(&in);
	return in.p == in.end ? 0 : bad(c, &in, "text after the document");
}
