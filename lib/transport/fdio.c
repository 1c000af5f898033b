/*
 * Plain descriptors: adopting inherited ones, closing, classifying.
 *
 * An adopted descriptor is in one of three states: reopened (ours alone, on
 * the number it had), marked (O_NONBLOCK set on a shared description, to be
 * restored), or left alone because it never blocks.  No table remembers
 * which: the caller keeps the one bit that matters.
 */
#include "transport/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "transport/transport.h"

/* Device numbers that Linux fixes (Documentation/admin-guide/devices.txt). */
#define MEM_MAJOR 1
#define MEM_NULL 3
#define MEM_ZERO 5
#define MEM_FULL 7
#define MEM_URANDOM 9
#define TTYAUX_MAJOR 5
#define TTYAUX_PTMX 2

static bool
is_mem_device(const struct stat *st, unsigned minor_no)
{
	return S_ISCHR(st->st_mode) && major(st->st_rdev) == MEM_MAJOR &&
	    minor(st->st_rdev) == minor_no;
}

static bool
never_blocks(const struct stat *st)
{
	return S_ISREG(st->st_mode) || S_ISDIR(st->st_mode) ||
	    S_ISBLK(st->st_mode) || is_mem_device(st, MEM_NULL) ||
	    is_mem_device(st, MEM_ZERO) || is_mem_device(st, MEM_FULL) ||
	    is_mem_device(st, MEM_URANDOM);
}

/* Opening a device again may make another one: /dev/ptmx does, tun does. */
static bool
may_reopen(int fd, const struct stat *st)
{
	if (S_ISFIFO(st->st_mode))
		return true;
	return S_ISCHR(st->st_mode) && isatty(fd) &&
	    !(major(st->st_rdev) == TTYAUX_MAJOR &&
	    minor(st->st_rdev) == TTYAUX_PTMX);
}

short
ipc_fd_ready(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };
	int r;

	do {
		r = poll(&p, 1, 0);
	} while (r == -1 && errno == EINTR);
	return r == 1 ? p.revents : 0;
}

/*
 * A named FIFO opened for reading after its last writer left shows no
 * hang-up until another writer came: end of input would never be seen.  The
 * old description still tells.
 */
static bool
lost_hangup(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) == 0 && fs.f_type == PIPEFS_MAGIC)
		return false;
	return (ipc_fd_ready(fd, POLLIN) & POLLHUP) != 0;
}

/* A private non-blocking description on the same number. */
static bool
reopen(int fd, int fl, const struct stat *st)
{
	char path[32];
	int new_fd, rc;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	new_fd = open(path, (fl & (O_ACCMODE | O_APPEND | O_DIRECT)) |
	    O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (new_fd < 0)
		return false;
	if (S_ISFIFO(st->st_mode) && (fl & O_ACCMODE) == O_RDONLY &&
	    lost_hangup(fd)) {
		close(new_fd);
		return false;
	}
	rc = dup3(new_fd, fd, fd > STDERR_FILENO ? O_CLOEXEC : 0);
	close(new_fd);
	return rc == fd;
}

int
ipc_fd_adopt(int fd, bool writing, bool *restore)
{
	struct stat st;
	int fl, mode;

	*restore = false;
	if ((fl = fcntl(fd, F_GETFL)) < 0 || fstat(fd, &st) != 0)
		return -1;
	mode = fl & O_ACCMODE;
	if ((fl & O_PATH) != 0 || mode == (writing ? O_RDONLY : O_WRONLY)) {
		errno = EBADF;
		return -1;
	}
	if (fd > STDERR_FILENO && fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		return -1;
	if (never_blocks(&st) || (fl & O_NONBLOCK) != 0)
		return 0;
	if (may_reopen(fd, &st) && reopen(fd, fl, &st))
		return 0;
	if (fcntl(fd, F_SETFL, fl | O_NONBLOCK) != 0)
		return -1;
	*restore = true;
	return 0;
}

void
ipc_fd_restore(int fd)
{
	int sys = errno;
	int fl = fcntl(fd, F_GETFL);

	if (fl >= 0)
		fcntl(fd, F_SETFL, fl & ~O_NONBLOCK);
	errno = sys;
}

void
ipc_fd_close(int *fd)
{
	int sys = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = sys;
}

/* Put /dev/null where fd is.  Without one the number has to become free. */
static void
park(int fd)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null_fd < 0 || dup2(null_fd, fd) != fd)
		close(fd);
	ipc_fd_close(&null_fd);
}

int
ipc_fd_release(int *fd, bool restore)
{
	int number = *fd, copy, rc = 0, sys = 0;

	*fd = -1;
	if (number < 0)
		return 0;
	if (restore)
		ipc_fd_restore(number);
	/* Closing any copy reports what was lost; dup2(2) would not. */
	copy = number > STDERR_FILENO ? number :
	    fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (copy >= 0 && close(copy) != 0 && errno != EINTR) {
		sys = errno;
		rc = -1;
	}
	if (number <= STDERR_FILENO)
		park(number);
	errno = sys;
	return rc;
}

void
ipc_conn_close_fds(struct ipc_conn *c)
{
	if (c->dialfd == c->rfd || c->dialfd == c->wfd)
		c->dialfd = -1;
	if (c->wfd == c->rfd)
		c->wfd = -1;
	ipc_fd_close(&c->rfd);
	ipc_fd_close(&c->wfd);
	ipc_fd_close(&c->rpoll);
	ipc_fd_close(&c->dialfd);
	ipc_fd_close(&c->pidfd);
}

static bool
is_stream_socket(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	    type == SOCK_STREAM;
}

/* IPC_CONN_* facts about one descriptor. */
static unsigned
classify(int fd, bool writing)
{
	struct stat st;
	int fl = fcntl(fd, F_GETFL);

	if (fl < 0 || fstat(fd, &st) != 0)
		return IPC_CONN_NOSPLICE;
	if (S_ISSOCK(st.st_mode))
		return IPC_CONN_SOCKET |
		    (is_stream_socket(fd) ? 0 : IPC_CONN_NOSPLICE);
	if (writing && (fl & O_APPEND) != 0)
		return IPC_CONN_NOSPLICE;
	if (S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode) ||
	    S_ISBLK(st.st_mode))
		return 0;
	/* /dev/null takes pages but gives none. */
	return writing && is_mem_device(&st, MEM_NULL) ? 0 : IPC_CONN_NOSPLICE;
}

void
ipc_conn_classify(struct ipc_conn *c)
{
	unsigned r = c->rfd < 0 ? IPC_CONN_SOCKET : classify(c->rfd, false);
	unsigned w = c->wfd < 0 ? IPC_CONN_SOCKET : classify(c->wfd, true);
	unsigned facts = ((r | w) & IPC_CONN_NOSPLICE) |
	    (r & w & IPC_CONN_SOCKET);

	if (c->rfd < 0 && c->wfd < 0)
		facts = 0;
	c->flags = (uint16_t)(c->flags | facts);
}
