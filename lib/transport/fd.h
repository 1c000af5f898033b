/*
 * What the plan asks about inherited descriptors beyond transport.h.
 */
#ifndef IPC_TRANSPORT_FD_H
#define IPC_TRANSPORT_FD_H

#include <stdbool.h>

struct ipc_endpoint;

/*
 * Is this `fd:` endpoint a listening socket?  Then the binding side uses
 * listen and accept on it; anything else is dialed, once.  False for other
 * schemes and for descriptors that are not open.
 */
bool ipc_fd_is_listener(const struct ipc_endpoint *ep);

#endif
