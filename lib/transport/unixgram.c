/*
 * unixgram:PATH and unixgram:@NAME: SOCK_DGRAM, whole messages without a
 * connection on one machine.  Nothing is lost: a full receiver makes the
 * sender wait.  Binding and keys are in unixsock.c, receiving in dgram.c.
 *
 * The side that dials gets a name from the kernel (autobind, unix(7)), so
 * that it can be answered.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "transport/dgram.h"
#include "transport/fdio.h"
#include "transport/resolve.h"
#include "transport/sockopt.h"
#include "transport/unixsock.h"

static const struct ipc_dgram_kind kinds[] = {
	{ .slot = 1U << 20, .slots = 16 },
	{ .slot = 1U << 20, .slots = 16, .senders = true },
};

static int
bind_here(struct ipc_conn *c, struct ipc_error *err)
{
	struct ipc_listener *l = calloc(1, sizeof(*l));
	int rc;

	if (l == NULL)
		return ipc_fail(err, IPC_E_NET, ENOMEM, NULL, "no memory");
	l->tr = c->tr;
	l->ep = c->ep;
	rc = ipc_unix_bind(l, SOCK_DGRAM, err);
	if (rc == 0)
		rc = ipc_dgram_open(c, &kinds[1], err);
	if (rc == 0) {
		ipc_sock_take(c, l->fd, false);
		l->fd = -1;
		*ipc_dgram_own(c) = l;
		return 0;
	}
	ipc_unix_unlisten(l);
	free(l);
	return rc;
}

static int
unixgram_dial(struct ipc_conn *c, const struct ipc_addr *addr,
    const struct ipc_conn *other, struct ipc_error *err)
{
	const struct sockaddr none = { .sa_family = AF_UNIX };
	int rc;

	(void)addr;
	(void)other;
	if ((c->flags & IPC_CONN_BIND) != 0)
		return bind_here(c, err);
	rc = ipc_unix_dial(c, SOCK_DGRAM, err);
	if (rc != 0)
		return rc;
	if (bind(c->rfd, &none, sizeof(none.sa_family)) != 0)
		return ipc_fail(err, IPC_E_NET, errno, NULL,
		    "cannot get a name for answers");
	return ipc_dgram_open(c, &kinds[0], err);
}

static void
unixgram_close(struct ipc_conn *c)
{
	void **own = ipc_dgram_own(c);
	struct ipc_listener *l = own == NULL ? NULL : *own;

	if (l != NULL) {
		ipc_unix_unlisten(l);
		free(l);
		*own = NULL;
	}
	ipc_dgram_close(c);
}

static char *
unixgram_created_text(const struct ipc_conn *c, char *buf, size_t size)
{
	struct ipc_listener l = { .tr = c->tr, .ep = c->ep };

	if (ipc_addr_unix(&l.bound, c->ep->path, NULL) != 0)
		return NULL;
	return ipc_unix_scheme_text("unixgram", &l, buf, size);
}

extern const struct ipc_transport ipc_transport_unixgram;
const struct ipc_transport ipc_transport_unixgram = {
	.scheme = "unixgram",
	.syntax = "unixgram:PATH",
	.summary = "whole messages without a connection on this machine",
	.shape = IPC_EP_OPAQUE,
	.caps = IPC_CAP_DIAL | IPC_CAP_CREATE | IPC_CAP_MSG |
	    IPC_CAP_ENDLESS | IPC_CAP_LOCAL,
	.opts = ipc_unix_opts,
	.cfg_size = sizeof(struct ipc_unix_cfg),
	.check = ipc_unix_check,
	.dial = unixgram_dial,
	.created_text = unixgram_created_text,
	.recvm = ipc_dgram_recv,
	.sendm = ipc_dgram_send,
	.screen = ipc_dgram_screen,
	.peer_of = ipc_dgram_peer_of,
	.shut_write = ipc_dgram_shut_write,
	.unsent = ipc_dgram_unsent,
	.close = unixgram_close,
};
