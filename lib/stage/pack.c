/*
 * Where a stage puts the messages that it makes.
 *
 * chunk->tail is the first free byte.  Messages that were given away only
 * look at bytes before it, so writing behind it is safe whoever holds them.
 */
#include "stage/pack.h"

#include <errno.h>
#include <string.h>

static uint32_t
room_left(const struct ipc_chunk *c)
{
	return c->size - c->tail;
}

uint8_t *
ipc_pack_room(struct ipc_pack *p, struct ipc_pool *pool, uint32_t n,
    struct ipc_error *err)
{
	if (p->chunk != NULL && p->chunk->refs == 1)
		p->chunk->tail = 0;	/* nobody looks any more */
	if (p->chunk == NULL || room_left(p->chunk) < n) {
		ipc_chunk_put(p->chunk);
		p->chunk = n <= pool->chunk_size ? ipc_chunk_get(pool) :
		    ipc_chunk_big(n);
	}
	if (p->chunk == NULL) {
		ipc_fail(err, IPC_E_NET, ENOMEM, NULL,
		    "no memory for a message of %u bytes", n);
		return NULL;
	}
	return p->chunk->data + p->chunk->tail;
}

void
ipc_pack_add(struct ipc_pack *p, struct ipc_pool *pool, struct ipc_io *io,
    uint32_t len)
{
	const struct ipc_msg *from = &io->in->m[io->in->head];
	struct ipc_chunk *c = p->chunk, *small = NULL;
	uint32_t before;
	struct ipc_msg *m;

	/* More room was asked for than needed: do not hold the excess. */
	if (c->pool == NULL && len <= pool->chunk_size)
		small = ipc_chunk_get(pool);
	if (small != NULL) {
		memcpy(small->data, c->data + c->tail, len);
		ipc_chunk_put(c);
		p->chunk = c = small;
	}
	before = from->topic == 0 ? 0 : from->topic + 1U;
	if (before > room_left(c) - len) {
		/* Rare: a chunk of its own for the topic and what follows. */
		small = ipc_chunk_big(before + len);
		if (small == NULL) {
			before = 0;
		} else {
			memcpy(small->data + before, c->data + c->tail, len);
			ipc_chunk_put(c);
			p->chunk = c = small;
		}
	} else if (before > 0) {
		memmove(c->data + c->tail + before, c->data + c->tail, len);
	}
	if (before > 0)
		memcpy(c->data + c->tail, from->data - before, before);
	m = ipc_batch_add(io->out, c, c->data + c->tail + before, len,
	    from->unit);
	m->topic = before > 0 ? from->topic : 0;
	m->id = from->id;
	m->at = from->at;
	m->tag = from->tag;
	m->flags = from->flags & IPC_MSG_OPEN;
	c->tail += before + len;
	if (c->pool == NULL)
		ipc_pack_release(p);
	ipc_batch_drop(io->in);
}

void
ipc_pack_release(struct ipc_pack *p)
{
	ipc_chunk_put(p->chunk);
	p->chunk = NULL;
}
