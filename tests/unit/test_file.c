/* file: roles, keys, follow through growth, truncation and rotation. */
#include "tests/unit/check.h"
#include "tests/unit/conn.h"

#include <sys/stat.h>

#define BOTH (IPC_CONN_READ | IPC_CONN_WRITE)

extern const struct ipc_transport ipc_transport_file;

static char dir[] = "/tmp/ipcat-file-XXXXXX";
static char path[128], other[128];

static int
endpoint(struct ipc_endpoint *ep, const char *keys, struct ipc_error *err)
{
	char text[512];

	snprintf(text, sizeof(text), "file://%s%s", path, keys);
	return conn_endpoint(ep, &ipc_transport_file, text, false, err);
}

static void
put(const char *p, int flags, const char *text)
{
	int fd = open(p, O_WRONLY | O_CREAT | flags, 0600);

	if (fd == -1 || write(fd, text, strlen(text)) < 0)
		abort();
	close(fd);
}

static const char *
content(const char *p)
{
	static char buf[256];
	int fd = open(p, O_RDONLY);
	ssize_t n = fd == -1 ? -1 : read(fd, buf, sizeof(buf) - 1);

	buf[n < 0 ? 0 : n] = '\0';
	if (fd != -1)
		close(fd);
	return n < 0 ? NULL : buf;
}

/* Write `text` as a sink does, with these keys. */
static int
sink(const char *keys, unsigned flags, const char *text,
    struct ipc_error *err)
{
	struct ipc_endpoint ep;
	struct ipc_conn c;
	int rc = endpoint(&ep, keys, err);

	if (rc == 0) {
		rc = conn_dial(&c, &ep, NULL, flags, err);
		if (rc == 0 && (c.rfd != -1 || write(c.wfd, text,
		    strlen(text)) < 0 || c.tr->shut_write(&c) != 0))
			rc = 1;
		c.tr->close(&c);
	}
	ipc_endpoint_free(&ep);
	return rc;
}

static void
sinks(void)
{
	struct ipc_error err;
	struct stat st;
	mode_t mask = umask(022);

	ok(sink("", IPC_CONN_WRITE, "long text", &err) == 0, "created");
	ok(stat(path, &st) == 0 && (st.st_mode & 07777) == 0644,
	    "0666 less the umask");
	ok(sink("", BOTH, "short", &err) == 0, "a dialer writes");
	is_str(content(path), "short", "truncated");
	ok(sink("?append", IPC_CONN_WRITE, "+more", &err) == 0, "append");
	is_str(content(path), "short+more", "appended");
	ok(sink("?offset=5&sync", IPC_CONN_WRITE, "-", &err) == 0, "offset");
	is_str(content(path), "short-more", "written in place");
	ok(sink("?end", IPC_CONN_WRITE, "!", &err) == 0, "end");
	is_str(content(path), "short-more!", "written at the end");
	ok(sink("?excl", IPC_CONN_WRITE, "x", &err) == IPC_E_NET &&
	    err.sys == EEXIST, "excl refuses");
	is_str(content(path), "short-more!", "and leaves it alone");
	unlink(path);
	ok(sink("?excl&mode=0600", IPC_CONN_WRITE, "x", &err) == 0 &&
	    stat(path, &st) == 0 && (st.st_mode & 07777) == 0600, "mode");
	unlink(path);
	umask(mask);
}

static void
refusals(void)
{
	struct ipc_endpoint ep;
	struct ipc_error err;

	ok(sink("?append&offset=3", IPC_CONN_WRITE, "", &err) == IPC_E_USAGE,
	    "append with offset");
	ok(sink("?follow&excl", IPC_CONN_WRITE, "", &err) == IPC_E_USAGE,
	    "follow with excl");
	ok(sink("?follow", IPC_CONN_WRITE, "", &err) < 0,
	    "follow is for reading");
	ok(sink("", IPC_CONN_READ, "", &err) == IPC_E_NET &&
	    err.sys == ENOENT, "missing source");
	ok(sink("?colour=red", IPC_CONN_READ, "", &err) == IPC_E_USAGE,
	    "unknown key");
	mkdir(path, 0700);
	ok(sink("", IPC_CONN_READ, "", &err) == IPC_E_NET &&
	    err.sys == EISDIR, "a directory");
	rmdir(path);
	mkfifo(path, 0600);
	ok(sink("", IPC_CONN_READ, "", &err) == IPC_E_NET, "a FIFO");
	unlink(path);
	ok(conn_endpoint(&ep, &ipc_transport_file, "file:", false, &err) ==
	    IPC_E_USAGE, "no path");
	ipc_endpoint_free(&ep);
}

static void
device_full(void)
{
	struct ipc_endpoint ep;
	struct ipc_error err;
	struct ipc_conn c;

	ok(conn_endpoint(&ep, &ipc_transport_file, "file:///dev/full?sync",
	    false, &err) == 0 && conn_dial(&c, &ep, NULL, BOTH, &err) == 0,
	    "a device both ways");
	ok(c.rfd == c.wfd && c.rfd >= 0, "one descriptor");
	ok(write(c.wfd, "x", 1) == -1 && errno == ENOSPC, "full");
	ok(c.tr->shut_write(&c) == 0 && c.rfd >= 0 && c.wfd == -1,
	    "still readable");
	c.tr->close(&c);
	ipc_endpoint_free(&ep);
}

static ssize_t
get(struct ipc_conn *c, char *buf, size_t len)
{
	struct iovec iov = { buf, len - 1 };
	ssize_t n = c->tr->readv(c, &iov, 1);

	buf[n < 0 ? 0 : n] = '\0';
	return n;
}

/* As an event loop: poll, then one read.  Skips wake-ups for nothing. */
static const char *
next(struct ipc_conn *c)
{
	static char buf[64];

	while (conn_wait(c->rpoll, POLLIN))
		if (get(c, buf, sizeof(buf)) > 0)
			return buf;
		else if (errno != EAGAIN)
			return "error";
	return "nothing";
}

static bool
quiet(struct ipc_conn *c)
{
	struct pollfd p = { .fd = c->rpoll, .events = POLLIN };
	char buf[8];

	return get(c, buf, sizeof(buf)) == -1 && errno == EAGAIN &&
	    poll(&p, 1, 0) == 0;
}

static void
source(void)
{
	struct ipc_endpoint ep;
	struct ipc_error err;
	struct ipc_conn c;
	char buf[32];

	put(path, O_TRUNC, "0123456789");
	ok(endpoint(&ep, "?offset=4", &err) == 0 &&
	    conn_dial(&c, &ep, NULL, BOTH | IPC_CONN_BIND, &err) == 0 &&
	    c.rfd >= 0 && c.wfd == -1, "the binding side reads");
	ok(get(&c, buf, sizeof(buf)) == 6 && strcmp(buf, "456789") == 0,
	    "from the offset");
	ok(get(&c, buf, sizeof(buf)) == 0, "end");
	c.tr->close(&c);
	ipc_endpoint_free(&ep);
	is_str(content(path), "0123456789", "and is not touched");
}

static void
follow(void)
{
	struct ipc_endpoint ep;
	struct ipc_error err;
	struct ipc_conn c;

	put(path, O_TRUNC, "one\n");
	ok(endpoint(&ep, "?follow", &err) == 0 &&
	    conn_dial(&c, &ep, NULL, IPC_CONN_READ, &err) == 0, "follow");
	ok(c.rpoll >= 0 && (c.flags & IPC_CONN_NOSPLICE), "polls inotify");
	is_str(next(&c), "one\n", "what is there comes at once");
	ok(quiet(&c), "then nothing, and not the end");
	put(path, O_APPEND, "two\n");
	is_str(next(&c), "two\n", "growth");
	ok(quiet(&c), "nothing");
	put(path, O_TRUNC, "3\n");
	is_str(next(&c), "3\n", "truncated: from the start");
	put(path, O_APPEND, "last of old\n");
	ok(rename(path, other) == 0, "rotated");
	put(other, O_APPEND, "later\n");
	put(path, O_EXCL, "new\n");
	is_str(next(&c), "last of old\nlater\n", "the old one to its end");
	is_str(next(&c), "new\n", "then the new one");
	ok(quiet(&c), "nothing");
	put(path, O_APPEND, "newer\n");
	is_str(next(&c), "newer\n", "the new one is watched");
	unlink(path);
	ok(quiet(&c), "removed: waits");
	put(other, O_TRUNC, "moved in\n");
	ok(rename(other, path) == 0, "another moves in");
	is_str(next(&c), "moved in\n", "and is read");
	c.tr->close(&c);
	ipc_endpoint_free(&ep);
	ok(endpoint(&ep, "?follow&end", &err) == 0 &&
	    conn_dial(&c, &ep, NULL, IPC_CONN_READ, &err) == 0 &&
	    quiet(&c), "follow from the end");
	put(path, O_APPEND, "x");
	is_str(next(&c), "x", "only what is new");
	c.tr->close(&c);
	ipc_endpoint_free(&ep);
	unlink(path);
}

int
main(void)
{
	unsigned before = conn_open_fds();

	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/a", dir);
	snprintf(other, sizeof(other), "%s/b", dir);
	sinks();
	refusals();
	device_full();
	source();
	follow();
	ok(conn_open_fds() == before, "no descriptor is left");
	rmdir(dir);
	return done();
}
