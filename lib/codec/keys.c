/*
 * Keys of the open maps: see keys.h.
 *
 *	v	[ map 1 ][ map 2 ][ map 3, innermost ]	one entry per key
 *	slots	[ table of map 1 ][ table of map 3 ]	index + 1 into v, 0 free
 *
 * A map gets a table with its key number SMALL; the table of the innermost
 * map ends at `used` and so can grow in place.
 */
#include "codec/keys.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/error.h"
#include "codec/codec.h"

#define SMALL 8
#define FIRST_SLOTS 32
#define P61 ((UINT64_C(1) << 61) - 1)

struct key {
	uint32_t at, len;	/* range of the output, from c->base */
	uint32_t hash;		/* while sorting: length of the member */
};

struct ipc_keys {
	struct key *v;		/* owned */
	uint32_t *slots;	/* owned */
	uint32_t n, cap;
	uint32_t used, slots_cap;
	uint64_t point;		/* below P61: where the polynomial is taken */
	uint64_t mix;		/* odd */
};

struct ipc_keys *
ipc_keys_new(void)
{
	struct ipc_keys *k = calloc(1, sizeof(*k));
	uint64_t seed[2];

	if (k == NULL)
		return NULL;
	/* Where the heap lies is random enough if the pool is not ready. */
	if (getrandom(seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed)) {
		seed[0] = (uintptr_t)k * UINT64_C(0x9E3779B97F4A7C15);
		seed[1] = (uintptr_t)&seed * UINT64_C(0xC2B2AE3D27D4EB4F);
	}
	k->point = seed[0] % (P61 - 1) + 1;
	k->mix = seed[1] | 1;
	return k;
}

void
ipc_keys_free(struct ipc_keys *k)
{
	if (k == NULL)
		return;
	free(k->v);
	free(k->slots);
	free(k);
}

void
ipc_keys_reset(struct ipc_keys *k)
{
	k->n = k->used = 0;
}

uint32_t
ipc_keys_held(const struct ipc_keys *k)
{
	return k->n;
}

void
ipc_keys_drop(struct ipc_codec *c)
{
	const struct ipc_level *l = ipc_level_top(c);

	c->keys->n = l->keys;
	c->keys->used -= l->slots;
}

static uint64_t
load(const uint8_t *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return le64toh(w);
}

/* x * y below P61, nearly: the sum of both halves needs one more fold. */
static uint64_t
mul61(uint64_t x, uint64_t y)
{
	__extension__ unsigned __int128 z = (unsigned __int128)x * y;
	uint64_t r = ((uint64_t)z & P61) + (uint64_t)(z >> 61);

	return (r & P61) + (r >> 61);
}

/*
 * The bytes, seven at a time, as coefficients of a polynomial over GF(P61).
 * Reads up to 7 bytes behind the key, which the buffer has (IPC_CODEC_SLACK).
 */
static uint32_t
hash(const struct ipc_keys *k, const uint8_t *p, size_t len)
{
	uint64_t h = mul61(len + 1, k->point), w;

	for (; len >= 7; p += 7, len -= 7) {
		w = load(p) & UINT64_C(0xFFFFFFFFFFFFFF);
		h = mul61(h + w, k->point);
	}
	if (len > 0) {
		w = load(p) & ((UINT64_C(1) << len * 8) - 1);
		h = mul61(h + w, k->point);
	}
	return (uint32_t)(h * k->mix >> 32);
}

static int
no_memory(struct ipc_codec *c)
{
	return ipc_fail(c->err, IPC_E_NET, 0, NULL,
	    "no memory for the keys of a map");
}

/* Room for n keys more. */
static int
reserve(struct ipc_codec *c, uint32_t n)
{
	struct ipc_keys *k = c->keys;
	uint32_t cap = k->cap > 0 ? k->cap : 64;
	struct key *v;

	while (cap - k->n < n)
		cap = cap < UINT32_MAX / 2 ? cap * 2 : UINT32_MAX;
	if (cap == k->cap)
		return 0;
	v = reallocarray(k->v, cap, sizeof(*v));
	if (v == NULL)
		return no_memory(c);
	k->v = v;
	k->cap = cap;
	return 0;
}

static bool
same(const uint8_t *base, const struct key *a, const struct key *b)
{
	return a->hash == b->hash && a->len == b->len &&
	    memcmp(base + a->at, base + b->at, a->len) == 0;
}

static void
insert(struct ipc_keys *k, const struct ipc_level *l, uint32_t i)
{
	uint32_t *t = k->slots + k->used - l->slots, mask = l->slots - 1;
	uint32_t at = k->v[i].hash & mask;

	while (t[at] != 0)
		at = (at + 1) & mask;
	t[at] = i + 1;
}

/* A table twice as large for the innermost map. */
static int
rehash(struct ipc_codec *c, struct ipc_level *l)
{
	struct ipc_keys *k = c->keys;
	uint32_t size = l->slots > 0 ? l->slots * 2 : FIRST_SLOTS;
	uint32_t first = k->used - l->slots, cap = k->slots_cap, i;
	uint32_t *t;

	if (size > UINT32_MAX / 4 || first > UINT32_MAX / 4)
		return no_memory(c);
	if (first + size > cap) {
		cap = (first + size) * 2;
		t = reallocarray(k->slots, cap, sizeof(*t));
		if (t == NULL)
			return no_memory(c);
		k->slots = t;
		k->slots_cap = cap;
	}
	memset(k->slots + first, 0, size * sizeof(*k->slots));
	k->used = first + size;
	l->slots = size;
	for (i = l->keys; i < k->n; i++)
		insert(k, l, i);
	return 0;
}

static int
duplicate(struct ipc_codec *c)
{
	return ipc_codec_refuse(c, "duplicate key");
}

/* v[n] is not yet counted. */
static int
add_to_table(struct ipc_codec *c, struct ipc_level *l, const uint8_t *base)
{
	struct ipc_keys *k = c->keys;
	const struct key *new = &k->v[k->n];
	uint32_t *t, mask, at;

	if ((k->n - l->keys + 1) * 2 > l->slots && rehash(c, l) != 0)
		return IPC_E_NET;
	t = k->slots + k->used - l->slots;
	mask = l->slots - 1;
	for (at = new->hash & mask; t[at] != 0; at = (at + 1) & mask)
		if (same(base, &k->v[t[at] - 1], new))
			return duplicate(c);
	t[at] = ++k->n;
	return 0;
}

int
ipc_keys_add(struct ipc_codec *c, size_t at, size_t len)
{
	struct ipc_keys *k = c->keys;
	struct ipc_level *l = ipc_level_top(c);
	const uint8_t *base = c->out->p + c->base;
	struct key *new;
	uint32_t i;

	if (k->n == k->cap && reserve(c, 1) != 0)
		return IPC_E_NET;
	new = &k->v[k->n];
	new->at = (uint32_t)at;
	new->len = (uint32_t)len;
	new->hash = hash(k, base + at, len);
	if (k->n - l->keys >= SMALL)
		return add_to_table(c, l, base);
	for (i = l->keys; i < k->n; i++)
		if (same(base, &k->v[i], new))
			return duplicate(c);
	k->n++;
	return 0;
}

/* --- order --- */

int
ipc_keys_bytewise(const uint8_t *a, size_t an, const uint8_t *b, size_t bn)
{
	int r = memcmp(a, b, an < bn ? an : bn);

	return r != 0 ? r : (an > bn) - (an < bn);
}

struct order {
	const uint8_t *base;
	ipc_keys_cmp *cmp;
};

static bool
before(const struct order *o, const struct key *a, const struct key *b)
{
	return o->cmp(o->base + a->at, a->len, o->base + b->at, b->len) < 0;
}

/* Merge from[lo..mid) and from[mid..hi) into to[lo..hi). */
static void
merge(const struct order *o, struct key *to, const struct key *from,
    size_t lo, size_t mid, size_t hi)
{
	size_t i = lo, j = mid, at;

	for (at = lo; at < hi; at++) {
		if (j >= hi || (i < mid && !before(o, &from[j], &from[i])))
			to[at] = from[i++];
		else
			to[at] = from[j++];
	}
}

/* The sorted keys are in the array returned: v or aux, n of them. */
static struct key *
sort(const struct order *o, struct key *v, struct key *aux, size_t n)
{
	size_t width, i, mid, hi;
	struct key *t;

	for (width = 1; width < n; width *= 2) {
		for (i = 0; i < n; i = hi) {
			mid = n - i < width ? n : i + width;
			hi = n - mid < width ? n : mid + width;
			merge(o, aux, v, i, mid, hi);
		}
		t = v;
		v = aux;
		aux = t;
	}
	return v;
}

static bool
sorted(const struct order *o, const struct key *v, size_t n)
{
	size_t i;

	for (i = 1; i < n; i++)
		if (before(o, &v[i], &v[i - 1]))
			return false;
	return true;
}

int
ipc_keys_sort(struct ipc_codec *c, ipc_keys_cmp *cmp)
{
	struct ipc_keys *k = c->keys;
	const struct ipc_level *l = ipc_level_top(c);
	uint32_t first = l->keys, n = k->n - first, i;
	struct order o = { c->out->p + c->base, cmp };
	size_t total, start;
	struct key *v;
	uint8_t *to;

	if (n < 2 || sorted(&o, k->v + first, n))
		return 0;
	if (reserve(c, n) != 0)
		return IPC_E_NET;
	v = k->v + first;
	start = v[0].at;
	total = ipc_codec_here(c) - start;
	c->temp.len = 0;
	to = ipc_codec_grow(c, &c->temp, total);
	if (to == NULL)
		return c->err->code;
	for (i = 0; i < n; i++)
		v[i].hash = (i + 1 < n ? v[i + 1].at :
		    (uint32_t)ipc_codec_here(c)) - v[i].at;
	v = sort(&o, v, v + n, n);
	for (i = 0; i < n; i++) {
		memcpy(to, o.base + v[i].at, v[i].hash);
		to += v[i].hash;
	}
	memcpy(c->out->p + c->base + start, c->temp.p, total);
	return 0;
}
