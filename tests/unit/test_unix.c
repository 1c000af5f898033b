/*
 * unix: paths, locks, stale and live sockets (H10, H11), modes, credentials,
 * abstract names.
 */
#include <linux/limits.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "check.h"
#include "conn.h"

extern const struct ipc_transport ipc_transport_unix;

static const struct ipc_transport *const un = &ipc_transport_unix;
static struct ipc_error err;
static char dir[] = "/tmp/ipcat-test-unix-XXXXXX";

/* dir/NAME, with room for ".lock".  Two names at a time. */
static const char *
in_dir(const char *name)
{
	static char text[2][PATH_MAX];
	static unsigned turn;

	turn = (turn + 1) % 2;
	snprintf(text[turn], sizeof(text[turn]), "%s/%s", dir, name);
	return text[turn];
}

static bool
exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static unsigned
mode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

/* An endpoint and its listener. */
struct server {
	struct ipc_endpoint ep;
	struct ipc_listener l;
};

static int
server_open(struct server *s, const char *path, const char *keys)
{
	char text[PATH_MAX + 64];
	int rc;

	memset(s, 0, sizeof(*s));
	s->l.fd = s->l.lockfd = -1;
	s->l.ep = &s->ep;
	snprintf(text, sizeof(text), "unix:%s%s", path, keys);
	rc = conn_endpoint(&s->ep, un, text, true, &err);
	return rc != 0 ? rc : conn_listen(&s->l, &s->ep, NULL, &err);
}

static void
server_close(struct server *s)
{
	un->unlisten(&s->l);
	ipc_endpoint_free(&s->ep);
}

static int
client_open(struct ipc_conn *c, struct ipc_endpoint *ep, const char *path)
{
	char text[PATH_MAX + 64];
	int rc;

	conn_init(c, ep, 0);
	snprintf(text, sizeof(text), "unix:%s", path);
	rc = conn_endpoint(ep, un, text, false, &err);
	return rc != 0 ? rc : conn_dial(c, ep, NULL, IPC_CONN_READ |
	    IPC_CONN_WRITE, &err);
}

/* A plain socket of another program, bound; listening if asked. */
static int
foreign(const char *path, bool listening)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 ||
	    (listening && listen(fd, 1) != 0))
		abort();
	return fd;
}

static void
test_session(const char *path, const char *want)
{
	struct server s;
	struct ipc_endpoint ep;
	struct ipc_conn c, a;
	char text[PATH_MAX];

	ok(server_open(&s, path, "?sndbuf=64k") == 0, "listen %s", path);
	is_str(un->bound_text(&s.l, text, sizeof(text)), want, "bound_text");
	ok(client_open(&c, &ep, path) == 0, "dial");
	ok(conn_accept(&s.l, &a, &err) == 0, "accept");
	ok(a.peer.family == AF_UNIX && a.peer.has_cred &&
	    a.peer.pid == getpid() && a.peer.uid == geteuid() &&
	    a.peer.gid == getegid(), "who the client is");
	ok(c.peer.has_cred && c.peer.uid == geteuid(), "who the server is");
	is_u64((uint64_t)conn_option(a.rfd, SOL_SOCKET, SO_SNDBUF), 131072,
	    "accepted: sndbuf");
	ok((fcntl(a.rfd, F_GETFL) & O_NONBLOCK) != 0 &&
	    (fcntl(a.rfd, F_GETFD) & FD_CLOEXEC) != 0 &&
	    (a.flags & IPC_CONN_SOCKET) != 0, "accepted: flags");
	ok(conn_carries(c.wfd, a.rfd, "ping") &&
	    conn_carries(a.wfd, c.rfd, "pong"), "both ways");
	ok(write(c.wfd, "rest", 4) == 4 && un->unsent(&c) > 0,
	    "unsent until the peer reads");
	ok(read(a.rfd, text, 10) == 4 && un->unsent(&c) == 0, "then nothing");
	ok(un->shut_write(&c) == 0 && conn_at_end(a.rfd) &&
	    conn_carries(a.wfd, c.rfd, "late"), "half-close");
	ok(write(a.wfd, "lost", 4) == 4, "unread data");
	un->close(&c);
	ok(un->unsent(&a) == -1 && errno == ECONNRESET,
	    "unsent tells that the peer left it");
	un->close(&a);
	ipc_endpoint_free(&ep);
	server_close(&s);
}

static void
test_modes(void)
{
	struct server s;
	const char *path = in_dir("mode");
	mode_t old = umask(0);

	ok(server_open(&s, path, "") == 0 && mode_of(path) == 0600,
	    "mode 0600 whatever the umask");
	ok(mode_of(in_dir("mode.lock")) == 0600, "lock 0600");
	server_close(&s);
	ok(!exists(path) && !exists(in_dir("mode.lock")),
	    "socket and lock are removed at the end");
	umask(0077);
	ok(server_open(&s, path, "?mode=0666") == 0 && mode_of(path) == 0666,
	    "mode=0666 under umask 077");
	server_close(&s);
	ok(server_open(&s, path, "?mode=0060") == 0 && mode_of(path) == 0060,
	    "mode=0060");
	server_close(&s);
	umask(0022);
	ok(server_open(&s, path, "?mode=1777") == IPC_E_USAGE,
	    "mode=1777: %s", err.what);
	server_close(&s);
	is_u64(umask(old), 0022, "the umask is as before");
	ok(server_open(&s, path, "?user=no-such-user") == IPC_E_USAGE,
	    "%s", err.what);
	server_close(&s);
}

static void
test_owner(void)
{
	struct server s;
	struct stat st;
	const char *path = in_dir("owner");

	if (geteuid() != 0) {
		ok(true, "user and group # SKIP not root");
		return;
	}
	ok(server_open(&s, path, "?user=1&group=2&mode=0660") == 0 &&
	    lstat(path, &st) == 0 && st.st_uid == 1 && st.st_gid == 2 &&
	    (st.st_mode & 07777) == 0660, "user and group");
	/* As after kill -9: the file stays, nobody has it open. */
	ipc_endpoint_free(&s.ep);
	close(s.l.fd);
	close(s.l.lockfd);
	ok(server_open(&s, path, "") == IPC_E_NET && err.sys == EADDRINUSE &&
	    exists(path), "a dead socket of another user stays: %s",
	    err.hint);
	server_close(&s);
	ok(server_open(&s, path, "?user=1") == 0,
	    "the configured owner may replace it");
	server_close(&s);
}

/* 107 bytes fit, 108 do not. */
static void
test_lengths(void)
{
	struct server s;
	struct ipc_endpoint ep;
	struct ipc_conn c;
	char path[PATH_MAX], name[128];

	memset(name, 'n', sizeof(name));
	name[107 - strlen(dir) - 1] = '\0';
	snprintf(path, sizeof(path), "%s", in_dir(name));
	is_u64(strlen(path), 107, "a path of 107 bytes");
	ok(server_open(&s, path, "") == 0, "listens");
	ok(client_open(&c, &ep, path) == 0, "is dialed");
	un->close(&c);
	ipc_endpoint_free(&ep);
	server_close(&s);
	ok(!exists(path), "is removed");
	strcat(path, "n");
	ok(server_open(&s, path, "") == IPC_E_USAGE, "108: %s", err.what);
	server_close(&s);
	ok(client_open(&c, &ep, path) == IPC_E_USAGE, "108 dialed");
	un->close(&c);
	ipc_endpoint_free(&ep);
	ok(server_open(&s, "", "") == IPC_E_USAGE, "empty: %s", err.what);
	server_close(&s);
}

static void
refused(const char *path, const char *keys, const char *why)
{
	struct server s;

	ok(server_open(&s, path, keys) == IPC_E_NET &&
	    err.sys == EADDRINUSE, "%s: %s (%s)", why, err.what, err.hint);
	server_close(&s);
	ok(exists(path), "%s: the path stays", why);
}

static void
test_stale(void)
{
	struct server s;
	struct stat st;
	const char *path = in_dir("stale");
	int fd = foreign(path, false);
	ino_t ino;

	refused(path, "", "bound, not yet listening");
	if (listen(fd, 1) != 0 || lstat(path, &st) != 0)
		abort();
	refused(path, "", "live");
	ok(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0) == 0,
	    "the live one was not even connected to");
	ok(!exists(in_dir("stale.lock")), "no lock is left beside it");
	ino = st.st_ino;
	close(fd);
	refused(path, "?replace=no", "dead, but replace=no");
	ok(server_open(&s, path, "") == 0, "dead: replaced");
	ok(lstat(path, &st) == 0 && st.st_ino == s.l.ino, "a new socket %s",
	    ino == st.st_ino ? "(same inode number)" : "");
	server_close(&s);
	ok(!exists(path), "and removed at the end");
}

static void
test_not_sockets(void)
{
	const char *path = in_dir("thing");
	char other[PATH_MAX];
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	close(fd);
	refused(path, "", "a plain file");
	unlink(path);
	snprintf(other, sizeof(other), "%s", in_dir("target"));
	if (symlink(other, path) != 0)
		abort();
	refused(path, "", "a dangling symlink");
	fd = foreign(other, false);
	close(fd);
	refused(path, "", "a symlink to a dead socket");
	ok(exists(other), "its target stays");
	unlink(path);
	unlink(other);
	if (mkdir(path, 0700) != 0)
		abort();
	refused(path, "", "a folder");
	rmdir(path);
}

static void
test_lock(void)
{
	struct server s, second;
	const char *path = in_dir("locked");
	char lock[PATH_MAX];
	int fd;

	snprintf(lock, sizeof(lock), "%s.lock", path);
	ok(server_open(&s, path, "") == 0, "first");
	unlink(path);
	ok(server_open(&second, path, "") == IPC_E_NET &&
	    err.sys == EADDRINUSE && !exists(path),
	    "the lock alone keeps a second one out: %s", err.hint);
	server_close(&second);
	ok(exists(lock), "the loser leaves the lock");
	server_close(&s);
	ok(!exists(lock), "the winner removes it");

	fd = open(lock, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	ok(server_open(&s, path, "") == 0, "a lock file left over is used");
	server_close(&s);
	close(fd);
	if (symlink("/dev/null", lock) != 0)
		abort();
	ok(server_open(&s, path, "") == IPC_E_NET && !exists(path),
	    "a symlink for a lock: %s", err.what);
	server_close(&s);
	ok(exists(lock), "and it stays");
	unlink(lock);
	ok(server_open(&s, in_dir("no/such"), "") == IPC_E_NET &&
	    err.sys == ENOENT, "no such folder: %s", err.what);
	server_close(&s);
}

/* At the end only what was bound here is removed. */
static void
test_only_ours(void)
{
	struct server s;
	const char *path = in_dir("ours");
	int fd;

	ok(server_open(&s, path, "") == 0, "listen");
	unlink(path);
	fd = foreign(path, true);
	server_close(&s);
	ok(exists(path), "the socket of a successor stays");
	close(fd);
	unlink(path);
}

/* Killed without warning: its successor starts. */
static void
test_killed(void)
{
	struct server s;
	const char *path = in_dir("killed");
	int ready[2], status;
	char b;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) != 0 || (pid = fork()) < 0)
		abort();
	if (pid == 0) {
		if (server_open(&s, path, "") != 0 ||
		    write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	ok(read(ready[0], &b, 1) == 1, "a server in another process");
	refused(path, "", "while it lives");
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	ok(exists(path) && exists(in_dir("killed.lock")), "killed: both stay");
	ok(server_open(&s, path, "") == 0, "the successor listens");
	server_close(&s);
	ok(!exists(path) && !exists(in_dir("killed.lock")), "and tidies up");
	close(ready[0]);
}

static void
test_dial_errors(void)
{
	struct ipc_endpoint ep;
	struct ipc_conn c[8];
	struct ipc_endpoint eps[8];
	struct server s;
	const char *path = in_dir("dial");
	int fd, rc = 0;
	unsigned n = 0;

	ok(client_open(c, &ep, path) == IPC_E_NET && err.sys == ENOENT,
	    "%s (%s)", err.what, err.hint);
	un->close(c);
	ipc_endpoint_free(&ep);
	fd = foreign(path, false);
	close(fd);
	ok(client_open(c, &ep, path) == IPC_E_NET && err.sys == ECONNREFUSED,
	    "%s (%s)", err.what, err.hint);
	un->close(c);
	ipc_endpoint_free(&ep);
	ok(server_open(&s, path, "?backlog=1") == 0, "backlog=1");
	while (n < 8 && rc == 0)
		rc = client_open(&c[n], &eps[n], path), n++;
	ok(rc == IPC_E_NET && err.sys == EAGAIN, "full backlog: %s (%s)",
	    err.what, err.hint);
	while (n-- > 0) {
		un->close(&c[n]);
		ipc_endpoint_free(&eps[n]);
	}
	server_close(&s);
}

static void
test_abstract(void)
{
	struct server s, second;
	char name[64], want[80];

	snprintf(name, sizeof(name), "@ipcat-test-%d", (int)getpid());
	snprintf(want, sizeof(want), "unix:%s", name);
	test_session(name, want);
	ok(server_open(&s, name, "") == 0, "abstract");
	ok(server_open(&second, name, "") == IPC_E_NET &&
	    err.sys == EADDRINUSE, "taken: %s (%s)", err.what, err.hint);
	server_close(&second);
	server_close(&s);
	ok(server_open(&s, name, "?mode=0666") == IPC_E_USAGE,
	    "abstract names have no mode: %s", err.what);
	server_close(&s);
}

int
main(void)
{
	char want[PATH_MAX];
	unsigned before;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (mkdtemp(dir) == NULL || chdir(dir) != 0)
		return 1;
	before = conn_open_fds();
	snprintf(want, sizeof(want), "unix://%s", in_dir("s"));
	test_session(in_dir("s"), want);
	snprintf(want, sizeof(want), "unix://%s", in_dir("a%25b%3Fc"));
	test_session(in_dir("a%25b%3Fc"), want);
	snprintf(want, sizeof(want), "unix://%s", in_dir("relative"));
	test_session("relative", want);
	test_modes();
	test_owner();
	test_lengths();
	test_stale();
	test_not_sockets();
	test_lock();
	test_only_ours();
	test_killed();
	test_dial_errors();
	test_abstract();
	is_u64(conn_open_fds(), before, "no descriptor left behind (H21)");
	ok(chdir("/") == 0 && rmdir(dir) == 0, "nothing left in the folder");
	return done();
}
