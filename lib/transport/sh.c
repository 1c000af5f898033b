/*
 * sh: a line for /bin/sh -c.  The line comes from the person who runs ipcat;
 * what a peer sends never gets into it (it is in IPCAT_* at most).
 */
#include "transport/transport.h"

#include "transport/child.h"

static int
sh_check(const struct ipc_endpoint *ep, bool binds, struct ipc_error *err)
{
	(void)binds;
	if (ep->path == NULL || ep->path[0] == '\0')
		return ipc_fail(err, IPC_E_USAGE, 0, "write sh:LINE",
		    "sh needs a command line");
	return ipc_child_check(ep, err);
}

static int
sh_dial(struct ipc_conn *c, const struct ipc_addr *addr,
    const struct ipc_conn *other, struct ipc_error *err)
{
	const char *const argv[] = { "/bin/sh", "-c", c->ep->path, NULL };

	(void)addr;
	return ipc_child_start(c, argv, other, err);
}

extern const struct ipc_transport ipc_transport_sh;
const struct ipc_transport ipc_transport_sh = {
	.scheme = "sh",
	.syntax = "sh:LINE",
	.summary = "command line for /bin/sh",
	.shape = IPC_EP_COMMAND,
	.caps = IPC_CAP_DIAL | IPC_CAP_SPLICE | IPC_CAP_HALFCLOSE |
	    IPC_CAP_LOCAL | IPC_CAP_CHILD,
	.opts = ipc_child_opts,
	.cfg_size = sizeof(struct ipc_child_cfg),
	.check = sh_check,
	.dial = sh_dial,
	.readv = ipc_child_readv,
	.writev = ipc_child_writev,
	.shut_write = ipc_child_shut_write,
	.unsent = ipc_child_unsent,
	.close = ipc_child_close,
	.grace = ipc_child_grace,
	.reap = ipc_child_reap,
	.kill = ipc_child_kill,
};
