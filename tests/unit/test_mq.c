/*
 * mq: the ring as it grows and wraps, what is copied and what is shared, and
 * that nothing is allocated once it is as large as it needs to be.
 */
#include "core/exchange.h"

#include "check.h"

static struct ipc_pool pool;

/* A message with this text, and its topic before it if there is one. */
static struct ipc_msg
message(const char *topic, const char *text, uint64_t id)
{
	struct ipc_chunk *c = ipc_chunk_get(&pool);
	size_t n = strlen(topic), len = strlen(text);
	struct ipc_msg m = { .chunk = c, .unit = IPC_MSGS, .id = id,
		.hdr_off = IPC_MSG_HDR, .tag = id * 3, .at = id + 7,
		.topic = (uint16_t)n };

	memcpy(c->data, topic, n);
	if (n > 0)
		c->data[n++] = ' ';
	memcpy(c->data + n, text, len);
	m.data = c->data + n;
	m.len = (uint32_t)len;
	return m;
}

static bool
add(struct ipc_mq *q, const char *text, uint64_t id)
{
	struct ipc_msg m = message("", text, id);
	bool ok = ipc_mq_add(q, &m);

	ipc_chunk_put(m.chunk);
	return ok;
}

static bool
is(const struct ipc_qmsg *e, const char *text, uint64_t id)
{
	return e->len == strlen(text) &&
	    memcmp(e->data, text, e->len) == 0 && e->id == id &&
	    e->tag == id * 3 && e->at == id + 7;
}

/* In and out, at every place of the ring, while it grows. */
static void
test_order(void)
{
	struct ipc_mq q = { 0 };
	char text[32];
	uint64_t in = 0, out = 0, wrong = 0;

	for (int round = 0; round < 300; round++) {
		for (int i = 0; i < 7; i++) {
			snprintf(text, sizeof(text), "message %d", (int)in);
			wrong += !add(&q, text, in++);
		}
		for (int i = 0; i < 5; i++, out++) {
			snprintf(text, sizeof(text), "message %d", (int)out);
			wrong += !is(ipc_mq_at(&q, 0), text, out);
			ipc_mq_drop(&q);
		}
	}
	is_u64(wrong, 0, "first in, first out");
	is_u64(q.n, 600, "600 wait");
	snprintf(text, sizeof(text), "message %d", (int)out + 599);
	ok(is(ipc_mq_at(&q, 599), text, out + 599), "the last of them");
	ok((q.cap & (q.cap - 1)) == 0 && q.cap >= 600, "a power of two");
	ipc_mq_free(&q);
	ok(q.n == 0 && q.bytes == 0 && q.v == NULL, "freed: empty again");
	is_u64(pool.live, 0, "no chunk is held");
}

/* A small message does not pin the chunk that it was read into. */
static void
test_packing(void)
{
	struct ipc_mq q = { 0 };
	struct ipc_msg m = message("a.b", "payload", 4);
	struct ipc_chunk *pack;

	ok(ipc_mq_add(&q, &m), "a small one");
	m.data[0] = '!';
	ipc_chunk_put(m.chunk);
	is_u64(pool.live, 0, "its chunk is free");
	ok(is(ipc_mq_at(&q, 0), "payload", 4) && ipc_mq_at(&q, 0)->topic == 3 &&
	    memcmp(ipc_mq_at(&q, 0)->data - 4, "a.b ", 4) == 0,
	    "copied, with its topic");
	is_u64(q.bytes, 7, "bytes are those of the payload");
	pack = q.pack;
	for (uint64_t i = 0; i < 10000; i++) {
		if (!add(&q, "0123456789012345678901234567890", i))
			break;
		ipc_mq_drop(&q);
	}
	ipc_mq_drop(&q);
	is_u64(q.bytes, 0, "none left");
	for (uint64_t i = 0; i < 10000; i++) {
		add(&q, "0123456789012345678901234567890", i);
		ipc_mq_drop(&q);
		pack = i == 0 ? q.pack : pack;
	}
	ok(q.pack == pack && q.cap == 16,
	    "emptied as fast as it fills: nothing is allocated");
	ipc_mq_free(&q);
}

static void
test_large(void)
{
	static char big[9000];
	struct ipc_mq q = { 0 }, r = { 0 };
	struct ipc_msg m;

	memset(big, 'b', sizeof(big) - 1);
	m = message("", big, 5);
	m.flags = IPC_MSG_FRAMED | IPC_MSG_OPEN;
	m.raw_head = 4;
	m.raw_tail = 2;
	ok(ipc_mq_add(&q, &m) && ipc_mq_at(&q, 0)->data == m.data &&
	    m.chunk->refs == 2, "a large one is not copied");
	ok(ipc_mq_at(&q, 0)->raw_head == 4 && ipc_mq_at(&q, 0)->raw_tail == 2,
	    "its frame is still around it");
	ok(ipc_mq_share(&r, ipc_mq_at(&q, 0)) && m.chunk->refs == 3 &&
	    is(ipc_mq_at(&r, 0), big, 5) && r.bytes == sizeof(big) - 1,
	    "shared with another queue");
	ipc_chunk_put(m.chunk);
	ipc_mq_free(&q);
	ok(is(ipc_mq_at(&r, 0), big, 5), "which keeps it");
	ipc_mq_free(&r);
	is_u64(pool.live, 0, "to its end");
	m = message("", "small", 6);
	m.flags = IPC_MSG_FRAMED | IPC_MSG_OPEN;
	ok(ipc_mq_add(&q, &m) && ipc_mq_at(&q, 0)->flags == IPC_MSG_OPEN,
	    "a copy has no frame around it any more");
	ok(ipc_mq_share(&r, ipc_mq_at(&q, 0)), "shared");
	ipc_chunk_put(m.chunk);
	ipc_mq_free(&q);
	ok(is(ipc_mq_at(&r, 0), "small", 6), "a copy outlives its queue");
	ipc_mq_free(&r);
}

int
main(void)
{
	ipc_pool_init(&pool, 16384, 2);
	test_order();
	test_packing();
	test_large();
	ipc_pool_free(&pool);
	return done();
}
