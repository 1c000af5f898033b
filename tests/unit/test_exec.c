/*
 * exec and sh: what a child gets (descriptors, environment, signals, group),
 * how it ends and is collected, and what is left of it: nothing.
 *
 * The test runs itself as the child: `test_exec fds`, `env`, `signals` …
 */
#include "tests/unit/check.h"
#include "tests/unit/conn.h"

#include <arpa/inet.h>
#include <pwd.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "transport/child.h"

#define BOTH (IPC_CONN_READ | IPC_CONN_WRITE)

extern const struct ipc_transport ipc_transport_exec, ipc_transport_sh;

static char self[4096];

/* --- as the child ---------------------------------------------------------*/

static int
report_fds(void)
{
	for (int fd = 0; fd < 4096; fd++)
		if (fcntl(fd, F_GETFD) != -1)
			printf("%d ", fd);
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static int
report_env(void)
{
	size_t n = 0;

	while (environ[n] != NULL)
		n++;
	qsort(environ, n, sizeof(*environ), by_name);
	for (size_t i = 0; i < n; i++)
		printf("%s\n", environ[i]);
	return 0;
}

static int
report_state(void)
{
	struct sigaction sa;
	sigset_t mask;
	int death = 0, odd = 0;

	/* Handlers cannot survive an exec; a sanitizer sets some anew. */
	for (int sig = 1; sig < 65; sig++)
		if (sigaction(sig, NULL, &sa) == 0 &&
		    sa.sa_handler == SIG_IGN)
			odd++;
	sigprocmask(SIG_BLOCK, NULL, &mask);
	for (int sig = 1; sig < 65; sig++)
		odd += sigismember(&mask, sig) == 1;
	prctl(PR_GET_PDEATHSIG, &death);
	printf("odd=%d leader=%d death=%d", odd, getpgrp() == getpid(),
	    death == SIGTERM);
	return 0;
}

static int
report_ids(void)
{
	gid_t g[16];
	int n = getgroups(16, g);

	printf("%u %u", getuid(), getgid());
	for (int i = 0; i < n; i++)
		printf(" +%u", g[i]);
	return 0;
}

static int
report_args(int argc, char **argv)
{
	for (int i = 2; i < argc; i++)
		printf("[%s]", argv[i]);
	return 0;
}

static int
as_child(int argc, char **argv)
{
	if (strcmp(argv[1], "fds") == 0)
		return report_fds();
	if (strcmp(argv[1], "env") == 0)
		return report_env();
	if (strcmp(argv[1], "state") == 0)
		return report_state();
	if (strcmp(argv[1], "ids") == 0)
		return report_ids();
	if (strcmp(argv[1], "args") == 0)
		return report_args(argc, argv);
	return 99;
}

/* --- as the parent --------------------------------------------------------*/

static int
shape(const char *scheme)
{
	(void)scheme;
	return IPC_EP_COMMAND;
}

static int
endpoint(struct ipc_endpoint *ep, const char *text, struct ipc_error *err)
{
	const struct ipc_transport *tr = strncmp(text, "sh", 2) == 0 ?
	    &ipc_transport_sh : &ipc_transport_exec;
	int rc;

	memset(err, 0, sizeof(*err));
	rc = ipc_endpoint_parse(ep, text, shape, err);
	if (rc != 0)
		return rc;
	ep->tr = tr;
	ep->cfg = calloc(1, tr->cfg_size);
	rc = ipc_opt_defaults(tr->opts, ep->cfg, err);
	for (uint32_t i = 0; rc == 0 && i < ep->nkeys; i++)
		rc = ipc_opt_set(tr->opts, ep->cfg, ep->keys[i].key,
		    ep->keys[i].value, err);
	return rc != 0 ? rc : tr->check(ep, false, err);
}

static void
drop(struct ipc_endpoint *ep)
{
	if (ep->cfg != NULL)
		ipc_opt_free(ep->tr->opts, ep->cfg);
	ipc_endpoint_free(ep);
}

/* Everything the child says; NULL when the deadline passed. */
static const char *
all(struct ipc_conn *c)
{
	static char buf[16384];
	size_t len = 0;

	while (len < sizeof(buf) - 1 && conn_wait(c->rfd, POLLIN)) {
		struct iovec iov = { buf + len, sizeof(buf) - 1 - len };
		ssize_t n = c->tr->readv(c, &iov, 1);

		if (n == -1 && errno == EAGAIN)
			continue;
		if (n <= 0) {
			buf[len] = '\0';
			return n == 0 ? buf : NULL;
		}
		len += (size_t)n;
	}
	return NULL;
}

static int
ended(struct ipc_conn *c)
{
	int status = -1;

	if (!conn_wait(c->pidfd, POLLIN) || c->tr->reap(c, &status) != 0)
		return -1;
	return status;
}

/* Run to the end: what it said, and its status. */
static const char *
run_with(const char *text, const struct ipc_conn *with, int *status)
{
	struct ipc_endpoint ep;
	struct ipc_error err;
	struct ipc_conn c;
	const char *said = NULL;

	*status = -1;
	if (endpoint(&ep, text, &err) == 0) {
		conn_init(&c, &ep, BOTH);
		if (ep.tr->dial(&c, NULL, with, &err) == 0) {
			ep.tr->shut_write(&c);
			said = all(&c);
			*status = ended(&c);
		}
		ep.tr->close(&c);
	}
	if (err.code != 0)
		printf("# %s\n", err.what);
	drop(&ep);
	return said;
}

static const char *
run_self(const char *keys, const char *args, int *status)
{
	char text[8192];

	snprintf(text, sizeof(text), "exec%s:'%s' %s", keys, self, args);
	return run_with(text, NULL, status);
}

static bool
no_children(void)
{
	return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD;
}

static void
basics(void)
{
	struct ipc_endpoint ep;
	struct ipc_error err;
	struct ipc_conn c;
	int status;

	ok(endpoint(&ep, "exec:cat", &err) == 0 &&
	    conn_dial(&c, &ep, NULL, BOTH, &err) == 0, "cat runs");
	ok(conn_carries(c.wfd, c.rfd, "through the child"), "bytes pass");
	ok(c.tr->reap(&c, &status) == 1, "still running");
	ok((c.flags & (IPC_CONN_SOCKET | IPC_CONN_NOSPLICE)) == 0, "pipes");
	ok(c.tr->shut_write(&c) == 0, "input ends");
	is_str(all(&c), "", "then the output");
	is_u64((uint64_t)ended(&c), 0, "and exits with 0");
	c.tr->close(&c);
	c.tr->close(&c);
	drop(&ep);
	is_str(run_with("sh:echo out; exit 7", NULL, &status), "out\n",
	    "a shell line");
	is_u64((uint64_t)status, 7, "its status");
	run_with("sh:kill -9 $$", NULL, &status);
	is_u64((uint64_t)status, 137, "a signal is 128 more");
	ok(endpoint(&ep, "exec?stdio=socket:cat", &err) == 0 &&
	    conn_dial(&c, &ep, NULL, BOTH, &err) == 0 && c.rfd == c.wfd &&
	    (c.flags & IPC_CONN_SOCKET), "stdio=socket");
	ok(conn_carries(c.wfd, c.rfd, "socket"), "bytes pass");
	ok(c.tr->shut_write(&c) == 0, "input ends");
	is_str(all(&c), "", "then the output");
	c.tr->close(&c);
	drop(&ep);
	ok(no_children(), "no zombie");
}

static void
one_way(void)
{
	struct ipc_endpoint ep;
	struct ipc_error err;
	struct ipc_conn c;

	ok(endpoint(&ep, "sh:cat; echo done", &err) == 0 &&
	    conn_dial(&c, &ep, NULL, IPC_CONN_READ, &err) == 0 &&
	    c.wfd == -1, "only output wanted");
	is_str(all(&c), "done\n", "its input is empty");
	c.tr->close(&c);
	ok(conn_dial(&c, &ep, NULL, IPC_CONN_WRITE, &err) == 0 &&
	    c.rfd == -1, "only input wanted");
	ok(c.tr->shut_write(&c) == 0 && ended(&c) == 0, "runs to its end");
	c.tr->close(&c);
	drop(&ep);
}

static void
surroundings(void)
{
	int extra = open("/dev/null", O_RDONLY), status; /* not CLOEXEC */
	struct sigaction old, ign = { .sa_handler = SIG_IGN };
	sigset_t usr;

	is_str(run_self("", "fds", &status), "0 1 2 ",
	    "descriptors 0, 1, 2 and no other");
	is_str(run_self("?stderr=null&stdio=socket", "fds", &status),
	    "0 1 2 ", "with other keys too");
	is_str(run_self("?pty&raw", "fds", &status), "0 1 2 ",
	    "and on a pty");
	close(extra);
	sigaction(SIGPIPE, &ign, &old);
	sigemptyset(&usr);
	sigaddset(&usr, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr, NULL);
	is_str(run_self("", "state", &status), "odd=0 leader=1 death=1",
	    "default signals, own group, dies with us");
	sigprocmask(SIG_UNBLOCK, &usr, NULL);
	sigaction(SIGPIPE, &old, NULL);
	is_str(run_with("sh?stderr=stdout:echo a; echo b >&2", NULL,
	    &status), "a\nb\n", "stderr=stdout");
	is_str(run_with("sh?cwd=/proc/self:pwd -P | tr -d 0-9", NULL,
	    &status), "/proc/\n", "cwd");
}

static void
words(void)
{
	struct ipc_endpoint ep;
	struct ipc_error err;
	int status;

	is_str(run_self("", "args  a\t'b  c' \"d\\\"e\\\\f\\g\" h\\ i"
	    " '' j'k'\"l\" ?x=%41", &status),
	    "[a][b  c][d\"e\\f\\g][h i][][jkl][?x=%41]", "quoting rules");
	ok(endpoint(&ep, "exec:echo 'open", &err) == IPC_E_USAGE,
	    "a quote left open");
	drop(&ep);
	ok(endpoint(&ep, "exec:echo \\", &err) == IPC_E_USAGE,
	    "a backslash at the end");
	drop(&ep);
	ok(endpoint(&ep, "exec:  ", &err) == IPC_E_USAGE, "no program");
	drop(&ep);
	ok(endpoint(&ep, "sh:", &err) == IPC_E_USAGE, "no line");
	drop(&ep);
	ok(endpoint(&ep, "exec?env=NAME:true", &err) == IPC_E_USAGE,
	    "env without a value");
	drop(&ep);
	ok(endpoint(&ep, "exec?raw:true", &err) == IPC_E_USAGE,
	    "raw without pty");
	drop(&ep);
}

static void
argv_words(void)
{
	const char *const argv[] = { self, "args", "x y", "'", NULL };
	struct ipc_endpoint ep;
	struct ipc_error err;
	struct ipc_conn c;

	memset(&err, 0, sizeof(err));
	ok(ipc_endpoint_exec(&ep, argv, &err) == 0, "-e PROG ARG");
	ep.tr = &ipc_transport_exec;
	ep.cfg = calloc(1, ep.tr->cfg_size);
	ok(ipc_opt_defaults(ep.tr->opts, ep.cfg, &err) == 0 &&
	    ep.tr->check(&ep, false, &err) == 0 &&
	    conn_dial(&c, &ep, NULL, BOTH, &err) == 0, "runs");
	is_str(all(&c), "[x y][']", "words as they are");
	c.tr->close(&c);
	drop(&ep);
}

static void
environment(void)
{
	static char path_var[] = "PATH=/usr/bin:/bin";
	static char lang[] = "LANG=C", lc[] = "LC_ALL=C";
	static char bad[] = "LD_BIND_NOW=1", lfd[] = "LISTEN_FDS=3";
	static char ns[] = "NOTIFY_SOCKET=/run/x", mine[] = "MINE=1";
	static char ip[] = "TCPREMOTEIP=1.2.3.4", old_peer[] = "IPCAT_PEER=x";
	char *list[] = { path_var, lang, lc, bad, lfd, ns, mine, ip,
	    old_peer, NULL };
	char **saved = environ, want[512], text[4200];
	struct ipc_conn peer;
	int status;

	environ = list;
	is_str(run_self("", "env", &status),
	    "LANG=C\nLC_ALL=C\nPATH=/usr/bin:/bin\n", "clean environment");
	is_str(run_self("?env=A=1&env=LANG=de&env=A=2&env=E=", "env",
	    &status),
	    "A=2\nE=\nLANG=de\nLC_ALL=C\nPATH=/usr/bin:/bin\n", "env=");
	is_str(run_self("?pass-env", "env", &status),
	    "LANG=C\nLC_ALL=C\nMINE=1\nPATH=/usr/bin:/bin\n", "pass-env");
	conn_init(&peer, NULL, 0);
	peer.tr = &ipc_transport_exec;
	peer.peer.family = AF_UNIX;
	peer.peer.has_cred = true;
	peer.peer.pid = 77;
	peer.peer.uid = 5;
	peer.peer.gid = 6;
	snprintf(text, sizeof(text), "exec:'%s' env", self);
	snprintf(want, sizeof(want), "IPCAT_PEER=unix pid=77 uid=5\n"
	    "IPCAT_PEER_GID=6\nIPCAT_PEER_PID=77\nIPCAT_PEER_UID=5\n"
	    "IPCAT_PID=%d\nIPCAT_SCHEME=exec\nLANG=C\nLC_ALL=C\n"
	    "PATH=/usr/bin:/bin\nPROTO=UNIX\nUNIXREMOTEEGID=6\n"
	    "UNIXREMOTEEUID=5\nUNIXREMOTEPID=77\n", (int)getpid());
	is_str(run_with(text, &peer, &status), want, "a unix peer");
	environ = saved;
}

static void
environment_tcp(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	struct ipc_conn peer;
	char want[512], text[4200];
	const char *said;
	int status;

	conn_init(&peer, NULL, 0);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	peer.rfd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(peer.rfd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    getsockname(peer.rfd, (struct sockaddr *)&sin, &len) == -1)
		abort();
	ipc_ident_from(&peer.peer, (struct sockaddr *)&sin, len);
	peer.peer.port = 4321;
	snprintf(text, sizeof(text), "exec:'%s' env", self);
	said = run_with(text, &peer, &status);
	snprintf(want, sizeof(want), "TCPLOCALIP=127.0.0.1\nTCPLOCALPORT=%u\n"
	    "TCPREMOTEIP=127.0.0.1\nTCPREMOTEPORT=4321\n",
	    ntohs(sin.sin_port));
	ok(said != NULL && strstr(said, want) != NULL &&
	    strstr(said, "\nPROTO=TCP\n") != NULL, "ucspi names");
	snprintf(want, sizeof(want), "IPCAT_LOCAL=127.0.0.1:%u\n"
	    "IPCAT_PEER=127.0.0.1:4321\nIPCAT_PEER_IP=127.0.0.1\n"
	    "IPCAT_PEER_PORT=4321\n", ntohs(sin.sin_port));
	ok(said != NULL && strstr(said, want) != NULL, "our names");
	close(peer.rfd);
}

static void
failure(const char *text, int sys, const char *part)
{
	struct ipc_endpoint ep;
	struct ipc_error err;
	struct ipc_conn c;
	int rc;

	ok(endpoint(&ep, text, &err) == 0, "%s: plausible", text);
	conn_init(&c, &ep, BOTH);
	rc = ep.tr->dial(&c, NULL, NULL, &err);
	ok(rc == IPC_E_NET && err.sys == sys, "fails with errno %d", sys);
	ok(strstr(err.hint, part) != NULL, "hint: %s", err.hint);
	ok(no_children(), "no child is left");
	ep.tr->close(&c);
	drop(&ep);
}

static void
failures(void)
{
	failure("exec:no-such-program-here", ENOENT, "PATH");
	failure("exec:no-such-program-here | wc", ENOENT, "sh:");
	failure("exec:/etc/passwd", EACCES, "executable");
	failure("exec?cwd=/nonexistent:true", ENOENT, "");
	if (geteuid() != 0)
		failure("exec?user=0:true", EPERM, "root");
}

static void
other_user(void)
{
	int status;

	if (geteuid() != 0) {
		ok(true, "another user # SKIP needs root");
		return;
	}
	/* The test itself may lie where that user cannot go. */
	is_str(run_with("exec?user=65534&group=65533:"
	    "sh -c 'echo `id -u` `id -g` `id -G`'", NULL, &status),
	    "65534 65533 65533\n", "user and group dropped");
	is_str(run_self("?group=65533", "ids", &status),
	    "0 65533 +65533", "group alone");
	is_str(run_with("exec?user=nobody:id -un", NULL, &status),
	    "nobody\n", "by name");
}

/* True once nothing is left of the process group. */
static bool
group_gone(pid_t pgid)
{
	/* Members that init collects may take a moment. */
	for (int i = 0; i < 5000; i++) {
		if (kill(-pgid, 0) == -1 && errno == ESRCH)
			return true;
		poll(NULL, 0, 2);
	}
	return false;
}

static void
stubborn(void)
{
	struct ipc_endpoint ep;
	struct ipc_error err;
	struct ipc_conn c;
	int status = -1;
	pid_t pid;

	ok(endpoint(&ep, "sh?grace=1500ms:trap '' TERM; sleep 600 & "
	    "sleep 601 & echo up; while :; do sleep 602; done", &err) == 0 &&
	    conn_dial(&c, &ep, NULL, BOTH, &err) == 0, "a stubborn child");
	is_u64(ipc_child_grace(&c), 1500000000, "grace is told");
	ok(conn_wait(c.rfd, POLLIN), "is up");
	pid = c.pid;
	c.tr->kill(&c, SIGTERM);
	ok(c.tr->reap(&c, &status) == 1, "ignores SIGTERM");
	c.tr->kill(&c, SIGKILL);
	is_u64((uint64_t)ended(&c), 137, "not SIGKILL");
	ok(c.tr->reap(&c, &status) == 0 && status == 137, "reap twice");
	c.tr->kill(&c, SIGTERM);
	c.tr->close(&c);
	ok(no_children(), "no zombie");
	ok(group_gone(pid), "and its children are gone");
	ok(conn_dial(&c, &ep, NULL, BOTH, &err) == 0 &&
	    conn_wait(c.rfd, POLLIN), "once more");
	pid = c.pid;
	c.tr->close(&c);
	ok(no_children() && group_gone(pid), "close alone ends it");
	drop(&ep);
	ok(endpoint(&ep, "sh:sleep 603 & echo up", &err) == 0 &&
	    conn_dial(&c, &ep, NULL, BOTH, &err) == 0, "a child that forks");
	pid = c.pid;
	is_u64((uint64_t)ended(&c), 0, "and ends");
	c.tr->close(&c);
	ok(no_children() && group_gone(pid), "leaves no orphan");
	drop(&ep);
}

static void
early_close(void)
{
	struct ipc_endpoint ep;
	struct ipc_error err;
	struct ipc_conn c;
	struct sigaction old, ign = { .sa_handler = SIG_IGN };

	sigaction(SIGPIPE, &ign, &old);
	ok(endpoint(&ep, "sh:exec <&-; echo closed; exec sleep 604", &err) ==
	    0 && conn_dial(&c, &ep, NULL, BOTH, &err) == 0, "closes early");
	ok(conn_wait(c.rfd, POLLIN) && write(c.wfd, "x", 1) == -1 &&
	    errno == EPIPE, "EPIPE");
	c.tr->close(&c);
	drop(&ep);
	sigaction(SIGPIPE, &old, NULL);
}

static void
terminal(void)
{
	struct ipc_endpoint ep;
	struct ipc_error err;
	struct ipc_conn c;
	char li[] = "li", ne[] = "ne", rest[] = "\nrest";
	struct iovec iov[2] = { { li, 2 }, { ne, 2 } };
	int status;

	ok(endpoint(&ep, "sh?pty:stty -echo; tty | tr -d 0-9; read a; "
	    "echo \"<$a>\"; cat; echo end >&2", &err) == 0 &&
	    conn_dial(&c, &ep, NULL, BOTH, &err) == 0 &&
	    (c.flags & IPC_CONN_NOSPLICE), "on a pty");
	ok(conn_wait(c.rfd, POLLIN), "it is up, echo is off");
	ok(c.tr->writev(&c, iov, 2) == 4, "half a line");
	iov[0].iov_base = rest;
	iov[0].iov_len = 5;
	ok(c.tr->writev(&c, iov, 1) == 5, "and an unfinished one");
	ok(c.tr->shut_write(&c) == 0 && c.wfd == -1 && c.rfd >= 0,
	    "end of input");
	is_str(all(&c), "/dev/pts/\r\n<line>\r\nrestend\r\n",
	    "read to the end, stderr too");
	is_u64((uint64_t)ended(&c), 0, "exits");
	is_u64((uint64_t)c.tr->unsent(&c), 0, "nothing is pending");
	c.tr->close(&c);
	drop(&ep);
	is_str(run_with("sh?pty&raw:echo a; ps -o tty= -p $$ | grep -c pts",
	    NULL, &status), "a\n1\n", "raw, and its controlling terminal");
}

int
main(int argc, char **argv)
{
	unsigned before = conn_open_fds();
	ssize_t n;

	if (argc > 1)
		return as_child(argc, argv);
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	/* A directory of PATH that is closed to us would turn ENOENT into
	 * EACCES. */
	if (n < 0 || setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1) == -1)
		return 1;
	basics();
	one_way();
	surroundings();
	words();
	argv_words();
	environment();
	environment_tcp();
	failures();
	other_user();
	stubborn();
	early_close();
	terminal();
	ok(conn_open_fds() == before, "no descriptor is left");
	ok(no_children(), "no child is left");
	return done();
}
