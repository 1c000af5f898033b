/*
 * Steps of a flow that need descriptors, so core does them: `tee` writes what
 * passes to a file, `exec` sends each message through a co-process and takes
 * one message back.  The stages of these names hold their configuration.
 *
 *	in -> [ child's stdin ... stdout ] -> out	in order, one for one
 *
 * An exec step keeps at most IPC_FILTER_DEPTH messages in its child, and lets
 * go of the child when the source has ended: its exit status counts.
 */
#ifndef IPC_CORE_FILTER_H
#define IPC_CORE_FILTER_H

#include <stdbool.h>
#include <stdint.h>

struct ipc_dir;
struct ipc_error;
struct ipc_io;
struct ipc_pipeline;
struct ipc_plan;
struct ipc_run;
struct ipc_step;

#define IPC_FILTER_DEPTH 64

/* Create or truncate the files of all tee stages, before anything runs. */
int ipc_tees_open(struct ipc_run *run, struct ipc_error *err);
void ipc_tees_close(struct ipc_run *run);

/* Move what can be moved from io->in to io->out; over: no more will come to
 * io->in.  0, or an error: IPC_E_DATA is about the first message of io->in. */
int ipc_filter_step(struct ipc_pipeline *pl, struct ipc_dir *d,
    struct ipc_step *s, struct ipc_io *io, bool over, struct ipc_error *err);

/* Does the step hold messages, or a child that has not ended?  Then d is
 * woken when that changes. */
bool ipc_filter_busy(const struct ipc_step *s);

/* Does it hold messages? */
bool ipc_filter_holds(const struct ipc_step *s);

/* The direction is over: whatever is left is ended. */
void ipc_filter_free(struct ipc_step *s);

#endif
