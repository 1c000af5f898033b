/*
 * tty: serial lines and other terminals.
 *
 * States: opened -> settings saved and changed -> settings restored, closed.
 * termios2 and BOTHER give any baud rate; the rate is read back because
 * drivers round silently.  A key that is not given leaves that setting alone,
 * except that a line opened here always has CREAD, and CLOCAL unless `modem`.
 *
 * <termios.h> has no termios2 and cannot be included beside the kernel's own
 * header.
 *
 * Does not: wait for output to drain at close; core polls `unsent` before.
 */
#include "transport/transport.h"

#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transport/fdio.h"

enum tty_parity { PARITY_KEEP, PARITY_NONE, PARITY_EVEN, PARITY_ODD };
enum tty_flow { FLOW_KEEP, FLOW_NONE, FLOW_RTSCTS, FLOW_XONXOFF };

struct tty_cfg {
	bool	raw, hupcl, modem, excl;
	uint32_t parity, flow;
	uint64_t baud, databits, stopbits;	/* 0: keep */
};

struct tty {
	struct termios2 saved;
	bool	restore;
	bool	excl;
	int	queued;		/* output bytes in the driver, last seen */
};

static int
tty_check(const struct ipc_endpoint *ep, bool binds, struct ipc_error *err)
{
	(void)binds;
	if (ep->path == NULL || ep->path[0] == '\0')
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "write tty:///dev/ttyS0", "tty needs a path");
	return 0;
}

static void
tty_set_raw(struct termios2 *t)
{
	t->c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | INPCK | ISTRIP |
	    INLCR | IGNCR | ICRNL | IUCLC | IXON | IXOFF | IXANY);
	t->c_oflag &= ~(tcflag_t)OPOST;
	t->c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
}

static void
tty_set_frame(struct termios2 *t, const struct tty_cfg *cfg)
{
	static const tcflag_t size[] = { CS5, CS6, CS7, CS8 };

	if (cfg->databits != 0) {
		t->c_cflag &= ~(tcflag_t)CSIZE;
		t->c_cflag |= size[cfg->databits - 5];
	}
	if (cfg->stopbits == 1)
		t->c_cflag &= ~(tcflag_t)CSTOPB;
	else if (cfg->stopbits == 2)
		t->c_cflag |= CSTOPB;
	if (cfg->parity != PARITY_KEEP)
		t->c_cflag &= ~(tcflag_t)(PARENB | PARODD | CMSPAR);
	if (cfg->parity == PARITY_EVEN)
		t->c_cflag |= PARENB;
	if (cfg->parity == PARITY_ODD)
		t->c_cflag |= PARENB | PARODD;
}

static void
tty_set_flow(struct termios2 *t, uint32_t flow)
{
	if (flow == FLOW_KEEP)
		return;
	t->c_cflag &= ~(tcflag_t)CRTSCTS;
	t->c_iflag &= ~(tcflag_t)(IXON | IXOFF | IXANY);
	if (flow == FLOW_RTSCTS)
		t->c_cflag |= CRTSCTS;
	if (flow == FLOW_XONXOFF)
		t->c_iflag |= IXON | IXOFF;
}

static void
tty_compose(struct termios2 *t, const struct tty_cfg *cfg)
{
	if (cfg->raw)
		tty_set_raw(t);
	tty_set_frame(t, cfg);
	tty_set_flow(t, cfg->flow);
	if (cfg->baud != 0) {
		/* CIBAUD of 0 means: the input rate is the output rate. */
		t->c_cflag &= ~(tcflag_t)(CBAUD | CIBAUD);
		t->c_cflag |= BOTHER;
		t->c_ospeed = t->c_ispeed = (speed_t)cfg->baud;
	}
	if (cfg->hupcl)
		t->c_cflag |= HUPCL;
	if (cfg->modem)
		t->c_cflag &= ~(tcflag_t)CLOCAL;
	else
		t->c_cflag |= CLOCAL;
	t->c_cflag |= CREAD;
	/* With MIN 0 a silent line would read as ended. */
	if ((t->c_lflag & ICANON) == 0) {
		t->c_cc[VMIN] = 1;
		t->c_cc[VTIME] = 0;
	}
}

/* The rate that was asked for, within what a UART tolerates (2 %). */
static bool
tty_rate_ok(const struct termios2 *t, uint64_t want)
{
	uint64_t got = t->c_ospeed;
	uint64_t off = got > want ? got - want : want - got;

	return want == 0 || off * 50 <= want;
}

static int
tty_configure(struct ipc_conn *c, int fd, struct ipc_error *err)
{
	const struct tty_cfg *cfg = c->ep->cfg;
	struct tty *s = c->impl;
	struct termios2 t;

	if (ioctl(fd, TCGETS2, &s->saved) == -1)
		return ipc_fail(err, IPC_E_NET, errno,
		    "use file:// for what is not a terminal",
		    "cannot use %s as a terminal", c->ep->path);
	if (cfg->excl) {
		if (ioctl(fd, TIOCEXCL) == -1)
			return ipc_fail(err, IPC_E_NET, errno, NULL,
			    "cannot get %s for ourselves", c->ep->path);
		s->excl = true;
	}
	t = s->saved;
	tty_compose(&t, cfg);
	s->restore = true;
	if (ioctl(fd, TCSETS2, &t) == -1)
		return ipc_fail(err, IPC_E_NET, errno, NULL,
		    "cannot set up the line %s", c->ep->path);
	if (ioctl(fd, TCGETS2, &t) == -1 || !tty_rate_ok(&t, cfg->baud))
		return ipc_fail(err, IPC_E_NET, 0,
		    "take a rate that the hardware can make",
		    "%s cannot run at %llu baud", c->ep->path,
		    (unsigned long long)cfg->baud);
	return 0;
}

static int
tty_dial(struct ipc_conn *c, const struct ipc_addr *addr,
    const struct ipc_conn *other, struct ipc_error *err)
{
	static const int access[] = { O_RDWR, O_RDONLY, O_WRONLY, O_RDWR };
	unsigned want = (c->flags & IPC_CONN_READ ? 1U : 0U) |
	    (c->flags & IPC_CONN_WRITE ? 2U : 0U);
	struct stat st;
	int fd;

	(void)addr;
	(void)other;
	c->impl = calloc(1, sizeof(struct tty));
	if (c->impl == NULL)
		return ipc_fail(err, IPC_E_NET, ENOMEM, NULL,
		    "cannot open a terminal");
	/* Look first: opening another kind of device can have effects. */
	if (stat(c->ep->path, &st) == 0 && !S_ISCHR(st.st_mode))
		return ipc_fail(err, IPC_E_NET, ENOTTY,
		    "use file:// or fifo:// for what is not a terminal",
		    "cannot use %s as a terminal", c->ep->path);
	fd = open(c->ep->path,
	    access[want] | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return ipc_fail(err, IPC_E_NET, errno, errno == EBUSY ?
		    "another program holds the line (exclusive)" : NULL,
		    "cannot open %s", c->ep->path);
	if (want != 2)
		c->rfd = fd;
	if (want != 1)
		c->wfd = fd;
	c->flags |= IPC_CONN_NOSPLICE;
	if (c->wfd == -1)
		c->flags |= IPC_CONN_WFULL;
	return tty_configure(c, fd, err);
}

/* A line that hung up is the end of input, not an error. */
static ssize_t
tty_readv(struct ipc_conn *c, const struct iovec *iov, int n)
{
	ssize_t got = readv(c->rfd, iov, n);

	if (got != -1 || errno != EIO)
		return got;
	if ((ipc_fd_ready(c->rfd, 0) & POLLHUP) != 0)
		return 0;
	errno = EIO;
	return -1;
}

/* A line has no half-close.  It stays open for the settings to restore. */
static int
tty_shut_write(struct ipc_conn *c)
{
	if (c->wfd != -1)
		c->rfd = c->wfd;
	c->wfd = -1;
	return 0;
}

/*
 * The queue is looked at after every write, because a line that hung up no
 * longer tells whether something was lost with it.
 */
static ssize_t
tty_writev(struct ipc_conn *c, const struct iovec *iov, int n)
{
	struct tty *s = c->impl;
	ssize_t put = writev(c->wfd, iov, n);

	if (put > 0)
		(void)ioctl(c->wfd, TIOCOUTQ, &s->queued);
	return put;
}

/* What the line has not sent yet. */
static ssize_t
tty_unsent(struct ipc_conn *c)
{
	struct tty *s = c->impl;
	int fd = c->wfd != -1 ? c->wfd : c->rfd;

	if ((c->flags & IPC_CONN_WRITE) == 0 || fd == -1)
		return 0;
	if (ioctl(fd, TIOCOUTQ, &s->queued) == -1)
		return s->queued > 0 ? -1 : 0;
	return s->queued;
}

static void
tty_close(struct ipc_conn *c)
{
	const struct tty_cfg *cfg = c->ep->cfg;
	int fd = c->wfd != -1 ? c->wfd : c->rfd;
	struct tty *s = c->impl;

	if (s != NULL && fd != -1) {
		if (cfg->hupcl)
			s->saved.c_cflag |= HUPCL;
		if (s->restore)
			(void)ioctl(fd, TCSETS2, &s->saved);
		if (s->excl)
			(void)ioctl(fd, TIOCNXCL);
	}
	ipc_conn_close_fds(c);
	free(s);
	c->impl = NULL;
}

static const struct ipc_opt tty_opts[] = {
	{ .name = "baud", .type = IPC_OPT_INT, .argname = "RATE",
	  .offset = offsetof(struct tty_cfg, baud), .max = "100000000",
	  .help = "bits a second, any rate the hardware can make" },
	{ .name = "raw", .type = IPC_OPT_FLAG,
	  .offset = offsetof(struct tty_cfg, raw),
	  .help = "no line editing, echo or translation: bytes as they are" },
	{ .name = "parity", .type = IPC_OPT_ENUM,
	  .argname = "keep|none|even|odd",
	  .offset = offsetof(struct tty_cfg, parity), .dflt = "keep",
	  .help = "parity bit" },
	{ .name = "databits", .type = IPC_OPT_INT, .argname = "5..8",
	  .offset = offsetof(struct tty_cfg, databits),
	  .min = "5", .max = "8",
	  .help = "bits a character" },
	{ .name = "stopbits", .type = IPC_OPT_INT, .argname = "1..2",
	  .offset = offsetof(struct tty_cfg, stopbits),
	  .min = "1", .max = "2",
	  .help = "stop bits" },
	{ .name = "flow", .type = IPC_OPT_ENUM,
	  .argname = "keep|none|rtscts|xonxoff",
	  .offset = offsetof(struct tty_cfg, flow), .dflt = "keep",
	  .help = "flow control" },
	{ .name = "hupcl", .type = IPC_OPT_FLAG,
	  .offset = offsetof(struct tty_cfg, hupcl),
	  .help = "drop DTR at the last close" },
	{ .name = "modem", .type = IPC_OPT_FLAG,
	  .offset = offsetof(struct tty_cfg, modem),
	  .help = "carrier lost is the end of input" },
	{ .name = "excl", .type = IPC_OPT_FLAG,
	  .offset = offsetof(struct tty_cfg, excl),
	  .help = "refuse other openers meanwhile" },
	{ .type = IPC_OPT_END },
};

extern const struct ipc_transport ipc_transport_tty;
const struct ipc_transport ipc_transport_tty = {
	.scheme = "tty",
	.syntax = "tty:///DEVICE",
	.summary = "serial line or other terminal",
	.shape = IPC_EP_OPAQUE,
	.caps = IPC_CAP_DIAL | IPC_CAP_LOCAL,
	.opts = tty_opts,
	.cfg_size = sizeof(struct tty_cfg),
	.check = tty_check,
	.dial = tty_dial,
	.readv = tty_readv,
	.writev = tty_writev,
	.shut_write = tty_shut_write,
	.unsent = tty_unsent,
	.close = tty_close,
};
