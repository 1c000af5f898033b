/*
 * file: regular files and devices, read or written.
 *
 * The role decides the direction: a source (input wanted, or the binding side
 * when both are) is opened for reading, a sink for writing, created and
 * truncated as the shell does with `>`.  A device opened for both directions
 * gets one read-write descriptor.
 *
 * follow, states: reading -> at the end (EAGAIN; core polls inotify) ->
 * reading, or switched to another inode that took the path.  At the end, in
 * this order: drain the events, read again, look at size and inode.  What
 * happens after the drain wakes us again, so nothing is missed; data found
 * after the drain makes an event of its own (file_poke).
 *
 * Does not: see a file truncated and grown past the old position between two
 * looks; follow a directory that is itself replaced.
 */
#include "transport/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transport/fdio.h"

struct file_cfg {
	bool	append, excl, follow, at_end, sync;
	uint64_t mode;
	uint64_t offset;
};

static int
file_check(const struct ipc_endpoint *ep, bool binds, struct ipc_error *err)
{
	const struct file_cfg *cfg = ep->cfg;
	bool place = cfg->offset != 0 || cfg->at_end;

	(void)binds;
	if (ep->path == NULL || ep->path[0] == '\0')
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "write file:///path/to/file", "file needs a path");
	if (cfg->follow && (cfg->append || cfg->excl || cfg->sync))
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "follow is for reading; drop append, excl and sync",
		    "follow does not go with a key for writing");
	if (cfg->append && place)
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "append always writes at the end; drop the other key",
		    "append does not go with offset or end");
	if (cfg->offset != 0 && cfg->at_end)
		return ipc_fail(err, IPC_E_USAGE, 0, "give one of them",
		    "offset does not go with end");
	if (cfg->offset > INT64_MAX)
		return ipc_fail(err, IPC_E_USAGE, 0, NULL,
		    "offset is too large");
	return 0;
}

/* What may be opened here.  *exists is false for a file to be created. */
static int
file_look(const struct ipc_conn *c, struct stat *st, bool *exists,
    struct ipc_error *err)
{
	const char *path = c->ep->path;

	*exists = stat(path, st) == 0;
	if (!*exists && (errno != ENOENT || c->flags & IPC_CONN_BIND ||
	    !(c->flags & IPC_CONN_WRITE)))
		return ipc_fail(err, IPC_E_NET, errno, NULL,
		    "cannot open %s", path);
	if (!*exists)
		return 0;
	if (S_ISDIR(st->st_mode))
		return ipc_fail(err, IPC_E_NET, EISDIR,
		    "give the path of a file", "cannot open %s", path);
	if (S_ISFIFO(st->st_mode))
		return ipc_fail(err, IPC_E_NET, 0,
		    "use fifo:// with the same path",
		    "cannot open %s as a file: it is a FIFO", path);
	if (S_ISSOCK(st->st_mode))
		return ipc_fail(err, IPC_E_NET, 0,
		    "use unix:// with the same path",
		    "cannot open %s as a file: it is a socket", path);
	return 0;
}

/*
 * Watch what is at the path now, and make the watch readable at once: there
 * may be more to read than events tell.  Removing a watch queues IN_IGNORED.
 */
static int
file_poke(const struct ipc_conn *c)
{
	int wd = inotify_add_watch(c->rpoll, c->ep->path, IN_MODIFY);

	if (wd == -1 || inotify_rm_watch(c->rpoll, wd) == -1)
		return -1;
	return inotify_add_watch(c->rpoll, c->ep->path, IN_MODIFY) == -1 ?
	    -1 : 0;
}

static int
file_watch(struct ipc_conn *c)
{
	char dir[PATH_MAX];
	const char *path = c->ep->path;
	int n;

	c->rpoll = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (c->rpoll == -1)
		return -1;
	n = snprintf(dir, sizeof(dir), "%s", path);
	if (n < 0 || (size_t)n >= sizeof(dir)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (inotify_add_watch(c->rpoll, dirname(dir),
	    IN_CREATE | IN_MOVED_TO | IN_ONLYDIR) == -1)
		return -1;
	return file_poke(c);
}

/* Flags of open(2) for the direction that was chosen. */
static int
file_oflags(const struct file_cfg *cfg, bool rd, bool wr, bool device)
{
	int fl = O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

	if (!wr)
		return fl | O_RDONLY;
	fl |= rd ? O_RDWR : O_WRONLY;
	if (cfg->append)
		fl |= O_APPEND;
	if (device)
		return fl;
	fl |= O_CREAT;
	if (cfg->excl)
		fl |= O_EXCL;
	if (!cfg->append && !cfg->at_end && cfg->offset == 0)
		fl |= O_TRUNC;
	return fl;
}

static int
file_place(const struct file_cfg *cfg, int fd)
{
	if (cfg->at_end)
		return lseek(fd, 0, SEEK_END) == -1 ? -1 : 0;
	if (cfg->offset != 0)
		return lseek(fd, (off_t)cfg->offset, SEEK_SET) == -1 ? -1 : 0;
	return 0;
}

static int
file_open(struct ipc_conn *c, bool rd, bool wr, bool device,
    struct ipc_error *err)
{
	const struct file_cfg *cfg = c->ep->cfg;
	const char *path = c->ep->path;
	int fd;

	if (cfg->follow && file_watch(c) == -1)
		return ipc_fail(err, IPC_E_NET, errno, errno == EMFILE ?
		    "raise the sysctl fs.inotify.max_user_instances" : NULL,
		    "cannot watch %s", path);
	fd = open(path, file_oflags(cfg, rd, wr, device), (mode_t)cfg->mode);
	if (fd == -1)
		return ipc_fail(err, IPC_E_NET, errno,
		    errno == EEXIST ? "remove it, or drop the key excl" : NULL,
		    "cannot open %s", path);
	if (file_place(cfg, fd) == -1) {
		int e = errno;

		ipc_fd_close(&fd);
		return ipc_fail(err, IPC_E_NET, e, NULL,
		    "cannot move to the offset in %s", path);
	}
	if (rd)
		c->rfd = fd;
	if (wr)
		c->wfd = fd;
	return 0;
}

static int
file_dial(struct ipc_conn *c, const struct ipc_addr *addr,
    const struct ipc_conn *other, struct ipc_error *err)
{
	const struct file_cfg *cfg = c->ep->cfg;
	bool rd = (c->flags & IPC_CONN_READ) != 0;
	bool wr = (c->flags & IPC_CONN_WRITE) != 0;
	bool exists, device;
	struct stat st;
	int rc;

	(void)addr;
	(void)other;
	if ((rc = file_look(c, &st, &exists, err)) != 0)
		return rc;
	device = exists && !S_ISREG(st.st_mode);
	if (cfg->follow && (device || !rd))
		return ipc_fail(err, IPC_E_USAGE, 0, "drop the key follow",
		    "only a regular file that is read can be followed");
	if (rd && wr && !device) {
		rd = cfg->follow || (c->flags & IPC_CONN_BIND) != 0;
		wr = !rd;
	}
	if ((rc = file_open(c, rd, wr, device, err)) != 0)
		return rc;
	ipc_conn_classify(c);
	if (!wr)
		c->flags |= IPC_CONN_WFULL;
	if (cfg->follow)
		c->flags |= IPC_CONN_NOSPLICE;
	else if (rd && !device)
		(void)posix_fadvise(c->rfd, 0, 0, POSIX_FADV_SEQUENTIAL);
	return 0;
}

static void
file_drain(int fd)
{
	char buf[4096] __attribute__((aligned(8)));

	while (read(fd, buf, sizeof(buf)) > 0)
		;
}

/* True when the file became shorter than what was read: start again. */
static bool
file_restarted(int fd)
{
	off_t pos = lseek(fd, 0, SEEK_CUR);
	struct stat st;

	return pos > 0 && fstat(fd, &st) == 0 && st.st_size < pos &&
	    lseek(fd, 0, SEEK_SET) == 0;
}

static bool
file_replaced(const struct ipc_conn *c)
{
	struct stat now, mine;

	return stat(c->ep->path, &now) == 0 && S_ISREG(now.st_mode) &&
	    fstat(c->rfd, &mine) == 0 &&
	    (now.st_dev != mine.st_dev || now.st_ino != mine.st_ino);
}

/* Put what is at the path now on the number rfd.  False: not possible. */
static bool
file_switch(struct ipc_conn *c)
{
	int fd, rc;

	fd = open(c->ep->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd == -1)
		return false;
	rc = dup3(fd, c->rfd, O_CLOEXEC);
	ipc_fd_close(&fd);
	return rc != -1 && file_poke(c) == 0;
}

static ssize_t
file_readv(struct ipc_conn *c, const struct iovec *iov, int n)
{
	ssize_t got = readv(c->rfd, iov, n);

	if (got != 0 || c->rpoll == -1)
		return got;
	for (;;) {
		bool replaced;

		file_drain(c->rpoll);
		/* Before the last look into a file that was renamed away. */
		replaced = file_replaced(c);
		got = readv(c->rfd, iov, n);
		if (got > 0)
			(void)file_poke(c);
		if (got != 0)
			return got;
		if (file_restarted(c->rfd) || (replaced && file_switch(c)))
			continue;
		errno = EAGAIN;
		return -1;
	}
}

/* The last chance to hear of ENOSPC and EIO. */
static int
file_shut_write(struct ipc_conn *c)
{
	const struct file_cfg *cfg = c->ep->cfg;
	int fd = c->wfd, bad = 0;

	c->wfd = -1;
	if (fd == -1)
		return 0;
	/* Devices that cannot be synced say EINVAL. */
	if (cfg->sync && fdatasync(fd) == -1 && errno != EINVAL)
		bad = errno;
	if (fd != c->rfd && close(fd) == -1 && errno != EINTR && bad == 0)
		bad = errno;
	if (bad == 0)
		return 0;
	errno = bad;
	return -1;
}

static const struct ipc_opt file_opts[] = {
	{ .name = "append", .type = IPC_OPT_FLAG,
	  .offset = offsetof(struct file_cfg, append),
	  .help = "write at the end, keep what is there" },
	{ .name = "excl", .type = IPC_OPT_FLAG,
	  .offset = offsetof(struct file_cfg, excl),
	  .help = "refuse a file that exists already" },
	{ .name = "mode", .type = IPC_OPT_MODE, .argname = "MODE",
	  .offset = offsetof(struct file_cfg, mode), .dflt = "0666",
	  .help = "permissions of a file made here, less the umask" },
	{ .name = "offset", .type = IPC_OPT_SIZE, .argname = "SIZE",
	  .offset = offsetof(struct file_cfg, offset),
	  .help = "start there; a file written is not truncated" },
	{ .name = "end", .type = IPC_OPT_FLAG,
	  .offset = offsetof(struct file_cfg, at_end),
	  .help = "start at the end" },
	{ .name = "follow", .type = IPC_OPT_FLAG,
	  .offset = offsetof(struct file_cfg, follow),
	  .help = "go on reading as the file grows or is replaced" },
	{ .name = "sync", .type = IPC_OPT_FLAG,
	  .offset = offsetof(struct file_cfg, sync),
	  .help = "wait for the disk before success is reported" },
	{ .type = IPC_OPT_END },
};

extern const struct ipc_transport ipc_transport_file;
const struct ipc_transport ipc_transport_file = {
	.scheme = "file",
	.syntax = "file:///PATH",
	.summary = "file or device: read, write, append, follow",
	.shape = IPC_EP_OPAQUE,
	.caps = IPC_CAP_DIAL | IPC_CAP_SPLICE | IPC_CAP_LOCAL,
	.opts = file_opts,
	.cfg_size = sizeof(struct file_cfg),
	.check = file_check,
	.dial = file_dial,
	.readv = file_readv,
	.shut_write = file_shut_write,
	.close = ipc_conn_close_fds,
};
