/*
 * The option rows that verbs share: one spelling and one meaning each.  A
 * verb's table is a list of these groups; order is the order of --help.
 */
#ifndef IPC_CMD_OPTIONS_H
#define IPC_CMD_OPTIONS_H

#include <stddef.h>

#include "base/opt.h"
#include "core/settings.h"

int ipc_parse_retry(void *field, const char *value, struct ipc_error *err);
int ipc_parse_backoff(void *field, const char *value, struct ipc_error *err);
int ipc_parse_replies(void *field, const char *value, struct ipc_error *err);
int ipc_parse_workers(void *field, const char *value, struct ipc_error *err);

#define AT(field) offsetof(struct ipc_settings, field)

#define GROUP(text) { .type = IPC_OPT_GROUP, .help = text }

#define OPTS_GENERAL							\
	GROUP("General"),						\
	{ .name = "help", .letter = 'h', .type = IPC_OPT_FLAG,		\
	  .offset = AT(help), .help = "show this help" },		\
	{ .name = "version", .letter = 'V', .type = IPC_OPT_FLAG,	\
	  .offset = AT(version), .help = "show version and features" },	\
	{ .name = "verbose", .letter = 'v', .type = IPC_OPT_COUNT,	\
	  .offset = AT(verbose),					\
	  .help = "say more; twice for retries and paths" },		\
	{ .name = "quiet", .letter = 'q', .type = IPC_OPT_FLAG,		\
	  .offset = AT(quiet), .help = "say nothing, not even errors" }, \
	{ .name = "log", .type = IPC_OPT_ENUM, .argname = "text|json",	\
	  .offset = AT(log_json), .dflt = "text",			\
	  .help = "form of log lines on stderr" },			\
	{ .name = "explain", .type = IPC_OPT_FLAG, .offset = AT(explain), \
	  .help = "print what would run, and exit" },			\
	{ .name = "stats", .type = IPC_OPT_FLAG, .offset = AT(stats),	\
	  .help = "print statistics at exit" },				\
	{ .name = "ready-fd", .type = IPC_OPT_INT, .argname = "N",	\
	  .offset = AT(ready_fd), .max = "65535",			\
	  .help = "write bound endpoints to fd N when ready" }

#define OPTS_NETWORK							\
	GROUP("Connections"),						\
	{ .name = "ipv4", .letter = '4', .type = IPC_OPT_FLAG,		\
	  .offset = AT(v4), .help = "IPv4 only" },			\
	{ .name = "ipv6", .letter = '6', .type = IPC_OPT_FLAG,		\
	  .offset = AT(v6), .help = "IPv6 only" },			\
	{ .name = "connect-timeout", .letter = 'w',			\
	  .type = IPC_OPT_DURATION, .argname = "DUR",			\
	  .offset = AT(connect_ns), .min = "1ms",			\
	  .help = "give up a connection attempt after DUR" },		\
	{ .name = "idle-timeout", .letter = 'i',			\
	  .type = IPC_OPT_DURATION, .argname = "DUR",			\
	  .offset = AT(idle_ns), .min = "1ms",				\
	  .help = "end a connection when nothing moved for DUR" },	\
	{ .name = "timeout", .letter = 't', .type = IPC_OPT_DURATION,	\
	  .argname = "DUR", .offset = AT(deadline_ns), .min = "1ms",	\
	  .help = "end everything after DUR, exit 124" },		\
	{ .name = "retry", .letter = 'r', .type = IPC_OPT_CUSTOM,	\
	  .flags = IPC_OPT_MAYBE, .argname = "N|forever",		\
	  .offset = AT(retry), .parse = ipc_parse_retry,		\
	  .dflt = "forever",						\
	  .help = "try again when the target is not there" },		\
	{ .name = "backoff", .type = IPC_OPT_CUSTOM,			\
	  .argname = "MIN..MAX", .offset = AT(backoff_min_ns),		\
	  .parse = ipc_parse_backoff, .dflt = "100ms..30s",		\
	  .help = "wait between attempts, with full jitter" }

#define OPTS_SERVING							\
	GROUP("Serving"),						\
	{ .name = "max-conn", .type = IPC_OPT_INT, .argname = "N",	\
	  .offset = AT(max_conn), .min = "1", .max = "1000000",		\
	  .help = "most connections at once; more wait" },		\
	{ .name = "max-per-host", .type = IPC_OPT_INT, .argname = "N",	\
	  .offset = AT(max_per_host), .min = "1", .max = "1000000",	\
	  .help = "most connections from one address" },		\
	{ .name = "allow", .type = IPC_OPT_LIST, .argname = "RULE",	\
	  .offset = AT(allow),						\
	  .help = "admit only ADDR[/BITS], uid=N, gid=N" },		\
	{ .name = "deny", .type = IPC_OPT_LIST, .argname = "RULE",	\
	  .offset = AT(deny), .help = "refuse ADDR[/BITS], uid=N, gid=N" }, \
	{ .name = "number", .letter = 'n', .type = IPC_OPT_INT,		\
	  .argname = "N", .offset = AT(max_n), .min = "1",		\
	  .help = "stop after N connections; messages with -f" }

#define OPTS_DATA							\
	GROUP("Data"),							\
	{ .name = "hex", .letter = 'x', .type = IPC_OPT_FLAG,		\
	  .offset = AT(hexdump), .help = "hex dump to stderr" },	\
	{ .name = "output", .letter = 'o', .type = IPC_OPT_STRING,	\
	  .flags = IPC_OPT_PATHNAME, .argname = "FILE",			\
	  .offset = AT(record),						\
	  .help = "record both directions with their times" },		\
	{ .name = "rate", .type = IPC_OPT_SIZE, .argname = "SIZE",	\
	  .offset = AT(rate), .min = "16",				\
	  .help = "at most SIZE bytes/s a connection and direction" },	\
	{ .name = "progress", .letter = 'P', .type = IPC_OPT_FLAG,	\
	  .offset = AT(progress), .help = "total, time and rate on stderr" }

#define OPTS_CRLF							\
	{ .name = "crlf", .letter = 'C', .type = IPC_OPT_FLAG,		\
	  .offset = AT(crlf), .help = "send CR LF for LF" }

#define OPTS_MESSAGES							\
	GROUP("Messages"),						\
	{ .name = "framing", .letter = 'f', .type = IPC_OPT_STRING,	\
	  .argname = "FRAMING", .offset = AT(framing),			\
	  .help = "move messages: line nul len32 json ..." },		\
	{ .name = "delimiter", .letter = 'D', .type = IPC_OPT_STRING,	\
	  .argname = "X", .offset = AT(delim),				\
	  .help = "messages end with X: -f delim:X" },			\
	{ .name = "to-pipe", .letter = 'p', .type = IPC_OPT_LIST,	\
	  .argname = "STAGES", .offset = AT(to_pipe),			\
	  .help = "stages between here and the wire" },			\
	{ .name = "max-message", .type = IPC_OPT_SIZE,			\
	  .argname = "SIZE", .offset = AT(max_message), .min = "1",	\
	  .max = "1G", .dflt = "16M",					\
	  .help = "longest message accepted" },				\
	{ .name = "on-error", .type = IPC_OPT_ENUM,			\
	  .argname = "stop|skip|pass", .offset = AT(on_error),		\
	  .dflt = "stop",						\
	  .help = "a bad message ends it, is left out, or goes on" }

#define OPTS_OUTPUT							\
	{ .name = "format", .letter = 'F', .type = IPC_OPT_STRING,	\
	  .argname = "FMT", .offset = AT(format),			\
	  .help = "print messages by a template: '%o %p\\n'" },		\
	{ .name = "json", .letter = 'J', .type = IPC_OPT_FLAG,		\
	  .offset = AT(json),						\
	  .help = "print a JSON object for each message" }

#define OPTS_REPLIES							\
	{ .name = "replies", .type = IPC_OPT_CUSTOM, .argname = "N|end", \
	  .offset = AT(replies), .parse = ipc_parse_replies,		\
	  .help = "replies to a request [1]" },				\
	{ .name = "end-mark", .type = IPC_OPT_STRING,			\
	  .argname = "TEXT", .offset = AT(end_mark),			\
	  .help = "message that ends --replies end [an empty one]" },	\
	{ .name = "gap", .type = IPC_OPT_DURATION, .argname = "DUR",	\
	  .offset = AT(gap_ns), .min = "1ms",				\
	  .help = "replies are over when none came for DUR" },		\
	{ .name = "in-flight", .type = IPC_OPT_INT, .argname = "N",	\
	  .offset = AT(in_flight), .min = "1", .max = "65536",		\
	  .help = "requests that wait for replies at once [1024]" },	\
	{ .name = "correlate", .type = IPC_OPT_STRING,			\
	  .argname = "NAME", .offset = AT(correlate),			\
	  .help = "match replies by this member of JSON" }

#define OPTS_ONEWAY							\
	{ .name = "recv-only", .type = IPC_OPT_FLAG,			\
	  .offset = AT(recv_only), .help = "leave stdin alone" },	\
	{ .name = "send-only", .type = IPC_OPT_FLAG,			\
	  .offset = AT(send_only),					\
	  .help = "throw away what comes back" }

#endif
