/*
 * Framings as words: parse, print, compare; sizes and hints of the failures.
 *
 * Layout: NAME or NAME:ARGUMENT, the argument as `names` says.  "crlf" is the
 * word for line with CR LF.
 */
#include "wire/framing_text.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "base/units.h"
#include "wire/framing.h"

const char *const ipc_framing_words[] = {
	"line", "crlf", "nul", "delim:X", "raw", "len16", "len32", "len32le",
	"varint", "netstring", "chunk:N", "json", "cbor", "msgpack", NULL
};

/* In the order of ipc_framing_words. */
static const char *const names[] = {
	"line", "crlf", "nul", "delim", "raw", "len16", "len32", "len32le",
	"varint", "netstring", "chunk", "json", "cbor", "msgpack", NULL
};

static const uint8_t kinds[] = {
	IPC_FRAME_LINE, IPC_FRAME_LINE, IPC_FRAME_NUL, IPC_FRAME_DELIM,
	IPC_FRAME_RAW, IPC_FRAME_LEN16, IPC_FRAME_LEN32, IPC_FRAME_LEN32LE,
	IPC_FRAME_VARINT, IPC_FRAME_NETSTRING, IPC_FRAME_CHUNK,
	IPC_FRAME_JSON, IPC_FRAME_CBOR, IPC_FRAME_MSGPACK
};

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The byte that the escape at *s (behind the backslash) means, or -1. */
static int
escaped(const char **s)
{
	static const char letters[] = "nrt0\\", bytes[] = "\n\r\t\0\\";
	const char *found;
	int hi, lo;

	if (**s == 'x') {
		hi = hex_digit((*s)[1]);
		lo = hi < 0 ? -1 : hex_digit((*s)[2]);
		if (lo < 0)
			return -1;
		*s += 3;
		return hi << 4 | lo;
	}
	found = **s == '\0' ? NULL : strchr(letters, **s);
	if (found == NULL)
		return -1;
	(*s)++;
	return (unsigned char)bytes[found - letters];
}

static int
parse_delim(struct ipc_framing *f, const char *arg, struct ipc_error *err)
{
	const char *s = arg;
	int c;

	while (*s != '\0') {
		if (f->ndelim == IPC_DELIM_MAX)
			return ipc_fail(err, IPC_E_USAGE, 0,
			    "shorten it, or use another framing: -f len32",
			    "the delimiter is longer than %d bytes",
			    IPC_DELIM_MAX);
		c = (unsigned char)*s++;
		if (c == '\\')
			c = escaped(&s);
		if (c < 0)
			return ipc_fail(err, IPC_E_USAGE, 0,
			    "write \\n \\r \\t \\0 \\\\ or \\xHH",
			    "unknown escape in the delimiter \"%.60s\"", arg);
		f->delim[f->ndelim++] = (uint8_t)c;
	}
	if (f->ndelim == 0)
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "give the bytes that end a message: delim:; or "
		    "delim:\\r\\n", "the delimiter is empty");
	return 0;
}

static int
parse_chunk(struct ipc_framing *f, const char *arg, struct ipc_error *err)
{
	uint64_t n;
	int rc = ipc_parse_size(arg, &n, err);

	if (rc != 0)
		return rc;
	if (n == 0 || n > IPC_MESSAGE_TOP)
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "choose 1 to 1G: chunk:64k",
		    "chunks of \"%.60s\" are not possible", arg);
	f->chunk = (uint32_t)n;
	return 0;
}

static int
unknown(const char *text, const char *name, struct ipc_error *err)
{
	const char *near = ipc_nearest(name, names);
	char hint[160];

	snprintf(hint, sizeof(hint), "%s%s%sone of line crlf nul delim:X raw "
	    "len16 len32 len32le varint netstring chunk:N json cbor msgpack",
	    near != NULL ? "use " : "", near != NULL ? near : "",
	    near != NULL ? "; or " : "use ");
	return ipc_fail(err, IPC_E_USAGE, 0, hint,
	    "unknown framing \"%.60s\"", text);
}

int
ipc_framing_parse(struct ipc_framing *f, const char *text,
    struct ipc_error *err)
{
	size_t i, len = strcspn(text, ":");
	const char *arg = text[len] == ':' ? text + len + 1 : NULL;
	char name[16];

	memset(f, 0, sizeof(*f));
	f->max = IPC_MESSAGE_MAX;
	snprintf(name, sizeof(name), "%.*s", len < sizeof(name) ? (int)len :
	    (int)sizeof(name) - 1, text);
	for (i = 0; names[i] != NULL; i++)
		if (strlen(names[i]) == len && strcmp(names[i], name) == 0)
			break;
	if (names[i] == NULL)
		return unknown(text, name, err);
	f->kind = kinds[i];
	f->crlf = strcmp(name, "crlf") == 0;
	if (f->kind != IPC_FRAME_DELIM && f->kind != IPC_FRAME_CHUNK) {
		if (arg == NULL)
			return 0;
		return ipc_fail(err, IPC_E_USAGE, 0, "leave out what follows "
		    "the colon, and the colon",
		    "the framing %s takes no argument", name);
	}
	if (arg == NULL)
		return ipc_fail(err, IPC_E_USAGE, 0,
		    f->kind == IPC_FRAME_DELIM ? "give the bytes that end a "
		    "message: delim:; or delim:\\r\\n" :
		    "give the bytes of a message: chunk:64k",
		    "the framing %s lacks its argument", name);
	return f->kind == IPC_FRAME_DELIM ? parse_delim(f, arg, err) :
	    parse_chunk(f, arg, err);
}

/* One byte of a delimiter so that a shell line or -p string keeps it. */
static size_t
delim_text(char *buf, uint8_t c)
{
	static const char letters[] = "nrt0\\", bytes[] = "\n\r\t\0\\";
	const char *found = memchr(bytes, c, sizeof(bytes) - 1);

	if (found != NULL) {
		buf[0] = '\\';
		buf[1] = letters[found - bytes];
		return 2;
	}
	if (c > ' ' && c < 0x7F && strchr(",|\"'`$", c) == NULL) {
		buf[0] = (char)c;
		return 1;
	}
	return (size_t)snprintf(buf, 5, "\\x%02x", (unsigned int)c);
}

char *
ipc_framing_text(const struct ipc_framing *f, char buf[IPC_FRAMING_TEXT])
{
	const char *name = "none";
	size_t i, len;

	for (i = 0; names[i] != NULL; i++)
		if (kinds[i] == f->kind) {
			name = names[i];
			break;
		}
	if (f->kind == IPC_FRAME_LINE && f->crlf)
		name = "crlf";
	len = (size_t)snprintf(buf, IPC_FRAMING_TEXT, "%s", name);
	if (f->kind == IPC_FRAME_CHUNK)
		snprintf(buf + len, IPC_FRAMING_TEXT - len, ":%u", f->chunk);
	if (f->kind == IPC_FRAME_DELIM) {
		buf[len++] = ':';
		for (i = 0; i < f->ndelim && i < IPC_DELIM_MAX; i++)
			len += delim_text(buf + len, f->delim[i]);
		buf[len] = '\0';
	}
	return buf;
}

/* The bytes that end a message, 0 when there is no fixed end. */
static size_t
fixed_end(const struct ipc_framing *f, const uint8_t **bytes)
{
	static const uint8_t newline[] = "\n", zero[] = "";

	*bytes = f->kind == IPC_FRAME_LINE ? newline :
	    f->kind == IPC_FRAME_NUL ? zero : f->delim;
	if ((f->kind == IPC_FRAME_LINE && !f->crlf) ||
	    f->kind == IPC_FRAME_NUL)
		return 1;
	return f->kind == IPC_FRAME_DELIM ? f->ndelim : 0;
}

bool
ipc_framing_same(const struct ipc_framing *a, const struct ipc_framing *b)
{
	const uint8_t *enda, *endb;
	size_t na = fixed_end(a, &enda), nb = fixed_end(b, &endb);

	if (na > 0 || nb > 0)
		return na == nb && memcmp(enda, endb, na) == 0;
	return a->kind == b->kind &&
	    (a->kind != IPC_FRAME_CHUNK || a->chunk == b->chunk);
}

/* --- of failures --- */

char *
ipc_frame_size(char buf[IPC_FRAME_SIZE], uint64_t bytes)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB" };
	size_t i = 0;

	while (bytes > 0 && bytes % 1024 == 0 && i < 3) {
		bytes /= 1024;
		i++;
	}
	snprintf(buf, IPC_FRAME_SIZE, "%ju %s", (uintmax_t)bytes,
	    bytes == 1 && i == 0 ? "byte" : units[i]);
	return buf;
}

void
ipc_frame_hint_same(const struct ipc_framing *f, char *hint, size_t size)
{
	char word[IPC_FRAMING_TEXT];

	snprintf(hint, size, "use the same framing on both sides: this one "
	    "has -f %.60s", ipc_framing_text(f, word));
}

void
ipc_frame_hint_max(const struct ipc_framing *f, uint64_t bytes, char *hint,
    size_t size)
{
	char word[IPC_FRAMING_TEXT];
	uint64_t enough = 1024;

	ipc_framing_text(f, word);
	while (enough < bytes && enough < IPC_MESSAGE_TOP)
		enough *= 2;
	if (enough < bytes)
		snprintf(hint, size, "1G is the most; use the same framing on "
		    "both sides: this one has -f %.60s", word);
	else
		snprintf(hint, size, "--max-message %ju%c on this side, or "
		    "the framing of the other side if that is not -f %.60s",
		    (uintmax_t)(enough >> (enough < 1 << 20 ? 10 : 20)),
		    enough < 1 << 20 ? 'k' : 'M', word);
}
