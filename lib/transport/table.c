/* The table of transports, from list.h.  Lookup only; no state. */
#include "transport/transport.h"

#include <string.h>

#define X(name) extern const struct ipc_transport ipc_transport_##name;
#include "transport/list.h"
#undef X

const struct ipc_transport *const ipc_transports[] = {
#define X(name) &ipc_transport_##name,
#include "transport/list.h"
#undef X
	NULL,
};

const struct ipc_transport *
ipc_transport_find(const char *scheme)
{
	for (size_t i = 0; ipc_transports[i] != NULL; i++)
		if (strcmp(ipc_transports[i]->scheme, scheme) == 0)
			return ipc_transports[i];
	return NULL;
}

int
ipc_transport_shape(const char *scheme)
{
	const struct ipc_transport *tr = ipc_transport_find(scheme);

	return tr == NULL ? -1 : tr->shape;
}
