/*
 * Settling: both directions of a pipeline are over; what must still happen
 * before it may be called delivered and closed.
 *
 *	- a child is given its time to exit, and is ended when its connection
 *	  broke: SIGTERM to the group, SIGKILL after IPC_GRACE_NS
 *	- in a once-plan the peer's kernel must have taken every byte we wrote
 *	  (SIOCOUTQ), because close(2) would go on in the background and tell
 *	  nobody of a failure
 *	- input that nobody wants any more (a child that has answered and
 *	  gone) is read and dropped meanwhile: close(2) with unread input
 *	  makes the kernel reset the connection and forget our last bytes
 *	- a cut is passed on as a cut (RST), after what came before it is out
 */
#ifndef IPC_CORE_SETTLE_H
#define IPC_CORE_SETTLE_H

#include <stdbool.h>
#include <stdint.h>

struct ipc_end;
struct ipc_pipeline;

/* True when nothing is left to wait for.  May note an error. */
bool ipc_settle(struct ipc_pipeline *pl);
/* When to look again (absolute, monotonic). */
uint64_t ipc_settle_at(const struct ipc_pipeline *pl);
/* Close one end, with a reset when the pipeline was cut. */
void ipc_settle_close(struct ipc_pipeline *pl, struct ipc_end *e);

#endif
