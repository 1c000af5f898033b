/*
 * Dialing: from a list of endpoints to one connection.
 *
 * Endpoints are tried in order; the addresses of one endpoint race by Happy
 * Eyeballs (RFC 8305 section 5: families interleaved, 250 ms apart, the next
 * at once when one fails).  Names are resolved off the loop.  With retries
 * the whole list is tried again after a full-jitter back-off; the first
 * attempt is made at once.
 */
#ifndef IPC_CORE_DIAL_H
#define IPC_CORE_DIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "core/plan.h"

struct ipc_conn;
struct ipc_dial;
struct ipc_worker;

/*
 * Called once: conn is connected (the callee takes it; descriptors inside) or
 * NULL and *err says why the last attempt failed.  The dial object is gone
 * once the callback returns: forget it first.
 */
typedef void ipc_dialed_fn(void *arg, struct ipc_conn *conn,
    const struct ipc_error *err);

struct ipc_dial_req {
	const struct ipc_point *points; /* borrowed */
	uint32_t npoints;
	const struct ipc_conn *other;	/* borrowed until the callback; may be
					 * NULL: environment of a child */
	uint16_t flags;			/* IPC_CONN_READ | IPC_CONN_WRITE */
	uint64_t retry;			/* attempts after the first */
	uint64_t delay_ns;		/* before the first */
	ipc_dialed_fn *done;
	void	*arg;
};

/* Starts dialing.  The callback may come before this returns, in which case
 * NULL is returned; otherwise an object to cancel. */
struct ipc_dial *ipc_dial_start(struct ipc_worker *w,
    const struct ipc_dial_req *req);

/* No callback after this; everything is closed. */
void ipc_dial_cancel(struct ipc_dial *d);

/* Full jitter: uniform in [0, min(max, min << attempt)], in nanoseconds. */
uint64_t ipc_backoff(const struct ipc_settings *set, uint32_t attempt);

#endif
