/*
 * What unix, unixpacket and unixgram share: a socket bound to a path under a
 * lock, or to an abstract name; keys, options, credentials.  No scheme of its
 * own.
 */
#ifndef IPC_TRANSPORT_UNIXSOCK_H
#define IPC_TRANSPORT_UNIXSOCK_H

#include "transport/owner.h"
#include "transport/transport.h"

struct ipc_unix_cfg {
	uint64_t mode, sndbuf, rcvbuf, backlog;
	struct ipc_owner owner;
	bool	replace;
};

extern const struct ipc_opt ipc_unix_opts[];

int ipc_unix_check(const struct ipc_endpoint *ep, bool binds,
    struct ipc_error *err);
/* Connect a socket of that type (SOCK_STREAM ...): 0 or an error. */
int ipc_unix_dial(struct ipc_conn *c, int type, struct ipc_error *err);
/* Bind to l->ep->path, and listen unless it is SOCK_DGRAM. */
int ipc_unix_bind(struct ipc_listener *l, int type, struct ipc_error *err);
int ipc_unix_accept(struct ipc_listener *l, struct ipc_conn *c,
    struct ipc_error *err);
void ipc_unix_unlisten(struct ipc_listener *l);
char *ipc_unix_bound_text(const struct ipc_listener *l, char *buf,
    size_t size);
/* The same with another scheme than unix: before the colon. */
char *ipc_unix_scheme_text(const char *scheme, const struct ipc_listener *l,
    char *buf, size_t size);

#endif
