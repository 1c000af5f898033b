/*
 * MessagePack reader.  Counts and lengths are compared with the bytes that are
 * left before anything is believed.  Containers end when the level stack of
 * the writer has counted their items; there is no stack here.
 */
#include <endian.h>
#include <string.h>

#include "codec/codec.h"
#include "codec/msgpack.h"
#include "codec/utf8.h"

struct in {
	const uint8_t *p, *end, *start;
};

static size_t
left(const struct in *in)
{
	return (size_t)(in->end - in->p);
}

static int
incomplete(struct ipc_codec *c, const struct in *in)
{
	return ipc_codec_bad(c, (size_t)(in->end - in->start),
	    "the document is incomplete");
}

/* A big-endian number of size 1, 2, 4 or 8; the caller has checked left(). */
static uint64_t
take(struct in *in, size_t size)
{
	uint64_t v = 0;

	/* To the low end of a big-endian word. */
	memcpy((uint8_t *)&v + sizeof(v) - size, in->p, size);
	in->p += size;
	return be64toh(v);
}

static int
uint(struct ipc_codec *c, struct in *in, size_t size)
{
	if (left(in) < size)
		return incomplete(c, in);
	return c->on->uint(c, take(in, size));
}

static int
sint(struct ipc_codec *c, struct in *in, size_t size)
{
	uint64_t v, sign = UINT64_C(1) << (size * 8 - 1);

	if (left(in) < size)
		return incomplete(c, in);
	v = take(in, size);
	if ((v & sign) == 0)
		return c->on->uint(c, v);
	return c->on->nint(c, ~(v | (0 - sign)));
}

static int
real(struct ipc_codec *c, struct in *in, size_t size)
{
	uint64_t bits;
	uint32_t half;
	double d;
	float f;

	if (left(in) < size)
		return incomplete(c, in);
	bits = take(in, size);
	if (size == sizeof(f)) {
		half = (uint32_t)bits;
		memcpy(&f, &half, sizeof(f));
		d = (double)f;
	} else {
		memcpy(&d, &bits, sizeof(d));
	}
	return c->on->real(c, d, NULL, 0);
}

static int
text(struct ipc_codec *c, struct in *in, size_t n)
{
	const uint8_t *p = in->p;
	size_t good;

	if (left(in) < n)
		return incomplete(c, in);
	good = ipc_utf8_check(p, n);
	if (good != n)
		return ipc_codec_bad(c, (size_t)(p - in->start) + good,
		    "string is not UTF-8");
	in->p += n;
	return c->on->text(c, p, n);
}

static int
bytes(struct ipc_codec *c, struct in *in, size_t n)
{
	const uint8_t *p = in->p;

	if (left(in) < n)
		return incomplete(c, in);
	in->p += n;
	return c->on->bytes(c, p, n);
}

static int
ext(struct ipc_codec *c, struct in *in, size_t n)
{
	const uint8_t *p = in->p;

	if (left(in) < 1 || left(in) - 1 < n)
		return incomplete(c, in);
	in->p += n + 1;
	return c->on->ext(c, (int8_t)p[0], p + 1, n);
}

/* Every item takes a byte at least. */
static int
array(struct ipc_codec *c, struct in *in, size_t n)
{
	if (left(in) < n)
		return incomplete(c, in);
	return c->on->begin_array(c, n);
}

static int
map(struct ipc_codec *c, struct in *in, size_t n)
{
	if (left(in) / 2 < n)
		return incomplete(c, in);
	return c->on->begin_map(c, n);
}

/* What begins with a length of `size` bytes. */
static int
counted(struct ipc_codec *c, struct in *in, size_t size,
    int (*body)(struct ipc_codec *c, struct in *in, size_t n))
{
	if (left(in) < size)
		return incomplete(c, in);
	return body(c, in, (size_t)take(in, size));
}

static int
other(struct ipc_codec *c, struct in *in, uint8_t b)
{
	switch (b) {
	case IPC_MP_NIL: return c->on->null(c);
	case IPC_MP_FALSE: return c->on->boolean(c, false);
	case IPC_MP_TRUE: return c->on->boolean(c, true);
	case IPC_MP_BIN8: return counted(c, in, 1, bytes);
	case IPC_MP_BIN16: return counted(c, in, 2, bytes);
	case IPC_MP_BIN32: return counted(c, in, 4, bytes);
	case IPC_MP_EXT8: return counted(c, in, 1, ext);
	case IPC_MP_EXT16: return counted(c, in, 2, ext);
	case IPC_MP_EXT32: return counted(c, in, 4, ext);
	case IPC_MP_FLOAT32: return real(c, in, 4);
	case IPC_MP_FLOAT64: return real(c, in, 8);
	case IPC_MP_UINT8: return uint(c, in, 1);
	case IPC_MP_UINT16: return uint(c, in, 2);
	case IPC_MP_UINT32: return uint(c, in, 4);
	case IPC_MP_UINT64: return uint(c, in, 8);
	case IPC_MP_INT8: return sint(c, in, 1);
	case IPC_MP_INT16: return sint(c, in, 2);
	case IPC_MP_INT32: return sint(c, in, 4);
	case IPC_MP_INT64: return sint(c, in, 8);
	case IPC_MP_FIXEXT1: return ext(c, in, 1);
	case IPC_MP_FIXEXT2: return ext(c, in, 2);
	case IPC_MP_FIXEXT4: return ext(c, in, 4);
	case IPC_MP_FIXEXT8: return ext(c, in, 8);
	case IPC_MP_FIXEXT16: return ext(c, in, 16);
	case IPC_MP_STR8: return counted(c, in, 1, text);
	case IPC_MP_STR16: return counted(c, in, 2, text);
	case IPC_MP_STR32: return counted(c, in, 4, text);
	case IPC_MP_ARRAY16: return counted(c, in, 2, array);
	case IPC_MP_ARRAY32: return counted(c, in, 4, array);
	case IPC_MP_MAP16: return counted(c, in, 2, map);
	case IPC_MP_MAP32: return counted(c, in, 4, map);
	default:		/* 0xC1 */
		return ipc_codec_refuse(c, "byte 0x%02x starts no item", b);
	}
}

static int
read_item(struct ipc_codec *c, struct in *in)
{
	uint8_t b;

	if (in->p == in->end)
		return incomplete(c, in);
	c->at = (size_t)(in->p - in->start);
	b = *in->p++;
	if (b < IPC_MP_FIXMAP)
		return c->on->uint(c, b);
	if (b < IPC_MP_FIXARRAY)
		return map(c, in, b & 15);
	if (b < IPC_MP_FIXSTR)
		return array(c, in, b & 15);
	if (b < IPC_MP_NIL)
		return text(c, in, b & 31);
	if (b >= IPC_MP_FIXNINT)
		return c->on->nint(c, 0xFFU - b);
	return other(c, in, b);
}

int
ipc_msgpack_read(struct ipc_codec *c, const uint8_t *p, size_t n)
{
	struct in in = { p, p + n, p };
	const struct ipc_level *l;
	int rc;

	do {
		rc = read_item(c, &in);
		if (rc != 0)
			return rc;
		for (l = ipc_level_top(c); c->level > 0 &&
		    l->items >= l->count; l = ipc_level_top(c)) {
			rc = c->on->end(c);
			if (rc != 0)
				return rc;
		}
	} while (c->level > 0);
	if (in.p != in.end)
		return ipc_codec_bad(c, (size_t)(in.p - in.start),
		    "bytes after the document");
	return 0;
}
