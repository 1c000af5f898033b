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
};

#endif
