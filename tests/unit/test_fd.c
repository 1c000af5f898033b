/*
 * fd: numbers, pairs, names from LISTEN_FDNAMES, inherited listeners.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "check.h"
#include "conn.h"
#include "transport/fd.h"

extern const struct ipc_transport ipc_transport_fd;
extern const struct ipc_transport ipc_transport_null;

static const struct ipc_transport *const tr = &ipc_transport_fd;
static struct ipc_error err;

static int
open_endpoint(struct ipc_endpoint *ep, bool binds, const char *fmt, int a,
    int b)
{
	char text[64];

	/* Only the formats below. */
	if (strcmp(fmt, "N") == 0)
		snprintf(text, sizeof(text), "fd:%d", a);
	else if (strcmp(fmt, "N,N") == 0)
		snprintf(text, sizeof(text), "fd:%d,%d", a, b);
	else
		snprintf(text, sizeof(text), "%s", fmt);
	return conn_endpoint(ep, tr, text, binds, &err);
}

static void
refuses(const char *text)
{
	struct ipc_endpoint ep;

	ok(open_endpoint(&ep, false, text, 0, 0) == IPC_E_USAGE, "%s: %s",
	    text, err.what);
	ipc_endpoint_free(&ep);
}

static bool
nonblocking(int fd)
{
	return (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0;
}

static void
test_syntax(void)
{
	int d[2];
	char text[32];

	refuses("fd:");
	refuses("fd:x");
	refuses("fd:3x");
	refuses("fd:3,");
	refuses("fd:,3");
	refuses("fd:1,2,3");
	refuses("fd:-1");
	refuses("fd:99999999999999999999");
	refuses("fd:9999");
	refuses("fd:@");
	refuses("fd:@nobody");
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, d) != 0)
		abort();
	snprintf(text, sizeof(text), "fd:%d", d[0]);
	refuses(text);
	close(d[0]);
	close(d[1]);
}

static void
test_socket(void)
{
	struct ipc_endpoint ep;
	struct ipc_conn c;
	int s[2], shared;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) != 0 ||
	    (shared = dup(s[0])) < 0)
		abort();
	ok(open_endpoint(&ep, false, "N", s[0], 0) == 0 &&
	    !ipc_fd_is_listener(&ep), "fd:%d", s[0]);
	ok(conn_dial(&c, &ep, NULL, IPC_CONN_READ | IPC_CONN_WRITE, &err) ==
	    0 && c.rfd == s[0] && c.wfd == s[0] &&
	    (c.flags & IPC_CONN_SOCKET) != 0, "both ways");
	ok(c.peer.has_cred && c.peer.pid == getpid(), "peer is known");
	ok(nonblocking(s[0]), "does not block");
	ok(conn_carries(c.wfd, s[1], "ping") &&
	    conn_carries(s[1], c.rfd, "pong"), "data");
	ok(tr->shut_write(&c) == 0 && conn_at_end(s[1]), "half-close");
	ok(conn_carries(s[1], c.rfd, "late"), "the other half works");
	ok(tr->unsent(&c) == 0, "nothing unsent");
	tr->close(&c);
	tr->close(&c);
	ok(!nonblocking(shared), "restored for those who share it");
	close(shared);
	close(s[1]);
	ipc_endpoint_free(&ep);
}

static void
test_write_only_socket(void)
{
	struct ipc_endpoint ep;
	struct ipc_conn c;
	int s[2], shared;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) != 0 ||
	    (shared = dup(s[0])) < 0)
		abort();
	ok(open_endpoint(&ep, false, "N", s[0], 0) == 0 &&
	    conn_dial(&c, &ep, NULL, IPC_CONN_WRITE, &err) == 0 &&
	    c.rfd == -1 && c.wfd == s[0], "output only");
	ok(write(c.wfd, "x", 1) == 1 && tr->shut_write(&c) == 0 &&
	    c.rfd == -1 && c.wfd == -1 && tr->unsent(&c) > 0,
	    "shut, and what is unsent is still known");
	tr->close(&c);
	ok(fcntl(s[0], F_GETFD) == -1 && !nonblocking(shared),
	    "closed and restored");
	close(shared);
	close(s[1]);
	ipc_endpoint_free(&ep);
}

static void
test_pair(void)
{
	struct ipc_endpoint ep;
	struct ipc_conn c;
	int in[2], out[2];

	if (pipe(in) != 0 || pipe(out) != 0)
		abort();
	ok(open_endpoint(&ep, false, "N,N", in[0], out[1]) == 0 &&
	    conn_dial(&c, &ep, NULL, IPC_CONN_READ | IPC_CONN_WRITE, &err) ==
	    0 && c.rfd == in[0] && c.wfd == out[1], "fd:%d,%d", in[0],
	    out[1]);
	ok(conn_carries(in[1], c.rfd, "ping") &&
	    conn_carries(c.wfd, out[0], "pong"), "data");
	ok(tr->shut_write(&c) == 0 && c.wfd == -1 && conn_at_end(out[0]),
	    "shut_write closes the output");
	tr->close(&c);
	ipc_endpoint_free(&ep);
	close(in[1]);
	close(out[0]);
	if (pipe(in) != 0)
		abort();
	ok(open_endpoint(&ep, false, "N,N", in[1], in[0]) == 0 &&
	    conn_dial(&c, &ep, NULL, IPC_CONN_READ | IPC_CONN_WRITE, &err) ==
	    IPC_E_NET && err.sys == EBADF, "wrong way round: %s (%s)",
	    err.what, err.hint);
	tr->close(&c);
	ipc_endpoint_free(&ep);
	ok(open_endpoint(&ep, false, "N", in[0], 0) == 0 &&
	    conn_dial(&c, &ep, NULL, IPC_CONN_READ | IPC_CONN_WRITE, &err) ==
	    0 && c.rfd == in[0] && c.wfd == -1 &&
	    (c.flags & IPC_CONN_WFULL) != 0, "one descriptor, one way");
	tr->close(&c);
	ipc_endpoint_free(&ep);
	close(in[1]);
}

static int
tcp_listener(uint16_t *port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(fd, (struct sockaddr *)&in, len) != 0 ||
	    listen(fd, 8) != 0 ||
	    getsockname(fd, (struct sockaddr *)&in, &len) != 0)
		abort();
	*port = ntohs(in.sin_port);
	return fd;
}

static int
tcp_client(uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&in, sizeof(in)) != 0)
		abort();
	return fd;
}

static void
test_listener(void)
{
	struct ipc_endpoint ep;
	struct ipc_listener l;
	struct ipc_conn c;
	char text[64], want[64];
	uint16_t port;
	int fd = tcp_listener(&port), shared = dup(fd), client;

	ok(open_endpoint(&ep, true, "N", fd, 0) == 0 &&
	    ipc_fd_is_listener(&ep), "a listening socket");
	ok(conn_listen(&l, &ep, NULL, &err) == 0 && l.fd == fd, "listen");
	snprintf(want, sizeof(want), "tcp://127.0.0.1:%u", port);
	is_str(tr->bound_text(&l, text, sizeof(text)), want, "bound_text");
	conn_init(&c, &ep, 0);
	ok(tr->accept(&l, &c, &err) == 1, "nobody there: does not block");
	client = tcp_client(port);
	ok(conn_accept(&l, &c, &err) == 0 && c.peer.family == AF_INET &&
	    conn_carries(client, c.rfd, "ping"), "accept");
	ok(tr->shut_write(&c) == 0 && conn_at_end(client) &&
	    tr->unsent(&c) >= 0, "half-close");
	tr->close(&c);
	ok(c.rfd == -1, "close");
	tr->unlisten(&l);
	ok(fcntl(fd, F_GETFD) == -1 && !nonblocking(shared),
	    "closed and restored");
	close(client);
	close(shared);
	ipc_endpoint_free(&ep);
}

static void
test_listener_misused(void)
{
	struct ipc_endpoint ep;
	struct ipc_listener l;
	uint16_t port;
	int fd = tcp_listener(&port), s[2];

	ok(open_endpoint(&ep, false, "N", fd, 0) == IPC_E_USAGE,
	    "dialed: %s", err.what);
	ipc_endpoint_free(&ep);
	close(fd);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) != 0)
		abort();
	ok(open_endpoint(&ep, true, "N", s[0], 0) == 0 &&
	    conn_listen(&l, &ep, NULL, &err) == IPC_E_USAGE,
	    "connected: %s", err.what);
	tr->unlisten(&l);
	ipc_endpoint_free(&ep);
	close(s[0]);
	close(s[1]);
}

/* LISTEN_FDS: descriptor 3 and up.  The harness may have some open. */
static void
test_names(void)
{
	struct ipc_endpoint ep;
	char pid[32];
	uint16_t port;
	int keep = fcntl(4, F_DUPFD, 20), fd = tcp_listener(&port);

	if (dup2(fd, 4) != 4)
		abort();
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_FDS", "2", 1);
	setenv("LISTEN_FDNAMES", "first:web", 1);
	setenv("LISTEN_PID", pid, 1);
	ok(open_endpoint(&ep, true, "fd:@web", 0, 0) == 0 &&
	    ipc_fd_is_listener(&ep), "the second name is descriptor 4");
	ipc_endpoint_free(&ep);
	refuses("fd:@we");
	refuses("fd:@web2");
	setenv("LISTEN_FDS", "1", 1);
	refuses("fd:@web");
	setenv("LISTEN_FDS", "2", 1);
	setenv("LISTEN_PID", "1", 1);
	refuses("fd:@web");
	unsetenv("LISTEN_PID");
	refuses("fd:@web");
	close(fd);
	if (fd != 4)
		close(4);
	if (keep >= 0) {
		dup2(keep, 4);
		close(keep);
	}
}

static void
test_null(void)
{
	struct ipc_endpoint ep;
	struct ipc_conn c;
	const struct ipc_transport *nul = &ipc_transport_null;

	ok(conn_endpoint(&ep, nul, "null:", false, &err) == 0 &&
	    conn_dial(&c, &ep, NULL, IPC_CONN_READ | IPC_CONN_WRITE, &err) ==
	    0, "null:");
	ok(write(c.wfd, "x", 1) == 1 && conn_at_end(c.rfd),
	    "takes everything, gives nothing");
	ok(nul->shut_write(&c) == 0 && conn_at_end(c.rfd), "shut_write");
	nul->close(&c);
	ipc_endpoint_free(&ep);
	ok(conn_endpoint(&ep, nul, "null:", false, &err) == 0 &&
	    conn_dial(&c, &ep, NULL, IPC_CONN_WRITE, &err) == 0 &&
	    c.rfd == -1 && (c.flags & IPC_CONN_NOSPLICE) == 0,
	    "as a sink it can be spliced to");
	ok(nul->shut_write(&c) == 0 && c.wfd == -1, "shut_write closes");
	nul->close(&c);
	ipc_endpoint_free(&ep);
	ok(conn_endpoint(&ep, nul, "null:x", false, &err) == IPC_E_USAGE,
	    "null:x: %s", err.what);
	ipc_endpoint_free(&ep);
}

int
main(void)
{
	unsigned before;

	setvbuf(stdout, NULL, _IOLBF, 0);
	before = conn_open_fds();
	test_syntax();
	test_socket();
	test_write_only_socket();
	test_pair();
	test_listener();
	test_listener_misused();
	test_names();
	test_null();
	is_u64(conn_open_fds(), before, "no descriptor left behind (H21)");
	return done();
}
