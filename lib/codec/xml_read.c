/*
 * XML in the form of json-to-xml (XPath Functions 3.1, section 22) to events,
 * on expat: the whole document in one XML_Parse() call, no DOCTYPE and so no
 * entities of its own.
 *
 *	between elements: white space, comments, processing instructions
 *	in a leaf (string number boolean null): its text, in c->scratch
 *
 * The root decides whether elements are in the name space or, leniently, in
 * none.  The writer's levels are the stack of open containers.  A number may
 * be spelled as an xs:double has it and is passed on as JSON has it.  XML of
 * another vocabulary is refused, or left to xml_generic.c (opts.generic).
 *
 * A parser is made once per converter; after an error found here it still
 * calls for what it has already seen: nothing is done then (rc != 0).
 */
#include <expat.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "codec/codec.h"
#include "codec/number.h"
#include "codec/utf8.h"
#include "codec/xml.h"

#define SEP '|'
#define SEP_TEXT "|"

static const char *const names[] = {
	[IPC_XML_STRING] = "string",
	[IPC_XML_NUMBER] = "number",
	[IPC_XML_BOOLEAN] = "boolean",
	[IPC_XML_NULL] = "null",
	[IPC_XML_ARRAY] = "array",
	[IPC_XML_MAP] = "map",
};

struct attrs {
	const char *key;
	bool	escaped, escaped_key, bytes;
};

int
ipc_xml_stop(struct ipc_codec *c, int rc)
{
	if (rc != 0 && c->rd->rc == 0) {
		c->rd->rc = rc;
		XML_StopParser(c->rd->parser, XML_FALSE);
	}
	return rc;
}

static bool
is_space(char b)
{
	return b == ' ' || b == '\t' || b == '\n' || b == '\r';
}

/* --- content --- */

static int
hex4(const uint8_t *p, size_t n, uint32_t *v)
{
	*v = 0;
	if (n < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		uint8_t b = p[i] | 0x20;

		if (p[i] >= '0' && p[i] <= '9')
			*v = *v << 4 | (uint32_t)(p[i] - '0');
		else if (b >= 'a' && b <= 'f')
			*v = *v << 4 | (uint32_t)(b - 'a' + 10);
		else
			return -1;
	}
	return 0;
}

/* The escape at p ('\\' and more): its length, *cp; 0 when it is none. */
static size_t
escape(const uint8_t *p, size_t n, uint32_t *cp)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at;
	uint32_t low;

	if (n < 2)
		return 0;
	if (p[1] != 'u') {
		at = p[1] != '\0' ? strchr(from, p[1]) : NULL;
		*cp = at != NULL ? (uint8_t)to[at - from] : 0;
		return at != NULL ? 2 : 0;
	}
	if (hex4(p + 2, n - 2, cp) != 0 || *cp >> 10 == 0xDC00 >> 10)
		return 0;
	if (*cp >> 10 != 0xD800 >> 10)
		return 6;
	if (n < 12 || p[6] != '\\' || p[7] != 'u' ||
	    hex4(p + 8, n - 8, &low) != 0 || low >> 10 != 0xDC00 >> 10)
		return 0;
	*cp = 0x10000 + ((*cp & 0x3FF) << 10 | (low & 0x3FF));
	return 12;
}

/* Undo the escapes of JSON in b, in place: no escape gets longer. */
static int
unescape(struct ipc_codec *c, struct ipc_buf *b)
{
	uint8_t *to = b->p;
	uint32_t cp;
	size_t n;

	for (size_t i = 0; i < b->len; i += n) {
		n = 1;
		if (b->p[i] != '\\') {
			*to++ = b->p[i];
			continue;
		}
		n = escape(b->p + i, b->len - i, &cp);
		if (n == 0)
			return ipc_codec_refuse(c, "bad escape in escaped"
			    " text");
		to += ipc_utf8_put(to, cp);
	}
	b->len = (size_t)(to - b->p);
	return 0;
}

static int
sextet(uint8_t b)
{
	if (b >= 'A' && b <= 'Z')
		return b - 'A';
	if (b >= 'a' && b <= 'z')
		return b - 'a' + 26;
	if (b >= '0' && b <= '9')
		return b - '0' + 52;
	return b == '+' ? 62 : b == '/' ? 63 : -1;
}

/* base64 with padding and white space anywhere, in place. */
static int
unbase(struct ipc_codec *c, struct ipc_buf *b)
{
	size_t out = 0, count = 0, pad = 0;
	uint32_t acc = 0;

	for (size_t i = 0; i < b->len; i++) {
		int v = sextet(b->p[i]);

		if (is_space((char)b->p[i]))
			continue;
		count++;
		if (b->p[i] == '=' && pad < 2)
			pad++;
		else if (v < 0 || pad > 0)
			return ipc_codec_refuse(c, "not base64");
		acc = acc << 6 | (v < 0 ? 0 : (uint32_t)v);
		if (count % 4 != 0)
			continue;
		b->p[out++] = (uint8_t)(acc >> 16);
		b->p[out++] = (uint8_t)(acc >> 8);
		b->p[out++] = (uint8_t)acc;
		acc &= pad == 0 ? 0 : (1U << pad * 8) - 1;
		if (acc != 0)
			break;
	}
	if (count % 4 != 0 || acc != 0)
		return ipc_codec_refuse(c, "not base64");
	b->len = out - pad;
	return 0;
}

/* --- numbers --- */

/* s[0..n) without the white space around it. */
static const char *
trim(const struct ipc_buf *b, size_t *n)
{
	const char *s = b->len > 0 ? (const char *)b->p : "";

	for (*n = b->len; *n > 0 && is_space(*s); --*n)
		s++;
	while (*n > 0 && is_space(s[*n - 1]))
		--*n;
	return s;
}

/*
 * An xs:double as JSON has it: no '+', no leading zeros, digits on both
 * sides of a point.  Other text stays as wrong as it was.  At most one byte
 * longer than s; returns the length.
 */
static size_t
respell(char *to, const char *s, size_t n)
{
	const char *end = s + n;
	char *first = to;
	size_t whole;

	if (s < end && *s == '-')
		*to++ = *s++;
	else if (s + 1 < end && *s == '+' && s[1] != '-')
		s++;
	while (s + 1 < end && *s == '0' && s[1] >= '0' && s[1] <= '9')
		s++;
	for (whole = 0; s < end && *s >= '0' && *s <= '9'; whole++)
		*to++ = *s++;
	if (s < end && *s == '.') {
		bool frac = s + 1 < end && s[1] >= '0' && s[1] <= '9';

		if (whole == 0 && frac)
			*to++ = '0';
		else if (whole > 0 && !frac)
			s++;
	}
	memcpy(to, s, (size_t)(end - s));
	return (size_t)(to - first) + (size_t)(end - s);
}

/* A JSON number without fraction and exponent. */
static int
integer(struct ipc_codec *c, const char *s, size_t n)
{
	bool negative = *s == '-';
	const char *d = s + negative;
	size_t digits = n - negative;
	uint64_t v = 0;

	if (negative && *d == '0')
		return c->on->real(c, -0.0, s, n);
	if (digits > 20)
		return c->on->bigint(c, negative, d, digits);
	for (size_t i = 0; i < digits; i++) {
		uint64_t digit = (uint64_t)(d[i] - '0');

		if (v > (UINT64_MAX - digit) / 10) {
			if (negative && digits == 20 &&
			    memcmp(d, "18446744073709551616", 20) == 0)
				return c->on->nint(c, UINT64_MAX);
			return c->on->bigint(c, negative, d, digits);
		}
		v = v * 10 + digit;
	}
	return negative ? c->on->nint(c, v - 1) : c->on->uint(c, v);
}

static int
number(struct ipc_codec *c)
{
	struct ipc_buf *b = &c->scratch;
	char *copy;
	const char *s;
	bool real;
	double v;
	size_t n;

	copy = (char *)ipc_codec_grow(c, b, b->len + 1);
	if (copy == NULL)
		return c->err->code;
	s = trim(b, &n);
	n = respell(copy, s, n);
	if (n == 0 || ipc_number_scan(copy, n, &real) != n)
		return ipc_codec_refuse(c, "not a number");
	if (!real)
		return integer(c, copy, n);
	if (ipc_number_parse(copy, n, &v) != 0)
		return ipc_fail(c->err, IPC_E_NET, 0, NULL,
		    "no memory for a number");
	if (isinf(v))
		return ipc_codec_refuse(c, "number beyond the range of a"
		    " double");
	return c->on->real(c, v, copy, n);
}

/* --- leaves --- */

static int
boolean(struct ipc_codec *c)
{
	size_t n;
	const char *s = trim(&c->scratch, &n);

	if ((n == 4 && memcmp(s, "true", 4) == 0) || (n == 1 && *s == '1'))
		return c->on->boolean(c, true);
	if ((n == 5 && memcmp(s, "false", 5) == 0) || (n == 1 && *s == '0'))
		return c->on->boolean(c, false);
	return ipc_codec_refuse(c, "<boolean> is neither true nor false");
}

static int
string(struct ipc_codec *c)
{
	struct ipc_buf *b = &c->scratch;
	int rc = 0;

	if (c->rd->bytes)
		rc = unbase(c, b);
	else if (c->rd->escaped)
		rc = unescape(c, b);
	if (rc != 0)
		return rc;
	return c->rd->bytes ? c->on->bytes(c, b->p, b->len) :
	    c->on->text(c, b->p, b->len);
}

static int
end_leaf(struct ipc_codec *c)
{
	enum ipc_xml_leaf leaf = c->rd->leaf;
	size_t n;

	c->rd->leaf = IPC_XML_NONE;
	/* So that there is something to point at. */
	if (ipc_codec_grow(c, &c->scratch, 1) == NULL)
		return c->err->code;
	if (leaf == IPC_XML_STRING)
		return string(c);
	if (leaf == IPC_XML_NUMBER)
		return number(c);
	if (leaf == IPC_XML_BOOLEAN)
		return boolean(c);
	trim(&c->scratch, &n);
	return n > 0 ? ipc_codec_refuse(c, "<null> has text in it") :
	    c->on->null(c);
}

/* --- elements --- */

static enum ipc_xml_leaf
find_element(struct ipc_codec *c, const char *name)
{
	static const char ns[] = IPC_XML_NS SEP_TEXT;
	bool has_ns = strncmp(name, ns, sizeof(ns) - 1) == 0;

	if (!c->rd->started)
		c->rd->no_ns = !has_ns;
	c->rd->started = true;
	if (has_ns != c->rd->no_ns) {
		name += has_ns ? sizeof(ns) - 1 : 0;
		for (size_t i = IPC_XML_STRING; i <= IPC_XML_MAP; i++)
			if (strcmp(name, names[i]) == 0)
				return (enum ipc_xml_leaf)i;
	}
	return IPC_XML_NONE;
}

static int
get_flag(struct ipc_codec *c, const char *s, bool *flag)
{
	*flag = strcmp(s, "true") == 0 || strcmp(s, "1") == 0;
	if (*flag || strcmp(s, "false") == 0 || strcmp(s, "0") == 0)
		return 0;
	return ipc_codec_refuse(c, "an attribute is neither true nor false");
}

/* Attributes of other vocabularies may be there and say nothing. */
static int
get_attrs(struct ipc_codec *c, enum ipc_xml_leaf kind, const char **v,
    struct attrs *a)
{
	bool has_escaped_key = false, is_string = kind == IPC_XML_STRING;
	int rc = 0;

	memset(a, 0, sizeof(*a));
	for (; *v != NULL && rc == 0; v += 2) {
		if (strcmp(v[0], "key") == 0)
			a->key = v[1];
		else if (strcmp(v[0], "escaped-key") == 0) {
			has_escaped_key = true;
			rc = get_flag(c, v[1], &a->escaped_key);
		} else if (is_string && strcmp(v[0], "escaped") == 0)
			rc = get_flag(c, v[1], &a->escaped);
		else if (strcmp(v[0], IPC_XML_TYPES SEP_TEXT "type") == 0) {
			a->bytes = true;
			if (!is_string || strcmp(v[1], "bytes") != 0)
				rc = ipc_codec_refuse(c, "unknown type of <%s>",
				    names[kind]);
		} else if (strchr(v[0], SEP) == NULL)
			rc = ipc_codec_refuse(c, "unknown attribute of <%s>",
			    names[kind]);
	}
	if (rc == 0 && has_escaped_key && a->key == NULL)
		rc = ipc_codec_refuse(c, "escaped-key without key");
	if (rc == 0 && a->escaped && a->bytes)
		rc = ipc_codec_refuse(c, "bytes cannot be escaped");
	return rc;
}

static int
add_scratch(struct ipc_codec *c, const char *s, size_t n)
{
	uint8_t *to = ipc_codec_grow(c, &c->scratch, n);

	if (to == NULL)
		return c->err->code;
	memcpy(to, s, n);
	c->scratch.len += n;
	return 0;
}

static int
give_key(struct ipc_codec *c, const struct attrs *a)
{
	bool map = ipc_level_top(c)->map;
	int rc;

	if (map != (a->key != NULL))
		return map ? ipc_codec_refuse(c, "no key in a <map>") :
		    ipc_codec_refuse(c, "a key outside of a <map>");
	if (!map)
		return 0;
	c->scratch.len = 0;
	rc = add_scratch(c, a->key, strlen(a->key));
	if (rc == 0 && a->escaped_key)
		rc = unescape(c, &c->scratch);
	return rc != 0 ? rc : c->on->text(c, c->scratch.p, c->scratch.len);
}

static int
not_an_element(struct ipc_codec *c)
{
	int rc = ipc_codec_refuse(c, "not an element of json-to-xml");

	if (c->level == 0 && !c->opts.generic)
		ipc_error_hint(c->err, "XML of any vocabulary can be read, not"
		    " written, with the key generic: convert:xml>%s,generic",
		    c->to->name);
	return rc;
}

static int
begin(struct ipc_codec *c, const char *name, const char **attrs)
{
	struct ipc_reader_state *r = c->rd;
	enum ipc_xml_leaf kind;
	struct attrs a;
	int rc;

	if (r->leaf != IPC_XML_NONE)
		return ipc_codec_refuse(c, "an element inside of <%s>",
		    names[r->leaf]);
	kind = find_element(c, name);
	if (kind == IPC_XML_NONE)
		return not_an_element(c);
	if ((rc = get_attrs(c, kind, attrs, &a)) != 0 ||
	    (rc = give_key(c, &a)) != 0)
		return rc;
	if (kind == IPC_XML_MAP)
		return c->on->begin_map(c, IPC_COUNT_UNKNOWN);
	if (kind == IPC_XML_ARRAY)
		return c->on->begin_array(c, IPC_COUNT_UNKNOWN);
	c->scratch.len = 0;
	r->leaf = kind;
	r->escaped = a.escaped;
	r->bytes = a.bytes;
	return 0;
}

/* --- what expat calls --- */

void
ipc_xml_set_at(struct ipc_codec *c)
{
	XML_Index at = XML_GetCurrentByteIndex(c->rd->parser);

	if (at >= 0)
		c->at = (size_t)at;
}

static void XMLCALL
on_start(void *user, const XML_Char *name, const XML_Char **attrs)
{
	struct ipc_codec *c = user;

	if (c->rd->rc != 0)
		return;
	ipc_xml_set_at(c);
	ipc_xml_stop(c, begin(c, name, attrs));
}

static void XMLCALL
on_end(void *user, const XML_Char *name)
{
	struct ipc_codec *c = user;

	(void)name;
	if (c->rd->rc != 0)
		return;
	if (c->rd->leaf != IPC_XML_NONE)	/* at is that of its start */
		ipc_xml_stop(c, end_leaf(c));
	else {
		ipc_xml_set_at(c);
		ipc_xml_stop(c, c->on->end(c));
	}
}

static void XMLCALL
on_text(void *user, const XML_Char *s, int len)
{
	struct ipc_codec *c = user;

	if (c->rd->rc != 0)
		return;
	if (c->rd->leaf != IPC_XML_NONE) {
		ipc_xml_stop(c, add_scratch(c, s, (size_t)len));
		return;
	}
	while (len > 0 && is_space(*s)) {
		s++;
		len--;
	}
	if (len > 0) {
		ipc_xml_set_at(c);
		ipc_xml_stop(c, ipc_codec_refuse(c, "text between elements"));
	}
}

static void XMLCALL
on_doctype(void *user, const XML_Char *name, const XML_Char *sysid,
    const XML_Char *pubid, int internal)
{
	struct ipc_codec *c = user;

	(void)name;
	(void)sysid;
	(void)pubid;
	(void)internal;
	if (c->rd->rc != 0)
		return;
	ipc_xml_set_at(c);
	ipc_xml_stop(c, ipc_codec_refuse(c, "a DOCTYPE is not accepted"));
}

/* --- life --- */

int
ipc_xml_prepare(struct ipc_codec *c, struct XML_ParserStruct **parser,
    bool spaces)
{
	XML_Parser x = *parser;

	if (x != NULL && !XML_ParserReset(x, NULL)) {
		XML_ParserFree(x);
		x = NULL;
	}
	if (x == NULL)
		x = spaces ? XML_ParserCreateNS(NULL, SEP) :
		    XML_ParserCreate(NULL);
	c->rd->parser = *parser = x;
	if (x == NULL)
		return ipc_fail(c->err, IPC_E_NET, 0, NULL,
		    "no memory for an XML parser");
	XML_SetUserData(x, c);
	XML_SetStartDoctypeDeclHandler(x, on_doctype);
	return 0;
}

int
ipc_xml_parse(struct ipc_codec *c, const uint8_t *p, size_t n)
{
	struct ipc_reader_state *r = c->rd;
	enum XML_Error code;

	if (XML_Parse(r->parser, (const char *)p, (int)n, 1) == XML_STATUS_OK)
		return r->rc;
	code = XML_GetErrorCode(r->parser);
	if (r->rc != 0 || code == XML_ERROR_ABORTED)
		return r->rc;
	ipc_xml_set_at(c);
	if (code == XML_ERROR_NO_MEMORY)
		return ipc_fail(c->err, IPC_E_NET, 0, NULL,
		    "no memory for an XML parser");
	return ipc_codec_refuse(c, "%s", XML_ErrorString(code));
}

int
ipc_xml_read(struct ipc_codec *c, const uint8_t *p, size_t n)
{
	bool other = true;
	int rc = 0;

	if (n > INT_MAX / 2)
		return ipc_codec_bad(c, 0, "a document of %zu bytes", n);
	if (c->opts.generic)
		rc = ipc_xml_generic(c, p, n, &other);
	if (rc != 0 || !other)
		return rc;
	if ((rc = ipc_xml_prepare(c, &c->rd->names, true)) != 0)
		return rc;
	XML_SetElementHandler(c->rd->parser, on_start, on_end);
	XML_SetCharacterDataHandler(c->rd->parser, on_text);
	return ipc_xml_parse(c, p, n);
}

void
ipc_xml_reset(struct ipc_codec *c)
{
	struct ipc_reader_state *r = c->rd;
	struct ipc_reader_state kept = { 0 };

	if (c->from != &ipc_format_xml)
		return;
	kept.names = r->names;
	kept.tree = r->tree;
	*r = kept;
}

void
ipc_xml_free(struct ipc_codec *c)
{
	struct ipc_reader_state *r = c->rd;

	if (c->from != &ipc_format_xml || r == NULL)
		return;
	if (r->names != NULL)
		XML_ParserFree(r->names);
	if (r->tree.parser != NULL)
		XML_ParserFree(r->tree.parser);
	r->names = r->parser = r->tree.parser = NULL;
	ipc_xml_tree_free(&r->tree);
}
