/*
 * Writing frames: what goes before and after a payload, and whether this
 * framing can carry it at all.  No state; a reader of the same framing gets
 * the payload back as it was.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "wire/framing.h"
#include "wire/framing_text.h"
#include "wire/scan.h"

#define COLD __attribute__((cold, noinline))
/* Not worth clearing 4 KiB a message for: only written levels are read. */
#define UNCLEARED __attribute__((uninitialized))

COLD static int
too_long(const struct ipc_framing *f, size_t len, struct ipc_error *err)
{
	char limit[IPC_FRAME_SIZE], hint[160];

	ipc_frame_hint_max(f, len, hint, sizeof(hint));
	return ipc_fail(err, IPC_E_DATA, 0, hint,
	    "a message of %zu bytes is longer than %s", len,
	    ipc_frame_size(limit, f->max));
}

COLD static int
holds_end(const struct ipc_framing *f, size_t at, struct ipc_error *err)
{
	char word[IPC_FRAMING_TEXT];

	return ipc_fail(err, IPC_E_DATA, 0,
	    "use a framing that carries any bytes: -f len32",
	    "the message has at its byte %zu what ends a message of framing "
	    "%.60s", at + 1, ipc_framing_text(f, word));
}

COLD static int
not_one_item(const struct ipc_framing *f, size_t at, const char *why,
    struct ipc_error *err)
{
	char word[IPC_FRAMING_TEXT];

	return ipc_fail(err, IPC_E_DATA, 0,
	    "convert it before, or use a framing that carries any bytes: "
	    "-f len32", "the message is not one %s item: byte %zu, %s",
	    ipc_framing_text(f, word), at + 1, why);
}

/* The first whole delimiter in p, or NULL. */
static const uint8_t *
find(const struct ipc_framing *f, const uint8_t *p, size_t n)
{
	size_t before = f->ndelim - 1U;
	const uint8_t *q;

	if (n <= before)
		return NULL;
	for (q = p + before; q < p + n; q++) {
		q = memchr(q, f->delim[before], (size_t)(p + n - q));
		if (q == NULL || memcmp(q - before, f->delim, before) == 0)
			return q == NULL ? NULL : q - before;
	}
	return NULL;
}

/* Where payload and delimiter together hold the first delimiter: in the
 * payload, or begun by its last bytes ("a" + "aa" for aa).  len: nowhere. */
static size_t
first_end(const struct ipc_framing *f, const uint8_t *p, size_t len,
    bool open)
{
	uint8_t seam[2 * IPC_DELIM_MAX];
	size_t n = f->ndelim - 1U;
	const uint8_t *q = find(f, p, len);

	if (q != NULL)
		return (size_t)(q - p);
	if (open || n == 0)
		return len;
	n = n < len ? n : len;
	if (n > 0)
		memcpy(seam, p + len - n, n);
	memcpy(seam + n, f->delim, f->ndelim);
	q = find(f, seam, n + f->ndelim);
	return len - n + (size_t)(q - seam);
}

static int
wrap_delim(const struct ipc_framing *f, const uint8_t *p, size_t len,
    bool open, struct ipc_wrap *out, struct ipc_error *err)
{
	size_t at = first_end(f, p, len, open);

	if (at < len)
		return holds_end(f, at, err);
	if (!open) {
		memcpy(out->tail, f->delim, f->ndelim);
		out->ntail = f->ndelim;
	}
	return 0;
}

static int
wrap_byte(const struct ipc_framing *f, uint8_t end, const uint8_t *p,
    size_t len, bool open, struct ipc_wrap *out, struct ipc_error *err)
{
	const uint8_t *q = len > 0 ? memchr(p, end, len) : NULL;

	if (q != NULL)
		return holds_end(f, (size_t)(q - p), err);
	out->tail[0] = end;
	out->ntail = !open;
	if (f->crlf && f->kind == IPC_FRAME_LINE) {
		out->tail[0] = '\r';
		out->tail[1] = '\n';
		out->ntail = open ? 0 : 2;
	}
	return 0;
}

static int
wrap_len16(size_t len, struct ipc_wrap *out, struct ipc_error *err)
{
	if (len > UINT16_MAX)
		return ipc_fail(err, IPC_E_DATA, 0, "-f len32 carries it",
		    "a message of %zu bytes is too long for the framing len16",
		    len);
	out->head[0] = (uint8_t)(len >> 8);
	out->head[1] = (uint8_t)len;
	out->nhead = 2;
	return 0;
}

static void
wrap_varint(size_t len, struct ipc_wrap *out)
{
	for (; len >= 0x80; len >>= 7)
		out->head[out->nhead++] = (uint8_t)(0x80U | (len & 0x7FU));
	out->head[out->nhead++] = (uint8_t)len;
}

static void
wrap_netstring(size_t len, struct ipc_wrap *out)
{
	uint8_t digits[10];
	size_t n = sizeof(digits);

	do {
		digits[--n] = (uint8_t)('0' + len % 10);
		len /= 10;
	} while (len > 0);
	out->nhead = (uint8_t)(sizeof(digits) - n);
	memcpy(out->head, digits + n, out->nhead);
	out->head[out->nhead++] = ':';
	out->tail[0] = ',';
	out->ntail = 1;
}

/* A number would run into the next without the white space behind it. */
static int
wrap_item(const struct ipc_framing *f, const uint8_t *p, size_t len,
    struct ipc_wrap *out, struct ipc_error *err)
{
	UNCLEARED uint64_t stack[IPC_FRAME_DEPTH];
	struct ipc_unframe u = { .f = f, .stack = stack };
	bool json = f->kind == IPC_FRAME_JSON;
	struct ipc_scan s;
	size_t skip = 0;
	int rc;

	while (json && skip < len && ipc_json_space(p[skip]))
		skip++;
	if (skip == len)
		return not_one_item(f, skip, "it is empty", err);
	if (json)
		rc = ipc_scan_json(&u, p + skip, len - skip, true, &s);
	else if (f->kind == IPC_FRAME_CBOR)
		rc = ipc_scan_cbor(&u, p, len, true, &s);
	else
		rc = ipc_scan_msgpack(&u, p, len, true, &s);
	if (rc == IPC_SCAN_BAD)
		return not_one_item(f, skip + s.at, s.why, err);
	if (rc != IPC_SCAN_END)
		return not_one_item(f, len, "it ends too early", err);
	skip += s.end;
	while (json && skip < len && ipc_json_space(p[skip]))
		skip++;
	if (skip < len)
		return not_one_item(f, skip, "another one begins", err);
	out->tail[0] = '\n';
	out->ntail = json;
	return 0;
}

int
ipc_wrap(const struct ipc_framing *f, const uint8_t *p, size_t len, bool open,
    struct ipc_wrap *out, struct ipc_error *err)
{
	uint32_t be;

	out->nhead = 0;
	out->ntail = 0;
	if (__builtin_expect(len > f->max, 0))
		return too_long(f, len, err);
	switch (f->kind) {
	case IPC_FRAME_LINE:
		return wrap_byte(f, '\n', p, len, open, out, err);
	case IPC_FRAME_NUL:
		return wrap_byte(f, '\0', p, len, open, out, err);
	case IPC_FRAME_DELIM:
		return wrap_delim(f, p, len, open, out, err);
	case IPC_FRAME_LEN16:
		return wrap_len16(len, out, err);
	case IPC_FRAME_LEN32:
		be = (uint32_t)len;
		out->head[0] = (uint8_t)(be >> 24);
		out->head[1] = (uint8_t)(be >> 16);
		out->head[2] = (uint8_t)(be >> 8);
		out->head[3] = (uint8_t)be;
		out->nhead = 4;
		return 0;
	case IPC_FRAME_LEN32LE:
		be = (uint32_t)len;
		out->head[3] = (uint8_t)(be >> 24);
		out->head[2] = (uint8_t)(be >> 16);
		out->head[1] = (uint8_t)(be >> 8);
		out->head[0] = (uint8_t)be;
		out->nhead = 4;
		return 0;
	case IPC_FRAME_VARINT:
		wrap_varint(len, out);
		return 0;
	case IPC_FRAME_NETSTRING:
		wrap_netstring(len, out);
		return 0;
	case IPC_FRAME_JSON:
	case IPC_FRAME_CBOR:
	case IPC_FRAME_MSGPACK:
		return wrap_item(f, p, len, out, err);
	default:
		return 0;
	}
}
