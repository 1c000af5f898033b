/*
 * CBOR: every example of RFC 8949 appendix A, what appendix F calls not
 * well-formed, hostile lengths, and the writer's choices.
 *
 * The examples go to a writer of diagnostic notation, which is here and shows
 * each event as it came.  Its reals are the shortest decimals.
 */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "check.h"
#include "codec/codec.h"
#include "codec/number.h"

static struct ipc_error err;

/* --- a writer of diagnostic notation --- */

static int
say(struct ipc_codec *c, const char *s, size_t n)
{
	const struct ipc_level *l = ipc_level_top(c);
	const char *sep = c->level == 0 || l->items == 0 ? "" :
	    l->map && (l->items & 1) != 0 ? ": " : ", ";
	int rc;

	if (l->hint == 1)		/* behind the ( of a tag */
		sep = "";
	if ((rc = ipc_codec_add(c, sep, strlen(sep))) != 0)
		return rc;
	return ipc_codec_add(c, s, n);
}

static int
end_item(struct ipc_codec *c, int rc)
{
	struct ipc_level *l = ipc_level_top(c);

	for (; rc == 0 && l->hint > 0; l->hint--)
		rc = ipc_codec_add(c, ")", 1);
	return rc != 0 ? rc : ipc_level_item(c, 0);
}

static int
word(struct ipc_codec *c, const char *s)
{
	return end_item(c, say(c, s, strlen(s)));
}

static int
d_null(struct ipc_codec *c)
{
	return word(c, "null");
}

static int
d_undefined(struct ipc_codec *c)
{
	return word(c, "undefined");
}

static int
d_boolean(struct ipc_codec *c, bool v)
{
	return word(c, v ? "true" : "false");
}

static int
d_uint(struct ipc_codec *c, uint64_t v)
{
	char s[40];

	snprintf(s, sizeof(s), "%ju", (uintmax_t)v);
	return word(c, s);
}

static int
d_nint(struct ipc_codec *c, uint64_t v)
{
	char s[40];

	snprintf(s, sizeof(s), "-1-%ju", (uintmax_t)v);
	return word(c, s);
}

static int
d_bigint(struct ipc_codec *c, bool negative, const char *digits, size_t n)
{
	int rc = say(c, negative ? "-" : "+", 1);

	return end_item(c, rc != 0 ? rc : ipc_codec_add(c, digits, n));
}

static int
d_real(struct ipc_codec *c, double v, const char *text, size_t n)
{
	char s[IPC_NUMBER_TEXT];

	(void)text;
	(void)n;
	if (!isfinite(v))
		return word(c, isnan(v) ? "NaN" : v < 0 ? "-Infinity" :
		    "Infinity");
	return end_item(c, say(c, s, ipc_number_real(s, v)));
}

static int
d_text(struct ipc_codec *c, const uint8_t *p, size_t n)
{
	int rc = say(c, "\"", 1);

	if (rc == 0)
		rc = ipc_codec_add(c, p, n);
	return end_item(c, rc != 0 ? rc : ipc_codec_add(c, "\"", 1));
}

static int
d_bytes(struct ipc_codec *c, const uint8_t *p, size_t n)
{
	int rc = say(c, "h'", 2);

	for (size_t i = 0; i < n && rc == 0; i++) {
		char s[3];

		snprintf(s, sizeof(s), "%02x", p[i]);
		rc = ipc_codec_add(c, s, 2);
	}
	return end_item(c, rc != 0 ? rc : ipc_codec_add(c, "'", 1));
}

static int
d_begin(struct ipc_codec *c, bool map, uint64_t count)
{
	const char *open = count != IPC_COUNT_UNKNOWN ? map ? "{" : "[" :
	    map ? "{_ " : "[_ ";
	int rc = say(c, open, strlen(open));

	return rc != 0 ? rc : ipc_level_open(c, map, count, 0);
}

static int
d_begin_array(struct ipc_codec *c, uint64_t count)
{
	return d_begin(c, false, count);
}

static int
d_begin_map(struct ipc_codec *c, uint64_t count)
{
	return d_begin(c, true, count);
}

static int
d_end(struct ipc_codec *c)
{
	bool map = ipc_level_top(c)->map;

	ipc_level_close(c);
	return end_item(c, ipc_codec_add(c, map ? "}" : "]", 1));
}

static int
d_tag(struct ipc_codec *c, uint64_t tag)
{
	char s[40];
	int n = snprintf(s, sizeof(s), "%ju(", (uintmax_t)tag);
	int rc = say(c, s, (size_t)n);

	ipc_level_top(c)->hint++;
	return rc;
}

static int
d_simple(struct ipc_codec *c, uint8_t v)
{
	char s[40];

	snprintf(s, sizeof(s), "simple(%u)", v);
	return word(c, s);
}

static const struct ipc_format_ops diagnostic = {
	.name = "diagnostic",
	.write = {
		.null = d_null, .undefined = d_undefined,
		.boolean = d_boolean, .uint = d_uint, .nint = d_nint,
		.bigint = d_bigint, .real = d_real, .text = d_text,
		.bytes = d_bytes, .begin_array = d_begin_array,
		.begin_map = d_begin_map, .end = d_end, .tag = d_tag,
		.simple = d_simple,
	},
};

/* --- help --- */

static size_t
from_hex(uint8_t *to, const char *hex)
{
	size_t n = 0;
	unsigned int b;

	for (; sscanf(hex, "%2x", &b) == 1; hex += 2)
		to[n++] = (uint8_t)b;
	return n;
}

static char *
to_hex(const struct ipc_buf *b)
{
	static char s[8192];

	s[0] = '\0';
	for (size_t i = 0; i < b->len && i < sizeof(s) / 2 - 1; i++)
		snprintf(s + i * 2, 3, "%02x", b->p[i]);
	return s;
}

/* An exact heap copy, so that a sanitizer sees a read past the end. */
static int
run(struct ipc_codec *c, const uint8_t *p, size_t n, struct ipc_buf *out)
{
	uint8_t *copy = malloc(n > 0 ? n : 1);
	int rc;

	if (copy == NULL)
		return IPC_E_NET;
	memcpy(copy, p, n);
	out->len = 0;
	rc = ipc_codec_convert(c, copy, n, out, &err);
	free(copy);
	return rc;
}

static const char *
as_text(struct ipc_buf *out)
{
	static char s[8192];
	size_t n = out->len < sizeof(s) - 1 ? out->len : sizeof(s) - 1;

	memcpy(s, out->p, n);
	s[n] = '\0';
	return s;
}

/* --- RFC 8949 appendix A --- */

static const struct {
	const char *hex, *diag;
	const char *again;	/* as we write it, NULL: the same */
} vectors[] = {
	{ "00", "0", NULL }, { "01", "1", NULL }, { "0a", "10", NULL },
	{ "17", "23", NULL }, { "1818", "24", NULL },
	{ "1819", "25", NULL }, { "1864", "100", NULL },
	{ "1903e8", "1000", NULL }, { "1a000f4240", "1000000", NULL },
	{ "1b000000e8d4a51000", "1000000000000", NULL },
	{ "1bffffffffffffffff", "18446744073709551615", NULL },
	{ "c249010000000000000000", "+18446744073709551616", NULL },
	{ "3bffffffffffffffff", "-1-18446744073709551615", NULL },
	{ "c349010000000000000000", "-18446744073709551617", NULL },
	{ "20", "-1-0", NULL }, { "29", "-1-9", NULL },
	{ "3863", "-1-99", NULL }, { "3903e7", "-1-999", NULL },
	{ "f90000", "0.0", NULL }, { "f98000", "-0.0", NULL },
	{ "f93c00", "1.0", NULL },
	{ "fb3ff199999999999a", "1.1", NULL },
	{ "f93e00", "1.5", NULL }, { "f97bff", "65504.0", NULL },
	{ "fa47c35000", "100000.0", NULL },
	{ "fa7f7fffff", "3.4028234663852886e+38", NULL },
	{ "fb7e37e43c8800759c", "1e+300", NULL },
	{ "f90001", "5.960464477539063e-8", NULL },
	{ "f90400", "0.00006103515625", NULL },
	{ "f9c400", "-4.0", NULL },
	{ "fbc010666666666666", "-4.1", NULL },
	{ "f97c00", "Infinity", NULL }, { "f97e00", "NaN", NULL },
	{ "f9fc00", "-Infinity", NULL },
	{ "fa7f800000", "Infinity", "f97c00" },
	{ "fa7fc00000", "NaN", "f97e00" },
	{ "faff800000", "-Infinity", "f9fc00" },
	{ "fb7ff0000000000000", "Infinity", "f97c00" },
	{ "fb7ff8000000000000", "NaN", "f97e00" },
	{ "fbfff0000000000000", "-Infinity", "f9fc00" },
	{ "f4", "false", NULL }, { "f5", "true", NULL },
	{ "f6", "null", NULL }, { "f7", "undefined", NULL },
	{ "f0", "simple(16)", NULL }, { "f8ff", "simple(255)", NULL },
	{ "c074323031332d30332d32315432303a30343a30305a",
	    "0(\"2013-03-21T20:04:00Z\")", NULL },
	{ "c11a514b67b0", "1(1363896240)", NULL },
	{ "c1fb41d452d9ec200000", "1(1363896240.5)", NULL },
	{ "d74401020304", "23(h'01020304')", NULL },
	{ "d818456449455446", "24(h'6449455446')", NULL },
	{ "d82076687474703a2f2f7777772e6578616d706c652e636f6d",
	    "32(\"http://www.example.com\")", NULL },
	{ "40", "h''", NULL }, { "4401020304", "h'01020304'", NULL },
	{ "60", "\"\"", NULL }, { "6161", "\"a\"", NULL },
	{ "6449455446", "\"IETF\"", NULL },
	{ "62225c", "\"\"\\\"", NULL },
	{ "62c3bc", "\"\303\274\"", NULL },
	{ "63e6b0b4", "\"\346\260\264\"", NULL },
	{ "64f0908591", "\"\360\220\205\221\"", NULL },
	{ "80", "[]", NULL }, { "83010203", "[1, 2, 3]", NULL },
	{ "8301820203820405", "[1, [2, 3], [4, 5]]", NULL },
	{ "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
	    "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, "
	    "18, 19, 20, 21, 22, 23, 24, 25]", NULL },
	{ "a0", "{}", NULL }, { "a201020304", "{1: 2, 3: 4}", NULL },
	{ "a26161016162820203", "{\"a\": 1, \"b\": [2, 3]}", NULL },
	{ "826161a161626163", "[\"a\", {\"b\": \"c\"}]", NULL },
	{ "a56161614161626142616361436164614461656145", "{\"a\": \"A\", "
	    "\"b\": \"B\", \"c\": \"C\", \"d\": \"D\", \"e\": \"E\"}", NULL },
	{ "5f42010243030405ff", "h'0102030405'", "450102030405" },
	{ "7f657374726561646d696e67ff", "\"streaming\"",
	    "6973747265616d696e67" },
	{ "9fff", "[_ ]", NULL },
	{ "9f018202039f0405ffff", "[_ 1, [2, 3], [_ 4, 5]]", NULL },
	{ "9f01820203820405ff", "[_ 1, [2, 3], [4, 5]]", NULL },
	{ "83018202039f0405ff", "[1, [2, 3], [_ 4, 5]]", NULL },
	{ "83019f0203ff820405", "[1, [_ 2, 3], [4, 5]]", NULL },
	{ "9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff",
	    "[_ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, "
	    "18, 19, 20, 21, 22, 23, 24, 25]", NULL },
	{ "bf61610161629f0203ffff", "{_ \"a\": 1, \"b\": [_ 2, 3]}", NULL },
	{ "826161bf61626163ff", "[\"a\", {_ \"b\": \"c\"}]", NULL },
	{ "bf6346756ef563416d7421ff", "{_ \"Fun\": true, \"Amt\": -1-1}",
	    NULL },
	/* Not in the appendix: other spellings. */
	{ "1800", "0", "00" }, { "1b0000000000000001", "1", "01" },
	{ "c240", "0", "00" }, { "c3420000", "-1-0", "20" },
	{ "c2480000000000000001", "1", "01" },
	{ "c25f41014800000000000000" "00ff", "+18446744073709551616",
	    "c249010000000000000000" },
	{ "5f5f", NULL, NULL }, { "5fff", "h''", "40" },
	{ "7f6061616000", NULL, NULL }, { "7f606161" "60ff", "\"a\"",
	    "6161" },
	{ "5803010203", "h'010203'", "43010203" },
	{ "b801" "0102", "{1: 2}", "a10102" },
	{ "f820", "simple(32)", NULL }, { "e0", "simple(0)", NULL },
	{ "c1c20105", NULL, NULL },
	{ "c1d9d9f7c24101", "1(55799(1))", "c1d9d9f701" },
	{ "a1820102c100", "{[1, 2]: 1(0)}", NULL },
};

static void
test_vectors(void)
{
	struct ipc_codec diag, self;
	struct ipc_buf out = { 0 };

	ok(ipc_codec_init(&diag, IPC_CBOR, IPC_JSON, NULL, &err) == 0 &&
	    ipc_codec_init(&self, IPC_CBOR, IPC_CBOR, NULL, &err) == 0,
	    "two converters");
	diag.to = &diagnostic;
	diag.on = &diagnostic.write;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const char *hex = vectors[i].hex, *again = vectors[i].again;
		uint8_t in[256];
		size_t n = from_hex(in, hex), whole = 0;
		int rc;

		out.len = 0;
		rc = ipc_codec_convert(&diag, in, n, &out, &err);
		if (vectors[i].diag == NULL) {
			ok(rc == IPC_E_DATA && out.len == 0, "%s: refused",
			    hex);
			continue;
		}
		ok(rc == 0, "%s: read (%s)", hex, rc != 0 ? err.what : "");
		is_str(as_text(&out), vectors[i].diag, "%s: what it is", hex);
		out.len = 0;
		rc = ipc_codec_convert(&self, in, n, &out, &err);
		ok(rc == 0, "%s: written", hex);
		is_str(to_hex(&out), again != NULL ? again : hex,
		    "%s: how it is written", hex);
		for (size_t k = 0; k < n; k++) {
			out.len = 0;
			if (ipc_codec_convert(&self, in, k, &out, &err) !=
			    IPC_E_DATA || out.len != 0)
				whole++;
		}
		is_u64(whole, 0, "%s: cut anywhere it is refused", hex);
		in[n] = 0;
		ok(ipc_codec_convert(&self, in, n + 1, &out, &err) ==
		    IPC_E_DATA, "%s: nothing may follow", hex);
	}
	diag.to = &ipc_format_json;
	ipc_codec_free(&diag);
	ipc_codec_free(&self);
	ipc_buf_free(&out);
}

/* --- what is refused --- */

/* RFC 8949 appendix F.1 and more: the offset that must be named. */
static const struct {
	const char *hex;
	unsigned int at;
	const char *name;
} wrong[] = {
	{ "", 0, "nothing" },
	{ "18", 0, "head" }, { "19", 0, "head" }, { "1a", 0, "head" },
	{ "1b", 0, "head" }, { "1901", 0, "head" },
	{ "1a0102", 0, "head" }, { "1b01020304050607", 0, "head" },
	{ "38", 0, "head" }, { "58", 0, "head" }, { "78", 0, "head" },
	{ "98", 0, "head" }, { "9a01ff00", 0, "head" },
	{ "b8", 0, "head" }, { "d8", 0, "head" }, { "f8", 0, "head" },
	{ "f900", 0, "head" }, { "fa0000", 0, "head" },
	{ "fb000000", 0, "head" },
	{ "41", 0, "string" }, { "61", 0, "string" },
	{ "5affffffff00", 0, "string" },
	{ "5bffffffffffffffff010203", 0, "string" },
	{ "7affffffff00", 0, "string" },
	{ "7b7fffffffffffffff010203", 0, "string" },
	{ "81", 0, "array" }, { "818181818181818181", 8, "array" },
	{ "8200", 0, "array" }, { "a1", 0, "map" }, { "a20102", 0, "map" },
	{ "a100", 0, "map" }, { "a2000000", 0, "map" },
	{ "9b7fffffffffffffff", 0, "array" },
	{ "9bffffffffffffffff00", 0, "array" },
	{ "bbffffffffffffffff00", 0, "map" },
	{ "bb800000000000000000", 0, "map" },
	{ "c0", 1, "tag" }, { "5f4100", 3, "pieces" },
	{ "7f6100", 3, "pieces" }, { "9f", 1, "indefinite" },
	{ "9f0102", 3, "indefinite" }, { "bf", 1, "indefinite" },
	{ "bf01020102", 3, "indefinite" }, { "819f", 2, "indefinite" },
	{ "9f8000", 3, "indefinite" },
	{ "9f9f9f9f9fffffffff", 9, "indefinite" },
	{ "9f819f819f9fffffff", 9, "indefinite" },
	{ "1c", 0, "reserved" }, { "1d", 0, "reserved" },
	{ "1e", 0, "reserved" }, { "3c", 0, "reserved" },
	{ "5c", 0, "reserved" }, { "7d", 0, "reserved" },
	{ "9e", 0, "reserved" }, { "bc", 0, "reserved" },
	{ "dd", 0, "reserved" }, { "fc", 0, "reserved" },
	{ "fd", 0, "reserved" }, { "fe", 0, "reserved" },
	{ "f800", 0, "simple" }, { "f801", 0, "simple" },
	{ "f818", 0, "simple" }, { "f81f", 0, "simple" },
	{ "5f00ff", 1, "pieces" }, { "5f21ff", 1, "pieces" },
	{ "5f6100ff", 1, "pieces" }, { "5f80ff", 1, "pieces" },
	{ "5fc000ff", 1, "pieces" }, { "5fe0ff", 1, "pieces" },
	{ "7f4100ff", 1, "pieces" }, { "5f5f4100ffff", 1, "pieces" },
	{ "7f7f6100ffff", 1, "pieces" }, { "ff", 0, "break" },
	{ "81ff", 1, "break" }, { "8200ff", 2, "break" },
	{ "a1ff", 0, "break" }, { "a1ff00", 1, "break" },
	{ "a100ff", 2, "break" }, { "a20000ff00", 3, "break" },
	{ "a200ff000000", 2, "break" }, { "9f81ff", 2, "break" },
	{ "9f829f819f9fffffffff", 9, "break" },
	{ "bf00ff", 2, "break" }, { "bf000101ff", 4, "break" },
	{ "c0ff", 1, "break" }, { "9fc0ff", 2, "break" },
	{ "1f", 0, "indefinite" }, { "3f", 0, "indefinite" },
	{ "df", 0, "indefinite" },
	/* Well-formed, but not valid. */
	{ "61ff", 1, "UTF-8" }, { "62c0af", 1, "UTF-8" },
	{ "63eda080", 1, "UTF-8" }, { "6361c328", 2, "UTF-8" },
	{ "7f61c361bcff", 2, "UTF-8 across pieces" },
	{ "a2616100616100", 4, "duplicate" }, { "a201000101", 3, "duplicate" },
	{ "a20100180101", 3, "duplicate in another spelling" },
	{ "a261610" "07f6161ff00", 4, "duplicate in pieces" },
	{ "bf616100616101ff", 4, "duplicate" },
	{ "a2810000810000", 6, "duplicate" },
	{ "c200", 1, "bignum" }, { "c26100", 1, "bignum" },
	{ "c3c24101", 1, "bignum" }, { "0000", 1, "trailing" },
	{ "80ff", 1, "trailing" }, { "f6f6", 1, "trailing" },
};

static void
test_wrong(void)
{
	struct ipc_codec c;
	struct ipc_buf out = { 0 };

	ipc_codec_init(&c, IPC_CBOR, IPC_CBOR, NULL, &err);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char offset[40], *in = malloc(64);
		size_t n = from_hex((uint8_t *)in, wrong[i].hex);
		size_t len;
		int rc;

		in = realloc(in, n > 0 ? n : 1);
		memset(&err, 0, sizeof(err));
		rc = ipc_codec_convert(&c, (uint8_t *)in, n, &out, &err);
		ok(rc == IPC_E_DATA && err.code == rc && out.len == 0,
		    "%s: %s, refused", wrong[i].hex, wrong[i].name);
		snprintf(offset, sizeof(offset), " at offset %u",
		    wrong[i].at);
		len = strlen(err.what);
		ok(len > strlen(offset) && strcmp(err.what + len -
		    strlen(offset), offset) == 0, "%s: offset %u (%s)",
		    wrong[i].hex, wrong[i].at, err.what);
		free(in);
	}
	ok(c.scratch.cap < 65536 && out.cap < 65536,
	    "no length was believed: %zu and %zu bytes reserved",
	    c.scratch.cap, out.cap);
	ipc_codec_free(&c);
	ipc_buf_free(&out);
}

static void
test_depth(void)
{
	static const struct {
		uint8_t	open;
		const char *name;
	} kinds[] = { { 0x81, "arrays" }, { 0x9F, "endless arrays" },
	    { 0xC1, "tags" }, { 0xA1, "maps as keys" } };
	struct ipc_codec_opts opts = { .depth = 10 };
	struct ipc_codec c;
	struct ipc_buf out = { 0 };
	uint8_t in[100000];

	ipc_codec_init(&c, IPC_CBOR, IPC_CBOR, &opts, &err);
	for (size_t i = 0; i < 4; i++) {
		memset(in, kinds[i].open, sizeof(in));
		ok(ipc_codec_convert(&c, in, sizeof(in), &out, &err) ==
		    IPC_E_DATA, "100000 %s are refused", kinds[i].name);
	}
	memset(in, 0x81, 10);
	in[10] = 0;
	ok(ipc_codec_convert(&c, in, 11, &out, &err) == 0, "depth 10 of 10");
	memset(in, 0x81, 11);
	in[11] = 0;
	ok(ipc_codec_convert(&c, in, 12, &out, &err) == IPC_E_DATA,
	    "depth 11 of 10");
	ipc_codec_free(&c);
	ipc_buf_free(&out);
}

/* --- bignums at their limits, through JSON and back --- */

static void
test_bignum(void)
{
	struct ipc_codec to, from;
	struct ipc_buf json = { 0 }, out = { 0 };
	uint8_t in[1100];

	ipc_codec_init(&to, IPC_CBOR, IPC_JSON, NULL, &err);
	ipc_codec_init(&from, IPC_JSON, IPC_CBOR, NULL, &err);
	for (size_t n = 9; n <= 1026; n += n < 40 ? 1 : 197) {
		for (int neg = 0; neg < 2; neg++)
			for (int fill = 0; fill < 3; fill++) {
				uint8_t f = (uint8_t)(fill * 127 + fill / 2);
				size_t h = n < 256 ? 3 : 4;

				in[0] = neg ? 0xC3 : 0xC2;
				in[1] = n < 24 ? (uint8_t)(0x40 | n) :
				    n < 256 ? 0x58 : 0x59;
				in[2] = n < 256 ? (uint8_t)n :
				    (uint8_t)(n >> 8);
				in[3] = (uint8_t)n;
				h = n < 24 ? 2 : h;
				memset(in + h, f, n);
				in[h] |= 1;
				json.len = out.len = 0;
				if (n > 1024) {
					ok(ipc_codec_convert(&to, in, h + n,
					    &json, &err) == IPC_E_DATA,
					    "%zu bytes are refused", n);
					continue;
				}
				ok(ipc_codec_convert(&to, in, h + n, &json,
				    &err) == 0 && ipc_codec_convert(&from,
				    json.p, json.len, &out, &err) == 0 &&
				    out.len == h + n &&
				    memcmp(out.p, in, h + n) == 0,
				    "%zu bytes of %02x, sign %d, to digits and"
				    " back", n, f, neg);
			}
	}
	ipc_codec_free(&to);
	ipc_codec_free(&from);
	ipc_buf_free(&json);
	ipc_buf_free(&out);
}

/* --- the writer --- */

static void
check(enum ipc_format from, enum ipc_format to, bool canonical,
    const char *in, size_t n, const char *want)
{
	struct ipc_codec_opts opts = { .canonical = canonical };
	struct ipc_codec c;
	struct ipc_buf out = { 0 };
	int rc;

	ipc_codec_init(&c, from, to, &opts, &err);
	rc = ipc_codec_convert(&c, (const uint8_t *)in, n, &out, &err);
	if (want == NULL)
		ok(rc == IPC_E_DATA && out.len == 0, "refused: %s", err.what);
	else
		is_str(rc != 0 ? err.what : to == IPC_CBOR ? to_hex(&out) :
		    as_text(&out), want, "%.60s%s", from == IPC_CBOR ?
		    want : in, canonical ? ", canonical" : "");
	ipc_codec_free(&c);
	ipc_buf_free(&out);
}

static void
json(const char *in, const char *want)
{
	check(IPC_JSON, IPC_CBOR, false, in, strlen(in), want);
}

static void
canonical(const char *in, const char *want)
{
	check(IPC_JSON, IPC_CBOR, true, in, strlen(in), want);
}

static void
to_json(const char *hex, const char *want)
{
	uint8_t in[256];
	size_t n = from_hex(in, hex);

	check(IPC_CBOR, IPC_JSON, false, (const char *)in, n, want);
}

static void
test_writer(void)
{
	char many[200] = "[";

	json("[]", "9fff");
	json("{}", "bfff");
	json("{\"a\":[1,{\"b\":null}]}", "bf61619f01bf6162f6ffffff");
	json("18446744073709551615", "1bffffffffffffffff");
	json("18446744073709551616", "c249010000000000000000");
	json("-18446744073709551616", "3bffffffffffffffff");
	json("-18446744073709551617", "c349010000000000000000");
	json("65504.0", "f97bff");
	json("65505.0", "fa477fe100");
	json("5.960464477539063e-8", "f90001");
	json("5.960464477539063e-08", "f90001");
	json("8.940696716308594e-8", "fa33c00000");
	json("6.097555160522461e-05", "f903ff");
	json("1e-45", "fb3696d601ad376ab9");
	json("1.401298464324817e-45", "fa00000001");
	json("16777216.0", "fa4b800000");
	json("16777217.0", "fb4170000010000000");
	json("1e300", "fb7e37e43c8800759c");
	json("1e400", NULL);
	json("0.1", "fb3fb999999999999a");
	json("-0.0", "f98000");
	canonical("[]", "80");
	canonical("{}", "a0");
	canonical("{\"b\":1,\"a\":2,\"aa\":3,\"\":4,\"z\":{\"y\":0,\"x\":1}}",
	    "a560046161026162" "01617aa26178016179006261" "6103");
	for (int i = 0; i < 24; i++)
		strcat(many, i < 23 ? "0," : "0]");
	canonical(many, "9818" "000000000000000000000000"
	    "000000000000000000000000");
	check(IPC_CBOR, IPC_CBOR, true, "\xBF\x61" "b\x9F\xFF\x20\x01\x0A\x02"
	    "\xFF", 10, "a30a02200161" "6280");
	check(IPC_CBOR, IPC_CBOR, true, "\xA2\xF9\x3C\x00\x00\xFA\x3F\x80\x00"
	    "\x00\x00", 11, NULL);
}

/* RFC 8949 section 6.1: what JSON makes of it. */
static void
test_json(void)
{
	to_json("a201020304", "{\"1\":2,\"3\":4}");
	to_json("83f97e00f7f0", "[null,null,null]");
	to_json("4401020304", "\"AQIDBA\"");
	to_json("c11a514b67b0", "1363896240");
	to_json("c249010000000000000000", "18446744073709551616");
	to_json("a2016131613100", NULL);
}

/* MessagePack extensions, which only its reader tells of. */
static void
test_ext(void)
{
	check(IPC_MSGPACK, IPC_CBOR, false, "\xD6\xFF\x51\x4B\x67\xB0", 6,
	    "c11a514b67b0");
	check(IPC_MSGPACK, IPC_CBOR, false, "\xD7\xFF\x77\x35\x94\x00\x51\x4B"
	    "\x67\xB0", 10, "c1fb41d452d9ec200000");
	check(IPC_MSGPACK, IPC_CBOR, false, "\xC7\x0C\xFF\x00\x00\x00\x00\xFF"
	    "\xFF\xFF\xFF\xFF\xFF\xFF\xFE", 15, "c121");
	check(IPC_MSGPACK, IPC_CBOR, false, "\xD4\x05\x2A", 3, "412a");
}

/* Large definite lengths inside of the document, and the cap on output. */
static void
test_sizes(void)
{
	static const size_t sizes[] = { 23, 24, 255, 256, 65535, 65536 };
	struct ipc_codec_opts opts = { .max_out = 70000 };
	struct ipc_codec c;
	struct ipc_buf out = { 0 };
	uint8_t *in = calloc(1, 200000);

	ok(in != NULL, "memory");
	ipc_codec_init(&c, IPC_CBOR, IPC_CBOR, &opts, &err);
	for (size_t i = 0; i < 6 && in != NULL; i++) {
		size_t n = sizes[i], at;

		in[0] = 0x7A;
		for (int k = 0; k < 4; k++)
			in[1 + k] = (uint8_t)(n >> (24 - 8 * k));
		memset(in + 5, 'x', n);
		ok(run(&c, in, n + 5, &out) == 0, "text of %zu", n);
		at = n < 24 ? 1 : n < 256 ? 2 : n < 65536 ? 3 : 5;
		ok(out.len == at + n && memcmp(out.p + at, in + 5, n) == 0,
		    "text of %zu: shortest head, same text", n);
	}
	in[1] = 0;
	in[2] = 1;
	in[3] = in[4] = 0xFF;
	memset(in + 5, 'x', 0x1FFFF);
	ok(run(&c, in, 0x1FFFF + 5, &out) == IPC_E_DATA && out.len == 0,
	    "over max_out: %s", err.what);
	free(in);
	ipc_codec_free(&c);
	ipc_buf_free(&out);
}

int
main(void)
{
	test_vectors();
	test_wrong();
	test_depth();
	test_bignum();
	test_writer();
	test_json();
	test_ext();
	test_sizes();
	return done();
}
