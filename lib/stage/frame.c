/*
 * frame: the framing of the byte stream on the wire.
 *
 * A name only: core reads and writes frames where it reads and writes the
 * stream.
 */
#include "stage/frame.h"

#include "stage/stage.h"

static int
frame_arg(void *cfg, const char *arg, struct ipc_error *err)
{
	struct ipc_frame_cfg *c = cfg;

	if (arg == NULL || arg[0] == '\0')
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "name one, such as frame:len32 or frame:line",
		    "frame needs a framing");
	return ipc_framing_parse(&c->f, arg, err);
}

const struct ipc_stage_ops ipc_stage_frame = {
	.name = "frame",
	.summary = "where messages begin and end in the stream on the wire",
	.syntax = "frame:FRAMING",
	.cfg_size = sizeof(struct ipc_frame_cfg),
	.arg = frame_arg,
	.rank = IPC_RANK_FRAME,
	.app_unit = IPC_MSGS,
	.wire_unit = IPC_BYTES,
	.core = true,
};
