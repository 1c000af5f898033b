/*
 * UTF-8: see utf8.h.  ASCII goes eight bytes at a time; a longer character is
 * checked by its first two bytes (table 3-7 of the Unicode standard) and the
 * high bits of the rest.
 */
#include "codec/utf8.h"

#include <stdbool.h>
#include <string.h>

#define HIGH UINT64_C(0x8080808080808080)

/* Of a character by its first byte: its length (0: cannot be first) and the
 * range of the second byte. */
struct lead {
	uint8_t	len, low, high;
};

#define TWO { 2, 0x80, 0xBF }
#define THREE { 3, 0x80, 0xBF }

/* Indexed by the first byte - 0xC0. */
static const struct lead leads[64] = {
	[0x02] = TWO, TWO, TWO, TWO, TWO, TWO, TWO, TWO, TWO, TWO,
	TWO, TWO, TWO, TWO, TWO, TWO, TWO, TWO, TWO, TWO,
	TWO, TWO, TWO, TWO, TWO, TWO, TWO, TWO, TWO, TWO,
	[0x20] = { 3, 0xA0, 0xBF },		/* E0: no overlong forms */
	[0x21] = THREE, THREE, THREE, THREE, THREE, THREE,
	THREE, THREE, THREE, THREE, THREE, THREE,
	[0x2D] = { 3, 0x80, 0x9F },		/* ED: no surrogates */
	[0x2E] = THREE, THREE,
	[0x30] = { 4, 0x90, 0xBF },		/* F0: no overlong forms */
	[0x31] = { 4, 0x80, 0xBF }, { 4, 0x80, 0xBF }, { 4, 0x80, 0xBF },
	[0x34] = { 4, 0x80, 0x8F },		/* F4: up to U+10FFFF */
};

static bool
tail(uint8_t b)
{
	return (b & 0xC0) == 0x80;
}

size_t
ipc_utf8_step(const uint8_t *p, size_t n)
{
	const struct lead *l;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xC0)
		return 0;
	l = &leads[p[0] - 0xC0];
	if (l->len == 0 || n < l->len || p[1] < l->low || p[1] > l->high)
		return 0;
	if ((l->len > 2 && !tail(p[2])) || (l->len > 3 && !tail(p[3])))
		return 0;
	return l->len;
}

size_t
ipc_utf8_check(const uint8_t *p, size_t n)
{
	size_t i = 0, step;
	uint64_t w;

	while (i < n) {
		if (n - i >= sizeof(w)) {
			memcpy(&w, p + i, sizeof(w));
			if ((w & HIGH) == 0) {
				i += sizeof(w);
				continue;
			}
		}
		step = ipc_utf8_step(p + i, n - i);
		if (step == 0)
			return i;
		i += step;
		/* Text that is not ASCII rarely changes back at once. */
		while (i < n && p[i] >= 0x80) {
			step = ipc_utf8_step(p + i, n - i);
			if (step == 0)
				return i;
			i += step;
		}
	}
	return n;
}

uint32_t
ipc_utf8_get(const uint8_t *p, size_t *len)
{
	uint32_t a = p[0];

	if (a < 0x80) {
		*len = 1;
		return a;
	}
	if (a < 0xE0) {
		*len = 2;
		return (a & 0x1F) << 6 | (p[1] & 0x3FU);
	}
	if (a < 0xF0) {
		*len = 3;
		return (a & 0x0F) << 12 | (p[1] & 0x3FU) << 6 |
		    (p[2] & 0x3FU);
	}
	*len = 4;
	return (a & 0x07) << 18 | (p[1] & 0x3FU) << 12 |
	    (p[2] & 0x3FU) << 6 | (p[3] & 0x3FU);
}

size_t
ipc_utf8_put(uint8_t *to, uint32_t cp)
{
	if (cp < 0x80) {
		to[0] = (uint8_t)cp;
		return 1;
	}
	if (cp < 0x800) {
		to[0] = (uint8_t)(0xC0 | cp >> 6);
		to[1] = (uint8_t)(0x80 | (cp & 0x3F));
		return 2;
	}
	if (cp < 0x10000) {
		to[0] = (uint8_t)(0xE0 | cp >> 12);
		to[1] = (uint8_t)(0x80 | (cp >> 6 & 0x3F));
		to[2] = (uint8_t)(0x80 | (cp & 0x3F));
		return 3;
	}
	to[0] = (uint8_t)(0xF0 | cp >> 18);
	to[1] = (uint8_t)(0x80 | (cp >> 12 & 0x3F));
	to[2] = (uint8_t)(0x80 | (cp >> 6 & 0x3F));
	to[3] = (uint8_t)(0x80 | (cp & 0x3F));
	return 4;
}
