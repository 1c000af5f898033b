/*
 * Where a CBOR data item (RFC 8949) ends.
 *
 * An item is a head (major type, argument in 0 to 8 more bytes) and, by type,
 * bytes or further items.  A level of the stack counts the items still to
 * come, or is ENDLESS: ended by a break (0xff), with the major type in it, so
 * that chunks can be checked and a map cannot end between key and value.
 * Tags take no level.  Refused is what section 3 calls not well-formed; the
 * contents of strings and tags are left to the codec.
 */
#include "wire/scan.h"

enum { BYTES = 2, TEXT = 3, ARRAY = 4, MAP = 5, TAG = 6, SIMPLE = 7 };

/* State bits. */
#define TAGGED 1U		/* the item of a tag must follow */
#define WHOLE 2U		/* all items scanned, u->seen is the end */

#define LEVEL_MAJOR(v) ((unsigned int)((v) >> 1 & 7))
#define LEVEL_OF(major) (IPC_SCAN_ENDLESS | (uint64_t)(major) << 1)

struct head {
	uint64_t value;
	unsigned int major;
	unsigned int info;	/* 31: no argument */
	size_t	size;		/* bytes; 0: more are needed, see want */
	size_t	want;
};

/* n > 0.  False when the info is reserved. */
static bool
read_head(struct head *h, const uint8_t *p, size_t n)
{
	size_t i, extra;

	h->major = p[0] >> 5;
	h->info = p[0] & 31U;
	h->size = 1;
	h->value = h->info;
	if (h->info < 24 || h->info == 31)
		return true;
	if (h->info > 27)
		return false;
	extra = (size_t)1 << (h->info - 24);
	h->want = 1 + extra;
	if (n < h->want) {
		h->size = 0;
		return true;
	}
	h->value = 0;
	for (i = 1; i <= extra; i++)
		h->value = h->value << 8 | p[i];
	h->size = h->want;
	return true;
}

/* Why this head cannot stand here, or NULL. */
static const char *
misplaced(const struct ipc_unframe *u, const struct head *h)
{
	uint64_t top = u->depth > 0 ? u->stack[u->depth - 1] : 0;
	unsigned int in = top & IPC_SCAN_ENDLESS ? LEVEL_MAJOR(top) : 0;

	if (h->info == 31 && h->major == SIMPLE) {
		if (in == 0 || (u->state & TAGGED) != 0)
			return "a break where an item belongs";
		if (in == MAP && (top & IPC_SCAN_ODD) != 0)
			return "a map that ends without a value";
		return NULL;
	}
	if (h->info == 31 && (h->major < BYTES || h->major == TAG))
		return "an item of indefinite length that cannot have one";
	if ((in == BYTES || in == TEXT) &&
	    (h->major != in || h->info == 31))
		return "a string whose parts are not strings of its type";
	if (h->major == SIMPLE && h->info == 24 && h->value < 32)
		return "a simple value in a form that is not allowed";
	return NULL;
}

/* Count what follows the head at i.  1: the item is complete (*i is behind
 * it), 0: items follow, else a result. */
static int
take(struct ipc_unframe *u, const struct head *h, size_t *i,
    struct ipc_scan *s)
{
	size_t at = *i;
	uint64_t items;
	int rc;

	*i += h->size;
	u->state &= (uint8_t)~TAGGED;
	if (h->major == TAG) {
		u->state |= TAGGED;
		return 0;
	}
	if (h->major < BYTES)
		return 1;
	if (h->major == SIMPLE) {
		u->depth -= h->info == 31;
		return 1;
	}
	if (h->info == 31) {
		items = LEVEL_OF(h->major);
	} else {
		/* Every item has a byte at least. */
		s->need = *i + h->value;
		if (h->value > u->f->max || s->need > u->f->max) {
			if (s->need < h->value)
				s->need = h->value;
			return IPC_SCAN_LONG;
		}
		if (h->major < ARRAY) {
			*i += h->value;
			return 1;
		}
		items = h->major == MAP ? 2 * h->value : h->value;
		if (items == 0)
			return 1;
	}
	rc = ipc_scan_level(u, at, s);
	if (rc == 0)
		u->stack[u->depth++] = items;
	return rc;
}

static int
more(struct ipc_unframe *u, size_t i, size_t need, struct ipc_scan *s)
{
	u->seen = i;
	s->need = need;
	return need > u->f->max ? IPC_SCAN_LONG : IPC_SCAN_MORE;
}

int
ipc_scan_cbor(struct ipc_unframe *u, const uint8_t *p, size_t n, bool eof,
    struct ipc_scan *s)
{
	size_t i = u->seen;
	const char *why;
	struct head h;
	int rc;

	(void)eof;
	while ((u->state & WHOLE) == 0) {
		if (i >= n)
			return more(u, i, i + 1, s);
		if (!read_head(&h, p + i, n - i))
			return ipc_scan_bad(s, i, "a reserved form of head");
		if (h.size == 0)
			return more(u, i, i + h.want, s);
		why = misplaced(u, &h);
		if (why != NULL)
			return ipc_scan_bad(s, i, why);
		rc = take(u, &h, &i, s);
		if (rc < 0)
			return rc;
		if (rc == 1 && ipc_scan_close(u))
			u->state |= WHOLE;
	}
	if (i > n || i > u->f->max)
		return more(u, i, i, s);
	s->end = i;
	return IPC_SCAN_END;
}
