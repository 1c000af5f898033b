/*
 * Log lines for people or machines, on stderr, never on stdout.
 *
 * The one piece of process-wide state, set up once by cmd/main.c before any
 * thread starts.  Format: "ipcat[relay] warn: tcp://host:1: message", or with
 * JSON one object a line: {"t":"RFC 3339 UTC","mono":ns,"level":"warn",
 * "verb":"relay","where":"...","msg":"..."}, for an error also "exit" (the exit
 * code) and "fix"; what there is none of is left out.  Every line is one
 * write(2).  All text is escaped (H50), in JSON too.  A line that a full
 * non-blocking stderr refuses is dropped.  errno is kept.
 */
#ifndef IPC_BASE_LOG_H
#define IPC_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum ipc_level {
	IPC_LOG_NONE,		/* -q: not even errors */
	IPC_LOG_ERROR,
	IPC_LOG_WARN,		/* default */
	IPC_LOG_INFO,		/* -v: connects, closes */
	IPC_LOG_DEBUG,		/* -vv: plan, path changes, retries */
};

struct ipc_error;

/* verb is borrowed for the life of the process. */
void ipc_log_setup(const char *verb, enum ipc_level level, bool json);
enum ipc_level ipc_log_level(void);
bool ipc_log_is_json(void);

/* `where` may be NULL.  Thread-safe. */
void ipc_log(enum ipc_level level, const char *where, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* An ipc_error as one log line: "what (where)". */
void ipc_log_error(enum ipc_level level, const struct ipc_error *err);

/* At most one line a second per call site: keep a static-free struct per
 * object; returns true when a line may be written, with the number of
 * suppressed ones since in *suppressed. */
struct ipc_log_limit {
	uint64_t next_ns;
	uint64_t suppressed;
};
bool ipc_log_allow(struct ipc_log_limit *l, uint64_t now_ns,
    uint64_t *suppressed);

#endif
