/*
 * The byte path: one read into a pooled 256 KiB chunk, one write out of it.
 *
 * The chunk is held only while bytes are in flight, so an idle connection
 * costs none and the same hot chunk serves all.  What has to wait for a slow
 * destination moves to a small chunk when it fits.  A short read means the
 * source is drained for now and a short write that the destination is full:
 * neither is asked again before the kernel says so (the events are level-
 * triggered, so nothing is missed), which makes a small message cost exactly
 * one read and one write.
 *
 * After two full reads in a row the direction is promoted to splice, when
 * the plan and both descriptors allow it.
 */
#include "core/pipeline.h"

#include <errno.h>
#include <unistd.h>

#include "base/log.h"
#include "base/msg.h"
#include "core/plan.h"
#include "core/tap.h"
#include "core/worker.h"

#define TURN_MOVES 8		/* reads in one turn: at most 2 MiB */
#define PROMOTE_BYTES (64U << 10) /* a read this large counts as full */
#define PROMOTE_READS 2

static void
chunk_release(struct ipc_dir *d)
{
	if (d->chunk != NULL && d->chunk->head == d->chunk->tail) {
		ipc_chunk_put(d->chunk);
		d->chunk = NULL;
	}
}

static bool
may_splice(const struct ipc_pipeline *pl, const struct ipc_dir *d)
{
	const struct ipc_conn *s = &d->src->conn, *t = &d->dst->conn;

	return pl->w->plan->path == IPC_PATH_SPLICE && !d->nosplice &&
	    !d->discard && s->rpoll < 0 &&
	    (s->tr->caps & t->tr->caps & IPC_CAP_SPLICE) != 0 &&
	    ((s->flags | t->flags) & IPC_CONN_NOSPLICE) == 0;
}

/* Write what the chunk holds.  GO: all written. */
static enum ipc_turn
drain(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	struct ipc_chunk *c = d->chunk;

	while (c->head < c->tail) {
		size_t left = c->tail - c->head;
		ssize_t n;

		if (d->discard) {
			ipc_dir_dropped(pl, d, left);
			c->head = c->tail;
			break;
		}
		n = ipc_end_write(d->dst, c->data + c->head, left);
		if (n < 0 && errno != EAGAIN)
			return ipc_dir_dst_error(pl, d, errno);
		if (n > 0) {
			c->head += (uint32_t)n;
			ipc_dir_wrote(pl, d, (size_t)n, false);
		}
		if (n <= 0 || (size_t)n < left) {
			enum ipc_turn t = ipc_dir_wait_dst(pl, d);

			if (t != IPC_TURN_MORE) {
				d->chunk = ipc_worker_shrink(pl->w, c);
				return t;
			}
		}
	}
	c->head = c->tail = 0;
	return IPC_TURN_GO;
}

/* What a demoted splice left in its pipe comes first. */
static enum ipc_turn
fill_from_pipe(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	ssize_t n = read(d->pipe->rfd, d->chunk->data, d->chunk->size);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return IPC_TURN_MORE;
	if (n <= 0)
		return ipc_dir_src_error(pl, d, n < 0 ? errno : EIO);
	d->chunk->tail = (uint32_t)n;
	d->pipe->held -= (uint32_t)n;
	if (d->pipe->held == 0) {
		ipc_pipe_put(pl->w, d->pipe);
		d->pipe = NULL;
	}
	return IPC_TURN_GO;
}

/* Fill the empty chunk.  GO: bytes are in it, or src_eof. */
static enum ipc_turn
fill(struct ipc_pipeline *pl, struct ipc_dir *d, bool *drained)
{
	struct ipc_chunk *c = d->chunk;
	size_t want;
	ssize_t n;

	if (c == NULL)
		c = d->chunk = ipc_worker_chunk(pl->w);
	if (c == NULL)
		return ipc_dir_src_error(pl, d, ENOMEM);
	if (d->pipe != NULL)
		return fill_from_pipe(pl, d);
	want = ipc_dir_allowance(pl, d, c->size);
	if (want == 0)
		return IPC_TURN_RATE;
	n = ipc_end_read(d->src, c->data, want);
	if (n < 0)
		return errno == EAGAIN ? ipc_dir_wait_src(pl, d) :
		    ipc_dir_src_error(pl, d, errno);
	if (n == 0) {
		d->src_eof = true;
		return IPC_TURN_GO;
	}
	c->tail = (uint32_t)n;
	ipc_dir_read(pl, d, (size_t)n);
	if (pl->w->plan->taps)
		ipc_tap_bytes(pl, d, c->data, (size_t)n);
	d->full = (size_t)n >= PROMOTE_BYTES || (size_t)n == c->size ?
	    (uint8_t)(d->full + 1) : 0;
	*drained = (size_t)n < want && !d->src->rd_always;
	return IPC_TURN_GO;
}

static uint64_t
bytes_held(const struct ipc_dir *d)
{
	uint64_t n = d->pipe == NULL ? 0 : d->pipe->held;

	return n + (d->chunk == NULL ? 0 : d->chunk->tail - d->chunk->head);
}

static enum ipc_turn
bytes_turn(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	enum ipc_turn t;

	for (int i = 0; i < TURN_MOVES; i++) {
		bool drained = false;

		if (d->chunk != NULL && d->chunk->head < d->chunk->tail) {
			t = drain(pl, d);
			if (t != IPC_TURN_GO)
				return t;
			chunk_release(d);	/* it may be a small one */
		}
		if (d->src_eof && d->pipe == NULL) {
			chunk_release(d);
			return ipc_dir_finish(pl, d);
		}
		if (d->full >= PROMOTE_READS && may_splice(pl, d) &&
		    (d->pipe = ipc_pipe_get(pl->w)) != NULL) {
			chunk_release(d);
			d->pump = &ipc_pump_splice;
			ipc_log(IPC_LOG_DEBUG, NULL, "connection %u, "
			    "direction %u: on splice", pl->id, d->index);
			return IPC_TURN_SWITCH;
		}
		t = fill(pl, d, &drained);
		if (t == IPC_TURN_GO && bytes_held(d) > 0) {
			t = drain(pl, d);
			if (t == IPC_TURN_GO && drained)
				t = ipc_dir_wait_src(pl, d);
		}
		if (t == IPC_TURN_WAIT || t == IPC_TURN_RATE)
			chunk_release(d);
		if (t != IPC_TURN_GO)
			return t;
	}
	return IPC_TURN_MORE;
}

static void
bytes_stop(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	if (d->chunk != NULL)
		ipc_chunk_put(d->chunk);
	d->chunk = NULL;
	ipc_pump_splice.stop(pl, d);
}

const struct ipc_pump_ops ipc_pump_bytes = {
	.name = "bytes",
	.turn = bytes_turn,
	.held = bytes_held,
	.stop = bytes_stop,
};
