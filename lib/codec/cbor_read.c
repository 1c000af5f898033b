/*
 * CBOR (RFC 8949) to events.  Any well-formed encoding is accepted, preferred
 * or not; what is not well-formed, text that is not UTF-8 and bytes behind the
 * document are refused.
 *
 * There is no stack here: the writer's levels say how many items are missing.
 * A string of pieces is put together in c->scratch.  A bignum (tag 2, 3) is an
 * integer event; other tags are passed on.  Counts and lengths are compared
 * with the bytes that are left before anybody hears of them.
 */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "codec/cbor.h"
#include "codec/codec.h"
#include "codec/utf8.h"

#define LIMBS (IPC_CBOR_BIGNUM / 4 + 1)	/* one more for n + 1 */
#define BILLION 1000000000U
#define DIGITS (LIMBS * 10)

struct in {
	struct ipc_codec *c;
	const uint8_t *start, *p, *end;
};

struct head {
	const uint8_t *at;
	uint64_t v;
	uint8_t	major, info;
};

static int
bad(const struct in *r, const uint8_t *at, const char *what)
{
	return ipc_codec_bad(r->c, (size_t)(at - r->start), "%s", what);
}

static size_t
left(const struct in *r)
{
	return (size_t)(r->end - r->p);
}

static int
read_head(struct in *r, struct head *h)
{
	size_t n;

	h->at = r->p;
	if (r->p == r->end)
		return bad(r, r->p, "ends where an item is due");
	h->major = *r->p >> 5;
	h->info = *r->p++ & 31;
	h->v = h->info;
	if (h->info < 24)
		return 0;
	h->v = 0;
	if (h->info == IPC_CBOR_INDEFINITE) {
		if (h->major >= IPC_CBOR_BYTES && h->major != IPC_CBOR_TAG)
			return 0;
		return bad(r, h->at, "indefinite length on an item that"
		    " has none");
	}
	if (h->info > 27)
		return bad(r, h->at, "reserved additional information in"
		    " CBOR");
	n = (size_t)1 << (h->info - 24);
	if (left(r) < n)
		return bad(r, h->at, "ends inside the head of an item");
	while (n-- > 0)
		h->v = h->v << 8 | *r->p++;
	return 0;
}

/* --- strings --- */

/* A definite one, whose head was read: [p, p + v), checked. */
static int
whole(struct in *r, const struct head *h, const uint8_t **s)
{
	size_t ok;

	*s = r->p;
	if (h->v > left(r))
		return ipc_codec_bad(r->c, (size_t)(h->at - r->start),
		    "string of %" PRIu64 " bytes, %zu are left", h->v,
		    left(r));
	if (h->major == IPC_CBOR_TEXT &&
	    (ok = ipc_utf8_check(r->p, (size_t)h->v)) < h->v)
		return bad(r, r->p + ok, "not UTF-8");
	r->p += h->v;
	return 0;
}

static int
read_string(struct in *r, const struct head *h, const uint8_t **s, size_t *n)
{
	struct ipc_buf *b = &r->c->scratch;
	int rc;

	*n = (size_t)h->v;
	if (h->info != IPC_CBOR_INDEFINITE)
		return whole(r, h, s);
	b->len = 0;
	for (;;) {
		const uint8_t *piece;
		struct head k;
		uint8_t *to;

		if (r->p < r->end && *r->p == IPC_CBOR_BREAK)
			break;
		if ((rc = read_head(r, &k)) != 0)
			return rc;
		if (k.major != h->major || k.info == IPC_CBOR_INDEFINITE)
			return bad(r, k.at, "a string in pieces has"
			    " something else among them");
		if ((rc = whole(r, &k, &piece)) != 0)
			return rc;
		if ((to = ipc_codec_grow(r->c, b, (size_t)k.v)) == NULL)
			return r->c->err->code;
		memcpy(to, piece, (size_t)k.v);
		b->len += (size_t)k.v;
	}
	r->p++;
	*n = b->len;
	*s = b->len > 0 ? b->p : (const uint8_t *)"";
	return 0;
}

/* --- bignums --- */

/* Decimal digits of the magnitude; returns the first one in out[0..DIGITS). */
static const char *
decimal(uint32_t *limb, size_t n, char *out)
{
	size_t at = DIGITS;

	while (n > 0) {
		uint64_t rest = 0;

		for (size_t i = 0; i < n; i++) {
			rest = rest << 32 | limb[i];
			limb[i] = (uint32_t)(rest / BILLION);
			rest %= BILLION;
		}
		for (int i = 0; i < 9; i++, rest /= 10)
			out[--at] = (char)('0' + rest % 10);
		while (n > 0 && limb[0] == 0) {
			limb++;
			n--;
		}
	}
	while (out[at] == '0')
		at++;
	return &out[at];
}

/* p[0..n), n > 8 without leading zeros, big-endian. */
static int
big(struct in *r, bool negative, const uint8_t *p, size_t n)
{
	uint32_t limb[LIMBS] = { 0 };
	char text[DIGITS] = "";
	const char *d;

	for (size_t i = 0; i < n; i++)
		limb[LIMBS - 1 - (n - 1 - i) / 4] |=
		    (uint32_t)p[i] << (n - 1 - i) % 4 * 8;
	for (size_t i = LIMBS; negative && ++limb[--i] == 0;)
		;
	for (n = LIMBS; limb[LIMBS - n] == 0;)
		n--;
	d = decimal(limb + LIMBS - n, n, text);
	return r->c->on->bigint(r->c, negative, d,
	    (size_t)(text + DIGITS - d));
}

static int
bignum(struct in *r, const struct head *tag)
{
	bool negative = tag->v == 3;
	const uint8_t *p;
	struct head h;
	uint64_t v = 0;
	size_t n;
	int rc;

	if ((rc = read_head(r, &h)) != 0)
		return rc;
	if (h.major != IPC_CBOR_BYTES)
		return bad(r, h.at, "bignum is not a byte string");
	if ((rc = read_string(r, &h, &p, &n)) != 0)
		return rc;
	for (; n > 0 && *p == 0; n--)
		p++;
	if (n > IPC_CBOR_BIGNUM)
		return ipc_codec_bad(r->c, (size_t)(tag->at - r->start),
		    "bignum of %zu bytes, at most %d are read", n,
		    IPC_CBOR_BIGNUM);
	if (n > 8)
		return big(r, negative, p, n);
	while (n-- > 0)
		v = v << 8 | *p++;
	return negative ? r->c->on->nint(r->c, v) : r->c->on->uint(r->c, v);
}

/* --- items --- */

/* Binary16 to binary64, which holds each of them. */
static double
half(uint64_t v)
{
	uint64_t sign = (v & 0x8000) << 48, exp = v >> 10 & 31;
	uint64_t bits, frac = v & 0x3FF;
	double d;

	if (exp == 0)
		return (sign != 0 ? -0x1p-24 : 0x1p-24) * (double)frac;
	exp = exp == 31 ? 2047 : exp - 15 + 1023;
	bits = sign | exp << 52 | frac << 42;
	memcpy(&d, &bits, sizeof(d));
	return d;
}

static double
single(uint64_t v)
{
	uint32_t bits = (uint32_t)v;
	float f;

	memcpy(&f, &bits, sizeof(f));
	return (double)f;
}

static int
read_simple(struct in *r, const struct head *h)
{
	const struct ipc_events *on = r->c->on;
	double d;

	switch (h->info) {
	case 20:
	case 21:
		return on->boolean(r->c, h->info == 21);
	case 22:
		return on->null(r->c);
	case 23:
		return on->undefined(r->c);
	case 24:
		if (h->v < 32)
			return bad(r, h->at, "simple value below 32 in"
			    " two bytes");
		break;
	case 25:
		return on->real(r->c, half(h->v), NULL, 0);
	case 26:
		return on->real(r->c, single(h->v), NULL, 0);
	case 27:
		memcpy(&d, &h->v, sizeof(d));
		return on->real(r->c, d, NULL, 0);
	case IPC_CBOR_INDEFINITE:
		return bad(r, h->at, "break outside of an indefinite"
		    " length");
	default:
		break;
	}
	return on->simple(r->c, (uint8_t)h->v);
}

static int
read_container(struct in *r, const struct head *h)
{
	bool map = h->major == IPC_CBOR_MAP;
	uint64_t count = h->v;

	if (h->info == IPC_CBOR_INDEFINITE)
		count = IPC_COUNT_UNKNOWN;
	else if (count > left(r) / (map ? 2 : 1))
		return ipc_codec_bad(r->c, (size_t)(h->at - r->start),
		    "%s of %" PRIu64 "%s, only %zu bytes are left",
		    map ? "map" : "array", count, map ? " pairs" : " items",
		    left(r));
	return map ? r->c->on->begin_map(r->c, count) :
	    r->c->on->begin_array(r->c, count);
}

static int
read_item(struct in *r)
{
	struct ipc_codec *c = r->c;
	const uint8_t *s;
	struct head h;
	size_t n;
	int rc;

	c->at = (size_t)(r->p - r->start);
	for (uint32_t tags = 0;; tags++) {
		if ((rc = read_head(r, &h)) != 0)
			return rc;
		if (h.major != IPC_CBOR_TAG)
			break;
		if (tags >= c->opts.depth)
			return bad(r, h.at, "too many tags on one item");
		if (h.v == 2 || h.v == 3)
			return bignum(r, &h);
		if ((rc = c->on->tag(c, h.v)) != 0)
			return rc;
	}
	switch (h.major) {
	case IPC_CBOR_UINT:
		return c->on->uint(c, h.v);
	case IPC_CBOR_NINT:
		return c->on->nint(c, h.v);
	case IPC_CBOR_BYTES:
	case IPC_CBOR_TEXT:
		if ((rc = read_string(r, &h, &s, &n)) != 0)
			return rc;
		return h.major == IPC_CBOR_TEXT ? c->on->text(c, s, n) :
		    c->on->bytes(c, s, n);
	case IPC_CBOR_ARRAY:
	case IPC_CBOR_MAP:
		return read_container(r, &h);
	default:
		return read_simple(r, &h);
	}
}

int
ipc_cbor_read(struct ipc_codec *c, const uint8_t *p, size_t n)
{
	struct in r = { c, p, p, p + n };
	int rc;

	for (;;) {
		const struct ipc_level *l = ipc_level_top(c);

		if (l->items == l->count) {
			if (c->level == 0)
				break;
			c->at = (size_t)(r.p - p);
			rc = c->on->end(c);
		} else if (l->count == IPC_COUNT_UNKNOWN && r.p < r.end &&
		    *r.p == IPC_CBOR_BREAK) {
			if (l->map && (l->items & 1) != 0)
				return bad(&r, r.p, "break between a key"
				    " and its value");
			c->at = (size_t)(r.p++ - p);
			rc = c->on->end(c);
		} else
			rc = read_item(&r);
		if (rc != 0)
			return rc;
	}
	return r.p == r.end ? 0 : bad(&r, r.p, "data behind the"
	    " document");
}
