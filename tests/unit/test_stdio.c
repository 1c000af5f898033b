/*
 * stdio: adopted, restored, half-closed.  Each case runs in a child with its
 * own 0 and 1 and reports by exit code.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include "check.h"
#include "conn.h"

extern const struct ipc_transport ipc_transport_stdio;

static const struct ipc_transport *const tr = &ipc_transport_stdio;
static struct ipc_error err;

#define BOTH (IPC_CONN_READ | IPC_CONN_WRITE)

/* In the child: stop with the line that failed. */
#define MUST(cond) \
	do { \
		if (!(cond)) \
			_exit(__LINE__ % 250 + 1); \
	} while (0)

static int
open_stdio(struct ipc_conn *c, unsigned flags)
{
	static struct ipc_endpoint ep;
	int rc = conn_endpoint(&ep, tr, "-", false, &err);

	return rc != 0 ? rc : conn_dial(c, &ep, NULL, flags, &err);
}

static bool
nonblocking(int fd)
{
	return (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0;
}

static bool
is_null(int fd)
{
	struct stat st, null_st;

	return fstat(fd, &st) == 0 && stat("/dev/null", &null_st) == 0 &&
	    st.st_rdev == null_st.st_rdev;
}

/* Run body in a child that has `in` and `out` as 0 and 1 (-1: closed);
 * meanwhile we give up `mine`, if there is one. */
static void
in_child(const char *name, void (*body)(const int *other), int in, int out,
    const int *other, int mine)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		/* Out of the way of 0 and 1 first. */
		in = in < 0 ? in : fcntl(in, F_DUPFD_CLOEXEC, 10);
		out = out < 0 ? out : fcntl(out, F_DUPFD_CLOEXEC, 10);
		if (in < 0 ? close(0) != 0 : dup2(in, 0) != 0)
			_exit(251);
		if (out < 0 ? close(1) != 0 : dup2(out, 1) != 1)
			_exit(252);
		close(in);
		close(out);
		body(other);
		_exit(0);
	}
	if (mine >= 0)
		close(mine);
	waitpid(pid, &status, 0);
	ok(status == 0, "%s (status 0x%x)", name, (unsigned)status);
}

static void
body_pipes(const int *far)
{
	struct ipc_conn c;

	MUST(open_stdio(&c, BOTH) == 0 && c.rfd == 0 && c.wfd == 1);
	MUST(nonblocking(0) && nonblocking(1));
	MUST(!nonblocking(far[2]) && !nonblocking(far[3]));
	MUST((c.flags & (IPC_CONN_SOCKET | IPC_CONN_NOSPLICE)) == 0);
	MUST(conn_carries(far[0], 0, "ping"));
	MUST(conn_carries(1, far[1], "pong"));
	MUST(tr->unsent(&c) == 0);
	/* Only this process may hold the writing end now. */
	close(far[3]);
	MUST(tr->shut_write(&c) == 0 && c.wfd == -1 && is_null(1));
	MUST(conn_at_end(far[1]));
	MUST(conn_carries(far[0], 0, "late"));
	tr->close(&c);
	tr->close(&c);
	MUST(is_null(0) && is_null(1));
}

static void
test_pipes(void)
{
	int in[2], out[2], far[4];

	if (pipe(in) != 0 || pipe(out) != 0)
		abort();
	far[0] = in[1];
	far[1] = out[0];
	far[2] = in[0];
	far[3] = out[1];
	in_child("pipes: private descriptions, end of output is seen",
	    body_pipes, in[0], out[1], far, out[1]);
	ok(!nonblocking(in[0]), "and our input is as before");
	close(in[0]);
	close(in[1]);
	close(out[0]);
}

static void
body_socket(const int *far)
{
	struct ipc_conn c;

	MUST(open_stdio(&c, BOTH) == 0 && (c.flags & IPC_CONN_SOCKET) != 0);
	MUST(nonblocking(0) && nonblocking(1) && nonblocking(far[1]));
	MUST(conn_carries(1, far[0], "pong"));
	MUST(tr->shut_write(&c) == 0 && c.wfd == -1);
	MUST(conn_at_end(far[0]));
	MUST(conn_carries(far[0], 0, "late"));
	MUST(tr->unsent(&c) == 0);
	tr->close(&c);
	MUST(is_null(0) && is_null(1) && !nonblocking(far[1]));
}

/* inetd: both are one socket. */
static void
test_socket(void)
{
	int s[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) != 0)
		abort();
	in_child("a socket: half-close by shutdown, restored", body_socket,
	    s[1], s[1], s, -1);
	ok(!nonblocking(s[1]), "and ours does still block");
	close(s[0]);
	close(s[1]);
}

static void
body_out_only(const int *far)
{
	struct ipc_conn c;

	MUST(open_stdio(&c, IPC_CONN_WRITE) == 0 && c.rfd == -1 &&
	    c.wfd == 1);
	MUST(conn_carries(1, far[1], "x"));
	tr->close(&c);
	MUST(!is_null(0) && is_null(1));
}

static void
body_in_closed(const int *far)
{
	struct ipc_conn c;

	(void)far;
	MUST(open_stdio(&c, BOTH) == IPC_E_NET && err.sys == EBADF);
	MUST(err.hint[0] != '\0' && c.rfd == -1);
	tr->close(&c);
	MUST(fcntl(1, F_GETFD) == 0);
}

static void
body_out_closed(const int *far)
{
	struct ipc_conn c;

	(void)far;
	MUST(open_stdio(&c, BOTH) == IPC_E_NET && err.sys == EBADF);
	MUST(c.rfd == 0 && c.wfd == -1);
	tr->close(&c);
	MUST(is_null(0));
	MUST(open_stdio(&c, IPC_CONN_READ) == 0);
	tr->close(&c);
}

static void
test_parts(void)
{
	int in[2], out[2], far[2], ro;

	if (pipe(in) != 0 || pipe(out) != 0 ||
	    (ro = open("/dev/null", O_RDONLY)) < 0)
		abort();
	far[0] = in[1];
	far[1] = out[0];
	in_child("output only: input is not touched", body_out_only, in[0],
	    out[1], far, -1);
	in_child("closed input is an error", body_in_closed, -1, out[1], far,
	    -1);
	in_child("closed output is an error", body_out_closed, in[0], -1,
	    far, -1);
	in_child("output that is open for reading only is an error",
	    body_out_closed, in[0], ro, far, -1);
	close(in[0]);
	close(in[1]);
	close(out[0]);
	close(out[1]);
	close(ro);
}

int
main(void)
{
	unsigned before;

	setvbuf(stdout, NULL, _IOLBF, 0);
	before = conn_open_fds();
	test_pipes();
	test_socket();
	test_parts();
	is_u64(conn_open_fds(), before, "no descriptor left behind (H21)");
	return done();
}
