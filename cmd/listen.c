/* ipcat listen: serve endpoints with stdio, a program a connection, or echo. */
#include "cmd.h"
#include "options.h"

static const struct ipc_opt opts[] = {
	OPTS_GENERAL,
	OPTS_NETWORK,
	OPTS_SERVING,
	{ .name = "keep", .letter = 'k', .type = IPC_OPT_FLAG,
	  .offset = AT(keep),
	  .help = "keep serving, many connections at once" },
	GROUP("Handlers"),
	{ .name = "exec", .letter = 'e', .type = IPC_OPT_REST,
	  .argname = "PROG ARG...", .offset = AT(exec),
	  .help = "run a program for each connection" },
	{ .name = "command", .letter = 'c', .type = IPC_OPT_STRING,
	  .argname = "STR", .offset = AT(shell),
	  .help = "run a shell line for each connection" },
	{ .name = "echo", .type = IPC_OPT_FLAG, .offset = AT(echo),
	  .help = "give back what comes" },
	OPTS_DATA,
	OPTS_CRLF,
	OPTS_ONEWAY,
	{ .type = IPC_OPT_END },
};

static int
run(const struct ipc_cmd *cmd, int argc, char **argv)
{
	return ipc_cmd_main(cmd, IPC_VERB_LISTEN, argc, argv);
}

const struct ipc_cmd ipc_cmd_listen = {
	.name = "listen",
	.summary = "serve endpoints, all of them at once",
	.usage = "[options] ENDPOINT...",
	.opts = opts,
	.examples = {
		"ipcat listen localhost:9000 > received",
		"ipcat listen -k tcp://:9000 unix:///tmp/s -e cat",
		"ipcat listen -k --echo localhost:7",
	},
	.run = run,
};
