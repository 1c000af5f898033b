/* frame: what core reads of it.  See frame.c. */
#ifndef IPC_STAGE_FRAME_H
#define IPC_STAGE_FRAME_H

#include "wire/framing.h"

struct ipc_frame_cfg {
	struct ipc_framing f;	/* f.max is set by core: --max-message */
};

#endif
