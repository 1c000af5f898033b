/*
 * Where a MessagePack object ends.
 *
 * The first byte gives the form: fixed bytes that follow, a length field of 0,
 * 1, 2 or 4 bytes, and what the length counts.  A level of the stack counts
 * the objects still to come.  Only the byte 0xc1 is never right; whether
 * strings are text is left to the codec.
 */
#include "wire/scan.h"

#define WHOLE 1U		/* state: all scanned, u->seen is the end */

enum { DATA, ARRAY, MAP };

struct form {
	uint8_t	field;		/* bytes of length */
	uint8_t	fixed;		/* bytes behind it that are always there */
	uint8_t	counts;		/* what the length counts */
};

static const struct form forms[32] = {	/* 0xc0 to 0xdf */
	[0x04] = { 1, 0, DATA }, { 2, 0, DATA }, { 4, 0, DATA }, /* bin */
	[0x07] = { 1, 1, DATA }, { 2, 1, DATA }, { 4, 1, DATA }, /* ext */
	[0x0a] = { 0, 4, DATA }, { 0, 8, DATA },		/* float */
	[0x0c] = { 0, 1, DATA }, { 0, 2, DATA }, { 0, 4, DATA },
	    { 0, 8, DATA },					/* uint */
	[0x10] = { 0, 1, DATA }, { 0, 2, DATA }, { 0, 4, DATA },
	    { 0, 8, DATA },					/* int */
	[0x14] = { 0, 2, DATA }, { 0, 3, DATA }, { 0, 5, DATA },
	    { 0, 9, DATA }, { 0, 17, DATA },			/* fixext */
	[0x19] = { 1, 0, DATA }, { 2, 0, DATA }, { 4, 0, DATA }, /* str */
	[0x1c] = { 2, 0, ARRAY }, { 4, 0, ARRAY },
	[0x1e] = { 2, 0, MAP }, { 4, 0, MAP },
};

/* The first byte when it is not one of `forms`; *len is its length. */
static struct form
short_form(uint8_t c, uint32_t *len)
{
	struct form f = { 0, 0, DATA };

	*len = 0;
	if (c < 0x80 || c >= 0xe0)
		return f;
	if (c >= 0xa0) {
		*len = c & 31U;
		return f;
	}
	f.counts = c < 0x90 ? MAP : ARRAY;
	*len = c & 15U;
	return f;
}

static int
more(struct ipc_unframe *u, size_t i, size_t need, struct ipc_scan *s)
{
	u->seen = i;
	s->need = need;
	return need > u->f->max ? IPC_SCAN_LONG : IPC_SCAN_MORE;
}

/* The object at *i, of which the head is there: as in scan_cbor.c. */
static int
take(struct ipc_unframe *u, struct form f, uint32_t len, size_t *i,
    struct ipc_scan *s)
{
	size_t at = *i;
	int rc;

	*i += 1U + f.field + f.fixed;
	if (len == 0)
		return 1;
	s->need = (uint64_t)*i + len;
	if (s->need > u->f->max)
		return IPC_SCAN_LONG;
	if (f.counts == DATA) {
		*i += len;
		return 1;
	}
	rc = ipc_scan_level(u, at, s);
	if (rc == 0)
		u->stack[u->depth++] = f.counts == MAP ? 2ULL * len : len;
	return rc;
}

int
ipc_scan_msgpack(struct ipc_unframe *u, const uint8_t *p, size_t n, bool eof,
    struct ipc_scan *s)
{
	size_t i = u->seen, k;
	struct form f;
	uint32_t len;
	int rc;

	(void)eof;
	while (u->state != WHOLE) {
		if (i >= n)
			return more(u, i, i + 1, s);
		if (p[i] < 0xc0 || p[i] >= 0xe0) {
			f = short_form(p[i], &len);
		} else if (p[i] == 0xc1) {
			return ipc_scan_bad(s, i, "the byte c1, which is never "
			    "used");
		} else {
			f = forms[p[i] - 0xc0];
			if (n - i <= f.field)
				return more(u, i, i + 1 + f.field, s);
			for (len = 0, k = 1; k <= f.field; k++)
				len = len << 8 | p[i + k];
		}
		rc = take(u, f, len, &i, s);
		if (rc < 0)
			return rc;
		if (rc == 1 && ipc_scan_close(u))
			u->state = WHOLE;
	}
	if (i > n || i > u->f->max)
		return more(u, i, i, s);
	s->end = i;
	return IPC_SCAN_END;
}
