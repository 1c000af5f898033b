/*
 * Passing over a frame that is too long (--on-error skip), without keeping
 * it.
 *
 * Possible where the end can be known: at a delimiter, or by a length that
 * was readable.  A garbled frame, raw, chunk and the item formats have no
 * place to go on from.
 */
#include <string.h>

#include "wire/framing.h"

static uint64_t
big_endian(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

/* Bytes of the whole frame by the length in front; 0: it cannot be told. */
static uint64_t
whole(uint8_t kind, const uint8_t *p, size_t n)
{
	uint64_t len = 0;
	size_t i;

	switch (kind) {
	case IPC_FRAME_LEN16:
		return n < 2 ? 0 : 2 + big_endian(p, 2);
	case IPC_FRAME_LEN32:
		return n < 4 ? 0 : 4 + big_endian(p, 4);
	case IPC_FRAME_LEN32LE:
		return n < 4 ? 0 : 4 + ((uint64_t)p[0] | (uint64_t)p[1] << 8 |
		    (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24);
	case IPC_FRAME_VARINT:
		for (i = 0; i < n && i < 5; i++) {
			len |= (uint64_t)(p[i] & 0x7FU) << (7 * i);
			if (p[i] < 0x80)
				return i + 1 + len;
		}
		return 0;
	case IPC_FRAME_NETSTRING:
		for (i = 0; i < n && i < 10 && p[i] >= '0' && p[i] <= '9'; i++)
			len = len * 10 + (uint64_t)(p[i] - '0');
		return i > 0 && i < n && p[i] == ':' ? i + 1 + len + 1 : 0;
	default:
		return 0;
	}
}

static bool
is_delimited(uint8_t kind)
{
	return kind == IPC_FRAME_LINE || kind == IPC_FRAME_NUL ||
	    kind == IPC_FRAME_DELIM;
}

bool
ipc_unframe_skip_begin(struct ipc_unframe *u, const uint8_t *p, size_t n)
{
	u->skip = whole(u->f->kind, p, n);
	u->skipping = is_delimited(u->f->kind) || u->skip > 0;
	u->skipped = 0;
	return u->skipping;
}

static size_t
over(struct ipc_unframe *u, size_t used)
{
	u->skipping = false;
	u->seen = 0;
	u->index++;
	u->offset += u->skipped + used;
	return used;
}

/* The delimiter within p, or as much as cannot be a part of it. */
static size_t
skip_to_end(struct ipc_unframe *u, const uint8_t *p, size_t n)
{
	static const uint8_t lf = '\n', nul = '\0';
	const uint8_t *d = u->f->kind == IPC_FRAME_LINE ? &lf :
	    u->f->kind == IPC_FRAME_NUL ? &nul : u->f->delim;
	size_t nd = u->f->kind == IPC_FRAME_DELIM ? u->f->ndelim : 1;
	const uint8_t *q = memmem(p, n, d, nd);

	if (q != NULL)
		return over(u, (size_t)(q - p) + nd);
	n -= n < nd ? n : nd - 1;
	u->skipped += n;
	return n;
}

size_t
ipc_unframe_skip(struct ipc_unframe *u, const uint8_t *p, size_t n)
{
	if (u->skip == 0)
		return skip_to_end(u, p, n);
	if (n < u->skip) {
		u->skip -= n;
		u->skipped += n;
		return n;
	}
	n = (size_t)u->skip;
	u->skip = 0;
	return over(u, n);
}
