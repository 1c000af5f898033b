/*
 * exec: a program without a shell.
 *
 *	exec:PROG ARG…		words, split here
 *	-e PROG ARG…		ep->argv, taken as it is
 *
 * Words are separated by spaces, tabs and newlines.  '…' keeps everything;
 * "…" keeps everything but \" and \\; a backslash elsewhere keeps the next
 * character.  Parts without a blank between them make one word; '' is an
 * empty word.  No variables, patterns or redirections: that is sh:.
 */
#include "transport/transport.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "transport/child.h"

static bool
exec_blank(char ch)
{
	return ch == ' ' || ch == '\t' || ch == '\n';
}

/*
 * Copy one word from *src to *dst and end it.  False: the text ends inside
 * quotes or behind a backslash.
 */
static bool
exec_word(const char **src, char **dst)
{
	const char *s = *src;
	char *d = *dst;
	char quote = '\0';

	for (; *s != '\0' && (quote != '\0' || !exec_blank(*s)); s++) {
		if (quote == '\0' && (*s == '\'' || *s == '"')) {
			quote = *s;
		} else if (quote != '\0' && *s == quote) {
			quote = '\0';
		} else if (*s == '\\' && (quote == '\0' || (quote == '"' &&
		    (s[1] == '"' || s[1] == '\\')))) {
			if (*++s == '\0')
				return false;
			*d++ = *s;
		} else {
			*d++ = *s;
		}
	}
	*d++ = '\0';
	*src = s;
	*dst = d;
	return quote == '\0';
}

/*
 * One allocation: the pointers, then the characters.  NULL with errno EINVAL
 * (unbalanced) or ENOMEM.
 */
static const char **
exec_split(const char *s)
{
	size_t len = strlen(s), max = len / 2 + 2, n = 0;
	const char **argv;
	char *d;

	/* Words are never longer than their source, with one NUL each. */
	argv = malloc(max * sizeof(*argv) + len + 2);
	if (argv == NULL)
		return NULL;
	d = (char *)(argv + max);
	for (;;) {
		while (exec_blank(*s))
			s++;
		if (*s == '\0')
			break;
		argv[n++] = d;
		if (!exec_word(&s, &d)) {
			free(argv);
			errno = EINVAL;
			return NULL;
		}
	}
	argv[n] = NULL;
	return argv;
}

static int
exec_check(const struct ipc_endpoint *ep, bool binds, struct ipc_error *err)
{
	const char **words;
	bool none;

	(void)binds;
	if (ep->argv == NULL) {
		words = exec_split(ep->path == NULL ? "" : ep->path);
		if (words == NULL && errno == EINVAL)
			return ipc_fail(err, IPC_E_USAGE, 0,
			    "close the quote, or put a backslash before it",
			    "a quote is not closed");
		if (words == NULL)
			return ipc_fail(err, IPC_E_NET, ENOMEM, NULL,
			    "cannot split the command");
		none = words[0] == NULL || words[0][0] == '\0';
		free(words);
	} else {
		none = ep->argv[0] == NULL || ep->argv[0][0] == '\0';
	}
	if (none)
		return ipc_fail(err, IPC_E_USAGE, 0, "write exec:PROG ARG…",
		    "exec needs a program");
	return ipc_child_check(ep, err);
}

static int
exec_dial(struct ipc_conn *c, const struct ipc_addr *addr,
    const struct ipc_conn *other, struct ipc_error *err)
{
	const char **words;
	int rc;

	(void)addr;
	if (c->ep->argv != NULL)
		return ipc_child_start(c, c->ep->argv, other, err);
	words = exec_split(c->ep->path);
	if (words == NULL)
		return ipc_fail(err, IPC_E_NET, errno, NULL,
		    "cannot split the command");
	rc = ipc_child_start(c, words, other, err);
	free(words);
	return rc;
}

extern const struct ipc_transport ipc_transport_exec;
const struct ipc_transport ipc_transport_exec = {
	.scheme = "exec",
	.syntax = "exec:PROG ARG…",
	.summary = "program as a child, without a shell",
	.shape = IPC_EP_COMMAND,
	.caps = IPC_CAP_DIAL | IPC_CAP_SPLICE | IPC_CAP_HALFCLOSE |
	    IPC_CAP_LOCAL | IPC_CAP_CHILD,
	.opts = ipc_child_opts,
	.cfg_size = sizeof(struct ipc_child_cfg),
	.check = exec_check,
	.dial = exec_dial,
	.readv = ipc_child_readv,
	.writev = ipc_child_writev,
	.shut_write = ipc_child_shut_write,
	.unsent = ipc_child_unsent,
	.close = ipc_child_close,
	.grace = ipc_child_grace,
	.reap = ipc_child_reap,
	.kill = ipc_child_kill,
};
