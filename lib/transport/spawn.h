/*
 * Starting a child process: the part between vfork(2) and execve(2).  No
 * scheme of its own.
 */
#ifndef IPC_TRANSPORT_SPAWN_H
#define IPC_TRANSPORT_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

struct ipc_error;
struct ipc_owner;

struct ipc_spawn {
	char	*const *argv;	/* argv[0] is looked for in our PATH */
	char	*const *envp;
	const struct ipc_owner *owner;	/* to run as */
	const char *cwd;	/* NULL: ours */
	int	io[3];		/* above 2: become 0, 1, 2; -1: keep ours */
	bool	session;	/* io[0] becomes its controlling terminal */
};

/*
 * The child has a process group of its own with its pid as number, default
 * signals, none blocked, no descriptor above 2, and gets SIGTERM when the
 * calling thread ends.  Blocks until the program was executed; a program that
 * cannot be is IPC_E_NET with its errno, and no child is left.
 */
pid_t ipc_spawn(const struct ipc_spawn *ask, struct ipc_error *err);

#endif
