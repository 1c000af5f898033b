/*
 * null: end of input at once, and a sink for output.  One descriptor on
 * /dev/null, always ready; no state.  It cannot listen.
 */
#include <errno.h>
#include <fcntl.h>

#include "transport/fdio.h"
#include "transport/transport.h"

static int
null_check(const struct ipc_endpoint *ep, bool binds, struct ipc_error *err)
{
	(void)binds;
	if (ep->path[0] == '\0')
		return 0;
	return ipc_fail(err, IPC_E_USAGE, 0, "write null:",
	    "\"%s\" means nothing to null", ep->path);
}

static int
null_dial(struct ipc_conn *c, const struct ipc_addr *addr,
    const struct ipc_conn *other, struct ipc_error *err)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)addr;
	(void)other;
	if (fd < 0)
		return ipc_fail(err, IPC_E_NET, errno, NULL,
		    "cannot open /dev/null");
	if ((c->flags & IPC_CONN_WRITE) != 0)
		c->wfd = fd;
	if ((c->flags & IPC_CONN_READ) != 0 || c->wfd < 0)
		c->rfd = fd;
	ipc_conn_classify(c);
	return 0;
}

static int
null_shut_write(struct ipc_conn *c)
{
	if (c->wfd == c->rfd)
		c->wfd = -1;
	ipc_fd_close(&c->wfd);
	return 0;
}

const struct ipc_transport ipc_transport_null = {
	.scheme = "null",
	.syntax = "null:",
	.summary = "nothing to read, everything discarded",
	.shape = IPC_EP_OPAQUE,
	.caps = IPC_CAP_DIAL | IPC_CAP_SPLICE | IPC_CAP_HALFCLOSE |
	    IPC_CAP_LOCAL,
	.check = null_check,
	.dial = null_dial,
	.shut_write = null_shut_write,
	.close = ipc_conn_close_fds,
};
