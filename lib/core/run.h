/*
 * One run of a plan: workers, servers, signals, deadlines, reports.
 *
 * Phases: RUNNING, DRAINING (first signal: listeners closed, our own input
 * ended, what is in flight is delivered), ENDING (second signal, deadline,
 * or a fatal error: everything is closed now).
 */
#ifndef IPC_CORE_RUN_H
#define IPC_CORE_RUN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "core/end.h"
#include "core/plan.h"
#include "core/tap.h"
#include "core/worker.h"

struct ipc_exchange;
struct ipc_hosts;
struct ipc_resolver;
struct ipc_server;
struct ipc_wake;

/* Text for people while it runs (progress, statistics); called on the first
 * worker's thread.  The library itself prints nothing but log lines. */
typedef void ipc_report_fn(const char *text);

#define IPC_RUN_SIGNALS 4

enum ipc_phase { IPC_RUNNING, IPC_DRAINING, IPC_ENDING };

struct ipc_run {
	const struct ipc_plan *plan;	/* borrowed */
	struct ipc_worker *workers;	/* owned array, plan->workers long */
	pthread_t *threads;		/* owned; [0] is unused */
	uint32_t started;		/* threads running */
	struct ipc_server *servers;	/* owned array */
	uint32_t nservers;
	struct ipc_resolver *resolver;	/* owned; NULL until needed */
	struct ipc_taps taps;
	struct ipc_exchange *ex;	/* owned; NULL: pipelines of two ends */
	struct ipc_end shared;		/* the one stdout of many clients */
	struct event *signals[IPC_RUN_SIGNALS]; /* owned; worker 0 */
	struct event *tick;		/* owned; progress */
	struct event *deadline;		/* owned */
	struct ipc_wake *wakes;		/* owned; one a worker */
	struct ipc_tee {
		const void *cfg;	/* of the stage; borrowed */
		int	fd;		/* owned */
	} tee[2 * IPC_PIPE_MAX];
	uint32_t ntees;
	_Atomic int phase;		/* enum ipc_phase */
	_Atomic uint32_t active;	/* pipelines of all workers */
	_Atomic uint32_t slots;		/* of --max-conn, in use */
	_Atomic uint32_t waiting;	/* listeners paused by the limit */
	_Atomic uint64_t begun;		/* pipelines ever */
	_Atomic uint64_t taken;		/* connections accepted (-n) */
	_Atomic uint64_t msgs;		/* messages taken (-n) */
	ipc_report_fn *report;
	_Atomic uint32_t next_worker;	/* round robin of handed accepts */
	struct ipc_hosts *hosts;	/* owned; per-address cap */
	char	(*created)[160];	/* owned; what an opened FROM is called,
					 * for each; "" when it has a name */
	_Atomic int signo;		/* first signal, 0 none */
	uint64_t start_ns, last_tick_ns, last_tick_bytes;
	uint64_t size;			/* of a regular source, 0 unknown */
	pthread_mutex_t lock;		/* result, taps, hosts */
	struct ipc_error result;	/* first failure that counts */
	bool	has_result;
};

/* Execute the plan until it ends.  0, or a negative code with *err. */
int ipc_run_plan(const struct ipc_plan *plan, ipc_report_fn *report,
    struct ipc_error *err);

/* Keep err as the result if it is the first.  Any thread; NULL: nothing. */
void ipc_run_note(struct ipc_run *run, const struct ipc_error *err);

/* Begin a pipeline with a FROM that is opened, not accepted: by its index in
 * the plan.  On worker 0. */
void ipc_run_open_from(struct ipc_run *run, uint32_t i);

/* A pipeline ended; its memory is still valid.  Called on its worker. */
void ipc_run_pipeline_done(struct ipc_pipeline *pl);

/*
 * pl is about to close a FROM that was opened, not accepted: with -k open it
 * again first, so that a fifo or pty is never without a reader.
 */
void ipc_run_reopen(struct ipc_pipeline *pl);

/*
 * --max-conn, over all workers.  admit takes a slot, false when there is none
 * (or the run is ending); the pipeline that is accepted owns it, otherwise
 * release gives it back and wakes listeners that wait for one; closed: a
 * connection has ended, so there are descriptors too.
 */
bool ipc_run_admit(struct ipc_worker *w);
bool ipc_run_has_room(const struct ipc_run *run);
void ipc_run_release(struct ipc_worker *w, bool closed);
/* Called on any worker: stop everything because of err. */
void ipc_run_end(struct ipc_run *run, const struct ipc_error *err);

/* pl has moved the last message that -n allows. */
void ipc_run_enough(struct ipc_pipeline *pl);

/* Hand an accepted connection to the next worker (takes it). */
void ipc_run_hand_over(struct ipc_run *run, const struct ipc_conn *c);

/* Begin a pipeline with an accepted connection (takes it). */
void ipc_run_accepted(struct ipc_worker *w, const struct ipc_conn *c);

/* Tell every worker to look at the phase. */
void ipc_run_wake(struct ipc_run *run);

struct ipc_resolver *ipc_run_resolver(struct ipc_run *run,
    struct ipc_error *err);

/* Sums over all workers (report.c). */
struct ipc_totals {
	uint64_t bytes[2], splice_bytes, accepted, refused, opened, closed,
	    failed, dropped_bytes, redials, msgs[2], skipped, passed,
	    kernel_lost;
};
void ipc_run_totals(struct ipc_run *run, struct ipc_totals *t);
/* When all is over: messages that the kernel dropped are worse than a signal
 * or a deadline. */
void ipc_run_kernel_lost(struct ipc_run *run);

#endif
