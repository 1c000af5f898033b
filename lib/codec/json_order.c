/*
 * The order of keys in canonical JSON (RFC 8785 section 3.2.3): by the UTF-16
 * code units of what the key means.  Takes keys as json_write.c spells them:
 * in quotes, and no escapes but the short ones and \u00XX in lower case.
 */
#include <string.h>

#include "codec/json.h"
#include "codec/utf8.h"

/* Where a code point of a key as written sorts: by UTF-16 code units. */
static uint32_t
next_unit(const uint8_t **p, const uint8_t *end)
{
	static const char shorts[] = "b\bf\fn\nr\rt\t";
	const char *s;
	uint32_t cp;
	size_t len;

	if (**p == '\\' && end - *p >= 6 && (*p)[1] == 'u') {
		cp = (uint32_t)((*p)[4] - '0') << 4;
		cp |= (uint32_t)((*p)[5] <= '9' ? (*p)[5] - '0' :
		    (*p)[5] - 'a' + 10);
		*p += 6;
		return cp;
	}
	if (**p == '\\') {
		s = strchr(shorts, (*p)[1]);
		cp = s != NULL ? (uint8_t)s[1] : (*p)[1];
		*p += 2;
		return cp;
	}
	cp = ipc_utf8_get(*p, &len);
	*p += len;
	return cp >= 0x10000 ? cp - 0x10000 + 0xD800 :
	    cp >= 0xE000 ? cp + 0x200000 : cp;
}

int
ipc_json_order(const uint8_t *a, size_t an, const uint8_t *b, size_t bn)
{
	const uint8_t *ae = a + an - 1, *be = b + bn - 1;
	uint32_t x, y;

	for (a++, b++; a < ae && b < be;) {
		x = next_unit(&a, ae);
		y = next_unit(&b, be);
		if (x != y)
			return x < y ? -1 : 1;
	}
	return (a < ae) - (b < be);
}
