/*
 * zstd in a build without the library: known by name, so that a pipeline with
 * it says what is missing.  The other half is zstd.c.
 */
#include "stage/stage.h"

#ifndef HAVE_ZSTD

static int
zstd_arg(void *cfg, const char *arg, struct ipc_error *err)
{
	(void)cfg;
	(void)arg;
	(void)err;
	return 0;
}

static int
zstd_check(void *cfg, struct ipc_error *err)
{
	(void)cfg;
	return ipc_fail(err, IPC_E_USAGE, 0,
	    "install libzstd-dev and run make again",
	    "this ipcat is built without zstd");
}

/* As in zstd.c, so that a good pipeline fails for one reason only. */
static const struct ipc_opt zstd_opts[] = {
	{ "max", 0, IPC_OPT_SIZE, 0, "SIZE", 0, "1", "1G", NULL,
	    "largest message after decompression", NULL },
	{ .type = IPC_OPT_END },
};

const struct ipc_stage_ops ipc_stage_zstd = {
	.name = "zstd",
	.summary = "compress each message (not in this build)",
	.syntax = "zstd[:LEVEL][,max=SIZE]",
	.opts = zstd_opts,
	.cfg_size = sizeof(uint64_t),
	.arg = zstd_arg,
	.check = zstd_check,
	.rank = IPC_RANK_COMPRESS,
	.app_unit = IPC_MSGS,
	.wire_unit = IPC_MSGS,
};

#endif
