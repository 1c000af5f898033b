/* Chunks, pools and batches. */
#include "base/msg.h"

#include "check.h"

static void
pools(void)
{
	struct ipc_pool p;
	struct ipc_chunk *c[10];
	uint64_t made;
	int i, round;

	ipc_pool_init(&p, 1000, 4);
	for (i = 0; i < 10; i++)
		c[i] = ipc_chunk_get(&p);
	ok(c[0] != NULL && c[9] != NULL && c[0] != c[9], "ten chunks");
	ok(c[0]->size == 1000 && c[0]->refs == 1 && c[0]->head == 0 &&
	    c[0]->tail == 0 && c[0]->pool == &p, "a fresh chunk");
	memset(c[0]->data, 1, c[0]->size);
	is_u64(p.live, 10, "ten are out");
	is_u64(p.made, 10, "ten were made");
	c[3]->head = 5;
	c[3]->tail = 9;
	for (i = 0; i < 10; i++)
		ipc_chunk_put(c[i]);
	is_u64(p.live, 0, "none is out");
	is_u64(p.nfree, 4, "four are kept");
	made = p.made;
	for (round = 0; round < 100; round++) {
		for (i = 0; i < 4; i++)
			c[i] = ipc_chunk_get(&p);
		ok(c[2]->head == 0 && c[2]->tail == 0 && c[2]->refs == 1,
		    "a used chunk is reset");
		for (i = 0; i < 4; i++)
			ipc_chunk_put(c[i]);
	}
	is_u64(p.made, made, "steady state makes none");
	c[0] = ipc_chunk_get(&p);
	c[0]->refs++;
	ipc_chunk_put(c[0]);
	is_u64(p.live, 1, "a second reference keeps it out");
	ipc_chunk_put(c[0]);
	is_u64(p.live, 0, "the last one lets it go");
	ipc_chunk_put(NULL);
	ipc_pool_free(&p);
	ok(p.nfree == 0 && p.free == NULL, "an empty pool");
	ipc_pool_free(&p);

	ipc_pool_init(&p, 16, 0);
	ipc_chunk_put(ipc_chunk_get(&p));
	is_u64(p.nfree, 0, "keep 0 keeps none");
	ipc_pool_free(&p);
}

static void
batches(void)
{
	static struct ipc_batch b;	/* 8 kB: not for the stack */
	struct ipc_pool p;
	struct ipc_chunk *c;
	struct ipc_msg *m;
	uint32_t i;

	ipc_pool_init(&p, 256, 2);
	c = ipc_chunk_get(&p);
	is_u64(ipc_batch_count(&b), 0, "zeroed is empty");
	is_u64(ipc_batch_room(&b), IPC_BATCH, "and has room");
	for (i = 0; i < IPC_BATCH; i++) {
		m = ipc_batch_add(&b, c, c->data + i, 2, IPC_MSGS);
		m->id = i;
	}
	is_u64(ipc_batch_room(&b), 0, "full");
	is_u64(c->refs, 1 + IPC_BATCH, "each view holds a reference");
	m = &b.m[5];
	ok(m->chunk == c && m->data == c->data + 5 && m->len == 2 &&
	    m->unit == IPC_MSGS && m->hdr_off == IPC_MSG_HDR &&
	    m->flags == 0 && m->tag == 0 && m->at == 0 && m->id == 5,
	    "a view is initialised");
	ipc_chunk_put(c);
	for (i = 0; i < 3; i++)
		ipc_batch_drop(&b);
	is_u64(ipc_batch_count(&b), IPC_BATCH - 3, "three dropped");
	is_u64(b.m[b.head].id, 3, "from the front");
	is_u64(p.live, 1, "the chunk lives on");
	ipc_batch_clear(&b);
	ok(b.head == 0 && b.tail == 0, "cleared is rewound");
	is_u64(p.live, 0, "and let the chunk go");

	ipc_batch_add(&b, NULL, NULL, 0, IPC_BYTES);
	ipc_batch_drop(&b);
	ok(b.head == 0 && b.tail == 0, "the last drop rewinds");
	ipc_batch_clear(&b);
	ipc_pool_free(&p);
}

static void
lists(void)
{
	struct node {
		int	 n;
		struct ipc_list link;
	} a = { .n = 1 }, b = { .n = 2 };
	struct ipc_list x, y;

	ipc_list_init(&x);
	ipc_list_init(&y);
	ipc_list_init(&a.link);
	ipc_list_init(&b.link);
	ok(ipc_list_empty(&x), "a new list is empty");
	ipc_list_append(&x, &a.link);
	ipc_list_append(&x, &b.link);
	ok(ipc_list_entry(x.next, struct node, link)->n == 1 &&
	    ipc_list_entry(x.prev, struct node, link)->n == 2, "in order");
	ipc_list_take_all(&y, &x);
	ok(ipc_list_empty(&x) && y.next == &a.link, "taken over");
	ipc_list_take_all(&y, &x);
	ipc_list_remove(&a.link);
	ipc_list_remove(&a.link);
	ok(y.next == &b.link && y.prev == &b.link, "removed twice");
	ipc_list_remove(&b.link);
	ok(ipc_list_empty(&y), "empty again");
}

int
main(void)
{
	pools();
	batches();
	lists();
	return done();
}
