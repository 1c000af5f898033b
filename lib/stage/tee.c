/*
 * tee: a copy of every message that is sent, in a file.
 *
 * A name only: a stage has no descriptor, so core opens and writes FILE.
 */
#include "stage/tee.h"

#include <string.h>

#include "stage/stage.h"

static int
tee_framing(void *field, const char *value, struct ipc_error *err)
{
	struct ipc_framing f;
	int rc = ipc_framing_parse(&f, value, err);

	if (rc == 0)
		memcpy(field, &f, sizeof(f));
	return rc;
}

static int
tee_arg(void *cfg, const char *arg, struct ipc_error *err)
{
	struct ipc_tee_cfg *c = cfg;

	if (arg == NULL || arg[0] == '\0')
		return ipc_fail(err, IPC_E_USAGE, 0, "write tee:FILE",
		    "tee needs a file");
	c->path = arg;
	return 0;
}

static const struct ipc_opt tee_opts[] = {
	{ "framing", 0, IPC_OPT_CUSTOM, 0, "FRAMING",
	    offsetof(struct ipc_tee_cfg, framing), NULL, NULL, "line",
	    "how messages are told apart in the file", tee_framing },
	{ "append", 0, IPC_OPT_FLAG, 0, NULL,
	    offsetof(struct ipc_tee_cfg, append),
	    .help = "keep what the file holds already" },
	{ .type = IPC_OPT_END },
};

const struct ipc_stage_ops ipc_stage_tee = {
	.name = "tee",
	.summary = "write a copy of every message that is sent to a file",
	.syntax = "tee:FILE[,framing=FRAMING][,append]",
	.opts = tee_opts,
	.cfg_size = sizeof(struct ipc_tee_cfg),
	.arg = tee_arg,
	.rank = IPC_RANK_FILTER,
	.app_unit = IPC_MSGS,
	.wire_unit = IPC_MSGS,
	.core = true,
};
