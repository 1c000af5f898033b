/*
 * One member of a JSON object.  Every input is put at the end of memory of
 * its own size, so that a sanitizer sees a read behind it, and every true
 * beginning of a good object has to be refused.
 */
#include "wire/member.h"

#include <stdlib.h>

#include "base/text.h"
#include "check.h"

static enum ipc_member
find_in(const char *json, size_t len, const char *name, char *out,
    size_t outlen)
{
	uint8_t *copy = malloc(len + 1);
	const uint8_t *value;
	enum ipc_member rc;
	size_t vlen;

	if (copy == NULL)
		exit(1);
	memcpy(copy + 1, json, len);
	rc = ipc_member_find(copy + 1, len, name, strlen(name), &value,
	    &vlen);
	snprintf(out, outlen, "%.*s", (int)vlen,
	    value != NULL ? (const char *)value : "");
	if ((rc == IPC_MEMBER_FOUND) != (value != NULL))
		snprintf(out, outlen, "!");
	free(copy);
	return rc;
}

static void
finds(const char *json, const char *name, const char *want)
{
	char got[200], text[200];
	size_t n = strlen(json), last = n, i, bad = 0;

	ipc_escape(text, sizeof(text), json, n);
	ok(find_in(json, n, name, got, sizeof(got)) == IPC_MEMBER_FOUND,
	    "found in %s", text);
	is_str(got, want, "its text");
	while (last > 0 && json[last - 1] != '}')
		last--;
	for (i = 0; i < last; i++)
		bad += find_in(json, i, name, got, sizeof(got)) ==
		    IPC_MEMBER_BAD;
	is_u64(bad, last, "no beginning of it is an object");
}

static void
is_not(enum ipc_member want, const char *json, const char *name)
{
	char got[200], text[200];

	ipc_escape(text, sizeof(text), json, strlen(json));
	ok(find_in(json, strlen(json), name, got, sizeof(got)) == want,
	    "%d: %s", (int)want, text);
	is_str(got, "", "no text");
}

static void
values(void)
{
	finds("{\"id\":7}", "id", "7");
	finds(" \r\n\t{ \"id\" : -1.5E+3 } \n", "id", "-1.5E+3");
	finds("{\"a\":[1,{\"id\":2}],\"id\":\"x\\\"}\"}", "id",
	    "\"x\\\"}\"");
	finds("{\"id\":null,\"b\":true,\"c\":false}", "id", "null");
	finds("{\"b\":true,\"id\":false,\"c\":{}}", "id", "false");
	finds("{\"id\":{\"id\":[1, 2]} ,\"x\":[]}", "id",
	    "{\"id\":[1, 2]}");
	finds("{\"id\":[ ]}", "id", "[ ]");
	finds("{\"\":1}", "", "1");
	finds("{\"Id\":1,\"id\":2,\"ID\":3,\"id \":4}", "id", "2");
	finds("{\"i\":1,\"idd\":2,\"id\":\"\"}", "id", "\"\"");
}

static void
names(void)
{
	finds("{\"\\u0069\\u0064\":1}", "id", "1");
	finds("{\"\\\"\\\\\\/\\b\\f\\n\\r\\t\":1}", "\"\\/\b\f\n\r\t", "1");
	finds("{\"\\u00e9\":1}", "\xC3\xA9", "1");
	finds("{\"\xC3\xA9\":1}", "\xC3\xA9", "1");
	finds("{\"\\u20AC\":1}", "\xE2\x82\xAC", "1");
	finds("{\"\\ud83d\\uDE00x\":1}", "\xF0\x9F\x98\x80x", "1");
	is_not(IPC_MEMBER_NONE, "{\"\\ud83d\":1}", "\xED\xA0\xBD");
	is_not(IPC_MEMBER_NONE, "{\"\\ude00\\ud83d\":1}", "x");
	is_not(IPC_MEMBER_NONE, "{\"\\ud83d\\u0041\":1}", "A");
	is_not(IPC_MEMBER_NONE, "{\"\\ud83d\\n12345\":1}", "A");
	is_not(IPC_MEMBER_NONE, "{\"\\u00g9\":1}", "\xC3\xA9");
	is_not(IPC_MEMBER_NONE, "{\"\\u00e\":1}", "\xC3\xA9");
	is_not(IPC_MEMBER_NONE, "{\"\\x\":1}", "x");
	is_not(IPC_MEMBER_NONE, "{\"\\u0000\":1}", "");
	is_not(IPC_MEMBER_NONE, "{\"i\\u0064\":1}", "i");
	is_not(IPC_MEMBER_NONE, "{\"i\":1}", "i\\u0064");
}

static void
refused(void)
{
	static const char *const bad[] = {
		"", " ", "{", "}", "[]", "[{\"id\":1}]", "\"id\"", "7",
		"{id:1}", "{\"id\"}", "{\"id\":}", "{\"id\":1,}",
		"{,\"id\":1}", "{\"id\" 1}", "{\"id\":1 2}", "{\"id\":1}}",
		"{\"id\":1}{\"id\":1}", "{\"id\":1} x", "{\"id\":[}",
		"{\"id\":[1}]", "{\"id\":{1]}", "{\"id\":\"\n\"}",
		"{\"i\nd\":1}", "{\"id\":1;\"b\":2}", "{\"id\"::1}",
		"{\"id\":'1'}", "{} {}", "{}x", "\xEF\xBB\xBF{\"id\":1}",
	};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		is_not(IPC_MEMBER_BAD, bad[i], "id");
	is_not(IPC_MEMBER_NONE, "{}", "id");
	is_not(IPC_MEMBER_NONE, " { } ", "");
	is_not(IPC_MEMBER_NONE, "{\"a\":{\"id\":1}}", "id");
	is_not(IPC_MEMBER_NONE, "{\"a\":\"\\\"id\\\":1\"}", "id");
	is_not(IPC_MEMBER_TWICE, "{\"id\":1,\"id\":1}", "id");
	is_not(IPC_MEMBER_TWICE, "{\"id\":1,\"i\\u0064\":2}", "id");
}

/* The value of x nests n deep, alternating brackets; `wrong` mismatches the
 * closing one at that level. */
static enum ipc_member
nested(size_t n, size_t wrong)
{
	size_t len = 0, i, vlen;
	char *s = malloc(2 * n + 32);
	const uint8_t *value;
	enum ipc_member rc;

	if (s == NULL)
		exit(1);
	len += (size_t)sprintf(s, "{\"x\":");
	for (i = 0; i < n; i++)
		s[len++] = i % 3 == 0 ? '[' : '{';
	for (i = n; i-- > 0;)
		s[len++] = (i % 3 == 0) != (i == wrong) ? ']' : '}';
	len += (size_t)sprintf(s + len, ",\"id\":1}");
	rc = ipc_member_find((const uint8_t *)s, len, "id", 2, &value, &vlen);
	free(s);
	return rc;
}

static void
deep(void)
{
	size_t i, good = 0;

	for (i = 1; i <= IPC_MEMBER_DEPTH; i++)
		good += nested(i, SIZE_MAX) == IPC_MEMBER_FOUND;
	is_u64(good, IPC_MEMBER_DEPTH, "every depth up to the limit");
	ok(nested(IPC_MEMBER_DEPTH + 1, SIZE_MAX) == IPC_MEMBER_BAD,
	    "one more is refused");
	ok(nested(1000000, SIZE_MAX) == IPC_MEMBER_BAD, "and a million");
	for (i = 0, good = 0; i < IPC_MEMBER_DEPTH; i++)
		good += nested(IPC_MEMBER_DEPTH, i) == IPC_MEMBER_BAD;
	is_u64(good, IPC_MEMBER_DEPTH, "a wrong bracket at every level");
}

int
main(void)
{
	values();
	names();
	refused();
	deep();
	return done();
}
