/*
 * Publish and subscribe: from a publisher's batch to the queues of hearers.
 *
 * What is being published lies in f->now for the time of one call: a queue
 * entry that all others are made from.
 */
#include "core/fanout.h"

#include <string.h>

uint32_t
ipc_fan_allowed(const struct ipc_fanout *f, const struct ipc_port *from,
    uint32_t most)
{
	uint64_t max = f->set->max_n;

	if (max > 0 && max - f->published < most)
		most = (uint32_t)(max - f->published);
	if (from != f->local || f->heard || f->drops || f->draining ||
	    f->set->hub)
		return most;
	if (ipc_fan_history_full(f))
		return 0;
	if (f->set->history - f->history.n < most)
		most = (uint32_t)(f->set->history - f->history.n);
	return most;
}

/* A large view of a larger chunk that many others may not share. */
static bool
scattered(const struct ipc_fanout *f, const struct ipc_msg *m)
{
	return m->len >= 4096 && m->chunk->size / 2 > m->len &&
	    (f->set->history > 0 || f->set->hub || f->set->topics);
}

void
ipc_fan_end_line(struct ipc_msg *m)
{
	if ((m->flags & IPC_MSG_OPEN) != 0)
		m->flags &= (uint8_t)~(IPC_MSG_OPEN | IPC_MSG_FRAMED);
}

bool
ipc_fan_stage(struct ipc_fanout *f, struct ipc_port *from,
    const struct ipc_msg *m)
{
	struct ipc_msg own = *m;
	struct ipc_error err = { 0 };
	bool ok;

	own.tag = 0;		/* of the sender, means nothing to others */
	/* Only when nobody else publishes is its last line the last one. */
	if (f->set->hub || f->set->topics)
		ipc_fan_end_line(&own);
	if (!scattered(f, m)) {
		ok = ipc_mq_add(&f->now, &own);
	} else {
		own.chunk = ipc_chunk_big(m->len);
		ok = own.chunk != NULL;
		if (ok) {
			own.data = memcpy(own.chunk->data, m->data, m->len);
			own.flags &= (uint8_t)~IPC_MSG_FRAMED;
			own.topic = 0;
			ok = ipc_mq_add(&f->now, &own);
			ipc_chunk_put(own.chunk);
		}
	}
	if (!ok) {
		ipc_fail(&err, IPC_E_NET, 0, NULL, "no memory for a message");
		ipc_fan_cut(f, from->data, &err);
	}
	return ok;
}

void
ipc_fan_publish(struct ipc_fanout *f, const struct ipc_port *from)
{
	struct ipc_list *n, *next;
	bool any = false;

	for (n = f->hearers.next; n != &f->hearers; n = next) {
		struct ipc_fan_client *c = ipc_fan_client(n);

		next = n->next;
		if (!c->hit || (f->set->hub && c->port == from))
			continue;
		any = true;
		for (uint32_t i = 0; i < f->now.n; i++)
			ipc_fan_give(f, c, ipc_mq_at(&f->now, i));
	}
	f->published += f->now.n;
	if (from == f->local)
		f->local_said = true;
	if (!any)
		f->unheard += f->now.n;
	while (f->now.n > 0) {
		ipc_fan_keep(f, ipc_mq_at(&f->now, 0));
		ipc_mq_drop(&f->now);
	}
	if (f->set->max_n > 0 && f->published >= f->set->max_n && !f->enough) {
		f->enough = true;
		if (f->local != NULL)
			ipc_port_pause(f->local, true);
		ipc_fan_check(f);
	}
}
