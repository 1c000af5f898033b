/*
 * Phases of a run: set-up and tear-down of what changes them.  The phases
 * and the functions that anybody calls are in run.h.
 */
#ifndef IPC_CORE_PHASE_H
#define IPC_CORE_PHASE_H

struct ipc_error;
struct ipc_run;

/* Wake-ups for every worker; signals, deadline and progress on worker 0.  On
 * failure ipc_phase_free() is still called. */
int ipc_phase_init(struct ipc_run *run, struct ipc_error *err);
void ipc_phase_free(struct ipc_run *run);

#endif
