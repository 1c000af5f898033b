/*
 * The splice path: the kernel moves the bytes through a pipe.
 *
 * splice(2) answers EAGAIN both for an empty source and for a pipe without a
 * free slot, and a pipe has slots, not bytes.  The rule that removes the
 * doubt: with bytes in the pipe wait only for the destination; with an empty
 * pipe wait only for the source.  The pipe goes back to the worker's pool
 * whenever it is empty and the source has nothing.
 *
 * Demoted to the byte path when moves are small (interactive traffic pays
 * two system calls more for nothing) or when the kernel refuses the pair of
 * descriptors (EINVAL).  Never looks at a byte.
 */
#include "core/pipeline.h"

#include <errno.h>
#include <fcntl.h>

#include "core/worker.h"

#define TURN_MOVES 8
#define SAMPLE_MOVES 16
#define DEMOTE_BYTES 4096	/* a sample with a smaller average demotes */

static void
pipe_release(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	if (d->pipe != NULL && d->pipe->held == 0) {
		ipc_pipe_put(pl->w, d->pipe);
		d->pipe = NULL;
	}
}

static enum ipc_turn
demote(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	pipe_release(pl, d);
	d->full = 0;
	d->moves = 0;
	d->small = 0;
	d->pump = &ipc_pump_bytes;
	return IPC_TURN_SWITCH;
}

static ssize_t
move(int from, int to, size_t len)
{
	ssize_t n;

	do {
		n = splice(from, NULL, to, NULL, len,
		    SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	} while (n < 0 && errno == EINTR);
	return n;
}

/* The destination cannot be spliced to: the byte path reads what the pipe
 * still holds before it reads the source. */
static enum ipc_turn
rescue(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	d->nosplice = true;
	return demote(pl, d);
}

/* Empty the pipe.  GO: it is empty. */
static enum ipc_turn
drain(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	while (d->pipe->held > 0) {
		size_t left = d->pipe->held;
		ssize_t n = move(d->pipe->rfd, d->dst->conn.wfd, left);

		if (n < 0 && errno == EINVAL)
			return rescue(pl, d);
		if (n < 0 && errno != EAGAIN)
			return ipc_dir_dst_error(pl, d, errno);
		if (n > 0) {
			d->pipe->held -= (uint32_t)n;
			ipc_dir_wrote(pl, d, (size_t)n, true);
		}
		/* A short splice into a socket may only have met the end of
		 * a pipe slot: only EAGAIN is a full destination. */
		if (n <= 0) {
			enum ipc_turn t = ipc_dir_wait_dst(pl, d);

			if (t != IPC_TURN_MORE)
				return t;
		}
	}
	return IPC_TURN_GO;
}

/* True when the last moves were too small to be worth a pipe. */
static bool
small_moves(struct ipc_dir *d, size_t n)
{
	bool small = false;

	d->small += n;
	if (++d->moves == SAMPLE_MOVES) {
		small = d->small < (uint64_t)SAMPLE_MOVES * DEMOTE_BYTES;
		d->moves = 0;
		d->small = 0;
	}
	return small;
}

static enum ipc_turn
fill(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	size_t want = ipc_dir_allowance(pl, d, d->pipe->size);
	ssize_t n;

	if (want == 0)
		return IPC_TURN_RATE;
	n = move(d->src->conn.rfd, d->pipe->wfd, want);
	if (n == 0) {
		d->src_eof = true;
		return IPC_TURN_GO;
	}
	if (n < 0 && errno == EAGAIN)
		return ipc_dir_wait_src(pl, d);
	if (n < 0 && errno == EINVAL) {
		d->nosplice = true;
		return demote(pl, d);
	}
	if (n < 0)
		return ipc_dir_src_error(pl, d, errno);
	d->pipe->held = (uint32_t)n;
	ipc_dir_read(pl, d, (size_t)n);
	return IPC_TURN_GO;
}

static enum ipc_turn
splice_turn(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	enum ipc_turn t;

	if (d->pipe == NULL && (d->pipe = ipc_pipe_get(pl->w)) == NULL)
		return demote(pl, d);
	for (int i = 0; i < TURN_MOVES; i++) {
		uint32_t got;

		t = drain(pl, d);
		if (t != IPC_TURN_GO)
			return t;
		if (d->src_eof) {
			pipe_release(pl, d);
			return ipc_dir_finish(pl, d);
		}
		t = fill(pl, d);
		if (t == IPC_TURN_WAIT || t == IPC_TURN_RATE)
			pipe_release(pl, d);
		if (t != IPC_TURN_GO)
			return t;
		got = d->pipe->held;
		if (!d->src_eof && small_moves(d, got))
			return demote(pl, d);
	}
	return IPC_TURN_MORE;
}

static uint64_t
splice_held(const struct ipc_dir *d)
{
	return d->pipe == NULL ? 0 : d->pipe->held;
}

static void
splice_stop(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	if (d->pipe != NULL)
		ipc_pipe_put(pl->w, d->pipe);
	d->pipe = NULL;
}

const struct ipc_pump_ops ipc_pump_splice = {
	.name = "splice",
	.turn = splice_turn,
	.held = splice_held,
	.stop = splice_stop,
};
