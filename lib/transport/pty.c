/*
 * pty: a new pseudo terminal; another program opens its slave.
 *
 * States: made -> (wait: until the slave is opened) -> open -> last close of
 * the slave: end of input.  No slave descriptor is held, so that the last
 * close is seen; the kernel reports no hang-up before the first open.
 *
 * A path becomes a symbolic link to the slave.  It is made beside the path
 * and renamed over it only when what is there is a dangling link, one to the
 * slave we just got, or one this endpoint made before; it is removed at
 * close if it is still the one we
 * made.
 *
 * Does not: relay window size or line settings of the user's side.
 */
#include "transport/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transport/fdio.h"
#include "transport/owner.h"
#include "transport/ptyio.h"
#include "transport/transport.h"

struct pty_cfg {
	bool	raw, wait;
	uint64_t mode;
	struct ipc_owner owner;
	uint64_t rows, cols;
	/* Run time: the link as we last made it; one connection at a time,
	 * but the next may be dialed before the last is closed. */
	char	target[64];
	dev_t	dev;
	ino_t	ino;
};

struct pty {
	struct ipc_ptyio io;
	bool	linked;
	dev_t	dev;		/* of the link */
	ino_t	ino;
};

extern const struct ipc_transport ipc_transport_pty;

const char *
ipc_pty_name(const struct ipc_conn *c)
{
	const struct pty *p = c->impl;

	if (c->tr != &ipc_transport_pty || p == NULL || p->io.name[0] == '\0')
		return NULL;
	return p->io.name;
}

/* 0: nothing there.  1: a link we may replace.  -1: hands off. */
static int
pty_look(const struct pty_cfg *cfg, const char *path, const char *slave)
{
	char target[PATH_MAX];
	bool same;
	struct stat st;
	ssize_t n;

	if (lstat(path, &st) == -1)
		return errno == ENOENT ? 0 : -1;
	errno = EEXIST;
	if (!S_ISLNK(st.st_mode))
		return -1;
	same = st.st_dev == cfg->dev && st.st_ino == cfg->ino;
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return -1;
	target[n] = '\0';
	/* Names too: inode numbers are used again at once. */
	if (strcmp(target, slave) == 0 ||
	    (same && strcmp(target, cfg->target) == 0) ||
	    (stat(path, &st) == -1 && errno == ENOENT))
		return 1;
	errno = EEXIST;
	return -1;
}

/* Replace the link at path without a moment of none. */
static int
pty_relink(const char *path, const char *slave)
{
	char tmp[PATH_MAX];
	int n;

	n = snprintf(tmp, sizeof(tmp), "%s.%ld.tmp", path, (long)getpid());
	if (n < 0 || (size_t)n >= sizeof(tmp)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (symlink(slave, tmp) == -1)
		return -1;
	if (rename(tmp, path) == 0)
		return 0;
	n = errno;
	(void)unlink(tmp);
	errno = n;
	return -1;
}

static int
pty_link(struct ipc_conn *c, struct ipc_error *err)
{
	struct pty_cfg *cfg = c->ep->cfg;
	struct pty *p = c->impl;
	const char *path = c->ep->path;
	struct stat st;
	int rc;

	rc = pty_look(cfg, path, p->io.name);
	if (rc == 0)
		rc = symlink(p->io.name, path);
	else if (rc == 1)
		rc = pty_relink(path, p->io.name);
	if (rc == -1)
		return ipc_fail(err, IPC_E_NET, errno, errno == EEXIST ?
		    "only a dangling link is replaced: remove it, or take "
		    "another path" : NULL, "cannot make the link %s", path);
	if (lstat(path, &st) == 0) {
		p->linked = true;
		p->dev = cfg->dev = st.st_dev;
		p->ino = cfg->ino = st.st_ino;
		memcpy(cfg->target, p->io.name, sizeof(cfg->target));
	}
	return 0;
}

static void
pty_unlink(struct ipc_conn *c)
{
	struct pty *p = c->impl;
	char target[sizeof(p->io.name)];
	struct stat st;
	ssize_t n;

	if (!p->linked)
		return;
	p->linked = false;
	n = readlink(c->ep->path, target, sizeof(target) - 1);
	if (n < 0)
		return;
	target[n] = '\0';
	if (strcmp(target, p->io.name) == 0 &&
	    lstat(c->ep->path, &st) == 0 && st.st_dev == p->dev &&
	    st.st_ino == p->ino)
		(void)unlink(c->ep->path);
}

static int
pty_owner(const struct pty_cfg *cfg, const char *name)
{
	int fd, rc;

	fd = open(name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return -1;
	rc = ipc_owner_apply(fd, &cfg->owner, (mode_t)cfg->mode);
	ipc_fd_close(&fd);
	return rc;
}

/* Make dialfd tell when someone opens the slave. */
static int
pty_wait(struct ipc_conn *c, struct ipc_error *err)
{
	struct pty *p = c->impl;

	c->dialfd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (c->dialfd == -1 ||
	    inotify_add_watch(c->dialfd, p->io.name, IN_OPEN) == -1)
		return ipc_fail(err, IPC_E_NET, errno, errno == EMFILE ?
		    "raise the sysctl fs.inotify.max_user_instances" : NULL,
		    "cannot watch %s", p->io.name);
	c->dialev = POLLIN;
	return 0;
}

static int
pty_dial(struct ipc_conn *c, const struct ipc_addr *addr,
    const struct ipc_conn *other, struct ipc_error *err)
{
	const struct pty_cfg *cfg = c->ep->cfg;
	struct pty *p;
	int fd, rc;

	(void)addr;
	(void)other;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return ipc_fail(err, IPC_E_NET, ENOMEM, NULL,
		    "cannot open a pty");
	c->impl = p;
	fd = ipc_ptyio_open(&p->io, cfg->raw, (uint16_t)cfg->rows,
	    (uint16_t)cfg->cols);
	if (fd == -1)
		return ipc_fail(err, IPC_E_NET, errno, NULL,
		    "cannot open a pty");
	if (c->flags & IPC_CONN_WRITE)
		c->wfd = fd;
	if ((c->flags & IPC_CONN_READ) || c->wfd == -1)
		c->rfd = fd;
	ipc_conn_classify(c);
	if (pty_owner(cfg, p->io.name) == -1)
		return ipc_fail(err, IPC_E_NET, errno, NULL,
		    "cannot set owner and mode of %s", p->io.name);
	/* The watch comes before the link: the link tells people to open. */
	if (cfg->wait && (rc = pty_wait(c, err)) != 0)
		return rc;
	if (c->ep->path != NULL && c->ep->path[0] != '\0' &&
	    (rc = pty_link(c, err)) != 0)
		return rc;
	return cfg->wait ? 1 : 0;
}

static int
pty_dialed(struct ipc_conn *c, struct ipc_error *err)
{
	char buf[1024] __attribute__((aligned(8)));

	(void)err;
	if (read(c->dialfd, buf, sizeof(buf)) <= 0)
		return 1;
	ipc_fd_close(&c->dialfd);
	return 0;
}

static ssize_t
pty_readv(struct ipc_conn *c, const struct iovec *iov, int n)
{
	struct pty *p = c->impl;

	return ipc_ptyio_readv(&p->io, c->rfd, iov, n);
}

static ssize_t
pty_writev(struct ipc_conn *c, const struct iovec *iov, int n)
{
	struct pty *p = c->impl;

	return ipc_ptyio_writev(&p->io, c->wfd, iov, n);
}

/*
 * The master stays open even when nothing is read from it: closing it hangs
 * up the slave's line, and with that goes what it did not read.
 */
static int
pty_shut_write(struct ipc_conn *c)
{
	struct pty *p = c->impl;

	if (c->wfd == -1)
		return 0;
	ipc_ptyio_eof(&p->io, c->wfd);
	c->rfd = c->wfd;
	c->wfd = -1;
	return 0;
}

static ssize_t
pty_unsent(struct ipc_conn *c)
{
	struct pty *p = c->impl;
	int fd = c->wfd != -1 ? c->wfd : c->rfd;
	uint8_t left = ipc_ptyio_flush(&p->io, fd);

	if ((c->flags & IPC_CONN_WRITE) == 0)
		return 0;
	return left > 0 ? left : ipc_ptyio_unread(fd);
}

static void
pty_close(struct ipc_conn *c)
{
	if (c->impl != NULL)
		pty_unlink(c);
	ipc_conn_close_fds(c);
	free(c->impl);
	c->impl = NULL;
}

static char *
pty_created_text(const struct ipc_conn *c, char *buf, size_t size)
{
	const char *name = ipc_pty_name(c);

	if (name == NULL)
		return NULL;
	snprintf(buf, size, "tty://%s", name);
	return buf;
}

static const struct ipc_opt pty_opts[] = {
	{ .name = "raw", .type = IPC_OPT_FLAG,
	  .offset = offsetof(struct pty_cfg, raw),
	  .help = "no line editing, echo or translation: bytes as they are" },
	{ .name = "wait", .type = IPC_OPT_FLAG,
	  .offset = offsetof(struct pty_cfg, wait),
	  .help = "connected only when someone opened the terminal" },
	{ .name = "mode", .type = IPC_OPT_MODE, .argname = "MODE",
	  .offset = offsetof(struct pty_cfg, mode), .dflt = "0600",
	  .help = "permissions of the terminal" },
	{ .name = "user", .type = IPC_OPT_CUSTOM, .argname = "USER",
	  .offset = offsetof(struct pty_cfg, owner),
	  .parse = ipc_owner_parse_user,
	  .help = "owner of the terminal" },
	{ .name = "group", .type = IPC_OPT_CUSTOM, .argname = "GROUP",
	  .offset = offsetof(struct pty_cfg, owner),
	  .parse = ipc_owner_parse_group,
	  .help = "group of the terminal" },
	{ .name = "rows", .type = IPC_OPT_INT, .argname = "N",
	  .offset = offsetof(struct pty_cfg, rows), .max = "65535",
	  .help = "height of the terminal" },
	{ .name = "cols", .type = IPC_OPT_INT, .argname = "N",
	  .offset = offsetof(struct pty_cfg, cols), .max = "65535",
	  .help = "width of the terminal" },
	{ .type = IPC_OPT_END },
};

const struct ipc_transport ipc_transport_pty = {
	.scheme = "pty",
	.syntax = "pty:[///LINK]",
	.summary = "new pseudo terminal for another program to open",
	.shape = IPC_EP_OPAQUE,
	.caps = IPC_CAP_DIAL | IPC_CAP_CREATE | IPC_CAP_HALFCLOSE |
	    IPC_CAP_LOCAL,
	.opts = pty_opts,
	.cfg_size = sizeof(struct pty_cfg),
	.dial = pty_dial,
	.dialed = pty_dialed,
	.created_text = pty_created_text,
	.readv = pty_readv,
	.writev = pty_writev,
	.shut_write = pty_shut_write,
	.unsent = pty_unsent,
	.close = pty_close,
};
