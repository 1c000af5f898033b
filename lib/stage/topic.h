/* topic: what core reads of it.  See topic.c. */
#ifndef IPC_STAGE_TOPIC_H
#define IPC_STAGE_TOPIC_H

#include "stage/stage.h"

struct ipc_topic_cfg {
	const char *topic;	/* borrowed; NULL: tx changes nothing */
	const struct ipc_strings *subscribe; /* borrowed patterns; NULL: none */
};

extern const struct ipc_stage_ops ipc_stage_topic;

#endif
