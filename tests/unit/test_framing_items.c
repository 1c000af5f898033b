/*
 * Framings json, cbor, msgpack: where items end.  Rows of well-formed items
 * are read one after another, cut at every byte; malformed ones are refused;
 * nesting is bounded.
 */
#include "tests/unit/check.h"

#include <stdlib.h>

#include "base/error.h"
#include "wire/framing.h"

#define ROOM 4096

/* cbor and msgpack in hexadecimal, json as it is. */

/* RFC 8949 appendix A, and forms that it does not show. */
static const char *const cbor_good[] = {
	"00", "17", "1818", "1903e8", "1a000f4240", "1b000000e8d4a51000",
	"1bffffffffffffffff", "c249010000000000000000", "3bffffffffffffffff",
	"c349010000000000000000", "20", "3863", "3903e7", "f90000", "f93c00",
	"fb3ff199999999999a", "fa47c35000", "f97e00", "fa7f800000",
	"fb7ff0000000000000", "f4", "f5", "f6", "f7", "f0", "f8ff", "f820",
	"c074323031332d30332d32315432303a30343a30305a", "c11a514b67b0",
	"d74401020304", "d818456449455446",
	"d82076687474703a2f2f7777772e6578616d706c652e636f6d", "40",
	"4401020304", "60", "6161", "62225c", "64f0908591", "80", "83010203",
	"8301820203820405", "98190102030405060708090a0b0c0d0e0f10111213141516"
	"1718181819", "a0", "a201020304", "a26161016162820203",
	"826161a161626163", "a56161614161626142616361436164614461656145",
	"5f42010243030405ff", "7f657374726561646d696e67ff", "9fff",
	"9f018202039f0405ffff", "9f01820203820405ff", "83018202039f0405ff",
	"83019f0203ff820405", "9f0102030405060708090a0b0c0d0e0f101112131415161"
	"718181819ff", "bf61610161629f0203ffff", "826161bf61626163ff",
	"bf6346756ef563416d7421ff", "5fff", "7fff", "bfff", "5f4040ff",
	"c1c1c100", "d9d9f79fc000ff", "5800", "590000", "5b0000000000000001aa",
	"9800", "9a00000000", "bb0000000000000000", "a1a0a0", "bf80bfffff",
	NULL
};

/* RFC 8949 appendix F: too short first, then never right. */
static const char *const cbor_short[] = {
	"18", "19", "1a", "1b", "1901", "1a0102", "1b01020304050607", "38",
	"58", "78", "98", "9a01ff00", "b8", "d8", "f8", "f900", "fa0000",
	"fb000000", "41", "61", "81", "818181818181818181", "8200", "a1",
	"a20102", "a100", "a2000000", "c0", "5f4100", "7f6100", "9f",
	"9f0102", "bf", "bf01020102", "819f", "9f8000", "9f9f9f9f9fffffffff",
	"9f819f819f9fffffff", "5f", "c1c1", NULL
};
static const char *const cbor_bad[] = {
	"1c", "1d", "1e", "3c", "3d", "3e", "5c", "5d", "5e", "7c", "7d",
	"7e", "9c", "9d", "9e", "bc", "bd", "be", "dc", "dd", "de", "fc",
	"fd", "fe", "f800", "f801", "f818", "f81f", "5f00ff", "5f21ff",
	"5f6100ff", "5f80ff", "5fa0ff", "5fc000ff", "5fe0ff", "7f4100ff",
	"5f5f4100ffff", "7f7f6100ffff", "ff", "81ff", "8200ff", "a1ff",
	"a1ff00", "a100ff", "a20000ff", "9f81ff", "9f829f819f9fffffffff",
	"bf00ff", "bf000000ff", "1f", "3f", "df", "c0ff", "9fc0ff", NULL
};

static const char *const msgpack_good[] = {
	"00", "7f", "80", "8100c0", "8200010203", "90", "9101", "9f0102030405"
	"060708090a0b0c0d0e0f", "a0", "a161", "c0", "c2", "c3", "c400",
	"c402aabb", "c50001ff", "c600000001ff", "c7000a", "c7010aff",
	"c800020affff", "c9000000010aff", "ca00000000", "cb0000000000000000",
	"cc00", "cd0000", "ce00000000", "cf0000000000000000", "d000", "d10000",
	"d200000000", "d30000000000000000", "d40100", "d5010000",
	"d60100000000", "d7010000000000000000",
	"d80100000000000000000000000000000000", "d900", "d90161", "da000161",
	"db0000000161", "dc0000", "dc000201a161", "dd0000000190", "de0000",
	"de00010102", "df00000001a1619100", "e0", "ff", "929100920102",
	"81810001810001", NULL
};
static const char *const msgpack_short[] = {
	"81", "8100", "91", "a1", "c4", "c401", "c500", "c50001", "c60000",
	"c7", "c701", "c7010a", "c8", "c90000", "ca000000", "cb00000000000000",
	"cc", "cd00", "ce", "cf", "d0", "d1", "d2", "d3", "d4", "d401",
	"d50100", "d6", "d7", "d801000000000000000000000000000000",
	"d9", "da00", "db", "dc", "dc00", "dc0001", "dd", "de", "df00000001",
	"df0000000100", "9291", "929100", NULL
};
static const char *const msgpack_bad[] = { "c1", "91c1", "8100c1", NULL };

/* In this order each may follow the one before at once. */
static const char *const json_good[] = {
	"{}", "[]", "{\"a\":1}", "[1,[2,[3]],{\"b\":[{}]}]",
	"\"a\"", "\"\"", "\"\\\"\"", "\"\\\\\"", "\"]}\"",
	"{\"k\\\"{\":\"}]\\\\\"}", "true", "false", "null", "0", "[\"\\u00e9"
	"\\n and a long string that takes more than a few words of memory\"]",
	"-1.5e+300", "{\"\":\"\\\\\\\\\"}", "\"\xc3\xa9\"", NULL
};
static const char *const json_bad[] = {
	"}", "]", "[}", "{]", "[[1,2}]", ",", ":", "a", "nul!", "trUe", "1x",
	"1-,", "-,", "1.e[", "\\", "'a'", "\x01", "\xef\xbb\xbf[]", NULL
};
static const char *const json_short[] = {
	"[", "{", "\"", "\"\\", "\"\\\"", "[[]", "{\"a", "t", "tru", "nul",
	"-", "1.", "1e", "[1,2", "{\"a\":1", NULL
};

static struct ipc_error err;

static size_t
put_item(uint8_t *to, const char *item, bool hex)
{
	unsigned int byte;
	size_t n = 0;

	if (!hex) {
		memcpy(to, item, strlen(item));
		return strlen(item);
	}
	for (; item[0] != '\0'; item += 2) {
		if (sscanf(item, "%2x", &byte) != 1)
			abort();
		to[n++] = (uint8_t)byte;
	}
	return n;
}

/* One call with an exact copy, so that a sanitizer sees a read past it. */
static int
call(struct ipc_unframe *u, const uint8_t *p, size_t n, bool eof,
    struct ipc_frame *f, size_t *need)
{
	uint8_t *copy = malloc(n > 0 ? n : 1);
	int rc;

	if (copy == NULL)
		abort();
	memcpy(copy, p, n);
	rc = ipc_unframe(u, copy, n, eof, f, need, &err);
	free(copy);
	return rc;
}

static int
alone(const char *word, const uint8_t *p, size_t n, bool bytewise)
{
	struct ipc_framing fr;
	struct ipc_unframe u = { .f = &fr };
	struct ipc_frame f;
	size_t need, i;
	int rc = 0;

	ipc_framing_parse(&fr, word, &err);
	for (i = 0; i < n && bytewise && rc == 0; i++)
		rc = call(&u, p, i, false, &f, &need);
	if (rc == 0)
		rc = call(&u, p, n, true, &f, &need);
	if (rc == 1 && f.off + f.len != n)
		rc = 2;
	ipc_unframe_free(&u);
	return rc;
}

/* All of them in one stream, with `first` bytes at first, then all. */
static const char *
in_a_row(const char *word, const char *const *items, const char *between,
    size_t first)
{
	static uint8_t bytes[ROOM], item[ROOM];
	bool hex = strcmp(word, "json") != 0;
	struct ipc_framing fr;
	struct ipc_unframe u = { .f = &fr };
	struct ipc_frame f;
	size_t i, n = 0, at = 0, need, len, have;
	int rc;

	ipc_framing_parse(&fr, word, &err);
	for (i = 0; items[i] != NULL; i++) {
		n += put_item(bytes + n, items[i], hex);
		n += put_item(bytes + n, between, false);
	}
	if (first > n)
		return NULL;
	for (i = 0, have = first; ; at += f.used) {
		rc = call(&u, bytes + at, have - at, have == n, &f, &need);
		if (rc < 0 || (rc == 0 && have == n))
			break;
		if (rc == 0) {
			have = n;
			continue;
		}
		len = items[i] == NULL ? 0 : put_item(item, items[i], hex);
		if (f.len != len || memcmp(bytes + at + f.off, item, len))
			break;
		i++;
	}
	ipc_unframe_free(&u);
	if (rc < 0)
		return err.what;
	if (rc == 1 || items[i] != NULL)
		return items[i] == NULL ? "too many" : items[i];
	return at + f.used == n ? NULL : "bytes are left";
}

static void
test_good(const char *word, const char *const *items, const char *between)
{
	bool hex = strcmp(word, "json") != 0;
	const char *bad = NULL;
	uint8_t p[ROOM];
	size_t i, n;

	for (i = 0; items[i] != NULL; i++) {
		n = put_item(p, items[i], hex);
		ok(alone(word, p, n, false) == 1, "%s %s", word, items[i]);
		ok(alone(word, p, n, true) == 1, "byte by byte");
	}
	for (i = 0; i < ROOM && bad == NULL; i++)
		bad = in_a_row(word, items, between, i);
	ok(bad == NULL, "%s: a stream cut at every byte%s%s", word,
	    bad != NULL ? ": " : "", bad != NULL ? bad : "");
}

static void
test_refused(const char *word, const char *const *items, const char *says)
{
	bool hex = strcmp(word, "json") != 0;
	uint8_t p[ROOM];
	size_t i, n;

	for (i = 0; items[i] != NULL; i++) {
		n = put_item(p, items[i], hex);
		ok(alone(word, p, n, false) == IPC_E_DATA &&
		    strstr(err.what, says) != NULL, "%s %s: %s", word,
		    items[i], err.what);
		ok(alone(word, p, n, true) == IPC_E_DATA &&
		    strstr(err.what, says) != NULL, "byte by byte");
	}
}

static void
test_depth(const char *word, uint8_t open, uint8_t middle, uint8_t shut,
    bool shuts)
{
	uint8_t p[3 * IPC_FRAME_DEPTH];
	size_t n, depth;

	for (depth = IPC_FRAME_DEPTH; depth <= IPC_FRAME_DEPTH + 1; depth++) {
		memset(p, open, depth);
		n = depth;
		p[n++] = middle;
		memset(p + n, shut, depth);
		n += shuts ? depth : 0;
		if (depth == IPC_FRAME_DEPTH)
			ok(alone(word, p, n, true) == 1, "%s: %d levels",
			    word, IPC_FRAME_DEPTH);
		else
			ok(alone(word, p, n, true) == IPC_E_DATA &&
			    strstr(err.what, "nested") != NULL, "%s: %s",
			    word, err.what);
	}
}

/* A level that was used for one kind of bracket is used for the other. */
static void
test_json_levels(void)
{
	static const char part[] = "[{[{[{[{[{[{[{[{[{[{[{[{[{[{[{[{[{";
	char deep[3 * sizeof(part)];
	uint8_t p[ROOM];
	size_t n = 0, k, i, len;

	len = (size_t)snprintf(deep, sizeof(deep), "%s[%s[[%s", part, part,
	    part + 6);
	p[n++] = '[';
	for (k = 0; k < 2; k++) {
		for (i = 0; i < len; i++)
			p[n++] = (uint8_t)deep[i + k < len ? i + k : 0];
		for (i = len; i-- > 0;)
			p[n++] = deep[i + k < len ? i + k : 0] == '[' ? ']' :
			    '}';
		p[n++] = k == 0 ? ',' : ']';
	}
	ok(alone("json", p, n, false) == 1, "json: mixed levels, twice");
	for (k = 0, i = 0; i < n; i++)
		if (p[i] == ']' || p[i] == '}') {
			p[i] ^= ']' ^ '}';
			k += alone("json", p, n, false) != IPC_E_DATA;
			p[i] ^= ']' ^ '}';
		}
	ok(k == 0, "json: any wrong bracket is found");
}

static void
test_memory(void)
{
	struct ipc_framing fr;
	struct ipc_unframe u = { .f = &fr };
	struct ipc_frame f;
	size_t need;

	ipc_framing_parse(&fr, "msgpack", &err);
	ok(call(&u, (const uint8_t *)"\xa1\x61", 2, false, &f, &need) == 1 &&
	    u.stack == NULL, "nothing is allocated without nesting");
	ok(call(&u, (const uint8_t *)"\xdc\xff\xff", 3, false, &f, &need) == 0
	    && need == 4, "need is what is sure: %zu", need);
	ipc_unframe_free(&u);
	ok(u.stack == NULL, "freed");
	ipc_unframe_free(&u);
	memset(&u, 0, sizeof(u));
	u.f = &fr;
	ok(call(&u, (const uint8_t *)"\xc6\x00\x0f\x00\x00", 5, false, &f,
	    &need) == 0 && need == 5 + 0xf0000, "need of a string");
	memset(&u, 0, sizeof(u));
	u.f = &fr;
	ipc_framing_parse(&fr, "json", &err);
	ok(call(&u, (const uint8_t *)" \x1e\n[[\"", 6, false, &f, &need) == 0
	    && f.used == 3 && need == 9 && u.offset == 3,
	    "json: white space is skipped, brackets are counted: %zu", need);
	ipc_unframe_free(&u);
	memset(&u, 0, sizeof(u));
	u.f = &fr;
	ipc_framing_parse(&fr, "cbor", &err);
	ok(call(&u, (const uint8_t *)"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
	    9, false, &f, &need) == IPC_E_DATA && strstr(err.what,
	    "18446744073709551615 bytes") != NULL, "cbor: %s", err.what);
}

int
main(void)
{
	test_good("cbor", cbor_good, "");
	test_good("msgpack", msgpack_good, "");
	test_good("json", json_good, " ");
	test_good("json", json_good, "\r\n\t\x1e");
	test_refused("cbor", cbor_short, "");
	test_refused("cbor", cbor_bad, "garbled");
	test_refused("msgpack", msgpack_short, "ended in the middle");
	test_refused("msgpack", msgpack_bad, "garbled");
	test_refused("json", json_bad, "garbled");
	test_refused("json", json_short, "ended in the middle");
	test_depth("cbor", 0x81, 0x00, 0, false);
	test_depth("cbor", 0x9f, 0x00, 0xff, true);
	test_depth("msgpack", 0x91, 0x00, 0, false);
	test_depth("json", '[', '1', ']', true);
	test_json_levels();
	test_memory();
	return done();
}
