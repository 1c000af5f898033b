/*
 * Transports open endpoints and move bytes.  They are the only code that owns
 * descriptors.  Every call is non-blocking unless it says otherwise; nothing
 * here knows the event loop: core polls the descriptors that a conn names.
 *
 * One file per scheme, one exported symbol `ipc_transport_SCHEME`, one X()
 * line in list.h.  Members that are NULL select the plain-descriptor default
 * or mean "cannot", as noted.
 *
 * Descriptors handed to core are O_CLOEXEC and never block: O_NONBLOCK is set
 * on descriptions that are ours alone; descriptions shared with other
 * processes are reopened or restored at close (fdio.h).
 */
#ifndef IPC_TRANSPORT_TRANSPORT_H
#define IPC_TRANSPORT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/addr.h"
#include "base/endpoint.h"
#include "base/error.h"
#include "base/opt.h"

#define IPC_CAP_DIAL (1U << 0)	/* connect to, or open, something there */
#define IPC_CAP_LISTEN (1U << 1) /* has listen/accept: many connections */
#define IPC_CAP_CREATE (1U << 2) /* may be the binding side by dial() with
				  * IPC_CONN_BIND: one connection at a time
				  * (fifo, pty) */
#define IPC_CAP_MSG (1U << 3)	/* keeps message boundaries: no framing */
#define IPC_CAP_SPLICE (1U << 4) /* rfd and wfd are stream descriptors: may
				  * be spliced past readv and writev, once
				  * data has moved */
#define IPC_CAP_HALFCLOSE (1U << 5) /* shut_write reaches the peer */
#define IPC_CAP_LOCAL (1U << 6)	/* never leaves this host */
#define IPC_CAP_ONCE (1U << 7)	/* the process has just one: stdio, fd */
#define IPC_CAP_CHILD (1U << 8)	/* a conn is a child process */
#define IPC_CAP_ENDLESS (1U << 10) /* peers cannot say that they ended: send
				    * is over when its input is (udp) */
#define IPC_CAP_HIDDEN (1U << 11) /* made by an option: not in help */
#define IPC_CAP_REUSEPORT (1U << 9) /* each worker may bind its own listener */

#define IPC_CONN_BIND (1U << 0)	/* in: this side creates (mkfifo, pty link) */
#define IPC_CONN_READ (1U << 1)	/* in: input is wanted */
#define IPC_CONN_WRITE (1U << 2) /* in: output is wanted */
#define IPC_CONN_NOSPLICE (1U << 3) /* out: this descriptor must not be
				     * spliced (tty, O_APPEND file, follow) */
#define IPC_CONN_SOCKET (1U << 4) /* out: rfd/wfd are sockets */
#define IPC_CONN_WFULL (1U << 5) /* out: wfd == -1 on purpose: not writable */
#define IPC_CONN_CUT (1U << 6)	/* set by core before close(): input was cut
				 * short, so the peer must not take this for
				 * an end (TCP: reset) */

/*
 * One open connection.  Kept small: an idle relayed connection has two.
 * rfd or wfd may be -1 (a write-only FIFO has no rfd); they may be equal.
 */
struct ipc_conn {
	const struct ipc_transport *tr;
	const struct ipc_endpoint *ep;	/* borrowed from the plan */
	int	rfd;		/* owned; -1 if none */
	int	wfd;		/* owned; may equal rfd; -1 if none or shut */
	int	rpoll;		/* owned; poll this for input instead of rfd
				 * (file follow: inotify); -1: poll rfd */
	int	dialfd;		/* while dialing: wait for dialev on it; -1.
				 * owned by the transport, may equal wfd */
	short	dialev;		/* POLLIN or POLLOUT */
	uint16_t flags;		/* IPC_CONN_* */
	int	pidfd;		/* owned; CHILD: readable once it exited */
	pid_t	pid;		/* CHILD: also its process group; else 0 */
	void	*impl;		/* owned by the transport, often NULL */
	struct ipc_ident peer;
};

/*
 * One whole message of an IPC_CAP_MSG transport.  Receiving: iov[0] is where
 * it lies, borrowed from the connection until its next recvm or close; iov[1]
 * is unused.  Sending: two parts, sent as one message.
 */
struct ipc_dgram {
	struct iovec iov[2];
	uint64_t tag;		/* 0, or who it is from (recvm), to (sendm):
				 * only of the same conn; see peer_of */
	bool	cut;		/* recvm: it was longer; the rest is lost */
};

/* A bound, listening endpoint (IPC_CAP_LISTEN). */
struct ipc_listener {
	const struct ipc_transport *tr;
	const struct ipc_endpoint *ep;	/* borrowed */
	int	fd;		/* owned; poll for input */
	int	lockfd;		/* owned; unix: the lock beside the path; -1 */
	struct ipc_addr bound;	/* as the kernel reports it */
	dev_t	dev;		/* unix: what we may unlink */
	ino_t	ino;
};

/* May this peer talk to us? */
typedef bool ipc_admit_fn(void *arg, const struct ipc_ident *id);

#define IPC_ADDRS 16

struct ipc_addrs {
	uint32_t n;
	struct ipc_addr a[IPC_ADDRS];
};

#define IPC_RESOLVE_PASSIVE (1U << 0)	/* for listen: empty host = any */
#define IPC_RESOLVE_NUMERIC (1U << 1)	/* must not block */
#define IPC_RESOLVE_V4 (1U << 2)
#define IPC_RESOLVE_V6 (1U << 3)

struct ipc_transport {
	const char *scheme;	/* "tcp" in tcp://host:port */
	const char *syntax;	/* "tcp://HOST:PORT" */
	const char *summary;	/* one line for `ipcat help transports` */
	uint8_t	shape;		/* enum ipc_ep_shape */
	uint32_t caps;		/* IPC_CAP_* */
	const struct ipc_opt *opts; /* ?key=value; NULL: none */
	size_t	cfg_size;

	/* Plan time: check path, host, port, keys against each other; no
	 * side effects.  NULL: nothing to check.  `binds` is the role. */
	int (*check)(const struct ipc_endpoint *ep, bool binds,
	    struct ipc_error *err);

	/* Addresses of an endpoint, best first (RFC 6724 order as getaddrinfo
	 * gives it, families not interleaved).  May block in the name service
	 * unless NUMERIC is given; then 1 means "is a name, ask again off the
	 * loop".  NULL: dial and listen take no address. */
	int (*resolve)(const struct ipc_endpoint *ep, unsigned flags,
	    struct ipc_addrs *out, struct ipc_error *err);

	/* LISTEN: does this endpoint have something to accept on?  For
	 * inherited descriptors (fd).  NULL: yes. */
	bool (*is_listener)(const struct ipc_endpoint *ep);

	/* Open *c; tr, ep, flags (BIND, READ, WRITE) are set, descriptors are
	 * -1, the rest zero.  `other` is the connection on the other side of
	 * the pipeline, for a child's environment; may be NULL; borrowed for
	 * the call.  0: connected.  1: in progress: call dialed() when dialfd
	 * is ready.  On failure close() is still called. */
	int (*dial)(struct ipc_conn *c, const struct ipc_addr *addr,
	    const struct ipc_conn *other, struct ipc_error *err);
	/* Same results as dial; NULL only if dial never returns 1. */
	int (*dialed)(struct ipc_conn *c, struct ipc_error *err);

	/* Bind and listen.  `workers` > 1 asks for SO_REUSEPORT.  `backlog` is
	 * from the keys.  On failure unlisten() is still called. */
	int (*listen)(struct ipc_listener *l, const struct ipc_addr *addr,
	    bool reuseport, struct ipc_error *err);
	/* 0: *c is ready (zeroed by the caller, descriptors -1).  1: nothing
	 * to accept now.  Failure: err->sys tells EMFILE, ENFILE, ENOBUFS,
	 * ENOMEM (pause) from anything else.  ECONNABORTED and the network
	 * errors of accept(2) are skipped inside. */
	int (*accept)(struct ipc_listener *l, struct ipc_conn *c,
	    struct ipc_error *err);
	/* Close; remove a socket file only when it is still ours. */
	void (*unlisten)(struct ipc_listener *l);
	/* "tcp://[::]:9000", an endpoint a client could dial.  Returns buf. */
	char *(*bound_text)(const struct ipc_listener *l, char *buf,
	    size_t size);

	/* As readv(2)/writev(2): bytes moved, 0 for end of input, -1 with
	 * errno (EAGAIN: nothing now).  A truncated stream (TLS without
	 * close_notify) is -1/ECONNRESET.  NULL: the system call on rfd/wfd. */
	ssize_t (*readv)(struct ipc_conn *c, const struct iovec *iov, int n);
	ssize_t (*writev)(struct ipc_conn *c, const struct iovec *iov, int n);
	/* CREATE: the endpoint that others can dial, once it is made, such as
	 * "udp://127.0.0.1:40000"; NULL: unknown.  Returns buf. */
	char *(*created_text)(const struct ipc_conn *c, char *buf,
	    size_t size);
	/* IPC_CAP_MSG: up to n whole messages, in order.  recvm: how many
	 * (1..n), 0 for end of input, -1 with errno (EAGAIN: none now).
	 * sendm: how many were taken, or -1: EAGAIN, EMSGSIZE for d[0] (too
	 * long for this transport, always), ENOENT (d[0].tag is nobody we
	 * still know), ECONNREFUSED and the like (d[0] was not sent). */
	int (*recvm)(struct ipc_conn *c, struct ipc_dgram *d, int n);
	int (*sendm)(struct ipc_conn *c, const struct ipc_dgram *d, int n);
	/* Messages that the kernel dropped since the last call (full buffer),
	 * as far as those that were received tell; ask: a system call, for
	 * the rest.  NULL: it never does. */
	uint64_t (*lost)(struct ipc_conn *c, bool ask);
	/* One conn has many peers: what comes from those that admit refuses
	 * is not received.  NULL: conn->peer is all there is. */
	void (*screen)(struct ipc_conn *c, ipc_admit_fn *admit, void *arg);
	/* Who a tag is; false when no longer known.  NULL: conn->peer. */
	bool (*peer_of)(const struct ipc_conn *c, uint64_t tag,
	    struct ipc_ident *out);
	/* No more output; everything written was handed over.  NULL: close
	 * wfd (descriptor pairs).  0, or -1 with errno. */
	int (*shut_write)(struct ipc_conn *c);
	/* Bytes written that the peer has not taken over yet (SIOCOUTQ);
	 * 0: none; -1: unknown or the connection broke (errno).  NULL: 0. */
	ssize_t (*unsent)(struct ipc_conn *c);
	/* Idempotent, never fails, accepts a half-opened conn. */
	void (*close)(struct ipc_conn *c);

	/* CHILD: collect.  0: *status is its exit code, or 128 + signal.
	 * 1: still running. */
	int (*reap)(struct ipc_conn *c, int *status);
	/* CHILD: signal the whole process group.  Harmless when gone. */
	void (*kill)(struct ipc_conn *c, int sig);
	/* CHILD: nanoseconds between SIGTERM and SIGKILL. */
	uint64_t (*grace)(const struct ipc_conn *c);
};

/* All transports, NULL-terminated, in the order of list.h. */
extern const struct ipc_transport *const ipc_transports[];

/* By scheme, or NULL. */
const struct ipc_transport *ipc_transport_find(const char *scheme);

/* For ipc_endpoint_parse(): shape of a scheme, -1 if unknown. */
int ipc_transport_shape(const char *scheme);

#endif
