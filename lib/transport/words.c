/*
 * words: the messages of `send -m`, from the command line.  Internal: made by
 * the plan.  Each word is a message; then the input has ended.  What comes
 * back goes to standard output.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "transport/fdio.h"
#include "transport/transport.h"

struct words {
	uint32_t next;		/* of ep->argv */
	bool	restore;	/* stdout: see fdio.h */
};

static int
words_dial(struct ipc_conn *c, const struct ipc_addr *addr,
    const struct ipc_conn *other, struct ipc_error *err)
{
	struct words *w = calloc(1, sizeof(*w));

	(void)addr;
	(void)other;
	c->impl = w;
	if (w == NULL)
		return ipc_fail(err, IPC_E_NET, ENOMEM, NULL, "no memory");
	c->flags |= IPC_CONN_NOSPLICE | IPC_CONN_WFULL;
	/* Always readable. */
	if ((c->flags & IPC_CONN_READ) != 0) {
		c->rfd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
		if (c->rfd < 0)
			return ipc_fail(err, IPC_E_NET, errno, NULL,
			    "cannot make an event");
	}
	if ((c->flags & IPC_CONN_WRITE) == 0)
		return 0;
	if (ipc_fd_adopt(STDOUT_FILENO, true, &w->restore) != 0)
		return ipc_fail(err, IPC_E_NET, errno,
		    "standard output is closed; to discard output give "
		    ">/dev/null", "cannot write standard output");
	c->wfd = STDOUT_FILENO;
	c->flags = (uint16_t)(c->flags & ~IPC_CONN_WFULL);
	return 0;
}

static int
words_recv(struct ipc_conn *c, struct ipc_dgram *d, int n)
{
	struct words *w = c->impl;
	int i;

	for (i = 0; i < n && c->ep->argv[w->next] != NULL; i++, w->next++) {
		union { const char *in; void *out; } u = {
			c->ep->argv[w->next] };

		memset(&d[i], 0, sizeof(d[i]));
		d[i].iov[0].iov_base = u.out;
		d[i].iov[0].iov_len = strlen(u.in);
	}
	return i;
}

static int
words_shut_write(struct ipc_conn *c)
{
	const struct words *w = c->impl;

	return ipc_fd_release(&c->wfd, w->restore);
}

static void
words_close(struct ipc_conn *c)
{
	struct words *w = c->impl;

	if (w == NULL)
		return;
	ipc_fd_release(&c->wfd, w->restore);
	ipc_conn_close_fds(c);
	free(w);
	c->impl = NULL;
}

extern const struct ipc_transport ipc_transport_words;
const struct ipc_transport ipc_transport_words = {
	.scheme = "words",
	.syntax = "words:",
	.summary = "messages from the command line (-m)",
	.shape = IPC_EP_COMMAND,
	.caps = IPC_CAP_DIAL | IPC_CAP_LOCAL | IPC_CAP_HIDDEN,
	.dial = words_dial,
	.recvm = words_recv,
	.shut_write = words_shut_write,
	.close = words_close,
};
