/* fifo: single and pair, who waits for whom, what is created and removed. */
#include "tests/unit/check.h"
#include "tests/unit/conn.h"

#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "transport/fdio.h"

#define BOTH (IPC_CONN_READ | IPC_CONN_WRITE)

extern const struct ipc_transport ipc_transport_fifo;

static char dir[] = "/tmp/ipcat-fifo-XXXXXX";
static char path[128], reply[128];

static int
endpoint(struct ipc_endpoint *ep, const char *keys, bool binds,
    struct ipc_error *err)
{
	char text[512];

	snprintf(text, sizeof(text), "fifo://%s%s", path, keys);
	return conn_endpoint(ep, &ipc_transport_fifo, text, binds, err);
}

static bool
exists(const char *p)
{
	struct stat st;

	return lstat(p, &st) == 0;
}

static ssize_t
read_some(struct ipc_conn *c, char *buf, size_t len)
{
	struct iovec iov = { buf, len };

	return c->tr->readv(c, &iov, 1);
}

static void
single(void)
{
	struct ipc_endpoint ep;
	struct ipc_conn r, w;
	struct ipc_error err;
	struct stat st;
	char buf[8];

	ok(endpoint(&ep, "?mode=0640", true, &err) == 0, "keys are taken");
	conn_init(&r, &ep, IPC_CONN_BIND | BOTH);
	ok(ep.tr->dial(&r, NULL, NULL, &err) == 1 && r.dialfd == r.rfd &&
	    r.dialev == POLLIN, "the binder waits for bytes");
	ok(r.rfd >= 0 && r.wfd == -1 && (r.flags & IPC_CONN_WFULL),
	    "a binder of one FIFO only reads");
	ok(stat(path, &st) == 0 && S_ISFIFO(st.st_mode) &&
	    (st.st_mode & 07777) == 0640, "FIFO made with its mode");
	ok(read_some(&r, buf, sizeof(buf)) == -1 && errno == EAGAIN,
	    "no end of input before the first writer");
	ok(conn_dial(&w, &ep, NULL, BOTH, &err) == 0, "a dialer opens");
	ok(w.wfd >= 0 && w.rfd == -1, "a dialer of one FIFO only writes");
	ok(r.tr->dialed(&r, &err) == 1, "an open alone is not enough");
	ok(write(w.wfd, "!", 1) == 1 && conn_wait(r.dialfd, r.dialev) &&
	    r.tr->dialed(&r, &err) == 0 && r.dialfd == -1, "bytes are");
	ok(read_some(&r, buf, sizeof(buf)) == 1, "none is lost");
	ok(conn_carries(w.wfd, r.rfd, "hello"), "bytes pass");
	w.tr->close(&w);
	ok(exists(path), "a dialer does not remove the FIFO");
	ok(read_some(&r, buf, sizeof(buf)) == 0, "end of input after it");
	r.tr->close(&r);
	r.tr->close(&r);
	ok(!exists(path), "the binder removes what it made");
	ipc_endpoint_free(&ep);
}

static void
pair(void)
{
	struct ipc_endpoint ep;
	struct ipc_conn b, d;
	struct ipc_error err;
	char keys[200];
	int rc;

	snprintf(keys, sizeof(keys), "?reply=%s", reply);
	ok(endpoint(&ep, keys, true, &err) == 0, "pair keys");
	conn_init(&b, &ep, IPC_CONN_BIND | BOTH);
	ok(ep.tr->dial(&b, NULL, NULL, &err) == 1, "the binder waits");
	ok(conn_dial(&d, &ep, NULL, BOTH, &err) == 0, "the dialer connects");
	rc = 1;
	while (rc == 1 && conn_wait(b.dialfd, b.dialev))
		rc = b.tr->dialed(&b, &err);
	ok(rc == 0 && b.dialfd == -1, "the binder heard of it");
	ok(conn_carries(d.wfd, b.rfd, "ping"), "dialer to binder");
	ok(conn_carries(b.wfd, d.rfd, "pong"), "binder to dialer");
	ipc_fd_close(&d.wfd);
	ok(conn_at_end(b.rfd), "half close reaches the binder");
	ok(conn_carries(b.wfd, d.rfd, "late"), "the other half goes on");
	d.tr->close(&d);
	b.tr->close(&b);
	ok(!exists(path) && !exists(reply), "both removed");
	ipc_endpoint_free(&ep);
}

/* A reader that blocks in open(2), as `cat fifo` does: inotify is silent. */
static void
blocking_reader(void)
{
	struct ipc_endpoint ep;
	struct ipc_conn w;
	struct ipc_error err;
	int status = -1, rc;
	pid_t pid;

	ok(endpoint(&ep, "", false, &err) == 0 && mkfifo(path, 0600) == 0,
	    "FIFO of someone else");
	conn_init(&w, &ep, IPC_CONN_WRITE);
	ok(ep.tr->dial(&w, NULL, NULL, &err) == 1 && w.dialev == POLLIN,
	    "no reader: in progress");
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		char buf[4];
		int fd = open(path, O_RDONLY);

		_exit(fd >= 0 && read(fd, buf, 4) == 4 &&
		    memcmp(buf, "data", 4) == 0 ? 0 : 1);
	}
	rc = 1;
	while (rc == 1 && conn_wait(w.dialfd, w.dialev))
		rc = w.tr->dialed(&w, &err);
	ok(rc == 0, "a blocking reader is noticed");
	ok(write(w.wfd, "data", 4) == 4, "written");
	ok(waitpid(pid, &status, 0) == pid && status == 0, "and read");
	w.tr->close(&w);
	ok(exists(path), "a FIFO not made here stays");
	unlink(path);
	ipc_endpoint_free(&ep);
}

/* A binding reader; it connects at once when bytes wait for it. */
static bool
binder(struct ipc_conn *c, const struct ipc_endpoint *ep,
    struct ipc_error *err)
{
	conn_init(c, ep, IPC_CONN_BIND | BOTH);
	return ep->tr->dial(c, NULL, NULL, err) >= 0;
}

/* A foreign client: opens, writes, leaves. */
static bool
once(const char *text)
{
	int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	bool good = fd != -1 && write(fd, text, strlen(text)) ==
	    (ssize_t)strlen(text);

	close(fd);
	return good;
}

static void
ownership(void)
{
	char buf[8];
	struct ipc_endpoint ep;
	struct ipc_conn a, b;
	struct ipc_error err;

	ok(endpoint(&ep, "", true, &err) == 0, "again");
	ok(binder(&a, &ep, &err) && once("one"), "first connection");
	ok(a.tr->dialed(&a, &err) == 0 &&
	    read_some(&a, buf, sizeof(buf)) == 3 &&
	    read_some(&a, buf, sizeof(buf)) == 0, "is read to its end");
	ok(once("two"), "a client between two connections");
	ok(binder(&b, &ep, &err), "the next before the last is closed");
	a.tr->close(&a);
	ok(exists(path), "still in use: kept");
	ok(b.dialfd == -1 &&
	    read_some(&b, buf, sizeof(buf)) == 3, "nothing is lost between");
	b.tr->close(&b);
	ok(!exists(path), "last one: removed");
	ok(binder(&a, &ep, &err), "made again");
	/* The new one must not get the inode number of the old. */
	ok(link(path, reply) == 0 && unlink(path) == 0 &&
	    mkfifo(path, 0600) == 0, "replaced by someone else");
	a.tr->close(&a);
	ok(exists(path), "not ours any more: kept");
	unlink(path);
	unlink(reply);
	ipc_endpoint_free(&ep);
}

static void
refusals(void)
{
	struct ipc_endpoint ep;
	struct ipc_conn c;
	struct ipc_error err;
	int fd;

	ok(endpoint(&ep, "", false, &err) == 0, "endpoint");
	ok(conn_dial(&c, &ep, NULL, IPC_CONN_WRITE, &err) == IPC_E_NET &&
	    err.sys == ENOENT, "missing FIFO: ENOENT for a dialer");
	c.tr->close(&c);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	ok(conn_dial(&c, &ep, NULL, IPC_CONN_WRITE, &err) == IPC_E_NET,
	    "a plain file is refused");
	c.tr->close(&c);
	ok(conn_dial(&c, &ep, NULL, IPC_CONN_BIND | IPC_CONN_READ, &err) ==
	    IPC_E_NET, "by a binder too");
	c.tr->close(&c);
	ok(exists(path), "and not removed");
	close(fd);
	unlink(path);
	ipc_endpoint_free(&ep);
	ok(conn_endpoint(&ep, &ipc_transport_fifo, "fifo:", false, &err) ==
	    IPC_E_USAGE, "no path: usage");
	ipc_endpoint_free(&ep);
	ok(endpoint(&ep, "?user=no-such-user-here", true, &err) ==
	    IPC_E_USAGE, "unknown user: usage");
	ipc_endpoint_free(&ep);
}

int
main(void)
{
	unsigned before = conn_open_fds();

	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/a", dir);
	snprintf(reply, sizeof(reply), "%s/b", dir);
	single();
	pair();
	blocking_reader();
	ownership();
	refusals();
	ok(conn_open_fds() == before, "no descriptor is left");
	rmdir(dir);
	return done();
}
