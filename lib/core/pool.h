/*
 * Handler pools, inside: what the files pool*.c share.
 *
 *	client port -> request -> client's pending list -> worker -> reply
 *	            <- lane: replies in the order of the requests <-
 *
 * A request is WAITING (on pending), RUNNING (a worker has it), or FINISHED
 * (answered or failed, but an earlier one of its lane is not).  A lane is
 * what has an order of its own: a connection, or one sender of datagrams.
 * A request whose client has gone has no lane; it is freed when its worker is
 * through with it.
 *
 * Memory is bounded by the number and bytes of requests, by the bound of each
 * client's output, and by POOL_HELD of replies that wait for an earlier one.
 */
#ifndef IPC_CORE_POOL_H
#define IPC_CORE_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"
#include "base/log.h"
#include "core/exchange.h"
#include "core/settings.h"

#define POOL_MOST 1024		/* workers */
#define POOL_PER_MESSAGE 16	/* children at once, without --pool */
#define POOL_REQUESTS 65536	/* of all clients */
#define POOL_BYTES (64U << 20)	/* their payload; one may exceed it */
#define POOL_HELD (4U << 20)	/* a client's replies that wait */
#define POOL_TRIES 2		/* workers a request may take with it */
#define POOL_BAD_STARTS 5	/* in a row: the handler cannot be run */
#define POOL_YOUNG_NS 1000000000ULL /* ended sooner: it did not start */
#define POOL_EXIT_NS 5000000000ULL /* a worker's time after its input ended */
#define POOL_LINGER_NS 2000000000ULL /* a client's, when we are leaving */
#define POOL_LANES 1024		/* hash buckets of datagram senders */
#define POOL_SPARE 256		/* free requests kept */

enum ipc_serve_state { SERVE_WAITING, SERVE_RUNNING, SERVE_FINISHED };

struct ipc_serve_client;
struct ipc_serve_worker;

struct ipc_serve_lane {
	struct ipc_list chain;	/* hash bucket; tag 0: none */
	struct ipc_list mine;	/* client->lanes */
	struct ipc_list reqs;	/* struct ipc_serve_req.node, in order */
	struct ipc_serve_client *client; /* borrowed */
	uint64_t tag;
};

struct ipc_serve_req {
	struct ipc_list node;	/* lane->reqs, or spare */
	struct ipc_list wait;	/* client->pending */
	struct ipc_serve_lane *lane; /* borrowed; NULL: its client has gone */
	struct ipc_serve_worker *worker; /* borrowed; while RUNNING */
	struct ipc_qmsg msg;	/* owns a reference */
	struct ipc_mq held;	/* replies that may not be sent yet */
	struct ipc_error *why;	/* owned; NULL: not failed (or no memory) */
	uint64_t number;	/* of the client's messages */
	uint64_t replies;	/* of the worker it is with now */
	uint8_t	state;		/* enum ipc_serve_state */
	uint8_t	crashes;	/* workers that ended while they had it */
	bool	failed;
	bool	sent;		/* a reply has gone out: no second try */
};

struct ipc_serve_client {
	struct ipc_list node;	/* serve->clients */
	struct ipc_list ready;	/* serve->ready: has pending requests */
	struct ipc_list stall;	/* serve->stalled: the queue was full */
	struct ipc_list lanes;	/* struct ipc_serve_lane.mine */
	struct ipc_list pending; /* struct ipc_serve_req.wait */
	struct ipc_serve_lane lane; /* of tag 0 */
	struct ipc_port *port;	/* borrowed */
	struct ipc_error *why;	/* owned; of the cut */
	uint64_t held;		/* bytes of replies that wait */
	uint64_t leave_ns;	/* cut or closed: abort then */
	uint32_t outstanding;	/* requests */
	bool	endless;	/* no connection that could be cut */
	bool	left;		/* put() left messages behind */
	bool	stopped;	/* because it has enough outstanding */
	bool	ended, closed, cut;
};

enum ipc_serve_phase {
	SERVE_WAIT,		/* to be started at at_ns */
	SERVE_STARTING,		/* asked for; no port yet */
	SERVE_IDLE,
	SERVE_BUSY,
	SERVE_LEAVING,		/* its output ended: exit status to come */
	SERVE_CLOSING,		/* on serve->closing: ours to end */
};

struct ipc_serve_worker {
	struct ipc_list node;	/* serve->idle or serve->closing */
	struct ipc_port *port;	/* borrowed; NULL: none yet */
	struct ipc_serve_req *req; /* what it is working on */
	struct ipc_mq last;	/* a reply whose end was missing: whole if its
				 * exit status says so */
	uint64_t born_ns;
	uint64_t at_ns;		/* WAIT: start; LEAVING, CLOSING: kill */
	uint64_t limit_ns;	/* --handler-timeout */
	uint64_t gap_ns;	/* --gap */
	uint64_t served;	/* requests, for --recycle */
	uint32_t index;		/* in serve->workers */
	uint32_t attempt;	/* of the back-off */
	uint8_t	phase;		/* enum ipc_serve_phase */
	bool	replied;	/* at least once since its start */
	bool	killed;		/* its status is our doing */
	bool	blocked;	/* put() left replies behind */
	bool	strayed;	/* wrote what nobody asked for */
};

struct ipc_serve {
	struct ipc_exchange *ex; /* borrowed */
	const struct ipc_settings *set; /* borrowed */
	struct ipc_serve_worker **workers; /* owned; n, NULL where none is */
	struct ipc_list idle;	/* longest idle first */
	struct ipc_list closing;
	struct ipc_list clients, ready, stalled;
	struct ipc_list *lanes;	/* owned; POOL_LANES; NULL until needed */
	struct ipc_list spare;	/* free requests */
	struct ipc_mq scratch;	/* copies what is to be kept */
	struct ipc_log_limit limit, ends;
	uint64_t at_ns;		/* armed for */
	uint64_t hold_ns;	/* per message: start no child before */
	uint64_t bytes;		/* payload of all requests */
	uint32_t n;		/* workers */
	uint32_t live;		/* in workers[] */
	uint32_t nclosing, nspare;
	uint32_t nreqs, nwait;	/* requests; those WAITING */
	uint32_t row;		/* starts that failed, without one reply */
	uint32_t attempt;	/* per message: of hold_ns */
	uint32_t in_flight;	/* a client's requests at once */
	uint32_t depth;		/* callbacks inside of each other */
	bool	again;		/* an inner one has left work to the outer */
	bool	per;		/* --per message */
	bool	many;		/* a request may have several replies */
	bool	ordered;	/* replies as the requests came */
	bool	stopping;	/* take no more */
	bool	fatal;		/* the handler cannot be run */
	bool	over;		/* ipc_exchange_done() */
	uint64_t requests, replies, retried, failed, timeouts, restarts,
	    dropped, late, peak;
};

/* --- pool.c --- */

/* Have expired() called at this time, or earlier. */
void ipc_serve_wake(struct ipc_serve *s, uint64_t at_ns);
/* Take no more requests; finish, then end the run. */
void ipc_serve_stop(struct ipc_serve *s);
/* A failure that makes the exit code 5: note and log it. */
void ipc_serve_note(struct ipc_serve *s, const struct ipc_error *err);

/* --- pool_client.c --- */

/* False: no memory; the port is aborted. */
bool ipc_serve_client_add(struct ipc_serve *s, struct ipc_port *p);
void ipc_serve_client_put(struct ipc_serve *s, struct ipc_serve_client *c,
    struct ipc_batch *b);
/* Output has drained: go on with what waited for that. */
void ipc_serve_client_room(struct ipc_serve *s, struct ipc_serve_client *c);
/* Close the port when nothing is owed to it any more. */
void ipc_serve_client_check(struct ipc_serve *s, struct ipc_serve_client *c);
/* Detached: drop what waits, orphan what runs, free c. */
void ipc_serve_client_gone(struct ipc_serve *s, struct ipc_serve_client *c,
    const struct ipc_error *why);
/* Abort what has lingered for too long. */
void ipc_serve_client_expired(struct ipc_serve *s, uint64_t now_ns);
/* Clients that were refused for the sake of all may try again. */
void ipc_serve_unstall(struct ipc_serve *s);
/* It may be in line for a worker. */
void ipc_serve_ready(struct ipc_serve *s, struct ipc_serve_client *c);
/* put() may be called again, or goes on if it has not returned yet. */
void ipc_serve_resume(struct ipc_serve_client *c);
/* End the connection, when what was answered before has been sent.  Takes
 * why, which may be NULL. */
void ipc_serve_cut(struct ipc_serve *s, struct ipc_serve_client *c,
    struct ipc_error *why);

/* --- pool_request.c --- */

/* A message becomes a request.  False: no memory. */
bool ipc_serve_take(struct ipc_serve *s, struct ipc_serve_client *c,
    const struct ipc_msg *m);
/* The next request that may run, RUNNING now; NULL: none. */
struct ipc_serve_req *ipc_serve_next(struct ipc_serve *s);
/* A reply; m is changed.  False: no memory. */
bool ipc_serve_reply(struct ipc_serve *s, struct ipc_serve_req *r,
    struct ipc_msg *m);
/* Its client does not take more replies now. */
bool ipc_serve_blocked(const struct ipc_serve *s,
    const struct ipc_serve_req *r);
/* All three: r may be gone afterwards. */
void ipc_serve_finish(struct ipc_serve *s, struct ipc_serve_req *r);
void ipc_serve_fail(struct ipc_serve *s, struct ipc_serve_req *r,
    const char *why);
/* Its worker ended: another try, or failed because of `why`. */
void ipc_serve_crashed(struct ipc_serve *s, struct ipc_serve_req *r,
    const char *why);
/* Forget all that c asked for. */
void ipc_serve_abandon(struct ipc_serve *s, struct ipc_serve_client *c);
/* Every request that waits has failed. */
void ipc_serve_fail_waiting(struct ipc_serve *s, const char *why);
void ipc_serve_requests_free(struct ipc_serve *s);

/* --- pool_worker.c --- */

int ipc_serve_workers_start(struct ipc_serve *s, struct ipc_error *err);
void ipc_serve_workers_free(struct ipc_serve *s);
void ipc_serve_worker_attach(struct ipc_serve *s, struct ipc_port *p);
void ipc_serve_worker_ended(struct ipc_serve *s, struct ipc_serve_worker *w);
void ipc_serve_worker_gone(struct ipc_serve *s, struct ipc_serve_worker *w,
    const struct ipc_error *why, int status);
void ipc_serve_worker_failed(struct ipc_serve *s, uint32_t index,
    const struct ipc_error *why);
void ipc_serve_worker_expired(struct ipc_serve *s, uint64_t now_ns);
/* Let all workers end; true: there are none any more. */
bool ipc_serve_workers_close(struct ipc_serve *s);
/* A new one in this empty place; NULL: no memory. */
struct ipc_serve_worker *ipc_serve_place(struct ipc_serve *s, uint32_t index);
/* w may be gone afterwards. */
void ipc_serve_start(struct ipc_serve *s, struct ipc_serve_worker *w);
/* Let an idle one end in order; the place is free. */
void ipc_serve_retire(struct ipc_serve *s, struct ipc_serve_worker *w);
/* End it now, start another one. */
void ipc_serve_kill(struct ipc_serve *s, struct ipc_serve_worker *w);
/* Another one in this place, if it is wanted; attempt: how many in a row
 * ended without a reply. */
void ipc_serve_renew(struct ipc_serve *s, uint32_t index, uint32_t attempt);

/* --- pool_reply.c --- */

/* Give waiting requests to idle workers. */
void ipc_serve_dispatch(struct ipc_serve *s);
void ipc_serve_worker_put(struct ipc_serve *s, struct ipc_serve_worker *w,
    struct ipc_batch *b);
/* Replies that were left behind may be put again. */
void ipc_serve_worker_resume(struct ipc_serve_worker *w);
/* It exited with 0: what it wrote last is a reply. */
void ipc_serve_worker_last(struct ipc_serve *s, struct ipc_serve_worker *w);
/* Its port takes the request it was given. */
void ipc_serve_hand(struct ipc_serve *s, struct ipc_serve_worker *w);
/* It replied: the handler works. */
void ipc_serve_succeeded(struct ipc_serve *s, struct ipc_serve_worker *w);
/* Is the time of --handler-timeout over, or that of --gap? */
void ipc_serve_request_expired(struct ipc_serve *s,
    struct ipc_serve_worker *w, uint64_t now_ns);

#endif
