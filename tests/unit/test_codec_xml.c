/*
 * XML in the form of json-to-xml: elements, escapes, bytes, what is refused,
 * and the way JSON -> XML -> JSON.
 */
#include <stdlib.h>

#include "base/error.h"
#include "check.h"
#include "codec/codec.h"

#define NS "xmlns=\"http://www.w3.org/2005/xpath-functions\""
#define BYTES "xmlns:i=\"urn:ipcat:types\" i:type=\"bytes\""

static struct ipc_error err;
static struct ipc_codec jx, xj, xx, cx, xc, cx_strict;
static struct ipc_buf out, back;

/* An exact heap copy, so that a sanitizer sees a read past the end. */
static int
run(struct ipc_codec *c, const void *p, size_t n, struct ipc_buf *b)
{
	uint8_t *copy = malloc(n > 0 ? n : 1), *nul;
	int rc;

	if (copy == NULL)
		return IPC_E_NET;
	memcpy(copy, p, n);
	b->len = 0;
	rc = ipc_codec_convert(c, copy, n, b, &err);
	free(copy);
	if (rc == 0) {
		nul = realloc(b->p, b->cap + IPC_CODEC_SLACK + 1);
		if (nul != NULL)
			b->p = nul;
		b->p[b->len] = '\0';
	}
	return rc;
}

static const char *
text(struct ipc_codec *c, const void *p, size_t n, struct ipc_buf *b)
{
	return run(c, p, n, b) == 0 ? (const char *)b->p : err.what;
}

/* JSON to exactly this XML, and that back to exactly the same JSON. */
static void
both(const char *json, const char *xml)
{
	is_str(text(&jx, json, strlen(json), &out), xml, "to XML: %.60s",
	    json);
	is_str(text(&xj, xml, strlen(xml), &back), json, "and back: %.60s",
	    json);
}

/* XML to this JSON. */
static void
reads(const char *xml, const char *json)
{
	is_str(text(&xj, xml, strlen(xml), &out), json, "%.70s", xml);
}

static void
refuses(const char *xml, const char *why)
{
	int rc;

	memset(&err, 0, sizeof(err));
	rc = run(&xj, xml, strlen(xml), &out);
	ok(rc == IPC_E_DATA && err.code == rc && out.len == 0 &&
	    strstr(err.what, why) != NULL && strstr(err.what, " at offset ") !=
	    NULL, "refused (%s): %.60s", err.what, xml);
}

static void
test_forms(void)
{
	both("null", "<null " NS "/>");
	both("true", "<boolean " NS ">true</boolean>");
	both("false", "<boolean " NS ">false</boolean>");
	both("12", "<number " NS ">12</number>");
	both("\"\"", "<string " NS "></string>");
	both("\"a\"", "<string " NS ">a</string>");
	both("[]", "<array " NS "></array>");
	both("{}", "<map " NS "></map>");
	both("[1,[],{},\"x\",null]", "<array " NS "><number>1</number><array>"
	    "</array><map></map><string>x</string><null/></array>");
	both("{\"a\":1,\"b\":{\"a\":[true]},\"\":null,\"c\":\"d\"}",
	    "<map " NS "><number key=\"a\">1</number><map key=\"b\">"
	    "<array key=\"a\"><boolean>true</boolean></array></map>"
	    "<null key=\"\"/><string key=\"c\">d</string></map>");
}

static void
test_numbers(void)
{
	static const char *const kept[] = { "0", "-0", "-1", "1.10", "1E5",
	    "-0.0", "9007199254740993", "18446744073709551615",
	    "18446744073709551616", "-18446744073709551616",
	    "-18446744073709551615", "-18446744073709551617",
	    "-9223372036854775808", "100000000000000000000",
	    "99999999999999999999", "123456789012345678901234567890",
	    "5e-324", "0.1", "1.7976931348623157e308" };
	static const struct {
		const char *xml, *json;
	} lenient[] = {
		{ "+1", "1" }, { ".5", "0.5" }, { "-.5", "-0.5" },
		{ "5.", "5" }, { "5.e3", "5e3" }, { "007", "7" },
		{ "-007.50", "-7.50" }, { " \n1\t", "1" }, { "00", "0" },
		{ "0.0", "0.0" }, { "+.5E+3", "0.5E+3" },
	};
	static const char *const bad[] = { "", " ", "NaN", "INF", "-INF",
	    "Infinity", "+", "-", ".", "-.", "+-1", "--1", "1e", "1e+", "e5",
	    ".e5", "1 2", "0x10", "1,5", "1_0", "1.5.2", "\xD9\xA1" };
	char xml[200], json[200];

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		snprintf(xml, sizeof(xml), "<number " NS ">%s</number>",
		    kept[i]);
		both(kept[i], xml);
		is_str(text(&xx, xml, strlen(xml), &out), xml,
		    "XML to XML: %s", kept[i]);
	}
	for (size_t i = 0; i < sizeof(lenient) / sizeof(lenient[0]); i++) {
		snprintf(xml, sizeof(xml), "<number>%s</number>",
		    lenient[i].xml);
		snprintf(json, sizeof(json), "%s", lenient[i].json);
		reads(xml, json);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(xml, sizeof(xml), "<number>%s</number>", bad[i]);
		refuses(xml, "not a number");
	}
	refuses("<number>1e400</number>", "beyond the range");
}

static void
test_escapes(void)
{
	both("\"<a href='x'>&amp;\\\"]]>\"", "<string " NS ">&lt;a href='x'"
	    "&gt;&amp;amp;&quot;]]&gt;</string>");
	both("\"a\\nb\\tc\\rd\\r\\n\"", "<string " NS ">a&#10;b&#9;c&#13;d"
	    "&#13;&#10;</string>");
	both("\" two  blanks \"", "<string " NS "> two  blanks </string>");
	both("\"\\\\n \\\\ \\\\u0000\"", "<string " NS ">\\n \\ \\u0000"
	    "</string>");
	both("\"\\u0000\"", "<string " NS " escaped=\"true\">\\u0000"
	    "</string>");
	both("\"\\\\\\u0001<\\n\\u001f\\\"\"", "<string " NS " escaped="
	    "\"true\">\\\\\\u0001&lt;&#10;\\u001f&quot;</string>");
	both("\"\\b\\f\"", "<string " NS " escaped=\"true\">\\u0008\\u000c"
	    "</string>");
	both("\"\xEF\xBF\xBE\xEF\xBF\xBF\xEF\xBF\xBD\"", "<string " NS
	    " escaped=\"true\">\\ufffe\\uffff\xEF\xBF\xBD</string>");
	both("\"\x7F\xC2\x85\xE2\x80\xA8\xF0\x9D\x84\x9E\"", "<string " NS
	    ">\x7F\xC2\x85\xE2\x80\xA8\xF0\x9D\x84\x9E</string>");
	both("{\"a\\\"<&>\\n\":1,\"\\u0001\":2,\"\\\\u0001\":3}", "<map " NS
	    "><number key=\"a&quot;&lt;&amp;&gt;&#10;\">1</number>"
	    "<number escaped-key=\"true\" key=\"\\u0001\">2</number>"
	    "<number key=\"\\u0001\">3</number></map>");
	reads("<string escaped='true'>\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9"
	    "\\uD834\\uDD1E</string>", "\"\\\"\\\\/\\b\\f\\n\\r\\t\xC3\xA9"
	    "\xF0\x9D\x84\x9E\"");
	reads("<string escaped='0'>\\n</string>", "\"\\\\n\"");
	reads("<string><![CDATA[<a>&b;]]]]><![CDATA[>]]></string>",
	    "\"<a>&b;]]>\"");
	reads("<string>a<!-- c -->b<?p q?>c</string>", "\"abc\"");
	reads("<string>&#xe9;&#x1D11E;</string>",
	    "\"\xC3\xA9\xF0\x9D\x84\x9E\"");
	refuses("<string escaped='true'>\\x</string>", "bad escape");
	refuses("<string escaped='true'>\\</string>", "bad escape");
	refuses("<string escaped='true'>\\u12</string>", "bad escape");
	refuses("<string escaped='true'>\\u12g4</string>", "bad escape");
	refuses("<string escaped='true'>\\ud800</string>", "bad escape");
	refuses("<string escaped='true'>\\ud800\\u0041</string>",
	    "bad escape");
	refuses("<string escaped='true'>\\ud800abcdef</string>",
	    "bad escape");
	refuses("<string escaped='true'>\\udc00</string>", "bad escape");
	refuses("<string>&#0;</string>", "character number");
	refuses("<string>\x01</string>", "token");
	refuses("<string>\xC3(</string>", "token");
}

static void
test_lenient(void)
{
	reads("<?xml version='1.0'?>\n<!-- c -->\n<map>\n  <null key='a'/>\n"
	    "</map>\n", "{\"a\":null}");
	reads("\xEF\xBB\xBF<null/>", "null");
	reads("<?xml version='1.0' encoding='ISO-8859-1'?><string>\xE9"
	    "</string>", "\"\xC3\xA9\"");
	reads("<j:map xmlns:j='http://www.w3.org/2005/xpath-functions'>"
	    "<j:null key='a'/></j:map>", "{\"a\":null}");
	reads("<array " NS " xml:space='preserve' xmlns:o='urn:o' o:x='1'>"
	    "<null></null></array>", "[null]");
	reads("<array><boolean>1</boolean><boolean> 0 </boolean><boolean>"
	    "true\n</boolean></array>", "[true,false,true]");
	reads("<null> \n </null>", "null");
}

static void
test_refused(void)
{
	refuses("", "no element found");
	refuses(" ", "no element found");
	refuses("x", "");
	refuses("<map>", "no element found");
	refuses("<map></array>", "mismatched tag");
	refuses("<null/><null/>", "junk after document element");
	refuses("<null/>x", "");
	refuses("<a/>", "not an element");
	refuses("<Map/>", "not an element");
	refuses("<map xmlns='urn:other'/>", "not an element");
	refuses("<array " NS "><null xmlns=''/></array>", "not an element");
	refuses("<array><null " NS "/></array>", "not an element");
	refuses("<array xmlns='http://www.w3.org/2005/xpath-functions|map'/>",
	    "");
	refuses("<!DOCTYPE map><map/>", "DOCTYPE");
	refuses("<!DOCTYPE map [<!ENTITY a 'b'><!ENTITY c '&a;&a;&a;'>]>"
	    "<string>&c;</string>", "DOCTYPE");
	refuses("<!DOCTYPE map SYSTEM 'file:///etc/passwd'><map/>",
	    "DOCTYPE");
	refuses("<string>&a;</string>", "undefined entity");
	refuses("<map><null/></map>", "no key");
	refuses("<map><map key='a'><null/></map></map>", "no key");
	refuses("<array><null key='a'/></array>", "a key outside");
	refuses("<null key='a'/>", "a key outside");
	refuses("<null escaped-key='true'/>", "escaped-key without key");
	refuses("<map><null key='a' escaped-key='x'/></map>", "neither true");
	refuses("<map><null key='\\x' escaped-key='true'/></map>",
	    "bad escape");
	refuses("<number escaped='true'>1</number>", "unknown attribute");
	refuses("<string type='bytes'>AA==</string>", "unknown attribute");
	refuses("<null a='b'/>", "unknown attribute");
	refuses("<map><null key='a'/><map key='a'/></map>", "duplicate key");
	refuses("<map><null key='a'/><null key='\\u0061' escaped-key='1'/>"
	    "</map>", "duplicate key");
	refuses("<array>x</array>", "text between elements");
	refuses("<map><null key='a'/>x</map>", "text between elements");
	refuses("<string><null/></string>", "an element inside");
	refuses("<null>x</null>", "text in it");
	refuses("<boolean>TRUE</boolean>", "neither true nor false");
	refuses("<boolean/>", "neither true nor false");
	refuses("<number/>", "not a number");
	refuses("<?xml version='1.0' encoding='x-none'?><null/>", "encoding");
}

/* The converter is used again after each error above. */
static void
test_truncated(void)
{
	static const char doc[] = "<map " NS "><number key=\"a\">1</number>"
	    "<array key=\"b\"><string " BYTES ">AAEC</string><null/>"
	    "<boolean>true</boolean></array></map>";
	size_t whole = 0;

	for (size_t n = 0; n < sizeof(doc) - 1; n++)
		whole += run(&xj, doc, n, &out) != IPC_E_DATA || out.len != 0;
	is_u64(whole, 0, "cut anywhere it is refused");
	reads(doc, "{\"a\":1,\"b\":[\"AAEC\",null,true]}");
}

static void
test_bytes(void)
{
	static const struct {
		const char *cbor;
		size_t n;
		const char *base64;
	} rows[] = {
		{ "\x40", 1, "" }, { "\x41\x00", 2, "AA==" },
		{ "\x42\xFF\xFE", 3, "//4=" },
		{ "\x43\x00\x01\x02", 4, "AAEC" },
		{ "\x44\xFB\xF0\x00\x01", 5, "+/AAAQ==" },
	};
	static const char *const bad[] = { "A", "AA", "AAA", "AA=", "=",
	    "====", "A===", "AB==", "AAF=", "AA==AA==", "AA=A", "AA===",
	    "A-AA", "A_AA", "AA\\u003d=", "AAAA=" };
	char xml[200];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(xml, sizeof(xml), "<string " NS " " BYTES
		    ">%s</string>", rows[i].base64);
		is_str(text(&cx, rows[i].cbor, rows[i].n, &out), xml,
		    "bytes %s", rows[i].base64);
		ok(run(&xc, xml, strlen(xml), &back) == 0 &&
		    back.len == rows[i].n &&
		    memcmp(back.p, rows[i].cbor, back.len) == 0,
		    "bytes %s and back", rows[i].base64);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(xml, sizeof(xml), "<string " BYTES ">%s</string>",
		    bad[i]);
		refuses(xml, "not base64");
	}
	reads("<string " BYTES "> A\nAE C </string>", "\"AAEC\"");
	refuses("<number " BYTES ">1</number>", "unknown type");
	refuses("<string xmlns:i='urn:ipcat:types' i:type='x'/>",
	    "unknown type");
	refuses("<string escaped='true' " BYTES "/>", "cannot be escaped");
}

/* What CBOR has and XML has not: {lenient, strict: refused}. */
static void
test_from_cbor(void)
{
	static const struct {
		const char *cbor;
		size_t n;
		const char *xml;	/* NULL: refused in any case */
		bool	strict;		/* goes then too */
	} rows[] = {
		{ "\xF7", 1, "<null " NS "/>", false },
		{ "\xF0", 1, "<null " NS "/>", false },
		{ "\xC1\x01", 2, "<number " NS ">1</number>", false },
		{ "\xF9\x3C\x00", 3, "<number " NS ">1.0</number>", true },
		{ "\xF9\x80\x00", 3, "<number " NS ">-0.0</number>", true },
		{ "\xF9\x7E\x00", 3, NULL, false },
		{ "\xF9\x7C\x00", 3, NULL, false },
		{ "\x3B\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 9, "<number " NS
		    ">-18446744073709551616</number>", true },
		{ "\xC3\x49\x01\0\0\0\0\0\0\0\0", 11, "<number " NS
		    ">-18446744073709551617</number>", true },
		{ "\xA1\x01\x02", 3, "<map " NS "><number key=\"1\">2"
		    "</number></map>", false },
		{ "\xA1\x20\x02", 3, "<map " NS "><number key=\"-1\">2"
		    "</number></map>", false },
		{ "\xA1\xF5\x02", 3, "<map " NS "><number key=\"true\">2"
		    "</number></map>", false },
		{ "\xA1\xF6\x02", 3, "<map " NS "><number key=\"null\">2"
		    "</number></map>", false },
		{ "\xA1\x42\xFB\xF0\x02", 5, "<map " NS "><number key=\"-_A\">"
		    "2</number></map>", false },
		{ "\xA1\xC3\x49\x01\0\0\0\0\0\0\0\0\x02", 13, "<map " NS
		    "><number key=\"-18446744073709551617\">2</number></map>",
		    false },
		{ "\xA1\x80\x02", 3, NULL, false },
		{ "\xA1\xA0\x02", 3, NULL, false },
		{ "\xA2\x01\x02\x61\x31\x02", 6, NULL, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int rc = run(&cx, rows[i].cbor, rows[i].n, &out);

		if (rows[i].xml == NULL)
			ok(rc == IPC_E_DATA, "row %zu: refused (%s)", i,
			    err.what);
		else
			is_str(rc == 0 ? (char *)out.p : err.what,
			    rows[i].xml, "row %zu", i);
		rc = run(&cx_strict, rows[i].cbor, rows[i].n, &out);
		is_u64((uint64_t)-rc, rows[i].strict ? 0 : -IPC_E_DATA,
		    "row %zu: strict", i);
	}
}

static void
test_limits(void)
{
	struct ipc_codec_opts opts = { .depth = 5, .max_out = 1000 };
	struct ipc_codec c;
	char deep[2000] = "", wide[3000] = "<string>";

	ipc_codec_init(&c, IPC_XML, IPC_JSON, &opts, &err);
	for (int i = 0; i < 5; i++)
		strcat(deep, "<array>");
	for (int i = 0; i < 5; i++)
		strcat(deep, "</array>");
	is_str(text(&c, deep, strlen(deep), &out), "[[[[[]]]]]", "depth 5");
	memmove(deep + 7, deep, strlen(deep) + 1);
	memcpy(deep, "<array>", 7);
	strcat(deep, "</array>");
	ok(run(&c, deep, strlen(deep), &out) == IPC_E_DATA, "depth 6: %s",
	    err.what);
	memset(wide + 8, 'x', 2000);
	strcpy(wide + 2008, "</string>");
	ok(run(&c, wide, strlen(wide), &out) == IPC_E_DATA && out.len == 0,
	    "over max_out: %s", err.what);
	ipc_codec_free(&c);
	ipc_codec_init(&c, IPC_JSON, IPC_XML, &opts, &err);
	memset(wide, ' ', sizeof(wide));
	wide[0] = '"';
	memset(wide + 1, '<', 300);
	strcpy(wide + 301, "\"");
	ok(run(&c, wide, strlen(wide), &out) == IPC_E_DATA && out.len == 0,
	    "escapes over max_out: %s", err.what);
	wide[101] = '"';
	wide[102] = '\0';
	ok(run(&c, wide, strlen(wide), &out) == 0, "below it");
	ipc_codec_free(&c);
}

int
main(void)
{
	struct ipc_codec_opts strict = { .strict = true };

	ok(ipc_codec_init(&jx, IPC_JSON, IPC_XML, NULL, &err) == 0 &&
	    ipc_codec_init(&xj, IPC_XML, IPC_JSON, NULL, &err) == 0 &&
	    ipc_codec_init(&xx, IPC_XML, IPC_XML, NULL, &err) == 0 &&
	    ipc_codec_init(&cx, IPC_CBOR, IPC_XML, NULL, &err) == 0 &&
	    ipc_codec_init(&xc, IPC_XML, IPC_CBOR, NULL, &err) == 0 &&
	    ipc_codec_init(&cx_strict, IPC_CBOR, IPC_XML, &strict, &err) == 0,
	    "converters");
	test_forms();
	test_numbers();
	test_escapes();
	test_lenient();
	test_refused();
	test_truncated();
	test_bytes();
	test_from_cbor();
	test_limits();
	ipc_codec_free(&jx);
	ipc_codec_free(&xj);
	ipc_codec_free(&xx);
	ipc_codec_free(&cx);
	ipc_codec_free(&xc);
	ipc_codec_free(&cx_strict);
	ipc_buf_free(&out);
	ipc_buf_free(&back);
	return done();
}
