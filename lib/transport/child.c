/*
 * Children of exec and sh.
 *
 * States: descriptors made -> spawned -> running -> exited, looked at by reap
 * (still a zombie) -> collected by close.
 */
#include "transport/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "transport/env.h"
#include "transport/fdio.h"
#include "transport/ptyio.h"
#include "transport/spawn.h"

#define KILL_WAIT_MS 1000	/* SIGKILL acts at once, but for NFS */

/* The child's end of something; out of the way of 0, 1 and 2. */
static int
child_fd(int fd)
{
	int high;

	if (fd == -1 || fd > STDERR_FILENO)
		return fd;
	high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	ipc_fd_close(&fd);
	return high;
}

static int
nonblock(int fd)
{
	int fl = fcntl(fd, F_GETFL);

	return fl == -1 ? -1 : fcntl(fd, F_SETFL, fl | O_NONBLOCK);
}

/* One direction.  Not wanted: the child gets /dev/null. */
static int
child_pipe(bool wanted, bool input, int *ours, int *theirs)
{
	int p[2];

	if (!wanted) {
		*theirs = child_fd(open("/dev/null",
		    (input ? O_RDONLY : O_WRONLY) | O_CLOEXEC));
		return *theirs == -1 ? -1 : 0;
	}
	if (pipe2(p, O_CLOEXEC) == -1)
		return -1;
	*ours = p[input ? 1 : 0];
	*theirs = child_fd(p[input ? 0 : 1]);
	return *theirs == -1 ? -1 : nonblock(*ours);
}

static int
child_pair(struct ipc_conn *c, int io[3])
{
	int sp[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sp) == -1)
		return -1;
	if (c->flags & IPC_CONN_WRITE)
		c->wfd = sp[0];
	else
		(void)shutdown(sp[0], SHUT_WR);
	if ((c->flags & IPC_CONN_READ) || c->wfd == -1)
		c->rfd = sp[0];
	io[0] = io[1] = child_fd(sp[1]);
	return io[0] == -1 ? -1 : nonblock(sp[0]);
}

static int
child_terminal(struct ipc_conn *c, int io[3])
{
	const struct ipc_child_cfg *cfg = c->ep->cfg;
	struct ipc_ptyio *p;
	int fd;

	c->impl = p = calloc(1, sizeof(*p));
	if (p == NULL)
		return -1;
	fd = ipc_ptyio_open(p, cfg->raw, 0, 0);
	if (fd == -1)
		return -1;
	if (c->flags & IPC_CONN_WRITE)
		c->wfd = fd;
	if ((c->flags & IPC_CONN_READ) || c->wfd == -1)
		c->rfd = fd;
	io[0] = io[1] = child_fd(open(p->name, O_RDWR | O_NOCTTY |
	    O_CLOEXEC));
	return io[0] == -1 ? -1 : 0;
}

static int
child_errors(const struct ipc_child_cfg *cfg, int io[3])
{
	if (cfg->err_to == IPC_STDERR_NULL) {
		io[2] = child_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
		return io[2] == -1 ? -1 : 0;
	}
	if (cfg->pty || cfg->err_to == IPC_STDERR_STDOUT)
		io[2] = io[1];
	return 0;
}

static void
child_close_io(int io[3])
{
	if (io[2] == io[1])
		io[2] = -1;
	if (io[1] == io[0])
		io[1] = -1;
	for (int i = 0; i < 3; i++)
		ipc_fd_close(&io[i]);
}

static int
child_open_io(struct ipc_conn *c, int io[3])
{
	const struct ipc_child_cfg *cfg = c->ep->cfg;
	int rc;

	if (cfg->pty)
		rc = child_terminal(c, io);
	else if (cfg->stdio == IPC_STDIO_SOCKET)
		rc = child_pair(c, io);
	else if ((rc = child_pipe((c->flags & IPC_CONN_WRITE) != 0, true,
	    &c->wfd, &io[0])) == 0)
		rc = child_pipe((c->flags & IPC_CONN_READ) != 0, false,
		    &c->rfd, &io[1]);
	return rc == 0 ? child_errors(cfg, io) : rc;
}

int
ipc_child_start(struct ipc_conn *c, const char *const *argv,
    const struct ipc_conn *other, struct ipc_error *err)
{
	const struct ipc_child_cfg *cfg = c->ep->cfg;
	union { const char *const *in; char *const *out; } args = { argv };
	struct ipc_spawn ask = {
		.argv = args.out,
		.owner = &cfg->owner,
		.cwd = cfg->cwd,
		.io = { -1, -1, -1 },
		.session = cfg->pty,
	};
	struct ipc_env env = { 0 };
	pid_t pid = -1;

	if (child_open_io(c, ask.io) == -1) {
		(void)ipc_fail(err, IPC_E_NET, errno, NULL,
		    "cannot make the descriptors of a child");
	} else if (ipc_env_build(&env, cfg->pass_env, &cfg->env,
	    other) == -1) {
		(void)ipc_fail(err, IPC_E_NET, errno, NULL,
		    "cannot make the environment of a child");
	} else {
		ask.envp = env.v;
		pid = ipc_spawn(&ask, err);
	}
	ipc_env_free(&env);
	child_close_io(ask.io);
	if (pid < 0)
		return IPC_E_NET;
	c->pid = pid;
	c->pidfd = pidfd_open(pid, 0);
	if (c->pidfd == -1)
		return ipc_fail(err, IPC_E_NET, errno, NULL,
		    "cannot watch a child");
	ipc_conn_classify(c);
	return 0;
}

int
ipc_child_check(const struct ipc_endpoint *ep, struct ipc_error *err)
{
	const struct ipc_child_cfg *cfg = ep->cfg;

	for (uint32_t i = 0; i < cfg->env.n; i++) {
		const char *eq = strchr(cfg->env.v[i], '=');

		if (eq == NULL || eq == cfg->env.v[i])
			return ipc_fail(err, IPC_E_USAGE, 0,
			    "write env=NAME=VALUE",
			    "env needs a name and a value");
	}
	if (cfg->pty && cfg->stdio != IPC_STDIO_PIPE)
		return ipc_fail(err, IPC_E_USAGE, 0, "drop one of them",
		    "pty does not go with stdio=socket");
	if (cfg->raw && !cfg->pty)
		return ipc_fail(err, IPC_E_USAGE, 0, "add the key pty",
		    "raw is about a terminal: it needs pty");
	return 0;
}

uint64_t
ipc_child_grace(const struct ipc_conn *c)
{
	const struct ipc_child_cfg *cfg = c->ep->cfg;

	return cfg->grace_ns;
}

ssize_t
ipc_child_readv(struct ipc_conn *c, const struct iovec *iov, int n)
{
	if (c->impl != NULL)
		return ipc_ptyio_readv(c->impl, c->rfd, iov, n);
	return readv(c->rfd, iov, n);
}

ssize_t
ipc_child_writev(struct ipc_conn *c, const struct iovec *iov, int n)
{
	if (c->impl != NULL)
		return ipc_ptyio_writev(c->impl, c->wfd, iov, n);
	return writev(c->wfd, iov, n);
}

int
ipc_child_shut_write(struct ipc_conn *c)
{
	int fd = c->wfd, rc = 0;

	if (fd == -1)
		return 0;
	if (c->impl != NULL) {
		/* Closing the master would hang up the child. */
		ipc_ptyio_eof(c->impl, fd);
		c->rfd = fd;
	} else if (c->flags & IPC_CONN_SOCKET) {
		rc = shutdown(fd, SHUT_WR);
		if (rc == -1 && errno == ENOTCONN)
			rc = 0;
		c->rfd = fd;
	} else {
		rc = close(fd);
	}
	c->wfd = -1;
	return rc;
}

ssize_t
ipc_child_unsent(struct ipc_conn *c)
{
	int fd = c->wfd != -1 ? c->wfd : c->rfd;

	return c->impl != NULL && fd != -1 ? ipc_ptyio_flush(c->impl, fd) : 0;
}

int
ipc_child_reap(struct ipc_conn *c, int *status)
{
	siginfo_t si;

	memset(&si, 0, sizeof(si));
	if (c->pid <= 0 || waitid(P_PIDFD, (id_t)c->pidfd, &si,
	    WEXITED | WNOHANG | WNOWAIT) == -1) {
		*status = 255;	/* someone else collected it */
		return 0;
	}
	if (si.si_pid == 0)
		return 1;
	*status = si.si_code == CLD_EXITED ? si.si_status :
	    128 + si.si_status;
	return 0;
}

void
ipc_child_kill(struct ipc_conn *c, int sig)
{
	/* Never 0 or 1: that would be our group, or everyone. */
	if (c->pid > 1)
		(void)kill(-c->pid, sig);
}

void
ipc_child_close(struct ipc_conn *c)
{
	struct pollfd p = { .fd = c->pidfd, .events = POLLIN };

	if (c->pid > 1) {
		ipc_child_kill(c, SIGKILL);
		/* Bounded, unless it could not be watched from the start. */
		if (p.fd != -1)
			(void)poll(&p, 1, KILL_WAIT_MS);
		(void)waitpid(c->pid, NULL, p.fd != -1 ? WNOHANG : 0);
	}
	c->pid = 0;
	ipc_conn_close_fds(c);
	free(c->impl);
	c->impl = NULL;
}

const struct ipc_opt ipc_child_opts[] = {
	{ .name = "cwd", .type = IPC_OPT_STRING, .argname = "DIR",
	  .flags = IPC_OPT_PATHNAME,
	  .offset = offsetof(struct ipc_child_cfg, cwd),
	  .help = "directory to run in" },
	{ .name = "stderr", .type = IPC_OPT_ENUM,
	  .argname = "inherit|null|stdout",
	  .offset = offsetof(struct ipc_child_cfg, err_to),
	  .dflt = "inherit",
	  .help = "where its messages go" },
	{ .name = "stdio", .type = IPC_OPT_ENUM, .argname = "pipe|socket",
	  .offset = offsetof(struct ipc_child_cfg, stdio), .dflt = "pipe",
	  .help = "what its stdin and stdout are" },
	{ .name = "pty", .type = IPC_OPT_FLAG,
	  .offset = offsetof(struct ipc_child_cfg, pty),
	  .help = "run it on a terminal of its own" },
	{ .name = "raw", .type = IPC_OPT_FLAG,
	  .offset = offsetof(struct ipc_child_cfg, raw),
	  .help = "with pty: no line editing, echo or translation" },
	{ .name = "env", .type = IPC_OPT_LIST, .argname = "NAME=VALUE",
	  .offset = offsetof(struct ipc_child_cfg, env),
	  .help = "add to its environment; may be repeated" },
	{ .name = "pass-env", .type = IPC_OPT_FLAG,
	  .offset = offsetof(struct ipc_child_cfg, pass_env),
	  .help = "keep the whole environment, not only the basics" },
	{ .name = "user", .type = IPC_OPT_CUSTOM, .argname = "USER",
	  .offset = offsetof(struct ipc_child_cfg, owner),
	  .parse = ipc_owner_parse_user,
	  .help = "run as this user" },
	{ .name = "group", .type = IPC_OPT_CUSTOM, .argname = "GROUP",
	  .offset = offsetof(struct ipc_child_cfg, owner),
	  .parse = ipc_owner_parse_group,
	  .help = "run with this group, and no other" },
	{ .name = "grace", .type = IPC_OPT_DURATION, .argname = "DUR",
	  .offset = offsetof(struct ipc_child_cfg, grace_ns), .dflt = "2s",
	  .help = "time between SIGTERM and SIGKILL" },
	{ .type = IPC_OPT_END },
};
