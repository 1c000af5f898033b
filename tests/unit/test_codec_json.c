/*
 * JSON: what RFC 8259 allows and what it does not, how values are written,
 * the canonical form of RFC 8785, limits.
 */
#include <math.h>

#include "codec_help.h"
#include "codec/number.h"
#include "codec/utf8.h"

static const struct ipc_codec_opts plain, strict = { .strict = true },
    canonical = { .canonical = true };

/* NULL: comes out as it went in. */
static const struct {
	const char *in, *out;
} valid[] = {
	{ "0", NULL }, { "-0", NULL }, { "1", NULL }, { "-1", NULL },
	{ "10", NULL }, { "9007199254740993", NULL },
	{ "18446744073709551615", NULL }, { "18446744073709551616", NULL },
	{ "-9223372036854775808", NULL }, { "-9223372036854775809", NULL },
	{ "-18446744073709551615", NULL }, { "-18446744073709551616", NULL },
	{ "-18446744073709551617", NULL },
	{ "123456789012345678901234567890123456789012345678901", NULL },
	{ "0.0", NULL }, { "-0.0", NULL }, { "1.10", NULL }, { "0e0", NULL },
	{ "1e5", NULL }, { "1E5", NULL }, { "1e+5", NULL }, { "1e-5", NULL },
	{ "1.5E-05", NULL }, { "-1.25e2", NULL }, { "0.1e1", NULL },
	{ "1e308", NULL }, { "1e-400", NULL }, { "5e-324", NULL },
	{ "0.00000000000000000000000000000000000000000000000000000000000000000"
	  "00001", NULL },
	{ "true", NULL }, { "false", NULL }, { "null", NULL },
	{ " \t\r\n1 \t\r\n", "1" }, { "\"\"", NULL },
	{ "[]", NULL }, { "{}", NULL }, { "[ ]", "[]" }, { "{ }", "{}" },
	{ "[[]]", NULL }, { "[{},[]]", NULL }, { "[1 , 2]", "[1,2]" },
	{ " { \"a\" : [ 1 , { \"b\" : null } ] } ",
	  "{\"a\":[1,{\"b\":null}]}" },
	{ "{\"\":0}", NULL }, { "{\"a\":{\"a\":{\"a\":1}}}", NULL },
	{ "{\"a\":1,\"A\":2,\"aa\":3}", NULL },
	{ "[{\"a\":1},{\"a\":2}]", NULL },
	{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\"" },
	{ "\"\\u0041\\u00e9\\u20AC\"", "\"A\xC3\xA9\xE2\x82\xAC\"" },
	{ "\"\\u0000\\u001f\\u007f\"", "\"\\u0000\\u001f\x7F\"" },
	{ "\"\\u000a\\u0022\\u005c\"", "\"\\n\\\"\\\\\"" },
	{ "\"\\ud83d\\uDE00\"", "\"\xF0\x9F\x98\x80\"" },
	{ "\"\\uD800\\uDC00\\uDBFF\\uDFFF\"",
	  "\"\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\"" },
	{ "\"\\uFEFF\\uFFFF\"", "\"\xEF\xBB\xBF\xEF\xBF\xBF\"" },
	{ "\"\\\\u0041\"", NULL }, { "\"a/b\"", NULL },
	{ "\"\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF\"", NULL },
	{ "\"\xED\x9F\xBF\xEE\x80\x80\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\"",
	  NULL },
	{ "\"exactly 8\"", NULL }, { "\"1234567\\\"\"", NULL },
	{ "\"12345678\xC3\xA9" "12345678\xC3\xA9\"", NULL },
	{ "\"0123456789abcdef\\n0123456789abcdef\\n\"", NULL },
};

static const char *const invalid[] = {
	"", " ", "\n", "nul", "nulL", "True", "tru", "truefalse", "fals",
	"NaN", "Infinity", "-Infinity", "undefined", "'a'", "a", "\\u0031",
	"+1", "-", "--1", "01", "-01", "00", "1.", ".5", "-.5", "1.e1", "1e",
	"1e+", "1E-", "1.2.3", "1e1.5", "0x10", "1_000", "1a", "- 1", "1e 5",
	"1e400", "-1e400", "1 2", "1,", "[1]]", "{}{}", "{}x", "[] []",
	"[", "]", "{", "}", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1,,2]",
	"[1}", "{]", "{\"a\":1]", "[\"a\":1]", "[1;2]", "[\"a\"",
	"{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{,}",
	"{\"a\" 1}", "{\"a\"::1}", "{\"a\",1}", "{a:1}", "{1:1}", "{null:1}",
	"{\"a\":1 \"b\":2}", "{[]:1}", "{'a':1}", "{\"a\":}", "{:1}",
	"\"", "\"a", "\"\\", "\"\\\"", "\"\\a\"", "\"\\x41\"", "\"\\'\"",
	"\"\\0\"", "\"\\U0041\"", "\"\\u\"", "\"\\u1\"", "\"\\u12\"",
	"\"\\u123\"", "\"\\u123g\"", "\"\\u 123\"", "\"\\u-123\"", "\"\\u123",
	"\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\ud800\"", "\"\\ud800x\"",
	"\"\\ud800\\n\"", "\"\\udfff\\ud800\"", "\"\\ud800\\u0041\"",
	"\"\\ud800\\u\"", "\"\\ud800\\", "\"\\ud83d\\ude0\"",
	"\"\n\"", "\"\t\"", "\"\x01\"", "\"\x1F\"", "\"12345678\x1F\"",
	"\"1234567\t90123456\"",
	"\"\x80\"", "\"\xBF\"", "\"\xC0\x80\"", "\"\xC1\xBF\"", "\"\xC2\"",
	"\"\xC2\x7F\"", "\"\xC2\xC0\"", "\"\xE0\x80\x80\"",
	"\"\xE0\x9F\xBF\"", "\"\xE1\x80\"", "\"\xED\xA0\x80\"",
	"\"\xED\xBF\xBF\"", "\"\xEF\xBF\"", "\"\xEF\xBF\xC0\"",
	"\"\xF0\x80\x80\x80\"", "\"\xF0\x8F\xBF\xBF\"", "\"\xF1\x80\x80\"",
	"\"\xF4\x90\x80\x80\"", "\"\xF5\x80\x80\x80\"", "\"\xFE\"", "\"\xFF\"",
	"\"12345678\xFF\"", "\"12345678901\xE2\x82\"", "\xC3\xA9", "\"\xC3",
	"\xEF\xBB\xBF{}", "\xFE\xFF", "\xC2\xA0" "1", "\v1", "\f1", "1\v",
	"/* */ 1", "1 // x", "# 1",
	"{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}", "{\"\":1,\"\":1}",
	"{\"a\":{\"x\":1,\"y\":2},\"b\":3,\"a\":4}",
	"[{\"k\":1,\"l\":[{\"k\":1}],\"k\":2}]",
};

static void
check_grammar(void)
{
	const char *out;
	struct conv r;
	size_t i;

	for (i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
		out = valid[i].out != NULL ? valid[i].out : valid[i].in;
		r = conv(IPC_JSON, IPC_JSON, plain, valid[i].in,
		    strlen(valid[i].in));
		ok(gives(&r, out, strlen(out)), "valid %zu", i);
		drop(&r);
	}
	for (i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
		r = conv(IPC_JSON, IPC_JSON, plain, invalid[i],
		    strlen(invalid[i]));
		ok(r.rc == IPC_E_DATA && r.out.len == 0 &&
		    strncmp(r.err.what, "json: ", 6) == 0 &&
		    strstr(r.err.what, " at offset ") != NULL,
		    "invalid %zu: %s", i, r.err.what);
		drop(&r);
	}
	r = conv(IPC_JSON, IPC_JSON, plain, "1\0", 2);
	ok(r.rc == IPC_E_DATA, "NUL after a value");
	drop(&r);
	r = conv(IPC_JSON, IPC_JSON, plain, "\"\0\"", 3);
	ok(r.rc == IPC_E_DATA, "NUL in a string");
	drop(&r);
}

/* Every prefix of a document is an error, and read no further than it is. */
static void
check_prefixes(void)
{
	static const char doc[] = "{\"k\\u00e9y\":[1.5e3,-20,true,false,null,"
	    "\"\\ud83d\\ude00 \xE2\x82\xAC tail of it\"],\"o\":{\"\":[]}}";
	struct conv r;
	size_t n, wrong = 0;

	for (n = 0; n < sizeof(doc) - 1; n++) {
		r = conv(IPC_JSON, IPC_JSON, plain, doc, n);
		wrong += r.rc != IPC_E_DATA;
		drop(&r);
	}
	is_u64(wrong, 0, "every prefix is refused");
	r = conv(IPC_JSON, IPC_JSON, plain, doc, n);
	ok(r.rc == 0, "the whole is not");
	drop(&r);
}

static void
check_error(const char *in, const char *what)
{
	struct conv r = conv(IPC_JSON, IPC_JSON, plain, in, strlen(in));

	is_str(r.err.what, what, "message for %s", in);
	drop(&r);
}

static void
check_errors(void)
{
	check_error("[1,2", "json: the document is incomplete at offset 4");
	check_error("[1,\"a\xFF\"]", "json: string is not UTF-8 at offset 5");
	check_error("{\"a\":1,\"a\":2}", "json: duplicate key at offset 7");
	check_error("[\"\\ud800\"]", "json: lone surrogate at offset 2");
	check_error("[1 2]", "json: ',' or ']' is due at offset 3");
}

static void
check_depth(void)
{
	struct ipc_codec_opts three = { .depth = 3 };
	static char deep[2 * (IPC_CODEC_DEPTH + 1)];
	struct conv r;

	memset(deep, '[', IPC_CODEC_DEPTH + 1);
	memset(deep + IPC_CODEC_DEPTH + 1, ']', IPC_CODEC_DEPTH + 1);
	r = conv(IPC_JSON, IPC_JSON, plain, deep + 1, sizeof(deep) - 2);
	ok(gives(&r, deep + 1, sizeof(deep) - 2), "512 levels");
	drop(&r);
	r = conv(IPC_JSON, IPC_JSON, plain, deep, sizeof(deep));
	is_str(r.err.what, "json: nested deeper than 512 at offset 512",
	    "513 levels");
	drop(&r);
	r = conv(IPC_JSON, IPC_JSON, three, "[{\"a\":[]}]", 10);
	ok(r.rc == 0, "depth 3 of 3");
	drop(&r);
	r = conv(IPC_JSON, IPC_JSON, three, "[{\"a\":[{}]}]", 12);
	ok(r.rc == IPC_E_DATA, "depth 4 of 3");
	drop(&r);
}

static void
check_output_limit(void)
{
	struct ipc_codec_opts small = { .max_out = 1000 };
	static char text[3000];
	struct conv r;

	memset(text, 'a', sizeof(text));
	text[0] = text[899] = '"';
	r = conv(IPC_JSON, IPC_JSON, small, text, 900);
	ok(gives(&r, text, 900), "900 of 1000 bytes");
	drop(&r);
	text[899] = 'a';
	text[1100] = '"';
	r = conv(IPC_JSON, IPC_JSON, small, text, 1101);
	ok(r.rc == IPC_E_DATA && strstr(r.err.what, "1000 bytes") != NULL,
	    "1101 of 1000 bytes: %s", r.err.what);
	drop(&r);
	memset(text, '[', 1);
	memset(text + 1, '0', 2);
	for (size_t i = 1; i < 2001; i += 2) {
		text[i] = '0';
		text[i + 1] = ',';
	}
	memcpy(text + 2000, "]", 1);
	r = conv(IPC_JSON, IPC_JSON, small, text, 2001);
	ok(r.rc == IPC_E_DATA, "many small items beyond the limit");
	drop(&r);
}

static void
one_codec_many_messages(void)
{
	struct ipc_codec c;
	struct ipc_error err;
	struct ipc_buf out = { NULL, 0, 0 };

	ok(ipc_codec_init(&c, IPC_JSON, IPC_JSON, NULL, &err) == 0, "init");
	ok(ipc_codec_convert(&c, (const uint8_t *)"[1]", 3, &out, &err) == 0,
	    "first");
	ok(ipc_codec_convert(&c, (const uint8_t *)"{\"a\":[", 6, &out, &err) ==
	    IPC_E_DATA && out.len == 3, "a bad one leaves the output alone");
	ok(ipc_codec_convert(&c, (const uint8_t *)"{\"a\":2}", 7, &out,
	    NULL) == 0, "after it a good one, without err");
	ok(out.len == 10 && memcmp(out.p, "[1]{\"a\":2}", 10) == 0,
	    "appended");
	ipc_codec_free(&c);
	ipc_codec_free(&c);
	ipc_buf_free(&out);
}

/* Maps of many keys go through the table: all kept, the double one found. */
static void
check_many_keys(void)
{
	size_t n = 0, cap = 20 << 10, i;
	char *s = malloc(cap);
	struct conv r;

	if (!ok(s != NULL, "memory"))
		return;
	for (i = 0; i < 1000; i++)
		n += (size_t)snprintf(s + n, cap - n, "%c\"key%zu\":%zu",
		    i > 0 ? ',' : '{', i, i % 7);
	s[n] = '}';
	r = conv(IPC_JSON, IPC_JSON, plain, s, n + 1);
	ok(gives(&r, s, n + 1), "a thousand keys");
	drop(&r);
	for (i = 0; i < 1000; i += 111) {
		snprintf(s + n, cap - n, ",\"key%zu\":0}", i);
		r = conv(IPC_JSON, IPC_JSON, plain, s, strlen(s));
		ok(r.rc == IPC_E_DATA &&
		    strstr(r.err.what, "duplicate key") != NULL,
		    "key %zu again", i);
		drop(&r);
	}
	free(s);
}

/* --- strict, canonical --- */

static void
check_as(struct ipc_codec_opts opts, const char *in, const char *want)
{
	struct conv r = conv(IPC_JSON, IPC_JSON, opts, in, strlen(in));

	if (want != NULL)
		ok(gives(&r, want, strlen(want)), "%s", in);
	else
		ok(r.rc == IPC_E_DATA, "refused: %s", in);
	drop(&r);
}

static void
check_strict(void)
{
	check_as(strict, "9007199254740991", "9007199254740991");
	check_as(strict, "9007199254740992", NULL);
	check_as(strict, "-9007199254740991", "-9007199254740991");
	check_as(strict, "-9007199254740992", NULL);
	check_as(strict, "123456789012345678901", NULL);
	check_as(strict, "{\"a\":[1.5,null]}", "{\"a\":[1.5,null]}");
}

static void
check_canonical(void)
{
	check_as(canonical, "{\"b\":1,\"a\":{\"d\":[3,2],\"c\":0}}",
	    "{\"a\":{\"c\":0,\"d\":[3,2]},\"b\":1}");
	check_as(canonical, "{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":2}");
	check_as(canonical, "{\"ab\":1,\"a\":2,\"\":3}",
	    "{\"\":3,\"a\":2,\"ab\":1}");
	/* RFC 8785 section 3.2.3, its own example of the order. */
	check_as(canonical, "{\"\\u20ac\":1,\"\\r\":2,\"\\ufb33\":3,\"1\":4,"
	    "\"\\ud83d\\ude00\":5,\"\\u0080\":6,\"\\u00f6\":7}",
	    "{\"\\r\":2,\"1\":4,\"\xC2\x80\":6,\"\xC3\xB6\":7,"
	    "\"\xE2\x82\xAC\":1,\"\xF0\x9F\x98\x80\":5,\"\xEF\xAC\xB3\":3}");
	/* Section 3.2.2, likewise. */
	check_as(canonical, "[333333333.33333329,1E30,4.50,2e-3,"
	    "0.000000000000000000000000001]",
	    "[333333333.3333333,1e+30,4.5,0.002,1e-27]");
	check_as(canonical, "\"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022"
	    "\\u005c\\\\\\\"\\/\"",
	    "\"\xE2\x82\xAC$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"");
	check_as(canonical, "{\"\\u001f\":1,\"\\u0009\":2,\"\\u0010\":3,"
	    "\"\\\\\":4,\"\\\"\":5,\"!\":6}", "{\"\\t\":2,\"\\u0010\":3,"
	    "\"\\u001f\":1,\"!\":6,\"\\\"\":5,\"\\\\\":4}");
	check_as(canonical, "[-0,-0.0,1.0,100,1e21,1e20,1e-6,1e-7]",
	    "[0,0,1,100,1e+21,100000000000000000000,0.000001,1e-7]");
	check_as(canonical, "1152921504606846976", "1152921504606847000");
	check_as(canonical, "9007199254740993", NULL);
	check_as(canonical, "1000000000000000000000", "1e+21");
	check_as(canonical, "-1000000000000000000001", NULL);
	check_as(canonical, "18446744073709551615", NULL);
	check_as(canonical, "-18446744073709551616", "-18446744073709552000");
}

/* --- numbers --- */

static void
check_print(double v, const char *want_real, const char *want_es6)
{
	char text[IPC_NUMBER_TEXT + 1];

	text[ipc_number_real(text, v)] = '\0';
	is_str(text, want_real, "real %.17g", v);
	text[ipc_number_es6(text, v)] = '\0';
	is_str(text, want_es6, "ES6 %.17g", v);
}

static void
check_printing(void)
{
	check_print(0, "0.0", "0");
	check_print(-0.0, "-0.0", "0");
	check_print(1, "1.0", "1");
	check_print(0.1, "0.1", "0.1");
	check_print(-2.5, "-2.5", "-2.5");
	check_print(1.0 / 3, "0.3333333333333333", "0.3333333333333333");
	check_print(0.1 + 0.2, "0.30000000000000004", "0.30000000000000004");
	check_print(5e-324, "5e-324", "5e-324");
	check_print(1.7976931348623157e308, "1.7976931348623157e+308",
	    "1.7976931348623157e+308");
	check_print(2.2250738585072014e-308, "2.2250738585072014e-308",
	    "2.2250738585072014e-308");
	check_print(0x1p-44, "5.684341886080802e-14",
	    "5.684341886080802e-14");
	check_print(9007199254740992, "9007199254740992.0",
	    "9007199254740992");
	check_print(1e22, "1e+22", "1e+22");
	check_print(1e21, "1e+21", "1e+21");
	check_print(123456789012345680, "1.2345678901234568e+17",
	    "123456789012345680");
	check_print(1e15, "1000000000000000.0", "1000000000000000");
	check_print(295147905179352830000.0, "2.9514790517935283e+20",
	    "295147905179352830000");
	check_print(1e-7, "1e-7", "1e-7");
	check_print(0.000001, "0.000001", "0.000001");
	check_print(4.35, "4.35", "4.35");
	check_print(99.99, "99.99", "99.99");
}

/* Bit patterns of all kinds: what is printed reads back as the same. */
static void
check_round_trips(void)
{
	uint64_t x = 88172645463325252ULL, bits, wrong = 0, longer = 0;
	char text[IPC_NUMBER_TEXT + 1], ref[40];
	double v, back;
	size_t n;
	bool real;
	int i;

	for (i = 0; i < 20000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		bits = i % 3 == 0 ? x & ~(UINT64_MAX >> 12) : x;
		memcpy(&v, &bits, sizeof(v));
		if (i % 3 == 1)
			v = (double)(int64_t)(x >> 40) / 1000;
		if (!isfinite(v))
			continue;
		n = ipc_number_real(text, v);
		text[n] = '\0';
		wrong += ipc_number_scan(text, n, &real) != n || !real ||
		    ipc_number_parse(text, n, &back) != 0 || back != v ||
		    strtod(text, NULL) != v;
		snprintf(ref, sizeof(ref), "%.16g", v);
		longer += strtod(ref, NULL) == v && strcspn(text, "e") >
		    strlen(ref) + 2;
	}
	is_u64(wrong, 0, "doubles read back as they were");
	is_u64(longer, 0, "and none is longer than it has to be");
}

static void
check_utf8(void)
{
	uint8_t p[4];
	uint32_t cp;
	size_t n, len, wrong = 0;

	for (cp = 0; cp < 0x110000; cp++) {
		n = ipc_utf8_put(p, cp);
		if (cp >= 0xD800 && cp < 0xE000)
			wrong += ipc_utf8_check(p, n) != 0;
		else
			wrong += ipc_utf8_check(p, n) != n ||
			    ipc_utf8_step(p, n) != n ||
			    ipc_utf8_get(p, &len) != cp || len != n ||
			    (n > 1 && ipc_utf8_check(p, n - 1) != 0);
	}
	is_u64(wrong, 0, "every code point, and each cut short");
}

int
main(void)
{
	check_grammar();
	check_prefixes();
	check_errors();
	check_depth();
	check_output_limit();
	one_codec_many_messages();
	check_many_keys();
	check_strict();
	check_canonical();
	check_printing();
	check_round_trips();
	check_utf8();
	return done();
}
