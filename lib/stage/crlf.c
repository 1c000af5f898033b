/*
 * crlf (-C): LF becomes CR LF on the way to the wire; a CR LF that is there
 * already stays one.  The way back passes unchanged, as in nc and ncat.
 *
 * State: whether the last byte of the stream so far was a CR.  A span
 * without a bare LF is passed on as it is; others are copied once.
 */
#include <errno.h>
#include <string.h>

#include "stage/stage.h"

struct crlf {
	bool	cr;		/* the last byte passed on was CR */
};

static bool
has_bare_lf(const struct ipc_msg *m, bool cr)
{
	const uint8_t *p = m->data, *end = p + m->len, *lf;

	while (p < end && (lf = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		if (!(lf > m->data ? lf[-1] == '\r' : cr))
			return true;
		p = lf + 1;
	}
	return false;
}

/* Copy from the first message of `in` until it or the chunk is used up. */
static void
expand(struct crlf *s, struct ipc_msg *m, struct ipc_chunk *c)
{
	uint8_t *out = c->data + c->tail, *top = c->data + c->size;

	while (m->len > 0 && top - out >= 2) {
		uint8_t b = *m->data++;

		m->len--;
		if (b == '\n' && !s->cr)
			*out++ = '\r';
		*out++ = b;
		s->cr = b == '\r';
	}
	c->tail = (uint32_t)(out - c->data);
}

static int
crlf_tx(struct ipc_stage *st, struct ipc_io *io, struct ipc_error *err)
{
	struct crlf *s = st->state;

	while (ipc_batch_count(io->in) > 0 && ipc_batch_room(io->out) > 0) {
		struct ipc_msg *m = &io->in->m[io->in->head];
		struct ipc_chunk *c;

		if (!has_bare_lf(m, s->cr)) {
			if (m->len > 0)
				s->cr = m->data[m->len - 1] == '\r';
			ipc_batch_move(io->out, io->in);
			continue;
		}
		c = ipc_chunk_get(st->pool);
		if (c == NULL)
			return ipc_fail(err, IPC_E_NET, ENOMEM, NULL,
			    "no memory for -C");
		expand(s, m, c);
		ipc_batch_add(io->out, c, c->data, c->tail, m->unit);
		ipc_chunk_put(c);
		if (m->len == 0)
			ipc_batch_drop(io->in);
	}
	return 0;
}

const struct ipc_stage_ops ipc_stage_crlf = {
	.name = "crlf",
	.summary = "LF becomes CR LF towards the wire (-C)",
	.state_size = sizeof(struct crlf),
	.rank = IPC_RANK_FILTER,
	.app_unit = IPC_BYTES,
	.wire_unit = IPC_BYTES,
	.tx = crlf_tx,
};
