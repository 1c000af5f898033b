/*
 * Verbs: a table of them, and what they share.  cmd/ parses, prints and
 * exits; nothing else does.
 */
#ifndef IPC_CMD_CMD_H
#define IPC_CMD_CMD_H

#include "base/error.h"
#include "base/opt.h"
#include "core/settings.h"

#define IPC_EXAMPLES 4

struct ipc_cmd {
	const char *name;	/* "send" */
	const char *summary;	/* one line for the list of verbs */
	const char *usage;	/* "[options] ENDPOINT..." */
	const struct ipc_opt *opts;
	const char *examples[IPC_EXAMPLES];
	/* argv[0] is the verb.  Returns the exit code. */
	int	(*run)(const struct ipc_cmd *cmd, int argc, char **argv);
};

/* NULL-terminated, in the order of the help. */
extern const struct ipc_cmd *const ipc_cmds[];
const struct ipc_cmd *ipc_cmd_find(const char *name);

/* --- common.c: one way for send, listen and relay to run --- */

/* Parse, then help, version, explain or run.  Returns the exit code. */
int ipc_cmd_main(const struct ipc_cmd *cmd, enum ipc_verb verb, int argc,
    char **argv);

/* Print an error as people read it: what (where), then `fix: hint`.  Silent
 * when the level is NONE (-q).  Returns the exit code. */
int ipc_cmd_error(const char *verb, const struct ipc_error *err);

/* What was printed on stdout is out: 0, or the exit code after saying why
 * not. */
int ipc_cmd_flush(const char *verb);

/* --- help.c --- */
void ipc_cmd_help(const struct ipc_cmd *cmd);
void ipc_cmd_version(void);

#endif
