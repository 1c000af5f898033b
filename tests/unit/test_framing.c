/*
 * Framings: every one is written, cut at every byte boundary and read back;
 * limits, truncation, garbled heads, words.  Items (json, cbor, msgpack) have
 * more of their own in test_framing_items.c.
 */
#include "tests/unit/check.h"

#include <stdlib.h>

#include "base/error.h"
#include "wire/framing.h"

#define MESSAGES 4
#define EDGE 40			/* large streams: cut this near to a frame */

struct stream {
	struct ipc_framing f;
	uint8_t	*bytes;
	size_t	n;
	size_t	count;
	struct {
		uint8_t	*p;
		size_t	len;
		bool	open;
		size_t	end;	/* of its frame in the stream */
	} msg[MESSAGES];
};

static struct ipc_error err;

static void *
need_mem(size_t n)
{
	void *p = malloc(n > 0 ? n : 1);

	if (p == NULL)
		abort();
	return p;
}

/* Never LF, NUL, comma, 'b' or quote: no framing ends in it. */
static void
fill(uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)("aacdefghijklm"[(i * 7 + len) % 13]);
}

/* The head of a byte string that makes len bytes with it. */
static void
fill_binary(uint8_t *p, size_t len, const uint8_t head[4])
{
	size_t body, k, size = len < 24 ? 0 : len < 256 ? 1 :
	    len < 65536 ? 2 : 4;

	body = len - 1 - size;
	p[0] = (uint8_t)(size == 0 ? head[0] + body : head[1 + size / 2]);
	for (k = 0; k < size; k++)
		p[1 + k] = (uint8_t)(body >> 8 * (size - 1 - k));
}

/* A payload that the framing can carry; false when there is none. */
static bool
payload(const struct ipc_framing *f, uint8_t *p, size_t len)
{
	static const uint8_t cbor[] = { 0x40, 0x58, 0x59, 0x5a };
	static const uint8_t msgpack[] = { 0xa0, 0xc4, 0xc5, 0xc6 };

	fill(p, len);
	if (f->kind < IPC_FRAME_JSON)
		return f->kind != IPC_FRAME_LEN16 || len < 65536;
	if (len == 0)
		return false;
	if (f->kind == IPC_FRAME_CBOR)
		fill_binary(p, len, cbor);
	else if (f->kind == IPC_FRAME_MSGPACK)
		fill_binary(p, len, msgpack);
	else if (len == 1)
		p[0] = '7';
	else
		p[0] = p[len - 1] = '"';
	return true;
}

static void
add(struct stream *s, size_t len, bool open)
{
	struct ipc_wrap w;
	uint8_t *p = need_mem(len);
	int rc;

	if (!payload(&s->f, p, len)) {
		free(p);
		return;
	}
	rc = ipc_wrap(&s->f, p, len, open, &w, &err);
	if (rc != 0) {
		ok(false, "wrap of %zu bytes: %s", len, err.what);
		free(p);
		return;
	}
	s->bytes = realloc(s->bytes, s->n + w.nhead + len + w.ntail + 1);
	if (s->bytes == NULL)
		abort();
	memcpy(s->bytes + s->n, w.head, w.nhead);
	memcpy(s->bytes + s->n + w.nhead, p, len);
	memcpy(s->bytes + s->n + w.nhead + len, w.tail, w.ntail);
	s->n += w.nhead + len + w.ntail;
	s->msg[s->count].p = p;
	s->msg[s->count].len = len;
	s->msg[s->count].open = open;
	s->msg[s->count++].end = s->n;
}

static void
drop(struct stream *s)
{
	while (s->count > 0)
		free(s->msg[--s->count].p);
	free(s->bytes);
}

/* --- a reader, as core has one --- */

struct reader {
	const struct stream *s;
	struct ipc_unframe u;
	size_t	at;		/* frame being read */
	size_t	got;
	const char *wrong;
};

static void
compare(struct reader *r, const uint8_t *p, const struct ipc_frame *f)
{
	size_t i = r->got++;

	if (i >= r->s->count)
		r->wrong = "too many messages";
	else if (f->len != r->s->msg[i].len || memcmp(p + f->off,
	    r->s->msg[i].p, f->len) != 0)
		r->wrong = "another payload";
	else if (f->open != r->s->msg[i].open)
		r->wrong = "open is wrong";
}

/* Only the end of the input tells that the last chunk has fewer bytes. */
static bool
shorter(const struct reader *r)
{
	return r->s->f.kind == IPC_FRAME_CHUNK &&
	    r->got == r->s->count - 1;
}

/* The bytes up to `have` are there. */
static void
feed(struct reader *r, size_t have, bool eof)
{
	const uint8_t *p;
	struct ipc_frame f;
	size_t need, n;
	int rc;

	while (r->wrong == NULL) {
		p = r->s->bytes + r->at;
		n = have - r->at;
		rc = ipc_unframe(&r->u, p, n, eof, &f, &need, &err);
		if (rc < 0) {
			r->wrong = err.what;
			return;
		}
		r->at += f.used;
		if (r->u.offset != r->at)
			r->wrong = "the offset is wrong";
		if (rc == 0) {
			if (need <= n)
				r->wrong = "need is not more than n";
			if (!eof && r->got < r->s->count && !shorter(r) &&
			    have - n - f.used + need >
			    r->s->msg[r->got].end + 1)
				r->wrong = "need is more than the frame";
			return;
		}
		compare(r, p, &f);
	}
}

static const char *
finish(struct reader *r)
{
	feed(r, r->s->n, true);
	ipc_unframe_free(&r->u);
	if (r->wrong == NULL && r->got != r->s->count)
		r->wrong = "messages are missing";
	if (r->wrong == NULL && r->u.index != r->got)
		r->wrong = "the index is wrong";
	return r->wrong;
}

static const char *
read_cut(const struct stream *s, size_t cut)
{
	struct reader r = { .s = s, .u.f = &s->f };

	feed(&r, cut, false);
	return finish(&r);
}

static const char *
read_bytes(const struct stream *s, bool to_end)
{
	struct reader r = { .s = s, .u.f = &s->f };

	for (size_t i = 0; i < s->n + to_end; i++)
		feed(&r, i, false);
	return finish(&r);
}

static bool
near_an_edge(const struct stream *s, size_t cut)
{
	if (s->n < 2000 || cut < EDGE || cut % 99991 == 0)
		return true;
	for (size_t i = 0; i < s->count; i++)
		if (cut + EDGE > s->msg[i].end && cut < s->msg[i].end + EDGE)
			return true;
	return false;
}

static void
read_all_ways(const struct stream *s, const char *name, size_t size)
{
	const char *bad = read_bytes(s, true);
	size_t cut, cuts = 0;

	ok(bad == NULL, "%s of %zu: byte by byte, then the end%s%s", name,
	    size, bad != NULL ? ": " : "", bad != NULL ? bad : "");
	bad = read_bytes(s, false);
	ok(bad == NULL, "%s of %zu: the last byte with the end%s%s", name,
	    size, bad != NULL ? ": " : "", bad != NULL ? bad : "");
	for (cut = 0, bad = NULL; cut <= s->n && bad == NULL; cut++)
		if (near_an_edge(s, cut)) {
			bad = read_cut(s, cut);
			cuts++;
		}
	ok(bad == NULL, "%s of %zu: cut in %zu places%s%s", name, size, cuts,
	    bad != NULL ? ": " : "", bad != NULL ? bad : "");
}

static void
one_way(const char *word, size_t size, bool open)
{
	struct stream s = { 0 };

	if (ipc_framing_parse(&s.f, word, &err) != 0) {
		ok(false, "%s: %s", word, err.what);
		return;
	}
	if (s.f.kind == IPC_FRAME_CHUNK) {
		if (size == 0)
			return;
		s.f.chunk = (uint32_t)size;
		add(&s, size, false);
		add(&s, size, false);
		add(&s, size / 2 > 0 ? size / 2 : 1, false);
	} else if (s.f.kind == IPC_FRAME_RAW) {
		if (size > 0)
			add(&s, size, false);
		else
			s.bytes = need_mem(0);
	} else {
		add(&s, size, false);
		add(&s, 3, false);
		add(&s, size, false);
		if (open)
			add(&s, size > 0 ? size : 1, true);
	}
	read_all_ways(&s, word, size);
	drop(&s);
}

static void
test_all_framings(void)
{
	static const char *const words[] = { "line", "crlf", "nul",
	    "delim:b", "delim:aab", "delim:\\r\\n--", "raw", "len16",
	    "len32", "len32le", "varint", "netstring", "chunk:1", "json",
	    "cbor", "msgpack" };
	static const size_t sizes[] = { 0, 1, 2, 23, 24, 125, 126, 127, 128,
	    255, 256, 257, 16383, 16384, 65535, 65536, 65537, 3U << 20 };
	size_t i, k;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		for (k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
			one_way(words[i], sizes[k], false);
			if (i < 6)
				one_way(words[i], sizes[k], true);
		}
}

/* --- streams written by hand --- */

/* What is read, as "[one][two][open+]", then "!" and why it stopped. */
static const char *
shown(const struct ipc_framing *f, const void *bytes, size_t n)
{
	static char text[800];
	struct ipc_unframe u = { .f = f };
	struct ipc_frame out;
	size_t need, at = 0, len = 0;
	uint8_t *p;
	int rc;

	text[0] = '\0';
	do {
		p = need_mem(n - at);	/* exact: a sanitizer sees its end */
		if (n > at)
			memcpy(p, (const char *)bytes + at, n - at);
		rc = ipc_unframe(&u, p, n - at, true, &out, &need, &err);
		if (rc == 1)
			len += (size_t)snprintf(text + len,
			    sizeof(text) - len, "[%.*s%s]", (int)out.len,
			    (const char *)p + out.off, out.open ? "+" : "");
		free(p);
		at += rc >= 0 ? out.used : 0;
	} while (rc == 1 && len < sizeof(text) - 100);
	if (rc < 0)
		snprintf(text + len, sizeof(text) - len, "!%s", err.what);
	else if (at != n)
		snprintf(text + len, sizeof(text) - len, "!%zu left", n - at);
	ipc_unframe_free(&u);
	return text;
}

static const char *
word_shown(const char *word, uint32_t max, const void *bytes, size_t n)
{
	struct ipc_framing f;

	if (ipc_framing_parse(&f, word, &err) != 0)
		return err.what;
	if (max > 0)
		f.max = max;
	return shown(&f, bytes, n);
}

#define READS(word, max, bytes, want, ...) \
	is_str(word_shown(word, max, bytes, sizeof(bytes) - 1), want, \
	    __VA_ARGS__)

static void
test_ends(void)
{
	READS("line", 0, "", "", "an empty stream has no line");
	READS("line", 0, "\n", "[]", "an empty line");
	READS("line", 0, "a\n\nb", "[a][][b+]", "the last line is open");
	READS("line", 0, "a\r\n\r\nb\r", "[a\r][\r][b\r+]",
	    "line keeps CR");
	READS("crlf", 0, "a\r\nb\n\r\n\n\r\r\nc\r", "[a][b][][][\r][c\r+]",
	    "crlf takes one CR off, and only before LF");
	READS("nul", 0, "a\0\0b\n", "[a][][b\n+]", "nul");
	READS("delim:aab", 0, "aaabaabaaa", "[a][][aaa+]",
	    "a delimiter that overlaps itself");
	READS("delim:abab", 0, "ababababab", "[][][ab+]", "abab");
	READS("delim:aa", 0, "xaaay", "[x][ay+]", "aa is found at its first");
	READS("raw", 0, "", "", "raw: no input, no message");
	READS("raw", 0, "a\nb\n", "[a\nb\n]", "raw: one message");
	READS("chunk:3", 0, "abcdefgh", "[abc][def][gh]",
	    "the last chunk is shorter");
	READS("chunk:3", 0, "abcdef", "[abc][def]", "no empty last chunk");
	READS("varint", 0, "\x01" "a\0\x02" "bc", "[a][][bc]", "varint");
	READS("len16", 0, "\0\x01" "a\0\0", "[a][]", "len16");
	READS("len32le", 0, "\x01\0\0\0a", "[a]", "len32le");
	READS("netstring", 0, "5:hello,0:,2:,,,", "[hello][][,,]",
	    "netstring");
}

#define BAD(word, bytes, why) READS(word, 0, bytes, \
	"!message 1 at offset 0 is garbled at its byte " why, "%s: %s", word, \
	why)

static void
test_garbled(void)
{
	BAD("netstring", "00:,", "1: a length with a leading zero");
	BAD("netstring", "05:hello,", "1: a length with a leading zero");
	BAD("netstring", ":,", "1: not a length and a colon");
	BAD("netstring", "-1:,", "1: not a length and a colon");
	BAD("netstring", "1 :a,", "2: not a length and a colon");
	BAD("netstring", "1:ab", "4: no comma where the length says");
	BAD("varint", "\x80\0", "2: a length with more bytes than it needs");
	BAD("varint", "\x81\x80\0a",
	    "3: a length with more bytes than it needs");
	BAD("varint", "\xff\xff\xff\xff\xff\x01",
	    "5: a length over 32 bits");
	READS("netstring", 0, "1:a,1;", "[a]!message 2 at offset 4 is garbled "
	    "at its byte 2: not a length and a colon",
	    "the message and its offset are named");
	READS("varint", 0, "\xff\xff\xff\xff\x7f", "!message 1 at offset 0 is "
	    "longer than 16 MiB: it has 34359738367 bytes",
	    "varint of 35 bits");
}

static void
test_limits(void)
{
	static const char *const heads[] = { "len32", "\xff\xff\xff\xff",
	    "len32le", "\xff\xff\xff\xff", "varint", "\xff\xff\xff\xff\x0f",
	    "cbor", "\x9a\xff\xff\xff\xff", "cbor", "\xba\xff\xff\xff\xff",
	    "cbor", "\x5a\xff\xff\xff\xff", "msgpack", "\xdd\xff\xff\xff\xff",
	    "msgpack", "\xdf\xff\xff\xff\xff", "msgpack",
	    "\xc6\xff\xff\xff\xff", "netstring", "4294967295:", NULL };
	struct ipc_framing f;
	struct ipc_frame out;
	size_t i, need;

	for (i = 0; heads[i] != NULL; i += 2) {
		struct ipc_unframe u = { .f = &f };

		ipc_framing_parse(&f, heads[i], &err);
		ok(ipc_unframe(&u, (const uint8_t *)heads[i + 1],
		    strlen(heads[i + 1]), false, &out, &need, &err) ==
		    IPC_E_DATA && u.stack == NULL && strstr(err.what,
		    "longer than 16 MiB") != NULL, "%s claims 4 GiB: refused "
		    "at once, nothing allocated", heads[i]);
	}
	READS("line", 4, "abcd\nabcd", "[abcd][abcd+]", "4 of at most 4");
	READS("line", 4, "abcd\nabcde\n", "[abcd]!message 2 at offset 5 is "
	    "longer than 4 bytes: it has 5 bytes", "5 of at most 4");
	ok(strstr(err.hint, "--max-message 1k") != NULL, "%s", err.hint);
	READS("line", 4, "abcde", "!message 1 at offset 0 is longer than "
	    "4 bytes", "an open line of 5");
	READS("crlf", 4, "abcd\r\n", "[abcd]", "CR does not count");
	READS("delim:aab", 4, "xxxxaab", "[xxxx]", "delim: 4 of at most 4");
	READS("raw", 4, "abcde", "!message 1 at offset 0 is longer than "
	    "4 bytes", "raw: 5 of at most 4");
	READS("chunk:5", 4, "abcde", "!message 1 at offset 0 is longer than "
	    "4 bytes", "chunks larger than the limit");
	READS("json", 4, "[12]  \"12\" 1234 12345", "[[12]][\"12\"][1234]"
	    "!message 4 at offset 16 is longer than 4 bytes: it has 5 bytes",
	    "json: 5 of at most 4");
	READS("msgpack", 3, "\xa2" "ab\xa3", "[\xa2" "ab]!message 2 at offset "
	    "3 is longer than 3 bytes: it has 4 bytes", "msgpack: 4 of 3");
	ipc_framing_parse(&f, "len32", &err);
	shown(&f, "\x03\0\0\0", 4);
	is_str(err.hint, "--max-message 64M on this side, or the framing of "
	    "the other side if that is not -f len32", "48 MiB: the hint");
	shown(&f, "\xff\0\0\0", 4);
	is_str(err.hint, "1G is the most; use the same framing on both sides: "
	    "this one has -f len32", "too long for any limit: the hint");
}

/* Without an end at all, too long is found while bytes arrive. */
static void
test_endless(void)
{
	static const char *const words[] = { "line", "crlf", "nul",
	    "delim:aab", "raw", "json", NULL };
	static uint8_t bytes[200];
	struct ipc_framing f;
	struct ipc_frame out;
	size_t i, n, need;

	memset(bytes, 'x', sizeof(bytes));
	bytes[0] = '"';
	for (i = 0; words[i] != NULL; i++) {
		struct ipc_unframe u = { .f = &f };
		int rc = 0;

		ipc_framing_parse(&f, words[i], &err);
		f.max = 100;
		for (n = 0; n <= sizeof(bytes) && rc == 0; n++)
			rc = ipc_unframe(&u, bytes, n, false, &out, &need,
			    &err);
		ok(rc == IPC_E_DATA && n - 1 > 100 && n - 1 <= 103,
		    "%s: refused after %zu bytes of at most 100", words[i],
		    n - 1);
	}
}

static void
test_truncated(void)
{
	static const char *const words[] = { "len16", "len32", "len32le",
	    "varint", "netstring", "cbor", "msgpack", "json", NULL };
	size_t i, cut, bad, first;
	char want[100];

	for (i = 0; words[i] != NULL; i++) {
		struct stream s = { 0 };

		ipc_framing_parse(&s.f, words[i], &err);
		add(&s, 10, false);
		add(&s, 140, false);
		first = s.msg[0].end;
		for (bad = 0, cut = first + 1; cut < s.n - 1; cut++) {
			snprintf(want, sizeof(want), "the input ended in the "
			    "middle of message 2 at offset %zu: %zu ",
			    first, cut - first);
			bad += strstr(shown(&s.f, s.bytes, cut), want) == NULL;
		}
		ok(bad == 0, "%s: cut short anywhere is told (%s)", words[i],
		    err.what);
		drop(&s);
	}
	READS("len32", 0, "\0\0\0\x24" "0123456789abc", "!the input ended in "
	    "the middle of message 1 at offset 0: 17 of 40 bytes are there",
	    "how much is there");
	READS("len16", 0, "\0", "!the input ended in the middle of message 1 "
	    "at offset 0: 1 byte is there", "half a length");
}

/* An end that is put where the scan has been is not seen. */
static void
test_restart(void)
{
	static const struct { const char *word; uint8_t n, end[3]; } rows[] = {
		{ "line", 1, "\n" }, { "crlf", 2, "\r\n" }, { "nul", 1, "" },
		{ "delim:ab", 2, "ab" }, { "json", 1, "\"" },
	};
	struct ipc_framing f;
	struct ipc_frame out;
	size_t i, n, need, bad;
	uint8_t p[300];

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ipc_unframe u = { .f = &f };

		memset(p, 'x', sizeof(p));
		p[0] = '"';
		ipc_framing_parse(&f, rows[i].word, &err);
		for (bad = 0, n = 1; n <= sizeof(p); n++) {
			bad += ipc_unframe(&u, p, n, false, &out, &need,
			    &err) != 0;
			if (n > 3)
				memcpy(p + n - rows[i].n, rows[i].end,
				    rows[i].n);
		}
		ok(bad == 0, "%s: what was scanned is not scanned again",
		    rows[i].word);
	}
}

/* --- writing --- */

static int
wrap_word(const char *word, uint32_t max, const void *p, size_t n, bool open,
    struct ipc_wrap *w)
{
	struct ipc_framing f;

	ipc_framing_parse(&f, word, &err);
	if (max > 0)
		f.max = max;
	return ipc_wrap(&f, p, n, open, w, &err);
}

#define REFUSED(word, bytes) \
	ok(wrap_word(word, 0, bytes, sizeof(bytes) - 1, false, &w) == \
	    IPC_E_DATA && err.hint[0] != '\0', "%s: %s", word, err.what)
#define CARRIED(word, bytes) \
	ok(wrap_word(word, 0, bytes, sizeof(bytes) - 1, false, &w) == 0, \
	    "%s carries %s", word, #bytes)

static void
test_wrap(void)
{
	static uint8_t large[65536];
	struct ipc_wrap w;

	REFUSED("line", "a\nb");
	REFUSED("nul", "a\0");
	REFUSED("delim:aab", "xaabx");
	REFUSED("delim:aab", "aab");
	REFUSED("delim:aa", "xa");	/* xa + aa: found one byte early */
	REFUSED("delim:abab", "xab");
	CARRIED("delim:aab", "xaa");
	CARRIED("delim:aab", "a");
	CARRIED("delim:abab", "xa");
	CARRIED("line", "");
	CARRIED("delim:aa", "");
	CARRIED("json", " {\"a\":[1,\"]\"]}\n");
	CARRIED("json", "12");
	REFUSED("json", "");
	REFUSED("json", " \n");
	REFUSED("json", "1 2");
	REFUSED("json", "[1");
	REFUSED("json", "[1]]");
	REFUSED("cbor", "");
	REFUSED("cbor", "\x01\x02");
	REFUSED("cbor", "\x82\x01");
	CARRIED("cbor", "\x82\x01\x02");
	REFUSED("msgpack", "\x92\x01");
	CARRIED("msgpack", "\x92\x01\x02");
	REFUSED("msgpack", "\xc1");
	ok(wrap_word("len16", 0, large, 65536, false, &w) == IPC_E_DATA,
	    "len16: %s", err.what);
	ok(wrap_word("len32", 100, large, 101, false, &w) == IPC_E_DATA,
	    "over max: %s", err.what);
	ok(wrap_word("line", 0, "a", 1, true, &w) == 0 && w.ntail == 0 &&
	    w.nhead == 0, "an open line stays open");
	ok(wrap_word("delim:aa", 0, "xa", 2, true, &w) == 0 && w.ntail == 0,
	    "an open end may overlap the delimiter");
	ok(wrap_word("crlf", 0, "a", 1, false, &w) == 0 && w.ntail == 2 &&
	    memcmp(w.tail, "\r\n", 2) == 0, "CR LF is written");
	ok(wrap_word("netstring", 0, large, 65535, false, &w) == 0 &&
	    w.nhead == 6 && memcmp(w.head, "65535:", 6) == 0 && w.ntail == 1,
	    "the head of a netstring");
	ok(wrap_word("varint", 0, large, 300, false, &w) == 0 && w.nhead == 2
	    && memcmp(w.head, "\xac\x02", 2) == 0, "the varint of 300");
}

/* --- words --- */

static void
test_words(void)
{
	static const char *const good[] = { "line", "crlf", "nul", "delim:;",
	    "delim:\\r\\n", "delim:\\0\\x20\\\\\\xff", "raw", "len16",
	    "len32", "len32le", "varint", "netstring", "chunk:65536", "json",
	    "cbor", "msgpack", "delim:12345678901234567890123456789012",
	    NULL };
	static const char *const bad[] = { "", "lin", "line:", "line:3",
	    "delim", "delim:", "delim:\\q", "delim:\\x2", "delim:\\",
	    "chunk", "chunk:", "chunk:0", "chunk:2G", "chunk:x", "LINE",
	    "len32be", "delim:123456789012345678901234567890123",
	    "linelinelinelineline", "netstringnetstring", NULL };
	char text[IPC_FRAMING_TEXT];
	struct ipc_framing f, g;
	size_t i;

	for (i = 0; good[i] != NULL; i++) {
		ok(ipc_framing_parse(&f, good[i], &err) == 0 &&
		    f.max == IPC_MESSAGE_MAX, "%s is known", good[i]);
		is_str(ipc_framing_text(&f, text), good[i], "and printed");
		ok(ipc_framing_parse(&g, text, &err) == 0 &&
		    ipc_framing_same(&f, &g), "and the same read again");
	}
	for (i = 0; bad[i] != NULL; i++)
		ok(ipc_framing_parse(&f, bad[i], &err) == IPC_E_USAGE &&
		    err.hint[0] != '\0', "\"%s\": %s; %s", bad[i], err.what,
		    err.hint);
	ipc_framing_parse(&f, "nestring", &err);
	ok(strncmp(err.hint, "use netstring; or one of", 24) == 0, "%s",
	    err.hint);
	ipc_framing_parse(&f, "delim:\\xAf", &err);
	ok(f.ndelim == 1 && f.delim[0] == 0xAF, "either case of digits");
	memset(&f, 0, sizeof(f));
	is_str(ipc_framing_text(&f, text), "none", "no framing");
	f.max = 3;
	is_str(shown(&f, "abc", 3), "[abc]", "none: it is one message");
	memset(&f, 0xFF, sizeof(f));
	f.kind = IPC_FRAME_DELIM;
	f.ndelim = IPC_DELIM_MAX;
	ok(strlen(ipc_framing_text(&f, text)) == 6 + 4 * IPC_DELIM_MAX,
	    "the longest word fits");
}

static void
test_same(void)
{
	static const char *const pairs[][2] = { { "line", "delim:\\n" },
	    { "nul", "delim:\\0" }, { "chunk:1k", "chunk:1024" } };
	static const char *const others[][2] = { { "line", "crlf" },
	    { "crlf", "delim:\\r\\n" }, { "chunk:1", "chunk:2" },
	    { "len32", "len32le" }, { "delim:a", "delim:b" },
	    { "delim:a", "delim:ab" }, { "nul", "raw" } };
	struct ipc_framing f, g;
	size_t i;

	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		ipc_framing_parse(&f, pairs[i][0], &err);
		ipc_framing_parse(&g, pairs[i][1], &err);
		g.max = 5;
		ok(ipc_framing_same(&f, &g) && ipc_framing_same(&g, &f),
		    "%s is %s", pairs[i][0], pairs[i][1]);
	}
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		ipc_framing_parse(&f, others[i][0], &err);
		ipc_framing_parse(&g, others[i][1], &err);
		ok(!ipc_framing_same(&f, &g) && !ipc_framing_same(&g, &f),
		    "%s is not %s", others[i][0], others[i][1]);
	}
}

int
main(void)
{
	test_all_framings();
	test_ends();
	test_garbled();
	test_limits();
	test_endless();
	test_truncated();
	test_restart();
	test_wrap();
	test_words();
	test_same();
	return done();
}
