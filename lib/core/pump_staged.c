/*
 * The staged path: spans or messages pass through the plan's stages in
 * batches of views.
 *
 *	source -> batch[0] -> stage -> batch[1] -> ... -> batch[n] -> dst
 *
 * Runs from the destination backwards: first room is made, then it is filled.
 * A stage consumes what fits, so a full batch stops everything behind it and
 * at last the reading of the source: back-pressure needs no other mechanism.
 * The batches are allocated while data is in flight only.
 */
#include "core/pipeline.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "base/clock.h"
#include "base/msg.h"
#include "core/plan.h"
#include "core/tap.h"
#include "core/worker.h"

#define TURN_MOVES 16

struct ipc_staged {
	uint32_t n;		/* batches */
	struct ipc_batch batch[];
};

static struct ipc_batch *
last_batch(const struct ipc_pipeline *pl, const struct ipc_dir *d)
{
	return &d->staged->batch[pl->w->plan->nstages];
}

/* Stage i of the plan counts from the application; which stage stands after
 * batch i depends on the way the data goes. */
static struct ipc_stage *
stage_after(struct ipc_pipeline *pl, const struct ipc_dir *d, uint32_t i,
    bool *tx)
{
	const struct ipc_plan *plan = pl->w->plan;

	*tx = plan->swapped == (d->index == 0);
	return &pl->stages[*tx ? i : plan->nstages - 1 - i];
}

static int
run_stage(struct ipc_pipeline *pl, struct ipc_dir *d, uint32_t i, bool eof,
    struct ipc_error *err)
{
	bool tx;
	struct ipc_stage *st = stage_after(pl, d, i, &tx);
	struct ipc_io io = {
		.in = &d->staged->batch[i],
		.out = &d->staged->batch[i + 1],
		.now_ns = ipc_now(),
	};
	int (*fn)(struct ipc_stage *, struct ipc_io *, struct ipc_error *) =
	    tx ? st->ops->tx : st->ops->rx;

	if (fn == NULL) {
		while (ipc_batch_count(io.in) > 0 && ipc_batch_room(io.out) > 0)
			ipc_batch_move(io.out, io.in);
	} else if (fn(st, &io, err) < 0) {
		return -1;
	}
	if (eof && tx && ipc_batch_count(io.in) == 0 && st->ops->flush != NULL)
		return st->ops->flush(st, IPC_FLUSH_EOF, &io, err);
	return 0;
}

/* Write the last batch.  GO: it is empty. */
static enum ipc_turn
drain(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	struct ipc_batch *b = last_batch(pl, d);

	while (ipc_batch_count(b) > 0) {
		struct ipc_msg *m = &b->m[b->head];
		ssize_t n = ipc_end_write(d->dst, m->data, m->len);

		if (n < 0 && errno != EAGAIN)
			return ipc_dir_dst_error(pl, d, errno);
		if (n > 0) {
			m->data += n;
			m->len -= (uint32_t)n;
			ipc_dir_wrote(pl, d, (size_t)n, false);
		}
		if (m->len == 0) {
			ipc_batch_drop(b);
			continue;
		}
		if (ipc_dir_wait_dst(pl, d) == IPC_TURN_WAIT)
			return IPC_TURN_WAIT;
	}
	return IPC_TURN_GO;
}

/* One read becomes one span.  GO: batch[0] has it, or src_eof. */
static enum ipc_turn
fill(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	struct ipc_chunk *c = ipc_chunk_get(&pl->w->chunks);
	enum ipc_turn t = IPC_TURN_GO;
	size_t want;
	ssize_t n;

	if (c == NULL)
		return ipc_dir_src_error(pl, d, ENOMEM);
	want = ipc_dir_allowance(pl, d, c->size);
	n = want == 0 ? 0 : ipc_end_read(d->src, c->data, want);
	if (want == 0) {
		t = IPC_TURN_RATE;
	} else if (n < 0) {
		t = errno == EAGAIN ? ipc_dir_wait_src(pl, d) :
		    ipc_dir_src_error(pl, d, errno);
	} else if (n == 0) {
		d->src_eof = true;
	} else {
		ipc_dir_read(pl, d, (size_t)n);
		if (pl->w->plan->taps)
			ipc_tap_bytes(pl, d, c->data, (size_t)n);
		ipc_batch_add(&d->staged->batch[0], c, c->data, (uint32_t)n,
		    IPC_BYTES);
	}
	ipc_chunk_put(c);
	return t;
}

static bool
empty(const struct ipc_pipeline *pl, const struct ipc_dir *d)
{
	for (uint32_t i = 0; i <= pl->w->plan->nstages; i++)
		if (ipc_batch_count(&d->staged->batch[i]) > 0)
			return false;
	return true;
}

static void
staged_stop(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	for (uint32_t i = 0; d->staged != NULL && i <= pl->w->plan->nstages;
	    i++)
		ipc_batch_clear(&d->staged->batch[i]);
	free(d->staged);
	d->staged = NULL;
}

static bool
staged_start(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	size_t n = pl->w->plan->nstages + 1;

	if (d->staged == NULL)
		d->staged = calloc(1, sizeof(*d->staged) +
		    n * sizeof(struct ipc_batch));
	if (d->staged == NULL)
		return false;
	d->staged->n = (uint32_t)n;
	return true;
}

static enum ipc_turn
staged_turn(struct ipc_pipeline *pl, struct ipc_dir *d)
{
	const struct ipc_plan *plan = pl->w->plan;
	struct ipc_error err = { 0 };

	if (!staged_start(pl, d))
		return ipc_dir_src_error(pl, d, ENOMEM);
	for (int i = 0; i < TURN_MOVES; i++) {
		enum ipc_turn t = drain(pl, d);

		if (t != IPC_TURN_GO)
			return t;
		for (uint32_t k = plan->nstages; k-- > 0;)
			if (run_stage(pl, d, k, d->src_eof, &err) < 0) {
				ipc_pipeline_abort(pl, &err);
				return IPC_TURN_DONE;
			}
		if (ipc_batch_count(&d->staged->batch[0]) > 0)
			continue;
		if (d->src_eof && empty(pl, d))
			return ipc_dir_finish(pl, d);
		if (d->src_eof)
			continue;
		if (ipc_batch_count(last_batch(pl, d)) > 0)
			continue;
		t = fill(pl, d);
		if (t == IPC_TURN_WAIT && empty(pl, d))
			staged_stop(pl, d);
		if (t != IPC_TURN_GO)
			return t;
	}
	return IPC_TURN_MORE;
}

static uint64_t
staged_held(const struct ipc_dir *d)
{
	uint64_t n = 0;
	const struct ipc_batch *b;

	if (d->staged == NULL)
		return 0;
	for (uint32_t i = 0; i < d->staged->n; i++) {
		b = &d->staged->batch[i];
		for (uint32_t k = b->head; k < b->tail; k++)
			n += b->m[k].len;
	}
	return n;
}

const struct ipc_pump_ops ipc_pump_staged = {
	.name = "staged",
	.turn = staged_turn,
	.held = staged_held,
	.stop = staged_stop,
};
