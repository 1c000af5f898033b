/*
 * replay: what -o recorded, as a source at its own pace.
 *
 * One connection and one direction of a record (wire/record.h).  Its clock
 * starts with the first read; the first entry of the connection, whichever
 * way it went, is moment zero.  rfd is a timer that is readable whenever
 * readv has something to say: armed for the next entry when that is not due,
 * left alone (and so readable) otherwise.  The record itself is read with
 * pread(2) and never polled.
 *
 * States: head read -> entry loaded, its payload partly given -> ... -> end.
 * A malformed or cut entry is EBADMSG, a connection that is not in the file
 * ENODATA.
 *
 * Does not: follow a record that is being written; take part in the other
 * direction, except for handing what comes back to standard output.
 */
#include "transport/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "transport/fdio.h"
#include "wire/record.h"

#define SPEED_MIN 0.001
#define SPEED_MAX 1e6
#define SKIPS 1024		/* entries passed over in one read */
#define FAR_NS 1e18		/* thirty years; keeps the sum in range */

struct replay_cfg {
	double	speed;		/* 0: as fast as possible */
	uint64_t conn;		/* 0: the first in the file */
	uint32_t dir;		/* as in struct ipc_record */
	bool	out;		/* what comes back goes to stdout */
};

struct replay {
	int	fd;		/* owned; the record */
	bool	begun;		/* start_ns is set */
	bool	found;		/* conn and zero_ns are set */
	bool	restore;	/* stdout: see fdio.h */
	uint32_t conn;
	uint32_t left;		/* payload bytes not given yet */
	uint64_t at;		/* in the file: what is read next */
	uint64_t start_ns;	/* monotonic, of the first read */
	uint64_t zero_ns;	/* recorded, of moment zero */
	uint64_t due_ns;	/* monotonic, of the loaded entry */
};

static int
parse_speed(void *field, const char *value, struct ipc_error *err)
{
	double *speed = field, v = 0;

	if (strcmp(value, "max") != 0) {
		/* strtod(3) knows more spellings than people expect. */
		if (value[0] != '\0' &&
		    strspn(value, "0123456789.") == strlen(value) &&
		    strchr(value, '.') == strrchr(value, '.'))
			v = strtod(value, NULL);
		if (v < SPEED_MIN || v > SPEED_MAX)
			return ipc_fail(err, IPC_E_USAGE, 0,
			    "1 is the recorded pace, 10 ten times as fast, "
			    "max without waiting",
			    "not a speed from 0.001 to 1000000 or max: \"%s\"",
			    value);
	}
	*speed = v;
	return 0;
}

static int
replay_check(const struct ipc_endpoint *ep, bool binds, struct ipc_error *err)
{
	(void)binds;
	if (strcmp(ep->path, "-") == 0)
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "give the file that -o wrote",
		    "a record cannot be replayed from standard input");
	return 0;
}

/* As pread(2), whole: fewer bytes only at the end of the file. */
static ssize_t
read_at(const struct replay *r, void *buf, size_t len, uint64_t at)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = pread(r->fd, (char *)buf + got, len - got,
		    (off_t)(at + got));

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

static int
open_record(struct replay *r, const char *path, struct ipc_error *err)
{
	uint8_t head[IPC_RECORD_HEAD];
	uint64_t wall;
	struct stat st;
	ssize_t n = 0;

	r->fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (r->fd == -1 || fstat(r->fd, &st) == -1)
		return ipc_fail(err, IPC_E_NET, errno, NULL,
		    "cannot open %s", path);
	if (S_ISREG(st.st_mode))
		n = read_at(r, head, sizeof(head), 0);
	if (n == -1)
		return ipc_fail(err, IPC_E_NET, errno, NULL,
		    "cannot read %s", path);
	if (n != (ssize_t)sizeof(head) ||
	    ipc_record_parse_head(head, &wall) != 0)
		return ipc_fail(err, IPC_E_NET, 0,
		    "give the file that -o wrote", "%s is not a record", path);
	r->at = sizeof(head);
	return 0;
}

static int
arm(int fd, uint64_t at_ns)
{
	struct itimerspec when = {
		.it_value = {
			.tv_sec = (time_t)(at_ns / IPC_NS_PER_S),
			.tv_nsec = (long)(at_ns % IPC_NS_PER_S),
		},
	};

	return timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static int
open_timer(struct ipc_conn *c, struct ipc_error *err)
{
	c->rfd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (c->rfd == -1 || arm(c->rfd, 1) == -1)
		return ipc_fail(err, IPC_E_NET, errno, NULL,
		    "cannot create a timer");
	return 0;
}

static int
replay_dial(struct ipc_conn *c, const struct ipc_addr *addr,
    const struct ipc_conn *other, struct ipc_error *err)
{
	const struct replay_cfg *cfg = c->ep->cfg;
	struct replay *r = calloc(1, sizeof(*r));
	int rc;

	(void)addr;
	(void)other;
	if (r == NULL)
		return ipc_fail(err, IPC_E_NET, ENOMEM, NULL, "no memory");
	r->fd = -1;
	c->impl = r;
	if ((rc = open_record(r, c->ep->path, err)) != 0)
		return rc;
	if ((c->flags & IPC_CONN_READ) != 0 && (rc = open_timer(c, err)) != 0)
		return rc;
	c->flags |= IPC_CONN_NOSPLICE | IPC_CONN_WFULL;
	if (!cfg->out || (c->flags & IPC_CONN_WRITE) == 0)
		return 0;
	if (ipc_fd_adopt(STDOUT_FILENO, true, &r->restore) != 0)
		return ipc_fail(err, IPC_E_NET, errno,
		    "standard output is closed; to discard output give "
		    ">/dev/null", "cannot write standard output");
	c->wfd = STDOUT_FILENO;
	c->flags = (uint16_t)(c->flags & ~IPC_CONN_WFULL);
	return 0;
}

/* When an entry is to be given. */
static uint64_t
due(const struct replay_cfg *cfg, const struct replay *r, uint64_t ns)
{
	double wait;

	if (cfg->speed <= 0 || ns <= r->zero_ns)
		return r->start_ns;
	wait = (double)(ns - r->zero_ns) / cfg->speed;
	return r->start_ns + (uint64_t)(wait < FAR_NS ? wait : FAR_NS);
}

/* Is it ours?  The first of the connection sets the clock. */
static bool
wanted(const struct replay_cfg *cfg, struct replay *r,
    const struct ipc_record *e)
{
	if (!r->found && (cfg->conn == 0 || cfg->conn == e->conn)) {
		r->found = true;
		r->conn = e->conn;
		r->zero_ns = e->ns;
	}
	return r->found && r->conn == e->conn && cfg->dir == e->dir &&
	    e->len > 0;
}

/* The end of the file: 0, unless something is missing. */
static int
at_end(const struct replay_cfg *cfg, const struct replay *r)
{
	struct stat st;

	if (fstat(r->fd, &st) == -1)
		return -1;
	if (r->at > (uint64_t)st.st_size)
		errno = EBADMSG;	/* cut inside what was passed over */
	else if (!r->found && cfg->conn != 0)
		errno = ENODATA;
	else
		return 0;
	return -1;
}

/* Load the next entry of ours: 1, 0 at the end, -1 with errno. */
static int
load(const struct replay_cfg *cfg, struct replay *r)
{
	uint8_t head[IPC_RECORD_ENTRY];
	struct ipc_record e;
	ssize_t n;

	for (int i = 0; i < SKIPS; i++) {
		n = read_at(r, head, sizeof(head), r->at);
		if (n <= 0)
			return n == 0 ? at_end(cfg, r) : -1;
		if (n < (ssize_t)sizeof(head) ||
		    ipc_record_parse_entry(head, &e) != 0) {
			errno = EBADMSG;
			return -1;
		}
		r->at += sizeof(head);
		if (wanted(cfg, r, &e)) {
			r->left = e.len;
			r->due_ns = due(cfg, r, e.ns);
			return 1;
		}
		r->at += e.len;
	}
	/* The timer stays readable: the others get a turn, then we go on. */
	errno = EAGAIN;
	return -1;
}

/* Into one span, as readv(2): what is due, of one entry. */
static ssize_t
give(struct ipc_conn *c, uint8_t *to, size_t len)
{
	const struct replay_cfg *cfg = c->ep->cfg;
	struct replay *r = c->impl;
	ssize_t n;
	int rc;

	if (r->left == 0 && (rc = load(cfg, r)) <= 0)
		return rc;
	if (cfg->speed > 0 && r->due_ns > ipc_now()) {
		if (arm(c->rfd, r->due_ns) == 0)
			errno = EAGAIN;
		return -1;
	}
	n = read_at(r, to, len < r->left ? len : r->left, r->at);
	if (n == 0) {
		errno = EBADMSG;
		return -1;
	}
	if (n > 0) {
		r->at += (uint64_t)n;
		r->left -= (uint32_t)n;
	}
	return n;
}

static ssize_t
replay_readv(struct ipc_conn *c, const struct iovec *iov, int n)
{
	struct replay *r = c->impl;
	size_t got = 0;

	if (!r->begun) {
		r->begun = true;
		r->start_ns = ipc_now();
	}
	for (int i = 0; i < n; i++) {
		size_t o = 0;

		while (o < iov[i].iov_len) {
			ssize_t more = give(c, (uint8_t *)iov[i].iov_base + o,
			    iov[i].iov_len - o);

			/* A failure now is a failure again next time. */
			if (more <= 0)
				return got > 0 ? (ssize_t)got : more;
			o += (size_t)more;
			got += (size_t)more;
		}
	}
	return (ssize_t)got;
}

static int
replay_shut_write(struct ipc_conn *c)
{
	const struct replay *r = c->impl;

	return ipc_fd_release(&c->wfd, r->restore);
}

static void
replay_close(struct ipc_conn *c)
{
	struct replay *r = c->impl;

	if (r == NULL)
		return;
	ipc_fd_release(&c->wfd, r->restore);
	ipc_fd_close(&r->fd);
	ipc_conn_close_fds(c);
	free(r);
	c->impl = NULL;
}

static const struct ipc_opt replay_opts[] = {
	{ .name = "speed", .type = IPC_OPT_CUSTOM, .argname = "N|max",
	  .offset = offsetof(struct replay_cfg, speed), .dflt = "1",
	  .parse = parse_speed,
	  .help = "N times the recorded pace, or without waiting" },
	{ .name = "conn", .type = IPC_OPT_INT, .argname = "N",
	  .offset = offsetof(struct replay_cfg, conn),
	  .min = "1", .max = "4294967295",
	  .help = "this connection instead of the first in the file" },
	{ .name = "dir", .type = IPC_OPT_ENUM, .argname = "out|in",
	  .offset = offsetof(struct replay_cfg, dir), .dflt = "out",
	  .help = "what went from FROM to TO, or what came back" },
	{ .name = "stdout", .type = IPC_OPT_FLAG,
	  .offset = offsetof(struct replay_cfg, out),
	  .help = "what comes back goes to standard output" },
	{ .type = IPC_OPT_END },
};

extern const struct ipc_transport ipc_transport_replay;
const struct ipc_transport ipc_transport_replay = {
	.scheme = "replay",
	.syntax = "replay:FILE",
	.summary = "what -o recorded, at its own pace",
	.shape = IPC_EP_COMMAND,
	.caps = IPC_CAP_DIAL | IPC_CAP_LOCAL,
	.opts = replay_opts,
	.cfg_size = sizeof(struct replay_cfg),
	.check = replay_check,
	.dial = replay_dial,
	.readv = replay_readv,
	.shut_write = replay_shut_write,
	.close = replay_close,
};
