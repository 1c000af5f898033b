/*
 * zstd: each message is one Zstandard frame (RFC 8878) on the wire.
 *
 * State: the contexts, one for each way and made when first used; the chunks
 * that results go into; a buffer for frames that do not say how large they
 * are.
 *
 * A frame from outside is checked before it costs anything: one whole frame
 * and nothing else, its declared size within `max`.  A frame that declares
 * none is inflated piece by piece up to `max`, with a window of at most
 * WINDOW_LEAST or what `max` needs.  No dictionaries.  Built when HAVE_ZSTD
 * is defined; the other half is zstd_missing.c.
 */
#include "stage/stage.h"

#ifdef HAVE_ZSTD

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/units.h"
#include "stage/pack.h"

#define LEVEL_DEFAULT 3
#define LEVEL_MAX 22
#define WINDOW_LEAST 23		/* log2: 8 MiB, what RFC 8878 recommends */
#define WINDOW_MOST 27
#define FIRST 65536		/* first size of the buffer */
#define KEEP (1U << 20)		/* of the buffer and the window, while idle */
#define KEEP_TABLES (16U << 20)	/* of the compressor, while idle */

struct zstd_cfg {
	uint64_t level;
	uint64_t max;		/* after inflating; 0: --max-message */
};

struct zstd {
	ZSTD_CCtx *c;		/* owned */
	ZSTD_DCtx *d;		/* owned */
	struct ipc_pack tx, rx;
	uint8_t	*buf;		/* owned */
	size_t	size;
};

/* --- plan time --- */

static int
zstd_arg(void *cfg, const char *arg, struct ipc_error *err)
{
	struct zstd_cfg *c = cfg;

	c->level = LEVEL_DEFAULT;
	if (arg == NULL)
		return 0;
	if (ipc_parse_u64(arg, &c->level, NULL) != 0 || c->level < 1 ||
	    c->level > LEVEL_MAX)
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "levels go from 1 (fast) to 22 (small)",
		    "\"%.40s\" is not a level of zstd", arg);
	return 0;
}

static const struct ipc_opt zstd_opts[] = {
	{ "max", 0, IPC_OPT_SIZE, 0, "SIZE", offsetof(struct zstd_cfg, max),
	    "1", "1G", NULL, "largest message after decompression", NULL },
	{ .type = IPC_OPT_END },
};

/* A frame may hold any byte, and not all of them say how long they are. */
static const char *
zstd_framing(const void *cfg)
{
	(void)cfg;
	return "len32";
}

/* --- towards the wire --- */

static int
no_memory(struct ipc_error *err)
{
	return ipc_fail(err, IPC_E_NET, ENOMEM, NULL, "no memory for zstd");
}

static int
failed(size_t code, const char *what, struct ipc_error *err)
{
	if (ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation)
		return no_memory(err);
	return ipc_fail(err, IPC_E_DATA, 0, NULL, "%s: %s", what,
	    ZSTD_getErrorName(code));
}

static int
make_compressor(struct zstd *s, const struct zstd_cfg *cfg,
    struct ipc_error *err)
{
	if (s->c != NULL)
		return 0;
	s->c = ZSTD_createCCtx();
	if (s->c == NULL || ZSTD_isError(ZSTD_CCtx_setParameter(s->c,
	    ZSTD_c_compressionLevel, (int)cfg->level)))
		return no_memory(err);
	return 0;
}

static int
deflate_one(struct ipc_stage *st, struct ipc_io *io, struct ipc_error *err)
{
	struct zstd *s = st->state;
	const struct ipc_msg *m = &io->in->m[io->in->head];
	size_t bound = ZSTD_compressBound(m->len), n;
	uint8_t *p;

	if (ZSTD_isError(bound) || bound > UINT32_MAX / 2)
		return ipc_fail(err, IPC_E_DATA, 0, NULL,
		    "too long for zstd: %u bytes", m->len);
	p = ipc_pack_room(&s->tx, st->pool, (uint32_t)bound, err);
	if (p == NULL)
		return IPC_E_NET;
	n = ZSTD_compress2(s->c, p, bound, m->data, m->len);
	if (ZSTD_isError(n))
		return failed(n, "cannot compress", err);
	if (n > st->max)
		return ipc_fail(err, IPC_E_DATA, 0, "raise --max-message",
		    "does not compress: %zu bytes, more than %u", n, st->max);
	ipc_pack_add(&s->tx, st->pool, io, (uint32_t)n);
	return 0;
}

static int
zstd_tx(struct ipc_stage *st, struct ipc_io *io, struct ipc_error *err)
{
	int rc = make_compressor(st->state, st->cfg, err);

	while (rc == 0 && ipc_batch_count(io->in) > 0 &&
	    ipc_batch_room(io->out) > 0)
		rc = deflate_one(st, io, err);
	return rc;
}

/* --- from the wire --- */

static uint32_t
limit(const struct ipc_stage *st)
{
	const struct zstd_cfg *cfg = st->cfg;

	return cfg->max > 0 && cfg->max < st->max ? (uint32_t)cfg->max :
	    st->max;
}

static int
too_large(const struct ipc_stage *st, struct ipc_error *err)
{
	return ipc_fail(err, IPC_E_DATA, 0,
	    "raise --max-message, or max= of zstd",
	    "inflates to more than %u bytes", limit(st));
}

static int
make_decompressor(const struct ipc_stage *st, struct ipc_error *err)
{
	struct zstd *s = st->state;
	int window = WINDOW_LEAST;

	if (s->d != NULL)
		return 0;
	while (window < WINDOW_MOST && 1U << window < limit(st))
		window++;
	s->d = ZSTD_createDCtx();
	if (s->d == NULL || ZSTD_isError(ZSTD_DCtx_setParameter(s->d,
	    ZSTD_d_windowLogMax, window)))
		return no_memory(err);
	return 0;
}

/* Exactly one frame? */
static int
check_frame(const struct ipc_msg *m, struct ipc_error *err)
{
	static const uint8_t magic[] = { 0x28, 0xB5, 0x2F, 0xFD };
	size_t n;

	if (m->len < sizeof(magic) || memcmp(m->data, magic,
	    sizeof(magic)) != 0)
		return ipc_fail(err, IPC_E_DATA, 0, NULL,
		    "not a zstd frame");
	n = ZSTD_findFrameCompressedSize(m->data, m->len);
	if (ZSTD_isError(n))
		return failed(n, "not a whole zstd frame", err);
	if (n != m->len)
		return ipc_fail(err, IPC_E_DATA, 0, NULL,
		    "more than one zstd frame: the first ends at offset %zu",
		    n);
	return 0;
}

/* The frame says that it holds n bytes. */
static int
inflate_known(struct ipc_stage *st, struct ipc_io *io, uint32_t n,
    struct ipc_error *err)
{
	struct zstd *s = st->state;
	const struct ipc_msg *m = &io->in->m[io->in->head];
	uint8_t *p = ipc_pack_room(&s->rx, st->pool, n, err);
	size_t got;

	if (p == NULL)
		return IPC_E_NET;
	got = ZSTD_decompressDCtx(s->d, p, n, m->data, m->len);
	if (ZSTD_isError(got))
		return failed(got, "damaged zstd frame", err);
	if (got != n)
		return ipc_fail(err, IPC_E_DATA, 0, NULL,
		    "damaged zstd frame: %zu bytes instead of %u", got, n);
	ipc_pack_add(&s->rx, st->pool, io, n);
	return 0;
}

/* Double the buffer, up to one byte over the limit. */
static int
grow(struct zstd *s, size_t most, struct ipc_error *err)
{
	size_t size = s->size == 0 ? FIRST : s->size * 2;
	uint8_t *buf;

	if (size > most)
		size = most;
	buf = realloc(s->buf, size);
	if (buf == NULL)
		return no_memory(err);
	s->size = size;
	s->buf = buf;
	return 0;
}

/*
 * The frame does not say how much it holds.  One byte more than the limit is
 * room enough to see that it is exceeded.
 */
static int
inflate_unknown(struct ipc_stage *st, struct ipc_io *io,
    struct ipc_error *err)
{
	struct zstd *s = st->state;
	const struct ipc_msg *m = &io->in->m[io->in->head];
	ZSTD_inBuffer in = { m->data, m->len, 0 };
	ZSTD_outBuffer out = { s->buf, s->size, 0 };
	size_t most = (size_t)limit(st) + 1, rc = 1;
	uint8_t *p;

	ZSTD_DCtx_reset(s->d, ZSTD_reset_session_only);
	while (rc != 0) {
		size_t before = in.pos + out.pos;

		if (out.pos == out.size && grow(s, most, err) != 0)
			return IPC_E_NET;
		out.dst = s->buf;
		out.size = s->size;
		rc = ZSTD_decompressStream(s->d, &out, &in);
		if (ZSTD_isError(rc))
			return failed(rc, "damaged zstd frame", err);
		if (out.pos == most)
			return too_large(st, err);
		if (rc != 0 && in.pos + out.pos == before)
			return ipc_fail(err, IPC_E_DATA, 0, NULL,
			    "damaged zstd frame: it does not end");
	}
	p = ipc_pack_room(&s->rx, st->pool, (uint32_t)out.pos, err);
	if (p == NULL)
		return IPC_E_NET;
	if (out.pos > 0)
		memcpy(p, s->buf, out.pos);
	ipc_pack_add(&s->rx, st->pool, io, (uint32_t)out.pos);
	return 0;
}

static int
inflate_one(struct ipc_stage *st, struct ipc_io *io, struct ipc_error *err)
{
	const struct ipc_msg *m = &io->in->m[io->in->head];
	unsigned long long n;
	int rc = check_frame(m, err);

	if (rc != 0)
		return rc;
	n = ZSTD_getFrameContentSize(m->data, m->len);
	if (n == ZSTD_CONTENTSIZE_ERROR)
		return ipc_fail(err, IPC_E_DATA, 0, NULL,
		    "damaged zstd frame: bad header");
	if (n == ZSTD_CONTENTSIZE_UNKNOWN)
		return inflate_unknown(st, io, err);
	if (n > limit(st))
		return too_large(st, err);
	return inflate_known(st, io, (uint32_t)n, err);
}

static int
zstd_rx(struct ipc_stage *st, struct ipc_io *io, struct ipc_error *err)
{
	int rc = make_decompressor(st, err);

	while (rc == 0 && ipc_batch_count(io->in) > 0 &&
	    ipc_batch_room(io->out) > 0)
		rc = inflate_one(st, io, err);
	return rc;
}

/* --- life --- */

static void
free_buffer(struct zstd *s)
{
	free(s->buf);
	s->buf = NULL;
	s->size = 0;
}

/* Nothing is ever held back; but an idle stage needs little memory. */
static int
zstd_flush(struct ipc_stage *st, enum ipc_flush why, struct ipc_io *io,
    struct ipc_error *err)
{
	struct zstd *s = st->state;

	(void)why;
	(void)io;
	(void)err;
	ipc_pack_release(&s->tx);
	ipc_pack_release(&s->rx);
	if (s->size > KEEP)
		free_buffer(s);
	if (ZSTD_sizeof_DCtx(s->d) > KEEP) {
		ZSTD_freeDCtx(s->d);
		s->d = NULL;
	}
	if (ZSTD_sizeof_CCtx(s->c) > KEEP_TABLES) {
		ZSTD_freeCCtx(s->c);
		s->c = NULL;
	}
	return 0;
}

static void
zstd_destroy(struct ipc_stage *st)
{
	struct zstd *s = st->state;

	if (s == NULL)
		return;
	ZSTD_freeCCtx(s->c);
	ZSTD_freeDCtx(s->d);
	s->c = NULL;
	s->d = NULL;
	ipc_pack_release(&s->tx);
	ipc_pack_release(&s->rx);
	free_buffer(s);
}

const struct ipc_stage_ops ipc_stage_zstd = {
	.name = "zstd",
	.summary = "compress each message",
	.syntax = "zstd[:LEVEL][,max=SIZE]",
	.opts = zstd_opts,
	.cfg_size = sizeof(struct zstd_cfg),
	.arg = zstd_arg,
	.framing = zstd_framing,
	.state_size = sizeof(struct zstd),
	.rank = IPC_RANK_COMPRESS,
	.app_unit = IPC_MSGS,
	.wire_unit = IPC_MSGS,
	.tx = zstd_tx,
	.rx = zstd_rx,
	.flush = zstd_flush,
	.destroy = zstd_destroy,
};

#endif
