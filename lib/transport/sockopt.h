/*
 * What the stream socket transports (tcp, unix, vsock, inherited ones) share:
 * socket options from a table, and the life of a connection: non-blocking
 * connect, accept, half-close, what is still unsent.  No scheme of its own.
 */
#ifndef IPC_TRANSPORT_SOCKOPT_H
#define IPC_TRANSPORT_SOCKOPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ipc_addr;
struct ipc_conn;
struct ipc_endpoint;
struct ipc_error;
struct ipc_ident;
struct ipc_listener;

/* How a member of the config struct becomes an option value.  Zero, false
 * and NULL always mean: leave the kernel's default, cost no system call. */
enum ipc_so_kind {
	IPC_SO_END = 0,		/* last row of a table */
	IPC_SO_FLAG,		/* bool */
	IPC_SO_INT,		/* uint64_t, capped at INT_MAX */
	IPC_SO_SEC,		/* uint64_t ns, in seconds, rounded up */
	IPC_SO_MSEC,		/* uint64_t ns, in milliseconds, rounded up */
	IPC_SO_NAME,		/* const char * */
};

/* When a row applies: one of the first three, and all it needs. */
#define IPC_SO_LISTEN (1U << 0)	/* before bind; accepted sockets inherit */
#define IPC_SO_DIAL (1U << 1)	/* before connect */
#define IPC_SO_ACCEPT (1U << 2)	/* what is not inherited */
#define IPC_SO_WHEN (IPC_SO_LISTEN | IPC_SO_DIAL | IPC_SO_ACCEPT)
#define IPC_SO_FAR (1U << 3)	/* the peer may be another machine */
#define IPC_SO_ALIVE (1U << 4)	/* keep-alive is on */
#define IPC_SO_V6 (1U << 5)	/* the socket is AF_INET6 */
#define IPC_SO_SOFT (1U << 6)	/* a protocol without it is no failure */

struct ipc_so_row {
	const char *key;	/* endpoint key, for messages */
	uint8_t	kind;		/* enum ipc_so_kind */
	uint8_t	when;		/* IPC_SO_* */
	int	level, name;	/* of setsockopt(2) */
	size_t	offset;		/* into the config struct */
};

/*
 * Set every row that applies: `now` is one of LISTEN, DIAL, ACCEPT and the
 * conditions that hold.  A value the kernel does not know (EINVAL, ENOENT) is
 * IPC_E_USAGE, anything else IPC_E_NET; both name the key.
 */
int ipc_sock_options(int fd, const struct ipc_so_row *rows, const void *cfg,
    unsigned now, struct ipc_error *err);

/* Refuse keys that have no effect in this role: each list ends with NULL. */
int ipc_sock_role_keys(const struct ipc_endpoint *ep, bool binds,
    const char *const *listen_only, const char *const *dial_only,
    struct ipc_error *err);

/*
 * connect(2) on a non-blocking socket: 0 connected, 1 in progress, -1 with
 * errno.  `near` (a loopback address): the handshake is usually complete
 * when connect(2) returns, so the kernel is asked a second time.
 */
int ipc_sock_connect(int fd, const struct ipc_addr *addr, bool near);

/* After POLLOUT on a socket in progress; same results. */
int ipc_sock_dialed(int fd);

/* The socket of *c is connected or connecting: rfd and wfd are fd. */
void ipc_sock_take(struct ipc_conn *c, int fd, bool connecting);

/* The `accept` of transport.h for sockets.  Fills c->peer from the address;
 * for AF_UNIX use ipc_sock_cred() as well. */
int ipc_sock_accept(struct ipc_listener *l, struct ipc_conn *c,
    struct ipc_error *err);

/* Family AF_UNIX and SO_PEERCRED of a connected unix socket. */
void ipc_sock_cred(int fd, struct ipc_ident *peer);

/* The `shut_write` and `unsent` of transport.h for sockets.  wfd becomes -1;
 * where it was not rfd it stays open as dialfd.  unsent never takes the
 * pending error away from a later read. */
int ipc_sock_shut_write(struct ipc_conn *c);
ssize_t ipc_sock_unsent(struct ipc_conn *c);

#endif
