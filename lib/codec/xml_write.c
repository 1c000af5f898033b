/*
 * Events to XML in the form of json-to-xml (XPath Functions 3.1, 17.5 and
 * 22): <map> <array> <string> <number> <boolean> <null>, the key as an
 * attribute of the value.  The result has no literal line end, so that one
 * document is one line.
 *
 * Text with characters that XML 1.0 cannot hold is escaped="true" and written
 * with the escapes of JSON.  Bytes are a <string> in base64 with our own
 * i:type="bytes".  A key waits in c->temp, as it will be written, for the
 * element whose attribute it is; the key of a map that is not text becomes
 * its JSON form, an error if strict.
 */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "codec/base64.h"
#include "codec/codec.h"
#include "codec/keys.h"
#include "codec/number.h"
#include "codec/xml.h"

#define LIT(s) (s), sizeof(s) - 1

static uint8_t *
room(struct ipc_codec *c, struct ipc_buf *b, size_t n)
{
	return b == c->out ? ipc_codec_room(c, n) : ipc_codec_grow(c, b, n);
}

static inline int
put(struct ipc_codec *c, struct ipc_buf *b, const void *p, size_t n)
{
	uint8_t *to = room(c, b, n);

	if (to == NULL)
		return c->err->code;
	ipc_codec_copy(to, p, n);
	b->len += n;
	return 0;
}

/* --- characters --- */

/* U+FFFE or U+FFFF at p. */
static bool
is_noncharacter(const uint8_t *p, size_t n)
{
	return n >= 3 && p[0] == 0xEF && p[1] == 0xBF && p[2] >= 0xBE;
}

static bool
is_control(uint8_t b)
{
	return b < 0x20 && b != '\t' && b != '\n' && b != '\r';
}

static bool
needs_escape(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_control(p[i]) || (p[i] == 0xEF &&
		    is_noncharacter(p + i, n - i)))
			return true;
	return false;
}

static const char *
reference(uint8_t b)
{
	switch (b) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\t':
		return "&#9;";
	case '\n':
		return "&#10;";
	case '\r':
		return "&#13;";
	default:
		return NULL;
	}
}

/*
 * What stands for the character at p, or NULL: itself.  *used: its bytes;
 * hex: room for what is put together.
 */
static const char *
stand_in(const uint8_t *p, size_t n, bool escaped, char hex[8], size_t *used)
{
	static const char digits[] = "0123456789abcdef";

	*used = 1;
	if (!escaped)
		return reference(*p);
	if (*p == '\\')
		return "\\\\";
	if (is_control(*p)) {
		memcpy(hex, "\\u00", 4);
		hex[4] = digits[*p >> 4];
		hex[5] = digits[*p & 15];
		hex[6] = '\0';
		return hex;
	}
	if (is_noncharacter(p, n)) {
		*used = 3;
		return p[2] == 0xBE ? "\\ufffe" : "\\uffff";
	}
	return reference(*p);
}

static int
put_text(struct ipc_codec *c, struct ipc_buf *b, const uint8_t *p, size_t n,
    bool escaped)
{
	size_t start = 0, i = 0, used;
	char hex[8];
	int rc;

	while (i < n) {
		const char *s;

		if (p[i] > '>' && p[i] != '\\' && p[i] != 0xEF) {
			i++;
			continue;
		}
		s = stand_in(p + i, n - i, escaped, hex, &used);
		if (s == NULL) {
			i++;
			continue;
		}
		if ((rc = put(c, b, p + start, i - start)) != 0 ||
		    (rc = put(c, b, s, strlen(s))) != 0)
			return rc;
		start = i += used;
	}
	return put(c, b, p + start, n - start);
}

static int
put_base(struct ipc_codec *c, struct ipc_buf *b, enum ipc_base how,
    const uint8_t *p, size_t n)
{
	uint8_t *to = room(c, b, ipc_base_room(how, n));

	if (to == NULL)
		return c->err->code;
	b->len += ipc_base_encode(how, to, p, n);
	return 0;
}

/* --- elements --- */

/* The key for the next value: all between the name and what follows. */
static int
key_begin(struct ipc_codec *c, bool escaped)
{
	c->temp.len = 0;
	return escaped ? put(c, &c->temp, LIT(" escaped-key=\"true\" key=\"")) :
	    put(c, &c->temp, LIT(" key=\""));
}

static int
key_end(struct ipc_codec *c, int rc)
{
	if (rc == 0)
		rc = put(c, &c->temp, "\"", 1);
	if (rc == 0)
		ipc_level_next(c, 0);
	return rc;
}

/* A key that is not text; for a number or a word, its JSON form. */
static int
key_other(struct ipc_codec *c, const char *s, size_t n)
{
	int rc;

	if (c->opts.strict)
		return ipc_codec_refuse(c, "a key that is not text has no"
		    " place in XML");
	rc = key_begin(c, false);
	return key_end(c, rc != 0 ? rc : put(c, &c->temp, s, n));
}

/* <NAME with name space and key; the tag is left open. */
static int
start(struct ipc_codec *c, const char *name, size_t n)
{
	size_t at;
	int rc;

	if ((rc = put(c, c->out, "<", 1)) != 0 ||
	    (rc = put(c, c->out, name, n)) != 0)
		return rc;
	if (c->level == 0)
		return put(c, c->out, LIT(" xmlns=\"" IPC_XML_NS "\""));
	if (!ipc_level_top(c)->map)
		return 0;
	at = ipc_codec_here(c);
	if ((rc = put(c, c->out, c->temp.p, c->temp.len)) != 0)
		return rc;
	return ipc_keys_add(c, at, c->temp.len);
}

static int
finish(struct ipc_codec *c, const char *name, size_t n)
{
	int rc;

	if ((rc = put(c, c->out, "</", 2)) != 0 ||
	    (rc = put(c, c->out, name, n)) != 0 ||
	    (rc = put(c, c->out, ">", 1)) != 0)
		return rc;
	ipc_level_next(c, 0);
	return 0;
}

/* <NAME>TEXT</NAME>, text needing no escapes; or such a key. */
static int
plain(struct ipc_codec *c, const char *name, const char *s, size_t n)
{
	int rc;

	if (ipc_level_at_key(c))
		return key_other(c, s, n);
	if ((rc = start(c, name, strlen(name))) != 0 ||
	    (rc = put(c, c->out, ">", 1)) != 0 ||
	    (rc = put(c, c->out, s, n)) != 0)
		return rc;
	return finish(c, name, strlen(name));
}

static int
xml_null(struct ipc_codec *c)
{
	int rc;

	if (ipc_level_at_key(c))
		return key_other(c, LIT("null"));
	if ((rc = start(c, LIT("null"))) == 0 &&
	    (rc = put(c, c->out, "/>", 2)) == 0)
		ipc_level_next(c, 0);
	return rc;
}

static int
xml_undefined(struct ipc_codec *c)
{
	if (c->opts.strict)
		return ipc_codec_refuse(c, "XML has no undefined");
	return xml_null(c);
}

static int
xml_simple(struct ipc_codec *c, uint8_t v)
{
	if (c->opts.strict)
		return ipc_codec_refuse(c, "XML has no simple value %u", v);
	return xml_null(c);
}

static int
xml_boolean(struct ipc_codec *c, bool v)
{
	return v ? plain(c, "boolean", LIT("true")) :
	    plain(c, "boolean", LIT("false"));
}

/* --- numbers --- */

static int
xml_uint(struct ipc_codec *c, uint64_t v)
{
	char s[IPC_NUMBER_TEXT];

	return plain(c, "number", s, ipc_number_uint(s, v));
}

static int
xml_nint(struct ipc_codec *c, uint64_t v)
{
	char s[IPC_NUMBER_TEXT + 1] = "-";

	if (v == UINT64_MAX)
		return plain(c, "number", LIT("-18446744073709551616"));
	return plain(c, "number", s, 1 + ipc_number_uint(s + 1, v + 1));
}

static int
xml_bigint(struct ipc_codec *c, bool negative, const char *digits, size_t n)
{
	int rc;

	if (!negative)
		return plain(c, "number", digits, n);
	if (ipc_level_at_key(c)) {
		if (c->opts.strict)
			return key_other(c, digits, n);
		if ((rc = key_begin(c, false)) == 0 &&
		    (rc = put(c, &c->temp, "-", 1)) == 0)
			rc = put(c, &c->temp, digits, n);
		return key_end(c, rc);
	}
	if ((rc = start(c, LIT("number"))) != 0 ||
	    (rc = put(c, c->out, ">-", 2)) != 0 ||
	    (rc = put(c, c->out, digits, n)) != 0)
		return rc;
	return finish(c, LIT("number"));
}

static int
xml_real(struct ipc_codec *c, double v, const char *text, size_t n)
{
	char s[IPC_NUMBER_TEXT];

	if (text != NULL)
		return plain(c, "number", text, n);
	if (!isfinite(v))
		return ipc_codec_refuse(c, "%s has no place in XML",
		    isnan(v) ? "NaN" : "infinity");
	return plain(c, "number", s, ipc_number_real(s, v));
}

/* --- strings --- */

static int
xml_text(struct ipc_codec *c, const uint8_t *p, size_t n)
{
	bool escaped = needs_escape(p, n);
	int rc;

	if (ipc_level_at_key(c)) {
		rc = key_begin(c, escaped);
		return key_end(c, rc != 0 ? rc :
		    put_text(c, &c->temp, p, n, escaped));
	}
	if ((rc = start(c, LIT("string"))) != 0)
		return rc;
	rc = escaped ? put(c, c->out, LIT(" escaped=\"true\">")) :
	    put(c, c->out, ">", 1);
	if (rc != 0 || (rc = put_text(c, c->out, p, n, escaped)) != 0)
		return rc;
	return finish(c, LIT("string"));
}

static int
xml_bytes(struct ipc_codec *c, const uint8_t *p, size_t n)
{
	int rc;

	if (ipc_level_at_key(c)) {
		if (c->opts.strict)
			return key_other(c, "", 0);
		rc = key_begin(c, false);
		return key_end(c, rc != 0 ? rc :
		    put_base(c, &c->temp, IPC_BASE64URL, p, n));
	}
	if ((rc = start(c, LIT("string"))) != 0 ||
	    (rc = put(c, c->out, LIT(" xmlns:i=\"" IPC_XML_TYPES
	    "\" i:type=\"bytes\">"))) != 0 ||
	    (rc = put_base(c, c->out, IPC_BASE64, p, n)) != 0)
		return rc;
	return finish(c, LIT("string"));
}

static int
xml_tag(struct ipc_codec *c, uint64_t tag)
{
	if (c->opts.strict)
		return ipc_codec_refuse(c, "XML has no CBOR tag %ju",
		    (uintmax_t)tag);
	return 0;
}

static int
xml_ext(struct ipc_codec *c, int8_t type, const uint8_t *p, size_t n)
{
	if (c->opts.strict)
		return ipc_codec_refuse(c, "XML has no MessagePack extension"
		    " type %d", type);
	return xml_bytes(c, p, n);
}

/* --- containers --- */

static int
begin(struct ipc_codec *c, bool map, uint64_t count)
{
	size_t head = ipc_codec_here(c);
	int rc;

	if (ipc_level_at_key(c))
		return ipc_codec_refuse(c, "a key that is %s has no place in"
		    " XML", map ? "a map" : "an array");
	rc = map ? start(c, LIT("map")) : start(c, LIT("array"));
	if (rc != 0 || (rc = put(c, c->out, ">", 1)) != 0)
		return rc;
	return ipc_level_open(c, map, count, head);
}

static int
xml_begin_array(struct ipc_codec *c, uint64_t count)
{
	return begin(c, false, count);
}

static int
xml_begin_map(struct ipc_codec *c, uint64_t count)
{
	return begin(c, true, count);
}

static int
xml_end(struct ipc_codec *c)
{
	bool map = ipc_level_top(c)->map;

	ipc_level_close(c);
	return map ? finish(c, LIT("map")) : finish(c, LIT("array"));
}

const struct ipc_format_ops ipc_format_xml = {
	.name = "xml",
	.read = ipc_xml_read,
	.write = {
		.null = xml_null,
		.undefined = xml_undefined,
		.boolean = xml_boolean,
		.uint = xml_uint,
		.nint = xml_nint,
		.bigint = xml_bigint,
		.real = xml_real,
		.text = xml_text,
		.bytes = xml_bytes,
		.begin_array = xml_begin_array,
		.begin_map = xml_begin_map,
		.end = xml_end,
		.tag = xml_tag,
		.simple = xml_simple,
		.ext = xml_ext,
	},
	.reset = ipc_xml_reset,
	.free = ipc_xml_free,
	.reader_size = sizeof(struct ipc_reader_state),
};
