/*
 * A server: one bound endpoint of a worker, and the pipelines it accepts.
 *
 * Admission in order: the connection limit and a full descriptor table pause
 * the listener (the backlog waits; nobody is refused), rules and the
 * per-address cap close the newcomer and count it.
 */
#ifndef IPC_CORE_SERVER_H
#define IPC_CORE_SERVER_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/log.h"
#include "transport/transport.h"

struct ipc_error;
struct ipc_pipeline;
struct ipc_point;
struct ipc_worker;

struct ipc_server {
	struct ipc_worker *w;	/* borrowed */
	struct ipc_list node;	/* worker->servers */
	struct ipc_listener l;
	struct event ev;
	struct event retry;	/* 100 ms after the descriptor table was full */
	bool	assigned, paused, handoff;
	bool	full;		/* paused because descriptors ran out */
	struct ipc_log_limit limit;
};

/* Bind one address of a point.  addr may be NULL (transports without). */
int ipc_server_open(struct ipc_server *s, struct ipc_worker *w,
    const struct ipc_point *pt, const struct ipc_addr *addr,
    struct ipc_error *err);
/* Start to accept. */
int ipc_server_start(struct ipc_server *s, struct ipc_error *err);
/* Room again: resume paused listeners of this worker.  One that ran out of
 * descriptors goes on only when one was freed, or by its own retry. */
void ipc_servers_resume(struct ipc_worker *w, bool freed);
/* Stop accepting and close; pipelines go on. */
void ipc_server_close(struct ipc_server *s);

#endif
