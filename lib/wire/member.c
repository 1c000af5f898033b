/*
 * Finding a member of a JSON object.
 *
 *	{ "name" : value , "name" : value ... }		and nothing behind it
 *
 * The outermost object is parsed strictly.  Values are skipped: strings and
 * matching brackets are followed, one bit a level on a stack of fixed size;
 * what stands between them is left to those who decode it.
 */
#include "wire/member.h"

#include <stdbool.h>
#include <string.h>

struct cursor {
	const uint8_t *p;
	const uint8_t *end;
};

static bool
is_space(uint8_t c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static void
skip_space(struct cursor *c)
{
	while (c->p < c->end && is_space(*c->p))
		c->p++;
}

/* Past this byte and the white space before it. */
static bool
take(struct cursor *c, uint8_t want)
{
	skip_space(c);
	if (c->p == c->end || *c->p != want)
		return false;
	c->p++;
	return true;
}

/* From behind the opening quote to behind the closing one. */
static bool
skip_string(struct cursor *c)
{
	while (c->p < c->end) {
		uint8_t b = *c->p++;

		if (b == '"')
			return true;
		if (b < 0x20)
			return false;
		if (b != '\\')
			continue;
		if (c->p == c->end)
			return false;
		c->p++;
	}
	return false;
}

/* From behind the first bracket to behind the one that matches it. */
static bool
skip_nested(struct cursor *c, bool object)
{
	uint64_t stack[IPC_MEMBER_DEPTH / 64];
	uint32_t depth = 1;

	stack[0] = object;
	while (c->p < c->end) {
		uint8_t b = *c->p++;
		uint64_t bit = 1ULL << (depth & 63);

		if (b == '"') {
			if (!skip_string(c))
				return false;
		} else if (b == '{' || b == '[') {
			if (depth == IPC_MEMBER_DEPTH)
				return false;
			if ((depth & 63) == 0)
				stack[depth >> 6] = 0;
			stack[depth >> 6] &= ~bit;
			stack[depth >> 6] |= b == '{' ? bit : 0;
			depth++;
		} else if (b == '}' || b == ']') {
			depth--;
			if ((stack[depth >> 6] >> (depth & 63) & 1) !=
			    (b == '}'))
				return false;
			if (depth == 0)
				return true;
		}
	}
	return false;
}

static bool
skip_scalar(struct cursor *c)
{
	const uint8_t *start = c->p;

	for (; c->p < c->end; c->p++) {
		uint8_t b = *c->p;

		if ((b >= '0' && b <= '9') || (b >= 'a' && b <= 'z') ||
		    b == 'E' || b == '-' || b == '+' || b == '.')
			continue;
		break;
	}
	return c->p > start;
}

static bool
skip_value(struct cursor *c)
{
	if (c->p == c->end)
		return false;
	if (*c->p == '"') {
		c->p++;
		return skip_string(c);
	}
	if (*c->p == '{' || *c->p == '[')
		return skip_nested(c, *c->p++ == '{');
	return skip_scalar(c);
}

/* Four hexadecimal digits; -1 when they are none. */
static int32_t
hex4(const uint8_t *p, const uint8_t *end)
{
	int32_t v = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		uint8_t b = p[i];

		v <<= 4;
		if (b >= '0' && b <= '9')
			v |= b - '0';
		else if (b >= 'a' && b <= 'f')
			v |= b - 'a' + 10;
		else if (b >= 'A' && b <= 'F')
			v |= b - 'A' + 10;
		else
			return -1;
	}
	return v;
}

static size_t
put_utf8(uint8_t out[4], uint32_t cp)
{
	if (cp < 0x80) {
		out[0] = (uint8_t)cp;
		return 1;
	}
	if (cp < 0x800) {
		out[0] = (uint8_t)(0xC0 | cp >> 6);
		out[1] = (uint8_t)(0x80 | (cp & 0x3F));
		return 2;
	}
	if (cp < 0x10000) {
		out[0] = (uint8_t)(0xE0 | cp >> 12);
		out[1] = (uint8_t)(0x80 | (cp >> 6 & 0x3F));
		out[2] = (uint8_t)(0x80 | (cp & 0x3F));
		return 3;
	}
	out[0] = (uint8_t)(0xF0 | cp >> 18);
	out[1] = (uint8_t)(0x80 | (cp >> 12 & 0x3F));
	out[2] = (uint8_t)(0x80 | (cp >> 6 & 0x3F));
	out[3] = (uint8_t)(0x80 | (cp & 0x3F));
	return 4;
}

/* The character of \uXXXX, from behind the u; half a pair is none: -1. */
static int32_t
unicode(const uint8_t **p, const uint8_t *end)
{
	int32_t hi = hex4(*p, end), lo;

	if (hi < 0)
		return -1;
	*p += 4;
	if (hi < 0xD800 || hi > 0xDFFF)
		return hi;
	if (hi > 0xDBFF || end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u')
		return -1;
	lo = hex4(*p + 2, end);
	if (lo < 0xDC00 || lo > 0xDFFF)
		return -1;
	*p += 6;
	return 0x10000 + ((hi - 0xD800) << 10) + (lo - 0xDC00);
}

/* What an escape stands for, from behind the backslash; 0 bytes: nothing. */
static size_t
unescape(uint8_t out[4], const uint8_t **p, const uint8_t *end)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at;
	int32_t cp;

	if (*p == end)
		return 0;
	if (**p == 'u') {
		++*p;
		cp = unicode(p, end);
		return cp < 0 ? 0 : put_utf8(out, (uint32_t)cp);
	}
	at = memchr(from, **p, sizeof(from) - 1);
	if (at == NULL)
		return 0;
	++*p;
	out[0] = (uint8_t)to[at - from];
	return 1;
}

/* Are these the inside of a string that means name? */
static bool
same_name(const uint8_t *p, const uint8_t *end, const char *name, size_t nlen)
{
	uint8_t out[4];
	size_t n;

	while (p < end) {
		out[0] = *p++;
		n = out[0] == '\\' ? unescape(out, &p, end) : 1;
		if (n == 0 || n > nlen || memcmp(out, name, n) != 0)
			return false;
		name += n;
		nlen -= n;
	}
	return nlen == 0;
}

/* One `"name" : value`; its parts.  False: it is none. */
static bool
member(struct cursor *c, struct cursor *key, struct cursor *value)
{
	if (!take(c, '"'))
		return false;
	key->p = c->p;
	if (!skip_string(c))
		return false;
	key->end = c->p - 1;
	if (!take(c, ':'))
		return false;
	skip_space(c);
	value->p = c->p;
	if (!skip_value(c))
		return false;
	value->end = c->p;
	return true;
}

/* All members; found->p stays NULL when there is no such one. */
static enum ipc_member
walk(struct cursor *c, const char *name, size_t nlen, struct cursor *found)
{
	struct cursor key, value;

	do {
		if (!member(c, &key, &value))
			return IPC_MEMBER_BAD;
		if (!same_name(key.p, key.end, name, nlen))
			continue;
		if (found->p != NULL)
			return IPC_MEMBER_TWICE;
		*found = value;
	} while (take(c, ','));
	if (!take(c, '}'))
		return IPC_MEMBER_BAD;
	return found->p != NULL ? IPC_MEMBER_FOUND : IPC_MEMBER_NONE;
}

enum ipc_member
ipc_member_find(const uint8_t *json, size_t len, const char *name, size_t nlen,
    const uint8_t **value, size_t *vlen)
{
	struct cursor c, found = { NULL, NULL };
	enum ipc_member rc = IPC_MEMBER_NONE;

	*value = NULL;
	*vlen = 0;
	if (json == NULL || len == 0)
		return IPC_MEMBER_BAD;
	c.p = json;
	c.end = json + len;
	if (!take(&c, '{'))
		return IPC_MEMBER_BAD;
	if (!take(&c, '}'))
		rc = walk(&c, name, nlen, &found);
	skip_space(&c);
	if (rc != IPC_MEMBER_TWICE && c.p != c.end)
		return IPC_MEMBER_BAD;
	if (rc != IPC_MEMBER_FOUND)
		return rc;
	*value = found.p;
	*vlen = (size_t)(found.end - found.p);
	return rc;
}
