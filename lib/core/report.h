/*
 * What a run tells: readiness to whoever started it, progress and statistics
 * to people, through the run's report function.
 */
#ifndef IPC_CORE_REPORT_H
#define IPC_CORE_REPORT_H

#include <stdbool.h>

struct ipc_error;
struct ipc_run;

/*
 * Everything is bound: write one line per bound endpoint, in the form a
 * client would dial, to --ready-fd and close it; READY=1 to NOTIFY_SOCKET.
 * A reader that has gone is not an error.
 */
void ipc_report_ready(struct ipc_run *run);

/* Statistics (--stats, SIGUSR1): a few lines. */
void ipc_report_stats(struct ipc_run *run);

/* One progress line (-P); last: the final one. */
void ipc_report_progress(struct ipc_run *run, bool last);

#endif
