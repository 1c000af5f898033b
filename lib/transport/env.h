/*
 * The environment of a child (hazard H23).
 *
 * Kept of ours: PATH HOME USER LOGNAME SHELL LANG LC_* TZ TERM TMPDIR; all of
 * it with pass_all, but never LISTEN_*, LD_*, NOTIFY_SOCKET, WATCHDOG_* nor a
 * name of the next two groups, which would speak of someone else's peer.
 * About the peer (`other` != NULL): the ucspi names, for TCP
 *	PROTO=TCP TCPREMOTEIP TCPREMOTEPORT TCPLOCALIP TCPLOCALPORT
 * for unix sockets
 *	PROTO=UNIX UNIXREMOTEPID UNIXREMOTEEUID UNIXREMOTEEGID
 * and IPCAT_SCHEME IPCAT_PID IPCAT_PEER IPCAT_LOCAL, IPCAT_PEER_IP and _PORT,
 * IPCAT_PEER_UID, _GID and _PID, as far as they are known.
 * Last, and winning: the NAME=VALUE strings of `extra`.
 */
#ifndef IPC_TRANSPORT_ENV_H
#define IPC_TRANSPORT_ENV_H

#include <stdbool.h>
#include <stddef.h>

struct ipc_conn;
struct ipc_strings;

/* Zero-initialise; free with ipc_env_free(). */
struct ipc_env {
	char	**v;		/* owned, as its strings; NULL-terminated */
	size_t	n, cap;
	bool	failed;		/* out of memory */
};

/* 0, or -1 with errno ENOMEM; *e accepts ipc_env_free() either way. */
int ipc_env_build(struct ipc_env *e, bool pass_all,
    const struct ipc_strings *extra, const struct ipc_conn *other);
void ipc_env_free(struct ipc_env *e);

#endif
