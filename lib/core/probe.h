/*
 * -z: is it there, and how fast does it answer?  Connects, measures, closes.
 */
#ifndef IPC_CORE_PROBE_H
#define IPC_CORE_PROBE_H

struct ipc_error;
struct ipc_plan;
struct ipc_text;

/*
 * Dial every endpoint of plan->to in turn, each with the plan's -w and -r,
 * all within -t.  One line each: "URL open 0.213 ms".  0 when all are open;
 * otherwise the first failure in *err, with the lines so far in *out.
 */
int ipc_probe(const struct ipc_plan *plan, struct ipc_text *out,
    struct ipc_error *err);

#endif
