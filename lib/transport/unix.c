/*
 * unix:PATH and unix:@NAME: stream sockets on one machine.  Everything is in
 * unixsock.c.
 */
#include <sys/socket.h>

#include "transport/fdio.h"
#include "transport/sockopt.h"
#include "transport/unixsock.h"

static int
unix_dial(struct ipc_conn *c, const struct ipc_addr *addr,
    const struct ipc_conn *other, struct ipc_error *err)
{
	(void)addr;
	(void)other;
	return ipc_unix_dial(c, SOCK_STREAM, err);
}

static int
unix_listen(struct ipc_listener *l, const struct ipc_addr *addr,
    bool reuseport, struct ipc_error *err)
{
	(void)addr;
	(void)reuseport;	/* unix sockets have none */
	return ipc_unix_bind(l, SOCK_STREAM, err);
}

extern const struct ipc_transport ipc_transport_unix;
const struct ipc_transport ipc_transport_unix = {
	.scheme = "unix",
	.syntax = "unix:PATH",
	.summary = "stream socket on this machine; @NAME: abstract",
	.shape = IPC_EP_OPAQUE,
	.caps = IPC_CAP_DIAL | IPC_CAP_LISTEN | IPC_CAP_SPLICE |
	    IPC_CAP_HALFCLOSE | IPC_CAP_LOCAL,
	.opts = ipc_unix_opts,
	.cfg_size = sizeof(struct ipc_unix_cfg),
	.check = ipc_unix_check,
	.dial = unix_dial,
	.listen = unix_listen,
	.accept = ipc_unix_accept,
	.unlisten = ipc_unix_unlisten,
	.bound_text = ipc_unix_bound_text,
	.shut_write = ipc_sock_shut_write,
	.unsent = ipc_sock_unsent,
	.close = ipc_conn_close_fds,
};
