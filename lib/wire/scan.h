/*
 * Private to wire: scanners that find where a self-delimiting item ends.
 *
 * A scanner goes on at u->seen with u->state, u->depth and u->stack, and never
 * looks at a byte twice but for the head of an item that was cut.  In the
 * binary formats u->seen may lie behind the bytes that are there: what is
 * skipped need not have arrived.  The item begins at p[0]; the caller has
 * skipped what may come before it, and zeroes the state when an item ends.
 * Not here: validation beyond what finding the end takes.
 */
#ifndef IPC_WIRE_SCAN_H
#define IPC_WIRE_SCAN_H

#include <stdlib.h>

#include "wire/framing.h"

enum ipc_scan_result {
	IPC_SCAN_MORE = 0,	/* need is set */
	IPC_SCAN_END = 1,	/* end is set */
	IPC_SCAN_BAD = -1,	/* why and at are set */
	IPC_SCAN_LONG = -2,	/* over u->f->max; need as far as known */
	IPC_SCAN_MEMORY = -3,
};

struct ipc_scan {
	size_t	end;		/* bytes of the item */
	uint64_t need;		/* bytes it has at least */
	size_t	at;		/* of the byte that is wrong, from p */
	const char *why;	/* static */
};

/* n > 0.  eof only matters to JSON: it ends a number. */
typedef int ipc_scan_fn(struct ipc_unframe *u, const uint8_t *p, size_t n,
    bool eof, struct ipc_scan *s);

ipc_scan_fn ipc_scan_json, ipc_scan_cbor, ipc_scan_msgpack;

/* Levels of the stack: items still to come, or this flag and more (cbor). */
#define IPC_SCAN_ENDLESS (1ULL << 63)
#define IPC_SCAN_ODD 1U		/* of an endless one: items so far */

static inline bool
ipc_json_space(uint8_t c)
{
	/* RFC 8259 white space, and the record separator of RFC 7464. */
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == 0x1E;
}

static inline int
ipc_scan_bad(struct ipc_scan *s, size_t at, const char *why)
{
	s->at = at;
	s->why = why;
	return IPC_SCAN_BAD;
}

/* The stack is there and has a free level: 0, or a result below it. */
static inline int
ipc_scan_level(struct ipc_unframe *u, size_t at, struct ipc_scan *s)
{
	if (u->depth >= IPC_FRAME_DEPTH)
		return ipc_scan_bad(s, at, "nested too deeply");
	if (u->stack == NULL)
		u->stack = malloc(IPC_FRAME_DEPTH * sizeof(*u->stack));
	return u->stack != NULL ? 0 : IPC_SCAN_MEMORY;
}

/* An item is complete, and with it what it was the last item of.  True when
 * that is the outermost. */
static inline bool
ipc_scan_close(struct ipc_unframe *u)
{
	uint64_t *top;

	while (u->depth > 0) {
		top = &u->stack[u->depth - 1];
		if (*top & IPC_SCAN_ENDLESS) {
			*top ^= IPC_SCAN_ODD;
			return false;
		}
		if (--*top > 0)
			return false;
		u->depth--;
	}
	return true;
}

#endif
