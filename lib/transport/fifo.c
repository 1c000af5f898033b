/*
 * fifo: named pipes.
 *
 *	fifo:///path			one direction
 *	fifo:///path?reply=/path2	two: the dialer writes path and reads
 *					path2, the binder the other way round
 *
 * States: reader open -> (no reader at the other end: waiting) -> writer open.
 * The reading end is opened first and never waits, so that two ipcats can not
 * wait for each other.  A binder that only reads is connected when the first
 * bytes (or a writer's hang-up) are there.
 *
 * Waiting for a reader: inotify tells of readers that open non-blocking, at
 * once.  It can not tell of `cat fifo`: such an open(2) itself blocks until a
 * writer comes, and is reported only when it is done.  Hence the timer beside
 * it; both hang on one epoll descriptor, which core polls.  (Opening O_RDWR to
 * provoke the reader would let foreign writers through to lose their data.)
 *
 * Does not: keep a FIFO alive between connections.  Whoever serves one after
 * the other dials the next before closing the last, else a writer that comes
 * between loses its bytes.  For that, users are counted per endpoint.
 */
#include "transport/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "transport/fdio.h"
#include "transport/owner.h"

#define FIFO_RETRY_NS 40000000L	/* a blocking reader is seen by then */

/* A FIFO made here, as long as connections use it. */
struct fifo_node {
	uint32_t users;
	dev_t	dev;
	ino_t	ino;
};

struct fifo_cfg {
	const char *reply;
	uint64_t mode;
	struct ipc_owner owner;
	/* Run time; one connection at a time, so on one worker only. */
	struct fifo_node node[2];
};

struct fifo {
	bool	held[2];	/* counted in cfg->node[i].users */
	int	ino;		/* in the epoll set behind dialfd */
	int	timer;
};

static const char *
fifo_path(const struct ipc_conn *c, int which)
{
	const struct fifo_cfg *cfg = c->ep->cfg;

	return which == 0 ? c->ep->path : cfg->reply;
}

static int
fifo_check(const struct ipc_endpoint *ep, bool binds, struct ipc_error *err)
{
	const struct fifo_cfg *cfg = ep->cfg;

	(void)binds;
	if (ep->path == NULL || ep->path[0] == '\0')
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "write fifo:///path/to/fifo", "fifo needs a path");
	if (cfg->reply != NULL && cfg->reply[0] == '\0')
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "write fifo:///path?reply=/path2", "reply needs a path");
	return 0;
}

static int
fifo_not_fifo(const char *path, struct ipc_error *err)
{
	return ipc_fail(err, IPC_E_NET, 0,
	    "give the path of a FIFO, or use file: or unix:",
	    "cannot open %s: it is not a FIFO", path);
}

/* Owner, mode and identity of the FIFO just made.  -1 with errno. */
static int
fifo_adopt(const struct fifo_cfg *cfg, const char *path, struct stat *st)
{
	int fd, rc;

	fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return -1;
	rc = fstat(fd, st);
	if (rc == 0 && (!S_ISFIFO(st->st_mode) || st->st_uid != geteuid())) {
		errno = EEXIST;	/* someone swapped it under our hands */
		rc = -1;
	}
	if (rc == 0)
		rc = ipc_owner_apply(fd, &cfg->owner, (mode_t)cfg->mode);
	ipc_fd_close(&fd);
	return rc;
}

/* The binder's part: make the FIFO if it is missing, remember if we did. */
static int
fifo_make(struct ipc_conn *c, int which, struct ipc_error *err)
{
	struct fifo_cfg *cfg = c->ep->cfg;
	struct fifo *f = c->impl;
	struct fifo_node *node = &cfg->node[which];
	const char *path = fifo_path(c, which);
	struct stat st;

	if (mkfifo(path, (mode_t)cfg->mode & 0600) == 0) {
		if (fifo_adopt(cfg, path, &st) == -1) {
			int e = errno;

			(void)unlink(path);
			return ipc_fail(err, IPC_E_NET, e, NULL,
			    "cannot set owner and mode of %s", path);
		}
		node->users = 1;
		node->dev = st.st_dev;
		node->ino = st.st_ino;
		f->held[which] = true;
		return 0;
	}
	if (errno != EEXIST)
		return ipc_fail(err, IPC_E_NET, errno, NULL,
		    "cannot create FIFO %s", path);
	if (node->users > 0 && stat(path, &st) == 0 &&
	    st.st_dev == node->dev && st.st_ino == node->ino) {
		node->users++;
		f->held[which] = true;
	}
	return 0;
}

static void
fifo_drop(struct ipc_conn *c, int which)
{
	struct fifo_cfg *cfg = c->ep->cfg;
	struct fifo *f = c->impl;
	struct fifo_node *node = &cfg->node[which];
	struct stat st;

	if (!f->held[which])
		return;
	f->held[which] = false;
	if (--node->users > 0)
		return;
	if (lstat(fifo_path(c, which), &st) == 0 && S_ISFIFO(st.st_mode) &&
	    st.st_dev == node->dev && st.st_ino == node->ino)
		(void)unlink(fifo_path(c, which));
}

/* 0: *fd is open.  1: O_WRONLY and nobody reads yet. */
static int
fifo_open(const char *path, int access, int *fd, struct ipc_error *err)
{
	struct stat st;

	/* Look first: opening a device can have effects. */
	if (stat(path, &st) == -1)
		return ipc_fail(err, IPC_E_NET, errno, errno == ENOENT ?
		    "start the listener first, it creates the FIFO; "
		    "or retry with -r" : NULL, "cannot open FIFO %s", path);
	if (!S_ISFIFO(st.st_mode))
		return fifo_not_fifo(path, err);
	*fd = open(path, access | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (*fd == -1 && errno == ENXIO && access == O_WRONLY)
		return 1;
	if (*fd == -1)
		return ipc_fail(err, IPC_E_NET, errno, NULL,
		    "cannot open FIFO %s", path);
	if (fstat(*fd, &st) == -1 || !S_ISFIFO(st.st_mode)) {
		ipc_fd_close(fd);
		return fifo_not_fifo(path, err);
	}
	return 0;
}

static void
fifo_stop_waiting(struct ipc_conn *c)
{
	struct fifo *f = c->impl;

	ipc_fd_close(&f->ino);
	ipc_fd_close(&f->timer);
	ipc_fd_close(&c->dialfd);
}

/* A descriptor that becomes readable when a reader may have come. */
static int
fifo_wait_on(struct ipc_conn *c, const char *path)
{
	const struct itimerspec every = {
		{ 0, FIFO_RETRY_NS }, { 0, FIFO_RETRY_NS }
	};
	struct epoll_event ev = { .events = EPOLLIN };
	struct fifo *f = c->impl;

	c->dialfd = epoll_create1(EPOLL_CLOEXEC);
	f->timer = timerfd_create(CLOCK_MONOTONIC,
	    TFD_CLOEXEC | TFD_NONBLOCK);
	if (c->dialfd == -1 || f->timer == -1 ||
	    timerfd_settime(f->timer, 0, &every, NULL) == -1 ||
	    epoll_ctl(c->dialfd, EPOLL_CTL_ADD, f->timer, &ev) == -1)
		return -1;
	/* Without inotify (its instances are few) the timer will do. */
	f->ino = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (f->ino != -1 &&
	    (inotify_add_watch(f->ino, path, IN_OPEN) == -1 ||
	    epoll_ctl(c->dialfd, EPOLL_CTL_ADD, f->ino, &ev) == -1))
		ipc_fd_close(&f->ino);
	c->dialev = POLLIN;
	return 0;
}

static int
fifo_writer(struct ipc_conn *c, struct ipc_error *err)
{
	const struct fifo_cfg *cfg = c->ep->cfg;
	bool binds = (c->flags & IPC_CONN_BIND) != 0;
	const char *path = fifo_path(c, binds && cfg->reply != NULL);
	int rc;

	rc = fifo_open(path, O_WRONLY, &c->wfd, err);
	if (rc == 1 && c->dialfd == -1) {
		if (fifo_wait_on(c, path) == -1)
			return ipc_fail(err, IPC_E_NET, errno, NULL,
			    "cannot wait for a reader of %s", path);
		/* A reader may have come before the watch was there. */
		rc = fifo_open(path, O_WRONLY, &c->wfd, err);
	}
	if (rc != 1)
		fifo_stop_waiting(c);
	if (rc == 0)
		ipc_conn_classify(c);
	return rc;
}

/* As dial: 1 while no writer wrote or left.  The wait is on rfd itself. */
static int
fifo_client_came(struct ipc_conn *c)
{
	if (ipc_fd_ready(c->rfd, POLLIN) == 0)
		return 1;
	c->dialfd = -1;
	return 0;
}

static int
fifo_dial(struct ipc_conn *c, const struct ipc_addr *addr,
    const struct ipc_conn *other, struct ipc_error *err)
{
	const struct fifo_cfg *cfg = c->ep->cfg;
	bool pair = cfg->reply != NULL;
	bool binds = (c->flags & IPC_CONN_BIND) != 0;
	bool rd = (c->flags & IPC_CONN_READ) != 0;
	bool wr = (c->flags & IPC_CONN_WRITE) != 0;
	struct fifo *f;
	int rc;

	(void)addr;
	(void)other;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return ipc_fail(err, IPC_E_NET, ENOMEM, NULL,
		    "cannot open FIFO");
	f->ino = f->timer = -1;
	c->impl = f;
	if (!pair && rd && wr) {
		rd = binds;
		wr = !binds;
	}
	if (binds && (rc = fifo_make(c, 0, err)) != 0)
		return rc;
	if (binds && pair && (rc = fifo_make(c, 1, err)) != 0)
		return rc;
	if (rd) {
		rc = fifo_open(fifo_path(c, pair && !binds), O_RDONLY,
		    &c->rfd, err);
		if (rc != 0)
			return rc;
	}
	if (wr)
		return fifo_writer(c, err);
	c->flags |= IPC_CONN_WFULL;
	ipc_conn_classify(c);
	if (!binds)
		return 0;
	c->dialfd = c->rfd;
	c->dialev = POLLIN;
	return fifo_client_came(c);
}

static void
fifo_drain(int fd)
{
	char buf[4096] __attribute__((aligned(8)));

	if (fd == -1)
		return;
	while (read(fd, buf, sizeof(buf)) > 0)
		;
}

static int
fifo_dialed(struct ipc_conn *c, struct ipc_error *err)
{
	struct fifo *f = c->impl;

	if (c->dialfd == c->rfd)
		return fifo_client_came(c);
	/* Drain before looking: what comes later wakes us again. */
	fifo_drain(f->timer);
	fifo_drain(f->ino);
	return fifo_writer(c, err);
}

/*
 * Before the first writer a FIFO reads as ended, but does not poll as hung up:
 * that tells "not yet" from "no more".
 */
static ssize_t
fifo_readv(struct ipc_conn *c, const struct iovec *iov, int n)
{
	ssize_t got = readv(c->rfd, iov, n);

	if (got != 0 || (ipc_fd_ready(c->rfd, POLLIN) &
	    (POLLHUP | POLLERR)) != 0)
		return got;
	errno = EAGAIN;
	return -1;
}

static void
fifo_close(struct ipc_conn *c)
{
	struct fifo *f = c->impl;

	if (c->dialfd == c->rfd)
		c->dialfd = -1;
	if (f != NULL) {
		fifo_stop_waiting(c);
		/* While they are open: the inode cannot be used again. */
		fifo_drop(c, 0);
		fifo_drop(c, 1);
	}
	ipc_conn_close_fds(c);
	free(f);
	c->impl = NULL;
}

static const struct ipc_opt fifo_opts[] = {
	{ .name = "reply", .type = IPC_OPT_STRING, .argname = "PATH",
	  .flags = IPC_OPT_PATHNAME,
	  .offset = offsetof(struct fifo_cfg, reply),
	  .help = "second FIFO, for the other direction" },
	{ .name = "mode", .type = IPC_OPT_MODE, .argname = "MODE",
	  .offset = offsetof(struct fifo_cfg, mode), .dflt = "0600",
	  .help = "permissions of a FIFO made here" },
	{ .name = "user", .type = IPC_OPT_CUSTOM, .argname = "USER",
	  .offset = offsetof(struct fifo_cfg, owner),
	  .parse = ipc_owner_parse_user,
	  .help = "owner of a FIFO made here" },
	{ .name = "group", .type = IPC_OPT_CUSTOM, .argname = "GROUP",
	  .offset = offsetof(struct fifo_cfg, owner),
	  .parse = ipc_owner_parse_group,
	  .help = "group of a FIFO made here" },
	{ .type = IPC_OPT_END },
};

extern const struct ipc_transport ipc_transport_fifo;
const struct ipc_transport ipc_transport_fifo = {
	.scheme = "fifo",
	.syntax = "fifo:///PATH[?reply=PATH]",
	.summary = "named pipe, or a pair of them for both directions",
	.shape = IPC_EP_OPAQUE,
	.caps = IPC_CAP_DIAL | IPC_CAP_CREATE | IPC_CAP_SPLICE |
	    IPC_CAP_HALFCLOSE | IPC_CAP_LOCAL,
	.opts = fifo_opts,
	.cfg_size = sizeof(struct fifo_cfg),
	.check = fifo_check,
	.dial = fifo_dial,
	.dialed = fifo_dialed,
	.readv = fifo_readv,
	.close = fifo_close,
};
