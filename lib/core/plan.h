/*
 * The plan: a command line, compiled once.
 *
 * Immutable after ipc_plan_compile() and shared by all workers.  It owns the
 * parsed endpoints, their configurations, the numeric addresses that need no
 * name service, the access rules and the list of stages; it chooses the data
 * path and can say why not a faster one.  It opens nothing (the file system
 * is asked what a bare path is, user and group names are looked up).
 */
#ifndef IPC_CORE_PLAN_H
#define IPC_CORE_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/endpoint.h"
#include "core/settings.h"
#include "stage/pipe.h"
#include "stage/stage.h"
#include "transport/transport.h"
#include "wire/framing.h"

struct ipc_text;

enum ipc_path {
	IPC_PATH_SPLICE,	/* starts on bytes, promoted to splice(2) */
	IPC_PATH_BYTES,		/* spans of a stream */
	IPC_PATH_MESSAGES,	/* batches of messages or spans, stages */
};

#define IPC_PLAN_ENDS 64	/* endpoints on each side */
#define IPC_PLAN_RULES 256

/* One endpoint in its role. */
struct ipc_point {
	struct ipc_endpoint ep;	/* owned */
	bool	binds;		/* listens or creates; else dials or opens */
	bool	accepts;	/* through tr->listen: many connections */
	struct ipc_addrs addrs;	/* dialing, numeric: n > 0; names: n == 0 */
};

/* How messages look at one end of a pipeline, and the stages there: tx is
 * away from the middle, towards the wire (or towards stdout). */
struct ipc_side {
	struct ipc_framing framing; /* NONE: bytes */
	struct ipc_pipe_spec pipe; /* owned */
	bool	framed;		/* `frame:` was given */
	bool	out_raw;	/* what goes out brings its own ends (-F) */
};

struct ipc_exchange_ops;

struct ipc_plan {
	enum ipc_verb verb;
	const struct ipc_settings *set; /* borrowed */
	/* `app` is the side commands and people sit on (stdin/stdout, a child,
	 * relay's TO when it dials); `from` is what starts a pipeline. */
	struct ipc_point *from;	/* owned */
	uint32_t nfrom;
	struct ipc_point *to;	/* owned; tried in order */
	uint32_t nto;
	bool	serves;		/* from accepts: one pipeline a connection */
	bool	once;		/* ends with its first pipeline */
	bool	shared_to;	/* TO is stdio and FROM may be many: one sink */
	bool	loops;		/* --echo: a connection is its own target */
	bool	swapped;	/* send: FROM is the local side (stdin) */
	uint32_t max_conn;	/* pipelines at once, over all workers */
	uint32_t workers;
	struct ipc_rule *allow, *deny; /* owned */
	uint32_t nallow, ndeny;
	struct ipc_side side[2]; /* of FROM and of TO */
	struct ipc_framing raw;	/* all of a stream is one message */
	bool	messages;	/* boundaries matter */
	uint8_t	count_dir;	/* the direction that -n counts */
	uint64_t max_take;	/* -n, when it counts connections; 0: none */
	uint64_t max_msgs;	/* -n, when it counts messages; 0: no limit */
	const struct ipc_exchange_ops *exchange; /* NULL: two ends each */
	bool	local;		/* exchange: listen has a port on stdio */
	uint8_t	app;		/* the side of people and commands: 0 or 1;
				 * relay: TO */
	bool	mute;		/* send leaves stdin alone */
	bool	filter;		/* relay - -: FROM is stdin, TO is stdout */
	bool	taps;		/* -x or -o */
	enum ipc_path path;
	char	why[160];	/* why not a faster path; "" for splice */
};

/*
 * Compile operands and settings.  `operands` are endpoint texts: send and
 * listen take one or more, relay exactly FROM TO unless --from/--to are used.
 * Returns 0, or IPC_E_USAGE/IPC_E_NET with *err filled; *plan accepts
 * ipc_plan_free() either way.
 */
int ipc_plan_compile(struct ipc_plan *plan, enum ipc_verb verb,
    const struct ipc_settings *set, const struct ipc_strings *operands,
    struct ipc_error *err);
void ipc_plan_free(struct ipc_plan *plan);

/* What would run, for --explain: endpoints, roles, path and reason, buffers,
 * memory formula. */
void ipc_plan_explain(const struct ipc_plan *plan, struct ipc_text *out);

#endif
