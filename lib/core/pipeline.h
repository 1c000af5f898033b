/*
 * A pipeline: two ends joined by two directions, owned by one worker.
 *
 *	  end[0] (FROM) --- dir[0] --->  end[1] (TO)
 *	                <-- dir[1] ---
 *
 * States:
 *	DIALING   end[0] is there, end[1] is being connected
 *	OPEN      data moves; each direction runs to its own end
 *	SETTLING  both directions done: waiting for the peer's kernel to take
 *	          what we wrote (once-plans), or for a child to exit
 *	DEAD      closed; the owner is told through run.c and it is freed
 *
 * A direction ends in one of three ways: source ended and everything was
 * written and shut (done), destination no longer wants input and that is
 * fine (a child that closed its stdin), or an error.  The first error is
 * kept; the other direction still delivers what it can.
 */
#ifndef IPC_CORE_PIPELINE_H
#define IPC_CORE_PIPELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"
#include "core/end.h"

struct ipc_chunk;
struct ipc_dial;
struct ipc_dir;
struct ipc_flow;
struct ipc_pipe;
struct ipc_pipeline;
struct ipc_port;
struct ipc_server;
struct ipc_side;
struct ipc_worker;

enum ipc_turn {
	IPC_TURN_WAIT,		/* waits for the kernel */
	IPC_TURN_MORE,		/* budget used up: call again later */
	IPC_TURN_DONE,		/* this direction has ended */
	IPC_TURN_GO,		/* inside a pump: go on with the next step */
	IPC_TURN_SWITCH,	/* d->pump was changed: call again now */
	IPC_TURN_RATE,		/* out of tokens: wait for the timer */
};

/* One data path.  turn moves a bounded amount in one direction. */
struct ipc_pump_ops {
	const char *name;
	enum ipc_turn (*turn)(struct ipc_pipeline *pl, struct ipc_dir *d);
	/* Bytes read from the source and not yet written. */
	uint64_t (*held)(const struct ipc_dir *d);
	void (*stop)(struct ipc_pipeline *pl, struct ipc_dir *d);
};
extern const struct ipc_pump_ops ipc_pump_bytes, ipc_pump_splice,
    ipc_pump_messages;

struct ipc_dir {
	struct ipc_end *src, *dst; /* borrowed from the pipeline */
	const struct ipc_pump_ops *pump;
	struct ipc_chunk *chunk; /* bytes: owned while data is in flight */
	struct ipc_pipe *pipe;	/* splice: owned while data is in flight */
	struct ipc_flow *flow;	/* messages: owned */
	struct ipc_list wait;	/* on dst->waiters of a shared end */
	uint64_t bytes;		/* written */
	uint64_t hold_ns;	/* messages: a stage lets go then; 0 */
	uint64_t small;		/* splice: bytes of the current sample */
	uint64_t tokens;	/* --rate: bytes that may be read now */
	uint64_t tokens_ns;	/* when tokens was brought up to date */
	uint8_t	index;		/* 0: FROM to TO, 1: TO to FROM */
	uint8_t	full;		/* consecutive full reads */
	uint8_t	moves;		/* splice: moves in the current sample */
	bool	peer_dead;	/* dst broke while src was idle */
	bool	wait_src, wait_dst; /* blocked until that event comes */
	bool	src_eof;	/* no more input will be read */
	bool	done;		/* ended, one way or another */
	bool	cut;		/* ended before its source did */
	bool	discard;	/* nobody to give the input to: read and drop */
	bool	nosplice;	/* splice was refused once */
	bool	rate_wait;	/* waits for tokens, or for hold_ns */
	bool	no_peer;	/* dst knows nobody to send to yet (udp) */
	bool	enough;		/* -n: this was the last message */
	bool	last;		/* src cannot end: what it has now is all */
	bool	stopped;	/* we read no more, though there may be more */
};

enum ipc_pl_state {
	IPC_PL_DIALING, IPC_PL_OPEN, IPC_PL_SETTLING, IPC_PL_DEAD,
};

#define IPC_GRACE_NS 2000000000ULL /* between SIGTERM and SIGKILL of a child
				    * whose connection has gone */

struct ipc_pipeline {
	struct ipc_worker *w;		/* borrowed; the only thread here */
	struct ipc_list node;		/* worker->pipelines */
	struct ipc_list runq;		/* worker->runq */
	struct ipc_list half;		/* worker->half */
	struct ipc_end end[2];
	struct ipc_dir dir[2];
	const struct ipc_side *side[2];	/* borrowed from the plan: framing and
					 * stages at each end; NULL: a port */
	struct ipc_stage *stages[2];	/* owned: of each side */
	struct ipc_port *port;		/* owned; end[1] is an exchange */
	char	*peer_text;		/* owned; who end[0] or end[1] is */
	struct ipc_dial *dial;		/* owned while DIALING */
	struct event *timer;		/* owned; NULL until needed */
	struct event *childev[2];	/* owned; pidfd of a child end */
	struct ipc_error *err;		/* owned; NULL: all well */
	uint64_t start_ns;
	uint64_t active_ns;		/* last movement; only with -i */
	uint64_t settle_ns;		/* SETTLING: next look at the peers */
	uint64_t settle_step_ns;
	uint64_t kill_ns;		/* next signal for left children */
	uint64_t conn_bytes;		/* send -r: dir[0].bytes when end[1]
					 * was connected */
	uint64_t fin_bytes;		/* send -r: dir[0].bytes when the peer
					 * ended its half */
	uint64_t uncertain;		/* send -r: bytes that a broken peer
					 * may not have got */
	uint64_t lost;			/* bytes read that nobody could take */
	uint64_t heard_bytes;		/* send -r --subscribe: dir[1].bytes
					 * when end[1] was closed */
	uint32_t deaf;			/* connections in a row that brought
					 * nothing */
	uint32_t id;			/* for records and logs */
	uint32_t opened_from;		/* FROM was opened: its index + 1 */
	uint8_t	state;			/* enum ipc_pl_state */
	uint8_t	kills;			/* signals sent to left children */
	bool	reopened;		/* the next opened FROM has begun */
	bool	awaits;			/* starts when end[0] has input */
	bool	gone[2];		/* child of that end was reaped */
	bool	turning;		/* inside ipc_pipeline_run */
	bool	dying;			/* abort was asked for during a turn */
	bool	reset;			/* close with RST: input was cut */
	bool	skipped;		/* err is about messages passed over:
					 * all else goes on */
	bool	flush;			/* but first deliver what came before */
	bool	whole;			/* a message is all of the stream */
	bool	has_slot;		/* counts for --max-conn */
	bool	host_counted;		/* per-address cap holds one */
	int	status[2];		/* exit code of that child */
};

/* A new pipeline of w, both ends closed.  NULL: no memory. */
struct ipc_pipeline *ipc_pipeline_new(struct ipc_worker *w);

/*
 * end[0].conn is connected: reach TO (dial, open, shared sink or loop) and
 * start moving.  Never fails: errors end the pipeline and are reported
 * through ipc_run_pipeline_done(), possibly before this returns.
 */
void ipc_pipeline_start(struct ipc_pipeline *pl);

/* One bounded turn of each direction that is not blocked; then whatever
 * follows.  pl may be gone afterwards. */
void ipc_pipeline_run(struct ipc_pipeline *pl);

/* Remember the first error. */
void ipc_pipeline_note(struct ipc_pipeline *pl, const struct ipc_error *err);

/* End now, keeping err (may be NULL) if there is none yet.  pl may be gone
 * afterwards, except inside a turn. */
void ipc_pipeline_abort(struct ipc_pipeline *pl, const struct ipc_error *err);

/* SIGTERM: stop reading our own input; what was read is still delivered. */
void ipc_pipeline_drain(struct ipc_pipeline *pl);

/* Set the timer to the earliest thing this pipeline waits for. */
void ipc_pipeline_rearm(struct ipc_pipeline *pl);

/* dir[0] can no longer reach TO (send -r): dial again, keep what is held.
 * clean: nothing that was written can be missing. */
void ipc_pipeline_redial(struct ipc_pipeline *pl, bool clean);

/* The connection of a subscriber has ended; why: not in order.  With -r it is
 * dialed again: false when not. */
bool ipc_pipeline_resubscribe(struct ipc_pipeline *pl,
    const struct ipc_error *why);

/* Stages and what they need to know, before data moves. */
int ipc_pipeline_stages(struct ipc_pipeline *pl, struct ipc_error *err);

/* --- direction.c: what pumps call --- */

/* The direction is set up: sources and destinations that are not there. */
void ipc_dir_open(struct ipc_pipeline *pl, struct ipc_dir *d);

/* Bytes d may read now under --rate, at most want; 0: none yet. */
size_t ipc_dir_allowance(struct ipc_pipeline *pl, struct ipc_dir *d,
    size_t want);
/* When tokens will be there, or what is held may go (absolute, monotonic). */
uint64_t ipc_dir_tokens_at(const struct ipc_pipeline *pl,
    const struct ipc_dir *d);
/* n bytes were read from the source. */
void ipc_dir_read(struct ipc_pipeline *pl, struct ipc_dir *d, size_t n);
/* n bytes were written to the destination. */
void ipc_dir_wrote(struct ipc_pipeline *pl, struct ipc_dir *d, size_t n,
    bool spliced);
/* n bytes were read and thrown away: a child or --send-only does not want
 * them, or the destination cannot be written to (that is a loss). */
void ipc_dir_dropped(struct ipc_pipeline *pl, struct ipc_dir *d, size_t n);
/* Reading failed with errno e.  Returns what the turn is to return. */
enum ipc_turn ipc_dir_src_error(struct ipc_pipeline *pl, struct ipc_dir *d,
    int e);
/* Writing failed with errno e. */
enum ipc_turn ipc_dir_dst_error(struct ipc_pipeline *pl, struct ipc_dir *d,
    int e);
/* The destination broke while nothing was being written to it. */
enum ipc_turn ipc_dir_dead(struct ipc_pipeline *pl, struct ipc_dir *d);
/* Source ended and everything is written: shut the destination. */
enum ipc_turn ipc_dir_finish(struct ipc_pipeline *pl, struct ipc_dir *d);
/* End without shutting the destination. */
void ipc_dir_end(struct ipc_pipeline *pl, struct ipc_dir *d);
/* A signal: read no more, deliver what was read. */
void ipc_dir_stop(struct ipc_dir *d);
/* Wait until the destination takes more / the source has more.  WAIT, or
 * MORE when that descriptor is always ready. */
enum ipc_turn ipc_dir_wait_dst(struct ipc_pipeline *pl, struct ipc_dir *d);
enum ipc_turn ipc_dir_wait_src(struct ipc_pipeline *pl, struct ipc_dir *d);

/* The other direction. */
static inline struct ipc_dir *
ipc_dir_other(struct ipc_pipeline *pl, const struct ipc_dir *d)
{
	return &pl->dir[1 - d->index];
}

#endif
