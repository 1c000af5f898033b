/*
 * One stage with two batches, for its unit test: make it from the text of -p,
 * feed it messages, look at what comes out.
 */
#ifndef IPC_TESTS_STAGES_H
#define IPC_TESTS_STAGES_H

#include <stdlib.h>

#include "check.h"
#include "stage/pipe.h"

#define BENCH_CHUNK 4096	/* small, so that tests reach its end */

struct bench {
	struct ipc_pipe_spec spec;
	struct ipc_stage st;
	struct ipc_pool pool;
	struct ipc_batch in, out;
	struct ipc_error err;
	uint64_t now_ns;
};

static inline bool
bench_open(struct bench *b, const char *text, uint32_t max)
{
	struct ipc_strings texts = { .v = &text, .n = 1 };
	int rc;

	memset(b, 0, sizeof(*b));
	ipc_pool_init(&b->pool, BENCH_CHUNK, 4);
	rc = ipc_pipe_parse(&b->spec, &texts, &b->err);
	if (rc == 0) {
		b->st.ops = b->spec.stage[0].ops;
		b->st.cfg = b->spec.stage[0].cfg;
		b->st.state = calloc(1, b->st.ops->state_size + 1);
		b->st.pool = &b->pool;
		b->st.max = max;
		if (b->st.state == NULL)
			abort();
		if (b->st.ops->create != NULL)
			rc = b->st.ops->create(&b->st, &b->err);
	}
	return ok(rc == 0, "made: %s (%s)", text, b->err.what);
}

static inline void
bench_close(struct bench *b)
{
	ipc_batch_clear(&b->in);
	ipc_batch_clear(&b->out);
	if (b->st.ops != NULL && b->st.ops->destroy != NULL)
		b->st.ops->destroy(&b->st);
	free(b->st.state);
	ipc_pipe_spec_free(&b->spec);
	is_u64(b->pool.live, 0, "all chunks are back");
	ipc_pool_free(&b->pool);
}

/* A message of its own chunk; the caller may change what it returns. */
static inline struct ipc_msg *
bench_put(struct bench *b, const void *data, size_t len)
{
	struct ipc_chunk *c = ipc_chunk_big((uint32_t)len);
	struct ipc_msg *m;

	if (c == NULL)
		abort();
	if (len > 0)
		memcpy(c->data, data, len);
	c->tail = (uint32_t)len;
	m = ipc_batch_add(&b->in, c, c->data, (uint32_t)len, IPC_MSGS);
	ipc_chunk_put(c);
	return m;
}

static inline struct ipc_io
bench_io(struct bench *b)
{
	return (struct ipc_io){ .in = &b->in, .out = &b->out,
	    .now_ns = b->now_ns };
}

static inline int
bench_tx(struct bench *b)
{
	struct ipc_io io = bench_io(b);

	return b->st.ops->tx(&b->st, &io, &b->err);
}

static inline int
bench_rx(struct bench *b)
{
	struct ipc_io io = bench_io(b);

	return b->st.ops->rx(&b->st, &io, &b->err);
}

/* What came out becomes what goes in. */
static inline void
bench_turn(struct bench *b)
{
	ipc_batch_clear(&b->in);
	while (ipc_batch_count(&b->out) > 0)
		ipc_batch_move(&b->in, &b->out);
}

/* The first message that came out is this one; it is dropped. */
static inline void
bench_is(struct bench *b, const void *data, size_t len, const char *name)
{
	const struct ipc_msg *m = &b->out.m[b->out.head];

	if (!ok(ipc_batch_count(&b->out) > 0, "%s: a message", name))
		return;
	if (!ok(m->len == len && memcmp(m->data, data, len) == 0 &&
	    m->unit == IPC_MSGS, "%s: the message", name)) {
		printf("#  got %u bytes: ", m->len);
		for (uint32_t i = 0; i < m->len && i < 60; i++)
			printf("%02x", m->data[i]);
		printf("\n");
	}
	ipc_batch_drop(&b->out);
}

#endif
