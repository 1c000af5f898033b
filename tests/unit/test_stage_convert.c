/*
 * The convert stage: both ways, what belongs to a message, packing into
 * chunks, limits, bad input.  The converters have tests of their own.
 */
#include "stages.h"

#define MAX (1U << 20)

struct pair {
	const char *stage;
	const char *app;
	const char *wire;
	size_t	nwire;
};

#define WIRE(s) (s), sizeof(s) - 1

static const struct pair pairs[] = {
	{ "convert:json>cbor", "{\"a\":1}", WIRE("\xbf\x61\x61\x01\xff") },
	{ "convert:json>cbor,canonical", "{\"a\":1}",
	    WIRE("\xa1\x61\x61\x01") },
	{ "convert:json>msgpack", "{\"a\":1}", WIRE("\x81\xa1\x61\x01") },
	{ "convert:json>xml", "[true]", WIRE("<array xmlns=\"http://www.w3."
	    "org/2005/xpath-functions\"><boolean>true</boolean></array>") },
	{ "convert:json>json", "[1,2.50,\"x\"]", WIRE("[1,2.50,\"x\"]") },
	{ "convert:cbor>json", "\x9f\x01\xf5\xff", WIRE("[1,true]") },
	{ "convert:msgpack>json", "\x92\x01\xc3", WIRE("[1,true]") },
	{ "convert:json>cbor", "18446744073709551615",
	    WIRE("\x1b\xff\xff\xff\xff\xff\xff\xff\xff") },
};

static void
both_ways(void)
{
	struct bench b;
	size_t i;

	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		const struct pair *p = &pairs[i];
		struct ipc_msg *m;

		if (!bench_open(&b, p->stage, MAX))
			return;
		m = bench_put(&b, p->app, strlen(p->app));
		m->id = 3;
		m->at = 4;
		m->tag = 5;
		m->flags = IPC_MSG_OPEN | IPC_MSG_FRAMED;
		m->raw_tail = 6;
		ok(bench_tx(&b) == 0, "%s: tx (%s)", p->stage, b.err.what);
		is_u64(ipc_batch_count(&b.in), 0, "%s: consumed", p->stage);
		m = &b.out.m[b.out.head];
		ok(m->id == 3 && m->at == 4 && m->tag == 5 &&
		    m->topic == 0 && m->flags == IPC_MSG_OPEN &&
		    m->raw_tail == 0 && m->hdr_off == IPC_MSG_HDR,
		    "%s: what belongs to it", p->stage);
		bench_is(&b, p->wire, p->nwire, p->stage);
		bench_put(&b, p->wire, p->nwire);
		ok(bench_rx(&b) == 0, "%s: rx (%s)", p->stage, b.err.what);
		bench_is(&b, p->app, strlen(p->app), p->stage);
		bench_close(&b);
	}
}

/* Many small ones in few chunks, and none made once it runs. */
static void
steady(void)
{
	struct bench b;
	struct ipc_io io;
	char text[64];
	uint64_t made = 0;
	int i, round, wrong = 0;

	if (!bench_open(&b, "convert:json>cbor", MAX))
		return;
	for (round = 0; round < 40; round++) {
		if (round == 4)
			made = b.pool.made;
		for (i = 0; i < IPC_BATCH; i++) {
			snprintf(text, sizeof(text), "[%d,\"%d\"]", i, round);
			bench_put(&b, text, strlen(text));
		}
		wrong += bench_tx(&b) != 0;
		wrong += b.out.m[0].chunk != b.out.m[1].chunk;
		bench_turn(&b);
		wrong += bench_rx(&b) != 0;
		for (i = 0; ipc_batch_count(&b.out) > 0; i++) {
			const struct ipc_msg *m = &b.out.m[b.out.head];

			snprintf(text, sizeof(text), "[%d,\"%d\"]", i, round);
			wrong += m->len != strlen(text) ||
			    memcmp(m->data, text, m->len) != 0;
			ipc_batch_drop(&b.out);
		}
		wrong += i != IPC_BATCH;
		ipc_batch_clear(&b.in);
	}
	is_u64((uint64_t)wrong, 0, "40 batches there and back");
	is_u64(b.pool.made, made, "steady state makes no chunk");
	ok(made <= 6, "few chunks: %ju", (uintmax_t)made);
	io = bench_io(&b);
	ok(b.st.ops->flush(&b.st, IPC_FLUSH_IDLE, &io, &b.err) == 0 &&
	    b.pool.live == 0, "an idle stage holds no chunk");
	bench_put(&b, "1", 1);
	ok(bench_tx(&b) == 0, "and goes on");
	bench_is(&b, "\x01", 1, "after a pause");
	bench_close(&b);
}

/* Views that are still out stay as they are while more is written. */
static void
held(void)
{
	static struct ipc_batch kept;
	struct bench b;
	char text[32];
	int i, wrong = 0;

	if (!bench_open(&b, "convert:cbor>json", MAX))
		return;
	for (i = 0; i < IPC_BATCH; i++) {
		snprintf(text, sizeof(text), "[\"%0*d\"]", i % 20 + 1, i);
		bench_put(&b, text, strlen(text));
		/* The way back: json in, cbor out. */
		wrong += bench_rx(&b) != 0;
		bench_turn(&b);
		wrong += bench_tx(&b) != 0;
		ipc_batch_move(&kept, &b.out);
	}
	for (i = 0; i < IPC_BATCH; i++) {
		const struct ipc_msg *m = &kept.m[i];

		snprintf(text, sizeof(text), "[\"%0*d\"]", i % 20 + 1, i);
		wrong += m->len != strlen(text) ||
		    memcmp(m->data, text, m->len) != 0;
	}
	is_u64((uint64_t)wrong, 0, "64 views of shared chunks");
	ipc_batch_clear(&kept);
	bench_close(&b);
}

/* Around the size of a chunk, and far over it. */
static void
sizes(void)
{
	static const uint32_t lens[] = { 0, 1, 23, 24, BENCH_CHUNK - 4,
	    BENCH_CHUNK - 3, BENCH_CHUNK - 2, BENCH_CHUNK - 1, BENCH_CHUNK,
	    BENCH_CHUNK + 1, 65533, 500000 };
	struct bench b;
	size_t i;

	if (!bench_open(&b, "convert:json>cbor", MAX))
		return;
	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		char *text = malloc(lens[i] + 3), name[40];

		if (text == NULL)
			abort();
		snprintf(name, sizeof(name), "%u letters", lens[i]);
		memset(text, 'x', lens[i] + 2);
		text[0] = text[lens[i] + 1] = '"';
		bench_put(&b, "[]", 2);
		bench_put(&b, text, lens[i] + 2);
		ok(bench_tx(&b) == 0, "%s: tx", name);
		bench_turn(&b);
		ok(bench_rx(&b) == 0, "%s: rx", name);
		bench_is(&b, "[]", 2, name);
		bench_is(&b, text, lens[i] + 2, name);
		free(text);
	}
	bench_close(&b);
}

/* What is refused stays the first of `in`; the next one passes. */
static void
refused(const char *stage, uint32_t max, bool rx, const char *data, size_t n,
    const char *what)
{
	struct bench b;
	int rc;

	if (!bench_open(&b, stage, max))
		return;
	bench_put(&b, rx ? "\x01" : "1", 1);
	bench_put(&b, data, n);
	bench_put(&b, rx ? "\x02" : "2", 1);
	rc = rx ? bench_rx(&b) : bench_tx(&b);
	ok(rc == IPC_E_DATA, "%s refuses %s (%d)", stage, what, rc);
	ok(strstr(b.err.what, what) != NULL, "it says: %s", b.err.what);
	is_u64(ipc_batch_count(&b.out), 1, "what came before is done");
	is_u64(ipc_batch_count(&b.in), 2, "it is still there");
	ok(b.in.m[b.in.head].len == n &&
	    memcmp(b.in.m[b.in.head].data, data, n) == 0, "as the first");
	ipc_batch_drop(&b.out);
	ipc_batch_drop(&b.in);
	ok((rx ? bench_rx(&b) : bench_tx(&b)) == 0, "the next one passes");
	bench_is(&b, rx ? "2" : "\x02", 1, "the next one");
	bench_close(&b);
}

static void
bad_input(void)
{
	refused("convert:json>cbor", MAX, false, "{\"a\":", 5, "offset 5");
	refused("convert:json>cbor", MAX, false, "", 0, "offset 0");
	refused("convert:json>cbor", MAX, false, "{\"a\":1,\"a\":2}", 13,
	    "duplicate key");
	refused("convert:json>cbor", MAX, true, "\x9b\xff\xff\xff\xff\xff\xff"
	    "\xff\xff", 9, "offset");
	refused("convert:json>cbor", MAX, true, "\x62\xc3\x28", 3, "offset");
	refused("convert:json>cbor,strict", MAX, true, "\xf9\x7e\x00", 3,
	    "NaN");
	refused("convert:json>cbor,depth=3", MAX, false, "[[[[]]]]", 8, "3");
	refused("convert:json>cbor", 8, true, "\x69" "123456789", 10, "8");
}

/* A full `out` stops it without an error. */
static void
full(void)
{
	struct bench b;
	int i;

	if (!bench_open(&b, "convert:json>msgpack", MAX))
		return;
	for (i = 0; i < IPC_BATCH; i++)
		bench_put(&b, "7", 1);
	for (i = 0; i < 60; i++)
		ipc_batch_add(&b.out, NULL, NULL, 0, IPC_MSGS);
	ok(bench_tx(&b) == 0, "no error");
	is_u64(ipc_batch_count(&b.out), IPC_BATCH, "as many as fit");
	is_u64(ipc_batch_count(&b.in), 60, "the others stay");
	bench_close(&b);
}

int
main(void)
{
	both_ways();
	steady();
	held();
	sizes();
	bad_input();
	full();
	return done();
}
