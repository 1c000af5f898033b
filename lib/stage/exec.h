/* exec: what core reads of it.  See exec.c. */
#ifndef IPC_STAGE_EXEC_H
#define IPC_STAGE_EXEC_H

#include "wire/framing.h"

struct ipc_exec_cfg {
	const char *cmd;	/* borrowed; towards the wire */
	const char *undo;	/* borrowed; from the wire; NULL: unchanged */
	struct ipc_framing framing; /* of stdin and stdout of both */
};

#endif
