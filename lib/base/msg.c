/*
 * Chunk pools and batches.
 *
 * A chunk is either out (refs > 0, counted in pool->live) or on the free list
 * (refs == 0).  One worker owns a pool; nothing here is locked.
 */
#include "base/msg.h"

#include <assert.h>
#include <stdlib.h>

void
ipc_pool_init(struct ipc_pool *p, uint32_t chunk_size, uint32_t keep)
{
	p->free = NULL;
	p->chunk_size = chunk_size;
	p->nfree = 0;
	p->keep = keep;
	p->live = 0;
	p->made = 0;
}

struct ipc_chunk *
ipc_chunk_get(struct ipc_pool *p)
{
	struct ipc_chunk *c = p->free;

	if (c != NULL) {
		p->free = c->next;
		p->nfree--;
	} else {
		c = malloc(sizeof(*c) + p->chunk_size);
		if (c == NULL)
			return NULL;
		c->pool = p;
		c->size = p->chunk_size;
		p->made++;
	}
	c->next = NULL;
	c->refs = 1;
	c->head = c->tail = 0;
	p->live++;
	return c;
}

struct ipc_chunk *
ipc_chunk_big(uint32_t n)
{
	struct ipc_chunk *c = malloc(sizeof(*c) + n);

	if (c == NULL)
		return NULL;
	c->pool = NULL;
	c->next = NULL;
	c->refs = 1;
	c->size = n;
	c->head = c->tail = 0;
	return c;
}

void
ipc_chunk_put(struct ipc_chunk *c)
{
	struct ipc_pool *p;

	if (c == NULL)
		return;
	assert(c->refs > 0);
	if (--c->refs > 0)
		return;
	p = c->pool;
	if (p == NULL) {
		free(c);
		return;
	}
	p->live--;
	if (p->nfree >= p->keep) {
		free(c);
		return;
	}
	c->next = p->free;
	p->free = c;
	p->nfree++;
}

void
ipc_pool_free(struct ipc_pool *p)
{
	struct ipc_chunk *c;

	assert(p->live == 0);
	while ((c = p->free) != NULL) {
		p->free = c->next;
		free(c);
	}
	p->nfree = 0;
}

struct ipc_msg *
ipc_batch_add(struct ipc_batch *b, struct ipc_chunk *c, uint8_t *data,
    uint32_t len, uint8_t unit)
{
	struct ipc_msg *m;

	assert(b->tail < IPC_BATCH);
	m = &b->m[b->tail++];
	m->chunk = c;
	m->data = data;
	m->len = len;
	m->unit = unit;
	/* hdr itself stays as it is: clearing 80 bytes a message costs. */
	m->hdr_off = IPC_MSG_HDR;
	m->flags = 0;
	m->raw_head = 0;
	m->raw_tail = 0;
	m->topic = 0;
	m->id = 0;
	m->at = 0;
	m->tag = 0;
	if (c != NULL)
		c->refs++;
	return m;
}

void
ipc_batch_drop(struct ipc_batch *b)
{
	struct ipc_msg *m;

	assert(b->head < b->tail);
	m = &b->m[b->head++];
	ipc_chunk_put(m->chunk);
	m->chunk = NULL;
	if (b->head == b->tail)
		b->head = b->tail = 0;
}

void
ipc_batch_clear(struct ipc_batch *b)
{
	while (ipc_batch_count(b) > 0)
		ipc_batch_drop(b);
	b->head = b->tail = 0;
}

void
ipc_batch_move(struct ipc_batch *to, struct ipc_batch *from)
{
	to->m[to->tail++] = from->m[from->head++];
	if (from->head == from->tail)
		from->head = from->tail = 0;
}
