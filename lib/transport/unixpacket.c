/*
 * unixpacket:PATH and unixpacket:@NAME: SOCK_SEQPACKET, whole messages in
 * order over a connection on one machine.  Binding and keys are in
 * unixsock.c, receiving in dgram.c.
 *
 * An empty message and the end of the peer look the same to recvmsg(2) but
 * for the credentials that come with every message: SO_PASSCRED is on.
 */
#include <errno.h>
#include <sys/socket.h>

#include "transport/dgram.h"
#include "transport/sockopt.h"
#include "transport/unixsock.h"

static const struct ipc_dgram_kind kind = {
	.slot = 1U << 20,
	.slots = 16,
	.records = true,
};

static int
ready(struct ipc_conn *c, struct ipc_error *err)
{
	int on = 1;

	if (setsockopt(c->rfd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0)
		return ipc_fail(err, IPC_E_NET, errno, NULL,
		    "cannot ask for credentials");
	return ipc_dgram_open(c, &kind, err);
}

static int
unixpacket_dial(struct ipc_conn *c, const struct ipc_addr *addr,
    const struct ipc_conn *other, struct ipc_error *err)
{
	int rc = ipc_unix_dial(c, SOCK_SEQPACKET, err);

	(void)addr;
	(void)other;
	return rc != 0 ? rc : ready(c, err);
}

static int
unixpacket_listen(struct ipc_listener *l, const struct ipc_addr *addr,
    bool reuseport, struct ipc_error *err)
{
	(void)addr;
	(void)reuseport;	/* unix sockets have none */
	return ipc_unix_bind(l, SOCK_SEQPACKET, err);
}

static int
unixpacket_accept(struct ipc_listener *l, struct ipc_conn *c,
    struct ipc_error *err)
{
	int rc = ipc_unix_accept(l, c, err);

	if (rc == 0 && ready(c, err) < 0) {
		ipc_dgram_close(c);
		rc = IPC_E_NET;
	}
	return rc;
}

static char *
unixpacket_bound_text(const struct ipc_listener *l, char *buf, size_t size)
{
	return ipc_unix_scheme_text("unixpacket", l, buf, size);
}

extern const struct ipc_transport ipc_transport_unixpacket;
const struct ipc_transport ipc_transport_unixpacket = {
	.scheme = "unixpacket",
	.syntax = "unixpacket:PATH",
	.summary = "whole messages over a connection on this machine",
	.shape = IPC_EP_OPAQUE,
	.caps = IPC_CAP_DIAL | IPC_CAP_LISTEN | IPC_CAP_MSG |
	    IPC_CAP_HALFCLOSE | IPC_CAP_LOCAL,
	.opts = ipc_unix_opts,
	.cfg_size = sizeof(struct ipc_unix_cfg),
	.check = ipc_unix_check,
	.dial = unixpacket_dial,
	.listen = unixpacket_listen,
	.accept = unixpacket_accept,
	.unlisten = ipc_unix_unlisten,
	.bound_text = unixpacket_bound_text,
	.recvm = ipc_dgram_recv,
	.sendm = ipc_dgram_send,
	.shut_write = ipc_sock_shut_write,
	.unsent = ipc_sock_unsent,
	.close = ipc_dgram_close,
};
