/*
 * The message path of one direction: source -> steps -> sink.
 *
 *	source: read, find the frames     steps: stages, rx towards the
 *	batch[0] -> step 0 -> batch[1]    application, then tx towards the
 *	... -> batch[n] -> sink           other wire     sink: frame, write
 *
 * A source or a sink is a byte stream with a framing, a transport that keeps
 * boundaries, or a port of the exchange.  With spans (-C alone) there is no
 * framing and no message: what one read gives is one span.
 *
 * The flow lives as long as its direction; batches and chunks only while data
 * is in flight, so an idle connection costs the flow alone.
 */
#ifndef IPC_CORE_FLOW_H
#define IPC_CORE_FLOW_H

#include "base/msg.h"
#include "core/pipeline.h"
#include "stage/stage.h"
#include "wire/framing.h"

#define IPC_SINK_BYTES (64U << 10) /* small frames copied for one writev */
#define IPC_SINK_SMALL 1024	/* payloads up to this are copied */

/* Scratch of a worker: what one writev or sendmmsg is put together in. */
struct ipc_sink_room {
	struct iovec iov[IPC_BATCH * 3];
	uint64_t flen[IPC_BATCH]; /* bytes of each frame */
	uint8_t	head[IPC_BATCH][IPC_FRAME_HEAD];
	uint8_t	tail[IPC_DELIM_MAX];
	uint8_t	buf[IPC_SINK_BYTES];
	uint32_t niov, nmsgs, used;
	uint64_t total;
};

struct ipc_source {
	struct ipc_unframe un;	/* un.f NULL: spans */
	struct ipc_chunk *chunk; /* owned; [head, tail) is not parsed yet */
	uint64_t seq;		/* messages made */
	int	failed;		/* errno of a read; 0 */
	struct ipc_dgram bad;	/* its length is refused, and that is told */
	bool	bad_waits;	/* once what came before is delivered */
	bool	drained;	/* the last read was short: nothing more now */
};

struct ipc_sink {
	const struct ipc_framing *f; /* borrowed; NULL: spans */
	uint64_t sent;		/* bytes of the first frame that are out */
};

struct ipc_filter;

struct ipc_step {
	struct ipc_stage *st;	/* borrowed from the pipeline */
	bool	tx;		/* towards the wire; else back */
	struct ipc_filter *filter; /* owned; exec: the child, once started */
};

struct ipc_flow {
	struct ipc_source in;
	struct ipc_sink out;
	struct ipc_batch *batch; /* owned while in flight: nsteps + 1 */
	uint32_t nsteps;
	bool	linked;		/* stages know that the connection is up */
	bool	dry;		/* the source will give no more */
	bool	again;		/* sendm said EAGAIN, poll(2) that it can */
	struct ipc_step step[];
};

/* A flow for d, from the plan's sides.  NULL: no memory. */
struct ipc_flow *ipc_flow_new(struct ipc_pipeline *pl, struct ipc_dir *d);
void ipc_flow_free(struct ipc_pipeline *pl, struct ipc_flow *f);

/* send -r: end[1] is a new connection.  A message that was sent in part is
 * sent again as a whole; what came in part is forgotten. */
void ipc_flow_relink(struct ipc_pipeline *pl);

/* Fill batch[0], which is empty.  GO: it has messages, or d->src_eof. */
enum ipc_turn ipc_source_fill(struct ipc_pipeline *pl, struct ipc_dir *d);
/* Nothing to do for a while: let go of chunks. */
void ipc_source_rest(struct ipc_pipeline *pl, struct ipc_source *s);

/* Count and tell what the kernel dropped that was sent to e; ask: by a system
 * call, else only what the messages told. */
void ipc_source_lost(struct ipc_pipeline *pl, struct ipc_end *e, bool ask);

/* Write the last batch.  GO: it is empty. */
enum ipc_turn ipc_sink_drain(struct ipc_pipeline *pl, struct ipc_dir *d);

/* Nothing is under way between the source and the sink. */
bool ipc_flow_clear(const struct ipc_flow *f);
/* Something is, and a stage holds it or there is no room for more: wait for
 * the stage. */
enum ipc_turn ipc_flow_wait(struct ipc_pipeline *pl, struct ipc_dir *d);

static inline struct ipc_batch *
ipc_flow_last(const struct ipc_flow *f)
{
	return &f->batch[f->nsteps];
}

/*
 * Message m (NULL: unknown) of d cannot go on (err, IPC_E_DATA).  Counts and
 * reports it by --on-error: GO when the caller is to drop it (may_pass: or to
 * pass it on, *pass), DONE when the pipeline is ended.
 */
enum ipc_turn ipc_flow_bad(struct ipc_pipeline *pl, struct ipc_dir *d,
    const struct ipc_msg *m, struct ipc_error *err, bool *pass);

/* A message of pl is dropped because of err: count it, say so. */
void ipc_flow_drop(struct ipc_pipeline *pl, const struct ipc_error *err);

/* Does a bad message that no stage has seen end the pipeline? */
bool ipc_flow_fatal(const struct ipc_pipeline *pl);

/* --- exchange.c: the port side of a direction --- */
enum ipc_turn ipc_port_fill(struct ipc_pipeline *pl, struct ipc_dir *d,
    struct ipc_batch *b);
enum ipc_turn ipc_port_drain(struct ipc_pipeline *pl, struct ipc_dir *d,
    struct ipc_batch *b);
/* n messages of the port's queue are with the kernel (or were skipped). */
void ipc_port_sent(struct ipc_port *p, uint32_t n);
/* Message id was left out because of err; out: of the port's queue, else of
 * what its peer sent. */
void ipc_port_skipped(struct ipc_port *p, bool out, uint64_t id,
    const struct ipc_error *err);
void ipc_port_ended(struct ipc_port *p);

#endif
