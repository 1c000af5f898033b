/*
 * Socket options from a table and the life of a stream socket.  Holds no
 * state; a connection is either in progress (dialfd set) or up.
 */
#include "transport/sockopt.h"

#include <errno.h>
#include <limits.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "transport/fdio.h"
#include "transport/transport.h"

/* More refused peers than this in one turn: back to the event loop. */
#define SKIPS 64

static int
clamp(uint64_t v)
{
	return v > INT_MAX ? INT_MAX : (int)v;
}

static int
in_units(uint64_t ns, uint64_t unit)
{
	return clamp(ns / unit + (ns % unit != 0));
}

/* The value of a numeric row; 0 means "not set". */
static int
number_of(const struct ipc_so_row *row, const void *field)
{
	switch (row->kind) {
	case IPC_SO_FLAG:
		return *(const bool *)field ? 1 : 0;
	case IPC_SO_SEC:
		return in_units(*(const uint64_t *)field, IPC_NS_PER_S);
	case IPC_SO_MSEC:
		return in_units(*(const uint64_t *)field, IPC_NS_PER_MS);
	default:
		return clamp(*(const uint64_t *)field);
	}
}

static int
set_row(int fd, const struct ipc_so_row *row, const void *field)
{
	const char *name;
	int value;

	if (row->kind == IPC_SO_NAME) {
		name = *(const char *const *)field;
		return name == NULL ? 0 : setsockopt(fd, row->level,
		    row->name, name, (socklen_t)strlen(name));
	}
	value = number_of(row, field);
	return value == 0 ? 0 : setsockopt(fd, row->level, row->name, &value,
	    sizeof(value));
}

static bool
applies(const struct ipc_so_row *row, unsigned now)
{
	unsigned needs = row->when & ~(IPC_SO_WHEN | IPC_SO_SOFT);

	return (row->when & now & IPC_SO_WHEN) != 0 && (needs & ~now) == 0;
}

static const char *
option_hint(int sys)
{
	switch (sys) {
	case EPERM:
		return "this key needs privileges: CAP_NET_ADMIN or "
		    "CAP_NET_RAW";
	case ENODEV:
		return "no such interface; see the names with: ip -br link";
	case ENOENT:
		return "see: sysctl net.ipv4.tcp_available_congestion_control";
	default:
		return NULL;
	}
}

int
ipc_sock_options(int fd, const struct ipc_so_row *rows, const void *cfg,
    unsigned now, struct ipc_error *err)
{
	const struct ipc_so_row *row;
	int sys;

	for (row = rows; row->kind != IPC_SO_END; row++) {
		if (!applies(row, now) ||
		    set_row(fd, row, (const char *)cfg + row->offset) == 0)
			continue;
		sys = errno;
		if ((row->when & IPC_SO_SOFT) != 0 &&
		    (sys == EOPNOTSUPP || sys == ENOPROTOOPT))
			continue;
		return ipc_fail(err, sys == ENOENT || sys == EINVAL ?
		    IPC_E_USAGE : IPC_E_NET, sys, option_hint(sys),
		    "cannot set \"%s\"", row->key);
	}
	return 0;
}

static const char *
find_key(const struct ipc_endpoint *ep, const char *const *names)
{
	for (; *names != NULL; names++)
		for (uint32_t i = 0; i < ep->nkeys; i++)
			if (strcmp(ep->keys[i].key, *names) == 0)
				return *names;
	return NULL;
}

int
ipc_sock_role_keys(const struct ipc_endpoint *ep, bool binds,
    const char *const *listen_only, const char *const *dial_only,
    struct ipc_error *err)
{
	const char *bad = find_key(ep, binds ? dial_only : listen_only);

	if (bad == NULL)
		return 0;
	return ipc_fail(err, IPC_E_USAGE, 0, "leave the key out",
	    "key \"%s\" has no effect on an endpoint that %s", bad,
	    binds ? "listens" : "connects");
}

int
ipc_sock_connect(int fd, const struct ipc_addr *addr, bool near)
{
	if (connect(fd, &addr->sa, addr->len) == 0)
		return 0;
	if (errno == EINTR)
		return 1;
	if (errno != EINPROGRESS)
		return -1;
	if (!near)
		return 1;
	if (connect(fd, &addr->sa, addr->len) == 0 || errno == EISCONN)
		return 0;
	return errno == EALREADY || errno == EINPROGRESS || errno == EINTR ?
	    1 : -1;
}

int
ipc_sock_dialed(int fd)
{
	struct sockaddr_storage ss;
	int sys = 0;
	socklen_t len = sizeof(sys);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &sys, &len) != 0)
		return -1;
	if (sys != 0) {
		errno = sys;
		return -1;
	}
	/* No error yet is not success yet. */
	len = sizeof(ss);
	if (getpeername(fd, (struct sockaddr *)&ss, &len) == 0)
		return 0;
	return errno == ENOTCONN ? 1 : -1;
}

void
ipc_sock_take(struct ipc_conn *c, int fd, bool connecting)
{
	c->rfd = c->wfd = fd;
	c->dialfd = connecting ? fd : -1;
	c->dialev = POLLOUT;
	c->flags |= IPC_CONN_SOCKET;
}

/* accept(2): errors of one connection that is gone already. */
static bool
is_lost_peer(int sys)
{
	switch (sys) {
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
	case EPERM:
	case ENETDOWN:
	case ENETUNREACH:
	case ENONET:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ENOPROTOOPT:
	case ETIMEDOUT:
		return true;
	default:
		return false;
	}
}

static int
accept_one(int lfd, struct ipc_ident *peer)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int fd;

	for (int i = 0; i < SKIPS; i++) {
		len = sizeof(ss);
		fd = accept4(lfd, (struct sockaddr *)&ss, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			ipc_ident_from(peer, (struct sockaddr *)&ss, len);
			return fd;
		}
		if (!is_lost_peer(errno))
			return -1;
	}
	errno = EAGAIN;
	return -1;
}

int
ipc_sock_accept(struct ipc_listener *l, struct ipc_conn *c,
    struct ipc_error *err)
{
	int fd = accept_one(l->fd, &c->peer);

	if (fd < 0)
		return errno == EAGAIN ? 1 : ipc_fail(err, IPC_E_NET, errno,
		    NULL, "cannot accept a connection");
	c->tr = l->tr;
	c->ep = l->ep;
	ipc_sock_take(c, fd, false);
	return 0;
}

void
ipc_sock_cred(int fd, struct ipc_ident *peer)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	memset(peer, 0, sizeof(*peer));
	peer->family = AF_UNIX;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0 ||
	    cred.uid == (uid_t)-1)
		return;
	peer->has_cred = true;
	peer->pid = cred.pid;
	peer->uid = cred.uid;
	peer->gid = cred.gid;
}

int
ipc_sock_shut_write(struct ipc_conn *c)
{
	int fd = c->wfd;

	if (fd < 0)
		return 0;
	c->wfd = -1;
	if (fd != c->rfd)
		c->dialfd = fd;	/* for ipc_sock_unsent() and close */
	return shutdown(fd, SHUT_WR);
}

static int
unacknowledged(int fd)
{
	int queued;

	return ioctl(fd, SIOCOUTQ, &queued) != 0 ? -1 : queued < 0 ? 0 : queued;
}

/* With bytes on the way: did the connection end without them? */
static bool
is_reset(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if ((ipc_fd_ready(fd, 0) & POLLERR) != 0)
		return true;
	/* A reader may have taken the error already.  But the state is also
	 * CLOSE after a good end, whose last ACK may have come just now. */
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
	    info.tcpi_state == TCP_CLOSE && unacknowledged(fd) > 0;
}

ssize_t
ipc_sock_unsent(struct ipc_conn *c)
{
	int fd = c->wfd >= 0 ? c->wfd : c->dialfd >= 0 ? c->dialfd : c->rfd;
	int queued = unacknowledged(fd);

	if (queued < 0)
		return -1;
	if (queued > 0 ? is_reset(fd) :
	    (ipc_fd_ready(fd, 0) & POLLERR) != 0) {
		errno = ECONNRESET;
		return -1;
	}
	return queued;
}
