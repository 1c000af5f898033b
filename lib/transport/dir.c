/*
 * dir: each message becomes a file of a directory (--out-dir).
 *
 * Files are named by a number of ten digits, from the one after the highest
 * that is there.  A file appears whole: it is written under a name with a
 * leading dot and renamed.  Nothing is overwritten, nothing is synced.  Output
 * only; internal: no name in endpoints.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transport/transport.h"

#define DIGITS 10
#define NAME_SIZE 32

struct dir {
	uint64_t next;		/* number of the next file */
};

static int
dir_check(const struct ipc_endpoint *ep, bool binds, struct ipc_error *err)
{
	struct stat st;

	(void)binds;
	if (stat(ep->path, &st) == 0 && S_ISDIR(st.st_mode) &&
	    access(ep->path, W_OK) == 0)
		return 0;
	return ipc_fail(err, IPC_E_USAGE, 0, "mkdir it first",
	    "this is not a directory we can write to: \"%s\"", ep->path);
}

/* One more than the highest number among the names. */
static uint64_t
first_free(int fd)
{
	DIR *d = fdopendir(openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	struct dirent *e;
	uint64_t most = 0;

	if (d == NULL)
		return 1;
	while ((e = readdir(d)) != NULL) {
		uint64_t n;

		if (strspn(e->d_name, "0123456789") != strlen(e->d_name) ||
		    strlen(e->d_name) < DIGITS || strlen(e->d_name) > 18)
			continue;
		n = strtoull(e->d_name, NULL, 10);
		most = n > most ? n : most;
	}
	closedir(d);
	return most + 1;
}

static int
dir_dial(struct ipc_conn *c, const struct ipc_addr *addr,
    const struct ipc_conn *other, struct ipc_error *err)
{
	struct dir *d = calloc(1, sizeof(*d));

	(void)addr;
	(void)other;
	c->impl = d;
	if (d == NULL)
		return ipc_fail(err, IPC_E_NET, ENOMEM, NULL, "no memory");
	c->wfd = open(c->ep->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->wfd < 0)
		return ipc_fail(err, IPC_E_NET, errno, NULL,
		    "cannot open the directory");
	d->next = first_free(c->wfd);
	return 0;
}

static int
write_all(int fd, const struct iovec *v)
{
	for (int i = 0; i < 2; i++) {
		const uint8_t *p = v[i].iov_base;
		size_t left = v[i].iov_len;

		while (left > 0) {
			ssize_t n = write(fd, p, left);

			if (n < 0 && errno == EINTR)
				continue;
			if (n <= 0)
				return -1;
			p += n;
			left -= (size_t)n;
		}
	}
	return 0;
}

/* Under its final name, unless somebody has taken that meanwhile. */
static int
publish(const struct ipc_conn *c, const char *tmp)
{
	struct dir *d = c->impl;
	char name[NAME_SIZE];

	for (;;) {
		snprintf(name, sizeof(name), "%0*" PRIu64, DIGITS, d->next++);
		if (renameat2(c->wfd, tmp, c->wfd, name, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno == EINVAL && renameat(c->wfd, tmp, c->wfd, name) == 0)
			return 0;	/* a file system without NOREPLACE */
		if (errno != EEXIST)
			return -1;
	}
}

static int
one_file(struct ipc_conn *c, const struct ipc_dgram *g)
{
	struct dir *d = c->impl;
	char tmp[NAME_SIZE];
	int fd, e, r;

	snprintf(tmp, sizeof(tmp), ".%d.%" PRIu64, (int)getpid(), d->next);
	fd = openat(c->wfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return -1;
	r = write_all(fd, g->iov);
	e = errno;
	if (close(fd) < 0 && r == 0) {
		r = -1;
		e = errno;
	}
	if (r == 0 && publish(c, tmp) == 0)
		return 0;
	e = r == 0 ? errno : e;
	unlinkat(c->wfd, tmp, 0);
	errno = e;
	return -1;
}

static int
dir_sendm(struct ipc_conn *c, const struct ipc_dgram *g, int n)
{
	for (int i = 0; i < n; i++)
		if (one_file(c, &g[i]) < 0)
			return i > 0 ? i : -1;
	return n;
}

static void
dir_close(struct ipc_conn *c)
{
	if (c->wfd >= 0)
		close(c->wfd);
	c->wfd = -1;
	free(c->impl);
	c->impl = NULL;
}

const struct ipc_transport ipc_transport_dir = {
	.scheme = "dir",
	.syntax = "dir:PATH",
	.summary = "a file for each message (--out-dir)",
	.shape = IPC_EP_OPAQUE,
	.caps = IPC_CAP_DIAL | IPC_CAP_MSG | IPC_CAP_LOCAL | IPC_CAP_ONCE |
	    IPC_CAP_HIDDEN,
	.check = dir_check,
	.dial = dir_dial,
	.sendm = dir_sendm,
	.close = dir_close,
};
