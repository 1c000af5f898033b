/*
 * Pty masters.
 *
 * A master polls as hung up only when the slave was open before and is not
 * now: never opened looks like a silent line, closed reads as EIO.
 */
#include "transport/ptyio.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "transport/fdio.h"

static bool
ptyio_hung_up(int fd)
{
	return (ipc_fd_ready(fd, 0) & POLLHUP) != 0;
}

/* On Linux the master's termios calls reach the slave's line. */
static int
ptyio_setup(int fd, bool raw, uint16_t rows, uint16_t cols)
{
	struct winsize ws = { .ws_row = rows, .ws_col = cols };
	struct termios t;

	if ((rows != 0 || cols != 0) && ioctl(fd, TIOCSWINSZ, &ws) == -1)
		return -1;
	if (!raw)
		return 0;
	if (tcgetattr(fd, &t) == -1)
		return -1;
	cfmakeraw(&t);
	return tcsetattr(fd, TCSANOW, &t);
}

int
ipc_ptyio_open(struct ipc_ptyio *p, bool raw, uint16_t rows, uint16_t cols)
{
	int fd, e;

	fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return -1;
	e = ptsname_r(fd, p->name, sizeof(p->name));
	if (e != 0)
		errno = e;
	if (e == 0 && grantpt(fd) == 0 && unlockpt(fd) == 0 &&
	    ptyio_setup(fd, raw, rows, cols) == 0)
		return fd;
	ipc_fd_close(&fd);
	return -1;
}

ssize_t
ipc_ptyio_readv(struct ipc_ptyio *p, int fd, const struct iovec *iov, int n)
{
	ssize_t got;

	if (p->eof > 0)
		(void)ipc_ptyio_flush(p, fd);
	got = readv(fd, iov, n);
	return got == -1 && errno == EIO ? 0 : got;
}

/* The byte at `off` of the vector is a newline. */
static bool
ptyio_newline_at(const struct iovec *iov, size_t off)
{
	while (off >= iov->iov_len) {
		off -= iov->iov_len;
		iov++;
	}
	return ((const char *)iov->iov_base)[off] == '\n';
}

ssize_t
ipc_ptyio_writev(struct ipc_ptyio *p, int fd, const struct iovec *iov, int n)
{
	ssize_t put;

	if (ptyio_hung_up(fd)) {
		errno = EPIPE;
		return -1;
	}
	put = writev(fd, iov, n);
	if (put > 0)
		p->midline = !ptyio_newline_at(iov, (size_t)put - 1);
	return put;
}

/* The VEOF character, or -1 when the line has none now. */
static int
ptyio_eof_char(int fd)
{
	struct termios t;

	if (tcgetattr(fd, &t) == -1 || (t.c_lflag & ICANON) == 0 ||
	    t.c_cc[VEOF] == _POSIX_VDISABLE)
		return -1;
	return t.c_cc[VEOF];
}

void
ipc_ptyio_eof(struct ipc_ptyio *p, int fd)
{
	/* Behind an unfinished line the first one only delivers the line. */
	p->eof = p->midline ? 2 : 1;
	(void)ipc_ptyio_flush(p, fd);
}

uint8_t
ipc_ptyio_flush(struct ipc_ptyio *p, int fd)
{
	while (p->eof > 0) {
		int ch = ptyio_eof_char(fd);
		unsigned char byte = (unsigned char)ch;

		if (ch == -1 || ptyio_hung_up(fd))
			p->eof = 0;
		else if (write(fd, &byte, 1) == 1)
			p->eof--;
		else if (errno == EAGAIN)
			break;
		else if (errno != EINTR)
			p->eof = 0;
	}
	return p->eof;
}

ssize_t
ipc_ptyio_unread(int fd)
{
	bool gone = ptyio_hung_up(fd);
	int slave, n = 0;
	short ready;

	/* Only the slave's side knows its input queue. */
	slave = ioctl(fd, TIOCGPTPEER,
	    O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (slave == -1)
		return -1;
	/*
	 * Bytes reach the line discipline by way of a kernel worker; poll(2)
	 * of the slave waits for that worker, and also sees a VEOF that is
	 * still to be read.  FIONREAD does neither.
	 */
	ready = ipc_fd_ready(slave, POLLIN);
	if (ioctl(slave, FIONREAD, &n) == -1)
		n = -1;
	else if (n == 0 && (ready & POLLIN) != 0)
		n = 1;
	ipc_fd_close(&slave);
	if (n > 0 && gone) {
		errno = EPIPE;
		return -1;
	}
	return n;
}
