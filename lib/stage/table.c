/* The table of stages, from list.h.  Lookup only; no state. */
#include "stage/stage.h"

#include <string.h>

#define X(name) extern const struct ipc_stage_ops ipc_stage_##name;
#include "stage/list.h"
#undef X

const struct ipc_stage_ops *const ipc_stages[] = {
#define X(name) &ipc_stage_##name,
#include "stage/list.h"
#undef X
	NULL,
};

const struct ipc_stage_ops *
ipc_stage_find(const char *name)
{
	for (size_t i = 0; ipc_stages[i] != NULL; i++)
		if (strcmp(ipc_stages[i]->name, name) == 0)
			return ipc_stages[i];
	return NULL;
}
