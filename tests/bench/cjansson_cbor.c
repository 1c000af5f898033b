/*
 * CBOR to jansson values, for cjansson check: unsigned, negative, text, array
 * and map of definite and indefinite length, the simple values of JSON, and
 * the three float sizes.  Anything else is bad.  Not fast, and it trusts
 * nothing about lengths, but a deep document can exhaust its stack.
 */
#include "cjansson.h"

#include <math.h>
#include <string.h>

#define BREAK 0xff
#define INDEFINITE UINT64_MAX

/* The argument of the initial byte b; false: cut short or reserved. */
static bool
argument(struct bytes *in, uint8_t b, uint64_t *v)
{
	unsigned low = b & 31, n;

	if (low < 24) {
		*v = low;
		return true;
	}
	if (low == 31) {
		*v = INDEFINITE;
		return true;
	}
	n = low <= 27 ? 1u << (low - 24) : 0;
	if (n == 0 || in->n - in->off < n)
		return false;
	for (*v = 0; n > 0; n--)
		*v = *v << 8 | in->p[in->off++];
	return true;
}

static double
half(uint64_t v)
{
	int e = (int)(v >> 10 & 31);
	double m = (double)(v & 1023);

	m = e == 0 ? ldexp(m, -24) : e == 31 ? (m == 0 ? INFINITY : NAN) :
	    ldexp(m + 1024, e - 25);
	return v & 0x8000 ? -m : m;
}

static json_t *
simple(uint8_t b, uint64_t v)
{
	uint32_t v32 = (uint32_t)v;
	double d;
	float f;

	switch (b & 31) {
	case 20:
	case 21:
		return json_boolean(b & 1);
	case 22:
		return json_null();
	case 25:
		return json_real(half(v));
	case 26:
		memcpy(&f, &v32, sizeof(f));
		return json_real((double)f);
	case 27:
		memcpy(&d, &v, sizeof(d));
		return json_real(d);
	default:
		return NULL;
	}
}

static json_t *
text(struct bytes *in, uint64_t n)
{
	const char *p = (const char *)in->p + in->off;

	if (n > in->n - in->off)
		return NULL;
	in->off += (size_t)n;
	return json_stringn(p, (size_t)n);
}

/* Is the array or map over?  Steps over a break. */
static bool
over(struct bytes *in, uint64_t n, uint64_t done)
{
	if (n != INDEFINITE)
		return done == n;
	if (in->off >= in->n || in->p[in->off] != BREAK)
		return false;
	in->off++;
	return true;
}

static json_t *
many(struct bytes *in, bool map, uint64_t n)
{
	json_t *j = map ? json_object() : json_array();

	for (uint64_t i = 0; !over(in, n, i); i++) {
		json_t *k = map ? cbor_next(in) : NULL, *v = cbor_next(in);
		bool ok = v != NULL && (!map || json_is_string(k));

		if (ok && map)
			json_object_setn_new(j, json_string_value(k),
			    json_string_length(k), v);
		else if (ok)
			json_array_append_new(j, v);
		json_decref(k);
		if (!ok) {
			json_decref(j);
			return NULL;
		}
	}
	return j;
}

json_t *
cbor_next(struct bytes *in)
{
	uint64_t v;
	uint8_t b;

	if (in->off >= in->n)
		return NULL;
	b = in->p[in->off++];
	if (!argument(in, b, &v))
		return NULL;
	switch (b >> 5) {
	case 0:
		return v > INT64_MAX ? NULL : json_integer((json_int_t)v);
	case 1:
		return v > INT64_MAX ? NULL : json_integer(-1 - (json_int_t)v);
	case 3:
		return text(in, v);
	case 4:
	case 5:
		return many(in, b >> 5 == 5, v);
	case 7:
		return simple(b, v);
	default:
		return NULL;
	}
}
