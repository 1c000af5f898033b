/*
 * MessagePack: every form of its specification at its boundaries, both ways;
 * truncation; what other formats cannot say.
 */
#include "codec_help.h"

static const struct ipc_codec_opts plain, strict = { .strict = true };

/* One message and its JSON.  NULL as back: JSON gives the same bytes. */
static const struct {
	const char *hex, *json, *back;
} forms[] = {
	{ "c0", "null", NULL }, { "c2", "false", NULL },
	{ "c3", "true", NULL },
	{ "00", "0", NULL }, { "7f", "127", NULL },
	{ "cc 80", "128", NULL }, { "cc ff", "255", NULL },
	{ "cc 00", "0", "00" }, { "cc 7f", "127", "7f" },
	{ "cd 01 00", "256", NULL }, { "cd ff ff", "65535", NULL },
	{ "cd 00 ff", "255", "cc ff" },
	{ "ce 00 01 00 00", "65536", NULL },
	{ "ce ff ff ff ff", "4294967295", NULL },
	{ "ce 00 00 00 01", "1", "01" },
	{ "cf 00 00 00 01 00 00 00 00", "4294967296", NULL },
	{ "cf ff ff ff ff ff ff ff ff", "18446744073709551615", NULL },
	{ "cf 00 00 00 00 00 00 00 00", "0", "00" },
	{ "ff", "-1", NULL }, { "e0", "-32", NULL },
	{ "d0 df", "-33", NULL }, { "d0 80", "-128", NULL },
	{ "d0 ff", "-1", "ff" }, { "d0 7f", "127", "7f" },
	{ "d1 ff 7f", "-129", NULL }, { "d1 80 00", "-32768", NULL },
	{ "d1 7f ff", "32767", "cd 7f ff" },
	{ "d2 ff ff 7f ff", "-32769", NULL },
	{ "d2 80 00 00 00", "-2147483648", NULL },
	{ "d2 00 00 00 05", "5", "05" },
	{ "d3 ff ff ff ff 7f ff ff ff", "-2147483649", NULL },
	{ "d3 80 00 00 00 00 00 00 00", "-9223372036854775808", NULL },
	{ "d3 7f ff ff ff ff ff ff ff", "9223372036854775807",
	  "cf 7f ff ff ff ff ff ff ff" },
	{ "ca 3f c0 00 00", "1.5", "cb 3f f8 00 00 00 00 00 00" },
	{ "ca 80 00 00 00", "-0.0", "cb 80 00 00 00 00 00 00 00" },
	{ "cb 3f f0 00 00 00 00 00 00", "1.0", NULL },
	{ "cb 3f b9 99 99 99 99 99 9a", "0.1", NULL },
	{ "cb 7f ef ff ff ff ff ff ff", "1.7976931348623157e+308", NULL },
	{ "cb 7f f8 00 00 00 00 00 00", "null", "c0" },
	{ "ca ff 80 00 00", "null", "c0" },
	{ "a0", "\"\"", NULL }, { "a3 61 62 63", "\"abc\"", NULL },
	{ "a4 f0 9f 98 80", "\"\xF0\x9F\x98\x80\"", NULL },
	{ "a3 00 0a 22", "\"\\u0000\\n\\\"\"", NULL },
	{ "d9 01 61", "\"a\"", "a1 61" },
	{ "da 00 01 61", "\"a\"", "a1 61" },
	{ "db 00 00 00 01 61", "\"a\"", "a1 61" },
	{ "c4 00", "\"\"", "a0" },
	{ "c4 03 fb ff fe", "\"-__-\"", "a4 2d 5f 5f 2d" },
	{ "c5 00 01 61", "\"YQ\"", "a2 59 51" },
	{ "c6 00 00 00 02 61 62", "\"YWI\"", "a3 59 57 49" },
	{ "90", "[]", NULL }, { "80", "{}", NULL },
	{ "91 90", "[[]]", NULL }, { "93 01 02 03", "[1,2,3]", NULL },
	{ "dc 00 02 01 02", "[1,2]", "92 01 02" },
	{ "dd 00 00 00 01 80", "[{}]", "91 80" },
	{ "dc 00 00", "[]", "90" }, { "df 00 00 00 00", "{}", "80" },
	{ "82 a1 61 01 a1 62 90", "{\"a\":1,\"b\":[]}", NULL },
	{ "de 00 01 a1 61 81 a1 61 c0", "{\"a\":{\"a\":null}}",
	  "81 a1 61 81 a1 61 c0" },
	{ "df 00 00 00 01 a0 01", "{\"\":1}", "81 a0 01" },
	/* The example at the head of the specification's site. */
	{ "82 a7 63 6f 6d 70 61 63 74 c3 a6 73 63 68 65 6d 61 00",
	  "{\"compact\":true,\"schema\":0}", NULL },
	/* Keys that are not text. */
	{ "81 01 02", "{\"1\":2}", "81 a1 31 02" },
	{ "83 c0 01 c3 02 ff 03", "{\"null\":1,\"true\":2,\"-1\":3}",
	  "83 a4 6e 75 6c 6c 01 a4 74 72 75 65 02 a2 2d 31 03" },
	{ "81 92 01 a1 61 02", "{\"[1,\\\"a\\\"]\":2}",
	  "81 a7 5b 31 2c 22 61 22 5d 02" },
	{ "81 81 01 02 03", "{\"{\\\"1\\\":2}\":3}",
	  "81 a7 7b 22 31 22 3a 32 7d 03" },
	{ "81 c4 02 61 62 01", "{\"YWI\":1}", "81 a3 59 57 49 01" },
	/* Extensions: timestamps are seconds, the rest base64url. */
	{ "d4 05 ff", "\"_w\"", "a2 5f 77" },
	{ "d5 05 01 02", "\"AQI\"", "a3 41 51 49" },
	{ "d6 05 01 02 03 04", "\"AQIDBA\"", "a6 41 51 49 44 42 41" },
	{ "d7 05 00 00 00 00 00 00 00 00", "\"AAAAAAAAAAA\"",
	  "ab 41 41 41 41 41 41 41 41 41 41 41" },
	{ "d8 05 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
	  "\"AAAAAAAAAAAAAAAAAAAAAA\"",
	  "b6 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41 "
	  "41" },
	{ "c7 00 05", "\"\"", "a0" }, { "c7 01 80 61", "\"YQ\"", "a2 59 51" },
	{ "c8 00 01 05 61", "\"YQ\"", "a2 59 51" },
	{ "c9 00 00 00 01 05 61", "\"YQ\"", "a2 59 51" },
	{ "d6 ff 65 53 f1 00", "1700000000", "ce 65 53 f1 00" },
	{ "d6 ff 00 00 00 00", "0", "00" },
	{ "d7 ff 77 35 94 00 00 00 00 01", "1.5",
	  "cb 3f f8 00 00 00 00 00 00" },
	{ "d7 ff 00 00 00 04 00 00 00 02", "2.000000001",
	  "cb 40 00 00 00 00 22 5c 18" },
	{ "c7 0c ff 1d cd 65 00 ff ff ff ff ff ff ff ff", "-0.5",
	  "cb bf e0 00 00 00 00 00 00" },
	{ "c7 0c ff 00 00 00 00 ff ff ff ff ff ff ff fe", "-2", "fe" },
	{ "c7 0c ff 00 00 00 00 80 00 00 00 00 00 00 00",
	  "-9223372036854775808", "d3 80 00 00 00 00 00 00 00" },
	/* 10^9 nanoseconds and more are no timestamp. */
	{ "c7 0c ff 3b 9a ca 00 00 00 00 00 00 00 00 00",
	  "\"O5rKAAAAAAAAAAAA\"",
	  "b0 4f 35 72 4b 41 41 41 41 41 41 41 41 41 41 41 41" },
};

/* Too short, not UTF-8, too long, unknown, twice the same key. */
static const char *const invalid[] = {
	"", "c1", "91 c1", "cc", "cd 00", "ce 00 00 00", "cf 00 00 00",
	"d0", "d1 00", "d2 00", "d3 00", "ca 00 00 00", "cb 00",
	"a1", "a2 61", "d9", "d9 01", "da 00", "da 00 02 61", "db 00 00 00",
	"db ff ff ff ff 61", "c4", "c4 01", "c5 00", "c5 00 01",
	"c6 ff ff ff ff", "c7", "c7 00", "c7 01 05", "c8 00 01 05",
	"c9 ff ff ff ff 01", "d4", "d4 01", "d8 01 00", "91", "92 01", "81",
	"81 01", "dc", "dc 00", "dc 00 01", "dd ff ff ff ff",
	"dd 00 80 00 00", "de 00 01 01", "df ff ff ff ff", "df 80 00 00 00",
	"df 00 00 00 02 01 02 03", "00 00", "90 90", "c0 c0", "91 01 02",
	"a1 80", "a1 ff", "a2 c0 80", "a3 ed a0 80", "a2 e2 82", "d9 01 c3",
	"82 a1 61 01 a1 61 02", "82 01 01 01 02", "82 01 01 cc 01 02",
	"82 a1 61 01 d9 01 61 02", "82 90 01 dc 00 00 02",
	"82 81 01 02 03 81 01 02 04", "82 01 01 a1 31 02",
};

static void
check_forms(void)
{
	uint8_t bin[64], back[64];
	struct conv r, s;
	size_t i, n, m;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		n = unhex(bin, sizeof(bin), forms[i].hex);
		r = conv(IPC_MSGPACK, IPC_JSON, plain, bin, n);
		ok(gives(&r, forms[i].json, strlen(forms[i].json)),
		    "%s to JSON", forms[i].hex);
		m = unhex(back, sizeof(back), forms[i].back != NULL ?
		    forms[i].back : forms[i].hex);
		s = conv(IPC_JSON, IPC_MSGPACK, plain, r.out.p, r.out.len);
		ok(gives(&s, back, m), "%s back", forms[i].hex);
		drop(&r);
		drop(&s);
	}
}

static void
check_invalid(void)
{
	uint8_t bin[64];
	struct conv r;
	size_t i, n;

	for (i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
		n = unhex(bin, sizeof(bin), invalid[i]);
		r = conv(IPC_MSGPACK, IPC_JSON, plain, bin, n);
		ok(r.rc == IPC_E_DATA && r.out.len == 0,
		    "invalid %s: %s", invalid[i], r.err.what);
		drop(&r);
	}
}

/* Each form loses its end: an error, never a read beyond it. */
static void
check_prefixes(void)
{
	uint8_t bin[64];
	size_t i, n, k, wrong = 0;
	struct conv r;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		n = unhex(bin, sizeof(bin), forms[i].hex);
		for (k = 0; k < n; k++) {
			r = conv(IPC_MSGPACK, IPC_MSGPACK, plain, bin, k);
			wrong += r.rc != IPC_E_DATA;
			drop(&r);
		}
	}
	is_u64(wrong, 0, "every prefix of every form is refused");
}

/* Same bytes out, as far as they are the shortest form. */
static void
check_same(const char *hex, const char *want)
{
	uint8_t bin[64], out[64];
	size_t n = unhex(bin, sizeof(bin), hex);
	size_t m = unhex(out, sizeof(out), want);
	struct conv r = conv(IPC_MSGPACK, IPC_MSGPACK, plain, bin, n);

	ok(gives(&r, out, m), "%s stays", hex);
	drop(&r);
}

static void
check_identity(void)
{
	check_same("c4 02 61 62", "c4 02 61 62");
	check_same("c5 00 02 61 62", "c4 02 61 62");
	check_same("d4 05 ff", "d4 05 ff");
	check_same("d8 05 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f",
	    "d8 05 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f");
	check_same("c7 03 05 01 02 03", "c7 03 05 01 02 03");
	check_same("c7 00 05", "c7 00 05");
	check_same("c7 01 05 ff", "d4 05 ff");
	check_same("d6 ff 00 00 00 01", "d6 ff 00 00 00 01");
	check_same("ca 3f c0 00 00", "cb 3f f8 00 00 00 00 00 00");
	check_same("cb 7f f0 00 00 00 00 00 00", "cb 7f f0 00 00 00 00 00 00");
	check_same("82 01 02 a1 31 02", "82 01 02 a1 31 02");
	check_same("83 90 01 80 02 c4 00 03", "83 90 01 80 02 c4 00 03");
	check_same("dd 00 00 00 02 dc 00 01 c0 c2", "92 91 c0 c2");
}

/* --- sizes: every length form at its boundary --- */

static void
check_text_size(size_t n, const char *head)
{
	uint8_t want[8];
	size_t m = unhex(want, sizeof(want), head);
	char *s = malloc(n + 2);
	struct conv r, t;

	if (!ok(s != NULL, "memory"))
		return;
	memset(s, 'x', n + 2);
	s[0] = s[n + 1] = '"';
	r = conv(IPC_JSON, IPC_MSGPACK, plain, s, n + 2);
	ok(r.rc == 0 && r.out.len == m + n && memcmp(r.out.p, want, m) == 0,
	    "text of %zu bytes begins with %s", n, head);
	t = conv(IPC_MSGPACK, IPC_JSON, plain, r.out.p, r.out.len);
	ok(gives(&t, s, n + 2), "and comes back");
	drop(&r);
	drop(&t);
	free(s);
}

static void
check_array_size(size_t n, const char *head)
{
	uint8_t want[8];
	size_t m = unhex(want, sizeof(want), head), i;
	char *s = malloc(n * 2 + 2);
	struct conv r, t;

	if (!ok(s != NULL, "memory"))
		return;
	s[0] = '[';
	for (i = 0; i < n; i++) {
		s[i * 2 + 1] = (char)('0' + i % 10);
		s[i * 2 + 2] = ',';
	}
	s[n * 2] = ']';
	r = conv(IPC_JSON, IPC_MSGPACK, plain, s, n * 2 + 1);
	ok(r.rc == 0 && r.out.len == m + n && memcmp(r.out.p, want, m) == 0 &&
	    r.out.p[m] == 0 && r.out.p[m + n - 1] == (n - 1) % 10,
	    "array of %zu begins with %s", n, head);
	t = conv(IPC_MSGPACK, IPC_JSON, plain, r.out.p, r.out.len);
	ok(gives(&t, s, n * 2 + 1), "and comes back");
	drop(&r);
	drop(&t);
	free(s);
}

static void
check_map_size(size_t n, const char *head)
{
	uint8_t want[8];
	size_t m = unhex(want, sizeof(want), head), i, at = 0;
	size_t cap = n * 16 + 2;
	char *s = malloc(cap);
	struct conv r, t;

	if (!ok(s != NULL, "memory"))
		return;
	for (i = 0; i < n; i++)
		at += (size_t)snprintf(s + at, cap - at, "%c\"%zu\":[]",
		    i > 0 ? ',' : '{', i);
	s[at++] = '}';
	r = conv(IPC_JSON, IPC_MSGPACK, plain, s, at);
	ok(r.rc == 0 && memcmp(r.out.p, want, m) == 0,
	    "map of %zu begins with %s", n, head);
	t = conv(IPC_MSGPACK, IPC_JSON, plain, r.out.p, r.out.len);
	ok(gives(&t, s, at), "and comes back");
	drop(&r);
	drop(&t);
	free(s);
}

static void
check_sizes(void)
{
	check_text_size(31, "bf");
	check_text_size(32, "d9 20");
	check_text_size(255, "d9 ff");
	check_text_size(256, "da 01 00");
	check_text_size(65535, "da ff ff");
	check_text_size(65536, "db 00 01 00 00");
	check_array_size(15, "9f");
	check_array_size(16, "dc 00 10");
	check_array_size(4096, "dc 10 00");
	check_array_size(65535, "dc ff ff");
	check_array_size(65536, "dd 00 01 00 00");
	check_map_size(15, "8f");
	check_map_size(16, "de 00 10");
	check_map_size(65535, "de ff ff");
	check_map_size(65536, "df 00 01 00 00");
}

/*
 * Nested arrays of 20, some beyond the size that is moved at once: all headers
 * are widened, siblings before and after them too.
 */
static void
check_widening(void)
{
	size_t cap = 1 << 20, n = 0, level, i;
	char *s = malloc(cap);
	struct conv r, t;

	if (!ok(s != NULL, "memory"))
		return;
	for (level = 0; level < 300; level++)
		n += (size_t)snprintf(s + n, cap - n, "%s",
		    "[1,[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16],{},4,5,6,7,"
		    "8,9,10,11,12,13,14,15,16,17,18,");
	n += (size_t)snprintf(s + n, cap - n, "[");
	for (i = 0; i < 5000; i++)
		n += (size_t)snprintf(s + n, cap - n, "%s%zu",
		    i > 0 ? "," : "", i);
	n += (size_t)snprintf(s + n, cap - n, "]");
	for (level = 0; level < 300; level++)
		n += (size_t)snprintf(s + n, cap - n, "%s",
		    ",{\"k\":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}]");
	r = conv(IPC_JSON, IPC_MSGPACK, plain, s, n);
	t = conv(IPC_MSGPACK, IPC_JSON, plain, r.out.p, r.out.len);
	ok(r.rc == 0 && gives(&t, s, n), "300 levels of wide arrays");
	drop(&r);
	drop(&t);
	free(s);
}

/* --- what cannot be said --- */

static void
check_refused(enum ipc_format from, enum ipc_format to, const char *hex,
    const char *why)
{
	uint8_t bin[64];
	size_t n = unhex(bin, sizeof(bin), hex);
	struct conv r = conv(from, to, strict, bin, n);

	ok(r.rc == IPC_E_DATA && strstr(r.err.what, why) != NULL,
	    "strict: %s: %s", hex, r.err.what);
	drop(&r);
}

static void
check_limits(void)
{
	struct conv r;

	check_refused(IPC_MSGPACK, IPC_JSON, "81 01 02", "not text");
	check_refused(IPC_MSGPACK, IPC_JSON, "81 90 02", "not text");
	check_refused(IPC_MSGPACK, IPC_JSON, "81 c4 00 02", "not text");
	check_refused(IPC_MSGPACK, IPC_JSON, "d6 ff 00 00 00 01", "extension");
	check_refused(IPC_MSGPACK, IPC_JSON, "cb 7f f8 00 00 00 00 00 00",
	    "NaN");
	check_refused(IPC_MSGPACK, IPC_JSON, "cf 00 20 00 00 00 00 00 00",
	    "exactly");
	r = conv(IPC_JSON, IPC_MSGPACK, plain, "18446744073709551616", 20);
	is_str(r.err.what, "json: integer 18446744073709551616 exceeds 64 "
	    "bits: MessagePack has none at offset 0", "2^64");
	drop(&r);
	r = conv(IPC_JSON, IPC_MSGPACK, plain, "[-9223372036854775809]", 22);
	ok(r.rc == IPC_E_DATA && strstr(r.err.what, "offset 1") != NULL,
	    "-2^63 - 1: %s", r.err.what);
	drop(&r);
}

/* A few bytes that announce much must not reserve it. */
static void
check_claims(void)
{
	static const uint8_t claim[] = { 0xDD, 0x00, 0x80, 0x00, 0x00, 0xC0 };
	struct conv r = conv(IPC_MSGPACK, IPC_MSGPACK, plain, claim,
	    sizeof(claim));

	ok(r.rc == IPC_E_DATA && r.out.cap <= 256,
	    "8388608 items in one byte: refused, %zu bytes reserved",
	    r.out.cap);
	drop(&r);
}

static void
check_depth(void)
{
	static uint8_t deep[IPC_CODEC_DEPTH + 1];
	struct conv r;

	memset(deep, 0x91, IPC_CODEC_DEPTH);
	deep[IPC_CODEC_DEPTH] = 0xC0;
	r = conv(IPC_MSGPACK, IPC_MSGPACK, plain, deep, sizeof(deep));
	ok(gives(&r, deep, sizeof(deep)), "512 levels");
	drop(&r);
	deep[IPC_CODEC_DEPTH] = 0x90;
	r = conv(IPC_MSGPACK, IPC_MSGPACK, plain, deep, sizeof(deep));
	ok(r.rc == IPC_E_DATA, "513 levels: %s", r.err.what);
	drop(&r);
}

/* From CBOR: tag 1 is a timestamp where that is exact, hints for JSON. */
static void
check_cbor(enum ipc_format to, struct ipc_codec_opts opts, const char *hex,
    const void *want, size_t m)
{
	uint8_t bin[64];
	size_t n = unhex(bin, sizeof(bin), hex);
	struct conv r = conv(IPC_CBOR, to, opts, bin, n);

	if (want != NULL)
		ok(gives(&r, want, m), "CBOR %s", hex);
	else
		ok(r.rc == IPC_E_DATA, "CBOR %s: %s", hex, r.err.what);
	drop(&r);
}

static void
check_tags(void)
{
	check_cbor(IPC_MSGPACK, strict, "c1 1a 65 53 f1 00",
	    "\xd6\xff\x65\x53\xf1\x00", 6);
	check_cbor(IPC_MSGPACK, strict, "c1 fb 3f f8 00 00 00 00 00 00",
	    "\xd7\xff\x77\x35\x94\x00\x00\x00\x00\x01", 10);
	check_cbor(IPC_MSGPACK, strict, "c1 20", "\xc7\x0c\xff\x00\x00\x00\x00"
	    "\xff\xff\xff\xff\xff\xff\xff\xff", 15);
	check_cbor(IPC_MSGPACK, plain, "c1 61 61", "\xa1\x61", 2);
	check_cbor(IPC_MSGPACK, strict, "c1 61 61", NULL, 0);
	check_cbor(IPC_MSGPACK, plain, "c0 61 61", "\xa1\x61", 2);
	check_cbor(IPC_MSGPACK, strict, "c0 61 61", NULL, 0);
	check_cbor(IPC_MSGPACK, plain, "f7", "\xc0", 1);
	check_cbor(IPC_MSGPACK, strict, "f7", NULL, 0);
	check_cbor(IPC_MSGPACK, plain, "9f 01 bf 61 61 02 ff ff",
	    "\x92\x01\x81\xa1\x61\x02", 6);
	check_cbor(IPC_JSON, plain, "42 fb ff", "\"-_8\"", 5);
	check_cbor(IPC_JSON, plain, "d6 42 fb ff", "\"+/8=\"", 6);
	check_cbor(IPC_JSON, plain, "d7 42 fb ff", "\"FBFF\"", 6);
	check_cbor(IPC_JSON, plain, "d7 82 41 ab d5 41 ab",
	    "[\"AB\",\"qw\"]", 11);
	check_cbor(IPC_JSON, plain, "82 d7 81 41 ab 41 ab",
	    "[[\"AB\"],\"qw\"]", 13);
	check_cbor(IPC_JSON, strict, "c1 00", NULL, 0);
	check_cbor(IPC_JSON, plain, "c1 00", "0", 1);
	check_cbor(IPC_JSON, plain, "82 f7 e0", "[null,null]", 11);
	check_cbor(IPC_JSON, strict, "f7", NULL, 0);
	check_cbor(IPC_JSON, plain, "c3 49 01 00 00 00 00 00 00 00 00",
	    "-18446744073709551617", 21);
}

int
main(void)
{
	check_forms();
	check_invalid();
	check_prefixes();
	check_identity();
	check_sizes();
	check_widening();
	check_limits();
	check_claims();
	check_depth();
	check_tags();
	return done();
}
