/* ipcat send: stdin to the endpoint, what comes back to stdout; also -z. */
#include <inttypes.h>
#include <stdio.h>

#include "cmd.h"
#include "options.h"

static const struct ipc_opt opts[] = {
	OPTS_GENERAL,
	OPTS_NETWORK,
	{ .name = "probe", .letter = 'z', .type = IPC_OPT_FLAG,
	  .offset = AT(probe),
	  .help = "only connect: exit 0 and the time it took, or 1" },
	OPTS_DATA,
	OPTS_CRLF,
	OPTS_ONEWAY,
	OPTS_MESSAGES,
	{ .name = "message", .letter = 'm', .type = IPC_OPT_LIST,
	  .argname = "TEXT", .offset = AT(messages),
	  .help = "send this message instead of stdin" },
	OPTS_OUTPUT,
	{ .name = "number", .letter = 'n', .type = IPC_OPT_INT,
	  .argname = "N", .offset = AT(max_n), .min = "1",
	  .help = "stop after N messages" },
	{ .name = "all", .type = IPC_OPT_FLAG, .offset = AT(all),
	  .help = "every message to every endpoint" },
	{ .name = "spread", .type = IPC_OPT_FLAG, .offset = AT(spread),
	  .help = "each message to one of the endpoints" },
	{ .name = "failover", .type = IPC_OPT_FLAG,
	  .offset = AT(failover),
	  .help = "the first endpoint that answers (default)" },
	GROUP("Requests"),
	{ .name = "request", .letter = 'R', .type = IPC_OPT_FLAG,
	  .offset = AT(request),
	  .help = "messages are requests: wait for their replies" },
	OPTS_REPLIES,
	GROUP("Publish and subscribe"),
	{ .name = "topic", .type = IPC_OPT_STRING, .argname = "TOPIC",
	  .offset = AT(topic), .help = "publish under TOPIC" },
	{ .name = "subscribe", .type = IPC_OPT_LIST, .argname = "PATTERN",
	  .offset = AT(subscribe),
	  .help = "receive what is published under PATTERN" },
	GROUP("Replay"),
	{ .name = "replay", .type = IPC_OPT_STRING,
	  .flags = IPC_OPT_PATHNAME, .argname = "FILE",
	  .offset = AT(replay),
	  .help = "send what -o recorded, at its own pace" },
	{ .name = "speed", .type = IPC_OPT_STRING, .argname = "N|max",
	  .offset = AT(speed), .help = "replay N times as fast" },
	{ .type = IPC_OPT_END },
};

static int
run(const struct ipc_cmd *cmd, int argc, char **argv)
{
	return ipc_cmd_main(cmd, IPC_VERB_SEND, argc, argv);
}

const struct ipc_cmd ipc_cmd_send = {
	.name = "send",
	.summary = "stdin to an endpoint, what comes back to stdout",
	.usage = "[options] ENDPOINT...",
	.opts = opts,
	.examples = {
		"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | ipcat send "
		"localhost:8080",
		"ipcat send -r forever unix:///run/app.sock < input",
		"ipcat send -z localhost:5432",
	},
	.run = run,
};
