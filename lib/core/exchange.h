/*
 * Exchanges: messages between more than two connections.
 *
 * Without an exchange a pipeline joins two ends.  With one, every connection
 * is a pipeline whose other side is a port of the exchange: what arrives is
 * put into the exchange, and the exchange gives each port messages to send.
 *
 *	end[0] --dir[0]--> port -> exchange        (put)
 *	end[0] <--dir[1]-- port <- exchange        (ipc_port_send)
 *
 * A behaviour (pool, fanout, request, spread ...) is one struct
 * ipc_exchange_ops in a file of its own: a pure router.  It never blocks, has
 * no descriptor, and sees time only through ipc_exchange_at().  All of a run's
 * ports live on worker 0: a run with an exchange has one worker, so nothing is
 * locked.
 *
 * Back-pressure: put() consumes from the head of the batch what it can place;
 * what it leaves stays with the pump, which stops reading that connection
 * until the behaviour calls ipc_port_resume().
 *
 * Re-entrancy: none of the functions below calls back into the behaviour
 * except where it says so; data moves after the callback has returned.
 */
#ifndef IPC_CORE_EXCHANGE_H
#define IPC_CORE_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"
#include "base/msg.h"

struct ipc_exchange;
struct ipc_pipeline;
struct ipc_plan;
struct ipc_run;
struct ipc_text;
struct ipc_worker;

/* Why a connection is there. */
enum ipc_role {
	IPC_ROLE_CLIENT,	/* accepted by one of the plan's listeners, or
				 * an opened FROM that is no ONCE transport */
	IPC_ROLE_LOCAL,		/* stdin and stdout (FROM of send, TO of
				 * listen) */
	IPC_ROLE_TARGET,	/* an endpoint that send dialed */
	IPC_ROLE_WORKER,	/* a child started by ipc_exchange_child() */
};

/* A queued message: as ipc_msg, without room for headers. */
struct ipc_qmsg {
	struct ipc_chunk *chunk; /* counted reference */
	uint8_t	*data;
	uint32_t len;
	uint8_t	flags;		/* IPC_MSG_* */
	uint64_t id;		/* behaviour's own */
	uint64_t at;
	uint64_t tag;		/* datagram receiver, 0: the peer */
	uint16_t topic;		/* as in ipc_msg */
	uint8_t	raw_head;	/* as in ipc_msg */
	uint32_t raw_tail;
};

/* A ring of messages, bounded by the caller.  Zeroed is empty. */
struct ipc_mq {
	struct ipc_qmsg *v;	/* owned; cap is a power of two */
	uint32_t head, n, cap;
	uint64_t bytes;		/* payload */
	struct ipc_chunk *pack;	/* owned: where small messages are copied */
};

/* Append; takes its own reference of m->chunk.  A small message is copied, so
 * that what waits does not pin the large chunk it was read into.  False: no
 * memory, nothing was appended. */
bool ipc_mq_add(struct ipc_mq *q, const struct ipc_msg *m);
/* The same from another queue's entry, to share one copy among many. */
bool ipc_mq_share(struct ipc_mq *q, const struct ipc_qmsg *m);
struct ipc_qmsg *ipc_mq_at(const struct ipc_mq *q, uint32_t i); /* i < n */
void ipc_mq_drop(struct ipc_mq *q);	/* the first */
void ipc_mq_free(struct ipc_mq *q);

#define IPC_PORT_MSGS 1024	/* default bound of port->out, messages */
#define IPC_PORT_BYTES (4U << 20) /* and bytes; one message may exceed it */

struct ipc_port {
	struct ipc_exchange *ex; /* borrowed */
	struct ipc_pipeline *pl; /* borrowed; valid until detach() returns */
	struct ipc_list node;	/* ex->ports */
	struct ipc_list mine;	/* for the behaviour's own lists */
	uint8_t	role;		/* enum ipc_role */
	uint32_t index;		/* TARGET: of the plan's endpoints; WORKER: as
				 * asked for */
	uint32_t id;		/* of the connection, for logs; never reused */
	struct ipc_mq out;	/* messages not yet given to the kernel */
	uint32_t given;		/* core's: the first of them that are on their
				 * way through the stages */
	uint64_t in_msgs, out_msgs; /* taken by put; given to the kernel */
	bool	in_ended;	/* the peer ended, or its input failed */
	bool	out_closed;	/* ipc_port_close() */
	bool	refused;	/* what broke it is a message of ours that no
				 * connection could carry */
	bool	gone;		/* detach is over: only the behaviour's
				 * reference is left */
	/* core's own: */
	bool	attached, failed, aborted, paused;
	bool	held;		/* put() left messages behind */
	bool	idle;		/* nothing was queued */
	bool	unwanted;	/* the run is done: its input is dropped */
	bool	wants_room;	/* the behaviour's own mark */
	void	*data;		/* the behaviour's; freed by detach */
};

struct ipc_exchange_ops {
	const char *name;
	const char *summary;	/* one line for --explain */
	size_t	state_size;	/* zeroed, ex->state */

	/* The run begins; nothing is connected yet. */
	int (*start)(struct ipc_exchange *ex, struct ipc_error *err);
	/* A connection is open. */
	void (*attach)(struct ipc_exchange *ex, struct ipc_port *p);
	/*
	 * Messages of p.  Take from the head of b (ipc_mq_add and
	 * ipc_batch_drop), or leave the rest there and call
	 * ipc_port_resume(p) when there is room.  m->id is the number of the
	 * message on this connection, from 1.
	 */
	void (*put)(struct ipc_exchange *ex, struct ipc_port *p,
	    struct ipc_batch *b);
	/*
	 * A message was left out (--on-error skip) and that was reported.
	 * out: ours with this id, of p->out; else the peer's with this number
	 * (0: unknown), which is not put.  May be NULL.
	 */
	void (*skipped)(struct ipc_exchange *ex, struct ipc_port *p, bool out,
	    uint64_t id);
	/* The peer will send no more.  All it sent was put. */
	void (*ended)(struct ipc_exchange *ex, struct ipc_port *p);
	/* p->out has just fallen to half its bound or below it, or is empty.
	 * May be NULL. */
	void (*room)(struct ipc_exchange *ex, struct ipc_port *p);
	/*
	 * p is closed.  why: NULL when it ended in order, else what broke.
	 * Messages still in p->out were not sent (the first one may have been
	 * in part: p->out_msgs counts the whole ones).  status: of a WORKER's
	 * child, -1 for others.  p is freed when this returns.
	 */
	void (*detach)(struct ipc_exchange *ex, struct ipc_port *p,
	    const struct ipc_error *why, int status);
	/* A TARGET or WORKER could not be opened at all (retries are over). */
	void (*failed)(struct ipc_exchange *ex, enum ipc_role role,
	    uint32_t index, const struct ipc_error *why);
	/* The time asked for with ipc_exchange_at() has come. */
	void (*expired)(struct ipc_exchange *ex, uint64_t now_ns);
	/* First SIGTERM, or -n reached: accept no more work, finish what is
	 * there, then close the ports.  Listeners are closed already and
	 * stdin is not read any more. */
	void (*drain)(struct ipc_exchange *ex);
	/* Numbers for --stats, lines "name value\n".  May be NULL. */
	void (*stats)(const struct ipc_exchange *ex, struct ipc_text *out);
	/* Frees what state owns.  May be NULL. */
	void (*stop)(struct ipc_exchange *ex);
};

struct ipc_exchange {
	const struct ipc_exchange_ops *ops;
	struct ipc_run *run;		/* borrowed */
	const struct ipc_plan *plan;	/* borrowed; plan->set: the options */
	struct ipc_list ports;		/* struct ipc_port.node, attached */
	void	*state;			/* owned */
	struct event *timer;		/* owned by exchange.c */
	uint64_t at_ns;			/* asked for; IPC_NEVER */
	uint64_t armed_ns;		/* the timer's, at most at_ns */
	bool	draining, done;
	bool	same_frames;		/* all ports use the same framing */
};

extern const struct ipc_exchange_ops ipc_exchange_pool, ipc_exchange_fanout,
    ipc_exchange_request, ipc_exchange_spread;

/* --- what behaviours call --- */

/* Queue m for p's peer; takes its own reference.  False: no memory or p is
 * closed for output.  The bound is not enforced here: ask ipc_port_full(). */
bool ipc_port_send(struct ipc_port *p, const struct ipc_msg *m);
bool ipc_port_share(struct ipc_port *p, const struct ipc_qmsg *m);
/* A message from memory (copied). */
bool ipc_port_say(struct ipc_port *p, const void *data, size_t len,
    uint64_t id, uint64_t tag);
bool ipc_port_full(const struct ipc_port *p);
/* put() may be called again for p (it left messages behind). */
void ipc_port_resume(struct ipc_port *p);
/* Send what is queued, then end our half.  Idempotent. */
void ipc_port_close(struct ipc_port *p);
/* Close now; why (may be NULL: no error) is kept for detach and the log.
 * detach() follows later, not from inside this call. */
void ipc_port_abort(struct ipc_port *p, const struct ipc_error *why);
/* Stop and go on reading p, whatever put() does. */
void ipc_port_pause(struct ipc_port *p, bool on);
/* "tcp://... (peer ...)"; returns buf of IPC_END_TEXT bytes. */
char *ipc_port_text(const struct ipc_port *p, char *buf);

/*
 * Start a child: `argv`-less shell line or -e words of the plan, with -f
 * framing on its stdin and stdout (`raw`: message = all of it).  attach()
 * follows with role WORKER and this index, or failed().  whole: framing raw.
 * for_port: whose environment variables it gets; may be NULL.
 */
void ipc_exchange_child(struct ipc_exchange *ex, uint32_t index, bool whole,
    const struct ipc_port *for_port);
/* Dial target i of the plan (send); attach() or failed() follows. */
void ipc_exchange_dial(struct ipc_exchange *ex, uint32_t i);
/* Call expired() at this CLOCK_MONOTONIC time; IPC_NEVER: not.  The earliest
 * time asked for since the last expired() is NOT kept: one time, the last. */
void ipc_exchange_at(struct ipc_exchange *ex, uint64_t at_ns);
/* The run's exit code and message, if it is the first; goes on running. */
void ipc_exchange_note(struct ipc_exchange *ex, const struct ipc_error *err);
/* End the run: nothing is left to do.  Pipelines that are still open are
 * closed without an error. */
void ipc_exchange_done(struct ipc_exchange *ex);

/* --- what core calls --- */

int ipc_exchange_start(struct ipc_exchange *ex, struct ipc_run *run,
    struct ipc_error *err);
void ipc_exchange_free(struct ipc_exchange *ex);
void ipc_exchange_drain(struct ipc_exchange *ex);

#endif
