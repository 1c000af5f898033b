/*
 * Children: what exec and sh share.  No scheme of its own.
 *
 * A child leads a process group of its own (with `pty` a session), dies with
 * the thread that started it (PR_SET_PDEATHSIG), has descriptors 0, 1 and 2
 * only, default signals, and the environment that env.h describes.
 *
 * reap() looks without collecting: as long as the zombie is there its number,
 * and so its group, cannot be given to strangers.  close() kills what is left
 * of the group and collects.
 */
#ifndef IPC_TRANSPORT_CHILD_H
#define IPC_TRANSPORT_CHILD_H

#include <stdbool.h>
#include <stdint.h>

#include "transport/owner.h"
#include "transport/transport.h"

enum ipc_child_stderr {
	IPC_STDERR_INHERIT,	/* ours; with `pty` the pty */
	IPC_STDERR_NULL,
	IPC_STDERR_STDOUT,
};

enum ipc_child_stdio {
	IPC_STDIO_PIPE,
	IPC_STDIO_SOCKET,
};

/* Keys of exec and sh. */
struct ipc_child_cfg {
	const char *cwd;
	struct ipc_strings env;	/* NAME=VALUE */
	struct ipc_owner owner;
	uint64_t grace_ns;
	uint32_t err_to;	/* enum ipc_child_stderr */
	uint32_t stdio;		/* enum ipc_child_stdio */
	bool	pass_env, pty, raw;
};

extern const struct ipc_opt ipc_child_opts[];

/* Keys against each other. */
int ipc_child_check(const struct ipc_endpoint *ep, struct ipc_error *err);

/*
 * Start argv[0] (found in PATH unless it has a slash) as the conn.  A program
 * that cannot be run is an error here, with its errno, not a child that ends.
 */
int ipc_child_start(struct ipc_conn *c, const char *const *argv,
    const struct ipc_conn *other, struct ipc_error *err);

/* How long core waits between SIGTERM and SIGKILL, in nanoseconds. */
uint64_t ipc_child_grace(const struct ipc_conn *c);

/* Members of the transport table. */
ssize_t ipc_child_readv(struct ipc_conn *c, const struct iovec *iov, int n);
ssize_t ipc_child_writev(struct ipc_conn *c, const struct iovec *iov, int n);
int ipc_child_shut_write(struct ipc_conn *c);
ssize_t ipc_child_unsent(struct ipc_conn *c);
void ipc_child_close(struct ipc_conn *c);
int ipc_child_reap(struct ipc_conn *c, int *status);
void ipc_child_kill(struct ipc_conn *c, int sig);

#endif
