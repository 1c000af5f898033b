/*
 * Requests that wait for their replies: two lists and a hash table.
 *
 * The table is chained and never grows: it is made for the most requests that
 * may be in flight.  Its hash is seeded, since keys may come from strangers.
 * Not here: sending, matching rules, time.
 */
#include "core/pending.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define MIX 0x9E3779B97F4A7C15ULL	/* 2^64 / golden ratio, odd */

static uint32_t
hash_of(const struct ipc_pending *t, const uint8_t *key, size_t klen)
{
	uint64_t h = t->seed ^ klen, w;

	for (; klen > 0; key += sizeof(w), klen -= sizeof(w)) {
		w = 0;
		memcpy(&w, key, klen < sizeof(w) ? klen : sizeof(w));
		h = (h ^ w) * MIX;
		h ^= h >> 29;
		if (klen <= sizeof(w))
			break;
	}
	h *= MIX;
	return (uint32_t)(h >> 32);
}

bool
ipc_pending_init(struct ipc_pending *t, uint32_t limit, bool keyed)
{
	uint32_t buckets = 16;

	memset(t, 0, sizeof(*t));
	ipc_list_init(&t->order);
	ipc_list_init(&t->age);
	if (!keyed)
		return true;
	while (buckets < limit && buckets < 1U << 16)
		buckets *= 2;
	t->bucket = calloc(buckets, sizeof(struct ipc_request *));
	t->mask = buckets - 1;
	/* Without entropy an address of this process has to do. */
	if (getrandom(&t->seed, sizeof(t->seed), GRND_NONBLOCK) !=
	    (ssize_t)sizeof(t->seed))
		t->seed = (uintptr_t)t->bucket * MIX;
	return t->bucket != NULL;
}

void
ipc_pending_free(struct ipc_pending *t)
{
	struct ipc_request *r;

	/* Zeroed, never initialised: there is nothing. */
	if (t->order.next == NULL)
		return;
	while ((r = ipc_pending_first(t)) != NULL)
		ipc_pending_drop(t, r);
	while ((r = t->spare) != NULL) {
		t->spare = r->next;
		free(r);
	}
	ipc_mq_free(&t->in);
	free(t->bucket);
	t->bucket = NULL;
}

static struct ipc_request *
fresh(struct ipc_pending *t)
{
	struct ipc_request *r = t->spare;

	if (r == NULL)
		r = malloc(sizeof(*r));
	else
		t->spare = r->next;
	if (r == NULL)
		return NULL;
	memset(r, 0, sizeof(*r));
	ipc_list_init(&r->order);
	ipc_list_init(&r->age);
	return r;
}

struct ipc_request *
ipc_pending_add(struct ipc_pending *t, const struct ipc_msg *m,
    const uint8_t *key, size_t klen)
{
	struct ipc_request *r = fresh(t), **at;

	if (r == NULL)
		return NULL;
	if (!ipc_mq_add(&t->in, m)) {
		r->next = t->spare;
		t->spare = r;
		return NULL;
	}
	r->q = *ipc_mq_at(&t->in, 0);
	r->q.chunk->refs++;
	ipc_mq_drop(&t->in);
	if (key != NULL) {
		r->key = r->q.data + (key - m->data);
		r->klen = (uint32_t)klen;
		r->hash = hash_of(t, key, klen);
		at = &t->bucket[r->hash & t->mask];
		r->next = *at;
		*at = r;
	}
	ipc_list_append(&t->order, &r->order);
	ipc_list_append(&t->age, &r->age);
	t->n++;
	t->bytes += r->q.len;
	return r;
}

struct ipc_request *
ipc_pending_find(const struct ipc_pending *t, const uint8_t *key, size_t klen)
{
	uint32_t h = hash_of(t, key, klen);
	struct ipc_request *r = t->bucket[h & t->mask];

	for (; r != NULL; r = r->next)
		if (r->hash == h && r->klen == klen &&
		    memcmp(r->key, key, klen) == 0)
			return r;
	return NULL;
}

void
ipc_pending_touch(struct ipc_pending *t, struct ipc_request *r,
    uint64_t now_ns)
{
	r->since_ns = now_ns;
	ipc_list_remove(&r->age);
	ipc_list_append(&t->age, &r->age);
}

void
ipc_pending_drop(struct ipc_pending *t, struct ipc_request *r)
{
	struct ipc_request **at;

	if (r->key != NULL) {
		at = &t->bucket[r->hash & t->mask];
		while (*at != r)
			at = &(*at)->next;
		*at = r->next;
	}
	ipc_list_remove(&r->order);
	ipc_list_remove(&r->age);
	t->n--;
	t->bytes -= r->q.len;
	ipc_chunk_put(r->q.chunk);
	r->next = t->spare;
	t->spare = r;
}

struct ipc_request *
ipc_pending_first(const struct ipc_pending *t)
{
	return ipc_list_empty(&t->order) ? NULL :
	    ipc_list_entry(t->order.next, struct ipc_request, order);
}

struct ipc_request *
ipc_pending_stalest(const struct ipc_pending *t)
{
	return ipc_list_empty(&t->age) ? NULL :
	    ipc_list_entry(t->age.next, struct ipc_request, age);
}

struct ipc_request *
ipc_pending_next(const struct ipc_pending *t, const struct ipc_request *r)
{
	return r->order.next == &t->order ? NULL :
	    ipc_list_entry(r->order.next, struct ipc_request, order);
}
