/*
 * Reading frames: where the message that begins at p ends.
 *
 * One switch by kind; in each case the frame that is wholly there comes first
 * and costs no more than its length field or one memchr().  Everything else
 * (more bytes needed, too long, cut short, garbled) is out of line.  Frames
 * that end with a delimiter go on at u->seen; those with a length are looked
 * at afresh, which is 11 bytes at most; items are scanned by scan_*.c.
 */
#include "wire/framing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "wire/framing_text.h"
#include "wire/scan.h"

#define COLD __attribute__((cold, noinline))
#define DIGITS 10		/* of a netstring length: 32 bits */
#define UNKNOWN 0		/* how long a frame would be */

static inline int
done(struct ipc_unframe *u, struct ipc_frame *out, size_t off, size_t len,
    size_t used)
{
	out->off = off;
	out->len = len;
	out->used = used;
	out->open = false;
	u->seen = 0;
	u->index++;
	u->offset += used;
	return 1;
}

static inline int
more(struct ipc_frame *out, size_t *need, size_t least)
{
	out->used = 0;
	*need = least;
	return 0;
}

/* --- failures --- */

/* at: of the frame in the stream.  payload: its size, or UNKNOWN. */
COLD static int
too_long(const struct ipc_unframe *u, uint64_t at, uint64_t payload,
    struct ipc_error *err)
{
	char limit[IPC_FRAME_SIZE], hint[160], is[40] = "";
	uint64_t enough = u->f->max;

	if (payload != UNKNOWN)
		snprintf(is, sizeof(is), ": it has %ju bytes",
		    (uintmax_t)payload);
	else
		enough++;
	ipc_frame_hint_max(u->f, payload != UNKNOWN ? payload : enough, hint,
	    sizeof(hint));
	return ipc_fail(err, IPC_E_DATA, 0, hint,
	    "message %ju at offset %ju is longer than %s%s",
	    (uintmax_t)(u->index + 1), (uintmax_t)at,
	    ipc_frame_size(limit, u->f->max), is);
}

/* want: bytes of the whole frame, or UNKNOWN. */
COLD static int
cut_short(const struct ipc_unframe *u, uint64_t at, size_t n, uint64_t want,
    struct ipc_error *err)
{
	char of[40];

	if (want != UNKNOWN)
		snprintf(of, sizeof(of), "of %ju bytes are", (uintmax_t)want);
	else
		snprintf(of, sizeof(of), n == 1 ? "byte is" : "bytes are");
	return ipc_fail(err, IPC_E_DATA, 0,
	    "the sender stopped early, or does not use this framing on its "
	    "side: look why it ended",
	    "the input ended in the middle of message %ju at offset %ju: "
	    "%zu %s there", (uintmax_t)(u->index + 1), (uintmax_t)at,
	    n, of);
}

/* i: of the wrong byte, from the frame's begin. */
COLD static int
garbled(const struct ipc_unframe *u, uint64_t at, size_t i, const char *why,
    struct ipc_error *err)
{
	char hint[160];

	ipc_frame_hint_same(u->f, hint, sizeof(hint));
	return ipc_fail(err, IPC_E_DATA, 0, hint,
	    "message %ju at offset %ju is garbled at its byte %zu: %s",
	    (uintmax_t)(u->index + 1), (uintmax_t)at, i + 1, why);
}

/* --- ended by a delimiter --- */

/* No end within the n bytes.  ndelim: what would end it. */
static int
unended(struct ipc_unframe *u, size_t n, size_t ndelim, bool eof,
    struct ipc_frame *out, size_t *need, struct ipc_error *err)
{
	if (n >= (eof ? 1 : ndelim) + (size_t)u->f->max)
		return too_long(u, u->offset, UNKNOWN, err);
	if (!eof || n == 0) {
		u->seen = n;
		return more(out, need, n + 1);
	}
	done(u, out, 0, n, n);
	out->open = true;
	return 1;
}

static inline int
ended(struct ipc_unframe *u, size_t len, size_t used, struct ipc_frame *out,
    struct ipc_error *err)
{
	if (__builtin_expect(len > u->f->max, 0))
		return too_long(u, u->offset, len, err);
	return done(u, out, 0, len, used);
}

/* The first place of the delimiter, or NULL: by its last byte, so that what
 * was scanned needs no second look. */
static const uint8_t *
find_delim(const struct ipc_framing *f, const uint8_t *p, size_t seen,
    size_t n)
{
	size_t before = f->ndelim - 1U;
	const uint8_t *q = p + (seen > before ? seen : before);

	while (q < p + n) {
		q = memchr(q, f->delim[before], (size_t)(p + n - q));
		if (q == NULL)
			return NULL;
		if (memcmp(q - before, f->delim, before) == 0)
			return q - before;
		q++;
	}
	return NULL;
}

static int
unframe_delim(struct ipc_unframe *u, const uint8_t *p, size_t n, bool eof,
    struct ipc_frame *out, size_t *need, struct ipc_error *err)
{
	size_t ndelim = u->f->ndelim;
	const uint8_t *q;

	q = n < ndelim ? NULL : find_delim(u->f, p, u->seen, n);
	if (q == NULL)
		return unended(u, n, ndelim, eof, out, need, err);
	return ended(u, (size_t)(q - p), (size_t)(q - p) + ndelim, out, err);
}

/* --- a length in front --- */

/* Not all of the frame is there, or it is too long.  all: payload and what is
 * around it. */
static int
unfilled(struct ipc_unframe *u, size_t n, bool eof, uint64_t payload,
    uint64_t all, struct ipc_frame *out, size_t *need, struct ipc_error *err)
{
	if (payload > u->f->max)
		return too_long(u, u->offset, payload, err);
	if (eof && n > 0)
		return cut_short(u, u->offset, n, all, err);
	return more(out, need, (size_t)all);
}

static inline int
sized(struct ipc_unframe *u, size_t n, bool eof, size_t head, uint32_t len,
    struct ipc_frame *out, size_t *need, struct ipc_error *err)
{
	if (__builtin_expect(len <= n - head && len <= u->f->max, 1))
		return done(u, out, head, len, head + len);
	return unfilled(u, n, eof, len, (uint64_t)head + len, out, need, err);
}

static int
unheaded(struct ipc_unframe *u, size_t n, bool eof, size_t head,
    struct ipc_frame *out, size_t *need, struct ipc_error *err)
{
	if (eof && n > 0)
		return cut_short(u, u->offset, n, UNKNOWN, err);
	return more(out, need, head);
}

static int
unframe_varint(struct ipc_unframe *u, const uint8_t *p, size_t n, bool eof,
    struct ipc_frame *out, size_t *need, struct ipc_error *err)
{
	uint64_t len = 0;
	size_t i;

	for (i = 0; i < n && i < 5; i++) {
		len |= (uint64_t)(p[i] & 0x7FU) << (7 * i);
		if (p[i] >= 0x80)
			continue;
		if (p[i] == 0 && i > 0)
			return garbled(u, u->offset, i, "a length with more "
			    "bytes than it needs", err);
		if (len > UINT32_MAX)
			return too_long(u, u->offset, len, err);
		return sized(u, n, eof, i + 1, (uint32_t)len, out, need, err);
	}
	if (i == 5)
		return garbled(u, u->offset, 4, "a length over 32 bits", err);
	return unheaded(u, n, eof, n + 1, out, need, err);
}

static int
unframe_netstring(struct ipc_unframe *u, const uint8_t *p, size_t n, bool eof,
    struct ipc_frame *out, size_t *need, struct ipc_error *err)
{
	uint64_t len = 0;
	size_t i, all;

	for (i = 0; i < n && i <= DIGITS && p[i] >= '0' && p[i] <= '9'; i++) {
		if (i == 1 && p[0] == '0')
			return garbled(u, u->offset, 0, "a length with a "
			    "leading zero", err);
		len = len * 10 + (uint64_t)(p[i] - '0');
	}
	/* Only a whole length can be passed over (framing_skip.c). */
	if (len > u->f->max && i == n && i <= DIGITS && !eof)
		return more(out, need, n + 1);
	if (len > u->f->max)
		return too_long(u, u->offset, UNKNOWN, err);
	if (i < n && (p[i] != ':' || i == 0))
		return garbled(u, u->offset, i, "not a length and a colon",
		    err);
	all = (i == 0 ? 1 : i) + 1 + (size_t)len + 1;
	if (i == n)
		return unheaded(u, n, eof, all, out, need, err);
	if (n < all)
		return unfilled(u, n, eof, len, all, out, need, err);
	if (p[all - 1] != ',')
		return garbled(u, u->offset, all - 1, "no comma where the "
		    "length says", err);
	return done(u, out, i + 1, (size_t)len, all);
}

/* --- the rest --- */

/* What there is ends only with the input: raw, and a last short chunk. */
static int
unframe_rest(struct ipc_unframe *u, size_t n, bool eof, size_t least,
    struct ipc_frame *out, size_t *need, struct ipc_error *err)
{
	if (n > u->f->max)
		return too_long(u, u->offset, UNKNOWN, err);
	if (!eof || n == 0)
		return more(out, need, least);
	return done(u, out, 0, n, n);
}

COLD static int
unscanned(struct ipc_unframe *u, int rc, uint64_t at,
    const struct ipc_scan *s, struct ipc_error *err)
{
	u->seen = 0;
	u->state = 0;
	u->depth = 0;
	if (rc == IPC_SCAN_BAD)
		return garbled(u, at, s->at, s->why, err);
	if (rc == IPC_SCAN_LONG)
		return too_long(u, at, s->need, err);
	return ipc_fail(err, IPC_E_NET, ENOMEM, NULL,
	    "cannot remember what message %ju is nested in",
	    (uintmax_t)(u->index + 1));
}

static int
unframe_item(struct ipc_unframe *u, const uint8_t *p, size_t n, bool eof,
    struct ipc_frame *out, size_t *need, struct ipc_error *err)
{
	uint8_t kind = u->f->kind;
	size_t skip = 0;
	struct ipc_scan s;
	int rc = IPC_SCAN_MORE;

	s.need = 1;
	if (kind == IPC_FRAME_JSON && u->seen == 0 && u->state == 0)
		while (skip < n && ipc_json_space(p[skip]))
			skip++;
	if (skip == n)
		goto none;
	if (kind == IPC_FRAME_JSON)
		rc = ipc_scan_json(u, p + skip, n - skip, eof, &s);
	else if (kind == IPC_FRAME_CBOR)
		rc = ipc_scan_cbor(u, p, n, eof, &s);
	else
		rc = ipc_scan_msgpack(u, p, n, eof, &s);
	if (rc == IPC_SCAN_END) {
		u->state = 0;
		u->depth = 0;
		return done(u, out, skip, s.end, skip + s.end);
	}
	if (rc != IPC_SCAN_MORE)
		return unscanned(u, rc, u->offset + skip, &s, err);
	if (eof)
		return cut_short(u, u->offset + skip, n - skip, UNKNOWN, err);
none:
	out->used = skip;
	u->offset += skip;
	*need = skip + (size_t)s.need;
	return 0;
}

int
ipc_unframe(struct ipc_unframe *u, const uint8_t *p, size_t n, bool eof,
    struct ipc_frame *out, size_t *need, struct ipc_error *err)
{
	const struct ipc_framing *f = u->f;
	const uint8_t *q;
	size_t len;

	if (n == 0)
		return more(out, need, 1);
	switch (f->kind) {
	case IPC_FRAME_LINE:
		q = memchr(p + u->seen, '\n', n - u->seen);
		if (q == NULL)
			return unended(u, n, 1U + f->crlf, eof, out, need,
			    err);
		len = (size_t)(q - p);
		if (f->crlf && len > 0 && q[-1] == '\r')
			return ended(u, len - 1, len + 1, out, err);
		return ended(u, len, len + 1, out, err);
	case IPC_FRAME_NUL:
		q = memchr(p + u->seen, '\0', n - u->seen);
		if (q == NULL)
			return unended(u, n, 1, eof, out, need, err);
		len = (size_t)(q - p);
		return ended(u, len, len + 1, out, err);
	case IPC_FRAME_DELIM:
		return unframe_delim(u, p, n, eof, out, need, err);
	case IPC_FRAME_LEN16:
		if (n < 2)
			return unheaded(u, n, eof, 2, out, need, err);
		return sized(u, n, eof, 2, (uint32_t)p[0] << 8 | p[1], out,
		    need, err);
	case IPC_FRAME_LEN32:
		if (n < 4)
			return unheaded(u, n, eof, 4, out, need, err);
		return sized(u, n, eof, 4, (uint32_t)p[0] << 24 |
		    (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3], out,
		    need, err);
	case IPC_FRAME_LEN32LE:
		if (n < 4)
			return unheaded(u, n, eof, 4, out, need, err);
		return sized(u, n, eof, 4, (uint32_t)p[3] << 24 |
		    (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0], out,
		    need, err);
	case IPC_FRAME_VARINT:
		return unframe_varint(u, p, n, eof, out, need, err);
	case IPC_FRAME_NETSTRING:
		return unframe_netstring(u, p, n, eof, out, need, err);
	case IPC_FRAME_CHUNK:
		if (n >= f->chunk && f->chunk <= f->max)
			return done(u, out, 0, f->chunk, f->chunk);
		return unframe_rest(u, n, eof, f->chunk, out, need, err);
	case IPC_FRAME_JSON:
	case IPC_FRAME_CBOR:
	case IPC_FRAME_MSGPACK:
		return unframe_item(u, p, n, eof, out, need, err);
	case IPC_FRAME_RAW:
		return unframe_rest(u, n, eof, n + 1, out, need, err);
	default:
		/* The transport kept the boundaries: it is all of it. */
		return unframe_rest(u, n, true, n, out, need, err);
	}
}

void
ipc_unframe_free(struct ipc_unframe *u)
{
	free(u->stack);
	u->stack = NULL;
}
