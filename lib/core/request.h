/*
 * Requests and replies, inside: what the files request*.c share.
 *
 *	LOCAL -> taken -> on the connection -> replies -> complete
 *	                    | it ends or breaks
 *	                    v
 *	             kept for the next one, when that is allowed
 *
 * One asker is the state of a run of send -R.  Requests wait in one table
 * (pending.h) from the moment they are taken until they are complete; which
 * of them are on the connection is told by their numbers there.
 */
#ifndef IPC_CORE_REQUEST_H
#define IPC_CORE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/log.h"
#include "core/end.h"
#include "core/exchange.h"
#include "core/pending.h"

#define ASKER_TEXT 120		/* room for ipc_asker_unanswered() */

struct ipc_asker {
	struct ipc_pending wait;
	struct ipc_port *local, *target;
	char	text[IPC_END_TEXT]; /* of the last target */
	/* The options. */
	uint32_t limit;		/* requests at once */
	uint64_t count;		/* replies that complete a request */
	uint64_t gap_ns, retry, max_n;
	const char *mark;	/* NULL: no end mark */
	const char *key;	/* NULL: in order */
	size_t	nmark, nkey;
	/* The connection. */
	uint32_t index;		/* target in use */
	uint64_t tries;		/* rounds since the last reply */
	uint64_t redial_ns;
	uint64_t queued;	/* messages put on this connection */
	uint64_t given;		/* of them to the kernel, once it is gone */
	bool	dialing, connected;
	bool	answered;	/* this connection gave a reply */
	/* The end. */
	bool	local_over;	/* no more requests */
	bool	over;		/* ipc_exchange_done() */
	bool	held;		/* LOCAL waits for room */
	uint64_t taken, complete, replies, repeated, connections, strays,
	    skipped;
	uint64_t first_stray;	/* message of its connection */
	struct ipc_log_limit strays_log;
};

/* --- request.c --- */

/* The run is over: all is answered, or what is not was reported. */
void ipc_asker_finish(struct ipc_exchange *ex, struct ipc_asker *s);
/* Finish when everything is answered and nothing more will be asked. */
void ipc_asker_check(struct ipc_exchange *ex, struct ipc_asker *s);
/* Requests are lost: err says so, the replies so far are delivered. */
void ipc_asker_fail(struct ipc_exchange *ex, struct ipc_asker *s,
    const struct ipc_error *err);
void ipc_asker_no_memory(struct ipc_exchange *ex, struct ipc_asker *s);
/* "request 3 (of 7 sent) and 4 more have no reply"; returns buf of
 * ASKER_TEXT bytes. */
char *ipc_asker_unanswered(const struct ipc_asker *s, char *buf, size_t size);
/* Ask for the next thing that time will bring. */
void ipc_asker_rearm(struct ipc_exchange *ex, struct ipc_asker *s);
/* A deadline or a second signal ends the run; it is not for us to judge. */
bool ipc_asker_ending(const struct ipc_exchange *ex);

/* --- request_target.c --- */

void ipc_asker_dial(struct ipc_exchange *ex, struct ipc_asker *s);
/* A dial has succeeded; has failed. */
void ipc_asker_up(struct ipc_exchange *ex, struct ipc_asker *s,
    struct ipc_port *p);
void ipc_asker_failed(struct ipc_exchange *ex, struct ipc_asker *s,
    const struct ipc_error *why);
/* p, the connection, is of no more use (why NULL: the peer ended).  Requests
 * that it has not answered go to the next one, or fail. */
void ipc_asker_lost(struct ipc_exchange *ex, struct ipc_asker *s,
    const struct ipc_port *p, const struct ipc_error *why);
/* stdin or stdout is of no more use. */
void ipc_asker_local_lost(struct ipc_exchange *ex, const struct ipc_asker *s,
    const struct ipc_error *why);
/* Queue r on the connection.  False: no memory. */
bool ipc_asker_ship(struct ipc_asker *s, struct ipc_request *r);
/* No more requests: a peer that answers only at the end of its input is told
 * so now; others may take that for a hang-up. */
void ipc_asker_end_early(const struct ipc_exchange *ex, struct ipc_asker *s);

/* --- request_put.c --- */

/* Messages of LOCAL; of the target. */
void ipc_asker_put(struct ipc_exchange *ex, struct ipc_asker *s,
    struct ipc_batch *b);
void ipc_asker_replies(struct ipc_exchange *ex, struct ipc_asker *s,
    struct ipc_port *p, struct ipc_batch *b);
/* A message was left out: one of ours, or one of p's peer. */
void ipc_asker_skipped(struct ipc_exchange *ex, struct ipc_asker *s,
    struct ipc_port *p, bool out, uint64_t id);
/* r has all its replies; it is freed. */
void ipc_asker_complete(struct ipc_asker *s, struct ipc_request *r);
/* The peer ended in order: with --gap that ends its replies, too. */
void ipc_asker_end_replies(struct ipc_asker *s);

#endif
