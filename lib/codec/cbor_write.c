/*
 * Events to CBOR (RFC 8949): integers and floats in the shortest form that is
 * exact, one NaN.  A count that is not known yet makes an indefinite length;
 * with opts.canonical its place is kept and filled in at the end, and maps are
 * sorted by their encoded keys (section 4.2.1).
 *
 * A MessagePack time stamp becomes tag 1; another extension type has no
 * counterpart: its bytes (an error if strict).
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "codec/cbor.h"
#include "codec/codec.h"
#include "codec/keys.h"

#define HEAD_MAX 9
/* Digits of the largest magnitude: 1024 * 8 * log10(2), rounded up. */
#define BIG_DIGITS 2467

enum hint { DEFINITE, INDEFINITE, LATER };

static size_t
put_be(uint8_t *p, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (n - 1 - i) * 8);
	return n;
}

static size_t
put_head(uint8_t *p, enum ipc_cbor_major major, uint64_t v)
{
	uint8_t m = (uint8_t)(major << 5);

	if (v < 24) {
		p[0] = (uint8_t)(m | v);
		return 1;
	}
	if (v <= UINT8_MAX) {
		p[0] = m | 24;
		return 1 + put_be(p + 1, v, 1);
	}
	if (v <= UINT16_MAX) {
		p[0] = m | 25;
		return 1 + put_be(p + 1, v, 2);
	}
	if (v <= UINT32_MAX) {
		p[0] = m | 26;
		return 1 + put_be(p + 1, v, 4);
	}
	p[0] = m | 27;
	return 1 + put_be(p + 1, v, 8);
}

static int
add_head(struct ipc_codec *c, enum ipc_cbor_major major, uint64_t v)
{
	uint8_t *p = ipc_codec_room(c, HEAD_MAX);

	if (p == NULL)
		return c->err->code;
	c->out->len += put_head(p, major, v);
	return 0;
}

static int
add_byte(struct ipc_codec *c, uint8_t b)
{
	uint8_t *p = ipc_codec_room(c, 1);

	if (p == NULL)
		return c->err->code;
	*p = b;
	c->out->len++;
	return 0;
}

static int
item(struct ipc_codec *c, int rc)
{
	return rc != 0 ? rc : ipc_level_item(c, 0);
}

/* --- scalars --- */

static int
cbor_null(struct ipc_codec *c)
{
	return item(c, add_byte(c, 0xF6));
}

static int
cbor_undefined(struct ipc_codec *c)
{
	return item(c, add_byte(c, 0xF7));
}

static int
cbor_boolean(struct ipc_codec *c, bool v)
{
	return item(c, add_byte(c, v ? 0xF5 : 0xF4));
}

static int
cbor_uint(struct ipc_codec *c, uint64_t v)
{
	return item(c, add_head(c, IPC_CBOR_UINT, v));
}

static int
cbor_nint(struct ipc_codec *c, uint64_t v)
{
	return item(c, add_head(c, IPC_CBOR_NINT, v));
}

/* 1 with *h when the float is a binary16 as it is. */
static int
to_half(uint32_t f, uint16_t *h)
{
	uint32_t sign = f >> 16 & 0x8000, frac = f & 0x7FFFFF, shift = 13;
	int exp = (int)(f >> 23 & 255) - 127;

	if (exp == 128)			/* infinite */
		exp = 16;
	else if (exp == -127 && frac == 0)
		exp = -15;
	else if (exp > 15 || exp < -24)
		return 0;
	else if (exp < -14) {		/* subnormal */
		frac |= 0x800000;
		shift = (uint32_t)(-1 - exp);
		exp = -15;
	}
	if ((frac & ((1U << shift) - 1)) != 0)
		return 0;
	*h = (uint16_t)(sign | (uint32_t)(exp + 15) << 10 | frac >> shift);
	return 1;
}

static size_t
put_real(uint8_t *p, double v)
{
	uint64_t bits = 0;
	uint32_t single;
	uint16_t h = 0x7E00;
	float f = 0;

	if (isnan(v) || isinf(v) || fabs(v) <= FLT_MAX)
		f = (float)v;
	memcpy(&single, &f, sizeof(f));
	if (isnan(v) || ((double)f == v && to_half(single, &h))) {
		p[0] = 0xF9;
		return 1 + put_be(p + 1, h, 2);
	}
	if ((double)f == v) {
		p[0] = 0xFA;
		return 1 + put_be(p + 1, single, 4);
	}
	memcpy(&bits, &v, sizeof(v));
	p[0] = 0xFB;
	return 1 + put_be(p + 1, bits, 8);
}

static int
cbor_real(struct ipc_codec *c, double v, const char *text, size_t n)
{
	uint8_t *p = ipc_codec_room(c, HEAD_MAX);

	(void)n;
	if (p == NULL)
		return c->err->code;
	/* Digits that overflowed would silently become infinity. */
	if (isinf(v) && text != NULL)
		return ipc_codec_refuse(c, "number too large for a CBOR"
		    " float");
	c->out->len += put_real(p, v);
	return ipc_level_item(c, 0);
}

static int
add_string(struct ipc_codec *c, enum ipc_cbor_major major, const uint8_t *p,
    size_t n)
{
	uint8_t *to = ipc_codec_room(c, HEAD_MAX + n);
	size_t head;

	if (to == NULL)
		return c->err->code;
	head = put_head(to, major, n);
	ipc_codec_copy(to + head, p, n);
	c->out->len += head + n;
	return ipc_level_item(c, 0);
}

static int
cbor_text(struct ipc_codec *c, const uint8_t *p, size_t n)
{
	return add_string(c, IPC_CBOR_TEXT, p, n);
}

static int
cbor_bytes(struct ipc_codec *c, const uint8_t *p, size_t n)
{
	return add_string(c, IPC_CBOR_BYTES, p, n);
}

static int
cbor_tag(struct ipc_codec *c, uint64_t tag)
{
	return add_head(c, IPC_CBOR_TAG, tag);
}

static int
cbor_simple(struct ipc_codec *c, uint8_t v)
{
	return item(c, add_head(c, IPC_CBOR_SIMPLE, v));
}

/* --- integers beyond 64 bits --- */

/*
 * Base 10^9 to base 2^32: limb[0..n), the lowest first; returns n.  At most
 * 2467 digits: 275 rounds.
 */
static size_t
limbs(uint32_t *limb, const char *digits, size_t n)
{
	size_t used = 0;

	for (size_t i = 0; i < n;) {
		uint64_t carry = 0, scale = 1;

		do {
			carry = carry * 10 + (uint64_t)(digits[i] - '0');
			scale *= 10;
			i++;
		} while ((n - i) % 9 != 0);
		for (size_t k = 0; k < used; k++) {
			carry += limb[k] * scale;
			limb[k] = (uint32_t)carry;
			carry >>= 32;
		}
		if (carry > 0)
			limb[used++] = (uint32_t)carry;
	}
	return used;
}

static int
too_big(struct ipc_codec *c, size_t digits)
{
	return ipc_codec_refuse(c, "integer of %zu digits is beyond %d"
	    " bytes of a CBOR bignum", digits, IPC_CBOR_BIGNUM);
}

static int
cbor_bigint(struct ipc_codec *c, bool negative, const char *digits, size_t n)
{
	uint32_t limb[IPC_CBOR_BIGNUM / 4 + 2] = { 0 };
	uint8_t bytes[sizeof(limb)] = { 0 };
	const uint8_t *p = bytes;
	size_t used;
	int rc;

	if (n > BIG_DIGITS)
		return too_big(c, n);
	used = limbs(limb, digits, n);
	for (size_t i = 0; negative && i < used; i++)
		if (limb[i]-- != 0)	/* -1 - n is what the tag means */
			break;
	for (size_t i = 0; i < used; i++)
		put_be(bytes + i * 4, limb[used - 1 - i], 4);
	for (used *= 4; used > 0 && *p == 0; used--)
		p++;
	if (used > IPC_CBOR_BIGNUM)
		return too_big(c, n);
	if (used <= 8) {		/* n = 2^64 less one */
		uint64_t v = 0;

		for (; used > 0; used--)
			v = v << 8 | *p++;
		return negative ? cbor_nint(c, v) : cbor_uint(c, v);
	}
	rc = add_head(c, IPC_CBOR_TAG, negative ? 3 : 2);
	return rc != 0 ? rc : add_string(c, IPC_CBOR_BYTES, p, used);
}

/* --- MessagePack extensions --- */

static uint64_t
get_be(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | *p++;
	return v;
}

/* Type -1 in its three lengths; 1 with *s and *ns when it is sound. */
static int
timestamp(const uint8_t *p, size_t n, int64_t *s, uint32_t *ns)
{
	uint64_t v;

	*ns = 0;
	if (n == 4)
		*s = (int64_t)get_be(p, 4);
	else if (n == 8) {
		v = get_be(p, 8);
		*ns = (uint32_t)(v >> 34);
		*s = (int64_t)(v & 0x3FFFFFFFFU);
	} else if (n == 12) {
		*ns = (uint32_t)get_be(p, 4);
		v = get_be(p + 4, 8);
		memcpy(s, &v, sizeof(v));
	} else
		return 0;
	return *ns < 1000000000;
}

/* Tag 1 holds an integer or a float: the nanoseconds may not all survive. */
static int
cbor_ext(struct ipc_codec *c, int8_t type, const uint8_t *p, size_t n)
{
	int64_t s;
	uint32_t ns;
	double v;
	int rc;

	if (type != -1 || !timestamp(p, n, &s, &ns)) {
		if (c->opts.strict)
			return ipc_codec_refuse(c, "MessagePack extension type"
			    " %d has no counterpart in CBOR", type);
		return cbor_bytes(c, p, n);
	}
	v = (double)s + ns / 1e9;
	if (c->opts.strict && ns != 0)
		return ipc_codec_refuse(c, "a time stamp in nanoseconds is not"
		    " exact in CBOR tag 1");
	if ((rc = add_head(c, IPC_CBOR_TAG, 1)) != 0)
		return rc;
	if (ns != 0)
		return cbor_real(c, v, NULL, 0);
	return s < 0 ? cbor_nint(c, (uint64_t)(-1 - s)) :
	    cbor_uint(c, (uint64_t)s);
}

/* --- containers --- */

static int
begin(struct ipc_codec *c, enum ipc_cbor_major major, uint64_t count)
{
	bool map = major == IPC_CBOR_MAP, known = count != IPC_COUNT_UNKNOWN;
	size_t head = ipc_codec_here(c);
	uint8_t open = (uint8_t)(major << 5 | IPC_CBOR_INDEFINITE);
	int rc;

	rc = known ? add_head(c, major, count) : add_byte(c, open);
	if (rc == 0)
		rc = ipc_level_open(c, map, count, head);
	if (rc == 0)
		ipc_level_top(c)->hint = known ? DEFINITE :
		    c->opts.canonical ? LATER : INDEFINITE;
	return rc;
}

static int
cbor_begin_array(struct ipc_codec *c, uint64_t count)
{
	return begin(c, IPC_CBOR_ARRAY, count);
}

static int
cbor_begin_map(struct ipc_codec *c, uint64_t count)
{
	return begin(c, IPC_CBOR_MAP, count);
}

/* The one byte at l->head becomes a head with the count. */
static int
fill_in(struct ipc_codec *c, const struct ipc_level *l)
{
	uint8_t head[HEAD_MAX], *p;
	size_t n, body = ipc_codec_here(c) - l->head - 1;

	n = put_head(head, l->map ? IPC_CBOR_MAP : IPC_CBOR_ARRAY,
	    l->map ? l->items / 2 : l->items);
	if (ipc_codec_room(c, n - 1) == NULL)
		return c->err->code;
	p = c->out->p + c->base + l->head;
	if (n > 1)
		memmove(p + n, p + 1, body);
	memcpy(p, head, n);
	c->out->len += n - 1;
	return 0;
}

static int
cbor_end(struct ipc_codec *c)
{
	struct ipc_level l = *ipc_level_top(c);
	int rc = 0;

	if (c->opts.canonical && l.map)
		rc = ipc_keys_sort(c, ipc_keys_bytewise);
	if (rc != 0)
		return rc;
	ipc_level_close(c);
	if (l.hint == INDEFINITE)
		rc = add_byte(c, IPC_CBOR_BREAK);
	else if (l.hint == LATER)
		rc = fill_in(c, &l);
	return item(c, rc);
}

const struct ipc_format_ops ipc_format_cbor = {
	.name = "cbor",
	.read = ipc_cbor_read,
	.write = {
		.null = cbor_null,
		.undefined = cbor_undefined,
		.boolean = cbor_boolean,
		.uint = cbor_uint,
		.nint = cbor_nint,
		.bigint = cbor_bigint,
		.real = cbor_real,
		.text = cbor_text,
		.bytes = cbor_bytes,
		.begin_array = cbor_begin_array,
		.begin_map = cbor_begin_map,
		.end = cbor_end,
		.tag = cbor_tag,
		.simple = cbor_simple,
		.ext = cbor_ext,
	},
};
