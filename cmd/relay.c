/* ipcat relay: FROM to TO, many connections. */
#include "cmd.h"
#include "options.h"

static const struct ipc_opt opts[] = {
	OPTS_GENERAL,
	OPTS_NETWORK,
	OPTS_SERVING,
	{ .name = "workers", .type = IPC_OPT_CUSTOM, .argname = "N|auto",
	  .offset = AT(workers), .parse = ipc_parse_workers, .dflt = "1",
	  .help = "threads, each with its own connections" },
	{ .name = "from", .type = IPC_OPT_LIST, .argname = "ENDPOINT",
	  .offset = AT(from),
	  .help = "a FROM, instead of the operand; repeatable" },
	{ .name = "to", .type = IPC_OPT_LIST, .argname = "ENDPOINT",
	  .offset = AT(to),
	  .help = "a TO, instead of the operand; tried in order" },
	OPTS_DATA,
	OPTS_CRLF,
	OPTS_MESSAGES,
	{ .name = "from-pipe", .type = IPC_OPT_LIST, .argname = "STAGES",
	  .offset = AT(from_pipe),
	  .help = "stages between FROM's wire and here" },
	{ .type = IPC_OPT_END },
};

static int
run(const struct ipc_cmd *cmd, int argc, char **argv)
{
	return ipc_cmd_main(cmd, IPC_VERB_RELAY, argc, argv);
}

const struct ipc_cmd ipc_cmd_relay = {
	.name = "relay",
	.summary = "join what connects to FROM with TO",
	.usage = "[options] FROM TO",
	.opts = opts,
	.examples = {
		"ipcat relay tcp://:9000 unix:///run/app.sock",
		"ipcat relay -r forever --workers auto :80 localhost:8080",
		"ipcat relay - 'file:///tmp/copy' < input",
	},
	.run = run,
};
