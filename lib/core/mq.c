/*
 * Message queues of the exchange: rings of views that grow by doubling.
 *
 * A small view is copied into the queue's packing chunk, so that what waits
 * does not pin the large chunk it was read into.  The packing chunk is
 * rewound when nothing in it is referenced any more: a queue that is emptied
 * as fast as it fills allocates nothing.  Bounds are the caller's.
 */
#include <stdlib.h>
#include <string.h>

#include "core/exchange.h"

#define FIRST_CAP 16
#define PACK_BYTES (16U << 10)
#define PACK_MOST (4U << 10)	/* longer messages keep their own chunk */

static bool
grow(struct ipc_mq *q)
{
	uint32_t cap = q->cap == 0 ? FIRST_CAP : q->cap * 2;
	struct ipc_qmsg *v;

	if (q->n < q->cap)
		return true;
	if (cap > 1U << 24 || (v = malloc(cap * sizeof(*v))) == NULL)
		return false;
	for (uint32_t i = 0; i < q->n; i++)
		v[i] = *ipc_mq_at(q, i);
	free(q->v);
	q->v = v;
	q->cap = cap;
	q->head = 0;
	return true;
}

/* Room for len bytes in the packing chunk, or NULL. */
static struct ipc_chunk *
pack_for(struct ipc_mq *q, uint32_t len)
{
	struct ipc_chunk *c = q->pack;

	if (c != NULL && c->refs == 1)
		c->tail = 0;
	if (c != NULL && c->size - c->tail >= len)
		return c;
	ipc_chunk_put(c);
	q->pack = ipc_chunk_big(PACK_BYTES);
	return q->pack;
}

static struct ipc_qmsg *
append(struct ipc_mq *q, struct ipc_chunk *c, uint8_t *data, uint32_t len)
{
	struct ipc_qmsg *e = &q->v[(q->head + q->n) & (q->cap - 1)];

	q->n++;
	q->bytes += len;
	c->refs++;
	memset(e, 0, sizeof(*e));
	e->chunk = c;
	e->data = data;
	e->len = len;
	return e;
}

bool
ipc_mq_add(struct ipc_mq *q, const struct ipc_msg *m)
{
	struct ipc_chunk *c = m->chunk;
	struct ipc_qmsg *e;
	uint32_t before = m->topic == 0 ? 0 : m->topic + 1U;
	uint8_t *data = m->data;
	bool packed = m->len + before <= PACK_MOST;

	if (!grow(q))
		return false;
	if (packed) {
		c = pack_for(q, m->len + before);
		if (c == NULL)
			return false;
		data = c->data + c->tail + before;
		memcpy(data - before, m->data - before, m->len + before);
		c->tail += m->len + before;
	}
	e = append(q, c, data, m->len);
	e->flags = (uint8_t)(m->flags & ~(packed ? IPC_MSG_FRAMED : 0U));
	e->id = m->id;
	e->at = m->at;
	e->tag = m->tag;
	e->topic = m->topic;
	if ((e->flags & IPC_MSG_FRAMED) != 0) {
		e->raw_head = m->raw_head;
		e->raw_tail = m->raw_tail;
	}
	return true;
}

bool
ipc_mq_share(struct ipc_mq *q, const struct ipc_qmsg *m)
{
	struct ipc_qmsg *e;

	if (!grow(q))
		return false;
	e = append(q, m->chunk, m->data, m->len);
	*e = *m;
	return true;
}

struct ipc_qmsg *
ipc_mq_at(const struct ipc_mq *q, uint32_t i)
{
	return &q->v[(q->head + i) & (q->cap - 1)];
}

void
ipc_mq_drop(struct ipc_mq *q)
{
	struct ipc_qmsg *e = &q->v[q->head];

	q->bytes -= e->len;
	ipc_chunk_put(e->chunk);
	q->head = (q->head + 1) & (q->cap - 1);
	q->n--;
}

void
ipc_mq_free(struct ipc_mq *q)
{
	while (q->n > 0)
		ipc_mq_drop(q);
	ipc_chunk_put(q->pack);
	free(q->v);
	memset(q, 0, sizeof(*q));
}
