/*
 * Ports as pipelines see them.  exchange.h is for behaviours; this is the
 * other side: pipeline.c joins, attaches and detaches, traffic.c and run.c
 * open the local port.
 */
#ifndef IPC_CORE_PORT_H
#define IPC_CORE_PORT_H

struct ipc_exchange;
struct ipc_pipeline;
struct ipc_port;

/* pl belongs to an exchange: give it a port if it has none, and the side of
 * the plan that it looks like.  -1: no memory. */
int ipc_port_join(struct ipc_pipeline *pl);
/* The connection is open and has its stages. */
void ipc_port_attach(struct ipc_port *p);
/* The pipeline is closed; frees the port. */
void ipc_port_detach(struct ipc_pipeline *pl);

/* stdin and stdout become a port (listen: TO). */
void ipc_exchange_local(struct ipc_exchange *ex);

#endif
