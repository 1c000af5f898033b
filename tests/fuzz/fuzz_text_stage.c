/*
 * Fuzz: the stage text.
 *
 * First byte: which pair of encodings, and the way; second: the limit; the
 * rest is one message.  A failure leaves the message where it was and gives
 * nothing; between two forms of Unicode a result converts back to the same
 * text, and that again to the same result.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "stage/stage.h"

#define CHUNK 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern const struct ipc_stage_ops ipc_stage_text;

static const struct {
	const char *arg;
	bool	exact;		/* all that one side has, the other has too */
} pairs[] = {
	{ "utf-8>utf-16", true }, { "utf-8>utf-16le", true },
	{ "utf-8>utf-16be", true }, { "utf-8>utf-32", true },
	{ "utf-16>utf-32le", true }, { "utf-16le>utf-16be", true },
	{ "utf-8>latin1", true }, { "utf-16>latin1", true },
	{ "latin1>utf-32", true }, { "utf-8>ISO-2022-JP", false },
	{ "utf-8>cp1252", true }, { "utf-8>utf-7", false },
	{ "shift_jis>utf-8", false }, { "utf-32be>ascii", true },
	{ "utf-8>utf-8", true }, { "gb18030>utf-8", false },
};

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
	struct ipc_error err;
	uint32_t before = ipc_batch_count(out);
	int rc;

	must(c != NULL);
	in.head = in.tail = 0;
	if (n > 0)
		memcpy(c->data, p, n);
	ipc_batch_add(&in, c, c->data, (uint32_t)n, IPC_MSGS);
	ipc_chunk_put(c);
	rc = rx ? st->ops->rx(st, &io, &err) : st->ops->tx(st, &io, &err);
	must(rc == 0 || (rc == IPC_E_DATA && err.code == rc));
	must(ipc_batch_count(&in) == (rc != 0));
	must(ipc_batch_count(out) == before + (rc == 0));
	ipc_batch_clear(&in);
	return rc;
}

/*
 * out[0] is what became of it: there, back, and there again.  A mark that
 * came through as a character may be taken for one on the way, once.
 */
static void
check_back(struct ipc_stage *st, bool rx, struct ipc_batch *out)
{
	const struct ipc_msg *m = out->m;
	uint32_t lost;

	st->max = UINT32_MAX / 8;
	must(feed(st, !rx, m[0].data, m[0].len, out) == 0);
	must(feed(st, rx, m[1].data, m[1].len, out) == 0);
	lost = m[0].len - m[2].len;
	must(m[2].len <= m[0].len && lost <= 4);
	must(memcmp(m[2].data, m[0].data + lost, m[2].len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipc_stage st = { .ops = &ipc_stage_text };
	struct ipc_pool pool;
	struct ipc_batch out = { .head = 0, .tail = 0 };
	void *cfg = calloc(1, ipc_stage_text.cfg_size);
	bool rx;
	size_t pair;

	must(cfg != NULL);
	if (size < 2 || size > 1 << 14) {
		free(cfg);
		return 0;
	}
	pair = data[0] % (sizeof(pairs) / sizeof(pairs[0]));
	rx = (data[0] & 0x80) != 0;
	ipc_pool_init(&pool, CHUNK, 2);
	must(ipc_stage_text.arg(cfg, pairs[pair].arg, NULL) == 0);
	st.cfg = cfg;
	st.pool = &pool;
	st.max = data[1] < 0x80 ? data[1] : UINT32_MAX / 8;
	st.state = calloc(1, ipc_stage_text.state_size);
	must(st.state != NULL && ipc_stage_text.create(&st, NULL) == 0);
	if (feed(&st, rx, data + 2, size - 2, &out) == 0) {
		must(out.m[0].len <= st.max);
		if (pairs[pair].exact)
			check_back(&st, rx, &out);
	}
	ipc_batch_clear(&out);
	ipc_stage_text.destroy(&st);
	must(pool.live == 0);
	ipc_pool_free(&pool);
	free(st.state);
	free(cfg);
	return 0;
}
