/* pty: the slave's name and link, waiting, end of input both ways, loss. */
#include "tests/unit/check.h"
#include "tests/unit/conn.h"

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>

#include "transport/pty.h"

#define BOTH (IPC_CONN_READ | IPC_CONN_WRITE)

extern const struct ipc_transport ipc_transport_pty;

static char dir[] = "/tmp/ipcat-pty-XXXXXX";
static char path[128];

static int
endpoint(struct ipc_endpoint *ep, const char *keys, struct ipc_error *err)
{
	char text[512];

	snprintf(text, sizeof(text), "pty://%s%s", path, keys);
	return conn_endpoint(ep, &ipc_transport_pty, text, true, err);
}

static ssize_t
get(struct ipc_conn *c, char *buf, size_t len)
{
	struct iovec iov = { buf, len };

	return c->tr->readv(c, &iov, 1);
}

static bool
put(struct ipc_conn *c, const char *text)
{
	char copy[64];
	struct iovec iov = { copy, strlen(text) };

	memcpy(copy, text, iov.iov_len);
	return c->tr->writev(c, &iov, 1) == (ssize_t)iov.iov_len;
}

/* The next read of the slave is `want`. */
static bool
slave_reads(int fd, const char *want)
{
	char buf[64];
	ssize_t n;

	if (!conn_wait(fd, POLLIN))
		return false;
	n = read(fd, buf, sizeof(buf));
	return n == (ssize_t)strlen(want) && memcmp(buf, want,
	    strlen(want)) == 0;
}

static bool
unsent_becomes(struct ipc_conn *c, ssize_t want)
{
	ssize_t n = -2;

	/* The kernel hands input over from a work queue. */
	for (int i = 0; i < 5000; i++) {
		n = c->tr->unsent(c);
		if (n == want)
			return true;
		poll(NULL, 0, 2);
	}
	printf("# unsent %zd\n", n);
	return false;
}

static void
raw(void)
{
	struct ipc_endpoint ep;
	struct ipc_error err;
	struct ipc_conn c;
	struct winsize ws;
	struct stat st;
	char buf[64];
	ssize_t n;
	int fd;

	ok(endpoint(&ep, "?raw&mode=0620&rows=24&cols=80", &err) == 0 &&
	    conn_dial(&c, &ep, NULL, BOTH | IPC_CONN_BIND, &err) == 0, "raw");
	ok(c.rfd == c.wfd && (c.flags & IPC_CONN_NOSPLICE), "one descriptor");
	n = readlink(path, buf, sizeof(buf) - 1);
	buf[n < 0 ? 0 : n] = '\0';
	is_str(buf, ipc_pty_name(&c), "the link leads to the slave");
	ok(stat(path, &st) == 0 && S_ISCHR(st.st_mode) &&
	    (st.st_mode & 07777) == 0620, "with its mode");
	ok(get(&c, buf, sizeof(buf)) == -1 && errno == EAGAIN,
	    "not opened yet is not the end");
	fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	ok(fd >= 0 && ioctl(fd, TIOCGWINSZ, &ws) == 0 && ws.ws_row == 24 &&
	    ws.ws_col == 80, "its size");
	ok(put(&c, "a\003\004\r") && slave_reads(fd, "a\003\004\r"),
	    "bytes as they are");
	ok(conn_carries(fd, c.rfd, "b\n\r"), "the other way too");
	ok(c.tr->shut_write(&c) == 0 && c.wfd == -1, "raw: no end to give");
	ok(write(fd, "tail", 4) == 4, "still open");
	close(fd);
	ok(conn_wait(c.rfd, POLLIN) && get(&c, buf, sizeof(buf)) == 4,
	    "what the slave wrote last");
	ok(get(&c, buf, sizeof(buf)) == 0, "its last close is the end");
	c.tr->close(&c);
	c.tr->close(&c);
	ok(lstat(path, &st) == -1, "the link is removed");
	ipc_endpoint_free(&ep);
}

static void
canonical(void)
{
	struct ipc_endpoint ep;
	struct ipc_error err;
	struct ipc_conn c;
	struct termios t;
	int fd;

	ok(endpoint(&ep, "", &err) == 0 &&
	    conn_dial(&c, &ep, NULL, BOTH, &err) == 0, "canonical");
	fd = open(ipc_pty_name(&c), O_RDWR | O_NOCTTY | O_CLOEXEC);
	ok(tcgetattr(fd, &t) == 0 && (t.c_lflag & ICANON), "it is");
	ok(put(&c, "line\npart"), "written");
	ok(unsent_becomes(&c, 5), "a line is unread");
	ok(c.tr->shut_write(&c) == 0, "end of input");
	ok(slave_reads(fd, "line\n") && slave_reads(fd, "part"),
	    "all arrives");
	ok(slave_reads(fd, ""), "then the end");
	ok(unsent_becomes(&c, 0), "nothing is unread");
	close(fd);
	ok(unsent_becomes(&c, 0), "nor after the close");
	c.tr->close(&c);
	ipc_endpoint_free(&ep);
}

static void
waiting(void)
{
	struct ipc_endpoint ep;
	struct ipc_error err;
	struct ipc_conn c;
	int fd;

	ok(endpoint(&ep, "?raw&wait", &err) == 0, "wait");
	conn_init(&c, &ep, BOTH);
	ok(ep.tr->dial(&c, NULL, NULL, &err) == 1, "nobody is there");
	ok(ep.tr->dialed(&c, &err) == 1, "still nobody");
	ok(ipc_pty_name(&c) != NULL, "the name is known");
	fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	ok(conn_wait(c.dialfd, c.dialev) && ep.tr->dialed(&c, &err) == 0 &&
	    c.dialfd == -1, "opened");
	ok(put(&c, "lost"), "written");
	close(fd);
	ok(unsent_becomes(&c, -1) && errno == EPIPE, "and lost: told");
	ok(!put(&c, "more") && errno == EPIPE, "EPIPE after the last close");
	c.tr->close(&c);
	ipc_endpoint_free(&ep);
}

static void
links(void)
{
	struct ipc_endpoint ep;
	struct ipc_error err;
	struct ipc_conn c, d;
	struct stat st;

	ok(symlink("/dev/pts/999999", path) == 0 &&
	    endpoint(&ep, "", &err) == 0 &&
	    conn_dial(&c, &ep, NULL, BOTH, &err) == 0, "a stale link");
	ok(stat(path, &st) == 0 && S_ISCHR(st.st_mode), "is replaced");
	ok(conn_dial(&d, &ep, NULL, BOTH, &err) == 0,
	    "the next before the last is closed");
	c.tr->close(&c);
	ok(stat(path, &st) == 0, "its link stays");
	c = d;
	ok(unlink(path) == 0 && symlink("/dev/null", path) == 0, "stolen");
	c.tr->close(&c);
	ok(stat(path, &st) == 0, "not ours: kept");
	ok(conn_dial(&c, &ep, NULL, BOTH, &err) == IPC_E_NET &&
	    err.sys == EEXIST, "a live link is refused");
	c.tr->close(&c);
	unlink(path);
	mkdir(path, 0700);
	ok(conn_dial(&c, &ep, NULL, BOTH, &err) == IPC_E_NET, "a directory");
	c.tr->close(&c);
	ok(rmdir(path) == 0, "is left alone");
	ipc_endpoint_free(&ep);
	ok(conn_endpoint(&ep, &ipc_transport_pty, "pty:", true, &err) == 0 &&
	    conn_dial(&c, &ep, NULL, BOTH, &err) == 0, "no link");
	c.tr->close(&c);
	ipc_endpoint_free(&ep);
	ok(endpoint(&ep, "?rows=70000", &err) == IPC_E_USAGE, "rows too big");
	ipc_endpoint_free(&ep);
}

int
main(void)
{
	unsigned before = conn_open_fds();

	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/tty", dir);
	raw();
	canonical();
	waiting();
	links();
	ok(conn_open_fds() == before, "no descriptor is left");
	ok(rmdir(dir) == 0, "no file is left");
	return done();
}
