/*
 * exec: a co-process that gets every message and answers with another.
 *
 * A name only: a stage has no child, so core runs CMD.
 */
#include "stage/exec.h"

#include <string.h>

#include "stage/stage.h"

static int
exec_framing(void *field, const char *value, struct ipc_error *err)
{
	struct ipc_framing f;
	int rc = ipc_framing_parse(&f, value, err);

	if (rc != 0)
		return rc;
	if (f.kind == IPC_FRAME_RAW)
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "use a framing that ends each message, such as line",
		    "raw is one message only: a co-process needs more");
	memcpy(field, &f, sizeof(f));
	return 0;
}

/* Is there a word in it? */
static bool
has_word(const char *s)
{
	return s != NULL && s[strspn(s, " \t\r\n")] != '\0';
}

static int
exec_arg(void *cfg, const char *arg, struct ipc_error *err)
{
	struct ipc_exec_cfg *c = cfg;

	if (!has_word(arg))
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "write exec:CMD; its keys come before the colon",
		    "exec needs a command");
	c->cmd = arg;
	return 0;
}

static int
exec_check(void *cfg, struct ipc_error *err)
{
	const struct ipc_exec_cfg *c = cfg;

	if (c->undo != NULL && !has_word(c->undo))
		return ipc_fail(err, IPC_E_USAGE, 0, "write undo=CMD",
		    "undo needs a command");
	return 0;
}

static const struct ipc_opt exec_opts[] = {
	{ "framing", 0, IPC_OPT_CUSTOM, 0, "FRAMING",
	    offsetof(struct ipc_exec_cfg, framing), NULL, NULL, "line",
	    "how messages are told apart on its stdin and stdout",
	    exec_framing },
	{ "undo", 0, IPC_OPT_STRING, 0, "CMD",
	    offsetof(struct ipc_exec_cfg, undo),
	    .help = "the command for messages that come back" },
	{ .type = IPC_OPT_END },
};

const struct ipc_stage_ops ipc_stage_exec = {
	.name = "exec",
	.summary = "a program that gets each message and answers with another",
	.syntax = "exec[,framing=FRAMING][,undo=CMD]:CMD",
	.opts = exec_opts,
	.cfg_size = sizeof(struct ipc_exec_cfg),
	.arg = exec_arg,
	.check = exec_check,
	.rank = IPC_RANK_FILTER,
	.app_unit = IPC_MSGS,
	.wire_unit = IPC_MSGS,
	.core = true,
};
