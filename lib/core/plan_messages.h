/* The part of a plan that is about messages.  Private to plan.c. */
#ifndef IPC_CORE_PLAN_MESSAGES_H
#define IPC_CORE_PLAN_MESSAGES_H

struct ipc_error;
struct ipc_plan;

/*
 * Do boundaries matter?  Then framings and stages of both sides, what -n
 * counts, and the behaviour that joins the connections.  Points are there
 * already.  0 or IPC_E_USAGE.
 */
int ipc_plan_messages(struct ipc_plan *plan, struct ipc_error *err);

/* Do the message options go together?  plan->messages is set.  0 or
 * IPC_E_USAGE. */
int ipc_plan_check(const struct ipc_plan *plan, struct ipc_error *err);

#endif
