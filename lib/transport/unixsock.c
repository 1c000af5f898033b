/*
 * Unix domain sockets of every type.  What they do is in unixsock.h.
 *
 * A bound path lives under a lock, PATH.lock, held with flock(2) as long as
 * the socket is bound.  States of a path before bind: free; stale (a socket
 * of ours that no process has bound: removed); alive or not ours (refused);
 * not a socket (refused, never removed).  The name is removed at the end
 * only while it still leads to the inode that was bound here.  Abstract
 * names have neither file, mode nor lock.
 */
#include "transport/unixsock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transport/fdio.h"
#include "transport/resolve.h"
#include "transport/sockopt.h"

#define AT(member) offsetof(struct ipc_unix_cfg, member)
#define LOCK_SUFFIX ".lock"
#define LOCK_PATH_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) + \
	sizeof(LOCK_SUFFIX))
#define LOCK_TRIES 16		/* the file may be removed while we open it */

const struct ipc_opt ipc_unix_opts[] = {
	{ .name = "mode", .type = IPC_OPT_MODE, .argname = "OCTAL",
	    .offset = AT(mode), .max = "0777", .dflt = "0600",
	    .help = "who may connect: permissions of the socket" },
	{ .name = "user", .type = IPC_OPT_CUSTOM, .argname = "USER",
	    .offset = AT(owner), .parse = ipc_owner_parse_user,
	    .help = "owner of the socket" },
	{ .name = "group", .type = IPC_OPT_CUSTOM, .argname = "GROUP",
	    .offset = AT(owner), .parse = ipc_owner_parse_group,
	    .help = "group of the socket" },
	{ .name = "replace", .type = IPC_OPT_FLAG, .offset = AT(replace),
	    .dflt = "yes", .help = "replace a socket that is provably dead" },
	{ .name = "backlog", .type = IPC_OPT_INT, .argname = "N",
	    .offset = AT(backlog), .min = "1", .max = "65535",
	    .dflt = "1024", .help = "connections that wait to be accepted" },
	{ .name = "sndbuf", .type = IPC_OPT_SIZE, .argname = "SIZE",
	    .offset = AT(sndbuf), .max = "1G",
	    .help = "send buffer; 0: the system's default" },
	{ .name = "rcvbuf", .type = IPC_OPT_SIZE, .argname = "SIZE",
	    .offset = AT(rcvbuf), .max = "1G",
	    .help = "receive buffer; 0: the system's default" },
	{ .type = IPC_OPT_END },
};

static const char *const listen_only[] = {
	"mode", "user", "group", "replace", "backlog", NULL,
};
static const char *const file_only[] = {
	"mode", "user", "group", "replace", NULL,
};
static const char *const none[] = { NULL };

/* A unix socket inherits no buffer size from its listener. */
static const struct ipc_so_row unix_rows[] = {
	{ "sndbuf", IPC_SO_INT, IPC_SO_DIAL | IPC_SO_ACCEPT, SOL_SOCKET,
	    SO_SNDBUF, AT(sndbuf) },
	{ "rcvbuf", IPC_SO_INT, IPC_SO_DIAL | IPC_SO_ACCEPT, SOL_SOCKET,
	    SO_RCVBUF, AT(rcvbuf) },
	{ .kind = IPC_SO_END },
};

static bool
is_abstract(const char *path)
{
	return path[0] == '@';
}

int
ipc_unix_check(const struct ipc_endpoint *ep, bool binds, struct ipc_error *err)
{
	struct ipc_addr addr;
	int rc = ipc_addr_unix(&addr, ep->path, err);

	if (rc != 0)
		return rc;
	rc = ipc_sock_role_keys(ep, binds, listen_only, none, err);
	if (rc != 0 || !is_abstract(ep->path))
		return rc;
	if (ipc_sock_role_keys(ep, true, none, file_only, NULL) != 0)
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "use a path, or allow peers by --allow uid=N",
		    "an abstract name has no mode, user, group or replace");
	return 0;
}

static int
open_socket(int type, int *fd, struct ipc_error *err)
{
	*fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return *fd >= 0 ? 0 : ipc_fail(err, IPC_E_NET, errno, NULL,
	    "cannot make a socket");
}

static const char *
dial_hint(int sys)
{
	switch (sys) {
	case ENOENT:
		return "start the listener first, or add -r to wait for it";
	case ECONNREFUSED:
		return "nothing listens there any more: start the listener, "
		    "or add -r to wait for it";
	case EAGAIN:
		return "the listener is busy: raise its backlog=, or add -r";
	case EPROTOTYPE:
		return "it is a unix socket of another type: try unix:, "
		    "unixpacket: or unixgram:";
	default:
		return NULL;
	}
}

int
ipc_unix_dial(struct ipc_conn *c, int type, struct ipc_error *err)
{
	struct ipc_addr to;
	int fd, sys, rc = ipc_addr_unix(&to, c->ep->path, err);

	if (rc == 0)
		rc = open_socket(type, &fd, err);
	if (rc != 0)
		return rc;
	ipc_sock_take(c, fd, false);
	rc = ipc_sock_options(fd, unix_rows, c->ep->cfg, IPC_SO_DIAL, err);
	if (rc != 0)
		return rc;
	/* Never in progress: a full backlog is EAGAIN, and nothing to poll. */
	do
		rc = connect(fd, &to.sa, to.len);
	while (rc != 0 && errno == EINTR);
	sys = errno;
	if (rc != 0)
		return ipc_fail(err, IPC_E_NET, sys, dial_hint(sys),
		    "cannot connect");
	ipc_sock_cred(fd, &c->peer);
	return 0;
}

static void
lock_path(char buf[LOCK_PATH_MAX], const char *path)
{
	snprintf(buf, LOCK_PATH_MAX, "%s" LOCK_SUFFIX, path);
}

static bool
same_file(const char *path, const struct stat *want)
{
	struct stat st;

	return lstat(path, &st) == 0 && st.st_dev == want->st_dev &&
	    st.st_ino == want->st_ino;
}

static int
in_use(const char *path, const char *why, struct ipc_error *err)
{
	char hint[200];

	snprintf(hint, sizeof(hint), "%s; listen on another path, such as "
	    "unix:%s.2", why, path);
	return ipc_fail(err, IPC_E_NET, EADDRINUSE, hint,
	    "cannot listen on \"%s\"", path);
}

static int
no_lock(const char *name, int sys, struct ipc_error *err)
{
	return ipc_fail(err, IPC_E_NET, sys, "the lock must be a plain file "
	    "of ours in a folder we may write to; see: ls -l",
	    "cannot lock \"%s\"", name);
}

/* Take PATH.lock without waiting; l->lockfd holds it. */
static int
take_lock(struct ipc_listener *l, const char *path, struct ipc_error *err)
{
	char name[LOCK_PATH_MAX];
	struct stat st;
	int sys = EBUSY;

	lock_path(name, path);
	for (int i = 0; i < LOCK_TRIES; i++) {
		l->lockfd = open(name, O_RDWR | O_CREAT | O_CLOEXEC |
		    O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
		if (l->lockfd < 0 || fstat(l->lockfd, &st) != 0)
			return no_lock(name, errno, err);
		if (!S_ISREG(st.st_mode) || st.st_uid != geteuid()) {
			sys = EPERM;
			break;
		}
		if (flock(l->lockfd, LOCK_EX | LOCK_NB) != 0) {
			sys = errno;
			break;
		}
		if (same_file(name, &st))
			return 0;
		ipc_fd_close(&l->lockfd);	/* its holder just left */
	}
	ipc_fd_close(&l->lockfd);
	if (sys == EWOULDBLOCK)
		return in_use(path, "another ipcat listens there", err);
	return no_lock(name, sys, err);
}

/* Remove the lock's name while we hold it, then let go. */
static void
drop_lock(struct ipc_listener *l, const char *path)
{
	char name[LOCK_PATH_MAX];
	struct stat st;

	if (l->lockfd < 0)
		return;
	lock_path(name, path);
	if (fstat(l->lockfd, &st) == 0 && same_file(name, &st))
		unlink(name);
	ipc_fd_close(&l->lockfd);
}

/*
 * Is a socket file bound by no process?  Connecting with another type than
 * the one it would have asks without queueing a connection there: a dead file
 * is ECONNREFUSED, a bound one EPROTOTYPE even before listen(2).
 */
static bool
is_dead(const struct ipc_addr *addr, int type)
{
	int fd, sys;

	if (open_socket(type == SOCK_DGRAM ? SOCK_STREAM : SOCK_DGRAM, &fd,
	    NULL) != 0)
		return false;
	sys = connect(fd, &addr->sa, addr->len) == 0 ? 0 : errno;
	ipc_fd_close(&fd);
	return sys == ECONNREFUSED;
}

/* The path is taken: make it free if that is safe. */
static int
clear_stale(const struct ipc_unix_cfg *cfg, const char *path,
    const struct ipc_addr *addr, int type, struct ipc_error *err)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? 0 : ipc_fail(err, IPC_E_NET, errno,
		    NULL, "cannot look at \"%s\"", path);
	if (!S_ISSOCK(st.st_mode))
		return in_use(path, "it is not a socket, so it stays", err);
	if (!is_dead(addr, type))
		return in_use(path, "a process has it open", err);
	if (!cfg->replace)
		return in_use(path, "a dead socket is there and replace=no",
		    err);
	if (st.st_uid != geteuid() &&
	    !(cfg->owner.has_uid && st.st_uid == cfg->owner.uid))
		return in_use(path, "a dead socket of another user is there",
		    err);
	if (!same_file(path, &st))
		return in_use(path, "it is being replaced right now", err);
	if (unlink(path) != 0 && errno != ENOENT)
		return ipc_fail(err, IPC_E_NET, errno, NULL,
		    "cannot remove the dead socket \"%s\"", path);
	return 0;
}

/* Created with no more than the owner's bits: nobody else can get in before
 * owner and mode are right. */
static int
bind_closed(int fd, const struct ipc_unix_cfg *cfg, const struct ipc_addr *addr)
{
	mode_t old = umask(0777);
	int rc, sys;

	umask(old | 0077 | (~(mode_t)cfg->mode & 0777));
	rc = bind(fd, &addr->sa, addr->len);
	sys = errno;
	umask(old);
	errno = sys;
	return rc;
}

/* Owner and mode, on the inode and not on the name. */
static int
set_owner(struct ipc_listener *l, const struct ipc_unix_cfg *cfg,
    const char *path, struct ipc_error *err)
{
	struct stat st;
	int rc = 0, fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISSOCK(st.st_mode) ||
	    st.st_uid != geteuid()) {
		rc = ipc_fail(err, IPC_E_NET, 0, "use a folder that only you "
		    "can write to", "\"%s\" was replaced by someone", path);
		goto out;
	}
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	if (ipc_owner_apply(fd, &cfg->owner, (mode_t)cfg->mode) != 0)
		rc = ipc_fail(err, IPC_E_NET, errno, "only root gives files "
		    "away; a group must be one of yours",
		    "cannot set owner and mode of \"%s\"", path);
out:
	ipc_fd_close(&fd);
	return rc;
}

static int
bind_path(struct ipc_listener *l, const struct ipc_unix_cfg *cfg,
    const char *path, int type, struct ipc_error *err)
{
	int rc = take_lock(l, path, err);

	if (rc != 0)
		return rc;
	rc = bind_closed(l->fd, cfg, &l->bound);
	if (rc != 0 && errno == EADDRINUSE) {
		rc = clear_stale(cfg, path, &l->bound, type, err);
		if (rc != 0)
			return rc;
		rc = bind_closed(l->fd, cfg, &l->bound);
	}
	if (rc != 0)
		return ipc_fail(err, IPC_E_NET, errno, NULL,
		    "cannot listen on \"%s\"", path);
	return set_owner(l, cfg, path, err);
}

int
ipc_unix_bind(struct ipc_listener *l, int type, struct ipc_error *err)
{
	const struct ipc_unix_cfg *cfg = l->ep->cfg;
	const char *path = l->ep->path;
	int rc;

	l->fd = l->lockfd = -1;
	l->ino = 0;
	rc = ipc_addr_unix(&l->bound, path, err);
	if (rc == 0)
		rc = open_socket(type, &l->fd, err);
	if (rc != 0)
		return rc;
	/* Who sends: from the very first message on. */
	if (type == SOCK_DGRAM && setsockopt(l->fd, SOL_SOCKET, SO_PASSCRED,
	    &(int){ 1 }, sizeof(int)) != 0)
		return ipc_fail(err, IPC_E_NET, errno, NULL,
		    "cannot ask for credentials");
	if (!is_abstract(path))
		rc = bind_path(l, cfg, path, type, err);
	else if (bind(l->fd, &l->bound.sa, l->bound.len) != 0)
		rc = errno == EADDRINUSE ?
		    in_use(path, "another process listens there", err) :
		    ipc_fail(err, IPC_E_NET, errno, NULL,
		    "cannot listen on \"%s\"", path);
	if (rc == 0 && type != SOCK_DGRAM &&
	    listen(l->fd, (int)cfg->backlog) != 0)
		rc = ipc_fail(err, IPC_E_NET, errno, NULL,
		    "cannot listen on \"%s\"", path);
	return rc;
}

int
ipc_unix_accept(struct ipc_listener *l, struct ipc_conn *c,
    struct ipc_error *err)
{
	int rc = ipc_sock_accept(l, c, err);

	if (rc != 0)
		return rc;
	ipc_sock_cred(c->rfd, &c->peer);
	return ipc_sock_options(c->rfd, unix_rows, l->ep->cfg, IPC_SO_ACCEPT,
	    err);
}

void
ipc_unix_unlisten(struct ipc_listener *l)
{
	struct stat st = { .st_dev = l->dev, .st_ino = l->ino };

	if (l->ino != 0 && same_file(l->ep->path, &st))
		unlink(l->ep->path);
	l->ino = 0;
	drop_lock(l, l->ep->path);
	ipc_fd_close(&l->fd);
}

char *
ipc_unix_scheme_text(const char *scheme, const struct ipc_listener *l,
    char *buf, size_t size)
{
	char text[256];

	ipc_addr_endpoint(&l->bound, text, sizeof(text));
	snprintf(buf, size, "%s%s", scheme, text + strlen("unix"));
	return buf;
}

char *
ipc_unix_bound_text(const struct ipc_listener *l, char *buf, size_t size)
{
	return ipc_addr_endpoint(&l->bound, buf, size);
}
