/*
 * Growing strings, escaping, nearest word.
 *
 * UTF-8 is decoded strictly: no overlong forms, no surrogates, nothing above
 * U+10FFFF.  An invalid sequence is taken as its longest valid beginning, as
 * Unicode recommends, so that the byte after it starts afresh.
 */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX (SIZE_MAX / 4)	/* sums of two lengths cannot wrap */
#define WORD_MAX 64		/* longest word ipc_nearest compares */

/* Room for len more bytes and the NUL. */
static bool
text_reserve(struct ipc_text *t, size_t len)
{
	size_t cap = t->cap == 0 ? 64 : t->cap;
	char *s;

	if (t->failed)
		return false;
	if (len > TEXT_MAX || t->len > TEXT_MAX) {
		t->failed = true;
		return false;
	}
	if (t->len + len < t->cap)
		return true;
	while (cap <= t->len + len)
		cap *= 2;
	s = realloc(t->s, cap);
	if (s == NULL) {
		t->failed = true;
		return false;
	}
	t->s = s;
	t->cap = cap;
	return true;
}

void
ipc_text_put(struct ipc_text *t, const void *bytes, size_t len)
{
	if (!text_reserve(t, len))
		return;
	if (len > 0)
		memcpy(t->s + t->len, bytes, len);
	t->len += len;
	t->s[t->len] = '\0';
}

void
ipc_text_add(struct ipc_text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0) {
		t->failed = true;
		return;
	}
	if (!text_reserve(t, (size_t)n))
		return;
	va_start(ap, fmt);
	vsnprintf(t->s + t->len, t->cap - t->len, fmt, ap);
	va_end(ap);
	t->len += (size_t)n;
}

void
ipc_text_free(struct ipc_text *t)
{
	free(t->s);
	memset(t, 0, sizeof(*t));
}

/* Sequence length for a lead byte, 0 if it is none; and the range its second
 * byte must be in (RFC 3629 section 4). */
static size_t
utf8_lead(uint8_t c, uint8_t *lo, uint8_t *hi)
{
	*lo = 0x80;
	*hi = 0xBF;
	if (c < 0x80)
		return 1;
	if (c >= 0xC2 && c <= 0xDF)
		return 2;
	if (c >= 0xE0 && c <= 0xEF) {
		if (c == 0xE0)
			*lo = 0xA0;
		if (c == 0xED)
			*hi = 0x9F;
		return 3;
	}
	if (c >= 0xF0 && c <= 0xF4) {
		if (c == 0xF0)
			*lo = 0x90;
		if (c == 0xF4)
			*hi = 0x8F;
		return 4;
	}
	return 0;
}

#define BAD_UTF8 UINT32_MAX

/* Decode one character of s (len > 0); *used is 1..4 in any case. */
static uint32_t
utf8_next(const uint8_t *s, size_t len, size_t *used)
{
	uint8_t lo, hi;
	size_t i, need = utf8_lead(s[0], &lo, &hi);
	uint32_t cp;

	*used = 1;
	if (need == 0)
		return BAD_UTF8;
	if (need == 1)
		return s[0];
	cp = s[0] & (0x7FU >> need);
	for (i = 1; i < need; i++) {
		if (i >= len || s[i] < lo || s[i] > hi)
			return BAD_UTF8;
		*used = i + 1;
		cp = cp << 6 | (s[i] & 0x3FU);
		lo = 0x80;
		hi = 0xBF;
	}
	return cp;
}

/* Characters that move the cursor, start an escape or reorder the line. */
static bool
is_unsafe(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7F && cp < 0xA0) || cp == 0x061C ||
	    cp == 0x200E || cp == 0x200F || (cp >= 0x2028 && cp <= 0x202E) ||
	    (cp >= 0x2066 && cp <= 0x2069) || cp == BAD_UTF8;
}

/* Write the form of one character into out (at most 16 bytes). */
static size_t
escape_one(char out[16], const uint8_t *s, size_t used, bool unsafe)
{
	static const char hex[] = "0123456789abcdef";
	size_t i, o = 0;

	if (unsafe) {
		for (i = 0; i < used; i++) {
			out[o++] = '\\';
			out[o++] = 'x';
			out[o++] = hex[s[i] >> 4];
			out[o++] = hex[s[i] & 15];
		}
		return o;
	}
	if (s[0] == '\\')
		out[o++] = '\\';
	memcpy(out + o, s, used);
	return o + used;
}

char *
ipc_escape(char *dst, size_t dst_size, const void *src, size_t len)
{
	const uint8_t *s = src;
	size_t o = 0, mark = 0, used, n;
	char one[16];
	uint32_t cp;

	while (len > 0) {
		cp = utf8_next(s, len, &used);
		n = escape_one(one, s, used, is_unsafe(cp));
		if (o + n + 1 > dst_size) {
			/* mark: the last place where "..." still fits. */
			memcpy(dst + mark, "...", 4);
			return dst;
		}
		memcpy(dst + o, one, n);
		o += n;
		if (o + 4 <= dst_size)
			mark = o;
		s += used;
		len -= used;
	}
	dst[o] = '\0';
	return dst;
}

static void
json_unsafe(struct ipc_text *t, uint32_t cp)
{
	static const char letter[] = "btn\0fr";	/* U+0008..U+000D */

	if (cp == BAD_UTF8)
		ipc_text_put(t, "\xEF\xBF\xBD", 3);
	else if (cp >= 0x08 && cp <= 0x0D && letter[cp - 0x08] != '\0')
		ipc_text_add(t, "\\%c", letter[cp - 0x08]);
	else
		ipc_text_add(t, "\\u%04x", (unsigned int)cp);
}

void
ipc_text_json(struct ipc_text *t, const void *src, size_t len)
{
	const uint8_t *s = src;
	size_t i = 0, plain = 0, used;
	uint32_t cp;

	while (i < len) {
		cp = utf8_next(s + i, len - i, &used);
		if (is_unsafe(cp) || cp == '"' || cp == '\\') {
			ipc_text_put(t, s + plain, i - plain);
			if (cp == '"' || cp == '\\')
				ipc_text_add(t, "\\%c", (char)cp);
			else
				json_unsafe(t, cp);
			plain = i + used;
		}
		i += used;
	}
	if (len > 0)
		ipc_text_put(t, s + plain, len - plain);
}

static unsigned int
least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* Optimal string alignment; both lengths are at most WORD_MAX. */
static unsigned int
distance(const char *a, size_t na, const char *b, size_t nb)
{
	unsigned int row[3][WORD_MAX + 1];
	size_t i, j;

	for (j = 0; j <= nb; j++)
		row[0][j] = (unsigned int)j;
	for (i = 1; i <= na; i++) {
		unsigned int *cur = row[i % 3], *up = row[(i - 1) % 3];
		const unsigned int *up2 = row[(i + 1) % 3];

		cur[0] = (unsigned int)i;
		for (j = 1; j <= nb; j++) {
			cur[j] = least(up[j] + 1, cur[j - 1] + 1);
			cur[j] = least(cur[j],
			    up[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				cur[j] = least(cur[j], up2[j - 2] + 1);
		}
	}
	return row[na % 3][nb];
}

const char *
ipc_nearest(const char *bad, const char *const *words)
{
	size_t nbad = strnlen(bad, WORD_MAX + 1), n;
	const char *found = NULL;
	unsigned int best, d;

	if (nbad > WORD_MAX)
		return NULL;
	best = nbad < 6 ? 1 : (unsigned int)nbad / 3;
	best++;			/* the first one that is smaller wins */
	for (; *words != NULL; words++) {
		n = strnlen(*words, WORD_MAX + 1);
		if (n > WORD_MAX)
			continue;
		d = distance(bad, nbad, *words, n);
		if (d < best) {
			best = d;
			found = *words;
		}
	}
	return found;
}
