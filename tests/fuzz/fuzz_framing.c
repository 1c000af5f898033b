/*
 * Fuzz: framings.
 *
 * The first byte chooses the framing (low 4 bits) and the limit (high bits),
 * the second how the rest, the stream, arrives: all at once, byte by byte, or
 * in pieces of pseudo-random size.  The frames, and whether reading ended in
 * an error, must be the same for every way.  A payload that ipc_wrap accepts
 * is read back as it was; what was read can be wrapped.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "wire/framing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As many as the low bits of the first byte can choose. */
static const char *const words[16] = {
	"line", "crlf", "nul", "delim:aab", "delim:\\r\\n\\r\\n", "raw",
	"len16", "len32", "len32le", "varint", "netstring", "chunk:5",
	"json", "cbor", "msgpack", "delim:aa",
};

static const uint32_t limits[16] = {
	IPC_MESSAGE_MAX, 0, 1, 2, 3, 4, 7, 8, 16, 32, 64, 255, 256, 1000,
	65536, IPC_MESSAGE_TOP,
};

struct result {
	uint64_t hash;		/* of payloads and their places */
	uint64_t count;
	size_t	at;		/* where reading stopped */
	int	rc;
};

static void
must(bool cond)
{
	if (!cond)
		abort();
}

static void
mix(uint64_t *hash, const void *p, size_t n)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < n; i++)
		*hash = (*hash ^ b[i]) * 0x100000001b3ULL;
}

static uint8_t *
copy(const uint8_t *p, size_t n)
{
	uint8_t *c = malloc(n > 0 ? n : 1);

	must(c != NULL);
	if (n > 0)
		memcpy(c, p, n);
	return c;
}

/* Read what wrap makes of p: it is p again, with nothing left. */
static void
round_trip(const struct ipc_framing *fr, const uint8_t *p, size_t n,
    bool open, bool must_wrap)
{
	struct ipc_unframe u = { .f = fr };
	struct ipc_error err;
	struct ipc_frame f;
	struct ipc_wrap w;
	size_t all, need;
	uint8_t *b;
	int rc;

	rc = ipc_wrap(fr, p, n, open, &w, &err);
	must(rc == 0 || (rc == IPC_E_DATA && !must_wrap && err.what[0]));
	if (rc != 0 || (n == 0 && open) || fr->kind == IPC_FRAME_RAW ||
	    fr->kind == IPC_FRAME_CHUNK)
		return;
	must(w.nhead <= sizeof(w.head) && w.ntail <= sizeof(w.tail));
	all = w.nhead + n + w.ntail;
	b = malloc(all + 1);
	must(b != NULL);
	memcpy(b, w.head, w.nhead);
	memcpy(b + w.nhead, p, n);
	memcpy(b + w.nhead + n, w.tail, w.ntail);
	must(ipc_unframe(&u, b, all, true, &f, &need, &err) == 1);
	must(f.open == (open && fr->kind <= IPC_FRAME_DELIM));
	must(f.off + f.len <= f.used && f.used <= all);
	if (fr->kind != IPC_FRAME_JSON) {
		must(f.len == n && f.used == all);
		must(n == 0 || memcmp(b + f.off, p, n) == 0);
	}
	must(ipc_unframe(&u, b + f.used, all - f.used, true, &f, &need,
	    &err) == 0);
	ipc_unframe_free(&u);
	free(b);
}

static void
take(const struct ipc_framing *fr, const uint8_t *p, size_t n,
    const struct ipc_frame *f, struct result *r)
{
	must(f->used > 0 && f->used <= n && f->off <= f->used &&
	    f->len <= f->used - f->off && f->len <= fr->max);
	mix(&r->hash, p + f->off, f->len);
	mix(&r->hash, &f->len, sizeof(f->len));
	mix(&r->hash, &f->open, sizeof(f->open));
	r->count++;
	/* A CR that ends an open or a bare line is data. */
	round_trip(fr, p + f->off, f->len, f->open, true);
}

static struct result
read_split(const struct ipc_framing *fr, const uint8_t *p, size_t n,
    unsigned int split)
{
	struct result r = { .hash = 0xcbf29ce484222325ULL, .rc = 1 };
	struct ipc_unframe u = { .f = fr };
	size_t have = split == 0 ? n : 0, need = 0;
	uint32_t seed = split;
	struct ipc_error err;
	struct ipc_frame f;
	uint8_t *c;

	for (;;) {
		bool eof = have == n && (split & 1) == 0;

		c = copy(p + r.at, have - r.at);
again:
		r.rc = ipc_unframe(&u, c, have - r.at, eof, &f, &need, &err);
		if (r.rc == 1)
			take(fr, c, have - r.at, &f, &r);
		if (r.rc == 0)
			must(f.used <= have - r.at && need > have - r.at);
		if (r.rc == 0 && have == n && !eof) {
			/* The end alone, after all bytes. */
			memmove(c, c + f.used, have - r.at - f.used);
			r.at += f.used;
			eof = true;
			goto again;
		}
		free(c);
		if (r.rc < 0 || (r.rc == 0 && eof))
			break;
		r.at += f.used;
		must(u.offset == r.at && u.index == r.count);
		seed = seed * 1664525U + 1013904223U;
		if (r.rc == 0)
			have += split == 1 ? 1 : 1 + (seed >> 24) % (split +
			    1U);
		have = have < n ? have : n;
	}
	if (r.rc == 0)
		r.at += f.used;
	else
		must(r.rc == IPC_E_DATA && err.what[0] && err.hint[0]);
	must(r.rc < 0 || r.at == n);
	r.at = u.offset;
	ipc_unframe_free(&u);
	return r;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct result whole, other;
	struct ipc_framing fr;

	if (size < 2)
		return 0;
	must(ipc_framing_parse(&fr, words[data[0] & 15], NULL) == 0);
	fr.max = limits[data[0] >> 4];
	whole = read_split(&fr, data + 2, size - 2, 0);
	other = read_split(&fr, data + 2, size - 2, data[1]);
	must(whole.count == other.count && whole.hash == other.hash);
	must(whole.rc == other.rc);
	other = read_split(&fr, data + 2, size - 2, 1);
	must(whole.count == other.count && whole.hash == other.hash);
	must(whole.rc == other.rc);
	round_trip(&fr, data + 2, size - 2, false, false);
	round_trip(&fr, data + 2, size - 2, true, false);
	return 0;
}
