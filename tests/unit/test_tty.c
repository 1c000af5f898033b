/* tty: settings made and restored, over the slave of a pty. */
#include "tests/unit/check.h"
#include "tests/unit/conn.h"

#include <asm/termbits.h>
#include <sys/ioctl.h>

#define BOTH (IPC_CONN_READ | IPC_CONN_WRITE)

extern const struct ipc_transport ipc_transport_tty;

static int master;
static char slave[64];

static int
endpoint(struct ipc_endpoint *ep, const char *keys, struct ipc_error *err)
{
	char text[512];

	snprintf(text, sizeof(text), "tty://%s%s", slave, keys);
	return conn_endpoint(ep, &ipc_transport_tty, text, false, err);
}

static struct termios2
line(void)
{
	struct termios2 t;

	memset(&t, 0, sizeof(t));
	ioctl(master, TCGETS2, &t);
	return t;
}

static void
settings(void)
{
	struct ipc_endpoint ep;
	struct ipc_error err;
	struct ipc_conn c;
	struct termios2 before = line(), t;

	ok(endpoint(&ep, "?baud=123456&raw&stopbits=2&flow=rtscts&hupcl&"
	    "modem", &err) == 0 && conn_dial(&c, &ep, NULL, BOTH, &err) == 0,
	    "opened");
	ok(c.rfd == c.wfd && (c.flags & IPC_CONN_NOSPLICE), "one descriptor");
	t = line();
	ok(t.c_ospeed == 123456 && t.c_ispeed == 123456, "any rate");
	ok((t.c_lflag & (ICANON | ECHO | ISIG)) == 0 &&
	    (t.c_oflag & OPOST) == 0, "raw");
	ok((t.c_cflag & CSTOPB) && (t.c_cflag & CRTSCTS) &&
	    (t.c_cflag & HUPCL) && !(t.c_cflag & CLOCAL), "frame and flow");
	ok(conn_carries(c.wfd, master, "a\n\003b"), "bytes out");
	ok(conn_carries(master, c.rfd, "c\r\004d"), "bytes in");
	ok(c.tr->unsent(&c) == 0, "all sent");
	ok(c.tr->shut_write(&c) == 0 && c.wfd == -1 && c.rfd >= 0,
	    "no half-close");
	c.tr->close(&c);
	c.tr->close(&c);
	t = line();
	ok(t.c_ospeed == before.c_ospeed && t.c_lflag == before.c_lflag &&
	    t.c_oflag == before.c_oflag && t.c_iflag == before.c_iflag,
	    "restored");
	ipc_endpoint_free(&ep);
	ok(endpoint(&ep, "?flow=xonxoff", &err) == 0 &&
	    conn_dial(&c, &ep, NULL, IPC_CONN_WRITE, &err) == 0 &&
	    c.rfd == -1, "write only");
	t = line();
	ok((t.c_iflag & IXON) && (t.c_iflag & IXOFF) &&
	    (t.c_lflag & ICANON) && (t.c_cflag & CLOCAL),
	    "what was not asked for stays");
	c.tr->close(&c);
	ipc_endpoint_free(&ep);
}

static void
refusals(void)
{
	struct ipc_endpoint ep;
	struct ipc_error err;
	struct ipc_conn c;

	ok(conn_endpoint(&ep, &ipc_transport_tty, "tty:///dev/null", false,
	    &err) == 0 && conn_dial(&c, &ep, NULL, BOTH, &err) == IPC_E_NET &&
	    err.sys == ENOTTY, "not a terminal");
	c.tr->close(&c);
	ipc_endpoint_free(&ep);
	ok(conn_endpoint(&ep, &ipc_transport_tty, "tty:///dev/no-tty", false,
	    &err) == 0 && conn_dial(&c, &ep, NULL, BOTH, &err) == IPC_E_NET &&
	    err.sys == ENOENT, "missing");
	c.tr->close(&c);
	ipc_endpoint_free(&ep);
	ok(endpoint(&ep, "?parity=sometimes", &err) == IPC_E_USAGE, "parity");
	ipc_endpoint_free(&ep);
	ok(endpoint(&ep, "?databits=9", &err) == IPC_E_USAGE, "databits");
	ipc_endpoint_free(&ep);
	ok(conn_endpoint(&ep, &ipc_transport_tty, "tty:", false, &err) ==
	    IPC_E_USAGE, "no path");
	ipc_endpoint_free(&ep);
}

static void
hangup(void)
{
	struct ipc_endpoint ep;
	struct ipc_error err;
	struct ipc_conn c;
	char buf[8];
	struct iovec iov = { buf, sizeof(buf) };
	int on = 0;

	ok(endpoint(&ep, "?raw&excl", &err) == 0 &&
	    conn_dial(&c, &ep, NULL, BOTH, &err) == 0, "exclusive");
	ok(ioctl(c.rfd, TIOCGEXCL, &on) == 0 && on == 1, "it is");
	ok(c.tr->readv(&c, &iov, 1) == -1 && errno == EAGAIN, "silent");
	close(master);
	ok(conn_wait(c.rfd, POLLIN) && c.tr->readv(&c, &iov, 1) == 0,
	    "hung up: the end");
	ok(c.tr->unsent(&c) == 0, "nothing was lost");
	c.tr->close(&c);
	ipc_endpoint_free(&ep);
}

int
main(void)
{
	unsigned before = conn_open_fds();
	int keep;

	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master == -1 || grantpt(master) == -1 || unlockpt(master) == -1 ||
	    ptsname_r(master, slave, sizeof(slave)) != 0)
		return 1;
	/* Held so that the settings outlive the conn. */
	keep = open(slave, O_RDWR | O_NOCTTY | O_CLOEXEC);
	settings();
	refusals();
	close(keep);
	hangup();
	ok(conn_open_fds() == before, "no descriptor is left");
	return done();
}
