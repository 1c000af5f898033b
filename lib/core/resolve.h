/*
 * Name resolution off the loop.
 *
 * One helper thread for the process, started when the first name has to be
 * looked up and never for numeric addresses.  Requests queue under a mutex;
 * answers return to the asking worker through a pipe, so callbacks run on
 * the loop that asked.  A worker's answers for one endpoint are reused for
 * five seconds, so that a relay does not look up its target per connection.
 */
#ifndef IPC_CORE_RESOLVE_H
#define IPC_CORE_RESOLVE_H

#include "base/error.h"
#include "transport/transport.h"

struct ipc_lookup;
struct ipc_resolver;
struct ipc_worker;

typedef void ipc_resolved_fn(void *arg, const struct ipc_addrs *addrs,
    const struct ipc_error *err);

/* One for the process; give() before any worker runs. */
struct ipc_resolver *ipc_resolver_new(struct ipc_error *err);
/* For the end of the process: all lookups were cancelled.  Does not wait for
 * a name service that hangs. */
void ipc_resolver_free(struct ipc_resolver *r);

/* The callback comes later, on w's loop, with addrs or err; never before
 * this returns.  NULL: no memory. */
struct ipc_lookup *ipc_lookup_start(struct ipc_resolver *r,
    struct ipc_worker *w, const struct ipc_endpoint *ep, unsigned flags,
    ipc_resolved_fn *fn, void *arg);
/* No callback after this. */
void ipc_lookup_cancel(struct ipc_lookup *l);

#endif
