/* tee: what core reads of it.  See tee.c. */
#ifndef IPC_STAGE_TEE_H
#define IPC_STAGE_TEE_H

#include <stdbool.h>

#include "wire/framing.h"

struct ipc_tee_cfg {
	const char *path;	/* borrowed; not empty */
	struct ipc_framing framing; /* of FILE; line unless said otherwise */
	bool	append;		/* keep what FILE holds already */
};

#endif
