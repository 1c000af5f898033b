/*
 * stdio: standard input and output, the endpoint `-`.
 *
 * One connection per process: reads 0, writes 1, only as far as wanted.  What
 * was changed on descriptions shared with other processes is undone at close;
 * the numbers stay taken, by /dev/null.  Standard error is never touched.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/fdio.h"
#include "transport/sockopt.h"
#include "transport/transport.h"

struct stdio {
	bool	restore_in, restore_out;
	bool	out_is_socket;
};

static int
stdio_check(const struct ipc_endpoint *ep, bool binds, struct ipc_error *err)
{
	(void)binds;
	if (ep->path[0] == '\0')
		return 0;
	return ipc_fail(err, IPC_E_USAGE, 0, "write -",
	    "\"%s\" means nothing to stdio", ep->path);
}

static int
stdio_dial(struct ipc_conn *c, const struct ipc_addr *addr,
    const struct ipc_conn *other, struct ipc_error *err)
{
	struct stdio *s = calloc(1, sizeof(*s));
	int type;
	socklen_t len = sizeof(type);

	(void)addr;
	(void)other;
	if (s == NULL)
		return ipc_fail(err, IPC_E_NET, ENOMEM, NULL,
		    "cannot use standard input and output");
	c->impl = s;
	if ((c->flags & IPC_CONN_READ) != 0) {
		if (ipc_fd_adopt(STDIN_FILENO, false, &s->restore_in) != 0)
			return ipc_fail(err, IPC_E_NET, errno,
			    "standard input is closed; for no input give "
			    "</dev/null", "cannot read standard input");
		c->rfd = STDIN_FILENO;
	}
	if ((c->flags & IPC_CONN_WRITE) != 0) {
		if (ipc_fd_adopt(STDOUT_FILENO, true, &s->restore_out) != 0)
			return ipc_fail(err, IPC_E_NET, errno,
			    "standard output is closed; to discard output "
			    "give >/dev/null",
			    "cannot write standard output");
		c->wfd = STDOUT_FILENO;
		s->out_is_socket = getsockopt(STDOUT_FILENO, SOL_SOCKET,
		    SO_TYPE, &type, &len) == 0;
	}
	ipc_conn_classify(c);
	return 0;
}

static int
stdio_shut_write(struct ipc_conn *c)
{
	struct stdio *s = c->impl;

	if (c->wfd < 0)
		return 0;
	if (s->out_is_socket)
		return ipc_sock_shut_write(c);
	return ipc_fd_release(&c->wfd, s->restore_out);
}

static ssize_t
stdio_unsent(struct ipc_conn *c)
{
	const struct stdio *s = c->impl;

	return s->out_is_socket ? ipc_sock_unsent(c) : 0;
}

static void
stdio_close(struct ipc_conn *c)
{
	struct stdio *s = c->impl;

	if (s == NULL)
		return;
	/* dialfd: a socket that was shut, see ipc_sock_shut_write(). */
	if (c->dialfd >= 0)
		ipc_fd_release(&c->dialfd, s->restore_out);
	ipc_fd_release(&c->wfd, s->restore_out);
	ipc_fd_release(&c->rfd, s->restore_in);
	free(s);
	c->impl = NULL;
}

const struct ipc_transport ipc_transport_stdio = {
	.scheme = "stdio",
	.syntax = "-",
	.summary = "standard input and output",
	.shape = IPC_EP_OPAQUE,
	.caps = IPC_CAP_DIAL | IPC_CAP_ONCE | IPC_CAP_SPLICE |
	    IPC_CAP_HALFCLOSE | IPC_CAP_LOCAL,
	.check = stdio_check,
	.dial = stdio_dial,
	.shut_write = stdio_shut_write,
	.unsent = stdio_unsent,
	.close = stdio_close,
};
