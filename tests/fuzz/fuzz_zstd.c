/*
 * Fuzz: the stage zstd, as it inflates what a peer sends.
 *
 * First byte: the limit, a power of two; the rest is one message.  A failure
 * leaves the message where it was and gives nothing; a result is within the
 * limit, and compressed again and inflated it is the same.  Without zstd there
 * is nothing to try.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "stage/stage.h"

#define CHUNK 512
#define LIMIT_LOG 20

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern const struct ipc_stage_ops ipc_stage_zstd;

static void
must(bool cond)
{
	if (!cond)
		abort();
}

static int
feed(struct ipc_stage *st, bool rx, const uint8_t *p, size_t n,
    struct ipc_batch *out)
{
	struct ipc_batch in;
	struct ipc_io io = { .in = &in, .out = out };
	struct ipc_chunk *c = ipc_chunk_big((uint32_t)n);
	struct ipc_error err = { 0 };
	uint32_t before = ipc_batch_count(out);
	int rc;

	must(c != NULL);
	in.head = in.tail = 0;
	if (n > 0)
		memcpy(c->data, p, n);
	ipc_batch_add(&in, c, c->data, (uint32_t)n, IPC_MSGS);
	ipc_chunk_put(c);
	rc = rx ? st->ops->rx(st, &io, &err) : st->ops->tx(st, &io, &err);
	must(rc == 0 || (rc == IPC_E_DATA && err.code == rc &&
	    err.what[0] != '\0'));
	must(ipc_batch_count(&in) == (rc != 0));
	must(ipc_batch_count(out) == before + (rc == 0));
	ipc_batch_clear(&in);
	return rc;
}

/* out[0] was inflated: there again and back. */
static void
check_again(struct ipc_stage *st, struct ipc_batch *out)
{
	const struct ipc_msg *m = out->m;
	uint32_t max = st->max;

	must(m[0].len <= max);
	/* What does not get smaller gets a little larger. */
	st->max = UINT32_MAX / 8;
	must(feed(st, false, m[0].data, m[0].len, out) == 0);
	st->max = max;
	must(feed(st, true, m[1].data, m[1].len, out) == 0);
	must(m[2].len == m[0].len &&
	    (m[0].len == 0 || memcmp(m[2].data, m[0].data, m[0].len) == 0));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipc_stage st = { .ops = &ipc_stage_zstd };
	struct ipc_pool pool;
	struct ipc_batch out = { .head = 0, .tail = 0 };
	void *cfg;

	if (size < 1 || size > 1 << 16 || ipc_stage_zstd.rx == NULL)
		return 0;
	cfg = calloc(1, ipc_stage_zstd.cfg_size);
	must(cfg != NULL && ipc_stage_zstd.arg(cfg, "1", NULL) == 0);
	ipc_pool_init(&pool, CHUNK, 2);
	st.cfg = cfg;
	st.pool = &pool;
	st.max = 1U << data[0] % (LIMIT_LOG + 1);
	st.state = calloc(1, ipc_stage_zstd.state_size);
	must(st.state != NULL);
	must(st.ops->create == NULL || st.ops->create(&st, NULL) == 0);
	if (feed(&st, true, data + 1, size - 1, &out) == 0)
		check_again(&st, &out);
	ipc_batch_clear(&out);
	st.ops->destroy(&st);
	must(pool.live == 0);
	ipc_pool_free(&pool);
	free(st.state);
	free(cfg);
	return 0;
}
