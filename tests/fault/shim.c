/*
 * LD_PRELOAD library that makes system calls fail as a kernel may.
 *
 *	FAULT=short[:N]		transfers move one byte; after N of them every
 *				8th does (the rest of a long test stays quick)
 *	FAULT=eintr		every 3rd transfer, accept, poll and epoll_wait
 *				returns EINTR
 *	FAULT=eagain		every 3rd transfer on a non-blocking descriptor
 *				returns EAGAIN
 *	FAULT=emfile:N[-[M]]	the N-th call (to the M-th; `N-`: all from N)
 *				that makes a descriptor returns EMFILE
 *	FAULT=enomem:N[-[M]]	the same for malloc and its family, ENOMEM
 *	FAULT_ONLY=ipcat	only in programs called ipcat or ipcat-*
 *	FAULT_LOG=FILE		a line `MODE FUNCTION COUNT` when a fault is
 *				made (emfile, enomem: each; others: the first)
 *
 * Counting starts at main().  Transfers are read, write, their vectored and
 * socket forms, splice and sendfile, on pipes, stream sockets, terminals and
 * (short only) regular files; never on descriptor 2.  A transfer fails at
 * most once in a row per descriptor, so that a correct program makes
 * progress, and a write of one byte never fails: the signal handler of
 * libevent sends one and cannot try again.
 *
 * EAGAIN to an edge-triggered reader while data waits would be a lie: no edge
 * would follow.  So each is followed by EPOLL_CTL_MOD with the events that
 * the descriptor is registered with, which makes the kernel report again what
 * is ready: to the program it looks as if readiness came a moment later.  A
 * descriptor that is not registered yet is reported when it is added.
 *
 * Not covered: connect, close, stdio's own reads, datagrams, direct syscall(),
 * recvmsg with short, memory from mmap.  emfile and enomem are in nth.c.
 */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS 65536

static enum fault_mode mode;
static unsigned long from = 1, to = -1UL;
static const char *log_path;
static atomic_ulong calls, faults;
/* Per descriptor: did its last transfer fail; where is it registered. */
static atomic_bool failed[FDS];
static struct {
	int epfd;
	struct epoll_event ev;
} watch[FDS];

static int
note(const char *what, unsigned long n, int err)
{
	char line[128];
	int fd;

	if (log_path != NULL &&
	    (atomic_fetch_add(&faults, 1) == 0 || mode >= MFILE)) {
		fd = (int)syscall(SYS_openat, AT_FDCWD, log_path,
		    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		syscall(SYS_write, fd, line, snprintf(line, sizeof line,
		    "%s %s %lu\n", getenv("FAULT"), what, n));
		syscall(SYS_close, fd);
	}
	errno = err;
	return -1;
}

bool
nth(enum fault_mode m, int err, const char *what)
{
	unsigned long n;

	if (mode != m)
		return false;
	n = atomic_fetch_add(&calls, 1) + 1;
	return n >= from && n <= to && note(what, n, err) != 0;
}

static bool
is_transfer(int fd)
{
	struct stat st;
	socklen_t len = sizeof(int);
	int type = 0;

	if (fd == 2 || fd < 0 || fd >= FDS || fstat(fd, &st) != 0)
		return false;
	if (S_ISSOCK(st.st_mode))
		return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
		    type == SOCK_STREAM;
	return S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode) ||
	    (S_ISREG(st.st_mode) && mode == SHORT);
}

/* Every 3rd call, and never twice in a row on one descriptor. */
static bool
third(int fd)
{
	bool now = (atomic_fetch_add(&calls, 1) + 1) % 3 == 0;

	if (fd < 0 || fd >= FDS)
		return false;
	return !atomic_exchange(&failed[fd], now && !failed[fd]) && now;
}

/* Ask epoll to report once more what is ready on fd. */
static void
report_again(int fd)
{
	struct epoll_event ev;

	if (fd < 0 || fd >= FDS || watch[fd].epfd <= 0)
		return;
	ev = watch[fd].ev;
	REAL(epoll_ctl)(watch[fd].epfd, EPOLL_CTL_MOD, fd, &ev);
}

/* Should this transfer fail?  other: the second descriptor of splice. */
static bool
fails(const char *what, int fd, int other, bool nonblock)
{
	int saved = errno;

	if ((mode != INTR && mode != AGAIN) || !is_transfer(fd))
		return errno = saved, false;
	nonblock = nonblock || (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0;
	if ((mode == AGAIN && !nonblock) || !third(fd))
		return errno = saved, false;
	if (mode == AGAIN) {
		report_again(fd);
		report_again(other);
	}
	return note(what, calls, mode == INTR ? EINTR : EAGAIN) != 0;
}

/* How much of len may move. */
static size_t
cut(const char *what, int fd, size_t len)
{
	unsigned long n;
	int saved = errno;

	if (mode != SHORT || len < 2 || !is_transfer(fd))
		return errno = saved, len;
	n = atomic_fetch_add(&calls, 1) + 1;
	if (n > to && n % 8 != 0)
		return len;
	note(what, n, saved);
	return 1;
}

bool
interrupted(const char *what, int fd)
{
	return mode == INTR && third(fd) && note(what, calls, EINTR) != 0;
}

/* Should a vector be cut to its first byte? */
static bool
cut_iov(const char *what, int fd, const struct iovec *v, size_t n,
    struct iovec *one)
{
	if (n == 0 || v[0].iov_len == 0 ||
	    cut(what, fd, n > 1 ? 2 : v[0].iov_len) > 1)
		return false;
	*one = (struct iovec){ v[0].iov_base, 1 };
	return true;
}

/* --- transfers --- */

/* Peeking, waiting for all and the error queue have their own promises. */
#define WHOLE (MSG_PEEK | MSG_WAITALL | MSG_ERRQUEUE)

#define TRANSFER(name, params, failing, ...) \
	ssize_t name params \
	{ \
		return (failing) ? -1 : REAL(name)(__VA_ARGS__); \
	}
#define VECTOR(name) \
	ssize_t name(int fd, const struct iovec *v, int n) \
	{ \
		struct iovec one; \
		if (fails(#name, fd, -1, false)) \
			return -1; \
		if (cut_iov(#name, fd, v, (size_t)n, &one)) \
			return REAL(name)(fd, &one, 1); \
		return REAL(name)(fd, v, n); \
	}

TRANSFER(read, (int fd, void *p, size_t n), fails("read", fd, -1, false),
    fd, p, cut("read", fd, n))
TRANSFER(write, (int fd, const void *p, size_t n),
    n > 1 && fails("write", fd, -1, false), fd, p, cut("write", fd, n))
VECTOR(readv)
VECTOR(writev)
TRANSFER(recvfrom, (int fd, void *p, size_t n, int f, struct sockaddr *a,
    socklen_t *l), !(f & WHOLE) && fails("recv", fd, -1, f & MSG_DONTWAIT),
    fd, p, f & WHOLE ? n : cut("recv", fd, n), f, a, l)
TRANSFER(sendto, (int fd, const void *p, size_t n, int f,
    const struct sockaddr *a, socklen_t l),
    n > 1 && fails("send", fd, -1, f & MSG_DONTWAIT),
    fd, p, cut("send", fd, n), f, a, l)
TRANSFER(recvmsg, (int fd, struct msghdr *m, int f),
    !(f & WHOLE) && fails("recvmsg", fd, -1, f & MSG_DONTWAIT), fd, m, f)
TRANSFER(splice, (int in, off64_t *ip, int out, off64_t *op, size_t n,
    unsigned f), fails("splice", in, out, f & SPLICE_F_NONBLOCK),
    in, ip, out, op, cut("splice", in, n), f)
TRANSFER(sendfile, (int out, int in, off_t *off, size_t n),
    fails("sendfile", out, -1, false), out, in, off, cut("sendfile", out, n))

ssize_t
sendmsg(int fd, const struct msghdr *m, int f)
{
	struct msghdr h = *m;
	struct iovec one;

	if (fails("sendmsg", fd, -1, f & MSG_DONTWAIT))
		return -1;
	if (cut_iov("sendmsg", fd, m->msg_iov, m->msg_iovlen, &one)) {
		h.msg_iov = &one;
		h.msg_iovlen = 1;
	}
	return REAL(sendmsg)(fd, &h, f);
}

#define ALIAS(ret, name, params, bad, call) \
	ret name params \
	{ \
		if (bad) \
			abort(); \
		return call; \
	}
ALIAS(ssize_t, recv, (int fd, void *p, size_t n, int f), false,
    recvfrom(fd, p, n, f, NULL, NULL))
ALIAS(ssize_t, send, (int fd, const void *p, size_t n, int f), false,
    sendto(fd, p, n, f, NULL, 0))
/* What _FORTIFY_SOURCE calls instead. */
ALIAS(ssize_t, __read_chk, (int fd, void *p, size_t n, size_t max), n > max,
    read(fd, p, n))
ALIAS(ssize_t, __recv_chk, (int fd, void *p, size_t n, size_t max, int f),
    n > max, recv(fd, p, n, f))
ALIAS(ssize_t, __recvfrom_chk, (int fd, void *p, size_t n, size_t max, int f,
    struct sockaddr *a, socklen_t *l), n > max, recvfrom(fd, p, n, f, a, l))
ALIAS(int, __poll_chk, (struct pollfd *p, nfds_t n, int ms, size_t max),
    n > max / sizeof *p, poll(p, n, ms))

/* --- waiting --- */

int
epoll_wait(int ep, struct epoll_event *ev, int n, int ms)
{
	return interrupted("epoll_wait", ep) ? -1 :
	    REAL(epoll_wait)(ep, ev, n, ms);
}

int
poll(struct pollfd *p, nfds_t n, int ms)
{
	return n > 0 && interrupted("poll", p[0].fd) ? -1 :
	    REAL(poll)(p, n, ms);
}

int
epoll_ctl(int ep, int op, int fd, struct epoll_event *ev)
{
	int rc = REAL(epoll_ctl)(ep, op, fd, ev);

	if (mode != AGAIN || rc != 0 || fd < 0 || fd >= FDS)
		return rc;
	watch[fd].epfd = 0;
	if (op != EPOLL_CTL_DEL && !(ev->events & EPOLLONESHOT)) {
		watch[fd].ev = *ev;
		watch[fd].epfd = ep;
	}
	return rc;
}

/* --- start --- */

static void
configure(void)
{
	static const char *const names[] = { "off", "short", "eintr",
		"eagain", "emfile", "enomem" };
	const char *f = getenv("FAULT"), *only = getenv("FAULT_ONLY");
	const char *self = program_invocation_short_name;
	unsigned m = OFF;
	size_t n;
	char *end;

	if (only != NULL && (strncmp(self, only, n = strlen(only)) != 0 ||
	    (self[n] != '\0' && self[n] != '-')))
		return;
	for (unsigned i = SHORT; f != NULL && i <= NOMEM; i++) {
		n = strlen(names[i]);
		if (strncmp(f, names[i], n) == 0 && strchr(":", f[n]) != NULL)
			m = i;
	}
	if (m == OFF)
		return;
	log_path = getenv("FAULT_LOG");
	if (strchr(f, ':') != NULL) {
		from = to = strtoul(strchr(f, ':') + 1, &end, 10);
		if (*end == '-')
			to = end[1] != '\0' ? strtoul(end + 1, NULL, 10) : -1UL;
	}
	mode = m;
}

static int (*real_main)(int, char **, char **);

static int
shim_main(int argc, char **argv, char **envp)
{
	configure();
	return real_main(argc, argv, envp);
}

int
__libc_start_main(int (*main_)(int, char **, char **), int argc, char **argv,
    void (*init)(void), void (*fini)(void), void (*rtld_fini)(void), void *end)
{
	real_main = main_;
	return REAL(__libc_start_main)(shim_main, argc, argv, init, fini,
	    rtld_fini, end);
}
