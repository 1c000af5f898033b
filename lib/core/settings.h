/*
 * What the command line asked for, once for all verbs.  The option tables of
 * cmd/ store straight into it; the plan reads it and never changes it.
 * Strings are borrowed from argv.  No function, no state.
 */
#ifndef IPC_CORE_SETTINGS_H
#define IPC_CORE_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/opt.h"

enum ipc_verb {
	IPC_VERB_SEND,		/* stdin to the endpoint, replies to stdout */
	IPC_VERB_LISTEN,	/* serve endpoints */
	IPC_VERB_RELAY,		/* FROM to TO */
};

/* -r: attempts after the first; UINT64_MAX is forever; 0 is off. */
struct ipc_settings {
	bool	help, version;
	uint32_t verbose;	/* number of -v */
	bool	quiet;
	uint32_t log_json;	/* index into "text|json" */
	bool	v4, v6;
	uint64_t connect_ns;	/* -w; 0: the kernel's limit */
	uint64_t idle_ns;	/* -i; 0: none */
	uint64_t deadline_ns;	/* -t; 0: none */
	uint64_t retry;		/* -r */
	uint64_t backoff_min_ns, backoff_max_ns;
	uint64_t max_n;		/* -n; 0: no limit */
	bool	keep;		/* -k */
	uint64_t max_conn;	/* 0: from the descriptor limit */
	uint64_t max_per_host;	/* 0: no limit */
	struct ipc_strings allow, deny;
	struct ipc_strings exec; /* -e PROG ARG… */
	const char *shell;	/* -c */
	bool	echo;
	bool	crlf;		/* -C */
	bool	hexdump;	/* -x */
	bool	progress;	/* -P */
	bool	probe;		/* -z */
	bool	recv_only, send_only;
	const char *record;	/* -o */
	const char *replay;	/* --replay */
	const char *speed;	/* --speed: "1", "2.5", "max" */
	uint64_t rate;		/* bytes/s per direction; 0: no limit */
	bool	explain, stats;
	uint64_t ready_fd;	/* UINT64_MAX: none */
	uint64_t workers;	/* 0: auto */
	struct ipc_strings from, to; /* relay --from --to */

	/* Messages. */
	const char *framing;	/* -f; NULL: not given */
	const char *delim;	/* -D; NULL: not given */
	uint64_t max_message;	/* --max-message, bytes */
	uint32_t on_error;	/* enum ipc_on_error */
	struct ipc_strings to_pipe, from_pipe; /* -p, --from-pipe */
	struct ipc_strings messages; /* -m */
	bool	all, spread, failover; /* send to several endpoints */
	const char *format;	/* -F; NULL: none */
	bool	json;		/* -J */
	const char *out_dir;	/* --out-dir; NULL: none */
	/* Request and reply. */
	bool	request;	/* -R */
	uint64_t replies;	/* --replies N; IPC_REPLIES_END; 0: 1 */
	const char *end_mark;	/* --end-mark: the message that ends replies
				 * with --replies end; "" is an empty one */
	uint64_t gap_ns;	/* --gap: no reply for so long ends them; 0 */
	uint64_t in_flight;	/* --in-flight: requests at once; 1..65536 */
	const char *correlate;	/* --correlate: member of a JSON object that
				 * request and reply share; NULL: in order */
	/* Handlers. */
	uint32_t per;		/* enum ipc_per */
	uint64_t pool;		/* --pool N; 0: none */
	uint64_t handler_ns;	/* --handler-timeout; 0: none */
	uint64_t recycle;	/* --recycle N requests; 0: never */
	const char *nak;	/* --nak: a reply that begins so is a failure */
	const char *fail_reply;	/* --fail-reply: what a client gets for a
				 * failed request; NULL: it is cut off */
	const char *reply;	/* --reply TEXT to each message; NULL */
	/* Publish and subscribe. */
	bool	fanout, hub;
	bool	topics;		/* --topics: clients say PUB and SUB */
	uint64_t history;	/* --history N messages */
	uint64_t queue;		/* --queue N messages a client */
	uint32_t slow;		/* enum ipc_slow */
	const char *topic;	/* send --topic; NULL */
	struct ipc_strings subscribe; /* send --subscribe */
};

#define IPC_REPLIES_END UINT64_MAX

enum ipc_on_error { IPC_ON_ERROR_STOP, IPC_ON_ERROR_SKIP, IPC_ON_ERROR_PASS };
enum ipc_per { IPC_PER_CONNECTION, IPC_PER_MESSAGE };
/* A client that does not keep up, once its queue is full. */
enum ipc_slow {
	IPC_SLOW_BLOCK,		/* everybody waits for it */
	IPC_SLOW_DROP_OLD, IPC_SLOW_DROP_NEW, IPC_SLOW_DISCONNECT,
};

#endif
