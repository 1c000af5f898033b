/*
 * XML of any vocabulary, read with opts.generic: the convention, document by
 * document, what is left to json-to-xml, truncation, limits.
 */
#include "codec_help.h"

#define NS "xmlns=\"http://www.w3.org/2005/xpath-functions\""

static const struct ipc_codec_opts generic = { .generic = true };

static const struct {
	const char *xml, *json;
} reads[] = {
	/* An element without attributes and elements is its text. */
	{ "<a/>", "{\"a\":\"\"}" },
	{ "<a></a>", "{\"a\":\"\"}" },
	{ "<a> b\tc </a>", "{\"a\":\" b\\tc \"}" },
	{ "<a> \n </a>", "{\"a\":\" \\n \"}" },
	{ "<a>1</a>", "{\"a\":\"1\"}" },
	{ "<a>true</a>", "{\"a\":\"true\"}" },
	{ "<a>x<![CDATA[<y>]]>&amp;&#233;&#10;z</a>",
	  "{\"a\":\"x<y>&\xC3\xA9\\nz\"}" },
	{ "<a>1<!-- c -->2<?p q?>3</a>", "{\"a\":\"123\"}" },
	/* Attributes, first and in their order. */
	{ "<a b='1'/>", "{\"a\":{\"@b\":\"1\"}}" },
	{ "<a c='' b='&lt;'>t</a>",
	  "{\"a\":{\"@c\":\"\",\"@b\":\"<\",\"#text\":\"t\"}}" },
	{ "<a b='1'> \n </a>", "{\"a\":{\"@b\":\"1\"}}" },
	/* Elements; one name, one member. */
	{ "<a><b/></a>", "{\"a\":{\"b\":\"\"}}" },
	{ "<a><b/><c/></a>", "{\"a\":{\"b\":\"\",\"c\":\"\"}}" },
	{ "<a><b>1</b><b>2</b></a>", "{\"a\":{\"b\":[\"1\",\"2\"]}}" },
	{ "<a><b>1</b><c>2</c><b>3</b><d/><c>4</c><b>5</b></a>",
	  "{\"a\":{\"b\":[\"1\",\"3\",\"5\"],\"c\":[\"2\",\"4\"],"
	  "\"d\":\"\"}}" },
	{ "<a><b><b>1</b><b><b/></b></b><b/></a>",
	  "{\"a\":{\"b\":[{\"b\":[\"1\",{\"b\":\"\"}]},\"\"]}}" },
	{ "<a><b x='1'/><b>2</b></a>",
	  "{\"a\":{\"b\":[{\"@x\":\"1\"},\"2\"]}}" },
	{ "<a><bb/><b/><bb/><B/></a>",
	  "{\"a\":{\"bb\":[\"\",\"\"],\"b\":\"\",\"B\":\"\"}}" },
	{ "<a b='1'><b>2</b></a>",
	  "{\"a\":{\"@b\":\"1\",\"b\":\"2\"}}" },
	{ "\xEF\xBB\xBF<?xml version='1.0'?>\n<!-- c -->\n<a>\n  <b>1</b>\n"
	  "  <b>2</b>\n</a>\n<!-- d -->\n", "{\"a\":{\"b\":[\"1\",\"2\"]}}" },
	/* Text beside them. */
	{ "<p>one <b>two</b> three<br/>\nfour</p>",
	  "{\"p\":{\"b\":\"two\",\"br\":\"\",\"#text\":\"one  three\\n"
	  "four\"}}" },
	{ "<a><b/>x</a>", "{\"a\":{\"b\":\"\",\"#text\":\"x\"}}" },
	{ "<a>\nx<b/>\n</a>", "{\"a\":{\"b\":\"\",\"#text\":\"\\nx\\n\"}}" },
	{ "<a><b/>x</a>", "{\"a\":{\"b\":\"\",\"#text\":\"x\"}}" },
	/* Names as they are written. */
	{ "<s:E xmlns:s='urn:s'><s:B s:m='1'/><x:y/></s:E>",
	  "{\"s:E\":{\"@xmlns:s\":\"urn:s\",\"s:B\":{\"@s:m\":\"1\"},"
	  "\"x:y\":\"\"}}" },
	{ "<?xml version='1.0' encoding='ISO-8859-1'?><\xE9 \xE9='\xE9'>\xE9"
	  "</\xE9>", "{\"\xC3\xA9\":{\"@\xC3\xA9\":\"\xC3\xA9\","
	  "\"#text\":\"\xC3\xA9\"}}" },
	/* The names of json-to-xml are nothing special in no name space, but
	 * what is in its name space is read as it. */
	{ "<map><null key='a'/></map>",
	  "{\"map\":{\"null\":{\"@key\":\"a\"}}}" },
	{ "<map " NS "><null key='a'/></map>", "{\"a\":null}" },
	{ "<j:array x='y' xmlns:i='urn:i' xmlns:j='http://www.w3.org/2005/"
	  "xpath-functions' i:k='v'><j:null/></j:array>", NULL },
	{ "<j:array xmlns:j='http://www.w3.org/2005/xpath-functions'>"
	  "<j:null/></j:array>", "[null]" },
	{ "<array xmlns:j='http://www.w3.org/2005/xpath-functions'/>",
	  "{\"array\":{\"@xmlns:j\":\"http://www.w3.org/2005/xpath-functions"
	  "\"}}" },
	{ "<j:array xmlns:jj='http://www.w3.org/2005/xpath-functions'/>",
	  "{\"j:array\":{\"@xmlns:jj\":\"http://www.w3.org/2005/xpath-"
	  "functions\"}}" },
	{ "<a><map " NS "/></a>", "{\"a\":{\"map\":{\"@xmlns\":\"http://www."
	  "w3.org/2005/xpath-functions\"}}}" },
	{ "<other " NS "/>", NULL },
	/* What no XML is. */
	{ "", NULL }, { " ", NULL }, { "x", NULL }, { "<a>", NULL },
	{ "<a></b>", NULL }, { "<a/><b/>", NULL }, { "<a/>x", NULL },
	{ "<a b='1' b='2'/>", NULL }, { "<a>&b;</a>", NULL },
	{ "<a>\x01</a>", NULL }, { "<a>\xC3(</a>", NULL },
	{ "<!DOCTYPE a><a/>", NULL },
	{ "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", NULL },
};

static void
test_reads(void)
{
	for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
		const char *xml = reads[i].xml, *json = reads[i].json;
		struct conv r = conv(IPC_XML, IPC_JSON, generic, xml,
		    strlen(xml));

		if (json != NULL)
			ok(gives(&r, json, strlen(json)), "%.60s", xml);
		else
			ok(r.rc == IPC_E_DATA && r.out.len == 0 &&
			    strstr(r.err.what, " at offset ") != NULL,
			    "refused (%s): %.60s", r.err.what, xml);
		drop(&r);
	}
}

/* To the others; one converter for good and bad documents of both kinds. */
static void
test_others(void)
{
	static const char doc[] = "<a b='c'><d/>e<d/></a>", fo[] = "<null "
	    NS "/>", bad[] = "<a><d/></b>";
	static const char both[] = "{\"a\":{\"@b\":\"c\",\"d\":[\"\",\"\"],"
	    "\"#text\":\"e\"}}null";
	struct ipc_codec c;
	struct ipc_error err;
	struct ipc_buf out = { NULL, 0, 0 };
	struct conv r;

	r = conv(IPC_XML, IPC_MSGPACK, generic, doc, sizeof(doc) - 1);
	ok(gives(&r, "\x81\xA1" "a\x83\xA2@b\xA1" "c\xA1" "d\x92\xA0\xA0\xA5"
	    "#text\xA1" "e", 22), "to MessagePack");
	drop(&r);
	r = conv(IPC_XML, IPC_CBOR, generic, doc, sizeof(doc) - 1);
	ok(gives(&r, "\xBF\x61" "a\xBF\x62@b\x61" "c\x61" "d\x9F\x60\x60\xFF"
	    "\x65#text\x61" "e\xFF\xFF", 25), "to CBOR");
	drop(&r);
	r = conv(IPC_XML, IPC_XML, generic, "<a b='c'/>", 10);
	ok(r.rc == 0 && strstr((char *)r.out.p, "<map key=\"a\"><string "
	    "key=\"@b\">c</string></map>") != NULL, "to json-to-xml");
	drop(&r);
	ok(ipc_codec_init(&c, IPC_XML, IPC_JSON, &generic, &err) == 0, "one");
	for (int i = 0; i < 3; i++) {
		out.len = 0;
		ok(ipc_codec_convert(&c, (const uint8_t *)doc, sizeof(doc) - 1,
		    &out, &err) == 0 &&
		    ipc_codec_convert(&c, (const uint8_t *)bad,
		    sizeof(bad) - 1, &out, &err) == IPC_E_DATA &&
		    ipc_codec_convert(&c, (const uint8_t *)fo, sizeof(fo) - 1,
		    &out, &err) == 0 && out.len == sizeof(both) - 1 &&
		    memcmp(out.p, both, out.len) == 0, "round %d", i);
	}
	ipc_codec_free(&c);
	ipc_buf_free(&out);
}

static void
test_truncated(void)
{
	static const char doc[] = "<?xml version='1.0'?><a b=\"c\">x<d>&amp;"
	    "</d><!-- e --><d f='g'/><![CDATA[h]]></a>";
	struct conv r;
	size_t wrong = 0, n;

	for (n = 0; n < sizeof(doc) - 1; n++) {
		r = conv(IPC_XML, IPC_JSON, generic, doc, n);
		wrong += r.rc != IPC_E_DATA || r.out.len != 0;
		drop(&r);
	}
	is_u64(wrong, 0, "cut anywhere it is refused");
	r = conv(IPC_XML, IPC_JSON, generic, doc, n);
	ok(r.rc == 0, "the whole is not");
	drop(&r);
}

/* --- limits --- */

static void
check_nested(struct ipc_codec_opts opts, size_t levels, int rc)
{
	char *s = malloc(levels * 7 + 1);
	struct conv r;
	size_t n = 0, i;

	if (!ok(s != NULL, "memory"))
		return;
	for (i = 0; i < levels; i++, n += 3)
		memcpy(s + n, "<a>", 3);
	for (i = 0; i < levels; i++, n += 4)
		memcpy(s + n, "</a>", 4);
	r = conv(IPC_XML, IPC_JSON, opts, s, n);
	ok(r.rc == rc, "%zu levels: %s", levels, r.err.what);
	drop(&r);
	free(s);
}

/* Many siblings: all of one name, and each of its own. */
static void
check_wide(size_t count, bool one_name)
{
	size_t cap = count * 12 + 10, n = 0, i;
	char *s = malloc(cap), *json = malloc(cap);
	struct conv r;
	size_t m = 0;

	if (!ok(s != NULL && json != NULL, "memory"))
		return;
	n += (size_t)snprintf(s, cap, "<r>");
	m += (size_t)snprintf(json, cap, "{\"r\":{%s",
	    one_name ? "\"n\":[" : "");
	for (i = 0; i < count && one_name; i++) {
		n += (size_t)snprintf(s + n, cap - n, "<n/>");
		m += (size_t)snprintf(json + m, cap - m, "%s\"\"",
		    i > 0 ? "," : "");
	}
	for (i = 0; i < count && !one_name; i++) {
		n += (size_t)snprintf(s + n, cap - n, "<n%zu/>", i);
		m += (size_t)snprintf(json + m, cap - m, "%s\"n%zu\":\"\"",
		    i > 0 ? "," : "", i);
	}
	n += (size_t)snprintf(s + n, cap - n, "</r>");
	m += (size_t)snprintf(json + m, cap - m, "%s}}", one_name ? "]" : "");
	r = conv(IPC_XML, IPC_JSON, generic, s, n);
	ok(gives(&r, json, m), "%zu siblings of %s", count,
	    one_name ? "one name" : "their own names");
	drop(&r);
	free(s);
	free(json);
}

/* The tree of a document of short elements is many times its size. */
static void
check_tree(void)
{
	struct ipc_codec_opts small = { .generic = true, .max_out = 100000 };
	size_t count = 20000, n = 3, i;
	char *s = malloc(count * 4 + 10);
	struct conv r;

	if (!ok(s != NULL, "memory"))
		return;
	memcpy(s, "<r>", 3);
	for (i = 0; i < count; i++, n += 4)
		memcpy(s + n, "<a/>", 4);
	memcpy(s + n, "</r>", 4);
	r = conv(IPC_XML, IPC_JSON, small, s, n + 4);
	ok(r.rc == IPC_E_DATA && strstr(r.err.what, "100000 bytes") != NULL,
	    "a tree too large: %s", r.err.what);
	drop(&r);
	n = 3 + 4 * 5000;
	memcpy(s + n, "</r>", 4);
	r = conv(IPC_XML, IPC_JSON, small, s, n + 4);
	ok(r.rc == 0, "one that is not: %s", r.err.what);
	drop(&r);
	free(s);
}

int
main(void)
{
	struct ipc_codec_opts five = { .generic = true, .depth = 5 };

	test_reads();
	test_others();
	test_truncated();
	/* The document is a map, its root a member. */
	check_nested(five, 5, 0);
	check_nested(five, 6, IPC_E_DATA);
	check_nested(generic, 512, 0);
	check_nested(generic, 100000, IPC_E_DATA);
	check_wide(3000, true);
	check_wide(30000, false);
	check_tree();
	return done();
}
