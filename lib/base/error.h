/*
 * Errors are values: a code, the errno if there was one, and three sentences.
 *
 * The caller owns the struct, usually on its stack; nothing is allocated.
 * A function that can fail takes `struct ipc_error *err` last, returns 0 on
 * success and a negative enum ipc_code on failure, and fills *err exactly
 * once, where the fault is found.  Callers may add context with
 * ipc_error_where(); they never overwrite `what`.  err may be NULL.
 * Nothing here prints or exits: cmd/report.c does, once.
 */
#ifndef IPC_BASE_ERROR_H
#define IPC_BASE_ERROR_H

#include <stddef.h>

enum ipc_code {
	IPC_OK = 0,
	IPC_E_NET = -1,		/* network, peer, system call: exit 1 */
	IPC_E_USAGE = -2,	/* bad option, endpoint or stage: exit 2 */
	IPC_E_DATA = -3,	/* data incomplete or undelivered: exit 3 */
	IPC_E_AUTH = -4,	/* signature, key, certificate: exit 4 */
	IPC_E_REMOTE = -5,	/* the handler or the remote failed: exit 5 */
	IPC_E_STORE = -6,	/* queue full or storage error: exit 6 */
	IPC_E_DEADLINE = -7,	/* -t or -i ran out: exit 124 */
	IPC_E_SIGNAL = -8,	/* ended by signal `sys`: exit 128 + sys */
};

struct ipc_error {
	enum ipc_code code;
	int	sys;		/* errno, a signal number for E_SIGNAL, or 0 */
	char	what[200];	/* "cannot connect: connection refused" */
	char	where[160];	/* "tcp://10.0.0.1:9000" or "option --rate" */
	char	hint[200];	/* "start the listener first: ipcat listen" */
};

/*
 * Fill *err and return `code`, so that a failure is one line:
 *	return ipc_fail(err, IPC_E_NET, errno, NULL, "cannot bind");
 * `what` is the formatted text, followed by ": strerror(sys)" when sys != 0
 * (not for E_SIGNAL).  hint may be NULL: well-known errno values then get a
 * default one.  Peer-controlled text in the arguments is escaped by the
 * printer, not here.
 */
int ipc_fail(struct ipc_error *err, enum ipc_code code, int sys,
    const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* Set err->where if it is empty, else prepend "TEXT: ".  Truncates. */
void ipc_error_where(struct ipc_error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Replace the hint.  Truncates. */
void ipc_error_hint(struct ipc_error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The process exit code of PRODUCT.md for an error (0 for IPC_OK). */
int ipc_exit_code(const struct ipc_error *err);

#endif
