/* Text: growing strings, escaping, JSON, the nearest word. */
#include "base/text.h"

#include <stdlib.h>

#include "check.h"

static void
growing(void)
{
	struct ipc_text t = { 0 };
	size_t i;

	ipc_text_add(&t, "%s", "");
	ok(t.s != NULL && t.s[0] == '\0' && t.len == 0, "nothing added");
	ipc_text_add(&t, "a%d", 1);
	ipc_text_put(&t, "b\0c", 3);
	ok(t.len == 5 && memcmp(t.s, "a1b\0c", 6) == 0, "bytes and formats");
	for (i = 0; i < 20000; i++)
		ipc_text_add(&t, "%05zu", i);
	is_u64(t.len, 100005, "it grows");
	is_str(t.s + 100000, "19999", "and is terminated");
	ipc_text_free(&t);
	ok(t.s == NULL && t.len == 0, "freed");
	ipc_text_free(&t);
	ipc_text_put(&t, NULL, 0);
	is_str(t.s, "", "zero bytes");
	ipc_text_put(&t, "x", SIZE_MAX);
	ok(t.failed, "an absurd length fails");
	ipc_text_put(&t, "x", 1);
	is_u64(t.len, 0, "and nothing is added after");
	ipc_text_free(&t);
}

struct row {
	const char *src;
	size_t	 len;		/* 0: strlen */
	const char *escaped;
	const char *json;
};

static const struct row rows[] = {
	{ "", 0, "", "" },
	{ "plain text", 0, "plain text", "plain text" },
	{ "a\\b", 0, "a\\\\b", "a\\\\b" },
	{ "say \"x\"", 0, "say \"x\"", "say \\\"x\\\"" },
	{ "\x1b[31m", 0, "\\x1b[31m", "\\u001b[31m" },
	{ "\b\t\n\v\f\r", 0, "\\x08\\x09\\x0a\\x0b\\x0c\\x0d",
	    "\\b\\t\\n\\u000b\\f\\r" },
	{ "a\0b", 3, "a\\x00b", "a\\u0000b" },
	{ "\x7f", 0, "\\x7f", "\\u007f" },
	{ "gr\xC3\xBC\xC3\x9F", 0, "gr\xC3\xBC\xC3\x9F",
	    "gr\xC3\xBC\xC3\x9F" },
	{ "\xE2\x82\xAC\xF0\x9F\x90\x88", 0, "\xE2\x82\xAC\xF0\x9F\x90\x88",
	    "\xE2\x82\xAC\xF0\x9F\x90\x88" },
	{ "\xC2\x9B" "31m", 0, "\\xc2\\x9b31m", "\\u009b31m" },
	{ "\xC2\xA0", 0, "\xC2\xA0", "\xC2\xA0" },
	/* bidi and line separators */
	{ "\xE2\x80\xAE" "x", 0, "\\xe2\\x80\\xaex", "\\u202ex" },
	{ "\xE2\x80\x8E", 0, "\\xe2\\x80\\x8e", "\\u200e" },
	{ "\xE2\x81\xA6", 0, "\\xe2\\x81\\xa6", "\\u2066" },
	{ "\xE2\x81\xA9", 0, "\\xe2\\x81\\xa9", "\\u2069" },
	{ "\xE2\x81\xAA", 0, "\xE2\x81\xAA", "\xE2\x81\xAA" },
	{ "\xE2\x80\xA8", 0, "\\xe2\\x80\\xa8", "\\u2028" },
	{ "\xD8\x9C", 0, "\\xd8\\x9c", "\\u061c" },
	/* invalid UTF-8 */
	{ "\x80", 0, "\\x80", "\xEF\xBF\xBD" },
	{ "\xFF\xFE", 0, "\\xff\\xfe", "\xEF\xBF\xBD\xEF\xBF\xBD" },
	{ "\xC0\xAF", 0, "\\xc0\\xaf", "\xEF\xBF\xBD\xEF\xBF\xBD" },
	{ "\xE0\x80\x80", 0, "\\xe0\\x80\\x80",
	    "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD" },
	{ "\xED\xA0\x80", 0, "\\xed\\xa0\\x80",
	    "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD" },
	{ "\xF4\x90\x80\x80", 0, "\\xf4\\x90\\x80\\x80",
	    "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD" },
	{ "\xE2\x82", 0, "\\xe2\\x82", "\xEF\xBF\xBD" },
	{ "\xE2\x82" "A", 0, "\\xe2\\x82A", "\xEF\xBF\xBD" "A" },
	{ "\xF0\x9F\x90" "\xC3\xBC", 0, "\\xf0\\x9f\\x90\xC3\xBC",
	    "\xEF\xBF\xBD\xC3\xBC" },
	{ "\xC3", 0, "\\xc3", "\xEF\xBF\xBD" },
	{ NULL, 0, NULL, NULL },
};

static void
escaping(void)
{
	const struct row *r;
	struct ipc_text t = { 0 };
	char buf[200];
	size_t len;

	for (r = rows; r->src != NULL; r++) {
		len = r->len != 0 ? r->len : strlen(r->src);
		is_str(ipc_escape(buf, sizeof(buf), r->src, len), r->escaped,
		    "escape, row %d", (int)(r - rows));
		ipc_text_put(&t, "", 0);
		ipc_text_json(&t, r->src, len);
		is_str(t.s, r->json, "json, row %d", (int)(r - rows));
		ipc_text_free(&t);
	}
}

/* Every size from 8: fits, is terminated, cut only at whole escapes. */
static void
cutting(void)
{
	static const char src[] = "ab\x1b" "cd\\ef\xE2\x82\xAC\xFF\xE2\x80\xAE";
	static const char full[] =
	    "ab\\x1bcd\\\\ef\xE2\x82\xAC\\xff\\xe2\\x80\\xae";
	static const size_t stops[] = { 0, 1, 2, 6, 7, 8, 10, 11, 12, 15, 19,
	    31 };
	char *buf;
	size_t size, i, n;
	bool whole;

	for (size = 8; size < sizeof(full) + 3; size++) {
		buf = malloc(size);
		ipc_escape(buf, size, src, sizeof(src) - 1);
		n = strlen(buf);
		if (size >= sizeof(full)) {
			is_str(buf, full, "size %zu: all of it", size);
			free(buf);
			continue;
		}
		whole = false;
		for (i = 0; i < sizeof(stops) / sizeof(stops[0]); i++)
			whole = whole || n - 3 == stops[i];
		ok(n < size && whole && strcmp(buf + n - 3, "...") == 0 &&
		    memcmp(buf, full, n - 3) == 0, "size %zu: cut at an "
		    "escape", size);
		free(buf);
	}
	buf = malloc(8);
	is_str(ipc_escape(buf, 8, "1234567", 7), "1234567", "exactly full");
	is_str(ipc_escape(buf, 8, "12345678", 8), "1234...", "one too many");
	is_str(ipc_escape(buf, 8, NULL, 0), "", "nothing");
	free(buf);
}

static void
nearest(void)
{
	static const char *const words[] = { "tcp", "udp", "unix", "unixgram",
	    "fifo", "file", "queue", "retry", "connect-timeout", NULL };
	static const char *const none[] = { NULL };
	static const struct {
		const char *bad, *want;
	} pairs[] = {
		{ "tpc", "tcp" }, { "tc", "tcp" }, { "tcpp", "tcp" },
		{ "ucp", "tcp" }, { "unx", "unix" }, { "uinx", "unix" },
		{ "unixgrma", "unixgram" }, { "fiel", "file" },
		{ "qeueu", NULL }, { "queu", "queue" }, { "tcp", "tcp" },
		{ "conect-timeuot", "connect-timeout" },
		{ "conect-tmieot", "connect-timeout" },
		{ "xyzzy", NULL }, { "", NULL }, { "http", NULL },
		{ "retyr", "retry" }, { "timeout", NULL },
	};
	char big[5000];
	size_t i;

	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		is_str(ipc_nearest(pairs[i].bad, words), pairs[i].want,
		    "nearest to \"%s\"", pairs[i].bad);
	ok(ipc_nearest("tcp", none) == NULL, "no words");
	memset(big, 'a', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	ok(ipc_nearest(big, words) == NULL, "a huge word");
}

int
main(void)
{
	growing();
	escaping();
	cutting();
	nearest();
	return done();
}
