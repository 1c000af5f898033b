/*
 * fd:N, fd:IN,OUT and fd:@NAME: descriptors that another program opened.
 *
 * As a connection: used once, given back at close as it was found.  As a
 * listening socket (LISTEN_FDS of systemd and others): accepts like tcp or
 * unix, and is closed but never unbound or unlinked: it is not ours.
 */
#include "transport/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/units.h"
#include "transport/fdio.h"
#include "transport/resolve.h"
#include "transport/sockopt.h"
#include "transport/transport.h"

#define FIRST_PASSED 3		/* SD_LISTEN_FDS_START */

struct fd_pair {
	int	in, out;	/* equal for fd:N and fd:@NAME */
};

/* impl of a dialed conn; an accepted one is an ordinary socket without. */
struct fd_conn {
	bool	restore_in, restore_out;
	bool	out_is_socket;
};

#define SYNTAX_HINT "write fd:N, fd:IN,OUT or fd:@NAME"

/* Digits of one descriptor number; *text moves behind them. */
static bool
take_number(const char **text, int *fd)
{
	int v = 0, digits = 0;

	for (; **text >= '0' && **text <= '9'; (*text)++, digits++) {
		if (digits == 7)
			return false;
		v = v * 10 + (**text - '0');
	}
	*fd = v;
	return digits > 0;
}

/* The descriptor that LISTEN_FDNAMES gives this name, or -1. */
static int
named(const char *name)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	const char *names = getenv("LISTEN_FDNAMES");
	uint64_t want_pid, count;
	size_t len;

	if (pid == NULL || fds == NULL || names == NULL ||
	    ipc_parse_u64(pid, &want_pid, NULL) != 0 ||
	    want_pid != (uint64_t)getpid() ||
	    ipc_parse_u64(fds, &count, NULL) != 0 || count > INT_MAX / 2)
		return -1;
	for (uint64_t i = 0; i < count; i++) {
		len = strcspn(names, ":");
		if (len == strlen(name) && memcmp(names, name, len) == 0)
			return FIRST_PASSED + (int)i;
		if (names[len] == '\0')
			break;
		names += len + 1;
	}
	return -1;
}

static int
parse(const struct ipc_endpoint *ep, struct fd_pair *pair,
    struct ipc_error *err)
{
	const char *text = ep->path;

	if (text[0] == '@' && text[1] != '\0') {
		pair->in = pair->out = named(text + 1);
		if (pair->in >= 0)
			return 0;
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "set FileDescriptorName= in the .socket unit; the name "
		    "must be in LISTEN_FDNAMES",
		    "no inherited descriptor is named \"%s\"", text + 1);
	}
	if (!take_number(&text, &pair->in))
		goto bad;
	pair->out = pair->in;
	if (*text == ',') {
		text++;
		if (!take_number(&text, &pair->out))
			goto bad;
	}
	if (*text == '\0')
		return 0;
bad:
	return ipc_fail(err, IPC_E_USAGE, 0, SYNTAX_HINT,
	    "bad descriptor \"%s\"", ep->path);
}

/* An integer socket option, or -1 for what is no socket. */
static int
socket_fact(int fd, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0 ? value :
	    -1;
}

static bool
is_listening(int fd)
{
	return socket_fact(fd, SO_ACCEPTCONN) == 1;
}

bool
ipc_fd_is_listener(const struct ipc_endpoint *ep)
{
	struct fd_pair pair;

	return strcmp(ep->scheme, "fd") == 0 && parse(ep, &pair, NULL) == 0 &&
	    pair.in == pair.out && is_listening(pair.in);
}

static int
check_open(int fd, struct ipc_error *err)
{
	int type;

	if (fcntl(fd, F_GETFD) < 0)
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "open it in the shell that starts ipcat, as in 3<>FILE",
		    "descriptor %d is not open", fd);
	type = socket_fact(fd, SO_TYPE);
	if (type >= 0 && type != SOCK_STREAM)
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "only stream sockets can be used here",
		    "descriptor %d is a socket that keeps datagrams", fd);
	return 0;
}

static int
fd_check(const struct ipc_endpoint *ep, bool binds, struct ipc_error *err)
{
	struct fd_pair pair;
	int rc = parse(ep, &pair, err);

	if (rc == 0)
		rc = check_open(pair.in, err);
	if (rc == 0)
		rc = check_open(pair.out, err);
	if (rc != 0)
		return rc;
	if ((!binds || pair.in != pair.out) &&
	    (is_listening(pair.in) || is_listening(pair.out)))
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "use it where the endpoint listens, alone",
		    "\"%s\" is a listening socket", ep->text);
	return 0;
}

/* Input and output as far as wanted and possible; fd:N may go one way. */
static int
adopt(struct ipc_conn *c, const struct fd_pair *pair, struct fd_conn *f)
{
	bool one = pair->in == pair->out;

	if ((c->flags & IPC_CONN_READ) != 0) {
		if (ipc_fd_adopt(pair->in, false, &f->restore_in) == 0)
			c->rfd = pair->in;
		else if (!one || errno != EBADF)
			return -1;
	}
	if ((c->flags & IPC_CONN_WRITE) != 0) {
		if (ipc_fd_adopt(pair->out, true, &f->restore_out) == 0)
			c->wfd = pair->out;
		else if (!one || errno != EBADF || c->rfd < 0)
			return -1;
		else
			c->flags |= IPC_CONN_WFULL;
	}
	if (c->rfd >= 0 || c->wfd >= 0)
		return 0;
	errno = EBADF;
	return -1;
}

static int
fd_dial(struct ipc_conn *c, const struct ipc_addr *addr,
    const struct ipc_conn *other, struct ipc_error *err)
{
	struct fd_conn *f;
	struct fd_pair pair;
	struct ipc_addr peer = { .len = sizeof(peer.ss) };
	int rc = parse(c->ep, &pair, err);

	(void)addr;
	(void)other;
	if (rc != 0)
		return rc;
	if ((f = calloc(1, sizeof(*f))) == NULL)
		return ipc_fail(err, IPC_E_NET, ENOMEM, NULL, "cannot start");
	c->impl = f;
	if (adopt(c, &pair, f) != 0)
		return ipc_fail(err, IPC_E_NET, errno, errno == EBADF ?
		    "it is closed, or not open for that direction" : NULL,
		    "cannot use descriptor \"%s\"", c->ep->path);
	f->out_is_socket = c->wfd >= 0 && socket_fact(c->wfd, SO_TYPE) >= 0;
	ipc_conn_classify(c);
	if (getpeername(pair.in, &peer.sa, &peer.len) != 0)
		return 0;
	if (peer.sa.sa_family == AF_UNIX)
		ipc_sock_cred(pair.in, &c->peer);
	else
		ipc_ident_from(&c->peer, &peer.sa, peer.len);
	return 0;
}

static bool
to_socket(const struct ipc_conn *c)
{
	const struct fd_conn *f = c->impl;

	return f == NULL || f->out_is_socket;
}

static int
fd_shut_write(struct ipc_conn *c)
{
	const struct fd_conn *f = c->impl;

	if (c->wfd < 0)
		return 0;
	if (to_socket(c))
		return ipc_sock_shut_write(c);
	if (c->wfd != c->rfd)
		return ipc_fd_release(&c->wfd, f->restore_out);
	/* One descriptor that is no socket has no half to close. */
	c->wfd = -1;
	return 0;
}

static ssize_t
fd_unsent(struct ipc_conn *c)
{
	return to_socket(c) ? ipc_sock_unsent(c) : 0;
}

static void
fd_close(struct ipc_conn *c)
{
	struct fd_conn *f = c->impl;

	if (f == NULL) {
		ipc_conn_close_fds(c);
		return;
	}
	if (c->wfd == c->rfd)
		c->wfd = -1;
	/* dialfd: a socket that was shut, see ipc_sock_shut_write(). */
	ipc_fd_release(&c->dialfd, f->restore_out);
	ipc_fd_release(&c->wfd, f->restore_out);
	ipc_fd_release(&c->rfd, f->restore_in);
	free(f);
	c->impl = NULL;
}

/* l->ino: the socket was set non-blocking here, undo that. */
static int
fd_listen(struct ipc_listener *l, const struct ipc_addr *addr,
    bool reuseport, struct ipc_error *err)
{
	struct fd_pair pair;
	bool restore;
	int rc = parse(l->ep, &pair, err);

	(void)addr;
	(void)reuseport;	/* bound long ago */
	l->fd = l->lockfd = -1;
	l->ino = 0;
	if (rc != 0)
		return rc;
	if (pair.in != pair.out || !is_listening(pair.in))
		return ipc_fail(err, IPC_E_USAGE, 0, "pass a socket that "
		    "listens already, as LISTEN_FDS does",
		    "\"%s\" is not a listening socket", l->ep->text);
	if (ipc_fd_adopt(pair.in, false, &restore) != 0)
		return ipc_fail(err, IPC_E_NET, errno, NULL,
		    "cannot use descriptor \"%s\"", l->ep->path);
	l->fd = pair.in;
	l->ino = restore;
	l->bound.len = sizeof(l->bound.ss);
	if (getsockname(l->fd, &l->bound.sa, &l->bound.len) != 0)
		return ipc_fail(err, IPC_E_NET, errno, NULL,
		    "cannot use descriptor \"%s\"", l->ep->path);
	return 0;
}

static int
fd_accept(struct ipc_listener *l, struct ipc_conn *c, struct ipc_error *err)
{
	int rc = ipc_sock_accept(l, c, err);

	if (rc == 0 && l->bound.sa.sa_family == AF_UNIX)
		ipc_sock_cred(c->rfd, &c->peer);
	return rc;
}

static void
fd_unlisten(struct ipc_listener *l)
{
	ipc_fd_release(&l->fd, l->ino != 0);
	l->ino = 0;
}

static char *
fd_bound_text(const struct ipc_listener *l, char *buf, size_t size)
{
	return ipc_addr_endpoint(&l->bound, buf, size);
}

const struct ipc_transport ipc_transport_fd = {
	.scheme = "fd",
	.syntax = "fd:N",
	.summary = "inherited descriptors: fd:N, fd:IN,OUT, fd:@NAME",
	.shape = IPC_EP_OPAQUE,
	.caps = IPC_CAP_DIAL | IPC_CAP_LISTEN | IPC_CAP_ONCE |
	    IPC_CAP_SPLICE | IPC_CAP_HALFCLOSE,
	.check = fd_check,
	.is_listener = ipc_fd_is_listener,
	.dial = fd_dial,
	.listen = fd_listen,
	.accept = fd_accept,
	.unlisten = fd_unlisten,
	.bound_text = fd_bound_text,
	.shut_write = fd_shut_write,
	.unsent = fd_unsent,
	.close = fd_close,
};
