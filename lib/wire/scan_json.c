/*
 * Where a JSON text (RFC 8259) ends.
 *
 *	START --{[--> INSIDE <--"--> STRING <--\--> ESCAPE
 *	  |--"--> STRING    |--0-9---> NUMBER    |--tfn--> WORD
 *
 * Strings, and brackets that match, are followed; what stands between them is
 * left to the codec.  A number at the top ends before white space, a
 * structural byte or at the end of input; a word with its last letter.  The
 * stack is one bit a level: set for an object.
 */
#include <string.h>

#include "wire/scan.h"

enum { START, INSIDE, STRING, ESCAPE, NUMBER, WORD };

#define ONES 0x0101010101010101ULL
#define TOPS 0x8080808080808080ULL

/* What ends a run of bytes inside a container. */
static const bool mark[256] = {
	['"'] = true, ['{'] = true, ['}'] = true, ['['] = true, [']'] = true,
};

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool
in_number(uint8_t c)
{
	return is_digit(c) || c == '-' || c == '+' || c == '.' || c == 'e' ||
	    c == 'E';
}

static bool
after_number(uint8_t c)
{
	return ipc_json_space(c) || mark[c] || c == ',' || c == ':';
}

/* The bytes of w that equal those of `same` have their top bit set; above
 * the first such byte there may be more, which is no harm here. */
static uint64_t
equal(uint64_t w, uint64_t same)
{
	w ^= same;
	return (w - ONES) & ~w & TOPS;
}

/* The first quote or backslash, or n. */
static size_t
find_special(const uint8_t *p, size_t i, size_t n)
{
	uint64_t w;

	for (; n - i >= sizeof(w); i += sizeof(w)) {
		memcpy(&w, p + i, sizeof(w));
		if (equal(w, ONES * '"') | equal(w, ONES * '\\'))
			break;
	}
	while (i < n && p[i] != '"' && p[i] != '\\')
		i++;
	return i;
}

/* On to behind the closing quote (state INSIDE), or n. */
static size_t
skip_string(uint8_t *state, const uint8_t *p, size_t i, size_t n)
{
	if (*state == ESCAPE && i < n) {
		*state = STRING;
		i++;
	}
	while (i < n) {
		i = find_special(p, i, n);
		if (i == n)
			break;
		if (p[i++] == '"') {
			*state = INSIDE;
			break;
		}
		if (i == n)
			*state = ESCAPE;
		else
			i++;
	}
	return i;
}

static int
scan_number(struct ipc_unframe *u, const uint8_t *p, size_t n, bool eof,
    struct ipc_scan *s)
{
	size_t i = u->seen;

	while (i < n && in_number(p[i]))
		i++;
	u->seen = i;
	s->end = i;
	s->need = n + 1;
	if (i == n)
		return eof && is_digit(p[i - 1]) ? IPC_SCAN_END :
		    IPC_SCAN_MORE;
	if (!is_digit(p[i - 1]) || !after_number(p[i]))
		return ipc_scan_bad(s, i, "not a number");
	return IPC_SCAN_END;
}

static int
scan_word(struct ipc_unframe *u, const uint8_t *p, size_t n,
    struct ipc_scan *s)
{
	const char *word = p[0] == 't' ? "true" : p[0] == 'f' ? "false" :
	    "null";
	size_t i, len = strlen(word);

	for (i = u->seen; i < n && i < len; i++)
		if (p[i] != (uint8_t)word[i])
			return ipc_scan_bad(s, i, "neither true, false nor "
			    "null");
	u->seen = i;
	s->need = len;
	s->end = len;
	return i == len ? IPC_SCAN_END : IPC_SCAN_MORE;
}

static int
open_level(struct ipc_unframe *u, bool object, size_t at, struct ipc_scan *s)
{
	uint32_t bit = u->depth & 63;
	int rc = ipc_scan_level(u, at, s);
	uint64_t *word;

	if (rc != 0)
		return rc;
	word = &u->stack[u->depth >> 6];
	*word = bit == 0 ? object : (*word & ~(1ULL << bit)) |
	    (uint64_t)object << bit;
	u->depth++;
	return 0;
}

static bool
close_level(struct ipc_unframe *u, bool object)
{
	u->depth--;
	return (u->stack[u->depth >> 6] >> (u->depth & 63) & 1) == object;
}

/* States INSIDE, STRING and ESCAPE. */
static int
scan_nested(struct ipc_unframe *u, const uint8_t *p, size_t n,
    struct ipc_scan *s)
{
	uint8_t state = u->state, c;
	size_t i = u->seen;
	int rc;

	while (i < n) {
		if (state != INSIDE) {
			i = skip_string(&state, p, i, n);
			if (state != INSIDE || u->depth > 0)
				continue;
			s->end = i;
			return IPC_SCAN_END;
		}
		while (!mark[p[i]])
			if (++i == n)
				goto more;
		c = p[i++];
		if (c == '"') {
			state = STRING;
		} else if (c == '{' || c == '[') {
			rc = open_level(u, c == '{', i - 1, s);
			if (rc != 0)
				return rc;
		} else {
			if (!close_level(u, c == '}'))
				return ipc_scan_bad(s, i - 1, "brackets that "
				    "do not match");
			s->end = i;
			if (u->depth == 0)
				return IPC_SCAN_END;
		}
	}
more:
	u->seen = n;
	u->state = state;
	s->need = n + u->depth + (state != INSIDE) + (state == ESCAPE);
	return IPC_SCAN_MORE;
}

static int
scan_first(struct ipc_unframe *u, uint8_t c, struct ipc_scan *s)
{
	u->seen = 1;
	if (c == '{' || c == '[') {
		u->seen = 0;
		u->state = INSIDE;
	} else if (c == '"') {
		u->state = STRING;
	} else if (c == '-' || is_digit(c)) {
		u->state = NUMBER;
	} else if (c == 't' || c == 'f' || c == 'n') {
		u->state = WORD;
	} else {
		return ipc_scan_bad(s, 0, "not the beginning of a JSON text");
	}
	return 0;
}

int
ipc_scan_json(struct ipc_unframe *u, const uint8_t *p, size_t n, bool eof,
    struct ipc_scan *s)
{
	int rc;

	if (u->state == START) {
		rc = scan_first(u, p[0], s);
		if (rc != 0)
			return rc;
	}
	if (u->state == NUMBER)
		rc = scan_number(u, p, n, eof, s);
	else if (u->state == WORD)
		rc = scan_word(u, p, n, s);
	else
		rc = scan_nested(u, p, n, s);
	if ((rc == IPC_SCAN_END && s->end > u->f->max) ||
	    (rc == IPC_SCAN_MORE && n > u->f->max)) {
		s->need = rc == IPC_SCAN_END ? s->end : n;
		return IPC_SCAN_LONG;
	}
	return rc;
}
