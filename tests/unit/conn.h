/*
 * What the tests of socket transports share: an endpoint from its text with
 * its keys applied, as the plan does it, and connections opened to the end.
 * Waits on descriptors with a deadline, never for a fixed time.
 */
#ifndef IPC_TESTS_CONN_H
#define IPC_TESTS_CONN_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/transport.h"

#define CONN_DEADLINE_MS 10000

static inline int
conn_shape(const char *scheme)
{
	return strcmp(scheme, "tcp") == 0 || strcmp(scheme, "udp") == 0 ||
	    strcmp(scheme, "vsock") == 0 ? IPC_EP_HOSTPORT : IPC_EP_OPAQUE;
}

/* 0 or the code of the first failure: syntax, key, check. */
static inline int
conn_endpoint(struct ipc_endpoint *ep, const struct ipc_transport *tr,
    const char *text, bool binds, struct ipc_error *err)
{
	int rc;

	memset(err, 0, sizeof(*err));
	rc = ipc_endpoint_parse(ep, text, conn_shape, err);
	if (rc != 0)
		return rc;
	ep->tr = tr;
	ep->cfg = calloc(1, tr->cfg_size + 1);
	if (ep->cfg == NULL)
		abort();
	if (tr->opts != NULL)
		rc = ipc_opt_defaults(tr->opts, ep->cfg, err);
	for (uint32_t i = 0; rc == 0 && i < ep->nkeys; i++)
		rc = ipc_opt_set(tr->opts, ep->cfg, ep->keys[i].key,
		    ep->keys[i].value, err);
	if (rc == 0 && tr->check != NULL)
		rc = tr->check(ep, binds, err);
	return rc;
}

static inline void
conn_init(struct ipc_conn *c, const struct ipc_endpoint *ep, unsigned flags)
{
	memset(c, 0, sizeof(*c));
	c->tr = ep != NULL ? ep->tr : NULL;
	c->ep = ep;
	c->rfd = c->wfd = c->rpoll = c->dialfd = c->pidfd = -1;
	c->flags = (uint16_t)flags;
}

static inline bool
conn_wait(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, CONN_DEADLINE_MS) == 1;
}

/* Dial to the end: 0 or the code. */
static inline int
conn_dial(struct ipc_conn *c, const struct ipc_endpoint *ep,
    const struct ipc_addr *addr, unsigned flags, struct ipc_error *err)
{
	int rc;

	conn_init(c, ep, flags);
	rc = ep->tr->dial(c, addr, NULL, err);
	while (rc == 1 && conn_wait(c->dialfd, c->dialev))
		rc = ep->tr->dialed(c, err);
	return rc;
}

static inline int
conn_listen(struct ipc_listener *l, const struct ipc_endpoint *ep,
    const struct ipc_addr *addr, struct ipc_error *err)
{
	memset(l, 0, sizeof(*l));
	l->tr = ep->tr;
	l->ep = ep;
	l->fd = l->lockfd = -1;
	return ep->tr->listen(l, addr, false, err);
}

static inline int
conn_accept(struct ipc_listener *l, struct ipc_conn *c, struct ipc_error *err)
{
	int rc;

	conn_init(c, l->ep, 0);
	do
		rc = l->tr->accept(l, c, err);
	while (rc == 1 && conn_wait(l->fd, POLLIN));
	return rc;
}

static inline int
conn_option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, name, &value, &len) == 0 ? value : -1;
}

/* Write `text` on one side and read it back on the other. */
static inline bool
conn_carries(int wfd, int rfd, const char *text)
{
	char buf[256];
	size_t len = strlen(text), got = 0;
	ssize_t n;

	if (len > sizeof(buf) || write(wfd, text, len) != (ssize_t)len)
		return false;
	while (got < len && conn_wait(rfd, POLLIN)) {
		n = read(rfd, buf + got, sizeof(buf) - got);
		if (n <= 0)
			return false;
		got += (size_t)n;
	}
	return got == len && memcmp(buf, text, len) == 0;
}

/* The next read is end of input. */
static inline bool
conn_at_end(int rfd)
{
	char b;

	return conn_wait(rfd, POLLIN) && read(rfd, &b, 1) == 0;
}

/* Open descriptors of this process: the same before and after (H21). */
static inline unsigned
conn_open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (d != NULL && readdir(d) != NULL)
		n++;
	if (d != NULL)
		closedir(d);
	return n;
}

#endif
