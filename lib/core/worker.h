/*
 * A worker: one thread, one event_base, and everything its pipelines share.
 *
 * Share-nothing: a pipeline lives and dies on one worker.  What crosses
 * threads is a closed list: the plan (read-only), the counters (relaxed
 * atomics), the run's phase (atomic), accepted descriptors handed over a
 * pipe, results of the name service (resolve.h).
 */
#ifndef IPC_CORE_WORKER_H
#define IPC_CORE_WORKER_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/log.h"
#include "base/msg.h"
#include "core/end.h"

struct ipc_error;
struct ipc_pipeline;
struct ipc_plan;
struct ipc_run;
struct ipc_sink_room;

/* One writer (the worker), any reader; relaxed loads only. */
struct ipc_counters {
	_Alignas(64) _Atomic uint64_t bytes[2]; /* FROM to TO, TO to FROM */
	_Atomic uint64_t splice_bytes;
	_Atomic uint64_t accepted, refused, opened, closed, failed;
	_Atomic uint64_t dropped_bytes; /* read, but nobody to give them to */
	_Atomic uint64_t redials;
	_Atomic uint64_t msgs[2];	/* as bytes */
	_Atomic uint64_t skipped, passed; /* bad messages (--on-error) */
	_Atomic uint64_t kernel_lost;	/* datagrams the kernel dropped */
};

static inline void
ipc_count(_Atomic uint64_t *c, uint64_t n)
{
	atomic_store_explicit(c,
	    atomic_load_explicit(c, memory_order_relaxed) + n,
	    memory_order_relaxed);
}

static inline uint64_t
ipc_counted(const _Atomic uint64_t *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

/* A kernel pipe that splice moves through.  Empty while pooled. */
struct ipc_pipe {
	struct ipc_pipe *next;
	int	rfd, wfd;	/* owned */
	uint32_t size;		/* bytes granted by F_SETPIPE_SZ */
	uint32_t held;		/* bytes inside */
};

#define IPC_POOL_CHUNK (256U << 10) /* bytes of a read of the byte path */
#define IPC_SMALL_CHUNK (16U << 10)
#define IPC_BIG_CHUNKS 32	/* large chunks a worker may have in flight */
#define IPC_PIPE_BYTES (1U << 20)	/* capacity asked for a splice pipe */
#define IPC_PIPE_LEAST (256U << 10)	/* less is slower than the byte path */
#define IPC_PIPES_MAX 32	/* 1 MiB pipes a worker may own: half of the
				 * 64 MiB a user gets by default
				 * (pipe-user-pages-soft, pipe(7)) */
#define IPC_PIPES_KEEP 4	/* empty ones kept for the next transfer */

struct ipc_worker {
	struct ipc_run *run;		/* borrowed */
	const struct ipc_plan *plan;	/* borrowed */
	uint32_t index;
	struct event_base *base;	/* owned */
	struct ipc_pool chunks;		/* 256 KiB: what a read goes into */
	struct ipc_pool small;		/* 16 KiB: what waits for a slow peer,
					 * and reads once many wait */
	struct ipc_pipe *pipes;		/* owned: free pipes */
	uint32_t npipes, nfreepipes;
	bool	pipes_failed;		/* a pipe was refused: stay on bytes */
	struct ipc_list pipelines;	/* all of this worker */
	uint32_t npipelines;
	struct ipc_list runq;		/* pipelines with work left */
	struct event runq_ev;
	struct ipc_list half;		/* pipelines with one direction left */
	struct event half_ev;
	struct ipc_list servers;	/* struct ipc_server.node */
	struct ipc_sink_room *room;	/* owned; NULL until a message goes */
	struct ipc_batch *batches;	/* owned: one set, kept warm */
	uint32_t nbatches;
	struct ipc_pipeline *spare;	/* one freed pipeline, kept warm */
	struct ipc_log_limit limit;	/* of messages that are dropped */
	char	sender[IPC_END_TEXT];	/* scratch: who sent a datagram */
	struct ipc_counters counters;
};

int ipc_worker_init(struct ipc_worker *w, struct ipc_run *run, uint32_t index,
    struct ipc_error *err);
/* All pipelines must be gone. */
void ipc_worker_free(struct ipc_worker *w);

/* Arm ev, ns nanoseconds from now (rounded up to a microsecond); NULL is
 * harmless, so that a failed allocation only costs the timer. */
void ipc_timer_in(struct event *ev, uint64_t ns);

/* Run pl's turns soon, after other events had their chance.  Idempotent. */
void ipc_worker_defer(struct ipc_worker *w, struct ipc_pipeline *pl);

/*
 * One direction of pl has ended: within a second, watch the end that is now
 * only written to for its death (ipc_end_watch).  Not at once, because most
 * connections are gone by then and would pay two epoll_ctl(2) for nothing.
 */
void ipc_worker_half_open(struct ipc_worker *w, struct ipc_pipeline *pl);

/* A chunk to read into: large, or small while IPC_BIG_CHUNKS are out, so
 * that many slow readers cost 16 KiB each.  NULL: no memory. */
struct ipc_chunk *ipc_worker_chunk(struct ipc_worker *w);
/* c will wait: put what is left of it into a small chunk if it fits.
 * Returns the chunk that holds it now. */
struct ipc_chunk *ipc_worker_shrink(struct ipc_worker *w,
    struct ipc_chunk *c);

/* An empty pipe of at least 256 KiB, or NULL: stay on the byte path. */
struct ipc_pipe *ipc_pipe_get(struct ipc_worker *w);
/* A pipe with bytes in it is closed, never pooled. */
void ipc_pipe_put(struct ipc_worker *w, struct ipc_pipe *p);

#endif
